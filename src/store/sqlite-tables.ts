/**
 * Moves what chunks hold into the tables, a slice beside each turn's commits, so that no turn pays for many others; and
 * takes away, in bits as small, what is no longer wanted: records and guards beyond their time, chunks that the book has.
 * It holds that a chunk is only taken away after the tables have all of it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Generation, type GuardChange, type RecordChange, type SqliteScope } from './sqlite-scope.ts';
import type { Head } from './store.ts';

/** Changes that a generation gathers before it goes to the tables: more save writes, and cost memory and time to open. */
export const generationChangesUsual = 32_768;

/** A turn moves this many times the changes that it made: a sealed generation is gone before the next one is full. */
const slicePerChange = 2;

/** A turn writes a few chunks for a scope at most, so this many keep up; a trim names about a thousand entries. */
const chunksPerTurn = 16;
const chunksPerTrim = 1_024;

/** Records that a turn looks at for their time, at least. */
const sweepRowsMin = 64;

type Change =
  | { readonly table: 0; readonly scope: number; readonly id: string; readonly head: Head }
  | { readonly table: 1; readonly scope: number; readonly id: string; readonly record: RecordChange | undefined }
  | { readonly table: 2; readonly scope: number; readonly id: string; readonly guard: GuardChange };

export class TableWriter {
  readonly #generationChanges: number;
  readonly #putHead: StatementSync;
  readonly #putRecord: StatementSync;
  readonly #deleteRecord: StatementSync;
  readonly #putGuard: StatementSync;
  readonly #putTrimmed: StatementSync;
  readonly #putApplied: StatementSync;
  readonly #getApplied: StatementSync;
  readonly #sweepEnd: StatementSync;
  readonly #sweep: StatementSync;
  readonly #sweepGuards: StatementSync;
  readonly #dropChunks: StatementSync;
  #applied = 0;
  #sealedThrough = 0;
  #freshChanges = 0;
  #sealed: Change[] = [];
  #sealedNext = 0;
  #moving = false;
  /** The record up to which the present round has looked for what may be forgotten. */
  #sweptTo = 0;
  /** Scopes that may have chunks to take away. */
  readonly #dropping = new Set<SqliteScope>();

