import { describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { StoreUnavailable, type CommitItem } from '../../src/store/store.ts';
import { head, item } from '../contract/store-contract-items.ts';

const at = { partition: 0, epoch: 1 };

describe('the memory store', () => {
  it('forgets a record after its time by the clock that it was given', async () => {
    let nowMs = 1_000;
    const store = new MemoryStore({ partitions: 1, now: () => nowMs });
    await store.commit(at, [item({ puts: [{ id: 'r', value: 'v', keepUntilMs: 2_000 }] })]);
    nowMs = 2_000;
    expect(await store.records(at, ['r'])).toEqual(['v']);
    nowMs = 2_001;
    expect(await store.records(at, ['r'])).toEqual([undefined]);
  });

  it('stops a caller that breaks the contract', async () => {
    const store = new MemoryStore({ partitions: 1, now: () => 0 });
    const broken: readonly (readonly CommitItem[])[] = [
      [item({ head: head('a', 0) }), item({ head: head('a', 0) })],
      [item({ head: { accountId: 'a', expectedVersion: 3, version: 3, value: '' } })],
      [item({ puts: [{ id: 'r', value: '' }] }), item({ deletes: ['r'] })],
      [item({ once: ['r'] }), item({ once: ['r'] })],
      [item({ puts: [{ id: 'r', value: '' }], deletes: ['r'] })],
      [item({ puts: [{ id: 'r', value: '' }, { id: 'r', value: '' }] })],
    ];
    for (const items of broken) await expect(store.commit(at, items)).rejects.toThrow(AssertionError);
    expect(await store.journalLength(at)).toBe(0);
  });

  it('answers nobody after it was closed', async () => {
    const store = new MemoryStore({ partitions: 1, now: () => 0 });
    await store.close();
    await expect(store.epochs()).rejects.toThrow(StoreUnavailable);
    await expect(store.commit(at, [])).rejects.toThrow(StoreUnavailable);
  });
});
