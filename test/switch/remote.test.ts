/** A switch in front of an issuer at a URL, over real TLS: what the acquirer sees, what the issuer's book ends with, and what hostile answers do. */
import { afterEach, expect, test } from 'vitest';
import type { Rule } from '../../src/cli/host-script.ts';
import { urlWrongs } from '../../src/cli/host-script.ts';
import { cardOperations } from '../../src/program/card-operations.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { StationName } from './hosts.ts';
import { newKeys, remoteRow, startRemote, startRemoteSwitch, stopRemotes, usable } from './remotes.ts';

afterEach(async () => {
  await stopHosts();
  await stopRemotes();
});

const keys = newKeys();
const always = (rule: Omit<Rule, 'match'>, mti = '100'): Rule[] => [{ match: { mti }, ...rule }];

test.for(['ascii', 'binary', 'iso2003'] as const satisfies readonly StationName[])('a purchase from %s goes to an issuer at a URL and comes back with the acquirer’s own values', async (station) => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call(station);
  const sent = buys(shop, 7);
  const answer = await shop.ask(sent);
  expect(code(answer)).toBe(station === 'iso2003' ? '2110 0000' : '0110 00');
  for (const field of [2, 4, 7, 11, 12, 32, 37, 41]) expect(answer.text(field)?.trimEnd()).toBe(sent.get(field));
  expect(issuer.messages()).toMatchObject([{ mti: '0100', amount: { amountMinor: 1_250, currency: '978' }, approvalCode: answer.text(38), heard: 'new' }]);
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  expect(await at.entries()).toMatchObject([{ decidedBy: 'issuer', approved: true, stan: '7' }]);
});

test('a decline comes back with the issuer’s reason', async () => {
  const issuer = await startRemote(keys, always({ do: 'decline', code: '1016' }));
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 51');
  expect(await at.entries()).toMatchObject([{ decidedBy: 'issuer', approved: false, reason: '1016' }]);
});

test('a reversal is told by the id that the issuer knows the original by', async () => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  // Without DE37 nothing but the id is left to find it by.
  expect(code(await shop.ask(reverses(shop, 2, 1, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'the issuer takes it back');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversals: 1, reversalsUnknown: 0 });
});

const hostile: readonly (readonly [name: string, rule: Omit<Rule, 'match'>])[] = [
  ...urlWrongs.map((wrong) => [`wrong: ${wrong}`, { do: 'wrong', wrong }] as const),
  ['with another amount', { do: 'wrong', wrong: 'amount' }], ['to another message', { do: 'wrong', wrong: 'stan' }], ['of another type', { do: 'wrong', wrong: 'type' }],
  ['no document', { do: 'garbled' }],
];

test.for(hostile)('an answer that is %s is none: stand-in decides at once, it is counted, and what the issuer booked is taken back', async ([, rule]) => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, ...rule } as Rule]);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(at.lines.filter(({ event }) => event === 'issuer answer refused')).toHaveLength(1);
  const [entry] = await at.entries();
  expect(entry).toMatchObject({ decidedBy: 'standin', approved: true });
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420', '0120']);
  expect(issuer.messages()[1]).toMatchObject({ why: 'badAnswer', note: '' });
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
  // The connection that it came on is no trap for the next one.
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(issuer.messages().at(-1)).toMatchObject({ mti: '0100', heard: 'new', approved: true });
});

test('an answer that comes twice is one, and the second is nobody else’s', async () => {
  const issuer = await startRemote(keys, always({ do: 'twice' }));
  const at = await startRemoteSwitch(issuer, keys, { remote: { connections: 1 } });
  const shop = await at.call();
  for (const stan of [1, 2, 3]) {
    const answer = await shop.ask(buys(shop, stan));
    expect(code(answer)).toBe('0110 00');
  }
  await at.delivered();
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
  expect(issuer.host.exposureMinor(hostPan)).toBe(3 * 1_250);
});

test.for(['drop', 'ignore', 'late'] as const)('a request that is met with %s is stood in for when its timer is over, and resolved as an orphan', async (doing) => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, do: doing, ...(doing === 'late' ? { ms: 1_600 } : {}) } as Rule]);
  const at = await startRemoteSwitch(issuer, keys, { row: silent });
  const shop = await at.call();
  const beganMs = performance.now();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(performance.now() - beganMs).toBeGreaterThan(silent.timers.posMs - 20);
  // Nobody waited for the answer that comes later, or never.
  expect(at.lines.filter(({ event }) => event === 'issuer answer late')).toEqual([]);
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420', '0120']);
  expect(issuer.messages()[1]).toMatchObject({ why: 'timeout' });
  if (doing === 'late') await until(() => at.lines.some(({ event }) => event === 'issuer answer late'), 'the late answer is noted');
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: doing === 'ignore' ? 1 : 0 });
  if (doing !== 'late') return;
  const flags = (await at.entries()).flatMap((entry) => entry.flags);
  expect(flags).toContain('late');
});

