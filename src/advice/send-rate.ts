/**
 * How many may go a second. It owns the count of what has gone, in credit that grows with time up to a twentieth of a second's
 * worth, so that a timer's grain costs no speed and a pause earns no flood.
 */
export class SendRate {
  #perSecond: number;
  #credit: number;
  #asOfMs: number;

  /** @param perSecond above 0 @param elapsedMs monotonic */
  constructor(perSecond: number, elapsedMs: number) {
    this.#perSecond = perSecond;
    this.#credit = Math.max(1, perSecond / 20);
    this.#asOfMs = elapsedMs;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  change(perSecond: number, elapsedMs: number): void {
    this.#earn(elapsedMs);
    this.#perSecond = perSecond;
  }

  /** @returns 0 where one may go now, else the milliseconds until one may */
  waitMs(elapsedMs: number): number {
    this.#earn(elapsedMs);
    return this.#credit >= 1 ? 0 : ((1 - this.#credit) * 1_000) / this.#perSecond;
  }

  take(): void {
    this.#credit -= 1;
  }

  #earn(elapsedMs: number): void {
    const earned = ((elapsedMs - this.#asOfMs) * this.#perSecond) / 1_000;
    this.#credit = Math.min(Math.max(1, this.#perSecond / 20), this.#credit + earned);
    this.#asOfMs = elapsedMs;
  }
}
