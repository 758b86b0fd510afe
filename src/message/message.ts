/**
 * What the switch works with: an ISO 8583 message's meaning, free of its version, and the answer to it.
 *
 * A CardMessage is facts only. Everything that needed a clock, a key, a random number or a look at a table was done before and
 * is stamped on it, so that a decision can be taken again, anywhere, from the message and the account alone.
 */
import type { Conversion } from './conversion.ts';
import type { Amount } from './money.ts';
import type { Pan } from './pan.ts';
import type { PinReference } from './pin.ts';
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
  | 'pinChange'
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

/** How the card's data came in (DE22). `fallback`: the stripe of a card whose chip could not be read. */
export type EntryMode = 'chip' | 'contactless' | 'stripe' | 'fallback' | 'manual' | 'ecommerce' | 'unknown';

export type CardValueKind = 'cvv' | 'icvv' | 'cvv2' | 'dcvv' | 'cvc3';

/** What of a card's record its checks are made against. The one who checks may not know it, or know it as it was. */
export interface CardReferences {
  /** YYMM. */
  readonly expiry: string;
  /** 0: the CVV2 as it was issued; one more with each reset. */
  readonly cvv2Generation: number;
  /** 0: no PIN was ever set; one more with each. */
  readonly pinVersion: number;
  readonly pin: PinReference | undefined;
}

/** The result of checking a card verification value, stamped before the decision. */
export interface CardValueVerdict {
  readonly kind: CardValueKind;
  /** `unchecked`: the card's record has what it takes, and was not known. `error`: it could not be checked. */
  readonly outcome: 'match' | 'mismatch' | 'error' | 'unchecked';
  /** Of a CVV2: what it was checked against. The expiry is the record's where the message has none, and then only counts. */
  readonly against: { readonly cvv2Generation: number; readonly expiry: string | undefined } | undefined;
  /** Of a value that a chip made for one payment: the transaction counter that it was made with, of which `modulus` says how much is known, and which chip of the PAN's that was. */
  readonly counter?: { readonly panSequence: string; readonly atc: number; readonly modulus: number } | undefined;
}

/** The result of checking a PIN. `malformed`: the block holds no PIN of this card. */
export interface PinVerdict {
  readonly outcome: 'verified' | 'wrong' | 'malformed' | 'error';
  /** Of the reference that it was checked against. */
  readonly pinVersion: number;
  /** Of a key that a terminal derived for this one PIN: a digest of its serial number, by which its use is known; at most 22 characters of base64url. */
  readonly keyUseId?: string | undefined;
}

/** The PIN that a PIN change asks for, made ready before the decision. */
export type NewPin =
  | { readonly outcome: 'ready'; readonly reference: PinReference; /** For the chip's script; undefined: the chip is not told. */ readonly sealed: string | undefined }
  | { readonly outcome: 'malformed' | 'error' };

/** Something that the issuer's rules find in what a chip and its terminal report (TVR, CVR, cryptogram type). */
export interface ChipFinding {
  /** The rule's name, for the journal. */
  readonly name: string;
  /** `scriptFailed`: the last script that was sent has to be sent again. */
  readonly effect: 'decline' | 'note' | 'scriptFailed';
}

/** The result of checking a chip's cryptogram. */
export interface ChipFacts {
  readonly outcome: 'match' | 'mismatch' | 'malformed' | 'error';
  /** Which chip of the PAN's it is, as its keys are made with it: two digits; `00` where not carried. */
  readonly panSequence: string;
  /** Application transaction counter, 0 to 65535. */
  readonly atc: number;
  readonly findings: readonly ChipFinding[];
}

/** The result of checking a cardholder authentication value (CAVV, AAV). */
export interface AuthenticationFacts {
  readonly outcome: 'match' | 'mismatch' | 'malformed' | 'error';
  /** A digest of the value, by which its first use is known: at most 22 characters of base64url. */
  readonly useId: string;
}

