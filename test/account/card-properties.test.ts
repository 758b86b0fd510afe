import fc from 'fast-check';
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { test } from 'vitest';
import type { ControlOwner } from '../../src/account/controls.ts';
import type { AskedBy } from '../../src/account/card-lifecycle.ts';
import type { LifecycleMessage } from '../../src/account/lifecycle.ts';
import { accountId, cardRecord, Ledger, message, startMs } from './fixture.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const times = Number(process.env['LOCUM_TIMES'] ?? 1);

/** A card by the words of the requirements, and nothing else. */
interface ModelCard {
  state: 'ordered' | 'active' | 'removed';
  lockCode: number;
  expiry: string;
  pausedUntil: Record<ControlOwner, number>;
}

const irreversible = [1, 2, 5, 8];
const lockReasons = ['', '1801', '1802', '1803', '1804', '1805', '1806', '1807', '1808'];

/** The reason that a purchase at this hour gets: removed, lock code, locked for a time, not activated, balance closed, expired. */
function purchaseReason(card: ModelCard, isClosed: boolean, hour: number): string {
  if (card.state === 'removed') return '1810';
  if (card.lockCode !== 0) return lockReasons[card.lockCode] ?? '';
  if (card.pausedUntil.holder > hour || card.pausedUntil.partner > hour) return '1870';
  if (card.state === 'ordered') return '1811';
  if (isClosed) return '1816';
  return card.expiry < '2410' ? '1001' : '1016';
}

const hourMs = 3_600_000;
const stepArbitrary = fc.record({
  what: fc.constantFrom('lock', 'lock', 'unlock', 'activate', 'remove', 'renew', 'replace', 'pause', 'close', 'purchase', 'purchase', 'again'),
  card: fc.nat({ max: 3 }), code: fc.integer({ min: 1, max: 8 }), by: fc.constantFrom('holder', 'partner', 'staff', 'system') as fc.Arbitrary<AskedBy>,
  owner: fc.constantFrom('holder', 'partner') as fc.Arbitrary<ControlOwner>, hours: fc.nat({ max: 5 }), expiry: fc.constantFrom('2401', '2512', '3112', '3412', '3513'), again: fc.nat(),
});

type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** What the step asks for. */
function messageOf({ what, card, code, by, owner, hours, expiry }: Step, id: string, hour: number, cards: number): LifecycleMessage {
  const base = { id, accountId, receivedAtMs: startMs + hour * hourMs, cardToken: `token-${card}` };
  switch (what) {
    case 'lock': return { ...base, kind: 'cardLock', lockCode: code, by };
    case 'unlock': return { ...base, kind: 'cardUnlock' };
    case 'activate': return { ...base, kind: 'cardActivate' };
    case 'remove': return { ...base, kind: 'cardRemove' };
    case 'renew': return { ...base, kind: 'cardRenew', expiry };
    case 'pause': return { ...base, kind: 'cardPause', by: owner, untilMs: hours === 0 ? 0 : startMs + (hour + hours) * hourMs };
    case 'replace': return { ...base, kind: 'cardReplace', card: cardRecord(cards, { token: `token-${cards}`, state: 'ordered' }), encryptedPan: 'sealed', maskedPan: '476173******0029' };
    default: return { ...base, kind: 'close' };
  }
}

/** The same by the model. @returns the reason that it gives */
function modelled(step: Step, cards: ModelCard[], hour: number, isClosed: boolean): string {
  const { what, card: index, code, by, owner, hours, expiry } = step;
  if (what === 'close') return '0000';
  const card = cards[index];
  if (card === undefined) return '1018';
  if (card.state === 'removed') return '1810';
  const isFixed = irreversible.includes(card.lockCode);
  switch (what) {
    case 'lock':
      if (by === 'holder' && ![1, 2, 3, 7].includes(code)) return '1019';
      if (isFixed && card.lockCode !== code) return lockReasons[card.lockCode] ?? '';
      card.lockCode = code;
      return '0000';
    case 'unlock':
      if (isFixed) return lockReasons[card.lockCode] ?? '';
      card.lockCode = 0;
      return '0000';
    case 'activate':
      if (card.state === 'active') return '9113';
      card.state = 'active';
      return '0000';
    case 'remove':
      card.state = 'removed';
      return '0000';
    case 'renew':
      if (expiry === '3513' || expiry <= card.expiry) return '9100';
      if (isFixed) return lockReasons[card.lockCode] ?? '';
      card.expiry = expiry;
      return '0000';
    case 'replace':
      if (isClosed) return '1816';
      if (!isFixed) card.lockCode = 8;
      cards.push({ state: 'ordered', lockCode: 0, expiry: '3112', pausedUntil: { ...card.pausedUntil } });
      return '0000';
    default:
      card.pausedUntil[owner] = hours === 0 ? 0 : hour + hours;
      return '0000';
  }
}

test('a naive model predicts every answer of a random history of cards, each step is done once, and the journal gives all of it back', () => {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
    const ledger = Ledger.with(0, [cardRecord(0), cardRecord(1, { state: 'ordered' }), cardRecord(2, { expiry: '2401' })]);
    const cards: ModelCard[] = [['active', '3112'], ['ordered', '3112'], ['active', '2401']].map(([state, expiry]) => (
      { state: state as 'active', lockCode: 0, expiry: expiry as string, pausedUntil: { holder: 0, partner: 0 } }));
    const done: LifecycleMessage[] = [];
    let isClosed = false;
    for (const [hour, step] of steps.entries()) {
      if (step.what === 'again') {
        const before = done[step.again % Math.max(1, done.length)];
        if (before === undefined) continue;
        const { account } = ledger;
        deepStrictEqual([ledger.play(before).note, ledger.account], ['repeat', account]);
      } else if (step.what === 'purchase') {
        const card = cards[step.card];
        if (card === undefined) continue;
        const bought = message('0200', 1, { cardFacts: { token: `token-${step.card}` }, receivedAtMs: startMs + hour * hourMs });
        strictEqual(ledger.play(bought).response.reason, purchaseReason(card, isClosed, hour));
      } else {
        const asked = messageOf(step, `step-${hour}`, hour, cards.length);
        const isDone = step.what === 'close' && isClosed;
        const { response, note } = ledger.play(asked);
        strictEqual(response.reason, modelled(step, cards, hour, isClosed));
        if (response.reason === '0000' && !isDone) strictEqual(note, undefined);
        if (response.reason === '0000') done.push(asked);
        if (step.what === 'close') isClosed = true;
      }
      deepStrictEqual(ledger.account?.cards.map(({ record: { state, lockCode, expiry } }) => [state, lockCode, expiry]), cards.map(({ state, lockCode, expiry }) => [state, lockCode, expiry]));
      strictEqual(ledger.account.isClosed, isClosed);
    }
    ledger.checkReplay();
  }), { numRuns: 400 * times, seed });
});
