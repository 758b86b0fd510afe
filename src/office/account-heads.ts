/**
 * Accounts as the store has them, and which account a card leads to, read beside the switch. Questions of one turn, and those that come
 * while the store is being read, go to it together, one for each partition that is asked. An account that was read is told again without that for as long as
 * the store says that its head is the same (`headChanges`). Invariants: what is told was so in the store after it was asked; never more than `knownMax` are kept.
 */
import { decodeAccount } from '../account/account.ts';
import type { Account } from '../account/account.ts';
import { assert } from '../base/assert.ts';
import { gatheredReading } from '../base/gathered.ts';
import type { Gathered } from '../base/gathered.ts';
import type { AccountHeads } from '../lifecycle/desk-client.ts';
import { partitionOf, StoreFenced } from '../store/store.ts';
import type { Store } from '../store/store.ts';

const idsPerReadMax = 500;
const attemptsMax = 3;
const knownMax = 2_000;

interface Known {
  readonly account: Account;
  /** As it was before the head was asked for. */
  readonly headChanges: number;
}

type HeadsStore = Pick<Store, 'partitions' | 'epochs' | 'heads' | 'headChanges' | 'findAccounts'>;

export class StoreHeads implements AccountHeads {
  readonly #store: HeadsStore;
  /** In the order of their readings. */
  readonly #known = new Map<string, Known>();
  readonly #accounts: Gathered<string, Account | undefined>;
  readonly #tokens: Gathered<string, string | undefined>;
  #epochs: readonly number[] | undefined;

  /** @param atTurnEnd runs at the end of this turn of the event loop */
  constructor(store: HeadsStore, atTurnEnd: (work: () => void) => void) {
    this.#store = store;
    this.#accounts = gatheredReading(idsPerReadMax, async (ids) => await this.#readAccounts(ids), atTurnEnd);
    this.#tokens = gatheredReading(idsPerReadMax, async (tokens) => mapOf(tokens, await store.findAccounts(tokens)), atTurnEnd);
  }

  /** @throws what the store throws */
  accounts(ids: readonly string[]): ReadonlyMap<string, Account> | Promise<ReadonlyMap<string, Account>> {
    return this.#knownOf(ids) ?? foundOf(this.#accounts, ids);
  }

  /** @throws what the store throws */
  async accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return await foundOf(this.#tokens, tokens);
  }

  /** Undefined: one of them is not known, or may be another by now. */
  #knownOf(ids: readonly string[]): ReadonlyMap<string, Account> | undefined {
    const found = new Map<string, Account>();
    for (const id of ids) {
      const known = this.#known.get(id);
      if (known === undefined || known.headChanges !== this.#store.headChanges(id)) return undefined;
      found.set(id, known.account);
    }
    return found;
  }

  #keep(id: string, account: Account, headChanges: number | undefined): void {
    this.#known.delete(id);
    if (headChanges === undefined) return;
    this.#known.set(id, { account, headChanges });
    if (this.#known.size <= knownMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #readAccounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>> {
    const byPartition = Map.groupBy(ids, (id) => partitionOf(id, this.#store.partitions));
    const found = new Map<string, Account>();
    await Promise.all([...byPartition].map(async ([partition, asked]) => await this.#readPartition(partition, asked, found)));
    return found;
  }

  async #readPartition(partition: number, ids: readonly string[], found: Map<string, Account>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#epochs ??= await this.#store.epochs();
      const epoch = this.#epochs[partition];
      assert(epoch !== undefined, 'every partition has an epoch');
      try {
        const changes = ids.map((id) => this.#store.headChanges(id));
        const heads = await this.#store.heads({ partition, epoch }, ids);
        for (const [index, id] of ids.entries()) {
          const head = heads[index];
          if (head === undefined) continue;
          const account = decodeAccount(id, head.value);
          found.set(id, account);
          this.#keep(id, account, changes[index]);
        }
        return;
      } catch (error) {
        this.#epochs = undefined;
        if (!(error instanceof StoreFenced) || attempt === attemptsMax) throw error;
      }
    }
  }
}

/** Those that were found, of these. */
async function foundOf<Value>(reading: Gathered<string, Value | undefined>, keys: readonly string[]): Promise<ReadonlyMap<string, Value>> {
  const values = await Promise.all(keys.map(async (key) => await reading.add(key)));
  return mapOf(keys, values);
}

function mapOf<Value>(keys: readonly string[], values: readonly (Value | undefined)[]): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const [index, key] of keys.entries()) {
    const value = values[index];
    if (value !== undefined) found.set(key, value);
  }
  return found;
}
