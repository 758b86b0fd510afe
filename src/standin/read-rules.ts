/**
 * Reads stand-in's rules from a document. Owns the cautious defaults, and what the schema cannot say: that names are names of
 * something, that a reason fits what is done, that a limit limits. Refuses with the place of what is wrong.
 */
import { ConfigError, readBySchema } from '../base/schema.ts';
import { currencyNumber } from '../message/money.ts';
import type { Condition } from './condition.ts';
import type { DecisionRule, Limit, RuleSet, StandInRules } from './rules.ts';
import { countersOf } from './rules.ts';
import { scopesMax } from './activity.ts';
import { ruleReasons, standInRulesSchema } from './rules-schema.ts';

/** Windows of different lengths that one issuer's rules may have. */
const rollingMax = 3;

const proven = { or: [{ verified: ['cryptogram'] }, { verified: ['authentication'] }] } as const;

/** In both sets: cash and what is near to it, gambling, and cards that did not prove themselves to be there. */
const neverByDefault = [
  { name: 'cash', when: { or: [{ purpose: ['cash'] }, { merchantGroup: ['cash'] }] } },
  { name: 'quasi-cash', when: { merchantGroup: ['quasi-cash'] } },
  { name: 'gambling', when: { merchantGroup: ['gambling'] } },
  { name: 'key-entered', when: { or: [{ entryMode: ['manual', 'unknown'] }, { channel: ['moto'] }] } },
  { name: 'fallback', when: { entryMode: ['fallback'] } },
] as const;

const purchases = { purpose: ['purchase'], ...proven } as const;

/** Cash over the counter and from dispensers; money orders, foreign currency, travellers' cheques and crypto-assets; bets and lotteries. */
const defaultGroups = { cash: ['6010', '6011'], 'quasi-cash': ['4829', '6050', '6051', '6540'], gambling: ['7800-7802', '7995'] } as const;

/** What holds where a document says nothing: purchases that a chip or the cardholder's bank has proved, few and small. */
export const defaultDocument = {
  merchantGroups: defaultGroups,
  available: {
    decisions: [
      ...neverByDefault.map((rule) => ({ ...rule, outcome: 'forward' })),
      { name: 'proven-purchase', when: purchases, outcome: 'approve' },
    ],
    otherwise: 'forward',
    limits: [
      { scope: 'overall', period: 'transaction', amountMinorMax: 2000 },
      { scope: 'overall', period: 'day', amountMinorMax: 4000, countMax: 2 },
      { scope: 'overall', period: 'month', amountMinorMax: 20_000, countMax: 10 },
    ],
  },
  unavailable: {
    decisions: [
      ...neverByDefault.map((rule) => ({ ...rule, outcome: 'decline', reason: '1019' })),
      { name: 'proven-purchase', when: purchases, outcome: 'approve' },
    ],
    otherwise: 'decline',
    limits: [
      { scope: 'overall', period: 'transaction', amountMinorMax: 5000 },
      { scope: 'overall', period: 'day', amountMinorMax: 10_000, countMax: 3 },
      { scope: 'overall', period: 'hours', hours: 72, amountMinorMax: 20_000, countMax: 6 },
      { scope: 'overall', period: 'month', amountMinorMax: 50_000, countMax: 20 },
    ],
  },
  outageCaps: {
    card: { amountMinorMax: 10_000, countMax: 3 },
    account: { amountMinorMax: 15_000, countMax: 5 },
    issuer: { amountMinorMax: 1_000_000, countMax: 1000 },
  },
} as const;

/** @param currency ISO 4217, by number or letters */
export function defaultRules(currency: string): StandInRules {
  return readStandInRules({ version: 1, currency }, '');
}

/**
 * @param path where the document stands; empty for a whole file
 * @throws ConfigError at the first place that is wrong
 */
