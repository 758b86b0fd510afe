import { MemoryStore } from '../../src/store/memory.ts';
import { storeContract } from './store-contract.ts';

storeContract('memory', async () => {
  const store = new MemoryStore({ partitions: 4, now: Date.now });
  return { store, other: store, close: () => store.close() };
});
