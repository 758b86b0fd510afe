/** The program from its start on: what a newcomer meets, what it says and what it keeps to itself. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openNeighbour } from '../../src/book/connection.ts';
import { TestCard, TestKeys } from '../../src/cli/send-card.ts';
import type { Outside } from '../../src/cli/command.ts';
import { Pan } from '../../src/message/pan.ts';
import { loadConfig } from '../../src/program/config.ts';
import { demoCards } from '../../src/program/demo.ts';
import { freePort } from '../servers/ports.ts';
import { ascii, bookFolder, buy, card, configure, emptyFolder, endAll, eventually, launch, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

afterAll(endAll);

/** Starts the demo on ports that are chosen before, as 8583 and its siblings are. */
async function startOnPorts(folder: string): Promise<{ program: ProgramProcess; ports: readonly number[] }> {
  const ports = await Promise.all([0, 1, 2, 3].map(freePort));
  const [asciiPort, binaryPort, iso2003Port, http] = ports.map(String);
  const program = await startProgram(folder, {
    LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT: asciiPort, LOCUM_STATIONS_DEMO_1987_BINARY_LINK_LISTEN_PORT: binaryPort,
    LOCUM_STATIONS_DEMO_2003_BINARY_LINK_LISTEN_PORT: iso2003Port, LOCUM_STATIONS_DEMO_HOST_LINK_LISTEN_PORT: '0', LOCUM_HTTP_PORT: http, LOCUM_LOG_LEVEL: 'debug',
  });
  return { program, ports };
}

/** The modes of everything below a folder, by path. */
function openToOthers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => (statSync(join(folder, name)).mode & 0o077) !== 0);
}

test('the demo accepts, answers its health, and says nothing of cards that anybody could use', async () => {
  const folder = emptyFolder();
  const { program, ports } = await startOnPorts(folder);
  expect([ascii, 'demo-1987-binary', 'demo-2003-binary'].map((station) => program.port(station)).concat(program.httpPort)).toEqual(ports);

  expect(await program.get('/health')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(await program.ready()).toMatchObject({ status: 200, checks: { stations: { ok: true, detail: '4 started' }, store: { ok: true }, book: { ok: true } } });
  const unknown = await program.get('/cards?pan=4761730000000011');
  expect(unknown).toMatchObject({ status: 404, type: 'application/problem+json' });
  expect(JSON.parse(unknown.text)).toMatchObject({ type: 'about:blank', status: 404, title: 'Not Found', detail: expect.stringContaining('GET /cards;') as string });
  expect(await program.get('/%zz')).toMatchObject({ status: 400, type: 'application/problem+json' });
  expect((await program.get(`/cards/${card}`)).text).toContain('476173******0011');
  expect((await program.get(`/${card}/%zz`)).text).not.toContain(card);

  const secrets = await spend(program);
  const { text } = await program.get('/metrics');
  for (const [station, mti] of [[ascii, '0100'], ['demo-1987-binary', '0100'], ['demo-2003-binary', '2100']]) {
    expect(text).toMatch(new RegExp(`locum_answer_seconds_bucket\\{[^}]*station="${station}",mti="${mti}",responder="account"\\} [1-9]`));
  }
  expect(text).toMatch(/locum_answer_seconds_bucket\{[^}]*responder="switch"\} [1-9]/);
  expect(text).toContain('locum_book_lag_entries');

  await eventually(async () => (await program.metric('locum_book_lag_entries')) === 0, 'the book has it all');
  expect(openToOthers(join(folder, 'data')).filter((name) => !name.startsWith(join('book', 'postgres')))).toEqual([]);
  expect(statSync(join(folder, 'data', 'book', 'postgres')).mode & 0o077).toBe(0);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(program.of('decided').length).toBeGreaterThan(5);
  for (const secret of secrets) expect(program.output.includes(secret), 'a secret is in the output').toBe(false);
  expect(program.errors).toBe('');
});

