import { expect, test } from 'vitest';
import { loadEcho, startBareServer, startEndpointEcho } from '../../bench/echo.ts';
import { plainFraming } from '../../src/link/framing.ts';
import { runLoad } from '../../bench/load.ts';
import type { LoadOptions } from '../../bench/load.ts';
import { until } from './station.ts';

const traffic = new URL('../../bench/echo-traffic.ts', import.meta.url).href;

test.each([
  ['bare server', startBareServer],
  ['endpoint', startEndpointEcho],
])('in a closed loop with the %s, each request has its answer', async (_name, start) => {
  const server = await start();
  const result = await loadEcho(server, { connections: 4, inFlight: 64, payloadBytes: 150, warmUpMs: 20, durationMs: 500 });
  await server.stop();
  expect(result).toMatchObject({ unanswered: 0, strays: 0, outcomes: { echoed: result.answers } });
  // More than were sent at the beginning: an answer is followed by the next request.
  expect(result.answers).toBeGreaterThan(64);
  expect(result.latencyUs.p50).toBeLessThanOrEqual(result.latencyUs.p99);
});

function openLoop(port: number, perSecond: number, durationMs: number): LoadOptions {
  return {
    host: '127.0.0.1',
    port,
    connections: 4,
    framing: plainFraming,
    traffic,
    trafficOptions: { payloadBytes: 150 },
    loop: { kind: 'open', perSecond },
    warmUpMs: 0,
    durationMs,
  };
}

test('in an open loop the rate is kept', async () => {
  const server = await startEndpointEcho();
  const result = await runLoad(openLoop(server.port, 2_000, 500));
  await server.stop();
  expect(result).toMatchObject({ unanswered: 0, strays: 0 });
  expect(result.perSecond).toBeGreaterThan(1_600);
  expect(result.perSecond).toBeLessThan(2_400);
});

test('in an open loop a server that stalls is charged for everyone who was due meanwhile', async () => {
  const server = await startBareServer();
  const running = runLoad(openLoop(server.port, 2_000, 900));
  await until(() => server.connectionCount() === 4, 'the load to begin');
  // The server lives on this thread: hold it.
  for (const untilMs = performance.now() + 300; performance.now() < untilMs; );
  const result = await running;
  await server.stop();
  expect(result.unanswered).toBe(0);
  expect(result.latencyUs.max).toBeGreaterThan(250_000);
  // A third of 900 ms was the stall, and those due in its first half waited 150 ms and more.
  expect(result.latencyUs.p90).toBeGreaterThan(100_000);
});

test('a load that can not connect is an error, not a result', async () => {
  const server = await startBareServer();
  await server.stop();
  await expect(runLoad(openLoop(server.port, 10, 50))).rejects.toThrow(/ECONNREFUSED/u);
});
