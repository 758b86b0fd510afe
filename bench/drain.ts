/**
 * How fast the journal goes into the book: entries of the usual traffic (an authorization with its hold, then its reversal or
 * completion; a purchase with its postings; a decline), from a journal in memory, so that the book is what is measured.
 *
 *     node bench/drain.ts [entries]            the embedded book, in a temporary folder
 *     DATABASE_URL=postgresql://… node bench/drain.ts [entries]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeEntry, type JournalEntry } from '../src/account/journal.ts';
import { openBook, type BookOptions } from '../src/book/connection.ts';
import { migrate } from '../src/book/migrate.ts';
import { verify } from '../src/book/verify.ts';
import { Drain } from '../src/office/drain.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { AccountWriter } from '../test/book/entries.ts';

/** One account's next few entries of the usual traffic. */
function round(writer: AccountWriter): readonly JournalEntry[] {
  const first = writer.authorized(1);
  const reversal = writer.reversed(first);
  const second = writer.authorized(1);
  return [first, reversal, second, writer.completed(second, 1), writer.purchased(1), writer.purchased(1), writer.purchased(1), writer.declined(1)];
}

function traffic(accounts: number, entries: number): readonly JournalEntry[] {
  // A name of its own each time, so that a server's book may be used again.
  const writers = Array.from({ length: accounts }, (_, index) => new AccountWriter(`bench-${process.pid}-${accounts}-${index}`));
  const made: JournalEntry[] = writers.flatMap((writer) => [writer.opened(), writer.loaded(1_000_000)]);
  for (let index = 0; made.length < entries; index += 1) made.push(...round(writers[index % accounts] ?? new AccountWriter('')));
  return made;
}

async function measure(place: BookOptions, partition: number, accounts: number, entries: number): Promise<void> {
  const book = await openBook(place);
  await migrate(book);
  const store = new MemoryStore({ partitions: partition + 1, now: Date.now });
  const journal = traffic(accounts, entries).map(encodeEntry);
  await store.commit({ partition, epoch: 1 }, journal.map((entry) => ({ puts: [], deletes: [], once: [], guards: [], entries: [entry] })));
  await book.query('delete from journal_position where partition = $1', [partition]);
  await book.query('delete from journal_entry where partition = $1', [partition]);
  let slowestMs = 0;
  const drain = new Drain({
    store, book, now: Date.now, random: Math.random, sleep: (ms, signal) => delay(ms, undefined, { signal }), lagEveryMs: 60_000,
    events: {
      drained: (_partition, _entries, elapsedMs) => (slowestMs = Math.max(slowestMs, elapsedMs)),
      unavailable: (_partition, error) => console.error(error.message),
      recovered: () => {},
      stopped: (_partition, error) => console.error(error.message),
      lag: () => {},
    },
  });
  const startedMs = performance.now();
  drain.start();
  await drain.emptied();
  const seconds = (performance.now() - startedMs) / 1000;
  await drain.stop();
  const bytes = Math.round(journal.reduce((sum, entry) => sum + entry.length, 0) / journal.length);
  const findings = await verify(book, 3);
  const [booked] = await book.query<{ count: number }>('select count(*) as count from journal_entry where partition = $1', [partition]);
  if (booked?.count !== journal.length || findings.length > 0) throw new Error(`the book has ${booked?.count} of ${journal.length} entries; ${JSON.stringify(findings)}`);
  console.log(
    `${book.kind}, ${accounts} accounts: ${Math.round(journal.length / seconds)} entries/s (${journal.length} of ${bytes} characters in ${seconds.toFixed(2)} s, slowest batch ${slowestMs} ms)`,
  );
  await book.close();
}

const entries = Number(process.argv[2] ?? '100000');
const databaseUrl = process.env['DATABASE_URL'];
const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
try {
  for (const [partition, accounts] of [[0, 100], [1, 10_000]] as const) {
    await measure(databaseUrl === undefined ? { dataDir: join(folder, 'book') } : { databaseUrl }, partition, accounts, entries);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
