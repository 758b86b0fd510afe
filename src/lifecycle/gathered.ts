/**
 * Statements of many callers as one: while one is under way, what comes waits together and goes next. Invariant: an item is in one statement only.
 */
export class Gathered<Item, Result> {
  readonly #run: (take: () => readonly Item[]) => Promise<readonly Result[]>;
  readonly #itemsMax: number;
  #waiting: Waiting<Item, Result>[] = [];
  #isRunning = false;

  /**
   * @param run takes the items once, as late as it can, since what comes until then goes along; results in their order, one for each. What it does
   *   not take before it throws is refused with it
   */
  constructor(itemsMax: number, run: (take: () => readonly Item[]) => Promise<readonly Result[]>) {
    this.#itemsMax = itemsMax;
    this.#run = run;
  }

  async add(item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ item, resolve, reject });
    void this.#turn();
    return await promise;
  }

  async #turn(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Whoever comes in the same turn of the event loop goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      let taken: readonly Waiting<Item, Result>[] | undefined;
      const take = (): readonly Waiting<Item, Result>[] => (taken ??= this.#waiting.splice(0, this.#itemsMax));
      try {
        const results = await this.#run(() => take().map(({ item }) => item));
        for (const [index, { resolve }] of take().entries()) resolve(results[index]!);
      } catch (error) {
        for (const { reject } of take()) reject(error);
      }
    }
    this.#isRunning = false;
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
