/**
 * Accounts as the store has them, and which account a card leads to, read beside the switch. Questions of one turn go to the store
 * together, one for each partition that is asked. Invariant: what is told was so in the store after it was asked.
 */
import { decodeAccount } from '../account/account.ts';
import type { Account } from '../account/account.ts';
import { assert } from '../base/assert.ts';
import type { AccountHeads } from '../lifecycle/desk-client.ts';
import { partitionOf, StoreFenced } from '../store/store.ts';
import type { Store } from '../store/store.ts';

const idsPerReadMax = 500;
const attemptsMax = 3;

interface Gathered<Value> {
  readonly ids: Set<string>;
  readonly told: Promise<ReadonlyMap<string, Value>>;
}

export class StoreHeads implements AccountHeads {
  readonly #store: Pick<Store, 'partitions' | 'epochs' | 'heads' | 'findAccounts'>;
  readonly #atTurnEnd: (work: () => void) => void;
  #epochs: readonly number[] | undefined;
  #accounts: Gathered<Account> | undefined;
  #tokens: Gathered<string> | undefined;

  constructor(store: Pick<Store, 'partitions' | 'epochs' | 'heads' | 'findAccounts'>, atTurnEnd: (work: () => void) => void) {
    this.#store = store;
    this.#atTurnEnd = atTurnEnd;
  }

  /** @throws what the store throws */
  async accounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>> {
    this.#accounts ??= this.#gather(() => {
      const { ids: asked } = this.#accounts!;
      this.#accounts = undefined;
      return this.#readAccounts([...asked]);
    });
    return await answered(this.#accounts, ids);
  }

  /** @throws what the store throws */
  async accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>> {
    this.#tokens ??= this.#gather(() => {
      const { ids: asked } = this.#tokens!;
      this.#tokens = undefined;
      return this.#readTokens([...asked]);
    });
    return await answered(this.#tokens, tokens);
  }

  #gather<Value>(read: () => Promise<ReadonlyMap<string, Value>>): Gathered<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, Value>>();
    this.#atTurnEnd(() => void read().then(resolve, reject));
    return { ids: new Set(), told: promise };
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

async function answered<Value>({ ids, told }: Gathered<Value>, asked: readonly string[]): Promise<ReadonlyMap<string, Value>> {
  for (const id of asked) ids.add(id);
  const all = await told;
  const own = new Map<string, Value>();
  for (const id of asked) {
    const value = all.get(id);
    if (value !== undefined) own.set(id, value);
  }
  return own;
}
