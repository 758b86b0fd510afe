/**
 * Whose session is this token's? Asked for every request, and answered from memory for most.
 *
 *   token -> digest -> what the book said of it, not longer ago than `staleMsMax` -> session, or none
 *
 * What is asked for and not known, or too old, is read in one statement with all else that waits. Refuses to answer where the book does not.
 * Invariants: an answer is never from a reading that began more than `staleMsMax` before, so that what another switch ended ends here by then; what
 * this one ended (`forget`) ends at once, whatever is being read meanwhile; no token is kept, its digest is.
 */
import { hash } from 'node:crypto';
import { gatheredReading } from '../base/gathered.ts';
import type { Gathered } from '../base/gathered.ts';

export interface CachedSession {
  readonly sessionId: string;
  /** The user or staff whose it is: what `forget` goes by. */
  readonly subject: string;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface SessionCacheOptions<Session extends CachedSession> {
  /** What every token of the kind begins with. */
  readonly prefix: string;
  /** The sessions that are open now, by their tokens' digests. @throws BookUnavailable */
  readonly read: (digests: readonly string[]) => Promise<ReadonlyMap<string, Session>>;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** `staleMsMaxDefault` where not given. */
  readonly staleMsMax?: number;
}

export const staleMsMaxDefault = 1_000;
/** More than are open at once anywhere; beyond it, the one that was read longest ago goes. */
const sessionsMax = 50_000;
const digestsPerReadMax = 1_000;
export const tokenBytes = 32;
const tokenForm = /^[A-Za-z0-9_-]{43}$/;

export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

interface Known<Session> {
  readonly session: Session;
  /** When the reading began; monotonic ms. */
  readonly readAtMs: number;
}

export class SessionCache<Session extends CachedSession> {
  readonly #options: SessionCacheOptions<Session>;
  readonly #staleMsMax: number;
  readonly #known = new Map<string, Known<Session>>();
  readonly #bySubject = new Map<string, Set<string>>();
  readonly #reading: Gathered<string, Session | 'ended' | undefined>;
  /** Whose sessions ended here since the reading that is under way began; undefined: none is. */
  #ended: Set<string> | undefined;

  constructor(options: SessionCacheOptions<Session>) {
    this.#options = options;
    this.#staleMsMax = options.staleMsMax ?? staleMsMaxDefault;
    this.#reading = gatheredReading(digestsPerReadMax, async (digests) => await this.#read(digests));
  }

  /**
   * @param isFresh reads the book, whatever is known: where a moment ago another switch may have confirmed the session
   * @throws BookUnavailable
   */
  async get(token: string, isFresh = false): Promise<Session | undefined> {
    const { prefix, elapsed } = this.#options;
    if (!token.startsWith(prefix) || !tokenForm.test(token.slice(prefix.length))) return undefined;
    const digest = digestOf(token);
    const known = isFresh ? undefined : this.#known.get(digest);
    const session = known !== undefined && elapsed() - known.readAtMs < this.#staleMsMax ? known.session : await this.#asked(digest);
    return session !== undefined && this.#options.now() < session.expiresAtMs ? session : undefined;
  }

  /** Nothing of what is known of this one's sessions holds any longer. */
  forget(subject: string): void {
    this.#ended?.add(subject);
    for (const digest of this.#bySubject.get(subject) ?? []) this.#known.delete(digest);
    this.#bySubject.delete(subject);
  }

  async #asked(digest: string): Promise<Session | undefined> {
    for (;;) {
      const session = await this.#reading.add(digest);
      if (session !== 'ended') return session;
    }
  }

  /** `ended`: it may have been read before it ended here. */
  async #read(digests: readonly string[]): Promise<ReadonlyMap<string, Session | 'ended'>> {
    const ended = new Set<string>();
    this.#ended = ended;
    const readAtMs = this.#options.elapsed();
    try {
      const found = new Map<string, Session | 'ended'>();
      const sessions = await this.#options.read(digests);
      for (const digest of digests) {
        const session = sessions.get(digest);
        const isEnded = session !== undefined && ended.has(session.subject);
        this.#drop(digest);
        if (session !== undefined && !isEnded) this.#keep(digest, { session, readAtMs });
        if (session !== undefined) found.set(digest, isEnded ? 'ended' : session);
      }
      return found;
    } finally {
      this.#ended = undefined;
    }
  }

  #keep(digest: string, known: Known<Session>): void {
    this.#known.set(digest, known);
    const { subject } = known.session;
    const digests = this.#bySubject.get(subject);
    if (digests === undefined) this.#bySubject.set(subject, new Set([digest]));
    else digests.add(digest);
    if (this.#known.size <= sessionsMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(digest: string): void {
    const known = this.#known.get(digest);
    if (known === undefined) return;
    this.#known.delete(digest);
    const digests = this.#bySubject.get(known.session.subject);
    digests?.delete(digest);
    if (digests?.size === 0) this.#bySubject.delete(known.session.subject);
  }
}
