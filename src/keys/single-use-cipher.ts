/**
 * Triple DES under keys of sixteen bytes that are used once, as a transaction's are: the same functions as those of TdesKey and mac.ts,
 * without what those make so that a key's later uses cost less, which is a third of what a chip's cryptogram costs.
 */
import { createCipheriv } from 'node:crypto';

const blockBytes = 8;
const zeros = Buffer.alloc(blockBytes);

/** @param blocks whole blocks of eight bytes, each enciphered by itself. */
export function encryptOnce(key: Uint8Array, blocks: Uint8Array): Buffer {
  return createCipheriv('des-ede-ecb', key, null).update(blocks);
}

/** Cipher block chaining from zeros, over whole blocks. */
export function encryptChainedOnce(key: Uint8Array, blocks: Uint8Array): Buffer {
  return createCipheriv('des-ede-cbc', key, zeros).update(blocks);
}

/** ISO/IEC 9797-1, 6.3: `zeros` is method 1, which adds nothing where the last block is full; `always80` is method 2. */
export type BlockPadding = 'zeros' | 'always80';

/** The data in whole blocks; to be wiped where they are secret. */
export function inBlocks(data: Uint8Array, padding: BlockPadding): Buffer {
  const bytes = padding === 'always80' ? data.length + 1 : data.length;
  const blocks = Buffer.alloc(Math.ceil(bytes / blockBytes) * blockBytes);
  blocks.set(data);
  if (padding === 'always80') blocks[data.length] = 0x80;
  return blocks;
}

/** The retail MAC (ISO/IEC 9797-1 algorithm 3): DES under the left half through all blocks but the last, which triple DES takes. */
export function retailMacOnce(key: Uint8Array, data: Uint8Array, padding: BlockPadding): Buffer {
  const blocks = inBlocks(data, padding);
  const before = blocks.length - blockBytes;
  const last = blocks.subarray(before);
  if (before > 0) {
    const left = Buffer.alloc(2 * blockBytes);
    for (let index = 0; index < blockBytes; index++) left[index] = left[index + blockBytes] = key[index]!;
    const chained = encryptChainedOnce(left, blocks.subarray(0, before));
    left.fill(0);
    for (let index = 0; index < blockBytes; index++) last[index]! ^= chained[before - blockBytes + index]!;
  }
  return encryptOnce(key, last);
}
