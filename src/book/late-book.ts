/**
 * A book that is not open yet, for those who serve before it is: every call is refused as unavailable until it is opened, and goes to the book
 * from then on. It owns nothing: who opened the book closes it.
 */
import { BookUnavailable } from './book.ts';
import type { Book, Params, Queries } from './book.ts';

export class LateBook implements Book {
  readonly kind: Book['kind'];
  #book: Book | undefined;

  /** @param kind what it will be */
  constructor(kind: Book['kind']) {
    this.kind = kind;
  }

  /** @param book undefined: it is away again */
  open(book: Book | undefined): void {
    this.#book = book;
  }

  async query<Row extends object = Readonly<Record<string, unknown>>>(text: string, params?: Params): Promise<readonly Row[]> {
    return await this.#opened.query<Row>(text, params);
  }

  async script(text: string): Promise<void> {
    await this.#opened.script(text);
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    await this.#opened.copyIn(table, columns, rows);
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return await this.#opened.transaction(work);
  }

  async close(): Promise<void> {
    this.#book = undefined;
    await Promise.resolve();
  }

  get #opened(): Book {
    if (this.#book === undefined) throw new BookUnavailable('the book was not reached yet');
    return this.#book;
  }
}
