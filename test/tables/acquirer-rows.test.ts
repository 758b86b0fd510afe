/** Rows of acquirers' stations: what is read of them, and what is refused, with its place. */
import { expect, test } from 'vitest';
import { demoTables } from '../../src/program/demo-tables.ts';
import type { Tables } from '../../src/tables/rows.ts';
import { readStation, readTables } from '../../src/tables/tables.ts';

function tablesWith(station: string, acquirer: object): Tables {
  return readTables(demoTables.map((row) => (row.kind === 'station' && row.name === station ? { ...row, document: { ...row.document, acquirer } } : row)), 1);
}

test('institutions are known without their leading zeros; what a row leaves away is as usual', () => {
  expect(readStation('pos', { link: { listen: { port: 7_000 } }, spec: 'iso8583-1987-ascii', acquirer: { institutions: ['00000100001', '0'] } }).acquirer).toEqual({
    institutions: ['100001', '0'], advices: { perSecond: 50, cardsAtOnce: 16, refusalsMax: 5, answerMs: 10_000 }, orders: {},
  });
  expect(readStation('pos', { link: { listen: { port: 7_000 } }, spec: 'iso8583-1987-ascii' }).acquirer.institutions).toEqual([]);
});

test.for<[station: string, acquirer: object, sentence: string]>([
  ['demo-1987-ascii', { institutions: ['100001', '0100002'] }, 'stations.demo-1987-binary.acquirer.institutions[0] is 100002, which is reached over stations.demo-1987-ascii'],
  ['demo-1987-ascii', { institutions: ['1', '01'] }, 'stations.demo-1987-ascii.acquirer.institutions[1] is 1, which is reached over stations.demo-1987-ascii'],
  ['demo-host', { institutions: ['7'] }, 'stations.demo-host.acquirer.institutions must be empty: the station is one of issuers.demo-host; who is both has a station for each'],
  ['demo-1987-ascii', { institutions: ['bank'] }, 'stations.demo-1987-ascii.acquirer.institutions[0] must be up to eleven digits'],
  ['demo-1987-ascii', { orders: { out: { why: 'x', by: 'y', since: '2026-01-01T00:00:00Z' } } }, 'stations.demo-1987-ascii.acquirer.orders.out is an order for issuers'],
  ['demo-1987-ascii', { advices: { perSecond: 0 } }, 'stations.demo-1987-ascii.acquirer.advices.perSecond must be a whole number from 1'],
])('at %s, %j is refused', ([station, acquirer, sentence]) => {
  expect(() => tablesWith(station, acquirer)).toThrow(sentence);
});
