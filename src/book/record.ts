/**
 * Owns the way of the journal into the book: a batch of one partition's entries, all its rows and the position after them, in one
 * transaction. The position's row is locked and compared first, so an entry is recorded once whoever drains and however often
 * it is handed over; the account's last sequence is compared as well, so an entry that is missing or comes twice is found even
 * where the store has lost its way. What does not fit is refused whole and never skipped: it is money.
 */
import { decodeEntry, type JournalEntry as AccountEntry } from '../account/journal.ts';
import { AssertionError } from '../base/assert.ts';
import type { JournalEntry, PartitionEpoch } from '../store/store.ts';
import type { Book, Queries } from './book.ts';
import { recordJournalEvents } from './journal-events.ts';
import { Batch, journalColumns, postingColumns, transactionColumns, type AccountChange } from './rows.ts';

/** How far the book has a partition's journal: everything up to and including `sequence` of `epoch`. */
export interface JournalPosition {
  /** 0 where the book has nothing of the partition. */
  readonly epoch: number;
  /** 0 where nothing of the epoch is in the book. */
  readonly sequence: number;
}

/**
 * Entries that do not continue what the book has, or that cannot be recorded. Nothing of the batch was recorded. Only a person
 * can tell what is right, so the partition stops until then.
 */
export class JournalBroken extends Error {
  override readonly name = 'JournalBroken';
  /** `gap`: entries are missing. `double`: it is there already. `unreadable`: no entry. `refused`: the book's own rules. */
  readonly code: 'gap' | 'double' | 'unreadable' | 'refused';
  readonly partition: number;
  /** Place in the store's journal of the first entry concerned, or of the batch's first. */
  readonly sequence: string;

  constructor(code: JournalBroken['code'], partition: number, sequence: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.partition = partition;
    this.sequence = sequence;
  }
}

export type RecordResult =
  | { readonly kind: 'recorded'; readonly position: JournalPosition }
  /** Another process drains this partition at this moment. */
  | { readonly kind: 'busy' }
  /** The book is elsewhere than the caller believed; nothing was recorded. */
  | { readonly kind: 'moved'; readonly position: JournalPosition };

const nowhere: JournalPosition = { epoch: 0, sequence: 0 };

/** The position of a partition. */
export async function positionOf(queries: Queries, partition: number): Promise<JournalPosition> {
  const [row] = await queries.query<JournalPosition>('select epoch, sequence from journal_position where partition = $1', [partition]);
  return row ?? nowhere;
}

/**
 * Records entries of one partition's journal and the position after them in one transaction: exactly once, whoever calls.
 *
 * @param at where the entries are; a later epoch than that of `after` begins at its first entry
 * @param after the position that `entries` continue
 * @param entries at least one, in order
 * @throws JournalBroken, BookUnavailable
 */
export async function recordEntries(
  book: Book,
  at: PartitionEpoch,
  after: JournalPosition,
  entries: readonly JournalEntry[],
  bookedAtMs: number,
): Promise<RecordResult> {
  const position = { epoch: at.epoch, sequence: Number(entries.at(-1)?.sequence) };
  try {
    const batch = batchOf(at, after, entries, bookedAtMs);
    return await book.transaction(async (queries) => {
      const found = await lockPosition(queries, at.partition, bookedAtMs);
      if (found === undefined) return { kind: 'busy' };
      if (found.epoch !== after.epoch || found.sequence !== after.sequence) return { kind: 'moved', position: found };
      await writeBatch(queries, batch, at.partition, entries[0]?.sequence ?? '', new Date(bookedAtMs));
      await queries.query('update journal_position set epoch = $2, sequence = $3, changed_at = $4 where partition = $1', [
        at.partition, position.epoch, position.sequence, new Date(bookedAtMs),
      ]);
      return { kind: 'recorded', position };
    });
  } catch (cause) {
    const error = brokenBy(cause, at.partition, entries) ?? cause;
    if (!(error instanceof JournalBroken)) throw error;
    // Another process may have recorded these and trimmed them since the caller looked: then nothing is broken.
    const found = await positionOf(book, at.partition);
    if (found.epoch === after.epoch && found.sequence === after.sequence) throw error;
    return { kind: 'moved', position: found };
  }
}

/** When a journal's entry was decided, Unix ms; undefined where it is no entry. */
export function decidedAtOf(value: string): number | undefined {
  try {
    return decodeEntry(value).decidedAtMs;
  } catch {
    return undefined;
  }
}

function batchOf(at: PartitionEpoch, after: JournalPosition, entries: readonly JournalEntry[], bookedAtMs: number): Batch {
  const batch = new Batch(bookedAtMs);
  let sequence = at.epoch === after.epoch ? after.sequence : 0;
  for (const { sequence: found, value } of entries) {
    sequence += 1;
    if (Number(found) !== sequence) {
      const code = Number(found) > sequence ? 'gap' : 'double';
      throw new JournalBroken(code, at.partition, found, `entry ${sequence} of epoch ${at.epoch} was expected in partition ${at.partition}, and ${found} is there`);
    }
    const entry = readEntry(at, found, value);
    if (!addEntry(batch, entry, at, found, value)) {
      throw new JournalBroken('gap', at.partition, found, `entry ${found} of partition ${at.partition} has sequence ${entry.sequence} of account ${entry.accountId}, which does not follow the one before it`);
    }
  }
  return batch;
}

