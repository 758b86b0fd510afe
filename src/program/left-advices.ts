/**
 * The embedded store's file of a node whose accounts are in another store now. Stand-in's advices were in it with their decisions
 * (`Store.own`), and those that still wait are owed to their issuers, wherever the accounts went.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { SqliteStore } from '../store/sqlite.ts';
import { StoreUnavailable } from '../store/store.ts';
import { embeddedStoreFile } from './config.ts';

/** @returns undefined where there is none, nothing waits in it, or it cannot be read, which keeps no switch from its accounts and is in the log */
export async function openLeftAdvices(dataDir: string, now: () => number, onLost: (reason: string) => void, log: Pick<Log, 'warning'>): Promise<SqliteStore | undefined> {
  const file = join(dataDir, embeddedStoreFile);
  if (!existsSync(file)) return undefined;
  try {
    const store = await SqliteStore.open({ file, partitions: undefined, now, onLost });
    const [epoch = 1] = await store.own.epochs();
    if ((await store.own.due({ partition: 0, epoch }, Infinity, 1)).length > 0) return store;
    await store.close();
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    log.warning('embedded store not read', { file, error: error.message, todo: 'advices that wait in it are told when it can be read at a start; put it away if there are none' });
  }
  return undefined;
}
