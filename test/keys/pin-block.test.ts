import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AesKey, TdesKey } from '../../src/keys/block-cipher.ts';
import { decipherPin, decodePinBlock, decodePinField, encipherPin, encodePinBlock, encodePinField, panField } from '../../src/keys/pin-block.ts';
import { digits } from '../vectors/digits.ts';
import { pinBlockCases, pinBlockRefusals } from '../vectors/pin-block.ts';
import type { PinBlockCase } from '../vectors/pin-block.ts';
import { published } from '../vectors/published.ts';

type Format = PinBlockCase['format'];

/** How many vectors of each algorithm are published: fewer is a file that has shrunk. */
const counts = { iso0: 8, iso1: 1, iso2: 3, iso3: 5, iso4: 13, encrypted_tdes: 14, reject: 25 };

/** What our sentences are for the reasons of the published file. */
const sentences: readonly (readonly [RegExp, string])[] = [
  [/^block must be 8 bytes/, pinBlockRefusals.bytes8],
  [/^17-byte/, pinBlockRefusals.bytes16],
  [/^PIN field must be 16 bytes/, pinBlockRefusals.fieldBytes],
  [/^control nibble/, pinBlockRefusals.control],
  [/^PIN length/, pinBlockRefusals.length],
  [/^PIN digit not numeric/, pinBlockRefusals.digits],
  [/^filler/, pinBlockRefusals.fill],
  [/^PIN shorter/, pinBlockRefusals.pinLength],
  [/^PIN not numeric/, pinBlockRefusals.pinDigits],
  [/^PAN (longer than 19|must be 1-19)/, pinBlockRefusals.panLong],
  [/^PAN shorter than 13/, pinBlockRefusals.panShort],
];

type Published = Readonly<Record<string, string>> & { readonly format?: number | string; readonly encode?: { readonly pin: string; readonly pan: string } };

/** The published vector in our own form; a block that is of no ISO format is left to a test of its own. */
function restate(algorithm: string, vector: Published): PinBlockCase[] {
  const { id: name = '', source = '', pin = '', pan = '', clear_block: block, pin_field: field, kind } = vector;
  const format = vector.format ?? Number(algorithm.slice(3));
  if (typeof format === 'string') return [];
  const subject = { name, source, pin, pan, format: format as Format };
  const key = vector['key'] ?? vector['zpk'];
  const enciphered = vector['enciphered'] ?? vector['encrypted'];
  const clear = block ?? field;
  if (algorithm === 'reject') {
    const refused = sentences.find(([reason]) => reason.test(vector['reason'] ?? ''))?.[1] ?? `no sentence for: ${vector['reason']}`;
    if (vector.encode !== undefined) return [{ ...subject, ...vector.encode, kind: 'refusedEncode', refused }];
    if (enciphered !== undefined) return [{ ...subject, kind: 'refusedDecipher', key: key!, enciphered, refused }];
    return [{ ...subject, kind: 'refusedDecode', clear: clear!, refused }];
  }
  if (enciphered !== undefined) return [{ ...subject, kind: 'decipher', key: key!, enciphered, ...(clear === undefined ? {} : { clear }) }];
  if (kind === 'pan_field') return [{ ...subject, kind: 'panField', clear: vector['pan_field']! }];
  const begins = vector['clear_block_prefix'] ?? vector['pin_field_prefix'];
  if (begins !== undefined) return [{ ...subject, kind: 'begins', clear: begins }];
  return [{ ...subject, kind: 'decode', clear: clear! }];
}

/** A PIN and fill of F, as IBM 3624 has it: of no ISO format. From the tests of rkbalgi/libiso. */
const ibmBlocks: readonly Published[] = [{ zpk: 'E0F4543F3E2A2C5FFC7E5E5A222E3E4D', clear_block: '1274FFFFFFFFFFFF', encrypted: '89FA441AA25FF0CC' }];