  constructor(database: DatabaseSync, generationChanges: number) {
    this.#generationChanges = generationChanges;
    this.#putHead = database.prepare(
      'INSERT INTO head VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value',
    );
    this.#putRecord = database.prepare(
      `INSERT INTO record (scope, id, value, keep_until, due_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value, keep_until = excluded.keep_until, due_at = excluded.due_at`,
    );
    this.#deleteRecord = database.prepare('DELETE FROM record WHERE scope = ? AND id = ?');
    this.#putGuard = database.prepare(
      `INSERT INTO guard (scope, id, value, keep_until) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value, keep_until = excluded.keep_until`,
    );
    this.#putTrimmed = database.prepare('INSERT INTO trimmed VALUES (?, ?) ON CONFLICT DO UPDATE SET through = excluded.through');
    this.#putApplied = database.prepare(
      `INSERT INTO setting VALUES ('applied', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
    );
    this.#getApplied = database.prepare(`SELECT value FROM setting WHERE name = 'applied'`);
    this.#sweepEnd = database.prepare('SELECT record FROM record WHERE record > ? ORDER BY record LIMIT 1 OFFSET ?');
    this.#sweep = database.prepare('DELETE FROM record WHERE record > ? AND record <= ? AND keep_until < ?');
    this.#sweepGuards = database.prepare(
      'DELETE FROM guard WHERE (scope, id) IN (SELECT scope, id FROM guard WHERE keep_until < ? ORDER BY keep_until LIMIT ?)',
    );
    this.#dropChunks = database.prepare(
      'DELETE FROM chunk WHERE chunk IN (SELECT chunk FROM chunk WHERE scope = ? AND last <= ? AND chunk <= ? LIMIT ?)',
    );
  }

  /** Forgets what was on its way. @returns the last chunk that the tables have whole */
  load(): number {
    this.#applied = (this.#getApplied.get()?.['value'] as number | undefined) ?? 0;
    this.#sealed = [];
    this.#sealedNext = 0;
    this.#freshChanges = 0;
    this.#moving = false;
    this.#dropping.clear();
    return this.#applied;
  }

  /** The turn's share of the work, where it made `changes` changes and `chunkLast` is its last chunk. */
  advance(scopes: ReadonlyMap<number, SqliteScope>, changes: number, chunkLast: number, nowMs: number): void {
    this.#freshChanges += changes;
    const slice = changes * slicePerChange;
    if (this.#moving) this.#apply(scopes, slice);
    else if (this.#freshChanges >= this.#generationChanges) this.#seal(scopes, chunkLast);
    this.#forget(nowMs, Math.max(slice, sweepRowsMin));
    for (const scope of this.#dropping) this.#drop(scope, chunksPerTurn);
  }

  trim(scope: SqliteScope): void {
    this.#putTrimmed.run(scope.scope, scope.trimmedThrough);
    this.#drop(scope, chunksPerTrim);
  }

  /** Brings the tables up to `chunkLast`, however long it takes. */
  settle(scopes: ReadonlyMap<number, SqliteScope>, chunkLast: number): void {
    if (this.#moving) this.#apply(scopes, Infinity);
    this.#seal(scopes, chunkLast);
    this.#apply(scopes, Infinity);
    for (const scope of this.#dropping) this.#drop(scope, Infinity);
  }

  #seal(scopes: ReadonlyMap<number, SqliteScope>, chunkLast: number): void {
    for (const scope of scopes.values()) {
      if (scope.fresh.size === 0) continue;
      scope.sealed = scope.fresh;
      scope.fresh = new Generation();
      this.#collect(scope.scope, scope.sealed);
    }
    this.#sealed.sort(compareChanges);
    this.#sealedThrough = chunkLast;
    this.#freshChanges = 0;
    this.#moving = true;
  }

  #collect(scope: number, { heads, records, guards }: Generation): void {
    for (const [id, head] of heads) this.#sealed.push({ table: 0, scope, id, head });
    for (const [id, record] of records) this.#sealed.push({ table: 1, scope, id, record });
    for (const [id, guard] of guards) this.#sealed.push({ table: 2, scope, id, guard });
  }

  #apply(scopes: ReadonlyMap<number, SqliteScope>, most: number): void {
    const end = Math.min(this.#sealed.length, this.#sealedNext + most);
    for (; this.#sealedNext < end; this.#sealedNext += 1) {
      const change = this.#sealed[this.#sealedNext];
      if (change !== undefined) this.#write(change);
    }
    if (this.#sealedNext < this.#sealed.length) return;
    this.#sealed = [];
    this.#sealedNext = 0;
    this.#moving = false;
    this.#applied = this.#sealedThrough;
    this.#putApplied.run(this.#applied);
    for (const scope of scopes.values()) {
      scope.sealed = undefined;
      this.#dropping.add(scope);
    }
  }

  #write(change: Change): void {
    const { scope, id } = change;
    if (change.table === 0) {
      this.#putHead.run(scope, id, change.head.version, change.head.value);
    } else if (change.table === 2) {
      this.#putGuard.run(scope, id, change.guard.value, change.guard.keepUntilMs ?? null);
    } else if (change.record === undefined) {
      this.#deleteRecord.run(scope, id);
    } else {
      const { value, keepUntilMs, dueAtMs } = change.record;
      // What is due is not forgotten, so it has no time of its own to be found by the sweep.
      this.#putRecord.run(scope, id, value, dueAtMs === undefined ? (keepUntilMs ?? null) : null, dueAtMs ?? null);
    }
  }

  /**
   * Looks at the next `rows` records, around and around, and takes as many guards. An index over their times would find them at once, and cost every
   * record a third of what it costs; so a third as many as are wanted may be waiting to be forgotten.
   */
  #forget(nowMs: number, rows: number): void {
    const end = this.#sweepEnd.get(this.#sweptTo, rows)?.['record'] as number | undefined;
    this.#sweep.run(this.#sweptTo, end ?? Number.MAX_SAFE_INTEGER, nowMs);
    this.#sweptTo = end ?? 0;
    this.#sweepGuards.run(nowMs, rows);
  }

  #drop(scope: SqliteScope, most: number): void {
    const limit = most === Infinity ? -1 : most;
    const { changes } = this.#dropChunks.run(scope.scope, scope.trimmedThrough, this.#applied, limit);
    if (Number(changes) === limit) this.#dropping.add(scope);
    else this.#dropping.delete(scope);
  }
}

function compareChanges(a: Change, b: Change): number {
  if (a.table !== b.table) return a.table - b.table;
  if (a.scope !== b.scope) return a.scope - b.scope;
  return a.id < b.id ? -1 : 1;
}
