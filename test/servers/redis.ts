/** Real Redis servers for tests and benchmarks: each in a folder of its own, on free ports of 127.0.0.1. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { endsWithUs, goesWithUs } from './children.ts';
import { program } from './debian.ts';
import { freePort } from './ports.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Of the process that runs now. */
  readonly pid: number | undefined;
  /** As a crash: SIGKILL. */
  kill(): Promise<void>;
  /** After `kill`: the same folder, the same port. */
  restart(): Promise<void>;
  /** Stops it without an answer, as a machine that hangs; `resume` lets it go on. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Lines of redis.conf: a name, and its value or values. */
export type RedisSettings = Readonly<Record<string, string | readonly string[]>>;

const durableSettings: RedisSettings = { appendonly: 'yes', appendfsync: 'always', save: '' };

/** @param settings lines of redis.conf, over `appendonly yes`, `appendfsync always` and no snapshots */
export async function startRedis(settings: RedisSettings = {}): Promise<RedisServer> {
  const path = await program(['redis-server', '/usr/bin/redis-server'], 'redis-server');
  const folder = goesWithUs(mkdtempSync(join(tmpdir(), 'locum-redis-')));
  const port = await freePort();
  const all: RedisSettings = { ...durableSettings, ...settings, port: String(port), dir: folder, bind: '127.0.0.1' };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value].flat());
  let child = await launch(path, args);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid;
    },
    kill,
    async restart() {
      child = await launch(path, args);
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(path: string, args: readonly string[]): Promise<ChildProcess> {
  const child = endsWithUs(spawn(path, args, { stdio: ['ignore', 'pipe', 'ignore'] }));
  const said: string[] = [];
  const deadline = setTimeout(() => child.kill('SIGKILL'), 60_000);
  try {
    for await (const chunk of child.stdout) {
      said.push(String(chunk));
      if (said.join('').includes('Ready to accept connections')) break;
    }
  } finally {
    clearTimeout(deadline);
  }
  if (!said.join('').includes('Ready to accept connections')) throw new Error(`redis-server did not start: ${said.join('')}`);
  return child;
}

export interface RedisClusterServers {
  /** A comma list of all nodes. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** A Redis Cluster of three masters. */
export async function startRedisCluster(): Promise<RedisClusterServers> {
  const cli = await program(['redis-cli', '/usr/bin/redis-cli'], 'redis-tools');
  const nodes = await Promise.all([0, 1, 2].map(startClusterNode));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = spawnSync(cli, ['--cluster', 'create', ...addresses, '--cluster-yes'], { encoding: 'utf8' });
  if (made.status !== 0) {
    await stop();
    throw new Error(`the cluster was not made: ${made.stdout}${made.stderr}`);
  }
  await Promise.all(nodes.map(({ port }) => agrees(port)));
  return { url: nodes.map(({ url }) => url).join(','), nodes, stop };
}

async function startClusterNode(): Promise<RedisServer> {
  const busPort = await freePort();
  return await startRedis({
    'cluster-enabled': 'yes',
    'cluster-port': String(busPort),
    'cluster-node-timeout': '3000',
    'cluster-require-full-coverage': 'no',
  });
}

async function agrees(port: number): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1' });
  const deadline = performance.now() + 60_000;
  try {
    for (;;) {
      if ((await client.cluster('INFO')).includes('cluster_state:ok')) return;
      if (performance.now() > deadline) throw new Error('the cluster did not agree within 60 s');
      await delay(50);
    }
  } finally {
    client.disconnect();
  }
}

/** The bytes that Redis gives for all keys together, each with its value and its share of the tables. */
export async function keyBytes(url: string): Promise<ReadonlyMap<string, number>> {
  const client = new Redis(url);
  const bytes = new Map<string, number>();
  try {
    for await (const keys of client.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
      for (const key of keys) bytes.set(key, (await client.memory('USAGE', key, 'SAMPLES', 0)) ?? 0);
    }
    return bytes;
  } finally {
    client.disconnect();
  }
}
