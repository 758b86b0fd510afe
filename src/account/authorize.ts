/**
 * Requests (0100, 0200 and their 1993 and 2003 forms): checked in order, then held or posted.
 */
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor, isWithinBounds } from './account.ts';
import type { Account } from './account.ts';
import { leftByReversals } from './ahead.ts';
import { authenticationDays, authenticationId, pinKeyId } from './single-use.ts';
import { Change } from './change.ts';
import { runChecks } from './checks.ts';
import type { CheckOutcome } from './checks.ts';
import { withScripts } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import type { Converted } from './entry.ts';
import { newLeg } from './leg.ts';
import type { Found, Located, Records } from './locate.ts';
import { move } from './move.ts';
import type { MoveKind, Owner, Taking } from './move.ts';
import { legType } from './record.ts';
import type { Leg } from './record.ts';
import { noSecurityChange, securityChange } from './security.ts';
import type { SecurityChange } from './security.ts';

interface Request {
  readonly owner: Owner;
  readonly message: CardMessage;
  readonly located: Located;
  readonly records: Records;
  readonly facts: DecideFacts;
  readonly outcome: CheckOutcome;
  /** The record of the terminal's key that the PIN came under, where the PIN was judged. */
  readonly keyId: string | undefined;
  /** An advice told of this request before it came: it was decided elsewhere, and nobody waits for it any more. */
  readonly isTold: boolean;
  /** What reversals that came ahead of it leave of it; undefined: there were none. */
  readonly leftMinor: number | undefined;
}

/** Decides a request of a card that the account has. */
export function authorize(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account, card } = owner;
  const kind = kindOf(message);
  const original = kind === 'take' ? undefined : located.original;
  const open = original?.leg.state === 'open' ? original.leg : undefined;
  const useId = open === undefined ? authenticationId(account.id, message) : undefined;
  const keyId = open === undefined ? pinKeyId(account.id, message) : undefined;
  const outcome = runChecks(message, {
    account, card, original: open, follows: open !== undefined, authenticationUsed: isUsed(useId, records), pinKeyUsed: isUsed(keyId, records),
    guardRefused: facts.guardRefused,
  });
  const leftMinor = located.ahead.length === 0 ? undefined : leftByReversals(located.ahead.map(({ leg }) => leg), message);
  const isTold = located.twin?.transmittedAt === message.trace.transmittedAt;
  const request: Request = { owner, message, located, records, facts, outcome, keyId: outcome.pin === undefined ? undefined : keyId, isTold, leftMinor };
  const failure = isTold ? '9113' : (outcome.failure ?? refusal(message, kind, original) ?? facts.refused);
  if (failure !== undefined) return decline(request, failure);
  if (leftMinor === 0 && kind !== 'complete') return decline(request, '1830');

  const change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  const leg = move({ owner, message, located, change, nowMs: facts.decidedAtMs }, kind, original, takingOf(message, outcome, leftMinor), leftMinor);
  if (!isWithinBounds(account, change.effects)) return decline(request, '1010');

  const response = leftMinor === 0 ? declineResponse(message, '1830') : answerOf(owner, message, leg);
  if (response.balance !== undefined) {
    change.put(located.ownId, { ...leg, balance: [response.balance.ledgerMinor, response.balance.availableMinor] });
  }
  if (useId !== undefined) change.mark(useId, message.id, authenticationDays);
  markKey(request, change);
  const security = secured(request, true);
  change.card = security.effect;
  return decided(account, change, onceOf(request, useId), {
    message, facts, response: withChip(response, security), checks: outcome.results, originalId: original?.leg.id, converted: convertedOf(account, outcome),
    flags: leftMinor === undefined ? security.flags : ['reversedBefore', ...security.flags],
  });
}

function isUsed(id: string | undefined, records: Records): boolean {
  return id !== undefined && typeof records.get(id) === 'string';
}

