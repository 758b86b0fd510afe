/**
 * Moves the money of an approved card message: opens a hold or posts, takes the counters and the guard. Requests and advices
 * do it alike; they differ in what may refuse them.
 */
import { assert } from '../base/assert.ts';
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Account, Card } from './account.ts';
import type { Change } from './change.ts';
import { creditRateOf } from '../message/credit.ts';
import type { CreditRate } from '../message/credit.ts';
import { giveBack } from './give-back.ts';
import { newLeg, standsForMinor } from './leg.ts';
import { countedBy } from './limits.ts';
import type { Found, Located } from './locate.ts';
import { legType, placeOf } from './record.ts';
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
  readonly wholeMinor: number;
  readonly approvalCode: string;
  readonly reason: Reason;
  /** At which it was converted; undefined: it was not. */
  readonly rate: string | undefined;
}

/** One message's way into the account. */
export interface Moving {
  readonly owner: Owner;
  readonly message: CardMessage;
  readonly located: Located;
  readonly change: Change;
  readonly nowMs: number;
}

export type MoveKind = 'take' | 'complete' | 'increase';

/**
 * Takes, completes or increases, then lets the reversals have their due that came ahead of the message.
 * @param leftMinor what those leave of it, transaction's currency; undefined: there were none
 * @returns the message's leg, which knows what is to be answered
 */
export function move(moving: Moving, kind: MoveKind, original: Found | undefined, taking: Taking, leftMinor: number | undefined): Leg {
  const { change, located, owner, nowMs } = moving;
  let leg: Leg;
  if (kind === 'take' || original === undefined) leg = take(moving, taking);
  else leg = kind === 'complete' ? complete(moving, original, taking) : increase(moving, original, taking);
  if (leftMinor === undefined) return leg;
  for (const found of located.ahead) change.drop(found);
  giveBack(change, owner.index, { recordId: located.ownId, leg }, leftMinor, nowMs);
  const left = change.at(placeOf(located.ownId, leg))?.leg ?? leg;
  const grown = left.parent === undefined || kind !== 'increase' ? undefined : change.at(left.parent)?.leg;
  const answered: Leg = {
    ...left, answeredMinor: grown === undefined ? Math.min(taking.wholeMinor, leftMinor) : standsForMinor(grown),
    billedMinor: left.takenMinor === 0 ? taking.billedMinor : Math.abs((grown ?? left).nowMinor),
  };
  change.put(located.ownId, answered);
  return answered;
}

/** When a hold that opens now runs out. */
function holdExpiry(message: CardMessage): number {
  const { holdDays } = message.terms;
  const days = message.purpose === 'preauthorization' ? holdDays.preauthorization : message.cardPresent ? holdDays.cardPresent : holdDays.cardNotPresent;
  return message.receivedAtMs + days * dayMs;
}

function ownLeg({ message, nowMs }: Moving, { reason, approvalCode, wholeMinor, billedMinor, rate }: Taking): Leg {
  const leg: Leg = { ...newLeg(message, legType(message.trace), nowMs), reason, approvalCode, wholeMinor, answeredMinor: wholeMinor, billedMinor };
  return rate === undefined ? leg : { ...leg, rate };
}

/** Puts the message's leg, and lets what it is known by lead to it. */
function keep({ located, change }: Moving, leg: Leg, aliasIds: readonly string[]): Leg {
  change.put(located.ownId, leg);
  for (const id of aliasIds) change.alias(id, located.ownId, leg);
  return leg;
}

function allAliases({ located }: Moving): string[] {
  return located.aliases.map(({ id }) => id);
}

type Reserved = Pick<Leg, 'guarded' | 'creditRate'>;

const unreserved: Reserved = { guarded: false };

function reservedAt(creditRate: CreditRate | undefined): Reserved {
  return creditRate === undefined ? { guarded: true } : { guarded: true, creditRate };
}

