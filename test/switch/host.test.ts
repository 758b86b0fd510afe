/** A switch in front of a remote issuer, over real sockets: what the acquirer sees, what the issuer's book ends with, and what stand-in counts. */
import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { Rule } from '../../src/cli/host-script.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { cardHeadId } from '../../src/issuer/stand-in-record.ts';
import { addKey } from '../../src/keys/key-store.ts';
import { Pan } from '../../src/message/pan.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { partitionOf } from '../../src/store/store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { management, until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, newFolder, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, StationName } from './hosts.ts';
import { eventually } from '../program/fixture.ts';
import { demoKey, newKey, pinBlock } from './zone.ts';

afterEach(stopHosts);

const always = (rule: Omit<Rule, 'match'>, mti = '100'): Rule[] => [{ match: { mti }, ...rule }];

test.for(['ascii', 'binary', 'iso2003'] as const satisfies readonly StationName[])('a purchase from %s goes to an issuer of 1987 and comes back as it was sent', async (station) => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call(station);
  const sent = buys(shop, 7);
  const answer = await shop.ask(sent);
  expect(answer.mti).toBe(station === 'iso2003' ? '2110' : '0110');
  expect(answer.text(39)).toBe(station === 'iso2003' ? '0000' : '00');
  for (const field of [2, 4, 7, 11, 12, 32, 37, 41]) expect(answer.text(field)?.trimEnd()).toBe(sent.get(field));
  const [message] = issuer.messages();
  expect(message).toMatchObject({ mti: '0100', amount: { amountMinor: 1_250, currency: '978' }, approvalCode: answer.text(38) });
  expect(message?.stan).not.toBe('7');
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  const [entry] = await at.entries();
  expect(entry).toMatchObject({ decidedBy: 'issuer', approved: true, stan: '7' });
});

test.for(['iso8583-1993-binary', 'iso8583-2003-binary'])('an issuer that speaks %s is told of a decision, and of its reversal by the name that it knows', async (spec) => {
  const at = await startHostSwitch({ spec });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const issuer = await issuerComes(at, [], { spec });
  await at.delivered();
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  // Without DE37 nothing but the name is left to find it by.
  expect(code(await shop.ask(reverses(shop, 2, 1, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'the issuer takes it back');
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 4, 3, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'the issuer takes the forwarded one back');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('a decline and a part that is approved come back as the issuer gave them', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at, [{ match: { amountMinor: 100 }, do: 'decline', code: '54' }, { match: { amountMinor: 2_000 }, do: 'partial', amountMinor: 700 }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000000100' })))).toBe('0110 54');
  const part = await shop.ask(buys(shop, 2, { 4: '000000002000' }));
  // An acquirer that has not said that it takes a part gets none, and what the issuer holds of it is taken back.
  expect(part.mti).toBe('0110');
  await at.delivered();
  const approvedMinor = part.text(39) === '10' || part.text(39) === '00' ? Number(part.text(4)) : 0;
  await until(() => issuer.host.exposureMinor(hostPan) === approvedMinor, 'both agree on what was approved');
});

test('a PIN goes to the issuer under its own zone key, with the chip’s data; what the issuer has for the chip goes back', async () => {
  const keys = demoKeyFile();
  const hostKey = newKey();
  addKey(keys.path, keys.master, { name: 'host-zpk', usage: 'zpk', algorithm: 'tdes-2key' }, Buffer.from(hostKey), randomBytes);
  const at = await startHostSwitch({ hsm: openHsm(keys), hostPinKey: 'host-zpk' });
  const issuer = await at.call('demo-host');
  expect(code(await issuer.ask(management(issuer.codec, 1, '001')))).toBe('0810 00');
  await until(() => at.issuers.status('demo-host')?.phase === 'closed', 'the issuer takes requests');
  const shop = await at.call();
  const tags = new Map([['9F02', '000000001250'], ['9F26', '1122334455667788'], ['9F36', '0001'], ['82', '1800']]);
  shop.send(buys(shop, 1, { 52: pinBlock(demoKey('demo-zpk'), '4711', hostPan) }).setTags(55, tags));
  const request = await issuer.next();
  expect(Buffer.from(request.bytes(52) ?? []).toString('hex').toUpperCase()).toBe(pinBlock(hostKey, '4711', hostPan));
  for (const [tag, value] of tags) expect(request.tags(55).get(tag)?.toUpperCase()).toBe(value);
  const answer = new Draft('0110');
  for (const field of [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49]) answer.set(field, request.text(field)!);
  issuer.send(answer.set(38, 'ABC123').set(39, '00').setTags(55, new Map([['91', 'AABBCCDDEEFF00113030']])));
  const answered = await shop.next();
  expect([code(answered), answered.text(38), answered.tags(55).get('91')?.toUpperCase(), answered.has(52)]).toEqual(['0110 00', 'ABC123', 'AABBCCDDEEFF00113030', false]);
});

test('a PIN that cannot be brought under the issuer’s key is declined, and nothing goes to the issuer', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 52: '0123456789ABCDEF', 53: '9900000000000000' })))).toMatch(/^0110 (?!00)/);
  expect(issuer.types()).toEqual([]);
});

