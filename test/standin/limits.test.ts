import { describe, expect, it, test } from 'vitest';
import type { StandInFacts } from '../../src/standin/decision.ts';
import { countIssuerApproval, standIn } from '../../src/standin/engine.ts';
import { giveBack, settle } from '../../src/standin/counted.ts';
import type { Limit } from '../../src/standin/rules.ts';
import { newExposure } from '../../src/standin/exposure.ts';
import { newActivity, scopesIn, usedIn } from '../../src/standin/activity.ts';
import { startMs } from '../account/fixture.ts';
import type { MessageChange } from '../account/fixture.ts';
import { available, decided, failed, newState, openRules, play, purchase, said, unavailable } from './fixture.ts';

function limited(...limits: readonly object[]): ReturnType<typeof openRules> {
  return openRules({
    merchantGroups: { food: ['5411'] }, scopes: { abroad: { not: [{ country: ['276'] }] }, online: { channel: ['ecommerce'] } },
    unavailable: { otherwise: 'approve', limits },
  });
}

const dollars = (amountMinor: number): MessageChange => ({ currency: '840', billing: { amountMinor, currency: '978' } });

describe('a limit', () => {
  it.each<[string, object, readonly (readonly [number, MessageChange?, Partial<StandInFacts>?])[], string]>([
    ['on one amount', { scope: 'overall', period: 'transaction', amountMinorMax: 10 }, [[10], [11], [10]], '0000 1021 0000'],
    ['on the day’s amount', { scope: 'overall', period: 'day', amountMinorMax: 10 }, [[6], [5], [4], [1], [10, {}, { day: 20_001 }]], '0000 1021 0000 1021 0000'],
    ['on the day’s count', { scope: 'overall', period: 'day', countMax: 2 }, [[6], [5], [4], [1, {}, { day: 20_001 }]], '0000 0000 1023 0000'],
    ['on the month', { scope: 'overall', period: 'month', countMax: 1 }, [[6], [5, {}, { day: 20_001 }], [4, {}, { month: 658 }]], '0000 1023 0000'],
    ['on the outage', { scope: 'overall', period: 'outage', amountMinorMax: 9 }, [[6], [5, {}, { day: 20_001, month: 658 }], [5, {}, { outageId: 8 }]], '0000 1021 0000'],
    ['on the last hours', { scope: 'overall', period: 'hours', hours: 24, amountMinorMax: 9 }, [[6], [5, {}, { nowMs: startMs + 24 * 3_600_000 }], [5, {}, { nowMs: startMs + 26 * 3_600_000 }]], '0000 1021 0000'],
    ['on cash', { scope: 'cash', period: 'day', countMax: 1 }, [[1], [1, { purpose: 'cash' }], [1, { purpose: 'cash' }], [1]], '0000 0000 1023 0000'],
    ['on a merchant group', { scope: 'food', period: 'day', amountMinorMax: 5 }, [[5], [9, { merchant: { category: '5999' } }], [1]], '0000 0000 1021'],
    ['on a kind of transactions', { scope: 'abroad', period: 'day', countMax: 1 }, [[5, {}, { country: '276' }], [5, {}, { country: '276' }], [5, {}, { country: '840' }], [5]], '0000 0000 0000 1023'],
    ['on a channel', { scope: 'online', period: 'day', countMax: 0 }, [[5], [5, { entryMode: 'ecommerce', chip: undefined }]], '0000 1023'],
    ['in another currency', { scope: 'overall', period: 'day', currency: 'USD', amountMinorMax: 10 }, [[50], [6, dollars(7)], [5, dollars(4)], [4, dollars(4)]], '0000 0000 1021 0000'],
    ['on one amount in another currency', { scope: 'overall', period: 'transaction', currency: 'USD', amountMinorMax: 10 }, [[50], [11, dollars(7)], [10, dollars(40)]], '0000 1021 0000'],
    ['that stands only at times', { scope: 'overall', period: 'day', countMax: 1, when: { riskLevel: { from: 5 } } }, [[1], [1], [1, {}, { riskLevel: 5 }], [1]], '0000 0000 1023 0000'],
    ['of both', { scope: 'overall', period: 'day', countMax: 1, amountMinorMax: 5 }, [[6], [5], [1]], '1021 0000 1021'],
    ['of nothing', { scope: 'overall', period: 'day', amountMinorMax: 0 }, [[1]], '1021'],
  ])('%s', (_what, limit, requests, answers) => {
    const rules = limited(limit);
    let state = newState;
    const given = requests.map(([amountMinor, change, facts]) => {
      const decision = decided(standIn(state, rules, purchase(amountMinor, change), { ...unavailable, ...facts }));
      state = decision.state as typeof newState;
      return decision.reason;
    });
    expect(given.join(' ')).toBe(answers);
  });

  it('says what it allows and what there would be', () => {
    const { checks } = decided(play(limited({ scope: 'overall', period: 'hours', hours: 24, amountMinorMax: 10, countMax: 2 }), unavailable, [purchase(6), purchase(5)]).last!);
    expect(checks.filter(({ check }) => check === 'limit')).toEqual([{ check: 'limit', outcome: 'fail', parameter: '24 hours overall amount 10', value: '11' }]);
  });

  it('is of both sets together: what one approved counts in the other', () => {
    const rules = openRules({ available: { otherwise: 'approve', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 5 }] }, unavailable: { otherwise: 'approve', limits: [{ scope: 'overall', period: 'day', amountMinorMax: 10 }] } });
    const { state } = play(rules, unavailable, [purchase(4)]);
    expect(said(standIn(state, rules, purchase(2), available))).toBe('forward 1021');
    expect(said(standIn(state, rules, purchase(6), unavailable))).toBe('approve 0000');
    expect(said(standIn(state, rules, purchase(7), unavailable))).toBe('decline 1021');
  });

  it('of the card itself takes the place of its range’s, above or below', () => {
    const rules = limited({ scope: 'overall', period: 'day', amountMinorMax: 10 }, { scope: 'overall', period: 'transaction', amountMinorMax: 8 });
    const own = (amountMinorMax: number): StandInFacts => ({ ...unavailable, cardLimits: [{ scope: 'overall', period: 'day', amountMinorMax }] satisfies Limit[] });
    expect(play(rules, own(20), [purchase(8), purchase(8), purchase(5), purchase(4), purchase(9)]).said).toEqual(['approve 0000', 'approve 0000', 'decline 1021', 'approve 0000', 'decline 1021']);
    expect(play(rules, own(4), [purchase(5)]).said).toEqual(['decline 1021']);
    expect(play(rules, { ...unavailable, cardLimits: [{ scope: 'food', period: 'hours', hours: 7, countMax: 1 }] }, [purchase(1), purchase(1)]).said).toEqual(['approve 0000', 'decline 1023']);
  });

  it('may be another for a VIP', () => {
    const rules = limited(
      { scope: 'overall', period: 'day', countMax: 1, when: { not: [{ instruction: ['vip'] }] } }, { scope: 'overall', period: 'day', countMax: 3, when: { instruction: ['vip'] } },
    );
    const three = [purchase(1), purchase(1), purchase(1), purchase(1)];
    expect(play(rules, unavailable, three).said.filter((each) => each === 'approve 0000')).toHaveLength(1);
    expect(play(rules, { ...unavailable, instruction: 'vip' }, three.map(() => purchase(1))).said.filter((each) => each === 'approve 0000')).toHaveLength(3);
  });

  it('comes after all other tests', () => {
    const rules = limited({ scope: 'overall', period: 'day', countMax: 0 });
    for (const [change, reason] of [[{ cardFacts: { luhnValid: false } }, '1011'], [{ currency: '840' }, '1030'], [{ cardFacts: { expiry: '2001' } }, '1001']] as const) {
      expect(decided(standIn(newState, rules, purchase(1, change), unavailable)).reason).toBe(reason);
    }
  });

  it('finds what was used before it came', () => {
    const { state } = play(openRules(), unavailable, [purchase(6)]);
    for (const period of ['day', 'month', 'outage']) expect(said(standIn(state, limited({ scope: 'overall', period, amountMinorMax: 6 }), purchase(1), unavailable))).toBe('decline 1021');
  });

  it('is not used by what moves no money', () => {
    const rules = limited({ scope: 'overall', period: 'day', countMax: 0 });
    expect(play(rules, unavailable, [purchase(0, { purpose: 'verification' }), purchase(5, { purpose: 'refund' })]).said).toEqual(['approve 0000', 'approve 0000']);
  });

  it('counts what the issuer approved, where it is to', () => {
    const rules = limited({ scope: 'overall', period: 'day', amountMinorMax: 10 });
    const { state, counted } = countIssuerApproval(newState, rules, purchase(8), unavailable);
    expect([counted?.leftMinor, counted?.isInOutage, state.issuer.amountMinor]).toEqual([8, false, 0]);
    expect(said(standIn(state, rules, purchase(3), unavailable))).toBe('decline 1021');
  });
});

