/**
 * A log of what was approved judges stand-in: after every approval each limit and cap is added up from the log, which knows nothing of
 * windows, heads or how they are kept.
 */
import fc from 'fast-check';
import { deepStrictEqual, fail, ok, strictEqual } from 'node:assert/strict';
import { test } from 'vitest';
import { decodeActivity, encodeActivity, newActivity } from '../../src/standin/activity.ts';
import { count, giveBack } from '../../src/standin/counted.ts';
import type { Counted, StandInFacts, StandInState } from '../../src/standin/decision.ts';
import { standIn } from '../../src/standin/engine.ts';
import { decodeExposure, encodeExposure, newExposure } from '../../src/standin/exposure.ts';
import type { Limit, StandInRules } from '../../src/standin/rules.ts';
import { startDay, startMonth, startMs } from '../account/fixture.ts';
import type { CardMessage } from '../account/fixture.ts';
import { openRules, purchase, unavailable } from './fixture.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const times = Number(process.env['LOCUM_TIMES'] ?? 1);
const hourMs = 3_600_000;

interface Approved {
  readonly card: number;
  readonly scopes: readonly string[];
  readonly facts: StandInFacts;
  counted: Counted;
  amountMinor: number;
}

const limitArbitrary: fc.Arbitrary<object> = fc.record({
  scope: fc.constantFrom('overall', 'overall', 'cash', 'food', 'abroad'), period: fc.constantFrom('transaction', 'day', 'month', 'outage', 'hours'),
  hours: fc.constantFrom(3, 24), amountMinorMax: fc.integer({ min: 0, max: 300 }), countMax: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
}).map(({ hours, countMax, ...limit }) => ({ ...limit, ...(limit.period === 'hours' ? { hours } : {}), ...(countMax === undefined || limit.period === 'transaction' ? {} : { countMax }) }));

const capArbitrary = fc.record({ amountMinorMax: fc.integer({ min: 50, max: 600 }), countMax: fc.integer({ min: 1, max: 12 }) });

const rulesArbitrary = fc.record({
  limits: fc.array(limitArbitrary, { maxLength: 5 }), strict: fc.array(limitArbitrary, { maxLength: 3 }), card: capArbitrary, account: capArbitrary, issuer: capArbitrary,
}).map(({ limits, strict, card, account, issuer }) => openRules({
  merchantGroups: { food: ['5411'] }, scopes: { abroad: { not: [{ country: ['276'] }] } },
  available: { otherwise: 'approve', limits: strict }, unavailable: { otherwise: 'approve', limits }, outageCaps: { card, account, issuer },
}));

const stepArbitrary = fc.record({
  what: fc.constantFrom('buy', 'buy', 'buy', 'buy', 'reverse', 'complete', 'outage'), card: fc.integer({ min: 0, max: 2 }), amount: fc.integer({ min: 1, max: 120 }),
  minutes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 500 })), cash: fc.boolean(), food: fc.boolean(), home: fc.boolean(), away: fc.boolean(), which: fc.nat(),
});

type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** Three cards of one issuer, the first two of one account. */
class Heads {
  cards = [encodeActivity(newActivity), encodeActivity(newActivity), encodeActivity(newActivity)];
  account = encodeExposure(newExposure);
  issuer = encodeExposure(newExposure);

  read(card: number): StandInState {
    return { card: decodeActivity(this.cards[card]!), issuer: decodeExposure(this.issuer), account: card < 2 ? decodeExposure(this.account) : undefined };
  }

  /** Compares and sets. @returns whether nothing of it had changed since it was read */
  write(card: number, read: StandInState, state: StandInState): boolean {
    const now = this.read(card);
    if (encodeActivity(now.card) !== encodeActivity(read.card) || encodeExposure(now.issuer) !== encodeExposure(read.issuer)) return false;
    if (now.account !== undefined && encodeExposure(now.account) !== encodeExposure(read.account!)) return false;
    this.cards[card] = encodeActivity(state.card);
    this.issuer = encodeExposure(state.issuer);
    if (state.account !== undefined) this.account = encodeExposure(state.account);
    return true;
  }
}

function messageOf({ amount, cash, food }: Step): CardMessage {
  return purchase(amount, { purpose: cash ? 'cash' : 'purchase', merchant: { category: food ? '5411' : '5999' } });
}

function factsOf({ home, away }: Step, nowMs: number, outageId: number, change: Partial<StandInFacts> = {}): StandInFacts {
  const day = Math.floor(nowMs / 86_400_000);
  return {
    ...unavailable, why: away ? 'timeout' : 'withinParameters', isAvailable: !away, outageId: away ? outageId : 0, nowMs, day, month: startMonth + Math.floor((day - startDay) / 3),
    country: home ? '276' : '840', ...change,
  };
}

function scopesOf({ cash, food, home }: Step): string[] {
  return ['overall', ...(cash ? ['cash'] : []), ...(food ? ['food'] : []), ...(home ? [] : ['abroad'])];
}

