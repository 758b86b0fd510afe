/**
 * Opens the book, wherever it is: on a PostgreSQL server, in a folder that this process holds, or in one that another process
 * holds, through its socket. Refuses a folder that is held already, and an address that is none.
 */
import { existsSync } from 'node:fs';
import { BookRefused, BookUnavailable, type Book } from './book.ts';
import { EmbeddedBook } from './embedded-book.ts';
import { ServerBook } from './server-book.ts';
import { socketFolder } from './socket.ts';

export type BookOptions =
  | {
      /** `postgresql://…` */
      readonly databaseUrl: string;
      /** Connections held at most; 4 where not given. */
      readonly connectionsMax?: number;
      /** 5,000 where not given. */
      readonly connectTimeoutMs?: number;
      /** The server ends a statement that runs longer; 60,000 where not given. */
      readonly statementTimeoutMs?: number;
    }
  | {
      /** The folder of the embedded book; made when it is not there. */
      readonly dataDir: string;
    };

/**
 * Opens the book; the schema is `migrate`'s business. A server is not reached before the first statement, so a switch starts
 * while it is down.
 *
 * @throws BookRefused where the address is none, or an embedded book is held by another process (see `openNeighbour`)
 */
export async function openBook(options: BookOptions): Promise<Book> {
  if ('dataDir' in options) return await EmbeddedBook.open(options.dataDir);
  if (!/^postgres(ql)?:\/\//.test(options.databaseUrl) || !URL.canParse(options.databaseUrl)) {
    throw new BookRefused('addressInvalid', "The book's address has to be a URL that begins with postgresql://");
  }
  return new ServerBook('server', {
    connection: { connectionString: options.databaseUrl },
    connectionsMax: options.connectionsMax ?? 4,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 60_000,
  });
}

/**
 * For a command beside a running switch (`locum trace`, `locum doctor`): the book of the process that holds the data folder,
 * read through its socket; where nobody holds it, it is opened here.
 *
 * @throws BookUnavailable where a process holds the folder and does not answer yet; BookRefused (`schemaMissing`) where there
 *   is no book in the folder
 */
export async function openNeighbour(options: BookOptions): Promise<Book> {
  if (!('dataDir' in options)) return await openBook(options);
  if (!existsSync(options.dataDir)) throw new BookRefused('schemaMissing', `There is no book in ${options.dataDir}.`);
  try {
    return await EmbeddedBook.open(options.dataDir);
  } catch (error) {
    if (!(error instanceof BookRefused) || error.code !== 'inUse') throw error;
  }
  const host = socketFolder(options.dataDir);
  if (host === undefined) throw new BookUnavailable(`the process that holds ${options.dataDir} does not answer yet`);
  const book = new ServerBook('neighbour', {
    connection: { host },
    connectionsMax: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 0,
  });
  await book.query('select 1');
  return book;
}
