/**
 * What calls with an idempotency key were answered (table `remembered_answer`), so that the same call again gets the same answer.
 *
 *   claim -> mine -> answer            it is done once, and its answer kept
 *                 -> release           it was not done, or nobody knows: the next call with the key does it again
 *         -> answered                  as before, byte for byte
 *         -> conflict                  the key was used for another body
 *         -> underWay                  another switch does it
 *
 * A call whose twin is under way in this process waits for it. After a crash in between, the switch that did it begins again at once, any other when
 * the hold is over: services do under one key what they do once. Invariants: no two of one key are under way in this process; bodies are kept as digests under a key, and so are keys
 * that a card number may be in: no table, journal or log has one from there.
 */
import { createHmac } from 'node:crypto';
import { Gathered } from '../base/gathered.ts';
import { maskText } from '../base/mask.ts';
import type { Book, Param, Queries } from '../book/book.ts';

export interface AnswerKey {
  /** Kind and id, as in `partner:shops`. */
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
}

export interface RememberedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** As it was sent; undefined: there was none. */
  readonly body: string | undefined;
  /** Digest of the public key that the body is encrypted for; undefined: it is clear. */
  readonly sealedFor: string | undefined;
  /** Id of the user whom it is about; undefined: of none. */
  readonly about?: string | undefined;
}

/** The status under which an answer is known that was forgotten with the user whom it was about. */
export const forgottenStatus = 410;

export type Claim =
  | { readonly kind: 'mine' }
  | { readonly kind: 'answered'; readonly answer: RememberedAnswer }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'underWay'; readonly retryAfterS: number };

export interface AnswerMemory {
  /** What tells one body from another. */
  digest(text: string): Promise<string>;
  /**
   * What a call is known by in place of the key that it came with: the key itself, or a keyed digest of one that a card number may be in, unless an answer
   * is kept under that already.
   * @throws BookUnavailable
   */
  keyFor(key: AnswerKey): Promise<string>;
  /**
   * @param about the user whom its answer will be about, where that is known: then no index is written for the answer
   * @throws BookUnavailable
   */
  claim(key: AnswerKey, digest: string, about?: string): Promise<Claim>;
  /** Of a claim that is mine. @throws BookUnavailable: it may be kept or not */
  answer(key: AnswerKey, answer: RememberedAnswer): Promise<void>;
  /** Of a claim that is mine. */
  release(key: AnswerKey): void;
}

export interface RememberedAnswersOptions {
  readonly book: Book;
  /** 32 bytes that no book has in clear. */
  readonly digestKey: () => Promise<Uint8Array>;
  /** This switch's name among those on the book. */
  readonly holder: string;
  /** How long a claim of a switch that does not answer any more holds up the others; ms. */
  readonly holdMs: number;
}

interface UnderWay {
  readonly digest: string;
  /** Undefined: there is no answer. */
  readonly ended: Promise<RememberedAnswer | undefined>;
  readonly end: (answer: RememberedAnswer | undefined) => void;
}

interface Row {
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
  readonly body_digest: string;
  readonly held_ms: number | null;
  readonly status: number | null;
  readonly headers: string | null;
  readonly body: string | null;
  readonly sealed_for: string | null;
}

interface Wish extends AnswerKey {
  readonly digest: string;
  readonly about: string | undefined;
}

interface Ended extends AnswerKey {
  /** Undefined: released. */
  readonly answer: RememberedAnswer | undefined;
}

const statementItemsMax = 200;

export class RememberedAnswers implements AnswerMemory {
  readonly #options: RememberedAnswersOptions;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #claims: Gathered<Wish, Claim>;
  readonly #ends: Gathered<Ended, undefined>;

  constructor(options: RememberedAnswersOptions) {
    this.#options = options;
    this.#claims = new Gathered(statementItemsMax, async (take) => await this.#claimAll(take));
    this.#ends = new Gathered(statementItemsMax, async (take) => await this.#endAll(take));
  }

