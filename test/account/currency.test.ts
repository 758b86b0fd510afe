import fc from 'fast-check';
import { strictEqual } from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { convertedMinor, isRate } from '../../src/message/conversion.ts';
import { Ledger, message, reference, reversalOf } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

/** Of dollars, for a balance in euros. */
function at(rate: string, date = '2026-11-20'): MessageChange {
  return { currency: '840', conversion: { from: '840', to: '978', rate, date } };
}

const completionOf = (held: CardMessage, amountMinor: number, change: MessageChange): CardMessage =>
  message('0200', amountMinor, { ...change, purpose: 'completion', original: reference(held) });

describe('an amount in another currency', () => {
  test('is held at the rate that is stamped on its message, and the entry says what it came to and at which rate', () => {
    const ledger = Ledger.with(1_000);
    expect(ledger.play(message('0100', 100, at('0.935'))).response).toMatchObject({ reason: '0000', amount: { amountMinor: 100, currency: '840' }, billing: undefined });
    expect(ledger.totals).toBe('1000 94 1');
    expect(ledger.last.billing).toEqual({ amountMinor: 94, currency: '978' });
    expect(ledger.last.flags).toEqual(['rate:0.935@2026-11-20']);
    ledger.checkReplay();
  });

  test('is what DE6 says it is, where it says so', () => {
    const ledger = Ledger.with(1_000);
    ledger.play(message('0100', 100, { ...at('0.9'), billing: { amountMinor: 91, currency: '978' } }));
    expect(ledger.totals).toBe('1000 91 1');
    expect(ledger.last.flags).toEqual([]);
    expect(ledger.play(message('0100', 100, { ...at('0.9'), billing: { amountMinor: 91, currency: '826' } })).response.reason).toBe('1030');
  });

  test('is declined without a rate, or with one of other currencies', () => {
    const ledger = Ledger.with(1_000);
    const conversions = [undefined, { from: '826', to: '978', rate: '1', date: '2026-11-20' }, { from: '840', to: '826', rate: '1', date: '2026-11-20' }];
    for (const conversion of conversions) expect(ledger.play(message('0100', 100, { currency: '840', conversion })).response.reason).toBe('1030');
    expect(ledger.play(message('0100', 999_999_999_999, at('999'))).response.reason).toBe('1030');
    expect(ledger.totals).toBe('1000 0 0');
  });

  test('that is not covered is declined, or approved for the part that is', () => {
    const ledger = Ledger.with(50);
    expect(ledger.play(message('0200', 100, at('0.935'))).response.reason).toBe('1016');
    expect(ledger.play(message('0200', 100, { ...at('0.935'), partialAllowed: true })).response).toMatchObject({ reason: '0002', amount: { amountMinor: 53, currency: '840' } });
    expect(ledger.totals).toBe('0 0 0');
    expect(ledger.last.billing).toEqual({ amountMinor: 50, currency: '978' });
  });

  test('counts for limits as what it came to', () => {
    const terms = { limits: [{ scope: 'overall', period: 'day', amountMinorMax: 94 }] } as const;
    const ledger = Ledger.with(1_000);
    expect(ledger.play(message('0200', 100, { ...at('0.935'), terms })).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 1, { ...at('0.935'), terms })).response.reason).toBe('1021');
  });
});

