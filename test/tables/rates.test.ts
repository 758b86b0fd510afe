import { expect, test } from 'vitest';
import { demoTables } from '../../src/program/demo-tables.ts';
import { readTables } from '../../src/tables/tables.ts';
import { Routing } from '../../src/switch/routing.ts';

const dollars = { from: 'USD', to: 'EUR', buy: '0.91', sell: '0.935', date: '2026-11-20' };
const tablesWith = (...documents: readonly object[]): ReturnType<typeof readTables> =>
  readTables([...demoTables, ...documents.map((document, index) => ({ kind: 'rate', name: `rate-${index}`, document: { ...document } } as const))], 1);

test('a rate is of two currencies, for selling and for buying, and of a day', () => {
  expect(tablesWith(dollars).rates).toEqual([{ name: 'rate-0', from: '840', to: '978', buy: '0.91', sell: '0.935', date: '2026-11-20' }]);
});

test.each<[string, object, string]>([
  ['between a currency and itself', { ...dollars, from: 'EUR' }, 'rates.rate-0.to must be another currency'],
  ['of a currency that is not known', { ...dollars, from: 'XQQ' }, 'rates.rate-0.from must be an ISO 4217 code'],
  ['of nothing', { ...dollars, buy: '0.0' }, 'rates.rate-0.buy must be more than 0'],
  ['at which buying is dearer than selling', { ...dollars, buy: '0.94' }, 'rates.rate-0.buy must be 0.935 or less'],
  ['of no day', { ...dollars, date: '2026-02-30' }, 'rates.rate-0.date must be a day of the calendar'],
  ['as a number', { ...dollars, sell: 0.935 }, 'rates.rate-0.sell'],
])('a rate %s is refused with its place', (_name, document, text) => {
  expect(() => tablesWith(document)).toThrow(text);
});

test('two rates for the same two currencies are refused, and the other way round is another', () => {
  expect(() => tablesWith(dollars, { ...dollars, date: '2026-11-21' })).toThrow('rates.rate-1 is of the same two currencies as rates.rate-0');
  expect(tablesWith(dollars, { ...dollars, from: 'EUR', to: 'USD', buy: '1.05', sell: '1.1' }).rates).toHaveLength(2);
});

test('what is spent is converted at what it costs, and a refund at what it gives, to the program’s currency alone', () => {
  const { programs, ranges, rates } = tablesWith(dollars, { ...dollars, from: 'USD', to: 'GBP', buy: '0.7', sell: '0.8' });
  const program = new Routing(programs, ranges, rates).programOf('4761730000000011');
  expect(program?.conversionOf('840', 'purchase')).toEqual({ from: '840', to: '978', rate: '0.935', date: '2026-11-20' });
  expect(program?.conversionOf('840', 'refund')).toEqual({ from: '840', to: '978', rate: '0.91', date: '2026-11-20' });
  expect(program?.conversionOf('978', 'purchase')).toBeUndefined();
  expect(program?.conversionOf('826', 'purchase')).toBeUndefined();
});
