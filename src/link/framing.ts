/**
 * Where a message starts and ends in a stream of bytes.
 *
 *   | length | header or TPDU | payload ............... |
 *    2 or 4    0 to 64 bytes    one ISO 8583 message
 *
 * Owns the length prefix, the header that follows it and the assembly of frames from chunks that the network split
 * and merged anywhere. Refuses a length that is no number and a frame that is larger than the station allows, before
 * any byte of it is kept. Invariant: each byte is copied at most once, and never more than one frame is held.
 */
import { assert, unreachable } from '../base/assert.ts';

export const lengthEncodings = ['big-endian', 'little-endian', 'bcd', 'ascii'] as const;
export type LengthEncoding = (typeof lengthEncodings)[number];

/** What an empty frame is: nothing to say (`ignore`), a question (`echo`: an empty frame goes back), or an error (`refuse`). */
export const keepAlives = ['ignore', 'echo', 'refuse'] as const;
export type KeepAlive = (typeof keepAlives)[number];

export interface FramingConfig {
  readonly lengthBytes: 2 | 4;
  readonly lengthEncoding: LengthEncoding;
  /** Whether the length counts its own bytes. */
  readonly lengthIncludesItself: boolean;
  /** Whether the length counts the header or TPDU that follows it; without one it says nothing. */
  readonly lengthIncludesHeader: boolean;
  /** Five bytes (ten hex digits): the TPDU of requests that we send. An answer carries its request's, swapped. */
  readonly tpdu?: string;
  /** The header of requests that we send, in hex. An answer carries its request's, unchanged. Not together with `tpdu`. */
  readonly header?: string;
  readonly keepAlive: KeepAlive;
}

/** The length prefix that the demo stations use: two bytes, big-endian, excluding itself. */
export const plainFraming: FramingConfig = {
  lengthBytes: 2,
  lengthEncoding: 'big-endian',
  lengthIncludesItself: false,
  lengthIncludesHeader: true,
  keepAlive: 'ignore',
};

export const tpduBytes = 5;
/** Longer fixed headers than this are in no format that we know. */
export const headerBytesMax = 64;

/** Bytes that a frame starts with after its length: a request's, or, made from it, its answer's. Never written to again. */
export type FrameHeader = Uint8Array;

/** A framing that was compiled from its configuration. */
export interface Framing {
  readonly config: FramingConfig;
  readonly lengthBytes: number;
  /** Bytes of header or TPDU; 0 when there is none. */
  readonly headerBytes: number;
  /** Bytes that framing adds to a payload. */
  readonly overheadBytes: number;
  /** The most bytes after the length prefix that this prefix can announce. */
  readonly frameBytesAnnounceable: number;
  /** The header of a request that we send. */
  readonly requestHeader: FrameHeader;
  /** The header of an answer to a request that carried these header bytes. */
  readonly answerHeader: (header: Uint8Array) => FrameHeader;
  /** @returns the bytes that follow the prefix, negative when it announces less than it must, -Infinity when it is no number */
  readonly readLength: (bytes: Uint8Array, offset: number) => number;
  readonly writeLength: (bytes: Uint8Array, offset: number, frameBytes: number) => void;
}

/**
 * @param config a configuration that `readFramingConfig` accepted
 * @returns the framing, whose functions hold no state
 */
export function compileFraming(config: FramingConfig): Framing {
  const requestHeader = Uint8Array.from(Buffer.from(config.tpdu ?? config.header ?? '', 'hex'));
  const headerBytes = requestHeader.length;
  assert(config.tpdu === undefined || headerBytes === tpduBytes, 'a TPDU has five bytes');
  // What the announced number has too much (or too little, then negative) against the bytes that follow the prefix.
  const surplus = (config.lengthIncludesItself ? config.lengthBytes : 0) - (config.lengthIncludesHeader ? 0 : headerBytes);
  const { read, write, max } = lengthCode(config.lengthEncoding, config.lengthBytes);
  return {
    config,
    lengthBytes: config.lengthBytes,
    headerBytes,
    overheadBytes: config.lengthBytes + headerBytes,
    frameBytesAnnounceable: max - surplus,
    requestHeader,
    answerHeader: config.tpdu === undefined ? copyOf : swapTpdu,
    // Zero from a peer whose lengths count themselves can only mean that nothing follows.
    readLength: (bytes, offset) => {
      const announced = read(bytes, offset);
      return announced === 0 && config.lengthIncludesItself ? 0 : announced - surplus;
    },
    writeLength: (bytes, offset, frameBytes) => {
      write(bytes, offset, frameBytes + surplus);
    },
  };
}

function copyOf(header: Uint8Array): FrameHeader {
  return Uint8Array.from(header);
}

/** TPDU: one byte of identifier, two of destination, two of source (ISO 8583 says nothing of it; terminals do). */
function swapTpdu(header: Uint8Array): FrameHeader {
  const [id = 0, destinationHigh = 0, destinationLow = 0, sourceHigh = 0, sourceLow = 0] = header;
  return Uint8Array.of(id, sourceHigh, sourceLow, destinationHigh, destinationLow);
}

