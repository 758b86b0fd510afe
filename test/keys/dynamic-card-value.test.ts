import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { withOddParity } from '../../src/keys/block-cipher.ts';
import { produceDynamicCardValue, verifyDynamicCardValue } from '../../src/keys/chip-operations.ts';
import type { DynamicCardValue } from '../../src/keys/dynamic-card-value.ts';
import type { Verdict } from '../../src/keys/hsm.ts';
import { Secret } from '../../src/message/secret.ts';
import { cvc3Vectors, dcvvVectors } from '../vectors/chip.ts';
import { digits } from '../vectors/digits.ts';
import { hex, publishedChip, reasonOf, ringOf, valueOf } from './chip-fixture.ts';
import { pan } from './fixture.ts';

type Cvc3 = Extract<DynamicCardValue, { kind: 'cvc3' }>;
type Dcvv = Extract<DynamicCardValue, { kind: 'dcvv' }>;

interface PublishedCvc3 {
  readonly source: string;
  readonly imk: string;
  readonly pan: string;
  readonly psn: string;
  readonly track_data_or_ivcvc3: string;
  readonly atc: string;
  readonly un: string;
  readonly cvc3: string;
}

const cvc3s = [
  ...cvc3Vectors,
  ...(publishedChip('cvc3', 2, 'cvv.json') as readonly PublishedCvc3[]).map((vector) => ({
    ...vector, panSequence: vector.psn, track: vector.track_data_or_ivcvc3, unpredictableNumber: vector.un, value: vector.cvc3,
  })),
];

const key = { name: 'imk-cvc' };
const cvc3Of = (vector: (typeof cvc3s)[number], digitCount: number): Cvc3 => ({
  kind: 'cvc3', key, pan: pan(vector.pan), panSequence: vector.panSequence, atc: Number.parseInt(vector.atc, 16),
  staticTrack: new Secret(vector.track), unpredictableNumber: vector.unpredictableNumber, digits: digitCount,
});
const dcvvOf = (vector: (typeof dcvvVectors)[number]): Dcvv => ({ ...vector, kind: 'dcvv', key, pan: pan(vector.pan) });

const verdictOn = (value: DynamicCardValue, carried: string, imk: string): Verdict => verifyDynamicCardValue(ringOf({ 'imk-cvc': imk }), { ...value, value: new Secret(carried) });
const produced = (value: DynamicCardValue, imk: string): string => valueOf(produceDynamicCardValue(ringOf({ 'imk-cvc': imk }), value));
const changed = (value: string, place: number): string => value.slice(0, place) + String((Number(value[place]) + 1) % 10) + value.slice(place + 1);

test('every published CVC3 is computed and verified, by as many of its last digits as the track carries', () => {
  for (const vector of cvc3s) {
    const value = cvc3Of(vector, vector.value.length);
    expect(produced(value, vector.imk), vector.source).toBe(vector.value);
    expect(verdictOn(value, vector.value, vector.imk), vector.source).toBe('match');
    expect(verdictOn(cvc3Of(vector, 3), vector.value.slice(-3), vector.imk), vector.source).toBe('match');
  }
});

test('every dCVV is computed and verified, as are those that are published', () => {
  expect(publishedChip('dcvv', 0, 'cvv.json')).toEqual([]);
  for (const vector of dcvvVectors) {
    expect(produced(dcvvOf(vector), vector.imk)).toBe(vector.value);
    expect(verdictOn(dcvvOf(vector), vector.value, vector.imk)).toBe('match');
  }
});

const values: fc.Arbitrary<{ readonly value: DynamicCardValue; readonly imk: string }> = fc
  .record({
    imk: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((all) => hex(withOddParity(all))),
    number: digits(13, 19),
    panSequence: digits(2),
    atc: fc.nat(0xffff),
    isCvc3: fc.boolean(),
    expiry: digits(4),
    serviceCode: digits(3).filter((code) => code !== '000' && code !== '999'),
    track: fc.uint8Array({ minLength: 8, maxLength: 60 }),
    unpredictableNumber: digits(8),
    digitCount: fc.integer({ min: 3, max: 5 }),
  })
  .map(({ imk, number, panSequence, atc, isCvc3, expiry, serviceCode, track, unpredictableNumber, digitCount }) => {
    const subject = { key, pan: pan(number), panSequence, atc };
    const value: DynamicCardValue = isCvc3
      ? { ...subject, kind: 'cvc3', staticTrack: new Secret(hex(Buffer.from(track))), unpredictableNumber, digits: digitCount }
      : { ...subject, kind: 'dcvv', expiry, serviceCode };
    return { value, imk };
  });

