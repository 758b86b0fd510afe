/**
 * What each usage demands of its key, as data; what no key may be; and the check value by which people compare keys.
 */
import { createHmac } from 'node:crypto';
import { AesKey, hasOddParity, TdesKey, withOddParity } from './block-cipher.ts';
import type { KeyAlgorithm, KeyUsage } from './hsm.ts';

export interface UsageRule {
  /** What such a key may be; the first one where nobody says which. */
  readonly algorithms: readonly [KeyAlgorithm, ...KeyAlgorithm[]];
  /** The vault knows its key by usage, so a key file holds one name for it. Such a key is the switch's own and never leaves it. */
  readonly oneName: boolean;
  /** A second version would give every card a second token, and no store could be searched by both. */
  readonly oneVersion: boolean;
}

function rule(...algorithms: UsageRule['algorithms']): UsageRule {
  return { algorithms, oneName: false, oneVersion: false };
}

const oneOfItsUsage = { oneName: true, oneVersion: false } as const;

export const usageRules: Readonly<Record<KeyUsage, UsageRule>> = {
  token: { algorithms: ['hmac-sha256'], oneName: true, oneVersion: true },
  pan: { algorithms: ['aes-256'], ...oneOfItsUsage },
  pin: { algorithms: ['aes-256'], ...oneOfItsUsage },
  cvk: rule('tdes-2key'),
  'imk-cvc': rule('tdes-2key'),
  cavv: rule('tdes-2key', 'hmac-sha256'),
  pvk: rule('tdes-2key'),
  zpk: rule('tdes-2key', 'tdes-3key', 'aes-128', 'aes-192', 'aes-256'),
  bdk: rule('tdes-2key', 'aes-128', 'aes-192', 'aes-256'),
  'imk-ac': rule('tdes-2key'),
  'imk-smi': rule('tdes-2key'),
  'imk-smc': rule('tdes-2key'),
  zak: rule('tdes-2key', 'tdes-3key', 'aes-128', 'aes-192', 'aes-256'),
  kek: rule('tdes-2key', 'tdes-3key', 'aes-128', 'aes-192', 'aes-256'),
};

export function isKeyUsage(text: unknown): text is KeyUsage {
  return typeof text === 'string' && Object.hasOwn(usageRules, text);
}

export const keyBytes: Readonly<Record<KeyAlgorithm, number>> = {
  'hmac-sha256': 32, 'aes-128': 16, 'aes-192': 24, 'aes-256': 32, 'tdes-2key': 16, 'tdes-3key': 24,
};

/** Bits of security (NIST SP 800-57 part 1, table 2): a key under a weaker one is no stronger than that. */
export const keyStrengthBits: Readonly<Record<KeyAlgorithm, number>> = {
  'hmac-sha256': 256, 'aes-128': 128, 'aes-192': 192, 'aes-256': 256, 'tdes-2key': 80, 'tdes-3key': 112,
};

export function isKeyAlgorithm(text: unknown): text is KeyAlgorithm {
  return typeof text === 'string' && Object.hasOwn(keyBytes, text);
}

export type KeyFamily = 'tdes' | 'aes' | 'hmac';

export function familyOf(algorithm: KeyAlgorithm): KeyFamily {
  return algorithm === 'hmac-sha256' ? 'hmac' : algorithm.startsWith('aes') ? 'aes' : 'tdes';
}

/**
 * DES keys under which enciphering twice gives the text back: the four weak ones, then the pairs of which one undoes the other
 * (NIST SP 800-67, 3.4.2).
 */
const weakDesKeys = new Set([
  '0101010101010101', 'fefefefefefefefe', 'e0e0e0e0f1f1f1f1', '1f1f1f1f0e0e0e0e',
  '011f011f010e010e', '1f011f010e010e01', '01e001e001f101f1', 'e001e001f101f101',
  '01fe01fe01fe01fe', 'fe01fe01fe01fe01', '1fe01fe00ef10ef1', 'e01fe01ff10ef10e',
  '1ffe1ffe0efe0efe', 'fe1ffe1ffe0efe0e', 'e0fee0fef1fef1fe', 'fee0fee0fef1fef1',
]);

