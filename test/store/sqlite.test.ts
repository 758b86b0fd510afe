import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { StoreUnavailable, StoreUnknown, type Store } from '../../src/store/store.ts';
import { head, item } from '../contract/store-contract-items.ts';
import { endsWithUs } from '../servers/children.ts';

const at = { partition: 0, epoch: 1 };
const writer = new URL('./sqlite-writer.ts', import.meta.url).pathname;

describe('the SQLite store', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'locum-sqlite-'));
    file = join(folder, 'store.db');
  });

  afterEach(() => {
    // A test that failed may have left its disk.
    if (existsSync(join(folder, 'disk'))) spawnSync('umount', ['-l', join(folder, 'disk')]);
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (options: { partitions?: number; generationChanges?: number; bytesMax?: number; file?: string } = {}) => {
    return await SqliteStore.open({ file, partitions: 1, now: Date.now, ...options });
  };

  it('has every acknowledged commit after its process is killed, and no part of any other, kill after kill', async () => {
    const acknowledged: string[] = [];
    for (let run = 0; run < 6; run += 1) {
      for (const round of await killAfter(file, String(run), 3 + run * 17)) acknowledged.push(`${run}.${round}`);
      const store = await open({ generationChanges: 20 });
      await expectWholeCalls(store, acknowledged);
      await store.close();
    }
    expect(acknowledged.length).toBeGreaterThan(200);
  });

  it('tells a second process which one has the file, and lets it in when that one was killed', async () => {
    const store = await open();
    const second = spawnSync(process.execPath, [writer, file], { encoding: 'utf8' });
    expect(second.stdout).toContain(`${file} is in use by process ${process.pid}`);
    await store.close();
    await killAfter(file, 'x', 1);
    const third = await open();
    await third.close();
  });

  it('puts records of this node alone with their item, or not at all, and keeps them apart from every partition', async () => {
    const store = await open();
    const put = (value: string) => ({ own: [{ id: 'o', value, dueAtMs: 7 }] });
    expect(await store.commit(at, [item({ head: head('a', 0), ...put('first') })])).toEqual([{ kind: 'committed' }]);
    expect(await store.commit(at, [item({ head: head('a', 0), ...put('second') })])).toMatchObject([{ kind: 'conflict' }]);
    expect(await store.own.records(at, ['o'])).toEqual(['first']);
    expect(await store.records(at, ['o'])).toEqual([undefined]);
    expect([await store.due(at, 10, 10), await store.own.due(at, 10, 10)]).toEqual([[], [{ id: 'o', dueAtMs: 7 }]]);
    await store.own.commit(at, [item({ puts: [{ id: 'o', value: 'ended' }] })]);
    await store.close();
    const again = await open();
    expect(await again.own.records(at, ['o'])).toEqual(['ended']);
    expect(await again.own.due(at, 10, 10)).toEqual([]);
    expect((await again.heads(at, ['a']))[0]?.version).toBe(1);
    await again.close();
  });

  it('says so when the folder does not exist', async () => {
    await expect(open({ file: join(folder, 'none', 'store.db') })).rejects.toThrow(StoreUnavailable);
  });

  it('refuses a file of another program, of a newer version, and with another number of partitions', async () => {
    const other = join(folder, 'other.db');
    const database = new DatabaseSync(other);
    database.exec('CREATE TABLE theirs (x)');
    database.close();
    await expect(open({ file: other })).rejects.toThrow('another program');

    const store = await open();
    await store.close();
    await expect(open({ partitions: 2 })).rejects.toThrow('made with 1 partitions, and 2 are asked for');

    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    await expect(open()).rejects.toThrow('a newer one made it');
  });

  it('when its thread dies, what was under way is unknown, what comes after is unavailable, and what was said is there', async () => {
    const store = await open();
    await store.commit(at, [item({ head: head('a', 0) })]);
    const port = store.port();
    await once(port, 'message');
    const underWay = store.commit(at, [item({ head: head('a', 1) })]);
    const read = store.heads(at, ['a']);
    port.postMessage({ call: 1, request: { kind: 'what no client sends' } }, []);
    const outcomes = await Promise.allSettled([underWay, read, store.commit(at, [item({ head: head('a', 2) })])]);
    const failures = outcomes.filter(({ status }) => status === 'rejected');
    for (const { reason } of failures as PromiseRejectedResult[]) expect(reason).toSatisfy(isStoreFailure);
    await expectEnd(store);
    await expect(store.commit(at, [item({ head: head('a', 1) })])).rejects.toThrow('unreachable');
    await expect(store.commit(at, [item({ head: head('a', 1) })])).rejects.toThrow(StoreUnavailable);
    const again = await open();
    const [found] = await again.heads(at, ['a']);
    expect(found?.version).toBeGreaterThanOrEqual(1);
    await again.close();
  });

  it('a commit in the same turn as the death of the thread is unknown', async () => {
    const store = await open();
    const port = store.port();
    await once(port, 'message');
    port.postMessage({ call: 1, request: { kind: 'what no client sends' } }, []);
    const outcomes = await Promise.allSettled([
      store.commit(at, [item({ head: head('a', 0) })]),
      store.commit(at, [item({ head: head('b', 0) })]),
      store.heads(at, ['a']),
    ]);
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error).name : 'answered'));
    expect(reasons).toEqual(['StoreUnknown', 'StoreUnknown', 'StoreUnavailable']);
  });

  it('on a full disk refuses with nothing done, keeps what it said, and goes on when there is room again', async () => {
    const disk = smallDisk(folder);
    const store = await open({ file: join(disk.folder, 'store.db'), generationChanges: 8, ...disk.options });
    const { acknowledged, refused } = await commitUntilRefused(store);
    expect(refused).toBeInstanceOf(StoreUnavailable);
    expect(acknowledged).toBeGreaterThan(10);
    expect((await store.heads(at, ['a']))[0]?.version).toBe(acknowledged);
    expect(await store.records(at, [`r${acknowledged - 1}`, `r${acknowledged}`])).toEqual(['', undefined]);
    expect(await store.journalLength(at)).toBe(acknowledged);
    disk.enlarge();
    for (let trimmed = 0; trimmed < acknowledged; trimmed += 100) await store.trim(at, String(Math.min(trimmed + 100, acknowledged)));
    expect(await store.commit(at, [item({ head: head('a', acknowledged) })])).toEqual([{ kind: 'committed' }]);
    await store.close();
    const again = await open({ file: join(disk.folder, 'store.db') });
    expect((await again.heads(at, ['a']))[0]?.version).toBe(acknowledged + 1);
    await again.close();
  });

  it('keeps its file small when the journal is trimmed behind the commits and records pass their time', async () => {
    const store = await open({ generationChanges: 64 });
    for (let round = 0; round < 400; round += 1) {
      const puts = Array.from({ length: 8 }, (_, index) => ({ id: `${round}.${index}`, value: 'r'.repeat(130), keepUntilMs: Date.now() - 1 }));
      await store.commit(at, [item({ head: head('a', round), puts, entries: ['e'.repeat(1_000)] })]);
      await store.trim(at, String(round + 1));
    }
    expect(await store.journalLength(at)).toBe(0);
    await store.close();
    const database = new DatabaseSync(file);
    const rows = (table: string): unknown => database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows'];
    expect(rows('chunk')).toBe(0);
    expect(rows('record')).toBeLessThan(500);
    database.close();
  });

  it('knows how long a guard is kept after a crash that left it in a chunk alone', async () => {
    const store = await open();
    const keepUntilMs = Date.now() + 600_000;
    await store.commit(at, [item({ guards: [{ guardId: 'g', delta: 70, floor: 0, keepUntilMs }] })]);
    // The disk as a crash leaves it at this moment.
    const left = `${file}.left`;
    for (const end of ['', '-wal']) copyFileSync(file + end, left + end);
    await store.close();
    const again = await open({ file: left });
    expect(await again.commit(at, [item({ guards: [{ guardId: 'g', delta: -20, floor: 0 }] })])).toEqual([{ kind: 'committed' }]);
    await again.close();
    const database = new DatabaseSync(left);
    expect({ ...database.prepare('SELECT value, keep_until FROM guard').get() }).toEqual({ value: 50, keep_until: keepUntilMs });
    database.close();
  });

  it('brings a file of an earlier schema forward with what is in it', async () => {
    const before = await open();
    await before.commit(at, [item({ head: head('a', 0), guards: [{ guardId: 'g', delta: 70, floor: 0 }] })]);
    await before.close();
    const earlier = new DatabaseSync(file);
    earlier.exec('DROP INDEX guard_kept; ALTER TABLE guard DROP COLUMN keep_until; PRAGMA user_version = 1');
    earlier.close();
    const store = await open();
    expect(await store.commit(at, [item({ guards: [{ guardId: 'g', delta: -71, floor: 0 }] }), item({ guards: [{ guardId: 'g', delta: -70, floor: 0 }] })])).toEqual([{ kind: 'refused', guardId: 'g', value: 70 }, { kind: 'committed' }]);
    await store.close();
  });

  it('a client on another thread sees the file closed by its owner', async () => {
    const store = await open();
    const client = await SqliteStore.connect(store.port(), Date.now);
    await client.commit(at, [item({ head: head('a', 0) })]);
    await store.close();
    await expectEnd(client);
    await expect(store.heads(at, ['a'])).rejects.toThrow(StoreUnavailable);
  });
});

