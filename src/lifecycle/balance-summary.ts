/**
 * The balance summary (C6), for accounting and liquidity: by currency, what users have, what is in transit between them, what partners have,
 * and the wallet, which is users and partners together.
 *
 * Invariant: what it says of users and of transit is the sum of the postings, at one moment of the book; `locum doctor` checks it.
 */
import type { Book } from '../book/book.ts';
import { currencyName } from '../message/money.ts';
import { timeText } from './json.ts';
import { counterOf } from './partner-balances.ts';
import type { PartnerBalanceKind } from './partner-balances.ts';

export interface CurrencySummary {
  readonly currency: string;
  readonly balances: number;
  /** Minor units, as all of these. */
  readonly usersMinor: number;
  /** Of it, what open holds keep. */
  readonly heldMinor: number;
  readonly inTransitMinor: number;
  readonly partnersMinor: number;
  /** Users and partners. */
  readonly walletMinor: number;
}

export interface BalanceSummary {
  /** The book's last entry was decided then; undefined: it has none. */
  readonly asOf?: string;
  readonly currencies: readonly CurrencySummary[];
}

interface UsersRow {
  readonly currency: string;
  readonly balances: number;
  readonly usersMinor: number;
  readonly heldMinor: number;
  readonly changedAt: Date;
}

interface SumRow {
  readonly currency: string;
  readonly minor: number;
}

interface CounterRow {
  readonly partner: string;
  readonly kind: PartnerBalanceKind;
  readonly currency: string;
}

/** @param partner its own; undefined: everybody's; @throws BookUnavailable */
export async function balanceSummary(book: Book, partner: string | undefined): Promise<BalanceSummary> {
  const whose = partner ?? null;
  return await book.transaction(async (queries) => {
    // One moment for all of these, whatever is drained meanwhile.
    await queries.query('set transaction isolation level repeatable read');
    const users = await queries.query<UsersRow>(
      `select currency, count(*) as balances, sum(ledger_minor)::bigint as "usersMinor", sum(held_minor)::bigint as "heldMinor", max(changed_at) as "changedAt"
       from account where $1::text is null or partner = $1 group by currency`, [whose],
    );
    const transit = await queries.query<SumRow>(
      `select p.currency, sum(p.amount_minor)::bigint as minor from posting p join account a on a.account_id = p.account_id
       where p.ledger like 'transit:%' and ($1::text is null or a.partner = $1) group by p.currency`, [whose],
    );
    const counters = await queries.query<CounterRow>('select partner, kind, currency from partner_balance where $1::text is null or partner = $1', [whose]);
    const left = await queries.query<{ readonly guardId: string; readonly minor: number }>(
      'select guard_id as "guardId", sum(balance_minor)::bigint as minor from partner_credit where guard_id = any($1::text[]) group by guard_id',
      [counters.map(({ partner: name, kind }) => `credit:${counterOf(name, kind)}`)],
    );
    const leftOf = new Map(left.map(({ guardId, minor }) => [guardId, minor]));
    const partners = counters.map(({ partner: name, kind, currency }) => ({ currency, minor: leftOf.get(`credit:${counterOf(name, kind)}`) ?? 0 }));
    const currencies = [...new Set([...users, ...partners, ...transit].map(({ currency }) => currency))].sort();
    const latest = users.reduce((ms, { changedAt }) => Math.max(ms, changedAt.getTime()), 0);
    return { ...(latest === 0 ? {} : { asOf: timeText(latest) }), currencies: currencies.map((currency) => ofCurrency(currency, users, transit, partners)) };
  });
}

function ofCurrency(currency: string, users: readonly UsersRow[], transit: readonly SumRow[], partners: readonly SumRow[]): CurrencySummary {
  const row = users.find((each) => each.currency === currency);
  const [usersMinor, partnersMinor] = [row?.usersMinor ?? 0, sumOf(partners, currency)];
  return {
    currency: currencyName(currency), balances: row?.balances ?? 0, usersMinor, heldMinor: row?.heldMinor ?? 0,
    inTransitMinor: sumOf(transit, currency), partnersMinor, walletMinor: usersMinor + partnersMinor,
  };
}

function sumOf(rows: readonly SumRow[], currency: string): number {
  return rows.reduce((total, row) => (row.currency === currency ? total + row.minor : total), 0);
}
