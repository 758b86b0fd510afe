import { describe, expect, it, test } from 'vitest';
import type { StandInFacts } from '../../src/standin/decision.ts';
import { standIn } from '../../src/standin/engine.ts';
import { issuerApproved, withoutTries } from '../../src/standin/activity.ts';
import { chipFacts, message, rightPin, startMs, valueVerdict, wrongPin } from '../account/fixture.ts';
import type { MessageChange } from '../account/fixture.ts';
import { available, decided, failed, knownCard, newState, openRules, play, purchase, said, storeLost, unavailable, withTries } from './fixture.ts';

const demands = { cardValue: 'required', pin: 'required', cryptogram: 'required', authentication: 'required', expiry: 'required', balance: 'required' };

function rulesWith(tests: object): ReturnType<typeof openRules> {
  const set = { decisions: [], otherwise: 'approve', tests };
  return openRules({ available: set, unavailable: set });
}

const online: MessageChange = { entryMode: 'ecommerce', cardPresent: false, chip: undefined };

/** What is verified to be wrong: the test, the message, the reason, and the test's setting. */
const hard: readonly (readonly [what: string, check: string, reason: string, change: MessageChange])[] = [
  ['a wrong CVV', 'cardValue', '1045', { cardValue: valueVerdict('cvv', 'mismatch') }],
  ['a wrong CVV2', 'cardValue', '1045', { ...online, cardValue: valueVerdict('cvv2', 'mismatch') }],
  ['a wrong PIN', 'pin', '1017', { pin: wrongPin }],
  ['a PIN block without a PIN', 'pin', '1026', { pin: { outcome: 'malformed', pinVersion: 1 } }],
  ['a wrong cryptogram', 'cryptogram', '1840', { chip: { ...chipFacts(1), outcome: 'mismatch' } }],
  ['chip data that cannot be read', 'cryptogram', '1840', { chip: { ...chipFacts(1), outcome: 'malformed' } }],
  ['a finding that declines', 'cryptogram', '1843', { chip: chipFacts(1, { name: 'cvm', effect: 'decline' }) }],
  ['a wrong authentication value', 'authentication', '1850', { ...online, authentication: { outcome: 'mismatch', useId: 'a' } }],
  ['an authentication value that cannot be read', 'authentication', '1850', { ...online, authentication: { outcome: 'malformed', useId: 'a' } }],
];

describe.each(hard)('%s', (_what, check, reason, change) => {
  it.each([['while the issuer is there', available], ['while it is away', unavailable]] as const)('is declined %s', (_when, facts) => {
    const decision = standIn(newState, rulesWith({}), purchase(100, change), facts);
    expect([said(decision), failed(decision)]).toEqual([`decline ${reason}`, check]);
  });

  it('is declined, and not passed on, where another test has failed before it', () => {
    const decision = standIn(newState, rulesWith({}), purchase(100, { ...change, cardFacts: { luhnValid: false } }), available);
    expect([said(decision), failed(decision)]).toEqual([`decline ${reason}`, check]);
  });

  it('is declined where the exception file says to approve the card, and where the issuer is stopped', () => {
    expect(said(standIn(newState, rulesWith({}), purchase(100, change), { ...unavailable, instruction: 'approve' }))).toBe(`decline ${reason}`);
    expect(said(standIn(newState, { ...rulesWith({}), killSwitch: true }, purchase(100, change), available))).toBe(`decline ${reason}`);
  });

  it('is not looked at where the test is off', () => {
    expect(said(standIn(newState, rulesWith({ [check]: 'off' }), purchase(100, change), unavailable))).toBe('approve 0000');
  });
});

type Soft = [what: string, check: string, said: string, change: MessageChange, facts?: Partial<StandInFacts>, tests?: object];

