/**
 * The embedded store's file of a node whose accounts are in another store now. Stand-in's advices were in it with their decisions
 * (`Store.own`), and those that still wait are owed to their issuers, wherever the accounts went.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteStore } from '../store/sqlite.ts';
import { embeddedStoreFile } from './config.ts';

/**
 * @returns undefined where there is none, or nothing waits in it
 * @throws StoreUnavailable where another process has it, or this program cannot read it: something may wait in it
 */
export async function openLeftAdvices(dataDir: string, now: () => number, onLost: (reason: string) => void): Promise<SqliteStore | undefined> {
  const file = join(dataDir, embeddedStoreFile);
  if (!existsSync(file)) return undefined;
  const store = await SqliteStore.open({ file, partitions: undefined, now, onLost });
  const [epoch = 1] = await store.own.epochs();
  if ((await store.own.due({ partition: 0, epoch }, Infinity, 1)).length > 0) return store;
  await store.close();
  return undefined;
}
