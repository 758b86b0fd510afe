/**
 * A station's endpoint: the port that it listens on, or the peer that it connects to, and the connections that come of it.
 *
 * Owns the connections, their number and the count of requests in flight on all of them; watches for silence and stalls; connects
 * again after a loss. Refuses connections beyond the limit, or ends for them those that never said anything. Invariant: after `stop()` resolved there is no connection, no
 * listener and no deadline of this endpoint.
 */
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Deadline } from '../base/deadlines.ts';
import type { BackOff } from './back-off.ts';
import { Dialer } from './dialer.ts';
import { ChunkPool } from './chunk-pool.ts';
import { Connection } from './connection.ts';
import type { ConnectionLimits, ConnectionShared } from './connection.ts';
import type { Framing } from './framing.ts';
import { StationInFlight } from './in-flight.ts';
import type { LinkConnection, LinkHandlers, LinkOutside } from './link.ts';
import type { Handshakes, Listener, TlsConfig } from './network.ts';

export interface EndpointLimits extends ConnectionLimits {
  /** Listening: how many at once. Connecting: how many are kept. */
  readonly connectionsMax: number;
  /** Requests received and not answered, over all connections. */
  readonly inFlightMax: number;
  /** Listening, with `connectionsMax` reached: whether the oldest connection without a whole frame gives its place to a newcomer. */
  readonly silentGiveWay: boolean;
}

export interface EndpointConfig {
  /** The station's name: in events and logs. */
  readonly station: string;
  readonly role: 'listen' | 'connect';
  readonly host: string;
  /** Listening, 0 takes any free one: `port` tells. */
  readonly port: number;
  readonly framing: Framing;
  readonly tls: TlsConfig | undefined;
  readonly limits: EndpointLimits;
  readonly backOff: BackOff;
  /** For a connection to stand, TLS handshake included; listening, for the handshake. */
  readonly connectTimeoutMs: number;
}

export interface StopOutcome {
  /** Requests that were in flight when the grace ended. */
  readonly unanswered: number;
}

