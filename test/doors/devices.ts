/** A user's app, as far as the doors see it: its keys, its pairing, its sessions and confirmations; and one of the staff who logs in. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { confirmationText, sessionText } from '../../src/lifecycle/device-keys.ts';
import type { Doors, Partner, Reply } from './fixture.ts';

export interface App {
  readonly userId: string;
  readonly deviceId: string;
  /** Its device's private key: EC P-256. */
  readonly proofKey: KeyObject;
  /** What answers to it are encrypted with, base64: the header `Public-Key`. */
  readonly encryptionKey: string;
  /** What opens them. */
  readonly decryptionKey: KeyObject;
  readonly secret: string;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });

/** @returns the body's fields, where the answer has this status @throws Error with what it had */
export function said(reply: Reply, status: number): Readonly<Record<string, string>> {
  if (reply.status !== status) throw new Error(`${reply.status} instead of ${status}: ${reply.text}`);
  return reply.json as Readonly<Record<string, string>>;
}

/** With a key of its own for each call. */
export function keyed(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { 'x-idempotency-key': randomUUID(), ...more };
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Registers a user, by its partner; verified where it says so. */
export async function newUser(doors: Doors, partner: Partner, { isVerified = false, ...body }: { readonly isVerified?: boolean; readonly externalId?: string; readonly phone?: string } = {}): Promise<string> {
  const { userId = '' } = said(await doors.ask('/secure/customers', { method: 'POST', partner, body, headers: keyed() }), 201);
  if (isVerified) said(await doors.ask(`/secure/customers/${userId}/kyc`, { method: 'PUT', partner, body: { kyc: 'verified' }, headers: keyed() }), 200);
  return userId;
}

/** What the app sends with a code. */
export function pairing(code: string, secret = '4711'): { readonly body: Record<string, unknown>; readonly proofKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encryptionKey = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return { proofKey: privateKey, body: { code, name: 'My telephone', proofKey: publicKey.export({ format: 'jwk' }), encryptionKey, secret } };
}

export async function pairingCode(doors: Doors, partner: Partner, userId: string): Promise<string> {
  return said(await doors.ask(`/secure/customers/${userId}/pairing_codes`, { method: 'POST', partner }), 201)['code']!;
}

export async function pair(doors: Doors, partner: Partner, userId: string): Promise<App> {
  const { body, proofKey } = pairing(await pairingCode(doors, partner, userId));
  const { deviceId = '' } = said(await doors.ask('/customers/me/devices', { method: 'POST', body }), 201);
  return { userId, deviceId, proofKey, encryptionKey: body['encryptionKey'] as string, decryptionKey: rsa.privateKey, secret: '4711' };
}

export async function nonceFor(doors: Doors, deviceId: string): Promise<string> {
  return said(await doors.ask('/customers/me/nonces', { method: 'POST', body: { deviceId } }), 201)['nonce']!;
}

export function signed(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

export interface UserSession {
  readonly sessionId: string;
  readonly token: string;
}

export async function openSession(doors: Doors, { deviceId, proofKey }: App): Promise<UserSession> {
  const nonce = await nonceFor(doors, deviceId);
  const { sessionId = '', token = '' } = said(await doors.ask('/customers/me/sessions', { method: 'POST', body: { deviceId, nonce, signature: signed(sessionText(deviceId, nonce), proofKey) } }), 201);
  return { sessionId, token };
}

/** Confirms the session for an operation. */
export async function confirm(doors: Doors, app: App, { sessionId, token }: UserSession, action: string, secret = app.secret): Promise<Reply> {
  const nonce = await nonceFor(doors, app.deviceId);
  const signature = signed(confirmationText(sessionId, nonce, action), app.proofKey);
  return await doors.ask('/customers/me/confirmations', { method: 'POST', headers: bearer(token), body: { nonce, action, signature, secret } });
}

/** A user of the partner's with an app that has a session. */
export async function userWithSession(doors: Doors, partner: Partner, wish: Parameters<typeof newUser>[2] = {}): Promise<{ readonly app: App; readonly session: UserSession; readonly headers: { readonly authorization: string } }> {
  const app = await pair(doors, partner, await newUser(doors, partner, wish));
  const session = await openSession(doors, app);
  return { app, session, headers: bearer(session.token) };
}

export interface Colleague {
  readonly staffId: string;
  readonly name: string;
  readonly password: string;
  /** Base32. */
  readonly totpSecret: string;
}

export const goodPassword = 'correct horse battery';

/** The one-time code of a moment. @param atMs Unix ms */
export function oneTimeCode(totpSecret: string, atMs: number): string {
  return new TOTP({ secret: Secret.fromBase32(totpSecret) }).generate({ timestamp: atMs });
}

/** Sets a password with a code. */
export async function enrol(doors: Doors, code: string, password = goodPassword): Promise<Colleague> {
  const { staffId = '', name = '', totpSecret = '' } = said(await doors.ask('/admin/enrolments', { method: 'POST', body: { code, password } }), 201);
  return { staffId, name, password, totpSecret };
}

export async function logIn(doors: Doors, { name, password, totpSecret }: Colleague, wrong: { readonly password?: string; readonly code?: string } = {}): Promise<Reply> {
  return await doors.ask('/admin/sessions', { method: 'POST', body: { name, password, code: oneTimeCode(totpSecret, doors.now()), ...wrong } });
}

/** One of the staff, as an operator adds them at the machine, who has set a password. */
export async function newColleague(doors: Doors, name: string, role: 'admin' | 'manager' | 'employee'): Promise<Colleague> {
  const added = await doors.lifecycle.operations.find((each) => each.name === 'add staff')!.run({ name, role }, 'tests') as { readonly code: string };
  return await enrol(doors, added.code);
}

/** A session of one of the staff, confirmed by its log-in. */
export async function staffHeaders(doors: Doors, colleague: Colleague): Promise<{ readonly authorization: string }> {
  return bearer(said(await logIn(doors, colleague), 201)['token']!);
}
