/** Rows of remote issuers: what is read of them, and what is refused, with its place, before any message could fail by it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { demoTables } from '../../src/program/demo-tables.ts';
import type { HostIssuerRow } from '../../src/tables/issuer-rows.ts';
import type { Tables } from '../../src/tables/rows.ts';
import { formatFile } from '../../src/tables/format.ts';
import { readIssuer, readTables } from '../../src/tables/tables.ts';

const folder = mkdtempSync(join(tmpdir(), 'locum-host-tables-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function host(document: Readonly<Record<string, unknown>>): HostIssuerRow {
  return readIssuer('bank', { type: 'host', stations: ['demo-host'], ...document }) as HostIssuerRow;
}

function tablesWith(changes: Readonly<Record<string, unknown>>, ...more: Parameters<typeof readTables>[0]): Tables {
  return readTables([...demoTables.map((row) => (row.kind === 'issuer' && row.name === 'demo-host' ? { ...row, document: { ...row.document, ...changes } } : row)), ...more], 1);
}

/** A shipped format without these fields. */
function formatWithout(name: string, ...fields: string[]): string {
  const json = JSON.parse(readFileSync(formatFile('spec', name)!, 'utf8')) as { fields: Record<string, unknown> };
  for (const field of fields) Reflect.deleteProperty(json.fields, field);
  const file = join(folder, `${name}-without-${fields.join('-')}.json`);
  writeFileSync(file, JSON.stringify(json));
  return file;
}

test('times are per type of message and channel; what a row leaves away is as usual', () => {
  expect(host({}).timers).toEqual({
    authorization: { posMs: 3_500, cashMs: 5_000 }, financial: { posMs: 3_500, cashMs: 5_000 }, reversal: { posMs: 10_000, cashMs: 10_000 }, advice: { posMs: 10_000, cashMs: 10_000 },
  });
  expect(host({ timers: { posMs: 1_000, financial: { cashMs: 7_000 }, advice: { posMs: 900 } } }).timers).toEqual({
    authorization: { posMs: 1_000, cashMs: 5_000 }, financial: { posMs: 1_000, cashMs: 7_000 }, reversal: { posMs: 10_000, cashMs: 10_000 }, advice: { posMs: 900, cashMs: 10_000 },
  });
});

test('match keys are per type of message, and have something that tells one request from the next', () => {
  expect(host({ matchKeys: { reversal: ['class', 'RRN'] } }).matchKeys).toEqual({
    authorization: ['class', 'STAN', 'date', 'terminal', 'acquirer'], financial: ['class', 'STAN', 'date', 'terminal', 'acquirer'], reversal: ['class', 'RRN'],
  });
  expect(() => host({ matchKeys: { financial: ['class', 'terminal'] } })).toThrow('issuers.bank.matchKeys.financial must have STAN or RRN: nothing else tells one request from the next');
  expect(() => host({ matchKeys: { financial: ['STAN', 'STAN'] } })).toThrow('issuers.bank.matchKeys.financial has STAN a second time');
  expect(() => host({ matchKeys: { financial: ['colour'] } })).toThrow('issuers.bank.matchKeys.financial[0] must be class or STAN');
});

test('the codes by which an issuer asks for stand-in are of its stations’ edition, and approve nothing', () => {
  expect(tablesWith({ askingCodes: ['91', 'N0'] }).issuers.find(({ name }) => name === 'demo-host')).toMatchObject({ askingCodes: ['91', 'N0'] });
  expect(() => tablesWith({ askingCodes: ['N0', '907'] })).toThrow('issuers.demo-host.askingCodes[1] is 907, and none of its stations has response codes of 3 characters');
  expect(() => tablesWith({ askingCodes: ['00'] })).toThrow('issuers.demo-host.askingCodes[0] is 00, which approves or accepts');
});

test('steps of volume rise, and are for an issuer that gets every request and is stood in for', () => {
  const steps = [{ perSecond: 10, belowMinor: 500 }, { perSecond: 100, belowMinor: 2_000 }];
  expect(tablesWith({ volumeSteps: steps }).issuers.find(({ name }) => name === 'demo-host')).toMatchObject({ volumeSteps: steps });
  expect(() => tablesWith({ volumeSteps: [steps[0], { perSecond: 10, belowMinor: 600 }] })).toThrow('issuers.demo-host.volumeSteps[1].perSecond must be more than that of the step before it, 10');
  expect(() => tablesWith({ volumeSteps: [steps[0], { perSecond: 11, belowMinor: 500 }] })).toThrow('issuers.demo-host.volumeSteps[1].belowMinor must be more than that of the step before it, 500');
  expect(() => tablesWith({ volumeSteps: steps, mode: 'host' })).toThrow('issuers.demo-host.volumeSteps mean nothing with the mode host and whileAvailable forward');
  expect(() => tablesWith({ volumeSteps: steps, whileAvailable: 'standInFirst' })).toThrow('issuers.demo-host.volumeSteps mean nothing with the mode hostWithStandIn and whileAvailable standInFirst');
});

test('an acquirer’s format that cannot carry what the issuer must be told is refused with both places, where its cards may come from there', () => {
  const spec = formatWithout('iso8583-1987-ascii', '38');
  const shop = { kind: 'station', name: 'shop', document: { link: { listen: { port: 7_001 } }, spec } } as const;
  expect(() => tablesWith({}, shop)).toThrow(
    'stations.shop cannot be forwarded to stations.demo-host of issuers.demo-host: from iso8583-1987 in iso8583-1987-ascii to iso8583-1987 in iso8583-1987-binary: the acquirer\'s format has no DE38, which an approval brings back',
  );
  const withoutCards = demoTables.filter((row) => !(row.kind === 'binRange' && row.name === 'demo-host'));
  expect(readTables([...withoutCards, shop], 1).stations.map(({ name }) => name)).toContain('shop');
});

test('an issuer’s format that lacks what is mandatory is refused', () => {
  const spec = formatWithout('iso8583-1987-binary', '11');
  const rows = demoTables.map((row) => (row.kind === 'station' && row.name === 'demo-host' ? { ...row, document: { ...row.document, spec } } : row));
  expect(() => readTables(rows, 1)).toThrow('stations.demo-host.dialect cannot be used: iso8583-1987-binary: $.fields.11: is missing (dialect iso8583-1987)');
});
