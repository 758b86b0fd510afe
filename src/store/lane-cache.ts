/**
 * The accounts that this process knows, bounded: so many accounts, so many of their records. What is forgotten is read again.
 */
import { newLane } from './lane.ts';
import type { Lane } from './lane.ts';

/** A lane that knows more records than this when it learns another forgets them first. */
const recordsPerLaneMax = 1024;

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

  /** Takes over a head that the store told of, in answer to a call sent at the tick `asOf`. */
  learnHead(lane: Lane<Message, Account, Answer>, account: Account | undefined, asOf: number): void {
    if (lane.head?.account?.version !== account?.version) this.#forgetRecords(lane);
    lane.head = { account };
    lane.asOf = asOf;
    lane.isSuspect = false;
  }

  /** Takes over records that the store told of at a moment of its own. They stay if the head, read after them, is the same still. */
  learnRecords(lane: Lane<Message, Account, Answer>, records: ReadonlyMap<string, string | null>): void {
    this.keepRecords(lane, records);
    lane.isSuspect = true;
  }

  /** Takes over records that were changed with the head that the lane has. */
  keepRecords(lane: Lane<Message, Account, Answer>, records: ReadonlyMap<string, string | null>): void {
    if (records.size === 0) return;
    if (lane.records.size > recordsPerLaneMax) this.#forgetRecords(lane);
    const before = lane.records.size;
    for (const [id, value] of records) lane.records.set(id, value);
    this.#records += lane.records.size - before;
    if (this.#records <= this.#limits.recordsMax) return;
    for (const other of this.#lanes.values()) if (other.state === 'idle') this.#forgetRecords(other);
  }

  forget(lane: Lane<Message, Account, Answer>): void {
    lane.head = undefined;
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