test('a repeat in flight joins, one that comes later is answered as before, and the issuer gets one request', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at, always({ do: 'late', ms: 1_000 }));
  const shop = await at.call();
  shop.send(buys(shop, 1));
  shop.send(buys(shop, 1));
  shop.send(buys(shop, 1, {}, '101'));
  const answers = [await shop.next(), await shop.next(), await shop.next(), await shop.ask(buys(shop, 1, {}, '101'))];
  expect(new Set(answers.map((each) => each.text(38))).size).toBe(1);
  expect(answers.map((each) => each.text(39))).toEqual(['00', '00', '00', '00']);
  expect(issuer.host.summary).toMatchObject({ requests: 1, doubles: 0 });
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
});

/** Two switches over one store, each with a file of its own. */
async function pair(issuer: Readonly<Record<string, unknown>> = {}): Promise<[HostSwitch, HostSwitch]> {
  const hsm = openHsm(demoKeyFile());
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  return [await startHostSwitch({ store, hsm, issuer }), await startHostSwitch({ store, hsm, issuer })];
}

/** The stations of both have one name: what an acquirer sends to the one it may send to the other. */
test('what one switch has asked or answered, the other does not ask again', async () => {
  const [one, other] = await pair();
  const first = await issuerComes(one, always({ do: 'late', ms: 1_000 }));
  const second = await issuerComes(other);
  const [shop, elsewhere] = [await one.call(), await other.call()];
  shop.send(buys(shop, 1));
  await until(() => first.host.exposureMinor(hostPan) > 0, 'it is in flight');
  const joined = await elsewhere.ask(buys(elsewhere, 1, {}, '101'));
  const answer = await shop.next();
  expect([answer.text(39), joined.text(39), joined.text(38)]).toEqual(['00', '00', answer.text(38)]);
  expect(code(await elsewhere.ask(buys(elsewhere, 1)))).toBe('0110 00');
  expect(second.types()).toEqual([]);
  // Its reversal there names what went out here.
  expect(code(await elsewhere.ask(reverses(elsewhere, 2, 1)))).toBe('0430 00');
  await until(() => second.types().length === 1, 'the reversal goes out');
  expect(code(await shop.ask(reverses(shop, 2, 1, {}, '421')))).toBe('0430 00');
  await one.delivered();
  expect([...first.types(), ...second.types()]).toEqual(['0100', '0420']);
});

test('a decision in stand-in is told once, though its repeat comes to another switch', async () => {
  const [one, other] = await pair();
  const [shop, elsewhere] = [await one.call(), await other.call()];
  const answer = await shop.ask(buys(shop, 1));
  const repeat = await elsewhere.ask(buys(elsewhere, 1, {}, '101'));
  expect([answer.text(39), repeat.text(39), repeat.text(38)]).toEqual(['00', '00', answer.text(38)]);
  const [first, second] = [await issuerComes(one), await issuerComes(other)];
  await Promise.all([one.delivered(), other.delivered()]);
  expect([...first.types(), ...second.types()]).toEqual(['0120']);
});

