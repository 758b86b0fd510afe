/**
 * Drains every partition's journal into the book, each by itself, for as long as it runs.
 *
 * Owns when: at once while there is more, after a short rest where there was nothing, with jittered back-off where the book or
 * the store cannot be reached. Refuses to go past an entry that does not continue what the book has: that partition stops
 * until a person has looked and it is started again; the others go on. Several processes may drain one store.
 */
import type { Book } from '../book/book.ts';
import { JournalBroken, type JournalPosition } from '../book/record.ts';
import type { Store } from '../store/store.ts';
import { measureLag } from './drain-lag.ts';
import type { Lag } from './drain-lag.ts';
import { PartitionDrain } from './drain-partition.ts';

/** What the drain tells; all methods are called synchronously and must not throw. */
export interface DrainEvents {
  /** A batch is in the book. */
  drained(partition: number, entries: number, elapsedMs: number): void;
  /** The book or the store could not be reached; the next attempt follows in `retryInMs`. */
  unavailable(partition: number, error: Error, retryInMs: number): void;
  recovered(partition: number): void;
  /** The partition stands still until a person has looked: its journal does not continue what the book has. */
  stopped(partition: number, error: JournalBroken): void;
  /** Several times a second: for the metric. */
  lag(lag: Lag): void;
}

/** Rejects, or resolves early, when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>;

export interface DrainOptions {
  readonly store: Store;
  readonly book: Book;
  /** Unix ms. */
  readonly now: () => number;
  /** Between 0 and 1, for the jitter of back-off. */
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly events: DrainEvents;
  /** Entries of one PostgreSQL transaction at most; 1000 where not given. */
  readonly batchMax?: number;
  /** How long an empty journal rests before it is looked at again, and at least one that was read to its end; 20 where not given. */
  readonly idleMs?: number;
  /** How often the lag is measured; 250 where not given. */
  readonly lagEveryMs?: number;
  /** The longest pause between attempts; 5,000 where not given. */
  readonly retryMsMax?: number;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly position: JournalPosition;
  readonly state: 'draining' | 'retrying' | 'stopped';
}

const retryMsMin = 50;
/** How many times as long as a batch took the next one waits to become larger: so few entries are written for less than a third of the thread's time. */
const restsPerStep = 2;
const restMsMax = 100;

interface PartitionRun {
  readonly drain: PartitionDrain;
  state: PartitionStatus['state'];
  failures: number;
  /** The last look reached its end. */
  empty: boolean;
}

export class Drain {
  readonly #options: DrainOptions;
  readonly #runs: readonly PartitionRun[];
  readonly #stopping = new AbortController();
  #running: Promise<unknown> | undefined;
  #epochs: readonly number[] = [];
  #lag: Lag = { entries: 0, seconds: 0 };
  #emptied: (() => void)[] = [];
  /** How often `emptied` was called: a look that began before says nothing of what was committed before the call. */
  #asked = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
    const { store, book, now } = options;
    this.#runs = Array.from({ length: store.partitions }, (_, partition) => ({
      drain: new PartitionDrain(partition, store, book, now, options.batchMax ?? 1000),
      state: 'draining',
      failures: 0,
      empty: false,
    }));
  }

  /** Begins; failures are events from then on. */
  start(): void {
    this.#running ??= Promise.all([...this.#runs.map((run) => this.#runPartition(run)), this.#runMeasuring()]);
  }

  /**
   * Ends after the batches under way.
   *
   * @param emptyWithinMs how long to go on until the journal is empty first; 0: not at all
   */
  async stop(emptyWithinMs = 0): Promise<void> {
    if (emptyWithinMs > 0 && this.#running !== undefined) {
      const giveUp = new AbortController();
      await Promise.race([this.emptied(), this.#sleep(emptyWithinMs, giveUp.signal)]);
      giveUp.abort();
    }
    this.#stopping.abort();
    await this.#running;
  }

  /** Resolves when each partition that can go on was read to its end, after this call: what was committed before is in the book. */
  async emptied(): Promise<void> {
    this.#asked += 1;
    for (const run of this.#runs) run.empty = false;
    await new Promise<void>((resolve) => {
      this.#emptied.push(resolve);
    });
  }

  /** As last measured. */
  lag(): Lag {
    return this.#lag;
  }

  status(): readonly PartitionStatus[] {
    return this.#runs.map(({ drain, state }) => ({ partition: drain.partition, position: drain.position, state }));
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #runPartition(run: PartitionRun): Promise<void> {
    while (!this.#stopped && run.state !== 'stopped') {
      try {
        await this.#stepOnce(run);
      } catch (error) {
        await this.#fail(run, error);
      }
    }
    this.#noteEmpty();
  }

  async #stepOnce(run: PartitionRun): Promise<void> {
    const { store, now, events, idleMs = 20 } = this.#options;
    const { partition } = run.drain;
    // An epoch changes about never, and only an empty journal can mean that the next one has begun.
    if (run.empty || this.#epochs.length === 0) this.#epochs = await store.epochs();
    const startedAtMs = now();
    const asked = this.#asked;
    const step = await run.drain.step(this.#epochs[partition] ?? 1);
    if (run.state === 'retrying') events.recovered(partition);
    run.state = 'draining';
    run.failures = 0;
    if (step.kind === 'drained' && step.entries > 0) events.drained(partition, step.entries, now() - startedAtMs);
    // Read to its end after it was asked for; while another process has the partition, nobody here knows.
    if (step.kind !== 'busy') run.empty = (step.kind === 'empty' || !step.full) && asked === this.#asked;
    if (step.kind === 'drained' && step.full) return;
    if (run.empty) this.#noteEmpty();
    await this.#sleep(step.kind === 'drained' ? Math.max(idleMs, Math.min(restMsMax, (now() - startedAtMs) * restsPerStep)) : idleMs, this.#stopping.signal);
  }

  async #fail(run: PartitionRun, cause: unknown): Promise<void> {
    const { events, random, retryMsMax = 5_000 } = this.#options;
    const { partition } = run.drain;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    // The batch may have been recorded after all: the book is asked.
    run.drain.forget();
    if (error instanceof JournalBroken) {
      run.state = 'stopped';
      events.stopped(partition, error);
      return;
    }
    run.state = 'retrying';
    const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(run.failures, 20));
    run.failures += 1;
    const retryInMs = Math.round(ceilingMs * (0.5 + random() / 2));
    events.unavailable(partition, error, retryInMs);
    await this.#sleep(retryInMs, this.#stopping.signal);
  }

  #noteEmpty(): void {
    if (!this.#runs.every((run) => run.empty || run.state === 'stopped') && !this.#stopped) return;
    for (const resolve of this.#emptied) resolve();
    this.#emptied = [];
  }

  async #runMeasuring(): Promise<void> {
    const { store, now, events, lagEveryMs = 250 } = this.#options;
    const firstEpoch = (partition: number): number => Math.max(1, this.#runs[partition]?.drain.position.epoch ?? 1);
    while (!this.#stopped) {
      try {
        this.#lag = await measureLag(store, now, firstEpoch);
        events.lag(this.#lag);
      } catch {
        // The store is not there: nothing is committed either, and the partitions say what is wrong.
      }
      await this.#sleep(lagEveryMs, this.#stopping.signal);
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.sleep(ms, signal);
    } catch {
      // Woken early: whoever slept looks at why.
    }
  }
}
