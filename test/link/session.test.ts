import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { admits, applySession, newSession, usable } from '../../src/link/session.ts';
import type { ManagementKind, Session, SessionAction, SessionConfig, SessionFact, SignOn } from '../../src/link/session.ts';

function config(signOn: SignOn): SessionConfig {
  return { signOn, echoesMissedMax: 2, signOnRetryMs: 5_000 };
}

/** Facts as words, so that a row of a table reads as a conversation. */
const facts: Record<string, SessionFact> = {
  opened: { kind: 'opened' },
  idle: { kind: 'idle' },
  now: { kind: 'now' },
  'want sign-on': { kind: 'wanted', what: 'signOn' },
  'want sign-off': { kind: 'wanted', what: 'signOff' },
  'peer signs on': { kind: 'requested', what: 'signOn' },
  'peer signs off': { kind: 'requested', what: 'signOff' },
  'peer echoes': { kind: 'requested', what: 'echo' },
  'peer changes keys': { kind: 'requested', what: 'keyChange' },
  'peer cuts over': { kind: 'requested', what: 'cutover' },
  'peer asks something else': { kind: 'requested', what: 'other' },
  'sign-on accepted': { kind: 'answered', what: 'signOn', accepted: true },
  'sign-on refused': { kind: 'answered', what: 'signOn', accepted: false },
  'sign-off accepted': { kind: 'answered', what: 'signOff', accepted: true },
  'echo answered': { kind: 'answered', what: 'echo', accepted: true },
  'echo refused': { kind: 'answered', what: 'echo', accepted: false },
  'sign-on timed out': { kind: 'timedOut', what: 'signOn' },
  'echo timed out': { kind: 'timedOut', what: 'echo' },
};

function say(action: SessionAction): string {
  switch (action.kind) {
    case 'answer':
      return `answer ${action.what} ${action.answer}`;
    case 'send':
      return `send ${action.what}`;
    case 'mark':
      return action.usable ? 'usable' : 'not usable';
    case 'wake':
      return `wake at ${action.atMs}`;
    default:
      return action.kind;
  }
}

/** Runs `fact -> actions` lines at time 1,000 (or `fact @time`), and returns what was really said, in the same form. */
function converse(signOn: SignOn, lines: readonly string[]): { said: string[]; session: Session } {
  let session = newSession;
  const said: string[] = [];
  for (const line of lines) {
    const [left = ''] = line.split(' -> ');
    const [word = '', time = '1000'] = left.split(' @');
    const fact = facts[word];
    if (fact === undefined) throw new Error(`no such fact: ${word}`);
    const step = applySession(config(signOn), session, fact, Number(time));
    ({ session } = step);
    said.push(`${left} -> ${step.actions.map(say).join(', ')}`);
  }
  return { said, session };
}

