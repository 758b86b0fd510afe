/** What docs/requirements.md says of code and tests is so. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/requirements.md', root), 'utf8');

const rows = [...text.matchAll(/^\| (S\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, id = '', what = '', code = '', proofs = '']) => ({
  id, what,
  files: [...code.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  proofs: [...proofs.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, file = '', title = '']) => ({ file, title })),
  tests: proofs.split('`').length / 2 - 0.5,
}));

test('every requirement of the switch and of stand-in has a row', () => {
  expect(rows.map(({ id }) => id)).toEqual(['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S13']);
});

test.for(rows)('what is named for $id is there: its code, and tests of that name', ({ files, proofs, tests }) => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(existsSync(new URL(`src/${file}`, root)), file).toBe(true);
  expect(proofs.length).toBe(tests);
  for (const { file, title } of proofs) expect(readFileSync(new URL(`test/${file}`, root), 'utf8').includes(title), `${file}: ${title}`).toBe(true);
});
