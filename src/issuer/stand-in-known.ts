/**
 * What is kept of a card beside its activity: what its issuer said of it, and the balance that its host pushes with what was approved
 * since. Few cards have either; theirs is a text of its own in the head.
 */
import type { SentReference } from '../message/advice.ts';
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { CardTerms } from '../standin/card-terms.ts';
import type { StandInFacts } from '../standin/decision.ts';
import { decodeExposure, encodeExposure } from '../standin/exposure.ts';
import { afterAdvice, afterHeard, afterHost, lastKnownOf, newShadow, pendingOf } from '../standin/shadow.ts';
import type { Known, PushedBalance, Shadow } from '../standin/shadow.ts';
import type { StandInRules } from '../standin/rules.ts';
import { billedMinorOf } from '../standin/subject.ts';
import type { StandInRecord } from './stand-in-record.ts';

export interface CardKnown {
  readonly terms: CardTerms | undefined;
  readonly shadow: Shadow | undefined;
}

type StoredName = readonly [id: string, name: string, ...since: number[]];
type StoredShadow = readonly [balance: PushedBalance | 0, later: string, names: readonly StoredName[], knownCount?: number, advisedAt?: number, droppedAt?: number | null];
type StoredKnown = readonly [terms: CardTerms | 0, shadow: StoredShadow | 0];

export function encodeKnown({ terms, shadow }: CardKnown): string {
  const stored: StoredKnown = [terms ?? 0, shadow === undefined ? 0 : storeShadow(shadow)];
  return JSON.stringify(stored);
}

function storeShadow({ balance, later, names, knownCount, advisedAt, droppedAt }: Shadow): StoredShadow {
  return [balance ?? 0, encodeExposure(later), names, knownCount, advisedAt, droppedAt === Infinity ? null : droppedAt];
}

export function decodeKnown(text: string): CardKnown {
  const [terms, shadow] = JSON.parse(text) as StoredKnown;
  return { terms: terms === 0 ? undefined : terms, shadow: shadow === 0 ? undefined : loadShadow(shadow) };
}

/** The first form had them in the order in which they were approved, and took each for known. */
function loadShadow([balance, later, names, knownCount = names.length, advisedAt = 0, droppedAt = 0]: StoredShadow): Shadow {
  return {
    balance: balance === 0 ? undefined : balance, later: decodeExposure(later), names: names.map(([id, name, knownAt, after], index): Known => [id, name, knownAt ?? index + 1, after ?? index]),
    knownCount, advisedAt, droppedAt: droppedAt ?? Infinity,
  };
}

/** What the engine is told of the card by what is kept of it. `facts` say it where nothing is. */
export function cardFacts(known: CardKnown | undefined, facts: Omit<StandInFacts, 'nowMs'>, keepsBalance: boolean): Omit<StandInFacts, 'nowMs'> {
  const terms = known?.terms;
  const told = terms === undefined ? facts : { ...facts, instruction: terms.instruction, riskLevel: terms.riskLevel, cardLimits: terms.limits };
  return keepsBalance ? { ...told, needsBalance: true, lastKnown: lastKnownOf(known?.shadow ?? newShadow) } : told;
}

/** By which a host names an authorization, as it got it from us: its STAN in six digits, and its DE7; at a URL, the message's id. */
export function authorizationId(reference: SentReference | undefined): string {
  if (reference === undefined) return '';
  const { stan, transmittedAt } = reference;
  return /^[0-9]{1,6}$/.test(stan) ? `${stan.padStart(6, '0')}-${transmittedAt}` : stan;
}

const debits: readonly CardMessage['purpose'][] = ['purchase', 'cash', 'preauthorization', 'increment', 'completion'];

/** What was approved without stand-in, of a card whose host pushes its balance. Plain data. */
export interface HostApproval {
  readonly id: string;
  readonly name: string;
  /** In the balance's currency; undefined: not known in it. */
  readonly amountMinor: number | undefined;
  /** How many of the card's approvals it knew of when it was asked. */
  readonly after: number;
  /** An acquirer told of it: the host is still to hear. */
  readonly isAdvised?: true;
}

/** Undefined: it takes nothing. @param approvedMinor in the transaction's currency @param asked its record, since before it was sent */
export function hostApproval(message: CardMessage, rules: StandInRules, approvedMinor: number | undefined, sent: SentReference | undefined, asked: StandInRecord | undefined): HostApproval | undefined {
  if (!debits.includes(message.purpose)) return undefined;
  const billedMinor = billedMinorOf(message, rules.currency);
  const isPart = approvedMinor !== undefined && message.amount !== undefined && approvedMinor < message.amount.amountMinor;
  const amountMinor = isPart && message.amount?.currency === rules.currency ? approvedMinor : billedMinor;
  return { id: message.id, name: authorizationId(sent), amountMinor, after: asked?.more?.knownBefore ?? 0 };
}

/** Of an acquirer's advice. Undefined: it takes nothing. @param original what it completes: that is taken off already, or in the balance */
export function advisedApproval(known: CardKnown | undefined, message: CardMessage, rules: StandInRules, advised: SentReference | undefined, original: StandInRecord | undefined): HostApproval | undefined {
  if (!debits.includes(message.purpose) || message.advisedDecline) return undefined;
  const billedMinor = billedMinorOf(message, rules.currency);
  const stands = message.purpose === 'completion' && original !== undefined && original.id !== '' && original.phase === 'ended' && !original.isReversed && isApproval(original.reason);
  const takenMinor = stands ? Math.max(pendingOf(known?.shadow ?? newShadow, original.id), original.amount?.currency === rules.currency ? (original.more?.actualMinor ?? original.amount.amountMinor) : 0) : 0;
  return { id: message.id, name: authorizationId(advised), amountMinor: billedMinor === undefined ? undefined : Math.max(0, billedMinor - takenMinor), after: 0, isAdvised: true };
}

/** Its next balance may not know of it yet. */
export function withHostApproval(known: CardKnown | undefined, { id, name, amountMinor, after, isAdvised }: HostApproval): CardKnown {
  const shadow = known?.shadow ?? newShadow;
  return { terms: known?.terms, shadow: isAdvised === true ? afterAdvice(shadow, id, name, amountMinor) : afterHost(shadow, id, name, amountMinor, after) };
}

/** The host has acknowledged the advice of the transaction with this message id. */
export function withHeard(known: CardKnown | undefined, id: string): CardKnown | undefined {
  const shadow = known?.shadow;
  const heard = shadow === undefined ? undefined : afterHeard(shadow, id);
  return heard === shadow ? known : { terms: known?.terms, shadow: heard };
}
