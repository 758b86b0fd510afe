/** The program on real servers that die, hang and come back: Redis for accounts, PostgreSQL for the book. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { makeDemoKeys } from '../../src/program/demo-keys.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import {
  answeredOtherwise, ascii, buy, emptyFolder, endAll, eventually, Shoppers, startProgram, wrongIn,
} from './fixture.ts';
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

const nobodyStandsIn: Variables = { LOCUM_ISSUERS_OWN_MODE: 'host' };

/** A Redis and a database of the test's own. */
async function servers(): Promise<{ redis: RedisServer; url: string; env: Variables }> {
  databases += 1;
  const [redis, url] = await Promise.all([startRedis(), postgres.database(`outage${databases}`)]);
  redises.push(redis);
  return { redis, url, env: { REDIS_URL: redis.url, DATABASE_URL: url } };
}

async function wrongInBook(url: string, answered: readonly Answered[]): Promise<string[]> {
  const book = await openBook({ databaseUrl: url });
  try {
    return await wrongIn(book, answered);
  } finally {
    await book.close();
  }
}

async function bookCaughtUp(program: ProgramProcess): Promise<void> {
  await eventually(async () => (await program.ready()).checks['book']?.detail === '0 journal entries behind', 'the book has it all');
}

test('on Redis and PostgreSQL a switch that is killed under load has lost nothing that it approved, and does nothing twice', async () => {
  const { url, env: usual } = await servers();
  // A store that is slow is not away.
  const env = { ...usual, LOCUM_STORE_COMMAND_TIMEOUT_MS: '20000', LOCUM_DEADLINES_ANSWER_MS: '30000' };
  const folder = emptyFolder();
  let program = await startProgram(folder, env);
  expect(program.of('store opened')[0]).toMatchObject({ engine: 'redis' });
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(1_000);
  await program.kill();
  program = await startProgram(folder, env);
  await shoppers.approves(500);
  await shoppers.stop();
  expect(shoppers.refusals).toEqual({});
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(await wrongInBook(url, shoppers.answered)).toEqual([]);
});

test('where nobody stands in, the answer is 91 at once while Redis is dead; when it is back the switch works without a restart, with nothing lost or doubled', async () => {
  const { redis, url, env } = await servers();
  const program = await startProgram(emptyFolder(), { ...env, ...nobodyStandsIn });
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(500);
  await redis.kill();
  await eventually(() => (shoppers.refusals['91'] ?? 0) > 50, 'requests are turned away');
  const probe = await program.call(ascii);
  expect((await buy(probe, 900_001)).code).toBe('91');
  expect(await program.ready()).toMatchObject({ status: 503, checks: { store: { ok: false } } });
  await redis.restart();
  await shoppers.approves(500);
  await shoppers.stop();
  await eventually(async () => (await program.ready()).status === 200, 'the switch is ready again');
  expect((await buy(probe, 900_001)).code).toBe('00');
  expect(Object.keys(shoppers.refusals)).toEqual(['91']);
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  await bookCaughtUp(program);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(await wrongInBook(url, shoppers.answered)).toEqual([]);
});

test('a Redis that hangs and goes on is no trouble for longer than it hangs', async () => {
  const { redis, url, env } = await servers();
  const program = await startProgram(emptyFolder(), { ...env, ...nobodyStandsIn, LOCUM_STORE_COMMAND_TIMEOUT_MS: '300' });
  const shoppers = new Shoppers(() => program.port(ascii));
  await shoppers.approves(200);
  redis.pause();
  await eventually(() => (shoppers.refusals['91'] ?? 0) > 10, 'requests are turned away');
  redis.resume();
  await shoppers.approves(200);
  await shoppers.stop();
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(await wrongInBook(url, shoppers.answered)).toEqual([]);
});

test('without PostgreSQL decisions go on until the bound, which refuses; when it is back they are taken again and the book catches up', async () => {
  const { url, env } = await servers();
  const program = await startProgram(emptyFolder(), { ...env, LOCUM_BOOK_LAG_ENTRIES_MAX: '1000' });
  await bookCaughtUp(program);
  const acquirer = await program.call(ascii);
  await postgres.stop('immediate');
  for (let stan = 900_001; stan <= 900_050; stan += 1) expect((await buy(acquirer, stan, { 4: '000000000001' })).code).toBe('00');
  await eventually(async () => (await program.ready()).checks['book']?.detail === '50 journal entries behind', 'the lag is told');
  expect(await program.ready()).toMatchObject({ status: 200, checks: { book: { ok: true } } });

  const shoppers = new Shoppers(() => program.port(ascii), { connections: 1 });
  await eventually(() => (shoppers.refusals['91'] ?? 0) > 10, 'requests are refused at the bound');
  await shoppers.stop();
  expect(shoppers.approved.length).toBeGreaterThanOrEqual(950);
  expect((await program.ready()).status).toBe(503);
  const { text } = await program.get('/metrics');
  expect(text).toMatch(/locum_decisions_total\{[^}]*responder="switch",reason="9107"\} [1-9]/);

  await postgres.start();
  const again = new Shoppers(() => program.port(ascii), { connections: 1, firstStan: 500_001 });
  await again.approves(100);
  await again.stop();
  await bookCaughtUp(program);
  expect((await program.ready()).status).toBe(200);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(await wrongInBook(url, [...shoppers.answered, ...again.answered])).toEqual([]);
});

