import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { authenticationForms, authenticationIdentity, spa2AmountCode } from '../../src/keys/authentication-value.ts';
import { hasOddParity, TdesKey, withOddParity } from '../../src/keys/block-cipher.ts';
import type { AuthenticationCheck, AuthenticationForm, AuthenticationOrder } from '../../src/keys/hsm-message.ts';
import type { Product, Verdict } from '../../src/keys/hsm.ts';
import { hasCheckValue, keyCheckValue } from '../../src/keys/key-usage.ts';
import { produceAuthentication, verifyAuthentication } from '../../src/keys/message-operations.ts';
import { Secret } from '../../src/message/secret.ts';
import { authenticationVectors, bareKeyVectors, longCheckValues, parityVectors, spa2Amounts, spa2Vector } from '../vectors/authentication.ts';
import { digits } from '../vectors/digits.ts';
import { published } from '../vectors/published.ts';
import { pan } from './fixture.ts';
import { keyRing, testNowMs } from './message-keys.ts';

const hmacKey = (hex: string): string => hex.padEnd(64, '0');

const keys = keyRing(
  { name: 'visa', usage: 'cavv', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'hmac', usage: 'cavv', algorithm: 'hmac-sha256', key: hmacKey('00112233445566778899AABBCCDDEEFF') },
  { name: 'other-visa', usage: 'cavv', algorithm: 'tdes-2key', key: 'E9A179FDC85E70C4FDFE015486024654' },
  { name: 'other-hmac', usage: 'cavv', algorithm: 'hmac-sha256', key: hmacKey('FF') },
  { name: 'cvk', usage: 'cvk', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'rotated', usage: 'cavv', algorithm: 'tdes-2key', key: 'E9A179FDC85E70C4FDFE015486024654', version: 2 },
  { name: 'rotated', usage: 'cavv', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210', checksUntilMs: testNowMs + 1 },
);

const forms: readonly AuthenticationForm[] = ['visa-cavv-0', 'visa-cavv-7', 'mastercard-spa1', 'mastercard-spa2'];
const bindsAmount = (form: AuthenticationForm): boolean => form === 'visa-cavv-7' || form === 'mastercard-spa2';
const keyNameFor = (form: AuthenticationForm): string => (authenticationForms[form].family === 'tdes' ? 'visa' : 'hmac');
const transactionId = spa2Vector.transactionId;

const order = (form: AuthenticationForm, over: Partial<AuthenticationOrder> = {}): AuthenticationOrder => ({
  kind: 'authentication', key: { name: keyNameFor(form) }, form, pan: pan('4123456789012345'), amount: { amountMinor: 12_345, currency: '978' },
  transactionId, trackingNumber: '2231034727', merchantName: 'Hostel Pod Lipou', ...over,
});
const made = (of: AuthenticationOrder): string => valueOf(produceAuthentication(keys, of));
const valueOf = (product: Product): string => ('value' in product ? product.value.reveal() : `${product.error.code}: ${product.error.reason}`);
const checkOf = ({ key, form, pan: card, amount, transactionId: id }: AuthenticationOrder, value: string): AuthenticationCheck => ({
  kind: 'authentication', key, form, pan: card, amount, transactionId: id, value: new Secret(value),
});
const verify = (of: AuthenticationOrder, value: string): Verdict => verifyAuthentication(keys, checkOf(of, value));
const refusalOf = (verdict: Verdict): string => (typeof verdict === 'object' ? `${verdict.error.code}: ${verdict.error.reason}` : verdict);

const orders = fc
  .record({
    form: fc.constantFrom(...forms),
    number: digits(13, 19),
    amountMinor: fc.integer({ min: 0, max: 14_000 }),
    trackingNumber: digits(1, 9),
    merchantName: fc.string({ maxLength: 30 }),
    outcome: fc.constantFrom('authenticated', 'attempted'),
  })
  .map(({ form, number, amountMinor, ...rest }) => order(form, { ...rest, pan: pan(number), amount: { amountMinor, currency: '978' } }));

test('every public value verifies for its card, and for no other', () => {
  for (const { source, form, key, pan: number, value } of authenticationVectors) {
    const ring = keyRing({ name: 'k', usage: 'cavv', algorithm: form.startsWith('visa') ? 'tdes-2key' : 'hmac-sha256', key: form.startsWith('visa') ? key : hmacKey(key) });
    const check = checkOf(order(form, { key: { name: 'k' }, pan: pan(number), amount: undefined, transactionId: '' }), value);
    expect(verifyAuthentication(ring, check), source).toBe('match');
    expect(verifyAuthentication(ring, { ...check, value: new Secret(value.toLowerCase()) })).toBe('match');
    expect(verifyAuthentication(ring, { ...check, pan: pan(`${number.slice(0, -1)}9`) })).toBe('mismatch');
  }
});

test('the published MAC of an IAV, and its hash of the merchant, are computed', () => {
  const { amount, merchantName } = spa2Vector;
  const ring = keyRing({ name: 'k', usage: 'cavv', algorithm: 'hmac-sha256', key: hmacKey(spa2Vector.key) });
  const of = order('mastercard-spa2', { key: { name: 'k' }, pan: pan(spa2Vector.pan), amount, merchantName });
  expect(valueOf(produceAuthentication(ring, of))).toBe(`${spa2Vector.begins}${spa2Vector.merchantHash}${'0'.repeat(20)}`);
});

test('the amounts of SPA2 are coded as published, and in sixteen bits whatever they are', () => {
  for (const [amountMinor, code] of spa2Amounts) expect(spa2AmountCode(amountMinor)).toBe(code);
  fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999_999 }), (amountMinor) => {
    expect(spa2AmountCode(amountMinor)).toSatisfy((code: number) => Number.isInteger(code) && code >= 0 && code <= 0xffff);
  }));
});

