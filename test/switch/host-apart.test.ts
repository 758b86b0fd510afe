/**
 * A remote issuer's card while the accounts' store is away and something is not known here: what may have happened, and what another switch
 * made of it. Nothing happens twice, and what is reversed is reversed at the issuer.
 */
import { afterEach, expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { StoreUnknown } from '../../src/store/store.ts';
import type { CommitItem, CommitResult, PartitionEpoch } from '../../src/store/store.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, newFolder, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch } from './hosts.ts';
import { lookForDue, writesGo } from './troubles.ts';

afterEach(stopHosts);

const otherPan = '5413330000000027';
const plain = { 37: undefined };

/** Dies with the next commit of a purchase's record, once it is armed: that happens, nobody hears of it, and then nothing answers. */
class DyingStore extends FaultyStore {
  isArmed = false;

  override async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    if (!this.isArmed || !items.some(({ puts }) => puts.some(({ id }) => id.endsWith('.1.a')))) return await super.commit(at, items);
    this.isArmed = false;
    await super.commit(at, items);
    this.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
    throw new StoreUnknown('the connection broke');
  }
}

function newStore(): MemoryStore {
  return new MemoryStore({ partitions: 1, now: () => Date.now() });
}

async function together(at: HostSwitch): Promise<void> {
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'what the file took is in the store');
}

test('what may have been decided before the store went away is decided by nobody until it is back, and is then what it was', async () => {
  const store = new DyingStore(newStore(), undefined);
  const at = await startHostSwitch({ store, answerMs: 2_000 });
  const shop = await at.call();
  store.isArmed = true;
  shop.send(buys(shop, 1, plain));
  await until(() => at.drops.length === 1, 'silence');
  expect(code(await shop.ask(buys(shop, 9, { 2: otherPan })))).toBe('0110 00');
  shop.send(buys(shop, 1, plain, '101'));
  shop.send(buys(shop, 1, plain));
  await until(() => at.drops.length === 3, 'silence for what repeats it');
  store.heal();
  await together(at);
  expect(code(await shop.ask(buys(shop, 1, plain, '101')))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  const issuer = await issuerComes(at);
  await at.delivered();
  // The repeat was decided, and whether anybody told that was not known here.
  expect(issuer.types().toSorted()).toEqual(['0120', '0121', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

test('a repeat of what another switch may have begun is neither sent nor decided while the store is away', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store, hsm })];
  const [first, second] = [await issuerComes(one), await issuerComes(two)];
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  other.send(buys(other, 1, plain, '101'));
  await until(() => two.drops.length === 1, 'silence');
  // What is new is decided.
  expect(code(await other.ask(buys(other, 2)))).toBe('0110 00');
  store.heal();
  await together(two);
  expect(code(await other.ask(buys(other, 1, plain, '101')))).toBe('0110 00');
  expect(first.types()).toEqual(['0100']);
  expect(second.types()).toEqual(['0100']);
});

test('a repeat whose issuer and store are away is not declined where nobody stands in: another switch may have its approval', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const issuer = { mode: 'host' };
  const [one, two] = [await startHostSwitch({ store, hsm, issuer }), await startHostSwitch({ store, hsm, issuer })];
  await issuerComes(one);
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  other.send(buys(other, 1, plain, '101'));
  await until(() => two.drops.length === 1, 'it is not answered');
  // What is new is declined.
  expect(code(await other.ask(buys(other, 2, plain)))).toBe('0110 91');
  store.heal();
  await together(two);
  expect(code(await other.ask(buys(other, 1, plain, '101')))).toBe('0110 00');
});

test('what another switch approved is taken back at the issuer where it is reversed here while the store is away', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const deposit = { program: { creditGuard: true } };
  const [one, two] = [await startHostSwitch({ store, hsm, ...deposit }), await startHostSwitch({ store, hsm, ...deposit })];
  await one.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: 10_000 });
  const first = await issuerComes(one);
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 3, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  const part = { 95: `${'500'.padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` };
  expect(code(await other.ask(reverses(other, 4, 3, { ...plain, ...part })))).toBe('0430 00');
  store.heal();
  await together(two);
  const told = [];
  for (const { id } of two.issuers.advices.waiting('demo-host', 10)) {
    const { content } = (await two.issuers.advices.find(id))!.advice;
    if (content.what === 'decision') told.push([content.replaces?.stan, content.actualMinor]);
  }
  // As the acquirer names them, and as the issuer knows them.
  const [whole, partly] = first.messages().map(({ stan }) => stan);
  expect(told).toEqual([[undefined, undefined], [undefined, 500], [whole, undefined], [partly, 500]]);
  expect((await store.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0]).toBe(10_000 - 500);
  // A repeat tells nothing more.
  expect(code(await other.ask(reverses(other, 2, 1, plain, '421')))).toBe('0430 00');
  expect(two.issuers.backlog('demo-host')).toBe(4);
});

test('what two switches stood in for under one trace, as neither could know of the other, stands once at the issuer', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store, hsm })];
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await other.ask(buys(other, 1, plain)))).toBe('0110 00');
  store.heal();
  await together(two);
  const [first, second] = [await issuerComes(one), await issuerComes(two)];
  await one.delivered();
  await two.delivered();
  expect(first.types()).toEqual(['0120']);
  expect(second.types()).toEqual(['0120', '0420']);
  expect(first.host.exposureMinor(hostPan) + second.host.exposureMinor(hostPan)).toBe(1_250);
});

