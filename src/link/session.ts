/**
 * Whether both sides of a connection have agreed to work: the sign-on machine, one per connection; a station's is that of its
 * connections together (`stationState`). It is drawn in docs/network-management.md.
 *
 * Owns the states, the table of what moves between them (`transitions`), and what network management messages do. Pure: facts in, actions
 * out; no clock, no field numbers (the dialect turns DE70 or DE24 into a kind). Invariants: no state changes but by the table; every
 * request of the peer gets exactly one answer, whatever the state.
 */
import { assert, unreachable } from '../base/assert.ts';

/** Who has to sign on before requests are exchanged. */
export type SignOn =
  /** Nobody: a connection is usable once it stands. */
  | 'none'
  /** The peer, to us. */
  | 'peer'
  /** We, to the peer. */
  | 'us';

/** What a network management message is about. `other`: something that we don't know. */
export type ManagementKind = 'signOn' | 'signOff' | 'echo' | 'keyChange' | 'cutover' | 'other';

export interface SessionConfig {
  readonly signOn: SignOn;
  /** Echoes without an answer, in a row, after which the connection is given up. */
  readonly echoesMissedMax: number;
  /** How long after a refused or unanswered sign-on of ours the next one is sent. */
  readonly signOnRetryMs: number;
}

export type SessionFact =
  /** The connection stands. First of all facts, once. */
  | { readonly kind: 'opened' }
  /** The peer asks. */
  | { readonly kind: 'requested'; readonly what: ManagementKind }
  /** The peer answered a request of ours. */
  | { readonly kind: 'answered'; readonly what: ManagementKind; readonly accepted: boolean }
  /** A request of ours had no answer in time. */
  | { readonly kind: 'timedOut'; readonly what: ManagementKind }
  /** Nothing came for the station's `echoAfterMs`. */
  | { readonly kind: 'idle' }
  /** Time passed: what is due is done. */
  | { readonly kind: 'now' }
  /** An operator, or our own stop. */
  | { readonly kind: 'wanted'; readonly what: 'signOn' | 'signOff' };

export type SessionAnswer =
  | 'accepted'
  /** The standard's "not supported": we don't do what was asked. */
  | 'unsupported'
  /** An operator has signed the station off. */
  | 'refused';

export type SessionAction =
  | { readonly kind: 'answer'; readonly what: ManagementKind; readonly answer: SessionAnswer }
  | { readonly kind: 'send'; readonly what: 'signOn' | 'signOff' | 'echo' }
  /** Requests may (or may no longer) be sent to the peer. Only when that changes. */
  | { readonly kind: 'mark'; readonly usable: boolean }
  /** The peer's business day changed. */
  | { readonly kind: 'cutover' }
  /** Give a `now` at or after this time. */
  | { readonly kind: 'wake'; readonly atMs: number }
  | { readonly kind: 'close'; readonly reason: 'echoesMissed' };

/** `held`: an operator has signed the station off, and only an operator signs it on again. */
export type SessionState = 'connected' | 'signedOn' | 'signedOff' | 'held';

export const sessionStates: readonly SessionState[] = ['connected', 'signedOn', 'signedOff', 'held'];

/** What moves a connection from state to state. */
export type Trigger = 'stands' | 'peerSignsOn' | 'peerSignsOff' | 'ourSignOnTaken' | 'operatorSignsOn' | 'operatorSignsOff' | 'echoesMissed';

export const triggers: readonly Trigger[] = ['stands', 'peerSignsOn', 'peerSignsOff', 'ourSignOnTaken', 'operatorSignsOn', 'operatorSignsOff', 'echoesMissed'];

export interface Transition {
  readonly from: SessionState;
  readonly by: Trigger;
  /** Where this is who has to sign on; absent: whoever has to. */
  readonly where?: readonly SignOn[];
  readonly to: SessionState;
}

