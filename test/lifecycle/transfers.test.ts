import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book, Queries } from '../../src/book/book.ts';
import { verify } from '../../src/book/verify.ts';
import { Balances } from '../../src/lifecycle/balances.ts';
import type { AccountDesk } from '../../src/lifecycle/ports.ts';
import { TransferSaga } from '../../src/lifecycle/transfer-saga.ts';
import type { TransferRow } from '../../src/lifecycle/transfer-rows.ts';
import { Transfers, type TransferWish } from '../../src/lifecycle/transfers.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';
import { drainAll } from '../book/drains.ts';
import { newId, openDesks, type Desks, watched } from './fixture.ts';
import { holder, person, type Holder } from './people.ts';

let books: BookFixture;
let book: Book;
let desks: Desks;


const limits = { amountMinorMax: 1_000_000, dayAmountMinorMax: 5_000_000, dayCountMax: 1_000 };

/** What a process is killed at: its nth call to the book or the accounts, before it takes place or after. */
interface Death {
  readonly nth: number;
  readonly kind: 'before' | 'after';
}

/** A process that may die. Where it died it says nothing any more. */
class Process {
  readonly transfers: Transfers;
  readonly saga: TransferSaga;
  readonly stuck: string[] = [];
  isDead = false;
  #calls = 0;

  constructor(clock: { ms: number }, death?: Death, change: Partial<typeof limits> = {}) {
    const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
      this.#calls += 1;
      const dies = this.#calls === death?.nth;
      if (this.isDead || (dies && death.kind === 'before')) return await this.#die();
      const result = await work();
      return dies ? await this.#die() : result;
    };
    const dying: Book = {
      kind: book.kind, close: () => book.close(), script: (text) => book.script(text), copyIn: (...args) => book.copyIn(...args),
      query: <Row extends object>(text: string, params?: Parameters<Queries['query']>[1]) => guarded(() => book.query<Row>(text, params)),
      transaction: (work) => guarded(() => book.transaction(work)),
    };
    const desk: Pick<AccountDesk, 'apply'> = { apply: (message) => guarded(() => desks.desk.apply(message)) };
    const now = (): number => clock.ms;
    this.saga = new TransferSaga({ book: dying, desk, now, random: () => 0.5, stuck: (id, reason) => this.stuck.push(`${id} ${reason}`) });
    this.transfers = new Transfers({ book: dying, saga: this.saga, now, randomBytes, limits: { ...limits, ...change } });
  }

  async #die(): Promise<never> {
    this.isDead = true;
    return await Promise.reject(new Error('killed'));
  }
}

async function ledgers(holders: readonly Holder[]): Promise<readonly number[]> {
  const accounts = await desks.desk.accounts(holders.map(({ balanceId }) => balanceId));
  return holders.map(({ balanceId }) => accounts.get(balanceId)?.ledgerMinor ?? 0);
}

function wish(from: Holder, to: Holder, amountMinor: number): TransferWish {
  return { senderBalance: from.balanceId, receiver: { phone: to.phone }, amount: { amountMinor, currency: 'EUR' }, note: 'rent' };
}

const sender = ({ userId }: Holder): { readonly partner: string; readonly userId: string } => ({ partner: 'demo', userId });

/** Whoever is there goes on with what has no end, two of them at once. */
async function recovered(clock: { ms: number }): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    clock.ms += 120_000;
    const processes = [new Process(clock), new Process(clock)];
    await Promise.all(processes.map(async ({ saga }) => await saga.resume()));
    expect(processes.flatMap(({ stuck }) => stuck)).toEqual([]);
  }
  expect(await book.query('select transfer_id from transfer where ended_at is null')).toEqual([]);
}

