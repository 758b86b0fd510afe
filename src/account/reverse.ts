/**
 * Reversals (0400, 0420 and their 1993 and 2003 forms) give back what their original took, as it took it: amount, rate, counters
 * and guard. Any order of an original, its reversals and their repeats ends in the same account:
 * - a reversal whose original is unknown is accepted and remembered, and the original moves no money when it comes;
 * - of several partial ones the smallest actual amount stands;
 * - one that names more than its original took is refused, or void if it came first.
 */
import { proportion } from '../message/money.ts';
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { Change, newLeg } from './change.ts';
import { noChecks, runChecks } from './checks.ts';
import { plainResponse } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import { absentPlace } from './locate.ts';
import type { Found, Located, Records } from './locate.ts';
import { settlementOf } from './move.ts';
import type { Owner } from './move.ts';
import { legType } from './record.ts';
import type { Leg } from './record.ts';

/** Decides a reversal about a card that the account has. */
export function reverse(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account } = owner;
  const change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  const { original, parent } = located;
  const flags: string[] = [];
  let reason: Reason = '4000';
  let checks = noChecks();
  if (message.fault !== undefined) {
    ({ fault: { reason } } = message);
    checks = runChecks(message, account, owner.card, { heldBeforeMinor: 0, transactions: 0, guardRefused: false }).results;
  } else if (original === undefined) {
    flags.push('originalUnknown');
    remember(owner, message, located, change, facts);
  } else {
    const refused = refusal(message, original.leg);
    if (refused !== undefined) reason = refused;
    else {
      const state = giveBack(owner, message, change, original, parent, facts.decidedAtMs);
      if (state !== undefined) flags.push(state);
    }
  }
  change.put(located.ownId, {
    ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason,
    parent: original === undefined ? undefined : { recordId: original.recordId, legId: original.leg.id },
  });
  const response: Response = { ...plainResponse(reason, message.fault?.field), amount: message.amount };
  return decided(account, change, located.once, { message, facts, response, checks, originalId: original?.leg.id, flags });
}

/** More than the original is refused; so is a part in a currency that the original was not in. */
function refusal(message: CardMessage, leg: Leg): Reason | undefined {
  const wholeMinor = Math.max(leg.amountMinor, leg.answeredMinor);
  const sameCurrency = message.amount === undefined || leg.currency === '' || message.amount.currency === leg.currency;
  if (!sameCurrency) return '1030';
  if (message.amount !== undefined && message.amount.amountMinor > wholeMinor) return '1832';
  return (message.actualMinor ?? 0) > wholeMinor ? '1832' : undefined;
}

/** Puts the remembered reversal where its original will look. */
function remember(owner: Owner, message: CardMessage, located: Located, change: Change, facts: DecideFacts): void {
  const { original, trace } = message;
  const placeId = absentPlace(owner.account.id, owner.index, message);
  const leg: Leg = {
    ...newLeg(message, original === undefined ? '' : legType(original), facts.decidedAtMs),
    id: `${message.id}^`, stan: original?.stan ?? trace.stan, transmittedAt: original?.transmittedAt ?? '', localAt: original?.localAt ?? '',
    state: 'absent', actualMinor: message.actualMinor ?? 0,
  };
  change.put(placeId, leg);
  if (original !== undefined) return;
  for (const { id, place } of located.aliases) if (place === undefined) change.alias(id, { recordId: placeId, legId: leg.id });
}

/** Gives back what the leg still has beyond the actual amount. @returns a flag where there was nothing left to give back. */
function giveBack(owner: Owner, message: CardMessage, change: Change, original: Found, parent: Found | undefined, nowMs: number): string | undefined {
  const { leg, recordId } = original;
  if (leg.state !== 'open' && leg.state !== 'posted' && leg.state !== 'added') return `original:${leg.state}`;
  const wholeMinor = leg.state === 'added' ? leg.amountMinor : leg.answeredMinor;
  const actualMinor = Math.min(message.actualMinor ?? 0, wholeMinor);
  const sign = leg.takenMinor < 0 ? -1 : 1;
  const keptMinor = actualMinor === 0 ? 0 : sign * proportion(actualMinor, wholeMinor, Math.abs(leg.takenMinor));
  if (Math.abs(keptMinor) >= Math.abs(leg.nowMinor)) return 'nothingLeft';
  const backMinor = leg.nowMinor - keptMinor;
  const isWhole = keptMinor === 0;
  if (leg.state === 'added') {
    const flag = shrinkParent(change, parent, leg, backMinor, nowMs);
    if (flag !== undefined) return flag;
  }
  change.put(recordId, { ...leg, state: isWhole ? 'reversed' : leg.state, nowMinor: keptMinor, changedAtMs: nowMs });
  if (leg.state === 'posted') change.post(backMinor, settlementOf(owner.account));
  if (leg.guarded) change.guard(backMinor);
  if (leg.counted !== undefined) {
    // A completion may have come to more or less than the authorization that was counted.
    const countedBackMinor = isWhole && leg.state !== 'added' ? countedLeft(leg) : Math.min(backMinor, leg.counted.amountMinor);
    change.counted(leg, isWhole && leg.state !== 'added' ? -1 : 0, -countedBackMinor);
  }
  return undefined;
}

/** Of what the leg counted, what earlier partial reversals have not given back. */
function countedLeft(leg: Leg): number {
  const countedMinor = leg.counted?.amountMinor ?? 0;
  return Math.max(0, countedMinor - (leg.takenMinor - leg.nowMinor));
}

/** An increment comes off the authorization that it was added to, while that is open. */
function shrinkParent(change: Change, parent: Found | undefined, leg: Leg, backMinor: number, nowMs: number): string | undefined {
  if (parent === undefined || parent.leg.state !== 'open') return `parent:${parent?.leg.state ?? 'unknown'}`;
  const { counted } = parent.leg;
  const answeredBackMinor = leg.takenMinor === 0 ? 0 : proportion(Math.min(backMinor, leg.takenMinor), leg.takenMinor, leg.amountMinor);
  change.put(parent.recordId, {
    ...parent.leg, nowMinor: Math.max(0, parent.leg.nowMinor - backMinor), takenMinor: parent.leg.takenMinor - backMinor,
    answeredMinor: parent.leg.answeredMinor - answeredBackMinor, changedAtMs: nowMs,
    counted: counted === undefined ? undefined : { ...counted, amountMinor: counted.amountMinor - Math.min(backMinor, counted.amountMinor) },
  });
  return undefined;
}
