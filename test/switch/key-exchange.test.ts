/** Zone keys that the switch brings, and those of message authentication, over real sockets and in a real key file. */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import { macField } from '../../src/dialect/mac-place.ts';
import type { CarriedKey, NetworkMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { unwrapKeyBlock } from '../../src/keys/key-block.ts';
import { listKeys } from '../../src/keys/key-store.ts';
import { openKeys } from '../../src/program/keys.ts';
import { demoKeyFile } from '../keys/fixture.ts';
import { demoSecurity, demoStations, loadCard, management, purchase, startSwitch, stopAll, until } from './fixture.ts';
import type { Acquirer, RunningSwitch, SwitchOptions } from './fixture.ts';
import type { StationSecurity } from '../../src/switch/station-security.ts';
import { demoKey, ecbKey, encipher, keyBlock, keyChange, kcvOf, newKey, pinBlock, retailMac, withBlock } from './zone.ts';

afterEach(stopAll);

type Station = 'ascii' | 'binary' | 'iso2003';

const exchanging: StationSecurity = { ...demoSecurity, mac: undefined, transportKey: 'demo-kek' };

interface At {
  readonly running: RunningSwitch;
  readonly name: Station;
  readonly keyFile: string;
  /** The versions of a key and their check values, as the file has them. */
  held(key: string): string[];
}

/** A switch on a key file of its own, whose keys are exchanged. */
async function open(name: Station, security: Partial<StationSecurity> = {}, options: SwitchOptions & { readonly link?: Readonly<Record<string, unknown>> } = {}): Promise<At> {
  const { path: keyFile, master } = demoKeyFile();
  const log = createLog({ destination: { write: () => undefined }, level: 'info', nowMs: Date.now });
  const keys = openKeys({ keyFile, demo: true, switchName: 't', openMaster: () => master, log, now: Date.now });
  onTestFinished(() => {
    keys.close();
    rmSync(dirname(keyFile), { recursive: true });
  });
  const { link = {}, ...rest } = options;
  const running = await startSwitch({ ...rest, hsm: keys.hsm, keyDesk: keys.desk, stations: { [name]: { ...demoStations[name], link, security: { ...exchanging, ...security } } } });
  return { running, name, keyFile, held: (key) => listKeys(keyFile).filter((each) => each.name === key).map(({ version, kcv }) => `${version} ${kcv}`) };
}

function meaningOf({ running, name }: At, message: Message): NetworkMeaning {
  const meaning = readMessage(message, running.setups.get(name)!.station.dialect, name);
  if (meaning.kind !== 'network') throw new Error(`a ${message.mti}, and no network management`);
  return meaning;
}

/** The key that the switch brings next. */
async function brought(at: At, acquirer: Acquirer): Promise<{ readonly message: Message; readonly carried: CarriedKey; readonly clear: Buffer }> {
  const message = await acquirer.next();
  const { function: what, key } = meaningOf(at, message);
  expect(what).toBe('keyChange');
  const unwrapped = unwrapKeyBlock({ family: 'tdes', key: demoKey('demo-kek') }, key!.text.reveal());
  if ('fault' in unwrapped) throw new Error(unwrapped.fault);
  return { message, carried: key!, clear: unwrapped.clear };
}

/** An answer to a request of the switch: what it names, and a response code. */
function answerTo(message: Message, code: string): Draft {
  const draft = new Draft(`${message.mti.slice(0, 2)}${Number(message.mti.slice(2)) + 10}`);
  for (const field of [7, 11, 12, 24, 70]) if (message.has(field)) draft.set(field, message.text(field)!);
  return draft.set(39, code);
}

const codes = { ascii: { yes: '00', no: '05' }, binary: { yes: '00', no: '05' }, iso2003: { yes: '8000', no: '8100' } } as const;

/** Accepts the key as often as it is brought: an answer that a busy machine gives too late is none. */
async function answersUntilCurrent(at: At, acquirer: Acquirer): Promise<void> {
  let answered = 0;
  await until(() => {
    for (; answered < acquirer.frames.length; answered += 1) acquirer.send(answerTo(acquirer.decode(acquirer.frames[answered]!), codes[at.name].yes));
    return at.held('demo-zpk').length === 2;
  }, 'the key is current');
}

function ask({ running, name }: At, acquirer: Acquirer, stan: number, key?: CarriedKey): Draft {
  return keyChange(acquirer.codec, running.setups.get(name)!.station.dialect, stan, key);
}

async function cash({ running, name }: At, acquirer: Acquirer, stan: number, key: Uint8Array): Promise<string | undefined> {
  const draft = purchase(acquirer.codec, stan, { 2: loadCard, 3: '010000' });
  return (await acquirer.ask(withBlock(draft, acquirer.codec, running.setups.get(name)!.station.dialect, pinBlock(key, '1234', loadCard)))).text(39);
}

const approved = /^0+$/;
const refused = /^(?:81|9119)$/;

describe.for(['ascii', 'binary', 'iso2003'] as const)('on the station %s', (name) => {
  it('who asks by a key change without a key gets one, which is current once it has accepted it', async () => {
    const at = await open(name);
    const acquirer = await at.running.call(name);
    expect((await acquirer.ask(ask(at, acquirer, 1))).text(39)).toMatch(/^(?:00|8000)$/);
    const { message, carried, clear } = await brought(at, acquirer);
    expect([carried.purpose, carried.form]).toEqual(['pin', 'block']);
    // Until then nothing has changed.
    expect(at.held('demo-zpk')).toEqual([`1 ${kcvOf(demoKey('demo-zpk'))}`]);
    expect(await cash(at, acquirer, 2, demoKey('demo-zpk'))).toMatch(approved);
    expect(await cash(at, acquirer, 3, clear)).not.toMatch(approved);
    acquirer.send(answerTo(message, codes[name].yes));
    await until(() => at.running.of('keyRenewed').length === 1, 'the exchange ends');
    expect(at.running.of('keyRenewed')).toEqual([[name, 'pin', true, '']]);
    expect(at.held('demo-zpk')).toEqual([`1 ${kcvOf(demoKey('demo-zpk'))}`, `2 ${kcvOf(clear)}`]);
    expect(await cash(at, acquirer, 4, clear)).toMatch(approved);
    expect(await cash(at, acquirer, 5, demoKey('demo-zpk'))).toMatch(approved);
  });

  it('a key that the station refuses is none, and the next is another', async () => {
    const at = await open(name);
    const acquirer = await at.running.call(name);
    await acquirer.ask(ask(at, acquirer, 1));
    const first = await brought(at, acquirer);
    acquirer.send(answerTo(first.message, codes[name].no));
    await until(() => at.running.of('keyRenewed').length === 1, 'the exchange ends');
    expect(at.running.of('keyRenewed')).toEqual([[name, 'pin', false, 'the station refused it']]);
    expect(at.held('demo-zpk')).toHaveLength(1);
    expect(await cash(at, acquirer, 2, demoKey('demo-zpk'))).toMatch(approved);
    await acquirer.ask(ask(at, acquirer, 3));
    expect((await brought(at, acquirer)).clear.equals(first.clear)).toBe(false);
  });

  it('a key without an answer is brought again, the same, until there is one; also on another connection', async () => {
    const at = await open(name, {}, { networkAnswerMs: 100 });
    const acquirer = await at.running.call(name);
    await acquirer.ask(ask(at, acquirer, 1));
    const first = await brought(at, acquirer);
    await until(() => at.running.of('keyRenewed').length === 1, 'the answer is given up');
    expect(at.running.of('keyRenewed')).toEqual([[name, 'pin', false, 'no answer came']]);
    // An answer that comes too late changes nothing.
    acquirer.send(answerTo(first.message, codes[name].yes));
    const again = await brought(at, acquirer);
    expect([again.clear.equals(first.clear), again.message.text(11)]).toEqual([true, expect.not.stringMatching(`^${first.message.text(11)}$`)]);
    expect(at.held('demo-zpk')).toHaveLength(1);
    acquirer.socket.destroy();
    const other = await at.running.call(name);
    const last = await brought(at, other);
    expect(last.clear.equals(first.clear)).toBe(true);
    await answersUntilCurrent(at, other);
    expect(await cash(at, other, 9, first.clear)).toMatch(approved);
  });

  it('the switch brings a new key again and again where the station has it so', async () => {
    const at = await open(name, { keyRenewalMs: 150, keyOverlapMs: 60_000 });
    const acquirer = await at.running.call(name);
    const keys: Buffer[] = [];
    for (let version = 2; version <= 4; version += 1) {
      const { message, clear } = await brought(at, acquirer);
      keys.push(clear);
      acquirer.send(answerTo(message, codes[name].yes));
      await until(() => at.running.of('keyRenewed').length >= version - 1, 'the key is current');
    }
    expect(new Set(keys.map(kcvOf)).size).toBe(3);
    expect(at.held('demo-zpk').slice(0, 4)).toEqual([demoKey('demo-zpk'), ...keys].map((key, index) => `${index + 1} ${kcvOf(key)}`));
    for (const [, purpose, accepted] of at.running.of('keyRenewed')) expect([purpose, accepted]).toEqual(['pin', true]);
  });
});

it('what is exchanged again and again is exchanged soon after a start too: what was under way at the last end, the station may have taken', async () => {
  const at = await open('ascii', { keyRenewalMs: 3_600_000 }, { networkAnswerMs: 50 });
  const acquirer = await at.running.call('ascii');
  const { clear } = await brought(at, acquirer);
  await answersUntilCurrent(at, acquirer);
  expect(await cash(at, acquirer, 1, clear)).toMatch(approved);
});

describe('a key change', () => {
  it('on a station that has to sign on is refused until it has', async () => {
    const at = await open('ascii', {}, { link: { session: { signOn: 'peer' } } });
    const acquirer = await at.running.call('ascii');
    const key = newKey();
    for (const carried of [keyBlock(key), ecbKey(key), undefined]) expect((await acquirer.ask(ask(at, acquirer, 1, carried))).text(39)).toBe('12');
    expect(at.running.of('networkManagement')).toEqual(Array.from({ length: 3 }, () => ['ascii', 'keyChange', false, 'the station has not signed on']));
    expect(at.held('demo-zpk')).toHaveLength(1);
    expect((await acquirer.ask(management(acquirer.codec, 2, '001'))).text(39)).toBe('00');
    expect((await acquirer.ask(ask(at, acquirer, 3, keyBlock(key)))).text(39)).toBe('00');
    expect(at.held('demo-zpk')).toHaveLength(2);
  });

  it('on a station without a transport key, or without the key that is brought, is refused', async () => {
    const bare = await open('ascii', { transportKey: undefined });
    const acquirer = await bare.running.call('ascii');
    expect((await acquirer.ask(ask(bare, acquirer, 1, keyBlock(newKey())))).text(39)).toMatch(refused);
    expect((await acquirer.ask(ask(bare, acquirer, 2))).text(39)).toBe('12');
    const pinless = await open('binary', { pinKey: undefined });
    const other = await pinless.running.call('binary');
    expect((await other.ask(ask(pinless, other, 1, keyBlock(newKey())))).text(39)).toMatch(refused);
    expect((await other.ask(ask(pinless, other, 2, keyBlock(newKey(), { usage: 'M3' })))).text(39)).toMatch(refused);
    expect((await other.ask(ask(pinless, other, 3))).text(39)).toBe('12');
    const told = [bare, pinless].flatMap(({ running }) => running.of('networkManagement').map(([, , accepted, detail]) => [accepted, detail]));
    expect(told).toEqual([
      [false, 'the station has no transport key'], [false, 'the station has no transport key, or no key to be exchanged'], [false, 'the station has no key for PINs'],
      [false, 'the station has no key for message authentication'], [false, 'the station has no transport key, or no key to be exchanged'],
    ]);
  });

  it('of a station that wants one after the other is refused from some number a minute on, and the versions that are kept are few', async () => {
    const at = await open('ascii');
    const acquirer = await at.running.call('ascii');
    const keys = Array.from({ length: 62 }, newKey);
    const codes: (string | undefined)[] = [];
    for (const [index, key] of keys.entries()) codes.push((await acquirer.ask(ask(at, acquirer, index + 1, keyBlock(key)))).text(39));
    expect(codes).toEqual([...Array<string>(60).fill('00'), '81', '81']);
    expect(at.running.of('networkManagement').at(-1)).toEqual(['ascii', 'keyChange', false, 'the station wants more than 60 key changes in a minute']);
    expect(at.held('demo-zpk').map((each) => each.split(' ')[1])).toEqual(keys.slice(60 - 17, 60).map(kcvOf));
    expect(await cash(at, acquirer, 100, keys[59]!)).toMatch(approved);
    expect(await cash(at, acquirer, 101, keys[0]!)).not.toMatch(approved);
  });

  it('where the key file cannot be used is refused, and the station goes on', async () => {
    const at = await open('ascii');
    const acquirer = await at.running.call('ascii');
    rmSync(at.keyFile);
    expect((await acquirer.ask(ask(at, acquirer, 1, keyBlock(newKey())))).text(39)).toMatch(refused);
    expect((await acquirer.ask(ask(at, acquirer, 2))).text(39)).toBe('00');
    await until(() => at.running.of('keyRenewed').length === 1, 'the exchange ends');
    expect(at.running.of('keyRenewed')).toEqual([['ascii', 'pin', false, expect.stringContaining('cannot be read') as string]]);
    expect(await cash(at, acquirer, 3, demoKey('demo-zpk'))).toMatch(approved);
  });
});

describe('on a station that requires message authentication codes', () => {
  const required: Partial<StationSecurity> = { pinKey: undefined, mac: { key: 'demo-zak', algorithm: 'retail', required: true } };

  /** The message with its code under a key: eight bytes in DE64 or DE128 of a binary message. */
  function signed(acquirer: Acquirer, draft: Draft, key: Uint8Array): Buffer {
    draft.set(macField(draft.numbers), '0'.repeat(16));
    const frame = Buffer.from(acquirer.codec.encode(draft));
    retailMac(key, frame.subarray(0, -8)).copy(frame, frame.length - 8);
    return frame;
  }

  function isUnder(key: Uint8Array, frame: Buffer): boolean {
    return retailMac(key, frame.subarray(0, -8)).equals(frame.subarray(-8));
  }

  it('a new key is taken while messages under the old one are under way, and the answer has the code of the key that the request had', async () => {
    const at = await open('binary', required);
    const [one, two] = [await at.running.call('binary'), await at.running.call('binary')];
    const [old, key] = [demoKey('demo-zak'), newKey()];
    const buy = (stan: number, under: Uint8Array): Buffer => signed(one, purchase(one.codec, stan, { 2: loadCard }), under);
    const bring = signed(one, ask(at, one, 500, keyBlock(key, { usage: 'M3' })), old);
    for (let stan = 1; stan <= 40; stan += 1) {
      one.sendBytes(buy(stan, old));
      if (stan === 20) two.sendBytes(bring);
    }
    const answer = await two.nextFrame();
    expect(two.decode(answer).text(39)).toBe('00');
    expect(isUnder(old, answer)).toBe(true);
    for (let stan = 41; stan <= 60; stan += 1) one.sendBytes(buy(stan, stan % 2 === 0 ? old : key));
    for (let count = 0; count < 60; count += 1) {
      const frame = await one.nextFrame();
      expect(one.decode(frame).text(39)).toBe('00');
      expect(isUnder(old, frame) || isUnder(key, frame)).toBe(true);
    }
    expect(at.held('demo-zak')).toEqual([`1 ${kcvOf(old)}`, `2 ${kcvOf(key)}`]);
    // Once more, as from one who has no answer yet, and as from one who uses the key already.
    for (const under of [old, key]) {
      two.sendBytes(signed(two, ask(at, two, 501, keyBlock(key, { usage: 'M3' })), under));
      const again = await two.nextFrame();
      expect([two.decode(again).text(39), isUnder(under, again)]).toEqual(['00', true]);
    }
    expect(at.held('demo-zak')).toHaveLength(2);
    two.sendBytes(buy(99, newKey()));
    expect(two.decode(await two.nextFrame()).text(39)).toBe('96');
  });

  it('the switch brings a new key under the old one’s code, and uses it once it was accepted', async () => {
    const at = await open('binary', { ...required, keyOverlapMs: 0 });
    const acquirer = await at.running.call('binary');
    const old = demoKey('demo-zak');
    acquirer.sendBytes(signed(acquirer, ask(at, acquirer, 1), old));
    expect(acquirer.decode(await acquirer.nextFrame()).text(39)).toBe('00');
    const frame = await acquirer.nextFrame();
    expect(isUnder(old, frame)).toBe(true);
    const message = acquirer.decode(frame);
    const { key } = meaningOf(at, message);
    expect(key?.purpose).toBe('mac');
    const unwrapped = unwrapKeyBlock({ family: 'tdes', key: demoKey('demo-kek') }, key!.text.reveal());
    const clear = 'fault' in unwrapped ? expect.fail(unwrapped.fault) : unwrapped.clear;
    // An answer that is not authentic is none.
    acquirer.sendBytes(signed(acquirer, answerTo(message, '00'), newKey()));
    await until(() => at.running.drops.includes('unauthentic'), 'it is dropped');
    expect(at.held('demo-zak')).toHaveLength(1);
    acquirer.sendBytes(signed(acquirer, answerTo(message, '00'), old));
    await until(() => at.held('demo-zak').length === 2, 'the key is current');
    acquirer.sendBytes(signed(acquirer, purchase(acquirer.codec, 2, { 2: loadCard }), clear));
    const answer = await acquirer.nextFrame();
    expect([acquirer.decode(answer).text(39), isUnder(clear, answer)]).toEqual(['00', true]);
    acquirer.sendBytes(signed(acquirer, purchase(acquirer.codec, 3, { 2: loadCard }), old));
    expect(acquirer.decode(await acquirer.nextFrame()).text(39)).toBe('96');
  });
});

it('the zone’s own ciphers are those of the switch', () => {
  expect(kcvOf(Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex'))).toBe('08D7B4');
  expect(encipher(randomBytes(16), Buffer.alloc(16))).toHaveLength(16);
});
