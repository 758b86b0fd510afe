/** E-mail to a partner whose balance falls below its level, from the running program to a real mail server, which is away for a while. */
import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { locum } from '../cli/locum.ts';
import { openMailServer } from '../lifecycle/mail-server.ts';
import type { MailServer } from '../lifecycle/mail-server.ts';
import { emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

/** Balances are looked at every ten seconds, and a mail that was not taken is tried again later each time. */
const patienceMs = 240_000;
const base = '/admin/partners/demo/balances';
let mails: MailServer;
let program: ProgramProcess;
let token = '';

async function ask(method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`http://127.0.0.1:${program.httpPort}${path}`, {
    method, headers: { 'content-type': 'application/json', 'x-idempotency-key': randomUUID(), ...(token === '' ? {} : { authorization: `Bearer ${token}` }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 300) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

const eur = (amountMinor: number): object => ({ amount: { amountMinor, currency: 'EUR' } });

async function isBelow(wanted: boolean): Promise<void> {
  await eventually(async () => {
    const items = (await ask('GET', base))['items'] as readonly { readonly kind: string; readonly isBelowLevel: boolean }[];
    return items.find(({ kind }) => kind === 'partner')?.isBelowLevel === wanted;
  }, `the balance is ${wanted ? 'below' : 'above'} its level`, patienceMs);
}

beforeAll(async () => {
  mails = await openMailServer();
  const folder = emptyFolder();
  program = await startProgram(folder, { LOCUM_MAIL_URL: mails.url, LOCUM_MAIL_FROM: 'Locum <switch@example.com>', LOCUM_DOORS_STAFF_RATE: '100000' });
  let added = '';
  await eventually(async () => {
    const { code, out } = await locum(['staff', 'add', 'mia', '--role', 'admin'], { cwd: folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
    added = /the code ([0-9A-Z-]{19}),/.exec(out)?.[1] ?? '';
    return code === 0;
  }, 'the book is open', patienceMs);
  const password = 'correct horse battery';
  const { totpSecret } = await ask('POST', '/admin/enrolments', { code: added, password });
  const code = new TOTP({ secret: Secret.fromBase32(String(totpSecret)) }).generate();
  token = String((await ask('POST', '/admin/sessions', { name: 'mia', password, code }))['token']);
});
afterAll(async () => {
  await endAll();
  await mails.close();
});

test('a partner gets one e-mail when its balance falls below its level, none again until it has risen, and one that found no server when there is one', async () => {
  await ask('POST', base, { kind: 'partner', currency: 'EUR' });
  await ask('POST', `${base}/partner/reload`, eur(1_000));
  await ask('PUT', `${base}/partner/level`, { levelMinor: 500, notifyEmail: 'treasury@partner.example' });
  await ask('POST', `${base}/partner/withdraw`, eur(600));
  await eventually(() => mails.received.length > 0, 'the mail has come', patienceMs);
  expect(mails.received[0]).toContain('To: treasury@partner.example');
  expect(mails.received[0]).toContain('4.00 EUR were left');
  await isBelow(true);
  // Lower still, and it is told already.
  await ask('POST', `${base}/partner/withdraw`, eur(100));
  await ask('POST', `${base}/partner/reload`, eur(700));
  await isBelow(false);

  const first = [...mails.received];
  const port = Number(new URL(mails.url).port);
  await mails.close();
  await ask('POST', `${base}/partner/withdraw`, eur(900));
  await isBelow(true);
  mails = await openMailServer(port);
  await eventually(() => mails.received.length > 0, 'the mail has come after all', patienceMs);
  expect(mails.received[0]).toContain('1.00 EUR were left');
  await ask('POST', `${base}/partner/reload`, eur(900));
  await isBelow(false);
  const all = [...first, ...mails.received];
  expect(all).toHaveLength(2);
  expect(new Set(all.map((mail) => /^Message-ID: (.+)$/im.exec(mail)?.[1])).size).toBe(2);
}, 600_000);
