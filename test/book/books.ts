import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Book } from '../../src/book/book.ts';
import { openBook, type BookOptions } from '../../src/book/connection.ts';
import { migrate } from '../../src/book/migrate.ts';
import { encodeEntry, type JournalEntry } from '../../src/account/journal.ts';
import type { Store } from '../../src/store/store.ts';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';

/** Both kinds of book, for a suite that runs on each. */
export interface BookFixture {
  /** Where a new, empty book is. */
  place(): Promise<BookOptions>;
  /** A new book with its schema. */
  open(): Promise<Book>;
  remove(): Promise<void>;
}

export const bookFixtures: Readonly<Record<'embedded' | 'server', () => Promise<BookFixture>>> = {
  embedded: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locum-book-test-'));
    let count = 0;
    const place = async (): Promise<BookOptions> => await Promise.resolve({ dataDir: join(folder, `book-${(count += 1)}`) });
    // A first opening takes seconds; a copy of one that has been made takes less than one.
    const template = join(folder, 'template');
    const first = await openBook({ dataDir: template });
    await migrate(first);
    await first.close();
    const copied = async (): Promise<BookOptions> => {
      const dataDir = join(folder, `book-${(count += 1)}`);
      cpSync(template, dataDir, { recursive: true });
      return await Promise.resolve({ dataDir });
    };
    return fixture(place, copied, async () => {
      rmSync(folder, { recursive: true, force: true });
      await Promise.resolve();
    });
  },
  server: async () => {
    const server: PostgresServer = await startPostgres();
    let count = 0;
    const place = async (): Promise<BookOptions> => ({ databaseUrl: await server.database(`book_${(count += 1)}`), connectTimeoutMs: 30_000 });
    return fixture(place, place, () => server.remove());
  },
};

function fixture(place: () => Promise<BookOptions>, prepared: () => Promise<BookOptions>, remove: () => Promise<void>): BookFixture {
  const opened: Book[] = [];
  return {
    place,
    open: async () => {
      const book = await openBook(await prepared());
      opened.push(book);
      await migrate(book);
      return book;
    },
    remove: async () => {
      await Promise.all(opened.map((book) => book.close()));
      await remove();
    },
  };
}

/** Appends entries to a partition's journal, as commits would. */
export async function journal(store: Store, partition: number, entries: readonly (JournalEntry | string)[], epoch = 1): Promise<void> {
  const items = entries.map((entry) => ({
    puts: [], deletes: [], once: [], guards: [],
    entries: [typeof entry === 'string' ? entry : encodeEntry(entry)],
  }));
  for (let at = 0; at < items.length; at += 100) await store.commit({ partition, epoch }, items.slice(at, at + 100));
}

/** Several accounts' entries mixed as they would come, in order per account. */
export function mixed(lives: readonly (readonly JournalEntry[])[]): readonly JournalEntry[] {
  const most = Math.max(...lives.map((life) => life.length));
  return Array.from({ length: most }, (_, index) => lives.flatMap((life) => life.slice(index, index + 1))).flat();
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
