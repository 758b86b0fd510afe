/**
 * The Redis engine, for one server or a Redis Cluster that several switches share.
 *
 * Durable: what was committed survives a crash of Redis and of its machine where `appendonly yes` and `appendfsync always`
 * are set (`durability` checks); with `everysec` a crash takes the last second or two with it. With `replicasMin` a commit
 * also counts only when that many replicas have it. What Redis evicts or a replica that was behind has not got, no setting
 * here brings back: see the epochs.
 *
 *   {<partition>.<epoch>}s         hash: is the epoch open, the journal's last entry, trimmed through
 *   {<partition>.<epoch>}j         stream: one entry per commit call, its id is its last journal entry's sequence
 *   {<partition>.<epoch>}d         sorted set: ids of due records by time
 *   {<partition>.<epoch>}h<id>     head: its version, a colon, its value
 *   {<partition>.<epoch>}r<id>     record, expiring by itself
 *   {<partition>.<epoch>}g<id>     guard, expiring by itself where a move gave it a time
 *   t<token>                       directory, each token in a slot of its own
 *   locum:epochs                   hash: the epoch by partition, and the number of partitions
 *
 * A commit call is one call of `commit.lua`. Where a commit was refused it leaves nothing; where the connection broke after
 * sending it, it is StoreUnknown.
 */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { assert } from '../base/assert.ts';
import {
  ChangeCommand,
  changeFailure,
  masters,
  readFailure,
  redisClient,
  redisScript,
  type RedisClient,
  type RedisClientOptions,
  type RedisScript,
} from './redis-client.ts';
import { commitCall, commitResults, ScopeKeys, splitHead } from './redis-commit.ts';
import { redisDurability } from './redis-durability.ts';
import { readTail } from './redis-journal.ts';
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
  type PartitionEpoch,
  type Store,
} from './store.ts';

export interface RedisStoreOptions extends RedisClientOptions {
  /** At least 1. A store that was made with another number is refused. */
  readonly partitions: number;
  /** Replicas that must have a commit before it counts as durable; 0 where there are none. */
  readonly replicasMin: number;
  /** Must the replicas have it on disk too, not only in memory? Takes Redis 7.2 (WAITAOF), and `appendonly yes` on each. */
  readonly replicasOnDisk?: boolean | undefined;
}

const epochsKey = 'locum:epochs';
const commitScript = redisScript(readFileSync(new URL('./commit.lua', import.meta.url), 'utf8'));
const raiseScript = redisScript(readFileSync(new URL('./raise.lua', import.meta.url), 'utf8'));

/** Keys in one MGET: a long one keeps Redis from its other callers. */
const keysPerRead = 512;

export class RedisStore implements Store {
  readonly partitions: number;
  readonly commitsInFlightMax = 3;
  readonly #options: RedisStoreOptions;
  readonly #client: RedisClient;
  readonly #scopes = new Map<string, ScopeKeys>();
  readonly #seenEpochs: (number | undefined)[] = [];
  #lastError = '';

