/**
 * Stand-in's rules: what the switch may decide in an issuer's place, as versioned data.
 *
 * There are two sets: a strict one for while the issuer can still be asked, in which what fails is passed on to it, and one for while
 * it cannot be. Counters are shared by both, so that what was approved under one counts under the other.
 */
import type { Reason } from '../message/reason.ts';
import type { Condition } from './condition.ts';

/** `required`: missing is a failure too. `ifCarried`: what is carried must be right. `off`: not looked at. */
export type TestMode = 'required' | 'ifCarried' | 'off';

/** The tests that can be switched. */
export interface Tests {
  /** Has no `ifCarried`: a card number is always there. */
  readonly luhn: TestMode;
  readonly expiry: TestMode;
  readonly cardValue: TestMode;
  readonly pin: TestMode;
  readonly cryptogram: TestMode;
  readonly authentication: TestMode;
  /** `ifCarried`: where the balance, or a partner's headroom, is known. */
  readonly balance: TestMode;
  /** Wrong PINs in a row after which no transaction of the card is approved: 1 to 15. */
  readonly pinTriesMax: number;
  /** What is known of a balance counts for this long. */
  readonly balanceAgeSecondsMax: number;
}

export type RuleOutcome = 'approve' | 'decline' | 'refer' | 'pickUp' | 'forward';

/** What is to be done where the condition holds; the first that does decides. */
export interface DecisionRule {
  readonly name: string;
  /** Absent: always. */
  readonly when?: Condition;
  readonly outcome: RuleOutcome;
  /** Of a decline, a referral or a pick-up; absent: 1860, 1007, 2000. */
  readonly reason?: Reason;
}

/** A window over which approvals are counted: a business day, a calendar month, the outage, or so many hours back from now. */
export type Span = 'day' | 'month' | 'outage' | number;

export interface Limit {
  /** `overall`, `cash`, a merchant category group, or a name of `scopes`. */
  readonly scope: string;
  readonly period: 'transaction' | 'day' | 'month' | 'outage' | 'hours';
  /** With the period `hours`. */
  readonly hours?: number;
  /** The limit stands only where this holds; what it counts is the scope's all the same. */
  readonly when?: Condition;
  /** Only transactions in this currency (ISO 4217 numeric) count, in its minor units. Absent: all, in the rules' currency. */
  readonly currency?: string;
  readonly amountMinorMax?: number;
  readonly countMax?: number;
}

export interface RuleSet {
  readonly tests: Tests;
  readonly decisions: readonly DecisionRule[];
  /** Where no decision's condition holds. */
  readonly otherwise: RuleOutcome;
  readonly limits: readonly Limit[];
}

export interface Cap {
  /** Minor units of the rules' currency. */
  readonly amountMinorMax?: number;
  readonly countMax?: number;
}

export interface OutageCaps {
  readonly card?: Cap;
  readonly account?: Cap;
  readonly issuer?: Cap;
}

/** Something that approvals are counted by. */
export interface Counter {
  readonly scope: string;
  readonly span: Span;
  readonly currency: string | undefined;
}

export interface StandInRules {
  readonly version: number;
  /** Of all amounts that name no other: the issuer's, ISO 4217 numeric. */
  readonly currency: string;
  /** Each category as `5411` or `5411-5499`. */
  readonly merchantGroups: Readonly<Record<string, readonly string[]>>;
  /** Kinds of transactions by name, for limits to count. */
  readonly scopes: Readonly<Record<string, Condition>>;
  readonly available: RuleSet;
  readonly unavailable: RuleSet;
  /** Whether what fails a soft test goes to the issuer while it is available, or is declined. */
  readonly forwardsFailures: boolean;
  readonly outageCaps: OutageCaps;
  /** Stand-in approves nothing. */
  readonly killSwitch: boolean;
  /** All that the limits of both sets count by, and what is always counted. */
  readonly counters: readonly Counter[];
}

export function spanOf({ period, hours }: Limit): Span | undefined {
  if (period === 'hours') return hours;
  return period === 'transaction' ? undefined : period;
}

/** The counters that these limits count by; each once. */
export function countersOf(limits: readonly Limit[], counters: readonly Counter[] = alwaysCounted): readonly Counter[] {
  const found = [...counters];
  for (const limit of limits) {
    const span = spanOf(limit);
    if (span === undefined || found.some((counter) => isCountedBy(counter, limit))) continue;
    found.push({ scope: limit.scope, span, currency: limit.currency });
  }
  return found;
}

export function isCountedBy({ scope, span, currency }: Counter, limit: Limit): boolean {
  return scope === limit.scope && span === spanOf(limit) && currency === limit.currency;
}

/** Counted whether a limit asks for it or not: a limit that comes during the day or the outage finds what was used of it. */
const alwaysCounted: readonly Counter[] = (['day', 'month', 'outage'] as const).flatMap((span) => [
  { scope: 'overall', span, currency: undefined }, { scope: 'cash', span, currency: undefined },
]);
