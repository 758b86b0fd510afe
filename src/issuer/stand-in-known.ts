/**
 * What is kept of a card beside its activity: what its issuer said of it, and the balance that its host pushes with what was approved
 * since. Few cards have either; theirs is a text of its own in the head.
 */
import type { SentReference } from '../message/advice.ts';
import type { CardMessage } from '../message/message.ts';
import type { CardTerms } from '../standin/card-terms.ts';
import type { StandInFacts } from '../standin/decision.ts';
import { decodeExposure, encodeExposure } from '../standin/exposure.ts';
import { afterHost, lastKnownOf, newShadow } from '../standin/shadow.ts';
import type { PushedBalance, Shadow } from '../standin/shadow.ts';
import type { StandInRules } from '../standin/rules.ts';
import { billedMinorOf } from '../standin/subject.ts';

export interface CardKnown {
  readonly terms: CardTerms | undefined;
  readonly shadow: Shadow | undefined;
}

type StoredKnown = [terms: CardTerms | 0, shadow: [balance: PushedBalance | 0, later: string, names: Shadow['names']] | 0];

export function encodeKnown({ terms, shadow }: CardKnown): string {
  const stored: StoredKnown = [terms ?? 0, shadow === undefined ? 0 : [shadow.balance ?? 0, encodeExposure(shadow.later), shadow.names]];
  return JSON.stringify(stored);
}

export function decodeKnown(text: string): CardKnown {
  const [terms, shadow] = JSON.parse(text) as StoredKnown;
  return {
    terms: terms === 0 ? undefined : terms,
    shadow: shadow === 0 ? undefined : { balance: shadow[0] === 0 ? undefined : shadow[0], later: decodeExposure(shadow[1]), names: shadow[2] },
  };
}

/** What the engine is told of the card by what is kept of it. `facts` say it where nothing is. */
export function cardFacts(known: CardKnown | undefined, facts: Omit<StandInFacts, 'nowMs'>, keepsBalance: boolean): Omit<StandInFacts, 'nowMs'> {
  const terms = known?.terms;
  const told = terms === undefined ? facts : { ...facts, instruction: terms.instruction, riskLevel: terms.riskLevel, cardLimits: terms.limits };
  return keepsBalance ? { ...told, needsBalance: true, lastKnown: lastKnownOf(known?.shadow ?? newShadow) } : told;
}

/** By which a host names an authorization, as it got it from us: its STAN in six digits, and its DE7. */
export function authorizationId(reference: SentReference | undefined): string {
  return reference === undefined ? '' : `${reference.stan.padStart(6, '0')}-${reference.transmittedAt}`;
}

const debits: readonly CardMessage['purpose'][] = ['purchase', 'cash', 'preauthorization', 'increment', 'completion'];

/** What the host approved of a card whose balance it pushes. Plain data. */
export interface HostApproval {
  readonly id: string;
  readonly name: string;
  /** In the balance's currency; undefined: not known in it. */
  readonly amountMinor: number | undefined;
}

/** Undefined: it takes nothing. @param approvedMinor in the transaction's currency */
export function hostApproval(message: CardMessage, rules: StandInRules, approvedMinor: number | undefined, sent: SentReference | undefined): HostApproval | undefined {
  if (!debits.includes(message.purpose)) return undefined;
  const billedMinor = billedMinorOf(message, rules.currency);
  const isPart = approvedMinor !== undefined && message.amount !== undefined && approvedMinor < message.amount.amountMinor;
  return { id: message.id, name: authorizationId(sent), amountMinor: isPart && message.amount?.currency === rules.currency ? approvedMinor : billedMinor };
}

/** Its next balance may not know of it yet. */
export function withHostApproval(known: CardKnown | undefined, { id, name, amountMinor }: HostApproval): CardKnown {
  return { terms: known?.terms, shadow: afterHost(known?.shadow ?? newShadow, id, name, amountMinor) };
}
