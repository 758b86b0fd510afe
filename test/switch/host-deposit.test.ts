/**
 * A partner's deposit under a remote issuer's cards, over real sockets: what is left of it after whatever may become of a transaction. After
 * each test the counter, the journal and what the records say is held agree to the cent.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { guardsOf } from '../../src/issuer/guard-room.ts';
import { expireDue } from '../../src/issuer/ledger.ts';
import { decodeEntry } from '../../src/account/journal.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { until } from './fixture.ts';
import { accountIn, cardMessage, openAccount, openSwitch, reasonOf, reversalOf, submit } from '../issuer/fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, HostSwitchOptions } from './hosts.ts';

afterEach(stopHosts);

const guardId = 'credit:demo/deposit';
const otherPan = '5413330000000027';

async function left(store: Store): Promise<number> {
  let sum = 0;
  for (const [partition, epoch] of (await store.epochs()).entries()) sum += (await store.guards({ partition, epoch }, [guardId]))[0] ?? 0;
  return sum;
}

/** By the journal alone. */
async function booked(store: Store): Promise<number> {
  let sum = 0;
  for (const [partition, epoch] of (await store.epochs()).entries()) {
    const entries = await store.tail({ partition, epoch }, undefined, 10_000);
    sum += guardsOf(entries.map(({ value }) => decodeEntry(value))).get(guardId) ?? 0;
  }
  return sum;
}

async function withDeposit(amountMinor: number, options: HostSwitchOptions = {}): Promise<HostSwitch> {
  const at = await startHostSwitch({ ...options, program: { creditGuard: true, ...options.program } });
  if (amountMinor > 0) expect(await at.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor })).toBe('loaded');
  return at;
}

/** What is left once the last of it is on record. */
async function leaves(at: HostSwitch, amountMinor: number, store = at.store): Promise<void> {
  const endMs = performance.now() + 15_000;
  while (await left(store) !== amountMinor && performance.now() < endMs) await turn();
  expect(await left(store)).toBe(amountMinor);
  expect(await booked(store)).toBe(amountMinor);
}

/** A store for one switch that stops in the middle of its life: what it calls never comes back. */
function frozenWhen(isFrozen: () => boolean, store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => (isFrozen() && name !== 'close' ? new Promise(() => undefined) : Reflect.apply(value, target, given));
    },
  });
}

test('a deposit in another currency is held at the rate of the request, given back as it was held, and without a rate the request is declined at once', async () => {
  const rate = { from: '978', to: '840', buy: '1.05', sell: '1.5', date: '2026-11-20' };
  const at = await withDeposit(3_000, { program: { creditCurrency: 'USD' }, rates: [rate] });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  await leaves(at, 1_125);
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000000751' })))).toBe('0110 51');
  expect(code(await shop.ask(reverses(shop, 3, 1)))).toBe('0430 00');
  await leaves(at, 3_000);
  expect(issuer.types().filter((type) => type === '0100')).toHaveLength(1);
  const without = await withDeposit(3_000, { program: { creditCurrency: 'USD' } });
  const idle = await issuerComes(without);
  const other = await without.call();
  expect(code(await other.ask(buys(other, 1)))).toBe('0110 05');
  expect((await without.entries()).at(-1)).toMatchObject({ reason: '1821', decidedBy: 'switch', approved: false });
  expect(idle.types()).toEqual([]);
  await leaves(without, 3_000);
});

test('what users spend of balances held here and of those that the partner holds is two balances, each spent by its own', async () => {
  const at = await startHostSwitch({ program: { creditGuard: true, partner: 'partner' } });
  await at.guards.loadGuard({ id: 'credit', partner: 'partner', amountMinor: 500 });
  await at.guards.loadGuard({ id: 'deposit', partner: 'partner/deposit', amountMinor: 2_500 });
  const both = async (): Promise<readonly number[]> => await Promise.all([at.guards.guardTotal('partner'), at.guards.guardTotal('partner/deposit')]);
  await issuerComes(at);
  const shop = await at.call();
  const own = await openSwitch({ store: at.store, findGuardRoom: at.guards.findGuardRoom });
  const accountId = accountIn(0, 1);
  await openAccount(own, accountId, 10_000);
  const bought = cardMessage(accountId, { amountMinor: 400, creditGuard: true });
  expect(reasonOf(await submit(own, accountId, bought))).toBe('0000');
  expect(await both()).toEqual([100, 2_500]);
  expect(reasonOf(await submit(own, accountId, cardMessage(accountId, { amountMinor: 101, creditGuard: true })))).toBe('1820');
  expect([code(await shop.ask(buys(shop, 1))), code(await shop.ask(buys(shop, 2, { 2: otherPan })))]).toEqual(['0110 00', '0110 00']);
  expect(await both()).toEqual([100, 0]);
  expect(code(await shop.ask(buys(shop, 3, { 4: '000000000100' })))).toBe('0110 51');
  expect(reasonOf(await submit(own, accountId, reversalOf(bought)))).toBe('4000');
  expect(code(await shop.ask(reverses(shop, 4, 1)))).toBe('0430 00');
  await expect.poll(both).toEqual([500, 1_250]);
  own.close();
});

