/**
 * One account's messages in order, what is known of the account, and the making of one commit item from them. It owns no call
 * to the store: `prepare` reads what the lane knows and says what is missing.
 *
 * Invariants: until a commit is known to have happened, the lane knows what the store held before it. What it knows of records
 * belongs to the head that it knows: a message is applied on one moment of the account, never on two, which could look like
 * an account that cannot be.
 */
import { assert } from '../base/assert.ts';
import type { CommitItem, GuardMove, RecordPut } from './store.ts';

/** What applying one message says, with heads and records already as the store keeps them. */
export type Applied<Account, Answer> =
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  | { readonly kind: 'decided'; readonly answer: Answer; readonly change: AppliedChange<Account> | undefined };

export interface AppliedChange<Account> {
  /** undefined where the message concerns no account: then only its entry is written. */
  readonly account: Account | undefined;
  /** undefined: a change of the head that nobody asks after. */
  readonly entry: string | undefined;
  readonly puts: readonly RecordPut[];
  readonly deletes: readonly string[];
  readonly once: readonly string[];
  readonly guard: GuardMove | undefined;
  /** More of them. */
  readonly guards?: readonly GuardMove[];
  /** Records of this node alone, in the same step; only where the store has a place for them. */
  readonly own?: OwnChange | undefined;
}

export interface OwnChange {
  readonly puts: readonly RecordPut[];
  /** Is called once when they are durable, be it after the message's time; before another message of the account is applied. */
  readonly durable: () => void;
}

export interface ApplyFacts {
  /** Unix ms. */
  readonly decidedAtMs: number;
  readonly guardRefused: boolean;
  /** Which one did; absent or empty: none. */
  readonly refusedGuardId?: string;
}

/** What is decided, for the loop to run: pure functions of the domain. */
export interface Domain<Message, Account extends { readonly version: number }, Answer> {
  decode(accountId: string, text: string): Account;
  encode(account: Account): string;
  apply(account: Account | undefined, records: ReadonlyMap<string, string | null>, message: Message, facts: ApplyFacts): Applied<Account, Answer>;
  /** Would the two find each other by what they change, so that one that waits has happened if the other has? */
  repeats(message: Message, earlier: Message): boolean;
}

export type Outcome<Answer> =
  | { readonly kind: 'decided'; readonly answer: Answer }
  /** Nothing of it has happened, and it cannot be decided now. */
  | { readonly kind: 'unavailable'; readonly cause: 'store' | 'deadline' | 'overload' }
  /** Whether it has happened is not known, and there is no more time to find out. */
  | { readonly kind: 'unresolved' };

/** A message that waits for its outcome. */
export interface Pending<Message, Answer> {
  readonly message: Message;
  /** Monotonic ms. It comes nearer for what may have happened while the store is away. */
  deadlineMs: number;
  /** Its place among all messages of the process, in the order in which they came. */
  readonly tick: number;
  /** Once it was called, nothing: what it holds on to may go. */
  done: (outcome: Outcome<Answer>) => void;
  /** A commit with it, or with what it repeats, has an unknown outcome. */
  tainted: boolean;
  /** Its change touches no head, so that nothing would show that it has happened already. */
  ownerless: boolean;
  guardRefused: boolean;
  refusedGuardId: string;
  attempts: number;
  /** It is in a commit whose outcome is awaited. */
  isSent: boolean;
  finished: boolean;
}

export interface Lane<Message, Account, Answer> {
  readonly accountId: string;
  queue: Pending<Message, Answer>[];
  /** `ready`: in the partition's list; `busy`: a call to the store is under way for it. */
  state: 'idle' | 'ready' | 'busy';
  /** undefined: not read. */
  head: { readonly account: Account | undefined } | undefined;
  /** The tick at which the call was sent that last proved the head to be the store's. */
  asOf: number;
  /** Unix ms of that. */
  asOfMs: number;
  /** What was known before a call failed: it may have changed since. */
  last: LastKnown<Account> | undefined;
  /** Records came from the store after the head did, and may belong to a later one: it must be read again first. */
  isSuspect: boolean;
  /** Records of that head: null where it is known that there is none. */
  records: Map<string, string | null>;
  /** A guard refused what several messages asked together: so many are asked one by one. */
  singles: number;
}

