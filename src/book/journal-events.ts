/**
 * What partners are told of a batch of journal entries: which entries are an event, of which type, and what it says.
 *
 * Invariants: an entry is told to the partner whose account or card range it concerns, and to no other; what it says is made of what
 * the book has, so that it names cards and balances as the doors do, and a card number by its last four digits at most.
 */
import type { CardRecord, JournalEntry, TransactionEntry } from '../account/journal.ts';
import { currencyName } from '../message/money.ts';
import type { Queries } from './book.ts';
import { eventId, partnersTold, recordEvents, type BookedEvent, type EventType } from './events.ts';

/** What of the book an entry's event is made with. */
interface Known {
  readonly accounts: ReadonlyMap<string, AccountRow>;
  /** The doors' ids of cards, by token. */
  readonly cardIds: ReadonlyMap<string, string>;
  /** Cards as they were before the batch, by account and index; then as the entries so far left them. */
  readonly cards: Map<string, CardRow>;
  readonly ranges: readonly RangeRow[];
}

interface AccountRow {
  readonly accountId: string;
  readonly partner: string;
  readonly currency: string;
}

interface CardRow {
  readonly state: string;
  readonly lockCode: number;
}

interface RangeRow {
  readonly from: string;
  readonly to: string;
  readonly partner: string;
}

/**
 * Writes the events of a batch. To be called within its transaction, when its accounts are in the book and its cards are not yet.
 *
 * @param entries in their order
 */
export async function recordJournalEvents(queries: Queries, entries: readonly JournalEntry[]): Promise<void> {
  const partners = await partnersTold(queries);
  if (partners.size === 0) return;
  const known = await knownOf(queries, entries);
  await recordEvents(queries, entries.flatMap((entry) => eventsOf(entry, known)).filter(({ partner }) => partners.has(partner)));
}

async function knownOf(queries: Queries, entries: readonly JournalEntry[]): Promise<Known> {
  const accountIds = [...new Set(entries.map(({ accountId }) => accountId).filter((id) => id !== ''))];
  const tokens = [...new Set(entries.flatMap(tokensOf))];
  const accounts = await queries.query<AccountRow>('select account_id as "accountId", partner, currency from account where account_id = any($1::text[])', [accountIds]);
  const ids = await queries.query<{ readonly token: string; readonly cardId: string }>(
    'select card_token as token, card_id as "cardId" from issued_card where card_token = any($1::text[])', [tokens],
  );
  const isOfCards = entries.some(({ kind, effects }) => kind === 'card' || effects.card?.record !== undefined);
  const cards = !isOfCards ? [] : await queries.query<CardRow & { readonly accountId: string; readonly index: number }>(
    'select account_id as "accountId", card_index as index, state, lock_code as "lockCode" from card where account_id = any($1::text[])', [accountIds],
  );
  return {
    accounts: new Map(accounts.map((row) => [row.accountId, row])),
    cardIds: new Map(ids.map(({ token, cardId }) => [token, cardId])),
    cards: new Map(cards.map((row) => [`${row.accountId}/${row.index}`, row])),
    ranges: entries.some(isOfRange) ? await readRanges(queries) : [],
  };
}

function tokensOf(entry: JournalEntry): readonly string[] {
  const { card } = entry.effects;
  const changed = card?.record === undefined ? [] : [card.record.token];
  if (entry.kind === 'card') return [entry.card.token, ...changed];
  return entry.kind === 'transaction' && entry.cardToken !== '' ? [entry.cardToken, ...changed] : changed;
}

/** A decision about a card that an issuer elsewhere has. */
function isOfRange(entry: JournalEntry): entry is TransactionEntry {
  return entry.kind === 'transaction' && entry.accountId === '' && entry.decidedBy !== 'switch';
}

