/**
 * The whole path over TCP: the program as its own process, loaded with card traffic, on each engine, with the drain and without.
 *
 * Beside it, in the same run, what bounds it: a bare server that echoes frames of the same size, and the engine's own group
 * commit of the very records that this traffic leads to, without network, codec or decision.
 *
 *   npm run bench -- path [--engine=sqlite,redis-always,redis-everysec] [--quick] [--seconds=4] [--drain=on,off] [--cards=100,10000]
 *     [--pattern=purchase,authorization] [--in-flight=64,256,1024] [--open=5000,10000] [--rounds=1]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { plainFraming } from '../src/link/framing.ts';
import { MemoryStore } from '../src/store/memory.ts';
import { RedisStore } from '../src/store/redis.ts';
import { SqliteStore } from '../src/store/sqlite.ts';
import type { Store } from '../src/store/store.ts';
import { startRedis } from '../test/servers/redis.ts';
import { createTraffic, purchaseBytes } from './card-traffic.ts';
import type { CardTrafficOptions } from './card-traffic.ts';
import { benchCards, benchLedger, benchVault, makeCards } from './cards.ts';
import { openStation, recording, runDesk } from './desk.ts';
import type { Commit } from './desk.ts';
import { loadEcho, startBareServer } from './echo.ts';
import { formatLoad, runLoad } from './load.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import { startProgram, threadSeconds } from './program.ts';
import type { RunningProgram } from './program.ts';

export const engines = ['sqlite', 'redis-always', 'redis-everysec'] as const;
export type Engine = (typeof engines)[number];
type Pattern = CardTrafficOptions['pattern'];

export interface PathOptions {
  readonly engines: readonly Engine[];
  readonly drains: readonly boolean[];
  /** How many cards take part. */
  readonly cards: readonly number[];
  readonly patterns: readonly Pattern[];
  readonly loops: readonly LoadOptions['loop'][];
  readonly connections: number;
  /** How long a program is loaded before it is measured. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Each load and each baseline is run so many times, and the fastest counts (open loop: the one with the lowest p99). */
  readonly rounds: number;
  /** Messages whose records the engine's own loop commits. */
  readonly recordedMessages: number;
}

export interface PathFigure {
  readonly engine: Engine;
  readonly drain: boolean;
  readonly cards: number;
  readonly pattern: Pattern;
  readonly loop: LoadOptions['loop'];
  readonly result: LoadResult;
  /** Answers that approve, of all. */
  readonly approvedShare: number;
  /** Of the bare echo with 256 in flight; of the engine's own loop on the same records. */
  readonly shareOfEcho: number;
  readonly shareOfEngine: number;
  /** Processor time in microseconds per answer, by thread of the program and by process beside it: a busy machine changes it little. */
  readonly busyUs: Readonly<Record<string, number>>;
  /** Journal entries that the book did not have when the load ended; undefined without a drain. */
  readonly lagEntries: number | undefined;
}

export interface PathReport {
  /** Frames a second of the bare echo, 256 in flight. */
  readonly echo: LoadResult;
  /** Messages a second of the engines' own loops. */
  readonly engineLoops: readonly EngineLoop[];
  readonly figures: readonly PathFigure[];
}

export interface EngineLoop {
  readonly engine: Engine;
  readonly cards: number;
  readonly pattern: Pattern;
  readonly messagesPerSecond: number;
}

const quick: PathOptions = {
  engines, drains: [true, false], cards: [100], patterns: ['purchase', 'authorization'],
  loops: [{ kind: 'closed', inFlight: 256 }, { kind: 'open', perSecond: 2_000 }], connections: 16, warmUpMs: 500, durationMs: 1_000, rounds: 1,
  recordedMessages: 5_000,
};

const usual: PathOptions = {
  ...quick, cards: [100, 10_000],
  loops: [
    ...[64, 256, 1_024].map((inFlight) => ({ kind: 'closed', inFlight }) as const),
    ...[5_000, 10_000].map((perSecond) => ({ kind: 'open', perSecond }) as const),
  ],
  warmUpMs: 5_000, durationMs: 3_000, recordedMessages: 60_000,
};

