import { describe, expect, test } from 'vitest';
import type { PinVerdict, QueuedScript } from '../../src/message/message.ts';
import {
  accountId, againOf, cardRecord, chipFacts, Ledger, localReference, message, reference, repeatOf, reversalOf, rightPin, startMs, wrongPin,
} from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

const base = { accountId, receivedAtMs: startMs, cardToken: 'token-0' } as const;
const wrong = (change: MessageChange = {}): CardMessage => message('0200', 10, { pin: wrongPin, ...change });
const right = (amountMinor = 10): CardMessage => message('0200', amountMinor, { pin: rightPin });
const unlock = (id: string) => ({ ...base, kind: 'cardUnlock', id }) as const;

describe('wrong PINs', () => {
  test('are counted with their decline, and the one that reaches the limit locks the card with code 6 and is told so', () => {
    const ledger = Ledger.with(100);
    expect(ledger.playAll(wrong()).response.reason).toBe('1017');
    expect(ledger.last.effects.card).toMatchObject({ index: 0, record: undefined, security: { pinTries: 1 } });
    expect(ledger.playAll(wrong()).response.reason).toBe('1017');
    expect(ledger.record().lockCode).toBe(0);
    expect(ledger.playAll(wrong()).response.reason).toBe('1806');
    expect([ledger.record().lockCode, ledger.last.flags]).toEqual([6, ['locked:6']]);
    expect(ledger.play(right()).response.reason).toBe('1806');
    expect(ledger.security().pinTries).toBe(3);
    ledger.checkReplay();
  });

  test('are counted once per transaction, whatever repeats it', () => {
    const ledger = Ledger.with(100);
    const tried = wrong();
    ledger.play(tried);
    for (const again of [repeatOf(tried), againOf(tried), repeatOf(tried)]) {
      expect(ledger.play(again)).toMatchObject({ response: { reason: '1017' }, note: 'repeat', change: undefined });
    }
    expect(ledger.security().pinTries).toBe(1);
  });

  test('do not count where another check failed first, nor does a block that holds no PIN', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(wrong({ cardFacts: { expiry: '2001' } })).response.reason).toBe('1001');
    expect(ledger.play(message('0200', 10, { pin: { outcome: 'malformed', pinVersion: 1 } })).response.reason).toBe('1026');
    expect(ledger.play(message('0200', 10, { pin: { outcome: 'error', pinVersion: 1 } })).response.reason).toBe('1815');
    expect(ledger.security().pinTries).toBe(0);
  });

  test('are forgotten with a right one, also where a later check declines', () => {
    const ledger = Ledger.with(100);
    ledger.playAll(wrong(), wrong());
    expect(ledger.play(right(101)).response.reason).toBe('1016');
    expect(ledger.security().pinTries).toBe(0);
    ledger.playAll(wrong(), wrong());
    expect(ledger.play(right()).response.reason).toBe('0000');
    expect(ledger.security().pinTries).toBe(0);
    ledger.checkReplay();
  });

  test('of an advice count too, and lock, but not where what it tells of is on record', () => {
    const ledger = Ledger.with(100, [cardRecord(0)]);
    const request = wrong();
    ledger.play(request);
    ledger.play(message('0220', 10, { pin: wrongPin, advisedDecline: true, trace: { ...request.trace, function: 'advice' } }));
    expect(ledger.security().pinTries).toBe(1);
    ledger.play(message('0220', 10, { pin: wrongPin, advisedDecline: true }));
    expect(ledger.security().pinTries).toBe(2);
    expect(ledger.play(message('0220', 10, { pin: wrongPin })).response.reason).toBe('9001');
    expect(ledger.last.flags).toEqual(['wouldDecline:1806', 'locked:6']);
    expect([ledger.record().lockCode, ledger.totals]).toEqual([6, '90 0 0']);
    ledger.checkReplay();
  });

  test('are forgotten with an advised approval whose PIN was right', () => {
    const ledger = Ledger.with(100);
    ledger.playAll(wrong(), wrong(), message('0220', 10, { pin: rightPin }));
    expect(ledger.security().pinTries).toBe(0);
  });

  test('count for one card of an account alone, and start anew when code 6 is lifted or replaced', () => {
    const ledger = Ledger.with(100, [cardRecord(0), cardRecord(1)]);
    ledger.playAll(wrong(), wrong(), wrong());
    expect(ledger.play(message('0200', 10, { card: 1, pin: rightPin })).response.reason).toBe('0000');
    expect(ledger.play(unlock('u1')).response.reason).toBe('0000');
    expect([ledger.record().lockCode, ledger.security().pinTries]).toEqual([0, 0]);
    ledger.playAll(wrong(), wrong(), wrong(), { ...base, kind: 'cardLock', id: 'l1', lockCode: 3 });
    expect([ledger.record().lockCode, ledger.security().pinTries]).toEqual([3, 0]);
    ledger.playAll(unlock('u2'), wrong(), wrong(), wrong());
    ledger.play({ ...base, kind: 'cardChange', id: 'c1', card: cardRecord(0, { lockCode: 7 }), encryptedPan: undefined, maskedPan: undefined });
    expect([ledger.record().lockCode, ledger.security().pinTries]).toEqual([7, 0]);
    ledger.checkReplay();
  });
});

