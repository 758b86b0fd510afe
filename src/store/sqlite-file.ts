/**
 * Opens the SQLite store's file: the lock that keeps a second process out, the pragmas that its promise rests on, and its
 * schema, which only ever moves forward.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreUnavailable } from './store.ts';

/** 'LOCM': marks the file as ours, so that another program's database is not taken over. */
const applicationId = 0x4c4f434d;

/**
 * Pages in the write-ahead log before SQLite copies them into the file, 4 MiB. The commit that is the one to copy waits for
 * it: with four times as many, p99 was twice as long, and there were hardly more commits a second.
 */
const checkpointPages = 1_000;

/** Each step brings a file from the version of its index to the next one. Steps that have been released never change. */
const migrations: readonly string[] = [
  `
  CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  -- The epoch of each partition.
  CREATE TABLE partition (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
  -- What the book has of each scope's journal. A scope is a partition under an epoch.
  CREATE TABLE trimmed (scope INTEGER PRIMARY KEY, through INTEGER NOT NULL);
  -- Every commit call that is not both applied to the tables below and trimmed, as it arrived, with its place in the journal.
  CREATE TABLE chunk (
    chunk INTEGER PRIMARY KEY, scope INTEGER NOT NULL, last INTEGER NOT NULL, numbers BLOB NOT NULL, text TEXT NOT NULL
  );
  CREATE INDEX chunk_last ON chunk (scope, last);
  CREATE TABLE head (
    scope INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, id)
  ) WITHOUT ROWID;
  -- In the order in which they came, not in that of their ids, which are spread: a page then takes many new ones at once.
  CREATE TABLE record (
    record INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, keep_until INTEGER,
    due_at INTEGER, UNIQUE (scope, id)
  );
  CREATE INDEX record_due ON record (scope, due_at, id) WHERE due_at IS NOT NULL;
  CREATE TABLE guard (
    scope INTEGER NOT NULL, id TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (scope, id)
  ) WITHOUT ROWID;
  CREATE TABLE directory (token TEXT PRIMARY KEY, account_id TEXT NOT NULL) WITHOUT ROWID;
  `,
  `
  -- Few guards have a time, and fewer change than records do: an index is worth it here.
  ALTER TABLE guard ADD COLUMN keep_until INTEGER;
  CREATE INDEX guard_kept ON guard (keep_until) WHERE keep_until IS NOT NULL;
  `,
  `
  -- Items of a chunk may carry records of this node alone (pack.ts), which a program that knows schema 2 cannot read.
  `,
];

/**
 * @throws StoreUnavailable where another process has the file, or it is not ours, newer than this program, or made with
 *   another number of partitions; each as a sentence that says which
 * @param partitions undefined: as many as the file has, and one where it is new
 */
export function openSqliteFile(file: string, partitions: number | undefined, bytesMax?: number): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file);
  } catch (error) {
    throw new StoreUnavailable(`${file} cannot be opened: ${String(error)}`, { cause: error });
  }
  try {
    lock(database, file);
    migrate(database, file);
    checkPartitions(database, file, partitions);
    if (bytesMax !== undefined) {
      database.exec(`PRAGMA max_page_count = ${Math.ceil(bytesMax / pragma(database, 'page_size'))}`);
    }
    return database;
  } catch (error) {
    database.close();
    if (error instanceof StoreUnavailable) throw error;
    throw new StoreUnavailable(`${file} cannot be opened: ${String(error)}`, { cause: error });
  }
}

export function closeSqliteFile(database: DatabaseSync, file: string): void {
  rmSync(ownerFile(file), { force: true });
  database.close();
}

/** SQLite's own lock keeps others out, and goes with the process however it ends; the file beside it only says who has it. */
function lock(database: DatabaseSync, file: string): void {
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    database.exec('PRAGMA cache_size = -65536');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
  } catch (error) {
    if (primaryCode(error) !== sqliteBusy) throw error;
    throw new StoreUnavailable(`${file} is in use by process ${owner(file)}; one process at a time can have it`, { cause: error });
  }
  writeFileSync(ownerFile(file), String(process.pid));
}

function ownerFile(file: string): string {
  return `${file}-owner`;
}

function owner(file: string): string {
  try {
    return readFileSync(ownerFile(file), 'utf8');
  } catch {
    return '(unknown)';
  }
}

function migrate(database: DatabaseSync, file: string): void {
  const version = pragma(database, 'user_version');
  const id = pragma(database, 'application_id');
  if (id !== applicationId && (version !== 0 || count(database, 'sqlite_schema') > 0)) {
    throw new StoreUnavailable(`${file} is a SQLite database of another program`);
  }
  if (version > migrations.length) {
    throw new StoreUnavailable(`${file} has schema ${version}, and this program knows ${migrations.length}: a newer one made it`);
  }
  for (const [index, step] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN; ${step}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

export function partitionsOf(database: DatabaseSync): number {
  return count(database, 'partition');
}

function checkPartitions(database: DatabaseSync, file: string, partitions: number | undefined): void {
  const found = partitionsOf(database);
  if (found === 0) {
    const insert = database.prepare('INSERT INTO partition VALUES (?, 1)');
    database.exec('BEGIN');
    for (let partition = 0; partition < (partitions ?? 1); partition += 1) insert.run(partition);
    database.exec('COMMIT');
    return;
  }
  if (partitions !== undefined && found !== partitions) {
    throw new StoreUnavailable(`${file} was made with ${found} partitions, and ${partitions} are asked for`);
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function count(database: DatabaseSync, table: string): number {
  return Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows']);
}

const sqliteBusy = 5;
export const sqliteFull = 13;

/** SQLite's primary result code of an error, 0 where it is not SQLite's. */
export function primaryCode(error: unknown): number {
  const code: unknown = error instanceof Error && 'errcode' in error ? error.errcode : 0;
  return typeof code === 'number' ? code & 0xff : 0;
}
