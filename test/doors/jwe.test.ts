/** Encrypted payloads at the doors: what is sealed for whom, what is refused by which code, keys that overlap, and nothing in clear at rest. */
import { createCipheriv, createPublicKey, constants, generateKeyPairSync, publicEncrypt, randomBytes, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { CompactJWEHeaderParameters } from 'jose';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { route } from '../../src/doors/route.ts';
import type { Route } from '../../src/doors/route.ts';
import { CallerKeys } from '../../src/lifecycle/caller-keys.ts';
import { DoorKeys } from '../../src/lifecycle/door-keys.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Ask, Doors, Partner, Reply } from './fixture.ts';

const secretNumber = '4761739001010119';
const order = Type.Object({ name: Type.String({ maxLength: 30 }), isRefused: Type.Optional(Type.Boolean()) });
const card = Type.Object({ number: Type.String(), name: Type.String() });
let runs = 0;

const routes: Route[] = [
  route({
    door: 'server', method: 'POST', path: '/secure/sealed', operationId: 'sealedOrder', summary: 'Sealed', tag: 'Test', isSealed: true, body: order, answers: { 201: card },
    run: async ({ body }) => {
      runs += 1;
      if (body.isRefused === true) throw new LifecycleRefused(422, 'USER_NOT_VERIFIED', 'the user is not verified');
      return await Promise.resolve({ status: 201, body: { number: secretNumber, name: body.name } });
    },
  }),
  route({ door: 'server', method: 'GET', path: '/secure/sealed', operationId: 'sealedShow', summary: 'Sealed', tag: 'Test', isSealed: true, answers: { 200: card }, run: async () => await Promise.resolve({ status: 200, body: { number: secretNumber, name: 'N' } }) }),
  route({ door: 'server', method: 'POST', path: '/secure/sealed/quiet', operationId: 'sealedQuiet', summary: 'Sealed', tag: 'Test', isSealed: true, body: order, answers: { 204: null }, run: async () => await Promise.resolve({ status: 204 }) }),
  route({ door: 'server', method: 'POST', path: '/secure/clear', operationId: 'clearOrder', summary: 'Clear', tag: 'Test', body: order, answers: { 204: null }, run: async () => await Promise.resolve({ status: 204 }) }),
];

interface Published {
  readonly kid: string;
  readonly pem: string;
  readonly publicKey: string;
  readonly keys: readonly { readonly kid: string }[];
}

let doors: Doors;
let shop: Partner;
let own: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

beforeAll(async () => {
  doors = await openDoors({ routes });
  shop = await doors.partner('shop');
  own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  expect((await register(own.publicKey)).status).toBe(200);
});
afterAll(endDoors);

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

let keys = 0;
function newKey(): string {
  keys += 1;
  return `sealed-key-${keys}`;
}

async function register(key: KeyObject, more: object = {}, partner = shop): Promise<Reply> {
  return await doors.ask('/secure/encryption_key', { method: 'PUT', partner, body: { publicKey: spki(key), ...more }, headers: { 'x-idempotency-key': newKey() } });
}

async function published(): Promise<Published> {
  return (await doors.ask('/secure/public_key', { partner: shop })).json as Published;
}

async function sealed(content: unknown, header: Partial<CompactJWEHeaderParameters> = {}, to?: KeyObject): Promise<string> {
  const key = to ?? createPublicKey((await published()).pem);
  return await new CompactEncrypt(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header }).encrypt(key);
}

async function send(payload: unknown, { headers = {}, path = '/secure/sealed', ...more }: Ask & { readonly path?: string } = {}): Promise<Reply> {
  return await doors.ask(path, {
    method: 'POST', partner: shop, body: payload, ...more, headers: { 'x-idempotency-key': newKey(), 'encrypted-request': 'true', 'public-key': spki(own.publicKey), ...headers },
  });
}

