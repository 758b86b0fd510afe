/**
 * Amounts on the wire: twelve digits with the currency in a field of its own (1987, 1993), or currency, exponent and twelve digits in
 * one (2003). Inside, they are minor units by ISO 4217's exponent, whatever exponent a sender writes.
 */
import { amountMinorMax } from '../base/limits.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Message } from '../iso8583/codec.ts';
import { currencyNumber, exponentOf } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import type { Dialect } from './dialect.ts';
import { isDigits } from './digits.ts';
import type { Faults } from './faults.ts';

/** Three digits that are not 000. */
export function isCurrencyCode(text: string): boolean {
  return text.length === 3 && isDigits(text) && text !== '000';
}

/** DE4 with its currency. Undefined where absent, and where it is faulty. A zero without a currency is no amount, and no fault. */
export function readAmount(message: Message, dialect: Dialect, faults: Faults): Amount | undefined {
  return readField(message, 4, dialect.amounts.currencyField, faults);
}

/** DE6 with its currency. */
export function readBilling(message: Message, dialect: Dialect, faults: Faults): Amount | undefined {
  return readField(message, 6, dialect.amounts.billingCurrencyField, faults);
}

function readField(message: Message, field: number, currencyField: number | undefined, faults: Faults): Amount | undefined {
  const text = message.text(field);
  if (text === undefined) return undefined;
  if (currencyField === undefined) return parseComposite(text, field, faults);
  const amountMinor = digitsMinor(text);
  if (amountMinor < 0) {
    faults.add(field, 'is not an amount');
    return undefined;
  }
  const currency = message.text(currencyField);
  if (currency === undefined) {
    if (amountMinor !== 0) faults.add(currencyField, 'the currency of an amount is missing');
    return undefined;
  }
  // The standard lets DE49 and DE51 name a currency by letters too.
  const number = isCurrencyCode(currency) ? currency : isDigits(currency) ? undefined : currencyNumber(currency);
  if (number !== undefined) return { amountMinor, currency: number };
  faults.add(currencyField, 'is not a currency');
  return undefined;
}

/** -1: not twelve digits at most. */
export function digitsMinor(text: string): number {
  if (!isDigits(text)) return -1;
  const amountMinor = Number(text);
  return amountMinor <= amountMinorMax ? amountMinor : -1;
}

/** Currency, exponent and twelve digits. */
export function parseComposite(text: string, field: number, faults: Faults): Amount | undefined {
  const currency = text.slice(0, 3);
  const exponent = text.charCodeAt(3) - 48;
  const written = text.length === 16 ? digitsMinor(text.slice(4)) : -1;
  if (written === 0 && currency === '000') return undefined;
  const amountMinor = written < 0 || !(exponent >= 0 && exponent <= 9) ? -1 : rescale(written, exponent, exponentOf(currency));
  if (isCurrencyCode(currency) && amountMinor >= 0) return { amountMinor, currency };
  faults.add(field, 'is not an amount with its currency and exponent');
  return undefined;
}

/** From a sender's exponent to the currency's own; -1 where that is no whole number, or too large. */
function rescale(written: number, from: number, to: number): number {
  if (from === to) return written;
  const scaled = from < to ? written * 10 ** (to - from) : written / 10 ** (from - to);
  return Number.isInteger(scaled) && scaled <= amountMinorMax ? scaled : -1;
}

/** DE4 of an answer, beside the echo of its currency. An amount that twelve digits cannot hold stays as it was asked. */
export function writeAmount(draft: Draft, dialect: Dialect, amount: Amount): void {
  if (!fits(amount)) return;
  const { currencyField } = dialect.amounts;
  if (currencyField === undefined) {
    draft.set(4, compositeText(amount));
    return;
  }
  draft.set(4, twelveDigits(amount.amountMinor));
  if (draft.get(currencyField) === undefined) draft.set(currencyField, amount.currency);
}

/** DE6 of an answer, with its currency. */
export function writeBilling(draft: Draft, dialect: Dialect, billing: Amount): void {
  if (!fits(billing)) return;
  const { billingCurrencyField } = dialect.amounts;
  if (billingCurrencyField === undefined) draft.set(6, compositeText(billing));
  else draft.set(6, twelveDigits(billing.amountMinor)).set(billingCurrencyField, billing.currency);
}

function fits(amount: Amount): boolean {
  return amount.amountMinor >= 0 && amount.amountMinor <= amountMinorMax;
}

export function twelveDigits(amountMinor: number): string {
  return String(amountMinor).padStart(12, '0');
}

export function compositeText(amount: Amount): string {
  return amount.currency + exponentOf(amount.currency) + twelveDigits(amount.amountMinor);
}
