/** Cards of the running program: killed with requests under way, again and again, it ends with one card for each request, and with each plastic in one file. */
import { createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { compactDecrypt, CompactEncrypt, importPKCS8 } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withTrailer } from '../../src/lifecycle/personalisation-format.ts';
import type { CertificateShown } from '../../src/program/operator-certificates.ts';
import { Openssl } from '../ca/openssl.ts';
import { locum } from '../cli/locum.ts';
import { emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

const env = { LOCUM_PERSONALISATION_EVERY_SECONDS: '1' };
const patienceMs = 180_000;
const delivery = { name: 'Ada Lovelace', lines: ['1 High Street'], postalCode: '00-001', town: 'Warsaw', country: 'PL' };

let folder: string;
let program: ProgramProcess;
let partner: { readonly cert: string; readonly key: string };
let service: string;
let userId: string;

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Wish {
  readonly path: string;
  readonly key: string;
  readonly body: object;
  readonly isSealed: boolean;
}

async function ask(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body?: object): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const asking = request({
    host: '127.0.0.1', port: program.securePort, path, method, agent: false, rejectUnauthorized: false, ...partner, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) as Reply['body'] })).on('error', reject);
  });
  asking.on('error', reject);
  asking.end(body === undefined ? undefined : JSON.stringify(body));
  return await promise;
}

async function change(method: string, path: string, body: object): Promise<Reply['body']> {
  const reply = await ask(method, path, { 'x-idempotency-key': randomUUID() }, body);
  if (reply.status >= 300) throw new Error(JSON.stringify(reply));
  return reply.body;
}

