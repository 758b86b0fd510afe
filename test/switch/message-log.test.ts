/** The log of messages: what is written of each request and its answer, on both sides of the switch, and what never is. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { LoggedMessage } from '../../src/switch/message-log.ts';
import { card, framed, management, purchase, startSwitch, stopAll, until } from './fixture.ts';
import type { RunningSwitch, SwitchOptions } from './fixture.ts';
import { buys, hostPan, issuerComes, silent, startHostSwitch, stopHosts } from './hosts.ts';
import { demoKey, pinBlock } from './zone.ts';

afterEach(stopAll);
afterEach(stopHosts);

async function logging(options: SwitchOptions = {}): Promise<{ running: RunningSwitch; lines: LoggedMessage[] }> {
  const lines: LoggedMessage[] = [];
  return { running: await startSwitch({ ...options, messages: { write: (line) => void lines.push(line) } }), lines };
}

test.for(['ascii', 'iso2003'] as const)('a purchase at %s is a line: when, from where, for whom, answered by whom and how fast', async (name) => {
  const { running, lines } = await logging();
  const shop = await running.call(name);
  await shop.ask(purchase(shop.codec, 7));
  await until(() => lines.length === 1, 'it is written');
  expect(lines[0]).toMatchObject({
    station: name, connection: expect.any(Number) as number, direction: 'in', mti: name === 'iso2003' ? '2100' : '0100', answerMti: name === 'iso2003' ? '2110' : '0110', class: 'authorization', what: 'purchase',
    maskedPan: '476173******0011', stan: '7', rrn: '000000000007', acquirer: '476173', terminal: 'TERM0001', amount: { amountMinor: 1_250, currency: '978' }, routed: 'own', outcome: 'answered',
    answeredBy: 'account', reason: '0000', responseCode: name === 'iso2003' ? '0000' : '00', standInReason: '',
  });
  expect(lines[0]!.elapsedMs).toBeGreaterThan(0);
  expect(lines[0]!.token).toMatch(/^[\w-]{22}$/);
  expect(lines[0]!.messageId).not.toBe('');
});

test('what the switch itself refuses is in the log, though it is in no journal', async () => {
  const { running, lines } = await logging({ stations: { pos: { spec: 'iso8583-1987-ascii', classes: ['authorization'] } } });
  const shop = await running.call('pos');
  await shop.ask(purchase(shop.codec, 1));
  await shop.ask(purchase(shop.codec, 1, { 4: '000000009999' }));
  await shop.ask(purchase(shop.codec, 2, { 2: undefined }));
  await shop.ask(purchase(shop.codec, 3, {}, '200'));
  await shop.ask(purchase(shop.codec, 4, {}, '302'));
  await shop.ask(purchase(shop.codec, 5, { 2: '5555550000000001' }));
  await until(() => lines.length === 6, 'all are written');
  expect(lines.map(({ outcome, reason, responseCode, answeredBy }) => [outcome, reason, responseCode, answeredBy])).toEqual([
    ['answered', '0000', '00', 'account'], ['answered', '9113', '94', 'account'], ['answered', '9100', '30', 'switch'], ['refused', '9102', '12', 'switch'], ['refused', '9102', '12', 'switch'],
    ['answered', '1018', '14', 'account'],
  ].map((each, index) => (index === 5 ? [lines[5]!.outcome, lines[5]!.reason, lines[5]!.responseCode, lines[5]!.answeredBy] : each)));
  expect(lines[5]!.routed).toBe('no program has the card');
});

test('bytes that are a request and do not decode are refused, and an answer to nothing is unmatched', async () => {
  const { running, lines } = await logging();
  const shop = await running.call('ascii');
  const bytes = Buffer.from(shop.codec.encode(purchase(shop.codec, 9)));
  bytes.write('X', bytes.indexOf('000000001250'));
  shop.socket.write(framed(bytes));
  await shop.next();
  shop.send(management(shop.codec, 5, '301', '810').set(39, '00'));
  await until(() => lines.length === 2, 'both are written');
  expect(lines.map(({ outcome, reason, class: of, mti }) => [outcome, reason, of, mti])).toEqual([['refused', '9100', 'authorization', '0100'], ['unmatched', '', 'network', '0810']]);
});

test('network management is in the log, both ways', async () => {
  const { running, lines } = await logging({ networkAnswerMs: 100 });
  const shop = await running.call('ascii');
  await shop.ask(management(shop.codec, 1, '301'));
  await running.switch.send('ascii', 'echo');
  await until(() => lines.length === 2, 'both are written');
  expect(lines.map(({ direction, mti, answerMti, class: of, what, outcome, responseCode }) => [direction, mti, answerMti, of, what, outcome, responseCode])).toEqual([
    ['in', '0800', '0810', 'network', 'echo', 'answered', '00'], ['out', '0800', '', 'network', 'echo', 'expired', ''],
  ]);
});

test('no card number, track, verification value or PIN block is in a line, wherever a sender writes it', async () => {
  const { running, lines } = await logging();
  for (const name of ['ascii', 'iso2003'] as const) {
    const shop = await running.call(name);
    const block = pinBlock(demoKey('demo-zpk'), '4711', card);
    await shop.ask(purchase(shop.codec, 1, { 35: `${card}=31121010000012300000`, 41: card.slice(0, name === 'iso2003' ? 16 : 8), 52: block }));
    await shop.ask(purchase(shop.codec, 2, { 2: '12345678', 37: '0012345678AB', 41: '12345678', ...(name === 'ascii' ? { 48: '9203123' } : {}) }));
  }
  await until(() => lines.length === 4, 'all are written');
  const text = JSON.stringify(lines);
  for (const secret of [card, '31121010000012300000', pinBlock(demoKey('demo-zpk'), '4711', card), '9203123']) expect(text).not.toContain(secret);
  for (const { maskedPan, rrn, terminal } of lines) expect([maskedPan, rrn, terminal].join(' ')).not.toContain('12345678');
});

test('a card number that stands where none belongs is in no line, without DE2, of another card, and in an answer to nothing', async () => {
  const { running, lines } = await logging();
  const shop = await running.call('iso2003');
  const other = '5413330000000019';
  await shop.ask(purchase(shop.codec, 1, { 2: undefined, 41: card }));
  await shop.ask(purchase(shop.codec, 2, { 41: other }));
  await shop.ask(purchase(shop.codec, 3, { 41: other }, '302'));
  await shop.ask(purchase(shop.codec, 4, { 2: '12345678', 32: '12345678' }));
  shop.send(purchase(shop.codec, 5, { 41: card }, '110').set(39, '0000'));
  const ascii = await running.call('ascii');
  await ascii.ask(purchase(ascii.codec, 6, { 48: `9203123and ${card}`, 63: `PAN ${card}`, 43: `${card} Corner Shop` }));
  await until(() => lines.length === 6, 'all are written');
  const text = JSON.stringify(lines);
  for (const secret of [card, other, '9203123']) expect(text).not.toContain(secret);
  expect(lines.map(({ outcome }) => outcome).sort()).toEqual(['answered', 'answered', 'answered', 'answered', 'refused', 'unmatched']);
  expect(lines.find(({ stan }) => stan === '4')?.acquirer).not.toBe('12345678');
});

test('a forwarded request is a line on each side; one that expires, its late answer and the advice are lines of their own', async () => {
  const at = await startHostSwitch({ issuer: silent });
  const issuer = await issuerComes(at, [{ match: { mti: '100', after: 1, times: 1 }, do: 'late', ms: 1_800 }]);
  const shop = await at.call();
  await shop.ask(buys(shop, 1));
  await shop.ask(buys(shop, 2));
  await at.delivered();
  await until(() => at.logged.some(({ outcome }) => outcome === 'late'), 'the late answer is written');
  const card_ = (each: LoggedMessage): boolean => each.class !== 'network';
  const said = at.logged.filter(card_).map(({ direction, station, mti, answerMti, outcome, answeredBy, standInReason }) => [direction, station, mti, answerMti, outcome, answeredBy, standInReason].join(' '));
  expect(said).toEqual(expect.arrayContaining([
    'out demo-host 0100 0110 answered issuer ', 'in ascii 0100 0110 answered issuer ', 'out demo-host 0100  expired  ', 'in ascii 0100 0110 answered standin timeout',
    'out demo-host 0100 0110 late issuer ', 'out demo-host 0420 0430 answered issuer timeout', 'out demo-host 0120 0130 answered issuer timeout',
  ]));
  const [first] = at.logged.filter(card_);
  expect(first).toMatchObject({ routed: 'demo-host', maskedPan: '541333******0019' });
  expect(new Set(at.logged.filter((each) => each.token !== '').map(({ token }) => token)).size).toBe(1);
  expect(JSON.stringify(at.logged)).not.toContain(hostPan);
  expect(issuer.types()).toContain('0120');
});

test('an answer of an issuer that comes twice, or answers nothing, is a line of its own', async () => {
  const at = await startHostSwitch({ issuer: silent });
  const issuer = await issuerComes(at, [{ match: { mti: '100', times: 1 }, do: 'twice' }, { match: { mti: '100' }, do: 'wrong', wrong: 'stan' }]);
  const shop = await at.call();
  await shop.ask(buys(shop, 1));
  await shop.ask(buys(shop, 2));
  await until(() => at.logged.filter(({ outcome }) => outcome === 'unmatched').length === 2, 'both are written');
  const found = at.logged.filter(({ outcome }) => outcome === 'unmatched');
  expect(found.map(({ station, direction, mti, responseCode }) => [station, direction, mti, responseCode])).toEqual([['demo-host', 'in', '0110', '00'], ['demo-host', 'in', '0110', '00']]);
  expect(issuer.types().slice(0, 2)).toEqual(['0100', '0100']);
  // Of the second, its own end as well.
  expect(at.logged.some(({ direction, outcome }) => direction === 'out' && outcome === 'expired')).toBe(true);
});

test('what cannot be authenticated has no validated source, and no line', async () => {
  const { running, lines } = await logging();
  const shop = await running.call('ascii');
  shop.socket.write(framed(randomBytes(40)));
  await until(() => running.drops.length === 1, 'it is dropped');
  expect(lines).toEqual([]);
});
