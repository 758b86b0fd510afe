import fc from 'fast-check';
import { strictEqual } from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { accountId, Ledger, message, startMs } from './fixture.ts';

const base = { accountId, receivedAtMs: startMs } as const;
let drawn = 0;
const id = (): string => {
  drawn += 1;
  return `transfer-${drawn}`;
};
const out = (amountMinor: number, transferId = 't_1') => ({ ...base, kind: 'transferOut', id: id(), transferId, amountMinor }) as const;
const into = (amountMinor: number, transferId = 't_1', currency = '978') => ({ ...base, kind: 'transferIn', id: id(), transferId, amountMinor, currency }) as const;
const refund = (transferId = 't_1') => ({ ...base, kind: 'transferRefund', id: id(), transferId }) as const;
const settle = (transferId = 't_1') => ({ ...base, kind: 'transferSettle', id: id(), transferId }) as const;
const close = () => ({ ...base, kind: 'close', id: id() }) as const;
const load = (amountMinor: number) => ({ ...base, kind: 'load', id: id(), amountMinor }) as const;
/** What stands in transit, by the journal's postings. */
const inTransit = ({ entries }: Ledger): number =>
  entries.flatMap(({ effects }) => effects.postings).filter(({ ledger }) => ledger === 'transit:978').reduce((sum, { amountMinor }) => sum + amountMinor, 0);

describe('a transfer', () => {
  test('is taken from its sender once, and stands in transit', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(out(30))).toMatchObject({ response: { reason: '0000' }, note: undefined });
    expect(ledger.play(out(30))).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
    expect(ledger.play(out(31)).response.reason).toBe('9113');
    expect([ledger.totals, inTransit(ledger)]).toEqual(['70 0 0', 30]);
  });

  test('is given to its receiver once', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(into(30))).toMatchObject({ response: { reason: '0000' }, note: undefined });
    expect(ledger.play(into(30))).toMatchObject({ response: { reason: '0000' }, note: 'repeat' });
    expect(ledger.play(into(31)).response.reason).toBe('9113');
    expect([ledger.totals, inTransit(ledger)]).toEqual(['130 0 0', -30]);
  });

  test('comes back to its sender once, and not after it was settled; nor is it settled after it came back', () => {
    const returned = Ledger.with(100);
    expect([out(30), refund(), refund(), settle()].map((each) => returned.play(each).response.reason)).toEqual(['0000', '0000', '0000', '9113']);
    expect([returned.totals, inTransit(returned)]).toEqual(['100 0 0', 0]);
    const settled = Ledger.with(100);
    expect([out(30), settle(), settle(), refund()].map((each) => settled.play(each).response.reason)).toEqual(['0000', '0000', '0000', '9113']);
    expect([settled.totals, inTransit(settled)]).toEqual(['70 0 0', 30]);
    for (const ledger of [returned, settled]) expect(ledger.play(out(30))).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
  });

  test('that nobody began has no end', () => {
    const ledger = Ledger.with(100);
    for (const each of [refund(), settle()]) expect(ledger.play(each)).toMatchObject({ response: { reason: '9114' }, change: undefined });
    ledger.play(into(5));
    for (const each of [refund(), settle()]) expect(ledger.play(each).response.reason).toBe('9114');
  });

  test('that was refused once is refused for ever, whatever has become possible since', () => {
    const ledger = Ledger.with(10);
    expect(ledger.play(out(30)).response.reason).toBe('1016');
    expect(ledger.play(into(30, 't_2', '840')).response.reason).toBe('1030');
    ledger.play(load(100));
    expect(ledger.play(out(30))).toMatchObject({ response: { reason: '1016' }, note: 'repeat' });
    expect(ledger.play(into(30, 't_2'))).toMatchObject({ response: { reason: '1030' }, note: 'repeat' });
    for (const each of [refund(), settle(), refund('t_2')]) expect(ledger.play(each).response.reason).toBe('9114');
    expect(ledger.totals).toBe('110 0 0');
    ledger.checkReplay();
  });

  test('takes no more than is available, and none but a bounded amount', () => {
    const ledger = Ledger.with(100);
    ledger.play(message('0100', 60));
    expect([out(41, 'a'), out(0, 'b'), out(-5, 'c'), out(1.5, 'd'), into(0, 'e'), out(40, 'f')].map((each) => ledger.play(each).response.reason)).toEqual(['1016', '1010', '1010', '1010', '1010', '0000']);
    expect(ledger.totals).toBe('60 60 1');
  });

  test('has an id that can be one, and an account', () => {
    expect(Ledger.with(1).play(out(1, 'a%b')).response.reason).toBe('9100');
    expect(Ledger.with(1).play(out(1, '')).response.reason).toBe('9100');
    expect(new Ledger().play(out(1)).response.reason).toBe('1018');
  });
});

describe('a balance', () => {
  test('is closed when it is empty and nothing is held, and once', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(close()).response.reason).toBe('1817');
    const held = message('0100', 100);
    ledger.playAll(held, load(5), load(-5));
    expect(ledger.play(close()).response.reason).toBe('1817');
    const other = Ledger.with(0);
    expect(other.play(close())).toMatchObject({ response: { reason: '0000' }, note: undefined });
    expect(other.play(close())).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
    expect(new Ledger().play(close()).response.reason).toBe('1018');
    other.checkReplay();
  });

  test('that is closed takes nothing in and gives nothing out, but for what has happened', () => {
    const ledger = Ledger.with(0);
    ledger.play(close());
    expect([load(5), out(1, 'a'), into(1, 'b'), message('0200', 0, { purpose: 'verification' }), message('0200', 5)].map((each) => ledger.play(each).response.reason))
      .toEqual(['1816', '1816', '1816', '1816', '1816']);
    const told = message('0220', 5, { purpose: 'refund' });
    expect(ledger.play(told).response.reason).toBe('9001');
    expect(ledger.totals).toBe('5 0 0');
    expect(ledger.play(load(-5)).response.reason).toBe('0000');
    expect(ledger.account?.isClosed).toBe(true);
    ledger.checkReplay();
  });
});

/** Two accounts, and steps of transfers between them in any order and as often as anybody likes. */
test('whatever order steps come in, what left one balance is in transit, in the other, or back', () => {
  const stepArbitrary = fc.record({
    side: fc.constantFrom('sender', 'receiver'), step: fc.constantFrom('out', 'in', 'refund', 'settle'), transfer: fc.integer({ min: 1, max: 3 }), amount: fc.constantFrom(20, 20, 20, 50),
  });
  fc.assert(fc.property(fc.array(stepArbitrary, { maxLength: 40 }), (steps) => {
    const sides = { sender: Ledger.with(60), receiver: Ledger.with(10) };
    const ended = new Map<string, string>();
    for (const { side, step, transfer, amount } of steps) {
      const name = `t_${transfer}`;
      const asked = step === 'out' ? out(amount, name) : step === 'in' ? into(amount, name) : step === 'refund' ? refund(name) : settle(name);
      const { response, note } = sides[side].play(asked);
      if (response.reason !== '0000' || note === 'repeat' || step === 'out' || step === 'in') continue;
      strictEqual(ended.has(`${side} ${name}`), false, 'a transfer has one end');
      ended.set(`${side} ${name}`, step);
    }
    const total = Object.values(sides).reduce((sum, ledger) => sum + ledger.ledgerMinor + inTransit(ledger), 0);
    strictEqual(total, 70);
    for (const ledger of Object.values(sides)) ledger.checkReplay();
  }), { numRuns: 500, seed: Number(process.env['LOCUM_SEED'] ?? 20_261_122) });
});
