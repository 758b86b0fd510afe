/**
 * Users' balances: made, seen, loaded, withdrawn from, closed.
 *
 * Owns the rows that say whose each is; every change of what is in one is a message to its account. Refuses whoever is not verified, an
 * amount in another currency, and to close what is not empty or has a transfer under way. Invariants: the balance's id is its account's;
 * a call that was cut off anywhere is done by the same call again, or by whoever is there (`resume`), once.
 */
import { maskText } from '../base/mask.ts';
import type { Book } from '../book/book.ts';
import { currencyNumber } from '../message/money.ts';
import { moneyRefused, requireApplied } from './account-reasons.ts';
import { balanceClosed, balanceColumns, balanceMissing, requireBalance, requireOpenBalance } from './balance-rows.ts';
import type { BalanceName, BalanceRow } from './balance-rows.ts';
import { newId, type RandomBytes } from './ids.ts';
import { timeOfPlace } from './json.ts';
import type { AmountShown } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import { refuseUnverified, requirePerson } from './person-rows.ts';
import type { PersonName } from './person-rows.ts';
import { unreachable } from './ports.ts';
import type { AccountDesk, ProgramFacts } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';
import { isWhole } from './shown-rows.ts';
import type { ShownRows } from './shown-rows.ts';

export interface BalancesOptions {
  readonly book: Book;
  readonly rows: Pick<ShownRows, 'balance' | 'balancesOfUser'>;
  readonly desk: Pick<AccountDesk, 'apply' | 'programs'>;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
}

export interface BalanceWish {
  /** Name of one of the partner's programs. */
  readonly program?: string | undefined;
  /** ISO 4217. */
  readonly currency?: string | undefined;
  readonly name?: string | undefined;
}

/** What was cut off is taken up after this. */
const abandonedMs = 15_000;
const resumedMax = 50;
/** That a user may have had, closed ones among them: whoever has a session cannot use up accounts and card numbers. */
export const balancesMax = 50;

export class Balances {
  readonly #options: BalancesOptions;

  constructor(options: BalancesOptions) {
    this.#options = options;
  }

  /**
   * @param requestKey of caller and call: the same one again finds the same balance
   * @throws LifecycleRefused USER_NOT_FOUND, USER_NOT_VERIFIED, USER_LOCKED, PROGRAM_NOT_FOUND, PROGRAM_AMBIGUOUS, PROGRAM_NOT_HELD_HERE, TOO_MANY_BALANCES, ACCOUNTS_UNREACHABLE
   */
  async create(user: PersonName, wish: BalanceWish, requestKey: string): Promise<BalanceRow> {
    const { book, desk, now, randomBytes } = this.#options;
    const programs = await desk.programs();
    const row = await book.transaction(async (queries) => {
      // Of several at once each counts the ones before it.
      const person = await requirePerson(queries, user, 'update');
      refuseUnverified(person);
      const { userId, partner } = person;
      const find = async (): Promise<BalanceRow | undefined> => (await queries.query<BalanceRow>(`select ${balanceColumns} from user_balance where request_key = $1 and user_id = $2`, [requestKey, userId]))[0];
      const before = await find();
      if (before !== undefined) return before;
      const program = programFor(programs.filter((each) => each.partner === partner), wish);
      const [{ count } = { count: 0 }] = await queries.query<{ readonly count: number }>('select count(*) from user_balance where user_id = $1', [userId]);
      if (count >= balancesMax) throw new LifecycleRefused(409, 'TOO_MANY_BALANCES', `the user has had ${balancesMax} balances, which is as many as may be`);
      await queries.query(
        `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, 'opening', $7, $8, $8) on conflict (request_key) do nothing`,
        [newId('balance', randomBytes), userId, partner, program.name, program.currency, maskText(wish.name ?? ''), requestKey, new Date(now())],
      );
      return await find();
    });
    if (row === undefined) throw new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another user');
    return row.state === 'opening' ? await this.#open(row) : row;
  }

  /** Money in, from the partner. @throws LifecycleRefused BALANCE_NOT_FOUND, BALANCE_CLOSED, CURRENCY_MISMATCH, AMOUNT_OUT_OF_BOUNDS, IDEMPOTENCY_CONFLICT, ACCOUNTS_UNREACHABLE */
  async reload(name: BalanceName, amount: AmountShown, requestKey: string): Promise<BalanceRow> {
    return await this.#move(name, amount, 1, `load:${requestKey}`);
  }

  /** Money out, to the partner. @throws LifecycleRefused as `reload`, and FUNDS_INSUFFICIENT */
  async withdraw(name: BalanceName, amount: AmountShown, requestKey: string): Promise<BalanceRow> {
    return await this.#move(name, amount, -1, `withdraw:${requestKey}`);
  }

  /** For good; its cards decline everything then. @throws LifecycleRefused BALANCE_NOT_FOUND, BALANCE_NOT_OPEN, BALANCE_NOT_EMPTY, TRANSFER_UNDER_WAY, ACCOUNTS_UNREACHABLE */
  async close(name: BalanceName): Promise<BalanceRow> {
    const { book, now } = this.#options;
    const row = await book.transaction(async (queries) => {
      const found = await requireBalance(queries, name, 'update');
      if (found.state === 'opening') throw new LifecycleRefused(409, 'BALANCE_NOT_OPEN', 'the balance is being opened', 'balanceId');
      if (found.state !== 'open') return found;
      const transfers = await queries.query('select from transfer where sender_balance = $1 and ended_at is null limit 1', [found.balanceId]);
      if (transfers.length > 0) throw new LifecycleRefused(409, 'TRANSFER_UNDER_WAY', 'a transfer from this balance has no end yet');
      await queries.query(`update user_balance set state = 'closing', changed_at = $2 where balance_id = $1`, [found.balanceId, new Date(now())]);
      return { ...found, state: 'closing' } as const;
    });
    return row.state === 'closing' ? await this.#close(row) : row;
  }

