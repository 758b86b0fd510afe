/**
 * A partner's deposit under the cards of a remote issuer: what a transaction holds of it from before it is sent until it is declined,
 * reversed, or nothing came of it. The counter is the partner's credit balance, as own accounts have it.
 *
 * Invariant: each change of the counter is in the same commit as the record that says what is held, and as a journal entry with the effect.
 */
import { noEffects } from '../account/account.ts';
import { creditGuardId } from '../account/change.ts';
import { encodeEntry } from '../account/journal.ts';
import type { GuardEntry, JournalEntry } from '../account/journal.ts';
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { GuardMove } from '../store/store.ts';
import type { DepositOrder } from './stand-in-message.ts';
import type { Deposit, StandInRecord } from './stand-in-record.ts';

/** What has happened already is counted whatever is left. */
export const noFloor = -Number.MAX_SAFE_INTEGER;

const creditPrefix = 'credit:';

/** The counter of a partner's deposit. */
export const depositGuardId = creditGuardId;

/** What a transaction holds after a step, and the counter's change. */
export interface Held {
  readonly deposit: Deposit | undefined;
  readonly moves: readonly GuardMove[];
}

const nothing: Held = { deposit: undefined, moves: [] };

/**
 * Takes it for a transaction that may come to be, or that has.
 * @param before what the same transaction holds already
 * @param original what it completes holds for it
 * @param floor 0: only as far as there is room
 */
export function reserve({ guardId, amountMinor, dueAtMs }: DepositOrder, before: Deposit | undefined, original: Deposit | undefined, floor: number): Held {
  if (before !== undefined) return { deposit: before, moves: [] };
  const delta = (original?.leftMinor ?? 0) - amountMinor;
  return { deposit: { guardId, leftMinor: amountMinor, dueAtMs }, moves: delta === 0 ? [] : [{ guardId, delta, floor: delta < 0 ? floor : noFloor }] };
}

/** Gives it back, or all but what is left. */
export function release(deposit: Deposit | undefined, leftMinor = 0): Held {
  if (deposit === undefined) return nothing;
  const { guardId } = deposit;
  const backMinor = deposit.leftMinor - leftMinor;
  const moves: GuardMove[] = backMinor > 0 ? [{ guardId, delta: backMinor, floor: noFloor }] : [];
  return { deposit: leftMinor === 0 ? undefined : { ...deposit, leftMinor: Math.min(leftMinor, deposit.leftMinor) }, moves };
}

/** Its decision has come: a decline holds nothing, a part holds a part, and what was paid is never due. */
export function settle(deposit: Deposit | undefined, { class: of, amount }: CardMessage, reason: Reason, approvedMinor: number | undefined): Held {
  if (deposit === undefined || !isApproval(reason)) return release(deposit);
  const held = release(deposit, partOf(deposit, amount?.amountMinor, approvedMinor));
  return held.deposit === undefined || of === 'authorization' ? held : { ...held, deposit: { ...held.deposit, dueAtMs: undefined } };
}

/** What a reversal leaves of it. @param actualMinor in the transaction's currency; 0: nothing */
export function afterReversal({ more, amount }: StandInRecord, actualMinor: number): Held {
  const deposit = more?.deposit;
  if (deposit === undefined) return nothing;
  return release(deposit, actualMinor === 0 ? 0 : partOf(deposit, amount?.amountMinor, actualMinor));
}

/** Rounded up: never too much is given back. */
function partOf({ leftMinor }: Deposit, wholeMinor: number | undefined, partMinor: number | undefined): number {
  if (wholeMinor === undefined || partMinor === undefined || wholeMinor <= 0 || partMinor >= wholeMinor) return leftMinor;
  return Number((BigInt(leftMinor) * BigInt(partMinor) + BigInt(wholeMinor) - 1n) / BigInt(wholeMinor));
}

/** Is this counter a partner's deposit? */
export function isDeposit(guardId: string): boolean {
  return guardId.startsWith(creditPrefix);
}

/** The journal's entry, with what the step did to the partner's balance. */
export function entryText(entry: JournalEntry, moves: readonly GuardMove[]): string {
  const move = moves.find(({ guardId }) => isDeposit(guardId));
  if (move === undefined) return encodeEntry(entry);
  const delta = moves.reduce((sum, each) => sum + (each.guardId === move.guardId ? each.delta : 0), 0);
  return encodeEntry({ ...entry, effects: { ...entry.effects, guard: { guardId: move.guardId, delta } } });
}

/** The entry of a step that is nobody's decision: before a request is sent, and when what it held lapses. */
export function depositEntry(step: 'reserved' | 'lapsed', id: string, transactionId: string, moves: readonly GuardMove[], nowMs: number): string {
  const [move] = moves;
  if (move === undefined) return '';
  const entry: GuardEntry = {
    kind: 'guard', step, accountId: '', sequence: 0, id: `${id}.${step}`, receivedAtMs: nowMs, decidedAtMs: nowMs, effects: { ...noEffects, guard: { guardId: move.guardId, delta: move.delta } },
    records: [], partner: move.guardId.slice(creditPrefix.length), transferId: transactionId, otherPartition: 0,
  };
  return encodeEntry(entry);
}
