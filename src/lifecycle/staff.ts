/**
 * Staff: added by an admin, or at the machine for the first one; each sets a password with an enrolment code that is good once, and gets the secret of one-time codes.
 *
 *   invited ──enrolment code, password──> active <──> locked          a new enrolment takes the password and codes of before away
 *
 * Refuses to leave nobody who is an active admin, once there is one. Invariants: neither password nor code is kept, their digests are; a change of role, a lock and
 * a new enrolment end the sessions.
 */
import type { Book, Queries } from '../book/book.ts';
import { Secret } from '../message/secret.ts';
import { enterAudit } from './audit.ts';
import { codeLength, codeOf, readCode } from './devices.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import { LifecycleRefused, refuseCardNumbers } from './refusal.ts';
import type { SecretHasher } from './secret-hash.ts';
import { digestOf } from './session-cache.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { endStaffSessions } from './staff-session-rows.ts';
import type { StaffRole } from './staff-session-rows.ts';
import type { StaffTotp } from './staff-totp.ts';

export type StaffState = 'invited' | 'active' | 'locked' | 'removed';

export interface StaffMember {
  readonly staffId: string;
  readonly name: string;
  readonly role: StaffRole;
  readonly state: StaffState;
  /** Unix ms; undefined: log-in is not locked by wrong tries. */
  readonly lockedUntilMs: number | undefined;
  /** Unix ms. */
  readonly madeAtMs: number;
  readonly madeBy: string;
}

/** By id, or by name. */
export type StaffName = { readonly staffId: string } | { readonly name: string };

export interface Enrolment {
  readonly code: Secret<string>;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface Enrolled {
  readonly staffId: string;
  readonly name: string;
  readonly role: StaffRole;
  /** Base32: what one-time codes are made of. */
  readonly totpSecret: Secret<string>;
  /** `otpauth://…` */
  readonly totpUri: Secret<string>;
}

export interface StaffOptions {
  readonly book: Book;
  readonly randomBytes: RandomBytes;
  readonly hasher: SecretHasher;
  readonly totp: StaffTotp;
  readonly sessions: Pick<SessionKeeper, 'staffChanged'>;
}

interface StaffRow {
  readonly staff_id: string; readonly name: string; readonly role: StaffRole; readonly state: StaffState; readonly locked_until: Date | null; readonly made_at: Date; readonly made_by: string;
}

export const enrolmentMs = 24 * 3_600_000;
export const passwordLengthMin = 12;
export const passwordLengthMax = 128;
export const staffNamePattern = '^[a-z][a-z0-9.-]{2,31}$';
const columns = 'staff_id, name, role, state, locked_until, made_at, made_by';

export class Staff {
  readonly #options: StaffOptions;

  constructor(options: StaffOptions) {
    this.#options = options;
  }

  /** Once for each key. @param key unique over all who add @throws LifecycleRefused 409 `STAFF_NAME_TAKEN` */
  async add({ name, role }: { readonly name: string; readonly role: StaffRole }, by: string, key: string, atMs: number): Promise<StaffMember> {
    const { book, randomBytes } = this.#options;
    refuseCardNumbers({ name });
    await book.query(
      `insert into staff (staff_id, name, role, state, request_key, made_at, made_by, changed_at) values ($1, $2, $3, 'invited', $4, $5, $6, $5) on conflict do nothing`,
      [newId('staff', randomBytes), name, role, key, new Date(atMs), by],
    );
    const [row] = await book.query<StaffRow>(`select ${columns} from staff where request_key = $1`, [key]);
    if (row === undefined) throw new LifecycleRefused(409, 'STAFF_NAME_TAKEN', 'another one of the staff has, or had, this name', 'name');
    return memberOf(row);
  }

