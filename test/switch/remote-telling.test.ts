/**
 * An issuer at a URL, where something comes between: a switch that dies, a disk that takes nothing, a store that is away, a reversal in the
 * middle, two switches. One issuer with one book hears of all: nothing stands there in the end that does not stand at the acquirer.
 */
import { afterEach, expect, test } from 'vitest';
import type { Rule } from '../../src/cli/host-script.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch } from './hosts.ts';
import { newKeys, remoteRow, startRemote, startRemoteSwitch, stopRemotes, usable } from './remotes.ts';
import type { RunningRemote } from './remotes.ts';
import { DyingStore, fullDisk, lookForDue, stays, writesGo } from './troubles.ts';

afterEach(async () => {
  await stopHosts();
  await stopRemotes();
});

const keys = newKeys();
/** Without DE37, so that a reversal finds it by DE90. */
const plain = { 37: undefined };
/** It books the first one, and says nothing. */
const dropped: readonly Rule[] = [{ match: { mti: '100', times: 1 }, do: 'drop' }];

function newStore(): MemoryStore {
  return new MemoryStore({ partitions: 1, now: () => Date.now() });
}

function exposureOf(issuer: RunningRemote): number {
  return issuer.host.exposureMinor(hostPan);
}

async function together(at: HostSwitch): Promise<void> {
  await until(() => at.lines.some(({ event }) => event === 'switch counts with the store again'), 'what the file took is in the store');
}

test.for([true, false])('reversed while the issuer thinks about a proposal: the request is taken back by its own name (it answers: %s)', async (answers) => {
  const issuer = await startRemote(keys, answers ? [{ match: { mti: '100' }, do: 'late', ms: 1_500 }] : dropped);
  const at = await startRemoteSwitch(issuer, keys, { row: { mode: 'switchThenHost', ...(answers ? {} : silent) } });
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  await until(() => exposureOf(issuer) > 0, 'it is in flight');
  shop.send(reverses(shop, 2, 1, plain));
  expect([code(await shop.next()), code(await shop.next())]).toEqual(['0430 00', '0110 94']);
  await until(() => exposureOf(issuer) === 0, 'nothing stands at the issuer');
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
});

test.for([
  { what: 'approval', unanswered: 'reverseThenAdvise', changes: {} },
  { what: 'approval that replaces', unanswered: 'adviseReplaces', changes: {} },
  { what: 'decline', unanswered: 'reverseThenAdvise', changes: { 4: '000000900000' } },
] as const)('a crash between the $what and its advices: the reversal takes back the request that the issuer has', async ({ unanswered, changes }) => {
  const issuer = await startRemote(keys, dropped);
  const shared = { store: newStore(), hsm: openHsm(demoKeyFile()), row: { unanswered, ...silent } };
  const one = await startRemoteSwitch(issuer, keys, shared);
  const shop = await one.call();
  let wanted = 0;
  writesGo(one, async () => {
    wanted += 1;
    return await new Promise(() => undefined);
  });
  shop.send(buys(shop, 1, { ...plain, ...changes }));
  await until(() => wanted > 0, 'the decision is on record, and its advices are not on disk');
  expect(exposureOf(issuer)).toBeGreaterThan(0);
  const two = await startRemoteSwitch(issuer, keys, shared);
  const other = await two.call();
  expect(code(await other.ask(reverses(other, 2, 1, { ...plain, ...changes })))).toBe('0430 00');
  await two.delivered();
  expect(exposureOf(issuer)).toBe(0);
});

test('a reversal that comes while a decision’s advices go to a slow disk is told after them', async () => {
  const issuer = await startRemote(keys, dropped);
  const at = await startRemoteSwitch(issuer, keys, { row: silent });
  const shop = await at.call();
  let isFirst = true;
  writesGo(at, async (write, advice) => {
    const outcome = await write(advice);
    if (isFirst) {
      isFirst = false;
      shop.send(reverses(shop, 2, 1, plain));
      expect(code(await shop.next())).toBe('0430 00');
    }
    return outcome;
  });
  shop.send(buys(shop, 1, plain));
  await until(() => shop.frames.length === 2, 'both are answered');
  await at.delivered();
  expect(issuer.types().filter((mti) => mti !== '0420')).toEqual(['0100', '0120']);
  expect(exposureOf(issuer)).toBe(0);
});

