/** The program, and the commands beside it, killed while keys change: what is there afterwards is the old or the new, and whole. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { unwrapKeyBlock } from '../../src/keys/key-block.ts';
import { loadKeys } from '../../src/keys/key-store.ts';
import { openMasterKey } from '../../src/keys/master-key-place.ts';
import { demoKey, kcvOf, keyBlock, newKey } from '../switch/zone.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { management } from '../switch/fixture.ts';
import { ascii, emptyFolder, endAll, startProgram } from './fixture.ts';
import { command, commandProcess, keysOf, Teller } from './tellers.ts';

afterAll(endAll);

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Of a file that was written anew, another. */
function stampOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino}/${stat.mtimeNs}`;
}

/** Every key of the folder, each opened with the master key that is there. */
function opened(folder: string): string[] {
  const file = join(folder, 'data', 'keys.json');
  const master = openMasterKey({ file: join(folder, 'data', 'master.key') }, {}, file);
  return loadKeys(file, master).map(({ info }) => `${info.name}/${info.version} ${info.kcv}`);
}

test('a change of the master key that is killed at any moment has happened or has not, beside a switch at work', async () => {
  const folder = emptyFolder();
  const program = await startProgram(folder);
  const teller = await Teller.open(program, ascii);
  const before = opened(folder);
  const masters = new Set<string>();
  const [keyFile, next] = [join(folder, 'data', 'keys.json'), join(folder, 'data', 'master.key.new')];
  // Later and later, until one was over before its end came.
  for (let round = 0; round < 8 || (masters.size < 2 && round < 100); round += 1) {
    const child = commandProcess(folder, 'key', 'rotate-master');
    const hasEnded = (): boolean => child.exitCode !== null;
    // From the moment on at which something is written, a little later each time.
    const left = stampOf(next);
    while (!hasEnded() && [left, undefined].includes(stampOf(next))) await turn();
    if (round > 0) await delay(round * 5);
    if (!hasEnded()) await killed(child);
    expect(opened(folder)).toEqual(before);
    masters.add(openMasterKey({ file: join(folder, 'data', 'master.key') }, {}, keyFile).kcv);
    expect(await teller.cash(demoKey('demo-zpk'))).toEqual([true]);
  }
  expect(masters.size).toBeGreaterThan(1);
  await command(folder, 'key', 'rotate-master');
  expect(existsSync(next)).toBe(false);
  const key = newKey();
  expect(await teller.bring(keyBlock(key))).toBe('00');
  await program.kill();
  const again = await startProgram(folder);
  expect(opened(folder).sort()).toEqual([...before, `demo-zpk/2 ${kcvOf(key)}`].sort());
  expect(await (await Teller.open(again, ascii, 100)).cash(key, demoKey('demo-zpk'))).toEqual([true, true]);
  expect(again.lines.filter(({ level }) => level === 'error')).toEqual([]);
  await again.kill();
});

test('a switch that is killed while a key comes has the old key or the new one at its next start, and takes it then', async () => {
  const folder = emptyFolder();
  let stan = 1;
  let current: Uint8Array = demoKey('demo-zpk');
  for (const waitMs of [0, 2, 8]) {
    const program = await startProgram(folder);
    const teller = await Teller.open(program, ascii, stan);
    stan += 100;
    expect(await teller.cash(current)).toEqual([true]);
    const key = newKey();
    teller.send(keyBlock(key));
    if (waitMs > 0) await delay(waitMs);
    await program.kill();
    const held = (await keysOf(folder)).filter(({ name }) => name === 'demo-zpk').at(-1)!;
    expect(opened(folder)).toContain(`demo-zpk/${held.version} ${held.kcv}`);
    expect([kcvOf(current), kcvOf(key)]).toContain(held.kcv);
    const next = await startProgram(folder);
    const again = await Teller.open(next, ascii, stan);
    stan += 100;
    expect(await again.cash(current)).toEqual([true]);
    // Who got no answer brings it once more.
    expect(await again.bring(keyBlock(key))).toBe('00');
    expect(await again.cash(key, current)).toEqual([true, true]);
    expect((await keysOf(folder)).filter(({ name }) => name === 'demo-zpk').at(-1)!.kcv).toBe(kcvOf(key));
    current = key;
    await next.kill();
  }
});

test('a switch that is killed while its own key is accepted brings another one after its start', async () => {
  const folder = emptyFolder();
  const program = await startProgram(folder);
  const { acquirer } = await Teller.open(program, ascii);
  expect((await acquirer.ask(management(acquirer.codec, 1, '161'))).text(39)).toBe('00');
  const keyOf = (message: Awaited<ReturnType<typeof acquirer.next>>): Buffer => {
    const text = message.text(110)!.slice(5);
    const unwrapped = unwrapKeyBlock({ family: 'tdes', key: demoKey('demo-kek') }, text);
    return 'fault' in unwrapped ? expect.fail(unwrapped.fault) : unwrapped.clear;
  };
  const brought = await acquirer.next();
  const key = keyOf(brought);
  acquirer.send(new Draft('0810').set(7, brought.text(7)!).set(11, brought.text(11)!).set(39, '00').set(70, '161'));
  await program.kill();
  const kcv = (await keysOf(folder)).filter(({ name }) => name === 'demo-zpk').at(-1)!.kcv;
  expect([kcvOf(demoKey('demo-zpk')), kcvOf(key)]).toContain(kcv);

  const next = await startProgram(folder);
  const teller = await Teller.open(next, ascii, 100);
  await teller.acquirer.ask(management(teller.acquirer.codec, 1, '161'));
  const again = await teller.acquirer.next();
  const other = keyOf(again);
  teller.acquirer.send(new Draft('0810').set(7, again.text(7)!).set(11, again.text(11)!).set(39, '00').set(70, '161'));
  await next.said('zone key renewed');
  // And of message authentication.
  await teller.acquirer.next();
  expect(await teller.cash(other)).toEqual([true]);
  await next.kill();
});
