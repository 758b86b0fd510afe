/**
 * Work that is done after its caller was answered: a row in the book, and whichever process is there does it.
 *
 * Owns the rows and who is at which. Refuses to end a job for a process that lost its lease. Invariants: a job that was added in a
 * transaction is done if that was committed, whatever is killed; at most one process has its lease; a handler may be begun again after
 * it was killed, so that what it does it does once by the job's id.
 */
import { BookUnavailable } from '../book/book.ts';
import type { Book, Queries } from '../book/book.ts';
import { eventId } from '../book/events.ts';
import { backoffMs } from './backoff.ts';
import { tell } from './events.ts';
import { timeText } from './json.ts';
import { LifecycleRefused } from './refusal.ts';

export interface NewJob {
  /** `j_…`; the same id is the same job. */
  readonly id: string;
  readonly kind: string;
  /** Whose webhooks are told of its end; undefined: nobody's. */
  readonly partner: string | undefined;
  /** Id of the user that it is for; empty: of none. */
  readonly owner: string;
  /** For the handler; it goes through JSON. What is secret in it is sealed. */
  readonly input: unknown;
  /** Unix ms. */
  readonly atMs: number;
}

/** A job as its handler gets it. */
export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly partner: string | undefined;
  readonly owner: string;
  readonly input: unknown;
  /** This attempt's number, from 1. */
  readonly attempt: number;
}

export type JobEnd =
  /** @property result shown to whom the job is for, and told: no card number, CVV or PIN */
  | { readonly kind: 'done'; readonly result: unknown }
  /** It may succeed later. @property trouble a sentence @property waits for what is away: it is tried for as long as that is */
  | { readonly kind: 'again'; readonly trouble: string; readonly waits?: true }
  | { readonly kind: 'failed'; readonly trouble: string };

/** Does one job in less than the lease, 60 s. What it throws counts as `again`. */
export type JobHandler = (job: Job) => Promise<JobEnd>;

/** A job as the doors show it. */
export interface JobShown {
  readonly jobId: string;
  readonly kind: string;
  readonly state: 'waiting' | 'done' | 'failed';
  readonly attempts: number;
  readonly madeAt: string;
  readonly endedAt?: string;
  readonly result?: unknown;
  readonly trouble?: string;
}

export interface JobsOptions {
  readonly book: Book;
  /** Unix ms. */
  readonly now: () => number;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  /** Of one job, unless it waits for what is away; 20 where not given. */
  readonly attemptsMax?: number;
}

interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly partner: string | null;
  readonly owner: string;
  readonly input: string;
  readonly state: JobShown['state'];
  readonly attempts: number;
  readonly lease: number;
  readonly result: string | null;
  readonly trouble: string | null;
  readonly madeAt: Date;
  readonly endedAt: Date | null;
}

const columns = 'id, kind, partner, owner, input, state, attempts, lease, result, trouble, made_at as "madeAt", ended_at as "endedAt"';
const leaseMs = 60_000;
const claimMax = 8;
const prunedMax = 1_000;
const attemptsMaxByDefault = 20;
const pauses = { firstMs: 1_000, mostMs: 600_000 };

/** Adds a job with the transaction that it belongs to; a second time it is there already. */
export async function addJob(queries: Queries, { id, kind, partner, owner, input, atMs }: NewJob): Promise<void> {
  await queries.query(
    `insert into job (id, kind, partner, owner, input, state, due_at, made_at) values ($1, $2, $3, $4, $5, 'waiting', $6, $6) on conflict (id) do nothing`,
    [id, kind, partner ?? null, owner, JSON.stringify(input ?? null), new Date(atMs)],
  );
}

/** @throws LifecycleRefused 404 where there is none, or it is for somebody else */
export async function readJob(queries: Queries, jobId: string, whose: { readonly partner: string; readonly owner?: string }): Promise<JobShown> {
  const [row] = await queries.query<JobRow>(`select ${columns} from job where id = $1`, [jobId]);
  if (row === undefined || row.partner !== whose.partner || (whose.owner !== undefined && row.owner !== whose.owner)) {
    throw new LifecycleRefused(404, 'JOB_NOT_FOUND', 'there is no such job', 'jobId');
  }
  return shown(row);
}

