/**
 * How far the book is behind the journal. The journal waits in the store, so its length is bounded by refusing, never by memory:
 * whoever decides counts it there by itself, so that a drain that hangs cannot hide.
 */
import type { Store } from '../store/store.ts';

export interface Lag {
  /** Entries that are in the store's journal and not in the book, over all partitions. */
  readonly entries: number;
  /** Age of the oldest of them in whole seconds; 0 where there is none. */
  readonly seconds: number;
}

/** Counts what waits in the store's journal, for whoever refuses on it. */
export async function journalEntriesWaiting(store: Store): Promise<number> {
  const epochs = await store.epochs();
  const lengths = await Promise.all(epochs.map((epoch, partition) => store.journalLength({ partition, epoch })));
  return lengths.reduce((sum, length) => sum + length, 0);
}
