/**
 * A remote issuer: what it costs to ask one, what stand-in decides without one, and how late deadlines are noticed.
 *
 *   load generator -> program -> issuer      beside it, in the same run:      load generator -> bare relay -> bare echo
 *
 *   npm run bench -- forward [--quick]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Deadlines, processSchedule } from '../src/base/deadlines.ts';
import { luhnDigit } from '../src/base/luhn.ts';
import { TestHost } from '../src/cli/host-desk.ts';
import type { HostLink } from '../src/host/host.ts';
import { plainFraming } from '../src/link/framing.ts';
import { demoHostBin } from '../src/program/demo-tables.ts';
import { config, orderOf, recordedHost, stationOf } from '../test/host/issuers.ts';
import { purchaseBytes } from './card-traffic.ts';
import type { CardTrafficOptions } from './card-traffic.ts';
import { startBareServer } from './echo.ts';
import { runLoad } from './load.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import { startProgram, threadSeconds } from './program.ts';

type Loop = LoadOptions['loop'];
type Tell = (line: string) => void;

/** Between the program and its issuer, between the relay and its echo, and in front of both. */
const connections = 4;
const settleMs = 300;

interface Time {
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Asking, by a loop. */
export interface ForwardFigure {
  readonly loop: Loop;
  readonly relay: Measured;
  readonly forwarded: Measured;
  /** Processor time of a forwarded transaction in that of a relayed one, at the same rate. */
  readonly ratio: number;
  /** The same without the thread that writes the log of messages into the book, at a lower priority, when nothing else is to be done. */
  readonly decidingRatio: number;
}

export interface Measured {
  readonly result: LoadResult;
  /** Processor microseconds for each answer, of the whole process; and of its threads. */
  readonly cpuUs: number;
  readonly busyUs: Readonly<Record<string, number>>;
}

export interface StandInFigure extends Measured {
  readonly loop: Loop;
  readonly approvedShare: number;
}

export interface DeadlineFigure {
  readonly waiting: number;
  /** Deadlines that the process keeps while they wait, all on one timer. */
  readonly deadlinesKept: number;
  /** After their deadlines. */
  readonly lateMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Cards of the remote issuer: so many that stand-in's limits for one are met by none. */
function hostPans(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const body = `${demoHostBin}${String(index).padStart(9, '0')}`;
    return body + (luhnDigit(body) ?? '');
  });
}

let nextStan = 0;

async function loadCards(port: number, loop: Loop, cards: number, { durationMs }: Pick<Time, 'durationMs'>, pid: number): Promise<Measured> {
  nextStan = (nextStan + 217_001) % 1_000_000;
  const trafficOptions: CardTrafficOptions = { pans: hostPans(cards), pattern: 'purchase', firstStan: nextStan };
  return await measured({ port, loop, durationMs, traffic: 'card-traffic.ts', trafficOptions }, pid);
}

async function measured({ port, loop, durationMs, traffic, trafficOptions }: Pick<LoadOptions, 'port' | 'loop' | 'durationMs' | 'traffic' | 'trafficOptions'>, pid: number): Promise<Measured> {
  const load = runLoad({
    host: '127.0.0.1', port, connections, framing: plainFraming, traffic: new URL(traffic, import.meta.url).href, trafficOptions, loop, warmUpMs: settleMs, durationMs,
  });
  const [result, used] = await Promise.all([load, secondsUsed(pid, durationMs)]);
  const answers = result.perSecond * (durationMs / 1_000);
  const busyUs = Object.fromEntries([...used].map(([name, seconds]) => [name, (seconds / answers) * 1e6] as const).filter(([, us]) => us >= 0.5));
  return { result, cpuUs: [...used.values()].reduce((sum, seconds) => sum + seconds, 0) / answers * 1e6, busyUs };
}