test('a value that was made verifies, and not under another key', () => {
  fc.assert(
    fc.property(orders, (of) => {
      const value = made(of);
      expect(value).toMatch(/^[0-9A-F]{40}$/);
      expect(verify(of, value)).toBe('match');
    }),
  );
  for (const form of ['visa-cavv-7', 'mastercard-spa1', 'mastercard-spa2'] as const) {
    expect(verify(order(form, { key: { name: `other-${keyNameFor(form)}` } }), made(order(form)))).toBe('mismatch');
  }
  expect(verify(order('visa-cavv-0', { key: { name: 'other-visa' } }), made(order('visa-cavv-0')))).toBe('mismatch');
});

test('of a value that covers all it carries, no bit can be changed', () => {
  for (const form of ['visa-cavv-7', 'mastercard-spa1', 'mastercard-spa2'] as const) {
    const value = made(order(form));
    for (let bit = 0; bit < 160; bit++) {
      const changed = Buffer.from(value, 'hex');
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(verify(order(form), changed.toString('hex')), `${form} ${bit}`).not.toBe('match');
    }
  }
});

test('of a CAVV of version 0 no bit can be changed but in key indicator, action and the tracking number\'s first twelve digits, which its identity leaves out', () => {
  const value = made(order('visa-cavv-0'));
  for (let bit = 0; bit < 160; bit++) {
    const changed = Buffer.from(value, 'hex');
    changed[bit >> 3]! ^= 1 << (bit & 7);
    const text = changed.toString('hex').toUpperCase();
    if (verify(order('visa-cavv-0'), text) !== 'match') continue;
    expect(authenticationIdentity('visa-cavv-0', text), String(bit)).toBe(authenticationIdentity('visa-cavv-0', value));
  }
});

test('a value of another card does not verify, save for the share that is equal by chance', () => {
  const matches = new Map<AuthenticationForm, number>();
  for (const form of forms) {
    for (let place = 0; place < 300; place++) {
      const of = order(form, { pan: pan(String(4_000_000_000_000_000 + place * 7_919)), trackingNumber: String(place) });
      const other = { ...of, pan: pan(String(4_000_000_000_000_001 + place * 7_919)) };
      if (verify(other, made(of)) === 'match') matches.set(form, (matches.get(form) ?? 0) + 1);
    }
  }
  expect(matches.get('visa-cavv-0') ?? 0).toBeLessThan(4);
  for (const form of ['visa-cavv-7', 'mastercard-spa1', 'mastercard-spa2'] as const) expect(matches.get(form)).toBeUndefined();
});

