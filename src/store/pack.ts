/**
 * A commit call as two values that are cheap to hand to another thread and to write as one row: all its strings joined,
 * and all its numbers, among them the strings' lengths (in UTF-16 units), in the order of the fields. Cloning the items
 * as objects costs the sender three times and the receiver forty times as much.
 *
 *   item     flags, has head, [head], puts, [put…], deletes, [length…], once, [length…], entries, [length…], guards, [guard…], [own, [put…]]
 *   head     length of id, expected version, version, length of value
 *   put      length of id, length of value, keep until, due at   (-1: none)
 *   guard    length of id, delta, floor, or with a time -1 - length of id, delta, floor, keep until
 *
 * `flags` is 2 where the item has records of this node alone, else 0. The owner of the file adds 1 for the items that it
 * committed, and puts the counter's new value in the place of each delta, so that applying the row twice does no harm.
 */
import type { CommitItem, GuardMove, HeadWrite, RecordPut } from './store.ts';

export interface PackedItems {
  readonly numbers: Float64Array;
  readonly text: string;
}

const none = -1;
const writtenFlag = 1;
const ownFlag = 2;

export function pack(items: readonly CommitItem[]): PackedItems {
  const numbers: number[] = [];
  let text = '';
  for (const { head, puts, deletes, once, entries, guards, own } of items) {
    numbers.push(own === undefined ? 0 : ownFlag);
    if (head === undefined) {
      numbers.push(0);
    } else {
      numbers.push(1, head.accountId.length, head.expectedVersion, head.version, head.value.length);
      text += head.accountId;
      text += head.value;
    }
    text += packPuts(numbers, puts);
    text += packStrings(numbers, deletes);
    text += packStrings(numbers, once);
    text += packStrings(numbers, entries);
    numbers.push(guards.length);
    for (const { guardId, delta, floor, keepUntilMs } of guards) {
      if (keepUntilMs === undefined) numbers.push(guardId.length, delta, floor);
      else numbers.push(-1 - guardId.length, delta, floor, keepUntilMs);
      text += guardId;
    }
    if (own !== undefined) text += packPuts(numbers, own);
  }
  return { numbers: new Float64Array(numbers), text };
}

function packPuts(numbers: number[], puts: readonly RecordPut[]): string {
  numbers.push(puts.length);
  let text = '';
  for (const { id, value, keepUntilMs, dueAtMs } of puts) {
    numbers.push(id.length, value.length, keepUntilMs ?? none, dueAtMs ?? none);
    text += id;
    text += value;
  }
  return text;
}

function packStrings(numbers: number[], strings: readonly string[]): string {
  numbers.push(strings.length);
  let text = '';
  for (const string of strings) {
    numbers.push(string.length);
    text += string;
  }
  return text;
}

/** Walks a packed call item by item. */
export class Unpacker {
  readonly #numbers: Float64Array;
  readonly #text: string;
  #number = 0;
  #char = 0;
  #itemStart = 0;
  #guardsStart = 0;

  constructor(packed: PackedItems) {
    this.#numbers = packed.numbers;
    this.#text = packed.text;
  }

  get done(): boolean {
    return this.#number >= this.#numbers.length;
  }

  /** Has the owner marked the item that `next` returned last? */
  get written(): boolean {
    return ((this.#numbers[this.#itemStart] ?? 0) & writtenFlag) !== 0;
  }

  next(): CommitItem {
    this.#itemStart = this.#number;
    const hasOwn = (this.#take() & ownFlag) !== 0;
    const head = this.#take() === 1 ? this.#takeHead() : undefined;
    const puts = this.#takePuts();
    const deletes = this.#takeStrings();
    const once = this.#takeStrings();
    const entries = this.#takeStrings();
    this.#guardsStart = this.#number;
    const guards: GuardMove[] = [];
    for (let count = this.#take(); count > 0; count -= 1) guards.push(this.#takeGuard());
    return hasOwn ? { head, puts, deletes, once, entries, guards, own: this.#takePuts() } : { head, puts, deletes, once, entries, guards };
  }

  /** Marks the item that `next` returned last as written, with what its counters stand at afterwards. */
  markWritten(guardValues: readonly number[]): void {
    this.#numbers[this.#itemStart] = (this.#numbers[this.#itemStart] ?? 0) | writtenFlag;
    let guard = this.#guardsStart + 1;
    for (const value of guardValues) {
      this.#numbers[guard + 1] = value;
      guard += (this.#numbers[guard] ?? 0) < 0 ? 4 : 3;
    }
  }

  #take(): number {
    const value = this.#numbers[this.#number] ?? 0;
    this.#number += 1;
    return value;
  }

  #takeText(length: number): string {
    const start = this.#char;
    this.#char += length;
    return this.#text.slice(start, this.#char);
  }

  #takeHead(): HeadWrite {
    const idLength = this.#take();
    const expectedVersion = this.#take();
    const version = this.#take();
    const valueLength = this.#take();
    return { accountId: this.#takeText(idLength), expectedVersion, version, value: this.#takeText(valueLength) };
  }

  #takePuts(): RecordPut[] {
    const puts: RecordPut[] = [];
    for (let count = this.#take(); count > 0; count -= 1) puts.push(this.#takePut());
    return puts;
  }

  #takePut(): RecordPut {
    const idLength = this.#take();
    const valueLength = this.#take();
    const keepUntilMs = this.#take();
    const dueAtMs = this.#take();
    return {
      id: this.#takeText(idLength),
      value: this.#takeText(valueLength),
      keepUntilMs: keepUntilMs === none ? undefined : keepUntilMs,
      dueAtMs: dueAtMs === none ? undefined : dueAtMs,
    };
  }

  #takeStrings(): string[] {
    const strings: string[] = [];
    for (let count = this.#take(); count > 0; count -= 1) strings.push(this.#takeText(this.#take()));
    return strings;
  }

  #takeGuard(): GuardMove {
    const idLength = this.#take();
    const delta = this.#take();
    const floor = this.#take();
    if (idLength >= 0) return { guardId: this.#takeText(idLength), delta, floor };
    const keepUntilMs = this.#take();
    return { guardId: this.#takeText(-1 - idLength), delta, floor, keepUntilMs };
  }
}
