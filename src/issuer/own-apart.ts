/**
 * What this node decides of an own account whose store cannot be reached: `account.apply` on the account as it was last seen, advanced by
 * what was answered here since, and stand-in's rules beside it. Both must approve. What the account itself refuses, stand-in is not asked.
 *
 *   last seen ──apply──> approved ──rules──> approved       the state goes on from it
 *                  │                    └──> declined: applied again as a decline for that reason
 *                  └──> declined
 *
 * Pure. Invariants: without a record that is fresh enough nothing is approved; of a balance, of what is left of a limit and of a partner's
 * headroom, as they were last seen, no more than one switch's share is given away; a part of an amount is never approved.
 */
import { availableMinor, cardIndex } from '../account/account.ts';
import type { Account, Card } from '../account/account.ts';
import { apply } from '../account/apply.ts';
import { controlOwners } from '../account/controls.ts';
import type { DecideFacts, Decision } from '../account/decision.ts';
import type { TransactionEntry } from '../account/journal.ts';
import { assert } from '../base/assert.ts';
import type { CardMessage, CardReferences, CheckResult, LimitRule, Response } from '../message/message.ts';
import { isApproval, reasonOfLock } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Activity } from '../standin/activity.ts';
import { giveBack } from '../standin/counted.ts';
import type { Counted, KnownCard, LastKnown, StandInFacts, StandInState } from '../standin/decision.ts';
import { standIn } from '../standin/engine.ts';
import { newExposure } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import type { StandInRules } from '../standin/rules.ts';
import { checksOf } from './stand-in-entry.ts';

type Records = ReadonlyMap<string, string | null>;

/** One account without its store. */
export interface ApartAccount {
  /** As the store last told of it. */
  readonly seen: Account;
  /** Unix ms of that. */
  readonly seenAtMs: number;
  /** With what was answered here since. */
  readonly account: Account;
  /** Of that. Whoever keeps the account changes them as decisions say. */
  readonly records: Map<string, string | null>;
  /** What stand-in approved of it here. */
  readonly exposure: Exposure;
  /** What each approval counted, by its message id; what adds to one counts with it. */
  readonly counted: ReadonlyMap<string, readonly Counted[]>;
}

/** All that a decision reads and changes. */
export interface ApartState {
  /** Undefined: no record of it is fresh enough. */
  readonly own: ApartAccount | undefined;
  readonly card: Activity;
  readonly issuer: Exposure;
  /** Undefined: no partner's balance bounds it. */
  readonly partner: Exposure | undefined;
}

export interface ApartFacts {
  /** Unix ms. */
  readonly nowMs: number;
  readonly minuteOfDay: number;
  readonly country: string | undefined;
  /** Unix ms at which the store was first missed. */
  readonly outageId: number;
  /** Switches that each have a share. */
  readonly switches: number;
  /** What was left to the partner, when that was last seen and where that is fresh enough. */
  readonly headroomMinor: number | undefined;
  /** On this node's negative list; 0: not there. */
  readonly listedLock: number;
}

export type ApartDecision =
  /** Nothing has happened: the message is to be checked against these, and to come again. */
  | { readonly kind: 'verify'; readonly references: CardReferences }
  | {
      readonly kind: 'decided';
      readonly response: Response;
      readonly note: 'repeat' | 'duplicate' | undefined;
      readonly checks: readonly CheckResult[];
      readonly flags: readonly string[];
      /** What a PIN came to that was judged and counts. */
      readonly pin: 'verified' | 'wrong' | undefined;
      readonly state: ApartState;
      /** To be changed in the account's records, for the state to go on from; undefined: it is not there any more. */
      readonly records: readonly (readonly [id: string, value: string | undefined])[];
    };

export type ApartDecided = Extract<ApartDecision, { kind: 'decided' }>;

const noRecords: Records = new Map();

export function apartAccount(seen: Account, records: Records, seenAtMs: number): ApartAccount {
  return { seen, seenAtMs, account: seen, records: new Map(records), exposure: newExposure, counted: new Map() };
}

/** Answers a message of a card that no account can have. @param nowMs Unix ms @returns undefined: that cannot be said without a store */
export function answerNobody(message: CardMessage, nowMs: number): Response | undefined {
  const decision = apply(undefined, noRecords, message, { decidedAtMs: nowMs, guardRefused: false });
  return decision.kind === 'decided' ? decision.response : undefined;
}

