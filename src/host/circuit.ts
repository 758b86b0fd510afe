/**
 * Whether an issuer is given requests: one circuit per issuer.
 *
 *              failures in a row, or too large a share;
 *              asked for stand-in; links lost
 *     closed ------------------------------------------> open
 *       ^                                               |    ^
 *       | answered                 waited, link usable  |    | no echo, no answer
 *       |                                               v    |
 *     trial <-------------- trying <----------------- probing
 *            one is let through       echo answered
 *
 * Above it stand what somebody said: an operator's order, a sign-off, suppress inquiry. Each keeps requests away while it lasts, and
 * leaves the circuit as it is. Owns the state, and what facts do to it. Pure: facts in, actions out; no clock, no timer. Invariant:
 * between open and closed lie an echo and one transaction, in this order, both answered; and one transaction at a time.
 */
import { unreachable } from '../base/assert.ts';
import type { MessageClass } from '../message/message.ts';

export interface CircuitConfig {
  /** Requests in a row without a valid answer that open it. */
  readonly failuresMax: number;
  /** Share of such requests that opens it, once there were enough of them within the window. 100 and more: never. */
  readonly sharePercent: number;
  readonly shareWindowMs: number;
  readonly shareCountMin: number;
  /** Between opening and the first probe; after each probe that failed twice as long, up to the maximum. */
  readonly openMs: number;
  readonly openMaxMs: number;
  /** How long an issuer that asked for stand-in is left alone. */
  readonly askedMs: number;
  /** How long an echo may take. */
  readonly echoMs: number;
}

/** Why an issuer gets no requests. */
export type Unavailability = 'operator' | 'signedOff' | 'unreachable' | 'suppressInquiry' | 'circuitOpen' | 'asked';

/** Of all stations of the issuer. `signedOff`: none is usable, and one at least stands and is signed off. */
export type LinkState = 'usable' | 'signedOff' | 'unreachable';

export type CircuitFact =
  /** A request had a valid answer, or none in time (or a bad one). */
  | { readonly kind: 'answered' | 'failed'; /** It was this one of those that were let through to try; undefined: it was none. */ readonly trial: number | undefined }
  /** The issuer's answer asks for stand-in. */
  | { readonly kind: 'asked' }
  | { readonly kind: 'echoed'; readonly answered: boolean }
  /** A request is let through, or could not be sent after all. */
  | { readonly kind: 'tried' }
  | { readonly kind: 'untried'; readonly trial: number }
  | { readonly kind: 'links'; readonly state: LinkState }
  | { readonly kind: 'suppress'; readonly on: boolean }
  | { readonly kind: 'order'; readonly on: boolean }
  /** Time passed: what is due is done. */
  | { readonly kind: 'now' };

export type CircuitPhase = 'closed' | 'open' | 'halfOpen';

export interface Standing {
  readonly phase: CircuitPhase;
  /** Undefined where it is closed. */
  readonly why: Unavailability | undefined;
}

export type CircuitAction =
  | { readonly kind: 'changed'; readonly from: Standing; readonly to: Standing }
  | { readonly kind: 'echo' }
  /** Give a `now` at or after this time. */
  | { readonly kind: 'wake'; readonly atMs: number };

export interface Circuit {
  readonly breaker: 'closed' | 'open' | 'probing' | 'trying' | 'trial';
  /** Why the breaker is not closed. */
  readonly cause: 'circuitOpen' | 'asked' | 'unreachable';
  readonly link: LinkState;
  readonly suppressed: boolean;
  readonly ordered: boolean;
  readonly failures: number;
  /** Requests that were let through to try: what comes of an earlier one says nothing of the last. */
  readonly trials: number;
  readonly window: Window;
  /** Open: the next probe; probing: the end of the echo's time. */
  readonly dueAtMs: number;
  readonly openMs: number;
}

/** Two halves, the older of which falls away when the younger is full: it looks back for half a window to a whole one. */
interface Window {
  readonly sinceMs: number;
  readonly count: number;
  readonly failed: number;
  readonly countBefore: number;
  readonly failedBefore: number;
}

