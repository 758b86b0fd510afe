/**
 * The SQLite store's client. Its promise is the engine's (`sqlite-engine.ts`): a committed item is on disk and synced.
 * When the thread that owns the file has gone, commits under way are StoreUnknown, and everything after is StoreUnavailable.
 */
import { once } from 'node:events';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { HeadChanges } from './head-changes.ts';
import { pack } from './pack.ts';
import { generationChangesUsual } from './sqlite-tables.ts';
import type { SqliteThreadData } from './sqlite-thread.ts';
import { ownAt } from './sqlite-wire.ts';
import type { SqliteAnswers, SqliteCall, SqliteFailureKind, SqliteOpened, SqliteReply, SqliteRequest } from './sqlite-wire.ts';
import {
  StoreFenced,
  StoreUnavailable,
  StoreUnknown,
  type CommitItem,
  type CommitResult,
  type DueRecord,
  type Durability,
  type Head,
  type JournalEntry,
  type OwnRecords,
  type PartitionEpoch,
  type Store,
} from './store.ts';

export interface SqliteStoreOptions {
  /** The database file; its folder exists. */
  readonly file: string;
  /** At least 1. A file that was made with another number is refused. Undefined: as many as the file has. */
  readonly partitions: number | undefined;
  /** Unix ms; what has been kept until before this is forgotten, in small bits, beside commits. */
  readonly now: () => number;
  /** How many changes are gathered before they go to the tables, at least 1; undefined: what has been measured to be good. */
  readonly generationChanges?: number | undefined;
  /**
   * Bytes that the file may grow to, beside its log; at the bound a commit is StoreUnavailable. Far above what a generation
   * of changes takes (some 30 MB as measured to be good), since its chunks stay until it is in the tables. Undefined: the disk.
   */
  readonly bytesMax?: number | undefined;
  /** The thread that owns the file has ended, and nobody had closed the store: nothing can be asked of it any more. */
  readonly onLost?: (reason: string) => void;
}

interface Waiting {
  readonly kind: SqliteRequest['kind'];
  readonly resolve: (answer: SqliteReply['answer']) => void;
  readonly reject: (error: Error) => void;
}

const committed: CommitResult = { kind: 'committed' };

export class SqliteStore implements Store {
  readonly partitions: number;
  /** While the file's thread writes one, the next is decided; with one alone each would wait for the other in turn. */
  readonly commitsInFlightMax = 2;
  readonly own: OwnRecords = {
    partitions: 1,
    commitsInFlightMax: 2,
    epochs: () => Promise.resolve([ownAt.epoch]),
    commit: async (_at, items) => await this.commit(ownAt, items),
    records: async (_at, ids) => await this.records(ownAt, ids),
    due: async (_at, nowMs, most) => await this.due(ownAt, nowMs, most),
  };
  readonly #port: MessagePort;
  readonly #now: () => number;
  readonly #headChanges: HeadChanges;
  readonly #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #gone: string | undefined;
  #isClosing = false;

  private constructor(port: MessagePort, { partitions, headChanges }: Extract<SqliteOpened, { opened: true }>, now: () => number, worker: Worker | undefined) {
    this.#port = port;
    this.partitions = partitions;
    this.#headChanges = new HeadChanges(headChanges);
    this.#now = now;
    this.#worker = worker;
    port.on('message', (reply: SqliteReply) => this.#take(reply));
    // The worker's exit, which says why it ended, follows its port's.
    if (worker === undefined) port.on('close', () => this.#lose('the thread that owns the file has ended'));
  }

  /**
   * Opens or makes the file, in a thread of its own.
   *
   * @throws StoreUnavailable where another process has it, or it is not a store that this program can use
   */
  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    assert(options.partitions === undefined || options.partitions >= 1, 'a store has at least one partition');
    const { port1, port2 } = new MessageChannel();
    const { file, partitions, generationChanges = generationChangesUsual, bytesMax } = options;
    const data: SqliteThreadData = { file, partitions, generationChanges, bytesMax, port: port2 };
    const worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), {
      name: 'store',
      execArgv: [],
      workerData: data,
      transferList: [port2],
    });
    let reason = '';
    worker.on('error', (error) => {
      reason = `: ${error instanceof Error ? error.message : String(error)}`;
    });
    const store = await SqliteStore.#connect(port1, options.now, worker);
    worker.on('exit', () => {
      store.#lose(`the thread that owns the file has ended${reason}`);
      if (!store.#isClosing) options.onLost?.(store.#gone ?? '');
    });
    return store;
  }

  /** Another thread's way to a file that is open already, by what `port` returned there. */
  static async connect(port: MessagePort, now: () => number): Promise<SqliteStore> {
    return await SqliteStore.#connect(port, now, undefined);
  }