async function opened(reply: Reply, key = own.privateKey): Promise<unknown> {
  const { payload } = reply.json as { readonly payload: string };
  return JSON.parse(Buffer.from((await compactDecrypt(payload, key)).plaintext).toString('utf8'));
}

function codeOf({ json, status }: Reply): string {
  expect(status).toBe(400);
  return (json as { readonly code: string }).code;
}

describe('both directions', () => {
  test('a request to the published key is opened, with both key algorithms, and its answer is for the caller alone', async () => {
    for (const alg of ['RSA-OAEP-256', 'RSA-OAEP']) {
      const reply = await send({ payload: await sealed({ name: 'Mia' }, { alg }) });
      expect(reply.status).toBe(201);
      expect(Object.keys(reply.json as object)).toEqual(['payload']);
      expect(decodeProtectedHeader((reply.json as { readonly payload: string }).payload)).toEqual({ alg: 'RSA-OAEP-256', enc: 'A256GCM' });
      expect(await opened(reply)).toEqual({ number: secretNumber, name: 'Mia' });
    }
  });

  test('a GET carries the headers only; PEM in base64 is a public key as well', async () => {
    const reply = await doors.ask('/secure/sealed', { partner: shop, headers: { 'public-key': Buffer.from(own.publicKey.export({ type: 'spki', format: 'pem' })).toString('base64'), 'encrypted-request': 'false' } });
    expect(await opened(reply)).toMatchObject({ number: secretNumber });
  });

  test('what has no body is not sealed, and a refusal is clear', async () => {
    expect(await send({ payload: await sealed({ name: 'Mia' }) }, { path: '/secure/sealed/quiet', headers: { 'public-key': '' } })).toMatchObject({ status: 204, text: '' });
    expect((await send({ payload: await sealed({ name: 'Mia', isRefused: true }) })).json).toMatchObject({ code: 'USER_NOT_VERIFIED' });
    expect((await send({ payload: await sealed({ nome: 'Mia' }) })).json).toMatchObject({ code: 'FIELD_MISSING', field: 'name' });
  });

  test('the answer under an idempotency key is the same bytes, at rest only as the caller can open it, and for its key only', async () => {
    const key = newKey();
    const first = await send({ payload: await sealed({ name: 'Ada' }) }, { headers: { 'x-idempotency-key': key } });
    const before = runs;
    expect((await send({ payload: await sealed({ name: 'Ada' }) }, { headers: { 'x-idempotency-key': key } })).text).toBe(first.text);
    expect(runs).toBe(before);
    const rows = JSON.stringify(await doors.book.query('select * from remembered_answer'));
    expect(rows).not.toContain(secretNumber);
    expect(rows).not.toContain('Ada');
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    await register(other.publicKey);
    expect((await send({ payload: await sealed({ name: 'Ada' }) }, { headers: { 'x-idempotency-key': key, 'public-key': spki(other.publicKey) } })).json).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    await register(own.publicKey, { keepPreviousHours: 0 });
  });

  test('nothing of it is in the log', () => {
    expect(doors.logged()).not.toContain(secretNumber);
  });
});

