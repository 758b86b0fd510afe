/**
 * Puts the program together: the outside (clock, random numbers, sockets, files, threads) comes in here and nowhere else.
 *
 *   this thread   stations, decisions, the decide loop, the store's client
 *   store thread  owns the SQLite file (embedded engine)
 *   office thread the book, the journal's drain, system tables, HTTP
 */
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { destination } from 'pino';
import { pinTriesLock } from '../account/security.ts';
import { Deadlines, processSchedule } from '../base/deadlines.ts';
import { createLog } from '../base/log.ts';
import type { Log } from '../base/log.ts';
import { readableLines } from '../base/log-lines.ts';
import { FolderLock } from '../book/folder-lock.ts';
import { GuardRoom } from '../issuer/guard-room.ts';
import { expireDue, openLedger } from '../issuer/ledger.ts';
import type { ExpiryOptions } from '../issuer/ledger.ts';
import type { KeyInfo } from '../keys/hsm.ts';
import { MasterKey } from '../keys/master-key.ts';
import { openMasterKey } from '../keys/master-key-place.ts';
import { endpointConfig } from '../link/config.ts';
import type { LinkOutside } from '../link/link.ts';
import { nodeNetwork } from '../link/node-network.ts';
import { loadTls } from '../link/tls-files.ts';
import { TurnEnd } from '../link/turn-end.ts';
import type { Pan } from '../message/pan.ts';
import { StoreHeads } from '../office/account-heads.ts';
import { RedisStore } from '../store/redis.ts';
import { SqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { Decisions } from '../switch/decisions.ts';
import { Directory } from '../switch/directory.ts';
import { FileActions } from '../switch/file-actions.ts';
import { Hosts } from '../switch/hosts.ts';
import { HsmTurn } from '../switch/hsm-turn.ts';
import { noMessageLog } from '../switch/message-log.ts';
import type { MessageLog } from '../switch/message-log.ts';
import { Routing } from '../switch/routing.ts';
import { newStamps } from '../switch/stamp.ts';
import { Switch } from '../switch/switch.ts';
import type { StationSetup, StationStatus } from '../switch/switch.ts';
import { loadFormat } from '../tables/format.ts';
import type { HostIssuerRow } from '../tables/issuer-rows.ts';
import type { SystemParameters } from '../tables/parameters.ts';
import type { StationRow, Tables } from '../tables/rows.ts';
import { isOwnIssuer } from '../tables/tables.ts';
import { lookAt } from './alert-look.ts';
import { AlertNotes, AlertWatch } from './alerts.ts';
import { AcquirerStations } from './acquirers.ts';
import type { Config } from './config.ts';
import { isInClear } from './config-doors.ts';
import { CreditLoads } from './credit-loads.ts';
import { makeDemoCards } from './demo.ts';
import { DeskCalls } from './desk-calls.ts';
import { decideEvents, linkEvents, LogGate, switchEvents } from './events.ts';
import { familyWords, missingKeys, namedKeys } from './key-check.ts';
import { HostIssuers } from './hosts.ts';
import { openKeys } from './keys.ts';
import type { Keys } from './keys.ts';
import { keepMemoryIn, ownWaysOut } from './memory-safety.ts';
import { MessageLines } from './message-lines.ts';
import { newMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { Office } from './office.ts';
import { operationsOf } from './operations.ts';
import { OwnAccounts, openNegativeList } from './own-accounts.ts';
import { lockInAccount, orderLock, takeAndTell, tellLock } from './lock-orders.ts';
import type { LockOrdersOutside } from './lock-orders.ts';
import { tellControls } from './operator-controls.ts';
import { openPeers } from './operator-peers.ts';
import { openOperatorToken } from './operator-token.ts';

export interface Running {
  /** Where each station listens, and what goes on there. */
  readonly stations: readonly StationStatus[];
  readonly httpPort: number;
  /** Of the partners' door. */
  readonly securePort: number;
  readonly log: Log;
  /** No new reads; answers in flight finished; the journal drained as far as the time allows. */
  stop(): Promise<void>;
}

/** A start that cannot be; the message is a sentence for a person. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
  readonly code = 'startRefused';
}

const networkAnswerMs = 10_000;
/** How long anything that was opened may take to be closed after a start that failed. */
const closeMs = 3_000;
/** What a stop leaves to the office of the time that it has, at least. */
const drainMsMin = 1_000;
const stationRetryMs = 5_000;
const settleMs = 100;
const alertLookMs = 250;
/** The least that the account of an expired hold remembers it; days. */
const recordDaysMin = 7;

/**
 * Starts everything that the configuration names; resolves when the stations accept.
 * @throws Error with a sentence for a person: what could not be started, and what to do
 */
export async function start(config: Config): Promise<Running> {
  // Accounts, keys, the book: nothing that is written is anybody else's to read.
  process.umask(0o077);
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await compose(config, opened);
  } catch (error) {
    // What hangs is left: the reason why nothing was started must come out.
    for (const close of opened.reverse()) await Promise.race([close(), pause(closeMs)]);
    throw error;
  }
}

/** @param opened gets what has to be closed where the start fails */
async function compose(config: Config, opened: (() => Promise<unknown>)[]): Promise<Running> {
  if (!config.demo) refuseWaysOut();
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const folder = FolderLock.take(join(config.dataDir, 'lock'));
  if (folder === undefined) throw new StartRefused(`${config.dataDir} is in use by another switch; stop that one, or give this one a folder of its own (dataDir, or LOCUM_DATA_DIR)`);
  opened.push(async () => folder.release());
  const now = (): number => Date.now();
  const elapsed = (): number => performance.now();
  const readable = process.stdout.isTTY;
  const lines = destination({ fd: 1, sync: false });
  const log = createLog({ destination: readable ? readableLines(lines) : lines, level: config.log.level, nowMs: now });
  const end = endOnFault(log, () => lines.flushSync());
  const metrics = newMetrics();
  const gate = new LogGate(log, now);
  const atTurnEnd = (work: () => void): void => void setImmediate(work);

  keepMemoryIn(config.demo, log);
  const keys = openKeysOf(config, log, now);
  opened.push(async () => keys.close());
  const { hsm } = keys;
  const store = await openStore(config, now, (reason) => end('store lost', reason));
  opened.push(() => store.close());
  const found = await store.durability();
  if (found.durable) log.event('store opened', { engine: config.store.engine, finding: found.finding });
  else log.warning('store is not durable', { engine: config.store.engine, finding: found.finding });

  const token = openOperatorToken(config.operator.token, process.env, randomBytes);
  const peers = openPeers(config.operator.peers, token, process.env);
  const office = await Office.open({ config, store, log, readable, metrics: metrics.registry, token, now });
  opened.push(() => office.stop(0));
  if (isInClear(config.http)) log.warning('sessions travel in clear', { host: config.http.host, todo: 'name a certificate (http.tls), or listen on a loopback address behind what ends TLS' });
  const notes = new AlertNotes(elapsed);
  const messages = messageLogOf(config, office, metrics, log, notes, now);
  const newId = (): string => `${config.switchName}x${now().toString(36)}${randomInt(0x7fffffff).toString(36)}`;
  const guards = new GuardRoom({ store, now, elapsed, newId });
  const after = (delayMs: number, work: () => void): void => void setTimeout(work, delayMs).unref();
  // Set when there is whoever stands in; until then the store has all the time that it needs.
  const doubt = { latestMs: () => Infinity };
  const ledger = await openLedger({
    store, now, elapsed, atTurnEnd, after, events: decideEvents(metrics, log, gate, notes),
    doubtMs: () => doubt.latestMs(), findGuardRoom: guards.findGuardRoom,
  });
  if (config.demo) await makeDemoCards({ store, ledger, hsm, now });

  const tables = await office.tables();
  let current = tables;
  const limits = currentLimits(config, () => current.parameters);
  const loads = new CreditLoads({ guards, log, after });
  await loads.apply(tables);
  const deadlines = new Deadlines(elapsed, processSchedule);
  const hsmTurn = new HsmTurn(hsm, {
    atTurnEnd, deadlines,
    get answerMs() {
      return limits.answerMs;
    },
  });
  const hosts = new Hosts();
  const issuers = await HostIssuers.open({
    dataDir: config.dataDir, switchName: config.switchName, isStoreShared: config.store.engine !== 'sqlite', hosts, vault: hsm, hsm: hsmTurn, deadlines, now, elapsed, random: Math.random, newId, log, gate, metrics, notes, messages,
    decide: { store, now, elapsed, atTurnEnd, after, events: decideEvents(metrics, log, gate, notes) }, guards, onStoreLost: (reason) => end('advice file lost', reason),
  });
  opened.push(() => issuers.stop());
  issuers.set(tables);
  const acquirers = new AcquirerStations({ hosts, switchName: config.switchName, advices: issuers.advices, numbers: issuers.numbers, vault: hsm, deadlines, now, elapsed, random: Math.random, log, gate, metrics, notes, messages });
  opened.push(() => acquirers.stop());
  acquirers.set(tables);
  const directory = new Directory(store, atTurnEnd);
  const { list, close: closeList } = await openNegativeList(config.dataDir, now, (reason) => end('negative list lost', reason));
  opened.push(closeList);
  const accounts = new OwnAccounts({ ledger, directory, advices: issuers.advices, list, guards, vault: hsm, deadlines, now, elapsed, random: Math.random, after, log, tellPinLock: (token) => void tellLock(lockOrders, token, pinTriesLock, 'system') });
  const lockOrders: LockOrdersOutside = { list, locks: accounts.locks, peers, name: config.switchName, newId, log };
  doubt.latestMs = () => accounts.doubtMs;
  opened.push(() => accounts.stop());
  accounts.set(tables);
  await accounts.recovered();
  const decisions = new Decisions({
    ledger, hosts, own: accounts.desk, directory, vault: hsm, hsm: hsmTurn, routing: new Routing(tables.programs, tables.ranges, tables.rates),
    stamps: newStamps(config.switchName, now(), Math.random), now, elapsed,
    get answerMs() {
      return limits.answerMs;
    },
    onScriptsFailed: (program, reason) => gate.warning('script for a chip not made', () => ({ program, reason, todo: 'it goes out with the chip\'s next transaction; the program\'s chip keys need smi, and smc for a PIN' })),
    bookIsTooFarBehind: () => office.lagEntries > limits.lagEntriesMax,
  });
  const heads = new StoreHeads(store, atTurnEnd);
  const fileActions = new FileActions({
    vault: hsm, list, deadlines, order: async (order) => (await takeAndTell(lockOrders, order)).taken,
    holderOf: (pan) => holderOf(current, pan),
    lockOf: async (token) => await lockInAccount(heads, token),
  });
  const links: LinkOutside = {
    network: nodeNetwork, deadlines, random: Math.random, turnEnd: new TurnEnd((work) => void setImmediate(work)), events: linkEvents(metrics, log, gate, notes),
  };
  warnOfKeys(current, hsm.keys(), log);
  keys.onChange(() => warnOfKeys(current, hsm.keys(), log));
  const switch_ = new Switch(links, { decisions, hosts, fileActions, hsm: hsmTurn, keyDesk: keys.desk, deadlines, now, events: switchEvents(metrics, log, gate, notes), messages, networkAnswerMs });
  const setupsOf = ({ stations }: Tables): StationSetup[] => stations.map(stationSetup);
  opened.push(() => switch_.stop(0));
  const failures = await switch_.exchange(setupsOf(tables), config.deadlines.stopMs);
  if (failures.length > 0) {
    throw new StartRefused(failures.map(({ station, error }) => `station ${station} cannot be started: ${error.message}`).join('; '));
  }

  const stations = new Stations(switch_, config.deadlines.stopMs, log, after);
  office.onTables((changed) => {
    // Before anything changes: a row that is wrong leaves everything as it was.
    const setups = setupsOf(changed);
    issuers.check(changed);
    decisions.reroute(new Routing(changed.programs, changed.ranges, changed.rates));
    // The tables of the start come here as well.
    if (changed !== tables) warnOfKeys(changed, hsm.keys(), log);
    current = changed;
    issuers.set(changed);
    acquirers.set(changed);
    accounts.set(changed);
    void stations.exchange(setups);
    void loads.apply(changed);
  });
  const watch = new AlertWatch({
    thresholds: () => current.parameters.alerts, notes, now, elapsed, log, metrics,
    look: () => lookAt({
      tables: () => current, network: (name) => switch_.network(name), issuers: () => issuers.overview, own: () => ({ delivery: accounts.status, waiting: accounts.desk.waiting }),
      acquirer: (station) => acquirers.delivery(station), office, storeAnswers: () => ledger.storeAnswers, notes,
    }),
  });
  const ownIsAway = (): boolean => !ledger.storeAnswers || office.storeTrouble !== undefined || accounts.desk.waiting > 0;
  office.operate(operationsOf({
    office: {
      rows: async (ask) => await office.rows(ask), check: (rows) => void setupsOf(office.check(rows)),
      configured: (kind, name) => config.rows.find((row) => row.kind === kind && row.name === name)?.document,
    },
    issuers: { rows: () => current.issuers, overview: () => issuers.overview, stations: () => current.stations, now, own: () => ({ isAway: ownIsAway(), delivery: accounts.status }) },
    advices: { file: issuers.advices, vault: hsm, note: (token, entry, heard) => issuers.note(token, entry, heard), log, now },
    cards: {
      cards: issuers.cards, vault: hsm, log, now, issuer: (name) => current.issuers.find((row) => row.type === 'host' && row.name === name) as HostIssuerRow | undefined,
      issuerOf: (pan) => new Routing(current.programs, current.ranges).programOf(pan.reveal())?.rules.issuer,
    },
    locks: {
      ...lockOrders, vault: hsm,
      isOwn: (pan) => holderOf(current, pan) === 'own',
    },
    controls: { take: (told) => accounts.takeControls(told) },
    stations: { switch: switch_, rows: () => current.stations, delivery: (station) => acquirers.delivery(station), now, log },
    alerts: { on: () => watch.on, ended: () => watch.ended },
    certificates: {
      book: async (ask) => await office.certificates(ask), vault: keys.authority, partners: () => [...new Set(current.programs.map(({ partner }) => partner))], now, elapsed, randomBytes, log,
    },
  }));
  office.serveDesk(new DeskCalls({
    ledger, store, hsm, guards, tables: () => current, elapsed,
    tellLock: async (token, lockCode, by) => await tellLock(lockOrders, token, lockCode, by), tellControls: async (told) => await tellControls(lockOrders, told),
    orderLock: async (order) => await orderLock(lockOrders, order), isBehind: (accountId) => accounts.desk.isBehind(accountId, ''),
  }));
  const watching = setInterval(() => watch.look(), alertLookMs).unref();
  office.serve(() => ({ stations: switch_.status, storeAnswers: ledger.storeAnswers, waiting: ledger.waiting, lagEntriesMax: limits.lagEntriesMax }));
  const expiry = startExpiry(config.deadlines.expiryScanMs, { store, ledger, now, newId, recordDays: recordDaysMin, transfers: guards, lapse: async (token, id) => await issuers.lapse(token, id) }, log);
  log.event('ready', {
    stations: switch_.status.map(({ name, port }) => `${name}:${port}`), http: office.httpPort, partners: office.securePort,
    ...(config.demo ? { try: 'npx locum send --help' } : {}),
  });

  return {
    get stations() {
      return switch_.status;
    },
    httpPort: office.httpPort,
    securePort: office.securePort,
    log,
    stop: once(async () => {
      log.event('stopping');
      clearInterval(watching);
      clearInterval(expiry);
      const endMs = elapsed() + config.deadlines.stopMs;
      const leftMs = (leastMs: number): number => Math.max(leastMs, endMs - elapsed());
      const unanswered = await switch_.stop(leftMs(0), async () => await issuers.idle());
      await Promise.race([ledger.drained(), pause(leftMs(0))]);
      await accounts.stop();
      await acquirers.stop();
      await issuers.stop();
      await closeList();
      ledger.close();
      await office.stop(leftMs(Math.min(drainMsMin, config.deadlines.stopMs)));
      await store.close();
      keys.close();
      folder.release();
      log.event('stopped', { unanswered });
      await delay(settleMs);
    }),
  };
}

/**
 * What nobody expected is our own fault: a process in an unknown state decides nothing more, and whoever starts it again finds what
 * is durable.
 * @returns ends the process with a line, for what else leaves nothing to go on with
 */
function endOnFault(log: Log, flush: () => void): (event: string, thrown: unknown) => void {
  const end = (event: string, thrown: unknown): void => {
    log.failure(event, { error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
    try {
      flush();
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', (error) => end('own fault', error));
  process.on('unhandledRejection', (reason) => end('own fault', reason));
  return end;
}

/** What holds for the whole system, as its tables have it now, or as this switch's configuration does. */
function currentLimits({ deadlines, book }: Config, parameters: () => SystemParameters): { readonly answerMs: number; readonly lagEntriesMax: number } {
  return {
    get answerMs() {
      return parameters().answerMs ?? deadlines.answerMs;
    },
    get lagEntriesMax() {
      return parameters().lagEntriesMax ?? book.lagEntriesMax;
    },
  };
}

/** Lines go to the office's thread, which keeps them in the book. */
function messageLogOf({ switchName, book: { messageLogDays, messageLogLinesMax } }: Config, office: Office, metrics: Metrics, log: Log, notes: AlertNotes, now: () => number): MessageLog {
  if (messageLogDays === 0) return noMessageLog;
  const messages = new MessageLines({
    switchName, linesMax: messageLogLinesMax, now, post: (batch) => office.keep(batch),
    after: (delayMs, work) => void setTimeout(work, delayMs).unref(),
    lost: (lines) => {
      log.warning('message log lines lost', { lines, why: 'the book takes them more slowly than they come, or is away' });
      notes.happened('messageLogLost', 'book', `${lines} lines so far`);
    },
  });
  metrics.messageLog(() => messages);
  office.logs(messages);
  return messages;
}

/** However often it is asked for, it is done once. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return async () => {
    done ??= work();
    await done;
  };
}

/** Keeps no process alive that has nothing else to do. */
function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, delayMs).unref());
}

/** The stations as the tables have them last; one that cannot be started is tried again until the tables say otherwise. */
class Stations {
  readonly #switch: Switch;
  readonly #graceMs: number;
  readonly #log: Log;
  readonly #after: (delayMs: number, work: () => void) => void;
  #wanted: readonly StationSetup[] = [];

  constructor(switch_: Switch, graceMs: number, log: Log, after: (delayMs: number, work: () => void) => void) {
    this.#switch = switch_;
    this.#graceMs = graceMs;
    this.#log = log;
    this.#after = after;
  }

  async exchange(setups: readonly StationSetup[]): Promise<void> {
    this.#wanted = setups;
    const failures = await this.#switch.exchange(setups, this.#graceMs);
    if (failures.length === 0 || this.#wanted !== setups) return;
    for (const { station, error } of failures) this.#log.failure('station not started', { station, error: error.message, retryInMs: stationRetryMs });
    this.#after(stationRetryMs, () => {
      if (this.#wanted === setups) void this.exchange(setups);
    });
  }
}

function stationSetup(row: StationRow): StationSetup {
  const path = `stations.${row.name}`;
  const { codec, dialect } = loadFormat(row, path);
  const tls = row.link.tls === undefined ? undefined : loadTls(row.link.tls, `${path}.link.tls`, (file) => readFileSync(file, 'utf8'));
  return {
    endpoint: endpointConfig(row.name, row.link, tls),
    station: { name: row.name, codec, dialect, session: row.link.session, classes: row.classes, originalKeys: row.originalKeys, security: row.security, fileActions: row.fileActions },
    // What waits for an acquirer, and how it is told, is nothing of its station's.
    text: JSON.stringify([{ ...row, acquirer: undefined }, tls]),
  };
}

/** Who has the accounts of a card's range, by the tables. */
function holderOf({ programs, ranges, issuers }: Tables, pan: Pan): 'own' | 'elsewhere' | 'nobody' {
  const program = new Routing(programs, ranges).programOf(pan.reveal());
  if (program === undefined) return 'nobody';
  return isOwnIssuer(issuers, program.rules.issuer) ? 'own' : 'elsewhere';
}

/** Keys that matter are not opened where anybody may look at them. */
function refuseWaysOut(): void {
  const [way] = ownWaysOut();
  if (way !== undefined) throw new StartRefused(`${way}, and with it the keys in this process's memory get out; take it from NODE_OPTIONS and from the command line, or try it with the demo`);
}

/** The keys of the configured key file; on the demo's first start both keys and master key are made. */
function openKeysOf(config: Config, log: Log, now: () => number): Keys {
  const { demo, switchName, keys: { keyFile, masterKey } } = config;
  if (!demo && !existsSync(keyFile)) {
    const what = 'file' in masterKey && !existsSync(masterKey.file) ? `the master key file ${masterKey.file} cannot be opened, and there is no` : 'there is no';
    throw new StartRefused(`${what} key file ${keyFile}; locum key init makes what is missing`);
  }
  if ('variable' in masterKey && (process.env[masterKey.variable] ?? '') === '') {
    throw new StartRefused(`the environment variable ${masterKey.variable} must hold the master key: 64 hexadecimal digits, or 32 bytes in base64`);
  }
  if (demo && 'file' in masterKey && !existsSync(masterKey.file) && !existsSync(keyFile)) MasterKey.createFile(masterKey.file, randomBytes);
  return openKeys({ keyFile, demo, switchName, openMaster: () => openMasterKey(masterKey, process.env, keyFile), log, now });
}

/** What such a key would verify or make is refused until it is there. */
function warnOfKeys(tables: Tables, keys: readonly KeyInfo[], log: Log): void {
  for (const { place, name, usage, form } of missingKeys(namedKeys(tables), keys)) {
    const held = keys.findLast((key) => key.name === name);
    const todo = held === undefined ? `locum key generate ${name} --usage ${usage}, or locum key import`
      : held.usage !== usage ? `${name} is for ${held.usage}; name another key there`
        : `${name} is ${held.algorithm}, and ${form!.place} (${form!.value}) takes ${familyWords[form!.family]}`;
    log.warning('key missing', { named: place, key: name, usage, todo });
  }
}

async function openStore(config: Config, now: () => number, onLost: (reason: string) => void): Promise<Store> {
  const { store } = config;
  if (store.engine === 'sqlite') return await SqliteStore.open({ file: store.file, partitions: store.partitions, now, onLost });
  return await RedisStore.open({
    url: store.url, partitions: store.partitions, replicasMin: store.replicasMin, commandTimeoutMs: store.commandTimeoutMs,
  });
}

/** Looks for holds that ran out, again and again; a scan that is still under way is not joined by another. */
function startExpiry(everyMs: number, options: ExpiryOptions, log: Log): NodeJS.Timeout {
  let scanning = false;
  const scan = async (): Promise<void> => {
    if (scanning || !options.ledger.storeAnswers) return;
    scanning = true;
    try {
      const expired = await expireDue(options);
      if (expired > 0) log.event('holds expired', { records: expired });
    } catch (error) {
      log.warning('holds could not be expired', { error: error instanceof Error ? error.message : String(error) });
    } finally {
      scanning = false;
    }
  };
  return setInterval(() => void scan(), everyMs).unref();
}
