/**
 * The accounts that this process knows, bounded: so many accounts, so many of their records. What is forgotten is read again.
 *
 * What was known when a call failed is kept beside, for whoever stands in while the store is away: of the same accounts, at most the
 * records that were known then. It goes when the store tells of the account again.
 */
import { newLane } from './lane.ts';
import type { Lane, LastKnown, Moment } from './lane.ts';

/** A lane that knows more records than this when it learns another forgets them first. */
const recordsPerLaneMax = 1024;

const noRecords: ReadonlyMap<string, string | null> = new Map();

export interface LaneCacheLimits {
  /** Accounts beyond this are forgotten while nothing waits for them. */
  readonly accountsMax: number;
  /** Records over all accounts. */
  readonly recordsMax: number;
}

export class LaneCache<Message, Account extends { readonly version: number }, Answer> {
  readonly #limits: LaneCacheLimits;
  readonly #lanes = new Map<string, Lane<Message, Account, Answer>>();
  #records = 0;

  constructor(limits: LaneCacheLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** Records known, over all accounts. */
  get records(): number {
    return this.#records;
  }

  find(accountId: string): Lane<Message, Account, Answer> | undefined {
    return this.#lanes.get(accountId);
  }

  /** The account's lane, made where there is none. */
  lane(accountId: string): Lane<Message, Account, Answer> {
    const known = this.#lanes.get(accountId);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#limits.accountsMax) this.#evict();
    const lane = newLane<Message, Account, Answer>(accountId);
    this.#lanes.set(accountId, lane);
    return lane;
  }

  /** Takes over a head that the store told of, in answer to a call sent then. */
  learnHead(lane: Lane<Message, Account, Answer>, account: Account | undefined, asOf: Moment): void {
    if (lane.head?.account?.version !== account?.version) this.#forgetRecords(lane);
    this.keepHead(lane, account, asOf);
    lane.isSuspect = false;
  }

  /** Takes over a head that a call sent then has committed. */
  keepHead(lane: Lane<Message, Account, Answer>, account: Account | undefined, { tick, atMs }: Moment): void {
    lane.head = { account };
    lane.asOf = tick;
    lane.asOfMs = atMs;
    lane.last = undefined;
  }

  /** The account as it was last known, now or before a call failed, with records of that same moment. */
  lastKnown(accountId: string): LastKnown<Account> | undefined {
    const lane = this.#lanes.get(accountId);
    if (lane?.head?.account === undefined) return lane?.last;
    return { account: lane.head.account, records: lane.isSuspect ? noRecords : lane.records, asOfMs: lane.asOfMs };
  }

  /** A call failed that concerned the lane: its head is to be read again. */
  doubt(lane: Lane<Message, Account, Answer>): void {
    const last = this.lastKnown(lane.accountId);
    this.#records -= lane.records.size;
    lane.records = new Map();
    lane.head = undefined;
    lane.last = last;
  }

  /** Takes over records that the store told of at a moment of its own. They stay if the head, read after them, is the same still. */
  learnRecords(lane: Lane<Message, Account, Answer>, records: ReadonlyMap<string, string | null>): void {
    this.keepRecords(lane, records);
    lane.isSuspect = true;
  }

  /** Takes over records that were changed with the head that the lane has. */
  keepRecords(lane: Lane<Message, Account, Answer>, records: Iterable<readonly [id: string, value: string | null]>): void {
    if (lane.records.size > recordsPerLaneMax) this.#forgetRecords(lane);
    const before = lane.records.size;
    for (const [id, value] of records) lane.records.set(id, value);
    this.#records += lane.records.size - before;
    if (this.#records <= this.#limits.recordsMax) return;
    for (const other of this.#lanes.values()) if (other.state === 'idle') this.#forgetRecords(other);
  }

  forget(lane: Lane<Message, Account, Answer>): void {
    lane.head = undefined;
    lane.last = undefined;
    this.#forgetRecords(lane);
  }

  forgetAll(isConcerned: (accountId: string) => boolean): void {
    for (const lane of this.#lanes.values()) if (isConcerned(lane.accountId)) this.forget(lane);
  }

  #forgetRecords(lane: Lane<Message, Account, Answer>): void {
    this.#records -= lane.records.size;
    lane.records.clear();
  }

  /** Forgets the longest known tenth of the accounts that nothing waits for. */
  #evict(): void {
    let left = Math.ceil(this.#limits.accountsMax / 10);
    for (const [accountId, lane] of this.#lanes) {
      if (left === 0) return;
      if (lane.state !== 'idle') continue;
      this.#forgetRecords(lane);
      this.#lanes.delete(accountId);
      left -= 1;
    }
  }
}
