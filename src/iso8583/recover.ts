/**
 * What can be read of a message that does not decode, so that its sender can be told so: a second, slower walk, for bytes that the
 * first one (walk.ts) has refused.
 *
 * The fields before the one that failed are read. Those after it are only where the structure proves their places: the failing field's
 * length is sound and only its content is wrong, and the walk goes on to end exactly where the bytes do. Otherwise a byte that is
 * missing or too many would make other fields of it, such as the trace of another message.
 */
import { DecodeError } from './errors.ts';
import type { FieldPlan, FieldTable } from './plan.ts';
import { packedForm } from './plan.ts';
import type { Spans } from './walk.ts';
import { bitmapWord, bytesOf, checkContent, checkForm, endSlot, readUnits, unknownSlot, withoutFiller } from './walk.ts';

/** Fields of wrong content in one message; one with more is not worth the time, nor its structure trusted. */
const wrongFieldsMax = 4;

interface Found {
  readonly number: number;
  readonly start: number;
  readonly units: number;
}

/** The spans of the fields that can be read; undefined where the bitmap cannot. Arguments as for `walkFields`. */
export function recoverFields(table: FieldTable, frame: Uint8Array, base: number, at: number, end: number): Spans | undefined {
  const bits = readBitmaps(table, frame, base, at, end);
  if (bits === undefined) return undefined;
  const found: Found[] = [];
  let before = -1;
  let wrong = 0;
  let whole = true;
  let { next } = bits;
  for (const number of bits.numbers) {
    const plan = table.plans[number];
    const place = plan === undefined ? undefined : placeOf(plan, frame, base, next, end);
    if (plan === undefined || place === undefined || wrong > wrongFieldsMax) {
      whole = false;
      break;
    }
    if (isSound(plan, frame, base, place)) {
      found.push({ number, start: place.start, units: place.units });
    } else {
      wrong += 1;
      if (before < 0) before = found.length;
    }
    next = place.end;
  }
  const trusted = before < 0 || (whole && next === end) ? found : found.slice(0, before);
  return spansOf(trusted, next);
}

function readBitmaps(table: FieldTable, frame: Uint8Array, base: number, at: number, end: number): { numbers: number[]; next: number } | undefined {
  const { bitmap } = table;
  const numbers: number[] = [];
  let next = at;
  for (let part = 0; part < bitmap.max; part += 1) {
    const encoding = part === 0 ? bitmap.encoding : bitmap.further;
    let first: number;
    for (const half of [0, 1] as const) {
      const word = attempt(() => bitmapWord(table, encoding, frame, base, next, end, half));
      if (word === undefined) return undefined;
      if (half === 0) first = word;
      for (let shift = 0; shift < 32; shift += 1) {
        const number = part * 64 + half * 32 + shift + 1;
        const continues = half === 0 && shift === 0 && part + 1 < bitmap.max;
        if ((word & (0x80000000 >>> shift)) !== 0 && !continues) numbers.push(number);
      }
    }
    next += encoding === 'binary' ? 8 : 16;
    if (first! >= 0) break;
  }
  return { numbers, next };
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly units: number;
}

/** Where the field's value is; undefined where its prefix or the end of the bytes does not allow it. */
function placeOf(plan: FieldPlan, frame: Uint8Array, base: number, at: number, end: number): Place | undefined {
  let units = plan.prefixForm === 0 ? plan.max : attempt(() => readUnits(plan, frame, base, at, end));
  if (units === undefined) return undefined;
  const start = at + plan.prefixBytes;
  const after = start + (plan.prefixForm === 0 ? plan.fixedBytes : bytesOf(plan, units));
  if (after > end) return undefined;
  if (plan.prefixForm !== 0 && plan.countForm === 1 && plan.form === packedForm) {
    const announced = units;
    units = attempt(() => withoutFiller(plan, frame, base, start, announced));
    if (units === undefined) return undefined;
  }
  return { start, end: after, units };
}

function isSound(plan: FieldPlan, frame: Uint8Array, base: number, { start, end, units }: Place): boolean {
  return attempt(() => {
    checkForm(plan, frame, base, start, end, units);
    return checkContent(plan, frame, base, start, end);
  }) !== undefined;
}

/** What `read` returns; undefined where it meets something wrong. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

function spansOf(found: readonly Found[], next: number): Spans {
  const spans: Spans = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const { number, start, units } of found) {
    spans[(number - 1) >>> 5]! |= 0x80000000 >>> ((number - 1) & 31);
    spans.push(start, units);
  }
  spans[unknownSlot] = 0;
  spans[endSlot] = next;
  return spans;
}
