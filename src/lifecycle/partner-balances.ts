/**
 * Partners' balances (C5): `credit`, which what the partner's users spend of balances held here has to fit into; `deposit`, the same for
 * balances that the partner holds; `partner`, for differences between what was authorized and what is cleared.
 *
 * Owns what each is for, and whether its partner was told that it is low. What is left is a counter in the store, which every authorization
 * of a program with `creditGuard` takes from before it is decided. Refuses a credit or deposit balance in another currency than that
 * which the partner's programs name for it, and where they name several: the counter is in minor units of one. Invariant: a partner is told once of each
 * crossing of the level, in the transaction that says that it was told.
 */
import { depositOf } from '../account/change.ts';
import type { Book } from '../book/book.ts';
import { eventId } from '../book/events.ts';
import { currencyName, currencyNumber, formatAmount } from '../message/money.ts';
import { addJob } from './jobs.ts';
import { amountShown, timeText } from './json.ts';
import type { AmountShown } from './json.ts';
import { mailJob, type Mail } from './mail.ts';
import type { AccountDesk, CreditDesk, ProgramFacts } from './ports.ts';
import { LifecycleRefused, refuseCardNumbers } from './refusal.ts';

export const partnerBalanceKinds = ['partner', 'credit', 'deposit'] as const;
export type PartnerBalanceKind = (typeof partnerBalanceKinds)[number];

export interface PartnerBalanceWish {
  readonly kind: PartnerBalanceKind;
  /** ISO 4217; by default the partner's programs'. */
  readonly currency?: string | undefined;
}

export interface LevelWish {
  /** Below it the partner is told; undefined: never. */
  readonly levelMinor?: number | undefined;
  readonly notifyEmail?: string | undefined;
}

export interface PartnerBalanceShown {
  readonly partner: string;
  readonly kind: PartnerBalanceKind;
  readonly currency: string;
  /** What is left, at this moment. */
  readonly left: AmountShown;
  readonly level?: AmountShown;
  readonly notifyEmail?: string;
  readonly isBelowLevel: boolean;
  readonly createdAt: string;
}

export interface PartnerBalancesOptions {
  readonly book: Book;
  readonly desk: Pick<CreditDesk, 'leftMinor' | 'load'> & Pick<AccountDesk, 'programs'>;
  readonly now: () => number;
  /** One fell below its level. Called synchronously; must not throw. */
  readonly fellBelow: (partner: string, kind: PartnerBalanceKind, leftMinor: number) => void;
}

interface Row {
  readonly partner: string;
  readonly kind: PartnerBalanceKind;
  readonly currency: string;
  readonly levelMinor: number | null;
  readonly notifyEmail: string | null;
  readonly isBelow: boolean;
  readonly createdAt: Date;
}

const columns = 'partner, kind, currency, level_minor as "levelMinor", notify_email as "notifyEmail", is_below as "isBelow", created_at as "createdAt"';

/** The counter's name. No partner's name has a slash. */
export function counterOf(partner: string, kind: PartnerBalanceKind): string {
  return kind === 'partner' ? `${partner}/differences` : kind === 'deposit' ? depositOf(partner) : partner;
}

export class PartnerBalances {
  readonly #options: PartnerBalancesOptions;

  constructor(options: PartnerBalancesOptions) {
    this.#options = options;
  }

  /** @throws LifecycleRefused PARTNER_NOT_FOUND, CURRENCY_INVALID, CURRENCY_MISMATCH, PARTNER_BALANCE_EXISTS */
  async create(partner: string, { kind, currency }: PartnerBalanceWish, requestKey: string): Promise<PartnerBalanceShown> {
    const { book, desk, now } = this.#options;
    const number = currencyFor((await desk.programs()).filter((program) => program.partner === partner), kind, currency);
    await book.query(
      `insert into partner_balance (partner, kind, currency, request_key, created_at, changed_at) values ($1, $2, $3, $4, $5, $5) on conflict do nothing`,
      [partner, kind, number, requestKey, new Date(now())],
    );
    const [mine] = await book.query('select from partner_balance where partner = $1 and kind = $2 and request_key = $3', [partner, kind, requestKey]);
    if (mine === undefined) throw new LifecycleRefused(409, 'PARTNER_BALANCE_EXISTS', 'the partner has this balance already', 'kind');
    return await this.get(partner, kind);
  }

