/**
 * How much one caller may ask for: a bucket of requests each, filled at a rate, so that a burst passes and a flood does not.
 *
 * Invariant: what is remembered is bounded by `callersMax`; who was not there for the longest is forgotten first, with a bucket that is full again or nearly so.
 */

export interface Rate {
  /** Requests a second, in the long run. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

interface Bucket {
  left: number;
  /** Monotonic ms. */
  atMs: number;
}

const callersMax = 20_000;

export class CallerLimits {
  readonly #elapsed: () => number;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param elapsed monotonic ms */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Takes one. @returns seconds until there is one again; undefined: there was */
  take(caller: string, { perSecond, burst }: Rate): number | undefined {
    const atMs = this.#elapsed();
    const bucket = this.#buckets.get(caller) ?? { left: burst, atMs };
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    bucket.left = Math.min(burst, bucket.left + ((atMs - bucket.atMs) * perSecond) / 1_000);
    bucket.atMs = atMs;
    if (this.#buckets.size > callersMax) this.#forgetOldest();
    if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / perSecond));
    bucket.left -= 1;
    return undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
