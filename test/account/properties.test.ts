import fc from 'fast-check';
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { expect, test } from 'vitest';
import { againOf, cardRecord, dayMs, Ledger, localReference, message, reference, repeatOf, reversalOf, startDay, startMs } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';
import { Model } from './model.ts';

/** Histories are the same on every run; LOCUM_SEED draws others, LOCUM_TIMES more of them. */
const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const times = Number(process.env['LOCUM_TIMES'] ?? 1);

/** As numbers: the acquirer's, who says what is billed; as text: the issuer's own, stamped on the message. */
const rates = [undefined, 1, 0.37, 2.9, '0.37', '2.913'] as const;

/** Billing at a rate, of an amount in dollars. */
function billed(amountMinor: number, rate: (typeof rates)[number]): MessageChange {
  if (rate === undefined) return {};
  if (typeof rate === 'string') return { currency: '840', conversion: { from: '840', to: '978', rate, date: '2026-11-20' } };
  return { currency: '840', billing: { amountMinor: Math.max(1, Math.round(amountMinor * rate)), currency: '978' } };
}

const originals = ['hold', 'purchase', 'holdAdvice', 'purchaseAdvice', 'refund', 'refundAdvice', 'increment', 'incrementAdvice', 'completion', 'completionAdvice'] as const;
const ways = ['reference', 'localReference', 'stan', 'rrn'] as const;

const reversalArbitrary = fc.record({
  actual: fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 140 })),
  claim: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -20, max: 60 }) }),
  otherCurrency: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  way: fc.constantFrom(...ways),
});

test('every order of an original, its reversals and their repeats ends in the same account', () => {
  fc.assert(fc.property(
    fc.record({
      kind: fc.constantFrom(...originals), amount: fc.integer({ min: 1, max: 130 }), rate: fc.constantFrom(...rates), partial: fc.boolean(),
      balance: fc.constantFrom(0, 60, 400, 1000), reversals: fc.array(reversalArbitrary, { minLength: 1, maxLength: 4 }), guard: fc.boolean(),
      partlyReversed: fc.boolean(),
    }),
    fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 16, maxLength: 16 }),
    (script, keys) => {
      const { preamble, original, reversals } = historyOf(script);
      const ordered = [original, ...reversals];
      const first = play(script.balance, preamble, ordered);
      const doubled = [...ordered, ...ordered.map((m, index) => (index % 2 === 0 ? repeatOf(m) : againOf(m)))];
      const shuffled = doubled.map((m, index) => ({ m, key: keys[index] ?? 0 })).sort((a, b) => a.key - b.key).map(({ m }) => m);
      const second = play(script.balance, preamble, shuffled);
      deepStrictEqual(second.substance, first.substance);
      second.checkReplay();
    },
  ), { numRuns: 2000 * times, seed });
});

interface Script {
  readonly kind: (typeof originals)[number];
  readonly amount: number;
  readonly rate: (typeof rates)[number];
  readonly partial: boolean;
  readonly guard: boolean;
  readonly partlyReversed: boolean;
  readonly reversals: readonly { actual: number | undefined; claim: number; otherCurrency: boolean; way: (typeof ways)[number] }[];
}

function historyOf({ kind, amount, rate, partial, guard, partlyReversed, reversals }: Script): { preamble: CardMessage[]; original: CardMessage; reversals: CardMessage[] } {
  const own: MessageChange = { ...billed(amount, rate), partialAllowed: partial, terms: { originalKeys: ['rrn'], creditGuard: guard }, rrn: 'RRN1', localAt: '20261122120000' } as MessageChange;
  const authorization = message('0100', 80, { ...billed(80, rate), purpose: 'preauthorization', terms: { originalKeys: ['rrn'], creditGuard: guard }, rrn: 'RRN0' });
  const preamble = kind.startsWith('increment') || kind.startsWith('completion') ? [authorization] : [];
  if (partlyReversed && preamble.length > 0) preamble.push(reversalOf(authorization, 30));
  const original = originalOf(kind, amount, { ...own, trace: { localAt: '20261122120000' } }, authorization);
  return {
    preamble, original,
    reversals: reversals.map(({ actual, claim, otherCurrency, way }) => {
      const asked = Math.max(0, amount + claim);
      const named = way === 'reference' ? reference(original) : way === 'localReference' ? localReference(original) : undefined;
      return {
        ...reversalOf(original, actual, {
          original: named, rrn: way === 'rrn' ? 'RRN1' : '', trace: { stan: way === 'stan' ? original.trace.stan : String(700_000 + (actual ?? 999) * 7 + claim) },
        }),
        amount: { amountMinor: asked, currency: otherCurrency ? '392' : (original.amount?.currency ?? '978') },
      };
    }),
  };
}

function originalOf(kind: Script['kind'], amount: number, own: MessageChange, authorization: CardMessage): CardMessage {
  switch (kind) {
    case 'hold': return message('0100', amount, own);
    case 'purchase': return message('0200', amount, own);
    case 'holdAdvice': return message('0120', amount, own);
    case 'purchaseAdvice': return message('0220', amount, own);
    case 'refund': return message('0200', amount, { ...own, purpose: 'refund' });
    case 'refundAdvice': return message('0220', amount, { ...own, purpose: 'refund' });
    case 'increment': return message('0100', amount, { ...own, purpose: 'increment', original: reference(authorization) });
    case 'incrementAdvice': return message('0120', amount, { ...own, purpose: 'increment', original: reference(authorization) });
    case 'completion': return message('0200', amount, { ...own, purpose: 'completion', original: reference(authorization) });
    case 'completionAdvice': return message('0220', amount, { ...own, purpose: 'completion', original: reference(authorization) });
  }
}

