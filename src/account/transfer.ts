/**
 * One account's part in a transfer between two. The sender's account gives, which is the transfer's outbox: money in transit stands in a
 * posting account. The receiver's takes, and then the sender's is settled; or the receiver's refuses, and the sender's has it back.
 *
 *   sender    out ──> settled          receiver   in
 *              └────> refunded                    refused: for good
 *
 * Invariants: each step is done once, by the transfer's id, whoever asks how often and in which order; what an account has refused of a
 * transfer it refuses for ever, so that whoever goes on with it finds the same answer as whoever began; of `settled` and `refunded` there is
 * only one.
 */
import { amountMinorMax } from '../base/limits.ts';
import type { Reason } from '../message/reason.ts';
import { isApproval } from '../message/reason.ts';
import { availableMinor, evolve, isWithinBounds, noEffects } from './account.ts';
import type { Account } from './account.ts';
import type { LifecycleBase } from './card-lifecycle.ts';
import { plainResponse } from './decision.ts';
import type { Decision } from './decision.ts';
import type { Effects, RecordChange, TransferEntry } from './journal.ts';
import type { Records } from './locate.ts';

interface TransferBase extends LifecycleBase {
  /** 1 to 40 of letters, digits, hyphen and underscore; never the same for two transfers. */
  readonly transferId: string;
}

/** Takes the amount from the sender, in the balance's currency; it is in transit then. */
export interface TransferOutMessage extends TransferBase {
  readonly kind: 'transferOut';
  readonly amountMinor: number;
}

/** Gives the amount to the receiver. */
export interface TransferInMessage extends TransferBase {
  readonly kind: 'transferIn';
  readonly amountMinor: number;
  /** ISO 4217 numeric: what the sender's balance is in. */
  readonly currency: string;
}

/** Gives the amount back to the sender: the receiver has refused it. */
export interface TransferRefundMessage extends TransferBase {
  readonly kind: 'transferRefund';
}

/** The receiver has it: nothing is owed to the sender any more. */
export interface TransferSettleMessage extends TransferBase {
  readonly kind: 'transferSettle';
}

export type TransferMessage = TransferOutMessage | TransferInMessage | TransferRefundMessage | TransferSettleMessage;

/** How far the account is with a transfer, and with how much; of `refused` also why. */
interface Standing {
  readonly step: TransferEntry['step'];
  readonly amountMinor: number;
  readonly reason: Reason;
}

/** A transfer that has its end is remembered for longer than anyone goes on with it. */
const endedDays = 400;
const dayMs = 86_400_000;
const steps = { o: 'out', s: 'settled', r: 'refunded', i: 'in', x: 'refused' } as const;

export function isTransfer(message: { readonly kind: string }): message is TransferMessage {
  return message.kind.startsWith('transfer');
}

/** Money that has left a balance in this currency, and has not come to another. */
export function transitLedger(currency: string): string {
  return `transit:${currency}`;
}

/**
 * Decides a step. Answers 0000, or 1018 (no such account), 9100 (an id that cannot be), 1010, 1016, 1030, 1816 (the account refuses it, for
 * good), 9114 (the account gave nothing for it), 9113 (it had its other end, or the id was used for another amount).
 */
