import { BookUnavailable, type Book } from './book.ts';

export type BookOptions =
  | {
      /** `postgresql://…` */
      readonly databaseUrl: string;
      /** Connections held at most; 4 where not given. */
      readonly connectionsMax?: number;
      readonly connectTimeoutMs?: number;
      /** The server ends a statement that runs longer. */
      readonly statementTimeoutMs?: number;
    }
  | {
      /** The folder of the embedded book; made when it is not there. */
      readonly dataDir: string;
    };

/**
 * Opens the book; the schema is `migrate`'s business. A server is not reached before the first statement.
 *
 * @throws BookRefused where an embedded book is held by another process: `openNeighbour` is for that
 */
export async function openBook(options: BookOptions): Promise<Book> {
  throw new BookUnavailable(`${'dataDir' in options ? options.dataDir : 'the server'} cannot be opened yet`);
}

/**
 * For a command beside a running switch (`locum trace`, `locum doctor`): the book of the process that holds the data folder,
 * read through its socket; where nobody holds it, it is opened here.
 */
export async function openNeighbour(options: BookOptions): Promise<Book> {
  return await openBook(options);
}