  /** @throws LifecycleRefused 404 */
  async get(name: StaffName): Promise<StaffMember> {
    return memberOf(await required(this.#options.book, name));
  }

  /** By name, without those that were removed. @throws LifecycleRefused */
  async list({ limit, cursor }: PageChoice): Promise<Page<StaffMember>> {
    const [after] = placeOf(cursor, ['string']) ?? [];
    const rows = await this.#options.book.query<StaffRow>(`select ${columns} from staff where state <> 'removed' and ($1::text is null or name > $1) order by name limit $2`, [after ?? null, limit + 1]);
    return pageOf(rows, limit, ({ name }) => [name], memberOf);
  }

  /** A code to set a password with, for a day; what was set before, and codes of before, are good no longer. @throws LifecycleRefused 404, 409 `LAST_ADMIN` */
  async newEnrolment(name: StaffName, atMs: number): Promise<Enrolment & { readonly member: StaffMember }> {
    const { randomBytes } = this.#options;
    const code = codeOf(randomBytes(codeLength));
    const expiresAtMs = atMs + enrolmentMs;
    const member = await this.#changed(name, atMs, async (queries, { staff_id: staffId }) => {
      await queries.query(
        `update staff set state = 'invited', password_hash = null, totp_sealed = null, wrong_tries = 0, locked_until = null, enrolment_digest = $2, enrolment_expires_at = $3, changed_at = $4 where staff_id = $1`,
        [staffId, digestOf(code), new Date(expiresAtMs), new Date(atMs)],
      );
      return 'enrolment';
    });
    return { member, code: new Secret(code), expiresAtMs };
  }

  /** Sets the password, and makes the secret of one-time codes; the audit log has it. @throws LifecycleRefused 400 `PASSWORD_TOO_WEAK`, 403 `ENROLMENT_REFUSED`, 429, 503 */
  async enrol(code: Secret<string>, password: Secret<string>, requestId: string, atMs: number): Promise<Enrolled> {
    const { book, hasher, totp } = this.#options;
    const digest = digestOf(readCode(code.reveal()));
    const [invited] = await book.query<StaffRow>(`select ${columns} from staff where enrolment_digest = $1 and enrolment_expires_at > $2 and state = 'invited'`, [digest, new Date(atMs)]);
    if (invited === undefined) throw enrolmentRefused();
    const { staff_id: staffId, name, role } = invited;
    refuseWeak(password.reveal(), name);
    const [passwordHash, { secret, uri, sealed }] = await Promise.all([hasher.hash(password), totp.make(staffId, name)]);
    await book.transaction(async (queries) => {
      const done = await queries.query(
        `update staff set state = 'active', password_hash = $3, totp_sealed = $4, totp_step = 0, enrolment_digest = null, enrolment_expires_at = null, changed_at = $5
         where staff_id = $1 and enrolment_digest = $2 and state = 'invited' returning staff_id`,
        [staffId, digest, passwordHash, sealed, new Date(atMs)],
      );
      if (done.length === 0) throw enrolmentRefused();
      await enterAudit(queries, { actor: staffId, role, action: 'enrolStaff', target: { staffId }, outcome: 'done', requestId, atMs });
    });
    return { staffId, name, role, totpSecret: secret, totpUri: uri };
  }