/** All there is: what is not here leaves the state as it is. */
export const transitions: readonly Transition[] = [
  { from: 'connected', by: 'stands', where: ['none'], to: 'signedOn' },
  { from: 'connected', by: 'peerSignsOn', where: ['none', 'peer'], to: 'signedOn' },
  { from: 'connected', by: 'ourSignOnTaken', to: 'signedOn' },
  { from: 'connected', by: 'peerSignsOff', to: 'signedOff' },
  { from: 'connected', by: 'echoesMissed', to: 'signedOff' },
  { from: 'connected', by: 'operatorSignsOff', to: 'held' },
  { from: 'signedOn', by: 'peerSignsOff', to: 'signedOff' },
  { from: 'signedOn', by: 'echoesMissed', to: 'signedOff' },
  { from: 'signedOn', by: 'operatorSignsOff', to: 'held' },
  { from: 'signedOff', by: 'peerSignsOn', to: 'signedOn' },
  { from: 'signedOff', by: 'ourSignOnTaken', to: 'signedOn' },
  { from: 'signedOff', by: 'operatorSignsOff', to: 'held' },
  { from: 'held', by: 'operatorSignsOn', where: ['none'], to: 'signedOn' },
  { from: 'held', by: 'operatorSignsOn', where: ['peer', 'us'], to: 'signedOff' },
];

const moves: ReadonlyMap<string, SessionState> = new Map(
  transitions.flatMap(({ from, by, where = ['none', 'peer', 'us'], to }) => where.map((signOn) => [`${from} ${by} ${signOn}`, to] as const)),
);
assert(moves.size === transitions.reduce((sum, { where }) => sum + (where?.length ?? 3), 0), 'a trigger has one outcome in each state');

function move(session: Session, by: Trigger, { signOn }: SessionConfig): Session {
  const state = moves.get(`${session.state} ${by} ${signOn}`) ?? session.state;
  return state === session.state ? session : { ...session, state };
}

/** A station as its connections are together: as the one that can do most. */
export function stationState(states: Iterable<SessionState>, isHeld: boolean): SessionState | 'down' {
  const found = new Set(states);
  if (isHeld) return 'held';
  for (const state of ['signedOn', 'signedOff', 'connected', 'held'] as const) if (found.has(state)) return state;
  return 'down';
}

export interface Session {
  readonly state: SessionState;
  /** An echo of ours waits for its answer. */
  readonly echoPending: boolean;
  readonly echoesMissed: number;
  /** A sign-on of ours waits for its answer. */
  readonly signOnPending: boolean;
  /** When our next sign-on is due; undefined: none is. */
  readonly signOnAtMs: number | undefined;
}

export const newSession: Session = {
  state: 'connected',
  echoPending: false,
  echoesMissed: 0,
  signOnPending: false,
  signOnAtMs: undefined,
};

/** Whether requests may be sent to the peer. */
export function usable(session: Session): boolean {
  return session.state === 'signedOn';
}

/**
 * Whether the peer's requests (other than network management) are taken. A peer that needs no sign-on is always served: its
 * sign-off says that it takes nothing, not that it asks nothing. One that has to sign on is served while it is. Where an operator has
 * signed the station off, nobody is.
 */
export function admits(config: SessionConfig, session: Session): boolean {
  return session.state !== 'held' && (config.signOn !== 'peer' || session.state === 'signedOn');
}

/** Whether a mark that comes of this fact is somebody's signing on or off. Where nobody has to, standing and echoes alone make marks too. */
export function signs(config: SessionConfig, fact: SessionFact): boolean {
  return config.signOn !== 'none' || fact.kind === 'requested' || fact.kind === 'answered' || fact.kind === 'wanted';
}

export interface SessionStep {
  readonly session: Session;
  readonly actions: readonly SessionAction[];
}

/** @param nowMs on any monotonic clock, the same at each call */
export function applySession(config: SessionConfig, session: Session, fact: SessionFact, nowMs: number): SessionStep {
  const actions: SessionAction[] = [];
  const next = step(config, session, fact, nowMs, actions);
  if (usable(next) !== usable(session)) actions.push({ kind: 'mark', usable: usable(next) });
  return { session: next, actions };
}

