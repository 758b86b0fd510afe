/**
 * A partner's credit balance: one counter, split into a slice for each partition of the store, since a purchase can only take
 * from the partition of its account. It is spent to the last minor unit all the same: a slice that is too small borrows
 * from the richest others before a purchase is refused.
 *
 * Invariants: no slice is taken below nothing, except by what has happened already (advices); what has left one slice
 * reaches another whatever is killed in between (`guard-transfer.ts`); the sum of the journal's guard effects is the slice.
 */
import { assert } from '../base/assert.ts';
import { balanceMinorMax } from '../base/limits.ts';
import { creditGuardId, depositOf, partnerOfDeposit } from '../account/change.ts';
import type { JournalEntry } from '../account/journal.ts';
import { partitionOf } from '../store/store.ts';
import type { CommitItem, RecordPut, Store } from '../store/store.ts';
import { GuardTransfers, loadRecordId } from './guard-transfer.ts';
import type { TransferOptions } from './guard-transfer.ts';

export interface GuardRoomOptions extends TransferOptions {
  /** Monotonic ms. */
  readonly elapsed: () => number;
}

export interface GuardLoad {
  /** The caller's idempotency key: the same id changes the balance once. */
  readonly id: string;
  readonly partner: string;
  /** Positive: more may be spent; negative: less. */
  readonly amountMinor: number;
}

/** `conflict`: the id was used for another amount or partner; `refused`: less is left than is taken. */
export type GuardLoaded = 'loaded' | 'repeat' | 'conflict' | 'refused';

/** How long a balance that was found too small is believed to be, so that a flood of refusals does not read it each time. */
const exhaustedMs = 50;
const roundsMax = 3;

const noneBelow = (): number => 0;

export class GuardRoom {
  readonly #store: Store;
  readonly #elapsed: () => number;
  readonly #transfers: GuardTransfers;
  /** The search under way by guard: another waits for it, and most often finds what it brought. */
  readonly #searches = new Map<string, Promise<unknown>>();
  readonly #exhausted = new Map<string, { readonly totalMinor: number; readonly untilMs: number }>();

  constructor(options: GuardRoomOptions) {
    this.#store = options.store;
    this.#elapsed = options.elapsed;
    this.#transfers = new GuardTransfers(options);
  }

  /**
   * Sees to it that the partition's slice holds `wantedMinor`. For `DecideOptions.findGuardRoom`.
   * @returns false where all slices together do not hold it
   */
  readonly findGuardRoom = async (partition: number, guardId: string, wantedMinor: number): Promise<boolean> => await this.findRoomAbove(partition, guardId, wantedMinor, noneBelow);

  /** The same for a counter whose parts may fall below nothing. @param floorOf of each partition: how far */
  async findRoomAbove(partition: number, guardId: string, wantedMinor: number, floorOf: (partition: number) => number): Promise<boolean> {
    return await this.#alone(guardId, () => this.#search(partition, guardId, wantedMinor, floorOf));
  }

  /** Goes on with a transfer that a process left unfinished. For `ExpiryOptions.transfers`. */
  async resume(partition: number, id: string): Promise<void> {
    await this.#transfers.resume(partition, id);
  }

