/**
 * Rows of the book that are asked for again and again, by a key each: answered from memory for a moment, and read for all who wait in one statement.
 *
 *   key -> what the book said, read not longer ago than `staleMsMax` -> row, or none
 *
 * Invariants: an answer is never from a reading that began more than `staleMsMax` before it was asked for, nor from one that began before `forget`; what is
 * older is not kept beyond the next reading, and never more than `rowsMax`; that there is none is not remembered. Money and secrets do not belong in here.
 */
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
  /** What the next reading is for. */
  #wanted = new Map<string, PromiseWithResolvers<Row | undefined>>();
  #isReading = false;
  /** How often all was forgotten. */
  #forgotten = 0;

  constructor(options: RowMemoryOptions<Row>) {
    this.#options = options;
    this.#rowsMax = options.rowsMax ?? rowsMaxDefault;
  }

  /** How many rows are kept. */
  get size(): number {
    return this.#known.size;
  }

  /** At once where it is known: a promise for each look would cost more than the look. @throws what the reading throws */
  get(key: string): Row | undefined | Promise<Row | undefined> {
    const known = this.#known.get(key);
    if (known !== undefined && this.#options.elapsed() - known.readAtMs < staleMsMax) return known.row;
    let waiting = this.#wanted.get(key);
    if (waiting === undefined) {
      waiting = Promise.withResolvers();
      this.#wanted.set(key, waiting);
      if (!this.#isReading) void this.#readAll();
    }
    return waiting.promise;
  }

  /** Nothing that is known, or being read, holds for whoever asks from now on. */
  forget(): void {
    this.#forgotten += 1;
    this.#known.clear();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    // Whoever comes in the same turn of the event loop goes along.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      const wanted = [...this.#wanted].slice(0, keysPerReadMax);
      for (const [key] of wanted) this.#wanted.delete(key);
      const forgotten = this.#forgotten;
      const readAtMs = this.#options.elapsed();
      this.#dropOld(readAtMs);
      try {
        const found = await this.#options.read(wanted.map(([key]) => key));
        for (const [key, { resolve }] of wanted) {
          const row = found.get(key);
          if (row !== undefined && forgotten === this.#forgotten) this.#keep(key, { row, readAtMs });
          resolve(row);
        }
      } catch (error) {
        for (const [, { reject }] of wanted) reject(error);
      }
    }
    this.#isReading = false;
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
