/**
 * Amounts: integer minor units of an ISO 4217 currency, named by its three-digit numeric code as the wire does.
 */
import { assert } from '../base/assert.ts';
import { balanceMinorMax } from '../base/limits.ts';

export interface Amount {
  readonly amountMinor: number;
  /** ISO 4217 numeric, three digits. */
  readonly currency: string;
}

/** ISO 4217: numeric code, alphabetic code and exponent, where the exponent is not 2. */
const unusualExponents: Readonly<Record<string, number>> = {
  '048': 3, '108': 0, '152': 0, '174': 0, '262': 0, '324': 0, '352': 0, '368': 3, '392': 0, '400': 3, '410': 0, '414': 3,
  '434': 3, '512': 3, '548': 0, '600': 0, '646': 0, '704': 0, '788': 3, '800': 0, '927': 4, '940': 0, '950': 0, '952': 0,
  '953': 0, '990': 4,
};

/** The currencies that people name by letters on a command line or read in a report. */
const alphabetic: Readonly<Record<string, string>> = {
  '036': 'AUD', '048': 'BHD', '124': 'CAD', '152': 'CLP', '156': 'CNY', '203': 'CZK', '208': 'DKK', '344': 'HKD', '348': 'HUF',
  '352': 'ISK', '356': 'INR', '376': 'ILS', '392': 'JPY', '400': 'JOD', '410': 'KRW', '414': 'KWD', '484': 'MXN', '512': 'OMR',
  '554': 'NZD', '578': 'NOK', '702': 'SGD', '704': 'VND', '710': 'ZAR', '752': 'SEK', '756': 'CHF', '764': 'THB', '784': 'AED',
  '788': 'TND', '826': 'GBP', '840': 'USD', '941': 'RSD', '946': 'RON', '949': 'TRY', '975': 'BGN', '978': 'EUR', '980': 'UAH',
  '985': 'PLN', '986': 'BRL',
};

/** Is this a numeric currency code by its form (ISO 4217)? */
export function isCurrency(code: string): boolean {
  return /^[0-9]{3}$/.test(code) && code !== '000';
}

/** Decimal places of a currency's minor unit (ISO 4217); 2 where the standard lists nothing else. */
export function exponentOf(currency: string): number {
  return unusualExponents[currency] ?? 2;
}

/** `EUR` for `978`; the numeric code itself where no letters are known. */
export function currencyName(currency: string): string {
  return alphabetic[currency] ?? currency;
}

/** `978` for `EUR`, `eur` or `978`; undefined where it is neither. */
export function currencyNumber(name: string): string | undefined {
  if (isCurrency(name)) return name;
  const letters = name.toUpperCase();
  for (const numeric of Object.keys(alphabetic)) {
    if (alphabetic[numeric] === letters) return numeric;
  }
  return undefined;
}

/** `12.50 EUR` for 1250 minor units of 978. */
export function formatAmount(amountMinor: number, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const sign = amountMinor < 0 ? '-' : '';
  const fraction = exponent === 0 ? '' : `.${digits.slice(digits.length - exponent)}`;
  return `${sign}${whole}${fraction} ${currencyName(currency)}`;
}

/** Minor units of a decimal as a person writes it (`12.50`, `12`); undefined where it is no amount of that currency. */
export function parseAmount(text: string, currency: string): number | undefined {
  const match = /^([0-9]{1,13})(?:\.([0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const exponent = exponentOf(currency);
  const fraction = match[2] ?? '';
  if (fraction.length > exponent) return undefined;
  return Number(`${match[1]}${fraction.padEnd(exponent, '0')}`);
}

/** Adds within the bounds of a balance; beyond them our own books are wrong, so it asserts. */
export function add(aMinor: number, bMinor: number): number {
  const sum = aMinor + bMinor;
  assert(Number.isSafeInteger(sum) && Math.abs(sum) <= balanceMinorMax, 'a balance stays within its bound in whole minor units');
  return sum;
}

/**
 * A part of an amount at the rate that the whole was taken at: `wholeBilled * part / whole`, rounded half up.
 * All amounts in minor units, `0 <= part <= whole`, `whole > 0`.
 */
export function proportion(partMinor: number, wholeMinor: number, wholeBilledMinor: number): number {
  assert(wholeMinor > 0 && partMinor >= 0 && partMinor <= wholeMinor, 'a part is within its whole');
  if (wholeMinor === wholeBilledMinor) return partMinor;
  const whole = BigInt(wholeMinor);
  return Number((BigInt(wholeBilledMinor) * BigInt(partMinor) * 2n + whole) / (whole * 2n));
}
