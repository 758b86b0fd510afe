import { describe, expect, test } from 'vitest';
import type { ControlOwner, ControlSet } from '../../src/account/controls.ts';
import { accountId, cardRecord, failedCheck, Ledger, message, reference, rightPin, startMs } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

let drawn = 0;
const set = (controls: ControlSet, by: ControlOwner = 'holder') => {
  drawn += 1;
  return { kind: 'controlsSet', id: `control-${drawn}`, accountId, receivedAtMs: startMs, cardToken: 'token-0', by, controls } as const;
};
const ledgerWith = (controls: ControlSet, by: ControlOwner = 'holder'): Ledger => {
  const ledger = Ledger.with(1_000);
  expect(ledger.play(set(controls, by)).response.reason).toBe('0000');
  return ledger;
};
const reasonOf = (controls: ControlSet, sent: CardMessage, by: ControlOwner = 'holder'): string => {
  const ledger = ledgerWith(controls, by);
  const { reason } = ledger.play(sent).response;
  ledger.checkReplay();
  return reason;
};
const online: MessageChange = { entryMode: 'ecommerce', cardPresent: false };

describe('what is closed on a card', () => {
  test.each<[string, ControlSet, CardMessage, string]>([
    ['e-commerce', { blocked: ['ecommerce'] }, message('0100', 5, online), '1871'],
    ['e-commerce, and the card is in a shop', { blocked: ['ecommerce'] }, message('0100', 5), '0000'],
    ['cash', { blocked: ['cash'] }, message('0200', 5, { purpose: 'cash', pin: rightPin }), '1871'],
    ['cash, and something is bought', { blocked: ['cash'] }, message('0200', 5), '0000'],
    ['contactless', { blocked: ['contactless'] }, message('0200', 5, { entryMode: 'contactless' }), '1871'],
    ['the stripe', { blocked: ['stripe'] }, message('0200', 5, { entryMode: 'stripe' }), '1871'],
    ['the stripe, of a chip that could not be read', { blocked: ['stripe'] }, message('0200', 5, { entryMode: 'fallback' }), '1871'],
    ['a country', { countries: { kind: 'deny', names: ['840', '276'] } }, message('0200', 5, { merchant: { country: '276' } }), '1872'],
    ['a country, and it is another', { countries: { kind: 'deny', names: ['840'] } }, message('0200', 5, { merchant: { country: '276' } }), '0000'],
    ['a country, and nobody says which it is', { countries: { kind: 'deny', names: ['840'] } }, message('0200', 5), '0000'],
    ['all countries but one, and it is that', { countries: { kind: 'allow', names: ['276'] } }, message('0200', 5, { merchant: { country: '276' } }), '0000'],
    ['all countries but one, and it is another', { countries: { kind: 'allow', names: ['276'] } }, message('0200', 5, { merchant: { country: '840' } }), '1872'],
    ['all countries but one, and nobody says which it is', { countries: { kind: 'allow', names: ['276'] } }, message('0200', 5), '1872'],
    ['a kind of merchant', { merchants: { kind: 'deny', names: ['gambling'] } }, message('0200', 5, { merchant: { groups: ['gambling'] } }), '1873'],
    ['all kinds of merchants but one, and it is that', { merchants: { kind: 'allow', names: ['fuel'] } }, message('0200', 5, { merchant: { groups: ['fuel'] } }), '0000'],
    ['all kinds of merchants but one, and it is none', { merchants: { kind: 'allow', names: ['fuel'] } }, message('0200', 5), '1873'],
    ['a way of paying, and nothing is to be paid', { blocked: ['ecommerce'] }, message('0100', 0, { ...online, purpose: 'verification' }), '1871'],
    ['a way of paying, and money is given back that way', { blocked: ['ecommerce'] }, message('0200', 5, { ...online, purpose: 'refund' }), '0000'],
  ])('declines: %s', (_name, controls, sent, reason) => {
    for (const by of ['holder', 'partner'] as const) expect(reasonOf(controls, { ...sent, id: `${sent.id}-${by}` }, by)).toBe(reason);
  });

  test('is what either of the two has closed, and each changes its own alone', () => {
    const ledger = ledgerWith({ blocked: ['ecommerce'] });
    ledger.play(set({ blocked: ['contactless'] }, 'partner'));
    expect(ledger.record().controls).toEqual({ holder: { blocked: ['ecommerce'] }, partner: { blocked: ['contactless'] } });
    expect(ledger.play(message('0200', 1, online)).response.reason).toBe('1871');
    expect(ledger.last.checks.find(({ outcome }) => outcome === 'fail')?.value).toBe('holder: channel ecommerce');
    expect(ledger.play(message('0200', 1, { entryMode: 'contactless' })).response.reason).toBe('1871');
    ledger.play(set({}));
    expect(ledger.record().controls).toEqual({ partner: { blocked: ['contactless'] } });
    ledger.play(set({}, 'partner'));
    expect(ledger.record()).toEqual(cardRecord(0));
    ledger.checkReplay();
  });

  test('is a card for a time, and the time ends by itself', () => {
    const ledger = ledgerWith({ pausedUntilMs: startMs + 1_000 });
    expect(ledger.play(message('0200', 1, { receivedAtMs: startMs + 999 })).response.reason).toBe('1870');
    expect(failedCheck(ledger.last)).toBe('cardState');
    expect(ledger.play(message('0200', 1, { receivedAtMs: startMs + 1_000 })).response.reason).toBe('0000');
  });

  test('for a time is beside what else the same one has closed, which it never takes away', () => {
    const pause = (untilMs: number, id: string) => ({ kind: 'cardPause', id, accountId, receivedAtMs: startMs, cardToken: 'token-0', by: 'partner', untilMs }) as const;
    const ledger = ledgerWith({ blocked: ['cash'] }, 'partner');
    ledger.play(set({ blocked: ['stripe'] }));
    expect(ledger.play(pause(startMs + 1_000, 'pause-1')).response.reason).toBe('0000');
    expect(ledger.record().controls).toEqual({ holder: { blocked: ['stripe'] }, partner: { blocked: ['cash'], pausedUntilMs: startMs + 1_000 } });
    expect(ledger.play(pause(-1, 'pause-2')).response.reason).toBe('9100');
    expect(ledger.play(pause(0, 'pause-3')).response.reason).toBe('0000');
    expect(ledger.record().controls).toEqual({ holder: { blocked: ['stripe'] }, partner: { blocked: ['cash'] } });
    ledger.checkReplay();
  });

  test('a completion of what was authorized before is not declined for', () => {
    const ledger = Ledger.with(1_000);
    const held = message('0100', 80, { ...online, purpose: 'preauthorization' });
    ledger.playAll(held, set({ blocked: ['ecommerce'] }));
    expect(ledger.play(message('0200', 80, { ...online, purpose: 'completion', original: reference(held) })).response.reason).toBe('0000');
  });

  test('an advice tells of all the same: it is recorded, with what would have declined it', () => {
    const ledger = ledgerWith({ blocked: ['ecommerce'] });
    expect(ledger.play(message('0220', 5, online)).response.reason).toBe('9001');
    expect(ledger.last.flags).toContain('wouldDecline:1871');
  });
});

