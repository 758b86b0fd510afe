/**
 * Owns the way of an event into the book: its row, and one delivery for each webhook of its partner that wants its type, in the
 * transaction of what it tells of.
 *
 * Invariants: the same id is an event once, however often it is written; what no webhook wants is not written; nothing here refuses
 * what it is written beside.
 */
import { createHash } from 'node:crypto';
import type { Queries } from './book.ts';

/** Types of event, of which a webhook may choose. */
export const eventTypes = [
  'transaction.approved', 'transaction.declined', 'transaction.stood_in', 'transaction.reversed', 'transaction.expired',
  'card.added', 'card.linked', 'card.activated', 'card.locked', 'card.unlocked', 'card.removed', 'card.changed',
  'balance.opened', 'balance.loaded', 'balance.withdrawn', 'balance.closed',
  'transfer.completed', 'transfer.refunded', 'transfer.refused',
  'job.done', 'job.failed',
] as const;

export type EventType = (typeof eventTypes)[number];

export interface BookedEvent {
  /** `e_…`, from `eventId` where the same thing could be told twice. */
  readonly id: string;
  readonly partner: string;
  readonly type: EventType;
  /** The card or balance whose events are told in their order. */
  readonly subject: string;
  /** Unix ms. */
  readonly occurredAtMs: number;
  /** JSON as it is sent. */
  readonly body: string;
}

/** The id of an event by what it tells of: the same parts give the same id. */
export function eventId(...parts: readonly string[]): string {
  return `e_${createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16).toString('base64url')}`;
}

/** The partners that have a webhook. */
export async function partnersTold(queries: Queries): Promise<ReadonlySet<string>> {
  const rows = await queries.query<{ readonly partner: string }>('select distinct partner from webhook where removed_at is null');
  return new Set(rows.map(({ partner }) => partner));
}

/** Writes events that somebody wants, in their order, and what is to be delivered of them. */
export async function recordEvents(queries: Queries, events: readonly BookedEvent[]): Promise<void> {
  if (events.length === 0) return;
  await queries.query(
    `with told as (
       insert into event (id, partner, type, subject, occurred_at, body)
       select t.id, t.partner, t.type, t.subject, t.occurred_at, t.body
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) with ordinality
         as t (id, partner, type, subject, occurred_at, body, place)
       where exists (select from webhook w where w.partner = t.partner and w.removed_at is null and (w.types = '{}' or t.type = any(w.types)))
       order by t.place
       on conflict (id) do nothing
       returning sequence, partner, type, subject, occurred_at
     )
     insert into webhook_delivery (webhook_id, event_sequence, subject, state, due_at)
     select w.id, told.sequence, told.subject, 'waiting', told.occurred_at
     from told join webhook w on w.partner = told.partner and w.removed_at is null and (w.types = '{}' or told.type = any(w.types))`,
    [
      events.map(({ id }) => id),
      events.map(({ partner }) => partner),
      events.map(({ type }) => type),
      events.map(({ subject }) => subject),
      events.map(({ occurredAtMs }) => new Date(occurredAtMs).toISOString()),
      events.map(({ body }) => body),
    ],
  );
}
