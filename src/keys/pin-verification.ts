/**
 * What a PIN is verified against: the PIN verification value (PVV) and the offset of IBM 3624. Both are computed anew and compared
 * by the caller; both take one block under the PVK.
 *
 *   PVV      11 rightmost PAN digits without the check digit | key index | PIN of 4   -> E -> two-pass decimalisation, 4 digits
 *   natural  part of the PAN, filled to 16 hexadecimal digits                         -> E -> by table, as many digits as the PIN
 *   offset   PIN - natural, digit by digit, modulo 10
 *
 * Refused, in a sentence without data: PINs, PANs, indexes, offsets and rules of another shape; a table that decimalises too many
 * digits to the same one, which would give PINs away. A PIN longer than four has no PVV, as its other digits would not be verified; but
 * where the rules say so its leftmost four have (Thales payShield 10K Installation and User Guide, PV: "the 4 left-most digits of the
 * clear PIN"), which is what most issuers' systems do.
 * PINs, references and natural PINs are buffers of ASCII digits; who gets a PIN wipes it.
 */
import type { TdesKey } from './block-cipher.ts';
import { isDigits } from './card-value.ts';
import type { PinMethod } from './hsm-pin.ts';
import { faultOfPin, pinDigitsMax, pinDigitsMin } from './pin-block.ts';

export type Ibm3624Rules = Extract<PinMethod, { method: 'ibm3624' }>;

export const pvvDigits = 4;
const pvvPanDigits = 11;
const panDigitsMax = 19;

/** The least number of different digits in a decimalisation table, and the most times that one may be in it. */
const tableDigitsMin = 8;
const tableRepeatsMax = 4;

/** The reference of a PIN under a key, or why there is none. The index is of the PVV alone. */
export function pinReference(key: TdesKey, rules: PinMethod, keyIndex: number, pin: Uint8Array, pan: string): Buffer | string {
  if (rules.method === 'pvv') return faultOfPin(pin) ?? visaPvv(key, keyIndex, verifiedDigits(rules, pin), pan);
  const fault = faultOfPin(pin);
  if (fault !== undefined) return fault;
  const natural = naturalPin(key, rules, pan, pin.length);
  if (typeof natural === 'string') return natural;
  const offset = offsetOf(pin, natural);
  natural.fill(0);
  return offset;
}

/** The part of a PIN that is verified: all of it, or its leftmost four digits. It is in the PIN's own bytes. */
export function verifiedDigits(rules: PinMethod, pin: Uint8Array): Uint8Array {
  return rules.method === 'pvv' && rules.longerPins === 'leftmostFour' ? pin.subarray(0, pvvDigits) : pin;
}

/** Why nothing can be verified by these rules, whatever the PIN: the program's fault and no message's. */
export function faultOfRules(rules: PinMethod, keyIndex: number): string | undefined {
  if (!Number.isInteger(keyIndex) || keyIndex < 0 || keyIndex > 9) return 'the index of the PVK is not one digit';
  if (rules.method === 'pvv') return undefined;
  const { start, length, pad } = rules.validation;
  if (!Number.isInteger(start) || start < 0 || !Number.isInteger(length) || length < 1 || length > 16) {
    return 'the validation data is not 1 to 16 digits of the PAN';
  }
  if (!/^[0-9A-Fa-f]$/.test(pad)) return 'the pad of the validation data is not one hexadecimal digit';
  return faultOfTable(rules.decimalisationTable);
}

/** Four digits, or why there are none. */
export function visaPvv(key: TdesKey, keyIndex: number, pin: Uint8Array, pan: string): Buffer | string {
  const fault = faultOfRules({ method: 'pvv' }, keyIndex) ?? faultOfPvvPin(pin) ?? faultOfPan(pan, pvvPanDigits + 1);
  if (fault !== undefined) return fault;
  const block = transformedSecurityParameter(keyIndex, pin, pan);
  const digits = decimalise(key.encrypt(block).toString('hex'), pvvDigits);
  block.fill(0);
  return digits;
}

