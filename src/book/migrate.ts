/**
 * Owns the book's schema: the files beside it, in the order of their numbers, each applied once. Forward only: what has been
 * applied is never changed, and a schema from a later program is refused rather than guessed at.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { BookRefused, type Book, type Queries } from './book.ts';

export interface Migration {
  /** From 1, without a gap. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export interface MigrationReport {
  /** Names of those applied now, in order; empty where the schema was at this version. */
  readonly applied: readonly string[];
  /** The schema's version afterwards. */
  readonly version: number;
}

/** Any number that other programs on the same database are unlikely to lock on. */
const lockNumber = 8_583_1987;

/** The migrations that this program brings. */
export function ownMigrations(): readonly Migration[] {
  const folder = new URL('migrations/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql')).sort();
  return names.map((name, index) => ({ version: index + 1, name, sql: readFileSync(new URL(name, folder), 'utf8') }));
}

/**
 * Brings the schema forward to this program's version. Several processes may do it at once: the first one applies, the others
 * wait and find it done.
 *
 * @throws BookRefused where the schema is newer than this program, or a migration that was applied has changed since
 */
export async function migrate(book: Book, migrations: readonly Migration[] = ownMigrations()): Promise<MigrationReport> {
  return await book.transaction(async (queries) => {
    if (book.kind === 'server') await queries.query('select pg_advisory_xact_lock($1)', [lockNumber]);
    await queries.script(`create table if not exists schema_migration (
      version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
    )`);
    const before = await queries.query<AppliedRow>('select version, name, checksum from schema_migration order by version');
    assertContinues(before, migrations);
    const applied: string[] = [];
    for (const migration of migrations.slice(before.length)) {
      await queries.script(migration.sql);
      await record(queries, migration);
      applied.push(migration.name);
    }
    return { applied, version: migrations.length };
  });
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

function assertContinues(applied: readonly AppliedRow[], migrations: readonly Migration[]): void {
  if (applied.length > migrations.length) {
    throw new BookRefused(
      'schemaNewer',
      `The book's schema is at version ${applied.length}; this program knows versions up to ${migrations.length}. Start the program that made it, or a later one.`,
    );
  }
  applied.forEach((row, index) => {
    const migration = migrations[index];
    if (migration === undefined || row.checksum !== checksumOf(migration)) {
      throw new BookRefused(
        'schemaChanged',
        `Version ${row.version} of the book's schema was made by ${row.name}, which is not the same as this program's. Use the program that made the book.`,
      );
    }
  });
}

async function record(queries: Queries, migration: Migration): Promise<void> {
  await queries.query('insert into schema_migration (version, name, checksum) values ($1, $2, $3)', [
    migration.version,
    migration.name,
    checksumOf(migration),
  ]);
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql.replaceAll('\r\n', '\n')).digest('hex');
}
