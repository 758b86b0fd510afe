/** What a station says to bytes and messages that it does not take: the standard's answer where there can be one, else a counted drop. */
import { afterEach, describe, expect, it } from 'vitest';
import { card, demoStationNames, management, noise, purchase, startSwitch, stopAll, until } from './fixture.ts';
import type { Acquirer, RunningSwitch } from './fixture.ts';

afterEach(stopAll);

/** DE39 for a format error, and for a type that is not taken. */
const codes = { ascii: { format: '30', type: '12' }, binary: { format: '30', type: '12' }, iso2003: { format: '9100', type: '9102' } } as const;

/** DE4 and the first digits of the track as they are on the wire. */
const wire = {
  ascii: { amount: Buffer.from('000000001250'), track: Buffer.from('4761730000000011=') },
  binary: { amount: Buffer.from('000000001250', 'hex'), track: Buffer.from('4761730000000011d3', 'hex') },
  iso2003: { amount: Buffer.from('0000001250', 'hex'), track: Buffer.from('4761730000000011d3', 'hex') },
} as const;

const track = { 2: undefined, 35: `${card}=31122010000000000` } as const;

/** The frame with a byte of `place` (the last of its kind) made 0xFF, which no digit and no character is. */
function spoiled(frame: Uint8Array, place: Buffer): Buffer {
  const changed = Buffer.from(frame);
  const at = changed.lastIndexOf(place);
  expect(at).toBeGreaterThan(0);
  changed[at + place.length - 1] = 0xff;
  return changed;
}

/** The connection works on: a purchase is approved. */
async function expectAlive(acquirer: Acquirer): Promise<void> {
  expect((await acquirer.ask(purchase(acquirer.codec, 999))).text(39)).toMatch(/^0{2,4}$/);
}

/** Sends, and waits until the switch has written down so many drops. */
async function expectDropped(running: RunningSwitch, reasons: readonly string[]): Promise<void> {
  await until(() => running.drops.length >= reasons.length, 'the drops are counted');
  expect(running.drops).toEqual(reasons);
}

