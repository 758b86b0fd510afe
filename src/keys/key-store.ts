/**
 * The life of keys in the key file: added, replaced by a next version, retired; and loaded.
 *
 * Refused: keys of another length than their algorithm has, with wrong parity, weak or all-zero ones; second names or versions where
 * the usage allows one; a check value other than expected; the version that is there already once more.
 * Whoever hands over clear bytes gets them wiped, also where they are refused.
 */
import { existsSync } from 'node:fs';
import { createSecretKey, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { rewrappedAuthority } from './authority-key.ts';
import { hasOddParity, withOddParity } from './block-cipher.ts';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from './hsm.ts';
import { KeyError } from './key-error.ts';
import { byNameAndVersion, changeKeyFile, faultOfSet, infoOf, keyNamePattern, parseKeyFile, readKeyFile, unwrapKey, wrapKey } from './key-file.ts';
import type { KeyFile, PendingKey, WrappedKey } from './key-file.ts';
import { checkValueOf, drawKey, familyOf, faultOfKey, hasCheckValue, keyBytes, keyFaultWords, usageRules } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

/** A key ready for use; the material stays in the crypto library, where nothing prints it. */
export interface LoadedKey {
  readonly info: KeyInfo;
  readonly key: KeyObject;
}

export interface NewKey {
  readonly name: string;
  readonly usage: KeyUsage;
  /** The first of the usage's where it is not given. */
  readonly algorithm?: KeyAlgorithm | undefined;
  /** DES keys with bytes of even parity are taken, with their parity adjusted; otherwise refused. */
  readonly adjustParity?: boolean | undefined;
  /** Four hex digits or more, with which the key's check value must begin. */
  readonly expectedKcv?: string | undefined;
  /** Until when (Unix ms) checks may still be made with the version that this one replaces; not any more where it is not given. */
  readonly checksUntilMs?: number | undefined;
  /** It is never exported. */
  readonly noExport?: boolean | undefined;
}

/** Makes an empty key file under this master key; refuses one that exists. */
export function createKeyFile(path: string, master: MasterKey): void {
  changeKeyFile(path, () => {
    if (existsSync(path)) throw new KeyError('key_file_exists', `${path} exists already`);
    return { masterKcv: master.kcv, keys: [], pending: [], retired: [] };
  });
}

/** Adds a key, or the next version of one, and wipes `clear`. Returns what it is known by; compare the check value with its sender's. */
export function addKey(path: string, master: MasterKey, key: NewKey, clear: Uint8Array, random: RandomBytes): KeyInfo {
  try {
    let info: KeyInfo | undefined;
    changeKeyFile(path, () => {
      const added = withKey(path, master, readKeyFile(path, master), key, clear, random);
      info = added.info;
      return added.file;
    });
    return info!;
  } finally {
    clear.fill(0);
  }
}

/** Adds a key that nobody has seen. */
export function generateKey(path: string, master: MasterKey, key: NewKey, random: RandomBytes): KeyInfo {
  return addKey(path, master, key, drawKey(algorithmOf(key), random), random);
}

/** The next version of a key that is there, of the same algorithm, which nobody has seen. */
export function rotateKey(path: string, master: MasterKey, { name, checksUntilMs }: Pick<NewKey, 'name' | 'checksUntilMs'>, random: RandomBytes): KeyInfo {
  const current = currentKey(listKeys(path), name);
  if (current === undefined) throw new KeyError('key_unknown', `there is no key named ${name}`);
  return generateKey(path, master, { name, usage: current.usage, algorithm: current.algorithm, checksUntilMs }, random);
}

/**
 * Destroys one version of a key, or without a version all of them. Names and versions that were used up stay taken.
 * Refused: the current version alone, which would make an older one current again; the vault's keys, without which cards and PANs are
 * lost. @returns what was destroyed
 */
export function retireKey(path: string, master: MasterKey, { name, version }: { readonly name: string; readonly version?: number | undefined }): readonly KeyInfo[] {
  let gone: readonly KeyInfo[] = [];
  changeKeyFile(path, () => {
    const file = readKeyFile(path, master);
    const current = currentKey(file.keys, name);
    if (current === undefined) throw new KeyError('key_unknown', `there is no key named ${name}`);
    if (usageRules[current.usage].oneName) throw new KeyError('key_refused', `the key ${name} is for ${current.usage}: what is sealed with it would be lost`);
    if (version === current.version) throw new KeyError('key_refused', `version ${version} of ${name} is the one in use; rotate it first, or retire the whole key`);
    const goes = (key: KeyInfo): boolean => key.name === name && (version === undefined || key.version === version);
    gone = file.keys.filter(goes).map(infoOf);
    if (gone.length === 0) throw new KeyError('key_unknown', `the key ${name} has no version ${version}`);
    return { ...file, keys: file.keys.filter((key) => !goes(key)), retired: [...file.retired, ...gone].sort(byNameAndVersion) };
  });
  return gone;
}

/** Every key of the file, each unwrapped and compared with its check value. */
export function loadKeys(path: string, master: MasterKey): readonly LoadedKey[] {
  return readKeyFile(path, master).keys.map((wrapped) => {
    const clear = unwrapKey(path, master, wrapped);
    const key = createSecretKey(clear);
    clear.fill(0);
    return { info: infoOf(wrapped), key };
  });
}

/** What the file holds, without the master key: names, versions, usages, check values. */
export function listKeys(path: string): readonly KeyInfo[] {
  return parseKeyFile(path).keys.map(infoOf);
}

/** The version of a name that is used; undefined where there is none. */
export function currentKey<T extends KeyInfo>(keys: readonly T[], name: string): T | undefined {
  let current: T | undefined;
  for (const key of keys) if (key.name === name && key.version > (current?.version ?? 0)) current = key;
  return current;
}

/** Versions that were retired are not given again. */
export function nextVersion({ keys, retired }: KeyFile, name: string): number {
  return Math.max(0, ...[...keys, ...retired].filter((key) => key.name === name).map(({ version }) => version)) + 1;
}

/** What the key is, or is by default. @throws KeyError where its usage does not allow it */
export function algorithmOf({ usage, algorithm }: Pick<NewKey, 'usage' | 'algorithm'>): KeyAlgorithm {
  const { algorithms } = usageRules[usage];
  if (algorithm !== undefined && !algorithms.includes(algorithm)) throw new KeyError('key_refused', `a ${usage} key is ${algorithms.join(' or ')}, not ${algorithm}`);
  return algorithm ?? algorithms[0];
}

/** @throws KeyError */
export function refuseName(name: string): void {
  if (!keyNamePattern.test(name)) throw new KeyError('key_refused', 'a key name is 1 to 64 of a-z, 0-9, dot and hyphen');
}

/** The file with the key as its name's next version. `clear` stays the caller's, to be wiped. @throws KeyError */
export function withKey(path: string, master: MasterKey, file: KeyFile, key: NewKey, clear: Uint8Array, random: RandomBytes): { readonly file: KeyFile; readonly info: KeyInfo } {
  const algorithm = algorithmOf(key);
  refuseName(key.name);
  const material = materialOf(key, algorithm, clear);
  try {
    refuseAgain(path, master, file, key.name, material);
    const replaced = currentKey(file.keys, key.name);
    const version = nextVersion(file, key.name);
    const info = { name: key.name, version, usage: key.usage, algorithm, kcv: checkValueOf(algorithm, material) };
    const others = file.keys.map((one) => (one === replaced ? withChecksUntil(path, master, one, key.checksUntilMs, random) : one));
    const keys = [...others, wrapKey(master, key.noExport === true ? { ...info, noExport: true } : info, material, random)].sort(byNameAndVersion);
    const fault = faultOfSet([...file.retired, ...keys].sort(byNameAndVersion));
    if (fault !== undefined) throw new KeyError('key_refused', fault);
    return { file: { ...file, keys }, info };
  } finally {
    material.fill(0);
  }
}

/** The bytes to be kept, in a buffer of their own. */
function materialOf({ name, usage, adjustParity, expectedKcv }: NewKey, algorithm: KeyAlgorithm, clear: Uint8Array): Buffer {
  if (clear.length !== keyBytes[algorithm]) {
    throw new KeyError('key_refused', `a ${usage} key is ${algorithm} and has ${keyBytes[algorithm]} bytes; this one has ${clear.length}`);
  }
  const material = adjustParity === true && familyOf(algorithm) === 'tdes' && !hasOddParity(clear) ? withOddParity(clear) : Buffer.from(clear);
  const fault = clear.every((byte) => byte === 0) ? 'zeros' : faultOfKey(algorithm, material);
  const kcv = checkValueOf(algorithm, material);
  // Before parity: where the check value is known, its difference says more.
  if (expectedKcv !== undefined && !hasCheckValue(algorithm, material, expectedKcv)) {
    material.fill(0);
    throw new KeyError('key_mismatch', `the key ${name} has the check value ${kcv}, and not the expected one`);
  }
  if (fault !== undefined) {
    material.fill(0);
    throw new KeyError('key_refused', `the key ${name} ${keyFaultWords[fault]}`);
  }
  return material;
}

function refuseAgain(path: string, master: MasterKey, file: KeyFile, name: string, material: Buffer): void {
  for (const key of file.keys) {
    if (key.name !== name || keyBytes[key.algorithm] !== material.length) continue;
    const there = unwrapKey(path, master, key);
    const same = timingSafeEqual(there, material);
    there.fill(0);
    if (same) throw new KeyError('key_refused', `the key ${name} is this one already, in version ${key.version}`);
  }
}

function withChecksUntil(path: string, master: MasterKey, key: WrappedKey, checksUntilMs: number | undefined, random: RandomBytes): WrappedKey {
  if (key.checksUntilMs === checksUntilMs) return key;
  const clear = unwrapKey(path, master, key);
  const wrapped = wrapKey(master, { ...key, checksUntilMs }, clear, random);
  clear.fill(0);
  return wrapped;
}

/** Wraps every key and component again under another master key. Until it returns, the file is as it was. */
export function rewrapKeyFile(path: string, from: MasterKey, to: MasterKey, random: RandomBytes): void {
  changeKeyFile(path, () => rewrapped(path, readKeyFile(path, from), from, to, random));
}

/** The same keys, components and authority's key under another master key. @throws KeyError where one does not open */
export function rewrapped(path: string, file: KeyFile, from: MasterKey, to: MasterKey, random: RandomBytes): KeyFile {
  const keys = file.keys.map((key) => {
    const clear = unwrapKey(path, from, key);
    const wrapped = wrapKey(to, key, clear, random);
    clear.fill(0);
    return wrapped;
  });
  const pending = file.pending.map((each) => rewrappedPending(path, each, from, to, random));
  const authority = file.authority === undefined ? {} : { authority: rewrappedAuthority(path, file.authority, from, to, random) };
  return { ...file, masterKcv: to.kcv, keys, pending, ...authority };
}

function rewrappedPending(path: string, pending: PendingKey, from: MasterKey, to: MasterKey, random: RandomBytes): PendingKey {
  const components = pending.components.map((component) => {
    const label = componentLabel(pending, component.custodian);
    const clear = from.unwrap(Buffer.from(component.wrapped, 'base64'), label);
    if (clear === undefined) throw new KeyError('key_damaged', `${path}: a component of the key ${pending.name} is not what was wrapped`);
    const wrapped = to.wrap(clear, label, random).toString('base64');
    clear.fill(0);
    return { ...component, wrapped };
  });
  return { ...pending, components };
}

/** What a component is bound to: its key and its custodian. */
export function componentLabel({ name, usage, algorithm, of }: PendingKey, custodian: string): string {
  return ['locum-component/1', name, usage, algorithm, of, custodian].join('|');
}
