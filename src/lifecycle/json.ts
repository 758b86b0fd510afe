/** Amounts and times as the doors and the events show them. */
import { currencyName } from '../message/money.ts';

export interface AmountShown {
  readonly amountMinor: number;
  /** ISO 4217, letters where they are known. */
  readonly currency: string;
}

/** @param currency numeric */
export function amountShown(amountMinor: number, currency: string): AmountShown {
  return { amountMinor, currency: currencyName(currency) };
}

/** RFC 3339 with its offset. @param at a Date, or Unix ms */
export function timeText(at: Date | number): string {
  return `${new Date(at).toISOString().slice(0, -1)}+00:00`;
}

/** The end of what dates are written for; Unix ms. */
export const timeMsMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The time that a page goes on from, whatever a cursor says. @param ms Unix ms; undefined: the page begins at `otherwise` */
export function timeOfPlace(ms: string | number | undefined, otherwise: 'first' | 'last'): Date {
  if (ms === undefined) return new Date(otherwise === 'first' ? 0 : timeMsMax);
  return new Date(Math.min(Math.max(Number(ms), 0), timeMsMax));
}
