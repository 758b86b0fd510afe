/**
 * The store's contract: the one primitive by which anything durable changes, and the few reads beside it.
 *
 *   head      one per account, versioned; every commit compares and sets it
 *   record    beside the head, one per trace; put, kept until a time, found by id
 *   entry     what happened, appended to the partition's journal in the same step
 *   guard     a counter with a floor that many accounts share, moved in the same step
 *   due       when a record wants to be looked at again (an open hold that expires)
 *   own       records of this node alone, which an item puts in the same step where the engine is this node's too
 *
 * A commit touches one partition, and this node's own records. Each of its items is all or nothing; items do not depend on each other. Heads, records and
 * entries are opaque strings to every engine: it compares and writes, it never calculates, except that it adds to guards.
 *
 * An engine promises: when `commit` says `committed`, the item survives what the engine's own head comment names. When it
 * rejects with StoreUnknown, each item has either happened whole or not at all, and only reading back tells which. A read
 * that finds nothing is true of its moment: what was sent may still arrive. Made again, an item with a head, or with `once` for
 * a record that it puts, does not happen twice all the same; one with neither can.
 */

/**
 * A partition of the store under the epoch in which its owner believes. Keys and entries carry both, so what an epoch left
 * behind can still be read after the next one is open.
 */
export interface PartitionEpoch {
  readonly partition: number;
  readonly epoch: number;
}

export interface HeadWrite {
  readonly accountId: string;
  /** 0 where the head must not exist yet. */
  readonly expectedVersion: number;
  /** Above `expectedVersion`; it may jump, since one item can carry several messages. */
  readonly version: number;
  readonly value: string;
}

export interface RecordPut {
  readonly id: string;
  readonly value: string;
  /**
   * Unix ms after which the record may be forgotten; undefined: kept until a later put sets a time. It counts only while
   * `dueAtMs` is not set: what still wants to be looked at is never forgotten.
   */
  readonly keepUntilMs?: number | undefined;
  /** Unix ms at which the record turns up in `due`; undefined: it does not (a time set earlier is taken away). */
  readonly dueAtMs?: number | undefined;
}

export interface GuardMove {
  readonly guardId: string;
  /** Negative takes, positive gives back. Minor units. */
  readonly delta: number;
  /** The counter may not be below this after a taking move. A giving move is never refused. A new counter stands at 0. */
  readonly floor: number;
  /** Unix ms after which the counter may be forgotten, as if it had never been moved; undefined: as an earlier move has it, and kept where none has. */
  readonly keepUntilMs?: number | undefined;
}

export interface CommitItem {
  /** Absent where nothing is owned by an account: a decline for a card that nobody has. */
  readonly head?: HeadWrite | undefined;
  readonly puts: readonly RecordPut[];
  /** Ids of records, none of which is in `puts`. */
  readonly deletes: readonly string[];
  /** Ids of records that must not exist yet. */
  readonly once: readonly string[];
  /** Appended to the journal in this order. */
  readonly entries: readonly string[];
  readonly guards: readonly GuardMove[];
  /** Records of this node alone, in the same step: for an engine that has a place for them (`Store.own`). */
  readonly own?: readonly RecordPut[] | undefined;
}

/**
 * `once` is looked at first, then the head, then the guards in order: a repeat of something that another process decided
 * is told so at the first attempt, and so is a call that is made again after StoreUnknown.
 */
export type CommitResult =
  | { readonly kind: 'committed' }
  /** The head is another than expected; `value` is undefined where there is none. */
  | { readonly kind: 'conflict'; readonly version: number; readonly value: string | undefined }
  /** Records of `once` that exist, with what they hold. */
  | { readonly kind: 'duplicate'; readonly records: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly guardId: string; readonly value: number };

/** Nothing is known of any item of the call: the connection broke after sending, or the engine did not answer in time. */
export class StoreUnknown extends Error {
  override readonly name = 'StoreUnknown';
}

/** The call never reached the engine, so nothing of it has happened. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The partition has moved on to another epoch: this process must load the epochs again before it writes. */
export class StoreFenced extends Error {
  override readonly name = 'StoreFenced';
}

export interface Head {
  readonly version: number;
  readonly value: string;
}

export interface DueRecord {
  readonly id: string;
  readonly dueAtMs: number;
}

export interface JournalEntry {
  /** Decimal place in the partition's and epoch's journal: 1 for the first, each next one more, without a gap. */
  readonly sequence: string;
  readonly value: string;
}

export interface Durability {
  /** Does an acknowledged commit survive a crash of the engine's machine? */
  readonly durable: boolean;
  /** One sentence for an operator: what was found and, where it falls short, what to set. */
  readonly finding: string;
}

export interface Store {
  readonly partitions: number;
  /** How many commit calls per partition may be under way at once and still make sense. */
  readonly commitsInFlightMax: number;

  /**
   * The epoch of each partition, by index. A store that has none yet is opened at 1.
   *
   * @throws StoreFenced where this process has seen an epoch before and the store now has none or an earlier one: it was
   *   emptied or put back, and nothing may be written to it until it has been brought forward.
   */
  epochs(): Promise<readonly number[]>;

  /**
   * Closes the epoch to commits for good and opens the next one, which is empty. Does nothing where that has happened.
   *
   * @returns the partition's epoch afterwards
   */
  closeEpoch(at: PartitionEpoch): Promise<number>;

  /**
   * @throws StoreUnknown, StoreUnavailable, StoreFenced. Within one call no account and no record may appear in two items.
   *   Items with the same guard move it in their order.
   */
  commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]>;

  /** Heads by account id; undefined where there is none. */
  heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]>;

  /**
   * A number that is another one before a commit of the account's head is told to anybody: a head that was asked for after it was looked at is the account's
   * for as long as it stays the same. Undefined: there are writers whom nobody here sees.
   */
  headChanges(accountId: string): number | undefined;

  /** Records by id; undefined where there is none (or none any more). */
  records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]>;

  guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]>;

  /** The directory: what a card's token leads to. It is not partitioned with the account. */
  findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]>;

  /** Enters a token where it is free. @returns the account that the token leads to afterwards, which may be another's. */
  enterAccount(token: string, accountId: string): Promise<string>;

  /** Records that are due at or before `nowMs`, earliest first, then by id. A record stays due until a put or delete takes it off. */
  due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]>;

  /** Journal entries after `after` (exclusive; undefined: from the oldest kept), in order. */
  tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]>;

  /** How many entries the journal keeps, for the bound on the book's lag. */
  journalLength(at: PartitionEpoch): Promise<number>;

  /** Drops entries up to and including `through`: the book has them. */
  trim(at: PartitionEpoch, through: string): Promise<void>;

  durability(): Promise<Durability>;

  /** Where the records are that an item may put beside its partition's (`CommitItem.own`); undefined: other nodes use the engine too, or may. */
  readonly own?: OwnRecords | undefined;

  close(): Promise<void>;
}

/** Records of this node alone: one partition of an epoch that never ends. */
export type OwnRecords = Pick<Store, 'partitions' | 'commitsInFlightMax' | 'epochs' | 'commit' | 'records' | 'due'>;

/** Negative where journal sequence `a` comes before `b`, positive where after, 0 where they are the same. */
export function compareSequence(a: string, b: string): number {
  return Number(a) - Number(b);
}

/** The partition that an id belongs to: FNV-1a over its characters, so that every process and engine agrees. */
export function partitionOf(id: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}
