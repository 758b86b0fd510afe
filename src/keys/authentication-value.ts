/**
 * Cardholder authentication values of e-commerce (3-D Secure): twenty bytes by which an issuer's access control server vouches for a
 * cardholder, and which the authorization then carries. Pure: facts and a key in, bytes or a sentence out.
 *
 * What is public, and where; the networks' own specifications are not:
 * - Visa CAVV usage 3 version 0: every byte, with an example (the Go package gocavv, after Visa's table "Assembling CAVV Data Field").
 * - Mastercard SPA1 (AAV) with HMAC: every byte, with two examples (US patent application 2007/0143227 A1, paragraphs 96 to 122).
 *   Its other MAC, by the CVC2 method, is not taken.
 * - Mastercard SPA2: the IAV that an access control server gives the directory server: what its HMAC is over and where it stands, with
 *   an example (gocavv). That the number in it is the beginning of the directory server's transaction id, and that the hash of the
 *   merchant's name is carried behind the MAC, are our own. The AAV that the directory server makes of an IAV is not public, so what is
 *   verified here is the IAV itself.
 * - Visa CAVV version 7: that it is the CVV algorithm over other inputs (AWS Payment Cryptography user guide, "Generate card data"),
 *   and that it has version 0's room. What the inputs are is our own, and so another party's value will not verify.
 *
 * Invariant: a value verifies as a whole or not at all; of what a form carries, what its cryptography does not cover is named at it.
 */
import { createHash, createHmac } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Amount } from '../message/money.ts';
import type { TdesKey } from './block-cipher.ts';
import { isDigits } from './card-value.ts';
import type { AuthenticationForm } from './hsm-message.ts';
import { retailMac } from './mac.ts';

export const authenticationValueBytes = 20;

/** What a value is bound to, beside what it carries itself. */
export interface BoundFacts {
  /** The clear digits. */
  readonly pan: string;
  readonly amount: Amount | undefined;
  readonly transactionId: string;
}

/** What a value is made of. */
export interface MadeOf extends BoundFacts {
  readonly trackingNumber: string;
  readonly outcome: 'authenticated' | 'attempted';
  readonly merchantName: string;
}

type Fault = { readonly fault: string };

export type ValueOrFault = Buffer | Fault;

/** Under a triple DES key. */
export interface VisaForm {
  readonly family: 'tdes';
  make(key: TdesKey, facts: MadeOf): ValueOrFault;
  /** The value that there should be instead of this one, by what it carries; undefined where none of this form can begin so. */
  expected(key: TdesKey, facts: BoundFacts, value: Buffer): ValueOrFault | undefined;
}

/** Under an HMAC key. */
export interface MastercardForm {
  readonly family: 'hmac';
  make(key: KeyObject, facts: MadeOf): ValueOrFault;
  expected(key: KeyObject, facts: BoundFacts, value: Buffer): ValueOrFault | undefined;
}

/**
 * What a value is told from others by when it may be used once only: the part of it that nobody without the key can change. Of a CAVV
 * of version 0 that are results, output and the tracking number's last four digits, so that one card's ten thousandth value may seem
 * to have been used; of the other forms it is all. Undefined where this is no value.
 */
export function authenticationIdentity(form: AuthenticationForm, value: string): string | undefined {
  if (!/^[0-9A-Fa-f]{40}$/.test(value)) return undefined;
  const upper = value.toUpperCase();
  return form === 'visa-cavv-0' ? upper.slice(0, 4) + upper.slice(6, 14) : upper;
}

/**
 *   0   results code (0 authenticated, 7 attempted)       7   authentication tracking number, sixteen digits
 *   1   second factor code                               15   version, authentication action
 *   2   key indicator                                    16   four bytes of zeros
 *   3   output, three digits
 *   5   "unpredictable number": version 0: the tracking number's last four digits; version 7: four digits of a MAC (ISO/IEC 9797-1,
 *       algorithm 3, padding 3) over the whole PAN, all other bytes of the value but the output, amount and currency
 *
 * All decimal digits, two a byte. The output is the CVV algorithm over the PAN's rightmost sixteen digits (zeros before a shorter
 * one), the unpredictable number in the expiry's place, and results and second factor code in the service code's.
 * Version 0 does not cover the key indicator, the tracking number's first twelve digits and the action.
 */
