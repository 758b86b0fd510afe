/**
 * An issuer that is asked at a URL: JSON over HTTPS, signed both ways (docs/remote-issuer.md).
 *
 * Owns which messages wait for their answers, what is sent again, and the issuer's circuit. Refuses messages while the circuit is open, and
 * answers that are wrongly signed, at odds with their messages, or none at all. Invariants: every order ends once, at its deadline at the
 * latest (one tick of the deadlines after it); what ends `notSent` cannot have been understood by the issuer; a message goes out under one
 * idempotency key, however often. No timer per message: one for all deadlines.
 */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import { mtiOf } from '../dialect/forward-write.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { MessageClass } from '../message/message.ts';
import { CircuitKeeper } from './circuit-keeper.ts';
import type { CircuitConfig, CircuitFact, LinkState, Unavailability } from './circuit.ts';
import type { AdviceOrder, ForwardOrder, HostEvents, HostResult, HostStatus, NotSent, OwnTrace, RemoteIssuer, Sent } from './host.ts';
import { meaningOf, readAnswer } from './remote-answer.ts';
import type { ReadAnswer, RemoteAsked } from './remote-answer.ts';
import { adviceDocument, requestDocument } from './remote-document.ts';
import { RemoteHealth } from './remote-health.ts';
import { RemoteWire } from './remote-wire.ts';
import type { WireConfig, WireEnd } from './remote-wire.ts';
import type { HealthDocument } from './remote-schema.ts';
import type { ExchangeHandle, RemoteTransport } from './remote-transport.ts';
import type { WireTimes } from './wire-times.ts';

export interface RemoteConfig extends WireConfig {
  readonly circuit: CircuitConfig;
  /** Messages that wait at once, for a connection or for an answer. */
  readonly pendingMax: number;
  readonly healthMs: number;
  /** How long after its deadline an answer is still listened for. */
  readonly lateMs: number;
  /** Of `connections`, those that may be held by what is late. */
  readonly lateMax: number;
}

export interface RemoteOutside {
  /** Its clock is the one of orders' deadlines. */
  readonly deadlines: Deadlines;
  readonly times: WireTimes;
  readonly transport: RemoteTransport;
  readonly vault: CardVault;
  /** Unix ms. */
  readonly now: () => number;
  /** Unique over all switches and restarts: letters, digits, dot, underscore and hyphen, at most 64. */
  readonly newId: () => string;
  readonly events: HostEvents;
  /** What it says of itself, each time that it is asked. */
  readonly said: (health: HealthDocument) => void;
}

/** A message on its way. */
interface Errand {
  readonly order: ForwardOrder | AdviceOrder;
  readonly asked: RemoteAsked;
  readonly sent: Sent;
  /** Which trial of the circuit it is; undefined: none. */
  readonly trial: number | undefined;
  readonly beganMs: number;
  readonly done: (result: HostResult) => void;
  deadline: Deadline | undefined;
  handle: ExchangeHandle | undefined;
  attempts: number;
  /** Some of it may have left. */
  wasSent: boolean;
  /** `done` was called. */
  isEnded: boolean;
}

/** Sent again at once after a connection that ended, with so much time left at least. */
const attemptsMax = 2;
const againMsMin = 20;

export class UrlIssuer implements RemoteIssuer {
  readonly wantsFacts = true;
  readonly #config: RemoteConfig;
  readonly #outside: RemoteOutside;
  readonly #wire: RemoteWire;
  readonly #circuit: CircuitKeeper;
  readonly #health: RemoteHealth;
  readonly #pending = new Set<Errand>();
  /** Ended, and still listened for. */
  readonly #late = new Set<Errand>();
  #isStopped = false;

