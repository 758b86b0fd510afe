/** Alerts of the running program: what goes away and comes back is told of once at its start and once at its end, wherever operators look. */
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { AlertShown } from '../../src/program/operator-alerts.ts';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { freePort } from '../servers/ports.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { buys, code } from '../switch/hosts.ts';
import { ascii, buy, configure, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { LogLine, ProgramProcess, Variables } from './fixture.ts';

/** Everything soon. */
const soon = { stationDownMs: 300, standInMs: 100, adviceCount: 3, adviceAgeMs: 2_000, bookMs: 300, late: 2, unmatched: 2, refused: 2, windowMs: 4_000, settleMs: 1_000 };

/** Where no book goes away: one that is slow, as the machine is busy, is nothing to be told of. */
const withoutBook = { ...soon, bookMs: 120_000 };

let postgres: PostgresServer;
const redises: RedisServer[] = [];
const hosts: TestHost[] = [];
const variables = new WeakMap<ProgramProcess, Variables>();

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await endAll();
  for (const host of hosts) await host.kill();
  for (const redis of redises) await redis.stop();
  await postgres.remove();
});

async function begin(more: object = {}, env: Variables = {}): Promise<ProgramProcess> {
  const folder = emptyFolder();
  configure(folder, { demo: true, book: { refreshMs: 200 }, parameters: { system: { alerts: withoutBook } }, ...more });
  const program = await startProgram(folder, env);
  variables.set(program, env);
  return program;
}

async function command(program: ProgramProcess, line: string): Promise<Ended> {
  return await locum(line.split(' '), { cwd: program.folder, env: { ...variables.get(program), LOCUM_HTTP_PORT: String(program.httpPort) } });
}

