/**
 * The audit log: what staff and operators did or wanted to do, each entry chained to the one before it.
 *
 *   digest(n) = SHA-256( digest(n-1) + JSON of entry n )        the head keeps the last number and digest
 *
 * Refuses to change or take out what is there (the table does, and the chain shows it where somebody went round the table). Invariants: numbers have
 * no gap; no secret and no personal datum is in an entry, only ids, codes and times.
 */
import { createHash } from 'node:crypto';
import { holdsCardNumber, maskText } from '../base/mask.ts';
import type { Book, Queries } from '../book/book.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';

export interface AuditFact {
  /** Id of staff, or `operator:` and a name. */
  readonly actor: string;
  readonly role: string;
  /** What was to be done: a route's operation id, or an operator's operation. */
  readonly action: string;
  /** What it was done to: ids. */
  readonly target: Readonly<Record<string, string>>;
  /** `begun`, then `done` or the code that it was refused with; `begun` alone: it was cut off, and may have been done. */
  readonly outcome: string;
  readonly requestId: string;
  /** Unix ms. */
  readonly atMs: number;
}

export interface AuditEntry extends AuditFact {
  /** From 1. */
  readonly number: number;
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
}

export interface AuditChoice extends PageChoice {
  readonly actor?: string | undefined;
  /** One of the target's ids. */
  readonly target?: string | undefined;
  readonly action?: string | undefined;
}

/** What is wrong with the chain, first of all. */
export interface AuditBreak {
  readonly number: number;
  readonly why: 'changed' | 'missing' | 'head';
}

export interface AuditVerdict {
  /** How many are right, from the first on. */
  readonly entries: number;
  /** Of the last of them; empty: there is none. */
  readonly digest: string;
  readonly broken: AuditBreak | undefined;
}

interface EntryRow {
  readonly number: number; readonly at: Date; readonly actor: string; readonly role: string; readonly action: string; readonly target: string; readonly outcome: string; readonly request_id: string;
  readonly digest: string;
}

interface Head {
  readonly number: number;
  readonly digest: string;
}

const columns = 'number, at, actor, role, action, target, outcome, request_id, digest';
/** Longer values are nobody's ids. */
const textMax = 200;
const verifiedAtOnce = 1_000;

/** Enters what happened, after all that is there; within the transaction that did it, both or neither are in the book. @throws BookUnavailable */
export async function enterAudit(queries: Queries, fact: AuditFact): Promise<void> {
  const [head] = await queries.query<Head>('select number, digest from audit_head for update');
  const row = { ...rowOf(fact), number: (head?.number ?? 0) + 1 };
  await queries.query(
    `insert into audit_entry (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [row.number, row.at, row.actor, row.role, row.action, row.target, row.outcome, row.request_id, digestOf(head?.digest ?? '', row)],
  );
}

export class Audit {
  readonly #book: Book;

  constructor(book: Book) {
    this.#book = book;
  }

  /** Resolves when it is in the book. @throws BookUnavailable */
  async record(fact: AuditFact): Promise<void> {
    await this.#book.transaction(async (queries) => await enterAudit(queries, fact));
  }

  /** The last first. @throws LifecycleRefused, BookUnavailable */
  async list({ actor, target, action, limit, cursor }: AuditChoice): Promise<Page<AuditEntry>> {
    const [before] = placeOf(cursor, ['number']) ?? [];
    const rows = await this.#book.query<EntryRow>(
      `select ${columns} from audit_entry where ($1::bigint is null or number < $1) and ($2::text is null or actor = $2) and ($3::text is null or action = $3)
         and ($4::text is null or exists (select 1 from jsonb_each_text(target::jsonb) where value = $4))
       order by number desc limit $5`,
      [before ?? null, actor ?? null, action ?? null, target ?? null, limit + 1],
    );
    return pageOf(rows, limit, ({ number }) => [number], entryOf);
  }

  /** Goes through all of it. @returns besides, the last entry's digest: written down elsewhere, it proves later that nothing before was changed @throws BookUnavailable */
  async verify(): Promise<AuditVerdict> {
    return await verifyAudit(this.#book);
  }
}

/** Goes through all of it. @returns the first that is wrong, and how many entries were looked at @throws BookUnavailable */
export async function verifyAudit(book: Queries): Promise<AuditVerdict> {
  // First: what is entered meanwhile comes after it.
  const [head = { number: 0, digest: '' }] = await book.query<Head>('select number, digest from audit_head');
  let last: Head = { number: 0, digest: '' };
  while (last.number < head.number) {
    const rows = await book.query<EntryRow>(`select ${columns} from audit_entry where number > $1 and number <= $2 order by number limit ${verifiedAtOnce}`, [last.number, head.number]);
    if (rows.length === 0) return { entries: last.number, digest: last.digest, broken: { number: last.number + 1, why: 'missing' } };
    for (const row of rows) {
      if (row.number !== last.number + 1) return { entries: last.number, digest: last.digest, broken: { number: last.number + 1, why: 'missing' } };
      if (row.digest !== digestOf(last.digest, row)) return { entries: last.number, digest: last.digest, broken: { number: row.number, why: 'changed' } };
      last = row;
    }
  }
  const [{ beyond } = { beyond: 0 }] = await book.query<{ readonly beyond: number }>(
    'select count(*)::integer as beyond from audit_entry where number > (select number from audit_head)',
  );
  return { entries: last.number, digest: last.digest, broken: last.digest === head.digest && beyond === 0 ? undefined : { number: head.number, why: 'head' } };
}

function rowOf({ actor, role, action, target, outcome, requestId, atMs }: AuditFact): Omit<EntryRow, 'number' | 'digest'> {
  const sorted = Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, textOf(value)]);
  return { at: new Date(atMs), actor: actor.slice(0, textMax), role, action, target: JSON.stringify(Object.fromEntries(sorted)), outcome, request_id: requestId.slice(0, textMax) };
}

/** What is no id may have been written by anybody; an id that looks like a number of a card by chance stays what it is. */
function textOf(value: string): string {
  return (holdsCardNumber(value) ? maskText(value) : value).slice(0, textMax);
}

function digestOf(before: string, { number, at, actor, role, action, target, outcome, request_id: requestId }: Omit<EntryRow, 'digest'>): string {
  return createHash('sha256').update(before).update(JSON.stringify([number, at.toISOString(), actor, role, action, target, outcome, requestId])).digest('hex');
}

function entryOf({ number, at, actor, role, action, target, outcome, request_id: requestId, digest }: EntryRow): AuditEntry {
  return { number, atMs: at.getTime(), actor, role, action, target: JSON.parse(target) as Readonly<Record<string, string>>, outcome, requestId, digest };
}
