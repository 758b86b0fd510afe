/**
 * What would let this process's memory out, which has keys in it: an inspector, heap snapshots, and files that the system writes when a
 * process crashes.
 *
 * Refused without the demo: settings of Node that open an inspector, write heap snapshots or end in a core dump. Diagnostic reports are
 * always off, since they have the environment in them, and so is the inspector that SIGUSR1 would open. Profiles (--heap-prof,
 * --cpu-prof) have names of functions and sizes in them and no values, so they are nobody's concern here.
 */
import { existsSync, readFileSync } from 'node:fs';
import inspector from 'node:inspector';
import type { Log } from '../base/log.ts';

/** The settings of Node that are looked at. */
export interface NodeSettings {
  /** Words between `node` and the program. */
  readonly execArgv: readonly string[];
  /** The variable NODE_OPTIONS. */
  readonly options: string | undefined;
}

const inspecting = /^--inspect(?:-brk|-wait)?$/;
const snapshots = /^--heap-?snapshot/;
const dumping = /^--abort-on-uncaught-exception$/;

/** What of these settings lets the memory out: the setting, and what it does. */
export function waysOut({ execArgv, options }: NodeSettings): string[] {
  const words = [...execArgv, ...(options ?? '').split(/\s+/)].map((word) => word.replaceAll(/["']/g, ''));
  const found = words.flatMap((word) => {
    const name = word.split('=')[0]!.replaceAll('_', '-');
    const does = inspecting.test(name) ? 'opens an inspector' : snapshots.test(name) ? 'writes heap snapshots' : dumping.test(name) ? 'ends in a core dump' : undefined;
    return does === undefined ? [] : [`${name} ${does}`];
  });
  return [...new Set(found)];
}

/** Whether a process that is limited so leaves a core dump. @param limits as /proc has them for a process; undefined: not known */
export function leavesCoreDump(limits: string | undefined): boolean {
  const soft = /^Max core file size\s+(\S+)/m.exec(limits ?? '')?.[1];
  return soft !== undefined && soft !== '0';
}

/** The limits of this process; undefined where the system does not tell them. */
export function ownLimits(): string | undefined {
  const path = '/proc/self/limits';
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** This process's own settings that let its memory out, also an inspector that something else has opened. */
export function ownWaysOut(): string[] {
  const found = waysOut({ execArgv: process.execArgv, options: process.env['NODE_OPTIONS'] });
  return found.length === 0 && inspector.url() !== undefined ? ['an inspector is open'] : found;
}

/** Before any key is opened: shuts what can be shut, and warns of the rest. */
export function keepMemoryIn(demo: boolean, log: Log): void {
  Object.assign(process.report, { reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false, excludeEnv: true });
  for (const way of ownWaysOut()) log.warning('memory can be read', { way, todo: 'the keys in it are lost to whoever does; without the demo the switch does not start so' });
  if (demo) return;
  // Node opens an inspector at this signal where nobody else takes it.
  process.on('SIGUSR1', () => log.warning('inspector not opened', { signal: 'SIGUSR1' }));
  if (leavesCoreDump(ownLimits())) log.warning('core dumps are on', { todo: 'a crash would write the keys to disk: ulimit -c 0, or LimitCORE=0 of the service' });
}
