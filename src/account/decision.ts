/**
 * What `apply` answers: which records it must see first, or what the message must be checked against first, or the decision with all
 * that it changes.
 */
import type { CardReferences, QueuedScript, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Account } from './account.ts';
import type { JournalEntry } from './journal.ts';

export type Decision =
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  /** The message's verdicts are of another CVV2 or PIN than the card's record has: the same message is to come again with these. */
  | { readonly kind: 'verify'; readonly references: CardReferences }
  | {
      readonly kind: 'decided';
      readonly response: Response;
      /** undefined: nothing changes, as for a repeat. */
      readonly change: DecidedChange | undefined;
      /** For the log: `repeat`, `duplicate`. */
      readonly note: 'repeat' | 'duplicate' | undefined;
    };

export interface DecidedChange {
  readonly entry: JournalEntry;
  /** The account after the entry; undefined where the message concerns none. */
  readonly account: Account | undefined;
  /** Records that must not exist yet, having been taken for absent. */
  readonly once: readonly string[];
  /** May the guard refuse? What has happened already is not refused. */
  readonly guardMayRefuse: boolean;
}

/** Facts that the deciding process adds to a message on its way into `apply`. */
export interface DecideFacts {
  readonly decidedAtMs: number;
  /** The shared counter refused this message a moment ago. */
  readonly guardRefused: boolean;
  /** Stand-in refuses a request that the account as it was last seen would approve: it is declined for this, once its own checks have passed. */
  readonly refused?: Reason | undefined;
}

/** The answer when nothing but the reason is to be said. */
export function plainResponse(reason: Response['reason'], field?: string): Response {
  return { reason, approvalCode: '', amount: undefined, billing: undefined, balance: undefined, field };
}

export function withScripts(response: Response, scripts: readonly QueuedScript[]): Response {
  return scripts.length === 0 ? response : { ...response, scripts };
}
