/**
 * What services tell partners of: an event, in the transaction that makes it so. Decisions, cards and balances are told by the journal
 * itself (`book/journal-events.ts`); what only a service knows is told here.
 *
 * Invariant: an event is told if its transaction is committed, once by its id.
 */
import type { Queries } from '../book/book.ts';
import { recordEvents, type EventType } from '../book/events.ts';
import { timeText } from './json.ts';

export { eventTypes } from '../book/events.ts';

export interface Told {
  /** From `eventId` of what it tells of. */
  readonly id: string;
  readonly partner: string;
  readonly type: EventType;
  /** Whose events come one after the other: a card's, balance's or job's id. */
  readonly subject: string;
  /** Unix ms. */
  readonly atMs: number;
  /** What the body says besides id, type and date; no card number, CVV or PIN. */
  readonly content: Readonly<Record<string, unknown>>;
}

export async function tell(queries: Queries, { id, partner, type, subject, atMs, content }: Told): Promise<void> {
  await recordEvents(queries, [{ id, partner, type, subject, occurredAtMs: atMs, body: JSON.stringify({ id, type, date: timeText(atMs), ...content }) }]);
}
