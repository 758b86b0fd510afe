import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AesKey, TdesKey } from '../../src/keys/block-cipher.ts';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from '../../src/keys/hsm.ts';
import { blockKeys, unwrapKeyBlock, wrapKeyBlock } from '../../src/keys/key-block.ts';
import { writeKeyBlockHeader } from '../../src/keys/key-block-header.ts';
import type { KeyBlockHeader } from '../../src/keys/key-block-header.ts';
import { addKey, generateKey, listKeys, loadKeys, rotateKey } from '../../src/keys/key-store.ts';
import { exportKey, importKey } from '../../src/keys/key-transport.ts';
import type { CarriedKey } from '../../src/keys/key-transport.ts';
import { cmac } from '../../src/keys/mac.ts';
import { keyStrengthBits, usageRules } from '../../src/keys/key-usage.ts';
import { published } from '../vectors/published.ts';
import { codeOf, demoCvk, newKeyFile } from './key-file.ts';
import type { KeyFixture } from './key-file.ts';

const kekHex = 'FEDCBA98765432100123456789ABCDEF';
const zpkHex = '1A34383DF10DF873702A8579206BC2AB';
const zpkKcv = '545E9D';

/** Two parties that have a key-encrypting key in common. */
function twoParties(algorithm: KeyAlgorithm = 'tdes-2key', hex = kekHex): readonly [KeyFixture, KeyFixture] {
  const parties = [newKeyFile(), newKeyFile()] as const;
  for (const { path, master } of parties) addKey(path, master, { name: 'kek', usage: 'kek', algorithm }, Buffer.from(hex, 'hex'), randomBytes);
  return parties;
}

function add({ path, master }: KeyFixture, name: string, usage: KeyUsage, algorithm: KeyAlgorithm = usageRules[usage].algorithms[0]): KeyInfo {
  return generateKey(path, master, { name, usage, algorithm }, randomBytes);
}

function take({ path, master }: KeyFixture, carried: Partial<CarriedKey>, nowMs = 1000): KeyInfo {
  return importKey(path, master, { name: 'zpk', usage: 'zpk', kek: 'kek', form: 'block', text: '', ...carried }, nowMs, randomBytes);
}

function give({ path, master }: KeyFixture, name: string, kek = 'kek'): string {
  return exportKey(path, master, { name, kek }, randomBytes).text;
}

function hexOf({ path, master }: KeyFixture, name: string): string | undefined {
  return loadKeys(path, master).find(({ info }) => info.name === name)?.key.export().toString('hex').toUpperCase();
}

const pinKey: KeyBlockHeader = { version: 'B', keyUsage: 'P0', algorithm: 'T', modeOfUse: 'B', keyVersion: '00', exportability: 'E', optionalBlocks: [] };

function block(header: Partial<KeyBlockHeader> = {}, hex = zpkHex): string {
  return wrapKeyBlock({ family: 'tdes', key: Buffer.from(kekHex, 'hex') }, { ...pinKey, ...header }, Buffer.from(hex, 'hex'), randomBytes);
}

test('every usage and algorithm that may go out arrives at the other party as it was', () => {
  for (const usage of Object.keys(usageRules) as KeyUsage[]) {
    if (usageRules[usage].oneName) continue;
    for (const algorithm of usageRules[usage].algorithms) {
      const [ours, theirs] = twoParties('aes-256', 'C3'.repeat(32));
      const info = add(ours, 'one', usage, algorithm);
      expect(take(theirs, { name: 'one', usage, text: give(ours, 'one'), expectedKcv: info.kcv })).toEqual(info);
      expect(hexOf(theirs, 'one')).toBe(hexOf(ours, 'one'));
    }
  }
});

test('a block is of version B under a triple DES key, of D under an AES key, and says what the key is for', () => {
  const cases = [['tdes-2key', kekHex, 'zpk', /^B0080P0TB00N0000/], ['aes-128', '2B7E151628AED2A6ABF7158809CF4F3C', 'zak', /^D0112M3TC00N0000/]] as const;
  for (const [algorithm, hex, usage, head] of cases) {
    const [ours] = twoParties(algorithm, hex);
    add(ours, 'one', usage);
    const text = give(ours, 'one');
    expect(text).toMatch(head);
    expect(unwrapKeyBlock({ family: algorithm === 'aes-128' ? 'aes' : 'tdes', key: Buffer.from(hex, 'hex') }, text)).toMatchObject({ clear: Buffer.from(hexOf(ours, 'one') ?? '', 'hex') });
  }
});

