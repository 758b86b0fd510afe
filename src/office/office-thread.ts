/**
 * The office: the thread beside the switch that keeps the book. It opens and migrates it, enters and reads the system tables, drains
 * the journal, and serves HTTP. Nothing in it is in a decision's way: while the book is away it tries again and the switch goes on.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { destination } from 'pino';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createLog } from '../base/log.ts';
import { readableLines } from '../base/log-lines.ts';
import { BookRefused } from '../book/book.ts';
import type { Book } from '../book/book.ts';
import { openBook } from '../book/connection.ts';
import { migrate } from '../book/migrate.ts';
import { SystemTables } from '../book/system-tables.ts';
import { systemTableKinds } from '../book/table-row.ts';
import type { SystemTableSnapshot } from '../book/table-row.ts';
import { changeTableRows, readTableHistory, readTableRows } from '../book/table-changes.ts';
import { DeskClient } from '../lifecycle/desk-client.ts';
import { RedisStore } from '../store/redis.ts';
import { SqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { StoreHeads } from './account-heads.ts';
import { certificatesTold } from './certificate-desk.ts';
import type { CertificatesAsk, CertificatesTold } from './certificate-desk.ts';
import type { TlsWatchOutside } from '../doors/tls.ts';
import { DoorsDesk } from './doors-desk.ts';
import { Drain } from './drain.ts';
import { measureLag } from './drain-lag.ts';
import type { Lag } from './drain-lag.ts';
import { MessageKeeper } from './message-keeper.ts';
import type { Readiness } from './http.ts';
import { serveHttp } from './http.ts';
import { OperationRefused } from './operation.ts';
import type { OperationForm, OperationInput } from './operation.ts';
import { bookOpenDetail } from './protocol.ts';
import type { Called, FromOffice, OfficeStart, RowsAsk, RowsTold, ToOffice } from './protocol.ts';

const port = parentPort;
if (port === null) throw new Error('the office runs in a thread');
const start = workerData as OfficeStart;
const now = (): number => Date.now();
const lines = destination({ fd: 1, sync: false });
const log = createLog({ destination: start.readable ? readableLines(lines) : lines, level: start.logLevel, nowMs: now }).child({ thread: 'office' });
/** The embedded book would take a processor of its own: decisions come first, and what is behind waits in the journal. */
const niceness = 10;
// Only on Linux is it the calling thread's; elsewhere it would be the whole process's.
if (process.platform === 'linux') setPriority(niceness);
/** The end has been asked for: what waits for the book tries once more. */
const ending = new AbortController();
/** The drain is done. */
const stopping = new AbortController();
const askTimeoutMs = 2000;
/** An operation may ask other switches in its turn. */
const callTimeoutMs = 10_000;
const retryFirstMs = 500;
const retryMaxMs = 10_000;
const lagEveryMs = 250;

const registry = new Registry();
const registers = [registry];
const lagEntries = new Gauge({ name: 'locum_book_lag_entries', help: 'Journal entries that the book does not have yet', registers });
const lagSeconds = new Gauge({ name: 'locum_book_lag_seconds', help: 'Age of the oldest of them', registers });
const drained = new Counter({ name: 'locum_book_entries_total', help: 'Journal entries written to the book', registers });
const drainSeconds = new Histogram({ name: 'locum_book_batch_seconds', help: 'One batch of entries into the book', registers });
const operationsAsked = new Counter({ name: 'locum_operator_requests_total', help: 'What operators asked for', labelNames: ['operation', 'status'], registers });
const stoppedPartitions = new Gauge({ name: 'locum_book_partitions_stopped', help: 'Partitions whose journal does not continue what the book has', registers });

function tell(message: FromOffice): void {
  port?.postMessage(message);
}

const questions = new Map<number, (answer: Extract<ToOffice, { kind: 'told' }>) => void>();
let asked = 0;

/** Asks the switch's thread. @throws Error where it does not answer in time */
async function ask(what: 'metrics' | 'readiness'): Promise<Extract<ToOffice, { kind: 'told' }>> {
  asked += 1;
  const id = asked;
  const { promise, resolve, reject } = Promise.withResolvers<Extract<ToOffice, { kind: 'told' }>>();
  questions.set(id, resolve);
  const timer = setTimeout(() => reject(new Error('the switch did not answer in time')), askTimeoutMs);
  tell({ kind: 'ask', id, what });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    questions.delete(id);
  }
}

/** What the switch offers to operators; undefined while it starts. */
let offered: readonly OperationForm[] | undefined;
const calls = new Map<number, (called: Called) => void>();

