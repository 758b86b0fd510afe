/**
 * Who a token lets in, at each door that goes by tokens; and the end of sessions, which counts here at once and at every other switch on the book a second
 * later.
 *
 * Invariant: whoever ends sessions in the book says so here after the commit.
 */
import type { Book } from '../book/book.ts';
import { SessionCache } from './session-cache.ts';
import { readStaffSessions } from './staff-session-rows.ts';
import type { StaffSession } from './staff-session-rows.ts';
import { readUserSessions } from './user-session-rows.ts';
import type { UserSession } from './user-session-rows.ts';

/** What tokens of users begin with, so that one that lies about somewhere is known for what it is. */
export const userTokenPrefix = 'locum_user_';
export const staffTokenPrefix = 'locum_staff_';

export interface SessionKeeperOptions {
  readonly book: Book;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** How long it may take until a session that another switch ended is refused here; a second where not given. */
  readonly staleMsMax?: number;
}

export class SessionKeeper {
  readonly #users: SessionCache<UserSession>;
  readonly #staff: SessionCache<StaffSession>;

  constructor({ book, ...options }: SessionKeeperOptions) {
    this.#users = new SessionCache({ ...options, prefix: userTokenPrefix, read: async (digests) => await readUserSessions(book, digests) });
    this.#staff = new SessionCache({ ...options, prefix: staffTokenPrefix, read: async (digests) => await readStaffSessions(book, digests) });
  }

  /**
   * @param isFresh asks the book, as where a second confirmation is missed that another switch may have taken a moment ago
   * @returns undefined: there is no such session, or no longer @throws BookUnavailable
   */
  authenticateUser(token: string, isFresh = false): Promise<UserSession | undefined> {
    return this.#users.get(token, isFresh);
  }

  /** As `authenticateUser`. */
  authenticateStaff(token: string, isFresh = false): Promise<StaffSession | undefined> {
    return this.#staff.get(token, isFresh);
  }

  /** After sessions of the user ended, or were confirmed, in the book. */
  userChanged(userId: string): void {
    this.#users.forget(userId);
  }

  /** After sessions of the staff ended, or were confirmed, in the book. */
  staffChanged(staffId: string): void {
    this.#staff.forget(staffId);
  }
}
