import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { trace } from '../../src/book/trace.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { bookFixtures, journal, type BookFixture } from './books.ts';
import { drainAll } from './drains.ts';
import { AccountWriter, checks } from './entries.ts';

describe.each(['embedded', 'server'] as const)('a story from the %s book', (kind) => {
  let books: BookFixture;
  let book: Book;
  const writer = new AccountWriter('t');
  const opening = [writer.opened(), writer.loaded(9_000_000)];
  const held = writer.authorized(2000, { rrn: 'RRN000000001', stan: '123', approvalCode: 'OK0001' });
  const other = writer.purchased(10, { rrn: 'RRN000000002', stan: '123', approvalCode: '' });
  const completed = writer.completed(held, 1800);
  const reversal = writer.purchased(1, { originalId: completed.id, mti: '0400', class: 'reversal', rrn: 'RRN000000003' });
  const expiring = writer.authorized(700, { rrn: 'RRN000000004' });
  const expiry = writer.expired(expiring);

  beforeAll(async () => {
    books = await bookFixtures[kind]();
    book = await books.open();
    const store = new MemoryStore({ partitions: 1, now: Date.now });
    await journal(store, 0, [...opening, held, other, completed, reversal, expiring, expiry]);
    expect((await drainAll(store, book)).stops).toEqual([]);
  });
  afterAll(() => books.remove());

  test('any transaction of it leads to all of it, in both directions', async () => {
    const whole = [held.id, completed.id, reversal.id];
    for (const [by, value] of [['rrn', 'RRN000000001'], ['rrn', 'RRN000000003'], ['approvalCode', 'OK0001'], ['id', completed.id], ['id', held.id]] as const) {
      const [story, ...rest] = await trace(book, by, value, 5);
      expect([by, value, story?.transactions.map(({ id }) => id), rest]).toEqual([by, value, whole, []]);
    }
  });

  test('it has the decision, the checks, the postings and what became of the hold', async () => {
    const [story] = await trace(book, 'rrn', 'RRN000000001', 5);
    expect(story?.transactions[0]).toMatchObject({
      decidedBy: 'account', approved: true, reason: '0000', reasonName: 'approved', reasonText: 'Approved', checks, station: 'demo-ascii',
      amount: { amountMinor: 2000, currency: '978' }, billing: undefined, receivedAtMs: held.receivedAtMs, decidedAtMs: held.decidedAtMs,
      transmittedAt: '0616120000', localAt: '0616140000', accountId: 't', sequence: held.sequence, originalId: undefined, postings: [],
    });
    expect(story?.transactions[1]?.postings).toEqual([
      { ledger: 'holder:t', amountMinor: -1800, currency: '978' },
      { ledger: 'settlement:demo', amountMinor: 1800, currency: '978' },
    ]);
    expect(story?.holds).toEqual([
      {
        id: held.id, state: 'completed', heldMinor: 0, openedMinor: 2000, currency: '978', expiresAtMs: held.hold?.expiresAtMs,
        openedAtMs: held.decidedAtMs, closedAtMs: completed.decidedAtMs, changedBy: completed.id,
      },
    ]);
    const [expired] = await trace(book, 'rrn', 'RRN000000004', 5);
    expect(expired?.holds).toMatchObject([{ state: 'expired', closedAtMs: expiry.decidedAtMs, changedBy: expiry.id }]);
  });

  test('a number that was used again leads to each of its stories, the latest first', async () => {
    const stories = await trace(book, 'stan', '000123', 5);
    expect(stories.map(({ transactions }) => transactions[0]?.id)).toEqual([other.id, held.id]);
    expect(await trace(book, 'stan', '123', 1)).toHaveLength(1);
  });

  test('what nobody sent has no story, and an empty name is no name', async () => {
    expect(await trace(book, 'rrn', 'NONE', 5)).toEqual([]);
    expect(await trace(book, 'rrn', '', 5)).toEqual([]);
    expect(await trace(book, 'approvalCode', '', 5)).toEqual([]);
  });
});
