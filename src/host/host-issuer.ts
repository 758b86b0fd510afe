/**
 * An issuer that is asked over ISO 8583, on one or more stations: requests are shared among those that are usable, and go to the next
 * where one takes none.
 *
 * Owns which station a request goes to, the answers' way back to whoever asked, and the issuer's circuit. Refuses requests while the
 * circuit is open, and answers that are at odds with their requests. Invariant: every order ends once, at its deadline at the latest
 * (one tick after it), and what ends `notSent` cannot have been understood by the issuer. No timer per request: one tick for all.
 */
import { assert } from '../base/assert.ts';
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import { draftAdvice, unknownOriginal } from '../dialect/forward-advice.ts';
import { draftForwarded } from '../dialect/forward.ts';
import type { ForwardRoute, OwnValues } from '../dialect/forward.ts';
import type { ForwardFault } from '../dialect/forward-write.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import { answeredClassOf } from '../dialect/read.ts';
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { EncodeError } from '../iso8583/errors.ts';
import type { MessageClass } from '../message/message.ts';
import { answerFault } from './answer-check.ts';
import type { Asked } from './answer-check.ts';
import { applyCircuit, newCircuit, nextTrial, standing, takesAdvices, unavailability } from './circuit.ts';
import type { Circuit, CircuitFact, Unavailability } from './circuit.ts';
import type { AdviceOrder, ForwardOrder, HostConfig, HostEvents, HostResult, HostStation, HostStatus, OwnTrace, PassOrder, RemoteIssuer, Sent } from './host.ts';
import { referenceOf, StationRequests } from './host-station.ts';
import type { Pending } from './host-station.ts';
import type { MatchFacts } from './match-keys.ts';
import { Stans } from './stans.ts';
import type { WireTimes } from './wire-times.ts';

export interface HostOutside {
  /** Its clock is the one of orders' deadlines. */
  readonly deadlines: Deadlines;
  readonly times: WireTimes;
  readonly events: HostEvents;
  /** How late a deadline may be noticed. */
  readonly tickMs?: number;
  /** Trace numbers up to this one may be used: a later run begins behind it. */
  readonly reserveStans?: (through: number) => void;
}

/** What is to be sent, on whichever station. */
interface Errand {
  readonly order: ForwardOrder | AdviceOrder | PassOrder;
  /** Of the circuit; undefined: it is none. */
  readonly trial: number | undefined;
  readonly done: (result: HostResult) => void;
}

export class HostIssuer implements RemoteIssuer {
  readonly wantsFacts = false;
  readonly #config: HostConfig;
  readonly #outside: HostOutside;
  readonly #stations: readonly StationRequests[];
  readonly #tickMs: number;
  #circuit: Circuit = newCircuit;
  #turn = 0;
  #tick: Deadline | undefined;
  readonly #wakes = new Set<Deadline>();
  #isStopped = false;

  constructor(config: HostConfig, stations: readonly HostStation[], outside: HostOutside) {
    assert(stations.length > 0, 'an issuer is reached on a station at least');
    this.#config = config;
    this.#outside = outside;
    this.#tickMs = outside.tickMs ?? 5;
    // One row of numbers for all: a trace that was drawn for one station may be sent on another.
    const stans = new Stans(stations[0]!.firstStan, outside.reserveStans);
    this.#stations = stations.map((station) => new StationRequests(station, config, outside.events, this.#tickMs, stans));
  }

  get name(): string {
    return this.#config.name;
  }