/** A place in the order of messages, and Unix ms of it. */
export interface Moment {
  readonly tick: number;
  readonly atMs: number;
}

/** An account as it was when the store last told of it, with such of its records as were in memory then. */
export interface LastKnown<Account> {
  readonly account: Account;
  /** To be copied by whoever keeps them beyond this turn. */
  readonly records: ReadonlyMap<string, string | null>;
  /** Unix ms at which the call was sent that the store answered. */
  readonly asOfMs: number;
}

/** One lane's part of a commit. */
export interface Batch<Message, Account, Answer> {
  readonly lane: Lane<Message, Account, Answer>;
  readonly taken: readonly Pending<Message, Answer>[];
  /** One for each taken. */
  readonly answers: readonly Answer[];
  /** As it is after the commit. */
  readonly account: Account | undefined;
  /** Records as they are after the commit, beyond what the lane knows. */
  readonly changed: readonly (readonly [id: string, value: string | null])[];
  readonly own: readonly OwnChange[];
  readonly item: CommitItem;
}

export interface Prepared<Message, Account, Answer> {
  readonly batch: Batch<Message, Account, Answer> | undefined;
  /** Decided without a change. */
  readonly settled: readonly { readonly pending: Pending<Message, Answer>; readonly answer: Answer }[];
  readonly late: readonly Pending<Message, Answer>[];
  /** Records that the next messages need, where the first of them needs some. */
  readonly missing: readonly string[];
  /** The head must be read before the next message is answered: it changes nothing, so no commit would prove the head. */
  readonly isStale: boolean;
}

export interface PrepareFacts {
  /** Unix ms. */
  readonly decidedAtMs: number;
  /** Monotonic ms. */
  readonly elapsedMs: number;
}

const messagesPerItemMax = 128;
const noRecords: ReadonlyMap<string, string | null> = new Map();

export function newLane<Message, Account, Answer>(accountId: string): Lane<Message, Account, Answer> {
  return { accountId, queue: [], state: 'idle', head: undefined, asOf: -1, asOfMs: 0, last: undefined, isSuspect: false, records: new Map(), singles: 0 };
}

/** Applies what waits in the lane, as far as what is known of the account reaches. What it takes leaves the queue. */
export function prepare<Message, Account extends { readonly version: number }, Answer>(
  lane: Lane<Message, Account, Answer>, domain: Domain<Message, Account, Answer>, facts: PrepareFacts,
): Prepared<Message, Account, Answer> {
  assert(lane.head !== undefined && !lane.isSuspect, 'a lane is prepared on a head that was read');
  const draft = new Draft<Message, Account, Answer>(lane, lane.head.account);
  const settled: { pending: Pending<Message, Answer>; answer: Answer }[] = [];
  const late: Pending<Message, Answer>[] = [];
  let missing: readonly string[] = [];
  let isStale = false;
  const most = lane.singles > 0 ? 1 : messagesPerItemMax;
  while (draft.taken.length < most) {
    const [pending] = lane.queue;
    if (pending === undefined) break;
    if (pending.finished || facts.elapsedMs >= pending.deadlineMs) {
      if (!pending.finished) late.push(pending);
      lane.queue.shift();
      continue;
    }
    draft.lay();
    const applied: Applied<Account, Answer> = domain.apply(draft.account, lane.records, pending.message, {
      decidedAtMs: facts.decidedAtMs, guardRefused: pending.guardRefused, refusedGuardId: pending.refusedGuardId,
    });
    if (applied.kind === 'read') {
      if (draft.taken.length === 0) missing = missingOf(lane, domain, facts.decidedAtMs);
      break;
    }
    const { change } = applied;
    if (change?.account === undefined && !draft.hasHead && pending.tick > lane.asOf) {
      isStale = draft.taken.length === 0;
      break;
    }
    lane.queue.shift();
    if (change === undefined && draft.taken.length === 0) settled.push({ pending, answer: applied.answer });
    else draft.take(pending, applied.answer, change);
  }
  const batch = draft.finish((account) => domain.encode(account));
  return { batch, settled, late, missing, isStale };
}

