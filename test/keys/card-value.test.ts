import { createSecretKey, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FixedCardValue } from '../../src/keys/card-value.ts';
import type { FixedCardValueCheck } from '../../src/keys/card-value-operations.ts';
import type { Verdict } from '../../src/keys/hsm.ts';
import { addKey, loadKeys } from '../../src/keys/key-store.ts';
import type { LoadedKey } from '../../src/keys/key-store.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { KeyError } from '../../src/keys/key-error.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { cvvRefused, cvvVectors } from '../vectors/cvv.ts';
import type { CvvVector } from '../vectors/cvv.ts';
import { digits } from '../vectors/digits.ts';
import { published } from '../vectors/published.ts';
import { checkOf, hsmOf, openHsm, pan } from './fixture.ts';
import { demoCvk, keyFile, newKeyFile } from './key-file.ts';

interface PublishedCvv {
  readonly source: string;
  readonly cvk: string;
  readonly pan: string;
  readonly expiry: string;
  readonly service_code: string;
  readonly cvv: string;
  readonly reason: string;
}

const restate = (vector: PublishedCvv): CvvVector => ({ ...vector, serviceCode: vector.service_code, value: vector.cvv });
const vectors = [...cvvVectors, ...(published('cvv.json', 'cvv') as PublishedCvv[]).map(restate)];
const refused = [...cvvRefused, ...(published('cvv.json', 'cvv_reject') as PublishedCvv[]).map((vector) => ({ ...restate(vector), why: vector.reason }))];

const keyFileAs = keyFile({ cvk: demoCvk, other: 'E9A179FDC85E70C4FDFE015486024654' });
const hsm = openHsm(keyFileAs);
const oneOf = (check: FixedCardValueCheck): Verdict | undefined => hsm.verify([check])[0];
const codeOf = (verdict: Verdict | undefined): string | undefined => (typeof verdict === 'object' ? verdict.error.code : verdict);

const values: fc.Arbitrary<FixedCardValue> = fc
  .record({
    kind: fc.constantFrom('cvv', 'icvv', 'cvv2'),
    name: fc.constantFrom('cvk', 'other'),
    number: digits(8, 19),
    expiry: digits(4),
    serviceCode: digits(3).filter((code) => code !== '000' && code !== '999'),
    expiryOrder: fc.constantFrom('yymm', 'mmyy'),
  })
  .map(({ kind, name, number, expiry, serviceCode, expiryOrder }) => {
    const subject = { key: { name }, pan: pan(number), expiry };
    return kind === 'cvv' ? { ...subject, kind, serviceCode } : kind === 'icvv' ? { ...subject, kind } : { ...subject, kind, expiryOrder };
  });

const generate = (value: FixedCardValue): string => {
  const [generated] = hsm.produce([value]);
  if (generated === undefined || 'error' in generated) throw new Error('nothing generated');
  return generated.value.reveal();
};

test('every published value is computed and verified', () => {
  const byKey = new Map(vectors.map((vector) => [vector.cvk, `k${vector.cvk.toLowerCase()}`]));
  const vectorHsm = hsmOf(Object.fromEntries([...byKey].map(([hex, name]) => [name, hex])));
  const checks = vectors.map((vector) => checkOf(byKey.get(vector.cvk)!, vector.pan, vector.expiry, vector.serviceCode, vector.value));
  expect(vectorHsm.verify(checks)).toEqual(vectors.map(() => 'match'));
  const generated = vectorHsm.produce(checks).map((result) => ('value' in result ? result.value.reveal() : result.error.code));
  expect(generated).toEqual(vectors.map((vector) => vector.value));
});

test('a CVV2 over MMYY is the one over YYMM with month and year exchanged', () => {
  const vector = cvvVectors.find(({ value }) => value === '016')!;
  const mmyyHsm = openHsm(keyFile({ cvk: vector.cvk }));
  const subject = { kind: 'cvv2', key: { name: 'cvk' }, pan: pan(vector.pan), expiry: '2802', value: new Secret('016') } as const;
  expect(mmyyHsm.verify([{ ...subject, expiryOrder: 'mmyy' }, subject])).toEqual(['match', 'mismatch']);
});

