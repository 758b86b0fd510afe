import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AesKey, TdesKey } from '../../src/keys/block-cipher.ts';
import type { MacCheck, MacOrder } from '../../src/keys/hsm-message.ts';
import type { Product, Verdict } from '../../src/keys/hsm.ts';
import { cbcMac, cmac, padded, retailMac } from '../../src/keys/mac.ts';
import { produceMac, verifyMac } from '../../src/keys/message-operations.ts';
import { Secret } from '../../src/message/secret.ts';
import { macVectors, paddingVectors } from '../vectors/mac.ts';
import type { MacVector } from '../vectors/mac.ts';
import { published } from '../vectors/published.ts';
import { keyRing, testNowMs } from './message-keys.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

const algorithms: Readonly<Record<string, MacVector['algorithm']>> = {
  cbc_mac_alg1_tdes: 'cbc', retail_mac_alg3: 'retail', cmac_aes: 'cmacAes', cmac_tdes: 'cmacTdes',
};

type PublishedMac = Readonly<Record<'source' | 'algorithm' | 'key' | 'data' | 'mac', string>> & { readonly padding?: string };

const publishedMacs = published('mac.json', 'mac') as readonly PublishedMac[];
const restated = publishedMacs.map((vector) => ({ ...vector, algorithm: algorithms[vector.algorithm]!, padding: Number(vector.padding?.at(-1) ?? 1) as 1 | 2 | 3 }));
const publishedPaddings = published('mac.json', 'iso9797_padding') as typeof paddingVectors;

function macOf({ algorithm, key, data, padding }: MacVector): Buffer {
  if (algorithm === 'cbc') return cbcMac(new TdesKey(bytes(key)), bytes(data), padding);
  if (algorithm === 'retail') return retailMac(new TdesKey(bytes(key)), bytes(data), padding);
  return cmac(algorithm === 'cmacAes' ? new AesKey(bytes(key)) : new TdesKey(bytes(key)), bytes(data));
}