test('a switch alone with its store tells a decision once, whenever its repeat comes', async () => {
  const hsm = openHsm(demoKeyFile());
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const folder = newFolder();
  const types: string[] = [];
  const approvals = new Set<string | undefined>();
  // New; known and waiting on the disk; told and acknowledged.
  for (const run of ['away', 'away', 'there', 'there']) {
    const at = await startHostSwitch({ store, hsm, folder, name: 'alone', isStoreShared: false });
    const shop = await at.call();
    const answer = await shop.ask(buys(shop, 1, {}, approvals.size === 0 ? '100' : '101'));
    expect(answer.text(39)).toBe('00');
    approvals.add(answer.text(38));
    if (run === 'there') {
      const issuer = await issuerComes(at);
      await at.delivered();
      types.push(...issuer.types());
      await issuer.host.kill();
    }
    await at.stop();
  }
  expect(approvals.size).toBe(1);
  expect(types).toEqual(['0120']);
});

test('a limit and a cap of an outage hold across two switches', async () => {
  const [one, other] = await pair();
  const shops = [await one.call(), await other.call()];
  const codes: string[] = [];
  // The demo's rules: five an outage and card.
  for (let stan = 1; stan <= 8; stan += 1) codes.push(code(await shops[stan % 2]!.ask(buys(shops[stan % 2]!, stan))));
  expect(codes.filter((each) => each === '0110 00')).toHaveLength(5);
  expect(codes.slice(5)).toEqual(['0110 65', '0110 65', '0110 65']);
});

test.for([
  ['amount', { amountMinorMax: 3_000 }, '0110 61'],
  ['count', { countMax: 2 }, '0110 65'],
] as const)('what an outage may approve for the issuer by %s holds over cards and switches, and a reversal makes room', async ([, issuerCap, refusal]) => {
  const standIn = {
    version: 1, currency: 'EUR',
    unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 100_000, countMax: 100 }] },
    outageCaps: { card: { amountMinorMax: 100_000, countMax: 100 }, issuer: issuerCap },
  };
  const [one, other] = await pair({ standIn });
  const shops = [await one.call(), await other.call()];
  const pans = [hostPan, '5413330000000027'];
  const ask = async (stan: number): Promise<string> => code(await shops[stan % 2]!.ask(buys(shops[stan % 2]!, stan, { 2: pans[stan % 2]! })));
  expect([await ask(1), await ask(2)]).toEqual(['0110 00', '0110 00']);
  expect(await ask(3)).toBe(refusal);
  expect(code(await shops[1]!.ask(reverses(shops[1]!, 4, 1, { 2: pans[1]! })))).toBe('0430 00');
  expect([await ask(5), await ask(6)]).toEqual(['0110 00', refusal]);
});

test('what an outage may approve for the issuer is one cap over all parts of the store, to the last of it, by the rules in force', async () => {
  const hsm = openHsm(demoKeyFile());
  const pans = [hostPan, '5413330000000027', '5413330000000035', '5413330000000043'];
  const partitions = 7;
  expect(new Set(pans.map((pan) => partitionOf(cardHeadId(hsm.cardToken(Pan.parse(pan)!)), partitions))).size).toBeGreaterThan(1);
  const standIn = {
    version: 1, currency: 'EUR',
    unavailable: { tests: { cryptogram: 'ifCarried', luhn: 'off' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] },
    outageCaps: { issuer: { amountMinorMax: 100_000, countMax: 5 } },
  };
  const at = await startHostSwitch({ store: new MemoryStore({ partitions, now: () => Date.now() }), hsm, issuer: { standIn } });
  const shop = await at.call();
  const codes: string[] = [];
  for (let stan = 1; stan <= 8; stan += 1) codes.push(code(await shop.ask(buys(shop, stan, { 2: pans[stan % 4]! }))));
  expect(codes).toEqual(['0110 00', '0110 00', '0110 00', '0110 00', '0110 00', '0110 65', '0110 65', '0110 65']);
  // What is taken back of one card is room for another.
  expect(code(await shop.ask(reverses(shop, 9, 2, { 2: pans[2]! })))).toBe('0430 00');
  let stan = 9;
  await eventually(async () => code(await shop.ask(buys(shop, stan += 1, { 2: pans[3]! }))) === '0110 00', 'what was found exhausted is looked at again');
  expect(code(await shop.ask(buys(shop, 900, { 2: pans[0]! })))).toBe('0110 65');
});

