/**
 * Values out of checked bytes: text as the field's kind writes it. Short texts are made of their characters at once, which is several times
 * cheaper than a call into the runtime and leaves no reference to the frame.
 */
import { hexCodes, hexDigits, hexNibbleOfCode, hexPairs, trackDigits, trackPairs } from './characters.ts';
import { assert } from '../base/assert.ts';
import { frameBytesMax } from '../base/limits.ts';
import type { FieldPlan } from './plan.ts';
import { bytesForm, charsForm, hexForm, packedForm, signedCharsForm } from './plan.ts';

/** Two characters per byte of the largest frame: what a whole frame of binary content takes as text. */
const scratch = Buffer.allocUnsafeSlow(2 * frameBytesMax);
const latin1Slice = Buffer.prototype.latin1Slice;

/** The text of a value of `units` at `at`; the bytes have been checked. */
export function valueText(plan: FieldPlan, frame: Uint8Array, at: number, units: number): string {
  switch (plan.form) {
    case charsForm:
    case signedCharsForm:
      return charsText(plan.asciiOf, plan.ebcdic, frame, at, units);
    case packedForm:
      return packedText(plan, frame, at, units);
    case bytesForm:
      return bytesText(frame, at, units);
    case hexForm:
      return hexText(plan.asciiOf, frame, at, units * 2);
    default: {
      const sign = frame[at] === 0x43 ? 'C' : 'D';
      return sign + packedText(plan, frame, at + 1, units - 1);
    }
  }
}

/** The lengths that fields have most, each in one step. */
function charsText(t: Uint8Array, ebcdic: boolean, f: Uint8Array, i: number, units: number): string {
  const c = String.fromCharCode;
  switch (units) {
    case 0:
      return '';
    case 1:
      return c(t[f[i]!]!);
    case 2:
      return c(t[f[i]!]!, t[f[i + 1]!]!);
    case 3:
      return c(t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!);
    case 4:
      return c(t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!);
    case 6:
      return c(t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!);
    case 8:
      return c(t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!, t[f[i + 6]!]!, t[f[i + 7]!]!);
    case 10:
      return c(t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!, t[f[i + 6]!]!, t[f[i + 7]!]!, t[f[i + 8]!]!, t[f[i + 9]!]!);
    case 12:
      return c(
        t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!,
        t[f[i + 6]!]!, t[f[i + 7]!]!, t[f[i + 8]!]!, t[f[i + 9]!]!, t[f[i + 10]!]!, t[f[i + 11]!]!,
      );
    case 15:
      return c(
        t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!, t[f[i + 6]!]!, t[f[i + 7]!]!,
        t[f[i + 8]!]!, t[f[i + 9]!]!, t[f[i + 10]!]!, t[f[i + 11]!]!, t[f[i + 12]!]!, t[f[i + 13]!]!, t[f[i + 14]!]!,
      );
    case 16:
      return c(
        t[f[i]!]!, t[f[i + 1]!]!, t[f[i + 2]!]!, t[f[i + 3]!]!, t[f[i + 4]!]!, t[f[i + 5]!]!, t[f[i + 6]!]!, t[f[i + 7]!]!,
        t[f[i + 8]!]!, t[f[i + 9]!]!, t[f[i + 10]!]!, t[f[i + 11]!]!, t[f[i + 12]!]!, t[f[i + 13]!]!, t[f[i + 14]!]!, t[f[i + 15]!]!,
      );
    default:
      if (!ebcdic) return latin1Slice.call(f, i, i + units);
      for (let k = 0; k < units; k++) scratch[k] = t[f[i + k]!]!;
      return latin1Slice.call(scratch, 0, units);
  }
}

/** Digits two to a byte; the filler of an odd one left out. */
function packedText(plan: FieldPlan, f: Uint8Array, i: number, units: number): string {
  const track = plan.field.kind === 'z';
  const pairs = track ? trackPairs : hexPairs;
  const digits = track ? trackDigits : hexDigits;
  const odd = (units & 1) !== 0;
  if (units > 12) return longPackedText(plan, f, i, units);
  let text = odd && plan.fillerLeft ? digits[f[i++]! & 15]! : '';
  const whole = units >> 1;
  for (let k = 0; k < whole; k++) text += pairs[f[i++]!]!;
  return odd && !plan.fillerLeft ? text + digits[f[i]! >> 4]! : text;
}

function longPackedText(plan: FieldPlan, f: Uint8Array, i: number, units: number): string {
  const separator = plan.field.kind === 'z' ? 0x3d : 0x44;
  const skip = plan.fillerLeft && (units & 1) !== 0 ? 1 : 0;
  for (let k = 0; k < units; k++) {
    const at = k + skip;
    const byte = f[i + (at >> 1)]!;
    const nibble = (at & 1) === 0 ? byte >> 4 : byte & 15;
    scratch[k] = nibble === 13 ? separator : hexCodes[nibble]!;
  }
  return latin1Slice.call(scratch, 0, units);
}

/** Bytes as upper-case hexadecimal. */
export function bytesText(f: Uint8Array, i: number, bytes: number): string {
  assert(bytes <= frameBytesMax, 'a value is within a frame');
  for (let k = 0; k < bytes; k++) {
    const byte = f[i + k]!;
    scratch[k * 2] = hexCodes[byte >> 4]!;
    scratch[k * 2 + 1] = hexCodes[byte & 15]!;
  }
  return latin1Slice.call(scratch, 0, bytes * 2);
}

/** Hexadecimal characters of either case, as upper case. */
function hexText(t: Uint8Array, f: Uint8Array, i: number, characters: number): string {
  for (let k = 0; k < characters; k++) scratch[k] = hexCodes[hexNibbleOfCode[t[f[i + k]!]!]!]!;
  return latin1Slice.call(scratch, 0, characters);
}

/** The bytes of a binary value: a view where they travel as they are, a copy where they travel as characters; undefined for other kinds. */
export function valueBytes(plan: FieldPlan, frame: Uint8Array, at: number, units: number): Uint8Array | undefined {
  if (plan.form === bytesForm) return frame.subarray(at, at + units);
  if (plan.form !== hexForm) return undefined;
  const bytes = new Uint8Array(units);
  for (let k = 0; k < units; k++) {
    const high = hexNibbleOfCode[plan.asciiOf[frame[at + k * 2]!]!]!;
    bytes[k] = (high << 4) | hexNibbleOfCode[plan.asciiOf[frame[at + k * 2 + 1]!]!]!;
  }
  return bytes;
}
