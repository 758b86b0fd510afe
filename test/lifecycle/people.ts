/** Users with balances in a real book and a real store, for what is done with their money. */
import { randomBytes } from 'node:crypto';
import type { Book } from '../../src/book/book.ts';
import { Balances } from '../../src/lifecycle/balances.ts';
import type { AccountDesk } from '../../src/lifecycle/ports.ts';
import { newId, watched } from './fixture.ts';

export interface Holder {
  readonly userId: string;
  readonly balanceId: string;
  readonly phone: string;
}

let phones = 0;

/** A verified user of a partner. */
export async function person(book: Book, partner = 'demo', kyc = 'verified'): Promise<{ readonly userId: string; readonly phone: string }> {
  const userId = newId('u');
  phones += 1;
  const phone = `+3859${String(phones).padStart(8, '0')}`;
  await book.query(
    `insert into person (user_id, partner, external_id, phone, state, kyc, kyc_by, request_key, registered_at, changed_at) values ($1, $2, $3, $4, 'active', $5, $6, $1, now(), now())`,
    [userId, partner, `ext-${userId}`, phone, kyc, kyc === 'none' ? null : 'partner'],
  );
  return { userId, phone };
}

/** A verified user with an open balance and money on it. @param amountMinor 0: none */
export async function holder(book: Book, desk: Pick<AccountDesk, 'apply' | 'programs'>, amountMinor: number): Promise<Holder> {
  const { userId, phone } = await person(book);
  const balances = new Balances({ ...watched(book), desk, now: () => Date.now(), randomBytes });
  const { balanceId } = await balances.create({ partner: 'demo', userId }, {}, newId('k'));
  if (amountMinor > 0) await balances.reload({ balanceId }, { amountMinor, currency: 'EUR' }, newId('k'));
  return { userId, balanceId, phone };
}
