import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createKeyFile, generateKey, loadKeys } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { openMasterKey, underMasterKey } from '../../src/keys/master-key-place.ts';
import { rotateMasterFile, rotateMasterKey } from '../../src/keys/master-key-rotation.ts';
import { codeOf, newKeyFile } from './key-file.ts';

interface Place {
  readonly keyFile: string;
  readonly masterFile: string;
}

function newPlace(): Place {
  const { path: keyFile } = newKeyFile();
  rmSync(keyFile);
  const masterFile = `${keyFile}.master`;
  const master = MasterKey.createFile(masterFile, randomBytes);
  createKeyFile(keyFile, master);
  for (const name of ['a', 'b', 'c']) generateKey(keyFile, master, { name, usage: 'zpk' }, randomBytes);
  return { keyFile, masterFile };
}

function keysOf({ keyFile, masterFile }: Place): string[] {
  return underMasterKey(() => openMasterKey({ file: masterFile }, {}, keyFile), (master) => loadKeys(keyFile, master)).map(({ info, key }) => `${info.name} ${key.export().toString('hex')}`);
}

function source(file: string): string {
  return JSON.stringify(new URL(`../../src/keys/${file}`, import.meta.url).href);
}

/** Rotates in a process of its own, which is killed at the nth number that it draws. @returns whether it was killed before its end */
async function rotateKilled({ keyFile, masterFile }: Place, draw: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    const { randomBytes } = await import('node:crypto');
    const { rotateMasterFile } = await import(${source('master-key-rotation.ts')});
    let draws = 0;
    const random = (bytes) => {
      if (++draws === ${draw}) { process.kill(process.pid, 'SIGKILL'); for (;;); }
      return randomBytes(bytes);
    };
    rotateMasterFile(${JSON.stringify(keyFile)}, ${JSON.stringify(masterFile)}, random);
  `], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal === null) expect(code).toBe(0);
  return signal !== null;
}

test('under a new master key every key is the same, and the old one opens nothing', () => {
  const place = newPlace();
  const [before, old] = [keysOf(place), MasterKey.fromFile(place.masterFile)];
  const change = rotateMasterFile(place.keyFile, place.masterFile, randomBytes);
  expect(change).toEqual({ from: old.kcv, to: MasterKey.fromFile(place.masterFile).kcv });
  expect(change.to).not.toBe(change.from);
  expect(keysOf(place)).toEqual(before);
  expect(codeOf(() => loadKeys(place.keyFile, old))).toBe('master_key_wrong');
  expect(existsSync(`${place.masterFile}.new`)).toBe(false);
  expect(statSync(place.masterFile).mode & 0o777).toBe(0o600);
});

test('a process that is killed at any draw leaves keys that open, and the next rotation is whole', async () => {
  for (let draw = 1; ; draw++) {
    const place = newPlace();
    const before = keysOf(place);
    const killed = await rotateKilled(place, draw);
    expect(keysOf(place), `killed at draw ${draw}`).toEqual(before);
    rotateMasterFile(place.keyFile, place.masterFile, randomBytes);
    expect(keysOf(place), `rotated after draw ${draw}`).toEqual(before);
    if (!killed) {
      expect(draw).toBeGreaterThan(4);
      return;
    }
  }
});

describe('each state that a crash can leave', () => {
  /** Where a rotation is cut, from its files before and after. */
  const cuts: readonly (readonly [string, (place: Place) => void])[] = [
    ['a new master key of which half was written', ({ masterFile }) => writeFileSync(`${masterFile}.new`, 'ab', { mode: 0o600 })],
    ['a new master key that nothing is under', ({ masterFile }) => MasterKey.createFile(`${masterFile}.new`, randomBytes)],
    ['half of a new key file', (place) => {
      MasterKey.createFile(`${place.masterFile}.new`, randomBytes);
      writeFileSync(`${place.keyFile}.new`, '{ "format"');
    }],
    ['a key file under the new master key, with the old one in its place', ({ keyFile, masterFile }) => {
      copyFileSync(masterFile, `${masterFile}.old`);
      rotateMasterFile(keyFile, masterFile, randomBytes);
      renameSync(masterFile, `${masterFile}.new`);
      renameSync(`${masterFile}.old`, masterFile);
    }],
    ['a key file under the new master key, and no old one', ({ keyFile, masterFile }) => {
      rotateMasterFile(keyFile, masterFile, randomBytes);
      renameSync(masterFile, `${masterFile}.new`);
    }],
  ];

  test.for(cuts)('%s: every key opens, keys are added, and the next rotation completes it', ([, cut]) => {
    const place = newPlace();
    const before = keysOf(place);
    cut(place);
    expect(keysOf(place)).toEqual(before);
    generateKey(place.keyFile, openMasterKey({ file: place.masterFile }, {}, place.keyFile), { name: 'd', usage: 'zak' }, randomBytes);
    rotateMasterFile(place.keyFile, place.masterFile, randomBytes);
    expect(keysOf(place).slice(0, 3)).toEqual(before);
    expect(existsSync(`${place.masterFile}.new`)).toBe(false);
    expect(loadKeys(place.keyFile, MasterKey.fromFile(place.masterFile))).toHaveLength(4);
  });

  test('a new master key that is not the key file\'s does not take the old one\'s place', () => {
    const place = newPlace();
    const content = readFileSync(place.masterFile, 'utf8');
    rmSync(place.masterFile);
    MasterKey.createFile(`${place.masterFile}.new`, randomBytes);
    expect(codeOf(() => rotateMasterFile(place.keyFile, place.masterFile, randomBytes))).toBe('master_key_missing');
    writeFileSync(place.masterFile, content, { mode: 0o600 });
    expect(keysOf(place)).toHaveLength(3);
  });
});

test('rotations and changes by several processes at once lose no key', async () => {
  const place = newPlace();
  const before = keysOf(place);
  const scripts = [
    `for (let time = 0; time < 5; time++) rotateMasterFile(keyFile, masterFile, randomBytes);`,
    `for (let time = 0; time < 5; time++) rotateMasterFile(keyFile, masterFile, randomBytes);`,
    `for (let time = 0; time < 5; time++) again(() => generateKey(keyFile, openMasterKey({ file: masterFile }, {}, keyFile), { name: 'd', usage: 'zak' }, randomBytes));`,
    `for (let time = 0; time < 50; time++) again(() => loadKeys(keyFile, openMasterKey({ file: masterFile }, {}, keyFile)));`,
  ];
  const children = scripts.map((script) => spawn(process.execPath, ['--input-type=module', '-e', `
    const { randomBytes } = await import('node:crypto');
    const { generateKey, loadKeys } = await import(${source('key-store.ts')});
    const { openMasterKey } = await import(${source('master-key-place.ts')});
    const { rotateMasterFile } = await import(${source('master-key-rotation.ts')});
    const [keyFile, masterFile] = [${JSON.stringify(place.keyFile)}, ${JSON.stringify(place.masterFile)}];
    // The master key is read before the key file: several rotations may come between the two here.
    const again = (action) => { for (;;) try { return action(); } catch (error) { if (!['master_key_wrong', 'master_key_missing'].includes(error.code)) throw error; } };
    ${script}
  `], { stdio: 'inherit' }));
  expect(await Promise.all(children.map(async (child) => (await once(child, 'close'))[0] as number))).toEqual([0, 0, 0, 0]);
  const after = keysOf(place);
  expect(after).toHaveLength(8);
  expect(after.slice(0, 3)).toEqual(before);
});

describe('a master key in a variable', () => {
  const place = { variable: 'MASTER' };
  const [one, two] = ['11'.repeat(32), '22'.repeat(32)];

  function underOne(): { readonly path: string } {
    const { path } = newKeyFile();
    rmSync(path);
    createKeyFile(path, MasterKey.fromText(one));
    generateKey(path, MasterKey.fromText(one), { name: 'a', usage: 'zpk' }, randomBytes);
    return { path };
  }

  test('is the one of the two that the key file is under, before and after', () => {
    const { path } = underOne();
    const both = { MASTER: one, MASTER_NEXT: two };
    expect(loadKeys(path, openMasterKey(place, both, path))).toHaveLength(1);
    rotateMasterKey(path, MasterKey.fromText(one), MasterKey.fromText(two), randomBytes);
    expect(loadKeys(path, openMasterKey(place, both, path))).toHaveLength(1);
    expect(loadKeys(path, openMasterKey(place, { MASTER: two }, path))).toHaveLength(1);
    expect(codeOf(() => loadKeys(path, openMasterKey(place, { MASTER: one }, path)))).toBe('master_key_wrong');
    expect(codeOf(() => openMasterKey(place, {}, path))).toBe('master_key_missing');
  });

  test('is not replaced by itself', () => {
    const { path } = underOne();
    expect(codeOf(() => rotateMasterKey(path, MasterKey.fromText(one), MasterKey.fromText(one), randomBytes))).toBe('key_refused');
  });
});
