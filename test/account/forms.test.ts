import fc from 'fast-check';
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { decodeAccount, encodeAccount } from '../../src/account/account.ts';
import type { Account, Card } from '../../src/account/account.ts';
import { loadEffect, newSecurity, storeEffect } from '../../src/account/card.ts';
import type { CardRecord, CardSecurity, ChipCounter } from '../../src/account/card.ts';
import { decodeEntry, encodeEntry } from '../../src/account/journal.ts';
import { replay } from '../../src/account/replay.ts';
import { channels, controlSetOf } from '../../src/account/controls.ts';
import type { CardControls, ControlList, ControlSet } from '../../src/account/controls.ts';
import type { LimitRule, QueuedScript } from '../../src/message/message.ts';
import type { PinReference } from '../../src/message/pin.ts';
import { accountId, cardRecord, Ledger, message, rightPin } from './fixture.ts';

const text = fc.string({ maxLength: 12 });
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const plainObject = { noNullPrototype: true } as const;
const digits = (length: number): fc.Arbitrary<string> => fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((all) => all.join(''));

const pinArbitrary: fc.Arbitrary<PinReference> = fc.oneof(
  fc.record({ method: fc.constant('pvv' as const), keyIndex: fc.integer({ min: 0, max: 9 }), value: digits(4) }, plainObject),
  fc.record({ method: fc.constant('ibm3624' as const), keyIndex: fc.integer({ min: 0, max: 9 }), value: fc.integer({ min: 4, max: 12 }).chain(digits) }, plainObject),
);
const listArbitrary = (name: fc.Arbitrary<string>): fc.Arbitrary<ControlList> =>
  fc.record({ kind: fc.constantFrom('allow' as const, 'deny' as const), names: fc.array(name, { maxLength: 5 }) }, plainObject);
const limitArbitrary: fc.Arbitrary<LimitRule> = fc.record({
  scope: fc.constantFrom('overall', 'cash', 'gambling'), period: fc.constantFrom('transaction' as const, 'day' as const, 'month' as const),
  amountMinorMax: fc.nat(), countMax: fc.nat(),
}, { ...plainObject, requiredKeys: ['scope', 'period', 'amountMinorMax'] });
/** In their one form: what says nothing is not there. */
const setArbitrary: fc.Arbitrary<ControlSet> = fc.record({
  blocked: fc.subarray([...channels], { minLength: 1 }), countries: listArbitrary(digits(3)), merchants: listArbitrary(fc.string({ minLength: 1, maxLength: 9 })),
  limits: fc.array(limitArbitrary, { maxLength: 8 }), pausedUntilMs: fc.nat(),
}, { ...plainObject, requiredKeys: [] }).map(controlSetOf).filter((set): set is ControlSet => typeof set === 'object');
const controlsArbitrary: fc.Arbitrary<CardControls> = fc.record({ holder: setArbitrary, partner: setArbitrary }, { ...plainObject, requiredKeys: [] })
  .filter((controls) => Object.keys(controls).length > 0);
