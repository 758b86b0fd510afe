/**
 * Transfers between users of one partner: begun, seen, listed.
 *
 * Refuses a sender who is not verified, a receiver who is not found or has no balance in the currency (both are told alike), more than a
 * transfer or a day may come to. Invariants: a transfer is a row before any money moves; the same call again finds the same transfer;
 * a card number that somebody writes into a note is masked before it is kept.
 */
import { maskText } from '../base/mask.ts';
import type { Book, Queries } from '../book/book.ts';
import { currencyNumber } from '../message/money.ts';
import { moneyRefused } from './account-reasons.ts';
import { balanceColumns, requireBalance, requireOpenBalance } from './balance-rows.ts';
import type { BalanceRow } from './balance-rows.ts';
import { newId, type RandomBytes } from './ids.ts';
import type { AmountShown } from './json.ts';
import type { Page, PageChoice } from './page.ts';
import { findPerson, requireVerified } from './person-rows.ts';
import { LifecycleRefused } from './refusal.ts';
import { enterTransfer, listTransfers, sentSince, transferById, transferByRequest } from './transfer-rows.ts';
import type { TransferRow } from './transfer-rows.ts';
import type { TransferSaga } from './transfer-saga.ts';

export interface TransferLimits {
  /** Of one transfer, minor units. */
  readonly amountMinorMax: number;
  /** Of one balance within 24 hours, minor units. */
  readonly dayAmountMinorMax: number;
  readonly dayCountMax: number;
}

export interface TransfersOptions {
  readonly book: Book;
  readonly saga: TransferSaga;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  readonly limits: TransferLimits;
}

export interface TransferWish {
  readonly senderBalance: string;
  /** One of them. */
  readonly receiver: { readonly userId?: string | undefined; readonly externalId?: string | undefined; readonly phone?: string | undefined };
  /** Undefined: the receiver's first in the currency. */
  readonly receiverBalance?: string | undefined;
  readonly amount: AmountShown;
  readonly note?: string | undefined;
}

export interface TransferName {
  readonly transferId: string;
  readonly partner?: string | undefined;
  readonly userId?: string | undefined;
}

const dayMs = 86_400_000;
/** Who began it goes on with it; after this whoever is there does. */
const aloneMs = 15_000;

