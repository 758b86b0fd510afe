/** The doors with real certificates and a real book: who is let in, what is refused and how it is said, and that what changes something changes it once. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { route } from '../../src/doors/route.ts';
import type { Route } from '../../src/doors/route.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Ask, Doors, Partner, Reply } from './fixture.ts';

let doors: Doors;
let shop: Partner;
/** How often the service behind the route was called. */
const runs = { pay: 0, slow: 0, sealed: 0 };
let gate = Promise.withResolvers<undefined>();

const payment = Type.Object({
  amount: Type.Object({ amountMinor: Type.Integer({ minimum: 1 }), currency: Type.Union([Type.Literal('EUR'), Type.Literal('PLN')]) }),
  note: Type.Optional(Type.String({ maxLength: 10 })),
  ends: Type.Optional(Type.Union([Type.Literal('well'), Type.Literal('refused'), Type.Literal('away'), Type.Literal('broken'), Type.Literal('wrong')])),
});

const routes: Route[] = [
  route({
    door: 'server', method: 'POST', path: '/secure/payments/{paymentId}', operationId: 'pay', summary: 'Pays', tag: 'Test', body: payment,
    query: Type.Object({ times: Type.Optional(Type.Integer({ minimum: 1, maximum: 3 })), isTrial: Type.Optional(Type.Boolean()) }),
    answers: { 201: Type.Object({ run: Type.Integer(), partner: Type.String(), times: Type.Optional(Type.Integer()) }) },
    run: async ({ body, caller, query }) => {
      runs.pay += 1;
      if (body.ends === 'refused') throw new LifecycleRefused(409, 'BALANCE_CLOSED', 'the balance is closed', 'paymentId');
      if (body.ends === 'away') throw new LifecycleRefused(503, 'ACCOUNTS_UNREACHABLE', 'the accounts cannot be reached');
      if (body.ends === 'broken') throw new Error('4761730000000011 is in this message');
      const answer = { run: runs.pay, partner: caller.kind === 'partner' ? caller.partner : '', ...(query.times === undefined ? {} : { times: query.times }) };
      return await Promise.resolve({ status: 201, body: body.ends === 'wrong' ? { ...answer, secret: 'x' } : answer });
    },
  }),
  route({
    door: 'server', method: 'POST', path: '/secure/slow', operationId: 'slow', summary: 'Waits', tag: 'Test', answers: { 204: null },
    run: async () => {
      runs.slow += 1;
      await gate.promise;
      return { status: 204 };
    },
  }),
  route({ door: 'admin', method: 'GET', path: '/admin/things/{thingId}', operationId: 'getThing', summary: 'A thing', tag: 'Test', roles: ['admin'], answers: { 200: Type.Object({}) }, run: async () => await Promise.resolve({ status: 200, body: {} }) }),
  route({ door: 'mobile', method: 'GET', path: '/customers/me/open', operationId: 'getOpen', summary: 'Open', tag: 'Test', isPublic: true, answers: { 200: Type.Object({ ok: Type.Boolean() }) }, run: async () => await Promise.resolve({ status: 200, body: { ok: true } }) }),
];

beforeAll(async () => {
  doors = await openDoors({ routes, settings: { answerMsMax: 10_000 } });
  shop = await doors.partner('shop');
});
afterAll(endDoors);

const good = { amount: { amountMinor: 5, currency: 'EUR' } };
let keys = 0;

function newKey(): string {
  keys += 1;
  return `key-number-${keys}`;
}

async function pay(ask: Ask & { readonly key?: string } = {}): Promise<Reply> {
  const { key = newKey(), headers = {}, ...more } = ask;
  return await doors.ask('/secure/payments/p1', { method: 'POST', body: good, partner: shop, ...more, headers: { 'x-idempotency-key': key, ...headers } });
}

