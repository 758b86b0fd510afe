import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasOddParity } from '../../src/keys/block-cipher.ts';
import { cancelPending, drawComponents, enterComponent, listPending } from '../../src/keys/key-components.ts';
import type { ComponentEntry, ComponentResult } from '../../src/keys/key-components.ts';
import { generateKey, listKeys, loadKeys, rewrapKeyFile } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { codeOf, newKeyFile } from './key-file.ts';
import type { KeyFixture } from './key-file.ts';

/** A published key, and two components of odd parity that it is made of when its parity is adjusted. */
const kek = 'FEDCBA98765432100123456789ABCDEF';
const kekKcv = '7B8358';
const ofAlice = 'E6F1081FEA4C402CC192B65DE367EC3E';
const ofBob = '192CB3869D19733DC1B0F23B6BCD20D0';

const first = { name: 'kek', usage: 'kek', of: 2, custodian: 'alice' } as const;

function enter({ path, master }: KeyFixture, entry: ComponentEntry, hex: string): ComponentResult {
  return enterComponent(path, master, entry, Buffer.from(hex, 'hex'), 1000, randomBytes);
}

function keyOf({ path, master }: KeyFixture): string | undefined {
  return loadKeys(path, master)[0]?.key.export().toString('hex').toUpperCase();
}

test('two custodians make a key that neither had, and what they entered is gone', () => {
  const fixture = newKeyFile();
  expect(enter(fixture, { ...first, expectedKcv: kekKcv }, ofAlice)).toEqual({ componentKcv: '212CF9', entered: 1, of: 2, key: undefined });
  expect(listPending(fixture.path)).toEqual([{ name: 'kek', usage: 'kek', algorithm: 'tdes-2key', of: 2, components: [{ custodian: 'alice', kcv: '212CF9', enteredAtMs: 1000 }] }]);
  expect(listKeys(fixture.path)).toEqual([]);
  const { key } = enter(fixture, { name: 'kek', custodian: 'bob' }, ofBob);
  expect(key).toEqual({ name: 'kek', version: 1, usage: 'kek', algorithm: 'tdes-2key', kcv: kekKcv });
  expect(keyOf(fixture)).toBe(kek);
  expect(listPending(fixture.path)).toEqual([]);
});

test('no component is in the key file in clear, and what a custodian handed over is wiped', () => {
  const { path, master } = newKeyFile();
  const clear = Buffer.from(ofAlice, 'hex');
  enterComponent(path, master, first, clear, 1000, randomBytes);
  expect(clear.every((byte) => byte === 0)).toBe(true);
  const content = readFileSync(path, 'utf8');
  expect(content.toUpperCase()).not.toContain(ofAlice.slice(0, 8));
  expect(content).not.toContain(Buffer.from(ofAlice, 'hex').toString('base64').slice(0, 8));
});

test('three components of any parity are XORed, and make an AES key as well', () => {
  const fixture = newKeyFile();
  const parts = ['11'.repeat(32), `22${'00'.repeat(31)}`, 'F0'.repeat(32)];
  const entry = { name: 'zpk', usage: 'zpk', algorithm: 'aes-256', of: 3 } as const;
  for (const [index, part] of parts.entries()) enter(fixture, { ...entry, custodian: `custodian-${index}` }, part);
  expect(keyOf(fixture)).toBe(`C3${'E1'.repeat(31)}`);
});

describe('a second component is refused and not kept', () => {
  test.for<[what: string, entry: Partial<ComponentEntry>, hex: string, words: RegExp]>([
    ['of the same custodian', { custodian: 'alice' }, ofBob, /alice has entered a component of kek already/],
    ['that is the first one once more', {}, ofAlice, /entered already: two equal ones cancel out/],
    ['of nothing but zeros', {}, '00'.repeat(16), /nothing but zeros/],
    ['of another length', {}, '11'.repeat(24), /has 16 bytes \(tdes-2key\); this one has 24/],
    ['for another usage', { usage: 'zpk' }, ofBob, /this one says otherwise/],
    ['for another algorithm', { algorithm: 'aes-128' }, ofBob, /this one says otherwise/],
    ['of another number of components', { of: 3 }, ofBob, /this one says otherwise/],
    ['that expects another check value', { expectedKcv: '7B83' }, ofBob, /this one says otherwise/],
    ['that has not its own check value', { componentKcv: '123456' }, ofBob, /component of kek has the check value 5FD6C7/],
    ['that makes another key than expected', {}, '19' + ofBob.slice(2).replace('2CB3', '2CB0'), /check value [0-9A-F]{6}, and not the expected one/],
    ['by nobody', { custodian: '' }, ofBob, /a custodian is named by/],
    ['by somebody in capitals, who may be the first one', { custodian: 'Alice' }, ofBob, /a custodian is named by/],
  ])('%s', ([, entry, hex, words]) => {
    const fixture = newKeyFile();
    enter(fixture, { ...first, expectedKcv: kekKcv }, ofAlice);
    const before = readFileSync(fixture.path, 'utf8');
    expect(() => enter(fixture, { name: 'kek', custodian: 'bob', ...entry }, hex)).toThrow(words);
    expect(readFileSync(fixture.path, 'utf8')).toBe(before);
    expect(enter(fixture, { name: 'kek', custodian: 'bob' }, ofBob).key?.kcv).toBe(kekKcv);
  });
});