describe('a key that a terminal derived for one PIN', () => {
  const under = (pin: PinVerdict, keyUseId: string, change: MessageChange = {}): CardMessage => message('0200', 10, { pin: { ...pin, keyUseId }, ...change });

  test('is used once by a card, whether its PIN was right or wrong, and what comes under it again counts as no try', () => {
    const ledger = Ledger.with(100);
    const first = under(wrongPin, 'a');
    expect(ledger.play(first).response.reason).toBe('1017');
    expect(ledger.play(repeatOf(first))).toMatchObject({ response: { reason: '1017' }, note: 'repeat' });
    for (const pin of [wrongPin, rightPin]) expect(ledger.play(under(pin, 'a')).response.reason).toBe('1818');
    expect(ledger.security().pinTries).toBe(1);
    expect(ledger.play(under(rightPin, 'b')).response.reason).toBe('0000');
    expect(ledger.play(under(rightPin, 'b')).response.reason).toBe('1818');
    expect(ledger.security().pinTries).toBe(0);
    ledger.checkReplay();
  });

  test('is not used by a PIN that was not judged, nor by a block that holds none', () => {
    const ledger = Ledger.with(100);
    expect(ledger.play(under(rightPin, 'a', { cardFacts: { expiry: '2001' } })).response.reason).toBe('1001');
    expect(ledger.play(under({ outcome: 'malformed', pinVersion: 1 }, 'a')).response.reason).toBe('1026');
    expect(ledger.play(under({ outcome: 'error', pinVersion: 1 }, 'a')).response.reason).toBe('1815');
    expect(ledger.play(under(rightPin, 'a')).response.reason).toBe('0000');
  });

  test('is no zone’s, under which any number of PINs come', () => {
    const ledger = Ledger.with(100);
    for (let times = 0; times < 3; times += 1) expect(ledger.play(right()).response.reason).toBe('0000');
  });
});

describe('cash', () => {
  test('needs a verified PIN or a cryptogram that matches', () => {
    const ledger = Ledger.with(100);
    const cash = (change: MessageChange): string => ledger.play(message('0200', 10, { purpose: 'cash', ...change })).response.reason;
    expect(cash({})).toBe('1012');
    expect(cash({ chip: { ...chipFacts(1), outcome: 'mismatch' } })).toBe('1012');
    expect(cash({ chip: chipFacts(1) })).toBe('0000');
    expect(cash({ pin: rightPin })).toBe('0000');
    expect(cash({ chip: chipFacts(1) })).toBe('1842');
  });
});

