import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { Balances, balancesMax } from '../../src/lifecycle/balances.ts';
import { BalanceViews } from '../../src/lifecycle/balance-view.ts';
import { requireBalance } from '../../src/lifecycle/balance-rows.ts';
import type { AccountDesk, AppliedOutcome } from '../../src/lifecycle/ports.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';
import { drainAll } from '../book/drains.ts';
import { cardMessage, nowMs, reasonOf, submit } from '../issuer/fixture.ts';
import { newId, openDesks, type Desks, watched } from './fixture.ts';
import { holder, person } from './people.ts';

const demoProgram = demoTables.find(({ kind, name }) => kind === 'program' && name === 'demo')!;
const inDollars = { ...demoProgram, name: 'dollars', document: { ...demoProgram.document, currency: 'USD', creditLoads: [] } };

/** Accounts that answer, do not, or do and the answer is lost. */
class Line {
  how: 'up' | 'down' | 'lost' = 'up';
  readonly #desks: Desks;

  constructor(desks: Desks) {
    this.#desks = desks;
  }

  readonly desk: Pick<AccountDesk, 'apply' | 'programs'> = {
    apply: async (message): Promise<AppliedOutcome> => {
      const outcome = this.how === 'down' ? undefined : await this.#desks.desk.apply(message);
      return this.how === 'up' && outcome !== undefined ? outcome : { kind: 'unreachable' };
    },
    programs: async () => await this.#desks.desk.programs(),
  };
}