const publishedOf = (algorithm: string): readonly Published[] => published('pinblock.json', algorithm) as readonly Published[];
const restated = Object.keys(counts).flatMap((algorithm) => publishedOf(algorithm).flatMap((vector) => restate(algorithm, vector)));

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const hexOf = (result: Buffer | string): string => (typeof result === 'string' ? result : result.toString('hex').toUpperCase());
const textOf = (result: Buffer | string): string => (typeof result === 'string' ? result : result.toString('latin1'));
const keyOf = (hex: string, format: Format): TdesKey | AesKey => (format === 4 ? new AesKey(bytes(hex)) : new TdesKey(bytes(hex)));

const decode = (format: Format, clear: Buffer, pan: string): Buffer | string => (format === 4 ? decodePinField(clear) : decodePinBlock(format, clear, pan));
const encode = (format: Format, pin: string, pan: string): Buffer | string =>
  format === 4 ? encodePinField(ascii(pin), randomBytes) : encodePinBlock(format, ascii(pin), pan, randomBytes);
const isRandom = (format: Format): boolean => format !== 0 && format !== 2;

function check(one: PinBlockCase): void {
  const { format, pin, pan } = one;
  switch (one.kind) {
    case 'decode':
      expect(textOf(decode(format, bytes(one.clear), pan))).toBe(pin);
      if (!isRandom(format)) expect(hexOf(encode(format, pin, pan))).toBe(one.clear);
      return;
    case 'begins':
      // A nibble of format 3's last byte is fill, xored with the PAN: what the source gives is before it.
      expect(hexOf(encode(format, pin, pan)).startsWith(one.clear)).toBe(true);
      return;
    case 'panField':
      expect(hexOf(panField(pan))).toBe(one.clear);
      return;
    case 'decipher':
      checkDecipher(one);
      return;
    case 'refusedEncode':
      expect(encipherPin(keyOf('00112233445566778899AABBCCDDEEFF', format), format as 0 | 4, ascii(pin), pan, randomBytes)).toBe(one.refused);
      return;
    case 'refusedDecode':
      expect(decode(format, bytes(one.clear), pan)).toBe(one.refused);
      return;
    case 'refusedDecipher':
      expect(decipherPin(keyOf(one.key, format), format as 0 | 4, bytes(one.enciphered), pan)).toBe(one.refused);
  }
}

function checkDecipher({ format, pin, pan, key: hex, enciphered, clear }: Extract<PinBlockCase, { kind: 'decipher' }>): void {
  if (format === 2) throw new Error('format 2 is not enciphered here');
  const key = keyOf(hex, format);
  expect(textOf(decipherPin(key, format, bytes(enciphered), pan))).toBe(pin);
  if (clear === undefined) return;
  expect(textOf(decode(format, bytes(clear), pan))).toBe(pin);
  if (format === 4) {
    const half = bytes(clear).subarray(8);
    expect(hexOf(encipherPin(key, 4, ascii(pin), pan, () => half))).toBe(enciphered);
  } else {
    expect(hexOf(key.encrypt(bytes(clear)))).toBe(enciphered);
    if (format === 0) expect(hexOf(encipherPin(key, 0, ascii(pin), pan, randomBytes))).toBe(enciphered);
  }
}

test.each(pinBlockCases)('$name is as its source has it', check);

test('every published vector holds, and none is missing', () => {
  const isSet = (process.env['LOCUM_VECTORS'] ?? '') !== '';
  for (const [algorithm, count] of Object.entries(counts)) expect([algorithm, publishedOf(algorithm).length]).toEqual([algorithm, isSet ? count : 0]);
  const ofNoFormat = [...ibmBlocks, ...publishedOf('encrypted_tdes').filter(({ format }) => typeof format === 'string')];
  expect(restated.length + ofNoFormat.length - ibmBlocks.length).toBe(isSet ? Object.values(counts).reduce((sum, count) => sum + count, 0) : 0);
  for (const one of restated) check(one);
  for (const { zpk = '', clear_block: clear = '', encrypted = '' } of ofNoFormat) {
    const key = new TdesKey(bytes(zpk));
    expect(hexOf(key.encrypt(bytes(clear)))).toBe(encrypted);
    for (const format of [0, 1, 3] as const) expect(typeof decipherPin(key, format, bytes(encrypted), '4111111111111111')).toBe('string');
  }
});