const recordArbitrary: fc.Arbitrary<CardRecord> = fc.record({
  token: text, state: fc.constantFrom('ordered', 'active', 'removed'), lockCode: fc.integer({ min: 0, max: 8 }), expiry: digits(4), serviceCode: digits(3),
  cvv2Generation: fc.nat({ max: 3 }), pinVersion: fc.nat({ max: 3 }), pin: optional(pinArbitrary), controls: controlsArbitrary,
}, { ...plainObject, requiredKeys: ['token', 'state', 'lockCode', 'expiry', 'serviceCode', 'cvv2Generation', 'pinVersion', 'pin'] });
const scriptArbitrary: fc.Arbitrary<QueuedScript> = fc.record({
  id: text, command: fc.constantFrom('applicationBlock', 'applicationUnblock', 'pinUnblock', 'pinChange'),
  sealed: optional(fc.string({ minLength: 1, maxLength: 8 })), sentBy: optional(fc.string({ minLength: 1, maxLength: 8 })), sentTo: digits(2),
}, { ...plainObject, requiredKeys: ['id', 'command', 'sealed', 'sentBy'] });
const chipArbitrary = (panSequence: fc.Arbitrary<string>): fc.Arbitrary<ChipCounter> => fc.record({
  panSequence, highestAtc: fc.nat({ max: 65_535 }), seen: fc.nat({ max: 0x7fff_ffff }), takenBy: fc.string({ minLength: 1 }),
}, { ...plainObject, requiredKeys: ['panSequence', 'highestAtc', 'seen'] });
/** Of chips that are told apart, or of one from before they were. */
const chipsArbitrary: fc.Arbitrary<ChipCounter[]> = fc.oneof(
  fc.array(chipArbitrary(digits(2)), { maxLength: 3 }), fc.array(chipArbitrary(fc.constant('')), { minLength: 1, maxLength: 1 }),
);
const securityArbitrary: fc.Arbitrary<CardSecurity> = fc.oneof(fc.constant(newSecurity), fc.record({
  pinTries: fc.nat({ max: 15 }), chips: chipsArbitrary,
  scripts: fc.array(scriptArbitrary, { maxLength: 8 }),
}, plainObject));
const cardArbitrary: fc.Arbitrary<Card> = fc.record({
  record: recordArbitrary, security: securityArbitrary,
  counters: fc.constant({ day: { window: 20_000, scopes: { overall: [1, 5] as const } }, month: { window: 657, scopes: {} } }),
}, plainObject);

const plain: Account = {
  id: accountId, version: 12, currency: '978', program: 'demo', partner: 'bank', ledgerMinor: 5, heldMinor: 3, openHolds: 1, isClosed: false,
  cards: [{
    record: cardRecord(0, { pinVersion: 0, pin: undefined }), security: newSecurity,
    counters: { day: { window: 20_000, scopes: { overall: [1, 3] } }, month: { window: 657, scopes: {} } },
  }],
};
/** As it was written before a card had a PIN. */
const form1 = '[1,12,"978","demo","bank",5,3,1,["token-0",1,0,"3112","201",[20000,"overall",1,3],[657]]]';

describe('a head', () => {
  test('reads as it was written, whatever its cards have', () => {
    fc.assert(fc.property(fc.array(cardArbitrary, { maxLength: 4 }), fc.boolean(), (cards, isClosed) => {
      const account = { ...plain, isClosed, cards };
      deepStrictEqual(decodeAccount(accountId, encodeAccount(account)), account);
    }), { numRuns: 500, seed: 20_261_122 });
  });

  test('of form 1 is read, and one whose card has neither PIN nor chip is no longer than it was', () => {
    expect(decodeAccount(accountId, form1)).toEqual(plain);
    expect(encodeAccount(plain)).toBe(form1.replace('[1,', '[2,'));
    expect(() => decodeAccount(accountId, form1.replace('[1,', '[4,'))).toThrow('a form that this program knows');
  });

  test('is in form 3 where it is closed, or a card has controls, and only then', () => {
    const [card] = plain.cards;
    if (card === undefined) throw new Error('there is a card');
    const closed: Account = { ...plain, isClosed: true };
    const controls = { holder: { blocked: ['cash'] as const, countries: { kind: 'deny', names: ['276'] } as const }, partner: { pausedUntilMs: 5 } };
    const controlled: Account = { ...plain, cards: [{ ...card, record: { ...card.record, controls } }] };
    expect(encodeAccount(closed)).toBe(form1.replace('[1,', '[3,').replace('5,3,1,', '5,3,1,1,'));
    expect(encodeAccount(controlled)).toBe('[3,12,"978","demo","bank",5,3,1,0,["token-0",1,0,"3112","201",[20000,"overall",1,3],[657],0,0,0,0,0,{"h":[2,[0,"276"],0,0],"p":[0,0,0,5]}]]');
    for (const account of [closed, controlled]) deepStrictEqual(decodeAccount(accountId, encodeAccount(account)), account);
    strictEqual(decodeAccount(accountId, encodeAccount(controlled)).cards[0]?.security, newSecurity);
  });

  test('of a card with a PIN and a chip takes a few dozen bytes more', () => {
    const [card] = plain.cards;
    if (card === undefined) throw new Error('there is a card');
    const used = (panSequence: string): Account => ({
      ...plain, cards: [{ ...card, record: cardRecord(0), security: { pinTries: 0, chips: [{ panSequence, highestAtc: 517, seen: 0x7fff_ffff, takenBy: 'm' }], scripts: [] } }],
    });
    expect(encodeAccount(used('01')).length - form1.length).toBeLessThan(40);
    expect(encodeAccount(used('01')).length - encodeAccount(used('')).length).toBe(2);
  });

  test('from before chips were told apart is read, with a counter and scripts of no known chip', () => {
    const [card] = plain.cards;
    if (card === undefined) throw new Error('there is a card');
    const form2 = '[2,12,"978","demo","bank",5,3,1,["token-0",1,0,"3112","201",[20000,"overall",1,3],[657],0,0,0,1,[517,3,"m1"],["s",0,0,"m1"]]]';
    const security: CardSecurity = {
      pinTries: 1, chips: [{ panSequence: '', highestAtc: 517, seen: 3, takenBy: 'm1' }], scripts: [{ id: 's', command: 'applicationBlock', sealed: undefined, sentBy: 'm1' }],
    };
    expect(decodeAccount(accountId, form2)).toEqual({ ...plain, cards: [{ ...card, security }] });
    expect(encodeAccount(decodeAccount(accountId, form2))).toBe(form2);
    expect(decodeAccount(accountId, form2.replace('[517,3,"m1"]', '[517,3]')).cards[0]?.security.chips).toEqual([{ panSequence: '', highestAtc: 517, seen: 3 }]);
  });
});

