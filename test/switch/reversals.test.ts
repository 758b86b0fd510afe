/**
 * Reversals of a remote issuer's card, whatever became of what they reverse: what the acquirer gets, what the issuer is told, and that both and
 * stand-in's counts agree in the end. `docs/standin.md` has the cases as a table; each of its rows is a test here.
 */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { decodeActivity, usedIn } from '../../src/standin/activity.ts';
import { until } from './fixture.ts';
import type { Acquirer } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch, HostSwitchOptions, RunningIssuer } from './hosts.ts';

afterEach(stopHosts);

interface Scene {
  readonly at: HostSwitch;
  readonly shop: Acquirer;
  /** The answer to what is sent, as type and code; `silence` where none comes while another message is answered. */
  readonly ask: (draft: ReturnType<typeof buys>) => Promise<string>;
}

interface Case {
  /** The first column of the table. */
  readonly what: string;
  readonly options?: HostSwitchOptions;
  readonly rules?: Parameters<typeof issuerComes>[1];
  /** @returns what the acquirer got; the issuer that there is in the end */
  readonly play: (scene: Scene, issuer: (phase?: 'closed' | 'halfOpen') => Promise<RunningIssuer>) => Promise<{ readonly got: readonly string[]; readonly issuer: RunningIssuer }>;
  readonly got: readonly string[];
  /** What came to the issuer in all, in order. */
  readonly told: readonly string[];
  /** What stands at the issuer in the end, and what stand-in counts. */
  readonly exposureMinor?: number;
  readonly countedMinor?: number;
}

const adviseReplaces = { issuer: { ...silent, unanswered: 'adviseReplaces' } };

const cases: readonly Case[] = [
  {
    what: 'approved by the issuer',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1))], issuer };
    },
    got: ['0110 00', '0430 00'], told: ['0100', '0420'],
  },
  {
    what: 'declined by the issuer',
    rules: [{ match: { mti: '100' }, do: 'decline', code: '51' }],
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1))], issuer };
    },
    got: ['0110 51', '0430 00'], told: ['0100'],
  },
  {
    what: 'not answered in time by the issuer, approved in stand-in (reversal, then advice)',
    options: { issuer: silent },
    rules: [{ match: { mti: '100' }, do: 'drop' }],
    play: async ({ shop, ask, at }, come) => {
      const issuer = await come();
      const got = [await ask(buys(shop, 1))];
      await at.delivered();
      got.push(await ask(reverses(shop, 2, 1)));
      return { got, issuer };
    },
    got: ['0110 00', '0430 00'], told: ['0100', '0420', '0120', '0420'],
  },
  {
    what: 'not answered in time by the issuer, approved in stand-in (an advice that replaces)',
    options: adviseReplaces,
    rules: [{ match: { mti: '100' }, do: 'drop' }],
    play: async ({ shop, ask, at }, come) => {
      const issuer = await come();
      const got = [await ask(buys(shop, 1))];
      await at.delivered();
      expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
      got.push(await ask(reverses(shop, 2, 1)));
      return { got, issuer };
    },
    got: ['0110 00', '0430 00'], told: ['0100', '0120', '0420'],
  },
  {
    what: 'not answered in time by the issuer, declined in stand-in',
    options: { issuer: silent },
    rules: [{ match: { mti: '100' }, do: 'drop' }],
    play: async ({ shop, ask, at }, come) => {
      const issuer = await come();
      const got = [await ask(buys(shop, 1, { 4: '000000900000' }))];
      await at.delivered();
      got.push(await ask(reverses(shop, 2, 1, { 4: '000000900000' })));
      return { got, issuer };
    },
    got: ['0110 61', '0430 00'], told: ['0100', '0420', '0120'],
  },
  {
    what: 'not answered in time by the issuer, and by nobody (no assured response)',
    options: { issuer: { ...silent, assuredResponse: false } },
    rules: [{ match: { mti: '100' }, do: 'late', ms: 1_800 }],
    play: async ({ shop, ask, at }, come) => {
      const issuer = await come();
      shop.send(buys(shop, 1));
      await until(() => at.drops.includes('unresolved'), 'the request is dropped');
      const got = [await ask(reverses(shop, 2, 1))];
      await until(() => at.lines.some(({ event }) => event === 'issuer answer late'), 'the answer comes late');
      expect(shop.frames.length).toBe(1);
      return { got, issuer };
    },
    got: ['0430 00'], told: ['0100', '0420', '0420'],
  },
  {
    what: 'on its way to the issuer, who answers later',
    rules: [{ match: { mti: '100' }, do: 'late', ms: 2_000 }],
    play: async ({ shop }, come) => {
      const issuer = await come();
      shop.send(buys(shop, 1));
      await until(() => issuer.host.exposureMinor(hostPan) > 0, 'the issuer has the request');
      shop.send(reverses(shop, 2, 1));
      return { got: [code(await shop.next()), code(await shop.next())], issuer };
    },
    got: ['0430 00', '0110 94'], told: ['0420', '0100', '0420'],
  },
  {
    what: 'on its way to the issuer, who never answers',
    options: { issuer: silent },
    rules: [{ match: { mti: '100' }, do: 'drop' }],
    play: async ({ shop }, come) => {
      const issuer = await come();
      shop.send(buys(shop, 1));
      await until(() => issuer.host.exposureMinor(hostPan) > 0, 'the issuer has the request');
      shop.send(reverses(shop, 2, 1));
      return { got: [code(await shop.next()), code(await shop.next())], issuer };
    },
    got: ['0430 00', '0110 94'], told: ['0100', '0420'],
  },
  {
    what: 'approved in stand-in, the advice waits',
    play: async ({ shop, ask }, come) => {
      const got = [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1))];
      return { got, issuer: await come() };
    },
    got: ['0110 00', '0430 00'], told: ['0120', '0420'],
  },
  {
    what: 'approved in stand-in, the advice is delivered',
    play: async ({ shop, ask, at }, come) => {
      const got = [await ask(buys(shop, 1))];
      const issuer = await come();
      await at.delivered();
      got.push(await ask(reverses(shop, 2, 1)));
      return { got, issuer };
    },
    got: ['0110 00', '0430 00'], told: ['0120', '0420'],
  },
  {
    what: 'declined in stand-in',
    play: async ({ shop, ask }, come) => {
      const got = [await ask(buys(shop, 1, { 4: '000000900000' })), await ask(reverses(shop, 2, 1, { 4: '000000900000' }))];
      return { got, issuer: await come() };
    },
    got: ['0110 61', '0430 00'], told: ['0120'],
  },
  {
    what: 'unknown to the switch',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(reverses(shop, 2, 1))], issuer };
    },
    got: ['0430 00'], told: ['0420'],
  },
  {
    what: 'not there yet: the reversal came before it',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(reverses(shop, 2, 1)), await ask(buys(shop, 1)), await ask(buys(shop, 1, {}, '101'))], issuer };
    },
    got: ['0430 00', '0110 94', '0110 94'], told: ['0420'],
  },
  {
    what: 'an advice of the acquirer that comes after its reversal',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(reverses(shop, 2, 1, {}, '420', '0220')), await ask(buys(shop, 1, { 39: '00', 38: '123456' }, '220'))], issuer };
    },
    got: ['0430 00', '0230 00'], told: ['0420'],
  },
  {
    what: 'an advice of the acquirer',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      const got = [await ask(buys(shop, 1, { 39: '00', 38: '123456' }, '220'))];
      await until(() => issuer.host.exposureMinor(hostPan) === 1_250, 'the issuer takes the advice');
      got.push(await ask(reverses(shop, 2, 1, {}, '420', '0220')));
      return { got, issuer };
    },
    got: ['0230 00', '0430 00'], told: ['0220', '0420'],
  },
  {
    what: 'reversed already: a repeat of the reversal, or another one',
    play: async ({ shop, ask, at }, come) => {
      const issuer = await come();
      const got = [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1)), await ask(reverses(shop, 2, 1, {}, '421')), await ask(reverses(shop, 3, 1))];
      await at.delivered();
      got.push(await ask(reverses(shop, 2, 1, {}, '421')));
      return { got, issuer };
    },
    got: ['0110 00', '0430 00', '0430 00', '0430 00', '0430 00'], told: ['0100', '0420'],
  },
  {
    what: 'approved by the issuer, and a part of it stays',
    play: async ({ shop, ask }, come) => {
      const issuer = await come();
      return { got: [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1, { 95: `${'500'.padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` }))], issuer };
    },
    got: ['0110 00', '0430 00'], told: ['0100', '0420'], exposureMinor: 500,
  },
  {
    what: 'approved in stand-in, and a part of it stays',
    play: async ({ shop, ask }, come) => {
      const got = [await ask(buys(shop, 1)), await ask(reverses(shop, 2, 1, { 95: `${'500'.padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` }))];
      return { got, issuer: await come() };
    },
    got: ['0110 00', '0430 00'], told: ['0120', '0420'], exposureMinor: 500, countedMinor: 500,
  },
  {
    what: 'approved by the issuer, who is away when it is reversed',
    play: async ({ shop, ask, at }, come) => {
      const first = await come();
      const got = [await ask(buys(shop, 1))];
      await first.host.kill();
      await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is away');
      got.push(await ask(reverses(shop, 2, 1)));
      return { got, issuer: await come('halfOpen') };
    },
    got: ['0110 00', '0430 00'], told: ['0420'],
  },
];

