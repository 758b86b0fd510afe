/** Where somebody is to be at all times, and whose advices are looked at. */
import { expect, test } from 'vitest';
import type { DeliveryStatus } from '../../src/advice/delivery.ts';
import { lookAt } from '../../src/program/alert-look.ts';
import type { LookOutside } from '../../src/program/alert-look.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { readTables } from '../../src/tables/tables.ts';
import type { TableDocument } from '../../src/tables/tables.ts';

const idle: DeliveryStatus = { state: 'idle', pausedBy: [], perSecond: 1, inFlight: 0, backlog: { count: 0, oldestAtMs: undefined }, setAside: 0 };

function looked(rows: readonly TableDocument[], more: Partial<LookOutside> = {}): ReturnType<typeof lookAt> {
  return lookAt({
    tables: () => readTables([...demoTables, ...rows], 0), network: () => undefined, issuers: () => [], acquirer: () => undefined, own: () => ({ delivery: idle, waiting: 0 }),
    office: { lag: { entries: 0, seconds: 0, stopped: undefined }, storeTrouble: undefined, bookTrouble: undefined, webhooks: [] }, storeAnswers: () => true, notes: { stationTrouble: () => '', storeTrouble: 'it does not answer' }, ...more,
  });
}

function station(name: string, link: object): TableDocument {
  return { kind: 'station', name, document: { spec: 'iso8583-1987-ascii', link } };
}

test('somebody is to be where this side connects, where an issuer is reached and where somebody signs on; and where operators say so', () => {
  const { stations } = looked([
    station('calls', { connect: { host: 'network.example', port: 7001 } }), station('signs', { listen: { port: 7002 }, session: { signOn: 'peer' } }),
    station('open', { listen: { port: 7003 } }), station('asked', { listen: { port: 7004 } }),
    { kind: 'parameter', name: 'system', document: { alerts: { stations: { asked: true, 'demo-1987-ascii': false } } } },
  ]);
  expect(Object.fromEntries(stations.map(({ name, isExpected }) => [name, isExpected]))).toEqual({
    'demo-1987-ascii': false, 'demo-1987-binary': false, 'demo-2003-binary': false, 'demo-host': true, calls: true, signs: true, open: false, asked: true,
  });
});

test('advices of own accounts are looked at, and messages that wait for the acquirer at a station, under its name', () => {
  const { advices } = looked([], { acquirer: (name) => (name === 'demo-1987-ascii' ? { ...idle, backlog: { count: 7, oldestAtMs: 5 }, setAside: 1 } : undefined) });
  expect(advices).toEqual([{ issuer: 'own', count: 0, oldestAtMs: undefined, setAside: 0 }, { issuer: 'station:demo-1987-ascii', count: 7, oldestAtMs: 5, setAside: 1 }]);
});

test('the store is away where its decisions say so or its journal cannot be read, and the own issuer is stood in for until its accounts know all', () => {
  expect(looked([])).toMatchObject({ storeTrouble: undefined, issuers: [] });
  expect(looked([], { storeAnswers: () => false })).toMatchObject({ storeTrouble: 'it does not answer', issuers: [{ name: 'own', why: 'storeUnreachable' }] });
  expect(looked([], { office: { lag: { entries: 0, seconds: 0, stopped: undefined }, storeTrouble: 'ECONNREFUSED', bookTrouble: undefined, webhooks: [] } })).toMatchObject({ storeTrouble: 'ECONNREFUSED' });
  expect(looked([], { own: () => ({ delivery: idle, waiting: 3 }) })).toMatchObject({ storeTrouble: undefined, issuers: [{ name: 'own', why: 'storeUnreachable' }] });
});
