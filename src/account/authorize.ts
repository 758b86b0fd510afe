/**
 * Requests (0100, 0200 and their 1993 and 2003 forms): checked in order, then held or posted.
 */
import { proportion } from '../message/money.ts';
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { availableMinor } from './account.ts';
import type { Account } from './account.ts';
import { Change, newLeg } from './change.ts';
import { runChecks } from './checks.ts';
import type { CheckOutcome } from './checks.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import type { Found, Located, Records } from './locate.ts';
import { complete, increase, take } from './move.ts';
import type { Owner, Taking } from './move.ts';
import { legType } from './record.ts';
import type { Leg } from './record.ts';

/** Decides a request of a card that the account has. */
export function authorize(owner: Owner, message: CardMessage, located: Located, records: Records, facts: DecideFacts): Decision {
  const { account, card } = owner;
  const original = message.purpose === 'increment' || message.purpose === 'completion' ? located.original : undefined;
  const isCompletion = message.purpose === 'completion';
  const outcome = runChecks(message, account, card, {
    heldBeforeMinor: isCompletion && original?.leg.state === 'open' ? original.leg.nowMinor : 0,
    transactions: original === undefined ? 1 : 0,
    guardRefused: facts.guardRefused,
  });
  const change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  const failure = outcome.failure ?? refusal(message, original, located.ahead);
  if (failure !== undefined) return decline(owner, message, located, change, outcome, failure, facts);

  const taking = takingOf(message, outcome, original, located.ahead);
  if (taking === undefined) return decline(owner, message, located, change, outcome, '1830', facts);
  let leg: Leg;
  if (original !== undefined && message.purpose === 'increment') leg = increase(owner, message, located, change, original, taking, facts.decidedAtMs);
  else if (original !== undefined) leg = complete(owner, message, located, change, original, taking, facts.decidedAtMs);
  else leg = take(owner, message, located, change, taking, facts.decidedAtMs);

  const response = answerOf(message, leg, account, outcome, taking);
  if (response.balance !== undefined) {
    change.put(located.ownId, { ...leg, balance: [response.balance.ledgerMinor, response.balance.availableMinor] });
  }
  return decided(account, change, located.once, {
    message, facts, response, checks: outcome.results, originalId: original?.leg.id, flags: located.ahead.length > 0 ? ['partlyReversedBefore'] : [],
  });
}

/** What the account's state says against it, after every check has passed. */
function refusal(message: CardMessage, original: Found | undefined, ahead: readonly Leg[]): Reason | undefined {
  if (message.purpose === 'unsupported') return '1015';
  if (message.purpose === 'increment' || message.purpose === 'completion') {
    if (original === undefined) return '9114';
    if (original.leg.state !== 'open') return original.leg.state === 'completed' && message.purpose === 'completion' ? '9113' : '1034';
    if (original.leg.currency !== message.amount?.currency) return '1030';
  }
  return ahead.some((leg) => appliesTo(leg, message) && leg.actualMinor === 0) ? '1830' : undefined;
}

/** A reversal that claimed more than the original turns out to be is void, as it would have been refused after it. */
export function appliesTo(ahead: Leg, message: CardMessage): boolean {
  const askedMinor = message.amount?.amountMinor ?? 0;
  return ahead.amountMinor <= askedMinor && ahead.actualMinor <= askedMinor;
}

/** How much a transaction of `askedMinor` comes to after the reversals that were ahead of it; transaction's currency. */
export function leftByReversals(ahead: readonly Leg[], message: CardMessage): number {
  const askedMinor = message.amount?.amountMinor ?? 0;
  return Math.min(askedMinor, ...ahead.filter((leg) => appliesTo(leg, message)).map(({ actualMinor }) => actualMinor));
}

function takingOf(message: CardMessage, outcome: CheckOutcome, original: Found | undefined, ahead: readonly Leg[]): Taking | undefined {
  const askedMinor = message.amount?.amountMinor ?? 0;
  const askedBilledMinor = outcome.billedMinor ?? 0;
  const { approvalCodeOffer: approvalCode } = message;
  if (outcome.partialMinor !== undefined) {
    const part = partOf(askedMinor, askedBilledMinor, outcome.partialMinor);
    if (part.answeredMinor > 0) return { ...part, approvalCode, reason: '0002' };
  }
  const leftMinor = leftByReversals(ahead, message);
  if (leftMinor < askedMinor) {
    return { billedMinor: proportion(leftMinor, askedMinor, askedBilledMinor), answeredMinor: leftMinor, approvalCode, reason: '0000' };
  }
  const answeredMinor = message.purpose === 'increment' && original !== undefined ? original.leg.answeredMinor + askedMinor : askedMinor;
  return { billedMinor: askedBilledMinor, answeredMinor, approvalCode, reason: '0000' };
}

/** The most of the asked amount that `availableBilledMinor` covers at the request's own rate. */
function partOf(askedMinor: number, billedMinor: number, availableBilledMinor: number): { billedMinor: number; answeredMinor: number } {
  if (askedMinor === billedMinor) return { billedMinor: availableBilledMinor, answeredMinor: availableBilledMinor };
  const answeredMinor = Number((BigInt(askedMinor) * BigInt(availableBilledMinor)) / BigInt(billedMinor));
  return { answeredMinor, billedMinor: Math.min(availableBilledMinor, proportion(answeredMinor, askedMinor, billedMinor)) };
}

function decline(
  owner: Owner, message: CardMessage, located: Located, change: Change, outcome: CheckOutcome, reason: Reason, facts: DecideFacts,
): Decision {
  change.put(located.ownId, { ...newLeg(message, legType(message.trace), facts.decidedAtMs), reason });
  const response: Response = {
    reason, approvalCode: '', amount: message.amount, billing: undefined, balance: undefined, field: message.fault?.field,
  };
  return decided(owner.account, change, located.once, {
    message, facts, response, checks: outcome.results, originalId: located.original?.leg.id, flags: [],
  });
}

function answerOf(message: CardMessage, leg: Leg, account: Account, outcome: CheckOutcome, taking: Taking): Response {
  const currency = message.amount?.currency ?? account.currency;
  const isInquiry = message.purpose === 'balanceInquiry';
  return {
    reason: taking.reason,
    approvalCode: leg.approvalCode,
    amount: message.amount === undefined ? undefined : { amountMinor: taking.answeredMinor, currency },
    billing: message.billing === undefined || outcome.billedMinor === undefined ? undefined : { amountMinor: taking.billedMinor, currency: account.currency },
    balance: isInquiry
      ? { ledgerMinor: account.ledgerMinor, availableMinor: availableMinor(account), currency: account.currency }
      : undefined,
  };
}
