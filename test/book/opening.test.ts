import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBook, openNeighbour, type BookOptions } from '../../src/book/connection.ts';
import { migrate, ownMigrations } from '../../src/book/migrate.ts';
import { bookFixtures, until, type BookFixture } from './books.ts';

/** Runs a module's text in a process of its own and gives what it printed. */
async function inProcess(code: string): Promise<{ output: string; status: number | null }> {
  const child = runProcess(code);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { output, status };
}

function runProcess(code: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
}

const source = (name: string): string => JSON.stringify(new URL(`../../src/book/${name}`, import.meta.url).href);

describe.each(['embedded', 'server'] as const)('the schema of the %s book', (kind) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  test('it is made at the first start, table by table with what it means', async () => {
    const book = await openBook(await books.place());
    expect(await migrate(book)).toEqual({ applied: ownMigrations().map(({ name }) => name), version: ownMigrations().length });
    const bare = await book.query(
      `select c.relname from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
       and c.relname not in ('schema_migration') and obj_description(c.oid) is null`,
    );
    expect(bare).toEqual([]);
    await book.close();
  });

  test('a later version is applied on top, and one that fails leaves nothing of itself', async () => {
    const book = await openBook(await books.place());
    await migrate(book);
    const next = (sql: string) => [...ownMigrations(), { version: ownMigrations().length + 1, name: 'later.sql', sql }];
    await expect(migrate(book, next('create table half (a int); create table half (a int)'))).rejects.toMatchObject({ code: '42P07' });
    expect(await book.query(`select to_regclass('half') as half`)).toEqual([{ half: null }]);
    expect((await migrate(book, next('create table whole (a int)'))).applied).toEqual(['later.sql']);
    await book.close();
  });

  test('a schema that is newer than the program is refused, and so is one whose past was changed', async () => {
    const book = await openBook(await books.place());
    await migrate(book);
    await book.query(`insert into schema_migration values ($1, 'later.sql', 'x')`, [ownMigrations().length + 1]);
    await expect(migrate(book)).rejects.toMatchObject({ name: 'BookRefused', code: 'schemaNewer' });
    await book.query('delete from schema_migration where version > $1', [ownMigrations().length]);
    await book.query(`update schema_migration set checksum = 'other' where version = 1`);
    await expect(migrate(book)).rejects.toMatchObject({ name: 'BookRefused', code: 'schemaChanged' });
    await book.close();
  });
});

describe('a PostgreSQL server', () => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures.server();
  });
  afterAll(() => books.remove());

  test('several processes that start at once apply each migration once', async () => {
    const place = await books.place();
    const start = `
      const { openBook } = await import(${source('connection.ts')});
      const { migrate } = await import(${source('migrate.ts')});
      const book = await openBook(${JSON.stringify(place)});
      console.log((await migrate(book)).applied.length);
      await book.close();`;
    const results = await Promise.all([1, 2, 3, 4].map(() => inProcess(start)));
    expect(results.map(({ output }) => output.trim()).sort()).toEqual(['0', '0', '0', String(ownMigrations().length)]);
  });

  test('an address that is none is refused at once, and one where nobody listens is unavailable', async () => {
    await expect(openBook({ databaseUrl: 'book.example:5432' })).rejects.toMatchObject({ code: 'addressInvalid' });
    const book = await openBook({ databaseUrl: 'postgresql://postgres@127.0.0.1:1/none' });
    await expect(book.query('select 1')).rejects.toMatchObject({ name: 'BookUnavailable' });
    await book.close();
  });
});

