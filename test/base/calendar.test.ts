import { expect, test } from 'vitest';
import { businessCalendar } from '../../src/base/calendar.ts';

const dayMs = 86_400_000;

test.for([
  ['UTC', '2026-11-22T08:05:59Z', '2026-11-22', 8 * 60 + 5],
  ['Europe/Berlin', '2026-11-22T23:30:00Z', '2026-11-23', 30],
  ['America/New_York', '2026-11-22T04:59:59Z', '2026-11-21', 23 * 60 + 59],
  ['Asia/Kathmandu', '2026-11-22T18:15:00Z', '2026-11-23', 0],
  // The clock goes from 3:00 back to 2:00.
  ['Europe/Berlin', '2026-10-25T01:10:00Z', '2026-10-25', 2 * 60 + 10],
] as const)('in %s it is, at %s, the day %s and this many minutes past midnight: %i', ([timeZone, at, day, minuteOfDay]) => {
  expect(businessCalendar(timeZone)(Date.parse(at))).toMatchObject({ day: Date.parse(day) / dayMs, minuteOfDay });
});

test('minutes pass within a quarter of an hour, and time may be asked for out of order', () => {
  const calendar = businessCalendar('Europe/Berlin');
  const asked = ['23:44', '23:59', '22:58', '23:46', '00:01'].map((time) => calendar(Date.parse(`2026-11-22T${time}:30Z`)).minuteOfDay);
  expect(asked).toEqual([44, 59, 23 * 60 + 58, 46, 61]);
});