test.for([true, false])('a request whose taking back found the disk full is taken back when there is room (assured response: %s)', async (assuredResponse) => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const issuer = await startRemote(keys, dropped);
  const at = await startRemoteSwitch(issuer, keys, { row: { assuredResponse, ...silent }, now, remote: { timers: { healthMs: 300, clockSkewMs: 3_600_000 } } });
  const shop = await at.call();
  const disk = fullDisk(at);
  shop.send(buys(shop, 1, plain));
  if (assuredResponse) expect(code(await shop.next())).toBe('0110 96');
  else await until(() => at.drops.includes('unresolved'), 'the acquirer gets no answer');
  aheadMs = 30_000;
  await lookForDue(at, now);
  expect(exposureOf(issuer)).toBe(1_250);
  disk.isFull = false;
  await lookForDue(at, now);
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect(exposureOf(issuer)).toBe(0);
});

test('a reversal that no disk took is told when another one comes under a new trace number', async () => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  const disk = fullDisk(at);
  shop.send(reverses(shop, 2, 1, plain));
  await until(() => at.drops.length > 0, 'the acquirer gets no answer');
  disk.isFull = false;
  expect(code(await shop.ask(reverses(shop, 3, 1, plain)))).toBe('0430 00');
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect(exposureOf(issuer)).toBe(0);
});

test('a switch dies with a request in flight, and its acquirer is silent: another takes it back, once', async () => {
  const issuer = await startRemote(keys, dropped);
  const store = newStore();
  const hsm = openHsm(demoKeyFile());
  const of = new FaultyStore(store, undefined);
  const one = await startRemoteSwitch(issuer, keys, { store: of, hsm });
  const shop = await one.call();
  shop.send(buys(shop, 1, plain));
  await until(() => exposureOf(issuer) > 0, 'it is in flight');
  of.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  writesGo(one, async () => await new Promise(() => undefined));
  const now = (): number => Date.now() + 30_000;
  const two = await startRemoteSwitch(issuer, keys, { store, hsm, now });
  await lookForDue(two, now);
  await lookForDue(two, now);
  await two.delivered();
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect(exposureOf(issuer)).toBe(0);
  const other = await two.call();
  expect(code(await other.ask(buys(other, 1, plain, '101')))).toBe('0110 94');
});

test('a switch whose clock is ahead takes back what another still waits for: both its acquirers hear that it is declined, and nothing stands', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, do: 'late', ms: 2_000 }]);
  const shared = { store: newStore(), hsm: openHsm(demoKeyFile()) };
  const ahead = (): number => Date.now() + 30_000;
  const [one, two] = [await startRemoteSwitch(issuer, keys, shared), await startRemoteSwitch(issuer, keys, { ...shared, now: ahead })];
  const [shop, other] = [await one.call(), await two.call()];
  shop.send(buys(shop, 1, plain));
  await until(() => exposureOf(issuer) > 0, 'it is in flight');
  await lookForDue(two, ahead);
  other.send(buys(other, 1, plain, '101'));
  expect([code(await other.next()), code(await shop.next())]).toEqual(['0110 94', '0110 94']);
  await Promise.all([one.delivered(), two.delivered()]);
  expect(exposureOf(issuer)).toBe(0);
});

test('a repeat at a switch whose clock is ahead is decided there, and both switches answer what was decided', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, do: 'late', ms: 2_000 }]);
  const shared = { store: newStore(), hsm: openHsm(demoKeyFile()) };
  const [one, two] = [await startRemoteSwitch(issuer, keys, shared), await startRemoteSwitch(issuer, keys, { ...shared, now: () => Date.now() + 30_000 })];
  const [shop, other] = [await one.call(), await two.call()];
  shop.send(buys(shop, 1, plain));
  await until(() => exposureOf(issuer) > 0, 'it is in flight');
  other.send(buys(other, 1, plain, '101'));
  const [repeated, first] = [await other.next(), await shop.next()];
  expect([code(repeated), code(first)]).toEqual(['0110 00', '0110 00']);
  expect(first.text(38)).toBe(repeated.text(38));
  await Promise.all([one.delivered(), two.delivered()]);
  expect(exposureOf(issuer)).toBe(1_250);
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await Promise.all([one.delivered(), two.delivered()]);
  expect(exposureOf(issuer)).toBe(0);
});

