/**
 * What stand-in is asked with, and what it answers.
 */
import type { CheckResult } from '../message/message.ts';
import { reasons } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Activity, Move } from './activity.ts';
import type { CardInstruction, Channel, StandInReason } from './condition.ts';
import type { Exposure } from './exposure.ts';
import type { Limit } from './rules.ts';

/** The heads that a decision reads and changes; all that changed are to be compared and set together. */
export interface StandInState {
  readonly card: Activity;
  readonly issuer: Exposure;
  /** Undefined: which account the card draws on is not known here. There where a balance is known. */
  readonly account?: Exposure | undefined;
  /** Undefined: no partner's balance bounds it. There where its headroom is known. */
  readonly partner?: Exposure | undefined;
}

/** A balance as it was when it was last seen. */
export interface LastKnown {
  readonly availableMinor: number;
  /** ISO 4217 numeric. */
  readonly currency: string;
  readonly asOfMs: number;
  /** What was left of the partner's credit balance. */
  readonly headroomMinor?: number | undefined;
}

/** An own account's card as it was when it was last seen; its lock as the local negative list has it, where that knows of one. */
export interface KnownCard {
  readonly state: 'ordered' | 'active' | 'removed';
  /** 0: none; else 1 to 8. */
  readonly lockCode: number;
  /** YYMM. */
  readonly expiry: string;
  readonly pinVersion: number;
  readonly pinTries: number;
  /** Highest transaction counter of each chip that came, by PAN sequence number; one with none is held against any chip. */
  readonly chips: readonly { readonly panSequence: string; readonly highestAtc: number }[];
}

export interface StandInFacts {
  readonly why: StandInReason;
  /** Can the request still be passed on to the issuer? Chooses the set of rules. */
  readonly isAvailable: boolean;
  /** The id in the issuer's exposure; what has none, though the issuer is away, counts for the last. 0: there is no outage. */
  readonly outageId: number;
  /** Switches that count apart because the store which they share cannot be reached; else 1. Each has its share of every limit. */
  readonly switchesSharing: number;
  readonly instruction?: CardInstruction | undefined;
  /** 0 to 99; undefined: not known. */
  readonly riskLevel?: number | undefined;
  /** Of the terminal, ISO 3166-1 numeric; undefined: not known. */
  readonly country?: string | undefined;
  /** Undefined: as the message tells. */
  readonly channel?: Channel | undefined;
  readonly lastKnown?: LastKnown | undefined;
  /** Nothing is approved without knowing the balance, whatever the rules say. */
  readonly needsBalance?: boolean | undefined;
  /** The partner's deposit does not cover it, or nobody can tell whether it does. */
  readonly depositRefusal?: '1820' | '9112' | undefined;
  readonly knownCard?: KnownCard | undefined;
  /** The card's own limits, above or below its range's: each takes the place of those of the same scope, period and currency. */
  readonly cardLimits?: readonly Limit[] | undefined;
  /** What stand-in counted of the authorization that this one completes or adds to, and of its increments, in order. */
  readonly originals?: readonly Counted[] | undefined;
  readonly nowMs: number;
  /** Business day and month of the issuer since 1970, and minutes since its midnight. */
  readonly day: number;
  readonly month: number;
  readonly minuteOfDay: number;
}

/** What one approval counted, so that it can be given back. Plain data: it is kept with the approval's record. */
export interface Counted {
  /** Message id of the approval. */
  readonly id: string;
  /** Minor units of the rules' currency that count now; after all was given back, nothing. */
  readonly leftMinor: number;
  readonly outageId: number;
  /** 0: it added to one that counted. */
  readonly transactions: 0 | 1;
  /** Does it count in the outage of the account and the issuer? */
  readonly isInOutage: boolean;
  /** What it holds of the account's and of the partner's balance until they know of it. */
  readonly accountMinor: number;
  readonly partnerMinor: number;
  readonly moves: readonly Move[];
}

export type StandInCheckName =
  | 'killSwitch' | 'content' | 'luhn' | 'instruction' | 'cardState' | 'expiry' | 'cardValue' | 'pin' | 'cryptogram' | 'authentication'
  | 'currency' | 'decision' | 'balance' | 'partnerBalance' | 'limit' | 'outageCap';

/** Of limits and caps there is a result for each that stands for the transaction, up to the first that fails. */
export interface StandInCheck {
  readonly check: StandInCheckName;
  readonly outcome: CheckResult['outcome'];
  /** What the rules say: the mode of a test, the name of a decision, a limit. */
  readonly parameter: string;
  /** What was compared with it: never card data. */
  readonly value: string;
}

export type StandInOutcome = 'approve' | 'decline' | 'refer' | 'pickUp';

export type StandInDecision =
  | {
      readonly kind: 'forward';
      /** The first test that failed. */
      readonly reason: Reason;
      readonly checks: readonly StandInCheck[];
    }
  | {
      readonly kind: 'decided';
      readonly outcome: StandInOutcome;
      readonly reason: Reason;
      readonly checks: readonly StandInCheck[];
      /** It is declined whoever looks at it: what is wrong, or what a rule forbids. */
      readonly isFinal: boolean;
      readonly why: StandInReason;
      readonly rulesVersion: number;
      readonly state: StandInState;
      /** Of an approval of money. */
      readonly counted: Counted | undefined;
      /** What still counts of the originals, where a completion is for less than they are. */
      readonly originals: readonly Counted[] | undefined;
      /** For the advice: a PIN that was judged, and the wrong ones in a row with it. */
      readonly pin: { readonly outcome: 'verified' | 'wrong'; readonly tries: number } | undefined;
    };

/** What a reason means for whoever has the card in hand. */
export function outcomeOf(reason: Reason): StandInOutcome {
  const { action } = reasons[reason];
  if (action.startsWith('0')) return 'approve';
  if (action.startsWith('2')) return 'pickUp';
  return action === '1007' || action === '1008' ? 'refer' : 'decline';
}
