/**
 * A commit call as the keys and arguments of `commit.lua`, and its reply as results. The values travel as one joined
 * text: Redis and its client pay for each argument, and a group of 64 has some four hundred of them one by one.
 */
import { assert } from '../base/assert.ts';
import type { CommitItem, CommitResult, PartitionEpoch } from './store.ts';

/** The keys of one partition under one epoch share a hash tag, so they are in one slot. Short: each key pays for it. */
export class ScopeKeys {
  readonly tag: string;
  /** A hash: is the epoch open, the journal's last entry, how far it was trimmed. */
  readonly scope: string;
  readonly journal: string;
  readonly due: string;
  readonly head: string;
  readonly record: string;
  readonly guard: string;

  constructor({ partition, epoch }: PartitionEpoch) {
    this.tag = `{${partition}.${epoch}}`;
    this.scope = `${this.tag}s`;
    this.journal = `${this.tag}j`;
    this.due = `${this.tag}d`;
    this.head = `${this.tag}h`;
    this.record = `${this.tag}r`;
    this.guard = `${this.tag}g`;
  }
}

export interface CommitCall {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** The guards by index, for the reply. */
  readonly guardIds: readonly string[];
}

export function commitCall(scope: ScopeKeys, items: readonly CommitItem[]): CommitCall {
  const shape: number[] = [];
  const heads: string[] = [];
  const onces: string[] = [];
  const others: string[] = [];
  const guards = new Map<string, number>();
  const entryLengths: number[] = [];
  let values = '';
  let entryText = '';
  for (const item of items) {
    assert(item.own === undefined, 'Redis has no place for records of one node alone');
    if (item.head === undefined) {
      shape.push(0);
    } else {
      const value = `${item.head.version}:${item.head.value}`;
      heads.push(scope.head + item.head.accountId);
      values += value;
      shape.push(1, item.head.expectedVersion, Buffer.byteLength(value));
    }
    for (const id of item.once) onces.push(scope.record + id);
    values += describeRecords(scope, item, shape, others);
    shape.push(item.entries.length);
    for (const entry of item.entries) {
      const bytes = Buffer.byteLength(entry);
      shape.push(bytes);
      entryLengths.push(bytes);
      entryText += entry;
    }
    describeGuards(item, shape, guards);
  }
  const guardIds = [...guards.keys()];
  const keys = [scope.scope, scope.journal, scope.due, ...heads, ...onces, ...others];
  for (const id of guardIds) keys.push(scope.guard + id);
  const args = [
    JSON.stringify(shape),
    values + entryText,
    String(Buffer.byteLength(values)),
    entryLengths.join(','),
    String(scope.record.length),
    String(heads.length),
    String(onces.length),
    String(others.length),
  ];
  return { keys, args, guardIds };
}

function describeRecords(scope: ScopeKeys, item: CommitItem, shape: number[], others: string[]): string {
  let values = '';
  shape.push(item.once.length, item.puts.length);
  for (const { id, value, keepUntilMs, dueAtMs } of item.puts) {
    const place = item.once.indexOf(id) + 1;
    if (place === 0) others.push(scope.record + id);
    // A record that must not exist cannot be due either.
    shape.push(place, Buffer.byteLength(value), keepUntilMs ?? 0, dueAtMs ?? 0, place === 0 ? 1 : 0);
    values += value;
  }
  shape.push(item.deletes.length);
  for (const id of item.deletes) others.push(scope.record + id);
  return values;
}

function describeGuards(item: CommitItem, shape: number[], guards: Map<string, number>): void {
  shape.push(item.guards.length);
  for (const { guardId, delta, floor, keepUntilMs } of item.guards) {
    let index = guards.get(guardId);
    if (index === undefined) {
      index = guards.size + 1;
      guards.set(guardId, index);
    }
    shape.push(index, delta, floor, keepUntilMs ?? 0);
  }
}

/** What `commit.lua` says of an item: 0, or a list that starts with 1 (conflict), 2 (duplicate) or 3 (refused). */
type ItemReply = 0 | readonly [number, ...(string | number)[]];

const committed: CommitResult = { kind: 'committed' };

export function commitResults(items: readonly CommitItem[], call: CommitCall, reply: unknown): readonly CommitResult[] {
  if (reply === items.length) return items.map(() => committed);
  const replies = reply as readonly ItemReply[];
  return items.map((item, index) => resultOf(item, call, replies[index]));
}

function resultOf(item: CommitItem, call: CommitCall, reply: ItemReply | undefined): CommitResult {
  assert(reply !== undefined, 'each item has a reply');
  if (reply === 0) return committed;
  const [kind, ...rest] = reply;
  if (kind === 1) return conflict(String(rest[0]));
  if (kind === 2) return duplicate(item, rest);
  const guardId = call.guardIds[Number(rest[0]) - 1];
  assert(kind === 3 && guardId !== undefined, 'a refusal names a guard of the call');
  return { kind: 'refused', guardId, value: Number(rest[1]) };
}

function conflict(stored: string): CommitResult {
  if (stored === '') return { kind: 'conflict', version: 0, value: undefined };
  return { kind: 'conflict', ...splitHead(stored) };
}

function duplicate(item: CommitItem, pairs: readonly (string | number)[]): CommitResult {
  const records = new Map<string, string>();
  for (let index = 0; index < pairs.length; index += 2) {
    const id = item.once[Number(pairs[index]) - 1];
    assert(id !== undefined, 'a duplicate names a record of once');
    records.set(id, String(pairs[index + 1]));
  }
  return { kind: 'duplicate', records };
}

/** A head is stored as its version, a colon, and its value. */
export function splitHead(stored: string): { readonly version: number; readonly value: string } {
  const colon = stored.indexOf(':');
  return { version: Number(stored.slice(0, colon)), value: stored.slice(colon + 1) };
}
