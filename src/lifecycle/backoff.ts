/** How long to wait before the next attempt. */

/**
 * Twice as long each time, a fifth more or less, so that what failed together does not come back together.
 *
 * @param failures so far, from 1
 * @param random between 0 and 1
 * @returns ms
 */
export function backoffMs(failures: number, { firstMs, mostMs }: { readonly firstMs: number; readonly mostMs: number }, random: number): number {
  const pauseMs = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(pauseMs * (0.8 + 0.4 * random));
}
