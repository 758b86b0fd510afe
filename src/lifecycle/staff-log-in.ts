/**
 * Log-in of staff: name, password and one-time code, all of them right, or the same answer after the same time whatever was wrong.
 *
 *   the try is counted -> password and code are judged, both, always -> right: the count is taken back, the code's time step is used up, a session opens
 *                                                                    -> wrong: refused, `refusedMsMin` after it came and not before
 *
 * Refuses while log-in is locked (`lock-out.ts`), a code whose time step was used, and one older than that. Invariants: as many tries as are allowed are judged, however
 * many come at once; a code opens or confirms once; the audit log has each try for a name that there is.
 */
import type { Book, Queries } from '../book/book.ts';
import { Secret } from '../message/secret.ts';
import { enterAudit } from './audit.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { afterTry, triesMax } from './lock-out.ts';
import { LifecycleRefused } from './refusal.ts';
import type { SecretHasher } from './secret-hash.ts';
import { digestOf, tokenBytes } from './session-cache.ts';
import { staffTokenPrefix } from './session-keeper.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { endStaffSessions } from './staff-session-rows.ts';
import type { StaffRole } from './staff-session-rows.ts';
import { refuseWeak } from './staff.ts';
import type { StaffName } from './staff.ts';
import type { StaffTotp } from './staff-totp.ts';

export interface OpenedStaffSession {
  readonly sessionId: string;
  readonly staffId: string;
  readonly role: StaffRole;
  readonly token: Secret<string>;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface StaffLogInOptions {
  readonly book: Book;
  readonly randomBytes: RandomBytes;
  readonly hasher: SecretHasher;
  readonly totp: StaffTotp;
  readonly sessions: Pick<SessionKeeper, 'staffChanged'>;
  /** How long a session lives; ms. */
  readonly sessionMs: number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** Resolves after so long; ms. */
  readonly pause: (ms: number) => Promise<void>;
  /** `refusedMsMinDefault` where not given. */
  readonly refusedMsMin?: number;
}

interface TriedRow {
  readonly staff_id: string; readonly name: string; readonly role: StaffRole; readonly password_hash: string; readonly totp_sealed: string; readonly wrong_tries: number; readonly locked_until: Date | null;
}

/** Longer than it takes to judge and to write down what somebody tried: how long it took says nothing then of whether there is such a name. */
export const refusedMsMinDefault = 1_000;
/** Sessions that ended are kept for who asks how it was. */
const keptMs = 90 * 86_400_000;
export const confirmationMs = 120_000;

export class StaffLogIn {
  readonly #options: StaffLogInOptions;

  constructor(options: StaffLogInOptions) {
    this.#options = options;
  }

  /** @throws LifecycleRefused 401 `LOG_IN_REFUSED`, 429, 503 */
  async open({ name, password, code }: { readonly name: string; readonly password: Secret<string>; readonly code: Secret<string> }, requestId: string, atMs: number): Promise<OpenedStaffSession> {
    const { book, hasher, totp, sessions, elapsed, pause, refusedMsMin = refusedMsMinDefault } = this.#options;
    const cameMs = elapsed();
    const tried = await this.#counted({ name }, atMs);
    const isRight = await hasher.matches(password, tried?.password_hash);
    const step = await totp.stepOf(code, tried === undefined ? undefined : { staffId: tried.staff_id, sealed: tried.totp_sealed }, atMs);
    const opened = tried === undefined ? undefined : await book.transaction(async (queries) => {
      const session = isRight && step !== undefined ? await this.#entered(queries, tried, step, atMs) : undefined;
      const outcome = session === undefined ? 'LOG_IN_REFUSED' : 'done';
      await enterAudit(queries, { actor: tried.staff_id, role: tried.role, action: 'openStaffSession', target: session === undefined ? {} : { sessionId: session.sessionId }, outcome, requestId, atMs });
      return session;
    });
    if (opened === undefined) {
      await pause(Math.max(0, cameMs + refusedMsMin - elapsed()));
      throw new LifecycleRefused(401, 'LOG_IN_REFUSED', 'no session: name, password or code is wrong, the code was used, or log-in is locked for now');
    }
    sessions.staffChanged(opened.staffId);
    return opened;
  }

  /** A fresh one-time code within a session. After too many wrong ones the session ends. @returns until when it holds; Unix ms @throws LifecycleRefused 403 `CONFIRMATION_REFUSED`, 503 */
  async confirm({ staffId, sessionId, code }: { readonly staffId: string; readonly sessionId: string; readonly code: Secret<string> }, atMs: number): Promise<number> {
    const { book, totp, sessions } = this.#options;
    const tried = await this.#counted({ staffId }, atMs);
    const step = tried === undefined ? undefined : await totp.stepOf(code, { staffId, sealed: tried.totp_sealed }, atMs);
    const isConfirmed = await book.transaction(async (queries) => {
      if (step !== undefined && await isTaken(queries, staffId, step)) {
        const rows = await queries.query('update staff_session set confirmed_at = $2 where session_id = $1 and ended_at is null and expires_at > $2 returning session_id', [sessionId, new Date(atMs)]);
        return rows.length > 0;
      }
      if (tried === undefined || tried.wrong_tries >= triesMax) await endStaffSessions(queries, staffId, atMs, 'wrongCode');
      return false;
    });
    sessions.staffChanged(staffId);
    if (!isConfirmed) throw new LifecycleRefused(403, 'CONFIRMATION_REFUSED', 'not confirmed: the code is wrong, or was used');
    return atMs + confirmationMs;
  }

