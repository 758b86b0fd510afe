/**
 * A partner's deposit under the cards of a remote issuer: what a transaction holds of it from before it is sent until it is declined,
 * reversed, or nothing came of it. The counter is the partner's deposit balance, beside its credit balance, which own accounts take from.
 *
 * Invariant: each change of the counter is in the same commit as the record that says what is held, and as a journal entry with the effect.
 */
import { noEffects } from '../account/account.ts';
import { creditGuardId, depositOf } from '../account/change.ts';
import { encodeEntry, encodeRow } from '../account/journal.ts';
import type { GuardEntry, JournalEntry, TransactionEntry } from '../account/journal.ts';
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { GuardMove } from '../store/store.ts';
import type { DepositOrder } from './stand-in-message.ts';
import type { Deposit, StandInRecord } from './stand-in-record.ts';

/** What has happened already is counted whatever is left. */
export const noFloor = -Number.MAX_SAFE_INTEGER;

const creditPrefix = 'credit:';

/** The counter of a partner's deposit, which is none of what is spent of balances held here. */
export function depositGuardId(partner: string): string {
  return creditGuardId(depositOf(partner));
}

/** What a transaction holds after a step, and the counter's change. */
export interface Held {
  readonly deposit: Deposit | undefined;
  readonly moves: readonly GuardMove[];
}

const nothing: Held = { deposit: undefined, moves: [] };

/**
 * Takes it for a transaction that may come to be, or that has.
 * @param own what the same transaction holds already
 * @param completes what it completes holds for it: that is taken over
 * @param floor 0: only as far as there is room
 */
export function take({ guardId, amountMinor, dueAtMs, isOutOfReach }: DepositOrder, own: Deposit | undefined, completes: Deposit | undefined, floor: number): Held {
  const deltaMinor = isOutOfReach === true ? 0 : (own?.leftMinor ?? 0) + (completes?.leftMinor ?? 0) - amountMinor;
  return { deposit: { guardId, leftMinor: amountMinor, dueAtMs }, moves: deltaMinor === 0 ? [] : [{ guardId, delta: deltaMinor, floor: deltaMinor < 0 ? floor : noFloor }] };
}

/** Takes what a request needs before it is sent: of what it completes nobody knows yet whether it will. */
export function reserve(order: DepositOrder, own: Deposit | undefined, completes: Deposit | undefined): Held {
  if (own !== undefined) return kept(own);
  const amountMinor = order.amountMinor - (completes?.leftMinor ?? 0);
  return amountMinor <= 0 ? nothing : take({ ...order, amountMinor }, undefined, undefined, 0);
}

/** It stays as it is. */
export function kept(deposit: Deposit | undefined): Held {
  return deposit === undefined ? nothing : { deposit, moves: [] };
}

/** Gives it back, or all but what is left. */
export function release(deposit: Deposit | undefined, leftMinor = 0): Held {
  if (deposit === undefined) return nothing;
  const { guardId } = deposit;
  const backMinor = deposit.leftMinor - leftMinor;
  const moves: GuardMove[] = backMinor > 0 ? [{ guardId, delta: backMinor, floor: noFloor }] : [];
  return { deposit: leftMinor === 0 ? undefined : { ...deposit, leftMinor: Math.min(leftMinor, deposit.leftMinor) }, moves };
}

/**
 * The decision on a request has come: a decline holds nothing, a part holds a part, and what was paid is never due.
 * @param own what the request holds since before it was sent
 * @param completes what it completes holds
 */
export function settle(message: CardMessage, reason: Reason, approvedMinor: number | undefined, own: Deposit | undefined, completes: Deposit | undefined, order: DepositOrder | undefined): Held {
  if (!isApproval(reason)) return release(own);
  const isOutOfReach = order?.isOutOfReach === true;
  const first = own ?? completes;
  if (order === undefined || (first === undefined && !isOutOfReach)) return asPaid(kept(own), message);
  const wholeMinor = completes === undefined && own !== undefined ? own.leftMinor : order.amountMinor;
  const leftMinor = partOf(wholeMinor, message.amount?.amountMinor, approvedMinor);
  const { deposit, moves } = take({ ...order, amountMinor: leftMinor, dueAtMs: own?.dueAtMs ?? order.dueAtMs }, own, completes, noFloor);
  return asPaid({ deposit: leftMinor === 0 ? undefined : deposit, moves }, message);
}

/** Only an authorization that nothing comes of gives it back some day. */
export function asPaid({ deposit, moves }: Held, { class: of }: CardMessage): Held {
  return { deposit: deposit === undefined || of === 'authorization' ? deposit : { ...deposit, dueAtMs: undefined }, moves };
}

