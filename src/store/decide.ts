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
 * Invariants: an outcome is given once per message: after its commit is durable, or when it is certain that nothing of it
 * happened, or, as `unresolved`, when its time is over with that unknown. An unknown commit is never taken for failed: the
 * message is applied again on what the store holds then, where it finds itself if it had happened; should that commit reach
 * the store later still, the head's version is another by then. While a partition's store is away, what is new is turned
 * away at once, and only what may have happened waits for it.
 */
import { assert } from '../base/assert.ts';
import { calling, troubleOf } from './calling.ts';
import { markSent, prepare, prepareLoose } from './lane.ts';
import type { Batch, Domain, Lane, LastKnown, Loose, Moment, Outcome, Pending } from './lane.ts';
import { LaneCache } from './lane-cache.ts';
import { LateFinder } from './late.ts';
import { partitionOf } from './store.ts';
import type { CommitResult, PartitionEpoch, Store } from './store.ts';

export type { Applied, AppliedChange, ApplyFacts, Domain, Outcome, OwnChange } from './lane.ts';

/** Called synchronously; none may throw. */
export interface DecideEvents {
  commit(partition: number, items: number, messages: number, elapsedMs: number): void;
  conflict(): void;
  /** The store could not be reached, or did not say what became of a commit. */
  trouble(kind: 'unavailable' | 'unknown' | 'fenced', error: Error): void;
  /** The store answers again, for every partition. */
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
  /** Records that are kept in memory, over all accounts. */
  readonly recordsCachedMax?: number;
  /** Messages that wait or are under way, over all accounts; one more is refused. */
  readonly messagesMax?: number;
  /** How long what may have happened is waited for at most, once its commit has failed; by default until its deadline. */
  readonly doubtMs?: () => number;
  /** Looks for room above its floor in a shared counter that refused; true: ask again. */
  readonly findGuardRoom?: (partition: number, guardId: string, wantedMinor: number, floor: number) => Promise<boolean>;
}

interface Shard<Message, Account, Answer> {
  readonly partition: number;
  epoch: number;
  ready: Lane<Message, Account, Answer>[];
  /** Messages without an account. */
  loose: Pending<Message, Answer>[];
  commitsInFlight: number;
  isScheduled: boolean;
  /** undefined: the store answers. `fenced`: it does, and says that the epoch is over. */
  trouble: 'away' | 'fenced' | undefined;
  mustReadEpoch: boolean;
  retryMs: number;
}

const itemsPerCommitMax = 512;
const messagesPerCommitMax = 1024;
const attemptsMax = 32;
const guardAttemptsMax = 4;
const retryFirstMs = 20;
const retryMaxMs = 1000;

export class Decider<Message, Account extends { readonly version: number }, Answer> {
  readonly #domain: Domain<Message, Account, Answer>;
  readonly #options: DecideOptions;
  readonly #store: Store;
  readonly #shards: Shard<Message, Account, Answer>[] = [];
  readonly #lanes: LaneCache<Message, Account, Answer>;
  readonly #late: LateFinder<Pending<Message, Answer>>;
  readonly #messagesMax: number;
  #waiting = 0;
  #tick = 0;
  #downSinceMs: number | undefined;
  #isClosed = false;
  readonly #idle: (() => void)[] = [];

  private constructor(domain: Domain<Message, Account, Answer>, options: DecideOptions, epochs: readonly number[]) {
    this.#domain = domain;
    this.#options = options;
    this.#store = options.store;
    this.#lanes = new LaneCache({ accountsMax: options.accountsCachedMax ?? 50_000, recordsMax: options.recordsCachedMax ?? 200_000 });
    this.#late = new LateFinder(options.elapsed, options.after, (pending) => this.#finishLate(pending));
    this.#messagesMax = options.messagesMax ?? 20_000;
    assert(epochs.length === options.store.partitions, 'every partition has an epoch');
    for (const [partition, epoch] of epochs.entries()) {
      this.#shards.push({
        partition, epoch, ready: [], loose: [], commitsInFlight: 0, isScheduled: false, trouble: undefined, mustReadEpoch: false,
        retryMs: retryFirstMs,
      });
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

  /** Does the store answer, as far as is known, for every partition? */
  get storeAnswers(): boolean {
    return this.#downSinceMs === undefined;
  }