/** Purchases with everything that a card has, right and wrong. @returns what must not be found in the output */
async function spend(program: ProgramProcess): Promise<readonly string[]> {
  const config = loadConfig({ environment: {}, cwd: program.folder, hostName: 'test' });
  const own = new TestCard(new TestKeys(config, { environment: {}, now: () => Date.now() } as Outside), Pan.parse(card)!, '00');
  const [cvv2, track] = [await own.cvv2('3112', 0), await own.track2('cvv', '3112', 5)];
  const wrongTrack = `${card}=311220100000777`;
  const acquirer = await program.call(ascii);
  const answers = [
    await buy(acquirer, 1),
    await buy(acquirer, 2, { 22: '021', 2: undefined, 14: undefined, 35: track }),
    await buy(acquirer, 3, { 22: '021', 35: wrongTrack }),
    await buy(acquirer, 4, { 22: '810', 48: `9203${cvv2}` }),
    await buy(acquirer, 5, { 22: '810', 48: '9203999' }),
    await buy(acquirer, 6, { 52: '0123456789ABCDEF' }),
    await buy(acquirer, 7, { 2: '4761730000000012' }),
    await buy(acquirer, 8, { 2: '4761739999999999' }),
    await buy(acquirer, 9, { 2: undefined }),
  ];
  acquirer.sendBytes(Buffer.from(`0100F23C${card}${wrongTrack}`));
  expect(answers[0]?.code).toBe('00');
  expect(answers[3]?.code).toBe('00');
  for (const index of [2, 4, 5, 6, 7, 8]) expect(answers[index]?.code, `purchase ${index + 1}`).not.toBe('00');
  for (const [station, amount] of [['demo-1987-binary', '000000001250'], ['demo-2003-binary', '9782000000001250']] as const) {
    expect((await buy(await program.call(station), 1, { 4: amount })).code, station).toMatch(/^0+$/);
  }
  const pans = demoCards().map((each) => each.pan);
  return [...pans, '4761730000000012', '4761739999999999', track, wrongTrack, `=${track.slice(17)}`, `9203${cvv2}`, '9203999', '0123456789ABCDEF'];
}

test('the demo is made once: another start changes nothing, and without it its stations and cards are gone', async () => {
  const folder = emptyFolder();
  const first = await startProgram(folder);
  await first.said('system tables read');
  await first.stop();
  const before = await contents(folder);
  expect(before).toMatchObject({ accounts: 113, cards: 113, revision: expect.any(Number) as number });
  const second = await startProgram(folder);
  await second.said('system tables read');
  expect(second.of('credit balance loaded')).toEqual([]);
  await second.stop();
  expect(await contents(folder)).toEqual(before);
  // A command that reads the book at this moment is in nobody's way.
  const reader = await openNeighbour({ dataDir: bookFolder(folder) });
  const without = await startProgram(folder, { LOCUM_DEMO: 'false' });
  await without.said('book not reached');
  await reader.close();
  await without.said('system tables read');
  expect(without.stations).toEqual([]);
  expect((await without.get('/health')).status).toBe(200);
  await without.stop();
  expect((await contents(folder)).entries).toBe(before.entries);

  // Where it was never made, there is no card of it.
  configure(folder, {
    dataDir: 'other', keys: { keyFile: 'data/keys.json', masterKey: { file: 'data/master.key' } }, book: { startWaitMs: 0 },
    stations: { pos: { link: { listen: { port: 0 } }, spec: 'iso8583-1987-ascii' } },
    programs: { gift: { partner: 'shops', currency: 'EUR', cvk: 'demo-cvk' } }, ranges: { gift: { from: '476173', program: 'gift' } },
  });
  const never = await startProgram(folder);
  expect(never.stations).toEqual(['pos']);
  expect((await buy(await never.call('pos', 'iso8583-1987-ascii'), 1)).code).toBe('56');
  await never.kill();
});

interface Contents {
  readonly entries: number;
  readonly accounts: number;
  readonly cards: number;
  readonly revision: number;
}

async function contents(folder: string): Promise<Contents> {
  const book = await openNeighbour({ dataDir: bookFolder(folder) });
  const [row] = await book.query<Contents>(`select (select count(*)::int from journal_entry) as entries, (select count(*)::int from account) as accounts,
    (select count(*)::int from card) as cards, (select revision::int from system_table_revision) as revision`);
  await book.close();
  if (row === undefined) throw new Error('a count has a row');
  return row;
}

test('without the demo a program has no stations of its own to start, and no keys', async () => {
  const program = launch(emptyFolder(), { LOCUM_DEMO: 'false' });
  expect(await program.ended).toEqual({ code: 1, signal: null });
  expect(program.errors).toMatch(/^locum start: the master key file .* cannot be opened.*\.\n$/);
});
