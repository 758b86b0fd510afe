/** What docs/security.md says of files, keys and reasons is so. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reasons } from '../../src/message/reason.ts';
import { demoKeys } from '../../src/program/demo-keys.ts';
import { standingFindings } from '../../src/switch/chip-rules.ts';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/security.md', root), 'utf8');

test('the table of the demo’s keys is the demo’s keys', () => {
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| ([a-z-]+) \| `([0-9A-F]+)` \|$/gm)].map(([, name, usage, hex]) => ({ name, usage, hex }));
  expect(rows).toEqual(demoKeys.map(({ name, usage, hex }) => ({ name, usage, hex })));
});

test('every file of code and every test that is named is there', () => {
  const code = [...text.matchAll(/`(keys\/[a-z0-9-]+\.ts)`/g)].map(([, file]) => file);
  expect(code.length).toBeGreaterThan(20);
  for (const file of code) expect(existsSync(new URL(`src/${file}`, root)), file).toBe(true);
  const files = ['test', 'src'].flatMap((folder) => readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }));
  for (const [, file] of text.matchAll(/`(?:[a-z]+\/)*([a-z0-9-]+(?:\.test)?\.ts)`/g)) expect(files.some((each) => each.endsWith(`/${file ?? ''}`)), file).toBe(true);
});

test('every reason that is named is one of ours', () => {
  for (const [, reason] of text.matchAll(/\b(1[08][0-9]{2}|91[0-9]{2})\b/g)) expect(reasons, reason).toHaveProperty(reason!);
});

test('the findings that are listed are those that always stand', () => {
  const listed = [...text.matchAll(/^\| ([a-zA-Z]+) \| (?:9F27|TVR)[^|]*\| ([a-z ]+)/gm)].map(([, name]) => name);
  expect(listed).toEqual(standingFindings.map(({ name }) => name));
});
