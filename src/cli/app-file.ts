/**
 * A cardholder's app as a file: the device's keys, which never leave it, and the session that is open. For trying out the cardholders' door; a real
 * app keeps its keys in the telephone's own hardware.
 *
 * Invariants: only its owner may read the file; what it signs is for one nonce and one purpose.
 */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { confirmationText, sessionText } from '../lifecycle/device-keys.ts';
import { Failure } from './command.ts';
import type { DoorAnswer, DoorClient } from './door-client.ts';

interface AppState {
  readonly deviceId: string;
  readonly userId: string;
  /** EC P-256, private. */
  readonly proofKey: webcrypto.JsonWebKey;
  /** RSA, PKCS #8, PEM. */
  readonly encryptionKey: string;
  readonly session?: { readonly sessionId: string; readonly token: string; /** Unix ms. */ readonly expiresAtMs: number } | undefined;
}

const rsaBits = 2048;
/** A session is opened anew that long before it ends. */
const renewedMs = 30_000;

export class AppFile {
  readonly #file: string;
  #state: AppState;

  private constructor(file: string, state: AppState) {
    this.#file = file;
    this.#state = state;
  }

  /** @throws Failure */
  static open(file: string): AppFile {
    try {
      return new AppFile(file, JSON.parse(readFileSync(file, 'utf8')) as AppState);
    } catch (error) {
      throw new Failure(`${file} is no file of a paired app (${error instanceof Error ? error.message : String(error)}); locum app pair makes one`);
    }
  }

  /** Makes keys and pairs them. @param secret that confirms, such as the app's PIN @throws Failure where the file is there, or the service says no */
  static async pair(file: string, client: DoorClient, { code, name, secret }: { readonly code: string; readonly name: string; readonly secret: string }): Promise<AppFile> {
    if (existsSync(file)) throw new Failure(`${file} is there already; an app is paired once`);
    const proof = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const encryption = generateKeyPairSync('rsa', { modulusLength: rsaBits });
    const { kty, crv, x, y } = proof.publicKey.export({ format: 'jwk' });
    const body = { code, name, secret, proofKey: { kty, crv, x, y }, encryptionKey: encryption.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
    const paired = documentOf(await client.call({ method: 'POST', path: '/customers/me/devices', body: JSON.stringify(body) }));
    const app = new AppFile(file, {
      deviceId: paired['deviceId'] ?? '', userId: paired['userId'] ?? '', proofKey: proof.privateKey.export({ format: 'jwk' }), encryptionKey: encryption.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    });
    app.#save();
    return app;
  }

  get deviceId(): string {
    return this.#state.deviceId;
  }

  /** PEM. */
  get encryptionKey(): string {
    return this.#state.encryptionKey;
  }

  /** Of the session that is open, or of a new one. @throws Failure */
  async token(client: DoorClient, nowMs: number): Promise<string> {
    return (await this.#session(client, nowMs)).token;
  }

  /** Confirms the session a second time. @param action operation id of what is to be done @throws Failure */
  async confirm(client: DoorClient, nowMs: number, action: string, secret: string): Promise<void> {
    const { sessionId, token } = await this.#session(client, nowMs);
    const nonce = await this.#nonce(client);
    const body = { nonce, action, secret, signature: this.#signed(confirmationText(sessionId, nonce, action)) };
    documentOf(await client.call({ method: 'POST', path: '/customers/me/confirmations', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) }));
  }

  async #session(client: DoorClient, nowMs: number): Promise<NonNullable<AppState['session']>> {
    const { session, deviceId } = this.#state;
    if (session !== undefined && session.expiresAtMs - renewedMs > nowMs) return session;
    const nonce = await this.#nonce(client);
    const body = { deviceId, nonce, signature: this.#signed(sessionText(deviceId, nonce)) };
    const { sessionId = '', token = '', expiresAt = '' } = documentOf(await client.call({ method: 'POST', path: '/customers/me/sessions', body: JSON.stringify(body) }));
    const opened = { sessionId, token, expiresAtMs: Date.parse(expiresAt) };
    this.#state = { ...this.#state, session: opened };
    this.#save();
    return opened;
  }

  async #nonce(client: DoorClient): Promise<string> {
    return documentOf(await client.call({ method: 'POST', path: '/customers/me/nonces', body: JSON.stringify({ deviceId: this.#state.deviceId }) }))['nonce'] ?? '';
  }

  #signed(text: string): string {
    return sign('sha256', Buffer.from(text, 'utf8'), { key: createPrivateKey({ key: this.#state.proofKey, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }).toString('base64url');
  }

  #save(): void {
    writeFileSync(`${this.#file}.new`, `${JSON.stringify(this.#state, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function documentOf({ status, text }: DoorAnswer): Readonly<Record<string, string>> {
  if (status >= 300) throw new Failure(problemWords(status, text));
  return JSON.parse(text) as Readonly<Record<string, string>>;
}

/** A problem document in a sentence. */
export function problemWords(status: number, text: string): string {
  try {
    const { code, detail, field } = JSON.parse(text) as { readonly code?: string; readonly detail?: string; readonly field?: string };
    return `${status} ${code ?? ''}${field === undefined ? '' : ` (${field})`}: ${detail ?? ''}`;
  } catch {
    return `${status} ${text}`;
  }
}
