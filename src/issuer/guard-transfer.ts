/**
 * Moves a part of a shared counter from one partition to another. No commit reaches both, so it takes steps, each of which
 * happens once however often it is made, and a record that is due until the last of them is done: whoever looks at what is due
 * goes on where a process was killed.
 *
 *   lender      guard -x, record `lent`, entry      once
 *   borrower        guard +x, record `borrowed`, entry      once
 *   lender              record gone
 *   borrower                record due no more; it stays a while, against a step that was on its way all that time
 *
 * Invariant: between the steps money is missing from the counters, and never there twice.
 */
import { assert } from '../base/assert.ts';
import { noEffects } from '../account/account.ts';
import type { GuardEntry } from '../account/journal.ts';
import { encodeEntry } from '../account/journal.ts';
import { StoreFenced, StoreUnavailable, StoreUnknown } from '../store/store.ts';
import type { CommitItem, CommitResult, GuardMove, RecordPut, Store } from '../store/store.ts';

export interface GuardTransfer {
  /** Begins with `transferMark`. */
  readonly id: string;
  readonly guardId: string;
  readonly amountMinor: number;
  readonly from: number;
  readonly to: number;
}

/** No account id, and so no record of an account, begins like this. */
const transferMark = '~';
const guardPrefix = 'credit:';
const resumeAfterMs = 10_000;
const borrowedKeepMs = 30 * 86_400_000;
/** After its last move. An outage in which a counter rests for so long has its room again. */
const passingKeepMs = 90 * 86_400_000;
const attemptsMax = 3;
const noFloor = -Number.MAX_SAFE_INTEGER;

type StoredTransfer = [form: 'lent' | 'borrowed', guardId: string, amountMinor: number, from: number, to: number];

export interface TransferOptions {
  readonly store: Store;
  /** Unix ms. */
  readonly now: () => number;
  /** Different over all processes and restarts. */
  readonly newId: () => string;
}

/** Is this the record of a transfer or a load between partitions, not of an account? */
export function isTransfer(recordId: string): boolean {
  return recordId.startsWith(transferMark);
}

/**
 * A move of any counter, with how long that is kept. A partner's balance always is. Others count for one outage, or one day: nobody takes of them after it,
 * and what was taken can be given back for as long as its record is kept, a week.
 */
export function kept(move: GuardMove, nowMs: number): GuardMove {
  return isCredit(move.guardId) ? move : { ...move, keepUntilMs: nowMs + passingKeepMs };
}

/** Others than partners' balances are nothing of the book's. */
function isCredit(guardId: string): boolean {
  return guardId.startsWith(guardPrefix);
}

/** The id of the record that says that a counter was moved to another. */
function movedId(guardId: string): string {
  return `${transferMark}moved:${guardId}`;
}

/** The id of the record by which a load of a partner's balance is known. */
export function loadRecordId(loadId: string): string {
  return `${transferMark}load:${loadId}`;
}

export class GuardTransfers {
  readonly #options: TransferOptions;
  #epochs: readonly number[] | undefined;

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  /**
   * Moves room between partitions.
   * @param floor below which the lender's part may not fall
   * @returns whether the lender had it
   * @throws StoreUnknown, StoreUnavailable, StoreFenced; then it is finished later, if it has begun
   */
  async move(guardId: string, amountMinor: number, from: number, to: number, floor = 0): Promise<boolean> {
    assert(amountMinor > 0 && from !== to, 'a transfer moves something to another partition');
    const transfer: GuardTransfer = { id: `${transferMark}${this.#options.newId()}`, guardId, amountMinor, from, to };
    const result = await this.commit(from, this.#lend(transfer, floor));
    assert(result.kind !== 'conflict', 'an item without a head meets no conflict');
    if (result.kind === 'refused') return false;
    await this.#finish(transfer);
    return true;
  }

  /** Goes on with a transfer whose record is due in `partition`; does nothing where that is done. */
  async resume(partition: number, id: string): Promise<void> {
    const stored = await this.#read(partition, id);
    if (stored === undefined) return;
    const [form, guardId, amountMinor, from, to] = stored;
    const transfer: GuardTransfer = { id, guardId, amountMinor, from, to };
    if (form === 'lent' || (await this.#read(from, id)) !== undefined) await this.#finish(transfer);
    else await this.#retire(transfer);
  }

  /**
   * Commits one item that has `once` or can be made again without harm.
   * @throws as the store does, after attempts
   */
  async commit(partition: number, item: CommitItem): Promise<CommitResult> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const [result] = await this.#options.store.commit(await this.#at(partition), [item]);
        assert(result !== undefined, 'every item has a result');
        return result;
      } catch (error) {
        if (error instanceof StoreFenced) this.#epochs = undefined;
        else if (!(error instanceof StoreUnknown)) throw error;
        if (attempt === attemptsMax) throw error;
      }
    }
  }

