/** What is known of a single card, its terminal and its issuer's day, in stand-in's decisions; and balances that a host pushes; over real sockets. */
import { afterEach, expect, test } from 'vitest';
import type { CardTerms } from '../../src/standin/card-terms.ts';
import { Pan } from '../../src/message/pan.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch } from './hosts.ts';

afterEach(stopHosts);

const otherPan = '5413330000000027';

function rulesWith(unavailable: object = {}, more: object = {}): object {
  return {
    version: 1, currency: 'EUR',
    unavailable: {
      tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline',
      limits: [{ scope: 'overall', period: 'day', amountMinorMax: 3_000, countMax: 100 }], ...unavailable,
    },
    outageCaps: {}, ...more,
  };
}

function tokenOf(at: HostSwitch, pan = hostPan): string {
  return at.hsm.cardToken(Pan.parse(pan)!);
}

async function terms(at: HostSwitch, given: CardTerms | 'none', pan = hostPan): Promise<void> {
  expect((await at.issuers.cards.setTerms(tokenOf(at, pan), given)).kind).toBe('known');
}

test.for([
  ['decline', '0110 05', '1862'], ['refer', '0110 01', '1007'], ['pickUp', '0110 04', '2000'],
] as const)('a card that its issuer has said to %s is not approved, until that is taken back', async ([instruction, answer, reason]) => {
  const at = await startHostSwitch({ issuer: { standIn: rulesWith() } });
  const shop = await at.call();
  await terms(at, { instruction });
  expect(code(await shop.ask(buys(shop, 1)))).toBe(answer);
  expect((await at.entries())[0]).toMatchObject({ reason });
  await terms(at, 'none');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
});

test('a card may have limits and a risk level of its own, and be approved whatever the decisions say', async () => {
  const at = await startHostSwitch({ issuer: { standIn: rulesWith({
    decisions: [
      { name: 'risky', when: { riskLevel: { from: 50 } }, outcome: 'decline', reason: '1002' }, { name: 'vip', when: { instruction: ['vip'] }, outcome: 'approve' },
      { name: 'domestic', when: { country: ['276'] }, outcome: 'approve' },
    ],
  }) } });
  const shop = await at.call();
  const ask = async (stan: number, changes: Readonly<Record<number, string>> = {}): Promise<string> => code(await shop.ask(buys(shop, stan, changes)));
  const elsewhere = { 43: `${'Shop'.padEnd(25)}${'Paris'.padEnd(13)}FR` };
  expect(await ask(1, elsewhere)).toBe('0110 05');
  await terms(at, { instruction: 'vip', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 1_300 }] });
  expect(await ask(2, elsewhere)).toBe('0110 00');
  expect(await ask(3, elsewhere)).toBe('0110 61');
  await terms(at, { instruction: 'vip', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 10_000 }], riskLevel: 10 });
  expect([await ask(4, elsewhere), await ask(5, elsewhere), await ask(6, elsewhere)]).toEqual(['0110 00', '0110 00', '0110 00']);
  await terms(at, { instruction: 'vip', riskLevel: 50 });
  expect(await ask(7, elsewhere)).toBe('0110 59');
  await terms(at, { instruction: 'approve', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 10_000 }] });
  expect(await ask(8, elsewhere)).toBe('0110 00');
});

test.for([
  ['the merchant', { 43: `${'Laden'.padEnd(25)}${'Berlin'.padEnd(13)}DE`, 19: '250' }, '0110 00'],
  ['the merchant, and not the acquirer', { 43: `${'Shop'.padEnd(25)}${'Paris'.padEnd(13)}FR`, 19: '276' }, '0110 05'],
  ['the acquirer, where the merchant says nothing', { 43: undefined, 19: '276' }, '0110 00'],
  ['nobody', { 43: undefined, 19: undefined }, '0110 05'],
] as const)('the terminal’s country is said by %s', async ([, fields, answer]) => {
  const at = await startHostSwitch({ issuer: { standIn: rulesWith({ decisions: [{ name: 'domestic', when: { country: ['276'] }, outcome: 'approve' }] }) } });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, fields)))).toBe(answer);
});

