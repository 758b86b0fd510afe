/**
 * The store in this process's memory, for unit tests and the simulator: the contract's meaning without a disk.
 * It promises nothing beyond the life of the process. It is the strictest of the engines: a call that breaks the contract's
 * own conditions is an assertion here, so that callers find out before they meet an engine that does not check.
 */
import { assert } from '../base/assert.ts';
import { judge, type StoreView } from './judge.ts';
import {
  StoreFenced,
  StoreUnavailable,
  type CommitItem,
  type CommitResult,
  type DueRecord,
  type Durability,
  type Head,
  type JournalEntry,
  type PartitionEpoch,
  type RecordPut,
  type Store,
} from './store.ts';

export interface MemoryStoreOptions {
  /** At least 1. */
  readonly partitions: number;
  /** Unix ms; what has been kept until before this is forgotten. */
  readonly now: () => number;
}

interface StoredRecord {
  readonly value: string;
  readonly keepUntilMs: number | undefined;
  readonly dueAtMs: number | undefined;
}

interface StoredGuard {
  readonly value: number;
  readonly keepUntilMs: number | undefined;
}

export class MemoryStore implements Store {
  readonly partitions: number;
  readonly commitsInFlightMax = 1;
  readonly #now: () => number;
  readonly #epochs: number[];
  readonly #scopes = new Map<string, MemoryScope>();
  readonly #directory = new Map<string, string>();
  #headChanges = 0;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    assert(options.partitions >= 1, 'a store has at least one partition');
    this.partitions = options.partitions;
    this.#now = options.now;
    this.#epochs = Array.from({ length: options.partitions }, () => 1);
  }

  async epochs(): Promise<readonly number[]> {
    await this.#reach();
    return this.#epochs.slice();
  }

  async closeEpoch(at: PartitionEpoch): Promise<number> {
    await this.#reach();
    const current = this.#epochs[at.partition];
    assert(current !== undefined, 'the partition exists');
    this.#headChanges += 1;
    if (current === at.epoch) this.#epochs[at.partition] = current + 1;
    return Math.max(current, at.epoch + 1);
  }

  async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    assertItems(items);
    await this.#reach();
    if (this.#epochs[at.partition] !== at.epoch) {
      throw new StoreFenced(`partition ${at.partition} is not at epoch ${at.epoch}`);
    }
    const scope = this.#scope(at);
    this.#headChanges += 1;
    return items.map((item) => scope.commit(item));
  }

  headChanges(): number {
    return this.#headChanges;
  }

  async heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]> {
    await this.#reach();
    const scope = this.#scope(at);
    return accountIds.map((id) => scope.head(id));
  }

  async records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.#reach();
    const scope = this.#scope(at);
    return ids.map((id) => scope.record(id));
  }

  async guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]> {
    await this.#reach();
    const scope = this.#scope(at);
    return guardIds.map((id) => scope.knownGuard(id)?.value);
  }

  async findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.#reach();
    return tokens.map((token) => this.#directory.get(token));
  }

  async enterAccount(token: string, accountId: string): Promise<string> {
    await this.#reach();
    const entered = this.#directory.get(token);
    if (entered !== undefined) return entered;
    this.#directory.set(token, accountId);
    return accountId;
  }

  async due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]> {
    await this.#reach();
    return this.#scope(at).due(nowMs, most);
  }

  async tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]> {
    await this.#reach();
    return this.#scope(at).tail(Number(after ?? '0'), most);
  }

  async journalLength(at: PartitionEpoch): Promise<number> {
    await this.#reach();
    return this.#scope(at).journal.length;
  }

  async trim(at: PartitionEpoch, through: string): Promise<void> {
    await this.#reach();
    this.#scope(at).trim(Number(through));
  }

  async durability(): Promise<Durability> {
    await this.#reach();
    return { durable: false, finding: 'The store is in memory: it is gone with the process.' };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.resolve();
  }

  /** Every engine answers in a later turn; so does this one, so that callers meet the same order of events. */
  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new StoreUnavailable('the store is closed');
  }

  #scope(at: PartitionEpoch): MemoryScope {
    const id = `${at.partition}.${at.epoch}`;
    let scope = this.#scopes.get(id);
    if (scope === undefined) {
      scope = new MemoryScope(this.#now);
      this.#scopes.set(id, scope);
    }
    return scope;
  }
}

