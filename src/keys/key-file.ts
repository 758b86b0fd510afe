/**
 * The key file: JSON, every key wrapped under the master key.
 *
 *   { "format": "locum-keys/2", "masterKcv": "…",
 *     "keys": [ { "name", "version", "usage", "algorithm", "kcv", "checksUntilMs"?, "wrapped" } ],
 *     "pending": [ { "name", "usage", "algorithm", "of", …, "components": [ { "custodian", "kcv", "wrapped" } ] } ],
 *     "retired": [ { "name", "version", "usage", "algorithm", "kcv" } ],
 *     "authority"?: { "certificate", "wrapped" } }
 *
 * What is beside a wrapped key is the label that it is bound to: a key renamed, moved to another usage or version, or given more time
 * for checks or leave to be exported, does not open. `retired` keeps names and versions that were used up from being used again. locum-keys/1, which has
 * `keys` alone, is read as well; the next change makes it /2. A file with the key of a certificate authority is locum-keys/3, so that
 * what does not know of it refuses the file, and does not leave it out at its next change.
 *
 * A change is written beside the file, made durable, and renamed over it: the file is the old one or the new one, never half of one.
 * Changes exclude each other by a lock that ends with the process that holds it.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from './hsm.ts';
import { KeyError } from './key-error.ts';
import { checkValueOf, isKeyAlgorithm, isKeyUsage, keyBytes, usageRules } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

const format = 'locum-keys/2';
const formerFormat = 'locum-keys/1';
const authorityFormat = 'locum-keys/3';
const formats: readonly string[] = [formerFormat, format, authorityFormat];
const labelFormat = 'locum-keys/1';
export const keyNamePattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;

export interface WrappedKey extends KeyInfo {
  /** Whoever gave it to us did not allow that it is given on. */
  readonly noExport?: boolean;
  /** Base64 of nonce, ciphertext and tag. */
  readonly wrapped: string;
}

/** One custodian's part of a key that is not complete. */
export interface WrappedComponent {
  readonly custodian: string;
  readonly kcv: string;
  readonly enteredAtMs: number;
  readonly wrapped: string;
}

/** A key of which not all components are there. */
export interface PendingKey {
  readonly name: string;
  readonly usage: KeyUsage;
  readonly algorithm: KeyAlgorithm;
  /** How many components make the key. */
  readonly of: number;
  /** What the complete key's check value must begin with. */
  readonly expectedKcv?: string;
  readonly adjustParity?: boolean;
  readonly components: readonly WrappedComponent[];
}

/** The private key of the certificate authority. */
export interface WrappedAuthority {
  /** Base64 of its certificate's DER. */
  readonly certificate: string;
  /** Base64 of nonce, ciphertext (PKCS #8) and tag. */
  readonly wrapped: string;
}

export interface KeyFile {
  readonly masterKcv: string;
  readonly keys: readonly WrappedKey[];
  readonly pending: readonly PendingKey[];
  readonly retired: readonly KeyInfo[];
  readonly authority?: WrappedAuthority;
}

/** What anyone may know of a key: without what else the value holds. */
export function infoOf({ name, version, usage, algorithm, kcv, checksUntilMs }: KeyInfo): KeyInfo {
  return { name, version, usage, algorithm, kcv, ...(checksUntilMs === undefined ? {} : { checksUntilMs }) };
}

/** Wraps a clear key, which the caller wipes, for what it is to be known by. */
export function wrapKey(master: MasterKey, key: Omit<WrappedKey, 'wrapped'>, clear: Uint8Array, random: RandomBytes): WrappedKey {
  return { ...infoOf(key), ...(key.noExport === true ? { noExport: true } : {}), wrapped: master.wrap(clear, labelOf(key), random).toString('base64') };
}

