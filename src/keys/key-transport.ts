/**
 * Keys between two parties: in and out of key blocks (ANSI X9.143, formerly TR-31) under a key-encrypting key, and in of the older form,
 * a triple DES key enciphered in ECB, which says nothing of what it is for and so is taken with its check value only.
 *
 * Refused: keys that are for something else, and components of keys; a key under a weaker one; a key-encrypting key by a name that has
 * none; keys of the vault and keys that came with the condition not to be exported.
 */
import { TdesKey } from './block-cipher.ts';
import type { KeyAlgorithm, KeyInfo, KeyUsage } from './hsm.ts';
import { unwrapKeyBlock, wrapFault, wrapKeyBlock } from './key-block.ts';
import type { ProtectionKey } from './key-block.ts';
import type { KeyBlockHeader } from './key-block-header.ts';
import { KeyError } from './key-error.ts';
import { changeKeyFile, infoOf, readKeyFile, unwrapKey } from './key-file.ts';
import type { KeyFile, WrappedKey } from './key-file.ts';
import { algorithmOf, currentKey, withKey } from './key-store.ts';
import { checkValueOf, familyOf, hasCheckValue, keyBytes, keyStrengthBits, usageRules } from './key-usage.ts';
import type { MasterKey } from './master-key.ts';
import type { RandomBytes } from './seal.ts';

export interface CarriedKey {
  readonly name: string;
  readonly usage: KeyUsage;
  /** Name of the key-encrypting key that it is under. */
  readonly kek: string;
  readonly form: 'block' | 'ecb';
  /** The key block, or the enciphered key in hexadecimal. */
  readonly text: string;
  /** Four hexadecimal digits or more; demanded of the form `ecb`. */
  readonly expectedKcv?: string | undefined;
  readonly adjustParity?: boolean | undefined;
  /** Until when (Unix ms) checks may still be made with the version that this one replaces. */
  readonly checksUntilMs?: number | undefined;
}

/** A key out of its transport; the caller wipes it. */
export interface UncoveredKey {
  readonly clear: Buffer;
  readonly algorithm: KeyAlgorithm;
  readonly noExport: boolean;
}

interface BlockRule {
  /** Key usages of a header that are this usage; the first is written. */
  readonly keyUsages: readonly [string, ...string[]];
  /** Modes of use that such a key may have; the first is written. A sender that only enciphers says so (E), and the other side deciphers. */
  readonly modes: readonly [string, ...string[]];
}

/** X9.143, tables of key usages and modes of use. */
const blockRules: Readonly<Record<Exclude<KeyUsage, 'token' | 'pan' | 'pin'>, BlockRule>> = {
  cvk: { keyUsages: ['C0'], modes: ['C', 'N', 'G', 'V'] },
  'imk-cvc': { keyUsages: ['E4'], modes: ['X', 'N'] },
  cavv: { keyUsages: ['C0', 'M7'], modes: ['C', 'N', 'G', 'V'] },
  pvk: { keyUsages: ['V2', 'V1', 'V0'], modes: ['C', 'N', 'G', 'V'] },
  zpk: { keyUsages: ['P0'], modes: ['B', 'N', 'E', 'D'] },
  bdk: { keyUsages: ['B0'], modes: ['X', 'N'] },
  'imk-ac': { keyUsages: ['E0'], modes: ['X', 'N'] },
  'imk-smc': { keyUsages: ['E1'], modes: ['X', 'N'] },
  'imk-smi': { keyUsages: ['E2'], modes: ['X', 'N'] },
  zak: { keyUsages: ['M3', 'M6', 'M0', 'M1', 'M5'], modes: ['C', 'N', 'G', 'V'] },
  kek: { keyUsages: ['K0', 'K1'], modes: ['B', 'N', 'E', 'D'] },
};

const headerAlgorithms = { tdes: 'T', aes: 'A', hmac: 'H' } as const;
/** The value of the optional block HM that stands for SHA-256. */
const sha256 = '21';

/** Adds a key that came under a key-encrypting key, or the next version of one. @throws KeyError */
export function importKey(path: string, master: MasterKey, carried: CarriedKey, nowMs: number, random: RandomBytes): KeyInfo {
  let info: KeyInfo | undefined;
  changeKeyFile(path, () => {
    const file = readKeyFile(path, master);
    const uncovered = uncover(path, master, file, carried, nowMs);
    try {
      const added = withUncovered(path, master, file, carried, uncovered, random);
      info = added.info;
      return added.file;
    } finally {
      uncovered.clear.fill(0);
    }
  });
  return info!;
}

