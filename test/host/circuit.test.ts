import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyCircuit, newCircuit, nextTrial, standing, takesAdvices, unavailability } from '../../src/host/circuit.ts';
import type { Circuit, CircuitAction, CircuitConfig, CircuitFact } from '../../src/host/circuit.ts';

const config: CircuitConfig = { failuresMax: 3, sharePercent: 50, shareWindowMs: 10_000, shareCountMin: 10, openMs: 1_000, openMaxMs: 4_000, askedMs: 30_000, echoMs: 500 };

const usable: CircuitFact = { kind: 'links', state: 'usable' };
const signedOff: CircuitFact = { kind: 'links', state: 'signedOff' };
const lost: CircuitFact = { kind: 'links', state: 'unreachable' };
const failed: CircuitFact = { kind: 'failed', trial: undefined };
const answered: CircuitFact = { kind: 'answered', trial: undefined };
const tried: CircuitFact = { kind: 'tried' };
const trialAnswered: CircuitFact = { kind: 'answered', trial: 1 };
const trialFailed: CircuitFact = { kind: 'failed', trial: 1 };
const echoed: CircuitFact = { kind: 'echoed', answered: true };
const noEcho: CircuitFact = { kind: 'echoed', answered: false };
const now: CircuitFact = { kind: 'now' };

interface Told {
  readonly circuit: Circuit;
  readonly said: string[];
}

/** Facts at times, and what came of them. */
function told(facts: readonly (readonly [number, CircuitFact])[], from: Circuit = newCircuit): Told {
  let circuit = from;
  const said: string[] = [];
  for (const [atMs, fact] of facts) {
    const step = applyCircuit(config, circuit, fact, atMs);
    circuit = step.circuit;
    for (const action of step.actions) said.push(nameOf(action));
  }
  return { circuit, said };
}

function nameOf(action: CircuitAction): string {
  if (action.kind === 'wake') return `wake at ${action.atMs}`;
  return action.kind === 'echo' ? 'echo' : `${action.from.phase} to ${action.to.phase}${action.to.why === undefined ? '' : `, ${action.to.why}`}`;
}

const threeFailures = [[1, failed], [2, failed], [3, failed]] as const;

