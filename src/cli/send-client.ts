/**
 * A small acquirer: one connection, one message at a time, as a counterparty would have it.
 *
 * Owns its socket. Invariant: every wait ends by its deadline, with a sentence.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { Codec, Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import { DecodeError } from '../iso8583/errors.ts';
import { FrameSplitter, writeFrame } from '../link/framing.ts';
import type { Framing } from '../link/framing.ts';
import { Failure } from './command.ts';
import type { Authenticity, MessageCodes } from './send-mac.ts';

export interface Target {
  /** For a person. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly framing: Framing;
  readonly codec: Codec;
  readonly tls: ConnectionOptions | undefined;
}

/** What comes back for a request; it lives until the answer was checked. */
interface Answer {
  readonly message: Message;
  readonly payload: Buffer;
}

export interface Exchange {
  readonly request: Message;
  readonly requestBytes: number;
  readonly response: Message;
  readonly responseBytes: number;
  readonly elapsedMs: number;
  /** Of the answer's message authentication code; undefined where the request had none made here. */
  readonly authenticity: Authenticity | undefined;
}

export class Acquirer {
  readonly #target: Target;
  readonly #socket: Socket;
  readonly #splitter: FrameSplitter;
  readonly #elapsed: () => number;
  /** Told of messages that answer nothing of ours. */
  readonly #onOther: (message: Message) => void;
  #waiting: { readonly mti: string; readonly stan: string; readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(target: Target, socket: Socket, elapsed: () => number, onOther: (message: Message) => void) {
    this.#target = target;
    this.#socket = socket;
    this.#elapsed = elapsed;
    this.#onOther = onOther;
    this.#splitter = new FrameSplitter(target.framing, target.framing.frameBytesAnnounceable);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('error', (error) => {
      this.#waiting?.reject(new Failure(`the connection to ${target.name} broke: ${reasonOf(error)}`));
    });
    socket.on('close', () => {
      this.#waiting?.reject(new Failure(`${target.name} closed the connection without an answer`));
    });
  }

  /** @throws Failure */
  static async connect(target: Target, timeoutMs: number, elapsed: () => number, onOther: (message: Message) => void): Promise<Acquirer> {
    const socket = await openSocket(target, timeoutMs);
    socket.setNoDelay(true);
    return new Acquirer(target, socket, elapsed, onOther);
  }

  /**
   * Sends and waits for the answer.
   * @param codes makes the message's authentication code and checks the answer's; undefined: the message is sent as it is
   * @throws Failure, EncodeError
   */
  async exchange(draft: Draft, timeoutMs: number, codes?: MessageCodes): Promise<Exchange> {
    const { codec, framing, name } = this.#target;
    const payload = codes === undefined ? Buffer.from(codec.encode(draft)) : await codes.encode(draft, codec);
    const request = codec.decode(payload);
    const frame = Buffer.alloc(framing.overheadBytes + payload.length);
    writeFrame(framing, frame, 0, framing.requestHeader, payload, 0, payload.length);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sentAtMs = this.#elapsed();
    this.#waiting = {
      mti: `${draft.mti.slice(0, 2)}${String(Number(draft.mti[2]) + 1)}`,
      stan: request.text(11) ?? '',
      resolve,
      reject,
    };
    const timer = setTimeout(() => {
      reject(new Failure(`${name} did not answer the ${draft.mti} with trace number ${request.text(11) ?? 'none'} within ${timeoutMs} ms; whether it was carried out is not known`));
    }, timeoutMs);
    this.#socket.write(frame);
    try {
      const { message: response, payload: answered } = await promise;
      const elapsedMs = this.#elapsed() - sentAtMs;
      return { request, requestBytes: payload.length, response, responseBytes: answered.length, elapsedMs, authenticity: await codes?.check(response, answered) };
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#splitter.push(chunk);
    for (;;) {
      const outcome = this.#splitter.next();
      if (outcome === 'more') return;
      if (outcome === 'refused') {
        this.#waiting?.reject(new Failure(`${this.#target.name} sent bytes that are no frames of this form (${this.#splitter.refusal}); is the framing right?`));
        this.#socket.destroy();
        return;
      }
      if (outcome === 'frame') this.#take(Buffer.from(this.#splitter.buffer.subarray(this.#splitter.start, this.#splitter.end)));
    }
  }

  #take(payload: Buffer): void {
    const waiting = this.#waiting;
    let message: Message;
    try {
      message = this.#target.codec.decode(payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      waiting?.reject(new Failure(`${this.#target.name} answered with what is no message of ${this.#target.codec.spec.name}: ${error.message}`));
      return;
    }
    const answers = waiting !== undefined && message.mti.startsWith(waiting.mti) && (message.text(11) ?? '') === waiting.stan;
    if (answers) waiting.resolve({ message, payload });
    else this.#onOther(message);
  }
}

/** A connection that stands, its certificate checked. @throws Failure */
export async function openSocket(target: Target, timeoutMs: number): Promise<Socket> {
  const { host, port, tls, name } = target;
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ ...tls, host, port });
  const timer = setTimeout(() => {
    socket.destroy();
    reject(new Failure(`${name} (${host}:${port}) did not accept a connection within ${timeoutMs} ms`));
  }, timeoutMs);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    resolve(socket);
  });
  const failed = (error: Error): void => {
    reject(new Failure(connectFailure(target, error)));
  };
  socket.once('error', failed);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.removeListener('error', failed);
  }
}

function connectFailure({ name, host, port, tls }: Target, error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return `nobody listens on ${host}:${port} (${name}); is the switch running (locum start)?`;
  if (code === 'ENOTFOUND') return `there is no host ${host}`;
  return `no connection to ${name} (${host}:${port})${tls === undefined ? '' : ' with TLS'}: ${reasonOf(error)}`;
}

/** OpenSSL's messages have the reason between the place in its source and the number of the alert. */
function reasonOf({ message }: Error): string {
  const reason = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  if (reason === undefined) return message.trim();
  const hint = /certificate required|handshake failure/.test(reason) ? '; --certificate and --private-key show ours' : '';
  return `TLS says "${reason}"${hint}`;
}
