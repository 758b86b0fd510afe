/**
 * What an approval in stand-in takes of what all switches may approve for its issuer, and what a reversal gives back of all that it counted:
 * the card's windows, and the two shared counters of the outage, by amount and by count.
 */
import type { Activity } from '../standin/activity.ts';
import { giveBack } from '../standin/counted.ts';
import type { Counted } from '../standin/decision.ts';
import { newExposure } from '../standin/exposure.ts';
import type { Cap, Counter } from '../standin/rules.ts';
import type { GuardMove } from '../store/store.ts';
import type { StandInRecord } from './stand-in-record.ts';

/** What has happened already is counted whatever the cap says. */
export const noFloor = -Number.MAX_SAFE_INTEGER;

export function takesOf(guardId: string, { leftMinor, transactions }: Counted, { amountMinorMax, countMax }: Cap, switches: number): GuardMove[] {
  const takes: GuardMove[] = [];
  if (amountMinorMax !== undefined && leftMinor > 0) takes.push({ guardId, delta: -leftMinor, floor: -Math.floor(amountMinorMax / switches) });
  if (countMax !== undefined && transactions > 0) takes.push({ guardId: countGuardId(guardId), delta: -transactions, floor: -Math.floor(countMax / switches) });
  return takes;
}

/** What is left of a transaction whose reversal says so, and what is given back. @param actualMinor in the currency of the transaction */
export function takeBack(card: Activity, original: StandInRecord, actualMinor: number, counters: readonly Counter[]): { readonly card: Activity; readonly record: StandInRecord; readonly gives: readonly GuardMove[] } {
  const isReversed = actualMinor === 0;
  const { counted, guardId } = original;
  if (counted === undefined) return { card, record: { ...original, isReversed: original.isReversed || isReversed }, gives: [] };
  const back = giveBack({ card, issuer: newExposure }, counted, leftOf(original, counted, actualMinor), counters);
  const gives: GuardMove[] = [];
  const backMinor = counted.leftMinor - back.counted.leftMinor;
  const backCount = counted.transactions - back.counted.transactions;
  if (guardId !== '' && backMinor > 0) gives.push({ guardId, delta: backMinor, floor: noFloor });
  if (guardId !== '' && backCount > 0) gives.push({ guardId: countGuardId(guardId), delta: backCount, floor: noFloor });
  return { card: back.state.card, record: { ...original, isReversed: original.isReversed || isReversed, counted: back.counted }, gives };
}

/** In the rules' currency, rounded up, so that never too much is given back. */
function leftOf({ amount }: StandInRecord, counted: Counted, actualMinor: number): number {
  const wholeMinor = amount?.amountMinor ?? 0;
  if (actualMinor === 0) return 0;
  if (wholeMinor <= 0 || actualMinor >= wholeMinor) return counted.leftMinor;
  return Math.min(counted.leftMinor, Number((BigInt(counted.leftMinor) * BigInt(actualMinor) + BigInt(wholeMinor) - 1n) / BigInt(wholeMinor)));
}

/** Without an outage that anybody has noticed, what one day's timeouts may come to is bounded. */
export function outageGuardId(issuer: string, outageId: number, day: number): string {
  return outageId === 0 ? `outage:${issuer}:day${day}` : `outage:${issuer}:${outageId}`;
}

function countGuardId(guardId: string): string {
  return `${guardId}:count`;
}
