/** The page of OpenAPI: checked in, complete, and of the routes that are served; and the page that shows it to people. */
import { randomBytes } from 'node:crypto';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import { LateBook } from '../../src/book/late-book.ts';
import { openApiOf, openApiText } from '../../src/doors/openapi.ts';
import { openReference } from '../../src/doors/reference.ts';
import { DeskClient } from '../../src/lifecycle/desk-client.ts';
import { composeLifecycle } from '../../src/office/lifecycle-desk.ts';

/** As the office composes them; nothing of it is asked for here. */
const { routes } = composeLifecycle({
  book: new LateBook('embedded'), switchName: 'test', now: () => 0, elapsed: () => 0, randomBytes, random: () => 0,
  desk: new DeskClient({ send: () => undefined, heads: { accounts: async () => await Promise.resolve(new Map()), accountsOfCards: async () => await Promise.resolve(new Map()) }, atTurnEnd: () => undefined, after: () => ({ cancel: () => undefined }) }),
  settings: { idempotencyHours: 24, keyOverlapHours: 24, answerMsMax: 1_000, sessionMinutes: 10, staffSessionMinutes: 10, mail: undefined, webhooks: { allowsPrivate: false }, transfers: { amountMinorMax: 1, dayAmountMinorMax: 1, dayCountMax: 1 } },
  log: createLog({ destination: { write: () => undefined }, level: 'silent', nowMs: () => 0 }),
});
const text = openApiText(openApiOf(routes));
const document = JSON.parse(text) as { readonly openapi: string; readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string; readonly security: readonly object[]; readonly parameters: readonly { readonly $ref?: string; readonly name?: string }[] }>>>> };
let server: FastifyInstance;

beforeAll(() => {
  server = fastify();
  openReference(server, text);
});
afterAll(async () => await server.close());

test('docs/openapi.json is what the routes say (npx vitest run -u writes it)', async () => {
  await expect(text).toMatchFileSnapshot('../../docs/openapi.json');
});

test('each route is in it once, with an id of its own, its credentials and every part of its path', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).filter(([method]) => method !== 'servers').map(([method, operation]) => ({ path, method, ...operation })));
  expect(operations).toHaveLength(routes.length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
  for (const { path, method, operationId, security, parameters } of operations) {
    const found = routes.find((each) => each.operationId === operationId)!;
    expect(`${found.method} ${found.path}`).toBe(`${method.toUpperCase()} ${path}`);
    expect(security.length === 0, operationId).toBe(found.isPublic === true && found.door !== 'server');
    for (const [, name] of path.matchAll(/\{([A-Za-z]+)\}/g)) expect(parameters.some((parameter) => parameter.name === name), `${operationId} ${name}`).toBe(true);
    expect(parameters.some(({ $ref = '' }) => $ref.endsWith('IdempotencyKey')), operationId).toBe(found.method !== 'GET' && found.isFreeOfKey !== true);
  }
});

test('every reference in it leads somewhere', () => {
  for (const [, path = ''] of text.matchAll(/"\$ref": "#\/([^"]+)"/g)) {
    let at: unknown = document;
    for (const part of path.split('/')) at = (at as Readonly<Record<string, unknown>>)[part];
    expect(at, path).toBeDefined();
  }
});

test('the page for people shows it from here alone, and runs no script but its own', async () => {
  expect((await server.inject('/openapi.json')).body).toBe(text);
  expect((await server.inject('/reference')).headers.location).toBe('/reference/');
  const page = await server.inject('/reference/');
  expect(page.statusCode).toBe(200);
  const policy = String(page.headers['content-security-policy']);
  expect(policy).toMatch(/^default-src 'none';script-src 'self' 'sha256-[A-Za-z0-9+/=]+';/);
  expect(policy).not.toMatch(/script-src[^;]*unsafe|https?:/);
  expect([...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address).filter((address) => !address.startsWith('data:'))).toEqual(['js/scalar.js']);
  expect((await server.inject('/reference/js/scalar.js')).headers['content-type']).toMatch(/javascript/);
});
