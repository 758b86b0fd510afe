/**
 * What an approval in stand-in takes of what all switches may approve for its issuer, and what a reversal gives back of all that a
 * transaction took: the card's windows, its pushed balance, the shared counters of the outage (by amount and by count, of the issuer and
 * of the card's account), and the partner's deposit.
 */
import { giveBack } from '../standin/counted.ts';
import type { Counted } from '../standin/decision.ts';
import { newExposure } from '../standin/exposure.ts';
import type { Cap, Counter, OutageCaps } from '../standin/rules.ts';
import { afterReversal as shadowAfterReversal } from '../standin/shadow.ts';
import { partitionOf } from '../store/store.ts';
import type { GuardMove } from '../store/store.ts';
import { afterReversal as depositAfterReversal, noFloor } from './stand-in-deposit.ts';
import type { StandInHead } from './stand-in-message.ts';
import { moreOf } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

/** Where a card's counters are: a counter has a part in each partition. */
export interface CounterPlace {
  readonly partition: number;
  readonly partitions: number;
}

/** @param account whose cap it takes of too; undefined: none is known */
export function takesOf(guardId: string, counted: Counted, { issuer, account: accountCap }: OutageCaps, account: string | undefined, switches: number, place: CounterPlace): GuardMove[] {
  const takes = issuer === undefined ? [] : takesOfOne(guardId, counted, issuer, switches, place);
  return account === undefined || accountCap === undefined ? takes : [...takes, ...takesOfOne(accountGuardId(guardId, account), counted, accountCap, switches, place)];
}

function takesOfOne(guardId: string, { leftMinor, transactions }: Counted, { amountMinorMax, countMax }: Cap, switches: number, place: CounterPlace): GuardMove[] {
  const takes: GuardMove[] = [];
  if (amountMinorMax !== undefined && leftMinor > 0) takes.push({ guardId, delta: -leftMinor, floor: capFloor(guardId, Math.floor(amountMinorMax / switches), place) });
  const countId = countGuardId(guardId);
  if (countMax !== undefined && transactions > 0) takes.push({ guardId: countId, delta: -transactions, floor: capFloor(countId, Math.floor(countMax / switches), place) });
  return takes;
}

/** Below which a cap's counter may not fall in a partition: one of them has all of the room, and the others borrow from it. */
export function capFloor(guardId: string, most: number, { partition, partitions }: CounterPlace): number {
  return partition === partitionOf(guardId, partitions) ? -most : 0;
}

/** The cap that a shared counter of the outage keeps; undefined: it is none's. @returns whose it is, and the most of it by these caps */
export function capOf(guardId: string): { readonly issuer: string; readonly most: (caps: OutageCaps) => number | undefined } | undefined {
  const [mark, issuer = ''] = guardId.split(':', 2);
  if (mark !== 'outage') return undefined;
  const level = guardId.includes(':account:') ? 'account' : 'issuer';
  return { issuer, most: (caps) => (isCountGuard(guardId) ? caps[level]?.countMax : caps[level]?.amountMinorMax) };
}

const countMark = ':count';

/** What of a card's head a transaction changes. */
type Held = Pick<StandInHead, 'card' | 'known'>;

/** What is left of a transaction whose reversal says so, and what is given back. @param actualMinor in the currency of the transaction */
export function takeBack(held: Held, original: StandInRecord, actualMinor: number, counters: readonly Counter[]): Held & { readonly record: StandInRecord; readonly gives: readonly GuardMove[] } {
  const isReversed = original.isReversed || actualMinor === 0;
  const { deposit, moves } = depositAfterReversal(original, actualMinor);
  const leftBefore = original.more?.actualMinor ?? original.amount?.amountMinor ?? 0;
  const isLess = actualMinor > 0 && actualMinor < leftBefore;
  const record: StandInRecord = { ...original, isReversed, more: isLess || original.more?.deposit !== undefined ? moreOf({ ...original.more, deposit, ...(isLess ? { actualMinor } : {}) }) : original.more };
  const { counted, guardId } = original;
  // Its completion stands: what it counted is that one's.
  if (counted !== undefined && original.more?.completed === true) return { card: held.card, known: held.known, record, gives: moves };
  const shadow = held.known?.shadow;
  if (counted === undefined) {
    const known = shadow === undefined || actualMinor !== 0 ? held.known : { ...held.known!, shadow: shadowAfterReversal(shadow, original.id) };
    return { card: held.card, known, record, gives: moves };
  }
  const back = giveBack({ card: held.card, issuer: newExposure, account: shadow?.later }, counted, leftOf(original, counted, actualMinor), counters);
  const gives = [...moves];
  const backMinor = counted.leftMinor - back.counted.leftMinor;
  const backCount = counted.transactions - back.counted.transactions;
  const account = original.more?.account;
  for (const id of guardId === '' ? [] : account === undefined ? [guardId] : [guardId, accountGuardId(guardId, account)]) {
    if (backMinor > 0) gives.push({ guardId: id, delta: backMinor, floor: noFloor });
    if (backCount > 0) gives.push({ guardId: countGuardId(id), delta: backCount, floor: noFloor });
  }
  const later = back.state.account;
  const known = shadow === undefined || later === undefined ? held.known : { ...held.known!, shadow: { ...shadow, later } };
  return { card: back.state.card, known, record: { ...record, counted: back.counted }, gives };
}

/** In the rules' currency, rounded up, so that never too much is given back. */
function leftOf({ amount, more }: StandInRecord, counted: Counted, actualMinor: number): number {
  const wholeMinor = more?.actualMinor ?? amount?.amountMinor ?? 0;
  if (actualMinor === 0) return 0;
  if (wholeMinor <= 0 || actualMinor >= wholeMinor) return counted.leftMinor;
  return Math.min(counted.leftMinor, Number((BigInt(counted.leftMinor) * BigInt(actualMinor) + BigInt(wholeMinor) - 1n) / BigInt(wholeMinor)));
}

/** Without an outage that anybody has noticed, what one day's timeouts may come to is bounded. */
export function outageGuardId(issuer: string, outageId: number, day: number): string {
  return outageId === 0 ? `outage:${issuer}:day${day}` : `outage:${issuer}:${outageId}`;
}

function accountGuardId(guardId: string, account: string): string {
  return `${guardId}:account:${account}`;
}

/** Does the counter count transactions, and no amount? */
export function isCountGuard(guardId: string): boolean {
  return guardId.endsWith(countMark);
}

function countGuardId(guardId: string): string {
  return guardId + countMark;
}
