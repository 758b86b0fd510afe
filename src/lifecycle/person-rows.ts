/**
 * Users as the book has them.
 *
 * Invariants: whoever asks for a partner gets that partner's users, and of others not even that they are there; rows are locked in the order user, device, session,
 * so that nobody waits for each other.
 */
import type { Queries } from '../book/book.ts';
import { LifecycleRefused } from './refusal.ts';

export type PersonState = 'active' | 'locked' | 'deleted';
export type Kyc = 'none' | 'started' | 'verified' | 'refused';

export interface Person {
  readonly userId: string;
  readonly partner: string;
  /** What the partner calls the user. */
  readonly externalId: string | undefined;
  /** E.164. */
  readonly phone: string | undefined;
  readonly email: string | undefined;
  readonly givenName: string | undefined;
  readonly familyName: string | undefined;
  /** YYYY-MM-DD. */
  readonly birthDate: string | undefined;
  readonly state: PersonState;
  readonly kyc: Kyc;
  /** Who began or decided it: the partner by its flag, or the service by its own process. */
  readonly kycBy: 'partner' | 'service' | undefined;
  /** Unix ms. */
  readonly registeredAtMs: number;
  readonly changedAtMs: number;
}

/** Which user is meant: one of them; `partner` undefined: whosever. */
export interface PersonName {
  readonly partner: string | undefined;
  readonly userId?: string | undefined;
  readonly externalId?: string | undefined;
  readonly phone?: string | undefined;
}

export interface PersonRow {
  readonly user_id: string; readonly partner: string; readonly external_id: string | null; readonly phone: string | null; readonly email: string | null; readonly given_name: string | null;
  readonly family_name: string | null; readonly birth_date: string | null; readonly state: PersonState; readonly kyc: Kyc; readonly kyc_by: 'partner' | 'service' | null;
  readonly registered_at: Date; readonly changed_at: Date;
}

export const personColumns = `user_id, partner, external_id, phone, email, given_name, family_name, to_char(birth_date, 'YYYY-MM-DD') as birth_date, state, kyc, kyc_by, registered_at, changed_at`;

export function personOf(row: PersonRow): Person {
  return {
    userId: row.user_id, partner: row.partner, externalId: row.external_id ?? undefined, phone: row.phone ?? undefined, email: row.email ?? undefined, givenName: row.given_name ?? undefined,
    familyName: row.family_name ?? undefined, birthDate: row.birth_date ?? undefined, state: row.state, kyc: row.kyc, kycBy: row.kyc_by ?? undefined,
    registeredAtMs: row.registered_at.getTime(), changedAtMs: row.changed_at.getTime(),
  };
}

/**
 * @param lock within a transaction: `share` keeps the user as it is until the end, `update` keeps others away as well
 * @returns undefined: there is none of this name, or it is another partner's, or deleted @throws BookUnavailable
 */
export async function findPerson(queries: Queries, { partner, userId, externalId, phone }: PersonName, lock?: 'share' | 'update'): Promise<Person | undefined> {
  const [row] = await queries.query<PersonRow>(
    `select ${personColumns} from person where ($1::text is null or partner = $1) and ($2::text is null or user_id = $2) and ($3::text is null or external_id = $3) and ($4::text is null or phone = $4)
       and num_nonnulls($2::text, $3::text, $4::text) > 0 and state <> 'deleted' order by registered_at limit 1${lock === undefined ? '' : (lock === 'share' ? ' for share' : ' for no key update')}`,
    [partner ?? null, userId ?? null, externalId ?? null, phone ?? null],
  );
  return row === undefined ? undefined : personOf(row);
}

export function personMissing(): LifecycleRefused {
  return new LifecycleRefused(404, 'USER_NOT_FOUND', 'there is no such user');
}

/** As `findPerson`. @throws LifecycleRefused 404 */
export async function requirePerson(queries: Queries, name: PersonName, lock?: 'share' | 'update'): Promise<Person> {
  const person = await findPerson(queries, name, lock);
  if (person === undefined) throw personMissing();
  return person;
}

/**
 * A user who may have a balance and cards: strongly verified, and not locked. Within a transaction the user stays so until its end.
 * @throws LifecycleRefused 404, 409 `USER_LOCKED`, 409 `USER_NOT_VERIFIED`
 */
export async function requireVerified(queries: Queries, name: PersonName): Promise<Person> {
  const person = await requirePerson(queries, name, 'share');
  refuseUnverified(person);
  return person;
}

/** @throws LifecycleRefused as `requireVerified` */
export function refuseUnverified(person: Pick<Person, 'state' | 'kyc'>): void {
  if (person.state === 'locked') throw new LifecycleRefused(409, 'USER_LOCKED', 'the user is locked');
  if (person.kyc !== 'verified') throw new LifecycleRefused(409, 'USER_NOT_VERIFIED', `the user is not verified: KYC is ${person.kyc}`);
}

export async function isDeleted(queries: Queries, userId: string): Promise<boolean> {
  return (await queries.query(`select user_id from person where user_id = $1 and state = 'deleted'`, [userId])).length > 0;
}

/** Has the user a balance that is not closed? */
export async function hasBalance(queries: Queries, userId: string): Promise<boolean> {
  const rows = await queries.query(`select balance_id from user_balance where user_id = $1 and state <> 'closed' limit 1`, [userId]);
  return rows.length > 0;
}
