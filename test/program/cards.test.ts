/** What issuers and operators say of single cards, on the running program: `locum card`, the routes behind it, and what stand-in makes of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardBalanceCommand } from '../../src/cli/card.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostMessage } from '../../src/cli/host-report.ts';
import type { CardShown } from '../../src/program/card-operations.ts';
import { locum } from '../cli/locum.ts';
import type { Ended } from '../cli/locum.ts';
import { buys, code, hostPan } from '../switch/hosts.ts';
import { ascii, emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

const otherPan = '5413330000000027';
const hosts: TestHost[] = [];

afterAll(async () => {
  await endAll();
  for (const host of hosts) await host.kill();
});

async function command(program: ProgramProcess, words: string, input = ''): Promise<Ended> {
  return await locum(words.split(' '), { cwd: program.folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) }, input });
}

/** Of a command that does what it is asked. */
async function told<T>(program: ProgramProcess, words: string, input = ''): Promise<T> {
  const { code: ended, out, err } = await command(program, `${words} --json`, input);
  if (ended !== 0) throw new Error(`${words}: ${err}`);
  return JSON.parse(out) as T;
}

describe('cards of the demo’s remote issuer, which is out by order', () => {
  let program: ProgramProcess;
  beforeAll(async () => {
    program = await startProgram(emptyFolder());
    await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
    await told(program, 'issuer out demo-host --why test');
  });

  test('an instruction, limits and a risk level are shown, hold for the next transaction, and end', async () => {
    const shop = await program.call(ascii);
    expect(await told<CardShown>(program, `card show demo-host ${hostPan}`)).toMatchObject({ card: '541333******0019', terms: null, balance: null });
    const { token } = await told<CardShown>(program, `card set demo-host ${hostPan} instruction=refer riskLevel=70 account=0017`);
    expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 01');
    // By its token it is the same card.
    expect(await told<CardShown>(program, `card show demo-host ${token}`)).toMatchObject({ token, terms: { instruction: 'refer', riskLevel: 70, account: '0017' } });
    const set = await command(program, 'card set demo-host - limits[0].scope=overall limits[0].period=day limits[0].amountMinorMax=1300', `${hostPan}\n`);
    expect(set).toMatchObject({ code: 0, out: `Card 541333******0019, token ${token}\n  limits[0].scope           overall\n  limits[0].period          day\n  limits[0].amountMinorMax  1300\n` });
    expect([code(await shop.ask(buys(shop, 2))), code(await shop.ask(buys(shop, 3)))]).toEqual(['0110 00', '0110 61']);
    expect(await command(program, `card set demo-host ${hostPan} --none`)).toMatchObject({ code: 0, out: `Card 541333******0019, token ${token}\n  terms  none of its own\n` });
    expect(code(await shop.ask(buys(shop, 4)))).toBe('0110 00');
    shop.socket.destroy();
  });

  test.for<[words: string, sentence: string]>([
    [`card show nobody ${hostPan}`, 'there is no remote issuer nobody'],
    [`card show own ${hostPan}`, 'there is no remote issuer own'],
    ['card show demo-host 4761730000000011', 'this card is not one of the issuer\'s'],
    ['card show demo-host 5413330000000018x', 'token must be a card\'s token: 22 letters, digits, hyphens and underscores'],
    [`card set demo-host ${hostPan} instruction=perhaps`, 'instruction must be approve or decline or pickUp or refer or vip, not "perhaps"'],
    [`card set demo-host ${hostPan} riskLevel=100`, 'riskLevel must be a whole number from 0 to 99, not 100'],
    [`card set demo-host ${hostPan} limits[0].scope=travel limits[0].period=day limits[0].countMax=1`, 'limits[0].scope must be one of overall, cash, quasi-cash, gambling, not travel'],
    [`card set demo-host ${hostPan} limits[0].scope=overall limits[0].period=day`, 'limits[0] limits nothing: it needs amountMinorMax, countMax or both'],
    [`card set demo-host ${hostPan} limit=1`, 'limit is unknown'],
    [`card balance demo-host ${hostPan} --available 100 --currency EUR`, 'the mode of this issuer is hostWithStandIn: no balance is kept for it'],
  ])('%s is refused with its sentence', async ([words, sentence]) => {
    const { code: ended, err, out } = await command(program, words);
    expect([ended, out]).toEqual([1, '']);
    expect(err).toContain(sentence);
    expect(err).not.toMatch(/[0-9]{13}/);
  });

  test.for<[words: string, sentence: string]>([
    [`card set demo-host ${hostPan}`, 'card set takes places with their values, or --none, one of the two'],
    [`card set demo-host ${hostPan} instruction=vip --none`, 'card set takes places with their values, or --none, one of the two'],
    ['card show demo-host', 'card show takes <issuer> <number or token>'],
    [`card balance demo-host ${hostPan} --available 1.50`, '--available must be an amount in minor units, not 1.50'],
  ])('%s is no command', async ([words, sentence]) => {
    expect(await command(program, words)).toMatchObject({ code: 2, err: expect.stringContaining(sentence) as unknown });
  });
});