function step(config: SessionConfig, session: Session, fact: SessionFact, nowMs: number, actions: SessionAction[]): Session {
  switch (fact.kind) {
    case 'opened':
      return config.signOn === 'us' ? sendSignOn(session, actions) : move(session, 'stands', config);
    case 'requested':
      return requested(config, session, fact.what, actions);
    case 'answered':
      return answered(config, session, fact.what, fact.accepted, nowMs, actions);
    case 'timedOut':
      return timedOut(config, session, fact.what, nowMs, actions);
    case 'idle':
      if (session.echoPending) return session;
      actions.push({ kind: 'send', what: 'echo' });
      return { ...session, echoPending: true };
    case 'now':
      return session.signOnAtMs !== undefined && session.signOnAtMs <= nowMs ? sendSignOn(session, actions) : session;
    case 'wanted':
      if (fact.what === 'signOn') return session.signOnPending ? session : sendSignOn(move(session, 'operatorSignsOn', config), actions);
      actions.push({ kind: 'send', what: 'signOff' });
      // Not at the answer: from the moment we say so, the peer may refuse what we send.
      return quiet(move(session, 'operatorSignsOff', config));
    default:
      return unreachable(fact);
  }
}

function requested(config: SessionConfig, session: Session, what: ManagementKind, actions: SessionAction[]): Session {
  switch (what) {
    case 'signOn':
      actions.push({ kind: 'answer', what, answer: session.state === 'held' ? 'refused' : 'accepted' });
      // Where we have to sign on, the peer's own sign-on doesn't do it for us.
      return move(session, 'peerSignsOn', config);
    case 'signOff':
      actions.push({ kind: 'answer', what, answer: 'accepted' });
      // Whoever signed off is not asked again to let us on: it says when.
      return quiet(move(session, 'peerSignsOff', config));
    case 'echo':
      actions.push({ kind: 'answer', what, answer: 'accepted' });
      return session;
    case 'cutover':
      actions.push({ kind: 'answer', what, answer: 'accepted' }, { kind: 'cutover' });
      return session;
    case 'keyChange':
    case 'other':
      actions.push({ kind: 'answer', what, answer: 'unsupported' });
      return session;
    default:
      return unreachable(what);
  }
}

function answered(
  config: SessionConfig,
  session: Session,
  what: ManagementKind,
  accepted: boolean,
  nowMs: number,
  actions: SessionAction[],
): Session {
  // Whatever it says, the peer is there.
  const heard: Session = { ...session, echoPending: what === 'echo' ? false : session.echoPending, echoesMissed: 0 };
  if (what !== 'signOn' || !session.signOnPending) return heard;
  if (accepted) return quiet(move(heard, 'ourSignOnTaken', config));
  return retrySignOn(config, heard, nowMs, actions);
}

function timedOut(config: SessionConfig, session: Session, what: ManagementKind, nowMs: number, actions: SessionAction[]): Session {
  if (what === 'signOn' && session.signOnPending) return retrySignOn(config, session, nowMs, actions);
  if (what !== 'echo' || !session.echoPending) return session;
  const echoesMissed = session.echoesMissed + 1;
  if (echoesMissed >= config.echoesMissedMax) {
    actions.push({ kind: 'close', reason: 'echoesMissed' });
    return { ...move(session, 'echoesMissed', config), echoPending: false, echoesMissed };
  }
  actions.push({ kind: 'send', what: 'echo' });
  return { ...session, echoesMissed };
}

function sendSignOn(session: Session, actions: SessionAction[]): Session {
  actions.push({ kind: 'send', what: 'signOn' });
  return { ...session, signOnPending: true, signOnAtMs: undefined };
}

/** No sign-on of ours is under way, or due. */
function quiet(session: Session): Session {
  return { ...session, signOnPending: false, signOnAtMs: undefined };
}

function retrySignOn(config: SessionConfig, session: Session, nowMs: number, actions: SessionAction[]): Session {
  // Where nobody has to sign on, an operator's was a courtesy.
  if (config.signOn === 'none') return quiet(session);
  const atMs = nowMs + config.signOnRetryMs;
  actions.push({ kind: 'wake', atMs });
  return { ...session, signOnPending: false, signOnAtMs: atMs };
}
