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
  return new Date(at).toISOString().replace('Z', '+00:00');
}
