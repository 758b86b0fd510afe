import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Connection } from '../../src/link/connection.ts';
import { answerAtOnce, callStation, frame, numbered, startStation, stopAll, until } from './station.ts';

afterEach(stopAll);

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
  await until(() => peer.byteCount === requests.length * 2_009, 'all answers');
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
  // Until the system takes no more, and the bound is reached here: a busy system takes some more a little later.
  let sent = 0;
  let looksInVain = 0;
  await until(() => {
    looksInVain += 1;
    while (connection?.request(large, 0, large.length) === 'queued') {
      sent += 1;
      looksInVain = 0;
    }
    return looksInVain === 50;
  }, 'nothing more is taken');
  const writes = station.of('sent').length;
  for (const received of station.received) {
    received.answer('0810');
    await nextTurn();
  }
  expect(station.of('sent').length).toBeLessThanOrEqual(writes + 2);
  peer.socket.resume();
  await until(() => peer.byteCount === sent * 60_002 + 600, 'everything');
  expect(peer.frames.slice(sent)).toEqual(Array.from({ length: 100 }, () => '0810'));
  expect(station.of('sent').length).toBeLessThanOrEqual(writes + 4);
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

test.each([
  ['that have all spoken', true, true],
  ['that do not give way', false, false],
])('connections beyond the limit, among some %s, are turned away, and taken again when one leaves', async (_name, silentGiveWay, speak) => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { connectionsMax: 3, silentGiveWay } });
  const peers = await Promise.all([1, 2, 3].map(async () => await callStation(station)));
  for (const peer of peers) if (speak) peer.send('hello');
  await until(() => station.opened.length === 3 && (!speak || peers.every((peer) => peer.frames.length === 1)), 'three connections');
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

test('in a full station the oldest connection that never sent a whole message gives way to a new one', async () => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { connectionsMax: 4 } });
  const speaking = await callStation(station);
  speaking.send('hello');
  await until(() => speaking.frames.length === 1, 'the answer');
  const halfway = await callStation(station);
  halfway.socket.write(frame('0100').subarray(0, 4));
  const silent = await callStation(station);
  const keepingAlive = await callStation(station);
  keepingAlive.send('');
  await until(() => station.opened.length === 4 && station.of('keepAliveReceived').length === 1, 'four connections');
  const newcomers = [await callStation(station), await callStation(station)];
  await until(() => halfway.closed && silent.closed, 'two to give way');
  for (const peer of newcomers) peer.send('hello');
  await until(() => newcomers.every((peer) => peer.frames.length === 1), 'the answers to the new ones');
  expect(station.of('disconnected').map(([, ...rest]) => rest)).toEqual([
    [2, 'displaced', undefined],
    [3, 'displaced', undefined],
  ]);
  expect(station.of('connectionRefused')).toEqual([]);
  // Now everyone has spoken.
  const turnedAway = await callStation(station).catch(() => undefined);
  await until(() => turnedAway === undefined || turnedAway.closed, 'one more to be turned away');
  expect(station.of('connectionRefused')).toEqual([['pos', expect.any(String), 'connectionsMax', undefined]]);
  for (const peer of [speaking, keepingAlive]) peer.send('again');
  await until(() => speaking.frames.at(-1) === 'Aagain' && keepingAlive.frames.length === 1, 'the others are where they were');
});

test('a crowd of newcomers that come at once ends in a station that is full, not over', async () => {
  const station = await startStation({ onFrame: answerAtOnce, limits: { connectionsMax: 3 } });
  const crowd = await Promise.all(Array.from({ length: 30 }, async () => await callStation(station).catch(() => undefined)));
  await until(() => station.opened.length === 30 && station.closed.length === 27, 'all but three to give way');
  expect(station.endpoint.connectionCount).toBe(3);
  const left = crowd.filter((peer) => peer !== undefined && !peer.closed);
  for (const peer of left) peer?.send('hello');
  await until(() => left.filter((peer) => peer?.frames.length === 1).length === 3, 'the answers to those that are left');
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

test('a peer that has ended while it waits at a limit has everything taken and answered that it sent before', async () => {
  const station = await startStation({ limits: { inFlightPerConnectionMax: 4 } });
  const peer = await callStation(station);
  const requests = numbered(50);
  peer.socket.end(Buffer.concat(requests.map(frame)));
  await until(() => station.of('throttled').length === 1, 'the limit');
  for (let i = 0; i < requests.length; i += 1) {
    await until(() => station.received.length > i, `request ${i}`);
    // Its end is here by now, or will be.
    await nextTurn();
    station.received[i]?.answer(`A${station.received[i]?.text}`);
  }
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toEqual(requests.map((request) => `A${request}`));
  expect(station.of('disconnected')).toEqual([['pos', 1, 'peer', undefined]]);
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

