/** Peers that mean no good: what they can send costs them more than it costs others. */
import { afterEach, expect, it } from 'vitest';
import { compileFraming, plainFraming } from '../../src/link/framing.ts';
import { framed, loadCard, management, noise, purchase, startSwitch, stopAll, until } from './fixture.ts';

afterEach(stopAll);

const approved = '00';

it('ten thousand requests of a peer that reads nothing until the last are each answered once', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { limits: { outgoingBytes: 4096, inFlightPerConnection: 64 } } } } });
  const acquirer = await running.call('pos');
  acquirer.socket.pause();
  const count = 10_000;
  const requests: Buffer[] = [];
  for (let stan = 1; stan <= count; stan += 1) requests.push(framed(acquirer.codec.encode(purchase(acquirer.codec, stan, { 2: loadCard }))));
  acquirer.socket.write(Buffer.concat(requests));
  const other = await running.call('pos');
  expect((await other.ask(management(other.codec, 1, '301'))).text(39)).toBe(approved);
  await until(() => running.of('throttled').length > 0, 'the peer is not read at the limit');
  acquirer.socket.resume();
  await until(() => acquirer.frames.length >= count, 'all are answered');
  expect(new Set(acquirer.frames.map((frame) => acquirer.decode(frame).text(11))).size).toBe(count);
  expect(acquirer.frames).toHaveLength(count);
  expect(running.switch.status.map(({ inFlight }) => inFlight)).toEqual([0]);
});

it('a peer that never reads is let go, and others are served meanwhile', async () => {
  const outgoingBytes = 65_536;
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { limits: { outgoingBytes, stallMs: 200 } } } } });
  const acquirer = await running.call('pos');
  acquirer.socket.pause();
  const block = Buffer.concat(Array.from({ length: 2_000 }, () => framed(acquirer.codec.encode(management(acquirer.codec, 1, '301')))));
  let written = 0;
  const write = (): void => {
    while (!acquirer.socket.destroyed && written < 200_000_000) {
      written += block.length;
      if (!acquirer.socket.write(block)) break;
    }
  };
  acquirer.socket.on('drain', write);
  write();
  const other = await running.call('pos');
  expect((await other.ask(purchase(other.codec, 2))).text(39)).toBe(approved);
  await until(() => running.of('disconnected').length > 0, 'the connection is closed');
  expect(running.of('disconnected').map(([, , reason]) => reason)).toEqual(['stalled']);
  expect((await other.ask(purchase(other.codec, 3))).text(39)).toBe(approved);
});

it('a peer that ends its side after its requests still gets all of the answers', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('ascii');
  const count = 200;
  const requests = Array.from({ length: count }, (_, index) => framed(acquirer.codec.encode(purchase(acquirer.codec, index + 1, { 2: loadCard }))));
  acquirer.socket.end(Buffer.concat(requests));
  await until(() => acquirer.ended, 'the switch ends its side too');
  expect(new Set(acquirer.frames.map((frame) => acquirer.decode(frame).text(39)))).toEqual(new Set([approved]));
  expect(acquirer.frames).toHaveLength(count);
});

it('connections reset with requests in flight leave nothing behind', async () => {
  const running = await startSwitch();
  const perConnection = 20;
  for (let round = 0; round < 30; round += 1) {
    const acquirer = await running.call('ascii');
    const requests: Buffer[] = [];
    for (let index = 1; index <= perConnection; index += 1) requests.push(framed(acquirer.codec.encode(purchase(acquirer.codec, round * perConnection + index, { 2: loadCard }))));
    acquirer.socket.write(Buffer.concat(requests), () => void acquirer.socket.resetAndDestroy());
  }
  await until(() => running.of('disconnected').length === 30, 'the switch sees every reset');
  await until(() => running.switch.status.every(({ inFlight }) => inFlight === 0), 'every request is done with');
  for (const reason of running.drops) expect(reason).toBe('undeliverable');
  const acquirer = await running.call('ascii');
  expect((await acquirer.ask(purchase(acquirer.codec, 999_999))).text(39)).toBe(approved);
});

it('connections up to the limit that send a byte now and then keep nobody out', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { limits: { connections: 40 } } } } });
  const slow = await Promise.all(Array.from({ length: 40 }, async () => await running.call('pos')));
  for (const { socket } of slow) socket.write(Buffer.of(0x1f, 0xff));
  const acquirer = await running.call('pos');
  for (let stan = 1; stan <= 20; stan += 1) {
    for (const { socket } of slow) if (!socket.destroyed) socket.write('0');
    expect((await acquirer.ask(purchase(acquirer.codec, stan, { 2: loadCard }))).text(39)).toBe(approved);
  }
  expect(running.of('disconnected').map(([, , reason]) => reason)).toEqual(['displaced']);
  expect(running.of('connectionRefused')).toEqual([]);
  for (const { socket } of slow) socket.destroy();
  await until(() => running.switch.status[0]?.connections === 1, 'their places are free');
  const next = await running.call('pos');
  expect((await next.ask(purchase(next.codec, 99))).text(39)).toBe(approved);
});

