/**
 * One connection of a load: many messages wait for their answers on it at once.
 *
 * Owns its socket, which it opens again after a loss until it is closed, and what waits on it. Invariant: what was sent ends once:
 * answered, expired, or lost with its connection.
 */
import type { Socket } from 'node:net';
import type { Message } from '../iso8583/codec.ts';
import { DecodeError } from '../iso8583/errors.ts';
import { FrameSplitter, writeFrame } from '../link/framing.ts';
import { Failure } from './command.ts';
import { openSocket } from './send-client.ts';
import type { Target } from './send-client.ts';

/** A message that waits for its answer. */
export interface Waiting {
  /** Type and STAN of its answer. */
  readonly key: string;
  /** From when its answer is waited for; monotonic ms. */
  readonly sinceMs: number;
  ended: boolean;
  /** Undefined: there will be none that counts. */
  readonly end: (answer: Message | undefined) => void;
}

export interface LineEvents {
  /** An answer that nothing waits for; `late`: something did. */
  stray(what: 'late' | 'wrongStan' | 'undecodable'): void;
  lost(): void;
  /** The switch asks, or passes something on. @returns the answer; undefined: none */
  asked(message: Message): Uint8Array | undefined;
}

const reopenMs = 250;
const rememberedMax = 100_000;

export class LoadLine {
  readonly #target: Target;
  readonly #timeoutMs: number;
  readonly #events: LineEvents;
  readonly #signOn: ((line: LoadLine) => Promise<void>) | undefined;
  readonly #waiting = new Map<string, Waiting[]>();
  /** In the order in which they expire. */
  #order: Waiting[] = [];
  #orderFrom = 0;
  readonly #expired = new Set<string>();
  #socket: Socket | undefined;
  #chunks: Buffer[] = [];
  #usable = false;
  #closed = false;

  private constructor(target: Target, timeoutMs: number, events: LineEvents, signOn: ((line: LoadLine) => Promise<void>) | undefined) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
    this.#signOn = signOn;
  }

  /** @param signOn is done on each new connection before it counts as usable @throws Failure */
  static async open(target: Target, timeoutMs: number, events: LineEvents, signOn?: (line: LoadLine) => Promise<void>): Promise<LoadLine> {
    const line = new LoadLine(target, timeoutMs, events, signOn);
    await line.#begin(await openSocket(target, timeoutMs));
    return line;
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** Collected until `flush`. */
  send(payload: Uint8Array, waiting: Waiting): void {
    const { framing } = this.#target;
    const frame = Buffer.allocUnsafe(framing.overheadBytes + payload.length);
    writeFrame(framing, frame, 0, framing.requestHeader, payload, 0, payload.length);
    this.#chunks.push(frame);
    const same = this.#waiting.get(waiting.key);
    if (same === undefined) this.#waiting.set(waiting.key, [waiting]);
    else same.push(waiting);
    this.#order.push(waiting);
    // A number that is used again is no late one's any more.
    this.#expired.delete(waiting.key);
  }

  flush(): void {
    if (this.#chunks.length === 0) return;
    this.#socket?.write(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks));
    this.#chunks = [];
  }

  /** Ends the wait of everything that waited since `sinceMs` or longer. */
  expire(sinceMs: number): void {
    for (; this.#orderFrom < this.#order.length; this.#orderFrom += 1) {
      const oldest = this.#order[this.#orderFrom]!;
      if (oldest.ended) continue;
      if (oldest.sinceMs > sinceMs) break;
      this.#take(oldest.key);
      if (this.#expired.size >= rememberedMax) this.#expired.clear();
      this.#expired.add(oldest.key);
      this.#end(oldest, undefined);
    }
    if (this.#orderFrom < 1_024) return;
    this.#order = this.#order.slice(this.#orderFrom);
    this.#orderFrom = 0;
  }

  close(): void {
    this.#closed = true;
    this.#usable = false;
    this.#socket?.destroy();
  }

  async #begin(socket: Socket): Promise<void> {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    this.#socket = socket.setNoDelay(true);
    const { framing } = this.#target;
    const splitter = new FrameSplitter(framing, framing.frameBytesAnnounceable);
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      for (let outcome = splitter.next(); outcome !== 'more'; outcome = splitter.next()) {
        if (outcome === 'refused') {
          this.#events.stray('undecodable');
          socket.destroy();
          return;
        }
        if (outcome === 'frame') this.#frame(splitter.buffer.subarray(splitter.start, splitter.end));
      }
      this.flush();
    });
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#lost();
    });
    await this.#signOn?.(this);
    this.#usable = !socket.destroyed && !this.#closed;
  }

  #lost(): void {
    this.#usable = false;
    this.#chunks = [];
    if (this.#closed) return;
    this.#events.lost();
    this.#waiting.clear();
    const waiting = this.#order.slice(this.#orderFrom);
    this.#order = [];
    this.#orderFrom = 0;
    for (const each of waiting) if (!each.ended) this.#end(each, undefined);
    this.#reopenLater();
  }

  #reopenLater(): void {
    setTimeout(() => {
      void this.#reopen();
    }, reopenMs);
  }

  async #reopen(): Promise<void> {
    if (this.#closed) return;
    let socket: Socket;
    try {
      socket = await openSocket(this.#target, this.#timeoutMs);
    } catch {
      this.#reopenLater();
      return;
    }
    try {
      await this.#begin(socket);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // Its end, now or already, leads to the next attempt.
      socket.destroy();
    }
  }

  #frame(payload: Buffer): void {
    let message: Message;
    try {
      message = this.#target.codec.decode(payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#events.stray('undecodable');
      return;
    }
    if (Number(message.mti[2]) % 2 === 0) {
      this.#answer(this.#events.asked(message));
      return;
    }
    const key = message.mti.slice(0, 3) + (message.text(11) ?? '');
    const waiting = this.#take(key);
    if (waiting !== undefined) this.#end(waiting, message);
    else this.#events.stray(this.#expired.delete(key) ? 'late' : 'wrongStan');
  }

  #answer(payload: Uint8Array | undefined): void {
    if (payload === undefined) return;
    const { framing } = this.#target;
    const frame = Buffer.allocUnsafe(framing.overheadBytes + payload.length);
    writeFrame(framing, frame, 0, framing.requestHeader, payload, 0, payload.length);
    this.#chunks.push(frame);
  }

  /** Of messages with the same key, which are one and its repeats, the oldest. */
  #take(key: string): Waiting | undefined {
    const same = this.#waiting.get(key);
    if (same === undefined) return undefined;
    if (same.length === 1) this.#waiting.delete(key);
    return same.shift();
  }

  #end(waiting: Waiting, answer: Message | undefined): void {
    waiting.ended = true;
    waiting.end(answer);
  }
}

/** How the answer to a message is known. */
export function answerKey(mti: string, stan: string): string {
  return `${mti.slice(0, 2)}${Number(mti[2]) + 1}${stan}`;
}
