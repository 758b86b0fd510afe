/**
 * Transfers as rows of the book: which there are, how far each is, and who is to go on with it.
 *
 * Invariants: a row is entered once for its request; it moves on from the state before alone, so that an end is told once whoever gets
 * there; what has no end has a time at which somebody goes on with it.
 */
import type { Queries } from '../book/book.ts';
import { eventId } from '../book/events.ts';
import type { Reason } from '../message/reason.ts';
import { tell } from './events.ts';
import { amountShown, timeOfPlace, timeText } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';

export type TransferState = 'started' | 'debited' | 'refunding' | 'completed' | 'refused' | 'refunded';

export interface TransferRow {
  readonly transferId: string;
  readonly partner: string;
  readonly senderUser: string;
  readonly senderBalance: string;
  readonly receiverUser: string;
  readonly receiverBalance: string;
  readonly amountMinor: number;
  /** ISO 4217 numeric. */
  readonly currency: string;
  readonly note: string;
  readonly state: TransferState;
  /** Of the account that refused. */
  readonly reason: Reason | null;
  readonly attempts: number;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
}

export const transferColumns = `transfer_id as "transferId", partner, sender_user as "senderUser", sender_balance as "senderBalance", receiver_user as "receiverUser",
  receiver_balance as "receiverBalance", amount_minor as "amountMinor", currency, note, state, reason, attempts, started_at as "startedAt", ended_at as "endedAt"`;

const ends: readonly TransferState[] = ['completed', 'refused', 'refunded'];

export function hasEnded({ state }: Pick<TransferRow, 'state'>): boolean {
  return ends.includes(state);
}

export async function transferByRequest(queries: Queries, requestKey: string): Promise<TransferRow | undefined> {
  return (await queries.query<TransferRow>(`select ${transferColumns} from transfer where request_key = $1`, [requestKey]))[0];
}

export async function transferById(queries: Queries, transferId: string): Promise<TransferRow | undefined> {
  return (await queries.query<TransferRow>(`select ${transferColumns} from transfer where transfer_id = $1`, [transferId]))[0];
}

export async function enterTransfer(queries: Queries, row: Omit<TransferRow, 'state' | 'reason' | 'attempts' | 'endedAt'>, requestKey: string, dueAt: Date): Promise<void> {
  await queries.query(
    `insert into transfer (transfer_id, request_key, partner, sender_user, sender_balance, receiver_user, receiver_balance, amount_minor, currency, note, state, due_at, started_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'started', $11, $12)`,
    [row.transferId, requestKey, row.partner, row.senderUser, row.senderBalance, row.receiverUser, row.receiverBalance, row.amountMinor, row.currency, row.note, dueAt, row.startedAt],
  );
}

/**
 * Moves a transfer from its state to the next, and tells its end. To be called in a transaction.
 * @returns the row as it is then: as somebody else left it, where that was faster
 */
export async function moveTransfer(queries: Queries, row: TransferRow, state: TransferState, reason: Reason | null, atMs: number): Promise<TransferRow> {
  const isEnd = hasEnded({ state });
  const [moved] = await queries.query<TransferRow>(
    `update transfer set state = $3, reason = coalesce($4, reason), ended_at = $5, attempts = 0 where transfer_id = $1 and state = $2 returning ${transferColumns}`,
    [row.transferId, row.state, state, reason, isEnd ? new Date(atMs) : null],
  );
  if (moved === undefined) return (await transferById(queries, row.transferId)) ?? row;
  if (state === 'completed' || state === 'refused' || state === 'refunded') {
    const { transferId, partner, senderUser, senderBalance, receiverUser, receiverBalance, amountMinor, currency, note } = moved;
    const transfer = {
      id: transferId, state: state.toUpperCase(), amount: amountMinor, currency: amountShown(0, currency).currency, note, reason: moved.reason,
      sender: { userId: senderUser, balanceId: senderBalance }, receiver: { userId: receiverUser, balanceId: receiverBalance },
    };
    await tell(queries, { id: eventId(transferId, state), partner, type: `transfer.${state}`, subject: transferId, atMs, content: { transfer } });
  }
  return moved;
}

