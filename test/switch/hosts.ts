/**
 * A switch with a remote issuer, on real sockets and with its advice file on disk, composed as the program composes it; and the issuer.
 * A test file calls `stopHosts` after each test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { createLog } from '../../src/base/log.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostOptions } from '../../src/cli/host-desk.ts';
import type { HostMessage } from '../../src/cli/host-report.ts';
import type { Rule } from '../../src/cli/host-script.ts';
import { decodeEntry } from '../../src/account/journal.ts';
import type { TransactionEntry } from '../../src/account/journal.ts';
import { GuardRoom } from '../../src/issuer/guard-room.ts';
import { openLedger } from '../../src/issuer/ledger.ts';
import type { Ledger } from '../../src/issuer/ledger.ts';
import type { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import type { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { endpointConfig, readLinkConfig } from '../../src/link/config.ts';
import { silentLinkEvents } from '../../src/link/events.ts';
import { nodeNetwork } from '../../src/link/node-network.ts';
import { TurnEnd } from '../../src/link/turn-end.ts';
import { AlertNotes } from '../../src/program/alerts.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { HostIssuers } from '../../src/program/hosts.ts';
import type { Tables } from '../../src/tables/rows.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { readTables } from '../../src/tables/tables.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { Decisions } from '../../src/switch/decisions.ts';
import { Directory } from '../../src/switch/directory.ts';
import type { SwitchEvents } from '../../src/switch/events.ts';
import { Hosts } from '../../src/switch/hosts.ts';
import { HsmTurn } from '../../src/switch/hsm-turn.ts';
import { noKeyDesk } from '../../src/switch/key-exchange.ts';
import type { LoggedMessage } from '../../src/switch/message-log.ts';
import { Routing } from '../../src/switch/routing.ts';
import type { CurrencyRate } from '../../src/switch/routing.ts';
import { newStamps } from '../../src/switch/stamp.ts';
import { Switch } from '../../src/switch/switch.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { Acquirer, demoSecurity, purchase, until } from './fixture.ts';
import type { Fields } from './fixture.ts';

export const hostPan = '5413330000000019';

export interface HostSwitchOptions {
  /** Of the issuer's row, over the demo's. */
  readonly issuer?: Readonly<Record<string, unknown>>;
  /** Of the issuer's program, over the demo's. */
  readonly program?: Readonly<Record<string, unknown>>;
  readonly rates?: readonly CurrencyRate[];
  /** Of the issuer's station. */
  readonly spec?: string;
  readonly store?: Store;
  /** By default it is. */
  readonly isStoreShared?: boolean;
  readonly folder?: string;
  readonly name?: string;
  readonly hsm?: SoftwareHsm;
  readonly answerMs?: number;
  readonly hostPinKey?: string;
  /** What the advice file may grow to. */
  readonly adviceBytesMax?: number;
  /** Unix ms. */
  readonly now?: () => number;
}

/** An issuer that is not waited for any more is tried again in a test's time; one that answers has time, however busy the machine is. */
const usual = { timers: { posMs: 10_000, cashMs: 10_000, adviceMs: 10_000 }, circuit: { openMs: 200, openMaxMs: 400, echoMs: 5_000 } };

/** Of the row of an issuer that says nothing to a request: so long it is waited for. */
export const silent = { timers: { posMs: 1_000, cashMs: 1_000, adviceMs: 10_000 } };

const stations = { ascii: 'iso8583-1987-ascii', binary: 'iso8583-1987-binary', iso2003: 'iso8583-2003-binary' } as const;
export type StationName = keyof typeof stations;

const folders: string[] = [];
const running: HostSwitch[] = [];
const hosts: TestHost[] = [];
let started = 0;

export async function stopHosts(): Promise<void> {
  for (const each of running.splice(0)) await each.stop();
  for (const host of hosts.splice(0)) await host.kill();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'locum-host-'));
  folders.push(folder);
  return folder;
}

export interface LogLine {
  readonly event: string;
  readonly [name: string]: unknown;
}

export class HostSwitch {
  readonly store: Store;
  readonly folder: string;
  readonly hsm: SoftwareHsm;
  readonly lines: LogLine[];
  /** The log of messages. */
  readonly logged: LoggedMessage[];
  readonly drops: string[];
  readonly issuers: HostIssuers;
  readonly ledger: Ledger;
  readonly guards: GuardRoom;
  /** What alerts are made of. */
  readonly notes: AlertNotes;
  readonly #switch: Switch;
  readonly #ownsStore: boolean;
  readonly #sockets: Socket[] = [];
  #stopped = false;

