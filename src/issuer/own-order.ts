/**
 * An order of a card's lock as its account has it: the message of it, and what the account would say to it, by what was last known. Pure.
 *
 * Invariant: every switch makes the same message of an order.
 */
import type { Account } from '../account/account.ts';
import { cardAfter, irreversibleLocks } from '../account/card-lifecycle.ts';
import type { CardLockMessage, CardUnlockMessage } from '../account/card-lifecycle.ts';
import { reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { LockOrder } from './negative-list.ts';

export type OwnOrderMessage = CardLockMessage | CardUnlockMessage;

/** @param accountId empty: it is not known yet */
export function orderMessage({ id, token: cardToken, lockCode, orderedAtMs: receivedAtMs, askedBy: by }: LockOrder, accountId: string): OwnOrderMessage {
  const base = { id, accountId, receivedAtMs, cardToken };
  return lockCode === 0 ? { ...base, kind: 'cardUnlock' } : { ...base, kind: 'cardLock', lockCode, by };
}

/** The order that the message is of, as far as orders are told apart by it. */
export function orderOf({ cardToken: token, id, receivedAtMs: orderedAtMs }: OwnOrderMessage): Pick<LockOrder, 'token' | 'id' | 'orderedAtMs'> {
  return { token, id, orderedAtMs };
}

/**
 * Why the account would not take it.
 * @param last the account as it was last seen; undefined: not known
 * @param listed the lock code of the card by the negative list; 0: none
 */
export function orderRefusal(message: OwnOrderMessage, last: Account | undefined, listed: number): Reason | undefined {
  const after = last === undefined ? undefined : cardAfter(last, message);
  if (after?.kind === 'refused') return after.reason;
  const lockCode = message.kind === 'cardLock' ? message.lockCode : 0;
  return listed !== lockCode && irreversibleLocks.includes(listed) ? reasonOfLock(listed) : undefined;
}
