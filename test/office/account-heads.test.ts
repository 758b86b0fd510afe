import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAccount, encodeAccount } from '../../src/account/account.ts';
import { StoreHeads } from '../../src/office/account-heads.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { partitionOf } from '../../src/store/store.ts';
import { item } from '../contract/store-contract-items.ts';

const folder = mkdtempSync(join(tmpdir(), 'locum-heads-'));
const partitions = 4;
/** The switch's own way to the file, and the office's. */
let store: SqliteStore;
let beside: SqliteStore;

beforeAll(async () => {
  store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions, now: Date.now });
  beside = await SqliteStore.connect(store.port(), Date.now);
});
afterAll(async () => {
  await beside.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

const atTurnEnd = (work: () => void): void => void setImmediate(work);

/** Heads read beside the switch, with how often the store was asked for them. */
function readHeads(headChanges = (accountId: string) => beside.headChanges(accountId)): { readonly heads: StoreHeads; readonly readings: () => number } {
  let readings = 0;
  const heads = new StoreHeads({
    partitions, headChanges, epochs: async () => await beside.epochs(), findAccounts: async (tokens) => await beside.findAccounts(tokens),
    heads: async (at, ids) => {
      readings += 1;
      return await beside.heads(at, ids);
    },
  }, atTurnEnd);
  return { heads, readings: () => readings };
}

/** The account has this much, at its nth version. */
async function commit(accountId: string, version: number, ledgerMinor: number): Promise<void> {
  const value = encodeAccount({ ...decodeAccount(accountId, '[2,1,"978","demo","demo",0,0,0]'), version, ledgerMinor });
  const at = { partition: partitionOf(accountId, partitions), epoch: 1 };
  expect(await store.commit(at, [item({ head: { accountId, expectedVersion: version - 1, version, value } })])).toEqual([{ kind: 'committed' }]);
}

async function ledgerOf(heads: StoreHeads, accountId: string): Promise<number | undefined> {
  return (await heads.accounts([accountId])).get(accountId)?.ledgerMinor;
}

test('an account is read from the store again only when a head was committed since', async () => {
  const { heads, readings } = readHeads();
  expect([await ledgerOf(heads, 'a'), await ledgerOf(heads, 'a'), readings()]).toEqual([undefined, undefined, 2]);
  await commit('a', 1, 100);
  expect([await ledgerOf(heads, 'a'), await ledgerOf(heads, 'a'), readings()]).toEqual([100, 100, 3]);
  await commit('a', 2, 70);
  expect([await ledgerOf(heads, 'a'), await ledgerOf(heads, 'a'), readings()]).toEqual([70, 70, 4]);
});

test('where nobody can say what others committed, the store is asked each time', async () => {
  const { heads, readings } = readHeads(() => undefined);
  await commit('b', 1, 5);
  expect([await ledgerOf(heads, 'b'), await ledgerOf(heads, 'b'), readings()]).toEqual([5, 5, 2]);
});

test('of many commits and readings at once each reading has what was committed before it was asked for', async () => {
  const { heads } = readHeads();
  const accounts = Array.from({ length: 8 }, (_, index) => `many-${index}`);
  const over = new AbortController();
  const committed = new Map(accounts.map((id) => [id, 0]));
  const write = async (id: string): Promise<void> => {
    for (let version = 1; version <= 150; version += 1) {
      await commit(id, version, version);
      committed.set(id, version);
    }
  };
  const read = async (id: string): Promise<number> => {
    let readings = 0;
    for (; !over.signal.aborted; readings += 1) {
      const least = committed.get(id) ?? 0;
      expect(await ledgerOf(heads, id) ?? 0).toBeGreaterThanOrEqual(least);
      // One that is known is told at once, and the commits beside have to have their turn.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    return readings;
  };
  const reading = Promise.all(accounts.map(read));
  await Promise.all(accounts.map(write)).finally(() => over.abort());
  expect(Math.min(...await reading)).toBeGreaterThan(0);
  expect(await Promise.all(accounts.map(async (id) => await ledgerOf(heads, id)))).toEqual(accounts.map(() => 150));
});
