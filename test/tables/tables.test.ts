import { expect, test } from 'vitest';
import { ConfigError } from '../../src/base/schema.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { readProgram, readRange, readStation, readTables } from '../../src/tables/tables.ts';

const cwd = '/';
const link = { listen: { port: 7000 } };

test('a row of the book is read like one of the file, with every default', () => {
  expect(readStation('pos', { link, spec: 'iso8583-1987-ascii' })).toMatchObject({
    name: 'pos', spec: 'iso8583-1987-ascii', dialect: undefined, reasons: undefined, classes: ['authorization', 'financial', 'reversal'], originalKeys: [],
    link: { role: 'listen', host: '127.0.0.1', port: 7000 },
  });
  expect(readProgram('p', { partner: 'x', currency: 'eur'.toUpperCase(), cvk: 'k' })).toEqual({
    name: 'p', issuer: 'own', partner: 'x', currency: '978', timeZone: 'UTC', holdDays: { cardPresent: 5, cardNotPresent: 10, preauthorization: 30 },
    recordDays: 7, limits: [], merchantGroups: {}, verificationValueRequired: false, cvk: 'k', cvv2ExpiryOrder: 'yymm', creditGuard: false, creditLoads: [],
    cards: { kinds: ['virtual', 'physical'], validMonths: 36, serviceCode: '201' },
  });
  expect(readRange('r', { from: '476173', program: 'p' })).toEqual({ name: 'r', from: '476173', to: '476173', program: 'p' });
});

test('what is wrong in a row is said with the row', () => {
  expect(() => readStation('pos', { link, spec: 'x', colour: 'red' })).toThrow('stations.pos.colour is unknown; allowed here: link, spec, dialect, reasons, classes, originalKeys');
  expect(() => readProgram('p', { partner: 'x', currency: 'EUR' })).toThrow('programs.p.cvk is missing');
  expect(() => readTables([...demoTables, { kind: 'binRange', name: 'other', document: { from: '5', program: 'demo' } }], 1)).toThrow('ranges.other.from must be 2 to 19 digits, not "5"');
});

test('a switch\'s own environment wins over the book\'s rows', () => {
  const environment = { LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: '19583' };
  const { revision, stations } = readTables(demoTables, 7, { environment, cwd });
  expect(revision).toBe(7);
  expect(stations.map(({ link: { port } }) => port)).toEqual([19583, 8584, 8585, 8590]);
});

test('a range within a range is the exception to it', () => {
  const within = { kind: 'binRange', name: 'within', document: { from: '47617300', to: '47617309', program: 'demo' } } as const;
  expect(readTables([...demoTables, within], 1).ranges.map(({ name }) => name)).toEqual(['demo', 'demo-host', 'within']);
});

test('stations whose ports are drawn don\'t get into each other\'s way', () => {
  const drawn = ['a', 'b'].map((name) => ({ kind: 'station', name, document: { link: { listen: { port: 0 } }, spec: 'iso8583-1987-ascii' } }) as const);
  expect(readTables(drawn, 1).stations).toHaveLength(2);
});

test('own is an issuer without a row', () => {
  const without = demoTables.filter(({ kind, name }) => kind !== 'issuer' || name !== 'own');
  expect(readTables(without, 1).issuers).toMatchObject([{ name: 'demo-host', type: 'host' }, { name: 'own', type: 'own' }]);
  expect(() => readTables([{ kind: 'issuer', name: 'bank', document: { type: 'remote' } }], 1)).toThrow(ConfigError);
});