describe.for(demoStationNames)('on the station %s', (name) => {
  it('an amount that is no number is answered with a format error that names the field, and echoes the others', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = purchase(acquirer.codec, 4711);
    const answer = await acquirer.askBytes(spoiled(acquirer.codec.encode(request), wire[name].amount));
    expect(answer.mti.slice(1)).toBe('110');
    expect(answer.text(39)).toBe(codes[name].format);
    for (const field of [2, 3, 7, 11, 12, 32, 37, 41, 42]) expect(answer.text(field)?.trimEnd(), `DE${field}`).toBe(request.get(field));
    expect(answer.has(4)).toBe(false);
    expect(answer.text(44)).toBe(name === 'iso2003' ? undefined : '004');
    expect(running.of('refused')).toEqual([[name, request.mti, '9100', expect.stringMatching(/^4 at byte \d+: it has a digit that its kind does not allow$/)]]);
    await expectAlive(acquirer);
  });

  it('a track that is none is answered with a format error', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = purchase(acquirer.codec, 4711, track);
    const answer = await acquirer.askBytes(spoiled(acquirer.codec.encode(request), wire[name].track));
    expect(answer.text(39)).toBe(codes[name].format);
    expect(answer.text(44)).toBe(name === 'iso2003' ? undefined : '035');
    expect(answer.text(11)).toBe(request.get(11));
    expect(answer.text(41)?.trimEnd()).toBe('TERM0001');
    await expectAlive(acquirer);
  });

  it('a message that ends within a field is answered with a format error that echoes what came before', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = purchase(acquirer.codec, 4711);
    const bytes = acquirer.codec.encode(request);
    const answer = await acquirer.askBytes(bytes.slice(0, bytes.length - 20));
    expect(answer.text(39)).toBe(codes[name].format);
    for (const field of [2, 3, 4, 7, 11, 12, 32]) expect(answer.text(field), `DE${field}`).toBe(request.get(field));
    expect(answer.has(42)).toBe(false);
    await expectAlive(acquirer);
  });

  it('a byte after the last field is answered with a format error', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = purchase(acquirer.codec, 4711);
    const answer = await acquirer.askBytes(Buffer.concat([acquirer.codec.encode(request), Buffer.from('0')]));
    expect(answer.text(39)).toBe(codes[name].format);
    for (const field of [2, 3, 4, 7, 11, 37]) expect(answer.text(field), `DE${field}`).toBe(request.get(field));
    await expectAlive(acquirer);
  });

  it('an advice and a reversal that do not decode are answered in their own type', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    for (const type of ['120', '220', '400', '401', '420', '421', '302', '600']) {
      const answer = await acquirer.askBytes(spoiled(acquirer.codec.encode(purchase(acquirer.codec, 4711, {}, type)), wire[name].amount));
      expect(answer.mti.slice(1)).toBe(`${type[0]}${Number(type[1]) + 1}${type === '302' ? '2' : '0'}`);
      expect(answer.text(39)).toBe(codes[name].format);
    }
    await expectAlive(acquirer);
  });

  it('a network management request that does not decode is answered with what such an answer echoes', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const request = management(acquirer.codec, 4711, name === 'iso2003' ? '831' : '301');
    const answer = await acquirer.askBytes(Buffer.concat([acquirer.codec.encode(request), Buffer.from('0')]));
    expect(answer.mti).toBe(name === 'iso2003' ? '2814' : '0810');
    expect(answer.text(39)).toBe(codes[name].format);
    const field = name === 'iso2003' ? 24 : 70;
    expect([answer.text(11), answer.text(field)]).toEqual([request.get(11), request.get(field)]);
    await expectAlive(acquirer);
  });

  it('without a trace of its own, a message that does not decode is dropped and counted', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    acquirer.sendBytes(Buffer.concat([acquirer.codec.encode(purchase(acquirer.codec, 1, { 11: undefined })), Buffer.from('0')]));
    acquirer.sendBytes(acquirer.codec.encode(purchase(acquirer.codec, 1)).slice(0, name === 'ascii' ? 46 : 24));
    await expectDropped(running, ['undecodable', 'undecodable']);
    await expectAlive(acquirer);
    expect(running.of('refused')).toEqual([]);
  });

  it('answers and notifications that do not decode are never answered', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    for (const type of ['110', '130', '140', '150', '210', '410', '440', '810', '840']) {
      acquirer.sendBytes(spoiled(acquirer.codec.encode(purchase(acquirer.codec, 4711, {}, type)), wire[name].amount));
    }
    await expectDropped(running, Array.from({ length: 9 }, () => 'undecodable'));
    await expectAlive(acquirer);
    expect(acquirer.frames).toHaveLength(1);
  });

  it('garbage is dropped and counted, and the connection lives on', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const garbage = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.of(0xff), Buffer.alloc(8192, 0xff), Buffer.alloc(8192, 0x30), Buffer.concat([Buffer.of(0xff), noise(4000)])];
    for (const bytes of garbage) acquirer.sendBytes(bytes);
    await expectDropped(running, garbage.map(() => 'undecodable'));
    await expectAlive(acquirer);
  });

  it('types that are not taken get the standard’s answer where they ask for one, and are counted under one name', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const asking = ['302', '300', '320', '500', '520', '600', '620', '700', '102', '122', '402', '422'];
    for (const type of asking) {
      const answer = await acquirer.ask(purchase(acquirer.codec, 4711, {}, type));
      expect(answer.mti.slice(1), type).toBe(`${type[0]}${Number(type[1]) + 1}${type[2]}`);
      expect([answer.text(39), Number(answer.text(11))]).toEqual([codes[name].type, 4711]);
    }
    expect(running.of('refused').map(([, type, reason]) => [type, reason])).toEqual(asking.map(() => ['other', '9102']));
    for (const type of ['340', '540', '640', '142']) acquirer.send(purchase(acquirer.codec, 4711, {}, type));
    await expectDropped(running, Array.from({ length: 4 }, () => 'unanswerable'));
    await expectAlive(acquirer);
  });

  it('a message of another edition gets the standard’s answer', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const foreign = purchase(acquirer.codec, 4711);
    foreign.mti = '1100';
    const answer = await acquirer.ask(foreign);
    expect([answer.mti, answer.text(39)]).toEqual(['1110', codes[name].type]);
    await expectAlive(acquirer);
  });

  it('an answer that nobody waits for is dropped and counted', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const approved = codes[name].format.length === 4 ? '0000' : '00';
    for (const type of ['110', '210', '410', '430']) acquirer.send(purchase(acquirer.codec, 4711, { 39: approved }, type));
    await expectDropped(running, Array.from({ length: 4 }, () => 'unmatchedAnswer'));
    await expectAlive(acquirer);
    expect(acquirer.frames).toHaveLength(1);
  });

  it('a message that decodes but lacks what its type needs is answered with a format error', async () => {
    const running = await startSwitch();
    const acquirer = await running.call(name);
    const answer = await acquirer.ask(purchase(acquirer.codec, 4711, { 3: undefined }));
    expect(answer.text(39)).toBe(codes[name].format);
    expect(answer.text(44)).toBe(name === 'iso2003' ? undefined : '003');
  });
});

it('a station that does not take financial messages says so, and takes the others', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', classes: ['authorization', 'reversal'] } } });
  const acquirer = await running.call('pos');
  const refused = await acquirer.ask(purchase(acquirer.codec, 1, {}, '200'));
  expect([refused.mti, refused.text(39), refused.text(11)]).toEqual(['0210', '12', '000001']);
  const advice = await acquirer.ask(purchase(acquirer.codec, 2, {}, '220'));
  expect([advice.mti, advice.text(39)]).toEqual(['0230', '12']);
  await expectAlive(acquirer);
  expect(running.of('refused').map(([, type, reason]) => [type, reason])).toEqual([['0200', '9102'], ['0220', '9102']]);
  expect(running.decided.map(({ mti }) => mti)).toEqual(['0100']);
});

it('a station for reversals alone takes no authorization', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', classes: ['reversal'] } } });
  const acquirer = await running.call('pos');
  expect((await acquirer.ask(purchase(acquirer.codec, 1))).text(39)).toBe('12');
  expect((await acquirer.ask(purchase(acquirer.codec, 2, {}, '400'))).text(39)).toBe('00');
});

it('no event about bytes that do not decode holds any of them', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('ascii');
  const bytes = acquirer.codec.encode(purchase(acquirer.codec, 4711, track));
  for (let length = 20; length < bytes.length; length += 5) acquirer.sendBytes(bytes.slice(0, length));
  acquirer.sendBytes(spoiled(bytes, wire.ascii.track));
  await until(() => running.of('refused').some(([, , , detail]) => String(detail).startsWith('35 ')), 'the last is told');
  const told = JSON.stringify([running.of('dropped'), running.of('refused')]);
  expect(told.length).toBeGreaterThan(1000);
  expect(told).not.toContain('476173');
  expect(told).not.toContain('3112201');
});