async function readRanges(queries: Queries): Promise<readonly RangeRow[]> {
  return await queries.query<RangeRow>(
    `select r.document->>'from' as "from", coalesce(r.document->>'to', r.document->>'from') as "to", p.document->>'partner' as partner
     from system_table r join system_table p on p.kind = 'program' and p.name = r.document->>'program'
     where r.kind = 'binRange' and p.document->>'partner' is not null`,
  );
}

/** Whose range the card is in, as far as its first six digits tell; undefined where they do not tell one partner from another. */
function partnerOfRange(maskedPan: string, ranges: readonly RangeRow[]): string | undefined {
  const known = /^[0-9]+/.exec(maskedPan)?.[0] ?? '';
  if (known === '') return undefined;
  const partners = new Set(ranges.filter(({ from, to }) => {
    const length = Math.min(known.length, from.length);
    return from.slice(0, length) <= known.slice(0, length) && known.slice(0, length) <= to.slice(0, length);
  }).map(({ partner }) => partner));
  return partners.size === 1 ? [...partners][0] : undefined;
}

/** Each of another type. */
function eventsOf(entry: JournalEntry, known: Known): readonly BookedEvent[] {
  const account = known.accounts.get(entry.accountId);
  const partner = account?.partner ?? (isOfRange(entry) ? partnerOfRange(entry.maskedPan, known.ranges) : undefined);
  if (partner === undefined) return [];
  return [...toldOf(entry, account, known), ...besideTold(entry, known)].map(({ type, subject, content }) => {
    const id = eventId(entry.accountId, entry.id, type);
    return { id, partner, type, subject, occurredAtMs: entry.decidedAtMs, body: JSON.stringify({ id, type, date: timeOf(entry.decidedAtMs), ...content }) };
  });
}

interface Told {
  readonly type: EventType;
  readonly subject: string;
  readonly content: Readonly<Record<string, unknown>>;
}

function toldOf(entry: JournalEntry, account: AccountRow | undefined, known: Known): readonly Told[] {
  switch (entry.kind) {
    case 'transaction':
      return [transactionTold(entry, account, known)];
    case 'expiry': {
      const transaction = { id: entry.originalId, balanceId: entry.accountId, status: 'EXPIRED' };
      return [{ type: 'transaction.expired', subject: entry.accountId, content: { status: 'SUCCESS', description: 'EXPIRED', transaction } }];
    }
    case 'opened':
      return [balanceTold('balance.opened', entry, { currency: currencyName(entry.currency) })];
    case 'loaded':
      return [balanceTold(entry.amountMinor > 0 ? 'balance.loaded' : 'balance.withdrawn', entry, {
        amount: Math.abs(entry.amountMinor), currency: currencyName(account?.currency ?? ''),
      })];
    case 'closed':
      return [balanceTold('balance.closed', entry, {})];
    case 'card': {
      const before = noteCard(known, entry.accountId, entry.index, entry.card);
      return [cardTold(entry.accountId, entry.card, before, known)];
    }
    default:
      return [];
  }
}

/** What a transaction did to its card besides, such as the lock of the last wrong PIN; and the card that another one replaces. */
function besideTold({ accountId, effects: { card } }: JournalEntry, known: Known): readonly Told[] {
  if (card?.record === undefined) return [];
  const before = noteCard(known, accountId, card.index, card.record);
  return before === undefined ? [] : [cardTold(accountId, card.record, before, known)];
}

function balanceTold(type: EventType, entry: JournalEntry, of: Readonly<Record<string, unknown>>): Told {
  return { type, subject: entry.accountId, content: { balance: { id: entry.accountId, ...of } } };
}

/** @returns the card as it was before */
function noteCard({ cards }: Known, accountId: string, index: number, { state, lockCode }: CardRow): CardRow | undefined {
  const place = `${accountId}/${index}`;
  const before = cards.get(place);
  cards.set(place, { state, lockCode });
  return before;
}

