import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { anyPorts, emptyFolder, ended, environment, eventually, launched, launcher, root, startDemo } from './locum.ts';

const folder = emptyFolder();

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The program as a dependency of another project: a copy below its node_modules, beside its own dependencies. */
function installedElsewhere(): string {
  const modules = join(folder, 'project', 'node_modules');
  const home = join(modules, 'locum');
  if (existsSync(home)) return join(home, 'bin', 'locum.js');
  mkdirSync(home, { recursive: true });
  for (const name of ['bin', 'src', 'specs', 'package.json']) cpSync(join(root, name), join(home, name), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')).filter((entry) => !entry.startsWith('.'))) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  return join(home, 'bin', 'locum.js');
}

test('whatever Node runs it, the program runs on the one that comes with the packages', async () => {
  // The machine's own Node where it has one besides; otherwise the pinned one, under which there is nothing to be changed.
  const machines = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath;
  const { code, out } = await launched(['doctor', '--json'], { node: machines, cwd: emptyFolder(), env: { LOCUM_HTTP_PORT: '0' } });
  const { findings } = JSON.parse(out) as { findings: readonly { check: string; state: string; text: string }[] };
  expect(findings[0]).toMatchObject({ check: 'node', state: 'ok', text: `Node ${process.versions.node}.` });
  expect([0, 1]).toContain(code);
});

test('below another project\'s node_modules its types are stripped, in every thread, and what it says and how it ends comes through', async () => {
  const installed = installedElsewhere();
  expect(await launched(['spec', 'check', 'iso8583-1987-ascii'], { launcher: installed, cwd: folder })).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^iso8583-1987-ascii: in order/) as string });
  expect(await launched(['spec', 'chek'], { launcher: installed, cwd: folder })).toMatchObject({ code: 2, out: '' });
  const running = await startDemo({ launcher: installed });
  const { code, signal, err } = await running.stop();
  expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: '' });
  expect(running.lines.at(-1)?.event).toBe('stopped');
  rmSync(running.cwd, { recursive: true });
});

test('a launcher that is killed takes the switch with it', async () => {
  const running = await startDemo({ launcher: installedElsewhere() });
  const healthy = async (): Promise<boolean> => await fetch(`http://127.0.0.1:${running.httpPort}/health`).then(({ ok }) => ok, () => false);
  expect(await healthy()).toBe(true);
  running.child.kill('SIGKILL');
  expect(await eventually(healthy, (up) => !up)).toBe(false);
  await running.ended;
  rmSync(running.cwd, { recursive: true, force: true });
});

test('npm start that is asked to stop is a graceful stop of the switch', async () => {
  const { spawn } = await import('node:child_process');
  const dataDir = emptyFolder();
  const child = spawn('npm', ['start', '--silent'], { cwd: root, env: environment({ ...anyPorts, LOCUM_DATA_DIR: dataDir }) });
  const end = ended(child);
  let seen = '';
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString('utf8');
    if (seen.includes('"event":"ready"')) resolve();
  });
  await Promise.race([ready, end]);
  child.kill('SIGTERM');
  // Its output ends with the switch, whatever became of npm.
  const { out } = await end;
  expect(JSON.parse(out.trim().split('\n').at(-1) ?? '{}')).toMatchObject({ event: 'stopped', unanswered: 0 });
  rmSync(dataDir, { recursive: true });
});

test('a reader that has seen enough is no error', async () => {
  const { spawn } = await import('node:child_process');
  const child = spawn('sh', ['-c', `"$0" "$1" spec list | head -n 1`, process.execPath, launcher], { cwd: root });
  const { code, err } = await ended(child);
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

test('a variable that is probably misspelt is told of at the start, which goes on', async () => {
  const running = await startDemo({ env: { LOCUM_HTPP_PORT: '1' } });
  const { code, err } = await running.stop();
  expect({ code, err }).toEqual({ code: 0, err: 'locum start: LOCUM_HTPP_PORT is no setting; did you mean LOCUM_HTTP_PORT?\n' });
  rmSync(running.cwd, { recursive: true });
});

test('a stop that is asked for once is a graceful one, however often the signal is passed on', async () => {
  const running = await startDemo();
  running.child.kill('SIGINT');
  await eventually(async () => await Promise.resolve(running.lines.some(({ event }) => event === 'stopping')), (stopping) => stopping);
  running.child.kill('SIGINT');
  const { code } = await running.ended;
  expect(code).toBe(0);
  expect(running.lines.at(-1)?.event).toBe('stopped');
  rmSync(running.cwd, { recursive: true });
});
