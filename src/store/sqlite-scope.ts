/**
 * One partition under one epoch in a SQLite file, as the owner thread sees it: the tables, and above them what is in chunks
 * but not yet in the tables.
 *
 *     commit --> fresh --seal--> sealed --slice by slice--> tables
 *
 * A read asks fresh, then sealed, then the tables. Writing the tables for every commit would write one page for each head
 * and each record, sixteen times what changed; a sealed generation holds thousands of changes, is written in the order of
 * the tables' keys, and holds an account once however often it changed.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { StoreView } from './judge.ts';
import type { CommitItem, DueRecord, Head, RecordPut } from './store.ts';

export interface RecordChange {
  readonly value: string;
  readonly keepUntilMs: number | undefined;
  readonly dueAtMs: number | undefined;
}

export interface GuardChange {
  readonly value: number;
  readonly keepUntilMs: number | undefined;
}

/** Changes on their way to the tables. A record that was deleted is there as undefined. */
export class Generation {
  readonly heads = new Map<string, Head>();
  readonly records = new Map<string, RecordChange | undefined>();
  readonly guards = new Map<string, GuardChange>();

  get size(): number {
    return this.heads.size + this.records.size + this.guards.size;
  }
}

export class ScopeReads {
  readonly head: StatementSync;
  readonly record: StatementSync;
  readonly guard: StatementSync;
  readonly due: StatementSync;

  constructor(database: DatabaseSync) {
    this.head = database.prepare('SELECT version, value FROM head WHERE scope = ? AND id = ?');
    this.record = database.prepare('SELECT value FROM record WHERE scope = ? AND id = ?');
    this.guard = database.prepare('SELECT value, keep_until FROM guard WHERE scope = ? AND id = ?');
    this.due = database.prepare(
      'SELECT id, due_at FROM record WHERE scope = ? AND due_at <= ? AND due_at IS NOT NULL ORDER BY due_at, id',
    );
  }
}

export class SqliteScope implements StoreView {
  /** The key's first column. */
  readonly scope: number;
  journalLast: number;
  trimmedThrough: number;
  fresh = new Generation();
  sealed: Generation | undefined;
  readonly #reads: ScopeReads;

  constructor(scope: number, reads: ScopeReads, journalLast: number, trimmedThrough: number) {
    this.scope = scope;
    this.#reads = reads;
    this.journalLast = journalLast;
    this.trimmedThrough = trimmedThrough;
  }

  head(accountId: string): Head | undefined {
    const changed = this.fresh.heads.get(accountId) ?? this.sealed?.heads.get(accountId);
    if (changed !== undefined) return changed;
    const row = this.#reads.head.get(this.scope, accountId);
    return row === undefined ? undefined : { version: row['version'] as number, value: row['value'] as string };
  }

  record(id: string): string | undefined {
    for (const generation of [this.fresh, this.sealed]) {
      const changed = generation?.records.get(id);
      if (changed !== undefined) return changed.value;
      if (generation?.records.has(id) === true) return undefined;
    }
    return this.#reads.record.get(this.scope, id)?.['value'] as string | undefined;
  }

  guard(guardId: string): number {
    return this.knownGuard(guardId)?.value ?? 0;
  }

  knownGuard(guardId: string): GuardChange | undefined {
    const changed = this.fresh.guards.get(guardId) ?? this.sealed?.guards.get(guardId);
    if (changed !== undefined) return changed;
    const row = this.#reads.guard.get(this.scope, guardId);
    return row === undefined ? undefined : { value: row['value'] as number, keepUntilMs: (row['keep_until'] as number | null) ?? undefined };
  }

  /** Takes over an item that passed. @returns where each of its guards stands then, in the item's order */
  change(item: CommitItem): readonly number[] {
    const { fresh } = this;
    if (item.head !== undefined) {
      fresh.heads.set(item.head.accountId, { version: item.head.version, value: item.head.value });
    }
    this.put(item.puts);
    for (const id of item.deletes) fresh.records.set(id, undefined);
    if (item.guards.length === 0) return [];
    return item.guards.map(({ guardId, delta, keepUntilMs }) => {
      const before = this.knownGuard(guardId);
      const value = (before?.value ?? 0) + delta;
      fresh.guards.set(guardId, { value, keepUntilMs: keepUntilMs ?? before?.keepUntilMs });
      return value;
    });
  }

  put(puts: readonly RecordPut[]): void {
    for (const { id, value, keepUntilMs, dueAtMs } of puts) this.fresh.records.set(id, { value, keepUntilMs, dueAtMs });
  }

  /** Takes over an item of a chunk, in which each guard's delta has been replaced by where the guard stands. */
  restore(item: CommitItem): void {
    this.change({ ...item, guards: [] });
    for (const { guardId, delta: value, keepUntilMs } of item.guards) {
      this.fresh.guards.set(guardId, { value, keepUntilMs: keepUntilMs ?? this.knownGuard(guardId)?.keepUntilMs });
    }
  }

  due(nowMs: number, most: number): readonly DueRecord[] {
    const found: DueRecord[] = [];
    for (const row of this.#reads.due.iterate(this.scope, nowMs)) {
      if (found.length === most) break;
      const id = row['id'] as string;
      if (!this.fresh.records.has(id) && this.sealed?.records.has(id) !== true) {
        found.push({ id, dueAtMs: row['due_at'] as number });
      }
    }
    collectDue(this.fresh, undefined, nowMs, found);
    if (this.sealed !== undefined) collectDue(this.sealed, this.fresh, nowMs, found);
    found.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1));
    return found.slice(0, most);
  }
}

function collectDue(generation: Generation, later: Generation | undefined, nowMs: number, found: DueRecord[]): void {
  for (const [id, change] of generation.records) {
    if (change?.dueAtMs === undefined || change.dueAtMs > nowMs || later?.records.has(id) === true) continue;
    found.push({ id, dueAtMs: change.dueAtMs });
  }
}
