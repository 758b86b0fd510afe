/**
 * Finds messages whose deadline has passed, wherever they wait, by a look at all of them every now and then instead of a
 * timer for each. It keeps a message until it is finished or late, and at most one look longer.
 */
export interface Timed {
  /** Monotonic ms. */
  readonly deadlineMs: number;
  readonly finished: boolean;
}

/** How much later than its deadline a message can be found. */
const lateMaxMs = 25;

export class LateFinder<T extends Timed> {
  readonly #elapsed: () => number;
  readonly #after: (delayMs: number, work: () => void) => void;
  readonly #found: (late: T) => void;
  #timed: T[] = [];
  #isArmed = false;

  constructor(elapsed: () => number, after: (delayMs: number, work: () => void) => void, found: (late: T) => void) {
    this.#elapsed = elapsed;
    this.#after = after;
    this.#found = found;
  }

  watch(timed: T): void {
    this.#timed.push(timed);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#after(lateMaxMs, () => this.#look());
  }

  #look(): void {
    this.#isArmed = false;
    const elapsedMs = this.#elapsed();
    const late: T[] = [];
    const kept: T[] = [];
    for (const timed of this.#timed) {
      if (timed.finished) continue;
      (elapsedMs >= timed.deadlineMs ? late : kept).push(timed);
    }
    this.#timed = kept;
    for (const timed of late) this.#found(timed);
    if (this.#timed.length > 0) this.#arm();
  }
}