test('a balance that the host pushed bounds stand-in, with what was approved after the last authorization that the host names; no number of a card is in a log or a history', async () => {
  const program = await startProgram(emptyFolder());
  await eventually(async () => (await command(program, 'tables list')).code === 0, 'the book is open');
  await told(program, 'tables set issuer demo-host mode=hostWithShadowBalance');
  const messages: HostMessage[] = [];
  const host = await TestHost.start({ connect: { port: program.port('demo-host') }, signOn: true, rules: [], onEvent: (event) => void (event.event === 'message' && messages.push(event)) });
  hosts.push(host);
  await eventually(async () => (await told<{ readonly phase: string }>(program, 'issuer show demo-host')).phase === 'closed', 'the issuer is asked');
  const shop = await program.call(ascii);
  expect([code(await shop.ask(buys(shop, 1))), code(await shop.ask(buys(shop, 2)))]).toEqual(['0110 00', '0110 00']);
  await told(program, 'issuer out demo-host --why test');
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 91');
  // It has taken in the first, by the name under which it came to it; 12.50 of the second is not in it.
  const before = await told<CardShown>(program, `card balance demo-host ${hostPan} --available 100000 --currency EUR`);
  const [first = '', second = ''] = before.balance?.later ?? [];
  expect([first, second].map((name) => String(Number(name.slice(0, 6))))).toEqual(messages.map(({ stan }) => stan));
  expect(await told<CardShown>(program, `card balance demo-host ${hostPan} --available 3000 --currency EUR --through ${first}`)).toMatchObject({ balance: { availableMinor: 3_000, laterMinor: 1_250, leftMinor: 1_750, later: [second] } });
  expect([code(await shop.ask(buys(shop, 4))), code(await shop.ask(buys(shop, 5)))]).toEqual(['0110 00', '0110 51']);
  for (const [words, sentence] of [
    ['--available 3000 --currency USD', 'currency must be EUR, as the issuer\'s rules have it'],
    ['--available 3000 --currency EUR --as-of 2020-01-01T00:00:00Z', 'a later balance of this card is known'],
    ['--available 3000 --currency EUR --as-of 2099-01-01T00:00:00Z', 'asOf is more than a minute ahead of this switch'],
    ['--available 3000 --currency EUR --through 12-34', 'lastAuthorizationId must be six digits, a hyphen, ten digits'],
  ] as const) expect(await command(program, `card balance demo-host ${hostPan} ${words}`)).toMatchObject({ code: 1, err: expect.stringContaining(sentence) as unknown });
  // Many at once: what is wrong is told with its line, and without the card's number.
  const lines = [
    { pan: hostPan, availableMinor: 5_000, currency: 'EUR', lastAuthorizationId: second }, { pan: '4761730000000011', availableMinor: 5_000, currency: 'EUR' }, { pan: otherPan, availableMinor: 1_250, currency: 'EUR' },
  ];
  const file = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n${otherPan}, 12.50 EUR\n`;
  expect(await command(program, 'card balance demo-host --file -', file)).toMatchObject({
    code: 1, out: '2 of 4 balances are taken.\n', err: 'locum card balance: line 2: this card is not one of the issuer\'s.\nlocum card balance: line 4: it is no JSON object.\n',
  });
  writeFileSync(join(program.folder, 'balances.jsonl'), JSON.stringify(lines[2]));
  expect(await told(program, 'card balance demo-host --file balances.jsonl')).toEqual({ taken: 1, refused: 0 });
  expect([code(await shop.ask(buys(shop, 6))), code(await shop.ask(buys(shop, 7, { 2: otherPan }))), code(await shop.ask(buys(shop, 8, { 2: otherPan })))]).toEqual(['0110 00', '0110 00', '0110 51']);
  await told(program, `card set demo-host ${otherPan} instruction=decline`);
  expect(program.output).toContain('card terms set');
  const history = await command(program, 'tables history');
  for (const text of [program.output, history.out, before.card ?? '']) expect(text).not.toMatch(/541333[0-9]{10}/);
  expect(cardBalanceCommand.examples.every(({ needs }) => needs === 'shadow balance')).toBe(true);
  shop.socket.destroy();
});
