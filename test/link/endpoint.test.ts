import { connect as createSocketTo, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Connection } from '../../src/link/connection.ts';
import type { Network } from '../../src/link/network.ts';
import { nodeNetwork } from '../../src/link/node-network.ts';
import { answerAtOnce, callStation, frame, Peer, startStation, stopAll, until } from './station.ts';
import type { Station } from './station.ts';

afterEach(stopAll);

function createSocket(port: number): Socket {
  return createSocketTo({ host: '127.0.0.1', port });
}

function numbered(count: number, prefix = 'Q'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(6, '0')}`);
}

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

test('a peer that does not read its answers is not read, and when it reads it has all of them in order', async () => {
  const outgoingBytesMax = 65_536;
  const filler = 'f'.repeat(2_000);
  let most = 0;
  const station = await startStation({
    limits: { outgoingBytesMax },
    onFrame: (own, received) => {
      received.answer(received.text + filler);
      for (const connection of own.endpoint.connections) most = Math.max(most, (connection as Connection).outgoingBytes);
    },
  });
  const peer = await callStation(station);
  const requests = numbered(20_000);
  peer.socket.pause();
  peer.send(...requests);
  await until(() => station.of('throttled').some(([, , reason]) => reason === 'outgoing'), 'the throttle');
  // Nothing more is accepted for as long as the peer doesn't read: look for a while.
  const quietFromMs = performance.now();
  let accepted = station.framesReceived;
  await until(() => {
    if (station.framesReceived !== accepted) expect(performance.now() - quietFromMs).toBeLessThan(5_000);
    accepted = station.framesReceived;
    return performance.now() - quietFromMs > 300;
  }, 'quiet');
  expect(station.framesReceived).toBe(accepted);
  expect(accepted).toBeLessThan(requests.length);
  // The bound, and the one answer that crossed it.
  expect(most).toBeLessThan(outgoingBytesMax + 2_100);
  peer.socket.resume();
  await until(() => peer.bytes.length === requests.length * 2_009, 'all answers');
  expect(peer.frames).toEqual(requests.map((request) => request + filler));
  expect(station.of('resumed').length).toBeGreaterThan(0);
});

test('a peer that reads nothing for the stall time is closed, and others are served meanwhile', async () => {
  const station = await startStation({
    limits: { outgoingBytesMax: 4_096, stallMs: 150 },
    onFrame: (_station, received) => {
      received.answer(received.text.padEnd(8_000, '.'));
    },
  });
  const stuck = await callStation(station);
  stuck.socket.pause();
  stuck.send(...numbered(5_000));
  await until(() => station.of('throttled').length > 0, 'the throttle');
  const other = await callStation(station);
  other.send('hello');
  await until(() => other.frames.length === 1, 'the answer to the other');
  await until(() => station.closed.length === 1, 'the stall');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'stalled', undefined]]);
  // Whoever counts the stopped ones is told that it is one no longer.
  const ofFirst = station.events.filter(([name, , id]) => (name === 'throttled' || name === 'resumed') && id === 1);
  expect(ofFirst.at(-1)?.[0]).toBe('resumed');
  other.send('hello');
  await until(() => other.frames.length === 2, 'the other again');
});

test('answers for a peer that is stuck are collected, not written one by one', async () => {
  const station = await startStation();
  const peer = await callStation(station);
  peer.send(...numbered(100));
  await until(() => station.received.length === 100, 'all requests');
  peer.socket.pause();
  const [connection] = station.opened;
  const large = Buffer.alloc(60_000, 'r');
  // Until the system takes no more, and the bound is reached here.
  let sent = 0;
  for (let fullTurns = 0; fullTurns < 50; fullTurns += 1) {
    while (connection?.request(large, 0, large.length) === 'queued') {
      sent += 1;
      fullTurns = 0;
    }
    await nextTurn();
  }
  const writes = station.of('sent').length;
  for (const received of station.received) {
    received.answer('0810');
    await nextTurn();
  }
  expect(station.of('sent')).toHaveLength(writes);
  peer.socket.resume();
  await until(() => peer.frames.length === sent + 100, 'everything');
  expect(peer.frames.slice(sent)).toEqual(Array.from({ length: 100 }, () => '0810'));
  expect(station.of('sent').length).toBeLessThanOrEqual(writes + 2);
});

test('a close writes what was sent before it, however much that is', async () => {
  const station = await startStation({ limits: { outgoingBytesMax: 16_000_000 } });
  const peer = await callStation(station);
  await until(() => station.opened.length === 1, 'the connection');
  peer.socket.pause();
  const [connection] = station.opened;
  const large = Buffer.alloc(60_000, 'r');
  for (let i = 0; i < 250; i += 1) expect(connection?.request(large, 0, large.length)).toBe('queued');
  connection?.close();
  expect(connection?.request(large, 0, large.length)).toBe('closed');
  peer.socket.resume();
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toHaveLength(250);
  expect(peer.error).toBeUndefined();
  await until(() => station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'local', undefined]]);
});

test('a request of ours is not queued for a peer that reads nothing', async () => {
  const station = await startStation({ limits: { outgoingBytesMax: 10_000 } });
  const peer = await callStation(station);
  peer.socket.pause();
  await until(() => station.opened.length === 1, 'the connection');
  const [connection] = station.opened;
  const payload = Buffer.alloc(5_000, 'r');
  const outcomes: unknown[] = [];
  for (let i = 0; i < 4; i += 1) outcomes.push(connection?.request(payload, 0, payload.length));
  expect(outcomes).toEqual(['queued', 'queued', 'full', 'full']);
});

test('a message that the length can not say is not sent', async () => {
  const station = await startStation({ framing: { lengthEncoding: 'bcd' } });
  await callStation(station);
  await until(() => station.opened.length === 1, 'the connection');
  const [connection] = station.opened;
  expect(connection?.request(Buffer.alloc(9_999, 'r'), 0, 9_999)).toBe('queued');
  expect(connection?.request(Buffer.alloc(10_000, 'r'), 0, 10_000)).toBe('tooLarge');
});

test('connections beyond the limit are turned away, and taken again when one leaves', async () => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { connectionsMax: 3 } });
  const peers = await Promise.all([1, 2, 3].map(async () => await callStation(station)));
  await until(() => station.opened.length === 3, 'three connections');
  const fourth = await callStation(station).catch(() => undefined);
  await until(() => fourth === undefined || fourth.closed, 'the fourth to be turned away');
  expect(station.of('connectionRefused')).toEqual([['pos', expect.any(String), 'connectionsMax', undefined]]);
  expect(station.opened).toHaveLength(3);
  peers[0]?.socket.end();
  await until(() => station.closed.length === 1, 'one to leave');
  const fifth = await callStation(station);
  fifth.send('hello');
  await until(() => fifth.frames.length === 1, 'the answer to the fifth');
});

test('at the in-flight limit of a connection it is not read, its socket fills, and it goes on where it stopped', async () => {
  const station = await startStation({ limits: { inFlightPerConnectionMax: 4 } });
  const peer = await callStation(station);
  // More than all buffers of the system between us hold.
  const requests = numbered(4_000).map((text) => text.padEnd(5_000, '.'));
  peer.send(...requests);
  await until(() => station.of('throttled').length === 1, 'the throttle');
  expect(station.of('throttled')).toEqual([['pos', 1, 'connectionInFlight']]);
  let stuckBytes = -1;
  const lookedFromMs = performance.now();
  await until(() => {
    const changed = stuckBytes !== peer.socket.writableLength;
    stuckBytes = peer.socket.writableLength;
    return !changed && performance.now() - lookedFromMs > 200;
  }, 'the socket to fill');
  expect(stuckBytes).toBeGreaterThan(0);
  expect(station.received).toHaveLength(4);
  station.received[0]?.answer('done');
  await until(() => station.received.length === 5, 'one more');
  expect(station.opened[0]?.inFlight).toBe(4);
  for (let i = 1; i < requests.length; ) {
    await until(() => station.received.length > i, `request ${i}`);
    expect(station.endpoint.inFlight).toBeLessThanOrEqual(4);
    for (; i < station.received.length; i += 1) station.received[i]?.answer('done');
  }
  expect(station.received.map((received) => received.text)).toEqual(requests);
  await until(() => peer.frames.length === requests.length, 'all answers');
  expect(station.endpoint.inFlight).toBe(0);
});

test("a station's in-flight limit is shared in turns by its connections", async () => {
  const station = await startStation({ limits: { inFlightMax: 4 } });
  const peers = await Promise.all([1, 2, 3].map(async () => await callStation(station)));
  for (const peer of peers) peer.send(...numbered(50));
  await until(() => station.of('throttled').length === 3, 'all to be stopped');
  expect(station.endpoint.inFlight).toBe(4);
  for (let i = 0; i < 150; i += 1) {
    await until(() => station.received.length > i, `request ${i}`);
    expect(station.endpoint.inFlight).toBeLessThanOrEqual(4);
    station.received[i]?.answer('done');
    if (i !== 60) continue;
    for (const { id } of station.opened) {
      expect(station.received.filter((received) => received.connection.id === id).length).toBeGreaterThan(10);
    }
  }
  await until(() => peers.every((peer) => peer.frames.length === 50), 'all answers');
});

test('a place that frees goes to the connection that waits, not to one that asks later', async () => {
  const station = await startStation({ limits: { inFlightMax: 8 } });
  const first = await callStation(station);
  first.send(...numbered(12));
  await until(() => station.of('throttled').length === 1, 'the limit');
  // One place is free, but reading goes on only at three quarters.
  station.received[0]?.answer('done');
  const later = await callStation(station);
  later.send('later');
  await until(() => station.of('throttled').length === 2, 'the later one to wait');
  expect(station.endpoint.inFlight).toBe(7);
  for (let i = 1; i < 13; i += 1) {
    await until(() => station.received.length > i, `request ${i}`);
    station.received[i]?.answer('done');
  }
  const texts = station.received.map((received) => received.text);
  expect(texts.indexOf('later')).toBeGreaterThan(texts.indexOf('Q000009'));
});

test('a connection that closes while requests are in flight gives their places back as they end', async () => {
  const station = await startStation({ limits: { inFlightMax: 2 } });
  const first = await callStation(station);
  first.send('one', 'two', 'three');
  await until(() => station.received.length === 2, 'two requests');
  const second = await callStation(station);
  second.send('four');
  await until(() => station.of('throttled').length === 2, 'both to be stopped');
  first.socket.resetAndDestroy();
  station.received[0]?.connection.close();
  await until(() => station.closed.length === 1, 'the close');
  expect(station.endpoint.inFlight).toBe(2);
  expect(station.received[0]?.answer('too late')).toBe('closed');
  expect(station.received[1]?.answer('too late')).toBe('closed');
  await until(() => station.received.length === 3, 'the request of the other');
  expect(station.received[2]?.text).toBe('four');
  expect(station.endpoint.inFlight).toBe(1);
});

/** The real network, with each accepted socket's writes counted on their way. */
function countingNetwork(writes: number[]): Network {
  return {
    connect: (options, handlers) => nodeNetwork.connect(options, handlers),
    listen: async (options, handlers) =>
      await nodeNetwork.listen(options, {
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

test('a peer that shuts its sending side still gets the answers to what it sent', async () => {
  const station = await startStation();
  const peer = await callStation(station);
  peer.socket.end(Buffer.concat([frame('one'), frame('two')]));
  await until(() => station.received.length === 2, 'both requests');
  station.received[1]?.answer('second');
  await until(() => peer.frames.length === 1, 'the first answer');
  expect(station.endpoint.connectionCount).toBe(1);
  station.received[0]?.answer('first');
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toEqual(['second', 'first']);
  await until(() => station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'peer', undefined]]);
});

test('a peer that leaves in the middle of a frame is told from one that left in good order', async () => {
  const station = await startStation();
  const peer = await callStation(station);
  peer.socket.end(frame('0100').subarray(0, 3));
  await until(() => station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'peer', 'within a frame']]);
  const reset = await callStation(station);
  await until(() => station.opened.length === 2, 'the second connection');
  reset.socket.resetAndDestroy();
  await until(() => station.closed.length === 2, 'the reset');
  expect(station.of('disconnected')[1]).toEqual(['pos', 2, 'error', 'ECONNRESET']);
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

test('a stop answers what is in flight, takes nothing more, and ends when all is written', async () => {
  const station = await startStation();
  const { port } = station.endpoint;
  const peer = await callStation(station);
  peer.send('one', 'two');
  await until(() => station.received.length === 2, 'both requests');
  let outcome: unknown;
  const stopping = station.endpoint.stop(10_000).then((result) => (outcome = result));
  // More than the system holds: what is not read stays with the peer.
  const tooLate = 'too late'.repeat(7_000);
  peer.send(...Array.from({ length: 300 }, () => tooLate));
  const refused = new Promise((resolve) => {
    const late = new Peer(createSocket(port));
    late.socket.on('error', () => {
      resolve(late.error);
    });
  });
  expect(await refused).toBe('ECONNREFUSED');
  station.received[0]?.answer('first');
  await until(() => peer.frames.length === 1, 'the first answer');
  expect(outcome).toBeUndefined();
  expect(peer.socket.writableLength).toBeGreaterThan(0);
  // Its answer could not be read any more.
  expect(station.opened[0]?.request(Buffer.from('0800'), 0, 4)).toBe('closed');
  station.received[1]?.answer('second');
  await stopping;
  expect(outcome).toEqual({ unanswered: 0 });
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toEqual(['first', 'second']);
  expect(peer.error).toBeUndefined();
  expect(station.received).toHaveLength(2);
  expect(station.of('disconnected')).toEqual([['pos', 1, 'stopped', undefined]]);
  expect(station.outside.deadlines.pending).toBe(0);
});

test('a stop whose grace ends says how many requests had no answer', async () => {
  const station = await startStation();
  const peer = await callStation(station);
  peer.send('one', 'two', 'three');
  await until(() => station.received.length === 3, 'the requests');
  station.received[1]?.answer('second');
  expect(await station.endpoint.stop(60)).toEqual({ unanswered: 2 });
  expect(station.of('disconnected')).toEqual([['pos', 1, 'stopDeadline', undefined]]);
  await until(() => peer.closed, 'the cut');
  expect(peer.frames).toEqual(['second']);
});

test('a port that is taken is an error with its code', async () => {
  const station = await startStation();
  await expect(startStation({ port: station.endpoint.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('a host that is not there is tried again with doubling waits, and found when it comes, leaves and comes back', async () => {
  const placeholder = await startStation();
  const { port } = placeholder.endpoint;
  await placeholder.endpoint.stop(0);
  const caller = await startStation({ role: 'connect', port, random: () => 0, backOff: { firstMs: 10, maxMs: 60 } });
  await until(() => caller.of('connectFailed').length >= 5, 'five failures');
  expect(caller.of('connectFailed').slice(0, 5)).toEqual([10, 20, 40, 60, 60].map((waitMs) => ['pos', 'unreachable', 'ECONNREFUSED', waitMs]));
  for (let round = 1; round <= 2; round += 1) {
    const host = await startStation({ port });
    await until(() => caller.opened.length === round && host.opened.length === 1, 'the connection');
    const hello = Buffer.from('hello');
    host.opened[0]?.request(hello, 0, hello.length);
    await until(() => caller.received.length === round, 'a frame from the host');
    caller.received[round - 1]?.connection.done();
    const failures = caller.of('connectFailed').length;
    await host.endpoint.stop(1_000);
    await until(() => caller.of('connectFailed').length > failures, 'the next failure');
    // It worked before: the waits begin anew. The first was after the loss, this one is the second.
    expect(caller.of('connectFailed')[failures]?.[3]).toBe(20);
  }
  const failures = caller.of('connectFailed').length;
  await caller.endpoint.stop(1_000);
  expect(caller.outside.deadlines.pending).toBe(0);
  expect(caller.of('connectFailed')).toHaveLength(failures);
});

test('a host that accepts and hangs up is not hammered', async () => {
  const acceptedAtMs: number[] = [];
  const server = createServer((socket) => {
    acceptedAtMs.push(performance.now());
    socket.destroy();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await startStation({ role: 'connect', port, random: () => 0, backOff: { firstMs: 20, maxMs: 80 } });
  await until(() => acceptedAtMs.length === 5, 'five attempts');
  const gaps = acceptedAtMs.slice(1).map((atMs, i) => atMs - (acceptedAtMs[i] ?? 0));
  [20, 40, 80, 80].forEach((leastMs, i) => {
    expect(gaps[i]).toBeGreaterThanOrEqual(leastMs - 2);
  });
  server.close();
});

test('a host whose handshake never ends is given up after the timeout', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const caller = await startStation({
    role: 'connect',
    port,
    connectTimeoutMs: 50,
    tls: { clientCertificate: 'none', clientNames: [], serverName: 'host' },
  });
  await until(() => caller.of('connectFailed').length > 0, 'the timeout');
  expect(caller.of('connectFailed')[0]?.slice(0, 3)).toEqual(['pos', 'timeout', undefined]);
  server.close();
});

test('a station that connects keeps as many connections as it was told', async () => {
  const host = await startStation();
  await startStation({ role: 'connect', port: host.endpoint.port, limits: { connectionsMax: 3 } });
  await until(() => host.opened.length === 3, 'three connections');
  host.opened[1]?.close();
  await until(() => host.opened.length === 4, 'the replacement');
  expect(host.endpoint.connectionCount).toBe(3);
});