  /** @throws LifecycleRefused PARTNER_BALANCE_NOT_FOUND, ACCOUNTS_UNREACHABLE */
  async get(partner: string, kind: PartnerBalanceKind): Promise<PartnerBalanceShown> {
    return await this.#shown(await this.#require(partner, kind));
  }

  /** Of a partner; undefined: of all. @throws LifecycleRefused ACCOUNTS_UNREACHABLE */
  async list(partner: string | undefined): Promise<readonly PartnerBalanceShown[]> {
    const rows = await this.#options.book.query<Row>(`select ${columns} from partner_balance where $1::text is null or partner = $1 order by partner, kind`, [partner ?? null]);
    return await Promise.all(rows.map(async (row) => await this.#shown(row)));
  }

  /**
   * Adds to it, or takes away from it, once for each key.
   * @param sign -1: takes away
   * @throws LifecycleRefused PARTNER_BALANCE_NOT_FOUND, CURRENCY_MISMATCH, FUNDS_INSUFFICIENT, IDEMPOTENCY_CONFLICT, ACCOUNTS_UNREACHABLE
   */
  async reload(partner: string, kind: PartnerBalanceKind, { amountMinor, currency }: AmountShown, sign: 1 | -1, requestKey: string): Promise<PartnerBalanceShown> {
    const row = await this.#require(partner, kind);
    if (currencyNumber(currency) !== row.currency) throw new LifecycleRefused(422, 'CURRENCY_MISMATCH', 'this balance is in another currency', 'amount.currency');
    const counter = counterOf(partner, kind);
    // A deposit's ids are the credit's: it was one balance once, and what was loaded then is not loaded again.
    const name = kind === 'deposit' ? partner : counter;
    switch (await this.#options.desk.load({ id: `${name}:${requestKey}`, partner: counter, amountMinor: sign * amountMinor })) {
      case 'conflict': throw new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another amount');
      case 'refused': throw new LifecycleRefused(409, 'FUNDS_INSUFFICIENT', 'less is left than would be taken');
      default: return await this.#shown(row);
    }
  }

  /** @throws LifecycleRefused PARTNER_BALANCE_NOT_FOUND */
  async setLevel(partner: string, kind: PartnerBalanceKind, { levelMinor, notifyEmail }: LevelWish): Promise<PartnerBalanceShown> {
    const { book, now } = this.#options;
    refuseCardNumbers({ notifyEmail });
    await this.#require(partner, kind);
    // Whoever changes the level is told anew.
    await book.query(
      'update partner_balance set level_minor = $3, notify_email = $4, is_below = false, changed_at = $5 where partner = $1 and kind = $2',
      [partner, kind, levelMinor ?? null, notifyEmail ?? null, new Date(now())],
    );
    return await this.get(partner, kind);
  }

  /** Looks at each balance that has a level, and tells partners of those that fell below. @returns how many did; @throws BookUnavailable, LifecycleRefused */
  async watch(): Promise<number> {
    const rows = await this.#options.book.query<Row & { readonly levelMinor: number }>(`select ${columns} from partner_balance where level_minor is not null`);
    let fallen = 0;
    for (const row of rows) {
      const { partner, kind, levelMinor, isBelow } = row;
      const leftMinor = await this.#leftMinor(row, levelMinor);
      if (leftMinor >= levelMinor && isBelow) {
        await this.#options.book.query('update partner_balance set is_below = false where partner = $1 and kind = $2 and level_minor = $3', [partner, kind, levelMinor]);
      } else if (leftMinor < levelMinor && !isBelow && (await this.#tell(row, leftMinor))) {
        fallen += 1;
        this.#options.fellBelow(partner, kind, leftMinor);
      }
    }
    return fallen;
  }

  /** What moves between parts of the counter at a moment is in none of them: a second look is believed. */
  async #leftMinor({ partner, kind }: Row, levelMinor: number): Promise<number> {
    const { desk } = this.#options;
    const counter = counterOf(partner, kind);
    const leftMinor = await desk.leftMinor(counter);
    return leftMinor >= levelMinor ? leftMinor : Math.max(leftMinor, await desk.leftMinor(counter));
  }

  /** @returns whether it was for this process to tell */
  async #tell({ partner, kind, currency, levelMinor, notifyEmail }: Row, leftMinor: number): Promise<boolean> {
    const { book, now } = this.#options;
    const atMs = now();
    return await book.transaction(async (queries) => {
      const [told] = await queries.query<{ readonly crossings: number }>(
        'update partner_balance set is_below = true, crossings = crossings + 1 where partner = $1 and kind = $2 and not is_below and level_minor = $3 returning crossings',
        [partner, kind, levelMinor],
      );
      if (told === undefined) return false;
      if (notifyEmail === null) return true;
      const id = eventId('partner balance low', partner, kind, String(told.crossings)).replace(/^e_/, 'j_');
      const mail: Mail = { to: notifyEmail, ...lowMail(partner, kind, leftMinor, levelMinor ?? 0, currency, atMs) };
      await addJob(queries, { id, kind: mailJob, partner: undefined, owner: '', input: mail, atMs });
      return true;
    });
  }

  async #require(partner: string, kind: PartnerBalanceKind): Promise<Row> {
    const [row] = await this.#options.book.query<Row>(`select ${columns} from partner_balance where partner = $1 and kind = $2`, [partner, kind]);
    if (row === undefined) throw new LifecycleRefused(404, 'PARTNER_BALANCE_NOT_FOUND', 'the partner has no such balance', 'kind');
    return row;
  }

