/**
 * Stand-in's decision: rules, what the card has used, a request, and what is known of its issuer, to an answer in the issuer's
 * place, or to passing it on.
 *
 * Invariants: what is verified to be wrong is never approved and never passed on; nothing is passed on where nobody is there; no
 * sequence of approvals exceeds a limit or a cap. Repeats are known before, and never come here.
 */
import { assert } from '../base/assert.ts';
import { amountMinorMax } from '../base/limits.ts';
import type { CardMessage } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { scopeId, windowAt, withSeen } from './activity.ts';
import type { Activity, Move } from './activity.ts';
import { marksOf, testAuthentication, testCardState, testCardValue, testCryptogram, testExpiry, testLuhn, testPin, triesOf } from './card-tests.ts';
import { holds } from './condition.ts';
import { count, giveBack } from './counted.ts';
import { outcomeOf } from './decision.ts';
import type { Counted, StandInCheck, StandInCheckName, StandInDecision, StandInFacts, StandInState } from './decision.ts';
import { inCurrency, testBalance, testLimits, testOutageCaps, testPartnerBalance } from './limits.ts';
import { countersOf } from './rules.ts';
import type { Counter, RuleOutcome, StandInRules } from './rules.ts';
import { requestOf } from './subject.ts';
import type { Request } from './subject.ts';
import { fail, pass, skip, wrong } from './verdict.ts';
import type { Failure, Verdict } from './verdict.ts';

type Test = readonly [check: StandInCheckName, test: (request: Request) => Verdict | readonly Verdict[]];

/** In their one order: what bounds approvals comes after all that could refuse for another reason. */
const tests: readonly Test[] = [
  ['killSwitch', ({ rules: { killSwitch } }) => (killSwitch ? fail('1861', 'on', '') : pass('off', ''))],
  ['content', testContent],
  ['luhn', testLuhn],
  ['instruction', testInstruction],
  ['cardState', testCardState],
  ['expiry', testExpiry],
  ['cardValue', testCardValue],
  ['pin', testPin],
  ['cryptogram', testCryptogram],
  ['authentication', testAuthentication],
  ['currency', testCurrency],
  ['decision', testDecision],
  ['balance', testBalance],
  ['partnerBalance', testPartnerBalance],
  ['limit', testLimits],
  ['outageCap', testOutageCaps],
];

const notReached = skip('');

/** What is looked at even after another test has failed, while the request could still be passed on: it may be wrong. */
const verified: readonly StandInCheckName[] = ['content', 'cardValue', 'pin', 'cryptogram', 'authentication'];

type Pin = Extract<StandInDecision, { kind: 'decided' }>['pin'];
type Approval = Pick<Extract<StandInDecision, { kind: 'decided' }>, 'state' | 'counted' | 'originals'>;

/**
 * Decides on a request in the issuer's place.
 *
 * @param message a request; advices and reversals are recorded and told, not decided
 */
export function standIn(state: StandInState, rules: StandInRules, message: CardMessage, facts: StandInFacts): StandInDecision {
  assert(message.function === 'request' && message.class !== 'reversal', 'stand-in decides on requests');
  const request = requestOf(state, rules, message, facts);
  const forwards = facts.isAvailable && rules.forwardsFailures;
  const checks: StandInCheck[] = [];
  let failed: { readonly reason: Reason; readonly failure: Failure } | undefined;
  let pin: Pin;
  const note = (check: StandInCheckName, verdict: Verdict): void => {
    const { outcome, parameter, value } = verdict;
    checks.push({ check, outcome, parameter, value });
    if (verdict.outcome === 'fail' && (failed === undefined || verdict.failure === 'wrong')) failed = verdict;
  };
  for (const [check, test] of tests) {
    const isReached = failed === undefined || (forwards && failed.failure === 'unfit' && verified.includes(check));
    const verdicts = isReached ? test(request) : notReached;
    if ('outcome' in verdicts) note(check, verdicts);
    else for (const verdict of verdicts) note(check, verdict);
    if (check === 'pin' && isReached) pin = judgedPin(request);
  }
  if (failed?.failure === 'forward' ? facts.isAvailable : failed?.failure === 'unfit' && forwards) return { kind: 'forward', reason: failed!.reason, checks };
  const reason = failed?.reason ?? '0000';
  const seen: StandInState = { ...state, card: withPin(withSeen(state.card, marksOf(request)), pin) };
  const approved: Approval = failed === undefined && request.isDebit ? approve(request, seen) : { state: seen, counted: undefined, originals: undefined };
  return { kind: 'decided', outcome: outcomeOf(reason), reason, isFinal: failed?.failure === 'wrong', checks, why: facts.why, rulesVersion: rules.version, pin, ...approved };
}

function testContent(request: Request): Verdict {
  const { message: { fault, purpose, processingCode, amount, billing }, isDebit } = request;
  if (fault !== undefined) return wrong(fault.reason, '', `DE${fault.field} ${fault.text}`);
  for (const minor of [amount?.amountMinor ?? 0, billing?.amountMinor ?? 0]) {
    if (!Number.isSafeInteger(minor) || minor < 0 || minor > amountMinorMax) return wrong('1010', '', 'an amount is from 0 to twelve digits');
  }
  if (amount !== undefined && billing !== undefined) {
    const differ = billing.currency === amount.currency && billing.amountMinor !== amount.amountMinor;
    if (differ || (billing.amountMinor === 0) !== (amount.amountMinor === 0)) return wrong('1010', '', 'amount and billing amount do not fit');
  }
  if (isDebit && amount === undefined) return wrong('9100', '', 'no amount');
  // The issuer may do what stand-in has no way to.
  if (purpose === 'unsupported' || purpose === 'pinChange') return fail('1015', '', purpose === 'pinChange' ? purpose : `processing code ${processingCode}`);
  return pass('', purpose);
}

