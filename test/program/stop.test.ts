/** The end of the program: as an operator asks for it, and as a start that cannot be. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openNeighbour } from '../../src/book/connection.ts';
import { startRedis } from '../servers/redis.ts';
import type { RedisServer } from '../servers/redis.ts';
import { purchase } from '../switch/fixture.ts';
import { ascii, bookFolder, emptyFolder, endAll, eventually, launch, wrongIn, startProgram } from './fixture.ts';
import type { Answered, Variables } from './fixture.ts';

const redises: RedisServer[] = [];
const taken: Server[] = [];

afterAll(async () => {
  await endAll();
  await Promise.all(redises.map((redis) => redis.stop()));
  for (const server of taken) server.close();
});

/** Times to answer that are longer than a test may take, however busy the machine is. */
const patient = { LOCUM_STORE_COMMAND_TIMEOUT_MS: '600000', LOCUM_DEADLINES_ANSWER_MS: '600000' };

test('a stop answers what is in flight, reads nothing more, drains the journal, and a second signal changes nothing', async () => {
  const redis = await startRedis();
  redises.push(redis);
  const folder = emptyFolder();
  const program = await startProgram(folder, { ...patient, REDIS_URL: redis.url });
  await program.said('system tables read');
  const acquirer = await program.call(ascii);
  redis.pause();
  const stans = Array.from({ length: 100 }, (_, index) => index + 1);
  for (const stan of stans) acquirer.send(purchase(acquirer.codec, stan, { 4: '000000000100' }));
  await eventually(async () => (await program.metric(`locum_messages_received_total{station="${ascii}",mti="0100"}`)) === 100, 'all were received');
  program.child.kill('SIGTERM');
  await program.said('stopping');
  program.child.kill('SIGTERM');
  acquirer.send(purchase(acquirer.codec, 101, { 4: '000000000100' }));
  redis.resume();
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(program.lines.at(-1)).toMatchObject({ event: 'stopped', unanswered: 0 });
  await eventually(() => acquirer.ended, 'the connection is closed');
  const answers: Answered[] = acquirer.frames.map((frame) => acquirer.decode(frame))
    .map((message) => ({ stan: Number(message.text(11)), type: message.mti, code: message.text(39) ?? '', approvalCode: message.text(38) ?? '' }));
  expect(answers.map(({ stan, code }) => [stan, code]).sort(([a], [b]) => Number(a) - Number(b))).toEqual(stans.map((stan) => [stan, '00']));
  const book = await openNeighbour({ dataDir: bookFolder(folder) });
  expect(await wrongIn(book, answers)).toEqual([]);
  expect(await book.query('select count(*)::int as count from transaction')).toEqual([{ count: 100 }]);
  await book.close();
});

test('a stop takes no longer than it may, even where the store hangs', async () => {
  const redis = await startRedis();
  redises.push(redis);
  // Nothing but the time for the stop ends the wait while this test may take.
  const program = await startProgram(emptyFolder(), { ...patient, REDIS_URL: redis.url, LOCUM_DEADLINES_STOP_MS: '1000', LOCUM_BOOK_START_WAIT_MS: '0' });
  const acquirer = await program.call(ascii);
  redis.pause();
  acquirer.send(purchase(acquirer.codec, 1));
  await eventually(async () => (await program.metric(`locum_messages_received_total{station="${ascii}",mti="0100"}`)) === 1, 'it was received');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(program.of('stopped').at(-1)).toMatchObject({ unanswered: 1 });
});

test('a stop that is asked for during the start is a stop after it', async () => {
  const program = launch(emptyFolder(), { LOCUM_BOOK_START_WAIT_MS: '0' });
  await program.said('store opened');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(program.lines.at(-1)?.event).toBe('stopped');
});

/** A port that somebody has. */
async function portTaken(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  taken.push(server);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return String(address.port);
}

/** What a start needs to be refused, and what it says. */
interface Refusal {
  readonly what: string;
  readonly sentence: RegExp;
  readonly prepare: (folder: string) => Promise<Variables>;
}

const refusals: readonly Refusal[] = [
  {
    what: 'a station\'s port that somebody has',
    sentence: /^locum start: station demo-1987-binary cannot be started: .*EADDRINUSE.*\.\n$/,
    prepare: async () => ({ LOCUM_STATIONS_DEMO_1987_BINARY_LINK_LISTEN_PORT: await portTaken() }),
  },
  {
    what: 'a port for HTTP that somebody has',
    sentence: /^locum start: health and metrics cannot be served on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\.\n$/,
    prepare: async () => ({ LOCUM_HTTP_PORT: await portTaken() }),
  },
  {
    what: 'a folder that another switch has',
    sentence: /^locum start: .*data is in use by another switch; stop that one, .*\.\n$/,
    prepare: async (folder) => {
      await startProgram(folder, { LOCUM_BOOK_START_WAIT_MS: '0' });
      return {};
    },
  },
  {
    what: 'a master key that others can read',
    sentence: /^locum start: .*master\.key can be read by others \(mode 644\): chmod 600 it.*\.\n$/,
    prepare: async (folder) => {
      mkdirSync(join(folder, 'data'));
      writeFileSync(join(folder, 'data', 'master.key'), '00'.repeat(31).concat('01\n'));
      chmodSync(join(folder, 'data', 'master.key'), 0o644);
      return await Promise.resolve({});
    },
  },
  {
    what: 'a Redis that is not there',
    sentence: /^locum start: .*Redis.*\n$/,
    prepare: async () => {
      const port = await portTaken();
      taken.pop()?.close();
      return { REDIS_URL: `redis://127.0.0.1:${port}` };
    },
  },
  {
    what: 'an address of a database that is none',
    sentence: /^locum start: DATABASE_URL must be an address that starts with postgresql:\/\/\.\n$/,
    prepare: () => Promise.resolve({ DATABASE_URL: 'mysql://me:hunter2@127.0.0.1/book' }),
  },
  {
    what: 'a configuration that is broken',
    sentence: /^locum start: .*locum\.json is not JSON: line 1, column \d+\.\n$/,
    prepare: async (folder) => {
      writeFileSync(join(folder, 'locum.json'), '{"http": }');
      return await Promise.resolve({});
    },
  },
  {
    what: 'a book that was made by a later version',
    sentence: /^locum start: The book's schema is at version \d+; this program knows versions up to \d+\. .*\.\n$/,
    prepare: async (folder) => {
      const program = await startProgram(folder);
      await program.said('system tables read');
      await program.stop();
      const book = await openNeighbour({ dataDir: bookFolder(folder) });
      await book.query(`insert into schema_migration (version, name, checksum) values (1000, '1000-later.sql', '')`);
      await book.close();
      return { LOCUM_BOOK_START_WAIT_MS: '30000' };
    },
  },
];

test.for(refusals)('a start is refused with one sentence for $what', async ({ sentence, prepare }) => {
  const folder = emptyFolder();
  const env = await prepare(folder);
  const program = launch(folder, env);
  expect(await program.ended).toEqual({ code: 1, signal: null });
  expect(program.errors).toMatch(sentence);
  expect(program.errors.split('\n')).toHaveLength(2);
  expect(program.output).not.toContain('hunter2');
});