export type KeyFault = 'length' | 'zeros' | 'parity' | 'weak' | 'repeated';

/** What makes these bytes no key of the algorithm; undefined where they can be one. */
export function faultOfKey(algorithm: KeyAlgorithm, clear: Uint8Array): KeyFault | undefined {
  if (clear.length !== keyBytes[algorithm]) return 'length';
  if (clear.every((byte) => byte === 0)) return 'zeros';
  if (familyOf(algorithm) !== 'tdes') return undefined;
  if (!hasOddParity(clear)) return 'parity';
  const parts: string[] = [];
  for (let at = 0; at < clear.length; at += 8) parts.push(Buffer.from(clear.subarray(at, at + 8)).toString('hex'));
  if (parts.some((part) => weakDesKeys.has(part))) return 'weak';
  // K1 = K2 or K2 = K3 is single DES, and three keys of which the first is the last are two.
  return new Set(parts).size === parts.length ? undefined : 'repeated';
}

/** The fault in words that follow "the key … ". */
export const keyFaultWords: Readonly<Record<KeyFault, string>> = {
  length: 'has another length than its algorithm',
  zeros: 'is nothing but zeros',
  parity: 'has bytes of even parity, which no DES key has: it was mistyped, or deciphered with the wrong key, or its sender does not adjust parity (--adjust-parity)',
  weak: 'has a weak or semi-weak DES key in it',
  repeated: 'has the same part twice, and so is no stronger than a shorter one',
};

/** Bytes that are a key of the algorithm, drawn again in the rare case that they are none. The caller wipes them. */
export function drawKey(algorithm: KeyAlgorithm, random: (bytes: number) => Uint8Array): Buffer {
  for (;;) {
    const drawn = Buffer.from(random(keyBytes[algorithm]));
    const key = familyOf(algorithm) === 'tdes' ? withOddParity(drawn) : Buffer.from(drawn);
    drawn.fill(0);
    if (faultOfKey(algorithm, key) === undefined) return key;
    key.fill(0);
  }
}

/**
 * Key check value, six hex digits. Triple DES: the leftmost bytes of a zero block encrypted; AES: of the CMAC over a zero block
 * (ANSI X9.24-1 annex A); HMAC: of the HMAC over nothing.
 */
export function keyCheckValue(family: KeyFamily, key: Uint8Array): string {
  return wholeCheckValue(family, key).slice(0, 6);
}

/** The check value of a key that is used by `algorithm`. */
export function checkValueOf(algorithm: KeyAlgorithm, key: Uint8Array): string {
  return keyCheckValue(familyOf(algorithm), key);
}

/** Whether a check value that people or partners wrote, of four hex digits or more, is this key's. */
export function hasCheckValue(algorithm: KeyAlgorithm, key: Uint8Array, written: string): boolean {
  const digits = written.replaceAll(/\s/g, '').toUpperCase();
  return /^[0-9A-F]{4,16}$/.test(digits) && wholeCheckValue(familyOf(algorithm), key).startsWith(digits);
}

function wholeCheckValue(family: KeyFamily, key: Uint8Array): string {
  const value = family === 'tdes' ? new TdesKey(key).encrypt(Buffer.alloc(8)) : family === 'aes' ? cmacOfZeros(key) : createHmac('sha256', key).digest();
  return value.toString('hex').toUpperCase();
}

/** CMAC (NIST SP 800-38B) of one whole zero block: it is masked by the first subkey alone, so the subkey is what is encrypted. */
function cmacOfZeros(key: Uint8Array): Buffer {
  const cipher = new AesKey(key);
  const zeroBlock = cipher.encrypt(Buffer.alloc(16));
  const subkey = Buffer.alloc(16);
  for (let index = 0; index < 16; index++) {
    subkey[index] = ((zeroBlock[index]! << 1) | ((zeroBlock[index + 1] ?? 0) >> 7)) & 0xff;
  }
  if (zeroBlock[0]! >= 0x80) subkey[15]! ^= 0x87;
  return cipher.encrypt(subkey);
}
