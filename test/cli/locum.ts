/** The program as a user has it: `bin/locum.js` in a process of its own, in a folder of its own; and its commands as functions. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli.ts';
import { endsWithUs, goesWithUs } from '../servers/children.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const launcher = join(root, 'bin/locum.js');

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Variables;
  readonly input?: string | Buffer;
  /** The Node that runs the launcher. */
  readonly node?: string;
  readonly launcher?: string;
}

/** What the tests' own process has in its environment must not decide what they find. */
export function environment(variables: Variables): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:LOCUM_|REDIS_URL|DATABASE_URL|NODE_OPTIONS|VITEST|NODE_ENV)/.test(name));
  return { ...Object.fromEntries(inherited), ...variables };
}

function started(words: readonly string[], { cwd = root, env = {}, node = process.execPath, launcher: file = launcher }: RunOptions): ChildProcess {
  return endsWithUs(spawn(node, [file, ...words], { cwd, env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] }));
}

export function ended(child: ChildProcess): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const [out, err] = [collected(child.stdout), collected(child.stderr)];
  child.on('error', reject);
  child.on('close', (code, signal) => {
    resolve({ code, signal, out: out(), err: err() });
  });
  return promise;
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

/** Runs a command to its end, in this process: for the many that need no process of their own. */
export async function locum(words: readonly string[], { cwd = root, env = {}, input = '' }: RunOptions = {}): Promise<Ended> {
  const lines = { out: '', err: '' };
  const code = await main(words, {
    environment: env,
    cwd,
    hostName: 'tests',
    nodeVersion: process.versions.node,
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: Math.random,
    print: (text) => {
      lines.out += `${text}\n`;
    },
    complain: (text) => {
      lines.err += `${text}\n`;
    },
    readInput: () => Promise.resolve(Buffer.from(input)),
    stopAsked: () => Promise.reject(new Error('nobody stops a command here')),
  });
  return { code, signal: null, ...lines };
}

/** Runs the launcher, and with it a command, to its end. */
export async function launched(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = started(words, options);
  child.stdin?.end(options.input);
  return await ended(child);
}

export function emptyFolder(): string {
  return goesWithUs(mkdtempSync(join(tmpdir(), 'locum-cli-')));
}

export interface RunningLocum {
  readonly child: ChildProcess;
  /** What other commands need to find it: its folder, and its ports in the environment. */
  readonly cwd: string;
  readonly env: Variables;
  readonly ports: Readonly<Record<string, number>>;
  readonly httpPort: number;
  /** The log's lines so far. */
  readonly lines: readonly LogLine[];
  readonly ended: Promise<Ended>;
  stop(): Promise<Ended>;
}

export interface LogLine {
  readonly event: string;
  readonly [name: string]: unknown;
}

/** The demo's stations, each on a port that is drawn. */
export const anyPorts: Variables = {
  LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_1987_BINARY_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_2003_BINARY_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_HOST_LINK_LISTEN_PORT: '0',
  LOCUM_HTTP_PORT: '0',
};

/** Starts the demo and waits until it says that it is ready. @throws Error with its output where it ends instead */
export async function startDemo(options: RunOptions = {}): Promise<RunningLocum> {
  const cwd = options.cwd ?? emptyFolder();
  const child = started(['start'], { ...options, cwd, env: { ...anyPorts, ...options.env } });
  const end = ended(child);
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const lines: LogLine[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = JSON.parse(part) as LogLine;
      lines.push(line);
      if (line.event === 'ready') resolve();
    }
  });
  end.then(({ out, err }) => reject(new Error(`the switch ended before it was ready:\n${out}${err}`)), reject);
  await ready;
  const { ports, httpPort, securePort } = addresses(lines);
  const drawn: Variables = { ...anyPorts, ...options.env };
  const variables = Object.entries(ports)
    .map(([name, port]) => [`LOCUM_STATIONS_${name.toUpperCase().replaceAll('-', '_')}_LINK_LISTEN_PORT`, String(port)] as const)
    .filter(([variable]) => drawn[variable] === '0');
  return {
    child,
    cwd,
    env: { ...options.env, ...Object.fromEntries(variables), LOCUM_HTTP_PORT: String(httpPort), LOCUM_DOORS_SECURE_PORT: String(securePort) },
    ports,
    httpPort,
    lines,
    ended: end,
    async stop() {
      child.kill('SIGTERM');
      return await end;
    },
  };
}

function addresses(lines: readonly LogLine[]): { ports: Record<string, number>; httpPort: number; securePort: number } {
  const ready = lines.find(({ event }) => event === 'ready');
  const stations = Array.isArray(ready?.['stations']) ? ready['stations'].map(String) : [];
  const ports = Object.fromEntries(stations.map((text) => [text.slice(0, text.lastIndexOf(':')), Number(text.slice(text.lastIndexOf(':') + 1))]));
  return { ports, httpPort: Number(ready?.['http']), securePort: Number(ready?.['partners']) };
}

/** Tries until `wanted` is true of the result; for what follows soon, such as the book. @throws Error with the last result */
export async function eventually<T>(attempt: () => Promise<T>, wanted: (result: T) => boolean, withinMs = 60_000): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const result = await attempt();
    if (wanted(result)) return result;
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(result)}`);
    await delay(50);
  }
}
