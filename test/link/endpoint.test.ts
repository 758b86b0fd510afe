import { afterEach, expect, test } from 'vitest';
import type { Network } from '../../src/link/network.ts';
import { nodeNetwork } from '../../src/link/node-network.ts';
import { answerAtOnce, callStation, frame, numbered, startStation, stopAll, until } from './station.ts';
import type { Station } from './station.ts';

afterEach(stopAll);

test('a request is answered, whatever pieces the network makes of it', async () => {
  const station = await startStation({ onFrame: answerAtOnce });
  const peer = await callStation(station);
  for (const byte of Buffer.concat([frame('0100 one'), frame('0100 two')])) {
    const written = new Promise((resolve) => peer.socket.write(Uint8Array.of(byte), resolve));
    await written;
  }
  await until(() => peer.frames.length === 2, 'two answers');
  peer.send('three', 'four', 'five');
  await until(() => peer.frames.length === 5, 'five answers');
  expect(peer.frames).toEqual(['A0100 one', 'A0100 two', 'Athree', 'Afour', 'Afive']);
  expect(station.of('connected')).toEqual([['pos', 1, expect.stringMatching(/^127\.0\.0\.1:\d+$/u)]]);
  expect(station.framesReceived).toBe(5);
  const bytes = station.of('received').reduce((sum, [, , each]) => sum + Number(each), 0);
  expect(bytes).toBe(10 + 10 + 7 + 6 + 6);
});

test('an answer goes back with the TPDU of its request, swapped, even when others came in between', async () => {
  const station = await startStation({ framing: { tpdu: '6000000000' } });
  const peer = await callStation(station);
  const payload = Buffer.from('0800');
  peer.socket.write(Buffer.concat([Buffer.from('00096000010002', 'hex'), payload, Buffer.from('00096000030004', 'hex'), payload]));
  await until(() => station.received.length === 2, 'both requests');
  station.received[1]?.answer('0810');
  station.received[0]?.answer('0810');
  await until(() => peer.bytes.length === 22, 'both answers');
  expect(peer.bytes.toString('hex')).toBe('00096000040003303831300009600002000130383130');
});

test('a request of ours carries the configured TPDU', async () => {
  const station = await startStation({ framing: { tpdu: '6000010002' } });
  const peer = await callStation(station);
  await until(() => station.opened.length === 1, 'the connection');
  expect(station.opened[0]?.request(Buffer.from('x0800x'), 1, 5)).toBe('queued');
  await until(() => peer.bytes.length === 11, 'the request');
  expect(peer.bytes.toString('hex')).toBe('0009600001000230383030');
});

/** The real network, with each accepted socket's writes counted on their way. */
function countingNetwork(writes: number[]): Network {
  return {
    connect: (options, handlers) => nodeNetwork.connect(options, handlers),
    listen: async (options, handlers) =>
      await nodeNetwork.listen(options, {
        admits: (handshakes) => handlers.admits(handshakes),
        onRefused: (...refusal) => {
          handlers.onRefused(...refusal);
        },
        onSocket: (socket) => {
          const write = socket.write.bind(socket) as (chunk: Buffer, callback: () => void) => boolean;
          socket.write = ((chunk: Buffer, callback: () => void) => {
            writes.push(chunk.length);
            return write(chunk, callback);
          }) as typeof socket.write;
          handlers.onSocket(socket);
        },
      }),
  };
}

test('both sides ask at the same time with the same STAN, and each has its answer and the other its question', async () => {
  const onFrame = (own: Station, received: { text: string; answer(text: string): string }): void => {
    own.events.push(['frame', received.text]);
    // A request is answered; an answer ends here. Nobody begins a request for it, the harness does.
    if (received.text.startsWith('0800')) received.answer(received.text.replace('0800', '0810'));
  };
  const host = await startStation({ onFrame });
  const caller = await startStation({ role: 'connect', port: host.endpoint.port, onFrame });
  await until(() => host.opened.length === 1 && caller.opened.length === 1, 'both ends');
  const ask = Buffer.from('0800 000001');
  for (let i = 0; i < 100; i += 1) {
    host.opened[0]?.request(ask, 0, ask.length);
    caller.opened[0]?.request(ask, 0, ask.length);
  }
  const seen = (station: Station, text: string): number => station.events.filter(([name, arg]) => name === 'frame' && arg === text).length;
  await until(() => [host, caller].every((each) => seen(each, '0800 000001') === 100 && seen(each, '0810 000001') === 100), 'all of them');
});

