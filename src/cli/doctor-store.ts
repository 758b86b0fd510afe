/** What `locum doctor` looks at in the store: reachable, durable, and how much of its journal waits for the book. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../store/store.ts';
import type { Config } from '../program/config.ts';
import { embeddedStoreFile } from '../program/config.ts';
import type { Outside } from './command.ts';
import type { Finding } from './finding.ts';
import type { RunningSwitch } from './doctor-ports.ts';

export interface StoreFindings {
  readonly findings: readonly Finding[];
  /** Journal entries that the store keeps for the book; undefined where that was not to be learned. */
  readonly journalEntries: number | undefined;
}

export async function checkStore(config: Config, running: RunningSwitch | undefined, { now }: Outside): Promise<StoreFindings> {
  const { store } = config;
  if (store.engine === 'sqlite' && running !== undefined) {
    const state = running.checks['store'];
    const ok = state?.ok === true;
    if (!existsSync(store.file)) {
      const text = `A switch runs here whose store ${state?.detail ?? 'it says nothing of'}, and it is not ${store.file}, which is not there.`;
      return only({ check: 'store', state: ok ? 'note' : 'wrong', text, todo: 'Ask again with the environment of the switch, such as its REDIS_URL.' });
    }
    if (state?.engine !== undefined && state.engine !== 'sqlite') {
      const text = `A switch runs here whose store is Redis, and ${state.detail}. ${store.file} is not in use: it is of a switch on SQLite, from before or elsewhere.`;
      return only({ check: 'store', state: ok ? 'note' : 'wrong', text, todo: 'Ask again with the environment of the switch, such as its REDIS_URL; and put the file away where nobody needs it.' });
    }
    return only({ check: 'store', state: ok ? 'ok' : 'wrong', text: `${store.file} is open in the running switch, and ${state?.detail ?? 'it says nothing of it'}.`, todo: ok ? undefined : 'Its log says what the file\'s error is; is the disk full?' });
  }
  if (store.engine === 'sqlite' && !existsSync(store.file)) return only({ check: 'store', state: 'ok', text: `${store.file} is not there yet; the first start makes it.` });
  let opened: Store | undefined;
  try {
    opened = await openStore(store, now);
    const { durable, finding } = await opened.durability();
    // Asking an empty Redis for its epochs would make them.
    const journalEntries = store.engine === 'sqlite' ? await waiting(opened) : undefined;
    const found: Finding = { check: 'store', state: durable ? 'ok' : 'wrong', text: finding, todo: durable ? undefined : 'Until then, what an acquirer was told can be lost when the machine or the engine stops.' };
    return { findings: [found, ...leftFile(config)], journalEntries };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const name = store.engine === 'sqlite' ? store.file : addressOf(store.url);
    const todo = store.engine === 'sqlite' ? 'If another switch has the file, each needs a data folder of its own.' : 'Start Redis, or correct store.url (REDIS_URL). While it is away, stand-in decides in its place, by what the switch has last seen of an account (docs/standin.md).';
    return only({ check: 'store', state: 'wrong', text: `The store (${name}) cannot be used: ${text}.`, todo });
  } finally {
    // What was to be known is known; an engine that is gone already is closed.
    await opened?.close().catch(() => undefined);
  }
}

/** Beside a switch on Redis: what it had before, or what somebody started here without its environment. */
function leftFile({ store, dataDir }: Config): Finding[] {
  const file = join(dataDir, embeddedStoreFile);
  if (store.engine === 'sqlite' || !existsSync(file)) return [];
  return [{ check: 'store', state: 'note', text: `${file} is there and not in use: the store is Redis, and this file is of a switch on SQLite.`, todo: 'Its accounts are not those of Redis; advices that wait in it are told. Put it away when locum advices lists none.' }];
}

function only(finding: Finding): StoreFindings {
  return { findings: [finding], journalEntries: undefined };
}

async function openStore(store: Config['store'], now: () => number): Promise<Store> {
  if (store.engine === 'sqlite') {
    const { SqliteStore } = await import('../store/sqlite.ts');
    return await SqliteStore.open({ file: store.file, partitions: store.partitions, now });
  }
  const { RedisStore } = await import('../store/redis.ts');
  const { url, partitions, replicasMin, commandTimeoutMs } = store;
  return await RedisStore.open({ url, partitions, replicasMin, commandTimeoutMs });
}

async function waiting(store: Store): Promise<number> {
  const epochs = await store.epochs();
  const lengths = await Promise.all(epochs.map((epoch, partition) => store.journalLength({ partition, epoch })));
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Without user and password. */
function addressOf(url: string): string {
  return url.split(',').map((part) => (URL.canParse(part) ? new URL(part).host : part.replace(/^.*@/, ''))).join(',');
}
