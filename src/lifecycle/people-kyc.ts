/**
 * Strong verification of users (KYC): begun by the user or the partner, decided by the service's own process, or set by the partner's flag.
 *
 *   none ──begin──> started ──the service decides──> verified <──> refused
 *     └────────────────┴────── the partner's flag ──────┘
 *
 * Refuses a partner's flag against a decision of the service's own process, also where that has been begun anew since, and a decision of the service on what
 * nobody began. Invariant: each change is in the history, with who and why; how it stands is the last of it.
 */
import { maskText } from '../base/mask.ts';
import type { Book, Queries } from '../book/book.ts';
import { requirePerson } from './person-rows.ts';
import type { Kyc, Person, PersonName } from './person-rows.ts';
import { LifecycleRefused, refuseCardNumbers } from './refusal.ts';

/** Who wants it changed. */
export type KycActor =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'partner'; readonly name: string }
  | { readonly kind: 'staff'; readonly name: string };

export interface PersonDetails {
  readonly givenName: string;
  readonly familyName: string;
  /** YYYY-MM-DD. */
  readonly birthDate: string;
}

export interface KycChange {
  /** Unix ms. */
  readonly atMs: number;
  readonly kyc: Kyc;
  readonly byKind: KycActor['kind'];
  readonly by: string;
  readonly why: string;
}

export class PeopleKyc {
  readonly #book: Book;

  constructor(book: Book) {
    this.#book = book;
  }

  /** Begins the service's own process, or begins it again after a refusal. One that is begun stays as it is, with these details. @throws LifecycleRefused 404, 409 `KYC_DECIDED` */
  async begin(name: PersonName, { givenName, familyName, birthDate }: PersonDetails, by: KycActor, atMs: number): Promise<Person> {
    if (!isPastDate(birthDate, atMs)) throw new LifecycleRefused(400, 'FIELD_INVALID', 'a date of birth is a day in the past', 'birthDate');
    refuseCardNumbers({ givenName, familyName });
    return await this.#book.transaction(async (queries) => {
      const person = await requirePerson(queries, name, 'update');
      if (person.kyc === 'verified') throw new LifecycleRefused(409, 'KYC_DECIDED', 'the user is verified already');
      await queries.query('update person set given_name = $2, family_name = $3, birth_date = $4, changed_at = $5 where user_id = $1', [person.userId, givenName, familyName, birthDate, new Date(atMs)]);
      if (person.kyc !== 'started') await change(queries, person.userId, 'started', 'service', by, '', atMs);
      return await requirePerson(queries, { partner: name.partner, userId: person.userId });
    });
  }

  /** The partner's flag. @throws LifecycleRefused 404, 409 `KYC_DECIDED` */
  async flag(name: PersonName, kyc: 'verified' | 'refused', partner: string, why: string, atMs: number): Promise<Person> {
    return await this.#book.transaction(async (queries) => {
      const person = await requirePerson(queries, name, 'update');
      if (person.kyc === kyc) return person;
      const decided = person.kycBy === 'service' ? await decidedByService(queries, person.userId) : undefined;
      if (decided !== undefined) throw new LifecycleRefused(409, 'KYC_DECIDED', `the service's own process has decided: ${decided}`);
      await change(queries, person.userId, kyc, 'partner', { kind: 'partner', name: partner }, why, atMs);
      return await requirePerson(queries, { partner: name.partner, userId: person.userId });
    });
  }

  /** The service's own process. A decision of its own can be taken back, and a partner's overruled. @throws LifecycleRefused 404, 409 `KYC_NOT_STARTED` */
  async decide(name: PersonName, kyc: 'verified' | 'refused', staffId: string, why: string, atMs: number): Promise<Person> {
    return await this.#book.transaction(async (queries) => {
      const person = await requirePerson(queries, name, 'update');
      if (person.kyc === 'none') throw new LifecycleRefused(409, 'KYC_NOT_STARTED', 'nobody has begun to verify this user');
      if (person.kyc === kyc && person.kycBy === 'service') return person;
      await change(queries, person.userId, kyc, 'service', { kind: 'staff', name: staffId }, why, atMs);
      return await requirePerson(queries, { partner: name.partner, userId: person.userId });
    });
  }

  /** All changes, the first one first. @throws LifecycleRefused 404 */
  async history(name: PersonName): Promise<readonly KycChange[]> {
    const { userId } = await requirePerson(this.#book, name);
    const rows = await this.#book.query<{ readonly changed_at: Date; readonly kyc: Kyc; readonly by_kind: KycActor['kind']; readonly by_name: string; readonly why: string }>(
      'select changed_at, kyc, by_kind, by_name, why from kyc_history where user_id = $1 order by place', [userId],
    );
    return rows.map(({ changed_at: at, kyc, by_kind: byKind, by_name: by, why }) => ({ atMs: at.getTime(), kyc, byKind, by, why }));
  }
}

/** What the service's own process has decided last; undefined: nothing. A process that was begun anew has not taken that back. */
async function decidedByService(queries: Queries, userId: string): Promise<Kyc | undefined> {
  const [last] = await queries.query<{ readonly kyc: Kyc }>(`select kyc from kyc_history where user_id = $1 and by_kind = 'staff' order by place desc limit 1`, [userId]);
  return last?.kyc;
}

async function change(queries: Queries, userId: string, kyc: Kyc, kycBy: 'partner' | 'service', by: KycActor, why: string, atMs: number): Promise<void> {
  await queries.query('update person set kyc = $2, kyc_by = $3, changed_at = $4 where user_id = $1', [userId, kyc, kycBy, new Date(atMs)]);
  await queries.query(
    `insert into kyc_history (user_id, place, changed_at, kyc, by_kind, by_name, why)
     values ($1, 1 + (select count(*) from kyc_history where user_id = $1), $2, $3, $4, $5, $6)`,
    [userId, new Date(atMs), kyc, by.kind, by.name, maskText(why)],
  );
}

function isPastDate(text: string, atMs: number): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  // What is no day of the calendar comes back as another day.
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text) && ms < atMs && text >= '1900-01-01';
}