test.for(['late', 'twice', 'garbled', 'wrong'] as const)('an answer that is %s never reaches the acquirer as a second one or a wrong one, and both books agree', async (doing) => {
  const at = await startHostSwitch({ issuer: doing === 'late' || doing === 'garbled' ? silent : {} });
  const issuer = await issuerComes(at, always(doing === 'late' ? { do: 'late', ms: 1_600 } : doing === 'wrong' ? { do: 'wrong', wrong: 'amount' } : { do: doing }));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  if (doing === 'late') await until(() => at.lines.some(({ event }) => event === 'issuer answer late'), 'the answer comes late');
  await at.delivered();
  // Whatever else was on its way came before this.
  issuer.host.setRules([]);
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(shop.frames.length).toBe(2);
  await until(() => issuer.host.exposureMinor(hostPan) === 2_500, 'the issuer holds what was approved, once');
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
  if (doing !== 'late') return;
  const entries = await at.entries();
  const [decision] = entries;
  expect(entries.filter(({ originalId }) => originalId === decision?.id).map(({ flags }) => flags[0]).sort()).toEqual(['issuerTold', 'issuerTold', 'late']);
});

test('an acknowledgement that comes after our timer is one: the advice is not sent again, and the story has it once', async () => {
  const at = await startHostSwitch({ issuer: { timers: { posMs: 10_000, cashMs: 10_000, adviceMs: 150 } } });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const issuer = await issuerComes(at, always({ do: 'late', ms: 300 }, '120'));
  await at.delivered();
  // The next would have followed within a second.
  await until(() => at.lines.some(({ event }) => event === 'issuer answer late'), 'the acknowledgement comes late');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  await eventually(async () => (await at.entries()).filter(({ flags }) => flags[0] === 'issuerTold').length === 1, 'the story says that the issuer has it');
  expect(issuer.types()).toEqual(['0120', '0100']);
  expect(at.logged.filter(({ outcome }) => outcome === 'unmatched')).toEqual([]);
});

test('an answer of an issuer that matches nothing is logged with the request that it comes nearest to, and is nobody’s', async () => {
  const at = await startHostSwitch({ issuer: silent });
  await issuerComes(at, always({ do: 'wrong', wrong: 'stan' }, '100'));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const said = expect.stringMatching(/^it differs from the nearest that waits \(0100, STAN [0-9]{1,6}\) in STAN$/) as string;
  expect(at.logged.filter(({ outcome }) => outcome === 'unmatched')).toMatchObject([{ station: 'demo-host', direction: 'in', mti: '0110' }]);
  expect(at.lines.filter(({ event }) => event === 'issuer answer unmatched')).toMatchObject([{ issuer: 'demo-host', mti: '0110', nearest: said }]);
  expect(at.notes.recent(60_000)).toMatchObject([{ kind: 'answersUnmatched', subject: 'demo-host', count: 1, last: said }]);
});

test('trace numbers of a run are not used again by the next one, nor by another switch that starts at the same time', async () => {
  const folder = newFolder();
  const stans = new Set<string>();
  for (let run = 0; run < 3; run += 1) {
    const at = await startHostSwitch({ folder, name: 'one' });
    const issuer = await issuerComes(at);
    const shop = await at.call();
    for (let stan = 1; stan <= 5; stan += 1) expect(code(await shop.ask(buys(shop, run * 10 + stan)))).toBe('0110 00');
    for (const { stan } of issuer.messages()) stans.add(stan);
    await at.stop();
    await issuer.host.kill();
  }
  expect(stans.size).toBe(15);
  const [one, other] = [await startHostSwitch({ name: 'one' }), await startHostSwitch({ name: 'other' })];
  const issuers = [await issuerComes(one), await issuerComes(other)];
  for (const at of [one, other]) {
    const shop = await at.call();
    expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  }
  const [first, second] = issuers.map((issuer) => Number(issuer.messages()[0]!.stan));
  expect(Math.abs(first! - second!)).toBeGreaterThan(1_000);
});