function problem(reply: Reply): { readonly status: number; readonly code: string; readonly field?: string | undefined; readonly pointer?: string | undefined } {
  expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const { code, field, pointer, status, requestId } = reply.json as { readonly code: string; readonly field?: string; readonly pointer?: string; readonly status: number; readonly requestId: string };
  expect(status).toBe(reply.status);
  expect(requestId).toBeTruthy();
  return { status, code, ...(field === undefined ? {} : { field }), ...(pointer === undefined ? {} : { pointer }) };
}

/** What the door of cardholders and staff says to these bytes until it ends the connection. */
async function said(bytes: string): Promise<string> {
  const socket = connect(doors.clearPort, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}

describe('who is let in', () => {
  test('a partner whose certificate the authority signed is known by it', async () => {
    expect((await pay()).json).toMatchObject({ partner: 'shop' });
  });

  test('no certificate, another authority\'s and a revoked one are each refused by their code, and a revocation counts on a connection that is there', async () => {
    expect(problem(await pay({ partner: undefined }))).toEqual({ status: 401, code: 'CERTIFICATE_REQUIRED' });
    const former = await doors.partner('former');
    expect((await pay({ partner: former })).status).toBe(201);
    await doors.revoke(former);
    doors.pass(1_500);
    expect(problem(await pay({ partner: former }))).toEqual({ status: 403, code: 'CERTIFICATE_REVOKED' });
    doors.pass(40 * 86_400_000);
    expect(problem(await pay())).toEqual({ status: 403, code: 'CERTIFICATE_EXPIRED' });
    doors.pass(-40 * 86_400_000);
  });

  test('holders and staff need a session, and a wrong token is refused as none is', async () => {
    for (const headers of [{}, { authorization: 'Bearer locum_user_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }, { authorization: 'Basic eDp5' }, { authorization: 'Bearer' }] as Record<string, string>[]) {
      const reply = await doors.ask('/admin/things/t1', { headers });
      expect(problem(reply)).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
      expect(reply.headers['www-authenticate']).toBe('Bearer realm="locum"');
    }
    expect((await doors.ask('/customers/me/open')).json).toEqual({ ok: true });
  });

  test('a door has its own paths only', async () => {
    expect(problem(await doors.ask('/secure/../admin/things/t1', { partner: shop }))).toMatchObject({ status: 404 });
    expect(problem(await doors.ask('/admin/nothing'))).toEqual({ status: 404, code: 'ROUTE_NOT_FOUND' });
    const other = await doors.ask('/secure/payments/p1', { partner: shop });
    expect(problem(other)).toEqual({ status: 405, code: 'METHOD_NOT_ALLOWED' });
    expect(other.headers.allow).toBe('POST, OPTIONS');
    expect(await doors.ask('/customers/me/open', { method: 'OPTIONS' })).toMatchObject({ status: 204, headers: { allow: 'GET, HEAD, OPTIONS' } });
    expect(await doors.ask('/customers/me/open', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });
});

describe('what is taken', () => {
  test('a problem names the field that is wrong, dotted and as a pointer', async () => {
    const amount = good.amount;
    for (const [body, code, field] of [
      [{}, 'FIELD_MISSING', 'amount'], [{ amount: { currency: 'EUR' } }, 'FIELD_MISSING', 'amount.amountMinor'], [{ amount: { ...amount, amountMinor: '5' } }, 'FIELD_INVALID', 'amount.amountMinor'],
      [{ amount: { ...amount, amountMinor: 0 } }, 'FIELD_INVALID', 'amount.amountMinor'], [{ amount: { ...amount, amountMinor: 1e300 } }, 'FIELD_INVALID', 'amount.amountMinor'], [{ amount: { ...amount, currency: 'USD' } }, 'FIELD_INVALID', 'amount.currency'],
      [{ amount, more: 1 }, 'FIELD_UNKNOWN', 'more'], [{ amount: { ...amount, cents: 1 } }, 'FIELD_UNKNOWN', 'amount.cents'], [{ amount, note: 'much too long' }, 'FIELD_INVALID', 'note'],
    ] as const) expect(problem(await pay({ body })), JSON.stringify(body)).toEqual({ status: 400, code, field, pointer: `#/${field.replaceAll('.', '/')}` });
  });

  test('of an address numbers and truth values are read, and what is none is refused with its name', async () => {
    const query = async (text: string): Promise<Reply> => await doors.ask(`/secure/payments/p1?${text}`, { method: 'POST', body: good, partner: shop, headers: { 'x-idempotency-key': newKey() } });
    expect((await query('times=2&isTrial=true')).json).toMatchObject({ times: 2 });
    for (const [text, field] of [['times=4', 'times'], ['times=x', 'times'], ['times=1&times=2', 'times'], ['isTrial=yes', 'isTrial'], ['other=1', 'other']] as const) expect(problem(await query(text))).toMatchObject({ status: 400, field });
  });

  test('bodies that are no JSON, no UTF-8, too long, too deep or of another kind are refused', async () => {
    const text = async (body: string, type = 'application/json'): Promise<Reply> => await pay({ body, headers: { 'content-type': type } });
    expect(problem(await text('{'))).toEqual({ status: 400, code: 'BODY_NOT_JSON' });
    expect(problem(await text('{"amount":"\\u0000"}'))).toMatchObject({ status: 400, code: 'TEXT_INVALID' });
    expect(problem(await text('{"amount":"\\ud800"}'))).toMatchObject({ status: 400, code: 'TEXT_INVALID' });
    expect(problem(await text(`${'['.repeat(30_000)}${']'.repeat(30_000)}`))).toMatchObject({ status: 400, code: 'BODY_TOO_DEEP' });
    expect(problem(await text(`"${'x'.repeat(70_000)}"`))).toEqual({ status: 413, code: 'BODY_TOO_LARGE' });
    expect(problem(await text('x', 'text/plain'))).toEqual({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    for (const body of ['null', '5', '[]', '"x"']) expect(problem(await text(body))).toMatchObject({ status: 400 });
  });

  test('the id of a request is the caller\'s where it is one, and made where it is none or has a card number in it', async () => {
    expect((await pay({ headers: { 'x-request-id': 'req-12345678' } })).headers['x-request-id']).toBe('req-12345678');
    for (const id of ['short', '4761730000000011', 'x'.repeat(65), 'a b c d e f g']) expect((await pay({ headers: { 'x-request-id': id } })).headers['x-request-id']).toMatch(/^r_/);
    expect(doors.logged()).toContain('req-12345678');
  });

  test('what is no request is told so as a problem document as well', async () => {
    for (const [bytes, status, code] of [
      ['NONSENSE\r\n\r\n', 400, 'BAD_REQUEST'], [`GET /admin/me HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
      ['GET /admin/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400, 'URL_MALFORMED'], [`GET /admin/customers/${'x'.repeat(200)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 414, 'URL_TOO_LONG'],
      ['POST /admin/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'BAD_REQUEST'],
    ] as const) {
      const [head = '', body = ''] = (await said(bytes)).split('\r\n\r\n');
      expect(head.toLowerCase(), code).toContain(`http/1.1 ${status} `);
      expect(head.toLowerCase()).toContain('content-type: application/problem+json');
      expect(JSON.parse(body)).toMatchObject({ status, code, requestId: expect.stringMatching(/^r_/) as string });
    }
  });

  test('nobody keeps an answer, and a browser does nothing with it', async () => {
    const { headers } = await pay();
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-security-policy': 'default-src \'none\';frame-ancestors \'none\'' });
  });

  test('a browser that came by TLS is told to come so again, and one that came in clear is not', async () => {
    expect((await pay()).headers).toMatchObject({ 'strict-transport-security': 'max-age=31536000; includeSubDomains' });
    expect((await doors.ask('/customers/me/open')).headers).not.toHaveProperty('strict-transport-security');
  });
});

describe('idempotency', () => {
  test('the same call again gets the same bytes and does nothing', async () => {
    const key = newKey();
    const first = await pay({ key });
    const before = runs.pay;
    const second = await pay({ key });
    expect(second).toMatchObject({ status: 201, text: first.text, headers: { 'idempotency-replayed': 'true' } });
    expect(await pay({ key, body: { amount: { currency: 'EUR', amountMinor: 5 } } })).toMatchObject({ text: first.text });
    expect(runs.pay).toBe(before);
  });

  test('without a key nothing is changed, and another body under a key is a conflict', async () => {
    expect(problem(await doors.ask('/secure/payments/p1', { method: 'POST', body: good, partner: shop }))).toEqual({ status: 400, code: 'IDEMPOTENCY_KEY_REQUIRED', field: 'X-Idempotency-Key' });
    expect(problem(await pay({ key: 'short' }))).toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' });
    const key = newKey();
    await pay({ key });
    expect(problem(await pay({ key, body: { amount: { ...good.amount, amountMinor: 6 } } }))).toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
    expect(problem(await doors.ask('/secure/payments/p2', { method: 'POST', body: good, partner: shop, headers: { 'x-idempotency-key': key } }))).toMatchObject({ status: 409 });
    const other = await doors.partner('other');
    expect((await pay({ key, partner: other })).json).toMatchObject({ partner: 'other' });
  });

  test('a refusal of the service is an answer too; what nobody could tell is done again', async () => {
    const key = newKey();
    const refused = await pay({ key, body: { ...good, ends: 'refused' } });
    expect(problem(refused)).toEqual({ status: 409, code: 'BALANCE_CLOSED', field: 'paymentId' });
    expect((await pay({ key, body: { ...good, ends: 'refused' } })).text).toBe(refused.text);
    const before = runs.pay;
    const away = newKey();
    for (let count = 0; count < 2; count += 1) expect(await pay({ key: away, body: { ...good, ends: 'away' } })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(runs.pay).toBe(before + 2);
  });

  test('of two at once one is done, and the other waits for its answer', async () => {
    const before = runs.slow;
    const slow = async (): Promise<Reply> => await doors.ask('/secure/slow', { method: 'POST', partner: shop, headers: { 'x-idempotency-key': 'both-of-them' } });
    const both = [slow(), slow(), slow()];
    await expect.poll(() => runs.slow).toBe(before + 1);
    gate.resolve(undefined);
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(runs.slow).toBe(before + 1);
    gate = Promise.withResolvers();
  });

  test('what takes too long is told so, goes on, and answers the same call again when it is done', async () => {
    const before = runs.slow;
    const slow = async (): Promise<Reply> => await doors.ask('/secure/slow', { method: 'POST', partner: shop, headers: { 'x-idempotency-key': 'too-long-a-call' } });
    const first = await slow();
    expect(problem(first)).toEqual({ status: 503, code: 'TIMED_OUT' });
    expect(first.headers['retry-after']).toBe('1');
    const second = slow();
    gate.resolve(undefined);
    expect(await second).toMatchObject({ status: 204, headers: { 'idempotency-replayed': 'true' } });
    expect(runs.slow).toBe(before + 1);
    gate = Promise.withResolvers();
  });

  test('bodies are not in the book', async () => {
    await pay({ body: { ...good, note: 'whatnot' } });
    expect(JSON.stringify(await doors.book.query('select * from remembered_answer'))).not.toContain('whatnot');
  });
});

test('what a service must not do is told as 500 without a word of it, and not remembered', async () => {
  const before = doors.failures.length;
  const broken = await pay({ body: { ...good, ends: 'broken' } });
  expect(problem(broken)).toEqual({ status: 500, code: 'INTERNAL' });
  expect(broken.text).not.toContain('message');
  expect(problem(await pay({ body: { ...good, ends: 'wrong' } }))).toMatchObject({ status: 500 });
  expect(doors.failures.length).toBe(before + 2);
});
