/**
 * The key file: JSON, every key wrapped under the master key.
 *
 *   { "format": "locum-keys/1", "masterKcv": "…",
 *     "keys": [ { "name", "version", "usage", "algorithm", "kcv", "wrapped" } ] }
 *
 * What is beside a wrapped key is the label that it is bound to: a key renamed, or moved to another usage or version, does not open.
 * A change is written beside the file, made durable, and renamed over it: the file is the old one or the new one, never half of one.
 * Refused: keys of another length than their usage has, all-zero keys, second names or versions where the usage allows one.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { KeyInfo, KeyUsage } from './hsm.ts';
import { KeyError } from './key-error.ts';
import { checkValueOf, isKeyUsage, keyBytes, usageRules } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

const format = 'locum-keys/1';
const namePattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;

interface WrappedKey extends KeyInfo {
  /** Base64 of nonce, ciphertext and tag. */
  readonly wrapped: string;
}

interface KeyFile {
  readonly format: typeof format;
  readonly masterKcv: string;
  readonly keys: readonly WrappedKey[];
}

/** A key ready for use; the material stays in the crypto library, where nothing prints it. */
export interface LoadedKey {
  readonly info: KeyInfo;
  readonly key: KeyObject;
}

export interface NewKey {
  readonly name: string;
  readonly usage: KeyUsage;
}

/** Makes an empty key file under this master key; refuses one that exists. */
export function createKeyFile(path: string, master: MasterKey): void {
  changeFile(path, () => {
    if (existsSync(path)) throw new KeyError('key_file_exists', `${path} exists already`);
    return { format, masterKcv: master.kcv, keys: [] };
  });
}

/** Adds a key, or the next version of one, and wipes `clear`. Returns what it is known by; compare the check value with its sender's. */
export function addKey(path: string, master: MasterKey, { name, usage }: NewKey, clear: Uint8Array, random: RandomBytes): KeyInfo {
  const { algorithm } = usageRules[usage];
  if (!namePattern.test(name)) throw new KeyError('key_refused', 'a key name is 1 to 64 of a-z, 0-9, dot and hyphen');
  if (clear.length !== keyBytes[algorithm]) {
    throw new KeyError('key_refused', `a ${usage} key is ${algorithm} and has ${keyBytes[algorithm]} bytes; this one has ${clear.length}`);
  }
  if (clear.every((byte) => byte === 0)) throw new KeyError('key_refused', `the key ${name} is nothing but zeros`);
  const kcv = checkValueOf(algorithm, clear);
  let version = 0;
  changeFile(path, () => {
    const file = readKeyFile(path, master);
    version = Math.max(0, ...file.keys.filter((key) => key.name === name).map((key) => key.version)) + 1;
    const info = { name, version, usage, algorithm, kcv };
    const wrapped = master.wrap(clear, labelOf(info), random).toString('base64');
    const keys = [...file.keys, { ...info, wrapped }].sort(byNameAndVersion);
    const fault = faultOfSet(keys);
    if (fault !== undefined) throw new KeyError('key_refused', fault);
    return { ...file, keys };
  });
  clear.fill(0);
  return { name, version, usage, algorithm, kcv };
}

/** Adds a key that nobody has seen. */
export function generateKey(path: string, master: MasterKey, key: NewKey, random: RandomBytes): KeyInfo {
  return addKey(path, master, key, Buffer.from(random(keyBytes[usageRules[key.usage].algorithm])), random);
}

/** Wraps every key again under another master key. Until it returns, the file is as it was. */
export function rewrapKeyFile(path: string, from: MasterKey, to: MasterKey, random: RandomBytes): void {
  changeFile(path, () => {
    const keys = readKeyFile(path, from).keys.map((key) => {
      const clear = unwrapKey(path, from, key);
      const wrapped = to.wrap(clear, labelOf(key), random).toString('base64');
      clear.fill(0);
      return { ...key, wrapped };
    });
    return { format, masterKcv: to.kcv, keys };
  });
}

/** Every key of the file, each unwrapped and compared with its check value. */
export function loadKeys(path: string, master: MasterKey): readonly LoadedKey[] {
  return readKeyFile(path, master).keys.map((wrapped) => {
    const clear = unwrapKey(path, master, wrapped);
    const key = createSecretKey(clear);
    clear.fill(0);
    const { name, version, usage, algorithm, kcv } = wrapped;
    return { info: { name, version, usage, algorithm, kcv }, key };
  });
}

