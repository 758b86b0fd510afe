/** The remote issuer on the running program: `locum start` and `locum host` as processes, which die by signal and come back. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { HostEvent, HostMessage, HostSummary } from '../../src/cli/host-report.ts';
import { openNeighbour } from '../../src/book/connection.ts';
import { locum, launcher } from '../cli/locum.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { buys, code, hostPan, reverses } from '../switch/hosts.ts';
import { ascii, bookFolder, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess, Variables } from './fixture.ts';
import { endsWithUs } from '../servers/children.ts';
import { freePort } from '../servers/ports.ts';

const issuers: IssuerProcess[] = [];
const redises: RedisServer[] = [];

afterEach(async () => {
  for (const issuer of issuers.splice(0)) await issuer.kill();
});

afterAll(async () => {
  await endAll();
  for (const redis of redises) await redis.stop();
});

/** `locum host`, which tells each message as a line of JSON. */
class IssuerProcess {
  readonly events: HostEvent[] = [];
  summary: HostSummary | undefined;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(port: number, script: string | undefined) {
    const words = [launcher, 'host', '--connect', `127.0.0.1:${port}`, '--ask-advices', '--json', ...(script === undefined ? [] : ['--script', script])];
    this.#child = endsWithUs(spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
    this.#ended = once(this.#child, 'close');
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const event = JSON.parse(part) as HostEvent | (HostSummary & { readonly event: 'summary' });
        if (event.event === 'summary') this.summary = event;
        else this.events.push(event);
      }
    });
    issuers.push(this);
  }

  get messages(): HostMessage[] {
    return this.events.filter((event) => event.event === 'message');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<HostSummary> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.summary!;
  }
}

async function signedOn(program: ProgramProcess, times: number): Promise<void> {
  await eventually(() => program.of('issuer circuit').filter(({ to }) => to === 'closed').length >= times, 'the issuer can be asked');
}

async function hostEnv(): Promise<{ env: Variables; port: number }> {
  const port = await freePort();
  return { env: { LOCUM_STATIONS_DEMO_HOST_LINK_LISTEN_PORT: String(port) }, port };
}

async function story(program: ProgramProcess, name: string): Promise<string> {
  let out = '';
  await eventually(async () => {
    ({ out } = await locum(['trace', name, '--by', 'stan'], { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } }));
    return out.includes('issuerTold') || out.includes('the issuer after');
  }, `the story of ${name} is in the book`);
  return out;
}

/** How long the issuer is waited for where a test kills it meanwhile. */
const timerMs = 8_000;