/** What another ledger says that is held takes the place of what is held here. */
export function become(before: Deposit | undefined, after: Deposit | undefined): Held {
  const guardId = after?.guardId ?? before?.guardId;
  if (guardId === undefined) return nothing;
  if (before !== undefined && after !== undefined && before.guardId !== after.guardId) return kept(before);
  const delta = (before?.leftMinor ?? 0) - (after?.leftMinor ?? 0);
  return { deposit: after, moves: delta === 0 ? [] : [{ guardId, delta, floor: noFloor }] };
}

/** What the named authorization holds for what completes it. */
export function completedBy({ purpose }: CardMessage, order: DepositOrder | undefined, original: StandInRecord | undefined): Deposit | undefined {
  const deposit = original?.more?.deposit;
  return purpose === 'completion' && deposit?.guardId === order?.guardId ? deposit : undefined;
}

/** What a reversal leaves of it. @param actualMinor in the transaction's currency; 0: nothing */
export function afterReversal({ more, amount }: StandInRecord, actualMinor: number): Held {
  const deposit = more?.deposit;
  if (deposit === undefined) return nothing;
  return release(deposit, actualMinor === 0 ? 0 : partOf(deposit.leftMinor, more?.actualMinor ?? amount?.amountMinor, actualMinor));
}

/** A reversal came before the decision, and leaves so much of it: no more is decided on. @param actualMinor undefined: none came */
export function lessened<Of extends { readonly message: CardMessage; readonly deposit?: DepositOrder | undefined }>(whole: Of, actualMinor: number | undefined): Of {
  if (actualMinor === undefined) return whole;
  const { message, deposit } = whole;
  const { amount, billing } = message;
  const less = <Sum extends { readonly amountMinor: number }>(sum: Sum): Sum => ({ ...sum, amountMinor: partOf(sum.amountMinor, amount?.amountMinor, actualMinor) });
  return {
    ...whole, message: { ...message, amount: amount === undefined ? undefined : less(amount), billing: billing === undefined ? undefined : less(billing) },
    ...(deposit === undefined ? {} : { deposit: less(deposit) }),
  };
}

/** Rounded up: never too much is given back. */
function partOf(leftMinor: number, wholeMinor: number | undefined, partMinor: number | undefined): number {
  if (wholeMinor === undefined || partMinor === undefined || wholeMinor <= 0 || partMinor >= wholeMinor) return leftMinor;
  return Number((BigInt(leftMinor) * BigInt(partMinor) + BigInt(wholeMinor) - 1n) / BigInt(wholeMinor));
}

/** Is this counter a partner's deposit? */
export function isDeposit(guardId: string): boolean {
  return guardId.startsWith(creditPrefix);
}

/** The journal's entry, with what the step did to the partner's balance here, and nothing that it did elsewhere. */
export function entryText(entry: JournalEntry, moves: readonly GuardMove[]): string {
  return encodeEntry(withMoves(entry, moves));
}

/** The same of a decision. @param checks as its row has them, in the place of the entry's */
export function decisionText(entry: TransactionEntry, moves: readonly GuardMove[], checks: readonly string[]): string {
  return encodeRow(withMoves(entry, moves), checks);
}

function withMoves<Entry extends JournalEntry>(entry: Entry, moves: readonly GuardMove[]): Entry {
  const guard = effectOf(moves);
  return guard === undefined && entry.effects.guard === undefined ? entry : { ...entry, effects: { ...entry.effects, guard } };
}

/** The entry of a step that is nobody's decision: before a request is sent, and when what it held lapses. Empty: it took and gave nothing. */
export function depositEntry(step: 'reserved' | 'lapsed', id: string, transactionId: string, moves: readonly GuardMove[], nowMs: number): string {
  const guard = effectOf(moves);
  if (guard === undefined) return '';
  const entry: GuardEntry = {
    kind: 'guard', step, accountId: '', sequence: 0, id: `${id}.${step}`, receivedAtMs: nowMs, decidedAtMs: nowMs, effects: { ...noEffects, guard },
    records: [], partner: guard.guardId.slice(creditPrefix.length), transferId: transactionId, otherPartition: 0,
  };
  return encodeEntry(entry);
}

function effectOf(moves: readonly GuardMove[]): JournalEntry['effects']['guard'] {
  let guardId = '';
  let delta = 0;
  for (const move of moves) {
    if (!isDeposit(move.guardId)) continue;
    guardId = move.guardId;
    delta += move.delta;
  }
  return delta === 0 ? undefined : { guardId, delta };
}
