import { describe, expect, test } from 'vitest';
import { availableMinor } from '../../src/account/account.ts';
import { decodeRecord, encodeRecord, legsMax, recordId } from '../../src/account/record.ts';
import type { Leg, LegState } from '../../src/account/record.ts';
import type { OriginalReference, Trace } from '../../src/message/message.ts';
import { accountId, againOf, cardRecord, dayMs, Ledger, localReference, message, reference, repeatOf, reversalOf, startMs } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

const rrnKeys = { originalKeys: ['rrn'] } as const;

describe('repeats', () => {
  test('the same message again, or the type of a repeat, gets the answer of the first and changes nothing', () => {
    const ledger = Ledger.with(1000);
    const first = message('0100', 100);
    const { response } = ledger.play(first);
    const { version } = ledger.account ?? { version: 0 };
    for (const again of [againOf(first), repeatOf(first), first]) expect(ledger.play(again)).toMatchObject({ response, change: undefined, note: 'repeat' });
    expect(ledger.account?.version).toBe(version);
    expect(ledger.totals).toBe('1000 100 1');
  });

  test('a repeat whose first was lost is decided', () => {
    const ledger = Ledger.with(1000);
    expect(ledger.play(repeatOf(message('0200', 100))).response.reason).toBe('0000');
    expect(ledger.totals).toBe('900 0 0');
  });

  test('where no message says when it was sent, the local time tells another from a repeat', () => {
    const ledger = Ledger.with(1000);
    const at = (localAt: string): CardMessage => message('0200', 100, { version: '2003', trace: { stan: '1', transmittedAt: '', localAt } });
    const [first, second] = [at('20261122101500'), at('20261123101500')];
    for (const each of [first, second]) expect(ledger.play(each)).toMatchObject({ response: { reason: '0000' }, note: undefined });
    for (const each of [first, second]) expect(ledger.play(repeatOf(each)).note).toBe('repeat');
    expect(ledger.totals).toBe('800 0 0');
  });

  test('the same key with other contents is refused, and the first answers on', () => {
    const ledger = Ledger.with(1000);
    const first = message('0200', 100);
    ledger.play(first);
    const other = { ...againOf(first), fingerprint: 'another', amount: { amountMinor: 900, currency: '978' } };
    expect(ledger.play(other)).toMatchObject({ response: { reason: '9113' }, change: undefined, note: 'duplicate' });
    expect(ledger.play(againOf(first)).response.reason).toBe('0000');
    expect(ledger.totals).toBe('900 0 0');
  });

  test.each<readonly [string, Partial<Trace>, MessageChange]>([
    ['station', { station: 'south' }, {}], ['acquirer', { acquirer: '999' }, {}], ['STAN', { stan: '77' }, {}],
    ['transmission time', { transmittedAt: '1231235959' }, {}], ['terminal', { terminal: 'T2' }, {}], ['card', {}, { card: 1 }],
  ])('another %s is another message', (_what, trace, change) => {
    const ledger = Ledger.with(1000, [cardRecord(0), cardRecord(1)]);
    const first = message('0200', 100);
    ledger.playAll(first, message('0200', 100, { ...change, trace: { ...first.trace, ...trace } }));
    expect(ledger.totals).toBe('800 0 0');
  });

  test('a reversal under the trace of its original is no repeat of it', () => {
    const ledger = Ledger.with(1000);
    const first = message('0200', 100);
    const { stan, transmittedAt, localAt } = first.trace;
    const reversal = reversalOf(first, undefined, { trace: { stan, transmittedAt, localAt } });
    expect(ledger.playAll(first, reversal).response.reason).toBe('4000');
    expect(ledger.totals).toBe('1000 0 0');
    expect(ledger.play(repeatOf(reversal)).response.reason).toBe('4000');
    expect(ledger.play(repeatOf(first)).response.reason).toBe('0000');
    expect(ledger.totals).toBe('1000 0 0');
  });

  test('a message that is tried again after an unknown commit finds itself, whatever its offer of an approval code', () => {
    const ledger = Ledger.with(1000);
    const first = message('0200', 100);
    const { response } = ledger.play(first);
    expect(ledger.play({ ...first, approvalCodeOffer: 'ZZZZZZ' }).response).toEqual(response);
  });
});

