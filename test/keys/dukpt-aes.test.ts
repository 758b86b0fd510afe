import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AesKey } from '../../src/keys/block-cipher.ts';
import { aesInitialKey, aesPinKeys, aesSerial, aesTransactionKey, aesWorkingKey } from '../../src/keys/dukpt-aes.ts';
import type { AesKeyBytes } from '../../src/keys/dukpt-aes.ts';
import { decipherPin, decodePinField, encipherPin } from '../../src/keys/pin-block.ts';
import { aesDukptVectors } from '../vectors/dukpt.ts';
import type { AesDukptVector } from '../vectors/dukpt.ts';
import { published } from '../vectors/published.ts';

/** How many vectors are published: fewer is a file that has shrunk. */
const count = 20;

type Published = Readonly<Record<string, string>>;
const all = published('dukpt.json', 'aes') as readonly Published[];

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (found: Buffer): string => found.toString('hex').toUpperCase();
const textOf = (result: Buffer | string): string => (typeof result === 'string' ? result : result.toString('latin1'));
const serialOf = (hex: string): Buffer => {
  const serial = aesSerial(hex);
  if (typeof serial === 'string') throw new Error(serial);
  return serial;
};

function restate(vector: Published): AesDukptVector {
  const { source = '', bdk: base = '', ik: initialKey = '', ksn: serial = '', transaction_key: transactionKey = '', pin, pan = '', pin_field: field = '' } = vector;
  const { pin_key_aes128: of16, pin_key_aes192: of24, pin_key_aes256: of32, mac_gen_key_aes128: mac, data_enc_key_aes128: data } = vector;
  // Where a vector says which key its block is under, it is the one as long as the base key.
  expect([undefined, base.length === 32 ? 'pin_key_aes128' : 'pin_key_aes256']).toContain(vector['pin_key_used']);
  return {
    source, base, initialKey, serial, transactionKey,
    pinKeys: { ...(of16 === undefined ? {} : { 16: of16 }), ...(of24 === undefined ? {} : { 24: of24 }), ...(of32 === undefined ? {} : { 32: of32 }) },
    ...(mac === undefined ? {} : { macGeneration: mac }),
    ...(data === undefined ? {} : { dataEncryption: data }),
    ...(pin === undefined ? {} : { block: { pin, pan, field, enciphered: vector['encrypted_pin_block_iso4'] } }),
  };
}

function checkBlock(key: AesKey, { pin, pan, field, enciphered }: NonNullable<AesDukptVector['block']>): void {
  expect(textOf(decodePinField(bytes(field)))).toBe(pin);
  const made = encipherPin(key, 4, Buffer.from(pin), pan, () => bytes(field).subarray(8));
  if (typeof made === 'string') throw new Error(made);
  if (enciphered !== undefined) expect(hexOf(made)).toBe(enciphered);
  expect(textOf(decipherPin(key, 4, made, pan))).toBe(pin);
}

test('the published initial, transaction and working keys are derived, and their PIN blocks hold the PINs', () => {
  expect(all.length).toBe((process.env['LOCUM_VECTORS'] ?? '') === '' ? 0 : count);
  for (const vector of [...aesDukptVectors, ...all.map(restate)]) {
    const base = new AesKey(bytes(vector.base));
    const serial = serialOf(vector.serial);
    expect(hexOf(aesInitialKey(base, serial))).toBe(vector.initialKey);
    const transaction = aesTransactionKey(base, serial);
    expect(hexOf(transaction)).toBe(vector.transactionKey);
    for (const [length, key] of Object.entries(vector.pinKeys)) expect(hexOf(aesWorkingKey(transaction, serial, 'pin', Number(length) as AesKeyBytes))).toBe(key);
    if (vector.macGeneration !== undefined) expect(hexOf(aesWorkingKey(transaction, serial, 'macGeneration', 16))).toBe(vector.macGeneration);
    if (vector.dataEncryption !== undefined) expect(hexOf(aesWorkingKey(transaction, serial, 'dataEncryption', 16))).toBe(vector.dataEncryption);
    if (vector.block !== undefined) checkBlock(aesPinKeys(base, serial).next().value!, vector.block);
  }
});

test('each use, length, counter and terminal has a working key of its own', () => {
  const base = new AesKey(randomBytes(32));
  const keys = new Set<string>();
  for (const serial of ['123456789012345600000001', '123456789012345600000002', '123456789112345600000001', '123456789012345700000001']) {
    const transaction = aesTransactionKey(base, serialOf(serial));
    for (const use of ['pin', 'macGeneration', 'macVerification', 'macBothWays', 'dataEncryption', 'dataDecryption', 'dataBothWays'] as const) {
      for (const length of [16, 24, 32] as const) keys.add(hexOf(aesWorkingKey(transaction, serialOf(serial), use, length).subarray(0, 16)));
    }
  }
  expect(keys.size).toBe(4 * 7 * 3);
});

test('the PIN keys of a transaction are as long as the base key and shorter, and no longer', () => {
  for (const [length, lengths] of [[16, [16]], [24, [24, 16]], [32, [32, 24, 16]]] as const) {
    const base = new AesKey(randomBytes(length));
    expect([...aesPinKeys(base, serialOf('123456789012345600000001'))].map(({ keyBytes }) => keyBytes)).toEqual(lengths);
    expect(aesInitialKey(base, bytes('1234567890123456'))).toHaveLength(length);
    expect(aesTransactionKey(base, serialOf('1234567890123456FFFF0000'))).toHaveLength(length);
  }
});

test('what one transaction enciphered no other transaction deciphers', () => {
  const base = new AesKey(bytes(aesDukptVectors[0]!.base));
  const keyOf = (serial: Buffer): AesKey => aesPinKeys(base, serial).next().value!;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 0, max: 63 }), (counter, bit) => {
      const serial = bytes(`1234567890123456${counter.toString(16).padStart(8, '0')}`);
      const other = Buffer.from(serial);
      other[bit >> 3]! ^= 1 << (bit & 7);
      const block = encipherPin(keyOf(serial), 4, Buffer.from('1234'), '4111111111111111', randomBytes);
      if (typeof block === 'string') throw new Error(block);
      expect(textOf(decipherPin(keyOf(serial), 4, block, '4111111111111111'))).toBe('1234');
      expect(textOf(decipherPin(keyOf(other), 4, block, '4111111111111111'))).toMatch(/^the PIN block/);
    }),
  );
});

test('a serial number of another length, not hexadecimal, or with a counter that no terminal reaches is refused', () => {
  for (const wrong of ['', '12345678901234560000001', '12345678901234560000000100', '12345678901234560000000G', 'FFFF9876543210E00001']) {
    expect(aesSerial(wrong)).toBe('the key serial number is not 12 bytes in hexadecimal');
  }
  expect(aesSerial('123456789012345600000000')).toMatch(/counter is zero/);
  expect(aesSerial('12345678901234560001FFFF')).toMatch(/more than sixteen ones/);
  expect(aesSerial('1234567890123456FFFFFFFF')).toMatch(/more than sixteen ones/);
  expect(typeof aesSerial('1234567890123456FFFF0000')).toBe('object');
  expect(typeof aesSerial('12345678901234560000ffff')).toBe('object');
});