test('without assured response there is silence and one 0420, and a repeat hears that nothing stands', async () => {
  const at = await startHostSwitch({ issuer: { ...silent, assuredResponse: false } });
  const issuer = await issuerComes(at, always({ do: 'drop' }));
  const shop = await at.call();
  shop.send(buys(shop, 1));
  await until(() => at.drops.length === 1, 'it is dropped');
  await at.delivered();
  expect(shop.frames.length).toBe(0);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
  expect(code(await shop.ask(buys(shop, 1, {}, '101')))).toBe('0110 91');
  expect(issuer.types()).toEqual(['0100', '0420']);
});

test('an issuer that stops answering is left alone, tried with an echo and one transaction, and asked again', async () => {
  const at = await startHostSwitch({ issuer: { circuit: { failuresMax: 2, openMs: 200, openMaxMs: 400, echoMs: 5_000 }, timers: { posMs: 400, cashMs: 400, adviceMs: 10_000 } } });
  const issuer = await issuerComes(at, always({ do: 'ignore' }));
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the circuit opens');
  issuer.host.setRules([]);
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  await at.delivered();
  // The one transaction that tries it is a purchase that goes to it.
  let stan = 4;
  await eventually(async () => {
    await shop.ask(buys(shop, stan, { 4: '000000000001' }));
    stan += 1;
    return at.issuers.status('demo-host')?.phase === 'closed';
  }, 'the circuit closes');
  await at.delivered();
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
});

test('while the store is away a switch decides by its own file with its share; what it decided is in the store once when that is back', async () => {
  const now = (): number => Date.now();
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now }), undefined);
  const at = await startHostSwitch({ store, issuer: { switches: 2 } });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  const codes: string[] = [];
  // Of five in an outage the share of one of two switches is two.
  for (let stan = 2; stan <= 5; stan += 1) codes.push(code(await shop.ask(buys(shop, stan))));
  expect(codes).toEqual(['0110 00', '0110 00', '0110 65', '0110 65']);
  expect(code(await shop.ask(buys(shop, 2, {}, '101')))).toBe('0110 00');
  // Of one that only the store knows, and of one that only the file does.
  expect(code(await shop.ask(reverses(shop, 6, 1)))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 7, 2)))).toBe('0430 00');
  store.heal();
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'all of it is in the store');
  const entries = await at.entries();
  expect(entries.map(({ stan }) => Number(stan)).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const byStan = new Map(entries.map((entry) => [entry.stan, entry.id]));
  expect(entries.filter(({ mti }) => mti === '0420').map(({ originalId }) => originalId)).toEqual([byStan.get('1'), byStan.get('2')]);
  // One of 12.50 counts: four more are within the five of an outage.
  const more: string[] = [];
  for (let stan = 11; stan <= 15; stan += 1) more.push(code(await shop.ask(buys(shop, stan))));
  expect(more).toEqual(['0110 00', '0110 00', '0110 00', '0110 00', '0110 65']);
  const issuer = await issuerComes(at);
  await at.delivered();
  await until(() => issuer.host.exposureMinor(hostPan) === 5 * 1_250, 'the issuer’s book agrees');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('a forwarded purchase while the store is away is answered, on record here, and reversed by the name that the issuer knows', async () => {
  const now = (): number => Date.now();
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now }), undefined);
  const at = await startHostSwitch({ store });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 3, 1, { 37: undefined })))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 4, 2, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'both are taken back');
  store.heal();
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'all of it is in the store');
  expect(code(await shop.ask(reverses(shop, 4, 2, {}, '421')))).toBe('0430 00');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0, reversals: 2 });
});

test('a commit of which nobody can tell is neither answered twice nor lost', async () => {
  for (const kind of ['after', 'lost'] as const) {
    for (let nth = 1; nth <= 6; nth += 1) {
      const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
      const at = await startHostSwitch({ store });
      const issuer = await issuerComes(at);
      const shop = await at.call();
      store.fail({ nth, kind, persistent: false, on: 'commits' });
      const answer = code(await shop.ask(buys(shop, 1)));
      expect([nth, kind, answer]).toEqual([nth, kind, '0110 00']);
      expect(code(await shop.ask(reverses(shop, 2, 1)))).toBe('0430 00');
      await at.delivered();
      await until(() => issuer.host.exposureMinor(hostPan) === 0, 'nothing stands');
      expect(issuer.host.summary).toMatchObject({ requests: 1, doubles: 0 });
      await stopHosts();
    }
  }
});

