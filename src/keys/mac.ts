/**
 * Message authentication codes of block ciphers: CBC-MAC and the retail MAC (ISO/IEC 9797-1, algorithms 1 and 3), CMAC (NIST SP 800-38B).
 *
 *   message    block 1      block 2            last block, padded
 *                 |            |                      |
 *   IV = 0 ----- xor -> E --- xor -> E --- ... ----- xor -> E (algorithm 3: E under K1, D under K2, E under K1)
 *
 * All blocks but the last go through the cipher in one chained call, straight from the caller's bytes; only the last one is copied, to be
 * padded. What is given out is the whole MAC of one block: whoever carries less of it takes it from the left.
 */
import { assert } from '../base/assert.ts';
import type { AesKey, TdesKey } from './block-cipher.ts';

/**
 * ISO/IEC 9797-1, clause 6.3: 1 fills the last block with zeros (and an empty message is one block of them), 2 always adds a one bit
 * and then zeros, 3 is 1 with a block before it that says the message's length in bits.
 */
export type PaddingMethod = 1 | 2 | 3;

interface BlockCipher {
  readonly blockBytes: number;
  encrypt(blocks: Uint8Array): Buffer;
  encryptChained(blocks: Uint8Array, iv: Uint8Array): Buffer;
}

/** The message as the algorithms below see it. */
export function padded(method: PaddingMethod, data: Uint8Array, blockBytes: number): Buffer {
  const lead = method === 3 ? lengthBlock(data.length, blockBytes) : Buffer.alloc(0);
  const whole = bytesBeforeLast(method, data.length, blockBytes);
  return Buffer.concat([lead, data.subarray(0, whole), lastBlock(method, data, whole, blockBytes)]);
}

/** Algorithm 1: one block. */
export function cbcMac(key: TdesKey | AesKey, data: Uint8Array, method: PaddingMethod): Buffer {
  return key.encrypt(beforeLastCipher(key, data, method));
}

/** Algorithm 3, with padding method 1 the MAC of ANSI X9.19: eight bytes. Its last three steps are one triple DES encryption. */
export function retailMac(key: TdesKey, data: Uint8Array, method: PaddingMethod): Buffer {
  return key.encrypt(beforeLastCipher(key.left, data, method));
}

/** CMAC: one block. */
export function cmac(key: TdesKey | AesKey, data: Uint8Array): Buffer {
  const { blockBytes } = key;
  const subkeys = subkeysOf(key);
  const before = bytesBeforeLast(1, data.length, blockBytes);
  const complete = data.length - before === blockBytes;
  const last = lastBlock(complete ? 1 : 2, data, before, blockBytes);
  addTo(last, complete ? subkeys.complete : subkeys.padded);
  addTo(last, chained(key, data, before, zeros));
  return key.encrypt(last);
}

const zeros = Buffer.alloc(16);

/** What the last encryption takes: the last padded block, plus the chaining value of all that is before it. */
function beforeLastCipher(cipher: BlockCipher, data: Uint8Array, method: PaddingMethod): Buffer {
  const { blockBytes } = cipher;
  const whole = bytesBeforeLast(method, data.length, blockBytes);
  const last = lastBlock(method, data, whole, blockBytes);
  addTo(last, chained(cipher, data, whole, method === 3 ? cipher.encrypt(lengthBlock(data.length, blockBytes)) : zeros));
  return last;
}

/** The last block of the chain over the first `bytes` of the data, or the IV where there are none. */
function chained(cipher: BlockCipher, data: Uint8Array, bytes: number, iv: Buffer): Buffer {
  const { blockBytes } = cipher;
  const start = iv.subarray(0, blockBytes);
  if (bytes === 0) return start;
  if (bytes > blockBytes) return cipher.encryptChained(data.subarray(0, bytes), start).subarray(bytes - blockBytes);
  // A single block is no chain, and a cipher that is keyed already costs a third of a new one.
  const block = Buffer.from(data.subarray(0, bytes));
  addTo(block, start);
  return cipher.encrypt(block);
}

function bytesBeforeLast(method: PaddingMethod, dataBytes: number, blockBytes: number): number {
  const rest = dataBytes % blockBytes;
  return rest === 0 && method !== 2 && dataBytes > 0 ? dataBytes - blockBytes : dataBytes - rest;
}

function lastBlock(method: PaddingMethod, data: Uint8Array, from: number, blockBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(data.subarray(from));
  if (method === 2) block[data.length - from] = 0x80;
  return block;
}

function lengthBlock(dataBytes: number, blockBytes: number): Buffer {
  assert(dataBytes < 2 ** 29, 'the length of a message in bits fits four bytes');
  const block = Buffer.alloc(blockBytes);
  block.writeUInt32BE(dataBytes * 8, blockBytes - 4);
  return block;
}

function addTo(block: Buffer, other: Uint8Array): void {
  for (let index = 0; index < block.length; index++) block[index]! ^= other[index]!;
}

interface Subkeys {
  readonly complete: Buffer;
  readonly padded: Buffer;
}

/** Made once for a key, and gone with it. */
const subkeys = new WeakMap<TdesKey | AesKey, Subkeys>();

function subkeysOf(key: TdesKey | AesKey): Subkeys {
  const known = subkeys.get(key);
  if (known !== undefined) return known;
  const complete = doubled(key.encrypt(zeros.subarray(0, key.blockBytes)));
  const made = { complete, padded: doubled(complete) };
  subkeys.set(key, made);
  return made;
}

/** Times x in the field of the block's size (SP 800-38B, 6.1). */
function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(block.length);
  for (let index = 0; index < block.length; index++) result[index] = (block[index]! << 1) | ((block[index + 1] ?? 0) >> 7);
  if (block[0]! >= 0x80) result[block.length - 1]! ^= block.length === 16 ? 0x87 : 0x1b;
  return result;
}
