/**
 * A draft into bytes: one walk over its fields, digits and characters straight from the strings into the target, the bitmap filled in last.
 * Nothing is written that the same codec would refuse to decode.
 */
import { hexCodes, hexNibbleOfCode, notNibble } from './characters.ts';
import type { Codec } from './codec.ts';
import type { DraftValue } from './draft.ts';
import { Draft } from './draft.ts';
import { DecodeError, EncodeError } from './errors.ts';
import { isContinuation } from './load.ts';
import { DecodedMessage } from './message.ts';
import type { FieldPlan, FieldTable } from './plan.ts';
import { bytesForm, charsForm, hexForm, packedForm, plainContent, signedCharsForm, signedPackedForm } from './plan.ts';
import type { BitmapForm } from './spec.ts';
import { bytesOf, checkContent } from './walk.ts';

/** Writes the draft's bitmap and fields at `at`; returns where they end. */
export function encodeFields(codec: Codec, table: FieldTable, draft: Draft, target: Uint8Array, at: number): number {
  const { bitmap, plans } = table;
  const { numbers, values } = draft;
  const highest = numbers.length === 0 ? 0 : numbers[numbers.length - 1]!;
  const bitmaps = highest > 128 ? 3 : highest > 64 ? 2 : 1;
  if (bitmaps > bitmap.max) throw new EncodeError(table.path, 'bad-field');
  const bitmapAt = at;
  at += bitmapBytes(bitmap, bitmaps);
  if (at > target.length) throw new EncodeError(table.path, 'no-room');
  let [w0, w1, w2, w3, w4, w5] = [bitmaps > 1 ? 0x80000000 : 0, 0, bitmaps > 2 ? 0x80000000 : 0, 0, 0, 0];
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    const plan = plans[number];
    if (plan === undefined) throw new EncodeError(isContinuation(bitmap, number) ? table.path : table.path.replace(/bitmap$/, `${number}`), 'undefined-field');
    const bit = 0x80000000 >>> ((number - 1) & 31);
    switch ((number - 1) >>> 5) {
      case 0:
        w0 |= bit;
        break;
      case 1:
        w1 |= bit;
        break;
      case 2:
        w2 |= bit;
        break;
      case 3:
        w3 |= bit;
        break;
      case 4:
        w4 |= bit;
        break;
      default:
        w5 |= bit;
    }
    const value = values[i]!;
    at = typeof value === 'string' ? encodeText(plan, value, target, at) : encodeOther(codec, plan, value, target, at);
  }
  writeBitmap(bitmap.encoding, w0, w1, target, bitmapAt);
  if (bitmaps > 1) writeBitmap(bitmap.further, w2, w3, target, bitmapAt + bitmapBytes(bitmap, 1));
  if (bitmaps > 2) writeBitmap(bitmap.further, w4, w5, target, bitmapAt + bitmapBytes(bitmap, 2));
  return at;
}

function bitmapBytes(bitmap: BitmapForm, bitmaps: number): number {
  return (bitmap.encoding === 'binary' ? 8 : 16) + (bitmaps - 1) * (bitmap.further === 'binary' ? 8 : 16);
}

function writeBitmap(encoding: BitmapForm['encoding'], high: number, low: number, target: Uint8Array, at: number): void {
  if (encoding === 'binary') {
    for (let i = 0; i < 4; i++) {
      target[at + i] = high >>> (24 - i * 8);
      target[at + 4 + i] = low >>> (24 - i * 8);
    }
    return;
  }
  for (let i = 0; i < 8; i++) {
    target[at + i] = hexWire(encoding === 'hex-ebcdic', (high >>> (28 - i * 4)) & 15);
    target[at + 8 + i] = hexWire(encoding === 'hex-ebcdic', (low >>> (28 - i * 4)) & 15);
  }
}

/** A hexadecimal digit as a character. In EBCDIC, 0 to 9 are F0 to F9, A to F are C1 to C6. */
function hexWire(ebcdic: boolean, nibble: number): number {
  if (!ebcdic) return hexCodes[nibble]!;
  return nibble < 10 ? 0xf0 + nibble : 0xb7 + nibble;
}

