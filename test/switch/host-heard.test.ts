/**
 * What a remote issuer hears of one transaction from several switches, each with an advice file of its own: in whatever order, nothing stands
 * there in the end that was taken back.
 */
import { afterEach, expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

/** Without DE37, so that a reversal finds it by DE90. */
const plain = { 37: undefined };
const part = { 95: `${'500'.padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` };

test.for([
  { what: 'whole', changes: {}, leftMinor: 0 },
  { what: 'in part', changes: part, leftMinor: 500 },
])('what one switch stood in for and another one reversed $what, whose issuer heard of that first, is taken back once the issuer has heard of it', async ({ changes, leftMinor }) => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store, hsm })];
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  const second = await issuerComes(two);
  expect(code(await other.ask(reverses(other, 2, 1, { ...plain, ...changes })))).toBe('0430 00');
  await two.delivered();
  const first = await issuerComes(one);
  await until(() => first.types().length === 2, 'it has heard of both');
  await one.delivered();
  expect(second.types()).toEqual(['0420']);
  expect(first.types()).toEqual(['0120', '0420']);
  expect(first.host.exposureMinor(hostPan)).toBe(leftMinor);
  expect(first.host.summary).toMatchObject({ reversals: 1, reversalsUnknown: 0 });
});

test('a switch that the store is away for learns when it is back that another has reversed what it told the issuer of', async () => {
  const inner = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const store = new FaultyStore(inner, undefined);
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store: inner, hsm })];
  const [shop, other] = [await one.call(), await two.call()];
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  const issuer = await issuerComes(one);
  await one.delivered();
  expect(issuer.types()).toEqual(['0120']);
  store.heal();
  await until(() => one.lines.some(({ event }) => event === 'switch counts with the store again'), 'it is relayed');
  await one.delivered();
  expect(issuer.types()).toEqual(['0120', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

test.for(['hostWithStandIn', 'switchThenHost'])('a completion at one switch does not overtake what another stood in for: it is decided in the issuer’s place until that has heard of it (%s)', async (mode) => {
  const standIn = { version: 1, currency: 'EUR', unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'all', when: { purpose: ['purchase', 'completion'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] } };
  const shared = { store: new MemoryStore({ partitions: 1, now: () => Date.now() }), hsm: openHsm(demoKeyFile()), issuer: { mode, standIn } };
  const [one, two] = [await startHostSwitch(shared), await startHostSwitch(shared)];
  const [shop, other] = [await one.call(), await two.call()];
  const completes = (stan: number, of: number): ReturnType<typeof buys> => buys(other, stan, { 37: undefined, 90: `0100${String(of).padStart(6, '0')}1122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` }, '200');
  for (const stan of [1, 2]) expect(code(await shop.ask(buys(shop, stan, plain)))).toBe('0110 00');
  const second = await issuerComes(two);
  expect(code(await other.ask(completes(11, 1)))).toBe('0210 00');
  await two.delivered();
  expect(second.types()).toEqual(['0220']);
  const first = await issuerComes(one);
  await one.delivered();
  expect(first.types()).toEqual(['0120', '0120']);
  expect(code(await other.ask(completes(12, 2)))).toBe('0210 00');
  expect(second.types()).toEqual(['0220', '0200']);
});

test('what is told and reversed by one switch is taken back once, in its order', async () => {
  const at = await startHostSwitch();
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  const issuer = await issuerComes(at);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});