test.each(refused)('$why is refused', ({ cvk, pan: number, expiry, serviceCode }) => {
  const { path, master } = newKeyFile();
  if (cvk.length !== 32) {
    expect(() => addKey(path, master, { name: 'cvk', usage: 'cvk' }, Buffer.from(cvk, 'hex'), randomBytes)).toThrow(KeyError);
    return;
  }
  if (Pan.parse(number) === undefined) {
    expect(number).toMatch(/[^0-9]/);
    return;
  }
  const verdict = hsmOf({ cvk }).verify([checkOf('cvk', number, expiry, serviceCode, '123')])[0];
  expect(codeOf(verdict)).toBe('malformed');
});

test('a value that was generated verifies, and with any one digit changed it does not', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 9 }), (value, place, by) => {
      const right = generate(value);
      const wrong = right.slice(0, place) + String((Number(right[place]) + by) % 10) + right.slice(place + 1);
      const verdicts = hsm.verify([
        { ...value, value: new Secret(right) },
        { ...value, value: new Secret(wrong) },
      ]);
      expect(verdicts).toEqual(['match', 'mismatch']);
    }),
  );
});

test('the value of another card, expiry, service code or key is another value, save for the one in a thousand that is equal by chance', () => {
  let equal = 0;
  let compared = 0;
  fc.assert(
    fc.property(values, fc.nat(18), (value, seed) => {
      const right = generate(value);
      const number = value.pan.reveal();
      const place = seed % number.length;
      const changed = number.slice(0, place) + String((Number(number[place]) + 1) % 10) + number.slice(place + 1);
      const others: FixedCardValue[] = [
        { ...value, pan: pan(changed) },
        { ...value, expiry: value.expiry === '3112' ? '3111' : '3112' },
        { ...value, key: { name: value.key.name === 'cvk' ? 'other' : 'cvk' } },
      ];
      compared += others.length;
      equal += others.filter((other) => generate(other) === right).length;
    }),
    { numRuns: 500, seed: 1583 },
  );
  expect(equal / compared).toBeLessThan(0.01);
});

test('a verdict does not depend on what else is asked in the same call', () => {
  fc.assert(
    fc.property(fc.array(values, { maxLength: 40 }), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (batch, wrongAt) => {
      const checks = batch.map((value, place) => {
        const right = generate(value);
        return { ...value, value: new Secret(wrongAt[place] === true ? String((Number(right) + 1) % 1000).padStart(3, '0') : right) };
      });
      expect(hsm.verify(checks)).toEqual(batch.map((_, place) => (wrongAt[place] === true ? 'mismatch' : 'match')));
    }),
    { numRuns: 30 },
  );
});

test('a call larger than one batch answers every check in its place, refused ones among them', () => {
  const checks: FixedCardValueCheck[] = [];
  const expected: string[] = [];
  for (let place = 0; place < 1000; place++) {
    const value: FixedCardValue = { kind: 'icvv', key: { name: place % 3 === 0 ? 'other' : 'cvk' }, pan: pan(String(4_000_000_000_000 + place)), expiry: '3112' };
    const malformed = place % 7 === 0;
    checks.push({ ...value, expiry: malformed ? '31x2' : '3112', value: new Secret(generate(value)) });
    expected.push(malformed ? 'malformed' : 'match');
  }
  expect(hsm.verify(checks).map(codeOf)).toEqual(expected);
});

test('a key of another usage, an unknown key and an unknown version are refused with their reason', () => {
  const check = checkOf('token', '4761730000000011', '3112', '201', '123');
  expect(oneOf(check)).toEqual({ error: { code: 'wrong_usage', reason: 'the key token is for token, not for cvk' } });
  expect(oneOf({ ...check, key: { name: 'pan' } })).toEqual({ error: { code: 'wrong_usage', reason: 'the key pan is for pan, not for cvk' } });
  expect(oneOf({ ...check, key: { name: 'none' } })).toEqual({ error: { code: 'unknown_key', reason: 'there is no key named none' } });
  expect(oneOf({ ...check, key: { name: 'cvk', version: 2 } })).toEqual({ error: { code: 'unknown_key', reason: 'the key cvk has no version 2' } });
});

