/**
 * What a remote issuer is told of a request that it may have, where something comes between: a crash or a lost answer of the store between
 * the decision and its advices, a disk that takes nothing, a reversal that comes in the middle. In the end nothing stands at the issuer that
 * does not stand at the acquirer.
 */
import { afterEach, expect, test } from 'vitest';
import type { Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { management, until } from './fixture.ts';
import type { Acquirer } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';
import type { HostSwitch } from './hosts.ts';
import { DyingStore, fullDisk, lookForDue, stays, writesGo } from './troubles.ts';

afterEach(stopHosts);

/** The purchase is of 12.50; no RRN, so that a reversal finds it by DE90. */
const plain = { 37: undefined };
const dropped = [{ match: { mti: '100' }, do: 'drop' }] as const;

test.for([
  { what: 'approval', unanswered: 'reverseThenAdvise', changes: {} },
  { what: 'approval that replaces', unanswered: 'adviseReplaces', changes: {} },
  { what: 'decline', unanswered: 'reverseThenAdvise', changes: { 4: '000000900000' } },
] as const)('a crash between the $what and its advices: the reversal takes back the request that the issuer has', async ({ unanswered, changes }) => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const one = await startHostSwitch({ store, hsm, issuer: { unanswered, ...silent } });
  const first = await issuerComes(one, dropped);
  const shop = await one.call();
  let wanted = 0;
  writesGo(one, async () => {
    wanted += 1;
    return await new Promise(() => undefined);
  });
  shop.send(buys(shop, 1, { ...plain, ...changes }));
  await until(() => wanted > 0, 'the decision is on record, and its advices are not on disk');
  const [request] = first.messages();
  await first.host.kill();
  const two = await startHostSwitch({ store, hsm, issuer: { unanswered, ...silent } });
  const named: string[] = [];
  writesGo(two, async (write, advice) => {
    if (advice.kind === 'reversal' && advice.content.what === 'decision' && advice.content.replaces !== undefined) named.push(advice.content.replaces.stan);
    else if (advice.kind === 'reversal') named.push(JSON.stringify(advice.content));
    return await write(advice);
  });
  const second = await issuerComes(two);
  const other = await two.call();
  expect(code(await other.ask(reverses(other, 2, 1, { ...plain, ...changes })))).toBe('0430 00');
  await two.delivered();
  expect(named).toContain(request!.stan);
  await until(() => second.types().length === named.length, 'the issuer has heard all');
  expect(new Set(second.types())).toEqual(new Set(['0420']));
});

test('the store does not say whether the decision on a request that the issuer has is on record: its reversal takes the request back', async () => {
  const store = new DyingStore(new MemoryStore({ partitions: 1, now: () => Date.now() }), undefined);
  const at = await startHostSwitch({ store, answerMs: 3_000, issuer: silent });
  const issuer = await issuerComes(at, dropped);
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  await until(() => issuer.types().length === 1, 'it is in flight');
  store.isArmed = true;
  await until(() => at.drops.includes('unresolved'), 'the acquirer gets no answer');
  store.heal();
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'nothing stands at the issuer');
});

