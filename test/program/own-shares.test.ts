/** Two switches whose Redis is killed give away no more than there was, each its share; and a commit that Redis carried out after all is nothing twice. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import { verify } from '../../src/book/verify.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { makeDemoKeys } from '../../src/program/demo-keys.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { ascii, buy, card, configure, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess, Variables } from './fixture.ts';

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

const most = { amountMinorMax: 1_000_000_000, countMax: 1_000_000 };
const standIn = {
  version: 5, currency: 'EUR', unavailable: {
    tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 5_000 }],
  }, outageCaps: { card: most, account: most, issuer: most },
};
const demoProgram = demoTables.find(({ kind, name }) => kind === 'program' && name === 'demo')?.document;

let databases = 0;

interface Started {
  readonly redis: RedisServer;
  readonly url: string;
  readonly programs: readonly ProgramProcess[];
}

/** So many switches on one Redis and one book, each of which knows how many they are. */
async function started(switches: number, config: object = {}, more: Variables = {}): Promise<Started> {
  databases += 1;
  const [redis, url] = await Promise.all([startRedis(), postgres.database(`shares${databases}`)]);
  redises.push(redis);
  const keys = emptyFolder();
  const [keyFile, masterKey] = [join(keys, 'keys.json'), join(keys, 'master.key')];
  makeDemoKeys(keyFile, MasterKey.createFile(masterKey, randomBytes), randomBytes);
  const env = { REDIS_URL: redis.url, DATABASE_URL: url, LOCUM_KEYS_KEY_FILE: keyFile, LOCUM_KEYS_MASTER_KEY_FILE: masterKey, ...more };
  const programs = await Promise.all(Array.from({ length: switches }, async () => {
    const folder = emptyFolder();
    configure(folder, { demo: true, issuers: { own: { type: 'own', standIn, switches } }, ...config });
    return await startProgram(folder, env);
  }));
  return { redis, url, programs };
}

let stan = 0;

/** What so many purchases hear at each switch, one after the other: how often which code. */
async function shops(program: ProgramProcess, count: number, amountMinor: number): Promise<Readonly<Record<string, number>>> {
  const acquirer = await program.call(ascii);
  const codes: Record<string, number> = {};
  for (let each = 0; each < count; each += 1) {
    stan += 1;
    const { code } = await buy(acquirer, stan, { 2: card, 4: String(amountMinor).padStart(12, '0') });
    codes[code] = (codes[code] ?? 0) + 1;
  }
  acquirer.socket.destroy();
  return codes;
}

async function query<Row extends object>(url: string, text: string): Promise<readonly Row[]> {
  const book = await openBook({ databaseUrl: url });
  try {
    return await book.query<Row>(text);
  } finally {
    await book.close();
  }
}

/** Waits until so much is left of the card in the book. */
async function leaves({ url }: Started, wantedMinor: number): Promise<void> {
  const [text, found] = [`select (a.ledger_minor - a.held_minor)::int as left from account a join card c using (account_id) where c.masked_pan like '%0011' and a.ledger_minor <= 100000 order by c.added_at limit 1`, new Set<number>()];
  await eventually(async () => {
    const [row] = await query<{ left: number }>(url, text);
    found.add(row?.left ?? NaN);
    return row?.left === wantedMinor;
  }, `${wantedMinor} is left`).catch((error: unknown) => {
    throw new Error(`${[...found].join(', ')} was left`, { cause: error });
  });
}

async function agrees(url: string): Promise<void> {
  const book = await openBook({ databaseUrl: url });
  expect(await verify(book, 5)).toEqual([]);
  await book.close();
}

