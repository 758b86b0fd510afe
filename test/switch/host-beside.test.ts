/** A switch alone with its store: the advice of a decision in stand-in is on disk in the same step as the decision, and nowhere else. */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { CommitItem, OwnRecords, Store } from '../../src/store/store.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, newFolder, reverses, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, HostSwitchOptions } from './hosts.ts';

const stores: SqliteStore[] = [];

afterEach(async () => {
  await stopHosts();
  for (const store of stores.splice(0)) await store.close();
});

async function openStore(folder: string, bytesMax?: number): Promise<SqliteStore> {
  const store = await SqliteStore.open({ file: join(folder, 'store.sqlite'), partitions: 1, now: Date.now, bytesMax });
  stores.push(store);
  return store;
}

async function startAlone(folder: string, store: Store, more: HostSwitchOptions = {}): Promise<HostSwitch> {
  return await startHostSwitch({ folder, store, isStoreShared: false, name: 'alone', ...more });
}

/** The same files as a crash would leave them, for another switch. */
async function crashed(folder: string): Promise<{ readonly folder: string; readonly store: SqliteStore }> {
  const left = newFolder();
  cpSync(folder, left, { recursive: true });
  return { folder: left, store: await openStore(left) };
}

/** Every commit of items, in order, and held back while `gate` says so. */
function watched(store: SqliteStore, items: CommitItem[], gate: () => Promise<void> = () => Promise.resolve()): Store {
  return new Proxy<Store>(store, {
    get(target, name) {
      if (name === 'commit') {
        return async (...[at, all]: Parameters<Store['commit']>) => {
          items.push(...all);
          await gate();
          return await target.commit(at, all);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const everywhere = { partition: 0, epoch: 1 };

async function waitingIn(own: OwnRecords): Promise<readonly string[]> {
  return (await own.due(everywhere, Infinity, 100)).map(({ id }) => id);
}

test('a decision and its advice are one item of one commit', async () => {
  const folder = newFolder();
  const store = await openStore(folder);
  const items: CommitItem[] = [];
  const at = await startAlone(folder, watched(store, items));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const decided = items.filter(({ entries }) => entries.length > 0);
  expect(decided).toHaveLength(1);
  expect(decided[0]).toMatchObject({ head: { accountId: expect.stringMatching(/^c:/) }, own: [{ id: expect.stringMatching(/^a\./) }] });
  expect(await waitingIn(store.own)).toEqual(decided[0]!.own!.map(({ id }) => id));
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120']);
  expect(await waitingIn(store.own)).toEqual([]);
});

test('after a crash every decision is told, once, in the order of its card', async () => {
  const folder = newFolder();
  const store = await openStore(folder);
  const at = await startAlone(folder, store);
  const shop = await at.call();
  const answers: string[] = [];
  for (let stan = 1; stan <= 8; stan += 1) answers.push(code(await shop.ask(buys(shop, stan))));
  expect(answers.filter((answer) => answer === '0110 00').length).toBeGreaterThan(2);
  const left = await crashed(folder);
  const next = await startAlone(left.folder, left.store, { hsm: at.hsm });
  const again = await next.call();
  // Its advice waits on the disk already.
  expect(code(await again.ask(buys(again, 1, {}, '101')))).toBe('0110 00');
  const issuer = await issuerComes(next);
  await next.delivered();
  expect(issuer.types()).toEqual(answers.map(() => '0120'));
  expect(issuer.messages().map(({ rrn }) => Number(rrn?.slice(-6)))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
});

test('what the issuer has taken is not told again when its repeat comes after a restart', async () => {
  const folder = newFolder();
  const store = await openStore(folder);
  const at = await startAlone(folder, store);
  const shop = await at.call();
  const first = await shop.ask(buys(shop, 1));
  await issuerComes(at);
  await at.delivered();
  const left = await crashed(folder);
  const next = await startAlone(left.folder, left.store, { hsm: at.hsm });
  const again = await next.call();
  const repeat = await again.ask(buys(again, 1, {}, '101'));
  expect([repeat.text(39), repeat.text(38)]).toEqual(['00', first.text(38)]);
  expect(next.issuers.backlog('demo-host')).toBe(0);
});

test('what waits in the embedded store’s file is told, once and first, by a node whose accounts are in another store now', async () => {
  const folder = newFolder();
  const at = await startAlone(folder, await openStore(folder));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  await at.stop();
  await stores.pop()!.close();
  const moved = await startHostSwitch({ folder, hsm: at.hsm, name: 'alone' });
  expect(moved.issuers.backlog('demo-host')).toBe(1);
  const there = await moved.call();
  expect(code(await there.ask(buys(there, 2)))).toBe('0110 00');
  const issuer = await issuerComes(moved);
  await moved.delivered();
  expect(issuer.messages().map(({ mti, rrn }) => [mti, Number(rrn?.slice(-6))])).toEqual([['0120', 1], ['0120', 2]]);
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
  await moved.stop();
  const again = await startHostSwitch({ folder, hsm: at.hsm, name: 'alone' });
  expect(again.issuers.backlog('demo-host')).toBe(0);
});

test('an embedded store’s file that cannot be read keeps no switch from its accounts elsewhere, and is in the log', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'store.sqlite'), 'no database at all');
  const at = await startHostSwitch({ folder });
  expect(at.lines.filter(({ event }) => event === 'embedded store not read')).toHaveLength(1);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
});

test('a reversal is told after the decision that it takes back', async () => {
  const folder = newFolder();
  const at = await startAlone(folder, await openStore(folder));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 2, 1)))).toBe('0430 00');
  const left = await crashed(folder);
  const next = await startAlone(left.folder, left.store, { hsm: at.hsm });
  const issuer = await issuerComes(next);
  await next.delivered();
  expect(issuer.types()).toEqual(['0120', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
  expect(issuer.host.summary).toMatchObject({ reversalsUnknown: 0 });
});

test('a decision that comes to the disk after its time is answered by nobody, told, and taken back by the acquirer’s reversal', async () => {
  const folder = newFolder();
  const items: CommitItem[] = [];
  let opened = Promise.resolve();
  const at = await startAlone(folder, watched(await openStore(folder), items, () => opened), { answerMs: 600 });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const { promise, resolve } = Promise.withResolvers<void>();
  opened = promise;
  shop.send(buys(shop, 2));
  await until(() => items.some(({ entries, own }) => own !== undefined && entries.some((entry) => entry.includes('000000000002'))), 'it is on its way to the disk');
  await until(() => at.drops.length > 0, 'its time is over');
  resolve();
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0120']);
  expect(code(await shop.ask(reverses(shop, 3, 2)))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 1_250, 'what nobody was answered is taken back');
});

test('a disk that is full takes neither a decision nor its advice: the answer is a decline, and nothing of it counts', async () => {
  const folder = newFolder();
  const store = await openStore(folder, 600_000);
  const at = await startAlone(folder, store, { adviceBytesMax: 150_000, issuer: { standIn: {
    version: 1, currency: 'EUR', unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] },
    outageCaps: { issuer: { amountMinorMax: 100_000_000 } },
  } } });
  const shop = await at.call();
  let approved = 0;
  let last = '';
  for (let stan = 1; stan <= 900 && last !== '0110 96'; stan += 1) {
    last = code(await shop.ask(buys(shop, stan)));
    if (last === '0110 00') approved += 1;
  }
  expect(last).toBe('0110 96');
  expect(approved).toBeGreaterThan(20);
  await at.stop();
  await stores.pop()!.close();
  const next = await startAlone(folder, await openStore(folder), { hsm: at.hsm });
  const issuer = await issuerComes(next);
  await until(() => issuer.host.exposureMinor(hostPan) === approved * 1_250, 'the issuer’s book has what was approved, and no more');
  await next.delivered();
  expect(issuer.host.exposureMinor(hostPan)).toBe(approved * 1_250);
});