  /** @throws LifecycleRefused 404, 409 `LAST_ADMIN` */
  async setRole(name: StaffName, role: StaffRole, atMs: number): Promise<StaffMember> {
    return await this.#changed(name, atMs, async (queries, row) => {
      if (row.role === role) return undefined;
      await queries.query('update staff set role = $2, changed_at = $3 where staff_id = $1', [row.staff_id, role, new Date(atMs)]);
      return 'role';
    });
  }

  /** No log-in until it is unlocked. @throws LifecycleRefused 404, 409 `LAST_ADMIN` */
  async lock(name: StaffName, atMs: number): Promise<StaffMember> {
    return await this.#changed(name, atMs, async (queries, row) => {
      if (row.state === 'locked') return undefined;
      await queries.query(`update staff set state = 'locked', enrolment_digest = null, enrolment_expires_at = null, changed_at = $2 where staff_id = $1`, [row.staff_id, new Date(atMs)]);
      return 'locked';
    });
  }

  /** Also takes back a lock by wrong tries. Who had no password yet needs a new enrolment. @throws LifecycleRefused 404 */
  async unlock(name: StaffName, atMs: number): Promise<StaffMember> {
    return await this.#changed(name, atMs, async (queries, row) => {
      await queries.query(
        `update staff set state = case when state <> 'locked' then state when password_hash is null then 'invited' else 'active' end, wrong_tries = 0, locked_until = null, changed_at = $2 where staff_id = $1`,
        [row.staff_id, new Date(atMs)],
      );
      return undefined;
    });
  }

  /** For ever; the name is not given again, so that the audit log stays clear. @throws LifecycleRefused 404, 409 `LAST_ADMIN` */
  async remove(name: StaffName, atMs: number): Promise<void> {
    await this.#changed(name, atMs, async (queries, row) => {
      await queries.query(
        `update staff set state = 'removed', password_hash = null, totp_sealed = null, enrolment_digest = null, enrolment_expires_at = null, changed_at = $2 where staff_id = $1`, [row.staff_id, new Date(atMs)],
      );
      return 'removed';
    });
  }

  /** @param work returns why the sessions end; undefined: they go on */
  async #changed(name: StaffName, atMs: number, work: (queries: Queries, row: StaffRow) => Promise<string | undefined>): Promise<StaffMember> {
    const member = await this.#options.book.transaction(async (queries) => {
      // Of two changes at once each would see the other's admin.
      const admins = await queries.query<{ readonly staff_id: string }>(`select staff_id from staff where role = 'admin' and state = 'active' order by staff_id for update`);
      const row = await required(queries, name, true);
      const why = await work(queries, row);
      const after = await read(queries, { staffId: row.staff_id }, false);
      if (admins.length > 0) {
        const [left] = await queries.query(`select staff_id from staff where role = 'admin' and state = 'active' limit 1`);
        if (left === undefined) throw new LifecycleRefused(409, 'LAST_ADMIN', 'there would be no active admin left');
      }
      if (why !== undefined) await endStaffSessions(queries, row.staff_id, atMs, why);
      return memberOf(after ?? row);
    });
    this.#options.sessions.staffChanged(member.staffId);
    return member;
  }
}

async function read(queries: Queries, name: StaffName, locks: boolean): Promise<StaffRow | undefined> {
  const [column, value] = 'staffId' in name ? ['staff_id', name.staffId] : ['name', name.name];
  const [row] = await queries.query<StaffRow>(`select ${columns} from staff where ${column} = $1${locks ? ' for update' : ''}`, [value]);
  return row;
}

/** @throws LifecycleRefused 404 */
async function required(queries: Queries, name: StaffName, locks = false): Promise<StaffRow> {
  const row = await read(queries, name, locks);
  if (row === undefined || row.state === 'removed') throw new LifecycleRefused(404, 'STAFF_NOT_FOUND', 'there is none of the staff with this name or id');
  return row;
}

function memberOf(row: StaffRow): StaffMember {
  return { staffId: row.staff_id, name: row.name, role: row.role, state: row.state, lockedUntilMs: row.locked_until?.getTime(), madeAtMs: row.made_at.getTime(), madeBy: row.made_by };
}

/** @param field where the password is @throws LifecycleRefused 400 `PASSWORD_TOO_WEAK` */
export function refuseWeak(password: string, name: string, field = 'password'): void {
  const { length } = password;
  const isPlain = password.toLowerCase().includes(name) || new Set(password).size < 5;
  if (length < passwordLengthMin || length > passwordLengthMax || isPlain) {
    throw new LifecycleRefused(400, 'PASSWORD_TOO_WEAK', `a password has ${passwordLengthMin} to ${passwordLengthMax} characters, five different ones at least, and not the name in it`, field);
  }
}

function enrolmentRefused(): LifecycleRefused {
  return new LifecycleRefused(403, 'ENROLMENT_REFUSED', 'this code enrols nobody: it is used, over, or nobody\'s', 'code');
}