/** Forgets jobs that had their end before a time. @returns how many; @throws BookUnavailable */
export async function pruneJobs(queries: Queries, beforeMs: number): Promise<number> {
  const pruned = await queries.query('delete from job where id in (select id from job where ended_at < $1 limit $2) returning id', [new Date(beforeMs), prunedMax]);
  return pruned.length;
}

function shown(row: JobRow): JobShown {
  return {
    jobId: row.id, kind: row.kind, state: row.state, attempts: row.attempts, madeAt: timeText(row.madeAt),
    ...(row.endedAt === null ? {} : { endedAt: timeText(row.endedAt) }),
    ...(row.result === null ? {} : { result: JSON.parse(row.result) as unknown }),
    ...(row.trouble === null ? {} : { trouble: row.trouble }),
  };
}

export class Jobs {
  readonly #options: JobsOptions;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  /** Does what is due now. @returns how many were begun; @throws BookUnavailable */
  async runDue(): Promise<number> {
    const { book, now, handlers } = this.#options;
    const atMs = now();
    const claimed = await book.query<JobRow>(
      `update job set leased_until = $2, lease = lease + 1, attempts = attempts + 1 where id in (
         select id from job where state = 'waiting' and due_at <= $1 and (leased_until is null or leased_until <= $1) and kind = any($3::text[])
         order by due_at limit $4 for update skip locked
       ) returning ${columns}`,
      [new Date(atMs), new Date(atMs + leaseMs), Object.keys(handlers), claimMax],
    );
    await Promise.all(claimed.map(async (row) => await this.#run(row)));
    return claimed.length;
  }

  async #run(row: JobRow): Promise<void> {
    const { attemptsMax = attemptsMaxByDefault } = this.#options;
    let end = await this.#attempt(row);
    if (end.kind === 'again' && end.waits !== true && row.attempts >= attemptsMax) end = { kind: 'failed', trouble: end.trouble };
    await (end.kind === 'again' ? this.#postpone(row, end.trouble) : this.#end(row, end));
  }

  async #attempt(row: JobRow): Promise<JobEnd> {
    const { id, kind, partner, owner, attempts } = row;
    const handler = this.#options.handlers[kind];
    if (handler === undefined) return { kind: 'again', trouble: 'nobody here does such jobs' };
    try {
      return await handler({ id, kind, partner: partner ?? undefined, owner, input: JSON.parse(row.input) as unknown, attempt: attempts });
    } catch (error) {
      // What is refused by a rule stays refused. What could not be asked is asked again, and may have been done already: that it failed is not to be said.
      if (error instanceof LifecycleRefused && error.status !== 503) return { kind: 'failed', trouble: `${error.code}: ${error.message}` };
      const isAway = error instanceof LifecycleRefused || error instanceof BookUnavailable;
      return { kind: 'again', trouble: error instanceof Error ? error.message : String(error), ...(isAway ? { waits: true } : {}) };
    }
  }

  async #postpone({ id, lease, attempts }: JobRow, trouble: string): Promise<void> {
    const { book, now, random } = this.#options;
    const dueAt = new Date(now() + backoffMs(attempts, pauses, random()));
    await book.query(`update job set leased_until = null, due_at = $3, trouble = $4 where id = $1 and lease = $2 and state = 'waiting'`, [id, lease, dueAt, trouble]);
  }

  async #end({ id, kind, partner, owner, lease }: JobRow, end: Exclude<JobEnd, { kind: 'again' }>): Promise<void> {
    const { book, now } = this.#options;
    const atMs = now();
    const result = end.kind === 'done' ? JSON.stringify(end.result ?? null) : null;
    await book.transaction(async (queries) => {
      const ended = await queries.query(
        `update job set state = $3, result = $4, trouble = $5, ended_at = $6, leased_until = null where id = $1 and lease = $2 and state = 'waiting' returning id`,
        [id, lease, end.kind, result, end.kind === 'failed' ? end.trouble : null, new Date(atMs)],
      );
      if (ended.length === 0 || partner === null) return;
      const type = end.kind === 'done' ? 'job.done' : 'job.failed';
      const told = end.kind === 'done' ? { result: end.result ?? null } : { trouble: end.trouble };
      const job = { id, kind, state: end.kind.toUpperCase(), ...(owner === '' ? {} : { userId: owner }), ...told };
      await tell(queries, { id: eventId(id, type), partner, type, subject: id, atMs, content: { job } });
    });
  }
}
