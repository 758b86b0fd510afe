import fc from 'fast-check';
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { expect, test } from 'vitest';
import { chipOf, isFreshAtc, withAtc } from '../../src/account/atc.ts';
import { chipsMax } from '../../src/account/card.ts';
import type { ChipCounter } from '../../src/account/card.ts';
import type { LifecycleMessage } from '../../src/account/lifecycle.ts';
import { accountId, cardRecord, chipFacts, Ledger, message, repeatOf, reversalOf, startMs } from './fixture.ts';
import type { CardMessage, MessageChange } from './fixture.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const times = Number(process.env['LOCUM_TIMES'] ?? 1);

/** Counters as a chip and a careless network send them: mostly rising, some late, some again, some far ahead. */
const countersArbitrary = fc.array(fc.tuple(
  fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 120 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 65_535 }) }),
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom('00', '01') }, { weight: 1, arbitrary: fc.constantFrom('02', '10', '99') }),
), { minLength: 1, maxLength: 80, size: 'max' });

/** What came of each chip, those that came last at the end. */
class ChipsModel {
  readonly taken = new Map<string, Set<number>>();

  of(panSequence: string): Set<number> {
    return this.taken.get(panSequence) ?? new Set();
  }

  isFresh(panSequence: string, atc: number, window: number): boolean {
    const taken = this.of(panSequence);
    return !taken.has(atc) && (taken.size === 0 || atc >= Math.max(...taken) - window);
  }

  take(panSequence: string, atc: number): void {
    const taken = this.of(panSequence).add(atc);
    this.taken.delete(panSequence);
    this.taken.set(panSequence, taken);
    for (const oldest of [...this.taken.keys()].slice(0, -3)) this.taken.delete(oldest);
  }

  /** As the card keeps them. */
  get highest(): (readonly [string, number])[] {
    return [...this.taken].map(([panSequence, taken]) => [panSequence, Math.max(...taken)] as const).toReversed();
  }
}

test('each counter of a chip is taken once, and none that is a window below the chip’s highest, whatever other chips come', () => {
  fc.assert(fc.property(countersArbitrary, fc.integer({ min: 0, max: 31 }), (counters, window) => {
    const model = new ChipsModel();
    let chips: readonly ChipCounter[] = [];
    for (const [atc, panSequence] of counters) {
      const isFresh = isFreshAtc(chipOf(chips, panSequence), atc, window);
      strictEqual(isFresh, model.isFresh(panSequence, atc, window));
      if (!isFresh) continue;
      model.take(panSequence, atc);
      chips = withAtc(chips, panSequence, atc, 'm');
      strictEqual(chips.length <= chipsMax, true);
      deepStrictEqual(chips.map((chip) => [chip.panSequence, chip.highestAtc]), model.highest);
      for (const { panSequence: of, highestAtc, seen } of chips) {
        for (let below = 1; below <= 31; below += 1) strictEqual((seen & (1 << (below - 1))) !== 0, model.of(of).has(highestAtc - below));
      }
    }
  }), { numRuns: 1000 * times, seed });
});

const limit = 3;
const what = ['right', 'right', 'wrong', 'wrong', 'wrong', 'mismatch', 'advisedWrong', 'pinChange', 'pinSet', 'lock', 'unlock', 'unlock', 'queue', 'cvv2Reset', 'repeat', 'repeat', 'reversal', 'late'] as const;
const stepArbitrary = fc.record({
  what: fc.constantFrom(...what), amount: fc.integer({ min: 1, max: 40 }), atc: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  lockCode: fc.integer({ min: 1, max: 8 }), failed: fc.boolean(), card: fc.integer({ min: 0, max: 1 }), names: fc.integer({ min: 0, max: 1000 }),
  useId: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }), panSequence: fc.constantFrom('01', '01', '01', '02', '02', '03', '04'),
});
type Step = (typeof stepArbitrary) extends fc.Arbitrary<infer T> ? T : never;

/** What is kept of a card, by the simplest means: lists of what happened. */
class CardModel {
  tries = 0;
  lockCode = 0;
  pinVersion = 1;
  generation = 0;
  readonly chips = new ChipsModel();

  /** @returns the reason of the PIN check, where the card is not locked */
  presents(pin: 'right' | 'wrong', counts = true): string {
    if (this.lockCode !== 0) return `180${this.lockCode}`;
    if (pin === 'right') {
      if (counts) this.tries = 0;
      return '0000';
    }
    if (!counts) return '1017';
    this.tries += 1;
    if (this.tries < limit) return '1017';
    this.lockCode = 6;
    return '1806';
  }

  readsChip(panSequence: string, atc: number | undefined, window: number): boolean {
    if (atc === undefined) return true;
    const isFresh = this.chips.isFresh(panSequence, atc, window);
    if (isFresh) this.chips.take(panSequence, atc);
    return isFresh;
  }

  lock(lockCode: number): boolean {
    if ([1, 2, 5, 8].includes(this.lockCode) && lockCode !== this.lockCode) return false;
    if (this.lockCode === 6 && lockCode !== 6) this.tries = 0;
    this.lockCode = lockCode;
    return true;
  }
}