describe('STANs that are used again', () => {
  const sent = (version: '1987' | '2003', count: number): CardMessage[] => Array.from({ length: count }, (_, index) => message(index % 2 === 0 ? '0100' : '0200', 10 + index, {
    version, trace: { stan: '1', transmittedAt: `11220000${String(index).padStart(2, '0')}`, ...(version === '2003' ? { localAt: `202611220000${String(index).padStart(2, '0')}` } : {}) },
  }));

  test.each(['1987', '2003'] as const)('every one of fifty under one STAN of %s is repeated and reversed as the first is', (version) => {
    const ledger = Ledger.with(10_000);
    const messages = sent(version, 50);
    const answers = messages.map((each) => ledger.play(each).response);
    expect(ledger.openHolds).toBe(25);
    for (const { value } of ledger.records.values()) expect(value.split('|').length).toBeLessThanOrEqual(legsMax);
    for (const [index, each] of messages.entries()) expect(ledger.play(repeatOf(each)).response).toEqual(answers[index]);
    for (const each of messages) {
      expect(ledger.play(reversalOf(each, undefined, { original: version === '1987' ? reference(each) : localReference(each) })).response.reason).toBe('4000');
      expect(ledger.last.flags).toEqual([]);
    }
    expect(ledger.totals).toBe('10000 0 0');
    ledger.checkReplay();
  });

  test('holds that had to move expire, are completed, added to, and found by their alias', () => {
    const ledger = Ledger.with(10_000);
    const [first, second, third, fourth] = ['A', 'B', 'C', 'D'].map((rrn, index) =>
      message('0100', 100, { purpose: 'preauthorization', rrn, terms: rrnKeys, trace: { stan: '1', transmittedAt: `112111000${index}` } })) as [CardMessage, CardMessage, CardMessage, CardMessage];
    ledger.playAll(first, second, third, fourth);
    const increment = message('0100', 50, { purpose: 'increment', original: reference(third) });
    ledger.play(increment);
    ledger.playAll(...sent('1987', 20).filter(({ class: of }) => of === 'financial'));
    const { ledgerMinor } = ledger;
    ledger.play(message('0220', 70, { purpose: 'completion', original: reference(first) }));
    expect([ledger.ledgerMinor, ledger.heldMinor]).toEqual([ledgerMinor - 70, 350]);
    ledger.play(reversalOf(second, undefined, { original: undefined, rrn: 'B', terms: rrnKeys }));
    expect([ledger.ledgerMinor, ledger.heldMinor]).toEqual([ledgerMinor - 70, 250]);
    ledger.play(reversalOf(increment));
    expect([ledger.ledgerMinor, ledger.heldMinor]).toEqual([ledgerMinor - 70, 200]);
    expect(ledger.expire(startMs + 31 * dayMs)).toBe(2);
    expect(ledger.heldMinor).toBe(0);
    ledger.checkReplay();
  });

  test('reversals that wait for their original stay in sight while others move', () => {
    const ledger = Ledger.with(10_000);
    const late = message('0200', 500, { trace: { stan: '1', transmittedAt: '1101000000' } });
    ledger.play(reversalOf(late, undefined, { trace: { stan: '1' } }));
    ledger.playAll(...sent('1987', 30));
    const before = ledger.totals;
    expect(ledger.play(late).response.reason).toBe('1830');
    expect(ledger.totals).toBe(before);
    ledger.checkReplay();
  });

  test('where a STAN and a time are used up, another STAN is asked for, and nothing grows', () => {
    const ledger = Ledger.with(10_000);
    const crowd = (index: number): CardMessage => message(index % 2 === 0 ? '0200' : '0220', 1, { version: '2003', trace: { stan: '1', localAt: '20261122120000', transmittedAt: `11220000${index}` } });
    const answers = Array.from({ length: 60 }, (_, index) => ledger.play(crowd(10 + index)).response.reason);
    expect(answers.slice(0, 16)).not.toContain('9103');
    expect(new Set(answers.slice(-30))).toEqual(new Set(['9103']));
    expect(ledger.last.flags).toEqual(['traceFull']);
    for (const { value } of ledger.records.values()) expect(value.split('|').length).toBeLessThanOrEqual(legsMax + 1);
    ledger.checkReplay();
  });

  test('reversals of an original that never comes do not pile up', () => {
    const ledger = Ledger.with(1000);
    const lost = message('0200', 100);
    for (let count = 0; count < 40; count += 1) expect(ledger.play(reversalOf(lost, undefined, { terms: rrnKeys, rrn: 'X' })).response.reason).toBe('4000');
    for (let count = 0; count < 40; count += 1) expect(ledger.play(reversalOf(lost, undefined, { original: undefined, terms: rrnKeys, rrn: 'X' })).response.reason).toBe('4000');
    expect(ledger.legs().filter(({ leg }) => leg.state === 'absent').length).toBe(2);
    expect(ledger.play(lost).response.reason).toBe('1830');
  });

  test('reversals that each claim more and leave less are remembered up to a bound', () => {
    const ledger = Ledger.with(1000);
    const lost = message('0200', 500);
    const claims = Array.from({ length: 20 }, (_, index): CardMessage => ({ ...reversalOf(lost, 90 - index), amount: { amountMinor: 200 + index, currency: '978' } }));
    expect(claims.map((each) => ledger.play(each).response.reason)).toEqual(claims.map((_, index) => (index < legsMax ? '4000' : '9103')));
    expect(ledger.play(lost).response.reason).toBe('9103');
    expect(ledger.totals).toBe('1000 0 0');
  });

  test('closed legs are forgotten after their days, open ones never', () => {
    const ledger = Ledger.with(1000);
    const held = message('0100', 10, { purpose: 'preauthorization', trace: { stan: '1', transmittedAt: '1101000000' } });
    ledger.playAll(held, ...sent('1987', 6).filter(({ class: of }) => of === 'financial'));
    ledger.play(message('0200', 1, { afterDays: 8, trace: { stan: '1' } }));
    const id = recordId(accountId, 0, held.trace, '1');
    expect(decodeRecord(id, ledger.records.get(id)?.value ?? '').legs.map(({ state }) => state)).toEqual(['open', 'posted']);
    ledger.play(reversalOf(held, undefined, { afterDays: 8, receivedAtMs: startMs + 8 * dayMs }));
    expect(ledger.heldMinor).toBe(0);
  });
});