/** Decides on any card message of an own account. */
export function decideApart(state: ApartState, rules: StandInRules, message: CardMessage, facts: ApartFacts): ApartDecision {
  const isRequest = message.function === 'request' && message.class !== 'reversal';
  if (state.own === undefined) return isRequest ? withoutRecord(state, rules, message, facts) : acknowledged(state, message, facts);
  const asked: CardMessage = { ...message, partialAllowed: false, terms: { ...message.terms, limits: sharedLimits(state.own.seen, message, facts.switches) } };
  const first = applied(state.own, asked, { decidedAtMs: facts.nowMs, guardRefused: false });
  if (first.kind === 'verify') return first;
  const { response, note, change } = first;
  if (change === undefined) return { kind: 'decided', response, note, checks: [], flags: [], pin: undefined, state, records: [] };
  if (!isRequest || !isApproval(response.reason)) return after(state, state.own, asked, first, rules, undefined, []);
  return withRules(state, state.own, rules, asked, facts, first);
}

/** The account would approve: stand-in's rules as well? */
function withRules(state: ApartState, own: ApartAccount, rules: StandInRules, message: CardMessage, facts: ApartFacts, approved: Applied): ApartDecision {
  const index = cardIndex(own.account, message.card.token);
  const card = own.account.cards[index];
  assert(card !== undefined, 'what the account approves is of one of its cards');
  const originalId = approved.change === undefined ? undefined : entryOf(approved).originalId;
  const decision = standIn(
    { card: state.card, issuer: state.issuer, account: own.exposure, partner: state.partner }, rules, message,
    { ...standInFacts(message, facts), lastKnown: lastKnown(own, facts), knownCard: knownCard(card, facts), originals: originalId === undefined ? undefined : own.counted.get(originalId) },
  );
  assert(decision.kind === 'decided', 'nothing is passed on where nobody is there');
  const checks = checksOf(decision.checks);
  // Whether the partner's balance covers it is not to be said without having seen it.
  const refused: Reason | undefined = isApproval(decision.reason) ? (message.terms.creditGuard && facts.headroomMinor === undefined ? '1820' : undefined) : decision.reason;
  if (refused === '1820') checks.push({ check: 'partnerBalance', outcome: 'fail', value: 'the partner’s balance is not known' });
  if (refused === undefined) return after(state, own, message, approved, rules, { state: decision.state, counted: decision.counted, originals: decision.originals, originalId }, checks);
  const declined = applied(own, message, { decidedAtMs: facts.nowMs, guardRefused: false, refused });
  assert(declined.kind === 'decided' && !isApproval(declined.response.reason), 'what stand-in refuses is not approved');
  return after(state, own, message, declined, rules, undefined, checks);
}

/** What stand-in counted with an approval. */
interface Approved {
  readonly state: StandInState;
  readonly counted: Counted | undefined;
  readonly originals: readonly Counted[] | undefined;
  readonly originalId: string | undefined;
}

/** The state goes on from what was decided. */
function after(state: ApartState, own: ApartAccount, message: CardMessage, decision: Applied, rules: StandInRules, approved: Approved | undefined, checks: readonly CheckResult[]): ApartDecided {
  const { response, change } = decision;
  assert(change?.account !== undefined, 'a decision on an account changes it');
  const entry = entryOf(decision);
  let next: ApartState = { ...state, own: { ...own, account: change.account } };
  if (approved !== undefined) next = counting(next, message, approved);
  else if (message.class === 'reversal' && entry.originalId !== undefined && (message.actualMinor ?? 0) === 0) next = withoutCounted(next, rules, entry.originalId);
  return {
    kind: 'decided', response: { ...response, scripts: undefined }, note: undefined, checks: [...entry.checks, ...checks], flags: entry.flags, pin: judgedPin(own.account, change.account, message, entry), state: next,
    records: entry.records.map(({ id, value }) => [id, value] as const),
  };
}

function counting(state: ApartState, { id, purpose }: CardMessage, { state: standin, counted, originals, originalId }: Approved): ApartState {
  const { own } = state;
  assert(own !== undefined && standin.account !== undefined, 'what counts is of an account');
  const all = new Map(own.counted);
  const before = originalId === undefined ? [] : (originals ?? all.get(originalId) ?? []);
  const added = counted === undefined ? [] : [counted];
  if (purpose === 'completion') {
    // It stands in the place of what it completes, which gives nothing back any more.
    for (const { id: part } of before) all.delete(part);
    all.set(id, [...before, ...added]);
  } else {
    if (originalId !== undefined) all.set(originalId, [...before, ...added]);
    if (counted !== undefined) all.set(id, added);
  }
  // Wrong PINs are counted by the account.
  return { own: { ...own, exposure: standin.account, counted: all }, card: { ...standin.card, pinTries: 0 }, issuer: standin.issuer, partner: standin.partner };
}

/** An approval was taken back: nothing of it counts. */
function withoutCounted(state: ApartState, rules: StandInRules, id: string): ApartState {
  const { own } = state;
  const counted = own?.counted.get(id);
  if (own === undefined || counted === undefined) return state;
  let standin: StandInState = { card: state.card, issuer: state.issuer, account: own.exposure, partner: state.partner };
  for (const each of counted) ({ state: standin } = giveBack(standin, each, 0, rules.counters));
  const left = new Map(own.counted);
  left.delete(id);
  return { own: { ...own, exposure: standin.account ?? own.exposure, counted: left }, card: standin.card, issuer: standin.issuer, partner: standin.partner };
}

