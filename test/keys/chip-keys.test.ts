import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasOddParity, TdesKey, withOddParity } from '../../src/keys/block-cipher.ts';
import { cardMasterKey, commonSessionKey, emv2000SessionKey, visaScriptKey } from '../../src/keys/chip-keys.ts';
import { retailMac } from '../../src/keys/mac.ts';
import { retailMacOnce } from '../../src/keys/single-use-cipher.ts';
import { commonKeyVectors, masterKeyVectors, treeKeyVectors, visaScriptKeyVectors } from '../vectors/chip.ts';
import type { MasterKeyVector, SessionKeyVector, TreeKeyVector } from '../vectors/chip.ts';
import { digits } from '../vectors/digits.ts';
import { bytes, hex, publishedChip } from './chip-fixture.ts';

interface Published {
  readonly source: string;
  readonly imk: string;
  readonly pan: string;
  readonly psn: string;
  readonly icc_mk: string;
  readonly mk_derivation: 'A' | 'B';
  readonly r: string;
  readonly sk: string;
  readonly atc: string;
  readonly height: number;
  readonly branch_factor: number;
  readonly iv: string;
}

const masterOf = (option: 'A' | 'B') => (vector: Published): MasterKeyVector => ({ ...vector, option, panSequence: vector.psn, key: vector.icc_mk });
// Not every source sets the parity, which no cipher looks at.
const sessionOf = (vector: Published): SessionKeyVector => ({ source: vector.source, cardKey: vector.icc_mk, diversifier: vector.r ?? vector.atc, key: hex(withOddParity(bytes(vector.sk))) });
const treeOf = (vector: Published): TreeKeyVector => ({ ...vector, cardKey: vector.icc_mk, branches: vector.branch_factor, initial: vector.iv, key: vector.sk });

const commonPublished = publishedChip('session_key_emv_common', 10) as readonly Published[];
const visaPublished = publishedChip('session_key_visa_sm', 3) as readonly Published[];
const masters = [
  ...masterKeyVectors,
  ...(publishedChip('icc_master_key_option_a', 9) as readonly Published[]).map(masterOf('A')),
  ...(publishedChip('icc_master_key_option_b', 5) as readonly Published[]).map(masterOf('B')),
  ...[...commonPublished, ...visaPublished].map((vector) => masterOf(vector.mk_derivation)(vector)),
];

const masterKey = ({ imk, pan, panSequence, option }: MasterKeyVector): Buffer => cardMasterKey(new TdesKey(bytes(imk)), pan, panSequence, option);

test('every published master key of a card is derived, by either option', () => {
  for (const vector of masters) expect(hex(masterKey(vector)), vector.source).toBe(vector.key);
});

test('every published session key is derived by the common method, for cryptograms and for scripts', () => {
  for (const vector of [...commonKeyVectors, ...commonPublished.map(sessionOf)]) {
    expect(hex(commonSessionKey(bytes(vector.cardKey), bytes(vector.diversifier))), vector.source).toBe(vector.key);
  }
});

test('every published session key of a Visa script is derived from the counter', () => {
  for (const vector of [...visaScriptKeyVectors, ...visaPublished.map(sessionOf)]) {
    expect(hex(visaScriptKey(bytes(vector.cardKey), Number.parseInt(vector.diversifier, 16))), vector.source).toBe(vector.key);
  }
});

test('every published session key of the EMV2000 tree is derived, for trees of both shapes', () => {
  for (const vector of [...treeKeyVectors, ...(publishedChip('session_key_emv2000_tree', 9) as readonly Published[]).map(treeOf)]) {
    const tree = { branches: vector.branches, height: vector.height, initial: bytes(vector.initial) };
    expect(hex(emv2000SessionKey(bytes(vector.cardKey), Number.parseInt(vector.atc, 16), tree)), vector.source).toBe(vector.key);
  }
});

test('every key that is derived has odd parity, and its card key is left as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), digits(8, 19), digits(2), fc.constantFrom('A', 'B'), fc.nat(0xffff), (imk, pan, panSequence, option, atc) => {
      const card = cardMasterKey(new TdesKey(imk), pan, panSequence, option);
      const before = hex(card);
      for (const key of [card, commonSessionKey(card, Buffer.alloc(8, atc)), visaScriptKey(card, atc), emv2000SessionKey(card, atc)]) {
        expect(key.length).toBe(16);
        expect(hasOddParity(key)).toBe(true);
      }
      expect(hex(card)).toBe(before);
    }),
  );
});

test('a PAN of more than sixteen digits counts whole by option B; by option A its last ones do, with the sequence number', () => {
  const imk = new TdesKey(bytes('0123456789ABCDEFFEDCBA9876543210'));
  const key = (pan: string, option: 'A' | 'B'): string => hex(cardMasterKey(imk, pan, '01', option));
  expect(key('1234567890123456789', 'A')).toBe(key('9234567890123456789', 'A'));
  expect(key('1234567890123456789', 'B')).not.toBe(key('9234567890123456789', 'B'));
  expect(key('1234567890123456789', 'A')).not.toBe(key('1234567890123456788', 'A'));
});

test('the two leaves of any two counters differ, in trees of both shapes', () => {
  const card = bytes('154F349D8585CB7F6B0798E9839B10C1');
  for (const [branches, height] of [[4, 8], [2, 16]] as const) {
    const tree = { branches, height, initial: Buffer.alloc(16) };
    const counters = [0, 1, 2, 3, 4, 0xff, 0x100, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xfffe, 0xffff];
    expect(new Set(counters.map((atc) => hex(emv2000SessionKey(card, atc, tree)))).size).toBe(counters.length);
  }
});

test('the MAC under a key that is used once is the one under a key that is kept', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.constantFrom('zeros', 'always80'), (key, data, padding) => {
      expect(hex(retailMacOnce(key, data, padding))).toBe(hex(retailMac(new TdesKey(key), data, padding === 'zeros' ? 1 : 2)));
    }),
  );
});
