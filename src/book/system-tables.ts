/**
 * System tables: stations, programs, BIN ranges, issuers, currency rates and the system's parameters, as the book holds them; the switch runs on the copy in memory, and
 * starts from a file on its own disk while the book cannot be reached.
 */
import { isDeepStrictEqual } from 'node:util';
import { BookUnavailable, type Book } from './book.ts';
import { CacheRefused, readTableCache, writeTableCache } from './table-cache.ts';
import type { SystemTableKind, SystemTableRow, SystemTableSnapshot } from './table-row.ts';

/** What the configuration says a row is. */
export interface SystemTableSeed {
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface SystemTableChange {
  readonly kind: SystemTableKind;
  readonly name: string;
  /** undefined: it was not there before, or is not any more. */
  readonly before: SystemTableRow | undefined;
  readonly after: SystemTableRow | undefined;
}

export interface SystemTableEvents {
  /** The book could not be read at a refresh; what is loaded stays in force. */
  refreshFailed(error: Error): void;
  cacheWritten(revision: number): void;
  /** The copy on disk could not be written: a start without the book would use an older one or none. */
  cacheFailed(error: Error): void;
}

export interface SystemTablesOptions {
  readonly book: Book;
  /** The copy on this machine's disk. */
  readonly cacheFile: string;
  readonly now: () => number;
  readonly events: SystemTableEvents;
  /** Can the switch run on these? What it cannot is not copied to this disk, where it would be in the way of the next start. */
  readonly judge?: (snapshot: SystemTableSnapshot) => Promise<boolean>;
}

interface StoredRow {
  readonly kind: SystemTableKind;
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly source: SystemTableRow['source'];
}

export class SystemTables {
  readonly #options: SystemTablesOptions;
  #snapshot: SystemTableSnapshot | undefined;

  constructor(options: SystemTablesOptions) {
    this.#options = options;
  }

  /** What is in force. */
  get snapshot(): SystemTableSnapshot {
    if (this.#snapshot === undefined) throw new Error('system tables are loaded before they are used');
    return this.#snapshot;
  }

  /** The rows of a kind, by name. */
  rows(kind: SystemTableKind): readonly SystemTableRow[] {
    return this.snapshot.rows.filter((row) => row.kind === kind);
  }

  /**
   * Reads all tables: from the book, or while that cannot be reached from the copy on disk. `snapshot.from` tells which.
   *
   * @throws BookUnavailable where there is no copy either, or one that cannot be trusted; it says so
   */
  async load(): Promise<SystemTableSnapshot> {
    try {
      await this.#take(await this.#read());
    } catch (error) {
      if (!(error instanceof BookUnavailable)) throw error;
      this.#snapshot = this.#fromCache(error);
    }
    return this.snapshot;
  }

  /**
   * Writes a kind as the configuration has it: adds and changes its rows, and takes away those that an earlier configuration
   * brought and this one does not. What an operator has changed in the book stays. Loaded at the next `load` or `refresh`.
   *
   * @throws BookUnavailable
   */
  async seed(kind: SystemTableKind, rows: readonly SystemTableSeed[]): Promise<void> {
    const names = rows.map((row) => row.name);
    const documents = rows.map((row) => JSON.stringify(row.document));
    await this.#options.book.transaction(async (queries) => {
      // Two switches that start at once would each see the other's rows only afterwards.
      await queries.query('select revision from system_table_revision for update');
      await queries.query(`select set_config('locum.seeding', 'on', true)`);
      const changed = `from unnest($2::text[], $3::text[]) as seed (name, document)
        left join system_table t on t.kind = $1 and t.name = seed.name
        where t.name is null or (t.source = 'configuration' and t.document <> seed.document::jsonb)`;
      const [due] = await queries.query<{ readonly count: number }>(`select count(*) as count ${changed}`, [kind, names, documents]);
      // A statement that changes no row would still raise the revision, and every switch would read the tables again.
      if (due !== undefined && due.count > 0) {
        await queries.query(
          `insert into system_table (kind, name, document, source)
           select $1, seed.name, seed.document::jsonb, 'configuration' ${changed}
           on conflict (kind, name) do update set document = excluded.document`,
          [kind, names, documents],
        );
      }
      const gone = `kind = $1 and source = 'configuration' and not (name = any ($2::text[]))`;
      const [left] = await queries.query<{ readonly count: number }>(`select count(*) as count from system_table where ${gone}`, [kind, names]);
      if (left !== undefined && left.count > 0) await queries.query(`delete from system_table where ${gone}`, [kind, names]);
      await queries.query(`select set_config('locum.seeding', '', true)`);
    });
  }

  /**
   * Looks whether the book's tables have changed, and takes them over where they have. A book that cannot be reached is an
   * event; what is loaded stays in force.
   *
   * @returns what changed since the last load or refresh, by kind and name; empty where nothing did
   */
  async refresh(): Promise<readonly SystemTableChange[]> {
    const before = this.snapshot;
    try {
      if (before.from === 'book' && (await this.#revision()) === before.revision) return [];
      await this.#take(await this.#read());
    } catch (error) {
      if (!(error instanceof BookUnavailable)) throw error;
      this.#options.events.refreshFailed(error);
      return [];
    }
    return changesBetween(before.rows, this.snapshot.rows);
  }

  async #revision(): Promise<number> {
    const [row] = await this.#options.book.query<{ readonly revision: number }>('select revision from system_table_revision');
    return row?.revision ?? 0;
  }

  async #read(): Promise<SystemTableSnapshot> {
    const [revision, rows] = await this.#options.book.transaction(async (queries) => {
      // The lock makes revision and rows those of one moment.
      const [counter] = await queries.query<{ readonly revision: number }>('select revision from system_table_revision for share');
      const found = await queries.query<StoredRow>('select kind, name, document, source from system_table order by kind, name');
      return [counter?.revision ?? 0, found] as const;
    });
    return { revision, rows, from: 'book', readAtMs: this.#options.now() };
  }

  async #take(snapshot: SystemTableSnapshot): Promise<void> {
    this.#snapshot = snapshot;
    const { cacheFile, events, judge } = this.#options;
    if (judge !== undefined && !(await judge(snapshot))) return;
    try {
      await writeTableCache(cacheFile, snapshot);
      events.cacheWritten(snapshot.revision);
    } catch (error) {
      events.cacheFailed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fromCache(outage: BookUnavailable): SystemTableSnapshot {
    try {
      return readTableCache(this.#options.cacheFile);
    } catch (error) {
      if (!(error instanceof CacheRefused)) throw error;
      throw new BookUnavailable(`${outage.message}; and the system tables kept on this disk cannot be used: ${error.message}`, { cause: outage });
    }
  }
}

/** What has to be done to make the one into the other; documents are compared by what they say, not by the order of their keys. */
export function changesBetween(before: readonly SystemTableRow[], after: readonly SystemTableRow[]): readonly SystemTableChange[] {
  const idOf = (row: SystemTableRow): string => `${row.kind}/${row.name}`;
  const rest = new Map(before.map((row) => [idOf(row), row]));
  const changes: SystemTableChange[] = [];
  for (const row of after) {
    const earlier = rest.get(idOf(row));
    rest.delete(idOf(row));
    if (earlier === undefined || !isDeepStrictEqual(earlier.document, row.document)) {
      changes.push({ kind: row.kind, name: row.name, before: earlier, after: row });
    }
  }
  for (const row of rest.values()) changes.push({ kind: row.kind, name: row.name, before: row, after: undefined });
  return changes;
}
