/**
 * Where a message authentication code stands: DE64, or DE128 in a message with a second bitmap (ISO 8583). It covers the bytes before its
 * value, so it must be the last field; one that is followed by others protects nothing behind it, and is said to be misplaced.
 */
import type { Message } from '../iso8583/codec.ts';
import type { Spec } from '../iso8583/spec.ts';
import { Secret } from '../message/secret.ts';

/** How the value ends the frame. */
export interface MacPlace {
  readonly field: 64 | 128;
  /** Bytes of the value, 4 to 8. */
  readonly bytes: number;
  /** Bytes that it takes in the frame: as many, or twice as many where it travels as hexadecimal characters. */
  readonly wireBytes: number;
  readonly encoding: 'binary' | 'hex' | 'hex-ebcdic';
}

export interface CarriedMac {
  readonly mac: Secret<string>;
  readonly place: MacPlace;
  /** Bytes of the frame before the value: what it was made over. */
  readonly coveredBytes: number;
}

/** 128 where any other field above 64 is there, 64 otherwise. @param fields of the message, in any order; 64 and 128 themselves don't count */
export function macField(fields: Iterable<number>): 64 | 128 {
  for (const field of fields) if (field > 64 && field !== 128) return 128;
  return 64;
}

/** Undefined where the format has no such field, or it is none of 4 to 8 bytes without a prefix. */
export function macPlace(spec: Spec, field: 64 | 128): MacPlace | undefined {
  const found = spec.fields.get(field);
  if (found === undefined || found.kind !== 'b' || found.prefix !== undefined || found.max < 4 || found.max > 8) return undefined;
  const encoding = found.encoding as MacPlace['encoding'];
  return { field, bytes: found.max, wireBytes: encoding === 'binary' ? found.max : found.max * 2, encoding };
}

/**
 * The code that a message carries; undefined where it has none. `misplaced`: a field stands behind it, or the format cannot carry one.
 * @param frameBytes of the message as it came, its header included
 */
export function carriedMac(message: Message, frameBytes: number): CarriedMac | 'misplaced' | undefined {
  if (!message.has(64) && !message.has(128)) return undefined;
  const field = message.has(64) ? 64 : 128;
  const place = macPlace(message.codec.spec, field);
  if (place === undefined || message.fields().at(-1) !== field) return 'misplaced';
  return { mac: new Secret(message.text(field)!), place, coveredBytes: frameBytes - place.wireBytes };
}

/**
 * Writes a code over the end of an encoded frame, whose MAC field was encoded as zeros; a shorter code than the field has zeros behind it.
 * @param mac hexadecimal, at most `place.bytes` bytes
 */
export function patchMac(frame: Uint8Array, place: MacPlace, mac: string): void {
  const digits = mac.toUpperCase().padEnd(place.bytes * 2, '0');
  if (digits.length !== place.bytes * 2) throw new RangeError('a MAC is no longer than its field');
  const at = frame.length - place.wireBytes;
  for (let index = 0; index < place.wireBytes; index++) {
    frame[at + index] = place.encoding === 'binary' ? Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16) : wireDigit(digits.charCodeAt(index), place.encoding);
  }
}

/** A hexadecimal digit's character: in EBCDIC, 0 to 9 are F0 to F9 and A to F are C1 to C6. */
function wireDigit(code: number, encoding: 'hex' | 'hex-ebcdic'): number {
  if (encoding === 'hex') return code;
  return code < 0x41 ? code + 0xc0 : code + 0x80;
}

/** What a draft's MAC field holds until the code is known. */
export function emptyMac(place: MacPlace): string {
  return '0'.repeat(place.bytes * 2);
}
