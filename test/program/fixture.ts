/**
 * The whole program as an operator has it: `bin/locum.js start` in a process of its own, on a folder and ports of its own, with
 * everything that it says kept; and acquirers that keep it busy and remember what it approved.
 *
 * A test file calls `endAll` after all tests: what still runs is killed, and the folders are removed.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Book } from '../../src/book/book.ts';
import { verify } from '../../src/book/verify.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { demoCards } from '../../src/program/demo.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { endsWithUs } from '../servers/children.ts';
import { Acquirer, purchase } from '../switch/fixture.ts';
import type { Fields } from '../switch/fixture.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The Node that comes with the packages: under it no launcher stands between a signal and the switch. */
const pinned = join(root, 'node_modules/.bin/node');
const node = existsSync(pinned) ? pinned : process.execPath;

export type Variables = Readonly<Record<string, string | undefined>>;

/** The demo's stations and HTTP, each on a port that is drawn. */
export const anyPorts: Variables = {
  LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_1987_BINARY_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_2003_BINARY_LINK_LISTEN_PORT: '0',
  LOCUM_STATIONS_DEMO_HOST_LINK_LISTEN_PORT: '0',
  LOCUM_HTTP_PORT: '0',
  LOCUM_DOORS_SECURE_PORT: '0',
};

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [name: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

const programs: ProgramProcess[] = [];
const folders: string[] = [];

/** For `afterAll`. */
export async function endAll(): Promise<void> {
  await Promise.all(programs.splice(0).map((program) => program.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** An empty folder, removed at the end. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'locum-program-'));
  folders.push(folder);
  return folder;
}

/** Writes a configuration into the folder, where it is found without being named. */
export function configure(folder: string, config: object): void {
  writeFileSync(join(folder, 'locum.json'), JSON.stringify(config));
}

/** Starts the program and does not wait. @param env over the demo's ports, which are drawn */
export function launch(folder: string, env: Variables = {}): ProgramProcess {
  // What this process has in its environment must not decide what is found.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:LOCUM_|REDIS_URL|DATABASE_URL|NODE_OPTIONS|VITEST|NODE_ENV|FAULT)/.test(name));
  const child = endsWithUs(spawn(node, [join(root, 'bin/locum.js'), 'start'], {
    cwd: folder, env: { ...Object.fromEntries(inherited), ...anyPorts, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  }));
  const program = new ProgramProcess(child, folder);
  programs.push(program);
  return program;
}

/** Starts the program and waits until it says that it is ready. @throws Error with all that it said where it ends before */
export async function startProgram(folder: string, env: Variables = {}): Promise<ProgramProcess> {
  const program = launch(folder, env);
  await program.said('ready');
  return program;
}

/** Variables under which SIGUSR2 makes that thread throw; `rejection` is a promise of the main thread that nobody waits for. */
export function faultIn(thread: 'main' | 'rejection' | 'office' | 'store'): Variables {
  return { NODE_OPTIONS: `--import=${new URL('fault.ts', import.meta.url).href} --disable-warning=ExperimentalWarning`, FAULT_IN: thread };
}

/** One run of the program. */
export class ProgramProcess {
  readonly child: ChildProcess;
  readonly folder: string;
  /** The log's lines so far. */
  readonly lines: LogLine[] = [];
  /** Everything that it wrote to standard output and standard error. */
  output = '';
  errors = '';
  readonly ended: Promise<Ended>;
  #rest = '';
  #hasEnded = false;

  constructor(child: ChildProcess, folder: string) {
    this.child = child;
    this.folder = folder;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      for (const part of parts) this.lines.push(JSON.parse(part) as LogLine);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.errors += text;
    });
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#hasEnded = true;
      return { code: code as number | null, signal: signal as string | null };
    });
  }

  /** The lines of that event, oldest first. */
  of(event: string): LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** Waits until the event was logged, `times` times in all. @returns the last of them */
  async said(event: string, times = 1, withinMs = 120_000): Promise<LogLine> {
    await eventually(() => this.of(event).length >= times || this.#hasEnded, `${event} is logged`, withinMs);
    const line = this.of(event)[times - 1];
    if (line === undefined) throw new Error(`the program ended without having said ${event}:\n${this.output}`);
    return line;
  }

  get #ready(): LogLine {
    const line = this.of('ready').at(-1);
    if (line === undefined) throw new Error('the program is not ready');
    return line;
  }

  get httpPort(): number {
    return Number(this.#ready['http']);
  }

  /** Of the partners' door. */
  get securePort(): number {
    return Number(this.#ready['partners']);
  }

  /** As its last line of listening says. */
  port(station: string): number {
    const line = this.of('station listening').filter((each) => each['station'] === station).at(-1);
    if (line === undefined) throw new Error(`${station} does not listen`);
    return Number(line['port']);
  }

  get stations(): readonly string[] {
    return (this.#ready['stations'] as readonly string[]).map((text) => text.slice(0, text.lastIndexOf(':')));
  }

  /** As a crash: SIGKILL. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** As an operator: SIGTERM, and its end. */
  async stop(): Promise<Ended> {
    this.child.kill('SIGTERM');
    return await this.ended;
  }

  async get(path: string): Promise<{ readonly status: number; readonly type: string; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}${path}`);
    return { status: response.status, type: (response.headers.get('content-type') ?? '').split(';')[0] ?? '', text: await response.text() };
  }

  async ready(): Promise<{ readonly status: number; readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>> }> {
    const { status, text } = await this.get('/ready');
    return { status, checks: (JSON.parse(text) as { checks: Record<string, { ok: boolean; detail: string }> }).checks };
  }

  /** The value of the metric with exactly these labels as the exposition has them; undefined where there is none. */
  async metric(name: string): Promise<number | undefined> {
    const { text } = await this.get('/metrics');
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** Connects to a station of the demo, or to another one of that format. */
  async call(station: string, spec = station.replace('demo', 'iso8583')): Promise<Acquirer> {
    const socket = connect({ host: '127.0.0.1', port: this.port(station), noDelay: true });
    const acquirer = new Acquirer(socket, codecOf(spec), 0);
    await once(socket, 'connect');
    return acquirer;
  }
}

const codecs = new Map<string, Codec>();

export function codecOf(spec: string): Codec {
  let codec = codecs.get(spec);
  if (codec === undefined) {
    codec = loadFormat({ spec }, 'test').codec;
    codecs.set(spec, codec);
  }
  return codec;
}

/** Waits until `condition` holds. @throws Error where it does not in time */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string, withinMs = 120_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(10);
  }
}

export const ascii = 'demo-1987-ascii';
export const card = '4761730000000011';

/** The demo's cards for load. */
const loadCards = demoCards().filter(({ amountMinor }) => amountMinor > 1_000_000_000).map(({ pan }) => pan);

export interface Answered {
  readonly stan: number;
  readonly type: string;
  readonly code: string;
  readonly approvalCode: string;
}

/** The purchase that a shopper sends under this number: 0.01 by one of the load cards, a hold or a posting in turn. */
export function shoppersPurchase(stan: number, codec = codecOf('iso8583-1987-ascii')): ReturnType<typeof purchase> {
  return purchase(codec, stan, { 2: loadCards[stan % 20], 4: '000000000001' }, stan % 2 === 0 ? '100' : '200');
}

function answeredOf(message: Message): Answered {
  return { stan: Number(message.text(11)), type: message.mti, code: message.text(39) ?? '', approvalCode: message.text(38) ?? '' };
}

const patienceMs = 1_000;

/**
 * Acquirers with several purchases in flight each, who connect again where the switch is gone, and go on. What was sent on a
 * connection that ended and not answered is not sent again.
 */
export class Shoppers {
  readonly answered: Answered[] = [];
  sent = 0;
  /** When each answer came, monotonic ms, in the order of `answered`. */
  readonly cameAtMs: number[] = [];
  readonly #port: () => number;
  readonly #inFlightMax: number;
  #nextStan: number;
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(port: () => number, options: { readonly connections?: number; readonly inFlight?: number; readonly firstStan?: number } = {}) {
    this.#port = port;
    this.#inFlightMax = options.inFlight ?? 8;
    this.#nextStan = options.firstStan ?? 1;
    this.#running = Promise.all(Array.from({ length: options.connections ?? 4 }, () => this.#shop()));
  }

  get approved(): Answered[] {
    return this.answered.filter(({ code }) => code === '00');
  }

  /** What was answered and not approved, by DE39. */
  get refusals(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { code } of this.answered) if (code !== '00') counts[code] = (counts[code] ?? 0) + 1;
    return counts;
  }

  /** Waits until so many more were approved. */
  async approves(more: number): Promise<void> {
    const target = this.approved.length + more;
    await eventually(() => this.approved.length >= target, `${more} more purchases are approved`);
  }

  /** Sends no more, and waits for the answers that come. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #shop(): Promise<void> {
    while (!this.#stopped) {
      await this.#visit();
      await delay(20);
    }
  }

  async #visit(): Promise<void> {
    const codec = codecOf('iso8583-1987-ascii');
    const socket = connect({ host: '127.0.0.1', port: this.#port(), noDelay: true });
    const acquirer = new Acquirer(socket, codec, 0);
    let taken = 0;
    let inFlight = 0;
    let lastMs = performance.now();
    while (!acquirer.ended && !(this.#stopped && (inFlight === 0 || performance.now() - lastMs > 5_000))) {
      for (; taken < acquirer.frames.length; taken += 1) {
        this.answered.push(answeredOf(codec.decode(acquirer.frames[taken]!)));
        this.cameAtMs.push(performance.now());
        inFlight = Math.max(0, inFlight - 1);
        lastMs = performance.now();
      }
      // What is not known to the switch gets no answer: an acquirer gives it up.
      if (inFlight === this.#inFlightMax && performance.now() - lastMs > patienceMs) {
        inFlight = 0;
        lastMs = performance.now();
      }
      while (!this.#stopped && inFlight < this.#inFlightMax && !socket.connecting) {
        const stan = this.#nextStan;
        this.#nextStan += 1;
        this.sent += 1;
        inFlight += 1;
        acquirer.send(shoppersPurchase(stan));
      }
      await delay(1);
    }
    socket.destroy();
  }
}

/** One answer to one purchase. */
export async function buy(acquirer: Acquirer, stan: number, changes: Fields = {}, type = '100'): Promise<Answered> {
  return answeredOf(await acquirer.ask(purchase(acquirer.codec, stan, changes, type)));
}

/**
 * What is wrong in the book: each approval must be there once, with its code, and nothing of what was turned away (91); it must agree
 * with itself. Empty where all is well.
 */
export async function wrongIn(book: Book, answered: readonly Answered[]): Promise<string[]> {
  const rows = await book.query<{ stan: string; approval_code: string; count: number }>(
    'select stan, approval_code, count(*)::int as count from transaction where approved group by stan, approval_code',
  );
  const booked = new Map<number, { code: string; count: number }[]>();
  for (const { stan, approval_code: code, count } of rows) booked.set(Number(stan), [...(booked.get(Number(stan)) ?? []), { code, count }]);
  const wrong: string[] = [];
  for (const { stan, code, approvalCode } of answered) {
    const found = booked.get(stan) ?? [];
    const expected = code === '00' ? [{ code: approvalCode, count: 1 }] : code === '91' ? [] : found;
    if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push(`${stan} was answered ${code} ${approvalCode}, and the book has ${JSON.stringify(found)}`);
  }
  for (const { text } of await verify(book, 5)) wrong.push(text);
  return wrong;
}

/** Sends every `step`-th approved purchase again: what was answered otherwise than before. */
export async function answeredOtherwise(program: ProgramProcess, approved: readonly Answered[], most = 200): Promise<string[]> {
  const acquirer = await program.call(ascii);
  const step = Math.max(1, Math.ceil(approved.length / most));
  const asked = approved.filter((_each, index) => index % step === 0);
  for (const { stan } of asked) acquirer.send(shoppersPurchase(stan));
  const answers = new Map<number, Answered>();
  while (answers.size < asked.length) {
    const answer = answeredOf(await acquirer.next());
    answers.set(answer.stan, answer);
  }
  acquirer.socket.destroy();
  return asked.filter((before) => JSON.stringify(answers.get(before.stan)) !== JSON.stringify(before))
    .map((before) => `${JSON.stringify(before)} became ${JSON.stringify(answers.get(before.stan))}`);
}

/** The folder of the embedded book. */
export function bookFolder(folder: string): string {
  return join(folder, 'data', 'book');
}

