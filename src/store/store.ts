/**
 * The store's contract: the one primitive by which anything durable changes, and the few reads beside it.
 *
 *   head      one per account, versioned; every commit compares and sets it
 *   record    beside the head, one per trace; put, kept until a time, found by id
 *   entry     what happened, appended to the partition's journal in the same step
 *   guard     a counter with a floor that many accounts share, moved in the same step
 *   due       when a record wants to be looked at again (an open hold that expires)
 *
 * A commit touches one partition. Each of its items is all or nothing; items do not depend on each other. Heads, records and
 * entries are opaque strings to every engine: it compares and writes, it never calculates, except that it adds to guards.
 *
 * An engine promises: when `commit` says `committed`, the item survives what the engine's own head comment names. When it
 * rejects with StoreUnknown, each item has either happened whole or not at all, and only reading back tells which.
 */

/** A partition of the store under the epoch in which its owner believes. Keys and entries carry both. */
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
  /** Unix ms after which the record may be forgotten; undefined: kept until a later put sets a time. */
  readonly keepUntilMs?: number | undefined;
  /** Unix ms at which the record turns up in `due`; undefined: it does not (a time set earlier is taken away). */
  readonly dueAtMs?: number | undefined;
}

export interface GuardMove {
  readonly guardId: string;
  /** Negative takes, positive gives back. Minor units. */
  readonly delta: number;
  /** The counter may not be below this after a taking move. A giving move is never refused. */
  readonly floor: number;
}

export interface CommitItem {
  /** Absent where nothing is owned by an account: a decline for a card that nobody has. */
  readonly head?: HeadWrite | undefined;
  readonly puts: readonly RecordPut[];
  readonly deletes: readonly string[];
  /** Ids of records that must not exist yet. */
  readonly once: readonly string[];
  /** Appended to the journal in this order. */
  readonly entries: readonly string[];
  readonly guards: readonly GuardMove[];
}

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
  /** Order within the partition and epoch, ascending, without meaning beyond that; comparable by `compareSequence`. */
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

  /** The epoch of each partition, by index. */
  epochs(): Promise<readonly number[]>;

  /**
   * @throws StoreUnknown, StoreUnavailable, StoreFenced. Within one call no account and no record may appear in two items.
   */
  commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]>;

  /** Heads by account id; undefined where there is none. */
  heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]>;

  /** Records by id; undefined where there is none (or none any more). */
  records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]>;

  guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]>;

  /** The directory: what a card's token leads to. It is not partitioned with the account. */
  findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]>;

  /** Enters a token where it is free. @returns the account that the token leads to afterwards, which may be another's. */
  enterAccount(token: string, accountId: string): Promise<string>;

  /** Records that are due at or before `nowMs`, earliest first. A record stays due until a put or delete takes it off. */
  due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]>;

  /** Journal entries after `after` (exclusive; undefined: from the oldest kept), in order. */
  tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]>;

  /** How many entries the journal keeps, for the bound on the book's lag. */
  journalLength(at: PartitionEpoch): Promise<number>;

  /** Drops entries up to and including `through`: the book has them. */
  trim(at: PartitionEpoch, through: string): Promise<void>;

  durability(): Promise<Durability>;

  close(): Promise<void>;
}

/** Which of two journal sequences is later. Sequences are `<n>` or `<n>-<m>` with decimal numbers. */
export function compareSequence(a: string, b: string): number {
  const [aMajor, aMinor = '0'] = a.split('-');
  const [bMajor, bMinor = '0'] = b.split('-');
  return Number(aMajor) - Number(bMajor) || Number(aMinor) - Number(bMinor);
}

/** The partition that an id belongs to: FNV-1a over its characters, so that every process and engine agrees. */
export function partitionOf(id: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}
