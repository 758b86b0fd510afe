/**
 * Conditions on a transaction: facts of it, combined by and, or and not. Rules and limits say with them what they are for.
 *
 * A fact that is not known is in no list and in no range. Rules are written so that this is the cautious side: what they approve
 * they name, and what they leave they decline.
 */
import type { CardMessage, EntryMode, MessageClass, Purpose } from '../message/message.ts';

/** Why stand-in was asked, instead of the issuer. */
export type StandInReason = (typeof standInReasons)[number];

export const standInReasons = [
  'timeout', 'badAnswer', 'signedOff', 'unreachable', 'circuitOpen', 'suppressInquiry', 'operator', 'asked', 'belowThreshold', 'withinParameters', 'overCapacity',
  'storeUnreachable', 'internalFault', 'issuersOption',
] as const;

/** Where the card was used: a counter or shop, a cash dispenser, a shop on the net, or by letter or telephone. */
export type Channel = (typeof channels)[number];

export const channels = ['pos', 'atm', 'ecommerce', 'moto'] as const;

/** What the issuer's exception file says of one card. */
export type CardInstruction = (typeof cardInstructions)[number];

export const cardInstructions = ['approve', 'decline', 'pickUp', 'refer', 'vip'] as const;

/** What was verified of what came with the card. */
export type Proof = (typeof proofs)[number];

export const proofs = ['cryptogram', 'pin', 'authentication', 'cardValue'] as const;

/** Both ends belong to it; one that is absent is open. */
export interface Range {
  readonly from?: number;
  readonly to?: number;
}

/** Everything that it says must hold. Of a list one must be the transaction's own, except for `verified`, which wants all. */
export interface Condition {
  readonly and?: readonly Condition[];
  readonly or?: readonly Condition[];
  /** None of these may hold. */
  readonly not?: readonly Condition[];
  /** Minor units of the rules' currency. */
  readonly amountMinor?: Range;
  /** Of the transaction, ISO 4217 numeric. */
  readonly currency?: readonly string[];
  readonly purpose?: readonly Purpose[];
  readonly class?: readonly MessageClass[];
  readonly channel?: readonly Channel[];
  readonly entryMode?: readonly EntryMode[];
  /** `5411` or `5411-5499`. */
  readonly merchantCategory?: readonly string[];
  readonly merchantGroup?: readonly string[];
  /** Of the terminal, ISO 3166-1 numeric. */
  readonly country?: readonly string[];
  readonly cardPresent?: boolean;
  /** `22:00` to `06:00` of the issuer's day; the end does not belong to it. */
  readonly time?: { readonly from: string; readonly to: string };
  readonly riskLevel?: Range;
  readonly instruction?: readonly CardInstruction[];
  readonly verified?: readonly Proof[];
  readonly why?: readonly StandInReason[];
}

/** What conditions look at. */
export interface Subject {
  readonly message: CardMessage;
  /** In the rules' currency; undefined: not known in it. */
  readonly billedMinor: number | undefined;
  /** Merchant category groups of the rules that the category is in. */
  readonly groups: readonly string[];
  readonly channel: Channel;
  readonly country: string | undefined;
  /** Minutes since the issuer's midnight. */
  readonly minuteOfDay: number;
  readonly riskLevel: number | undefined;
  readonly instruction: CardInstruction | undefined;
  readonly why: StandInReason;
}

export function holds(condition: Condition, subject: Subject): boolean {
  const { message } = subject;
  const { and, or, not, amountMinor, riskLevel, time, cardPresent } = condition;
  if (and?.every((inner) => holds(inner, subject)) === false) return false;
  if (or?.some((inner) => holds(inner, subject)) === false) return false;
  if (not?.some((inner) => holds(inner, subject)) === true) return false;
  if (amountMinor !== undefined && !isWithin(amountMinor, subject.billedMinor)) return false;
  if (riskLevel !== undefined && !isWithin(riskLevel, subject.riskLevel)) return false;
  if (time !== undefined && !isTime(time.from, time.to, subject.minuteOfDay)) return false;
  if (cardPresent !== undefined && cardPresent !== message.cardPresent) return false;
  return isListed(condition.currency, message.amount?.currency)
    && isListed(condition.purpose, message.purpose)
    && isListed(condition.class, message.class)
    && isListed(condition.channel, subject.channel)
    && isListed(condition.entryMode, message.entryMode)
    && isListed(condition.country, subject.country)
    && isListed(condition.instruction, subject.instruction)
    && isListed(condition.why, subject.why)
    && condition.merchantCategory?.some((member) => isInCategory(member, message.merchant.category)) !== false
    && condition.merchantGroup?.some((group) => subject.groups.includes(group)) !== false
    && condition.verified?.every((proof) => isVerified(proof, message)) !== false;
}

function isListed<T>(list: readonly T[] | undefined, value: T | undefined): boolean {
  return list === undefined || (value !== undefined && list.includes(value));
}

function isWithin({ from = -Infinity, to = Infinity }: Range, value: number | undefined): boolean {
  return value !== undefined && value >= from && value <= to;
}

function isTime(from: string, to: string, minuteOfDay: number): boolean {
  const begin = minutes(from);
  const end = minutes(to);
  // Over midnight where it ends before it begins.
  return begin < end ? minuteOfDay >= begin && minuteOfDay < end : minuteOfDay >= begin || minuteOfDay < end;
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** Is the category the one, or in the range (`5411-5499`), that a list names? */
export function isInCategory(member: string, category: string): boolean {
  if (category.length !== 4) return false;
  return member.length === 4 ? category === member : category >= member.slice(0, 4) && category <= member.slice(5);
}

function isVerified(proof: Proof, { chip, pin, authentication, cardValue }: CardMessage): boolean {
  switch (proof) {
    case 'cryptogram':
      // A contactless card that answers as a stripe has a value of this payment instead.
      return chip?.outcome === 'match' || (chip === undefined && cardValue?.outcome === 'match' && (cardValue.kind === 'dcvv' || cardValue.kind === 'cvc3'));
    case 'pin':
      return typeof pin !== 'string' && pin.outcome === 'verified';
    case 'authentication':
      return authentication?.outcome === 'match';
    case 'cardValue':
      return cardValue?.outcome === 'match';
  }
}

/** Where a message's card was used, as far as the message tells. */
export function channelOf({ entryMode, purpose, merchant, cardPresent }: CardMessage): Channel {
  if (entryMode === 'ecommerce') return 'ecommerce';
  if (merchant.category === '6011' || (purpose === 'cash' && merchant.category === '')) return 'atm';
  return cardPresent ? 'pos' : 'moto';
}