describe('an embedded book', () => {
  let books: BookFixture;
  let folder: string;
  beforeAll(async () => {
    books = await bookFixtures.embedded();
    folder = mkdtempSync(join(tmpdir(), 'locum-opening-'));
  });
  afterAll(async () => {
    await books.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const dataDirOf = (place: BookOptions): string => ('dataDir' in place ? place.dataDir : '');

  test('a second opener is refused with a sentence, in this process and in another', async () => {
    const place = await books.place();
    const book = await openBook(place);
    await expect(openBook(place)).rejects.toMatchObject({ name: 'BookRefused', code: 'inUse' });
    const { output } = await inProcess(`
      const { openBook } = await import(${source('connection.ts')});
      await openBook(${JSON.stringify(place)}).catch((error) => console.log(error.message));`);
    expect(output.trim()).toBe(`The book in ${dataDirOf(place)} is open in another process. Stop that one, or use another folder.`);
    await book.close();
    const again = await openBook(place);
    await again.close();
  });

  test.each([
    ['in a folder of a usual name', 'book'],
    ['in a folder whose name is too long for a socket', 'b'.repeat(120)],
  ])('%s, another process reads it while it is open, and only reads', async (_name, name) => {
    const dataDir = join(folder, name);
    const book = await openBook({ dataDir });
    await migrate(book);
    await book.query(`insert into journal_position values (3, 1, 77, now())`);
    const { output } = await inProcess(`
      const { openNeighbour } = await import(${source('connection.ts')});
      const book = await openNeighbour(${JSON.stringify({ dataDir })});
      const rows = await book.query('select sequence from journal_position where partition = $1', [3]);
      const refused = await book.query('delete from journal_position').then(() => 'deleted', (error) => error.message);
      console.log(JSON.stringify([book.kind, rows, refused]));
      await book.close();`);
    expect(JSON.parse(output)).toEqual(['neighbour', [{ sequence: 77 }], expect.stringContaining('read-only')]);
    await book.close();
    const alone = await openNeighbour({ dataDir });
    expect([alone.kind, await alone.query('select sequence from journal_position')]).toEqual(['embedded', [{ sequence: 77 }]]);
    await alone.close();
  });

  test('a neighbour that goes away within a transaction leaves nothing behind and holds nobody up', async () => {
    const place = await books.place();
    const book = await openBook(place);
    await book.script('create table t (a int)');
    const socket = connect(join(dataDirOf(place), '.s.PGSQL.5432'));
    const answers: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => answers.push(chunk));
    socket.write(Buffer.concat([startup(), query('set search_path to nowhere'), query('begin; insert into public.t values (1)')]));
    await until(() => Buffer.concat(answers).includes('INSERT 0 1'), 'the neighbour has inserted');
    const waiting = book.query<{ count: number }>('select count(*) as count from t');
    socket.destroy();
    expect(await waiting).toEqual([{ count: 0 }]);
    await book.close();
  });

  test('statements of several neighbours and of its owner do not mix', async () => {
    const place = await books.place();
    const book = await openBook(place);
    await book.script('create table n (a int)');
    const reader = `
      const { openNeighbour } = await import(${source('connection.ts')});
      const book = await openNeighbour(${JSON.stringify(place)});
      let wrong = 0;
      for (let i = 0; i < 200; i += 1) {
        const [row] = await book.query('select $1::int as mine, (select count(*) from n)::int % 2 as odd', [i]);
        if (row.mine !== i || row.odd !== 0) wrong += 1;
      }
      console.log('wrong', wrong);
      await book.close();`;
    const readers = [inProcess(reader), inProcess(reader), inProcess(reader)];
    const reading = new AbortController();
    const all = Promise.all(readers).finally(() => reading.abort());
    while (!reading.signal.aborted) {
      await book.transaction(async (queries) => {
        await queries.query('insert into n values ($1)', [1]);
        await queries.query('insert into n values ($1)', [2]);
      });
    }
    expect((await all).map(({ output }) => output.trim())).toEqual(['wrong 0', 'wrong 0', 'wrong 0']);
    await book.close();
  });

  test('bytes that are no protocol end their connection and nothing else', async () => {
    const place = await books.place();
    const book = await openBook(place);
    const junk = [Buffer.alloc(64), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.concat([startup(), Buffer.from([0x51, 0, 0, 0, 0, 1, 2])]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0])];
    for (const bytes of junk) {
      const socket = connect(join(dataDirOf(place), '.s.PGSQL.5432'));
      socket.on('error', () => {});
      socket.resume();
      socket.end(bytes);
      await once(socket, 'close');
    }
    expect(await book.query('select 1 as one')).toEqual([{ one: 1 }]);
    await book.close();
  });

  test('its commits are flushed to the disk before they are acknowledged', async () => {
    const book = await openBook(await books.place());
    const settings = await book.query(`select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method') order by name`);
    expect(settings).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'full_page_writes', setting: 'on' },
      { name: 'synchronous_commit', setting: 'on' },
      { name: 'wal_sync_method', setting: 'fsync' },
    ]);
    await book.close();
  });
});

function startup(): Buffer {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  const message = Buffer.alloc(4 + body.length);
  message.writeInt32BE(message.length, 0);
  body.copy(message, 4);
  return message;
}

function query(text: string): Buffer {
  const message = Buffer.alloc(6 + text.length);
  message.write('Q', 0);
  message.writeInt32BE(message.length - 1, 1);
  message.write(text, 5);
  return message;
}
