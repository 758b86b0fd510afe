/** Sessions of the mobile door as the book has them: those that are open, and their end. */
import type { Queries } from '../book/book.ts';
import type { CachedSession } from './session-cache.ts';

export interface UserSession extends CachedSession {
  readonly kind: 'user';
  readonly userId: string;
  readonly deviceId: string;
  readonly partner: string;
  /** Unix ms of the last second confirmation; undefined: there was none. */
  readonly confirmedAtMs: number | undefined;
  /** What it was given for. */
  readonly confirmedAction: string | undefined;
  /** What answers to this device are encrypted with: SubjectPublicKeyInfo, DER, base64. */
  readonly encryptionKey: string;
}

interface SessionRow {
  readonly token_digest: string; readonly session_id: string; readonly user_id: string; readonly device_id: string; readonly expires_at: Date;
  readonly confirmed_at: Date | null; readonly confirmed_action: string | null; readonly partner: string; readonly encryption_key: string;
}

/** By their tokens' digests. @throws BookUnavailable */
export async function readUserSessions(book: Queries, digests: readonly string[]): Promise<ReadonlyMap<string, UserSession>> {
  const rows = await book.query<SessionRow>(
    `select s.token_digest, s.session_id, s.user_id, s.device_id, s.expires_at, s.confirmed_at, s.confirmed_action, p.partner, d.encryption_key
     from user_session s join device d on d.device_id = s.device_id join person p on p.user_id = s.user_id
     where s.token_digest = any($1::text[]) and s.ended_at is null and d.retired_at is null and p.state = 'active'`,
    [digests],
  );
  return new Map(rows.map((row) => [row.token_digest, {
    kind: 'user', sessionId: row.session_id, subject: row.user_id, userId: row.user_id, deviceId: row.device_id, partner: row.partner, expiresAtMs: row.expires_at.getTime(),
    confirmedAtMs: row.confirmed_at?.getTime(), confirmedAction: row.confirmed_action ?? undefined, encryptionKey: row.encryption_key,
  }]));
}

/** Ends those of a user that are open. @returns how many */
export async function endUserSessions(queries: Queries, userId: string, atMs: number, why: string): Promise<number> {
  const rows = await queries.query(`update user_session set ended_at = $2, ended_why = $3 where user_id = $1 and ended_at is null and expires_at > $2 returning session_id`, [userId, new Date(atMs), why]);
  return rows.length;
}

/** Retires the device that a user has, and ends its sessions. @param deviceId only if it is this one */
export async function retireDevice(queries: Queries, userId: string, atMs: number, why: string, deviceId?: string): Promise<void> {
  const [retired] = await queries.query<{ readonly device_id: string }>(
    'update device set retired_at = $2, retired_why = $3 where user_id = $1 and retired_at is null and ($4::text is null or device_id = $4) returning device_id', [userId, new Date(atMs), why, deviceId ?? null],
  );
  if (retired === undefined) return;
  await queries.query('delete from device_nonce where device_id = $1', [retired.device_id]);
  await endUserSessions(queries, userId, atMs, why);
}
