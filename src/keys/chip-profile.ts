/**
 * What the schemes' cryptogram versions are, as data: which values a cryptogram covers and in which order, which keys it and the
 * issuer's answers are made with, and what a script to the card looks like. And where a scheme's issuer application data (tag 9F10) say
 * which key and version a card has.
 *
 * Sources. The minimum set and methods: EMV Book 2, 8.1, 8.2, 9 and A1.3. CVN 10 and 14: VIS 1.4.0 (Visa Public), D.2, which differ in
 * padding and session key. CVN 17 and '22', and the 9F10 formats: Thredd's table of Visa's cryptogram versions, jPOS
 * (`org.jpos.emv.cryptogram`), for CVN 17 with the contactless card's short list: amount, unpredictable number, ATC and the second byte
 * of the CVR. CVN 10, 18, '22' and M/Chip's 16 and 17, with their scripts: knovichikhin/pyemv (`cvn.py`), whose results the tests
 * restate. `emv-common`: the Common Core Definitions of EMV Book 2 and 3.
 */
import { isHex } from './hex.ts';
import type { ChipProfileName } from './hsm-chip.ts';
import type { BlockPadding } from './single-use-cipher.ts';

/** `none`: the card's own key. `mastercard`: the common derivation over ATC, two zeros and the unpredictable number. */
export type SessionKeyMethod = 'none' | 'emv-common' | 'emv2000' | 'mastercard';

/**
 * Of the issuer application data: the whole; the card verification results; those with M/Chip's counters after them; or byte 5 alone, in
 * which the CVR's bits for the cryptogram types are.
 */
export type IadPart = 'whole' | 'cvr' | 'cvrAndCounters' | 'byte5';

export type IadLayout = 'visa' | 'mastercard' | 'common';

export interface CoveredTag {
  readonly tag: string;
  readonly bytes: number;
  /** A terminal that has no such amount may leave the tag out, and gave its card zeros (EMV Book 3, 5.4). */
  readonly zerosIfAbsent: boolean;
}

export interface ScriptProfile {
  /** `visa-xor`: the ATC added to the card's key. `emv-common`: derived from the cryptogram. */
  readonly sessionKey: 'visa-xor' | 'emv-common';
  /**
   * What the MAC covers of the transaction, beside the command. `afterHeader`: ATC and cryptogram between header and data; `before`: the
   * cryptogram before the header, the following commands' being the MAC of the one before (EMV Book 2, 9.2.3).
   */
  readonly transactionData: 'afterHeader' | 'before';
  /** M/Chip adds the number of the command to the cryptogram that keys and MAC are made with. */
  readonly countsCommands: boolean;
  readonly macBytes: number;
  /** `iso-2`: ISO 9564-1 format 2. `visa`: length and digits, with the last half of the cryptogram key's left half added. */
  readonly pinBlock: 'iso-2' | 'visa';
  /** `lengthFirst`: a byte of length, then padding method 2; `onlyIfShort`: padding method 2 where a block is not full; `always80`. */
  readonly dataPadding: 'lengthFirst' | 'onlyIfShort' | 'always80';
  readonly encipherment: 'ecb' | 'cbc';
}

export interface ChipProfile {
  readonly covered: readonly CoveredTag[];
  /** Comes last. */
  readonly iadPart: IadPart;
  readonly iadLayout: IadLayout;
  readonly padding: BlockPadding;
  readonly sessionKey: SessionKeyMethod;
  readonly responseMethod: 1 | 2;
  /** Under the card's master key, or the session key that the cryptogram was made with. */
  readonly responseKey: 'master' | 'session';
  /** Method 1's two bytes: the characters of tag 8A, or M/Chip's bits. */
  readonly responseCode: 'characters' | 'm-chip';
  readonly script: ScriptProfile;
}

const amount: CoveredTag = { tag: '9F02', bytes: 6, zerosIfAbsent: false };
const unpredictableNumber: CoveredTag = { tag: '9F37', bytes: 4, zerosIfAbsent: false };
const counter: CoveredTag = { tag: '9F36', bytes: 2, zerosIfAbsent: false };

/** EMV Book 2, 8.1.1: amounts, the terminal's country, its results, currency, date, type, its number; the card's profile, its counter. */
const minimumSet: readonly CoveredTag[] = [
  amount,
  { tag: '9F03', bytes: 6, zerosIfAbsent: true },
  { tag: '9F1A', bytes: 2, zerosIfAbsent: false },
  { tag: '95', bytes: 5, zerosIfAbsent: false },
  { tag: '5F2A', bytes: 2, zerosIfAbsent: false },
  { tag: '9A', bytes: 3, zerosIfAbsent: false },
  { tag: '9C', bytes: 1, zerosIfAbsent: false },
  unpredictableNumber,
  { tag: '82', bytes: 2, zerosIfAbsent: false },
  counter,
];

const visaScript: ScriptProfile = {
  sessionKey: 'visa-xor', transactionData: 'afterHeader', countsCommands: false, macBytes: 8, pinBlock: 'visa', dataPadding: 'lengthFirst', encipherment: 'ecb',
};

const mastercardScript: ScriptProfile = {
  sessionKey: 'emv-common', transactionData: 'afterHeader', countsCommands: true, macBytes: 8, pinBlock: 'iso-2', dataPadding: 'onlyIfShort', encipherment: 'cbc',
};