const conversations: ReadonlyArray<readonly [string, SignOn, readonly string[]]> = [
  ['where nobody signs on, a connection is usable at once', 'none', ['opened -> usable']],
  [
    'where nobody signs on, a peer that does is answered all the same',
    'none',
    ['opened -> usable', 'peer signs on -> answer signOn accepted', 'peer echoes -> answer echo accepted'],
  ],
  [
    'a peer that signs off is sent nothing until it signs on again',
    'none',
    ['opened -> usable', 'peer signs off -> answer signOff accepted, not usable', 'peer echoes -> answer echo accepted', 'peer signs on -> answer signOn accepted, usable'],
  ],
  [
    'where the peer signs on, the connection is usable from then',
    'peer',
    ['opened -> ', 'peer echoes -> answer echo accepted', 'peer signs on -> answer signOn accepted, usable', 'peer signs on -> answer signOn accepted'],
  ],
  ['where we sign on, the connection is usable once the peer accepted', 'us', ['opened -> send signOn', 'sign-on accepted -> usable']],
  [
    'a refused sign-on of ours is sent again, when it is due',
    'us',
    ['opened -> send signOn', 'sign-on refused -> wake at 6000', 'now @5999 -> ', 'now @6000 -> send signOn', 'now @6001 -> ', 'sign-on accepted -> usable'],
  ],
  ['a sign-on of ours that is not answered is sent again', 'us', ['opened -> send signOn', 'sign-on timed out -> wake at 6000', 'now @6000 -> send signOn']],
  [
    'an answer to a sign-on that was given up changes nothing; the next one counts',
    'us',
    ['opened -> send signOn', 'sign-on timed out -> wake at 6000', 'sign-on accepted @2000 -> ', 'now @6000 -> send signOn', 'sign-on accepted -> usable'],
  ],
  [
    "where we sign on, the peer's own sign-on does not do it for us",
    'us',
    ['opened -> send signOn', 'peer signs on -> answer signOn accepted', 'sign-on accepted -> usable'],
  ],
  [
    'a peer that signs us off is not asked again, it says when',
    'us',
    [
      'opened -> send signOn',
      'sign-on refused -> wake at 6000',
      'peer signs off -> answer signOff accepted',
      'now @6000 -> ',
      'peer signs on -> answer signOn accepted, usable',
    ],
  ],
  [
    'our sign-off counts when it is sent, and an operator can sign on again',
    'us',
    [
      'opened -> send signOn',
      'sign-on accepted -> usable',
      'want sign-off -> send signOff, not usable',
      'sign-off accepted -> ',
      'want sign-on -> send signOn',
      'want sign-on -> ',
      'sign-on accepted -> usable',
    ],
  ],
  [
    'silence is met by one echo at a time',
    'none',
    ['opened -> usable', 'idle -> send echo', 'idle -> ', 'echo answered -> ', 'idle -> send echo', 'echo refused -> '],
  ],
  [
    'a connection whose echoes are missed in a row is closed',
    'none',
    ['opened -> usable', 'idle -> send echo', 'echo timed out -> send echo', 'echo timed out -> close, not usable'],
  ],
  [
    'an answered echo forgives the missed ones',
    'none',
    ['opened -> usable', 'idle -> send echo', 'echo timed out -> send echo', 'echo answered -> ', 'idle -> send echo', 'echo timed out -> send echo', 'echo answered -> '],
  ],
  [
    'what we do not do is answered as unsupported; a cut-over is told',
    'none',
    [
      'opened -> usable',
      'peer changes keys -> answer keyChange unsupported',
      'peer asks something else -> answer other unsupported',
      'peer cuts over -> answer cutover accepted, cutover',
    ],
  ],
];

test.each(conversations)('%s', (_name, signOn, lines) => {
  expect(converse(signOn, lines).said).toEqual(lines);
});

test('requests of a peer that has to sign on are taken only while it is signed on', () => {
  const taken = (lines: readonly string[]): boolean => admits(config('peer'), converse('peer', lines).session);
  expect(taken(['opened'])).toBe(false);
  expect(taken(['opened', 'peer signs on'])).toBe(true);
  expect(taken(['opened', 'peer signs on', 'peer signs off'])).toBe(false);
});

test('a peer that needs no sign-on is served even after its sign-off', () => {
  expect(admits(config('none'), converse('none', ['opened', 'peer signs off']).session)).toBe(true);
  expect(admits(config('us'), converse('us', ['opened']).session)).toBe(true);
});

test('in any conversation each request has one answer, and usable is said exactly when it changes', () => {
  const kinds: ManagementKind[] = ['signOn', 'signOff', 'echo', 'keyChange', 'cutover', 'other'];
  fc.assert(
    fc.property(
      fc.constantFrom<SignOn>('none', 'peer', 'us'),
      fc.array(fc.constantFrom(...Object.keys(facts).filter((word) => word !== 'opened')), { maxLength: 40 }),
      (signOn, words) => {
        let session = newSession;
        let believed = false;
        for (const word of ['opened', ...words]) {
          const fact = facts[word];
          if (fact === undefined) continue;
          const { session: next, actions } = applySession(config(signOn), session, fact, 1_000);
          const answers = actions.filter((action) => action.kind === 'answer');
          expect(answers.map((answer) => answer.what)).toEqual(fact.kind === 'requested' ? [kinds.find((kind) => kind === fact.what)] : []);
          const marks = actions.filter((action) => action.kind === 'mark');
          expect(marks.length).toBe(usable(next) === believed ? 0 : 1);
          believed = usable(next);
          session = next;
        }
      },
    ),
    { numRuns: 300 },
  );
});
