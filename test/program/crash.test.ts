/** The program that dies, by a signal or by a fault of its own: what it had approved is there afterwards, once. */
import { afterAll, expect, test } from 'vitest';
import { openNeighbour } from '../../src/book/connection.ts';
import {
  answeredOtherwise, ascii, bookFolder, buy, card, emptyFolder, endAll, eventually, faultIn, launch, wrongIn, Shoppers, startProgram,
} from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

afterAll(endAll);

async function healthy(program: ProgramProcess): Promise<boolean> {
  return await program.get('/health').then(({ status }) => status === 200, () => false);
}

test('a switch that is killed under load has lost nothing that it approved and does nothing twice, again and again', async () => {
  const folder = emptyFolder();
  // The first start does not get far.
  const cut = launch(folder);
  await cut.said('store opened');
  await cut.kill();
  // A disk that is slow refuses nobody.
  const patient = { LOCUM_DEADLINES_ANSWER_MS: '60000' };
  let program = await startProgram(folder, patient);
  const shoppers = new Shoppers(() => program.port(ascii));
  for (let round = 1; round <= 2; round += 1) {
    await shoppers.approves(1_000);
    await program.kill();
    program = await startProgram(folder, patient);
  }
  await shoppers.approves(200);
  await shoppers.stop();
  expect(shoppers.refusals).toEqual({});
  expect(await answeredOtherwise(program, shoppers.approved)).toEqual([]);
  await program.said('book opened');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  const book = await openNeighbour({ dataDir: bookFolder(folder) });
  expect(await wrongIn(book, shoppers.answered)).toEqual([]);
  await book.close();
  expect(shoppers.approved.length).toBeGreaterThan(2_200);
});

test('an office that fails is started again on the same port, and decisions go on meanwhile', async () => {
  const folder = emptyFolder();
  const program = await startProgram(folder, faultIn('office'));
  await program.said('system tables read');
  const port = program.httpPort;
  const acquirer = await program.call(ascii);
  program.child.kill('SIGUSR2');
  const failed = await program.said('office failed');
  expect((await buy(acquirer, 1)).code).toBe('00');
  expect(failed).toMatchObject({ level: 'error', restartInMs: 500 });
  await program.said('book opened', 2);
  expect(await healthy(program)).toBe(true);
  expect(program.httpPort).toBe(port);
  expect((await buy(acquirer, 2)).code).toBe('00');
  await eventually(async () => (await program.metric('locum_book_lag_entries')) === 0, 'the new office drains');
  expect(program.output).not.toContain(card);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  const book = await openNeighbour({ dataDir: bookFolder(folder) });
  expect(await book.query('select count(*)::int as count from transaction where approved')).toEqual([{ count: 2 }]);
  await book.close();
});

test.for(['main', 'rejection', 'store'] as const)('a fault in the thread %s ends the process with one masked line', async (thread) => {
  const program = await startProgram(emptyFolder(), { ...faultIn(thread), LOCUM_BOOK_START_WAIT_MS: '0' });
  program.child.kill('SIGUSR2');
  expect(await program.ended).toEqual({ code: 1, signal: null });
  const last = program.lines.at(-1);
  expect(last).toMatchObject({ level: 'error', event: thread === 'store' ? expect.stringMatching(/^(?:store|advice file|negative list) lost$/) as string : 'own fault' });
  expect(String(last?.['error'])).toContain('a fault while card 476173******0011 was decided');
  expect(program.output).not.toContain(card);
  expect(program.errors).toBe('');
});
