/**
 * What an amount in one currency comes to in another, at a rate that was stamped on the message, or is kept with the hold.
 *
 * A rate is text, as it was published: how many units of one currency a unit of the other is worth. The amount is rounded to whole minor
 * units, half up; of more than nothing at least one is left. Invariant: the same amount at the same rate is the same, wherever it is reckoned.
 */
import { assert } from '../base/assert.ts';
import { amountMinorMax } from '../base/limits.ts';
import { exponentOf } from './money.ts';
import type { Amount } from './money.ts';

export interface Conversion {
  /** ISO 4217 numeric: the transaction's currency, and the balance's. */
  readonly from: string;
  readonly to: string;
  readonly rate: string;
  /** Of the rate, YYYY-MM-DD. */
  readonly date: string;
}

const rateForm = /^[0-9]{1,9}(\.[0-9]{1,9})?$/;

/** Is it a rate: up to nine digits before and behind the point, and more than nothing? */
export function isRate(text: string): boolean {
  return rateForm.test(text) && Number(text) > 0;
}

/** Minor units of `to`; undefined where it is more than `mostMinor`, by default any amount. @param amount 0 or more minor units */
export function convertedMinor({ amountMinor, currency }: Amount, rate: string, to: string, mostMinor = amountMinorMax): number | undefined {
  assert(isRate(rate) && amountMinor >= 0, 'an amount is converted at a rate');
  if (amountMinor === 0) return 0;
  const point = rate.indexOf('.');
  const decimals = point === -1 ? 0 : rate.length - point - 1;
  const shift = exponentOf(to) - exponentOf(currency) - decimals;
  const product = BigInt(amountMinor) * BigInt(rate.replace('.', ''));
  const scale = 10n ** BigInt(Math.abs(shift));
  const minor = shift >= 0 ? product * scale : (product * 2n + scale) / (scale * 2n);
  if (minor > BigInt(mostMinor)) return undefined;
  return minor === 0n ? 1 : Number(minor);
}