/** What a limit counts for this approval, from the log alone; a rolling window as if it were `stretch` as long. */
function usedBy(log: readonly Approved[], limit: Limit, card: number, facts: StandInFacts, stretch = 1): readonly [count: number, amountMinor: number] {
  const mine = log.filter((each) => {
    if (each.card !== card || !each.scopes.includes(limit.scope) || each.amountMinor === 0) return false;
    switch (limit.period) {
      case 'transaction': return false;
      case 'day': return each.facts.day === facts.day;
      case 'month': return each.facts.month === facts.month;
      case 'outage': return each.facts.outageId === facts.outageId;
      case 'hours': return facts.nowMs - each.facts.nowMs < limit.hours! * hourMs * stretch;
    }
  });
  return [mine.length, mine.reduce((sum, { amountMinor }) => sum + amountMinor, 0)];
}

function inOutage(log: readonly Approved[], facts: StandInFacts, isOf: (card: number) => boolean): readonly [count: number, amountMinor: number] {
  const mine = log.filter((each) => isOf(each.card) && each.amountMinor > 0 && facts.outageId > 0 && each.facts.outageId === facts.outageId);
  return [mine.length, mine.reduce((sum, { amountMinor }) => sum + amountMinor, 0)];
}

/** Would this approval keep to every limit and cap, by the log? */
function fits(rules: StandInRules, log: readonly Approved[], step: Step, facts: StandInFacts, stretch = 1): boolean {
  const set = facts.isAvailable ? rules.available : rules.unavailable;
  const scopes = scopesOf(step);
  const keepsLimits = set.limits.every((limit) => {
    if (!scopes.includes(limit.scope) || (limit.period === 'outage' && facts.outageId === 0)) return true;
    const [times_, amountMinor] = usedBy(log, limit, step.card, facts, stretch);
    return times_ + 1 <= (limit.countMax ?? Infinity) && amountMinor + step.amount <= (limit.amountMinorMax ?? Infinity);
  });
  if (!keepsLimits || facts.outageId === 0) return keepsLimits;
  const caps = [[rules.outageCaps.card, (card: number) => card === step.card], [rules.outageCaps.account, (card: number) => step.card < 2 && card < 2], [rules.outageCaps.issuer, () => true]] as const;
  return caps.every(([cap, isOf], index) => {
    if (cap === undefined || (index === 1 && step.card === 2)) return true;
    const [times_, amountMinor] = inOutage(log, facts, isOf);
    return times_ + 1 <= (cap.countMax ?? Infinity) && amountMinor + step.amount <= (cap.amountMinorMax ?? Infinity);
  });
}

test('no sequence of approvals, reversals and completions exceeds a limit or a cap, and what keeps to all of them is approved', () => {
  let approvals = 0;
  let refusals = 0;
  fc.assert(fc.property(rulesArbitrary, fc.array(stepArbitrary, { minLength: 1, maxLength: 60, size: 'max' }), (rules, steps) => {
    const heads = new Heads();
    const log: Approved[] = [];
    let nowMs = startMs;
    let outageId = 1;
    for (const step of steps) {
      nowMs += step.minutes * 60_000;
      if (step.what === 'outage') outageId += 1;
      const earlier = log[step.which % Math.max(1, log.length)];
      if (earlier !== undefined && (step.what === 'reverse' || step.what === 'complete')) {
        const read = heads.read(earlier.card);
        const leftMinor = step.what === 'reverse' ? 0 : Math.min(step.amount, earlier.amountMinor);
        const { state, counted } = giveBack(read, earlier.counted, leftMinor, rules.counters);
        ok(heads.write(earlier.card, read, state));
        earlier.counted = counted;
        earlier.amountMinor = Math.min(leftMinor, earlier.amountMinor);
        continue;
      }
      const facts = factsOf(step, nowMs, outageId);
      const read = heads.read(step.card);
      const decision = standIn(read, rules, messageOf(step), facts);
      if (decision.kind === 'decided' && decision.outcome === 'approve') {
        ok(fits(rules, log, step, facts), 'an approval keeps to every limit and cap');
        ok(heads.write(step.card, read, decision.state));
        log.push({ card: step.card, scopes: scopesOf(step), facts, counted: decision.counted!, amountMinor: step.amount });
        approvals += 1;
      } else {
        strictEqual(fits(rules, log, step, facts, 13 / 12), false, 'what keeps to every limit and cap is approved');
        strictEqual(decision.kind, facts.isAvailable ? 'forward' : 'decided');
        ok(['1021', '1023'].includes(decision.reason));
        refusals += 1;
      }
    }
  }), { numRuns: 400 * times, seed });
  ok(approvals > 1000 && refusals > 1000);
});