describe('a journal entry', () => {
  test('has what changes about a card whole', () => {
    fc.assert(fc.property(optional(recordArbitrary), optional(securityArbitrary), fc.nat({ max: 9 }), (record, security, index) => {
      const effect = { index, record, security };
      deepStrictEqual(loadEffect(JSON.parse(JSON.stringify(storeEffect(effect))) as ReturnType<typeof storeEffect>), effect);
    }), { numRuns: 500, seed: 20_261_122 });
  });

  test('of form 1 is read with the checks that there were', () => {
    const ledger = Ledger.with(100);
    ledger.play(message('0200', 10, { pin: rightPin }));
    const row = JSON.parse(encodeEntry(ledger.last)) as unknown[];
    row[0] = 1;
    row[31] = ['0', '0', '0', '0active', '03112', '2nothing carried', '0verified', '0', '0978, balance 978', '010 of 100', '2'];
    const read = decodeEntry(JSON.stringify(row));
    if (read.kind !== 'transaction') throw new Error('it is a card message’s');
    expect(read.checks.map(({ check }) => check)).toEqual([
      'content', 'luhn', 'cardKnown', 'cardState', 'expiry', 'cardValue', 'pin', 'limits', 'currency', 'balance', 'partnerBalance',
    ]);
    expect(read.checks[9]).toEqual({ check: 'balance', outcome: 'pass', value: '10 of 100' });
    row[0] = 3;
    expect(() => decodeEntry(JSON.stringify(row))).toThrow('a form that this program knows');
  });

  test('of a card from before it had a PIN gives a card without one', () => {
    const base = { accountId, receivedAtMs: 1, decidedAtMs: 1, records: [] };
    const effects = { ledgerMinor: 0, heldMinor: 0, openHolds: 0, counters: [], postings: [] };
    const texts = [
      { kind: 'opened', sequence: 1, id: 'a', currency: '978', program: 'demo', partner: 'bank', ...base, effects },
      { kind: 'card', sequence: 2, id: 'b', index: 0, card: { token: 't', state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201' }, ...base, effects },
    ].map((entry) => JSON.stringify(entry));
    const { account } = replay(texts.map(decodeEntry));
    strictEqual(account?.cards[0]?.security, newSecurity);
    expect(account.cards[0].record).toEqual({
      token: 't', state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 0, pin: undefined,
    });
    deepStrictEqual(decodeAccount(accountId, encodeAccount(account)), account);
  });
});