test('what may have been decided before the store went away is decided by nobody until it is back, and is then what it was', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 1 }, do: 'late', ms: 1_000 }]);
  const store = new DyingStore(newStore(), undefined);
  const at = await startRemoteSwitch(issuer, keys, { store, answerMs: 3_000 });
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  await until(() => exposureOf(issuer) > 0, 'it is in flight');
  store.isArmed = true;
  await until(() => at.drops.length === 1, 'silence');
  shop.send(buys(shop, 1, plain, '101'));
  await until(() => at.drops.length === 2, 'silence for what repeats it');
  store.heal();
  expect(exposureOf(issuer)).toBe(1_250);
  await expect.poll(async () => code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await until(() => exposureOf(issuer) === 0, 'nothing stands at the issuer');
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
});

test('while the store is away another switch sends no repeat, and what is reversed there is taken back at the issuer when it is back', async () => {
  const issuer = await startRemote(keys);
  const store = new FaultyStore(newStore(), undefined);
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startRemoteSwitch(issuer, keys, { store, hsm }), await startRemoteSwitch(issuer, keys, { store, hsm })];
  const [shop, other] = [await one.call(), await two.call()];
  for (const [stan, minor] of [[1, '000000001250'], [3, '000000001000']] as const) expect(code(await shop.ask(buys(shop, stan, { ...plain, 4: minor })))).toBe('0110 00');
  store.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  other.send(buys(other, 1, plain, '101'));
  await until(() => two.drops.length === 1, 'silence');
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  expect(code(await other.ask(reverses(other, 4, 3, { ...plain, 4: '000000001000', ...stays(400) })))).toBe('0430 00');
  store.heal();
  await together(two);
  await two.delivered();
  expect(issuer.types().filter((mti) => mti === '0100').length).toBe(2);
  expect(exposureOf(issuer)).toBe(400);
});

test('what one switch stood in for and another one reversed, whose issuer heard of that first, is taken back once the issuer has heard of it', async () => {
  const issuer = await startRemote(keys);
  const shared = { store: newStore(), hsm: openHsm(demoKeyFile()) };
  const far = remoteRow(keys, 1);
  const one = await startHostSwitch({ ...shared, issuer: far });
  const shop = await one.call();
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  const two = await startRemoteSwitch(issuer, keys, shared);
  const other = await two.call();
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  await two.delivered();
  await one.stop();
  const again = await startRemoteSwitch(issuer, keys, { ...shared, folder: one.folder });
  await again.delivered();
  expect(exposureOf(issuer)).toBe(0);
});

test('a completion does not overtake the advice of what it completes', async () => {
  const issuer = await startRemote(keys);
  issuer.host.say('stopAdvices');
  issuer.host.say('signOff');
  const at = await startHostSwitch({ issuer: remoteRow(keys, issuer.host.port) });
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 37: '000000000001' })))).toBe('0110 00');
  issuer.host.say('signOn');
  await usable(at);
  const original = { 90: `01000000011122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` };
  // The demo's rules decline it in the issuer's place.
  expect(code(await shop.ask(buys(shop, 2, { ...original, 37: '000000000001' }, '200')))).toBe('0210 05');
  expect(issuer.types()).toEqual([]);
  issuer.host.say('startAdvices');
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0220']);
  expect(exposureOf(issuer)).toBe(1_250);
});

test('a trace number that is used again names another transaction, and each is reversed for itself', async () => {
  const issuer = await startRemote(keys);
  const at = await startRemoteSwitch(issuer, keys);
  const shop = await at.call();
  const second = { 4: '000000001000', 7: '1123101500', 12: '101500', 13: '1123', 41: 'TERM0002' };
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 1, { ...plain, ...second })))).toBe('0110 00');
  expect(exposureOf(issuer)).toBe(2_250);
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await at.delivered();
  expect(exposureOf(issuer)).toBe(1_000);
});

test('an advice that is accepted ends no outage: a request that is answered does', async () => {
  const issuer = await startRemote(keys, [{ match: { mti: '100', times: 2 }, do: 'drop' }]);
  const at = await startRemoteSwitch(issuer, keys, { row: { circuit: { failuresMax: 1, openMs: 100, openMaxMs: 100, echoMs: 5_000 }, ...silent } });
  const shop = await at.call();
  for (const stan of [1, 2]) {
    expect(code(await shop.ask(buys(shop, stan)))).toBe('0110 00');
    await at.delivered();
    await until(() => at.issuers.status('demo-host')?.phase === 'halfOpen' && at.issuers.overview[0]?.unavailability === undefined, 'it is to be tried');
  }
  expect(issuer.types()).toEqual(['0100', '0420', '0120', '0100', '0420', '0120']);
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  await usable(at);
});
