/** A dialect or reason map that cannot be used: the file, the JSON path in it, and what is wrong there. */
export class DialectError extends Error {
  override readonly name = 'DialectError';
  readonly file: string;
  readonly path: string;
  readonly why: string;

  constructor(file: string, path: string, why: string) {
    super(`${file}: ${path}: ${why}`);
    this.file = file;
    this.path = path;
    this.why = why;
  }
}
