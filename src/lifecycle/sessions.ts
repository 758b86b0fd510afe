/**
 * Sessions of the mobile door: a device gets a nonce, signs it, and has a token for ten minutes; within it, a second confirmation is another nonce, signed
 * for one action, with the secret that the user set at pairing.
 *
 *   nonce (a minute, once) ──signed──> session (a former one of the user ends) ──nonce, action, secret──> confirmed for that action, two minutes
 *
 * Refuses a device that is not there or retired as it refuses a wrong signature. After `secretTriesMax` wrong secrets in a row the device is retired: it has to be
 * paired again. Invariants: a nonce is taken once, right or wrong; the token is nowhere but in the answer; a try of a secret counts before it is judged.
 */
import type { Book, Queries } from '../book/book.ts';
import { Secret } from '../message/secret.ts';
import { confirmationText, isSignedBy, sessionText } from './device-keys.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { findPerson, requirePerson } from './person-rows.ts';
import type { PersonName } from './person-rows.ts';
import { LifecycleRefused } from './refusal.ts';
import type { SecretHasher } from './secret-hash.ts';
import { digestOf, tokenBytes } from './session-cache.ts';
import { userTokenPrefix } from './session-keeper.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { endUserSessions, retireDevice } from './user-session-rows.ts';

export interface Nonce {
  /** 43 characters of base64url. */
  readonly nonce: string;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface OpenedSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly token: Secret<string>;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface SessionsOptions {
  readonly book: Book;
  readonly randomBytes: RandomBytes;
  readonly hasher: SecretHasher;
  readonly sessions: Pick<SessionKeeper, 'userChanged'>;
  /** How long a session lives; ms. */
  readonly sessionMs: number;
}

export const nonceMs = 60_000;
/** How many a device may have open; the oldest gives way. */
const noncesMax = 8;
export const confirmationMs = 120_000;
export const secretTriesMax = 5;
/** Sessions that ended are kept for who asks how it was. */
const keptMs = 90 * 86_400_000;

interface DeviceRow {
  readonly device_id: string; readonly user_id: string; readonly proof_key: string; readonly secret_hash: string; readonly wrong_secrets: number;
}

export class Sessions {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** For a device that is not there it looks the same, and is good for nothing. @throws BookUnavailable */
  async newNonce(deviceId: string, atMs: number): Promise<Nonce> {
    const { book, randomBytes } = this.#options;
    const nonce = randomBytes(tokenBytes).toString('base64url');
    const expiresAtMs = atMs + nonceMs;
    await book.transaction(async (queries) => {
      // One at a time for a device, so that they do not become more.
      const [device] = await queries.query<{ readonly device_id: string }>('select device_id from device where device_id = $1 and retired_at is null for no key update', [deviceId]);
      if (device === undefined) return;
      await queries.query(
        `delete from device_nonce where device_id = $1 and (expires_at <= $2 or nonce_digest in (select nonce_digest from device_nonce where device_id = $1 order by expires_at desc offset ${noncesMax - 1}))`,
        [deviceId, new Date(atMs)],
      );
      await queries.query('insert into device_nonce (nonce_digest, device_id, expires_at) values ($1, $2, $3)', [digestOf(nonce), deviceId, new Date(expiresAtMs)]);
    });
    return { nonce, expiresAtMs };
  }

  /** @param signature of `sessionText` @throws LifecycleRefused 401 `SESSION_REFUSED` */
  async open({ deviceId, nonce, signature }: { readonly deviceId: string; readonly nonce: string; readonly signature: string }, atMs: number): Promise<OpenedSession> {
    const { book, randomBytes, sessions, sessionMs } = this.#options;
    const device = await this.#signer(deviceId, nonce, sessionText(deviceId, nonce), signature, atMs);
    if (device === undefined) throw refused();
    const token = `${userTokenPrefix}${randomBytes(tokenBytes).toString('base64url')}`;
    const sessionId = newId('session', randomBytes);
    const expiresAtMs = atMs + sessionMs;
    await book.transaction(async (queries) => {
      // It may have been retired, or its user locked, since it was looked at.
      const user = await findPerson(queries, { partner: undefined, userId: device.user_id }, 'update');
      const [standing] = await queries.query('select device_id from device where device_id = $1 and retired_at is null', [deviceId]);
      if (user?.state !== 'active' || standing === undefined) throw refused();
      await endUserSessions(queries, device.user_id, atMs, 'replaced');
      await queries.query('delete from user_session where user_id = $1 and expires_at < $2', [device.user_id, new Date(atMs - keptMs)]);
      await queries.query(
        `insert into user_session (session_id, token_digest, user_id, device_id, opened_at, expires_at) values ($1, $2, $3, $4, $5, $6)`,
        [sessionId, digestOf(token), device.user_id, deviceId, new Date(atMs), new Date(expiresAtMs)],
      );
    });
    sessions.userChanged(device.user_id);
    return { sessionId, userId: device.user_id, token: new Secret(token), expiresAtMs };
  }

