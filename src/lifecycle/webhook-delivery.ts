/**
 * Sends events to webhooks, until each was taken or given up.
 *
 *   waiting ──attempt──> 2xx ──────────────> delivered
 *      ^                  └─ anything else ──> waiting, later each time ──> dead, after the last pause
 *      └────────────────────────── replay ─────────────────────────────────┘
 *
 * Owns who is at which delivery, and when the next attempt is. Invariants: what was committed is sent at least once, under one id and one
 * body; of one subject (a card, a balance) at one webhook nothing is sent while what was before it waits; a receiver that fails is asked
 * one at a time, after a rest, so that it is not in the way of others nor of itself.
 */
import type { Book } from '../book/book.ts';
import { Secret } from '../message/secret.ts';
import { backoffMs } from './backoff.ts';
import type { CardDesk } from './ports.ts';
import type { Post, Posted } from './webhook-post.ts';
import { signedHeaders } from './webhook-signature.ts';

export interface DeliveryOptions {
  readonly book: Book;
  readonly desk: Pick<CardDesk, 'openMessage'>;
  readonly post: Post;
  /** Unix ms. */
  readonly now: () => number;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly events: DeliveryEvents;
}

/** Called synchronously; they must not throw. */
export interface DeliveryEvents {
  delivered(webhook: ToldWebhook): void;
  /** @param isDead it was the last attempt */
  failed(webhook: ToldWebhook, trouble: string, isDead: boolean): void;
  /** The book or the keys went away amid it: it goes on when they are back. */
  interrupted(webhookId: string, error: unknown): void;
}

export interface ToldWebhook {
  readonly webhookId: string;
  readonly partner: string;
}

interface DueWebhook {
  readonly id: string;
  readonly partner: string;
  readonly url: string;
  readonly secretSealed: string;
  readonly formerSealed: string | null;
  readonly failures: number;
}

interface Claimed {
  readonly webhookId: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly body: string;
  readonly attempts: number;
}

const second = 1_000;
const hour = 3_600_000;
/** After the first failure, the second, …; after the last one it is dead: three days and a half. */
export const pausesMs: readonly number[] = [5 * second, 30 * second, 120 * second, 600 * second, 1_800 * second, hour, 2 * hour, 4 * hour, 8 * hour, 12 * hour, 24 * hour, 32 * hour];
const restMs = { firstMs: 1_000, mostMs: 300_000 };
/** Longer than an attempt may take. */
const leaseMs = 15_000;
const atOnceMax = 20;
const troubleCharactersMax = 200;

