/**
 * Writes a decision down as the journal's entry, and the account as it is after it.
 */
import type { CardMessage, CheckResult, Response } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { isApproval } from '../message/reason.ts';
import { evolve, noEffects } from './account.ts';
import type { Account } from './account.ts';
import type { Change } from './change.ts';
import type { DecidedChange, DecideFacts, Decision } from './decision.ts';
import type { Decider, TransactionEntry } from './journal.ts';

/** What a message came to in the balance's currency, and at which rate. */
export interface Converted extends Amount {
  readonly rate: string;
}

interface Written {
  readonly message: CardMessage;
  readonly facts: DecideFacts;
  readonly response: Response;
  readonly checks: readonly CheckResult[];
  readonly originalId: string | undefined;
  readonly flags: readonly string[];
  readonly converted?: Converted | undefined;
  /** Absent: the account, or the switch where there is none. */
  readonly by?: Decider;
}

/** The entry of a card message; without an account it has neither sequence nor effects. */
export function transactionEntry(account: Account | undefined, change: Change | undefined, written: Written): TransactionEntry {
  const { message, facts, response, checks, originalId, flags, converted, by = account === undefined ? 'switch' : 'account' } = written;
  const { trace, card, merchant } = message;
  return {
    kind: 'transaction', accountId: account?.id ?? '', sequence: account === undefined ? 0 : account.version + 1, id: message.id,
    receivedAtMs: message.receivedAtMs, decidedAtMs: facts.decidedAtMs,
    effects: change?.effects ?? noEffects, records: change?.records ?? [], hold: change?.hold,
    version: message.version, mti: message.mti, class: message.class, function: message.function, purpose: message.purpose,
    station: trace.station, acquirer: trace.acquirer, stan: trace.stan, rrn: message.rrn, terminal: trace.terminal,
    transmittedAt: trace.transmittedAt, localAt: trace.localAt, processingCode: message.processingCode,
    cardToken: card.token, maskedPan: card.pan.masked, amount: message.amount,
    billing: converted === undefined ? message.billing : { amountMinor: converted.amountMinor, currency: converted.currency }, entryMode: message.entryMode,
    merchant: { category: merchant.category, id: merchant.id, name: merchant.name },
    reason: response.reason, approved: isApproval(response.reason), approvalCode: response.approvalCode,
    decidedBy: by, checks, originalId,
    flags: converted === undefined ? flags : [...flags, rateFlag(message, converted)],
  };
}

/** `rate:0.93@2026-11-20`; without a day where it is that of the authorization that the message follows. */
function rateFlag({ conversion }: CardMessage, { rate }: Converted): string {
  return conversion?.rate === rate ? `rate:${rate}@${conversion.date}` : `rate:${rate}`;
}

/** The decision whose changes are written by `transactionEntry`. */
export function decided(account: Account | undefined, change: Change | undefined, once: readonly string[], written: Written): Decision {
  const entry = transactionEntry(account, change, written);
  const decidedChange: DecidedChange = {
    entry, once, account: account === undefined ? undefined : evolve(account, entry),
    guardMayRefuse: written.message.function === 'request' && written.message.class !== 'reversal',
  };
  return { kind: 'decided', response: written.response, change: decidedChange, note: undefined };
}
