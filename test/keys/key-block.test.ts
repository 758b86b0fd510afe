import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readKeyBlockHeader, writeKeyBlockHeader } from '../../src/keys/key-block-header.ts';
import type { KeyBlockHeader, KeyBlockVersion } from '../../src/keys/key-block-header.ts';
import { blockKeys, unwrapKeyBlock, wrapFault, wrapKeyBlock } from '../../src/keys/key-block.ts';
import type { ProtectionKey } from '../../src/keys/key-block.ts';
import { blockKeyVectors, headerVectors, keyBlockRefused, keyBlockVectors, refusedProtectionKey } from '../vectors/key-block.ts';
import type { KeyBlockVector } from '../vectors/key-block.ts';
import { published } from '../vectors/published.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hex = (clear: Uint8Array): string => Buffer.from(clear).toString('hex').toUpperCase();
const protectionOf = (block: string, key: string): ProtectionKey => ({ family: /^[DE]/.test(block) ? 'aes' : 'tdes', key: bytes(key) });
const faultOf = (result: object): string => ('fault' in result ? String(result.fault) : 'no fault');

type Published = Readonly<Record<string, string>>;

const publishedBlocks = published('tr31.json', 'unwrap') as readonly Published[];
const publishedKeys = published('tr31.json', 'kbpk_derivation') as readonly Published[];
const publishedHeaders = published('tr31.json', 'header') as readonly {
  readonly input: string; readonly consumed: number; readonly re_encoded: string; readonly fields: Published; readonly optional_blocks: Published;
}[];
const publishedRefused = published('tr31.json', 'reject') as readonly Published[];

const restate = ({ source = '', kbpk = '', key_block: block = '', key = '', clear_key_data: clearData = '' }: Published): KeyBlockVector => ({
  source, protectionKey: kbpk, block, key, clearData,
});
const restated = publishedBlocks.filter(({ version }) => version !== 'E').map(restate);
const blocks = [...keyBlockVectors, ...restated];

const tripleDes: ProtectionKey = { family: 'tdes', key: bytes('89E88CF7931444F334BD7547FC3F380C8C7F5B0B5E5A2F3D') };
const aes: ProtectionKey = { family: 'aes', key: bytes('88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6') };

const headers: fc.Arbitrary<KeyBlockHeader> = fc.record({
  version: fc.constantFrom('B', 'D'),
  keyUsage: fc.constantFrom('P0', 'C0', 'M3', 'K0', 'V1', 'E0', '23'),
  algorithm: fc.constant('T'),
  modeOfUse: fc.constantFrom('B', 'C', 'N', 'X', 'V'),
  keyVersion: fc.constantFrom('00', '01', 'c1', '99'),
  exportability: fc.constantFrom('E', 'N', 'S'),
  optionalBlocks: fc.uniqueArray(
    fc.record({ id: fc.constantFrom('KS', 'KV', 'TS', 'CT', 'LB', '10'), data: fc.string({ unit: fc.constantFrom('0', 'F', 'z', ' ', '~'), maxLength: 300 }) }),
    { selector: ({ id }) => id, maxLength: 4 },
  ),
});
const protectionFor = (version: KeyBlockVersion): ProtectionKey => (version === 'D' ? aes : tripleDes);
const header = (over: Partial<KeyBlockHeader> = {}): KeyBlockHeader => ({
  version: 'D', keyUsage: 'P0', algorithm: 'T', modeOfUse: 'B', keyVersion: '00', exportability: 'E', optionalBlocks: [], ...over,
});

test('every published block of versions A to D unwraps to its key', () => {
  for (const { source, protectionKey, block, key } of blocks) {
    const unwrapped = unwrapKeyBlock(protectionOf(block, protectionKey), block);
    expect('clear' in unwrapped ? hex(unwrapped.clear) : unwrapped.fault, source).toBe(key);
  }
});

test('every published block of versions B and D is wrapped again to the same characters from the same filling', () => {
  const written = blocks.filter(({ block }) => /^[BD]/.test(block));
  for (const { protectionKey, block, key, clearData } of written) {
    const read = readKeyBlockHeader(block);
    if ('fault' in read) throw new Error(read.fault);
    const data = bytes(clearData);
    const filling = (count: number): Buffer => data.subarray(data.length - count);
    expect(wrapKeyBlock(protectionOf(block, protectionKey), read.header, bytes(key), filling, data.length - 2)).toBe(block);
  }
  expect(written.length).toBeGreaterThanOrEqual(10);
});

