/** What a thief with a card tries against its PIN, chip and authentication values: on many connections, and on two switches over one store at once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { decideNow } from '../../src/issuer/ledger.ts';
import { Secret } from '../../src/message/secret.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { readTables } from '../../src/tables/tables.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { startRedis } from '../servers/redis.ts';
import { card, demoStationNames, nowMs, purchase, startSwitch, stopAll } from './fixture.ts';
import type { Acquirer, Fields, RunningSwitch } from './fixture.ts';
import { make, panOf, withAuthentication, withChip, withPin } from './secured.ts';
import type { ChipWish } from './secured.ts';

const atEnd: (() => Promise<void>)[] = [];

afterEach(async () => {
  await stopAll();
  for (const each of atEnd.splice(0)) await each();
});

const name = 'ascii';
const chipRead: Fields = { 22: '051' };
const online: Fields = { 22: '100', 25: '59' };

/** Two views of one store. */
const engines: Record<string, () => Promise<readonly [Store, Store]>> = {
  memory: async () => {
    const store = new MemoryStore({ partitions: 1, now: () => nowMs });
    return [store, store];
  },
  SQLite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'locum-attacks-'));
    atEnd.push(() => rm(folder, { recursive: true }));
    const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions: 2, now: () => nowMs });
    return [store, await SqliteStore.connect(store.port(), () => nowMs)];
  },
  Redis: async () => {
    const server = await startRedis();
    atEnd.push(() => server.stop());
    const options = { url: server.url, partitions: 2, commandTimeoutMs: 10_000, replicasMin: 0 };
    return [await RedisStore.open(options), await RedisStore.open(options)];
  },
};

