/** The program as a process of its own, as a user starts it, on a folder and ports of its own, for benchmarks to load. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../bin/locum.js', import.meta.url));
const startWaitMs = 60_000;
/** USER_HZ: what /proc counts processor time in. */
const ticksPerSecond = 100;

export interface ProgramOptions {
  /** Everything it writes goes there. */
  readonly folder: string;
  /** undefined: the embedded SQLite. */
  readonly redisUrl: string | undefined;
  readonly drain: boolean;
  /** More of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node, such as for a profile. */
  readonly nodeOptions?: readonly string[];
}

export interface RunningProgram {
  readonly pid: number;
  /** Of the ASCII station. */
  readonly port: number;
  /** Of the station that the remote issuer connects to. */
  readonly hostPort: number;
  readonly httpPort: number;
  /** Of the partners' door. */
  readonly securePort: number;
  /** The value of a metric without labels; undefined where there is none. */
  metric(name: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

interface ReadyLine {
  readonly event?: string;
  readonly stations?: readonly string[];
  readonly http?: number;
  readonly partners?: number;
}

/** Starts the demo; resolves when its stations accept. @throws Error with what it said where it ends before */
export async function startProgram({ folder, redisUrl, drain, env = {}, nodeOptions = [] }: ProgramOptions): Promise<RunningProgram> {
  const child = spawn(process.execPath, [...nodeOptions, bin, 'start'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      LOCUM_DEMO: 'true',
      LOCUM_DATA_DIR: folder,
      LOCUM_HTTP_PORT: '0',
      ...portsFree,
      LOCUM_BOOK_DRAIN: String(drain),
      // Without a drain nothing takes the journal's entries, and they must not be a reason to refuse.
      LOCUM_BOOK_LAG_ENTRIES_MAX: '1000000000',
      LOCUM_DEADLINES_STOP_MS: '1000',
      ...(redisUrl === undefined ? {} : { LOCUM_STORE_URL: redisUrl }),
      ...env,
    },
  });
  const ended = once(child, 'exit');
  const { pid } = child;
  const said: string[] = [];
  const ready = Promise.withResolvers<ReadyLine>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    said.push(line);
    if (said.length > 100) said.shift();
    const told = parse(line);
    if (told?.event === 'ready') ready.resolve(told);
  });
  const timer = setTimeout(() => ready.reject(new Error(`the program was not ready within ${startWaitMs} ms: ${said.join('\n')}`)), startWaitMs);
  void ended.then(() => ready.reject(new Error(`the program ended: ${said.join('\n')}`)));
  try {
    const { stations = [], http = 0, partners = 0 } = await ready.promise;
    const portOf = (station: string): number => {
      const found = stations.find((name) => name.startsWith(`${station}:`));
      if (found === undefined) throw new Error(`the program has no station ${station}: ${stations.join()}`);
      return Number(found.slice(found.indexOf(':') + 1));
    };
    if (pid === undefined) throw new Error('the program has no process');
    return {
      pid,
      port: portOf('demo-1987-ascii'),
      hostPort: portOf('demo-host'),
      httpPort: http,
      securePort: partners,
      metric: async (name) => metricOf(await (await fetch(`http://127.0.0.1:${http}/metrics`)).text(), name),
      async stop() {
        child.kill('SIGTERM');
        await ended;
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const portsFree = Object.fromEntries(['1987_ASCII', '1987_BINARY', '2003_BINARY', 'HOST'].map((name) => [`LOCUM_STATIONS_DEMO_${name}_LINK_LISTEN_PORT`, '0']));

function parse(line: string): ReadyLine | undefined {
  try {
    return JSON.parse(line) as ReadyLine;
  } catch {
    return undefined;
  }
}

function metricOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

/**
 * Seconds of processor time that a process has used, by the names of its threads; empty where the system does not tell (it does in
 * Linux's /proc).
 */
export function threadSeconds(pid: number): ReadonlyMap<string, number> {
  const folder = `/proc/${pid}/task`;
  const seconds = new Map<string, number>();
  if (!existsSync(folder)) return seconds;
  for (const task of readdirSync(folder)) {
    const stat = statOf(`${folder}/${task}/stat`);
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const [user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13).map(Number);
    seconds.set(name, (seconds.get(name) ?? 0) + ((user ?? 0) + (system ?? 0)) / ticksPerSecond);
  }
  return seconds;
}

/** A thread may end between being listed and being read. */
function statOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '(ended) ';
  }
}