describe('the rate of a hold', () => {
  test.each([[100, '906'], [40, '963'], [130, '878']])('is that of its completion for %i, whatever rate there is by then', (amountMinor, left) => {
    const ledger = Ledger.with(1_000);
    const held = message('0100', 100, { ...at('0.935'), purpose: 'preauthorization' });
    ledger.playAll(held, completionOf(held, amountMinor, at('5', '2026-11-21')));
    expect(ledger.last).toMatchObject({ reason: '0000', flags: ['rate:0.935'] });
    expect(ledger.totals).toBe(`${left} 0 0`);
  });

  test('is that of what adds to it, and of its completion by an advice after it ran out', () => {
    const ledger = Ledger.with(1_000);
    const held = message('0100', 100, { ...at('0.5'), purpose: 'preauthorization' });
    ledger.playAll(held, message('0100', 50, { ...at('5'), purpose: 'increment', original: reference(held) }));
    expect(ledger.totals).toBe('1000 75 1');
    ledger.expire(held.receivedAtMs + 40 * 86_400_000);
    expect(ledger.totals).toBe('1000 0 0');
    ledger.play(message('0220', 150, { ...at('5'), purpose: 'completion', original: reference(held) }));
    expect(ledger.totals).toBe('925 0 0');
    ledger.checkReplay();
  });

  test('is not that of a refund, which has its own', () => {
    const ledger = Ledger.with(1_000);
    const bought = message('0200', 100, at('0.95'));
    ledger.playAll(bought, message('0200', 100, { ...at('0.9'), purpose: 'refund', original: reference(bought) }));
    expect(ledger.totals).toBe('995 0 0');
  });
});

test('what is given back is what was taken, whatever amounts, rates and parts there were', () => {
  const rateArbitrary = fc.tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: 1, max: 999_999_999 })).map(([whole, fraction]) => `${whole}.${String(fraction).padStart(9, '0')}`);
  fc.assert(fc.property(
    fc.record({ amount: fc.integer({ min: 1, max: 100_000 }), rate: rateArbitrary, later: rateArbitrary, completed: fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }), part: fc.option(fc.nat({ max: 100_000 }), { nil: undefined }) }),
    ({ amount, rate, later, completed, part }) => {
      const start = 1_000_000_000;
      const ledger = Ledger.with(start);
      const held = message('0100', amount, { ...at(rate), purpose: 'preauthorization' });
      ledger.play(held);
      const heldMinor = convertedMinor({ amountMinor: amount, currency: '840' }, rate, '978');
      strictEqual(ledger.heldMinor, heldMinor);
      let taken: CardMessage = held;
      if (completed !== undefined) {
        taken = completionOf(held, completed, at(later));
        ledger.play(taken);
        strictEqual(start - ledger.ledgerMinor, convertedMinor({ amountMinor: completed, currency: '840' }, rate, '978'));
        strictEqual(ledger.heldMinor, 0);
      }
      if (part !== undefined) ledger.play(reversalOf(taken, Math.min(part, taken.amount?.amountMinor ?? 0)));
      ledger.play(reversalOf(taken));
      strictEqual(ledger.totals, `${start} 0 0`);
      ledger.checkReplay();
    },
  ), { numRuns: 500, seed: Number(process.env['LOCUM_SEED'] ?? 20_261_122) });
});

describe('a conversion', () => {
  test.each<[number, string, string, string, number | undefined]>([
    [100, '840', '0.935', '978', 94], [100, '840', '0.934', '978', 93], [1, '840', '0.5', '978', 1], [1, '840', '0.001', '978', 1], [0, '840', '7', '978', 0],
    // Yen have no minor unit, dinars have three.
    [1_000, '392', '0.0061', '978', 610], [100, '978', '163.2', '392', 163], [1_000, '048', '2.4', '978', 240], [100, '978', '0.41', '048', 410],
    [999_999_999_999, '840', '1', '978', 999_999_999_999], [999_999_999_999, '840', '1.1', '978', undefined],
  ])('of %i of %s at %s to %s is %s', (amountMinor, currency, rate, to, expected) => {
    expect(convertedMinor({ amountMinor, currency }, rate, to)).toBe(expected);
  });

  test('has a rate of more than nothing, as a decimal', () => {
    expect(['1', '0.000000001', '999999999.999999999', '01.50'].filter(isRate)).toHaveLength(4);
    expect(['', '0', '0.0', '.5', '1.', '1e3', '-1', '1,5', '1.0000000001', '1234567890'].filter(isRate)).toEqual([]);
  });
});