/** Of each load, before it counts. */
const settleMs = 300;

const partitionsOf: Readonly<Record<Engine, number>> = { sqlite: 1, 'redis-always': 4, 'redis-everysec': 4 };

/** An empty place for an engine. */
interface Place {
  readonly folder: string;
  readonly redisUrl: string | undefined;
  readonly redisPid: number | undefined;
  openStore(): Promise<Store>;
  remove(): Promise<void>;
}

async function openPlace(engine: Engine): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  const partitions = partitionsOf[engine];
  if (engine === 'sqlite') {
    return {
      folder, redisUrl: undefined, redisPid: undefined,
      openStore: () => SqliteStore.open({ file: join(folder, 'store.sqlite'), partitions, now: () => Date.now() }),
      remove: async () => rmSync(folder, { recursive: true, force: true }),
    };
  }
  const redis = await startRedis({ appendfsync: engine === 'redis-always' ? 'always' : 'everysec' });
  return {
    folder, redisUrl: redis.url, redisPid: redis.pid,
    openStore: () => RedisStore.open({ url: redis.url, partitions, commandTimeoutMs: 10_000, replicasMin: 0 }),
    async remove() {
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Messages a second where the engine commits what this traffic leads to, in the groups that it leads to, and does nothing else. */
export async function benchEngine(engine: Engine, cards: number, pattern: Pattern, messages: number): Promise<EngineLoop> {
  const { made, traffic } = await recordTraffic(partitionsOf[engine], cards, pattern, messages);
  const place = await openPlace(engine);
  try {
    const store = await place.openStore();
    await commitAll(store, made);
    const startedMs = performance.now();
    await commitAll(store, traffic);
    const seconds = (performance.now() - startedMs) / 1_000;
    await store.close();
    return { engine, cards, pattern, messagesPerSecond: messages / seconds };
  } finally {
    await place.remove();
  }
}

/** The commits that open the cards' accounts, and those of the traffic. */
async function recordTraffic(partitions: number, cards: number, pattern: Pattern, messages: number): Promise<{ made: Commit[]; traffic: Commit[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  try {
    const commits: Commit[] = [];
    const store = recording(new MemoryStore({ partitions, now: () => Date.now() }), commits);
    const vault = benchVault(folder);
    const ledger = await benchLedger(store);
    const used = benchCards(cards);
    await makeCards(used, store, ledger, vault);
    const made = commits.splice(0);
    await runDesk(openStation(store, ledger, vault), createTraffic(trafficOptions(cards, pattern, 0)), { inFlight: 256, answers: messages });
    return { made, traffic: commits };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each partition's commits in their order, as many under way at once as the engine makes sense of. */
async function commitAll(store: Store, commits: readonly Commit[]): Promise<void> {
  const epochs = await store.epochs();
  await Promise.all(epochs.map(async (epoch, partition) => {
    const own = commits.filter((commit) => commit.partition === partition);
    const turns = own.values();
    await Promise.all(Array.from({ length: store.commitsInFlightMax }, async () => {
      for (const { items } of turns) {
        const results = await store.commit({ partition, epoch }, items);
        for (const { kind } of results) if (kind !== 'committed') throw new Error(`the engine's own loop met ${kind}`);
      }
    }));
  }));
}

let nextStan = 0;

function trafficOptions(cards: number, pattern: Pattern, firstStan: number): CardTrafficOptions {
  return { pans: benchCards(cards).map(({ pan }) => pan), pattern, firstStan };
}

/** Other work on the machine only ever makes a figure worse, so the best of several rounds says most. */
async function best<T>(rounds: number, run: () => Promise<T>, worth: (figure: T) => number): Promise<T> {
  let found = await run();
  for (let round = 1; round < rounds; round += 1) {
    const next = await run();
    if (worth(next) > worth(found)) found = next;
  }
  return found;
}

async function benchEcho({ connections, warmUpMs, durationMs }: PathOptions): Promise<LoadResult> {
  const server = await startBareServer();
  try {
    return await loadEcho(server, { connections, inFlight: 256, payloadBytes: purchaseBytes, warmUpMs, durationMs });
  } finally {
    await server.stop();
  }
}

/** Runs everything that the options name, and tells of each figure as it comes. */
export async function benchPath(options: PathOptions, tell: (line: string) => void): Promise<PathReport> {
  const echo = await best(options.rounds, () => benchEcho(options), ({ perSecond }) => perSecond);
  tell(formatLoad('bare echo, 256 in flight', echo));
  const engineLoops: EngineLoop[] = [];
  const figures: PathFigure[] = [];
  for (const engine of options.engines) {
    for (const cards of options.cards) {
      for (const pattern of options.patterns) {
        const loop = await best(options.rounds, () => benchEngine(engine, cards, pattern, options.recordedMessages), ({ messagesPerSecond }) => messagesPerSecond);
        engineLoops.push(loop);
        tell(`${`${engine}, ${cards} cards, ${pattern}: own loop`.padEnd(60)} ${rate(loop.messagesPerSecond)}/s`);
        for (const drain of options.drains) {
          for (const figure of await benchProgram(options, { engine, cards, pattern, drain }, echo.perSecond, loop.messagesPerSecond)) {
            figures.push(figure);
            tell(formatFigure(figure));
          }
        }
      }
    }
  }
  return { echo, engineLoops, figures };
}

interface Scenario {
  readonly engine: Engine;
  readonly cards: number;
  readonly pattern: Pattern;
  readonly drain: boolean;
}

/** One program, all loads. */
async function benchProgram(options: PathOptions, scenario: Scenario, echoPerSecond: number, enginePerSecond: number): Promise<PathFigure[]> {
  const place = await openPlace(scenario.engine);
  try {
    if (scenario.cards > 100) await makeCardsIn(place, scenario.cards);
    const program = await startProgram({ ...place, drain: scenario.drain });
    try {
      const figures: PathFigure[] = [];
      // What is run for the first time is compiled while it runs.
      const warmUp: LoadOptions['loop'] = { kind: 'closed', inFlight: 256 };
      await measure(program, place, { ...options, durationMs: options.warmUpMs }, scenario, warmUp);
      for (const loop of options.loops) {
        const measured = await best(options.rounds, () => measure(program, place, options, scenario, loop), ({ result }) => (loop.kind === 'closed' ? result.perSecond : -result.latencyUs.p99));
        const { perSecond } = measured.result;
        figures.push({ ...scenario, loop, ...measured, shareOfEcho: perSecond / echoPerSecond, shareOfEngine: perSecond / enginePerSecond });
      }
      return figures;
    } finally {
      await program.stop();
    }
  } finally {
    await place.remove();
  }
}

/** Before the program has the place: its keys, and accounts for more cards than the demo has. */
async function makeCardsIn(place: Place, cards: number): Promise<void> {
  const store = await place.openStore();
  await makeCards(benchCards(cards), store, await benchLedger(store), benchVault(place.folder));
  await store.close();
}

type Measured = Pick<PathFigure, 'result' | 'approvedShare' | 'busyUs' | 'lagEntries'>;

async function measure(program: RunningProgram, place: Place, options: PathOptions, { cards, pattern, drain }: Scenario, loop: LoadOptions['loop']): Promise<Measured> {
  nextStan = (nextStan + 217_001) % 1_000_000;
  const load = runLoad({
    host: '127.0.0.1', port: program.port, connections: options.connections, framing: plainFraming,
    traffic: new URL('card-traffic.ts', import.meta.url).href, trafficOptions: trafficOptions(cards, pattern, nextStan), loop,
    warmUpMs: settleMs, durationMs: options.durationMs,
  });
  const [result, used] = await Promise.all([load, secondsUsed(program, place, options)]);
  const busyUs = Object.fromEntries([...used].map(([name, seconds]) => [name, (seconds / options.durationMs / result.perSecond) * 1e9] as const).filter(([, us]) => us >= 0.5));
  const approved = Object.entries(result.outcomes).reduce((sum, [outcome, count]) => sum + (outcome.endsWith(' 00') ? count : 0), 0);
  return { result, approvedShare: approved / result.answers, busyUs, lagEntries: drain ? await program.metric('locum_book_lag_entries') : undefined };
}

/** Processor time in the measured time of a load that begins now. */
async function secondsUsed(program: RunningProgram, place: Place, { durationMs }: PathOptions): Promise<ReadonlyMap<string, number>> {
  await delay(settleMs);
  const before = busySeconds(program, place);
  await delay(durationMs);
  return new Map([...busySeconds(program, place)].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));
}

/** Of the program's threads, of Redis, and of this process, which is the load generator. */
function busySeconds({ pid }: RunningProgram, { redisPid }: Place): ReadonlyMap<string, number> {
  const seconds = new Map(threadSeconds(pid));
  if (redisPid !== undefined) seconds.set('redis', sum(threadSeconds(redisPid)));
  seconds.set('load', sum(threadSeconds(process.pid)));
  return seconds;
}

function sum(seconds: ReadonlyMap<string, number>): number {
  return [...seconds.values()].reduce((total, value) => total + value, 0);
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en').padStart(8);
}

function formatFigure({ engine, drain, cards, pattern, loop, result, shareOfEcho, shareOfEngine, approvedShare, busyUs, lagEntries }: PathFigure): string {
  const { latencyUs: us } = result;
  const ms = (value: number): string => (value / 1000).toFixed(1).padStart(6);
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
  const how = loop.kind === 'closed' ? `${loop.inFlight} in flight` : `open, ${loop.perSecond}/s`;
  const shares = Object.entries(busyUs).sort(([, a], [, b]) => b - a).map(([name, us]) => `${name} ${us.toFixed(0)}`).join(', ');
  return [
    `${engine}, ${cards} cards, ${pattern}, drain ${drain ? 'on' : 'off'}, ${how}`.padEnd(72), `${rate(result.perSecond)}/s`,
    `p50 ${ms(us.p50)} p99 ${ms(us.p99)} p99.9 ${ms(us.p999)} max ${ms(us.max)} ms`,
    `${percent(shareOfEcho)} of echo, ${percent(shareOfEngine)} of engine`,
    ...(approvedShare === 1 ? [] : [`approved ${percent(approvedShare)} ${JSON.stringify(result.outcomes)}`]),
    ...(result.unanswered + result.strays === 0 ? [] : [`${result.unanswered} unanswered, ${result.strays} strays`]),
    ...(lagEntries === undefined ? [] : [`lag ${lagEntries}`]),
    `[µs an answer: ${shares}]`,
  ].join('  ');
}

function option(args: readonly string[], name: string): readonly string[] | undefined {
  const found = args.find((argument) => argument.startsWith(`--${name}=`));
  return found?.slice(name.length + 3).split(',');
}

/** From the command line's words. */
export function pathOptions(args: readonly string[]): PathOptions {
  const base = args.includes('--quick') ? quick : usual;
  const asked = engines.filter((engine) => option(args, 'engine')?.includes(engine) === true);
  const seconds = option(args, 'seconds')?.map(Number)[0];
  const closed = option(args, 'in-flight')?.map((inFlight) => ({ kind: 'closed', inFlight: Number(inFlight) }) as const);
  const open = option(args, 'open')?.map((perSecond) => ({ kind: 'open', perSecond: Number(perSecond) }) as const);
  return {
    ...base,
    engines: asked.length > 0 ? asked : base.engines,
    drains: option(args, 'drain')?.map((word) => word === 'on') ?? base.drains,
    cards: option(args, 'cards')?.map(Number) ?? base.cards,
    patterns: option(args, 'pattern')?.map((word) => (word === 'authorization' ? word : 'purchase')) ?? base.patterns,
    loops: closed === undefined && open === undefined ? base.loops : [...(closed ?? []), ...(open ?? [])],
    durationMs: seconds === undefined ? base.durationMs : seconds * 1_000,
    rounds: Number(option(args, 'rounds')?.[0] ?? base.rounds),
  };
}
