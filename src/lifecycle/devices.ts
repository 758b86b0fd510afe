/**
 * Devices: a partner asks for a code for its user, the app comes with the code and its keys, and is from then on the one that acts for the user.
 *
 * Refuses a code that is used, over or nobody's, all alike. Invariants: a user has one device at most; with a new one the former is retired and its sessions
 * end; a code pairs one device, and the same app with the same code and key gets the same answer again.
 */
import { maskText } from '../base/mask.ts';
import type { Book, Queries } from '../book/book.ts';
import { Secret } from '../message/secret.ts';
import { readEncryptionKey, readProofKey } from './device-keys.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { timeOfPlace } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import { requirePerson } from './person-rows.ts';
import type { PersonName } from './person-rows.ts';
import { LifecycleRefused } from './refusal.ts';
import type { SecretHasher } from './secret-hash.ts';
import { digestOf } from './session-cache.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { retireDevice } from './user-session-rows.ts';

export interface Device {
  readonly deviceId: string;
  readonly name: string;
  /** Unix ms. */
  readonly pairedAtMs: number;
  readonly retiredAtMs: number | undefined;
  /** replaced, revoked, wrongSecret or userDeleted. */
  readonly retiredWhy: string | undefined;
}

export interface PairingCode {
  readonly code: Secret<string>;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface PairingWish {
  readonly code: Secret<string>;
  readonly name: string;
  /** JWK, EC P-256. */
  readonly proofKey: unknown;
  /** SubjectPublicKeyInfo, DER, base64: RSA. */
  readonly encryptionKey: string;
  /** For second confirmations, such as a PIN of the app. */
  readonly secret: Secret<string>;
}

export interface DevicesOptions {
  readonly book: Book;
  readonly randomBytes: RandomBytes;
  readonly hasher: SecretHasher;
  readonly sessions: Pick<SessionKeeper, 'userChanged'>;
}

interface DeviceRow {
  readonly device_id: string; readonly name: string; readonly paired_at: Date; readonly retired_at: Date | null; readonly retired_why: string | null;
}

export const pairingCodeMs = 600_000;
/** Crockford's: what a person may read out and type. */
const codeLetters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
export const codeLength = 16;

export class Devices {
  readonly #options: DevicesOptions;

  constructor(options: DevicesOptions) {
    this.#options = options;
  }

  /** A new code, for ten minutes; the one before is over. @throws LifecycleRefused 404, 409 `USER_LOCKED` */
  async newPairingCode(name: PersonName, atMs: number): Promise<PairingCode> {
    const { book, randomBytes } = this.#options;
    const code = codeOf(randomBytes(codeLength));
    const expiresAtMs = atMs + pairingCodeMs;
    await book.transaction(async (queries) => {
      const { userId, state } = await requirePerson(queries, name, 'share');
      if (state === 'locked') throw new LifecycleRefused(409, 'USER_LOCKED', 'the user is locked');
      await queries.query(
        `insert into pairing_code (user_id, code_digest, made_at, expires_at) values ($1, $2, $3, $4)
         on conflict (user_id) do update set code_digest = excluded.code_digest, made_at = excluded.made_at, expires_at = excluded.expires_at, used_by = null`,
        [userId, digestOf(code), new Date(atMs), new Date(expiresAtMs)],
      );
    });
    return { code: new Secret(code), expiresAtMs };
  }