/** Without a record of the account nothing is approved, whatever the rules say; they tell what else is wrong. */
function withoutRecord(state: ApartState, rules: StandInRules, message: CardMessage, facts: ApartFacts): ApartDecided {
  const decision = standIn({ card: state.card, issuer: state.issuer }, rules, message, standInFacts(message, facts));
  assert(decision.kind === 'decided', 'nothing is passed on where nobody is there');
  const reason: Reason = facts.listedLock === 0 || decision.reason !== '9112' ? decision.reason : reasonOfLock(facts.listedLock);
  assert(!isApproval(reason), 'without a record nothing is approved');
  const response: Response = { reason, approvalCode: '', amount: message.amount, billing: undefined, balance: undefined, field: message.fault?.field };
  return { kind: 'decided', response, note: undefined, checks: checksOf(decision.checks), flags: ['noRecord'], pin: undefined, state, records: [] };
}

/** A reversal or an advice of an account that is not known here: acknowledged, and taken in later. */
function acknowledged(state: ApartState, message: CardMessage, { nowMs }: ApartFacts): ApartDecided {
  const decision = apply(undefined, noRecords, message, { decidedAtMs: nowMs, guardRefused: false });
  assert(decision.kind === 'decided', 'what concerns no account needs nothing');
  return { kind: 'decided', response: decision.response, note: undefined, checks: [], flags: ['noRecord'], pin: undefined, state, records: [] };
}

type Applied = Extract<Decision, { kind: 'decided' }>;

/** What is not in memory is taken for absent: the account will tell, when what was answered is taken in. */
function applied(own: ApartAccount, message: CardMessage, facts: DecideFacts): Exclude<Decision, { kind: 'read' }> {
  let records: Records = own.records;
  for (;;) {
    const decision = apply(own.account, records, message, facts);
    if (decision.kind !== 'read') return decision;
    const filled = new Map(records);
    for (const id of decision.ids) filled.set(id, filled.get(id) ?? null);
    records = filled;
  }
}

function entryOf({ change }: Applied): TransactionEntry {
  assert(change?.entry.kind === 'transaction', 'a card message’s entry is a transaction');
  return change.entry;
}

function standInFacts(message: CardMessage, { nowMs, minuteOfDay, country, outageId, switches }: ApartFacts): StandInFacts {
  return { why: 'storeUnreachable', isAvailable: false, outageId, switchesSharing: switches, country, nowMs, day: message.day, month: message.month, minuteOfDay };
}

function lastKnown({ seen, seenAtMs }: ApartAccount, { headroomMinor }: ApartFacts): LastKnown {
  return { availableMinor: availableMinor(seen), currency: seen.currency, asOfMs: seenAtMs, headroomMinor };
}

function knownCard({ record, security }: Card, { listedLock }: ApartFacts): KnownCard {
  return {
    state: record.state, lockCode: listedLock === 0 ? record.lockCode : listedLock, expiry: record.expiry, pinVersion: record.pinVersion, pinTries: security.pinTries,
    chips: security.chips.map(({ panSequence, highestAtc }) => ({ panSequence, highestAtc })),
  };
}

/** What was left of the program's limits, and of the card's own, is this switch's for its share alone. */
function sharedLimits(seen: Account, { card: { token }, terms: { limits }, day, month }: CardMessage, switches: number): readonly LimitRule[] {
  const card = seen.cards[cardIndex(seen, token)];
  if (switches === 1 || card === undefined) return limits;
  const { counters, record: { controls } } = card;
  return [...limits, ...controlOwners.flatMap((owner) => controls?.[owner]?.limits ?? [])].map((rule) => {
    if (rule.period === 'transaction') return rule;
    const { window, scopes } = counters[rule.period];
    const [count, amountMinor] = window >= (rule.period === 'day' ? day : month) ? (scopes[rule.scope] ?? [0, 0]) : [0, 0];
    const share = (most: number | undefined, used: number): number | undefined => (most === undefined ? undefined : used + Math.floor(Math.max(0, most - used) / switches));
    return { ...rule, amountMinorMax: share(rule.amountMinorMax, amountMinor), countMax: share(rule.countMax, count) };
  });
}

function judgedPin(before: Account, now: Account, { card: { token }, pin }: CardMessage, { checks }: TransactionEntry): 'verified' | 'wrong' | undefined {
  if (typeof pin === 'string') return undefined;
  const tries = (account: Account): number => account.cards[cardIndex(account, token)]?.security.pinTries ?? 0;
  if (tries(now) > tries(before)) return 'wrong';
  return pin.outcome === 'verified' && checks.some(({ check, outcome }) => check === 'pin' && outcome === 'pass') ? 'verified' : undefined;
}
