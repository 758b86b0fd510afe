/** Cards over a real book, a real store and real keys: a verified user with a balance of the demo's program, and the services. */
import { randomBytes } from 'node:crypto';
import type { Book } from '../../src/book/book.ts';
import { CardIssuing } from '../../src/lifecycle/card-issuing.ts';
import type { CardWish } from '../../src/lifecycle/card-issuing.ts';
import { Cards } from '../../src/lifecycle/cards.ts';
import type { CardActor } from '../../src/lifecycle/cards.ts';
import type { AccountDesk, Delivery } from '../../src/lifecycle/ports.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import type { TableDocument } from '../../src/tables/tables.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { newId, openDesks, watched } from './fixture.ts';
import type { Desks } from './fixture.ts';

export const delivery: Delivery = { name: 'Ada Lovelace', lines: ['12 St James’s Square'], postalCode: 'SW1Y 4JH', town: 'London', country: 'GB' };

export const holderOf = (userId: string): CardActor => ({ by: 'holder', partner: 'demo', userId });
export const partnerOf = (userId: string): CardActor => ({ by: 'partner', partner: 'demo', userId });
export const staff: CardActor = { by: 'staff' };

/** The demo's tables with something else in the row of its program. */
export function tablesWith(program: Readonly<Record<string, unknown>>): readonly TableDocument[] {
  return demoTables.map((row) => (row.kind === 'program' && row.name === 'demo' ? { ...row, document: { ...row.document, ...program } } : row));
}

export class CardHouse {
  readonly book: Book;
  readonly desks: Desks;
  readonly issuing: CardIssuing;
  readonly cards: Cards;
  /** Unix ms; a test may put it forward. */
  nowMs = Date.now();
  readonly #books: BookFixture;

  private constructor(books: BookFixture, book: Book, desks: Desks) {
    this.#books = books;
    this.book = book;
    this.desks = desks;
    ({ issuing: this.issuing, cards: this.cards } = this.servicesOver(desks.desk));
  }

  /** @param kind of the book */
  static async open(tables: readonly TableDocument[] = demoTables, kind: keyof typeof bookFixtures = 'embedded'): Promise<CardHouse> {
    const books = await bookFixtures[kind]();
    return new CardHouse(books, await books.open(), await openDesks(tables));
  }

  /** Services like the house's over other accounts, such as ones that break. */
  servicesOver(accounts: AccountDesk, book: Book = this.book): { readonly issuing: CardIssuing; readonly cards: Cards } {
    const now = (): number => this.nowMs;
    const issuing = new CardIssuing({ book, accounts, cards: this.desks.desk, now, randomBytes });
    return { issuing, cards: new Cards({ ...watched(book), accounts, locks: this.desks.desk, cards: this.desks.desk, issuing, now }) };
  }

  /** A user, verified unless it is said otherwise. */
  async user(kyc: 'none' | 'verified' = 'verified', name: readonly [string, string] = ['Ada', 'Lovelace']): Promise<string> {
    const userId = newId('u');
    await this.book.query(
      `insert into person (user_id, partner, given_name, family_name, state, kyc, kyc_by, request_key, registered_at, changed_at) values ($1, 'demo', $2, $3, 'active', $4, $5, $1, now(), now())`,
      [userId, name[0], name[1], kyc, kyc === 'none' ? null : 'partner'],
    );
    return userId;
  }

  /** An open balance of the user's, with money. */
  async balance(userId: string, amountMinor = 10_000): Promise<string> {
    const balanceId = newId('b');
    await this.book.query(
      `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at) values ($1, $2, 'demo', 'demo', '978', '', 'open', $1, now(), now())`,
      [balanceId, userId],
    );
    const base = { accountId: balanceId, receivedAtMs: this.nowMs };
    await this.apply({ ...base, kind: 'open', id: `open-${balanceId}`, currency: '978', program: 'demo', partner: 'demo' });
    if (amountMinor > 0) await this.apply({ ...base, kind: 'load', id: `load-${balanceId}`, amountMinor });
    return balanceId;
  }

  async apply(message: Parameters<AccountDesk['apply']>[0]): Promise<void> {
    const outcome = await this.desks.desk.apply(message);
    if (outcome.kind !== 'applied' || outcome.reason !== '0000') throw new Error(`${message.kind}: ${JSON.stringify(outcome)}`);
  }

  wish(userId: string, balanceId?: string, requestKey = newId('k')): CardWish {
    return { requestKey, userId, partner: 'demo', balanceId, holderName: undefined };
  }

  async close(): Promise<void> {
    await this.desks.close();
    await this.#books.remove();
  }
}
