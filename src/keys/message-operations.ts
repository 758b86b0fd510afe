/**
 * The software HSM's answers about MACs and cardholder authentication values. A comparison takes as long whatever differs first; a
 * reason never has a value in it.
 */
import { timingSafeEqual } from 'node:crypto';
import { Secret } from '../message/secret.ts';
import { authenticationForms, authenticationValueBytes } from './authentication-value.ts';
import type { BoundFacts, MadeOf, ValueOrFault } from './authentication-value.ts';
import { isHex, toHex } from './hex.ts';
import type { Product, Refusal, Verdict } from './hsm.ts';
import type { AuthenticationCheck, AuthenticationForm, AuthenticationOrder, MacCheck, MacOrder } from './hsm-message.ts';
import { refusal, verifyUnderAny } from './key-finder.ts';
import type { KeyFinder, KeyVersion } from './key-finder.ts';
import { cmac, retailMac } from './mac.ts';

const macBytesMin = 4;
const macBytesMax = 8;

export function verifyMac(keys: KeyFinder, check: MacCheck): Verdict {
  const presented = bytesOf(check.mac.reveal(), check.length);
  if (presented === undefined) return { error: refusal('malformed', 'the MAC is not hexadecimal of the length that it should have') };
  return verifyUnderAny(keys, check.key, 'zak', (version) => {
    const mac = macOf(version, check);
    return 'code' in mac ? { error: mac } : timingSafeEqual(mac, presented) ? 'match' : 'mismatch';
  });
}

/** The product is the MAC in upper-case hexadecimal. */
export function produceMac(keys: KeyFinder, order: MacOrder): Product {
  const found = keys.find(order.key, 'zak');
  if ('code' in found) return { error: found };
  const mac = macOf(found[0], order);
  return 'code' in mac ? { error: mac } : { value: new Secret(toHex(mac)) };
}

export function verifyAuthentication(keys: KeyFinder, check: AuthenticationCheck): Verdict {
  const presented = bytesOf(check.value.reveal(), authenticationValueBytes);
  if (presented === undefined) return { error: refusal('malformed', 'the authentication value is not twenty bytes in hexadecimal') };
  const facts = { pan: check.pan.reveal(), amount: check.amount, transactionId: check.transactionId };
  return verifyUnderAny(keys, check.key, 'cavv', (version) => {
    const expected = expectedValue(version, check.form, facts, presented);
    if (expected === undefined) return 'mismatch';
    if ('code' in expected) return { error: expected };
    if ('fault' in expected) return { error: refusal('malformed', expected.fault) };
    return timingSafeEqual(expected, presented) ? 'match' : 'mismatch';
  });
}

/** The product is the twenty bytes in upper-case hexadecimal. */
export function produceAuthentication(keys: KeyFinder, order: AuthenticationOrder): Product {
  const found = keys.find(order.key, 'cavv');
  if ('code' in found) return { error: found };
  const { amount, transactionId, trackingNumber, outcome = 'authenticated', merchantName = '' } = order;
  const value = madeValue(found[0], order.form, { pan: order.pan.reveal(), amount, transactionId, trackingNumber, outcome, merchantName });
  if ('code' in value) return { error: value };
  if ('fault' in value) return { error: refusal('malformed', value.fault) };
  return { value: new Secret(toHex(value)) };
}

function macOf({ info, tdes, aes }: KeyVersion, { algorithm, data, length }: MacOrder): Buffer | Refusal {
  if (!Number.isInteger(length) || length < macBytesMin || length > macBytesMax) return refusal('malformed', 'a MAC of four to eight bytes is carried');
  if (algorithm === 'retail') {
    if (tdes === undefined) return refusal('wrong_usage', `the key ${info.name} is not a triple DES key, and the retail MAC takes no other`);
    return retailMac(tdes, data, 1).subarray(0, length);
  }
  const key = tdes ?? aes;
  if (key === undefined) return refusal('wrong_usage', `the key ${info.name} is neither a triple DES nor an AES key, and CMAC takes no other`);
  return cmac(key, data).subarray(0, length);
}

function expectedValue(version: KeyVersion, form: AuthenticationForm, facts: BoundFacts, presented: Buffer): ValueOrFault | undefined | Refusal {
  const made = authenticationForms[form];
  if (made.family === 'hmac') return isHmac(version) ? made.expected(version.key, facts, presented) : otherFamily(version, form);
  return version.tdes === undefined ? otherFamily(version, form) : made.expected(version.tdes, facts, presented);
}

function madeValue(version: KeyVersion, form: AuthenticationForm, facts: MadeOf): ValueOrFault | Refusal {
  const made = authenticationForms[form];
  if (made.family === 'hmac') return isHmac(version) ? made.make(version.key, facts) : otherFamily(version, form);
  return version.tdes === undefined ? otherFamily(version, form) : made.make(version.tdes, facts);
}

function isHmac({ tdes, aes }: KeyVersion): boolean {
  return tdes === undefined && aes === undefined;
}

function otherFamily({ info }: KeyVersion, form: AuthenticationForm): Refusal {
  return refusal('wrong_usage', `the key ${info.name} is of ${info.algorithm}, and ${form} takes ${authenticationForms[form].family === 'hmac' ? 'an HMAC key' : 'a triple DES key'}`);
}

/** Hexadecimal of so many bytes, and nothing else. */
function bytesOf(text: string, bytes: number): Buffer | undefined {
  return text.length === bytes * 2 && isHex(text) ? Buffer.from(text, 'hex') : undefined;
}