/** The records that the lane's next messages need, so that one read serves them all. */
function missingOf<Message, Account extends { readonly version: number }, Answer>(
  lane: Lane<Message, Account, Answer>, domain: Domain<Message, Account, Answer>, decidedAtMs: number,
): readonly string[] {
  const missing = new Set<string>();
  for (const { message, guardRefused, refusedGuardId } of lane.queue.slice(0, messagesPerItemMax)) {
    const applied = domain.apply(lane.head?.account, lane.records, message, { decidedAtMs, guardRefused, refusedGuardId });
    if (applied.kind === 'read') for (const id of applied.ids) missing.add(id);
  }
  return [...missing];
}

/** Messages that no account owns: an item for each. */
export interface Loose<Message, Answer> {
  readonly taken: readonly Pending<Message, Answer>[];
  /** One for each taken. */
  readonly answers: readonly Answer[];
  readonly items: readonly CommitItem[];
  readonly settled: readonly { readonly pending: Pending<Message, Answer>; readonly answer: Answer }[];
  readonly late: readonly Pending<Message, Answer>[];
}

export function prepareLoose<Message, Account extends { readonly version: number }, Answer>(
  queue: readonly Pending<Message, Answer>[], domain: Domain<Message, Account, Answer>, facts: PrepareFacts,
): Loose<Message, Answer> {
  const taken: Pending<Message, Answer>[] = [];
  const answers: Answer[] = [];
  const items: CommitItem[] = [];
  const settled: { pending: Pending<Message, Answer>; answer: Answer }[] = [];
  const late: Pending<Message, Answer>[] = [];
  for (const pending of queue) {
    if (pending.finished) continue;
    if (facts.elapsedMs >= pending.deadlineMs) {
      late.push(pending);
      continue;
    }
    const applied = domain.apply(undefined, noRecords, pending.message, { decidedAtMs: facts.decidedAtMs, guardRefused: false });
    assert(applied.kind === 'decided', 'a message without an account needs no record');
    if (applied.change === undefined) {
      settled.push({ pending, answer: applied.answer });
      continue;
    }
    pending.ownerless = true;
    taken.push(pending);
    answers.push(applied.answer);
    const { entry } = applied.change;
    items.push({ puts: [], deletes: [], once: [], entries: entry === undefined ? [] : [entry], guards: [] });
  }
  return { taken, answers, items, settled, late };
}

/** A record that a draft changes. */
interface Touched {
  readonly id: string;
  /** undefined: it is deleted. */
  put: RecordPut | undefined;
}

/** What the lane knew of a record before; undefined: nothing. */
type Known = readonly [id: string, value: string | null | undefined];

/** So many changed records are searched one by one; of more there is an index. Nearly all items change one or two. */
const searchedMax = 8;

/** Gathers the changes of several messages into one item, each applied on what the ones before it leave. */
class Draft<Message, Account extends { readonly version: number }, Answer> {
  readonly taken: Pending<Message, Answer>[] = [];
  account: Account | undefined;
  hasHead = false;
  readonly #lane: Lane<Message, Account, Answer>;
  readonly #accountBefore: Account | undefined;
  readonly #answers: Answer[] = [];
  readonly #touched: Touched[] = [];
  /** Changes that no other message has to see yet. */
  #unlaid: Touched[] = [];
  readonly #recordsBefore: Known[] = [];
  #index: Map<string, Touched> | undefined;
  readonly #once: string[] = [];
  #isChanged = false;
  readonly #entries: string[] = [];
  readonly #guards: GuardMove[] = [];
  readonly #own: OwnChange[] = [];

  constructor(lane: Lane<Message, Account, Answer>, account: Account | undefined) {
    this.#lane = lane;
    this.#accountBefore = account;
    this.account = account;
  }

