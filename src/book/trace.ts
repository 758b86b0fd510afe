/** One transaction's story, as a person asks for it by what a receipt or an acquirer's report names. */
import { maskText } from '../base/mask.ts';
import type { CheckResult } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { reasons } from '../message/reason.ts';
import type { Queries } from './book.ts';

/** How a person names a transaction. An id is a message id. */
export type TraceBy = 'rrn' | 'stan' | 'approvalCode' | 'id';

export interface TracedHold {
  readonly id: string;
  readonly state: 'open' | 'completed' | 'reversed' | 'expired';
  readonly heldMinor: number;
  readonly openedMinor: number;
  readonly currency: string;
  readonly expiresAtMs: number;
  readonly openedAtMs: number;
  readonly closedAtMs: number | undefined;
  /** Id of the entry that changed it last. */
  readonly changedBy: string;
}

export interface TracedPosting {
  readonly ledger: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface TracedTransaction {
  readonly id: string;
  readonly version: string;
  readonly mti: string;
  readonly class: string;
  readonly function: string;
  readonly purpose: string;
  readonly station: string;
  readonly acquirer: string;
  readonly stan: string;
  readonly rrn: string;
  readonly terminal: string;
  readonly merchant: { readonly category: string; readonly id: string; readonly name: string };
  readonly processingCode: string;
  readonly entryMode: string;
  readonly maskedPan: string;
  readonly cardToken: string;
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  readonly decidedBy: string;
  /** Why stand-in decided; undefined where it did not. */
  readonly standInReason: string | undefined;
  readonly approved: boolean;
  readonly reason: string;
  readonly reasonName: string;
  readonly reasonText: string;
  readonly approvalCode: string;
  readonly checks: readonly CheckResult[];
  readonly flags: readonly string[];
  /** DE7 and local time, digits as they came. */
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly receivedAtMs: number;
  readonly decidedAtMs: number;
  readonly bookedAtMs: number;
  /** undefined where the card belongs to no account. */
  readonly accountId: string | undefined;
  readonly sequence: number | undefined;
  readonly originalId: string | undefined;
  readonly holdId: string | undefined;
  readonly heldChangeMinor: number;
  readonly ledgerChangeMinor: number;
  readonly postings: readonly TracedPosting[];
}

/** Everything that belongs to one purchase, from its authorization to its end, in the order in which it was decided. */
export interface Story {
  readonly transactions: readonly TracedTransaction[];
  /** What became of its holds; one that expired says when. */
  readonly holds: readonly TracedHold[];
}

/** Each a whole statement part, so that its index serves. */
const conditions: Readonly<Record<TraceBy, string>> = {
  rrn: `t.rrn = $1 and t.rrn <> ''`,
  stan: 't.stan = $1',
  approvalCode: `t.approval_code = $1 and t.approval_code <> ''`,
  id: 't.id = $1',
};

/**
 * The stories that contain a transaction so named, latest first; several where the name was used again (a STAN comes around).
 * A story is what `originalId` ties together, in both directions: reversals, completions and advices with what they speak of.
 *
 * @param value a STAN with or without leading zeros
 * @param most stories at most
 */
export async function trace(queries: Queries, by: TraceBy, value: string, most: number): Promise<readonly Story[]> {
  const wanted = by === 'stan' ? value.replace(/^0+(?=.)/, '') : value;
  const named = await queries.query<{ readonly id: string }>(
    `select t.id from transaction t where ${conditions[by]} order by t.decided_at desc, t.id desc limit $2`,
    [wanted, most * relatedMax],
  );
  const stories: Story[] = [];
  const told = new Set<string>();
  for (const { id } of named) {
    if (told.has(id)) continue;
    if (stories.length === most) break;
    const story = await storyOf(queries, id);
    for (const transaction of story.transactions) told.add(transaction.id);
    stories.push(story);
  }
  return stories;
}

/** More than this of one story are not told: a hold that was added to without end. */
const relatedMax = 500;

async function storyOf(queries: Queries, id: string): Promise<Story> {
  const related = await queries.query<{ readonly id: string }>(
    `with recursive story (id) as (
       select $1::text collate "C"
       union
       select next.id from story s cross join lateral (
         select t.id from transaction t where t.original_id = s.id
         union all
         select t.original_id from transaction t where t.id = s.id and t.original_id is not null
       ) next
     ) select id from story limit ${relatedMax}`,
    [id],
  );
  const ids = related.map((row) => row.id);
  const transactions = await queries.query<TransactionRow>(`select * from transaction where id = any ($1::text[]) order by decided_at, sequence, id`, [ids]);
  const postings = await queries.query<PostingRow>('select * from posting where entry_id = any ($1::text[]) order by entry_id, leg', [ids]);
  const holds = await queries.query<HoldRow>(`select * from hold where id = any ($1::text[]) order by opened_at, id`, [ids]);
  return {
    transactions: transactions.map((row) => tracedTransaction(row, postings.filter((posting) => posting.entry_id === row.id))),
    holds: holds.map(tracedHold),
  };
}

interface TransactionRow {
  readonly id: string;
  readonly account_id: string | null;
  readonly sequence: number | null;
  readonly received_at: Date;
  readonly decided_at: Date;
  readonly booked_at: Date;
  readonly transmitted: string;
  readonly local_time: string;
  readonly station: string;
  readonly version: string;
  readonly mti: string;
  readonly class: string;
  readonly function: string;
  readonly purpose: string;
  readonly processing_code: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly stan: string;
  readonly rrn: string;
  readonly decided_by: string;
  readonly stand_in_reason: string | null;
  readonly approved: boolean;
  readonly reason: string;
  readonly reason_name: string;
  readonly approval_code: string;
  readonly amount_minor: number | null;
  readonly currency: string | null;
  readonly billing_minor: number | null;
  readonly billing_currency: string | null;
  readonly held_change_minor: number;
  readonly ledger_change_minor: number;
  readonly card_token: string;
  readonly masked_pan: string;
  readonly entry_mode: string;
  readonly merchant_category: string;
  readonly merchant_id: string;
  readonly merchant_name: string;
  readonly original_id: string | null;
  readonly hold_id: string | null;
  readonly flags: readonly string[];
  readonly checks: readonly CheckResult[];
}

interface PostingRow {
  readonly entry_id: string;
  readonly ledger: string;
  readonly amount_minor: number;
  readonly currency: string;
}

interface HoldRow {
  readonly id: string;
  readonly state: TracedHold['state'];
  readonly held_minor: number;
  readonly opened_minor: number;
  readonly currency: string;
  readonly expires_at: Date;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
  readonly changed_by: string;
}

/** An acquirer's own field may quote the card. Merchants are numbered as long as cards are, so only this card is looked for. */
function withoutCard(text: string, maskedPan: string): string {
  return /^[0-9]+\*+[0-9]+$/.test(maskedPan) ? text.replace(new RegExp(maskedPan.replaceAll('*', '[0-9]')), maskedPan) : text;
}

function tracedTransaction(row: TransactionRow, postings: readonly PostingRow[]): TracedTransaction {
  return {
    id: row.id, version: row.version, mti: row.mti, class: row.class, function: row.function, purpose: row.purpose,
    station: row.station, acquirer: row.acquirer, stan: row.stan, rrn: row.rrn, terminal: row.terminal,
    merchant: { category: row.merchant_category, id: withoutCard(row.merchant_id, row.masked_pan), name: maskText(row.merchant_name) },
    processingCode: row.processing_code, entryMode: row.entry_mode, maskedPan: row.masked_pan, cardToken: row.card_token,
    amount: amountOf(row.amount_minor, row.currency), billing: amountOf(row.billing_minor, row.billing_currency),
    decidedBy: row.decided_by, standInReason: row.stand_in_reason ?? undefined, approved: row.approved, reason: row.reason, reasonName: row.reason_name, reasonText: textOf(row.reason),
    approvalCode: row.approval_code, checks: row.checks, flags: row.flags, transmittedAt: row.transmitted, localAt: row.local_time,
    receivedAtMs: row.received_at.getTime(), decidedAtMs: row.decided_at.getTime(), bookedAtMs: row.booked_at.getTime(),
    accountId: row.account_id ?? undefined, sequence: row.sequence ?? undefined,
    originalId: row.original_id ?? undefined, holdId: row.hold_id ?? undefined,
    heldChangeMinor: row.held_change_minor, ledgerChangeMinor: row.ledger_change_minor,
    postings: postings.map(({ ledger, amount_minor, currency }) => ({ ledger, amountMinor: amount_minor, currency })),
  };
}

function tracedHold(row: HoldRow): TracedHold {
  return {
    id: row.id, state: row.state, heldMinor: row.held_minor, openedMinor: row.opened_minor, currency: row.currency,
    expiresAtMs: row.expires_at.getTime(), openedAtMs: row.opened_at.getTime(), closedAtMs: row.closed_at?.getTime(),
    changedBy: row.changed_by,
  };
}

function amountOf(amountMinor: number | null, currency: string | null): Amount | undefined {
  return amountMinor === null || currency === null ? undefined : { amountMinor, currency };
}

function textOf(reason: string): string {
  const facts: Readonly<Record<string, { readonly text: string }>> = reasons;
  return facts[reason]?.text ?? '';
}
