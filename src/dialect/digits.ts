/** Small readings of text that a message's fields share. */

/** Only decimal digits, at least one. */
export function isDigits(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 48 || code > 57) return false;
  }
  return text.length > 0;
}

/** A number's digits without leading zeros; one zero stays. */
export function withoutZeros(text: string): string {
  let at = 0;
  while (at < text.length - 1 && text.charCodeAt(at) === 48) at++;
  return at === 0 ? text : text.slice(at);
}

/** An institution's code without leading zeros; empty where there is none but zeros. */
export function institution(text: string | undefined): string {
  if (text === undefined) return '';
  const stripped = withoutZeros(text);
  return stripped === '0' ? '' : stripped;
}

/** Without padding on the right; empty where absent. */
export function trimmed(text: string | undefined): string {
  return text === undefined ? '' : text.trimEnd();
}

/** Only hexadecimal digits of either case, an even number of them, at least two. */
export function isHex(text: string): boolean {
  return text.length % 2 === 0 && /^[0-9A-Fa-f]+$/.test(text);
}
