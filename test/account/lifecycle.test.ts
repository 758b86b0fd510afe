import { describe, expect, test } from 'vitest';
import type { LifecycleMessage } from '../../src/account/lifecycle.ts';
import { add } from '../../src/message/money.ts';
import { amountMinorMax, balanceMinorMax } from '../../src/base/limits.ts';
import { accountId, cardRecord, dayMs, Ledger, message, reversalOf, startMs } from './fixture.ts';

const base = { accountId, receivedAtMs: startMs } as const;

describe('lifecycle messages', () => {
  test('an account is opened once, and a card added once, whatever became of it since', () => {
    const ledger = Ledger.with(100);
    const version = ledger.account?.version;
    const open = { ...base, kind: 'open', id: 'again', currency: '978', program: 'demo', partner: 'bank' } as const;
    expect(ledger.play(open)).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
    expect(ledger.play({ ...open, currency: '840' }).response.reason).toBe('9113');
    ledger.play({ ...base, kind: 'cardChange', id: 'lock', card: cardRecord(0, { lockCode: 2 }), encryptedPan: undefined, maskedPan: undefined });
    expect(ledger.play({ ...base, kind: 'cardChange', id: 'add-once-more', card: cardRecord(0), encryptedPan: 'sealed', maskedPan: 'masked' }).note).toBe('repeat');
    expect(ledger.play(message('0200', 1)).response.reason).toBe('1802');
    expect(ledger.account?.version).toBe((version ?? 0) + 2);
    ledger.checkReplay();
  });

  test('a change of a card and a load are applied once by their id, and the id is not kept for ever', () => {
    const ledger = Ledger.with(0);
    const load = { ...base, kind: 'load', id: 'load-1', amountMinor: 500 } as const;
    const lock = { ...base, kind: 'cardChange', id: 'lock-1', card: cardRecord(0, { lockCode: 3 }), encryptedPan: undefined, maskedPan: undefined } as const;
    const unlock = { ...lock, id: 'unlock-1', card: cardRecord(0) };
    ledger.playAll(load, lock, unlock);
    for (const each of [load, lock, unlock]) expect(ledger.play(each)).toMatchObject({ note: 'repeat', change: undefined, rounds: 2 });
    expect(ledger.ledgerMinor).toBe(500);
    expect(ledger.play(message('0200', 1)).response.reason).toBe('0000');
    for (const [id, { keepUntilMs }] of ledger.records) if (id.includes('#')) expect(keepUntilMs).toBe(startMs + 400 * dayMs);
  });

  test('the id of a load is no answer for another amount, in or out', () => {
    const ledger = Ledger.with(0);
    const load = { ...base, kind: 'load', id: 'load-1', amountMinor: 500 } as const;
    ledger.play(load);
    for (const amountMinor of [501, 1, -500]) expect(ledger.play({ ...load, amountMinor })).toMatchObject({ response: { reason: '9113' }, note: undefined, change: undefined });
    expect(ledger.play(load)).toMatchObject({ response: { reason: '0000' }, note: 'repeat' });
    expect(ledger.ledgerMinor).toBe(500);
    ledger.checkReplay();
  });

  test('the id of a change of a card is no answer for another one: another lock code, PIN, set of controls, time or card', () => {
    const ledger = Ledger.with(0);
    const on = { ...base, cardToken: 'token-0' } as const;
    const pin = { method: 'pvv', keyIndex: 1, value: '1111' } as const;
    const pairs: readonly (readonly [LifecycleMessage, LifecycleMessage])[] = [
      [{ ...on, kind: 'cardLock', id: 'lock', lockCode: 7 }, { ...on, kind: 'cardLock', id: 'lock', lockCode: 2 }],
      [{ ...on, kind: 'cardUnlock', id: 'unlock' }, { ...on, kind: 'cardLock', id: 'unlock', lockCode: 7 }],
      [{ ...on, kind: 'pinSet', id: 'pin', reference: pin, sealed: 'once' }, { ...on, kind: 'pinSet', id: 'pin', reference: { ...pin, value: '2222' }, sealed: 'once' }],
      [{ ...on, kind: 'controlsSet', id: 'set', by: 'holder', controls: { blocked: ['cash'] } }, { ...on, kind: 'controlsSet', id: 'set', by: 'holder', controls: {} }],
      [{ ...on, kind: 'cardPause', id: 'pause', by: 'holder', untilMs: startMs + 5_000 }, { ...on, kind: 'cardPause', id: 'pause', by: 'holder', untilMs: 0 }],
      [{ ...on, kind: 'cvv2Reset', id: 'reset' }, { ...on, kind: 'cvv2Reset', id: 'reset', cardToken: 'token-1' }],
    ];
    ledger.play({ ...base, kind: 'cardChange', id: 'another', card: cardRecord(1), encryptedPan: 'sealed', maskedPan: 'masked' });
    for (const [one, other] of pairs) {
      expect(ledger.play(one).response.reason).toBe('0000');
      const before = ledger.account;
      expect(ledger.play(other), one.id).toMatchObject({ response: { reason: '9113' }, note: undefined, change: undefined });
      expect(ledger.play(one), one.id).toMatchObject({ response: { reason: '0000' }, note: 'repeat' });
      expect(ledger.account).toBe(before);
    }
    ledger.checkReplay();
  });

  test('a bureau’s first PIN is set on a card that has had none, and never over a PIN that was set meanwhile', () => {
    const ledger = Ledger.with(0);
    const without = cardRecord(1, { pinVersion: 0, pin: undefined });
    ledger.play({ ...base, kind: 'cardChange', id: 'add', card: without, encryptedPan: 'sealed', maskedPan: 'masked' });
    const pin = (id: string, value: string, onlyFirst?: boolean): LifecycleMessage => ({ ...base, cardToken: 'token-1', kind: 'pinSet', id, reference: { method: 'pvv', keyIndex: 1, value }, sealed: undefined, onlyFirst });
    const kept = (): unknown => ledger.account?.cards[1]?.record;
    expect(ledger.play(pin('bureau-1', '1111', true)).response.reason).toBe('0000');
    expect(kept()).toMatchObject({ pinVersion: 1, pin: { value: '1111' } });
    ledger.play(pin('holder', '2222'));
    expect(ledger.play(pin('bureau-2', '3333', true)).response.reason).toBe('0000');
    expect(kept()).toMatchObject({ pinVersion: 2, pin: { value: '2222' } });
    ledger.checkReplay();
  });

  test('what is drawn, sealed or over by the time of a repeat makes no other change of it', () => {
    const ledger = Ledger.with(0);
    const on = { ...base, cardToken: 'token-0' } as const;
    const pin = { ...on, kind: 'pinSet', id: 'pin', reference: { method: 'pvv', keyIndex: 1, value: '1111' }, sealed: 'once' } as const;
    const pause = { ...on, kind: 'cardPause', id: 'pause', by: 'holder', untilMs: startMs + 5_000 } as const;
    const renew = { ...on, kind: 'cardRenew', id: 'renew', expiry: '3505' } as const;
    ledger.playAll(pin, pause, renew);
    for (const again of [{ ...pin, sealed: 'again' }, { ...pause, receivedAtMs: startMs + dayMs }, { ...renew, expiry: '3506' }]) expect(ledger.play(again)).toMatchObject({ note: 'repeat', change: undefined });
    expect(ledger.play({ ...pause, id: 'over', receivedAtMs: startMs + dayMs }).response.reason).toBe('0000');
    expect(ledger.account?.cards[0]?.record.controls).toBeUndefined();
  });

  test('a mark of before marks had contents says that it was done', () => {
    const ledger = Ledger.with(0);
    const lock = { ...base, kind: 'cardLock', id: 'lock', cardToken: 'token-0', lockCode: 7 } as const;
    ledger.play(lock);
    const [markId] = [...ledger.records.keys()].filter((id) => id.includes('#')).slice(-1);
    const mark = ledger.records.get(markId!)!;
    ledger.records.set(markId!, { ...mark, value: '1' });
    expect(ledger.play(lock)).toMatchObject({ note: 'repeat', change: undefined });
  });

  test('a load is for an account that there is, is an amount, and takes out no more than is available', () => {
    const load = (ledger: Ledger, amountMinor: number): string => ledger.play({ ...base, kind: 'load', id: `load ${amountMinor} ${ledger.totals}`, amountMinor }).response.reason;
    expect(load(new Ledger(), 5)).toBe('1018');
    const ledger = Ledger.with(100);
    ledger.play(message('0100', 40));
    expect([0, 0.5, NaN, amountMinorMax + 1, -61, -60].map((amountMinor) => load(ledger, amountMinor))).toEqual(['1010', '1010', '1010', '1010', '1016', '0000']);
    expect(ledger.totals).toBe('40 40 1');
    expect(ledger.entries.at(-1)?.effects.postings).toEqual([
      { ledger: `holder:${accountId}`, amountMinor: -60, currency: '978' }, { ledger: 'funding:bank', amountMinor: 60, currency: '978' },
    ]);
  });

  test('a card that is changed keeps what it has used of its limits', () => {
    const ledger = Ledger.with(100);
    ledger.play(message('0200', 10));
    ledger.play({ ...base, kind: 'cardChange', id: 'renew', card: cardRecord(0, { expiry: '3512' }), encryptedPan: undefined, maskedPan: undefined });
    expect(ledger.account?.cards[0]?.counters.day.scopes).toEqual({ overall: [1, 10] });
    expect(ledger.play(message('0200', 10, { terms: { limits: [{ scope: 'overall', period: 'day', countMax: 1 }] } })).response.reason).toBe('1023');
    ledger.checkReplay();
  });
});

