import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLinkEvents } from '../../src/link/events.ts';
import { Matcher } from '../../src/link/matcher.ts';
import type { MatcherEvents } from '../../src/link/matcher.ts';

interface Message {
  readonly class: string;
  readonly stan: string;
  readonly terminal: string;
}

function message(stan: string, terminal = 'T1', messageClass = '1'): Message {
  return { class: messageClass, stan, terminal };
}

interface Recorded {
  readonly matcher: Matcher<Message, string>;
  readonly events: string[];
}

function build(options: { pendingMax?: number; rememberedMax?: number } = {}): Recorded {
  const events: string[] = [];
  const recording: MatcherEvents = {
    ...silentLinkEvents,
    answerMatched: (station, elapsedMs) => events.push(`${station} answered after ${elapsedMs}`),
    requestExpired: (station) => events.push(`${station} expired`),
    answerLate: (station, lateMs) => events.push(`${station} late by ${lateMs}`),
    answerDuplicate: (station) => events.push(`${station} duplicate`),
    answerUnmatched: (station, parts) => events.push(`${station} unmatched${parts === undefined ? '' : `, differs in ${parts.join(' and ')}`}`),
  };
  const matcher = new Matcher<Message, string>({
    station: 'host',
    partNames: ['class', 'STAN', 'terminal'],
    traceOf: (each) => [each.class, each.stan, each.terminal],
    pendingMax: options.pendingMax ?? 100,
    rememberedMax: options.rememberedMax ?? 100,
    events: recording,
  });
  return { matcher, events };
}

function expire(matcher: Matcher<Message, string>, nowMs: number): string[] {
  const expired: string[] = [];
  matcher.expire(nowMs, (request) => expired.push(request));
  return expired;
}

test('an answer finds its request once, and the next one like it is a duplicate', () => {
  const { matcher, events } = build();
  expect(matcher.add(message('000001'), 'first', 100, 1_100)).toBe('added');
  expect(matcher.match(message('000001'), 130)).toEqual({ kind: 'answered', request: 'first', elapsedMs: 30 });
  expect(matcher.match(message('000001'), 140)).toEqual({ kind: 'duplicate' });
  expect(matcher.pending).toBe(0);
  expect(events).toEqual(['host answered after 30', 'host duplicate']);
});

test('an answer after the deadline is late, once, and brings the request so that it can be reversed', () => {
  const { matcher, events } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  expect(expire(matcher, 1_000)).toEqual([]);
  expect(expire(matcher, 1_001)).toEqual(['first']);
  expect(expire(matcher, 9_000)).toEqual([]);
  expect(matcher.match(message('000001'), 1_500)).toEqual({ kind: 'late', request: 'first', lateMs: 500 });
  expect(matcher.match(message('000001'), 1_600)).toEqual({ kind: 'duplicate' });
  expect(events).toEqual(['host expired', 'host late by 500', 'host duplicate']);
});

test('an answer that comes before anybody was told of the deadline is an answer', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  expect(matcher.match(message('000001'), 1_004)).toMatchObject({ kind: 'answered' });
  expect(expire(matcher, 2_000)).toEqual([]);
});

test('the same STAN in another class or from another terminal is another request', () => {
  const { matcher } = build();
  matcher.add(message('000001', 'T1', '1'), 'purchase', 0, 1_000);
  expect(matcher.add(message('000001', 'T1', '4'), 'reversal', 0, 1_000)).toBe('added');
  expect(matcher.add(message('000001', 'T2', '1'), 'other terminal', 0, 1_000)).toBe('added');
  expect(matcher.match(message('000001', 'T1', '4'), 1)).toMatchObject({ request: 'reversal' });
  expect(matcher.match(message('000001', 'T2', '1'), 1)).toMatchObject({ request: 'other terminal' });
  expect(matcher.match(message('000001', 'T1', '1'), 1)).toMatchObject({ request: 'purchase' });
});

test('parts do not run together: 1 and 11 is not 11 and 1', () => {
  const { matcher } = build();
  matcher.add(message('1', '11'), 'one', 0, 1_000);
  expect(matcher.match(message('11', '1'), 1)).toMatchObject({ kind: 'unmatched' });
});

test('a request whose trace waits already is not added, since its answer could not be told from the other', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  expect(matcher.add(message('000001'), 'second', 10, 2_000)).toBe('pending');
  expect(matcher.match(message('000001'), 20)).toMatchObject({ request: 'first' });
});

test('a full table takes no more until one ends', () => {
  const { matcher } = build({ pendingMax: 2 });
  matcher.add(message('000001'), 'first', 0, 1_000);
  matcher.add(message('000002'), 'second', 0, 1_000);
  expect(matcher.add(message('000003'), 'third', 0, 1_000)).toBe('full');
  matcher.match(message('000001'), 5);
  expect(matcher.add(message('000003'), 'third', 6, 1_000)).toBe('added');
});

