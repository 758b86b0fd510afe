/**
 * A balance as its owner sees it: what is in it at this moment, from the store; its cards; and what happened, from the book.
 *
 * Invariants: amounts are the account's own, of one moment; a card is shown by its id and its last digits; the statement holds each entry
 * once, in the account's own order, as far as the journal is in the book.
 */
import { decodeEntry } from '../account/journal.ts';
import type { JournalEntry } from '../account/journal.ts';
import type { Account } from '../account/account.ts';
import type { Book } from '../book/book.ts';
import type { BalanceRow } from './balance-rows.ts';
import type { CardFacts } from './card-rows.ts';
import { amountShown, timeText } from './json.ts';
import type { AmountShown } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import type { AccountDesk } from './ports.ts';
import type { ShownRows } from './shown-rows.ts';

export interface BalanceShown {
  readonly balanceId: string;
  readonly userId: string;
  readonly name: string;
  readonly program: string;
  readonly currency: string;
  readonly state: BalanceRow['state'];
  /** What is posted. */
  readonly ledger: AmountShown;
  /** What open holds keep back. */
  readonly held: AmountShown;
  readonly available: AmountShown;
  readonly createdAt: string;
  readonly cards: readonly BalanceCard[];
}

export interface BalanceCard {
  readonly cardId: string;
  readonly kind: string;
  readonly maskedPan: string;
  readonly state: string;
  readonly lockCode: number;
}

export interface StatementItem {
  /** Its place among the account's entries, from 1. */
  readonly sequence: number;
  readonly entryId: string;
  readonly kind: 'transaction' | 'expiry' | 'load' | 'withdrawal' | 'transfer' | 'closure';
  readonly at: string;
  /** What it did to the ledger balance; negative: less. */
  readonly ledgerChange: AmountShown;
  readonly heldChange: AmountShown;
  readonly transaction?: StatementTransaction;
  readonly transfer?: { readonly transferId: string; readonly step: string };
}

export interface StatementTransaction {
  readonly cardId?: string;
  readonly maskedPan: string;
  readonly class: string;
  readonly purpose: string;
  readonly approved: boolean;
  /** Action code. */
  readonly reason: string;
  readonly amount?: AmountShown;
  readonly merchantName: string;
  readonly merchantCategory: string;
  readonly approvalCode: string;
  readonly originalId?: string;
}

export interface BalanceViewsOptions {
  readonly book: Book;
  readonly rows: Pick<ShownRows, 'cardsOfBalance'>;
  readonly desk: Pick<AccountDesk, 'accounts'>;
}

export class BalanceViews {
  readonly #options: BalanceViewsOptions;

  constructor(options: BalanceViewsOptions) {
    this.#options = options;
  }

  /** In the order of the rows. @throws LifecycleRefused ACCOUNTS_UNREACHABLE */
  async shown(rows: readonly BalanceRow[]): Promise<readonly BalanceShown[]> {
    const ids = rows.map(({ balanceId }) => balanceId);
    if (ids.length === 0) return [];
    const { desk, rows: shownRows } = this.#options;
    const [accounts, cards] = await Promise.all([desk.accounts(ids), Promise.all(ids.map(async (id) => await shownRows.cardsOfBalance(id)))]);
    return rows.map((row, index) => balanceShown(row, accounts.get(row.balanceId), cards[index] ?? []));
  }

  /** One of them. @throws LifecycleRefused ACCOUNTS_UNREACHABLE */
  async one(row: BalanceRow): Promise<BalanceShown> {
    const { desk, rows } = this.#options;
    const accounts = await desk.accounts([row.balanceId]);
    return balanceShown(row, accounts.get(row.balanceId), await rows.cardsOfBalance(row.balanceId) ?? []);
  }

  /** What happened, the latest first. @throws LifecycleRefused CURSOR_INVALID */
  async statement({ balanceId, currency }: BalanceRow, { limit, cursor }: PageChoice): Promise<Page<StatementItem>> {
    const { book } = this.#options;
    const [before = Number.MAX_SAFE_INTEGER] = placeOf(cursor, ['number']) ?? [];
    const rows = await book.query<{ readonly sequence: number; readonly entry: string }>(
      `select account_sequence as sequence, entry from journal_entry
       where account_id = $1 and account_sequence < $2 and kind not in ('opened', 'card') order by account_sequence desc limit $3`,
      [balanceId, before, limit + 1],
    );
    const entries = rows.map(({ sequence, entry }) => ({ sequence, entry: decodeEntry(entry) }));
    const tokens = entries.flatMap(({ entry }) => (entry.kind === 'transaction' ? [entry.cardToken] : []));
    const cards = await book.query<{ readonly token: string; readonly cardId: string }>('select card_token as token, card_id as "cardId" from issued_card where card_token = any($1::text[])', [tokens]);
    const cardIds = new Map(cards.map(({ token, cardId }) => [token, cardId]));
    return pageOf(entries, limit, ({ sequence }) => [sequence], ({ sequence, entry }) => statementItem(sequence, entry, currency, cardIds));
  }
}

function balanceShown(row: BalanceRow, account: Account | undefined, cards: readonly CardFacts[]): BalanceShown {
  const { balanceId, userId, name, program, currency, state, createdAt } = row;
  const { ledgerMinor = 0, heldMinor = 0 } = account ?? {};
  const { currency: letters } = amountShown(0, currency);
  const records = new Map(account?.cards.map(({ record }) => [record.token, record]));
  return {
    balanceId, userId, name, program, currency: letters, state,
    ledger: amountShown(ledgerMinor, currency), held: amountShown(heldMinor, currency), available: amountShown(ledgerMinor - heldMinor, currency),
    createdAt: timeText(createdAt),
    // They come the last made first, and are shown the first made first.
    cards: cards.toReversed().flatMap(({ cardId, kind, token, maskedPan }) => {
      const record = records.get(token);
      return record === undefined || record.state === 'removed' ? [] : [{ cardId, kind, maskedPan, state: record.state, lockCode: record.lockCode }];
    }),
  };
}

function statementItem(sequence: number, entry: JournalEntry, currency: string, cardIds: ReadonlyMap<string, string>): StatementItem {
  const { id, effects, decidedAtMs } = entry;
  return {
    sequence, entryId: id, kind: kindOf(entry), at: timeText(decidedAtMs),
    ledgerChange: amountShown(effects.ledgerMinor, currency), heldChange: amountShown(effects.heldMinor, currency),
    ...(entry.kind === 'transaction' ? { transaction: transactionOf(entry, cardIds.get(entry.cardToken)) } : {}),
    ...(entry.kind === 'transfer' ? { transfer: { transferId: entry.transferId, step: entry.step } } : {}),
  };
}

function kindOf(entry: JournalEntry): StatementItem['kind'] {
  switch (entry.kind) {
    case 'loaded': return entry.amountMinor > 0 ? 'load' : 'withdrawal';
    case 'expiry': return 'expiry';
    case 'transfer': return 'transfer';
    case 'closed': return 'closure';
    default: return 'transaction';
  }
}

function transactionOf(entry: Extract<JournalEntry, { readonly kind: 'transaction' }>, cardId: string | undefined): StatementTransaction {
  const { maskedPan, purpose, approved, reason, amount, merchant, approvalCode, originalId } = entry;
  return {
    ...(cardId === undefined ? {} : { cardId }), maskedPan, class: entry.class, purpose, approved, reason,
    ...(amount === undefined ? {} : { amount: amountShown(amount.amountMinor, amount.currency) }),
    merchantName: merchant.name, merchantCategory: merchant.category, approvalCode,
    ...(originalId === undefined ? {} : { originalId }),
  };
}
