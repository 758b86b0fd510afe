import { expect, test } from 'vitest';
import { countryNumber } from '../../src/message/country.ts';

test('a country is known by two letters, three letters or its digits', () => {
  for (const code of ['DE', 'de', 'DEU', '276']) expect(countryNumber(code)).toBe('276');
  expect([countryNumber('US'), countryNumber('ZWE'), countryNumber('AF')]).toEqual(['840', '716', '004']);
  expect([countryNumber(''), countryNumber('D'), countryNumber('XX'), countryNumber('000')]).toEqual([undefined, undefined, undefined, undefined]);
});
