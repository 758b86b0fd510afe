/**
 * One connection of a station: bytes in, frames out, and the other way round.
 *
 *   socket --data--> splitter --frame--> onFrame ... begin()      reads only while nothing is in the way
 *   socket <--one write per turn-- chunk <-- answer(), request()   done() frees a place
 *
 * Owns the socket and the decision whether to read it (`advance()`, and nobody else). Refuses frames that the splitter refuses, by
 * closing. Invariant: what it holds is bounded: one chunk that was read, one frame that is incomplete, and what is collected to be
 * written, which grows only by the answers of requests that were read before `outgoingBytesMax` was reached. And it holds nobody up: it takes
 * `framesPerTurnMax` frames a turn, however many a chunk has.
 */
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Deadline } from '../base/deadlines.ts';
import { frameBytesMax } from '../base/limits.ts';
import type { ChunkPool } from './chunk-pool.ts';
import type { CloseReason, ThrottleReason } from './events.ts';
import { FrameSplitter, writeFrame } from './framing.ts';
import type { FrameHeader, Framing } from './framing.ts';
import { resumeAt } from './in-flight.ts';
import type { StationInFlight } from './in-flight.ts';
import type { LinkConnection, LinkHandlers, LinkOutside, SendOutcome } from './link.ts';
import { Silence } from './silence.ts';
import type { SilenceLimits } from './silence.ts';
import { codeOf, peerOf } from './socket.ts';
import type { Advanceable, Flushable } from './turn-end.ts';

export interface ConnectionLimits extends SilenceLimits {
  /** Bytes after the length prefix of a frame that is received. */
  readonly frameBytesMax: number;
  readonly inFlightPerConnectionMax: number;
  /** Bytes collected or handed to the socket and not yet taken by the kernel: from here on, the peer is not read. */
  readonly outgoingBytesMax: number;
  /** A peer that takes nothing of what is written to it for so long is closed. */
  readonly stallMs: number;
}

