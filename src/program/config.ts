/**
 * The configuration as the program uses it: read from one file, checked against its schema, overridden by the environment, with
 * every default filled in.
 *
 * Refuses, with the file and the place, what the schema does not allow and what does not fit together. Holds no secret: where the
 * master key is, not what it is; addresses may have passwords, and are not shown.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { LogLevel } from '../base/log.ts';
import { ConfigError, readBySchema } from '../base/schema.ts';
import { isObject, misspelt, override, resolvePaths, settingsOf, variableOf } from '../tables/environment.ts';
import type { Environment } from '../tables/environment.ts';
import type { IssuerRow } from '../tables/issuer-rows.ts';
import { systemName } from '../tables/parameters.ts';
import type { ProgramRow, RangeRow, StationRow } from '../tables/rows.ts';
import { readTables, tableNames } from '../tables/tables.ts';
import type { RowOutside, TableDocument } from '../tables/tables.ts';
import { doorsOf, proxiesOf, tlsPlaceOf } from './config-doors.ts';
import type { DoorsConfig, DoorsJson, TlsJson, TlsPlace } from './config-doors.ts';
import type { CardSettings } from '../office/card-desk.ts';
import type { MoneySettings } from '../office/money-desk.ts';
import { cardsOf } from './config-cards.ts';
import type { CardsJson } from './config-cards.ts';
import { moneyOf } from './config-money.ts';
import type { MoneyJson } from './config-money.ts';
import { configSchema } from './config-schema.ts';
import { demoTables } from './demo-tables.ts';
import type { PeerPlace } from './operator-peers.ts';
import type { TokenPlace } from './operator-token.ts';

export interface Config {
  /** The folder of everything that the program writes; absolute. */
  readonly dataDir: string;
  /** Makes the demo program on the first start: stations, cards, keys. */
  readonly demo: boolean;
  /** This switch's name among those on the same store, 1 to 8 of a-z and 0-9: part of every message id. */
  readonly switchName: string;
  readonly log: { readonly level: LogLevel };
  readonly http: { readonly host: string; readonly port: number; /** Undefined: in clear. */ readonly tls: TlsPlace | undefined; /** Addresses and CIDRs. */ readonly trustedProxies: readonly string[] };
  readonly doors: DoorsConfig;
  /** Transfers, webhooks and e-mail. */
  readonly money: MoneySettings;
  /** The bureau's folder. */
  readonly cards: CardSettings;
  readonly store: StoreConfig;
  readonly book: {
    /** undefined: the embedded book under `dataDir`. */
    readonly databaseUrl: string | undefined;
    /** Journal entries that the book may be behind; above it requests are refused. */
    readonly lagEntriesMax: number;
    readonly refreshMs: number;
    /** Does this process write the journal into the book? */
    readonly drain: boolean;
    /** Days of the log of messages that are kept; 0: none is written. */
    readonly messageLogDays: number;
    /** Lines of it that wait for the book at most. */
    readonly messageLogLinesMax: number;
    /** How long a start waits for the book before it uses the system tables on local disk. */
    readonly startWaitMs: number;
  };
  readonly keys: {
    readonly keyFile: string;
    /** The master key is read from this file, or from this environment variable; absolute path. */
    readonly masterKey: { readonly file: string } | { readonly variable: string };
  };
  readonly operator: {
    /** Where the token is that operators show; absolute path. */
    readonly token: TokenPlace;
    /** The other switches on the same store. */
    readonly peers: readonly PeerPlace[];
  };
  readonly deadlines: {
    /** From a request's arrival to its answer. */
    readonly answerMs: number;
    /** From a stop's begin to its end. */
    readonly stopMs: number;
    readonly expiryScanMs: number;
  };
  /** The rows below as documents, without what the environment says: entered into the system tables at each start. */
  readonly rows: readonly TableDocument[];
  /** The environment and folder that `readTables` needs for the book's rows as for these. */
  readonly outside: RowOutside;
  readonly stations: readonly StationRow[];
  readonly programs: readonly ProgramRow[];
  readonly ranges: readonly RangeRow[];
  readonly issuers: readonly IssuerRow[];
  /** Where each system table row of this file came from, for messages: the file's path. */
  readonly file: string | undefined;
  /** Sentences about what is probably a mistake, for whoever starts the switch. */
  readonly warnings: readonly string[];
}