describe('what an acquirer may not do', () => {
  const victim = message('0100', 100, { rrn: 'RRN1', terms: rrnKeys, trace: { acquirer: '111' } });

  test.each<readonly [string, MessageChange]>([
    ['another station', { trace: { station: 'south', acquirer: '111' } }],
    ['another station, under the same STAN', { trace: { station: 'south', acquirer: '111', stan: victim.trace.stan }, original: undefined }],
    ['another acquirer that names this one', { trace: { acquirer: '222' } }],
    ['another acquirer that names itself', { trace: { acquirer: '222' }, original: { ...reference(victim), acquirer: '222' } }],
    ['another acquirer that names none', { trace: { acquirer: '222' }, original: { ...reference(victim), acquirer: '' } }],
    ['another acquirer, by the retrieval reference', { trace: { acquirer: '222' }, original: undefined, rrn: 'RRN1' }],
    ['another station, by the retrieval reference', { trace: { station: 'south', acquirer: '111' }, original: undefined, rrn: 'RRN1' }],
    ['no acquirer at all', { trace: { acquirer: '' } }],
    ['another card', { card: 1, trace: { acquirer: '111' } }],
    ['another card, by the retrieval reference', { card: 1, trace: { acquirer: '111' }, original: undefined, rrn: 'RRN1' }],
    ['another terminal', { trace: { acquirer: '111', terminal: 'T9' } }],
    ['another time', { trace: { acquirer: '111' }, original: { ...reference(victim), transmittedAt: '1122999999' } }],
  ])('%s frees no hold, completes none, and stops none that is still to come', (_who, change) => {
    const keyed: MessageChange = { ...change, terms: rrnKeys };
    const attacks = [
      reversalOf(victim, undefined, keyed), reversalOf(victim, 50, keyed),
      message('0200', 10, { purpose: 'completion', original: reference(victim), ...keyed, trace: { ...keyed.trace } }),
    ];
    const ledger = Ledger.with(1000, [cardRecord(0), cardRecord(1)]);
    ledger.play(victim);
    for (const attack of attacks) ledger.play(againOf(attack));
    expect(ledger.totals).toBe('1000 100 1');
    const earlier = Ledger.with(1000, [cardRecord(0), cardRecord(1)]);
    for (const attack of attacks.slice(0, 2)) earlier.play(againOf(attack));
    expect(earlier.play(victim).response.reason).toBe('0000');
    expect(earlier.totals).toBe('1000 100 1');
  });

  test('a reversal that names another acquirer’s transaction is accepted, flagged and not remembered', () => {
    const ledger = Ledger.with(1000);
    expect(ledger.play(reversalOf(victim, undefined, { trace: { acquirer: '222' } })).response.reason).toBe('4000');
    expect(ledger.last.flags).toEqual(['originalOfAnother']);
    expect(ledger.legs().map(({ leg }) => leg.state)).toEqual(['none']);
  });

  test('a reference that says nothing of the acquirer, or comes from a station without acquirers, means the sender’s own', () => {
    for (const acquirer of ['', '111']) {
      const ledger = Ledger.with(1000);
      const original: OriginalReference = { ...reference(victim), acquirer };
      ledger.playAll(victim, reversalOf(victim, undefined, { original }));
      expect(ledger.totals).toBe('1000 0 0');
    }
    const ledger = Ledger.with(1000);
    const own = message('0100', 100, { trace: { acquirer: '' } });
    ledger.playAll(own, reversalOf(own, undefined, { original: { ...reference(own), acquirer: '111' } }));
    expect(ledger.totals).toBe('1000 0 0');
  });

  test('what separates in an id or a record is harmless in what the outside writes', () => {
    const ledger = Ledger.with(1000);
    const strange = message('0100', 100, { approvalCodeOffer: '|,.%2C', rrn: '.!|,%', terms: rrnKeys, trace: { acquirer: '1.2', stan: '3.4', terminal: ',|.%7C+' }, merchant: { groups: ['a.b', 'c,d|e'] } });
    ledger.playAll(strange, reversalOf(strange, 30));
    expect(ledger.totals).toBe('1000 30 1');
    ledger.playAll(message('0100', 100, { trace: { acquirer: '1', stan: '2.3.4' } }), reversalOf(strange, undefined, { original: undefined, rrn: '.!|,%' }));
    expect(ledger.totals).toBe('1000 100 1');
    ledger.checkReplay();
  });

  test('a retrieval reference that comes twice leads to the latest, and the first is still found by its own', () => {
    const ledger = Ledger.with(1000);
    const twice: MessageChange = { rrn: 'RRN1', terms: rrnKeys };
    const [first, second] = [message('0100', 100, twice), message('0100', 200, twice)];
    ledger.playAll(first, second, reversalOf(first));
    expect(ledger.totals).toBe('1000 200 1');
    ledger.play(reversalOf(second, undefined, { ...twice, original: undefined }));
    expect(ledger.totals).toBe('1000 0 0');
    ledger.play(reversalOf(second, undefined, { ...twice, original: undefined }));
    expect(ledger.last.flags).toEqual(['original:reversed']);
  });

  test('an alias is known for as long as the hold that it leads to', () => {
    const ledger = Ledger.with(1000);
    const held = message('0100', 100, { purpose: 'preauthorization', rrn: 'RRN1', terms: rrnKeys });
    ledger.play(held);
    ledger.play(reversalOf(held, undefined, { original: undefined, rrn: 'RRN1', receivedAtMs: startMs + 29 * dayMs }));
    expect(ledger.totals).toBe('1000 0 0');
  });
});