describe('cryptograms', () => {
  const demanding = { terms: { cryptogramRequired: true } } as const;
  const reasonOf = (ledger: Ledger, change: MessageChange): string => ledger.play(message('0200', 1, { ...demanding, ...change })).response.reason;

  test('are demanded of what a chip was read for, and of nothing else', () => {
    const ledger = Ledger.with(100);
    expect(reasonOf(ledger, { entryMode: 'chip' })).toBe('1841');
    expect(reasonOf(ledger, { entryMode: 'contactless' })).toBe('1841');
    for (const kind of ['dcvv', 'cvc3'] as const) {
      expect(reasonOf(ledger, { entryMode: 'contactless', cardValue: { kind, outcome: 'match', against: undefined } })).toBe('0000');
      expect(reasonOf(ledger, { entryMode: 'chip', cardValue: { kind, outcome: 'match', against: undefined } })).toBe('1841');
    }
    for (const entryMode of ['stripe', 'fallback', 'manual', 'ecommerce', 'unknown'] as const) expect(reasonOf(ledger, { entryMode })).toBe('0000');
    expect(reasonOf(ledger, { purpose: 'refund' })).toBe('0000');
    expect(ledger.play(message('0220', 1, demanding)).response.reason).toBe('9001');
    expect(ledger.last.flags).toEqual([]);
  });

  test('are not demanded of what follows an authorization that stands, and may come again with it', () => {
    const ledger = Ledger.with(100);
    const first = message('0100', 10, { ...demanding, purpose: 'preauthorization', chip: chipFacts(9) });
    ledger.play(first);
    expect(reasonOf(ledger, { purpose: 'completion', original: reference(first), chip: chipFacts(9) })).toBe('0000');
    expect(reasonOf(ledger, { chip: chipFacts(9) })).toBe('1842');
    const second = message('0100', 10, { ...demanding, chip: chipFacts(10) });
    ledger.play(second);
    ledger.play(message('0220', 10, { purpose: 'completion', original: localReference(second), chip: chipFacts(10) }));
    expect(ledger.last.flags).toEqual([]);
  });

  test('use their counter up, whatever declines, unless they do not match', () => {
    const ledger = Ledger.with(100);
    const mismatch = { ...chipFacts(50), outcome: 'mismatch' } as const;
    expect(reasonOf(ledger, { chip: mismatch })).toBe('1840');
    expect(ledger.security().chips).toEqual([]);
    expect(ledger.play(message('0200', 101, { chip: chipFacts(3) })).response.reason).toBe('1016');
    expect(ledger.security().chips).toMatchObject([{ panSequence: '01', highestAtc: 3, seen: 0 }]);
    expect(reasonOf(ledger, { chip: chipFacts(4), pin: wrongPin })).toBe('1017');
    expect(reasonOf(ledger, { chip: chipFacts(4), pin: rightPin })).toBe('1842');
    expect(reasonOf(ledger, { chip: chipFacts(6, { name: 'offlineFailed', effect: 'decline' }) })).toBe('1843');
    expect(reasonOf(ledger, { chip: chipFacts(6) })).toBe('1842');
    expect(reasonOf(ledger, { chip: chipFacts(5) })).toBe('0000');
    ledger.checkReplay();
  });

  test('tell an operator what the rules only note', () => {
    const ledger = Ledger.with(100);
    expect(reasonOf(ledger, { chip: chipFacts(1, { name: 'onlineForced', effect: 'note' }) })).toBe('0000');
    expect(ledger.last.flags).toEqual(['chip:onlineForced']);
    expect(reasonOf(ledger, { chip: { ...chipFacts(2, { name: 'x', effect: 'decline' }), outcome: 'malformed' } })).toBe('1840');
    expect(ledger.last.flags).toEqual([]);
  });

  test('of an advice use their counter up too, and one that came before is flagged and nothing more', () => {
    const ledger = Ledger.with(100);
    ledger.play(message('0220', 10, { chip: chipFacts(8) }));
    expect(ledger.security().chips[0]?.highestAtc).toBe(8);
    expect(ledger.play(message('0220', 10, { chip: chipFacts(8) })).response.reason).toBe('9001');
    expect(ledger.last.flags).toEqual(['wouldDecline:1842']);
    expect(reasonOf(ledger, { chip: chipFacts(8) })).toBe('1842');
  });
});