test('of a balance of 1,000.00 each of two switches gives away its half, and together the account has it, and no more', async () => {
  const all = await started(2);
  const { programs, redis } = all;
  for (const program of programs) expect(await shops(program, 1, 100)).toEqual({ '00': 1 });
  // The first has not seen what the second sold: it has a little more to divide.
  await redis.kill();
  const approved = await Promise.all(programs.map(async (program) => await shops(program, 13, 5_000)));
  expect(approved).toEqual([{ '00': 9, '51': 4 }, { '00': 9, '51': 4 }]);
  await redis.restart();
  for (const program of programs) await program.said('accounts have what was answered for them');
  await leaves(all, 100_000 - 200 - 18 * 5_000);
  // With the store there nobody has a share.
  expect(await shops(programs[0]!, 3, 5_000)).toEqual({ '00': 1, '51': 2 });
  await leaves(all, 4_800);
  for (const program of programs) await program.stop();
  await agrees(all.url);
});

test('of a partner’s headroom each of two switches gives away its half', async () => {
  const all = await started(2, { programs: { demo: { ...demoProgram, creditGuard: true, creditLoads: [{ id: 'first', amountMinor: 10_000 }] } } });
  const { programs, redis } = all;
  for (const program of programs) expect(await shops(program, 1, 1)).toEqual({ '00': 1 });
  await redis.kill();
  const approved = await Promise.all(programs.map(async (program) => await shops(program, 4, 2_000)));
  expect(approved).toEqual([{ '00': 2, '51': 2 }, { '00': 2, '51': 2 }]);
  await redis.restart();
  for (const program of programs) await program.said('accounts have what was answered for them');
  await leaves(all, 100_000 - 2 - 4 * 2_000);
  // 19.98 is left of 100.00.
  expect(await shops(programs[1]!, 1, 1_999)).toEqual({ '51': 1 });
  expect(await shops(programs[1]!, 1, 1_998)).toEqual({ '00': 1 });
  for (const program of programs) await program.stop();
  await agrees(all.url);
});

test('a switch that has never seen an account approves nothing of it without Redis, while another one does', async () => {
  const all = await started(2);
  const [first, second] = all.programs as [ProgramProcess, ProgramProcess];
  expect(await shops(first, 1, 100)).toEqual({ '00': 1 });
  await all.redis.kill();
  // It says so while that is away, the second time as well: nobody waits for a store.
  expect(await shops(second, 2, 100)).toEqual({ '91': 2 });
  expect(await shops(first, 2, 100)).toEqual({ '00': 2 });
  await all.redis.restart();
  for (const program of all.programs) await program.said('accounts have what was answered for them');
  await leaves(all, 100_000 - 300);
  for (const program of all.programs) await program.stop();
});

test('what was answered without Redis, and Redis had carried out after all, is in the account once, as the acquirer was told', async () => {
  const all = await started(1, {}, { LOCUM_STORE_COMMAND_TIMEOUT_MS: '1500', LOCUM_DEADLINES_ANSWER_MS: '5000' });
  const [program] = all.programs as [ProgramProcess];
  expect(await shops(program, 1, 100)).toEqual({ '00': 1 });
  const flagged = async (flag: string): Promise<boolean> => (await query(all.url, `select 1 from transaction where '${flag}' = any(flags)`)).length === 1;

  // Approved here and there.
  all.redis.pause();
  expect(await shops(program, 1, 300)).toEqual({ '00': 1 });
  all.redis.resume();
  await program.said('accounts have what was answered for them');
  await eventually(async () => await flagged('alreadyRecorded'), 'the account had it already');
  await leaves(all, 100_000 - 400);

  // Above what stand-in approves, and within what the account does: approved there, and the acquirer heard a decline.
  all.redis.pause();
  expect(await shops(program, 1, 6_000)).toEqual({ '61': 1 });
  all.redis.resume();
  await program.said('accounts have what was answered for them', 2);
  await eventually(async () => await flagged('givenBack'), 'the account gives it back');
  await leaves(all, 100_000 - 400);
  expect(program.of('advice set aside')).toEqual([]);
  await program.stop();
  await agrees(all.url);
});
