/**
 * The office as the switch's thread sees it: it starts the thread, hands on what it knows, and answers its questions.
 */
import { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { Log } from '../base/log.ts';
import { journalEntriesWaiting } from '../office/drain-lag.ts';
import type { Readiness } from '../office/http.ts';
import type { FromOffice, OfficeRow, OfficeStart, OfficeStore, ToOffice } from '../office/protocol.ts';
import { SqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import type { StationStatus } from '../switch/switch.ts';
import type { Config } from './config.ts';
import { readTables } from './tables.ts';
import type { Tables } from './tables.ts';

export interface SwitchState {
  readonly stations: readonly StationStatus[];
  readonly storeAnswers: boolean;
  readonly waiting: number;
}

export interface OfficeOptions {
  readonly config: Config;
  readonly store: Store;
  readonly log: Log;
  /** Log lines are for a person at a terminal. */
  readonly readable: boolean;
  readonly metrics: Registry;
}

const lagEveryMs = 500;

export class Office {
  readonly #options: OfficeOptions;
  readonly #worker: Worker;
  #lagEntries = 0;
  #measuring: NodeJS.Timeout | undefined;
  readonly #listening = Promise.withResolvers<number>();
  readonly #stopped = Promise.withResolvers<void>();
  #first = Promise.withResolvers<Tables>();
  #onTables: ((tables: Tables) => void) | undefined;
  #state: (() => SwitchState) | undefined;
  #httpPort = 0;
  #ended = false;

  private constructor(options: OfficeOptions) {
    const { config, store } = options;
    this.#options = options;
    const officeStore = storeFor(config, store);
    const start: OfficeStart = {
      store: officeStore,
      book: config.book.databaseUrl === undefined ? { dataDir: join(config.dataDir, 'book') } : { databaseUrl: config.book.databaseUrl },
      refreshMs: config.book.refreshMs,
      drains: config.book.drain,
      cacheFile: join(config.dataDir, 'system-tables.json'),
      rows: config.rows,
      http: config.http,
      logLevel: config.log.level,
      readable: options.readable,
    };
    this.#worker = new Worker(new URL('../office/office-thread.ts', import.meta.url), {
      name: 'office', workerData: start, transferList: officeStore.engine === 'sqlite' ? [officeStore.port] : [],
    });
    this.#worker.on('message', (message: FromOffice) => this.#take(message));
    this.#worker.on('error', (error) => this.#failed(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => {
      this.#ended = true;
      this.#stopped.resolve();
      this.#listening.reject(new Error('the office thread ended'));
    });
    this.#listening.promise.catch(() => undefined);
  }

  /** Starts the thread; resolves when HTTP is listened on. @throws Error where it cannot be, or the configuration refuses the book */
  static async open(options: OfficeOptions): Promise<Office> {
    const office = new Office(options);
    office.#httpPort = await office.#listening.promise;
    office.#measuring = setInterval(() => void office.#measureLag(), lagEveryMs).unref();
    return office;
  }

  get httpPort(): number {
    return this.#httpPort;
  }

  /** Journal entries that the book does not have yet, counted in the store: an office that hangs cannot hide them. */
  get lagEntries(): number {
    return this.#lagEntries;
  }

  /** The system tables: from the book, or from local disk, or, where there is neither in time, as configured. */
  async tables(): Promise<Tables> {
    const { config, log } = this.#options;
    const timer = setTimeout(() => {
      log.warning('book not there yet', { tables: 'as configured' });
      this.#first.resolve(readTables(config.rows, 0, config.outside));
    }, config.book.startWaitMs);
    try {
      return await this.#first.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Called with the tables whenever they have changed. */
  onTables(listener: (tables: Tables) => void): void {
    this.#onTables = listener;
  }

  /** From now on readiness is told by this. */
  serve(state: () => SwitchState): void {
    this.#state = state;
  }

  /** Drains what it can within the time, and ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.#measuring);
    if (this.#ended) return;
    this.#tell({ kind: 'stop', graceMs: this.#options.config.deadlines.stopMs });
    const timer = setTimeout(() => this.#stopped.resolve(), this.#options.config.deadlines.stopMs + 2000);
    await this.#stopped.promise;
    clearTimeout(timer);
    await this.#worker.terminate();
  }

  #tell(message: ToOffice): void {
    this.#worker.postMessage(message);
  }

  #take(message: FromOffice): void {
    switch (message.kind) {
      case 'listening':
        this.#listening.resolve(message.port);
        return;
      case 'failed':
        this.#failed(new Error(message.message));
        return;
      case 'tables':
        this.#tables(message.rows, message.revision, message.from);
        return;
      case 'ask':
        void this.#answer(message.id, message.what);
        return;
      case 'stopped':
        this.#stopped.resolve();
    }
  }

  #tables(rows: readonly OfficeRow[], revision: number, from: string): void {
    const { log } = this.#options;
    let tables: Tables;
    try {
      tables = readTables(rows, revision, this.#options.config.outside);
    } catch (error) {
      log.failure('system tables not taken', { from, error: error instanceof Error ? error.message : String(error) });
      return;
    }
    log.event('system tables read', { from, revision });
    this.#first.resolve(tables);
    this.#onTables?.(tables);
  }

  async #answer(id: number, what: 'metrics' | 'readiness'): Promise<void> {
    if (what === 'metrics') this.#tell({ kind: 'told', id, metrics: await this.#options.metrics.metrics() });
    else this.#tell({ kind: 'told', id, readiness: this.#readiness() });
  }

  #readiness(): Readiness {
    const state = this.#state?.();
    const { config } = this.#options;
    const lag = this.lagEntries;
    const checks = {
      stations: { ok: state !== undefined, detail: state === undefined ? 'starting' : `${state.stations.length} started` },
      store: { ok: state?.storeAnswers === true, detail: state?.storeAnswers === true ? 'answers' : 'does not answer' },
      book: { ok: lag <= config.book.lagEntriesMax, detail: `${lag} journal entries behind` },
    };
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  }

  async #measureLag(): Promise<void> {
    try {
      this.#lagEntries = await journalEntriesWaiting(this.#options.store);
    } catch {
      // A store that does not answer takes nothing in either; its own events tell of it.
    }
  }

  #failed(error: Error): void {
    this.#options.log.failure('office failed', { error: error.message });
    this.#listening.reject(error);
  }
}

function storeFor(config: Config, store: Store): OfficeStore {
  if (config.store.engine === 'sqlite') {
    if (!(store instanceof SqliteStore)) throw new Error('the SQLite engine is configured, and another one was opened');
    return { engine: 'sqlite', port: store.port(), partitions: config.store.partitions };
  }
  const { url, partitions, replicasMin, commandTimeoutMs } = config.store;
  return { engine: 'redis', url, partitions, replicasMin, commandTimeoutMs };
}