test('a connection that ends after the message was booked is no reason to book it again: it is sent once more under its key', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, do: 'disconnect' }]);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  const answer = await shop.ask(buys(shop, 1));
  expect(code(answer)).toBe('0110 00');
  const [first, second] = issuer.messages();
  expect([first?.heard, second?.heard]).toEqual(['new', 'repeat']);
  expect(second).toMatchObject({ mti: '0101', stan: first?.stan, approvalCode: answer.text(38) });
  expect(issuer.host.summary).toMatchObject({ doubles: 0, repeats: { requests: 1 } });
  expect(await at.entries()).toMatchObject([{ decidedBy: 'issuer' }]);
});

test('an advice that is not acknowledged is told again as a repeat under its own key, in its place, and taken once', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '12x', times: 1 }, do: 'drop' }]);
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const at = await startHostSwitch({ issuer: remoteRow(keys, 1), store });
  const shop = await at.call();
  for (const stan of [1, 2]) expect(code(await shop.ask(buys(shop, stan)))).toBe('0110 00');
  await at.stop();
  const again = await startRemoteSwitch(issuer, keys, { folder: at.folder, store, hsm: at.hsm, row: { timers: { ...silent.timers, adviceMs: 1_000 } } });
  await again.delivered();
  const told = issuer.messages();
  expect(told.map(({ mti, heard }) => [mti, heard])).toEqual([['0120', 'new'], ['0121', 'repeat'], ['0120', 'new']]);
  expect(told[1]?.stan).toBe(told[0]?.stan);
  expect(issuer.host.exposureMinor(hostPan)).toBe(2 * 1_250);
  expect(issuer.host.summary).toMatchObject({ doubles: 0, advices: 2 });
});

test('an issuer that asks the switch to decide is stood in for, and left alone', async () => {
  const issuer = await startRemote(keys, always({ do: 'standIn' }));
  const at = await startRemoteSwitch(issuer, keys, { row: { circuit: { askedMs: 60_000 } } });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'open', why: 'asked' });
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(issuer.types()).toEqual(['0100']);
});

test('an issuer signs off, asks for suppress inquiry, and holds its advices by what it says of its health', async () => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  const why = (): string | undefined => at.issuers.status('demo-host')?.why;
  issuer.host.say('signOff');
  await until(() => why() === 'signedOff', 'it is signed off');
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(issuer.types()).toEqual([]);
  issuer.host.say('stopAdvices');
  issuer.host.say('enterSuppressInquiry');
  issuer.host.say('signOn');
  await until(() => why() === 'suppressInquiry', 'it has suppress inquiry');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(at.issuers.backlog('demo-host')).toBe(2);
  issuer.host.say('startAdvices');
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0120']);
  issuer.host.say('leaveSuppressInquiry');
  await usable(at);
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  expect(issuer.types()).toEqual(['0120', '0120', '0100']);
});

test('an issuer that refuses our certificate, and one whose certificate is not to be trusted, get no message', async () => {
  const others = newKeys();
  const strange = await startRemote(others);
  const { tls } = remoteRow(others, 1)['remote'] as { readonly tls: Readonly<Record<string, string>> };
  const { tls: own } = remoteRow(keys, 1)['remote'] as { readonly tls: Readonly<Record<string, string>> };
  for (const files of [{ ...own, authoritiesFile: tls['authoritiesFile'] }, { ...tls, authoritiesFile: own['authoritiesFile'] }]) {
    const at = await startHostSwitch({ issuer: remoteRow(keys, strange.host.port, { tls: files }) });
    const refusals = strange.events.length;
    await until(() => strange.events.slice(refusals).filter(({ event }) => event === 'strange').length >= 2, 'it is tried, and refused');
    const shop = await at.call();
    expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
    expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'open', why: 'unreachable' });
    expect(strange.messages()).toEqual([]);
    expect(await at.entries()).toMatchObject([{ decidedBy: 'standin' }]);
    await at.stop();
  }
});

test('a balance that an issuer at a URL pushes names the last authorization in it by the id of its message', async () => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys, { row: { mode: 'hostWithShadowBalance' } });
  const shop = await at.call();
  expect([code(await shop.ask(buys(shop, 1))), code(await shop.ask(buys(shop, 2)))]).toEqual(['0110 00', '0110 00']);
  const [first, second] = issuer.messages().map(({ stan }) => stan);
  const push = cardOperations({
    cards: at.issuers.cards, vault: at.hsm, issuer: () => at.issuers.overview[0]?.row, issuerOf: () => 'demo-host', log: { event: () => undefined }, now: () => Date.now(),
  }).find(({ name }) => name === 'push balance')!;
  const given = { issuer: 'demo-host', pan: hostPan, availableMinor: 5_000, currency: 'EUR' };
  expect(await push.run({ ...given, lastAuthorizationId: first }, 'test')).toMatchObject({ balance: { laterMinor: 1_250, leftMinor: 3_750, later: [second] } });
  expect(await push.run({ ...given, lastAuthorizationId: second }, 'test')).toMatchObject({ balance: { laterMinor: 0, leftMinor: 5_000, later: [] } });
});
