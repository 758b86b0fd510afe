/** How far partners are behind what they are told: what waits for each webhook, since when, and what was given up. For metrics and alerts. */
import type { Queries } from '../book/book.ts';

export interface WebhookBacklog {
  readonly webhookId: string;
  readonly partner: string;
  /** Events that wait. */
  readonly waiting: number;
  /** When the oldest of them happened, Unix ms; undefined: none waits. */
  readonly oldestAtMs: number | undefined;
  /** Events that were given up within the last day, and not replayed since. */
  readonly dead: number;
}

interface Row {
  readonly webhookId: string;
  readonly partner: string;
  readonly waiting: number;
  readonly oldestAt: Date | null;
  readonly dead: number;
}

const dayMs = 86_400_000;

/** Of all webhooks that were not removed. @param nowMs Unix ms @throws BookUnavailable */
export async function readWebhookBacklog(book: Queries, nowMs: number): Promise<readonly WebhookBacklog[]> {
  const rows = await book.query<Row>(
    `select w.id as "webhookId", w.partner, d.waiting, e.occurred_at as "oldestAt",
       (select count(*) from webhook_delivery g where g.webhook_id = w.id and g.state = 'dead' and g.ended_at > $1) as dead
     from webhook w
       cross join lateral (select count(*) as waiting, min(event_sequence) as first from webhook_delivery d where d.webhook_id = w.id and d.state = 'waiting') d
       left join event e on e.sequence = d.first
     where w.removed_at is null order by w.partner, w.id`,
    [new Date(nowMs - dayMs)],
  );
  return rows.map(({ oldestAt, ...row }) => ({ ...row, oldestAtMs: oldestAt?.getTime() }));
}