  /**
   * @param signature of `confirmationText`
   * @returns until when the session is confirmed for the action; Unix ms
   * @throws LifecycleRefused 403 `CONFIRMATION_REFUSED`, 429
   */
  async confirm(
    { sessionId, deviceId, nonce, action, signature, secret }: { readonly sessionId: string; readonly deviceId: string; readonly nonce: string; readonly action: string; readonly signature: string; readonly secret: Secret<string> },
    atMs: number,
  ): Promise<number> {
    const { book, hasher, sessions } = this.#options;
    const device = await this.#signer(deviceId, nonce, confirmationText(sessionId, nonce, action), signature, atMs);
    if (device === undefined) throw unconfirmed();
    // Whoever signs has the device: only then is the secret tried.
    const [tried] = await book.query<DeviceRow>(
      `update device set wrong_secrets = wrong_secrets + 1 where device_id = $1 and retired_at is null and wrong_secrets < ${secretTriesMax} returning device_id, user_id, proof_key, secret_hash, wrong_secrets`, [deviceId],
    );
    const isRight = await hasher.matches(secret, tried?.secret_hash);
    if (tried === undefined || !isRight) {
      // Where there was no try left, whoever had the last one was cut off before it was judged.
      if (tried === undefined || tried.wrong_secrets === secretTriesMax) {
        await book.transaction(async (queries) => await retireDevice(queries, device.user_id, atMs, 'wrongSecret', deviceId));
        sessions.userChanged(device.user_id);
      }
      throw unconfirmed();
    }
    const [confirmed] = await book.query<{ readonly user_id: string }>(
      `with device_is_right as (update device set wrong_secrets = 0 where device_id = $2 and retired_at is null returning device_id)
       update user_session set confirmed_at = $3, confirmed_action = $4 where session_id = $1 and ended_at is null and expires_at > $3 and device_id in (select device_id from device_is_right) returning user_id`,
      [sessionId, deviceId, new Date(atMs), action],
    );
    if (confirmed === undefined) throw unconfirmed();
    sessions.userChanged(confirmed.user_id);
    return atMs + confirmationMs;
  }

  /** Ends the user's own session. One that has ended stays as it is. @throws BookUnavailable */
  async close(userId: string, sessionId: string, atMs: number): Promise<void> {
    await this.#options.book.query(`update user_session set ended_at = $3, ended_why = 'closed' where user_id = $1 and session_id = $2 and ended_at is null`, [userId, sessionId, new Date(atMs)]);
    this.#options.sessions.userChanged(userId);
  }

  /** Ends all of a user's. @returns how many there were @throws LifecycleRefused 404 */
  async revoke(name: PersonName, atMs: number): Promise<number> {
    const { book, sessions } = this.#options;
    const { userId, count } = await book.transaction(async (queries) => {
      const person = await requirePerson(queries, name, 'share');
      return { userId: person.userId, count: await endUserSessions(queries, person.userId, atMs, 'revoked') };
    });
    sessions.userChanged(userId);
    return count;
  }

  /** Takes the nonce. @returns the device, where it was its nonce and its signature */
  async #signer(deviceId: string, nonce: string, text: string, signature: string, atMs: number): Promise<DeviceRow | undefined> {
    return await this.#options.book.transaction(async (queries: Queries) => {
      const [taken] = await queries.query<{ readonly device_id: string }>('delete from device_nonce where nonce_digest = $1 and device_id = $2 and expires_at > $3 returning device_id', [digestOf(nonce), deviceId, new Date(atMs)]);
      if (taken === undefined) return undefined;
      const [device] = await queries.query<DeviceRow>(
        `select d.device_id, d.user_id, d.proof_key, d.secret_hash, d.wrong_secrets from device d join person p on p.user_id = d.user_id where d.device_id = $1 and d.retired_at is null and p.state = 'active'`, [deviceId],
      );
      return device !== undefined && isSignedBy(device.proof_key, text, signature) ? device : undefined;
    });
  }
}

function refused(): LifecycleRefused {
  return new LifecycleRefused(401, 'SESSION_REFUSED', 'no session: the device is not paired, the nonce is over, or the signature is not of this nonce by this device');
}

function unconfirmed(): LifecycleRefused {
  return new LifecycleRefused(403, 'CONFIRMATION_REFUSED', 'not confirmed: the nonce is over, the signature is not of this nonce and action, or the secret is wrong');
}
