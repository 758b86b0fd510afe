/** What `locum doctor` looks at in the book: reachable, at this program's version, near to the journal, and right in itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Book } from '../book/book.ts';
import type { Config } from '../program/config.ts';
import { bookName, bookOptionsOf, opensSoon } from './book-of.ts';
import { durationWords } from './trace-story.ts';
import { counted } from './finding.ts';
import type { Finding } from './finding.ts';
import type { RunningSwitch } from './doctor-ports.ts';
import { CacheRefused, readTableCache } from '../book/table-cache.ts';
import type { AuditBreak } from '../lifecycle/audit.ts';

const findingsMax = 5;

export async function checkBook(config: Config, running: RunningSwitch | undefined, journalEntries: number | undefined): Promise<Finding[]> {
  const options = bookOptionsOf(config);
  const name = bookName(options);
  if ('dataDir' in options && !existsSync(options.dataDir)) return [{ check: 'book', state: 'ok', text: `${name} is not there yet; the first start makes it.` }];
  if (opensSoon(options, running)) {
    return [{ check: 'book', state: 'wrong', text: `The running switch has not opened the book (${name}) yet.`, todo: 'Ask again in a few seconds; if it stays so, the switch\'s log says why.' }];
  }
  const { openNeighbour } = await import('../book/connection.ts');
  let book: Book | undefined;
  try {
    book = await openNeighbour(options);
    const schema = await schemaFinding(book, name);
    if (schema.state !== 'ok') return [schema];
    return [schema, lagFinding(config, running, journalEntries), ...stopFindings(running), ...(await agreement(book)), await auditFinding(book)];
  } catch (error) {
    const text = `The book (${name}) cannot be used: ${error instanceof Error ? error.message.replace(/\.$/, '') : String(error)}.`;
    const todo = 'databaseUrl' in options
      ? 'Start PostgreSQL, or correct book.databaseUrl (DATABASE_URL). Decisions go on meanwhile, until the journal is as long as book.lagEntriesMax.'
      : 'If no switch runs on this data folder, its log says why the book did not open.';
    return [{ check: 'book', state: 'wrong', text, todo }];
  } finally {
    await book?.close();
  }
}

async function schemaFinding(book: Book, name: string): Promise<Finding> {
  const { ownMigrations } = await import('../book/migrate.ts');
  const known = ownMigrations().length;
  const [table] = await book.query<{ readonly there: boolean }>(`select to_regclass('schema_migration') is not null as there`);
  if (table?.there !== true) return { check: 'book', state: 'note', text: `The book (${name}) is reachable and empty; the first start makes its tables.` };
  const [row] = await book.query<{ readonly version: number }>('select coalesce(max(version), 0)::integer as version from schema_migration');
  const version = row?.version ?? 0;
  if (version > known) return { check: 'book', state: 'wrong', text: `The book (${name}) is at version ${version}, and this program knows ${known}.`, todo: 'Start the program that made it, or a later one.' };
  if (version < known) return { check: 'book', state: 'note', text: `The book (${name}) is at version ${version}; the next start brings it to ${known}.` };
  return { check: 'book', state: 'ok', text: `The book (${name}) is reachable, at version ${version}.` };
}

/** The running switch knows; without one, the store was asked. */
function lagFinding({ book }: Config, running: RunningSwitch | undefined, journalEntries: number | undefined): Finding {
  const said = running?.checks['book'];
  const ok = said === undefined ? (journalEntries ?? 0) <= book.lagEntriesMax : said.ok;
  const detail = said?.detail ?? (journalEntries === undefined ? undefined : `${counted(journalEntries, 'journal entry', 'journal entries')} behind`);
  if (detail === undefined) return { check: 'book', state: 'note', text: 'How far the book is behind is not known: no switch runs, and the store cannot be asked.' };
  return { check: 'book', state: ok ? 'ok' : 'wrong', text: `The book is ${detail}; requests are refused above ${book.lagEntriesMax}.`, todo: ok ? undefined : 'A switch that reaches both store and book catches up; its log says what keeps it from that.' };
}

/** A journal that stands still does so whatever it is behind by. */
function stopFindings(running: RunningSwitch | undefined): Finding[] {
  const trouble = running?.checks['book']?.trouble;
  if (trouble === undefined) return [];
  return [{ check: 'book', state: 'wrong', text: `Of the journal ${trouble}.`, todo: 'Nothing is lost: it waits in the store. docs/book.md says what to do ("An entry that does not fit").' }];
}

async function agreement(book: Book): Promise<Finding[]> {
  const { verify } = await import('../book/verify.ts');
  const findings = await verify(book, findingsMax);
  if (findings.length === 0) return [{ check: 'book', state: 'ok', text: 'The book agrees with itself: balances are the sums of their postings, holds of theirs, and no entry is missing.' }];
  return findings.map(({ check, subject, text }) => ({ check: 'book', state: 'wrong', text: `${check}: ${subject}: ${text}.`, todo: 'Somebody changed rows by hand, or this is a fault of Locum\'s own: keep the journal and report it.' }));
}

async function auditFinding(book: Book): Promise<Finding> {
  const { verifyAudit } = await import('../lifecycle/audit.ts');
  const { entries, digest, broken } = await verifyAudit(book);
  if (broken !== undefined) {
    return {
      check: 'book', state: 'wrong', text: `The audit log is not as it was written: ${auditWords[broken.why](broken.number)}.`,
      todo: 'Somebody changed rows of audit_entry or audit_head by going round the table: compare with a backup of the book, and find out who could.',
    };
  }
  const last = entries === 0 ? 'It is empty.' : `Its last digest begins with ${digest.slice(0, 16)}: noted elsewhere, it proves later that nothing before it was changed.`;
  return { check: 'book', state: 'ok', text: `The audit log is as it was written, ${counted(entries, 'entry', 'entries')}. ${last}` };
}

const auditWords: Readonly<Record<AuditBreak['why'], (number: number) => string>> = {
  changed: (number) => `entry ${number} was changed, or one before it`,
  missing: (number) => `entry ${number} is missing`,
  head: (number) => `its end is not that of entry ${number}, which its head names`,
};

export function checkTables({ dataDir, book }: Config, nowMs: number): Finding {
  const file = join(dataDir, 'system-tables.json');
  if (!existsSync(file)) {
    const todo = book.databaseUrl === undefined ? undefined : 'Until a first start with the book, this switch starts on what its configuration says.';
    return { check: 'system tables', state: 'ok', text: `There is no copy of the system tables on this disk yet (${file}).`, todo };
  }
  try {
    const { revision, readAtMs, rows } = readTableCache(file);
    return { check: 'system tables', state: 'ok', text: `The copy on this disk has revision ${revision} with ${counted(rows.length, 'row')}, ${durationWords(Math.max(0, nowMs - readAtMs))} old: a start does not need the book.` };
  } catch (error) {
    if (!(error instanceof CacheRefused)) throw error;
    return { check: 'system tables', state: 'wrong', text: `The copy on this disk (${file}) is damaged: ${error.message}.`, todo: 'Remove it; the next start with the book writes it again.' };
  }
}
