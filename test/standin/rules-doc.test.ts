/** What docs/standin.md says of the rules' defaults and of the order of the tests is what they are. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hostModes } from '../../src/switch/host-policy.ts';
import { defaultDocument, defaultRules } from '../../src/standin/read-rules.ts';
import { standIn } from '../../src/standin/engine.ts';
import { newState, purchase, unavailable } from './fixture.ts';

const page = readFileSync(new URL('../../docs/standin.md', import.meta.url), 'utf8');

function rowsUnder(title: string, head: string): string[][] {
  const lines = page.split(`## ${title}\n`)[1]!.split('\n## ')[0]!.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  const end = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
  return lines.slice(first + 2, end).map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()));
}

interface Most {
  readonly amountMinorMax?: number;
  readonly countMax?: number;
}

test('every mode has its row', () => {
  expect(rowsUnder('Who decides', 'mode').map(([mode]) => mode)).toEqual([...hostModes]);
});

test('the default limits and caps are as the table has them', () => {
  const words = ({ amountMinorMax, countMax }: Most): string => [...(amountMinorMax === undefined ? [] : [(amountMinorMax / 100).toFixed(2)]), ...(countMax === undefined ? [] : [String(countMax)])].join(', ');
  const { available: strict, unavailable: relaxed, outageCaps } = defaultDocument;
  const of = (limits: readonly (Most & { readonly period: string })[], period: string): string => words(limits.find((limit) => limit.period === period) ?? {});
  const names = { 'one transaction': 'transaction', 'a day': 'day', '72 hours': 'hours', 'a month': 'month' } as const;
  const wanted = [
    ...Object.entries(names).map(([name, period]) => [name, of(strict.limits, period), of(relaxed.limits, period)]),
    ...(['card', 'account', 'issuer'] as const).map((level) => [`an outage, by ${level}`, '', words(outageCaps[level])]),
  ];
  const found = rowsUnder('The rules', 'default').map((cells) => cells.slice(0, 3));
  expect(found.slice(-wanted.length)).toEqual(wanted);
});

test('the tests are in the order of the table, and none is missing', () => {
  const decision = standIn(newState, defaultRules('EUR'), purchase(100), unavailable);
  const order = [...new Set(decision.checks.map(({ check }) => check))];
  expect(rowsUnder('The rules', 'test').flatMap(([names = '']) => names.split(', '))).toEqual(order);
});
