import { describe, expect, it } from 'vitest';
import { expireDue } from '../../src/issuer/ledger.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { CommitItem, Store } from '../../src/store/store.ts';
import { startRedis } from '../servers/redis.ts';
import { audit } from './audit.ts';
import { accountIn, cardMessage, draw, nowMs, openAccount, openSwitch, recordDays, reversalOf, submit } from './fixture.ts';

const partitions = 2;
const afterMs = nowMs + 6 * 86_400_000;

async function withRedis(work: (stores: readonly [Store, ...Store[]]) => Promise<void>): Promise<void> {
  const server = await startRedis({ appendonly: 'no' });
  const open = (): Promise<RedisStore> => RedisStore.open({ url: server.url, partitions, commandTimeoutMs: 10_000, replicasMin: 0 });
  const stores = [await open(), await open(), await open()] as const;
  try {
    await work(stores);
  } finally {
    for (const store of stores) await store.close();
    await server.stop();
  }
}

/** Opens `holds` holds of 1 on each of three accounts, reverses one of each, and lets three switches expire the rest at once. */
async function expireOnThree(stores: readonly [Store, ...Store[]], holds: number): Promise<void> {
  const [first] = stores;
  const ledgers = await Promise.all(stores.map((store) => openSwitch({ store })));
  const [ledger] = ledgers;
  if (ledger === undefined) throw new Error('there are switches');
  const accounts = [0, 0, 1].map((partition, index) => accountIn(partition, partitions, index));
  for (const account of accounts) {
    await openAccount(ledger, account, 10_000);
    const purchases = Array.from({ length: holds }, () => cardMessage(account, { amountMinor: 1 }));
    await Promise.all(purchases.map((purchase) => submit(ledger, account, purchase)));
    await submit(ledger, account, reversalOf(purchases[0] ?? cardMessage(account)));
  }
  await expireDue({ store: first, ledger, now: () => nowMs + 4 * 86_400_000, newId: draw, recordDays });
  for (const account of accounts) expect((await audit(first)).openHolds.get(account)).toBe(holds - 1);
  await Promise.all(ledgers.map((own, index) => expireDue({ store: stores[index] ?? first, ledger: own, now: () => afterMs, newId: draw, recordDays })));
  const { entries, availableMinor, openHolds } = await audit(first);
  const expired = entries.filter(({ kind }) => kind === 'expiry').map((entry) => (entry.kind === 'expiry' ? entry.originalId : ''));
  expect(expired).toHaveLength(3 * (holds - 1));
  expect(new Set(expired).size).toBe(expired.length);
  for (const account of accounts) expect([availableMinor.get(account), openHolds.get(account)]).toEqual([10_000, 0]);
  expect(await expireDue({ store: first, ledger, now: () => afterMs, newId: draw, recordDays })).toBe(0);
}

describe('holds that run out', () => {
  it('run out once each, many at once, by three switches at once, in memory', async () => {
    const store = new MemoryStore({ partitions, now: () => nowMs });
    await expireOnThree([store, store, store], 1_100);
  });

  it('run out once each by three switches at once on Redis', async () => {
    await withRedis((stores) => expireOnThree(stores, 700));
  });

  it('run out although records that nobody can take off are due before them', async () => {
    const store = new MemoryStore({ partitions, now: () => nowMs });
    const ledger = await openSwitch({ store });
    const account = accountIn(0, partitions);
    await openAccount(ledger, account, 10_000);
    for (let index = 0; index < 3; index += 1) await submit(ledger, account, cardMessage(account));
    const nobodys = accountIn(0, partitions, 1);
    const puts = Array.from({ length: 1_200 }, (_, index) => {
      return { id: index % 2 === 0 ? `${nobodys}-${index}` : `~transfer-${index}`, value: '[]', dueAtMs: 1 };
    });
    const item: CommitItem = { puts, deletes: [], once: [], entries: [], guards: [] };
    await store.commit({ partition: 0, epoch: 1 }, [item]);
    expect(await expireDue({ store, ledger, now: () => afterMs, newId: draw, recordDays })).toBe(1_203);
    expect((await audit(store)).openHolds.get(account)).toBe(0);
    expect(await store.due({ partition: 0, epoch: 1 }, afterMs, 2_000)).toHaveLength(1_200);
  });

  it('run out all where one trace was used for several', async () => {
    const store = new MemoryStore({ partitions, now: () => nowMs });
    const ledger = await openSwitch({ store });
    const account = accountIn(0, partitions);
    await openAccount(ledger, account, 10_000);
    for (let index = 0; index < 5; index += 1) {
      await submit(ledger, account, cardMessage(account, { trace: { stan: '7', transmittedAt: `061512000${index}`, localAt: `061512000${index}` } }));
    }
    expect((await audit(store)).openHolds.get(account)).toBe(5);
    expect(await expireDue({ store, ledger, now: () => afterMs, newId: draw, recordDays })).toBeGreaterThanOrEqual(1);
    expect((await audit(store)).openHolds.get(account)).toBe(0);
  });
});