test('a reversal that comes while a decision’s advices go to a slow disk is told after them', async () => {
  const at = await startHostSwitch({ issuer: silent });
  const issuer = await issuerComes(at, dropped);
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
  // The request's own reversal is told twice where nobody knew yet that it was on disk; the decision's comes last.
  expect(issuer.types().filter((mti) => mti !== '0420')).toEqual(['0100', '0120']);
  expect(issuer.types().at(-1)).toBe('0420');
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

test.for([true, false])('a request whose taking back found the disk full is taken back when there is room (assured response: %s)', async (assuredResponse) => {
  let aheadMs = 0;
  const at = await startHostSwitch({ issuer: { ...silent, assuredResponse }, now: () => Date.now() + aheadMs });
  const issuer = await issuerComes(at, dropped);
  const shop = await at.call();
  const disk = fullDisk(at);
  shop.send(buys(shop, 1, plain));
  if (assuredResponse) expect(code(await shop.next())).toBe('0110 96');
  else await until(() => at.drops.includes('unresolved'), 'the acquirer gets no answer');
  aheadMs = 30_000;
  await lookForDue(at, () => Date.now() + aheadMs);
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  disk.isFull = false;
  await lookForDue(at, () => Date.now() + aheadMs);
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
  // Once: nothing is owed any more.
  await lookForDue(at, () => Date.now() + aheadMs);
  expect(code(await shop.ask(buys(shop, 1, plain, '101')))).toBe(assuredResponse ? '0110 96' : '0110 91');
  expect(at.issuers.backlog('demo-host')).toBe(0);
});

test.for([true, false])('the acquirer’s reversal takes back what a full disk did not let be taken back (assured response: %s)', async (assuredResponse) => {
  const at = await startHostSwitch({ issuer: { ...silent, assuredResponse } });
  const issuer = await issuerComes(at, dropped);
  const shop = await at.call();
  const disk = fullDisk(at);
  shop.send(buys(shop, 1, plain));
  if (assuredResponse) expect(code(await shop.next())).toBe('0110 96');
  else await until(() => at.drops.includes('unresolved'), 'the acquirer gets no answer');
  disk.isFull = false;
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await at.delivered();
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'nothing stands at the issuer');
});

test('a switch dies with a request in flight, and its acquirer is silent: another switch takes it back, once, and its repeat is declined', async () => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const of = new FaultyStore(store, undefined);
  const one = await startHostSwitch({ store: of, hsm, program: { creditGuard: true } });
  await one.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: 10_000 });
  const issuer = await issuerComes(one, dropped);
  const shop = await one.call();
  shop.send(buys(shop, 1, plain));
  await until(() => issuer.types().length === 1, 'it is in flight');
  const [request] = issuer.messages();
  // Nothing of this switch reaches the store or its disk any more.
  of.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  writesGo(one, async () => await new Promise(() => undefined));
  let aheadMs = 0;
  const two = await startHostSwitch({ store, hsm, program: { creditGuard: true }, now: () => Date.now() + aheadMs });
  const named: string[] = [];
  writesGo(two, async (write, advice) => {
    if (advice.content.what === 'decision') named.push(`${advice.kind} ${advice.content.replaces?.stan ?? ''}`);
    return await write(advice);
  });
  const other = await issuerComes(two);
  await lookForDue(two, () => Date.now() + aheadMs);
  expect(named).toEqual([]);
  await issuer.host.kill();
  await one.stop();
  aheadMs = 60_000;
  await lookForDue(two, () => Date.now() + aheadMs);
  await lookForDue(two, () => Date.now() + aheadMs);
  await two.delivered();
  expect(named).toEqual([`reversal ${request!.stan}`]);
  expect(other.types()).toEqual(['0420']);
  await expect.poll(async () => (await store.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0]).toBe(10_000);
  const second = await two.call();
  expect(code(await second.ask(buys(second, 1, plain, '101')))).toBe('0110 94');
  expect(code(await second.ask(reverses(second, 2, 1, plain)))).toBe('0430 00');
  expect(named.length).toBe(1);
});

test('a reversal that no disk took is told when another one comes under a new trace number', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  const disk = fullDisk(at);
  shop.send(reverses(shop, 2, 1, plain));
  await until(() => at.drops.length > 0, 'the acquirer gets no answer');
  disk.isFull = false;
  expect(code(await shop.ask(reverses(shop, 3, 1, plain)))).toBe('0430 00');
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
  expect(code(await shop.ask(reverses(shop, 4, 1, plain)))).toBe('0430 00');
  expect(at.issuers.backlog('demo-host')).toBe(0);
});

test.for([true, false])('reversed while the issuer thinks about a proposal: the request is taken back by its own name (it answers: %s)', async (answers) => {
  const at = await startHostSwitch({ issuer: { mode: 'switchThenHost', ...(answers ? {} : silent) } });
  const issuer = await issuerComes(at, answers ? [{ match: { mti: '100' }, do: 'late', ms: 1_500 }] : dropped);
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  await until(() => issuer.types().length === 1 || issuer.host.exposureMinor(hostPan) > 0, 'it is in flight');
  shop.send(reverses(shop, 2, 1, plain));
  expect([code(await shop.next()), code(await shop.next())]).toEqual(['0430 00', '0110 94']);
  await until(() => issuer.host.exposureMinor(hostPan) === 0, 'nothing stands at the issuer');
});

