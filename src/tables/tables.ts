/**
 * The system tables' rows as the switch works with them. In the book each is a JSON document; here it is read, checked, and every
 * default is filled in.
 *
 * Owns the readers, for rows of the configuration file and of the book alike, and the rules between rows. Refuses, with the row's
 * place, what is wrong in itself or does not fit: a range of a program that is not there, two ranges that are none's exception, a
 * format whose file is missing or wrong. Invariant: what `readTables` returns can be routed by and run on.
 */
import type { SystemTableKind, SystemTableRow } from '../book/table-row.ts';
import { ConfigError, readBySchema } from '../base/schema.ts';
import { readLinkConfig } from '../link/config.ts';
import type { LimitRule } from '../message/message.ts';
import { currencyName } from '../message/money.ts';
import { override } from './environment.ts';
import type { Environment } from './environment.ts';
import { loadFormat } from './format.ts';
import type { ProgramRow, RangeRow, StationRow, Tables } from './rows.ts';
import { tableSchemas } from './schema.ts';
import type { TableName } from './schema.ts';
import type { ProgramSecurity } from './security-rows.ts';
import { checkAcquirers, readAcquirer } from './acquirer-rows.ts';
import { checkHosts } from './host-checks.ts';
import { issuerRow } from './issuer-rows.ts';
import type { IssuerRow } from './issuer-rows.ts';
import { systemName, systemParameters } from './parameters.ts';
import { checkRates, currencyIn, rateRow } from './rates.ts';
import type { RateRow } from './rates.ts';
import { readProgramSecurity, readStationSecurity } from './security-rows.ts';

/** A row as the book and the configuration file have it. */
export type TableDocument = Pick<SystemTableRow, 'kind' | 'name' | 'document'>;

/** The tables' names in the configuration file, by the book's kinds. */
export const tableNames: Readonly<Record<SystemTableKind, TableName>> = {
  station: 'stations',
  program: 'programs',
  binRange: 'ranges',
  issuer: 'issuers',
  rate: 'rates',
  parameter: 'parameters',
};

/** What a row's reading takes from outside. */
export interface RowOutside {
  /** `LOCUM_STATIONS_…` and the like win over a row, on this switch alone. */
  readonly environment: Environment;
  /** What relative file names in variables start from. */
  readonly cwd: string;
}

const nothingOutside: RowOutside = { environment: {}, cwd: '/' };

/** @throws ConfigError with the row's place */
export function readStation(name: string, document: unknown, outside: RowOutside = nothingOutside): StationRow {
  const path = `stations.${name}`;
  const json = readDocument('stations', name, document, outside) as Omit<StationRow, 'name' | 'link' | 'security' | 'acquirer'> & { readonly link: unknown; readonly security: unknown; readonly acquirer: unknown };
  const { spec, dialect, reasons, classes, originalKeys, fileActions } = json;
  return { name, link: readLinkConfig(json.link, `${path}.link`), spec, dialect, reasons, classes, originalKeys, fileActions, security: readStationSecurity(json.security), acquirer: readAcquirer(json.acquirer, `${path}.acquirer`) };
}

/** @throws ConfigError with the row's place */
export function readProgram(name: string, document: unknown, outside: RowOutside = nothingOutside): ProgramRow {
  const path = `programs.${name}`;
  const json = readDocument('programs', name, document, outside) as Omit<ProgramRow, 'name' | keyof ProgramSecurity>;
  const currency = currencyIn(json.currency, `${path}.currency`);
  const creditCurrency = json.creditCurrency === undefined ? undefined : currencyIn(json.creditCurrency, `${path}.creditCurrency`);
  if (!isTimeZone(json.timeZone)) throw new ConfigError(`${path}.timeZone`, `must be a time zone of the IANA such as Europe/Berlin, not ${json.timeZone}`);
  checkGroups(json.merchantGroups, `${path}.merchantGroups`);
  for (const [index, limit] of json.limits.entries()) checkLimit(limit, json.merchantGroups, `${path}.limits[${index}]`);
  checkLoads(json.creditLoads, `${path}.creditLoads`);
  return { ...json, ...readProgramSecurity(json, path), name, currency, ...(creditCurrency === undefined ? {} : { creditCurrency }) };
}

