/**
 * Accounts as the store has them, and which account a card leads to, read beside the switch. Questions of one turn, and those that come
 * while the store is being read, go to it together, one for each partition that is asked. Invariant: what is told was so in the store
 * after it was asked.
 */
import { decodeAccount } from '../account/account.ts';
import type { Account } from '../account/account.ts';
import { assert } from '../base/assert.ts';
import type { AccountHeads } from '../lifecycle/desk-client.ts';
import { partitionOf, StoreFenced } from '../store/store.ts';
import type { Store } from '../store/store.ts';

const idsPerReadMax = 500;
const attemptsMax = 3;

export class StoreHeads implements AccountHeads {
  readonly #store: Pick<Store, 'partitions' | 'epochs' | 'heads' | 'findAccounts'>;
  readonly #accounts: Asked<Account>;
  readonly #tokens: Asked<string>;
  #epochs: readonly number[] | undefined;

  /** @param atTurnEnd runs at the end of this turn of the event loop */
  constructor(store: Pick<Store, 'partitions' | 'epochs' | 'heads' | 'findAccounts'>, atTurnEnd: (work: () => void) => void) {
    this.#store = store;
    this.#accounts = new Asked(atTurnEnd, async (ids) => await this.#readAccounts(ids));
    this.#tokens = new Asked(atTurnEnd, async (tokens) => await this.#readTokens(tokens));
  }

  /** @throws what the store throws */
  async accounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>> {
    return await this.#accounts.get(ids);
  }

  /** @throws what the store throws */
  async accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return await this.#tokens.get(tokens);
  }

  async #readAccounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>> {
    const byPartition = Map.groupBy(ids, (id) => partitionOf(id, this.#store.partitions));
    const found = new Map<string, Account>();
    await Promise.all([...byPartition].map(async ([partition, asked]) => {
      for (let from = 0; from < asked.length; from += idsPerReadMax) await this.#readPage(partition, asked.slice(from, from + idsPerReadMax), found);
    }));
    return found;
  }

  async #readPage(partition: number, ids: readonly string[], found: Map<string, Account>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#epochs ??= await this.#store.epochs();
      const epoch = this.#epochs[partition];
      assert(epoch !== undefined, 'every partition has an epoch');
      try {
        const heads = await this.#store.heads({ partition, epoch }, ids);
        for (const [index, id] of ids.entries()) {
          const head = heads[index];
          if (head !== undefined) found.set(id, decodeAccount(id, head.value));
        }
        return;
      } catch (error) {
        this.#epochs = undefined;
        if (!(error instanceof StoreFenced) || attempt === attemptsMax) throw error;
      }
    }
  }

  async #readTokens(tokens: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (let from = 0; from < tokens.length; from += idsPerReadMax) {
      const page = tokens.slice(from, from + idsPerReadMax);
      const accounts = await this.#store.findAccounts(page);
      for (const [index, token] of page.entries()) {
        const account = accounts[index];
        if (account !== undefined) found.set(token, account);
      }
    }
    return found;
  }
}

/** Questions that wait for a reading, together. Invariant: a question is answered by a reading that began after it. */
class Asked<Value> {
  readonly #atTurnEnd: (work: () => void) => void;
  readonly #read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  #next: { readonly keys: Set<string>; readonly told: PromiseWithResolvers<ReadonlyMap<string, Value>> } | undefined;
  #isReading = false;

  constructor(atTurnEnd: (work: () => void) => void, read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>) {
    this.#atTurnEnd = atTurnEnd;
    this.#read = read;
  }

  async get(asked: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    this.#next ??= { keys: new Set(), told: Promise.withResolvers() };
    const { keys, told } = this.#next;
    for (const key of asked) keys.add(key);
    if (!this.#isReading) {
      this.#isReading = true;
      this.#atTurnEnd(() => void this.#readAll());
    }
    const all = await told.promise;
    const own = new Map<string, Value>();
    for (const key of asked) {
      const value = all.get(key);
      if (value !== undefined) own.set(key, value);
    }
    return own;
  }

  async #readAll(): Promise<void> {
    for (let now = this.#next; now !== undefined; now = this.#next) {
      this.#next = undefined;
      const { keys, told } = now;
      await this.#read([...keys]).then(told.resolve, told.reject);
      // Who is answered now may ask again at once, and goes along.
      if (this.#next !== undefined) await new Promise<void>((resolve) => {
        this.#atTurnEnd(resolve);
      });
    }
    this.#isReading = false;
  }
}
