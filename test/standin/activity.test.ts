import fc from 'fast-check';
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { describe, expect, it, test } from 'vitest';
import { decodeActivity, encodeActivity, hasSeen, move, newActivity, scopesIn, scopesMax, usedIn, usedOf, windowAt, withSeen } from '../../src/standin/activity.ts';
import type { Activity, Moment, Move } from '../../src/standin/activity.ts';
import { addPending, closeOutage, decodeExposure, encodeExposure, moveInOutage, newExposure, openOutage, sameOutageMs, settlePending, usedInOutage } from '../../src/standin/exposure.ts';
import type { Exposure } from '../../src/standin/exposure.ts';
import type { Counter, Span } from '../../src/standin/rules.ts';
import { startDay, startMonth, startMs } from '../account/fixture.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const hourMs = 3_600_000;
const moment: Moment = { nowMs: startMs, day: startDay, month: startMonth, outageId: 3 };
const at = (afterHours: number): Moment => ({ ...moment, nowMs: startMs + afterHours * hourMs });

function used(activity: Activity, span: Span, when: Moment, amountMinor: number, scope = 'overall', counters: readonly Counter[] = []): Activity {
  return move(activity, [[span, windowAt(activity, span, when), scope, 1, amountMinor]], counters);
}

describe('a rolling window', () => {
  it('holds what it counted for all of its hours, and lets go of it within a twelfth more', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 744 }), fc.integer({ min: 0, max: 744 * hourMs }), fc.integer({ min: 0, max: 1000 }), (hours, startsAtMs, permille) => {
      const first = { ...moment, nowMs: startMs + startsAtMs };
      const activity = used(newActivity, hours, first, 5);
      const within = { ...first, nowMs: first.nowMs + Math.floor((hours * hourMs * permille) / 1000) };
      const beyond = { ...first, nowMs: first.nowMs + Math.ceil((hours * hourMs * 14) / 12) };
      deepStrictEqual(usedOf(activity, hours, 'overall', within), [1, 5]);
      deepStrictEqual(usedOf(activity, hours, 'overall', beyond), [0, 0]);
    }), { numRuns: 500, seed });
  });

  it('stays where it is when the clock goes back', () => {
    const activity = used(used(newActivity, 12, at(10), 5), 12, at(3), 7);
    expect(usedOf(activity, 12, 'overall', at(3))).toEqual([2, 12]);
    expect(usedOf(activity, 12, 'overall', at(10))).toEqual([2, 12]);
  });

  it('keeps thirteen parts at the most', () => {
    let activity = newActivity;
    for (let hour = 0; hour < 100; hour += 1) activity = used(activity, 12, at(hour), 1);
    expect([activity.rolling[0]?.parts.length, usedOf(activity, 12, 'overall', at(99))]).toEqual([13, [13, 13]]);
  });
});

describe('an activity', () => {
  it('stays in the window that is ahead, of a switch whose clock is', () => {
    const activity = used(newActivity, 'day', { ...moment, day: startDay + 1 }, 5);
    expect(usedOf(used(activity, 'day', moment, 6), 'day', 'overall', moment)).toEqual([2, 11]);
  });

  it('lets go first of what no rule counts by, where there is not room for all', () => {
    let activity = newActivity;
    const counters: Counter[] = [{ scope: 'kept', span: 'day', currency: undefined }, { scope: 'kept', span: 5, currency: '840' }];
    for (const span of ['day', 5] as const) {
      activity = used(used(activity, span, moment, 5, 'kept', counters), span, moment, 5, 'kept/840', counters);
      for (let n = 0; n < 200; n += 1) activity = used(activity, span, moment, 1, `old${n}`, counters);
    }
    for (let hours = 10; hours < 60; hours += 1) activity = used(activity, hours, moment, 1, 'overall', counters);
    expect(scopesIn(activity.day)).toBeLessThanOrEqual(scopesMax);
    expect([usedOf(activity, 'day', 'kept', moment), usedOf(activity, 5, 'kept/840', moment)]).toEqual([[1, 5], [1, 5]]);
    expect(activity.rolling.length).toBeLessThanOrEqual(6);
    expect(encodeActivity(activity).length).toBeLessThan(4000);
  });

  it('knows the latest sixteen values that came', () => {
    const activity = Array.from({ length: 20 }, (_, n) => `#${n}`).reduce((before, mark) => withSeen(before, [mark]), newActivity);
    expect([hasSeen(activity, '#3'), hasSeen(activity, '#4'), hasSeen(activity, '#19'), activity.seen.length]).toEqual([false, true, true, 16]);
    expect(withSeen(activity, ['#19'])).toBe(activity);
  });

  it('reads as it was written', () => {
    fc.assert(fc.property(
      fc.array(fc.record({ span: fc.constantFrom<Span>('day', 'month', 'outage', 1, 24, 72), hour: fc.integer({ min: 0, max: 100 }), scope: fc.constantFrom('overall', 'cash', 'food/840', '__proto__x'), amount: fc.integer({ min: -50, max: 100 }) }), { maxLength: 60 }),
      fc.nat({ max: 15 }), fc.array(fc.base64String({ maxLength: 22 }), { maxLength: 16 }),
      (steps, pinTries, seen) => {
        let activity: Activity = { ...newActivity, pinTries, seen };
        for (const { span, hour, scope, amount } of steps) {
          const step: Move = [span, windowAt(activity, span, at(hour)), scope, Math.sign(amount), amount];
          activity = move(activity, [step], []);
        }
        deepStrictEqual(decodeActivity(encodeActivity(activity)), activity);
        for (const window of [activity.day, activity.month, activity.outage, ...activity.rolling.flatMap(({ parts }) => parts)]) {
          for (let place = 1; place < window.length; place += 3) {
            const [count, amountMinor] = usedIn(window, window[place] as string);
            strictEqual(count >= 0 && amountMinor >= 0 && count + amountMinor > 0, true);
          }
        }
      },
    ), { numRuns: 300, seed });
  });

  it('costs a card that uses none of it a few bytes', () => {
    expect(encodeActivity(newActivity)).toBe('[1,0,[],[0],[0],[0]]');
    expect(() => decodeActivity('[2,0,[],[0],[0],[0]]')).toThrow('an activity is in a form that this program knows');
  });
});