/** Writes a field given as text: prefix, padding, value. */
export function encodeText(plan: FieldPlan, value: string, target: Uint8Array, at: number): number {
  const { form } = plan;
  const given = form === bytesForm || form === hexForm ? value.length / 2 : value.length;
  if (!Number.isInteger(given)) throw new EncodeError(plan.path, 'bad-hex');
  const units = sizeOf(plan, given);
  const start = at + plan.prefixBytes;
  const end = start + bytesOf(plan, units);
  if (end > target.length) throw new EncodeError(plan.path, 'no-room');
  if (plan.prefixForm !== 0) writePrefix(plan, units, target, at);
  switch (form) {
    case charsForm:
      writeChars(plan, value, units, target, start);
      break;
    case packedForm:
      writePacked(plan, value, 0, units, target, start);
      break;
    case signedCharsForm:
    case signedPackedForm:
      writeSigned(plan, value, target, start);
      break;
    default:
      writeHex(plan, value, target, start);
  }
  if (plan.content !== plainContent) checkWritten(plan, target, start, end);
  return end;
}

/** Writes a field given as bytes, as subfields, or as another message's field. */
function encodeOther(codec: Codec, plan: FieldPlan, value: Exclude<DraftValue, string>, target: Uint8Array, at: number): number {
  if (value instanceof DecodedMessage && value.codec === codec) {
    const end = value.writeField(plan.number, target, at);
    if (end < 0) throw new EncodeError(plan.path, 'no-room');
    return end;
  }
  if (value instanceof Uint8Array) return encodeBytes(plan, value, target, at);
  if (value instanceof Draft) {
    if (plan.table === undefined) throw new EncodeError(plan.path, 'bad-content');
    const start = at + plan.prefixBytes;
    const end = encodeFields(codec, plan.table, value, target, start);
    const units = sizeOf(plan, end - start);
    if (plan.prefixForm !== 0) writePrefix(plan, units, target, at);
    return end;
  }
  const bytes = plan.field.kind === 'b' ? value.bytes(plan.number) : undefined;
  return bytes === undefined ? encodeText(plan, value.text(plan.number)!, target, at) : encodeBytes(plan, bytes, target, at);
}

function encodeBytes(plan: FieldPlan, value: Uint8Array, target: Uint8Array, at: number): number {
  if (plan.form !== bytesForm && plan.form !== hexForm) throw new EncodeError(plan.path, 'bad-content');
  const units = sizeOf(plan, value.length);
  const start = at + plan.prefixBytes;
  const end = start + bytesOf(plan, units);
  if (end > target.length) throw new EncodeError(plan.path, 'no-room');
  if (plan.prefixForm !== 0) writePrefix(plan, units, target, at);
  if (plan.form === bytesForm) {
    target.set(value, start);
  } else {
    for (let i = 0; i < value.length; i++) {
      target[start + i * 2] = hexWire(plan.ebcdic, value[i]! >> 4);
      target[start + i * 2 + 1] = hexWire(plan.ebcdic, value[i]! & 15);
    }
  }
  if (plan.content !== plainContent) checkWritten(plan, target, start, end);
  return end;
}

/** The units that a value of `given` units takes, padding included. */
function sizeOf(plan: FieldPlan, given: number): number {
  if (given > plan.max) throw new EncodeError(plan.path, 'too-long');
  if (given >= plan.min) return given;
  if (plan.prefixForm !== 0 || !plan.hasPadding) throw new EncodeError(plan.path, 'too-short');
  return plan.max;
}

