import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TdesKey } from '../../src/keys/block-cipher.ts';
import { decimalise, faultOfReference, faultOfRules, naturalPin, offsetOf, pinOf, pinReference, transformedSecurityParameter, visaPvv } from '../../src/keys/pin-verification.ts';
import type { Ibm3624Rules } from '../../src/keys/pin-verification.ts';
import { digits } from '../vectors/digits.ts';
import { decimaliseVectors, offsetVectors, pinVerificationRefusals as refusals, pvvVectors } from '../vectors/pin-verification.ts';
import type { OffsetVector, PvvVector } from '../vectors/pin-verification.ts';
import { published } from '../vectors/published.ts';

/** How many vectors of each algorithm are published: fewer is a file that has shrunk. */
const counts = { visa_pvv: 12, visa_pvv_reject: 6, ibm3624: 10, ibm3624_reject: 7, visa_decimalise: 3 };

type Published = Readonly<Record<string, string>> & { readonly pan_verify_offset: number; readonly pan_verify_length: number; readonly count: number };

const publishedOf = (algorithm: keyof typeof counts): readonly Published[] => published('pin_verification.json', algorithm) as readonly Published[];
const hexBytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const textOf = (result: Buffer | string): string => (typeof result === 'string' ? result : result.toString('latin1'));
const rulesOf = ({ table, start, length, pad }: Pick<OffsetVector, 'table' | 'start' | 'length' | 'pad'>): Ibm3624Rules => ({
  method: 'ibm3624',
  decimalisationTable: table,
  validation: { start, length, pad },
});

function restatePvv(vector: Published): PvvVector {
  const { source = '', pvk = '', pvki: keyIndex = '', pin = '', pvv = '', tsp = '' } = vector;
  // One source gives the eleven digits; any check digit stands behind them.
  return { source, pvk, keyIndex, pin, pan: vector['pan'] ?? `${vector['tsp_pan_digits']}0`, tsp, pvv };
}

function restateOffset(vector: Published): OffsetVector {
  const { source = '', pvk = '', decimalisation_table: table = '', pan = '', pad = '', pin = '', offset = '' } = vector;
  return { source, pvk, table, pan, start: vector.pan_verify_offset, length: vector.pan_verify_length, pad, pin, offset };
}

/** The index as the port has it: only one digit is a number from 0 to 9. */
const indexOf = (text: string): number => Number(text);

test('the published PVVs are computed', () => {
  const vectors = [...pvvVectors, ...publishedOf('visa_pvv').map(restatePvv)];
  for (const { pvk, keyIndex, pin, pan, tsp, pvv } of vectors) {
    expect(transformedSecurityParameter(indexOf(keyIndex), ascii(pin), pan).toString('hex')).toBe(tsp);
    expect(textOf(visaPvv(new TdesKey(hexBytes(pvk)), indexOf(keyIndex), ascii(pin), pan))).toBe(pvv);
  }
});

test('the published offsets are computed, and give their PINs back', () => {
  for (const vector of [...offsetVectors, ...publishedOf('ibm3624').map(restateOffset)]) {
    const key = new TdesKey(hexBytes(vector.pvk));
    const natural = naturalPin(key, rulesOf(vector), vector.pan, vector.pin.length);
    if (typeof natural === 'string') throw new Error(natural);
    expect(offsetOf(ascii(vector.pin), natural).toString('latin1')).toBe(vector.offset);
    expect(pinOf(natural, ascii(vector.offset)).toString('latin1')).toBe(vector.pin);
    expect(textOf(pinReference(key, rulesOf(vector), 0, ascii(vector.pin), vector.pan))).toBe(vector.offset);
  }
});

test('the published decimalisations are computed, digits first and then letters', () => {
  const vectors = publishedOf('visa_decimalise').map(({ input = '', digits = '', count }) => ({ input, digits, count }));
  for (const { input, digits, count } of [...decimaliseVectors.map((vector) => ({ ...vector, count: vector.digits.length })), ...vectors]) {
    expect(decimalise(input, count).toString('latin1')).toBe(digits);
    expect(decimalise(input.toLowerCase(), count).toString('latin1')).toBe(digits);
  }
});

