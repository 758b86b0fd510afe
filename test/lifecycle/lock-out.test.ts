/** The rules of lock-out, against a model that remembers every try. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterTry, lockMsFirst, lockMsMax, noTries, triesMax } from '../../src/lifecycle/lock-out.ts';
import type { LockOut } from '../../src/lifecycle/lock-out.ts';

interface Try {
  /** Since the try before. */
  readonly afterMs: number;
  readonly isRight: boolean;
}

const tries = fc.array(fc.record({ afterMs: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 0, max: 2 * lockMsMax })), isRight: fc.boolean() }), { maxLength: 60 });

/** What a person would say of a history: after the fifth wrong one in a row each next one waits for twice as long. */
function isAllowed(judged: readonly { readonly atMs: number; readonly isRight: boolean }[], atMs: number): boolean {
  const lastRight = judged.findLastIndex(({ isRight }) => isRight);
  const wrong = judged.slice(lastRight + 1);
  if (wrong.length < triesMax) return true;
  const waitMs = Math.min(lockMsMax, lockMsFirst * 2 ** (wrong.length - triesMax));
  return atMs >= wrong.at(-1)!.atMs + waitMs;
}

test('a try is judged when the model says so, and never otherwise', () => {
  fc.assert(fc.property(tries, (all: readonly Try[]) => {
    let state: LockOut = noTries;
    let atMs = 0;
    const judged: { atMs: number; isRight: boolean }[] = [];
    for (const { afterMs, isRight } of all) {
      atMs += afterMs;
      const after = afterTry(state, atMs);
      expect(after !== undefined).toBe(isAllowed(judged, atMs));
      if (after === undefined) continue;
      judged.push({ atMs, isRight });
      state = isRight ? noTries : after;
    }
  }), { numRuns: 2_000 });
});

test('who keeps trying while it is locked does not lock it for longer', () => {
  let state: LockOut = noTries;
  for (let each = 0; each < triesMax; each += 1) state = afterTry(state, 0)!;
  for (let atMs = 0; atMs < lockMsFirst; atMs += 100) expect(afterTry(state, atMs)).toBeUndefined();
  expect(afterTry(state, lockMsFirst)).toBeDefined();
});

test('guesses are few: in a day of trying as often as it is allowed, fewer than forty are judged', () => {
  let state: LockOut = noTries;
  let judged = 0;
  for (let atMs = 0; atMs < 24 * 3_600_000; atMs += 1_000) {
    const after = afterTry(state, atMs);
    if (after === undefined) continue;
    judged += 1;
    state = after;
  }
  expect(judged).toBeLessThan(40);
});