export function readStandInRules(document: unknown, path: string): StandInRules {
  const read = readBySchema(standInRulesSchema, withDefaults(document), path) as Omit<StandInRules, 'counters'>;
  const names = new Set(['overall', 'cash', ...Object.keys(read.merchantGroups)]);
  for (const [name, condition] of Object.entries(read.scopes)) {
    const place = inside(path, `scopes.${name}`);
    if (names.has(name)) throw new ConfigError(place, 'has the name of a merchant group, or is overall or cash, which are there already');
    checkCondition(condition, place, read.merchantGroups);
  }
  for (const name of Object.keys(read.scopes)) names.add(name);
  const currency = currencyOf(read.currency, inside(path, 'currency'));
  for (const [name, categories] of Object.entries(read.merchantGroups)) checkCategories(categories, inside(path, `merchantGroups.${name}`));
  const [available, unavailable] = (['available', 'unavailable'] as const).map((name) => readSet(read[name], inside(path, name), read.merchantGroups, names)) as [RuleSet, RuleSet];
  const counters = countersOf([...available.limits, ...unavailable.limits]);
  const hours = new Set(counters.map(({ span }) => span).filter((span) => typeof span === 'number'));
  if (hours.size > rollingMax) throw new ConfigError(path, `has limits over ${[...hours].join(', ')} hours: more than ${rollingMax} different windows`);
  if (counters.length > scopesMax) throw new ConfigError(path, `counts by ${counters.length} scopes, periods and currencies: more than ${scopesMax}`);
  return { ...read, currency, scopes: conditionsOf(read.scopes), available, unavailable, counters };
}

/** Sets and caps that are absent are the defaults', and the default groups are there unless they are given otherwise. */
function withDefaults(document: unknown): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  const given = document as Readonly<Record<string, unknown>>;
  const groups = given['merchantGroups'];
  const merged = groups === undefined || (typeof groups === 'object' && groups !== null && !Array.isArray(groups)) ? { ...defaultGroups, ...groups } : groups;
  return { ...defaultDocument, ...given, merchantGroups: merged };
}

function readSet(set: RuleSet, path: string, groups: StandInRules['merchantGroups'], scopes: ReadonlySet<string>): RuleSet {
  const names = new Set<string>();
  for (const [index, rule] of set.decisions.entries()) {
    const place = `${path}.decisions[${index}]`;
    if (names.has(rule.name)) throw new ConfigError(`${place}.name`, `is ${rule.name} a second time`);
    names.add(rule.name);
    checkReason(rule, place);
    if (rule.when !== undefined) checkCondition(rule.when, `${place}.when`, groups);
  }
  const limits = set.limits.map((limit, index) => readLimit(limit, `${path}.limits[${index}]`, groups, scopes));
  return { ...set, decisions: set.decisions.map((rule) => (rule.when === undefined ? rule : { ...rule, when: conditionOf(rule.when) })), limits };
}

/** The limits of one card, by the names of the rules. @throws ConfigError with the place */
export function readCardLimits(limits: readonly Limit[], { merchantGroups, scopes }: StandInRules, path: string): Limit[] {
  const names = new Set(['overall', 'cash', ...Object.keys(merchantGroups), ...Object.keys(scopes)]);
  return limits.map((limit, index) => readLimit(limit, `${path}[${index}]`, merchantGroups, names));
}

function checkReason({ outcome, reason }: DecisionRule, path: string): void {
  if (reason === undefined) return;
  const allowed: readonly string[] = outcome === 'approve' || outcome === 'forward' ? [] : ruleReasons[outcome];
  if (allowed.includes(reason)) return;
  throw new ConfigError(`${path}.reason`, allowed.length === 0 ? `does not belong to ${outcome}` : `must be ${allowed.join(' or ')} for ${outcome}, not ${reason}`);
}