test('none of the published vectors is missing', () => {
  const isSet = (process.env['LOCUM_VECTORS'] ?? '') !== '';
  for (const [algorithm, count] of Object.entries(counts)) {
    expect([algorithm, publishedOf(algorithm as keyof typeof counts).length]).toEqual([algorithm, isSet ? count : 0]);
  }
});

const pvvRefused = [
  { pvk: '3132333435363738', keyIndex: 'A', pin: '0000', pan: '1122334455667788', reason: 'PVKI must be 1 digit' },
  { pvk: '3132333435363738', keyIndex: '11', pin: '0000', pan: '1122334455667788', reason: 'PVKI must be 1 digit' },
  { pvk: '3132333435363738', keyIndex: '1', pin: '000', pan: '1122334455667788', reason: 'PIN must be 4 digits' },
  { pvk: '3132333435363738', keyIndex: '1', pin: '00000', pan: '1122334455667788', reason: 'PIN longer than 4' },
  { pvk: '3132333435363738', keyIndex: '1', pin: 'A000', pan: '1122334455667788', reason: 'PIN must be numeric' },
  { pvk: '3132333435363738', keyIndex: '1', pin: '0000', pan: '11223344556', reason: 'PAN must have at least 12 digits' },
  { pvk: '3132333435363738', keyIndex: '1', pin: '0000', pan: '11223344556677A8', reason: 'PAN must be numeric' },
];

/** What our sentences are for the reasons of the sources. */
const sentences: Readonly<Record<string, string>> = {
  'PVKI must be 1 digit': refusals.keyIndex,
  'PIN must be 4 digits': refusals.pinLength,
  'PIN longer than 4': refusals.pvvPin,
  'PIN must be numeric': refusals.pinDigits,
  'PAN must have at least 12 digits': refusals.pvvPan,
  'PAN must be numeric': refusals.panDigits,
  'decimalisation table must be 16 digits': refusals.table,
  'offset must be 4-16 digits': refusals.offset,
  'PAN pad must be one hex digit': refusals.pad,
};

test('a PVV of a wrong index, PIN or PAN is refused with its reason', () => {
  for (const one of [...pvvRefused, ...publishedOf('visa_pvv_reject').map((vector) => ({ ...restatePvv(vector), reason: vector['reason']! }))]) {
    const refused = visaPvv(new TdesKey(hexBytes(one.pvk)), indexOf(one.keyIndex), ascii(one.pin), one.pan);
    expect([one.reason, refused]).toEqual([one.reason, sentences[one.reason]]);
  }
});

const sound = { source: '', pvk: '3132333435363738', table: '1234567890123456', pan: '1122334455667788', start: 0, length: 16, pad: 'F', pin: '', offset: '0000' };
const offsetRefused = [
  { ...sound, pvk: '31323334', reason: 'PVK must be a DES key' },
  { ...sound, table: '123456789012345', reason: 'decimalisation table must be 16 digits' },
  { ...sound, table: '123456789012345A', reason: 'decimalisation table must be 16 digits' },
  { ...sound, offset: '000A', reason: 'offset must be 4-16 digits' },
  { ...sound, offset: '000', reason: 'offset must be 4-16 digits' },
  { ...sound, offset: '0000000000000', reason: 'offset must be 4-16 digits' },
  { ...sound, pan: '112233445566778A', reason: 'PAN must be numeric' },
  { ...sound, pad: 'X', reason: 'PAN pad must be one hex digit' },
  { ...sound, pad: '', reason: 'PAN pad must be one hex digit' },
  { ...sound, pad: 'FF', reason: 'PAN pad must be one hex digit' },
  { ...sound, start: 1, reason: 'verify window outside PAN' },
  { ...sound, start: -1, reason: 'verify window outside PAN' },
  { ...sound, length: 17, reason: 'verify window outside PAN' },
  { ...sound, length: 0, reason: 'verify window outside PAN' },
];

