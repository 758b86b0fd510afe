import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Finds a program that a test needs, or installs the Debian package that carries it.
 *
 * @param candidates absolute paths or names on PATH, in order of preference
 * @param debianPackage what to install when none is there
 * @returns the program's path
 * @throws Error that says what to install when the program is absent and this process may not install it: a test
 *   that needs a real server fails without one, it is never skipped
 */
export async function program(candidates: readonly string[], debianPackage: string): Promise<string> {
  const found = locate(candidates);
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `${candidates.join(' or ')} not found. Install it (Debian: apt-get install ${debianPackage}), or run the tests as root on Debian.`,
    );
  }
  return await exclusively('locum-apt', async () => {
    const foundMeanwhile = locate(candidates);
    if (foundMeanwhile !== undefined) return foundMeanwhile;
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], { env, stdio: 'ignore' });
    const installed = locate(candidates);
    if (installed === undefined) throw new Error(`the Debian package ${debianPackage} did not bring ${candidates.join(' or ')}`);
    return installed;
  });
}

function locate(candidates: readonly string[]): string | undefined {
  for (const candidate of candidates) {
    if (candidate.startsWith('/')) {
      if (existsSync(candidate)) return candidate;
      continue;
    }
    const which = spawnSync('sh', ['-c', `command -v ${candidate}`], { encoding: 'utf8' });
    if (which.status === 0) return which.stdout.trim();
  }
  return undefined;
}

/** Runs `work` while no other test process on this machine does; a lock that its holder left behind lapses after ten minutes. */
async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = join(tmpdir(), `${name}.lock`);
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      const ageMs = existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0;
      if (ageMs > 600_000) rmdirSync(lock);
      else await delay(200);
    }
  }
  try {
    return await work();
  } finally {
    rmdirSync(lock);
  }
}
