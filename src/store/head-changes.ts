/**
 * How often heads were changed, told to all threads of the process without a message: whoever has read one knows by a look at memory that shares whether it
 * is the one still.
 *
 *   reader   of(id) -> n, then the head is read  ...  of(id) -> n: it is that one still
 *   writer   commits the head -> raise(id) -> tells that it is committed
 *
 * Owns counters, of which many accounts share each: one that was raised says that a head may be another. Invariant: what was told as committed was raised before.
 */
import { partitionOf } from './store.ts';

const countersUsual = 16_384;

export class HeadChanges {
  /** For `new HeadChanges` in another thread. */
  readonly shared: SharedArrayBuffer;
  readonly #counters: Int32Array;

  /** @param shared what another thread's has; not given: counters of its own */
  constructor(shared = new SharedArrayBuffer(countersUsual * Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#counters = new Int32Array(shared);
  }

  /** Another number each time that the account's head was raised, until there were 2^32 of them. */
  of(accountId: string): number {
    return Atomics.load(this.#counters, this.#place(accountId));
  }

  raise(accountId: string): void {
    Atomics.add(this.#counters, this.#place(accountId), 1);
  }

  /** As where an epoch is closed, and there is no head in the next. */
  raiseAll(): void {
    for (let place = 0; place < this.#counters.length; place += 1) Atomics.add(this.#counters, place, 1);
  }

  #place(accountId: string): number {
    return partitionOf(accountId, this.#counters.length);
  }
}