/** Holds (x1xx) or posts (x2xx) a transaction of its own. */
function take(moving: Moving, taking: Taking): Leg {
  const { owner, message, change } = moving;
  const leg = ownLeg(moving, taking);
  const isCredit = message.purpose === 'refund';
  const isHold = message.class === 'authorization';
  if (taking.billedMinor === 0 || (isCredit && isHold)) return keep(moving, leg, []);
  const rate = creditRateOf(message.terms, message.purpose);
  // What has happened already is taken all the same where nobody can say how much it needs; a request was refused (1821).
  const reserved = message.terms.creditGuard && rate !== 'unknown' ? reservedAt(rate) : unreserved;
  const takenMinor = isCredit ? -taking.billedMinor : taking.billedMinor;
  const counted = isCredit ? undefined : countedBy(owner.card, message);
  if (!isHold) change.post(-takenMinor);
  if (reserved.guarded) change.guard(0, takenMinor, reserved.creditRate);
  change.count(owner.index, counted, 1, takenMinor);
  const taken: Leg = { ...leg, state: isHold ? 'open' : 'posted', takenMinor, nowMinor: takenMinor, counted, ...reserved, expiresAtMs: isHold ? holdExpiry(message) : 0 };
  return keep(moving, taken, allAliases(moving));
}

/** Adds to an open authorization. The message's own leg keeps what it added, so that it can be reversed alone. */
function increase(moving: Moving, original: Found, taking: Taking): Leg {
  const { owner, message, located, change, nowMs } = moving;
  const { leg: before } = original;
  assert(before.state === 'open', 'only an open authorization is added to');
  // It belongs to its authorization's day and month, so that reversing the whole gives back the whole.
  const counted = before.counted ?? countedBy(owner.card, message);
  const expiresAtMs = Math.max(before.expiresAtMs, holdExpiry(message));
  change.count(owner.index, counted, 0, taking.billedMinor);
  if (before.guarded) change.guard(before.nowMinor, before.nowMinor + taking.billedMinor, before.creditRate);
  const grown: Leg = {
    ...before, counted, nowMinor: before.nowMinor + taking.billedMinor, takenMinor: before.takenMinor + taking.billedMinor,
    wholeMinor: before.wholeMinor + taking.wholeMinor, changedAtMs: nowMs, expiresAtMs,
  };
  change.put(original.recordId, grown);
  const own: Leg = {
    ...ownLeg(moving, taking), state: 'added', takenMinor: taking.billedMinor, nowMinor: taking.billedMinor, counted, guarded: before.guarded,
    answeredMinor: standsForMinor(grown), billedMinor: grown.nowMinor, expiresAtMs, parent: placeOf(original.recordId, before),
  };
  // What leads to the authorization goes on doing so, for as long as it is held now.
  const toGrown = located.aliases.filter(({ found }) => found?.leg.id === before.id);
  for (const { id } of toGrown) change.alias(id, original.recordId, grown);
  return keep(moving, own, located.aliases.filter(({ found }) => found === undefined || found.leg.state === 'absent').map(({ id }) => id));
}

/**
 * Posts what an authorization came to, for more, less or the same, and releases what it still holds. What was counted for it becomes
 * what is posted.
 */
function complete(moving: Moving, original: Found, taking: Taking): Leg {
  const { owner, message, change, nowMs } = moving;
  const { leg: before } = original;
  const isOpen = before.state === 'open';
  const wasCounted = isOpen || before.state === 'expired';
  change.put(original.recordId, { ...before, state: 'completed', nowMinor: 0, changedAtMs: nowMs });
  change.post(-taking.billedMinor);
  const rate = before.guarded ? before.creditRate : creditRateOf(message.terms, message.purpose);
  const isReserved = isOpen ? before.guarded : message.terms.creditGuard;
  const reserved = isReserved && rate !== 'unknown' ? reservedAt(rate) : unreserved;
  if (reserved.guarded) change.guard(isOpen ? before.nowMinor : 0, taking.billedMinor, reserved.creditRate);
  const counted = (wasCounted ? before.counted : undefined) ?? countedBy(owner.card, message);
  if (wasCounted && before.counted !== undefined) change.count(owner.index, counted, 0, taking.billedMinor - before.nowMinor);
  else change.count(owner.index, counted, 1, taking.billedMinor);
  const own: Leg = {
    ...ownLeg(moving, taking), state: 'posted', takenMinor: taking.billedMinor, nowMinor: taking.billedMinor, counted, ...reserved,
    parent: placeOf(original.recordId, before),
  };
  return keep(moving, own, allAliases(moving));
}
