/**
 * How many reversals of what the switch does not know each acquirer's station may have kept for an issuer: so many at once, and as many
 * again over a day. Without an end to it one acquirer could fill the disk that all others' decisions need.
 */

/** What they may take of the file, and what one takes at the most. */
const share = 10;
const adviceBytes = 8_192;
const dayMs = 86_400_000;

interface Quota {
  left: number;
  atMs: number;
}

export class UnknownReversals {
  readonly #max: number;
  readonly #elapsed: () => number;
  /** By station: as many as the tables have. */
  readonly #quotas = new Map<string, Quota>();

  /** @param bytesMax of the file that they are kept in @param elapsed monotonic ms */
  constructor(bytesMax: number, elapsed: () => number) {
    this.#max = Math.floor(bytesMax / share / adviceBytes);
    this.#elapsed = elapsed;
  }

  /** @returns false where this one is too many */
  take(station: string): boolean {
    const nowMs = this.#elapsed();
    const quota = this.#quotas.get(station) ?? { left: this.#max, atMs: nowMs };
    this.#quotas.set(station, quota);
    quota.left = Math.min(this.#max, quota.left + ((nowMs - quota.atMs) * this.#max) / dayMs);
    quota.atMs = nowMs;
    if (quota.left < 1) return false;
    quota.left -= 1;
    return true;
  }
}