test('a key is not wrapped under a weaker one, whatever the pair', () => {
  const keks = usageRules.kek.algorithms;
  for (const kek of keks) {
    const { path, master } = newKeyFile();
    generateKey(path, master, { name: 'kek', usage: 'kek', algorithm: kek }, randomBytes);
    for (const algorithm of usageRules.zpk.algorithms) {
      generateKey(path, master, { name: algorithm, usage: 'zpk', algorithm }, randomBytes);
      expect(codeOf(() => give({ path, master }, algorithm)), `${algorithm} under ${kek}`).toBe(keyStrengthBits[algorithm] > keyStrengthBits[kek] ? 'key_refused' : 'none');
    }
  }
});

describe('what does not go out', () => {
  test('keys of the switch itself, a key under itself, under what is no key-encrypting key, or that is not there', () => {
    const [ours] = twoParties('aes-256', 'C3'.repeat(32));
    for (const usage of ['token', 'pan', 'pin'] as const) {
      add(ours, usage, usage);
      expect(() => give(ours, usage)).toThrow(`a ${usage} key is the switch's own`);
    }
    add(ours, 'zpk', 'zpk');
    expect(() => give(ours, 'zpk', 'zpk')).toThrow('the key zpk is for zpk, not for kek');
    expect(() => give(ours, 'kek')).toThrow('not exported under itself');
    expect(codeOf(() => give(ours, 'none'))).toBe('key_unknown');
    expect(codeOf(() => give(ours, 'zpk', 'none'))).toBe('key_unknown');
  });

  test('a key whose block did not allow it, also after its place in the file was changed', () => {
    const [, theirs] = twoParties();
    take(theirs, { text: block({ exportability: 'N' }) });
    expect(() => give(theirs, 'zpk')).toThrow('does not allow its export');
    take(theirs, { name: 'free', text: block({ exportability: 'E' }) });
    expect(give(theirs, 'free')).toMatch(/^B/);
  });
});

