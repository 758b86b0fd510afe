/**
 * The SQLite store's owner of the file, without the thread around it. Durable: what `finish` has returned for is in the
 * write-ahead log and synced (`synchronous=FULL`), and survives a crash of the machine as far as its disk keeps what it
 * synced; a crash loses whole turns that were not finished, never a part of one.
 *
 * A turn is one transaction. Each commit call becomes one row, a chunk: that row is the commit, and the journal too. The
 * tables of heads and records follow in later turns (see `SqliteScope`); a file that was closed by a crash is brought
 * forward from its chunks when it is opened. A chunk goes when the tables have it and the journal is trimmed beyond it.
 *
 * Records of this node alone are a scope of their own. What an item of another scope puts there is in that item's chunk.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert } from '../base/assert.ts';
import type { HeadChanges } from './head-changes.ts';
import { judge } from './judge.ts';
import { Unpacker, type PackedItems } from './pack.ts';
import { ScopeReads, SqliteScope } from './sqlite-scope.ts';
import { TableWriter } from './sqlite-tables.ts';
import { ownAt } from './sqlite-wire.ts';
import { StoreFenced, type CommitResult, type JournalEntry, type PartitionEpoch } from './store.ts';

const epochsMax = 1_000_000;

const committed: CommitResult = { kind: 'committed' };

export class SqliteEngine {
  readonly #database: DatabaseSync;
  readonly #headChanges: Pick<HeadChanges, 'raise' | 'raiseAll'>;
  readonly #reads: ScopeReads;
  readonly #tables: TableWriter;
  readonly #epochs: number[] = [];
  readonly #scopes = new Map<number, SqliteScope>();
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insertChunk: StatementSync;
  readonly #tailChunks: StatementSync;
  readonly #findAccount: StatementSync;
  readonly #enterAccount: StatementSync;
  #chunkLast = 0;
  #writing = false;
  #changes = 0;
  #nowMs = 0;

  /** @param headChanges raised for each head that is written, and at the end of an epoch */
  constructor(database: DatabaseSync, generationChanges: number, headChanges: Pick<HeadChanges, 'raise' | 'raiseAll'>) {
    this.#database = database;
    this.#headChanges = headChanges;
    this.#reads = new ScopeReads(database);
    this.#tables = new TableWriter(database, generationChanges);
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#insertChunk = database.prepare('INSERT INTO chunk VALUES (?, ?, ?, ?, ?)');
    this.#tailChunks = database.prepare('SELECT last, numbers, text FROM chunk WHERE scope = ? AND last > ? ORDER BY last, chunk');
    this.#findAccount = database.prepare('SELECT account_id FROM directory WHERE token = ?');
    this.#enterAccount = database.prepare('INSERT INTO directory VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#load();
  }

  get epochs(): readonly number[] {
    return this.#epochs;
  }

  /** Makes what the turn has written durable. Nothing of the turn may be told to anyone before it returns. */
  finish(): void {
    if (!this.#writing) return;
    if (this.#changes > 0) this.#tables.advance(this.#scopes, this.#changes, this.#chunkLast, this.#nowMs);
    this.#commit.run();
    this.#writing = false;
    this.#changes = 0;
  }

  /** Takes back the whole turn, in memory as in the file. */
  abandon(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    this.#writing = false;
    this.#changes = 0;
    this.#load();
  }

  /** @returns the number of items where all were committed, each item's result where not */
  commit(at: PartitionEpoch, packed: PackedItems, nowMs: number): number | readonly CommitResult[] {
    if (at.partition !== ownAt.partition && this.#epochs[at.partition] !== at.epoch) {
      throw new StoreFenced(`partition ${at.partition} is not at epoch ${at.epoch}`);
    }
    const scope = this.scope(at);
    const unpacker = new Unpacker(packed);
    const results: CommitResult[] = [];
    let committedItems = 0;
    let entries = 0;
    while (!unpacker.done) {
      const item = unpacker.next();
      const objection = judge(item, scope);
      results.push(objection ?? committed);
      if (objection !== undefined) continue;
      unpacker.markWritten(scope.change(item));
      if (item.head !== undefined) this.#headChanges.raise(item.head.accountId);
      committedItems += 1;
      entries += item.entries.length;
      this.#changes += 1 + item.puts.length;
      if (item.own === undefined) continue;
      this.scope(ownAt).put(item.own);
      this.#changes += item.own.length;
    }
    if (committedItems > 0) {
      this.#write();
      this.#nowMs = nowMs;
      this.#chunkLast += 1;
      scope.journalLast += entries;
      const { numbers, text } = packed;
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      this.#insertChunk.run(this.#chunkLast, scope.scope, scope.journalLast, bytes, text);
    }
    return committedItems === results.length ? committedItems : results;
  }

  scope(at: PartitionEpoch): SqliteScope {
    assert(at.epoch < epochsMax, 'an epoch is below a million');
    return this.#scopeOf(at.partition * epochsMax + at.epoch);
  }

  tail(at: PartitionEpoch, after: number, most: number): readonly JournalEntry[] {
    const scope = this.scope(at);
    const from = Math.max(after, scope.trimmedThrough);
    const found: JournalEntry[] = [];
    for (const row of this.#tailChunks.iterate(scope.scope, from)) {
      const entries = writtenEntries(row);
      const first = (row['last'] as number) - entries.length + 1;
      for (const [index, value] of entries.entries()) {
        if (first + index > from && found.length < most) found.push({ sequence: String(first + index), value });
      }
      if (found.length >= most) break;
    }
    return found;
  }

  trim(at: PartitionEpoch, through: number): void {
    const scope = this.scope(at);
    const reached = Math.min(through, scope.journalLast);
    if (reached <= scope.trimmedThrough) return;
    this.#write();
    scope.trimmedThrough = reached;
    this.#tables.trim(scope);
  }

  findAccount(token: string): string | undefined {
    return this.#findAccount.get(token)?.['account_id'] as string | undefined;
  }

  enterAccount(token: string, accountId: string): string {
    const entered = this.findAccount(token);
    if (entered !== undefined) return entered;
    this.#write();
    this.#enterAccount.run(token, accountId);
    return accountId;
  }

  closeEpoch(at: PartitionEpoch): number {
    const current = this.#epochs[at.partition];
    assert(current !== undefined, 'the partition exists');
    if (current !== at.epoch) return current;
    this.#write();
    this.#database.prepare('UPDATE partition SET epoch = ? WHERE partition = ?').run(current + 1, at.partition);
    this.#epochs[at.partition] = current + 1;
    this.#headChanges.raiseAll();
    return current + 1;
  }

  /** Brings the tables up to date, so that the next process has nothing to bring forward. */
  settle(): void {
    this.#write();
    this.#tables.settle(this.#scopes, this.#chunkLast);
    this.#commit.run();
    this.#writing = false;
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  #write(): void {
    if (this.#writing) return;
    this.#begin.run();
    this.#writing = true;
  }

  /** Reads the state of the file into memory: what the chunks hold beyond the tables. */
  #load(): void {
    this.#scopes.clear();
    this.#epochs.length = 0;
    for (const row of this.#database.prepare('SELECT epoch FROM partition ORDER BY partition').iterate()) {
      this.#epochs.push(row['epoch'] as number);
    }
    const applied = this.#tables.load();
    this.#chunkLast = applied;
    const chunks = this.#database.prepare('SELECT chunk, scope, numbers, text FROM chunk WHERE chunk > ? ORDER BY chunk');
    for (const row of chunks.iterate(applied)) {
      this.#chunkLast = row['chunk'] as number;
      const scope = this.#scopeOf(row['scope'] as number);
      for (const item of writtenItems(row)) {
        scope.restore(item);
        if (item.own !== undefined) this.scope(ownAt).put(item.own);
      }
    }
  }

  #scopeOf(id: number): SqliteScope {
    const known = this.#scopes.get(id);
    if (known !== undefined) return known;
    const row = this.#database
      .prepare(
        `SELECT coalesce((SELECT max(last) FROM chunk WHERE scope = ?1), 0) AS last,
          coalesce((SELECT through FROM trimmed WHERE scope = ?1), 0) AS through`,
      )
      .get(id);
    const through = row?.['through'] as number;
    const scope = new SqliteScope(id, this.#reads, Math.max(through, row?.['last'] as number), through);
    this.#scopes.set(id, scope);
    return scope;
  }
}

function* writtenItems(row: Record<string, unknown>) {
  const bytes = row['numbers'] as Uint8Array;
  const numbers = new Float64Array(bytes.slice().buffer);
  const unpacker = new Unpacker({ numbers, text: row['text'] as string });
  while (!unpacker.done) {
    const item = unpacker.next();
    if (unpacker.written) yield item;
  }
}

function writtenEntries(row: Record<string, unknown>): readonly string[] {
  const entries: string[] = [];
  for (const item of writtenItems(row)) entries.push(...item.entries);
  return entries;
}
