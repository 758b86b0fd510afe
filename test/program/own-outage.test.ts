/** Redis, which has the accounts, is killed under load, and the switch too: what stand-in answered is in the accounts once, as the acquirer was told. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import { demoCards } from '../../src/program/demo.ts';
import { locum } from '../cli/locum.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { answeredOtherwise, ascii, buy, card, configure, emptyFolder, endAll, eventually, Shoppers, shoppersPurchase, startProgram, wrongIn } from './fixture.ts';
import type { Answered, ProgramProcess, Variables } from './fixture.ts';

let postgres: PostgresServer;
const redises: RedisServer[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await endAll();
  await Promise.all(redises.map((redis) => redis.stop()));
  await postgres.remove();
});

let databases = 0;

interface Servers {
  readonly redis: RedisServer;
  readonly url: string;
  readonly env: Variables;
  readonly folder: string;
}

/** A Redis, a database and a folder of the test's own; in it the demo, whose own accounts are stood in for without a limit that load would meet. */
async function servers(own: object = {}): Promise<Servers> {
  databases += 1;
  const [redis, url] = await Promise.all([startRedis(), postgres.database(`own${databases}`)]);
  redises.push(redis);
  const folder = emptyFolder();
  const most = { amountMinorMax: 1_000_000_000, countMax: 1_000_000 };
  const unavailable = {
    tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 5_000 }, { scope: 'overall', period: 'day', ...most }],
  };
  configure(folder, { demo: true, issuers: { own: { type: 'own', standIn: { version: 7, currency: 'EUR', unavailable, outageCaps: { card: most, account: most, issuer: most } }, ...own } } });
  return { redis, url, env: { REDIS_URL: redis.url, DATABASE_URL: url }, folder };
}