describe('the caller\'s key', () => {
  test('an answer is for no key but a registered one of this caller, or the client certificate\'s own', async () => {
    const foreign = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey;
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'public-key': spki(foreign) } }))).toBe('INVALID_PUBLIC_KEY');
    const other = await doors.partner('other', 'RSA');
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { partner: other }))).toBe('INVALID_PUBLIC_KEY');
    const certified = new X509Certificate(other.certificate).publicKey;
    expect((await send({ payload: await sealed({ name: 'Mia' }) }, { partner: other, headers: { 'public-key': spki(certified) } })).status).toBe(201);
  });

  test('without one there is no answer, and what is no RSA key of 2048 to 4096 bits is refused', async () => {
    const before = runs;
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'public-key': '' } }))).toBe('ENCRYPTION_REQUIRED');
    expect(codeOf(await doors.ask('/secure/sealed', { partner: shop }))).toBe('ENCRYPTION_REQUIRED');
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
    const smallExponent = generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 }).publicKey;
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const secret = own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    for (const text of [spki(weak), spki(smallExponent), spki(curve), 'AAAA', 'not base64 at all', Buffer.from(secret).toString('base64'), 'A'.repeat(4_000)]) {
      expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'public-key': text } }))).toBe('INVALID_PUBLIC_KEY');
    }
    expect(runs).toBe(before);
    expect((await register(weak)).json).toMatchObject({ status: 400, code: 'PUBLIC_KEY_INVALID', field: 'publicKey' });
  });

  test('a key that was registered at another switch is good here at once', async () => {
    const another = new CallerKeys({ book: doors.book, now: () => doors.now(), elapsed: () => performance.now() });
    const next = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    expect((await send({ payload: await sealed({ name: 'Mia' }) })).status).toBe(201);
    await another.register('partner:shop', spki(next.publicKey), 3_600_000, 'test');
    expect((await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'public-key': spki(next.publicKey) } })).status).toBe(201);
    await register(own.publicKey, { keepPreviousHours: 0 });
  });

  test('a key that was replaced is good for as long as its owner said, and no longer', async () => {
    const next = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    expect(((await register(next.publicKey, { keepPreviousHours: 1 })).json as { readonly keys: readonly { readonly endsAt?: string }[] }).keys.map(({ endsAt }) => endsAt !== undefined)).toEqual([false, true]);
    expect((await send({ payload: await sealed({ name: 'Mia' }) })).status).toBe(201);
    doors.pass(3_600_001);
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }))).toBe('INVALID_PUBLIC_KEY');
    await register(own.publicKey, { keepPreviousHours: 0 });
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'public-key': spki(next.publicKey) } }))).toBe('INVALID_PUBLIC_KEY');
    expect((await send({ payload: await sealed({ name: 'Mia' }) })).status).toBe(201);
  });
});

describe('what is refused', () => {
  test('a clear body, whatever the header says', async () => {
    expect(codeOf(await send({ name: 'Mia' }, { headers: { 'encrypted-request': 'false' } }))).toBe('ENCRYPTION_REQUIRED');
    expect(codeOf(await send({ name: 'Mia' }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }), name: 'Mia' }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }) }, { headers: { 'encrypted-request': 'yes' } }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send(undefined))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ name: 'Mia' }, { path: '/secure/clear' }))).toBe('INVALID_PAYLOAD');
  });

  test('another algorithm, compression, critical extensions, and what is no JWE', async () => {
    const { pem } = await published();
    const service = createPublicKey(pem);
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }, { alg: 'RSA-OAEP-512' }, service) }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }, { enc: 'A128GCM' }) }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }, { enc: 'A256CBC-HS512' }) }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: byHand(service, { alg: 'RSA1_5', enc: 'A256GCM' }, Buffer.from('{"name":"Mia"}'), constants.RSA_PKCS1_PADDING) }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: byHand(service, { alg: 'RSA-OAEP-256', enc: 'A256GCM', zip: 'DEF' }, deflateRawSync(Buffer.from('{"name":"Mia"}'))) }))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await send({ payload: byHand(service, { alg: 'RSA-OAEP-256', enc: 'A256GCM', crit: ['exp'], exp: 1 }, Buffer.from('{"name":"Mia"}')) }))).toBe('INVALID_PAYLOAD');
    for (const payload of ['', 'a.b.c', 'a.b.c.d.e', 5, null, {}, 'x'.repeat(61_000)]) expect(codeOf(await send({ payload }))).toBe('INVALID_PAYLOAD');
    // By hand and with nothing wrong in it, it is opened.
    expect((await send({ payload: byHand(service, { alg: 'RSA-OAEP-256', enc: 'A256GCM' }, Buffer.from('{"name":"Mia"}')) })).status).toBe(201);
  });

  test('what is encrypted to another key, or changed in any part, is not opened, and nobody is told which part', async () => {
    const payload = await sealed({ name: 'Mia' });
    const parts = payload.split('.');
    const details = new Set<string>();
    for (const index of [1, 2, 3, 4]) {
      const bytes = Buffer.from(parts[index]!, 'base64url');
      bytes[0]! ^= 1;
      const reply = await send({ payload: parts.map((part, at) => (at === index ? bytes.toString('base64url') : part)).join('.') });
      expect(codeOf(reply)).toBe('CANT_DECRYPT_PAYLOAD');
      details.add((reply.json as { readonly detail: string }).detail);
    }
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey;
    for (const wrong of [await sealed({ name: 'Mia' }, {}, other), await sealed({ name: 'Mia' }, { kid: 'nobody' })]) {
      const reply = await send({ payload: wrong });
      expect(codeOf(reply)).toBe('CANT_DECRYPT_PAYLOAD');
      details.add((reply.json as { readonly detail: string }).detail);
    }
    expect(details.size).toBe(1);
  });

  test('what is inside has to be JSON', async () => {
    for (const content of ['', 'name=Mia', '{"name":']) expect(codeOf(await send({ payload: await sealed(content) }))).toBe('INVALID_PAYLOAD');
  });
});

