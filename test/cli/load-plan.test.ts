import { describe, expect, test } from 'vitest';
import { LoadPlan } from '../../src/cli/load-plan.ts';
import type { LoadProfile, Planned } from '../../src/cli/load-plan.ts';
import { Latencies, LoadTally } from '../../src/cli/load-tally.ts';

const profile: LoadProfile = {
  mix: new Map([['purchase', 60], ['balance', 0], ['preauth', 40]]), pans: ['4761730000001001', '4761730000001019', '4761730000001027'],
  amountFromMinor: 100, amountToMinor: 5_000, completions: 75, reversals: 20, repeats: 10, duplicates: 10, gap: 8, seed: 7,
};

function planned(of: LoadProfile, count: number): Planned[] {
  const plan = new LoadPlan(of);
  return Array.from({ length: count }, () => plan.next());
}

describe('a plan', () => {
  const messages = planned(profile, 20_000);
  const count = (kind: Planned['kind'], form: Planned['form'] = 'first'): number => messages.filter((each) => each.kind === kind && each.form === form).length;

  test('is the same for the same seed, and another for another', () => {
    expect(planned(profile, 2_000)).toEqual(messages.slice(0, 2_000));
    expect(planned({ ...profile, seed: 8 }, 50)).not.toEqual(messages.slice(0, 50));
  });

  test('has the shares that its profile names, and nothing of what has no weight', () => {
    expect(count('balance') + count('cash')).toBe(0);
    const [purchases, preauths] = [count('purchase'), count('preauth')];
    expect(preauths / (purchases + preauths)).toBeCloseTo(0.4, 1);
    expect(count('reversal') / (purchases + preauths)).toBeCloseTo(0.2, 1);
    expect(count('completion') / (preauths * 0.8)).toBeCloseTo(0.75, 1);
    const firsts = messages.filter(({ form }) => form === 'first').length;
    expect(messages.filter(({ form }) => form === 'duplicate').length / firsts).toBeCloseTo(0.1, 1);
    expect(messages.filter(({ form }) => form === 'repeat').length / firsts).toBeCloseTo(0.1, 1);
  });

  test('names an original that came before, of the same card, and completes no more than its amount', () => {
    const seen = new Set<Planned>();
    for (const each of messages) {
      if (each.of !== undefined) {
        expect(seen.has(each.of)).toBe(true);
        expect(each.pan).toBe(each.of.pan);
        expect(each.amountMinor).toBeLessThanOrEqual(each.of.amountMinor);
        if (each.form === 'first') expect(each.stan).not.toBe(each.of.stan);
        else expect([each.stan, each.kind, each.amountMinor]).toEqual([each.of.stan, each.of.kind, each.of.amountMinor]);
      }
      seen.add(each);
    }
  });

  test('uses a trace number once', () => {
    const stans = messages.filter(({ form }) => form === 'first').map(({ stan }) => stan);
    expect(new Set(stans).size).toBe(stans.length);
    expect(Math.min(...stans)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...stans)).toBeLessThanOrEqual(999_999);
  });

  test('takes amounts and cards from the whole of what it was given', () => {
    const amounts = messages.filter(({ of }) => of === undefined).map(({ amountMinor }) => amountMinor);
    expect(Math.min(...amounts)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...amounts)).toBeLessThanOrEqual(5_000);
    expect(Math.max(...amounts) - Math.min(...amounts)).toBeGreaterThan(4_500);
    expect(new Set(messages.map(({ pan }) => pan)).size).toBe(3);
  });
});

test('times are read back to within a doubling’s thirty-second part', () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms);
  for (const share of [0.5, 0.9, 0.99]) {
    expect(latencies.quantileMs(share)).toBeGreaterThanOrEqual(share * 1_000);
    expect(latencies.quantileMs(share)).toBeLessThan(share * 1_000 * 1.025);
  }
  expect(latencies.json.max).toBe(1_000);
  expect(new Latencies().json).toEqual({ p50: 0, p99: 0, max: 0 });
});

test('a second tells what came since the last one, and the summary all of it', () => {
  const tally = new LoadTally();
  const [first] = planned(profile, 1);
  tally.sent(first!);
  tally.answer('00', true, 5);
  expect(tally.second(0)).toMatchObject({ second: 1, sent: 1, answered: 1, approved: 1 });
  expect(tally.isUntold).toBe(false);
  tally.sent(first!);
  tally.unanswered();
  expect(tally.second(1)).toMatchObject({ second: 2, sent: 1, answered: 0, unanswered: 1, inFlight: 1 });
  expect(tally.summary(7, 2_000)).toMatchObject({ seed: 7, seconds: 2, sent: 2, answered: 1, answeredPerSecond: 0.5, byResponseCode: { '00': 1 }, unanswered: 1 });
});
