/** System tables that an operator changes in the book while the switch works, and what programs say of their partners' credit. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import type { Book } from '../../src/book/book.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { readProgram } from '../../src/tables/tables.ts';
import { startPostgres } from '../servers/postgres.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import { freePort } from '../servers/ports.ts';
import { ascii, buy, configure, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await endAll();
  await postgres.remove();
});

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Changes a row as an operator would, in SQL. */
async function change(book: Book, kind: string, name: string, path: string, value: unknown): Promise<void> {
  await book.query('update system_table set document = jsonb_set(document, $3::text[], $4::jsonb) where kind = $1 and name = $2', [kind, name, path.split('.'), JSON.stringify(value)]);
}

test('a change of the system tables in the book takes effect without a restart, and one that is wrong leaves everything as it was', async () => {
  const folder = emptyFolder();
  const databaseUrl = await postgres.database('tables');
  const [port, newPort, thirdPort] = [await freePort(), await freePort(), await freePort()];
  const config = {
    demo: true, book: { refreshMs: 100, databaseUrl },
    stations: { pos: { link: { listen: { port } }, spec: 'iso8583-1987-ascii' } },
  };
  configure(folder, config);
  const program = await startProgram(folder);
  await program.said('system tables read');
  const book = await openBook({ databaseUrl });
  let reads = 1;
  const taken = async (): Promise<void> => {
    reads += 1;
    await program.said('system tables read', reads);
  };
  const before = await program.call('pos', 'iso8583-1987-ascii');
  expect((await buy(before, 1, { 4: '000000000101' })).code).toBe('00');

  await change(book, 'program', 'demo', 'limits', [{ scope: 'overall', period: 'transaction', amountMinorMax: 100 }]);
  await taken();
  expect((await buy(before, 2, { 4: '000000000101' })).code).toBe('61');
  expect((await buy(before, 3, { 4: '000000000100' })).code).toBe('00');

  await change(book, 'binRange', 'demo', 'from', '476174');
  await taken();
  expect((await buy(before, 4, { 4: '000000000100' })).code).not.toBe('00');
  await change(book, 'binRange', 'demo', 'from', '476173');
  await taken();
  expect((await buy(before, 5, { 4: '000000000100' })).code).toBe('00');

  await change(book, 'station', 'pos', 'link.listen.port', newPort);
  await taken();
  await eventually(() => before.ended, 'the connection on the old port is closed');
  await eventually(() => program.of('station listening').filter(({ station }) => station === 'pos').length === 2, 'the new port is listened on');
  expect(program.port('pos')).toBe(newPort);
  expect(await accepts(port)).toBe(false);
  const after = await program.call('pos', 'iso8583-1987-ascii');
  expect((await buy(after, 6, { 4: '000000000100' })).code).toBe('00');

  await book.query(`update system_table set document = jsonb_set(document, '{link,listen,port}', '${thirdPort}') || '{"spec": "iso8583-1987-asci"}' where name = 'pos'`);
  const refused = await program.said('system tables not taken');
  expect(refused).toMatchObject({ level: 'error', error: expect.stringMatching(/^stations\.pos\.spec names iso8583-1987-asci, and no shipped file is called so/) as string });
  expect((await buy(after, 7, { 4: '000000000100' })).code).toBe('00');
  expect([await accepts(newPort), await accepts(thirdPort)]).toEqual([true, false]);
  // Nor does a switch that starts now meet it: it has kept the last ones that were right.
  await book.close();
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(program.of('system tables not taken')).toHaveLength(1);
  const next = await startProgram(folder, { LOCUM_BOOK_START_WAIT_MS: '1000' });
  expect(next.of('book not there yet')).toMatchObject([{ tables: 'from the copy on this disk' }]);
  expect(next.port('pos')).toBe(newPort);
  await next.said('system tables not taken');

  const again = await openBook({ databaseUrl });
  await change(again, 'station', 'pos', 'spec', 'iso8583-1987-ascii');
  await again.close();
  await eventually(() => next.port('pos') === thirdPort, 'the row that was put right takes effect');
  expect((await buy(await next.call('pos', 'iso8583-1987-ascii'), 8, { 4: '000000000100' })).code).toBe('00');
});