describe.for(Object.keys(engines))('on the store %s', (engine) => {
  async function two(): Promise<{ switches: RunningSwitch[]; lines: Acquirer[]; reasons: () => string[] }> {
    const [store, other] = await engines[engine]!();
    const first = await startSwitch({ store });
    const second = await startSwitch({ store: other, hsm: first.hsm });
    const switches = [second, first];
    const lines = await Promise.all(switches.flatMap((running) => [running.call(name), running.call(name), running.call(name)]));
    return { switches, lines, reasons: () => switches.flatMap(({ decided }) => decided.map(({ reason }) => reason)).sort() };
  }

  it('sixty wrong PINs at once on six connections of two switches are three tries', async () => {
    const { switches, lines, reasons } = await two();
    const at = { running: switches[0]!, name };
    for (let stan = 1; stan <= 60; stan += 1) lines[stan % 6]!.send(withPin(at, purchase(lines[0]!.codec, stan), String(5000 + stan)));
    await Promise.all(lines.map(async (line) => { for (let n = 0; n < 10; n += 1) await line.next(); }));
    expect(reasons().filter((reason) => reason === '1017')).toHaveLength(2);
    expect(reasons().filter((reason) => reason === '1806')).toHaveLength(58);
  });

  it('one cryptogram at once on six connections of two switches pays once', async () => {
    const { switches, lines, reasons } = await two();
    const at = { running: switches[0]!, name };
    for (let stan = 1; stan <= 60; stan += 1) lines[stan % 6]!.send(withChip(at, purchase(lines[0]!.codec, stan, chipRead), { atc: 7 }));
    await Promise.all(lines.map(async (line) => { for (let n = 0; n < 10; n += 1) await line.next(); }));
    expect(reasons().filter((reason) => reason === '0000')).toHaveLength(1);
    expect(reasons().filter((reason) => reason === '1842')).toHaveLength(59);
  });

  it('one authentication value at once on six connections of two switches pays once', async () => {
    const { switches, lines, reasons } = await two();
    const at = { running: switches[0]!, name };
    for (let stan = 1; stan <= 60; stan += 1) lines[stan % 6]!.send(withAuthentication(at, purchase(lines[0]!.codec, stan, online), '1000000000000001'));
    await Promise.all(lines.map(async (line) => { for (let n = 0; n < 10; n += 1) await line.next(); }));
    expect(reasons().filter((reason) => reason === '0000')).toHaveLength(1);
    expect(reasons().filter((reason) => reason === '1851')).toHaveLength(59);
  });

  it('a PIN and a CVV2 that were changed on one switch are wrong on the other at once, whatever that one remembers', async () => {
    const { switches: [here, there] } = await two();
    const at = { running: there!, name };
    const line = await there!.call(name);
    const token = here!.hsm.cardToken(panOf(card));
    const change = { accountId: token.slice(0, 12), cardToken: token, receivedAtMs: nowMs };
    const cvv2 = (generation: number): Fields => ({ 22: '010', 14: undefined, 48: `9203${make(here!, { kind: 'cvv2', key: { name: 'demo-cvk' }, pan: panOf(card), expiry: '3112', generation })}` });
    const reference = make(here!, { kind: 'pinReference', pin: { clear: new Secret('8642'), pan: panOf(card) }, key: { name: 'demo-pvk' }, keyIndex: 1, rules: { method: 'pvv' } });
    await line.ask(withPin(at, purchase(line.codec, 1), '1234'));
    await line.ask(purchase(line.codec, 2, cvv2(0)));
    await decideNow(here!.ledger, change.accountId, { ...change, kind: 'cvv2Reset', id: 'reset' });
    await decideNow(here!.ledger, change.accountId, { ...change, kind: 'pinSet', id: 'set', reference: { method: 'pvv', keyIndex: 1, value: reference }, sealed: undefined });
    await line.ask(purchase(line.codec, 3, cvv2(0)));
    await line.ask(withPin(at, purchase(line.codec, 4), '1234'));
    await line.ask(purchase(line.codec, 5, cvv2(1)));
    await line.ask(withPin(at, purchase(line.codec, 6), '8642'));
    await line.ask(purchase(line.codec, 7, cvv2(2)));
    expect(there!.decided.map(({ reason }) => reason)).toEqual(['0000', '0000', '1045', '1017', '0000', '0000', '1045']);
  });

  it('a command that one switch cannot make goes out once from the other', async () => {
    const [store, other] = await engines[engine]!();
    const here = await startSwitch({ store });
    const { chip } = readTables(demoTables, 0).programs[0]!;
    const keys = new Map([[1, { ac: 'demo-imk-ac', smi: undefined, smc: undefined }]]);
    const without = await startSwitch({ store: other, hsm: here.hsm, program: { chip: { ...chip!, keys } } });
    const cardToken = here.hsm.cardToken(panOf(card));
    const accountId = cardToken.slice(0, 12);
    await decideNow(here.ledger, accountId, { kind: 'scriptQueue', id: 'q', accountId, cardToken, receivedAtMs: nowMs, script: { id: 's', command: 'applicationBlock', sealed: undefined } });
    const lines = new Map<RunningSwitch, Acquirer>([[here, await here.call(name)], [without, await without.call(name)]]);
    const commandsIn = async (running: RunningSwitch, atc: number): Promise<number> => {
      const line = lines.get(running)!;
      const answer = await line.ask(withChip({ running, name }, purchase(line.codec, atc, chipRead), { atc }));
      return [...answer.tags(55).keys()].filter((path) => path === '72.86').length;
    };
    expect(await commandsIn(without, 1)).toBe(0);
    await lines.get(without)!.ask(purchase(without.codec(name), 1, {}, '400'));
    expect([await commandsIn(here, 2), await commandsIn(here, 3)]).toEqual([1, 0]);
    expect(without.of('scriptsFailed' as 'decided')).toHaveLength(1);
  });
});

