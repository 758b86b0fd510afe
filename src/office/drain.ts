import type { JournalPosition, JournalBroken } from '../book/record.ts';
import type { Book } from '../book/book.ts';
import type { Store } from '../store/store.ts';
import type { Lag } from './drain-lag.ts';

/** What the drain tells; all methods are called synchronously and must not throw. */
export interface DrainEvents {
  /** A batch is in the book. */
  drained(partition: number, entries: number, elapsedMs: number): void;
  /** The book or the store could not be reached; the next attempt follows in `retryInMs`. */
  unavailable(partition: number, of: 'book' | 'store', error: Error, retryInMs: number): void;
  recovered(partition: number): void;
  /** The partition stands still until a person has looked: its journal does not continue what the book has. */
  stopped(partition: number, error: JournalBroken): void;
  lag(lag: Lag): void;
}

export interface DrainOptions {
  readonly store: Store;
  readonly book: Book;
  /** Unix ms. */
  readonly now: () => number;
  /** Between 0 and 1, for the jitter of back-off. */
  readonly random: () => number;
  readonly events: DrainEvents;
  /** Entries of one PostgreSQL transaction at most; 1000 where not given. */
  readonly batchMax?: number;
  /** How long an empty journal rests before it is looked at again; 20 where not given. */
  readonly idleMs?: number;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly position: JournalPosition;
  readonly state: 'draining' | 'waiting' | 'stopped';
}
