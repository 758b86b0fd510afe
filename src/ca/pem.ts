/** PEM (RFC 7468): one block in, one block out. Refuses a second block, other text, and lines that are not base64. */

/** @returns DER; undefined where the text is not one block with this label, with nothing but white space around it */
export function readPem(text: string, labels: readonly string[]): Buffer | undefined {
  const block = /^\s*-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n \t]*)-----END ([A-Z0-9 ]{1,64})-----\s*$/.exec(text);
  if (block === null) return undefined;
  const [, label = '', body = '', end] = block;
  if (!labels.includes(label) || label !== end) return undefined;
  const base64 = body.replaceAll(/\s/g, '');
  if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  return Buffer.from(base64, 'base64');
}

export function writePem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
