/**
 * A switch on real sockets, composed by hand over a store in memory: the demo's cards behind three stations (1987 ASCII, 1987
 * binary, 2003 binary) on free ports, with every event written down; and an acquirer that sends to it and splits frames by itself.
 *
 * A test file calls `stopAll` after each test.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { openLedger } from '../../src/issuer/ledger.ts';
import type { Ledger } from '../../src/issuer/ledger.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Hsm } from '../../src/keys/hsm.ts';
import type { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { endpointConfig, readLinkConfig } from '../../src/link/config.ts';
import { silentLinkEvents } from '../../src/link/events.ts';
import type { LinkEvents } from '../../src/link/events.ts';
import { nodeNetwork } from '../../src/link/node-network.ts';
import { TurnEnd } from '../../src/link/turn-end.ts';
import type { MessageClass, OriginalKey } from '../../src/message/message.ts';
import { makeDemoCards } from '../../src/program/demo.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { readTables } from '../../src/tables/tables.ts';
import type { DecideOptions } from '../../src/store/decide.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { Decisions } from '../../src/switch/decisions.ts';
import { Directory } from '../../src/switch/directory.ts';
import type { DecidedEvent, SwitchEvents } from '../../src/switch/events.ts';
import { Hosts } from '../../src/switch/hosts.ts';
import { HsmTurn } from '../../src/switch/hsm-turn.ts';
import { noKeyDesk } from '../../src/switch/key-exchange.ts';
import { noMessageLog } from '../../src/switch/message-log.ts';
import type { MessageLog } from '../../src/switch/message-log.ts';
import type { KeyDesk } from '../../src/switch/key-exchange.ts';
import { Routing } from '../../src/switch/routing.ts';
import type { CurrencyRate, ProgramRules } from '../../src/switch/routing.ts';
import { newStamps } from '../../src/switch/stamp.ts';
import type { StationSecurity } from '../../src/switch/station-security.ts';
import { Switch } from '../../src/switch/switch.ts';
import type { StationSetup } from '../../src/switch/switch.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';

/** When all of it happens. */
export const nowMs = Date.UTC(2026, 10, 22, 10, 15);

export interface StationOptions {
  /** File name under `specs/`, without `.json`. */
  readonly spec: string;
  /** As in the configuration, but for `listen`. */
  readonly link?: Readonly<Record<string, unknown>>;
  readonly classes?: readonly MessageClass[];
  readonly originalKeys?: readonly OriginalKey[];
  readonly security?: StationSecurity;
}

/** The stations that a switch has unless it is told otherwise. */
export const demoStations = {
  ascii: { spec: 'iso8583-1987-ascii' },
  binary: { spec: 'iso8583-1987-binary' },
  iso2003: { spec: 'iso8583-2003-binary' },
} as const satisfies Readonly<Record<string, StationOptions>>;

export const demoStationNames = ['ascii', 'binary', 'iso2003'] as const;

export interface SwitchOptions {
  readonly stations?: Readonly<Record<string, StationOptions>>;
  /** By default a MemoryStore of one partition. */
  readonly store?: Store;
  readonly program?: Partial<ProgramRules>;
  readonly rates?: readonly CurrencyRate[];
  readonly answerMs?: number;
  readonly networkAnswerMs?: number;
  readonly keyDesk?: KeyDesk;
  readonly messages?: MessageLog;
  readonly bookIsTooFarBehind?: () => boolean;
  /** By default one with keys of its own; switches over one store have one vault. */
  readonly hsm?: SoftwareHsm;
  /** What checks and values are asked of, in front of the HSM; by default itself. */
  readonly inFront?: (hsm: SoftwareHsm) => Pick<Hsm, 'verify' | 'produce'>;
  /** How long an HSM may take. */
  readonly hsmAnswerMs?: number;
}

export type Recorded = [name: keyof SwitchEvents | keyof LinkEvents, ...args: unknown[]];

const demoRules: ProgramRules = {
  ...readTables(demoTables, 0).programs[0]!, limits: [{ scope: 'overall', period: 'day', amountMinorMax: 900_000_000_000 }], merchantGroups: {},
};

/** What the demo's stations share with the switch. */
export const demoSecurity: StationSecurity = {
  pinKey: 'demo-zpk', terminalKey: 'demo-bdk', terminalKeyOnce: true, pinFormat: 0, mac: { key: 'demo-zak', algorithm: 'retail', required: false }, transportKey: undefined, keyOverlapMs: 3_600_000, keyRenewalMs: 0,
};

const silentDecide: DecideOptions['events'] = { commit() {}, conflict() {}, trouble() {}, recovered() {} };

/** One switch at work. */
export class RunningSwitch {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly switch: Switch;
  readonly hsm: SoftwareHsm;
  readonly setups: ReadonlyMap<string, StationSetup>;
  /** All events of stations and links, in their order. */
  readonly events: Recorded[];
  readonly #acquirers: Acquirer[] = [];

  constructor(store: Store, ledger: Ledger, switch_: Switch, hsm: SoftwareHsm, setups: readonly StationSetup[], events: Recorded[]) {
    this.store = store;
    this.ledger = ledger;
    this.switch = switch_;
    this.hsm = hsm;
    this.setups = new Map(setups.map((setup) => [setup.station.name, setup]));
    this.events = events;
  }

