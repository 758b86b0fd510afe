/**
 * How many frames a second this machine can take and give back at all: the roof over everything that is measured with sockets.
 *
 * The bare server splits two-byte lengths and echoes with one write per chunk that it read, and has no limits. Beside it, the
 * same echo through `Endpoint`, which has them: the difference is what the limits cost.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Deadlines, processSchedule } from '../src/base/deadlines.ts';
import { Endpoint } from '../src/link/endpoint.ts';
import { silentLinkEvents } from '../src/link/events.ts';
import { compileFraming, plainFraming } from '../src/link/framing.ts';
import type { LinkHandlers } from '../src/link/link.ts';
import { nodeNetwork } from '../src/link/node-network.ts';
import { TurnEnd } from '../src/link/turn-end.ts';
import { formatLoad, runLoad } from './load.ts';
import type { LoadResult } from './load.ts';

export interface RunningServer {
  readonly port: number;
  /** That stand now. */
  connectionCount(): number;
  stop(): Promise<void>;
}

/** The baseline: whole frames of two-byte big-endian length go back as they came, joined per chunk. */
export async function startBareServer(): Promise<RunningServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {
      // The load generator hangs up when it is done.
    });
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (received: Buffer) => {
      const chunk = rest.length === 0 ? received : Buffer.concat([rest, received]);
      let at = 0;
      while (at + 2 <= chunk.length) {
        const next = at + 2 + (((chunk[at] ?? 0) << 8) | (chunk[at + 1] ?? 0));
        if (next > chunk.length) break;
        at = next;
      }
      rest = at === chunk.length ? Buffer.alloc(0) : chunk.subarray(at);
      if (at > 0) socket.write(chunk.subarray(0, at));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    connectionCount: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** The same echo through a station's endpoint, with its limits. */
export async function startEndpointEcho(): Promise<RunningServer> {
  const handlers: LinkHandlers = {
    onOpen: () => {
      // Nothing to sign on to.
    },
    onFrame: (connection, buffer, start, end, header) => {
      connection.begin();
      connection.answer(header, buffer, start, end);
      connection.done();
    },
    onIdle: () => {
      // Echoes are asked by nobody.
    },
    onClose: () => {
      // Nothing was kept for it.
    },
  };
  const endpoint = new Endpoint(
    {
      station: 'echo',
      role: 'listen',
      host: '127.0.0.1',
      port: 0,
      framing: compileFraming(plainFraming),
      tls: undefined,
      limits: {
        connectionsMax: 64,
        frameBytesMax: 8_192,
        inFlightMax: 4_096,
        inFlightPerConnectionMax: 1_024,
        outgoingBytesMax: 262_144,
        stallMs: 10_000,
        silentGiveWay: true,
        echoAfterMs: undefined,
        closeAfterMs: undefined,
        frameTimeoutMs: 30_000,
        firstFrameTimeoutMs: undefined,
      },
      backOff: { firstMs: 500, maxMs: 30_000 },
      connectTimeoutMs: 10_000,
    },
    handlers,
    {
      network: nodeNetwork,
      deadlines: new Deadlines(() => performance.now(), processSchedule),
      random: Math.random,
      turnEnd: new TurnEnd((callback) => {
        setImmediate(callback);
      }),
      events: silentLinkEvents,
    },
  );
  await endpoint.start();
  return {
    port: endpoint.port,
    connectionCount: () => endpoint.connectionCount,
    stop: async () => {
      await endpoint.stop(1_000);
    },
  };
}

export interface EchoOptions {
  readonly connections: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Loads an echo server in a closed loop. */
export async function loadEcho(server: RunningServer, options: EchoOptions): Promise<LoadResult> {
  return await runLoad({
    host: '127.0.0.1',
    port: server.port,
    connections: options.connections,
    framing: plainFraming,
    traffic: new URL('echo-traffic.ts', import.meta.url).href,
    trafficOptions: { payloadBytes: options.payloadBytes },
    loop: { kind: 'closed', inFlight: options.inFlight },
    warmUpMs: options.warmUpMs,
    durationMs: options.durationMs,
  });
}

if (import.meta.main) {
  for (const [name, start] of [
    ['bare', startBareServer],
    ['endpoint', startEndpointEcho],
  ] as const) {
    for (const inFlight of [64, 256, 1_024]) {
      const server = await start();
      const result = await loadEcho(server, { connections: 16, inFlight, payloadBytes: 150, warmUpMs: 500, durationMs: 2_000 });
      console.log(formatLoad(`${name}, 16 connections, ${inFlight} in flight`, result));
      await server.stop();
    }
  }
}
