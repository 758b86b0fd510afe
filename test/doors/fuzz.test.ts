/**
 * Every route of the lifecycle, as its own schemas say it: without credentials, with another partner's, with each role, and with bodies, addresses and
 * queries in which one thing is wrong. Whatever comes, the answer is one of the caller's faults or a success, said as a problem document, and nothing is thrown.
 */
import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { CompactEncrypt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role, Route } from '../../src/doors/route.ts';
import { closedInput } from '../../src/doors/validate.ts';
import { bearer, confirm, logIn, newColleague, openSession, pair, said } from './devices.ts';
import type { App, Colleague, UserSession } from './devices.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';
import { sampleOf, wrongsOf } from './samples.ts';
import type { Wrong } from './samples.ts';

let doors: Doors;
let shop: Partner;
let stranger: Partner;
let serviceKey: KeyObject;
const own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ownKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const clearAgent = new Agent({ keepAlive: true, maxSockets: 8 });
const agents = new Map<string, TlsAgent>();
/** What is in the paths: things of the partner `demo`. */
const ids: Record<string, string> = {};
let app: App;
let session: UserSession | undefined;
const staff = {} as Record<Role, Colleague>;
const staffTokens = new Map<Role, string>();

beforeAll(async () => {
  doors = await openDoors({ settings: { sessionMinutes: 1_440, staffSessionMinutes: 1_440 } });
  [shop, stranger] = [await doors.partner('demo'), await doors.partner('stranger')];
  for (const partner of [shop, stranger]) said(await doors.ask('/secure/encryption_key', { method: 'PUT', partner, headers: keyed(), body: { publicKey: ownKey } }), 200);
  serviceKey = createPublicKey(said(await doors.ask('/secure/public_key', { partner: shop }), 200)['pem']!);
  for (const role of ['admin', 'manager', 'employee'] as const) staff[role] = await newColleague(doors, `some.${role}`, role);
  await newcomer();
});
afterAll(async () => {
  clearAgent.destroy();
  for (const agent of agents.values()) agent.destroy();
  await endDoors();
});

function keyed(): Record<string, string> {
  return { 'x-idempotency-key': randomUUID() };
}

/** A verified user with a device, as the one before may have been locked or removed by now. */
async function newcomer(): Promise<void> {
  const { userId } = said(await doors.ask('/secure/customers', { method: 'POST', partner: shop, headers: keyed(), body: {} }), 201);
  said(await doors.ask(`/secure/customers/${userId}/kyc`, { method: 'PUT', partner: shop, headers: keyed(), body: { kyc: 'verified' } }), 200);
  app = await pair(doors, shop, userId!);
  session = await openSession(doors, app);
  Object.assign(ids, { customerId: userId, userId, deviceId: app.deviceId });
}

async function userHeaders({ needsConfirmation, operationId }: Route): Promise<Record<string, string>> {
  if (session === undefined) await newcomer();
  if (needsConfirmation === true) await confirm(doors, app, session!, operationId);
  return bearer(session!.token);
}

async function staffHeaders(role: Role): Promise<Record<string, string>> {
  let token = staffTokens.get(role);
  if (token === undefined) {
    // A one-time code is good once.
    doors.pass(31_000);
    token = said(await logIn(doors, staff[role]), 201)['token']!;
    staffTokens.set(role, token);
    said(await doors.ask('/admin/encryption_key', { method: 'PUT', headers: { ...bearer(token), ...keyed() }, body: { publicKey: ownKey } }), 200);
  }
  return bearer(token);
}

function agentOf(partner: Partner): TlsAgent {
  const agent = agents.get(partner.name) ?? new TlsAgent({ keepAlive: true, maxSockets: 8, cert: partner.certificate, key: partner.key, rejectUnauthorized: false });
  agents.set(partner.name, agent);
  return agent;
}

type Who = { readonly partner: Partner } | { readonly role: Role } | { readonly user: true } | { readonly nobody: true };

function rightful({ door, roles, isPublic }: Route): Who {
  if (door === 'server') return { partner: shop };
  if (isPublic === true) return { nobody: true };
  return door === 'mobile' ? { user: true } : { role: roles?.[0] ?? 'admin' };
}