test('what the deposit does not cover is declined for the partner’s balance, and never goes to the issuer or to stand-in', async () => {
  const at = await withDeposit(3_000);
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect([code(await shop.ask(buys(shop, 1))), code(await shop.ask(buys(shop, 2, { 2: otherPan }))), code(await shop.ask(buys(shop, 3)))]).toEqual(['0110 00', '0110 00', '0110 51']);
  expect(issuer.types()).toEqual(['0100', '0100']);
  const entry = (await at.entries()).find(({ stan }) => stan === '3');
  expect(entry).toMatchObject({ reason: '1820', decidedBy: 'switch', approved: false, flags: ['depositNotCovered'] });
  // Its repeat is answered as before, and a smaller one fits.
  expect(code(await shop.ask(buys(shop, 3, {}, '101')))).toBe('0110 51');
  expect(code(await shop.ask(buys(shop, 4, { 4: '000000000500' })))).toBe('0110 00');
  await leaves(at, 0);
});

test('an issuer’s decline, and what it approved in part, hold nothing and a part', async () => {
  const at = await withDeposit(10_000);
  await issuerComes(at, [{ match: { mti: '100', amountMinor: 1_200 }, do: 'decline', code: '51' }, { match: { mti: '200', amountMinor: 2_000 }, do: 'partial', amountMinor: 700 }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000001200' })))).toBe('0110 51');
  await leaves(at, 10_000);
  const part = await shop.ask(buys(shop, 2, { 4: '000000002000' }, '200'));
  await at.delivered();
  await leaves(at, 10_000 - (part.text(39) === '10' ? 700 : part.text(39) === '00' ? Number(part.text(4)) : 0));
});

test('repeats, in flight, later, and at another switch, take of it once', async () => {
  const hsm = openHsm(demoKeyFile());
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const one = await withDeposit(10_000, { store, hsm });
  const other = await withDeposit(0, { store, hsm });
  await issuerComes(one, [{ match: { mti: '100' }, do: 'late', ms: 1_000 }]);
  await issuerComes(other);
  const [shop, elsewhere] = [await one.call(), await other.call()];
  shop.send(buys(shop, 1));
  shop.send(buys(shop, 1, {}, '101'));
  await leaves(one, 8_750);
  expect([code(await elsewhere.ask(buys(elsewhere, 1, {}, '101'))), code(await shop.next()), code(await shop.next())]).toEqual(['0110 00', '0110 00', '0110 00']);
  expect(code(await shop.ask(buys(shop, 1, {}, '101')))).toBe('0110 00');
  await leaves(one, 8_750);
});

test('a reversal gives back all, one in parts what each part says, and a repeat of it nothing more', async () => {
  const at = await withDeposit(10_000);
  await issuerComes(at);
  const shop = await at.call();
  const actual = (minor: number): Readonly<Record<number, string>> => ({ 95: `${String(minor).padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` });
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  await leaves(at, 8_750);
  expect(code(await shop.ask(reverses(shop, 2, 1, actual(1_000))))).toBe('0430 00');
  await leaves(at, 9_000);
  expect(code(await shop.ask(reverses(shop, 3, 1, actual(500))))).toBe('0430 00');
  await leaves(at, 9_500);
  expect(code(await shop.ask(reverses(shop, 4, 1)))).toBe('0430 00');
  await leaves(at, 10_000);
  expect(code(await shop.ask(reverses(shop, 4, 1, {}, '421')))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 5, 1)))).toBe('0430 00');
  await leaves(at, 10_000);
});

test('a reversal that comes while the issuer is asked gives back once, whatever the issuer answers', async () => {
  const at = await withDeposit(10_000);
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'late', ms: 2_000 }]);
  const shop = await at.call();
  shop.send(buys(shop, 1));
  await until(() => issuer.host.exposureMinor(hostPan) > 0, 'the issuer has the request');
  await leaves(at, 8_750);
  shop.send(reverses(shop, 2, 1));
  // In whichever order: the reversal's own disk may be slower than the issuer.
  expect([code(await shop.next()), code(await shop.next())].toSorted()).toEqual(['0110 94', '0430 00']);
  await at.delivered();
  await leaves(at, 10_000);
});