test('the time of the day is that of the issuer’s program', async () => {
  // Ten hours ahead of the switch's UTC, from the hour that it is there now.
  const hour = (new Date().getUTCHours() + 10) % 24;
  const clock = (at: number): string => `${String((at + 24) % 24).padStart(2, '0')}:00`;
  const isNow = { name: 'now', when: { time: { from: clock(hour - 1), to: clock(hour + 2) } }, outcome: 'approve' };
  const at = await startHostSwitch({ issuer: { standIn: rulesWith({ decisions: [isNow] }) }, program: { timeZone: 'Australia/Brisbane' } });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  const inUtc = await startHostSwitch({ issuer: { standIn: rulesWith({ decisions: [isNow] }) } });
  const there = await inUtc.call();
  expect(code(await there.ask(buys(there, 1)))).toBe('0110 05');
});

test('what one outage may approve for an account holds over its cards, and a reversal makes room', async () => {
  const at = await startHostSwitch({ issuer: { standIn: rulesWith({}, { outageCaps: { account: { amountMinorMax: 3_000 }, issuer: { amountMinorMax: 100_000 } } }) } });
  const shop = await at.call();
  await terms(at, { account: 'family-7' });
  await terms(at, { account: 'family-7' }, otherPan);
  const ask = async (stan: number, pan: string): Promise<string> => code(await shop.ask(buys(shop, stan, { 2: pan })));
  expect([await ask(1, hostPan), await ask(2, otherPan), await ask(3, otherPan)]).toEqual(['0110 00', '0110 00', '0110 61']);
  expect(code(await shop.ask(reverses(shop, 4, 1)))).toBe('0430 00');
  expect([await ask(5, otherPan), await ask(6, hostPan)]).toEqual(['0110 00', '0110 61']);
});

test('what an issuer said of a card holds at the switch that heard it while the store is away', async () => {
  const store = new FaultyStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const at = await startHostSwitch({ store, issuer: { standIn: rulesWith() } });
  const shop = await at.call();
  await terms(at, { instruction: 'decline' });
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 05');
  expect((await at.issuers.cards.find(tokenOf(at))).kind).toBe('unreachable');
});

/** Minor units that are left for stand-in. */
async function push(at: HostSwitch, availableMinor: number, through = '', asOfMs = Date.now()): Promise<string> {
  return (await at.issuers.cards.pushBalance(tokenOf(at), { availableMinor, currency: '978', asOfMs }, through)).kind;
}

/** By which the host knows what its next balance may not have, in order. */
async function namesOf(at: HostSwitch): Promise<string[]> {
  const answer = await at.issuers.cards.find(tokenOf(at));
  return answer.kind === 'known' ? (answer.known?.shadow?.names ?? []).map(([, name]) => name) : [];
}

const shadow = { mode: 'hostWithShadowBalance', standIn: rulesWith({ limits: [{ scope: 'overall', period: 'day', amountMinorMax: 1_000_000 }] }) };

test('stand-in approves within the balance that the host pushed, and nothing without one', async () => {
  const at = await startHostSwitch({ issuer: shadow });
  const shop = await at.call();
  const ask = async (stan: number): Promise<string> => code(await shop.ask(buys(shop, stan)));
  expect(await ask(1)).toBe('0110 91');
  expect(await push(at, 3_000)).toBe('known');
  expect([await ask(2), await ask(3), await ask(4)]).toEqual(['0110 00', '0110 00', '0110 51']);
  expect(code(await shop.ask(reverses(shop, 5, 2)))).toBe('0430 00');
  expect([await ask(6), await ask(7)]).toEqual(['0110 00', '0110 51']);
});