test('what the issuer approved twice under one trace, by two switches that could not know of each other, is taken back twice', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store, hsm })];
  await issuerComes(one);
  const second = await issuerComes(two);
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await other.ask(buys(other, 1, plain)))).toBe('0110 00');
  store.heal();
  await together(two);
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  await two.delivered();
  expect(second.types()).toEqual(['0100', '0420', '0420']);
  expect(second.host.exposureMinor(hostPan)).toBe(0);
});

test.for([true, false])('what the issuer was asked by a switch that the store is away for, and was approved at another, is taken back without a reversal (it dies before the answer: %s)', async (dies) => {
  const inner = newStore();
  const hsm = openHsm(demoKeyFile());
  const store = new FaultyStore(inner, undefined);
  const folder = newFolder();
  const one = await startHostSwitch({ store, hsm, folder, name: 'one' });
  let aheadMs = 0;
  const two = await startHostSwitch({ store: inner, hsm, name: 'two', now: () => Date.now() + aheadMs });
  const named: (string | undefined)[] = [];
  writesGo(two, async (write, advice) => {
    if (advice.content.what === 'decision') named.push(advice.content.replaces?.stan);
    return await write(advice);
  });
  const [first, second] = [await issuerComes(one, dies ? [{ match: { mti: 'x100' }, do: 'drop' }] : []), await issuerComes(two)];
  const [shop, other] = [await one.call(), await two.call()];
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  if (dies) {
    shop.send(buys(shop, 1, plain));
    await until(() => first.types().length === 1, 'it is in flight');
    writesGo(one, async () => await new Promise(() => undefined));
    await one.stop();
  } else expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  expect(code(await other.ask(buys(other, 1, plain, '101')))).toBe('0110 00');
  store.heal();
  const again = dies ? await startHostSwitch({ store, hsm, folder, name: 'one' }) : one;
  await together(again);
  aheadMs = 60_000;
  await lookForDue(two, () => Date.now() + aheadMs);
  await lookForDue(two, () => Date.now() + aheadMs);
  await two.delivered();
  const [asked] = first.messages();
  expect(named).toEqual([asked?.stan]);
  // The acquirer's own reversal takes back what stands.
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  await two.delivered();
  expect(named.slice(1).toSorted()).toEqual([asked?.stan, second.messages()[0]?.stan].toSorted());
});

test('what two switches have told the issuer, one of them while the store is away, is in the story once', async () => {
  const inner = newStore();
  const hsm = openHsm(demoKeyFile());
  const store = new FaultyStore(inner, undefined);
  const [one, two] = [await startHostSwitch({ store: inner, hsm }), await startHostSwitch({ store, hsm })];
  const shop = await one.call();
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  await issuerComes(one);
  await one.delivered();
  const told = (await one.entries()).find(({ flags }) => flags.includes('issuerTold'))!;
  const another = { ...told, id: 'another-told' };
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  for (const entry of [told, another]) two.issuers.note(told.cardToken, entry);
  await until(() => two.lines.some(({ event }) => event === 'switch counts apart'), 'it is in this node’s file');
  store.heal();
  await together(two);
  one.issuers.note(told.cardToken, another);
  expect(code(await shop.ask(buys(shop, 2, plain)))).toBe('0110 00');
  const ids = (await one.entries()).map(({ id }) => id);
  expect([told.id, another.id].map((id) => ids.filter((each) => each === id).length)).toEqual([1, 1]);
});

test('what the issuer took back while the store is away is held of the deposit no longer when it is back', async () => {
  const store = new FaultyStore(newStore(), undefined);
  const at = await startHostSwitch({ store, program: { creditGuard: true }, issuer: { ...silent, assuredResponse: false } });
  await at.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: 10_000 });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }, { match: { mti: '420' }, do: 'delay', ms: 1_500 }]);
  const shop = await at.call();
  shop.send(buys(shop, 1));
  await until(() => at.drops.length === 1, 'silence');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  await at.delivered();
  store.heal();
  await together(at);
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect((await store.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0]).toBe(10_000);
});

/** Takes nothing more from some moment on, and does not say so. */
class HangingStore extends FaultyStore {
  hangs = false;

  override async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    return this.hangs ? await new Promise<never>(() => undefined) : await super.commit(at, items);
  }
}

test('what the issuer took back is told again until it is on record that it is held of the deposit no longer', async () => {
  const inner = newStore();
  const hsm = openHsm(demoKeyFile());
  const store = new HangingStore(inner, undefined);
  const rows = { program: { creditGuard: true }, issuer: { ...silent, assuredResponse: false } };
  const at = await startHostSwitch({ store, hsm, name: 'one', ...rows });
  await at.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: 10_000 });
  await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }, { match: { mti: '420' }, do: 'delay', ms: 1_500 }]);
  const shop = await at.call();
  shop.send(buys(shop, 1));
  await until(() => at.drops.length === 1, 'silence');
  store.hangs = true;
  await until(() => at.logged.some(({ answerMti }) => answerMti === '0430'), 'the issuer has answered');
  await at.stop();
  const next = await startHostSwitch({ store: inner, hsm, name: 'two', folder: at.folder, ...rows });
  const again = await issuerComes(next);
  await next.delivered();
  expect(again.types()).toEqual(['0421']);
  expect((await inner.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0]).toBe(10_000);
});
