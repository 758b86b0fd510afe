/** How long to wait before the next attempt to connect. Pure: the jitter comes in. */

export interface BackOff {
  /** The wait after the first failure, before jitter. */
  readonly firstMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

/**
 * Doubles with each failure in a row up to `maxMs`; jitter takes up to half of it away, so that many switches that lost the same
 * host do not return in one instant.
 *
 * @param failures in a row so far, 1 after the first
 * @param random in [0, 1)
 * @returns between half of the doubled wait and all of it, in milliseconds
 */
export function backOffMs(backOff: BackOff, failures: number, random: number): number {
  const fullMs = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(failures - 1, 40));
  return fullMs * (1 - random / 2);
}