  /** What the counter stands at in each partition. */
  async slices(guardId: string): Promise<number[]> {
    const { store } = this.#options;
    const partitions = Array.from({ length: store.partitions }, (_, partition) => partition);
    return await Promise.all(partitions.map(async (partition) => (await store.guards(await this.#at(partition), [guardId]))[0] ?? 0));
  }

  /**
   * Moves all that a counter has in one partition to another counter, in one step, once for ever: a record says so.
   * @param isKept nothing is moved, then and later
   */
  async moveWithin(partition: number, from: string, to: string, isKept: boolean): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if ((await this.#moved(partition, from)) !== undefined) return;
      const [slice] = await this.#options.store.guards(await this.#at(partition), [from]);
      const amountMinor = slice ?? 0;
      const isMoved = !isKept && slice !== undefined;
      const put: RecordPut = { id: movedId(from), value: isMoved ? 'moved' : 'kept' };
      const place = { id: `${movedId(from)}.${partition}`, from: partition, to: partition };
      const moves = isMoved && amountMinor !== 0;
      const result = await this.commit(partition, {
        puts: [put], deletes: [], once: [put.id],
        entries: moves ? [this.entry('lent', { ...place, guardId: from }, -amountMinor, put), this.entry('borrowed', { ...place, guardId: to }, amountMinor, put)] : [],
        guards: moves ? [{ guardId: from, delta: -amountMinor, floor: amountMinor > 0 ? 0 : noFloor }, { guardId: to, delta: amountMinor, floor: noFloor }] : [],
      });
      // Where some of it was taken meanwhile, it is looked at again.
      if (result.kind !== 'refused') return;
    }
    throw new StoreUnavailable(`${from} changed while it was moved, each time`);
  }

  /** Was what the counter had moved to another? */
  async wasMoved(from: string, partition: number): Promise<boolean> {
    return (await this.#moved(partition, from)) === 'moved';
  }

  async #moved(partition: number, from: string): Promise<string | undefined> {
    return (await this.#options.store.records(await this.#at(partition), [movedId(from)]))[0];
  }

  /** The journal's entry of a step. */
  entry(step: GuardEntry['step'], transfer: Omit<GuardTransfer, 'amountMinor'>, delta: number, put: RecordPut): string {
    const nowMs = this.#options.now();
    const { id, guardId, from, to } = transfer;
    const entry: GuardEntry = {
      kind: 'guard', step, accountId: '', sequence: 0, id: `${id}.${step}`, receivedAtMs: nowMs, decidedAtMs: nowMs,
      effects: { ...noEffects, guard: { guardId, delta } },
      records: [{ id: put.id, value: put.value, keepUntilMs: put.keepUntilMs, dueAtMs: put.dueAtMs }],
      partner: guardId.slice(guardPrefix.length), transferId: id, otherPartition: step === 'borrowed' ? from : to,
    };
    return encodeEntry(entry);
  }

  #lend(transfer: GuardTransfer, floor: number): CommitItem {
    const { id, guardId, amountMinor } = transfer;
    const put: RecordPut = { id, value: stored('lent', transfer), dueAtMs: this.#options.now() + resumeAfterMs };
    return {
      puts: [put], deletes: [], once: [id], entries: isCredit(guardId) ? [this.entry('lent', transfer, -amountMinor, put)] : [],
      guards: [kept({ guardId, delta: -amountMinor, floor }, this.#options.now())],
    };
  }

  #borrow(transfer: GuardTransfer): CommitItem {
    const { id, guardId, amountMinor } = transfer;
    const nowMs = this.#options.now();
    const put: RecordPut = {
      id, value: stored('borrowed', transfer), keepUntilMs: nowMs + borrowedKeepMs, dueAtMs: nowMs + resumeAfterMs,
    };
    return {
      puts: [put], deletes: [], once: [id], entries: isCredit(guardId) ? [this.entry('borrowed', transfer, amountMinor, put)] : [],
      guards: [kept({ guardId, delta: amountMinor, floor: 0 }, nowMs)],
    };
  }

  async #finish(transfer: GuardTransfer): Promise<void> {
    await this.commit(transfer.to, this.#borrow(transfer));
    await this.commit(transfer.from, { puts: [], deletes: [transfer.id], once: [], entries: [], guards: [] });
    await this.#retire(transfer);
  }

  async #retire(transfer: GuardTransfer): Promise<void> {
    const put: RecordPut = { id: transfer.id, value: stored('borrowed', transfer), keepUntilMs: this.#options.now() + borrowedKeepMs };
    await this.commit(transfer.to, { puts: [put], deletes: [], once: [], entries: [], guards: [] });
  }

  async #read(partition: number, id: string): Promise<StoredTransfer | undefined> {
    const [value] = await this.#options.store.records(await this.#at(partition), [id]);
    return value === undefined ? undefined : (JSON.parse(value) as StoredTransfer);
  }

  async #at(partition: number): Promise<{ partition: number; epoch: number }> {
    this.#epochs ??= await this.#options.store.epochs();
    const epoch = this.#epochs[partition];
    assert(epoch !== undefined, 'every partition has an epoch');
    return { partition, epoch };
  }
}

function stored(form: StoredTransfer[0], { guardId, amountMinor, from, to }: GuardTransfer): string {
  const transfer: StoredTransfer = [form, guardId, amountMinor, from, to];
  return JSON.stringify(transfer);
}
