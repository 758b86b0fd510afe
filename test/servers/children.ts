/**
 * Processes that tests start and that end with them, however those end: a server that outlives its test keeps a port, and whoever reads
 * its output waits for ever.
 */
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

const children = new Set<ChildProcess>();
const folders = new Set<string>();

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});
// Without a listener the signal ends the process, and nobody is told of its exit.
process.once('SIGTERM', () => process.exit(143));

/** Ends it with this process, at the latest. */
export function endsWithUs<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Removes the folder with this process, at the latest. */
export function goesWithUs(folder: string): string {
  folders.add(folder);
  return folder;
}
