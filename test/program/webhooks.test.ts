/** Webhooks of the running program: what is decided over TCP is told, each under one id, though the program is killed amid it. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DoorClient } from '../../src/cli/door-client.ts';
import { isSigned } from '../../src/lifecycle/webhook-signature.ts';
import { Secret } from '../../src/message/secret.ts';
import type { CertificateShown } from '../../src/program/operator-certificates.ts';
import { Openssl } from '../ca/openssl.ts';
import { locum } from '../cli/locum.ts';
import { openReceiver } from '../lifecycle/receiver.ts';
import type { Received, Receiver } from '../lifecycle/receiver.ts';
import { ascii, emptyFolder, endAll, eventually, Shoppers, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

const env = { LOCUM_WEBHOOKS_ALLOW_PRIVATE: 'true' };
/** What a process that was killed had begun is begun again when its lease is over. */
const patienceMs = 180_000;
let folder: string;
let program: ProgramProcess;
let receiver: Receiver;
let partner: { readonly certificate: string; readonly key: string };
let secret: Secret<string>;
let webhookId: string;

async function ask(method: string, path: string, body?: object, isSealed = false): Promise<Readonly<Record<string, unknown>>> {
  const client = new DoorClient(`https://localhost:${program.securePort}`, { ...partner, trusted: readFileSync(join(folder, 'data', 'secure-door.crt'), 'utf8') });
  const { status, text } = await client.call({ method, path, headers: { 'x-idempotency-key': randomUUID() }, body: body === undefined ? undefined : JSON.stringify(body), sealedFor: isSealed ? partner.key : undefined });
  if (status >= 300) throw new Error(`${status} ${text}`);
  return text === '' ? {} : JSON.parse(text) as Readonly<Record<string, unknown>>;
}

async function isOpen(): Promise<boolean> {
  return await ask('GET', '/secure/webhooks').then(() => true, () => false);
}

beforeAll(async () => {
  const tool = await Openssl.find();
  folder = emptyFolder();
  receiver = await openReceiver();
  program = await startProgram(folder, env);
  const command = async <T>(words: readonly string[], input = ''): Promise<T> => {
    const { code, out, err } = await locum([...words, '--json'], { cwd: folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) }, input });
    if (code !== 0) throw new Error(err);
    return JSON.parse(out) as T;
  };
  await eventually(async () => await command(['ca', 'list']).then(() => true, () => false), 'the book is open', patienceMs);
  await command(['ca', 'init']);
  const { request, privateKey } = tool.ask('RSA 2048');
  partner = { certificate: (await command<CertificateShown>(['ca', 'sign', '--partner', 'demo'], request)).certificate, key: privateKey };
  await eventually(isOpen, 'the partner is let in');
  const made = await ask('POST', '/secure/webhooks', { url: receiver.url, types: ['transaction.approved', 'transaction.declined'] }, true);
  secret = new Secret(String(made['secret']));
  webhookId = String(made['webhookId']);
});
afterAll(async () => {
  await endAll();
  await receiver.close();
});

const transactionOf = ({ event }: Received): string => (event['transaction'] as { readonly id: string }).id;

async function alerts(): Promise<readonly { readonly kind: string; readonly subject: string; readonly reason: string; readonly end?: string }[]> {
  return JSON.parse((await locum(['alerts', '--all', '--json'], { cwd: folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } })).out) as Awaited<ReturnType<typeof alerts>>;
}

test('a receiver that takes nothing is an alert with its reason, which ends when it takes what waited; the metrics count both', async () => {
  const set = await locum(['tables', 'set', 'parameter', 'system', 'alerts.webhookEvents=1', 'alerts.settleMs=0'], { cwd: folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) } });
  expect(set.err).toBe('');
  receiver.answer(500);
  const shoppers = new Shoppers(() => program.port(ascii), { connections: 1, inFlight: 1, firstStan: 900_000 });
  await shoppers.approves(3);
  await shoppers.stop();
  await eventually(async () => (await alerts()).some(({ kind }) => kind === 'webhookBehind'), 'the alert is on', patienceMs);
  const [alert] = (await alerts()).filter(({ kind }) => kind === 'webhookBehind');
  expect(alert).toMatchObject({ subject: `demo/${webhookId}`, reason: expect.stringMatching(/^[0-9]+ events? waits?, the oldest for [0-9]+ s$/) as string });
  const waiting = 'locum_webhook_events_waiting{partner="demo"}';
  expect(await program.metric(waiting)).toBeGreaterThan(0);
  expect(await program.metric('locum_webhook_attempts_total{partner="demo",outcome="failed"}')).toBeGreaterThan(0);
  receiver.answer(204);
  await eventually(async () => (await program.metric(waiting)) === 0, 'what waited was taken', patienceMs);
  await eventually(async () => (await alerts()).every(({ kind, end }) => kind !== 'webhookBehind' || end !== undefined), 'the alert has ended', patienceMs);
  expect(await program.metric('locum_webhook_attempts_total{partner="demo",outcome="delivered"}')).toBeGreaterThanOrEqual(3);
}, 300_000);

test('each purchase that was approved is told under one id, though the program is killed while they are made and told', async () => {
  let approvals = 0;
  for (const [round, afterMs] of [0, 40, undefined].entries()) {
    const shoppers = new Shoppers(() => program.port(ascii), { connections: 1, inFlight: 2, firstStan: 1 + round * 100_000 });
    await shoppers.approves(40);
    if (afterMs !== undefined) {
      await delay(afterMs);
      await program.kill();
    }
    await shoppers.stop();
    approvals += shoppers.approved.length;
    if (afterMs === undefined) break;
    program = await startProgram(folder, env);
    await eventually(isOpen, 'the doors are open again', patienceMs);
  }
  const approved = (): readonly Received[] => receiver.received.filter(({ event }) => event.type === 'transaction.approved');
  await eventually(async () => (await ask('GET', `/secure/webhooks/${webhookId}`))['waiting'] === 0 && new Set(approved().map(transactionOf)).size >= approvals, 'all is told', patienceMs);
  // One id for each transaction, however often it came; and one body for each id.
  const ids = new Map(receiver.received.map((one) => [one.event.id, one]));
  expect(new Set([...ids.values()].map(transactionOf)).size).toBe(ids.size);
  for (const { headers, body, event } of receiver.received) {
    expect(body).toBe(ids.get(event.id)?.body);
    expect(isSigned(headers, body, secret, Number(headers['webhook-timestamp']) * 1_000)).toBe(true);
    expect(body).not.toMatch(/476173[0-9]{10}/);
  }
  expect(program.output).not.toContain(secret.reveal());
}, 300_000);
