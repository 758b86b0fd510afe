/**
 * A spec into a codec: the axes of each field combined once, at start. A codec holds one buffer for what it encodes; nothing in it waits, so
 * nobody else can be in it.
 */
import { assert } from '../base/assert.ts';
import { frameBytesMax } from '../base/limits.ts';
import { mtiText } from './characters.ts';
import type { Codec, Message } from './codec.ts';
import type { Draft } from './draft.ts';
import { encodeFields, encodeText } from './encode.ts';
import { DecodeError, EncodeError } from './errors.ts';
import { DecodedMessage } from './message.ts';
import { FieldPlan, FieldTable } from './plan.ts';
import { attempt, recoverFields } from './recover.ts';
import type { Spec } from './spec.ts';
import { valueText } from './value.ts';
import { bytesOf, checkForm, endSlot, lastPath, readUnits, walkFields } from './walk.ts';

export function compile(spec: Spec): Codec {
  return new CompiledCodec(spec);
}

class CompiledCodec implements Codec {
  readonly spec: Spec;
  readonly #table: FieldTable;
  readonly #header: FieldPlan | undefined;
  readonly #mtiPacked: boolean;
  readonly #mtiZero: number;
  /** Grows to what messages take, up to the largest frame. */
  #buffer = Buffer.allocUnsafeSlow(4096);

  constructor(spec: Spec) {
    this.spec = spec;
    this.#table = new FieldTable(spec.bitmap, spec.fields, spec.unknownFields, '');
    this.#header = spec.header === undefined ? undefined : new FieldPlan(0, 'header', spec.header, false);
    this.#mtiPacked = spec.mti.encoding === 'bcd';
    this.#mtiZero = spec.mti.encoding === 'ebcdic' ? 0xf0 : 0x30;
  }

  decode(frame: Uint8Array, start = 0, end = frame.length): Message {
    assert(start >= 0 && start <= end && end <= frame.length, 'a message lies within its frame');
    if (end - start > frameBytesMax) throw new DecodeError('frame', frameBytesMax, 'too-large');
    const header = this.#header;
    let at = start;
    let headerText: string | undefined;
    if (header !== undefined) {
      const units = headerUnits(header, frame, start, end);
      at += header.prefixBytes;
      headerText = valueText(header, frame, at, units);
      at += bytesOf(header, units);
    }
    const mti = this.#mtiPacked ? this.#packedMti(frame, start, at, end) : this.#charsMti(frame, start, at, end);
    const spans = walkFields(this.#table, frame, start, at + (this.#mtiPacked ? 2 : 4), end);
    if (spans[endSlot] !== end) throw new DecodeError(lastPath(this.#table, spans), spans[endSlot]! - start, 'trailing-data');
    return new DecodedMessage(this, this.#table, frame, start, end, spans, mtiText(mti), headerText);
  }

  recover(frame: Uint8Array, start = 0, end = frame.length): Message | undefined {
    assert(start >= 0 && start <= end && end <= frame.length, 'a message lies within its frame');
    if (end - start > frameBytesMax) return undefined;
    const header = this.#header;
    const units = header === undefined ? 0 : attempt(() => headerUnits(header, frame, start, end));
    if (units === undefined) return undefined;
    const text = start + (header?.prefixBytes ?? 0);
    const at = header === undefined ? start : text + bytesOf(header, units);
    const mti = attempt(() => (this.#mtiPacked ? this.#packedMti(frame, start, at, end) : this.#charsMti(frame, start, at, end)));
    if (mti === undefined) return undefined;
    const spans = recoverFields(this.#table, frame, start, at + (this.#mtiPacked ? 2 : 4), end);
    if (spans === undefined) return undefined;
    return new DecodedMessage(this, this.#table, frame, start, end, spans, mtiText(mti), header === undefined ? undefined : valueText(header, frame, text, units));
  }

  #packedMti(frame: Uint8Array, start: number, at: number, end: number): number {
    if (at + 2 > end) throw new DecodeError('mti', at - start, 'truncated');
    let mti = 0;
    for (let i = at; i < at + 2; i++) {
      const high = frame[i]! >> 4;
      const low = frame[i]! & 15;
      if (high > 9 || low > 9) throw new DecodeError('mti', i - start, 'bad-digit');
      mti = mti * 100 + high * 10 + low;
    }
    return mti;
  }

  #charsMti(frame: Uint8Array, start: number, at: number, end: number): number {
    if (at + 4 > end) throw new DecodeError('mti', at - start, 'truncated');
    let mti = 0;
    for (let i = at; i < at + 4; i++) {
      const digit = frame[i]! - this.#mtiZero;
      if (digit < 0 || digit > 9) throw new DecodeError('mti', i - start, 'bad-digit');
      mti = mti * 10 + digit;
    }
    return mti;
  }

  encode(draft: Draft): Uint8Array {
    for (;;) {
      try {
        return this.#buffer.subarray(0, this.encodeInto(draft, this.#buffer, 0));
      } catch (error) {
        if (!(error instanceof EncodeError) || error.reason !== 'no-room' || this.#buffer.length >= frameBytesMax) throw error;
        this.#buffer = Buffer.allocUnsafeSlow(Math.min(this.#buffer.length * 4, frameBytesMax));
      }
    }
  }

  encodeInto(draft: Draft, target: Uint8Array, offset: number): number {
    assert(offset >= 0 && offset <= target.length, 'a message is written within its target');
    let at = offset;
    if (this.#header !== undefined) at = encodeText(this.#header, draft.header, target, at);
    at = this.#writeMti(draft.mti, target, at);
    return encodeFields(this, this.#table, draft, target, at) - offset;
  }

  #writeMti(mti: string, target: Uint8Array, at: number): number {
    const bytes = this.#mtiPacked ? 2 : 4;
    if (mti.length !== 4) throw new EncodeError('mti', 'no-mti');
    if (at + bytes > target.length) throw new EncodeError('mti', 'no-room');
    for (let i = 0; i < 4; i++) {
      const digit = mti.charCodeAt(i) - 0x30;
      if (!(digit >= 0 && digit <= 9)) throw new EncodeError('mti', 'no-mti');
      if (!this.#mtiPacked) target[at + i] = this.#mtiZero + digit;
      else if ((i & 1) === 0) target[at + (i >> 1)] = digit << 4;
      else target[at + (i >> 1)]! |= digit;
    }
    return at + bytes;
  }
}

/** The units of the header that the bytes begin with, checked. */
function headerUnits(plan: FieldPlan, frame: Uint8Array, start: number, end: number): number {
  const units = plan.prefixForm === 0 ? plan.max : readUnits(plan, frame, start, start, end);
  const at = start + plan.prefixBytes;
  const after = at + bytesOf(plan, units);
  if (after > end) throw new DecodeError('header', at - start, 'truncated');
  checkForm(plan, frame, start, at, after, units);
  return units;
}