  async #shown({ partner, kind, currency, levelMinor, notifyEmail, isBelow, createdAt }: Row): Promise<PartnerBalanceShown> {
    const leftMinor = await this.#options.desk.leftMinor(counterOf(partner, kind));
    return {
      partner, kind, currency: currencyName(currency), left: amountShown(leftMinor, currency),
      ...(levelMinor === null ? {} : { level: amountShown(levelMinor, currency) }), ...(notifyEmail === null ? {} : { notifyEmail }),
      isBelowLevel: isBelow, createdAt: timeText(createdAt),
    };
  }
}

/** @throws LifecycleRefused */
function currencyFor(programs: readonly ProgramFacts[], kind: PartnerBalanceKind, wish: string | undefined): string {
  if (programs.length === 0) throw new LifecycleRefused(404, 'PARTNER_NOT_FOUND', 'no program is of this partner', 'partner');
  const spending = programs.filter(({ isOwn }) => kind === 'partner' || isOwn === (kind === 'credit'));
  const guarded = spending.filter(({ creditGuard }) => kind !== 'partner' && creditGuard);
  const theirs = new Set((guarded.length > 0 ? guarded : spending).map(({ creditCurrency }) => creditCurrency));
  const asked = wish === undefined ? undefined : currencyNumber(wish);
  if (wish !== undefined && asked === undefined) throw new LifecycleRefused(422, 'CURRENCY_INVALID', 'no such currency is known', 'currency');
  if (kind === 'partner' && asked !== undefined) return asked;
  const [only] = theirs;
  if (only === undefined) throw new LifecycleRefused(422, 'KIND_MISMATCH', kind === 'credit' ? 'the partner holds the balances of all its programs itself' : 'the balances of all its programs are held here', 'kind');
  if (theirs.size > 1 || (asked !== undefined && asked !== only)) throw new LifecycleRefused(422, 'CURRENCY_MISMATCH', `it has to be in the currency that the partner's programs name for it, and they in one: ${[...theirs].map(currencyName).join(', ')}`, 'currency');
  return only;
}

const names: Readonly<Record<PartnerBalanceKind, string>> = { partner: 'partner balance', credit: 'partner credit balance', deposit: 'partner deposit balance' };

function lowMail(partner: string, kind: PartnerBalanceKind, leftMinor: number, levelMinor: number, currency: string, atMs: number): Omit<Mail, 'to'> {
  const [left, level] = [formatAmount(leftMinor, currency), formatAmount(levelMinor, currency)];
  const spent = kind === 'partner' ? '' : '\nWhen nothing is left of it, purchases of your cardholders are declined.\n';
  return {
    subject: `The ${names[kind]} of ${partner} is below ${level}`,
    text: `At ${timeText(atMs)} ${left} were left of the ${names[kind]} of ${partner}. Its level is ${level}.\n${spent}\nYou are told again when it falls below its level after it was above it.\n`,
  };
}
