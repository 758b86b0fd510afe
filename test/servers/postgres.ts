import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { endsWithUs, goesWithUs } from './children.ts';
import { program } from './debian.ts';
import { freePort } from './ports.ts';

/** A PostgreSQL server of the test's own, on a port of 127.0.0.1, with its data in a temporary folder. */
export interface PostgresServer {
  readonly url: string;
  /** A new, empty database on it. */
  database(name: string): Promise<string>;
  start(): Promise<void>;
  /** `immediate`: as if the machine had lost power; the next start recovers from the log. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

const versions = ['18', '17', '16', '15', '14'];

export async function startPostgres(): Promise<PostgresServer> {
  const candidates = [...versions.map((version) => `/usr/lib/postgresql/${version}/bin/postgres`), '/usr/local/bin/postgres', '/usr/bin/postgres'];
  const postgres = await program([...candidates, 'postgres'], 'postgresql');
  const folder = goesWithUs(mkdtempSync(join(tmpdir(), 'locum-postgres-')));
  const account = unprivileged();
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const passwordless = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync'];
  const made = spawnSync(join(dirname(postgres), 'initdb'), ['-D', data, ...passwordless], { ...account, cwd: folder, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${String(made.error ?? '')}`);
  const port = await freePort();
  writeFileSync(join(data, 'postgresql.auto.conf'), `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '${folder}'\n`);
  if (account !== undefined) chownSync(join(data, 'postgresql.auto.conf'), account.uid, account.gid);
  return await running(postgres, data, folder, port, account);
}

async function running(postgres: string, data: string, folder: string, port: number, account: Account | undefined): Promise<PostgresServer> {
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;
  const psql = (sql: string): ReturnType<typeof spawnSync> =>
    spawnSync(join(dirname(postgres), 'psql'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-qc', sql], { encoding: 'utf8' });
  const handle: PostgresServer = {
    url,
    database: async (name) => {
      const made = psql(`create database ${name}`);
      if (made.status !== 0) throw new Error(`create database failed: ${String(made.stderr)}`);
      return await Promise.resolve(url.replace(/postgres$/, name));
    },
    start: async () => {
      server = endsWithUs(spawn(postgres, ['-D', data], { ...account, cwd: folder, stdio: 'ignore' }));
      const deadlineMs = performance.now() + 60_000;
      while (psql('select 1').status !== 0) {
        if (performance.now() > deadlineMs || server.exitCode !== null) throw new Error('PostgreSQL did not start');
        await delay(50);
      }
    },
    stop: async (mode) => {
      const stopping = server;
      if (stopping === undefined) return;
      server = undefined;
      const exited = once(stopping, 'exit');
      stopping.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await exited;
    },
    remove: async () => {
      await handle.stop('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await handle.start();
  return handle;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: the account that Debian's package made, or nobody. */
function unprivileged(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = Number(spawnSync('id', ['-u', name], { encoding: 'utf8' }).stdout.trim() || 'NaN');
    const gid = Number(spawnSync('id', ['-g', name], { encoding: 'utf8' }).stdout.trim() || 'NaN');
    if (Number.isInteger(uid) && Number.isInteger(gid)) return { uid, gid };
  }
  throw new Error('neither of the accounts postgres and nobody exists, and PostgreSQL does not run as root');
}