  async digest(text: string): Promise<string> {
    return createHmac('sha256', await this.#options.digestKey()).update(text).digest('base64url');
  }

  async keyFor({ caller, operation, key }: AnswerKey): Promise<string> {
    if (maskText(key) === key) return key;
    // What was kept under the key itself before there were digests of such keys is answered from there, as long as it is kept.
    const [kept] = await this.#options.book.query('select from remembered_answer where caller = $1 and operation = $2 and key = $3', [caller, operation, key]);
    return kept === undefined ? `digest:${await this.digest(key)}` : key;
  }

  async claim(key: AnswerKey, digest: string, about?: string): Promise<Claim> {
    const name = nameOf(key);
    for (;;) {
      const other = this.#underWay.get(name);
      if (other === undefined) break;
      if (other.digest !== digest) return { kind: 'conflict' };
      const answer = await other.ended;
      if (answer !== undefined) return { kind: 'answered', answer };
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<RememberedAnswer | undefined>();
    this.#underWay.set(name, { digest, ended, end });
    let claim: Claim | undefined;
    try {
      claim = await this.#claims.add({ ...key, digest, about });
      return claim;
    } finally {
      if (claim?.kind !== 'mine') this.#end(name, claim?.kind === 'answered' ? claim.answer : undefined);
    }
  }

  async answer(key: AnswerKey, answer: RememberedAnswer): Promise<void> {
    await this.#ends.add({ ...key, answer });
    this.#end(nameOf(key), answer);
  }

  release(key: AnswerKey): void {
    const name = nameOf(key);
    // Where the book does not take it the claim is this switch's still, and so its next call's.
    void this.#ends.add({ ...key, answer: undefined }).catch(() => undefined).then(() => this.#end(name, undefined));
  }

  /** Forgets what was asked for longer ago. @returns how many */
  async prune(hours: number): Promise<number> {
    const rows = await this.#options.book.query('delete from remembered_answer where claimed_at < now() - $1 * interval \'1 hour\' returning 1', [hours]);
    return rows.length;
  }

  #end(name: string, answer: RememberedAnswer | undefined): void {
    const underWay = this.#underWay.get(name);
    this.#underWay.delete(name);
    underWay?.end(answer);
  }

  async #claimAll(take: () => readonly Wish[]): Promise<readonly Claim[]> {
    const { book, holder, holdMs } = this.#options;
    // In one order everywhere, so that no two switches wait for each other. A claim that a crash takes away held up nobody but who would begin it again: it waits for no
    // disk, and is there once its answer is.
    let given: readonly Wish[] = [];
    const columns = (): Param[] => {
      given = take();
      const wishes = [...given].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      return [...columnsOf(wishes), wishes.map(({ digest }) => digest), holder, holdMs, wishes.map(({ about }) => about ?? null)];
    };
    const taken = await book.query<AnswerKey>(`
      insert into remembered_answer as r (caller, operation, key, body_digest, holder, held_until, about)
      select caller, operation, key, body_digest, $5, now() + $6 * interval '1 millisecond', about
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $7::text[]) as w (caller, operation, key, body_digest, about)
      on conflict (caller, operation, key) do update set holder = excluded.holder, held_until = excluded.held_until
        where r.status is null and r.body_digest = excluded.body_digest and (r.held_until <= now() or r.holder = excluded.holder)
      returning r.caller, r.operation, r.key, set_config('synchronous_commit', 'off', true)`, columns);
    const mine = new Set(taken.map(nameOf));
    const known = mine.size === given.length ? [] : await this.#read(given.filter((wish) => !mine.has(nameOf(wish))));
    const rows = new Map(known.map((row) => [nameOf(row), row]));
    return given.map((wish) => {
      const name = nameOf(wish);
      return mine.has(name) ? { kind: 'mine' } : claimOf(rows.get(name), wish.digest);
    });
  }

  async #read(keys: readonly AnswerKey[]): Promise<readonly Row[]> {
    return await this.#options.book.query<Row>(`
      select r.caller, r.operation, r.key, r.body_digest, r.status, r.headers, r.body, r.sealed_for,
          (extract(epoch from r.held_until - now()) * 1000)::float8 as held_ms
        from unnest($1::text[], $2::text[], $3::text[]) as w (caller, operation, key) join remembered_answer r using (caller, operation, key)`, columnsOf(keys));
  }

  async #endAll(take: () => readonly Ended[]): Promise<readonly undefined[]> {
    let ends: readonly Ended[] = [];
    await this.#options.book.query(`
      update remembered_answer r
        set status = w.status, headers = w.headers, body = w.body, sealed_for = w.sealed_for, about = w.about,
          held_until = case when w.status is null then now() end, answered_at = case when w.status is null then null else now() end
        from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[]) as w (caller, operation, key, status, headers, body, sealed_for, about)
        where r.caller = w.caller and r.operation = w.operation and r.key = w.key and r.holder = $9 and r.status is null`, () => {
      ends = take();
      return [
        ...columnsOf(ends), ends.map(({ answer }) => answer?.status ?? null), ends.map(({ answer }) => (answer === undefined ? null : JSON.stringify(answer.headers))),
        ends.map(({ answer }) => answer?.body ?? null), ends.map(({ answer }) => answer?.sealedFor ?? null), ends.map(({ answer }) => answer?.about ?? null), this.#options.holder,
      ];
    });
    return ends.map(() => undefined);
  }
}

/** Forgets what was answered about a user: what was done stays done once, and nobody is told again what it was. */
export async function forgetAnswersAbout(queries: Queries, userId: string): Promise<void> {
  await queries.query(`update remembered_answer set status = $2, headers = '{}', body = null, sealed_for = null where about = $1 and body is not null`, [userId, forgottenStatus]);
}

function nameOf({ caller, operation, key }: AnswerKey): string {
  return `${caller} ${operation} ${key}`;
}

function columnsOf(keys: readonly AnswerKey[]): [string[], string[], string[]] {
  return [keys.map(({ caller }) => caller), keys.map(({ operation }) => operation), keys.map(({ key }) => key)];
}

/** @param row undefined: it was forgotten just now */
function claimOf(row: Row | undefined, digest: string): Claim {
  if (row === undefined) return { kind: 'underWay', retryAfterS: 1 };
  if (row.body_digest !== digest) return { kind: 'conflict' };
  if (row.status === null) return { kind: 'underWay', retryAfterS: Math.max(1, Math.ceil((row.held_ms ?? 0) / 1_000)) };
  return { kind: 'answered', answer: { status: row.status, headers: JSON.parse(row.headers ?? '{}') as Record<string, string>, body: row.body ?? undefined, sealedFor: row.sealed_for ?? undefined } };
}
