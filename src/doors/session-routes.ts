/** Routes of devices and sessions: pairing, opening, confirming, ending; by the app, and by the partner and staff over it. */
import { Type } from 'typebox';
import type { Devices } from '../lifecycle/devices.ts';
import type { Sessions } from '../lifecycle/sessions.ts';
import { Secret } from '../message/secret.ts';
import { callerOfKind } from './caller-kind.ts';
import { deviceSchema, deviceShown, userIdPath } from './person-shapes.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';
import { idSchema, pageAnswer, pageChoiceOf, pageQuery, pageSchema, timeSchema, timeShown } from './shapes.ts';

export interface SessionServices {
  readonly devices: Devices;
  readonly sessions: Sessions;
}

const tag = 'Devices and sessions';
const base64Url = '^[A-Za-z0-9_-]+$';

const nonce = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 });
const signature = Type.String({ pattern: base64Url, minLength: 80, maxLength: 100, description: 'ECDSA with SHA-256 by the device\'s key, base64url: r and s beside each other as in JOSE, or DER.' });
const secret = Type.String({ minLength: 4, maxLength: 128, description: 'Such as the PIN of the app; set at pairing.' });
const operationForm = '^[a-zA-Z][A-Za-z0-9]{2,63}$';

const pairing = Type.Object({
  code: Type.String({ minLength: 16, maxLength: 24, description: 'The pairing code that the partner handed over. Blanks and hyphens in it do not count.' }),
  name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\p{C}]+$', description: 'What the user calls the device.' }),
  proofKey: Type.Object({
    kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }), y: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }),
  }, { description: 'Public key that signs nonces (RFC 7517); its private key never leaves the device.' }),
  encryptionKey: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', minLength: 300, maxLength: 1_000, description: 'RSA, 2048 to 4096 bits: SubjectPublicKeyInfo in DER, base64. Encrypted answers are for this key alone; the header Public-Key says it.' }),
  secret,
});

export function sessionRoutes(services: SessionServices): Route[] {
  return [...appRoutes(services), ...partnerRoutes(services), ...staffRoutes(services)];
}

