/** What was answered in the account's place is taken in: every way in which the original can have gone, and every place of its reversal. */
import fc from 'fast-check';
import { deepStrictEqual } from 'node:assert/strict';
import { expect, test } from 'vitest';
import type { CardMessage, StoodIn } from '../../src/message/message.ts';
import type { Reason } from '../../src/message/reason.ts';
import { againOf, cardRecord, chipFacts, Ledger, localReference, message, reference, repeatOf, reversalOf, rightPin, startMs, wrongPin } from './fixture.ts';

function stoodIn(of: CardMessage, reason: Reason, change: Partial<StoodIn> = {}): CardMessage {
  return { ...of, stoodIn: { reason, pin: undefined, decidedAtMs: startMs + 50, checks: [{ check: 'killSwitch', outcome: 'pass', value: 'off' }], flags: ['standin:storeUnreachable'], ...change } };
}

const outcomes = ['approved', 'declined'] as const;
/** What became of the commit that nobody knew of. `partly`: for less than was asked. `late`: it comes after the advice. */
const origins = ['lost', 'approved', 'declined', 'partly', 'late'] as const;
const places = ['never', 'first', 'beforeAdvice', 'afterAdvice', 'throughout'] as const;
const types = ['0100', '0200'] as const;
const others = [false, true];

interface Case {
  readonly type: (typeof types)[number];
  readonly origin: (typeof origins)[number];
  readonly answered: (typeof outcomes)[number];
  readonly reversed: (typeof places)[number];
  /** The one that was stood in for is a repeat, at another switch. */
  readonly isOther: boolean;
}

const cases: Case[] = types.flatMap((type) => origins.flatMap((origin) => outcomes.flatMap((answered) => places.flatMap((reversed) => others.map((isOther) => ({ type, origin, answered, reversed, isOther }))))));

function play({ type, origin, answered, reversed, isOther }: Case): { ledger: Ledger; request: CardMessage; advice: CardMessage } {
  // A balance that lets it be approved, declines it, or approves a part.
  const balanceMinor = origin === 'declined' ? 50 : origin === 'partly' ? 60 : 1_000;
  const ledger = Ledger.with(balanceMinor);
  const request = message(type, 100, { partialAllowed: origin === 'partly' });
  const advice = stoodIn(isOther ? { ...request, id: `${request.id}o`, approvalCodeOffer: 'OTHER1' } : request, answered === 'approved' ? '0000' : '1860');
  const reversal = reversalOf(request);
  if (reversed === 'first' || reversed === 'throughout') ledger.play(reversal);
  if (origin !== 'lost' && origin !== 'late') ledger.play(request);
  if (reversed === 'beforeAdvice' || reversed === 'throughout') ledger.play(reversed === 'throughout' ? repeatOf(reversal) : reversal);
  ledger.play(advice);
  ledger.play(advice);
  if (origin === 'late') ledger.play(request);
  if (reversed === 'afterAdvice' || reversed === 'throughout') ledger.play(reversed === 'throughout' ? againOf(reversal) : reversal);
  return { ledger, request, advice };
}

function name({ type, origin, answered, reversed, isOther }: Case): string {
  return `${type} ${origin} there, ${answered} in stand-in${isOther ? ' of another switch' : ''}, reversed ${reversed}`;
}

test.each(cases.map((each) => [name(each), each] as const))('%s: the account is as the acquirer was told', (_name, each) => {
  const { ledger } = play(each);
  const stands = each.answered === 'approved' && each.reversed === 'never';
  const balanceMinor = each.origin === 'declined' ? 50 : each.origin === 'partly' ? 60 : 1_000;
  const taken = stands ? 100 : 0;
  expect(ledger.totals).toBe(each.type === '0100' ? `${balanceMinor} ${taken} ${stands ? 1 : 0}` : `${balanceMinor - taken} 0 0`);
  // What counts of the card's limits is what stands, once.
  deepStrictEqual(ledger.substance, { ...(ledger.substance as object), counters: [stands ? [usedOnce, usedOnce] : [[], []]] });
  ledger.checkReplay();
});

const usedOnce = [['overall', 1, 100]];

