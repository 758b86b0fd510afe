/**
 * The read-apply-commit loop: the only one there is. Every message for an account, from a wire or from a lifecycle call,
 * goes through here to the store and back.
 *
 *   submit ──> lane (one per account, in order)
 *                │ end of turn: all lanes of a partition that are ready
 *                ▼
 *             apply each message on the cached head ──> one item per account ──> one commit per partition
 *                ▲                                                                    │
 *                └── conflict: the current head · duplicate: the earlier records · refused: ask again, one by one ──┘
 *
 * Invariants: an outcome is given once per message, after its commit is durable, or when it is certain that nothing of it
 * happened, or, as `unresolved`, when its deadline passed with that unknown. An unknown commit is never taken for failed: the
 * message is applied again on what the store holds then, where it finds itself if it had happened.
 */
import { assert } from '../base/assert.ts';
import { partitionOf, StoreFenced, StoreUnknown } from './store.ts';
import type { CommitItem, CommitResult, GuardMove, RecordPut, Store } from './store.ts';

/** What applying one message says, with heads and records already as the store keeps them. */
export type Applied<Account, Answer> =
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  | { readonly kind: 'decided'; readonly answer: Answer; readonly change: AppliedChange<Account> | undefined };

export interface AppliedChange<Account> {
  /** undefined where the message concerns no account. */
  readonly account: Account | undefined;
  readonly entry: string;
  readonly puts: readonly RecordPut[];
  readonly deletes: readonly string[];
  readonly once: readonly string[];
  readonly guard: GuardMove | undefined;
}

export interface ApplyFacts {
  readonly decidedAtMs: number;
  readonly guardRefused: boolean;
}

/** What is decided, for the loop to run: pure functions of the domain. */
export interface Domain<Message, Account extends { readonly version: number }, Answer> {
  decode(accountId: string, text: string): Account;
  encode(account: Account): string;
  apply(account: Account | undefined, records: ReadonlyMap<string, string | null>, message: Message, facts: ApplyFacts): Applied<Account, Answer>;
}

export type Outcome<Answer> =
  | { readonly kind: 'decided'; readonly answer: Answer }
  /** Nothing of it has happened, and it cannot be decided now. */
  | { readonly kind: 'unavailable'; readonly cause: 'store' | 'deadline' | 'overload' }
  /** The deadline passed, and whether it happened is not known. */
  | { readonly kind: 'unresolved' };

export interface DecideEvents {
  commit(partition: number, items: number, messages: number, elapsedMs: number): void;
  conflict(): void;
  /** The store could not be reached, or did not say what became of a commit. */
  trouble(kind: 'unavailable' | 'unknown' | 'fenced', error: Error): void;
  /** The store answers again. */
  recovered(downMs: number): void;
}

export interface DecideOptions {
  readonly store: Store;
  /** Unix ms: stamped as the time of the decision. */
  readonly now: () => number;
  /** Monotonic ms: deadlines. */
  readonly elapsed: () => number;
  /** Runs at the end of this turn of the event loop. */
  readonly atTurnEnd: (work: () => void) => void;
  /** Runs after a while. */
  readonly after: (delayMs: number, work: () => void) => void;
  readonly events: DecideEvents;
  /** Accounts whose head is kept in memory. */
  readonly accountsCachedMax?: number;
  /** Messages that wait or are under way, over all accounts; one more is refused. */
  readonly messagesMax?: number;
  /** Looks for room in a shared counter that refused; true: ask again. */
  readonly findGuardRoom?: (partition: number, guardId: string, wantedMinor: number) => Promise<boolean>;
}

interface Pending<Message, Answer> {
  readonly message: Message;
  readonly deadlineMs: number;
  readonly done: (outcome: Outcome<Answer>) => void;
  /** A commit with it has an unknown outcome. */
  tainted: boolean;
  guardRefused: boolean;
  attempts: number;
}

