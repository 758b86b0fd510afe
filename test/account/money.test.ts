import { describe, expect, test } from 'vitest';
import { cardRecord, dayMs, Ledger, localReference, message, reference, repeatOf, reversalOf, rightPin, startMs } from './fixture.ts';
import type { CardMessage, MessageChange, Reason } from './fixture.ts';

/** A message, the reason that answers it, the amount in the answer, and ledger, held and open holds afterwards. */
type Line = readonly [CardMessage, Reason, number | undefined, string, ...flags: string[]];

function table(ledger: Ledger, lines: readonly Line[]): void {
  for (const [each, reason, amountMinor, totals, ...flags] of lines) {
    const { response, change } = ledger.play(each);
    expect(`${response.reason} ${response.amount?.amountMinor} ${ledger.totals}`).toBe(`${reason} ${amountMinor} ${totals}`);
    if (change !== undefined) expect(ledger.last.flags).toEqual(flags);
  }
  ledger.checkReplay();
}

const dollars = (billedMinor: number, change: MessageChange = {}): MessageChange =>
  ({ currency: '840', billing: { amountMinor: billedMinor, currency: '978' }, ...change });

function preauthorization(amountMinor: number, change: MessageChange = {}): CardMessage {
  return message('0100', amountMinor, { purpose: 'preauthorization', ...change });
}

function increment(original: CardMessage, amountMinor: number, change: MessageChange = {}): CardMessage {
  return message('0100', amountMinor, { purpose: 'increment', original: reference(original), ...change });
}

function completion(original: CardMessage, amountMinor: number, change: MessageChange = {}): CardMessage {
  return message('0220', amountMinor, { purpose: 'completion', original: reference(original), ...change });
}

