import { describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../src/base/schema.ts';
import type { StandInFacts } from '../../src/standin/decision.ts';
import { standIn } from '../../src/standin/engine.ts';
import { defaultRules, readStandInRules } from '../../src/standin/read-rules.ts';
import { reasons } from '../../src/message/reason.ts';
import { ruleReasons } from '../../src/standin/rules-schema.ts';
import { rightPin, valueVerdict } from '../account/fixture.ts';
import type { MessageChange } from '../account/fixture.ts';
import { available, newState, openRules, purchase, said, unavailable } from './fixture.ts';

const least = { version: 1, currency: 'EUR' } as const;

/** The rules with one decision in the set for when the issuer is away. */
function deciding(rule: object): object {
  return { ...least, unavailable: { decisions: [{ name: 'rule', ...rule }] } };
}

function limiting(limit: object): object {
  return { ...least, unavailable: { limits: [limit] } };
}

describe('rules', () => {
  it.each<[string, unknown, string, string]>([
    ['no object', [], 'rules', 'must be an object, not []'],
    ['without a version', { currency: 'EUR' }, 'rules.version', 'is missing: rises with every change; decisions name it'],
    ['in no currency', { ...least, currency: 'XYZ' }, 'rules.currency', 'must be a currency of ISO 4217 that is known, not XYZ'],
    ['with a misspelt setting', { ...least, killswitch: true }, 'rules.killswitch', 'is unknown (did you mean killSwitch?); allowed here: version, currency, merchantGroups, scopes, available, unavailable, forwardsFailures, outageCaps, killSwitch'],
    ['with a test that has no such mode', { ...least, available: { tests: { luhn: 'ifCarried' } } }, 'rules.available.tests.luhn', 'must be required or off, not "ifCarried"'],
    ['with nobody to forward to', deciding({ outcome: 'forward' }), 'rules.unavailable.decisions[0].outcome', 'must be approve or decline or refer or pickUp, not "forward"'],
    ['with a reason that does not fit', deciding({ outcome: 'decline', reason: '2000' }), 'rules.unavailable.decisions[0].reason', 'must be 1000 or 1002 or 1004 or 1016 or 1019 or 1020 or 1022 or 1860 for decline, not 2000'],
    ['with a reason to approve', deciding({ outcome: 'approve', reason: '1000' }), 'rules.unavailable.decisions[0].reason', 'does not belong to approve'],
    ['with two decisions of one name', { ...least, available: { decisions: [{ name: 'a', outcome: 'approve' }, { name: 'a', outcome: 'approve' }] } }, 'rules.available.decisions[1].name', 'is a a second time'],
    ['with a fact that there is not', deciding({ outcome: 'approve', when: { chanel: ['pos'] } }), 'rules.unavailable.decisions[0].when.chanel', 'is unknown (did you mean channel?); allowed here: and, or, not, amountMinor, currency, purpose, class, channel, entryMode, merchantCategory, merchantGroup, country, cardPresent, time, riskLevel, instruction, verified, why'],
    ['with a value that a fact never has', deciding({ outcome: 'approve', when: { or: [{ cardPresent: true }, { not: [{ channel: ['phone'] }] }] } }), 'rules.unavailable.decisions[0].when.or[1].not[0].channel[0]', 'must be pos or atm or ecommerce or moto, not "phone"'],
    ['with a condition of nothing', deciding({ outcome: 'approve', when: { or: [{}] } }), 'rules.unavailable.decisions[0].when.or[0]', 'says nothing; a condition that always holds is left away'],
    ['with a list of nothing', deciding({ outcome: 'approve', when: { country: [] } }), 'rules.unavailable.decisions[0].when.country', 'is an empty list'],
    ['with a range of nothing', deciding({ outcome: 'approve', when: { amountMinor: {} } }), 'rules.unavailable.decisions[0].when.amountMinor', 'needs from, to or both'],
    ['with a range that ends before it begins', deciding({ outcome: 'approve', when: { riskLevel: { from: 5, to: 4 } } }), 'rules.unavailable.decisions[0].when.riskLevel', 'begins at 5, above its end 4'],
    ['with a time that is none', deciding({ outcome: 'approve', when: { time: { from: '24:00', to: '06:00' } } }), 'rules.unavailable.decisions[0].when.time.from', 'must be a time from 00:00 to 23:59, not "24:00"'],
    ['with a time of no length', deciding({ outcome: 'approve', when: { time: { from: '06:00', to: '06:00' } } }), 'rules.unavailable.decisions[0].when.time', 'begins and ends at 06:00'],
    ['with a group that there is not', deciding({ outcome: 'approve', when: { merchantGroup: ['food'] } }), 'rules.unavailable.decisions[0].when.merchantGroup[0]', 'must be one of cash, quasi-cash, gambling, not food'],
    ['with categories that end before they begin', { ...least, merchantGroups: { food: ['5499-5411'] } }, 'rules.merchantGroups.food[0]', 'begins at 5499, above its end 5411'],
    ['with groups that are no object', { ...least, merchantGroups: [] }, 'rules.merchantGroups', 'must be an object, not []'],
    ['with a scope that a group is already', { ...least, scopes: { gambling: { cardPresent: true } } }, 'rules.scopes.gambling', 'has the name of a merchant group, or is overall or cash, which are there already'],
    ['with a limit on what there is not', limiting({ scope: 'food', period: 'day', countMax: 1 }), 'rules.unavailable.limits[0].scope', 'must be one of overall, cash, quasi-cash, gambling, not food'],
    ['with a limit of nothing', limiting({ scope: 'overall', period: 'day' }), 'rules.unavailable.limits[0]', 'limits nothing: it needs amountMinorMax, countMax or both'],
    ['with how many there are in one', limiting({ scope: 'overall', period: 'transaction', countMax: 1 }), 'rules.unavailable.limits[0].countMax', 'has no meaning for one transaction'],
    ['with hours that are not said', limiting({ scope: 'overall', period: 'hours', countMax: 1 }), 'rules.unavailable.limits[0].hours', 'is missing: how many hours'],
    ['with hours of a day', limiting({ scope: 'overall', period: 'day', hours: 2, countMax: 1 }), 'rules.unavailable.limits[0].hours', 'does not belong to the period day'],
    ['with a limit in no currency', limiting({ scope: 'overall', period: 'day', countMax: 1, currency: 'XYZ' }), 'rules.unavailable.limits[0].currency', 'must be a currency of ISO 4217 that is known, not XYZ'],
    ['with too many windows', { ...least, available: { limits: [1, 2, 3, 4].map((hours) => ({ scope: 'overall', period: 'hours', hours, countMax: 1 })) }, unavailable: {} }, 'rules', 'has limits over 1, 2, 3, 4 hours: more than 3 different windows'],
    ['with too much to count', { ...least, scopes: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`s${n}`, { cardPresent: true }])), available: { limits: Array.from({ length: 40 }, (_, n) => ({ scope: `s${n}`, period: 'day', countMax: 1 })) } }, 'rules', 'counts by 47 scopes, periods and currencies: more than 32'],
    ['with a cap that is no number', { ...least, outageCaps: { issuer: { countMax: -1 } } }, 'rules.outageCaps.issuer.countMax', 'must be a whole number from 0 to 1000000000, not -1'],
  ])('%s are refused with their place', (_what, document, path, allowed) => {
    let error: unknown;
    try {
      readStandInRules(document, 'rules');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ path, message: `${path} ${allowed}` });
  });

  it('may give the reasons that fit what they do', () => {
    for (const [outcome, allowed] of Object.entries(ruleReasons)) {
      for (const reason of allowed) {
        expect(said(standIn(newState, readStandInRules(deciding({ outcome, reason }), ''), purchase(1), unavailable))).toBe(`${outcome} ${reason}`);
        expect(Object.hasOwn(reasons, reason)).toBe(true);
      }
    }
  });

  it('name currencies by letters or number', () => {
    const rules = readStandInRules({ ...least, currency: '978', scopes: { dollars: { or: [{ currency: ['USD'] }], and: [{ currency: ['840'] }], not: [{ currency: ['EUR'] }] } }, unavailable: { limits: [{ scope: 'dollars', period: 'day', countMax: 1, currency: 'USD' }] } }, '');
    expect([rules.currency, rules.scopes['dollars'], rules.unavailable.limits[0]?.currency]).toEqual(['978', { or: [{ currency: ['840'] }], and: [{ currency: ['840'] }], not: [{ currency: ['978'] }] }, '840']);
  });

  it('take sets, caps and groups that are left away from the defaults', () => {
    const rules = readStandInRules({ ...least, merchantGroups: { food: ['5411'] }, outageCaps: {} }, '');
    expect(rules.unavailable).toEqual(defaultRules('978').unavailable);
    expect(Object.keys(rules.merchantGroups)).toEqual(['cash', 'quasi-cash', 'gambling', 'food']);
    expect(rules.outageCaps).toEqual({});
  });
});

