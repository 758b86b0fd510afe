/**
 * The one pass over a message's bytes: finds where each field's value is and checks it, so that reading it later cannot fail.
 *
 *   frame   | MTI | bitmap(s) | field | prefix | value | field …
 *   spans   six 32-bit words of the bitmaps, unknown count, end of the walk; then per field, ascending: start of its value, its units
 */
import { asciiOfEbcdic, bothDigits, highDigit, hexNibbleOfCode, lowDigit, notNibble } from './characters.ts';
import { isDate } from './date.ts';
import type { DecodeReason } from './errors.ts';
import { DecodeError } from './errors.ts';
import type { FieldPlan, FieldTable } from './plan.ts';
import {
  asciiOfAscii, bitmappedContent, bytesForm, charsForm, dateContent, hexForm, packedForm, plainContent, signedCharsForm, signedPackedForm, tlvContent,
} from './plan.ts';
import type { BitmapForm } from './spec.ts';
import { checkTlv } from './tlv.ts';

/** Where `spans` has the count of unknown content, the end of the walk, and the first field. */
export const unknownSlot = 6;
export const endSlot = 7;
export const firstSlot = 8;

export type Spans = number[];

export function popcount(bits: number): number {
  bits -= (bits >>> 1) & 0x55555555;
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Where `spans` has the field: the start of its value, its units in the next slot; -1 where it is absent. */
export function slotOf(spans: Spans, field: number): number {
  const word = (field - 1) >>> 5;
  if (word > 5) return -1;
  const bits = spans[word]!;
  const shift = (field - 1) & 31;
  if ((bits & (0x80000000 >>> shift)) === 0) return -1;
  let before = shift === 0 ? 0 : popcount(bits & (-1 << (32 - shift)));
  for (let i = 0; i < word; i++) before += popcount(spans[i]!);
  return firstSlot + 2 * before;
}

/** The numbers of the fields that the spans hold, ascending. */
export function fieldsOf(spans: Spans): number[] {
  const fields: number[] = [];
  for (let word = 0; word < 6; word++) {
    for (let bits = spans[word]!; bits !== 0;) {
      const zeros = Math.clz32(bits);
      bits &= ~(0x80000000 >>> zeros);
      fields.push(word * 32 + zeros + 1);
    }
  }
  return fields;
}

/** Walks the bitmap at `at` and its fields up to where they end; `end` is where the bytes end. Offsets in errors count from `base`. */
export function walkFields(table: FieldTable, frame: Uint8Array, base: number, at: number, end: number): Spans {
  const { bitmap, plans } = table;
  let second = false;
  let third = false;
  let [w0, w1, w2, w3, w4, w5] = [0, 0, 0, 0, 0, 0];
  const firstBytes = bitmap.encoding === 'binary' ? 8 : 16;
  const furtherBytes = bitmap.further === 'binary' ? 8 : 16;
  w0 = bitmapWord(table, bitmap.encoding, frame, base, at, end, 0);
  w1 = bitmapWord(table, bitmap.encoding, frame, base, at, end, 1);
  at += firstBytes;
  if (w0 < 0 && bitmap.max > 1) {
    second = true;
    w0 &= 0x7fffffff;
    w2 = bitmapWord(table, bitmap.further, frame, base, at, end, 0);
    w3 = bitmapWord(table, bitmap.further, frame, base, at, end, 1);
    at += furtherBytes;
    if (w2 < 0 && bitmap.max > 2) {
      third = true;
      w2 &= 0x7fffffff;
      w4 = bitmapWord(table, bitmap.further, frame, base, at, end, 0);
      w5 = bitmapWord(table, bitmap.further, frame, base, at, end, 1);
      at += furtherBytes;
    }
  }
  let count = popcount(w0) + popcount(w1);
  if (second) count += popcount(w2) + popcount(w3);
  if (third) count += popcount(w4) + popcount(w5);
  // oxlint-disable-next-line unicorn/no-new-array -- one allocation of the right size for each frame; every slot is written below.
  const spans: Spans = new Array<number>(firstSlot + 2 * count);
  spans[0] = w0;
  spans[1] = w1;
  spans[2] = w2;
  spans[3] = w3;
  spans[4] = w4;
  spans[5] = w5;
  let slot = firstSlot;
  let unknown = 0;
  const words = third ? 6 : second ? 4 : 2;
  for (let word = 0; word < words; word++) {
    let bits = spans[word]!;
    while (bits !== 0) {
      const zeros = Math.clz32(bits);
      bits &= ~(0x80000000 >>> zeros);
      const plan = plans[(word << 5) + zeros + 1];
      if (plan === undefined) throw undefinedField(table, base, at, (word << 5) + zeros + 1);
      let units = plan.max;
      let bytes = plan.fixedBytes;
      if (plan.prefixForm !== 0) {
        units = readUnits(plan, frame, base, at, end);
        at += plan.prefixBytes;
        bytes = plan.form === charsForm || plan.form === bytesForm ? units : bytesOf(plan, units);
        if (plan.countForm === 1 && plan.form === packedForm && at + bytes <= end) units = withoutFiller(plan, frame, base, at, units);
      }
      const next = at + bytes;
      if (next > end) throw new DecodeError(plan.path, at - base, 'truncated');
      spans[slot++] = at;
      spans[slot++] = units;
      if (plan.form === charsForm) {
        const { allowed } = plan;
        let ok = 1;
        for (let i = at; i < next; i++) ok &= allowed[frame[i]!]!;
        if (ok === 0) failCharacters(plan, frame, base, at, next);
      } else if (plan.form !== bytesForm) {
        checkForm(plan, frame, base, at, next, units);
      }
      if (plan.content !== plainContent) unknown += checkContent(plan, frame, base, at, next);
      if (plan.unknown) unknown++;
      at = next;
    }
  }
  spans[unknownSlot] = unknown;
  spans[endSlot] = at;
  return spans;
}

function undefinedField(table: FieldTable, base: number, at: number, field: number): DecodeError {
  const path = table.path === 'bitmap' ? `${field}` : table.path.replace(/bitmap$/, `${field}`);
  return new DecodeError(path, at - base, 'undefined-field');
}

/** The path of the last field in `spans`, or of the bitmap: where trailing bytes are reported. */
export function lastPath(table: FieldTable, spans: Spans): string {
  const last = fieldsOf(spans).at(-1);
  return last === undefined ? table.path : table.plans[last]!.path;
}

/** 32 bits of a bitmap: its first or second half. */
export function bitmapWord(table: FieldTable, encoding: BitmapForm['encoding'], frame: Uint8Array, base: number, at: number, end: number, half: 0 | 1): number {
  if (encoding === 'binary') {
    if (at + 8 > end) throw new DecodeError(table.path, at - base, 'truncated');
    const from = at + half * 4;
    return (frame[from]! << 24) | (frame[from + 1]! << 16) | (frame[from + 2]! << 8) | frame[from + 3]!;
  }
  if (at + 16 > end) throw new DecodeError(table.path, at - base, 'truncated');
  const asciiOf = encoding === 'hex' ? asciiOfAscii : asciiOfEbcdic;
  let word = 0;
  for (let i = at + half * 8; i < at + half * 8 + 8; i++) {
    const nibble = hexNibbleOfCode[asciiOf[frame[i]!]!]!;
    if (nibble === notNibble) throw new DecodeError(table.path, i - base, 'bad-bitmap');
    word = (word << 4) | nibble;
  }
  return word;
}

/** The units that the prefix at `at` announces, within the field's bounds. */
export function readUnits(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number): number {
  const { prefixBytes } = plan;
  const after = at + prefixBytes;
  if (after > end) throw new DecodeError(plan.path, at - base, 'truncated');
  let count = 0;
  let bad = 0;
  switch (plan.prefixForm) {
    case 1:
    case 2: {
      const zero = plan.prefixForm === 1 ? 0x30 : 0xf0;
      for (let i = at; i < after; i++) {
        const digit = frame[i]! - zero;
        bad |= digit | (9 - digit);
        count = count * 10 + digit;
      }
      break;
    }
    case 3:
      for (let i = at; i < after; i++) {
        const byte = frame[i]!;
        bad |= (9 - (byte >> 4)) | (9 - (byte & 15));
        count = count * 100 + (byte >> 4) * 10 + (byte & 15);
      }
      break;
    default:
      for (let i = at; i < after; i++) count = count * 256 + frame[i]!;
  }
  // A digit out of range, below or above, has left the sign bit in `bad`.
  if (bad < 0) throw new DecodeError(plan.path, at - base, 'bad-length');
  const units = plan.countForm === 0 ? count : unitsOf(plan, count, base, at);
  // The half byte that a filler may take is known only when the value is seen.
  if (units > plan.max + (plan.countForm === 1 && plan.form === packedForm ? plan.max & 1 : 0)) throw new DecodeError(plan.path, at - base, 'over-max');
  if (units < plan.min) throw new DecodeError(plan.path, at - base, 'under-min');
  return units;
}

/** Units of a prefix that counts bytes or half bytes. */
function unitsOf(plan: FieldPlan, count: number, base: number, at: number): number {
  const nibbles = plan.countForm === 2 ? count : count * 2;
  if (plan.form === packedForm) return nibbles;
  const units = nibbles / (plan.form === hexForm ? 4 : 2);
  if (!Number.isInteger(units)) throw new DecodeError(plan.path, at - base, 'bad-length');
  return units;
}

/** Packed digits whose prefix counts bytes: one digit less where a half byte is the filler. */
export function withoutFiller(plan: FieldPlan, frame: Uint8Array, base: number, at: number, units: number): number {
  let real = units;
  if (plan.hasFiller && units > 0) {
    const nibble = plan.fillerLeft ? frame[at]! >> 4 : frame[at + (units >> 1) - 1]! & 15;
    if (nibble === plan.fillerNibble) real--;
  }
  if (real > plan.max) throw new DecodeError(plan.path, at - plan.prefixBytes - base, 'over-max');
  return real;
}

/** Bytes on the wire of a value of `units`. */
export function bytesOf(plan: FieldPlan, units: number): number {
  switch (plan.form) {
    case packedForm:
      return (units + 1) >> 1;
    case hexForm:
      return units * 2;
    case signedPackedForm:
      return 1 + (units >> 1);
    default:
      return units;
  }
}

function failCharacters(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number): never {
  let i = at;
  while (i < end - 1 && plan.allowed[frame[i]!] === 1) i++;
  const { kind } = plan.field;
  throw new DecodeError(plan.path, i - base, kind === 'n' || kind === 'z' || kind === 'x+n' ? 'bad-digit' : 'bad-character');
}

/** Checks the digits of the forms that are not simply characters or bytes. */
export function checkForm(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number, units: number): void {
  switch (plan.form) {
    case charsForm:
      for (let i = at; i < end; i++) if (plan.allowed[frame[i]!] === 0) failCharacters(plan, frame, base, at, end);
      return;
    case packedForm:
      checkPacked(plan, frame, base, at, end, units);
      return;
    case hexForm:
      for (let i = at; i < end; i++) if (hexNibbleOfCode[plan.asciiOf[frame[i]!]!] === notNibble) fail(plan, base, i, 'bad-digit');
      return;
    case signedCharsForm:
    case signedPackedForm: {
      const sign = plan.asciiOf[frame[at]!];
      if (sign !== 0x43 && sign !== 0x44) fail(plan, base, at, 'bad-sign');
      if (plan.form === signedPackedForm) checkPacked(plan, frame, base, at + 1, end, units - 1);
      else for (let i = at + 1; i < end; i++) if (plan.allowed[frame[i]!] === 0) failCharacters(plan, frame, base, at + 1, end);
      return;
    }
    default:
  }
}

function fail(plan: FieldPlan, base: number, at: number, reason: DecodeReason): never {
  throw new DecodeError(plan.path, at - base, reason);
}

function checkPacked(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number, units: number): void {
  const { allowed } = plan;
  let from = at;
  let to = end;
  let ok = bothDigits;
  if ((units & 1) !== 0) {
    if (!plan.hasFiller) fail(plan, base, at, 'odd-length');
    // The filler's half byte is not looked at: networks fill with what they like.
    if (plan.fillerLeft) ok = allowed[frame[from++]!]! >> 2;
    else ok = (allowed[frame[--to]!]! & highDigit) >> 1;
  }
  for (let i = from; i < to; i++) ok &= allowed[frame[i]!]!;
  if (ok === 0) failPacked(plan, frame, base, at, end, units);
}

function failPacked(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number, units: number): never {
  const odd = (units & 1) !== 0;
  for (let i = at; i < end; i++) {
    const wanted = odd && plan.fillerLeft && i === at ? lowDigit : odd && !plan.fillerLeft && i === end - 1 ? highDigit : bothDigits;
    if ((plan.allowed[frame[i]!]! & wanted) === 0) fail(plan, base, i, 'bad-digit');
  }
  return fail(plan, base, at, 'bad-digit');
}

/** Checks dates and subfields; returns how much unknown content there is. */
export function checkContent(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number): number {
  switch (plan.content) {
    case tlvContent:
      return checkTlv(frame, base, at, end, plan.tags!, plan.path);
    case bitmappedContent: {
      const inner = walkFields(plan.table!, frame, base, at, end);
      if (inner[endSlot] !== end) throw new DecodeError(lastPath(plan.table!, inner), inner[endSlot]! - base, 'trailing-data');
      return inner[unknownSlot]!;
    }
    case dateContent: {
      const packed = plan.form === packedForm;
      const digit = (i: number): number => (packed ? (frame[at + (i >> 1)]! >> ((i & 1) === 0 ? 4 : 0)) & 15 : frame[at + i]! & 15);
      if (!isDate(plan.field.date!, digit)) fail(plan, base, at, 'bad-date');
      return 0;
    }
    default:
      return 0;
  }
}
