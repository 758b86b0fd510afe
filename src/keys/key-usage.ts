/**
 * What each usage demands of its key, as data, and the check value by which people compare keys.
 */
import { createCipheriv, createHmac } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { KeyAlgorithm, KeyUsage } from './hsm.ts';

interface UsageRule {
  readonly algorithm: KeyAlgorithm;
  /** The vault knows its key by usage, so a key file holds one name for it. */
  readonly oneName: boolean;
  /** A second version would give every card a second token, and no store could be searched by both. */
  readonly oneVersion: boolean;
}

export const usageRules: Readonly<Record<KeyUsage, UsageRule>> = {
  token: { algorithm: 'hmac-sha256', oneName: true, oneVersion: true },
  pan: { algorithm: 'aes-256', oneName: true, oneVersion: false },
  cvk: { algorithm: 'tdes-2key', oneName: false, oneVersion: false },
};

export function isKeyUsage(text: unknown): text is KeyUsage {
  return typeof text === 'string' && Object.hasOwn(usageRules, text);
}

export const keyBytes: Readonly<Record<KeyAlgorithm, number>> = { 'hmac-sha256': 32, 'aes-256': 32, 'tdes-2key': 16 };

/** A two-key triple DES key as the three that the cipher takes: K1, K2, K1. The caller wipes it. */
export function threeKeys(twoKeys: Uint8Array): Buffer {
  assert(twoKeys.length === 16, 'a two-key triple DES key has sixteen bytes');
  return Buffer.concat([twoKeys, twoKeys.subarray(0, 8)]);
}

/**
 * Key check value, six hex digits. Triple DES: the leftmost bytes of a zero block encrypted; AES: of the CMAC over a zero block
 * (ANSI X9.24-1 annex A); HMAC: of the HMAC over nothing.
 */
export function keyCheckValue(algorithm: 'tdes' | 'aes' | 'hmac', key: Uint8Array): string {
  const value = algorithm === 'tdes' ? tdesOfZeros(key) : algorithm === 'aes' ? cmacOfZeros(key) : createHmac('sha256', key).digest();
  return value.toString('hex', 0, 3).toUpperCase();
}

const familyOf = { 'hmac-sha256': 'hmac', 'aes-256': 'aes', 'tdes-2key': 'tdes' } as const;

/** The check value of a key that is used by `algorithm`. */
export function checkValueOf(algorithm: KeyAlgorithm, key: Uint8Array): string {
  return keyCheckValue(familyOf[algorithm], key);
}

function tdesOfZeros(key: Uint8Array): Buffer {
  const three = threeKeys(key);
  const value = createCipheriv('des-ede3-ecb', three, null).setAutoPadding(false).update(Buffer.alloc(8));
  three.fill(0);
  return value;
}

/** CMAC (NIST SP 800-38B) of one whole zero block: it is masked by the first subkey alone, so the subkey is what is encrypted. */
function cmacOfZeros(key: Uint8Array): Buffer {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  const zeroBlock = cipher.update(Buffer.alloc(16));
  const subkey = Buffer.alloc(16);
  for (let index = 0; index < 16; index++) {
    subkey[index] = ((zeroBlock[index]! << 1) | ((zeroBlock[index + 1] ?? 0) >> 7)) & 0xff;
  }
  if (zeroBlock[0]! >= 0x80) subkey[15]! ^= 0x87;
  return cipher.update(subkey);
}