test('what cannot be told to the issuer, and what is wrong in itself, is refused and does not go out', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: undefined })))).toMatch(/^0110 (?!00)/);
  expect(code(await shop.ask(buys(shop, 2, { 2: '5999990000000010' })))).toMatch(/^0110 (?!00)/);
  expect(code(await shop.ask(reverses(shop, 3, 1, { 90: '0100' })))).toMatch(/^0430 (?!00)/);
  expect(issuer.types()).toEqual([]);
});

test('an advice of a decline is told as a decline', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 39: '05' }, '120')))).toBe('0130 00');
  await until(() => issuer.types().length === 1, 'the issuer is told');
  expect(issuer.host.summary).toMatchObject({ advices: 1, advisedDeclines: 1 });
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

test('where the advice cannot be kept the answer is a decline, nothing of it counts, and what was kept is told when there is room', async () => {
  const at = await startHostSwitch({ adviceBytesMax: 150_000, issuer: { standIn: {
    version: 1, currency: 'EUR', unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] },
    outageCaps: { issuer: { amountMinorMax: 100_000_000 } },
  } } });
  const shop = await at.call();
  let approved = 0;
  let last = '';
  for (let stan = 1; stan <= 400 && last !== '0110 96'; stan += 1) {
    last = code(await shop.ask(buys(shop, stan)));
    if (last === '0110 00') approved += 1;
  }
  expect(last).toBe('0110 96');
  expect(approved).toBeGreaterThan(5);
  expect(at.notes.recent(60_000)).toMatchObject([{ kind: 'adviceFileTrouble', subject: 'advices' }]);
  const entries = await at.entries();
  expect(entries.filter(({ flags }) => flags.includes('adviceNotWritten')).length).toBeGreaterThan(0);
  // To deliver takes room too: with a disk that stays full the switch still ends, and what was kept goes out once there is room.
  await issuerComes(at);
  await at.stop();
  const next = await startHostSwitch({ folder: at.folder, hsm: at.hsm });
  const issuer = await issuerComes(next);
  await until(() => issuer.host.exposureMinor(hostPan) === approved * 1_250, 'the issuer’s book has what was approved, and no more');
});

test('what this node’s file took while the store was away comes to the store after a restart too, once, however often it is brought', async () => {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const hsm = openHsm(demoKeyFile());
  const first = await startHostSwitch({ store, hsm, name: 'node' });
  const shop = await first.call();
  await eventually(async () => (await store.heads({ partition: 0, epoch: 1 }, ['o:demo-host']))[0] !== undefined, 'the store knows of the outage');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  for (const stan of [1, 2]) expect(code(await shop.ask(buys(shop, stan)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 3, 1)))).toBe('0430 00');
  await first.stop();
  // The file as it was: whoever dies between the store's commit and the file's trim brings all of it again.
  const again = newFolder();
  cpSync(first.folder, again, { recursive: true });
  store.heal();
  for (const folder of [first.folder, again]) {
    const next = await startHostSwitch({ store, hsm, folder, name: 'node' });
    await until(() => next.lines.some(({ event }) => event === 'switch counts with the store again'), 'the file is relayed');
    expect((await next.entries()).map(({ stan }) => stan)).toEqual(['1', '2', '3']);
    await next.stop();
  }
  const last = await startHostSwitch({ store, hsm });
  const elsewhere = await last.call();
  // Each is known, and one counts: four more are within the five of an outage.
  expect(code(await elsewhere.ask(buys(elsewhere, 2, {}, '101')))).toBe('0110 00');
  const more: string[] = [];
  for (let stan = 11; stan <= 15; stan += 1) more.push(code(await elsewhere.ask(buys(elsewhere, stan))));
  expect(more).toEqual(['0110 00', '0110 00', '0110 00', '0110 00', '0110 65']);
});