/** Undefined: there was no answer. */
async function make({ path, key, body, isSealed }: Wish): Promise<Reply | undefined> {
  const headers = { 'x-idempotency-key': key };
  try {
    if (!isSealed) return await ask('POST', path, headers, body);
    const payload = await new CompactEncrypt(Buffer.from(JSON.stringify(body))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(createPublicKey(service));
    const publicKey = new X509Certificate(partner.cert).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const reply = await ask('POST', path, { ...headers, 'encrypted-request': 'true', 'public-key': publicKey }, { payload });
    if (reply.status >= 300) return reply;
    const { plaintext } = await compactDecrypt(String(reply.body['payload']), await importPKCS8(partner.key, 'RSA-OAEP-256'));
    return { status: reply.status, body: JSON.parse(Buffer.from(plaintext).toString('utf8')) as Reply['body'] };
  } catch {
    return undefined;
  }
}

async function isOpen(): Promise<boolean> {
  return await ask('GET', '/secure/public_key').then(({ status }) => status === 200, () => false);
}

beforeAll(async () => {
  const tool = await Openssl.find();
  folder = emptyFolder();
  program = await startProgram(folder, env);
  const command = async <T>(words: readonly string[], input = ''): Promise<T> => {
    const { code, out, err } = await locum([...words, '--json'], { cwd: folder, env: { LOCUM_HTTP_PORT: String(program.httpPort) }, input });
    if (code !== 0) throw new Error(err);
    return JSON.parse(out) as T;
  };
  await eventually(async () => await command(['ca', 'list']).then(() => true, () => false), 'the book is open');
  await command(['ca', 'init']);
  const { request: csr, privateKey } = tool.ask('RSA 2048');
  partner = { cert: (await command<CertificateShown>(['ca', 'sign', '--partner', 'demo'], csr)).certificate, key: privateKey };
  await eventually(isOpen, 'the partner is let in');
  service = String((await ask('GET', '/secure/public_key')).body['pem']);
  userId = String((await change('POST', '/secure/customers', { givenName: 'Ada', familyName: 'Lovelace' }))['userId']);
  await change('PUT', `/secure/customers/${userId}/kyc`, { kyc: 'verified' });
  await change('POST', `/secure/customers/${userId}/balances`, {});
});
afterAll(endAll);

test('killed in mid-flight, it makes one card for each request, and has each plastic told to the bureau once', async () => {
  const cards = `/secure/customers/${userId}/cards`;
  const wishes: Wish[] = [];
  for (let round = 0; round < 4; round += 1) {
    const own = Array.from({ length: 6 }, (_, index): Wish => {
      const kind = (['virtual', 'virtual/async', 'physical'] as const)[index % 3] ?? 'virtual';
      return { path: `${cards}/${kind}`, key: randomUUID(), body: kind === 'physical' ? { delivery } : {}, isSealed: kind !== 'virtual/async' };
    });
    wishes.push(...own);
    const sent = Promise.all(own.map(make));
    await delay(15 + round * 25);
    await program.kill();
    await sent;
    program = await startProgram(folder, env);
    await eventually(isOpen, 'the doors are open again', patienceMs);
  }
  const made: string[] = [];
  const jobs: string[] = [];
  await eventually(async () => {
    const replies = await Promise.all(wishes.map(make));
    if (!replies.every((reply) => reply?.status === 201 || reply?.status === 202)) return false;
    made.splice(0, made.length, ...replies.flatMap((reply) => (reply?.status === 201 ? [String(reply.body['cardId'])] : [])));
    jobs.splice(0, jobs.length, ...replies.flatMap((reply) => (reply?.status === 202 ? [String(reply.body['jobId'])] : [])));
    return true;
  }, 'each request has its answer', patienceMs);
  await eventually(async () => (await Promise.all(jobs.map((jobId) => ask('GET', `/secure/jobs/${jobId}`)))).every(({ body }) => body['state'] === 'done'), 'the jobs are done', patienceMs);
  const ofJobs = (await Promise.all(jobs.map((jobId) => ask('GET', `/secure/jobs/${jobId}`)))).map(({ body }) => (body['result'] as { cardId: string }).cardId);
  const all = [...made, ...ofJobs];
  expect(new Set(all).size).toBe(wishes.length);
  // Physical cards are seen when they are linked.
  const virtual = [...made.filter((_, index) => index % 2 === 0), ...ofJobs];
  const { body: listed } = await ask('GET', `${cards}?limit=200`);
  const seen = listed['items'] as readonly { readonly cardId: string; readonly kind: string; readonly state: string; readonly maskedNumber: string }[];
  expect(seen.map(({ cardId }) => cardId).sort()).toEqual(virtual.sort());
  expect(seen.every(({ kind, state }) => kind === 'virtual' && state === 'active')).toBe(true);
  // The bureau makes what it is told, and each physical card is linked by one order.
  const physical = wishes.filter(({ path }) => path.endsWith('/physical')).length;
  const orders = (): string[] => readdirSync(join(folder, 'data', 'personalisation', 'to-bureau')).filter((name) => name.endsWith('.jsonl')).flatMap((name) => (
    readFileSync(join(folder, 'data', 'personalisation', 'to-bureau', name), 'utf8').trimEnd().split('\n').slice(1, -1).map((line) => (JSON.parse(line) as { orderId: string }).orderId)
  ));
  await eventually(() => orders().length >= physical, 'the plastics are in files', patienceMs);
  expect(new Set(orders()).size).toBe(orders().length);
  expect(orders()).toHaveLength(physical);
  const confirmation = [{ format: 'locum-confirmation/1', bureau: 'demo-bureau', madeAt: new Date().toISOString() }, ...orders().map((orderId) => ({ orderId, result: 'produced' }))];
  writeFileSync(join(folder, 'data', 'personalisation', 'from-bureau', 'made.jsonl'), withTrailer(confirmation));
  const linked = async (): Promise<readonly string[]> => {
    const { body } = await ask('GET', `${cards}?limit=200`);
    return (body['items'] as typeof seen).filter(({ kind, state }) => kind === 'physical' && state === 'linked').map(({ cardId }) => cardId);
  };
  await eventually(async () => (await linked()).length === physical, 'all are linked', patienceMs);
  expect(new Set([...(await linked()), ...virtual]).size).toBe(wishes.length);
  const [first = ''] = await linked();
  expect(await change('POST', `${cards}/${first}/activate`, {})).toMatchObject({ state: 'active' });
  expect(program.output).not.toMatch(/476173[0-9]{10}/);
});
