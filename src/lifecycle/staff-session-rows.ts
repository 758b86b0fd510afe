/** Sessions of the administration door as the book has them: those that are open, and their end. */
import type { Queries } from '../book/book.ts';
import type { CachedSession } from './session-cache.ts';

export type StaffRole = 'admin' | 'manager' | 'employee';

export interface StaffSession extends CachedSession {
  readonly kind: 'staff';
  readonly staffId: string;
  readonly name: string;
  readonly role: StaffRole;
  /** Unix ms of the last one-time code. */
  readonly confirmedAtMs: number;
}

interface SessionRow {
  readonly token_digest: string; readonly session_id: string; readonly staff_id: string; readonly name: string; readonly role: StaffRole; readonly expires_at: Date; readonly confirmed_at: Date;
}

/** By their tokens' digests. @throws BookUnavailable */
export async function readStaffSessions(book: Queries, digests: readonly string[]): Promise<ReadonlyMap<string, StaffSession>> {
  const rows = await book.query<SessionRow>(
    `select l.token_digest, l.session_id, l.staff_id, s.name, l.role, l.expires_at, l.confirmed_at from staff_session l join staff s on s.staff_id = l.staff_id
     where l.token_digest = any($1::text[]) and l.ended_at is null and s.state = 'active' and s.role = l.role`,
    [digests],
  );
  return new Map(rows.map((row) => [row.token_digest, {
    kind: 'staff', sessionId: row.session_id, subject: row.staff_id, staffId: row.staff_id, name: row.name, role: row.role, expiresAtMs: row.expires_at.getTime(), confirmedAtMs: row.confirmed_at.getTime(),
  }]));
}

/** Ends those that are open. @param exceptId but for this one @returns how many */
export async function endStaffSessions(queries: Queries, staffId: string, atMs: number, why: string, exceptId = ''): Promise<number> {
  const rows = await queries.query(
    `update staff_session set ended_at = $2, ended_why = $3 where staff_id = $1 and ended_at is null and expires_at > $2 and session_id <> $4 returning session_id`, [staffId, new Date(atMs), why, exceptId],
  );
  return rows.length;
}
