import { afterEach, expect, test } from 'vitest';
import { answerAtOnce, callStation, frame, startStation, stopAll, until, virtualTime } from './station.ts';
import type { Station } from './station.ts';

afterEach(stopAll);

const hourMs = 3_600_000;

function bytesReceived(station: Station): number {
  return station.of('received').reduce((sum, [, , bytes]) => sum + Number(bytes), 0);
}

test('a message that is not whole in its time closes the connection, though its bytes drip in', async () => {
  const { deadlines, pass } = virtualTime();
  const station = await startStation({ deadlines, onFrame: answerAtOnce, limits: { frameTimeoutMs: 30_000 } });
  const peer = await callStation(station);
  peer.send('whole');
  await until(() => peer.frames.length === 1, 'the answer');
  const bytes = frame('0100'.padEnd(100));
  const before = bytesReceived(station);
  for (let sent = 1; sent <= 3; sent += 1) {
    peer.socket.write(bytes.subarray(sent - 1, sent));
    await until(() => bytesReceived(station) === before + sent, `byte ${sent}`);
    pass(9_900);
  }
  expect(station.of('disconnected')).toEqual([]);
  expect(peer.ended).toBe(false);
  pass(2_500);
  await until(() => station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 1, 'frameTimeout', undefined]]);
});

test('the time of a message begins with it, not with the one before', async () => {
  const { deadlines, pass } = virtualTime();
  const station = await startStation({ deadlines, onFrame: answerAtOnce, limits: { frameTimeoutMs: 30_000 } });
  const peer = await callStation(station);
  const bytes = frame('0100');
  let received = 3;
  peer.socket.write(bytes.subarray(0, 3));
  for (let round = 1; round <= 5; round += 1) {
    await until(() => bytesReceived(station) === received, `the first half of message ${round}`);
    pass(25_000);
    peer.socket.write(Buffer.concat([bytes.subarray(3), bytes.subarray(0, 3)]));
    received += bytes.length;
  }
  await until(() => peer.frames.length === 5, 'all answers');
  expect(station.of('disconnected')).toEqual([]);
});

test('whoever never sends a whole message is closed after the time for it; whoever did may be silent for hours', async () => {
  const { deadlines, pass } = virtualTime();
  const station = await startStation({ deadlines, onFrame: answerAtOnce, limits: { firstFrameTimeoutMs: 60_000 } });
  const quiet = await callStation(station);
  quiet.send('hello');
  const keepingAlive = await callStation(station);
  keepingAlive.send('');
  await until(() => quiet.frames.length === 1 && station.of('keepAliveReceived').length === 1, 'what they say');
  const silent = await callStation(station);
  await until(() => station.opened.length === 3, 'the silent one');
  pass(59_000);
  expect(station.of('disconnected')).toEqual([]);
  pass(2_000);
  await until(() => silent.ended && station.closed.length === 1, 'the close');
  expect(station.of('disconnected')).toEqual([['pos', 3, 'firstFrameTimeout', undefined]]);
  pass(10 * hourMs);
  quiet.send('good morning');
  await until(() => quiet.frames.length === 2, 'the answer after a night');
  expect(station.of('disconnected')).toHaveLength(1);
});

test('without a time for the first message a peer may wait for its first customer', async () => {
  const { deadlines, pass } = virtualTime();
  const station = await startStation({ deadlines, onFrame: answerAtOnce });
  const peer = await callStation(station);
  await until(() => station.opened.length === 1, 'the connection');
  pass(20 * hourMs);
  peer.send('hello');
  await until(() => peer.frames.length === 1, 'the answer');
});

test('time in which we did not read is not held against the peer', async () => {
  const { deadlines, pass } = virtualTime();
  const limits = { inFlightPerConnectionMax: 1, frameTimeoutMs: 30_000, closeAfterMs: 40_000 };
  const station = await startStation({ deadlines, limits });
  const peer = await callStation(station);
  peer.socket.write(Buffer.concat([frame('one'), frame('two').subarray(0, 3)]));
  await until(() => station.of('throttled').length === 1, 'the limit');
  pass(10 * hourMs);
  expect(station.of('disconnected')).toEqual([]);
  station.received[0]?.answer('first');
  await until(() => station.of('resumed').length === 1, 'reading goes on');
  peer.socket.write(frame('two').subarray(3));
  await until(() => station.received.length === 2, 'the second message');
  station.received[1]?.answer('second');
  await until(() => peer.frames.length === 2, 'both answers');
});
