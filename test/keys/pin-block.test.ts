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
  const ofNoFormat = publishedOf('encrypted_tdes').filter(({ format }) => typeof format === 'string');
  expect(restated.length + ofNoFormat.length).toBe(isSet ? Object.values(counts).reduce((sum, count) => sum + count, 0) : 0);
  for (const one of restated) check(one);
  for (const { zpk = '', clear_block: clear = '', encrypted = '' } of [...ibmBlocks, ...ofNoFormat]) {
    const key = new TdesKey(bytes(zpk));
    expect(hexOf(key.encrypt(bytes(clear)))).toBe(encrypted);
    for (const format of [0, 1, 3] as const) expect(typeof decipherPin(key, format, bytes(encrypted), '4111111111111111')).toBe('string');
  }
});

const aesKey = new AesKey(bytes('493DA1C9E2726ACF26B9E40E9CFD3F4AF0890CDCD4052456BBBC4B18512602FE'));
const tdesKey = new TdesKey(bytes('E0F4543F3E2A2C5FFC7E5E5A222E3E4D'));
const formats = [0, 1, 3, 4] as const;
const keyFor = (format: Format): TdesKey | AesKey => (format === 4 ? aesKey : tdesKey);
const binds = (format: Format): boolean => format === 0 || format === 3;
const subjects = fc.record({ format: fc.constantFrom(...formats), pin: digits(4, 12), pan: digits(8, 19) });
const bindable = subjects.filter(({ format, pan }) => !binds(format) || pan.length >= 13);
const enciphered = (format: (typeof formats)[number], pin: string, pan: string): Buffer => {
  const block = encipherPin(keyFor(format), format, ascii(pin), pan, randomBytes);
  if (typeof block === 'string') throw new Error(block);
  return block;
};

test('what was enciphered deciphers, in every format, for PINs of 4 to 12 and PANs of 8 to 19 digits; formats 0 and 3 refuse PANs below 13', () => {
  for (const format of formats) {
    for (let pinLength = 4; pinLength <= 12; pinLength++) {
      for (let panLength = 8; panLength <= 19; panLength++) {
        const pin = '983705142698'.slice(0, pinLength);
        const pan = '4761730000000011983'.slice(0, panLength);
        const block = encipherPin(keyFor(format), format, ascii(pin), pan, randomBytes);
        if (binds(format) && panLength < 13) expect(block).toBe(pinBlockRefusals.panShort);
        else expect(textOf(decipherPin(keyFor(format), format, block as Buffer, pan))).toBe(pin);
      }
    }
  }
  fc.assert(fc.property(bindable, ({ format, pin, pan }) => textOf(decipherPin(keyFor(format), format, enciphered(format, pin, pan), pan)) === pin));
});

test('a block with one bit changed is refused, or holds another PIN', () => {
  fc.assert(
    fc.property(bindable, fc.nat(127), ({ format, pin, pan }, bit) => {
      const block = enciphered(format, pin, pan);
      block[(bit >> 3) % block.length]! ^= 1 << (bit & 7);
      const found = decipherPin(keyFor(format), format, block, pan);
      expect(textOf(found)).not.toBe(pin);
    }),
    { numRuns: 1000 },
  );
});

test('under the PAN of another card a block of formats 0, 3 and 4 is refused, or holds another PIN', () => {
  fc.assert(
    fc.property(bindable, fc.nat(17), fc.integer({ min: 1, max: 9 }), ({ format, pin, pan }, place, by) => {
      const at = boundPlace(format, pin, pan, place);
      const other = pan.slice(0, at) + String((Number(pan[at]) + by) % 10) + pan.slice(at + 1);
      const found = textOf(decipherPin(keyFor(format), format, enciphered(format, pin, pan), other));
      if (format === 1) expect(found).toBe(pin);
      else expect(found).not.toBe(pin);
      if (format === 4) expect(found).not.toMatch(/^[0-9]+$/);
    }),
    { numRuns: 1000 },
  );
});

/** A place in the PAN that the block is bound to: not the check digit, of format 0 one of twelve, of format 3 one that is xored with the PIN and not with fill. */
function boundPlace(format: Format, pin: string, pan: string, place: number): number {
  if (format === 0) return pan.length - 13 + (place % 12);
  if (format === 3) return pan.length - 13 + (place % (pin.length - 2));
  return place % pan.length;
}

test('the fill of formats 1, 3 and 4 is drawn, so the same PIN is another block each time', () => {
  for (const format of [1, 3, 4] as const) {
    const blocks = Array.from({ length: 20 }, () => enciphered(format, '1234', '4761730000000011').toString('hex'));
    expect(new Set(blocks).size).toBe(20);
  }
  expect(new Set(Array.from({ length: 20 }, () => enciphered(0, '1234', '4761730000000011').toString('hex'))).size).toBe(1);
});

test('every nibble of a clear block that is not what the format has there is refused', () => {
  const pan = '4000000000000000000';
  const clear = { 0: '041234FFFFFFFFFF', 2: '241234FFFFFFFFFF', 3: '341234ABCDEFABCD' } as const;
  for (const format of [0, 2, 3] as const) {
    expect(textOf(decodePinBlock(format, bytes(clear[format]), pan))).toBe('1234');
    for (let place = 0; place < 16; place++) {
      for (let nibble = 0; nibble < 16; nibble++) {
        const changed = bytes(clear[format].slice(0, place) + nibble.toString(16) + clear[format].slice(place + 1));
        const isRight =
          place === 0 ? nibble === format : place === 1 ? nibble === 4 : place < 6 ? nibble < 10 : format === 3 ? nibble >= 10 : nibble === 15;
        expect(typeof decodePinBlock(format, changed, pan)).toBe(isRight ? 'object' : 'string');
      }
    }
  }
});

test('a key of the other cipher has no block of a format', () => {
  const block = Buffer.alloc(16);
  expect(decipherPin(tdesKey, 4, block, '4761730000000011')).toBe('PIN block format 4 is of AES keys');
  expect(encipherPin(tdesKey, 4, ascii('1234'), '4761730000000011', randomBytes)).toBe('PIN block format 4 is of AES keys');
  for (const format of [0, 1, 3] as const) {
    expect(decipherPin(aesKey, format, block, '4761730000000011')).toBe('PIN block formats 0, 1 and 3 are of triple DES keys');
    expect(encipherPin(aesKey, format, ascii('1234'), '4761730000000011', randomBytes)).toBe('PIN block formats 0, 1 and 3 are of triple DES keys');
  }
});

test('a PIN or PAN with anything but decimal digits, or of another length, is refused, and no refusal quotes it', () => {
  for (const pin of ['', '123', '1234567890123', '12 4', '12/4', '12:4', '12\u00004', 'ABCD']) {
    const refused = encipherPin(tdesKey, 0, ascii(pin), '4761730000000011', randomBytes);
    expect([pinBlockRefusals.pinLength, pinBlockRefusals.pinDigits]).toContain(refused);
  }
  for (const format of [0, 3, 4] as const) {
    for (const pan of ['', '476173000000001A', '47617300000000111111', ' 761730000000011']) {
      expect(encipherPin(keyFor(format), format, ascii('9876'), pan, randomBytes)).not.toMatch(/9876|4761/);
    }
  }
});
