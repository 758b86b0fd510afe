/**
 * A process that a test kills: commits to the store file named by its first argument without an end, and prints a line for
 * each call that was acknowledged. Each call raises three accounts by one, with a record, one of this node alone and two journal entries for each.
 */
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { CommitItem } from '../../src/store/store.ts';

const [, , file = '', run = ''] = process.argv;

try {
  await write();
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
}

async function write(): Promise<void> {
  const store = await SqliteStore.open({ file, partitions: 1, now: Date.now, generationChanges: 20 });
  const at = { partition: 0, epoch: 1 };
  const accountIds = ['a', 'b', 'c'];
  for (let round = 0; ; round += 1) {
    const heads = await store.heads(at, accountIds);
    const items: CommitItem[] = accountIds.map((accountId, index) => {
      const version = heads[index]?.version ?? 0;
      const id = `${run}.${round}.${accountId}`;
      return {
        head: { accountId, expectedVersion: version, version: version + 1, value: String(version + 1) },
        puts: [{ id, value: accountId, dueAtMs: round + 1 }],
        once: [id],
        deletes: [],
        entries: [`first ${id}`, `second ${id}`],
        guards: [{ guardId: 'g', delta: 1, floor: 0 }],
        own: [{ id: `own ${id}`, value: accountId, dueAtMs: round + 1 }],
      };
    });
    await store.commit(at, items);
    process.stdout.write(`${round}\n`);
  }
}