const commonScript: ScriptProfile = {
  sessionKey: 'emv-common', transactionData: 'before', countsCommands: false, macBytes: 8, pinBlock: 'iso-2', dataPadding: 'always80', encipherment: 'cbc',
};

const cvn10: ChipProfile = {
  covered: minimumSet, iadPart: 'cvr', iadLayout: 'visa', padding: 'zeros', sessionKey: 'none',
  responseMethod: 1, responseKey: 'master', responseCode: 'characters', script: visaScript,
};

const cvn18: ChipProfile = {
  covered: minimumSet, iadPart: 'whole', iadLayout: 'visa', padding: 'always80', sessionKey: 'emv-common',
  responseMethod: 2, responseKey: 'session', responseCode: 'characters', script: visaScript,
};

const mastercard16: ChipProfile = {
  covered: minimumSet, iadPart: 'cvr', iadLayout: 'mastercard', padding: 'always80', sessionKey: 'mastercard',
  responseMethod: 1, responseKey: 'master', responseCode: 'm-chip', script: mastercardScript,
};

export const chipProfiles: Readonly<Record<ChipProfileName, ChipProfile>> = {
  'visa-cvn10': cvn10,
  'visa-cvn14': { ...cvn10, padding: 'always80', sessionKey: 'emv2000', responseKey: 'session' },
  'visa-cvn17': { ...cvn10, covered: [amount, unpredictableNumber, counter], iadPart: 'byte5' },
  'visa-cvn18': cvn18,
  'visa-cvn22': { ...cvn18, script: { ...visaScript, sessionKey: 'emv-common', pinBlock: 'iso-2' } },
  'mastercard-cvn16': mastercard16,
  'mastercard-cvn17': { ...mastercard16, iadPart: 'cvrAndCounters' },
  'emv-common': { ...cvn18, iadLayout: 'common', script: commonScript },
};

/** What issuer application data say of their card. */
export interface ReadIad {
  /** Which of the issuer's keys the card's was derived from. */
  readonly keyIndex: number;
  /** Visa's version called '22' is 34 here. */
  readonly cvn: number;
  /** Card verification results, hexadecimal: four bytes (Visa formats 0, 1 and 3), five (format 2, common) or six (M/Chip). */
  readonly cvr: string;
}

/** Tag 9F10's bytes, for any card (EMV Book 3, annex A). */
export const iadBytesMax = 32;

/** M/Chip's bytes, and how many of them, from the eleventh, are counters; a last online ATC may follow. */
const mastercardCounters: ReadonlyMap<number, number> = new Map([[18, 8], [20, 8], [26, 16], [28, 16]]);

/**
 *   Visa 0, 1, 3:  06 | key index | CVN | CVR (4) | issuer's data          Visa 2:  1F | CVN | key index | CVR (5) | issuer's data (24)
 *   Common:        0F | CCI | key index | CVR (5) | counters (8) | 0F | issuer's data (15): EMV Book 3, C7; the CCI is the version
 *   M/Chip:        key index | CVN | CVR (6) | DAC (2) | counters (8 or 16) | last online ATC (2, may be absent)
 *
 * Undefined: it is none of these.
 *
 * @param iad hexadecimal
 */
export function readIad(iad: string, layout: IadLayout): ReadIad | undefined {
  if (iad.length % 2 !== 0 || iad.length > 2 * iadBytesMax || !isHex(iad)) return undefined;
  if (layout === 'mastercard') return mastercardCounters.has(iad.length / 2) ? at(iad, 0, 1, 2, 6) : undefined;
  if (layout === 'common') return iad.length === 64 && /^0f/i.test(iad) && /^0f/i.test(iad.slice(32)) ? at(iad, 2, 1, 3, 5) : undefined;
  if (iad.startsWith('06')) return iad.length >= 14 ? at(iad, 1, 2, 3, 4) : undefined;
  if (iad.startsWith('1F') || iad.startsWith('1f')) return iad.length === 64 ? at(iad, 2, 1, 3, 5) : undefined;
  return undefined;
}

function at(iad: string, keyIndex: number, cvn: number, cvr: number, cvrBytes: number): ReadIad {
  return {
    keyIndex: Number.parseInt(iad.slice(2 * keyIndex, 2 * keyIndex + 2), 16),
    cvn: Number.parseInt(iad.slice(2 * cvn, 2 * cvn + 2), 16),
    cvr: iad.slice(2 * cvr, 2 * (cvr + cvrBytes)),
  };
}

/** The part that a cryptogram covers, hexadecimal; undefined where the data are not what the profile's cards send. */
export function coveredIad(iad: string, { iadPart, iadLayout }: ChipProfile): string | undefined {
  if (iadPart === 'whole') return iad.length >= 2 && iad.length <= 2 * iadBytesMax && iad.length % 2 === 0 && isHex(iad) ? iad : undefined;
  const read = readIad(iad, iadLayout);
  if (read === undefined) return undefined;
  if (iadPart === 'byte5') return iad.slice(8, 10);
  return iadPart === 'cvr' ? read.cvr : read.cvr + iad.slice(20, 20 + 2 * mastercardCounters.get(iad.length / 2)!);
}