function cardTold(accountId: string, card: CardRecord, before: CardRow | undefined, { cardIds }: Known): Told {
  const { token, state, lockCode } = card;
  const content = { card: { id: cardIds.get(token) ?? null, balanceId: accountId, state: state.toUpperCase(), lockCode } };
  return { type: cardChangeOf(before, card), subject: token, content };
}

function cardChangeOf(before: CardRow | undefined, { state, lockCode }: CardRow): EventType {
  if (before === undefined) return 'card.added';
  if (state !== before.state && state === 'removed') return 'card.removed';
  if (state !== before.state && state === 'active') return 'card.activated';
  if (lockCode !== before.lockCode) return lockCode === 0 ? 'card.unlocked' : 'card.locked';
  return 'card.changed';
}

function transactionTold(entry: TransactionEntry, account: AccountRow | undefined, { cardIds }: Known): Told {
  const type = transactionType(entry);
  const billed = entry.billing ?? entry.amount;
  const status = type === 'transaction.reversed' ? 'REVERSED' : !entry.approved ? 'DECLINED' : entry.class === 'authorization' ? 'AUTHORIZED' : 'CLEARED';
  const transaction = {
    id: entry.id,
    balanceId: entry.accountId === '' ? null : entry.accountId,
    resourceId: cardIds.get(entry.cardToken) ?? null,
    resource: 'card',
    cardId: cardIds.get(entry.cardToken) ?? null,
    externalTransactionId: entry.rrn,
    referenceExternalTransactionId: entry.originalId ?? null,
    type: typeOf(entry),
    category: entry.purpose === 'refund' ? 'CREDIT' : 'DEBIT',
    amount: billedMinor(entry, account, billed?.amountMinor ?? 0),
    currency: currencyName(account?.currency ?? billed?.currency ?? ''),
    originalAmount: entry.amount?.amountMinor ?? 0,
    originalCurrency: currencyName(entry.amount?.currency ?? ''),
    status,
    reason: entry.reason,
    approvalCode: entry.approvalCode,
    decidedBy: entry.decidedBy,
    description: entry.merchant.name,
    date: timeOf(entry.decidedAtMs),
    transactionData: {
      mcc: entry.merchant.category,
      merchantIdentifier: entry.merchant.id,
      captureMode: captureModes[entry.entryMode],
      lastFourDigits: /[0-9]{4}$/.exec(entry.maskedPan)?.[0] ?? null,
    },
  };
  const content = { status: entry.approved || entry.class === 'reversal' ? 'SUCCESS' : 'FAILED', description: status === 'DECLINED' ? 'DECLINED' : 'APPROVED', transaction };
  return { type, subject: entry.cardToken === '' ? entry.accountId : entry.cardToken, content };
}

function transactionType(entry: TransactionEntry): EventType {
  if (entry.class === 'reversal') return 'transaction.reversed';
  if (entry.decidedBy === 'standin') return 'transaction.stood_in';
  return entry.approved ? 'transaction.approved' : 'transaction.declined';
}

/** What the account was touched by, in its own currency, where it was; else what the message says. */
function billedMinor({ effects }: TransactionEntry, account: AccountRow | undefined, messageMinor: number): number {
  if (account === undefined) return messageMinor;
  return Math.abs(effects.ledgerMinor === 0 ? effects.heldMinor : effects.ledgerMinor) || messageMinor;
}

function typeOf({ purpose, entryMode }: TransactionEntry): string {
  if (purpose === 'cash') return 'ATM';
  return entryMode === 'ecommerce' ? 'ECOMMERCE' : 'POS';
}

const captureModes: Readonly<Record<TransactionEntry['entryMode'], string>> = {
  chip: 'CHIP', contactless: 'NFC', stripe: 'STRIPE', fallback: 'FALLBACK', manual: 'MANUAL', ecommerce: 'ECOMMERCE', unknown: 'UNKNOWN',
};

/** RFC 3339 with its offset. */
function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+00:00');
}
