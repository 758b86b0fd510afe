/**
 * Takes in what was answered in the account's place while its store could not be reached. It has been answered, so nothing here refuses;
 * the account becomes what the acquirer was told:
 *
 *   here \ answered     approved                              declined
 *   not here            taken                                 noted
 *   declined here       taken (`declinedHere`)                noted; a repeat hears what was answered
 *   approved here       nothing twice (`alreadyRecorded`)     given back (`givenBack`)
 *
 * Reversals, before or after, mean the same transaction. Wrong PINs count here, and lock the card at the limit; a right one ends the
 * count. Invariant: it happens once, however often it is asked for, and in every order with the commit whose outcome nobody knew.
 */
import { assert } from '../base/assert.ts';
import type { CardMessage, StoodIn } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { evolve, isWithinBounds, overdraws } from './account.ts';
import { leftByReversals } from './ahead.ts';
import { authenticationDays, authenticationId, pinKeyId } from './single-use.ts';
import { kindOf } from './authorize.ts';
import { Change } from './change.ts';
import { billedOf } from './checks.ts';
import { isUnreserved } from '../message/credit.ts';
import { plainResponse } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { transactionEntry } from './entry.ts';
import type { Converted } from './entry.ts';
import { giveBack } from './give-back.ts';
import { newLeg } from './leg.ts';
import type { Found, Located, Records } from './locate.ts';
import { move } from './move.ts';
import type { MoveKind, Owner } from './move.ts';
import { digest, legType, placeOf, shortFingerprint } from './record.ts';
import type { Leg } from './record.ts';
import { securityChange } from './security.ts';
import type { SecurityChange } from './security.ts';

/** As long as an advice may wait on a switch's disk, and be tried again. */
const markDays = 400;

interface Settling {
  readonly owner: Owner;
  readonly message: CardMessage;
  readonly stoodIn: StoodIn;
  readonly located: Located;
  readonly facts: DecideFacts;
  readonly change: Change;
  readonly flags: string[];
}

/** Takes in a request that was answered in stand-in; the same one again changes nothing. */
export function settle(owner: Owner, message: CardMessage, stoodIn: StoodIn, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account } = owner;
  const markId = `${account.id}#${digest(`standin-${message.id}`)}`;
  const useId = isApproval(stoodIn.reason) && located.own === undefined ? authenticationId(account.id, message) : undefined;
  const keyId = located.own === undefined && stoodIn.pin !== undefined ? pinKeyId(account.id, message) : undefined;
  const missing = [markId, useId, keyId].filter((id) => id !== undefined && !records.has(id)) as string[];
  if (missing.length > 0) return { kind: 'read', ids: missing };
  const response = { ...plainResponse(stoodIn.reason), amount: message.amount };
  if (typeof records.get(markId) === 'string') return { kind: 'decided', response, change: undefined, note: 'repeat' };

  let settling = begin(owner, message, stoodIn, located, records, facts);
  const own = sameOf(located, message);
  let reason = isApproval(stoodIn.reason) ? approved(settling, own) : declined(settling, own);
  if (!isWithinBounds(account, settling.change.effects)) {
    settling = begin(owner, message, stoodIn, located, records, facts);
    settling.flags.push('beyondBound');
    reason = own === undefined ? noted(settling) : '9001';
  }
  const { change, flags } = settling;
  if (overdraws(account, change.effects)) flags.push('overdrawn');
  if (change.effects.ledgerMinor + change.effects.openHolds !== 0 && isUnreserved(message, kindOf(message))) flags.push('partnerRateMissing');
  if (useId !== undefined && records.get(useId) === null) change.mark(useId, message.id, authenticationDays);
  if (keyId !== undefined && records.get(keyId) === null) change.mark(keyId, message.id, message.terms.recordDays);
  change.mark(markId, '1', markDays);
  if (own === undefined) {
    const security = secured(settling);
    change.card = security.effect;
    flags.push(...security.flags);
  }
  // Where the account has an entry of that name already, this one goes beside it.
  const isBeside = own?.leg.id === message.id;
  const entry = {
    ...transactionEntry(account, change, {
      message: isBeside ? { ...message, id: `${message.id}-standin` } : message, facts: { ...facts, decidedAtMs: stoodIn.decidedAtMs },
      response: { ...response, reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '' }, checks: stoodIn.checks,
      originalId: own?.leg.id ?? originalOf(settling)?.leg.id, flags, converted: convertedOf(settling),
    }),
    decidedBy: 'standin' as const,
  };
  return { kind: 'decided', response, change: { entry, account: evolve(account, entry), once: [], guardMayRefuse: false }, note: undefined };
}

function begin(owner: Owner, message: CardMessage, stoodIn: StoodIn, located: Located, records: Records, facts: DecideFacts): Settling {
  return { owner, message, stoodIn, located, facts, change: new Change(owner.account, records, message.terms.recordDays, facts.decidedAtMs), flags: [...stoodIn.flags] };
}