  take(pending: Pending<Message, Answer>, answer: Answer, change: AppliedChange<Account> | undefined): void {
    this.taken.push(pending);
    this.#answers.push(answer);
    if (change === undefined) return;
    pending.ownerless = change.account === undefined;
    if (change.account !== undefined) {
      this.account = change.account;
      this.hasHead = true;
    }
    this.#isChanged = true;
    if (change.entry !== undefined) this.#entries.push(change.entry);
    for (const id of change.once) if (this.#find(id)?.put === undefined) this.#once.push(id);
    for (const put of change.puts) this.#set(put.id, put);
    for (const id of change.deletes) this.#set(id, undefined);
    if (change.guard !== undefined) addGuard(this.#guards, change.guard);
    if (change.guards !== undefined) for (const guard of change.guards) addGuard(this.#guards, guard);
    if (change.own !== undefined) this.#own.push(change.own);
  }

  /** Shows the next message what those before it change. Nearly all items have one message alone, and never come to that. */
  lay(): void {
    if (this.#unlaid.length === 0) return;
    const { records } = this.#lane;
    for (const { id, put } of this.#unlaid) {
      this.#recordsBefore.push([id, records.get(id)]);
      records.set(id, put === undefined ? null : put.value);
    }
    this.#unlaid = [];
  }

  /** Takes back from the lane what is not known to have happened. @returns undefined where nothing changes */
  finish(encode: (account: Account) => string): Batch<Message, Account, Answer> | undefined {
    const { records, accountId } = this.#lane;
    const changed: (readonly [id: string, value: string | null])[] = [];
    const puts: RecordPut[] = [];
    const deletes: string[] = [];
    for (const { id, put } of this.#touched) {
      changed.push([id, put === undefined ? null : put.value]);
      if (put === undefined) deletes.push(id);
      else puts.push(put);
    }
    // The last first: what was laid over itself goes back to what it was at first.
    for (const [id, value] of this.#recordsBefore.reverse()) {
      if (value === undefined) records.delete(id);
      else records.set(id, value);
    }
    if (!this.#isChanged) return undefined;
    const { account } = this;
    const head = account === undefined || !this.hasHead ? undefined : {
      accountId, expectedVersion: this.#accountBefore?.version ?? 0, version: account.version, value: encode(account),
    };
    const own = this.#own;
    return {
      lane: this.#lane, taken: this.taken, answers: this.#answers, account, changed, own,
      item: {
        head, puts, deletes, once: this.#once, entries: this.#entries, guards: this.#guards, own: own.length < 2 ? own[0]?.puts : own.flatMap((each) => each.puts),
      },
    };
  }

  #find(id: string): Touched | undefined {
    if (this.#index !== undefined) return this.#index.get(id);
    for (const touched of this.#touched) if (touched.id === id) return touched;
    return undefined;
  }

  #set(id: string, put: RecordPut | undefined): void {
    let touched = this.#find(id);
    if (touched === undefined) {
      touched = { id, put };
      this.#touched.push(touched);
      if (this.#touched.length > searchedMax) {
        this.#index ??= new Map(this.#touched.map((each) => [each.id, each]));
        this.#index.set(id, touched);
      }
    } else touched.put = put;
    this.#unlaid.push(touched);
  }
}

function addGuard(guards: GuardMove[], move: GuardMove): void {
  const at = guards.findIndex(({ guardId }) => guardId === move.guardId);
  const earlier = guards[at];
  if (earlier === undefined) guards.push(move);
  else guards[at] = { guardId: move.guardId, delta: earlier.delta + move.delta, floor: Math.max(earlier.floor, move.floor), keepUntilMs: move.keepUntilMs ?? earlier.keepUntilMs };
}

/** Notes that what was taken is in a commit whose outcome is awaited, or no longer. */
export function markSent<Message, Account, Answer>(
  batches: readonly Batch<Message, Account, Answer>[], loose: Loose<Message, Answer>, isSent: boolean,
): void {
  for (const { taken } of batches) for (const pending of taken) pending.isSent = isSent;
  for (const pending of loose.taken) pending.isSent = isSent;
}