/** What the connections of one station share. */
export interface ConnectionShared {
  readonly station: string;
  readonly framing: Framing;
  readonly limits: ConnectionLimits;
  readonly handlers: LinkHandlers;
  readonly outside: LinkOutside;
  readonly inFlight: StationInFlight;
  readonly chunks: ChunkPool;
  /** The first whole frame came. */
  onSpoken(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/** How long a connection that we end is still read (and what comes thrown away), so that what we wrote isn't lost to a reset. */
export const closeLingerMs = 1_000;

/** A chunk may hold twenty thousand small frames: what is over this waits, unread like its socket, while the others have their turn. */
export const framesPerTurnMax = 256;

/** Why no more frames are taken for now. `turn`: this turn's share is used up; nobody needs to know. */
type Obstacle = ThrottleReason | 'turn';

type State =
  | 'open'
  /** No more requests are taken; those in flight are answered, then it is shut. */
  | 'finishing'
  /** Our side is ended; waits for the peer's end, at most `closeLingerMs`. */
  | 'shut'
  | 'closed';

export class Connection implements LinkConnection, Flushable, Advanceable {
  readonly id: number;
  readonly peer: string;
  context: unknown = undefined;
  readonly #shared: ConnectionShared;
  readonly #socket: Socket;
  readonly #splitter: FrameSplitter;
  readonly #resumeAt: number;
  #state: State = 'open';
  #closeReason: CloseReason | undefined;
  #closeDetail: string | undefined;
  #peerEnded = false;
  #linger: Deadline | undefined;

  #inFlight = 0;
  #throttled: ThrottleReason | undefined;
  #throttledAtMs = 0;
  /** Used up its share of the turn; goes on when that ends. */
  #resting = false;
  #turn = -1;
  #turnFrames = 0;
  #advancing = false;
  #advanceAsked = false;
  #frames = 0;
  #bytes = 0;

  /** Frames of this turn, to be written in one piece. */
  #chunk: Buffer | undefined;
  #filled = 0;
  #collected = 0;
  #flushAsked = false;
  /** Chunks that the socket has, oldest first, and how many bytes of each. */
  readonly #writing: Buffer[] = [];
  readonly #writingBytes: number[] = [];
  #unsentBytes = 0;
  readonly #onWritten: () => void;

  #heardFrame = false;
  readonly #silence: Silence;
  /** Whether bytes left since the last `watch`, so that the clock is read there only. */
  #wrote = true;
  #wroteAtMs: number;

  constructor(shared: ConnectionShared, socket: Socket, id: number) {
    this.id = id;
    this.peer = peerOf(socket);
    this.#shared = shared;
    this.#socket = socket;
    this.#splitter = new FrameSplitter(shared.framing, shared.limits.frameBytesMax);
    this.#resumeAt = resumeAt(shared.limits.inFlightPerConnectionMax);
    const nowMs = shared.outside.deadlines.nowMs();
    this.#silence = new Silence(shared.limits, nowMs);
    this.#wroteAtMs = nowMs;
    this.#onWritten = () => {
      this.#written();
    };
  }

  get station(): string {
    return this.#shared.station;
  }

  get open(): boolean {
    return this.#state === 'open' || this.#state === 'finishing';
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether a frame ever came: a peer that accepts and says nothing isn't a success for whoever connects. */
  get heardFrame(): boolean {
    return this.#heardFrame;
  }

  /** Bytes that are held here for the peer. */
  get outgoingBytes(): number {
    return this.#filled + this.#unsentBytes;
  }

  /** Begins to read. Once. */
  start(): void {
    const { handlers, outside, station } = this.#shared;
    const socket = this.#socket;
    socket.on('error', (error) => {
      this.#because(this.#peerEnded ? 'peer' : 'error', codeOf(error));
    });
    socket.on('close', () => {
      this.#closed();
    });
    socket.on('end', () => {
      this.#peerEnded = true;
      // What came before the end is taken first, as there is room.
      if (!this.#pausing) this.#finishEnded();
    });
    outside.events.connected(station, this.id, this.peer);
    handlers.onOpen(this);
    socket.on('data', (chunk: Buffer) => {
      this.#silence.bytesCame();
      // Ended by us: what still comes is thrown away.
      if (this.#state !== 'open') return;
      this.#bytes += chunk.length;
      this.#splitter.push(chunk);
      this.#goOn();
    });
  }

  begin(): void {
    this.#inFlight += 1;
    this.#shared.inFlight.take();
  }

  done(): void {
    assert(this.#inFlight > 0, 'a request is done once');
    this.#inFlight -= 1;
    this.#shared.inFlight.release();
    if (this.#throttled === 'connectionInFlight') {
      if (this.#inFlight <= this.#resumeAt) this.#advanceSoon();
    } else if (this.#state === 'finishing' && this.#inFlight === 0) this.#advanceSoon();
  }

  answer(header: FrameHeader, payload: Uint8Array, start: number, end: number): SendOutcome {
    return this.#collect(header, payload, start, end);
  }

  request(payload: Uint8Array, start: number, end: number): SendOutcome {
    // Whoever finishes reads no more answers, and whoever has ended sends none.
    if (this.#state !== 'open' || this.#peerEnded) return 'closed';
    if (this.outgoingBytes >= this.#shared.limits.outgoingBytesMax) return 'full';
    return this.#collect(this.#shared.framing.requestHeader, payload, start, end);
  }

  close(): void {
    this.#because('local', undefined);
    this.#shut();
  }

  /** Takes no more requests; shuts when those in flight are answered. */
  finish(reason: CloseReason): void {
    if (this.#state !== 'open') return;
    this.#because(reason, undefined);
    this.#state = 'finishing';
    this.#endThrottle();
    if (!this.#peerEnded) this.#socket.pause();
    this.#advanceSoon();
  }

  /** Closes now; what was not written is lost. */
  abort(reason: CloseReason, detail: string | undefined): void {
    if (this.#state === 'closed') return;
    // A reason that was noted for a good end is overtaken by the bad one, unless only the peer's end is missing.
    if (this.#state !== 'shut' || this.outgoingBytes > 0) {
      this.#closeReason = reason;
      this.#closeDetail = detail;
    }
    this.#socket.destroy();
  }

  /** Called every now and then by the endpoint: silence and stalls are found here, without a timer per connection. */
  watch(nowMs: number): void {
    const { limits, handlers } = this.#shared;
    if (this.#wrote || this.#writing.length === 0) {
      this.#wrote = false;
      this.#wroteAtMs = nowMs;
    } else if (nowMs - this.#wroteAtMs >= limits.stallMs) {
      this.abort('stalled', undefined);
      return;
    }
    if (this.#state !== 'open') return;
    const verdict = this.#silence.look(nowMs, !this.#pausing, this.#splitter.heldBytes > 0);
    if (verdict === 'fine') return;
    if (verdict === 'echo') {
      handlers.onIdle(this);
      return;
    }
    this.#because(verdict, undefined);
    this.#shut();
  }

  advance(): void {
    this.#advanceAsked = false;
    this.#goOn();
  }

  /** The one place that decides whether frames are taken and whether the socket is read. */
  #goOn(): void {
    if (this.#advancing) return;
    if (this.#state === 'open') {
      this.#advancing = true;
      const obstacle = this.#takeFrames();
      this.#advancing = false;
      this.#reportReceived();
      // A handler may have closed us meanwhile.
      if (this.#state === 'open') this.#pauseFor(obstacle);
    }
    if (this.#state === 'finishing' && this.#inFlight === 0) this.#shut();
  }

  /** Writes what was collected, unless the socket is still busy with what it has: then it leaves with the next write. */
  flush(): void {
    this.#flushAsked = false;
    if (this.#writing.length === 0) this.#write();
  }

  #takeFrames(): Obstacle | undefined {
    const { handlers, framing, outside } = this.#shared;
    const splitter = this.#splitter;
    if (this.#turn !== outside.turnEnd.turn) {
      this.#turn = outside.turnEnd.turn;
      this.#turnFrames = 0;
    }
    for (;;) {
      const obstacle = this.#obstacle();
      if (obstacle !== undefined) return obstacle;
      switch (splitter.next()) {
        case 'frame':
          this.#turnFrames += 1;
          this.#frames += 1;
          handlers.onFrame(this, splitter.buffer, splitter.start, splitter.end, splitter.header);
          if (this.#state !== 'open') return undefined;
          break;
        case 'keepAlive':
          this.#turnFrames += 1;
          this.#spoke();
          this.#keepAlive(framing);
          break;
        case 'more':
          return undefined;
        case 'refused':
          this.#shared.outside.events.frameRefused(this.station, this.id, splitter.refusal, splitter.announcedBytes);
          this.#because('frameRefused', splitter.refusal);
          this.#shut();
          return undefined;
      }
    }
  }

  #obstacle(): Obstacle | undefined {
    const { limits, inFlight } = this.#shared;
    if (this.#inFlight >= limits.inFlightPerConnectionMax) return 'connectionInFlight';
    if (this.#filled + this.#unsentBytes >= limits.outgoingBytesMax) return 'outgoing';
    if (!inFlight.admits(this)) return 'stationInFlight';
    return this.#turnFrames >= framesPerTurnMax ? 'turn' : undefined;
  }

  /** Whether the socket is not read for now. */
  get #pausing(): boolean {
    return this.#resting || this.#throttled !== undefined;
  }

  #pauseFor(obstacle: Obstacle | undefined): void {
    const paused = this.#pausing;
    this.#resting = obstacle === 'turn';
    this.#throttle(obstacle === 'turn' ? undefined : obstacle);
    if (this.#resting) this.#advanceSoon();
    if (this.#pausing === paused) return;
    if (!paused) this.#socket.pause();
    else if (this.#peerEnded) this.#finishEnded();
    else this.#socket.resume();
  }

  #finishEnded(): void {
    if (this.#splitter.heldBytes > 0) this.#because('peer', 'within a frame');
    this.finish('peer');
  }

  #throttle(reason: ThrottleReason | undefined): void {
    const { outside, inFlight, station } = this.#shared;
    const before = this.#throttled;
    this.#throttled = reason;
    if (reason === 'stationInFlight') inFlight.wait(this);
    else if (before === 'stationInFlight') inFlight.leave(this);
    if (reason === before) return;
    if (reason === undefined) {
      this.#tellResumed();
      return;
    }
    if (before === undefined) this.#throttledAtMs = outside.deadlines.nowMs();
    outside.events.throttled(station, this.id, reason);
  }

  /** It waits for room no longer, since it takes no more requests. */
  #endThrottle(): void {
    this.#resting = false;
    this.#shared.inFlight.leave(this);
    if (this.#throttled === undefined) return;
    this.#throttled = undefined;
    this.#tellResumed();
  }

  #tellResumed(): void {
    const { outside, station } = this.#shared;
    outside.events.resumed(station, this.id, outside.deadlines.nowMs() - this.#throttledAtMs);
  }

  #keepAlive(framing: Framing): void {
    this.#shared.outside.events.keepAliveReceived(this.station, this.id);
    if (framing.config.keepAlive === 'echo') this.#collect(this.#splitter.header, emptyPayload, 0, 0);
  }

  #collect(header: FrameHeader, payload: Uint8Array, start: number, end: number): SendOutcome {
    if (!this.open) return 'closed';
    const { framing, chunks, outside } = this.#shared;
    const bytes = framing.overheadBytes + end - start;
    if (bytes - framing.lengthBytes > Math.min(frameBytesMax, framing.frameBytesAnnounceable)) return 'tooLarge';
    let chunk = this.#chunk;
    if (chunk !== undefined && this.#filled + bytes > chunk.length) {
      this.#write();
      chunk = undefined;
    }
    if (chunk === undefined) {
      chunk = chunks.take(bytes);
      this.#chunk = chunk;
    }
    this.#filled = writeFrame(framing, chunk, this.#filled, header, payload, start, end);
    this.#collected += 1;
    if (!this.#flushAsked) {
      this.#flushAsked = true;
      outside.turnEnd.flushLater(this);
    }
    return 'queued';
  }

  #write(): void {
    const chunk = this.#chunk;
    if (chunk === undefined || this.#state === 'closed') return;
    const bytes = this.#filled;
    const frames = this.#collected;
    this.#chunk = undefined;
    this.#filled = 0;
    this.#collected = 0;
    this.#writing.push(chunk);
    this.#writingBytes.push(bytes);
    this.#unsentBytes += bytes;
    this.#socket.write(chunk.subarray(0, bytes), this.#onWritten);
    this.#shared.outside.events.sent(this.station, frames, bytes);
  }

  /** The kernel (or, failed, nobody) has the oldest chunk: it is ours again. */
  #written(): void {
    const chunk = this.#writing.shift();
    const bytes = this.#writingBytes.shift();
    assert(chunk !== undefined && bytes !== undefined, 'a write ends once');
    this.#shared.chunks.give(chunk);
    this.#unsentBytes -= bytes;
    this.#wrote = true;
    if (this.#writing.length === 0 && this.#chunk !== undefined && !this.#flushAsked) this.#write();
    if (this.#throttled === 'outgoing' && this.outgoingBytes * 2 < this.#shared.limits.outgoingBytesMax) this.#advanceSoon();
  }

  #advanceSoon(): void {
    if (this.#advanceAsked) return;
    this.#advanceAsked = true;
    this.#shared.outside.turnEnd.advanceLater(this);
  }

  #reportReceived(): void {
    if (this.#frames === 0 && this.#bytes === 0) return;
    if (this.#frames > 0) {
      this.#heardFrame = true;
      this.#spoke();
    }
    this.#shared.outside.events.received(this.station, this.#frames, this.#bytes);
    this.#frames = 0;
    this.#bytes = 0;
  }

  #spoke(): void {
    if (!this.#silence.spoken) this.#shared.onSpoken(this);
    this.#silence.frameCame();
  }

  /** The first reason is the reason. */
  #because(reason: CloseReason, detail: string | undefined): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#closeDetail = detail;
  }

  #shut(): void {
    if (!this.open) return;
    this.#endThrottle();
    this.#write();
    this.#state = 'shut';
    this.#socket.end();
    // Bytes that nobody read would turn our end into a reset, and the peer would lose what we wrote last.
    this.#socket.resume();
    // A peer that takes nothing is found by `watch`; from when it has everything, it has this long to end its side.
    this.#socket.once('finish', () => {
      this.#linger = this.#shared.outside.deadlines.after(closeLingerMs, () => {
        this.#socket.destroy();
      });
    });
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#linger?.cancel();
    const { chunks, outside, handlers, station } = this.#shared;
    this.#endThrottle();
    if (this.#chunk !== undefined) {
      chunks.give(this.#chunk);
      this.#chunk = undefined;
      this.#filled = 0;
    }
    outside.events.disconnected(station, this.id, this.#closeReason ?? 'peer', this.#closeDetail);
    handlers.onClose(this);
    this.#shared.onClosed(this);
  }
}

const emptyPayload = new Uint8Array(0);
