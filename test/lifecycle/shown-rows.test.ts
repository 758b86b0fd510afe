/** What two switches on one book show of what one of them has changed: at once where it was changed, within a second at the other. And never of what is in an account. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomBytes } from 'node:crypto';
import type { Book } from '../../src/book/book.ts';
import type { WatchedBook } from '../../src/book/watched-book.ts';
import { BalanceViews } from '../../src/lifecycle/balance-view.ts';
import { Balances } from '../../src/lifecycle/balances.ts';
import { CardIssuing } from '../../src/lifecycle/card-issuing.ts';
import { Cards } from '../../src/lifecycle/cards.ts';
import { People } from '../../src/lifecycle/people.ts';
import { staleMsMax } from '../../src/lifecycle/row-memory.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';
import { newId, openDesks, watched, type Desks } from './fixture.ts';
import { person } from './people.ts';

describe.each(Object.keys(bookFixtures) as (keyof typeof bookFixtures)[])('two switches on the %s book', (kind) => {
  let fixture: BookFixture;
  let outside: Book;
  let desks: Desks;
  let elapsedMs = 0;
  const now = (): number => Date.now();

  interface Switch {
    readonly book: WatchedBook;
    readonly people: People;
    readonly balances: Balances;
    readonly views: BalanceViews;
    readonly cards: Cards;
    readonly issuing: CardIssuing;
  }
  let here: Switch;
  let there: Switch;

  function open(): Switch {
    const { book, rows } = watched(outside, () => elapsedMs);
    const { desk } = desks;
    const issuing = new CardIssuing({ book, accounts: desk, cards: desk, now, randomBytes });
    return {
      book, issuing, people: new People({ book, rows, randomBytes, sessions: { userChanged: () => undefined } }), balances: new Balances({ book, rows, desk, now, randomBytes }),
      views: new BalanceViews({ book, rows, desk }), cards: new Cards({ book, rows, accounts: desk, locks: desk, cards: desk, issuing, now }),
    };
  }

  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    outside = await fixture.open();
    desks = await openDesks();
    [here, there] = [open(), open()];
  });
  afterAll(async () => {
    await desks.close();
    await fixture.remove();
  });

  /** A user with a balance, which both switches have shown. */
  async function shownAtBoth(): Promise<{ readonly userId: string; readonly balanceId: string }> {
    const { userId } = await person(here.book);
    const { balanceId } = await here.balances.create({ partner: 'demo', userId }, {}, newId('k'));
    for (const each of [here, there]) {
      await each.people.get({ partner: 'demo', userId });
      await each.balances.list({ userId }, { limit: 50 });
      await each.views.one(await each.balances.get({ balanceId }));
      await each.cards.list({ by: 'partner', partner: 'demo', userId }, {}, { limit: 50 });
    }
    return { userId, balanceId };
  }

  test('a user who is renamed, or deleted, is shown so at once here, and there within a second', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const name = { partner: 'demo', userId };
    await here.people.change(name, { givenName: 'Grace' }, now());
    expect((await here.people.get(name)).givenName).toBe('Grace');
    elapsedMs += staleMsMax;
    expect((await there.people.get(name)).givenName).toBe('Grace');
    await here.balances.close({ balanceId });
    await here.people.remove(name, now());
    await expect(here.people.get(name)).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    elapsedMs += staleMsMax;
    await expect(there.people.get(name)).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
  });

  test('a balance that is opened or closed is shown so at once here, alone and in its list, and there within a second', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const { balanceId: second } = await here.balances.create({ partner: 'demo', userId }, {}, newId('k'));
    await here.balances.close({ balanceId });
    const after = [{ balanceId, state: 'closed' }, { balanceId: second, state: 'open' }];
    expect((await here.balances.list({ userId }, { limit: 50 })).items).toMatchObject(after);
    expect(await here.balances.get({ balanceId })).toMatchObject({ state: 'closed' });
    elapsedMs += staleMsMax;
    expect((await there.balances.list({ userId }, { limit: 50 })).items).toMatchObject(after);
    expect(await there.balances.get({ balanceId })).toMatchObject({ state: 'closed' });
  });

  test('a card that is made is shown at once here, with its user, its balance and by itself, and there within a second', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const holder = { by: 'holder', partner: 'demo', userId } as const;
    const { cardId } = await here.issuing.createVirtual({ requestKey: newId('k'), userId, partner: 'demo', balanceId, holderName: undefined });
    const expectShownBy = async ({ cards, views, balances }: Switch): Promise<void> => {
      expect((await cards.list(holder, {}, { limit: 50 })).items).toMatchObject([{ cardId }]);
      expect((await cards.list(holder, { balanceId: newId('b') }, { limit: 50 })).items).toEqual([]);
      expect((await views.one(await balances.get({ balanceId }))).cards).toMatchObject([{ cardId }]);
      expect(await cards.get(holder, cardId)).toMatchObject({ cardId });
    };
    await expectShownBy(here);
    elapsedMs += staleMsMax;
    await expectShownBy(there);
  });

  test('what is in a balance and how a card is locked is never remembered: what one switch did both show at once', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const holder = { by: 'holder', partner: 'demo', userId } as const;
    const { cardId } = await here.issuing.createVirtual({ requestKey: newId('k'), userId, partner: 'demo', balanceId, holderName: undefined });
    elapsedMs += staleMsMax;
    await there.cards.get(holder, cardId);
    for (let amountMinor = 100; amountMinor <= 500; amountMinor += 100) {
      await here.balances.reload({ balanceId }, { amountMinor: 100, currency: 'EUR' }, newId('k'));
      for (const each of [here, there]) expect((await each.views.one(await each.balances.get({ balanceId }))).available).toEqual({ amountMinor, currency: 'EUR' });
    }
    await here.cards.lock(holder, cardId, 7, newId('k'));
    expect(await there.cards.get(holder, cardId)).toMatchObject({ lockCode: 7 });
  });

  test('nobody is shown what is another\'s, however often it was shown to its own', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const stranger = (await person(here.book)).userId;
    const { cardId } = await here.issuing.createVirtual({ requestKey: newId('k'), userId, partner: 'demo', balanceId, holderName: undefined });
    await here.cards.get({ by: 'holder', partner: 'demo', userId }, cardId);
    await here.balances.get({ balanceId, userId });
    await expect(here.cards.get({ by: 'holder', partner: 'demo', userId: stranger }, cardId)).rejects.toMatchObject({ code: 'CARD_NOT_FOUND' });
    await expect(here.balances.get({ balanceId, userId: stranger })).rejects.toMatchObject({ code: 'BALANCE_NOT_FOUND' });
    await expect(here.balances.get({ balanceId, partner: 'shops' })).rejects.toMatchObject({ code: 'BALANCE_NOT_FOUND' });
    await expect(here.people.get({ partner: 'shops', userId })).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    expect((await here.balances.list({ partner: 'shops', userId }, { limit: 50 })).items).toEqual([]);
  });

  test('lists are read on by their cursors, whatever is remembered of their beginning', async () => {
    const { userId, balanceId } = await shownAtBoth();
    const made = [balanceId];
    for (let count = 0; count < 4; count += 1) made.push((await here.balances.create({ partner: 'demo', userId }, {}, newId('k'))).balanceId);
    const met: string[] = [];
    for (let cursor: string | undefined, isMore = true; isMore;) {
      const page = await here.balances.list({ userId }, { limit: 2, cursor });
      met.push(...page.items.map((row) => row.balanceId));
      cursor = page.nextCursor;
      isMore = cursor !== undefined;
    }
    expect([...met].sort()).toEqual([...made].sort());
  });

  test('a transaction tells of what it wrote when it is over, whether it was taken or not', async () => {
    const told: string[] = [];
    const { book } = watched(outside);
    book.watch('person', () => told.push('person'));
    book.watch('user_balance', () => told.push('balance'));
    await book.transaction(async (queries) => {
      await queries.query('select from person for update');
      await queries.query(`update person set given_name = 'Grace' where user_id = 'u_nobody'`);
      expect(told).toEqual([]);
    });
    expect(told).toEqual(['person']);
    await expect(book.transaction(async (queries) => {
      await queries.query(`update user_balance set name = 'x' where balance_id = 'b_none'`);
      throw new Error('given up');
    })).rejects.toThrow('given up');
    await book.query('select * from person limit 1');
    expect(told).toEqual(['person', 'balance']);
  });
});
