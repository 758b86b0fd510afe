/**
 * The shape of a compiled message format: what the rest of the switch sees of ISO 8583's bytes.
 */
import type { Draft } from './draft.ts';
import type { Spec } from './spec.ts';

/** A message format, compiled. Not re-entrant (one scratch buffer), and never needs to be: nothing in it waits. */
export interface Codec {
  readonly spec: Spec;

  /**
   * Reads the message in `frame[start, end)`; values are read when asked. The frame's bytes must not change while the message is in use.
   * Any bytes give a message or a `DecodeError`; its offsets count from `start`.
   */
  decode(frame: Uint8Array, start?: number, end?: number): Message;

  /**
   * What can be read of bytes that `decode` refused, so that they can be answered: the fields before the one that failed, and those after
   * it where the message's structure proves their places. Undefined where header, message type or bitmap cannot be read. Never throws
   * a `DecodeError`; what it returns is a message like any other, but for `unknown`, which is 0.
   */
  recover(frame: Uint8Array, start?: number, end?: number): Message | undefined;

  /** The bytes of the draft: a view into a buffer that the next `encode` overwrites. Throws an `EncodeError`. */
  encode(draft: Draft): Uint8Array;

  /** Writes the draft at `offset`; returns how many bytes. After an `EncodeError` the bytes from `offset` on are undefined. */
  encodeInto(draft: Draft, target: Uint8Array, offset: number): number;
}

/** A decoded message: checked already, so that nothing here fails. An absent field is `undefined`. */
export interface Message {
  readonly codec: Codec;
  /** Four digits. */
  readonly mti: string;
  /** Fields outside the spec (which its `unknownFields` let in) and tags that it does not name, kept and counted. */
  readonly unknown: number;
  /** The header before the message type, where the spec has one; as text of its kind. */
  readonly header: string | undefined;

  has(field: number): boolean;

  /**
   * The value as the field's kind writes it: text as characters with its padding, n as digits, z with '=' (from a BCD track; a track in
   * characters keeps the separator that it has), x+n with its C or D, binary as upper-case hexadecimal.
   */
  text(field: number): string | undefined;

  /** The value's bytes: a view on the frame for binary fields; a copy where the value travels as hexadecimal characters. Undefined for the other kinds. */
  bytes(field: number): Uint8Array | undefined;

  /** The numbers of the fields that are present, ascending, without the bitmaps. */
  fields(): number[];

  /** One subfield: a positional part ("1"), a bitmapped subfield ("22"), a tag ("9F26", or "E0.9C" inside a template). */
  sub(field: number, path: string): string | undefined;

  /** The primitive tags of a BER-TLV field in their order, by path, as upper-case hexadecimal. Of a tag that comes twice, the first. Empty for others. */
  tags(field: number): Map<string, string>;

  /**
   * The message as it came, a character for each byte. Whoever keeps a message for long keeps this: it holds nothing else in memory, and
   * `decode` makes the message of its bytes again.
   */
  latin1(): string;
}