it('connections that have sent a message keep their places, and those beyond the limit are turned away', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { limits: { connections: 10 } } } } });
  const acquirers = await Promise.all(Array.from({ length: 10 }, async () => await running.call('pos')));
  for (const [index, acquirer] of acquirers.entries()) expect((await acquirer.ask(management(acquirer.codec, index + 1, '301'))).text(39)).toBe(approved);
  const refused = await Promise.all(Array.from({ length: 20 }, async () => await running.call('pos')));
  await until(() => refused.every(({ ended }) => ended), 'those beyond the limit are turned away');
  expect(running.of('connectionRefused')).toHaveLength(20);
  for (const [index, acquirer] of acquirers.entries()) expect((await acquirer.ask(management(acquirer.codec, index + 11, '301'))).text(39)).toBe(approved);
});

it('a flood of frames that do not decode leaves room for others', async () => {
  const running = await startSwitch();
  const flood = await running.call('ascii');
  const wrong = [
    ...Array.from({ length: 5_000 }, () => framed(noise(1))),
    framed(Buffer.concat([Buffer.from('0100'), Buffer.from('F'.repeat(32)), Buffer.alloc(8_000, 0x30)])),
    framed(Buffer.concat([Buffer.from('0100'), Buffer.from('F'.repeat(32)), Buffer.alloc(8_000, 0xff)])),
    framed(Buffer.alloc(8_192, 0x30)),
  ];
  flood.socket.write(Buffer.concat(wrong));
  const acquirer = await running.call('ascii');
  expect((await acquirer.ask(purchase(acquirer.codec, 1))).text(39)).toBe(approved);
  const answered = (): number => running.drops.length + running.of('refused').length;
  await until(() => answered() >= wrong.length, 'all of it is counted');
  expect(flood.ended).toBe(false);
});

it('chip data of nothing but filling, of many tags, or nested as deep as it may be is read in its time', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('iso2003');
  let nested = '9A0101';
  for (let depth = 1; depth < 8; depth += 1) nested = `E1${(nested.length / 2).toString(16).padStart(2, '0').toUpperCase()}${nested}`;
  const chips = ['00'.repeat(7_500), '9A00'.repeat(3_500), nested.repeat(400)];
  for (const [index, chip] of chips.entries()) {
    const request = purchase(acquirer.codec, index + 1).set(55, chip);
    expect((await acquirer.ask(request)).text(39)).toBe('0000');
  }
});

it('a message of every type that four digits can write is answered or counted, under few names', async () => {
  const running = await startSwitch();
  const acquirer = await running.call('ascii');
  const frames: Buffer[] = [];
  for (let type = 0; type < 10_000; type += 1) {
    const request = purchase(acquirer.codec, type + 1, { 2: loadCard });
    request.mti = String(type).padStart(4, '0');
    frames.push(framed(acquirer.codec.encode(request)));
  }
  acquirer.socket.write(Buffer.concat(frames));
  const counted = (): number => ['dropped', 'refused', 'decided', 'networkManagement'].reduce((sum, name) => sum + running.of(name as 'dropped').length, 0);
  await until(() => counted() >= frames.length, 'each is dealt with');
  expect(counted()).toBe(frames.length);
  const names = new Set(running.of('received').map(([, type]) => type));
  expect(names).toContain('other');
  expect(names.size).toBeLessThan(1_000);
});

it('an answer that its framing cannot announce is counted as undeliverable', async () => {
  const running = await startSwitch({ stations: { pos: { spec: 'iso8583-1987-ascii', link: { framing: { lengthEncoding: 'ascii' } } } } });
  const acquirer = await running.call('pos');
  const { writeLength } = compileFraming({ ...plainFraming, lengthEncoding: 'ascii' });
  const left = Object.fromEntries([12, 13, 14, 18, 22, 25, 32, 42].map((field) => [field, undefined]));
  const request = acquirer.codec.encode(purchase(acquirer.codec, 1, left));
  expect(request.length).toBeLessThan(100);
  const frame = Buffer.concat([Buffer.alloc(2), request]);
  writeLength(frame, 0, request.length);
  acquirer.socket.write(frame);
  await until(() => running.drops.length > 0, 'it is dealt with');
  expect(running.drops).toEqual(['undeliverable']);
  expect(running.decided.map(({ reason }) => reason)).toEqual(['0000']);
  expect(running.switch.status.map(({ inFlight }) => inFlight)).toEqual([0]);
});