interface Cavv {
  readonly results: number;
  readonly secondFactor: number;
  readonly keyIndicator: number;
  /** Eight bytes. */
  readonly trackingNumber: Buffer;
  readonly versionAndAction: number;
}

/** Codes for 3-D Secure 2: a challenge by a method without a code of its own; an attempts server. */
const secondFactors = { authenticated: 0x10, attempted: 0x98 } as const;
const resultsCodes = { authenticated: 0, attempted: 7 } as const;

function visaForm(version: 0 | 7): VisaForm {
  return {
    family: 'tdes',
    make(key, facts) {
      if (!/^[0-9]{1,16}$/.test(facts.trackingNumber)) return { fault: 'the tracking number is not one to sixteen digits' };
      const cavv = {
        results: resultsCodes[facts.outcome],
        secondFactor: secondFactors[facts.outcome],
        keyIndicator: 1,
        trackingNumber: Buffer.from(facts.trackingNumber.padStart(16, '0'), 'hex'),
        versionAndAction: version << 4,
      };
      return cavvOf(key, version, facts, cavv);
    },
    expected(key, facts, value) {
      if (!isDigits(value.toString('hex'), 40) || value[15]! >> 4 !== version) return undefined;
      if (value[0] !== resultsCodes.authenticated && value[0] !== resultsCodes.attempted) return undefined;
      const [results, secondFactor, keyIndicator, versionAndAction] = [value[0], value[1]!, value[2]!, value[15]!];
      return cavvOf(key, version, facts, { results, secondFactor, keyIndicator, trackingNumber: value.subarray(7, 15), versionAndAction });
    },
  };
}

function cavvOf(key: TdesKey, version: 0 | 7, facts: BoundFacts, cavv: Cavv): ValueOrFault {
  const value = Buffer.alloc(authenticationValueBytes);
  value[0] = cavv.results;
  value[1] = cavv.secondFactor;
  value[2] = cavv.keyIndicator;
  value.set(cavv.trackingNumber, 7);
  value[15] = cavv.versionAndAction;
  if (version === 0) value.copyWithin(5, 13, 15);
  else {
    const bound = boundAmount(facts.amount);
    if ('fault' in bound) return bound;
    const amount = `${String(bound.amountMinor).padStart(12, '0')}0${bound.currency}`;
    const covered = Buffer.concat([panNibbles(facts.pan), value, Buffer.from(amount, 'hex')]);
    value.write(decimalDigits(retailMac(key, covered, 3), 4), 5, 'hex');
  }
  const unpredictable = value.toString('hex', 5, 7);
  const codes = `${cavv.results}${value.toString('hex', 1, 2)}`;
  const input = Buffer.from((facts.pan.slice(-16).padStart(16, '0') + unpredictable + codes).padEnd(32, '0'), 'hex');
  // The CVV algorithm is the retail MAC of two blocks, read as decimal digits.
  value.write(`0${decimalDigits(retailMac(key, input, 1), 3)}`, 3, 'hex');
  return value;
}

/** The amount of a form that binds it. */
function boundAmount(amount: Amount | undefined): Amount | Fault {
  if (amount === undefined) return { fault: 'the amount that the authentication was for is missing' };
  const { amountMinor, currency } = amount;
  if (!Number.isInteger(amountMinor) || amountMinor < 0 || amountMinor > amountMinorMax) return { fault: 'the amount is not zero to twelve digits' };
  return isDigits(currency, 3) ? amount : { fault: 'the currency is not three digits' };
}

const amountMinorMax = 999_999_999_999;

/** All hex digits 0 to 9 from the left, then A to F from the left, less ten. */
function decimalDigits(block: Buffer, count: number): string {
  const hex = block.toString('hex');
  const letters = hex.replaceAll(/[0-9]/g, '');
  const fromLetters = Array.from(letters, (letter) => letter.charCodeAt(0) - 97).join('');
  return (hex.replaceAll(/[a-f]/g, '') + fromLetters).slice(0, count);
}

/** Ten bytes: the PAN's digits, filled up with F. */
function panNibbles(pan: string): Buffer {
  return Buffer.from(pan.padEnd(20, 'F'), 'hex');
}

