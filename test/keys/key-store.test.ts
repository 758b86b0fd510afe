import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addKey, createKeyFile, generateKey, listKeys, loadKeys, rewrapKeyFile } from '../../src/keys/key-store.ts';
import { withKeyLock } from '../../src/keys/key-file.ts';
import { keyCheckValue } from '../../src/keys/key-usage.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { checkValueVectors } from '../vectors/cvv.ts';
import { published } from '../vectors/published.ts';
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
  const folder = mkdtempSync(join(tmpdir(), 'locum-master-'));
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
  const path = join(mkdtempSync(join(tmpdir(), 'locum-master-')), 'master.key');
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
  const path = join(mkdtempSync(join(tmpdir(), 'locum-master-')), 'master.key');
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
