/** What is an alert and what is not, at each threshold. */
import { expect, test } from 'vitest';
import { conditionsOf } from '../../src/program/alert-conditions.ts';
import type { AlertKind, Watched } from '../../src/program/alert-conditions.ts';
import { readTables } from '../../src/tables/tables.ts';

const { parameters: { alerts: thresholds } } = readTables([], 0);
const well: Watched = {
  nowMs: 1_000_000, stations: [{ name: 'pos', state: 'down', isExpected: false, trouble: '' }, { name: 'host', state: 'signedOn', isExpected: true, trouble: 'peer' }],
  issuers: [{ name: 'bank', why: undefined, hasStandIn: true }], advices: [{ issuer: 'bank', count: 0, oldestAtMs: undefined, setAside: 0 }],
  journal: { entries: 0, seconds: 0, stopped: undefined }, storeTrouble: undefined, bookTrouble: undefined, webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 0, oldestAtMs: undefined, dead: 0 }], events: [],
};

type Row = readonly [what: string, now: Partial<Watched>, expected: readonly string[], on?: AlertKind];

test.for<Row>([
  ['all is well', {}, []],
  ['a station that could not be started', { stations: [{ name: 'pos', state: undefined, isExpected: false, trouble: '' }] }, ['stationDown pos +10000: it could not be started']],
  ['one where nobody is', { stations: [{ name: 'pos', state: 'down', isExpected: true, trouble: 'unreachable, ECONNREFUSED' }] }, ['stationDown pos +10000: nobody is connected: unreachable, ECONNREFUSED']],
  ['one whose peer has not signed on', { stations: [{ name: 'pos', state: 'connected', isExpected: true, trouble: 'peer' }] }, ['stationDown pos +10000: connected, and not signed on']],
  ['one that is signed off', { stations: [{ name: 'pos', state: 'signedOff', isExpected: true, trouble: '' }] }, ['stationDown pos +10000: signed off']],
  ['one that an operator signed off', { stations: [{ name: 'pos', state: 'held', isExpected: true, trouble: '' }] }, ['stationDown pos +10000: signed off by an operator']],
  ['an issuer that is stood in for', { issuers: [{ name: 'bank', why: 'circuitOpen', hasStandIn: true }] }, ['standIn bank +1000: circuitOpen: too many requests had no valid answer']],
  ['one that nobody stands in for', { issuers: [{ name: 'bank', why: 'suppressInquiry', hasStandIn: false }] }, ['standIn bank +1000: suppressInquiry: it asked to be spared requests; nobody stands in for it, and what it is asked for is declined']],
  ['nearly too many advices', { advices: [{ issuer: 'bank', count: 999, oldestAtMs: 999_000, setAside: 0 }] }, []],
  ['too many', { advices: [{ issuer: 'bank', count: 1_000, oldestAtMs: 999_000, setAside: 0 }] }, ['adviceBacklog bank +0: 1000 advices wait']],
  ['still more than half of too many', { advices: [{ issuer: 'bank', count: 501, oldestAtMs: 999_000, setAside: 0 }] }, ['adviceBacklog bank +0: 501 advices wait'], 'adviceBacklog'],
  ['half of too many', { advices: [{ issuer: 'bank', count: 500, oldestAtMs: 999_000, setAside: 0 }] }, [], 'adviceBacklog'],
  ['one advice that is old', { advices: [{ issuer: 'bank', count: 1, oldestAtMs: 700_000, setAside: 0 }] }, ['adviceAge bank +0: the oldest of 1 has waited for 300 s']],
  ['one of a clock that was put back', { advices: [{ issuer: 'bank', count: 1, oldestAtMs: 9_000_000, setAside: 0 }] }, []],
  ['advices that were set aside', { advices: [{ issuer: 'bank', count: 0, oldestAtMs: undefined, setAside: 2 }] }, ['advicesSetAside bank +0: 2 wait for an operator']],
  ['a journal that is long', { journal: { entries: 10_000, seconds: 1, stopped: undefined } }, ['journalLag journal +0: the book is 10000 entries behind, the oldest 1 s old']],
  ['one that is half as long again', { journal: { entries: 5_001, seconds: 1, stopped: undefined } }, ['journalLag journal +0: the book is 5001 entries behind, the oldest 1 s old'], 'journalLag'],
  ['one that is short and old', { journal: { entries: 1, seconds: 60, stopped: undefined } }, ['journalLag journal +0: the book is 1 entries behind, the oldest 60 s old']],
  ['one that stands still', { journal: { entries: 1, seconds: 0, stopped: '1 of 4 partitions stand still: a gap' } }, ['journalLag journal +0: the book is 1 entries behind, the oldest 0 s old; 1 of 4 partitions stand still: a gap']],
  ['a store that is away', { storeTrouble: 'ECONNREFUSED' }, ['storeUnreachable store +0: ECONNREFUSED']],
  ['a book that is away', { bookTrouble: 'ECONNREFUSED' }, ['bookUnreachable book +10000: ECONNREFUSED']],
  ['events that wait for a webhook, few and young', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 9_999, oldestAtMs: 999_000, dead: 0 }] }, []],
  ['many', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 10_000, oldestAtMs: 999_000, dead: 0 }] }, ['webhookBehind demo/w_1 +0: 10000 events wait, the oldest for 1 s']],
  ['still more than half as many', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 5_001, oldestAtMs: 999_000, dead: 0 }] }, ['webhookBehind demo/w_1 +0: 5001 events wait, the oldest for 1 s'], 'webhookBehind'],
  ['half as many', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 5_000, oldestAtMs: 999_000, dead: 0 }] }, [], 'webhookBehind'],
  ['one that is old', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 1, oldestAtMs: 100_000, dead: 0 }] }, ['webhookBehind demo/w_1 +0: 1 event waits, the oldest for 900 s']],
  ['events that were given up', { webhooks: [{ webhookId: 'w_1', partner: 'demo', waiting: 0, oldestAtMs: undefined, dead: 2 }] }, ['webhookDead demo/w_1 +0: 2 were given up within a day']],
  ['late answers, few', { events: [{ kind: 'answersLate', subject: 'bank', count: 9, last: '5 ms' }] }, []],
  ['late answers, many', { events: [{ kind: 'answersLate', subject: 'bank', count: 10, last: '5 ms' }] }, ['answersLate bank +0: 10 within 60 s; the last: 5 ms']],
  ['unmatched answers, still some', { events: [{ kind: 'answersUnmatched', subject: 'bank', count: 6, last: '' }] }, ['answersUnmatched bank +0: 6 within 60 s'], 'answersUnmatched'],
  ['refused answers, many', { events: [{ kind: 'answersRefused', subject: 'bank', count: 10, last: 'amount' }] }, ['answersRefused bank +0: 10 within 60 s; the last: amount']],
  ['one trouble of the advice file', { events: [{ kind: 'adviceFileTrouble', subject: 'advices', count: 1, last: 'full' }] }, ['adviceFileTrouble advices +0: 1 within 60 s; the last: full']],
  ['lines that were lost', { events: [{ kind: 'messageLogLost', subject: 'book', count: 1, last: '7 lines so far' }] }, ['messageLogLost book +0: 1 within 60 s; the last: 7 lines so far']],
])('%s', ([, now, expected, on]) => {
  const found = conditionsOf({ ...well, ...now }, thresholds, (kind) => kind === on);
  expect(found.map(({ kind, subject, delayMs, reason }) => `${kind} ${subject} +${delayMs}: ${reason}`)).toEqual(expected);
});
