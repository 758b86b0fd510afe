import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { storeContract, type ContractEngine } from './store-contract.ts';

async function open(generationChanges: number | undefined): Promise<ContractEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-contract-'));
  const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions: 4, now: Date.now, generationChanges });
  const other = await SqliteStore.connect(store.port(), Date.now);
  return {
    store,
    other,
    async close() {
      await other.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

// What is committed lives in chunks first and in tables later; each of these keeps most of it at another of these places.
storeContract('SQLite, where changes go to the tables at once', () => open(1));
storeContract('SQLite, where they go there by the dozen', () => open(12));
