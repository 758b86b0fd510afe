/**
 * Reversals (0400, 0420 and their 1993 and 2003 forms) give back what their original took. Any order of an original, its reversals
 * and their repeats ends in the same account:
 * - a reversal whose original is unknown, or was declined here, is accepted and remembered, and the original moves no money when it comes;
 * - of several partial ones the smallest actual amount stands;
 * - one that names more than its original took is refused, or void if it came first.
 *
 * What the chip was sent with an answer that is reversed whole, it is sent again. A PIN that was changed stays changed.
 */
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { isWithinBounds, overdraws } from './account.ts';
import { Change } from './change.ts';
import { noChecks, noContext, runChecks, wrongAmount } from './checks.ts';
import { plainResponse } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import { giveBack } from './give-back.ts';
import { isIncrement, newLeg } from './leg.ts';
import type { Located, Records } from './locate.ts';
import type { Owner } from './move.ts';
import { legType, placeOf } from './record.ts';
import type { Leg } from './record.ts';
import { unsentAgain } from './scripts.ts';

/** Decides a reversal about a card that the account has. */
export function reverse(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account, card } = owner;
  const { original } = located;
  let change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  let refused = refusal(message, original?.leg);
  const flags: string[] = [];
  if (refused === undefined) {
    if (original === undefined) flags.push(located.isForeign ? 'originalOfAnother' : 'originalUnknown');
    else {
      const flag = giveBack(change, owner.index, original, message.actualMinor ?? 0, facts.decidedAtMs);
      if (flag !== undefined) flags.push(flag);
    }
    remember(located, change);
    if (!isWithinBounds(account, change.effects)) {
      refused = '1010';
      change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
    } else if (overdraws(account, change.effects)) flags.push('overdrawn');
  }
  if (refused === undefined && original !== undefined && (message.actualMinor ?? 0) === 0) {
    const scripts = unsentAgain(card.security.scripts, original.leg.id);
    if (scripts !== undefined) change.card = { index: owner.index, record: undefined, security: { ...card.security, scripts } };
  }
  const reason: Reason = refused ?? '4000';
  const parent = original === undefined ? undefined : placeOf(original.recordId, original.leg);
  change.put(located.ownId, { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason, parent });
  const checks = message.fault === undefined ? noChecks() : runChecks(message, { ...noContext, account, card }).results;
  const response: Response = { ...plainResponse(reason, message.fault?.field), amount: message.amount };
  return decided(account, change, located.once, { message, facts, response, checks, originalId: original?.leg.id, flags });
}

/** Faulty content is refused, and so is more than the original, and a part in a currency that the original was not in. */
function refusal(message: CardMessage, leg: Leg | undefined): Reason | undefined {
  if (message.fault !== undefined) return message.fault.reason;
  if (wrongAmount({ ...message, billing: undefined }) !== undefined) return '1010';
  if (leg === undefined) return undefined;
  if (message.amount !== undefined && leg.currency !== '' && message.amount.currency !== leg.currency) return '1030';
  // An authorization with its increments is the whole of them; an increment is what it added.
  const wholeMinor = isIncrement(leg) ? leg.amountMinor : Math.max(leg.amountMinor, leg.wholeMinor);
  return (message.amount?.amountMinor ?? 0) > wholeMinor || (message.actualMinor ?? 0) > wholeMinor ? '1832' : undefined;
}

/** Puts the reversal where its original will look, by reference, by trace and by what it is known by. */
function remember({ remember: place, aliases }: Located, change: Change): void {
  if (place === undefined) return;
  change.put(place.recordId, place.leg);
  if (place.leg.type !== '') return;
  for (const { id, found } of aliases) if (found === undefined) change.alias(id, place.recordId, place.leg);
}