describe('a cap on the outage', () => {
  const caps = { card: { amountMinorMax: 10 }, account: { countMax: 3 }, issuer: { amountMinorMax: 25, countMax: 4 } };
  const rules = openRules({ outageCaps: caps });

  it('of the card, the account and the issuer holds for all of their cards together', () => {
    let issuer = newExposure;
    let account = newExposure;
    const cards = [newActivity, newActivity, newActivity];
    const buy = (card: number, amountMinor: number): string => {
      const decision = decided(standIn({ card: cards[card]!, issuer, account: card < 2 ? account : undefined }, rules, purchase(amountMinor), unavailable));
      cards[card] = decision.state.card;
      ({ issuer } = decision.state);
      account = decision.state.account ?? account;
      const last = decision.checks.findLast(({ outcome }) => outcome === 'fail');
      return last === undefined ? 'approved' : `${decision.reason} ${last.parameter}, ${last.value}`;
    };
    expect([buy(0, 11), buy(0, 9), buy(0, 2), buy(1, 5), buy(1, 5), buy(0, 1), buy(2, 7), buy(2, 6), buy(2, 1)]).toEqual([
      '1021 card amount 10, 11', 'approved', '1021 card amount 10, 11', 'approved', 'approved', '1023 account count 3, 4', '1021 issuer amount 25, 26', 'approved', '1021 issuer amount 25, 26',
    ]);
  });

  it('begins anew with the next outage, and is not asked about while there is none', () => {
    const { state } = play(rules, unavailable, [purchase(10)]);
    expect(said(standIn(state, rules, purchase(1), unavailable))).toBe('decline 1021');
    expect(said(standIn(state, rules, purchase(1), available))).toBe('approve 0000');
    expect(said(standIn(state, rules, purchase(10), { ...unavailable, outageId: 8 }))).toBe('approve 0000');
    expect(decided(standIn(state, rules, purchase(1), available)).state.issuer).toEqual(state.issuer);
  });

  it('counts what names no outage, or one that has passed, for the latest', () => {
    const { state } = play(rules, unavailable, [purchase(10)]);
    expect(failed(standIn(state, rules, purchase(1), { ...unavailable, outageId: 0 }))).toBe('outageCap');
    expect(failed(standIn(state, rules, purchase(1), { ...unavailable, outageId: 6 }))).toBe('outageCap');
    const later = decided(standIn({ ...newState, issuer: { ...newExposure, outageId: 9, count: 2 } }, rules, purchase(1), unavailable)).state;
    expect([later.issuer.count, later.issuer.outageId, later.account?.outageId, later.card.outage[0]]).toEqual([3, 9, 9, 9]);
    const issuer = { ...newExposure, outageId: 9, count: 4 };
    expect(failed(standIn({ ...state, issuer }, openRules({ outageCaps: { issuer: caps.issuer } }), purchase(1), unavailable))).toBe('outageCap');
  });
});

