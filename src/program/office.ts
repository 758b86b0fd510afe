/**
 * The office as the switch's thread sees it: it starts the thread, and starts it again where it fails, hands on what it knows,
 * and answers its questions. Invariant: whatever becomes of the thread, decisions go on.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { Log } from '../base/log.ts';
import type { SystemTableRow } from '../book/table-row.ts';
import { readTableCache } from '../book/table-cache.ts';
import { measureLag } from '../office/drain-lag.ts';
import type { Lag } from '../office/drain-lag.ts';
import type { CertificatesAsk, CertificatesTold } from '../office/certificate-desk.ts';
import type { Readiness } from '../office/http.ts';
import { refusalOf } from '../office/operation.ts';
import type { Operation } from '../office/operation.ts';
import type { Called, FromOffice, OfficeRow, OfficeStart, OfficeStore, RowsAsk, RowsTold, ToOffice } from '../office/protocol.ts';
import type { WebhookBacklog } from '../lifecycle/webhook-backlog.ts';
import { SqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import type { StationStatus } from '../switch/switch.ts';
import type { Tables } from '../tables/rows.ts';
import { readTables } from '../tables/tables.ts';
import type { TableDocument } from '../tables/tables.ts';
import type { Config } from './config.ts';
import { officeDoors } from './config-doors.ts';
import type { MessageBatch, MessageLines } from './message-lines.ts';
import { DeskDoor } from './desk-calls.ts';
import type { DeskCalls } from './desk-calls.ts';

export interface SwitchState {
  readonly stations: readonly StationStatus[];
  readonly storeAnswers: boolean;
  readonly waiting: number;
  /** Journal entries that the book may be behind. */
  readonly lagEntriesMax: number;
}

export interface OfficeOptions {
  readonly config: Config;
  readonly store: Store;
  readonly log: Log;
  /** Log lines are for a person at a terminal. */
  readonly readable: boolean;
  readonly metrics: Registry;
  /** Of operators. */
  readonly token: string;
  /** Unix ms. */
  readonly now: () => number;
}

/** The book did not say. */
type BookAway = Extract<RowsTold, { readonly what: 'bookAway' }>;

/** For closing what is open, after the grace. */
const closingMs = 1_000;
/** Less than an operation may take. */
const bookMs = 8_000;
const lagEveryMs = 500;
const restartFirstMs = 500;
const restartMaxMs = 30_000;
/** A thread that stood for so long did not fail for what the one before it failed. */
const soundMs = 60_000;

export class Office {
  readonly #options: OfficeOptions;
  #worker: Worker | undefined;
  #lag: Lag = { entries: 0, seconds: 0 };
  #isMeasuring = false;
  #storeTrouble: string | undefined;
  #bookTrouble: string | undefined;
  #webhooks: readonly WebhookBacklog[] = [];
  /** Why partitions' journals stand still, by partition, since the thread started. */
  readonly #journalStops = new Map<number, string>();
  #measuring: NodeJS.Timeout | undefined;
  #restarting: NodeJS.Timeout | undefined;
  #restartMs = restartFirstMs;
  #startedAtMs = 0;
  /** Until then a thread that fails is the start's failure; afterwards it is started again. */
  #isStarting = true;
  #isStopping = false;
  readonly #listening = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<Tables>();
  /** Taken from the book before anybody listened. */
  #early: Tables | undefined;
  #onTables: ((tables: Tables) => void) | undefined;
  #messages: MessageLines | undefined;
  #state: (() => SwitchState) | undefined;
  #operations: readonly Operation[] | undefined;
  #desk: DeskDoor | undefined;
  readonly #rowsAsked = new Map<number, (told: RowsTold) => void>();
  readonly #certificatesAsked = new Map<number, (told: CertificatesTold) => void>();
  #asked = 0;
  #httpPort: number;
  #securePort: number;

  private constructor(options: OfficeOptions) {
    this.#options = options;
    this.#httpPort = options.config.http.port;
    this.#securePort = options.config.doors.secure.port;
    this.#listening.promise.catch(() => undefined);
    this.#first.promise.catch(() => undefined);
  }

  /** Starts the thread; resolves when HTTP is listened on. @throws Error with a sentence where it cannot be */
  static async open(options: OfficeOptions): Promise<Office> {
    const office = new Office(options);
    office.#start();
    await office.#listening.promise;
    office.#measuring = setInterval(() => void office.#measureLag(), lagEveryMs).unref();
    return office;
  }

