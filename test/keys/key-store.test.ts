import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasOddParity, withOddParity } from '../../src/keys/block-cipher.ts';
import type { KeyAlgorithm, KeyUsage } from '../../src/keys/hsm.ts';
import { addKey, createKeyFile, generateKey, listKeys, loadKeys, retireKey, rewrapKeyFile, rotateKey } from '../../src/keys/key-store.ts';
import { withKeyLock } from '../../src/keys/key-file.ts';
import { drawKey, keyBytes, keyCheckValue, usageRules } from '../../src/keys/key-usage.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { checkValueVectors } from '../vectors/cvv.ts';
import { published } from '../vectors/published.ts';
import { goesWithUs } from '../servers/children.ts';
import { codeOf, demoCvk, keyFile, newKeyFile } from './key-file.ts';

interface KeyDocument {
  masterKcv: string;
  keys: Record<string, unknown>[];
}

/** Writes the key file again as `change` leaves it. */
function tamper(path: string, change: (document: KeyDocument) => void): void {
  const document = JSON.parse(readFileSync(path, 'utf8')) as KeyDocument;
  change(document);
  writeFileSync(path, JSON.stringify(document));
}

test('every published check value of a triple DES and an AES key is computed', () => {
  const all = [
    ...checkValueVectors,
    ...(published('cavv_aav_kcv.json', 'kcv') as { algorithm: string; key: string; kcv: string }[]).map(({ algorithm, key, kcv }) => ({
      algorithm: algorithm === 'TDES' ? ('tdes' as const) : ('aes' as const),
      key,
      kcv,
    })),
  ];
  for (const { algorithm, key, kcv } of all) {
    const length = Math.min(6, kcv.length);
    expect(keyCheckValue(algorithm, Buffer.from(key, 'hex')).slice(0, length)).toBe(kcv.slice(0, length));
  }
});

test('what was added is loaded again, byte for byte, and its clear bytes are wiped', () => {
  const { path, master } = newKeyFile();
  const clear = Buffer.from(demoCvk, 'hex');
  const info = addKey(path, master, { name: 'cvk', usage: 'cvk' }, clear, randomBytes);
  expect(info).toEqual({ name: 'cvk', version: 1, usage: 'cvk', algorithm: 'tdes-2key', kcv: '08D7B4' });
  expect(clear.every((byte) => byte === 0)).toBe(true);
  const [loaded] = loadKeys(path, master);
  expect(loaded?.info).toEqual(info);
  expect(loaded?.key.export().toString('hex').toUpperCase()).toBe(demoCvk);
  expect(listKeys(path)).toEqual([info]);
});

test('the key file holds no clear key, and its owner alone may read it', () => {
  const { path } = keyFile();
  const content = readFileSync(path, 'utf8');
  expect(content.toUpperCase()).not.toContain(demoCvk.slice(0, 8));
  expect(content).not.toContain(Buffer.from(demoCvk, 'hex').toString('base64').slice(0, 8));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(existsSync(`${path}.new`)).toBe(false);
});

test('a key renamed, moved to another usage or version, relabelled or changed in any byte does not open', () => {
  const changes: ((key: Record<string, unknown>) => void)[] = [
    (key) => (key['name'] = 'renamed'),
    (key) => (key['version'] = 2),
    (key) => (key['kcv'] = '000000'),
    (key) => {
      key['usage'] = 'pan';
      key['algorithm'] = 'aes-256';
    },
    (key) => (key['wrapped'] = ''),
    (key) => (key['wrapped'] = String(key['wrapped']).slice(4)),
  ];
  for (let byte = 0; byte < 44; byte++) {
    changes.push((key) => {
      const wrapped = Buffer.from(String(key['wrapped']), 'base64');
      wrapped[byte]! ^= 1;
      key['wrapped'] = wrapped.toString('base64');
    });
  }
  for (const change of changes) {
    const { path, master } = newKeyFile();
    addKey(path, master, { name: 'cvk', usage: 'cvk' }, Buffer.from(demoCvk, 'hex'), randomBytes);
    tamper(path, (document) => change(document.keys[0]!));
    expect(codeOf(() => loadKeys(path, master))).toBe('key_damaged');
  }
});

