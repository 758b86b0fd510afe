/** docs/tour-lifecycle.md and the README's card of one's own, as a reader walks them: real certificates, real sockets, the program as its own process. */
import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, locum, root, startDemo } from '../cli/locum.ts';
import type { RunningLocum } from '../cli/locum.ts';
import { codeIn, commandsOf, walk } from './tour.ts';

const page = readFileSync(`${root}docs/tour-lifecycle.md`, 'utf8');
const readme = readFileSync(`${root}README.md`, 'utf8');

let demo: RunningLocum;
beforeAll(async () => {
  demo = await startDemo();
  await eventually(async () => await locum(['ca', 'list'], demo), ({ code }) => code === 0);
});
afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true });
});

test('a partner registers a user, loads a balance and issues a card that pays, is locked, pays again, gets another CVV2 and a PIN, as the tour says', async () => {
  const commands = commandsOf(page);
  const { steps, ended } = await walk(commands, demo);
  expect({ code: ended.code, err: ended.err, last: steps.at(-1)?.command }).toEqual({ code: 0, err: expect.any(String) as string, last: commands.at(-1) });
  const decisions = steps.filter(({ wanted }) => wanted !== undefined);
  expect(decisions.length).toBeGreaterThan(10);
  expect(decisions.map(({ command, out }) => ({ command, code: codeIn(out) }))).toEqual(decisions.map(({ command, wanted }) => ({ command, code: wanted })));
  const printed = (start: string): string => steps.find(({ command }) => command.startsWith(start))?.out.trim() ?? '';
  expect(printed('npx locum call GET /secure/customers/$ada/cards $partner --pick items.0.lockCode')).toBe('6');
  expect(printed('npx locum call GET /secure/customers/$bob')).toBe('2500');
  expect(printed('npx locum doctor')).toContain('Nothing is wrong.');
  expect(JSON.parse(printed('npx locum call GET /customers/me/balances/$balance/transactions'))).toMatchObject({ items: [{ kind: 'transfer' }, { kind: 'transfer' }, { kind: 'transaction' }] });
  await eventually(async () => await locum(['call', 'GET', '/secure/customers', '--certificate', 'partner.pem', '--key', 'partner.key'], demo), ({ code }) => code === 1);
});

test('nothing of the cards that it made is clear in what the switch said', () => {
  const said = demo.lines.map((line) => JSON.stringify(line)).join('\n');
  expect(said).not.toMatch(/47617394[0-9]{8}|\b4711\b/);
  expect(said).not.toMatch(/4761[0-9]{12}/);
});

test('the README’s card of one’s own is issued and pays as it says', async () => {
  const own = await startDemo();
  try {
    await eventually(async () => await locum(['ca', 'list'], own), ({ code }) => code === 0);
    const commands = commandsOf(readme);
    const { steps, ended } = await walk(commands, own);
    expect({ code: ended.code, steps: steps.length }, ended.err).toEqual({ code: 0, steps: commands.length });
    const decisions = steps.filter(({ wanted }) => wanted !== undefined);
    expect(decisions.length).toBeGreaterThan(5);
    expect(decisions.map(({ out }) => codeIn(out))).toEqual(decisions.map(({ wanted }) => wanted));
  } finally {
    await own.stop();
    rmSync(own.cwd, { recursive: true });
  }
});
