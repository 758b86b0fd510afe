/** What would let the switch's memory out, with the keys in it. */
import { generateKeySync, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { createKeyFile, generateKey } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { leavesCoreDump, ownLimits, waysOut } from '../../src/program/memory-safety.ts';
import { configure, emptyFolder, endAll, launch, startProgram } from './fixture.ts';

afterAll(endAll);

describe('settings of Node', () => {
  it.for<[words: readonly string[], options: string | undefined, found: readonly string[]]>([
    [[], undefined, []],
    [['--import=x.js', '--disable-warning=ExperimentalWarning'], '--max-old-space-size=4096 --heap-prof --cpu-prof --inspect-port=0 --report-on-fatalerror', []],
    [['--inspect'], '', ['--inspect opens an inspector']],
    [['--inspect-brk=127.0.0.1:0'], '--inspect_wait', ['--inspect-brk opens an inspector', '--inspect-wait opens an inspector']],
    [[], ' --heapsnapshot-signal=SIGUSR2  "--heapsnapshot-near-heap-limit=3" --heap-snapshot-on-oom', ['--heapsnapshot-signal writes heap snapshots', '--heapsnapshot-near-heap-limit writes heap snapshots', '--heap-snapshot-on-oom writes heap snapshots']],
    [['--abort-on-uncaught-exception'], '--abort_on_uncaught_exception', ['--abort-on-uncaught-exception ends in a core dump']],
  ])('%j and %s let out what they let out', ([execArgv, options, found]) => {
    expect(waysOut({ execArgv, options })).toEqual(found);
  });

  it('of limits, any size of a core dump but none leaves one', () => {
    const limits = (soft: string): string => `Limit                     Soft Limit           Hard Limit           Units\nMax core file size        ${soft.padEnd(20)} unlimited            bytes\n`;
    expect([limits('0'), limits('unlimited'), limits('4096'), '', undefined].map(leavesCoreDump)).toEqual([false, true, true, false, false]);
    if (process.platform === 'linux') expect(ownLimits()).toContain('Max core file size');
  });
});

/** A folder with keys of its own and no demo. */
function ownFolder(): string {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  const master = MasterKey.createFile(join(folder, 'data', 'master.key'), randomBytes);
  const keyFile = join(folder, 'data', 'keys.json');
  createKeyFile(keyFile, master);
  for (const usage of ['token', 'pan', 'pin'] as const) generateKey(keyFile, master, { name: usage, usage }, randomBytes);
  configure(folder, { stations: { pos: { link: { listen: { port: 0 } }, spec: 'iso8583-1987-ascii' } } });
  return folder;
}

test('a switch with keys of its own does not start where its memory would get out, and opens no inspector later', async () => {
  const folder = ownFolder();
  for (const options of ['--heapsnapshot-signal=SIGUSR2', '--inspect=127.0.0.1:0']) {
    const refused = launch(folder, { NODE_OPTIONS: options });
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.errors).toContain(`locum start: ${options.split('=')[0]} ${options.includes('inspect=') ? 'opens an inspector' : 'writes heap snapshots'}, and with it the keys in this process's memory get out; `);
    expect(refused.lines).toEqual([]);
  }
  const program = await startProgram(folder, { NODE_OPTIONS: '--report-on-signal --report-signal=SIGUSR2' });
  program.child.kill('SIGUSR1');
  await program.said('inspector not opened');
  expect(program.errors).not.toContain('Debugger');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('the demo starts so, and says what it means', async () => {
  const program = await startProgram(emptyFolder(), { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' });
  expect(program.of('memory can be read')).toMatchObject([{ level: 'warn', way: '--heapsnapshot-signal writes heap snapshots' }]);
  await program.kill();
});

test('a report of the process has nothing of its environment, and none is written by itself', async () => {
  const { keepMemoryIn } = await import('../../src/program/memory-safety.ts');
  const secret = generateKeySync('hmac', { length: 256 }).export().toString('hex');
  const before = { ...process.report };
  process.env['LOCUM_MASTER_KEY'] = secret;
  try {
    keepMemoryIn(true, { event() {}, warning() {}, failure() {} } as never);
    expect(JSON.stringify(process.report.getReport())).not.toContain(secret);
    expect([process.report.reportOnFatalError, process.report.reportOnSignal, process.report.reportOnUncaughtException]).toEqual([false, false, false]);
  } finally {
    delete process.env['LOCUM_MASTER_KEY'];
    Object.assign(process.report, { excludeEnv: before.excludeEnv ?? false });
  }
});