export function applyTransfer(account: Account | undefined, message: TransferMessage, records: Records): Decision {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(message.transferId)) return answer('9100');
  if (account === undefined) return answer('1018');
  const id = `${account.id}%${message.transferId}`;
  const text = records.get(id);
  const isFirst = message.kind === 'transferOut' || message.kind === 'transferIn';
  // The first step takes the transfer for new; what comes after it has to see how it stands.
  if (text === undefined && !isFirst) return { kind: 'read', ids: [id] };
  const standing = typeof text === 'string' ? standingOf(text) : undefined;
  if (isFirst) {
    if (standing !== undefined) return begunBefore(message, standing);
    const refused = message.kind === 'transferOut' ? refusalOut(account, message.amountMinor) : refusalIn(account, message);
    const step = refused === undefined ? (message.kind === 'transferOut' ? 'out' : 'in') : 'refused';
    const after: Standing = { step, amountMinor: message.amountMinor, reason: refused ?? '0000' };
    return decided(account, message, id, after, text === undefined);
  }
  if (standing === undefined) return answer('9114');
  const end = message.kind === 'transferRefund' ? 'refunded' : 'settled';
  if (standing.step === end) return answer('0000', 'repeat');
  if (standing.step !== 'out') return answer(standing.step === 'refused' || standing.step === 'in' ? '9114' : '9113');
  return decided(account, message, id, { ...standing, step: end }, false);
}

function answer(reason: Reason, note?: 'repeat'): Decision {
  return { kind: 'decided', response: plainResponse(reason), change: undefined, note };
}

function begunBefore(message: TransferOutMessage | TransferInMessage, { step, amountMinor, reason }: Standing): Decision {
  const isSame = amountMinor === message.amountMinor && (step === 'refused' || (step === 'in') === (message.kind === 'transferIn'));
  return isSame ? answer(reason, 'repeat') : answer('9113');
}

function isAmount(amountMinor: number): boolean {
  return Number.isSafeInteger(amountMinor) && amountMinor > 0 && amountMinor <= amountMinorMax;
}

function refusalOut(account: Account, amountMinor: number): Reason | undefined {
  if (account.isClosed) return '1816';
  if (!isAmount(amountMinor)) return '1010';
  return availableMinor(account) < amountMinor ? '1016' : undefined;
}

function refusalIn(account: Account, { amountMinor, currency }: TransferInMessage): Reason | undefined {
  if (account.isClosed) return '1816';
  if (currency !== account.currency) return '1030';
  return isAmount(amountMinor) && isWithinBounds(account, { ...noEffects, ledgerMinor: amountMinor }) ? undefined : '1010';
}

function decided(account: Account, message: TransferMessage, id: string, after: Standing, isOnce: boolean): Decision {
  const { step, amountMinor, reason } = after;
  const isEnded = step !== 'out';
  const record: RecordChange = { id, value: textOf(after), keepUntilMs: isEnded ? message.receivedAtMs + endedDays * dayMs : undefined, dueAtMs: undefined };
  const entry: TransferEntry = {
    kind: 'transfer', accountId: account.id, sequence: account.version + 1, id: message.id, receivedAtMs: message.receivedAtMs, decidedAtMs: message.receivedAtMs,
    step, transferId: message.transferId, amountMinor, reason, effects: effectsOf(account, step, amountMinor), records: [record],
  };
  return {
    kind: 'decided', response: plainResponse(reason), note: undefined,
    change: { entry, account: evolve(account, entry), once: isOnce ? [id] : [], guardMayRefuse: isApproval(reason) },
  };
}

function effectsOf({ id, currency }: Account, step: TransferEntry['step'], amountMinor: number): Effects {
  if (step === 'refused' || step === 'settled') return noEffects;
  const ledgerMinor = step === 'out' ? -amountMinor : amountMinor;
  return {
    ...noEffects, ledgerMinor,
    postings: [{ ledger: `holder:${id}`, amountMinor: ledgerMinor, currency }, { ledger: transitLedger(currency), amountMinor: -ledgerMinor, currency }],
  };
}

function textOf({ step, amountMinor, reason }: Standing): string {
  const letter = Object.entries(steps).find(([, name]) => name === step)?.[0] ?? '';
  return step === 'refused' ? `${letter}${amountMinor}.${reason}` : `${letter}${amountMinor}`;
}

function standingOf(text: string): Standing {
  const [amount = '', reason = '0000'] = text.slice(1).split('.');
  return { step: steps[text[0] as keyof typeof steps], amountMinor: Number(amount), reason: reason as Reason };
}