  /** An account as it was when the store last told of it, for whoever stands in for the store; undefined: not known, or forgotten. */
  lastKnown(accountId: string): LastKnown<Account> | undefined {
    return this.#lanes.lastKnown(accountId);
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    if (this.#waiting > 0) await new Promise<void>((resolve) => void this.#idle.push(resolve));
  }

  /** Asks an absent store no more: for when nothing is submitted any more and nobody waits for what is left. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Decides a message; `done` is called once, from a later turn, and must not throw.
   * @param accountId undefined: it concerns no account, and only its entry is written
   * @param spread chooses the partition of a message without an account
   * @param deadlineMs on the monotonic clock; Infinity for what must be decided whenever it can be
   */
  submit(accountId: string | undefined, spread: string, message: Message, deadlineMs: number, done: (outcome: Outcome<Answer>) => void): void {
    const shard = this.#shardOf(accountId ?? spread);
    const isUrgent = deadlineMs !== Infinity;
    const joins = isUrgent && shard.trouble !== undefined && this.#joins(accountId, message);
    const cause = isUrgent && this.#waiting >= this.#messagesMax ? 'overload' : isUrgent && shard.trouble === 'away' && !joins ? 'store' : undefined;
    if (cause !== undefined) {
      this.#options.atTurnEnd(() => done({ kind: 'unavailable', cause }));
      return;
    }
    this.#waiting += 1;
    this.#tick += 1;
    const pending: Pending<Message, Answer> = {
      message, deadlineMs, tick: this.#tick, done, tainted: false, ownerless: false, guardRefused: false, refusedGuardId: '', attempts: 0, isSent: false, finished: false,
    };
    if (joins) this.#taint(pending);
    if (isUrgent) this.#late.watch(pending);
    if (accountId === undefined) {
      shard.loose.push(pending);
    } else {
      const lane = this.#lanes.lane(accountId);
      lane.queue.push(pending);
      if (lane.state === 'idle') this.#release(shard, lane);
    }
    this.#schedule(shard);
  }

  #shardOf(id: string): Shard<Message, Account, Answer> {
    const shard = this.#shards[partitionOf(id, this.#shards.length)];
    assert(shard !== undefined, 'every id has a partition');
    return shard;
  }

  /** Is it a repeat of something of which nobody knows whether it has happened? */
  #joins(accountId: string | undefined, message: Message): boolean {
    const queue = accountId === undefined ? undefined : this.#lanes.find(accountId)?.queue;
    return queue !== undefined && queue.some((pending) => pending.tainted && this.#domain.repeats(message, pending.message));
  }

