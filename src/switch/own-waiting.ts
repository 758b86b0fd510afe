/**
 * What waits for an own account, by its key: advices on this node's disk that it has not taken in, and messages that came behind them.
 *
 * Keys are accounts, and cards whose account was not known. Until what an earlier run left behind is gone, every key waits. Invariant:
 * whatever is held is let go once, when nothing waits before it, or when its time is over.
 */
import { assert } from '../base/assert.ts';
import type { Deadline, Deadlines } from '../base/deadlines.ts';

interface Held {
  readonly go: () => void;
  readonly late: Deadline;
}

/** Where nobody knows yet whom the advices of an earlier run are for. */
const everybody = '';

export class OwnWaiting {
  readonly #deadlines: Deadlines | undefined;
  readonly #counts = new Map<string, number>();
  readonly #begun = new Set<string>();
  readonly #held = new Map<string, Set<Held>>();
  #left: number;

  /** @param file with the advices of an earlier run; undefined: nothing ever waits */
  constructor(file: { readonly deadlines: Deadlines; readonly backlog: number } | undefined) {
    this.#deadlines = file?.deadlines;
    this.#left = file?.backlog ?? 0;
  }

  get isRecovering(): boolean {
    return this.#left > 0;
  }

  /** Keys that something waits for. */
  get size(): number {
    return this.#counts.size + (this.#left > 0 ? 1 : 0);
  }

  /** By which of its keys a message waits; undefined: it need not. */
  keyOf(accountId: string | undefined, token: string): string | undefined {
    if (this.#left > 0) return everybody;
    if (this.#counts.size === 0) return undefined;
    return accountId !== undefined && this.#counts.has(accountId) ? accountId : this.#counts.has(token) ? token : undefined;
  }

  begin(id: string, key: string): void {
    this.#begun.add(id);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** @param emptied called where nothing waits for the key any more, before what was held goes */
  end(id: string, key: string, emptied: () => void): void {
    if (!this.#begun.delete(id)) {
      if (this.#left === 0) return;
      this.#left -= 1;
      if (this.#left === 0) this.#release(everybody);
      return;
    }
    const count = (this.#counts.get(key) ?? 1) - 1;
    if (count > 0) {
      this.#counts.set(key, count);
      return;
    }
    this.#counts.delete(key);
    emptied();
    this.#release(key);
  }

  /** @param latestMs monotonic: then `late` is called instead of `go` */
  hold(key: string, latestMs: number, go: () => void, late: () => void): void {
    assert(this.#deadlines !== undefined, 'what never waits is not held');
    const all = this.#held.get(key) ?? new Set();
    this.#held.set(key, all);
    const held: Held = {
      go,
      late: this.#deadlines.at(latestMs, () => {
        all.delete(held);
        late();
      }),
    };
    all.add(held);
  }

  #release(key: string): void {
    const all = this.#held.get(key);
    this.#held.delete(key);
    for (const { go, late } of all ?? []) {
      late.cancel();
      go();
    }
  }
}
