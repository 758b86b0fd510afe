/**
 * Everything that has to happen at a time, on one timer.
 *
 * Owns a heap of deadlines and the one timer that is armed for the earliest. Refuses precision: a callback runs up to
 * `tickMs` late, so that deadlines that lie close together share one wake-up. Invariant: a callback never runs early, never
 * after its `cancel()`, and at most once.
 */

/** Monotonic milliseconds; only differences mean something. */
export type NowMs = () => number;

/** Calls back once after at least `delayMs`; the returned function cancels. */
export type Schedule = (callback: () => void, delayMs: number) => () => void;

export interface Deadline {
  readonly atMs: number;
  cancel(): void;
}

interface Entry extends Deadline {
  callback: (() => void) | undefined;
}

export class Deadlines {
  readonly nowMs: NowMs;
  readonly #schedule: Schedule;
  readonly #tickMs: number;
  /** A binary heap by `atMs`: the children of i are 2i+1 and 2i+2. Cancelled entries stay until they surface or are half of it. */
  #heap: Entry[] = [];
  #cancelled = 0;
  /** While callbacks run: what they ask for does not run in the same round, or a round might not end. */
  #notBeforeMs = -Infinity;
  #armedForMs = Infinity;
  #disarm: (() => void) | undefined;

  /** @param tickMs how late a callback may run; deadlines within one tick share a timer */
  constructor(nowMs: NowMs, schedule: Schedule, tickMs = 5) {
    this.nowMs = nowMs;
    this.#schedule = schedule;
    this.#tickMs = tickMs;
  }

  /** Deadlines that are neither reached nor cancelled. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** @param atMs on this queue's clock; in the past means at the next tick. `callback` must not throw. */
  at(atMs: number, callback: () => void): Deadline {
    const entry: Entry = {
      atMs: Math.max(atMs, this.#notBeforeMs),
      callback,
      cancel: () => {
        if (entry.callback === undefined) return;
        entry.callback = undefined;
        this.#cancelled += 1;
        if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#sweep();
      },
    };
    this.#push(entry);
    this.#arm();
    return entry;
  }

  after(delayMs: number, callback: () => void): Deadline {
    return this.at(this.nowMs() + delayMs, callback);
  }

  #arm(): void {
    const [first] = this.#heap;
    if (first === undefined) return;
    const tick = this.#tickMs;
    const forMs = Math.ceil(first.atMs / tick) * tick;
    if (forMs >= this.#armedForMs) return;
    this.#disarm?.();
    this.#armedForMs = forMs;
    this.#disarm = this.#schedule(
      () => {
        this.#disarm = undefined;
        this.#armedForMs = Infinity;
        this.#reach();
      },
      Math.max(1, Math.ceil(forMs - this.nowMs())),
    );
  }

  #reach(): void {
    const nowMs = this.nowMs();
    this.#notBeforeMs = (Math.floor(nowMs / this.#tickMs) + 1) * this.#tickMs;
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#pop();
      const { callback } = first;
      if (callback === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      first.callback = undefined;
      callback();
    }
    this.#notBeforeMs = -Infinity;
    this.#arm();
  }

  #sweep(): void {
    const live = this.#heap.filter((entry) => entry.callback !== undefined);
    this.#heap = [];
    this.#cancelled = 0;
    for (const entry of live) this.#push(entry);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const leftAt = at * 2 + 1;
      const left = heap[leftAt];
      if (left === undefined) break;
      const right = heap[leftAt + 1];
      const child = right !== undefined && right.atMs < left.atMs ? right : left;
      if (child.atMs >= last.atMs) break;
      heap[at] = child;
      at = child === left ? leftAt : leftAt + 1;
    }
    heap[at] = last;
  }
}

/** The process's own timers. `unref`: a waiting deadline alone keeps no process alive. */
export const processSchedule: Schedule = (callback, delayMs) => {
  const timer = setTimeout(callback, delayMs);
  timer.unref();
  return () => {
    clearTimeout(timer);
  };
};