  constructor(parts: { store: Store; folder: string; hsm: SoftwareHsm; lines: LogLine[]; logged: LoggedMessage[]; drops: string[]; issuers: HostIssuers; ledger: Ledger; guards: GuardRoom; notes: AlertNotes; switch_: Switch; ownsStore: boolean }) {
    this.store = parts.store;
    this.folder = parts.folder;
    this.hsm = parts.hsm;
    this.lines = parts.lines;
    this.logged = parts.logged;
    this.drops = parts.drops;
    this.issuers = parts.issuers;
    this.ledger = parts.ledger;
    this.guards = parts.guards;
    this.notes = parts.notes;
    this.#switch = parts.switch_;
    this.#ownsStore = parts.ownsStore;
  }

  port(station: string): number {
    return this.#switch.status.find(({ name }) => name === station)!.port;
  }

  /** Connects as an acquirer, or as an issuer that is not the test host. */
  async call(station: StationName | 'demo-host' = 'ascii'): Promise<Acquirer> {
    const socket = connect({ host: '127.0.0.1', port: this.port(station), noDelay: true });
    this.#sockets.push(socket);
    const acquirer = new Acquirer(socket, loadFormat({ spec: station === 'demo-host' ? 'iso8583-1987-binary' : stations[station] }, 'test').codec, 0);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return acquirer;
  }

  /** All that was written for the book, in order. */
  async entries(): Promise<TransactionEntry[]> {
    const [epoch = 1] = await this.store.epochs();
    const entries = await this.store.tail({ partition: 0, epoch }, undefined, 10_000);
    return entries.map(({ value }) => decodeEntry(value)).filter((entry) => entry.kind === 'transaction');
  }

