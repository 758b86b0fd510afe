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
import { cursorOf, pageOf, placeOf } from './page.ts';
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

/** Where a look at the chain stopped. */
export interface AuditPlace {
  readonly number: number;
  readonly digest: string;
}

interface EntryRow {
  readonly number: number; readonly at: Date; readonly actor: string; readonly role: string; readonly action: string; readonly target: string; readonly outcome: string; readonly request_id: string;
  readonly digest: string;
}

const columns = 'number, at, actor, role, action, target, outcome, request_id, digest';
/** Longer values are nobody's ids. */
const textMax = 200;
const verifiedAtOnce = 1_000;
/** Entries that one call looks at: a log of any length is gone through in calls that each take a moment. */
export const verifiedPerCall = 10_000;
export const searchedPerCall = 50_000;
const beginning: AuditPlace = { number: 0, digest: '' };

/** Enters what happened, after all that is there; within the transaction that did it, both or neither are in the book. @throws BookUnavailable */
export async function enterAudit(queries: Queries, fact: AuditFact): Promise<void> {
  const [head] = await queries.query<AuditPlace>('select number, digest from audit_head for update');
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

  /** The last first. Of a choice among them, a page goes through `searchedPerCall` at most, and may have fewer than were asked for, or none. @throws LifecycleRefused, BookUnavailable */
  async list({ actor, target, action, limit, cursor }: AuditChoice): Promise<Page<AuditEntry>> {
    const [before] = placeOf(cursor, ['number']) ?? [];
    const isChoice = actor !== undefined || target !== undefined || action !== undefined;
    const floor = isChoice ? Math.max(1, Math.min(Number(before ?? Infinity), (await headOf(this.#book)).number + 1) - searchedPerCall) : 1;
    const rows = await this.#book.query<EntryRow>(
      `select ${columns} from audit_entry where ($1::bigint is null or number < $1) and number >= $6 and ($2::text is null or actor = $2) and ($3::text is null or action = $3)
         and ($4::text is null or exists (select 1 from jsonb_each_text(target::jsonb) where value = $4))
       order by number desc limit $5`,
      [before ?? null, actor ?? null, action ?? null, target ?? null, limit + 1, floor],
    );
    const page = pageOf(rows, limit, ({ number }) => [number], entryOf);
    return page.nextCursor === undefined && floor > 1 ? { ...page, nextCursor: cursorOf([floor]) } : page;
  }

  /**
   * Goes on from where the look before stopped, through `verifiedPerCall` entries at most.
   * @returns besides, the last entry's digest: written down elsewhere, it proves later that nothing before was changed; and a cursor, where there is more
   * @throws LifecycleRefused CURSOR_INVALID, BookUnavailable
   */
  async verify(cursor?: string): Promise<AuditVerdict & { readonly nextCursor?: string }> {
    const [number = 0, digest = ''] = placeOf(cursor, ['number', 'string']) ?? [];
    const { isDone, ...verdict } = await verifyAuditFrom(this.#book, { number: Math.max(0, Number(number)), digest: String(digest) }, verifiedPerCall);
    return isDone ? verdict : { ...verdict, nextCursor: cursorOf([verdict.entries, verdict.digest]) };
  }
}

async function headOf(book: Queries): Promise<AuditPlace> {
  const [head = beginning] = await book.query<AuditPlace>('select number, digest from audit_head');
  return head;
}

/** Goes through all of it, as far as it was when it began. @returns the first that is wrong, and how many entries were looked at @throws BookUnavailable */
export async function verifyAudit(book: Queries): Promise<AuditVerdict> {
  const { entries, digest, broken } = await verifyAuditFrom(book, beginning, Infinity);
  return { entries, digest, broken };
}

/** @param from an entry that is right, with its digest @param most to look at @returns `isDone` where nothing is left to look at */
async function verifyAuditFrom(book: Queries, from: AuditPlace, most: number): Promise<AuditVerdict & { readonly isDone: boolean }> {
  // First: what is entered meanwhile comes after it.
  const head = await headOf(book);
  let last = from;
  const found = (broken?: AuditBreak, isDone = true): AuditVerdict & { readonly isDone: boolean } => ({ entries: last.number, digest: last.digest, broken, isDone });
  while (last.number < head.number) {
    if (last.number - from.number >= most) return found(undefined, false);
    const rows = await book.query<EntryRow>(`select ${columns} from audit_entry where number > $1 and number <= $2 order by number limit ${verifiedAtOnce}`, [last.number, head.number]);
    if (rows.length === 0) return found({ number: last.number + 1, why: 'missing' });
    for (const row of rows) {
      if (row.number !== last.number + 1) return found({ number: last.number + 1, why: 'missing' });
      if (row.digest !== digestOf(last.digest, row)) return found({ number: row.number, why: 'changed' });
      last = row;
    }
  }
  const beyond = await book.query('select from audit_entry where number > (select number from audit_head) limit 1');
  return found(last.digest === head.digest && beyond.length === 0 ? undefined : { number: head.number, why: 'head' });
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