/** What one partition holds under one epoch. */
class MemoryScope implements StoreView {
  readonly journal: string[] = [];
  readonly #now: () => number;
  readonly #heads = new Map<string, Head>();
  readonly #records = new Map<string, StoredRecord>();
  readonly #guards = new Map<string, StoredGuard>();
  readonly #dueIds = new Set<string>();
  #trimmedThrough = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  head(accountId: string): Head | undefined {
    return this.#heads.get(accountId);
  }

  record(id: string): string | undefined {
    const record = this.#records.get(id);
    if (record === undefined) return undefined;
    const { keepUntilMs, dueAtMs } = record;
    if (keepUntilMs !== undefined && dueAtMs === undefined && keepUntilMs < this.#now()) {
      this.#records.delete(id);
      return undefined;
    }
    return record.value;
  }

  guard(guardId: string): number {
    return this.knownGuard(guardId)?.value ?? 0;
  }

  knownGuard(guardId: string): StoredGuard | undefined {
    const guard = this.#guards.get(guardId);
    if (guard?.keepUntilMs === undefined || guard.keepUntilMs >= this.#now()) return guard;
    this.#guards.delete(guardId);
    return undefined;
  }

  commit(item: CommitItem): CommitResult {
    const objection = judge(item, this);
    if (objection !== undefined) return objection;
    if (item.head !== undefined) {
      this.#heads.set(item.head.accountId, { version: item.head.version, value: item.head.value });
    }
    for (const put of item.puts) this.#put(put);
    for (const id of item.deletes) {
      this.#records.delete(id);
      this.#dueIds.delete(id);
    }
    for (const { guardId, delta, keepUntilMs } of item.guards) {
      const before = this.knownGuard(guardId);
      this.#guards.set(guardId, { value: (before?.value ?? 0) + delta, keepUntilMs: keepUntilMs ?? before?.keepUntilMs });
    }
    this.journal.push(...item.entries);
    return { kind: 'committed' };
  }

  #put(put: RecordPut): void {
    this.#records.set(put.id, { value: put.value, keepUntilMs: put.keepUntilMs, dueAtMs: put.dueAtMs });
    if (put.dueAtMs === undefined) this.#dueIds.delete(put.id);
    else this.#dueIds.add(put.id);
  }

  due(nowMs: number, most: number): readonly DueRecord[] {
    const found: DueRecord[] = [];
    for (const id of this.#dueIds) {
      const dueAtMs = this.#records.get(id)?.dueAtMs;
      if (dueAtMs !== undefined && dueAtMs <= nowMs) found.push({ id, dueAtMs });
    }
    found.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1));
    return found.slice(0, most);
  }

  tail(after: number, most: number): readonly JournalEntry[] {
    const first = Math.max(0, after - this.#trimmedThrough);
    return this.journal.slice(first, first + most).map((value, index) => {
      return { sequence: String(this.#trimmedThrough + first + index + 1), value };
    });
  }

  trim(through: number): void {
    const count = Math.min(this.journal.length, Math.max(0, through - this.#trimmedThrough));
    this.journal.splice(0, count);
    this.#trimmedThrough += count;
  }
}

function assertItems(items: readonly CommitItem[]): void {
  const accountIds = new Set<string>();
  const recordIds = new Set<string>();
  for (const item of items) {
    if (item.head !== undefined) {
      assert(item.head.version > item.head.expectedVersion, 'a commit raises the version');
      assert(!accountIds.has(item.head.accountId), 'an account is in one item of a call');
      accountIds.add(item.head.accountId);
    }
    const own = new Set<string>();
    for (const { id } of item.puts) {
      assert(!own.has(id), 'a record is put once');
      own.add(id);
    }
    for (const id of item.deletes) {
      assert(!own.has(id), 'a record is put or deleted');
      own.add(id);
    }
    for (const id of item.once) own.add(id);
    for (const id of own) {
      assert(!recordIds.has(id), 'a record is in one item of a call');
      recordIds.add(id);
    }
  }
}
