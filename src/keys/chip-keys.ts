/**
 * Keys of a chip card: its master key from the issuer's (EMV Book 2, A1.4), and a transaction's session keys from that.
 *
 *   issuer's master key --PAN, sequence number--> card's master key --ATC, unpredictable number or cryptogram--> session key
 *
 * All have sixteen bytes and odd parity. Who asks for one wipes it. None is kept: a card's keys are derived again for each check, which
 * costs less than looking after them would.
 */
import { hash } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { withOddParity } from './block-cipher.ts';
import type { TdesKey } from './block-cipher.ts';
import { encryptOnce } from './single-use-cipher.ts';

const keyBytes = 16;
const halfBytes = 8;

/** Option A takes the last sixteen digits of PAN and sequence number (A1.4.1); B hashes those of a PAN of more than sixteen (A1.4.2). */
export type MasterKeyOption = 'A' | 'B';

/** @param panSequence two digits */
export function cardMasterKey(issuerKey: TdesKey, pan: string, panSequence: string, option: MasterKeyOption): Buffer {
  const digits = option === 'B' && pan.length > 16 ? hashedDigits(pan + panSequence) : (pan + panSequence).slice(-16).padStart(16, '0');
  const halves = Buffer.alloc(keyBytes);
  halves.write(digits, 'hex');
  for (let index = 0; index < halfBytes; index++) halves[halfBytes + index] = halves[index]! ^ 0xff;
  return asKey(issuerKey.encrypt(halves));
}

/** The first sixteen of: all decimal digits of the SHA-1 from the left, then all letters from the left, A as 0 to F as 5. */
function hashedDigits(digits: string): string {
  const packed = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const hashed = hash('sha1', packed, 'hex');
  let decimal = '';
  let letters = '';
  for (const digit of hashed) {
    if (digit <= '9') decimal += digit;
    else letters += String(digit.charCodeAt(0) - 97);
  }
  return (decimal + letters).slice(0, 16);
}

/**
 * EMV's common session key (Book 2, A1.3.1): the diversifier, with its third byte F0 for one half and 0F for the other, under the card's
 * key. The diversifier is ATC and zeros for cryptograms, ATC, two zeros and the unpredictable number for Mastercard's own, and the
 * cryptogram for scripts.
 */
export function commonSessionKey(cardKey: Uint8Array, diversifier: Uint8Array): Buffer {
  assert(diversifier.length === halfBytes, 'a session key is derived from eight bytes');
  const halves = Buffer.alloc(keyBytes);
  halves.set(diversifier, 0);
  halves.set(diversifier, halfBytes);
  halves[2] = 0xf0;
  halves[halfBytes + 2] = 0x0f;
  return asKey(encryptOnce(cardKey, halves));
}

/** Visa's session keys for scripts (VIS 1.4, B.4): the ATC added to the end of the left half, its complement to that of the right one. */
export function visaScriptKey(cardKey: Uint8Array, atc: number): Buffer {
  const key = Buffer.from(cardKey);
  key.writeUInt16BE(key.readUInt16BE(6) ^ atc, 6);
  key.writeUInt16BE(key.readUInt16BE(14) ^ atc ^ 0xffff, 14);
  return asKey(key);
}

/** A tree with at least as many leaves as there are ATCs. */
export interface KeyTree {
  readonly branches: number;
  readonly height: number;
  /** What stands above the card's key: sixteen bytes. */
  readonly initial: Uint8Array;
}

/** EMV 4.1 Book 2, A1.3 recommends this one, and nothing else is known to be in use. */
export const recommendedTree: KeyTree = { branches: 4, height: 8, initial: Buffer.alloc(keyBytes) };

/**
 * The session key of EMV2000 (EMV 4.1 Book 2, A1.3; withdrawn by bulletin SU-46 in 2005, in use by CVN 14). The card's key is the root;
 * each key's children come from it and its parent, and the ATC's digits, to the base of the branches, are the way down:
 *
 *   child(j) = E(key, parent.left + j) | E(key, parent.right + j + F0)        session key = last child + its grandparent
 *
 * Each step needs the one before as a key, so a tree of height eight costs eight keyed ciphers.
 */
export function emv2000SessionKey(cardKey: Uint8Array, atc: number, tree: KeyTree = recommendedTree): Buffer {
  let grandparent: Uint8Array = tree.initial;
  let parent: Uint8Array = cardKey;
  for (let level = tree.height - 1; level > 0; level--) {
    const child = treeChild(parent, grandparent, Math.floor(atc / tree.branches ** level) % tree.branches);
    grandparent = parent;
    parent = child;
  }
  const last = treeChild(parent, grandparent, atc % tree.branches);
  for (let index = 0; index < keyBytes; index++) last[index]! ^= grandparent[index]!;
  return asKey(last);
}

function treeChild(key: Uint8Array, parent: Uint8Array, branch: number): Buffer {
  const halves = Buffer.from(parent);
  halves[7]! ^= branch;
  halves[15]! ^= branch ^ 0xf0;
  return encryptOnce(key, halves);
}

/** With odd parity; what was given is wiped. */
function asKey(bytes: Buffer): Buffer {
  const key = withOddParity(bytes);
  bytes.fill(0);
  return key;
}
