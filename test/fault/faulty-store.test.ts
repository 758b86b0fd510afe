import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { StoreUnavailable, StoreUnknown } from '../../src/store/store.ts';
import { head, item } from '../contract/store-contract-items.ts';
import { FaultyStore, type Fault, type FaultKind } from './faulty-store.ts';

const at = { partition: 0, epoch: 1 };
const raise = (version: number) => [item({ head: head('a', version), entries: [`e${version}`] })];

function faulty(kind: FaultKind, parts: Partial<Fault> = {}): FaultyStore {
  const store = new MemoryStore({ partitions: 1, now: () => 0 });
  return new FaultyStore(store, { nth: 2, kind, persistent: false, on: 'commits', ...parts });
}

describe('a faulty store', () => {
  it('fails the nth commit and no other', async () => {
    for (const [kind, failure, happened] of [
      ['before', StoreUnavailable, 1],
      ['after', StoreUnknown, 2],
      ['lost', StoreUnknown, 1],
    ] as const) {
      const store = faulty(kind);
      await store.commit(at, raise(0));
      await expect(store.commit(at, raise(1))).rejects.toThrow(failure);
      expect(await store.journalLength(at)).toBe(happened);
      expect(await store.commit(at, raise(happened))).toEqual([{ kind: 'committed' }]);
      expect(store.met).toBe(1);
    }
  });

  it('goes on failing until it is healed where the fault persists', async () => {
    const store = faulty('before', { persistent: true, on: 'all' });
    await store.epochs();
    await expect(store.commit(at, raise(0))).rejects.toThrow(StoreUnavailable);
    await expect(store.heads(at, ['a'])).rejects.toThrow(StoreUnavailable);
    store.heal();
    expect(await store.commit(at, raise(0))).toEqual([{ kind: 'committed' }]);
  });

  it('meets nothing where the scenario makes fewer calls', async () => {
    const store = faulty('after', { nth: 3 });
    await store.commit(at, raise(0));
    await store.commit(at, raise(1));
    expect(store.met).toBe(0);
  });
});
