/**
 * Trace numbers (DE11) of one station: ascending, round and round, never one that is waited with. A start within the day's share makes
 * those of a restart come after those before it, as long as fewer were used than a day of them allows for the time of the day.
 */
import { assert } from '../base/assert.ts';

export const stanMax = 999_999;

/** Where a day's numbers begin that are first asked for at this time: the day has room for twelve a second. */
export function stanAtTime(unixMs: number): number {
  const dayMs = 86_400_000;
  return 1 + Math.floor((((unixMs % dayMs) + dayMs) % dayMs / dayMs) * stanMax);
}

export class Stans {
  readonly #waiting = new Set<number>();
  #next: number;

  /** @param first 1 to 999,999 */
  constructor(first: number) {
    assert(Number.isInteger(first) && first >= 1 && first <= stanMax, 'a trace number has one to six digits');
    this.#next = first;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Undefined where all are waited with. */
  take(): number | undefined {
    if (this.#waiting.size === stanMax) return undefined;
    while (this.#waiting.has(this.#next)) this.#advance();
    const stan = this.#next;
    this.#waiting.add(stan);
    this.#advance();
    return stan;
  }

  free(stan: number): void {
    this.#waiting.delete(stan);
  }

  #advance(): void {
    this.#next = this.#next === stanMax ? 1 : this.#next + 1;
  }
}
