/**
 * Business days, months and minutes of a time zone, as plain numbers that counters can be kept by and rules can be for.
 */

export interface BusinessTime {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** Months since January 1970. */
  readonly month: number;
  /** Minutes since midnight, as clocks there show it: 0 to 1439. */
  readonly minuteOfDay: number;
}

/** Zones change their offset on a quarter of an hour at the most often, so within one the day's answer stands. */
const quarterMs = 900_000;
const minuteMs = 60_000;

/**
 * @param timeZone an IANA name
 * @returns for Unix ms, the day, month and minute there; remembers the current quarter of an hour
 * @throws RangeError where the zone is unknown
 */
export function businessCalendar(timeZone: string): (atMs: number) => BusinessTime {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  let quarter = -1;
  let minute = -1;
  let first: BusinessTime = { day: 0, month: 0, minuteOfDay: 0 };
  let current = first;
  return (atMs) => {
    const asked = Math.floor(atMs / minuteMs);
    if (asked === minute) return current;
    minute = asked;
    const ofQuarter = Math.floor(atMs / quarterMs);
    if (ofQuarter !== quarter) {
      first = read(format, ofQuarter * quarterMs);
      quarter = ofQuarter;
    }
    current = { ...first, minuteOfDay: first.minuteOfDay + asked - ofQuarter * (quarterMs / minuteMs) };
    return current;
  };
}

function read(format: Intl.DateTimeFormat, atMs: number): BusinessTime {
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const year = parts.get('year') ?? 1970;
  const month = (parts.get('month') ?? 1) - 1;
  const day = Date.UTC(year, month, parts.get('day') ?? 1) / 86_400_000;
  return { day, month: (year - 1970) * 12 + month, minuteOfDay: (parts.get('hour') ?? 0) * 60 + (parts.get('minute') ?? 0) };
}