describe('an exposure', () => {
  it('says which outage it is to all who share it', () => {
    const north = openOutage(newExposure, 1000);
    expect(openOutage(north, 1005)).toBe(north);
    const counted = moveInOutage(moveInOutage(north, north.outageId, 1, 50), north.outageId, 1, 20);
    const closed = closeOutage(counted);
    expect([usedInOutage(closed, 1000), closeOutage(closed)]).toEqual([[2, 70], closed]);
    const next = openOutage(closed, 900);
    expect([next.outageId, usedInOutage(next, next.outageId)]).toEqual([1001, [0, 0]]);
    expect(moveInOutage(next, 1000, -1, -50)).toBe(next);
    expect(usedInOutage(next, 2000)).toEqual([0, 0]);
    expect(moveInOutage(counted, 2000, 1, 5)).toMatchObject({ outageId: 2000, count: 1, amountMinor: 5 });
  });

  it('is of the same outage where the issuer goes again soon after it came back', () => {
    const closed = closeOutage(moveInOutage(openOutage(newExposure, 1000), 1000, 1, 50), 5000);
    const again = openOutage(closed, 5000 + sameOutageMs - 1);
    expect([again.outageId, again.isOpen, usedInOutage(again, 1000)]).toEqual([1000, true, [1, 50]]);
    expect(openOutage(closed, 5000 + sameOutageMs)).toMatchObject({ outageId: 5000 + sameOutageMs, isOpen: true, count: 0, amountMinor: 0 });
  });

  it('never holds less than what is pending, however much it is', () => {
    let exposure = newExposure;
    for (let n = 0; n < 100; n += 1) exposure = addPending(exposure, `m${n}`, 1);
    expect([exposure.pendingMinor, exposure.recent.length]).toEqual([100, 32]);
    let settled: Exposure = exposure;
    for (let n = 0; n < 100; n += 1) {
      settled = settlePending(settled, `m${n}`, 1);
      expect(settled.pendingMinor).toBe(99 - n);
    }
  });

  it('reads as it was written', () => {
    fc.assert(fc.property(fc.record({ outageId: fc.nat(), isOpen: fc.boolean(), closedAtMs: fc.nat(), count: fc.nat(), amountMinor: fc.nat(), pendingMinor: fc.nat(), recent: fc.array(fc.tuple(fc.string(), fc.nat()), { maxLength: 32 }) }, { noNullPrototype: true }), (exposure) => {
      deepStrictEqual(decodeExposure(encodeExposure(exposure)), exposure);
    }), { numRuns: 200, seed });
    expect(() => decodeExposure('[3]')).toThrow('an exposure is in a form that this program knows');
  });
});

test('what a window does not know was not used', () => {
  expect([usedOf(newActivity, 'day', 'overall', moment), usedOf(newActivity, 24, 'overall', moment)]).toEqual([[0, 0], [0, 0]]);
});