  /** The arguments of each event of that name, oldest first. */
  of(name: Recorded[0]): unknown[][] {
    return this.events.filter(([each]) => each === name).map(([, ...args]) => args);
  }

  get decided(): DecidedEvent[] {
    return this.of('decided').map(([event]) => event as DecidedEvent);
  }

  /** The reasons for which messages were dropped, oldest first. */
  get drops(): unknown[] {
    return this.of('dropped').map(([, reason]) => reason);
  }

  codec(station: string): Codec {
    return this.setups.get(station)!.station.codec;
  }

  port(station: string): number {
    return this.switch.status.find(({ name }) => name === station)!.port;
  }

  /** Connects to a station. @param headerBytes of the TPDU or header between a frame's length and its message */
  async call(station: string, headerBytes = 0): Promise<Acquirer> {
    const socket = connect({ host: '127.0.0.1', port: this.port(station), noDelay: true });
    const acquirer = new Acquirer(socket, this.codec(station), headerBytes);
    this.#acquirers.push(acquirer);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return acquirer;
  }

  async stop(): Promise<void> {
    for (const acquirer of this.#acquirers.splice(0)) acquirer.socket.destroy();
    await this.switch.stop(0);
    await this.store.close();
  }
}

const running: RunningSwitch[] = [];

/** Each names its messages by its own name, as switches over one store must. */
let switchesStarted = 0;

/** For `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const each of running.splice(0)) await each.stop();
}

export async function startSwitch(options: SwitchOptions = {}): Promise<RunningSwitch> {
  const now = (): number => nowMs;
  const elapsed = (): number => performance.now();
  const atTurnEnd = (work: () => void): void => void setImmediate(work);
  const store = options.store ?? new MemoryStore({ partitions: 1, now });
  const ledger = await openLedger({ store, now, elapsed, atTurnEnd, after: (delayMs, work) => void setTimeout(work, delayMs).unref(), events: silentDecide });
  const hsm = options.hsm ?? openHsm(demoKeyFile());
  await makeDemoCards({ store, ledger, hsm, now });
  const events: Recorded[] = [];
  const deadlines = new Deadlines(elapsed, processSchedule, 5);
  const hsmTurn = new HsmTurn(options.inFront?.(hsm) ?? hsm, { atTurnEnd, deadlines, answerMs: options.hsmAnswerMs ?? 20_000 });
  const hosts = new Hosts();
  const decisions = new Decisions({
    ledger, hosts, directory: new Directory(store, atTurnEnd), vault: hsm, hsm: hsmTurn, onScriptsFailed: (program, reason) => void events.push(['scriptsFailed', program, reason] as unknown as Recorded), routing: new Routing([{ ...demoRules, ...options.program }], [{ from: '476173', to: '476173', program: 'demo' }], options.rates),
    stamps: newStamps(`t${(switchesStarted += 1)}`, nowMs, Math.random), now, elapsed, answerMs: options.answerMs ?? 20_000,
    bookIsTooFarBehind: options.bookIsTooFarBehind ?? (() => false),
  });
  const switch_ = new Switch(
    { network: nodeNetwork, deadlines, random: Math.random, turnEnd: new TurnEnd(atTurnEnd), events: recordInto(events, Object.keys(silentLinkEvents)) as unknown as LinkEvents },
    { decisions, hosts, hsm: hsmTurn, keyDesk: options.keyDesk ?? noKeyDesk, deadlines, now, events: recordInto(events, switchEventNames) as unknown as SwitchEvents, messages: options.messages ?? noMessageLog, networkAnswerMs: options.networkAnswerMs ?? 10_000 },
  );
  const setups = Object.entries(options.stations ?? demoStations).map(([name, station]) => setupOf(name, station));
  const started = new RunningSwitch(store, ledger, switch_, hsm, setups, events);
  running.push(started);
  const [failure] = await switch_.exchange(setups, 1_000);
  if (failure !== undefined) throw failure.error;
  return started;
}

const switchEventNames: readonly (keyof SwitchEvents)[] = ['received', 'decided', 'dropped', 'refused', 'networkManagement', 'keyRenewed', 'echoed', 'cutOver', 'usable', 'unknownContent'];

function recordInto(events: Recorded[], names: readonly string[]): Record<string, (...args: unknown[]) => void> {
  return Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => void events.push([name as Recorded[0], ...args])]));
}

function setupOf(name: string, { spec, link, classes, originalKeys, security }: StationOptions): StationSetup {
  const { codec, dialect } = loadFormat({ spec }, `stations.${name}`);
  const config = readLinkConfig({ listen: { port: 0 }, ...link }, `stations.${name}.link`);
  return {
    endpoint: endpointConfig(name, config, undefined),
    station: { name, codec, dialect, session: config.session, classes: classes ?? ['authorization', 'financial', 'reversal'], originalKeys: originalKeys ?? ['rrn'], security: security ?? demoSecurity },
    text: name,
  };
}

/** The other end of a station: it splits two-byte lengths by itself, and keeps what it got. */
export class Acquirer {
  readonly socket: Socket;
  readonly codec: Codec;
  /** The frames that came, without their length: header and message. */
  readonly frames: Buffer[] = [];
  /** The peer ended its side, or the connection is gone. */
  ended = false;
  readonly #headerBytes: number;
  #held = Buffer.alloc(0) as Buffer;
  #taken = 0;

