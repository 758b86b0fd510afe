/**
 * The currency rates: rows of the system tables, which say at what an amount in one currency is taken from, or given to, a balance in another.
 *
 * Refuses a row between a currency and itself, a second one for the same two, and one at which buying is dearer than selling.
 */
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema } from '../base/schema.ts';
import { isRate } from '../message/conversion.ts';
import { currencyNumber } from '../message/money.ts';
import type { CurrencyRate } from '../switch/routing.ts';
import { text } from './schema-parts.ts';

export interface RateRow extends CurrencyRate {
  readonly name: string;
}

const currencyText = (description: string) => text(description, '^([0-9]{3}|[A-Z]{3})$', 'an ISO 4217 code: three digits, or three capital letters');
const rateText = (description: string) => text(description, '^[0-9]{1,9}(\\.[0-9]{1,9})?$', 'a decimal number as text, with up to nine digits before and behind the point');

export const rateSchema: ObjectSchema = {
  type: 'object',
  description: 'what a unit of one currency is worth in another',
  additionalProperties: false,
  required: ['from', 'to', 'buy', 'sell', 'date'],
  properties: {
    from: currencyText('the transaction\'s currency'),
    to: currencyText('the balance\'s currency'),
    sell: rateText('units of the balance\'s currency that one unit of the transaction\'s costs: for purchases and cash'),
    buy: rateText('units of it that one unit of the transaction\'s gives: for refunds; at most as many as it costs'),
    date: text('the day that the rate is of', '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', 'YYYY-MM-DD'),
  },
};

/** @param document as the schema gives it @throws ConfigError with the place */
export function rateRow(name: string, document: unknown): RateRow {
  const path = `rates.${name}`;
  const { from, to, buy, sell, date } = document as RateRow;
  const row: RateRow = { name, from: currencyIn(from, `${path}.from`), to: currencyIn(to, `${path}.to`), buy, sell, date };
  if (row.from === row.to) throw new ConfigError(`${path}.to`, 'must be another currency than from');
  for (const [place, rate] of [['buy', buy], ['sell', sell]] as const) if (!isRate(rate)) throw new ConfigError(`${path}.${place}`, 'must be more than 0');
  if (Number(buy) > Number(sell)) throw new ConfigError(`${path}.buy`, `must be ${sell} or less, as sell has it`);
  if (new Date(`${date}T00:00:00Z`).toJSON()?.slice(0, 10) !== date) throw new ConfigError(`${path}.date`, `must be a day of the calendar, not ${date}`);
  return row;
}

/** @throws ConfigError with the place of the first that is there twice */
export function checkRates(rates: readonly RateRow[]): void {
  for (const [index, { name, from, to }] of rates.entries()) {
    const other = rates.slice(0, index).find((rate) => rate.from === from && rate.to === to);
    if (other !== undefined) throw new ConfigError(`rates.${name}`, `is of the same two currencies as rates.${other.name}`);
  }
}

/** ISO 4217 numeric. @param code three digits or letters @throws ConfigError with the place */
export function currencyIn(code: string, path: string): string {
  const number = currencyNumber(code);
  if (number === undefined) throw new ConfigError(path, `must be an ISO 4217 code, not ${code}; a code of letters that is not known here can be given as its three digits`);
  return number;
}