/**
 *    0   control byte: 8C authenticated, 86 attempted          11   transaction sequence number, four bytes
 *    1   SHA-1 of the merchant's name, its first eight bytes   15   HMAC-SHA-1 over PAN, filled up with F to ten bytes, and
 *    9   access control server: 0 to 7 with an HMAC                 bytes 0 to 14; its first five bytes
 *   10   method (none only where attempted), key identifier
 */
const spa1: MastercardForm = {
  family: 'hmac',
  make(key, facts) {
    const sequence = /^[0-9]{1,16}$/.test(facts.trackingNumber) ? Number(facts.trackingNumber) : 2 ** 32;
    if (sequence >= 2 ** 32) return { fault: 'the transaction sequence number is not a number below 2^32' };
    const value = Buffer.alloc(authenticationValueBytes);
    value[0] = facts.outcome === 'authenticated' ? 0x8c : 0x86;
    value.set(createHash('sha1').update(facts.merchantName, 'utf8').digest().subarray(0, 8), 1);
    value[10] = facts.outcome === 'authenticated' ? 0x11 : 0x01;
    value.writeUInt32BE(sequence, 11);
    return withSpa1Mac(key, facts, value);
  },
  expected(key, facts, value) {
    if (value[9]! > 7) return { fault: 'the authentication value has a MAC that is no HMAC, which is not taken' };
    const authenticated = value[0] === 0x8c && value[10]! >> 4 !== 0;
    return authenticated || value[0] === 0x86 ? withSpa1Mac(key, facts, value) : undefined;
  },
};

function withSpa1Mac(key: KeyObject, { pan }: BoundFacts, value: Buffer): Buffer {
  const carried = value.subarray(0, 15);
  const mac = createHmac('sha1', key).update(panNibbles(pan)).update(carried).digest();
  return Buffer.concat([carried, mac.subarray(0, 5)]);
}

/**
 *    0   C6 04
 *    2   HMAC-SHA-256, its first four bytes, over: PAN, filled up with F to ten bytes; the merchant's four bytes; the amount in two
 *        bytes; the currency in four digits; the first four bytes of the directory server's transaction id
 *    6   SHA-256 of the merchant's name, its first four bytes
 *   10   zeros, ten bytes
 *
 * The amount's two bytes are exact up to 14000 minor units. Above they are its decimal logarithm, so that amounts less than a
 * twentieth of a percent apart may be one: as the form has it.
 */
const spa2: MastercardForm = {
  family: 'hmac',
  make(key, facts) {
    return spa2Value(key, facts, createHash('sha256').update(facts.merchantName, 'utf8').digest().subarray(0, 4));
  },
  expected(key, facts, value) {
    return spa2Value(key, facts, value.subarray(6, 10));
  },
};

function spa2Value(key: KeyObject, facts: BoundFacts, merchant: Uint8Array): ValueOrFault {
  const { transactionId } = facts;
  const bound = boundAmount(facts.amount);
  if ('fault' in bound) return bound;
  if (!/^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.test(transactionId)) return { fault: 'the transaction id is missing, or is no UUID' };
  const covered = Buffer.alloc(22);
  covered.set(panNibbles(facts.pan), 0);
  covered.set(merchant, 10);
  covered.writeUInt16BE(spa2AmountCode(bound.amountMinor), 14);
  covered.write(`0${bound.currency}${transactionId.slice(0, 8)}`, 16, 'hex');
  const value = Buffer.alloc(authenticationValueBytes);
  value.writeUInt16BE(0xc604, 0);
  value.set(createHmac('sha256', key).update(covered).digest().subarray(0, 4), 2);
  value.set(merchant, 6);
  return value;
}

/** The amount of SPA2 in sixteen bits. */
export function spa2AmountCode(amountMinor: number): number {
  return amountMinor <= 14_000 ? amountMinor : Math.floor(Math.log10(amountMinor / 100) * 6553.6);
}

export const authenticationForms: Readonly<Record<AuthenticationForm, VisaForm | MastercardForm>> = {
  'visa-cavv-0': visaForm(0),
  'visa-cavv-7': visaForm(7),
  'mastercard-spa1': spa1,
  'mastercard-spa2': spa2,
};
