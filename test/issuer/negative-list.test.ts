/** The negative list of one node: the last order of each card, found again on disk, for as long as it may matter. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { NegativeList } from '../../src/issuer/negative-list.ts';
import type { LockOrder } from '../../src/issuer/negative-list.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';

const dayMs = 86_400_000;
const keepMs = 8 * dayMs;
const startMs = 1_700_000_000_000;
const open: { readonly folder: string; readonly stores: SqliteStore[] }[] = [];

afterEach(async () => {
  for (const { folder, stores } of open.splice(0)) {
    for (const store of stores) await store.close();
    rmSync(folder, { recursive: true });
  }
});

interface Node {
  readonly clock: { nowMs: number };
  list: NegativeList;
  /** As a restart. */
  again(): Promise<void>;
  /** The disk takes nothing any more. */
  lose(): Promise<void>;
}

async function node(): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-list-'));
  const stores: SqliteStore[] = [];
  open.push({ folder, stores });
  const clock = { nowMs: startMs };
  const now = (): number => clock.nowMs;
  const opened = async (): Promise<NegativeList> => {
    const store = await SqliteStore.open({ file: join(folder, 'list.sqlite'), partitions: 1, now });
    stores.push(store);
    return await NegativeList.open({ store, now, keepMs });
  };
  const made: Node = {
    clock, list: await opened(),
    async again() {
      await stores.pop()?.close();
      made.list = await opened();
    },
    async lose() {
      await stores.at(-1)?.close();
    },
  };
  return made;
}

function order(lockCode: number, change: Partial<LockOrder> = {}): LockOrder {
  return { id: `o${lockCode}`, token: 'card-1', lockCode, orderedAtMs: startMs, askedBy: 'staff', by: 'mia', why: 'query', ...change };
}

test('what is listed is listed after a restart, whether its account has it or not', async () => {
  const its = await node();
  expect(await its.list.put(order(3), false)).toBe('listed');
  expect(await its.list.put(order(7, { token: 'card-2' }), true)).toBe('listed');
  await its.again();
  expect(its.list.cards).toEqual([{ ...order(3), heldSinceMs: undefined }, { ...order(7, { token: 'card-2' }), heldSinceMs: startMs }]);
  expect(its.list.lockOf('card-1', undefined)).toBe(3);
  expect(its.list.lockOf('card-3', undefined)).toBe(0);
});

test('the later of two orders of a card holds, in whichever order they come, and the same order again changes nothing', async () => {
  const lock = order(3);
  const unlock = order(0, { orderedAtMs: startMs + 1 });
  for (const turns of [[lock, unlock], [unlock, lock], [lock, unlock, lock, unlock]]) {
    const its = await node();
    await Promise.all(turns.map(async (each) => await its.list.put(each, false)));
    expect(its.list.cards).toEqual([{ ...unlock, heldSinceMs: undefined }]);
    await its.again();
    expect(its.list.cards).toEqual([{ ...unlock, heldSinceMs: undefined }]);
    expect(await its.list.put(lock, false)).toBe('older');
    expect(its.list.lockOf('card-1', undefined)).toBe(0);
  }
});

test('an order that comes after another has a later time, whatever the clock says', async () => {
  const its = await node();
  await its.list.put(order(3, { orderedAtMs: startMs + dayMs }), false);
  expect(its.list.orderTimeMs('card-1')).toBe(startMs + dayMs + 1);
  expect(its.list.orderTimeMs('card-2')).toBe(startMs);
});

test('an account that was seen since it had the order says itself what holds; one that was seen before does not', async () => {
  const its = await node();
  await its.list.put(order(3), false);
  expect(its.list.lockOf('card-1', startMs + dayMs)).toBe(3);
  its.clock.nowMs = startMs + 1_000;
  await its.list.held('card-1', 'o3');
  expect(its.list.find('card-1')?.heldSinceMs).toBe(startMs + 1_000);
  expect(its.list.lockOf('card-1', startMs + 999)).toBe(3);
  // A clock that was set back a little makes no record younger.
  expect(its.list.lockOf('card-1', startMs + 60_000)).toBe(3);
  expect(its.list.lockOf('card-1', startMs + 61_001)).toBe(0);
  expect(its.list.lockOf('card-1', undefined)).toBe(3);
});

test('an order is forgotten when it was kept long enough after its account had it, and no sooner', async () => {
  const its = await node();
  await its.list.put(order(3), true);
  await its.list.put(order(4, { token: 'card-2' }), false);
  its.clock.nowMs = startMs + keepMs;
  await its.again();
  expect(its.list.cards).toHaveLength(2);
  its.clock.nowMs += 1;
  await its.list.put(order(5, { token: 'card-3', orderedAtMs: its.clock.nowMs }), true);
  await its.again();
  expect(its.list.cards.map(({ token }) => token)).toEqual(['card-2', 'card-3']);
  await its.again();
  expect(its.list.cards).toHaveLength(2);
});

test('an order that its account does not take is gone, and a later one that came meanwhile stays', async () => {
  const its = await node();
  await its.list.put(order(3), false);
  await its.list.refused('card-1', 'another');
  expect(its.list.lockOf('card-1', undefined)).toBe(3);
  await Promise.all([its.list.refused('card-1', 'o3'), its.list.put(order(7, { orderedAtMs: startMs + 1 }), false)]);
  await its.again();
  expect(its.list.lockOf('card-1', undefined)).toBe(7);
  await its.list.refused('card-1', 'o7');
  await its.again();
  expect(its.list.cards).toEqual([]);
});

test('where the disk takes nothing a lock counts all the same, an unlock does not, and the caller is told of both', async () => {
  const its = await node();
  await its.list.put(order(3), true);
  await its.lose();
  expect(await its.list.put(order(0, { orderedAtMs: startMs + 1 }), false)).toBe('failed');
  expect(its.list.lockOf('card-1', undefined)).toBe(3);
  expect(await its.list.put(order(2, { token: 'card-2' }), false)).toBe('failed');
  expect(its.list.lockOf('card-2', undefined)).toBe(2);
});