interface Wish {
  readonly path?: string;
  readonly body?: unknown;
  /** As it is, without being sealed. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function pathOf({ path, params }: Route): string {
  const { properties = {} } = (params === undefined ? {} : closedInput(params)) as { readonly properties?: Readonly<Record<string, never>> };
  return path.replaceAll(/\{([A-Za-z]+)\}/g, (_all, name: string) => encodeURIComponent(ids[name] ?? (properties[name] === undefined ? 'x_aaaaaaaaaaaaaaaaaaaaaa' : String(sampleOf(properties[name], false)))));
}

async function call(route: Route, who: Who, wish: Wish = {}): Promise<Reply> {
  const credentials = 'role' in who ? await staffHeaders(who.role) : 'user' in who ? await userHeaders(route) : {};
  const isSealed = route.isSealed === true && wish.body !== undefined;
  const body = wish.text ?? (isSealed ? await sealed(wish.body) : wish.body);
  const sealing = route.isSealed === true ? { 'public-key': 'user' in who ? app.encryptionKey : ownKey, ...(isSealed ? { 'encrypted-request': 'true' } : {}) } : {};
  const reply = await doors.ask(wish.path ?? pathOf(route), {
    method: route.method, ...(body === undefined ? {} : { body }), headers: { ...(route.method === 'GET' ? {} : keyed()), ...sealing, ...credentials, ...wish.headers },
    ...('partner' in who ? { partner: who.partner, agent: agentOf(who.partner) } : route.door === 'server' ? {} : { agent: clearAgent }),
  });
  reached.set(route.operationId, (reached.get(route.operationId) ?? new Set()).add(codeOf(reply)));
  // Locked, removed or logged out by what was just done: the next ones are let in again.
  if (reply.status === 401 && 'user' in who) session = undefined;
  if (reply.status === 401 && 'role' in who) staffTokens.delete(who.role);
  return reply;
}

/** By operation, what was answered: a status, or the code of a problem. */
const reached = new Map<string, Set<string>>();

function codeOf({ status, json }: Reply): string {
  return status < 400 ? String(status) : String((json as { readonly code?: unknown } | undefined)?.code);
}

async function sealed(body: unknown): Promise<unknown> {
  return { payload: await new CompactEncrypt(Buffer.from(JSON.stringify(body))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(serviceKey) };
}

/** What a caller is told, but for the id of the request. */
function shownOf({ status, text }: Reply): string {
  return `${status} ${text.replaceAll(/"requestId":"[^"]*"/g, '')}`;
}

/** Sentences about what must not be. */
function faults(route: Route, what: string, reply: Reply): string[] {
  const place = `${route.operationId}, ${what}: ${reply.status} ${reply.text.slice(0, 200)}`;
  if (reply.status >= 500) return [place];
  if (reply.status < 400) return [];
  const { code, requestId, status } = (reply.json ?? {}) as { readonly code?: unknown; readonly requestId?: unknown; readonly status?: unknown };
  const isProblem = String(reply.headers['content-type']).startsWith('application/problem+json') && typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) && typeof requestId === 'string' && status === reply.status;
  return isProblem ? [] : [`no problem document: ${place}`];
}

function bodiesOf({ body }: Route): readonly Wrong[] {
  if (body === undefined) return [{ what: 'a body where none is taken', value: { more: 1 } }, { what: 'a list where none is taken', value: [] }];
  const schema = closedInput(body);
  const full = sampleOf(schema, true);
  return [{ what: 'nothing wrong', value: full }, { what: 'nothing wrong, and no more than has to be', value: sampleOf(schema, false) }, ...wrongsOf(full)];
}

const texts = ['{', 'null', '"', '[[[[', '{"a":1}}', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, `{"a":"${'x'.repeat(66_000)}"}`, '{"payload":"a.b.c.d.e"}', '{"payload":5}', '\ufeff{}'];
/** Pages that go on from before the first and after the last moment that a database has. */
const farCursors = [Number.MAX_SAFE_INTEGER, 253_402_300_800_000, -Number.MAX_SAFE_INTEGER].flatMap((ms) => [[ms], [ms, 'x']]).map((place) => `cursor=${Buffer.from(JSON.stringify(place)).toString('base64url')}`);
const queries = [...farCursors, 'limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'cursor=%00', 'cursor=AAAA', 'cursor=W10', `cursor=${'A'.repeat(2_000)}`, 'other=1', 'state=nothing', 'a[b]=c', '%', '%ff=%ff', '__proto__=1', 'constructor=1'];
const parts = ['%00', '%ff', '..%2f..', '%2e%2e', 'x'.repeat(100), 'x'.repeat(3_000), '\'%20or%201=1--', '4761739001010119', '%F0%9F%92%B3', '__proto__', 'undefined', '-1'];

/** What became of each route's calls, for the tests below. */
async function eachRoute(run: (route: Route) => Promise<string[]>): Promise<void> {
  const found: string[] = [];
  for (const route of doors.routes) found.push(...await run(route));
  expect(found.slice(0, 20)).toEqual([]);
  expect(doors.failures.map((error) => (error instanceof Error ? error.stack : error)).slice(0, 5)).toEqual([]);
}

describe('each route', () => {
  test('without credentials, with wrong ones and with another partner\'s certificate does nothing', async () => {
    await eachRoute(async (route) => {
      if (route.isPublic === true && route.door !== 'server') return [];
      const found: string[] = [];
      const body = route.body === undefined ? undefined : sampleOf(closedInput(route.body), false);
      const none = await call(route, { nobody: true }, { body });
      if (none.status !== 401) found.push(`${route.operationId} without credentials: ${none.status}`);
      const wrong = await call(route, { nobody: true }, { body, headers: bearer(`locum_staff_${'A'.repeat(43)}`) });
      if (wrong.status !== 401) found.push(`${route.operationId} with wrong ones: ${wrong.status}`);
      if (route.door === 'server' && /\{(customerId|userId)\}/.test(route.path)) {
        const [others, nobodys] = [await call(route, { partner: stranger }, { body }), await call(route, { partner: stranger }, { body, path: pathOf(route).replace(ids['customerId']!, `u_${'A'.repeat(22)}`) })];
        if (shownOf(others) !== shownOf(nobodys)) found.push(`${route.operationId} of another partner: ${others.status} ${others.text}, and of nobody: ${nobodys.status} ${nobodys.text}`);
        if (others.status < 300 && others.text !== '{"items":[]}') found.push(`${route.operationId} of another partner: ${others.status} ${others.text}`);
      }
      return found;
    });
  }, 300_000);

  test('of staff takes the roles that it names and no other', async () => {
    await eachRoute(async (route) => {
      if (route.door !== 'admin' || route.isPublic === true || route.roles === undefined) return [];
      const found: string[] = [];
      for (const role of ['admin', 'manager', 'employee'] as const) {
        if (route.roles.includes(role)) continue;
        const reply = await call(route, { role });
        if (reply.status !== 403 || (reply.json as { readonly code: string }).code !== 'ROLE_REFUSED') found.push(`${route.operationId} as ${role}: ${reply.status}`);
      }
      return found;
    });
  }, 300_000);

  test('with one thing wrong in its body answers with a problem, and never fails', async () => {
    await eachRoute(async (route) => {
      if (route.method === 'GET') return [];
      const found: string[] = [];
      for (const { what, value } of bodiesOf(route)) found.push(...faults(route, what, await call(route, rightful(route), { body: value })));
      for (const text of texts) found.push(...faults(route, text.slice(0, 20), await call(route, rightful(route), { text })));
      for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'application/json; charset=utf-16', '']) found.push(...faults(route, type, await call(route, rightful(route), { text: '{}', headers: { 'content-type': type } })));
      return found;
    });
  }, 600_000);

  test('with a wrong address or query answers with a problem, and never fails', async () => {
    await eachRoute(async (route) => {
      const found: string[] = [];
      const body = route.body === undefined ? undefined : sampleOf(closedInput(route.body), false);
      const path = pathOf(route);
      for (const query of queries) found.push(...faults(route, query, await call(route, rightful(route), { body, path: `${path}?${query}` })));
      const names = [...route.path.matchAll(/\{([A-Za-z]+)\}/g)].map(([all]) => all);
      for (const name of names) {
        for (const part of parts) found.push(...faults(route, part.slice(0, 20), await call(route, rightful(route), { body, path: pathOf({ ...route, path: route.path.replace(name, part) }) })));
      }
      return found;
    });
  }, 600_000);

  test('with wrong headers answers with a problem, and never fails', async () => {
    const headers: readonly Record<string, string>[] = [
      { 'x-idempotency-key': '' }, { 'x-idempotency-key': 'x'.repeat(200) }, { 'x-request-id': 'x'.repeat(500) }, { 'public-key': 'AAAA' }, { 'public-key': 'x'.repeat(5_000) }, { 'encrypted-request': 'maybe' },
      { authorization: 'Bearer' }, { authorization: `Bearer ${'x'.repeat(5_000)}` }, { accept: 'text/html' }, { 'content-encoding': 'gzip' }, { 'transfer-encoding': 'chunked' },
    ];
    await eachRoute(async (route) => {
      const found: string[] = [];
      for (const each of headers) found.push(...faults(route, JSON.stringify(each).slice(0, 40), await call(route, rightful(route), { headers: each })));
      return found;
    });
  }, 600_000);
});

test('all of it was heard by the services too, not only by the doors', () => {
  const before = /^(UNAUTHENTICATED|CERTIFICATE_.*|CONFIRMATION_REQUIRED|ROLE_REFUSED|FIELD_.*|BODY_.*|TEXT_INVALID|UNSUPPORTED_MEDIA_TYPE|IDEMPOTENCY_.*|ROUTE_NOT_FOUND|URL_.*|ENCRYPTION_REQUIRED|INVALID_.*|CANT_.*|BAD_REQUEST|undefined)$/;
  expect(doors.routes.map(({ operationId }) => operationId).filter((operationId) => ![...reached.get(operationId) ?? []].some((code) => !before.test(code))).map((operationId) => [operationId, ...reached.get(operationId) ?? []].join(' '))).toEqual([]);
});

test('after all of it no card number that was sent is in the log', () => {
  expect(doors.logged()).not.toContain('4761739001010119');
});
