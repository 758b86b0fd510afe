import { expect, test } from 'vitest';
import { measureDoors } from '../../bench/doors.ts';

test('the benchmark of the doors reads balances, makes cards over encrypted calls, and buys beside both', async () => {
  const { reads, cards, purchases } = await measureDoors({ warmUpS: 0.2, durationS: 1.5 });
  for (const rate of [reads.bare.perSecond, reads.balance.perSecond, reads.balance.processorUs.asked, cards.made, cards.rsa, purchases.perSecond]) expect(rate).toBeGreaterThan(0);
  expect(cards.refused).toBe(0);
  expect(cards.processorUs.caller).toBeGreaterThan(0);
  expect(cards.processorUs.rsa).toBeGreaterThan(0);
  expect(purchases.besideP99Us).toBeGreaterThan(0);
});
