import { fork } from 'node:child_process';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { creditGuardId } from '../../src/account/change.ts';
import { decodeEntry } from '../../src/account/journal.ts';
import { GuardRoom, guardsOf } from '../../src/issuer/guard-room.ts';
import { decideNow, expireDue, type Ledger } from '../../src/issuer/ledger.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { FaultyStore, type FaultKind } from '../fault/faulty-store.ts';
import { startRedis } from '../servers/redis.ts';
import { audit } from './audit.ts';
import {
  accountIn, cardMessage, draw, nowMs, openAccount, openSwitch, reasonOf, recordDays, reversalOf, submit, until,
} from './fixture.ts';

const partitions = 8;
const partner = 'partner';
const guardId = creditGuardId(partner);
const dayMs = 86_400_000;
const faults = { before: 'before it is made', after: 'with its answer lost', lost: 'lost itself' } satisfies Record<FaultKind, string>;

function guardRoom(store: Store, now = () => nowMs): GuardRoom {
  return new GuardRoom({ store, now, elapsed: () => performance.now(), newId: draw });
}

interface Partnered {
  readonly store: Store;
  readonly room: GuardRoom;
  readonly ledger: Ledger;
}

async function partnered(store: Store = new MemoryStore({ partitions, now: () => nowMs })): Promise<Partnered> {
  const room = guardRoom(store);
  return { store, room, ledger: await openSwitch({ store, findGuardRoom: room.findGuardRoom }) };
}

async function buy(ledger: Ledger, accountId: string, amountMinor: number): Promise<string> {
  return reasonOf(await submit(ledger, accountId, cardMessage(accountId, { amountMinor, creditGuard: true })));
}

async function slices(store: Store): Promise<number[]> {
  const found: number[] = [];
  for (const [partition, epoch] of (await store.epochs()).entries()) found.push((await store.guards({ partition, epoch }, [guardId]))[0] ?? 0);
  return found;
}

async function finishTransfers(store: Store, ledger: Ledger): Promise<void> {
  const now = (): number => Math.max(nowMs, Date.now()) + 60_000;
  await expireDue({ store, ledger, now, newId: draw, recordDays, transfers: guardRoom(store, now) });
}

