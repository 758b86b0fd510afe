/**
 * What an account takes in Redis: one card, four transactions, no open hold. All its keys are counted as MEMORY USAGE has them, the
 * directory's among them; what all accounts of a partition share (its scope, its journal, the epochs) is none of an account's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OriginalKey } from '../src/message/message.ts';
import { RedisStore } from '../src/store/redis.ts';
import { keyBytes, startRedis } from '../test/servers/redis.ts';
import { createTraffic } from './card-traffic.ts';
import { benchCards, benchLedger, benchVault, makeCards } from './cards.ts';
import { openStation, runDesk } from './desk.ts';

const transactions = 4;

export interface KeyFigure {
  /** What the key is for: `load` is the record that keeps the balance from being loaded twice. */
  readonly what: 'directory' | 'head' | 'record' | 'alias' | 'load';
  readonly keys: number;
  readonly bytes: number;
}

export interface MemoryFigure {
  /** By what a message may name its original, beside its trace. */
  readonly originalKeys: readonly OriginalKey[];
  readonly keys: readonly KeyFigure[];
  /** Of one account. */
  readonly bytes: number;
}

/** Counts one account's keys after four purchases. */
export async function benchMemory(originalKeys: readonly OriginalKey[]): Promise<MemoryFigure> {
  const redis = await startRedis();
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  try {
    const store = await RedisStore.open({ url: redis.url, partitions: 1, commandTimeoutMs: 10_000, replicasMin: 0 });
    const vault = benchVault(folder);
    const ledger = await benchLedger(store);
    const cards = benchCards(1);
    await makeCards(cards, store, ledger, vault);
    const traffic = createTraffic({ pans: cards.map(({ pan }) => pan), pattern: 'purchase', firstStan: 123_450 });
    const { outcomes } = await runDesk(openStation(store, ledger, vault, originalKeys), traffic, { inFlight: 1, answers: transactions });
    if (outcomes['0210 00'] !== transactions) throw new Error(`the purchases were answered ${JSON.stringify(outcomes)}`);
    const keys = byPurpose(await keyBytes(redis.url));
    await store.close();
    return { originalKeys, keys, bytes: keys.reduce((sum, { bytes }) => sum + bytes, 0) };
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true });
  }
}

function byPurpose(bytes: ReadonlyMap<string, number>): KeyFigure[] {
  const figures = new Map<KeyFigure['what'], { keys: number; bytes: number }>();
  for (const [key, size] of bytes) {
    const what = whatOf(key);
    if (what === undefined) continue;
    const { keys, bytes: sum } = figures.get(what) ?? { keys: 0, bytes: 0 };
    figures.set(what, { keys: keys + 1, bytes: sum + size });
  }
  return [...figures].map(([what, figure]) => ({ what, ...figure }));
}

/** undefined: shared by all accounts of a partition. */
function whatOf(key: string): KeyFigure['what'] | undefined {
  if (key.startsWith('t')) return 'directory';
  const after = key.slice(key.indexOf('}') + 1);
  if (after.startsWith('h')) return 'head';
  if (!after.startsWith('r')) return undefined;
  return after.includes('#') ? 'load' : /[!?]/.test(after) ? 'alias' : 'record';
}

export function memoryTable({ originalKeys, keys, bytes }: MemoryFigure): string {
  const by = originalKeys.length === 0 ? 'originals are named by trace' : `originals are named by trace or ${originalKeys.join(', ')}`;
  const lines = keys.map(({ what, keys: count, bytes: size }) => `  ${what.padEnd(10)} ${String(count).padStart(2)} keys ${String(size).padStart(5)} bytes`);
  return [`one card, no open hold, ${transactions} transactions, ${by}: ${bytes} bytes`, ...lines].join('\n');
}

if (import.meta.main) {
  for (const originalKeys of [[], ['rrn']] as const) console.log(memoryTable(await benchMemory(originalKeys)));
}