/** Starts the writer, kills it at its nth acknowledgement. @returns the rounds that it acknowledged */
async function killAfter(file: string, run: string, acknowledgements: number): Promise<readonly string[]> {
  const child: ChildProcess = endsWithUs(spawn(process.execPath, [writer, file, run], { stdio: ['ignore', 'pipe', 'inherit'] }));
  if (child.stdout === null) throw new Error('the child has an output');
  const rounds: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (!/^\d+$/.test(line)) throw new Error(line);
    rounds.push(line);
    if (rounds.length === acknowledgements) child.kill('SIGKILL');
  }
  return rounds;
}

async function expectWholeCalls(store: SqliteStore, acknowledged: readonly string[]): Promise<void> {
  const entries = (await store.tail(at, undefined, 1_000_000)).map(({ value }) => value);
  const heads = await store.heads(at, ['a', 'b', 'c']);
  const calls = entries.length / 6;
  expect(heads.map((found) => found?.version)).toEqual([calls, calls, calls]);
  expect(await store.guards(at, ['g'])).toEqual([calls * 3]);
  expect(await store.due(at, 1_000_000, 1_000_000)).toHaveLength(calls * 3);
  expect(await store.own.due(at, 1_000_000, 1_000_000)).toHaveLength(calls * 3);
  const present = new Set(entries);
  for (const id of acknowledged) {
    for (const accountId of ['a', 'b', 'c']) expect(present.has(`second ${id}.${accountId}`)).toBe(true);
  }
  const ids = entries.filter((entry) => entry.startsWith('first ')).map((entry) => entry.slice(6));
  const records = await store.records(at, ids);
  expect(records.every((value) => value !== undefined)).toBe(true);
  expect(await store.own.records(at, ids.map((id) => `own ${id}`))).toEqual(ids.map((id) => id.slice(-1)));
}