export type StoreConfig =
  | { readonly engine: 'sqlite'; readonly file: string; readonly partitions: number }
  | {
      readonly engine: 'redis';
      readonly url: string;
      readonly partitions: number;
      readonly replicasMin: number;
      readonly commandTimeoutMs: number;
    };

export interface ConfigSource {
  /** The file that the command line names. */
  readonly file?: string | undefined;
  readonly environment: Environment;
  readonly cwd: string;
  /** The machine's name, for the switch's own by default. */
  readonly hostName: string;
}

const usualFile = 'locum.json';
/** The embedded store's file in the data folder, where the configuration names no other. */
export const embeddedStoreFile = 'store.sqlite';

/**
 * Reads the configuration: the named file, or that of LOCUM_CONFIG, or locum.json where it is there; without any, it is the demo.
 *
 * @throws ConfigError whose message is a sentence with file (or variable), place and what is allowed
 */
export function loadConfig(source: ConfigSource): Config {
  const { environment, cwd } = source;
  const named = source.file ?? given(environment, 'LOCUM_CONFIG');
  const file = resolve(cwd, named ?? usualFile);
  const text = readText(file, named !== undefined);
  if (text === undefined) return build({}, undefined, source);
  return build(parseJson(text, file), file, source);
}

function build(document: unknown, file: string | undefined, source: ConfigSource): Config {
  const { cwd } = source;
  const folder = file === undefined ? cwd : dirname(file);
  const environment = withOthersNames(source.environment);
  try {
    const written = resolvePaths(configSchema, document, folder);
    const rows = withSystem(rowsOf(written, file));
    const settings = withoutReplaced(isObject(written) ? { ...written, ...noTables } : written, environment);
    const json = readBySchema(configSchema, override(configSchema, settings, [], environment, cwd), '') as ConfigJson;
    const dataDir = resolve(folder, json.dataDir);
    const demo = json.demo ?? file === undefined;
    const allRows = demo ? [...demoTables.filter(({ kind, name }) => !rows.some((row) => row.kind === kind && row.name === name)), ...rows] : rows;
    const outside: RowOutside = { environment: ofTables(environment), cwd };
    const { stations, programs, ranges, issuers } = readTables(allRows, 0, outside);
    return {
      dataDir,
      demo,
      switchName: json.switchName ?? nameFrom(source.hostName, dataDir),
      log: json.log,
      http: { ...json.http, tls: tlsPlaceOf(json.http.tls, 'http.tls'), trustedProxies: proxiesOf(json.http.trustedProxies, 'http.trustedProxies') },
      doors: doorsOf(json.doors, json.http.port),
      money: moneyOf(json),
      cards: cardsOf(json, dataDir),
      store: storeOf(json.store, dataDir),
      book: { ...json.book, databaseUrl: json.book.databaseUrl },
      keys: { keyFile: json.keys.keyFile ?? join(dataDir, 'keys.json'), masterKey: masterKeyOf(json.keys.masterKey, dataDir) },
      operator: { token: tokenPlaceOf(json.operator.token, dataDir), peers: peersOf(json.operator.peers) },
      deadlines: json.deadlines,
      rows: allRows,
      outside,
      stations,
      programs,
      ranges,
      issuers,
      file,
      warnings: misspelt(source.environment, knownVariables(allRows, settings)),
    };
  } catch (error) {
    if (!(error instanceof ConfigError) || file === undefined || /^(?:LOCUM_|REDIS_URL|DATABASE_URL)/.test(error.path)) throw error;
    throw new ConfigError('', `${file}: ${error.message}`);
  }
}

/** What `readBySchema` returns for `configSchema`, except for the tables. */
interface ConfigJson extends MoneyJson, CardsJson {
  readonly dataDir: string;
  readonly demo?: boolean;
  readonly switchName?: string;
  readonly log: Config['log'];
  readonly http: { readonly host: string; readonly port: number; readonly tls: TlsJson; readonly trustedProxies: readonly string[] };
  readonly doors: DoorsJson;
  readonly store: {
    readonly engine?: 'sqlite' | 'redis';
    readonly file?: string;
    readonly url?: string;
    readonly partitions?: number;
    readonly replicasMin: number;
    readonly commandTimeoutMs: number;
  };
  readonly book: { readonly databaseUrl?: string; readonly lagEntriesMax: number; readonly refreshMs: number; readonly drain: boolean; readonly messageLogDays: number; readonly messageLogLinesMax: number; readonly startWaitMs: number };
  readonly keys: { readonly keyFile?: string; readonly masterKey: { readonly file?: string; readonly variable?: string } };
  readonly operator: { readonly token: TokenJson; readonly peers: Readonly<Record<string, { readonly url: string; readonly token: TokenJson }>> };
  readonly deadlines: Config['deadlines'];
}

