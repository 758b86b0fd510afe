import { describe, expect, test } from 'vitest';
import { cardsMax } from '../../src/account/card-lifecycle.ts';
import { accountId, cardRecord, dayMs, Ledger, message, rightPin, startMs, wrongPin } from './fixture.ts';
import type { CardMessage } from './fixture.ts';

const base = { accountId, receivedAtMs: startMs, cardToken: 'token-0' } as const;
const reversible = [3, 4, 6, 7];
const irreversible = [1, 2, 5, 8];
const reasonOfCode = ['', '1801', '1802', '1803', '1804', '1805', '1806', '1807', '1808'];
let drawn = 0;
const id = (): string => {
  drawn += 1;
  return `life-${drawn}`;
};
const lock = (lockCode: number) => ({ ...base, kind: 'cardLock', id: id(), lockCode }) as const;
const unlock = () => ({ ...base, kind: 'cardUnlock', id: id() }) as const;
const change = (lockCode: number) =>
  ({ ...base, kind: 'cardChange', id: id(), card: cardRecord(0, { lockCode }), encryptedPan: undefined, maskedPan: undefined }) as const;

describe('lock codes (C8)', () => {
  test('that are irreversible are never replaced nor lifted, and the others are', () => {
    for (const before of [0, ...reversible, ...irreversible]) {
      for (const after of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const ledger = Ledger.with(100, [cardRecord(0, { lockCode: before })]);
        const stays = irreversible.includes(before) && after !== before;
        for (const asked of [lock(after), change(after)]) {
          expect(ledger.play(asked).response.reason).toBe(stays ? reasonOfCode[before] : '0000');
          expect(ledger.record().lockCode).toBe(stays ? before : after);
        }
      }
      for (const asked of [unlock(), change(0)]) {
        const ledger = Ledger.with(100, [cardRecord(0, { lockCode: before })]);
        const stays = irreversible.includes(before);
        expect(ledger.play(asked).response.reason).toBe(stays ? reasonOfCode[before] : '0000');
        expect(ledger.play(message('0200', 1)).response.reason).toBe(stays ? reasonOfCode[before] : '0000');
        ledger.checkReplay();
      }
    }
  });

  test('are 1 to 8', () => {
    const ledger = Ledger.with(100);
    for (const code of [0, 9, -1, 1.5, NaN]) expect(ledger.play(lock(code)).response.reason).toBe('9100');
    for (const code of [9, -1, 1.5]) expect(ledger.play(change(code)).response.reason).toBe('9100');
    expect(ledger.record().lockCode).toBe(0);
  });
});

describe('who asks (C8)', () => {
  test('a holder sets lost, stolen, pending query and fraud alone; the others set every code', () => {
    for (const by of ['holder', 'partner', 'staff', 'system', 'network'] as const) {
      for (const lockCode of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const ledger = Ledger.with(100);
        const may = by !== 'holder' || [1, 2, 3, 7].includes(lockCode);
        expect(ledger.play({ ...lock(lockCode), by }).response.reason).toBe(may ? '0000' : '1019');
        expect(ledger.record().lockCode).toBe(may ? lockCode : 0);
      }
    }
  });
});

describe('of several reasons to decline (C7, C8)', () => {
  test('removed comes first, then the lock code, then not activated, then expired', () => {
    const faults = [{ state: 'removed' }, { lockCode: 3 }, { controls: { holder: { pausedUntilMs: startMs + 1 } } }, { state: 'ordered' }, { expiry: '2401' }] as const;
    const reasons = ['1810', '1803', '1870', '1811', '1001'];
    for (let from = 0; from < faults.length; from += 1) {
      const record = Object.assign({}, ...faults.slice(from).toReversed()) as Parameters<typeof cardRecord>[1];
      expect(Ledger.with(100, [cardRecord(0, record)]).play(message('0200', 1)).response.reason).toBe(reasons[from]);
    }
  });
});

