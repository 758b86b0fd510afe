import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { KeyError } from '../../src/keys/key-error.ts';
import { generateKey, loadKeys, retireKey, rotateKey } from '../../src/keys/key-store.ts';
import { KeyWatch } from '../../src/keys/key-watch.ts';
import { keyFile } from './key-file.ts';
import type { KeyFixture } from './key-file.ts';

interface Watched extends KeyFixture {
  readonly watch: KeyWatch;
  /** What was told, in order: names and versions, or a refusal's code. */
  readonly told: (readonly string[] | string)[];
  /** The timer runs. */
  readonly tick: () => void;
  readonly stopped: () => boolean;
  refuse: boolean;
}

function watched(): Watched {
  const fixture = keyFile();
  const told: Watched['told'] = [];
  let look: (() => void) | undefined;
  const made = { ...fixture, told, tick: () => look?.(), stopped: () => look === undefined, refuse: false };
  const { watch } = KeyWatch.open({
    path: fixture.path,
    load: () => loadKeys(fixture.path, fixture.master),
    changed: (keys) => {
      if (made.refuse) throw new KeyError('key_refused', 'there is no key of usage token');
      told.push(keys.map(({ info }) => `${info.name}/${info.version}`));
    },
    failed: (error) => told.push(error.code),
    every: (work) => {
      look = work;
      return () => {
        look = undefined;
      };
    },
  });
  onTestFinished(() => watch.close());
  return Object.assign(made, { watch });
}

test('the keys that are there at first are handed over at once, and again only when the file is another', () => {
  const { path, master } = keyFile();
  const { watch, keys } = KeyWatch.open({ path, load: () => loadKeys(path, master), changed: () => expect.unreachable(), failed: () => expect.unreachable(), every: () => () => undefined });
  expect(keys).toHaveLength(3);
  watch.look();
});

test('a key that is added, rotated or retired is handed over at the next look', () => {
  const { path, master, told, tick } = watched();
  generateKey(path, master, { name: 'zpk', usage: 'zpk' }, randomBytes);
  tick();
  tick();
  rotateKey(path, master, { name: 'zpk' }, randomBytes);
  tick();
  retireKey(path, master, { name: 'zpk', version: 1 });
  tick();
  expect(told).toEqual([['cvk/1', 'pan/1', 'token/1', 'zpk/1'], ['cvk/1', 'pan/1', 'token/1', 'zpk/1', 'zpk/2'], ['cvk/1', 'pan/1', 'token/1', 'zpk/2']]);
});

test('a file that is broken is told of once, and what is well again is taken', () => {
  const { path, told, tick } = watched();
  renameSync(path, `${path}.good`);
  tick();
  tick();
  writeFileSync(path, '{');
  tick();
  tick();
  rmSync(path);
  renameSync(`${path}.good`, path);
  tick();
  tick();
  expect(told).toEqual(['key_file_missing', 'key_file_malformed', ['cvk/1', 'pan/1', 'token/1']]);
});

test('keys that are refused are offered again until they are taken', () => {
  const fixture = watched();
  const { path, master, told, tick } = fixture;
  fixture.refuse = true;
  rotateKey(path, master, { name: 'cvk' }, randomBytes);
  tick();
  tick();
  fixture.refuse = false;
  tick();
  tick();
  expect(told).toEqual(['key_refused', ['cvk/1', 'cvk/2', 'pan/1', 'token/1']]);
});

test('a watch that is closed looks no more', () => {
  const { watch, stopped } = watched();
  expect(stopped()).toBe(false);
  watch.close();
  expect(stopped()).toBe(true);
});
