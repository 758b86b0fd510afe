/** How much of a turn of the event loop one connection gets, however much it sends at once. */
import { afterEach, expect, test } from 'vitest';
import { framesPerTurnMax } from '../../src/link/connection.ts';
import { answerAtOnce, callStation, frame, startStation, stopAll, until } from './station.ts';
import type { Received, Station } from './station.ts';

afterEach(stopAll);

function flood(count: number): Buffer {
  return Buffer.alloc(count * 3, frame('x'));
}

test('a flood of small frames takes no more than its share of a turn, and is answered whole, even to a peer that has ended', async () => {
  let most = 0;
  let ofThisTurn = 0;
  const station = await startStation({
    limits: { outgoingBytesMax: 16_000_000 },
    onFrame: (own, received) => {
      if (ofThisTurn === 0) setImmediate(() => (ofThisTurn = 0));
      ofThisTurn += 1;
      most = Math.max(most, ofThisTurn);
      answerAtOnce(own, received);
    },
  });
  const peer = await callStation(station);
  const count = 100_000;
  peer.socket.end(flood(count));
  await until(() => peer.closed, 'the end');
  expect(peer.frames).toHaveLength(count);
  expect(most).toBe(framesPerTurnMax);
  // It is no limit of the station's, and nobody is told.
  expect(station.of('throttled')).toEqual([]);
  expect(station.of('disconnected')).toEqual([['pos', 1, 'peer', undefined]]);
});

test('keep-alives have no larger share than frames', async () => {
  const station = await startStation({ onFrame: answerAtOnce, framing: { keepAlive: 'echo' }, limits: { outgoingBytesMax: 16_000_000 } });
  const [flooding, other] = [await callStation(station), await callStation(station)];
  await until(() => station.opened.length === 2, 'both connections');
  const count = 30_000;
  flooding.socket.write(Buffer.alloc(count * 2));
  await until(() => station.of('keepAliveReceived').length > 0, 'the flood');
  // Some turns have passed, not all that the flood takes.
  expect(station.of('keepAliveReceived').length).toBeLessThan(count);
  other.send('hello');
  await until(() => flooding.byteCount === count * 2 && other.frames.length === 1, 'all answers');
});

test('while one connection floods, what another one sends is taken in the next turns', async () => {
  const texts: string[] = [];
  const onFrame = (own: Station, received: Received): void => {
    // The flood is in our hands: now the other one speaks.
    if (texts.length === 0) other.send('hello');
    texts.push(received.text);
    answerAtOnce(own, received);
  };
  const station = await startStation({ onFrame, limits: { outgoingBytesMax: 16_000_000 } });
  const [flooding, other] = [await callStation(station), await callStation(station)];
  await until(() => station.opened.length === 2, 'both connections');
  const count = 20_000;
  flooding.socket.write(flood(count));
  await until(() => other.frames.length === 1 && flooding.byteCount === count * 4, 'all answers');
  expect(texts.indexOf('hello')).toBeLessThan(10 * framesPerTurnMax);
});

test('a stop in the middle of a flood answers what was taken, and takes nothing more', async () => {
  let taken = 0;
  let stopping: Promise<unknown> | undefined;
  const station = await startStation({
    onFrame: (own, received) => {
      taken += 1;
      answerAtOnce(own, received);
      if (taken !== framesPerTurnMax) return;
      setImmediate(() => {
        stopping = own.endpoint.stop(10_000);
      });
    },
  });
  const peer = await callStation(station);
  peer.socket.write(flood(20_000));
  await until(() => peer.closed, 'the end');
  expect(await stopping).toEqual({ unanswered: 0 });
  expect(taken).toBeLessThan(20_000);
  expect(peer.frames).toHaveLength(taken);
});