test('an offset of wrong rules, of a PAN that they do not fit, or of another shape is refused with its reason', () => {
  const all = [...offsetRefused, ...publishedOf('ibm3624_reject').map((vector) => ({ ...restateOffset(vector), reason: vector['reason']! }))];
  for (const { reason, ...vector } of all) {
    if (vector.pvk.length < 16) {
      expect(reason).toBe('PVK must be a DES key');
      expect(() => new TdesKey(hexBytes(vector.pvk))).toThrow('a DES key has 8, 16 or 24 bytes');
      continue;
    }
    const refused = faultOfReference('ibm3624', vector.offset) ?? naturalPin(new TdesKey(hexBytes(vector.pvk)), rulesOf(vector), vector.pan, vector.offset.length);
    if (reason === 'verify window outside PAN') expect([refusals.part, refusals.window]).toContain(refused);
    else expect([reason, refused]).toEqual([reason, sentences[reason]]);
  }
});

test('a table that decimalises too many digits to one is refused, as it would tell PINs apart one digit at a time', () => {
  const faultOf = (table: string): string | undefined => faultOfRules(rulesOf({ ...sound, table }), 0);
  expect(faultOf('0000000000000000')).toBe('the decimalisation table has one digit more than four times');
  expect(faultOf('0000000100000000')).toBe('the decimalisation table has one digit more than four times');
  expect(faultOf('0123456012345601')).toBe('the decimalisation table has fewer than eight different digits');
  expect(faultOf('0123456789012345')).toBeUndefined();
  expect(faultOf('8351296477461538')).toBeUndefined();
});

test('a stored reference of another shape than its method has is refused', () => {
  for (const value of ['', '123', '12345', '12a4', '１２３４']) expect(faultOfReference('pvv', value)).toBe(refusals.pvv);
  expect(faultOfReference('pvv', '0000')).toBeUndefined();
  expect(faultOfReference('ibm3624', '123456789012')).toBeUndefined();
});

const key = new TdesKey(hexBytes('0123456789ABCDEFFEDCBA9876543210'));
const rules = rulesOf({ ...sound, table: '0123456789012345', length: 12 });

test('a reference is the one of its PIN, and no other PIN has the same offset', () => {
  fc.assert(
    fc.property(digits(4, 12), digits(12, 19), fc.nat(11), fc.integer({ min: 1, max: 9 }), (pin, pan, place, by) => {
      const at = place % pin.length;
      const other = pin.slice(0, at) + String((Number(pin[at]) + by) % 10) + pin.slice(at + 1);
      const offset = textOf(pinReference(key, rules, 0, ascii(pin), pan));
      expect(offset).toMatch(new RegExp(`^[0-9]{${pin.length}}$`));
      expect(textOf(pinReference(key, rules, 0, ascii(other), pan))).not.toBe(offset);
      const natural = naturalPin(key, rules, pan, pin.length);
      expect(textOf(typeof natural === 'string' ? natural : pinOf(natural, ascii(offset)))).toBe(pin);
    }),
  );
});

test('of all PINs about one in ten thousand has the PVV of another one', () => {
  const pan = '4761730000000011';
  const right = textOf(visaPvv(key, 1, ascii('1234'), pan));
  let same = 0;
  for (let pin = 0; pin < 10_000; pin++) if (textOf(visaPvv(key, 1, ascii(String(pin).padStart(4, '0')), pan)) === right) same++;
  expect(same).toBeGreaterThanOrEqual(1);
  expect(same).toBeLessThan(8);
});

test('the PVV of another index, card or key is another value, save for the one in ten thousand that is equal by chance', () => {
  const other = new TdesKey(hexBytes('FEDCBA98765432100123456789ABCDEF'));
  let equal = 0;
  for (let pin = 1000; pin < 2000; pin++) {
    const right = textOf(visaPvv(key, 1, ascii(String(pin)), '4761730000000011'));
    const others = [visaPvv(key, 2, ascii(String(pin)), '4761730000000011'), visaPvv(key, 1, ascii(String(pin)), '4761730000000029'), visaPvv(other, 1, ascii(String(pin)), '4761730000000011')];
    equal += others.filter((one) => textOf(one) === right).length;
  }
  expect(equal).toBeLessThan(6);
});
