/**
 * The doors on loopback as the office has them, over a real book: given routes beside the lifecycle's own, partners with certificates that a real
 * authority made, and an HTTP client with and without a client certificate.
 *
 * A test file calls `endDoors` after all tests.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as clearRequest } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';
import { createLog } from '../../src/base/log.ts';
import type { Book } from '../../src/book/book.ts';
import { enterAuthority, enterCertificate, revokeCertificates } from '../../src/book/certificates.ts';
import { Authority, makeAuthority, madeOf } from '../../src/ca/authority.ts';
import type { MadeCertificate } from '../../src/ca/authority.ts';
import { keyWithCertificate } from '../../src/ca/server-certificate.ts';
import { CallerLimits } from '../../src/doors/caller-limits.ts';
import { openDoor } from '../../src/doors/door.ts';
import type { DoorOptions, DoorRates } from '../../src/doors/door.ts';
import type { Route } from '../../src/doors/route.ts';
import { serveSecureDoor } from '../../src/doors/server.ts';
import { transportOf } from '../../src/doors/transport.ts';
import { composeLifecycle } from '../../src/office/lifecycle-desk.ts';
import type { Lifecycle, LifecycleOutside } from '../../src/office/lifecycle-desk.ts';
import type { TableDocument } from '../../src/tables/tables.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { openDesks } from '../lifecycle/fixture.ts';
import type { Desks } from '../lifecycle/fixture.ts';

/** A partner's back end. */
export interface Partner {
  readonly name: string;
  readonly serial: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** Of a JSON body; undefined where there is none. */
  readonly json: unknown;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Shows its client certificate. */
  readonly partner?: Partner | undefined;
  /** On a connection that is kept, of this agent; a new one each time where not given. */
  readonly agent?: Agent | undefined;
}

export interface Doors {
  readonly book: Book;
  readonly desks: Desks;
  readonly lifecycle: Lifecycle;
  /** All that are served. */
  readonly routes: readonly Route[];
  /** Moves the clock of the doors and their services on. */
  pass(ms: number): void;
  /** Of the cardholders' and the staff's doors. */
  readonly clearPort: number;
  now(): number;
  /** What was thrown and is no refusal. */
  readonly failures: readonly unknown[];
  /** What is in the log, as one text. */
  readonly logged: () => string;
  /** A partner's back end with a certificate of its own, of an RSA key where it says so. */
  partner(name: string, kind?: 'EC' | 'RSA'): Promise<Partner>;
  revoke(partner: Partner): Promise<void>;
  /** At 8443's door where the path begins with `/secure`, at 8080's otherwise. */
  ask(path: string, ask?: Ask): Promise<Reply>;
}

export interface DoorsWish {
  /** Beside the lifecycle's own. */
  readonly routes?: readonly Route[];
  readonly rates?: Partial<DoorRates>;
  /** Of the cardholders' and the staff's doors. */
  readonly trustedProxies?: readonly string[];
  readonly settings?: Partial<LifecycleOutside['settings']>;
  /** System tables; the demo's where not given. */
  readonly tables?: readonly TableDocument[];
}

const many = { perSecond: 100_000, burst: 100_000 };
const opened: (() => Promise<unknown>)[] = [];