/** What the file holds, without the master key: names, versions, usages, check values. */
export function listKeys(path: string): readonly KeyInfo[] {
  return parseKeyFile(path).keys.map(({ name, version, usage, algorithm, kcv }) => ({ name, version, usage, algorithm, kcv }));
}

function labelOf(key: KeyInfo): string {
  return [format, key.name, key.version, key.usage, key.algorithm, key.kcv].join('|');
}

function unwrapKey(path: string, master: MasterKey, key: WrappedKey): Buffer {
  const clear = master.unwrap(Buffer.from(key.wrapped, 'base64'), labelOf(key));
  if (clear === undefined || clear.length !== keyBytes[key.algorithm] || checkValueOf(key.algorithm, clear) !== key.kcv) {
    clear?.fill(0);
    throw new KeyError('key_damaged', `${path}: the key ${key.name} version ${key.version} is not what was wrapped`);
  }
  return clear;
}

function byNameAndVersion(a: KeyInfo, b: KeyInfo): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version;
}

/** Why these keys cannot be in one file; undefined where they can. */
function faultOfSet(keys: readonly KeyInfo[]): string | undefined {
  const byName = new Map<string, KeyInfo>();
  const nameByUsage = new Map<KeyUsage, string>();
  for (const key of keys) {
    const rule = usageRules[key.usage];
    const earlier = byName.get(key.name);
    if (earlier !== undefined && earlier.usage !== key.usage) return `the key ${key.name} is for ${earlier.usage}, not for ${key.usage}`;
    if (earlier !== undefined && earlier.version === key.version) return `the key ${key.name} has version ${key.version} twice`;
    if (earlier !== undefined && rule.oneVersion) return `the ${key.usage} key ${key.name} has a version already, and can have one only`;
    const name = nameByUsage.get(key.usage);
    if (rule.oneName && name !== undefined && name !== key.name) return `${name} is the ${key.usage} key, and there is one only`;
    byName.set(key.name, key);
    nameByUsage.set(key.usage, key.name);
  }
  return undefined;
}

function readKeyFile(path: string, master: MasterKey): KeyFile {
  const file = parseKeyFile(path);
  if (file.masterKcv !== master.kcv) {
    throw new KeyError('master_key_wrong', `${path} is wrapped under the master key with check value ${file.masterKcv}, and this one has ${master.kcv}`);
  }
  return file;
}

function parseKeyFile(path: string): KeyFile {
  const value = parseJson(path);
  if (!isRecord(value) || value['format'] !== format || typeof value['masterKcv'] !== 'string' || !Array.isArray(value['keys'])) {
    throw new KeyError('key_file_malformed', `${path} is not a key file (${format})`);
  }
  const keys = value['keys'].map((key: unknown, index) => {
    if (!isWrappedKey(key)) throw new KeyError('key_file_malformed', `${path}: /keys/${index} is not a wrapped key`);
    return key;
  });
  const fault = faultOfSet(keys);
  if (fault !== undefined) throw new KeyError('key_file_malformed', `${path}: ${fault}`);
  return { format, masterKcv: value['masterKcv'], keys };
}

function parseJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KeyError('key_file_missing', `the key file ${path} cannot be read`, error);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the file.
    throw new KeyError('key_file_malformed', `${path} is not JSON`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isWrappedKey(value: unknown): value is WrappedKey {
  if (!isRecord(value) || !isKeyUsage(value['usage'])) return false;
  return (
    typeof value['name'] === 'string' &&
    namePattern.test(value['name']) &&
    Number.isSafeInteger(value['version']) &&
    Number(value['version']) >= 1 &&
    value['algorithm'] === usageRules[value['usage']].algorithm &&
    typeof value['kcv'] === 'string' &&
    /^[0-9A-F]{6}$/.test(value['kcv']) &&
    typeof value['wrapped'] === 'string'
  );
}

/** Replaces the file by what `change` returns. The file beside it is the lock as well: two changes at once would lose one of them. */
function changeFile(path: string, change: () => KeyFile): void {
  const beside = `${path}.new`;
  const file = openBeside(beside);
  try {
    writeFileSync(file, `${JSON.stringify(change(), null, 2)}\n`);
    fsyncSync(file);
    renameSync(beside, path);
  } catch (error) {
    unlinkSync(beside);
    throw error;
  } finally {
    closeSync(file);
  }
  syncDirectory(dirname(path));
}

function openBeside(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw new KeyError('key_file_busy', `${path} cannot be made: if it is there, another change is under way or was interrupted, and it may be removed`, error);
  }
}

/** A rename is durable when its directory is; Windows has no such call. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