describe('the default rules', () => {
  const online: MessageChange = { entryMode: 'ecommerce', cardPresent: false, chip: undefined };

  it.each<[string, string, number, MessageChange]>([
    ['a small purchase with a chip', 'approve 0000', 2000, {}],
    ['a small purchase that the cardholder’s bank has authenticated', 'approve 0000', 2000, { ...online, authentication: { outcome: 'match', useId: 'a' } }],
    ['a contactless card that answers as a stripe', 'approve 0000', 2000, { entryMode: 'contactless', chip: undefined, cardValue: valueVerdict('cvc3', 'match') }],
    ['a larger purchase', 'decline 1021', 5001, {}],
    ['cash with a PIN', 'decline 1019', 100, { purpose: 'cash', pin: rightPin }],
    ['cash over the counter', 'decline 1019', 100, { merchant: { category: '6010' } }],
    ['foreign currency and crypto-assets', 'decline 1019', 100, { merchant: { category: '6051' } }],
    ['a money order', 'decline 1019', 100, { merchant: { category: '4829' } }],
    ['a bet', 'decline 1019', 100, { merchant: { category: '7995' } }],
    ['a lottery', 'decline 1019', 100, { merchant: { category: '7801' } }],
    ['a card that was keyed in', 'decline 1019', 100, { entryMode: 'manual', chip: undefined }],
    ['an order by letter', 'decline 1019', 100, { entryMode: 'unknown', cardPresent: false, chip: undefined }],
    ['the stripe of a card with a chip', 'decline 1019', 100, { entryMode: 'fallback', chip: undefined }],
    ['a stripe', 'decline 1860', 100, { entryMode: 'stripe', chip: undefined, cardValue: valueVerdict('cvv', 'match') }],
    ['a purchase in e-commerce with its CVV2 alone', 'decline 1860', 100, { ...online, cardValue: valueVerdict('cvv2', 'match') }],
    ['a refund', 'decline 1860', 100, { purpose: 'refund' }],
    ['a pre-authorization', 'decline 1860', 100, { purpose: 'preauthorization' }],
    ['a question about the balance', 'decline 1860', 0, { purpose: 'balanceInquiry' }],
  ])('answer %s with %s', (_what, outcome, amountMinor, change) => {
    const rules = defaultRules('EUR');
    expect(said(standIn(newState, rules, purchase(amountMinor, change), unavailable))).toBe(outcome);
    const whileThere = said(standIn(newState, rules, purchase(amountMinor, change), available));
    expect(whileThere).toBe(outcome === 'approve 0000' ? outcome : `forward ${outcome.endsWith('1021') ? '1021' : '1860'}`);
  });

  it('are stricter while the issuer is there', () => {
    expect(said(standIn(newState, defaultRules('EUR'), purchase(2001), available))).toBe('forward 1021');
    expect(said(standIn(newState, defaultRules('EUR'), purchase(2001), unavailable))).toBe('approve 0000');
  });
});

