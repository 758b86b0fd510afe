/**
 * Key blocks (ANSI X9.143, formerly TR-31): a key under a key protection key, with what it is for. Versions A, B, C and D are read,
 * B and D written.
 *
 *   A, C   header | encrypted(IV: the header's first 8 characters) | 4 bytes of CBC-MAC over both,          under variants of the key
 *   B, D   header | encrypted(IV: the MAC) | CMAC, one cipher block, over header and clear key data,        under keys derived from it
 *          clear key data: the key's length in bits (2 bytes), the key, random bytes to a whole block
 *
 * Invariants: nothing of a block is believed before its MAC was found right, but that it has the form of one; a fault is a sentence
 * that says nothing of a key; buffers that held one are wiped, and the clear key handed out is the caller's to wipe.
 */
import { timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { AesKey, TdesKey } from './block-cipher.ts';
import { blockCharactersMax, readKeyBlockHeader, writeKeyBlockHeader } from './key-block-header.ts';
import type { Fault, KeyBlockHeader, KeyBlockVersion } from './key-block-header.ts';
import { cbcMac, cmac } from './mac.ts';

/** The key that protects key blocks. Its bytes are the caller's to wipe. */
export interface ProtectionKey {
  readonly family: 'tdes' | 'aes';
  readonly key: Uint8Array;
}

export interface UnwrappedKey {
  readonly header: KeyBlockHeader;
  readonly clear: Buffer;
}

/** The two keys that a protection key stands for, the caller's to wipe. */
export interface BlockKeys {
  readonly encryption: Buffer;
  readonly mac: Buffer;
}

export function unwrapKeyBlock(protection: ProtectionKey, block: string): UnwrappedKey | Fault {
  if (block.length > blockCharactersMax) return { fault: 'the key block is longer than any can be' };
  const read = readKeyBlockHeader(block);
  if ('fault' in read) return read;
  const { header, headerCharacters } = read;
  const { blockBytes, macBytes } = shapes[header.version];
  if (read.blockCharacters !== block.length) return { fault: 'the key block has not the length that its header says' };
  if (block.length % blockBytes !== 0) return { fault: `the length of the key block is not a multiple of ${blockBytes}` };
  const fault = protectionFault(protection, header.version);
  if (fault !== undefined) return { fault };
  const body = block.slice(headerCharacters);
  if (!/^[0-9A-F]*$/.test(body)) return { fault: 'the encrypted key or the MAC of the key block is not in upper-case hexadecimal' };
  const encrypted = Buffer.from(body.slice(0, -macBytes * 2), 'hex');
  if (body.length < macBytes * 2 || encrypted.length === 0) return { fault: 'the key block has no encrypted key, or no whole MAC' };
  if (encrypted.length % blockBytes !== 0) return { fault: `the encrypted key is not in whole blocks of ${blockBytes} bytes` };
  const data = open(protection, block.slice(0, headerCharacters), encrypted, Buffer.from(body.slice(-macBytes * 2), 'hex'));
  if (data === undefined) return { fault: 'the MAC of the key block is wrong: it was changed, or is under another key' };
  const clear = keyOf(data);
  data.fill(0);
  return 'fault' in clear ? clear : { header, clear: clear.key };
}

/**
 * A block of version B under a triple DES key, or D under an AES one. The caller asked `wrapFault` before. `random` fills the last
 * cipher block; a key's length may be hidden by `paddedKeyBytes`, as if it had so many.
 */
export function wrapKeyBlock(
  protection: ProtectionKey,
  header: KeyBlockHeader,
  clear: Uint8Array,
  random: (bytes: number) => Uint8Array,
  paddedKeyBytes = clear.length,
): string {
  assert(wrapFault(protection, header, clear) === undefined, 'a key block that is wrapped was found sound');
  const { blockBytes, macBytes } = shapes[header.version];
  const data = Buffer.alloc(Math.ceil((2 + Math.max(paddedKeyBytes, clear.length)) / blockBytes) * blockBytes);
  data.writeUInt16BE(clear.length * 8, 0);
  data.set(clear, 2);
  data.set(random(data.length - 2 - clear.length), 2 + clear.length);
  const text = writeKeyBlockHeader(header, (data.length + macBytes) * 2);
  const keys = blockKeys(header.version, protection.key);
  const signed = Buffer.concat([Buffer.from(text, 'latin1'), data]);
  const mac = cmac(cipherOf(header.version, keys.mac), signed);
  const encrypted = cipherOf(header.version, keys.encryption).encryptChained(data, mac);
  wipe(signed, data, keys.encryption, keys.mac);
  return text + encrypted.toString('hex').toUpperCase() + mac.toString('hex').toUpperCase();
}

/** Why this key may not be wrapped so, in a sentence. */
export function wrapFault(protection: ProtectionKey, header: KeyBlockHeader, clear: Uint8Array): string | undefined {
  if (header.version === 'A' || header.version === 'C') return 'key blocks of versions A and C are read, not written: B and D have taken their place';
  const fault = protectionFault(protection, header.version);
  if (fault !== undefined) return fault;
  if (clear.length === 0 || clear.length > keyBytesMax) return 'the key is empty, or longer than any';
  const weaker = strengthBits(protection.family === 'tdes', protection.key.length) < strengthBits(header.algorithm === 'T', clear.length);
  return weaker ? 'the key is stronger than the key that would protect it' : undefined;
}

const keyBytesMax = 64;

/** NIST SP 800-57 part 1, table 2. */
function strengthBits(tripleDes: boolean, bytes: number): number {
  return tripleDes ? { 8: 56, 16: 80, 24: 112 }[bytes] ?? 0 : bytes * 8;
}

/** The encryption and the MAC key of a version: variants of the protection key in A and C, derived from it by CMAC in B and D. */
export function blockKeys(version: KeyBlockVersion, protectionKey: Uint8Array): BlockKeys {
  if (version === 'A' || version === 'C') return { encryption: variant(protectionKey, 0x45), mac: variant(protectionKey, 0x4d) };
  const bytes = protectionKey.length;
  const cipher = version === 'D' ? new AesKey(protectionKey) : new TdesKey(protectionKey);
  // 0 and 1: triple DES of two and three keys; 2, 3, 4: AES of 128, 192 and 256 bits.
  const algorithm = version === 'D' ? bytes / 8 : bytes / 8 - 2;
  return { encryption: derived(cipher, 0, algorithm, bytes), mac: derived(cipher, 1, algorithm, bytes) };
}

const shapes: Readonly<Record<KeyBlockVersion, { readonly blockBytes: 8 | 16; readonly macBytes: 4 | 8 | 16 }>> = {
  A: { blockBytes: 8, macBytes: 4 },
  B: { blockBytes: 8, macBytes: 8 },
  C: { blockBytes: 8, macBytes: 4 },
  D: { blockBytes: 16, macBytes: 16 },
};

function protectionFault({ family, key }: ProtectionKey, version: KeyBlockVersion): string | undefined {
  if (version === 'D') return family === 'aes' && [16, 24, 32].includes(key.length) ? undefined : 'a key block of version D takes an AES key of 16, 24 or 32 bytes';
  return family === 'tdes' && [16, 24].includes(key.length) ? undefined : `a key block of version ${version} takes a triple DES key of 16 or 24 bytes`;
}

/** The clear key data, where the MAC is right. */
function open(protection: ProtectionKey, header: string, encrypted: Buffer, mac: Buffer): Buffer | undefined {
  const version = header[0] as KeyBlockVersion;
  const keys = blockKeys(version, protection.key);
  const encryption = cipherOf(version, keys.encryption);
  const authentication = cipherOf(version, keys.mac);
  wipe(keys.encryption, keys.mac);
  const text = Buffer.from(header, 'latin1');
  if (version === 'A' || version === 'C') {
    const right = cbcMac(authentication, Buffer.concat([text, encrypted]), 1).subarray(0, 4);
    return timingSafeEqual(right, mac) ? encryption.decryptChained(encrypted, text.subarray(0, 8)) : undefined;
  }
  const data = encryption.decryptChained(encrypted, mac);
  const signed = Buffer.concat([text, data]);
  const right = timingSafeEqual(cmac(authentication, signed), mac);
  wipe(signed);
  if (right) return data;
  wipe(data);
  return undefined;
}

/** A copy of the key that the clear key data is about. */
function keyOf(data: Buffer): { readonly key: Buffer } | Fault {
  const bits = data.readUInt16BE(0);
  if (bits === 0 || bits % 8 !== 0) return { fault: 'the key in the key block has no length in whole bytes' };
  if (bits / 8 > data.length - 2) return { fault: 'the key in the key block is said to be longer than the block' };
  return { key: Buffer.from(data.subarray(2, 2 + bits / 8)) };
}

function variant(key: Uint8Array, by: number): Buffer {
  const made = Buffer.from(key);
  for (let index = 0; index < made.length; index++) made[index]! ^= by;
  return made;
}

/** X9.143, 6.3.2: CMAC over counter, usage (0 encryption, 1 MAC), a zero, algorithm and length in bits, as often as the length needs. */
function derived(cipher: TdesKey | AesKey, usage: number, algorithm: number, bytes: number): Buffer {
  const input = Buffer.alloc(8);
  input.writeUInt16BE(usage, 1);
  input.writeUInt16BE(algorithm, 4);
  input.writeUInt16BE(bytes * 8, 6);
  const blocks: Buffer[] = [];
  for (let counter = 1; (counter - 1) * cipher.blockBytes < bytes; counter++) {
    input[0] = counter;
    blocks.push(cmac(cipher, input));
  }
  const whole = Buffer.concat(blocks);
  const key = Buffer.from(whole.subarray(0, bytes));
  wipe(whole, ...blocks);
  return key;
}

function cipherOf(version: KeyBlockVersion, key: Uint8Array): TdesKey | AesKey {
  return version === 'D' ? new AesKey(key) : new TdesKey(key);
}

function wipe(...buffers: readonly Buffer[]): void {
  for (const buffer of buffers) buffer.fill(0);
}
