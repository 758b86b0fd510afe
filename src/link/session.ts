/**
 * Whether both sides of a connection have agreed to work: the sign-on machine, one per connection.
 *
 *              open, signOn none            peer's sign-on (peer), ours accepted (us)
 *   connected ------------------> signedOn <----------------------------- connected
 *                                  |    ^
 *     sign-off, either side's      v    |  sign-on, either side's
 *                                 signedOff
 *
 * Owns the state, and what network management messages do to it. Pure: facts in, actions out; no clock, no field numbers (the
 * dialect turns DE70 or DE24 into a kind). Invariant: every request of the peer gets exactly one answer, whatever the state.
 */
import { unreachable } from '../base/assert.ts';

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
  | 'unsupported';

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

export type SessionState = 'connected' | 'signedOn' | 'signedOff';

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
 * sign-off says that it takes nothing, not that it asks nothing. One that has to sign on is served while it is.
 */
export function admits(config: SessionConfig, session: Session): boolean {
  return config.signOn !== 'peer' || session.state === 'signedOn';
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
      if (config.signOn === 'us') return sendSignOn(session, actions);
      return config.signOn === 'none' ? { ...session, state: 'signedOn' } : session;
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
      if (fact.what === 'signOn') return session.signOnPending ? session : sendSignOn(session, actions);
      actions.push({ kind: 'send', what: 'signOff' });
      // Not at the answer: from the moment we say so, the peer may refuse what we send.
      return { ...session, state: 'signedOff', signOnPending: false, signOnAtMs: undefined };
    default:
      return unreachable(fact);
  }
}

function requested(config: SessionConfig, session: Session, what: ManagementKind, actions: SessionAction[]): Session {
  switch (what) {
    case 'signOn':
      actions.push({ kind: 'answer', what, answer: 'accepted' });
      // Where we have to sign on, the peer's own sign-on doesn't do it for us.
      return config.signOn === 'us' && session.state === 'connected' ? session : { ...session, state: 'signedOn' };
    case 'signOff':
      actions.push({ kind: 'answer', what, answer: 'accepted' });
      // Whoever signed off is not asked again to let us on: it says when.
      return { ...session, state: 'signedOff', signOnPending: false, signOnAtMs: undefined };
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
  if (accepted) return { ...heard, state: 'signedOn', signOnPending: false, signOnAtMs: undefined };
  return retrySignOn(config, heard, nowMs, actions);
}

function timedOut(config: SessionConfig, session: Session, what: ManagementKind, nowMs: number, actions: SessionAction[]): Session {
  if (what === 'signOn' && session.signOnPending) return retrySignOn(config, session, nowMs, actions);
  if (what !== 'echo' || !session.echoPending) return session;
  const echoesMissed = session.echoesMissed + 1;
  if (echoesMissed >= config.echoesMissedMax) {
    actions.push({ kind: 'close', reason: 'echoesMissed' });
    return { ...session, state: 'signedOff', echoPending: false, echoesMissed };
  }
  actions.push({ kind: 'send', what: 'echo' });
  return { ...session, echoesMissed };
}

function sendSignOn(session: Session, actions: SessionAction[]): Session {
  actions.push({ kind: 'send', what: 'signOn' });
  return { ...session, signOnPending: true, signOnAtMs: undefined };
}

function retrySignOn(config: SessionConfig, session: Session, nowMs: number, actions: SessionAction[]): Session {
  const atMs = nowMs + config.signOnRetryMs;
  actions.push({ kind: 'wake', atMs });
  return { ...session, signOnPending: false, signOnAtMs: atMs };
}
