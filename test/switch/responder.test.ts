/** Who answered, and why stand-in did, as the acquirer is told and as the book is; an answer that is none is nobody's. */
import { afterEach, expect, test } from 'vitest';
import { readResponder } from '../../src/dialect/forward-return.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import type { Doing, Wrong } from '../../src/cli/host-script.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { management, until } from './fixture.ts';
import type { Acquirer } from './fixture.ts';
import { buys, code, issuerComes, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, StationName } from './hosts.ts';

afterEach(stopHosts);

const specs = { ascii: 'iso8583-1987-ascii', binary: 'iso8583-1987-binary', iso2003: 'iso8583-2003-binary' } as const;

function told(answer: Message, station: StationName = 'ascii'): readonly string[] | undefined {
  return readResponder(answer, loadFormat({ spec: specs[station] }, station).dialect)?.names;
}

test.for(['ascii', 'binary', 'iso2003'] as const)('an acquirer at %s is told whether the issuer answered, or stand-in and why', async (station) => {
  const at = await startHostSwitch();
  const shop = await at.call(station);
  const alone = await shop.ask(buys(shop, 1));
  expect([told(alone, station), told(await shop.ask(buys(shop, 1)), station)]).toEqual([['unreachable'], ['unreachable']]);
  await issuerComes(at);
  expect(told(await shop.ask(buys(shop, 2)), station)).toEqual(['issuer', 'account']);
  expect(told(await shop.ask(buys(shop, 2)), station)).toEqual(['issuer', 'account']);
  await at.delivered();
  const flags = (await at.entries()).map((entry) => [entry.stan, entry.decidedBy, entry.flags.find((flag) => flag.startsWith('standin:'))]);
  expect(flags).toContainEqual(['1', 'standin', 'standin:unreachable']);
});

const noAnswers: [what: string, act: { do: Doing; wrong?: Wrong }, why: string][] = [
  ['never comes', { do: 'drop' }, 'timeout'], ['is no message', { do: 'garbled' }, 'timeout'], ['is of another amount', { do: 'wrong', wrong: 'amount' }, 'badAnswer'],
  ['is of another card', { do: 'wrong', wrong: 'pan' }, 'badAnswer'], ['is of another type', { do: 'wrong', wrong: 'type' }, 'timeout'],
];

test.for(noAnswers)('an issuer’s answer that %s counts as none: stand-in decides, and the reason is told apart', async ([, act, why]) => {
  const at = await startHostSwitch({ issuer: silent });
  const issuer = await issuerComes(at, [{ match: { mti: '100', times: 1 }, ...act }]);
  const shop = await at.call();
  const answer = await shop.ask(buys(shop, 1));
  expect([code(answer), told(answer)]).toEqual(['0110 00', [why]]);
  await at.delivered();
  await until(() => issuer.types().includes('0120'), 'the issuer is told of the decision');
  const advice = issuer.messages().find(({ mti }) => mti === '0420');
  expect(advice).toBeDefined();
  expect((await at.entries()).find((entry) => entry.decidedBy === 'standin')?.flags).toContain(`standin:${why}`);
});

/** An issuer by hand, since the test host has nothing to say of card values. */
async function valueTelling(at: HostSwitch, additional: string): Promise<Acquirer> {
  const issuer = await at.call('demo-host');
  expect((await issuer.ask(management(issuer.codec, 1, '001'))).text(39)).toBe('00');
  void (async () => {
    const request = await issuer.next();
    const answer = new Draft('0110');
    for (const field of [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 49]) if (request.has(field)) answer.set(field, request.text(field)!);
    issuer.send(answer.set(38, 'ABC123').set(39, '00').set(44, additional));
  })();
  return issuer;
}

test.for(['ascii', 'iso2003'] as const)('the result of a CVV or iCVV check that an issuer put into its answer does not reach the acquirer at %s', async (station) => {
  const at = await startHostSwitch();
  await valueTelling(at, 'X  YN');
  const shop = await at.call(station);
  const answer = await shop.ask(buys(shop, 1));
  expect(answer.text(38)).toBe('ABC123');
  const said = answer.text(44) ?? '';
  // Who answered stands there, what the issuer said besides stays, and its result is blank.
  expect(told(answer, station)).toEqual(['issuer', 'account']);
  if (station === 'ascii') expect(said).toBe('5  Y');
  expect(said).not.toContain('N');
  expect(JSON.stringify(at.logged)).not.toContain('X  YN');
});

test('an issuer’s answer that cannot be read beyond its trace counts as none at once: nobody waits for the timer', async () => {
  const at = await startHostSwitch({ issuer: { timers: { posMs: 60_000, cashMs: 60_000, adviceMs: 10_000 } }, answerMs: 70_000 });
  const issuer = await at.call('demo-host');
  expect((await issuer.ask(management(issuer.codec, 1, '001'))).text(39)).toBe('00');
  const shop = await at.call();
  shop.send(buys(shop, 1));
  const request = await issuer.next();
  const answer = new Draft('0110');
  for (const field of [2, 3, 4, 7, 11, 32, 37, 41, 49]) if (request.has(field)) answer.set(field, request.text(field)!);
  const bytes = Buffer.from(issuer.codec.encode(answer.set(38, 'ABC123').set(39, '00').set(54, '0001978C000000001250')));
  // The length of DE54, which is no number: what stands before it can be read.
  const at54 = bytes.indexOf('0001978C');
  bytes.fill(0xff, at54 - 2, at54);
  issuer.sendBytes(bytes);
  // Long before the timer is over.
  const decided = await shop.next(30_000);
  expect([code(decided), told(decided)]).toEqual(['0110 00', ['badAnswer']]);
});

test('what stand-in decides has its reason in the answer, the log, the book’s entry and its story alike', async () => {
  const at = await startHostSwitch();
  const shop = await at.call();
  const answer = await shop.ask(buys(shop, 1));
  expect([told(answer), answer.text(44)?.[0], answer.text(63)]).toEqual([['unreachable'], '4', 'SR049011']);
  await until(() => at.logged.some(({ direction, stan }) => direction === 'in' && stan === '1'), 'it is in the log');
  expect(at.logged.find(({ direction, stan }) => direction === 'in' && stan === '1')).toMatchObject({ answeredBy: 'standin', standInReason: 'unreachable' });
  await until(() => at.issuers.backlog('demo-host') === 1, 'it is kept for the issuer');
  const entries = (await at.entries()).filter(({ stan }) => stan === '1');
  expect(entries[0]).toMatchObject({ decidedBy: 'standin', flags: expect.arrayContaining(['standin:unreachable']) as unknown });
});
