/**
 * One destination's advices in memory: which card's turn it is, what is set aside, how many wait and since when. It owns no
 * advice's contents and calls nothing; the file is what is true, and this is made from it at every start.
 *
 * Invariants: of a card, one advice at most is out, and it is the earliest that is not set aside; what is out counts as
 * waiting until its end is on disk.
 */
import { assert } from '../base/assert.ts';
import type { AdvicePlace } from './advice-place.ts';
import type { AdviceHead, DeliveryMark } from './advice.ts';

/** An advice as the queue knows it. */
export interface QueuedAdvice extends AdviceHead {
  /** Its place in the order of all: later ones have more. */
  readonly sequence: number;
  readonly state: 'waiting' | 'inFlight' | 'setAside';
  readonly mark: DeliveryMark;
  /** It may have reached the destination before: it goes out as a repeat. */
  readonly mayHaveBeenSent: boolean;
}

export interface Backlog {
  /** Those in flight with them, those set aside not. */
  readonly count: number;
  /** Unix ms; undefined where there is none. */
  readonly oldestAtMs: number | undefined;
}

export interface Entry extends QueuedAdvice {
  state: 'waiting' | 'inFlight' | 'setAside';
  mark: DeliveryMark;
  mayHaveBeenSent: boolean;
  /** The store that it is in. */
  readonly place: AdvicePlace;
  /** As it is on disk; undefined: it has to be read. */
  text: string | undefined;
  /** Its end is being written. */
  ending: Promise<boolean> | undefined;
  /** Of its card's, that which comes after it. */
  later: Entry | undefined;
}

/** A card's, by sequence. */
interface Lane {
  first: Entry | undefined;
  last: Entry | undefined;
  /** One of them is out, or waits for its next attempt. */
  isBusy: boolean;
}

export class AdviceQueue {
  readonly #waiting = new Map<string, Entry>();
  /** All that were added, by sequence; those that wait no more stay until they are at its front or half of it. */
  #order: (Entry | undefined)[] = [];
  #front = 0;
  /** Those that were set aside, and wait again out of that order. */
  readonly #putBack = new Set<Entry>();
  readonly #setAside = new Map<string, Entry>();
  readonly #setAsideOfCard = new Map<string, Set<Entry>>();
  readonly #lanes = new Map<string, Lane>();
  readonly #turns = new Turns();