/** Takes transfers that somebody is to go on with, for as long as the lease is. */
export async function claimTransfers(queries: Queries, atMs: number, leaseMs: number, most: number): Promise<readonly TransferRow[]> {
  return await queries.query<TransferRow>(
    `update transfer set leased_until = $2 where transfer_id in (
       select transfer_id from transfer where ended_at is null and due_at <= $1 and (leased_until is null or leased_until <= $1)
       order by due_at limit $3 for update skip locked
     ) returning ${transferColumns}`,
    [new Date(atMs), new Date(atMs + leaseMs), most],
  );
}

/** Leaves a transfer that could not go on for later. @param pauseMsOf by the attempts so far, from 1 */
export async function postponeTransfer(queries: Queries, { transferId, attempts }: TransferRow, atMs: number, pauseMsOf: (attempts: number) => number): Promise<void> {
  await queries.query(
    'update transfer set attempts = attempts + 1, due_at = $2, leased_until = null where transfer_id = $1 and ended_at is null', [transferId, new Date(atMs + pauseMsOf(attempts + 1))],
  );
}

/** What a sender has begun since a time and was not refused or given back. */
export async function sentSince(queries: Queries, senderBalance: string, since: Date): Promise<{ readonly count: number; readonly amountMinor: number }> {
  const [row] = await queries.query<{ readonly count: number; readonly amountMinor: number }>(
    `select count(*) as count, coalesce(sum(amount_minor), 0)::bigint as "amountMinor" from transfer
     where sender_balance = $1 and started_at > $2 and state not in ('refused', 'refunded')`,
    [senderBalance, since],
  );
  return row ?? { count: 0, amountMinor: 0 };
}

/** Of a user, as sender or receiver, or of a partner; the latest first. A receiver sees what has come. @throws LifecycleRefused CURSOR_INVALID */
export async function listTransfers(queries: Queries, whose: { readonly partner?: string | undefined; readonly userId?: string | undefined }, { limit, cursor }: PageChoice): Promise<Page<TransferRow>> {
  const [beforeMs, beforeId = ''] = placeOf(cursor, ['number', 'string']) ?? [];
  const rows = await queries.query<TransferRow>(
    `select ${transferColumns} from transfer where ($1::text is null or partner = $1)
       and ($2::text is null or sender_user = $2 or (receiver_user = $2 and state = 'completed'))
       and (started_at, transfer_id) < ($3::timestamptz, $4) order by started_at desc, transfer_id desc limit $5`,
    [whose.partner ?? null, whose.userId ?? null, timeOfPlace(beforeMs, 'last'), String(beforeId), limit + 1],
  );
  return pageOf(rows, limit, ({ startedAt, transferId }) => [startedAt.getTime(), transferId], (row) => row);
}

export interface TransferShown {
  readonly transferId: string;
  readonly state: TransferState;
  readonly amount: { readonly amountMinor: number; readonly currency: string };
  readonly note: string;
  /** Action code of the account that refused. */
  readonly reason?: string;
  readonly sender: { readonly userId: string; readonly balanceId?: string };
  readonly receiver: { readonly userId: string; readonly balanceId?: string };
  readonly startedAt: string;
  readonly endedAt?: string;
}

/** @param userId who looks: which balance the other one has is not shown; undefined: the partner does */
export function transferShown(row: TransferRow, userId: string | undefined): TransferShown {
  const side = (user: string, balanceId: string): TransferShown['sender'] => (userId === undefined || userId === user ? { userId: user, balanceId } : { userId: user });
  return {
    transferId: row.transferId, state: row.state, amount: amountShown(row.amountMinor, row.currency), note: row.note,
    ...(row.reason === null ? {} : { reason: row.reason }),
    sender: side(row.senderUser, row.senderBalance), receiver: side(row.receiverUser, row.receiverBalance),
    startedAt: timeText(row.startedAt), ...(row.endedAt === null ? {} : { endedAt: timeText(row.endedAt) }),
  };
}
