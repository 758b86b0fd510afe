/** The story of a transaction of a remote issuer's card, as the book takes it: decisions, answers that came late, what the issuer was told. */
import { noEffects } from '../account/account.ts';
import { transactionEntry } from '../account/entry.ts';
import { standInCheckText } from '../account/journal.ts';
import type { Decider as Who, TransactionEntry } from '../account/journal.ts';
import type { AdviceContent } from '../message/advice.ts';
import type { CardMessage, CheckResult, MessageClass, Response, Version } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { StandInCheck } from '../standin/decision.ts';

export function checksOf(checks: readonly StandInCheck[]): CheckResult[] {
  return checks.map(({ check, outcome, parameter, value }) => ({ check, outcome, value: parameter === '' || value === '' ? parameter + value : `${parameter}: ${value}` }));
}

/** The same as the journal's row has them. */
export function checkTextsOf(checks: readonly StandInCheck[]): string[] {
  return checks.map(({ check, outcome, parameter, value }) => standInCheckText(check, outcome, parameter, value));
}

export function entryOf(
  message: CardMessage, decidedAtMs: number, by: Who, { reason, approvalCode, amount }: Pick<Response, 'reason' | 'approvalCode' | 'amount'>, checks: readonly CheckResult[], flags: readonly string[],
  originalId?: string,
): TransactionEntry {
  const response: Response = { reason, approvalCode, amount, billing: undefined, balance: undefined };
  return transactionEntry(undefined, undefined, { message, facts: { decidedAtMs, guardRefused: false }, response, checks, originalId: originalId === '' ? undefined : originalId, flags, by });
}

/** The issuer's answer after its request had its end: it decides nothing. */
export function lateEntry(message: CardMessage, nowMs: number, { reason, approved, approvalCode }: { readonly reason: Reason | undefined; readonly approved: boolean; readonly approvalCode: string }, flags: readonly string[]): TransactionEntry {
  const response = { reason: reason ?? (approved ? '0000' : '1000'), approvalCode, amount: message.amount } as const;
  const entry = entryOf(message, nowMs, 'issuer', response, [], flags, message.id);
  return { ...entry, id: `${message.id}-late`, approved: false, receivedAtMs: nowMs };
}

export interface Told {
  /** Of the advice. */
  readonly id: string;
  /** Of what it tells. */
  readonly messageId: string;
  readonly token: string;
  readonly maskedPan: string;
  readonly class: MessageClass;
  readonly version: Version;
  readonly mti: string;
  readonly station: string;
  readonly own: { readonly stan: string; readonly transmittedAt: string };
  readonly flags: readonly string[];
}

/** The issuer has taken an advice. */
export function toldEntry(content: AdviceContent, told: Told, nowMs: number): TransactionEntry {
  const { trace, amount, billing, merchant } = content;
  return {
    kind: 'transaction', accountId: '', sequence: 0, id: `${told.id}-told`, receivedAtMs: nowMs, decidedAtMs: nowMs, effects: noEffects, records: [], hold: undefined,
    version: told.version, mti: told.mti, class: told.class, function: 'advice', purpose: content.purpose, station: told.station, acquirer: trace.acquirer, stan: told.own.stan,
    rrn: content.rrn, terminal: trace.terminal, transmittedAt: told.own.transmittedAt, localAt: trace.localAt, processingCode: content.processingCode, cardToken: told.token,
    maskedPan: told.maskedPan, amount, billing, entryMode: content.entryMode, merchant: { category: merchant.category, id: merchant.id, name: merchant.name },
    reason: told.class === 'reversal' ? '4000' : '9000', approved: false, approvalCode: '', decidedBy: 'issuer', checks: [], originalId: told.messageId, flags: told.flags,
  };
}
