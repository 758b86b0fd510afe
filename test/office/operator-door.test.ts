/** The operators' door over real HTTP: who gets in, and what is refused with which problem document. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveHttp } from '../../src/office/http.ts';
import { OperationRefused } from '../../src/office/operation.ts';
import type { Operation } from '../../src/office/operation.ts';

const token = 'a-token-of-thirty-two-characters!';
const done: [operation: string, input: unknown, by: string][] = [];
const asked: [operation: string, status: number][] = [];

const operations: readonly Operation[] = [
  {
    name: 'shelf list', method: 'GET', path: 'shelves', about: 'lists',
    takes: { type: 'object', description: 'which', additionalProperties: false, required: [], properties: { limit: { type: 'integer', description: 'how many', minimum: 1, maximum: 10, default: 5 } } },
    run: async (input) => await Promise.resolve(input),
  },
  {
    name: 'shelf fill', method: 'POST', path: 'shelves/{shelf}/fill', about: 'fills',
    takes: {
      type: 'object', description: 'what', additionalProperties: false, required: ['shelf', 'why'],
      properties: { shelf: { type: 'string', description: 'a shelf', minLength: 1 }, why: { type: 'string', description: 'the reason', minLength: 1 } },
    },
    run: async (input, by) => {
      if (input['shelf'] === 'none') throw new OperationRefused(404, 'there is no shelf none', 'shelf');
      if (input['shelf'] === 'faulty') throw new Error('own fault');
      done.push(['shelf fill', input, by]);
      return await Promise.resolve({ filled: input['shelf'] });
    },
  },
];

let http: Awaited<ReturnType<typeof serveHttp>>;

beforeAll(async () => {
  http = await serveHttp({
    host: '127.0.0.1', port: 0, newRequestId: () => 'r_test', readiness: async () => await Promise.resolve({ ready: true, checks: {} }), metrics: async () => await Promise.resolve(''),
    operator: {
      tokenDigest: createHash('sha256').update(token).digest('hex'), forms: () => operations,
      run: async ({ name }, input, by) => await operations.find((each) => each.name === name)!.run(input, by),
      asked: (operation, _by, status) => asked.push([operation, status]),
    },
  });
});

afterAll(async () => {
  await http.server.close();
});

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

async function ask(path: string, { method = 'GET', headers = { authorization: `Bearer ${token}` }, body }: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Reply> {
  const response = await fetch(`http://127.0.0.1:${http.port}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: response.status, type: (response.headers.get('content-type') ?? '').split(';')[0]!, body: await response.json() as Reply['body'], headers: response.headers };
}

async function fill(shelf: string, body: string, headers: Record<string, string> = {}): Promise<Reply> {
  return await ask(`/operator/shelves/${shelf}/fill`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }, body });
}

test('who shows the token is served, by name, and sees what there is', async () => {
  expect(await ask('/operator/')).toMatchObject({ status: 200, body: { operations: [{ method: 'GET', path: '/operator/shelves' }, { method: 'POST', path: '/operator/shelves/{shelf}/fill' }] } });
  expect(await ask('/operator/shelves?limit=3')).toMatchObject({ status: 200, type: 'application/json', body: { limit: 3 } });
  expect(await ask('/operator/shelves')).toMatchObject({ status: 200, body: { limit: 5 } });
  expect(await fill('top%20one', '{"why":"empty"}', { 'locum-operator': 'mia' })).toMatchObject({ status: 200, body: { filled: 'top one' } });
  expect(done.at(-1)).toEqual(['shelf fill', { shelf: 'top one', why: 'empty' }, 'mia']);
  expect(asked.at(-1)).toEqual(['shelf fill', 200]);
});

test.for<[name: string, headers: Record<string, string>]>([
  ['without a token', {}],
  ['with another token', { authorization: 'Bearer a-token-of-thirty-two-characters?' }],
  ['with a beginning of the token', { authorization: `Bearer ${token.slice(0, -1)}` }],
  ['with the token and more', { authorization: `Bearer ${token}x` }],
  ['with an empty token', { authorization: 'Bearer ' }],
  ['with another scheme', { authorization: `Basic ${token}` }],
])('%s nothing is served, whatever is asked for, and nothing is done', async ([, headers]) => {
  const before = done.length;
  for (const [path, method, body] of [['/operator/', 'GET'], ['/operator/shelves', 'GET'], ['/operator/nothing', 'GET'], ['/operator/shelves/top/fill', 'POST', '{"why":"empty"}'], ['/operator/shelves/top/fill', 'POST', '{']] as const) {
    const reply = await ask(path, { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body }) });
    expect(reply).toMatchObject({ status: 401, type: 'application/problem+json', body: { type: 'about:blank', status: 401, title: 'Unauthorized' } });
    expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="locum operator"');
    expect(asked.at(-1)).toEqual(['', 401]);
  }
  expect(done).toHaveLength(before);
});

test.for<[name: string, shelf: string, body: string, problem: Record<string, unknown>]>([
  ['a field that is missing', 'top', '{}', { status: 400, field: 'why', detail: 'why is missing: the reason' }],
  ['a field that is unknown', 'top', '{"why":"x","wy":1}', { status: 400, field: 'wy', detail: 'wy is unknown (did you mean why?); allowed here: shelf, why' }],
  ['a field of another type', 'top', '{"why":7}', { status: 400, field: 'why', detail: 'why must be a text that is not empty, not 7' }],
  ['a field in two places', 'top', '{"why":"x","shelf":"low"}', { status: 400, field: 'shelf', detail: 'shelf is given more than once' }],
  ['a list', 'top', '[]', { status: 400, field: 'body', detail: 'body must be an object' }],
  ['no JSON', 'top', '{"why":', { status: 400 }],
  ['a property that would reach into every object', 'top', '{"__proto__":{"why":"x"}}', { status: 400 }],
  ['nothing', 'top', '', { status: 400 }],
  ['more than may be', 'top', JSON.stringify({ why: 'x'.repeat(300_000) }), { status: 413, title: 'Payload Too Large' }],
  ['what is not there', 'none', '{"why":"x"}', { status: 404, field: 'shelf', detail: 'there is no shelf none' }],
  ['what fails by our own fault', 'faulty', '{"why":"x"}', { status: 503 }],
])('%s is refused with its problem, and nothing is done', async ([, shelf, body, problem]) => {
  const before = done.length;
  expect(await fill(shelf, body)).toMatchObject({ status: problem['status'], type: 'application/problem+json', body: problem });
  expect(done).toHaveLength(before);
});

test('a body of another type, a query twice, another method, another path and a name that is none are refused', async () => {
  expect(await fill('top', 'why=x', { 'content-type': 'application/x-www-form-urlencoded' })).toMatchObject({ status: 415 });
  expect(await fill('top', 'why', { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
  expect(await ask('/operator/shelves?limit=1&limit=2')).toMatchObject({ status: 400, body: { field: 'limit' } });
  expect(await ask('/operator/shelves?limit=11')).toMatchObject({ status: 400, body: { field: 'limit', detail: 'limit must be a whole number from 1 to 10, not 11' } });
  const other = await ask('/operator/shelves', { method: 'DELETE' });
  expect(other).toMatchObject({ status: 405, body: { detail: '/operator/shelves is for GET' } });
  expect(other.headers.get('allow')).toBe('GET');
  expect(await ask('/operator/shelves/%E0%A4%A/fill', { method: 'POST' })).toMatchObject({ status: 400 });
  expect(await ask('/operator/shelves//fill', { method: 'POST' })).toMatchObject({ status: 404 });
  expect(await fill('top', '{"why":"x"}', { 'locum-operator': 'x'.repeat(65) })).toMatchObject({ status: 400, body: { field: 'locum-operator' } });
  expect(await ask('/operator/4761730000000011')).toMatchObject({ status: 404, body: { detail: expect.not.stringContaining('4761730000000011') as string } });
});