/** The file with the key as its name's next version. */
export function withUncovered(path: string, master: MasterKey, file: KeyFile, carried: CarriedKey, { clear, algorithm, noExport }: UncoveredKey, random: RandomBytes): { readonly file: KeyFile; readonly info: KeyInfo } {
  const { name, usage, expectedKcv, adjustParity, checksUntilMs } = carried;
  return withKey(path, master, file, { name, usage, algorithm, expectedKcv, adjustParity, checksUntilMs, noExport }, clear, random);
}

/** A key block with the key: version B under a triple DES key, D under an AES key. @throws KeyError */
export function exportKey(path: string, master: MasterKey, { name, version, kek }: { readonly name: string; readonly version?: number | undefined; readonly kek: string }, random: RandomBytes): { readonly info: KeyInfo; readonly text: string } {
  const file = readKeyFile(path, master);
  const key = version === undefined ? currentKey(file.keys, name) : file.keys.find((one) => one.name === name && one.version === version);
  if (key === undefined) throw new KeyError('key_unknown', version === undefined ? `there is no key named ${name}` : `the key ${name} has no version ${version}`);
  if (key.noExport === true) throw new KeyError('key_refused', `the key ${name} came in a key block that does not allow its export`);
  const protection = kekNamed(file, kek);
  if (protection.name === key.name) throw new KeyError('key_refused', `the key ${name} is not exported under itself`);
  const clear = unwrapKey(path, master, key);
  try {
    return { info: infoOf(key), text: coverAsBlock(path, master, protection, key, clear, random) };
  } finally {
    clear.fill(0);
  }
}

/** The key block of a clear key, which the caller wipes. @throws KeyError */
export function coverAsBlock(path: string, master: MasterKey, kek: WrappedKey, { usage, algorithm }: Pick<KeyInfo, 'usage' | 'algorithm'>, clear: Uint8Array, random: RandomBytes): string {
  refuseWeaker(kek, algorithm);
  const header = headerOf(usage, algorithm, familyOf(kek.algorithm) === 'aes' ? 'D' : 'B');
  return withProtection(path, master, kek, (protection) => {
    const fault = wrapFault(protection, header, clear);
    if (fault !== undefined) throw new KeyError('key_refused', fault);
    return wrapKeyBlock(protection, header, clear, random);
  });
}

/** A triple DES key enciphered in ECB, upper-case hexadecimal. @throws KeyError */
export function coverAsEcb(path: string, master: MasterKey, kek: WrappedKey, { algorithm }: Pick<KeyInfo, 'algorithm'>, clear: Uint8Array): string {
  refuseWeaker(kek, algorithm);
  if (familyOf(algorithm) !== 'tdes') throw new KeyError('key_refused', 'only triple DES keys are enciphered in ECB; others travel in key blocks');
  return withProtection(path, master, kek, (protection) => tdesOf(kek, protection).encrypt(clear).toString('hex').toUpperCase());
}

/** The key-encrypting key of a name in use. @throws KeyError */
export function kekNamed(file: KeyFile, name: string): WrappedKey {
  const kek = currentKey(file.keys, name);
  if (kek === undefined) throw new KeyError('key_unknown', `there is no key named ${name}`);
  refuseOther(kek);
  return kek;
}

/**
 * The key that came, where it is one of its usage. It is tried under the key-encrypting key's current version, then under those that were
 * replaced and may still be used. @throws KeyError
 */