/** Raises one account with a journal entry of four kilobytes each time, at most 5,000 times. */
async function commitUntilRefused(store: Store): Promise<{ acknowledged: number; refused: unknown }> {
  for (let acknowledged = 0; acknowledged < 5_000; acknowledged += 1) {
    const puts = [{ id: `r${acknowledged}`, value: '' }];
    try {
      await store.commit(at, [item({ head: head('a', acknowledged), entries: ['e'.repeat(4_000)], puts })]);
    } catch (refused) {
      return { acknowledged, refused };
    }
  }
  throw new Error('no commit was refused');
}

async function expectEnd(store: Store): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (performance.now() < deadline) {
    const outcome = await store.journalLength(at).catch((error: unknown) => error);
    if (outcome instanceof StoreUnavailable) return;
  }
  throw new Error('the store still answers');
}

function isStoreFailure(error: unknown): boolean {
  return error instanceof StoreUnknown || error instanceof StoreUnavailable;
}

interface SmallDisk {
  readonly folder: string;
  readonly options: { readonly bytesMax?: number };
  enlarge(): void;
}

/** A file system of two megabytes where this process may mount one, else the store's own bound. */
function smallDisk(folder: string): SmallDisk {
  const mounted = join(folder, 'disk');
  mkdirSync(mounted);
  const mount = (...options: readonly string[]): boolean => {
    return spawnSync('mount', ['-t', 'tmpfs', ...options, 'tmpfs', mounted]).status === 0;
  };
  if (!mount('-o', 'size=2m')) return { folder, options: { bytesMax: 2_000_000 }, enlarge: () => undefined };
  return {
    folder: mounted,
    options: {},
    enlarge() {
      mount('-o', 'remount,size=8m');
    },
  };
}
