/**
 * Users: registered by their partner, found, changed, locked, and deleted.
 *
 * Refuses an external id or a phone number that another of the partner's users has, and to delete whoever still has a balance. Invariants: a user stays
 * the partner's who registered it; of a deleted one no personal datum is left; a locked or deleted one has no session.
 */
import type { Book } from '../book/book.ts';
import { forgetOrders } from './card-rows.ts';
import { newId } from './ids.ts';
import type { RandomBytes } from './ids.ts';
import { timeOfPlace } from './json.ts';
import { pageOf, placeOf } from './page.ts';
import type { Page, PageChoice } from './page.ts';
import { hasBalance, personColumns, personOf, requirePerson, personMissing } from './person-rows.ts';
import type { Kyc, Person, PersonName, PersonRow, PersonState } from './person-rows.ts';
import { LifecycleRefused, refuseCardNumbers } from './refusal.ts';
import { forgetAnswersAbout } from './remembered-answers.ts';
import type { SessionKeeper } from './session-keeper.ts';
import type { ShownRows } from './shown-rows.ts';
import { endUserSessions, retireDevice } from './user-session-rows.ts';

export interface Identifiers {
  readonly externalId?: string | undefined;
  readonly phone?: string | undefined;
  readonly email?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
}

export interface PeopleChoice extends PageChoice {
  /** Undefined: of all. */
  readonly partner?: string | undefined;
  readonly externalId?: string | undefined;
  readonly phone?: string | undefined;
  readonly state?: Exclude<PersonState, 'deleted'> | undefined;
  readonly kyc?: Kyc | undefined;
}

export interface PeopleOptions {
  readonly book: Book;
  readonly rows: Pick<ShownRows, 'person'>;
  readonly randomBytes: RandomBytes;
  readonly sessions: Pick<SessionKeeper, 'userChanged'>;
}

const uniqueViolation = '23505';

export class People {
  readonly #options: PeopleOptions;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** Once for each key. @throws LifecycleRefused 400 `CARD_NUMBER_REFUSED`, 409 `EXTERNAL_ID_TAKEN`, `PHONE_TAKEN`, `USER_DELETED` */
  async register(partner: string, { externalId, phone, email, givenName, familyName }: Identifiers, key: string, atMs: number): Promise<Person> {
    const { book, randomBytes } = this.#options;
    refuseCardNumbers({ externalId, email, givenName, familyName });
    return await unlessTaken(async () => await book.transaction(async (queries) => {
      await queries.query(
        `insert into person (user_id, partner, external_id, phone, email, given_name, family_name, state, kyc, request_key, registered_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'active', 'none', $8, $9, $9) on conflict (partner, request_key) do nothing`,
        [newId('user', randomBytes), partner, externalId ?? null, phone ?? null, email ?? null, givenName ?? null, familyName ?? null, key, new Date(atMs)],
      );
      const [row] = await queries.query<PersonRow>(`select ${personColumns} from person where partner = $1 and request_key = $2`, [partner, key]);
      if (row === undefined) throw new LifecycleRefused(503, 'BOOK_UNAVAILABLE', 'whether the user is registered cannot be told; the same call again does it once');
      if (row.state === 'deleted') throw new LifecycleRefused(409, 'USER_DELETED', 'the user whom this key registered was deleted; another key registers another');
      return personOf(row);
    }));
  }

  /** As it is shown. @param partner undefined: whosever @throws LifecycleRefused 404 */
  async get({ partner, userId }: { readonly partner: string | undefined; readonly userId: string }): Promise<Person> {
    const person = await this.#options.rows.person(userId);
    if (person === undefined || (partner !== undefined && person.partner !== partner)) throw personMissing();
    return person;
  }

