/**
 * The engines' own group-commit loop: no network beside the engine's own, no codec, no decision. The whole-path benchmark
 * uses it as the baseline of the same run.
 *
 *   node bench/store.ts [memory] [sqlite] [redis-always] [redis-everysec] [--seconds=2] [--groups=1,16,64,256] [--accounts=10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryStore } from '../src/store/memory.ts';
import { RedisStore } from '../src/store/redis.ts';
import { SqliteStore } from '../src/store/sqlite.ts';
import type { CommitItem, PartitionEpoch, Store } from '../src/store/store.ts';
import { startRedis } from '../test/servers/redis.ts';

const headChars = 250;
const entryChars = 300;
const recordChars = 130;

const weekMs = 604_800_000;

/** Journal entries that the book takes at once. */
const trimEvery = 4_096;

export interface StoreLoad {
  /** Items in one commit call. */
  readonly group: number;
  /** Commit calls under way at once. */
  readonly inFlight: number;
  readonly accounts: number;
  /** Does each item put a record that must not exist yet, beside its head and its entry? */
  readonly withRecord: boolean;
  readonly durationMs: number;
}

export interface StoreRate {
  readonly commitsPerSecond: number;
  /** Of one commit call. */
  readonly callMs: { readonly median: number; readonly p99: number };
}

/** Runs the loop on an empty store's partition 0, trimming the journal behind itself as the book does. */
export async function measureStore(store: Store, load: StoreLoad): Promise<StoreRate> {
  const [epoch = 1] = await store.epochs();
  const at: PartitionEpoch = { partition: 0, epoch };
  const source = new ItemSource(load);
  const callMs: number[] = [];
  let commits = 0;
  let trimmed = 0;
  const startedMs = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - startedMs < load.durationMs) {
      const items = source.take(load.group);
      const sentMs = performance.now();
      const results = await store.commit(at, items);
      callMs.push(performance.now() - sentMs);
      for (const result of results) {
        if (result.kind !== 'committed') throw new Error(`the benchmark met ${result.kind}`);
      }
      source.giveBack(items);
      commits += results.length;
      if (commits - trimmed >= trimEvery) {
        trimmed = commits;
        await store.trim(at, String(commits - trimEvery));
      }
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, lane));
  const seconds = (performance.now() - startedMs) / 1_000;
  callMs.sort((a, b) => a - b);
  const quantile = (share: number): number => callMs[Math.floor(callMs.length * share)] ?? 0;
  return { commitsPerSecond: commits / seconds, callMs: { median: quantile(0.5), p99: quantile(0.99) } };
}

/** Draws accounts so that none is in two calls at once, as the decide loop does. */
class ItemSource {
  readonly #load: StoreLoad;
  readonly #free: number[];
  readonly #versions: number[];
  readonly #head = 'h'.repeat(headChars);
  readonly #entry = 'e'.repeat(entryChars);
  readonly #record = 'r'.repeat(recordChars);
  #records = 0;

  constructor(load: StoreLoad) {
    this.#load = load;
    const accounts = Math.max(load.accounts, load.group * load.inFlight);
    this.#free = Array.from({ length: accounts }, (_, index) => (index * 7_919) % accounts);
    this.#versions = Array.from({ length: accounts }, () => 0);
  }

  take(count: number): CommitItem[] {
    return this.#free.splice(0, count).map((account) => this.#item(account));
  }

  giveBack(items: readonly CommitItem[]): void {
    for (const { head } of items) this.#free.push(Number(head?.accountId.slice(1)));
  }

  #item(account: number): CommitItem {
    const expectedVersion = this.#versions[account] ?? 0;
    const version = expectedVersion + 1;
    this.#versions[account] = version;
    const head = { accountId: `a${account}`, expectedVersion, version, value: `${version}${this.#head}` };
    const entries = [`${version}${this.#entry}`];
    if (!this.#load.withRecord) return { head, puts: [], deletes: [], once: [], entries, guards: [] };
    this.#records += 1;
    // Spread over the id space, as ids made from a trace are.
    const id = `${(Math.imul(this.#records, 0x9e3779b1) >>> 0).toString(36)}.${this.#records.toString(36)}`;
    const puts = [{ id, value: this.#record, keepUntilMs: Date.now() + weekMs }];
    return { head, puts, deletes: [], once: [id], entries, guards: [] };
  }
}

export interface BenchedEngine {
  readonly store: Store;
  close(): Promise<void>;
}

/** Opens an empty store of its own for a measurement. */
export const benchedEngines: Readonly<Record<string, () => Promise<BenchedEngine>>> = {
  async memory() {
    const store = new MemoryStore({ partitions: 1, now: Date.now });
    return { store, close: () => store.close() };
  },
  'redis-always': () => openBenchedRedis('always'),
  'redis-everysec': () => openBenchedRedis('everysec'),
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
    const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions: 1, now: Date.now });
    return {
      store,
      async close() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

async function openBenchedRedis(appendfsync: string): Promise<BenchedEngine> {
  const server = await startRedis({ appendfsync });
  const store = await RedisStore.open({ url: server.url, partitions: 1, commandTimeoutMs: 10_000, replicasMin: 0 });
  return {
    store,
    async close() {
      await store.close();
      await server.stop();
    },
  };
}

function option(name: string, otherwise: string): string {
  const found = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return found === undefined ? otherwise : found.slice(name.length + 3);
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const names = asked.length > 0 ? asked : Object.keys(benchedEngines);
  const durationMs = Number(option('seconds', '2')) * 1_000;
  const accounts = Number(option('accounts', '10000'));
  for (const name of names) {
    for (const group of option('groups', '1,16,64,256').split(',').map(Number)) {
      for (const withRecord of [false, true]) {
        const engine = await benchedEngines[name]?.();
        if (engine === undefined) throw new Error(`there is no engine ${name}`);
        const inFlight = engine.store.commitsInFlightMax;
        const rate = await measureStore(engine.store, { group, inFlight, accounts, withRecord, durationMs });
        await engine.close();
        const commits = Math.round(rate.commitsPerSecond).toLocaleString('en').padStart(9);
        const { median, p99 } = rate.callMs;
        const what = `${name.padEnd(15)} groups of ${String(group).padStart(3)}, head + entry${withRecord ? ' + record' : '         '}`;
        console.log(`${what} ${commits} commits/s, call ${median.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
      }
    }
  }
}

if (import.meta.main) await main();
