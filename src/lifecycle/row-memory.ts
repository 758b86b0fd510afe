/**
 * Rows of the book that are asked for again and again, by a key each: answered from memory for a moment, and read for all who wait in one statement.
 *
 *   key -> what the book said, read not longer ago than `staleMsMax` -> row, or none
 *
 * Invariants: an answer is never from a reading that began more than `staleMsMax` before it was asked for, nor from one that began before `forget`; what is
 * older is not kept beyond the next reading, and never more than `rowsMax`; that there is none is not remembered. Money and secrets do not belong in here.
 */
import { gatheredReading } from '../base/gathered.ts';
import type { Gathered } from '../base/gathered.ts';

export interface RowMemoryOptions<Row> {
  /** What there is now of these keys. @throws what the book throws */
  readonly read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** `rowsMaxDefault` where not given. */
  readonly rowsMax?: number;
}

/** How long what another switch changed may be shown as it was. */
export const staleMsMax = 1_000;
const rowsMaxDefault = 10_000;
const keysPerReadMax = 500;

interface Known<Row> {
  readonly row: Row;
  /** When its reading began; monotonic ms. */
  readonly readAtMs: number;
}

export class RowMemory<Row> {
  readonly #options: RowMemoryOptions<Row>;
  readonly #rowsMax: number;
  /** In the order of their readings. */
  readonly #known = new Map<string, Known<Row>>();
  readonly #reading: Gathered<string, Row | undefined>;
  /** How often all was forgotten. */
  #forgotten = 0;

  constructor(options: RowMemoryOptions<Row>) {
    this.#options = options;
    this.#rowsMax = options.rowsMax ?? rowsMaxDefault;
    this.#reading = gatheredReading(keysPerReadMax, async (keys) => await this.#read(keys));
  }

  /** How many rows are kept. */
  get size(): number {
    return this.#known.size;
  }

  /** At once where it is known: a promise for each look would cost more than the look. @throws what the reading throws */
  get(key: string): Row | undefined | Promise<Row | undefined> {
    const known = this.#known.get(key);
    if (known !== undefined && this.#options.elapsed() - known.readAtMs < staleMsMax) return known.row;
    return this.#reading.add(key);
  }

  /** Nothing that is known, or being read, holds for whoever asks from now on. */
  forget(): void {
    this.#forgotten += 1;
    this.#known.clear();
  }

  async #read(keys: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    const forgotten = this.#forgotten;
    const readAtMs = this.#options.elapsed();
    this.#dropOld(readAtMs);
    const found = await this.#options.read(keys);
    if (forgotten === this.#forgotten) for (const [key, row] of found) this.#keep(key, { row, readAtMs });
    return found;
  }

  #keep(key: string, known: Known<Row>): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= this.#rowsMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #dropOld(nowMs: number): void {
    for (const [key, { readAtMs }] of this.#known) {
      if (nowMs - readAtMs < staleMsMax) return;
      this.#known.delete(key);
    }
  }
}
