import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { usageRules } from '../../src/keys/key-usage.ts';
import { keyInputs } from '../cli/key-inputs.ts';
import { locum, root } from '../cli/locum.ts';

const page = readFileSync(`${root}docs/keys.md`, 'utf8');

test('the commands of docs/keys.md work, one after the other in an empty folder', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'locum-keys-docs-'));
  const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands) {
    const [words = '', file] = command.replace('npx locum ', '').split(' < ');
    const input = file === undefined ? '' : keyInputs[file];
    expect(input, command).toBeDefined();
    const { code, out, err } = await locum(words.split(' '), { cwd, input: input ?? '' });
    expect({ code, err }, command).toEqual({ code: 0, err: '' });
    expect(out).not.toBe('');
  }
  rmSync(cwd, { recursive: true });
});

test('the files that it has the reader make are those that its commands are run with', () => {
  const made = [...page.matchAll(/^echo (\S+) > (\S+)$/gm)].map(([, text = '', file = '']) => [file, `${text}\n`]);
  expect(made.length).toBe(4);
  for (const [file = '', text] of made) expect(keyInputs[file], file).toBe(text);
});

test('its usages and their algorithms are those that there are, in their order', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| [^|]+ \| (`[^|]+`) \|$/gm)].map(([, usage, algorithms = '']) => [usage, algorithms.replaceAll('`', '').split(', ')]);
  expect(rows).toEqual(Object.entries(usageRules).map(([usage, { algorithms }]) => [usage, [...algorithms]]));
});

test('the operations of the log that it names are those that the switch and the commands write', () => {
  const sources = ['src/cli/key.ts', 'src/cli/key-import.ts', 'src/cli/key-life.ts', 'src/keys/access-log.ts', 'src/keys/key-custody.ts', 'src/program/authority-vault.ts', 'src/program/operator-certificates.ts'].map((file) => readFileSync(root + file, 'utf8')).join('\n');
  const written = [...sources.matchAll(/(?:operation: |#answer\(|#attempt\(|vault\.sign\()'([a-z ]+)'/g)].map(([, operation]) => operation);
  const table = page.slice(page.indexOf('| what | in the log |'), page.indexOf('No key, component or card'));
  const named = [...table.matchAll(/`([a-z ]+)`/g)].map(([, operation]) => operation);
  expect([...new Set(written)].sort()).toEqual([...new Set(named)].sort());
});

test('every page that it names is there', () => {
  for (const [, link = ''] of page.matchAll(/\]\(([a-z.]+)\)/g)) expect(() => readFileSync(`${root}docs/${link}`), link).not.toThrow();
});