function readEntry(at: PartitionEpoch, sequence: string, value: string): AccountEntry {
  try {
    return decodeEntry(value);
  } catch {
    // The parser's own message would quote the entry.
    throw new JournalBroken('unreadable', at.partition, sequence, `entry ${sequence} of partition ${at.partition} is not JSON`);
  }
}

function addEntry(batch: Batch, entry: AccountEntry, at: PartitionEpoch, sequence: string, value: string): boolean {
  try {
    return batch.add(entry, { ...at, sequence }, value);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof AssertionError)) throw error;
    throw new JournalBroken('unreadable', at.partition, sequence, `entry ${sequence} of partition ${at.partition} lacks what its kind has to have`);
  }
}

interface LockedPosition extends JournalPosition {
  readonly durability: string;
}

async function lockPosition(queries: Queries, partition: number, nowMs: number): Promise<JournalPosition | undefined> {
  // What is committed here lets the store forget: a server whose default is to acknowledge before the disk has it is overruled.
  const lock = `select epoch, sequence,
      case current_setting('synchronous_commit') when 'off' then set_config('synchronous_commit', 'on', true) else '' end as durability
    from journal_position where partition = $1 for update skip locked`;
  const [row] = await queries.query<LockedPosition>(lock, [partition]);
  if (row !== undefined) return { epoch: row.epoch, sequence: row.sequence };
  await queries.query('insert into journal_position values ($1, 0, 0, $2) on conflict do nothing', [partition, new Date(nowMs)]);
  const [made] = await queries.query<LockedPosition>(lock, [partition]);
  return made === undefined ? undefined : { epoch: made.epoch, sequence: made.sequence };
}

async function writeBatch(queries: Queries, batch: Batch, partition: number, sequence: string, bookedAt: Date): Promise<void> {
  await openAccounts(queries, batch);
  await changeAccounts(queries, [...batch.accounts.values()], partition, sequence);
  await queries.copyIn('journal_entry', journalColumns, batch.journal);
  if (batch.transactions !== '') await queries.copyIn('transaction', transactionColumns, batch.transactions);
  if (batch.postings !== '') await queries.copyIn('posting', postingColumns, batch.postings);
  await recordJournalEvents(queries, batch.entries);
  await changeHolds(queries, batch);
  await changeCards(queries, batch);
  await changePartnerCredit(queries, batch, partition, bookedAt);
}

async function openAccounts(queries: Queries, { opened }: Batch): Promise<void> {
  if (opened.length === 0) return;
  await queries.query(
    `insert into account (account_id, currency, program, partner, ledger_minor, held_minor, open_holds, last_sequence, opened_at, changed_at)
     select id, currency, program, partner, 0, 0, 0, 0, at, at
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as opened (id, currency, program, partner, at)`,
    [
      opened.map((entry) => entry.accountId),
      opened.map((entry) => entry.currency),
      opened.map((entry) => entry.program),
      opened.map((entry) => entry.partner),
      opened.map((entry) => new Date(entry.decidedAtMs).toISOString()),
    ],
  );
}

async function changeAccounts(queries: Queries, changes: readonly AccountChange[], partition: number, sequence: string): Promise<void> {
  if (changes.length === 0) return;
  const changed = await queries.query<{ readonly accountId: string }>(
    `update account a set ledger_minor = a.ledger_minor + c.ledger, held_minor = a.held_minor + c.held,
       open_holds = a.open_holds + c.holds, last_sequence = c.last, changed_at = c.at, closed_at = coalesce(a.closed_at, c.closed)
     from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::timestamptz[])
       as c (id, first, last, ledger, held, holds, at, closed)
     where a.account_id = c.id and a.last_sequence = c.first - 1
     returning a.account_id as "accountId"`,
    [
      changes.map((change) => change.accountId),
      changes.map((change) => change.firstSequence),
      changes.map((change) => change.lastSequence),
      changes.map((change) => change.ledgerMinor),
      changes.map((change) => change.heldMinor),
      changes.map((change) => change.openHolds),
      changes.map((change) => new Date(change.changedAtMs).toISOString()),
      changes.map((change) => (change.closedAtMs === undefined ? null : new Date(change.closedAtMs).toISOString())),
    ],
  );
  if (changed.length !== changes.length) throw await misfitOf(queries, changes, changed, partition, sequence);
}

