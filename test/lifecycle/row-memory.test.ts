/** What the memory of rows asks the book for, and what it never answers: with a book that answers when the test says so. */
import { beforeEach, expect, test } from 'vitest';
import { RowMemory, staleMsMax } from '../../src/lifecycle/row-memory.ts';
import { readSlowly, settled } from './slow-readings.ts';
import type { Reading } from './slow-readings.ts';

let elapsedMs: number;
/** What the book has now. */
let kept: Map<string, string>;
let readings: Reading[];
let memory: RowMemory<string>;

beforeEach(() => {
  elapsedMs = 0;
  kept = new Map([['a', 'one'], ['b', 'two']]);
  readings = [];
  memory = new RowMemory({
    elapsed: () => elapsedMs, rowsMax: 3,
    read: async (keys) => await readSlowly(kept, keys, readings),
  });
});

async function asked(key: string): Promise<string | undefined> {
  const told = memory.get(key);
  await settled();
  if (readings.length > 0) await readings.pop()!.answer();
  return await told;
}

test('who asks in one turn, or while the book is read, is answered by one reading', async () => {
  const first = Promise.all([memory.get('a'), memory.get('b'), memory.get('a')]);
  await settled();
  const second = Promise.all([memory.get('c'), memory.get('b')]);
  await settled();
  expect(readings.map(({ keys }) => keys)).toEqual([['a', 'b']]);
  await readings[0]!.answer();
  expect(await first).toEqual(['one', 'two', 'one']);
  expect(readings.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c', 'b']]);
  await readings[1]!.answer();
  expect(await second).toEqual([undefined, 'two']);
});

test('within a second a row is read once, from when its reading began, and again after it', async () => {
  const told = memory.get('a');
  await settled();
  elapsedMs = 600;
  kept.set('a', 'changed');
  await readings.pop()!.answer();
  expect(await told).toBe('one');
  elapsedMs = staleMsMax - 1;
  expect(await memory.get('a')).toBe('one');
  elapsedMs = staleMsMax;
  expect(await asked('a')).toBe('changed');
});

test('what was forgotten is read again, and a reading that was under way then answers nobody who asks later', async () => {
  const before = memory.get('a');
  await settled();
  kept.set('a', 'changed');
  memory.forget();
  const after = memory.get('a');
  await readings.shift()!.answer();
  expect(await before).toBe('one');
  await readings.shift()!.answer();
  expect(await after).toBe('changed');
  expect(await memory.get('a')).toBe('changed');
});

test('that there is none is not remembered', async () => {
  expect(await asked('c')).toBeUndefined();
  kept.set('c', 'three');
  expect(await asked('c')).toBe('three');
});

test('a reading that fails fails for those who waited for it, and the next one is tried', async () => {
  const told = memory.get('a');
  await settled();
  const failed = expect(told).rejects.toThrow('the book is away');
  await readings.pop()!.fail();
  await failed;
  expect(await asked('a')).toBe('one');
});

test('never more rows are kept than it may have, and none that are too old beyond the next reading', async () => {
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    kept.set(key, key);
    await asked(key);
  }
  expect(memory.size).toBe(3);
  elapsedMs = staleMsMax;
  await asked('a');
  expect(memory.size).toBe(1);
});
