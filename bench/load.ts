/**
 * A load generator for anything that takes framed messages over TCP: many connections, in a thread of its own.
 *
 * Closed loop: a fixed number of requests is in flight, and an answer is followed by the next request. Open loop: requests
 * leave at a fixed rate whatever the answers do, and each latency counts from when the request was *due*, so that a server that
 * stalls is charged for everyone who had to wait (no coordinated omission).
 *
 * What is sent, and what an answer is, comes from a module that exports `createTraffic` (see `Traffic`).
 */
import { Worker } from 'node:worker_threads';
import type { FramingConfig } from '../src/link/framing.ts';

export interface Traffic {
  /** The trace of the request that `writeRequest` wrote last: in [0, traceMax), and not that of another one in flight. */
  readonly trace: number;
  /** What the answer that `readAnswer` read last says, for the table of outcomes, such as a response code. */
  readonly outcome: string;
  /** Writes the next request's payload at `offset` (there is room for `payloadBytesMax`) and returns the offset after it. */
  writeRequest(target: Buffer, offset: number, connection: number): number;
  /** @returns the trace of the request that this payload answers, or -1 when it is no answer */
  readAnswer(buffer: Buffer, start: number, end: number, connection: number): number;
}

/** What the module named by `LoadOptions.traffic` exports. */
export interface TrafficModule {
  createTraffic(options: unknown): Traffic;
}

/** Traces are system trace audit numbers: six digits. */
export const traceMax = 1_000_000;
export const payloadBytesMax = 4_096;

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly framing: FramingConfig;
  /** URL of a module that exports `createTraffic`, which gets `trafficOptions`. */
  readonly traffic: string;
  readonly trafficOptions: unknown;
  readonly loop:
    /** In flight over all connections. */
    | { readonly kind: 'closed'; readonly inFlight: number }
    /** Requests a second over all connections. */
    | { readonly kind: 'open'; readonly perSecond: number };
  /** Not counted. */
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface LoadResult {
  /** Answers within the measured time. */
  readonly answers: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Microseconds. */
  readonly latencyUs: { readonly mean: number; readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number; readonly max: number };
  /** Answers by `Traffic.outcome`. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests that had no answer ten seconds after the last one was sent. */
  readonly unanswered: number;
  /** Frames that were no answer, or answered nothing that was in flight. */
  readonly strays: number;
}

/**
 * Runs one load in a worker thread.
 *
 * @throws Error when a connection can't be made or breaks
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const worker = new Worker(new URL('load-worker.ts', import.meta.url), { workerData: options });
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => {
        reject(new Error(`the load generator ended without a result (${code})`));
      });
    });
  } finally {
    await worker.terminate();
  }
}

/** One line for a table. */
export function formatLoad(name: string, result: LoadResult): string {
  const { latencyUs: us } = result;
  const ms = (value: number): string => (value / 1000).toFixed(2).padStart(8);
  const rate = Math.round(result.perSecond).toLocaleString('en').padStart(10);
  return `${name.padEnd(36)} ${rate}/s  p50 ${ms(us.p50)} ms  p99 ${ms(us.p99)} ms  p99.9 ${ms(us.p999)} ms  max ${ms(us.max)} ms`;
}
