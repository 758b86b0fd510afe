import { setTimeout as delay } from 'node:timers/promises';
import type { Book } from '../../src/book/book.ts';
import type { JournalBroken } from '../../src/book/record.ts';
import { Drain } from '../../src/office/drain.ts';
import type { Store } from '../../src/store/store.ts';

export interface WatchedDrain {
  readonly drain: Drain;
  readonly batches: number[];
  readonly stops: JournalBroken[];
  readonly failures: Error[];
  readonly recovered: number[];
}

/** A drain whose events are kept. */
export function watchedDrain(store: Store, book: Book, batchMax = 1000): WatchedDrain {
  const watched = { batches: [] as number[], stops: [] as JournalBroken[], failures: [] as Error[], recovered: [] as number[] };
  const drain = new Drain({
    store,
    book,
    now: Date.now,
    random: Math.random,
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
    batchMax,
    idleMs: 5,
    lagEveryMs: 20,
    retryMsMax: 200,
    events: {
      drained: (_partition, entries) => watched.batches.push(entries),
      unavailable: (_partition, error) => watched.failures.push(error),
      recovered: (partition) => watched.recovered.push(partition),
      stopped: (_partition, error) => watched.stops.push(error),
      lag: () => {},
    },
  });
  return { drain, ...watched };
}

/** Drains until nothing is left, and stops. */
export async function drainAll(store: Store, book: Book, batchMax = 1000): Promise<WatchedDrain> {
  const watched = watchedDrain(store, book, batchMax);
  watched.drain.start();
  await watched.drain.emptied();
  await watched.drain.stop();
  return watched;
}
