/** Hexadecimal digits as the messages carry them, checked before they become bytes: the library's decoder drops what it cannot read. */

/** Digits of either case and nothing else; the empty text too. */
export function isHex(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (!((code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}

/** Upper case. */
export function toHex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
