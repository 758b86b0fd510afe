/**
 * Keys that a terminal derives for one transaction, triple DES (ANSI X9.24-1:2009).
 *
 *   key serial number, 10 bytes: what names the terminal's initial key (59 bits; annex A.6) | transaction counter (21 bits)
 *   base derivation key -> initial key -> one step for each one of the counter, the highest first -> transaction key -> variants
 *
 * Refused: a serial number that is not ten bytes, and a counter that no terminal reaches: zero, or with more than ten ones.
 * Invariant: keys on the way are wiped; only ciphers leave, and the transaction key's bytes where asked for.
 */
import { createCipheriv } from 'node:crypto';
import { TdesKey } from './block-cipher.ts';

const serialBytes = 10;
const counterBits = 0x1fffff;
const onesMax = 10;

const keyMask = Buffer.from('C0C0C0C000000000C0C0C0C000000000', 'hex');

/** What a transaction key is used for (annex A.4.1): the mask of its variant. Data keys are encrypted under themselves besides. */
const variants = {
  pin: { mask: Buffer.from('00000000000000FF00000000000000FF', 'hex'), oneWay: false },
  macRequest: { mask: Buffer.from('000000000000FF00000000000000FF00', 'hex'), oneWay: false },
  macResponse: { mask: Buffer.from('00000000FF00000000000000FF000000', 'hex'), oneWay: false },
  dataRequest: { mask: Buffer.from('0000000000FF00000000000000FF0000', 'hex'), oneWay: true },
  dataResponse: { mask: Buffer.from('000000FF00000000000000FF00000000', 'hex'), oneWay: true },
} as const;

export type TdesKeyUse = keyof typeof variants;

/** A base derivation key, keyed once. */
export class TdesBaseKey {
  readonly #base: TdesKey;
  readonly #masked: TdesKey;

  /** From sixteen bytes, which the caller wipes. */
  constructor(key: Uint8Array) {
    const masked = xored(key, keyMask);
    this.#base = new TdesKey(key);
    this.#masked = new TdesKey(masked);
    masked.fill(0);
  }

  /** Sixteen bytes, which the caller wipes. `serial`: ten bytes that `tdesSerial` took. */
  initialKey(serial: Uint8Array): Buffer {
    const terminal = Buffer.from(serial.subarray(0, 8));
    terminal[7]! &= 0xe0;
    return Buffer.concat([this.#base.encrypt(terminal), this.#masked.encrypt(terminal)]);
  }

  /** Sixteen bytes, which the caller wipes. */
  transactionKey(serial: Uint8Array): Buffer {
    const key = this.initialKey(serial);
    const counter = counterOf(serial);
    const register = Buffer.from(serial.subarray(2));
    register[5]! &= 0xe0;
    register[6] = 0;
    register[7] = 0;
    for (let bit = 0x100000; bit > 0; bit >>= 1) {
      if ((counter & bit) === 0) continue;
      register[5]! |= bit >> 16;
      register[6]! |= (bit >> 8) & 0xff;
      register[7]! |= bit & 0xff;
      step(key, register);
    }
    return key;
  }

  /** The cipher of one transaction's PIN block. */
  pinKey(serial: Uint8Array): TdesKey {
    const transaction = this.transactionKey(serial);
    const variant = tdesVariant(transaction, 'pin');
    const key = new TdesKey(variant);
    transaction.fill(0);
    variant.fill(0);
    return key;
  }
}

/** The variant of a transaction key: sixteen bytes, which the caller wipes. */
export function tdesVariant(transactionKey: Uint8Array, use: TdesKeyUse): Buffer {
  const { mask, oneWay } = variants[use];
  const variant = xored(transactionKey, mask);
  if (!oneWay) return variant;
  const encrypted = new TdesKey(variant).encrypt(variant);
  variant.fill(0);
  return encrypted;
}

/** The bytes of a key serial number in hexadecimal, or why it is none. */
export function tdesSerial(hex: string): Buffer | string {
  const serial = Buffer.from(hex, 'hex');
  if (hex.length !== 2 * serialBytes || serial.length !== serialBytes) return 'the key serial number is not 10 bytes in hexadecimal';
  const counter = counterOf(serial);
  if (counter === 0) return "the key serial number's counter is zero, and the initial key serves no transaction";
  let ones = 0;
  for (let rest = counter; rest !== 0; rest &= rest - 1) ones++;
  return ones > onesMax ? "the key serial number's counter has more than ten ones, and no terminal has such a key" : serial;
}

function counterOf(serial: Uint8Array): number {
  return ((serial[7]! << 16) | (serial[8]! << 8) | serial[9]!) & counterBits;
}

/** One step from a key to the next, in place (non-reversible key generation, annex A). */
function step(key: Buffer, register: Uint8Array): void {
  const right = half(key, register);
  for (let index = 0; index < key.length; index++) key[index]! ^= keyMask[index]!;
  const left = half(key, register);
  key.set(left, 0);
  key.set(right, 8);
  left.fill(0);
  right.fill(0);
}

const doubled = Buffer.alloc(16);
const block = Buffer.alloc(8);

/**
 * The register xor the key's right half, under single DES with its left half, xor the right half again. A walk is up to twenty of
 * these, each under a key that is used once, so making the cipher is what it costs: two keys are the least that the library takes.
 */
function half(key: Buffer, register: Uint8Array): Buffer {
  for (let index = 0; index < 8; index++) {
    doubled[index] = doubled[index + 8] = key[index]!;
    block[index] = register[index]! ^ key[index + 8]!;
  }
  const sum = createCipheriv('des-ede-ecb', doubled, null).update(block);
  for (let index = 0; index < 8; index++) sum[index]! ^= key[index + 8]!;
  doubled.fill(0);
  block.fill(0);
  return sum;
}

function xored(bytes: Uint8Array, mask: Uint8Array): Buffer {
  const sum = Buffer.from(bytes);
  for (let index = 0; index < sum.length; index++) sum[index]! ^= mask[index]!;
  return sum;
}
