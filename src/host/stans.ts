/**
 * Trace numbers (DE11) of one issuer's stations: ascending, round and round, never one that is waited with.
 *
 * They are reserved in blocks, each told a block ahead: a run that begins behind what was reserved last uses none of those before it, as
 * long as a reservation is on disk before a block of numbers is used up. With no reservation to begin behind, the time of the day and the
 * switch's name spread where switches begin.
 */
import { assert } from '../base/assert.ts';

export const stanMax = 999_999;

/** Numbers that are reserved at once. */
export const stanBlock = 1_000;

/** Where a day's numbers begin that are first asked for at this time: the day has room for twelve a second. */
export function stanAtTime(unixMs: number): number {
  const dayMs = 86_400_000;
  return 1 + Math.floor((((unixMs % dayMs) + dayMs) % dayMs / dayMs) * stanMax);
}

/** The number that comes so many after, round and round. */
export function stanAfter(stan: number, count: number): number {
  return ((stan - 1 + count) % stanMax) + 1;
}

export class Stans {
  readonly #waiting = new Set<number>();
  readonly #reserve: (through: number) => void;
  #next: number;
  /** Of the block that is in use. */
  #left = 0;

  /**
   * @param first 1 to 999,999
   * @param reserve is told with each new block how far numbers may be used until it is told again, and one block more
   */
  constructor(first: number, reserve: (through: number) => void = () => undefined) {
    assert(Number.isInteger(first) && first >= 1 && first <= stanMax, 'a trace number has one to six digits');
    this.#next = first;
    this.#reserve = reserve;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Undefined where all are waited with. */
  take(): number | undefined {
    if (this.#waiting.size === stanMax) return undefined;
    while (this.#waiting.has(this.#next)) this.#advance();
    if (this.#left <= 0) {
      this.#left = stanBlock;
      this.#reserve(stanAfter(this.#next, 2 * stanBlock - 1));
    }
    const stan = this.#next;
    this.#waiting.add(stan);
    this.#advance();
    return stan;
  }

  free(stan: number): void {
    this.#waiting.delete(stan);
  }

  #advance(): void {
    this.#next = stanAfter(this.#next, 1);
    this.#left -= 1;
  }
}
