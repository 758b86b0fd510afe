/**
 * The errors of the wire: where, and why, in words that are fixed in this file. None of them ever carries a value,
 * a character or a byte of the message, so all of them can be logged as they are.
 */

/** Why bytes are no message. One sentence each; a `DecodeError` says it with the place. */
export const decodeReasons = {
  'truncated': 'the message ends inside it',
  'trailing-data': 'bytes follow the last field',
  'bad-length': 'its length prefix is not a number of the expected form',
  'over-max': 'its length is greater than the maximum of the spec',
  'under-min': 'its length is smaller than the minimum of the spec',
  'bad-character': 'it has a character that its kind does not allow',
  'bad-digit': 'it has a digit that its kind does not allow',
  'bad-sign': 'its sign is neither C nor D',
  'bad-date': 'it is not a date or a time',
  'bad-bitmap': 'the bitmap has a character that is not hexadecimal',
  'odd-length': 'its length is odd, and the spec names no filler for the last digit',
  'undefined-field': 'its bit is set, and the spec does not define it',
  'bad-tag': 'its tag is incomplete or too long',
  'bad-tag-length': 'the length of its value is missing, incomplete or indefinite',
  'too-deep': 'it nests deeper than the limit',
  'too-large': 'the frame is larger than the limit',
} as const;

export type DecodeReason = keyof typeof decodeReasons;

/** Why a draft is no message of the spec. */
export const encodeReasons = {
  'no-mti': 'a message needs a message type of four digits',
  'bad-field': 'there is no such field number',
  'undefined-field': 'the spec does not define it',
  'too-long': 'the value is longer than the spec allows',
  'too-short': 'the value is shorter than the spec demands, and the spec names no padding',
  'bad-character': 'the value has a character that its kind does not allow',
  'bad-sign': 'the sign is neither C nor D',
  'bad-date': 'the value is not a date or a time',
  'bad-hex': 'binary content is given as pairs of hexadecimal digits',
  'odd-length': 'the number of digits is odd, and the spec names no filler',
  'bad-content': 'the content does not have the structure that the spec gives it',
  'no-room': 'the message is larger than the limit, or than the room for it',
} as const;

export type EncodeReason = keyof typeof encodeReasons;

/** What `decode` throws, and all that it throws: a field's path ("35", "55.9F26", "mti", "bitmap"), and the byte where it went wrong, from the start of the message. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  readonly path: string;
  readonly offset: number;
  readonly reason: DecodeReason;

  constructor(path: string, offset: number, reason: DecodeReason) {
    // Hostile bytes come as fast as they can, and a stack costs more than all of the decoding; where in the code it was says nothing.
    const stackLines = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(`${path} at byte ${offset}: ${decodeReasons[reason]}`);
    Error.stackTraceLimit = stackLines;
    this.path = path;
    this.offset = offset;
    this.reason = reason;
  }

  /** The number of the message's field that is wrong, or after which bytes follow; undefined where it is none: header, type, bitmap. */
  get field(): number | undefined {
    const field = Number.parseInt(this.path, 10);
    return Number.isNaN(field) ? undefined : field;
  }
}

/** What `encode` and a `Draft` throw: a field's path and the reason, never the value. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
  readonly path: string;
  readonly reason: EncodeReason;

  constructor(path: string, reason: EncodeReason) {
    super(`${path}: ${encodeReasons[reason]}`);
    this.path = path;
    this.reason = reason;
  }
}
