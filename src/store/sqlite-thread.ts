/**
 * The thread that owns a SQLite store's file: two writers of one file starve each other, so there is one, and the others send
 * it their calls. All calls that have arrived when it turns share one transaction, and with it one sync of the disk; every
 * answer, a read's too, leaves after that, so nothing is told that a crash could take back.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { AssertionError, unreachable } from '../base/assert.ts';
import { HeadChanges } from './head-changes.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import { closeSqliteFile, openSqliteFile, partitionsOf, primaryCode, sqliteFull } from './sqlite-file.ts';
import type {
  SqliteAnswers,
  SqliteCall,
  SqliteFailureKind,
  SqliteOpened,
  SqliteReply,
  SqliteRequest,
} from './sqlite-wire.ts';
import { StoreFenced, StoreUnavailable } from './store.ts';

interface PortCall extends SqliteCall {
  readonly port: MessagePort;
}

export interface SqliteThreadData {
  readonly file: string;
  readonly partitions: number | undefined;
  readonly generationChanges: number;
  readonly bytesMax: number | undefined;
  readonly port: MessagePort;
}

class SqliteThread {
  readonly #file: string;
  readonly #partitions: number;
  readonly #database: ReturnType<typeof openSqliteFile>;
  readonly #headChanges = new HeadChanges();
  readonly #engine: SqliteEngine;
  readonly #ports = new Set<MessagePort>();

  constructor({ file, partitions, generationChanges, bytesMax }: SqliteThreadData) {
    this.#file = file;
    this.#database = openSqliteFile(file, partitions, bytesMax);
    this.#partitions = partitionsOf(this.#database);
    this.#engine = new SqliteEngine(this.#database, generationChanges, this.#headChanges);
  }

  connect(port: MessagePort): void {
    this.#ports.add(port);
    port.on('close', () => this.#ports.delete(port));
    port.on('message', (call: SqliteCall) => {
      this.#turn([{ ...call, port }, ...this.#arrived()]);
    });
    const opened: SqliteOpened = { opened: true, partitions: this.#partitions, headChanges: this.#headChanges.shared };
    port.postMessage(opened);
  }

  #arrived(): PortCall[] {
    const calls: PortCall[] = [];
    for (const port of this.#ports) {
      for (;;) {
        const received = receiveMessageOnPort(port) as { message: SqliteCall } | undefined;
        if (received === undefined) break;
        calls.push({ ...received.message, port });
      }
    }
    return calls;
  }

  #turn(calls: readonly PortCall[]): void {
    let replies: readonly SqliteReply[];
    try {
      replies = calls.map((call) => this.#reply(call));
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      this.#undo(calls, error);
      return;
    }
    try {
      this.#engine.finish();
    } catch (error) {
      // A full disk has not taken the commit mark. After any other failure nobody can tell what the next start will find.
      if (primaryCode(error) === sqliteFull) this.#undo(calls, error);
      else this.#stop(calls, error);
      return;
    }
    for (const [index, call] of calls.entries()) call.port.postMessage(replies[index], []);
    if (calls.some((call) => call.request.kind === 'close')) this.#close();
  }

  #reply({ call, request }: PortCall): SqliteReply {
    try {
      return { call, answer: this.#answer(request) };
    } catch (error) {
      if (error instanceof StoreFenced) return { call, failure: { kind: 'fenced', message: error.message } };
      throw error;
    }
  }

  #answer(request: SqliteRequest): SqliteAnswers[keyof SqliteAnswers] {
    const engine = this.#engine;
    switch (request.kind) {
      case 'commit':
        return engine.commit(request.at, request.packed, request.nowMs);
      case 'heads':
        return request.ids.map((id) => engine.scope(request.at).head(id));
      case 'records':
        return request.ids.map((id) => engine.scope(request.at).record(id));
      case 'guards':
        return request.ids.map((id) => engine.scope(request.at).knownGuard(id)?.value);
      case 'findAccounts':
        return request.tokens.map((token) => engine.findAccount(token));
      case 'enterAccount':
        return engine.enterAccount(request.token, request.accountId);
      case 'due':
        return engine.scope(request.at).due(request.nowMs, request.most);
      case 'tail':
        return engine.tail(request.at, request.after, request.most);
      case 'journalLength': {
        const { journalLast, trimmedThrough } = engine.scope(request.at);
        return journalLast - trimmedThrough;
      }
      case 'trim':
        engine.trim(request.at, request.through);
        return null;
      case 'epochs':
        return engine.epochs.slice();
      case 'closeEpoch':
        return engine.closeEpoch(request.at);
      case 'durability':
        return `SQLite in ${this.#file}, write-ahead log with synchronous=FULL: a commit is on disk before it is acknowledged.`;
      case 'connect':
        this.connect(request.port);
        return null;
      case 'close':
        return null;
      default:
        return unreachable(request);
    }
  }

  /** Nothing of the turn has happened. */
  #undo(calls: readonly PortCall[], error: unknown): void {
    try {
      this.#engine.abandon();
    } catch (second) {
      this.#stop(calls, second);
      return;
    }
    const closing = calls.filter(({ request }) => request.kind === 'close');
    fail(calls.filter((call) => !closing.includes(call)), 'unavailable', `${this.#file}: ${String(error)}`);
    for (const { call, port } of closing) port.postMessage({ call, answer: null } satisfies SqliteReply);
    if (closing.length > 0) this.#close();
  }

  /** The thread's end: each client finds its port closed and says so from then on. */
  #stop(calls: readonly PortCall[], error: unknown): void {
    fail(calls, 'unknown', `${this.#file} failed and was left: ${String(error)}`);
    for (const port of this.#ports) port.close();
  }

  #close(): void {
    try {
      this.#engine.settle();
    } catch (error) {
      // On a full disk what is committed stays in the log, and the next start settles it.
      if (primaryCode(error) !== sqliteFull) throw error;
    }
    closeSqliteFile(this.#database, this.#file);
    for (const port of this.#ports) port.close();
  }
}

function fail(calls: readonly PortCall[], kind: SqliteFailureKind, message: string): void {
  for (const { call, port } of calls) {
    const reply: SqliteReply = { call, failure: { kind, message } };
    port.postMessage(reply);
  }
}

function start(data: SqliteThreadData): void {
  const { port } = data;
  try {
    new SqliteThread(data).connect(port);
  } catch (error) {
    const finding = error instanceof StoreUnavailable ? error.message : String(error);
    const opened: SqliteOpened = { opened: false, finding };
    port.postMessage(opened);
    port.close();
  }
}

start(workerData as SqliteThreadData);
