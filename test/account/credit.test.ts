/** A partner's balance in another currency than the cardholder's: what is reserved of it, at which rate, and that nothing of it is left over. */
import fc from 'fast-check';
import { strictEqual } from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { creditMinor } from '../../src/message/credit.ts';
import { cardRecord, dayMs, Ledger, message, reference, reversalOf, startMs } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

const dollars = '840';

/** The cardholder's balance is in euros, the partner's in dollars, yen or dinars. */
const at = (sell: string | undefined, currency = dollars, buy = sell): MessageChange => ({ terms: { creditGuard: true, credit: { currency, sell, buy } } });
const preauthorization = (amountMinor: number, change: MessageChange): CardMessage => message('0100', amountMinor, { ...change, purpose: 'preauthorization' });
const increment = (held: CardMessage, amountMinor: number, change: MessageChange): CardMessage => message('0100', amountMinor, { ...change, purpose: 'increment', original: reference(held) });
const completion = (held: CardMessage, amountMinor: number, change: MessageChange, type: '0200' | '0220' = '0200'): CardMessage => message(type, amountMinor, { ...change, purpose: 'completion', original: reference(held) });

describe('what a transaction takes of a partner’s balance in another currency', () => {
  test('is reserved at the rate of its moment, in that balance’s own minor units, and given back as it was taken whatever the rate is by then', () => {
    const ledger = Ledger.with(10_000, [cardRecord(0)], 10_000);
    const bought = message('0200', 100, at('1.0873'));
    ledger.play(bought);
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('9900 0 0 9891');
    ledger.play(reversalOf(bought, undefined, at('2')));
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('10000 0 0 10000');
    const yen = message('0100', 100, at('163.4', '392'));
    ledger.play(yen);
    expect(ledger.guardMinor).toBe(10_000 - 163);
    ledger.play(reversalOf(yen, 50, at('100', '392')));
    expect(ledger.guardMinor).toBe(10_000 - 82);
    ledger.play(reversalOf(yen, undefined, at('100', '392')));
    expect(ledger.guardMinor).toBe(10_000);
    ledger.checkReplay();
  });

  test('is given back for a refund at the rate at which that currency is bought', () => {
    const ledger = Ledger.with(0, [cardRecord(0)], 1_000);
    ledger.play(message('0200', 100, { ...at('1.10', dollars, '1.05'), purpose: 'refund' }));
    expect(ledger.guardMinor).toBe(1_105);
    ledger.checkReplay();
  });

  test('is what its own rate says, where it follows an authorization', () => {
    const ledger = Ledger.with(10_000, [cardRecord(0)], 10_000);
    const held = preauthorization(100, at('1.5'));
    ledger.playAll(held, increment(held, 33, at('9')));
    expect(ledger.guardMinor).toBe(10_000 - 200);
    // Without a rate by now, it is completed all the same.
    expect(ledger.play(completion(held, 80, at(undefined))).response.reason).toBe('0000');
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('9920 0 0 9880');
    ledger.checkReplay();
  });

  test('has to be there: a request that needs more is declined, and one to whose currency no rate is known is declined at once', () => {
    const ledger = Ledger.with(10_000, [cardRecord(0)], 150);
    expect(ledger.play(message('0200', 101, at('1.5'))).response.reason).toBe('1820');
    expect(ledger.play(message('0200', 100, at('1.5'))).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 1, at(undefined))).response.reason).toBe('1821');
    expect(ledger.last.checks.find(({ check }) => check === 'partnerBalance')).toEqual({ check: 'partnerBalance', outcome: 'fail', value: 'no rate from 978 to 840' });
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('9900 0 0 0');
  });

  test('of an advice without a rate is nothing, which an operator is told, and nothing is given back when it is reversed', () => {
    const ledger = Ledger.with(10_000, [cardRecord(0)], 1_000);
    const told = message('0220', 100, at(undefined));
    ledger.play(told);
    expect(ledger.last.flags).toEqual(['wouldDecline:1821', 'partnerRateMissing']);
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('9900 0 0 1000');
    ledger.play(reversalOf(told, undefined, at('1.5')));
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('10000 0 0 1000');
  });
});

/** Legs that have something of the partner's balance, by what they have at the rate that they keep. */
function reservedMinor(ledger: Ledger): number {
  return ledger.legs().reduce((sum, { leg }) => (leg.guarded && (leg.state === 'open' || leg.state === 'posted') ? sum + creditMinor(leg.nowMinor, '978', leg.creditRate) : sum), 0);
}

const stepArbitrary = fc.record({
  what: fc.constantFrom('hold', 'preauthorization', 'purchase', 'purchaseAdvice', 'refund', 'increment', 'increment', 'completion', 'completionAdvice', 'reversal', 'reversal', 'reversal', 'expiry'),
  amount: fc.integer({ min: 1, max: 5_000 }), left: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 4_000 })), names: fc.nat(),
  rate: fc.constantFrom('1', '0.37', '1.0873', '163.4', '0.000001', '3.333333333', undefined), currency: fc.constantFrom('840', '392', '048'),
});

test('whatever is authorized, added, completed, reversed in part and expired while rates and the balance’s currency change, what is reserved is what the legs have, and nothing when they have nothing', () => {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 25 }), (steps) => {
    const startMinor = 5_000_000;
    const ledger = Ledger.with(1_000_000, [cardRecord(0)], startMinor);
    const asked: CardMessage[] = [];
    let days = 0;
    for (const { what, amount, left, names, rate, currency } of steps) {
      // Within the days that records are kept, so that all that was reserved can be seen.
      const now: MessageChange = { terms: { ...at(rate, currency).terms, holdDays: { cardPresent: 1, cardNotPresent: 1, preauthorization: 2 } }, afterDays: days };
      const named = asked[names % Math.max(1, asked.length)];
      if (what === 'expiry') days = Math.min(3, days + 1);
      const sent = what === 'hold' ? message('0100', amount, now) : what === 'preauthorization' ? preauthorization(amount, now) : what === 'purchase' ? message('0200', amount, now)
        : what === 'purchaseAdvice' ? message('0220', amount, now) : what === 'refund' ? message('0200', amount, { ...now, purpose: 'refund' })
          : named === undefined || what === 'expiry' ? undefined : what === 'increment' ? increment(named, amount, now) : what === 'completion' ? completion(named, amount, now)
            : what === 'completionAdvice' ? completion(named, amount, now, '0220') : reversalOf(named, left, { ...now, receivedAtMs: startMs + days * dayMs });
      if (sent === undefined) ledger.expire(startMs + days * dayMs);
      else ledger.play(sent);
      if (sent !== undefined && what !== 'reversal') asked.push(sent);
      strictEqual(startMinor - ledger.guardMinor, reservedMinor(ledger), what);
    }
    for (const each of asked.toReversed()) ledger.play(reversalOf(each, undefined, { ...at('7'), receivedAtMs: each.receivedAtMs }), startMs + days * dayMs);
    ledger.expire(startMs + (days + 3) * dayMs);
    strictEqual(startMinor - ledger.guardMinor, reservedMinor(ledger));
    if (ledger.legs().every(({ leg }) => leg.state !== 'posted' && leg.state !== 'open')) strictEqual(ledger.guardMinor, startMinor);
    ledger.checkReplay();
  }), { numRuns: 400 });
});
