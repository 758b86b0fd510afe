import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { luhnDigit, luhnValid } from '../../src/base/luhn.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { digits } from '../vectors/digits.ts';
import { luhnRight, luhnWrong, notCardNumbers } from '../vectors/luhn.ts';
import { published } from '../vectors/published.ts';

const publishedRight = [
  ...(published('luhn_pan.json', 'luhn_valid') as { digits: string }[]).map((vector) => vector.digits),
  ...(published('luhn_pan.json', 'pan_scheme') as { pan: string }[]).map((vector) => vector.pan),
];
const publishedWrong = (published('luhn_pan.json', 'luhn_invalid') as { input: string }[]).map((vector) => vector.input);
const publishedRefused = (published('luhn_pan.json', 'pan_reject') as { input: string }[]).map((vector) => vector.input);

describe('the Luhn digit', () => {
  test('is right in every number that is published as right, and is the one that belongs there', () => {
    for (const number of [...luhnRight, ...publishedRight]) {
      expect(luhnValid(number)).toBe(true);
      if (number.length > 1) expect(luhnDigit(number.slice(0, -1))).toBe(number.slice(-1));
    }
  });

  test('is wrong in every number that is published as wrong, and in anything but digits', () => {
    for (const number of [...luhnWrong, ...publishedWrong]) expect(luhnValid(number)).toBe(false);
    expect(luhnDigit('')).toBeUndefined();
    expect(luhnDigit('47617 3')).toBeUndefined();
  });

  test('is one of ten: with any other digit the number is not valid', () => {
    fc.assert(
      fc.property(digits(1, 18), (number) => {
        const right = luhnDigit(number);
        for (const digit of '0123456789') expect(luhnValid(number + digit)).toBe(digit === right);
      }),
    );
  });

  test('tells when any one digit was changed', () => {
    fc.assert(
      fc.property(digits(7, 18), fc.nat(), fc.integer({ min: 1, max: 9 }), (start, seed, by) => {
        const number = start + luhnDigit(start)!;
        const place = seed % number.length;
        const changed = number.slice(0, place) + String((Number(number[place]) + by) % 10) + number.slice(place + 1);
        expect(luhnValid(changed)).toBe(false);
      }),
    );
  });
});

describe('a PAN', () => {
  test('is 8 to 19 digits and nothing else', () => {
    for (const text of [...notCardNumbers, ...publishedRefused]) expect(Pan.parse(text)).toBeUndefined();
    for (const number of publishedRight.filter((number) => number.length >= 8 && number.length <= 19)) {
      expect(Pan.parse(number)?.luhnValid).toBe(true);
    }
    fc.assert(
      fc.property(digits(8, 19), (text) => {
        expect(Pan.parse(text)?.reveal()).toBe(text);
      }),
    );
  });

  test('with a wrong check digit is still a PAN, and says so', () => {
    expect(Pan.parse('4761730000000012')?.luhnValid).toBe(false);
    expect(Pan.parse('4761730000000011')?.luhnValid).toBe(true);
  });

  test('shows its first six and last four digits, and fewer where it is short', () => {
    expect(Pan.parse('4761730000000011')?.masked).toBe('476173******0011');
    expect(Pan.parse('6390007933866514387')?.masked).toBe('639000*********4387');
    expect(Pan.parse('378282246310005')?.masked).toBe('37828******0005');
    expect(Pan.parse('4222222222222')?.masked).toBe('422******2222');
    expect(Pan.parse('12345678')?.masked).toBe('******78');
  });

  test('never shows more than ten digits and always hides six', () => {
    fc.assert(
      fc.property(digits(8, 19), (text) => {
        const shown = Pan.parse(text)!.masked;
        expect(shown).toHaveLength(text.length);
        expect(shown.replaceAll('*', '').length).toBeLessThanOrEqual(10);
        expect(shown.replace(/[^*]/g, '').length).toBeGreaterThanOrEqual(6);
      }),
    );
  });

  test('is masked however it is printed', () => {
    const pan = Pan.parse('4761730000000011')!;
    const shown = '476173******0011';
    expect(String(pan)).toBe(shown);
    expect(JSON.stringify({ pan })).toBe(`{"pan":"${shown}"}`);
    expect(inspect({ pan }, { showHidden: true, depth: 9 })).not.toContain('4761730000000011');
    expect(inspect(pan)).toBe(shown);
    expect(JSON.stringify(structuredClone({ pan }))).not.toContain('0000000011');
    expect(Object.getOwnPropertyNames(pan)).toEqual([]);
  });

  test('is equal to another one with the same digits, and tells its BIN', () => {
    const pan = Pan.parse('4761730000000011')!;
    expect(pan.equals(Pan.parse('4761730000000011')!)).toBe(true);
    expect(pan.equals(Pan.parse('4761730000000029')!)).toBe(false);
    expect([pan.bin(6), pan.bin(8)]).toEqual(['476173', '47617300']);
  });
});

test('a secret is revealed when asked and shown by nothing else', () => {
  const secret = new Secret('921');
  expect(secret.reveal()).toBe('921');
  expect(String(secret)).toBe('[secret]');
  expect(JSON.stringify([secret])).toBe('["[secret]"]');
  expect(inspect(secret, { showHidden: true })).toBe('[secret]');
});
