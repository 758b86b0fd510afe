import {
  StoreUnavailable,
  StoreUnknown,
  type CommitItem,
  type CommitResult,
  type DueRecord,
  type Durability,
  type Head,
  type JournalEntry,
  type PartitionEpoch,
  type Store,
} from '../../src/store/store.ts';

/**
 * `before`: the call never takes place (StoreUnavailable). `after`: it takes place whole, and its answer is lost
 * (StoreUnknown). `lost`: it does not take place, and nobody can tell (StoreUnknown).
 */
export type FaultKind = 'before' | 'after' | 'lost';

export interface Fault {
  /** The call that fails, from 1, counted over the calls that `on` names. */
  readonly nth: number;
  readonly kind: FaultKind;
  /** Do all calls from the nth on fail, until `heal`? */
  readonly persistent: boolean;
  readonly on: 'commits' | 'reads' | 'all';
}

/**
 * A real store behind a fault. A fault loop raises `nth` from 1 until a run meets no fault any more (`met` is 0): then every
 * call of the scenario has failed once.
 */
export class FaultyStore implements Store {
  readonly partitions: number;
  readonly commitsInFlightMax: number;
  /** How many calls have failed. */
  met = 0;
  readonly #store: Store;
  #fault: Fault | undefined;
  #calls = 0;

  constructor(store: Store, fault: Fault | undefined) {
    this.#store = store;
    this.#fault = fault;
    this.partitions = store.partitions;
    this.commitsInFlightMax = store.commitsInFlightMax;
  }

  /** From now on, counted from now on. */
  fail(fault: Fault): void {
    this.#fault = fault;
    this.#calls = 0;
  }

  heal(): void {
    this.#fault = undefined;
  }

  commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    return this.#call('commits', () => this.#store.commit(at, items));
  }

  heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]> {
    return this.#call('reads', () => this.#store.heads(at, accountIds));
  }

  headChanges(accountId: string): number | undefined {
    return this.#store.headChanges(accountId);
  }

  records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call('reads', () => this.#store.records(at, ids));
  }

  guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]> {
    return this.#call('reads', () => this.#store.guards(at, guardIds));
  }

  findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call('reads', () => this.#store.findAccounts(tokens));
  }

  enterAccount(token: string, accountId: string): Promise<string> {
    return this.#call('commits', () => this.#store.enterAccount(token, accountId));
  }

  due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]> {
    return this.#call('reads', () => this.#store.due(at, nowMs, most));
  }

  tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]> {
    return this.#call('reads', () => this.#store.tail(at, after, most));
  }

  journalLength(at: PartitionEpoch): Promise<number> {
    return this.#call('reads', () => this.#store.journalLength(at));
  }

  trim(at: PartitionEpoch, through: string): Promise<void> {
    return this.#call('commits', () => this.#store.trim(at, through));
  }

  epochs(): Promise<readonly number[]> {
    return this.#call('reads', () => this.#store.epochs());
  }

  closeEpoch(at: PartitionEpoch): Promise<number> {
    return this.#call('commits', () => this.#store.closeEpoch(at));
  }

  durability(): Promise<Durability> {
    return this.#store.durability();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #call<T>(group: 'commits' | 'reads', work: () => Promise<T>): Promise<T> {
    const kind = this.#meet(group);
    if (kind === undefined) return await work();
    if (group === 'reads' || kind === 'before') throw new StoreUnavailable(`fault ${this.met} before the call`);
    if (kind === 'after') await work();
    throw new StoreUnknown(`fault ${this.met} of the answer`);
  }

  #meet(group: 'commits' | 'reads'): FaultKind | undefined {
    const fault = this.#fault;
    if (fault === undefined || (fault.on !== 'all' && fault.on !== group)) return undefined;
    this.#calls += 1;
    const due = fault.persistent ? this.#calls >= fault.nth : this.#calls === fault.nth;
    if (!due) return undefined;
    this.met += 1;
    return fault.kind;
  }
}
