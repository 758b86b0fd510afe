import { describe, expect, it } from 'vitest';
import { compareSequence, partitionOf } from '../../src/store/store.ts';

describe('journal sequences', () => {
  it('are compared as numbers, not as text', () => {
    expect(compareSequence('9', '10')).toBeLessThan(0);
    expect(compareSequence('100', '99')).toBeGreaterThan(0);
    expect(compareSequence('7', '7')).toBe(0);
  });
});

describe('the partition of an id', () => {
  it('is FNV-1a of its characters, the same for every process', () => {
    // The reference values of 32-bit FNV-1a for 'a' and 'foobar' are e40c292c and bf9cf968.
    expect(partitionOf('a', 2 ** 31)).toBe(0xe40c292c % 2 ** 31);
    expect(partitionOf('foobar', 1_000)).toBe(0xbf9cf968 % 1_000);
  });

  it('spreads ids evenly', () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let index = 0; index < 16_000; index += 1) {
      const partition = partitionOf(`account ${index}`, 16);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  });
});
