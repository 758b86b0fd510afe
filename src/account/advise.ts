/**
 * Advices (0120, 0220 and their 1993 and 2003 forms) tell of what was done already, so nothing here refuses: what moved
 * money out there is recorded even where it overdraws, and flagged. What is on record already is linked and not applied again.
 */
import { proportion } from '../message/money.ts';
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor } from './account.ts';
import { leftByReversals } from './authorize.ts';
import { Change, newLeg } from './change.ts';
import { noChecks, runChecks } from './checks.ts';
import type { CheckOutcome } from './checks.ts';
import { plainResponse } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import type { Found, Located, Records } from './locate.ts';
import { complete, increase, take } from './move.ts';
import type { Owner, Taking } from './move.ts';
import { legType } from './record.ts';

/** What the advice turns out to do. */
type Effect =
  | { readonly kind: 'note'; readonly flag: string; readonly reason: Reason }
  | { readonly kind: 'take' | 'complete' | 'increase'; readonly flags: readonly string[] };

/** Records an advice about a card that the account has. */
export function advise(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account, card } = owner;
  const change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  const { original } = located;
  const outcome = message.advisedDecline
    ? { results: noChecks(), failure: undefined, billedMinor: undefined, partialMinor: undefined }
    : runChecks({ ...message, partialAllowed: false }, account, card, {
        heldBeforeMinor: original?.leg.state === 'open' ? original.leg.nowMinor : 0, transactions: 1, guardRefused: false,
      });
  const effect = effectOf(message, original, outcome);
  const flags: string[] = [];
  let reason: Reason = '9001';
  const leftMinor = leftByReversals(located.ahead, message);
  if (effect.kind === 'note' || (located.ahead.length > 0 && leftMinor === 0)) {
    reason = effect.kind === 'note' ? effect.reason : '9000';
    flags.push(effect.kind === 'note' ? effect.flag : 'reversedBefore');
    change.put(located.ownId, { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason, parent: placeOf(original) });
  } else {
    flags.push(...effect.flags);
    if (outcome.failure !== undefined) flags.push(`wouldDecline:${outcome.failure}`);
    const taking = takingOf(message, outcome, leftMinor, effect.kind === 'increase' ? original : undefined);
    if (effect.kind === 'complete' && original !== undefined) complete(owner, message, located, change, original, taking, facts.decidedAtMs);
    else if (effect.kind === 'increase' && original !== undefined) increase(owner, message, located, change, original, taking, facts.decidedAtMs);
    else take(owner, message, located, change, taking, facts.decidedAtMs);
    const { ledgerMinor, heldMinor } = change.effects;
    if (ledgerMinor - heldMinor < 0 && availableMinor(account) + ledgerMinor - heldMinor < 0) flags.push('overdrawn');
  }
  return decided(account, change, located.once, {
    message, facts, response: { ...plainResponse(reason, message.fault?.field), amount: message.amount }, checks: outcome.results,
    originalId: original?.leg.id, flags,
  });
}

function placeOf(original: Found | undefined): { recordId: string; legId: string } | undefined {
  return original === undefined ? undefined : { recordId: original.recordId, legId: original.leg.id };
}

function effectOf(message: CardMessage, original: Found | undefined, outcome: CheckOutcome): Effect {
  const note = (flag: string, reason: Reason = '9000'): Effect => ({ kind: 'note', flag, reason });
  if (message.fault !== undefined) return note('contentFault', message.fault.reason);
  if (message.advisedDecline) return note('advisedDecline');
  if (message.purpose === 'balanceInquiry' || message.purpose === 'verification') return note('noMoney');
  if (message.purpose === 'unsupported') return note('functionNotSupported');
  if (outcome.billedMinor === undefined) return note('currencyUnknown');
  if (original === undefined) {
    const named = message.original !== undefined || message.purpose === 'completion' || message.purpose === 'increment';
    return { kind: 'take', flags: named ? ['originalUnknown'] : [] };
  }
  const { state, type } = original.leg;
  const sameClass = type[0] === legType(message.trace)[0];
  if (message.purpose === 'increment' && sameClass) {
    return state === 'open' ? { kind: 'increase', flags: [] } : { kind: 'take', flags: [`original:${state}`] };
  }
  // The very transaction that it tells of is here: what it did, it has done. Where it was declined here, it was done elsewhere after all.
  if (sameClass) return state === 'none' ? { kind: 'take', flags: ['declinedHere'] } : note('alreadyRecorded', '9001');
  if (message.class === 'authorization') return note('alreadyRecorded', '9001');
  if (state === 'open') return { kind: 'complete', flags: [] };
  return state === 'completed' ? note('alreadyCompleted', '9001') : { kind: 'take', flags: [`original:${state}`] };
}

function takingOf(message: CardMessage, outcome: CheckOutcome, leftMinor: number, grown: Found | undefined): Taking {
  const askedMinor = message.amount?.amountMinor ?? 0;
  const billedMinor = outcome.billedMinor ?? 0;
  return {
    billedMinor: askedMinor > 0 && leftMinor < askedMinor ? proportion(leftMinor, askedMinor, billedMinor) : billedMinor,
    answeredMinor: leftMinor + (grown?.leg.answeredMinor ?? 0),
    approvalCode: message.approvalCode,
    reason: '9001',
  };
}