describe('requests', () => {
  test('0100 holds and 0200 posts; zero amounts, inquiries and refund authorizations move nothing', () => {
    table(Ledger.with(1000), [
      [message('0100', 300), '0000', 300, '1000 300 1'],
      [message('0200', 200), '0000', 200, '800 300 1'],
      [message('0100', 100, { purpose: 'cash', pin: rightPin }), '0000', 100, '800 400 2'],
      [message('0200', 401), '1016', 401, '800 400 2'],
      [message('0200', 400), '0000', 400, '400 400 2'],
      [message('0100', 1), '1016', 1, '400 400 2'],
      [message('0100', 0, { purpose: 'verification' }), '0000', 0, '400 400 2'],
      [message('0100', undefined, { purpose: 'verification' }), '0000', undefined, '400 400 2'],
      [message('0100', 50, { purpose: 'balanceInquiry' }), '0000', 50, '400 400 2'],
      [message('0100', 5000, { purpose: 'verification' }), '0000', 5000, '400 400 2'],
      [message('0100', 50, { purpose: 'refund' }), '0000', 50, '400 400 2'],
      [message('0200', 50, { purpose: 'refund' }), '0000', 50, '450 400 2'],
      [message('0200', 0), '0000', 0, '450 400 2'],
    ]);
  });

  test('a balance inquiry answers what is posted and what is available, and its repeat the same', () => {
    const ledger = Ledger.with(1000);
    ledger.play(message('0100', 300));
    const inquiry = message('0100', undefined, { purpose: 'balanceInquiry' });
    const balance = { ledgerMinor: 1000, availableMinor: 700, currency: '978' };
    expect(ledger.play(inquiry).response.balance).toEqual(balance);
    ledger.play(message('0200', 100));
    expect(ledger.play(repeatOf(inquiry)).response.balance).toEqual(balance);
    expect(ledger.play(message('0100', undefined, { purpose: 'balanceInquiry' })).response.balance).toEqual({ ...balance, ledgerMinor: 900, availableMinor: 600 });
  });

  test('a partial approval takes what is there, where the request allows it', () => {
    const ledger = Ledger.with(100);
    const part = message('0100', 150, { partialAllowed: true });
    table(ledger, [
      [message('0100', 150), '1016', 150, '100 0 0'],
      [part, '0002', 100, '100 100 1'],
      [repeatOf(part), '0002', 100, '100 100 1'],
      [message('0200', 1, { partialAllowed: true }), '1016', 1, '100 100 1'],
      [reversalOf(part, 40), '4000', 150, '100 40 1'],
      [repeatOf(part), '0002', 100, '100 40 1'],
      [message('0200', 80, { partialAllowed: true }), '0002', 60, '40 40 1'],
    ]);
    expect(ledger.play(repeatOf(part)).response.approvalCode).toBe(part.approvalCodeOffer);
  });

  test('a partial approval at a rate answers whole units that the balance covers, and takes no more than is there', () => {
    const ledger = Ledger.with(100);
    const part = message('0200', 300, dollars(271, { partialAllowed: true }));
    const { response } = ledger.play(part);
    // 100 * 300 / 271 = 110.7: 110 dollars cents, billed 99.37.
    expect(response.amount).toEqual({ amountMinor: 110, currency: '840' });
    expect(response.billing).toEqual({ amountMinor: 99, currency: '978' });
    expect(ledger.totals).toBe('1 0 0');
    expect(ledger.play(repeatOf(part)).response).toEqual(response);
    ledger.play(reversalOf(part));
    expect(ledger.totals).toBe('100 0 0');
  });

  test('where not even one unit of the transaction’s currency is covered, a partial approval is a decline', () => {
    table(Ledger.with(50), [
      [message('0200', 1, { currency: '392', billing: { amountMinor: 99, currency: '978' }, partialAllowed: true }), '1016', 1, '50 0 0'],
      [message('0200', 3, { currency: '392', billing: { amountMinor: 297, currency: '978' }, partialAllowed: true }), '1016', 3, '50 0 0'],
    ]);
  });

  test('the billing amount is what counts where the balance is in its currency', () => {
    table(Ledger.with(100), [
      [message('0200', 5000, dollars(60)), '0000', 5000, '40 0 0'],
      [message('0200', 10, dollars(41)), '1016', 10, '40 0 0'],
      [message('0200', 10, { billing: { amountMinor: 900, currency: '392' } }), '0000', 10, '30 0 0'],
      [message('0200', 10, { currency: '840', billing: { amountMinor: 900, currency: '392' } }), '1030', 10, '30 0 0'],
    ]);
  });
});

