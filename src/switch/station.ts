/**
 * A station at work: its link's frames are decoded, authenticated, understood, decided and answered in its own format.
 *
 * Every request gets one answer or one counted drop, and its place in the link's limits is freed either way.
 */
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { DecodeError, EncodeError } from '../iso8583/errors.ts';
import { authorizationResponseCode, draftAnswer, draftRefusal, draftTaken, takenActions } from '../dialect/answer.ts';
import { draftFileAnswer, readFileAction } from '../dialect/file-action.ts';
import type { FileActionMeaning } from '../dialect/file-action.ts';
import { draftReturned, writeResponder } from '../dialect/forward-return.ts';
import { draftFormatError } from '../dialect/format-error.ts';
import type { CardMeaning, Meaning, ResponseMeaning, UnsupportedMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import { readMessage } from '../dialect/read.ts';
import { readPassed } from '../dialect/to-acquirer.ts';
import type { PassedMeaning } from '../dialect/to-acquirer.ts';
import type { FrameHeader } from '../link/framing.ts';
import type { LinkConnection, LinkHandlers } from '../link/link.ts';
import { destinationOf } from './acquirers.ts';
import type { Handling, Result, StationContext } from './decisions.ts';
import type { FileActionDesk } from './file-actions.ts';
import type { LoggedMessage, LoggedOutcome } from './message-log.ts';
import { blankLine, withoutCard } from './message-log.ts';
import { retrievalReference } from './stamp.ts';
import { StationLink } from './station-link.ts';
import { StationMac } from './station-mac.ts';
import { StationNetwork } from './station-network.ts';
import type { Received, StationConfig, StationOutside } from './station-parts.ts';

export class Station implements LinkHandlers {
  readonly network: StationNetwork;
  readonly #config: StationConfig;
  readonly #outside: StationOutside;
  readonly #context: StationContext;
  readonly #mac: StationMac | undefined;
  readonly #draft = new Draft('');

  constructor(config: StationConfig, outside: StationOutside) {
    const { codec, dialect, originalKeys, security } = config;
    this.#config = config;
    this.#outside = outside;
    this.#mac = security.mac === undefined ? undefined : new StationMac(security.mac, codec, outside.hsm);
    this.network = new StationNetwork(config, outside, {
      mac: this.#mac,
      encode: (draft, signed, macVersion, done) => this.#encode(draft, signed, macVersion, done),
      answer: (received, draft) => this.#answer(received, draft, undefined),
      finish: (received) => this.#finish(received),
    });
    this.#context = {
      originalKeys, security, side: { dialect, spec: codec.spec },
      authorizationResponseCode: (reason) => authorizationResponseCode(dialect, dialect.reasons.responseCode(reason)),
    };
    outside.hosts.attach(config.name, new StationLink({
      connections: this.network.connections, isUsable: (connection) => this.network.isUsable(connection),
      seal: this.#mac?.required === true ? (draft, done) => this.#encode(draft, true, undefined, done) : undefined,
      echo: (connection, done) => this.network.echo(connection, done),
    }));
  }

  onOpen(connection: LinkConnection): void {
    this.network.opened(connection);
  }

  onIdle(connection: LinkConnection): void {
    this.network.idle(connection);
  }

  onClose(connection: LinkConnection): void {
    this.network.closed(connection);
  }

  onFrame(connection: LinkConnection, buffer: Buffer, start: number, end: number, header: FrameHeader): void {
    const { name, codec, dialect } = this.#config;
    const { events, now, deadlines } = this.#outside;
    const [atMs, startedMs] = [now(), deadlines.nowMs()];
    let message: Message;
    try {
      message = codec.decode(buffer, start, end);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#undecodable({ connection, header, atMs, startedMs }, error, error.field === undefined ? undefined : codec.recover(buffer, start, end));
      return;
    }
    const meaning = readMessage(message, dialect, name);
    events.received(name, typeOf(meaning));
    if (message.unknown > 0) events.unknownContent(name, message.unknown);
    if (this.#mac === undefined) {
      this.#take({ connection, header, message, atMs, startedMs, signed: false, begun: false }, meaning);
      return;
    }
    connection.begin();
    this.#mac.check(message, buffer.subarray(start, end), (authenticity) => {
      const received = { connection, header, message, atMs, startedMs, signed: authenticity === 'authentic' || this.#mac?.required === true, begun: true };
      if (authenticity === 'refused') this.#unauthentic(received, meaning);
      else if (authenticity === 'authentic' && meaning.kind === 'network' && meaning.key?.purpose === 'mac') this.#take(received, meaning, Uint8Array.from(buffer.subarray(start, end)));
      else this.#take(received, meaning);
    });
  }

  /** A request that can be told from others is answered; anything else is dropped. */
  #undecodable(came: Pick<Received, 'connection' | 'header' | 'atMs' | 'startedMs'>, error: DecodeError, recovered: Message | undefined): void {
    const { name, dialect } = this.#config;
    const { events } = this.#outside;
    const meaning = recovered === undefined ? undefined : readMessage(recovered, dialect, name);
    if (recovered === undefined || meaning === undefined || !draftFormatError(recovered, error.field, dialect, this.#draft)) {
      events.dropped(name, 'undecodable', error.message);
      // Whoever waits for it waits no longer; where answers have to be authenticated, anybody could have said this.
      if (meaning?.kind === 'response' && this.#mac?.required !== true) this.#outside.hosts.garbled(name, meaning, error.message);
      return;
    }
    const type = typeOf(meaning);
    events.received(name, type);
    events.refused(name, type, '9100', error.message);
    const signed = this.#mac?.required === true;
    if (signed) came.connection.begin();
    const received: Received = { ...came, message: recovered, signed, begun: signed };
    // Whose bytes cannot be authenticated has no validated source.
    this.#answer(received, this.#draft, this.#mac?.required !== true ? this.#line(received, meaning, 'refused', { reason: '9100', detail: error.message }) : undefined);
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
    const { name, dialect, classes } = this.#config;
    const { connection, message } = received;
    const issuer = meaning.kind === 'card' || meaning.kind === 'unsupported' ? this.#outside.hosts.issuerAt(name) : undefined;
    const passed = issuer === undefined ? undefined : readPassed(message, dialect);
    if (issuer !== undefined && passed !== undefined) {
      void this.#pass(received, meaning, issuer, passed);
      return;
    }
    switch (meaning.kind) {
      case 'card':
        if (!classes.includes(meaning.class) || !this.network.admits(connection)) this.#refuse(received, meaning, '9102');
        else this.#decide(received, withReference(message, meaning, received.atMs));
        return;
      case 'network':
        this.network.take(received, meaning, frame);
        return;
      case 'response':
        this.#answered(received, meaning);
        this.#finish(received);
        return;
      case 'unsupported':
        if (meaning.answerable) {
          this.#actOrRefuse(received, meaning);
          return;
        }
        this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti} on a link that speaks ${dialect.version}`);
        this.#outside.messages.write(this.#line(received, meaning, 'unanswered'));
        this.#finish(received);
    }
  }

  /** What an issuer says to an acquirer: it is kept for it, and answered when it is. */
  async #pass(received: Received, meaning: Meaning, issuer: string, passed: PassedMeaning): Promise<void> {
    const { name, dialect } = this.#config;
    const { hosts, events, messages } = this.#outside;
    if (!this.network.admits(received.connection)) {
      this.#refuse(received, meaning, '9102');
      return;
    }
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    const { message, atMs } = received;
    const outcome = await hosts.acquirers.keep({ issuer, message, meaning: passed, source: this.#context.side, receivedAtMs: atMs });
    const facts = {
      what: passed.kind, maskedPan: passed.pan?.masked ?? '', stan: withoutCard(passed.stan, passed.pan), rrn: withoutCard(passed.rrn, passed.pan), acquirer: withoutCard(passed.acquirer, passed.pan),
      terminal: withoutCard(passed.terminal, passed.pan), amount: passed.amount, answeredBy: 'switch', messageId: outcome.kind === 'refused' ? '' : outcome.id,
    };
    switch (outcome.kind) {
      case 'unknown':
        events.dropped(name, 'unresolved', `message ${outcome.id}: whether it is on disk is not known`);
        messages.write(this.#line(begun, meaning, 'unanswered', { ...facts, answeredBy: '', detail: 'whether it is on disk is not known' }));
        this.#finish(begun);
        return;
      case 'refused': {
        const { reason, field, detail } = outcome;
        events.refused(name, message.mti, reason, detail);
        draftRefusal(message, reason, dialect, this.#draft);
        const { faultField } = dialect.answer;
        if (reason === '9100' && field !== undefined && faultField !== undefined && message.codec.spec.fields.has(faultField)) this.#draft.set(faultField, String(field).padStart(3, '0'));
        this.#answer(begun, this.#draft, this.#line(begun, meaning, 'refused', { ...facts, reason, detail }));
        return;
      }
      case 'kept':
        this.#answer(begun, draftTaken(message, takenActions[passed.kind], dialect, this.#draft), this.#line(begun, meaning, 'answered', { ...facts, routed: destinationOf(outcome.station), detail: outcome.isKnown ? 'kept before' : 'kept for its acquirer' }));
    }
  }

  /** A file action, where the station may send one; anything else is not taken. */
  #actOrRefuse(received: Received, meaning: UnsupportedMeaning): void {
    const { name, dialect, fileActions: isAllowed } = this.#config;
    const { fileActions } = this.#outside;
    const action = fileActions === undefined ? undefined : readFileAction(received.message, dialect);
    if (action === undefined || fileActions === undefined) this.#refuse(received, meaning, '9102');
    else if (isAllowed !== true) this.#refuse(received, meaning, '9102', `a file action, which this station may not send (stations.${name}.fileActions)`);
    else if (!this.network.admits(received.connection)) this.#refuse(received, meaning, '9102', 'a file action before the station has signed on');
    else void this.#act(received, meaning, action, fileActions);
  }

  /** Its card is locked, unlocked or asked for. */
  async #act(received: Received, meaning: UnsupportedMeaning, asked: FileActionMeaning, fileActions: FileActionDesk): Promise<void> {
    const { name, dialect } = this.#config;
    const { events } = this.#outside;
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    const { action, standing, field, token, orderId, detail } = await fileActions.take({ station: name, meaning: asked });
    events.fileAction(name, asked.operation ?? 'unknown', action, detail, token);
    const line = this.#line(begun, meaning, 'answered', { class: 'file', what: `stop list ${asked.operation ?? 'unknown'}`, token, messageId: orderId, answeredBy: 'switch', reason: action, detail });
    this.#answer(begun, draftFileAnswer(received.message, action, standing, field, dialect, this.#draft), line);
  }

  #decide(received: Received, meaning: CardMeaning): void {
    const { decisions } = this.#outside;
    const begun: Received = received.begun ? received : { ...received, begun: true };
    if (!received.begun) received.connection.begin();
    const handling: Handling = { token: '', routed: '' };
    decisions.decide(meaning, received.message, this.#context, (result) => this.#decided(begun, meaning, result, handling), handling);
  }

  #decided(received: Received, meaning: CardMeaning, result: Result, handling: Handling): void {
    const { name, dialect } = this.#config;
    const { events, deadlines, messages } = this.#outside;
    if (result.kind === 'unresolved') {
      events.dropped(name, 'unresolved', `message ${result.id}${result.why === '' ? '' : `: ${result.why}`}`);
      messages.write(this.#line(received, meaning, 'unanswered', { ...handling, messageId: result.id, detail: result.why === '' ? 'whether it happened is not known' : result.why }));
      this.#finish(received);
      return;
    }
    const [reason, answeredBy] = result.kind === 'returned' ? [result.reason, 'issuer'] as const : [result.response.reason, result.responder] as const;
    const standInReason = result.kind === 'answer' ? (result.standInReason ?? '') : '';
    events.decided({
      station: name, mti: meaning.mti, class: meaning.class, responder: answeredBy, reason, note: result.note, elapsedMs: deadlines.nowMs() - received.startedMs, standInReason,
      id: result.id, stan: meaning.trace.stan, rrn: meaning.rrn, maskedPan: meaning.pan?.masked ?? '',
    });
    const said = { ...handling, messageId: result.id, answeredBy, reason, standInReason, detail: result.note ?? '' };
    if (answerMti(meaning.mti) === undefined) {
      messages.write(this.#line(received, meaning, 'unanswered', said));
      this.#finish(received);
      return;
    }
    const rrn = meaning.rrn === '' ? retrievalReference(received.atMs, meaning.trace) : meaning.rrn;
    if (result.kind === 'returned') draftReturned(received.message, meaning.amount, result.answer, result.meaning, result.route, this.#draft, rrn);
    else {
      draftAnswer(received.message, result.response, dialect, this.#draft, rrn, result.chip);
      if (answeredBy !== 'switch') writeResponder(this.#draft, this.#context.side, answeredBy === 'standin' ? standInReason : answeredBy);
    }
    this.#answer(received, this.#draft, this.#line(received, meaning, 'answered', said));
  }

  /** An answer: to our own request, or to nothing that we sent. */
  #answered(received: Received, meaning: ResponseMeaning): void {
    const { hosts, events, messages } = this.#outside;
    const { name } = this.#config;
    if (this.network.answer(received.connection, meaning)) return;
    const answers = meaning.class === 'network' ? undefined : hosts.answered(name, received.message, meaning);
    if (answers === 'request') return;
    if (answers === undefined) events.dropped(name, 'unmatchedAnswer', `type ${meaning.mti}`);
    messages.write(this.#line(received, meaning, 'unmatched', { responseCode: meaning.responseCode }));
  }

  /** What is known of it for the log of messages. */
  #line({ connection, message, atMs }: Received, meaning: Meaning, outcome: LoggedOutcome, said: Partial<LoggedMessage> = {}): LoggedMessage {
    const card = meaning.kind === 'card' ? meaning : undefined;
    const answer = meaning.kind === 'response' ? meaning : undefined;
    const named = meaning.kind === 'card' ? meaning.trace : meaning.kind === 'network' ? undefined : meaning;
    const rrn = meaning.kind === 'network' ? '' : meaning.rrn;
    const pan = meaning.kind === 'card' || meaning.kind === 'unsupported' ? meaning.pan : undefined;
    return {
      ...blankLine, atMs, station: this.#config.name, connection: connection.id, direction: 'in', mti: message.mti,
      class: card?.class ?? answer?.class ?? 'other', what: card?.purpose ?? '', maskedPan: pan?.masked ?? '', stan: withoutCard(named?.stan ?? '', pan), rrn: withoutCard(rrn, pan),
      acquirer: withoutCard(named?.acquirer ?? '', pan), terminal: withoutCard(named?.terminal ?? '', pan), amount: card?.amount, outcome, ...said,
    };
  }

  /** A type that is not taken, or a message that is not believed. */
  #refuse(received: Received, meaning: Meaning, reason: '9102' | '9116', why = ''): void {
    const { name, dialect } = this.#config;
    const { message } = received;
    if (answerMti(message.mti) === undefined) {
      this.#outside.events.dropped(name, 'unanswerable', `type ${message.mti}`);
      this.#finish(received);
      return;
    }
    this.#outside.events.refused(name, typeOf(meaning), reason, why === '' ? `type ${message.mti}` : `type ${message.mti}: ${why}`);
    // What is not believed has no validated source.
    const line = reason === '9116' ? undefined : this.#line(received, meaning, 'refused', { answeredBy: 'switch', reason, detail: why === '' ? `type ${message.mti} is not taken here` : why });
    this.#answer(received, draftRefusal(message, reason, dialect, this.#draft), line);
  }

  #answer(received: Received, draft: Draft, line: LoggedMessage | undefined): void {
    const responseCode = draft.get(39);
    const answeredMti = draft.mti;
    this.#encode(draft, received.signed, received.macVersion, (bytes) => {
      let isSent = bytes !== undefined;
      if (bytes !== undefined) {
        const outcome = received.connection.answer(received.header, bytes, 0, bytes.length);
        isSent = outcome === 'queued';
        if (!isSent) this.#outside.events.dropped(this.#config.name, 'undeliverable', outcome === 'closed' ? 'the connection is gone' : 'the answer is longer than a frame can be');
      }
      if (line !== undefined) {
        this.#outside.messages.write({
          ...line, elapsedMs: this.#outside.deadlines.nowMs() - received.startedMs, answerMti: answeredMti, responseCode: typeof responseCode === 'string' ? responseCode : '',
          outcome: isSent ? line.outcome : 'undelivered',
        });
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
}

/**
 * A request without DE37 gets a reference before it is decided: what its answer says is what the book has, and what a reversal can name.
 * A reversal or an advice gets none to be found by, since one made of its own STAN could be another terminal's transaction.
 */
function withReference(message: Message, meaning: CardMeaning, nowMs: number): CardMeaning {
  if (message.has(37) || meaning.function !== 'request' || meaning.class === 'reversal') return meaning;
  return { ...meaning, rrn: retrievalReference(nowMs, meaning.trace) };
}

/** The type, for a count by type: one for all that are not known, or a hostile peer could make thousands of counts. */
function typeOf(meaning: Meaning): string {
  return meaning.kind === 'unsupported' ? 'other' : meaning.mti;
}
