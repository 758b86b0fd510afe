/**
 * MACs and paddings with their sources, restated. A MAC that is shorter than a block is its beginning.
 */

export interface MacVector {
  readonly source: string;
  readonly algorithm: 'cbc' | 'retail' | 'cmacAes' | 'cmacTdes';
  readonly key: string;
  readonly data: string;
  readonly padding: 1 | 2 | 3;
  readonly mac: string;
}

const psec = 'the tests of knovichikhin/psec (test_mac)';
const pyemv = 'the tests of knovichikhin/pyemv (test_mac)';
const iso = 'ISO/IEC 9797-1:2011, annex B.4, in the tests of openemv/crypto';
const nist = 'NIST SP 800-38B, annex D, in the tests of openemv/crypto';

export const macVectors: readonly MacVector[] = [
  { source: psec, algorithm: 'cbc', key: 'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB', data: '68656C6C6F20776F726C64', padding: 2, mac: '32DC341271ACCD00' },
  { source: psec, algorithm: 'cbc', key: 'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB', data: '68656C6C6F20776F726C64', padding: 3, mac: 'CDACA53E2DAA5412' },
  { source: pyemv, algorithm: 'retail', key: 'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB', data: '68656C6C6F20776F726C64', padding: 2, mac: '2BC2D9EDE0CF31F6' },
  { source: iso, algorithm: 'retail', key: '0123456789ABCDEFFEDCBA9876543210', data: '4E6F77206973207468652074696D6520666F7220616C6C20', padding: 1, mac: 'A1C72E74EA3FA9B6' },
  { source: iso, algorithm: 'retail', key: '0123456789ABCDEFFEDCBA9876543210', data: '4E6F77206973207468652074696D6520666F72206974', padding: 1, mac: '2E2B1428' },
  { source: nist, algorithm: 'cmacAes', key: '2B7E151628AED2A6ABF7158809CF4F3C', data: '6BC1BEE22E409F96E93D7E117393172A', padding: 1, mac: '070A16B46B4D4144F79BDD9DD04A287C' },
  { source: nist, algorithm: 'cmacAes', key: '2B7E151628AED2A6ABF7158809CF4F3C', data: '6BC1BEE22E409F96E93D7E117393172AAE2D8A57', padding: 1, mac: '7D85449EA6EA19C823A7BF78837DFADE' },
  { source: nist, algorithm: 'cmacAes', key: '2B7E151628AED2A6ABF7158809CF4F3C', data: '6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710', padding: 1, mac: '51F0BEBF7E3B9D92FC49741779363CFE' },
  { source: nist, algorithm: 'cmacAes', key: '8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B', data: '6BC1BEE22E409F96E93D7E117393172AAE2D8A57', padding: 1, mac: '3D75C194ED96070444A9FA7EC740ECF8' },
  { source: nist, algorithm: 'cmacTdes', key: '0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123', data: '6BC1BEE22E409F96E93D7E117393172A', padding: 1, mac: '30239CF1F52E6609' },
  { source: nist, algorithm: 'cmacTdes', key: '0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123', data: '6BC1BEE22E409F96E93D7E117393172AAE2D8A57', padding: 1, mac: '6C9F3EE4923F6BE2' },
  { source: nist, algorithm: 'cmacTdes', key: '0123456789ABCDEF23456789ABCDEF01', data: '', padding: 1, mac: '79CE52A7F786A960' },
  { source: nist, algorithm: 'cmacTdes', key: '0123456789ABCDEF23456789ABCDEF01', data: '6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51', padding: 1, mac: '9CD33580F9B64DFB' },
];

/** `method` of ISO/IEC 9797-1, clause 6.3; from the tests of knovichikhin/psec (test_mac). */
export const paddingVectors: readonly { readonly method: 1 | 2 | 3; readonly block: number; readonly data: string; readonly padded: string }[] = [
  { method: 1, block: 8, data: '1234', padded: '1234000000000000' },
  { method: 1, block: 4, data: '', padded: '00000000' },
  { method: 2, block: 8, data: '1234', padded: '1234800000000000' },
  { method: 2, block: 8, data: '12345678901234', padded: '1234567890123480' },
  { method: 3, block: 8, data: '1234', padded: '00000000000000101234000000000000' },
  { method: 3, block: 8, data: '1234567890123456', padded: '00000000000000401234567890123456' },
  { method: 3, block: 4, data: '', padded: '0000000000000000' },
];
