/**
 * Keeps one outgoing connection: connects, waits, connects again.
 *
 *   dialing --usable--> connected --lost--> waiting --back-off--> dialing
 *      |                                       ^
 *      +--------refused, timed out-------------+
 *
 * Owns the number of failures in a row. A connection that is lost before its first frame counts as a failure too: a peer that
 * accepts and hangs up at once is not hammered.
 */
import type { Socket } from 'node:net';
import type { Deadline } from '../base/deadlines.ts';
import { backOffMs } from './back-off.ts';
import type { BackOff } from './back-off.ts';
import type { Connection } from './connection.ts';
import type { ConnectFailure } from './events.ts';
import type { LinkOutside } from './link.ts';
import type { TlsConfig } from './network.ts';

export interface DialerConfig {
  readonly station: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsConfig | undefined;
  readonly backOff: BackOff;
  readonly connectTimeoutMs: number;
}

export class Dialer {
  /** Set by the endpoint once the socket became one. */
  connection: Connection | undefined;
  readonly #config: DialerConfig;
  readonly #outside: LinkOutside;
  readonly #onSocket: (socket: Socket) => void;
  #failures = 0;
  #deadline: Deadline | undefined;
  #giveUp: (() => void) | undefined;
  #stopped = false;

  constructor(config: DialerConfig, outside: LinkOutside, onSocket: (socket: Socket) => void) {
    this.#config = config;
    this.#outside = outside;
    this.#onSocket = onSocket;
  }

  dial(): void {
    const { host, port, tls, connectTimeoutMs } = this.#config;
    const { network, deadlines } = this.#outside;
    this.#deadline = deadlines.after(connectTimeoutMs, () => {
      this.#giveUp?.();
      this.#failed('timeout', undefined);
    });
    this.#giveUp = network.connect(
      { host, port, tls },
      {
        onSocket: (socket) => {
          this.#settle();
          this.#onSocket(socket);
        },
        onRefused: (reason, detail) => {
          this.#failed(reason, detail);
        },
      },
    );
  }

  /** @param good whether the connection ever brought a frame */
  lost(good: boolean): void {
    this.connection = undefined;
    if (this.#stopped) return;
    this.#failures = good ? 1 : this.#failures + 1;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#giveUp?.();
    this.#settle();
  }

  #failed(reason: ConnectFailure, detail: string | undefined): void {
    this.#settle();
    if (this.#stopped) return;
    this.#failures += 1;
    const retryInMs = this.#wait();
    this.#outside.events.connectFailed(this.#config.station, reason, detail, retryInMs);
  }

  #wait(): number {
    const waitMs = backOffMs(this.#config.backOff, this.#failures, this.#outside.random());
    this.#deadline = this.#outside.deadlines.after(waitMs, () => {
      this.dial();
    });
    return waitMs;
  }

  #settle(): void {
    this.#giveUp = undefined;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }
}