test('a frame over the limit closes the connection after the answers before it, and says so without content', async () => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { frameBytesMax: 20 } });
  const peer = await callStation(station);
  peer.socket.write(Buffer.concat([frame('fits'), frame('secret'.repeat(5)), frame('after')]));
  await until(() => peer.closed || peer.ended, 'the close');
  expect(peer.frames).toEqual(['Afits']);
  expect(station.of('frameRefused')).toEqual([['pos', 1, 'frameTooLarge', 30]]);
  peer.socket.end();
  await until(() => station.closed.length === 1, 'the close on our side');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'frameRefused', 'frameTooLarge']]);
  expect(JSON.stringify(station.events)).not.toContain('secret');
  expect(station.endpoint.connectionCount).toBe(0);
});

test('a peer that speaks something else is closed even if it goes on talking', async () => {
  const station = await startStation({ onFrame: answerAtOnce });
  const peer = await callStation(station);
  peer.socket.write('GET / HTTP/1.1\r\n\r\n');
  const talking = setInterval(() => peer.socket.write('more'), 5);
  await until(() => station.closed.length === 1, 'the close');
  clearInterval(talking);
  expect(station.of('disconnected')[0]?.slice(2)).toEqual(['frameRefused', 'frameTooLarge']);
  expect(station.framesReceived).toBe(0);
});

test('a message that the length can not say is not sent', async () => {
  const station = await startStation({ framing: { lengthEncoding: 'bcd' } });
  await callStation(station);
  await until(() => station.opened.length === 1, 'the connection');
  const [connection] = station.opened;
  expect(connection?.request(Buffer.alloc(9_999, 'r'), 0, 9_999)).toBe('queued');
  expect(connection?.request(Buffer.alloc(10_000, 'r'), 0, 10_000)).toBe('tooLarge');
});

test('the answers of one turn leave in one write for each connection', async () => {
  const writes: number[] = [];
  const station = await startStation({ network: countingNetwork(writes) });
  const one = await callStation(station);
  const two = await callStation(station);
  one.send(...numbered(100));
  two.send(...numbered(50));
  await until(() => station.received.length === 150, 'all requests');
  for (const received of station.received) received.answer('0810');
  expect(writes).toEqual([]);
  await until(() => one.frames.length === 100 && two.frames.length === 50, 'all answers');
  expect(writes.sort((a, b) => a - b)).toEqual([300, 600]);
  expect(station.of('sent').map(([, frames, bytes]) => [frames, bytes])).toEqual(
    expect.arrayContaining([
      [100, 600],
      [50, 300],
    ]),
  );
});

test('a turn with more answers than a chunk holds leaves in as few writes as chunks', async () => {
  const writes: number[] = [];
  const station = await startStation({ network: countingNetwork(writes), limits: { outgoingBytesMax: 1_000_000 } });
  const peer = await callStation(station);
  peer.send(...numbered(300));
  await until(() => station.received.length === 300, 'all requests');
  const answers = station.received.map((received) => received.text.padEnd(1_000, '-'));
  station.received.forEach((received, i) => received.answer(answers[i] ?? ''));
  await until(() => peer.frames.length === 300, 'all answers');
  expect(peer.frames).toEqual(answers);
  expect(writes).toHaveLength(5);
  for (const bytes of writes.slice(0, 4)) expect(bytes).toBeGreaterThan(64_000);
});

test('the longest frame that a length can say goes out whole', async () => {
  const station = await startStation({ limits: { frameBytesMax: 65_535 }, onFrame: (_station, received) => void received.answer(received.text) });
  const peer = await callStation(station);
  const longest = 'x'.repeat(65_535);
  peer.send('before', longest, 'after');
  await until(() => peer.frames.length === 3, 'all answers');
  expect(peer.frames).toEqual(['before', longest, 'after']);
});

test('keep-alives are counted, and answered only where the station says so', async () => {
  const quiet = await startStation({ onFrame: answerAtOnce });
  const echoing = await startStation({ onFrame: answerAtOnce, framing: { keepAlive: 'echo' } });
  const [one, two] = [await callStation(quiet), await callStation(echoing)];
  for (const peer of [one, two]) peer.send('', 'hello', '');
  await until(() => one.frames.length === 1 && two.frames.length === 3, 'the answers');
  expect(one.frames).toEqual(['Ahello']);
  expect(two.frames).toEqual(['', 'Ahello', '']);
  expect(quiet.of('keepAliveReceived')).toHaveLength(2);
  expect(quiet.framesReceived).toBe(1);
});

test('silence is told to whoever sends echoes, again and again, and a frame ends it', async () => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { echoAfterMs: 40 } });
  const peer = await callStation(station);
  await until(() => station.idle.length >= 3, 'three times of silence');
  expect(station.closed).toHaveLength(0);
  peer.send('hello');
  await until(() => peer.frames.length === 1, 'the answer');
});

test('a connection that is silent for too long is closed', async () => {
  const station = await startStation({ limits: { closeAfterMs: 60 } });
  const fromMs = performance.now();
  const peer = await callStation(station);
  await until(() => peer.ended, 'the close');
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual(55);
  await until(() => station.closed.length === 1, 'the close on our side');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'idle', undefined]]);
});