  static async #connect(port: MessagePort, now: () => number, worker: Worker | undefined): Promise<SqliteStore> {
    const closed = once(port, 'close').then(() => undefined);
    const first = await Promise.race([once(port, 'message'), closed]);
    const opened = first?.[0] as SqliteOpened | undefined;
    if (opened === undefined) throw new StoreUnavailable('the thread that owns the file has ended');
    if (!opened.opened) throw new StoreUnavailable(opened.finding);
    return new SqliteStore(port, opened, now, worker);
  }

  /** A way for another thread to this file: transfer it there, and `connect` with it. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    // A refusal shows on the port itself: it closes.
    this.#call({ kind: 'connect', port: port1 }, [port1]).catch(() => port2.close());
    return port2;
  }

  async epochs(): Promise<readonly number[]> {
    return await this.#call({ kind: 'epochs' });
  }

  async closeEpoch(at: PartitionEpoch): Promise<number> {
    return await this.#call({ kind: 'closeEpoch', at });
  }

  async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    const results = await this.#call({ kind: 'commit', at, packed: pack(items), nowMs: this.#now() });
    return typeof results === 'number' ? Array.from({ length: results }, () => committed) : results;
  }

  async heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]> {
    return await this.#call({ kind: 'heads', at, ids: accountIds });
  }

  headChanges(accountId: string): number | undefined {
    return this.#gone === undefined ? this.#headChanges.of(accountId) : undefined;
  }

  async records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return await this.#call({ kind: 'records', at, ids });
  }

  async guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]> {
    return await this.#call({ kind: 'guards', at, ids: guardIds });
  }

  async findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]> {
    return await this.#call({ kind: 'findAccounts', tokens });
  }

  async enterAccount(token: string, accountId: string): Promise<string> {
    return await this.#call({ kind: 'enterAccount', token, accountId });
  }

  async due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]> {
    return await this.#call({ kind: 'due', at, nowMs, most });
  }

  async tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]> {
    return await this.#call({ kind: 'tail', at, after: Number(after ?? '0'), most });
  }

  async journalLength(at: PartitionEpoch): Promise<number> {
    return await this.#call({ kind: 'journalLength', at });
  }

  async trim(at: PartitionEpoch, through: string): Promise<void> {
    await this.#call({ kind: 'trim', at, through: Number(through) });
  }

  async durability(): Promise<Durability> {
    return { durable: true, finding: await this.#call({ kind: 'durability' }) };
  }

  /** The one who opened the file closes it for all; one who connected only leaves. */
  async close(): Promise<void> {
    if (this.#gone !== undefined) return;
    if (this.#worker === undefined) {
      this.#port.close();
    } else {
      const ended = once(this.#worker, 'exit');
      this.#isClosing = true;
      // The thread's end can be heard before its reply: it has closed the file either way.
      await Promise.race([this.#call({ kind: 'close' }).catch(() => undefined), ended]);
      await ended;
    }
    this.#lose('the store is closed');
  }

  #call<K extends SqliteRequest['kind']>(
    request: Extract<SqliteRequest, { kind: K }>,
    transfer: MessagePort[] = [],
  ): Promise<SqliteAnswers[K]> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) {
        reject(new StoreUnavailable(this.#gone));
        return;
      }
      this.#calls += 1;
      const call: SqliteCall = { call: this.#calls, request };
      this.#waiting.set(this.#calls, {
        kind: request.kind,
        resolve: (answer) => resolve(answer as SqliteAnswers[K]),
        reject,
      });
      this.#port.postMessage(call, transfer);
    });
  }

  #take(reply: SqliteReply): void {
    const waiting = this.#waiting.get(reply.call);
    // The thread's end was told before its last answers arrived: their calls have been given up.
    if (waiting === undefined) return;
    this.#waiting.delete(reply.call);
    if (reply.failure === undefined) waiting.resolve(reply.answer);
    else waiting.reject(failureOf(waiting.kind, reply.failure.kind, reply.failure.message));
  }

  #lose(reason: string): void {
    this.#gone ??= reason;
    for (const waiting of this.#waiting.values()) waiting.reject(failureOf(waiting.kind, 'unknown', this.#gone));
    this.#waiting.clear();
  }
}

/** Only what changes something can be unknown; a read that got no answer is just unavailable. */
function failureOf(kind: SqliteRequest['kind'], failure: SqliteFailureKind, message: string): Error {
  if (failure === 'fenced') return new StoreFenced(message);
  const changes = kind === 'commit' || kind === 'enterAccount' || kind === 'trim' || kind === 'closeEpoch';
  return failure === 'unknown' && changes ? new StoreUnknown(message) : new StoreUnavailable(message);
}
