/** Who answered, and why stand-in did, as the acquirer is told and as the book is; an answer that is none is nobody's. */
import { afterEach, expect, test } from 'vitest';
import { readResponder } from '../../src/dialect/forward-return.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import type { Doing, Wrong } from '../../src/cli/host-script.ts';
import { loadFormat } from '../../src/program/tables-format.ts';
import { until } from './fixture.ts';
import { buys, code, issuerComes, startHostSwitch, stopHosts } from './hosts.ts';
import type { StationName } from './hosts.ts';

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
  const at = await startHostSwitch();
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
