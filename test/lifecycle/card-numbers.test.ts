import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawPan, expiryOf, lastDayOf } from '../../src/lifecycle/card-numbers.ts';

const range = (from: string, to = from): { readonly from: string; readonly to: string } => ({ from, to });

test('a number that is drawn has sixteen digits, its check digit, and is of the program', () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 12 }).chain((digits) => fc.tuple(fc.integer({ min: 0, max: 10 ** digits - 1 }), fc.integer({ min: 0, max: 10 ** digits - 1 }), fc.constant(digits))),
    ([one, other, digits]) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)].map((bound) => String(bound).padStart(digits, '0')) as [string, string];
      const drawn = drawPan('a', [{ name: 'a', ranges: [range(from, to)] }], randomBytes);
      const all = drawn.reveal();
      expect(all).toMatch(/^[0-9]{16}$/);
      expect(drawn.luhnValid).toBe(true);
      expect(all.slice(0, digits) >= from && all.slice(0, digits) <= to).toBe(true);
    },
  ));
});

test('a number of a narrower range that is another program’s is not drawn', () => {
  const programs = [{ name: 'a', ranges: [range('476173')] }, { name: 'b', ranges: [range('4761730', '4761738')] }];
  for (let draw = 0; draw < 200; draw += 1) expect(drawPan('a', programs, randomBytes).reveal()).toMatch(/^4761739/);
});

test('numbers come from all ranges, by their size, and evenly', () => {
  const programs = [{ name: 'a', ranges: [range('47617300000000'), range('51000', '51008')] }];
  const drawn = Array.from({ length: 2_000 }, () => drawPan('a', programs, randomBytes).reveal());
  expect(new Set(drawn).size).toBe(2_000);
  const fifth = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const digits of drawn) fifth[Number(digits[4])]! += 1;
  // 222 each of nine; five standard deviations are 70.
  expect(Math.min(...fifth)).toBeGreaterThan(150);
  expect(Math.max(...fifth)).toBeLessThan(295);
});

test('a range of one number gives it, and a program without a range is refused', () => {
  expect(drawPan('a', [{ name: 'a', ranges: [range('476173000000001')] }], randomBytes).reveal()).toBe('4761730000000011');
  expect(drawPan('a', [{ name: 'a', ranges: [range('4761730000000011')] }], randomBytes).reveal()).toBe('4761730000000011');
  for (const ranges of [[], [range('47617300000000112')], [range('4761730000000012')]]) {
    expect(() => drawPan('a', [{ name: 'a', ranges }], randomBytes)).toThrow(expect.objectContaining({ code: 'RANGE_EMPTY' }));
  }
});

test('a card is valid through the month that its months end in', () => {
  const utc = (atMs: number, validMonths: number): string => expiryOf(atMs, { validMonths, timeZone: 'UTC' });
  expect(utc(Date.UTC(2026, 10, 22), 36)).toBe('2910');
  expect(utc(Date.UTC(2026, 11, 31), 2)).toBe('2701');
  expect(utc(Date.UTC(2026, 0, 31), 1)).toBe('2601');
  expect([lastDayOf('2802'), lastDayOf('2702'), lastDayOf('3112')]).toEqual(['2028-02-29', '2027-02-28', '2031-12-31']);
});

test('the month in which a card is made is that of its program’s time zone', () => {
  const lastHour = Date.UTC(2026, 10, 30, 23);
  expect(['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/New_York'].map((timeZone) => expiryOf(lastHour, { validMonths: 1, timeZone }))).toEqual(['2611', '2612', '2612', '2611']);
  expect(expiryOf(Date.UTC(2027, 0, 1, 2), { validMonths: 12, timeZone: 'America/New_York' })).toBe('2711');
});
