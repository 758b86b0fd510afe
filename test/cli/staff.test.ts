/** `locum staff …` beside a running switch, the log-in that comes of it, and the audit log that `locum doctor` looks at. */
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret, TOTP } from 'otpauth';
import type { Finding } from '../../src/cli/finding.ts';
import { openBook } from '../../src/book/connection.ts';
import { emptyFolder, eventually, locum, startDemo } from './locum.ts';
import type { RunningLocum } from './locum.ts';

let demo: RunningLocum;

beforeAll(async () => {
  demo = await startDemo({ cwd: emptyFolder() });
  await eventually(async () => await locum(['staff', 'list'], demo), ({ code }) => code === 0);
});

afterAll(async () => {
  await demo.stop();
  rmSync(demo.cwd, { recursive: true, force: true });
});

async function post(path: string, body: unknown): Promise<{ readonly status: number; readonly json: Readonly<Record<string, string>> }> {
  const response = await fetch(`http://127.0.0.1:${demo.httpPort}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() as Readonly<Record<string, string>> };
}

async function audited(): Promise<readonly Finding[]> {
  const { out } = await locum(['doctor', '--json'], demo);
  return (JSON.parse(out) as { findings: Finding[] }).findings.filter(({ text }) => text.startsWith('The audit log'));
}

test('the first admin is added at the machine, sets a password with the code, and logs in', async () => {
  expect((await locum(['staff', 'list'], demo)).out).toContain('There is no staff yet');
  const { code: exit, out } = await locum(['staff', 'add', 'mia', '--role', 'admin', '--by', 'tester'], demo);
  expect(exit).toBe(0);
  const code = /the code ([0-9A-Z-]{19}),/.exec(out)?.[1] ?? '';
  const password = 'correct horse battery';
  const enrolled = await post('/admin/enrolments', { code, password });
  expect(enrolled).toMatchObject({ status: 201, json: { name: 'mia', role: 'admin' } });
  const oneTime = new TOTP({ secret: Secret.fromBase32(enrolled.json['totpSecret']!) }).generate();
  const session = await post('/admin/sessions', { name: 'mia', password, code: oneTime });
  expect(session).toMatchObject({ status: 201, json: { role: 'admin' } });
  expect((await locum(['staff', 'list'], demo)).out).toMatch(/^mia +admin +active +- +.* by operator:tester$/m);
});

test('others are added, locked, unlocked and reset; the last admin stays', async () => {
  expect((await locum(['staff', 'add', 'tom', '--role', 'employee'], demo)).code).toBe(0);
  expect((await locum(['staff', 'add', 'tom', '--role', 'employee'], demo)).err).toContain('another one of the staff has, or had, this name');
  expect((await locum(['staff', 'lock', 'tom'], demo)).out).toBe('tom (employee) is locked.\n');
  expect((await locum(['staff', 'unlock', 'tom'], demo)).out).toBe('tom (employee) is invited.\n');
  expect(JSON.parse((await locum(['staff', 'reset', 'tom', '--json'], demo)).out)).toMatchObject({ name: 'tom', state: 'invited', code: expect.stringMatching(/^[0-9A-Z]{16}$/) as string });
  expect((await locum(['staff', 'lock', 'mia'], demo)).err).toContain('there would be no active admin left');
  expect((await locum(['staff', 'lock', 'nobody'], demo)).err).toContain('there is none of the staff');
});

test('what is wrong on the command line is said', async () => {
  expect(await locum(['staff', 'add', 'ann'], demo)).toMatchObject({ code: 2, err: expect.stringContaining('--role is missing') as string });
  expect((await locum(['staff', 'add', 'Ann', '--role', 'admin'], demo)).err).toContain('small letters');
  expect((await locum(['staff', 'add', 'ann', '--role', 'king'], demo)).code).toBe(1);
  expect((await locum(['staff', 'lock'], demo)).code).toBe(2);
});

test('doctor looks at the audit log, and finds out who went round it', async () => {
  expect(await audited()).toMatchObject([{ state: 'ok', text: expect.stringMatching(/as it was written, [0-9]+ entries\. Its last digest begins with [0-9a-f]{16}/) as string }]);
  await demo.stop();
  const book = await openBook({ dataDir: join(demo.cwd, 'data', 'book') });
  await book.script(`alter table audit_entry disable trigger user; update audit_entry set actor = 'operator:somebody' where number = 1; alter table audit_entry enable trigger user`);
  await book.close();
  expect(await audited()).toMatchObject([{ state: 'wrong', text: 'The audit log is not as it was written: entry 1 was changed, or one before it.' }]);
});
