import { expect, test } from 'vitest';
import { benchDeadlines, benchForwarding, benchStandIn } from '../../bench/forward.ts';

const time = { warmUpMs: 200, durationMs: 1_000 };

test('purchases are forwarded and approved, and a bare relay is loaded with the same rate', async () => {
  const [figure] = await benchForwarding([{ kind: 'open', perSecond: 100 }], time);
  expect(Object.keys(figure!.forwarded.result.outcomes)).toEqual(['0210 00']);
  expect(Object.keys(figure!.relay.result.outcomes)).toEqual(['echoed']);
  for (const { result } of [figure!.forwarded, figure!.relay]) {
    expect(result.answers).toBeGreaterThan(0);
    expect([result.unanswered, result.strays]).toEqual([0, 0]);
  }
});

test('stand-in decides where no issuer is, and approves', async () => {
  const figure = await benchStandIn({ kind: 'closed', inFlight: 32 }, time);
  expect(figure.approvedShare).toBe(1);
  expect(figure.result.answers).toBeGreaterThan(0);
});

test('requests that wait have one timer for all, and no deadline is noticed before it is there', async () => {
  const { waiting, deadlinesKept, lateMs } = await benchDeadlines(500, 100, 3_000);
  expect([waiting, deadlinesKept]).toEqual([500, 1]);
  expect(lateMs.p50).toBeGreaterThanOrEqual(0);
  expect(lateMs.max).toBeGreaterThanOrEqual(lateMs.p99);
});