describe('a partner’s credit balance', () => {
  it('is what a deposit was held of before it had a balance of its own: that is brought over once, whoever does it, and what was loaded is not loaded again', async () => {
    const { store, room } = await partnered();
    const deposit = `${partner}/deposit`;
    const load = { id: `${partner}:first`, amountMinor: 1_003 };
    expect(await room.loadGuard({ ...load, partner })).toBe('loaded');
    await Promise.all([room.separateDeposit(partner, false), guardRoom(store).separateDeposit(partner, false)]);
    expect(await Promise.all([room.guardTotal(partner), room.guardTotal(deposit)])).toEqual([0, 1_003]);
    expect(await room.loadGuard({ ...load, partner: deposit })).toBe('repeat');
    expect(await room.loadGuard({ ...load, amountMinor: 1_004, partner: deposit })).toBe('conflict');
    expect(await room.loadGuard({ id: `${partner}:second`, partner: deposit, amountMinor: 7 })).toBe('loaded');
    // What is loaded for balances held here later stays there.
    expect(await room.loadGuard({ id: `${partner}:third`, partner, amountMinor: 40 })).toBe('loaded');
    await room.separateDeposit(partner, false);
    expect(await Promise.all([room.guardTotal(partner), room.guardTotal(deposit)])).toEqual([40, 1_010]);
    const entries = await Promise.all((await store.epochs()).map(async (epoch, of) => await store.tail({ partition: of, epoch }, undefined, 10_000)));
    const counted = guardsOf(entries.flat().map(({ value }) => decodeEntry(value)));
    expect([counted.get(guardId), counted.get(`${guardId}/deposit`)]).toEqual([40, 1_010]);
  });

  it('stays that of users whose balances are held here, where the partner has such too, and an id is one load’s', async () => {
    const { room } = await partnered();
    const load = { id: `${partner}:first`, amountMinor: 1_003 };
    expect(await room.loadGuard({ ...load, partner })).toBe('loaded');
    await room.separateDeposit(partner, true);
    await room.separateDeposit(partner, false);
    expect(await Promise.all([room.guardTotal(partner), room.guardTotal(`${partner}/deposit`)])).toEqual([1_003, 0]);
    expect(await room.loadGuard({ ...load, partner: `${partner}/deposit` })).toBe('conflict');
  });

  it.each(Object.keys(faults))('brings a deposit over whole, where any call to its store fails: %s', async (kind) => {
    for (let step = 1; ; step += 1) {
      const inner = new MemoryStore({ partitions: 3, now: () => nowMs });
      await guardRoom(inner).loadGuard({ id: 'first', partner, amountMinor: 1_000 });
      const store = new FaultyStore(inner, { nth: step, kind: kind as FaultKind, persistent: true, on: 'all' });
      await guardRoom(store).separateDeposit(partner, false).catch(() => undefined);
      await guardRoom(inner).separateDeposit(partner, false);
      expect(await Promise.all([guardRoom(inner).guardTotal(partner), guardRoom(inner).guardTotal(`${partner}/deposit`)]), `step ${step}`).toEqual([0, 1_000]);
      if (store.met === 0) return;
    }
  });

  it('is spread over the partitions evenly', async () => {
    const { store, room } = await partnered();
    expect(await room.loadGuard({ id: 'first', partner, amountMinor: 1_003 })).toBe('loaded');
    expect((await slices(store)).sort()).toEqual([125, 125, 125, 125, 125, 125, 125, 128]);
    expect(await room.guardTotal(partner)).toBe(1_003);
  });

  it('is spent from one account to the last cent, whatever partition it lies in', async () => {
    const { store, room, ledger } = await partnered();
    const accountId = accountIn(5, partitions);
    await openAccount(ledger, accountId, 1_000_000);
    await room.loadGuard({ id: 'first', partner, amountMinor: 1_000 });
    for (const amountMinor of [130, 300, 1, 400, 168]) expect(await buy(ledger, accountId, amountMinor)).toBe('0000');
    expect(await buy(ledger, accountId, 2)).toBe('1820');
    expect(await buy(ledger, accountId, 1)).toBe('0000');
    expect(await buy(ledger, accountId, 1)).toBe('1820');
    expect(await slices(store)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    await audit(store);
  });

  it('is spent by many purchases at once, in order, and the one that it does not cover takes nothing', async () => {
    const { store, room, ledger } = await partnered();
    const accountId = accountIn(1, partitions);
    await openAccount(ledger, accountId, 1_000_000);
    await room.loadGuard({ id: 'first', partner, amountMinor: 500 });
    const reasons = await Promise.all([200, 200, 150, 60, 40, 1].map((amountMinor) => buy(ledger, accountId, amountMinor)));
    expect(reasons).toEqual(['0000', '0000', '1820', '0000', '0000', '1820']);
    const { availableMinor } = await audit(store);
    expect(availableMinor.get(accountId)).toBe(1_000_000 - 500);
    expect(await room.guardTotal(partner)).toBe(0);
  });

  it('keeps what a decline did not take, and gets back what is reversed or runs out', async () => {
    const { store, room, ledger } = await partnered();
    const accountId = accountIn(3, partitions);
    await openAccount(ledger, accountId, 500);
    await room.loadGuard({ id: 'first', partner, amountMinor: 1_000 });
    expect(await buy(ledger, accountId, 501)).toBe('1016');
    expect(await room.guardTotal(partner)).toBe(1_000);
    const purchase = cardMessage(accountId, { amountMinor: 400, creditGuard: true });
    await submit(ledger, accountId, purchase);
    expect(await room.guardTotal(partner)).toBe(600);
    await submit(ledger, accountId, reversalOf(purchase));
    expect(await room.guardTotal(partner)).toBe(1_000);
    expect(await buy(ledger, accountId, 300)).toBe('0000');
    await expireDue({ store, ledger, now: () => nowMs + 6 * dayMs, newId: draw, recordDays });
    expect(await room.guardTotal(partner)).toBe(1_000);
    await audit(store);
  });

  it('does not refuse what has happened already: an advice takes it below nothing', async () => {
    const { store, room, ledger } = await partnered();
    const accountId = accountIn(3, partitions);
    await openAccount(ledger, accountId, 500);
    const advice = cardMessage(accountId, { mti: '0120', function: 'advice', amountMinor: 70, creditGuard: true });
    expect(reasonOf(await submit(ledger, accountId, advice))).toBe('9001');
    expect(await room.guardTotal(partner)).toBe(-70);
    expect(await buy(ledger, accountId, 1)).toBe('1820');
    await room.loadGuard({ id: 'first', partner, amountMinor: 100 });
    expect(await buy(ledger, accountId, 30)).toBe('0000');
    expect(await room.guardTotal(partner)).toBe(0);
    await audit(store);
  });

  it('is loaded once for each id; another amount under the id is refused', async () => {
    const { room } = await partnered();
    expect(await room.loadGuard({ id: 'first', partner, amountMinor: 800 })).toBe('loaded');
    expect(await room.loadGuard({ id: 'first', partner, amountMinor: 800 })).toBe('repeat');
    expect(await room.loadGuard({ id: 'first', partner, amountMinor: 801 })).toBe('conflict');
    expect(await room.loadGuard({ id: 'second', partner, amountMinor: -700 })).toBe('loaded');
    expect(await room.loadGuard({ id: 'second', partner, amountMinor: -700 })).toBe('repeat');
    expect(await room.loadGuard({ id: 'third', partner, amountMinor: -101 })).toBe('refused');
    expect(await room.guardTotal(partner)).toBe(100);
  });

  it('is never overspent by three switches at once, and what they leave can be spent', async () => {
    const loadedMinor = 20_000;
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), fc.nat(partitions - 1), fc.integer({ min: 1, max: 900 })), { minLength: 60, maxLength: 90 }), async (purchases) => {
      const store = new MemoryStore({ partitions, now: () => nowMs });
      const switches = await Promise.all([partnered(store), partnered(store), partnered(store)]);
      const [{ ledger, room }] = switches as [Partnered, ...Partnered[]];
      const accounts = Array.from({ length: partitions }, (_, partition) => accountIn(partition, partitions));
      for (const accountId of accounts) await openAccount(ledger, accountId, 1_000_000);
      await room.loadGuard({ id: 'first', partner, amountMinor: loadedMinor });
      const reasons = await Promise.all(purchases.map(async ([at, account, amountMinor]) => {
        return await buy(switches[at]?.ledger ?? ledger, accounts[account] as string, amountMinor);
      }));
      const spentMinor = purchases.reduce((sum, [, , amountMinor], index) => sum + (reasons[index] === '0000' ? amountMinor : 0), 0);
      expect(new Set(reasons).difference(new Set(['0000', '1820']))).toEqual(new Set());
      expect(await room.guardTotal(partner)).toBe(loadedMinor - spentMinor);
      for (const slice of await slices(store)) expect(slice).toBeGreaterThanOrEqual(0);
      const leftMinor = loadedMinor - spentMinor;
      // A switch that found too little a moment ago may believe so a moment longer.
      if (leftMinor > 0) await until(async () => (await buy(ledger, accounts[0] as string, leftMinor)) === '0000', 'the rest is spent');
      await audit(store);
    }), { numRuns: 12 });
  });

  for (const kind of ['before', 'after', 'lost'] satisfies FaultKind[]) {
    it(`arrives whole when the process ends at any call of a transfer, ${faults[kind]}`, async () => {
      for (let nth = 1; ; nth += 1) {
        const real = new MemoryStore({ partitions, now: () => nowMs });
        const { ledger, room } = await partnered(real);
        await room.loadGuard({ id: 'first', partner, amountMinor: 1_000 });
        const store = new FaultyStore(real, { nth, kind, persistent: true, on: 'all' });
        const found = await guardRoom(store).findGuardRoom(2, guardId, 900).catch(() => false);
        await Promise.all([finishTransfers(real, ledger), finishTransfers(real, ledger)]);
        expect(await room.guardTotal(partner)).toBe(1_000);
        for (const slice of await slices(real)) expect(slice).toBeGreaterThanOrEqual(0);
        for (const [partition, epoch] of (await real.epochs()).entries()) expect(await real.due({ partition, epoch }, Infinity, 10)).toEqual([]);
        await audit(real);
        if (store.met > 0) continue;
        expect(found).toBe(true);
        expect(nth).toBeGreaterThan(20);
        break;
      }
    });

    it(`is loaded once when the process ends at any call, ${faults[kind]}, and the caller asks again`, async () => {
      for (let nth = 1; ; nth += 1) {
        const real = new MemoryStore({ partitions, now: () => nowMs });
        const { ledger, room } = await partnered(real);
        const store = new FaultyStore(real, { nth, kind, persistent: true, on: 'all' });
        await guardRoom(store).loadGuard({ id: 'first', partner, amountMinor: 1_000 }).catch(() => undefined);
        expect(['loaded', 'repeat']).toContain(await room.loadGuard({ id: 'first', partner, amountMinor: 1_000 }));
        await finishTransfers(real, ledger);
        expect(await room.guardTotal(partner)).toBe(1_000);
        await audit(real);
        if (store.met === 0) break;
      }
    });
  }

  it('arrives whole on Redis when the processes that move it are killed', async () => {
    const server = await startRedis({ appendfsync: 'no' });
    const store = await RedisStore.open({ url: server.url, partitions, commandTimeoutMs: 5_000, replicasMin: 0 });
    try {
      const { ledger, room } = await partnered(store);
      await room.loadGuard({ id: 'first', partner, amountMinor: 100_000 });
      for (let killed = 0; killed < 3; killed += 1) {
        const children = [0, 1].map((seed) => fork(new URL('./guard-mover.ts', import.meta.url), [server.url, String(partitions), partner, String(seed)]));
        await Promise.all(children.map((child) => once(child, 'message')));
        const endings = children.map((child) => once(child, 'exit'));
        for (const child of children) child.kill('SIGKILL');
        await Promise.all(endings);
      }
      await finishTransfers(store, ledger);
      expect(await room.guardTotal(partner)).toBe(100_000);
      for (const slice of await slices(store)) expect(slice).toBeGreaterThanOrEqual(0);
      const accountId = accountIn(0, partitions);
      await openAccount(ledger, accountId, 1_000_000);
      expect(await buy(ledger, accountId, 100_000)).toBe('0000');
      await audit(store);
      const loaded = await decideNow(ledger, accountId, { kind: 'load', id: 'after', accountId, receivedAtMs: nowMs, amountMinor: 1 });
      expect(reasonOf(loaded)).toBe('0000');
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
