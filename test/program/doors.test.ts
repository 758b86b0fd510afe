/** The doors of the running program: TLS at both addresses, a partner whose certificate `locum ca` signed and revoked, and what a restart and a crash leave as it was. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyWithCertificate } from '../../src/ca/server-certificate.ts';
import { isInClear } from '../../src/program/config-doors.ts';
import type { CertificateShown } from '../../src/program/operator-certificates.ts';
import { Openssl } from '../ca/openssl.ts';
import { locum } from '../cli/locum.ts';
import { emptyFolder, endAll, eventually, startProgram } from './fixture.ts';
import type { LogLine, ProgramProcess, Variables } from './fixture.ts';

let tool: Openssl;
let folder: string;
let program: ProgramProcess;
let env: Variables;
let partner: { readonly cert: string; readonly key: string; readonly serial: string };

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(port: number, path: string, options: RequestOptions = {}, body?: object): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const asking = request({ host: '127.0.0.1', servername: 'localhost', port, path, agent: false, ...options }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Reply['body'] }));
  });
  asking.on('error', reject);
  asking.end(body === undefined ? undefined : JSON.stringify(body));
  return await promise;
}

/** At the partners' door, whose own certificate in the data folder is all that is trusted. */
async function secure(path: string, options: RequestOptions = {}, body?: object): Promise<Reply> {
  return await ask(program.securePort, path, { ca: readFileSync(join(folder, 'data', 'secure-door.crt')), cert: partner.cert, key: partner.key, ...options }, body);
}

async function ca<T>(words: readonly string[], input = ''): Promise<T> {
  const { code, out, err } = await locum(['ca', ...words, '--json'], { cwd: folder, env: { ...env, LOCUM_HTTP_PORT: String(program.httpPort) }, input });
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
}

beforeAll(async () => {
  tool = await Openssl.find();
  folder = emptyFolder();
  const own = keyWithCertificate(folder, ['switch.example'], { now: () => Date.now(), randomBytes });
  env = { LOCUM_HTTP_TLS_CERTIFICATE_FILE: own.certificateFile, LOCUM_HTTP_TLS_KEY_FILE: own.keyFile };
  program = await startProgram(folder, env);
  // The operators' commands know the switch by the certificate that is configured, under whatever name.
  await eventually(async () => (await locum(['ca', 'list'], { cwd: folder, env: { ...env, LOCUM_HTTP_PORT: String(program.httpPort) } })).code === 0, 'the book is open');
  await ca(['init']);
  const { request: csr, privateKey } = tool.ask('RSA 2048');
  const { certificate, serial } = await ca<CertificateShown>(['sign', '--partner', 'demo'], csr);
  partner = { cert: certificate, key: privateKey, serial };
});
afterAll(endAll);

test('a partner whose certificate the authority signed is let in, and nobody without one', async () => {
  expect(await secure('/secure/public_key')).toMatchObject({ status: 200, body: { jwk: { kty: 'RSA', use: 'enc' } } });
  expect(await secure('/secure/public_key', { cert: undefined, key: undefined })).toMatchObject({ status: 401, body: { code: 'CERTIFICATE_REQUIRED' } });
});

