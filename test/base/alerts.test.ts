/** Alerts against a model that remembers everything: when a condition held, and from that what had to start and to end. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alerts } from '../../src/base/alerts.ts';
import type { Alert, Condition } from '../../src/base/alerts.ts';

const settleMs = 1_000;

function condition(subject: string, delayMs = 0, reason = 'it is so'): Condition {
  return { kind: 'stationDown', subject, reason, delayMs };
}

interface Told {
  readonly what: 'started' | 'ended';
  readonly alert: Alert;
  readonly lastedMs?: number;
}

function register(endedMax = 100): { readonly alerts: Alerts; readonly told: Told[]; readonly at: (ms: number, ...conditions: readonly Condition[]) => void } {
  const told: Told[] = [];
  const alerts = new Alerts(endedMax, {
    started: (alert) => told.push({ what: 'started', alert }),
    ended: (alert, lastedMs) => told.push({ what: 'ended', alert, lastedMs }),
  });
  return { alerts, told, at: (ms, ...conditions) => alerts.take(conditions, { nowMs: 1_700_000_000_000 + ms, elapsedMs: ms }, settleMs) };
}

describe('an alert', () => {
  it('starts when its condition holds, and ends when it has been gone for the settling time, each told once, with the times of the condition', () => {
    const { alerts, told, at } = register();
    at(0);
    at(100, condition('pos'));
    at(200, condition('pos'));
    expect(alerts.on).toMatchObject([{ number: 1, kind: 'stationDown', subject: 'pos', startedAtMs: 1_700_000_000_100, endedAtMs: undefined, reason: 'it is so', count: 1 }]);
    at(5_000);
    at(5_999);
    expect(told).toHaveLength(1);
    at(6_000);
    expect(told.map(({ what }) => what)).toEqual(['started', 'ended']);
    expect(told[1]).toMatchObject({ alert: { endedAtMs: 1_700_000_005_000 }, lastedMs: 4_900 });
    expect([alerts.on, alerts.ended]).toMatchObject([[], [{ number: 1, endedAtMs: 1_700_000_005_000 }]]);
  });

  it('that has a delay does not start where its condition is gone before, and starts with the time at which it began', () => {
    const { told, at } = register();
    at(0, condition('pos', 500));
    at(499, condition('pos', 500));
    at(500);
    at(600, condition('pos', 500));
    expect(told).toEqual([]);
    at(1_100, condition('pos', 500));
    expect(told).toMatchObject([{ what: 'started', alert: { startedAtMs: 1_700_000_000_600 } }]);
  });

  it('whose condition comes and goes is one, with how often it came, and the last reason', () => {
    const { alerts, told, at } = register();
    for (let ms = 0; ms < 10_000; ms += 200) at(ms, ...(ms % 400 === 0 ? [condition('pos', 0, `at ${ms}`)] : []));
    expect(told).toHaveLength(1);
    expect(alerts.on).toMatchObject([{ count: 25, reason: 'at 9600' }]);
  });

  it('of another subject is another one, and of two conditions of one subject the first counts', () => {
    const { alerts, at } = register();
    at(0, condition('pos', 0, 'first'), condition('host'), condition('pos', 0, 'second'));
    expect(alerts.on.map(({ number, subject, reason }) => [number, subject, reason])).toEqual([[1, 'pos', 'first'], [2, 'host', 'it is so']]);
  });

  it('ends neither before it began nor with a wrong length where the clock on the wall is put back', () => {
    const { alerts, told } = register();
    alerts.take([condition('pos')], { nowMs: 9_000_000, elapsedMs: 0 }, settleMs);
    alerts.take([], { nowMs: 1_000, elapsedMs: 3_000 }, settleMs);
    alerts.take([], { nowMs: 2_000, elapsedMs: 4_000 }, settleMs);
    expect(told[1]).toMatchObject({ what: 'ended', alert: { startedAtMs: 9_000_000, endedAtMs: 9_000_000 }, lastedMs: 3_000 });
  });

  it('that ended is kept until as many have ended after it', () => {
    const { alerts, at } = register(3);
    for (let each = 0; each < 5; each += 1) {
      at(each * 5_000, condition(`station ${each}`));
      at(each * 5_000 + 1_000);
      at(each * 5_000 + 2_000);
    }
    expect(alerts.ended.map(({ subject }) => subject)).toEqual(['station 4', 'station 3', 'station 2']);
  });
});

interface Step {
  readonly passMs: number;
  readonly holds: readonly boolean[];
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.record({ passMs: fc.integer({ min: 0, max: 1_500 }), holds: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }) }), { maxLength: 60 });

/** What has to be on after these steps, looked up in the whole past each time. */
function isOnByModel(past: readonly { readonly ms: number; readonly holds: boolean }[], delayMs: number): boolean {
  let isOn = false;
  for (const [index, { ms }] of past.entries()) {
    const before = past.slice(0, index + 1);
    const lastChange = before.findLastIndex(({ holds }, at) => at > 0 && holds !== before[at - 1]!.holds);
    const sinceMs = before[lastChange === -1 ? 0 : lastChange]!.ms;
    const { holds } = before.at(-1)!;
    if (!isOn && holds && ms - sinceMs >= delayMs) isOn = true;
    else if (isOn && !holds && ms - sinceMs >= settleMs) isOn = false;
  }
  return isOn;
}

it('whatever comes and goes, what is on is what the whole past says, starts and ends alternate, and each ends at or after its start', () => {
  fc.assert(fc.property(steps, fc.constantFrom(0, 300, 2_000), (all, delayMs) => {
    const { alerts, told, at } = register();
    const pasts = new Map(['a', 'b', 'c'].map((subject) => [subject, [] as { ms: number; holds: boolean }[]]));
    let ms = 0;
    for (const { passMs, holds } of all) {
      ms += passMs;
      for (const [index, past] of [...pasts.values()].entries()) past.push({ ms, holds: holds[index]! });
      at(ms, ...[...pasts.keys()].filter((_, index) => holds[index]).map((subject) => condition(subject, delayMs)));
      for (const [subject, past] of pasts) expect(alerts.isOn('stationDown', subject)).toBe(isOnByModel(past, delayMs));
    }
    for (const subject of pasts.keys()) {
      const of = told.filter(({ alert }) => alert.subject === subject);
      expect(of.map(({ what }) => what)).toEqual(of.map((_, index) => (index % 2 === 0 ? 'started' : 'ended')));
      for (const { alert: { startedAtMs, endedAtMs } } of of) expect(endedAtMs ?? Infinity).toBeGreaterThanOrEqual(startedAtMs);
    }
    expect(alerts.on.length + alerts.ended.length).toBe(told.filter(({ what }) => what === 'started').length);
  }), { numRuns: 200 });
});
