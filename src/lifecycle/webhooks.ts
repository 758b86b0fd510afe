/**
 * Webhooks of partners: where they are told, of what, and what became of it.
 *
 * Refuses an address that is not allowed, more webhooks than a partner may have, and another partner's as if there were none.
 * Invariants: a secret is shown once, when it is made, and kept sealed; a replay sends the same bodies under the same ids.
 */
import type { Book, Queries } from '../book/book.ts';
import type { EventType } from '../book/events.ts';
import { Secret } from '../message/secret.ts';
import { newId, type RandomBytes } from './ids.ts';
import { timeText } from './json.ts';
import { pageOf, placeOf, type Page, type PageChoice } from './page.ts';
import type { CardDesk } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';
import { webhookUrl, type AddressRules } from './webhook-address.ts';
import { secretBytes, secretPrefix } from './webhook-signature.ts';

export interface WebhooksOptions {
  readonly book: Book;
  /** Seals the secrets. */
  readonly desk: Pick<CardDesk, 'sealMessage' | 'openMessage'>;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  readonly rules: AddressRules;
}

export interface WebhookShown {
  readonly webhookId: string;
  readonly url: string;
  /** None: all. */
  readonly types: readonly EventType[];
  readonly createdAt: string;
  /** Attempts in a row that failed. */
  readonly failures: number;
  readonly restingUntil?: string;
  readonly waiting: number;
  readonly dead: number;
}

export interface WebhookMade {
  readonly webhookId: string;
  readonly url: string;
  readonly types: readonly EventType[];
  readonly createdAt: string;
  /** Shown now and never again. */
  readonly secret: Secret<string>;
}

export interface DeliveryShown {
  readonly eventId: string;
  readonly type: EventType;
  readonly occurredAt: string;
  readonly state: 'waiting' | 'delivered' | 'dead';
  readonly attempts: number;
  readonly dueAt?: string;
  readonly endedAt?: string;
  readonly lastStatus?: number;
  readonly lastTrouble?: string;
}

export interface ReplayChoice {
  /** These events. */
  readonly eventIds?: readonly string[] | undefined;
  /** What has happened since, Unix ms; whether this webhook was there or not. */
  readonly sinceMs?: number | undefined;
  /** Only what was given up. */
  readonly deadOnly?: boolean | undefined;
}

interface WebhookRow {
  readonly id: string;
  readonly url: string;
  readonly types: EventType[];
  readonly secretSealed: string;
  readonly createdAt: Date;
  readonly failures: number;
  readonly restingUntil: Date | null;
  readonly waiting: number;
  readonly dead: number;
}

const webhooksMax = 10;
const prunedMax = 1_000;
/** A receiver has so long to take over a new secret. */
const rotationMs = 86_400_000;

const columns = `w.id, w.url, w.types, w.secret_sealed as "secretSealed", w.created_at as "createdAt", w.failures, w.resting_until as "restingUntil",
  (select count(*) from webhook_delivery d where d.webhook_id = w.id and d.state = 'waiting') as waiting,
  (select count(*) from webhook_delivery d where d.webhook_id = w.id and d.state = 'dead') as dead`;

