import { expect, test } from 'vitest';
import type { LimitRule } from '../../src/message/message.ts';
import { cardRecord, dayMs, Ledger, message, reference, reversalOf, rightPin, startMs } from './fixture.ts';
import type { CardMessage, MessageChange, Reason } from './fixture.ts';

function limited(limits: readonly LimitRule[], change: MessageChange = {}): MessageChange {
  return { terms: { limits }, ...change };
}

const cash: MessageChange = { purpose: 'cash', pin: rightPin };
const travel: MessageChange = { merchant: { category: '4511', groups: ['travel'] } };

const answers = (ledger: Ledger, ...messages: readonly CardMessage[]): Reason[] => messages.map((each) => ledger.play(each).response.reason);

test.each<readonly [string, LimitRule, MessageChange, readonly number[], readonly Reason[]]>([
  ['the amount of one transaction', { scope: 'overall', period: 'transaction', amountMinorMax: 50 }, {}, [50, 51, 50], ['0000', '1021', '0000']],
  ['the count of one transaction', { scope: 'overall', period: 'transaction', countMax: 0 }, {}, [1], ['1023']],
  ['a day’s amount', { scope: 'overall', period: 'day', amountMinorMax: 100 }, {}, [60, 41, 40, 1], ['0000', '1021', '0000', '1021']],
  ['a day’s count', { scope: 'overall', period: 'day', countMax: 2 }, {}, [1, 1, 1], ['0000', '0000', '1023']],
  ['a month’s amount', { scope: 'overall', period: 'month', amountMinorMax: 100 }, {}, [100, 1], ['0000', '1021']],
  ['a month’s count', { scope: 'overall', period: 'month', countMax: 1 }, {}, [1, 1], ['0000', '1023']],
  ['cash in a day', { scope: 'cash', period: 'day', amountMinorMax: 100 }, cash, [100, 1], ['0000', '1021']],
  ['a group’s count in a day', { scope: 'travel', period: 'day', countMax: 1 }, travel, [5, 5], ['0000', '1023']],
  ['a group’s amount in one transaction', { scope: 'travel', period: 'transaction', amountMinorMax: 5 }, travel, [6, 5], ['1021', '0000']],
])('%s is limited', (_what, rule, change, amounts, reasons) => {
  const ledger = Ledger.with(10_000);
  expect(answers(ledger, ...amounts.map((amountMinor) => message('0200', amountMinor, limited([rule], change))))).toEqual(reasons);
  ledger.checkReplay();
});

test('the limits of cash and of a group leave other purchases alone, and each card has its own', () => {
  const limits: LimitRule[] = [{ scope: 'cash', period: 'day', countMax: 0 }, { scope: 'travel', period: 'day', countMax: 0 }, { scope: 'overall', period: 'day', countMax: 1 }];
  const ledger = Ledger.with(1000, [cardRecord(0), cardRecord(1)]);
  expect(answers(
    ledger, message('0200', 1, limited(limits, cash)), message('0200', 1, limited(limits, travel)), message('0200', 1, limited(limits)),
    message('0200', 1, limited(limits)), message('0200', 1, limited(limits, { card: 1 })), message('0200', 1, limited(limits, { purpose: 'refund' })),
  )).toEqual(['1023', '1023', '0000', '1023', '0000', '0000']);
});

test('the journal names the limit, what it would come to and what it may be', () => {
  const ledger = Ledger.with(1000);
  ledger.playAll(message('0200', 60), message('0200', 41, limited([{ scope: 'overall', period: 'day', amountMinorMax: 100 }])));
  expect(ledger.last.checks.find(({ check }) => check === 'limits')).toEqual({ check: 'limits', outcome: 'fail', value: 'day overall amount 101>100' });
});

test('amounts count in the balance’s currency, and a partial approval for what it took', () => {
  const rule: LimitRule = { scope: 'overall', period: 'day', amountMinorMax: 100 };
  const ledger = Ledger.with(1000);
  expect(answers(
    ledger, message('0200', 9000, limited([rule], { currency: '392', billing: { amountMinor: 60, currency: '978' } })), message('0200', 41, limited([rule])), message('0200', 40, limited([rule])),
  )).toEqual(['0000', '1021', '0000']);
  const poor = Ledger.with(70);
  poor.playAll(message('0200', 80, limited([rule], { partialAllowed: true })), message('0200', 50, { purpose: 'refund' }));
  expect(answers(poor, message('0200', 31, limited([rule])), message('0200', 30, limited([rule])))).toEqual(['1021', '0000']);
});

test('a reversal gives the counters back, partly for a part, and its transaction’s count with the rest', () => {
  const limits: LimitRule[] = [{ scope: 'overall', period: 'day', amountMinorMax: 100, countMax: 2 }];
  const ledger = Ledger.with(1000);
  const first = message('0100', 80, limited(limits));
  expect(answers(ledger, first, message('0100', 21, limited(limits)), reversalOf(first, 50), message('0100', 50, limited(limits)), message('0100', 1, limited(limits)), reversalOf(first), message('0100', 50, limited(limits))))
    .toEqual(['0000', '1021', '4000', '0000', '1021', '4000', '0000']);
  ledger.checkReplay();
});