const emptyWindow: Window = { sinceMs: -Infinity, count: 0, failed: 0, countBefore: 0, failedBefore: 0 };

/** No link stands yet; the first that does is enough. */
export const newCircuit: Circuit = {
  breaker: 'closed', cause: 'circuitOpen', link: 'unreachable', suppressed: false, ordered: false, failures: 0, trials: 0, window: emptyWindow, dueAtMs: Infinity, openMs: 0,
};

/** Why a request of the class is kept from the issuer; undefined: it may go. Suppress inquiry keeps authorizations and reversals. */
export function unavailability(circuit: Circuit, of: MessageClass): Unavailability | undefined {
  const held = heldBy(circuit);
  if (held !== undefined) return held;
  if (circuit.suppressed && of !== 'financial') return 'suppressInquiry';
  return circuit.breaker === 'closed' || circuit.breaker === 'trying' ? undefined : circuit.cause;
}

/** Which trial the next request is; undefined: it is none. */
export function nextTrial({ breaker, trials }: Circuit): number | undefined {
  return breaker === 'trying' ? trials + 1 : undefined;
}

/** May advices go? An issuer that answers an echo may have them: suppress inquiry, and a request that is still to be tried, say nothing against them. */
export function takesAdvices({ ordered, link, breaker }: Circuit): boolean {
  return !ordered && link === 'usable' && (breaker === 'closed' || breaker === 'trying' || breaker === 'trial');
}

export function standing(circuit: Circuit): Standing {
  const held = heldBy(circuit) ?? (circuit.suppressed ? 'suppressInquiry' : undefined);
  if (held !== undefined) return { phase: 'open', why: held };
  if (circuit.breaker === 'closed') return { phase: 'closed', why: undefined };
  return { phase: circuit.breaker === 'open' ? 'open' : 'halfOpen', why: circuit.cause };
}

function heldBy({ ordered, link }: Circuit): Unavailability | undefined {
  if (ordered) return 'operator';
  return link === 'usable' ? undefined : link;
}

export interface CircuitStep {
  readonly circuit: Circuit;
  readonly actions: readonly CircuitAction[];
}

const nothing: readonly CircuitAction[] = [];

/** @param nowMs on any monotonic clock, the same at each call */
export function applyCircuit(config: CircuitConfig, circuit: Circuit, fact: CircuitFact, nowMs: number): CircuitStep {
  const next = probed(config, step(config, circuit, fact, nowMs), nowMs);
  if (next === circuit) return { circuit, actions: nothing };
  const actions: CircuitAction[] = [];
  const from = standing(circuit);
  const to = standing(next);
  if (from.phase !== to.phase || from.why !== to.why) actions.push({ kind: 'changed', from, to });
  if (next.breaker === 'probing' && circuit.breaker !== 'probing') actions.push({ kind: 'echo' });
  if (next.dueAtMs !== circuit.dueAtMs && next.dueAtMs !== Infinity) actions.push({ kind: 'wake', atMs: next.dueAtMs });
  return { circuit: next, actions };
}

function step(config: CircuitConfig, circuit: Circuit, fact: CircuitFact, nowMs: number): Circuit {
  const { breaker } = circuit;
  switch (fact.kind) {
    case 'answered':
      if (breaker === 'trial' && fact.trial === circuit.trials) return closed(circuit);
      return breaker === 'closed' ? counted(config, circuit, false, nowMs) : circuit;
    case 'failed':
      if (breaker === 'trial' && fact.trial === circuit.trials) return openedAgain(config, circuit, nowMs);
      return breaker === 'closed' ? counted(config, circuit, true, nowMs) : circuit;
    case 'asked':
      return { ...circuit, breaker: 'open', cause: 'asked', dueAtMs: nowMs + config.askedMs, openMs: config.openMs };
    case 'echoed':
      if (breaker !== 'probing') return circuit;
      return fact.answered ? { ...circuit, breaker: 'trying', dueAtMs: Infinity } : openedAgain(config, circuit, nowMs);
    case 'tried':
      return breaker === 'trying' ? { ...circuit, breaker: 'trial', trials: circuit.trials + 1 } : circuit;
    case 'untried':
      return breaker === 'trial' && fact.trial === circuit.trials ? { ...circuit, breaker: 'trying' } : circuit;
    case 'links':
      return fact.state === circuit.link ? circuit : linked(config, circuit, fact.state, nowMs);
    case 'suppress':
      return fact.on === circuit.suppressed ? circuit : { ...circuit, suppressed: fact.on };
    case 'order':
      return fact.on === circuit.ordered ? circuit : { ...circuit, ordered: fact.on };
    case 'now':
      return breaker === 'probing' && circuit.dueAtMs <= nowMs ? openedAgain(config, circuit, nowMs) : circuit;
    default:
      return unreachable(fact);
  }
}

