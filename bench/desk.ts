/**
 * A station without its sockets: what codec, dialect, decision and the decide loop cost by themselves, on any store. It also writes down
 * the commits that traffic leads to, so that an engine can be measured with the same records and nothing else.
 */
import { Deadlines, processSchedule } from '../src/base/deadlines.ts';
import type { Ledger } from '../src/issuer/ledger.ts';
import type { Hsm } from '../src/keys/hsm.ts';
import { compileFraming, plainFraming } from '../src/link/framing.ts';
import type { LinkConnection } from '../src/link/link.ts';
import type { OriginalKey } from '../src/message/message.ts';
import { demoTables } from '../src/program/demo-tables.ts';
import { newMetrics } from '../src/program/metrics.ts';
import { loadFormat } from '../src/tables/format.ts';
import { readTables } from '../src/tables/tables.ts';
import type { CommitItem, Store } from '../src/store/store.ts';
import { Decisions } from '../src/switch/decisions.ts';
import { Directory } from '../src/switch/directory.ts';
import { Hosts } from '../src/switch/hosts.ts';
import { HsmTurn } from '../src/switch/hsm-turn.ts';
import { noKeyDesk } from '../src/switch/key-exchange.ts';
import { noMessageLog } from '../src/switch/message-log.ts';
import { Routing } from '../src/switch/routing.ts';
import { newStamps } from '../src/switch/stamp.ts';
import { Station } from '../src/switch/station.ts';
import { payloadBytesMax } from './load.ts';
import type { Traffic } from './load.ts';

/** One commit call. */
export interface Commit {
  readonly partition: number;
  readonly items: readonly CommitItem[];
}

/** The store, with every commit call written down in its order. */
export function recording(store: Store, commits: Commit[]): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'commit') {
        return (...[at, items]: Parameters<Store['commit']>) => {
          commits.push({ partition: at.partition, items });
          return target.commit(at, items);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const stationName = 'demo-1987-ascii';

/** The demo's ASCII station on this ledger, with its own keys of originals or others. */
export function openStation(store: Store, ledger: Ledger, hsm: Hsm, originalKeys?: readonly OriginalKey[]): Station {
  const tables = readTables(demoTables, 0, { environment: {}, cwd: '.' });
  const row = tables.stations.find(({ name }) => name === stationName);
  if (row === undefined) throw new Error(`there is no station ${stationName}`);
  const atTurnEnd = (work: () => void): void => void setImmediate(work);
  const elapsed = (): number => performance.now();
  const now = (): number => Date.now();
  const deadlines = new Deadlines(elapsed, processSchedule);
  const hsmTurn = new HsmTurn(hsm, { atTurnEnd, deadlines, answerMs: 5_000 });
  const hosts = new Hosts();
  const decisions = new Decisions({
    ledger, hosts, directory: new Directory(store, atTurnEnd), vault: hsm, hsm: hsmTurn, onScriptsFailed: () => undefined, routing: new Routing(tables.programs, tables.ranges),
    stamps: newStamps('bench', now(), Math.random), now, elapsed, answerMs: 5_000, bookIsTooFarBehind: () => false,
  });
  return new Station(
    { name: row.name, ...loadFormat(row, row.name), session: row.link.session, classes: row.classes, originalKeys: originalKeys ?? row.originalKeys, security: row.security },
    { decisions, hosts, hsm: hsmTurn, keyDesk: noKeyDesk, deadlines, now, events: newMetrics().switch, messages: noMessageLog, networkAnswerMs: 10_000 },
  );
}

export interface DeskResult {
  readonly answers: number;
  readonly perSecond: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface DeskLoad {
  readonly inFlight: number;
  readonly answers: number;
}

/** Hands frames to the station in a closed loop, all answers of one turn followed by as many requests in the next, as a socket would. */
export async function runDesk(station: Station, traffic: Traffic, { inFlight, answers }: DeskLoad): Promise<DeskResult> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const outcomes = new Map<string, number>();
  let answered = 0;
  let owed = 0;
  let isDue = false;
  const send = (): void => {
    isDue = false;
    const chunk = Buffer.allocUnsafe(owed * 512 + payloadBytesMax);
    let at = 0;
    for (; owed > 0; owed -= 1) {
      const end = traffic.writeRequest(chunk, at, 0);
      station.onFrame(connection, chunk, at, end, header);
      at = end;
    }
  };
  const header = compileFraming(plainFraming).requestHeader;
  const connection: LinkConnection = {
    id: 1, station: stationName, peer: 'desk', open: true, inFlight: 0, context: undefined,
    begin: () => undefined,
    done: () => undefined,
    answer: (_header, payload, start, end) => {
      traffic.readAnswer(Buffer.from(payload.buffer, payload.byteOffset, payload.length), start, end, 0);
      outcomes.set(traffic.outcome, (outcomes.get(traffic.outcome) ?? 0) + 1);
      answered += 1;
      if (answered === answers) resolve();
      if (answered + inFlight - 1 < answers) {
        owed += 1;
        if (!isDue) {
          isDue = true;
          setImmediate(send);
        }
      }
      return 'queued';
    },
    request: () => 'closed',
    close: () => undefined,
  };
  station.onOpen(connection);
  const startedMs = performance.now();
  owed = Math.min(inFlight, answers);
  send();
  await promise;
  return { answers, perSecond: (answers / (performance.now() - startedMs)) * 1_000, outcomes: Object.fromEntries(outcomes) };
}