describe('increments and completions', () => {
  test('an increment answers all that is held, in both currencies, and so does its repeat; the first answers as at first', () => {
    const ledger = Ledger.with(1000);
    const first = preauthorization(100, dollars(90));
    const second = increment(first, 50, dollars(44));
    const third = increment(second, 20, dollars(18));
    table(ledger, [
      [first, '0000', 100, '1000 90 1'],
      [second, '0000', 150, '1000 134 1'],
      // It names the increment before it; it adds to the same authorization.
      [third, '0000', 170, '1000 152 1'],
      [increment(first, 1000, dollars(900)), '1016', 1000, '1000 152 1'],
      [increment(first, 10), '1030', 10, '1000 152 1'],
      [increment(first, 0, dollars(0)), '1010', 0, '1000 152 1'],
      [repeatOf(second), '0000', 150, '1000 152 1'],
      [repeatOf(first), '0000', 100, '1000 152 1'],
      [reversalOf(third), '4000', 20, '1000 134 1'],
      [reversalOf(second, 20), '4000', 50, '1000 108 1'],
      [reversalOf(first, 60), '4000', 100, '1000 54 1'],
      [increment(first, 30, dollars(27)), '0000', 90, '1000 81 1'],
      [reversalOf(first), '4000', 100, '1000 0 0'],
      [increment(first, 30, dollars(27)), '1034', 30, '1000 0 0'],
    ]);
    expect(ledger.play(repeatOf(third)).response.billing).toEqual({ amountMinor: 152, currency: '978' });
  });

  test.each([[60, '940 0 0'], [100, '900 0 0'], [130, '870 0 0'], [0, '1000 0 0']])('an authorization of 100 is completed for %i', (amountMinor, totals) => {
    const ledger = Ledger.with(1000);
    const first = preauthorization(100);
    const last = completion(first, amountMinor);
    table(ledger, [
      [first, '0000', 100, '1000 100 1'],
      [last, '9001', amountMinor, totals],
      [repeatOf(last), '9001', amountMinor, totals],
      [completion(first, 100), '9001', 100, totals, 'alreadyCompleted'],
      [reversalOf(first), '4000', 100, totals, 'original:completed'],
    ]);
    expect(ledger.entries.find((entry) => entry.kind === 'transaction' && entry.id === last.id)).toMatchObject({ hold: { id: first.id, state: 'completed', heldMinor: 0 } });
  });

  test('a request completes as an advice does, but may be declined', () => {
    const ledger = Ledger.with(100);
    const first = preauthorization(80);
    const request = (amountMinor: number): CardMessage => message('0200', amountMinor, { purpose: 'completion', original: reference(first) });
    table(ledger, [
      [first, '0000', 80, '100 80 1'],
      [request(101), '1016', 101, '100 80 1'],
      [request(100), '0000', 100, '0 0 0'],
      [request(1), '1016', 1, '0 0 0'],
      [message('0200', 5, { purpose: 'refund' }), '0000', 5, '5 0 0'],
      [request(1), '9113', 1, '5 0 0'],
      [message('0200', 1, { purpose: 'completion', original: reference(message('0100', 1)) }), '9114', 1, '5 0 0'],
    ]);
  });

  test('a completion that names the latest increment releases the whole hold', () => {
    const first = preauthorization(100);
    const second = increment(first, 50);
    table(Ledger.with(1000), [
      [first, '0000', 100, '1000 100 1'],
      [second, '0000', 150, '1000 150 1'],
      [completion(second, 140), '9001', 140, '860 0 0'],
    ]);
  });

  test('a completion is taken back as it was posted, and another one may follow', () => {
    const first = preauthorization(100);
    const wrong = completion(first, 70);
    table(Ledger.with(1000), [
      [first, '0000', 100, '1000 100 1'],
      [wrong, '9001', 70, '930 0 0'],
      [reversalOf(wrong, 50), '4000', 70, '950 0 0'],
      [reversalOf(wrong), '4000', 70, '1000 0 0'],
      [completion(first, 80), '9001', 80, '920 0 0', 'original:reversed'],
      [completion(first, 80), '9001', 80, '920 0 0', 'alreadyCompleted'],
    ]);
  });

  test('a completion that its reversal overtook releases the hold all the same', () => {
    const first = preauthorization(100);
    const last = completion(first, 70);
    table(Ledger.with(1000), [
      [first, '0000', 100, '1000 100 1'],
      [reversalOf(last), '4000', 70, '1000 100 1', 'originalUnknown'],
      [last, '9001', 70, '1000 0 0', 'reversedBefore'],
    ]);
  });

  test('a completion of an expired, reversed or declined authorization is recorded and flagged', () => {
    const ledger = Ledger.with(1000);
    const [expired, reversed, declined] = [preauthorization(100), preauthorization(100), preauthorization(2000)];
    table(ledger, [
      [expired, '0000', 100, '1000 100 1'],
      [reversed, '0000', 100, '1000 200 2'],
      [reversalOf(reversed), '4000', 100, '1000 100 1'],
      [declined, '1016', 2000, '1000 100 1'],
    ]);
    expect(ledger.expire(startMs + 30 * dayMs)).toBe(1);
    table(ledger, [
      [completion(expired, 90, { afterDays: 31 }), '9001', 90, '910 0 0', 'original:expired'],
      [completion(expired, 90, { afterDays: 31 }), '9001', 90, '910 0 0', 'alreadyCompleted'],
    ]);
    const young = Ledger.with(1000);
    table(young, [
      [reversed, '0000', 100, '1000 100 1'],
      [reversalOf(reversed), '4000', 100, '1000 0 0'],
      [declined, '1016', 2000, '1000 0 0'],
      [completion(reversed, 40), '9001', 40, '960 0 0', 'original:reversed'],
      [completion(declined, 30), '9001', 30, '930 0 0', 'original:none'],
    ]);
  });
});