test('a form that binds amount and currency verifies for no other, one that does not takes no note of them', () => {
  for (const form of forms) {
    const of = order(form);
    const value = made(of);
    const expected = bindsAmount(form) ? 'mismatch' : 'match';
    expect(verify({ ...of, amount: { amountMinor: 12_346, currency: '978' } }, value)).toBe(expected);
    expect(verify({ ...of, amount: { amountMinor: 12_345, currency: '840' } }, value)).toBe(expected);
    expect(verify({ ...of, amount: { amountMinor: 1_234_500, currency: '978' } }, value)).toBe(expected);
    expect(refusalOf(verify({ ...of, amount: undefined }, value))).toBe(
      bindsAmount(form) ? 'malformed: the amount that the authentication was for is missing' : 'match',
    );
  }
});

test('an IAV verifies for its directory server transaction only', () => {
  const of = order('mastercard-spa2');
  const value = made(of);
  expect(verify({ ...of, transactionId: `3${transactionId.slice(1)}` }, value)).toBe('mismatch');
  expect(verify({ ...of, transactionId: transactionId.toUpperCase() }, value)).toBe('match');
  for (const id of ['', transactionId.slice(1), `${transactionId}0`, transactionId.replaceAll('-', '0')]) {
    expect(refusalOf(verify({ ...of, transactionId: id }, value))).toBe('malformed: the transaction id is missing, or is no UUID');
  }
});

test('a value of one form does not pass as one of another', () => {
  for (const form of forms) {
    for (const other of forms) if (other !== form) expect(verify(order(other), made(order(form)))).not.toBe('match');
  }
});

