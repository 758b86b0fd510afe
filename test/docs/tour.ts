/** A page's shell blocks, run in one bash from top to bottom beside a running demo. */
import { spawn } from 'node:child_process';
import { launcher, environment, ended } from '../cli/locum.ts';
import type { Ended, RunningLocum } from '../cli/locum.ts';
import { endsWithUs } from '../servers/children.ts';
import { openssl } from '../link/certificates.ts';
import { program } from '../servers/debian.ts';

export interface TourStep {
  readonly command: string;
  /** DE39, where the page says which. */
  readonly wanted: string | undefined;
  readonly out: string;
}

/** The commands of the blocks, one a line, in their order. */
export function commandsOf(page: string): string[] {
  return [...page.matchAll(/```bash\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
}

/** Runs them until one fails. @returns what each printed, and how the shell ended */
export async function walk(commands: readonly string[], demo: RunningLocum): Promise<{ readonly steps: readonly TourStep[]; readonly ended: Ended }> {
  const folders = [...new Set([await program(['/usr/bin/curl', '/usr/local/bin/curl'], 'curl'), await openssl()].map((file) => file.slice(0, file.lastIndexOf('/'))))];
  const script = [
    // The demo of a test has other ports than a user's, and no npm around it.
    'set -euo pipefail', `npx() { shift; "${process.execPath}" "${launcher}" "$@"; }`,
    ...commands.flatMap((command, index) => [`printf '\\036%s\\036' ${index}`, command.replaceAll('localhost:8443', `localhost:${demo.env['LOCUM_DOORS_SECURE_PORT']}`).replaceAll('localhost:8080', `localhost:${demo.httpPort}`)]),
  ].join('\n');
  const shell = endsWithUs(spawn('bash', ['-s'], { cwd: demo.cwd, env: environment({ ...demo.env, PATH: [...folders, process.env['PATH']].join(':') }), stdio: ['pipe', 'pipe', 'pipe'] }));
  shell.stdin?.end(script);
  const end = await ended(shell);
  const parts = end.out.split('\u001e').slice(1);
  const steps = parts.filter((_, index) => index % 2 === 0).map((index, place): TourStep => {
    const command = commands[Number(index)] ?? '';
    return { command, wanted: / # ([0-9]{2,4})$/.exec(command)?.[1], out: parts[place * 2 + 1] ?? '' };
  });
  return { steps, ended: end };
}

/** DE39 of the answer that `send` printed. */
export function codeIn(out: string): string | undefined {
  return /^ +39 .* (\S+)$/m.exec(out)?.[1];
}
