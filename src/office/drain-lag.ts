/**
 * How far the book is behind the journal, and the figure by which whoever decides refuses when that is too far: the journal
 * waits in the store, so its length is bounded by refusing, never by memory.
 */
import type { Store } from '../store/store.ts';

export interface Lag {
  /** Entries that are in the store's journal and not in the book, over all partitions. */
  readonly entries: number;
  /** Age of the oldest of them; 0 where there is none. */
  readonly seconds: number;
}

/** Bytes of the buffer that a LagFigure is shared in. */
export const lagFigureBytes = 24;

/** One lag in memory that threads share: the drain writes it, the deciding thread reads it without a message or a lock. */
export class LagFigure {
  readonly #cells: Float64Array;

  constructor(shared: SharedArrayBuffer) {
    this.#cells = new Float64Array(shared);
  }

  write(lag: Lag, atMs: number): void {
    this.#cells[0] = lag.entries;
    this.#cells[1] = lag.seconds;
    this.#cells[2] = atMs;
  }

  read(): Lag {
    return { entries: this.#cells[0] ?? 0, seconds: this.#cells[1] ?? 0 };
  }

  /** When it was written last, Unix ms; 0: never. A drain that hangs shows here. */
  get writtenAtMs(): number {
    return this.#cells[2] ?? 0;
  }
}

/** Counts what waits in the store's journal. For a process that decides and has no drain beside it. */
export async function journalEntriesWaiting(store: Store): Promise<number> {
  const epochs = await store.epochs();
  const lengths = await Promise.all(epochs.map((epoch, partition) => store.journalLength({ partition, epoch })));
  return lengths.reduce((sum, length) => sum + length, 0);
}