/** What is missing, not checked, or not good enough for stand-in. */
const soft: readonly Soft[] = [
  ['a check digit that is wrong', 'luhn', 'decline 1011', { cardFacts: { luhnValid: false } }],
  ['a card that has expired', 'expiry', 'decline 1001', { cardFacts: { expiry: '2409' } }],
  ['two expiry dates', 'expiry', 'decline 1001', { cardFacts: { expiry: '3112', trackExpiry: '3111' } }],
  ['an expiry date other than the card’s', 'expiry', 'decline 1001', {}, { knownCard: { ...knownCard, expiry: '3012' } }],
  ['no expiry date where one is required', 'expiry', 'decline 1001', { cardFacts: { expiry: undefined } }, {}, demands],
  ['a card to decline', 'instruction', 'decline 1862', {}, { instruction: 'decline' }],
  ['a card to refer', 'instruction', 'refer 1007', {}, { instruction: 'refer' }],
  ['a card to pick up', 'instruction', 'pickUp 2000', {}, { instruction: 'pickUp' }],
  ['a card that was lost', 'cardState', 'pickUp 1801', {}, { knownCard: { ...knownCard, lockCode: 1 } }],
  ['a card under suspicion', 'cardState', 'decline 1807', {}, { knownCard: { ...knownCard, lockCode: 7 } }],
  ['a card that was removed', 'cardState', 'decline 1810', {}, { knownCard: { ...knownCard, state: 'removed' } }],
  ['a card that was not activated', 'cardState', 'decline 1811', {}, { knownCard: { ...knownCard, state: 'ordered' } }],
  ['no card value where one is required', 'cardValue', 'decline 1812', {}, {}, { cardValue: 'required' }],
  ['a card value that was not checked', 'cardValue', 'decline 1814', { cardValue: valueVerdict('icvv', 'error') }],
  ['no PIN where one is required', 'pin', 'decline 1012', {}, {}, { pin: 'required' }],
  ['cash with neither PIN nor cryptogram', 'pin', 'decline 1012', { purpose: 'cash', entryMode: 'stripe', chip: undefined }],
  ['a PIN that was not checked', 'pin', 'decline 1815', { pin: 'unverified' }],
  ['a PIN whose check failed', 'pin', 'decline 1815', { pin: { outcome: 'error', pinVersion: 1 } }],
  ['a PIN that was checked against an older one', 'pin', 'decline 1815', { pin: rightPin }, { knownCard: { ...knownCard, pinVersion: 2 } }],
  ['no cryptogram where one is required', 'cryptogram', 'decline 1841', { chip: undefined }],
  ['a cryptogram that was not checked', 'cryptogram', 'decline 1845', { chip: { ...chipFacts(1), outcome: 'error' } }],
  ['no authentication value where one is required', 'authentication', 'decline 1852', online, {}, { authentication: 'required' }],
  ['an authentication value that was not checked', 'authentication', 'decline 1853', { ...online, authentication: { outcome: 'error', useId: 'a' } }],
  ['an amount in no currency of the issuer', 'currency', 'decline 1030', { currency: '840' }],
  ['a PIN change', 'content', 'decline 1015', { purpose: 'pinChange' }],
  ['what no issuer here does', 'content', 'decline 1015', { purpose: 'unsupported' }],
  ['a balance that does not suffice', 'balance', 'decline 1016', {}, { lastKnown: { availableMinor: 99, currency: '978', asOfMs: startMs } }],
  ['a partner’s balance that does not suffice', 'partnerBalance', 'decline 1820', {}, { lastKnown: { availableMinor: 100, currency: '978', asOfMs: startMs, headroomMinor: 99 } }],
  ['a balance that is required and not known', 'balance', 'decline 9107', {}, {}, { balance: 'required' }],
  ['a balance that is too old', 'balance', 'decline 9107', {}, { lastKnown: { availableMinor: 1000, currency: '978', asOfMs: startMs - 3_600_001 } }],
  ['a balance of after now', 'balance', 'decline 9107', {}, { lastKnown: { availableMinor: 1000, currency: '978', asOfMs: startMs + 3_600_001 } }],
  ['a balance in another currency', 'balance', 'decline 9107', {}, { lastKnown: { availableMinor: 1000, currency: '840', asOfMs: startMs } }],
];

describe.each<Soft>(soft)('%s', (_what, check, outcome, change, facts = {}, tests = {}) => {
  it('is answered while the issuer is away', () => {
    const decision = standIn(newState, rulesWith(tests), purchase(100, change), { ...unavailable, ...facts });
    expect([said(decision), failed(decision)]).toEqual([outcome, check]);
    expect(decision.kind === 'decided' && decision.counted).toBeUndefined();
  });

  it('is passed on while the issuer is there, or declined where it wants that', () => {
    const request = purchase(100, change);
    expect(said(standIn(newState, rulesWith(tests), request, { ...available, ...facts }))).toBe(`forward ${outcome.split(' ')[1]}`);
    expect(said(standIn(newState, { ...rulesWith(tests), forwardsFailures: false }, request, { ...available, ...facts }))).toBe(outcome);
  });
});