/** Eleven PAN digits, the index and the PIN, packed. The parts are of the right shape. */
export function transformedSecurityParameter(keyIndex: number, pin: Uint8Array, pan: string): Buffer {
  const block = Buffer.alloc(8);
  const first = pan.length - 1 - pvvPanDigits;
  for (let index = 0; index < 16; index++) {
    let digit = keyIndex;
    if (index < pvvPanDigits) digit = pan.charCodeAt(first + index) - 48;
    else if (index > pvvPanDigits) digit = pin[index - pvvPanDigits - 1]! - 48;
    block[index >> 1]! |= (index & 1) === 0 ? digit << 4 : digit;
  }
  return block;
}

/** `count` digits of hexadecimal text: all 0 to 9 from the left, then all A to F from the left, less ten. */
export function decimalise(hex: string, count: number): Buffer {
  const digits = Buffer.alloc(count);
  let taken = 0;
  for (let letters = 0; letters < 2; letters++) {
    for (let index = 0; index < hex.length && taken < count; index++) {
      const code = hex.charCodeAt(index);
      // A letter's code has bit 6, and its low bits count from 1.
      if ((code & 0x40) >> 6 === letters) digits[taken++] = letters === 1 ? 48 + (code & 7) - 1 : code;
    }
  }
  return digits;
}

/** The PIN that the key alone gives a card: 4 to 12 digits, or why there are none. */
export function naturalPin(key: TdesKey, rules: Ibm3624Rules, pan: string, digits: number): Buffer | string {
  const { start, length, pad } = rules.validation;
  const fault = faultOfRules(rules, 0) ?? faultOfPan(pan, 1);
  if (fault !== undefined) return fault;
  if (digits < pinDigitsMin || digits > pinDigitsMax) return 'the PIN does not have 4 to 12 digits';
  if (start + length > pan.length) return 'the PAN has fewer digits than the validation data takes';
  const validation = Buffer.from(pan.slice(start, start + length).padEnd(16, pad), 'hex');
  const encrypted = key.encrypt(validation);
  const natural = Buffer.alloc(digits);
  for (let place = 0; place < digits; place++) {
    const byte = encrypted[place >> 1]!;
    natural[place] = rules.decimalisationTable.charCodeAt((place & 1) === 0 ? byte >> 4 : byte & 15);
  }
  return natural;
}

/** The offset that makes the natural PIN this one; both are as long. */
export function offsetOf(pin: Uint8Array, natural: Uint8Array): Buffer {
  const offset = Buffer.alloc(pin.length);
  for (let place = 0; place < pin.length; place++) offset[place] = 48 + ((pin[place]! - natural[place]! + 10) % 10);
  return offset;
}

/** The PIN of a natural one and an offset; both are as long. */
export function pinOf(natural: Uint8Array, offset: Uint8Array): Buffer {
  const pin = Buffer.alloc(offset.length);
  for (let place = 0; place < offset.length; place++) pin[place] = 48 + ((natural[place]! + offset[place]! - 96) % 10);
  return pin;
}

/** Why a stored reference is none of this method: four digits, or as many as a PIN may have. */
export function faultOfReference(method: PinMethod['method'], value: string): string | undefined {
  if (method === 'pvv') return isDigits(value, pvvDigits) ? undefined : 'the PVV is not four digits';
  const right = value.length >= pinDigitsMin && value.length <= pinDigitsMax && isDigits(value, value.length);
  return right ? undefined : 'the offset is not 4 to 12 digits';
}

function faultOfPvvPin(pin: Uint8Array): string | undefined {
  return faultOfPin(pin) ?? (pin.length === pvvDigits ? undefined : 'a PVV is of a PIN of four digits');
}

function faultOfPan(pan: string, digitsMin: number): string | undefined {
  if (!isDigits(pan, pan.length)) return 'the PAN is not of decimal digits alone';
  return pan.length >= digitsMin && pan.length <= panDigitsMax ? undefined : `the PAN does not have ${digitsMin} to ${panDigitsMax} digits`;
}

/** A table of few digits would let anyone who may choose it find PINs in a handful of tries. */
function faultOfTable(table: string): string | undefined {
  if (!isDigits(table, 16)) return 'the decimalisation table is not sixteen digits';
  const counts = new Uint8Array(10);
  for (let index = 0; index < 16; index++) counts[table.charCodeAt(index) - 48]!++;
  let different = 0;
  for (const count of counts) {
    if (count > tableRepeatsMax) return 'the decimalisation table has one digit more than four times';
    if (count > 0) different++;
  }
  return different < tableDigitsMin ? 'the decimalisation table has fewer than eight different digits' : undefined;
}