/** The clear key, which the caller wipes, compared with its check value. @throws KeyError `key_damaged` */
export function unwrapKey(path: string, master: MasterKey, key: WrappedKey): Buffer {
  const clear = master.unwrap(Buffer.from(key.wrapped, 'base64'), labelOf(key));
  if (clear === undefined || clear.length !== keyBytes[key.algorithm] || checkValueOf(key.algorithm, clear) !== key.kcv) {
    clear?.fill(0);
    throw new KeyError('key_damaged', `${path}: the key ${key.name} version ${key.version} is not what was wrapped`);
  }
  return clear;
}

function labelOf({ name, version, usage, algorithm, kcv, checksUntilMs, noExport }: Omit<WrappedKey, 'wrapped'>): string {
  const restrictions = [...(checksUntilMs === undefined ? [] : [checksUntilMs]), ...(noExport === true ? ['no-export'] : [])];
  return [labelFormat, name, version, usage, algorithm, kcv, ...restrictions].join('|');
}

export function byNameAndVersion(a: KeyInfo, b: KeyInfo): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version;
}

/** Why these keys cannot be in one file, retired ones among them; undefined where they can. */
export function faultOfSet(keys: readonly KeyInfo[]): string | undefined {
  const byName = new Map<string, KeyInfo>();
  const versions = new Set<string>();
  const nameByUsage = new Map<KeyUsage, string>();
  for (const key of keys) {
    const rule = usageRules[key.usage];
    const earlier = byName.get(key.name);
    if (earlier !== undefined && earlier.usage !== key.usage) return `the key ${key.name} is for ${earlier.usage}, not for ${key.usage}`;
    if (versions.has(`${key.name}/${key.version}`)) return `the key ${key.name} has version ${key.version} twice`;
    if (earlier !== undefined && rule.oneVersion) return `the ${key.usage} key ${key.name} has a version already, and can have one only`;
    const name = nameByUsage.get(key.usage);
    if (rule.oneName && name !== undefined && name !== key.name) return `${name} is the ${key.usage} key, and there is one only`;
    byName.set(key.name, key);
    versions.add(`${key.name}/${key.version}`);
    nameByUsage.set(key.usage, key.name);
  }
  return undefined;
}

/** @throws KeyError, `master_key_wrong` where it is another master key's */
export function readKeyFile(path: string, master: MasterKey): KeyFile {
  const file = parseKeyFile(path);
  if (file.masterKcv !== master.kcv) {
    throw new KeyError('master_key_wrong', `${path} is wrapped under the master key with check value ${file.masterKcv}, and this one has ${master.kcv}`);
  }
  return file;
}

/** Needs no master key. @throws KeyError */
export function parseKeyFile(path: string): KeyFile {
  const value = parseJson(path);
  const found = isRecord(value) ? String(value['format']) : '';
  if (!formats.includes(found) && /^locum-keys\/[0-9]{1,6}$/.test(found)) {
    throw new KeyError('key_file_malformed', `${path} is a key file of the format ${found}, which a later version wrote; this one reads ${formats.join(', ')}`);
  }
  if (!isRecord(value) || !formats.includes(found) || typeof value['masterKcv'] !== 'string') throw new KeyError('key_file_malformed', `${path} is not a key file (${formats.join(', ')})`);
  const { masterKcv, authority } = value;
  const keys = listOf(path, value, 'keys', isWrappedKey, 'a wrapped key');
  const former = value['format'] === formerFormat;
  const pending = former ? [] : listOf(path, value, 'pending', isPendingKey, 'a pending key');
  const retired = former ? [] : listOf(path, value, 'retired', isKeyInfo, 'a retired key');
  const fault = faultOfSet([...keys, ...retired].sort(byNameAndVersion));
  if (fault !== undefined) throw new KeyError('key_file_malformed', `${path}: ${fault}`);
  if (value['format'] !== authorityFormat) return { masterKcv, keys, pending, retired };
  if (!isWrappedAuthority(authority)) throw new KeyError('key_file_malformed', `${path}: /authority is not the wrapped key of an authority`);
  return { masterKcv, keys, pending, retired, authority };
}