describe('a key block is refused', () => {
  test.for<[what: string, text: string, carried: Partial<CarriedKey>, words: RegExp]>([
    ['of a key for something else', block({ keyUsage: 'C0' }), {}, /is for C0, and a zpk key is for P0/],
    ['of a key for MACs that is to be a PIN key', block({ keyUsage: 'M3', modeOfUse: 'C' }), {}, /is for M3/],
    ['of a key that may be used in another way', block({ modeOfUse: 'V' }), {}, /may be used by mode V only/],
    ['of a component of a key', block({ keyVersion: 'c1' }), {}, /is component c1 of a key, and not the key/],
    ['of a single DES key', block({}, '0123456789ABCDEF'), {}, /\(T, 8 bytes\) that no zpk key has/],
    ['of a key with a byte of even parity', block({}, '1A34383DF10DF873702A8579206BC2AA'), {}, /even parity/],
    ['of a weak key', block({}, '0101010101010101FEDCBA9876543210'), {}, /weak/],
    ['of which a digit was changed', block().replace(/.$/, (digit) => (digit === '0' ? '1' : '0')), {}, /MAC of the key block is wrong/],
    ['of which the header was changed', block({ keyUsage: 'C0', modeOfUse: 'N' }).replace('C0TN', 'P0TN'), {}, /MAC of the key block is wrong/],
    ['that is cut off', block().slice(0, -2), {}, /has not the length/],
    ['that is none', 'x', {}, /shorter than its header/],
    ['with another check value', block(), { expectedKcv: '123456' }, /check value 545E9D, and not the expected one/],
    ['under a key that is not there', block(), { kek: 'none' }, /there is no key named none/],
    ['for a key of the switch itself', block(), { name: 'pin', usage: 'pin' }, /switch's own/],
  ])('%s', ([, text, carried, words]) => {
    const [, theirs] = twoParties();
    expect(() => take(theirs, { text, ...carried })).toThrow(words);
    expect(listKeys(theirs.path)).toHaveLength(1);
  });

  test('of a stronger key than the one it is under', () => {
    const [, theirs] = twoParties('aes-128', '2B7E151628AED2A6ABF7158809CF4F3C');
    expect(() => take(theirs, { text: strongerBlock() })).toThrow('aes-256 is not wrapped under kek, which is weaker');
  });

  test('under another key-encrypting key', () => {
    const [ours] = twoParties();
    const [, theirs] = twoParties('tdes-2key', demoCvk);
    add(ours, 'zpk', 'zpk');
    expect(() => take(theirs, { text: give(ours, 'zpk') })).toThrow('MAC of the key block is wrong');
  });
});

/** An AES key of 256 bits in a block under one of 128, as our own side does not make it. */
function strongerBlock(): string {
  const protection = Buffer.from('2B7E151628AED2A6ABF7158809CF4F3C', 'hex');
  const header = writeKeyBlockHeader({ ...pinKey, version: 'D', algorithm: 'A' }, 128);
  const data = Buffer.concat([Buffer.from([1, 0]), randomBytes(46)]);
  const { encryption, mac } = blockKeys('D', protection);
  const tag = cmac(new AesKey(mac), Buffer.concat([Buffer.from(header), data]));
  return header + new AesKey(encryption).encryptChained(data, tag).toString('hex').toUpperCase() + tag.toString('hex').toUpperCase();
}

test('a key under the version of a key-encrypting key that was replaced is taken while that may be used', () => {
  const [ours, theirs] = twoParties();
  add(ours, 'zpk', 'zpk');
  const text = give(ours, 'zpk');
  rotateKey(theirs.path, theirs.master, { name: 'kek', checksUntilMs: 5000 }, randomBytes);
  expect(() => take(theirs, { text }, 5000)).toThrow('MAC of the key block is wrong');
  expect(take(theirs, { text }, 4999).version).toBe(1);
});

describe('a key enciphered in ECB', () => {
  const text = new TdesKey(Buffer.from(kekHex, 'hex')).encrypt(Buffer.from(zpkHex, 'hex')).toString('hex');

  test('is taken with its check value', () => {
    const [, theirs] = twoParties();
    expect(take(theirs, { form: 'ecb', text, expectedKcv: zpkKcv })).toMatchObject({ name: 'zpk', version: 1, kcv: zpkKcv });
    expect(hexOf(theirs, 'zpk')).toBe(zpkHex);
  });

  test.for<[what: string, carried: Partial<CarriedKey>, words: RegExp]>([
    ['without a check value', { text }, /came without its check value/],
    ['with an empty check value', { text, expectedKcv: '' }, /came without its check value/],
    ['with another check value', { text, expectedKcv: '545E9E' }, /and not the expected one/],
    ['with a check value of two digits', { text, expectedKcv: '54' }, /and not the expected one/],
    ['with a digit too few', { text: text.slice(1), expectedKcv: zpkKcv }, /32 or 48 hexadecimal digits/],
    ['of single length', { text: text.slice(16), expectedKcv: zpkKcv }, /32 or 48 hexadecimal digits/],
    ['for a usage that has no such key', { text, expectedKcv: zpkKcv, usage: 'pan' }, /a pan key is aes-256/],
  ])('is refused %s', ([, carried, words]) => {
    const [, theirs] = twoParties();
    expect(() => take(theirs, { form: 'ecb', ...carried })).toThrow(words);
    expect(listKeys(theirs.path)).toHaveLength(1);
  });

  test('is refused under an AES key', () => {
    const [, theirs] = twoParties('aes-256', 'C3'.repeat(32));
    expect(() => take(theirs, { form: 'ecb', text, expectedKcv: zpkKcv })).toThrow('is an AES key');
  });

  test('is enciphered as published', () => {
    const all = [
      { key: '1313131313131313', kek: '1313131313131313', wrapped_ecb: '2911CF5E94D33FE1' },
      ...(published('cavv_aav_kcv.json', 'key_under_kek_ecb') as { key: string; kek: string; wrapped_ecb: string }[]),
    ];
    for (const { key, kek, wrapped_ecb: wrapped } of all) {
      expect(new TdesKey(Buffer.from(kek, 'hex')).encrypt(Buffer.from(key, 'hex')).toString('hex').toUpperCase()).toBe(wrapped);
    }
  });
});
