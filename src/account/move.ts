/**
 * Moves the money of an approved card message: opens a hold or posts, takes the counters and the guard. Requests and advices
 * do it alike; they differ in what may refuse them.
 */
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { assert } from '../base/assert.ts';
import type { Account, Card } from './account.ts';
import type { Change } from './change.ts';
import { newLeg } from './change.ts';
import { countedBy } from './limits.ts';
import type { Found, Located } from './locate.ts';
import { legType } from './record.ts';
import type { Leg } from './record.ts';

const dayMs = 86_400_000;

export interface Owner {
  readonly account: Account;
  readonly index: number;
  readonly card: Card;
}

/** What is taken, in both currencies. */
export interface Taking {
  readonly billedMinor: number;
  readonly answeredMinor: number;
  readonly approvalCode: string;
  readonly reason: Reason;
}

/** The account that the other side of a holder's posting stands in. */
export function settlementOf(account: Account): string {
  return `settlement:${account.program}`;
}

/** When a hold that opens now runs out. */
function holdExpiry(message: CardMessage): number {
  const { holdDays } = message.terms;
  const days = message.purpose === 'preauthorization' ? holdDays.preauthorization : message.cardPresent ? holdDays.cardPresent : holdDays.cardNotPresent;
  return message.receivedAtMs + days * dayMs;
}

/** Holds (x1xx) or posts (x2xx) a transaction of its own. */
export function take(owner: Owner, message: CardMessage, located: Located, change: Change, taking: Taking, nowMs: number): Leg {
  const leg: Leg = {
    ...newLeg(message, legType(message.trace), nowMs), reason: taking.reason, approvalCode: taking.approvalCode, answeredMinor: taking.answeredMinor,
  };
  const isCredit = message.purpose === 'refund';
  const moves = taking.billedMinor > 0 && !(isCredit && message.class === 'authorization');
  if (!moves) {
    change.put(located.ownId, leg);
    return leg;
  }
  const aliases = located.aliases.map(({ id }) => id);
  for (const id of aliases) change.alias(id, { recordId: located.ownId, legId: leg.id });
  if (isCredit) {
    const credited: Leg = { ...leg, state: 'posted', takenMinor: -taking.billedMinor, nowMinor: -taking.billedMinor, aliases };
    change.post(taking.billedMinor, settlementOf(owner.account));
    if (message.terms.creditGuard) change.guard(taking.billedMinor);
    change.put(located.ownId, { ...credited, guarded: message.terms.creditGuard });
    return credited;
  }
  const counted = countedBy(owner.index, owner.card, message, taking.billedMinor);
  const taken: Leg = {
    ...leg, state: message.class === 'authorization' ? 'open' : 'posted', takenMinor: taking.billedMinor, nowMinor: taking.billedMinor,
    counted, aliases, guarded: message.terms.creditGuard, expiresAtMs: message.class === 'authorization' ? holdExpiry(message) : 0,
  };
  if (taken.state === 'posted') change.post(-taking.billedMinor, settlementOf(owner.account));
  if (taken.guarded) change.guard(-taking.billedMinor);
  change.counted(taken, 1, taking.billedMinor);
  change.put(located.ownId, taken);
  return taken;
}

/** Adds to an open authorization. The message's own leg keeps what it added, so that it can be reversed alone. */
export function increase(owner: Owner, message: CardMessage, located: Located, change: Change, original: Found, taking: Taking, nowMs: number): Leg {
  assert(original.leg.state === 'open', 'only an open authorization is added to');
  // It belongs to its authorization's day and month, so that reversing the whole gives back the whole.
  const before = original.leg.counted ?? countedBy(owner.index, owner.card, message, 0);
  const counted = { ...before, amountMinor: taking.billedMinor };
  const grown: Leg = {
    ...original.leg, counted: { ...before, amountMinor: before.amountMinor + taking.billedMinor }, nowMinor: original.leg.nowMinor + taking.billedMinor,
    takenMinor: original.leg.takenMinor + taking.billedMinor,
    answeredMinor: taking.answeredMinor, changedAtMs: nowMs, expiresAtMs: Math.max(original.leg.expiresAtMs, holdExpiry(message)),
  };
  const own: Leg = {
    ...newLeg(message, legType(message.trace), nowMs), reason: taking.reason, approvalCode: taking.approvalCode, answeredMinor: taking.answeredMinor,
    state: 'added', takenMinor: taking.billedMinor, nowMinor: taking.billedMinor, counted, guarded: original.leg.guarded,
    parent: { recordId: original.recordId, legId: original.leg.id },
  };
  change.counted(own, 0, taking.billedMinor);
  if (own.guarded) change.guard(-taking.billedMinor);
  change.put(original.recordId, grown);
  change.put(located.ownId, own);
  return own;
}

/** Posts what an authorization came to, for more, less or the same, and releases its hold. */
export function complete(owner: Owner, message: CardMessage, located: Located, change: Change, original: Found, taking: Taking, nowMs: number): Leg {
  assert(original.leg.state === 'open', 'only an open authorization is completed');
  const held = original.leg.nowMinor;
  change.put(original.recordId, { ...original.leg, state: 'completed', nowMinor: 0, changedAtMs: nowMs });
  change.post(-taking.billedMinor, settlementOf(owner.account));
  const guarded = original.leg.guarded;
  if (guarded) change.guard(held - taking.billedMinor);
  const own: Leg = {
    ...newLeg(message, legType(message.trace), nowMs), reason: taking.reason, approvalCode: taking.approvalCode, answeredMinor: taking.answeredMinor,
    state: 'posted', takenMinor: taking.billedMinor, nowMinor: taking.billedMinor, counted: original.leg.counted, guarded,
    parent: { recordId: original.recordId, legId: original.leg.id }, aliases: original.leg.aliases,
  };
  for (const id of own.aliases) change.alias(id, { recordId: located.ownId, legId: own.id });
  change.put(located.ownId, own);
  return own;
}
