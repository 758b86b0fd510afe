/** PINs of a remote issuer's cards in stand-in, over real sockets: verified by what is on the card, counted, told to the issuer, and forgotten when it approves one. */
import { afterEach, expect, test } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { management, until } from './fixture.ts';
import type { Acquirer, Fields } from './fixture.ts';
import { buys, code, hostPan, issuerComes, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, HostSwitchOptions } from './hosts.ts';
import { demoKey, pinBlock } from './zone.ts';

afterEach(stopHosts);

const hsm = openHsm(demoKeyFile());
const [reference] = hsm.produce([{ kind: 'pinReference', pin: { clear: new Secret('4711'), pan: Pan.parse(hostPan)! }, key: { name: 'demo-pvk' }, keyIndex: 1, rules: { method: 'pvv' } }]);
const pvv = reference !== undefined && 'value' in reference ? reference.value.reveal() : '';

const rules = {
  version: 1, currency: 'EUR',
  available: { tests: { cryptogram: 'ifCarried', cardValue: 'off' }, decisions: [], otherwise: 'forward', limits: [] },
  unavailable: {
    tests: { cryptogram: 'ifCarried', cardValue: 'off', pinTriesMax: 3 }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [],
  },
  outageCaps: {},
};

async function start(issuer: Readonly<Record<string, unknown>> = {}, more: HostSwitchOptions = {}): Promise<HostSwitch> {
  return await startHostSwitch({ hsm, program: { pin: { pvks: { 1: 'demo-pvk' }, trackReferenceAt: 0 } }, issuer: { standIn: rules, ...issuer }, ...more });
}

/** A purchase with a PIN, and the track on which its reference is. @param reference key index and PVV */
function withPin(shop: Acquirer, stan: number, pin: string, changes: Fields = {}, type = '100', reference = `1${pvv}`): Draft {
  return buys(shop, stan, { 2: undefined, 22: '021', 35: `${hostPan}=3112201${reference}123`, 52: pinBlock(demoKey('demo-zpk'), pin, hostPan), ...changes }, type);
}

/** Takes what waits for the issuer: type, DE39 and what it is told of wrong PINs (DE63). */
async function advised(at: HostSwitch, count: number): Promise<string[]> {
  const issuer = await at.call('demo-host');
  issuer.send(management(issuer.codec, 1, '001'));
  const told: string[] = [];
  while (told.length < count) {
    const message: Message = await issuer.next();
    if (message.mti.startsWith('081')) continue;
    told.push(`${message.mti} ${message.text(39) ?? ''} ${message.text(63) ?? '-'}`);
    const answer = new Draft(`${message.mti.slice(0, 2)}30`);
    for (const field of [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49]) if (message.has(field)) answer.set(field, message.text(field)!);
    issuer.send(answer.set(39, '00'));
  }
  await at.delivered();
  return told;
}

test('wrong PINs are declined and counted, a repeat not again; at the limit the right one is refused too, and the issuer is told each count', async () => {
  const at = await start();
  const shop = await at.call();
  const got = [
    code(await shop.ask(withPin(shop, 1, '1111'))), code(await shop.ask(withPin(shop, 1, '1111', {}, '101'))), code(await shop.ask(withPin(shop, 2, '2222'))),
    code(await shop.ask(withPin(shop, 3, '3333'))), code(await shop.ask(withPin(shop, 4, '4711'))),
  ];
  expect(got).toEqual(['0110 55', '0110 55', '0110 55', '0110 75', '0110 75']);
  const [entry] = await at.entries();
  expect(entry?.checks.find(({ check }) => check === 'pin')).toEqual({ check: 'pin', outcome: 'fail', value: 'ifCarried, 3 tries: wrong, 1 of 3' });
  expect(await advised(at, 4)).toEqual(['0120 55 WP0201', '0120 55 WP0202', '0120 75 WP0203', '0120 75 -']);
});

test('a right PIN in stand-in ends the count, and a card without a reference on its track is not verified', async () => {
  const at = await start();
  const shop = await at.call();
  const ask = async (stan: number, pin: string): Promise<string> => code(await shop.ask(withPin(shop, stan, pin)));
  expect([await ask(1, '1111'), await ask(2, '1111'), await ask(3, '4711'), await ask(4, '1111'), await ask(5, '1111'), await ask(6, '4711')]).toEqual(['0110 55', '0110 55', '0110 00', '0110 55', '0110 55', '0110 00']);
  expect(code(await shop.ask(withPin(shop, 7, '4711', {}, '100', '00000')))).toBe('0110 81');
  expect(code(await shop.ask(withPin(shop, 8, '4711', {}, '100', '9')))).toBe('0110 81');
});

test('an approval with a PIN by the issuer ends the count, one without a PIN does not', async () => {
  for (const hasPin of [true, false]) {
    const at = await start();
    const shop = await at.call();
    expect([code(await shop.ask(withPin(shop, 1, '1111'))), code(await shop.ask(withPin(shop, 2, '1111')))]).toEqual(['0110 55', '0110 55']);
    const issuer = await issuerComes(at);
    await at.delivered();
    expect(code(await shop.ask(hasPin ? withPin(shop, 3, '4711') : buys(shop, 3)))).toBe('0110 00');
    expect(issuer.types().filter((type) => type === '0100')).toHaveLength(1);
    await issuer.host.kill();
    await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is away');
    expect(code(await shop.ask(withPin(shop, 4, '1111')))).toBe(hasPin ? '0110 55' : '0110 75');
    await stopHosts();
  }
});

test('a PIN that the issuer found wrong ends no count, and one that is wrong here is declined while the issuer is there', async () => {
  const at = await start({ whileAvailable: 'standInFirst' });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'decline', code: '55' }]);
  const shop = await at.call();
  expect(code(await shop.ask(withPin(shop, 1, '1111')))).toBe('0110 55');
  expect(issuer.types()).not.toContain('0100');
  expect(code(await shop.ask(withPin(shop, 2, '4711', {}, '100', '00000')))).toBe('0110 55');
  await until(() => issuer.types().length === 2, 'the other one is its to say');
  expect([...issuer.types()].sort()).toEqual(['0100', '0120']);
  expect([code(await shop.ask(withPin(shop, 3, '1111'))), code(await shop.ask(withPin(shop, 4, '1111')))]).toEqual(['0110 55', '0110 75']);
});

test('switches count together, and what one counted apart from the store is counted there when that is back', async () => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const faulty = new FaultyStore(store, undefined);
  const [one, other] = [await start({}, { store: faulty }), await start({}, { store })];
  const [shop, elsewhere] = [await one.call(), await other.call()];
  expect(code(await shop.ask(withPin(shop, 1, '1111')))).toBe('0110 55');
  faulty.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await shop.ask(withPin(shop, 2, '1111')))).toBe('0110 55');
  faulty.heal();
  await until(() => one.lines.some(({ event }) => event === 'switch counts with the store again'), 'all of it is in the store');
  expect(code(await elsewhere.ask(withPin(elsewhere, 3, '1111')))).toBe('0110 75');
});
