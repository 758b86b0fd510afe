import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { thresholdAt, Volume } from '../../src/switch/volume.ts';

test('the volume is what came in the last second, give or take a tenth, whatever the pauses', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 3_000 })), { maxLength: 200 }), (pauses) => {
    let nowMs = 0;
    const came: number[] = [];
    const volume = new Volume(() => nowMs);
    for (const pause of pauses) {
      nowMs += pause;
      came.push(nowMs);
      const counted = volume.add();
      const within = (ms: number): number => came.filter((at) => nowMs - at < ms).length;
      expect(counted).toBeGreaterThanOrEqual(within(900));
      expect(counted).toBeLessThanOrEqual(within(1_000));
    }
  }));
});

test('the highest step that the volume reaches sets the amount', () => {
  const steps = [{ perSecond: 10, belowMinor: 500 }, { perSecond: 100, belowMinor: 2_000 }];
  expect([1, 9, 10, 99, 100, 5_000].map((perSecond) => thresholdAt(steps, perSecond))).toEqual([0, 0, 500, 500, 2_000, 2_000]);
  expect(thresholdAt([], 1_000)).toBe(0);
});