describe('the chips of one card number', () => {
  const of = (panSequence: string, atc: number, change: MessageChange = {}): CardMessage => message('0200', 1, { chip: { ...chipFacts(atc), panSequence }, ...change });
  const reasonsOf = (ledger: Ledger, ...sent: CardMessage[]): string[] => sent.map((each) => ledger.play(each).response.reason);
  const kept = (ledger: Ledger): string[] => ledger.security().chips.map(({ panSequence, highestAtc }) => `${panSequence} ${highestAtc}`);

  test('have a counter each: a renewed one begins anew, and the one before it is not paid with again', () => {
    const ledger = Ledger.with(100);
    expect(reasonsOf(ledger, of('01', 700), of('02', 1), of('02', 2))).toEqual(['0000', '0000', '0000']);
    expect(reasonsOf(ledger, of('01', 700), of('02', 1), of('01', 701), of('01', 689), of('01', 692))).toEqual(['1842', '1842', '0000', '1842', '0000']);
    expect(kept(ledger)).toEqual(['01 701', '02 2']);
    ledger.checkReplay();
  });

  test('are remembered three at a time, the one that did not come for longest making room', () => {
    const ledger = Ledger.with(100);
    reasonsOf(ledger, of('00', 10), of('01', 20), of('02', 30), of('00', 11));
    expect(kept(ledger)).toEqual(['00 11', '02 30', '01 20']);
    expect(reasonsOf(ledger, of('03', 1), of('00', 11), of('02', 30), of('03', 1))).toEqual(['0000', '1842', '1842', '1842']);
    expect(kept(ledger)).toEqual(['03 1', '00 11', '02 30']);
    ledger.checkReplay();
  });

  test('give their repeat nothing but to the chip that the message came with', () => {
    const ledger = Ledger.with(100);
    const first = of('01', 5);
    reasonsOf(ledger, first, of('02', 9));
    const repeated = (panSequence: string, atc: number): CardMessage => ({ ...repeatOf(first), chip: { ...chipFacts(atc), panSequence } });
    expect([repeated('01', 5), repeated('02', 5), repeated('02', 9), repeated('03', 5)].map((each) => ledger.play(each).response.chipIsOther)).toEqual([undefined, true, true, true]);
  });

  test('share a counter from before they were told apart, until the first of them has it', () => {
    const ledger = Ledger.with(100);
    const { account } = ledger;
    if (account === undefined) throw new Error('there is an account');
    ledger.account = { ...account, cards: account.cards.map((card) => ({ ...card, security: { ...card.security, chips: [{ panSequence: '', highestAtc: 40, seen: 0 }] } })) };
    expect(reasonsOf(ledger, of('01', 40), of('02', 29))).toEqual(['1842', '1842']);
    expect(kept(ledger)).toEqual([' 40']);
    expect(reasonsOf(ledger, of('01', 39), of('02', 1), of('01', 40), of('01', 39))).toEqual(['0000', '0000', '1842', '1842']);
    expect(kept(ledger)).toEqual(['02 1', '01 40']);
  });
});

describe('authentication values', () => {
  const online = { entryMode: 'ecommerce', cardPresent: false } as const;
  const bought = (useId: string, amountMinor = 10, change: MessageChange = {}): CardMessage =>
    message('0200', amountMinor, { ...online, authentication: { outcome: 'match', useId }, ...change });
  const reasonOf = (ledger: Ledger, sent: CardMessage): string => ledger.play(sent).response.reason;

  test('are used once, by an approval; a declined attempt may be made again', () => {
    const ledger = Ledger.with(100);
    expect(reasonOf(ledger, bought('a', 101))).toBe('1016');
    const paid = bought('a');
    expect(ledger.play(paid)).toMatchObject({ response: { reason: '0000' }, rounds: 1 });
    expect(ledger.play(repeatOf(paid))).toMatchObject({ response: { reason: '0000' }, note: 'repeat' });
    expect(ledger.play(bought('a'))).toMatchObject({ response: { reason: '1851' }, rounds: 2 });
    expect(reasonOf(ledger, reversalOf(paid))).toBe('4000');
    expect(reasonOf(ledger, bought('a'))).toBe('1851');
    expect(reasonOf(ledger, bought('b'))).toBe('0000');
    ledger.checkReplay();
  });

  test('may come again with what follows their authorization, and are used up by an advice', () => {
    const ledger = Ledger.with(100);
    const first = message('0100', 10, { ...online, purpose: 'preauthorization', authentication: { outcome: 'match', useId: 'a' } });
    ledger.play(first);
    expect(reasonOf(ledger, bought('a', 10, { purpose: 'completion', original: reference(first) }))).toBe('0000');
    ledger.play(message('0220', 10, { ...online, authentication: { outcome: 'match', useId: 'b' } }));
    expect(ledger.last.flags).toEqual([]);
    expect(reasonOf(ledger, bought('b'))).toBe('1851');
    ledger.play(message('0220', 10, { ...online, authentication: { outcome: 'match', useId: 'b' } }));
    expect(ledger.last.flags).toEqual(['wouldDecline:1851']);
  });

  test('are demanded of payments in e-commerce alone, and remembered for 120 days', () => {
    const ledger = Ledger.with(100);
    const demanding = { terms: { authenticationRequired: true } } as const;
    expect(reasonOf(ledger, message('0200', 1, { ...online, ...demanding }))).toBe('1852');
    expect(reasonOf(ledger, message('0100', 1, { ...online, ...demanding, purpose: 'preauthorization' }))).toBe('1852');
    expect(reasonOf(ledger, message('0200', 1, { ...online, ...demanding, purpose: 'refund' }))).toBe('0000');
    expect(reasonOf(ledger, message('0200', 1, { ...demanding, entryMode: 'manual' }))).toBe('0000');
    ledger.play(bought('late', 1));
    expect(reasonOf(ledger, bought('late', 1, { afterDays: 119 }))).toBe('1851');
    expect(reasonOf(ledger, bought('late', 1, { afterDays: 121 }))).toBe('0000');
  });
});