async function stoodIn(program: ProgramProcess): Promise<number> {
  const { text } = await program.get('/metrics');
  return text.split('\n').filter((line) => line.startsWith('locum_decisions_total{') && line.includes('responder="standin"') && line.includes('reason="0000"'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function caughtUp(program: ProgramProcess): Promise<void> {
  await eventually(async () => (await program.ready()).checks['book']?.detail === '0 journal entries behind', 'the book has it all');
}

/** What the book says each load card has spent, beside what the acquirer saw approved. */
async function recount(url: string, answered: readonly Answered[]): Promise<{ readonly wrong: readonly string[]; readonly spent: Readonly<Record<string, number>>; readonly seen: Readonly<Record<string, number>> }> {
  const pans = demoCards().filter(({ amountMinor }) => amountMinor > 1_000_000_000).map(({ pan }) => pan);
  const book = await openBook({ databaseUrl: url });
  try {
    const rows = await book.query<{ masked_pan: string; spent: number }>(
      `select c.masked_pan, (500000000000 - a.ledger_minor + a.held_minor)::bigint::float8 as spent from account a join card c using (account_id)`,
    );
    const spent: Record<string, number> = {};
    for (const { masked_pan: masked, spent: minor } of rows) if (minor > 0 && minor < 1_000_000_000) spent[masked.slice(-4)] = minor;
    const seen: Record<string, number> = {};
    for (const { stan, code } of answered) if (code === '00') seen[pans[stan % 20]!.slice(-4)] = (seen[pans[stan % 20]!.slice(-4)] ?? 0) + 1;
    return { wrong: await wrongIn(book, answered), spent, seen };
  } finally {
    await book.close();
  }
}

/** Everything that a shopper sent and had no answer to is asked again, until each has one. */
async function answeredAll(program: ProgramProcess, shoppers: Shoppers): Promise<readonly Answered[]> {
  const answered = new Map(shoppers.answered.map((each) => [each.stan, each]));
  const missing = Array.from({ length: shoppers.sent }, (_, index) => index + 1).filter((stan) => !answered.has(stan));
  const acquirer = await program.call(ascii);
  for (let from = 0; from < missing.length; from += 64) {
    const some = missing.slice(from, from + 64);
    for (const stan of some) acquirer.send(shoppersPurchase(stan));
    for (let count = 0; count < some.length; count += 1) {
      const answer = await acquirer.next();
      answered.set(Number(answer.text(11)), { stan: Number(answer.text(11)), type: answer.mti, code: answer.text(39) ?? '', approvalCode: answer.text(38) ?? '' });
    }
  }
  acquirer.socket.destroy();
  return [...answered.values()];
}

function codesOf(answered: readonly Answered[]): Readonly<Record<string, number>> {
  const codes: Record<string, number> = {};
  for (const { code } of answered) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

async function story(program: ProgramProcess, stan: number): Promise<string> {
  const { out } = await locum(['trace', String(stan), '--by', 'stan'], { cwd: program.folder, env: { ...storeOf(program), LOCUM_HTTP_PORT: String(program.httpPort) } });
  return out;
}

const envs = new WeakMap<ProgramProcess, Variables>();

function storeOf(program: ProgramProcess): Variables {
  return envs.get(program) ?? {};
}

async function begin({ folder, env }: Servers, more: Variables = {}): Promise<ProgramProcess> {
  const program = await startProgram(folder, { ...env, ...more });
  envs.set(program, env);
  return program;
}

test('Redis is killed in mid-flight: the next purchase is decided by stand-in in time, and when it is back the accounts are as the acquirer was told, to the cent', async () => {
  const all = await servers();
  const program = await begin(all);
  const acquirer = await program.call(ascii);
  expect((await buy(acquirer, 900_001, { 2: card, 4: '000000000300' })).code).toBe('00');
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(500);

  await all.redis.kill();
  const instead = await buy(acquirer, 900_002, { 2: card, 4: '000000000400' });
  expect(instead.code).toBe('00');
  const listed = async (): Promise<string> => (await locum(['issuer', 'list'], { cwd: program.folder, env: { ...all.env, LOCUM_HTTP_PORT: String(program.httpPort) } })).out;
  await eventually(async () => /^own +own +stood in for \(storeUnreachable\)/m.test(await listed()), 'the own issuer is shown as stood in for');
  await shoppers.approves(500);
  expect(await stoodIn(program)).toBeGreaterThan(400);
  // A repeat, the reversal of what was stood in for, and of what was committed before.
  expect(await buy(acquirer, 900_002, { 2: card, 4: '000000000400' })).toEqual(instead);
  expect((await buy(acquirer, 900_003, { 2: card, 4: '000000000400', 90: `01009000021122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` }, '420')).code).toBe('00');
  expect((await buy(acquirer, 900_004, { 2: card, 4: '000000000300', 90: `01009000011122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}` }, '420')).code).toBe('00');
  expect((await buy(acquirer, 900_005, { 2: card, 4: '000000005001' })).code).toBe('61');
  expect((await buy(acquirer, 900_006, { 2: card, 4: '000000000700' })).code).toBe('00');

  await all.redis.restart();
  await program.said('accounts have what was answered for them');
  await eventually(async () => /^own +own +decides here /m.test(await listed()), 'the own issuer is shown to decide');
  await shoppers.approves(300);
  await shoppers.stop();
  expect(await buy(acquirer, 900_002, { 2: card, 4: '000000000400' })).toEqual(instead);
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  const answered = await answeredAll(program, shoppers);
  expect(codesOf(answered)).toEqual({ '00': answered.length });
  await caughtUp(program);
  const told = await story(program, 900_006);
  expect(told).toContain('Decided by stand-in');
  expect(told).toMatch(/store/);
  const reversed = await story(program, 900_002);
  expect(reversed).toContain('Decided by stand-in');
  expect(reversed).toMatch(/0420|reversal/i);
  expect(await program.stop()).toEqual({ code: 0, signal: null });

  const { wrong, spent, seen } = await recount(all.url, answered);
  expect(wrong).toEqual([]);
  expect(spent).toEqual(seen);
  const book = await openBook({ databaseUrl: all.url });
  // 7.00 stands of the probe's card: the others were reversed or declined.
  expect(await book.query(`select (100000 - a.ledger_minor + a.held_minor)::int as spent from account a join card c using (account_id) where c.masked_pan like '%0011' and a.ledger_minor <= 100000`)).toEqual([{ spent: 700 }]);
  expect(await book.query(`select count(*)::int as count from transaction where decided_by = 'standin' and stan = '900002'`)).toEqual([{ count: 1 }]);
  await book.close();
});

test('Redis is killed and then the switch: what stand-in had answered is in the accounts before anybody is served again, once', async () => {
  const all = await servers();
  let program = await begin(all);
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(300);
  await all.redis.kill();
  await shoppers.approves(300);
  await program.kill();
  await all.redis.restart();
  program = await begin(all);
  expect(program.of('accounts are told of an earlier outage')).toHaveLength(1);
  await shoppers.approves(200);
  // And again, while they are being told.
  await all.redis.kill();
  await shoppers.approves(100);
  await all.redis.restart();
  await program.said('accounts are stood in for');
  await program.kill();
  program = await begin(all);
  await shoppers.approves(100);
  await shoppers.stop();
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  const answered = await answeredAll(program, shoppers);
  await caughtUp(program);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  const { wrong, spent, seen } = await recount(all.url, answered);
  expect(wrong).toEqual([]);
  expect(spent).toEqual(seen);
});

test('a Redis that hangs is stood in for within the time for an answer; what it did after all is nothing twice', async () => {
  const all = await servers();
  const program = await begin(all, { LOCUM_STORE_COMMAND_TIMEOUT_MS: '300', LOCUM_DEADLINES_ANSWER_MS: '1000' });
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(200);
  for (let time = 1; time <= 3; time += 1) {
    all.redis.pause();
    const before = await stoodIn(program);
    await eventually(async () => (await stoodIn(program)) > before + 50, 'stand-in decides');
    all.redis.resume();
    await program.said('accounts have what was answered for them', time);
  }
  await shoppers.approves(200);
  await shoppers.stop();
  expect(shoppers.refusals).toEqual({});
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  const answered = await answeredAll(program, shoppers);
  await caughtUp(program);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  const { wrong, spent, seen } = await recount(all.url, answered);
  expect(wrong).toEqual([]);
  expect(spent).toEqual(seen);
});

test('without a record of the account, or with one that is too old, stand-in declines and says why', async () => {
  const all = await servers({ cachedAgeMaxSeconds: 1 });
  const program = await begin(all);
  const acquirer = await program.call(ascii);
  expect((await buy(acquirer, 1, { 2: card, 4: '000000000300' })).code).toBe('00');
  await all.redis.kill();
  const answers: string[] = [];
  let stan = 1;
  await eventually(async () => {
    stan += 1;
    answers.push((await buy(acquirer, stan, { 2: card, 4: '000000000100' })).code);
    return answers.at(-1) === '91';
  }, 'what was seen is too old');
  expect((await buy(acquirer, 900, { 2: '4761730000000029', 4: '000000000100' })).code).toBe('91');
  await all.redis.restart();
  await program.said('accounts have what was answered for them');
  await caughtUp(program);
  expect(await story(program, 900)).toMatch(/not known/);
  await program.stop();
});
