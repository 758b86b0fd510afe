/**
 * Lets one at a time through, in the order of asking. Whoever enters must leave: nothing else opens it again. The next one
 * enters a turn of the event loop later, so that work that never waits for anything outside cannot keep sockets unread.
 */
export class Gate {
  #last: Promise<void> = Promise.resolve();

  /** @returns what the one who entered calls to leave; calling it again does nothing */
  async enter(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return () => setImmediate(resolve);
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