/** Has the switch's thread do what an operator asks for. @throws OperationRefused, and where nothing comes back in time */
async function call({ name }: OperationForm, input: OperationInput, by: string): Promise<unknown> {
  asked += 1;
  const id = asked;
  const { promise, resolve, reject } = Promise.withResolvers<Called>();
  calls.set(id, resolve);
  const timer = setTimeout(() => reject(new OperationRefused(503, 'the switch did not say in time what became of it')), callTimeoutMs);
  tell({ kind: 'call', id, operation: name, input, by });
  try {
    const called = await promise;
    if ('answer' in called) return called.answer;
    throw new OperationRefused(called.refusal.status, called.refusal.detail, called.refusal.field);
  } finally {
    clearTimeout(timer);
    calls.delete(id);
  }
}

/** Does itself what is of the book alone, and has the switch's thread do the rest. */
async function operate(form: OperationForm, input: OperationInput, by: string): Promise<unknown> {
  const own = doors.operations.find(({ name }) => name === form.name);
  return own === undefined ? await call(form, input, by) : await own.run(input, by);
}

/** Strangers are one line a second at most. */
let strangerAtMs = -Infinity;

function operationAsked(operation: string, by: string, status: number): void {
  operationsAsked.inc({ operation: operation === '' ? 'none' : operation, status: String(status) });
  if (operation !== '') {
    log.detail('operator asked', { operation, by, status });
    return;
  }
  const atMs = now();
  if (atMs - strangerAtMs < 1_000) return;
  strangerAtMs = atMs;
  log.warning('operator not admitted', { why: 'without the token, or with another one' });
}

let bookOpen = false;
let troubleTold: string | undefined;

/** Tells the switch's thread, where it does not know it already. @param trouble undefined: the book answers */
function bookTrouble(trouble: string | undefined): void {
  if (trouble !== troubleTold) tell({ kind: 'bookTrouble', trouble });
  troubleTold = trouble;
}

/** The book with its tables, once it is open. */
let kept: { readonly book: Book; readonly refresh: () => Promise<void> } | undefined;

async function rowsTold(ask: RowsAsk): Promise<RowsTold> {
  if (kept === undefined) return { what: 'bookAway', why: 'it was not reached yet' };
  const { book, refresh } = kept;
  try {
    if (ask.what === 'read') return { what: 'read', rows: await readTableRows(book) };
    if (ask.what === 'history') return { what: 'history', entries: await readTableHistory(book, { kind: ask.table, name: ask.name, limit: ask.limit }) };
    const conflict = await changeTableRows(book, ask.wishes, ask.by, ask.why);
    if (conflict !== undefined) return { what: 'conflict', row: { kind: conflict.kind, name: conflict.name } };
    await refresh();
    return { what: 'changed' };
  } catch (error) {
    return { what: 'bookAway', why: error instanceof Error ? error.message : String(error) };
  }
}

async function certificates(ask: CertificatesAsk): Promise<CertificatesTold> {
  if (kept === undefined) return { what: 'bookAway', why: 'it was not reached yet' };
  try {
    return await certificatesTold(kept.book, ask);
  } catch (error) {
    return { what: 'bookAway', why: error instanceof Error ? error.message : String(error) };
  }
}

async function readiness(): Promise<Readiness> {
  const { readiness: told } = await ask('readiness');
  const checks = { ...told?.checks, bookOpen: { ok: true, detail: bookOpen ? bookOpenDetail : 'not reached; decisions go on' } };
  return { ready: told?.ready === true, checks };
}

async function metrics(): Promise<string> {
  const { metrics: told = '' } = await ask('metrics');
  return `${told}${await registry.metrics()}`;
}

async function openStore(): Promise<Store> {
  const { store } = start;
  if (store.engine === 'sqlite') return await SqliteStore.connect(store.port, now);
  return await RedisStore.open(store);
}

