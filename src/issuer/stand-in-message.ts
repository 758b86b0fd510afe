/** What the ledger of remote issuers' cards keeps of each, is told, and answers: plain types, for all who run it or speak to it. */
import type { TransactionEntry } from '../account/journal.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Activity } from '../standin/activity.ts';
import type { CardTerms } from '../standin/card-terms.ts';
import type { StandInCheck, StandInDecision, StandInFacts } from '../standin/decision.ts';
import type { Exposure } from '../standin/exposure.ts';
import type { Counter, StandInRules } from '../standin/rules.ts';
import type { PushedBalance } from '../standin/shadow.ts';
import type { OwnChange } from '../store/decide.ts';
import type { GuardMove } from '../store/store.ts';
import type { CardKnown, HostApproval } from './stand-in-known.ts';
import type { When } from './stand-in-place.ts';
import type { Owed, StandInRecord } from './stand-in-record.ts';

export interface StandInHead {
  readonly version: number;
  readonly card: Activity;
  /** The same, encoded: most changes of a head leave it as it is. */
  readonly cardText: string;
  /** Of an issuer's head. */
  readonly outage: Exposure | undefined;
  /** What its issuer said of the card, and the balance that its host pushes. */
  readonly known: CardKnown | undefined;
}

interface OfCard {
  readonly id: string;
  readonly issuer: string;
  readonly message: CardMessage;
  /** Its `keyOf`, where that was made before: to look up a text that was not looked up before costs far more than to look it up again. */
  readonly key?: string | undefined;
  readonly rules: StandInRules;
  /** Does its host push the card's balance? Then nothing is approved without one, and what is approved is taken off it. */
  readonly keepsBalance?: boolean;
}

/** What a transaction holds of a partner's deposit while it stands. */
export interface DepositOrder {
  readonly guardId: string;
  /** Minor units of the partner's currency. */
  readonly amountMinor: number;
  /** Unix ms at which an authorization that nothing came of gives it back. */
  readonly dueAtMs: number;
  /** What is left of it is not known here: whoever cannot take it now is declined. */
  readonly isOutOfReach?: boolean;
}

/** A request that is about to go to the issuer. */
export interface AskMessage extends OfCard {
  readonly kind: 'ask';
  readonly deposit?: DepositOrder | undefined;
  /** As it will be sent. */
  readonly sent: SentReference;
  /** Unix ms until which the issuer may answer. */
  readonly untilMs: number;
  readonly owed?: Owed;
  /** What it names the issuer is to have heard of, whichever switch tells it. */
  readonly inOrder?: boolean;
}

/** A request that stand-in is to decide. */
export interface StandInRequest extends OfCard {
  readonly kind: 'request';
  readonly deposit?: DepositOrder | undefined;
  /** What is decided is for the issuer to confirm, or to decide otherwise, until then (Unix ms). */
  readonly proposesUntilMs?: number | undefined;
  readonly facts: Omit<StandInFacts, 'nowMs'>;
  /** It was sent to the issuer, and no valid answer came; or it will be, with what is proposed. */
  readonly sent: SentReference | undefined;
  /** What takes it back then. */
  readonly owed?: Owed | undefined;
  /** How the issuer will be told of the decision. */
  readonly advised: SentReference;
  /** Message id under which it was asked and never ended: it is decided now. */
  readonly follows: string | undefined;
  /** Of a proposal: what it names the issuer is to have heard of, whichever switch tells it. */
  readonly inOrder?: boolean;
  /** What tells the issuer of the decision, for a store that puts it on this node's disk in the same step. Each call makes another. */
  readonly tell?: ((record: StandInRecord) => OwnChange | undefined) | undefined;
}

/** A request, advice or reversal that needs no decision here: the issuer has answered it, or it is passed on whatever it says. */
export interface ToldMessage extends OfCard {
  readonly kind: 'told';
  /** Of an advice: it happened, and is taken whatever is left. Of a request: what it would take whole. */
  readonly deposit?: DepositOrder | undefined;
  readonly by: 'issuer' | 'switch';
  readonly response: Pick<Response, 'reason' | 'approvalCode' | 'amount'>;
  /** Of a request: as it went out. */
  readonly sent: SentReference | undefined;
  /** Of what the issuer is to be told of: how. */
  readonly advised: SentReference | undefined;
  /** The issuer is told that it is taken back. */
  readonly isReversed: boolean;
  /** What tells it, where that is not on disk. */
  readonly owed?: Owed | undefined;
  readonly flags: readonly string[];
  /** What it names, as this switch remembers it, for where the store does not know. */
  readonly remembered: StandInRecord | undefined;
}

export interface OutageMessage {
  readonly kind: 'outage';
  readonly id: string;
  readonly issuer: string;
  readonly isOpen: boolean;
  /** Unix ms at which it was noticed: what was counted for it before the store knew of it belongs to it. */
  readonly sinceMs: number;
}

/**
 * `look`: is this transaction known? `undone`: what was decided of it could not be kept, and counts for nothing. `kept`: what the issuer
 * is to be told of it is on disk.
 */
export interface FoundMessage extends OfCard {
  readonly kind: 'look' | 'undone' | 'kept';
}

/** The issuer says nothing of what was proposed to it: that stands. */
export interface StandMessage extends OfCard {
  readonly kind: 'stand';
  readonly deposit?: DepositOrder | undefined;
  /** As it may have reached the issuer; undefined: it cannot have. */
  readonly sent: SentReference | undefined;
  readonly owed?: Owed | undefined;
  /** Message id under which it was proposed. */
  readonly follows: string;
}

/** What an authorization holds of a partner's deposit is given back: nothing came of it. */
export interface LapseMessage {
  readonly kind: 'lapse';
  readonly id: string;
  readonly token: string;
  readonly recordId: string;
}