  get httpPort(): number {
    return this.#httpPort;
  }

  /** Of the partners' door. */
  get securePort(): number {
    return this.#securePort;
  }

  /** Journal entries that the book does not have yet, counted in the store: an office that hangs cannot hide them. */
  get lagEntries(): number {
    return this.#lag.entries;
  }

  /** The same, with the age of the oldest, and why what stands still does. */
  get lag(): Lag & { readonly stopped: string | undefined } {
    return { ...this.#lag, stopped: this.#standsStill };
  }

  /** Of several partitions the first that stopped says why: mostly it is one thing. */
  get #standsStill(): string | undefined {
    const [first] = this.#journalStops.values();
    return first === undefined ? undefined : `${this.#journalStops.size} of ${this.#options.store.partitions} partitions stand still: ${first}`;
  }

  /** Why the store did not answer when it was last asked for its journal; undefined: it did. */
  get storeTrouble(): string | undefined {
    return this.#storeTrouble;
  }

  /** Why the book does not answer, as the thread knows; undefined: it does, or was not asked yet. */
  get bookTrouble(): string | undefined {
    return this.#bookTrouble;
  }

  /** How far partners are behind what they are told, as the thread last saw. */
  get webhooks(): readonly WebhookBacklog[] {
    return this.#webhooks;
  }