async function misfitOf(
  queries: Queries,
  changes: readonly AccountChange[],
  changed: readonly { readonly accountId: string }[],
  partition: number,
  sequence: string,
): Promise<JournalBroken> {
  const fitting = new Set(changed.map((row) => row.accountId));
  const misfit = changes.find((change) => !fitting.has(change.accountId));
  const accountId = misfit?.accountId ?? '';
  const [row] = await queries.query<{ readonly last: number }>('select last_sequence as last from account where account_id = $1', [accountId]);
  const last = row?.last ?? 0;
  const first = misfit?.firstSequence ?? 0;
  return new JournalBroken(
    first > last + 1 ? 'gap' : 'double',
    partition,
    sequence,
    `the book has account ${accountId} up to sequence ${last}, and the journal goes on with ${first}`,
  );
}

async function changeHolds(queries: Queries, batch: Batch): Promise<void> {
  if (batch.holds.size === 0) return;
  const holds = [...batch.holds.values()];
  await queries.query(
    `insert into hold (id, account_id, currency, state, held_minor, opened_minor, expires_at, opened_at, closed_at, changed_by)
     select h.id, h.account_id, a.currency, h.state, h.held, h.opened, h.expires_at, h.opened_at, h.closed_at, h.changed_by
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::text[])
       as h (id, account_id, state, held, opened, expires_at, opened_at, closed_at, changed_by)
     join account a on a.account_id = h.account_id
     on conflict (id) do update set state = excluded.state, held_minor = excluded.held_minor, expires_at = excluded.expires_at,
       closed_at = excluded.closed_at, changed_by = excluded.changed_by`,
    [
      holds.map((hold) => hold.change.id),
      holds.map((hold) => hold.accountId),
      holds.map((hold) => hold.change.state),
      holds.map((hold) => hold.change.heldMinor),
      holds.map((hold) => hold.openedMinor),
      holds.map((hold) => new Date(hold.change.expiresAtMs).toISOString()),
      holds.map((hold) => new Date(hold.openedAtMs).toISOString()),
      holds.map((hold) => (hold.closedAtMs === undefined ? null : new Date(hold.closedAtMs).toISOString())),
      holds.map((hold) => hold.changedBy),
    ],
  );
}

async function changeCards(queries: Queries, batch: Batch): Promise<void> {
  if (batch.cards.size === 0) return;
  const cards = [...batch.cards.values()];
  await queries.query(
    `insert into card (account_id, card_index, card_token, masked_pan, encrypted_pan, state, lock_code, expiry, service_code, added_at, changed_at, controls)
     select * from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::text[], $9::text[],
       $10::timestamptz[], $11::timestamptz[], $12::jsonb[])
     on conflict (account_id, card_index) do update set card_token = excluded.card_token, state = excluded.state,
       masked_pan = coalesce(excluded.masked_pan, card.masked_pan), encrypted_pan = coalesce(excluded.encrypted_pan, card.encrypted_pan),
       lock_code = excluded.lock_code, expiry = excluded.expiry, service_code = excluded.service_code, changed_at = excluded.changed_at,
       controls = excluded.controls`,
    [
      cards.map((card) => card.accountId),
      cards.map((card) => card.index),
      cards.map(({ card }) => card.token),
      cards.map((card) => card.maskedPan ?? null),
      cards.map((card) => card.encryptedPan ?? null),
      cards.map(({ card }) => card.state),
      cards.map(({ card }) => card.lockCode),
      cards.map(({ card }) => card.expiry),
      cards.map(({ card }) => card.serviceCode),
      cards.map((card) => new Date(card.addedAtMs).toISOString()),
      cards.map((card) => new Date(card.changedAtMs).toISOString()),
      cards.map(({ card }) => (card.controls === undefined ? null : JSON.stringify(card.controls))),
    ],
  );
}

async function changePartnerCredit(queries: Queries, { guards }: Batch, partition: number, bookedAt: Date): Promise<void> {
  if (guards.size === 0) return;
  await queries.query(
    `insert into partner_credit (guard_id, partition, balance_minor, changed_at)
     select id, $1, delta, $2 from unnest($3::text[], $4::bigint[]) as g (id, delta)
     on conflict (guard_id, partition) do update set balance_minor = partner_credit.balance_minor + excluded.balance_minor, changed_at = excluded.changed_at`,
    [partition, bookedAt, [...guards.keys()], [...guards.values()]],
  );
}

/** The book's own rules say no (SQLSTATE classes 22, data, and 23, constraints): what another attempt would meet again. */
function brokenBy(error: unknown, partition: number, entries: readonly JournalEntry[]): JournalBroken | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  if (!/^2[23]/.test(error.code) || error.code.length !== 5) return undefined;
  const first = entries[0]?.sequence ?? '';
  const last = entries.at(-1)?.sequence ?? '';
  const place = first === last ? `entry ${first}` : `one of the entries ${first} to ${last}`;
  const code = error.code === '23505' ? 'double' : 'refused';
  return new JournalBroken(code, partition, first, `the book refuses ${place} of partition ${partition}: ${error.message}`, error);
}
