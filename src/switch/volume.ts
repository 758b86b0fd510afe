/**
 * How many requests a second there are for one issuer, and below which amount they are kept from it then: positive authorization capacity
 * management. What is small is decided here under load, so that the issuer's capacity is left for the rest.
 *
 * Invariant: what is counted is of the last second, give or take a tenth.
 */

/** From so many requests a second on, those for less than so much are for stand-in. */
export interface VolumeStep {
  readonly perSecond: number;
  /** Minor units of the rules' currency. */
  readonly belowMinor: number;
}

const parts = 10;
const partMs = 1_000 / parts;

export class Volume {
  readonly #elapsed: () => number;
  /** Requests by tenth of a second, each in the place of the one a second before. */
  readonly #counts = Array.from({ length: parts }, () => 0);
  #at = 0;
  #sum = 0;

  /** @param elapsed monotonic ms */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** One more. @returns how many there were in the last second, with it */
  add(): number {
    const at = Math.floor(this.#elapsed() / partMs);
    for (let part = Math.max(this.#at + 1, at - parts + 1); part <= at; part += 1) {
      this.#sum -= this.#counts[part % parts]!;
      this.#counts[part % parts] = 0;
    }
    this.#at = Math.max(this.#at, at);
    this.#counts[this.#at % parts]! += 1;
    this.#sum += 1;
    return this.#sum;
  }
}

/** Minor units below which a request is for stand-in; 0: none is. @param steps in the order of their volumes */
export function thresholdAt(steps: readonly VolumeStep[], perSecond: number): number {
  let belowMinor = 0;
  for (const step of steps) if (perSecond >= step.perSecond) ({ belowMinor } = step);
  return belowMinor;
}
