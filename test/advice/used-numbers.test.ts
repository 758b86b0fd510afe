import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { UsedNumbers } from '../../src/advice/used-numbers.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'locum-numbers-'));
const opened: SqliteStore[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<SqliteStore> {
  const store = await SqliteStore.open({ file: join(folder, 'advices.sqlite'), partitions: 1, now: Date.now });
  opened.push(store);
  return store;
}

test('how far numbers were used is on the disk, of each destination the last that was reserved', async () => {
  const troubles: Error[] = [];
  const store = await open();
  const used = await UsedNumbers.open(store, (error) => troubles.push(error));
  expect(used.through('host')).toBe(undefined);
  for (const through of [2_000, 3_000, 4_000]) used.reserve('host', through);
  used.reserve('other', 17);
  expect(used.through('host')).toBe(4_000);
  // The store answers in the order in which it was asked.
  await store.epochs();
  await store.epochs();
  await opened.pop()!.close();
  const again = await UsedNumbers.open(await open(), (error) => troubles.push(error));
  expect([again.through('host'), again.through('other')]).toEqual([4_000, 17]);
  expect(troubles).toEqual([]);
  await opened.pop()!.close();
  again.reserve('host', 5_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect([again.through('host'), troubles.length]).toEqual([5_000, 1]);
});