export class Webhooks {
  readonly #options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  /** @throws LifecycleRefused URL_INVALID, URL_NOT_ALLOWED, CARD_NUMBER_REFUSED, WEBHOOKS_TOO_MANY */
  async create(partner: string, wish: { readonly url: string; readonly types?: readonly EventType[] | undefined }, requestKey: string): Promise<WebhookMade> {
    const { book, desk, now, randomBytes, rules } = this.#options;
    const url = webhookUrl(wish.url, rules);
    const types = [...new Set(wish.types ?? [])];
    const id = newId('webhook', randomBytes);
    const sealed = await desk.sealMessage(Buffer.from(this.#newSecret().reveal()), id);
    const row = await book.transaction(async (queries) => {
      const [{ count } = { count: 0 }] = await queries.query<{ readonly count: number }>(
        'select count(*) from webhook where partner = $1 and removed_at is null and request_key <> $2', [partner, requestKey],
      );
      if (count >= webhooksMax) throw new LifecycleRefused(409, 'WEBHOOKS_TOO_MANY', `there are ${webhooksMax} webhooks already`);
      await queries.query(
        `insert into webhook (id, partner, url, types, secret_sealed, request_key, created_at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (partner, request_key) do nothing`,
        [id, partner, url, types, sealed, requestKey, new Date(now())],
      );
      const [made] = await queries.query<WebhookRow & { readonly isRemoved: boolean }>(`select ${columns}, w.removed_at is not null as "isRemoved" from webhook w where w.partner = $1 and w.request_key = $2`, [partner, requestKey]);
      return made;
    });
    if (row === undefined) throw new LifecycleRefused(503, 'BOOK_UNREACHABLE', 'the webhook was not found again; the same call again, under the same key, makes it once');
    // A key is for one webhook, also when the doors have forgotten what they answered.
    if (row.isRemoved) throw new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for a webhook that was removed', 'X-Idempotency-Key');
    if (row.url !== url || row.types.join() !== types.join()) throw new LifecycleRefused(409, 'IDEMPOTENCY_CONFLICT', 'this key was used for another webhook', 'X-Idempotency-Key');
    const secret = await this.#opened(row.secretSealed, row.id);
    return { webhookId: row.id, url: row.url, types: row.types, createdAt: timeText(row.createdAt), secret };
  }

  async list(partner: string): Promise<readonly WebhookShown[]> {
    const rows = await this.#options.book.query<WebhookRow>(`select ${columns} from webhook w where w.partner = $1 and w.removed_at is null order by w.created_at, w.id`, [partner]);
    return rows.map(shown);
  }

  /** @throws LifecycleRefused WEBHOOK_NOT_FOUND */
  async get(partner: string, webhookId: string): Promise<WebhookShown> {
    return shown(await this.#find(this.#options.book, partner, webhookId));
  }

  /** Nothing is sent there any more. @throws LifecycleRefused WEBHOOK_NOT_FOUND */
  async remove(partner: string, webhookId: string): Promise<void> {
    const removed = await this.#options.book.query('update webhook set removed_at = coalesce(removed_at, $3) where partner = $1 and id = $2 returning id', [partner, webhookId, new Date(this.#options.now())]);
    if (removed.length === 0) throw notFound();
  }

  /**
   * A new secret; for a day what is sent is signed with both.
   * @param requestKey the same one again gives the same secret
   * @throws LifecycleRefused WEBHOOK_NOT_FOUND
   */
  async rotate(partner: string, webhookId: string, requestKey: string): Promise<Secret<string>> {
    const { book, desk, now } = this.#options;
    const sealed = await desk.sealMessage(Buffer.from(this.#newSecret().reveal()), webhookId);
    const kept = await book.transaction(async (queries) => {
      const before = await this.#find(queries, partner, webhookId, 'for update of w');
      const [row] = await queries.query<{ readonly sealed: string }>(
        `update webhook set former_sealed = case when rotation_key is not distinct from $3 then former_sealed else secret_sealed end,
           former_until = case when rotation_key is not distinct from $3 then former_until else $4 end,
           secret_sealed = case when rotation_key is not distinct from $3 then secret_sealed else $2 end, rotation_key = $3
         where id = $1 returning secret_sealed as sealed`,
        [before.id, sealed, requestKey, new Date(now() + rotationMs)],
      );
      return row?.sealed ?? '';
    });
    return await this.#opened(kept, webhookId);
  }

  /** What was or is to be sent there, the latest first. @throws LifecycleRefused WEBHOOK_NOT_FOUND, CURSOR_INVALID */
  async deliveries(partner: string, webhookId: string, { limit, cursor }: PageChoice, state?: DeliveryShown['state']): Promise<Page<DeliveryShown>> {
    const { book } = this.#options;
    await this.#find(book, partner, webhookId);
    const [before] = placeOf(cursor, ['number']) ?? [Number.MAX_SAFE_INTEGER];
    const rows = await book.query<DeliveryRow>(
      `select e.sequence, e.id, e.type, e.occurred_at as "occurredAt", d.state, d.attempts, d.due_at as "dueAt", d.ended_at as "endedAt",
         d.last_status as "lastStatus", d.last_trouble as "lastTrouble"
       from webhook_delivery d join event e on e.sequence = d.event_sequence
       where d.webhook_id = $1 and d.event_sequence < $2 and ($3::text is null or d.state = $3) order by d.event_sequence desc limit $4`,
      [webhookId, before ?? null, state ?? null, limit + 1],
    );
    return pageOf(rows, limit, ({ sequence }) => [sequence], deliveryShown);
  }

  /**
   * Sends events again, or for the first time, in their order.
   * @returns how many
   * @throws LifecycleRefused WEBHOOK_NOT_FOUND, REPLAY_OF_NOTHING
   */
  async replay(partner: string, webhookId: string, { eventIds, sinceMs, deadOnly = false }: ReplayChoice): Promise<number> {
    const { book, now } = this.#options;
    return await book.transaction(async (queries) => {
      const { types } = await this.#find(queries, partner, webhookId);
      if (eventIds === undefined && sinceMs === undefined && !deadOnly) throw new LifecycleRefused(400, 'REPLAY_OF_NOTHING', 'one of eventIds, since and deadOnly says what is sent again');
      const rows = await queries.query(
        `insert into webhook_delivery as d (webhook_id, event_sequence, subject, state, due_at)
         select $1, e.sequence, e.subject, 'waiting', $2 from event e
         where e.partner = $3 and ($4::text[] is null or e.id = any($4)) and ($5::timestamptz is null or e.occurred_at >= $5)
           and ($6::text[] = '{}' or e.type = any($6))
           and (not $7 or exists (select from webhook_delivery o where o.webhook_id = $1 and o.event_sequence = e.sequence and o.state = 'dead'))
         on conflict (webhook_id, event_sequence) do update set state = 'waiting', attempts = 0, due_at = $2, ended_at = null where d.state <> 'waiting'
         returning event_sequence`,
        [webhookId, new Date(now()), partner, eventIds ?? null, sinceMs === undefined ? null : new Date(sinceMs), types, deadOnly],
      );
      await queries.query('update webhook set failures = 0, resting_until = null where id = $1', [webhookId]);
      return rows.length;
    });
  }

  /** Forgets events from before a time whose deliveries have their end. @returns how many; @throws BookUnavailable */
  async prune(beforeMs: number): Promise<number> {
    const pruned = await this.#options.book.query(
      `delete from event where sequence in (
         select sequence from event e where e.occurred_at < $1
           and not exists (select from webhook_delivery d join webhook w on w.id = d.webhook_id where d.event_sequence = e.sequence and d.state = 'waiting' and w.removed_at is null)
         order by sequence limit $2
       ) returning sequence`,
      [new Date(beforeMs), prunedMax],
    );
    return pruned.length;
  }

  #newSecret(): Secret<string> {
    return new Secret(`${secretPrefix}${this.#options.randomBytes(secretBytes).toString('base64')}`);
  }

  async #opened(sealed: string, webhookId: string): Promise<Secret<string>> {
    return new Secret(Buffer.from(await this.#options.desk.openMessage(sealed, webhookId)).toString());
  }

  async #find(queries: Queries, partner: string, webhookId: string, lock = ''): Promise<WebhookRow> {
    const [row] = await queries.query<WebhookRow>(`select ${columns} from webhook w where w.partner = $1 and w.id = $2 and w.removed_at is null ${lock}`, [partner, webhookId]);
    if (row === undefined) throw notFound();
    return row;
  }
}

interface DeliveryRow {
  readonly sequence: number;
  readonly id: string;
  readonly type: EventType;
  readonly occurredAt: Date;
  readonly state: DeliveryShown['state'];
  readonly attempts: number;
  readonly dueAt: Date;
  readonly endedAt: Date | null;
  readonly lastStatus: number | null;
  readonly lastTrouble: string | null;
}

function notFound(): LifecycleRefused {
  return new LifecycleRefused(404, 'WEBHOOK_NOT_FOUND', 'there is no such webhook', 'webhookId');
}

function shown({ id, url, types, createdAt, failures, restingUntil, waiting, dead }: WebhookRow): WebhookShown {
  return { webhookId: id, url, types, createdAt: timeText(createdAt), failures, waiting, dead, ...(restingUntil === null ? {} : { restingUntil: timeText(restingUntil) }) };
}

function deliveryShown(row: DeliveryRow): DeliveryShown {
  return {
    eventId: row.id, type: row.type, occurredAt: timeText(row.occurredAt), state: row.state, attempts: row.attempts,
    ...(row.state === 'waiting' ? { dueAt: timeText(row.dueAt) } : {}),
    ...(row.endedAt === null ? {} : { endedAt: timeText(row.endedAt) }),
    ...(row.lastStatus === null ? {} : { lastStatus: row.lastStatus }),
    ...(row.lastTrouble === null ? {} : { lastTrouble: row.lastTrouble }),
  };
}
