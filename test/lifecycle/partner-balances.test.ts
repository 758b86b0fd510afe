import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { verify } from '../../src/book/verify.ts';
import { balanceSummary } from '../../src/lifecycle/balance-summary.ts';
import { Jobs } from '../../src/lifecycle/jobs.ts';
import { mailJob, openMailer, type Mailer } from '../../src/lifecycle/mail.ts';
import { PartnerBalances } from '../../src/lifecycle/partner-balances.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';
import { drainAll } from '../book/drains.ts';
import { newId, openDesks, type Desks } from './fixture.ts';
import { openMailServer, type MailServer } from './mail-server.ts';
import { holder } from './people.ts';

let books: BookFixture;
let book: Book;
let desks: Desks;
let mails: MailServer;
let mailer: Mailer;
let partners: PartnerBalances;
let jobs: Jobs;
const fallen: string[] = [];
const clock = { ms: 0 };

describe.each(['embedded', 'server'] as const)('partners’ balances over the %s book', (bookKind) => {
  beforeAll(async () => {
    books = await bookFixtures[bookKind]();
    // The demo's program without the loads of its own.
    desks = await openDesks(demoTables.map((row) => (row.kind === 'program' ? { ...row, document: { ...row.document, creditLoads: [] } } : row)));
    mails = await openMailServer();
    mailer = openMailer({ url: mails.url, from: 'Locum <switch@example.com>' });
  });
  beforeEach(async () => {
    book = await books.open();
    clock.ms = Date.now();
    mails.received.length = 0;
    mails.refuse(false);
    const now = (): number => clock.ms;
    partners = new PartnerBalances({ book, desk: desks.desk, now, fellBelow: (partner, kind) => fallen.push(`${partner} ${kind}`) });
    jobs = new Jobs({ book, now, random: () => 0.5, handlers: { [mailJob]: mailer.handler } });
  });
  afterAll(async () => {
    mailer.close();
    await mails.close();
    await desks.close();
    await books.remove();
  });

  const eur = (amountMinor: number): { readonly amountMinor: number; readonly currency: string } => ({ amountMinor, currency: 'EUR' });

  test('a partner balance is made once, loaded once for each key, and never taken below nothing', async () => {
    const made = await partners.create('demo', { kind: 'partner', currency: 'USD' }, 'key');
    expect(await partners.create('demo', { kind: 'partner', currency: 'USD' }, 'key')).toEqual(made);
    await expect(partners.create('demo', { kind: 'partner' }, 'other')).rejects.toMatchObject({ status: 409, code: 'PARTNER_BALANCE_EXISTS' });
    const usd = { amountMinor: 900, currency: 'USD' };
    const [key, take] = [newId('k'), newId('k')];
    expect(await partners.reload('demo', 'partner', usd, 1, key)).toMatchObject({ left: usd });
    expect(await partners.reload('demo', 'partner', usd, 1, key)).toMatchObject({ left: usd });
    await expect(partners.reload('demo', 'partner', { ...usd, amountMinor: 901 }, 1, key)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    await expect(partners.reload('demo', 'partner', { ...usd, amountMinor: 901 }, -1, take)).rejects.toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
    await expect(partners.reload('demo', 'partner', eur(1), 1, newId('k'))).rejects.toMatchObject({ code: 'CURRENCY_MISMATCH' });
    expect(await partners.reload('demo', 'partner', usd, -1, newId('k'))).toMatchObject({ left: { amountMinor: 0, currency: 'USD' } });
  });

  test('a credit balance is in the currency of the partner’s programs, and there is one', async () => {
    await expect(partners.create('nobody', { kind: 'credit' }, 'k')).rejects.toMatchObject({ status: 404, code: 'PARTNER_NOT_FOUND' });
    await expect(partners.create('demo', { kind: 'credit', currency: 'USD' }, 'k')).rejects.toMatchObject({ code: 'CURRENCY_MISMATCH' });
    expect(await partners.create('demo', { kind: 'credit' }, 'k')).toMatchObject({ currency: 'EUR', left: eur(0) });
    await expect(partners.get('demo', 'deposit')).rejects.toMatchObject({ status: 404 });
  });

  test('a partner may have a credit and a deposit balance, and each is loaded and drawn on by itself, under one key too', async () => {
    await partners.create('demo', { kind: 'credit' }, 'k1');
    await partners.create('demo', { kind: 'deposit' }, 'k2');
    const before = await partners.get('demo', 'credit');
    const [one, two] = [newId('k'), newId('k')];
    await partners.reload('demo', 'credit', eur(700), 1, one);
    expect(await partners.reload('demo', 'deposit', eur(900), 1, two)).toMatchObject({ kind: 'deposit', left: eur(900) });
    expect(await partners.reload('demo', 'deposit', eur(900), 1, two)).toMatchObject({ left: eur(900) });
    await expect(partners.reload('demo', 'deposit', eur(901), -1, newId('k'))).rejects.toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
    expect(await partners.get('demo', 'credit')).toMatchObject({ left: eur(before.left.amountMinor + 700) });
    await expect(partners.create('demo', { kind: 'deposit' }, 'k3')).rejects.toMatchObject({ code: 'PARTNER_BALANCE_EXISTS' });
    await partners.reload('demo', 'deposit', eur(900), -1, newId('k'));
    await partners.reload('demo', 'credit', eur(700), -1, newId('k'));
  });

  test('a credit balance is in the currency that the partner’s program names for it', async () => {
    const named = await openDesks(demoTables.map((row) => (row.kind === 'program' && row.name === 'demo' ? { ...row, document: { ...row.document, creditGuard: true, creditCurrency: 'USD', creditLoads: [] } } : row)));
    const theirs = new PartnerBalances({ book, desk: named.desk, now: () => clock.ms, fellBelow: () => undefined });
    await expect(theirs.create('demo', { kind: 'credit', currency: 'EUR' }, 'k')).rejects.toMatchObject({ code: 'CURRENCY_MISMATCH' });
    expect(await theirs.create('demo', { kind: 'credit' }, 'k')).toMatchObject({ currency: 'USD' });
    expect(await theirs.create('demo', { kind: 'deposit' }, 'l')).toMatchObject({ currency: 'EUR' });
    await named.close();
  });

  test('whoever looks how often, a partner gets one e-mail for each time that its balance falls below its level', async () => {
    await partners.create('demo', { kind: 'partner', currency: 'EUR' }, 'k');
    await partners.reload('demo', 'partner', eur(1_000), 1, newId('k'));
    await partners.setLevel('demo', 'partner', { levelMinor: 500, notifyEmail: 'treasury@partner.example' });
    fallen.length = 0;
    const send = async (): Promise<void> => {
      while ((await jobs.runDue()) > 0) { /* Until nothing is due. */ }
    };
    const lookAll = async (): Promise<void> => void (await Promise.all([partners.watch(), partners.watch(), partners.watch()]));
    await lookAll();
    await send();
    expect(mails.received).toEqual([]);
    await partners.reload('demo', 'partner', eur(600), -1, newId('k'));
    await lookAll();
    await lookAll();
    await send();
    expect(mails.received).toHaveLength(1);
    expect(mails.received[0]).toContain('To: treasury@partner.example');
    expect(mails.received[0]).toContain('4.00 EUR were left');
    expect(fallen).toEqual(['demo partner']);
    await partners.reload('demo', 'partner', eur(600), 1, newId('k'));
    await lookAll();
    expect(await partners.get('demo', 'partner')).toMatchObject({ isBelowLevel: false });
    // The server takes none for a while: it is tried again, under one id.
    mails.refuse(true);
    await partners.reload('demo', 'partner', eur(900), -1, newId('k'));
    await lookAll();
    await send();
    expect(mails.received).toHaveLength(1);
    mails.refuse(false);
    clock.ms += 60_000;
    await send();
    expect(mails.received).toHaveLength(2);
    expect(new Set(mails.received.map((mail) => /^Message-ID: (.+)$/im.exec(mail)?.[1])).size).toBe(2);
    await partners.reload('demo', 'partner', eur(100), -1, newId('k'));
  });

  test('the summary is what the postings sum to: users, what is in transit, partners, and the wallet', async () => {
    const [one, two] = [await holder(book, desks.desk, 12_300), await holder(book, desks.desk, 700)];
    const transferId = newId('t');
    await desks.desk.apply({ kind: 'transferOut', id: `${transferId}.out`, transferId, accountId: one.balanceId, amountMinor: 300, receivedAtMs: clock.ms });
    await partners.create('demo', { kind: 'credit' }, 'k');
    await partners.reload('demo', 'credit', eur(50_000), 1, newId('k'));
    await partners.create('demo', { kind: 'deposit' }, 'l');
    await partners.reload('demo', 'deposit', eur(4_000), 1, newId('k'));
    await partners.create('demo', { kind: 'partner', currency: 'USD' }, 'm');
    const [{ amountMinor: beforeMinor }, { amountMinor: depositMinor }] = [(await partners.get('demo', 'partner')).left, (await partners.get('demo', 'deposit')).left];
    await partners.reload('demo', 'partner', { amountMinor: 250 - beforeMinor, currency: 'USD' }, 1, newId('k'));
    // One that was loaded, emptied and closed is in it with nothing.
    const three = await holder(book, desks.desk, 500);
    for (const message of [{ kind: 'load', amountMinor: -500 }, { kind: 'close' }] as const) await desks.desk.apply({ ...message, id: newId('i'), accountId: three.balanceId, receivedAtMs: clock.ms });
    await drainAll(desks.store, book);
    const [{ users } = { users: 0 }] = await book.query<{ readonly users: number }>(`select sum(amount_minor)::bigint as users from posting where ledger like 'holder:%'`);
    const [{ counted } = { counted: 0 }] = await book.query<{ readonly counted: number }>(`select sum(balance_minor)::bigint as counted from partner_credit where guard_id in ('credit:demo', 'credit:demo/deposit')`);
    const { currencies } = await balanceSummary(book, undefined);
    expect(currencies).toEqual([
      // Of a currency in which no user has a balance, and a partner has.
      { currency: 'USD', balances: 0, usersMinor: 0, heldMinor: 0, inTransitMinor: 0, partnersMinor: 250, walletMinor: 250 },
      { currency: 'EUR', balances: 3, usersMinor: users, heldMinor: 0, inTransitMinor: 300, partnersMinor: counted, walletMinor: users + counted },
    ]);
    expect(users).toBe(12_700);
    expect(await balanceSummary(book, 'demo')).toMatchObject({ currencies });
    expect((await balanceSummary(book, 'another')).currencies).toEqual([]);
    expect(await verify(book, 10)).toEqual([]);
    expect(depositMinor).toBe(4_000);
    // It arrives, or comes back: users have it again, and nothing is in transit.
    await desks.desk.apply({ kind: 'transferIn', id: `${transferId}.in`, transferId, accountId: two.balanceId, amountMinor: 300, currency: '978', receivedAtMs: clock.ms });
    await drainAll(desks.store, book);
    expect((await balanceSummary(book, 'demo')).currencies[1]).toMatchObject({ usersMinor: 13_000, inTransitMinor: 0, walletMinor: 13_000 + counted });
    expect(await verify(book, 10)).toEqual([]);
    await book.query(`update partner_credit set balance_minor = balance_minor + 1 where guard_id = 'credit:demo/deposit' and partition = (select min(partition) from partner_credit)`);
    expect(await verify(book, 10)).toEqual([{ check: 'creditIsSumOfEntries', subject: 'credit:demo/deposit', text: '4001 is left of the partner\'s balance, and the journal gave and took 4000' }]);
    await book.query('update account set ledger_minor = ledger_minor + 5 where account_id = $1', [two.balanceId]);
    expect((await verify(book, 10)).map(({ check }) => check)).toContain('summaryIsSumOfPostings');
  });
});
