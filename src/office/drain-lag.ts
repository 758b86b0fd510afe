/**
 * How far the book is behind the journal, and the figure by which whoever decides refuses when that is too far: the journal
 * waits in the store, so its length is bounded by refusing, never by memory.
 */
import type { Store } from '../store/store.ts';

export interface Lag {
  /** Entries that are in the store's journal and not in the book, over all partitions. */
  readonly entries: number;
  /** Age of the oldest of them in whole seconds; 0 where there is none. */
  readonly seconds: number;
}

export interface LagLimits {
  readonly entriesMax: number;
  /** A figure that is older than this says that nobody drains any more; it counts as exceeded. */
  readonly staleAfterMs: number;
}

/** Bytes of the buffer that a LagFigure is shared in. */
export const lagFigureBytes = 24;

/** One lag in memory that threads share: the drain writes it, the deciding thread reads it without a message or a lock. */
export class LagFigure {
  readonly #cells: BigInt64Array;

  /** @param shared `lagFigureBytes` long; all threads' figures on one buffer are one figure */
  constructor(shared: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(shared);
  }

  write(lag: Lag, atMs: number): void {
    Atomics.store(this.#cells, 0, BigInt(lag.entries));
    Atomics.store(this.#cells, 1, BigInt(Math.floor(lag.seconds)));
    Atomics.store(this.#cells, 2, BigInt(Math.floor(atMs)));
  }

  read(): Lag {
    return { entries: this.#cell(0), seconds: this.#cell(1) };
  }

  /** When it was written last, Unix ms; 0: never. */
  get writtenAtMs(): number {
    return this.#cell(2);
  }

  /** Must a decision be refused now? Before the first write it is not: nothing is known to wait. */
  exceeds(limits: LagLimits, nowMs: number): boolean {
    const writtenAtMs = this.writtenAtMs;
    if (writtenAtMs === 0) return false;
    return this.#cell(0) > limits.entriesMax || nowMs - writtenAtMs > limits.staleAfterMs;
  }

  #cell(index: number): number {
    return Number(Atomics.load(this.#cells, index));
  }
}

/** Counts what waits in the store's journal: for a process that decides and has no drain beside it. */
export async function journalEntriesWaiting(store: Store): Promise<number> {
  const epochs = await store.epochs();
  const lengths = await Promise.all(epochs.map((epoch, partition) => store.journalLength({ partition, epoch })));
  return lengths.reduce((sum, length) => sum + length, 0);
}
