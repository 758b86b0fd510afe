/**
 * Advices (0120, 0220 and their 1993 and 2003 forms) tell of what was done already, so nothing here refuses: what moved
 * money out there is recorded even where it overdraws, and flagged. What is on record already is linked and not applied again.
 * A PIN that was tried out there counts here, and locks the card at the limit, unless what the advice tells of is on record and has counted.
 */
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { isWithinBounds, overdraws } from './account.ts';
import { leftByReversals } from './ahead.ts';
import { authenticationDays, authenticationId } from './single-use.ts';
import { Change } from './change.ts';
import { billedOf, noChecks, runChecks, wrongAmount } from './checks.ts';
import { isUnreserved } from '../message/credit.ts';
import { plainResponse } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import { newLeg } from './leg.ts';
import type { Found, Located, Records } from './locate.ts';
import { move } from './move.ts';
import type { MoveKind, Owner, Taking } from './move.ts';
import { legType, placeOf } from './record.ts';
import { securityChange } from './security.ts';

/** What the advice turns out to do. */
type Effect =
  | { readonly kind: 'note'; readonly flag: string; readonly reason: Reason }
  | { readonly kind: MoveKind; readonly flags: readonly string[] };

const note = (flag: string, reason: Reason = '9000'): Effect => ({ kind: 'note', flag, reason });

/** Records an advice about a card that the account has. */
export function advise(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account, card } = owner;
  const { original, twin } = located;
  const follows = original !== undefined || twin !== undefined;
  const useId = follows ? undefined : authenticationId(account.id, message);
  if (useId !== undefined && !records.has(useId)) return { kind: 'read', ids: [useId] };
  const authenticationUsed = useId !== undefined && typeof records.get(useId) === 'string';
  const { minor: billedMinor, rate } = billedOf(account, message, original?.leg);
  const leftMinor = located.ahead.length === 0 ? undefined : leftByReversals(located.ahead.map(({ leg }) => leg), message);
  let effect = effectOf(message, located, billedMinor, leftMinor);
  const checked = runChecks({ ...message, partialAllowed: false }, {
    account, card, original: (effect.kind === 'complete' || effect.kind === 'increase') && original?.leg.state === 'open' ? original.leg : undefined, follows,
    authenticationUsed, pinKeyUsed: false, guardRefused: false, converts: original?.leg,
  });
  let change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  if (effect.kind !== 'note') {
    const taking: Taking = { billedMinor: billedMinor ?? 0, wholeMinor: message.amount?.amountMinor ?? 0, approvalCode: message.approvalCode, reason: '9001', rate };
    move({ owner, message, located, change, nowMs: facts.decidedAtMs }, effect.kind, original, taking, leftMinor);
    if (!isWithinBounds(account, change.effects)) {
      effect = note('beyondBound');
      change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
    }
  }
  const security = securityChange(owner.index, card, message, { pin: checked.pin, isApproved: false, isAwaited: false, tellsOf: original?.leg.id ?? twin?.id });
  change.card = security.effect;
  const flags: string[] = [];
  let reason: Reason = '9001';
  if (effect.kind === 'note') {
    ({ reason } = effect);
    flags.push(effect.flag);
    if (effect.flag === 'reversedBefore') for (const found of located.ahead) change.drop(found);
    const parent = original === undefined ? undefined : placeOf(original.recordId, original.leg);
    change.put(located.ownId, { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason, parent });
  } else {
    flags.push(...effect.flags);
    if (leftMinor !== undefined) flags.push('reversedBefore');
    if (checked.failure !== undefined) flags.push(`wouldDecline:${checked.failure}`);
    if (overdraws(account, change.effects)) flags.push('overdrawn');
    if (isUnreserved(message, effect.kind)) flags.push('partnerRateMissing');
    if (useId !== undefined && !authenticationUsed) change.mark(useId, message.id, authenticationDays);
  }
  flags.push(...security.flags);
  return decided(account, change, located.once, {
    message, facts, response: { ...plainResponse(reason, message.fault?.field), amount: message.amount },
    checks: message.advisedDecline ? noChecks() : checked.results, originalId: original?.leg.id, flags,
    converted: rate === undefined || billedMinor === undefined ? undefined : { amountMinor: billedMinor, currency: account.currency, rate },
  });
}

function effectOf(message: CardMessage, located: Located, billedMinor: number | undefined, leftMinor: number | undefined): Effect {
  const { original, twin } = located;
  if (message.fault !== undefined) return note('contentFault', message.fault.reason);
  if (message.advisedDecline) return note('advisedDecline');
  if (message.purpose === 'balanceInquiry' || message.purpose === 'verification') return note('noMoney');
  if (message.purpose === 'pinChange') return note('pinNotChanged');
  if (message.purpose === 'unsupported') return note('functionNotSupported');
  if (message.amount === undefined || wrongAmount(message) !== undefined) return note('amountInvalid', '1010');
  if (billedMinor === undefined) return note('currencyUnknown');
  if (twin?.reason === '1830') return note('reversedBefore');
  const effect = original === undefined ? withoutOriginal(message) : withOriginal(message, original, original.leg.id === twin?.id);
  // Nothing is left of it: only a completion has something to do still, which is to release what was held.
  return leftMinor === 0 && effect.kind !== 'note' && effect.kind !== 'complete' ? note('reversedBefore') : effect;
}

function withoutOriginal(message: CardMessage): Effect {
  const named = message.original !== undefined || message.purpose === 'completion' || message.purpose === 'increment';
  return { kind: 'take', flags: named ? ['originalUnknown'] : [] };
}

function withOriginal(message: CardMessage, { leg }: Found, isTwin: boolean): Effect {
  const { state, type } = leg;
  const sameClass = type[0] === legType(message.trace)[0];
  // A refund has an authorization or a purchase behind it, which it leaves as it was.
  const isRefund = message.purpose === 'refund';
  if (isRefund !== leg.takenMinor < 0 && (isRefund || leg.takenMinor < 0)) return { kind: 'take', flags: [] };
  if (message.purpose === 'increment' && sameClass && !isTwin) {
    return state === 'open' && leg.currency === message.amount?.currency ? { kind: 'increase', flags: [] } : { kind: 'take', flags: [`original:${state}`] };
  }
  // The very transaction that it tells of is here: what it did, it has done. Where it was declined here, it was done elsewhere after all.
  if (sameClass) return state === 'none' ? { kind: 'take', flags: ['declinedHere'] } : note('alreadyRecorded', '9001');
  if (message.class === 'authorization') return note('alreadyRecorded', '9001');
  if (state === 'completed') return note('alreadyCompleted', '9001');
  return { kind: 'complete', flags: state === 'open' ? [] : [`original:${state}`] };
}
