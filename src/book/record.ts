import type { JournalEntry, PartitionEpoch } from '../store/store.ts';
import { BookUnavailable, type Book } from './book.ts';

/** How far the book has a partition's journal: everything up to and including `sequence` of `epoch`. */
export interface JournalPosition {
  readonly epoch: number;
  /** 0 where nothing of the epoch is in the book. */
  readonly sequence: number;
}

/**
 * Entries that do not continue what the book has: a gap, a double, a sum that is not zero, an entry that nobody can read.
 * Nothing of the batch was recorded. Only a person can tell what is right, so the partition stops until then.
 */
export class JournalBroken extends Error {
  override readonly name = 'JournalBroken';
  readonly code: 'gap' | 'double' | 'unreadable' | 'unbalanced' | 'conflict';
  readonly partition: number;
  readonly sequence: string;

  constructor(code: JournalBroken['code'], partition: number, sequence: string, message: string) {
    super(message);
    this.code = code;
    this.partition = partition;
    this.sequence = sequence;
  }
}

export type RecordResult =
  | { readonly kind: 'recorded'; readonly position: JournalPosition; readonly entries: number }
  /** Another process drains this partition at this moment. */
  | { readonly kind: 'busy' }
  /** The book is elsewhere than the caller believed; nothing was recorded. */
  | { readonly kind: 'moved'; readonly position: JournalPosition };

/** The position of a partition; epoch 0 where the book has nothing of it. */
export async function positionOf(book: Book, partition: number): Promise<JournalPosition> {
  throw new BookUnavailable(`the position of partition ${partition} cannot be read yet (${book.kind})`);
}

/**
 * Records entries of one partition's journal and the position after them in one transaction: exactly once, whoever calls.
 *
 * @param after the position that `entries` continue
 * @throws JournalBroken, BookUnavailable
 */
export async function recordEntries(
  book: Book,
  at: PartitionEpoch,
  after: JournalPosition,
  entries: readonly JournalEntry[],
  bookedAtMs: number,
): Promise<RecordResult> {
  throw new BookUnavailable(`${entries.length} entries of ${at.partition} after ${after.sequence} at ${bookedAtMs} for ${book.kind}`);
}