interface LengthCode {
  /** @returns the number, or -Infinity where the bytes are none */
  readonly read: (bytes: Uint8Array, offset: number) => number;
  readonly write: (bytes: Uint8Array, offset: number, value: number) => void;
  readonly max: number;
}

function lengthCode(encoding: LengthEncoding, size: 2 | 4): LengthCode {
  switch (encoding) {
    case 'big-endian':
      return {
        read: (bytes, offset) => {
          let value = 0;
          for (let i = 0; i < size; i += 1) value = value * 256 + (bytes[offset + i] ?? 0);
          return value;
        },
        write: (bytes, offset, value) => {
          for (let i = size - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 256)) bytes[offset + i] = rest % 256;
        },
        max: 256 ** size - 1,
      };
    case 'little-endian':
      return {
        read: (bytes, offset) => {
          let value = 0;
          for (let i = size - 1; i >= 0; i -= 1) value = value * 256 + (bytes[offset + i] ?? 0);
          return value;
        },
        write: (bytes, offset, value) => {
          for (let i = 0, rest = value; i < size; i += 1, rest = Math.floor(rest / 256)) bytes[offset + i] = rest % 256;
        },
        max: 256 ** size - 1,
      };
    case 'bcd':
      return {
        read: (bytes, offset) => {
          let value = 0;
          for (let i = 0; i < size; i += 1) {
            const byte = bytes[offset + i] ?? 0xff;
            if (byte >> 4 > 9 || (byte & 15) > 9) return -Infinity;
            value = value * 100 + (byte >> 4) * 10 + (byte & 15);
          }
          return value;
        },
        write: (bytes, offset, value) => {
          for (let i = size - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 100)) {
            const pair = rest % 100;
            bytes[offset + i] = (Math.floor(pair / 10) << 4) | (pair % 10);
          }
        },
        max: 100 ** size - 1,
      };
    case 'ascii':
      return {
        read: (bytes, offset) => {
          let value = 0;
          for (let i = 0; i < size; i += 1) {
            const digit = (bytes[offset + i] ?? 0) - 0x30;
            if (digit < 0 || digit > 9) return -Infinity;
            value = value * 10 + digit;
          }
          return value;
        },
        write: (bytes, offset, value) => {
          for (let i = size - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 10)) bytes[offset + i] = 0x30 + (rest % 10);
        },
        max: 10 ** size - 1,
      };
    default:
      return unreachable(encoding);
  }
}

/**
 * Writes one frame: length, header, payload[start, end).
 *
 * @param target holds at least `offset + framing.overheadBytes + (end - start)` bytes
 * @param header `framing.requestHeader` for a request of ours, else the header that came with the request (already made an
 *   answer's by the splitter)
 * @returns the offset after the frame
 */
export function writeFrame(
  framing: Framing,
  target: Buffer,
  offset: number,
  header: FrameHeader,
  payload: Uint8Array,
  start: number,
  end: number,
): number {
  const { lengthBytes, headerBytes } = framing;
  framing.writeLength(target, offset, headerBytes + end - start);
  let at = offset + lengthBytes;
  for (let i = 0; i < headerBytes; i += 1) target[at + i] = header[i] ?? 0;
  at += headerBytes;
  target.set(start === 0 && end === payload.length ? payload : payload.subarray(start, end), at);
  return at + end - start;
}

/** Why a stream of bytes can't be split any further: its connection is closed. */
export type FrameRefusal =
  /** The length prefix holds something that is not a digit. */
  | 'lengthInvalid'
  /** The length is smaller than what it has to include: itself, or the header. */
  | 'lengthTooSmall'
  /** More bytes than the station's `frameBytesMax`. */
  | 'frameTooLarge'
  /** An empty frame, where the station's `keepAlive` is `refuse`. */
  | 'frameEmpty';

export type SplitOutcome = 'frame' | 'keepAlive' | 'more' | 'refused';

const nothing = Buffer.alloc(0);

/**
 * Splits chunks into frames, when asked: whoever can take no more just doesn't ask.
 *
 * After `next()` said `frame`, the payload is `buffer[start, end)`, and `header` is what its answer starts with. Lifetime: the
 * bytes lie in the chunk itself (or, for a frame that several chunks brought, in a buffer of its own) and are never written
 * again by the link, so they may be read after the call; whoever keeps them keeps the whole chunk (up to 64 KiB) alive.
 */
export class FrameSplitter {
  buffer: Buffer = nothing;
  start = 0;
  end = 0;
  header: FrameHeader;
  /** Set when `next()` said `refused`. */
  refusal: FrameRefusal = 'lengthInvalid';
  /** The bytes that a refused frame announced, for the log; 0 where the length itself was invalid. */
  announcedBytes = 0;