const conditions: readonly (readonly [condition: object, yes: [MessageChange, Partial<StandInFacts>?], no: [MessageChange, Partial<StandInFacts>?]])[] = [
  [{ amountMinor: { from: 100, to: 100 } }, [{}], [{ currency: '840', billing: { amountMinor: 99, currency: '978' } }]],
  [{ amountMinor: { to: 99 } }, [{ currency: '840', billing: { amountMinor: 99, currency: '978' } }], [{}]],
  [{ currency: ['USD'] }, [{ currency: '840', billing: { amountMinor: 99, currency: '978' } }], [{}]],
  [{ purpose: ['cash', 'preauthorization'] }, [{ purpose: 'preauthorization' }], [{}]],
  [{ class: ['financial'] }, [{ class: 'financial' }], [{}]],
  [{ channel: ['pos'] }, [{}], [{ entryMode: 'ecommerce', cardPresent: false, chip: undefined }]],
  [{ channel: ['atm'] }, [{ purpose: 'cash', merchant: { category: '6011' } }], [{ purpose: 'cash' }]],
  [{ channel: ['atm'] }, [{ purpose: 'cash', merchant: { category: '' } }], [{ merchant: { category: '' } }]],
  [{ channel: ['ecommerce'] }, [{ entryMode: 'ecommerce', chip: undefined }], [{}]],
  [{ channel: ['moto'] }, [{ cardPresent: false }], [{}]],
  [{ channel: ['moto'] }, [{}, { channel: 'moto' }], [{ cardPresent: false }, { channel: 'pos' }]],
  [{ entryMode: ['chip', 'contactless'] }, [{ entryMode: 'contactless' }], [{ entryMode: 'stripe' }]],
  [{ merchantCategory: ['5000-5500'] }, [{ merchant: { category: '5411' } }], [{ merchant: { category: '5501' } }]],
  [{ merchantCategory: ['5411'] }, [{ merchant: { category: '5411' } }], [{ merchant: { category: '' } }]],
  [{ merchantGroup: ['gambling'] }, [{ merchant: { category: '7800' } }], [{}]],
  [{ country: ['276', '040'] }, [{}, { country: '040' }], [{}, { country: '840' }]],
  [{ country: ['276'] }, [{}, { country: '276' }], [{}]],
  [{ not: [{ country: ['276'] }] }, [{}], [{}, { country: '276' }]],
  [{ cardPresent: false }, [{ cardPresent: false }], [{}]],
  [{ time: { from: '08:00', to: '20:00' } }, [{}, { minuteOfDay: 480 }], [{}, { minuteOfDay: 1200 }]],
  [{ time: { from: '22:30', to: '06:00' } }, [{}, { minuteOfDay: 0 }], [{}, { minuteOfDay: 360 }]],
  [{ time: { from: '22:30', to: '06:00' } }, [{}, { minuteOfDay: 1350 }], [{}, { minuteOfDay: 1349 }]],
  [{ riskLevel: { from: 1, to: 3 } }, [{}, { riskLevel: 3 }], [{}, { riskLevel: 4 }]],
  [{ riskLevel: { to: 3 } }, [{}, { riskLevel: 0 }], [{}]],
  [{ instruction: ['vip'] }, [{}, { instruction: 'vip' }], [{}]],
  [{ verified: ['cryptogram'] }, [{}], [{ chip: undefined, entryMode: 'stripe' }]],
  [{ verified: ['pin', 'cryptogram'] }, [{ pin: rightPin }], [{}]],
  [{ verified: ['authentication'] }, [{ authentication: { outcome: 'match', useId: 'a' } }], [{}]],
  [{ verified: ['cardValue'] }, [{ cardValue: valueVerdict('icvv', 'match') }], [{}]],
  [{ why: ['timeout', 'signedOff'] }, [{}], [{}, { why: 'operator' }]],
  [{ cardPresent: true, entryMode: ['chip'] }, [{}], [{ entryMode: 'contactless' }]],
  [{ and: [{ cardPresent: true }, { entryMode: ['chip'] }] }, [{}], [{ cardPresent: false }]],
  [{ or: [{ cardPresent: false }, { entryMode: ['chip'] }] }, [{}], [{ entryMode: 'contactless' }]],
  [{ not: [{ cardPresent: false }, { entryMode: ['contactless'] }] }, [{}], [{ entryMode: 'contactless' }]],
  [{ or: [{ and: [{ not: [{ cardPresent: false }] }] }] }, [{}], [{ cardPresent: false }]],
];