test('every published protection key gives its encryption and MAC keys', () => {
  const versions: Readonly<Record<string, KeyBlockVersion>> = { variant_version_A_C: 'C', derive_tdes_version_B: 'B', derive_aes_version_D: 'D' };
  const more = publishedKeys.map(({ kind = '', kbpk = '', kbek = '', kbak = '' }) => ({ version: versions[kind]!, protectionKey: kbpk, encryption: kbek, mac: kbak }));
  for (const { version, protectionKey, encryption, mac } of [...blockKeyVectors, ...more]) {
    const keys = blockKeys(version, bytes(protectionKey));
    expect([hex(keys.encryption), hex(keys.mac)]).toEqual([encryption, mac]);
  }
});

test('every published header is read, field by field, and written again with its padding block', () => {
  const more = publishedHeaders.map((vector) => ({ text: vector.input, characters: vector.consumed, blocks: vector.optional_blocks, written: vector.re_encoded }));
  for (const vector of [...headerVectors, ...more]) {
    const read = readKeyBlockHeader(vector.text);
    if ('fault' in read) throw new Error(read.fault);
    expect(read.headerCharacters).toBe(vector.characters);
    expect(Object.fromEntries(read.header.optionalBlocks.map(({ id, data }) => [id, data]))).toEqual(vector.blocks);
    expect(writeKeyBlockHeader(read.header, 0)).toBe(vector.written);
  }
  for (const { input, fields } of publishedHeaders) {
    const { header: { version, keyUsage, algorithm, modeOfUse, keyVersion, exportability } } = readKeyBlockHeader(input) as { header: KeyBlockHeader };
    expect({ version, key_usage: keyUsage, algorithm, mode_of_use: modeOfUse, version_num: keyVersion, exportability }).toEqual(fields);
  }
});

test('every block and header that must be refused is refused with the sentence for its fault', () => {
  for (const { text, alone, fault } of keyBlockRefused) {
    expect(faultOf(alone === true ? readKeyBlockHeader(text) : unwrapKeyBlock(protectionOf(text, refusedProtectionKey), text)), text).toBe(fault);
  }
});

test('every published block and header that must be refused is refused', () => {
  for (const { id, header: alone, key_block: block, kbpk } of publishedRefused) {
    const result = alone === undefined ? unwrapKeyBlock(protectionOf(block!, kbpk!), block!) : readKeyBlockHeader(alone);
    expect(faultOf(result), id).toMatch(/^(the|a key block of) /);
  }
});

test('a block of version E is refused with the reason that such blocks are not taken', () => {
  const versionE = publishedBlocks.find(({ version }) => version === 'E')?.['key_block'] ?? 'E0084B0TV16N0000B2AE5E26BBA7F246E84D5EA24167E208A6B66EF2E27E55A52DB52F0AEACB94C57547';
  expect(faultOf(unwrapKeyBlock(aes, versionE))).toBe('key blocks of version E (ISO 20038, counter mode) are not taken');
});

test('the published file has the vectors that it had, where it is there', () => {
  const counts = [publishedBlocks.length, restated.length, publishedKeys.length, publishedHeaders.length, publishedRefused.length];
  expect(counts).toEqual((process.env['LOCUM_VECTORS'] ?? '') === '' ? [0, 0, 0, 0, 0] : [25, 24, 6, 5, 51]);
});

test('what was wrapped unwraps to the same key and header, whatever the optional blocks', () => {
  fc.assert(
    fc.property(headers, fc.constantFrom(8, 16, 24), fc.constantFrom(0, 40), (of, length, hidden) => {
      const key = randomBytes(length);
      const block = wrapKeyBlock(protectionFor(of.version), of, key, randomBytes, hidden);
      expect(Number(block.slice(1, 5))).toBe(block.length);
      expect(block.length % (of.version === 'D' ? 16 : 8)).toBe(0);
      expect(unwrapKeyBlock(protectionFor(of.version), block)).toEqual({ header: of, clear: key });
    }),
    { numRuns: 200 },
  );
});