describe('the life of a card', () => {
  const activate = () => ({ ...base, kind: 'cardActivate', id: id() }) as const;
  const remove = () => ({ ...base, kind: 'cardRemove', id: id() }) as const;
  const renew = (expiry: string) => ({ ...base, kind: 'cardRenew', id: id(), expiry }) as const;
  const replace = () => ({ ...base, kind: 'cardReplace', id: id(), card: cardRecord(1), encryptedPan: 'sealed', maskedPan: '476173******0029' }) as const;

  test('an ordered card pays from its activation on, which happens once', () => {
    const ledger = Ledger.with(100, [cardRecord(0, { state: 'ordered' })]);
    expect(ledger.play(message('0200', 1)).response.reason).toBe('1811');
    const asked = activate();
    expect(ledger.play(asked).response.reason).toBe('0000');
    expect(ledger.play(asked)).toMatchObject({ response: { reason: '0000' }, note: 'repeat' });
    expect(ledger.play(activate()).response.reason).toBe('9113');
    expect(ledger.play(message('0200', 1)).response.reason).toBe('0000');
    ledger.checkReplay();
  });

  test('a removed card pays nothing and is never anything else again', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(remove()).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 1)).response.reason).toBe('1810');
    for (const each of [activate(), remove(), renew('3512'), replace(), change(0), unlock(), lock(1)]) expect(ledger.play(each).response.reason).toBe('1810');
    expect(ledger.account?.cards).toHaveLength(1);
    expect(ledger.record()).toEqual(cardRecord(0, { state: 'removed' }));
    ledger.checkReplay();
  });

  test('a renewed card has a later expiry date, and the old one is refused', () => {
    const ledger = Ledger.with(100);
    for (const wrong of ['3112', '3012', '3213', '32', 'abcd']) expect(ledger.play(renew(wrong)).response.reason).toBe('9100');
    expect(ledger.play(renew('3412')).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 1, { cardFacts: { expiry: '3112' } })).response.reason).toBe('1001');
    expect(ledger.play(message('0200', 1, { cardFacts: { expiry: '3412' } })).response.reason).toBe('0000');
    const lost = Ledger.with(100, [cardRecord(0, { lockCode: 1 })]);
    expect(lost.play(renew('3412')).response.reason).toBe('1801');
  });

  test('a replaced card has code 8, or the irreversible one that it had, and the other one pays from the same balance', () => {
    for (const before of [0, ...reversible, ...irreversible]) {
      const ledger = Ledger.with(100, [cardRecord(0, { lockCode: before })]);
      const asked = replace();
      expect(ledger.play(asked)).toMatchObject({ response: { reason: '0000' }, note: undefined });
      expect(ledger.play(asked)).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
      expect(ledger.record(0).lockCode).toBe(irreversible.includes(before) ? before : 8);
      expect(ledger.record(1)).toEqual(cardRecord(1));
      expect(ledger.play(message('0200', 60, { card: 1 })).response.reason).toBe('0000');
      expect(ledger.totals).toBe('40 0 0');
      ledger.checkReplay();
    }
  });

  test('what is closed on a card is closed on the one that replaces it, whatever it was when that was asked for', () => {
    const controls = { partner: { blocked: ['ecommerce'], pausedUntilMs: startMs + 1 } } as const;
    const ledger = Ledger.with(100, [cardRecord(0, { controls })]);
    ledger.play({ ...replace(), card: cardRecord(1, { controls: { holder: { blocked: ['cash'] } } }) });
    expect(ledger.record(1)).toEqual(cardRecord(1, { controls }));
    const open = Ledger.with(100);
    open.play({ ...replace(), card: cardRecord(1, { controls }) });
    expect(open.record(1)).toEqual(cardRecord(1));
  });

  test('a balance has a bounded number of cards, those that were removed among them', () => {
    const ledger = Ledger.with(0, Array.from({ length: cardsMax }, (_, index) => cardRecord(0, { token: `card-${index}`, state: index === 0 ? 'removed' : 'active' })));
    expect(ledger.account?.cards).toHaveLength(cardsMax);
    expect(ledger.play({ ...base, kind: 'cardChange', id: id(), card: cardRecord(2), encryptedPan: 'sealed', maskedPan: undefined }).response.reason).toBe('1023');
    expect(ledger.play({ ...replace(), cardToken: 'card-1' }).response.reason).toBe('1023');
  });

  test('a balance that is closed gets no card', () => {
    const ledger = Ledger.with(0);
    ledger.play({ accountId, receivedAtMs: startMs, kind: 'close', id: id() });
    expect(ledger.play(replace()).response.reason).toBe('1816');
    expect(ledger.play({ ...base, kind: 'cardChange', id: id(), card: cardRecord(2), encryptedPan: 'sealed', maskedPan: undefined }).response.reason).toBe('1816');
  });
});