function readLimit(limit: Limit, path: string, groups: StandInRules['merchantGroups'], scopes: ReadonlySet<string>): Limit {
  const { scope, period, hours, when, currency, amountMinorMax, countMax } = limit;
  if (!scopes.has(scope)) throw new ConfigError(`${path}.scope`, `must be one of ${[...scopes].join(', ')}, not ${scope}`);
  if (amountMinorMax === undefined && countMax === undefined) throw new ConfigError(path, 'limits nothing: it needs amountMinorMax, countMax or both');
  if (period === 'transaction' && countMax !== undefined) throw new ConfigError(`${path}.countMax`, 'has no meaning for one transaction');
  if ((period === 'hours') !== (hours !== undefined)) throw new ConfigError(`${path}.hours`, period === 'hours' ? 'is missing: how many hours' : `does not belong to the period ${period}`);
  if (when !== undefined) checkCondition(when, `${path}.when`, groups);
  return {
    ...limit, ...(when === undefined ? {} : { when: conditionOf(when) }),
    ...(currency === undefined ? {} : { currency: currencyOf(currency, `${path}.currency`) }),
  };
}

/** Names that are of nothing, ranges that are empty, and conditions that say nothing. */
function checkCondition(condition: Condition, path: string, groups: StandInRules['merchantGroups']): void {
  if (Object.keys(condition).length === 0) throw new ConfigError(path, 'says nothing; a condition that always holds is left away');
  for (const [fact, value] of Object.entries(condition)) {
    if (Array.isArray(value) && value.length === 0) throw new ConfigError(`${path}.${fact}`, 'is an empty list');
  }
  for (const operator of ['and', 'or', 'not'] as const) {
    for (const [index, inner] of (condition[operator] ?? []).entries()) checkCondition(inner, `${path}.${operator}[${index}]`, groups);
  }
  for (const fact of ['amountMinor', 'riskLevel'] as const) {
    const { from, to } = condition[fact] ?? { from: 0 };
    if (from === undefined && to === undefined) throw new ConfigError(`${path}.${fact}`, 'needs from, to or both');
    if (from !== undefined && to !== undefined && from > to) throw new ConfigError(`${path}.${fact}`, `begins at ${from}, above its end ${to}`);
  }
  if (condition.time !== undefined && condition.time.from === condition.time.to) throw new ConfigError(`${path}.time`, `begins and ends at ${condition.time.to}`);
  for (const [index, group] of (condition.merchantGroup ?? []).entries()) {
    if (!Object.hasOwn(groups, group)) throw new ConfigError(`${path}.merchantGroup[${index}]`, `must be one of ${Object.keys(groups).join(', ')}, not ${group}`);
  }
  checkCategories(condition.merchantCategory ?? [], `${path}.merchantCategory`);
  for (const [index, code] of (condition.currency ?? []).entries()) currencyOf(code, `${path}.currency[${index}]`);
}

function checkCategories(categories: readonly string[], path: string): void {
  for (const [index, member] of categories.entries()) {
    const [from = '', to = from] = member.split('-');
    if (from > to) throw new ConfigError(`${path}[${index}]`, `begins at ${from}, above its end ${to}`);
  }
}

function currencyOf(code: string, path: string): string {
  const numeric = currencyNumber(code);
  if (numeric === undefined) throw new ConfigError(path, `must be a currency of ISO 4217 that is known, not ${code}`);
  return numeric;
}

/** Currencies as messages name them. */
function conditionOf(condition: Condition): Condition {
  const { and, or, not, currency } = condition;
  return {
    ...condition,
    ...(and === undefined ? {} : { and: and.map(conditionOf) }),
    ...(or === undefined ? {} : { or: or.map(conditionOf) }),
    ...(not === undefined ? {} : { not: not.map(conditionOf) }),
    ...(currency === undefined ? {} : { currency: currency.map((code) => currencyNumber(code) ?? code) }),
  };
}

function conditionsOf(scopes: Readonly<Record<string, Condition>>): Record<string, Condition> {
  return Object.fromEntries(Object.entries(scopes).map(([name, condition]) => [name, conditionOf(condition)]));
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
