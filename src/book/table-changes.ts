/**
 * Changes to the system tables by operators, and the history of all changes, whoever made them.
 *
 * Refuses a change to a row that is no longer what it was when the change was thought of. Invariants: a change is whole or not made,
 * and is in the history with who, when and why in the same transaction; a row that is again what the configuration last said is the
 * configuration's again, and follows it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Book, Queries } from './book.ts';
import type { SystemTableKind, SystemTableRow } from './table-row.ts';

export type TableDocument = SystemTableRow['document'];

export interface TableRowNow extends SystemTableRow {
  /** Unix ms. */
  readonly changedAtMs: number;
  /** Of an issuer: the highest version that its rules have had; 0: none had one. */
  readonly rulesVersion: number;
}

export interface TableWish {
  readonly kind: SystemTableKind;
  readonly name: string;
  /** What it was when the change was thought of; undefined: not there. */
  readonly before: TableDocument | undefined;
  /** Undefined: it is to go. */
  readonly after: TableDocument | undefined;
}

export interface TableHistoryEntry {
  /** Rises with each change; from 1. */
  readonly number: number;
  /** Unix ms. */
  readonly changedAtMs: number;
  readonly changedBy: string;
  readonly why: string;
  readonly kind: SystemTableKind;
  readonly name: string;
  readonly before: TableDocument | undefined;
  readonly after: TableDocument | undefined;
}

/** All rows, by kind and name. @throws BookUnavailable */
export async function readTableRows(book: Book): Promise<readonly TableRowNow[]> {
  const rows = await book.query<{ readonly kind: SystemTableKind; readonly name: string; readonly document: TableDocument; readonly source: TableRowNow['source']; readonly changed_at: Date; readonly rules: number | null }>(
    `select kind, name, document, source, changed_at, case when kind = 'issuer' then system_table_rules_number(name) end as rules
     from system_table order by kind, name`,
  );
  return rows.map(({ kind, name, document, source, changed_at: changedAt, rules }) => ({ kind, name, document, source, changedAtMs: changedAt.getTime(), rulesVersion: rules ?? 0 }));
}

/**
 * Makes the changes, all of them or none.
 *
 * @returns the first row that is not what it was; undefined: they are made
 * @throws BookUnavailable, where nobody can tell whether they were made
 */
export async function changeTableRows(book: Book, wishes: readonly TableWish[], by: string, why: string): Promise<TableWish | undefined> {
  return await book.transaction(async (queries) => {
    // One change at a time: what is compared here stands until the end.
    await queries.query('select revision from system_table_revision for update');
    for (const wish of wishes) if (!isDeepStrictEqual(await documentOf(queries, wish), wish.before)) return wish;
    await queries.query(`select set_config('locum.by', $1, true), set_config('locum.why', $2, true)`, [by, why]);
    for (const wish of wishes) await make(queries, wish);
    return undefined;
  });
}

async function documentOf(queries: Queries, { kind, name }: TableWish): Promise<TableDocument | undefined> {
  const [row] = await queries.query<{ readonly document: TableDocument }>('select document from system_table where kind = $1 and name = $2', [kind, name]);
  return row?.document;
}

async function make(queries: Queries, { kind, name, before, after }: TableWish): Promise<void> {
  if (after === undefined) {
    await queries.query('delete from system_table where kind = $1 and name = $2', [kind, name]);
    return;
  }
  const isConfigured = isDeepStrictEqual(await configuredDocument(queries, kind, name), after);
  await queries.query(`select set_config('locum.seeding', $1, true)`, [isConfigured ? 'on' : '']);
  // An insert that becomes an update would go through the triggers of both.
  const statement = before === undefined
    ? 'insert into system_table (kind, name, document, source) values ($1, $2, $3::jsonb, $4)'
    : 'update system_table set document = $3::jsonb, source = $4 where kind = $1 and name = $2';
  await queries.query(statement, [kind, name, JSON.stringify(after), isConfigured ? 'configuration' : 'operator']);
  await queries.query(`select set_config('locum.seeding', '', true)`);
}

/** What the configuration last said of the row; undefined: it does not have it. */
async function configuredDocument(queries: Queries, kind: SystemTableKind, name: string): Promise<TableDocument | undefined> {
  const [entry] = await queries.query<{ readonly after: TableDocument | null }>(
    `select after from system_table_history where kind = $1 and name = $2 and changed_by = 'configuration' order by number desc limit 1`, [kind, name],
  );
  return entry?.after ?? undefined;
}

/** The latest changes, the last one first. @throws BookUnavailable */
export async function readTableHistory(book: Book, { kind, name, limit }: { readonly kind?: SystemTableKind | undefined; readonly name?: string | undefined; readonly limit: number }): Promise<readonly TableHistoryEntry[]> {
  interface Stored {
    readonly number: number; readonly changed_at: Date; readonly changed_by: string; readonly why: string; readonly kind: SystemTableKind; readonly name: string;
    readonly before: TableDocument | null; readonly after: TableDocument | null;
  }
  const rows = await book.query<Stored>(
    `select number, changed_at, changed_by, why, kind, name, before, after from system_table_history
     where ($1::text is null or kind = $1) and ($2::text is null or name = $2) order by number desc limit $3`,
    [kind ?? null, name ?? null, limit],
  );
  return rows.map(({ changed_at: changedAt, changed_by: changedBy, before, after, ...rest }) => ({
    ...rest, changedAtMs: changedAt.getTime(), changedBy, before: before ?? undefined, after: after ?? undefined,
  }));
}
