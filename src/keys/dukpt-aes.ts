/**
 * Keys that a terminal derives for one transaction, AES (ANSI X9.24-3:2017).
 *
 *   key serial number, 12 bytes: initial key id (8) | transaction counter (4)
 *   base derivation key -> initial key -> one step for each one of the counter, the highest first -> derivation key -> working key
 *
 * Every arrow encrypts derivation data (6.3.2), once for each sixteen bytes of the key that it makes:
 *   01 | number of the block | use (2) | algorithm (2) | bits (2) | initial key id, or its last half and the counter
 *
 * Refused: a serial number that is not twelve bytes, and a counter that no terminal reaches: zero, or with more than sixteen ones.
 * Invariant: keys on the way are wiped.
 */
import { AesKey } from './block-cipher.ts';

const serialBytes = 12;
const onesMax = 16;

const uses = {
  pin: 0x1000,
  macGeneration: 0x2000,
  macVerification: 0x2001,
  macBothWays: 0x2002,
  dataEncryption: 0x3000,
  dataDecryption: 0x3001,
  dataBothWays: 0x3002,
  keyDerivation: 0x8000,
  initialKey: 0x8001,
} as const;

/** What a working key is used for. */
export type AesKeyUse = Exclude<keyof typeof uses, 'keyDerivation' | 'initialKey'>;

export type AesKeyBytes = 16 | 24 | 32;

const algorithmOf: Readonly<Record<AesKeyBytes, number>> = { 16: 2, 24: 3, 32: 4 };

/** The initial key under a base derivation key: as long as that one. `serial`: twelve bytes, or the eight of the initial key's id. */
export function aesInitialKey(base: AesKey, serial: Uint8Array): Buffer {
  const data = derivationData('initialKey', bytesOf(base));
  data.set(serial.subarray(0, 8), 8);
  return derive(base, data, bytesOf(base));
}

/** The derivation key of a counter: as long as the base derivation key. The caller wipes it. */
export function aesTransactionKey(base: AesKey, serial: Uint8Array): Buffer {
  const bytes = bytesOf(base);
  const data = derivationData('keyDerivation', bytes);
  data.set(serial.subarray(4, 8), 8);
  const counter = counterOf(serial);
  let reached = 0;
  let key = aesInitialKey(base, serial);
  for (let bit = 31; bit >= 0; bit--) {
    if (((counter >>> bit) & 1) === 0) continue;
    reached |= 1 << bit;
    data.writeInt32BE(reached, 12);
    const next = derive(new AesKey(key), data, bytes);
    key.fill(0);
    key = next;
  }
  return key;
}

/** A key for one use in one transaction: no longer than the transaction's own. The caller wipes it. */
export function aesWorkingKey(transactionKey: Uint8Array, serial: Uint8Array, use: AesKeyUse, bytes: AesKeyBytes): Buffer {
  const data = derivationData(use, bytes);
  data.set(serial.subarray(4, 12), 8);
  return derive(new AesKey(transactionKey), data, bytes);
}

/**
 * The ciphers of one transaction's PIN block, the one as long as the base derivation key first: how long its PIN keys are is agreed
 * with a terminal, and no message says it. Format 4 tells by itself which one is right.
 */
export function* aesPinKeys(base: AesKey, serial: Uint8Array): Generator<AesKey, void> {
  const transaction = aesTransactionKey(base, serial);
  try {
    for (let bytes = bytesOf(base); ; bytes = bytes === 32 ? 24 : 16) {
      const working = aesWorkingKey(transaction, serial, 'pin', bytes);
      const key = new AesKey(working);
      working.fill(0);
      yield key;
      if (bytes === 16) return;
    }
  } finally {
    transaction.fill(0);
  }
}

/** The bytes of a key serial number in hexadecimal, or why it is none. */
export function aesSerial(hex: string): Buffer | string {
  const serial = Buffer.from(hex, 'hex');
  if (hex.length !== 2 * serialBytes || serial.length !== serialBytes) return 'the key serial number is not 12 bytes in hexadecimal';
  const counter = counterOf(serial);
  if (counter === 0) return "the key serial number's counter is zero, and the initial key serves no transaction";
  let ones = 0;
  for (let rest = counter; rest !== 0; rest &= rest - 1) ones++;
  return ones > onesMax ? "the key serial number's counter has more than sixteen ones, and no terminal has such a key" : serial;
}

function counterOf(serial: Uint8Array): number {
  return ((serial[8]! << 24) | (serial[9]! << 16) | (serial[10]! << 8) | serial[11]!) >>> 0;
}

function bytesOf(key: AesKey): AesKeyBytes {
  return key.keyBytes === 32 ? 32 : key.keyBytes === 24 ? 24 : 16;
}

function derivationData(use: keyof typeof uses, bytes: AesKeyBytes): Buffer {
  const data = Buffer.alloc(16);
  data[0] = 1;
  data.writeUInt16BE(uses[use], 2);
  data.writeUInt16BE(algorithmOf[bytes], 4);
  data.writeUInt16BE(8 * bytes, 6);
  return data;
}

/** One block, or two of which the last may be cut. */
function derive(key: AesKey, data: Buffer, bytes: AesKeyBytes): Buffer {
  const blocks = Buffer.alloc(bytes === 16 ? 16 : 32);
  for (let offset = 0; offset < blocks.length; offset += 16) {
    blocks.set(data, offset);
    blocks[offset + 1] = 1 + offset / 16;
  }
  const derived = key.encrypt(blocks);
  derived.fill(0, bytes);
  return derived.subarray(0, bytes);
}