const demoDocument = demoTables.find(({ kind }) => kind === 'program')?.document ?? {};
const cards = ['4761730000001001', '4761730000001019', '4761730000001027', '4761730000001035', '4761730000001043'];

test('a partner\'s credit balance bounds all its cards together; what is given back may be spent again, and a load counts once', async () => {
  const folder = emptyFolder();
  const databaseUrl = await postgres.database('credit');
  configure(folder, {
    demo: true, book: { refreshMs: 100, databaseUrl }, store: { partitions: 4 },
    programs: { demo: { ...demoDocument, creditGuard: true, creditLoads: [{ id: 'first', amountMinor: 1_000 }] } },
  });
  const program = await startProgram(folder);
  await program.said('system tables read');
  expect(program.of('credit balance loaded')).toMatchObject([{ partner: 'demo', load: 'first', amountMinor: 1_000 }]);
  const acquirer = await program.call(ascii);
  let stan = 0;
  const spend = async (index: number, amountMinor: number): Promise<string> => {
    stan += 1;
    return (await buy(acquirer, stan, { 2: cards[index], 4: String(amountMinor).padStart(12, '0') })).code;
  };
  for (const index of [0, 1, 2, 3]) expect(await spend(index, 250)).toBe('00');
  expect(await spend(4, 1)).toBe('51');
  // The first of them is reversed.
  expect((await buy(acquirer, 100, { 2: cards[0], 4: '000000000250', 90: `0100000001112210150000000476173${'0'.repeat(11)}` }, '400')).code).toBe('00');
  // That nothing is left is believed for some milliseconds.
  await eventually(async () => (await spend(4, 250)) === '00', 'what was given back is spent');
  expect(await spend(4, 1)).toBe('51');

  const book = await openBook({ databaseUrl });
  await change(book, 'program', 'demo', 'creditLoads', [{ id: 'first', amountMinor: 1_000 }, { id: 'second', amountMinor: 300 }, { id: 'third', amountMinor: -100 }]);
  await program.said('credit balance loaded', 3);
  expect(await spend(0, 201)).toBe('51');
  expect(await spend(1, 200)).toBe('00');
  await change(book, 'program', 'demo', 'creditLoads', [{ id: 'first', amountMinor: 2_000 }, { id: 'fourth', amountMinor: -1 }]);
  await program.said('credit balance not loaded', 2);
  expect(program.of('credit balance not loaded')).toMatchObject([
    { load: 'first', reason: 'this id was used for another amount' }, { load: 'fourth', reason: 'less is left than is taken away' },
  ]);
  await book.close();
  await program.stop();

  const next = await startProgram(folder);
  await next.said('system tables read');
  expect(next.of('credit balance loaded')).toEqual([]);
  expect((await buy(await next.call(ascii), 200, { 2: cards[2], 4: '000000000001' })).code).toBe('51');
});

test('loads that cannot be meant are refused with their place', () => {
  const program = { partner: 'p', currency: 'EUR', cvk: 'k' };
  expect(() => readProgram('p', { ...program, creditLoads: [{ id: 'a', amountMinor: 0 }] })).toThrow('programs.p.creditLoads[0].amountMinor must be more or less than 0');
  expect(() => readProgram('p', { ...program, creditLoads: [{ id: 'a', amountMinor: 1 }, { id: 'a', amountMinor: 2 }] })).toThrow('programs.p.creditLoads[1].id is a, as that of an entry before it');
  expect(() => readProgram('p', { ...program, creditLoads: [{ amountMinor: 1 }] })).toThrow('programs.p.creditLoads[0].id is missing');
});
