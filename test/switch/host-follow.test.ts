/** What follows an authorization of a remote issuer's card, over real sockets: increments, completions and advices, forwarded and in stand-in, in the names that the issuer knows. */
import { afterEach, expect, test } from 'vitest';
import type { Draft } from '../../src/iso8583/draft.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { until } from './fixture.ts';
import type { Acquirer } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

const standIn = {
  version: 1, currency: 'EUR',
  unavailable: {
    tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'hotel', when: { purpose: ['purchase', 'preauthorization', 'increment', 'completion'] }, outcome: 'approve' }], otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 8_000 }, { scope: 'overall', period: 'day', amountMinorMax: 10_000, countMax: 2 }],
  },
  outageCaps: { card: { amountMinorMax: 100_000, countMax: 100 } },
};

const amount = (minor: number): string => String(minor).padStart(12, '0');
const names = (stan: number): Readonly<Record<number, string>> => ({ 90: `0100${String(stan).padStart(6, '0')}1122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` });

function preauthorizes(shop: Acquirer, stan: number, minor: number): Draft {
  return buys(shop, stan, { 4: amount(minor), 25: '06' });
}

function raises(shop: Acquirer, stan: number, of: number, minor: number): Draft {
  return buys(shop, stan, { 4: amount(minor), 25: '06', ...names(of) });
}

/** As an advice where the type says so. */
function completes(shop: Acquirer, stan: number, of: number, minor: number, type = '220'): Draft {
  return buys(shop, stan, { 4: amount(minor), ...names(of), ...(type === '220' ? { 37: String(of).padStart(12, '0'), 38: '123456', 39: '00' } : {}) }, type);
}

