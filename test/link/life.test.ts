import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../servers/ports.ts';
import { callStation, frame, Peer, startStation, stopAll, until } from './station.ts';

afterEach(stopAll);

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
  const lengthOnly = await startStation();
  const other = await callStation(lengthOnly);
  other.socket.end(frame('0100').subarray(0, 2));
  await until(() => lengthOnly.closed.length === 1, 'the close of the other');
  expect(lengthOnly.of('disconnected')).toEqual([['pos', 1, 'peer', 'within a frame']]);
  const reset = await callStation(station);
  await until(() => station.opened.length === 2, 'the second connection');
  reset.socket.resetAndDestroy();
  await until(() => station.closed.length === 2, 'the reset');
  expect(station.of('disconnected')[1]).toEqual(['pos', 2, 'error', 'ECONNRESET']);
});

test('a stop answers what is in flight, takes nothing more, and ends when all is written', async () => {
  const port = await freePort();
  const station = await startStation({ port });
  const peer = await callStation(station);
  peer.send('one', 'two');
  await until(() => station.received.length === 2, 'both requests');
  let outcome: unknown;
  const stopping = station.endpoint.stop(10_000).then((result) => (outcome = result));
  // More than the system holds: what is not read stays with the peer.
  const tooLate = 'too late'.repeat(7_000);
  peer.send(...Array.from({ length: 300 }, () => tooLate));
  const refused = new Promise((resolve) => {
    const late = new Peer(connect({ host: '127.0.0.1', port }));
    late.socket.on('error', () => {
      resolve(late.error);
    });
  });
  expect(await refused).toBe('ECONNREFUSED');
  station.received[0]?.answer('first');
  await until(() => peer.frames.length === 1, 'the first answer');
  expect(outcome).toBeUndefined();
  // It would take milliseconds to read it all.
  const lookedFromMs = performance.now();
  await until(() => performance.now() - lookedFromMs > 200, 'time to read');
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
  const port = await freePort();
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
