/**
 * A request as stand-in's tests see it: what it comes to in the rules' currency, what it counts for, what it adds to.
 */
import { convertedMinor } from '../message/conversion.ts';
import type { CardMessage } from '../message/message.ts';
import { channelOf, holds, isInCategory } from './condition.ts';
import type { Subject } from './condition.ts';
import type { StandInFacts, StandInState } from './decision.ts';
import type { RuleSet, StandInRules } from './rules.ts';

export interface Request extends Subject {
  readonly rules: StandInRules;
  readonly set: RuleSet;
  readonly state: StandInState;
  readonly facts: StandInFacts;
  /** Does it take money? Others neither count nor are limited. */
  readonly isDebit: boolean;
  /** What the transaction comes to in all, in the rules' currency. */
  readonly wholeMinor: number;
  /** What of it is not counted yet; below 0 for a completion that is for less. */
  readonly addedMinor: number;
  /** 0 where it adds to a transaction that counted. */
  readonly transactions: 0 | 1;
  /** Does it complete or add to what stand-in approved? What came with that may come again. */
  readonly follows: boolean;
  readonly scopes: readonly string[];
  readonly isInOutage: boolean;
  /** The outage that it counts in: the latest that anybody knows of. */
  readonly outageId: number;
}

const debits: readonly CardMessage['purpose'][] = ['purchase', 'cash', 'preauthorization', 'increment', 'completion'];

export function requestOf(state: StandInState, rules: StandInRules, message: CardMessage, facts: StandInFacts): Request {
  const { originals = [], isAvailable } = facts;
  const groups = groupsOf(rules.merchantGroups, message.merchant.category);
  const billedMinor = billedMinorOf(message, rules.currency);
  const subject: Subject = {
    message, billedMinor, groups, channel: facts.channel ?? channelOf(message), country: facts.country, minuteOfDay: facts.minuteOfDay,
    riskLevel: facts.riskLevel, instruction: facts.instruction, why: facts.why,
  };
  const askedMinor = billedMinor ?? 0;
  const isIncrement = message.purpose === 'increment';
  const leftMinor = originals.reduce((sum, counted) => sum + counted.leftMinor, 0);
  return {
    ...subject, rules, set: isAvailable ? rules.available : rules.unavailable, state, facts,
    isDebit: debits.includes(message.purpose),
    wholeMinor: isIncrement ? leftMinor + askedMinor : askedMinor,
    addedMinor: isIncrement ? askedMinor : askedMinor - leftMinor,
    transactions: originals.some(({ transactions }) => transactions === 1) ? 0 : 1,
    follows: originals.length > 0,
    scopes: scopesOf(subject, rules),
    // What the issuer leaves to the switch by agreement is no outage of its.
    isInOutage: (!isAvailable && facts.why !== 'issuersOption') || facts.outageId > 0,
    outageId: Math.max(facts.outageId, state.issuer.outageId, state.account?.outageId ?? 0),
  };
}

/** Of all categories that came under these rules: there are ten thousand, and rules change seldom. */
const groupsKnown = new WeakMap<StandInRules['merchantGroups'], Map<string, readonly string[]>>();

/** The rules' merchant groups that the category is in. */
function groupsOf(merchantGroups: StandInRules['merchantGroups'], category: string): readonly string[] {
  if (category.length !== 4) return none;
  let known = groupsKnown.get(merchantGroups);
  if (known === undefined) groupsKnown.set(merchantGroups, known = new Map());
  let groups = known.get(category);
  if (groups === undefined) {
    groups = Object.keys(merchantGroups).filter((name) => merchantGroups[name]?.some((member) => isInCategory(member, category)));
    if (known.size < categoriesMax) known.set(category, groups);
  }
  return groups;
}

const none: readonly string[] = [];
const categoriesMax = 10_000;

/**
 * The amount in the rules' currency: DE6 with DE51 first, else DE4 with DE49, else, where DE6 is absent, at the rate that is stamped on the
 * message, as an account would take it; undefined where none of them says it.
 */
export function billedMinorOf({ amount, billing, conversion }: CardMessage, currency: string): number | undefined {
  const billed = billing?.currency === currency ? billing : amount;
  if (billed?.currency === currency) return billed.amountMinor;
  if (amount === undefined || billing !== undefined || conversion?.from !== amount.currency || conversion.to !== currency) return undefined;
  return convertedMinor(amount, conversion.rate, currency);
}

/** The scopes whose counters an approval moves. */
function scopesOf(subject: Subject, rules: StandInRules): readonly string[] {
  const scopes = subject.message.purpose === 'cash' ? ['overall', 'cash', ...subject.groups] : ['overall', ...subject.groups];
  for (const [name, condition] of Object.entries(rules.scopes)) {
    if (holds(condition, subject)) scopes.push(name);
  }
  return scopes;
}