function listOf<T>(path: string, value: Record<string, unknown>, name: string, isOne: (item: unknown) => item is T, what: string): readonly T[] {
  const list = value[name];
  if (!Array.isArray(list)) throw new KeyError('key_file_malformed', `${path}: /${name} is missing, or is no list`);
  return list.map((item: unknown, index) => {
    if (!isOne(item)) throw new KeyError('key_file_malformed', `${path}: /${name}/${index} is not ${what}`);
    return item;
  });
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

function isNamedFor(value: unknown): value is Record<string, unknown> & { readonly usage: KeyUsage; readonly algorithm: KeyAlgorithm } {
  if (!isRecord(value) || !isKeyUsage(value['usage']) || !isKeyAlgorithm(value['algorithm'])) return false;
  return typeof value['name'] === 'string' && keyNamePattern.test(value['name']) && usageRules[value['usage']].algorithms.includes(value['algorithm']);
}

function isKcv(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9A-F]{6}$/.test(value);
}

function isCountOf(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

function isKeyInfo(value: unknown): value is KeyInfo {
  if (!isNamedFor(value)) return false;
  return isCountOf(value['version'], 1) && isKcv(value['kcv']) && (value['checksUntilMs'] === undefined || isCountOf(value['checksUntilMs'], 0));
}

function isWrappedKey(value: unknown): value is WrappedKey {
  return isRecord(value) && typeof value['wrapped'] === 'string' && (value['noExport'] === undefined || value['noExport'] === true) && isKeyInfo(value);
}

function isPendingKey(value: unknown): value is PendingKey {
  if (!isNamedFor(value) || !isCountOf(value['of'], 2) || !Array.isArray(value['components'])) return false;
  if (value['expectedKcv'] !== undefined && typeof value['expectedKcv'] !== 'string') return false;
  if (value['adjustParity'] !== undefined && typeof value['adjustParity'] !== 'boolean') return false;
  return value['components'].length < Number(value['of']) && value['components'].every(isWrappedComponent);
}

function isWrappedAuthority(value: unknown): value is WrappedAuthority {
  return isRecord(value) && typeof value['certificate'] === 'string' && typeof value['wrapped'] === 'string';
}

function isWrappedComponent(value: unknown): value is WrappedComponent {
  return isRecord(value) && typeof value['custodian'] === 'string' && typeof value['wrapped'] === 'string' && isKcv(value['kcv']) && isCountOf(value['enteredAtMs'], 0);
}

/** Replaces the file by what `change` returns; the file stays as it is where it throws. @throws KeyError */
export function changeKeyFile(path: string, change: () => KeyFile): void {
  withKeyLock(path, () => {
    replaceKeyFile(path, change());
  });
}

/** Within the lock alone. What an interrupted change left beside the file is nobody's. */
export function replaceKeyFile(path: string, { masterKcv, keys, pending, retired, authority }: KeyFile): void {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  try {
    const content = authority === undefined ? { format, masterKcv, keys, pending, retired } : { format: authorityFormat, masterKcv, keys, pending, retired, authority };
    writeDurably(beside, `${JSON.stringify(content, null, 2)}\n`);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new KeyError('key_file_unwritable', `${path} cannot be replaced`, error);
  }
  syncFolderOf(path);
}

function writeDurably(path: string, content: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** How long a change waits for another one to end. */
const lockWaitMs = 1000;

/**
 * Runs `action` while no other process does so for the same key file. The lock is a transaction on an empty database beside the file:
 * whatever ends the process, also a crash, gives it back.
 */
export function withKeyLock<T>(path: string, action: () => T): T {
  const lock = takeLock(`${path}.lock`);
  try {
    return action();
  } finally {
    lock.close();
  }
}

function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    lock = new DatabaseSync(path, { timeout: lockWaitMs });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    const held = error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
    throw new KeyError(held ? 'key_file_busy' : 'key_file_unwritable', held ? `another change of the key file is under way (${path})` : `${path} cannot be made`, error);
  }
}

const sqliteBusy = 5;

/** A rename is durable when its directory is; Windows has no such call. */
export function syncFolderOf(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