test('keys that their usage does not allow are refused and leave the file as it was', () => {
  const { path, master } = keyFile();
  const before = readFileSync(path, 'utf8');
  const refused = (name: string, usage: 'token' | 'pan' | 'cvk', clear: Buffer): void => {
    expect(codeOf(() => addKey(path, master, { name, usage }, clear, randomBytes))).toBe('key_refused');
    expect(readFileSync(path, 'utf8')).toBe(before);
  };
  for (const bytes of [0, 8, 15, 17, 24, 32]) refused('cvk2', 'cvk', randomBytes(bytes));
  for (const bytes of [16, 31, 33]) refused('pan', 'pan', randomBytes(bytes));
  refused('cvk2', 'cvk', Buffer.alloc(16));
  refused('cvk', 'pan', randomBytes(32));
  refused('pan2', 'pan', randomBytes(32));
  refused('token', 'token', randomBytes(32));
  for (const name of ['', 'Cvk', 'a b', 'a|b', '-a', 'a'.repeat(65)]) refused(name, 'cvk', randomBytes(16));
});

test('a second version of a key is added beside the first', () => {
  const { path, master } = keyFile();
  expect(generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes).version).toBe(2);
  expect(loadKeys(path, master).map(({ info }) => `${info.name} ${info.version}`)).toEqual(['cvk 1', 'cvk 2', 'pan 1', 'token 1']);
});

test('under a new master key every key is the same and the old master key opens nothing', () => {
  const { path, master } = keyFile();
  const before = loadKeys(path, master).map(({ info, key }) => ({ info, hex: key.export().toString('hex') }));
  const next = MasterKey.fromBytes(randomBytes(32));
  rewrapKeyFile(path, master, next, randomBytes);
  expect(loadKeys(path, next).map(({ info, key }) => ({ info, hex: key.export().toString('hex') }))).toEqual(before);
  expect(codeOf(() => loadKeys(path, master))).toBe('master_key_wrong');
  expect(codeOf(() => rewrapKeyFile(path, master, next, randomBytes))).toBe('master_key_wrong');
  tamper(path, (document) => (document.masterKcv = master.kcv));
  expect(codeOf(() => loadKeys(path, master))).toBe('key_damaged');
});

test('a change under way keeps other changes out, and reading goes on', () => {
  const { path, master } = keyFile();
  withKeyLock(path, () => {
    expect(codeOf(() => generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes))).toBe('key_file_busy');
    expect(codeOf(() => rewrapKeyFile(path, master, master, randomBytes))).toBe('key_file_busy');
    expect(loadKeys(path, master)).toHaveLength(3);
  });
  expect(codeOf(() => generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes))).toBe('none');
});

test('what an interrupted change left beside the file is in nobody\'s way', () => {
  const { path, master } = keyFile();
  writeFileSync(`${path}.new`, 'half of a change');
  generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes);
  expect(loadKeys(path, master)).toHaveLength(4);
  expect(existsSync(`${path}.new`)).toBe(false);
});

test('a file that is missing, exists, or is no key file is named in the refusal, and never quoted', () => {
  const { path, master } = newKeyFile();
  expect(codeOf(() => createKeyFile(path, master))).toBe('key_file_exists');
  expect(codeOf(() => loadKeys(`${path}.none`, master))).toBe('key_file_missing');
  for (const content of ['', '{', 'null', '[]', '{}', '{"format":"locum-keys/3","masterKcv":"","keys":[]}', '{"format":"locum-keys/2","masterKcv":"","keys":[]}', '{"format":"locum-keys/1","masterKcv":"","keys":[null]}']) {
    writeFileSync(path, content);
    expect(codeOf(() => loadKeys(path, master))).toBe('key_file_malformed');
  }
  writeFileSync(path, '{"format":"locum-keys/9","masterKcv":"123456"}');
  expect(() => loadKeys(path, master)).toThrow(`${path} is a key file of the format locum-keys/9, which a later version wrote; this one reads locum-keys/1, locum-keys/2, locum-keys/3`);
  writeFileSync(path, 'B6FD2023E9767A54');
  expect(() => loadKeys(path, master)).toThrow(`${path} is not JSON`);
  expect(() => loadKeys(path, master)).not.toThrow(/B6FD/);
});

test('a key twice in the file, or two token keys, make it no key file', () => {
  const { path, master } = keyFile();
  tamper(path, (document) => document.keys.push(document.keys[0]!));
  expect(codeOf(() => loadKeys(path, master))).toBe('key_file_malformed');
  tamper(path, (document) => (document.keys = [{ ...document.keys[2]!, name: 'a' }, document.keys[2]!]));
  expect(codeOf(() => loadKeys(path, master))).toBe('key_file_malformed');
});