/** What is open and due is probed, as soon as there is somebody to probe. */
function probed({ echoMs }: CircuitConfig, circuit: Circuit, nowMs: number): Circuit {
  if (circuit.breaker !== 'open' || circuit.dueAtMs > nowMs || circuit.link !== 'usable' || circuit.ordered) return circuit;
  return { ...circuit, breaker: 'probing', dueAtMs: nowMs + echoMs };
}

function closed(circuit: Circuit): Circuit {
  return { ...circuit, breaker: 'closed', cause: 'circuitOpen', failures: 0, window: emptyWindow, dueAtMs: Infinity, openMs: 0 };
}

function openedAgain({ openMs, openMaxMs }: CircuitConfig, circuit: Circuit, nowMs: number): Circuit {
  const waitMs = Math.min(openMaxMs, circuit.openMs === 0 ? openMs : circuit.openMs * 2);
  return { ...circuit, breaker: 'open', dueAtMs: nowMs + waitMs, openMs: waitMs };
}

/** Links that were lost come back by way of a probe, at once; a sign-on after a sign-off is the issuer's own word, and needs none. */
function linked(config: CircuitConfig, circuit: Circuit, link: LinkState, nowMs: number): Circuit {
  if (link === 'usable') {
    // An issuer that signs on is there: what was waited for is due.
    return circuit.breaker === 'open' && circuit.cause !== 'asked' ? { ...circuit, link, dueAtMs: nowMs } : { ...circuit, link };
  }
  // Nobody is there for an echo or a transaction that is under way.
  if (circuit.breaker !== 'closed') return { ...circuit, link, breaker: 'open', dueAtMs: circuit.breaker === 'open' ? circuit.dueAtMs : nowMs };
  if (link === 'signedOff') return { ...circuit, link };
  return { ...circuit, link, breaker: 'open', cause: 'unreachable', dueAtMs: nowMs, openMs: config.openMs };
}

function counted(config: CircuitConfig, circuit: Circuit, hasFailed: boolean, nowMs: number): Circuit {
  const failures = hasFailed ? circuit.failures + 1 : 0;
  const counts = config.sharePercent <= 100;
  if (!counts && failures === circuit.failures) return circuit;
  const window = counts ? moved(config, circuit.window, hasFailed, nowMs) : circuit.window;
  const count = window.count + window.countBefore;
  const failed = window.failed + window.failedBefore;
  const isTooLarge = counts && hasFailed && count >= config.shareCountMin && failed * 100 >= count * config.sharePercent;
  if (failures < config.failuresMax && !isTooLarge) return { ...circuit, failures, window };
  return { ...circuit, breaker: 'open', cause: 'circuitOpen', failures: 0, window: emptyWindow, dueAtMs: nowMs + config.openMs, openMs: config.openMs };
}

function moved({ shareWindowMs }: CircuitConfig, window: Window, hasFailed: boolean, nowMs: number): Window {
  const halfMs = shareWindowMs / 2;
  const ageMs = nowMs - window.sinceMs;
  const failed = hasFailed ? 1 : 0;
  if (ageMs < halfMs) return { ...window, count: window.count + 1, failed: window.failed + failed };
  if (ageMs < shareWindowMs) return { sinceMs: window.sinceMs + halfMs, count: 1, failed, countBefore: window.count, failedBefore: window.failed };
  return { sinceMs: nowMs, count: 1, failed, countBefore: 0, failedBefore: 0 };
}