test('a new purchase reads nothing, and one whose record is there reads it once', () => {
  const ledger = Ledger.with(1000);
  const first = message('0200', 10, { rrn: 'RRN1', terms: rrnKeys });
  expect(ledger.play(first).rounds).toBe(1);
  expect(ledger.play(againOf(first)).rounds).toBe(2);
  expect(ledger.play(reversalOf(first)).rounds).toBe(2);
});

test('any leg reads as it was written', () => {
  const states: readonly LegState[] = ['none', 'open', 'posted', 'completed', 'reversed', 'expired', 'absent', 'added'];
  const plain: Leg = {
    id: 'm1', type: '10', transmittedAt: '1122000001', localAt: '', terminal: '', fingerprint: 'abc', reason: '0000', approvalCode: '', amountMinor: 0,
    currency: '978', wholeMinor: 0, takenMinor: 0, nowMinor: 0, answeredMinor: 0, billedMinor: 0, state: 'none', expiresAtMs: 0, changedAtMs: startMs,
    counted: undefined, guarded: false, balance: undefined, parent: undefined, keptMinor: 0, actualMinor: 0,
  };
  const id = recordId(accountId, 0, { station: 'north', acquirer: '12345' }, '77');
  const legs: Leg[] = states.flatMap((state, index): Leg[] => [
    { ...plain, state },
    { ...plain, state, type: '', reason: '1016', localAt: '20261122000001', takenMinor: -5, nowMinor: -3, billedMinor: 5, balance: [-7, 0] },
    {
      ...plain, state, transmittedAt: '', localAt: '', amountMinor: 100, wholeMinor: 150, takenMinor: 150 + index, nowMinor: index, answeredMinor: 90, billedMinor: 80, guarded: true,
      expiresAtMs: startMs + 5, counted: { day: 20_000, month: 657, scopes: ['overall', 'cash', 'a.b'] }, keptMinor: 4, actualMinor: 3, approvalCode: 'A|B,C.',
      parent: { recordId: recordId(accountId, 0, { station: 'north', acquirer: '12345' }, '5'), spill: 'zz', legId: 'x.y' },
    },
  ]);
  for (const spilled of [false, true]) expect(decodeRecord(id, encodeRecord({ id, legs, spilled }))).toEqual({ id, legs, spilled });
  expect(decodeRecord(id, encodeRecord({ id, legs: [], spilled: true }))).toEqual({ id, legs: [], spilled: true });
});

test('different acquirers, STANs and references have different ids, however they are written', () => {
  const texts = ['', '0', '00', '1', '01', '10', '36', 'a', '~a', ':', '123456789012345', '999999999999999', '1234567890123456', '60466176', '60466175', '1.2', '1%2E2', '000000000001', '1 ', 'A1'];
  const ids = texts.flatMap((acquirer) => texts.map((stan) => recordId(accountId, 0, { station: 'north', acquirer }, stan)));
  expect(new Set(ids).size).toBe(texts.length ** 2);
  const plain = message('0100', 1);
  for (const text of texts) {
    const ledger = Ledger.with(100);
    ledger.play({ ...plain, trace: { ...plain.trace, transmittedAt: text, localAt: `${text}7`, acquirer: text, stan: text } });
    expect(ledger.legs()[0]?.leg).toMatchObject({ transmittedAt: text, localAt: `${text}7` });
  }
});

test('available is what is posted less what is held', () => {
  const ledger = Ledger.with(1000);
  ledger.playAll(message('0100', 300), message('0200', 100));
  expect(ledger.account === undefined ? 0 : availableMinor(ledger.account)).toBe(600);
});
