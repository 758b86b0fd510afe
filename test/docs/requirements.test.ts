/** What docs/requirements.md says of code and tests is so, and what docs/api.md says of tests against the ten of OWASP. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/requirements.md', root), 'utf8');

interface Row {
  readonly id: string;
  readonly routes: readonly string[];
  readonly files: readonly string[];
  readonly proofs: readonly { readonly file: string; readonly title: string }[];
  readonly tests: number;
}

/** The rows whose id begins so, of tables with so many columns: id, what, (routes,) code, proofs. */
function rowsOf(initial: 'S' | 'C', columns: 4 | 5): readonly Row[] {
  const lines = text.split('\n').filter((line) => new RegExp(`^\\| ${initial}\\d+ \\|`).test(line)).map((line) => line.slice(2, -2).split(' | '));
  return lines.filter(({ length }) => length === columns).map((cells) => {
    const [code = '', proofs = ''] = cells.slice(-2);
    return {
      id: cells[0] ?? '', routes: columns === 4 ? [] : namesIn(cells[2] ?? ''), files: namesIn(code),
      proofs: [...proofs.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, file = '', title = '']) => ({ file, title })), tests: proofs.split('`').length / 2 - 0.5,
    };
  });
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

function seenToBeThere({ files, proofs, tests }: Pick<Row, 'files' | 'proofs' | 'tests'>): void {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(existsSync(new URL(`src/${file}`, root)), file).toBe(true);
  expect(proofs.length).toBe(tests);
  for (const { file, title } of proofs) expect(readFileSync(new URL(`test/${file}`, root), 'utf8').includes(title), `${file}: ${title}`).toBe(true);
}

const operations = new Set(Object.values((JSON.parse(readFileSync(new URL('docs/openapi.json', root), 'utf8')) as OpenApi).paths).flatMap((path) => Object.values(path)).flatMap(({ operationId }) => operationId ?? []));

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
}

test('every requirement of cards and their holders has a row', () => {
  expect(rowsOf('C', 5).map(({ id }) => id)).toEqual(['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7', 'C8', 'C9', 'C10']);
});

test.for(rowsOf('C', 5))('what is named for $id is there: its routes, its code, and tests of that name', ({ routes, files, proofs, tests }) => {
  for (const name of routes) expect([...operations].some((id) => id === name || (name.endsWith('…') && [name.slice(0, -1), `${name.slice(0, -1)}Mobile`, `${name.slice(0, -1)}Admin`].includes(id))), name).toBe(true);
  seenToBeThere({ files, proofs, tests });
});

test('every requirement of the switch and of stand-in has a row', () => {
  expect(rowsOf('S', 4).map(({ id }) => id)).toEqual(['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S13']);
});

test.for(rowsOf('S', 4))('what is named for $id is there: its code, and tests of that name', seenToBeThere);

const owasp = readFileSync(new URL('docs/api.md', root), 'utf8').split('\n').filter((line) => /^\| API\d+ /.test(line)).map((line) => line.slice(2, -2).split(' | '));

test('each of the ten of OWASP has a row', () => {
  expect(owasp.map(([name = '']) => name.split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, index) => `API${index + 1}`));
});

test.for(owasp)('against %s there are tests of the names that docs/api.md has', ([, , proofs = '']) => {
  const named = [...proofs.matchAll(/`([^`]+)` "([^"]+)"/g)];
  expect(named.length).toBeGreaterThan(1);
  for (const [, file = '', title = ''] of named) expect(readFileSync(new URL(`test/${file}`, root), 'utf8').includes(title), `${file}: ${title}`).toBe(true);
});