describe('advices', () => {
  test('what was done is recorded, even where it overdraws, and flagged with what would have declined it', () => {
    table(Ledger.with(100), [
      [message('0120', 40), '9001', 40, '100 40 1'],
      [message('0220', 50), '9001', 50, '50 40 1'],
      [message('0220', 30), '9001', 30, '20 40 1', 'wouldDecline:1016', 'overdrawn'],
      [message('0120', 5), '9001', 5, '20 45 2', 'wouldDecline:1016', 'overdrawn'],
      [message('0220', 100, { purpose: 'refund' }), '9001', 100, '120 45 2'],
      [message('0220', 5, { advisedDecline: true }), '9000', 5, '120 45 2', 'advisedDecline'],
      [message('0220', 5, { fault: { field: '12', reason: '9100', text: 'is no time' } }), '9100', 5, '120 45 2', 'contentFault'],
      [message('0220', 5, { purpose: 'unsupported' }), '9000', 5, '120 45 2', 'functionNotSupported'],
      [message('0120', 0, { purpose: 'verification' }), '9000', 0, '120 45 2', 'noMoney'],
      [message('0220', 5, { currency: '840' }), '9000', 5, '120 45 2', 'currencyUnknown'],
      [completion(message('0100', 5), 5), '9001', 5, '115 45 2', 'originalUnknown'],
    ]);
    const lost = Ledger.with(100, [cardRecord(0, { lockCode: 1 })]);
    table(lost, [[message('0220', 10), '9001', 10, '90 0 0', 'wouldDecline:1801']]);
  });

  test('a refund that is reversed after it was spent overdraws, and is flagged; what gives back is not', () => {
    const refund = message('0200', 50, { purpose: 'refund' });
    const spent = message('0200', 120);
    table(Ledger.with(100), [
      [refund, '0000', 50, '150 0 0'],
      [spent, '0000', 120, '30 0 0'],
      [reversalOf(refund), '4000', 50, '-20 0 0', 'overdrawn'],
      [reversalOf(spent, 110), '4000', 120, '-10 0 0'],
    ]);
  });

  test('an advice about a recorded request is linked, whether it names it, shares its trace or its retrieval reference', () => {
    const ledger = Ledger.with(1000);
    const keys: MessageChange = { rrn: 'RRN7', terms: { originalKeys: ['rrn'] } };
    const request = message('0100', 100, keys);
    const purchase = message('0200', 100);
    table(ledger, [
      [request, '0000', 100, '1000 100 1'],
      [message('0120', 100, { original: reference(request) }), '9001', 100, '1000 100 1', 'alreadyRecorded'],
      [message('0120', 100, { trace: { ...request.trace, function: 'advice' } }), '9001', 100, '1000 100 1', 'alreadyRecorded'],
      [message('0120', 100, keys), '9001', 100, '1000 100 1', 'alreadyRecorded'],
      // The same retrieval reference with another amount is another purchase.
      [message('0120', 90, keys), '9001', 90, '1000 190 2'],
      [purchase, '0000', 100, '900 190 2'],
      [message('0220', 100, { trace: { ...purchase.trace, function: 'advice' } }), '9001', 100, '900 190 2', 'alreadyRecorded'],
    ]);
  });

  test('an advice about an increment that is on record is linked, not added again', () => {
    const first = preauthorization(100);
    const second = increment(first, 50);
    table(Ledger.with(1000), [
      [first, '0000', 100, '1000 100 1'],
      [second, '0000', 150, '1000 150 1'],
      [{ ...increment(first, 50), mti: '0120', function: 'advice', trace: { ...second.trace, function: 'advice' } }, '9001', 50, '1000 150 1', 'alreadyRecorded'],
      [message('0120', 30, { purpose: 'increment', original: reference(first) }), '9001', 30, '1000 180 1'],
      [message('0120', 30, { purpose: 'increment', original: reference(message('0100', 1)) }), '9001', 30, '1000 210 2', 'originalUnknown'],
    ]);
  });

  test('an advice about a request that was declined here is recorded: it was done elsewhere after all', () => {
    const request = message('0200', 300);
    table(Ledger.with(100), [
      [request, '1016', 300, '100 0 0'],
      [message('0220', 300, { trace: { ...request.trace, function: 'advice' } }), '9001', 300, '-200 0 0', 'declinedHere', 'wouldDecline:1016', 'overdrawn'],
    ]);
  });

  test('a request that comes after the advice that told of it moves no money', () => {
    const advice = message('0120', 60);
    table(Ledger.with(100), [
      [advice, '9001', 60, '100 60 1'],
      [message('0100', 60, { trace: { ...advice.trace, function: 'request' } }), '9113', 60, '100 60 1'],
    ]);
  });

  test('a refund is credited, whatever purchase or authorization it names', () => {
    const purchase = message('0200', 100);
    const held = message('0100', 100);
    const refund = message('0220', 100, { purpose: 'refund', original: reference(purchase) });
    table(Ledger.with(1000), [
      [purchase, '0000', 100, '900 0 0'],
      [held, '0000', 100, '900 100 1'],
      [refund, '9001', 100, '1000 100 1'],
      [message('0220', 100, { purpose: 'refund', original: reference(held) }), '9001', 100, '1100 100 1'],
      [message('0220', 100, { purpose: 'refund', original: reference(refund) }), '9001', 100, '1100 100 1', 'alreadyRecorded'],
      [message('0200', 50, { purpose: 'refund', original: reference(purchase) }), '0000', 50, '1150 100 1'],
    ]);
  });
});

