/**
 * One partition's way from the store into the book: read the tail, record it, trim. Each step may be cut off anywhere and taken
 * again by anyone: the position in the book alone says what is there.
 */
import { entryAt } from '../book/journal-place.ts';
import { positionOf, recordEntries, JournalBroken, type JournalPosition } from '../book/record.ts';
import type { Book } from '../book/book.ts';
import type { JournalEntry, PartitionEpoch, Store } from '../store/store.ts';

export type Step =
  /** `full`: there may be more. */
  | { readonly kind: 'drained'; readonly entries: number; readonly full: boolean }
  | { readonly kind: 'empty' }
  /** Another process has the partition. */
  | { readonly kind: 'busy' };

export class PartitionDrain {
  readonly partition: number;
  readonly #store: Store;
  readonly #book: Book;
  readonly #now: () => number;
  readonly #batchMax: number;
  #most: number;
  #position: JournalPosition | undefined;
  /** Is the store to be told again what the book has? After a start or a failure between recording and trimming. */
  #trimDue = true;
  /** Is the store's journal known to be the one that the book has the beginning of? Nothing is trimmed before. */
  #isOurs = false;

  constructor(partition: number, store: Store, book: Book, now: () => number, batchMax: number) {
    this.partition = partition;
    this.#store = store;
    this.#book = book;
    this.#now = now;
    this.#batchMax = batchMax;
    this.#most = batchMax;
  }

  get position(): JournalPosition {
    return this.#position ?? { epoch: 0, sequence: 0 };
  }

  /** Forgets what it believed; the next step asks the book. */
  forget(): void {
    this.#position = undefined;
    this.#trimDue = true;
    this.#isOurs = false;
  }

  /** @throws JournalBroken, BookUnavailable, and what the store throws */
  async step(epoch: number): Promise<Step> {
    this.#position ??= await positionOf(this.#book, this.partition);
    const after = this.#position;
    if (after.epoch > epoch) {
      const message = `the book has partition ${this.partition} in epoch ${after.epoch}, and the store is at ${epoch}: the store went back`;
      throw new JournalBroken('double', this.partition, String(after.sequence), message);
    }
    if (!this.#isOurs) this.#isOurs = await this.#compare(after);
    if (!this.#isOurs && after.epoch === epoch) return { kind: 'empty' };
    if (this.#trimDue && this.#isOurs) await this.#trim(after);
    const { at, entries } = await this.#next(after, epoch);
    if (entries.length === 0) return { kind: 'empty' };
    return await this.#record(at, after, entries, at.epoch < epoch);
  }

  /**
   * Looks at the first entry in the store: where the book should have it, it has to be the same. Another store's journal would
   * be taken for one that is here, and trimmed.
   *
   * @returns false where there is no entry yet that tells
   */
  async #compare({ epoch, sequence }: JournalPosition): Promise<boolean> {
    if (sequence === 0) return true;
    const at = { partition: this.partition, epoch };
    const [first] = await this.#store.tail(at, undefined, 1);
    if (first === undefined) return false;
    if (Number(first.sequence) > sequence) return true;
    if (await entryAt(this.#book, at, Number(first.sequence)) === first.value) return true;
    const message = `entry ${first.sequence} of partition ${this.partition} is another one in the book: it is the book of another store`;
    throw new JournalBroken('double', this.partition, first.sequence, message);
  }

  /** What continues the position: of its own epoch, and where that is closed and read to its end, of the ones after it. */
  async #next(after: JournalPosition, epoch: number): Promise<{ at: PartitionEpoch; entries: readonly JournalEntry[] }> {
    let at: PartitionEpoch = { partition: this.partition, epoch: Math.max(after.epoch, 1) };
    let entries = await this.#store.tail(at, after.sequence === 0 ? undefined : String(after.sequence), this.#most);
    while (entries.length === 0 && at.epoch < epoch) {
      at = { partition: this.partition, epoch: at.epoch + 1 };
      entries = await this.#store.tail(at, undefined, this.#most);
    }
    return { at, entries };
  }

  async #record(at: PartitionEpoch, after: JournalPosition, entries: readonly JournalEntry[], isClosed: boolean): Promise<Step> {
    const full = isClosed || entries.length === this.#most;
    try {
      const result = await recordEntries(this.#book, at, after, entries, this.#now());
      if (result.kind === 'busy') return { kind: 'busy' };
      this.#position = result.position;
      this.#trimDue = true;
      await this.#trim(result.position);
      if (result.kind === 'moved') return { kind: 'drained', entries: 0, full: true };
      this.#most = Math.min(this.#batchMax, this.#most * 2);
      return { kind: 'drained', entries: entries.length, full };
    } catch (error) {
      // What stands before the entry that does not fit is recorded first, and the entry is named exactly.
      if (!(error instanceof JournalBroken) || entries.length === 1) throw error;
      this.#most = Math.ceil(entries.length / 2);
      return { kind: 'drained', entries: 0, full: true };
    }
  }

  async #trim(position: JournalPosition): Promise<void> {
    if (position.sequence > 0) {
      await this.#store.trim({ partition: this.partition, epoch: position.epoch }, String(position.sequence));
    }
    this.#trimDue = false;
  }
}
