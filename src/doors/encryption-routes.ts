/** Routes of the keys for encrypted payloads: the service's own, which it publishes, and the callers', which they register. */
import { Type } from 'typebox';
import { createPublicKey } from 'node:crypto';
import type { CallerKeys, RegisteredKey } from '../lifecycle/caller-keys.ts';
import { keyCharactersMax } from '../lifecycle/caller-keys.ts';
import type { DecryptionKey, DoorKeys, PublishedKey } from '../lifecycle/door-keys.ts';
import { callerName } from './admit.ts';
import { route } from './route.ts';
import type { Answer, Caller, Route } from './route.ts';

const hourMs = 3_600_000;
const tag = 'Encryption';

const jwk = Type.Object({
  kty: Type.Literal('RSA'), n: Type.String(), e: Type.String(), kid: Type.String({ description: 'Key id, which a JWE may name in its header: the thumbprint of RFC 7638.' }),
  use: Type.Literal('enc'), alg: Type.Literal('RSA-OAEP-256'),
}, { description: 'RFC 7517.' });

const published = Type.Object({
  kid: Type.String({ description: 'Of the key that is to be encrypted to now.' }),
  jwk,
  pem: Type.String({ description: 'The same key as SubjectPublicKeyInfo in PEM.' }),
  publicKey: Type.String({ description: 'The same key as SubjectPublicKeyInfo in DER, base64: the form of the header Public-Key.' }),
  keys: Type.Array(jwk, { description: 'This key, and those that were replaced and are still taken (RFC 7517, keys).' }),
});

const registration = Type.Object({
  publicKey: Type.String({ minLength: 1, maxLength: keyCharactersMax, description: 'RSA, 2048 to 4096 bits: SubjectPublicKeyInfo in DER as base64, or PEM.' }),
  keepPreviousHours: Type.Optional(Type.Integer({ minimum: 0, maximum: 720, default: 24, description: 'How long the key of before stays good; 0: not at all.' })),
});

const registered = Type.Object({
  keys: Type.Array(Type.Object({
    digest: Type.String({ description: 'SHA-256 of the SubjectPublicKeyInfo, base64url.' }),
    endsAt: Type.Optional(Type.String({ description: 'Of a key that was replaced: RFC 3339.' })),
  }), { description: 'The keys that answers may be encrypted to, that in use first.' }),
});

export interface EncryptionServices {
  readonly doorKeys: DoorKeys;
  readonly callerKeys: CallerKeys;
}

export function encryptionRoutes({ doorKeys, callerKeys }: EncryptionServices): Route[] {
  const show = async (): Promise<Answer> => ({ status: 200, body: publishedOf(await doorKeys.decryptionKeys()) });
  const showing = { method: 'GET', tag, summary: 'The public key that requests are encrypted to', answers: { 200: published }, run: show } as const;
  const register = async (caller: Caller, { publicKey, keepPreviousHours = 24 }: { readonly publicKey: string; readonly keepPreviousHours?: number }, registeredWith: string): Promise<Answer> => {
    return { status: 200, body: shown(await callerKeys.register(callerName(caller), publicKey, keepPreviousHours * hourMs, registeredWith)) };
  };
  const registering = { method: 'PUT', tag, summary: 'Registers the public key that answers to this caller are encrypted to', body: registration, answers: { 200: registered } } as const;
  return [
    route({ ...showing, door: 'server', path: '/secure/public_key', operationId: 'getPublicKey' }),
    route({ ...showing, door: 'mobile', path: '/customers/me/public_key', operationId: 'getPublicKeyMobile', isPublic: true }),
    route({ ...showing, door: 'admin', path: '/admin/public_key', operationId: 'getPublicKeyAdmin' }),
    route({
      ...registering, door: 'server', path: '/secure/encryption_key', operationId: 'registerEncryptionKey',
      about: 'Answers are encrypted to no other key but these, or the RSA key of the client certificate itself.',
      run: async ({ caller, body }) => await register(caller, body, caller.kind === 'partner' ? caller.serial : ''),
    }),
    route({
      ...registering, door: 'admin', path: '/admin/encryption_key', operationId: 'registerEncryptionKeyAdmin', needsConfirmation: true,
      run: async ({ caller, body }) => await register(caller, body, caller.kind === 'staff' ? caller.sessionId : ''),
    }),
    route({
      door: 'admin', method: 'POST', path: '/admin/public_key/{kid}/rotation', operationId: 'rotatePublicKeyAdmin', tag, roles: ['admin'], needsConfirmation: true,
      summary: 'Puts another key of the service to use',
      about: 'The key that is replaced is named, so that the same request twice replaces it once. It opens what is encrypted to it for a while longer.',
      params: Type.Object({ kid: Type.String({ minLength: 1, maxLength: 64 }) }),
      answers: { 200: published },
      run: async ({ caller, params }) => {
        await doorKeys.rotate(params.kid, callerName(caller));
        return await show();
      },
    }),
  ];
}

function publishedOf(keys: readonly DecryptionKey[]): unknown {
  const [inUse] = keys;
  if (inUse === undefined) throw new Error('there is a key in use');
  const key = createPublicKey({ key: { ...inUse.published }, format: 'jwk' });
  return {
    kid: inUse.published.kid, jwk: inUse.published, pem: key.export({ type: 'spki', format: 'pem' }), publicKey: key.export({ type: 'spki', format: 'der' }).toString('base64'),
    keys: keys.map(({ published: each }): PublishedKey => each),
  };
}

function shown(keys: readonly RegisteredKey[]): unknown {
  return { keys: keys.map(({ digest, endsAtMs }) => ({ digest, ...(endsAtMs === undefined ? {} : { endsAt: new Date(endsAtMs).toISOString() }) })) };
}
