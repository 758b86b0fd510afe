import { StoreUnavailable, type Store } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://` or `rediss://`, with user, password and database; a comma list of them names nodes of a Redis Cluster. */
  readonly url: string;
  /** At least 1. A store that was made with another number is refused. */
  readonly partitions: number;
  /** How long a command may take before its outcome counts as unknown. */
  readonly commandTimeoutMs: number;
  /** Replicas that must have a commit before it counts as durable; 0 where there are none. */
  readonly replicasMin: number;
  /** A rediss:// server's certificate authority, in PEM; undefined: the system's. */
  readonly tlsCa?: string | undefined;
}

export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  throw new StoreUnavailable(`${options.partitions} partitions cannot be opened yet`);
}
