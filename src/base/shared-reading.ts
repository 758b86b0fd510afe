/**
 * One reading of something outside for all who ask for it at once. Invariant: no two are under way; `afresh` is never answered by one that began before it
 * was asked, which may have missed what was changed since.
 */
export class SharedReading<Value> {
  readonly #read: () => Promise<Value>;
  #underWay: Promise<Value> | undefined;
  /** Begins when the one under way has ended. */
  #next: Promise<Value> | undefined;

  constructor(read: () => Promise<Value>) {
    this.#read = read;
  }

  /** The reading that is under way, or a new one. Rejects as `read` does. */
  async join(): Promise<Value> {
    this.#underWay ??= this.#read().finally(() => {
      this.#underWay = undefined;
    });
    return await this.#underWay;
  }

  /** A reading that begins now or later. Rejects as `read` does. */
  async afresh(): Promise<Value> {
    if (this.#underWay === undefined) return await this.join();
    this.#next ??= this.#behind(this.#underWay);
    return await this.#next;
  }

  async #behind(underWay: Promise<Value>): Promise<Value> {
    await underWay.catch(() => undefined);
    this.#next = undefined;
    return await this.join();
  }
}
