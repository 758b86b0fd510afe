import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeEntry, type JournalEntry } from '../../src/account/journal.ts';
import { migrate } from '../../src/book/migrate.ts';
import { recordEntries } from '../../src/book/record.ts';
import { verify } from '../../src/book/verify.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { bookFixtures, journal, mixed, until, type BookFixture } from './books.ts';
import { drainAll, watchedDrain } from './drains.ts';
import { AccountWriter, accountLife, checks, declinedUnknownCard, noEffects } from './entries.ts';

const store = (partitions = 1): MemoryStore => new MemoryStore({ partitions, now: Date.now });

describe.each(['embedded', 'server'] as const)('the drain into the %s book', (kind) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  test('every kind of entry lands where a person would look for it', async () => {
    const book = await books.open();
    const writer = new AccountWriter('acc-1');
    const entries = [writer.opened(), writer.card(0, 'tok-1'), writer.loaded(100_000)];
    const held = writer.authorized(1250, { flags: ['overdrawn'] });
    const completion = writer.completed(held, 1200);
    const declined = writer.declined(5);
    const expiring = writer.authorized(777);
    const expiry = writer.expired(expiring);
    const locked = writer.card(0, 'tok-1', { lockCode: 2, state: 'removed' }, false);
    const memory = store();
    await journal(memory, 0, [...entries, held, completion, declined, expiring, expiry, locked, declinedUnknownCard('nobody-1')]);
    await drainAll(memory, book);

    expect(await book.query('select account_id, currency, program, partner, ledger_minor, held_minor, available_minor, open_holds, last_sequence from account')).toEqual([
      { account_id: 'acc-1', currency: '978', program: 'demo', partner: 'founder', ledger_minor: 98_800, held_minor: 0, available_minor: 98_800, open_holds: 0, last_sequence: 9 },
    ]);
    expect(await book.query('select card_token, masked_pan, encrypted_pan, state, lock_code, expiry from card')).toEqual([
      { card_token: 'tok-1', masked_pan: '476173******0011', encrypted_pan: 'pan/1:tok-1', state: 'removed', lock_code: 2, expiry: '3112' },
    ]);
    expect(await book.query('select id, state, held_minor, opened_minor, currency, closed_at is not null as closed, changed_by from hold order by id')).toEqual([
      { id: held.id, state: 'completed', held_minor: 0, opened_minor: 1250, currency: '978', closed: true, changed_by: completion.id },
      { id: expiring.id, state: 'expired', held_minor: 0, opened_minor: 777, currency: '978', closed: true, changed_by: expiry.id },
    ]);
    expect(await book.query('select kind, ledger, amount_minor, currency from posting order by posted_at, leg')).toEqual([
      { kind: 'loaded', ledger: 'holder:acc-1', amount_minor: 100_000, currency: '978' },
      { kind: 'loaded', ledger: 'funding:founder', amount_minor: -100_000, currency: '978' },
      { kind: 'transaction', ledger: 'holder:acc-1', amount_minor: -1200, currency: '978' },
      { kind: 'transaction', ledger: 'settlement:demo', amount_minor: 1200, currency: '978' },
    ]);
    const [row] = await book.query('select * from transaction where id = $1', [held.id]);
    expect(row).toMatchObject({
      decided_by: 'account', reason: '0000', reason_name: 'approved', checks, flags: ['overdrawn'], masked_pan: '476173******0011', transmitted: '0616120000',
      local_time: '0616140000', received_at: new Date(held.receivedAtMs), decided_at: new Date(held.decidedAtMs), amount_minor: 1250, currency: '978',
      sequence: held.sequence, hold_id: held.id, held_change_minor: 1250, original_id: null, merchant_name: 'Corner shop, Zagreb',
    });
    expect(await book.query(`select account_id, sequence, reason_name, decided_by from transaction where id = 'nobody-1'`)).toEqual([
      { account_id: null, sequence: null, reason_name: 'cardUnknown', decided_by: 'switch' },
    ]);
    expect(await book.query('select count(*) as count from journal_entry')).toEqual([{ count: 10 }]);
    const [raw] = await book.query('select entry from journal_entry where account_sequence = 4');
    expect(raw).toEqual({ entry: encodeEntry(held) });
    expect(await verify(book, 10)).toEqual([]);
    expect(await memory.journalLength({ partition: 0, epoch: 1 })).toBe(0);
  });

  test('a card that a message locked is locked in the book, which knows no PIN but in the journal', async () => {
    const book = await books.open();
    const writer = new AccountWriter('tried');
    const pin = { method: 'pvv', keyIndex: 1, value: '4201' } as const;
    const opened = writer.opened();
    const added = writer.card(0, 'tok-2', { pin, pinVersion: 1 });
    const security = { pinTries: 3, chips: [], scripts: [] };
    const wrong = writer.declined(5);
    const tried = { ...wrong, effects: { ...noEffects, card: { index: 0, record: { ...added.card, lockCode: 6 }, security } }, flags: ['locked:6'] };
    const memory = store();
    await journal(memory, 0, [opened, added]);
    await drainAll(memory, book);
    await journal(memory, 0, [tried]);
    await drainAll(memory, book);
    expect(await book.query('select card_token, masked_pan, state, lock_code, changed_at from card')).toEqual([
      { card_token: 'tok-2', masked_pan: '476173******0011', state: 'active', lock_code: 6, changed_at: new Date(tried.decidedAtMs) },
    ]);
    for (const table of ['account', 'card', 'transaction']) expect(JSON.stringify(await book.query(`select * from ${table}`))).not.toContain(pin.value);
  });

  test('characters that PostgreSQL cannot hold do not stop the money', async () => {
    const book = await books.open();
    const writer = new AccountWriter('odd');
    const memory = store();
    const opened = writer.opened();
    const name = 'tab\t quote" back\\slash nul\0 half\uD800 brace{},\n\\N';
    const odd = writer.authorized(1, {
      merchant: { category: '', id: String.raw`\.`, name }, flags: ['a,"b', ''],
      checks: checks.map((check) => ({ ...check, value: 'nul\0 half\uDC00 quote"' })),
    });
    await journal(memory, 0, [opened, odd]);
    expect((await drainAll(memory, book)).stops).toEqual([]);
    const [row] = await book.query<{ merchant_name: string; merchant_id: string; flags: string[]; checks: { value: string }[] }>('select * from transaction');
    expect(row?.merchant_name).toBe('tab\t quote" back\\slash nul\uFFFD half\uFFFD brace{},\n\\N');
    expect(row?.merchant_id).toBe(String.raw`\.`);
    expect(row?.flags).toEqual(['a,"b', '']);
    expect(row?.checks[0]?.value).toBe('nul\uFFFD half\uFFFD quote"');
  });

  test('postings that do not sum to zero are refused, at the drain and by the table itself, and never changed', async () => {
    const book = await books.open();
    const writer = new AccountWriter('sum');
    const memory = store();
    await journal(memory, 0, [writer.opened(), writer.loaded(500), writer.unbalanced(), writer.purchased(1)]);
    const { stops, drain } = await drainAll(memory, book);
    expect(stops.map(({ code, sequence }) => ({ code, sequence }))).toEqual([{ code: 'refused', sequence: '3' }]);
    expect(drain.status()).toEqual([{ partition: 0, position: { epoch: 0, sequence: 0 }, state: 'stopped' }]);
    // What stood before it is in the book, and it and what follows are still in the journal.
    expect(await book.query('select last_sequence from account')).toEqual([{ last_sequence: 2 }]);
    expect(await memory.journalLength({ partition: 0, epoch: 1 })).toBe(2);
    const leg = `insert into posting values ('x', 1, 'holder:sum', 5, '978', 'sum', 'transaction', now())`;
    await expect(book.query(leg)).rejects.toMatchObject({ code: '23514' });
    await expect(book.query('update posting set amount_minor = 0')).rejects.toMatchObject({ code: '23514' });
    await expect(book.query('delete from posting')).rejects.toMatchObject({ code: '23514' });
  });

  test.each([
    ['a gap in an account', 'gap', (writer: AccountWriter) => [writer.purchased(1), (writer.purchased(1), writer.purchased(1))]],
    ['an entry that comes twice', 'double', (writer: AccountWriter) => {
      const twice = writer.purchased(1);
      return [twice, writer.purchased(2), twice];
    }],
    ['an entry that nobody can read', 'unreadable', () => ['{"kind":']],
    ['an entry of a kind that this program does not know', 'unreadable', (writer: AccountWriter) => [JSON.stringify({ ...writer.opened(), kind: 'later' })]],
    ['an account that was never opened', 'gap', () => {
      const stranger = new AccountWriter('stranger');
      stranger.opened();
      return [stranger.purchased(1)];
    }],
  ] as const)('%s stops its partition loudly, and only that one', async (_name, code, make) => {
    const book = await books.open();
    const memory = store(2);
    const writer = new AccountWriter('broken');
    await journal(memory, 0, [writer.opened(), writer.loaded(100), ...make(writer)]);
    await journal(memory, 1, accountLife('sound', 4));
    const { stops, drain } = await drainAll(memory, book);
    expect(stops.map((stop) => stop.code)).toEqual([code]);
    expect(drain.status().map((status) => status.state)).toEqual(['stopped', 'draining']);
    expect(await memory.journalLength({ partition: 1, epoch: 1 })).toBe(0);
    expect(await memory.journalLength({ partition: 0, epoch: 1 })).toBeGreaterThan(0);
    expect(await verify(book, 10)).toEqual([]);
  });

  test('a journal that was trimmed past the book stops, it does not go on as if nothing were missing', async () => {
    const book = await books.open();
    const memory = store();
    await journal(memory, 0, accountLife('lost', 2));
    await memory.trim({ partition: 0, epoch: 1 }, '2');
    const { stops } = await drainAll(memory, book);
    expect(stops.map((stop) => stop.code)).toEqual(['gap']);
  });

  test.each([
    ['is there before the drain begins', 0, 'before'],
    ['is written while the drain looks', 0, 'after'],
    ['is shorter than the book’s', 3, 'before'],
  ] as const)('another store’s journal that %s stops, and loses nothing', async (_name, fewer, when) => {
    const book = await books.open();
    const [first, other] = [store(), store()];
    await journal(first, 0, accountLife('first', 4));
    await drainAll(first, book);
    const life = accountLife('other', 4);
    const entries = life.slice(0, life.length - fewer);
    if (when === 'before') await journal(other, 0, entries);
    const { drain, stops } = watchedDrain(other, book);
    drain.start();
    await drain.emptied();
    if (when === 'after') await journal(other, 0, entries);
    await until(() => stops.length > 0, 'the drain has seen it');
    await drain.stop();
    expect(stops.map(({ code, sequence }) => ({ code, sequence }))).toEqual([{ code: 'double', sequence: '1' }]);
    expect(stops[0]?.message).toBe('entry 1 of partition 0 is another one in the book: it is the book of another store');
    expect(await other.journalLength({ partition: 0, epoch: 1 })).toBe(entries.length);
    expect(await verify(book, 10)).toEqual([]);
  });

  test('what was recorded and not trimmed is known as the book’s own, and goes on', async () => {
    const book = await books.open();
    const memory = store();
    const life = accountLife('untrimmed', 4);
    await journal(memory, 0, life.slice(0, 4));
    const [at, entries] = [{ partition: 0, epoch: 1 }, await memory.tail({ partition: 0, epoch: 1 }, undefined, 100)];
    await recordEntries(book, at, { epoch: 0, sequence: 0 }, entries, 1);
    await journal(memory, 0, life.slice(4));
    expect((await drainAll(memory, book)).stops).toEqual([]);
    expect(await memory.journalLength(at)).toBe(0);
    expect(await book.query('select sequence from journal_position')).toEqual([{ sequence: life.length }]);
  });

  test('wherever the store fails, each entry is recorded once', async () => {
    const book = await books.open();
    const life = accountLife('faulty', 3);
    for (const kind of ['before', 'after'] as const) {
      for (let nth = 1; ; nth += 1) {
        const accountId = `faulty-${kind}-${nth}`;
        const memory = store();
        // Each run's store is a new one, whose journal begins anew.
        await book.query('delete from journal_position');
        await book.query('delete from journal_entry');
        await journal(memory, 0, accountLife(accountId, 3));
        const faulty = new FaultyStore(memory, { nth, kind, persistent: false, on: 'all' });
        await drainAll(faulty, book, 4);
        expect(await book.query('select last_sequence as last from account where account_id = $1', [accountId])).toEqual([{ last: life.length }]);
        expect(await memory.journalLength({ partition: 0, epoch: 1 })).toBe(0);
        if (nth >= 12) break;
      }
    }
  });

  test('several drains on one store record each entry once, in order', async () => {
    const book = await books.open();
    const memory = store(3);
    for (const partition of [0, 1, 2]) await journal(memory, partition, mixed([accountLife(`a${partition}`, 30), accountLife(`b${partition}`, 20)]));
    const drains = [watchedDrain(memory, book, 7), watchedDrain(memory, book, 11), watchedDrain(memory, book, 5)];
    for (const { drain } of drains) drain.start();
    const waiting = async (): Promise<number> => {
      const lengths = await Promise.all([0, 1, 2].map((partition) => memory.journalLength({ partition, epoch: 1 })));
      return lengths.reduce((sum, length) => sum + length, 0);
    };
    await until(async () => (await waiting()) === 0, 'the journal is drained');
    await Promise.all(drains.map(({ drain }) => drain.stop()));
    expect(drains.flatMap(({ stops }) => stops)).toEqual([]);
    expect(await verify(book, 10)).toEqual([]);
    const total = 3 * (accountLife('a', 30).length + accountLife('b', 20).length);
    expect(await book.query('select count(*) as count from journal_entry')).toEqual([{ count: total }]);
  });

  test('what an epoch left behind is drained before the next epoch begins', async () => {
    const book = await books.open();
    const memory = store();
    const life = accountLife('epochs', 10);
    await journal(memory, 0, life.slice(0, 10));
    await memory.closeEpoch({ partition: 0, epoch: 1 });
    await memory.closeEpoch({ partition: 0, epoch: 2 });
    await journal(memory, 0, life.slice(10), 3);
    const { stops } = await drainAll(memory, book, 4);
    expect(stops).toEqual([]);
    expect(await book.query('select epoch, sequence from journal_position')).toEqual([{ epoch: 3, sequence: life.length - 10 }]);
    expect(await verify(book, 10)).toEqual([]);
  });

  test('a caller that believes the book to be elsewhere records nothing and is told where it is', async () => {
    const book = await books.open();
    const memory = store();
    await journal(memory, 0, accountLife('moved', 2));
    const entries = await memory.tail({ partition: 0, epoch: 1 }, undefined, 100);
    const at = { partition: 0, epoch: 1 };
    expect(await recordEntries(book, at, { epoch: 0, sequence: 0 }, entries.slice(0, 3), 1)).toEqual({ kind: 'recorded', position: { epoch: 1, sequence: 3 } });
    expect(await recordEntries(book, at, { epoch: 0, sequence: 0 }, entries.slice(0, 3), 1)).toEqual({ kind: 'moved', position: { epoch: 1, sequence: 3 } });
    expect(await verify(book, 10)).toEqual([]);
  });

  test('what was given to and taken from a partner is summed by slice', async () => {
    const book = await books.open();
    const writer = new AccountWriter('partner');
    const memory = store(2);
    const taking = (delta: number): JournalEntry => ({ ...writer.declined(1), effects: { ...noEffects, guard: { guardId: 'credit-founder', delta } } });
    const given = { kind: 'guard', accountId: '', sequence: 0, receivedAtMs: 5, decidedAtMs: 6, records: [], partner: 'founder', otherPartition: 0 } as const;
    await journal(memory, 0, [writer.opened(), { ...given, id: 'g1', step: 'loaded', transferId: 't1', effects: { ...noEffects, guard: { guardId: 'credit-founder', delta: 900 } } }, taking(-100), taking(-50), taking(20)]);
    await journal(memory, 1, [{ ...given, id: 'g2', step: 'borrowed', transferId: 't2', effects: { ...noEffects, guard: { guardId: 'credit-founder', delta: 7 } } }]);
    expect((await drainAll(memory, book)).stops).toEqual([]);
    expect(await book.query('select guard_id, partition, balance_minor from partner_credit order by partition')).toEqual([
      { guard_id: 'credit-founder', partition: 0, balance_minor: 770 },
      { guard_id: 'credit-founder', partition: 1, balance_minor: 7 },
    ]);
  });

  test('verify says what does not agree', async () => {
    const book = await books.open();
    const memory = store();
    await journal(memory, 0, accountLife('doubtful', 7));
    await drainAll(memory, book);
    expect(await verify(book, 10)).toEqual([]);
    await book.query('update account set ledger_minor = ledger_minor + 1, held_minor = held_minor + 2, open_holds = open_holds + 1, last_sequence = last_sequence + 1');
    await book.query('update journal_position set sequence = sequence - 1');
    await book.script('alter table posting disable trigger all; update posting set amount_minor = amount_minor + 1 where leg = 2; alter table posting enable trigger all');
    const found = await verify(book, 1);
    expect(found.map(({ check }) => check)).toEqual([
      'postingsSumToZero', 'ledgerIsSumOfPostings', 'heldIsSumOfHolds', 'openHoldsCounted', 'sequenceGapless', 'positionIsLastEntry', 'summaryIsSumOfPostings',
    ]);
    expect(found.every(({ subject, text }) => subject !== '' && text !== '')).toBe(true);
  });

  test('a schema that is at its version is left alone', async () => {
    const book = await books.open();
    expect((await migrate(book)).applied).toEqual([]);
  });
});

test('the lag says how many entries wait and how old the oldest is', async () => {
  const memory = store(2);
  await journal(memory, 1, accountLife('waiting', 3));
  const books = await bookFixtures.embedded();
  const book = await books.open();
  await book.close();
  const { drain } = watchedDrain(memory, book);
  drain.start();
  await until(() => drain.lag().entries > 0, 'the lag is measured');
  expect(drain.lag().entries).toBe(accountLife('waiting', 3).length);
  expect(drain.lag().seconds).toBeGreaterThan(0);
  await drain.stop();
  await books.remove();
});
