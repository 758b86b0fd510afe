import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeEntry } from '../../src/account/journal.ts';
import { openBook, type BookOptions } from '../../src/book/connection.ts';
import { migrate } from '../../src/book/migrate.ts';
import { verify } from '../../src/book/verify.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { startPostgres } from '../servers/postgres.ts';
import { bookFixtures, journal, mixed, until, type BookFixture } from './books.ts';
import { watchedDrain } from './drains.ts';
import { accountLife } from './entries.ts';
import { endsWithUs } from '../servers/children.ts';

const childFile = new URL('drain-child.ts', import.meta.url).pathname;

/** A drain in a process of its own that is killed after so many batches and some milliseconds; every line that it printed. */
async function drainKilled(file: string, place: BookOptions, afterBatches: number, afterMs: number): Promise<readonly string[]> {
  const child = endsWithUs(spawn(process.execPath, [childFile, file, JSON.stringify(place), '2'], { stdio: ['ignore', 'pipe', 'inherit'] }));
  const lines: string[] = [];
  let batches = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith('drained')) batches += 1;
    if (batches === afterBatches && child.signalCode === null) {
      await delay(afterMs);
      child.kill('SIGKILL');
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return lines;
}

describe.each(['embedded', 'server'] as const)('a drain into the %s book', (kind) => {
  let books: BookFixture;
  let folder: string;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
    folder = mkdtempSync(join(tmpdir(), 'locum-killed-'));
  });
  afterAll(async () => {
    await books.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  // Each kill costs the embedded book a start with recovery, and other tests run beside this one.
  test('killed at any moment, it has every entry once and in order when it has come to the end', { timeout: 240_000 }, async () => {
    const place = await books.place();
    const made = await openBook(place);
    await migrate(made);
    await made.close();
    const file = join(folder, 'store.sqlite');
    const store = await SqliteStore.open({ file, partitions: 2, now: Date.now });
    const parts = [mixed([accountLife('k1', 90), accountLife('k2', 60)]), mixed([accountLife('k3', 120), accountLife('k4', 10)])];
    await Promise.all(parts.map((entries, partition) => journal(store, partition, entries)));
    await store.close();

    const printed: string[] = [];
    // Moments within a batch, between two, within the start (no batch at all) and right after a commit.
    const moments = [[1, 0], [1, 3], [2, 1], [3, 0], [1, 7], [2, 5], [4, 2]] as const;
    for (const [batches, ms] of moments) printed.push(...(await drainKilled(file, place, batches, ms)));
    printed.push(...(await drainKilled(file, place, -1, 0)));
    expect(printed.filter((line) => line.startsWith('stopped'))).toEqual([]);
    expect(printed.at(-1)).toBe('empty');

    const book = await openBook(place);
    expect(await verify(book, 10)).toEqual([]);
    for (const [partition, entries] of parts.entries()) {
      const rows = await book.query<{ entry: string }>('select entry from journal_entry where partition = $1 order by sequence', [partition]);
      expect(rows.map((row) => row.entry)).toEqual(entries.map(encodeEntry));
    }
    await book.close();
  });
});

test('PostgreSQL that stops and starts amid the drain holds it up and costs nothing', async () => {
  const server = await startPostgres();
  const book = await openBook({ databaseUrl: server.url, connectTimeoutMs: 30_000 });
  await migrate(book);
  const store = new MemoryStore({ partitions: 2, now: Date.now });
  const life = accountLife('outage', 600);
  const { drain, batches, failures, recovered, stops } = watchedDrain(store, book, 10);
  drain.start();
  await journal(store, 0, life.slice(0, 900));
  for (const mode of ['immediate', 'fast'] as const) {
    const before = batches.length;
    await until(() => batches.length > before + 5, 'some batches are drained');
    await server.stop(mode);
    const failed = failures.length;
    await until(() => failures.length > failed, 'the drain has noticed');
    await server.start();
    const back = recovered.length;
    await until(() => recovered.length > back || batches.length > before + 10, 'the drain goes on');
  }
  await server.stop('immediate');
  await journal(store, 0, life.slice(900));
  await until(() => drain.lag().entries >= life.length - 900, 'the lag shows what waits');
  await server.start();
  await drain.stop(60_000);
  expect(stops).toEqual([]);
  expect(failures.every((error) => error.name === 'BookUnavailable')).toBe(true);
  expect(await book.query('select last_sequence from account')).toEqual([{ last_sequence: life.length }]);
  expect(await verify(book, 10)).toEqual([]);
  await book.close();
  await server.remove();
});