function writePrefix(plan: FieldPlan, units: number, target: Uint8Array, at: number): void {
  let count = units;
  if (plan.countForm === 1) count = bytesOf(plan, units);
  else if (plan.countForm === 2 && plan.form !== packedForm) count = bytesOf(plan, units) * 2;
  for (let i = at + plan.prefixBytes - 1; i >= at; i--) {
    switch (plan.prefixForm) {
      case 1:
        target[i] = 0x30 + (count % 10);
        count = (count / 10) | 0;
        break;
      case 2:
        target[i] = 0xf0 + (count % 10);
        count = (count / 10) | 0;
        break;
      case 3:
        target[i] = (((count % 100) / 10) << 4) | (count % 10);
        count = (count / 100) | 0;
        break;
      default:
        target[i] = count;
        count >>>= 8;
    }
  }
}

function writeChars(plan: FieldPlan, value: string, units: number, target: Uint8Array, at: number): void {
  const { wireOf } = plan;
  const { length } = value;
  if (length < units) {
    if (plan.padLeft) {
      target.fill(plan.padWire, at, at + units - length);
      at += units - length;
    } else {
      target.fill(plan.padWire, at + length, at + units);
    }
  }
  for (let i = 0; i < length; i++) {
    // Codes beyond the table are undefined, which is as little allowed as 0.
    const wire = wireOf[value.charCodeAt(i)];
    if (!wire) throw new EncodeError(plan.path, 'bad-character');
    target[at + i] = wire;
  }
}

/** Writes the digits of `value` from `from` on as half bytes: filler and padding where they belong. */
function writePacked(plan: FieldPlan, value: string, from: number, units: number, target: Uint8Array, at: number): void {
  const { wireOf } = plan;
  const length = value.length - from;
  const odd = (units & 1) !== 0;
  if (odd && !plan.hasFiller) throw new EncodeError(plan.path, 'odd-length');
  const before = plan.padLeft ? units - length : 0;
  let half = odd && plan.fillerLeft ? plan.fillerNibble : -1;
  for (let i = 0; i < units; i++) {
    const k = i - before;
    const nibble = k < 0 || k >= length ? plan.padWire : wireOf[value.charCodeAt(from + k)] ?? notNibble;
    if (nibble === notNibble) throw new EncodeError(plan.path, 'bad-character');
    if (half < 0) {
      half = nibble;
    } else {
      target[at++] = (half << 4) | nibble;
      half = -1;
    }
  }
  if (half >= 0) target[at] = (half << 4) | plan.fillerNibble;
}

function writeSigned(plan: FieldPlan, value: string, target: Uint8Array, at: number): void {
  const sign = value.charCodeAt(0);
  if (sign !== 0x43 && sign !== 0x44) throw new EncodeError(plan.path, 'bad-sign');
  target[at] = plan.ebcdic ? sign + 0x80 : sign;
  if (plan.form === signedPackedForm) {
    writePacked(plan, value, 1, value.length - 1, target, at + 1);
    return;
  }
  for (let i = 1; i < value.length; i++) {
    const wire = plan.wireOf[value.charCodeAt(i)];
    if (!wire) throw new EncodeError(plan.path, 'bad-character');
    target[at + i] = wire;
  }
}

function writeHex(plan: FieldPlan, value: string, target: Uint8Array, at: number): void {
  const bytes = plan.form === bytesForm;
  for (let i = 0; i < value.length; i += 2) {
    const high = hexNibbleOfCode[value.charCodeAt(i)] ?? notNibble;
    const low = hexNibbleOfCode[value.charCodeAt(i + 1)] ?? notNibble;
    if (high === notNibble || low === notNibble) throw new EncodeError(plan.path, 'bad-hex');
    if (bytes) {
      target[at + (i >> 1)] = (high << 4) | low;
    } else {
      target[at + i] = hexWire(plan.ebcdic, high);
      target[at + i + 1] = hexWire(plan.ebcdic, low);
    }
  }
}

/** Dates and subfields, by the rules of decoding. */
function checkWritten(plan: FieldPlan, target: Uint8Array, start: number, end: number): void {
  try {
    checkContent(plan, target, 0, start, end);
  } catch (error) {
    if (error instanceof DecodeError) throw new EncodeError(error.path, error.reason === 'bad-date' ? 'bad-date' : 'bad-content');
    throw error;
  }
}