describe.each(['embedded', 'server'] as const)('transfers over the %s book', (bookKind) => {
  beforeAll(async () => {
    books = await bookFixtures[bookKind]();
    book = await books.open();
    desks = await openDesks();
  });
  afterAll(async () => {
    await desks.close();
    await books.remove();
  });

  test('a transfer reaches its receiver, however the receiver is named, and the same call again is the same transfer', async () => {
    const clock = { ms: Date.now() };
    const { transfers } = new Process(clock);
    const [from, to] = [await holder(book, desks.desk, 10_000), await holder(book, desks.desk, 0)];
    for (const receiver of [{ phone: to.phone }, { userId: to.userId }, { externalId: `ext-${to.userId}` }]) {
      const key = newId('k');
      const done = await transfers.begin(sender(from), { ...wish(from, to, 100), receiver }, key);
      expect(done).toMatchObject({ state: 'completed', amountMinor: 100, receiverUser: to.userId });
      expect((await transfers.begin(sender(from), { ...wish(from, to, 100), receiver }, key)).transferId).toBe(done.transferId);
    }
    expect(await ledgers([from, to])).toEqual([9_700, 300]);
    expect((await transfers.list({ userId: to.userId }, { limit: 10 })).items).toHaveLength(3);
  });

  test('the key of a transfer is no answer for another one, however long ago that was', async () => {
    const { transfers } = new Process({ ms: Date.now() });
    const [from, to, other] = [await holder(book, desks.desk, 10_000), await holder(book, desks.desk, 0), await holder(book, desks.desk, 10_000)];
    const key = newId('k');
    await transfers.begin(sender(from), wish(from, to, 100), key);
    const conflict = { status: 409, code: 'IDEMPOTENCY_CONFLICT', field: 'X-Idempotency-Key' };
    await expect(transfers.begin(sender(from), wish(from, to, 200), key)).rejects.toMatchObject(conflict);
    await expect(transfers.begin(sender(from), wish(other, to, 100), key)).rejects.toMatchObject(conflict);
    await expect(transfers.begin(sender(from), { ...wish(from, to, 100), receiver: { userId: other.userId } }, key)).rejects.toMatchObject(conflict);
    await expect(transfers.begin(sender(other), wish(from, to, 100), key)).rejects.toMatchObject(conflict);
    expect(await ledgers([from, to, other])).toEqual([9_900, 100, 10_000]);
  });

  test('a card number that somebody writes into a note is kept nowhere', async () => {
    const { transfers } = new Process({ ms: Date.now() });
    const [from, to] = [await holder(book, desks.desk, 10_000), await holder(book, desks.desk, 0)];
    const { transferId, note } = await transfers.begin(sender(from), { ...wish(from, to, 100), note: 'from 4761 7300 0000 0011, rent' }, newId('k'));
    expect(note).toBe('from 476173******0011, rent');
    const rows = await book.query('select to_jsonb(t)::text as kept from transfer t where transfer_id = $1', [transferId]);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/4761 ?7300 ?0000 ?0011/);
  });

  test('who cannot be sent to is told alike, and nothing moves', async () => {
    const clock = { ms: Date.now() };
    const { transfers } = new Process(clock);
    const from = await holder(book, desks.desk, 10_000);
    const [unverified, stranger, without] = [await person(book, 'demo', 'started'), await person(book, 'another'), await person(book)];
    for (const { phone } of [unverified, stranger, without, { phone: '+4900000000' }]) {
      await expect(transfers.begin(sender(from), { ...wish(from, from, 1), receiver: { phone } }, newId('k'))).rejects.toMatchObject({ status: 404, code: 'RECEIVER_NOT_FOUND' });
    }
    await expect(transfers.begin(sender(from), wish(from, from, 1), newId('k'))).rejects.toMatchObject({ status: 422, code: 'RECEIVER_IS_SENDER' });
    expect(await ledgers([from])).toEqual([10_000]);
  });

  test('more than is there, than a transfer may come to, or than a day may, is refused', async () => {
    const clock = { ms: Date.now() };
    const { transfers } = new Process(clock, undefined, { amountMinorMax: 700, dayAmountMinorMax: 1_000, dayCountMax: 3 });
    const [from, to] = [await holder(book, desks.desk, 650), await holder(book, desks.desk, 0)];
    const begin = async (amountMinor: number): Promise<TransferRow> => await transfers.begin(sender(from), wish(from, to, amountMinor), newId('k'));
    await expect(begin(701)).rejects.toMatchObject({ code: 'TRANSFER_TOO_LARGE' });
    await expect(begin(651)).rejects.toMatchObject({ status: 409, code: 'FUNDS_INSUFFICIENT' });
    await begin(600);
    await expect(begin(401)).rejects.toMatchObject({ code: 'TRANSFERS_OF_DAY_TOO_LARGE' });
    await begin(10);
    await begin(10);
    await expect(begin(10)).rejects.toMatchObject({ code: 'TRANSFERS_OF_DAY_TOO_MANY' });
    clock.ms += 86_400_001;
    expect(await begin(10)).toMatchObject({ state: 'completed' });
  });

  test('a balance with a transfer under way is not closed, and one that is closed gives the money back', async () => {
    const clock = { ms: Date.now() };
    const [from, to] = [await holder(book, desks.desk, 500), await holder(book, desks.desk, 0)];
    const balances = new Balances({ ...watched(book), desk: desks.desk, now: () => clock.ms, randomBytes });
    // Killed when the row is there and nothing has moved: the row is entered by the second call to the book.
    const dead = new Process(clock, { nth: 3, kind: 'before' });
    await expect(dead.transfers.begin(sender(from), wish(from, to, 500), newId('k'))).rejects.toThrow('killed');
    await expect(balances.close({ balanceId: from.balanceId })).rejects.toMatchObject({ code: 'TRANSFER_UNDER_WAY' });
    expect(await balances.close({ balanceId: to.balanceId })).toMatchObject({ state: 'closed' });
    await recovered(clock);
    expect(await new Process(clock).transfers.list({ userId: from.userId }, { limit: 5 })).toMatchObject({ items: [{ state: 'refunded', reason: '1816' }] });
    expect(await ledgers([from])).toEqual([500]);
    await expect(balances.close({ balanceId: from.balanceId })).rejects.toMatchObject({ code: 'BALANCE_NOT_EMPTY' });
  });

  test('wherever a process is killed, the money is at one of the two in the end, once', async () => {
    const clock = { ms: Date.now() };
    const scenarios = [
      { name: 'completed', amountMinor: 300, closes: false, expected: [700, 300] },
      { name: 'refunded', amountMinor: 300, closes: true, expected: [1_000, 0] },
      { name: 'refused', amountMinor: 1_001, closes: false, expected: [1_000, 0] },
    ];
    for (const { name, amountMinor, closes, expected } of scenarios) {
      for (const kind of ['before', 'after'] as const) {
        for (let nth = 1; ; nth += 1) {
          const [from, to] = [await holder(book, desks.desk, 1_000), await holder(book, desks.desk, 0)];
          // The account is closed behind the row's back, as what has happened between the row and the credit would.
          if (closes) await desks.desk.apply({ kind: 'close', id: newId('i'), accountId: to.balanceId, receivedAtMs: clock.ms });
          const dying = new Process(clock, { nth, kind });
          const key = newId('k');
          await dying.transfers.begin(sender(from), wish(from, to, amountMinor), key).catch(() => undefined);
          await recovered(clock);
          // Who was not answered asks again.
          const again = await new Process(clock).transfers.begin(sender(from), wish(from, to, amountMinor), key).catch((error: unknown) => error);
          expect(again, `${name} ${kind} ${nth}`).toMatchObject(name === 'refused' ? { code: 'FUNDS_INSUFFICIENT' } : { state: name });
          expect(await ledgers([from, to]), `${name} ${kind} ${nth}`).toEqual(expected);
          if (!dying.isDead) {
            expect(nth).toBeGreaterThan(4);
            break;
          }
        }
      }
    }
  });

  test('whatever is sent, killed and closed in which order, no money is lost or doubled, and in the end none is in transit', async () => {
    const clock = { ms: Date.now() };
    const act = fc.record({ from: fc.nat(3), to: fc.nat(3), amountMinor: fc.integer({ min: 1, max: 700 }), nth: fc.integer({ min: 1, max: 12 }), kind: fc.constantFrom('before' as const, 'after' as const), isKilled: fc.boolean() });
    await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 8 }), fc.nat(3), async (acts, closed) => {
      const holders = await Promise.all([1_000, 500, 0, 2_000].map(async (amountMinor) => await holder(book, desks.desk, amountMinor)));
      await Promise.all(acts.map(async ({ from, to, amountMinor, isKilled, ...death }, index) => {
        const process = new Process(clock, isKilled ? death : undefined);
        if (index === 2) await desks.desk.apply({ kind: 'close', id: newId('i'), accountId: holders[closed]!.balanceId, receivedAtMs: clock.ms });
        await process.transfers.begin(sender(holders[from]!), wish(holders[from]!, holders[to]!, amountMinor), newId('k')).catch(() => undefined);
      }));
      await recovered(clock);
      const rows = await book.query<TransferRow>(`select sender_balance as "senderBalance", receiver_balance as "receiverBalance", amount_minor as "amountMinor" from transfer where state = 'completed' and sender_balance = any($1::text[])`, [holders.map(({ balanceId }) => balanceId)]);
      const expected = holders.map(({ balanceId }, index) => [1_000, 500, 0, 2_000][index]! + rows.reduce((sum, row) => sum + (row.receiverBalance === balanceId ? row.amountMinor : 0) - (row.senderBalance === balanceId ? row.amountMinor : 0), 0));
      expect(await ledgers(holders)).toEqual(expected);
    }), { numRuns: 12 });
    await drainAll(desks.store, book);
    expect(await book.query(`select ledger, sum(amount_minor) from posting where ledger like 'transit:%' group by ledger having sum(amount_minor) <> 0`)).toEqual([]);
    expect(await verify(book, 10)).toEqual([]);
  });
});