test('what nobody answered stays held until the issuer has acknowledged that it is taken back', async () => {
  const at = await withDeposit(10_000, { issuer: { assuredResponse: false, timers: { ...silent.timers, adviceMs: 500 } } });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }, { match: { mti: '420', times: 1 }, do: 'ignore' }]);
  const shop = await at.call();
  shop.send(buys(shop, 1));
  await until(() => at.drops.length === 1, 'it is dropped');
  await until(() => issuer.types().includes('0420'), 'the issuer is told');
  expect(at.issuers.backlog('demo-host')).toBe(1);
  await leaves(at, 8_750);
  await at.delivered();
  await leaves(at, 10_000);
  expect(code(await shop.ask(buys(shop, 1, {}, '101')))).toBe('0110 91');
  await leaves(at, 10_000);
});

test.for([true, false])('what a switch died with is held once, and another ends it (assured response: %s)', async (assuredResponse) => {
  const hsm = openHsm(demoKeyFile());
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  let isDead = false;
  const one = await withDeposit(10_000, { store: frozenWhen(() => isDead, store), hsm, issuer: { ...silent, assuredResponse } });
  const first = await issuerComes(one, [{ match: { mti: '100' }, do: 'drop' }]);
  const shop = await one.call();
  shop.send(buys(shop, 1));
  await until(() => first.host.exposureMinor(hostPan) > 0, 'it is in flight');
  isDead = true;
  await leaves(one, 8_750, store);
  const other = await withDeposit(0, { store, hsm, issuer: { ...silent, assuredResponse } });
  const second = await issuerComes(other);
  const elsewhere = await other.call();
  elsewhere.send(buys(elsewhere, 1, {}, '101'));
  await until(() => second.types().includes('0420'), 'the issuer is told');
  if (assuredResponse) expect(code(await elsewhere.next())).toBe('0110 00');
  await other.delivered();
  await leaves(other, assuredResponse ? 8_750 : 10_000);
  expect(second.types()).toEqual(assuredResponse ? ['0420', '0120'] : ['0420']);
});

test('what stand-in declined after a timeout stays held until the issuer has taken it back; what it approved stays held', async () => {
  const at = await withDeposit(1_000_000, { issuer: { timers: { ...silent.timers, adviceMs: 500 } } });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }, { match: { mti: '420', times: 1 }, do: 'ignore' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000900000' })))).toBe('0110 61');
  await until(() => issuer.types().includes('0420'), 'the issuer is told');
  await leaves(at, 100_000);
  await at.delivered();
  await leaves(at, 1_000_000);
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  await at.delivered();
  expect(issuer.types().filter((type) => type.startsWith('042')).length).toBeGreaterThan(1);
  await leaves(at, 998_750);
  expect(code(await shop.ask(reverses(shop, 3, 2)))).toBe('0430 00');
  await leaves(at, 1_000_000);
});

test('what stand-in approves takes of the deposit too, and only as far as there is room; the issuer is told of the decline', async () => {
  const at = await withDeposit(3_000);
  const shop = await at.call();
  expect([code(await shop.ask(buys(shop, 1))), code(await shop.ask(buys(shop, 2, { 2: otherPan }))), code(await shop.ask(buys(shop, 3)))]).toEqual(['0110 00', '0110 00', '0110 51']);
  await leaves(at, 500);
  const entry = (await at.entries()).find(({ stan }) => stan === '3');
  expect(entry).toMatchObject({ reason: '1820', decidedBy: 'standin' });
  expect(entry?.checks.filter(({ outcome }) => outcome === 'fail').map(({ check, value }) => [check, value])).toEqual([['partnerBalance', 'deposit: not covered']]);
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0120', '0120']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  expect(code(await shop.ask(reverses(shop, 4, 1)))).toBe('0430 00');
  await leaves(at, 1_750);
});

test('a completion takes over what its authorization held, a later one in parts, and its reversal gives it back', async () => {
  const at = await withDeposit(10_000);
  await issuerComes(at);
  const shop = await at.call();
  const original = { 90: `01000000011122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` };
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  await leaves(at, 8_750);
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000001000', 37: '000000000001', 38: '123456', 39: '00', ...original }, '220')))).toBe('0230 00');
  await leaves(at, 9_000);
  expect(code(await shop.ask(reverses(shop, 3, 2, {}, '420', '0220')))).toBe('0430 00');
  await leaves(at, 10_000);
});