export class Transfers {
  readonly #options: TransfersOptions;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /**
   * Begins a transfer and goes on with it for as long as everybody answers.
   *
   * @param requestKey of caller and call: the same one again finds the same transfer
   * @returns where it is then; without an end it comes to one by itself
   * @throws LifecycleRefused USER_NOT_FOUND, USER_NOT_VERIFIED, USER_LOCKED, BALANCE_NOT_FOUND, BALANCE_CLOSED, CURRENCY_MISMATCH, RECEIVER_NOT_FOUND,
   *   RECEIVER_IS_SENDER, TRANSFER_TOO_LARGE, TRANSFERS_OF_DAY_TOO_LARGE, TRANSFERS_OF_DAY_TOO_MANY, FUNDS_INSUFFICIENT, IDEMPOTENCY_CONFLICT
   */
  async begin(sender: { readonly partner: string; readonly userId: string }, wish: TransferWish, requestKey: string): Promise<TransferRow> {
    const { book, saga } = this.#options;
    const before = await transferByRequest(book, requestKey);
    const row = before ?? (await book.transaction(async (queries) => await this.#enter(queries, sender, wish, requestKey)));
    refuseOther(row, sender, wish);
    const after = await saga.advance(row);
    if (after.state === 'refused' && after.reason !== null) throw moneyRefused(after.reason);
    return after;
  }

  /** Where it is; the receiver sees what has come. @throws LifecycleRefused TRANSFER_NOT_FOUND */
  async get({ transferId, partner, userId }: TransferName): Promise<TransferRow> {
    const row = await transferById(this.#options.book, transferId);
    const isTheirs = row !== undefined && (partner === undefined || row.partner === partner) &&
      (userId === undefined || row.senderUser === userId || (row.receiverUser === userId && row.state === 'completed'));
    if (!isTheirs) throw new LifecycleRefused(404, 'TRANSFER_NOT_FOUND', 'there is no such transfer', 'transferId');
    return row;
  }

  /** @throws LifecycleRefused CURSOR_INVALID */
  async list(whose: Omit<TransferName, 'transferId'>, choice: PageChoice): Promise<Page<TransferRow>> {
    return await listTransfers(this.#options.book, whose, choice);
  }

  async #enter(queries: Queries, sender: { readonly partner: string; readonly userId: string }, wish: TransferWish, requestKey: string): Promise<TransferRow> {
    const { now, randomBytes } = this.#options;
    const { partner } = await requireVerified(queries, sender);
    const from = await requireBalance(queries, { balanceId: wish.senderBalance, ...sender });
    const currency = currencyNumber(wish.amount.currency);
    if (currency !== from.currency) throw new LifecycleRefused(422, 'CURRENCY_MISMATCH', 'the balance is in another currency', 'amount.currency');
    const to = await receiverOf(queries, partner, wish, currency);
    if (to.balanceId === from.balanceId) throw new LifecycleRefused(422, 'RECEIVER_IS_SENDER', 'a transfer goes to another balance', 'receiver');
    // In one order, so that two that go both ways do not wait for each other.
    for (const balanceId of [from.balanceId, to.balanceId].sort()) {
      if (balanceId === from.balanceId) await requireOpenBalance(queries, { balanceId }, 'update');
      else if ((await requireBalance(queries, { balanceId }, 'update')).state !== 'open') throw receiverNotFound();
    }
    const again = await transferByRequest(queries, requestKey);
    if (again !== undefined) return again;
    await this.#checkLimits(queries, from.balanceId, wish.amount.amountMinor);
    const atMs = now();
    const transferId = newId('transfer', randomBytes);
    const row = {
      transferId, partner, senderUser: from.userId, senderBalance: from.balanceId, receiverUser: to.userId, receiverBalance: to.balanceId,
      amountMinor: wish.amount.amountMinor, currency, note: maskText(wish.note ?? ''), startedAt: new Date(atMs),
    };
    await enterTransfer(queries, row, requestKey, new Date(atMs + aloneMs));
    return { ...row, state: 'started', reason: null, attempts: 0, endedAt: null };
  }

  async #checkLimits(queries: Queries, senderBalance: string, amountMinor: number): Promise<void> {
    const { now, limits: { amountMinorMax, dayAmountMinorMax, dayCountMax } } = this.#options;
    if (amountMinor > amountMinorMax) throw new LifecycleRefused(422, 'TRANSFER_TOO_LARGE', `a transfer comes to ${amountMinorMax} minor units at most`, 'amount.amountMinor');
    const sent = await sentSince(queries, senderBalance, new Date(now() - dayMs));
    if (sent.count >= dayCountMax) throw new LifecycleRefused(422, 'TRANSFERS_OF_DAY_TOO_MANY', `a balance sends ${dayCountMax} transfers within 24 hours at most`);
    if (sent.amountMinor + amountMinor > dayAmountMinorMax) {
      throw new LifecycleRefused(422, 'TRANSFERS_OF_DAY_TOO_LARGE', `transfers of a balance within 24 hours come to ${dayAmountMinorMax} minor units at most`, 'amount.amountMinor');
    }
  }
}

/** A key is for one transfer, also when the doors have forgotten what they answered. @throws LifecycleRefused 409 `IDEMPOTENCY_CONFLICT` */
function refuseOther(row: TransferRow, sender: { readonly userId: string }, { senderBalance, receiver: { userId = row.receiverUser }, amount }: TransferWish): void {
  const isSame = row.senderUser === sender.userId && row.senderBalance === senderBalance && row.receiverUser === userId &&
    row.amountMinor === amount.amountMinor && row.currency === currencyNumber(amount.currency);
  if (!isSame) throw new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another transfer', 'X-Idempotency-Key');
}

/** The receiver's balance. Who is not found, not verified, locked, or has none in the currency, is told alike. */
async function receiverOf(queries: Queries, partner: string, { receiver, receiverBalance }: TransferWish, currency: string): Promise<BalanceRow> {
  const person = await findPerson(queries, { ...receiver, partner }, 'share');
  if (person === undefined || person.state !== 'active' || person.kyc !== 'verified') throw receiverNotFound();
  const [row] = await queries.query<BalanceRow>(
    `select ${balanceColumns} from user_balance where user_id = $1 and currency = $2 and state = 'open' and ($3::text is null or balance_id = $3)
     order by created_at, balance_id limit 1`,
    [person.userId, currency, receiverBalance ?? null],
  );
  if (row === undefined) throw receiverNotFound();
  return row;
}

function receiverNotFound(): LifecycleRefused {
  return new LifecycleRefused(404, 'RECEIVER_NOT_FOUND', 'there is no such receiver with a balance in this currency', 'receiver');
}