export function uncover(path: string, master: MasterKey, file: KeyFile, carried: CarriedKey, nowMs: number): UncoveredKey {
  const current = kekNamed(file, carried.kek);
  const replaced = file.keys.filter(({ name, version, checksUntilMs }) => name === current.name && version !== current.version && (checksUntilMs ?? 0) > nowMs);
  let first: unknown;
  for (const kek of [current, ...replaced.reverse()]) {
    try {
      return carried.form === 'block' ? fromBlock(path, master, kek, carried) : fromEcb(path, master, kek, carried);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function fromBlock(path: string, master: MasterKey, kek: WrappedKey, { usage, text }: CarriedKey): UncoveredKey {
  const unwrapped = withProtection(path, master, kek, (protection) => unwrapKeyBlock(protection, text));
  if ('fault' in unwrapped) throw new KeyError('key_refused', unwrapped.fault);
  const { header, clear } = unwrapped;
  try {
    refuseHeader(header, usage);
    const algorithm = usageRules[usage].algorithms.find((one) => headerAlgorithms[familyOf(one)] === header.algorithm && keyBytes[one] === clear.length);
    if (algorithm === undefined) throw new KeyError('key_refused', `the key in the key block has an algorithm or a length (${header.algorithm}, ${clear.length} bytes) that no ${usage} key has`);
    refuseWeaker(kek, algorithm);
    return { clear, algorithm, noExport: header.exportability === 'N' };
  } catch (error) {
    clear.fill(0);
    throw error;
  }
}

function refuseHeader({ keyUsage, modeOfUse, keyVersion, optionalBlocks }: KeyBlockHeader, usage: KeyUsage): void {
  const rule = ruleOf(usage);
  // X9.143, table of key versions: c and a digit is a part of a key, which is no key by itself and is one custodian's.
  if (keyVersion.startsWith('c')) throw new KeyError('key_refused', `what is in the key block is component ${keyVersion} of a key, and not the key: custodians enter components (locum key component)`);
  if (!rule.keyUsages.includes(keyUsage)) throw new KeyError('key_wrong_usage', `the key in the key block is for ${keyUsage}, and a ${usage} key is for ${rule.keyUsages.join(' or ')}`);
  if (!rule.modes.includes(modeOfUse)) throw new KeyError('key_wrong_usage', `the key in the key block may be used by mode ${modeOfUse} only, and a ${usage} key is used by ${rule.modes.join(' or ')}`);
  const hash = optionalBlocks.find(({ id }) => id === 'HM');
  if (hash !== undefined && hash.data !== sha256) throw new KeyError('key_wrong_usage', 'the key in the key block is for another hash than SHA-256');
}

function fromEcb(path: string, master: MasterKey, kek: WrappedKey, { name, usage, text, expectedKcv, adjustParity }: CarriedKey): UncoveredKey {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{48})$/.test(digits)) throw new KeyError('key_refused', 'an enciphered key has 32 or 48 hexadecimal digits');
  if (expectedKcv === undefined || expectedKcv === '') throw new KeyError('key_refused', `the enciphered key ${name} came without its check value, which alone says whether it is the right one`);
  const algorithm = algorithmOf({ usage, algorithm: digits.length === 32 ? 'tdes-2key' : 'tdes-3key' });
  refuseWeaker(kek, algorithm);
  const clear = withProtection(path, master, kek, (protection) => tdesOf(kek, protection).decrypt(Buffer.from(digits, 'hex')));
  // Parity has no part in a triple DES check value, so this holds whether it is adjusted or not.
  if (hasCheckValue(algorithm, clear, expectedKcv)) return { clear, algorithm, noExport: false };
  const kcv = checkValueOf(algorithm, clear);
  clear.fill(0);
  throw new KeyError('key_mismatch', `the key ${name} has the check value ${kcv}, and not the expected one${adjustParity === true ? ', whatever its parity' : ''}`);
}

function tdesOf({ name, algorithm }: WrappedKey, { key }: ProtectionKey): TdesKey {
  if (familyOf(algorithm) !== 'tdes') throw new KeyError('key_refused', `${name} is an AES key, and the form is of triple DES; under an AES key, keys travel in key blocks`);
  return new TdesKey(key);
}

function headerOf(usage: KeyUsage, algorithm: KeyAlgorithm, version: 'B' | 'D'): KeyBlockHeader {
  const rule = ruleOf(usage);
  const family = familyOf(algorithm);
  const [written] = rule.keyUsages;
  const keyUsage = family === 'hmac' ? 'M7' : usage === 'zak' && family === 'aes' ? 'M6' : written;
  const optionalBlocks = family === 'hmac' ? [{ id: 'HM', data: sha256 }] : [];
  return { version, keyUsage, algorithm: headerAlgorithms[family], modeOfUse: rule.modes[0], keyVersion: '00', exportability: 'N', optionalBlocks };
}

function ruleOf(usage: KeyUsage): BlockRule {
  if (usage === 'token' || usage === 'pan' || usage === 'pin') throw new KeyError('key_refused', `a ${usage} key is the switch's own: it neither comes from nor goes to anybody`);
  return blockRules[usage];
}

function refuseOther(kek: KeyInfo): void {
  if (kek.usage !== 'kek') throw new KeyError('key_wrong_usage', `the key ${kek.name} is for ${kek.usage}, not for kek`);
}

function refuseWeaker(kek: KeyInfo, algorithm: KeyAlgorithm): void {
  if (keyStrengthBits[algorithm] > keyStrengthBits[kek.algorithm]) {
    throw new KeyError('key_refused', `a key of ${algorithm} is not wrapped under ${kek.name}, which is weaker (${kek.algorithm})`);
  }
}

function withProtection<T>(path: string, master: MasterKey, kek: WrappedKey, action: (protection: ProtectionKey) => T): T {
  const key = unwrapKey(path, master, kek);
  try {
    return action({ family: familyOf(kek.algorithm) === 'aes' ? 'aes' : 'tdes', key });
  } finally {
    key.fill(0);
  }
}