describe.each(['embedded', 'server'] as const)('balances over the %s book', (kind) => {
  let books: BookFixture;
  let book: Book;
  let desks: Desks;
  let line: Line;
  let balances: Balances;
  const clock = { ms: Date.now() };

  beforeAll(async () => {
    books = await bookFixtures[kind]();
    book = await books.open();
    desks = await openDesks([...demoTables, inDollars]);
    line = new Line(desks);
    balances = new Balances({ ...watched(book), desk: line.desk, now: () => clock.ms, randomBytes });
  });
  afterAll(async () => {
    await desks.close();
    await books.remove();
  });

  const eur = (amountMinor: number): { readonly amountMinor: number; readonly currency: string } => ({ amountMinor, currency: 'EUR' });

  test('a user has as many as may be and no more, of however many at once, and a call of before still finds its own', async () => {
    const { userId } = await person(book);
    const user = { partner: 'demo', userId };
    const asked = await Promise.allSettled(Array.from({ length: balancesMax + 5 }, async (_, index) => await balances.create(user, { program: 'demo' }, `many-${index}`)));
    const made = asked.filter((each) => each.status === 'fulfilled');
    expect(made).toHaveLength(balancesMax);
    for (const each of asked) if (each.status === 'rejected') expect(each.reason).toMatchObject({ status: 409, code: 'TOO_MANY_BALANCES' });
    const [first] = made;
    const index = asked.indexOf(first!);
    expect(await balances.create(user, { program: 'demo' }, `many-${index}`)).toMatchObject({ balanceId: first!.value.balanceId });
    await balances.close({ ...user, balanceId: first!.value.balanceId });
    await expect(balances.create(user, { program: 'demo' }, 'one-more')).rejects.toMatchObject({ code: 'TOO_MANY_BALANCES' });
  });

  test('a user may have several, each of one of the partner’s programs, which has to be named where several fit', async () => {
    const { userId } = await person(book);
    const user = { partner: 'demo', userId };
    expect(await balances.create(user, { currency: 'EUR' }, newId('k'))).toMatchObject({ program: 'demo', currency: '978', state: 'open' });
    expect(await balances.create(user, { program: 'dollars' }, newId('k'))).toMatchObject({ program: 'dollars', currency: '840' });
    await expect(balances.create(user, {}, newId('k'))).rejects.toMatchObject({ code: 'PROGRAM_AMBIGUOUS' });
    await expect(balances.create(user, { program: 'demo', currency: 'USD' }, newId('k'))).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' });
    await expect(balances.create({ partner: 'another', userId }, {}, newId('k'))).rejects.toMatchObject({ status: 404, code: 'USER_NOT_FOUND' });
    expect((await balances.list({ userId }, { limit: 10 })).items).toHaveLength(2);
  });

  test('calls with one key at the same time make one balance', async () => {
    const { userId } = await person(book);
    const key = newId('k');
    const rows = await Promise.all(Array.from({ length: 5 }, async () => await balances.create({ partner: 'demo', userId }, { program: 'demo' }, key)));
    expect(new Set(rows.map(({ balanceId }) => balanceId)).size).toBe(1);
    expect((await balances.list({ userId }, { limit: 10 })).items).toHaveLength(1);
  });

  test('one whose account could not be reached is opened by the same call again, or by whoever is there', async () => {
    for (const how of ['down', 'lost'] as const) {
      const [one, two] = [await person(book), await person(book)];
      const [keyOne, keyTwo] = [newId('k'), newId('k')];
      line.how = how;
      for (const [{ userId }, key] of [[one, keyOne], [two, keyTwo]] as const) {
        await expect(balances.create({ partner: 'demo', userId }, { program: 'demo' }, key)).rejects.toMatchObject({ status: 503 });
        expect((await balances.list({ userId }, { limit: 10 })).items).toMatchObject([{ state: 'opening' }]);
      }
      line.how = 'up';
      expect(await balances.create({ partner: 'demo', userId: one.userId }, { program: 'demo' }, keyOne)).toMatchObject({ state: 'open' });
      expect(await balances.resume()).toBe(0);
      clock.ms += 60_000;
      expect(await balances.resume()).toBe(1);
      const { items } = await balances.list({ userId: two.userId }, { limit: 10 });
      expect(items).toMatchObject([{ state: 'open' }]);
      expect((await desks.desk.accounts([items[0]!.balanceId])).size).toBe(1);
    }
  });

  test('a load whose answer was lost is done once by the same call again', async () => {
    const { balanceId } = await holder(book, { apply: async (message) => await desks.desk.apply(message), programs: async () => (await desks.desk.programs()).filter(({ name }) => name === 'demo') }, 0);
    const key = newId('k');
    line.how = 'lost';
    await expect(balances.reload({ balanceId }, eur(70), key)).rejects.toMatchObject({ status: 503, code: 'ACCOUNTS_UNREACHABLE' });
    line.how = 'up';
    await balances.reload({ balanceId }, eur(70), key);
    await balances.reload({ balanceId }, eur(70), key);
    // However long ago it was: a door forgets its answers before the account does.
    await expect(balances.reload({ balanceId }, eur(71), key)).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
    expect((await desks.desk.accounts([balanceId])).get(balanceId)?.ledgerMinor).toBe(70);
    line.how = 'lost';
    await expect(balances.withdraw({ balanceId }, eur(70), key)).rejects.toMatchObject({ status: 503 });
    await expect(balances.close({ balanceId })).rejects.toMatchObject({ status: 503 });
    line.how = 'up';
    clock.ms += 60_000;
    expect(await balances.resume()).toBe(1);
    expect(await requireBalance(book, { balanceId })).toMatchObject({ state: 'closed' });
    expect((await desks.desk.accounts([balanceId])).get(balanceId)).toMatchObject({ ledgerMinor: 0, isClosed: true });
  });

  test('what a card spends shows in the balance at once, and in the statement when the journal is in the book', async () => {
    const { userId } = await person(book);
    const { balanceId } = await balances.create({ partner: 'demo', userId }, { program: 'demo' }, newId('k'));
    await balances.reload({ balanceId }, eur(5_000), newId('k'));
    const token = `token-${balanceId}`;
    const card = { token, state: 'active', lockCode: 0, expiry: '9912', serviceCode: '201', cvv2Generation: 0, pinVersion: 1, pin: { method: 'pvv', keyIndex: 0, value: '1234' } } as const;
    await desks.desk.apply({ kind: 'cardChange', id: newId('i'), accountId: balanceId, receivedAtMs: nowMs, card, encryptedPan: 'sealed', maskedPan: '476173******0011' });
    expect(reasonOf(await submit(desks.ledger, balanceId, cardMessage(balanceId, { amountMinor: 1_250 })))).toBe('0000');
    const views = new BalanceViews({ ...watched(book), desk: desks.desk });
    const row = await requireBalance(book, { balanceId, userId, partner: 'demo' });
    expect(await views.one(row)).toMatchObject({ ledger: eur(5_000), held: eur(1_250), available: eur(3_750) });
    await drainAll(desks.store, book);
    const { items } = await views.statement(row, { limit: 10 });
    expect(items.map(({ kind: each, heldChange, ledgerChange }) => [each, ledgerChange.amountMinor, heldChange.amountMinor])).toEqual([['transaction', 0, 1_250], ['load', 5_000, 0]]);
    expect(items[0]?.transaction).toMatchObject({ approved: true, reason: '0000', purpose: 'purchase', merchantName: 'Shop', amount: eur(1_250) });
  });
});