/** One account's messages, in order, and what is known of it. */
interface Lane<Message, Account, Answer> {
  readonly accountId: string;
  queue: Pending<Message, Answer>[];
  state: 'idle' | 'ready' | 'busy';
  /** undefined: not read. */
  head: { readonly account: Account | undefined } | undefined;
  readonly records: Map<string, string | null>;
  /** A guard refused what several messages asked together: ask one by one. */
  singly: boolean;
}

/** One lane's part of a commit. */
interface Batch<Message, Account, Answer> {
  readonly lane: Lane<Message, Account, Answer>;
  readonly taken: Pending<Message, Answer>[];
  readonly answers: Answer[];
  readonly account: Account | undefined;
  readonly puts: Map<string, RecordPut>;
  readonly deletes: Set<string>;
  readonly item: CommitItem;
}

interface Shard<Message, Account, Answer> {
  readonly partition: number;
  ready: Lane<Message, Account, Answer>[];
  /** Items without an account. */
  loose: Pending<Message, Answer>[];
  commitsInFlight: number;
  flushing: boolean;
}

const itemsPerCommitMax = 512;
const messagesPerItemMax = 128;
const recordsPerLaneMax = 256;
const attemptsMax = 32;
const retryFirstMs = 20;
const retryMaxMs = 1000;

export class Decider<Message, Account extends { readonly version: number }, Answer> {
  readonly #domain: Domain<Message, Account, Answer>;
  readonly #options: DecideOptions;
  readonly #store: Store;
  readonly #shards: Shard<Message, Account, Answer>[] = [];
  readonly #lanes = new Map<string, Lane<Message, Account, Answer>>();
  readonly #accountsCachedMax: number;
  readonly #messagesMax: number;
  #epochs: readonly number[];
  #waiting = 0;
  #downSinceMs: number | undefined;
  #retryMs = retryFirstMs;
  #retryAtMs = 0;
  #idle: (() => void)[] = [];

  private constructor(domain: Domain<Message, Account, Answer>, options: DecideOptions, epochs: readonly number[]) {
    this.#domain = domain;
    this.#options = options;
    this.#store = options.store;
    this.#epochs = epochs;
    this.#accountsCachedMax = options.accountsCachedMax ?? 50_000;
    this.#messagesMax = options.messagesMax ?? 20_000;
    for (let partition = 0; partition < options.store.partitions; partition += 1) {
      this.#shards.push({ partition, ready: [], loose: [], commitsInFlight: 0, flushing: false });
    }
  }

  static async open<Message, Account extends { readonly version: number }, Answer>(
    domain: Domain<Message, Account, Answer>, options: DecideOptions,
  ): Promise<Decider<Message, Account, Answer>> {
    return new Decider(domain, options, await options.store.epochs());
  }

  /** Messages that have no outcome yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Does the store answer, as far as is known? */
  get storeAnswers(): boolean {
    return this.#downSinceMs === undefined;
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    if (this.#waiting === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    await promise;
  }

  /**
   * Decides a message; `done` is called once, from a later turn.
   * @param accountId undefined: it concerns no account, and only its entry is written
   * @param spread chooses the partition of a message without an account
   * @param deadlineMs on the monotonic clock; Infinity for what must be decided whenever it can be
   */
  submit(accountId: string | undefined, spread: string, message: Message, deadlineMs: number, done: (outcome: Outcome<Answer>) => void): void {
    const isRefused = this.#waiting >= this.#messagesMax && deadlineMs !== Infinity;
    const isDown = this.#downSinceMs !== undefined && this.#options.elapsed() < this.#retryAtMs && deadlineMs !== Infinity;
    if (isRefused || isDown) {
      this.#options.atTurnEnd(() => done({ kind: 'unavailable', cause: isRefused ? 'overload' : 'store' }));
      return;
    }
    this.#waiting += 1;
    const pending: Pending<Message, Answer> = { message, deadlineMs, done, tainted: false, guardRefused: false, attempts: 0 };
    const shard = this.#shardOf(accountId ?? spread);
    if (accountId === undefined) {
      shard.loose.push(pending);
    } else {
      const lane = this.#lane(accountId);
      lane.queue.push(pending);
      if (lane.state === 'idle') this.#makeReady(shard, lane);
    }
    this.#schedule(shard);
  }

  #shardOf(id: string): Shard<Message, Account, Answer> {
    const shard = this.#shards[partitionOf(id, this.#shards.length)];
    assert(shard !== undefined, 'every id has a partition');
    return shard;
  }

