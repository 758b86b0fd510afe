/** The date and time for messages of our own, made once a second. */

export class WireTimes {
  readonly #now: () => number;
  readonly #local: (unixMs: number) => string;
  #second = NaN;
  #transmitted = '';
  #localAt = '';

  /**
   * @param now Unix ms
   * @param local CCYYMMDDhhmmss of a Unix time in the zone of the switch
   */
  constructor(now: () => number, local: (unixMs: number) => string = utcText) {
    this.#now = now;
    this.#local = local;
  }

  /** MMDDhhmmss, UTC. */
  transmittedAt(): string {
    this.#look();
    return this.#transmitted;
  }

  /** CCYYMMDDhhmmss. */
  localAt(): string {
    this.#look();
    return this.#localAt;
  }

  #look(): void {
    const nowMs = this.#now();
    const second = Math.floor(nowMs / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    this.#transmitted = utcText(nowMs).slice(4);
    this.#localAt = this.#local(nowMs);
  }
}

/** CCYYMMDDhhmmss, UTC. */
export function utcText(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 19).replaceAll(/[^0-9]/g, '');
}
