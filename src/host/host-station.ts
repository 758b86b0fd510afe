/**
 * One station of a host issuer: its trace numbers, the requests that wait for answers on it, and what they are matched by.
 *
 * Invariant: a trace number is not used again while it is waited with.
 */
import { forwardRoute } from '../dialect/forward.ts';
import type { ForwardRoute } from '../dialect/forward.ts';
import type { Side } from '../dialect/forward-write.ts';
import type { AnsweredClass, ResponseMeaning } from '../dialect/meaning.ts';
import { Draft } from '../iso8583/draft.ts';
import { Matcher } from '../link/matcher.ts';
import type { MatchOutcome } from '../link/matcher.ts';
import type { SentReference } from '../message/advice.ts';
import type { Asked } from './answer-check.ts';
import type { AdviceOrder, ForwardOrder, HostConfig, HostEvents, HostResult, HostStation, PassOrder, Sent } from './host.ts';
import { compileMatching, factsOfDraft } from './match-keys.ts';
import type { MatchFacts } from './match-keys.ts';
import type { Stans } from './stans.ts';

/** A request that waits. */
export interface Pending {
  readonly order: ForwardOrder | AdviceOrder | PassOrder;
  readonly asked: Asked;
  readonly sent: Sent;
  /** Undefined of an advice that kept its number. */
  readonly stan: number | undefined;
  readonly route: ForwardRoute | undefined;
  /** Which trial of the circuit it is; undefined: none. */
  readonly trial: number | undefined;
  readonly sentAtMs: number;
  readonly done: (result: HostResult) => void;
  /** It had its end: what comes of it later changes nothing. */
  ended: boolean;
}

export class StationRequests {
  readonly station: HostStation;
  readonly draft = new Draft('');
  readonly stans: Stans;
  readonly #matcher: Matcher<MatchFacts, Pending>;
  readonly #routes = new WeakMap<Side, ForwardRoute>();
  #latestDeadlineMs = 0;

  constructor(station: HostStation, { pendingMax, rememberedMax }: HostConfig, events: HostEvents, tickMs: number, stans: Stans) {
    this.station = station;
    this.stans = stans;
    const { names, partsOf } = compileMatching(station.matchKeys, station.side.dialect.version);
    this.#matcher = new Matcher<MatchFacts, Pending>({
      station: station.name, partNames: names, traceOf: partsOf, pendingMax, rememberedMax, tickMs, events,
    });
  }

  get pending(): number {
    return this.#matcher.pending;
  }

  routeFrom(source: Side): ForwardRoute {
    const known = this.#routes.get(source);
    if (known !== undefined) return known;
    const route = forwardRoute(source, this.station.side);
    this.#routes.set(source, route);
    return route;
  }

  factsOf(draft: Draft, of: AnsweredClass): MatchFacts {
    return factsOfDraft(draft, of, this.station.side.dialect.version);
  }

  wait(facts: MatchFacts, pending: Pending, deadlineMs: number): 'added' | 'full' | 'pending' {
    this.#latestDeadlineMs = Math.max(this.#latestDeadlineMs, deadlineMs);
    return this.#matcher.add(facts, pending, pending.sentAtMs, deadlineMs);
  }

  /** It was not sent after all. */
  forget(facts: MatchFacts, pending: Pending): void {
    this.#matcher.cancel(facts);
    this.#end(pending);
  }

  knows(meaning: ResponseMeaning): boolean {
    return this.#matcher.knows(meaning);
  }

  match(meaning: ResponseMeaning, nowMs: number): MatchOutcome<Pending> {
    const outcome = this.#matcher.match(meaning, nowMs);
    if (outcome.kind === 'answered') this.#end(outcome.request);
    return outcome;
  }

  expire(nowMs: number, onExpired: (pending: Pending) => void): void {
    this.#matcher.expire(nowMs, (pending) => {
      this.#end(pending);
      onExpired(pending);
    });
  }

  /** Ends every wait, whatever its deadline. */
  expireAll(nowMs: number, onExpired: (pending: Pending) => void): void {
    this.expire(Math.max(nowMs, this.#latestDeadlineMs) + 1, onExpired);
  }

  #end(pending: Pending): void {
    pending.ended = true;
    if (pending.stan !== undefined) this.stans.free(pending.stan);
  }
}

/** What the issuer will know a message by. */
export function referenceOf({ stan, transmittedAt, localAt, acquirer }: MatchFacts, of: AnsweredClass): SentReference {
  return { class: of === 'network' || of === 'other' ? 'financial' : of, stan, transmittedAt, localAt, acquirer };
}