test('a value, expiry or service code of a wrong length is refused, and none is quoted', () => {
  for (const value of ['', '12', '1234', '12x', ' 12']) expect(codeOf(oneOf(checkOf('cvk', '4761730000000011', '3112', '201', value)))).toBe('malformed');
  for (const expiry of ['', '311', '31122', '31-2']) expect(codeOf(oneOf(checkOf('cvk', '4761730000000011', expiry, '201', '123')))).toBe('malformed');
  for (const code of ['', '20', '2011', '2a1']) expect(codeOf(oneOf(checkOf('cvk', '4761730000000011', '3112', code, '123')))).toBe('malformed');
  const refusal = JSON.stringify(oneOf(checkOf('cvk', '4761730000000011', '3112', '201', '9876')));
  expect(refusal).not.toMatch(/9876|0011/);
});

test('an iCVV or CVV2 on a stripe whose service code was changed to theirs does not pass as a CVV', () => {
  for (const [kind, serviceCode] of [
    ['icvv', '999'],
    ['cvv2', '000'],
  ] as const) {
    const subject = { key: { name: 'cvk' }, pan: pan('4761730000000011'), expiry: '3112' };
    const stolen = generate({ ...subject, kind });
    expect(codeOf(oneOf({ ...subject, kind: 'cvv', serviceCode, value: new Secret(stolen) }))).toBe('malformed');
  }
});

test('a CVV2 of a generation verifies as that generation only, and CVV and iCVV have none', () => {
  const subject = { kind: 'cvv2', key: { name: 'cvk' }, pan: pan('4761730000000011'), expiry: '3112' } as const;
  const byGeneration = [0, 1, 2, 3, 65_535].map((generation) => ({ ...subject, generation, value: new Secret(generate({ ...subject, generation })) }));
  for (const check of byGeneration) expect(hsm.verify(byGeneration.map(({ generation }) => ({ ...check, generation })))).toEqual(byGeneration.map((other) => (other === check ? 'match' : 'mismatch')));
  expect(hsm.verify([{ ...subject, value: byGeneration[0]!.value }])).toEqual(['match']);
  for (const generation of [-1, 65_536, 0.5]) expect(codeOf(oneOf({ ...byGeneration[0]!, generation }))).toBe('malformed');
});

test('a value of a version that was replaced verifies for as long as that version may be used', () => {
  const loaded = loadKeys(keyFileAs.path, keyFileAs.master);
  const cvk = loaded.find(({ info }) => info.usage === 'cvk')!;
  const old: LoadedKey = { ...cvk, info: { ...cvk.info, checksUntilMs: 1000 } };
  const renewed: LoadedKey = { info: { ...cvk.info, version: 2, kcv: '000000' }, key: createSecretKey(randomBytes(16)) };
  let nowMs = 0;
  const rotated = new SoftwareHsm([...loaded.filter((key) => key !== cvk), old, renewed], { random: randomBytes, now: () => nowMs });
  const subject = { kind: 'cvv', key: { name: 'cvk' }, pan: pan('4761730000000011'), expiry: '3112', serviceCode: '201' } as const;
  const value = new Secret(generate(subject));
  expect(rotated.verify([{ ...subject, value }])).toEqual(['match']);
  const [made] = rotated.produce([subject]);
  expect(made !== undefined && 'value' in made && rotated.verify([{ ...subject, value: made.value }])).toEqual(['match']);
  nowMs = 1000;
  expect(rotated.verify([{ ...subject, value }])).toEqual(['mismatch']);
});

test('cards of an older key version verify under it until they are replaced', () => {
  const fixture = keyFile({ cvk: demoCvk });
  const old = checkOf('cvk', '4761730000000011', '3112', '201', '');
  const [value] = openHsm(fixture).produce([old]);
  if (value === undefined || 'error' in value) throw new Error('nothing generated');
  addKey(fixture.path, fixture.master, { name: 'cvk', usage: 'cvk' }, Buffer.from('E9A179FDC85E70C4FDFE015486024654', 'hex'), randomBytes);
  const rotated = openHsm(fixture);
  expect(rotated.verify([{ ...old, key: { name: 'cvk', version: 1 }, ...value }, { ...old, ...value }])).toEqual(['match', 'mismatch']);
});