test('a complete key of even parity is refused, unless its components have odd parity or it is meant', () => {
  const fixture = newKeyFile();
  const [one, two] = ['10101010101010101010101010101010', 'EECCAA88664422001133557799BBDDFE'];
  enter(fixture, first, one);
  expect(() => enter(fixture, { name: 'kek', custodian: 'bob' }, two)).toThrow(/even parity/);
  expect(enter(fixture, { name: 'kek', custodian: 'bob', adjustParity: true }, two).key?.version).toBe(1);
  expect(hasOddParity(Buffer.from(keyOf(fixture) ?? '', 'hex'))).toBe(true);
});

test('the first component says what the key is to be', () => {
  const fixture = newKeyFile();
  generateKey(fixture.path, fixture.master, { name: 'zpk', usage: 'zpk' }, randomBytes);
  for (const [entry, words] of [
    [{ name: 'kek', custodian: 'alice' }, /the first one says what the key is for/],
    [{ ...first, of: 1 }, /2 to 9 components/],
    [{ ...first, of: 10 }, /2 to 9 components/],
    [{ ...first, name: 'A' }, /a key name is/],
    [{ ...first, algorithm: 'hmac-sha256' }, /a kek key is/],
    [{ ...first, name: 'zpk' }, /the key zpk is for zpk, not for kek/],
  ] as const) expect(() => enter(fixture, entry, ofAlice)).toThrow(words);
  expect(listPending(fixture.path)).toEqual([]);
});

test('a component that was moved to another key, custodian or number of components does not open', () => {
  for (const change of [{ name: 'other' }, { usage: 'zpk' }, { of: 3 }]) {
    const { path, master } = newKeyFile();
    enter({ path, master }, first, ofAlice);
    const document = JSON.parse(readFileSync(path, 'utf8')) as { pending: object[] };
    document.pending[0] = { ...document.pending[0], ...change };
    writeFileSync(path, JSON.stringify(document));
    expect(codeOf(() => enter({ path, master }, { name: 'name' in change ? change.name : 'kek', custodian: 'bob' }, ofBob))).toBe('key_damaged');
  }
});

test('what was entered can be forgotten, and begun anew', () => {
  const fixture = newKeyFile();
  enter(fixture, first, ofAlice);
  cancelPending(fixture.path, fixture.master, 'kek');
  expect(listPending(fixture.path)).toEqual([]);
  expect(codeOf(() => cancelPending(fixture.path, fixture.master, 'kek'))).toBe('key_unknown');
  expect(enter(fixture, { ...first, custodian: 'bob' }, ofAlice).entered).toBe(1);
});

test('what waits is wrapped again with everything else, and completes under the new master key', () => {
  const { path, master } = newKeyFile();
  enter({ path, master }, first, ofAlice);
  const next = MasterKey.fromBytes(randomBytes(32));
  rewrapKeyFile(path, master, next, randomBytes);
  expect(enter({ path, master: next }, { name: 'kek', custodian: 'bob' }, ofBob).key?.kcv).toBe(kekKcv);
});

test('components that are drawn make a sound key again, whatever their number', () => {
  for (const algorithm of ['tdes-2key', 'tdes-3key', 'aes-256'] as const) {
    for (const count of [2, 3, 9]) {
      const { clear, components } = drawComponents({ usage: 'kek', algorithm }, count, randomBytes);
      const fixture = newKeyFile();
      for (const [index, component] of components.entries()) {
        enterComponent(fixture.path, fixture.master, { name: 'kek', usage: 'kek', algorithm, of: count, custodian: `c${index}` }, Buffer.from(component), 1, randomBytes);
      }
      expect(keyOf(fixture)).toBe(clear.toString('hex').toUpperCase());
    }
  }
});