describe('the bound of a balance', () => {
  const full = (): Ledger => {
    const ledger = Ledger.with(0);
    for (let count = 0; count < 1000; count += 1) ledger.play({ ...base, kind: 'load', id: `l${count}`, amountMinor: amountMinorMax });
    return ledger;
  };

  test('is reached and not crossed: what would cross it is refused, or noted, and the switch goes on', () => {
    const ledger = full();
    const room = balanceMinorMax - ledger.ledgerMinor;
    expect(room).toBeLessThan(amountMinorMax);
    expect(ledger.play({ ...base, kind: 'load', id: 'over', amountMinor: room + 1 }).response.reason).toBe('1010');
    expect(ledger.play(message('0200', amountMinorMax, { purpose: 'refund' })).response.reason).toBe('1010');
    expect(ledger.play(message('0220', amountMinorMax, { purpose: 'refund' })).response.reason).toBe('9000');
    expect(ledger.last.flags).toEqual(['beyondBound']);
    const bought = message('0200', amountMinorMax);
    expect(ledger.play(bought).response.reason).toBe('0000');
    expect(ledger.play({ ...base, kind: 'load', id: 'fill', amountMinor: room + amountMinorMax }).response.reason).toBe('1010');
    expect(ledger.play({ ...base, kind: 'load', id: 'fill-2', amountMinor: amountMinorMax }).response.reason).toBe('0000');
    expect(ledger.play({ ...base, kind: 'load', id: 'fill-3', amountMinor: room }).response.reason).toBe('0000');
    expect(ledger.ledgerMinor).toBe(balanceMinorMax);
    expect(ledger.play(reversalOf(bought)).response.reason).toBe('1010');
    expect(ledger.ledgerMinor).toBe(balanceMinorMax);
  });

  test('is asserted where money is added', () => {
    expect(add(balanceMinorMax - 1, 1)).toBe(balanceMinorMax);
    expect(() => add(balanceMinorMax, 1)).toThrow('within its bound');
    expect(() => add(-balanceMinorMax, -1)).toThrow('within its bound');
    expect(() => add(0.5, 1)).toThrow('whole minor units');
  });
});