function play(balance: number, preamble: readonly CardMessage[], messages: readonly CardMessage[]): Ledger {
  const ledger = Ledger.with(balance, [cardRecord(0)], 100_000);
  for (const each of [...preamble, ...messages]) ledger.play(each);
  return ledger;
}

const stepArbitrary = fc.record({
  what: fc.constantFrom('hold', 'purchase', 'preauthorization', 'refund', 'holdAdvice', 'purchaseAdvice', 'increment', 'completion', 'completionAdvice', 'reversal', 'reversal', 'reversal', 'repeat', 'repeat', 'days'),
  amount: fc.integer({ min: 1, max: 200 }), actual: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 150 })),
  card: fc.integer({ min: 0, max: 1 }), stan: fc.constantFrom('1', '1', '1', '2', '3'), station: fc.constantFrom('north', 'south'),
  names: fc.integer({ min: 0, max: 1000 }), partial: fc.boolean(), late: fc.integer({ min: 0, max: 12 }),
});

test('a naive model predicts every answer, balance and hold of a random history', () => {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 90, size: 'max' }), (steps) => {
    const ledger = Ledger.with(1500, [cardRecord(0), cardRecord(1)]);
    const model = new Model(1500);
    let nowMs = startMs;
    for (const each of shuffledLate(historyFrom(steps))) {
      if (each === 'day') {
        nowMs += dayMs / 2;
        ledger.expire(nowMs);
        model.expire(nowMs);
      } else {
        const day = startDay + Math.floor((nowMs - startMs) / dayMs);
        const played = { ...each, receivedAtMs: nowMs, day };
        const { response } = ledger.play(played);
        strictEqual(`${response.reason} ${response.amount?.amountMinor}`, model.play(played));
      }
      strictEqual(ledger.totals, model.totals);
      strictEqual(ledger.availableMinor, ledger.ledgerMinor - ledger.heldMinor);
    }
    ledger.checkReplay();
  }), { numRuns: 500 * times, seed });
});

type Step = (typeof stepArbitrary) extends fc.Arbitrary<infer T> ? T : never;

const modelTerms = { holdDays: { cardPresent: 1, cardNotPresent: 1, preauthorization: 2 } };

/** Messages as they were sent, each with how far behind it arrives. */
function historyFrom(steps: readonly Step[]): { sent: CardMessage | 'day'; late: number }[] {
  const sent: { sent: CardMessage | 'day'; late: number }[] = [];
  const messages: CardMessage[] = [];
  let days = 0;
  for (const { what, amount, actual, card, stan, station, names, partial, late } of steps) {
    const named = messages[names % Math.max(1, messages.length)];
    const change: MessageChange = { card, terms: modelTerms, trace: { stan, station }, partialAllowed: partial };
    let next: CardMessage | undefined;
    if (what === 'days') {
      days += 1;
      if (days <= 10) sent.push({ sent: 'day', late: 0 });
    } else if (what === 'repeat') next = named === undefined ? undefined : partial ? repeatOf(named) : againOf(named);
    else if (what === 'reversal') next = named === undefined || named.class === 'reversal' ? undefined : reversalOf(named, actual, { trace: { stan } });
    else if (what === 'increment' || what === 'completion' || what === 'completionAdvice') {
      if (named !== undefined && named.class === 'authorization' && named.purpose !== 'increment') {
        next = message(what === 'increment' ? '0100' : what === 'completion' ? '0200' : '0220', amount, {
          ...change, card: named.card.token === 'token-0' ? 0 : 1, trace: { stan, station: named.trace.station }, partialAllowed: false,
          purpose: what === 'increment' ? 'increment' : 'completion', original: reference(named),
        });
      }
    } else next = plainOf(what, amount, change);
    if (next === undefined) continue;
    messages.push(next);
    sent.push({ sent: next, late: late > 8 ? late : 0 });
  }
  return sent;
}

function plainOf(what: string, amount: number, change: MessageChange): CardMessage {
  switch (what) {
    case 'hold': return message('0100', amount, change);
    case 'preauthorization': return message('0100', amount, { ...change, purpose: 'preauthorization' });
    case 'refund': return message('0200', amount, { ...change, purpose: 'refund' });
    case 'holdAdvice': return message('0120', amount, { ...change, partialAllowed: false });
    case 'purchaseAdvice': return message('0220', amount, { ...change, partialAllowed: false });
    default: return message('0200', amount, change);
  }
}

function shuffledLate(history: readonly { sent: CardMessage | 'day'; late: number }[]): (CardMessage | 'day')[] {
  return history.map(({ sent, late }, index) => ({ sent, at: index + late + index / 1000 })).sort((a, b) => a.at - b.at).map(({ sent }) => sent);
}

test('a repeat moves no money and answers as before, whatever has happened since', () => {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
    const ledger = Ledger.with(1500, [cardRecord(0), cardRecord(1)], 3000);
    const answers = new Map<CardMessage, unknown>();
    const messages = historyFrom(steps).map(({ sent }) => sent).filter((sent) => sent !== 'day');
    for (const each of messages) answers.set(each, ledger.play({ ...each, terms: { ...each.terms, creditGuard: true } }).response);
    const { substance, account } = ledger;
    for (const [each, response] of answers) {
      for (const again of [repeatOf(each), againOf(each)]) {
        const played = ledger.play(again);
        deepStrictEqual(played.response, response);
        expect(played.change).toBe(undefined);
      }
    }
    deepStrictEqual(ledger.substance, substance);
    deepStrictEqual(ledger.account, account);
    ledger.checkReplay();
  }), { numRuns: 300 * times, seed });
});
