/**
 * Compares one commit item with what is stored, before anything of it is written. The engines that run in this process
 * share it; the Redis engine says the same in `commit.lua`. It reads through a view and writes nothing, so an item that
 * does not pass leaves nothing behind.
 */
import type { CommitItem, CommitResult, Head } from './store.ts';

/** What an engine holds at this moment of its transaction. */
export interface StoreView {
  head(accountId: string): Head | undefined;
  record(id: string): string | undefined;
  /** 0 where there is no such counter. */
  guard(guardId: string): number;
}

/** @returns the first reason why the item cannot be written, in the contract's order; undefined where it can. */
export function judge(item: CommitItem, view: StoreView): CommitResult | undefined {
  return judgeOnce(item.once, view) ?? judgeHead(item, view) ?? judgeGuards(item, view);
}

function judgeOnce(once: readonly string[], view: StoreView): CommitResult | undefined {
  let records: Map<string, string> | undefined;
  for (const id of once) {
    const value = view.record(id);
    if (value === undefined) continue;
    records ??= new Map();
    records.set(id, value);
  }
  return records === undefined ? undefined : { kind: 'duplicate', records };
}

function judgeHead(item: CommitItem, view: StoreView): CommitResult | undefined {
  if (item.head === undefined) return undefined;
  const current = view.head(item.head.accountId);
  const version = current?.version ?? 0;
  if (version === item.head.expectedVersion) return undefined;
  return { kind: 'conflict', version, value: current?.value };
}

function judgeGuards(item: CommitItem, view: StoreView): CommitResult | undefined {
  if (item.guards.length === 0) return undefined;
  const moved = new Map<string, number>();
  for (const { guardId, delta, floor } of item.guards) {
    const value = moved.get(guardId) ?? view.guard(guardId);
    if (delta < 0 && value + delta < floor) return { kind: 'refused', guardId, value };
    moved.set(guardId, value + delta);
  }
  return undefined;
}
