/**
 * A station at work: its link's frames are decoded, authenticated, understood, decided and answered in its own format.
 *
 * Every request gets one answer or one counted drop, and its place in the link's limits is freed either way.
 */
import type { Codec, Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { DecodeError, EncodeError } from '../iso8583/errors.ts';
import { authorizationResponseCode, draftAnswer, draftNetworkAnswer, draftNetworkRequest, draftRefusal } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { draftReturned, writeResponder } from '../dialect/forward-return.ts';
import { draftFormatError } from '../dialect/format-error.ts';
import { isIssuerOrder } from '../dialect/meaning.ts';
import type { CardMeaning, CarriedKey, Meaning, NetworkMeaning, ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import { readMessage } from '../dialect/read.ts';
import type { FrameHeader } from '../link/framing.ts';
import type { LinkConnection, LinkHandlers } from '../link/link.ts';
import { admits, applySession, newSession, signs, usable } from '../link/session.ts';
import type { ManagementKind, Session, SessionConfig, SessionFact } from '../link/session.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { MessageClass, OriginalKey } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Decisions, Result, StationContext } from './decisions.ts';
import type { SwitchEvents } from './events.ts';
import type { HsmTurn } from './hsm-turn.ts';
import type { Hosts } from './hosts.ts';
import { ZoneKeys } from './key-exchange.ts';
import type { KeyDesk } from './key-exchange.ts';
import { retrievalReference } from './stamp.ts';
import { StationLink } from './station-link.ts';
import { StationMac } from './station-mac.ts';
import type { StationSecurity } from './station-security.ts';

export interface StationConfig {
  readonly name: string;
  readonly codec: Codec;
  readonly dialect: Dialect;
  readonly session: SessionConfig;
  readonly classes: readonly MessageClass[];
  readonly originalKeys: readonly OriginalKey[];
  readonly security: StationSecurity;
}

export interface StationOutside {
  readonly decisions: Decisions;
  readonly hsm: HsmTurn;
  readonly keyDesk: KeyDesk;
  readonly hosts: Hosts;
  readonly deadlines: Deadlines;
  /** Unix ms. */
  readonly now: () => number;
  readonly events: SwitchEvents;
  /** How long an own echo or sign-on waits for its answer. */
  readonly networkAnswerMs: number;
}

/** What a connection's context holds. */
interface Peer {
  session: Session;
  /** Our network management requests that wait for their answers, by their STAN. */
  readonly waiting: Map<string, Waiting>;
  stan: number;
}

/** A request of ours: the session is told of its answer, or who else asked for it. */
type Waiting = { readonly what: ManagementKind } | { readonly done: (accepted: boolean | undefined) => void };

/** A frame on its way to its answer. */
interface Received {
  readonly connection: LinkConnection;
  readonly header: FrameHeader;
  readonly message: Message;
  /** Its answer is authenticated as it was. */
  readonly signed: boolean;
  /** It holds a place of the link's limits. */
  readonly begun: boolean;
  /** The version of the key that the answer is authenticated with; undefined: the current one. */
  readonly macVersion?: number;
}

/** What had no answer is brought again after so many times the time that an answer may take. */
const retryAnswerTimes = 6;

export class Station implements LinkHandlers {
  readonly #config: StationConfig;
  readonly #outside: StationOutside;
  readonly #context: StationContext;
  readonly #mac: StationMac | undefined;
  readonly #zoneKeys: ZoneKeys;
  readonly #draft = new Draft('');
  readonly #connections = new Set<LinkConnection>();
  #renewalIsDue = false;
  #retryIsDue = false;

  constructor(config: StationConfig, outside: StationOutside) {
    const { codec, dialect, originalKeys, security } = config;
    this.#config = config;
    this.#outside = outside;
    this.#zoneKeys = new ZoneKeys(security, outside.keyDesk);
    this.#mac = security.mac === undefined ? undefined : new StationMac(security.mac, codec, outside.hsm);
    this.#context = {
      originalKeys, security, side: { dialect, spec: codec.spec },
      authorizationResponseCode: (reason) => authorizationResponseCode(dialect, dialect.reasons.responseCode(reason)),
    };
    outside.hosts.attach(config.name, new StationLink({
      connections: this.#connections, isUsable: (connection) => usable(peerOf(connection).session),
      seal: this.#mac?.required === true ? (draft, done) => this.#encode(draft, true, undefined, done) : undefined,
      echo: (connection, done) => this.#send(connection, 'echo', { done }),
    }));
  }

  onOpen(connection: LinkConnection): void {
    connection.context = { session: newSession, waiting: new Map(), stan: 0 } satisfies Peer;
    this.#connections.add(connection);
    this.#session(connection, { kind: 'opened' });
    this.#renewLater();
    if (this.#zoneKeys.unsettled.length > 0) this.#retryLater();
  }

  onIdle(connection: LinkConnection): void {
    this.#session(connection, { kind: 'idle' });
  }

  onClose(connection: LinkConnection): void {
    const peer = peerOf(connection);
    const { name, session } = this.#config;
    if (usable(peer.session)) this.#outside.events.usable(name, connection.id, false, session.signOn !== 'none');
    this.#connections.delete(connection);
    this.#outside.hosts.changed(name);
    for (const waiting of peer.waiting.values()) if ('done' in waiting) waiting.done(undefined);
    peer.waiting.clear();
  }

  onFrame(connection: LinkConnection, buffer: Buffer, start: number, end: number, header: FrameHeader): void {
    const { name, codec, dialect } = this.#config;
    const { events } = this.#outside;
    let message: Message;
    try {
      message = codec.decode(buffer, start, end);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#undecodable(connection, header, error, error.field === undefined ? undefined : codec.recover(buffer, start, end));
      return;
    }
    const meaning = readMessage(message, dialect, name);
    events.received(name, typeOf(meaning));
    if (message.unknown > 0) events.unknownContent(name, message.unknown);
    if (this.#mac === undefined) {
      this.#take({ connection, header, message, signed: false, begun: false }, meaning);
      return;
    }
    connection.begin();
    this.#mac.check(message, buffer.subarray(start, end), (authenticity) => {
      const received = { connection, header, message, signed: authenticity === 'authentic' || this.#mac?.required === true, begun: true };
      if (authenticity === 'refused') this.#unauthentic(received, meaning);
      else if (authenticity === 'authentic' && meaning.kind === 'network' && meaning.key?.purpose === 'mac') this.#take(received, meaning, Uint8Array.from(buffer.subarray(start, end)));
      else this.#take(received, meaning);
    });
  }

  /** A request that can be told from others is answered; anything else is dropped. */
  #undecodable(connection: LinkConnection, header: FrameHeader, error: DecodeError, recovered: Message | undefined): void {
    const { name, dialect } = this.#config;
    const { events } = this.#outside;
    if (recovered === undefined || !draftFormatError(recovered, error.field, dialect, this.#draft)) {
      events.dropped(name, 'undecodable', error.message);
      return;
    }
    const meaning = readMessage(recovered, dialect, name);
    const type = typeOf(meaning);
    events.received(name, type);
    if (meaning.kind === 'response') this.#outside.hosts.garbled(name, meaning, error.message);
    events.refused(name, type, '9100', error.message);
    const signed = this.#mac?.required === true;
    if (signed) connection.begin();
    this.#answer({ connection, header, message: recovered, signed, begun: signed }, this.#draft);
  }

  /** Nothing that it says is believed: a request is refused, anything else is dropped. */
  #unauthentic(received: Received, meaning: Meaning): void {
    const { name } = this.#config;
    const { mti } = received.message;
    if (answerMti(mti) === undefined) {
      this.#outside.events.dropped(name, 'unauthentic', `type ${mti}`);
      this.#finish(received);
    } else this.#refuse(received, meaning, '9116');
  }

  /** @param frame of a key change that replaces the key that it is authenticated with */
  #take(received: Received, meaning: Meaning, frame?: Uint8Array): void {
    const { name, dialect, classes, session } = this.#config;
    const { connection, message } = received;
    switch (meaning.kind) {
      case 'card':
        if (!classes.includes(meaning.class) || !admits(session, peerOf(connection).session)) this.#refuse(received, meaning, '9102');
        else this.#decide(received, withReference(message, meaning, this.#outside.now()));
        return;
      case 'network':
        this.#network(received, meaning, frame);
        return;
      case 'response':
        this.#answered(connection, message, meaning);
        this.#finish(received);
        return;
      case 'unsupported':
        if (meaning.answerable) {
          this.#refuse(received, meaning, '9102');
          return;
        }
        this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti} on a link that speaks ${dialect.version}`);
        this.#finish(received);
    }
  }

  #decide(received: Received, meaning: CardMeaning): void {
    const { decisions, deadlines } = this.#outside;
    const startedMs = deadlines.nowMs();
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    decisions.decide(meaning, received.message, this.#context, (result) => this.#decided(begun, meaning, result, deadlines.nowMs() - startedMs));
  }

  #decided(received: Received, meaning: CardMeaning, result: Result, elapsedMs: number): void {
    const { name, dialect } = this.#config;
    const { events, now } = this.#outside;
    if (result.kind === 'unresolved') {
      events.dropped(name, 'unresolved', `message ${result.id}${result.why === '' ? '' : `: ${result.why}`}`);
      this.#finish(received);
      return;
    }
    const reason = result.kind === 'returned' ? result.reason : result.response.reason;
    events.decided({
      station: name, mti: meaning.mti, class: meaning.class, responder: result.kind === 'returned' ? 'issuer' : result.responder, reason, note: result.note, elapsedMs,
      standInReason: result.kind === 'answer' ? (result.standInReason ?? '') : '',
      id: result.id, stan: meaning.trace.stan, rrn: meaning.rrn, maskedPan: meaning.pan?.masked ?? '',
    });
    if (answerMti(meaning.mti) === undefined) {
      this.#finish(received);
      return;
    }
    const rrn = meaning.rrn === '' ? retrievalReference(now(), meaning.trace) : meaning.rrn;
    if (result.kind === 'returned') draftReturned(received.message, meaning.amount, result.answer, result.meaning, result.route, this.#draft, rrn);
    else {
      draftAnswer(received.message, result.response, dialect, this.#draft, rrn, result.chip);
      if (result.responder !== 'switch') writeResponder(this.#draft, this.#context.side, result.responder === 'standin' ? (result.standInReason ?? '') : result.responder);
    }
    this.#answer(received, this.#draft);
  }

  #network(received: Received, meaning: NetworkMeaning, frame: Uint8Array | undefined): void {
    const { name, session } = this.#config;
    if (!meaning.answerable) {
      this.#outside.events.dropped(name, 'unanswerable', `type ${meaning.mti}`);
      this.#finish(received);
      return;
    }
    const admitted = admits(session, peerOf(received.connection).session);
    const brings = meaning.key !== undefined || meaning.keyFault !== '';
    if (meaning.function === 'keyChange' && admitted && (brings || this.#zoneKeys.purposes.length > 0)) {
      void this.#keyChange(received, meaning, frame);
      return;
    }
    const what = meaning.function;
    if (isIssuerOrder(what)) {
      const taken = admitted && this.#outside.hosts.ordered(name, what);
      this.#networkAnswered(received, meaning, taken ? undefined : '9102', '', taken ? '' : admitted ? 'the station is no issuer\'s' : 'the station has not signed on');
      return;
    }
    this.#session(received.connection, { kind: 'requested', what }, (accepted) => {
      const detail = meaning.function !== 'keyChange' ? '' : admitted ? 'the station has no transport key, or no key to be exchanged' : 'the station has not signed on';
      this.#networkAnswered(received, meaning, accepted ? undefined : '9102', '', detail);
    });
  }

  async #keyChange(received: Received, meaning: NetworkMeaning, frame: Uint8Array | undefined): Promise<void> {
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    const fault = meaning.keyFault === '' ? this.#zoneKeys.begin(this.#outside.deadlines.nowMs()) : meaning.keyFault;
    if (fault !== '') {
      this.#networkAnswered(begun, meaning, '9119', '', fault);
      return;
    }
    if (meaning.key === undefined) {
      // Who brings none asks for one.
      this.#networkAnswered(begun, meaning, undefined);
      await this.#renew(received.connection, this.#zoneKeys.purposes);
      return;
    }
    const taken = await this.#zoneKeys.take(meaning.key);
    if ('fault' in taken) {
      this.#networkAnswered(begun, meaning, '9119', '', taken.fault);
      return;
    }
    const macVersion = frame === undefined ? undefined : await this.#versionOf(received.message, frame, taken.version);
    this.#networkAnswered(macVersion === undefined ? begun : { ...begun, macVersion }, meaning, undefined, taken.kcv);
  }

  /** The answer to whoever brought this version is authenticated as the request was: whoever repeats it may have the new key in use, or not yet. */
  async #versionOf(message: Message, frame: Uint8Array, current: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#mac === undefined) resolve(true);
    else this.#mac.isUnder(current, message, frame, resolve);
    return (await promise) ? current : current - 1;
  }

  /** Brings the station a new key for each of these purposes. */
  async #renew(connection: LinkConnection, purposes: readonly CarriedKey['purpose'][]): Promise<void> {
    for (const purpose of purposes) {
      const renewal = await this.#zoneKeys.renew(purpose, (key, done) => this.#send(connection, 'keyChange', { done }, key));
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
    const connection = [...this.#connections].find((each) => each.open && usable(peerOf(each).session));
    if (connection !== undefined) void this.#renew(connection, purposes);
    return connection !== undefined;
  }

  #networkAnswered(received: Received, meaning: NetworkMeaning, reason: Reason | undefined, kcv = '', detail = ''): void {
    this.#outside.events.networkManagement(this.#config.name, meaning.function, reason === undefined, detail);
    this.#answer(received, draftNetworkAnswer(received.message, reason, this.#config.dialect, this.#draft, kcv));
  }

  /** An answer: to our own echo or sign-on, or to nothing that we sent. */
  #answered(connection: LinkConnection, message: Message, meaning: ResponseMeaning): void {
    const { waiting } = peerOf(connection);
    const found = meaning.class === 'network' ? waiting.get(meaning.stan) : undefined;
    if (found === undefined) {
      if (meaning.class !== 'network' && this.#outside.hosts.answered(this.#config.name, message, meaning)) return;
      this.#outside.events.dropped(this.#config.name, 'unmatchedAnswer', `type ${meaning.mti}`);
      return;
    }
    waiting.delete(meaning.stan);
    if ('done' in found) found.done(meaning.approved);
    else this.#session(connection, { kind: 'answered', what: found.what, accepted: meaning.approved });
  }

  /** A type that is not taken, or a message that is not believed. */
  #refuse(received: Received, meaning: Meaning, reason: '9102' | '9116'): void {
    const { name, dialect } = this.#config;
    const { message } = received;
    if (answerMti(message.mti) === undefined) {
      this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti}`);
      this.#finish(received);
      return;
    }
    this.#outside.events.refused(name, typeOf(meaning), reason, `type ${message.mti}`);
    this.#answer(received, draftRefusal(message, reason, dialect, this.#draft));
  }

  #answer(received: Received, draft: Draft): void {
    this.#encode(draft, received.signed, received.macVersion, (bytes) => {
      if (bytes !== undefined) {
        const outcome = received.connection.answer(received.header, bytes, 0, bytes.length);
        if (outcome !== 'queued') this.#outside.events.dropped(this.#config.name, 'undeliverable', outcome === 'closed' ? 'the connection is gone' : 'the answer is longer than a frame can be');
      }
      this.#finish(received);
    });
  }

  #finish({ connection, begun }: Received): void {
    if (begun) connection.done();
  }

  /** `done` gets undefined where the draft cannot be written, which is counted; the bytes are its own or the codec's, to be used at once. */
  #encode(draft: Draft, signed: boolean, macVersion: number | undefined, done: (bytes: Uint8Array | undefined) => void): void {
    const { name, codec } = this.#config;
    const { events } = this.#outside;
    let bytes: Uint8Array | undefined;
    try {
      if (signed && this.#mac !== undefined) {
        this.#mac.sign(draft, macVersion, (frame, fault) => {
          if (frame === undefined) events.dropped(name, 'unencodable', fault);
          done(frame);
        });
        return;
      }
      bytes = codec.encode(draft);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      events.dropped(name, 'unencodable', error.message);
    }
    done(bytes);
  }

  #session(connection: LinkConnection, fact: SessionFact, onAnswer?: (accepted: boolean) => void): void {
    const { session: config, name } = this.#config;
    const { deadlines, events } = this.#outside;
    const peer = peerOf(connection);
    const { session, actions } = applySession(config, peer.session, fact, deadlines.nowMs());
    peer.session = session;
    for (const action of actions) {
      switch (action.kind) {
        case 'answer':
          onAnswer?.(action.answer === 'accepted');
          break;
        case 'send':
          this.#send(connection, action.what, { what: action.what });
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
          // Answered and counted as a request; business days are the programs' own.
          break;
      }
    }
  }

  /** Sends a network management request of ours, and waits for its answer. False where the dialect or the format has no place for it. */
  #send(connection: LinkConnection, what: 'signOn' | 'signOff' | 'echo' | 'keyChange', waiting: Waiting, key?: CarriedKey): boolean {
    const { deadlines, now, networkAnswerMs } = this.#outside;
    const { dialect, codec } = this.#config;
    const peer = peerOf(connection);
    const ended = (): void => {
      if ('done' in waiting) waiting.done(undefined);
      else if (connection.open) this.#session(connection, { kind: 'timedOut', what: waiting.what });
    };
    peer.stan = (peer.stan % 999_999) + 1;
    const stan = String(peer.stan);
    const [date = '', time = ''] = new Date(now()).toISOString().slice(0, 19).split('T');
    const digits = `${date.replaceAll('-', '')}${time.replaceAll(':', '')}`;
    if (!draftNetworkRequest(what, stan, digits.slice(4), digits, dialect, this.#draft, key === undefined ? undefined : { key, spec: codec.spec })) return false;
    this.#encode(this.#draft, this.#mac?.required === true, undefined, (bytes) => {
      if (bytes === undefined || connection.request(bytes, 0, bytes.length) !== 'queued') {
        if ('done' in waiting) waiting.done(undefined);
        return;
      }
      peer.waiting.set(stan, waiting);
      deadlines.after(networkAnswerMs, () => {
        if (peer.waiting.delete(stan)) ended();
      });
    });
    return true;
  }
}

/**
 * A request without DE37 gets a reference before it is decided: what its answer says is what the book has, and what a reversal can name.
 * A reversal or an advice gets none to be found by, since one made of its own STAN could be another terminal's transaction.
 */
function withReference(message: Message, meaning: CardMeaning, nowMs: number): CardMeaning {
  if (message.has(37) || meaning.function !== 'request' || meaning.class === 'reversal') return meaning;
  return { ...meaning, rrn: retrievalReference(nowMs, meaning.trace) };
}

function peerOf(connection: LinkConnection): Peer {
  return connection.context as Peer;
}

/** The type, for a count by type: one for all that are not known, or a hostile peer could make thousands of counts. */
function typeOf(meaning: Meaning): string {
  return meaning.kind === 'unsupported' ? 'other' : meaning.mti;
}