const keys = keyRing(
  { name: 'tdes', usage: 'zak', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'three', usage: 'zak', algorithm: 'tdes-3key', key: '0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123' },
  { name: 'aes', usage: 'zak', algorithm: 'aes-128', key: '2B7E151628AED2A6ABF7158809CF4F3C' },
  { name: 'zone', usage: 'zpk', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210' },
  { name: 'rotated', usage: 'zak', algorithm: 'tdes-2key', key: '76850752AD7307ADE554D06D3BA73279', version: 2 },
  { name: 'rotated', usage: 'zak', algorithm: 'tdes-2key', key: '0123456789ABCDEFFEDCBA9876543210', checksUntilMs: testNowMs + 1 },
);

const order = (name: string, over: Partial<MacOrder> = {}): MacOrder => ({
  kind: 'mac', key: { name }, algorithm: name === 'aes' ? 'cmac' : 'retail', data: Buffer.from('Now is the time for all '), length: 8, ...over,
});
const check = (of: MacOrder, mac: string): MacCheck => ({ ...of, mac: new Secret(mac) });
const product = (made: Product): string => ('value' in made ? made.value.reveal() : made.error.code);
const code = (verdict: Verdict): string => (typeof verdict === 'object' ? verdict.error.code : verdict);

test('every published MAC is computed', () => {
  for (const vector of [...macVectors, ...restated]) expect(macOf(vector).toString('hex', 0, vector.mac.length / 2).toUpperCase(), vector.source).toBe(vector.mac);
});

test('every published padding is made', () => {
  for (const vector of [...paddingVectors, ...publishedPaddings]) {
    expect(padded(vector.method, bytes(vector.data), vector.block).toString('hex').toUpperCase()).toBe(vector.padded);
  }
});

test('the published file has the vectors that it had, where it is there', () => {
  expect([publishedMacs.length, publishedPaddings.length]).toEqual((process.env['LOCUM_VECTORS'] ?? '') === '' ? [0, 0] : [17, 7]);
});

test('a MAC of any message is that of the message padded beforehand, block by block', () => {
  const key = new TdesKey(bytes('0123456789ABCDEFFEDCBA9876543210'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.constantFrom(1, 2, 3), (data, method) => {
      let chain = Buffer.alloc(8);
      let single = Buffer.alloc(8);
      const blocks = padded(method, data, 8);
      for (let at = 0; at < blocks.length; at += 8) {
        const next = blocks.subarray(at, at + 8);
        const last = at + 8 === blocks.length;
        chain = Buffer.from(key.encrypt(chain.map((byte, index) => byte ^ next[index]!)));
        const sum = single.map((byte, index) => byte ^ next[index]!);
        single = Buffer.from(last ? key.left.encrypt(key.right.decrypt(key.left.encrypt(sum))) : key.left.encrypt(sum));
      }
      expect([cbcMac(key, data, method), retailMac(key, data, method)]).toEqual([chain, single]);
    }),
  );
});

test('computing a MAC leaves the message as it was', () => {
  for (const length of [0, 1, 8, 15, 16, 40]) {
    const data = Buffer.alloc(length, 7);
    retailMac(new TdesKey(Buffer.alloc(16, 1)), data, 2);
    cmac(new AesKey(Buffer.alloc(16, 1)), data);
    expect(data).toEqual(Buffer.alloc(length, 7));
  }
});

test('a MAC that was produced verifies whole and truncated, and with any one bit of it or of the message changed it does not', () => {
  const orders = fc.record({
    name: fc.constantFrom('tdes', 'three', 'aes'),
    algorithm: fc.constantFrom('retail', 'cmac'),
    data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    length: fc.integer({ min: 4, max: 8 }),
  });
  fc.assert(
    fc.property(orders, fc.nat(), ({ name, algorithm, data, length }, seed) => {
      const of = order(name, { algorithm: name === 'aes' ? 'cmac' : algorithm, data, length });
      const mac = product(produceMac(keys, of));
      expect(mac).toHaveLength(length * 2);
      expect(product(produceMac(keys, { ...of, length: 8 })).startsWith(mac)).toBe(true);
      const changedMac = bytes(mac);
      changedMac[seed % length]! ^= 1 << seed % 8;
      const changedData = Buffer.from(data);
      changedData[seed % data.length]! ^= 1 << seed % 8;
      expect([
        verifyMac(keys, check(of, mac)),
        verifyMac(keys, check(of, mac.toLowerCase())),
        verifyMac(keys, check(of, changedMac.toString('hex'))),
        verifyMac(keys, check({ ...of, data: changedData }, mac)),
      ]).toEqual(['match', 'match', 'mismatch', 'mismatch']);
    }),
  );
});

test('a MAC by the other algorithm or under another key does not verify', () => {
  const mac = product(produceMac(keys, order('tdes')));
  expect(mac).toBe('A1C72E74EA3FA9B6');
  expect(verifyMac(keys, check(order('tdes', { algorithm: 'cmac' }), mac))).toBe('mismatch');
  expect(verifyMac(keys, check(order('three'), mac))).toBe('mismatch');
});

test('a zone key that was replaced checks until its time is over, and makes nothing any more', () => {
  const old = product(produceMac(keys, order('tdes')));
  expect(product(produceMac(keys, order('rotated')))).not.toBe(old);
  expect(verifyMac(keys, check(order('rotated'), old))).toBe('match');
});

test('a MAC of another length, or that is not hexadecimal, is refused and not quoted', () => {
  for (const mac of ['', 'A1C72E74EA3FA9', 'A1C72E74EA3FA9B600', 'A1C72E74EA3FA9BX', ' 1C72E74EA3FA9B6', 'A1C72E74EA3FA9B']) {
    const verdict = verifyMac(keys, check(order('tdes'), mac));
    expect(code(verdict)).toBe('malformed');
    expect(JSON.stringify(verdict)).not.toContain('C72E');
  }
});

test('a length of less than four or more than eight bytes is refused', () => {
  for (const length of [0, 3, 9, 16, 4.5, Number.NaN, -8]) {
    expect(product(produceMac(keys, order('tdes', { length })))).toBe('malformed');
    expect(code(verifyMac(keys, check(order('tdes', { length }), 'A1C72E74EA3FA9B6')))).toBe('malformed');
  }
});

test('an AES key with the retail MAC, a key of another usage and an unknown key are refused, each with its reason', () => {
  const refused = (of: MacOrder): unknown => verifyMac(keys, check(of, 'A1C72E74EA3FA9B6'));
  expect(refused(order('aes', { algorithm: 'retail' }))).toEqual({
    error: { code: 'wrong_usage', reason: 'the key aes is not a triple DES key, and the retail MAC takes no other' },
  });
  expect(refused(order('zone'))).toEqual({ error: { code: 'wrong_usage', reason: 'the key zone is for zpk, not for zak' } });
  expect(refused(order('none'))).toEqual({ error: { code: 'unknown_key', reason: 'there is no key named none' } });
  expect(product(produceMac(keys, order('zone')))).toBe('wrong_usage');
});