describe('limits of a card’s own', () => {
  test('count what the card has used, as the program’s do, and are in force beside them', () => {
    const ledger = ledgerWith({ limits: [{ scope: 'overall', period: 'day', amountMinorMax: 100 }, { scope: 'cash', period: 'month', countMax: 1 }] });
    expect(ledger.play(message('0200', 60)).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 41)).response.reason).toBe('1874');
    expect(ledger.play(message('0200', 20, { purpose: 'cash', pin: rightPin })).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 5, { purpose: 'cash', pin: rightPin })).response.reason).toBe('1875');
    expect(ledger.play(message('0200', 41, { afterDays: 1 })).response.reason).toBe('0000');
    expect(ledger.play(message('0200', 5, { terms: { limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 4 }] } })).response.reason).toBe('1021');
  });
});

describe('a set of controls', () => {
  test('that cannot be one changes nothing', () => {
    const ledger = Ledger.with(100);
    const many = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index).padStart(3, '0'));
    const wrong: ControlSet[] = [
      { blocked: ['fax' as 'cash'] }, { countries: { kind: 'deny', names: ['DE'] } }, { countries: { kind: 'deny', names: many(65) } },
      { merchants: { kind: 'deny', names: [''] } }, { merchants: { kind: 'deny', names: many(33) } }, { merchants: { kind: 'other' as 'deny', names: [] } },
      { limits: [{ scope: 'overall', period: 'day' }] }, { limits: [{ scope: 'overall', period: 'day', countMax: -1 }] },
      { limits: many(9).map(() => ({ scope: 'overall', period: 'day', countMax: 1 })) }, { limits: [{ scope: 'overall', period: 'year' as 'day', countMax: 1 }] },
      { pausedUntilMs: -1 }, { pausedUntilMs: 1.5 },
    ];
    for (const controls of wrong) expect(ledger.play(set(controls)).response.reason).toBe('9100');
    expect(ledger.record()).toEqual(cardRecord(0));
  });

  test('is in one form, however it was said', () => {
    const ledger = ledgerWith({ blocked: ['stripe', 'cash', 'cash'], countries: { kind: 'deny', names: ['840', '276', '840'] }, limits: [], merchants: undefined });
    expect(ledger.record().controls).toEqual({ holder: { blocked: ['cash', 'stripe'], countries: { kind: 'deny', names: ['276', '840'] } } });
  });

  test('stays with the card when its PIN is tried, its record is changed and it is locked', () => {
    const ledger = ledgerWith({ blocked: ['cash'] });
    ledger.playAll(
      message('0200', 1, { pin: { outcome: 'wrong', pinVersion: 1 } }),
      { kind: 'cardLock', id: 'lock', accountId, receivedAtMs: startMs, cardToken: 'token-0', lockCode: 3 },
      { kind: 'cardChange', id: 'change', accountId, receivedAtMs: startMs, card: cardRecord(0, { expiry: '3212', lockCode: 3 }), encryptedPan: undefined, maskedPan: undefined },
    );
    expect(ledger.record()).toEqual(cardRecord(0, { expiry: '3212', lockCode: 3, controls: { holder: { blocked: ['cash'] } } }));
    ledger.checkReplay();
  });
});