/** @throws ConfigError with the row's place */
export function readRange(name: string, document: unknown, outside: RowOutside = nothingOutside): RangeRow {
  const path = `ranges.${name}`;
  const { from, to = from, program } = readDocument('ranges', name, document, outside) as { from: string; to?: string; program: string };
  if (to.length !== from.length) throw new ConfigError(`${path}.to`, `must have as many digits as from (${from.length}), not ${to.length}`);
  if (to < from) throw new ConfigError(`${path}.to`, `must be ${from} or more, not ${to}`);
  return { name, from, to, program };
}

/** @throws ConfigError with the row's place */
export function readIssuer(name: string, document: unknown, outside: RowOutside = nothingOutside): IssuerRow {
  return issuerRow(name, readDocument('issuers', name, document, outside), `issuers.${name}`);
}

/** @throws ConfigError with the row's place */
export function readRate(name: string, document: unknown, outside: RowOutside = nothingOutside): RateRow {
  return rateRow(name, readDocument('rates', name, document, outside));
}

/**
 * Reads and checks all rows together. The issuer `own` is there without a row, and so are the system's parameters.
 *
 * @throws ConfigError with the place of the first row that is wrong
 */
export function readTables(rows: readonly TableDocument[], revision: number, outside: RowOutside = nothingOutside): Tables {
  const read = <Row>(kind: SystemTableKind, reader: (name: string, document: unknown, outside: RowOutside) => Row): Row[] =>
    rows.filter((row) => row.kind === kind).map(({ name, document }) => reader(name, document, outside));
  const issuers = read('issuer', readIssuer);
  if (!issuers.some(({ name }) => name === 'own')) issuers.push(readIssuer('own', { type: 'own' }, outside));
  const parameters = new Map(read('parameter', (name, document) => [name, readDocument('parameters', name, document, outside)] as const));
  const tables: Tables = {
    revision, stations: read('station', readStation), programs: read('program', readProgram), ranges: read('binRange', readRange), issuers, rates: read('rate', readRate),
    parameters: systemParameters(parameters, readDocument('parameters', systemName, {}, outside)),
  };
  for (const { name, issuer } of tables.programs) refer(`programs.${name}.issuer`, issuer, tables.issuers, 'issuers');
  for (const { name, program } of tables.ranges) refer(`ranges.${name}.program`, program, tables.programs, 'programs');
  checkHosts(tables);
  checkAcquirers(tables);
  checkRates(tables.rates);
  checkCreditCurrencies(tables.programs, tables.issuers);
  checkOverlaps(tables.ranges);
  checkPorts(tables.stations);
  for (const station of tables.stations) loadFormat(station, `stations.${station.name}`);
  return tables;
}

function readDocument(table: TableName, name: string, document: unknown, outside: RowOutside): unknown {
  const schema = tableSchemas[table];
  const overridden = override(schema.items, document, [table, name], outside.environment, outside.cwd);
  const read = readBySchema(schema, { [name]: overridden }, table) as Readonly<Record<string, unknown>>;
  return read[name];
}

function refer(path: string, name: string, rows: readonly { readonly name: string }[], table: string): void {
  if (rows.some((row) => row.name === name)) return;
  const names = rows.map((row) => row.name);
  throw new ConfigError(path, `names ${name}, and ${names.length === 0 ? `there are no ${table}` : `${table} has ${names.join(', ')}`}`);
}

