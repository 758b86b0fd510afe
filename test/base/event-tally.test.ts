import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventTally } from '../../src/base/event-tally.ts';

const windowMs = 1_200;
const slotMs = windowMs / 12;

test('what is counted is what happened within the window, to a twelfth of it, and what is over is forgotten', () => {
  fc.assert(fc.property(fc.array(fc.record({ passMs: fc.integer({ min: 0, max: 700 }), count: fc.nat(5), of: fc.constantFrom('late', 'unmatched') }), { maxLength: 60 }), (steps) => {
    const tally = new EventTally(windowMs);
    const happened: { atMs: number; of: string }[] = [];
    let atMs = 0;
    for (const { passMs, count, of } of steps) {
      atMs += passMs;
      for (let each = 0; each < count; each += 1) {
        happened.push({ atMs, of });
        tally.count(of, `at ${atMs}`, atMs);
      }
      for (const name of ['late', 'unmatched']) {
        const counted = tally.recent(atMs).find((each) => each.name === name);
        const within = (ms: number): number => happened.filter((each) => each.of === name && atMs - each.atMs < ms).length;
        expect(counted?.count ?? 0).toBeGreaterThanOrEqual(within(windowMs - slotMs));
        expect(counted?.count ?? 0).toBeLessThanOrEqual(within(windowMs));
        if (counted !== undefined) expect(counted.last).toBe(`at ${happened.findLast((each) => each.of === name)!.atMs}`);
      }
    }
  }), { numRuns: 200 });
});
