import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEveryMsDefault, staleMsMaxDefault } from '../../src/ca/admission.ts';
import { authorityDaysDefault, authorityDaysMax, validDaysDefault, validDaysMax } from '../../src/ca/authority.ts';
import { requestCharactersMax } from '../../src/ca/request.ts';
import { eventually, locum, root, startDemo } from '../cli/locum.ts';
import type { RunningLocum } from '../cli/locum.ts';
import { openssl } from '../link/certificates.ts';

const page = readFileSync(`${root}docs/certificates.md`, 'utf8');
let demo: RunningLocum;
let program: string;
beforeAll(async () => {
  [demo, program] = [await startDemo(), await openssl()];
  await eventually(async () => await locum(['ca', 'list'], demo), ({ code }) => code === 0);
});
afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true });
});

test('the commands of docs/certificates.md work, one after the other beside a running demo', async () => {
  const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
  expect(commands.filter((command) => command.startsWith('npx locum ca '))).toHaveLength(8);
  for (const command of commands) {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
    if (words[0] === 'openssl') {
      execFileSync(program, words.slice(1), { cwd: demo.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
      continue;
    }
    const { code, out, err } = await locum(words.slice(2), demo);
    expect({ code, err }, command).toEqual({ code: 0, err: '' });
    expect(out, command).not.toBe('');
  }
  const issued = readFileSync(`${demo.cwd}/partner.pem`);
  const text = execFileSync(program, ['x509', '-noout', '-text'], { input: issued, encoding: 'utf8' });
  for (const said of ['CN = demo', 'URI:urn:locum:partner:demo', 'TLS Web Client Authentication', 'CA:FALSE', 'Digital Signature']) expect(text).toContain(said);
  await eventually(async () => await locum(['ca', 'check', 'partner.pem'], demo), ({ code, out }) => code === 1 && out === 'Refused: it is revoked.\n');
});

test('the figures of the page are those of the code', () => {
  expect([authorityDaysDefault, authorityDaysMax]).toEqual([3_650, 7_300]);
  expect(page).toContain(`for ${validDaysDefault} days; \`--days\` says otherwise, up to ${validDaysMax}`);
  expect(page).toContain(`${requestCharactersMax} characters`);
  expect([readEveryMsDefault, staleMsMaxDefault]).toEqual([1_000, 30_000]);
});

test('every page that it names is there', () => {
  for (const [, link = ''] of page.matchAll(/\]\(([a-z.-]+)\)/g)) expect(() => readFileSync(`${root}docs/${link}`), link).not.toThrow();
});