/** For `afterAll`. */
export async function endDoors(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export async function openDoors({ routes = [], rates = {}, settings = {}, tables, trustedProxies }: DoorsWish = {}): Promise<Doors> {
  const fixture: BookFixture = await bookFixtures.embedded();
  opened.push(async () => await fixture.remove());
  const book = await fixture.open();
  const desks = await openDesks(tables);
  opened.push(async () => await desks.close());
  let passedMs = 0;
  const now = (): number => Date.now() + passedMs;
  const elapsed = (): number => performance.now() + passedMs;
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line) => void lines.push(line) }, level: 'debug', nowMs: now });
  const lifecycle = composeLifecycle({
    book, desk: desks.desk, switchName: 'test', now, elapsed, randomBytes, random: Math.random, log, hashCost: { memoryKib: 1_024, passes: 1 }, refusedLogInMsMin: 0,
    settings: { idempotencyHours: 24, keyOverlapHours: 24, answerMsMax: 50_000, sessionMinutes: 10, staffSessionMinutes: 10, mail: undefined, webhooks: { allowsPrivate: true }, transfers: { amountMinorMax: 1_000_000, dayAmountMinorMax: 2_000_000, dayCountMax: 50 }, ...settings },
  });
  const failures: unknown[] = [];
  const all = [...lifecycle.routes, ...routes];
  const door: DoorOptions = {
    ...lifecycle, routes: all, now, elapsed, limits: new CallerLimits(elapsed), rates: { partner: many, user: many, staff: many, stranger: many, ...rates },
    newRequestId: () => `r_${randomBytes(16).toString('base64url')}`,
    // What is slow is so by the clock of the machine, whatever passes in the test.
    deadlines: new Deadlines(() => performance.now(), processSchedule),
    answered: (operation, who, status, requestId) => log.detail('door answered', { operation, who, status, requestId }),
    failed: (_operation, _requestId, error) => failures.push(error),
  };
  const folder = mkdtempSync(join(tmpdir(), 'locum-doors-'));
  opened.push(async () => {
    rmSync(folder, { recursive: true, force: true });
    await Promise.resolve();
  });
  const tls = keyWithCertificate(folder, ['localhost', '127.0.0.1'], { now, randomBytes });
  const clear = fastify({ logger: false, forceCloseConnections: true, ...transportOf(door.newRequestId, trustedProxies) });
  await openDoor(clear, 'mobile', door);
  await openDoor(clear, 'admin', door);
  await clear.listen({ host: '127.0.0.1', port: 0 });
  opened.push(async () => await clear.close());
  const secure = await serveSecureDoor({ host: '127.0.0.1', port: 0, tls, connectionsMax: 256, door });
  opened.push(async () => await secure.server.close());
  const signing = await authorityIn(book, now);
  return {
    book, desks, lifecycle, routes: all, clearPort: portOf(clear), failures, now, logged: () => lines.join(''),
    pass: (ms) => {
      passedMs += ms;
    },
    partner: async (name, kind = 'EC') => {
      const pair = kind === 'EC' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2_048 });
      return await signing(name, pair);
    },
    revoke: async ({ serial }) => {
      await revokeCertificates(book, { serial }, { atMs: now(), by: 'test', why: 'lost' });
    },
    ask: async (path, ask = {}) => await asked(path.startsWith('/secure') ? { port: secure.port, isTls: true } : { port: portOf(clear), isTls: false }, path, ask),
  };
}

async function authorityIn(book: Book, now: () => number): Promise<(name: string, pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }) => Promise<Partner>> {
  const made = makeAuthority('Partners', 3_650, { now, randomBytes });
  const own: MadeCertificate = madeOf(made.certificate);
  await enterAuthority(book, { ...authorityRow(own), madeAtMs: now(), madeBy: 'test', why: '' });
  const authority = new Authority(made, { now, randomBytes });
  return async (name, { publicKey, privateKey }) => {
    const issued = authority.certify({ publicKey }, name, 30);
    const { serial, subject, fingerprint, notBeforeMs, notAfterMs, certificate } = issued;
    const refused = await enterCertificate(book, {
      serial, subject, fingerprint, notBeforeMs, notAfterMs, certificate, authority: own.fingerprint, partner: name,
      keyDigest: randomBytes(32).toString('hex'), keyWords: 'P-256', issuedAtMs: now(), issuedBy: 'test', issuedWhy: '',
    });
    if (refused !== undefined) throw new Error(`the certificate was refused: ${JSON.stringify(refused)}`);
    return { name, serial, certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
  };
}

function authorityRow({ subject, fingerprint, notBeforeMs, notAfterMs, certificate }: MadeCertificate): Omit<MadeCertificate, 'serial'> {
  return { subject, fingerprint, notBeforeMs, notAfterMs, certificate };
}

function portOf(server: FastifyInstance): number {
  const address = server.server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server listens');
  return address.port;
}

async function asked({ port, isTls }: { readonly port: number; readonly isTls: boolean }, path: string, { method = 'GET', headers = {}, body, partner, agent }: Ask): Promise<Reply> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const sent = { ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }), ...headers };
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const options = { host: '127.0.0.1', port, path, method, headers: sent, agent: agent ?? false } as const;
  const take = (response: IncomingMessage): void => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const all = Buffer.concat(chunks).toString('utf8');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all, json: /json/.test(response.headers['content-type'] ?? '') && all !== '' ? JSON.parse(all) : undefined });
    });
    response.on('error', reject);
  };
  const request = isTls
    ? tlsRequest({ ...options, rejectUnauthorized: false, ...(partner === undefined ? {} : { cert: partner.certificate, key: partner.key }) }, take)
    : clearRequest(options, take);
  // Who says no before the body is in may end the connection; what it said came before.
  request.on('error', reject);
  request.end(text);
  return await promise;
}