export class Endpoint {
  readonly #config: EndpointConfig;
  readonly #outside: LinkOutside;
  readonly #shared: ConnectionShared;
  readonly #connections = new Set<Connection>();
  /** Those on which no whole frame came yet, oldest first. */
  readonly #silent = new Set<Connection>();
  /** Those that gave way and have not closed yet: they hold no place. */
  readonly #displaced = new Set<Connection>();
  #dialers: Dialer[] = [];
  #listener: Listener | undefined;
  #nextId = 1;
  #watch: Deadline | undefined;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #stopping: Promise<StopOutcome> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(config: EndpointConfig, handlers: LinkHandlers, outside: LinkOutside) {
    this.#config = config;
    this.#outside = outside;
    this.#shared = {
      station: config.station,
      framing: config.framing,
      limits: config.limits,
      handlers,
      outside,
      inFlight: new StationInFlight(config.limits.inFlightMax, outside.turnEnd),
      chunks: new ChunkPool(),
      onSpoken: (connection) => {
        this.#silent.delete(connection);
      },
      onClosed: (connection) => {
        this.#closed(connection);
      },
    };
  }

  get station(): string {
    return this.#config.station;
  }

  /** The port that is listened on, or connected to. */
  get port(): number {
    return this.#listener?.port ?? this.#config.port;
  }

  /** The connections that stand now, oldest first. */
  get connections(): Iterable<LinkConnection> {
    return this.#connections;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Requests received and not answered, over all connections. */
  get inFlight(): number {
    return this.#shared.inFlight.count;
  }

  /**
   * Listens, or begins to connect. Once.
   *
   * @throws the system's error (`code` EADDRINUSE, EACCES, …) when the port can't be listened on. A peer that can't be reached is
   *   no error: it is tried again for as long as the endpoint lives.
   */
  async start(): Promise<void> {
    assert(this.#state === 'new', 'an endpoint is started once');
    this.#state = 'started';
    this.#watchOn();
    if (this.#config.role === 'listen') {
      await this.#listen();
      return;
    }
    for (let i = 0; i < this.#config.limits.connectionsMax; i += 1) {
      const dialer = new Dialer(this.#config, this.#outside, (socket) => this.#open(socket, dialer));
      this.#dialers.push(dialer);
      dialer.dial();
    }
  }

  /**
   * Stops in good order: accepts no connection, reads no request, waits until those in flight are answered, writes what was
   * collected, closes. What is not done within `graceMs` is cut off. Called again, it is the same stop.
   */
  async stop(graceMs: number): Promise<StopOutcome> {
    this.#stopping ??= this.#stop(graceMs);
    return await this.#stopping;
  }

  async #stop(graceMs: number): Promise<StopOutcome> {
    this.#state = 'stopped';
    this.#listener?.close();
    for (const dialer of this.#dialers) dialer.stop();
    this.#dialers = [];
    let unanswered = 0;
    if (this.#connections.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      const cutOff = this.#outside.deadlines.after(graceMs, () => {
        for (const connection of this.#connections) {
          unanswered += connection.inFlight;
          connection.abort('stopDeadline', undefined);
        }
      });
      for (const connection of this.#connections) connection.finish('stopped');
      await empty;
      cutOff.cancel();
    }
    this.#watch?.cancel();
    return { unanswered };
  }

  async #listen(): Promise<void> {
    const { station, host, port, tls, connectTimeoutMs } = this.#config;
    const { events, network } = this.#outside;
    const listener = await network.listen(
      { host, port, tls, handshakeTimeoutMs: connectTimeoutMs },
      {
        admits: (handshakes) => this.#admits(handshakes),
        onSocket: (socket) => {
          this.#open(socket, undefined);
        },
        onRefused: (peer, reason, detail) => {
          events.connectionRefused(station, peer, reason, detail);
        },
      },
    );
    if (this.#state !== 'started') {
      listener.close();
      return;
    }
    this.#listener = listener;
    events.listening(station, listener.host, listener.port);
  }

  /** A peer whose certificate isn't checked yet gives way before one that is in. */
  #admits(handshakes: Handshakes): boolean {
    const { connectionsMax, silentGiveWay } = this.#config.limits;
    if (this.#connections.size - this.#displaced.size + handshakes.count < connectionsMax) return true;
    return silentGiveWay && (handshakes.endOldest() || this.#displaceOldest());
  }

  #displaceOldest(): boolean {
    for (const connection of this.#silent) {
      this.#silent.delete(connection);
      this.#displaced.add(connection);
      connection.abort('displaced', undefined);
      return true;
    }
    return false;
  }

  #open(socket: Socket, dialer: Dialer | undefined): void {
    if (this.#state !== 'started') {
      socket.destroy();
      return;
    }
    const connection = new Connection(this.#shared, socket, this.#nextId);
    this.#nextId += 1;
    this.#connections.add(connection);
    this.#silent.add(connection);
    if (dialer !== undefined) dialer.connection = connection;
    connection.start();
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#silent.delete(connection);
    this.#displaced.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
    if (this.#state !== 'started') return;
    for (const dialer of this.#dialers) {
      if (dialer.connection === connection) dialer.lost(connection.heardFrame);
    }
  }

  /** Often enough that a limit is overrun by a quarter of it at most. */
  #watchOn(): void {
    const { stallMs, frameTimeoutMs, echoAfterMs = Infinity, closeAfterMs = Infinity, firstFrameTimeoutMs = Infinity } = this.#config.limits;
    const everyMs = Math.min(1_000, Math.max(5, Math.min(stallMs, frameTimeoutMs, echoAfterMs, closeAfterMs, firstFrameTimeoutMs) / 4));
    const { deadlines } = this.#outside;
    const round = (): void => {
      const nowMs = deadlines.nowMs();
      for (const connection of this.#connections) connection.watch(nowMs);
      this.#watch = deadlines.after(everyMs, round);
    };
    this.#watch = deadlines.after(everyMs, round);
  }
}