describe.for(demoStationNames)('on the station %s', (name) => {
  const chip: Fields = name === 'iso2003' ? { 22: '20000000000000000000000000000000' } : { 22: '051' };
  const stripe: Fields = name === 'iso2003' ? { 22: '12000000000000000000000000000000' } : { 22: '911' };
  const of = (amountMinor: number): Fields => ({ 4: name === 'iso2003' ? `9782${String(amountMinor).padStart(12, '0')}` : String(amountMinor).padStart(12, '0') });

  /** A track that the chip with that PAN sequence number made. */
  function dynamicTrack(running: RunningSwitch, panSequence: string, atc: number): Fields {
    const value = make(running, { kind: 'dcvv', key: { name: 'demo-imk-cvc' }, pan: panOf(card), panSequence, expiry: '3112', serviceCode: '201', atc });
    return { ...stripe, 23: panSequence.padStart(3, '0'), 35: `${card}=311220100000${value}${String(atc).padStart(4, '0')}0` };
  }

  async function open() {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const at = { running, name };
    return {
      running,
      reasons: () => running.decided.map(({ reason }) => reason),
      pay: async (stan: number, fields: Fields, wish?: ChipWish) => {
        const draft = purchase(acquirer.codec, stan, fields);
        await acquirer.ask(wish === undefined ? draft : withChip(at, draft, wish));
      },
    };
  }

  it('a value that a contactless chip made for one payment pays once, and its counter is the chip’s', async () => {
    const { running, reasons, pay } = await open();
    const track = (atc: number): Fields => dynamicTrack(running, '01', atc);
    await pay(1, track(5));
    await pay(2, track(5));
    await pay(3, { ...track(5), ...of(1) });
    await pay(4, chip, { atc: 5 });
    await pay(5, chip, { atc: 6 });
    await pay(6, track(6));
    await pay(7, track(4));
    expect(reasons()).toEqual(['0000', '1842', '1842', '1842', '0000', '1842', '0000']);
  });

  it('a renewed chip counts from 1 again, and opens neither the one before it nor itself to a replay, whatever a message says it is', async () => {
    const { running, reasons, pay } = await open();
    await pay(1, chip, { atc: 700 });
    await pay(2, chip, { panSequence: '02', atc: 1 });
    await pay(3, dynamicTrack(running, '02', 2));
    await pay(4, chip, { panSequence: '02', atc: 1 });
    await pay(5, chip, { atc: 700 });
    await pay(6, chip, { atc: 1 });
    await pay(7, chip, { atc: 700, changed: { '5F34': '03' } });
    await pay(8, { ...dynamicTrack(running, '02', 2), 23: '003' });
    await pay(9, { ...dynamicTrack(running, '02', 2), 23: undefined });
    await pay(10, dynamicTrack(running, '02', 2));
    await pay(11, chip, { atc: 701 });
    expect(reasons()).toEqual(['0000', '0000', '0000', '1842', '1842', '1842', '1840', '1045', '1045', '1842', '0000']);
  });

  it('a command that one chip was sent is not confirmed by another of the same card', async () => {
    const running = await startSwitch();
    const line = await running.call(name);
    const cardToken = running.hsm.cardToken(panOf(card));
    const accountId = cardToken.slice(0, 12);
    await decideNow(running.ledger, accountId, { kind: 'scriptQueue', id: 'q', accountId, cardToken, receivedAtMs: nowMs, script: { id: 's', command: 'applicationBlock', sealed: undefined } });
    const commandsTo = async (panSequence: string, atc: number, stan: number, failed = false): Promise<number> => {
      const wish = { panSequence, atc, ...(failed ? { tags: { 95: '8000048010' } } : {}) };
      const answer = await line.ask(withChip({ running, name }, purchase(line.codec, stan, chip), wish));
      return [...answer.tags(55).keys()].filter((path) => path === '72.86').length;
    };
    expect([await commandsTo('01', 1, 1), await commandsTo('02', 1, 2), await commandsTo('02', 2, 3, true)]).toEqual([1, 0, 0]);
    expect([await commandsTo('01', 2, 4, true), await commandsTo('01', 3, 5), await commandsTo('01', 4, 6, true)]).toEqual([1, 0, 0]);
  });

  it('a cryptogram over another amount or currency than the one asked for is none, also for cash', async () => {
    const { reasons, pay } = await open();
    await pay(1, { ...chip, ...of(90_000) }, { atc: 1 });
    await pay(2, { ...chip, ...of(90_000), 3: '010000' }, { atc: 2 });
    await pay(3, chip, { atc: 3, tags: { '5F2A': '0840' } });
    await pay(4, { ...chip, ...of(90_000) }, { atc: 4, tags: { '9F02': '000000090000' } });
    expect(reasons()).toEqual(['1843', '1843', '1843', '0000']);
  });

  it('what the card declined stays declined where the terminal says that it did not', async () => {
    const { reasons, pay } = await open();
    const declined = { '9F10': '06011203800000' };
    await pay(1, chip, { atc: 1, tags: { ...declined, '9F27': '00' } });
    await pay(2, chip, { atc: 2, tags: { ...declined, '9F27': '00' }, changed: { '9F27': '80' } });
    expect(reasons()).toEqual(['1843', '1843']);
  });

  it('the repeat of an approval gives no other cryptogram the issuer’s word', async () => {
    const running = await startSwitch();
    const line = await running.call(name);
    const answerTo = async (stan: number, wish: ChipWish, fields: Fields = {}): Promise<boolean> =>
      (await line.ask(withChip({ running, name }, purchase(line.codec, stan, { ...chip, ...fields }), wish))).has(55);
    const dear = { '9F02': '000000090000' };
    expect(await answerTo(1, { atc: 1 })).toBe(true);
    expect(await answerTo(1, { atc: 1 })).toBe(true);
    expect(await answerTo(1, { atc: 2, tags: dear })).toBe(false);
    expect(await answerTo(2, { atc: 2, tags: dear }, of(999_999))).toBe(true);
    expect(await answerTo(1, { atc: 2, tags: dear })).toBe(false);
    expect(running.decided.map(({ reason, note }) => `${reason} ${note ?? ''}`)).toEqual(['0000 ', '0000 repeat', '0000 repeat', '1843 ', '0000 repeat']);
  });

  it('a refund is given though the terminal asked the card to decline, as terminals do with refunds', async () => {
    const { reasons, pay } = await open();
    await pay(1, { ...chip, 3: '200000' }, { atc: 1, tags: { '9F10': '06011203800000', '9F27': '00', '9F02': '000000000000' } });
    await pay(2, { ...chip, 3: '200000' }, { atc: 2, tags: { 95: '4000000000' } });
    expect(reasons()).toEqual(['0000', '1843']);
  });

  it('cash that calls itself a pre-authorization or an increment needs a PIN as well', async () => {
    const { reasons, pay } = await open();
    const cash = { 3: '010000' };
    await pay(1, cash);
    if (name === 'iso2003') for (const [index, code] of ['101', '105', '106', '107'].entries()) await pay(2 + index, { ...cash, 24: code });
    else for (const [index, processing] of ['010000', '090000', '110000', '170000'].entries()) await pay(2 + index, { 3: processing, 25: '06' });
    expect(reasons()).toEqual(Array(5).fill('1012'));
  });

  it('cash that calls itself the completion of a purchase’s authorization needs a PIN as well', async () => {
    const { running, reasons } = await open();
    const line = await running.call(name);
    const is2003 = name === 'iso2003';
    const authorization = is2003 ? { 24: '101' } : { 25: '06' };
    const original = is2003 ? { 56: '21000000000000012026112210150006476173', 24: '201' } : { 90: `0100000001112210150000000476173${'0'.repeat(11)}` };
    await line.ask(purchase(line.codec, 1, authorization));
    await line.ask(purchase(line.codec, 2, { ...original, 3: '010000' }, '200'));
    await line.ask(purchase(line.codec, 3, original, '200'));
    expect(reasons()).toEqual(['0000', '1012', '0000']);
  });
});