  /** Goes on with what was cut off. @returns how many; @throws BookUnavailable */
  async resume(): Promise<number> {
    const { book, now } = this.#options;
    const rows = await book.query<BalanceRow>(
      `select ${balanceColumns} from user_balance where state in ('opening', 'closing') and changed_at <= $1 order by changed_at limit $2`, [new Date(now() - abandonedMs), resumedMax],
    );
    let done = 0;
    for (const row of rows) {
      try {
        await (row.state === 'opening' ? this.#open(row) : this.#close(row));
        done += 1;
      } catch (error) {
        // Away still, or it cannot be closed: then it is open again.
        if (!(error instanceof LifecycleRefused)) throw error;
      }
    }
    return done;
  }

  /** One of them, as it is shown. @throws LifecycleRefused BALANCE_NOT_FOUND */
  async get({ balanceId, partner, userId }: BalanceName): Promise<BalanceRow> {
    const row = await this.#options.rows.balance(balanceId);
    if (row === undefined || (partner !== undefined && row.partner !== partner) || (userId !== undefined && row.userId !== userId)) throw balanceMissing();
    return row;
  }

  /** The user's, the first made first; none to a partner that is not the user's. @throws LifecycleRefused CURSOR_INVALID */
  async list({ partner, userId }: { readonly partner?: string | undefined; readonly userId: string }, { limit, cursor }: PageChoice): Promise<Page<BalanceRow>> {
    const [afterMs, afterId = ''] = placeOf(cursor, ['number', 'string']) ?? [];
    const first = cursor === undefined ? await this.#options.rows.balancesOfUser(userId) ?? [] : undefined;
    const rows = first !== undefined && (isWhole(first) || first.length > limit) ? first.filter((row) => partner === undefined || row.partner === partner) : await this.#options.book.query<BalanceRow>(
      `select ${balanceColumns} from user_balance where ($1::text is null or partner = $1) and user_id = $2
         and (created_at, balance_id) > ($3::timestamptz, $4) order by created_at, balance_id limit $5`,
      [partner ?? null, userId, timeOfPlace(afterMs, 'first'), String(afterId), limit + 1],
    );
    return pageOf(rows, limit, ({ createdAt, balanceId }) => [createdAt.getTime(), balanceId], (row) => row);
  }

  async #open(row: BalanceRow): Promise<BalanceRow> {
    const { balanceId, program, partner, currency } = row;
    const outcome = await this.#options.desk.apply({ kind: 'open', id: balanceId, accountId: balanceId, receivedAtMs: this.#options.now(), currency, program, partner });
    requireApplied(outcome);
    return await this.#settled(row, 'open');
  }

  async #close(row: BalanceRow): Promise<BalanceRow> {
    const { balanceId } = row;
    const outcome = await this.#options.desk.apply({ kind: 'close', id: `${balanceId}.close`, accountId: balanceId, receivedAtMs: this.#options.now() });
    if (outcome.kind === 'unreachable') throw unreachable('accounts');
    if (outcome.reason === '0000') return await this.#settled(row, 'closed');
    await this.#settled(row, 'open');
    throw moneyRefused(outcome.reason);
  }

  async #settled(row: BalanceRow, state: 'open' | 'closed'): Promise<BalanceRow> {
    const { book, now } = this.#options;
    await book.query('update user_balance set state = $3, changed_at = $4 where balance_id = $1 and state = $2', [row.balanceId, row.state, state, new Date(now())]);
    return { ...row, state };
  }

  async #move(name: BalanceName, { amountMinor, currency }: AmountShown, sign: 1 | -1, id: string): Promise<BalanceRow> {
    const { book, desk, now } = this.#options;
    // What was taken out after the close is what came in by what had happened before it.
    const row = await (sign === 1 ? requireOpenBalance(book, name) : requireBalance(book, name));
    if (row.state === 'opening') throw new LifecycleRefused(409, 'BALANCE_NOT_OPEN', 'the balance is being opened', 'balanceId');
    if (sign === 1 && row.state === 'closed') throw balanceClosed();
    if (currencyNumber(currency) !== row.currency) throw new LifecycleRefused(422, 'CURRENCY_MISMATCH', 'the balance is in another currency', 'amount.currency');
    requireApplied(await desk.apply({ kind: 'load', id, accountId: row.balanceId, receivedAtMs: now(), amountMinor: sign * amountMinor }));
    return row;
  }
}

/** @throws LifecycleRefused */
function programFor(programs: readonly ProgramFacts[], { program, currency }: BalanceWish): ProgramFacts {
  const number = currency === undefined ? undefined : currencyNumber(currency);
  const fitting = programs.filter((each) => (program === undefined || each.name === program) && (currency === undefined || each.currency === number));
  const field = program === undefined ? 'currency' : 'program';
  if (fitting.length === 0) throw new LifecycleRefused(422, 'PROGRAM_NOT_FOUND', 'the partner has no such program', field);
  const own = fitting.filter(({ isOwn }) => isOwn);
  const [first] = own;
  if (first === undefined) throw new LifecycleRefused(422, 'PROGRAM_NOT_HELD_HERE', 'the partner itself holds the balances of this program', field);
  if (own.length > 1) throw new LifecycleRefused(422, 'PROGRAM_AMBIGUOUS', 'the partner has several programs: one has to be named', 'program');
  return first;
}