describe('a value that a contactless chip made for one payment', () => {
  const tapped = (atc: number, panSequence = '01', modulus = 10_000): CardMessage =>
    message('0200', 1, { entryMode: 'contactless', cardValue: { kind: 'dcvv', outcome: 'match', against: undefined, counter: { panSequence, atc, modulus } } });
  const reasonOf = (ledger: Ledger, sent: CardMessage): string => ledger.play(sent).response.reason;

  test('is taken once, by the counter that it shares with the chip’s cryptograms', () => {
    const ledger = Ledger.with(100);
    expect(reasonOf(ledger, tapped(5))).toBe('0000');
    expect([reasonOf(ledger, tapped(5)), reasonOf(ledger, message('0200', 1, { chip: chipFacts(5) }))]).toEqual(['1842', '1842']);
    expect(reasonOf(ledger, message('0200', 1, { chip: chipFacts(6) }))).toBe('0000');
    expect([reasonOf(ledger, tapped(6)), reasonOf(ledger, tapped(4)), reasonOf(ledger, tapped(4))]).toEqual(['1842', '0000', '1842']);
    ledger.checkReplay();
  });

  test('is counted for the chip that made it', () => {
    const ledger = Ledger.with(100);
    expect([tapped(9_000), tapped(3, '02'), tapped(3, '02'), tapped(9_000), tapped(9_001)].map((each) => reasonOf(ledger, each))).toEqual(['0000', '0000', '1842', '1842', '0000']);
    expect(ledger.security().chips.map(({ panSequence, highestAtc }) => [panSequence, highestAtc])).toEqual([['01', 9_001], ['02', 3]]);
    ledger.checkReplay();
  });

  test('says the end of its counter, which is the one next to what the chip has counted to', () => {
    const ledger = Ledger.with(100);
    ledger.play(message('0200', 1, { chip: chipFacts(9_998) }));
    expect([tapped(9_999), tapped(0), tapped(0), tapped(9_999), tapped(2)].map((each) => reasonOf(ledger, each))).toEqual(['0000', '0000', '1842', '1842', '0000']);
    expect(ledger.security().chips[0]?.highestAtc).toBe(10_002);
    ledger.play(message('0200', 1, { chip: chipFacts(65_535) }));
    expect([tapped(5_536), tapped(5_535), tapped(5_534)].map((each) => reasonOf(ledger, each))).toEqual(['1842', '1842', '0000']);
  });
});

