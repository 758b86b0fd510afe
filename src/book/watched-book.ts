/**
 * A book that tells which tables were written through it, for whoever remembers rows of them. It owns nothing: who opened the book closes it.
 *
 * Invariants: it is told before the one who wrote goes on, after the commit of a transaction, and where it failed as well, as the book may have taken it;
 * a statement that names a table after `insert into`, `update` or `delete from` has written it, whatever it found. What writes otherwise (a trigger, a
 * cascade, another process) is not seen here.
 */
import type { Book, Params, Queries } from './book.ts';

const writes = /\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+(?:only\s+)?([a-z_]+)/gi;

export class WatchedBook implements Book {
  readonly kind: Book['kind'];
  readonly #book: Book;
  readonly #watchers = new Map<string, (() => void)[]>();

  constructor(book: Book) {
    this.kind = book.kind;
    this.#book = book;
  }

  /** @param written runs in the writer's turn: it has to be short, and throws nothing */
  watch(table: string, written: () => void): void {
    const watchers = this.#watchers.get(table);
    if (watchers === undefined) this.#watchers.set(table, [written]);
    else watchers.push(written);
  }

  async query<Row extends object = Readonly<Record<string, unknown>>>(text: string, params?: Params): Promise<readonly Row[]> {
    return await this.#telling([text], async () => await this.#book.query<Row>(text, params));
  }

  async script(text: string): Promise<void> {
    await this.#telling([text], async () => await this.#book.script(text));
  }

  async copyIn(table: string, columns: readonly string[], rows: string): Promise<void> {
    await this.#telling([`insert into ${table}`], async () => await this.#book.copyIn(table, columns, rows));
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    const texts: string[] = [];
    return await this.#telling(texts, async () => await this.#book.transaction(async (queries) => await work({
      query: async <Row extends object>(text: string, params?: Params) => {
        texts.push(text);
        return await queries.query<Row>(text, params);
      },
      script: async (text) => {
        texts.push(text);
        await queries.script(text);
      },
      copyIn: async (table, columns, rows) => {
        texts.push(`insert into ${table}`);
        await queries.copyIn(table, columns, rows);
      },
    })));
  }

  async close(): Promise<void> {
    await this.#book.close();
  }

  /** @param texts of the statements, as many as there are when the work has ended */
  async #telling<T>(texts: readonly string[], work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      const tables = new Set(texts.flatMap((text) => [...text.matchAll(writes)].map(([, table = '']) => table.toLowerCase())));
      for (const table of tables) for (const written of this.#watchers.get(table) ?? []) written();
    }
  }
}
