import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines, processSchedule } from '../../src/base/deadlines.ts';

/** Time that passes when it is told to, with the one timer that a `Deadlines` arms. */
function virtualTime(): { deadlines: Deadlines; readonly pass: (ms: number) => void; readonly armed: () => number } {
  let nowMs = 0;
  const timers = new Set<{ atMs: number; callback: () => void }>();
  const deadlines = new Deadlines(
    () => nowMs,
    (callback, delayMs) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  );
  return {
    deadlines,
    armed: () => timers.size,
    pass: (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.atMs <= untilMs).sort((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        nowMs = next.atMs;
        timers.delete(next);
        next.callback();
      }
      nowMs = untilMs;
    },
  };
}

test('a thousand deadlines share one timer and are met in order, none early, none later than a tick', () => {
  const { deadlines, pass, armed } = virtualTime();
  const met: Array<[number, number]> = [];
  for (let i = 0; i < 1_000; i += 1) {
    const atMs = (i * 7_919) % 10_007;
    deadlines.at(atMs, () => met.push([atMs, deadlines.nowMs()]));
  }
  expect(armed()).toBe(1);
  pass(20_000);
  expect(met).toHaveLength(1_000);
  expect(met.map(([atMs]) => atMs)).toEqual(met.map(([atMs]) => atMs).sort((one, other) => one - other));
  for (const [atMs, metAtMs] of met) {
    expect(metAtMs).toBeGreaterThanOrEqual(atMs);
    expect(metAtMs).toBeLessThanOrEqual(atMs + 10);
  }
  expect(deadlines.pending).toBe(0);
  expect(armed()).toBe(0);
});

test('a cancelled deadline is never met, and many of them leave no memory behind', () => {
  const { deadlines, pass } = virtualTime();
  let met = 0;
  for (let i = 0; i < 10_000; i += 1) {
    const deadline = deadlines.at(1_000 + i, () => (met += 1));
    deadline.cancel();
    deadline.cancel();
  }
  expect(deadlines.pending).toBe(0);
  pass(20_000);
  expect(met).toBe(0);
});

test('a callback that asks for the past runs again at the next tick, not for ever', () => {
  const { deadlines, pass } = virtualTime();
  let met = 0;
  const again = (): void => {
    met += 1;
    deadlines.at(0, again);
  };
  deadlines.at(5, again);
  pass(100);
  expect(met).toBeGreaterThan(2);
  expect(met).toBeLessThanOrEqual(21);
});

test('a callback may cancel one that is due with it', () => {
  const { deadlines, pass } = virtualTime();
  let met = 0;
  const later = deadlines.at(6, () => (met += 1));
  deadlines.at(5, () => {
    later.cancel();
  });
  pass(100);
  expect(met).toBe(0);
});

test('any deadlines, some cancelled, are met as a sorted list would be', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 500 }), cancel: fc.boolean() }), { maxLength: 300 }), (wanted) => {
      const { deadlines, pass } = virtualTime();
      const met: number[] = [];
      const made = wanted.map(({ atMs }) => deadlines.at(atMs, () => met.push(atMs)));
      wanted.forEach(({ cancel }, i) => {
        if (cancel) made[i]?.cancel();
      });
      pass(1_000);
      expect(met).toEqual(
        wanted
          .filter(({ cancel }) => !cancel)
          .map(({ atMs }) => atMs)
          .sort((one, other) => one - other),
      );
    }),
    { numRuns: 200 },
  );
});

test('on the real clock a deadline is met, and not early', async () => {
  const deadlines = new Deadlines(() => performance.now(), processSchedule);
  // The deadline's own timer keeps no process alive; this one does, meanwhile.
  const alive = setInterval(() => undefined, 1_000);
  const fromMs = performance.now();
  await new Promise<void>((resolve) => {
    deadlines.after(25, resolve);
  });
  clearInterval(alive);
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual(25);
});
