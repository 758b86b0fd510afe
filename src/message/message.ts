/**
 * What the switch works with: an ISO 8583 message's meaning, free of its version, and the answer to it.
 *
 * A CardMessage is facts only. Everything that needed a clock, a key, a random number or a look at a table was done before and
 * is stamped on it, so that a decision can be taken again, anywhere, from the message and the account alone.
 */
import type { Amount } from './money.ts';
import type { Pan } from './pan.ts';
import type { Reason } from './reason.ts';

/** Edition of ISO 8583 that the message came in. */
export type Version = '1987' | '1993' | '2003';

/** MTI position 2: x1xx, x2xx, x4xx. */
export type MessageClass = 'authorization' | 'financial' | 'reversal';

/** MTI position 3: a request asks, an advice tells what is done already; a notification is an advice that wants no answer. */
export type MessageFunction = 'request' | 'advice' | 'notification';

/** What the cardholder wants (DE3, with DE24 or DE25 and the amount). */
export type Purpose =
  | 'purchase'
  | 'cash'
  | 'refund'
  | 'balanceInquiry'
  | 'verification'
  | 'preauthorization'
  | 'increment'
  | 'completion'
  | 'unsupported';

/** Who sent which message: the identity by which a repeat is known. */
export interface Trace {
  readonly station: string;
  /** DE32 without leading zeros; empty where absent. */
  readonly acquirer: string;
  readonly class: MessageClass;
  readonly function: 'request' | 'advice';
  /** DE11 without leading zeros. */
  readonly stan: string;
  /** DE7, ten digits MMDDhhmmss; empty where absent. */
  readonly transmittedAt: string;
  /** Local date and time of the transaction as the version gives it (DE13 and DE12, or DE12); digits; empty where absent. */
  readonly localAt: string;
  /** DE41, trimmed; empty where absent. */
  readonly terminal: string;
}

/** What a message says of an earlier one (DE90 of 1987, DE56 of 1993 and 2003). */
export interface OriginalReference {
  readonly class: MessageClass;
  readonly function: 'request' | 'advice';
  readonly stan: string;
  /** DE7 of the original (DE90); empty where the version has none. */
  readonly transmittedAt: string;
  /** Local date and time of the original (DE56); empty where the version has none. */
  readonly localAt: string;
  /** Without leading zeros; empty: the same acquirer. */
  readonly acquirer: string;
}

export interface ContentFault {
  /** Field path, such as `4` or `90`. */
  readonly field: string;
  readonly reason: Reason;
  readonly text: string;
}

/** How the card's data came in (DE22). */
export type EntryMode = 'chip' | 'contactless' | 'stripe' | 'manual' | 'ecommerce' | 'unknown';

export type CardValueKind = 'cvv' | 'icvv' | 'cvv2';

/** The result of checking a card verification value, stamped before the decision. */
export interface CardValueVerdict {
  readonly kind: CardValueKind;
  readonly outcome: 'match' | 'mismatch' | 'error';
}

export interface CardFacts {
  readonly pan: Pan;
  /** What stores know the card by. */
  readonly token: string;
  readonly luhnValid: boolean;
  /** YYMM of DE14, and of the track; undefined where not carried. */
  readonly expiry: string | undefined;
  readonly trackExpiry: string | undefined;
}

/** Limits count approved purchases and cash of one card; windows are the program's business days and months. */
export interface LimitRule {
  readonly scope: string;
  readonly period: 'transaction' | 'day' | 'month';
  readonly amountMinorMax?: number | undefined;
  readonly countMax?: number | undefined;
}

/** The issuing program's rules, as they stood when the message was stamped. */
export interface Terms {
  readonly program: string;
  readonly limits: readonly LimitRule[];
  /** Is a CVV, iCVV or CVV2 demanded of every request that could carry one? */
  readonly verificationValueRequired: boolean;
  readonly holdDays: { readonly cardPresent: number; readonly cardNotPresent: number; readonly preauthorization: number };
  /** Days that a settled transaction's record stays for repeats and reversals. */
  readonly recordDays: number;
  /** Must every authorization fit into the partner's credit balance as well? */
  readonly creditGuard: boolean;
  /** Keys by which an original is found where the message names none. */
  readonly originalKeys: readonly OriginalKey[];
}

export type OriginalKey = 'rrn' | 'approvalCode';

export interface CardMessage {
  readonly kind: 'card';
  /** Unique over all switches and restarts; stamped on receipt. */
  readonly id: string;
  readonly version: Version;
  readonly mti: string;
  readonly class: MessageClass;
  readonly function: MessageFunction;
  /** The type says that it is a repeat (x1x1 and the like). */
  readonly repeat: boolean;
  readonly trace: Trace;
  /** DE37; empty where absent. */
  readonly rrn: string;
  readonly purpose: Purpose;
  readonly processingCode: string;
  /** DE4 with DE49; undefined where DE4 is absent. */
  readonly amount: Amount | undefined;
  /** DE6 with DE51; undefined where absent. */
  readonly billing: Amount | undefined;
  /** Reversal: what the transaction came to after all, in the transaction's currency; undefined: nothing, reverse all of it. */
  readonly actualMinor: number | undefined;
  /** May a request be approved for less? */
  readonly partialAllowed: boolean;
  /** DE38 of an advice, completion or reversal; empty where absent. */
  readonly approvalCode: string;
  /** Advice: did the one who decided decline (its own DE39)? */
  readonly advisedDecline: boolean;
  readonly original: OriginalReference | undefined;
  readonly card: CardFacts;
  readonly cardPresent: boolean;
  readonly entryMode: EntryMode;
  readonly pin: 'absent' | 'unverified' | 'verified' | 'wrong';
  readonly cardValue: CardValueVerdict | undefined;
  readonly merchant: {
    /** DE18; empty where absent. */
    readonly category: string;
    readonly id: string;
    readonly name: string;
    /** Merchant category groups of the program that the category falls in. */
    readonly groups: readonly string[];
  };
  readonly fault: ContentFault | undefined;
  /** A short digest of the contents that a repeat must share. */
  readonly fingerprint: string;
  /** Six characters for DE38, drawn on receipt, used if it is approved. */
  readonly approvalCodeOffer: string;
  readonly terms: Terms;
  readonly receivedAtMs: number;
  /** Business day and month of the program: days and months since 1970. */
  readonly day: number;
  readonly month: number;
}

/** The account's answer, free of version and link. */
export interface Response {
  readonly reason: Reason;
  /** DE38; empty where there is none. */
  readonly approvalCode: string;
  /** What DE4 answers in the transaction's currency: less than asked on a partial approval, all that is held on an increment. */
  readonly amount: Amount | undefined;
  /** The same in the balance's currency, where it differs from the transaction's. */
  readonly billing: Amount | undefined;
  /** DE54, in the balance's currency. */
  readonly balance: { readonly ledgerMinor: number; readonly availableMinor: number; readonly currency: string } | undefined;
  /** Field path of a content fault, for the journal and the log. */
  readonly field?: string | undefined;
}

export const checkNames = [
  'content', 'luhn', 'cardKnown', 'cardState', 'expiry', 'cardValue', 'pin', 'limits', 'currency', 'balance', 'partnerBalance',
] as const;

export type CheckName = (typeof checkNames)[number];

export interface CheckResult {
  readonly check: CheckName;
  readonly outcome: 'pass' | 'fail' | 'skipped';
  /** What was compared, for a person: never card data. */
  readonly value: string;
}
