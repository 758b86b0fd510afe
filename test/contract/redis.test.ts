import { RedisStore } from '../../src/store/redis.ts';
import { startRedis, startRedisCluster } from '../servers/redis.ts';
import { storeContract, type ContractEngine } from './store-contract.ts';

async function open(server: { readonly url: string; stop(): Promise<void> }): Promise<ContractEngine> {
  const options = { url: server.url, partitions: 4, commandTimeoutMs: 10_000, replicasMin: 0 };
  const store = await RedisStore.open(options);
  const other = await RedisStore.open(options);
  return {
    store,
    other,
    async close() {
      await store.close();
      await other.close();
      await server.stop();
    },
  };
}

storeContract('Redis', async () => await open(await startRedis()));
storeContract('Redis Cluster', async () => await open(await startRedisCluster()));