describe('what is done to a card', () => {
  test('is done once by its id, whatever became of the card since', () => {
    const ledger = Ledger.with(100);
    const messages = [
      { ...base, kind: 'pinSet', id: 'a', reference: { method: 'pvv', keyIndex: 2, value: '9999' }, sealed: undefined },
      { ...base, kind: 'cvv2Reset', id: 'b' },
      { ...base, kind: 'scriptQueue', id: 'c', script: { id: 's', command: 'pinUnblock', sealed: undefined } },
      { ...base, kind: 'cardLock', id: 'd', lockCode: 3 },
      { ...base, kind: 'cardUnlock', id: 'e' },
      { ...base, kind: 'cardLock', id: 'f', lockCode: 2 },
    ] as const;
    for (const each of messages) expect(ledger.play(each)).toMatchObject({ response: { reason: '0000' }, note: undefined });
    const { account } = ledger;
    for (const each of messages) expect(ledger.play(each)).toMatchObject({ response: { reason: '0000' }, note: 'repeat', change: undefined });
    expect(ledger.account).toBe(account);
    expect(ledger.record()).toMatchObject({ pinVersion: 2, cvv2Generation: 1, lockCode: 2 });
    for (const [recordId, { keepUntilMs }] of ledger.records) if (recordId.includes('#')) expect(keepUntilMs).toBe(startMs + 400 * dayMs);
    ledger.checkReplay();
  });

  test('is refused for a card that nobody has, and for one that was removed', () => {
    const asked = (cardToken: string) => [
      { ...base, cardToken, kind: 'pinSet', id: id(), reference: { method: 'pvv', keyIndex: 2, value: '9999' }, sealed: undefined },
      { ...base, cardToken, kind: 'cvv2Reset', id: id() },
      { ...base, cardToken, kind: 'cardLock', id: id(), lockCode: 1 },
      { ...base, cardToken, kind: 'cardUnlock', id: id() },
      { ...base, cardToken, kind: 'scriptQueue', id: id(), script: { id: 's', command: 'pinUnblock', sealed: undefined } },
    ] as const;
    const ledger = Ledger.with(100, [cardRecord(0, { state: 'removed' })]);
    for (const each of asked('token-0')) expect(ledger.play(each).response.reason).toBe('1810');
    for (const each of asked('token-9')) expect(ledger.play(each).response.reason).toBe('1018');
    for (const each of asked('token-0')) expect(new Ledger().play(each).response.reason).toBe('1018');
  });

  test('a PIN that is set is the only one from then on, ends the count and does not unlock', () => {
    const ledger = Ledger.with(100);
    const set = (value: string, keyIndex = 1, method: 'pvv' | 'ibm3624' = 'pvv'): string =>
      ledger.play({ ...base, kind: 'pinSet', id: id(), reference: { method, keyIndex, value }, sealed: undefined }).response.reason;
    ledger.playAll(message('0200', 1, { pin: wrongPin }), message('0200', 1, { pin: wrongPin }));
    expect(set('5678')).toBe('0000');
    expect([ledger.record().pinVersion, ledger.security().pinTries]).toEqual([2, 0]);
    ledger.play(lock(6));
    expect(set('12345', 0, 'ibm3624')).toBe('0000');
    expect([ledger.record().pinVersion, ledger.record().lockCode]).toEqual([3, 6]);
    expect([set('123'), set('12345'), set('12a4'), set('1234', 10), set('1234', -1), set('1234567890123', 1, 'ibm3624')]).toEqual(Array(6).fill('9100'));
    expect(ledger.record().pinVersion).toBe(3);
    ledger.checkReplay();
  });

  test('a card that is changed keeps its PIN and the generation of its CVV2', () => {
    const ledger = Ledger.with(100);
    ledger.playAll(
      { ...base, kind: 'pinSet', id: id(), reference: { method: 'pvv', keyIndex: 2, value: '9999' }, sealed: undefined }, { ...base, kind: 'cvv2Reset', id: id() },
    );
    const stale = cardRecord(0, { expiry: '3512' });
    ledger.play({ ...base, kind: 'cardChange', id: id(), card: stale, encryptedPan: undefined, maskedPan: undefined });
    expect(ledger.record()).toEqual({ ...stale, cvv2Generation: 1, pinVersion: 2, pin: { method: 'pvv', keyIndex: 2, value: '9999' } });
  });
});