  /**
   * Changes what a partner's cardholders may spend in all, once for each id, and spreads it over the partitions.
   * @throws StoreUnknown, StoreUnavailable, StoreFenced: then the same call again tells what became of it
   */
  async loadGuard({ id, partner, amountMinor }: GuardLoad): Promise<GuardLoaded> {
    assert(Number.isSafeInteger(amountMinor) && amountMinor !== 0 && Math.abs(amountMinor) <= balanceMinorMax, 'a load is a bounded amount');
    const guardId = creditGuardId(partner);
    const depositor = partnerOfDeposit(partner);
    const home = partitionOf(creditGuardId(depositor ?? partner), this.#store.partitions);
    const item = this.#loading(id, guardId, home, amountMinor);
    let result = await this.#transfers.commit(home, item);
    for (let round = 1; result.kind === 'refused' && round <= roundsMax; round += 1) {
      this.#exhausted.delete(guardId);
      if (!(await this.findGuardRoom(home, guardId, -amountMinor))) return 'refused';
      result = await this.#transfers.commit(home, item);
    }
    this.#exhausted.delete(guardId);
    if (result.kind === 'duplicate') {
      const known = result.records.get(loadRecordId(id));
      const wasShared = depositor !== undefined && known === loadValue(creditGuardId(depositor), amountMinor) && await this.#transfers.wasMoved(creditGuardId(depositor), home);
      return known === item.puts[0]?.value || wasShared ? 'repeat' : 'conflict';
    }
    if (result.kind !== 'committed') return 'refused';
    if (amountMinor > 0) await this.level(partner);
    return 'loaded';
  }

  /**
   * Brings what a deposit was held of before it had a counter of its own over to that: in each partition once, however often it is asked for and by how many.
   * @param isShared the partner has users whose balances are held here too: then it is theirs, and the deposit begins with nothing
   * @throws as `loadGuard`
   */
  async separateDeposit(partner: string, isShared: boolean): Promise<void> {
    for (let partition = 0; partition < this.#store.partitions; partition += 1) {
      await this.#transfers.moveWithin(partition, creditGuardId(partner), creditGuardId(depositOf(partner)), isShared);
    }
  }

  /** What is left over all partitions; a transfer that is under way at this moment is missing from it. Minor units. */
  async guardTotal(partner: string): Promise<number> {
    return sum(await this.#transfers.slices(creditGuardId(partner)));
  }

  /** Brings slices that are far below the average up to it. */
  async level(partner: string): Promise<void> {
    const guardId = creditGuardId(partner);
    await this.#alone(guardId, async () => {
      const slices = await this.#transfers.slices(guardId);
      const averageMinor = Math.floor(sum(slices) / slices.length);
      if (averageMinor <= 0) return;
      for (const [to, slice] of slices.entries()) {
        let lackMinor = averageMinor - slice;
        if (lackMinor * 4 < averageMinor) continue;
        for (const [from, other] of slices.entries()) {
          const amountMinor = Math.min(lackMinor, other - averageMinor);
          if (amountMinor <= 0 || !(await this.#transfers.move(guardId, amountMinor, from, to))) continue;
          slices[from] = other - amountMinor;
          lackMinor -= amountMinor;
        }
      }
    });
  }

  #loading(id: string, guardId: string, home: number, amountMinor: number): CommitItem {
    const recordId = loadRecordId(id);
    const put: RecordPut = { id: recordId, value: loadValue(guardId, amountMinor) };
    const entry = this.#transfers.entry('loaded', { id: recordId, guardId, from: home, to: home }, amountMinor, put);
    return { puts: [put], deletes: [], once: [recordId], entries: [entry], guards: [{ guardId, delta: amountMinor, floor: 0 }] };
  }

  async #search(partition: number, guardId: string, wantedMinor: number, floorOf: (partition: number) => number): Promise<boolean> {
    const known = this.#exhausted.get(guardId);
    if (known !== undefined && this.#elapsed() < known.untilMs && wantedMinor > known.totalMinor) return false;
    this.#exhausted.delete(guardId);
    let isShort = false;
    for (let round = 1; round <= roundsMax; round += 1) {
      const slices = (await this.#transfers.slices(guardId)).map((minor, from) => minor - floorOf(from));
      const own = slices[partition] ?? 0;
      if (own >= wantedMinor) return true;
      const others = slices.map((minor, from) => ({ minor, from })).filter(({ minor, from }) => from !== partition && minor > 0);
      const totalMinor = own + others.reduce((total, { minor }) => total + minor, 0);
      if (totalMinor < wantedMinor) {
        // Another process may have had something on its way at the first look.
        if (!isShort) {
          isShort = true;
          continue;
        }
        this.#exhausted.set(guardId, { totalMinor, untilMs: this.#elapsed() + exhaustedMs });
        return false;
      }
      others.sort((a, b) => b.minor - a.minor);
      let lackMinor = wantedMinor - own;
      for (const { minor, from } of others) {
        if (lackMinor <= 0) break;
        // Half of what the lender has more, so that the next purchases here need not ask.
        const amountMinor = Math.min(minor, Math.max(lackMinor, Math.floor((minor - own) / 2)));
        if (await this.#transfers.move(guardId, amountMinor, from, partition, floorOf(from))) lackMinor -= amountMinor;
      }
      if (lackMinor <= 0) return true;
    }
    return false;
  }

  /** One search of a guard at a time: what one of them has on its way would be missing to the other. */
  async #alone<T>(guardId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#searches.get(guardId) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#searches.set(guardId, mine);
    try {
      return await mine;
    } finally {
      if (this.#searches.get(guardId) === mine) this.#searches.delete(guardId);
    }
  }
}

/** What the guards of one partition stand at by its journal alone, from the first entry: to rebuild them, and to check them. */
export function guardsOf(entries: Iterable<JournalEntry>): Map<string, number> {
  const guards = new Map<string, number>();
  for (const { effects: { guard } } of entries) {
    if (guard !== undefined) guards.set(guard.guardId, (guards.get(guard.guardId) ?? 0) + guard.delta);
  }
  return guards;
}

function loadValue(guardId: string, amountMinor: number): string {
  return JSON.stringify([guardId, amountMinor]);
}

function sum(slices: readonly number[]): number {
  return slices.reduce((total, minor) => total + minor, 0);
}
