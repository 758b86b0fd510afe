/**
 * PIN blocks (ISO 9564-1:2017, 9.3 and 9.4): the clear ones, and the same enciphered.
 *
 *   0   0 L PPPP..PP FF..F        xor   0000 and the 12 rightmost PAN digits without the check digit
 *   1   1 L PPPP..PP RR..R              random fill, bound to no card
 *   2   2 L PPPP..PP FF..F              for a chip alone
 *   3   3 L PPPP..PP RR..R        xor   as 0; random fill of A to F
 *   4   4 L PPPP..PP AA..A R*16         E(E(this) xor M PAN 00..0), M the PAN's digits beyond twelve; AES alone
 *
 * Refused, in a sentence without data: another length or control nibble, a PIN of other than 4 to 12 digits, fill that is not the
 * format's, a PAN too short to bind to. Invariant: where in a block a fault lies shows in no time: every place is looked at.
 * A clear PIN is a buffer of ASCII digits; who gets one wipes it.
 */
import type { AesKey, TdesKey } from './block-cipher.ts';
import type { PinFormat } from './hsm-pin.ts';
import type { RandomBytes } from './seal.ts';

export const pinDigitsMin = 4;
export const pinDigitsMax = 12;

/** The formats whose clear block has eight bytes. */
export type ShortFormat = 0 | 1 | 2 | 3;

/** The nibbles that a format may be filled with. */
interface Fill {
  readonly min: number;
  readonly max: number;
}

const fillOf: Readonly<Record<ShortFormat | 4, Fill>> = {
  0: { min: 15, max: 15 },
  1: { min: 0, max: 15 },
  2: { min: 15, max: 15 },
  3: { min: 10, max: 15 },
  4: { min: 10, max: 10 },
};

/** Places for PIN digits and fill behind the control nibble and the length: in eight bytes, fourteen. */
const places = 14;
const shortBytes = 8;
const longBytes = 16;

/** Of the PAN, in formats 0 and 3; the least that format 4's PAN field has. */
const panPartDigits = 12;
const panDigitsMax = 19;

/** The clear block of eight bytes, or why there is none. */
export function encodePinBlock(format: ShortFormat, pin: Uint8Array, pan: string, random: RandomBytes): Buffer | string {
  const fault = faultOfPin(pin) ?? faultOfPan(format, pan);
  if (fault !== undefined) return fault;
  const block = Buffer.alloc(shortBytes);
  writePin(block, format, pin, random);
  if (bindsPan(format)) xorPanPart(block, pan);
  return block;
}

/** The PIN in a clear block, or why there is none. The block is left as it was. */
export function decodePinBlock(format: ShortFormat, block: Uint8Array, pan: string): Buffer | string {
  if (block.length !== shortBytes) return 'the PIN block does not have 8 bytes';
  const fault = faultOfPan(format, pan);
  if (fault !== undefined) return fault;
  if (!bindsPan(format)) return readPin(block, format);
  const field = Buffer.from(block);
  xorPanPart(field, pan);
  const pin = readPin(field, format);
  field.fill(0);
  return pin;
}

/** Format 4's plain text PIN field, sixteen bytes (9.4.2), or why there is none. */
export function encodePinField(pin: Uint8Array, random: RandomBytes): Buffer | string {
  const fault = faultOfPin(pin);
  if (fault !== undefined) return fault;
  const field = Buffer.alloc(longBytes);
  writePin(field, 4, pin, random);
  field.set(random(shortBytes), shortBytes);
  return field;
}

export function decodePinField(field: Uint8Array): Buffer | string {
  return field.length === longBytes ? readPin(field, 4) : 'the PIN field does not have 16 bytes';
}

/** Format 4's plain text PAN field, sixteen bytes (9.4.2), or why there is none: 1 to 19 digits, short ones with zeros before them. */
export function panField(pan: string): Buffer | string {
  const fault = faultOfPan(4, pan);
  if (fault !== undefined) return fault;
  const field = Buffer.alloc(longBytes);
  const beyond = Math.max(0, pan.length - panPartDigits);
  field[0] = beyond << 4;
  const first = 1 + Math.max(0, panPartDigits - pan.length);
  for (let index = 0; index < pan.length; index++) xorNibble(field, first + index, pan.charCodeAt(index) - 48);
  return field;
}

/** The enciphered block, 8 bytes or 16, or why there is none. */
export function encipherPin(key: TdesKey | AesKey, format: PinFormat, pin: Uint8Array, pan: string, random: RandomBytes): Buffer | string {
  const fault = faultOfKey(key, format);
  if (fault !== undefined) return fault;
  if (format !== 4) {
    const block = encodePinBlock(format, pin, pan, random);
    if (typeof block === 'string') return block;
    const enciphered = key.encrypt(block);
    block.fill(0);
    return enciphered;
  }
  const bound = panField(pan);
  if (typeof bound === 'string') return bound;
  const field = encodePinField(pin, random);
  if (typeof field === 'string') return field;
  const enciphered = key.encrypt(xor(key.encrypt(field), bound));
  field.fill(0);
  return enciphered;
}