test.for(['0110 00', '0110 51'] as const)('a completion that the issuer is asked for (%s) reserves what its authorization does not hold', async (answer) => {
  const at = await withDeposit(2_000);
  await issuerComes(at, answer === '0110 00' ? [] : [{ match: { mti: '200' }, do: 'decline', code: '51' }]);
  const shop = await at.call();
  const original = { 90: `01000000011122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` };
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000002000', ...original }, '200')))).toBe(answer.replace('0110', '0210'));
  await leaves(at, answer === '0110 00' ? 0 : 750);
});

test('an authorization that nothing comes of gives it back when its time is over, a payment never', async () => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const at = await withDeposit(10_000, { now, program: { holdDays: { cardPresent: 2, cardNotPresent: 2, preauthorization: 2 } } });
  await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 2, {}, '200')))).toBe('0210 00');
  const expire = async (): Promise<number> => await expireDue({ store: at.store, ledger: at.ledger, now, newId: () => `x${Math.random()}`, recordDays: 7, transfers: at.guards, lapse: async (token, id) => await at.issuers.lapse(token, id) });
  await leaves(at, 7_500);
  expect(await expire()).toBe(0);
  aheadMs = 2 * 86_400_000 + 1_000;
  expect(await expire()).toBe(1);
  await leaves(at, 8_750);
  expect(await expire()).toBe(0);
  expect(code(await shop.ask(reverses(shop, 3, 1)))).toBe('0430 00');
  await leaves(at, 8_750);
});

test('a deposit over several partitions is spent to the last cent, by cards of any of them', async () => {
  const store = new MemoryStore({ partitions: 4, now: () => Date.now() });
  const at = await withDeposit(5_000, { store });
  await issuerComes(at);
  const shop = await at.call();
  const codes: string[] = [];
  for (let stan = 1; stan <= 5; stan += 1) codes.push(code(await shop.ask(buys(shop, stan, { 2: stan % 2 === 0 ? hostPan : otherPan }))));
  expect(codes).toEqual(['0110 00', '0110 00', '0110 00', '0110 00', '0110 51']);
  await leaves(at, 0);
});

test('while the store is away nobody can tell what is left: nothing is sent or approved, and what was on its way stays held', async () => {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const at = await withDeposit(10_000, { store, issuer: { ...silent, switches: 2 } });
  const issuer = await issuerComes(at, [{ match: { mti: '100', amountMinor: 1_100 }, do: 'late', ms: 700 }, { match: { mti: '100', amountMinor: 1_000 }, do: 'drop' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  shop.send(buys(shop, 2, { 4: '000000001100' }));
  await until(() => issuer.types().length === 2, 'it is in flight');
  shop.send(buys(shop, 3, { 4: '000000001000' }));
  await until(() => issuer.types().length === 3, 'both are in flight');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect([code(await shop.next()), code(await shop.next())].sort()).toEqual(['0110 00', '0110 00']);
  expect(code(await shop.ask(buys(shop, 4)))).toBe('0110 91');
  // What happened is told, and counts: an advice, and the reversal of another.
  expect(code(await shop.ask(buys(shop, 5, { 4: '000000000700', 38: '123456', 39: '00' }, '220')))).toBe('0230 00');
  expect(code(await shop.ask(reverses(shop, 6, 1)))).toBe('0430 00');
  expect(issuer.types().filter((type) => type === '0100')).toHaveLength(3);
  store.heal();
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'all of it is in the store');
  await at.delivered();
  await leaves(at, 10_000 - 1_100 - 1_000 - 700);
  expect(code(await shop.ask(reverses(shop, 7, 2, { 4: '000000001100' })))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 8, 3, { 4: '000000001000' })))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 9, 5, { 4: '000000000700' }, '420', '0220')))).toBe('0430 00');
  await leaves(at, 10_000);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test.for(['switch', 'switchThenHost'] as const)('in the mode %s the deposit holds what comes of it, whoever decides', async (mode) => {
  const standIn = {
    version: 1, currency: 'EUR', unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 2_000 }] },
  };
  const at = await withDeposit(10_000, { issuer: { mode, standIn } });
  await issuerComes(at, [{ match: { mti: '100', amountMinor: 1_200 }, do: 'decline', code: '51' }]);
  const shop = await at.call();
  const proposes = mode === 'switchThenHost';
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000001200' })))).toBe(proposes ? '0110 51' : '0110 00');
  // This switch would not approve as much; the issuer does.
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000003000' })))).toBe(proposes ? '0110 00' : '0110 61');
  await at.delivered();
  await leaves(at, proposes ? 7_000 : 8_800);
});
