import type { MessagePort } from 'node:worker_threads';
import { StoreUnavailable, type Store } from './store.ts';

export interface SqliteStoreOptions {
  /** The database file; its folder exists. */
  readonly file: string;
  /** At least 1. A file that was made with another number is refused. */
  readonly partitions: number;
  /** Unix ms; what has been kept until before this is forgotten, in small bits, beside commits. */
  readonly now: () => number;
}

export interface SqliteStore extends Store {
  /** A way for another thread to the same owner thread: send it there (it is transferred), and connect with it. */
  port(): MessagePort;
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  throw new StoreUnavailable(`${options.file} cannot be opened yet`);
}

export async function connectSqliteStore(port: MessagePort, now: () => number): Promise<SqliteStore> {
  throw new StoreUnavailable(`nothing is connected at ${String(port)} at ${now()}`);
}