  get status(): HostStatus {
    const { phase, why } = standing(this.#circuit);
    return {
      phase, why, pending: this.#stations.reduce((sum, { pending }) => sum + pending, 0),
      stations: this.#stations.map(({ station, pending }) => ({ name: station.name, usable: station.link.usable, pending })),
    };
  }

  /** Why a request of the class would not be sent now; undefined: it would. */
  unavailability(of: MessageClass): Unavailability | undefined {
    return unavailability(this.#circuit, of);
  }

  /** May advices go now? */
  get takesAdvices(): boolean {
    return takesAdvices(this.#circuit);
  }

  /** A connection of a station became usable, or no longer is. */
  linksChanged(): void {
    const state = this.#stations.some(({ station }) => station.link.usable) ? 'usable' : this.#stations.some(({ station }) => station.link.signedOff) ? 'signedOff' : 'unreachable';
    this.#tell({ kind: 'links', state });
  }

  /** The issuer enters or leaves suppress inquiry mode. */
  suppressInquiry(on: boolean): void {
    this.#tell({ kind: 'suppress', on });
  }

  /** An operator keeps requests from the issuer, or lets them go again. */
  standInByOrder(on: boolean): void {
    this.#tell({ kind: 'order', on });
  }

  /** A trace for an advice that will be written and sent later, perhaps more than once. */
  reserveTrace(): OwnTrace {
    const requests = this.#stations[this.#turn % this.#stations.length]!;
    const stan = requests.stans.take() ?? 1;
    requests.stans.free(stan);
    return { stan: String(stan), transmittedAt: this.#outside.times.transmittedAt() };
  }

  /** Sends a request on. `done` is called once, from this turn or a later one. */
  forward(order: ForwardOrder, done: (result: HostResult) => void): void {
    const why = unavailability(this.#circuit, order.meaning.class);
    if (why !== undefined) {
      done({ kind: 'notSent', why, detail: '' });
      return;
    }
    this.#begin({ order, trial: nextTrial(this.#circuit), done });
  }

  /** Sends an advice or a reversal of our own. */
  advise(order: AdviceOrder, done: (result: HostResult) => void): void {
    if (!takesAdvices(this.#circuit)) {
      done({ kind: 'notSent', why: standing(this.#circuit).why ?? 'unreachable', detail: '' });
      return;
    }
    // What becomes of it says nothing of requests: an issuer that takes advices may leave requests alone.
    this.#begin({ order, trial: undefined, done });
  }

  /** Sends a message as it is, that waited for whoever is at the other end: a usable station is all that it takes. */
  pass(order: PassOrder, done: (result: HostResult) => void): void {
    this.#begin({ order, trial: undefined, done });
  }

  /** An answer on one of the stations. @returns whether it answers a request, in time or late, or none (which was told); undefined where the station is none of this issuer's */
  answered(stationName: string, message: Message, meaning: ResponseMeaning): 'request' | 'none' | undefined {
    const requests = this.#stations.find(({ station }) => station.name === stationName);
    if (requests === undefined) return undefined;
    const { deadlines, events } = this.#outside;
    const outcome = requests.match(meaning, deadlines.nowMs());
    if (outcome.kind === 'late') {
      const { order, asked, sent } = outcome.request;
      events.late(this.#config.name, { sent, order, message, meaning, lateMs: outcome.lateMs, fault: answerFault(asked, message, meaning) });
    } else if (outcome.kind === 'answered') this.#settle(outcome.request, message, meaning, outcome.elapsedMs);
    else if (outcome.kind === 'unmatched') {
      const { near } = outcome;
      events.unmatched(this.#config.name, stationName, meaning, near === undefined ? undefined : { sent: near.request.sent, differing: near.differing.map(({ name }) => name) });
    }
    return outcome.kind === 'late' || outcome.kind === 'answered' ? 'request' : 'none';
  }

  /** Does it answer a request that was sent here? */
  knows(stationName: string, meaning: ResponseMeaning): boolean {
    return this.#stations.some((requests) => requests.station.name === stationName && requests.knows(meaning));
  }

  /** Bytes that are no answer, of which this much could be read: whoever waits for it waits no longer. */
  garbled(stationName: string, recovered: ResponseMeaning, detail: string): void {
    const requests = this.#stations.find(({ station }) => station.name === stationName);
    const outcome = requests?.match(recovered, this.#outside.deadlines.nowMs());
    if (outcome?.kind === 'answered') this.#refused(outcome.request, detail, outcome.elapsedMs);
  }

  /** Nothing of it runs any more; whoever waits is told that there is no answer. */
  stop(): void {
    this.#isStopped = true;
    this.#tick?.cancel();
    for (const wake of this.#wakes) wake.cancel();
    for (const requests of this.#stations) requests.expireAll(this.#outside.deadlines.nowMs(), (pending) => this.#expired(pending));
  }

  #settle(pending: Pending, message: Message, meaning: ResponseMeaning, elapsedMs: number): void {
    const { sent, asked, route, trial, done } = pending;
    if (this.#config.askingCodes.has(meaning.responseCode)) {
      // An advice asks for no decision: whoever cannot take it now is told again.
      if ('message' in pending.order) this.#tell({ kind: 'asked' });
      else this.#judge(pending, { kind: 'failed', trial });
      done({ kind: 'asked', responseCode: meaning.responseCode, elapsedMs, sent });
      return;
    }
    const fault = answerFault(asked, message, meaning);
    if (fault !== '') {
      this.#refused(pending, fault, elapsedMs);
      return;
    }
    this.#judge(pending, { kind: 'answered', trial });
    done({ kind: 'answered', message, meaning, elapsedMs, sent, route });
  }

  #refused(pending: Pending, detail: string, elapsedMs: number): void {
    const { sent, trial, done } = pending;
    this.#outside.events.answerRefused(sent.station, detail);
    this.#judge(pending, { kind: 'failed', trial });
    done({ kind: 'expired', cause: 'badAnswer', detail, elapsedMs, sent });
  }

  #judge({ order }: Pending, fact: CircuitFact): void {
    if ('message' in order) this.#tell(fact);
  }

  #expired(pending: Pending): void {
    const { sent, trial, sentAtMs, done } = pending;
    this.#judge(pending, { kind: 'failed', trial });
    done({ kind: 'expired', cause: 'timeout', detail: '', elapsedMs: this.#outside.deadlines.nowMs() - sentAtMs, sent });
  }

  #begin(errand: Errand): void {
    if (errand.order.deadlineMs <= this.#outside.deadlines.nowMs()) {
      errand.done({ kind: 'notSent', why: 'tooLate', detail: '' });
      return;
    }
    if (errand.trial !== undefined) this.#tell({ kind: 'tried' });
    const from = this.#turn;
    this.#turn = (from + 1) % this.#stations.length;
    this.#attempt(errand, from, 0, 'unreachable');
  }

  /** The stations in turn, until one takes it. `why`: the last one's. */
  #attempt(errand: Errand, from: number, tried: number, why: 'unreachable' | 'full'): void {
    const count = this.#stations.length;
    for (let next = tried; next < count; next += 1) {
      const requests = this.#stations[(from + next) % count]!;
      if (!requests.station.link.usable) continue;
      const outcome = this.#send(errand, requests, (after) => this.#attempt(errand, from, next + 1, after));
      if (outcome === 'taken') return;
      if (outcome === 'full') why = 'full';
    }
    this.#notSent(errand, why, '');
  }

  #notSent(errand: Errand, why: Extract<HostResult, { kind: 'notSent' }>['why'], detail: string): void {
    if (errand.trial !== undefined) this.#tell({ kind: 'untried', trial: errand.trial });
    errand.done({ kind: 'notSent', why, detail });
  }

  /** `taken`: it is on its way, or it ended. `onward` is called where a station that had to seal it first did not take it. */
  #send(errand: Errand, requests: StationRequests, onward: (why: 'unreachable' | 'full') => void): 'taken' | 'full' | 'closed' {
    const { order, trial, done } = errand;
    const { station } = requests;
    const { deadlines, times } = this.#outside;
    const isWritten = 'written' in order;
    const kept = isWritten ? undefined : order.trace;
    const number = kept === undefined && !isWritten ? requests.stans.take() : undefined;
    if (kept === undefined && !isWritten && number === undefined) return 'full';
    const giveUp = (): void => {
      if (number !== undefined) requests.stans.free(number);
    };
    const route = 'message' in order ? requests.routeFrom(order.source) : undefined;
    // What is sealed is written later: then the next message must not be drafted over this one.
    const draft = isWritten ? order.written : station.link.seal === undefined ? requests.draft : new Draft('');
    const own: OwnValues = {
      stan: kept?.stan ?? String(number), transmittedAt: kept?.transmittedAt ?? times.transmittedAt(), localAt: times.localAt(),
      forwardingInstitution: station.forwardingInstitution,
      ...('message' in order ? { pin: order.pin, original: order.original ?? unknownOriginal(order.meaning), rrn: order.rrn ?? '', proposal: order.proposal } : {}),
    };
    const fault = isWritten ? undefined : draftOf(order, route, requests, own, draft);
    if (fault !== undefined) {
      giveUp();
      this.#outside.events.unfit(station.name, fault);
      this.#notSent(errand, 'unfit', `DE${fault.field}: ${fault.text}`);
      return 'taken';
    }
    const asked = askedOf(order, draft.mti);
    const facts = requests.factsOf(draft, asked.class);
    const nowMs = deadlines.nowMs();
    const sent: Sent = { station: station.name, mti: draft.mti, reference: referenceOf(facts, asked.class) };
    const pending: Pending = { order, asked, sent, stan: number, route, trial, sentAtMs: nowMs, done, ended: false };
    // A trace that waits already is an advice's that is out, or answers are matched by too little: nothing more can be told apart.
    if (requests.wait(facts, pending, order.deadlineMs) !== 'added') {
      giveUp();
      return 'full';
    }
    this.#arm();
    if (station.link.seal === undefined) return this.#transmit(errand, requests, facts, pending, encoded(requests, draft));
    station.link.seal(draft, (bytes) => {
      // Nobody waits for it any more: it is not sent.
      if (pending.ended) return;
      const outcome = this.#transmit(errand, requests, facts, pending, bytes ?? 'the message could not be authenticated');
      if (outcome !== 'taken') onward(outcome === 'full' ? 'full' : 'unreachable');
    });
    return 'taken';
  }

  /** @param bytes the message, or why it could not be written */
  #transmit(errand: Errand, requests: StationRequests, facts: MatchFacts, pending: Pending, bytes: Uint8Array | string): 'taken' | 'full' | 'closed' {
    const outcome = typeof bytes === 'string' ? 'unwritten' : requests.station.link.request(bytes);
    if (outcome === 'queued') return 'taken';
    requests.forget(facts, pending);
    if (outcome === 'full' || outcome === 'closed') return outcome;
    const detail = typeof bytes === 'string' ? bytes : 'the message is larger than the station takes';
    this.#notSent(errand, outcome === 'unwritten' ? 'unfit' : 'tooLarge', detail);
    return 'taken';
  }

  #arm(): void {
    if (this.#tick !== undefined || this.#isStopped) return;
    const { deadlines } = this.#outside;
    // On a grid, or each round would begin as late as the last one was.
    const nextMs = (Math.floor(deadlines.nowMs() / this.#tickMs) + 1) * this.#tickMs;
    this.#tick = deadlines.at(nextMs, () => {
      this.#tick = undefined;
      const nowMs = deadlines.nowMs();
      for (const requests of this.#stations) requests.expire(nowMs, (pending) => this.#expired(pending));
      if (this.#stations.some(({ pending }) => pending > 0)) this.#arm();
    });
  }

  #tell(fact: CircuitFact): void {
    const { deadlines, events } = this.#outside;
    const { circuit, actions } = applyCircuit(this.#config.circuit, this.#circuit, fact, deadlines.nowMs());
    const tookAdvices = this.takesAdvices;
    this.#circuit = circuit;
    if (this.takesAdvices !== tookAdvices) events.advices(this.#config.name, this.takesAdvices);
    for (const action of actions) {
      if (action.kind === 'changed') events.circuitChanged(this.#config.name, action.from, action.to);
      else if (action.kind === 'wake') this.#wakeAt(action.atMs);
      else this.#echo();
    }
  }

  #wakeAt(atMs: number): void {
    if (this.#isStopped) return;
    const wake = this.#outside.deadlines.at(atMs, () => {
      this.#wakes.delete(wake);
      this.#tell({ kind: 'now' });
    });
    this.#wakes.add(wake);
  }

  #echo(): void {
    if (this.#isStopped) return;
    const usable = this.#stations.find(({ station }) => station.link.usable);
    if (usable === undefined) this.#tell({ kind: 'echoed', answered: false });
    else usable.station.link.echo((answered) => this.#tell({ kind: 'echoed', answered }));
  }
}

function draftOf(order: ForwardOrder | AdviceOrder, route: ForwardRoute | undefined, { station }: StationRequests, own: OwnValues, draft: Draft): ForwardFault | undefined {
  if ('content' in order) {
    const { content } = order;
    return draftAdvice(order.of, content.replaces === undefined && content.original !== undefined ? { ...content, replaces: unknownOriginal(content) } : content, order.pan, station.side, own, order.isRepeat, draft);
  }
  return draftForwarded(order, route!, own, draft);
}

function askedOf(order: ForwardOrder | AdviceOrder | PassOrder, mti: string): Asked {
  if ('written' in order) return { mti, class: answeredClassOf(answerMti(mti) ?? mti), function: 'advice', pan: order.pan, amount: undefined, partialAllowed: false };
  if ('content' in order) return { mti, class: order.of, function: 'advice', pan: order.pan, amount: undefined, partialAllowed: false };
  const { meaning } = order;
  return { mti, class: meaning.class, function: meaning.function, pan: meaning.pan, amount: meaning.amount, partialAllowed: meaning.partialAllowed };
}

function encoded({ station }: StationRequests, draft: Draft): Uint8Array | string {
  try {
    return station.codec.encode(draft);
  } catch (error) {
    if (error instanceof EncodeError) return error.message;
    throw error;
  }
}