function markKey({ keyId, message }: Request, change: Change): void {
  if (keyId !== undefined) change.mark(keyId, message.id, message.terms.recordDays);
}

/** What the commit is to find nothing of. */
function onceOf({ located, records, keyId }: Request, useId?: string): readonly string[] {
  const unknown = [useId, keyId].filter((id) => id !== undefined && !records.has(id)) as string[];
  return unknown.length === 0 ? located.once : [...located.once, ...unknown];
}

function secured({ owner, message, outcome, isTold, leftMinor }: Request, isApproved: boolean): SecurityChange {
  return isTold ? noSecurityChange : securityChange(owner.index, owner.card, message, { pin: outcome.pin, isApproved, isAwaited: leftMinor !== 0 });
}

/** What the chip is told with it. */
function withChip(response: Response, { scripts, isChipUsed }: SecurityChange): Response {
  return isChipUsed ? { ...response, chipIsOther: true } : withScripts(response, scripts);
}

/** What an approval of it does. */
export function kindOf({ purpose }: CardMessage): MoveKind {
  return purpose === 'increment' ? 'increase' : purpose === 'completion' ? 'complete' : 'take';
}

/** What the account's state says against it, after every check has passed. */
function refusal(message: CardMessage, kind: MoveKind, original: Found | undefined): Reason | undefined {
  if (kind === 'take') return undefined;
  if (original === undefined) return '9114';
  const { state, currency } = original.leg;
  if (state !== 'open') return state === 'completed' && kind === 'complete' ? '9113' : '1034';
  return currency === message.amount?.currency ? undefined : '1030';
}

function takingOf(message: CardMessage, { partial, billedMinor, rate }: CheckOutcome, leftMinor: number | undefined): Taking {
  const { approvalCodeOffer: approvalCode } = message;
  if (partial !== undefined) return { ...partial, approvalCode, reason: '0002', rate };
  return { billedMinor: billedMinor ?? 0, wholeMinor: message.amount?.amountMinor ?? 0, approvalCode, reason: leftMinor === 0 ? '1830' : '0000', rate };
}

/** Declines: nothing but the answer is remembered, and reversals that came ahead wait on for an advice of it. */
function decline(request: Request, reason: Reason): Decision {
  const { owner, message, located, records, facts, outcome } = request;
  const change = new Change(owner.account, records, message.terms.recordDays, facts.decidedAtMs);
  if (reason === '1830') for (const found of located.ahead) change.drop(found);
  change.put(located.ownId, { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason });
  const security = secured(request, false);
  change.card = security.effect;
  markKey(request, change);
  return decided(owner.account, change, onceOf(request), {
    message, facts, response: withChip(declineResponse(message, reason), security), checks: outcome.results,
    originalId: located.original?.leg.id, flags: security.flags, converted: convertedOf(owner.account, outcome),
  });
}

function convertedOf({ currency }: Account, { rate, partial, billedMinor }: CheckOutcome): Converted | undefined {
  const amountMinor = partial?.billedMinor ?? billedMinor;
  return rate === undefined || amountMinor === undefined ? undefined : { amountMinor, currency, rate };
}

function declineResponse(message: CardMessage, reason: Reason): Response {
  return { reason, approvalCode: '', amount: message.amount, billing: undefined, balance: undefined, field: message.fault?.field };
}

function answerOf({ account }: Owner, message: CardMessage, leg: Leg): Response {
  const { amount, billing } = message;
  return {
    reason: leg.reason,
    approvalCode: leg.approvalCode,
    amount: amount === undefined ? undefined : { amountMinor: leg.answeredMinor, currency: amount.currency },
    billing: billing === undefined ? undefined : { amountMinor: leg.billedMinor, currency: account.currency },
    balance: message.purpose === 'balanceInquiry'
      ? { ledgerMinor: account.ledgerMinor, availableMinor: availableMinor(account), currency: account.currency }
      : undefined,
    field: undefined,
  };
}
