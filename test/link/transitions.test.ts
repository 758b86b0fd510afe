/** The table of what moves a station from state to state, against the machine and against the page that draws it. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { admits, applySession, newSession, sessionStates, stationState, transitions, triggers, usable } from '../../src/link/session.ts';
import type { Session, SessionFact, SessionState, SignOn, Trigger } from '../../src/link/session.ts';

const page = readFileSync(new URL('../../docs/network-management.md', import.meta.url), 'utf8');
const section = page.split('## The states of a station')[1]!.split('\n## ')[0]!;

function tableAfter(head: string): string[][] {
  const lines = section.split('\n');
  const from = lines.findIndex((line) => line.startsWith(head)) + 2;
  const rows = lines.slice(from);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith('|'))).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

const signOns: readonly SignOn[] = ['none', 'peer', 'us'];

/** What the table says. */
function nextOf(from: SessionState, by: Trigger, signOn: SignOn): SessionState {
  return transitions.find((each) => each.from === from && each.by === by && (each.where ?? signOns).includes(signOn))?.to ?? from;
}

it('docs/network-management.md has a row for each transition, and no other, and names every state and trigger in its drawing', () => {
  expect(tableAfter('| from | by |')).toEqual(transitions.map(({ from, by, where, to }) => [from, by, where?.join(', ') ?? 'any', to]));
  const drawing = section.split('```')[1]!;
  for (const name of [...sessionStates, ...triggers]) expect(drawing, name).toContain(name);
});

it('what the page says of each state is what it is', () => {
  const rows = tableAfter('| state |');
  expect(rows.map(([state]) => state)).toEqual(sessionStates);
  for (const [state, sent = '', taken = ''] of rows) {
    const session: Session = { ...newSession, state: state as SessionState };
    expect(usable(session)).toBe(sent === 'yes');
    for (const signOn of signOns) {
      const isTaken = taken === 'yes' || (taken.startsWith('unless it has to sign on') && signOn !== 'peer');
      expect(admits({ signOn, echoesMissedMax: 1, signOnRetryMs: 100 }, session), `${state} ${signOn}`).toBe(isTaken);
    }
  }
});

it('every state can be reached, and left but for a reason', () => {
  for (const state of sessionStates.slice(1)) expect(transitions.some(({ to }) => to === state), state).toBe(true);
  for (const state of sessionStates) expect(transitions.some(({ from }) => from === state), state).toBe(true);
  for (const by of triggers) expect(transitions.some((each) => each.by === by), by).toBe(true);
});

const facts: readonly SessionFact[] = [
  { kind: 'opened' }, { kind: 'idle' }, { kind: 'now' }, { kind: 'wanted', what: 'signOn' }, { kind: 'wanted', what: 'signOff' },
  ...(['signOn', 'signOff', 'echo', 'keyChange', 'cutover', 'other'] as const).flatMap((what): SessionFact[] => [
    { kind: 'requested', what }, { kind: 'answered', what, accepted: true }, { kind: 'answered', what, accepted: false }, { kind: 'timedOut', what },
  ]),
];

/** What a fact can be, by the table's words. */
function triggerOf(fact: SessionFact, before: Session, echoesMissedMax: number): Trigger | undefined {
  switch (fact.kind) {
    case 'opened': return 'stands';
    case 'requested': return fact.what === 'signOn' ? 'peerSignsOn' : fact.what === 'signOff' ? 'peerSignsOff' : undefined;
    case 'answered': return fact.what === 'signOn' && fact.accepted && before.signOnPending ? 'ourSignOnTaken' : undefined;
    case 'timedOut': return fact.what === 'echo' && before.echoPending && before.echoesMissed + 1 >= echoesMissedMax ? 'echoesMissed' : undefined;
    case 'wanted': return fact.what === 'signOff' ? 'operatorSignsOff' : before.signOnPending ? undefined : 'operatorSignsOn';
    default: return undefined;
  }
}

it('whatever happens, a connection moves as the table says, and each request of the peer has one answer', () => {
  fc.assert(fc.property(fc.constantFrom(...signOns), fc.array(fc.constantFrom(...facts), { maxLength: 40 }), (signOn, happened) => {
    const config = { signOn, echoesMissedMax: 2, signOnRetryMs: 100 };
    let session = newSession;
    for (const fact of happened) {
      const step = applySession(config, session, fact, 0);
      const by = triggerOf(fact, session, config.echoesMissedMax);
      expect(step.session.state).toBe(by === undefined ? session.state : nextOf(session.state, by, signOn));
      expect(step.actions.filter(({ kind }) => kind === 'answer')).toHaveLength(fact.kind === 'requested' ? 1 : 0);
      expect(step.actions.some(({ kind }) => kind === 'mark')).toBe(usable(step.session) !== usable(session));
      session = step.session;
    }
  }), { numRuns: 500 });
});

it('a station is as the connection that can do most, down without one, and held by an order', () => {
  expect(stationState([], false)).toBe('down');
  expect(stationState(['signedOff', 'signedOn'], false)).toBe('signedOn');
  expect(stationState(['connected', 'signedOff'], false)).toBe('signedOff');
  expect(stationState(['connected'], false)).toBe('connected');
  expect(stationState([], true)).toBe('held');
});