  readonly #framing: Framing;
  readonly #frameBytesMax: number;
  #chunk: Buffer = nothing;
  #at = 0;
  /** The beginning of a length prefix whose rest has not come. */
  readonly #prefix = Buffer.alloc(4);
  #prefixFilled = 0;
  /** A frame whose rest has not come. */
  #partial: Buffer | undefined;
  #partialFilled = 0;
  #refused = false;
  /** The last frame's header bytes: a peer repeats them, and then the answer's header is made once. */
  readonly #headerSeen: Uint8Array;

  /** @param frameBytesMax bytes after the length prefix, header included */
  constructor(framing: Framing, frameBytesMax: number) {
    this.#framing = framing;
    this.#frameBytesMax = frameBytesMax;
    this.#headerSeen = new Uint8Array(framing.headerBytes);
    this.header = framing.answerHeader(this.#headerSeen);
  }

  /** Bytes that were fed in and not yet handed over. */
  get heldBytes(): number {
    const partialBytes = this.#partial === undefined ? 0 : this.#framing.lengthBytes + this.#partialFilled;
    return this.#chunk.length - this.#at + partialBytes + this.#prefixFilled;
  }

  /** Feeds the next chunk; the one before must be used up, that is, `next()` said `more`. The chunk must not be written again. */
  push(chunk: Buffer): void {
    assert(this.#at === this.#chunk.length, 'a chunk is fed after the one before is used up');
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Finds the next frame. After `refused` it says so again: a stream that lost its frames has no more. */
  next(): SplitOutcome {
    if (this.#refused) return 'refused';
    if (this.#partial !== undefined) return this.#fill(this.#partial);
    const { lengthBytes, headerBytes } = this.#framing;
    const available = this.#chunk.length - this.#at;
    let frameBytes: number;
    if (this.#prefixFilled === 0 && available >= lengthBytes) {
      frameBytes = this.#framing.readLength(this.#chunk, this.#at);
      this.#at += lengthBytes;
    } else {
      if (!this.#fillPrefix(lengthBytes)) return this.#more();
      frameBytes = this.#framing.readLength(this.#prefix, 0);
      this.#prefixFilled = 0;
    }
    if (frameBytes > this.#frameBytesMax) return this.#refuse('frameTooLarge', frameBytes);
    if (frameBytes < headerBytes && frameBytes !== 0) {
      if (frameBytes === -Infinity) return this.#refuse('lengthInvalid', 0);
      return this.#refuse('lengthTooSmall', frameBytes);
    }
    if (this.#chunk.length - this.#at >= frameBytes) {
      const start = this.#at;
      this.#at += frameBytes;
      return this.#hand(this.#chunk, start, this.#at);
    }
    this.#partial = Buffer.allocUnsafe(frameBytes);
    this.#partialFilled = 0;
    return this.#fill(this.#partial);
  }

  #fillPrefix(lengthBytes: number): boolean {
    while (this.#prefixFilled < lengthBytes && this.#at < this.#chunk.length) {
      this.#prefix[this.#prefixFilled] = this.#chunk[this.#at] ?? 0;
      this.#prefixFilled += 1;
      this.#at += 1;
    }
    return this.#prefixFilled === lengthBytes;
  }

  #fill(partial: Buffer): SplitOutcome {
    const wanted = Math.min(partial.length - this.#partialFilled, this.#chunk.length - this.#at);
    this.#chunk.copy(partial, this.#partialFilled, this.#at, this.#at + wanted);
    this.#partialFilled += wanted;
    this.#at += wanted;
    if (this.#partialFilled < partial.length) return this.#more();
    this.#partial = undefined;
    this.#partialFilled = 0;
    return this.#hand(partial, 0, partial.length);
  }

  #hand(buffer: Buffer, frameStart: number, frameEnd: number): SplitOutcome {
    const { headerBytes } = this.#framing;
    if (frameEnd - frameStart <= headerBytes) {
      return this.#framing.config.keepAlive === 'refuse' ? this.#refuse('frameEmpty', 0) : 'keepAlive';
    }
    if (headerBytes > 0) this.#seeHeader(buffer, frameStart);
    this.buffer = buffer;
    this.start = frameStart + headerBytes;
    this.end = frameEnd;
    return 'frame';
  }

  #seeHeader(buffer: Buffer, offset: number): void {
    const seen = this.#headerSeen;
    let same = true;
    for (let i = 0; i < seen.length; i += 1) {
      const byte = buffer[offset + i] ?? 0;
      if (seen[i] === byte) continue;
      seen[i] = byte;
      same = false;
    }
    if (!same) this.header = this.#framing.answerHeader(seen);
  }

  #more(): SplitOutcome {
    this.#chunk = nothing;
    this.#at = 0;
    this.buffer = nothing;
    return 'more';
  }

  #refuse(refusal: FrameRefusal, announcedBytes: number): SplitOutcome {
    this.#refused = true;
    this.refusal = refusal;
    this.announcedBytes = Math.max(0, announcedBytes);
    this.#chunk = nothing;
    this.#at = 0;
    this.buffer = nothing;
    return 'refused';
  }
}