  /** Nothing waits for the issuer any more. */
  async delivered(): Promise<void> {
    await until(() => this.issuers.backlog('demo-host') === 0, 'the issuer has all of its advices');
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
    await this.#switch.stop(0);
    await this.issuers.stop();
    if (this.#ownsStore) await this.store.close();
  }
}

/** The tables of a switch with these options: for a change of its issuer while it runs. */
export function hostTables(options: HostSwitchOptions): Tables {
  const documents = demoTables.map((row) => (row.name !== 'demo-host' || row.kind === 'binRange' ? row : {
    ...row,
    document: row.kind === 'program' ? { ...row.document, ...options.program } : row.kind === 'issuer'
      ? { ...row.document, ...usual, ...options.issuer }
      : { ...row.document, link: { listen: { host: '127.0.0.1', port: 0 }, session: { signOn: 'peer' } }, spec: options.spec ?? 'iso8583-1987-binary', security: { pinKey: options.hostPinKey ?? 'demo-zpk' } },
  }));
  return readTables(documents, 0);
}

export async function startHostSwitch(options: HostSwitchOptions = {}): Promise<HostSwitch> {
  const now = options.now ?? Date.now;
  const elapsed = (): number => performance.now();
  const atTurnEnd = (work: () => void): void => void setImmediate(work);
  const after = (delayMs: number, work: () => void): void => void setTimeout(work, delayMs).unref();
  const store = options.store ?? new MemoryStore({ partitions: 1, now });
  const folder = options.folder ?? newFolder();
  const hsm = options.hsm ?? openHsm(demoKeyFile());
  const lines: LogLine[] = [];
  const logged: LoggedMessage[] = [];
  const messages = { write: (line: LoggedMessage): void => void logged.push(line) };
  const log = createLog({ destination: { write: (text: string) => void lines.push(JSON.parse(text) as LogLine) }, level: 'info', nowMs: now });
  const deadlines = new Deadlines(elapsed, processSchedule, 2);
  const hsmTurn = new HsmTurn(hsm, { atTurnEnd, deadlines, answerMs: 5_000 });
  const tables = hostTables(options);
  const decide = { store, now, elapsed, atTurnEnd, after, events: { commit() {}, conflict() {}, trouble() {}, recovered() {} } };
  const ledger = await openLedger(decide);
  const hostsOf = new Hosts();
  const name = options.name ?? `t${(started += 1)}`;
  const guards = new GuardRoom({ store, now, elapsed, newId: () => `${name}g${Math.random()}` });
  const notes = new AlertNotes(elapsed);
  const issuers = await HostIssuers.open({
    dataDir: folder, switchName: name, isStoreShared: options.isStoreShared ?? true, hosts: hostsOf, decide, guards, vault: hsm, hsm: hsmTurn, deadlines, now, elapsed, random: () => 0.5, newId: () => `${name}x${Math.random()}`,
    notes, messages, adviceBytesMax: options.adviceBytesMax, onStoreLost: (reason) => lines.push({ event: 'advice file lost', reason }), log, gate: { warning: (event: string, facts: () => Record<string, unknown>) => lines.push({ event, ...facts() }) } as never,
    metrics: { link: Object.fromEntries(Object.keys(silentLinkEvents).map((each) => [each, () => undefined])) } as never,
  });
  issuers.set(tables);
  const decisions = new Decisions({
    ledger, hosts: hostsOf, directory: new Directory(store, atTurnEnd), vault: hsm, hsm: hsmTurn, onScriptsFailed: () => undefined, routing: new Routing(tables.programs, tables.ranges, options.rates),
    stamps: newStamps(name, now(), Math.random), now, elapsed, answerMs: options.answerMs ?? 20_000, bookIsTooFarBehind: () => false,
  });
  const drops: string[] = [];
  const quiet = (): void => undefined;
  const events: SwitchEvents = { received: quiet, decided: quiet, dropped: (_station, reason) => void drops.push(reason), refused: quiet, networkManagement: quiet, fileAction: quiet, keyRenewed: quiet, echoed: quiet, cutOver: quiet, usable: quiet, unknownContent: quiet };
  const switch_ = new Switch(
    { network: nodeNetwork, deadlines, random: Math.random, turnEnd: new TurnEnd(atTurnEnd), events: silentLinkEvents },
    { decisions, hosts: hostsOf, hsm: hsmTurn, keyDesk: noKeyDesk, deadlines, now, events, messages, networkAnswerMs: 2_000 },
  );
  const hostRow = tables.stations.find((each) => each.name === 'demo-host')!;
  const setups = [...Object.entries(stations).map(([station, spec]) => ({ station, spec, session: {}, security: demoSecurity })), { station: 'demo-host', spec: hostRow.spec, session: { session: { signOn: 'peer' } }, security: { ...demoSecurity, mac: undefined } }];
  const [failure] = await switch_.exchange(setups.map(({ station, spec, session, security }) => {
    const { codec, dialect } = loadFormat({ spec }, station);
    const config = readLinkConfig({ listen: { port: 0 }, ...session }, station);
    return {
      endpoint: endpointConfig(station, config, undefined),
      station: { name: station, codec, dialect, session: config.session, classes: ['authorization', 'financial', 'reversal'] as const, originalKeys: ['rrn'] as const, security }, text: station,
    };
  }), 1_000);
  if (failure !== undefined) throw failure.error;
  const switched = new HostSwitch({ store, folder, hsm, lines, logged, drops, issuers, ledger, guards, notes, switch_, ownsStore: options.store === undefined });
  running.push(switched);
  return switched;
}

export interface RunningIssuer {
  readonly host: TestHost;
  readonly messages: () => HostMessage[];
  /** Types in the order in which they came. */
  readonly types: () => string[];
}

/** The issuer comes: it connects, signs on, and is there when this resolves. @param phase after an outage it is half open until a request was answered */
export async function issuerComes(to: HostSwitch, rules: readonly Rule[] = [], more: Partial<HostOptions> = {}, phase: 'closed' | 'halfOpen' = 'closed'): Promise<RunningIssuer> {
  const messages: HostMessage[] = [];
  const host = await TestHost.start({
    connect: { port: to.port('demo-host') }, signOn: true, rules, ...more, onEvent: (event) => {
      if (event.event === 'message') messages.push(event);
    },
  });
  hosts.push(host);
  await until(() => host.signedOn, 'the issuer signs on');
  await until(() => to.issuers.status('demo-host')?.phase === phase, `the issuer's circuit is ${phase}`);
  return { host, messages: () => messages, types: () => messages.map(({ mti }) => mti) };
}

/** A purchase of 12.50 of the issuer's card. */
export function buys(acquirer: Acquirer, stan: number, changes: Fields = {}, type = '100'): Draft {
  return purchase(acquirer.codec, stan, { 2: hostPan, ...changes }, type);
}

/** The reversal of `buys`, as an acquirer of 1987 sends it. @param original of DE90: type and STAN */
export function reverses(acquirer: Acquirer, stan: number, originalStan: number, changes: Fields = {}, type = '420', originalType = '0100'): Draft {
  return purchase(acquirer.codec, stan, {
    2: hostPan, 37: String(originalStan).padStart(12, '0'), 90: `${originalType}${String(originalStan).padStart(6, '0')}1122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}`, ...changes,
  }, type);
}

export function code(message: Message): string {
  return `${message.mti} ${message.text(39) ?? ''}`;
}
