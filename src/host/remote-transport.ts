/**
 * HTTP to an issuer at a URL: a bounded pool of connections that stay open, one exchange at a time on each, the others in a queue.
 *
 * Owns the connections, and what is known of whether a message left: nothing was sent as long as no connection stood. Refuses redirects,
 * answers that are too large, compressed, or not JSON, each without reading on. Invariant: `done` is called once for each exchange, unless it
 * was given up; it never follows anything an answer says.
 */
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

export interface RemoteTls {
  /** PEM; undefined: those of the system. */
  readonly authorities: string | undefined;
  readonly certificate: string | undefined;
  readonly privateKey: string | undefined;
  /** Whom the certificate must name; undefined: the URL's host. */
  readonly serverName: string | undefined;
}

export interface TransportConfig {
  /** Without a path. */
  readonly origin: string;
  readonly connections: number;
  readonly connectMs: number;
  readonly answerBytesMax: number;
  /** Undefined: plain HTTP. */
  readonly tls: RemoteTls | undefined;
}

export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export type ExchangeEnd =
  | { readonly kind: 'answered'; readonly signature: string; readonly body: Buffer }
  /** Something came that is no answer. */
  | { readonly kind: 'refused'; readonly fault: string }
  /** No connection stood: nothing left. */
  | { readonly kind: 'notSent'; readonly fault: string }
  /** It was sent, or a part of it, and the connection ended. */
  | { readonly kind: 'broken'; readonly fault: string };

export interface ExchangeHandle {
  /** It may have left. */
  readonly sent: boolean;
  /** `done` is not called any more. */
  giveUp(): void;
}

export interface RemoteTransport {
  /** A connection stands. */
  readonly connected: boolean;
  send(exchange: Exchange, done: (end: ExchangeEnd) => void): ExchangeHandle;
  /** Ends everything; `done` is called of none. */
  close(): void;
}

/** A peer's certificate errors after the handshake looked complete from here (TLS 1.3): it read nothing of what was sent. */
const certificateAlert = /^ERR_SSL_.*ALERT_(?:CERTIFICATE_[A-Z]+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)$/;

export class PooledTransport implements RemoteTransport {
  readonly #config: TransportConfig;
  readonly #pool: Pool;
  readonly #waiting = new Set<PooledExchange>();
  readonly #active = new Set<PooledExchange>();
  #isClosed = false;

  constructor(config: TransportConfig) {
    const { origin, connections, connectMs, tls } = config;
    this.#config = config;
    this.#pool = new Pool(origin, {
      connections, pipelining: 1, allowH2: false, headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 16_384, strictContentLength: true,
      connect: {
        timeout: connectMs, rejectUnauthorized: true, minVersion: 'TLSv1.2',
        ...(tls?.authorities === undefined ? {} : { ca: tls.authorities }),
        ...(tls?.certificate === undefined ? {} : { cert: tls.certificate }),
        ...(tls?.privateKey === undefined ? {} : { key: tls.privateKey }),
        ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
      },
    });
  }

  get connected(): boolean {
    return this.#pool.stats.connected > 0;
  }

  send(exchange: Exchange, done: (end: ExchangeEnd) => void): ExchangeHandle {
    const pooled = new PooledExchange(exchange, this.#config.answerBytesMax, done, () => this.#ended(pooled));
    if (this.#isClosed) queueMicrotask(() => pooled.end({ kind: 'notSent', fault: 'closed' }));
    else if (this.#active.size < this.#config.connections) this.#dispatch(pooled);
    else this.#waiting.add(pooled);
    return pooled;
  }

  close(): void {
    this.#isClosed = true;
    for (const pooled of [...this.#waiting, ...this.#active]) pooled.giveUp();
    void this.#pool.destroy();
  }

  #dispatch(pooled: PooledExchange): void {
    this.#active.add(pooled);
    const { method, path, headers, body } = pooled.exchange;
    this.#pool.dispatch({ method, path, headers, ...(body === undefined ? {} : { body }) }, pooled);
  }

  #ended(pooled: PooledExchange): void {
    this.#waiting.delete(pooled);
    if (!this.#active.delete(pooled) || this.#isClosed) return;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#dispatch(next);
      break;
    }
  }
}

class PooledExchange implements ExchangeHandle, Dispatcher.DispatchHandler {
  readonly exchange: Exchange;
  sent = false;
  readonly #bytesMax: number;
  readonly #done: (end: ExchangeEnd) => void;
  readonly #onEnd: () => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #signature = '';
  #controller: Dispatcher.DispatchController | undefined;
  #isEnded = false;

  constructor(exchange: Exchange, bytesMax: number, done: (end: ExchangeEnd) => void, onEnd: () => void) {
    this.exchange = exchange;
    this.#bytesMax = bytesMax;
    this.#done = done;
    this.#onEnd = onEnd;
  }

  giveUp(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#controller?.abort(new Error('given up'));
    this.#onEnd();
  }

  end(end: ExchangeEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    this.#done(end);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for a connection: nothing of it is written.
    if (this.#isEnded) {
      controller.abort(new Error('given up'));
      return;
    }
    this.#controller = controller;
    this.sent = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    // 100 Continue and the like come before the answer.
    if (status < 200) return;
    const fault = headFault(status, headers, this.#bytesMax);
    if (fault !== '') {
      this.#refuse(controller, fault);
      return;
    }
    const signature = headers['x-jws-signature'];
    this.#signature = typeof signature === 'string' ? signature : '';
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) this.#refuse(controller, `the answer is longer than ${this.#bytesMax} bytes`);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.end({ kind: 'answered', signature: this.#signature, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = codeOf(error);
    if (!this.sent || certificateAlert.test(code)) this.end({ kind: 'notSent', fault: code });
    else if (code === 'HTTPParserError' || code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_HEADERS_OVERFLOW') this.end({ kind: 'refused', fault: `the answer is no HTTP (${code})` });
    else this.end({ kind: 'broken', fault: code });
  }

  /** The connection goes with it: what else comes on it would be taken for the next one's answer. */
  #refuse(controller: Dispatcher.DispatchController, fault: string): void {
    this.end({ kind: 'refused', fault });
    controller.abort(new Error(fault));
  }
}

function headFault(status: number, headers: Readonly<Record<string, string | string[] | undefined>>, bytesMax: number): string {
  if (status >= 300 && status < 400) return `redirects are not followed (status ${status})`;
  if (status !== 200) return `status ${status}`;
  const type = headers['content-type'];
  if (typeof type !== 'string' || !/^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i.test(type)) return 'the content type is not application/json';
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return 'the answer is compressed, and none was asked for';
  const length = Number(headers['content-length'] ?? 0);
  return length > bytesMax ? `the answer is longer than ${bytesMax} bytes` : '';
}

/** A name, never a text that a peer made. */
function codeOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const cause = error.cause;
  if (code.startsWith('UND_ERR') && cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return code === '' ? error.name : code;
}
