import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shippedFormats } from '../../src/tables/format.ts';
import { emptyFolder, locum, root } from './locum.ts';

const folder = emptyFolder();

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('every shipped format is in order', async () => {
  const { code, out, err } = await locum(['spec', 'check', '--json']);
  const results = JSON.parse(out) as readonly { file: string; ok: boolean }[];
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(results.map(({ file }) => file)).toEqual(shippedFormats('spec'));
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(6);
});

test('a wrong one is told with file, place and reason, beside those that are right', async () => {
  const file = join(folder, 'wrong.json');
  const spec = JSON.parse(readFileSync(join(root, 'specs/iso8583-1987-ascii.json'), 'utf8')) as { fields: Record<string, object> };
  writeFileSync(file, JSON.stringify({ ...spec, fields: { ...spec.fields, 2: { ...spec.fields['2'], prefix: 'LX' } } }));
  const { code, out, err } = await locum(['spec', 'check', 'iso8583-1987-binary', file]);
  expect(code).toBe(1);
  expect(out).toMatch(/^iso8583-1987-binary: in order, ISO 8583:1987 with \d+ fields\n$/);
  expect(err).toMatch(new RegExp(`^${file}: \\$\\.fields\\.2\\.prefix: .+\\n$`));
});

test('a file that is not there or no JSON is told in a sentence', async () => {
  const file = join(folder, 'text.json');
  writeFileSync(file, '{"name":');
  expect(await locum(['spec', 'check', join(folder, 'no.json')])).toMatchObject({ code: 1, err: expect.stringContaining('there is no such file') as string });
  expect(await locum(['spec', 'check', file])).toMatchObject({ code: 1, err: expect.stringContaining('is not JSON') as string });
});

test('the shipped ones are listed with their editions', async () => {
  const listed = JSON.parse((await locum(['spec', 'list', '--json'])).out) as readonly { name: string; version: string }[];
  expect(listed.map(({ name }) => name)).toEqual(shippedFormats('spec'));
  for (const { name, version } of listed.filter((entry) => entry.name.startsWith('iso8583-'))) expect(name).toContain(version);
});