test('the service\'s keys overlap, also where another switch changes them: one that was replaced opens what names it, until its time is over', async () => {
  const another = new DoorKeys({ book: doors.book, vault: doors.desks.desk, now: () => doors.now(), elapsed: () => performance.now(), randomBytes, maker: 'another', overlapMs: 24 * 3_600_000 });
  const { kid, pem } = await published();
  const next = await another.rotate(kid, 'test');
  expect(next.kid).not.toBe(kid);
  expect((await another.rotate(kid, 'test')).kid).toBe(next.kid);
  // Not published here yet, and taken already.
  expect((await send({ payload: await sealed({ name: 'Mia' }, { kid: next.kid }, createPublicKey({ key: { ...next }, format: 'jwk' })) })).status).toBe(201);
  expect((await published()).keys.map((key) => key.kid)).toEqual([next.kid, kid]);
  const former = createPublicKey(pem);
  expect((await send({ payload: await sealed({ name: 'Mia' }, { kid }, former) })).status).toBe(201);
  expect((await send({ payload: await sealed({ name: 'Mia' }, {}, former) })).status).toBe(201);
  doors.pass(25 * 3_600_000);
  expect(codeOf(await send({ payload: await sealed({ name: 'Mia' }, { kid }, former) }))).toBe('CANT_DECRYPT_PAYLOAD');
  expect((await published()).keys.map((key) => key.kid)).toEqual([next.kid]);
  // Nor does it have to be named by what was encrypted to it.
  const third = await another.rotate(next.kid, 'test');
  expect((await send({ payload: await sealed({ name: 'Mia' }, {}, createPublicKey({ key: { ...third }, format: 'jwk' })) })).status).toBe(201);
});

test('private keys are sealed in the book, and the digests\' key is', async () => {
  const rows = await doors.book.query<{ readonly sealed: string; readonly purpose: string }>('select * from door_key');
  expect(rows.map(({ purpose }) => purpose).sort()).toEqual(['digest', 'encryption', 'encryption', 'encryption']);
  for (const { sealed: text } of rows) expect(text).toMatch(/^[a-z0-9.-]+\/[0-9]+:/);
});

/** A JWE that no library would make. */
function byHand(to: KeyObject, header: object, content: Buffer, padding = constants.RSA_PKCS1_OAEP_PADDING): string {
  const [key, iv] = [randomBytes(32), randomBytes(12)];
  const head = Buffer.from(JSON.stringify(header)).toString('base64url');
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(head));
  const text = Buffer.concat([cipher.update(content), cipher.final()]);
  const wrapped = publicEncrypt({ key: to, padding, ...(padding === constants.RSA_PKCS1_OAEP_PADDING ? { oaepHash: 'sha256' } : {}) }, key);
  return [head, ...[wrapped, iv, text, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
}
