/** Operators' changes to the system tables, and the history of all changes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { SystemTables } from '../../src/book/system-tables.ts';
import { changeTableRows, readTableHistory, readTableRows } from '../../src/book/table-changes.ts';
import { bookFixtures } from './books.ts';
import type { BookFixture } from './books.ts';

describe.each(['embedded', 'server'] as const)('changes to the system tables in the %s book', (kind) => {
  let books: BookFixture;
  let book: Book;
  let folder: string;
  let tables: SystemTables;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
    folder = mkdtempSync(join(tmpdir(), 'locum-changes-'));
    book = await books.open();
    tables = new SystemTables({ book, cacheFile: join(folder, 'cache'), now: () => 1234, events: { refreshFailed: () => {}, cacheWritten: () => {}, cacheFailed: () => {} } });
    await tables.seed('issuer', [{ name: 'bank', document: { type: 'host', standIn: { version: 3, currency: 'EUR', killSwitch: false } } }, { name: 'plain', document: { type: 'host' } }]);
    await tables.load();
  });
  afterAll(async () => {
    await books.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const documentOf = async (name: string): Promise<Readonly<Record<string, unknown>> | undefined> => (await readTableRows(book)).find((row) => row.name === name)?.document;

  test('a change is in the history with who, why, what was and what is, and takes effect at the next refresh', async () => {
    const before = await documentOf('bank');
    const after = { ...before, mode: 'host' };
    expect(await changeTableRows(book, [{ kind: 'issuer', name: 'bank', before, after }], 'mia', 'a try')).toBeUndefined();
    expect((await tables.refresh()).map(({ name, after: row }) => [name, row?.document, row?.source])).toEqual([['bank', after, 'operator']]);
    expect(await readTableHistory(book, { kind: 'issuer', name: 'bank', limit: 10 })).toMatchObject([
      { changedBy: 'mia', why: 'a try', kind: 'issuer', name: 'bank', before, after },
      { changedBy: 'configuration', why: '', kind: 'issuer', name: 'bank', before: undefined, after: before },
    ]);
  });

  test('a row that says again what the configuration says is the configuration’s again, and follows it', async () => {
    const before = await documentOf('bank');
    const { mode: _, ...after } = before as { readonly mode: string };
    await changeTableRows(book, [{ kind: 'issuer', name: 'bank', before, after }], 'mia', '');
    expect((await readTableRows(book)).find(({ name }) => name === 'bank')).toMatchObject({ document: after, source: 'configuration' });
    await tables.seed('issuer', [{ name: 'bank', document: { ...after, mode: 'hostWithStandIn' } }, { name: 'plain', document: { type: 'host' } }]);
    expect(await documentOf('bank')).toEqual({ ...after, mode: 'hostWithStandIn' });
  });

  test('a change to a row that is not what it was when it was thought of is not made, nor is any with it', async () => {
    const plain = await documentOf('plain');
    const wishes = [
      { kind: 'issuer', name: 'plain', before: plain, after: { type: 'host', mode: 'host' } },
      { kind: 'issuer', name: 'bank', before: { type: 'host' }, after: { type: 'own' } },
    ] as const;
    expect(await changeTableRows(book, wishes, 'mia', '')).toEqual(wishes[1]);
    expect(await changeTableRows(book, [{ kind: 'issuer', name: 'gone', before: { a: 1 }, after: undefined }], 'mia', '')).toMatchObject({ name: 'gone' });
    expect(await changeTableRows(book, [{ kind: 'issuer', name: 'bank', before: undefined, after: {} }], 'mia', '')).toMatchObject({ name: 'bank' });
    expect(await documentOf('plain')).toEqual(plain);
  });

  test('of two that change one row at once the second is told so', async () => {
    const other = await books.open();
    const before = await documentOf('plain');
    const outcomes = await Promise.all([book, other].map(async (each, index) => await changeTableRows(each, [{ kind: 'issuer', name: 'plain', before, after: { type: 'host', timers: { posMs: 1_000 + index } } }], `of ${index}`, '')));
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1);
    expect((await readTableHistory(book, { kind: 'issuer', name: 'plain', limit: 10 })).filter(({ changedBy }) => changedBy.startsWith('of '))).toHaveLength(1);
  });

  test('rules that an operator changes have a number that none before them had, by whatever way they are changed', async () => {
    const versionOf = async (name: string): Promise<unknown> => ((await documentOf(name))!['standIn'] as { version: number }).version;
    await book.query(`update system_table set document = jsonb_set(document, '{standIn,killSwitch}', 'true') where name = 'bank'`);
    expect(await versionOf('bank')).toBe(4);
    await book.query(`update system_table set document = jsonb_set(document, '{mode}', '"host"') where name = 'bank'`);
    expect(await versionOf('bank')).toBe(4);
    await book.query(`update system_table set document = jsonb_set(document, '{standIn,killSwitch}', 'false') where name = 'bank'`);
    expect(await versionOf('bank')).toBe(5);
    await book.query(`update system_table set document = jsonb_set(document, '{standIn}', '{"version": 9, "currency": "EUR"}') where name = 'bank'`);
    expect(await versionOf('bank')).toBe(9);
    // The default rules, which were not written down, had the number 1.
    await book.query(`update system_table set document = jsonb_set(document, '{standIn}', '{"currency": "EUR"}') where name = 'plain'`);
    expect(await versionOf('plain')).toBe(2);
    await book.query(`update system_table set document = jsonb_set(document, '{standIn,version}', '"none"') where name = 'plain'`);
    await book.query(`update system_table set document = jsonb_set(document, '{standIn,currency}', '"USD"') where name = 'plain'`);
    expect(await versionOf('plain')).toBe(3);
    await book.query(`insert into system_table (kind, name, document, source) values ('issuer', 'new', '{"standIn": {"currency": "EUR"}}', 'operator')`);
    expect(await versionOf('new')).toBe(1);
    expect((await readTableRows(book)).filter(({ kind: of }) => of === 'issuer').map(({ name, rulesVersion }) => [name, rulesVersion])).toEqual([['bank', 9], ['new', 1], ['plain', 3]]);
  });

  test('what is changed by SQL is in the history as the database’s user’s, and a removal with what was', async () => {
    await book.query(`delete from system_table where name = 'new'`);
    const [entry] = await readTableHistory(book, { limit: 1 });
    expect(entry).toMatchObject({ kind: 'issuer', name: 'new', before: { standIn: { currency: 'EUR', version: 1 } }, after: undefined });
    expect(entry?.changedBy).toMatch(/^[a-z]+$/);
    expect(entry?.changedBy).not.toBe('configuration');
  });
});