describe('a message whose verdicts are of something else than the record', () => {
  const pins = new Map<string, string>();
  const typed = (pin: string, sent: CardMessage): CardMessage => {
    pins.set(sent.id, pin);
    return sent;
  };
  const checking = (ledger: Ledger): Ledger => {
    ledger.verifier = (sent, { pin, pinVersion, cvv2Generation, expiry }) => ({
      ...sent,
      pin: sent.pin === 'absent' ? 'absent' : { outcome: pin?.value === pins.get(sent.id) ? 'verified' : 'wrong', pinVersion },
      cardValue: sent.cardValue === undefined ? undefined : { kind: 'cvv2', outcome: 'match', against: { cvv2Generation, expiry } },
    });
    return ledger;
  };

  test('is checked again once, and then decided', () => {
    const ledger = checking(Ledger.with(100));
    const references = { expiry: '3112', cvv2Generation: 0, pinVersion: 1, pin: { method: 'pvv', keyIndex: 1, value: '4201' } };
    expect(ledger.play(typed('4201', message('0200', 1, { pin: 'unverified' })))).toMatchObject({ response: { reason: '0000' }, asked: [references] });
    expect(ledger.play(typed('1', message('0200', 1, { pin: 'unverified' })))).toMatchObject({ response: { reason: '1017' }, asked: [references] });
    expect(ledger.play(typed('4201', message('0220', 1, { pin: 'unverified' }))).asked).toHaveLength(1);
    expect(ledger.play(message('0200', 1, { cardValue: { kind: 'cvv2', outcome: 'unchecked', against: undefined } }))).toMatchObject({ response: { reason: '0000' }, asked: [references] });
    ledger.play({ ...base, kind: 'cvv2Reset', id: id() });
    const ofFirst = { kind: 'cvv2', outcome: 'match', against: { cvv2Generation: 0, expiry: undefined } } as const;
    expect(ledger.play(message('0200', 1, { cardValue: ofFirst })).asked).toMatchObject([{ cvv2Generation: 1 }]);
    expect(ledger.play(message('0200', 1, { cardValue: { ...ofFirst, against: undefined } })).asked).toHaveLength(1);
    expect(ledger.play(message('0200', 1, { cardValue: { ...ofFirst, against: { cvv2Generation: 1, expiry: '3012' } } })).asked).toHaveLength(1);
    ledger.play({ ...base, kind: 'pinSet', id: id(), reference: { method: 'pvv', keyIndex: 2, value: '9999' }, sealed: undefined });
    expect(ledger.play(typed('4201', message('0200', 1, { pin: rightPin })))).toMatchObject({ response: { reason: '1017' }, asked: [{ pinVersion: 2 }] });
    expect(ledger.play(typed('9999', message('0200', 1, { pin: wrongPin })))).toMatchObject({ response: { reason: '0000' }, asked: [{ pinVersion: 2 }] });
  });

  test('is not checked again where its verdicts are of the record, whatever they say', () => {
    const ledger = Ledger.with(100);
    const against = { cvv2Generation: 0, expiry: '3112' };
    expect(ledger.play(message('0200', 1, { cardValue: { kind: 'cvv2', outcome: 'error', against } })).response.reason).toBe('1814');
    expect(ledger.play(message('0200', 1, { cardValue: { kind: 'cvv2', outcome: 'mismatch', against: { ...against, expiry: undefined } } })).response.reason).toBe('1045');
    expect(ledger.play(message('0200', 1, { cardValue: { kind: 'cvv', outcome: 'match', against: undefined } })).response.reason).toBe('0000');
    for (const outcome of ['error', 'malformed', 'wrong', 'verified'] as const) {
      expect(ledger.play(message('0200', 1, { pin: { outcome, pinVersion: 1 } })).asked).toEqual([]);
    }
  });

  test('is not checked for a card that is declined anyway, a reversal, or a message that came before', () => {
    const unverified = { pin: 'unverified' } as const;
    for (const record of [{ lockCode: 3 }, { state: 'removed' }, { state: 'ordered' }, { pin: undefined, pinVersion: 0 }] as const) {
      expect(Ledger.with(100, [cardRecord(0, record)]).play(message('0200', 1, unverified)).asked).toEqual([]);
    }
    const ledger = Ledger.with(100);
    expect(ledger.play(message('0200', 1, { ...unverified, card: 3 })).response.reason).toBe('1018');
    expect(ledger.play(message('0420', 1, unverified)).response.reason).toBe('4000');
    const bought = message('0200', 1, { pin: rightPin });
    ledger.play(bought);
    expect(ledger.play({ ...bought, pin: 'unverified', repeat: true })).toMatchObject({ response: { reason: '0000' }, note: 'repeat', asked: [] });
  });
});