test('a CAVV of which the results say that nobody was authenticated vouches for nothing', () => {
  const key = new TdesKey(Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex'));
  const value = Buffer.from(made(order('visa-cavv-0')), 'hex');
  for (const results of [1, 5, 8, 9, 0x10, 0x70]) {
    value[0] = results;
    const facts = { pan: '4123456789012345', amount: undefined, transactionId: '' };
    const form = authenticationForms['visa-cavv-0'];
    expect(form.family === 'tdes' && form.expected(key, facts, value)).toBeUndefined();
  }
});

test('an AAV without an authentication method, of another control byte or with a MAC of another kind does not verify', () => {
  const form = authenticationForms['mastercard-spa1'];
  const key = createSecretKey(Buffer.alloc(32, 1));
  const facts = { pan: '5432109876543210', amount: undefined, transactionId: '' };
  const expected = (change: (value: Buffer) => void): unknown => {
    const value = Buffer.from(authenticationVectors[1]!.value, 'hex');
    change(value);
    return form.family === 'hmac' && form.expected(key, facts, value);
  };
  expect(expected((value) => value.writeUInt8(0x01, 10))).toBeUndefined();
  expect(expected((value) => value.writeUInt8(0x8d, 0))).toBeUndefined();
  expect(expected((value) => value.writeUInt8(8, 9))).toEqual({ fault: 'the authentication value has a MAC that is no HMAC, which is not taken' });
});

test('a value of a wrong length or not hexadecimal is refused and not quoted', () => {
  for (const form of forms) {
    const value = made(order(form));
    for (const wrong of ['', value.slice(2), `${value}00`, `${value.slice(1)}x`, ` ${value.slice(1)}`]) {
      const verdict = verify(order(form), wrong);
      expect(refusalOf(verdict)).toBe('malformed: the authentication value is not twenty bytes in hexadecimal');
    }
  }
});

test('what cannot be made is refused with its reason', () => {
  expect(made(order('visa-cavv-0', { trackingNumber: '' }))).toBe('malformed: the tracking number is not one to sixteen digits');
  expect(made(order('visa-cavv-7', { trackingNumber: '12345678901234567' }))).toBe('malformed: the tracking number is not one to sixteen digits');
  expect(made(order('mastercard-spa1', { trackingNumber: '4294967296' }))).toBe('malformed: the transaction sequence number is not a number below 2^32');
  expect(made(order('mastercard-spa1', { trackingNumber: '4294967295' }))).toMatch(/^[0-9A-F]{40}$/);
  for (const amountMinor of [-1, 0.5, 1e12, Number.NaN]) {
    expect(made(order('visa-cavv-7', { amount: { amountMinor, currency: '978' } }))).toBe('malformed: the amount is not zero to twelve digits');
  }
  expect(made(order('mastercard-spa2', { amount: { amountMinor: 1, currency: '97' } }))).toBe('malformed: the currency is not three digits');
});

test('a key of the other family or of another usage, and an unknown key, are refused with their reason', () => {
  expect(refusalOf(verify(order('visa-cavv-0', { key: { name: 'hmac' } }), '0'.repeat(40)))).toBe('wrong_usage: the key hmac is of hmac-sha256, and visa-cavv-0 takes a triple DES key');
  expect(refusalOf(verify(order('mastercard-spa1', { key: { name: 'visa' } }), '0'.repeat(40)))).toBe('wrong_usage: the key visa is of tdes-2key, and mastercard-spa1 takes an HMAC key');
  expect(made(order('mastercard-spa2', { key: { name: 'visa' } }))).toBe('wrong_usage: the key visa is of tdes-2key, and mastercard-spa2 takes an HMAC key');
  expect(made(order('visa-cavv-7', { key: { name: 'cvk' } }))).toBe('wrong_usage: the key cvk is for cvk, not for cavv');
  expect(refusalOf(verify(order('visa-cavv-7', { key: { name: 'none' } }), '0'.repeat(40)))).toBe('unknown_key: there is no key named none');
});

test('a value made under a key that was replaced verifies until its time is over', () => {
  const value = made(order('visa-cavv-7'));
  expect(verify(order('visa-cavv-7', { key: { name: 'rotated' } }), value)).toBe('match');
  expect(made(order('visa-cavv-7', { key: { name: 'rotated' } }))).not.toBe(value);
});

test('every published key check value of four digits or more is the beginning of the key\'s own', () => {
  const more = published('cavv_aav_kcv.json', 'kcv') as typeof longCheckValues;
  for (const { algorithm, key, kcv } of [...longCheckValues, ...more]) {
    const clear = Buffer.from(key, 'hex');
    expect(hasCheckValue(algorithm === 'TDES' ? 'tdes-2key' : 'aes-128', clear, kcv)).toBe(true);
    expect(hasCheckValue(algorithm === 'TDES' ? 'tdes-2key' : 'aes-128', clear, kcv.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).toBe(false);
    expect(keyCheckValue(algorithm === 'TDES' ? 'tdes' : 'aes', clear).slice(0, kcv.length)).toBe(kcv.slice(0, 6));
  }
});

test('every published key is adjusted to odd parity, and every key that travelled bare is the one enciphered', () => {
  for (const { key, adjusted } of [...parityVectors, ...(published('cavv_aav_kcv.json', 'odd_parity_adjust') as typeof parityVectors)]) {
    expect(withOddParity(Buffer.from(key, 'hex')).toString('hex').toUpperCase()).toBe(adjusted);
    expect(hasOddParity(Buffer.from(adjusted, 'hex'))).toBe(true);
  }
  const more = (published('cavv_aav_kcv.json', 'key_under_kek_ecb') as readonly Readonly<Record<'key' | 'kek' | 'wrapped_ecb', string>>[]).map((vector) => ({ ...vector, wrapped: vector.wrapped_ecb }));
  for (const { key, kek, wrapped } of [...bareKeyVectors, ...more]) {
    expect(new TdesKey(Buffer.from(kek, 'hex')).encrypt(Buffer.from(key, 'hex')).toString('hex').toUpperCase()).toBe(wrapped);
  }
});

test('the published file has the vectors that it had, where it is there, and none of authentication values', () => {
  const counts = ['visa_cavv', 'mastercard_aav', 'kcv', 'odd_parity_adjust', 'key_under_kek_ecb'].map((name) => published('cavv_aav_kcv.json', name).length);
  expect(counts).toEqual((process.env['LOCUM_VECTORS'] ?? '') === '' ? [0, 0, 0, 0, 0] : [0, 0, 11, 1, 1]);
});