  /**
   * The system tables: from the book, or, where it is not there in time, from local disk with the configuration's own rows as
   * they are now, or, where there is no copy, as configured.
   * @throws Error with a sentence where the book refuses to be used
   */
  async tables(): Promise<Tables> {
    const timer = setTimeout(() => this.#withoutBook(), this.#options.config.book.startWaitMs);
    try {
      return await this.#first.promise;
    } finally {
      clearTimeout(timer);
      this.#isStarting = false;
    }
  }

  /** Called with the tables whenever the book has others; one that throws refuses them, and they are not kept. */
  onTables(listener: (tables: Tables) => void): void {
    this.#onTables = listener;
    if (this.#early !== undefined) listener(this.#early);
    this.#early = undefined;
  }

  /** From now on readiness is told by this. */
  serve(state: () => SwitchState): void {
    this.#state = state;
  }

  /** From now on operators may ask for these; the names and the paths differ. */
  operate(operations: readonly Operation[]): void {
    this.#operations = operations;
    this.#offer();
  }

  /** From now on services may ask for these. */
  serveDesk(calls: Pick<DeskCalls, 'answer'>): void {
    this.#desk = new DeskDoor(calls, (replies) => this.#tell({ kind: 'deskTold', replies }));
  }

  /** Asks for the system tables' rows in the book, or changes them; a change is in force here when it is told. */
  async rows(ask: RowsAsk): Promise<RowsTold> {
    return await this.#told(this.#rowsAsked, (id) => ({ kind: 'rows', id, ask }));
  }

  /** Asks for the authority's certificates in the book, or enters or revokes one there. */
  async certificates(ask: CertificatesAsk): Promise<CertificatesTold> {
    return await this.#told(this.#certificatesAsked, (id) => ({ kind: 'certificates', id, ask }));
  }

  async #told<Told>(waiting: Map<number, (told: Told | BookAway) => void>, question: (id: number) => ToOffice): Promise<Told | BookAway> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<Told | BookAway>();
    waiting.set(id, resolve);
    const timer = setTimeout(() => resolve({ what: 'bookAway', why: 'it did not answer in time' }), bookMs);
    this.#tell(question(id));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  }

  /** Can the switch run on these rows? Nothing changes. @throws ConfigError with the place of what is wrong */
  check(rows: readonly OfficeRow[]): Tables {
    return readTables(rows, 0, this.#options.config.outside);
  }

  /** The lines that it is handed: told of their ends, and asked for again by a thread that starts. */
  logs(messages: MessageLines): void {
    this.#messages = messages;
  }

  /** Hands a batch of the log of messages over. */
  keep({ id, rows }: MessageBatch): void {
    this.#tell({ kind: 'messages', id, rows });
  }

  /** Drains what it can within the time, and ends the thread. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#measuring);
    clearTimeout(this.#restarting);
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#messages?.flush();
    this.#tell({ kind: 'stop', graceMs });
    const timer = setTimeout(() => this.#stopped.resolve(), graceMs + closingMs);
    await this.#stopped.promise;
    clearTimeout(timer);
    await worker.terminate();
  }

  #start(): void {
    const { config, store, readable } = this.#options;
    const officeStore = storeFor(config, store);
    const start: OfficeStart = {
      store: officeStore,
      book: config.book.databaseUrl === undefined ? { dataDir: join(config.dataDir, 'book') } : { databaseUrl: config.book.databaseUrl },
      refreshMs: config.book.refreshMs,
      drains: config.book.drain,
      cacheFile: this.#cacheFile,
      rows: config.rows,
      // A port that was drawn stays the same.
      http: { host: config.http.host, port: this.#httpPort, tls: config.http.tls, trustedProxies: config.http.trustedProxies },
      doors: { ...officeDoors(config.doors, this.#securePort, config.dataDir), ...config.money, ...config.cards },
      switchName: config.switchName,
      messageLogDays: config.book.messageLogDays,
      logLevel: config.log.level,
      readable,
      tokenDigest: createHash('sha256').update(this.#options.token).digest('hex'),
    };
    const worker = new Worker(new URL('../office/office-thread.ts', import.meta.url), {
      name: 'office', workerData: start, transferList: officeStore.engine === 'sqlite' ? [officeStore.port] : [],
    });
    this.#worker = worker;
    this.#startedAtMs = performance.now();
    this.#journalStops.clear();
    this.#messages?.again();
    let failure = 'its thread ended';
    worker.on('message', (message: FromOffice) => {
      if (message.kind === 'failed') failure = message.message;
      this.#take(message);
    });
    worker.on('error', (error) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => this.#ended(failure));
  }

  /** The switch decides without its office: one that failed is started again, later each time. */
  #ended(failure: string): void {
    this.#worker = undefined;
    this.#stopped.resolve();
    if (this.#isStopping) return;
    const { log } = this.#options;
    if (this.#isStarting) {
      this.#listening.reject(new OfficeFailed(failure));
      this.#first.reject(new OfficeFailed(failure));
      return;
    }
    this.#bookTrouble = `its thread failed: ${failure}`;
    if (performance.now() - this.#startedAtMs > soundMs) this.#restartMs = restartFirstMs;
    log.failure('office failed', { error: failure, restartInMs: this.#restartMs });
    this.#restarting = setTimeout(() => this.#start(), this.#restartMs).unref();
    this.#restartMs = Math.min(restartMaxMs, this.#restartMs * 2);
  }

  #offer(): void {
    if (this.#operations === undefined) return;
    this.#tell({ kind: 'operations', forms: this.#operations.map(({ name, method, path, about, takes }) => ({ name, method, path, about, takes })) });
  }

  #tell(message: ToOffice): void {
    this.#worker?.postMessage(message);
  }

  #take(message: FromOffice): void {
    switch (message.kind) {
      case 'listening':
        this.#httpPort = message.port;
        this.#securePort = message.securePort;
        this.#offer();
        this.#listening.resolve();
        return;
      case 'failed':
        void this.#worker?.terminate();
        return;
      case 'bookAway':
        this.#withoutBook();
        return;
      case 'bookTrouble':
        this.#bookTrouble = message.trouble;
        return;
      case 'journalStopped':
        this.#journalStops.set(message.partition, message.why);
        return;
      case 'tables':
        this.#tell({ kind: 'judged', revision: message.revision, taken: this.#tables(message.rows, message.revision) });
        return;
      case 'ask':
        void this.#answer(message.id, message.what);
        return;
      case 'call':
        void this.#call(message);
        return;
      case 'desk':
        // Before the switch serves them, nobody can say.
        if (this.#desk === undefined) this.#tell({ kind: 'deskTold', replies: message.calls.map(({ id }) => ({ id, told: { what: 'failed', of: 'accounts' } })) });
        else this.#desk.take(message.calls);
        return;
      case 'rowsTold':
        this.#rowsAsked.get(message.id)?.(message.told);
        return;
      case 'certificatesTold':
        this.#certificatesAsked.get(message.id)?.(message.told);
        return;
      case 'messagesSettled':
        this.#messages?.settled(message.id, message.isKept);
        return;
      case 'webhooks':
        this.#webhooks = message.backlog;
        return;
      case 'stopped':
        this.#stopped.resolve();
    }
  }

  get #cacheFile(): string {
    return join(this.#options.config.dataDir, 'system-tables.json');
  }

  /** @returns whether the switch runs on them now */
  #tables(rows: readonly OfficeRow[], revision: number): boolean {
    const { log, config } = this.#options;
    try {
      const tables = readTables(rows, revision, config.outside);
      if (this.#onTables === undefined) this.#early = tables;
      else this.#onTables(tables);
      log.event('system tables read', { from: 'book', revision });
      this.#first.resolve(tables);
      return true;
    } catch (error) {
      log.failure('system tables not taken', { revision, error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  /** Where the switch has no tables yet, it takes what is on this disk. */
  #withoutBook(): void {
    if (!this.#isStarting) return;
    const { log, config } = this.#options;
    try {
      const { revision, rows } = readTableCache(this.#cacheFile);
      const tables = readTables(seeded(rows, config.rows), revision, config.outside);
      log.warning('book not there yet', { tables: 'from the copy on this disk', revision });
      this.#first.resolve(tables);
    } catch (error) {
      const reason = existsSync(this.#cacheFile) && error instanceof Error ? { reason: error.message } : {};
      log.warning('book not there yet', { tables: 'as configured', ...reason });
      this.#first.resolve(configured(config));
    }
  }

  async #answer(id: number, what: 'metrics' | 'readiness'): Promise<void> {
    if (what === 'metrics') this.#tell({ kind: 'told', id, metrics: await this.#options.metrics.metrics() });
    else this.#tell({ kind: 'told', id, readiness: this.#readiness() });
  }

  async #call({ id, operation, input, by }: Extract<FromOffice, { kind: 'call' }>): Promise<void> {
    this.#tell({ kind: 'called', id, ...await this.#called(operation, input, by) });
  }

  async #called(name: string, input: Readonly<Record<string, unknown>>, by: string): Promise<Called> {
    const operation = this.#operations?.find((each) => each.name === name);
    if (operation === undefined) return { refusal: { status: 404, detail: `the switch does not offer ${name}` } };
    try {
      return { answer: await operation.run(input, by) };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== undefined) return { refusal };
      this.#options.log.failure('operation failed', { operation: name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return { refusal: { status: 503, detail: 'the switch could not do it; its log says why' } };
    }
  }

  #readiness(): Readiness {
    const state = this.#state?.();
    const lag = this.lagEntries;
    const checks = {
      stations: { ok: state !== undefined, detail: state === undefined ? 'starting' : `${state.stations.length} started` },
      store: { ok: state?.storeAnswers === true, detail: state?.storeAnswers === true ? 'answers' : 'does not answer', engine: this.#options.config.store.engine },
      book: { ok: state === undefined || lag <= state.lagEntriesMax, detail: `${lag} journal entries behind`, trouble: this.#standsStill },
    };
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  }

  async #measureLag(): Promise<void> {
    if (this.#isMeasuring) return;
    this.#isMeasuring = true;
    try {
      this.#lag = await measureLag(this.#options.store, this.#options.now);
      this.#storeTrouble = undefined;
    } catch (error) {
      // A store that does not answer takes nothing in either.
      this.#storeTrouble = error instanceof Error ? error.message : String(error);
    } finally {
      this.#isMeasuring = false;
    }
  }
}

/** The copy's rows with the configuration's as they are now: what an operator has changed in the book stays. */
function seeded(copied: readonly SystemTableRow[], configured: readonly TableDocument[]): TableDocument[] {
  const operators = copied.filter(({ source }) => source === 'operator');
  return [...operators, ...configured.filter((row) => !operators.some(({ kind, name }) => kind === row.kind && name === row.name))];
}

/** In a promise, because a format's file may have changed since the configuration was read. */
async function configured({ rows, outside }: Config): Promise<Tables> {
  return readTables(rows, 0, outside);
}

/** The office cannot do its work; the message is a sentence. */
class OfficeFailed extends Error {
  override readonly name = 'OfficeFailed';
  readonly code = 'officeFailed';
}

function storeFor(config: Config, store: Store): OfficeStore {
  if (config.store.engine === 'sqlite') {
    if (!(store instanceof SqliteStore)) throw new Error('the SQLite engine is configured, and another one was opened');
    return { engine: 'sqlite', port: store.port(), partitions: config.store.partitions };
  }
  const { url, partitions, replicasMin, commandTimeoutMs } = config.store;
  return { engine: 'redis', url, partitions, replicasMin, commandTimeoutMs };
}
