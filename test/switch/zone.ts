/** The other side of a zone: it makes keys, carries them as stations do, and makes PIN blocks and codes under them by the crypto library alone. */
import { createCipheriv, randomBytes } from 'node:crypto';
import { writeKey } from '../../src/dialect/key-change.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import type { CarriedKey } from '../../src/dialect/meaning.ts';
import { writePlace } from '../../src/dialect/places.ts';
import type { Codec } from '../../src/iso8583/codec.ts';
import type { Draft } from '../../src/iso8583/draft.ts';
import { wrapKeyBlock } from '../../src/keys/key-block.ts';
import { Secret } from '../../src/message/secret.ts';
import { demoKeys } from '../../src/program/demo-keys.ts';
import { management } from './fixture.ts';

export function demoKey(name: string): Buffer {
  return Buffer.from(demoKeys.find((key) => key.name === name)!.hex, 'hex');
}

/** Sixteen bytes of odd parity that nobody has seen. */
export function newKey(): Buffer {
  return randomBytes(16).map((byte) => (ones(byte) % 2 === 0 ? byte ^ 1 : byte)) as Buffer;
}

function ones(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length;
}

/** Two-key triple DES in ECB. */
export function encipher(key: Uint8Array, clear: Uint8Array): Buffer {
  const cipher = createCipheriv('des-ede-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(clear), cipher.final()]);
}

/** Six digits. */
export function kcvOf(key: Uint8Array): string {
  return encipher(key, Buffer.alloc(8)).toString('hex').slice(0, 6).toUpperCase();
}

/** @param usage of the header: P0, M3 or another */
export function keyBlock(key: Uint8Array, { usage = 'P0', mode = '', kek = demoKey('demo-kek') as Uint8Array } = {}): CarriedKey {
  const header = { version: 'B', keyUsage: usage, algorithm: 'T', modeOfUse: mode === '' ? (usage === 'P0' ? 'B' : 'C') : mode, keyVersion: '00', exportability: 'N', optionalBlocks: [] } as const;
  const text = wrapKeyBlock({ family: 'tdes', key: kek }, header, key, randomBytes);
  return { purpose: usage.startsWith('M') ? 'mac' : 'pin', form: 'block', text: new Secret(text), kcv: '' };
}

export function ecbKey(key: Uint8Array, { purpose = 'pin' as CarriedKey['purpose'], kek = demoKey('demo-kek') as Uint8Array, kcv = kcvOf(key) } = {}): CarriedKey {
  return { purpose, form: 'ecb', text: new Secret(encipher(kek, key).toString('hex').toUpperCase()), kcv };
}

/** A key change that brings a key; without one it asks for one. */
export function keyChange(codec: Codec, dialect: Dialect, stan: number, key?: CarriedKey): Draft {
  const draft = management(codec, stan, codec.spec.version === '1987' ? '161' : '811');
  if (key !== undefined && !writeKey({ key, spec: codec.spec }, dialect, draft)) throw new Error('no place for a key');
  return draft;
}

/** ISO 9564-1 format 0, in hexadecimal. */
export function pinBlock(key: Uint8Array, pin: string, pan: string): string {
  const digits = Buffer.from(`0${pin.length}${pin}`.padEnd(16, 'F'), 'hex');
  const account = Buffer.from(`0000${pan.slice(-13, -1)}`, 'hex');
  return encipher(key, digits.map((byte, index) => byte ^ account[index]!)).toString('hex').toUpperCase();
}

export function withBlock(draft: Draft, codec: Codec, dialect: Dialect, block: string): Draft {
  if (!writePlace(draft, codec.spec, dialect.pin.blocks[0]!.place, block, 'hex')) throw new Error('no place for a PIN block');
  return draft;
}

/** ISO 9797-1 algorithm 3, padding method 1, eight bytes. */
export function retailMac(key: Uint8Array, data: Uint8Array): Buffer {
  let state = Buffer.alloc(8);
  const blocks = Math.max(1, Math.ceil(data.length / 8));
  for (let block = 0; block < blocks; block += 1) {
    for (let at = 0; at < 8; at += 1) state[at]! ^= data[block * 8 + at] ?? 0;
    // Single DES is triple DES with one key; the last step is under both halves.
    state = encipher(block === blocks - 1 ? key : Buffer.concat([key.subarray(0, 8), key.subarray(0, 8)]), state) as Buffer<ArrayBuffer>;
  }
  return state;
}