  constructor(config: RemoteConfig, outside: RemoteOutside) {
    const { deadlines, events, now, transport } = outside;
    this.#config = config;
    this.#outside = outside;
    this.#wire = new RemoteWire(config, { transport, now, elapsed: deadlines.nowMs });
    this.#circuit = new CircuitKeeper(config.circuit, {
      deadlines, changed: (from, to) => events.circuitChanged(config.name, from, to), advices: (mayGo) => events.advices(config.name, mayGo),
      echo: () => this.#health.check((answered) => this.#circuit.tell({ kind: 'echoed', answered })),
    });
    this.#health = new RemoteHealth({
      everyMs: config.healthMs, deadlines, told: (link, health) => this.#told(link, health),
      ask: (done) => this.#wire.ask(outside.newId(), config.circuit.echoMs, deadlines, (result) => {
        if (result.kind === 'unanswered' && result.fault !== '') events.answerRefused(config.name, result.fault);
        done(result);
      }),
    });
    this.#health.check();
  }

  get name(): string {
    return this.#config.name;
  }

  get status(): HostStatus {
    const { phase, why } = this.#circuit.standing;
    return { phase, why, pending: this.#pending.size, stations: [{ name: this.#config.origin, usable: this.#circuit.link === 'usable', pending: this.#pending.size }] };
  }

  get takesAdvices(): boolean {
    return this.#circuit.takesAdvices;
  }

  unavailability(of: MessageClass): Unavailability | undefined {
    return this.#circuit.unavailability(of);
  }

  reserveTrace(): OwnTrace {
    return { stan: this.#outside.newId(), transmittedAt: this.#outside.times.transmittedAt() };
  }

  suppressInquiry(on: boolean): void {
    this.#circuit.tell({ kind: 'suppress', on });
  }

  standInByOrder(on: boolean): void {
    this.#circuit.tell({ kind: 'order', on });
  }

  forward(order: ForwardOrder, done: (result: HostResult) => void): void {
    const why = this.unavailability(order.meaning.class);
    if (why !== undefined) done({ kind: 'notSent', why, detail: '' });
    else this.#begin(order, done);
  }

  advise(order: AdviceOrder, done: (result: HostResult) => void): void {
    if (this.takesAdvices) this.#begin(order, done);
    else done({ kind: 'notSent', why: this.#circuit.standing.why ?? 'unreachable', detail: '' });
  }

  stop(): void {
    this.#isStopped = true;
    this.#health.stop();
    this.#circuit.stop();
    for (const errand of this.#pending) this.#expired(errand);
    for (const errand of this.#late) this.#forget(errand);
    this.#outside.transport.close();
  }

  #begin(order: ForwardOrder | AdviceOrder, done: (result: HostResult) => void): void {
    const { deadlines } = this.#outside;
    const beganMs = deadlines.nowMs();
    const refuse = (why: NotSent, detail = ''): void => done({ kind: 'notSent', why, detail });
    if (this.#isStopped) return refuse('unreachable');
    if (order.deadlineMs <= beganMs) return refuse('tooLate');
    if (this.#pending.size >= this.#config.pendingMax) return refuse('full');
    const { stan, transmittedAt } = order.trace ?? this.reserveTrace();
    const asked = askedOf(order, stan);
    const pan = 'content' in order ? order.pan : order.meaning.pan;
    if (pan === undefined) return refuse('unfit', 'it names no card');
    const trace = 'content' in order ? order.content.trace : order.meaning.trace;
    const errand: Errand = {
      order, asked, trial: 'message' in order ? this.#circuit.nextTrial : undefined, beganMs, done, deadline: undefined, handle: undefined, attempts: 0, wasSent: false, isEnded: false,
      sent: {
        station: this.#config.name, mti: mtiOf('1987', asked.class, asked.function, 'content' in order && order.isRepeat),
        reference: { class: asked.class, ...(asked.function === 'request' ? {} : { function: 'advice' }), stan, transmittedAt, localAt: trace.localAt, acquirer: trace.acquirer },
      },
    };
    this.#pending.add(errand);
    errand.deadline = deadlines.at(order.deadlineMs, () => this.#expired(errand));
    if (errand.trial !== undefined) this.#circuit.tell({ kind: 'tried' });
    this.#attempt(errand);
  }

  #attempt(errand: Errand): void {
    const { order, asked: { id } } = errand;
    const isRepeat = errand.attempts > 0 || ('content' in order && order.isRepeat);
    errand.attempts += 1;
    const pan = ('content' in order ? order.pan : order.meaning.pan)!;
    const around = { id, issuer: this.#config.name, token: this.#outside.vault.cardToken(pan), pan, isRepeat };
    this.#wire.post({
      id, pan, deadlineMs: order.deadlineMs, isWanted: () => !errand.isEnded,
      document: (number) => ('content' in order ? adviceDocument(order, { ...around, number }) : requestDocument(order, { ...around, number })),
      began: (handle) => {
        errand.handle = handle;
      },
    }, (end) => this.#came(errand, end));
  }

  #came(errand: Errand, end: WireEnd): void {
    errand.wasSent ||= end.kind !== 'notSent';
    errand.handle = undefined;
    switch (end.kind) {
      case 'answered':
        this.#settle(errand, readAnswer(end.body, errand.asked));
        return;
      case 'refused':
        this.#settle(errand, { kind: 'none', fault: end.fault });
        return;
      case 'broken':
      case 'notSent':
        if (errand.isEnded) this.#late.delete(errand);
        else if (end.kind === 'broken' && errand.attempts < attemptsMax && errand.order.deadlineMs - this.#outside.deadlines.nowMs() >= againMsMin) this.#attempt(errand);
        else this.#unanswered(errand, end.fault, end.kind === 'notSent' ? 'unreachable' : undefined);
    }
  }

  #settle(errand: Errand, read: ReadAnswer): void {
    if (errand.isEnded) {
      this.#cameLate(errand, read);
      return;
    }
    const { asked, sent, trial } = errand;
    const elapsedMs = this.#outside.deadlines.nowMs() - errand.beganMs;
    const { events } = this.#outside;
    if (read.kind === 'none') {
      events.answerRefused(this.#config.name, read.fault);
      this.#end(errand, { kind: 'expired', cause: 'badAnswer', detail: read.fault, elapsedMs, sent }, { kind: 'failed', trial });
      return;
    }
    events.answerMatched(this.#config.name, elapsedMs);
    if (read.kind === 'standIn') this.#end(errand, { kind: 'asked', responseCode: '9107', elapsedMs, sent }, { kind: 'asked' });
    else {
      const { reason, approvalCode, amount, billing, balance, chip } = read;
      this.#end(errand, {
        kind: 'decided', meaning: meaningOf(read, asked, sent.reference, rrnOf(errand.order)), response: { reason, approvalCode, amount, billing, balance }, chip, elapsedMs, sent,
      }, { kind: 'answered', trial });
    }
  }

  #cameLate(errand: Errand, read: ReadAnswer): void {
    if (!this.#late.delete(errand)) return;
    const { order, asked, sent } = errand;
    const { events, deadlines } = this.#outside;
    const lateMs = Math.max(0, deadlines.nowMs() - order.deadlineMs);
    events.answerLate(this.#config.name, lateMs);
    if (read.kind === 'decided') events.late(this.#config.name, { sent, order, message: undefined, meaning: meaningOf(read, asked, sent.reference, rrnOf(order)), lateMs, fault: '' });
    else if (read.kind === 'none') events.answerRefused(this.#config.name, read.fault);
  }

  /** Its time is over, or everything ends. */
  #expired(errand: Errand): void {
    const { handle } = errand;
    errand.wasSent ||= handle?.sent ?? false;
    if (handle !== undefined) {
      if (handle.sent && !this.#isStopped) this.#listenOn(errand);
      else handle.giveUp();
    }
    this.#unanswered(errand, '', this.#outside.transport.connected ? 'tooLate' : 'unreachable');
  }

  /** @param unsent what it comes to if nothing of it ever left; undefined: some did */
  #unanswered(errand: Errand, detail: string, unsent: 'unreachable' | 'tooLate' | undefined): void {
    const { sent, trial } = errand;
    if (errand.wasSent || unsent === undefined) {
      this.#outside.events.requestExpired(this.#config.name);
      this.#end(errand, { kind: 'expired', cause: 'timeout', detail, elapsedMs: this.#outside.deadlines.nowMs() - errand.beganMs, sent }, { kind: 'failed', trial });
    } else {
      this.#end(errand, { kind: 'notSent', why: unsent, detail }, trial === undefined ? undefined : { kind: 'untried', trial });
      if (unsent === 'unreachable') this.#health.lost();
    }
  }

  #end(errand: Errand, result: HostResult, fact: CircuitFact | undefined): void {
    errand.isEnded = true;
    errand.deadline?.cancel();
    this.#pending.delete(errand);
    // What becomes of advices says nothing of requests.
    if (fact !== undefined && 'message' in errand.order) this.#circuit.tell(fact);
    errand.done(result);
  }

  /** The answer may still come; nobody waits for it. */
  #listenOn(errand: Errand): void {
    this.#late.add(errand);
    errand.deadline = this.#outside.deadlines.after(this.#config.lateMs, () => this.#forget(errand));
    if (this.#late.size <= this.#config.lateMax) return;
    for (const oldest of this.#late) {
      this.#forget(oldest);
      break;
    }
  }

  #forget(errand: Errand): void {
    this.#late.delete(errand);
    errand.handle?.giveUp();
    errand.deadline?.cancel();
  }

  #told(state: LinkState, health: HealthDocument | undefined): void {
    if (health !== undefined) {
      this.suppressInquiry(health.suppressInquiry);
      this.#outside.said(health);
    }
    this.#circuit.tell({ kind: 'links', state });
  }
}

function askedOf(order: ForwardOrder | AdviceOrder, id: string): RemoteAsked {
  if ('content' in order) return { id, class: order.of, function: 'advice', amount: undefined, partialAllowed: false };
  const { meaning } = order;
  return { id, class: meaning.class, function: meaning.function, amount: meaning.amount, partialAllowed: meaning.partialAllowed };
}

function rrnOf(order: ForwardOrder | AdviceOrder): string {
  return 'content' in order ? order.content.rrn : order.meaning.rrn;
}