export class Delivery {
  readonly #options: DeliveryOptions;
  /** Webhooks that are sent to from here at this moment. */
  readonly #underWay = new Set<string>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** One attempt of what is due now, to its end. @returns how many there were; @throws BookUnavailable */
  async runDue(): Promise<number> {
    const counts = await Promise.all((await this.#due()).map(async (webhook) => await this.#runWebhook(webhook)));
    return counts.reduce((total, count) => total + count, 0);
  }

  /** Begins with what is due, and waits for no receiver: each webhook goes on by itself until nothing is due there. @throws BookUnavailable */
  async beginDue(): Promise<void> {
    for (const webhook of await this.#due()) {
      if (this.#underWay.has(webhook.id)) continue;
      this.#underWay.add(webhook.id);
      void this.#exhaust(webhook);
    }
  }

  async #exhaust(webhook: DueWebhook): Promise<void> {
    try {
      let current: DueWebhook | undefined = webhook;
      while (current !== undefined && (await this.#runWebhook(current)) > 0) [current] = await this.#due(webhook.id);
    } catch (error) {
      this.#options.events.interrupted(webhook.id, error);
    } finally {
      this.#underWay.delete(webhook.id);
    }
  }

  async #due(webhookId: string | null = null): Promise<readonly DueWebhook[]> {
    const { book, now } = this.#options;
    return await book.query<DueWebhook>(
      `select id, partner, url, secret_sealed as "secretSealed", case when former_until > $1 then former_sealed end as "formerSealed", failures from webhook w
       where removed_at is null and (resting_until is null or resting_until <= $1) and ($2::text is null or id = $2)
         and exists (select from webhook_delivery d where d.webhook_id = w.id and d.state = 'waiting' and d.due_at <= $1)`,
      [new Date(now()), webhookId],
    );
  }

  async #runWebhook(webhook: DueWebhook): Promise<number> {
    const claimed = await this.#claim(webhook.id, webhook.failures > 0 ? 1 : atOnceMax);
    if (claimed.length === 0) return 0;
    const secrets = await this.#secretsOf(webhook);
    await Promise.all(claimed.map(async (delivery) => await this.#attempt(webhook, secrets, delivery)));
    return claimed.length;
  }

  async #secretsOf({ id, secretSealed, formerSealed }: DueWebhook): Promise<readonly Secret<string>[]> {
    const sealed = formerSealed === null ? [secretSealed] : [secretSealed, formerSealed];
    return await Promise.all(sealed.map(async (text) => new Secret(Buffer.from(await this.#options.desk.openMessage(text, id)).toString())));
  }

  async #claim(webhookId: string, most: number): Promise<readonly Claimed[]> {
    const { book, now } = this.#options;
    const atMs = now();
    return await book.query<Claimed>(
      `with claimed as (
         update webhook_delivery set leased_until = $3, attempts = attempts + 1 where (webhook_id, event_sequence) in (
           select d.webhook_id, d.event_sequence from webhook_delivery d
           where d.webhook_id = $1 and d.state = 'waiting' and d.due_at <= $2 and (d.leased_until is null or d.leased_until <= $2)
             and not exists (select from webhook_delivery b
               where b.webhook_id = $1 and b.subject = d.subject and b.state = 'waiting' and b.event_sequence < d.event_sequence)
           order by d.due_at, d.event_sequence limit $4 for update skip locked
         ) returning webhook_id, event_sequence, attempts
       )
       select c.webhook_id as "webhookId", c.event_sequence as sequence, e.id as "eventId", e.body, c.attempts
       from claimed c join event e on e.sequence = c.event_sequence order by e.sequence`,
      [webhookId, new Date(atMs), new Date(atMs + leaseMs), most],
    );
  }

  async #attempt({ url, partner }: DueWebhook, secrets: readonly Secret<string>[], claimed: Claimed): Promise<void> {
    const { post, now } = this.#options;
    const { eventId, body } = claimed;
    const headers = {
      'content-type': 'application/json', 'user-agent': 'Locum', 'x-idempotency-key': eventId, ...signedHeaders(eventId, now(), body, secrets),
    };
    const posted = await post(url, headers, body);
    const isTaken = posted.kind === 'answered' && posted.status >= 200 && posted.status <= 299;
    const webhook = { webhookId: claimed.webhookId, partner };
    await (isTaken ? this.#delivered(webhook, claimed, posted.status) : this.#failed(webhook, claimed, posted));
  }

  async #delivered(webhook: ToldWebhook, { webhookId, sequence, attempts }: Claimed, status: number): Promise<void> {
    const { book, now, events } = this.#options;
    await book.transaction(async (queries) => {
      // Of two processes that were at it, the one that was told that it is taken is right.
      await queries.query(
        `update webhook_delivery set state = 'delivered', last_status = $4, last_trouble = null, ended_at = $5, leased_until = null
         where webhook_id = $1 and event_sequence = $2 and state = 'waiting' and attempts >= $3`,
        [webhookId, sequence, attempts, status, new Date(now())],
      );
      await queries.query('update webhook set failures = 0, resting_until = null where id = $1 and failures > 0', [webhookId]);
    });
    events.delivered(webhook);
  }

  async #failed(webhook: ToldWebhook, { webhookId, sequence, attempts }: Claimed, posted: Posted): Promise<void> {
    const { book, now, random, events } = this.#options;
    const atMs = now();
    const pauseMs = pausesMs[attempts - 1];
    const status = posted.kind === 'answered' ? posted.status : null;
    const trouble = (posted.kind === 'answered' ? `answered ${posted.status}` : posted.trouble).slice(0, troubleCharactersMax);
    const dueAt = new Date(atMs + (pauseMs === undefined ? 0 : backoffMs(1, { firstMs: pauseMs, mostMs: pauseMs }, random())));
    await book.transaction(async (queries) => {
      await queries.query(
        `update webhook_delivery set state = $4, last_status = $5, last_trouble = $6, due_at = $7, ended_at = $8, leased_until = null
         where webhook_id = $1 and event_sequence = $2 and state = 'waiting' and attempts = $3`,
        [webhookId, sequence, attempts, pauseMs === undefined ? 'dead' : 'waiting', status, trouble, dueAt, pauseMs === undefined ? new Date(atMs) : null],
      );
      // Those that were sent at once and failed together are one failure of the receiver.
      await queries.query(
        `update webhook set failures = failures + 1, resting_until = $2::timestamptz + least($3::float8, $4::float8 * power(2, least(failures, 20))) * $5::float8 * interval '1 millisecond'
         where id = $1 and (resting_until is null or resting_until <= $2)`,
        [webhookId, new Date(atMs), restMs.mostMs, restMs.firstMs, 0.8 + 0.4 * random()],
      );
    });
    events.failed(webhook, trouble, pauseMs === undefined);
  }
}