let drawn = 0;

function lifecycleOf({ what: kind, card, lockCode }: Step): LifecycleMessage | undefined {
  drawn += 1;
  const base = { accountId, receivedAtMs: startMs, cardToken: `token-${card}`, id: `p${drawn}` };
  switch (kind) {
    case 'pinSet': return { ...base, kind, reference: { method: 'pvv', keyIndex: 1, value: String(1000 + drawn % 9000) }, sealed: card === 0 ? 'sealed' : undefined };
    case 'lock': return { ...base, kind: 'cardLock', lockCode };
    case 'unlock': return { ...base, kind: 'cardUnlock' };
    case 'cvv2Reset': return { ...base, kind };
    case 'queue': return { ...base, kind: 'scriptQueue', script: { id: `s${drawn}`, command: 'pinUnblock', sealed: undefined } };
    default: return undefined;
  }
}

function requestOf({ what: kind, amount, card, atc, failed, useId, panSequence }: Step, pinVersion: number): CardMessage {
  const change: MessageChange = {
    card, pin: { outcome: kind === 'wrong' || kind === 'advisedWrong' ? 'wrong' : 'verified', pinVersion },
    chip: atc === undefined ? undefined : { ...chipFacts(atc, ...(failed ? [{ name: 'script', effect: 'scriptFailed' } as const] : [])), outcome: kind === 'mismatch' ? 'mismatch' : 'match', panSequence },
    authentication: useId === undefined ? undefined : { outcome: 'match', useId },
  };
  if (kind === 'advisedWrong') return message('0220', amount, { ...change, advisedDecline: true });
  if (kind !== 'pinChange') return message('0200', amount, change);
  const newPin = { outcome: 'ready', reference: { method: 'ibm3624', keyIndex: 2, value: '0000' }, sealed: 'sealed' } as const;
  return message('0200', undefined, { ...change, purpose: 'pinChange', newPin });
}

test('a naive model predicts tries, locks, versions and counters of a random history, and the journal gives them back', () => {
  let approvals = 0;
  let locks = 0;
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
    const ledger = Ledger.with(400, [cardRecord(0), cardRecord(1)]);
    const models = [new CardModel(), new CardModel()] as const;
    const sent: CardMessage[] = [];
    const uses = new Map<string, string>();
    for (const step of steps) {
      const model = models[step.card] ?? models[0];
      const lifecycle = lifecycleOf(step);
      const named = sent[step.names % Math.max(1, sent.length)];
      if (lifecycle !== undefined) {
        const { reason } = ledger.play(lifecycle).response;
        if (lifecycle.kind === 'cardLock' || lifecycle.kind === 'cardUnlock') strictEqual(reason === '0000', model.lock(lifecycle.kind === 'cardLock' ? lifecycle.lockCode : 0));
        else if (reason === '0000' && lifecycle.kind === 'pinSet') [model.pinVersion, model.tries] = [model.pinVersion + 1, 0];
        else if (lifecycle.kind === 'cvv2Reset') model.generation += 1;
      } else if (step.what === 'repeat') {
        if (named !== undefined) strictEqual(ledger.play(repeatOf(named)).change, undefined);
      } else if (step.what === 'reversal') {
        if (named !== undefined) ledger.play(reversalOf(named));
      } else {
        const request = requestOf(step, model.pinVersion);
        sent.push(request);
        const expected = model.presents(step.what === 'wrong' || step.what === 'advisedWrong' ? 'wrong' : 'right');
        const isFresh = step.what === 'mismatch' || model.readsChip(step.panSequence, step.atc, request.terms.atcWindow);
        const { reason } = ledger.play(request).response;
        if (step.what === 'advisedWrong') strictEqual(reason, '9000');
        else if (expected !== '0000') strictEqual(reason, expected);
        else if (step.what === 'mismatch' && step.atc !== undefined) strictEqual(reason, '1840');
        else strictEqual(reason === '1842', !isFresh);
        if (reason === '0000' && step.what === 'pinChange') model.pinVersion += 1;
        if (reason === '0000' && step.useId !== undefined) {
          strictEqual(uses.has(step.useId), false, 'an authentication value is approved once');
          uses.set(step.useId, request.id);
        }
        if (reason === '0000') approvals += 1;
        if (reason === '1806') locks += 1;
      }
      for (const [index, each] of models.entries()) {
        const { lockCode, pinVersion, cvv2Generation } = ledger.record(index);
        deepStrictEqual([ledger.security(index).pinTries, lockCode, pinVersion, cvv2Generation], [each.tries, each.lockCode, each.pinVersion, each.generation]);
        deepStrictEqual(ledger.security(index).chips.map(({ panSequence, highestAtc }) => [panSequence, highestAtc]), each.chips.highest);
      }
    }
    ledger.checkReplay();
  }), { numRuns: 400 * times, seed });
  expect(approvals).toBeGreaterThan(500);
  expect(locks).toBeGreaterThan(50);
});
