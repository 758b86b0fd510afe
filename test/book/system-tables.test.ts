import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { openBook } from '../../src/book/connection.ts';
import { SystemTables } from '../../src/book/system-tables.ts';
import { bookFixtures, type BookFixture } from './books.ts';

describe.each(['embedded', 'server'] as const)('system tables in the %s book', (kind) => {
  let books: BookFixture;
  let folder: string;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
    folder = mkdtempSync(join(tmpdir(), 'locum-tables-'));
  });
  afterAll(async () => {
    await books.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const told: Error[] = [];
  const tables = (book: Book, cacheFile = join(folder, 'cache')): SystemTables =>
    new SystemTables({
      book, cacheFile, now: () => 1234,
      events: { refreshFailed: (error) => told.push(error), cacheWritten: () => {}, cacheFailed: (error) => told.push(error) },
    });
  const unreachable = (): Promise<Book> => openBook({ databaseUrl: 'postgresql://postgres@127.0.0.1:1/none', connectTimeoutMs: 500 });

  test('a seed adds, changes and takes away what the configuration brought, and leaves an operator’s change alone', async () => {
    const book = await books.open();
    const mine = tables(book);
    await mine.seed('station', [{ name: 'a', document: { port: 1 } }, { name: 'b', document: { port: 2 } }, { name: 'c', document: { port: 3 } }]);
    await mine.seed('issuer', [{ name: 'own', document: {} }]);
    await mine.load();
    await book.query(`update system_table set document = '{"port": 22}' where name = 'b'`);
    await mine.seed('station', [{ name: 'a', document: { port: 11 } }, { name: 'b', document: { port: 2 } }]);
    const changes = await mine.refresh();
    expect(changes.map(({ name, after }) => [name, after?.document, after?.source])).toEqual([
      ['a', { port: 11 }, 'configuration'],
      ['b', { port: 22 }, 'operator'],
      ['c', undefined, undefined],
    ]);
    expect(mine.rows('issuer')).toEqual([{ kind: 'issuer', name: 'own', document: {}, source: 'configuration' }]);
  });

  test('a seed that says nothing new does not make anyone read the tables again', async () => {
    const book = await books.open();
    const mine = tables(book);
    const seeds = [{ name: 'p', document: { limits: [{ scope: 'all', countMax: 3 }], b: 1, a: 2 } }];
    await mine.seed('program', seeds);
    const { revision } = await mine.load();
    await mine.seed('program', seeds);
    expect((await mine.load()).revision).toBe(revision);
    expect(await mine.refresh()).toEqual([]);
  });

  test('a change in the book is seen at the next refresh, and only the change', async () => {
    const book = await books.open();
    const mine = tables(book);
    await mine.seed('binRange', [{ name: '476173', document: { issuer: 'own' } }, { name: '5', document: { issuer: 'other' } }]);
    await mine.load();
    expect(await mine.refresh()).toEqual([]);
    await book.query(`insert into system_table (kind, name, document, source) values ('binRange', '4', '{"issuer": "new"}', 'operator')`);
    expect((await mine.refresh()).map(({ kind, name, before }) => [kind, name, before])).toEqual([['binRange', '4', undefined]]);
    await book.query(`delete from system_table where name = '4'`);
    expect((await mine.refresh()).map(({ name, after }) => [name, after])).toEqual([['4', undefined]]);
    await expect(book.query(`insert into system_table (kind, name, document, source) values ('other', 'x', '{}', 'operator')`)).rejects.toMatchObject({ code: '23514' });
  });

  test('while the book cannot be reached, the copy on disk is used and says so', async () => {
    const cacheFile = join(folder, 'kept', 'tables');
    const book = await books.open();
    const writing = tables(book, cacheFile);
    await writing.seed('station', [{ name: 'kept', document: { port: 8583 } }]);
    const loaded = await writing.load();
    expect(loaded.from).toBe('book');
    expect(readdirSync(join(folder, 'kept'))).toEqual(['tables']);
    const away = await unreachable();
    const reading = tables(away, cacheFile);
    expect(await reading.load()).toEqual({ ...loaded, from: 'cache' });
    told.length = 0;
    expect(await reading.refresh()).toEqual([]);
    expect(told.map((error) => error.name)).toEqual(['BookUnavailable']);
    expect(reading.rows('station').map(({ name }) => name)).toEqual(['kept']);
    await away.close();
  });

  test('a copy that is torn, edited, empty or missing is refused', async () => {
    const cacheFile = join(folder, 'torn');
    const book = await books.open();
    const writing = tables(book, cacheFile);
    await writing.seed('station', [{ name: 'torn', document: { port: 8583 } }]);
    await writing.load();
    const whole = readFileSync(cacheFile);
    const away = await unreachable();
    const reading = tables(away, cacheFile);
    const edited = Buffer.from(whole.toString().replace('8583', '8584'));
    for (const bytes of [...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)), edited]) {
      writeFileSync(cacheFile, bytes);
      await expect(reading.load()).rejects.toMatchObject({ name: 'BookUnavailable', message: expect.stringContaining(cacheFile) });
    }
    rmSync(cacheFile);
    await expect(reading.load()).rejects.toThrow(/cannot be read/);
    writeFileSync(cacheFile, whole);
    expect((await reading.load()).from).toBe('cache');
    await away.close();
  });
});