test('switches that share the heads keep to the caps of an outage, even where they do not agree on which it is', () => {
  const cap = { amountMinorMax: 300, countMax: 6 };
  fc.assert(fc.property(fc.array(fc.tuple(stepArbitrary, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
    const rules = openRules({ outageCaps: { card: cap, account: cap, issuer: cap } });
    const heads = new Heads();
    let latest = 0;
    let spent: number[] = [];
    for (const [step, outageId] of steps) {
      const read = heads.read(step.card);
      const decision = standIn(read, rules, messageOf(step), factsOf({ ...step, away: true }, startMs, outageId));
      if (decision.kind !== 'decided' || decision.outcome !== 'approve') continue;
      ok(heads.write(step.card, read, decision.state));
      if (outageId > latest) spent = [];
      latest = Math.max(latest, outageId);
      spent.push(step.amount);
      ok(spent.length <= cap.countMax && spent.reduce((sum, amount) => sum + amount, 0) <= cap.amountMinorMax);
    }
  }), { numRuns: 200 * times, seed });
});

test('two switches that share the heads keep to limits and caps together, in whatever order they read and write', () => {
  fc.assert(fc.property(rulesArbitrary, fc.array(fc.tuple(stepArbitrary, stepArbitrary, fc.boolean()), { minLength: 1, maxLength: 25, size: 'max' }), (rules, rounds) => {
    const heads = new Heads();
    const log: Approved[] = [];
    for (const [north, south, northFirst] of rounds) {
      const both = [north, south].map((step) => ({ step: { ...step, away: true }, facts: factsOf({ ...step, away: true }, startMs, 1), read: heads.read(step.card) }));
      if (!northFirst) both.reverse();
      for (const { step, facts, read } of both) {
        let state = read;
        for (let tries = 0; ; tries += 1) {
          const decision = standIn(state, rules, messageOf(step), facts);
          if (decision.kind !== 'decided') fail('nobody is there to forward to');
          if (decision.outcome !== 'approve') break;
          if (heads.write(step.card, state, decision.state)) {
            ok(fits(rules, log, step, facts));
            log.push({ card: step.card, scopes: scopesOf(step), facts, counted: decision.counted!, amountMinor: step.amount });
            break;
          }
          ok(tries === 0, 'a second reading is the last');
          state = heads.read(step.card);
        }
      }
    }
  }), { numRuns: 200 * times, seed });
});

test('switches that count apart keep to limits and caps together, and their counts add up when they meet again', () => {
  fc.assert(fc.property(rulesArbitrary, fc.array(stepArbitrary, { minLength: 4, maxLength: 50, size: 'max' }), fc.integer({ min: 2, max: 3 }), (rules, steps, switches) => {
    const shared = new Heads();
    const log: Approved[] = [];
    const decide = (heads: Heads, step: Step, facts: StandInFacts): void => {
      const read = heads.read(step.card);
      const decision = standIn(read, rules, messageOf(step), facts);
      if (decision.kind !== 'decided' || decision.outcome !== 'approve') return;
      ok(fits(rules, log, step, facts));
      ok(heads.write(step.card, read, decision.state));
      log.push({ card: step.card, scopes: scopesOf(step), facts, counted: decision.counted!, amountMinor: step.amount });
    };
    const together = Math.floor(steps.length / 3);
    for (const step of steps.slice(0, together)) decide(shared, { ...step, away: true }, factsOf({ ...step, away: true }, startMs, 1));
    const before = log.length;
    const apart = Array.from({ length: switches }, () => Object.assign(new Heads(), { cards: [...shared.cards], account: shared.account, issuer: shared.issuer }));
    for (const step of steps.slice(together)) decide(apart[step.which % switches]!, { ...step, away: true }, factsOf({ ...step, away: true }, startMs, 1, { switchesSharing: switches }));
    for (const { card, counted } of log.slice(before)) {
      const read = shared.read(card);
      ok(shared.write(card, read, count(read, counted, rules.counters)));
    }
    const [times_, amountMinor] = inOutage(log, { ...unavailable, outageId: 1 }, () => true);
    const issuer = decodeExposure(shared.issuer);
    deepStrictEqual([issuer.count, issuer.amountMinor], [times_, amountMinor]);
  }), { numRuns: 200 * times, seed });
});

test('the last known balance is never exceeded, by cards of one account on switches that count apart', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 3 }), fc.array(stepArbitrary, { minLength: 1, maxLength: 40, size: 'max' }), (availableMinor, headroomMinor, switches, steps) => {
    const heads = Array.from({ length: switches }, () => ({ account: newExposure, partner: newExposure, issuer: newExposure }));
    let spentMinor = 0;
    for (const step of steps) {
      const own = heads[step.which % switches]!;
      const lastKnown = { availableMinor, headroomMinor, currency: '978', asOfMs: startMs };
      const decision = standIn({ card: newActivity, ...own }, openRules(), purchase(step.amount), { ...factsOf({ ...step, away: true }, startMs, 1), lastKnown, switchesSharing: switches });
      if (decision.kind !== 'decided' || decision.outcome !== 'approve') continue;
      spentMinor += step.amount;
      heads[step.which % switches] = { account: decision.state.account!, partner: decision.state.partner!, issuer: decision.state.issuer };
    }
    ok(spentMinor <= availableMinor && spentMinor <= headroomMinor);
  }), { numRuns: 300 * times, seed });
});