test('an unmatched answer names the nearest waiting request and what differs', () => {
  const { matcher, events } = build();
  matcher.add(message('000001', 'T1'), 'first', 0, 1_000);
  matcher.add(message('000002', 'T2'), 'second', 0, 1_000);
  expect(matcher.match(message('000002', ''), 10)).toEqual({
    kind: 'unmatched',
    near: { request: 'second', differing: [{ name: 'terminal', missing: true }] },
  });
  expect(matcher.match(message('2', 'T2'), 10)).toMatchObject({ near: { request: 'second', differing: [{ name: 'STAN', missing: false }] } });
  expect(matcher.match(message('9', 'T9', '8'), 10)).toEqual({ kind: 'unmatched', near: undefined });
  expect(events).toEqual(['host unmatched, differs in terminal', 'host unmatched, differs in STAN', 'host unmatched']);
  expect(matcher.pending).toBe(2);
});

test('a cancelled request is given back, and its answer is late', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  expect(matcher.cancel(message('000001'))).toBe('first');
  expect(matcher.cancel(message('000001'))).toBeUndefined();
  expect(matcher.match(message('000001'), 10)).toEqual({ kind: 'late', request: 'first', lateMs: 0 });
  expect(expire(matcher, 5_000)).toEqual([]);
});

test('a trace that is used again belongs to the new request', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  expire(matcher, 2_000);
  matcher.add(message('000001'), 'second', 2_000, 3_000);
  expect(matcher.match(message('000001'), 2_500)).toMatchObject({ kind: 'answered', request: 'second' });
});

test('what is remembered is bounded: the oldest trace is forgotten and its answer is unmatched', () => {
  const { matcher } = build({ rememberedMax: 2 });
  for (const stan of ['000001', '000002', '000003']) {
    matcher.add(message(stan), stan, 0, 1_000);
    matcher.match(message(stan), 10);
  }
  expect(matcher.remembered).toBe(2);
  expect(matcher.match(message('000001'), 20).kind).toBe('unmatched');
  expect(matcher.match(message('000002'), 20).kind).toBe('duplicate');
});

test('a callback of an expiry may add and cancel requests', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'first', 0, 1_000);
  matcher.add(message('000002'), 'second', 0, 1_000);
  const expired: string[] = [];
  matcher.expire(2_000, (request) => {
    expired.push(request);
    matcher.cancel(message('000001'));
    matcher.cancel(message('000002'));
    matcher.add(message('000003'), 'third', 2_000, 2_500);
  });
  expect(expired).toHaveLength(1);
  expect(matcher.pending).toBe(1);
  expect(expire(matcher, 2_501)).toEqual(['third']);
});

test('deadlines further away than the wheel goes round are kept to the millisecond', () => {
  const { matcher } = build();
  matcher.add(message('000001'), 'far', 0, 123_456);
  for (let nowMs = 0; nowMs <= 123_456; nowMs += 7) expect(expire(matcher, nowMs)).toEqual([]);
  expect(expire(matcher, 123_457)).toEqual(['far']);
});

test('any history of requests, answers and time ends each request as a plain list of them would', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), stan: fc.integer({ min: 0, max: 12 }), waitMs: fc.integer({ min: -50, max: 15_000 }) }),
    fc.record({ kind: fc.constant('match' as const), stan: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ kind: fc.constant('expire' as const), afterMs: fc.integer({ min: 0, max: 6_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { matcher } = build();
      // The model: per trace, the deadline while it waits, then how it ended.
      const model = new Map<string, { deadlineMs: number; state: 'waiting' | 'expired' | 'answered' }>();
      let nowMs = 0;
      for (const each of steps) {
        if (each.kind === 'expire') {
          nowMs += each.afterMs;
          const due = [...model].filter(([, one]) => one.state === 'waiting' && one.deadlineMs < nowMs).map(([stan]) => stan);
          expect(expire(matcher, nowMs).sort()).toEqual(due.sort());
          for (const stan of due) (model.get(stan) ?? { state: '' }).state = 'expired';
          continue;
        }
        const stan = String(each.stan);
        const one = model.get(stan);
        if (each.kind === 'add') {
          const outcome = matcher.add(message(stan), stan, nowMs, nowMs + each.waitMs);
          expect(outcome).toBe(one?.state === 'waiting' ? 'pending' : 'added');
          if (outcome === 'added') model.set(stan, { deadlineMs: nowMs + each.waitMs, state: 'waiting' });
          continue;
        }
        const expected = one === undefined ? 'unmatched' : one.state === 'waiting' ? 'answered' : one.state === 'expired' ? 'late' : 'duplicate';
        expect(matcher.match(message(stan), nowMs).kind).toBe(expected);
        if (one !== undefined) one.state = 'answered';
      }
      expect(matcher.pending).toBe([...model.values()].filter((one) => one.state === 'waiting').length);
    }),
    { numRuns: 500 },
  );
});