test('counters are given back in their own day and month only', () => {
  const limits: LimitRule[] = [{ scope: 'overall', period: 'day', countMax: 1 }, { scope: 'overall', period: 'month', countMax: 2 }];
  const ledger = Ledger.with(1000);
  const yesterday = message('0100', 10, limited(limits));
  const today = message('0100', 10, limited(limits, { afterDays: 1 }));
  expect(answers(ledger, yesterday, today, message('0100', 10, limited(limits, { afterDays: 2 })))).toEqual(['0000', '0000', '1023']);
  // The day's count of today stays; the month's is one less.
  ledger.play(reversalOf(yesterday));
  expect(answers(ledger, message('0100', 10, limited(limits, { afterDays: 1 })), message('0100', 10, limited(limits, { afterDays: 2 })))).toEqual(['1023', '0000']);
  ledger.checkReplay();
});

test('a window ahead of the message’s own counts for it', () => {
  const limits: LimitRule[] = [{ scope: 'overall', period: 'day', countMax: 1 }];
  const ledger = Ledger.with(1000);
  expect(answers(ledger, message('0100', 10, limited(limits, { afterDays: 1 })), message('0100', 10, limited(limits)), message('0100', 10, limited(limits, { afterDays: 2 })))).toEqual(['0000', '1023', '0000']);
});

test('an increment counts no transaction, adds to its authorization’s own limits and to its size', () => {
  const limits: LimitRule[] = [{ scope: 'overall', period: 'day', countMax: 1, amountMinorMax: 500 }, { scope: 'overall', period: 'transaction', amountMinorMax: 150 }, { scope: 'cash', period: 'day', amountMinorMax: 120 }];
  const ledger = Ledger.with(1000);
  const first = message('0100', 100, limited(limits, { purpose: 'preauthorization' }));
  const more = (amountMinor: number, of: CardMessage): CardMessage => message('0100', amountMinor, limited(limits, { purpose: 'increment', original: reference(of) }));
  expect(answers(ledger, first, more(51, first), more(50, first), more(1, first))).toEqual(['0000', '1021', '0000', '1021']);
  const other = Ledger.with(1000);
  const withdrawn = message('0100', 100, limited(limits, cash));
  expect(answers(other, withdrawn, more(21, withdrawn), more(20, withdrawn))).toEqual(['0000', '1021', '0000']);
});

test('a completion counts for what it comes to, where its authorization counted', () => {
  const limits: LimitRule[] = [{ scope: 'overall', period: 'day', countMax: 1, amountMinorMax: 100 }];
  const complete = (of: CardMessage, amountMinor: number, change: MessageChange = {}): CardMessage =>
    message('0200', amountMinor, limited(limits, { purpose: 'completion', original: reference(of), ...change }));
  const ledger = Ledger.with(1000);
  const first = message('0100', 80, limited(limits, { purpose: 'preauthorization' }));
  expect(answers(ledger, first, complete(first, 101), complete(first, 100))).toEqual(['0000', '1021', '0000']);
  expect(ledger.account?.cards[0]?.counters.day.scopes).toEqual({ overall: [1, 100] });
  const later = Ledger.with(1000);
  later.playAll(first, complete(first, 60, { afterDays: 1 }));
  expect(later.account?.cards[0]?.counters.day.scopes).toEqual({ overall: [1, 60] });
  const lowered = Ledger.with(1000);
  expect(answers(lowered, first, message('0200', 70, { purpose: 'completion', original: reference(first), terms: { limits: [{ scope: 'overall', period: 'day', amountMinorMax: 5 }] } })))
    .toEqual(['0000', '0000']);
  const expired = Ledger.with(1000);
  expired.play(first);
  expired.expire(startMs + 30 * dayMs);
  expired.play(message('0220', 60, { purpose: 'completion', original: reference(first) }), startMs + 30 * dayMs);
  expect(expired.account?.cards[0]?.counters.month.scopes).toEqual({ overall: [1, 60] });
});

test('the partner’s balance is taken with the holder’s, refuses requests only, and rises on reversal and expiry', () => {
  const guarded: MessageChange = { terms: { creditGuard: true } };
  const ledger = Ledger.with(1000, [cardRecord(0)], 100);
  const held = message('0100', 70, guarded);
  expect(answers(ledger, held, message('0100', 31, guarded), message('0220', 50, guarded))).toEqual(['0000', '1820', '9001']);
  expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('950 70 1 -20');
  expect(answers(ledger, message('0100', 10, { purpose: 'increment', original: reference(held), ...guarded }))).toEqual(['1820']);
  // Its terms have changed meanwhile: it is guarded as its authorization is.
  expect(answers(ledger, message('0100', 10, { purpose: 'increment', original: reference(held) }))).toEqual(['1820']);
  expect(answers(ledger, message('0200', 40, { purpose: 'completion', original: reference(held), ...guarded }))).toEqual(['0000']);
  expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('910 0 0 10');
  const refund = message('0200', 25, { purpose: 'refund', ...guarded });
  expect(answers(ledger, refund, message('0200', 30, guarded))).toEqual(['0000', '0000']);
  expect(ledger.guardMinor).toBe(5);
  // A reversal tells of what has happened: it is not refused, even where it takes.
  expect(answers(ledger, { ...reversalOf(refund), mti: '0400', function: 'request' })).toEqual(['4000']);
  expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('880 0 0 -20');
  ledger.checkReplay();
});
