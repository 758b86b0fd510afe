/** docs/problem-codes.md: every code with which a door or a service says no, taken from the source, so that none is without its line. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Found {
  readonly statuses: Set<string>;
  readonly words: Set<string>;
}

/** A code in quotes that stands where refusals are made: behind a status, in a table, or as `code:`. */
const codeForm = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|UNAUTHENTICATED|INTERNAL|UNAVAILABLE)'/g;

function codes(): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const folder of ['src/doors', 'src/lifecycle']) {
    for (const name of readdirSync(join(root, folder)).filter((each) => each.endsWith('.ts'))) {
      for (const line of readFileSync(join(root, folder, name), 'utf8').split('\n')) {
        if (!/refus|Refus|code:|status:|return '|throw /.test(line) || /^\s*(\/\/|\*|\/\*\*)/.test(line)) continue;
        for (const match of line.matchAll(codeForm)) {
          const each = found.get(match[1]!) ?? { statuses: new Set(), words: new Set() };
          const before = line.slice(0, match.index);
          const status = [...before.matchAll(/(?:\(|status: )(4[0-9]{2}|50[0-9])\b/g)].at(-1)?.[1] ?? (/refused\($|return '?$/.test(before) ? '400' : undefined);
          if (status !== undefined) each.statuses.add(status);
          const after = /^, (?:detail: )?(['`])((?:\\.|(?!\1).)*)\1/.exec(line.slice(match.index + match[0].length));
          if (after !== null) each.words.add(after[2]!.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…').replaceAll('\\\'', '\'').replaceAll('\\`', '`').replaceAll('|', '\\|'));
          found.set(match[1]!, each);
        }
      }
    }
  }
  return found;
}

test('docs/problem-codes.md has every code (npx vitest run -u writes it)', async () => {
  const rows = [...codes()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, { statuses, words }]) => `| \`${code}\` | ${[...statuses].sort().join(', ')} | ${[...words].join('; ')} |`);
  expect(rows.length).toBeGreaterThan(60);
  const page = [
    '# Codes of refusals', '',
    'Every `code` of a problem document ([api.md](api.md)), with the statuses that it comes with and what is said with it; `…` stands for what differs.', '',
    '| code | status | said with it |', '|---|---|---|', ...rows, '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/problem-codes.md');
});

test('the page about calling names no code that there is not', () => {
  const known = codes();
  const named = [...readFileSync(join(root, 'docs/api.md'), 'utf8').matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map((match) => match[1]!);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((code) => !known.has(code))).toEqual([]);
});