  #schedule(shard: Shard<Message, Account, Answer>): void {
    if (shard.isScheduled || shard.trouble !== undefined) return;
    shard.isScheduled = true;
    this.#options.atTurnEnd(() => {
      shard.isScheduled = false;
      this.#flush(shard);
    });
  }

  /** Sends one commit with what is ready, and reads what the rest needs. */
  #flush(shard: Shard<Message, Account, Answer>): void {
    if (shard.trouble !== undefined || shard.commitsInFlight >= this.#store.commitsInFlightMax) return;
    const facts = { decidedAtMs: this.#options.now(), elapsedMs: this.#options.elapsed() };
    const unread: Lane<Message, Account, Answer>[] = [];
    const wanted = new Map<string, Lane<Message, Account, Answer>>();
    const batches: Batch<Message, Account, Answer>[] = [];
    let messages = 0;
    let taken = 0;
    const { ready } = shard;
    shard.ready = [];
    for (const lane of ready) {
      if (taken === itemsPerCommitMax || messages >= messagesPerCommitMax) break;
      taken += 1;
      lane.state = 'busy';
      if (lane.head === undefined || lane.isSuspect) {
        unread.push(lane);
        continue;
      }
      const prepared = prepare(lane, this.#domain, facts);
      this.#tell(prepared);
      if (prepared.batch !== undefined) {
        batches.push(prepared.batch);
        messages += prepared.batch.taken.length;
      } else if (prepared.isStale) unread.push(lane);
      else if (prepared.missing.length > 0) for (const id of prepared.missing) wanted.set(id, lane);
      else this.#release(shard, lane);
    }
    // What an outcome's receiver submitted meanwhile comes after those that were ready before it.
    shard.ready = [...ready.slice(taken), ...shard.ready];
    const loose = prepareLoose(shard.loose.splice(0, itemsPerCommitMax), this.#domain, facts);
    this.#tell(loose);
    if (unread.length > 0) void this.#readHeads(shard, unread);
    if (wanted.size > 0) void this.#readRecords(shard, wanted);
    if (batches.length > 0 || loose.items.length > 0) void this.#commit(shard, batches, loose, messages + loose.items.length);
    if (shard.ready.length > 0 || shard.loose.length > 0) this.#schedule(shard);
  }

  #tell({ settled, late }: Pick<Loose<Message, Answer>, 'settled' | 'late'>): void {
    for (const { pending, answer } of settled) this.#finish(pending, { kind: 'decided', answer });
    for (const pending of late) this.#finishLate(pending);
  }

  async #commit(
    shard: Shard<Message, Account, Answer>, batches: readonly Batch<Message, Account, Answer>[], loose: Loose<Message, Answer>, messages: number,
  ): Promise<void> {
    const { elapsed, events } = this.#options;
    const at = atOf(shard);
    const asOf: Moment = { tick: this.#tick, atMs: this.#options.now() };
    const startedMs = elapsed();
    shard.commitsInFlight += 1;
    markSent(batches, loose, true);
    const called = await calling(this.#store.commit(at, [...batches.map(({ item }) => item), ...loose.items]));
    markSent(batches, loose, false);
    shard.commitsInFlight -= 1;
    if ('error' in called) {
      for (const { lane, taken } of batches) {
        this.#lanes.doubt(lane);
        this.#putBack(lane, this.#doubt(taken, called.error));
        this.#release(shard, lane);
      }
      shard.loose = [...this.#doubt(loose.taken, called.error), ...shard.loose];
      this.#failed(shard, at, called.error);
      return;
    }
    shard.retryMs = retryFirstMs;
    events.commit(shard.partition, called.answer.length, messages, elapsed() - startedMs);
    for (const [index, batch] of batches.entries()) {
      const result = called.answer[index];
      assert(result !== undefined, 'every item has a result');
      this.#settle(shard, batch, result, asOf);
    }
    for (const [index, pending] of loose.taken.entries()) this.#finish(pending, { kind: 'decided', answer: loose.answers[index] as Answer });
    if (at.epoch !== shard.epoch) for (const { lane } of batches) this.#lanes.forget(lane);
    // What arrived while the commit was under way goes with the next one, now.
    if (shard.ready.length > 0 || shard.loose.length > 0) this.#schedule(shard);
  }

  #settle(shard: Shard<Message, Account, Answer>, batch: Batch<Message, Account, Answer>, result: CommitResult, asOf: Moment): void {
    const { lane, taken, answers } = batch;
    if (result.kind === 'committed') {
      // That an account is absent is not remembered: another process may open it.
      if (batch.account !== undefined && batch.item.head !== undefined) this.#lanes.keepHead(lane, batch.account, asOf);
      else lane.head = batch.account === undefined ? undefined : { account: batch.account };
      this.#lanes.keepRecords(lane, batch.changed);
      lane.singles = Math.max(0, lane.singles - taken.length);
      for (const { durable } of batch.own) durable();
      for (const [index, pending] of taken.entries()) this.#finish(pending, { kind: 'decided', answer: answers[index] as Answer });
      this.#release(shard, lane);
      return;
    }
    if (result.kind === 'conflict') {
      this.#options.events.conflict();
      this.#lanes.learnHead(lane, this.#decode(lane, result.value), asOf);
    } else if (result.kind === 'duplicate') {
      this.#lanes.learnRecords(lane, result.records);
    } else if (taken.length > 1) {
      lane.singles = taken.length;
    } else {
      void this.#seekGuardRoom(shard, batch, result.guardId);
      return;
    }
    this.#again(shard, lane, taken);
  }

  async #seekGuardRoom(shard: Shard<Message, Account, Answer>, batch: Batch<Message, Account, Answer>, guardId: string): Promise<void> {
    const { lane, taken, item } = batch;
    const wantedMinor = -item.guards.reduce((sum, move) => sum + (move.guardId === guardId ? move.delta : 0), 0);
    const isTried = taken.some(({ attempts }) => attempts >= guardAttemptsMax);
    const { findGuardRoom } = this.#options;
    const called = isTried || findGuardRoom === undefined ? { answer: false } : await calling(findGuardRoom(shard.partition, guardId, wantedMinor, item.guards.find((move) => move.guardId === guardId)?.floor ?? 0));
    if ('error' in called) this.#options.events.trouble(troubleOf(called.error), called.error);
    const isFound = 'answer' in called && called.answer;
    if (!isFound) for (const pending of taken) Object.assign(pending, { guardRefused: true, refusedGuardId: guardId });
    this.#again(shard, lane, taken);
  }

  /** Lets messages be applied again, before what came after them. */
  #again(shard: Shard<Message, Account, Answer>, lane: Lane<Message, Account, Answer>, taken: readonly Pending<Message, Answer>[]): void {
    const tired: Pending<Message, Answer>[] = [];
    const kept: Pending<Message, Answer>[] = [];
    for (const pending of taken) {
      pending.attempts += 1;
      (pending.attempts > attemptsMax && pending.deadlineMs !== Infinity ? tired : kept).push(pending);
    }
    this.#putBack(lane, kept);
    for (const pending of tired) this.#finish(pending, pending.tainted ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'overload' });
    this.#release(shard, lane);
  }

  #putBack(lane: Lane<Message, Account, Answer>, taken: readonly Pending<Message, Answer>[]): void {
    const kept = taken.filter(({ finished }) => !finished);
    if (kept.length > 0) lane.queue = [...kept, ...lane.queue];
  }

  /** Nothing is under way for the lane: what waits in it is ready. */
  #release(shard: Shard<Message, Account, Answer>, lane: Lane<Message, Account, Answer>): void {
    lane.state = 'idle';
    if (lane.queue.length === 0) {
      lane.singles = 0;
      return;
    }
    lane.state = 'ready';
    shard.ready.push(lane);
    this.#schedule(shard);
  }

  async #readHeads(shard: Shard<Message, Account, Answer>, lanes: readonly Lane<Message, Account, Answer>[]): Promise<void> {
    const at = atOf(shard);
    const asOf: Moment = { tick: this.#tick, atMs: this.#options.now() };
    const called = await calling(this.#store.heads(at, lanes.map(({ accountId }) => accountId)));
    if ('error' in called) this.#readFailed(shard, at, lanes, called.error);
    else {
      for (const [index, lane] of lanes.entries()) {
        // The partition may have moved on to an epoch with another past.
        if (at.epoch === shard.epoch) this.#lanes.learnHead(lane, this.#decode(lane, called.answer[index]?.value), asOf);
        this.#release(shard, lane);
      }
    }
  }

  #decode({ accountId }: Lane<Message, Account, Answer>, value: string | undefined): Account | undefined {
    return value === undefined ? undefined : this.#domain.decode(accountId, value);
  }

  async #readRecords(shard: Shard<Message, Account, Answer>, wanted: ReadonlyMap<string, Lane<Message, Account, Answer>>): Promise<void> {
    const at = atOf(shard);
    const ids = [...wanted.keys()];
    const lanes = [...new Set(wanted.values())];
    const called = await calling(this.#store.records(at, ids));
    if ('error' in called) this.#readFailed(shard, at, lanes, called.error);
    else {
      const found = new Map(lanes.map((lane) => [lane, new Map<string, string | null>()]));
      for (const [index, [id, lane]] of [...wanted].entries()) found.get(lane)?.set(id, called.answer[index] ?? null);
      for (const [lane, records] of found) {
        if (at.epoch === shard.epoch) this.#lanes.learnRecords(lane, records);
        this.#release(shard, lane);
      }
    }
  }

  #readFailed(shard: Shard<Message, Account, Answer>, at: PartitionEpoch, lanes: readonly Lane<Message, Account, Answer>[], error: Error): void {
    for (const lane of lanes) {
      this.#lanes.doubt(lane);
      this.#release(shard, lane);
    }
    this.#failed(shard, at, error);
  }

  /**
   * What becomes of messages whose commit failed: where that is unknown, they have to find themselves; one that cannot, since
   * it changes no head, is not tried again, or it would be written down twice.
   * @returns those that have no outcome yet
   */
  #doubt(taken: readonly Pending<Message, Answer>[], error: Error): Pending<Message, Answer>[] {
    const kept: Pending<Message, Answer>[] = [];
    const isUnknown = troubleOf(error) === 'unknown';
    for (const pending of taken) {
      if (isUnknown) this.#taint(pending);
      if (isUnknown && pending.ownerless) this.#finish(pending, { kind: 'unresolved' });
      else if (!pending.finished) kept.push(pending);
    }
    return kept;
  }

  #taint(pending: Pending<Message, Answer>): void {
    pending.tainted = true;
    if (pending.deadlineMs !== Infinity) pending.deadlineMs = Math.min(pending.deadlineMs, this.#options.elapsed() + (this.#options.doubtMs?.() ?? Infinity));
  }

  /** The store could not do a call. */
  #failed(shard: Shard<Message, Account, Answer>, at: PartitionEpoch, error: Error): void {
    const kind = troubleOf(error);
    this.#options.events.trouble(kind, error);
    // A call that was fenced under an epoch that has been read anew since needs nothing but another attempt.
    if (kind === 'fenced' && at.epoch !== shard.epoch) {
      this.#schedule(shard);
      return;
    }
    if (shard.trouble === undefined) {
      this.#downSinceMs ??= this.#options.elapsed();
      this.#retryLater(shard);
    }
    if (kind === 'fenced') shard.mustReadEpoch = true;
    if (shard.trouble !== 'away') shard.trouble = kind === 'fenced' ? 'fenced' : 'away';
    if (shard.trouble === 'away') this.#turnAway(shard);
  }

  #retryLater(shard: Shard<Message, Account, Answer>): void {
    this.#options.after(shard.retryMs, () => void this.#retry(shard));
    shard.retryMs = Math.min(retryMaxMs, shard.retryMs * 2);
  }

  /** Asks the store for this partition until it answers; nothing else of the partition is tried until then. */
  async #retry(shard: Shard<Message, Account, Answer>): Promise<void> {
    if (this.#isClosed) return;
    const called = await calling<unknown>(shard.mustReadEpoch ? this.#readEpochs() : this.#store.journalLength(atOf(shard)));
    if ('error' in called) {
      shard.trouble = 'away';
      this.#turnAway(shard);
      this.#retryLater(shard);
      return;
    }
    shard.trouble = undefined;
    this.#schedule(shard);
    if (this.#downSinceMs === undefined || this.#shards.some(({ trouble }) => trouble !== undefined)) return;
    this.#options.events.recovered(this.#options.elapsed() - this.#downSinceMs);
    this.#downSinceMs = undefined;
  }

  /** An epoch's heads and records are its own, even where a version is the same: with a new one, all that was known goes. */
  async #readEpochs(): Promise<void> {
    const epochs = await this.#store.epochs();
    for (const shard of this.#shards) {
      const epoch = epochs[shard.partition];
      assert(epoch !== undefined, 'every partition has an epoch');
      shard.mustReadEpoch = false;
      if (epoch === shard.epoch) continue;
      shard.epoch = epoch;
      this.#lanes.forgetAll((accountId) => this.#shardOf(accountId) === shard);
    }
  }

  /** Gives an outcome to what waits in the partition and surely has not happened; what need not hurry stays. */
  #turnAway(shard: Shard<Message, Account, Answer>): void {
    const away: Pending<Message, Answer>[] = [];
    const { ready } = shard;
    shard.ready = [];
    for (const lane of ready) {
      const doubtful = lane.queue.filter(({ tainted }) => tainted);
      const kept: Pending<Message, Answer>[] = [];
      for (const pending of lane.queue) {
        if (!pending.tainted && doubtful.some((earlier) => this.#domain.repeats(pending.message, earlier.message))) this.#taint(pending);
        (pending.tainted || pending.deadlineMs === Infinity ? kept : away).push(pending);
      }
      lane.queue = kept;
      this.#release(shard, lane);
    }
    for (const pending of shard.loose.splice(0)) (pending.deadlineMs === Infinity ? shard.loose : away).push(pending);
    for (const pending of away) this.#finish(pending, { kind: 'unavailable', cause: 'store' });
  }

  #finishLate(pending: Pending<Message, Answer>): void {
    this.#finish(pending, pending.tainted || pending.isSent ? { kind: 'unresolved' } : { kind: 'unavailable', cause: 'deadline' });
  }

  #finish(pending: Pending<Message, Answer>, outcome: Outcome<Answer>): void {
    if (pending.finished) return;
    pending.finished = true;
    this.#waiting -= 1;
    const { done } = pending;
    pending.done = nothing;
    done(outcome);
    if (this.#waiting > 0 || this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

const nothing = (): void => undefined;

function atOf({ partition, epoch }: PartitionEpoch): PartitionEpoch {
  return { partition, epoch };
}
