/** Statements of many callers as one: while one is under way, what comes waits together and goes next. Invariant: an item is in one statement only. */
export class Gathered<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #itemsMax: number;
  #waiting: { readonly item: Item; readonly resolve: (result: Result) => void; readonly reject: (error: unknown) => void }[] = [];
  #isRunning = false;

  /** @param run results in the order of the items, one for each */
  constructor(itemsMax: number, run: (items: readonly Item[]) => Promise<readonly Result[]>) {
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
      const now = this.#waiting.splice(0, this.#itemsMax);
      try {
        const results = await this.#run(now.map(({ item }) => item));
        for (const [index, { resolve }] of now.entries()) resolve(results[index]!);
      } catch (error) {
        for (const { reject } of now) reject(error);
      }
    }
    this.#isRunning = false;
  }
}
