/**
 * Trace numbers (DE11) come around, times may be missing, and reversals name what they mean in several ways: what is another transaction,
 * what is a repeat, and what a reversal finds.
 */
import { afterEach, expect, test } from 'vitest';
import { expireDue } from '../../src/issuer/ledger.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import type { Acquirer, Fields } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch } from './hosts.ts';

afterEach(stopHosts);

const depositMinor = 10_000;
const withDeposit = { program: { creditGuard: true, holdDays: { cardPresent: 2, cardNotPresent: 2, preauthorization: 2 } } };
const nothing = { 12: undefined, 13: undefined };
const nextDay = { 7: '1123101500' };

async function loaded(at: HostSwitch): Promise<HostSwitch> {
  await at.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: depositMinor });
  return at;
}

async function left({ store }: HostSwitch): Promise<number | undefined> {
  return (await store.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0];
}

/** An hour later, at another terminal, under the same number. */
function again(shop: Acquirer, stan: number, changes: Fields = {}): ReturnType<typeof buys> {
  return buys(shop, stan, { 7: '1122111500', 12: '111500', 37: '000000000099', 41: 'TERM0002', ...changes });
}

test('a trace number that is used again leaves the earlier transaction its repeats, its reversal and its part of the deposit', async () => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const at = await loaded(await startHostSwitch({ now, ...withDeposit }));
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const first = await shop.ask(buys(shop, 1));
  const second = await shop.ask(again(shop, 1));
  const third = await shop.ask(again(shop, 1, { 7: '1122121500', 12: '121500', 37: '000000000077' }));
  expect([first, second, third].map(code)).toEqual(['0110 00', '0110 00', '0110 00']);
  expect(await left(at)).toBe(depositMinor - 3 * 1_250);
  // Each is repeated by its own time.
  const repeated = [await shop.ask(again(shop, 1, {})), await shop.ask(buys(shop, 1, {}, '101'))];
  expect(repeated.map((answer) => answer.text(38))).toEqual([second.text(38), first.text(38)]);
  expect(code(await shop.ask(reverses(shop, 2, 1, { 37: undefined })))).toBe('0430 00');
  expect(await left(at)).toBe(depositMinor - 2 * 1_250);
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0100', '0100', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(2 * 1_250);
  aheadMs = 3 * 86_400_000;
  await expireDue({ store: at.store, ledger: at.ledger, now, newId: () => `x${Math.random()}`, recordDays: 7, transfers: at.guards, lapse: async (token, id) => await at.issuers.lapse(token, id) });
  expect(await left(at)).toBe(depositMinor);
});

test.each([
  ['at the same terminal without a reference', { 37: undefined }],
  ['at another terminal under another reference', { 37: '000000000099', 41: 'TERM0002' }],
])('without a local time the next day’s purchase under the same number %s is another', async (_where, changes) => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { ...nothing, ...('41' in changes ? {} : changes) })))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 1, { ...nothing, ...nextDay, ...changes })))).toBe('0110 00');
  expect(issuer.types()).toEqual(['0100', '0100']);
});

test('without a local time a repeat that was sent at another time is known by its reference and terminal', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const first = await shop.ask(buys(shop, 1, nothing));
  const repeat = await shop.ask(buys(shop, 1, { ...nothing, 7: '1122101505' }, '101'));
  expect(repeat.text(38)).toBe(first.text(38));
  expect(issuer.types()).toEqual(['0100']);
});

test('a reversal that names its original by its reference alone finds it where the station goes by that', async () => {
  const at = await loaded(await startHostSwitch(withDeposit));
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 2, 1, { 90: undefined })))).toBe('0430 00');
  expect(await left(at)).toBe(depositMinor);
  // Its own number is free for a purchase.
  expect(code(await shop.ask(buys(shop, 2, { 7: '1124121212', 12: '121212', 13: '1124', 37: '000000000555' })))).toBe('0110 00');
  await at.delivered();
  expect(issuer.types().toSorted()).toEqual(['0100', '0100', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
});

test('a reversal of nothing that is known declines what it came before, and no other purchase under its number', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const bare = { 37: undefined, 90: undefined };
  const got = [];
  got.push(code(await shop.ask(reverses(shop, 1, 1, bare))), code(await shop.ask(buys(shop, 1, { 37: undefined }, '200'))));
  got.push(code(await shop.ask(reverses(shop, 5, 5, bare))), code(await shop.ask(buys(shop, 5, { 37: undefined, 38: '123456', 39: '00' }, '220'))));
  got.push(code(await shop.ask(reverses(shop, 7, 7, bare))), code(await shop.ask(buys(shop, 7, { 7: '1122101700', 12: '101700', 37: undefined }))));
  expect(got).toEqual(['0430 00', '0210 94', '0430 00', '0230 00', '0430 00', '0110 00']);
  await at.delivered();
  expect(issuer.types().toSorted()).toEqual(['0100', '0420', '0420', '0420']);
});

test('two reversals of unknown originals under one number, a day apart, are two, and each declines its own original', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const named = (time: string): Fields => ({ 37: undefined, 90: `0100000001${time}${'476173'.padStart(11, '0')}${'0'.repeat(11)}` });
  expect(code(await shop.ask(reverses(shop, 2, 1, named('1122101500'))))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 3, 1, { ...named('1123111111'), 7: '1123111200', 12: '111200', 13: '1123' })))).toBe('0430 00');
  expect(code(await shop.ask(buys(shop, 1, { 7: '1123111111', 12: '111111', 13: '1123' })))).toBe('0110 94');
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 94');
  expect(code(await shop.ask(buys(shop, 1, { 7: '1124111111', 12: '111111', 13: '1124', 37: '000000000077' })))).toBe('0110 00');
  await at.delivered();
  expect(issuer.types().toSorted()).toEqual(['0100', '0420', '0420']);
});

test('a repeat that comes after its reversal hears what was decided, at any switch; it is sent to nobody, and nothing stands', async () => {
  const shared = { store: new MemoryStore({ partitions: 1, now: () => Date.now() }), hsm: openHsm(demoKeyFile()) };
  const [one, two] = [await startHostSwitch(shared), await startHostSwitch(shared)];
  const issuer = await issuerComes(one);
  const second = await issuerComes(two);
  const [shop, other] = [await one.call(), await two.call()];
  const first = await shop.ask(buys(shop, 1, { 37: undefined }));
  expect(code(await shop.ask(reverses(shop, 2, 1, { 37: undefined })))).toBe('0430 00');
  await one.delivered();
  for (const acquirer of [shop, other]) {
    const repeated = await acquirer.ask(buys(acquirer, 1, { 37: undefined }, '101'));
    expect([code(repeated), repeated.text(38)]).toEqual(['0110 00', first.text(38)]);
  }
  expect([issuer.types(), second.types()]).toEqual([['0100', '0420'], []]);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});
