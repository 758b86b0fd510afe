/** What an outage of an issuer may cost, and what an issuer that comes and goes is told. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { management, until } from './fixture.ts';
import type { Acquirer, Fields } from './fixture.ts';
import { buys, code, hostPan, hostTables, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

function standInWith(outageCaps: object): object {
  return {
    version: 1, currency: 'EUR',
    unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase', 'completion'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] },
    outageCaps,
  };
}

test('an issuer that answers echoes and nothing else is in one outage, with one cap', async () => {
  const at = await startHostSwitch({ issuer: { standIn: standInWith({ issuer: { countMax: 3 } }), timers: { ...silent.timers, posMs: 300 }, circuit: { failuresMax: 1, openMs: 100, openMaxMs: 100, echoMs: 5_000 } } });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }]);
  const shop = await at.call();
  const codes: string[] = [];
  for (let stan = 1; stan <= 8; stan += 1) {
    codes.push(code(await shop.ask(buys(shop, stan, { 4: '000000000001' }))));
    await until(() => at.issuers.status('demo-host')?.phase === 'halfOpen' && at.issuers.overview[0]?.unavailability === undefined, 'it answers the echo, and is to be tried');
  }
  expect(issuer.types().filter((type) => type === '0100').length).toBeGreaterThan(3);
  // The first one timed out before anybody knew of an outage: it counts for its day.
  expect(codes.filter((each) => each === '0110 00').length).toBeLessThanOrEqual(4);
});

test('an issuer that is away for one switch, and comes and goes for another, is in one outage for both, with one cap', async () => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const options = { now, store: new MemoryStore({ partitions: 1, now }), hsm: openHsm(demoKeyFile()), issuer: { standIn: standInWith({ issuer: { countMax: 3 } }) } };
  const [one, two] = [await startHostSwitch(options), await startHostSwitch(options)];
  const [shop, other] = [await one.call(), await two.call()];
  const codes: string[] = [];
  for (let stan = 1; stan <= 3; stan += 1) {
    codes.push(code(await shop.ask(buys(shop, stan, { 4: '000000000001' }))));
    const issuer = await issuerComes(two, [], {}, stan === 1 ? 'closed' : 'halfOpen');
    if (stan > 1) await other.ask(buys(other, 50 + stan));
    await until(() => two.issuers.status('demo-host')?.phase === 'closed', 'it answers requests');
    aheadMs += 4 * 60_000;
    // Still away for the one.
    codes.push(code(await shop.ask(buys(shop, 10 + stan, { 4: '000000000001' }))));
    await delay(50);
    aheadMs += 4 * 60_000;
    await issuer.host.kill();
    await until(() => two.issuers.status('demo-host')?.phase !== 'closed', 'it is away for the other');
    await delay(50);
    codes.push(code(await other.ask(buys(other, 20 + stan, { 4: '000000000001' }))));
  }
  expect(codes).toEqual(['0110 00', '0110 00', '0110 00', ...Array<string>(6).fill('0110 65')]);
});

test('what an outage has counted is forgotten ninety days after its last transaction and not before, for each switch alike', async () => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const options = { now, store: new MemoryStore({ partitions: 1, now }), hsm: openHsm(demoKeyFile()), issuer: { standIn: standInWith({ issuer: { countMax: 2 } }) } };
  const [one, two] = [await startHostSwitch(options), await startHostSwitch(options)];
  const [shop, other] = [await one.call(), await two.call()];
  const bought = async (at: Acquirer, stan: number): Promise<string> => code(await at.ask(buys(at, stan, { 4: '000000000001' })));
  expect([await bought(shop, 1), await bought(other, 2), await bought(shop, 3)]).toEqual(['0110 00', '0110 00', '0110 65']);
  aheadMs = 89 * 86_400_000;
  expect([await bought(shop, 4), await bought(other, 5)]).toEqual(['0110 65', '0110 65']);
  aheadMs = 91 * 86_400_000;
  expect([await bought(other, 6), await bought(shop, 7), await bought(other, 8)]).toEqual(['0110 00', '0110 00', '0110 65']);
});

test('a change of the issuer’s row leaves what is in flight to its answer, and what comes after goes its new way', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at, [{ match: { mti: '100', times: 1 }, do: 'late', ms: 1_000 }]);
  const shop = await at.call();
  shop.send(buys(shop, 1, { 37: undefined }));
  await until(() => issuer.types().length === 1, 'it is in flight');
  at.issuers.set(hostTables({ issuer: { circuit: { openMs: 250, openMaxMs: 400, echoMs: 5_000 } } }));
  const answer = await shop.next();
  expect([code(answer), answer.text(44)?.slice(0, 1)]).toEqual(['0110 00', '5']);
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(issuer.types()).toEqual(['0100', '0100']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(2_500);
  expect(at.lines.filter(({ event }) => event === 'issuer answer unmatched')).toEqual([]);
});

test('an answer that comes late to what was asked before a change of the issuer’s row is known as late', async () => {
  const at = await startHostSwitch({ issuer: silent });
  const issuer = await issuerComes(at, [{ match: { mti: '100', times: 1 }, do: 'late', ms: 1_600 }]);
  const shop = await at.call();
  shop.send(buys(shop, 1, { 37: undefined }));
  await until(() => issuer.types().length === 1, 'it is in flight');
  at.issuers.set(hostTables({ issuer: { circuit: { openMs: 250, openMaxMs: 400, echoMs: 5_000 } } }));
  expect(code(await shop.next())).toBe('0110 00');
  await until(() => at.lines.some(({ event }) => event === 'issuer answer late'), 'the answer comes late');
  await at.delivered();
  expect(issuer.types()[0]).toBe('0100');
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
});

function answers(issuer: Acquirer, to: Message, responseCode: string): void {
  const draft = new Draft(`0${to.mti[1]}${to.mti[2] === '0' ? '1' : '3'}0`);
  for (const field of [2, 3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 49, 70]) {
    const text = to.text(field);
    if (text !== undefined) draft.set(field, text);
  }
  draft.set(39, responseCode);
  issuer.send(draft);
}

test.for([['a repeat of an advice', '94', 'hadItBefore'], ['a reversal', '25', 'originalUnknownToIssuer']] as const)('%s that is answered %s is told, and holds up nobody', async ([what, responseCode, flag]) => {
  const at = await startHostSwitch({ issuer: { timers: { ...silent.timers, adviceMs: 1_000 }, advices: { refusalsMax: 1 } } });
  const shop = await at.call();
  await shop.ask(buys(shop, 1));
  if (what === 'a reversal') await shop.ask(reverses(shop, 2, 1));
  const issuer = await at.call('demo-host');
  expect(code(await issuer.ask(management(issuer.codec, 1, '001')))).toBe('0810 00');
  const seen: string[] = [];
  while (at.issuers.backlog('demo-host') > 0) {
    const message = await issuer.next();
    if (message.mti !== '0800') seen.push(message.mti);
    // The first advice is taken, and its answer is lost.
    if (what !== 'a reversal' && message.mti === '0120') continue;
    answers(issuer, message, ['0121', '0420'].includes(message.mti) ? responseCode : '00');
    if (['0121', '0420'].includes(message.mti)) await until(() => at.issuers.backlog('demo-host') === 0 || at.issuers.advices.setAside('demo-host').length > 0, 'it has its end');
  }
  expect(seen).toEqual(what === 'a reversal' ? ['0120', '0420'] : ['0120', '0121']);
  expect(at.issuers.advices.setAside('demo-host')).toEqual([]);
  const told = (await at.entries()).filter(({ flags }) => flags.includes('issuerTold')).at(-1);
  expect(told?.flags).toContain(flag);
});

test('an advice that is called a duplicate the first time that it is sent is refused', async () => {
  const at = await startHostSwitch({ issuer: { advices: { refusalsMax: 1 } } });
  const shop = await at.call();
  await shop.ask(buys(shop, 1));
  const issuer = await at.call('demo-host');
  await issuer.ask(management(issuer.codec, 1, '001'));
  while (at.issuers.backlog('demo-host') > 0) {
    const message = await issuer.next();
    answers(issuer, message, message.mti === '0120' ? '94' : '00');
    if (message.mti === '0120') await until(() => at.issuers.backlog('demo-host') === 0, 'it has its end');
  }
  expect(at.issuers.advices.setAside('demo-host')).toMatchObject([{ mark: { why: 'answered 94' } }]);
});

const completes = (stan: number): Fields => ({ 37: '000000000001', 90: `0100${String(stan).padStart(6, '0')}1122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` });

test.for<readonly [string, number]>([['at once', 50], ['slowly', 1]])('a completion does not overtake the advice of what it completes, where advices go %s', async ([pace, perSecond]) => {
  const at = await startHostSwitch({ issuer: { advices: { perSecond }, standIn: standInWith({}) } });
  const shop = await at.call();
  for (let stan = 11; stan <= 13; stan += 1) await shop.ask(buys(shop, stan, { 2: '5413330000000027' }));
  expect(code(await shop.ask(buys(shop, 1, { 37: '000000000001' })))).toBe('0110 00');
  const issuer = await issuerComes(at, [], {}, 'closed');
  const answer = await shop.ask(buys(shop, 2, completes(1), '200'));
  expect(code(answer)).toBe('0210 00');
  await at.delivered();
  const told = issuer.messages().filter(({ pan }) => pan.endsWith('0019')).map(({ mti }) => mti);
  expect(told).toEqual(pace === 'at once' ? ['0120', '0200'] : ['0120', '0220']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
});

test('what a switch has on its disk, and no other knows of, is told by the one that gets its repeat too: under one trace, and as a repeat', async () => {
  const inner = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const dying = new FaultyStore(inner, undefined);
  const one = await startHostSwitch({ store: dying, hsm, name: 'one' });
  const two = await startHostSwitch({ store: inner, hsm, name: 'two' });
  const [shop, other] = [await one.call(), await two.call()];
  await until(() => one.issuers.status('demo-host')?.phase === 'open' && two.issuers.status('demo-host')?.phase === 'open', 'the issuer is away');
  // The decision comes to the store; that its advice is on disk does not.
  dying.fail({ nth: 2, kind: 'before', persistent: true, on: 'commits' });
  expect(code(await shop.ask(buys(shop, 1, { 37: undefined })))).toBe('0110 00');
  await until(() => dying.met > 0, 'nobody hears of it');
  expect(one.issuers.backlog('demo-host')).toBe(1);
  expect(code(await other.ask(buys(other, 1, { 37: undefined }, '101')))).toBe('0110 00');
  await one.stop();
  const again = await startHostSwitch({ store: inner, hsm, name: 'one', folder: one.folder });
  const [first, second] = [await issuerComes(again, [], {}, 'closed'), await issuerComes(two)];
  await again.delivered();
  await two.delivered();
  const told = [...first.messages(), ...second.messages()];
  expect(told.map(({ mti }) => mti).sort()).toEqual(['0120', '0121']);
  expect(new Set(told.map(({ stan }) => stan)).size).toBe(1);
});
