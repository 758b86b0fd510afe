/**
 * What was the latest by a key, as far as there is room: half of `max` at least, the oldest go first.
 *
 * In two generations, of which the older one goes whole: to find and delete the oldest of one map costs more than everything else here.
 */
export class Recent<T> {
  readonly #generationMax: number;
  #young = new Map<string, T>();
  #old: ReadonlyMap<string, T> = new Map();

  /** @param max at least 2 */
  constructor(max: number) {
    this.#generationMax = Math.floor(max / 2);
  }

  get(key: string): T | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