test('the master key is read from 32 bytes, hex or either base64, and all of them are the same key', () => {
  const bytes = randomBytes(32);
  const folder = goesWithUs(mkdtempSync(join(tmpdir(), 'locum-master-')));
  const fromFile = (content: string | Buffer): string => {
    const path = join(folder, 'master.key');
    writeFileSync(path, content, { mode: 0o600 });
    return MasterKey.fromFile(path).kcv;
  };
  const texts = [bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64'), bytes.toString('base64url'), ` ${bytes.toString('base64')}\n`];
  const kcv = MasterKey.fromText(texts[0]!).kcv;
  expect([...texts.map((text) => MasterKey.fromText(text).kcv), ...texts.map(fromFile), fromFile(Buffer.from(bytes))]).toEqual(Array(11).fill(kcv));
});

test('a master key file is made once, for its owner alone, and is read again', () => {
  const path = join(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-master-'))), 'master.key');
  const made = MasterKey.createFile(path, randomBytes);
  expect(MasterKey.fromFile(path).kcv).toBe(made.kcv);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(codeOf(() => MasterKey.createFile(path, randomBytes))).toBe('master_key_exists');
  expect(MasterKey.fromFile(path).kcv).toBe(made.kcv);
});

test('a master key of another length, of nothing but zeros, or of other text is refused and not quoted', () => {
  for (const text of ['', 'secret', 'ab'.repeat(31), 'ab'.repeat(33), '*'.repeat(64), 'A'.repeat(42), '00'.repeat(32), Buffer.alloc(32).toString('base64')]) {
    expect(codeOf(() => MasterKey.fromText(text))).toBe('master_key_malformed');
  }
  expect(() => MasterKey.fromText('hunter2-hunter2')).not.toThrow(/hunter2/);
  expect(codeOf(() => MasterKey.fromBytes(randomBytes(16)))).toBe('master_key_malformed');
  expect(codeOf(() => MasterKey.fromFile(join(tmpdir(), 'locum-no-such-master-key')))).toBe('master_key_missing');
});

test.runIf(process.platform !== 'win32')('a master key file that others could read is refused with its mode', () => {
  const path = join(goesWithUs(mkdtempSync(join(tmpdir(), 'locum-master-'))), 'master.key');
  writeFileSync(path, randomBytes(32));
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o610]) {
    chmodSync(path, mode);
    expect(() => MasterKey.fromFile(path)).toThrow(`can be read by others (mode ${mode.toString(8)})`);
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    expect(codeOf(() => MasterKey.fromFile(path))).toBe('none');
  }
});