test('a value that was made verifies, and with any digit changed it does not', () => {
  fc.assert(
    fc.property(values, fc.nat(4), ({ value, imk }, seed) => {
      const right = produced(value, imk);
      expect(right).toMatch(value.kind === 'dcvv' ? /^\d{3}$/ : new RegExp(`^\\d{${value.digits}}$`));
      expect(verdictOn(value, right, imk)).toBe('match');
      expect(verdictOn(value, changed(right, seed % right.length), imk)).toBe('mismatch');
    }),
  );
});

test('the value of another payment, card or key is another one, save for the one in a thousand that is equal by chance', () => {
  let equal = 0;
  let compared = 0;
  fc.assert(
    fc.property(values, ({ value, imk }) => {
      const right = produced(value, imk);
      const number = value.pan.reveal();
      const others: DynamicCardValue[] = [
        { ...value, atc: value.atc ^ 1 },
        { ...value, pan: pan(changed(number, number.length - 2)) },
        { ...value, panSequence: changed(value.panSequence, 1) },
        value.kind === 'cvc3' ? { ...value, unpredictableNumber: changed(value.unpredictableNumber, 7) } : { ...value, expiry: changed(value.expiry, 1) },
      ];
      compared += others.length + 1;
      equal += others.filter((other) => produced(other, imk) === right).length + (produced(value, '2315208C9110AD402315208C9110AD43') === right ? 1 : 0);
    }),
    { numRuns: 300, seed: 1583 },
  );
  expect(equal / compared).toBeLessThan(0.01);
});

const refusalOf = (value: DynamicCardValue, carried = '123'): string => reasonOf(verdictOn(value, carried, '0123456789ABCDEFFEDCBA9876543210'));

test('a value that is no such value is refused, and nothing of it is quoted', () => {
  const cvc3 = cvc3Of(cvc3Vectors[0]!, 3);
  const dcvv = dcvvOf(dcvvVectors[0]!);
  for (const value of [cvc3, dcvv]) {
    for (const panSequence of ['', '0', '0A', '000']) expect(refusalOf({ ...value, panSequence })).toBe('malformed: the PAN sequence number is not two digits');
    for (const atc of [-1, 1.5, 0x10000, Number.NaN]) expect(refusalOf({ ...value, atc })).toBe('malformed: the transaction counter is not of two bytes');
    for (const carried of ['', '12', '1234', '12x', ' 12']) expect(refusalOf(value, carried)).toBe('malformed: the value is not 3 digits');
  }
  for (const track of ['', '5', '5G', '00'.repeat(129)]) expect(refusalOf({ ...cvc3, staticTrack: new Secret(track) })).toBe('malformed: the static track is not hexadecimal');
  for (const unpredictableNumber of ['', '1234567', '1234567A', '123456789']) expect(refusalOf({ ...cvc3, unpredictableNumber })).toBe('malformed: the unpredictable number is not eight digits');
  for (const count of [0, 2, 6, 3.5]) expect(refusalOf({ ...cvc3, digits: count })).toBe('malformed: a CVC3 has three to five digits in the track');
  for (const expiry of ['', '311', '31122', '31-2']) expect(refusalOf({ ...dcvv, expiry })).toBe('malformed: the expiry is not four digits');
  for (const serviceCode of ['', '20', '000', '999']) expect(refusalOf({ ...dcvv, serviceCode })).toBe('malformed: the service code is not three digits, or is one that no stripe carries');
  expect(reasonOf(produceDynamicCardValue(ringOf({ 'imk-cvc': '0123456789ABCDEFFEDCBA9876543210' }), { ...dcvv, serviceCode: '999' }))).toContain('malformed');
});

test('a key of another usage and one that is unknown are refused', () => {
  const keys = ringOf({ 'imk-ac': '0123456789ABCDEFFEDCBA9876543210' });
  const value = dcvvOf(dcvvVectors[0]!);
  for (const ask of [(of: Dcvv) => verifyDynamicCardValue(keys, { ...of, value: new Secret('123') }), (of: Dcvv) => produceDynamicCardValue(keys, of)]) {
    expect(reasonOf(ask({ ...value, key: { name: 'imk-ac' } }))).toBe('wrong_usage: the key imk-ac is for imk-ac, not for imk-cvc');
    expect(reasonOf(ask(value))).toBe('unknown_key: there is no key named imk-cvc');
  }
});

test('a card of a key that was replaced verifies while that may be used', () => {
  const vector = dcvvVectors[0]!;
  const keys = ringOf({ 'imk-cvc': [vector.imk, '0123456789ABCDEFFEDCBA9876543210'] });
  expect(verifyDynamicCardValue(keys, { ...dcvvOf(vector), value: new Secret(vector.value) })).toBe('match');
  expect(verifyDynamicCardValue(keys, { ...dcvvOf(vector), key: { name: 'imk-cvc', version: 2 }, value: new Secret(vector.value) })).toBe('mismatch');
});