describe('reversals', () => {
  test('a reversal gives back all or a part, several leave the smallest amount, and none gives back twice', () => {
    const held = message('0100', 100);
    const bought = message('0200', 100);
    const refunded = message('0200', 100, { purpose: 'refund' });
    const full = reversalOf(held);
    table(Ledger.with(1000), [
      [held, '0000', 100, '1000 100 1'],
      [reversalOf(held, 70), '4000', 100, '1000 70 1'],
      [reversalOf(held, 30), '4000', 100, '1000 30 1'],
      [reversalOf(held, 50), '4000', 100, '1000 30 1', 'nothingLeft'],
      [reversalOf(held, 30), '4000', 100, '1000 30 1', 'nothingLeft'],
      [full, '4000', 100, '1000 0 0'],
      [repeatOf(full), '4000', 100, '1000 0 0'],
      [reversalOf(held), '4000', 100, '1000 0 0', 'original:reversed'],
      [bought, '0000', 100, '900 0 0'],
      [reversalOf(bought, 60), '4000', 100, '940 0 0'],
      [reversalOf(bought), '4000', 100, '1000 0 0'],
      [refunded, '0000', 100, '1100 0 0'],
      [reversalOf(refunded, 40), '4000', 100, '1040 0 0'],
      [reversalOf(refunded), '4000', 100, '1000 0 0'],
      [repeatOf(held), '0000', 100, '1000 0 0'],
    ]);
  });

  test('more than the original is refused, in amount, in what is left, and in another currency', () => {
    const bought = message('0200', 100);
    const other: CardMessage = { ...reversalOf(bought), amount: { amountMinor: 100, currency: '840' } };
    const more: CardMessage = { ...reversalOf(bought), amount: { amountMinor: 101, currency: '978' } };
    table(Ledger.with(1000), [
      [bought, '0000', 100, '900 0 0'],
      [more, '1832', 101, '900 0 0'],
      [reversalOf(bought, 101), '1832', 100, '900 0 0'],
      [other, '1030', 100, '900 0 0'],
      [{ ...reversalOf(bought), amount: undefined }, '4000', undefined, '1000 0 0'],
    ]);
  });

  test('amount and rate are given back as the original took them', () => {
    const bought = message('0200', 1000, dollars(917));
    table(Ledger.with(1000), [
      [bought, '0000', 1000, '83 0 0'],
      [reversalOf(bought, 333), '4000', 1000, '695 0 0'],
      [reversalOf(bought, 1), '4000', 1000, '999 0 0'],
      [reversalOf(bought), '4000', 1000, '1000 0 0'],
    ]);
  });

  test.each(['reference', 'local reference', 'STAN', 'retrieval reference', 'approval code'])('an original is found by %s, and stopped by a reversal that came before it', (way) => {
    const keys: MessageChange = { terms: { originalKeys: ['rrn', 'approvalCode'] } };
    const names = (original: CardMessage): MessageChange => ({
      ...keys, original: way === 'reference' ? reference(original) : way === 'local reference' ? localReference(original) : undefined,
      rrn: way === 'retrieval reference' ? original.rrn : '', approvalCode: way === 'approval code' ? original.approvalCodeOffer : '',
      trace: way === 'STAN' ? { stan: original.trace.stan } : {},
    });
    const original = (amountMinor: number, rrn: string): CardMessage => message('0200', amountMinor, { ...keys, rrn, version: '2003', trace: { localAt: `2026112212${rrn}` } });
    const [after, part, before, partBefore] = [original(100, '0001'), original(100, '0002'), original(100, '0003'), original(100, '0004')];
    table(Ledger.with(1000), [
      [after, '0000', 100, '900 0 0'],
      [reversalOf(after, undefined, names(after)), '4000', 100, '1000 0 0'],
      [part, '0000', 100, '900 0 0'],
      [reversalOf(part, 25, names(part)), '4000', 100, '975 0 0'],
      [reversalOf(before, undefined, names(before)), '4000', 100, '975 0 0', 'originalUnknown'],
      [reversalOf(before, 10, names(before)), '4000', 100, '975 0 0', 'originalUnknown'],
      [before, '1830', 100, '975 0 0'],
      [repeatOf(before), '1830', 100, '975 0 0'],
      [reversalOf(partBefore, 40, names(partBefore)), '4000', 100, '975 0 0', 'originalUnknown'],
      [partBefore, '0000', 40, '935 0 0', 'reversedBefore'],
      [repeatOf(partBefore), '0000', 40, '935 0 0'],
      [reversalOf(partBefore, undefined, names(partBefore)), '4000', 100, '975 0 0'],
    ]);
  });

  test('a reversal of what was declined here stops the advice that it was done elsewhere', () => {
    const request = message('0100', 300);
    const advice = message('0120', 300, { trace: { ...request.trace, function: 'advice' } });
    table(Ledger.with(100), [
      [request, '1016', 300, '100 0 0'],
      [reversalOf(request), '4000', 300, '100 0 0', 'original:none'],
      [advice, '9000', 300, '100 0 0', 'reversedBefore'],
    ]);
    const held = message('0100', 50);
    table(Ledger.with(100), [
      [reversalOf(held), '4000', 50, '100 0 0', 'originalUnknown'],
      [held, '1830', 50, '100 0 0'],
      [message('0120', 50, { trace: { ...held.trace, function: 'advice' } }), '9000', 50, '100 0 0', 'reversedBefore'],
    ]);
  });

  test('a reversal that names the request finds the advice that holds the money in its place', () => {
    const request = message('0100', 300);
    const advice = message('0120', 300, { trace: { ...request.trace, function: 'advice' } });
    table(Ledger.with(100), [
      [request, '1016', 300, '100 0 0'],
      [advice, '9001', 300, '100 300 1', 'declinedHere', 'wouldDecline:1016', 'overdrawn'],
      [reversalOf(request), '4000', 300, '100 0 0'],
    ]);
  });

  test('a reversal that names an advice which was only linked reverses what that told of', () => {
    const request = message('0100', 100);
    const advice = message('0120', 100, { original: reference(request) });
    table(Ledger.with(1000), [
      [request, '0000', 100, '1000 100 1'],
      [advice, '9001', 100, '1000 100 1', 'alreadyRecorded'],
      [reversalOf(advice), '4000', 100, '1000 0 0'],
    ]);
  });

  test('a reversal without a reference does not stop next week’s purchase under its STAN', () => {
    const lost = message('0200', 100, { trace: { stan: '9' } });
    table(Ledger.with(1000), [
      [reversalOf(lost, undefined, { original: undefined, trace: { stan: '9' } }), '4000', 100, '1000 0 0', 'originalUnknown'],
      [message('0200', 100, { trace: { stan: '9' }, afterDays: 2 }), '0000', 100, '900 0 0'],
    ]);
  });
});

