/**
 * Balances as rows of the book: whose each is. What is in one stands in its account.
 *
 * Invariant: whoever asks for a user or a partner gets theirs, and of others not even that they are there.
 */
import type { Queries } from '../book/book.ts';
import { LifecycleRefused } from './refusal.ts';

export type BalanceState = 'opening' | 'open' | 'closing' | 'closed';

export interface BalanceRow {
  readonly balanceId: string;
  readonly userId: string;
  readonly partner: string;
  readonly program: string;
  /** ISO 4217 numeric. */
  readonly currency: string;
  readonly name: string;
  readonly state: BalanceState;
  readonly createdAt: Date;
}

/** Which balance is meant; `partner` or `userId` undefined: whosever. */
export interface BalanceName {
  readonly balanceId: string;
  readonly partner?: string | undefined;
  readonly userId?: string | undefined;
}

export const balanceColumns = 'balance_id as "balanceId", user_id as "userId", partner, program, currency, name, state, created_at as "createdAt"';

/** @param lock within a transaction: `share` keeps the balance as it is until the end, `update` keeps others away as well; @throws LifecycleRefused 404 */
export async function requireBalance(queries: Queries, { balanceId, partner, userId }: BalanceName, lock?: 'share' | 'update'): Promise<BalanceRow> {
  const [row] = await queries.query<BalanceRow>(
    `select ${balanceColumns} from user_balance where balance_id = $1 and ($2::text is null or partner = $2) and ($3::text is null or user_id = $3)${lock === undefined ? '' : ` for ${lock}`}`,
    [balanceId, partner ?? null, userId ?? null],
  );
  if (row === undefined) throw balanceMissing();
  return row;
}

export function balanceMissing(): LifecycleRefused {
  return new LifecycleRefused(404, 'BALANCE_NOT_FOUND', 'there is no such balance', 'balanceId');
}

/** A balance that money may move on and cards may be made for. @throws LifecycleRefused 404, 409 `BALANCE_CLOSED`, `BALANCE_NOT_OPEN` */
export async function requireOpenBalance(queries: Queries, name: BalanceName, lock?: 'share' | 'update'): Promise<BalanceRow> {
  const row = await requireBalance(queries, name, lock);
  refuseNotOpen(row.state);
  return row;
}

/** @throws LifecycleRefused as `requireOpenBalance` */
export function refuseNotOpen(state: BalanceState): void {
  if (state === 'opening') throw new LifecycleRefused(409, 'BALANCE_NOT_OPEN', 'the balance is being opened', 'balanceId');
  if (state !== 'open') throw balanceClosed();
}

export function balanceClosed(): LifecycleRefused {
  return new LifecycleRefused(409, 'BALANCE_CLOSED', 'the balance is closed', 'balanceId');
}