  /** The last registered first. @throws LifecycleRefused */
  async list({ partner, externalId, phone, state, kyc, limit, cursor }: PeopleChoice): Promise<Page<Person>> {
    const [beforeMs, beforeId] = placeOf(cursor, ['number', 'string']) ?? [];
    const rows = await this.#options.book.query<PersonRow>(
      `select ${personColumns} from person where state <> 'deleted' and ($1::text is null or partner = $1) and ($2::text is null or external_id = $2) and ($3::text is null or phone = $3)
         and ($4::text is null or state = $4) and ($5::text is null or kyc = $5) and (registered_at, user_id) < ($6::timestamptz, $7)
       order by registered_at desc, user_id desc limit $8`,
      [partner ?? null, externalId ?? null, phone ?? null, state ?? null, kyc ?? null, timeOfPlace(beforeMs, 'last'), beforeId ?? '', limit + 1],
    );
    return pageOf(rows, limit, ({ registered_at: at, user_id: id }) => [at.getTime(), id], personOf);
  }

  /** What is given takes the place of what was there; what is not given stays. @throws LifecycleRefused 404, 409 as `register` */
  async change(name: PersonName, { externalId, phone, email, givenName, familyName }: Identifiers, atMs: number): Promise<Person> {
    refuseCardNumbers({ externalId, email, givenName, familyName });
    return await unlessTaken(async () => await this.#options.book.transaction(async (queries) => {
      const { userId } = await requirePerson(queries, name, 'update');
      await queries.query(
        `update person set external_id = coalesce($2, external_id), phone = coalesce($3, phone), email = coalesce($4, email), given_name = coalesce($5, given_name),
           family_name = coalesce($6, family_name), changed_at = $7 where user_id = $1`,
        [userId, externalId ?? null, phone ?? null, email ?? null, givenName ?? null, familyName ?? null, new Date(atMs)],
      );
      return await requirePerson(queries, { ...name, userId, externalId: undefined, phone: undefined });
    }));
  }

  /** A locked user has no session and opens none. The cards go on; they are locked by themselves. @throws LifecycleRefused 404 */
  async setState(name: PersonName, state: Exclude<PersonState, 'deleted'>, atMs: number): Promise<Person> {
    const changed = await this.#options.book.transaction(async (queries) => {
      const person = await requirePerson(queries, name, 'update');
      if (person.state === state) return person;
      await queries.query('update person set state = $2, changed_at = $3 where user_id = $1', [person.userId, state, new Date(atMs)]);
      if (state === 'locked') await endUserSessions(queries, person.userId, atMs, 'userLocked');
      return { ...person, state, changedAtMs: atMs };
    });
    this.#options.sessions.userChanged(changed.userId);
    return changed;
  }

  /** For ever: what the user was called and verified by is not kept. One that is not there any more is deleted already. @throws LifecycleRefused 404, 409 `USER_HAS_BALANCE` */
  async remove({ partner, userId }: { readonly partner: string | undefined; readonly userId: string }, atMs: number): Promise<void> {
    const { book, sessions } = this.#options;
    await book.transaction(async (queries) => {
      const [row] = await queries.query<{ readonly state: PersonState }>('select state from person where user_id = $1 and ($2::text is null or partner = $2) for update', [userId, partner ?? null]);
      if (row === undefined) throw personMissing();
      if (row.state === 'deleted') return;
      if (await hasBalance(queries, userId)) throw new LifecycleRefused(409, 'USER_HAS_BALANCE', 'the user has a balance that is not closed');
      await retireDevice(queries, userId, atMs, 'userDeleted');
      await queries.query('delete from pairing_code where user_id = $1', [userId]);
      await forgetAnswersAbout(queries, userId);
      await queries.query(`update device set name = '' where user_id = $1`, [userId]);
      await queries.query(`update issued_card set holder_name = '' where user_id = $1`, [userId]);
      await forgetOrders(queries, userId, atMs);
      await queries.query(`update job set input = '{}' where owner = $1 and state <> 'waiting'`, [userId]);
      await queries.query(`update user_balance set name = '' where user_id = $1`, [userId]);
      await queries.query(
        `update person set state = 'deleted', external_id = null, phone = null, email = null, given_name = null, family_name = null, birth_date = null, changed_at = $2 where user_id = $1`,
        [userId, new Date(atMs)],
      );
    });
    sessions.userChanged(userId);
  }
}

const taken: Readonly<Record<string, readonly [code: string, detail: string, field: string]>> = {
  person_by_external_id: ['EXTERNAL_ID_TAKEN', 'another user has this external id', 'externalId'],
  person_by_phone: ['PHONE_TAKEN', 'another user has this phone number', 'phone'],
};

async function unlessTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const [code, detail, field] = error instanceof Error && 'code' in error && error.code === uniqueViolation && 'constraint' in error ? (taken[String(error.constraint)] ?? []) : [];
    if (code === undefined || detail === undefined) throw error;
    throw new LifecycleRefused(409, code, detail, field);
  }
}