  /** One's own, by the one of before; one's other sessions end. After too many wrong ones all do. @throws LifecycleRefused 400 `PASSWORD_TOO_WEAK`, 403 `PASSWORD_REFUSED`, 429 */
  async changePassword(
    { staffId, sessionId, password, newPassword }: { readonly staffId: string; readonly sessionId: string; readonly password: Secret<string>; readonly newPassword: Secret<string> }, atMs: number,
  ): Promise<void> {
    const { book, hasher, sessions } = this.#options;
    const [own] = await book.query<{ readonly name: string }>('select name from staff where staff_id = $1', [staffId]);
    refuseWeak(newPassword.reveal(), own?.name ?? staffId, 'newPassword');
    const tried = await this.#counted({ staffId }, atMs);
    const isRight = await hasher.matches(password, tried?.password_hash);
    if (tried === undefined || !isRight) {
      if (tried === undefined || tried.wrong_tries >= triesMax) await endStaffSessions(book, staffId, atMs, 'wrongPassword');
      sessions.staffChanged(staffId);
      throw new LifecycleRefused(403, 'PASSWORD_REFUSED', 'the password of before is wrong, or log-in is locked for now', 'password');
    }
    const passwordHash = await hasher.hash(newPassword);
    await book.transaction(async (queries) => {
      const changed = await queries.query(
        `update staff set password_hash = $3, wrong_tries = 0, locked_until = null, changed_at = $4 where staff_id = $1 and password_hash = $2 and state = 'active' returning staff_id`,
        [staffId, tried.password_hash, passwordHash, new Date(atMs)],
      );
      if (changed.length === 0) throw new LifecycleRefused(403, 'PASSWORD_REFUSED', 'the password was changed meanwhile', 'password');
      await endStaffSessions(queries, staffId, atMs, 'password', sessionId);
    });
    sessions.staffChanged(staffId);
  }

  /** One that has ended stays as it is. @throws BookUnavailable */
  async close(staffId: string, sessionId: string, atMs: number): Promise<void> {
    await this.#options.book.query(`update staff_session set ended_at = $3, ended_why = 'closed' where staff_id = $1 and session_id = $2 and ended_at is null`, [staffId, sessionId, new Date(atMs)]);
    this.#options.sessions.staffChanged(staffId);
  }

  /** Ends all of one's. @returns how many there were @throws LifecycleRefused 404 */
  async revoke(staffId: string, atMs: number): Promise<number> {
    const { book, sessions } = this.#options;
    const count = await book.transaction(async (queries) => {
      const [row] = await queries.query(`select staff_id from staff where staff_id = $1 and state <> 'removed'`, [staffId]);
      if (row === undefined) throw new LifecycleRefused(404, 'STAFF_NOT_FOUND', 'there is none of the staff with this id');
      return await endStaffSessions(queries, staffId, atMs, 'revoked');
    });
    sessions.staffChanged(staffId);
    return count;
  }

  /** Counts a try. @returns who tries, with the count after it; undefined: nobody, or who may not now */
  async #counted(name: StaffName, atMs: number): Promise<TriedRow | undefined> {
    const [column, value] = 'staffId' in name ? ['staff_id', name.staffId] : ['name', name.name];
    return await this.#options.book.transaction(async (queries) => {
      const [row] = await queries.query<TriedRow>(
        `select staff_id, name, role, password_hash, totp_sealed, wrong_tries, locked_until from staff where ${column} = $1 and state = 'active' for update`, [value],
      );
      const after = row === undefined ? undefined : afterTry({ wrongTries: row.wrong_tries, lockedUntilMs: row.locked_until?.getTime() }, atMs);
      if (row !== undefined && after !== undefined) {
        await queries.query('update staff set wrong_tries = $2, locked_until = $3 where staff_id = $1', [row.staff_id, after.wrongTries, after.lockedUntilMs === undefined ? null : new Date(after.lockedUntilMs)]);
      }
      return row === undefined || after === undefined ? undefined : { ...row, wrong_tries: after.wrongTries };
    });
  }

  async #entered(queries: Queries, tried: TriedRow, step: number, atMs: number): Promise<OpenedStaffSession | undefined> {
    const { randomBytes, sessionMs } = this.#options;
    const { staff_id: staffId, role } = tried;
    if (!await isTaken(queries, staffId, step, tried.password_hash)) return undefined;
    const token = `${staffTokenPrefix}${randomBytes(tokenBytes).toString('base64url')}`;
    const sessionId = newId('session', randomBytes);
    const expiresAtMs = atMs + sessionMs;
    await queries.query('delete from staff_session where staff_id = $1 and expires_at < $2', [staffId, new Date(atMs - keptMs)]);
    await queries.query(
      'insert into staff_session (session_id, token_digest, staff_id, role, opened_at, expires_at, confirmed_at) values ($1, $2, $3, $4, $5, $6, $5)',
      [sessionId, digestOf(token), staffId, role, new Date(atMs), new Date(expiresAtMs)],
    );
    return { sessionId, staffId, role, token: new Secret(token), expiresAtMs };
  }
}

/** Uses the time step up, and takes the tries back. @param passwordHash that was judged: it may have been replaced since @returns false: the step was used, or nobody may log in any more */
async function isTaken(queries: Queries, staffId: string, step: number, passwordHash?: string): Promise<boolean> {
  const rows = await queries.query(
    `update staff set totp_step = $2, wrong_tries = 0, locked_until = null where staff_id = $1 and totp_step < $2 and state = 'active' and ($3::text is null or password_hash = $3) returning staff_id`,
    [staffId, step, passwordHash ?? null],
  );
  return rows.length > 0;
}