describe('scripts', () => {
  const queue = (id: string, command: QueuedScript['command'] = 'applicationBlock') =>
    ({ ...base, kind: 'scriptQueue', id: `q-${id}`, script: { id, command, sealed: command === 'pinChange' ? 'sealed' : undefined } }) as const;
  const atChip = (atc: number, panSequence = '01'): CardMessage => message('0200', 1, { chip: { ...chipFacts(atc), panSequence } });
  const failing = (atc: number): CardMessage => message('0200', 1, { chip: chipFacts(atc, { name: 'script', effect: 'scriptFailed' }) });
  const sent = (ledger: Ledger, each: CardMessage): string[] => (ledger.play(each).response.scripts ?? []).map(({ id }) => id);
  const waiting = (ledger: Ledger): string[] => ledger.security().scripts.map(({ id, sentBy }) => `${id} ${sentBy ?? '-'}`);

  test('go out with the next cryptogram that matches, and are done when the chip comes again', () => {
    const ledger = Ledger.with(100);
    ledger.playAll(queue('a'), queue('b', 'pinUnblock'));
    expect(sent(ledger, message('0200', 1, { entryMode: 'stripe' }))).toEqual([]);
    expect(sent(ledger, message('0200', 1, { chip: { ...chipFacts(1), outcome: 'mismatch' } }))).toEqual([]);
    expect(sent(ledger, message('0220', 1, { chip: chipFacts(1) }))).toEqual([]);
    const first = atChip(2);
    expect(sent(ledger, first)).toEqual(['a', 'b']);
    expect(waiting(ledger)).toEqual([`a ${first.id}`, `b ${first.id}`]);
    ledger.play(queue('c', 'applicationUnblock'));
    expect(sent(ledger, atChip(3))).toEqual(['c']);
    expect(sent(ledger, atChip(4))).toEqual([]);
    expect(waiting(ledger)).toEqual([]);
    ledger.checkReplay();
  });

  test('go out again where an advice of their transaction says that they failed, and no advice of another does that', () => {
    const ledger = Ledger.with(100);
    ledger.play(queue('a'));
    const first = atChip(1);
    expect(sent(ledger, first)).toEqual(['a']);
    const failed = chipFacts(1, { name: 'script', effect: 'scriptFailed' });
    ledger.play(message('0220', 1, { chip: failed }));
    ledger.play(message('0220', 1, { chip: chipFacts(1), original: reference(first), trace: { function: 'advice' } }));
    expect(waiting(ledger)).toEqual([`a ${first.id}`]);
    ledger.play(message('0220', 1, { chip: failed, trace: { ...first.trace, function: 'advice' } }));
    expect(waiting(ledger)).toEqual(['a -']);
    expect(sent(ledger, atChip(2))).toEqual(['a']);
    expect(sent(ledger, atChip(3))).toEqual([]);
    ledger.checkReplay();
  });

  test('that could not be made wait as they were, once each, and none comes back in place of a newer one', () => {
    const ledger = Ledger.with(100);
    ledger.playAll(queue('a'), queue('old', 'pinChange'));
    const first = atChip(1);
    expect(sent(ledger, first)).toEqual(['a', 'old']);
    const unmade = (id: string, n: number) => ({ ...queue(id, id === 'a' ? 'applicationBlock' : 'pinChange'), id: `u${n}`, unsent: first.id }) as const;
    expect(ledger.play(unmade('a', 1)).response.reason).toBe('0000');
    expect(waiting(ledger)).toEqual(['a -', `old ${first.id}`]);
    ledger.play(reversalOf(first));
    ledger.playAll(unmade('a', 2), queue('new', 'pinChange'), unmade('old', 3));
    expect(waiting(ledger)).toEqual(['a -', 'new -']);
    const second = atChip(2);
    expect(sent(ledger, second)).toEqual(['a', 'new']);
    ledger.play(unmade('a', 4));
    expect(waiting(ledger)).toEqual([`a ${second.id}`, `new ${second.id}`]);
    ledger.checkReplay();
  });

  test('go out again with the answer to a repeat, with a failure that the chip reports, and after a reversal', () => {
    const ledger = Ledger.with(100);
    ledger.play(queue('a'));
    const first = atChip(1);
    const answer = ledger.play(first).response;
    expect(ledger.play(repeatOf(first)).response).toEqual(answer);
    expect(sent(ledger, failing(2))).toEqual(['a']);
    expect(sent(ledger, repeatOf(first))).toEqual([]);
    const third = failing(3);
    expect(sent(ledger, third)).toEqual(['a']);
    ledger.play(reversalOf(third));
    expect(waiting(ledger)).toEqual(['a -']);
    const fourth = atChip(4);
    expect(sent(ledger, fourth)).toEqual(['a']);
    ledger.play(reversalOf(fourth, 1));
    expect(waiting(ledger)).toEqual([`a ${fourth.id}`]);
    expect(sent(ledger, atChip(5))).toEqual([]);
    ledger.checkReplay();
  });

  test('go out with a decline too, though neither with a counter that came before nor with what was reversed already', () => {
    const ledger = Ledger.with(100, [cardRecord(0, { lockCode: 2 })]);
    ledger.play(queue('a'));
    const reversed = atChip(1);
    ledger.play(reversalOf(reversed));
    expect(sent(ledger, reversed)).toEqual([]);
    expect(sent(ledger, atChip(1))).toEqual([]);
    const declined = atChip(2);
    expect(ledger.play(declined).response).toMatchObject({ reason: '1802', scripts: [{ id: 'a' }] });
    ledger.play(reversalOf(declined));
    expect(sent(ledger, atChip(3))).toEqual(['a']);
    ledger.checkReplay();
  });

  test('that one chip was sent are confirmed, failed and sent again by that chip alone', () => {
    const ledger = Ledger.with(100);
    ledger.play(queue('a'));
    const first = atChip(7);
    expect(sent(ledger, first)).toEqual(['a']);
    ledger.play(queue('b'));
    const other = atChip(1, '02');
    expect(sent(ledger, other)).toEqual(['b']);
    expect(waiting(ledger)).toEqual([`a ${first.id}`, `b ${other.id}`]);
    const failed = { ...chipFacts(2, { name: 'script', effect: 'scriptFailed' }), panSequence: '02' };
    ledger.play(message('0220', 1, { chip: failed, trace: { ...first.trace, function: 'advice' } }));
    expect(waiting(ledger)).toEqual([`a ${first.id}`, `b ${other.id}`]);
    expect(sent(ledger, message('0200', 1, { chip: { ...failed, atc: 3 } }))).toEqual(['b']);
    expect(sent(ledger, atChip(4, '02'))).toEqual([]);
    expect(waiting(ledger)).toEqual([`a ${first.id}`]);
    ledger.play(reversalOf(first));
    expect(sent(ledger, atChip(5, '02'))).toEqual(['a']);
    expect(sent(ledger, atChip(8))).toEqual([]);
    expect(sent(ledger, atChip(6, '02'))).toEqual([]);
    expect(waiting(ledger)).toEqual([]);
    ledger.checkReplay();
  });

  test('that a chip was sent which was renewed make room where there is no other', () => {
    const ledger = Ledger.with(100);
    for (let index = 0; index < 6; index += 1) ledger.play(queue(String(index)));
    expect(sent(ledger, atChip(1))).toHaveLength(6);
    ledger.playAll(queue('6'), queue('7'));
    expect(ledger.play(queue('8')).response.reason).toBe('9109');
    expect(sent(ledger, atChip(1, '02'))).toEqual(['6', '7']);
    for (const id of ['8', '9', '10', '11', '12', '13']) expect(ledger.play(queue(id)).response.reason).toBe('0000');
    expect(ledger.play(queue('14')).response.reason).toBe('9109');
    expect(ledger.security().scripts.map(({ id }) => id)).toEqual(['6', '7', '8', '9', '10', '11', '12', '13']);
    ledger.checkReplay();
  });

  test('block the application of a chip whose card has a lock code that its program says it for, whenever it comes, and of no other', () => {
    const blocking = { blockAtLocks: [1, 2] };
    const commands = (ledger: Ledger, each: CardMessage): string[] => (ledger.play({ ...each, terms: { ...each.terms, ...blocking } }).response.scripts ?? []).map(({ command }) => command);
    for (const [lockCode, expected] of [[0, []], [3, []], [2, ['applicationBlock']]] as const) {
      const ledger = Ledger.with(100, [cardRecord(0, { lockCode })]);
      expect(commands(ledger, message('0200', 1, { chip: { ...chipFacts(1), outcome: 'mismatch' } }))).toEqual([]);
      expect(commands(ledger, atChip(2))).toEqual(expected);
      expect(ledger.last.flags).toEqual(expected);
      const again = atChip(3);
      expect(commands(ledger, again)).toEqual(expected);
      expect(commands(ledger, repeatOf(again))).toEqual(expected);
      expect(commands(ledger, atChip(3))).toEqual([]);
      expect(commands(ledger, atChip(1, '02'))).toEqual(expected);
      expect(ledger.security().scripts.map(({ command, sentTo }) => `${command} ${sentTo}`)).toEqual(expected.flatMap((command) => [`${command} 01`, `${command} 02`]));
      ledger.checkReplay();
    }
    expect(commands(Ledger.with(100, [cardRecord(0, { lockCode: 2 })]), message('0220', 1, { chip: chipFacts(1) }))).toEqual([]);
  });

  test('are eight at most, and different', () => {
    const ledger = Ledger.with(100);
    for (let index = 0; index < 8; index += 1) expect(ledger.play(queue(String(index))).response.reason).toBe('0000');
    expect(ledger.play({ ...queue('3'), id: 'other' }).response.reason).toBe('9113');
    expect(ledger.play(queue('8')).response.reason).toBe('9109');
    expect(ledger.play(queue('8', 'pinChange')).response.reason).toBe('9109');
    expect(ledger.play({ ...base, kind: 'pinSet', id: 'p', reference: { method: 'pvv', keyIndex: 1, value: '1111' }, sealed: 's' }).response.reason).toBe('9109');
    expect(ledger.play(queue('3'))).toMatchObject({ note: 'repeat', change: undefined });
    expect(ledger.play({ ...queue('x'), id: 'q', script: { id: 'x', command: 'pinChange', sealed: undefined } }).response.reason).toBe('9100');
    expect(sent(ledger, atChip(1))).toHaveLength(8);
  });
});

