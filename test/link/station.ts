/** What link tests are made of: endpoints on real sockets with their events written down, and a peer that is not our code. */
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { Endpoint } from '../../src/link/endpoint.ts';
import type { EndpointConfig, EndpointLimits } from '../../src/link/endpoint.ts';
import { silentLinkEvents } from '../../src/link/events.ts';
import type { LinkEvents } from '../../src/link/events.ts';
import { compileFraming, plainFraming } from '../../src/link/framing.ts';
import type { FrameHeader, FramingConfig } from '../../src/link/framing.ts';
import type { LinkConnection, LinkHandlers, LinkOutside } from '../../src/link/link.ts';
import type { Network, TlsConfig } from '../../src/link/network.ts';
import { nodeNetwork } from '../../src/link/node-network.ts';
import { TurnEnd } from '../../src/link/turn-end.ts';

export type Recorded = [name: string, ...args: unknown[]];

/** A request that a station received and has not answered. */
export interface Received {
  readonly connection: LinkConnection;
  readonly text: string;
  readonly header: FrameHeader;
  /** Answers it and frees its place. */
  answer(text: string): string;
}

export interface StationOptions {
  readonly role?: 'listen' | 'connect';
  readonly port?: number;
  readonly host?: string;
  readonly framing?: Partial<FramingConfig>;
  readonly limits?: Partial<EndpointLimits>;
  readonly tls?: TlsConfig;
  readonly backOff?: EndpointConfig['backOff'];
  readonly random?: () => number;
  readonly network?: Network;
  readonly connectTimeoutMs?: number;
  /** Another time than the process's. */
  readonly deadlines?: Deadlines;
  /** Called for each frame; by default it is kept in `received` as a request in flight. */
  readonly onFrame?: (station: Station, received: Received) => void;
}

export class Station {
  readonly endpoint: Endpoint;
  readonly outside: LinkOutside;
  readonly events: Recorded[] = [];
  readonly received: Received[] = [];
  readonly idle: LinkConnection[] = [];
  readonly opened: LinkConnection[] = [];
  readonly closed: LinkConnection[] = [];

  constructor(options: StationOptions) {
    this.outside = {
      network: options.network ?? nodeNetwork,
      deadlines: options.deadlines ?? new Deadlines(() => performance.now(), processSchedule, 5),
      random: options.random ?? Math.random,
      turnEnd: new TurnEnd((callback) => {
        setImmediate(callback);
      }),
      events: recordInto(this.events),
    };
    const handlers: LinkHandlers = {
      onOpen: (connection) => this.opened.push(connection),
      onFrame: (connection, buffer, start, end, header) => {
        connection.begin();
        const text = buffer.toString('latin1', start, end);
        const received: Received = {
          connection,
          text,
          header,
          answer: (answer) => {
            const bytes = Buffer.from(answer, 'latin1');
            const outcome = connection.answer(header, bytes, 0, bytes.length);
            connection.done();
            return outcome;
          },
        };
        if (options.onFrame === undefined) this.received.push(received);
        else options.onFrame(this, received);
      },
      onIdle: (connection) => this.idle.push(connection),
      onClose: (connection) => this.closed.push(connection),
    };
    this.endpoint = new Endpoint(
      {
        station: 'pos',
        role: options.role ?? 'listen',
        host: options.host ?? '127.0.0.1',
        port: options.port ?? 0,
        framing: compileFraming({ ...plainFraming, ...options.framing }),
        tls: options.tls,
        limits: {
          connectionsMax: options.role === 'connect' ? 1 : 16,
          frameBytesMax: 8_192,
          inFlightMax: 100_000,
          inFlightPerConnectionMax: 100_000,
          outgoingBytesMax: 262_144,
          stallMs: 30_000,
          silentGiveWay: true,
          echoAfterMs: undefined,
          closeAfterMs: undefined,
          frameTimeoutMs: 30_000,
          firstFrameTimeoutMs: undefined,
          ...options.limits,
        },
        backOff: options.backOff ?? { firstMs: 20, maxMs: 80 },
        connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      },
      handlers,
      this.outside,
    );
  }

  of(name: keyof LinkEvents): unknown[][] {
    return this.events.filter(([each]) => each === name).map(([, ...args]) => args);
  }

  get framesReceived(): number {
    return this.of('received').reduce((sum, [, frames]) => sum + Number(frames), 0);
  }
}

/** Time that passes only when it is told to. */
export function virtualTime(): { readonly deadlines: Deadlines; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  const deadlines = new Deadlines(
    () => nowMs,
    (callback, delayMs) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  );
  return {
    deadlines,
    pass: (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.atMs <= untilMs).sort((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        nowMs = next.atMs;
        timers.delete(next);
        next.callback();
      }
      nowMs = untilMs;
    },
  };
}

const running: Station[] = [];
const peers: Peer[] = [];

export async function startStation(options: StationOptions = {}): Promise<Station> {
  const station = new Station(options);
  running.push(station);
  await station.endpoint.start();
  return station;
}

/** Answers each request at once with `A` and its text. */
export function answerAtOnce(_station: Station, received: Received): void {
  received.answer(`A${received.text}`);
}

/** For `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  for (const station of running.splice(0)) await station.endpoint.stop(0);
}

function recordInto(events: Recorded[]): LinkEvents {
  const entries = Object.keys(silentLinkEvents).map((name) => [name, (...args: unknown[]) => events.push([name, ...args])]);
  return Object.fromEntries(entries) as LinkEvents;
}

/** Waits until `condition` holds, looking at it every few milliseconds. */
export async function until(condition: () => boolean, what: string, withinMs = 60_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(2);
  }
}

/** Two bytes, big-endian, then the text. */
export function frame(text: string): Buffer {
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(text.length);
  bytes.write(text, 2, 'latin1');
  return bytes;
}

/** The other side of a plain station: a bare socket that splits two-byte lengths by itself. */
export class Peer {
  readonly socket: Socket;
  /** Ours, once it stands: what the station sees as its peer. */
  port = 0;
  ended = false;
  closed = false;
  error: string | undefined;
  /** Received so far. */
  byteCount = 0;
  #received = Buffer.alloc(0) as Buffer;
  #chunks: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    peers.push(this);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.byteCount += chunk.length;
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.closed = true));
    socket.on('error', (error) => (this.error = 'code' in error ? String(error.code) : error.message));
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 0) this.#received = Buffer.concat([this.#received, ...this.#chunks.splice(0)]);
    return this.#received;
  }

  /** Texts of the whole frames so far. */
  get frames(): string[] {
    const texts: string[] = [];
    const { bytes } = this;
    for (let at = 0; at + 2 <= bytes.length; ) {
      const end = at + 2 + bytes.readUInt16BE(at);
      if (end > bytes.length) break;
      texts.push(bytes.toString('latin1', at + 2, end));
      at = end;
    }
    return texts;
  }

  send(...texts: string[]): void {
    this.socket.write(Buffer.concat(texts.map(frame)));
  }
}

export async function callStation(station: Station): Promise<Peer> {
  const socket = connectPlain({ host: '127.0.0.1', port: station.endpoint.port, noDelay: true });
  const peer = new Peer(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => {
      peer.port = socket.localPort ?? 0;
      resolve();
    });
    socket.once('error', reject);
  });
  return peer;
}

/** Texts of one length, all different, in order. */
export function numbered(count: number, prefix = 'Q'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(6, '0')}`);
}
