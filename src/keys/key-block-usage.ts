/**
 * What the keys of key blocks are for, in this switch's usages: so that a block is taken for what its sender made the key for, and
 * for nothing else. The switch's own keys (tokens, PANs, sealed PINs) never travel and have no block.
 */
import { hasOddParity } from './block-cipher.ts';
import type { KeyAlgorithm, KeyUsage } from './hsm.ts';
import { unwrapKeyBlock } from './key-block.ts';
import type { ProtectionKey } from './key-block.ts';
import type { Fault, KeyBlockHeader, KeyBlockVersion } from './key-block-header.ts';
import { keyBytes } from './key-usage.ts';

interface BlockUsage {
  /** X9.143, table of key usages. */
  readonly keyUsage: string;
  /** Letters of the algorithms that such a key may be of. */
  readonly algorithms: string;
  /** Letters of the modes of use that such a key may have; the first one is written. */
  readonly modes: string;
}

function row(keyUsage: string, algorithms: string, modes: string): BlockUsage {
  return { keyUsage, algorithms, modes };
}

/** The first row whose algorithm fits is written. */
export const keyBlockUsages: Readonly<Partial<Record<KeyUsage, readonly BlockUsage[]>>> = {
  cvk: [row('C0', 'T', 'CGVN')],
  cavv: [row('C0', 'T', 'CGVN'), row('M7', 'H', 'CGVN')],
  pvk: [row('V2', 'T', 'CGVN'), row('V1', 'T', 'CGVN'), row('V0', 'T', 'CGVN')],
  zpk: [row('P0', 'TA', 'BEDN')],
  bdk: [row('B0', 'TA', 'XN')],
  'imk-ac': [row('E0', 'T', 'XN')],
  'imk-smc': [row('E1', 'T', 'XN')],
  'imk-smi': [row('E2', 'T', 'XN')],
  'imk-cvc': [row('E4', 'T', 'XN')],
  zak: [row('M3', 'T', 'CGVN'), row('M6', 'AT', 'CGVN')],
  kek: [row('K1', 'TA', 'BEDN'), row('K0', 'TA', 'BEDN')],
};

/** Why the block's key is not one of this usage, in a sentence. */
export function keyBlockUsageFault({ keyUsage, algorithm, modeOfUse }: KeyBlockHeader, wanted: KeyUsage): string | undefined {
  const rows = keyBlockUsages[wanted];
  if (rows === undefined) return `a key of usage ${wanted} is the switch's own and comes in no key block`;
  const named = rows.filter((candidate) => candidate.keyUsage === keyUsage);
  if (named.length === 0) return `wrong key type: the key block is of usage ${keyUsage}, and ${wanted} takes ${rows.map((candidate) => candidate.keyUsage).join(' or ')}`;
  const fitting = named.find((candidate) => candidate.algorithms.includes(algorithm));
  if (fitting === undefined) return `wrong key type: the key block is of algorithm ${algorithm}, and ${wanted} with usage ${keyUsage} takes ${named[0]!.algorithms}`;
  return fitting.modes.includes(modeOfUse) ? undefined : `wrong key type: the key block's mode of use is ${modeOfUse}, and ${wanted} takes one of ${fitting.modes}`;
}

export interface ReceivedKey {
  readonly header: KeyBlockHeader;
  readonly algorithm: KeyAlgorithm;
  /** The caller's to wipe. */
  readonly clear: Buffer;
}

/**
 * The key that a partner's block brings for a usage. Whether its bytes may be a key at all (parity, weak keys) is for whoever keeps
 * it to check, as for keys that come otherwise. A shorter HMAC key is filled up with zeros, which is the same key.
 */
export function receiveKeyBlock(protection: ProtectionKey, block: string, wanted: KeyUsage): ReceivedKey | Fault {
  const unwrapped = unwrapKeyBlock(protection, block);
  if ('fault' in unwrapped) return unwrapped;
  const { header, clear } = unwrapped;
  const algorithm = algorithmOf(header.algorithm, clear.length);
  const fault = keyBlockUsageFault(header, wanted);
  if (algorithm === undefined || fault !== undefined) {
    clear.fill(0);
    return { fault: fault ?? 'the key has a length that its algorithm does not have here' };
  }
  if (clear.length === keyBytes[algorithm]) return { header, algorithm, clear };
  const whole = Buffer.alloc(keyBytes[algorithm]);
  whole.set(clear);
  clear.fill(0);
  return { header, algorithm, clear: whole };
}

/** The header that a key of ours travels under. */
export function keyBlockHeaderOf(version: KeyBlockVersion, usage: KeyUsage, algorithm: KeyAlgorithm, exportability: 'E' | 'N' | 'S'): KeyBlockHeader | Fault {
  const letter = letterOf(algorithm);
  const fitting = keyBlockUsages[usage]?.find((candidate) => candidate.algorithms.includes(letter));
  if (fitting === undefined) return { fault: `a key of usage ${usage} and algorithm ${algorithm} goes into no key block` };
  // Of an HMAC key the hash is named: 21 is SHA-256.
  const optionalBlocks = letter === 'H' ? [{ id: 'HM', data: '21' }] : [];
  return { version, keyUsage: fitting.keyUsage, algorithm: letter, modeOfUse: fitting.modes[0]!, keyVersion: '00', exportability, optionalBlocks };
}

/** Why a key of this header's algorithm must not be kept as it came, in a sentence. */
export function parityFault(header: KeyBlockHeader, clear: Uint8Array): string | undefined {
  return header.algorithm === 'T' && !hasOddParity(clear) ? 'the key has bytes of even parity, which no DES key has' : undefined;
}

function letterOf(algorithm: KeyAlgorithm): 'T' | 'A' | 'H' {
  return algorithm === 'hmac-sha256' ? 'H' : algorithm.startsWith('aes') ? 'A' : 'T';
}

function algorithmOf(letter: string, bytes: number): KeyAlgorithm | undefined {
  if (letter === 'T') return bytes === 16 ? 'tdes-2key' : bytes === 24 ? 'tdes-3key' : undefined;
  if (letter === 'A') return bytes === 16 ? 'aes-128' : bytes === 24 ? 'aes-192' : bytes === 32 ? 'aes-256' : undefined;
  return letter === 'H' && bytes >= 16 && bytes <= 32 ? 'hmac-sha256' : undefined;
}
