/**
 * The connection to Redis or Redis Cluster, and the one thing that a store must know of it: whether a command that failed
 * can have taken effect. Nothing that changes something is sent twice.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Cluster, Command, Redis } from 'ioredis';
import { StoreFenced, StoreUnavailable, StoreUnknown } from './store.ts';

export interface RedisClientOptions {
  /** `redis://` or `rediss://`, with user, password and database; a comma list of them names nodes of a Redis Cluster. */
  readonly url: string;
  /** Is it a Redis Cluster although one address is given? */
  readonly cluster?: boolean | undefined;
  /** How long a command may take before its outcome counts as unknown. */
  readonly commandTimeoutMs: number;
  /** A rediss:// server's certificate authority, in PEM; undefined: the system's. */
  readonly tlsCa?: string | undefined;
}

export type RedisClient = Redis | Cluster;

/** A script, as a whole and by its digest. */
export interface RedisScript {
  readonly lua: string;
  readonly sha: string;
}

export function redisScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Connects in the background: while there is no connection, every call is StoreUnavailable at once. */
export function redisClient(options: RedisClientOptions): RedisClient {
  const addresses = options.url.split(',').map((url) => new URL(url.trim()));
  const [first] = addresses;
  if (first === undefined || !addresses.every(({ protocol }) => protocol === 'redis:' || protocol === 'rediss:')) {
    throw new StoreUnavailable('a Redis address starts with redis:// or rediss://');
  }
  const common = commonOptions(first, options);
  if (addresses.length === 1 && options.cluster !== true) {
    return new Redis({
      ...common,
      ...hostAndPort(first),
      db: Number(first.pathname.slice(1) || '0'),
      enableOfflineQueue: false,
      retryStrategy: reconnectAfterMs,
      // A master that became a replica: another connection may lead to the new master.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    });
  }
  return new Cluster(addresses.map(hostAndPort), {
    redisOptions: common,
    lazyConnect: true,
    enableOfflineQueue: false,
    // 0: a command that was cut off is not sent again. What a node refused to take (moved, down) still is.
    retryDelayOnFailover: 0,
    clusterRetryStrategy: reconnectAfterMs,
    // A name in the addresses may be one in the certificate, so it is not replaced by a number.
    ...(first.protocol === 'rediss:' ? { dnsLookup: (address, done) => done(null, address) } : {}),
  });
}

function commonOptions(address: URL, options: RedisClientOptions) {
  return {
    ...(address.username === '' ? {} : { username: decodeURIComponent(address.username) }),
    ...(address.password === '' ? {} : { password: decodeURIComponent(address.password) }),
    ...(address.protocol === 'rediss:' ? { tls: options.tlsCa === undefined ? {} : { ca: options.tlsCa } } : {}),
    lazyConnect: true,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: options.commandTimeoutMs,
    connectTimeout: options.commandTimeoutMs,
  };
}

function hostAndPort(address: URL): { host: string; port: number } {
  return { host: address.hostname, port: Number(address.port || '6379') };
}

function reconnectAfterMs(attempts: number): number {
  return Math.min(25 * 2 ** Math.min(attempts, 6), 1_000);
}

/** A command that changes something: it knows on which socket it was written, and is never written after it was given up. */
export class ChangeCommand extends Command {
  socket: Socket | undefined;

  override toWritable(socket: Socket): string | Buffer {
    if (this.isSettled) {
      // It waited for a connection and its caller has been told that it failed: its place in the queue is taken by a ping.
      this.name = 'ping';
      this.args = [];
    } else {
      this.socket = socket;
    }
    return super.toWritable(socket);
  }
}

/** Beginnings of the replies by which Redis says that it has not executed a command. */
const refusals = [
  'NOSCRIPT',
  'OOM',
  'READONLY',
  'MISCONF',
  'LOADING',
  'CLUSTERDOWN',
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'MASTERDOWN',
  'NOREPLICAS',
  'NOAUTH',
  'NOPERM',
  'WRONGPASS',
  'BUSY',
];

/** @returns what a failure of a change means to the store's caller */
export function changeFailure(command: ChangeCommand, error: unknown): Error {
  const message = messageOf(error);
  const answered = error instanceof Error && error.name === 'ReplyError';
  if (answered && message.startsWith('FENCED')) return new StoreFenced(message.slice('FENCED '.length));
  const refused = answered && refusals.some((code) => message.startsWith(code));
  if (refused || command.socket === undefined) return new StoreUnavailable(`Redis: ${message}`, { cause: error });
  return new StoreUnknown(`Redis: ${message}`, { cause: error });
}

export function readFailure(error: unknown): Error {
  const message = messageOf(error);
  return new StoreUnavailable(`Redis: ${message}`, { cause: error });
}

/** The client's own errors speak of its options; what they mean is said here. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('enableOfflineQueue')) return 'there is no connection';
  if (message.includes('maxRetriesPerRequest') || message === 'Connection is closed.') return 'the connection broke';
  if (message === 'Command timed out') return 'there was no answer in time';
  return message;
}

export function masters(client: RedisClient): readonly Redis[] {
  return client instanceof Redis ? [client] : client.nodes('master');
}