/**
 * What takes a request back, and no disk has, is due. First it is certain that nothing else will become of the request any more; once it is
 * on disk (`isKept`), nothing is owed.
 */
export interface OverdueMessage {
  readonly kind: 'overdue';
  readonly id: string;
  readonly token: string;
  readonly recordId: string;
  readonly counters: readonly Counter[];
  readonly isKept: boolean;
}

/** What is kept of a card for stand-in is looked at, or changed. */
export interface CardChangeMessage {
  readonly kind: 'card';
  readonly id: string;
  readonly token: string;
  /** `none`: it has none from now on. */
  readonly terms: CardTerms | 'none' | undefined;
  /** `through`: the id of the last authorization that the host has taken into it; empty: of none. */
  readonly balance: { readonly pushed: PushedBalance; readonly through: string } | undefined;
}

/** Something else that belongs to a transaction's story, once by its entry's id. */
export interface NotedMessage {
  readonly kind: 'noted';
  readonly id: string;
  readonly token: string;
  readonly entry: TransactionEntry;
  /** A request that the issuer has taken back: nothing is held for it any more. */
  readonly takenBack?: TakenBack | undefined;
  /** An approval that the issuer knows of now. */
  readonly heard?: Heard | undefined;
}

/** Which request it was. Plain data. */
export interface TakenBack extends When {
  readonly key: string;
}

/** What the issuer has heard of: which transaction, by which advice, under what name, and how much of it. Plain data. */
export interface Heard extends TakenBack {
  /** Of the transaction's message. */
  readonly id: string;
  readonly adviceId: string;
  readonly name: SentReference;
  readonly amountMinor: number;
}

/** What was taken back of it before: so much is left (minor units of the transaction). */
export interface Overtaken {
  readonly heard: Heard;
  readonly leftMinor: number;
}

/** What another ledger has done already, in its order. Once by its id. */
export interface RelayMessage {
  readonly kind: 'relay';
  readonly id: string;
  readonly done: Done;
}

export type StandInMessage = AskMessage | StandInRequest | ToldMessage | FoundMessage | StandMessage | LapseMessage | OverdueMessage | CardChangeMessage | OutageMessage | NotedMessage | RelayMessage;

/** All that a change of a card's head did, so that it can be done to another ledger's. Plain data. */
export interface Done {
  readonly token: string;
  /** Empty: only its entry. */
  readonly key: string;
  readonly record: StandInRecord | undefined;
  /** As the book takes it; empty: nothing. */
  readonly entry: string;
  readonly counters: readonly Counter[];
  readonly takes: readonly GuardMove[];
  readonly pin: 'wrong' | 'right' | undefined;
  readonly seen: readonly string[];
  /** What it took back: where it may be, by its retrieval reference too, how much of it is left, and what stands for it where it is not known. */
  readonly original: { readonly keys: readonly string[]; readonly alias?: string | undefined; readonly leftMinor: number; readonly unknown: StandInRecord } | undefined;
  /** The authorization that it completes: its partner's deposit holds the completion instead. `by`: as what reverses it would name it. */
  readonly completes?: { readonly keys: readonly string[]; readonly by: StandInRecord } | undefined;
  readonly takenBack?: TakenBack | undefined;
  readonly heard?: Heard | undefined;
  /** By which its record is found too. */
  readonly alias?: { readonly id: string; readonly text: string } | undefined;
  /** What would have taken its request back, had the issuer not answered: where another switch's answer stands, it does. */
  readonly back?: string | undefined;
  /** Id of an entry that others may write too: it is written once. */
  readonly noted?: string | undefined;
  /** What it counted counts no longer. */
  readonly isUndone: boolean;
  /** The host approved: what its next balance may not know of. */
  readonly hostApproved?: HostApproval | undefined;
}

export type StandInAnswer =
  | { readonly kind: 'forward'; readonly reason: Reason; readonly checks: readonly StandInCheck[] }
  | {
      readonly kind: 'answered';
      readonly record: StandInRecord;
      readonly note: 'repeat' | 'duplicate' | undefined;
      /** Of a decision of this call. */
      readonly decision: Extract<StandInDecision, { kind: 'decided' }> | undefined;
    }
  /** It is on its way to the issuer already; or, of a reversal, another one of the same is on its way to a disk. */
  | { readonly kind: 'asked'; readonly record: StandInRecord }
  /** It is on record now, and may be sent. `names`: what it names, as the issuer knows that. */
  | { readonly kind: 'go'; readonly names: SentReference | undefined; readonly proposal?: Pick<Response, 'reason' | 'approvalCode'> }
  /** The issuer has not heard yet of what it names. */
  | { readonly kind: 'ahead' }
  /** What takes it back is due, as an advice file has it. */
  | { readonly kind: 'overdue'; readonly text: string }
  /** What another ledger has done is done here. `names`: by which the issuer knows what it does not know yet is taken back. */
  | { readonly kind: 'relayed'; readonly names: readonly SentReference[]; readonly overtaken: Overtaken | undefined }
  /** It is in the story. */
  | { readonly kind: 'noted'; readonly overtaken: Overtaken | undefined }
  /** `isTaken` false: the balance is older than the one that is known. */
  | { readonly kind: 'card'; readonly known: CardKnown | undefined; readonly isTaken: boolean }
  | { readonly kind: 'outage'; readonly outageId: number }
  | { readonly kind: 'unknown' };

export function encodeDone(done: Done): string {
  return JSON.stringify(done);
}

export function decodeDone(text: string): Done {
  const done = JSON.parse(text) as Done;
  return { ...done, record: done.record, pin: done.pin, original: done.original };
}