  #lane(accountId: string): Lane<Message, Account, Answer> {
    const known = this.#lanes.get(accountId);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#accountsCachedMax) this.#evict();
    const lane: Lane<Message, Account, Answer> = { accountId, queue: [], state: 'idle', head: undefined, records: new Map(), singly: false };
    this.#lanes.set(accountId, lane);
    return lane;
  }

  /** Forgets the longest known tenth of the accounts that nothing waits for; what is forgotten is read again. */
  #evict(): void {
    let left = Math.ceil(this.#accountsCachedMax / 10);
    for (const [accountId, lane] of this.#lanes) {
      if (left === 0) return;
      if (lane.state !== 'idle') continue;
      this.#lanes.delete(accountId);
      left -= 1;
    }
  }

  #makeReady(shard: Shard<Message, Account, Answer>, lane: Lane<Message, Account, Answer>): void {
    lane.state = 'ready';
    shard.ready.push(lane);
  }

  #schedule(shard: Shard<Message, Account, Answer>): void {
    if (shard.flushing) return;
    shard.flushing = true;
    this.#options.atTurnEnd(() => {
      shard.flushing = false;
      this.#flush(shard);
    });
  }

  #flush(shard: Shard<Message, Account, Answer>): void {
    if (shard.commitsInFlight >= this.#store.commitsInFlightMax) return;
    const lanes = shard.ready.splice(0, itemsPerCommitMax);
    const unread: Lane<Message, Account, Answer>[] = [];
    const wanted = new Map<string, Lane<Message, Account, Answer>>();
    const batches: Batch<Message, Account, Answer>[] = [];
    for (const lane of lanes) {
      lane.state = 'busy';
      if (lane.head === undefined) unread.push(lane);
      else {
        const prepared = this.#prepare(lane);
        if (prepared === undefined) this.#release(shard, lane);
        else if ('ids' in prepared) for (const id of prepared.ids) wanted.set(id, lane);
        else batches.push(prepared);
      }
    }
    const loose = this.#prepareLoose(shard);
    if (unread.length > 0) void this.#readHeads(shard, unread);
    if (wanted.size > 0) void this.#readRecords(shard, wanted);
    if (batches.length > 0 || loose.items.length > 0) void this.#commit(shard, batches, loose);
    if (shard.ready.length > 0 || shard.loose.length > 0) this.#schedule(shard);
  }

  /** Applies what waits in the lane, as far as what is known of the account reaches. */
  #prepare(lane: Lane<Message, Account, Answer>): Batch<Message, Account, Answer> | { ids: readonly string[] } | undefined {
    assert(lane.head !== undefined, 'a lane is prepared on a head that was read');
    let { account } = lane.head;
    const before = account;
    const taken: Pending<Message, Answer>[] = [];
    const answers: Answer[] = [];
    const puts = new Map<string, RecordPut>();
    const deletes = new Set<string>();
    const once = new Set<string>();
    const entries: string[] = [];
    const guards: GuardMove[] = [];
    const overlay = lane.records;
    const undo = new Map<string, string | null | undefined>();
    let missing: readonly string[] | undefined;
    const most = lane.singly ? 1 : messagesPerItemMax;
    while (lane.queue.length > 0 && entries.length < most) {
      const [pending] = lane.queue;
      assert(pending !== undefined, 'a queue that is not empty has a first');
      if (this.#isLate(pending)) {
        lane.queue.shift();
        continue;
      }
      const applied = this.#domain.apply(account, overlay, pending.message, { decidedAtMs: this.#options.now(), guardRefused: pending.guardRefused });
      if (applied.kind === 'read') {
        missing = applied.ids;
        break;
      }
      lane.queue.shift();
      const { change } = applied;
      if (change === undefined && entries.length === 0) {
        this.#finish(pending, { kind: 'decided', answer: applied.answer });
        continue;
      }
      taken.push(pending);
      answers.push(applied.answer);
      if (change === undefined) continue;
      account = change.account;
      entries.push(change.entry);
      for (const id of change.once) if (!puts.has(id)) once.add(id);
      for (const put of change.puts) {
        if (!undo.has(put.id)) undo.set(put.id, overlay.get(put.id));
        puts.set(put.id, put);
        deletes.delete(put.id);
        overlay.set(put.id, put.value);
      }
      for (const id of change.deletes) {
        if (!undo.has(id)) undo.set(id, overlay.get(id));
        puts.delete(id);
        deletes.add(id);
        overlay.set(id, null);
      }
      if (change.guard !== undefined) addGuard(guards, change.guard);
    }
    // Until the commit is known, the cache keeps what the store held before it.
    for (const [id, value] of undo) {
      if (value === undefined) overlay.delete(id);
      else overlay.set(id, value);
    }
    if (entries.length === 0) return missing === undefined ? undefined : { ids: missing };
    const item: CommitItem = {
      head: account === undefined ? undefined : {
        accountId: lane.accountId, expectedVersion: before?.version ?? 0, version: account.version, value: this.#domain.encode(account),
      },
      puts: [...puts.values()], deletes: [...deletes], once: [...once], entries, guards,
    };
    return { lane, taken, answers, account, puts, deletes, item };
  }

  #prepareLoose(shard: Shard<Message, Account, Answer>): { taken: Pending<Message, Answer>[]; answers: Answer[]; items: CommitItem[] } {
    const taken: Pending<Message, Answer>[] = [];
    const answers: Answer[] = [];
    const items: CommitItem[] = [];
    for (const pending of shard.loose.splice(0, itemsPerCommitMax)) {
      if (this.#isLate(pending)) continue;
      const applied = this.#domain.apply(undefined, new Map(), pending.message, { decidedAtMs: this.#options.now(), guardRefused: false });
      assert(applied.kind === 'decided', 'a message without an account needs no record');
      if (applied.change === undefined) {
        this.#finish(pending, { kind: 'decided', answer: applied.answer });
        continue;
      }
      taken.push(pending);
      answers.push(applied.answer);
      items.push({ puts: [], deletes: [], once: [], entries: [applied.change.entry], guards: [] });
    }
    return { taken, answers, items };
  }

  async #commit(
    shard: Shard<Message, Account, Answer>, batches: readonly Batch<Message, Account, Answer>[],
    loose: { taken: Pending<Message, Answer>[]; answers: Answer[]; items: CommitItem[] },
  ): Promise<void> {
    shard.commitsInFlight += 1;
    const startedMs = this.#options.elapsed();
    let results: readonly CommitResult[];
    try {
      results = await this.#store.commit(this.#at(shard.partition), [...batches.map(({ item }) => item), ...loose.items]);
    } catch (error) {
      shard.commitsInFlight -= 1;
      this.#failed(shard, batches.map(({ lane, taken }) => ({ lane, taken })), loose.taken, error);
      return;
    }
    shard.commitsInFlight -= 1;
    this.#answered();
    this.#options.events.commit(shard.partition, results.length, loose.taken.length + batches.reduce((sum, batch) => sum + batch.taken.length, 0), this.#options.elapsed() - startedMs);
    for (const [index, batch] of batches.entries()) {
      const result = results[index];
      assert(result !== undefined, 'every item has a result');
      this.#settle(shard, batch, result);
    }
    for (const [index, pending] of loose.taken.entries()) {
      const answer = loose.answers[index];
      assert(answer !== undefined, 'every loose message has an answer');
      this.#finish(pending, { kind: 'decided', answer });
    }
    // What arrived while the commit was under way goes with the next one, now.
    if (shard.ready.length > 0 || shard.loose.length > 0) this.#schedule(shard);
  }

  #settle(shard: Shard<Message, Account, Answer>, batch: Batch<Message, Account, Answer>, result: CommitResult): void {
    const { lane, taken, answers } = batch;
    if (result.kind === 'committed') {
      lane.head = { account: batch.account };
      if (lane.records.size > recordsPerLaneMax) lane.records.clear();
      for (const [id, put] of batch.puts) lane.records.set(id, put.value);
      for (const id of batch.deletes) lane.records.set(id, null);
      for (const [index, pending] of taken.entries()) this.#finish(pending, { kind: 'decided', answer: answers[index] as Answer });
      if (lane.queue.length === 0) lane.singly = false;
      this.#release(shard, lane);
      return;
    }
    if (result.kind === 'conflict') {
      this.#options.events.conflict();
      lane.head = { account: result.value === undefined ? undefined : this.#domain.decode(lane.accountId, result.value) };
      lane.records.clear();
    } else if (result.kind === 'duplicate') {
      for (const [id, value] of result.records) lane.records.set(id, value);
    } else if (taken.length > 1) {
      lane.singly = true;
    } else {
      void this.#seekGuardRoom(shard, batch, result.guardId);
      return;
    }
    this.#again(shard, lane, taken);
  }

  async #seekGuardRoom(shard: Shard<Message, Account, Answer>, batch: Batch<Message, Account, Answer>, guardId: string): Promise<void> {
    const { lane, taken, item } = batch;
    const wantedMinor = -item.guards.reduce((sum, move) => sum + (move.guardId === guardId ? move.delta : 0), 0);
    let found = false;
    try {
      found = (await this.#options.findGuardRoom?.(shard.partition, guardId, wantedMinor)) ?? false;
    } catch (error) {
      this.#options.events.trouble('unavailable', error instanceof Error ? error : new Error(String(error)));
    }
    for (const pending of taken) if (!found || pending.attempts > 4) pending.guardRefused = true;
    this.#again(shard, lane, taken);
  }

  /** Puts messages back in front of their lane's queue. */
  #again(shard: Shard<Message, Account, Answer>, lane: Lane<Message, Account, Answer>, taken: readonly Pending<Message, Answer>[]): void {
    const kept: Pending<Message, Answer>[] = [];
    for (const pending of taken) {
      pending.attempts += 1;
      if (pending.attempts > attemptsMax && pending.deadlineMs !== Infinity) {
        this.#finish(pending, pending.tainted ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'overload' });
      } else kept.push(pending);
    }
    lane.queue = [...kept, ...lane.queue];
    this.#release(shard, lane);
  }

  #release(shard: Shard<Message, Account, Answer>, lane: Lane<Message, Account, Answer>): void {
    lane.state = 'idle';
    if (lane.queue.length === 0) return;
    this.#makeReady(shard, lane);
    this.#schedule(shard);
  }

  async #readHeads(shard: Shard<Message, Account, Answer>, lanes: readonly Lane<Message, Account, Answer>[]): Promise<void> {
    try {
      const heads = await this.#store.heads(this.#at(shard.partition), lanes.map(({ accountId }) => accountId));
      this.#answered();
      for (const [index, lane] of lanes.entries()) {
        const head = heads[index];
        lane.head = { account: head === undefined ? undefined : this.#domain.decode(lane.accountId, head.value) };
        this.#release(shard, lane);
      }
    } catch (error) {
      this.#failed(shard, lanes.map((lane) => ({ lane, taken: [] })), [], error);
    }
  }

  async #readRecords(shard: Shard<Message, Account, Answer>, wanted: ReadonlyMap<string, Lane<Message, Account, Answer>>): Promise<void> {
    const ids = [...wanted.keys()];
    const lanes = [...new Set(wanted.values())];
    try {
      const values = await this.#store.records(this.#at(shard.partition), ids);
      this.#answered();
      for (const [index, id] of ids.entries()) wanted.get(id)?.records.set(id, values[index] ?? null);
      for (const lane of lanes) this.#release(shard, lane);
    } catch (error) {
      this.#failed(shard, lanes.map((lane) => ({ lane, taken: [] })), [], error);
    }
  }

  /** The store could not do a call: what surely did not happen is given back, the rest is tried again when the store answers. */
  #failed(
    shard: Shard<Message, Account, Answer>,
    lanes: readonly { lane: Lane<Message, Account, Answer>; taken: readonly Pending<Message, Answer>[] }[],
    loose: readonly Pending<Message, Answer>[], error: unknown,
  ): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    const isFenced = error instanceof StoreFenced;
    const isUnknown = error instanceof StoreUnknown;
    this.#options.events.trouble(isFenced ? 'fenced' : isUnknown ? 'unknown' : 'unavailable', cause);
    this.#wentDown();
    const blocked: Lane<Message, Account, Answer>[] = [];
    for (const { lane, taken } of lanes) {
      lane.head = undefined;
      lane.records.clear();
      if (isUnknown) for (const pending of taken) pending.tainted = true;
      lane.queue = [...taken, ...lane.queue].filter((pending) => this.#keeps(pending, isFenced));
      if (lane.queue.length > 0) blocked.push(lane);
      else lane.state = 'idle';
    }
    const looseKept = loose.filter((pending) => {
      if (isUnknown) pending.tainted = true;
      return this.#keeps(pending, isFenced);
    });
    if (blocked.length === 0 && looseKept.length === 0) return;
    // Busy until then: nothing else is tried for these accounts while the store is away.
    this.#options.after(this.#retryMs, () => {
      void this.#tryAgain(shard, blocked, looseKept, isFenced);
    });
  }

  async #tryAgain(
    shard: Shard<Message, Account, Answer>, lanes: readonly Lane<Message, Account, Answer>[], loose: readonly Pending<Message, Answer>[],
    isFenced: boolean,
  ): Promise<void> {
    if (isFenced) {
      try {
        this.#epochs = await this.#store.epochs();
      } catch (error) {
        this.#options.events.trouble('unavailable', error instanceof Error ? error : new Error(String(error)));
      }
    }
    shard.loose.push(...loose);
    for (const lane of lanes) this.#release(shard, lane);
    this.#schedule(shard);
  }

  /** Whether a message is tried again after a failed call. One that is not has its outcome here. */
  #keeps(pending: Pending<Message, Answer>, isFenced: boolean): boolean {
    if (this.#isLate(pending)) return false;
    if (isFenced || pending.tainted || pending.deadlineMs === Infinity) return true;
    this.#finish(pending, { kind: 'unavailable', cause: 'store' });
    return false;
  }

  /** Has its deadline passed? Then this is its outcome. */
  #isLate(pending: Pending<Message, Answer>): boolean {
    if (this.#options.elapsed() < pending.deadlineMs) return false;
    this.#finish(pending, pending.tainted ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'deadline' });
    return true;
  }

  #wentDown(): void {
    const nowMs = this.#options.elapsed();
    this.#downSinceMs ??= nowMs;
    this.#retryAtMs = nowMs + this.#retryMs;
    this.#retryMs = Math.min(retryMaxMs, this.#retryMs * 2);
  }

  #answered(): void {
    if (this.#downSinceMs === undefined) return;
    this.#options.events.recovered(this.#options.elapsed() - this.#downSinceMs);
    this.#downSinceMs = undefined;
    this.#retryMs = retryFirstMs;
  }

  #at(partition: number): { partition: number; epoch: number } {
    const epoch = this.#epochs[partition];
    assert(epoch !== undefined, 'every partition has an epoch');
    return { partition, epoch };
  }

  #finish(pending: Pending<Message, Answer>, outcome: Outcome<Answer>): void {
    this.#waiting -= 1;
    pending.done(outcome);
    if (this.#waiting > 0 || this.#idle.length === 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function addGuard(guards: GuardMove[], move: GuardMove): void {
  const at = guards.findIndex(({ guardId }) => guardId === move.guardId);
  const earlier = guards[at];
  if (earlier === undefined) guards.push(move);
  else guards[at] = { guardId: move.guardId, delta: earlier.delta + move.delta, floor: Math.max(earlier.floor, move.floor) };
}