/** A command that the issuer has for a chip, until the chip has carried it out. */
export interface QueuedScript {
  /** Unique for the card. */
  readonly id: string;
  readonly command: 'applicationBlock' | 'applicationUnblock' | 'pinUnblock' | 'pinChange';
  /** The new PIN of a `pinChange`, sealed for this card. */
  readonly sealed: string | undefined;
  /** Message id of the transaction in whose answer it was sent last; undefined: not yet. */
  readonly sentBy: string | undefined;
  /** PAN sequence number of the chip that it was sent to, which alone confirms it; undefined: not sent, or sent before this was kept. */
  readonly sentTo?: string | undefined;
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
  /** Wrong PINs in a row that lock a card with code 6: 1 to 15. */
  readonly pinTriesMax: number;
  /** Is a cryptogram demanded of every request that a chip was read for? */
  readonly cryptogramRequired: boolean;
  /** How far below the highest transaction counter one may come late, 0 to 31. Each is taken once. */
  readonly atcWindow: number;
  /** May a chip card's stripe be read where its chip could not? */
  readonly fallbackAllowed: boolean;
  /** Lock codes of a card at which its chip is told to block its application; undefined: none. */
  readonly blockAtLocks?: readonly number[] | undefined;
  /** Is a cardholder authentication value demanded of every purchase in e-commerce? */
  readonly authenticationRequired: boolean;
  readonly holdDays: { readonly cardPresent: number; readonly cardNotPresent: number; readonly preauthorization: number };
  /** Days that a settled transaction's record stays for repeats and reversals. */
  readonly recordDays: number;
  /** Must every authorization fit into the partner's credit balance as well? */
  readonly creditGuard: boolean;
  /** Where that is in another currency than the program's; undefined: it is not. */
  readonly credit?: CreditTerms | undefined;
  /** Keys by which an original is found where the message names none. */
  readonly originalKeys: readonly OriginalKey[];
}

/** The partner balance's currency (ISO 4217 numeric), and what a unit of the program's costs and gives in it; undefined: no rate is known. */
export interface CreditTerms {
  readonly currency: string;
  readonly sell: string | undefined;
  readonly buy: string | undefined;
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
  /** What DE4 comes to in the balance's currency, where DE6 does not say it; undefined: they are one currency, or no rate is known. */
  readonly conversion?: Conversion | undefined;
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
  /** `unverified`: carried, and the card's reference was not known. */
  readonly pin: 'absent' | 'unverified' | PinVerdict;
  /** Of a PIN change. */
  readonly newPin: NewPin | undefined;
  readonly cardValue: CardValueVerdict | undefined;
  /** Undefined: no cryptogram was carried. */
  readonly chip: ChipFacts | undefined;
  /** Undefined: no authentication value was carried. */
  readonly authentication: AuthenticationFacts | undefined;
  readonly merchant: {
    /** DE18; empty where absent. */
    readonly category: string;
    readonly id: string;
    readonly name: string;
    /** Merchant category groups of the program that the category falls in. */
    readonly groups: readonly string[];
    /** Of the terminal: ISO 3166-1, three digits; absent or empty: not known. */
    readonly country?: string | undefined;
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
  /** Of a request that was answered in the account's place; the account takes it as it was answered. */
  readonly stoodIn?: StoodIn | undefined;
}

/** What stand-in answered a request, as the account's store could not be reached. */
export interface StoodIn {
  readonly reason: Reason;
  /** What a PIN came to that was judged. */
  readonly pin: 'verified' | 'wrong' | undefined;
  /** Unix ms. */
  readonly decidedAtMs: number;
  readonly checks: readonly CheckResult[];
  readonly flags: readonly string[];
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
  /** What the chip is to be told, in this order. */
  readonly scripts?: readonly QueuedScript[] | undefined;
  /** The cryptogram was not judged with the message that this one repeats, or came before: the chip is told nothing. */
  readonly chipIsOther?: boolean | undefined;
}

export const checkNames = [
  'content', 'luhn', 'cardKnown', 'cardState', 'expiry', 'cardValue', 'pin', 'cryptogram', 'authentication', 'limits', 'currency', 'balance', 'partnerBalance',
] as const;

export type CheckName = (typeof checkNames)[number];

/** What stand-in looks at beside what an account does. */
export const standInCheckNames = ['killSwitch', 'instruction', 'decision', 'limit', 'outageCap'] as const;

export type StandInCheckName = (typeof standInCheckNames)[number];

export interface CheckResult {
  readonly check: CheckName | StandInCheckName;
  readonly outcome: 'pass' | 'fail' | 'skipped';
  /** What was compared, for a person: never card data. */
  readonly value: string;
}
