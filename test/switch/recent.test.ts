import { expect, test } from 'vitest';
import { Recent } from '../../src/switch/recent.ts';

test('half of what may be remembered is there at least, and never more than may be', () => {
  const recent = new Recent<number>(10);
  for (let value = 0; value < 1_000; value += 1) {
    recent.set(`key ${value}`, value);
    const known = Array.from({ length: value + 1 }, (_, index) => index).filter((index) => recent.get(`key ${index}`) === index);
    expect(known.length).toBeLessThanOrEqual(10);
    expect(known.slice(-5)).toEqual(Array.from({ length: Math.min(5, value + 1) }, (_, index) => value - Math.min(4, value) + index));
  }
});

test('what is set again is the later value', () => {
  const recent = new Recent<string>(4);
  recent.set('a', 'first');
  recent.set('b', 'other');
  recent.set('c', 'other');
  recent.set('a', 'second');
  expect(recent.get('a')).toBe('second');
});