  get backlog(): Backlog {
    let oldest = this.#oldest();
    for (const entry of this.#putBack) if (oldest === undefined || entry.sequence < oldest.sequence) oldest = entry;
    return { count: this.#waiting.size, oldestAtMs: oldest?.createdAtMs };
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.size;
  }

  get setAside(): readonly QueuedAdvice[] {
    return [...this.#setAside.values()];
  }

  /** Those that wait, in order, up to so many. */
  first(limit: number): readonly QueuedAdvice[] {
    const found: Entry[] = [...this.#putBack];
    for (let at = this.#front; at < this.#order.length && found.length < limit + this.#putBack.size; at += 1) {
      const entry = this.#order[at];
      if (entry !== undefined && this.#isInOrder(entry)) found.push(entry);
    }
    return found.sort((one, other) => one.sequence - other.sequence).slice(0, limit);
  }

  /** Does one of this card wait, or is out? */
  hasOf(cardKey: string): boolean {
    return this.#lanes.get(cardKey)?.first !== undefined;
  }

  /** Those of this card that wait, or are set aside. */
  ofCard(cardKey: string): readonly QueuedAdvice[] {
    const found: Entry[] = [];
    for (let entry = this.#lanes.get(cardKey)?.first; entry !== undefined; entry = entry.later) found.push(entry);
    return [...found, ...(this.#setAsideOfCard.get(cardKey) ?? [])];
  }

  find(id: string): Entry | undefined {
    return this.#waiting.get(id) ?? this.#setAside.get(id);
  }

  add(entry: Entry): void {
    if (entry.state === 'setAside') {
      this.#keepAside(entry);
      return;
    }
    this.#append(entry);
    this.#wait(entry);
  }

  /** Nearly always it is the last; of two commits under way the later may be known to be durable first. */
  #append(entry: Entry): void {
    const order = this.#order;
    let at = order.length;
    while (at > this.#front && (order[at - 1]?.sequence ?? 0) > entry.sequence) at -= 1;
    if (at === order.length) order.push(entry);
    else order.splice(at, 0, entry);
  }

  #wait(entry: Entry): void {
    this.#waiting.set(entry.id, entry);
    const lane = this.#laneOf(entry.cardKey);
    const before = earlierOf(lane, entry);
    if (before === undefined) {
      entry.later = lane.first;
      lane.first = entry;
    } else {
      entry.later = before.later;
      before.later = entry;
    }
    if (entry.later === undefined) lane.last = entry;
    if (before === undefined && !lane.isBusy) this.#turns.push(entry);
  }

  #laneOf(cardKey: string): Lane {
    let lane = this.#lanes.get(cardKey);
    if (lane === undefined) this.#lanes.set(cardKey, lane = { first: undefined, last: undefined, isBusy: false });
    return lane;
  }

  /** The earliest advice whose card has none out; its card is busy until `free`. */
  next(): Entry | undefined {
    for (let entry = this.#turns.pop(); entry !== undefined; entry = this.#turns.pop()) {
      const lane = this.#lanes.get(entry.cardKey);
      // What left the front meanwhile has given its turn to another.
      if (lane === undefined || lane.isBusy || lane.first !== entry) continue;
      lane.isBusy = true;
      entry.state = 'inFlight';
      return entry;
    }
    return undefined;
  }

  /** The next of this card may go, or this one again where it still waits. */
  free(entry: Entry): void {
    if (entry.state === 'inFlight') entry.state = 'waiting';
    const lane = this.#lanes.get(entry.cardKey);
    if (lane === undefined) return;
    lane.isBusy = false;
    this.#offer(entry.cardKey, lane);
  }

  /** Takes out what has its end. */
  remove(entry: Entry): void {
    if (this.#setAside.has(entry.id)) this.#leaveAside(entry);
    else if (this.#waiting.delete(entry.id)) this.#leave(entry);
  }

  putAside(entry: Entry): void {
    assert(this.#waiting.delete(entry.id), 'what is set aside was waiting');
    entry.state = 'setAside';
    this.#keepAside(entry);
    this.#leave(entry);
  }

  /** Puts back what was set aside: in its old place among its card's. */
  putBack(entry: Entry): void {
    this.#leaveAside(entry);
    entry.state = 'waiting';
    this.#putBack.add(entry);
    this.#wait(entry);
  }

  /** How many of this card's earlier advices are set aside, so that it goes before them. */
  overtaken(entry: Entry): number {
    let count = 0;
    for (const { sequence } of this.#setAsideOfCard.get(entry.cardKey) ?? []) if (sequence < entry.sequence) count += 1;
    return count;
  }

  #keepAside(entry: Entry): void {
    this.#setAside.set(entry.id, entry);
    const ofCard = this.#setAsideOfCard.get(entry.cardKey);
    if (ofCard === undefined) this.#setAsideOfCard.set(entry.cardKey, new Set([entry]));
    else ofCard.add(entry);
  }

  #leaveAside(entry: Entry): void {
    assert(this.#setAside.delete(entry.id), 'it was set aside');
    const ofCard = this.#setAsideOfCard.get(entry.cardKey);
    ofCard?.delete(entry);
    if (ofCard?.size === 0) this.#setAsideOfCard.delete(entry.cardKey);
  }

  #oldest(): Entry | undefined {
    const order = this.#order;
    while (this.#front < order.length) {
      const entry = order[this.#front] as Entry;
      if (this.#isInOrder(entry)) return entry;
      order[this.#front] = undefined;
      this.#front += 1;
    }
    return undefined;
  }

  /** Is it still waiting in its first place? */
  #isInOrder(entry: Entry | undefined): boolean {
    return entry !== undefined && this.#waiting.get(entry.id) === entry && !this.#putBack.has(entry);
  }

  #leave(entry: Entry): void {
    this.#putBack.delete(entry);
    if (this.#order.length > 64 && this.#order.length > this.#waiting.size * 2) {
      this.#order = this.#order.filter((other) => this.#isInOrder(other));
      this.#front = 0;
    }
    const lane = this.#lanes.get(entry.cardKey);
    assert(lane !== undefined, 'what waits has a card');
    const before = earlierOf(lane, entry);
    if (before === undefined) lane.first = entry.later;
    else before.later = entry.later;
    if (lane.last === entry) lane.last = before;
    entry.later = undefined;
    if (!lane.isBusy) this.#offer(entry.cardKey, lane);
  }

  #offer(cardKey: string, lane: Lane): void {
    if (lane.first === undefined) this.#lanes.delete(cardKey);
    else this.#turns.push(lane.first);
  }
}

/** That before which it does not come, in it or not; undefined: it is the first. */
function earlierOf({ first, last }: Lane, { sequence }: Entry): Entry | undefined {
  if (last !== undefined && last.sequence < sequence) return last;
  let before: Entry | undefined;
  for (let entry = first; entry !== undefined && entry.sequence < sequence; entry = entry.later) before = entry;
  return before;
}

/** A binary heap by sequence: the children of i are 2i+1 and 2i+2. */
class Turns {
  readonly #heap: Entry[] = [];

  push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Entry;
      if (parent.sequence <= entry.sequence) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const leftAt = at * 2 + 1;
      const left = heap[leftAt];
      if (left === undefined) break;
      const right = heap[leftAt + 1];
      const isRight = right !== undefined && right.sequence < left.sequence;
      const child = isRight ? right : left;
      if (child.sequence >= last.sequence) break;
      heap[at] = child;
      at = isRight ? leftAt + 1 : leftAt;
    }
    heap[at] = last;
    return first;
  }
}