test('a purchase goes to the issuer and comes back; it is killed in mid-flight, stood in for, and told of each decision when it is back; each story is told', async () => {
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  const script = join(folder, 'drops.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', amountMinor: 777 }, do: 'drop' }]));
  const program = await startProgram(folder, { ...env, LOCUM_ISSUERS_DEMO_HOST_TIMERS_POS_MS: String(timerMs), LOCUM_DEADLINES_ANSWER_MS: '60000' });
  const first = new IssuerProcess(port, script);
  await signedOn(program, 1);
  const shop = await program.call(ascii);
  const forwarded = await shop.ask(buys(shop, 1001));
  expect(code(forwarded)).toBe('0110 00');
  expect(first.messages).toMatchObject([{ mti: '0100', approvalCode: forwarded.text(38) }]);

  const askedMs = performance.now();
  shop.send(buys(shop, 1002, { 4: '000000000777' }));
  await eventually(() => first.messages.length === 2, 'the issuer has the second');
  await first.kill();
  await eventually(() => program.of('issuer circuit').some(({ to }) => to === 'open'), 'the issuer is away');
  shop.send(buys(shop, 1003, { 4: '000000000888' }));
  const next = await shop.next();
  // Before the one that waits for its timer: what is known to be away is not waited for.
  expect([next.text(11), code(next)]).toEqual(['001003', '0110 00']);
  const inFlight = await shop.next(30_000);
  expect([inFlight.text(11), code(inFlight)]).toEqual(['001002', '0110 00']);
  expect(performance.now() - askedMs).toBeGreaterThan(timerMs - 100);

  const back = new IssuerProcess(port, undefined);
  await eventually(() => back.messages.length >= 3, 'the issuer is told');
  // In the order in which they were decided; first what it may have done itself.
  expect(back.messages.map(({ mti, amount }) => [mti, amount?.amountMinor])).toEqual([['0120', 888], ['0420', 777], ['0120', 777]]);
  const again = await shop.ask(buys(shop, 1004));
  expect(code(again)).toBe('0110 00');
  await eventually(() => back.messages.length === 4, 'requests go to it again');

  const stories = { asked: await story(program, '1001'), inFlight: await story(program, '1002'), next: await story(program, '1003') };
  expect(stories.asked).toContain('Decided by the issuer');
  expect(stories.next).toMatch(/Decided by stand-in.*\n[^]*Flagged: standin:(?:unreachable|signedOff|circuitOpen)\.[^]*0120, purchase \(authorization advice\).*\n {2}To station [^]*Flagged: issuerTold\./);
  expect(stories.inFlight).toMatch(/Flagged: standin:timeout\.\n[^]*Flagged: sentToIssuer\.[^]*0420, reversal of a purchase[^]*Flagged: issuerTold\.[^]*0120/);
  for (const text of Object.values(stories)) expect(text).not.toContain(hostPan);

  const summary = await back.stop();
  expect(summary).toMatchObject({ doubles: 0, advices: 2, reversals: 1, repeats: { requests: 0, advices: 0, reversals: 0 } });
  expect(summary.cards).toMatchObject([{ exposureMinor: 1_250 + 777 + 888 }]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('a switch that is killed before and while it tells the issuer loses no advice and doubles none', async () => {
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  let program = await startProgram(folder, env);
  let shop = await program.call(ascii);
  // Ten are approved, five a card; the others are declined, and the issuer hears of all.
  const pans = [hostPan, '5413330000000027'];
  const answers: string[] = [];
  for (let stan = 1; stan <= 40; stan += 1) answers.push(code(await shop.ask(buys(shop, stan, { 2: pans[stan % 2]! }))));
  expect(answers.filter((each) => each === '0110 00')).toHaveLength(10);
  await program.kill();
  program = await startProgram(folder, env);
  const issuer = new IssuerProcess(port, undefined);
  await eventually(() => issuer.messages.length >= 5, 'the issuer is told of some');
  await program.kill();
  program = await startProgram(folder, env);
  const isNew = ({ heard }: HostMessage): boolean => heard === 'new';
  await eventually(() => issuer.messages.filter(isNew).length >= 40, 'the issuer is told of all');
  shop = await program.call(ascii);
  expect(code(await shop.ask(buys(shop, 41, { 2: pans[1]! })))).toBe('0110 00');
  // A repeat of what was decided two lives ago.
  expect(code(await shop.ask(buys(shop, 1, { 2: pans[1]! }, '101')))).toBe('0110 00');
  const told = issuer.messages.filter(({ mti }) => mti.startsWith('012'));
  for (const pan of pans) {
    const masked = `${pan.slice(0, 6)}******${pan.slice(-4)}`;
    const rrns = told.filter((message) => isNew(message) && message.pan === masked).map(({ rrn }) => Number(rrn));
    expect(rrns).toEqual([...rrns].sort((a, b) => a - b));
  }
  const summary = await issuer.stop();
  expect(summary).toMatchObject({ doubles: 0, advices: 40, advisedDeclines: 30 });
  expect(summary.cards.reduce((sum, { exposureMinor }) => sum + exposureMinor, 0)).toBe(11 * 1_250);
  await program.stop();
});

test('a switch that is killed with a request in flight takes it back by the name that the issuer knows', async () => {
  const { env: usual, port } = await hostEnv();
  // What nobody ends is taken back by itself, but not here.
  const env = { ...usual, LOCUM_DEADLINES_EXPIRY_SCAN_MS: '600000' };
  const folder = emptyFolder();
  const script = join(folder, 'drops.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', times: 2 }, do: 'drop' }]));
  let program = await startProgram(folder, env);
  const issuer = new IssuerProcess(port, script);
  await signedOn(program, 1);
  let shop = await program.call(ascii);
  shop.send(buys(shop, 1));
  shop.send(buys(shop, 2));
  await eventually(() => issuer.messages.length === 2, 'the issuer has them');
  await program.kill();
  program = await startProgram(folder, env);
  await signedOn(program, 1);
  shop = await program.call(ascii);
  // The one is reversed, without a reference that both would know; the other is sent again.
  expect(code(await shop.ask(reverses(shop, 3, 1, { 37: undefined })))).toBe('0430 00');
  expect(code(await shop.ask(buys(shop, 2, {}, '101')))).toBe('0110 00');
  await eventually(() => issuer.messages.length >= 5, 'the issuer is told');
  expect(issuer.messages.slice(2).map(({ mti, note }) => [mti, note])).toEqual([['0420', ''], ['0420', ''], ['0120', '']]);
  const summary = await issuer.stop();
  expect(summary).toMatchObject({ doubles: 0, requests: 2, reversalsUnknown: 0 });
  expect(summary.cards).toMatchObject([{ exposureMinor: 1_250 }]);
  await program.stop();
});

