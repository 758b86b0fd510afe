import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedBook } from '../../src/book/embedded-book.ts';
import { socketFolder } from '../../src/book/socket.ts';

let folder: string;
let book: EmbeddedBook;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'locum-test-'));
  book = await EmbeddedBook.open(folder);
  await book.script('create table thing (name text primary key, size bigint check (size > 0), made_at timestamptz, shape jsonb)');
});

afterAll(async () => {
  await book.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Another user of the book's one session, as psql is. */
async function beside(...texts: readonly string[]): Promise<void> {
  const client = new Client({ host: socketFolder(folder)!, user: 'postgres', database: 'postgres' });
  await client.connect();
  for (const text of texts) await client.query(text);
  await client.end();
}

test('a statement that was sent before gives what its types are, the second time as the first', async () => {
  const text = 'select $1::text as text, $2::bigint as big, $3::int[] as numbers, $4::timestamptz as at, $5::jsonb as json, $6::bool as is_so, $7::text as nothing';
  const at = new Date('2026-02-03T04:05:06.789Z');
  for (const name of ['first', 'sécond \u{1F4B3}', '']) {
    const rows = await book.query(text, [name, 9_007_199_254_740_991, [1, 2], at, '{"a":[1,null]}', true, null]);
    expect(rows).toEqual([{ text: name, big: 9_007_199_254_740_991, numbers: [1, 2], at, json: { a: [1, null] }, is_so: true, nothing: null }]);
  }
});

test('a statement without rows and one with many are told apart by what they find', async () => {
  const text = 'select number::int from generate_series(1, $1::int) as number';
  expect(await book.query(text, [0])).toEqual([]);
  expect(await book.query(text, [3])).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }]);
  expect(await book.query(text, [40_000])).toHaveLength(40_000);
});

test('a statement that fails says its SQLSTATE and constraint, nothing of what it was given, and works the next time', async () => {
  const text = 'insert into thing (name, size) values ($1, $2)';
  for (let round = 0; round < 2; round += 1) {
    const error: unknown = await book.query(text, ['a secret name', -1]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23514', severity: 'ERROR', constraint: 'thing_size_check' });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  }
  await book.query(text, ['works', 1]);
  expect(await book.query('select size from thing where name = $1', ['works'])).toEqual([{ size: 1 }]);
});

test('a statement that no one can parse is refused each time', async () => {
  for (let round = 0; round < 2; round += 1) await expect(book.query('selec $1', ['x'])).rejects.toMatchObject({ code: '42601' });
});

test('a statement finds the columns that a script added since', async () => {
  const read = async (): Promise<unknown> => await book.query('select * from grown');
  await book.script('create table grown (a int); insert into grown values (1)');
  expect(await read()).toEqual([{ a: 1 }]);
  await book.script('alter table grown add column b text default \'two\'');
  expect(await read()).toEqual([{ a: 1, b: 'two' }]);
});

test('a statement that was planned for a table without rows is planned anew as the table grows, and one plan of it is kept', async () => {
  await book.script('create table growing (name text primary key, owner text)');
  const text = 'select g.owner from unnest($1::text[]) as w (name) join growing g on g.name = w.name';
  const wanted = Array.from({ length: 50 }, (_, index) => String(index));
  const use = async (times: number): Promise<void> => {
    for (let use = 0; use < times; use += 1) await book.query(text, [wanted]);
  };
  const plan = async (): Promise<string> => {
    const kept = await book.query<{ readonly name: string }>('select name from pg_prepared_statements where statement = $1', [text]);
    expect(kept).toHaveLength(1);
    const lines = await book.query<{ readonly 'QUERY PLAN': string }>(`explain execute ${kept[0]!.name}('{${wanted.join()}}')`);
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  };
  await use(10);
  expect(await plan()).toContain('Seq Scan on growing');
  await book.query('insert into growing select number::text, \'somebody\' from generate_series(1, 10000) as number');
  await use(40);
  expect(await plan()).toContain('Index Scan using growing_pkey');
});

test('what has to be a transaction’s first statement is taken as often as it comes, and so is what is planned anew within one', async () => {
  for (let use = 0; use < 100; use += 1) {
    const found = await book.transaction(async (queries) => {
      await queries.query('set transaction isolation level repeatable read');
      return await queries.query('select current_setting($1) as level', ['transaction_isolation']);
    });
    expect(found).toEqual([{ level: 'repeatable read' }]);
  }
});

test('what another user of the session discards is prepared again, outside a transaction and within', async () => {
  const text = 'select $1::int + 1 as next';
  const next = async (): Promise<unknown> => await book.query(text, [1]);
  expect(await next()).toEqual([{ next: 2 }]);
  await beside('discard all');
  expect(await next()).toEqual([{ next: 2 }]);
  await beside('select 1', 'deallocate all');
  expect(await book.transaction(async (queries) => await queries.query(text, [1]))).toEqual([{ next: 2 }]);
  await beside('do $$ begin execute \'deall\' || \'ocate all\'; end $$');
  expect(await next()).toEqual([{ next: 2 }]);
});

test('a transaction that fails leaves nothing, and the session to the next one', async () => {
  const insert = 'insert into thing (name, size) values ($1, 1)';
  const failing = book.transaction(async (queries) => {
    await queries.query(insert, ['half']);
    await queries.copyIn('thing', ['name', 'size'], 'copied\t1\n');
    await queries.query(insert, ['half']);
  });
  await expect(failing).rejects.toMatchObject({ code: '23505' });
  expect(await book.query('select name from thing where name = any($1::text[])', [['half', 'copied']])).toEqual([]);
  await book.transaction(async (queries) => await queries.query(insert, ['whole']));
  expect(await book.query('select name from thing where name = any($1::text[])', [['half', 'whole']])).toEqual([{ name: 'whole' }]);
});

test('statements that differ in their text alone are answered however many they are', async () => {
  for (let number = 0; number < 350; number += 1) expect(await book.query(`select $1::int * ${number} as product`, [2])).toEqual([{ product: 2 * number }]);
});
