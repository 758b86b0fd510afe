/**
 * What many ask for as one: while one run is under way, what comes waits together and goes next. Invariants: an item is in one run only, which begins after
 * it was added; no two are under way.
 */
export class Gathered<Item, Result> {
  readonly #run: (take: () => readonly Item[]) => Promise<readonly Result[]>;
  readonly #itemsMax: number;
  readonly #begin: (work: () => void) => void;
  #waiting: Waiting<Item, Result>[] = [];
  #isRunning = false;

  /**
   * @param itemsMax of one run
   * @param run takes the items once, as late as it can, since what comes until then goes along; results in their order, one for each. What it does
   *   not take before it throws is refused with it
   * @param begin when a run may begin: whoever comes until then goes along. Within this turn of the event loop where not given
   */
  constructor(itemsMax: number, run: (take: () => readonly Item[]) => Promise<readonly Result[]>, begin: (work: () => void) => void = queueMicrotask) {
    this.#itemsMax = itemsMax;
    this.#run = run;
    this.#begin = begin;
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
    while (this.#waiting.length > 0) {
      // Also between two: who is answered now may ask again at once.
      await new Promise<void>((resolve) => {
        this.#begin(resolve);
      });
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

/** Readings by key: what was found of each, or none. @param read of keys that differ @param begin as of `Gathered` */
export function gatheredReading<Value>(
  keysMax: number, read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>, begin?: (work: () => void) => void,
): Gathered<string, Value | undefined> {
  return new Gathered(keysMax, async (take) => {
    const keys = take();
    const found = await read([...new Set(keys)]);
    return keys.map((key) => found.get(key));
  }, begin);
}
