/**
 * What a transaction reserves of its partner's balance, where that is in another currency than the cardholder's. Pure.
 *
 * What is reserved follows from what the leg holds or has posted at this moment, at the rate that it was taken at, and from nothing else. So
 * whatever is added, reversed in part, completed and expired in which order, and however the rates change meanwhile, what was reserved is given back to the last
 * minor unit when nothing is left of the leg.
 */
import { balanceMinorMax } from '../base/limits.ts';
import { convertedMinor } from './conversion.ts';
import type { CardMessage, Terms } from './message.ts';

/** At which a leg was reserved. */
export interface CreditRate {
  /** ISO 4217 numeric: the partner balance's. */
  readonly currency: string;
  readonly rate: string;
}

/** @param minor of the cardholder's balance; of what was given to it, less than 0. @param at undefined: both balances are in one currency. */
export function creditMinor(minor: number, currency: string, at: CreditRate | undefined): number {
  if (at === undefined) return minor;
  const reserved = convertedMinor({ amountMinor: Math.abs(minor), currency }, at.rate, at.currency, balanceMinorMax) ?? balanceMinorMax;
  return minor < 0 ? -reserved : reserved;
}

/** How a transaction that begins now is reserved; `unknown`: in another currency, to which no rate is known. */
export function creditRateOf({ credit }: Pick<Terms, 'credit'>, purpose: CardMessage['purpose']): CreditRate | undefined | 'unknown' {
  if (credit === undefined) return undefined;
  const rate = purpose === 'refund' ? credit.buy : credit.sell;
  return rate === undefined ? 'unknown' : { currency: credit.currency, rate };
}

/** Has it happened already, and takes nothing of the partner's balance since nobody can say how much? What follows an authorization is reserved as that was. */
export function isUnreserved({ terms, purpose }: Pick<CardMessage, 'terms' | 'purpose'>, kind: 'take' | 'complete' | 'increase'): boolean {
  return terms.creditGuard && kind === 'take' && creditRateOf(terms, purpose) === 'unknown';
}
