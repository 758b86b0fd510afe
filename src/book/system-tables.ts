/**
 * System tables: stations, programs, BIN ranges and issuers, as the book holds them; the switch runs on the copy in memory, and
 * starts from a file on its own disk while the book cannot be reached.
 */
import type { Book } from './book.ts';

export const systemTableKinds = ['station', 'program', 'binRange', 'issuer'] as const;

export type SystemTableKind = (typeof systemTableKinds)[number];

/** One row. What the document has to look like is its reader's business; it never holds a secret (names of keys only). */
export interface SystemTableRow {
  readonly kind: SystemTableKind;
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  /** `configuration`: written by `seed` at start. `operator`: changed since, and left alone by `seed`. */
  readonly source: 'configuration' | 'operator';
}

export interface SystemTableSnapshot {
  /** Rises with every change in the book. */
  readonly revision: number;
  readonly rows: readonly SystemTableRow[];
  /** Where it was read. */
  readonly from: 'book' | 'cache';
  /** When the book gave it, Unix ms. */
  readonly readAtMs: number;
}

export interface SystemTableChange {
  readonly kind: SystemTableKind;
  readonly name: string;
  /** undefined: it was not there before, or is not any more. */
  readonly before: SystemTableRow | undefined;
  readonly after: SystemTableRow | undefined;
}

export interface SystemTableEvents {
  /** The book could not be read at a refresh; what is loaded stays in force. */
  refreshFailed(error: Error): void;
  cacheWritten(revision: number): void;
  /** The copy on disk could not be written: a start without the book would use an older one or none. */
  cacheFailed(error: Error): void;
}

export interface SystemTablesOptions {
  readonly book: Book;
  /** The copy on this machine's disk. */
  readonly cacheFile: string;
  readonly now: () => number;
  readonly events: SystemTableEvents;
}