describe('the circuit of an issuer', () => {
  it('is closed once a link is usable, and says so', () => {
    const { circuit, said } = told([[0, usable]]);
    expect(said).toEqual(['open to closed']);
    expect([unavailability(newCircuit, 'financial'), unavailability(circuit, 'financial')]).toEqual(['unreachable', undefined]);
  });

  it.each<[string, readonly (readonly [number, CircuitFact])[], string[]]>([
    ['three failures in a row open it', threeFailures, ['closed to open, circuitOpen', 'wake at 1003']],
    ['an answer between them keeps it closed', [[1, failed], [2, failed], [3, answered], [4, failed], [5, failed]], []],
    ['a probe goes out after the wait, and not before', [...threeFailures, [1_002, now], [1_003, now]], ['closed to open, circuitOpen', 'wake at 1003', 'open to halfOpen, circuitOpen', 'echo', 'wake at 1503']],
    ['an echo without an answer opens it for twice as long, up to the longest', [...threeFailures, [1_003, now], [1_100, noEcho], [3_100, now], [3_200, noEcho], [7_200, now], [7_300, noEcho]], [
      'closed to open, circuitOpen', 'wake at 1003', 'open to halfOpen, circuitOpen', 'echo', 'wake at 1503', 'halfOpen to open, circuitOpen', 'wake at 3100',
      'open to halfOpen, circuitOpen', 'echo', 'wake at 3600', 'halfOpen to open, circuitOpen', 'wake at 7200', 'open to halfOpen, circuitOpen', 'echo', 'wake at 7700', 'halfOpen to open, circuitOpen', 'wake at 11300',
    ]],
    ['an echo that nobody reports on is one without an answer', [...threeFailures, [1_003, now], [1_503, now]], ['closed to open, circuitOpen', 'wake at 1003', 'open to halfOpen, circuitOpen', 'echo', 'wake at 1503', 'halfOpen to open, circuitOpen', 'wake at 3503']],
    ['an answered echo and one answered transaction close it', [...threeFailures, [1_003, now], [1_010, echoed], [1_020, tried], [1_030, trialAnswered]], ['closed to open, circuitOpen', 'wake at 1003', 'open to halfOpen, circuitOpen', 'echo', 'wake at 1503', 'halfOpen to closed']],
    ['a transaction that is tried and fails opens it again', [...threeFailures, [1_003, now], [1_010, echoed], [1_020, tried], [1_530, trialFailed]], ['closed to open, circuitOpen', 'wake at 1003', 'open to halfOpen, circuitOpen', 'echo', 'wake at 1503', 'halfOpen to open, circuitOpen', 'wake at 3530']],
    ['what was sent before it opened neither closes nor opens it', [...threeFailures, [4, failed], [5, answered], [6, failed]], ['closed to open, circuitOpen', 'wake at 1003']],
    ['an answer that asks for stand-in opens it for as long as is set', [[1, { kind: 'asked' }]], ['closed to open, asked', 'wake at 30001']],
    ['a sign-off keeps requests away, and a sign-on lets them go at once', [[1, signedOff], [9, usable]], ['closed to open, signedOff', 'open to closed']],
    ['lost links come back by way of a probe', [[1, lost], [9, usable], [10, echoed], [11, tried], [12, trialAnswered]], ['closed to open, unreachable', 'wake at 1', 'open to halfOpen, unreachable', 'echo', 'wake at 509', 'halfOpen to closed']],
    ['an order of an operator is above everything, and says when it ends', [[1, { kind: 'order', on: true }], [2, signedOff], [3, usable], [4, { kind: 'order', on: false }]], ['closed to open, operator', 'open to closed']],
    ['no probe goes out while an operator keeps it open', [...threeFailures, [4, { kind: 'order', on: true }], [2_000, now], [3_000, { kind: 'order', on: false }]], ['closed to open, circuitOpen', 'wake at 1003', 'open to open, operator', 'open to halfOpen, circuitOpen', 'echo', 'wake at 3500']],
    ['a sign-on after failures is probed at once', [...threeFailures, [4, signedOff], [9, usable]], ['closed to open, circuitOpen', 'wake at 1003', 'open to open, signedOff', 'open to halfOpen, circuitOpen', 'echo', 'wake at 509']],
    ['suppress inquiry says when it begins and ends', [[1, { kind: 'suppress', on: true }], [2, { kind: 'suppress', on: true }], [3, { kind: 'suppress', on: false }]], ['closed to open, suppressInquiry', 'open to closed']],
  ])('%s', (_, facts, said) => {
    expect(told(facts, told([[0, usable]]).circuit).said).toEqual(said);
  });

  it('suppress inquiry keeps authorizations and reversals, lets financial requests and advices go', () => {
    const { circuit } = told([[0, usable], [1, { kind: 'suppress', on: true }]]);
    expect((['authorization', 'reversal', 'financial'] as const).map((of) => unavailability(circuit, of))).toEqual(['suppressInquiry', 'suppressInquiry', undefined]);
    expect(takesAdvices(circuit)).toBe(true);
  });

  it('a share of failures opens it though none follow each other, once there were enough', () => {
    const everyOther = Array.from({ length: 12 }, (_, index): [number, CircuitFact] => [index * 10, index % 2 === 0 ? answered : failed]);
    expect(told(everyOther.slice(0, 9), told([[0, usable]]).circuit).said).toEqual([]);
    expect(told(everyOther, told([[0, usable]]).circuit).said).toEqual(['closed to open, circuitOpen', 'wake at 1090']);
  });

  it('failures of long ago count for nothing in the share', () => {
    const early = Array.from({ length: 8 }, (_, index): [number, CircuitFact] => [index, index % 2 === 0 ? failed : answered]);
    const late = Array.from({ length: 6 }, (_, index): [number, CircuitFact] => [20_000 + index, index % 2 === 0 ? failed : answered]);
    expect(told([...early, ...late], told([[0, usable]]).circuit).said).toEqual([]);
  });

  it('one transaction is tried at a time, and one that could not be sent gives its place back', () => {
    const { circuit } = told([[0, usable], ...threeFailures, [1_003, now], [1_010, echoed]]);
    expect([nextTrial(circuit), unavailability(circuit, 'financial')]).toEqual([1, undefined]);
    const trial = told([[1_020, tried]], circuit).circuit;
    expect([nextTrial(trial), unavailability(trial, 'financial'), takesAdvices(trial)]).toEqual([undefined, 'circuitOpen', true]);
    expect(nextTrial(told([[1_030, { kind: 'untried', trial: 1 }]], trial).circuit)).toBe(2);
  });

  it('what becomes of a trial from before the links were lost says nothing of the one that is tried now', () => {
    const again: readonly (readonly [number, CircuitFact])[] = [[1_020, tried], [1_030, lost], [1_040, usable], [1_050, echoed], [1_060, tried]];
    const { circuit } = told([[0, usable], ...threeFailures, [1_003, now], [1_010, echoed], ...again]);
    for (const fact of [trialFailed, trialAnswered, { kind: 'untried', trial: 1 } as const]) expect(told([[1_070, fact]], circuit)).toEqual({ circuit, said: [] });
    expect(told([[1_080, { kind: 'answered', trial: 2 }]], circuit).said).toEqual(['halfOpen to closed']);
  });

  const facts: fc.Arbitrary<CircuitFact> = fc.oneof(
    fc.constantFrom<CircuitFact>(usable, signedOff, lost, failed, failed, failed, answered, tried, trialAnswered, trialFailed, echoed, noEcho, now, now, { kind: 'untried', trial: 1 }, { kind: 'asked' }),
    fc.boolean().map((on): CircuitFact => ({ kind: 'suppress', on })), fc.boolean().map((on): CircuitFact => ({ kind: 'order', on })),
  );

  it('whatever happens: it closes after an echo and a transaction only, every change is told once, and what is open is probed in the end', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(3_000), facts), { maxLength: 60 }), (steps) => {
      let circuit = newCircuit;
      let nowMs = 0;
      let seen = standing(circuit);
      for (const [passed, drawn] of steps) {
        nowMs += passed;
        // Of an earlier trial, where there was more than one, or of the last.
        const fact: CircuitFact = 'trial' in drawn && drawn.trial !== undefined && passed % 2 === 0 ? { ...drawn, trial: circuit.trials } : drawn;
        const before = circuit.breaker;
        const step = applyCircuit(config, circuit, fact, nowMs);
        circuit = step.circuit;
        if (circuit.breaker === 'closed' && before !== 'closed') expect([before, fact]).toEqual(['trial', { kind: 'answered', trial: circuit.trials }]);
        if (circuit.breaker === 'trial' && before !== 'trial') expect(before).toBe('trying');
        if (circuit.breaker === 'trying' && before !== 'trying') expect(['probing', 'trial']).toContain(before);
        for (const action of step.actions) {
          if (action.kind !== 'changed') continue;
          expect(action.from).toEqual(seen);
          expect(action.to).not.toEqual(seen);
          seen = action.to;
        }
        expect(standing(circuit)).toEqual(seen);
        expect((seen.phase === 'closed') === (seen.why === undefined)).toBe(true);
        // Requests go only where it says so.
        if (seen.phase === 'open' && seen.why !== 'suppressInquiry') expect(unavailability(circuit, 'financial')).toBe(seen.why);
      }
      for (const fact of [usable, { kind: 'order', on: false }, { kind: 'suppress', on: false }] as const) circuit = applyCircuit(config, circuit, fact, nowMs).circuit;
      nowMs += 60_000;
      circuit = applyCircuit(config, circuit, now, nowMs).circuit;
      if (circuit.breaker === 'open') circuit = applyCircuit(config, circuit, now, nowMs + 60_000).circuit;
      expect(circuit.breaker).not.toBe('open');
    }), { numRuns: 500 });
  });
});