function testInstruction({ instruction }: Request): Verdict {
  switch (instruction) {
    case undefined: return skip('', 'none');
    case 'decline': return fail('1862', instruction, '');
    case 'refer': return fail('1007', instruction, '');
    case 'pickUp': return fail('2000', instruction, '');
    case 'approve':
    case 'vip': return pass(instruction, '');
  }
}

function testCurrency({ isDebit, billedMinor, message: { amount, billing }, rules: { currency } }: Request): Verdict {
  if (!isDebit) return skip(currency);
  const value = `${amount?.currency ?? ''}${billing === undefined ? '' : ` billed ${billing.currency}`}`;
  return billedMinor === undefined ? fail('1030', currency, value) : pass(currency, value);
}

function testDecision(request: Request): Verdict {
  const { set: { decisions, otherwise }, instruction } = request;
  if (instruction === 'approve') return pass('instruction', instruction);
  const rule = decisions.find(({ when }) => when === undefined || holds(when, request));
  return rule === undefined ? verdictOf(otherwise, 'otherwise', undefined) : verdictOf(rule.outcome, rule.name, rule.reason);
}

function verdictOf(then: RuleOutcome, name: string, reason: Reason | undefined): Verdict {
  switch (then) {
    case 'approve': return pass(name, then);
    case 'forward': return fail('1860', name, then, 'forward');
    case 'decline': return wrong(reason ?? '1860', name, then);
    case 'refer': return wrong(reason ?? '1007', name, then);
    case 'pickUp': return wrong(reason ?? '2000', name, then);
  }
}

/** A PIN that stand-in has judged: the account or the host is told of it with the advice. */
function judgedPin(request: Request): Pin {
  const { message: { pin }, set, facts: { knownCard } } = request;
  if (set.tests.pin === 'off' || typeof pin === 'string' || (knownCard !== undefined && knownCard.pinVersion !== pin.pinVersion)) return undefined;
  if (pin.outcome === 'wrong') return { outcome: 'wrong', tries: triesOf(request) + 1 };
  return pin.outcome === 'verified' && triesOf(request) < set.tests.pinTriesMax ? { outcome: 'verified', tries: 0 } : undefined;
}

function withPin(card: Activity, pin: Pin): Activity {
  if (pin === undefined) return card;
  return { ...card, pinTries: pin.outcome === 'wrong' ? card.pinTries + 1 : 0 };
}

function approve(request: Request, state: StandInState): Approval {
  const { facts: { originals = [], cardLimits }, rules, addedMinor, wholeMinor, message: { purpose } } = request;
  const counters = cardLimits === undefined ? rules.counters : countersOf(cardLimits, rules.counters);
  if (originals.length > 0 && purpose !== 'increment' && addedMinor <= 0) return complete(state, originals, wholeMinor, counters);
  const counted = countedBy(request, counters);
  return { state: count(state, counted, counters), counted, originals: undefined };
}

/** A completion for less: the originals count for it, the first of them first. */
function complete(before: StandInState, originals: readonly Counted[], wholeMinor: number, counters: readonly Counter[]): Approval {
  let state = before;
  let remainingMinor = wholeMinor;
  const left: Counted[] = [];
  for (const original of originals) {
    const keptMinor = Math.min(original.leftMinor, remainingMinor);
    const back = giveBack(state, original, keptMinor, counters);
    remainingMinor -= keptMinor;
    state = back.state;
    left.push(back.counted);
  }
  return { state, counted: undefined, originals: left };
}

/** What an approval of this request counts. */
function countedBy(request: Request, counters: readonly Counter[]): Counted {
  const { message, facts, state, scopes, transactions, isInOutage, outageId, addedMinor } = request;
  const moment = { nowMs: facts.nowMs, day: facts.day, month: facts.month, outageId };
  const moves: Move[] = [];
  for (const { scope, span, currency } of counters) {
    if (!scopes.includes(scope) || (currency !== undefined && message.amount?.currency !== currency) || (span === 'outage' && !isInOutage)) continue;
    moves.push([span, windowAt(state.card, span, moment), scopeId(scope, currency), transactions, inCurrency(request, currency).addedMinor]);
  }
  return {
    id: message.id, leftMinor: addedMinor, outageId, transactions, isInOutage, moves,
    accountMinor: facts.lastKnown === undefined || state.account === undefined ? 0 : addedMinor,
    partnerMinor: facts.lastKnown?.headroomMinor === undefined || state.partner === undefined ? 0 : addedMinor,
  };
}

/** Counts what the issuer itself approved, where its approvals are to use stand-in's limits too. No outage and no balance is touched by it. */
export function countIssuerApproval(state: StandInState, rules: StandInRules, message: CardMessage, facts: StandInFacts): { readonly state: StandInState; readonly counted: Counted | undefined } {
  const request = requestOf(state, rules, message, { ...facts, isAvailable: true, outageId: 0, lastKnown: undefined, originals: undefined });
  if (!request.isDebit || request.billedMinor === undefined) return { state, counted: undefined };
  const counted = countedBy(request, rules.counters);
  return { state: count(state, counted, rules.counters), counted };
}