describe('an ordinary purchase', () => {
  it('passes the tests in their order, and each keeps what it compared with what', () => {
    const { checks, ...rest } = decided(standIn(newState, openRules(), purchase(100), { ...unavailable, knownCard, lastKnown: { availableMinor: 500, currency: '978', asOfMs: startMs - 1500, headroomMinor: 700 } }));
    expect(rest).toMatchObject({ outcome: 'approve', reason: '0000', why: 'timeout', rulesVersion: 3 });
    expect([...new Set(checks.map(({ check }) => check))]).toEqual([
      'killSwitch', 'content', 'luhn', 'instruction', 'cardState', 'expiry', 'cardValue', 'pin', 'cryptogram', 'authentication', 'currency', 'decision',
      'balance', 'partnerBalance', 'limit', 'outageCap',
    ]);
    expect(checks.filter(({ check }) => ['expiry', 'balance', 'partnerBalance', 'decision'].includes(check)).map(({ outcome, parameter, value }) => [outcome, parameter, value])).toEqual([
      ['pass', 'required', '3112'], ['pass', 'otherwise', 'approve'], ['pass', 'ifCarried, 3600 s', '100 of 500'], ['pass', 'ifCarried', '100 of 700'],
    ]);
  });

  it('is refused for its content whether the issuer is there or not', () => {
    const wrong = [
      [{ fault: { field: '41', reason: '9100', text: 'is missing' } }, '9100'],
      [{ billing: { amountMinor: 1, currency: '978' } }, '1010'],
      [{ currency: '840', billing: { amountMinor: 0, currency: '978' } }, '1010'],
    ] as const;
    for (const [change, reason] of wrong) {
      for (const facts of [available, unavailable]) expect(said(standIn(newState, openRules(), purchase(100, change), facts))).toBe(`decline ${reason}`);
    }
    for (const minor of [-1, 0.5, 1_000_000_000_000, Number.NaN]) expect(said(standIn(newState, openRules(), purchase(minor), unavailable))).toBe('decline 1010');
    expect(said(standIn(newState, openRules(), message('0100', undefined, { chip: chipFacts(1), cardFacts: { expiry: '3112' } }), unavailable))).toBe('decline 9100');
  });

  it('counts what it is billed at, in the issuer’s currency', () => {
    const { counted } = decided(standIn(newState, openRules(), purchase(100, { currency: '840', billing: { amountMinor: 93, currency: '978' } }), unavailable));
    expect(counted?.leftMinor).toBe(93);
  });
});

describe('the kill switch', () => {
  it('approves nothing: declined while the issuer is away, passed on while it is there', () => {
    const rules = openRules({ killSwitch: true });
    expect(said(standIn(newState, rules, purchase(1), { ...unavailable, instruction: 'approve' }))).toBe('decline 1861');
    expect(said(standIn(newState, rules, purchase(1), available))).toBe('forward 1861');
  });
});

describe('the exception file', () => {
  it('approves what no rule would, within the limits', () => {
    const rules = openRules({ unavailable: { limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 100 }] } });
    const facts: StandInFacts = { ...unavailable, instruction: 'approve' };
    expect(said(standIn(newState, rules, purchase(100), unavailable))).toBe('decline 1860');
    expect(said(standIn(newState, rules, purchase(100), facts))).toBe('approve 0000');
    expect(said(standIn(newState, rules, purchase(101), facts))).toBe('decline 1021');
  });
});

describe('an own account without its store', () => {
  const lastKnown = { availableMinor: 1000, currency: '978', asOfMs: startMs };

  it('is decided by what was last known of it, whatever the rules say of balances', () => {
    const rules = rulesWith({ balance: 'off' });
    expect(said(standIn(newState, rules, purchase(1000), { ...storeLost, knownCard, lastKnown }))).toBe('approve 0000');
    expect(said(standIn(newState, rules, purchase(1001), { ...storeLost, knownCard, lastKnown }))).toBe('decline 1016');
    expect(said(standIn(newState, rules, purchase(501), { ...storeLost, knownCard, lastKnown, switchesSharing: 2 }))).toBe('decline 1016');
  });

  it.each(['purchase', 'verification'] as const)('is declined for a %s where it is not known, or not lately', (purpose) => {
    const request = purchase(100, { purpose });
    expect(said(standIn(newState, openRules(), request, { ...storeLost, lastKnown }))).toBe('decline 9112');
    expect(said(standIn(newState, openRules(), request, { ...storeLost, knownCard }))).toBe('decline 9112');
    expect(said(standIn(newState, openRules(), request, { ...storeLost, knownCard, lastKnown: { ...lastKnown, asOfMs: startMs - 3_600_001 } }))).toBe('decline 9112');
    expect(said(standIn(newState, openRules(), request, { ...storeLost, knownCard, lastKnown }))).toBe('approve 0000');
  });

  it('takes no cryptogram whose counter is not above the highest that its chip had', () => {
    const facts: StandInFacts = { ...storeLost, lastKnown, knownCard: { ...knownCard, chips: [{ panSequence: '01', highestAtc: 40 }] } };
    expect(said(standIn(newState, openRules(), purchase(1, { chip: chipFacts(40) }), facts))).toBe('decline 1842');
    expect(said(standIn(newState, openRules(), purchase(1, { chip: chipFacts(41) }), facts))).toBe('approve 0000');
    const renewed = purchase(1, { chip: { ...chipFacts(1), panSequence: '02' } });
    expect(said(standIn(newState, openRules(), renewed, facts))).toBe('approve 0000');
    expect(said(standIn(newState, openRules(), renewed, { ...facts, knownCard: { ...knownCard, chips: [{ panSequence: '', highestAtc: 40 }] } }))).toBe('decline 1842');
  });
});