interface TokenJson {
  readonly file?: string;
  readonly variable?: string;
}

const noTables = { stations: {}, programs: {}, ranges: {}, issuers: {}, rates: {}, parameters: {} } as const;

/** The system's parameters are a row of the tables, which operators find there, whether or not the file says anything of them. */
function withSystem(rows: readonly TableDocument[]): TableDocument[] {
  return rows.some(({ kind }) => kind === 'parameter') ? [...rows] : [...rows, { kind: 'parameter', name: systemName, document: {} }];
}

/** The file's rows, as it has them. */
function rowsOf(document: unknown, file: string | undefined): TableDocument[] {
  if (file === undefined || !isObject(document)) return [];
  const kinds = Object.entries(tableNames) as [TableDocument['kind'], (typeof tableNames)[TableDocument['kind']]][];
  return kinds.flatMap(([kind, table]) => {
    const rows = document[table] ?? {};
    if (!isObject(rows)) throw new ConfigError(table, 'must be an object, with names as its properties');
    return Object.entries(rows).map(([name, row]) => {
      if (!isObject(row)) throw new ConfigError(`${table}.${name}`, 'must be an object');
      return { kind, name, document: row };
    });
  });
}

/**
 * The environment with what other programs' names for the same things say, under ours. Ours win.
 *
 * @throws ConfigError that names the variable
 */
function withOthersNames(environment: Environment): Environment {
  const result: Record<string, string | undefined> = { ...environment };
  const redisUrl = given(environment, 'LOCUM_STORE_URL') ?? othersValue(environment, 'REDIS_URL', ['store', 'url']);
  if (redisUrl !== undefined) {
    result['LOCUM_STORE_URL'] = redisUrl;
    result['LOCUM_STORE_ENGINE'] = given(environment, 'LOCUM_STORE_ENGINE') ?? 'redis';
  }
  const databaseUrl = given(environment, 'LOCUM_BOOK_DATABASE_URL') ?? othersValue(environment, 'DATABASE_URL', ['book', 'databaseUrl']);
  if (databaseUrl !== undefined) result['LOCUM_BOOK_DATABASE_URL'] = databaseUrl;
  const masterKeyNamed = masterKeyVariables.some((name) => given(environment, name) !== undefined);
  if (!masterKeyNamed && given(environment, masterKeyVariable) !== undefined) result['LOCUM_KEYS_MASTER_KEY_VARIABLE'] = masterKeyVariable;
  const tokenNamed = tokenVariables.some((name) => given(environment, name) !== undefined);
  if (!tokenNamed && given(environment, tokenVariable) !== undefined) result['LOCUM_OPERATOR_TOKEN_VARIABLE'] = tokenVariable;
  return result;
}

const masterKeyVariable = 'LOCUM_MASTER_KEY';
const masterKeyVariables = ['LOCUM_KEYS_MASTER_KEY_FILE', 'LOCUM_KEYS_MASTER_KEY_VARIABLE'] as const;

const tokenVariable = 'LOCUM_OPERATOR_TOKEN';
const tokenVariables = ['LOCUM_OPERATOR_TOKEN_FILE', 'LOCUM_OPERATOR_TOKEN_VARIABLE'] as const;

function othersValue(environment: Environment, variable: string, path: readonly string[]): string | undefined {
  const value = given(environment, variable);
  const setting = settingsOf(configSchema, {}, []).find((candidate) => variableOf(candidate.path) === variableOf(path));
  if (value !== undefined && setting !== undefined) readBySchema(setting.schema, value, variable);
  return value;
}

/** Where the environment says one of two things that exclude each other, the file's other one goes. */
function withoutReplaced(document: unknown, environment: Environment): unknown {
  if (!isObject(document)) return document;
  const isNamed = (names: readonly string[]): boolean => names.some((name) => given(environment, name) !== undefined);
  const { keys, operator } = document;
  return {
    ...document,
    ...(isObject(keys) && isNamed(masterKeyVariables) ? { keys: { ...keys, masterKey: {} } } : {}),
    ...(isObject(operator) && isNamed(tokenVariables) ? { operator: { ...operator, token: {} } } : {}),
  };
}

