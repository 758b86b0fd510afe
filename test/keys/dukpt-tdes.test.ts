import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TdesBaseKey, tdesSerial, tdesVariant } from '../../src/keys/dukpt-tdes.ts';
import { decipherPin, decodePinBlock, encipherPin } from '../../src/keys/pin-block.ts';
import { tdesDukptVectors, tdesInitialKey, tdesPinBlocks, tdesVariants } from '../vectors/dukpt.ts';
import type { TdesDukptVector } from '../vectors/dukpt.ts';
import { published } from '../vectors/published.ts';

/** How many vectors of each algorithm are published: fewer is a file that has shrunk. */
const counts = { tdes_initial_key: 1, tdes: 2 };

type Published = Readonly<Record<string, string>>;
const publishedOf = (algorithm: keyof typeof counts): readonly Published[] => published('dukpt.json', algorithm) as readonly Published[];

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (found: Buffer): string => found.toString('hex').toUpperCase();
const textOf = (result: Buffer | string): string => (typeof result === 'string' ? result : result.toString('latin1'));
const serialOf = (hex: string): Buffer => {
  const serial = tdesSerial(hex);
  if (typeof serial === 'string') throw new Error(serial);
  return serial;
};

const restate = ({ source = '', bdk: base = '', ksn: serial = '', transaction_key: transactionKey = '', pin = '', pan = '', clear_pin_block: clear = '', encrypted_pin_block: enciphered = '' }: Published): TdesDukptVector =>
  ({ source, base, serial, transactionKey, pin, pan, clear, enciphered });

test('the published initial keys are derived', () => {
  const all = publishedOf('tdes_initial_key').map(({ bdk: base = '', ksn: serial = '', ik: initialKey = '' }) => ({ base, serial, initialKey }));
  for (const { base, serial, initialKey } of [tdesInitialKey, ...all]) {
    expect(hexOf(new TdesBaseKey(bytes(base)).initialKey(bytes(serial)))).toBe(initialKey);
  }
});

test('the published transaction keys are derived, and their PIN blocks hold the PINs', () => {
  for (const { base, serial, transactionKey, pin, pan, clear, enciphered } of [...tdesDukptVectors, ...publishedOf('tdes').map(restate)]) {
    const baseKey = new TdesBaseKey(bytes(base));
    expect(hexOf(baseKey.transactionKey(serialOf(serial)))).toBe(transactionKey);
    const key = baseKey.pinKey(serialOf(serial));
    expect(textOf(decodePinBlock(0, bytes(clear), pan))).toBe(pin);
    expect(textOf(decipherPin(key, 0, bytes(enciphered), pan))).toBe(pin);
    const made = encipherPin(key, 0, Buffer.from(pin), pan, randomBytes);
    expect(typeof made === 'string' ? made : hexOf(made)).toBe(enciphered);
  }
});

test('none of the published vectors is missing', () => {
  const isSet = (process.env['LOCUM_VECTORS'] ?? '') !== '';
  for (const [algorithm, count] of Object.entries(counts)) {
    expect([algorithm, publishedOf(algorithm as keyof typeof counts).length]).toEqual([algorithm, isSet ? count : 0]);
  }
});

test('the variants of a transaction key for PINs, MACs and data are the published ones', () => {
  const { base, serial, ...variants } = tdesVariants;
  const transaction = new TdesBaseKey(bytes(base)).transactionKey(serialOf(serial));
  for (const [use, variant] of Object.entries(variants)) expect([use, hexOf(tdesVariant(transaction, use as keyof typeof variants))]).toEqual([use, variant]);
  const all = (['pin', 'macRequest', 'macResponse', 'dataRequest', 'dataResponse'] as const).map((use) => hexOf(tdesVariant(transaction, use)));
  expect(new Set(all).size).toBe(5);
});

test('the blocks of the first transactions of a terminal are the published ones', () => {
  const { base, pin, pan, blocks } = tdesPinBlocks;
  for (const [serial, block] of Object.entries(blocks)) {
    const made = encipherPin(new TdesBaseKey(bytes(base)).pinKey(serialOf(serial)), 0, Buffer.from(pin), pan, randomBytes);
    expect([serial, typeof made === 'string' ? made : hexOf(made)]).toEqual([serial, block]);
  }
});

test('each counter has a key of its own, and each terminal', () => {
  const base = new TdesBaseKey(bytes(tdesInitialKey.base));
  const keys = new Set<string>();
  const counters = Array.from({ length: 200 }, (_, index) => index + 1);
  for (const counter of counters) {
    keys.add(hexOf(base.transactionKey(serialOf(`FFFF9876543210E${counter.toString(16).padStart(5, '0')}`))));
    keys.add(hexOf(base.transactionKey(serialOf(`FFFF9876543211E${counter.toString(16).padStart(5, '0')}`))));
  }
  expect(keys.size).toBe(2 * counters.length);
});

test('what one transaction enciphered no other transaction, terminal or base key deciphers', () => {
  const base = new TdesBaseKey(bytes(tdesInitialKey.base));
  const other = new TdesBaseKey(bytes('FEDCBA98765432100123456789ABCDEF'));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1023 }), fc.integer({ min: 0, max: 9 }), (counter, bit) => {
      const serial = bytes(`FFFF9876543210E${counter.toString(16).padStart(5, '0')}`);
      const next = Buffer.from(serial);
      next.writeUInt16BE(serial.readUInt16BE(8) ^ (1 << bit), 8);
      const terminal = Buffer.from(serial);
      terminal[6]! ^= 1;
      const block = encipherPin(base.pinKey(serial), 0, Buffer.from('1234'), '4012345678909', randomBytes);
      if (typeof block === 'string') throw new Error(block);
      expect(textOf(decipherPin(base.pinKey(serial), 0, block, '4012345678909'))).toBe('1234');
      for (const key of [base.pinKey(next), base.pinKey(terminal), other.pinKey(serial)]) {
        expect(textOf(decipherPin(key, 0, block, '4012345678909'))).toMatch(/^the PIN block/);
      }
    }),
  );
});

test('a serial number of another length, not hexadecimal, or with a counter that no terminal reaches is refused', () => {
  for (const wrong of ['', 'FFFF9876543210E0001', 'FFFF9876543210E0000100', 'FFFF9876543210E0000G', 'FFFF9876543210E000 1', '123456789012345600000001']) {
    expect(tdesSerial(wrong)).toBe('the key serial number is not 10 bytes in hexadecimal');
  }
  expect(tdesSerial('FFFF9876543210E00000')).toMatch(/counter is zero/);
  expect(tdesSerial('FFFF9876543210E007FF')).toMatch(/more than ten ones/);
  expect(tdesSerial('FFFF9876543210FFFFFF')).toMatch(/more than ten ones/);
  expect(typeof tdesSerial('FFFF9876543210E003FF')).toBe('object');
  expect(typeof tdesSerial('ffff9876543210fff800')).toBe('object');
});
