/**
 * What a chip program's rules make of a chip's data: which keys and which profile its cryptogram is checked with, and what the issuer
 * finds in what chip and terminal report (TVR, CVR, CID). Pure; all of it is data of the program.
 */
import { readIad } from '../keys/chip-profile.ts';
import type { IadLayout } from '../keys/chip-profile.ts';
import type { ChipProfileName, ChipTags } from '../keys/hsm-chip.ts';
import type { ChipFinding } from '../message/message.ts';
import type { Amount } from '../message/money.ts';

/** Names of keys in the key file. */
export interface ChipKeys {
  readonly ac: string;
  readonly smi: string | undefined;
  readonly smc: string | undefined;
}

export interface FindingRule {
  readonly name: string;
  /** `cvr`: the card verification results within tag 9F10. */
  readonly tag: '95' | 'cvr' | '9F27' | '9F34' | '82';
  /** From 1. */
  readonly byte: number;
  readonly mask: number;
  /** What the masked bits must be; undefined: any of them set. */
  readonly value: number | undefined;
  readonly effect: ChipFinding['effect'];
}

export interface ChipRules {
  readonly applicationData: IadLayout;
  readonly masterKeyOption: 'A' | 'B';
  /** By the key index that the chip names. */
  readonly keys: ReadonlyMap<number, ChipKeys>;
  /** By cryptogram version number. */
  readonly profiles: ReadonlyMap<number, ChipProfileName>;
  readonly required: boolean;
  readonly atcWindow: number;
  readonly fallback: boolean;
  /** Lock codes at which a chip is told to block its application: of those that nothing lifts. */
  readonly blockAtLocks: readonly number[];
  readonly findings: readonly FindingRule[];
  /** Of a cryptogram that is over another amount, or in another currency, than the message asks for. */
  readonly otherAmount: 'decline' | 'note';
  /** Four bytes each, hexadecimal. */
  readonly cardStatusUpdate: { readonly approved: string; readonly declined: string };
}

/** The schemes' own cryptogram versions (tag 9F10). */
export const schemeProfiles: Readonly<Record<ChipRules['applicationData'], ReadonlyMap<number, ChipProfileName>>> = {
  visa: new Map([[10, 'visa-cvn10'], [14, 'visa-cvn14'], [17, 'visa-cvn17'], [18, 'visa-cvn18'], [0x22, 'visa-cvn22']]),
  common: new Map([[0xa5, 'emv-common']]),
  mastercard: new Map([[16, 'mastercard-cvn16'], [17, 'mastercard-cvn17']]),
};

/** What is so whatever a program says: a card that declined is not approved, and a chip that is no genuine one is none. */
export const standingFindings: readonly FindingRule[] = [
  { name: 'declinedByCard', tag: '9F27', byte: 1, mask: 0xc0, value: 0x00, effect: 'decline' },
  { name: 'offlineAuthenticationFailed', tag: '95', byte: 1, mask: 0x4c, value: undefined, effect: 'decline' },
  { name: 'onTerminalExceptionFile', tag: '95', byte: 1, mask: 0x10, value: undefined, effect: 'note' },
  { name: 'applicationExpired', tag: '95', byte: 2, mask: 0x40, value: undefined, effect: 'note' },
  { name: 'cardholderVerificationFailed', tag: '95', byte: 3, mask: 0x80, value: undefined, effect: 'note' },
  { name: 'offlinePinTriesExceeded', tag: '95', byte: 3, mask: 0x20, value: undefined, effect: 'note' },
  { name: 'scriptFailed', tag: '95', byte: 5, mask: 0x30, value: undefined, effect: 'scriptFailed' },
];

/** What a chip's data says of itself; undefined where it is not what the program's chips send. */
export interface ChipReading {
  readonly atc: number;
  readonly keys: ChipKeys;
  readonly profile: ChipProfileName;
  readonly findings: readonly ChipFinding[];
}

const noFindings: readonly ChipFinding[] = [];
/** Of an AAC. */
export const declinedByCard: ChipFinding = { name: 'declinedByCard', effect: 'decline' };

/** Where the types of its cryptograms are in the CVR: Visa's of four bytes begin with a length. */
function cvrTypesAt({ applicationData }: ChipRules, cvr: string): number {
  return applicationData === 'visa' && cvr.length === 8 ? 2 : 0;
}

function isOver(tags: ChipTags, { amountMinor, currency }: Amount): boolean {
  const ofTag = tags.get('5F2A');
  // A cryptogram of few values may be over no currency.
  return Number(tags.get('9F02')) === amountMinor && (ofTag === undefined || ofTag.slice(-3) === currency);
}

/**
 * @param asked what the cryptogram should be over; undefined: it need not say
 * @returns `noRule`: the program has no keys for the index that the chip names, or no profile for its version
 */
export function readChip(tags: ChipTags, rules: ChipRules, asked?: Amount): ChipReading | 'malformed' | 'noRule' {
  const applicationData = tags.get('9F10');
  const counter = tags.get('9F36');
  if (applicationData === undefined || counter?.length !== 4) return 'malformed';
  const iad = readIad(applicationData, rules.applicationData);
  if (iad === undefined) return 'malformed';
  const keys = rules.keys.get(iad.keyIndex);
  const profile = rules.profiles.get(iad.cvn);
  if (keys === undefined || profile === undefined) return 'noRule';
  return { atc: Number.parseInt(counter, 16), keys, profile, findings: findingsOf(tags, iad.cvr, rules, asked) };
}

function findingsOf(tags: ChipTags, cvr: string, rules: ChipRules, asked: Amount | undefined): readonly ChipFinding[] {
  let found: ChipFinding[] | undefined;
  // No cryptogram covers 9F27, which a terminal may have changed; what the card itself says of its first answer, most do.
  const types = cvrTypesAt(rules, cvr);
  if ((Number.parseInt(cvr.slice(types, types + 2), 16) & 0x30) === 0) (found ??= []).push(declinedByCard);
  if (asked !== undefined && !isOver(tags, asked)) (found ??= []).push({ name: 'otherAmount', effect: rules.otherAmount });
  for (const { name, tag, byte, mask, value, effect } of rules.findings) {
    const text = tag === 'cvr' ? cvr : tags.get(tag);
    const bits = text === undefined ? Number.NaN : Number.parseInt(text.slice(2 * byte - 2, 2 * byte), 16);
    if (Number.isNaN(bits)) continue;
    if (value === undefined ? (bits & mask) !== 0 : (bits & mask) === value) (found ??= []).push({ name, effect });
  }
  return found ?? noFindings;
}
