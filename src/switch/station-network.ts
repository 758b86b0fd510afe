/**
 * Network management of one station: signing on and off, echoes, cut-over, key change, what an issuer asks of those who stand in for it, and
 * what an operator orders.
 *
 * Owns the sessions of the station's connections, our own network management requests until their ends, and what is known of the station
 * (state, echo times, the business day it named). Refuses what the dialect has no code for. Invariant: a request gets one answer, and
 * a request of ours one end.
 */
import { draftNetworkAnswer, draftNetworkRequest } from '../dialect/answer.ts';
import { isIssuerOrder } from '../dialect/meaning.ts';
import type { CarriedKey, NetworkMeaning, ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import type { LinkConnection } from '../link/link.ts';
import { admits, applySession, newSession, signs, stationState, usable } from '../link/session.ts';
import type { ManagementKind, Session, SessionAction, SessionFact, SessionState } from '../link/session.ts';
import type { Reason } from '../message/reason.ts';
import { ZoneKeys } from './key-exchange.ts';
import { blankLine } from './message-log.ts';
import type { LoggedOutcome } from './message-log.ts';
import type { StationMac } from './station-mac.ts';
import type { Received, StationConfig, StationOutside } from './station-parts.ts';

/** What of the station the network management needs: its way to the wire. */
export interface StationWire {
  readonly mac: StationMac | undefined;
  /** `done` gets undefined where the draft cannot be written, which is counted. */
  encode(draft: Draft, signed: boolean, macVersion: number | undefined, done: (bytes: Uint8Array | undefined) => void): void;
  answer(received: Received, draft: Draft): void;
  finish(received: Received): void;
}

/** What this side sends. */
export type OwnRequest = 'signOn' | 'signOff' | 'echo' | 'keyChange' | 'cutover';

/** What a connection's context holds. */
interface Peer {
  session: Session;
  /** Our network management requests that wait for their answers, by their STAN. */
  readonly waiting: Map<string, Waiting>;
  stan: number;
  readonly sinceMs: number;
}

/** `accepted` undefined: no answer came in time, or it could not be sent. */
type Ended = (accepted: boolean | undefined, elapsedMs: number) => void;

/** A request of ours: the session is told of its answer, or who else asked for it. */
interface Waiting {
  readonly what: OwnRequest;
  readonly mti: string;
  readonly sentAtMs: number;
  readonly startedMs: number;
  readonly done: Ended | undefined;
}

/** A cut-over, as it was named last. */
export interface CutOver {
  /** Digits as they came: MMDD, YYMMDD or CCYYMMDD; empty where none were. */
  readonly businessDate: string;
  /** Unix ms. */
  readonly atMs: number;
  readonly by: 'peer' | 'us';
}

export interface ConnectionStatus {
  readonly id: number;
  readonly peer: string;
  readonly state: SessionState;
  /** Unix ms. */
  readonly sinceMs: number;
}

export interface StationNetworkStatus {
  /** As its connections are together. */
  readonly state: SessionState | 'down';
  readonly connections: readonly ConnectionStatus[];
  readonly echo: {
    /** Of the last echo of ours that was answered; undefined: none was. */
    readonly lastMs: number | undefined;
    readonly lastAtMs: number | undefined;
    readonly answered: number;
    readonly missed: number;
  };
  readonly cutOver: CutOver | undefined;
}

export interface SendToAllOptions {
  /** Of a cut-over, CCYYMMDD. */
  readonly businessDate?: string | undefined;
  /** Whoever asked waits no longer than that; without it as long as an answer may take. */
  readonly withinMs?: number;
}

/** What came of something sent on each connection that stands. */
export interface SentToAll {
  readonly connection: number;
  readonly outcome: 'accepted' | 'refused' | 'noAnswer';
  readonly elapsedMs: number;
}

/** What had no answer is brought again after so many times the time that an answer may take. */
const retryAnswerTimes = 6;

export class StationNetwork {
  readonly connections: ReadonlySet<LinkConnection>;
  readonly #config: StationConfig;
  readonly #outside: StationOutside;
  readonly #wire: StationWire;
  readonly #zoneKeys: ZoneKeys;
  readonly #draft = new Draft('');
  readonly #connections = new Set<LinkConnection>();
  #isHeld = false;
  #renewalIsDue = false;
  #retryIsDue = false;
  #echo: StationNetworkStatus['echo'] = { lastMs: undefined, lastAtMs: undefined, answered: 0, missed: 0 };
  #cutOver: CutOver | undefined;

  constructor(config: StationConfig, outside: StationOutside, wire: StationWire) {
    this.#config = config;
    this.#outside = outside;
    this.#wire = wire;
    this.#zoneKeys = new ZoneKeys(config.security, outside.keyDesk);
    this.connections = this.#connections;
  }

  get status(): StationNetworkStatus {
    const connections = [...this.#connections].map((connection) => {
      const { session, sinceMs } = peerOf(connection);
      return { id: connection.id, peer: connection.peer, state: session.state, sinceMs };
    });
    return { state: stationState(connections.map(({ state }) => state), this.#isHeld), connections, echo: this.#echo, cutOver: this.#cutOver };
  }

  opened(connection: LinkConnection): void {
    connection.context = { session: newSession, waiting: new Map(), stan: 0, sinceMs: this.#outside.now() } satisfies Peer;
    this.#connections.add(connection);
    if (this.#isHeld) this.#session(connection, { kind: 'wanted', what: 'signOff' });
    else this.#session(connection, { kind: 'opened' });
    this.#renewLater();
    if (this.#zoneKeys.unsettled.length > 0) this.#retryLater();
  }

  idle(connection: LinkConnection): void {
    this.#session(connection, { kind: 'idle' });
  }

  closed(connection: LinkConnection): void {
    const peer = peerOf(connection);
    const { name, session } = this.#config;
    if (usable(peer.session)) this.#outside.events.usable(name, connection.id, false, session.signOn !== 'none');
    this.#connections.delete(connection);
    this.#outside.hosts.changed(name);
    const nowMs = this.#outside.deadlines.nowMs();
    for (const waiting of peer.waiting.values()) waiting.done?.(undefined, nowMs - waiting.startedMs);
    peer.waiting.clear();
  }

  isUsable(connection: LinkConnection): boolean {
    return usable(peerOf(connection).session);
  }

  /** May the peer ask for anything but network management? */
  admits(connection: LinkConnection): boolean {
    return admits(this.#config.session, peerOf(connection).session);
  }

  /** @param frame of a key change that replaces the key that it is authenticated with */
  take(received: Received, meaning: NetworkMeaning, frame: Uint8Array | undefined): void {
    const { name } = this.#config;
    if (!meaning.answerable) {
      this.#outside.events.dropped(name, 'unanswerable', `type ${meaning.mti}`);
      this.#log(received, meaning, 'unanswered', '', '');
      this.#wire.finish(received);
      return;
    }
    const admitted = this.admits(received.connection);
    const brings = meaning.key !== undefined || meaning.keyFault !== '';
    const what = meaning.function;
    if (what === 'keyChange' && admitted && (brings || this.#zoneKeys.purposes.length > 0)) {
      void this.#keyChange(received, meaning, frame);
      return;
    }
    if (isIssuerOrder(what)) {
      const taken = admitted && this.#outside.hosts.ordered(name, what);
      this.#answered(received, meaning, taken ? undefined : '9102', '', taken ? '' : admitted ? 'the station is no issuer\'s' : 'the station has not signed on');
      return;
    }
    if (what === 'cutover') {
      if (!admitted) {
        this.#answered(received, meaning, '9102', '', 'the station has not signed on');
        return;
      }
      this.#cut(meaning.businessDate, 'peer');
    }
    this.#session(received.connection, { kind: 'requested', what }, (answer) => {
      const detail = answer === 'refused' ? 'an operator has signed the station off'
        : what === 'cutover' ? (meaning.businessDate === '' ? 'no business day named' : `business day ${meaning.businessDate}`)
          : what !== 'keyChange' ? '' : admitted ? 'the station has no transport key, or no key to be exchanged' : 'the station has not signed on';
      this.#answered(received, meaning, answer === 'accepted' ? undefined : answer === 'refused' ? '9107' : '9102', '', detail);
    });
  }

  /** An answer to one of our own requests; false where it is none. */
  answer(connection: LinkConnection, meaning: ResponseMeaning): boolean {
    if (meaning.class !== 'network') return false;
    const { waiting } = peerOf(connection);
    const found = waiting.get(meaning.stan);
    if (found === undefined) return false;
    waiting.delete(meaning.stan);
    const elapsedMs = this.#outside.deadlines.nowMs() - found.startedMs;
    this.#ended(connection, found, meaning, elapsedMs);
    if (found.done !== undefined) found.done(meaning.approved, elapsedMs);
    else this.#session(connection, { kind: 'answered', what: found.what, accepted: meaning.approved });
    return true;
  }

  /** Asks whether the peer is there. */
  echo(connection: LinkConnection, done: (accepted: boolean | undefined) => void): void {
    this.#send(connection, 'echo', done);
  }

  /** By an operator's order: on every connection that stands, and of those to come. Nothing else signs it on again. */
  signOff(): void {
    this.#isHeld = true;
    for (const connection of this.#connections) this.#session(connection, { kind: 'wanted', what: 'signOff' });
  }

  signOn(): void {
    this.#isHeld = false;
    for (const connection of this.#connections) this.#session(connection, { kind: 'wanted', what: 'signOn' });
  }

  /** Sends it on each connection that stands; settles when each has its end. */
  async sendToAll(what: 'echo' | 'cutover', { businessDate, withinMs }: SendToAllOptions = {}): Promise<readonly SentToAll[]> {
    const connections = [...this.#connections].filter((connection) => connection.open);
    if (businessDate !== undefined && connections.length > 0) this.#cut(businessDate, 'us');
    return await Promise.all(connections.map((connection) => new Promise<SentToAll>((resolve) => {
      const done: Ended = (accepted, elapsedMs) => {
        resolve({ connection: connection.id, outcome: accepted === undefined ? 'noAnswer' : accepted ? 'accepted' : 'refused', elapsedMs });
      };
      if (!this.#send(connection, what, done, { businessDate })) done(undefined, 0);
      if (withinMs !== undefined) this.#outside.deadlines.after(withinMs, () => done(undefined, withinMs));
    })));
  }

  #cut(businessDate: string, by: CutOver['by']): void {
    this.#cutOver = { businessDate, atMs: this.#outside.now(), by };
    this.#outside.events.cutOver(this.#config.name, businessDate, by);
  }

  async #keyChange(received: Received, meaning: NetworkMeaning, frame: Uint8Array | undefined): Promise<void> {
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    const fault = meaning.keyFault === '' ? this.#zoneKeys.begin(this.#outside.deadlines.nowMs()) : meaning.keyFault;
    if (fault !== '') {
      this.#answered(begun, meaning, '9119', '', fault);
      return;
    }
    if (meaning.key === undefined) {
      // Who brings none asks for one.
      this.#answered(begun, meaning, undefined);
      await this.#renew(received.connection, this.#zoneKeys.purposes);
      return;
    }
    const taken = await this.#zoneKeys.take(meaning.key);
    if ('fault' in taken) {
      this.#answered(begun, meaning, '9119', '', taken.fault);
      return;
    }
    const macVersion = frame === undefined ? undefined : await this.#versionOf(received.message, frame, taken.version);
    this.#answered(macVersion === undefined ? begun : { ...begun, macVersion }, meaning, undefined, taken.kcv);
  }

  /** The answer to whoever brought this version is authenticated as the request was: whoever repeats it may have the new key in use, or not yet. */
  async #versionOf(message: Message, frame: Uint8Array, current: number): Promise<number> {
    const { mac } = this.#wire;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (mac === undefined) resolve(true);
    else mac.isUnder(current, message, frame, resolve);
    return (await promise) ? current : current - 1;
  }

  /** Brings the station a new key for each of these purposes. */
  async #renew(connection: LinkConnection, purposes: readonly CarriedKey['purpose'][]): Promise<void> {
    for (const purpose of purposes) {
      const renewal = await this.#zoneKeys.renew(purpose, (key, done) => this.#send(connection, 'keyChange', done, { key }));
      if (renewal.kind !== 'underWay') this.#outside.events.keyRenewed(this.#config.name, purpose, renewal.kind === 'renewed', renewal.kind === 'failed' ? renewal.fault : '');
    }
    if (this.#zoneKeys.unsettled.length > 0) this.#retryLater();
  }

  /** One timer at a time, and none while nobody is connected. */
  #renewLater(): void {
    const { security: { keyRenewalMs } } = this.#config;
    if (keyRenewalMs === 0 || this.#renewalIsDue) return;
    this.#renewalIsDue = true;
    this.#outside.deadlines.after(keyRenewalMs, () => {
      this.#renewalIsDue = false;
      this.#renewSomewhere(this.#zoneKeys.purposes);
      if (this.#connections.size > 0) this.#renewLater();
    });
  }

  /** What had no answer is brought again soon: the station may use it already, and what it sends under it is refused until then. */
  #retryLater(): void {
    if (this.#retryIsDue) return;
    this.#retryIsDue = true;
    this.#outside.deadlines.after(this.#outside.networkAnswerMs * retryAnswerTimes, () => {
      this.#retryIsDue = false;
      const { unsettled } = this.#zoneKeys;
      if (unsettled.length === 0 || this.#renewSomewhere(unsettled) || this.#connections.size === 0) return;
      this.#retryLater();
    });
  }

  /** On a connection that may be used. @returns whether there is one */
  #renewSomewhere(purposes: readonly CarriedKey['purpose'][]): boolean {
    const connection = [...this.#connections].find((each) => each.open && this.isUsable(each));
    if (connection !== undefined) void this.#renew(connection, purposes);
    return connection !== undefined;
  }

  #answered(received: Received, meaning: NetworkMeaning, reason: Reason | undefined, kcv = '', detail = ''): void {
    const { name, dialect } = this.#config;
    this.#outside.events.networkManagement(name, meaning.function, reason === undefined, detail);
    const draft = draftNetworkAnswer(received.message, reason, dialect, this.#draft, kcv);
    const responseCode = draft.get(39);
    this.#log(received, meaning, 'answered', reason ?? '', typeof responseCode === 'string' ? responseCode : '', detail);
    this.#wire.answer(received, draft);
  }

  #session(connection: LinkConnection, fact: SessionFact, onAnswer?: (answer: Extract<SessionAction, { kind: 'answer' }>['answer']) => void): void {
    const { session: config, name } = this.#config;
    const { deadlines, events } = this.#outside;
    const peer = peerOf(connection);
    const { session, actions } = applySession(config, peer.session, fact, deadlines.nowMs());
    peer.session = session;
    for (const action of actions) {
      switch (action.kind) {
        case 'answer':
          onAnswer?.(action.answer);
          break;
        case 'send':
          this.#send(connection, action.what, undefined);
          break;
        case 'mark':
          events.usable(name, connection.id, action.usable, signs(config, fact));
          this.#outside.hosts.changed(name);
          break;
        case 'wake':
          deadlines.at(action.atMs, () => {
            if (connection.open) this.#session(connection, { kind: 'now' });
          });
          break;
        case 'close':
          connection.close();
          break;
        case 'cutover':
          // Noted where it came in: business days are the programs' own.
          break;
      }
    }
  }

  /**
   * Sends a network management request of ours, and waits for its answer. False where the dialect or the format has no place for it; `done`
   * is not called then.
   * @param done undefined: the session is told
   */
  #send(connection: LinkConnection, what: OwnRequest, done: Ended | undefined, more: { readonly key?: CarriedKey; readonly businessDate?: string | undefined } = {}): boolean {
    const { deadlines, now, networkAnswerMs } = this.#outside;
    const { dialect, codec } = this.#config;
    const peer = peerOf(connection);
    peer.stan = (peer.stan % 999_999) + 1;
    const stan = String(peer.stan);
    const [date = '', time = ''] = new Date(now()).toISOString().slice(0, 19).split('T');
    const digits = `${date.replaceAll('-', '')}${time.replaceAll(':', '')}`;
    const key = more.key === undefined ? undefined : { key: more.key, spec: codec.spec };
    if (!draftNetworkRequest(what, stan, digits.slice(4), digits, dialect, this.#draft, { key, businessDate: more.businessDate })) return false;
    const waiting: Waiting = { what, mti: this.#draft.mti, sentAtMs: now(), startedMs: deadlines.nowMs(), done };
    this.#wire.encode(this.#draft, this.#wire.mac?.required === true, undefined, (bytes) => {
      if (bytes === undefined || connection.request(bytes, 0, bytes.length) !== 'queued') {
        done?.(undefined, 0);
        return;
      }
      peer.waiting.set(stan, waiting);
      deadlines.after(networkAnswerMs, () => {
        // The number may be another request's by now.
        if (peer.waiting.get(stan) !== waiting) return;
        peer.waiting.delete(stan);
        this.#ended(connection, waiting, undefined, networkAnswerMs);
        if (done !== undefined) done(undefined, networkAnswerMs);
        else if (connection.open) this.#session(connection, { kind: 'timedOut', what: what as ManagementKind });
      });
    });
    return true;
  }

  /** A request of ours has its end. */
  #ended(connection: LinkConnection, { what, mti, sentAtMs }: Waiting, answer: ResponseMeaning | undefined, elapsedMs: number): void {
    const { name } = this.#config;
    if (what === 'echo') {
      const { answered, missed } = this.#echo;
      this.#echo = answer === undefined ? { ...this.#echo, missed: missed + 1 } : { lastMs: elapsedMs, lastAtMs: sentAtMs, answered: answered + 1, missed };
      this.#outside.events.echoed(name, connection.id, answer === undefined ? undefined : elapsedMs);
    }
    this.#outside.messages.write({
      ...blankLine, atMs: sentAtMs, elapsedMs, station: name, connection: connection.id, direction: 'out', mti, answerMti: answer?.mti ?? '', class: 'network', what, stan: answer?.stan ?? '',
      outcome: answer === undefined ? 'expired' : 'answered', answeredBy: answer === undefined ? '' : 'peer', reason: answer?.reason ?? '', responseCode: answer?.responseCode ?? '',
    });
  }

  #log({ connection, atMs, startedMs }: Received, { mti, function: what, stan }: NetworkMeaning, outcome: LoggedOutcome, reason: string, responseCode: string, detail = ''): void {
    this.#outside.messages.write({
      ...blankLine, atMs, elapsedMs: this.#outside.deadlines.nowMs() - startedMs, station: this.#config.name, connection: connection.id, direction: 'in', mti, answerMti: outcome === 'answered' ? (answerMti(mti) ?? '') : '', class: 'network', what, stan,
      outcome, answeredBy: outcome === 'answered' ? 'switch' : '', reason, responseCode, detail,
    });
  }
}

function peerOf(connection: LinkConnection): Peer {
  return connection.context as Peer;
}