describe('switches that count apart', () => {
  it('have each their share of limits, caps and balances, but not of what one transaction may be', () => {
    const apart: StandInFacts = { ...unavailable, switchesSharing: 3 };
    expect(play(limited({ scope: 'overall', period: 'day', amountMinorMax: 10 }), apart, [purchase(3), purchase(1)]).said).toEqual(['approve 0000', 'decline 1021']);
    expect(play(limited({ scope: 'overall', period: 'day', countMax: 2 }), apart, [purchase(3)]).said).toEqual(['decline 1023']);
    expect(play(openRules({ outageCaps: { card: { countMax: 3 } } }), apart, [purchase(3), purchase(1)]).said).toEqual(['approve 0000', 'decline 1023']);
    expect(play(limited({ scope: 'overall', period: 'transaction', amountMinorMax: 10 }), apart, [purchase(10)]).said).toEqual(['approve 0000']);
    const lastKnown = { availableMinor: 100, currency: '978', asOfMs: startMs, headroomMinor: 90 };
    expect(play(openRules(), { ...apart, lastKnown }, [purchase(34), purchase(31), purchase(30), purchase(1)]).said).toEqual(['decline 1016', 'decline 1820', 'approve 0000', 'decline 1820']);
  });
});

describe('the last known balance', () => {
  const facts: StandInFacts = { ...unavailable, lastKnown: { availableMinor: 100, currency: '978', asOfMs: startMs, headroomMinor: 150 } };

  it('is narrowed by what was approved since, until the account has taken it in', () => {
    const first = decided(standIn(newState, openRules(), purchase(60), facts));
    expect(said(standIn(first.state, openRules(), purchase(41), facts))).toBe('decline 1016');
    const { state, counted } = settle(first.state, first.counted!);
    expect(said(standIn(state, openRules(), purchase(100), facts))).toBe('approve 0000');
    expect(settle(state, counted).state).toEqual(state);
  });

  it('is narrowed for all cards of a partner by what any of them took', () => {
    const first = decided(standIn(newState, openRules(), purchase(100), facts));
    expect(said(standIn({ ...newState, partner: first.state.partner }, openRules(), purchase(51), facts))).toBe('decline 1820');
    expect(said(standIn({ ...newState, partner: first.state.partner }, openRules(), purchase(50), facts))).toBe('approve 0000');
  });
});

