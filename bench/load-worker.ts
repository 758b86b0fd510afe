/** The thread behind `runLoad`: opens the connections, keeps the loop, measures, posts one `LoadResult`. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { build } from 'hdr-histogram-js';
import { compileFraming, FrameSplitter } from '../src/link/framing.ts';
import type { Framing } from '../src/link/framing.ts';
import { payloadBytesMax, traceMax } from './load.ts';
import type { LoadOptions, LoadResult, Traffic, TrafficModule } from './load.ts';

const chunkBytes = 65_536;
const latencyUsMax = 600_000_000;
/** How long the open loop waits for the last answers. */
const lingerMs = 10_000;

class Load {
  readonly options: LoadOptions;
  readonly traffic: Traffic;
  readonly framing: Framing;
  readonly lines: Line[] = [];
  /** By trace: when the request was sent (closed loop) or due (open loop), 0 when none is in flight. */
  readonly startedAtMs = new Float64Array(traceMax);
  readonly histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: latencyUsMax,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
  readonly outcomes = new Map<string, number>();
  inFlight = 0;
  answers = 0;
  strays = 0;
  measuring = false;
  sending = true;
  failed: ((error: Error) => void) | undefined;

  constructor(options: LoadOptions, traffic: Traffic) {
    this.options = options;
    this.traffic = traffic;
    this.framing = compileFraming(options.framing);
  }

  answered(buffer: Buffer, start: number, end: number, connection: number, nowMs: number): boolean {
    const trace = this.traffic.readAnswer(buffer, start, end, connection);
    const startedAtMs = trace < 0 ? 0 : (this.startedAtMs[trace] ?? 0);
    if (startedAtMs === 0) {
      this.strays += 1;
      return false;
    }
    this.startedAtMs[trace] = 0;
    this.inFlight -= 1;
    if (this.measuring) {
      this.answers += 1;
      this.histogram.recordValue(Math.min(latencyUsMax, Math.max(1, Math.round((nowMs - startedAtMs) * 1000))));
      const { outcome } = this.traffic;
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    }
    return true;
  }
}

/** One connection: splits answers, collects requests, writes them once per turn. */
class Line {
  readonly #load: Load;
  readonly #socket: Socket;
  readonly #index: number;
  readonly #splitter: FrameSplitter;
  #chunk = Buffer.allocUnsafeSlow(chunkBytes);
  #filled = 0;

  constructor(load: Load, socket: Socket, index: number) {
    this.#load = load;
    this.#socket = socket;
    this.#index = index;
    this.#splitter = new FrameSplitter(load.framing, 65_535);
    const closedLoop = load.options.loop.kind === 'closed';
    socket.on('data', (chunk: Buffer) => {
      const nowMs = performance.now();
      this.#splitter.push(chunk);
      while (this.#splitter.next() === 'frame') {
        const { buffer, start, end } = this.#splitter;
        if (load.answered(buffer, start, end, index, nowMs) && closedLoop && load.sending) this.send(nowMs);
      }
      this.flush();
    });
    socket.on('error', (error) => load.failed?.(error));
    socket.on('close', () => load.failed?.(new Error('the server closed a connection')));
  }

  /** @param startedAtMs from when the latency counts */
  send(startedAtMs: number): void {
    const { framing, traffic } = this.#load;
    if (this.#filled + framing.overheadBytes + payloadBytesMax > chunkBytes) this.flush();
    const bodyAt = this.#filled + framing.lengthBytes;
    this.#chunk.set(framing.requestHeader, bodyAt);
    const end = traffic.writeRequest(this.#chunk, bodyAt + framing.headerBytes, this.#index);
    framing.writeLength(this.#chunk, this.#filled, end - bodyAt);
    this.#filled = end;
    this.#load.startedAtMs[traffic.trace] = startedAtMs;
    this.#load.inFlight += 1;
  }

  flush(): void {
    if (this.#filled === 0) return;
    // The socket may still have this chunk when the next turn begins to fill one.
    this.#socket.write(this.#chunk.subarray(0, this.#filled));
    this.#chunk = Buffer.allocUnsafe(chunkBytes);
    this.#filled = 0;
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}

async function measure(load: Load): Promise<number> {
  const { warmUpMs, durationMs } = load.options;
  await delay(warmUpMs);
  load.measuring = true;
  const fromMs = performance.now();
  await delay(durationMs);
  load.measuring = load.options.loop.kind === 'open';
  load.sending = false;
  return (performance.now() - fromMs) / 1000;
}

/** Sends what is due, then gives way to the answers, until the time is over. */
function pace(load: Load, perSecond: number): void {
  const { lines } = load;
  const fromMs = performance.now();
  let sent = 0;
  const round = (): void => {
    if (!load.sending) return;
    const due = ((performance.now() - fromMs) * perSecond) / 1000;
    for (; sent < due; sent += 1) lines[sent % lines.length]?.send(fromMs + (sent * 1000) / perSecond);
    for (const line of lines) line.flush();
    if (load.inFlight > traceMax / 2) load.failed?.(new Error(`the server is behind by ${load.inFlight} requests`));
    else setTimeout(round, 1);
  };
  round();
}

async function run(options: LoadOptions): Promise<LoadResult> {
  const module = (await import(options.traffic)) as TrafficModule;
  const load = new Load(options, module.createTraffic(options.trafficOptions));
  const failure = new Promise<never>((_resolve, reject) => {
    load.failed = reject;
  });
  for (let i = 0; i < options.connections; i += 1) {
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    await once(socket, 'connect');
    load.lines.push(new Line(load, socket, i));
  }
  if (options.loop.kind === 'open') pace(load, options.loop.perSecond);
  else {
    for (let i = 0; i < options.loop.inFlight; i += 1) load.lines[i % load.lines.length]?.send(performance.now());
    for (const line of load.lines) line.flush();
  }
  const seconds = await Promise.race([measure(load), failure]);
  for (const untilMs = performance.now() + lingerMs; load.inFlight > 0 && performance.now() < untilMs; ) await delay(5);
  load.failed = undefined;
  for (const line of load.lines) line.close();
  const { histogram } = load;
  return {
    answers: load.answers,
    seconds,
    perSecond: load.answers / seconds,
    latencyUs: {
      mean: histogram.mean,
      p50: histogram.getValueAtPercentile(50),
      p90: histogram.getValueAtPercentile(90),
      p99: histogram.getValueAtPercentile(99),
      p999: histogram.getValueAtPercentile(99.9),
      max: histogram.maxValue,
    },
    outcomes: Object.fromEntries(load.outcomes),
    unanswered: load.inFlight,
    strays: load.strays,
  };
}

parentPort?.postMessage(await run(workerData as LoadOptions), []);
