/**
 * How far the book is behind the journal. The journal waits in the store, so its length is bounded by refusing, never by memory:
 * whoever decides counts it there by itself, so that a drain that hangs cannot hide.
 */
import { decidedAtOf } from '../book/record.ts';
import type { Store } from '../store/store.ts';

export interface Lag {
  /** Entries that are in the store's journal and not in the book, over all partitions. */
  readonly entries: number;
  /** Age of the oldest of them in whole seconds; 0 where there is none. */
  readonly seconds: number;
}

/**
 * Counts what waits in the store's journal, with the age of the oldest entry.
 *
 * @param firstEpoch the first epoch of a partition that the book does not have whole; by default the current one
 */
export async function measureLag(store: Store, now: () => number, firstEpoch: (partition: number, current: number) => number = (_partition, current) => current): Promise<Lag> {
  const epochs = await store.epochs();
  let entries = 0;
  let oldestMs = Infinity;
  for (let partition = 0; partition < store.partitions; partition += 1) {
    const current = epochs[partition] ?? 1;
    for (let epoch = firstEpoch(partition, current); epoch <= current; epoch += 1) {
      const waiting = await store.journalLength({ partition, epoch });
      entries += waiting;
      if (waiting === 0) continue;
      const [first] = await store.tail({ partition, epoch }, undefined, 1);
      oldestMs = Math.min(oldestMs, first === undefined ? Infinity : (decidedAtOf(first.value) ?? Infinity));
    }
  }
  return { entries, seconds: oldestMs === Infinity ? 0 : Math.max(0, Math.floor((now() - oldestMs) / 1000)) };
}