describe('conditions', () => {
  test.each(conditions)('%j', (when, yes, no) => {
    const rules = openRules({ unavailable: { tests: { pin: 'off' }, decisions: [{ name: 'it', when, outcome: 'refer' }], otherwise: 'approve' } });
    const outcome = ([change, facts]: readonly [MessageChange, Partial<StandInFacts>?]): string => said(standIn(newState, rules, purchase(100, change), { ...unavailable, ...facts }));
    expect([outcome(yes), outcome(no)]).toEqual(['refer 1007', 'approve 0000']);
  });

  test('the first decision whose condition holds is taken, and without one what the set says otherwise', () => {
    const rules = openRules({
      unavailable: {
        decisions: [{ name: 'small', when: { amountMinor: { to: 10 } }, outcome: 'approve' }, { name: 'middle', when: { amountMinor: { to: 20 } }, outcome: 'pickUp', reason: '2004' }],
        otherwise: 'refer',
      },
    });
    expect([5, 15, 25].map((amountMinor) => said(standIn(newState, rules, purchase(amountMinor), unavailable)))).toEqual(['approve 0000', 'pickUp 2004', 'refer 1007']);
  });

  test('while the issuer is there a rule decides as it says, and only forward forwards', () => {
    const rules = openRules({ forwardsFailures: false, available: { decisions: [{ name: 'a', when: { cardPresent: true }, outcome: 'decline', reason: '1020' }], otherwise: 'forward' } });
    expect(said(standIn(newState, rules, purchase(1), available))).toBe('decline 1020');
    expect(said(standIn(newState, rules, purchase(1, { cardPresent: false }), available))).toBe('forward 1860');
  });
});
