/**
 * How far the trace numbers of each destination may have been used, on this node's disk: what a run of the program that was killed has used,
 * the next one does not use again.
 *
 * Owns one record of the store. Writes are not waited for, and one is under way at a time; one that fails is told, and made good by the next.
 */
import { calling } from '../store/calling.ts';
import type { PartitionEpoch, Store } from '../store/store.ts';

const recordId = 'numbers';

export class UsedNumbers {
  readonly #store: Store;
  readonly #at: PartitionEpoch;
  readonly #trouble: (error: Error) => void;
  readonly #through: Map<string, number>;
  #isChanged = false;
  #isWriting = false;
  #isClosed = false;

  private constructor(store: Store, at: PartitionEpoch, trouble: (error: Error) => void, through: Map<string, number>) {
    this.#store = store;
    this.#at = at;
    this.#trouble = trouble;
    this.#through = through;
  }

  /** @param store with one partition; the one who opened it closes it, after this @throws what the store throws */
  static async open(store: Store, trouble: (error: Error) => void): Promise<UsedNumbers> {
    const [epoch = 1] = await store.epochs();
    const at = { partition: 0, epoch };
    const [text] = await store.records(at, [recordId]);
    return new UsedNumbers(store, at, trouble, new Map(text === undefined ? [] : (JSON.parse(text) as [string, number][])));
  }

  /** Up to which number they may have been used, by this run or an earlier one; undefined: none was. */
  through(destination: string): number | undefined {
    return this.#through.get(destination);
  }

  reserve(destination: string, through: number): void {
    this.#through.set(destination, through);
    this.#isChanged = true;
    if (!this.#isWriting) void this.#write();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#isChanged && !this.#isClosed) {
      this.#isChanged = false;
      const called = await calling(this.#store.commit(this.#at, [{ puts: [{ id: recordId, value: JSON.stringify([...this.#through]) }], deletes: [], once: [], entries: [], guards: [] }]));
      if ('error' in called && !this.#isClosed) this.#trouble(called.error);
    }
    this.#isWriting = false;
  }
}
