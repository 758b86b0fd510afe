/** Every parameter of the system tables, changed at work by an operator: what it does then, and who changed it from what to what. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestHost } from '../../src/cli/host-desk.ts';
import { locum } from '../cli/locum.ts';
import { buys, code } from '../switch/hosts.ts';
import { ascii, buy, configure, emptyFolder, endAll, eventually, Shoppers, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

const hosts: TestHost[] = [];

afterAll(async () => {
  await endAll();
  for (const host of hosts) await host.kill();
});

interface Change {
  readonly by: string;
  readonly why: string;
  readonly at: string;
  readonly kind: string;
  readonly name: string;
  readonly what: string;
  readonly changes: readonly { readonly path: string; readonly before?: unknown; readonly after?: unknown }[];
}

let program: ProgramProcess;

beforeAll(async () => {
  const folder = emptyFolder();
  // The journal stays where it is: it is to grow over the limit.
  configure(folder, { demo: true, book: { drain: false }, deadlines: { answerMs: 600_000 } });
  program = await startProgram(folder);
  await eventually(async () => (await command('tables list')).code === 0, 'the book is open');
});

async function command(line: string): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  return await locum(line.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
}

/** Sets it, and looks it up in the history. */
async function set(row: string, ...assignments: readonly string[]): Promise<Change> {
  const beforeMs = Date.now();
  expect(await command(`tables set ${row} ${assignments.join(' ')} --by mia --why trial`)).toMatchObject({ code: 0, err: '' });
  const { out } = await command(`tables history ${row} --json`);
  const [latest] = JSON.parse(out) as Change[];
  expect(latest).toMatchObject({ by: 'mia', why: 'trial', kind: row.split(' ')[0], name: row.split(' ')[1] });
  expect(Date.parse(latest!.at)).toBeGreaterThanOrEqual(beforeMs - 1_000);
  expect(Date.parse(latest!.at)).toBeLessThanOrEqual(Date.now() + 1_000);
  return latest!;
}

/** Each restart of a station is on a port of its own here. */
async function startedAnew(station: string, work: () => Promise<unknown>): Promise<void> {
  const listened = program.of('station listening').filter((line) => line['station'] === station).length;
  await work();
  await eventually(() => program.of('station listening').filter((line) => line['station'] === station).length > listened, `${station} listens again`);
}

test('a station: the message classes that it takes, and its message format', async () => {
  await startedAnew(ascii, async () => {
    expect((await set(`station ${ascii}`, 'classes=["authorization","reversal"]')).changes).toEqual([{ path: 'classes', after: ['authorization', 'reversal'] }]);
  });
  const shop = await program.call(ascii);
  expect((await buy(shop, 1, {}, '200')).code).toBe('12');
  expect((await buy(shop, 2, {}, '100')).code).toBe('00');
  await startedAnew(ascii, async () => await set(`station ${ascii}`, 'classes=null'));
  await eventually(() => shop.ended, 'the connection of before ends');
  expect((await buy(await program.call(ascii), 3, {}, '200')).code).toBe('00');

  await startedAnew('demo-1987-binary', async () => {
    expect((await set('station demo-1987-binary', 'spec=iso8583-1987-ascii')).changes).toEqual([{ path: 'spec', before: 'iso8583-1987-binary', after: 'iso8583-1987-ascii' }]);
  });
  expect((await buy(await program.call('demo-1987-binary', 'iso8583-1987-ascii'), 4)).code).toBe('00');
});

test('a BIN and a range of card numbers', async () => {
  const shop = await program.call(ascii);
  expect((await set('range demo', 'from=476174')).changes).toMatchObject([{ path: 'from', after: '476174' }]);
  expect((await buy(shop, 11)).code).not.toBe('00');
  expect((await set('range old', 'from=47617300', 'to=47617309', 'program=demo')).changes).toEqual([{ path: 'to', after: '47617309' }, { path: 'from', after: '47617300' }, { path: 'program', after: 'demo' }]);
  expect((await buy(shop, 12)).code).toBe('00');
  expect(await command('tables remove range old --by mia')).toMatchObject({ code: 0, err: '' });
  const [removed] = JSON.parse((await command('tables history range old --json')).out) as Change[];
  expect(removed).toMatchObject({ by: 'mia', what: 'removed', changes: [{ path: 'to', before: '47617309' }, { path: 'from', before: '47617300' }, { path: 'program', before: 'demo' }] });
  expect((await buy(shop, 13)).code).not.toBe('00');
  expect(await command('tables reset range demo')).toMatchObject({ code: 0, err: '' });
  expect((await buy(shop, 14)).code).toBe('00');
});

test('a program and an issuer: what cards may spend, and how a centre is stood in for', async () => {
  const shop = await program.call(ascii);
  await set('program demo', 'limits=[{"scope":"overall","period":"transaction","amountMinorMax":100}]');
  expect((await buy(shop, 21, { 4: '000000000101' })).code).toBe('61');
  expect((await buy(shop, 22, { 4: '000000000100' })).code).toBe('00');
  expect(await command('tables reset program demo')).toMatchObject({ code: 0, err: '' });
  expect(code(await shop.ask(buys(shop, 23)))).toBe('0110 00');
  expect((await set('issuer demo-host', 'mode=host')).changes).toEqual([{ path: 'mode', after: 'host' }]);
  expect(code(await shop.ask(buys(shop, 24)))).toBe('0110 91');
  await set('issuer demo-host', 'mode=null');
  expect(code(await shop.ask(buys(shop, 25)))).toBe('0110 00');
});

test('the whole system: how long an answer may take, and how far the book may be behind', async () => {
  const host = await TestHost.start({ connect: { host: '127.0.0.1', port: program.port('demo-host') }, signOn: true, rules: [{ match: { mti: '100' }, do: 'ignore' }] });
  hosts.push(host);
  await eventually(() => host.signedOn, 'the issuer signs on');
  const shop = await program.call(ascii);
  const asked = async (stan: number): Promise<number> => {
    const startedMs = performance.now();
    shop.send(buys(shop, stan));
    expect(code(await shop.next(30_000))).toMatch(/^0110/);
    return performance.now() - startedMs;
  };
  await set('issuer demo-host', 'timers.posMs=3000', 'circuit.failuresMax=100');
  await eventually(() => host.signedOn, 'the issuer is there');
  expect(await asked(31)).toBeGreaterThan(2_500);
  expect((await set('parameter system', 'answerMs=900')).changes).toEqual([{ path: 'answerMs', after: 900 }]);
  await set('issuer demo-host', 'timers.posMs=60000');
  // While this waits for it: long before the issuer's time is over, and what the configuration says.
  expect(await asked(32)).toBeGreaterThan(500);
  expect((await set('parameter system', 'answerMs=null')).changes).toEqual([{ path: 'answerMs', before: 900 }]);
  await host.kill();

  await set('parameter system', 'lagEntriesMax=1000');
  const shoppers = new Shoppers(() => program.port(ascii));
  await eventually(() => (shoppers.refusals['91'] ?? 0) > 0, 'the journal is over the limit');
  await shoppers.stop();
  expect((await program.ready()).status).toBe(503);
  await set('parameter system', 'lagEntriesMax=100000');
  await eventually(async () => (await program.ready()).status === 200, 'the switch is ready again');
  expect((await buy(shop, 41)).code).toBe('00');
});