function checkGroups(groups: ProgramRow['merchantGroups'], path: string): void {
  for (const [group, members] of Object.entries(groups)) {
    if (group === 'overall' || group === 'cash') throw new ConfigError(`${path}.${group}`, 'is a scope of its own already; the group needs another name');
    for (const [index, member] of members.entries()) {
      const [from = '', to = from] = member.split('-');
      if (to < from) throw new ConfigError(`${path}.${group}[${index}]`, `must be a range that goes up, not ${member}`);
    }
  }
}

function checkLimit(limit: LimitRule, groups: ProgramRow['merchantGroups'], path: string): void {
  const scopes = ['overall', 'cash', ...Object.keys(groups)];
  if (!scopes.includes(limit.scope)) throw new ConfigError(`${path}.scope`, `must be ${scopes.join(' or ')}, not ${limit.scope}`);
  if (limit.amountMinorMax === undefined && limit.countMax === undefined) throw new ConfigError(path, 'must have amountMinorMax, countMax or both');
}

function checkLoads(loads: ProgramRow['creditLoads'], path: string): void {
  for (const [index, { id, amountMinor }] of loads.entries()) {
    if (amountMinor === 0) throw new ConfigError(`${path}[${index}].amountMinor`, 'must be more or less than 0');
    if (loads.findIndex((load) => load.id === id) < index) throw new ConfigError(`${path}[${index}].id`, `is ${id}, as that of an entry before it`);
  }
}

/** A partner's credit balance is one counter, in minor units of one currency: two would be added up as if they were the same. So is its deposit balance. */
function checkCreditCurrencies(programs: readonly ProgramRow[], issuers: readonly IssuerRow[]): void {
  const counters = new Map<string, { readonly name: string; readonly of: string }>();
  for (const { name, partner, issuer, currency, creditGuard, creditCurrency: of = currency } of programs) {
    if (!creditGuard) continue;
    const kind = isOwnIssuer(issuers, issuer) ? 'credit' : 'deposit';
    const other = counters.get(`${kind} ${partner}`);
    if (other !== undefined && other.of !== of) throw new ConfigError(`programs.${name}.creditGuard`, `takes from the ${kind} balance of ${partner}, which programs.${other.name} has in ${currencyName(other.of)}, not ${currencyName(of)}: creditCurrency says in which it is`);
    counters.set(`${kind} ${partner}`, { name, of });
  }
}

/** Does it decide on balances that are held here? */
export function isOwnIssuer(issuers: readonly IssuerRow[], name: string): boolean {
  return issuers.some((row) => row.type === 'own' && row.name === name);
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const panDigitsMax = 19;

/** Two ranges may share cards only where one is plainly the exception: it has more digits and lies within the other. */
function checkOverlaps(ranges: readonly RangeRow[]): void {
  for (const [index, one] of ranges.entries()) {
    for (const other of ranges.slice(0, index)) {
      const [a, b] = one.from.length < other.from.length ? [one, other] : [other, one];
      const [aFrom, aTo, bFrom, bTo] = [lowest(a), highest(a), lowest(b), highest(b)];
      if (bTo < aFrom || bFrom > aTo) continue;
      const exception = b.from.length > a.from.length && bFrom >= aFrom && bTo <= aTo;
      if (!exception) throw new ConfigError(`ranges.${one.name}`, `shares card numbers with ranges.${other.name}; only a range with more digits that lies within another may`);
    }
  }
}

function lowest(range: RangeRow): string {
  return range.from.padEnd(panDigitsMax, '0');
}

function highest(range: RangeRow): string {
  return range.to.padEnd(panDigitsMax, '9');
}

function checkPorts(stations: readonly StationRow[]): void {
  const seen = new Map<string, string>();
  for (const { name, link } of stations) {
    if (link.role !== 'listen' || link.port === 0) continue;
    const place = `${link.host}:${link.port}`;
    const other = seen.get(place);
    if (other !== undefined) throw new ConfigError(`stations.${name}.link.listen.port`, `is ${link.port}, on which stations.${other} listens`);
    seen.set(place, name);
  }
}