test.each(cases.filter(({ reversed }) => reversed === 'never').map((each) => [name(each), each] as const))('%s: a repeat hears what was answered', (_name, each) => {
  const { ledger, request } = play(each);
  const { response, note } = ledger.play(againOf(request));
  expect(note).toBe('repeat');
  expect(response.reason).toBe(each.answered === 'approved' ? '0000' : '1860');
  if (each.answered === 'approved') expect(response).toMatchObject({ approvalCode: expect.stringMatching(/.{6}/) as string, amount: { amountMinor: 100 } });
});

test('a terminal’s key under which a PIN was verified in stand-in is used by it, also for a wrong one', () => {
  for (const [pin, said] of [[rightPin, 'verified'], [wrongPin, 'wrong']] as const) {
    const ledger = Ledger.with(1_000);
    const once = { ...pin, keyUseId: 'k' };
    ledger.play(stoodIn(message('0200', 100, { pin: once }), said === 'wrong' ? '1017' : '0000', { pin: said }));
    expect(ledger.play(message('0200', 100, { pin: { ...rightPin, keyUseId: 'k' } })).response.reason).toBe('1818');
    expect(ledger.play(message('0200', 100, { pin: { ...rightPin, keyUseId: 'l' } })).response.reason).toBe('0000');
    ledger.checkReplay();
  }
});

test('an entry that tells of an approval is in the journal once, with who decided, when, and what was looked at', () => {
  const { ledger, request } = play({ type: '0100', origin: 'lost', answered: 'approved', reversed: 'never', isOther: false });
  expect(ledger.entries.filter((entry) => entry.id === request.id)).toHaveLength(1);
  expect(ledger.last).toMatchObject({
    decidedBy: 'standin', approved: true, decidedAtMs: startMs + 50, flags: ['standin:storeUnreachable'], checks: [{ check: 'killSwitch', outcome: 'pass', value: 'off' }],
  });
  const both = play({ type: '0100', origin: 'approved', answered: 'approved', reversed: 'never', isOther: false });
  expect(both.ledger.entries.filter((entry) => entry.kind === 'transaction' && entry.approved)).toHaveLength(1);
  expect(both.ledger.last).toMatchObject({ id: `${both.request.id}-standin`, originalId: both.request.id, reason: '9001', approved: false, flags: ['standin:storeUnreachable', 'alreadyRecorded', 'answered:0000'] });
});

test('wrong PINs that stand-in counted count once, and lock at the limit; a right one ends the count; a card that is locked stays so', () => {
  const ledger = Ledger.with(1_000);
  for (const tries of [1, 2]) {
    const wrong = stoodIn(message('0100', 100, { pin: wrongPin }), '1017', { pin: 'wrong' });
    ledger.playAll(wrong, wrong);
    expect(ledger.security().pinTries).toBe(tries);
  }
  ledger.play(stoodIn(message('0100', 100, { pin: rightPin }), '0000', { pin: 'verified' }));
  expect(ledger.security().pinTries).toBe(0);
  for (let tries = 1; tries <= 3; tries += 1) ledger.play(stoodIn(message('0100', 100, { pin: wrongPin }), tries === 3 ? '1806' : '1017', { pin: 'wrong' }));
  expect(ledger.record().lockCode).toBe(6);
  expect(ledger.last.flags).toContain('locked:6');

  const lost = Ledger.with(1_000, [cardRecord(0, { lockCode: 1 })]);
  for (let tries = 1; tries <= 4; tries += 1) lost.play(stoodIn(message('0100', 100, { pin: wrongPin }), '1017', { pin: 'wrong' }));
  expect(lost.record().lockCode).toBe(1);
  expect(lost.security().pinTries).toBe(4);
  // Of a PIN that was replaced meanwhile nothing counts.
  const renewed = Ledger.with(1_000, [cardRecord(0, { pinVersion: 2 })]);
  renewed.play(stoodIn(message('0100', 100, { pin: wrongPin }), '1017', { pin: 'wrong' }));
  expect(renewed.security().pinTries).toBe(0);
});