describe('a PIN change', () => {
  const ready = { outcome: 'ready', reference: { method: 'ibm3624', keyIndex: 3, value: '0417' }, sealed: 'sealed' } as const;
  const change = (with_: MessageChange = {}): CardMessage => message('0200', undefined, { purpose: 'pinChange', pin: rightPin, newPin: ready, ...with_ });

  test('needs the current PIN and a new one, and moves no money', () => {
    const ledger = Ledger.with(100);
    const answer = (with_: MessageChange): string => ledger.play(change(with_)).response.reason;
    expect(answer({ pin: 'absent' })).toBe('1012');
    expect(answer({ pin: wrongPin })).toBe('1017');
    expect(answer({ newPin: undefined })).toBe('1048');
    expect(ledger.security().pinTries).toBe(0);
    expect(answer({ newPin: { outcome: 'malformed' } })).toBe('1048');
    expect(answer({ newPin: { outcome: 'error' } })).toBe('1815');
    expect(answer({ chip: { ...chipFacts(1), outcome: 'mismatch' } })).toBe('1840');
    expect(ledger.record().pinVersion).toBe(1);
    expect(answer({})).toBe('0000');
    expect([ledger.record().pinVersion, ledger.record().pin, ledger.totals]).toEqual([2, ready.reference, '100 0 0']);
    expect(ledger.security().scripts).toMatchObject([{ command: 'pinChange', sealed: 'sealed', sentBy: undefined }]);
    ledger.checkReplay();
  });

  test('is made once, ends the count of wrong ones, and is not taken back', () => {
    const ledger = Ledger.with(100);
    const changed = change();
    ledger.playAll(message('0200', 1, { pin: wrongPin }), changed);
    expect(ledger.play(repeatOf(changed)).response.reason).toBe('0000');
    expect([ledger.record().pinVersion, ledger.security().pinTries]).toEqual([2, 0]);
    expect(ledger.play(reversalOf(changed)).response.reason).toBe('4000');
    expect(ledger.record().pin).toEqual(ready.reference);
    expect(ledger.play(message('0220', undefined, { purpose: 'pinChange', pin: { outcome: 'verified', pinVersion: 2 }, newPin: ready })).response.reason).toBe('9000');
    expect([ledger.last.flags, ledger.record().pinVersion]).toEqual([['pinNotChanged'], 2]);
    ledger.checkReplay();
  });

  test('is told to a chip, in the same answer where it is read, the last PIN alone', () => {
    const ledger = Ledger.with(100);
    const first = change({ chip: chipFacts(1) });
    expect(ledger.play(first).response.scripts).toEqual([{ id: first.id, command: 'pinChange', sealed: 'sealed', sentBy: first.id, sentTo: '01' }]);
    ledger.play(reversalOf(first));
    const second = change({ entryMode: 'stripe', pin: { outcome: 'verified', pinVersion: 2 } });
    expect(ledger.play(second).response.scripts).toBe(undefined);
    ledger.play({ ...base, kind: 'pinSet', id: 'app', reference: ready.reference, sealed: 'other' });
    expect(ledger.security().scripts).toEqual([{ id: 'app', command: 'pinChange', sealed: 'other', sentBy: undefined }]);
    ledger.checkReplay();
  });

  test('is made, and flagged, where no more scripts fit', () => {
    const ledger = Ledger.with(100);
    for (let index = 0; index < 8; index += 1) {
      ledger.play({ ...base, kind: 'scriptQueue', id: `q${index}`, script: { id: `s${index}`, command: 'pinUnblock', sealed: undefined } });
    }
    expect(ledger.play(change({ chip: { ...chipFacts(1) } })).response.reason).toBe('0000');
    expect([ledger.last.flags, ledger.record().pinVersion, ledger.security().scripts.length]).toEqual([['scriptsFull'], 2, 8]);
  });
});
