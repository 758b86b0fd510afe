import { BookRefused, type Book } from './book.ts';

export interface MigrationReport {
  /** Names of those applied now, in order; empty where the schema was at this version. */
  readonly applied: readonly string[];
  /** The schema's version afterwards. */
  readonly version: number;
}

/**
 * Brings the schema forward to this program's version. Several processes may do it at once.
 *
 * @throws BookRefused where the schema is newer than this program, or a migration that was applied has changed since
 */
export async function migrate(book: Book): Promise<MigrationReport> {
  throw new BookRefused('schemaMissing', `no migration is known yet for a ${book.kind} book`);
}
