import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verify } from '../../src/book/verify.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { accountId, cardRecord, Ledger, startMs } from '../account/fixture.ts';
import { bookFixtures, journal, type BookFixture } from './books.ts';
import { drainAll } from './drains.ts';

const base = { accountId, receivedAtMs: startMs } as const;

describe.each(['embedded', 'server'] as const)('an account’s own steps in the %s book', (kind) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  test('transfers are postings, what is closed on a card and what replaced it are its row, and a closed balance has its time', async () => {
    const ledger = Ledger.with(100);
    ledger.playAll(
      { ...base, kind: 'transferOut', id: 'out', transferId: 't_1', amountMinor: 60 }, { ...base, kind: 'transferRefund', id: 'back', transferId: 't_1' },
      { ...base, kind: 'transferOut', id: 'out-2', transferId: 't_2', amountMinor: 30 }, { ...base, kind: 'transferSettle', id: 'settled', transferId: 't_2' },
      { ...base, kind: 'transferIn', id: 'in', transferId: 't_3', amountMinor: 5, currency: '978' }, { ...base, kind: 'transferIn', id: 'no', transferId: 't_4', amountMinor: 5, currency: '840' },
      { ...base, kind: 'controlsSet', id: 'controls', cardToken: 'token-0', by: 'holder', controls: { blocked: ['cash'] } },
      { ...base, kind: 'cardReplace', id: 'replace', cardToken: 'token-0', card: cardRecord(1), encryptedPan: 'sealed', maskedPan: '476173******0029' },
      { ...base, kind: 'load', id: 'withdraw', amountMinor: -75 }, { ...base, kind: 'close', id: 'close' },
    );
    const book = await books.open();
    const store = new MemoryStore({ partitions: 1, now: Date.now });
    // In two batches: what a later one changes is there already.
    await journal(store, 0, ledger.entries.slice(0, 5));
    await drainAll(store, book);
    await journal(store, 0, ledger.entries.slice(5));
    await drainAll(store, book);
    expect(await book.query('select ledger_minor, last_sequence, closed_at from account')).toEqual([
      { ledger_minor: 0, last_sequence: ledger.entries.length, closed_at: new Date(startMs) },
    ]);
    const controls = { holder: { blocked: ['cash'] } };
    expect(await book.query('select card_token, lock_code, controls from card order by card_index')).toEqual([
      { card_token: 'token-0', lock_code: 8, controls }, { card_token: 'token-1', lock_code: 0, controls },
    ]);
    expect(await book.query('select ledger, sum(amount_minor)::bigint as total from posting group by ledger order by ledger')).toEqual([
      { ledger: 'funding:bank', total: -25 }, { ledger: `holder:${accountId}`, total: 0 }, { ledger: 'transit:978', total: 25 },
    ]);
    expect(await verify(book, 10)).toEqual([]);
  });
});