test('a switch that is killed with a request in flight takes it back when it is there again, whoever says nothing more', async () => {
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  const script = join(folder, 'drops.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', times: 1 }, do: 'drop' }]));
  const often = { ...env, LOCUM_DEADLINES_EXPIRY_SCAN_MS: '500' };
  let program = await startProgram(folder, often);
  const issuer = new IssuerProcess(port, script);
  await signedOn(program, 1);
  const shop = await program.call(ascii);
  shop.send(buys(shop, 1));
  await eventually(() => issuer.messages.length === 1, 'the issuer has it');
  await program.kill();
  program = await startProgram(folder, often);
  await signedOn(program, 1);
  await eventually(() => issuer.messages.length >= 2, 'the issuer is told');
  await program.stop();
  expect(issuer.messages.map(({ mti, note }) => [mti, note])).toEqual([['0100', ''], ['0420', '']]);
  const summary = await issuer.stop();
  expect(summary).toMatchObject({ doubles: 0, requests: 1, reversalsUnknown: 0 });
  expect(summary.cards).toMatchObject([{ exposureMinor: 0 }]);
});

test('with Redis dead purchases still go to the issuer, or are stood in for by this node’s file; when it is back the book has each once', async () => {
  const redis = await startRedis();
  redises.push(redis);
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  const program = await startProgram(folder, { ...env, REDIS_URL: redis.url });
  const first = new IssuerProcess(port, undefined);
  await signedOn(program, 1);
  const shop = await program.call(ascii);
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  await redis.kill();
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 3, 1)))).toBe('0430 00');
  await eventually(() => first.messages.some(({ mti }) => mti === '0420'), 'the issuer takes it back');
  const kept = await first.stop();
  expect(kept.cards).toMatchObject([{ exposureMinor: 1_250 }]);
  await eventually(() => program.of('issuer circuit').some(({ to }) => to === 'open'), 'the issuer is away');
  for (const stan of [4, 5]) expect(code(await shop.ask(buys(shop, stan)))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 6, 4)))).toBe('0430 00');
  await redis.restart();
  await program.said('switch counts with the store again');
  const back = new IssuerProcess(port, undefined);
  await eventually(() => back.messages.length >= 3, 'the issuer is told');
  expect(back.messages.map(({ mti }) => mti)).toEqual(['0120', '0120', '0420']);
  const summary = await back.stop();
  expect(summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
  expect(summary.cards).toMatchObject([{ exposureMinor: 1_250 }]);
  await eventually(async () => (await program.metric('locum_book_lag_entries')) === 0, 'the book has it all');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  const book = await openNeighbour({ dataDir: bookFolder(folder) });
  const rows = await book.query<{ stan: string; count: number }>(`select stan, count(*)::int as count from transaction where station = '${ascii}' group by stan order by stan::int`);
  await book.close();
  expect(rows).toEqual([1, 2, 3, 4, 5, 6].map((stan) => ({ stan: String(stan), count: 1 })));
});

test('a stop lets an issuer answer what it was asked before, and the acquirer gets that answer', async () => {
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  const script = join(folder, 'late.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', times: 1 }, do: 'late', ms: 700 }]));
  const program = await startProgram(folder, env);
  const issuer = new IssuerProcess(port, script);
  await signedOn(program, 1);
  const shop = await program.call(ascii);
  shop.send(buys(shop, 1, { 37: undefined }));
  await eventually(() => issuer.messages.length === 1, 'the issuer has it');
  const stopped = program.stop();
  const answer = await shop.next();
  expect([code(answer), answer.text(44)?.slice(0, 1)]).toEqual(['0110 00', '5']);
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect((await issuer.stop()).cards).toMatchObject([{ exposureMinor: 1_250 }]);
});

test('a stop that is over before the issuer’s time is ends what waits for it, and the issuer is told of that after the next start', async () => {
  const { env, port } = await hostEnv();
  const folder = emptyFolder();
  const script = join(folder, 'drops.json');
  writeFileSync(script, JSON.stringify([{ match: { mti: '100', times: 1 }, do: 'drop' }]));
  let program = await startProgram(folder, { ...env, LOCUM_DEADLINES_STOP_MS: '1000' });
  const issuer = new IssuerProcess(port, script);
  await signedOn(program, 1);
  let shop = await program.call(ascii);
  shop.send(buys(shop, 1, { 37: undefined }));
  await eventually(() => issuer.messages.length === 1, 'the issuer has it');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  program = await startProgram(folder, env);
  await signedOn(program, 1);
  // What stand-in decided at the stop is told, though nobody heard it; the acquirer takes it back.
  await eventually(() => issuer.messages.length >= 3, 'the issuer is told');
  expect(issuer.messages.map(({ mti }) => mti)).toEqual(['0100', '0420', '0120']);
  shop = await program.call(ascii);
  expect(code(await shop.ask(reverses(shop, 2, 1, { 37: undefined })))).toBe('0430 00');
  await eventually(() => issuer.messages.length === 4, 'the issuer is told of the reversal');
  expect((await issuer.stop()).cards[0]?.exposureMinor ?? 0).toBe(0);
  await program.stop();
});