/** What the environment says about rows; the rest of it may be secret. */
function ofTables(environment: Environment): Environment {
  const prefixes = Object.values(tableNames).map((table) => `${variableOf([table])}_`);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
}

/** @param settings with the names that are not of tables */
function knownVariables(rows: readonly TableDocument[], settings: unknown): string[] {
  const document: Record<string, Record<string, unknown>> = isObject(settings) && isObject(settings['operator']) ? { operator: settings['operator'] } : {};
  for (const { kind, name, document: row } of rows) document[tableNames[kind]] = { ...document[tableNames[kind]], [name]: row };
  return ['LOCUM_CONFIG', masterKeyVariable, `${masterKeyVariable}_NEXT`, tokenVariable, ...settingsOf(configSchema, document, []).map(({ path }) => variableOf(path))];
}

function storeOf(store: ConfigJson['store'], dataDir: string): StoreConfig {
  const engine = store.engine ?? (store.url === undefined ? 'sqlite' : 'redis');
  if (engine === 'sqlite') return { engine, file: store.file ?? join(dataDir, embeddedStoreFile), partitions: store.partitions ?? 1 };
  if (store.url === undefined) throw new ConfigError('store.url', 'is missing: the engine redis needs it (or REDIS_URL)');
  const { url, partitions = 4, replicasMin, commandTimeoutMs } = store;
  return { engine, url, partitions, replicasMin, commandTimeoutMs };
}

function masterKeyOf(named: ConfigJson['keys']['masterKey'], dataDir: string): Config['keys']['masterKey'] {
  const { file, variable } = named;
  if (file !== undefined && variable !== undefined) throw new ConfigError('keys.masterKey', 'must have a file or a variable, not both');
  return variable === undefined ? { file: file ?? join(dataDir, 'master.key') } : { variable };
}

function tokenPlaceOf({ file, variable }: TokenJson, dataDir: string): TokenPlace {
  if (file !== undefined && variable !== undefined) throw new ConfigError('operator.token', 'must have a file or a variable, not both');
  return variable === undefined ? { file: file ?? join(dataDir, 'operator.token') } : { variable };
}

function peersOf(peers: ConfigJson['operator']['peers']): PeerPlace[] {
  return Object.entries(peers).map(([name, { url, token: { file, variable } }]) => {
    if (file !== undefined && variable !== undefined) throw new ConfigError(`operator.peers.${name}.token`, 'must have a file or a variable, not both');
    return { name, url, token: variable !== undefined ? { variable } : file === undefined ? undefined : { file } };
  });
}

/** Two switches on one machine write to two folders, so their names differ as well. */
function nameFrom(hostName: string, dataDir: string): string {
  const digest = createHash('sha256').update(`${hostName}\n${dataDir}`).digest();
  return digest.readBigUInt64BE().toString(36).padStart(13, '0').slice(-8);
}

/** undefined where there is none and none was named. */
function readText(file: string, named: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT' && !named) return undefined;
    throw new ConfigError('', code === 'ENOENT' ? `there is no configuration file ${file}` : `the configuration file ${file} cannot be read (${code})`);
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The place only: the rest of the parser's message may quote an address with its password.
    const at = placeOf(error, text);
    if (at === undefined) throw new ConfigError('', `${file} is not JSON: it ends too early`);
    const lines = text.slice(0, at).split('\n');
    throw new ConfigError('', `${file} is not JSON: line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`);
  }
}

/** Where the parser stopped; undefined at the end. It names the place in some of its messages, and the character alone in the others. */
function placeOf(error: unknown, text: string): number | undefined {
  const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : '');
  const named = /at position ([0-9]+)/.exec(messageOf(error));
  if (named !== null) return Number(named[1]);
  const [token] = /^Unexpected token '.*?',/su.exec(messageOf(error)) ?? [];
  if (token === undefined) return undefined;
  // The shortest beginning of the text that is refused for the same character ends with it.
  let [low, high] = [0, text.length];
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    try {
      JSON.parse(text.slice(0, middle));
      low = middle;
    } catch (thrown) {
      if (messageOf(thrown).startsWith(token)) high = middle;
      else low = middle;
    }
  }
  return high - 1;
}

function given(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}