function appRoutes({ devices, sessions }: SessionServices): Route[] {
  const door = 'mobile';
  return [
    route({
      door, method: 'POST', path: '/customers/me/devices', operationId: 'pairDeviceMobile', tag, summary: 'Pairs this device with the user whose code it has', isPublic: true, isFreeOfKey: true,
      about: 'The user\'s device of before is retired, and its sessions end. The same code with the same key again gets the same answer; a code pairs nothing else.', body: pairing, answers: { 201: deviceSchema },
      run: async ({ body, atMs }) => ({ status: 201, body: deviceShown(await devices.pair({ ...body, code: new Secret(body.code), secret: new Secret(body.secret) }, atMs)) }),
    }),
    route({
      door, method: 'POST', path: '/customers/me/nonces', operationId: 'newNonceMobile', tag, summary: 'Something fresh for the device to sign', isPublic: true, isFreeOfKey: true,
      about: 'Good once, for a minute.', body: Type.Object({ deviceId: idSchema('device') }), answers: { 201: Type.Object({ nonce, expiresAt: timeSchema('When it is too late.') }) },
      run: async ({ body, atMs }) => {
        const made = await sessions.newNonce(body.deviceId, atMs);
        return { status: 201, body: { nonce: made.nonce, expiresAt: timeShown(made.expiresAtMs) } };
      },
    }),
    route({
      door, method: 'POST', path: '/customers/me/sessions', operationId: 'openSessionMobile', tag, summary: 'Opens a session', isPublic: true, isFreeOfKey: true,
      about: 'Signed is the text `locum-session`, the device\'s id and the nonce, with a line feed between each. The user\'s session of before ends. The token goes into `Authorization: Bearer …`.',
      body: Type.Object({ deviceId: idSchema('device'), nonce, signature }),
      answers: { 201: Type.Object({ sessionId: idSchema('session'), userId: idSchema('user'), token: Type.String({ description: 'Shown this once.' }), expiresAt: timeSchema('When it ends.') }) },
      run: async ({ body, atMs }) => {
        const { sessionId, userId, token, expiresAtMs } = await sessions.open(body, atMs);
        return { status: 201, body: { sessionId, userId, token: token.reveal(), expiresAt: timeShown(expiresAtMs) } };
      },
    }),
    route({
      door, method: 'DELETE', path: '/customers/me/sessions/current', operationId: 'closeSessionMobile', tag, summary: 'Ends this session', isFreeOfKey: true, answers: { 204: null },
      run: async ({ caller, atMs }) => {
        const { userId, sessionId } = callerOfKind(caller, 'user');
        await sessions.close(userId, sessionId, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'POST', path: '/customers/me/confirmations', operationId: 'confirmSessionMobile', tag, summary: 'Confirms this session a second time, for one operation, for two minutes', isFreeOfKey: true,
      about: 'Signed is the text `locum-confirmation`, the session\'s id, the nonce and the action, with a line feed between each. After five wrong secrets in a row the device is retired.',
      body: Type.Object({ nonce, action: Type.String({ pattern: operationForm, maxLength: 64, description: 'Operation id of what is to be done, such as getCardMobile.' }), signature, secret }),
      answers: { 201: Type.Object({ action: Type.String(), confirmedUntil: timeSchema('Until when it holds.') }) },
      run: async ({ caller, body, atMs }) => {
        const { sessionId, deviceId } = callerOfKind(caller, 'user');
        const untilMs = await sessions.confirm({ ...body, sessionId, deviceId, secret: new Secret(body.secret) }, atMs);
        return { status: 201, body: { action: body.action, confirmedUntil: timeShown(untilMs) } };
      },
    }),
  ];
}

const ended = Type.Object({ ended: Type.Integer({ minimum: 0, description: 'How many sessions there were.' }) });
const devicePath = Type.Object({ ...userIdPath.properties, deviceId: idSchema('device') });

function partnerRoutes({ devices, sessions }: SessionServices): Route[] {
  const door = 'server';
  const user = '/secure/customers/{customerId}';
  return [
    route({
      door, method: 'POST', path: `${user}/pairing_codes`, operationId: 'newPairingCode', tag, summary: 'A code by which the user\'s app pairs its device', isFreeOfKey: true,
      about: 'Good once, for ten minutes; each call makes a new one and ends the one before. Hand it over by a way that is the user\'s alone.',
      params: userIdPath, answers: { 201: Type.Object({ code: Type.String(), expiresAt: timeSchema('When it is over.') }) },
      run: async ({ caller, params, atMs }) => {
        const { code, expiresAtMs } = await devices.newPairingCode({ partner: callerOfKind(caller, 'partner').partner, userId: params.customerId }, atMs);
        return { status: 201, body: { code: code.reveal(), expiresAt: timeShown(expiresAtMs) } };
      },
    }),
    route({
      door, method: 'GET', path: `${user}/devices`, operationId: 'listDevices', tag, summary: 'The user\'s devices, the last paired first', params: userIdPath, query: Type.Object(pageQuery), answers: { 200: pageSchema(deviceSchema) },
      run: async ({ caller, params, query }) => pageAnswer(await devices.list({ partner: callerOfKind(caller, 'partner').partner, userId: params.customerId }, pageChoiceOf(query)), deviceShown),
    }),
    route({
      door, method: 'DELETE', path: `${user}/devices/{deviceId}`, operationId: 'revokeDevice', tag, summary: 'Retires a device; its sessions end', params: devicePath, answers: { 204: null },
      run: async ({ caller, params, atMs }) => {
        await devices.revoke({ partner: callerOfKind(caller, 'partner').partner, userId: params.customerId }, params.deviceId, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'DELETE', path: `${user}/sessions`, operationId: 'revokeSessions', tag, summary: 'Ends the user\'s sessions', params: userIdPath, answers: { 200: ended },
      run: async ({ caller, params, atMs }) => ({ status: 200, body: { ended: await sessions.revoke({ partner: callerOfKind(caller, 'partner').partner, userId: params.customerId }, atMs) } }),
    }),
  ];
}

function staffRoutes({ devices, sessions }: SessionServices): Route[] {
  const door = 'admin';
  const user = '/admin/customers/{customerId}';
  return [
    route({
      door, method: 'GET', path: `${user}/devices`, operationId: 'listDevicesAdmin', tag, summary: 'A user\'s devices, the last paired first', params: userIdPath, query: Type.Object(pageQuery), answers: { 200: pageSchema(deviceSchema) },
      run: async ({ params, query }) => pageAnswer(await devices.list({ partner: undefined, userId: params.customerId }, pageChoiceOf(query)), deviceShown),
    }),
    route({
      door, method: 'DELETE', path: `${user}/devices/{deviceId}`, operationId: 'revokeDeviceAdmin', tag, summary: 'Retires a device; its sessions end', params: devicePath, answers: { 204: null },
      run: async ({ params, atMs }) => {
        await devices.revoke({ partner: undefined, userId: params.customerId }, params.deviceId, atMs);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'DELETE', path: `${user}/sessions`, operationId: 'revokeSessionsAdmin', tag, summary: 'Ends a user\'s sessions', params: userIdPath, answers: { 200: ended },
      run: async ({ params, atMs }) => ({ status: 200, body: { ended: await sessions.revoke({ partner: undefined, userId: params.customerId }, atMs) } }),
    }),
  ];
}
