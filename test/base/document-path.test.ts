import { describe, expect, test } from 'vitest';
import { changesOf, valuesOf, withValueAt } from '../../src/base/document-path.ts';

const document = { type: 'host', timers: { posMs: 3_000 }, limits: [{ scope: 'overall', countMax: 3 }, { scope: 'cash' }], codes: ['91', 'N0'] };

describe('a value at a place', () => {
  test.for<[path: string, value: unknown, result: unknown]>([
    ['type', 'own', { ...document, type: 'own' }],
    ['timers.cashMs', 5_000, { ...document, timers: { posMs: 3_000, cashMs: 5_000 } }],
    ['timers.posMs', null, { type: 'host', limits: document.limits, codes: document.codes }],
    ['timers', null, { type: 'host', limits: document.limits, codes: document.codes }],
    ['limits[1].countMax', 1, { ...document, limits: [document.limits[0], { scope: 'cash', countMax: 1 }] }],
    ['limits[2].scope', 'fuel', { ...document, limits: [...document.limits, { scope: 'fuel' }] }],
    ['limits[0]', null, { ...document, limits: [{ scope: 'cash' }] }],
    ['codes[1]', '92', { ...document, codes: ['91', '92'] }],
    ['circuit.openMs', 7, { ...document, circuit: { openMs: 7 } }],
    ['absent', null, document],
  ])('%s = %j', ([path, value, result]) => {
    const before = structuredClone(document);
    expect(withValueAt(document, path, value)).toEqual(result);
    expect(document).toEqual(before);
  });

  test.for<[path: string, words: string]>([
    ['', 'is no place'], ['.', 'is no place'], ['a.', 'is no place'], ['a..b', 'is no place'], ['a.[0]', 'is no place'], ['[0]', 'is no place'], ['a[x]', 'is no place'], ['a[0]b', 'is no place'],
    ['a b', 'is no place'], ['__proto__.x', 'is no place'], ['a.__proto__', 'is no place'], [Array.from({ length: 17 }, () => 'a').join('.'), 'is no place'],
    ['limits[3].scope', 'is beyond the end of the list, which has 2'], ['limits[2]', 'is beyond the end'], ['type.x', 'has x where there is no object'], ['timers[0]', 'has [0] where there is no list'],
    ['limits.scope', 'has scope where there is no object'],
  ])('%s is refused: %s', ([path, words]) => {
    expect(() => withValueAt(document, path, null)).toThrow(words);
  });

  test('a name that every object has from elsewhere is not there', () => {
    expect(withValueAt({}, 'constructor.x', 1)).toEqual({ constructor: { x: 1 } });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

test('what differs is told place by place, and nothing where nothing does', () => {
  expect(changesOf(document, structuredClone(document))).toEqual([]);
  expect(changesOf(document, { ...document, type: 'own', timers: { cashMs: 1 }, orders: { out: { by: 'mia' } }, codes: ['91'], limits: [{ scope: 'overall', countMax: 4 }, { scope: 'cash' }] })).toEqual([
    { path: 'type', before: 'host', after: 'own' }, { path: 'timers.posMs', before: 3_000, after: undefined }, { path: 'timers.cashMs', before: undefined, after: 1 },
    { path: 'limits[0].countMax', before: 3, after: 4 }, { path: 'codes', before: ['91', 'N0'], after: ['91'] }, { path: 'orders.out.by', before: undefined, after: 'mia' },
  ]);
  expect(changesOf({ a: {} }, {})).toEqual([{ path: 'a', before: {}, after: undefined }]);
  expect(changesOf({ a: {} }, { a: 1 })).toEqual([{ path: 'a', before: {}, after: 1 }]);
});

test('every value is told with its place', () => {
  expect(valuesOf(document)).toEqual([
    { path: 'type', value: 'host' }, { path: 'timers.posMs', value: 3_000 }, { path: 'limits[0].scope', value: 'overall' }, { path: 'limits[0].countMax', value: 3 },
    { path: 'limits[1].scope', value: 'cash' }, { path: 'codes', value: ['91', 'N0'] },
  ]);
});