/** The PIN in an enciphered block, or why there is none: the block, the key or the PAN is another than it should be. */
export function decipherPin(key: TdesKey | AesKey, format: PinFormat, block: Uint8Array, pan: string): Buffer | string {
  const fault = faultOfKey(key, format);
  if (fault !== undefined) return fault;
  if (block.length !== key.blockBytes) return `the PIN block does not have ${key.blockBytes} bytes`;
  if (format !== 4) {
    const clear = key.decrypt(block);
    const pin = decodePinBlock(format, clear, pan);
    clear.fill(0);
    return pin;
  }
  const bound = panField(pan);
  if (typeof bound === 'string') return bound;
  const field = key.decrypt(xor(key.decrypt(block), bound));
  const pin = readPin(field, 4);
  field.fill(0);
  return pin;
}

/** Why a key of this kind has no blocks of this format; undefined where it has. */
export function faultOfKey(key: TdesKey | AesKey, format: PinFormat): string | undefined {
  if (format === 4) return key.blockBytes === longBytes ? undefined : 'PIN block format 4 is of AES keys';
  return key.blockBytes === shortBytes ? undefined : 'PIN block formats 0, 1 and 3 are of triple DES keys';
}

/** Why this is no PIN of 4 to 12 decimal digits. */
export function faultOfPin(pin: Uint8Array): string | undefined {
  if (pin.length < pinDigitsMin || pin.length > pinDigitsMax) return 'the PIN does not have 4 to 12 digits';
  let fault = 0;
  for (let place = 0; place < pin.length; place++) fault |= (pin[place]! - 48) | (57 - pin[place]!);
  return fault < 0 ? 'the PIN is not of decimal digits alone' : undefined;
}

function faultOfPan(format: ShortFormat | 4, pan: string): string | undefined {
  if (format === 1 || format === 2) return undefined;
  for (let index = 0; index < pan.length; index++) {
    const code = pan.charCodeAt(index);
    if (code < 48 || code > 57) return 'the PAN is not of decimal digits alone';
  }
  if (pan.length > panDigitsMax) return 'the PAN has more than 19 digits';
  if (format === 4) return pan.length > 0 ? undefined : 'the PAN has no digits';
  return pan.length > panPartDigits ? undefined : 'the PAN has fewer than 13 digits, and formats 0 and 3 bind to twelve and the check digit';
}

function bindsPan(format: ShortFormat): boolean {
  return format === 0 || format === 3;
}

function writePin(field: Buffer, format: ShortFormat | 4, pin: Uint8Array, random: RandomBytes): void {
  const { min, max } = fillOf[format];
  const drawn = min === max ? undefined : random(places);
  field[0] = (format << 4) | pin.length;
  for (let place = 0; place < places; place++) {
    // Of six values from 256 four are more frequent by one in 43: the fill has to vary, not to be a key.
    const fill = drawn === undefined ? min : min + (drawn[place]! % (max - min + 1));
    xorNibble(field, 2 + place, place < pin.length ? pin[place]! - 48 : fill);
  }
}

function readPin(field: Uint8Array, format: ShortFormat | 4): Buffer | string {
  const { min, max } = fillOf[format];
  const length = field[0]! & 15;
  const digits = Buffer.alloc(places);
  let digitFault = 0;
  let fillFault = 0;
  for (let place = 0; place < places; place++) {
    const byte = field[1 + (place >> 1)]!;
    const nibble = (place & 1) === 0 ? byte >> 4 : byte & 15;
    // All ones for a place of the PIN, else zero: faults are gathered without a branch.
    const ofPin = (place - length) >> 31;
    digitFault |= ofPin & (9 - nibble);
    fillFault |= ~ofPin & ((nibble - min) | (max - nibble));
    digits[place] = 48 + nibble;
  }
  const fault = faultOfField(field[0]! >> 4 === format, length, digitFault < 0, fillFault < 0);
  if (fault === undefined) return digits.fill(0, length).subarray(0, length);
  digits.fill(0);
  return fault;
}

function faultOfField(controlIsRight: boolean, length: number, digitFault: boolean, fillFault: boolean): string | undefined {
  if (!controlIsRight) return "the PIN block's control nibble is not the format's";
  if (length < pinDigitsMin || length > pinDigitsMax) return "the PIN block's length is not 4 to 12 digits";
  if (digitFault) return 'the PIN block has a PIN that is not of decimal digits alone';
  return fillFault ? "the PIN block's fill is not the format's" : undefined;
}

/** The PAN part of formats 0 and 3: four zeros and twelve digits. */
function xorPanPart(block: Buffer, pan: string): void {
  const first = pan.length - 1 - panPartDigits;
  for (let index = 0; index < panPartDigits; index++) xorNibble(block, 4 + index, pan.charCodeAt(first + index) - 48);
}

function xorNibble(bytes: Buffer, place: number, nibble: number): void {
  bytes[place >> 1]! ^= (place & 1) === 0 ? nibble << 4 : nibble;
}

/** Into the first one. */
function xor(into: Buffer, other: Uint8Array): Buffer {
  for (let index = 0; index < into.length; index++) into[index]! ^= other[index]!;
  return into;
}