test.for([true, false])('a part is reversed in flight: that part stays, whoever decides, and a second reversal to it changes nothing (the issuer answers: %s)', async (answers) => {
  const at = await startHostSwitch({ program: { creditGuard: true }, issuer: answers ? {} : silent });
  await at.guards.loadGuard({ id: 'first', partner: 'demo/deposit', amountMinor: 10_000 });
  const issuer = await issuerComes(at, answers ? [{ match: { mti: '100' }, do: 'late', ms: 1_500 }] : dropped);
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  await until(() => issuer.host.exposureMinor(hostPan) > 0, 'it is in flight');
  shop.send(reverses(shop, 2, 1, { ...plain, ...stays(500) }));
  expect([code(await shop.next()), code(await shop.next())]).toEqual(['0430 00', '0110 00']);
  await at.delivered();
  const left = async (): Promise<number | undefined> => (await at.store.guards({ partition: 0, epoch: 1 }, ['credit:demo/deposit']))[0];
  expect([issuer.host.exposureMinor(hostPan), await left()]).toEqual([500, 9_500]);
  expect(code(await shop.ask(reverses(shop, 3, 1, { ...plain, ...stays(500) })))).toBe('0430 00');
  await at.delivered();
  expect([issuer.host.exposureMinor(hostPan), await left()]).toEqual([500, 9_500]);
  expect(code(await shop.ask(reverses(shop, 4, 1, plain)))).toBe('0430 00');
  await at.delivered();
  expect([issuer.host.exposureMinor(hostPan), await left()]).toEqual([0, 10_000]);
});