/** Opens the book and brings it forward, again and again until it is there. Undefined: not at a last attempt before the end. @throws BookRefused */
async function openAndMigrate(): Promise<Book | undefined> {
  for (let retryMs = retryFirstMs; ; retryMs = Math.min(retryMaxMs, retryMs * 2)) {
    const isLast = ending.signal.aborted;
    let book: Book | undefined;
    try {
      book = await openBook(start.book);
      const { applied, version } = await migrate(book);
      log.event('book opened', { kind: book.kind, schema: version, applied });
      bookTrouble(undefined);
      return book;
    } catch (error) {
      await book?.close();
      // The folder is this switch's: whoever has its book is a command that reads it, and ends.
      // One command after the other may have it: it is asked for often, as there is nothing that would be spared by waiting.
      const isHeld = error instanceof BookRefused && error.code === 'inUse';
      if (error instanceof BookRefused && !isHeld) throw error;
      log.warning('book not reached', { error: error instanceof Error ? error.message : String(error), ...(isLast ? {} : { retryInMs: isHeld ? retryFirstMs : retryMs }) });
      if (isLast) return undefined;
      tell({ kind: 'bookAway' });
      bookTrouble(error instanceof Error ? error.message : String(error));
      await delay(isHeld ? retryFirstMs : retryMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }
}

/** By revision: what waits for the switch's verdict. */
const judging = new Map<number, (taken: boolean) => void>();

/** Gives the switch what the book has. @returns whether it could take it */
async function judge({ revision, rows }: SystemTableSnapshot): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  judging.set(revision, resolve);
  tell({ kind: 'tables', revision, rows: rows.map(({ kind, name, document }) => ({ kind, name, document })) });
  return await promise;
}

function newTables(book: Book, failed: (error: Error) => void): SystemTables {
  return new SystemTables({
    book, cacheFile: start.cacheFile, now, judge,
    events: {
      refreshFailed: (error) => {
        failed(error);
        log.warning('system tables not refreshed', { error: error.message });
      },
      cacheWritten: (revision) => log.detail('system tables cached', { revision }),
      cacheFailed: (error) => log.failure('system tables not cached', { error: error.message }),
    },
  });
}

/** Enters the configuration's rows, then watches the tables for changes. */
async function keepTables(book: Book): Promise<void> {
  let trouble: string | undefined;
  const tables = newTables(book, ({ message }) => {
    trouble = message;
  });
  let loaded = false;
  let refreshing = Promise.resolve();
  const refresh = async (): Promise<void> => {
    trouble = undefined;
    const changes = await tables.refresh();
    bookTrouble(trouble);
    if (changes.length > 0) log.event('system tables changed', { rows: changes.map(({ kind, name }) => `${kind} ${name}`) });
  };
  // One after the other: each begins with what the one before it found.
  const inTurn = async (): Promise<void> => await (refreshing = refreshing.catch(() => undefined).then(refresh));
  while (!stopping.signal.aborted) {
    try {
      if (loaded) await inTurn();
      else {
        for (const kind of systemTableKinds) await tables.seed(kind, start.rows.filter((row) => row.kind === kind));
        await tables.load();
        loaded = true;
        bookTrouble(undefined);
        kept = { book, refresh: inTurn };
      }
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      bookTrouble(message);
      log.warning('system tables not read', { error: message });
    }
    await delay(start.refreshMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
  kept = undefined;
}

function newDrain(store: Store, book: Book): Drain {
  return new Drain({
    store, book, now, random: Math.random,
    sleep: async (ms, signal) => await delay(ms, undefined, { signal }).catch(() => undefined),
    events: {
      drained: (_partition, entries, elapsedMs) => {
        drained.inc(entries);
        drainSeconds.observe(elapsedMs / 1000);
      },
      unavailable: (partition, error, retryInMs) => log.warning('journal not drained', { partition, error: error.message, retryInMs }),
      recovered: (partition) => log.event('journal drains again', { partition }),
      stopped: (partition, error) => {
        stoppedPartitions.inc();
        tell({ kind: 'journalStopped', partition, why: error.message });
        log.failure('journal stopped', { partition, error: error.message });
      },
      lag: showLag,
    },
  });
}

function showLag(lag: Lag): void {
  lagEntries.set(lag.entries);
  lagSeconds.set(lag.seconds);
}

/** While nothing is drained here, since the book was never reached or another process drains, the lag is what most needs watching. */
async function watchLag(store: Store, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    try {
      const lag = await measureLag(store, now);
      if (!until.aborted) showLag(lag);
    } catch {
      // The store is not there: nothing is committed either, and its own events tell of it.
    }
    await delay(lagEveryMs, undefined, { signal: until }).catch(() => undefined);
  }
}

const tlsEveryMs = 2_000;

function tlsWatch(listener: string): TlsWatchOutside {
  return {
    every: (look) => {
      const timer = setInterval(look, tlsEveryMs);
      return () => clearInterval(timer);
    },
    changed: ({ fingerprint256, validToDate }) => log.event('certificate read again', { listener, fingerprint: fingerprint256, until: validToDate.toISOString() }),
    refused: (why) => log.warning('certificate not taken', { listener, why }),
  };
}

/** @throws Error with a sentence */
async function serve(): ReturnType<typeof serveHttp> {
  const { host, port: wanted } = start.http;
  try {
    return await serveHttp({
      host, port: wanted, tls: start.http.tls, tlsWatch: tlsWatch('http'), trustedProxies: start.http.trustedProxies, connectionsMax: start.doors.connectionsMax, newRequestId, open: async (server) => await doors.openOn(server), readiness, metrics, operator: { tokenDigest: start.tokenDigest, forms: () => (offered === undefined ? undefined : [...offered, ...doors.operations]), run: operate, asked: operationAsked },
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`health and metrics cannot be served on ${host}:${wanted}: ${text} (http.port, or LOCUM_HTTP_PORT, chooses another port)`, { cause: error });
  }
}

const atTurnEnd = (work: () => void): void => void setImmediate(work);

/** Accounts in the store, once it is open. */
let heads: StoreHeads | undefined;

function openHeads(): StoreHeads {
  if (heads === undefined) throw new Error('the store was not reached yet');
  return heads;
}

/** What services ask of accounts and keys. */
const desk = new DeskClient({
  send: (calls) => tell({ kind: 'desk', calls }), atTurnEnd,
  heads: { accounts: (ids) => openHeads().accounts(ids), accountsOfCards: async (tokens) => await openHeads().accountsOfCards(tokens) },
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
});

const newRequestId = (): string => `r_${randomUUID()}`;

const doors = new DoorsDesk({
  doors: start.doors, newRequestId, bookKind: 'databaseUrl' in start.book ? 'server' : 'embedded', registers, desk, switchName: start.switchName,
  now, elapsed: () => performance.now(), randomBytes, random: Math.random, log, tlsWatch: tlsWatch('partners'), webhooksLooked: (backlog) => tell({ kind: 'webhooks', backlog }),
});

async function run(): Promise<void> {
  const { server, port: httpPort } = await serve();
  const securePort = await doors.listen();
  tell({ kind: 'listening', port: httpPort, securePort });
  const store = await openStore();
  heads = new StoreHeads(store, atTurnEnd);
  const draining = new AbortController();
  const lagWatched = watchLag(store, AbortSignal.any([draining.signal, stopping.signal]));
  const book = await openAndMigrate();
  let drain: Drain | undefined;
  let watching: Promise<void> | undefined;
  if (book !== undefined) {
    bookOpen = true;
    if (start.drains) {
      draining.abort();
      drain = newDrain(store, book);
      drain.start();
    }
    watching = keepTables(book);
    messages.open(book);
    doors.open(book);
  }
  await stopped.promise;
  await drain?.stop(graceMs);
  await messages.stop();
  stopping.abort();
  await lagWatched;
  await watching;
  await doors.close();
  await server.close();
  await book?.close();
  await store.close();
}

/** What a wrong book says of each batch is said once a while. */
let messageTroubleAtMs = -Infinity;

const messages = new MessageKeeper({
  now, days: Math.max(1, start.messageLogDays),
  settled: (id, isKept) => tell({ kind: 'messagesSettled', id, isKept }),
  trouble: (error) => {
    const atMs = now();
    if (atMs - messageTroubleAtMs < 10_000) return;
    messageTroubleAtMs = atMs;
    log.warning('message log not written', { error: error.message });
  },
  pruned: (partition) => log.event('message log pruned', { partition }),
  sleep: async (ms) => await delay(ms, undefined, { signal: ending.signal }).catch(() => undefined),
});

const stopped = Promise.withResolvers<void>();
let graceMs = 0;

port.on('message', (message: ToOffice) => {
  if (message.kind === 'told') {
    questions.get(message.id)?.(message);
    return;
  }
  if (message.kind === 'operations') {
    offered = message.forms;
    return;
  }
  if (message.kind === 'rows') {
    void rowsTold(message.ask).then((told) => tell({ kind: 'rowsTold', id: message.id, told }));
    return;
  }
  if (message.kind === 'certificates') {
    void certificates(message.ask).then((told) => tell({ kind: 'certificatesTold', id: message.id, told }));
    return;
  }
  if (message.kind === 'messages') {
    messages.add(message);
    return;
  }
  if (message.kind === 'deskTold') {
    desk.take(message.replies);
    return;
  }
  if (message.kind === 'called') {
    calls.get(message.id)?.(message);
    return;
  }
  if (message.kind === 'judged') {
    judging.get(message.revision)?.(message.taken);
    judging.delete(message.revision);
    return;
  }
  ({ graceMs } = message);
  ending.abort();
  stopped.resolve();
});

try {
  await run();
  tell({ kind: 'stopped' });
} catch (error) {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
port.close();