test('what was approved after the host’s last authorization is taken off the balance that it pushes, whoever approved it', async () => {
  const at = await startHostSwitch({ issuer: shadow });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const ask = async (stan: number): Promise<string> => code(await shop.ask(buys(shop, stan)));
  expect([await ask(1), await ask(2)]).toEqual(['0110 00', '0110 00']);
  const [first = '', second = ''] = await namesOf(at);
  // The issuer knows them by the STAN and the time of what came to it.
  expect([first, second].map((name) => String(Number(name.slice(0, 6))))).toEqual(issuer.messages().map(({ stan }) => stan));
  // It had taken in the first when it made this: 12.50 of the second is not in it.
  expect(await push(at, 3_000, first)).toBe('known');
  await issuer.host.kill();
  await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is gone');
  expect([await ask(3), await ask(4)]).toEqual(['0110 00', '0110 51']);
  expect(await push(at, 100_000, second, Date.now() - 60_000)).toBe('outdated');
  // Now it knows of the second, and not yet of the third.
  expect(await push(at, 2_600, second)).toBe('known');
  expect([await ask(5), await ask(6)]).toEqual(['0110 00', '0110 51']);
});

test('a balance that is older than the rules allow is none', async () => {
  const at = await startHostSwitch({ issuer: { ...shadow, standIn: rulesWith({ tests: { cryptogram: 'ifCarried', balanceAgeSecondsMax: 60 } }) } });
  const shop = await at.call();
  expect(await push(at, 100_000, '', Date.now() - 120_000)).toBe('known');
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 91');
  expect(await push(at, 100_000)).toBe('known');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
});

test('what stand-in approved, and the host has not heard of yet, is taken off a balance that names a later authorization', async () => {
  const at = await startHostSwitch({ issuer: shadow });
  const shop = await at.call();
  const ask = async (stan: number): Promise<string> => code(await shop.ask(buys(shop, stan)));
  expect(await push(at, 3_000)).toBe('known');
  expect(await ask(1)).toBe('0110 00');
  const issuer = await issuerComes(at, [{ do: 'ignore', match: { mti: 'x12x' } }]);
  expect(await ask(2)).toBe('0110 00');
  await issuer.host.kill();
  await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is gone');
  // What the host has of the 30.00 by now: it knows of the second, and of no other.
  const [, second = ''] = await namesOf(at);
  expect(await push(at, 1_750, second)).toBe('known');
  expect(await ask(3)).toBe('0110 51');
});

test('what an acquirer tells of, and the host has not heard of yet, is taken off its balance, and off what stand-in may approve', async () => {
  const at = await startHostSwitch({ issuer: shadow });
  const shop = await at.call();
  expect(await push(at, 3_000)).toBe('known');
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000001800', 38: '123456', 39: '00' }, '220')))).toBe('0230 00');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 51');
  expect(code(await shop.ask(buys(shop, 3, { 4: '000000001800', 39: '05' }, '220')))).toBe('0230 00');
  expect(code(await shop.ask(buys(shop, 4, { 4: '000000001200' })))).toBe('0110 00');
});

test('a balance that names what stand-in approved has all that the host had heard of then', async () => {
  const at = await startHostSwitch({ issuer: shadow, isStoreShared: false });
  const shop = await at.call();
  const ask = async (stan: number): Promise<string> => code(await shop.ask(buys(shop, stan)));
  expect(await push(at, 5_000)).toBe('known');
  expect([await ask(1), await ask(2)]).toEqual(['0110 00', '0110 00']);
  const issuer = await issuerComes(at);
  await at.delivered();
  await issuer.host.kill();
  await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is gone');
  const [, second = ''] = await namesOf(at);
  expect(await push(at, 2_500, second)).toBe('known');
  expect([await ask(3), await ask(4), await ask(5)]).toEqual(['0110 00', '0110 00', '0110 51']);
});