test('an increment and a completion go to the issuer by the name of the authorization that it approved', async () => {
  const at = await startHostSwitch({ issuer: { standIn } });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect([code(await shop.ask(preauthorizes(shop, 1, 5_000))), code(await shop.ask(raises(shop, 2, 1, 2_000)))]).toEqual(['0110 00', '0110 00']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(7_000);
  expect(code(await shop.ask(completes(shop, 3, 1, 4_000)))).toBe('0230 00');
  // The increment stands beside it, until its own time.
  await until(() => issuer.host.exposureMinor(hostPan) === 6_000, 'the completion stands in the place of the authorization');
  expect(issuer.types()).toEqual(['0100', '0100', '0220']);
  const asked = await shop.ask(completes(shop, 4, 2, 1_500, '200'));
  expect(code(asked)).toBe('0210 00');
  expect(issuer.host.exposureMinor(hostPan)).toBe(5_500);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('in stand-in an increment counts on for its authorization, and a completion for less gives back; the issuer is told all in order, and nothing twice', async () => {
  const at = await startHostSwitch({ issuer: { standIn } });
  const shop = await at.call();
  expect([code(await shop.ask(preauthorizes(shop, 1, 5_000))), code(await shop.ask(raises(shop, 2, 1, 2_000)))]).toEqual(['0110 00', '0110 00']);
  // 50.00 and 40.00 are more than one transaction may be.
  expect(code(await shop.ask(raises(shop, 3, 1, 4_000)))).toBe('0110 61');
  // One of two transactions of the day, and 70.00 of 100.00: 40.00 do not fit, until the completion has given 30.00 back.
  expect(code(await shop.ask(buys(shop, 4, { 4: amount(4_000) })))).toBe('0110 61');
  expect(code(await shop.ask(completes(shop, 5, 1, 2_000, '200')))).toBe('0210 00');
  expect(code(await shop.ask(buys(shop, 6, { 4: amount(4_000) })))).toBe('0110 00');
  const entries = await at.entries();
  const idOf = (stan: string): string | undefined => entries.find((entry) => entry.stan === stan)?.id;
  expect(['2', '3', '5'].map((stan) => entries.find((entry) => entry.stan === stan)?.originalId)).toEqual([idOf('1'), idOf('1'), idOf('1')]);
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0120', '0120', '0120', '0220', '0120']);
  // 20.00 of the completion, 20.00 of the increment, 40.00 of the purchase.
  expect(issuer.host.exposureMinor(hostPan)).toBe(8_000);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, advisedDeclines: 2 });
});

test('a completion that an acquirer advises while the issuer is away is taken whatever it says, told by the name of the advice before it, and reversed by its own', async () => {
  const at = await startHostSwitch({ issuer: { standIn } });
  const shop = await at.call();
  expect(code(await shop.ask(preauthorizes(shop, 1, 5_000)))).toBe('0110 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 9_000)))).toBe('0230 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 9_000)))).toBe('0230 00');
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0220']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(9_000);
  expect(code(await shop.ask(reverses(shop, 3, 2, { 4: amount(9_000) }, '420', '0220')))).toBe('0430 00');
  await until(() => issuer.types().length === 3, 'the reversal goes out');
  await at.delivered();
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('a completion that is asked for, and not answered in time, is decided by stand-in and told once', async () => {
  const at = await startHostSwitch({ issuer: { standIn, ...silent } });
  const issuer = await issuerComes(at, [{ match: { mti: '200' }, do: 'drop' }]);
  const shop = await at.call();
  expect(code(await shop.ask(preauthorizes(shop, 1, 5_000)))).toBe('0110 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 5_000, '200')))).toBe('0210 00');
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0200', '0420', '0220']);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('in stand-in a second completion of one authorization is room of its own, and no third comes for nothing', async () => {
  const at = await startHostSwitch({ issuer: { standIn } });
  const shop = await at.call();
  expect(code(await shop.ask(preauthorizes(shop, 1, 4_000)))).toBe('0110 00');
  const answers: string[] = [];
  for (const stan of [2, 3, 4]) answers.push(code(await shop.ask(completes(shop, stan, 1, 4_000, '200'))));
  // The day has 100.00: the first takes the place of the authorization, the second is 40.00 more.
  expect(answers).toEqual(['0210 00', '0210 00', '0210 61']);
});

test('a completion that this node’s file decided leaves its authorization to the issuer as it was told', async () => {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const at = await startHostSwitch({ store, issuer: { standIn } });
  const shop = await at.call();
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await shop.ask(preauthorizes(shop, 1, 5_000)))).toBe('0110 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 2_000, '200')))).toBe('0210 00');
  store.heal();
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'the store has it');
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0220']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(2_000);
});

test('in stand-in the reversal of an authorization that was completed makes no room', async () => {
  const at = await startHostSwitch({ issuer: { standIn } });
  const shop = await at.call();
  expect(code(await shop.ask(preauthorizes(shop, 1, 6_000)))).toBe('0110 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 6_000, '200')))).toBe('0210 00');
  expect(code(await shop.ask(reverses(shop, 3, 1, { 4: amount(6_000) })))).toBe('0430 00');
  expect(code(await shop.ask(buys(shop, 4, { 4: amount(4_100) })))).toBe('0110 61');
  expect(code(await shop.ask(buys(shop, 5, { 4: amount(4_000) })))).toBe('0110 00');
});

test.for(['220', '200'])('what a completion used while the store was away is used when it is back (%s)', async (type) => {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const at = await startHostSwitch({ store, issuer: { standIn } });
  const shop = await at.call();
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await shop.ask(preauthorizes(shop, 1, 5_000)))).toBe('0110 00');
  expect(code(await shop.ask(completes(shop, 2, 1, 4_000, type)))).toMatch(/^02.0 00$/);
  store.heal();
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'the store has it');
  // 40.00 of the day's 100.00 where stand-in has completed it, and 50.00 where the acquirer says so.
  expect(code(await shop.ask(completes(shop, 3, 1, type === '220' ? 5_100 : 6_100, '200')))).toBe('0210 61');
  expect(code(await shop.ask(completes(shop, 4, 1, type === '220' ? 5_000 : 6_000, '200')))).toBe('0210 00');
});