describe('what no key may be', () => {
  test.for<[what: string, usage: KeyUsage, algorithm: KeyAlgorithm, hex: string, words: RegExp]>([
    ['a byte of even parity', 'zpk', 'tdes-2key', '0123456789ABCDEFFEDCBA9876543211', /even parity/],
    ['a weak half', 'zpk', 'tdes-2key', '0101010101010101FEDCBA9876543210', /weak/],
    ['a semi-weak half', 'kek', 'tdes-2key', '0123456789ABCDEF1FE01FE00EF10EF1', /weak/],
    ['two equal halves', 'pvk', 'tdes-2key', '0123456789ABCDEF0123456789ABCDEF', /same part twice/],
    ['a last third that is the first', 'zak', 'tdes-3key', '0123456789ABCDEFFEDCBA98765432100123456789ABCDEF', /same part twice/],
    ['a last third that is the second', 'zak', 'tdes-3key', '0123456789ABCDEFFEDCBA9876543210FEDCBA9876543210', /same part twice/],
    ['nothing but zeros', 'kek', 'aes-128', '00'.repeat(16), /nothing but zeros/],
    ['another length', 'kek', 'aes-256', '11'.repeat(16), /aes-256 and has 32 bytes; this one has 16/],
  ])('%s is refused', ([, usage, algorithm, hex, words]) => {
    const { path, master } = newKeyFile();
    const before = readFileSync(path, 'utf8');
    expect(() => addKey(path, master, { name: 'one', usage, algorithm }, Buffer.from(hex, 'hex'), randomBytes)).toThrow(words);
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  test('each algorithm is had by the usages that name it, and by no other', () => {
    for (const usage of Object.keys(usageRules) as KeyUsage[]) {
      for (const algorithm of Object.keys(keyBytes) as KeyAlgorithm[]) {
        const { path, master } = newKeyFile();
        const { algorithms } = usageRules[usage];
        expect(codeOf(() => generateKey(path, master, { name: 'one', usage, algorithm }, randomBytes)), `${usage} ${algorithm}`).toBe(algorithms.includes(algorithm) ? 'none' : 'key_refused');
        for (const { info, key } of loadKeys(path, master)) expect([info.algorithm, key.symmetricKeySize]).toEqual([algorithm, keyBytes[algorithm]]);
      }
    }
  });
});

test('a key of wrong parity is taken where that is meant, with odd parity and the same check value', () => {
  const { path, master } = newKeyFile();
  const info = addKey(path, master, { name: 'zpk', usage: 'zpk', adjustParity: true }, Buffer.from('0022446688AACCEEFFDDBB9977553311', 'hex'), randomBytes);
  const [loaded] = loadKeys(path, master);
  expect(loaded?.key.export().toString('hex').toUpperCase()).toBe('0123456789ABCDEFFEDCBA9876543210');
  expect(info.kcv).toBe('08D7B4');
});

test('published parity adjustment is ours', () => {
  const all = [
    { key: '1A2B3C4D5F0A1B2C4D5F6A7B8C9D0F1A', adjusted: '1A2A3D4C5E0B1A2C4C5E6B7A8C9D0E1A' },
    ...(published('cavv_aav_kcv.json', 'odd_parity_adjust') as { key: string; adjusted: string }[]),
  ];
  for (const { key, adjusted } of all) expect(withOddParity(Buffer.from(key, 'hex')).toString('hex').toUpperCase()).toBe(adjusted);
});

test('generated DES keys have odd parity, and an unlucky draw is drawn again', () => {
  const draws = [Buffer.alloc(16, 1), Buffer.from('0123456789ABCDEF0123456789ABCDEF', 'hex'), Buffer.from(demoCvk, 'hex')];
  const { path, master } = newKeyFile();
  generateKey(path, master, { name: 'zpk', usage: 'zpk' }, (bytes) => (bytes === 16 ? draws.shift()! : randomBytes(bytes)));
  expect(loadKeys(path, master)[0]?.key.export().toString('hex').toUpperCase()).toBe(demoCvk);
  for (let index = 0; index < 50; index++) expect(hasOddParity(drawKey('tdes-3key', randomBytes))).toBe(true);
});

test('a key that has not the expected check value is refused, one that has is taken', () => {
  const { path, master } = newKeyFile();
  const add = (expectedKcv: string): unknown => addKey(path, master, { name: 'cvk', usage: 'cvk', expectedKcv }, Buffer.from(demoCvk, 'hex'), randomBytes);
  for (const wrong of ['08D7B5', '08D8', '08', '', 'x', '08D7B4000000']) expect(codeOf(() => add(wrong)), wrong).toBe('key_mismatch');
  add('08d7');
  expect(listKeys(path)).toHaveLength(1);
});

describe('versions', () => {
  test('a rotated key has a next version of its kind, and the old one its time for checks, bound to it', () => {
    const { path, master } = newKeyFile();
    const first = generateKey(path, master, { name: 'zpk', usage: 'zpk', algorithm: 'aes-192' }, randomBytes);
    const second = rotateKey(path, master, { name: 'zpk', checksUntilMs: 5000 }, randomBytes);
    expect(second).toMatchObject({ version: 2, usage: 'zpk', algorithm: 'aes-192' });
    expect(loadKeys(path, master).map(({ info }) => info)).toEqual([{ ...first, checksUntilMs: 5000 }, second]);
    rotateKey(path, master, { name: 'zpk' }, randomBytes);
    expect(listKeys(path).map(({ checksUntilMs }) => checksUntilMs)).toEqual([5000, undefined, undefined]);
    tamper(path, (document) => (document.keys[0]!['checksUntilMs'] = 9_000_000));
    expect(codeOf(() => loadKeys(path, master))).toBe('key_damaged');
    tamper(path, (document) => delete document.keys[0]!['checksUntilMs']);
    expect(codeOf(() => loadKeys(path, master))).toBe('key_damaged');
  });

  test('the key that a name has already is no next version, in whatever version it is', () => {
    const { path, master } = keyFile();
    const again = (): unknown => addKey(path, master, { name: 'cvk', usage: 'cvk' }, Buffer.from(demoCvk, 'hex'), randomBytes);
    expect(again).toThrow('the key cvk is this one already, in version 1');
    generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes);
    expect(again).toThrow('in version 1');
  });

  test('a retired version is gone, and neither it nor a retired name is given to another key', () => {
    const { path, master } = keyFile();
    rotateKey(path, master, { name: 'cvk' }, randomBytes);
    expect(retireKey(path, master, { name: 'cvk', version: 1 })).toMatchObject([{ name: 'cvk', version: 1, kcv: '08D7B4' }]);
    expect(loadKeys(path, master).map(({ info }) => `${info.name} ${info.version}`)).toEqual(['cvk 2', 'pan 1', 'token 1']);
    retireKey(path, master, { name: 'cvk' });
    expect(listKeys(path)).toHaveLength(2);
    expect(codeOf(() => generateKey(path, master, { name: 'cvk', usage: 'zpk' }, randomBytes))).toBe('key_refused');
    expect(generateKey(path, master, { name: 'cvk', usage: 'cvk' }, randomBytes).version).toBe(3);
  });

  test('the version in use is not retired alone, and keys that seal are not retired', () => {
    const { path, master } = keyFile();
    rotateKey(path, master, { name: 'pan' }, randomBytes);
    expect(codeOf(() => retireKey(path, master, { name: 'cvk', version: 1 }))).toBe('key_refused');
    for (const retired of [{ name: 'pan', version: 1 }, { name: 'pan' }, { name: 'token' }]) expect(codeOf(() => retireKey(path, master, retired))).toBe('key_refused');
    expect(codeOf(() => retireKey(path, master, { name: 'none' }))).toBe('key_unknown');
    expect(codeOf(() => retireKey(path, master, { name: 'cvk', version: 7 }))).toBe('key_unknown');
    expect(listKeys(path)).toHaveLength(4);
  });
});

test('a key file of the former format is read, and the next change makes it the present one', () => {
  const { path, master } = keyFile();
  const document = JSON.parse(readFileSync(path, 'utf8')) as KeyDocument;
  writeFileSync(path, JSON.stringify({ format: 'locum-keys/1', masterKcv: document.masterKcv, keys: document.keys }));
  expect(loadKeys(path, master)).toHaveLength(3);
  rotateKey(path, master, { name: 'cvk' }, randomBytes);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ format: 'locum-keys/2', pending: [], retired: [] });
  expect(loadKeys(path, master)).toHaveLength(4);
});