/** What stand-in has counted of the card today. */
async function countedMinor(at: HostSwitch): Promise<number> {
  const [epoch = 1] = await at.store.epochs();
  const { Pan } = await import('../../src/message/pan.ts');
  const [head] = await at.store.heads({ partition: 0, epoch }, [`c:${at.hsm.cardToken(Pan.parse(hostPan)!)}`]);
  if (head === undefined) return 0;
  const [, , activity] = head.value.split('\n');
  return usedIn(decodeActivity(activity ?? '').day, 'overall')[1];
}

test.for(cases)('reversed: $what', async ({ options = {}, rules = [], play, got, told, exposureMinor = 0, countedMinor: counted = 0 }) => {
  const at = await startHostSwitch(options);
  const shop = await at.call();
  const played = await play({ at, shop, ask: async (draft) => code(await shop.ask(draft)) }, async (phase) => await issuerComes(at, rules, {}, phase));
  expect(played.got).toEqual(got);
  await at.delivered();
  await until(() => played.issuer.types().length >= told.length, 'the issuer has heard all');
  expect([...played.issuer.types()].sort()).toEqual([...told].sort());
  expect(played.issuer.host.exposureMinor(hostPan)).toBe(exposureMinor);
  expect(played.issuer.host.summary).toMatchObject({ doubles: 0 });
  expect(await countedMinor(at)).toBe(counted);
});

test('the documented table of reversals has a row for each case, and no other', () => {
  const page = readFileSync(new URL('../../docs/standin.md', import.meta.url), 'utf8');
  const lines = page.split('\n');
  const from = lines.findIndex((line) => line.startsWith('| What is reversed |'));
  const rows: string[] = [];
  for (const line of lines.slice(from + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(line.split('|')[1]!.trim());
  }
  expect(rows).toEqual(cases.map(({ what }) => what));
});