test('a block of which one character was changed, dropped or added does not unwrap', () => {
  fc.assert(
    fc.property(headers, fc.nat(), fc.constantFrom('0', '1', '7', 'A', 'F', 'a', 'S', 'x', ' '), (of, seed, other) => {
      const block = wrapKeyBlock(protectionFor(of.version), of, randomBytes(16), randomBytes);
      const at = seed % block.length;
      const changed = block[at] === other ? [] : [block.slice(0, at) + other + block.slice(at + 1)];
      for (const text of [...changed, block.slice(0, at) + block.slice(at + 1), block.slice(0, at) + other + block.slice(at)]) {
        expect(faultOf(unwrapKeyBlock(protectionFor(of.version), text))).not.toBe('no fault');
      }
    }),
    { numRuns: 300 },
  );
});

test.each(['A', 'B', 'C', 'D'] as const)('of a block of version %s no character at all can be changed', (version) => {
  const { protectionKey, block } = keyBlockVectors.find((vector) => vector.block.startsWith(version))!;
  for (let at = 0; at < block.length; at++) {
    for (const other of ['0', '1', 'B', 'X']) {
      if (block[at] === other) continue;
      const text = block.slice(0, at) + other + block.slice(at + 1);
      expect(faultOf(unwrapKeyBlock(protectionOf(block, protectionKey), text)), `${at} ${other}`).not.toBe('no fault');
    }
  }
});

test('a block cut anywhere is refused, as is anything that is no block', () => {
  const { protectionKey, block } = keyBlockVectors.find((vector) => vector.block.startsWith('D'))!;
  for (let at = 0; at < block.length; at++) expect(faultOf(unwrapKeyBlock(protectionOf(block, protectionKey), block.slice(0, at)))).not.toBe('no fault');
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(faultOf(unwrapKeyBlock(aes, text))).not.toBe('no fault');
    }),
  );
  expect(faultOf(unwrapKeyBlock(aes, block.repeat(100)))).toBe('the key block is longer than any can be');
});

test('a block does not open under another key, or under a key of the other algorithm with the same bytes', () => {
  const key = randomBytes(16);
  for (const [version, family, other] of [['B', 'tdes', 'aes'], ['D', 'aes', 'tdes']] as const) {
    const block = wrapKeyBlock({ family, key }, header({ version }), randomBytes(16), randomBytes);
    expect(faultOf(unwrapKeyBlock({ family, key: randomBytes(16) }, block))).toBe('the MAC of the key block is wrong: it was changed, or is under another key');
    expect(faultOf(unwrapKeyBlock({ family: other, key }, block))).toMatch(/^a key block of version [BD] takes /);
  }
});

test('no fault quotes a key', () => {
  const faults = publishedRefused.concat(keyBlockRefused.map(({ text }) => ({ key_block: text, kbpk: refusedProtectionKey })));
  for (const { key_block: block = '', kbpk = '' } of faults) expect(faultOf(unwrapKeyBlock(protectionOf(block, kbpk), block))).not.toMatch(/[0-9A-F]{8}/);
});

test('a key is wrapped by no old version, under no weaker key, and not if it is none', () => {
  expect(wrapFault(tripleDes, header({ version: 'A' }), randomBytes(16))).toMatch(/versions A and C are read, not written/);
  expect(wrapFault(tripleDes, header({ version: 'C' }), randomBytes(16))).toMatch(/versions A and C are read, not written/);
  expect(wrapFault(tripleDes, header({ version: 'B', algorithm: 'A' }), randomBytes(16))).toBe('the key is stronger than the key that would protect it');
  expect(wrapFault({ family: 'tdes', key: randomBytes(16) }, header({ version: 'B' }), randomBytes(24))).toBe('the key is stronger than the key that would protect it');
  expect(wrapFault({ family: 'aes', key: randomBytes(16) }, header({ algorithm: 'A' }), randomBytes(32))).toBe('the key is stronger than the key that would protect it');
  expect(wrapFault(aes, header(), Buffer.alloc(0))).toBe('the key is empty, or longer than any');
  expect(wrapFault(tripleDes, header(), randomBytes(16))).toMatch(/^a key block of version D takes an AES key/);
  expect(() => wrapKeyBlock(tripleDes, header(), randomBytes(16), randomBytes)).toThrow();
  expect(wrapFault(aes, header({ algorithm: 'A' }), randomBytes(32))).toBeUndefined();
});