describe('several processes', () => {
  test('a change that is killed gives its lock back', async () => {
    const { path, master } = keyFile();
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      const { withKeyLock } = await import(${JSON.stringify(source('key-file.ts'))});
      withKeyLock(${JSON.stringify(path)}, () => { process.stdout.write('held'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); });
    `], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(codeOf(() => rotateKey(path, master, { name: 'cvk' }, randomBytes))).toBe('key_file_busy');
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(rotateKey(path, master, { name: 'cvk' }, randomBytes).version).toBe(2);
  });

  test('changes at once lose none', async () => {
    const { path } = newKeyFile();
    const masterFile = `${path}.master`;
    rmSync(path);
    createKeyFile(path, MasterKey.createFile(masterFile, randomBytes));
    const children = ['a', 'b', 'c', 'd'].map((name) => spawn(process.execPath, ['--input-type=module', '-e', `
      const { randomBytes } = await import('node:crypto');
      const { generateKey } = await import(${JSON.stringify(source('key-store.ts'))});
      const { MasterKey } = await import(${JSON.stringify(source('master-key.ts'))});
      const master = MasterKey.fromFile(${JSON.stringify(masterFile)});
      for (let version = 1; version <= 5; version++) generateKey(${JSON.stringify(path)}, master, { name: '${name}', usage: 'zpk' }, randomBytes);
    `], { stdio: 'inherit' }));
    expect(await Promise.all(children.map(async (child) => (await once(child, 'close'))[0] as number))).toEqual([0, 0, 0, 0]);
    expect(loadKeys(path, MasterKey.fromFile(masterFile))).toHaveLength(20);
  });
});

function source(file: string): string {
  return new URL(`../../src/keys/${file}`, import.meta.url).href;
}
