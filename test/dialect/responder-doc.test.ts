import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { standInReasons } from '../../src/standin/condition.ts';
import { dialects, versions } from './stations.ts';

const page = readFileSync(new URL('../../docs/standin.md', import.meta.url), 'utf8');
const section = page.split('## Who answered, and why')[1]!.split('\n## ')[0]!;
const rows = section.split('\n').filter((line) => line.startsWith('| ')).slice(1).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

it('docs/standin.md tells every reason for stand-in, with the codes that each edition has for it', () => {
  expect(rows.map(([name]) => name)).toEqual(standInReasons);
  for (const version of versions) {
    const { responder, standInReason, why } = dialects[version].forward;
    const codes = rows.map(([name = '']) => [responder, standInReason, why].map((rules) => rules?.codes.get(name)));
    expect(codes, version).toEqual(rows.map((cells) => cells.slice(2)));
  }
});