describe('PINs', () => {
  const wrong = (): ReturnType<typeof purchase> => purchase(100, { pin: wrongPin });
  const right = (): ReturnType<typeof purchase> => purchase(100, { pin: rightPin });

  it('that are wrong are counted in a row, and each decision says how many', () => {
    const rules = openRules();
    const { said: answers, state, last } = play(rules, unavailable, [wrong(), wrong(), wrong(), right(), purchase(1)]);
    expect(answers).toEqual(['decline 1017', 'decline 1017', 'decline 1806', 'decline 1806', 'decline 1806']);
    expect([state.card.pinTries, decided(standIn(newState, rules, wrong(), available)).pin]).toEqual([3, { outcome: 'wrong', tries: 1 }]);
    expect(last?.kind === 'decided' && last.pin).toBeUndefined();
  });

  it('that are right end the row before its last', () => {
    const { said: answers, state } = play(openRules(), unavailable, [wrong(), wrong(), right(), wrong(), wrong()]);
    expect(answers).toEqual(['decline 1017', 'decline 1017', 'approve 0000', 'decline 1017', 'decline 1017']);
    expect(state.card.pinTries).toBe(2);
  });

  it('that were wrong too often are the issuer’s to judge while it is there', () => {
    expect(said(standIn({ ...newState, card: withTries(3) }, openRules(), right(), available))).toBe('forward 1806');
  });

  it('that were wrong no longer count when the issuer approves with a right one', () => {
    expect(issuerApproved(withTries(2)).pinTries).toBe(0);
  });

  it('count together with those of an own account’s card, until the account has taken them', () => {
    const facts: StandInFacts = { ...unavailable, knownCard: { ...knownCard, pinTries: 1 } };
    expect(play(openRules(), facts, [wrong(), wrong()]).said).toEqual(['decline 1017', 'decline 1806']);
    expect(withoutTries(withTries(2), 2).pinTries).toBe(0);
    expect(withoutTries(withTries(1), 2).pinTries).toBe(0);
  });

  it('are compared with as many tries as the rules allow', () => {
    expect(play(rulesWith({ pinTriesMax: 1 }), unavailable, [wrong()]).said).toEqual(['decline 1806']);
  });
});

test('a cryptogram and an authentication value are taken once, and again with what follows their approval', () => {
  const bought = purchase(100, { chip: chipFacts(5) });
  const first = decided(standIn(newState, openRules(), bought, unavailable));
  expect(said(standIn(first.state, openRules(), purchase(100, { chip: chipFacts(5) }), available))).toBe('decline 1842');
  expect(said(standIn(first.state, openRules(), purchase(100, { chip: { ...chipFacts(5), panSequence: '02' } }), unavailable))).toBe('approve 0000');
  expect(said(standIn(first.state, openRules(), purchase(60, { chip: chipFacts(5), purpose: 'completion' }), { ...unavailable, originals: [first.counted!] }))).toBe('approve 0000');
  const shopped = purchase(100, { ...online, authentication: { outcome: 'match', useId: 'AAAA' } });
  expect(play(openRules(), unavailable, [shopped, shopped]).said).toEqual(['approve 0000', 'decline 1851']);
});

test('a contactless card that answers as a stripe has a value of this payment instead of a cryptogram', () => {
  const change: MessageChange = { entryMode: 'contactless', chip: undefined, cardValue: valueVerdict('dcvv', 'match') };
  expect(said(standIn(newState, openRules(), purchase(100, change), unavailable))).toBe('approve 0000');
});

test('an advice and a reversal are not decided on', () => {
  expect(() => standIn(newState, openRules(), message('0120', 100), unavailable)).toThrow('stand-in decides on requests');
  expect(() => standIn(newState, openRules(), message('0400', 100), unavailable)).toThrow('stand-in decides on requests');
});