describe('expiry', () => {
  test('a hold runs out once, after the days of its category', () => {
    const ledger = Ledger.with(1000);
    ledger.playAll(message('0100', 100), message('0100', 200, { cardPresent: false }), preauthorization(300));
    expect(ledger.totals).toBe('1000 600 3');
    expect(ledger.expire(startMs + 5 * dayMs - 1)).toBe(0);
    expect(ledger.expire(startMs + 5 * dayMs)).toBe(1);
    expect(ledger.totals).toBe('1000 500 2');
    expect(ledger.expire(startMs + 10 * dayMs)).toBe(1);
    expect(ledger.expire(startMs + 30 * dayMs - 1)).toBe(0);
    expect(ledger.expire(startMs + 30 * dayMs)).toBe(1);
    expect(ledger.totals).toBe('1000 0 0');
    expect(ledger.entries.at(-1)).toMatchObject({ kind: 'expiry', hold: { state: 'expired', heldMinor: 0 } });
    expect(ledger.expire(startMs + 60 * dayMs)).toBe(0);
    ledger.checkReplay();
  });

  test('nothing expires that was reversed or completed, and what expired is not given back again', () => {
    const ledger = Ledger.with(1000, [cardRecord(0)], 1000);
    const guarded: MessageChange = { terms: { creditGuard: true } };
    const [reversed, completed, expired] = [message('0100', 100, guarded), preauthorization(100, guarded), message('0100', 100, guarded)];
    ledger.playAll(reversed, completed, expired, reversalOf(reversed), completion(completed, 100, guarded));
    expect(ledger.guardMinor).toBe(800);
    expect(ledger.expire(startMs + 40 * dayMs)).toBe(1);
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('900 0 0 900');
    ledger.play(reversalOf(expired, undefined, { afterDays: 40 }), startMs + 6 * dayMs);
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('900 0 0 900');
    expect(ledger.last.flags).toEqual(['original:expired']);
    // What the guard got back when the hold ran out, its late completion takes again.
    ledger.play(completion(expired, 60, guarded), startMs + 6 * dayMs);
    expect(`${ledger.totals} ${ledger.guardMinor}`).toBe('840 0 0 840');
    ledger.checkReplay();
  });

  test('an increment keeps its authorization open for as long as a new one, and can be reversed as long', () => {
    const ledger = Ledger.with(1000);
    const first = preauthorization(100);
    const second = increment(first, 50, { afterDays: 20, terms: { holdDays: { cardPresent: 30, cardNotPresent: 30, preauthorization: 30 } } });
    ledger.playAll(first, second);
    expect(ledger.expire(startMs + 45 * dayMs)).toBe(0);
    ledger.play(reversalOf(second, undefined, { afterDays: 45, receivedAtMs: startMs + 45 * dayMs }));
    expect(ledger.totals).toBe('1000 100 1');
    expect(ledger.expire(startMs + 50 * dayMs)).toBe(1);
    expect(ledger.totals).toBe('1000 0 0');
  });
});