test('a repeat at a switch whose disk is full, of an approval whose advice another has, gets no answer and takes nothing back', async () => {
  const inner = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const of = new FaultyStore(inner, undefined);
  const [one, two] = [await startHostSwitch({ store: of, hsm }), await startHostSwitch({ store: inner, hsm })];
  const [shop, other] = [await one.call(), await two.call()];
  await until(() => one.issuers.status('demo-host')?.phase !== undefined, 'it is there');
  writesGo(one, async (write, advice) => {
    const outcome = await write(advice);
    of.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
    return outcome;
  });
  fullDisk(two);
  expect(code(await shop.ask(buys(shop, 1, plain)))).toBe('0110 00');
  other.send(buys(other, 1, plain, '101'));
  await until(() => two.drops.length > 0, 'the repeat gets no answer');
  of.heal();
  await until(() => one.lines.some(({ event }) => event === 'switch counts with the store again'), 'it is relayed');
  expect(code(await shop.ask(buys(shop, 1, plain, '101')))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  const issuer = await issuerComes(one);
  await one.delivered();
  expect(issuer.types()).toEqual(['0120', '0420']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

/** An issuer that answers what it is told to, in any order. */
async function issuerByHand(at: HostSwitch): Promise<Acquirer> {
  const issuer = await at.call('demo-host');
  expect(code(await issuer.ask(management(issuer.codec, 1, '001')))).toBe('0810 00');
  await until(() => at.issuers.status('demo-host')?.phase === 'closed', 'the issuer can be asked');
  return issuer;
}

function answers(issuer: Acquirer, to: Message, fields: Readonly<Record<number, string>>): void {
  const draft = new Draft(`0${to.mti[1]}${to.mti[2] === '0' ? '1' : '3'}0`);
  for (const field of [2, 3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 49]) {
    const text = to.text(field);
    if (text !== undefined) draft.set(field, text);
  }
  for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
  issuer.send(draft);
}

test('an issuer that acknowledges a reversal first, and approves its request then, hears of the reversal once more', async () => {
  const at = await startHostSwitch();
  const issuer = await issuerByHand(at);
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  const request = await issuer.next();
  shop.send(reverses(shop, 2, 1, plain));
  const first = await issuer.next();
  answers(issuer, first, { 39: '00' });
  await at.delivered();
  answers(issuer, request, { 38: 'ABC123', 39: '00' });
  expect([code(await shop.next()), code(await shop.next())]).toEqual(['0430 00', '0110 94']);
  const second = await issuer.next();
  expect([first.mti, second.mti, second.text(90)]).toEqual(['0420', '0420', first.text(90)]);
});

test.for([true, false])('an issuer that approves after its time, and after it has acknowledged that the request is taken back, hears of that once more (assured response: %s)', async (assuredResponse) => {
  const at = await startHostSwitch({ issuer: { ...silent, assuredResponse } });
  const issuer = await issuerByHand(at);
  const shop = await at.call();
  shop.send(buys(shop, 1, plain));
  const request = await issuer.next();
  const first = await issuer.next();
  answers(issuer, first, { 39: '00' });
  if (assuredResponse) answers(issuer, await issuer.next(), { 39: '00' });
  await at.delivered();
  answers(issuer, request, { 38: 'ABC123', 39: '00' });
  const second = await issuer.next();
  expect([first.mti, second.mti, second.text(90)]).toEqual(['0420', '0420', first.text(90)]);
});

test('a switch that the store is away for answers a request that another has taken back as overdue: the acquirer’s reversal still reaches the issuer', async () => {
  const inner = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const of = new FaultyStore(inner, undefined);
  let aheadMs = 0;
  const one = await startHostSwitch({ store: of, hsm, issuer: silent });
  const two = await startHostSwitch({ store: inner, hsm, now: () => Date.now() + aheadMs });
  const issuer = await issuerComes(one, dropped);
  const second = await issuerComes(two);
  const shop = await one.call();
  shop.send(buys(shop, 1, plain));
  await until(() => issuer.types().length === 1, 'it is in flight');
  of.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
  aheadMs = 60_000;
  await lookForDue(two, () => Date.now() + aheadMs);
  await two.delivered();
  expect(second.types()).toEqual(['0420']);
  expect(code(await shop.next())).toBe('0110 00');
  of.heal();
  await until(() => one.lines.some(({ event }) => event === 'switch counts with the store again'), 'it is relayed');
  await one.delivered();
  expect(issuer.host.exposureMinor(hostPan)).toBe(1_250);
  expect(code(await shop.ask(reverses(shop, 2, 1, plain)))).toBe('0430 00');
  await one.delivered();
  expect(issuer.host.exposureMinor(hostPan)).toBe(0);
});

test('of two reversals that come to two switches at once one is told', async () => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const [one, two] = [await startHostSwitch({ store, hsm }), await startHostSwitch({ store, hsm })];
  const [first, second] = [await issuerComes(one), await issuerComes(two)];
  const [shop, other] = [await one.call(), await two.call()];
  for (let stan = 1; stan <= 5; stan += 1) expect(code(await shop.ask(buys(shop, stan, { ...plain, 4: '000000000100' })))).toBe('0110 00');
  for (let stan = 1; stan <= 5; stan += 1) {
    shop.send(reverses(shop, 100 + stan, stan, plain));
    other.send(reverses(other, 200 + stan, stan, plain));
  }
  for (let stan = 1; stan <= 5; stan += 1) expect([code(await shop.next()), code(await other.next())]).toEqual(['0430 00', '0430 00']);
  await one.delivered();
  await two.delivered();
  expect([...first.types(), ...second.types()].filter((mti) => mti === '0420').length).toBe(5);
});

test('a crash between decision and advices, and a silent acquirer: the request is taken back; its repeat is answered as decided, and told', async () => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  const one = await startHostSwitch({ store, hsm, issuer: silent });
  const first = await issuerComes(one, dropped);
  const shop = await one.call();
  let wanted = 0;
  writesGo(one, async () => {
    wanted += 1;
    return await new Promise(() => undefined);
  });
  shop.send(buys(shop, 1, plain));
  await until(() => wanted > 0, 'the decision is on record, and its advices are not on disk');
  const [request] = first.messages();
  await first.host.kill();
  const two = await startHostSwitch({ store, hsm, now: () => Date.now() + 60_000 });
  const named: string[] = [];
  writesGo(two, async (write, advice) => {
    if (advice.kind === 'reversal' && advice.content.what === 'decision') named.push(advice.content.replaces?.stan ?? '');
    return await write(advice);
  });
  const second = await issuerComes(two);
  await lookForDue(two, () => Date.now() + 60_000);
  await two.delivered();
  expect([named, second.types()]).toEqual([[request!.stan], ['0420']]);
  const other = await two.call();
  expect(code(await other.ask(buys(other, 1, plain, '101')))).toBe('0110 00');
  await two.delivered();
  expect(second.host.exposureMinor(hostPan)).toBe(1_250);
  expect(code(await other.ask(reverses(other, 2, 1, plain)))).toBe('0430 00');
  await two.delivered();
  expect(second.host.exposureMinor(hostPan)).toBe(0);
});
