/** Devices and sessions over the doors: pairing, signing, confirming, and each way in which it ends. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { confirmationText, sessionText } from '../../src/lifecycle/device-keys.ts';
import { route } from '../../src/doors/route.ts';
import type { Reply } from './fixture.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner } from './fixture.ts';
import { bearer, confirm, keyed, newUser, nonceFor, openSession, pair, pairing, pairingCode, said, signed, userWithSession } from './devices.ts';

let doors: Doors;
let shops: Partner;
let banks: Partner;

beforeAll(async () => {
  doors = await openDoors({
    routes: [route({
      door: 'mobile', method: 'GET', path: '/customers/me/secrets', operationId: 'getSecretsMobile', tag: 'Test', summary: 'What needs a confirmation', needsConfirmation: true, answers: { 204: null },
      run: async () => await Promise.resolve({ status: 204 }),
    })],
  });
  [shops, banks] = await Promise.all([doors.partner('shops'), doors.partner('banks')]);
});

afterAll(async () => {
  await endDoors();
});

async function me(token: string): Promise<Reply> {
  return await doors.ask('/customers/me', { headers: bearer(token) });
}

test('an app that is paired opens a session by signing, and acts for its user for ten minutes', async () => {
  const { app, session } = await userWithSession(doors, shops);
  expect((await me(session.token)).json).toMatchObject({ userId: app.userId });
  doors.pass(599_000);
  expect((await me(session.token)).status).toBe(200);
  doors.pass(1_001);
  expect(await me(session.token)).toMatchObject({ status: 401, json: { code: 'UNAUTHENTICATED' } });
});

test('a code pairs one device, and the same app again gets the same answer', async () => {
  const userId = await newUser(doors, shops);
  const { body } = pairing(await pairingCode(doors, shops, userId));
  const first = await doors.ask('/customers/me/devices', { method: 'POST', body });
  expect(first.status, first.text).toBe(201);
  expect((await doors.ask('/customers/me/devices', { method: 'POST', body })).json).toEqual(first.json);
  const other = pairing(String(body['code']));
  expect(await doors.ask('/customers/me/devices', { method: 'POST', body: other.body })).toMatchObject({ status: 403, json: { code: 'PAIRING_REFUSED', field: 'code' } });
});

test('a code is over after ten minutes, with the next one, and as soon as its user is locked', async () => {
  const userId = await newUser(doors, shops);
  const [first, second] = [await pairingCode(doors, shops, userId), await pairingCode(doors, shops, userId)];
  const refused = { status: 403, json: { code: 'PAIRING_REFUSED' } };
  expect(await doors.ask('/customers/me/devices', { method: 'POST', body: pairing(first).body })).toMatchObject(refused);
  said(await doors.ask(`/secure/customers/${userId}/lock`, { method: 'POST', partner: shops, headers: keyed() }), 200);
  expect(await doors.ask('/customers/me/devices', { method: 'POST', body: pairing(second).body })).toMatchObject(refused);
  expect(await doors.ask(`/secure/customers/${userId}/pairing_codes`, { method: 'POST', partner: shops })).toMatchObject({ status: 409, json: { code: 'USER_LOCKED' } });
  said(await doors.ask(`/secure/customers/${userId}/unlock`, { method: 'POST', partner: shops, headers: keyed() }), 200);
  doors.pass(600_001);
  expect(await doors.ask('/customers/me/devices', { method: 'POST', body: pairing(second).body })).toMatchObject(refused);
});

test('a code may be typed in small letters and in groups', async () => {
  const code = await pairingCode(doors, shops, await newUser(doors, shops));
  const typed = code.toLowerCase().replaceAll(/(.{4})(?=.)/g, '$1-');
  expect((await doors.ask('/customers/me/devices', { method: 'POST', body: pairing(typed).body })).status).toBe(201);
});

test('a user has one device: with a new one the former is retired, and its session ends at once', async () => {
  const { app, session } = await userWithSession(doors, shops);
  expect((await me(session.token)).status).toBe(200);
  const next = await pair(doors, shops, app.userId);
  expect((await me(session.token)).status).toBe(401);
  const devices = (await doors.ask(`/secure/customers/${app.userId}/devices`, { partner: shops })).json as { items: { deviceId: string; retiredWhy?: string }[] };
  expect(devices.items).toMatchObject([{ deviceId: next.deviceId }, { deviceId: app.deviceId, retiredWhy: 'replaced' }]);
  const nonce = await nonceFor(doors, app.deviceId);
  const refused = await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId: app.deviceId, nonce, signature: signed(sessionText(app.deviceId, nonce), app.proofKey) } });
  expect(refused).toMatchObject({ status: 401, json: { code: 'SESSION_REFUSED' } });
});

test('of several apps with one code at once, one is paired', async () => {
  const userId = await newUser(doors, shops);
  const code = await pairingCode(doors, shops, userId);
  const told = await Promise.all(Array.from({ length: 4 }, async () => (await doors.ask('/customers/me/devices', { method: 'POST', body: pairing(code).body })).status));
  expect(told.sort()).toEqual([201, 403, 403, 403]);
  const [row] = await doors.book.query<{ readonly count: number }>('select count(*)::integer as count from device where user_id = $1', [userId]);
  expect(row?.count).toBe(1);
});

test('a nonce is signed once, within a minute, by the device that it was given to, and for nothing else', async () => {
  const app = await pair(doors, shops, await newUser(doors, shops));
  const other = await pair(doors, shops, await newUser(doors, shops));
  const open = async (deviceId: string, nonce: string, signature: string): Promise<number> => (await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId, nonce, signature } })).status;
  const fresh = async (): Promise<string> => await nonceFor(doors, app.deviceId);
  const right = (nonce: string): string => signed(sessionText(app.deviceId, nonce), app.proofKey);
  const used = await fresh();
  expect(await open(app.deviceId, used, right(used))).toBe(201);
  expect(await open(app.deviceId, used, right(used)), 'used').toBe(401);
  const late = await fresh();
  doors.pass(60_001);
  expect(await open(app.deviceId, late, right(late)), 'late').toBe(401);
  const foreign = await fresh();
  expect(await open(app.deviceId, foreign, signed(sessionText(app.deviceId, foreign), other.proofKey)), 'another key').toBe(401);
  expect(await open(app.deviceId, foreign, right(foreign)), 'a nonce that was tried').toBe(401);
  const others = await nonceFor(doors, other.deviceId);
  expect(await open(app.deviceId, others, right(others)), 'another device\'s nonce').toBe(401);
  const confirming = await fresh();
  expect(await open(app.deviceId, confirming, signed(confirmationText(app.deviceId, confirming, 'x'), app.proofKey)), 'another text').toBe(401);
  const own = randomBytes(32).toString('base64url');
  expect(await open(app.deviceId, own, right(own)), 'a nonce of one\'s own').toBe(401);
});

test('a device that is not there gets a nonce like any other, and no session', async () => {
  const deviceId = `d_${'A'.repeat(22)}`;
  const app = await pair(doors, shops, await newUser(doors, shops));
  const nonce = await nonceFor(doors, deviceId);
  const none = await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId, nonce, signature: signed(sessionText(deviceId, nonce), app.proofKey) } });
  const wrong = await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId: app.deviceId, nonce, signature: signed(sessionText(app.deviceId, nonce), app.proofKey) } });
  const words = ({ status, json }: Reply): unknown => ({ status, ...(json as object), requestId: '' });
  expect(words(none)).toEqual(words(wrong));
});

test('a session ends by the app, the partner, the user\'s lock and the device\'s revocation, each at once', async () => {
  const { app, session, headers } = await userWithSession(doors, shops);
  expect((await doors.ask('/customers/me/sessions/current', { method: 'DELETE', headers })).status).toBe(204);
  expect((await me(session.token)).status, 'closed').toBe(401);
  const ends: [string, () => Promise<Reply>][] = [
    ['revoked', async () => await doors.ask(`/secure/customers/${app.userId}/sessions`, { method: 'DELETE', partner: shops, headers: keyed() })],
    ['locked', async () => await doors.ask(`/secure/customers/${app.userId}/lock`, { method: 'POST', partner: shops, headers: keyed() })],
    ['unpaired', async () => await doors.ask(`/secure/customers/${app.userId}/devices/${app.deviceId}`, { method: 'DELETE', partner: shops, headers: keyed() })],
  ];
  for (const [how, end] of ends) {
    const { token } = await openSession(doors, app);
    expect((await me(token)).status, how).toBe(200);
    expect((await end()).status, how).toBeLessThan(300);
    expect((await me(token)).status, how).toBe(401);
    await doors.ask(`/secure/customers/${app.userId}/unlock`, { method: 'POST', partner: shops, headers: keyed() });
  }
});

test('another partner ends nobody\'s session', async () => {
  const { app, session } = await userWithSession(doors, shops);
  expect((await doors.ask(`/secure/customers/${app.userId}/sessions`, { method: 'DELETE', partner: banks, headers: keyed() })).status).toBe(404);
  expect((await doors.ask(`/secure/customers/${app.userId}/devices/${app.deviceId}`, { method: 'DELETE', partner: banks, headers: keyed() })).status).toBe(404);
  expect((await me(session.token)).status).toBe(200);
});

test('a confirmation is for one operation of one session, for two minutes', async () => {
  const { app, session, headers } = await userWithSession(doors, shops);
  const secrets = async (): Promise<Reply> => await doors.ask('/customers/me/secrets', { headers });
  expect(await secrets()).toMatchObject({ status: 403, json: { code: 'CONFIRMATION_REQUIRED' } });
  expect((await confirm(doors, app, session, 'getCardMobile')).status).toBe(201);
  expect((await secrets()).status, 'for another operation').toBe(403);
  expect((await confirm(doors, app, session, 'getSecretsMobile')).status).toBe(201);
  expect((await secrets()).status).toBe(204);
  doors.pass(120_001);
  expect((await secrets()).status, 'after two minutes').toBe(403);
});

test('what was signed for one operation confirms no other', async () => {
  const { app, session, headers } = await userWithSession(doors, shops);
  const nonce = await nonceFor(doors, app.deviceId);
  const body = { nonce, action: 'getSecretsMobile', signature: signed(confirmationText(session.sessionId, nonce, 'getCardMobile'), app.proofKey), secret: app.secret };
  expect(await doors.ask('/customers/me/confirmations', { method: 'POST', headers, body })).toMatchObject({ status: 403, json: { code: 'CONFIRMATION_REFUSED' } });
});

test('five wrong secrets in a row retire the device; a right one before takes them back', async () => {
  const { app, session } = await userWithSession(doors, shops);
  for (let tries = 0; tries < 4; tries += 1) expect((await confirm(doors, app, session, 'getSecretsMobile', '0000')).status).toBe(403);
  expect((await confirm(doors, app, session, 'getSecretsMobile')).status).toBe(201);
  for (let tries = 0; tries < 5; tries += 1) expect((await confirm(doors, app, session, 'getSecretsMobile', '0000')).status).toBe(403);
  expect((await me(session.token)).status).toBe(401);
  const { items } = (await doors.ask(`/secure/customers/${app.userId}/devices`, { partner: shops })).json as { items: unknown[] };
  expect(items).toMatchObject([{ retiredWhy: 'wrongSecret' }]);
});

test('of many wrong secrets at once five are judged', async () => {
  const { app, session, headers } = await userWithSession(doors, shops);
  const tries = await Promise.all(Array.from({ length: 8 }, async (_, index) => {
    const nonce = await nonceFor(doors, app.deviceId);
    return { nonce, action: 'getSecretsMobile', signature: signed(confirmationText(session.sessionId, nonce, 'getSecretsMobile'), app.proofKey), secret: index === 7 ? app.secret : '0000' };
  }));
  const wrong = await Promise.all(tries.slice(0, 7).map(async (body) => (await doors.ask('/customers/me/confirmations', { method: 'POST', headers, body })).status));
  expect(wrong.every((status) => status === 403 || status === 401)).toBe(true);
  expect((await doors.ask('/customers/me/confirmations', { method: 'POST', headers, body: tries[7] })).status, 'the right one comes too late').toBe(401);
});

test('keys of another kind, and private ones, pair no device', async () => {
  const { body } = pairing(await pairingCode(doors, shops, await newUser(doors, shops)));
  const { proofKey } = body as { proofKey: Record<string, string> };
  const offCurve = { ...proofKey, y: proofKey['x'] };
  for (const [field, value] of [['proofKey', { ...proofKey, kty: 'RSA' }], ['proofKey', offCurve], ['proofKey', { ...proofKey, d: 'A'.repeat(43) }], ['encryptionKey', 'A'.repeat(396)]] as const) {
    expect(await doors.ask('/customers/me/devices', { method: 'POST', body: { ...body, [field]: value } }), field).toMatchObject({ status: 400, json: { field: expect.stringContaining(field) as unknown } });
  }
});

test('no token, code, nonce or secret is in the log or the book', async () => {
  const userId = await newUser(doors, shops);
  const code = await pairingCode(doors, shops, userId);
  const secret = 'a secret of the app';
  const { body, proofKey } = pairing(code, secret);
  const { deviceId = '' } = said(await doors.ask('/customers/me/devices', { method: 'POST', body }), 201);
  const nonce = await nonceFor(doors, deviceId);
  const { token = '' } = said(await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId, nonce, signature: signed(sessionText(deviceId, nonce), proofKey) } }), 201);
  await me(token);
  const tables = await doors.book.query<{ readonly name: string }>(`select table_name as name from information_schema.tables where table_schema = 'public'`);
  const rows = await Promise.all(tables.map(async ({ name }) => await doors.book.query(`select * from "${name}"`)));
  const kept = `${JSON.stringify(rows)}${doors.logged()}`;
  for (const each of [token, code, nonce, secret]) expect(kept.includes(each)).toBe(false);
  expect(doors.failures).toEqual([]);
});