/** Of a process, by its threads, in the measured time of a load that begins now. */
async function secondsUsed(pid: number, durationMs: number): Promise<ReadonlyMap<string, number>> {
  await delay(settleMs);
  const before = threadSeconds(pid);
  await delay(durationMs);
  return new Map([...threadSeconds(pid)].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'locum-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param perSecond the rates that it is loaded with, one after the other */
async function relayed(perSecond: readonly number[], { warmUpMs, durationMs }: Time): Promise<Measured[]> {
  const issuer = await startBareServer();
  const relay = spawn(process.execPath, [fileURLToPath(new URL('relay.ts', import.meta.url)), String(issuer.port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(relay, 'exit');
  try {
    const [line] = (await once(createInterface({ input: relay.stdout }), 'line')) as [string];
    const of = (rate: number, ms: number): Promise<Measured> =>
      measured({ port: Number(line), loop: { kind: 'open', perSecond: rate }, durationMs: ms, traffic: 'echo-traffic.ts', trafficOptions: { payloadBytes: purchaseBytes } }, relay.pid ?? 0);
    await of(3_000, warmUpMs);
    const figures: Measured[] = [];
    for (const rate of perSecond) figures.push(await of(rate, durationMs));
    return figures;
  } finally {
    relay.kill('SIGKILL');
    await ended;
    await issuer.stop();
  }
}

async function forwarded(loops: readonly Loop[], { warmUpMs, durationMs }: Time): Promise<Measured[]> {
  return await withFolder(async (folder) => {
    const program = await startProgram({ folder, redisUrl: undefined, drain: false });
    const host = await TestHost.start({ connect: { port: program.hostPort, connections } });
    try {
      while (!host.signedOn || host.connectionCount < connections) await delay(20);
      await loadCards(program.port, { kind: 'closed', inFlight: 64 }, 10_000, { durationMs: warmUpMs }, program.pid);
      const figures: Measured[] = [];
      for (const loop of loops) figures.push(await loadCards(program.port, loop, 10_000, { durationMs }, program.pid));
      return figures;
    } finally {
      await host.kill();
      await program.stop();
    }
  });
}

/** The relay is loaded with the rate that the program made: at another, one write would carry another number of messages. */
export async function benchForwarding(loops: readonly Loop[], time: Time): Promise<ForwardFigure[]> {
  const forwards = await forwarded(loops, time);
  const relays = await relayed(forwards.map(({ result }) => Math.max(1, Math.round(result.perSecond))), time);
  return loops.map((loop, index) => {
    const [relay, forward] = [relays[index]!, forwards[index]!];
    return { loop, relay, forwarded: forward, ratio: forward.cpuUs / relay.cpuUs, decidingRatio: (forward.cpuUs - (forward.busyUs['office'] ?? 0)) / relay.cpuUs };
  });
}

/** The program without its issuer, over TCP: decision, counts and advice are on disk before an answer leaves. */
export async function benchStandIn(loop: Loop, time: Time): Promise<StandInFigure> {
  return await withFolder(async (folder) => {
    const program = await startProgram({ folder, redisUrl: undefined, drain: false });
    try {
      await loadCards(program.port, { kind: 'closed', inFlight: 256 }, 100_000, { durationMs: time.warmUpMs }, program.pid);
      const figure = await loadCards(program.port, loop, 100_000, time, program.pid);
      return { loop, ...figure, approvedShare: (figure.result.outcomes['0210 00'] ?? 0) / figure.result.answers };
    } finally {
      await program.stop();
    }
  });
}

/** Requests that no answer comes for, with deadlines spread over a time. */
export async function benchDeadlines(waiting: number, spreadMs: number, firstMs: number): Promise<DeadlineFigure> {
  const deadlines = new Deadlines(() => performance.now(), processSchedule);
  const circuit = { ...config.circuit, failuresMax: waiting + 1, sharePercent: 101 };
  const silent: HostLink = { usable: true, signedOff: false, request: () => 'queued', seal: undefined, echo: () => undefined };
  const { host } = recordedHost([stationOf('silent', silent)], deadlines, { pendingMax: waiting, circuit });
  const { promise, resolve } = Promise.withResolvers<void>();
  const lateMs: number[] = [];
  const beganMs = deadlines.nowMs();
  const order = orderOf(beganMs);
  for (let index = 0; index < waiting; index += 1) {
    const deadlineMs = beganMs + firstMs + (index * spreadMs) / waiting;
    host.forward({ ...order, deadlineMs }, ({ kind }) => {
      if (kind !== 'expired') throw new Error(`the benchmark met ${kind}`);
      lateMs.push(deadlines.nowMs() - deadlineMs);
      if (lateMs.length === waiting) resolve();
    });
  }
  const deadlinesKept = deadlines.pending;
  // Nothing else keeps the process while it waits.
  const alive = setInterval(() => undefined, 60_000);
  await promise;
  clearInterval(alive);
  host.stop();
  lateMs.sort((a, b) => a - b);
  return { waiting, deadlinesKept, lateMs: { p50: lateMs[waiting >> 1]!, p99: lateMs[Math.floor(waiting * 0.99)]!, max: lateMs.at(-1)! } };
}

export async function benchForward(isQuick: boolean, tell: Tell): Promise<void> {
  const time: Time = isQuick ? { warmUpMs: 300, durationMs: 500 } : { warmUpMs: 6_000, durationMs: 3_000 };
  const loops: readonly Loop[] = isQuick
    ? [{ kind: 'open', perSecond: 500 }]
    : [...[1_000, 3_000].map((perSecond) => ({ kind: 'open', perSecond }) as const), ...[64, 256].map((inFlight) => ({ kind: 'closed', inFlight }) as const)];
  for (const { loop, relay, forwarded: forward, ratio, decidingRatio } of await benchForwarding(loops, time)) {
    tell(`forwarded, ${nameOf(loop)}: ${ratio.toFixed(1)} times a bare relay, ${decidingRatio.toFixed(1)} without the log of messages; ${shown(forward)}; relay ${shown(relay)}`);
  }
  for (const inFlight of isQuick ? [256] : [256, 1_024]) {
    const { loop, approvedShare, ...figure } = await benchStandIn({ kind: 'closed', inFlight }, time);
    tell(`stand-in, ${nameOf(loop)}: ${shown(figure)}; ${(approvedShare * 100).toFixed(1)}% approved`);
  }
  for (const spreadMs of [0, 1_000]) {
    const { waiting, deadlinesKept, lateMs } = await benchDeadlines(isQuick ? 1_000 : 10_000, spreadMs, isQuick ? 300 : 4_000);
    tell(`deadlines, ${waiting} waiting, spread over ${spreadMs} ms, ${deadlinesKept} kept: noticed late p50 ${lateMs.p50.toFixed(1)} p99 ${lateMs.p99.toFixed(1)} max ${lateMs.max.toFixed(1)} ms`);
  }
}

function nameOf(loop: Loop): string {
  return loop.kind === 'closed' ? `${loop.inFlight} in flight` : `${loop.perSecond}/s`;
}

function shown({ result, cpuUs, busyUs }: Measured): string {
  const threads = Object.entries(busyUs).sort(([, a], [, b]) => b - a).map(([name, us]) => `${name} ${us.toFixed(0)}`).join(', ');
  const { p50, p99 } = result.latencyUs;
  const left = result.unanswered + result.strays === 0 ? '' : `, unanswered ${result.unanswered}, strays ${result.strays}`;
  return `${Math.round(result.perSecond).toLocaleString('en')}/s, ${cpuUs.toFixed(0)} µs (${threads}), p50 ${(p50 / 1_000).toFixed(1)} p99 ${(p99 / 1_000).toFixed(1)} ms, ${JSON.stringify(result.outcomes)}${left}`;
}