test('a switch starts while PostgreSQL is down, at first from its configuration and later from its copy, and finds the book later', async () => {
  const { url, env } = await servers();
  const folder = emptyFolder();
  await postgres.stop('fast');
  const first = await startProgram(folder, { ...env, LOCUM_BOOK_REFRESH_MS: '100' });
  expect(first.of('book not there yet')).toMatchObject([{ tables: 'as configured' }]);
  const approved = [await buy(await first.call(ascii), 1)];
  expect(approved[0]?.code).toBe('00');
  expect((await first.ready()).checks).toMatchObject({ book: { ok: true }, bookOpen: { ok: true, detail: 'not reached; decisions go on' } });
  await eventually(async () => ((await first.metric('locum_book_lag_entries')) ?? 0) > 1, 'the lag is a metric before the book was ever there');
  await eventually(async () => ((await first.metric('locum_book_lag_seconds')) ?? 0) >= 1, 'and so is its age');
  await postgres.start();
  await first.said('system tables read');
  await bookCaughtUp(first);
  await eventually(async () => (await first.metric('locum_book_lag_entries')) === 0, 'the metric says so');
  // An operator's change is in the copy, and in no configuration.
  const book = await openBook({ databaseUrl: url });
  await book.query(`update system_table set document = jsonb_set(document, '{limits}', '[{"scope": "overall", "period": "transaction", "amountMinorMax": 2000}]') where kind = 'program'`);
  await book.close();
  await first.said('system tables changed');
  await first.stop();

  await postgres.stop('fast');
  const second = await startProgram(folder, env);
  expect(second.of('book not there yet')).toMatchObject([{ tables: 'from the copy on this disk' }]);
  const acquirer = await second.call(ascii);
  expect((await buy(acquirer, 2, { 4: '000000002001' })).code).toBe('61');
  approved.push(await buy(acquirer, 3, { 4: '000000002000' }));
  expect(approved[1]?.code).toBe('00');
  // A stop does not wait for a book that is away.
  expect(await second.stop()).toEqual({ code: 0, signal: null });

  // And for one that goes away later no longer than a stop may take.
  await postgres.start();
  const third = await startProgram(folder, { ...env, LOCUM_DEADLINES_STOP_MS: '1000' });
  await bookCaughtUp(third);
  await postgres.stop('immediate');
  approved.push(await buy(await third.call(ascii), 4, { 4: '000000000100' }));
  // The book is not back before that: nothing else ends it.
  expect(await third.stop()).toEqual({ code: 0, signal: null });

  await postgres.start();
  const fourth = await startProgram(folder, env);
  await bookCaughtUp(fourth);
  await fourth.stop();
  expect(approved.map(({ code }) => code)).toEqual(['00', '00', '00']);
  expect(await wrongInBook(url, approved)).toEqual([]);
});

test('two switches on one Redis and one PostgreSQL, given the same requests, hold once and answer the same; one of them is enough', async () => {
  const { url, env } = await servers();
  const keys = emptyFolder();
  const [keyFile, masterKey] = [join(keys, 'keys.json'), join(keys, 'master.key')];
  makeDemoKeys(keyFile, MasterKey.createFile(masterKey, randomBytes), randomBytes);
  const shared = { ...env, LOCUM_KEYS_KEY_FILE: keyFile, LOCUM_KEYS_MASTER_KEY_FILE: masterKey };
  const [first, second] = await Promise.all([startProgram(emptyFolder(), shared), startProgram(emptyFolder(), shared)]);
  const acquirers = await Promise.all([first.call(ascii), second.call(ascii)]);
  const stans = Array.from({ length: 200 }, (_, index) => index + 1);
  const [answers, others] = await Promise.all(acquirers.map((acquirer) => Promise.all(stans.map((stan) => buy(acquirer, stan, { 4: '000000000100' })))));
  const byStan = (each: Answered[] | undefined): Answered[] => (each ?? []).sort((a, b) => a.stan - b.stan);
  expect(byStan(answers)).toEqual(byStan(others));
  expect(byStan(answers).map(({ code }) => code)).toEqual(stans.map(() => '00'));
  // Each was decided by the one, and found by the other.
  const found = await Promise.all([first, second].map(async (program) => (await program.metric(`locum_repeats_total{station="${ascii}",kind="repeat"}`)) ?? 0));
  expect(found.reduce((sum, count) => sum + count, 0)).toBe(200);

  const shoppers = [first, second].map((program) => new Shoppers(() => program.port(ascii), { connections: 2, firstStan: 1_000 }));
  await Promise.all(shoppers.map((each) => each.approves(500)));
  await first.kill();
  await Promise.all(shoppers.map((each) => each.stop()));
  const approved = new Map(shoppers.flatMap((each) => each.approved).map((each) => [each.stan, each]));
  // What the one had said before it was killed, the other says as well.
  for (const { approved: each } of shoppers) expect(await answeredOtherwise(second, each)).toEqual([]);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
  expect(await wrongInBook(url, [...byStan(answers), ...approved.values()])).toEqual([]);
  const book = await openBook({ databaseUrl: url });
  expect(await book.query('select count(*)::int as count, sum(amount_minor)::int as total from transaction where approved and stan::int <= 200')).toEqual([{ count: 200, total: 20_000 }]);
  await book.close();
});
