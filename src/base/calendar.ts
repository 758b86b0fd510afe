/**
 * Business days and months of a time zone, as plain numbers that counters can be kept by.
 */

export interface BusinessTime {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** Months since January 1970. */
  readonly month: number;
}

/** Zones change their offset on a quarter of an hour at the most often, so within one the day's answer stands. */
const quarterMs = 900_000;

/**
 * @param timeZone an IANA name
 * @returns for Unix ms, the day and month there; remembers the current quarter of an hour
 * @throws RangeError where the zone is unknown
 */
export function businessCalendar(timeZone: string): (atMs: number) => BusinessTime {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  let quarter = -1;
  let current: BusinessTime = { day: 0, month: 0 };
  return (atMs) => {
    const asked = Math.floor(atMs / quarterMs);
    if (asked === quarter) return current;
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const year = parts.get('year') ?? 1970;
    const month = (parts.get('month') ?? 1) - 1;
    const day = Date.UTC(year, month, parts.get('day') ?? 1) / 86_400_000;
    quarter = asked;
    current = { day, month: (year - 1970) * 12 + month };
    return current;
  };
}