async function alerts(program: ProgramProcess, all = false): Promise<readonly AlertShown[]> {
  const { code: ended, out, err } = await command(program, `alerts --json${all ? ' --all' : ''}`);
  expect({ code: ended, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as AlertShown[];
}

function of(program: ProgramProcess, event: string, kind: string, subject: string): LogLine[] {
  return program.of(event).filter((line) => line['kind'] === kind && line['subject'] === subject);
}

/** It starts: one line in the log, one more in the list, 1 in the metrics. @returns how it is listed */
async function starts(program: ProgramProcess, kind: string, subject: string, times = 1): Promise<AlertShown> {
  await eventually(() => of(program, 'alert', kind, subject).length >= times, `${kind} of ${subject} starts`);
  expect(of(program, 'alert', kind, subject)).toHaveLength(times);
  expect(of(program, 'alert', kind, subject).at(-1)).toMatchObject({ level: 'warn' });
  await eventually(async () => (await program.metric(`locum_alerts{kind="${kind}",subject="${subject}"}`)) === 1, `${kind} of ${subject} is counted`);
  const [listed, ...more] = (await alerts(program)).filter((alert) => alert.kind === kind && alert.subject === subject);
  expect([listed, more]).toMatchObject([{ kind, subject }, []]);
  expect(listed).not.toHaveProperty('end');
  return listed!;
}

async function ends(program: ProgramProcess, kind: string, subject: string, times = 1): Promise<AlertShown> {
  await eventually(() => of(program, 'alert ended', kind, subject).length >= times, `${kind} of ${subject} ends`);
  expect(of(program, 'alert ended', kind, subject)).toHaveLength(times);
  expect(of(program, 'alert', kind, subject)).toHaveLength(times);
  expect(await program.metric(`locum_alerts{kind="${kind}",subject="${subject}"}`)).toBe(0);
  expect(await program.metric(`locum_alerts_started_total{kind="${kind}",subject="${subject}"}`)).toBe(times);
  const matching = (await alerts(program, true)).filter((alert) => alert.kind === kind && alert.subject === subject);
  expect(matching).toHaveLength(times);
  const [latest] = matching;
  expect(Date.parse(latest?.end ?? '')).toBeGreaterThanOrEqual(Date.parse(latest?.start ?? ''));
  return latest!;
}

/** How often it was so far, once it is not: a machine that is busy makes a book slow, too. */
async function soFar(program: ProgramProcess, kind: string, subject: string): Promise<number> {
  await eventually(() => of(program, 'alert', kind, subject).length === of(program, 'alert ended', kind, subject).length, `${kind} of ${subject} is over`);
  return of(program, 'alert', kind, subject).length;
}

async function issuer(program: ProgramProcess, options: Partial<Parameters<typeof TestHost.start>[0]> = {}): Promise<TestHost> {
  const host = await TestHost.start({ connect: { host: '127.0.0.1', port: program.port('demo-host') }, signOn: true, ...options });
  hosts.push(host);
  await eventually(() => host.signedOn, 'the issuer signs on');
  return host;
}

test('an issuer that is killed is an alert with its reason, and so are its station and what waits for it; all end when it is back', async () => {
  const program = await begin();
  expect((await starts(program, 'standIn', 'demo-host')).reason).toBe('unreachable: it cannot be reached');
  expect((await starts(program, 'stationDown', 'demo-host')).reason).toBe('nobody is connected');
  const first = await issuer(program);
  await ends(program, 'standIn', 'demo-host');
  await ends(program, 'stationDown', 'demo-host');
  expect((await command(program, 'alerts')).out).toBe('No alert is on.\n');
  const shop = await program.call(ascii);
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');

  await first.kill();
  expect((await starts(program, 'standIn', 'demo-host', 2)).reason).toBe('unreachable: it cannot be reached');
  expect((await starts(program, 'stationDown', 'demo-host', 2)).reason).toMatch(/^nobody is connected: the last one went \(/);
  for (let stan = 2; stan < 5; stan += 1) expect(code(await shop.ask(buys(shop, stan, { 4: '000000000100' })))).toBe('0110 00');
  expect((await starts(program, 'adviceBacklog', 'demo-host')).reason).toBe('3 advices wait');
  expect((await starts(program, 'adviceAge', 'demo-host')).reason).toMatch(/^the oldest of 3 has waited for (?:[2-9]|[1-9][0-9]+) s$/);
  const { out } = await command(program, 'alerts');
  expect(out).toMatch(/^alert +of +since +lasted +times +reason\n/);
  expect(out).toMatch(/^issuer stood in for +demo-host +20[0-9: -]+ UTC +[0-9]+ s, is on +1 +unreachable: it cannot be reached$/m);

  const second = await issuer(program);
  await eventually(() => second.summary.advices === 3, 'the issuer is told');
  await ends(program, 'adviceBacklog', 'demo-host');
  await ends(program, 'adviceAge', 'demo-host');
  await ends(program, 'standIn', 'demo-host', 2);
  await ends(program, 'stationDown', 'demo-host', 2);
  expect(await alerts(program)).toEqual([]);

  // What an operator does is told of by its reason, too.
  expect((await command(program, 'issuer out demo-host --why trial')).code).toBe(0);
  expect((await starts(program, 'standIn', 'demo-host', 3)).reason).toBe('operator: an operator took it out');
  expect((await command(program, 'issuer in demo-host')).code).toBe(0);
  await ends(program, 'standIn', 'demo-host', 3);
  // Stations that acquirers call, without signing on, may be left by all of them.
  shop.socket.destroy();
  expect(program.of('alert').filter(({ subject }) => subject === ascii)).toEqual([]);
});

test('a station where somebody is to be at all times is told of when it is left, and by nobody else', async () => {
  const program = await begin({ parameters: { system: { alerts: { ...withoutBook, stations: { [ascii]: true, 'demo-host': false } } } } });
  await starts(program, 'stationDown', ascii);
  const shop = await program.call(ascii);
  await ends(program, 'stationDown', ascii);
  shop.socket.destroy();
  await starts(program, 'stationDown', ascii, 2);
  expect(of(program, 'alert', 'stationDown', 'demo-host')).toEqual([]);
  // Without a restart: operators say that it need not be.
  await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
  expect(await command(program, `tables set parameter system alerts.stations.${ascii}=false --by mia --why night`)).toMatchObject({ code: 0, err: '' });
  await ends(program, 'stationDown', ascii, 2);
  const [change] = JSON.parse((await command(program, 'tables history parameter system --json')).out) as { by: string; why: string; changes: unknown }[];
  expect(change).toMatchObject({ by: 'mia', why: 'night', changes: [{ path: `alerts.stations.${ascii}`, before: true, after: false }] });
});

test('a station that this side calls is an alert with what keeps it from being reached, until somebody is there', async () => {
  const port = await freePort();
  const program = await begin({ stations: { network: { spec: 'iso8583-1987-ascii', link: { connect: { host: '127.0.0.1', port, retryFirstMs: 100, retryMaxMs: 200 } } } } });
  expect((await starts(program, 'stationDown', 'network')).reason).toBe('nobody is connected: unreachable, ECONNREFUSED');
  const peers: Socket[] = [];
  const network = createServer((socket) => peers.push(socket));
  network.listen(port, '127.0.0.1');
  await ends(program, 'stationDown', 'network');
  for (const peer of peers) peer.destroy();
  network.close();
  await starts(program, 'stationDown', 'network', 2);
});

test('answers that are late, match nothing or are at odds with their requests are alerts of their issuer, which end when it is quiet', async () => {
  // Long enough to look at each while it is on.
  const program = await begin({
    parameters: { system: { alerts: { ...withoutBook, windowMs: 25_000 } } },
    issuers: { 'demo-host': { type: 'host', stations: ['demo-host'], timers: { posMs: 1_500 }, circuit: { failuresMax: 100, shareCountMin: 1_000 } } },
  });
  const host = await issuer(program, {
    rules: [{ match: { mti: '100', amountMinor: 1_001 }, do: 'late', ms: 3_000 }, { match: { mti: '100', amountMinor: 1_002 }, do: 'wrong', wrong: 'amount' }, { match: { mti: '100', amountMinor: 1_003 }, do: 'wrong', wrong: 'stan' }],
  });
  const shop = await program.call(ascii);
  for (const [index, amount] of [1_001, 1_001, 1_002, 1_002, 1_003, 1_003].entries()) await shop.ask(buys(shop, index + 1, { 4: String(amount).padStart(12, '0') }));
  expect((await starts(program, 'answersLate', 'demo-host')).reason).toMatch(/^2 within 25 s; the last: [0-9]+ ms after its time$/);
  expect((await starts(program, 'answersRefused', 'demo-host')).reason).toMatch(/^2 within 25 s; the last: /);
  expect((await starts(program, 'answersUnmatched', 'demo-host')).reason).toMatch(/^2 within 25 s; the last: it differs from the nearest that waits \(0[14][02][01], STAN [0-9]+\) in STAN$/);
  await ends(program, 'answersLate', 'demo-host');
  await ends(program, 'answersRefused', 'demo-host');
  await ends(program, 'answersUnmatched', 'demo-host');
  expect(host.signedOn).toBe(true);
  shop.socket.destroy();
});

test('Redis that is killed is an alert until it answers again, and so is what stands in for its accounts; PostgreSQL likewise, and the journal that it does not get', async () => {
  const [redis, url] = await Promise.all([startRedis(), postgres.database('alerts')]);
  redises.push(redis);
  const program = await begin({ parameters: { system: { alerts: { ...soon, journalEntries: 3 } } } }, { REDIS_URL: redis.url, DATABASE_URL: url });
  await program.said('system tables read');
  const shop = await program.call(ascii);
  expect((await buy(shop, 1, { 4: '000000000100' })).code).toBe('00');
  await redis.kill();
  expect((await starts(program, 'storeUnreachable', 'store')).reason).not.toBe('');
  expect((await starts(program, 'standIn', 'own')).reason).toBe('storeUnreachable: the store of its accounts is away, or they are not told of everything yet');
  await redis.restart();
  await ends(program, 'storeUnreachable', 'store');
  await ends(program, 'standIn', 'own');

  const [books, lags] = [await soFar(program, 'bookUnreachable', 'book'), await soFar(program, 'journalLag', 'journal')];
  await postgres.stop('immediate');
  for (let stan = 2; stan < 6; stan += 1) expect((await buy(shop, stan, { 4: '000000000100' })).code).toBe('00');
  expect((await starts(program, 'bookUnreachable', 'book', books + 1)).reason).not.toBe('');
  expect((await starts(program, 'journalLag', 'journal', lags + 1)).reason).toMatch(/^the book is [4-9] entries behind, the oldest [0-9]+ s old$/);
  await postgres.start();
  await ends(program, 'bookUnreachable', 'book', books + 1);
  await ends(program, 'journalLag', 'journal', lags + 1);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});