/** The same transaction as the account has it. One with other contents under the same trace is another. */
function sameOf({ own, ownAt }: Located, message: CardMessage): Found | undefined {
  if (own === undefined || ownAt === undefined) return undefined;
  return own.id === message.id || own.fingerprint === shortFingerprint(message.fingerprint) ? { recordId: ownAt, leg: own } : undefined;
}

function convertedOf(settling: Settling): Converted | undefined {
  const { account } = settling.owner;
  const { minor: amountMinor, rate } = billedOf(account, settling.message, originalOf(settling)?.leg);
  return rate === undefined || amountMinor === undefined ? undefined : { amountMinor, currency: account.currency, rate };
}

/** What it completes or adds to. */
function originalOf({ message, located }: Settling): Found | undefined {
  return kindOf(message) === 'take' ? undefined : located.original;
}

/** @returns the entry's reason */
function approved(settling: Settling, own: Found | undefined): Reason {
  const { located, flags, change, owner, facts } = settling;
  if (own !== undefined && isApproval(own.leg.reason)) {
    const { state, reason } = own.leg;
    // Stand-in approves all of it or nothing: a part that was approved here was not what the acquirer heard.
    const isPart = reason === '0002' && (state === 'open' || state === 'posted');
    if (!isPart) {
      flags.push('alreadyRecorded', `answered:${settling.stoodIn.reason}`);
      return '9001';
    }
    giveBack(change, owner.index, own, 0, facts.decidedAtMs);
    flags.push('partHere');
  } else if (own?.leg.reason === '1830') {
    // Its reversal was here before it: nothing is left of it, whatever the acquirer was told.
    flags.push('reversedBefore');
    relabel(settling, own);
    return settling.stoodIn.reason;
  } else if (own !== undefined) flags.push(`declinedHere:${own.leg.reason}`);
  if (located.twin !== undefined && located.twin.state !== 'none') {
    flags.push('alreadyRecorded');
    return noted(settling);
  }
  return take(settling, own);
}

function take(settling: Settling, own: Found | undefined): Reason {
  const { owner, message, stoodIn, located, change, facts, flags } = settling;
  const original = originalOf(settling);
  const { minor: billedMinor, rate } = billedOf(owner.account, message, original?.leg);
  if (billedMinor === undefined) {
    flags.push('currencyUnknown');
    return noted(settling);
  }
  let kind: MoveKind = original === undefined ? 'take' : kindOf(message);
  if (original !== undefined && original.leg.state !== 'open') {
    flags.push(`original:${original.leg.state}`);
    if (kind === 'complete' && original.leg.state === 'completed') return noted(settling);
    if (kind === 'increase' || original.leg.state === 'none') kind = 'take';
  } else if (kindOf(message) !== kind) flags.push('originalUnknown');
  const leftMinor = located.ahead.length === 0 ? undefined : leftByReversals(located.ahead.map(({ leg }) => leg), message);
  if (leftMinor !== undefined) flags.push('reversedBefore');
  const as: CardMessage = own === undefined ? message : { ...message, id: own.leg.id };
  move({ owner, message: as, located: { ...located, ownId: own?.recordId ?? located.ownId }, change, nowMs: facts.decidedAtMs }, kind, original, {
    billedMinor, wholeMinor: message.amount?.amountMinor ?? 0, approvalCode: message.approvalCodeOffer, reason: stoodIn.reason, rate,
  }, leftMinor);
  return stoodIn.reason;
}

function declined(settling: Settling, own: Found | undefined): Reason {
  const { stoodIn: { reason }, located, change, owner, facts, flags } = settling;
  if (own === undefined) {
    if (reason === '1830') for (const found of located.ahead) change.drop(found);
    return noted(settling);
  }
  if (isApproval(own.leg.reason)) flags.push(giveBack(change, owner.index, own, 0, facts.decidedAtMs) ?? 'givenBack');
  relabel(settling, own);
  return reason;
}

/** A repeat hears what was answered last. */
function relabel({ message, stoodIn: { reason }, change }: Settling, own: Found): void {
  const now = change.at(placeOf(own.recordId, own.leg));
  assert(now !== undefined, 'what was found is there');
  if (now.leg.reason !== reason) change.put(now.recordId, { ...now.leg, reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '' });
}

/** Nothing moves: the answer alone is remembered. */
function noted({ message, stoodIn: { reason }, located, facts, change }: Settling): Reason {
  const leg: Leg = { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '' };
  change.put(located.ownId, leg);
  return reason;
}

function secured({ owner: { card, index }, message, stoodIn }: Settling): SecurityChange {
  const { record, security } = card;
  const isOfRecord = typeof message.pin !== 'string' && record.pin !== undefined && message.pin.pinVersion === record.pinVersion;
  const pin = isOfRecord ? stoodIn.pin : undefined;
  const isLocked = record.lockCode !== 0;
  const change = securityChange(index, card, message, { pin: isLocked && pin === 'wrong' ? undefined : pin, isApproved: false, isAwaited: false });
  if (!isLocked || pin !== 'wrong') return change;
  // It counts, and the code that the card has stays.
  const after = change.effect?.security ?? security;
  return { ...change, effect: { index, record: change.effect?.record, security: { ...after, pinTries: after.pinTries + 1 } } };
}