  private constructor(options: RedisStoreOptions) {
    assert(options.partitions >= 1, 'a store has at least one partition');
    this.partitions = options.partitions;
    this.#options = options;
    this.#client = redisClient(options);
    this.#client.on('error', (error: Error) => {
      this.#lastError = error.message;
    });
  }

  /**
   * Waits for the first attempt to connect, whatever comes of it: while Redis is away every call is StoreUnavailable, and the
   * connection is tried again in the background.
   */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    await store.#client.connect().catch((error: unknown) => {
      // The client's error event has said why, where it knew.
      if (store.#lastError === '') store.#lastError = String(error);
    });
    return store;
  }

  /** @throws also StoreUnavailable where the store was made with another number of partitions */
  async epochs(): Promise<readonly number[]> {
    const stored = await this.#read((client) => client.hgetall(epochsKey));
    const made = stored['partitions'];
    if (made !== undefined && Number(made) !== this.partitions) {
      throw new StoreUnavailable(`Redis was made with ${made} partitions, and ${this.partitions} are asked for`);
    }
    const epochs: number[] = [];
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const found = stored[String(partition)];
      const epoch = found === undefined ? undefined : Number(found);
      const seen = this.#seenEpochs[partition];
      if (seen !== undefined && (epoch === undefined || epoch < seen)) {
        throw new StoreFenced(`partition ${partition} was at epoch ${seen}, and Redis now says ${epoch ?? 'nothing'}`);
      }
      epochs.push(epoch ?? (await this.#openEpoch(partition, 1)));
    }
    if (made === undefined) {
      const first = await this.#change('hsetnx', [epochsKey, 'partitions', String(this.partitions)]);
      // Another process was first, perhaps with another number.
      if (first === 0) return await this.epochs();
    }
    for (const [partition, epoch] of epochs.entries()) this.#seenEpochs[partition] = epoch;
    return epochs;
  }

  async closeEpoch(at: PartitionEpoch): Promise<number> {
    const found = await this.#read((client) => client.hget(epochsKey, String(at.partition)));
    if (found !== null && Number(found) > at.epoch) return Number(found);
    await this.#change('hset', [this.#scope(at).scope, 'open', '0']);
    return await this.#openEpoch(at.partition, at.epoch + 1);
  }

  async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    const call = commitCall(this.#scope(at), items);
    const reply = await this.#script(commitScript, call.keys, call.args);
    return commitResults(items, call, reply);
  }

  async heads(at: PartitionEpoch, accountIds: readonly string[]): Promise<readonly (Head | undefined)[]> {
    const { head } = this.#scope(at);
    const stored = await this.#values(accountIds.map((id) => head + id));
    return stored.map((value) => (value === null ? undefined : splitHead(value)));
  }

  /** Other switches commit as well. */
  headChanges(): undefined {
    return undefined;
  }

  async records(at: PartitionEpoch, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const { record } = this.#scope(at);
    const stored = await this.#values(ids.map((id) => record + id));
    return stored.map((value) => value ?? undefined);
  }

  async guards(at: PartitionEpoch, guardIds: readonly string[]): Promise<readonly (number | undefined)[]> {
    const { guard } = this.#scope(at);
    const stored = await this.#values(guardIds.map((id) => guard + id));
    return stored.map((value) => (value === null ? undefined : Number(value)));
  }

  async findAccounts(tokens: readonly string[]): Promise<readonly (string | undefined)[]> {
    const keys = tokens.map((token) => `t${token}`);
    if (this.#client instanceof Redis) return (await this.#values(keys)).map((value) => value ?? undefined);
    const found = await this.#read((client) => Promise.all(keys.map((key) => client.get(key))));
    return found.map((value) => value ?? undefined);
  }

  async enterAccount(token: string, accountId: string): Promise<string> {
    const entered = await this.#change('set', [`t${token}`, accountId, 'NX', 'GET']);
    return typeof entered === 'string' ? entered : accountId;
  }

  async due(at: PartitionEpoch, nowMs: number, most: number): Promise<readonly DueRecord[]> {
    const { due } = this.#scope(at);
    const found = await this.#read((client) => client.zrangebyscore(due, '-inf', nowMs, 'WITHSCORES', 'LIMIT', 0, most));
    const records: DueRecord[] = [];
    for (let index = 0; index < found.length; index += 2) {
      records.push({ id: found[index] ?? '', dueAtMs: Number(found[index + 1]) });
    }
    return records;
  }

  async tail(at: PartitionEpoch, after: string | undefined, most: number): Promise<readonly JournalEntry[]> {
    return await this.#read((client) => readTail(client, this.#scope(at), Number(after ?? '0'), most));
  }

  async journalLength(at: PartitionEpoch): Promise<number> {
    const [last, trimmed] = await this.#read((client) => client.hmget(this.#scope(at).scope, 'last', 'trimmed'));
    return Number(last ?? '0') - Number(trimmed ?? '0');
  }

  async trim(at: PartitionEpoch, through: string): Promise<void> {
    const { scope, journal } = this.#scope(at);
    const last = await this.#read((client) => client.hget(scope, 'last'));
    const reached = Math.min(Number(through), Number(last ?? '0'));
    const trimmed = await this.#script(raiseScript, [scope], ['trimmed', String(reached)]);
    await this.#change('xtrim', [journal, 'MINID', `${Number(trimmed) + 1}-0`]);
  }

  async durability(): Promise<Durability> {
    return await this.#read((client) => redisDurability(masters(client), this.#options.replicasMin, this.#options.replicasOnDisk === true));
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await Promise.resolve();
  }

  /** Opens the scope first: an epoch that is announced can be written to. */
  async #openEpoch(partition: number, epoch: number): Promise<number> {
    const { scope } = this.#scope({ partition, epoch });
    await this.#change('hsetnx', [scope, 'open', '1']);
    return Number(await this.#script(raiseScript, [epochsKey], [String(partition), String(epoch)]));
  }

  #scope(at: PartitionEpoch): ScopeKeys {
    const name = `${at.partition}.${at.epoch}`;
    let keys = this.#scopes.get(name);
    if (keys === undefined) {
      keys = new ScopeKeys(at);
      this.#scopes.set(name, keys);
    }
    return keys;
  }

  async #values(keys: readonly string[]): Promise<readonly (string | null)[]> {
    if (keys.length <= keysPerRead) return keys.length === 0 ? [] : await this.#read((client) => client.mget([...keys]));
    const found: (string | null)[] = [];
    for (let start = 0; start < keys.length; start += keysPerRead) {
      found.push(...(await this.#values(keys.slice(start, start + keysPerRead))));
    }
    return found;
  }

  async #read<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await work(this.#client);
    } catch (error) {
      throw this.#explain(readFailure(error));
    }
  }

  async #script(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const command = this.#command('evalsha', [script.sha, ...rest]);
    try {
      return await this.#send(command);
    } catch (error) {
      if (!(error instanceof StoreUnavailable && error.message.includes('NOSCRIPT'))) throw error;
      return await this.#change('eval', [script.lua, ...rest]);
    }
  }

  async #change(name: string, args: string[]): Promise<unknown> {
    return await this.#send(this.#command(name, args));
  }

  #command(name: string, args: string[]): ChangeCommand {
    return new ChangeCommand(name, args, { replyEncoding: 'utf8' });
  }

  async #send(command: ChangeCommand): Promise<unknown> {
    let reply: unknown;
    try {
      this.#client.sendCommand(command);
      reply = await command.promise;
    } catch (error) {
      throw this.#explain(changeFailure(command, error));
    }
    if (this.#options.replicasMin > 0) await this.#awaitReplicas(command);
    return reply;
  }

  /** WAIT speaks of the writes of its own connection: on another one it would say yes to everything. */
  async #awaitReplicas(command: ChangeCommand): Promise<void> {
    const { replicasMin, commandTimeoutMs } = this.#options;
    const node = masters(this.#client).find(({ stream }) => stream === command.socket);
    if (node === undefined) throw new StoreUnknown('Redis: the connection changed before the replicas were asked');
    let reached: number;
    try {
      reached = await this.#replicasReached(node);
    } catch (error) {
      throw new StoreUnknown(`Redis: the replicas could not be asked: ${String(error)}`, { cause: error });
    }
    if (reached < replicasMin) {
      throw new StoreUnknown(`Redis: ${reached} of ${replicasMin} replicas had the commit in ${commandTimeoutMs} ms`);
    }
  }

  /** Asks for half the time that a command has: the answer "too few" still arrives as one. */
  async #replicasReached(node: Redis): Promise<number> {
    const { replicasMin, replicasOnDisk, commandTimeoutMs } = this.#options;
    const timeoutMs = Math.ceil(commandTimeoutMs / 2);
    if (replicasOnDisk !== true) return await node.wait(replicasMin, timeoutMs);
    const [, onDisk] = (await node.call('WAITAOF', 0, replicasMin, timeoutMs)) as readonly [number, number];
    return onDisk;
  }

  #explain<E extends Error>(error: E): E {
    if (error instanceof StoreUnavailable && this.#lastError !== '') error.message += ` (last: ${this.#lastError})`;
    return error;
  }
}
