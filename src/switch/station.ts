/**
 * A station at work: its link's frames are decoded, understood, decided and answered in its own format.
 *
 * Every request gets one answer or one counted drop, and its place in the link's limits is freed either way.
 */
import type { Codec, Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { DecodeError, EncodeError } from '../iso8583/errors.ts';
import { draftAnswer, draftNetworkAnswer, draftNetworkRequest, draftRefusal } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { draftFormatError } from '../dialect/format-error.ts';
import type { CardMeaning, Meaning, NetworkMeaning, ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import { readMessage } from '../dialect/read.ts';
import type { FrameHeader } from '../link/framing.ts';
import type { LinkConnection, LinkHandlers } from '../link/link.ts';
import { admits, applySession, newSession, signs, usable } from '../link/session.ts';
import type { ManagementKind, Session, SessionConfig, SessionFact } from '../link/session.ts';
import type { Deadlines } from '../base/deadlines.ts';
import type { MessageClass, OriginalKey } from '../message/message.ts';
import type { Decisions, Result } from './decisions.ts';
import type { SwitchEvents } from './events.ts';
import { retrievalReference } from './stamp.ts';

export interface StationConfig {
  readonly name: string;
  readonly codec: Codec;
  readonly dialect: Dialect;
  readonly session: SessionConfig;
  readonly classes: readonly MessageClass[];
  readonly originalKeys: readonly OriginalKey[];
}

export interface StationOutside {
  readonly decisions: Decisions;
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
  /** Our network management request that waits for its answer: one at a time of each kind. */
  readonly waiting: Map<string, ManagementKind>;
  stan: number;
}

export class Station implements LinkHandlers {
  readonly #config: StationConfig;
  readonly #outside: StationOutside;
  readonly #draft = new Draft('');

  constructor(config: StationConfig, outside: StationOutside) {
    this.#config = config;
    this.#outside = outside;
  }

  onOpen(connection: LinkConnection): void {
    connection.context = { session: newSession, waiting: new Map(), stan: 0 } satisfies Peer;
    this.#session(connection, { kind: 'opened' });
  }

  onIdle(connection: LinkConnection): void {
    this.#session(connection, { kind: 'idle' });
  }

  onClose(connection: LinkConnection): void {
    const peer = peerOf(connection);
    const { name, session } = this.#config;
    if (usable(peer.session)) this.#outside.events.usable(name, connection.id, false, session.signOn !== 'none');
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
    this.#take(connection, header, message, meaning);
  }

  /** A request that can be told from others is answered; anything else is dropped. */
  #undecodable(connection: LinkConnection, header: FrameHeader, error: DecodeError, recovered: Message | undefined): void {
    const { name, dialect } = this.#config;
    const { events } = this.#outside;
    if (recovered === undefined || !draftFormatError(recovered, error.field, dialect, this.#draft)) {
      events.dropped(name, 'undecodable', error.message);
      return;
    }
    const type = typeOf(readMessage(recovered, dialect, name));
    events.received(name, type);
    events.refused(name, type, '9100', error.message);
    this.#answer(connection, header, this.#draft);
  }

  #take(connection: LinkConnection, header: FrameHeader, message: Message, meaning: Meaning): void {
    const { name, dialect, classes, session } = this.#config;
    switch (meaning.kind) {
      case 'card':
        if (!classes.includes(meaning.class) || !admits(session, peerOf(connection).session)) this.#refuse(connection, header, message, meaning);
        else this.#decide(connection, header, message, withReference(message, meaning, this.#outside.now()));
        return;
      case 'network':
        this.#network(connection, header, message, meaning);
        return;
      case 'response':
        this.#answered(connection, meaning);
        return;
      case 'unsupported':
        if (meaning.answerable) this.#refuse(connection, header, message, meaning);
        else this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti} on a link that speaks ${dialect.version}`);
    }
  }

  #decide(connection: LinkConnection, header: FrameHeader, message: Message, meaning: CardMeaning): void {
    const { decisions, deadlines } = this.#outside;
    const startedMs = deadlines.nowMs();
    connection.begin();
    decisions.decide(meaning, this.#config.originalKeys, (result) => {
      this.#decided(connection, header, message, meaning, result, deadlines.nowMs() - startedMs);
      connection.done();
    });
  }

  #decided(connection: LinkConnection, header: FrameHeader, message: Message, meaning: CardMeaning, result: Result, elapsedMs: number): void {
    const { name, dialect } = this.#config;
    const { events, now } = this.#outside;
    if (result.kind === 'unresolved') {
      events.dropped(name, 'unresolved', `message ${result.id}`);
      return;
    }
    const { response } = result;
    events.decided({
      station: name, mti: meaning.mti, class: meaning.class, responder: result.responder, reason: response.reason, note: result.note, elapsedMs,
      id: result.id, stan: meaning.trace.stan, rrn: meaning.rrn, maskedPan: meaning.pan?.masked ?? '',
    });
    if (answerMti(meaning.mti) === undefined) return;
    const rrn = meaning.rrn === '' ? retrievalReference(now(), meaning.trace) : meaning.rrn;
    this.#answer(connection, header, draftAnswer(message, response, dialect, this.#draft, rrn));
  }

  #network(connection: LinkConnection, header: FrameHeader, message: Message, meaning: NetworkMeaning): void {
    if (!meaning.answerable) {
      this.#outside.events.dropped(this.#config.name, 'unanswerable', `type ${meaning.mti}`);
      return;
    }
    this.#session(connection, { kind: 'requested', what: meaning.function }, (accepted) => {
      this.#outside.events.networkManagement(this.#config.name, meaning.function, accepted);
      this.#answer(connection, header, draftNetworkAnswer(message, accepted ? undefined : '9102', this.#config.dialect, this.#draft));
    });
  }

  /** An answer: to our own echo or sign-on, or to nothing that we sent. */
  #answered(connection: LinkConnection, meaning: ResponseMeaning): void {
    const { waiting } = peerOf(connection);
    const what = meaning.class === 'network' ? waiting.get(meaning.stan) : undefined;
    if (what === undefined) {
      this.#outside.events.dropped(this.#config.name, 'unmatchedAnswer', `type ${meaning.mti}`);
      return;
    }
    waiting.delete(meaning.stan);
    this.#session(connection, { kind: 'answered', what, accepted: meaning.approved });
  }

  /** A type that is not taken. */
  #refuse(connection: LinkConnection, header: FrameHeader, message: Message, meaning: Meaning): void {
    const { name, dialect } = this.#config;
    if (answerMti(message.mti) === undefined) {
      this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti}`);
      return;
    }
    this.#outside.events.refused(name, typeOf(meaning), '9102', `type ${message.mti}`);
    this.#answer(connection, header, draftRefusal(message, '9102', dialect, this.#draft));
  }

  #answer(connection: LinkConnection, header: FrameHeader, draft: Draft): void {
    const bytes = this.#encode(draft);
    if (bytes === undefined) return;
    const outcome = connection.answer(header, bytes, 0, bytes.length);
    if (outcome !== 'queued') this.#outside.events.dropped(this.#config.name, 'undeliverable', outcome === 'closed' ? 'the connection is gone' : 'the answer is longer than a frame can be');
  }

  #encode(draft: Draft): Uint8Array | undefined {
    const { name, codec } = this.#config;
    try {
      return codec.encode(draft);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      this.#outside.events.dropped(name, 'unencodable', error.message);
      return undefined;
    }
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
          this.#send(connection, peer, action.what);
          break;
        case 'mark':
          events.usable(name, connection.id, action.usable, signs(config, fact));
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

  /** Sends a network management request of ours, and waits for its answer. */
  #send(connection: LinkConnection, peer: Peer, what: 'signOn' | 'signOff' | 'echo'): void {
    const { deadlines, now, networkAnswerMs } = this.#outside;
    peer.stan = (peer.stan % 999_999) + 1;
    const stan = String(peer.stan);
    const [date = '', time = ''] = new Date(now()).toISOString().slice(0, 19).split('T');
    const digits = `${date.replaceAll('-', '')}${time.replaceAll(':', '')}`;
    if (!draftNetworkRequest(what, stan, digits.slice(4), digits, this.#config.dialect, this.#draft)) return;
    const bytes = this.#encode(this.#draft);
    if (bytes === undefined || connection.request(bytes, 0, bytes.length) !== 'queued') return;
    peer.waiting.set(stan, what);
    deadlines.after(networkAnswerMs, () => {
      if (!peer.waiting.delete(stan) || !connection.open) return;
      this.#session(connection, { kind: 'timedOut', what });
    });
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