  /** @throws LifecycleRefused 400 `KEY_INVALID`, 403 `PAIRING_REFUSED`, 429 */
  async pair(wish: PairingWish, atMs: number): Promise<Device> {
    const { book, randomBytes, hasher, sessions } = this.#options;
    const name = maskText(wish.name);
    const proofKey = readProofKey(wish.proofKey);
    const encryptionKey = readEncryptionKey(wish.encryptionKey);
    const digest = digestOf(readCode(wish.code.reveal()));
    // Guesses are refused before they cost a hash.
    const asked = await this.#userOf(book, digest, atMs);
    if (asked === undefined) throw refused();
    const secretHash = await hasher.hash(wish.secret);
    const { device, userId } = await book.transaction(async (queries) => {
      await requirePerson(queries, { partner: undefined, userId: asked.userId }, 'update').catch(refusedToo);
      const user = await this.#userOf(queries, digest, atMs);
      if (user === undefined) throw refused();
      if (user.usedBy !== null) return { userId: user.userId, device: await pairedBefore(queries, user.usedBy, proofKey.thumbprint) };
      await retireDevice(queries, user.userId, atMs, 'replaced');
      const deviceId = newId('device', randomBytes);
      await queries.query(
        `insert into device (device_id, user_id, name, proof_key, proof_key_digest, encryption_key, secret_hash, paired_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [deviceId, user.userId, name, proofKey.jwk, proofKey.thumbprint, encryptionKey, secretHash, new Date(atMs)],
      );
      await queries.query('update pairing_code set used_by = $2 where user_id = $1', [user.userId, deviceId]);
      return { userId: user.userId, device: { deviceId, name, pairedAtMs: atMs, retiredAtMs: undefined, retiredWhy: undefined } };
    });
    sessions.userChanged(userId);
    return device;
  }

  /** Those that are retired, too; the last paired first. @throws LifecycleRefused 404 */
  async list(name: PersonName, { limit, cursor }: PageChoice): Promise<Page<Device>> {
    const [beforeMs, beforeId] = placeOf(cursor, ['number', 'string']) ?? [];
    const { userId } = await requirePerson(this.#options.book, name);
    const rows = await this.#options.book.query<DeviceRow>(
      `select device_id, name, paired_at, retired_at, retired_why from device where user_id = $1 and (paired_at, device_id) < ($2::timestamptz, $3)
       order by paired_at desc, device_id desc limit $4`,
      [userId, timeOfPlace(beforeMs, 'last'), beforeId ?? '', limit + 1],
    );
    return pageOf(rows, limit, ({ paired_at: at, device_id: id }) => [at.getTime(), id], deviceOf);
  }

  /** Retires the device that the user has, with its sessions. One that is retired stays as it is. @throws LifecycleRefused 404 */
  async revoke(name: PersonName, deviceId: string, atMs: number): Promise<void> {
    const { book, sessions } = this.#options;
    const revokedOf = await book.transaction(async (queries) => {
      const { userId } = await requirePerson(queries, name, 'share');
      const [device] = await queries.query<DeviceRow>('select device_id, name, paired_at, retired_at, retired_why from device where device_id = $1 and user_id = $2 for update', [deviceId, userId]);
      if (device === undefined) throw new LifecycleRefused(404, 'DEVICE_NOT_FOUND', 'the user has no such device');
      if (device.retired_at === null) await retireDevice(queries, userId, atMs, 'revoked');
      return userId;
    });
    sessions.userChanged(revokedOf);
  }

  /** Whose code it is; undefined: nobody's, or over. A locked user's pairs nothing. */
  async #userOf(queries: Queries, codeDigest: string, atMs: number): Promise<{ readonly userId: string; readonly usedBy: string | null } | undefined> {
    const [row] = await queries.query<{ readonly user_id: string; readonly used_by: string | null }>(
      `select c.user_id, c.used_by from pairing_code c join person p on p.user_id = c.user_id where c.code_digest = $1 and c.expires_at > $2 and p.state = 'active'`,
      [codeDigest, new Date(atMs)],
    );
    return row === undefined ? undefined : { userId: row.user_id, usedBy: row.used_by };
  }
}

async function pairedBefore(queries: Queries, deviceId: string, thumbprint: string): Promise<Device> {
  const [row] = await queries.query<DeviceRow>(
    'select device_id, name, paired_at, retired_at, retired_why from device where device_id = $1 and proof_key_digest = $2 and retired_at is null', [deviceId, thumbprint],
  );
  if (row === undefined) throw refused();
  return deviceOf(row);
}

function deviceOf(row: DeviceRow): Device {
  return { deviceId: row.device_id, name: row.name, pairedAtMs: row.paired_at.getTime(), retiredAtMs: row.retired_at?.getTime(), retiredWhy: row.retired_why ?? undefined };
}

/** A code for a person to type: 80 bits. */
export function codeOf(bytes: Buffer): string {
  return [...bytes].map((byte) => codeLetters[byte % codeLetters.length]).join('');
}

/** As it was meant: in small letters, in groups, or with the letters that are taken for digits. */
export function readCode(text: string): string {
  return text.toUpperCase().replaceAll(/[ -]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Deleted since it was asked. */
function refusedToo(error: unknown): never {
  throw error instanceof LifecycleRefused ? refused() : error;
}

function refused(): LifecycleRefused {
  return new LifecycleRefused(403, 'PAIRING_REFUSED', 'this code pairs no device: it is used, over, or nobody\'s', 'code');
}
