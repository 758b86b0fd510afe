/**
 * Gives back what a leg took, as it took it: amount, rate, counters and guard. What is kept follows from what the reversal leaves of the
 * whole alone, and never grows, so that several reversals end alike in every order.
 */
import { proportion } from '../message/money.ts';
import type { Change } from './change.ts';
import { hasMoney } from './leg.ts';
import type { Found } from './locate.ts';
import type { Leg } from './record.ts';

/**
 * Gives back what the leg still has beyond `actualMinor` (transaction's currency).
 * @param card index of the leg's card
 * @returns a flag where there was nothing to give back
 */
export function giveBack(change: Change, card: number, { recordId, leg }: Found, actualMinor: number, nowMs: number): string | undefined {
  if (!hasMoney(leg)) return `original:${leg.state}`;
  const keptMinor = keptOf(leg, actualMinor);
  if (Math.abs(keptMinor) >= Math.abs(leg.nowMinor)) return 'nothingLeft';
  const isWhole = keptMinor === 0;
  let backMinor = leg.nowMinor - keptMinor;
  if (leg.state === 'added') {
    const parent = leg.parent === undefined ? undefined : change.at(leg.parent);
    if (parent?.leg.state !== 'open') return `parent:${parent?.leg.state ?? 'unknown'}`;
    backMinor = shrink(change, parent, leg, backMinor, nowMs);
    // It is the authorization that reserves, for both.
    if (leg.guarded) change.guard(parent.leg.nowMinor, parent.leg.nowMinor - backMinor, parent.leg.creditRate);
  } else if (leg.guarded) change.guard(leg.nowMinor, keptMinor, leg.creditRate);
  change.put(recordId, { ...leg, state: isWhole ? 'reversed' : leg.state, nowMinor: keptMinor, keptMinor, changedAtMs: nowMs });
  if (leg.state === 'posted') change.post(backMinor);
  change.count(card, leg.counted, isWhole && leg.state !== 'added' ? -1 : 0, -backMinor);
  if (isWhole && leg.state === 'posted' && leg.parent !== undefined) undoCompletion(change, leg, nowMs);
  return undefined;
}

function keptOf(leg: Leg, actualMinor: number): number {
  const actual = Math.min(actualMinor, leg.wholeMinor);
  if (actual === 0) return 0;
  const kept = proportion(actual, leg.wholeMinor, Math.abs(leg.takenMinor));
  return leg.takenMinor < 0 ? -kept : kept;
}

/**
 * An increment comes off the authorization that it was added to; not off what a partial reversal of all of it has left since.
 * @returns how much less is held
 */
function shrink(change: Change, parent: Found, increment: Leg, backMinor: number, nowMs: number): number {
  const { leg } = parent;
  const takenMinor = leg.takenMinor - backMinor;
  const lowered = leg.nowMinor - Math.min(backMinor, Math.max(0, leg.nowMinor - leg.keptMinor));
  const nowMinor = Math.min(takenMinor, lowered);
  const wholeBackMinor = proportion(Math.min(backMinor, increment.takenMinor), increment.takenMinor, increment.wholeMinor);
  change.put(parent.recordId, { ...leg, takenMinor, nowMinor, wholeMinor: leg.wholeMinor - wholeBackMinor, changedAtMs: nowMs });
  return leg.nowMinor - nowMinor;
}

/** An authorization whose completion was taken back holds nothing again, and another completion of it is not one too many. */
function undoCompletion(change: Change, { parent }: Leg, nowMs: number): void {
  const found = parent === undefined ? undefined : change.at(parent);
  if (found?.leg.state === 'completed') change.put(found.recordId, { ...found.leg, state: 'reversed', changedAtMs: nowMs });
}