  constructor(socket: Socket, codec: Codec, headerBytes: number) {
    this.socket = socket;
    this.codec = codec;
    this.#headerBytes = headerBytes;
    socket.on('data', (chunk: Buffer) => {
      this.#split(chunk);
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.ended = true));
    // A switch that closes on us is seen by `ended`.
    socket.on('error', () => (this.ended = true));
  }

  /** Sends a message, with header bytes where the station has them. */
  send(draft: Draft, header: Uint8Array = new Uint8Array(this.#headerBytes)): void {
    this.sendBytes(Buffer.concat([header, this.codec.encode(draft)]));
  }

  /** Sends any bytes as one frame. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.write(framed(bytes));
  }

  /** The next frame that was not taken yet. */
  async nextFrame(withinMs = 60_000): Promise<Buffer> {
    await until(() => this.frames.length > this.#taken || this.ended, 'a frame comes', withinMs);
    const frame = this.frames[this.#taken];
    if (frame === undefined) throw new Error('the connection ended without a frame');
    this.#taken += 1;
    return frame;
  }

  /** The next message that was not taken yet. */
  async next(withinMs = 60_000): Promise<Message> {
    return this.decode(await this.nextFrame(withinMs));
  }

  async ask(draft: Draft): Promise<Message> {
    this.send(draft);
    return await this.next();
  }

  async askBytes(bytes: Uint8Array): Promise<Message> {
    this.sendBytes(bytes);
    return await this.next();
  }

  decode(frame: Buffer): Message {
    return this.codec.decode(frame, this.#headerBytes);
  }

  #split(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    let at = 0;
    while (at + 2 <= this.#held.length && at + 2 + this.#held.readUInt16BE(at) <= this.#held.length) {
      const end = at + 2 + this.#held.readUInt16BE(at);
      this.frames.push(Buffer.from(this.#held.subarray(at + 2, end)));
      at = end;
    }
    this.#held = this.#held.subarray(at);
  }
}

/** With its length of two bytes in front. */
export function framed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Waits until `condition` holds, looking at it every few milliseconds. */
export async function until(condition: () => boolean, what: string, withinMs = 60_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(2);
  }
}

/** The demo's card with 1,000.00, and one of those for load. */
export const card = '4761730000000011';
export const loadCard = '4761730000001001';

/** Field numbers to texts; undefined leaves a field of the template out. */
export type Fields = Readonly<Record<number, string | undefined>>;

const purchase1987: Fields = {
  2: card, 3: '000000', 4: '000000001250', 7: '1122101500', 11: '000001', 12: '101500', 13: '1122', 14: '3112', 18: '5411', 22: '051', 25: '00', 32: '476173',
  37: '000000000001', 41: 'TERM0001', 42: 'MERCHANT0000123', 49: '978',
};

const purchase2003: Fields = {
  2: card, 3: '000000', 4: '9782000000001250', 7: '1122101500', 11: '000000000001', 12: '20261122101500', 14: '3112', 24: '100', 26: '5411', 32: '476173',
  37: '000000000001', 41: 'TERM0001', 42: 'MERCHANT0000123',
};

/** Is the station's edition ISO 8583:2003? Then its types begin with 2 and its STAN has twelve digits. */
function is2003(codec: Codec): boolean {
  return codec.spec.version === '2003';
}

/** A purchase of 12.50 EUR in the codec's edition, with some fields changed. @param type without its edition's digit */
export function purchase(codec: Codec, stan: number, changes: Fields = {}, type = '100'): Draft {
  const [edition, fields, stanDigits] = is2003(codec) ? ['2', purchase2003, 12] as const : ['0', purchase1987, 6] as const;
  const draft = new Draft(edition + type);
  const all: Fields = { ...fields, 11: String(stan).padStart(stanDigits, '0'), 37: String(stan).padStart(12, '0'), ...changes };
  for (const [field, text] of Object.entries(all)) if (text !== undefined) draft.set(Number(field), text);
  return draft;
}

/** A network management request: 0800 with DE70, or 2804 with DE24. @param type without its edition's digit */
export function management(codec: Codec, stan: number, code: string, type = is2003(codec) ? '804' : '800'): Draft {
  const fields: Fields = is2003(codec) ? { 7: '1122101500', 11: String(stan).padStart(12, '0'), 12: '20261122101500', 24: code } : { 7: '1122101500', 11: String(stan).padStart(6, '0'), 70: code };
  const draft = new Draft((is2003(codec) ? '2' : '0') + type);
  for (const [field, text] of Object.entries(fields)) if (text !== undefined) draft.set(Number(field), text);
  return draft;
}

/** Random bytes for what nobody reads. */
export function noise(count: number): Buffer {
  return randomBytes(count);
}
