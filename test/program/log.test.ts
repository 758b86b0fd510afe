/** `locum log` on the running program: what it finds, what it never shows, and that no decision needs whoever keeps it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MessageLogLine } from '../../src/book/message-log.ts';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { management, purchase } from '../switch/fixture.ts';
import { buys } from '../switch/hosts.ts';
import { ascii, card, configure, emptyFolder, endAll, eventually, faultIn, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

afterAll(endAll);

async function command(program: ProgramProcess, line: string): Promise<Ended> {
  return await locum(line.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
}

/** By STAN: lines of one millisecond have no order. */
async function lines(program: ProgramProcess, options: string): Promise<MessageLogLine[]> {
  const { out } = await command(program, `log --most 5000 --json ${options}`.trim());
  return out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as MessageLogLine).toSorted((one, other) => Number(one.stan) - Number(other.stan));
}

describe('the log of messages of a running switch', () => {
  let program: ProgramProcess;
  let sinceText = '';

  beforeAll(async () => {
    program = await startProgram(emptyFolder());
    sinceText = new Date(Date.now() - 1_000).toISOString().slice(0, 19);
    const shop = await program.call(ascii);
    await shop.ask(management(shop.codec, 1, '301'));
    await shop.ask(purchase(shop.codec, 2, { 43: `${card} Corner Shop`, 48: `9203123 ${card}`, 63: `PAN ${card}`, 35: `${card}=31121010000012300000` }));
    await shop.ask(purchase(shop.codec, 3, {}, '500'));
    await shop.ask(buys(shop, 4));
    shop.send(management(shop.codec, 5, '301', '810').set(39, '00'));
    await shop.ask(management(shop.codec, 6, '301'));
    shop.socket.destroy();
    await eventually(async () => (await lines(program, '')).length >= 6, 'the lines are in the book');
  });

  test('has every request with its answer, what was refused and network management with it, and who answered', async () => {
    const found = await lines(program, `--station ${ascii}`);
    expect(found.map(({ mti, answerMti, what, outcome, answeredBy, responseCode, standInReason }) => [mti, answerMti, what, outcome, answeredBy, responseCode, standInReason])).toEqual([
      ['0800', '0810', 'echo', 'answered', 'switch', '00', undefined], ['0100', '0110', 'purchase', 'answered', 'account', '82', undefined], ['0500', '0510', '', 'refused', 'switch', '12', undefined],
      ['0100', '0110', 'purchase', 'answered', 'standin', '00', 'unreachable'], ['0810', undefined, '', 'unmatched', '', '00', undefined], ['0800', '0810', 'echo', 'answered', 'switch', '00', undefined],
    ]);
    for (const { elapsedMs, outcome, connection, switch: name } of found) {
      expect(connection).toBeGreaterThan(0);
      expect(name).not.toBe('');
      if (outcome !== 'unmatched') expect(elapsedMs).toBeGreaterThan(0);
    }
  });

  test.for<[options: string, stans: readonly string[]]>([
    ['--stan 000002', ['2']], ['--rrn 000000000004', ['4']], ['--outcome refused', ['3']], ['--outcome unmatched', ['5']], ['--station demo-host', []], ['--since 1h', ['1', '2', '3', '4', '5', '6']],
  ])('finds by %s', async ([options, stans]) => {
    expect((await lines(program, options)).map(({ stan }) => stan)).toEqual(stans);
  });

  test('finds by time, card and transaction, and says where there is nothing', async () => {
    const [bought] = await lines(program, '--stan 2');
    expect((await lines(program, `--pan-token ${bought!.cardToken!}`)).map(({ stan }) => stan)).toEqual(['2']);
    expect((await lines(program, `--id ${bought!.messageId!}`)).map(({ stan }) => stan)).toEqual(['2']);
    expect((await lines(program, `--since ${sinceText}Z`)).length).toBe(6);
    expect(await command(program, 'log --stan 777')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('has no such line') as string });
    expect((await command(program, 'log --most 2')).out.trimEnd().split('\n')).toHaveLength(2);
    for (const [line, sentence] of [['log --since yesterday', '--since is 30s'], ['log --stan x', '--stan is a number'], ['log --most 0', '--most is a number'], ['log now', 'nothing follows log']] as const) {
      expect(await command(program, line)).toMatchObject({ code: 2, err: expect.stringContaining(sentence) as string });
    }
  });

  test('a person reads who answered and why; no card number, track or verification value is in it, in whatever field it came', async () => {
    const { out } = await command(program, 'log');
    expect(out).toMatch(/from demo-1987-ascii +0100 0110 +purchase, 12\.50 EUR, 541333\*{6}0019, STAN 4, RRN 000000000004: answered 00 .*by stand-in after [0-9.]+ m?s, because the issuer could not be reached; for demo-host/);
    expect(out).toContain('476173******0011');
    for (const secret of [card, '3112101', '9203123']) for (const text of [out, JSON.stringify(await lines(program, '')), program.output]) expect(text).not.toContain(secret);
  });
});

test('decisions go on while the office that keeps the log is dead, and the log has them when it is back', async () => {
  const program = await startProgram(emptyFolder(), faultIn('office'));
  const shop = await program.call(ascii);
  expect((await shop.ask(purchase(shop.codec, 1))).text(39)).toBe('00');
  await eventually(async () => (await lines(program, '')).length >= 1, 'the book is open');
  program.child.kill('SIGUSR2');
  for (let stan = 2; stan <= 40; stan += 1) {
    expect((await shop.ask(purchase(shop.codec, stan))).text(39)).toBe('00');
  }
  await eventually(async () => (await command(program, 'log --stan 40')).code === 0, 'the last is in the log');
  const stans = new Set((await lines(program, `--station ${ascii}`)).map(({ stan }) => Number(stan)));
  // A batch that the dead one had said nothing of may be there twice, and none is missing.
  expect([...stans].toSorted((one, other) => one - other)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(program.output).not.toContain(card);
  shop.socket.destroy();
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('a switch that is told to keep no log keeps none', async () => {
  const folder = emptyFolder();
  configure(folder, { demo: true, book: { messageLogDays: 0 } });
  const program = await startProgram(folder);
  const shop = await program.call(ascii);
  expect((await shop.ask(purchase(shop.codec, 1))).text(39)).toBe('00');
  await eventually(async () => (await program.metric('locum_book_lag_entries')) === 0, 'the book has the transaction');
  expect(await command(program, 'log')).toMatchObject({ code: 1, out: '' });
  shop.socket.destroy();
});