test('the other doors have TLS as configured, and say that a session is needed', async () => {
  const trusting = { ca: readFileSync(env['LOCUM_HTTP_TLS_CERTIFICATE_FILE']!), servername: 'switch.example' };
  expect(await ask(program.httpPort, '/customers/me', trusting)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
  expect(await ask(program.httpPort, '/admin/me', trusting)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
  expect(await ask(program.httpPort, '/openapi.json', trusting)).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
  expect(await ask(program.httpPort, '/customers/me/public_key', trusting)).toMatchObject({ status: 200 });
  await expect(ask(program.httpPort, '/health', { ...trusting, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
});

test('what was answered before a crash is answered alike after it, by the same keys and under the same certificate', async () => {
  const call: RequestOptions = { method: 'POST', headers: { 'content-type': 'application/json', 'x-idempotency-key': 'before-the-crash' } };
  const first = await secure('/secure/customers', call, { externalId: 'ada' });
  expect(first.status).toBe(201);
  const key = await secure('/secure/public_key');
  const certificate = readFileSync(join(folder, 'data', 'secure-door.crt'), 'utf8');
  await program.kill();
  program = await startProgram(folder, env);
  await eventually(async () => (await secure('/secure/public_key')).status === 200, 'the book is open');
  expect(await secure('/secure/customers', call, { externalId: 'ada' })).toEqual(first);
  expect(await secure('/secure/customers', call, { externalId: 'bob' })).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } });
  expect(await secure('/secure/public_key')).toEqual(key);
  expect(readFileSync(join(folder, 'data', 'secure-door.crt'), 'utf8')).toBe(certificate);
});

test('certificates and keys of both addresses are read again when they are replaced, without a restart; what is wrong is told of, and what was there stays', async () => {
  const served = async (port: number): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const standing = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
  const trusted = readFileSync(join(folder, 'data', 'secure-door.crt'));
  expect(await secure('/secure/public_key', { agent: standing, ca: trusted })).toMatchObject({ status: 200 });
  const places = [
    { port: program.securePort, certificateFile: join(folder, 'data', 'secure-door.crt'), keyFile: join(folder, 'data', 'secure-door.key') },
    { port: program.httpPort, certificateFile: env['LOCUM_HTTP_TLS_CERTIFICATE_FILE']!, keyFile: env['LOCUM_HTTP_TLS_KEY_FILE']! },
  ];
  for (const [index, { port, certificateFile, keyFile }] of places.entries()) {
    const before = await served(port);
    const next = keyWithCertificate(emptyFolder(), ['switch.example', 'localhost'], { now: () => Date.now(), randomBytes });
    renameSync(next.certificateFile, certificateFile);
    const notTaken = (): LogLine | undefined => program.of('certificate not taken').find((line) => line['listener'] === (index === 0 ? 'partners' : 'http'));
    await eventually(() => notTaken() !== undefined, 'a certificate without its key is told of');
    expect(notTaken()).toMatchObject({ why: 'the key is not the certificate\'s' });
    expect(await served(port)).toBe(before);
    renameSync(next.keyFile, keyFile);
    const expected = new X509Certificate(readFileSync(certificateFile)).fingerprint256;
    await eventually(async () => (await served(port)) === expected, 'the new one is shown');
    await eventually(() => program.of('certificate read again').some(({ fingerprint }) => fingerprint === expected), 'that it was read again is told of');
  }
  // Who had come before the change goes on without the new one, and whoever trusts that comes in.
  expect(await secure('/secure/public_key', { agent: standing, ca: trusted })).toMatchObject({ status: 200 });
  expect(await secure('/secure/public_key')).toMatchObject({ status: 200 });
  standing.destroy();
});

test('a revoked certificate is refused within seconds, on connections that are there as on new ones', async () => {
  await ca(['revoke', partner.serial, '--why', 'lost']);
  await eventually(async () => (await secure('/secure/public_key')).status === 403, 'the revocation counts');
  expect(await secure('/secure/public_key')).toMatchObject({ body: { code: 'CERTIFICATE_REVOKED' } });
});

test('where the port is taken the start says which setting chooses another', async () => {
  const second = emptyFolder();
  const started = startProgram(second, { LOCUM_DOORS_SECURE_PORT: String(program.securePort) });
  await expect(started).rejects.toThrow(/partners cannot be served on 127\.0\.0\.1:[0-9]+: .*doors\.secure\.port, or LOCUM_DOORS_SECURE_PORT/);
});

test('sessions that would cross a network in clear are warned of, and on a loopback address or with TLS they are not', () => {
  const tls = { certificateFile: 'a.pem', keyFile: 'b.pem' };
  for (const host of ['127.0.0.1', '127.0.0.53', 'localhost', '::1']) expect(isInClear({ host, tls: undefined })).toBe(false);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'switch.example']) expect([isInClear({ host, tls: undefined }), isInClear({ host, tls })]).toEqual([true, false]);
  expect(program.of('sessions travel in clear')).toEqual([]);
});

test('of a certificate and its key both are named, or none', async () => {
  const third = emptyFolder();
  writeFileSync(join(third, 'locum.json'), JSON.stringify({ doors: { secure: { certificateFile: 'a.pem' } } }));
  await expect(startProgram(third)).rejects.toThrow(/doors\.secure\.keyFile is missing/);
  expect(existsSync(join(third, 'data'))).toBe(false);
});