describe('giving back', () => {
  const rules = limited({ scope: 'overall', period: 'day', amountMinorMax: 100, countMax: 1 }, { scope: 'overall', period: 'hours', hours: 5, amountMinorMax: 100 }, { scope: 'overall', period: 'day', amountMinorMax: 100, currency: 'USD' });
  const facts: StandInFacts = { ...unavailable, lastKnown: { availableMinor: 100, currency: '978', asOfMs: startMs, headroomMinor: 100 } };

  it('all of an approval leaves the heads as they were, but for which windows they are in', () => {
    const { state, counted } = decided(standIn(newState, rules, purchase(70, dollars(80)), facts));
    const after = giveBack(state, counted!, 0, rules.counters);
    expect(said(standIn(after.state, rules, purchase(100, dollars(100)), facts))).toBe('approve 0000');
    expect([after.state.issuer.amountMinor, after.state.issuer.count, after.state.account?.pendingMinor, after.state.partner?.pendingMinor, after.state.card.rolling, scopesIn(after.state.card.day)]).toEqual([0, 0, 0, 0, [], 0]);
    expect(giveBack(after.state, after.counted, 0, rules.counters).state).toEqual(after.state);
    expect(settle(after.state, after.counted).state.account?.pendingMinor).toBe(0);
  });

  it('a part of one leaves the transaction counted, in each currency for its part', () => {
    const { state, counted } = decided(standIn(newState, rules, purchase(70, dollars(80)), facts));
    const after = giveBack(state, counted!, 21, rules.counters);
    expect(['overall', 'overall/840'].map((scope) => usedIn(after.state.card.day, scope))).toEqual([[1, 21], [1, 19]]);
    expect(scopesIn(after.state.card.day)).toBe(2);
    expect([after.counted.leftMinor, after.state.account?.pendingMinor, after.state.issuer.amountMinor]).toEqual([21, 21, 21]);
    expect(giveBack(after.state, after.counted, 70, rules.counters).state).toEqual(after.state);
  });

  it('nothing to a window that has passed', () => {
    const { state, counted } = decided(standIn(newState, rules, purchase(70), unavailable));
    const next = decided(standIn(state, rules, purchase(90), { ...unavailable, day: 20_001, outageId: 8, nowMs: startMs + 86_400_000 })).state;
    const after = giveBack(next, counted!, 0, rules.counters).state;
    expect([usedIn(after.card.day, 'overall'), usedIn(after.card.outage, 'overall'), after.issuer.amountMinor, after.card.rolling]).toEqual([[1, 90], [1, 90], 90, next.card.rolling]);
    expect(usedIn(after.card.month, 'overall')).toEqual([1, 90]);
  });

  it('a completion for less gives back the rest, of its authorization and of increments', () => {
    const open = limited({ scope: 'overall', period: 'day', amountMinorMax: 100, countMax: 1 });
    const held = decided(standIn(newState, open, purchase(50, { purpose: 'preauthorization' }), unavailable));
    const more = decided(standIn(held.state, open, purchase(30, { purpose: 'increment' }), { ...unavailable, originals: [held.counted!] }));
    expect([more.reason, more.counted?.leftMinor, more.counted?.transactions, usedIn(more.state.card.day, 'overall')]).toEqual(['0000', 30, 0, [1, 80]]);
    const originals = [held.counted!, more.counted!];
    expect(said(standIn(more.state, open, purchase(21, { purpose: 'increment' }), { ...unavailable, originals }))).toBe('decline 1021');
    expect(said(standIn(more.state, open, purchase(101, { purpose: 'completion' }), { ...unavailable, originals }))).toBe('decline 1021');
    const less = decided(standIn(more.state, open, purchase(60, { purpose: 'completion' }), { ...unavailable, originals }));
    expect([less.reason, less.counted, less.originals?.map(({ leftMinor }) => leftMinor), usedIn(less.state.card.day, 'overall')]).toEqual(['0000', undefined, [50, 10], [1, 60]]);
    const excess = decided(standIn(more.state, open, purchase(95, { purpose: 'completion' }), { ...unavailable, originals }));
    expect([excess.reason, excess.counted?.leftMinor, excess.counted?.transactions, usedIn(excess.state.card.day, 'overall')]).toEqual(['0000', 15, 0, [1, 95]]);
  });
});

test('a balance is not decided on without what is pending of it', () => {
  const lastKnown = { availableMinor: 100, currency: '978', asOfMs: startMs, headroomMinor: 100 };
  expect(() => standIn({ card: newActivity, issuer: newExposure }, openRules(), purchase(1), { ...unavailable, lastKnown })).toThrow('what is pending of a balance is known with it');
  expect(() => standIn({ card: newActivity, issuer: newExposure, account: newExposure }, openRules(), purchase(1), { ...unavailable, lastKnown })).toThrow('what is pending of a balance is known with it');
});

test('at least one switch counts', () => {
  expect(() => standIn(newState, limited({ scope: 'overall', period: 'day', countMax: 1 }), purchase(1), { ...unavailable, switchesSharing: 0 })).toThrow('at least one switch counts');
});