test('a PIN that the original counted already is not counted again', () => {
  const ledger = Ledger.with(1_000);
  const wrong = message('0100', 100, { pin: wrongPin });
  ledger.playAll(wrong, stoodIn(wrong, '1017', { pin: 'wrong' }));
  expect(ledger.security().pinTries).toBe(1);
});

test('a chip’s counter that came in stand-in is used up', () => {
  const ledger = Ledger.with(1_000);
  ledger.play(stoodIn(message('0100', 100, { chip: chipFacts(7) }), '0000'));
  expect(ledger.play(message('0100', 100, { chip: chipFacts(7) })).response.reason).toBe('1842');
  expect(ledger.play(message('0100', 100, { chip: chipFacts(8) })).response.reason).toBe('0000');
});

test('what overdraws is taken all the same, and flagged', () => {
  const ledger = Ledger.with(50);
  ledger.play(stoodIn(message('0200', 100), '0000'));
  expect(ledger.totals).toBe('-50 0 0');
  expect(ledger.last.flags).toContain('overdrawn');
});

test('an authorization in stand-in is completed in stand-in, and later', () => {
  for (const where of ['standin', 'account'] as const) {
    const ledger = Ledger.with(1_000);
    const hold = message('0100', 100);
    const completion = message('0200', 80, { purpose: 'completion', original: reference(hold) });
    ledger.play(stoodIn(hold, '0000'));
    ledger.play(where === 'standin' ? stoodIn(completion, '0000') : completion);
    expect(ledger.totals).toBe('920 0 0');
    ledger.play(reversalOf(completion));
    expect(ledger.totals).toBe('1000 0 0');
  }
});

test('other contents under the same trace are another transaction', () => {
  const ledger = Ledger.with(1_000);
  const first = message('0200', 100);
  ledger.play(first);
  ledger.play(stoodIn({ ...message('0200', 30, { trace: first.trace }), fingerprint: 'other' }, '0000'));
  expect(ledger.totals).toBe('870 0 0');
});

test('in every order of originals, advices of stand-in, reversals and repeats, each as often as it likes, the account is as the acquirers were told', () => {
  const step = fc.record({
    type: fc.constantFrom(...types), amount: fc.integer({ min: 1, max: 200 }), commits: fc.constantFrom('before', 'after', 'never'), answered: fc.constantFrom(...outcomes),
    reversed: fc.boolean(), way: fc.constantFrom('reference', 'localReference', 'stan'), again: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), fc.integer({ min: 0, max: 700 }), fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 40, maxLength: 40 }), (steps, balanceMinor, keys) => {
    const ledger = Ledger.with(balanceMinor);
    let expected = balanceMinor;
    let at = 0;
    const all: { readonly sent: CardMessage; readonly key: number }[] = [];
    const key = (): number => keys[at++ % keys.length] ?? 0;
    for (const { type, amount, commits, answered, reversed, way, again } of steps) {
      const request = message(type, amount);
      const advice = stoodIn(request, answered === 'approved' ? '0000' : '1860');
      const adviceKey = key();
      all.push({ sent: advice, key: adviceKey });
      if (again) all.push({ sent: advice, key: adviceKey + 0.2 });
      if (commits !== 'never') all.push({ sent: request, key: commits === 'before' ? adviceKey - 0.1 : adviceKey + 0.1 });
      if (again) all.push({ sent: againOf(request), key: adviceKey + 0.3 });
      if (reversed) {
        const named = way === 'stan' ? { trace: { ...request.trace, class: 'reversal' } as const } : { original: way === 'reference' ? reference(request) : localReference(request) };
        const reversal = message('0400', amount, named);
        const reversalKey = key();
        all.push({ sent: reversal, key: reversalKey });
        if (again) all.push({ sent: repeatOf(reversal), key: key() });
      }
      if (answered === 'approved' && !reversed) expected -= amount;
    }
    for (const { sent } of all.sort((a, b) => a.key - b.key)) ledger.play(sent);
    expect(ledger.availableMinor).toBe(expected);
    ledger.checkReplay();
  }), { numRuns: 1_500, seed: Number(process.env['LOCUM_SEED'] ?? 20_261_122) });
});
