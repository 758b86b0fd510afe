/**
 * An issuer to test against: it connects to a station or listens, signs on, decides by a book of its own, and misbehaves by a script.
 *
 *   frame -> message -> script (what is to go wrong) -> book (decision, repeats, doubles) -> answer, wrong, late, twice or none
 *
 * Owns one endpoint with its connections, the answers that wait to be sent, and the events that it tells. It never throws for what a peer
 * sends. Invariant: a message is booked once, whatever becomes of its answer; after `stop()` nothing waits any more.
 */
import { performance } from 'node:perf_hooks';
import { Deadlines, processSchedule } from '../base/deadlines.ts';
import type { Deadline } from '../base/deadlines.ts';
import { ConfigError } from '../base/schema.ts';
import { draftNetworkAnswer, draftRefusal } from '../dialect/answer.ts';
import { draftFormatError } from '../dialect/format-error.ts';
import type { CardMeaning, NetworkMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import { placeText } from '../dialect/places.ts';
import { readMessage } from '../dialect/read.ts';
import { readPassed } from '../dialect/to-acquirer.ts';
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { DecodeError, EncodeError } from '../iso8583/errors.ts';
import { Endpoint } from '../link/endpoint.ts';
import { silentLinkEvents } from '../link/events.ts';
import { compileFraming, plainFraming } from '../link/framing.ts';
import type { FrameHeader, Framing } from '../link/framing.ts';
import type { LinkConnection, LinkHandlers } from '../link/link.ts';
import { nodeNetwork } from '../link/node-network.ts';
import { TurnEnd } from '../link/turn-end.ts';
import { loadFormat } from '../tables/format.ts';
import type { Format } from '../tables/format.ts';
import { approvalCodeOf, draftHostAnswer, draftPassedAnswer, garble, responseCodeOf, spoil } from './host-answer.ts';
import { HostBook } from './host-book.ts';
import type { CardSetup, Verdict, Wish } from './host-book.ts';
import { OwnMessages } from './host-message.ts';
import type { MessageWish } from './host-message.ts';
import { passedEvent } from './host-report.ts';
import type { HostEvent, HostMessage, HostSummary, NetworkName } from './host-report.ts';
import { centsRules, drawsOf, isUrlWrong, readRules, Script } from './host-script.ts';
import type { Act, Rule } from './host-script.ts';
import { HostStation, NetworkCodes } from './host-station.ts';
import type { Outcome, StationOutside } from './host-station.ts';
import { HostTally } from './host-tally.ts';

export interface HostOptions {
  /** A message format by its shipped name or file; iso8583-1987-binary by default. */
  readonly spec?: string;
  readonly dialect?: string;
  readonly reasons?: string;
  readonly framing?: Framing;
  /** One of both: where the station listens, or where the host does (port 0 takes any; `port` tells). */
  readonly connect?: { readonly host?: string; readonly port: number; readonly connections?: number };
  readonly listen?: { readonly host?: string; readonly port: number };
  /** True by default. */
  readonly signOn?: boolean;
  /** After each sign-on that was accepted; false by default. */
  readonly askAdvices?: boolean;
  /** Undefined: no echoes. */
  readonly echoEveryMs?: number;
  /** Whether a key change is accepted; the host has no keys, and only says so. False by default. */
  readonly takeKeys?: boolean;
  /** Those that are not named may spend anything, unless `knownCardsOnly`. */
  readonly cards?: readonly CardSetup[];
  readonly knownCardsOnly?: boolean;
  /** A script: a list of rules as in a script file. */
  readonly rules?: readonly Rule[];
  /** Whether the cents of a request's amount do something (`centsTable`), where no rule matches. */
  readonly byCents?: boolean;
  /** Of the messages that no rule matches: 0 to 100. */
  readonly chaosPercent?: number;
  /** Of chance and approval codes; 1 by default. */
  readonly seed?: number;
  /** Codes of network management other than the dialect's and ours. */
  readonly networkCodes?: ReadonlyMap<NetworkName, string>;
  /** How long its own requests wait for an answer; 5,000 by default. */
  readonly answerMs?: number;
  /** After a sign-on that was refused or not answered; 1,000 by default. */
  readonly signOnRetryMs?: number;
  /** Sent to acquirers as soon as it is signed on, each until it is answered. */
  readonly messages?: readonly MessageWish[];
  readonly onEvent?: (event: HostEvent) => void;
}

/** Clock and chance of the process. */
export interface HostOutside {
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  /** In [0, 1): the jitter of reconnection alone. */
  readonly random: () => number;
}

const processOutside: HostOutside = { now: () => Date.now(), elapsed: () => performance.now(), random: Math.random };

/** Echoes without an answer in a row, after which a connection is given up. */
const echoesMissedMax = 3;
/** Sign-offs are waited for so long at the end. */
const signOffMs = 1_000;
const closeMs = 500;

/** A message about a card that is being answered. */
interface Received {
  readonly station: HostStation;
  readonly header: FrameHeader;
  readonly message: Message;
  readonly meaning: CardMeaning;
  readonly number: number;
  readonly atMs: number;
  readonly act: Act | undefined;
  /** Drawn on arrival, so that it does not depend on which message is decided first. */
  readonly approvalCode: string;
}

export class TestHost {
  readonly #options: HostOptions;
  readonly #format: Format;
  readonly #outside: HostOutside;
  readonly #deadlines: Deadlines;
  readonly #endpoint: Endpoint;
  readonly #codes: NetworkCodes;
  readonly #book: HostBook;
  readonly #tally = new HostTally();
  readonly #draft = new Draft('0110');
  readonly #stations = new Map<LinkConnection, HostStation>();
  readonly #pending = new Map<Deadline, () => void>();
  readonly #own = new OwnMessages();
  readonly #station: StationOutside;
  readonly #draw: () => number;
  readonly #drawCode: () => number;
  #script: Script;
  #stan = 0;
  #connections = 0;
  #messages = 0;
  #suppressed = false;
  #stopping = false;

  /** @throws ConfigError for a format or a rule that cannot be, the system's error where the port is taken */
  static async start(options: HostOptions, outside: HostOutside = processOutside): Promise<TestHost> {
    const host = new TestHost(options, outside);
    await host.#endpoint.start();
    return host;
  }

  private constructor(options: HostOptions, outside: HostOutside) {
    this.#options = options;
    this.#outside = outside;
    this.#format = loadFormat({ spec: options.spec ?? 'iso8583-1987-binary', dialect: options.dialect, reasons: options.reasons }, 'host');
    const { codec, dialect } = this.#format;
    this.#deadlines = new Deadlines(outside.elapsed, processSchedule, 2);
    this.#codes = new NetworkCodes(dialect, options.networkCodes ?? new Map());
    this.#draw = drawsOf(options.seed ?? 1);
    this.#script = this.#scriptOf(options.rules ?? []);
    this.#book = new HostBook(options.cards ?? [], options.knownCardsOnly ?? false);
    this.#drawCode = drawsOf((options.seed ?? 1) + 1);
    this.#station = {
      codec, dialect, codes: this.#codes, deadlines: this.#deadlines, now: outside.now, answerMs: options.answerMs ?? 5_000,
      nextStan: () => (this.#stan = (this.#stan % 999_999) + 1), tell: (event) => this.#tell(event),
    };
    this.#endpoint = this.#endpointOf();
    for (const wish of options.messages ?? []) this.tell(wish);
  }

  /** The port that it listens on, or that it connects to. */
  get port(): number {
    return this.#endpoint.port;
  }

  get connectionCount(): number {
    return this.#stations.size;
  }

  /** Signed on on a connection at least. */
  get signedOn(): boolean {
    return [...this.#stations.values()].some(({ state }) => state === 'signedOn');
  }

  get summary(): HostSummary {
    return this.#tally.summary(this.#book);
  }

  /** What stands of a card, in minor units: approved and not reversed, less credits. @param currency ISO 4217, three digits */
  exposureMinor(pan: string, currency = '978'): number {
    return this.#book.exposureMinor(pan, currency);
  }

  /** Another script from the next message on; its rules count anew, chance goes on. @throws ConfigError */
  setRules(rules: readonly Rule[]): void {
    this.#script = this.#scriptOf(rules);
  }

  /** Sends it on every connection. @returns what came of each */
  async ask(what: NetworkName): Promise<Outcome[]> {
    if (what === 'enterSuppressInquiry') this.#suppressed = true;
    if (what === 'leaveSuppressInquiry') this.#suppressed = false;
    const outcomes = await Promise.all([...this.#stations.values()].map((station) => station.ask(what)));
    if (what === 'signOn' && (this.#options.askAdvices ?? false) && outcomes.includes('accepted')) void this.#askFirst('startAdvices');
    return outcomes;
  }

  /** Signs off, and closes. What was to be answered later is not answered any more. */
  async stop(): Promise<HostSummary> {
    this.#endPending();
    const signedOn = [...this.#stations.values()].filter(({ state }) => state === 'signedOn');
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, signOffMs);
    await Promise.race([promise, Promise.all(signedOn.map((station) => station.ask('signOff')))]);
    clearTimeout(limit);
    await this.#endpoint.stop(closeMs);
    return this.summary;
  }

  /** Closes without a word, as if the process had died. */
  async kill(): Promise<void> {
    this.#endPending();
    await this.#endpoint.stop(0);
  }

  #endPending(): void {
    this.#stopping = true;
    for (const [deadline, end] of this.#pending) {
      deadline.cancel();
      end();
    }
    this.#pending.clear();
  }

  #scriptOf(rules: readonly Rule[]): Script {
    const read = readRules(rules, 'script');
    for (const [index, { code, wrong }] of read.entries()) {
      if (wrong !== undefined && isUrlWrong(wrong)) throw new ConfigError(`script[${index}].wrong`, `is ${wrong}, which is for an issuer at a URL (--http)`);
      if (code !== undefined && responseCodeOf(code, this.#format.dialect) === undefined) {
        throw new ConfigError(`script[${index}].code`, `is neither DE39 of ISO 8583:${this.#format.dialect.version} nor an action code of ISO 8583:2003: ${code}`);
      }
    }
    return new Script([...read, ...(this.#options.byCents ?? false ? centsRules : [])], this.#options.chaosPercent ?? 0, this.#draw);
  }

  #endpointOf(): Endpoint {
    const { connect, listen, framing = compileFraming(plainFraming) } = this.#options;
    if ((connect === undefined) === (listen === undefined)) throw new ConfigError('host', 'connects or listens: one of both');
    const limits = {
      connectionsMax: connect === undefined ? 64 : (connect.connections ?? 1), silentGiveWay: true, frameBytesMax: Math.min(8_192, framing.frameBytesAnnounceable),
      inFlightMax: 20_000, inFlightPerConnectionMax: 20_000, outgoingBytesMax: 1_048_576, stallMs: 10_000,
      echoAfterMs: undefined, closeAfterMs: undefined, frameTimeoutMs: 30_000, firstFrameTimeoutMs: undefined,
    };
    const at = connect ?? listen!;
    const events = {
      ...silentLinkEvents,
      listening: (_station: string, _host: string, port: number) => this.#tell({ event: 'listening', atMs: this.#outside.now(), port }),
      connectFailed: (_station: string, reason: string, detail: string | undefined, retryInMs: number) =>
        this.#tell({ event: 'notConnected', atMs: this.#outside.now(), reason: detail === undefined ? reason : `${reason}, ${detail}`, retryInMs }),
      disconnected: (_station: string, id: number, reason: string, detail: string | undefined) =>
        this.#tell({ event: 'disconnected', atMs: this.#outside.now(), connection: id, reason: detail === undefined ? reason : `${reason}, ${detail}` }),
    };
    return new Endpoint(
      { station: 'host', role: connect === undefined ? 'listen' : 'connect', host: at.host ?? '127.0.0.1', port: at.port, framing, tls: undefined, limits, backOff: { firstMs: 100, maxMs: 2_000 }, connectTimeoutMs: 5_000 },
      this.#handlers(),
      { network: nodeNetwork, deadlines: this.#deadlines, random: this.#outside.random, turnEnd: new TurnEnd((work) => void setImmediate(work)), events },
    );
  }

  #handlers(): LinkHandlers {
    return {
      onOpen: (connection) => this.#opened(connection),
      onFrame: (connection, buffer, start, end, header) => this.#frame(this.#stations.get(connection)!, buffer, start, end, header),
      onIdle: () => undefined,
      onClose: (connection) => {
        this.#stations.get(connection)?.closed();
        this.#stations.delete(connection);
      },
    };
  }

  #tell(event: HostEvent): void {
    this.#tally.event(event);
    this.#options.onEvent?.(event);
  }

  #opened(connection: LinkConnection): void {
    const station = new HostStation(connection, (this.#connections += 1), this.#station);
    this.#stations.set(connection, station);
    this.#tell({ event: 'connected', atMs: this.#outside.now(), connection: station.number, peer: connection.peer });
    if (this.#options.signOn ?? true) void this.#signOn(station);
    if (this.#options.echoEveryMs !== undefined) this.#echoLater(station, this.#options.echoEveryMs);
  }

  async #signOn(station: HostStation): Promise<void> {
    const outcome = await station.ask('signOn');
    if (outcome === 'accepted') {
      if (this.#options.askAdvices ?? false) await station.ask('startAdvices');
      await this.#pass(station);
      return;
    }
    this.#deadlines.after(this.#options.signOnRetryMs ?? 1_000, () => {
      if (station.connection.open && station.state === 'connected' && !this.#stopping) void this.#signOn(station);
    });
  }

  /** Says to an acquirer what a chargeback, a fee collection, a funds disbursement or a text is, until it is answered. */
  tell(wish: MessageWish): void {
    this.#own.add(wish, this.#station.nextStan(), this.#outside.now());
    const station = [...this.#stations.values()].find(({ state }) => state === 'signedOn');
    if (station !== undefined) void this.#pass(station);
  }

  async #pass(station: HostStation): Promise<void> {
    await this.#own.passOn(() => station.connection.open && !this.#stopping, (message) => station.pass(message));
  }

  #echoLater(station: HostStation, everyMs: number): void {
    this.#deadlines.after(everyMs, () => {
      if (!station.connection.open || this.#stopping) return;
      void this.#echo(station);
      this.#echoLater(station, everyMs);
    });
  }

  async #echo(station: HostStation): Promise<void> {
    await station.ask('echo');
    if (station.echoesMissed >= echoesMissedMax) station.connection.close();
  }

  #frame(station: HostStation, buffer: Buffer, start: number, end: number, header: FrameHeader): void {
    const { codec, dialect } = this.#format;
    // What is answered later is not to keep the whole chunk that it came in.
    const frame = Buffer.from(buffer.subarray(start, end));
    let message: Message;
    try {
      message = codec.decode(frame);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#strange(station, 'undecodable', error.message);
      const recovered = error.field === undefined ? undefined : codec.recover(frame);
      if (recovered !== undefined && draftFormatError(recovered, error.field, dialect, this.#draft)) this.#answer(station, header, this.#encoded(station));
      return;
    }
    const meaning = readMessage(message, dialect, 'host');
    const passed = meaning.kind === 'unsupported' || meaning.kind === 'card' ? readPassed(message, dialect) : undefined;
    if (passed !== undefined) {
      // As the acquirer that it is for.
      this.#answer(station, header, this.#encoded(station, () => draftPassedAnswer(message, passed, dialect, this.#draft)));
      this.#tell(passedEvent(passed, message.mti, this.#draft.get(39), station.number, this.#outside.now()));
      return;
    }
    switch (meaning.kind) {
      case 'response':
        if (!station.answered(meaning)) this.#strange(station, 'unmatched', `a ${meaning.mti} with trace number ${meaning.stan} answers nothing of the host's`);
        return;
      case 'network':
        this.#network(station, header, message, meaning);
        return;
      case 'card':
        this.#card(station, header, message, meaning);
        return;
      case 'unsupported':
        this.#strange(station, 'unsupported', `type ${meaning.mti}`);
        if (meaning.answerable && answerMti(message.mti) !== undefined) this.#answer(station, header, this.#encoded(station, () => draftRefusal(message, '9102', dialect, this.#draft)));
    }
  }

  #strange(station: HostStation, what: 'undecodable' | 'unmatched' | 'unsupported' | 'unwritable', reason: string): void {
    this.#tell({ event: 'strange', atMs: this.#outside.now(), connection: station.number, what, reason });
  }

  #network(station: HostStation, header: FrameHeader, message: Message, meaning: NetworkMeaning): void {
    const { dialect } = this.#format;
    const what = this.#codes.nameOf(meaning);
    const act = this.#script.choose({ mti: meaning.mti, pan: '', amountMinor: undefined });
    const refused = what === 'other' || (what === 'keyChange' && !(this.#options.takeKeys ?? false)) || act?.do === 'decline';
    this.#tell({ event: 'network', atMs: this.#outside.now(), connection: station.number, direction: 'received', what, code: meaning.code, outcome: refused ? 'refused' : 'accepted', elapsedMs: 0 });
    if (act?.do === 'disconnect') station.connection.close();
    if (!meaning.answerable || act?.do === 'drop' || act?.do === 'ignore' || act?.do === 'disconnect') return;
    const payload = this.#encoded(station, () => draftNetworkAnswer(message, refused ? '9102' : undefined, dialect, this.#draft));
    station.connection.begin();
    this.#later(act?.ms, () => {
      this.#sendAs(act, station, header, payload);
      station.connection.done();
    }, () => station.connection.done());
  }

  #card(station: HostStation, header: FrameHeader, message: Message, meaning: CardMeaning): void {
    const act = this.#script.choose({ mti: meaning.mti, pan: meaning.pan?.reveal() ?? '', amountMinor: meaning.amount?.amountMinor });
    const received: Received = { station, header, message, meaning, number: (this.#messages += 1), atMs: this.#outside.now(), act, approvalCode: approvalCodeOf(this.#drawCode) };
    if (meaning.class !== 'reversal' && meaning.function === 'request') {
      if (station.state === 'signedOff') this.#tally.outOfTurn('signedOff');
      else if (this.#suppressed) this.#tally.outOfTurn('suppressed');
    }
    if (act?.do === 'ignore') {
      this.#tellMessage(received, undefined, undefined);
      return;
    }
    station.connection.begin();
    this.#later(act?.do === 'delay' ? act.ms : undefined, () => this.#decide(received), () => station.connection.done());
  }

  #decide(received: Received): void {
    const { station, header, message, meaning, act, approvalCode } = received;
    const { dialect } = this.#format;
    const verdict = this.#book.take(meaning, wishOf(act, approvalCode, (code) => responseCodeOf(code, dialect)!));
    const responseCode = verdict.answer.code ?? dialect.reasons.responseCode(verdict.answer.reason);
    this.#tally.taken(meaning, verdict, responseCode);
    this.#tellMessage(received, verdict, responseCode);
    const isSilent = act?.do === 'drop' || act?.do === 'disconnect' || answerMti(meaning.mti) === undefined;
    const payload = isSilent ? undefined : this.#encoded(station, () => {
      draftHostAnswer(message, meaning, verdict.answer, dialect, this.#draft);
      if (act?.do === 'wrong') spoil(this.#draft, act.wrong ?? 'amount', message, meaning, dialect);
    });
    if (act?.do === 'disconnect') station.connection.close();
    const waitMs = act === undefined || act.do === 'delay' || announcements[act.do] !== undefined ? undefined : act.ms;
    this.#later(waitMs, () => {
      this.#sendAs(act, station, header, payload);
      station.connection.done();
      this.#announce(act);
    }, () => station.connection.done());
  }

  /** What the station is told after the answer. */
  #announce(act: Act | undefined): void {
    const what = act === undefined ? undefined : announcements[act.do];
    if (act === undefined || what === undefined) return;
    void this.ask(what);
    const back = takenBack[act.do];
    if (back !== undefined && act.ms !== undefined) this.#later(act.ms, () => void this.ask(back), () => undefined);
  }

  async #askFirst(what: NetworkName): Promise<void> {
    await [...this.#stations.values()].find(({ state }) => state === 'signedOn')?.ask(what);
  }

  #sendAs(act: Act | undefined, station: HostStation, header: FrameHeader, payload: Uint8Array | undefined): void {
    this.#answer(station, header, act?.do === 'garbled' && payload !== undefined ? garble(payload) : payload);
    if (act?.do === 'twice') this.#answer(station, header, payload);
  }

  #answer({ connection }: HostStation, header: FrameHeader, payload: Uint8Array | undefined): void {
    if (payload !== undefined) connection.answer(header, payload, 0, payload.length);
  }

  /** The draft's bytes, which the next message does not overwrite; undefined where the format cannot say it. */
  #encoded(station: HostStation, write?: () => void): Uint8Array | undefined {
    try {
      write?.();
      return Uint8Array.from(this.#format.codec.encode(this.#draft));
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      this.#strange(station, 'unwritable', error.message);
      return undefined;
    }
  }

  #tellMessage({ station, meaning, message, number, atMs, act }: Received, verdict: Verdict | undefined, responseCode: string | undefined): void {
    const { mti, pan, amount, trace, rrn, purpose } = meaning;
    const why = this.#format.dialect.forward?.why;
    const event: HostMessage = {
      event: 'message', atMs, connection: station.number, number, mti, pan: pan?.masked ?? '', amount: amount ?? null, stan: trace.stan, rrn: pan === undefined ? rrn : rrn.replaceAll(pan.reveal(), pan.masked), purpose,
      heard: verdict?.heard ?? 'unheard', why: (meaning.function === 'request' || why === undefined ? undefined : placeText(message, why.place, 'characters')) ?? '',
      did: act?.do ?? 'usual', responseCode: act?.do === 'drop' || act?.do === 'disconnect' ? null : (responseCode ?? null),
      approved: verdict?.answer.approved ?? false, approvalCode: verdict?.answer.approvalCode ?? '', note: verdict?.note ?? '',
    };
    this.#tell(event);
  }

  /** Now, where there is nothing to wait for. @param end what is left to be done where the host stops before */
  #later(ms: number | undefined, work: () => void, end: () => void): void {
    if (ms === undefined || ms === 0) {
      work();
      return;
    }
    if (this.#stopping) {
      end();
      return;
    }
    const deadline = this.#deadlines.after(ms, () => {
      this.#pending.delete(deadline);
      work();
    });
    this.#pending.set(deadline, end);
  }
}

const announcements: Readonly<Partial<Record<Act['do'], NetworkName>>> = {
  signOff: 'signOff', signOn: 'signOn', enterSuppressInquiry: 'enterSuppressInquiry', leaveSuppressInquiry: 'leaveSuppressInquiry', askAdvices: 'startAdvices', stopAdvices: 'stopAdvices', speedAdvices: 'speedAdvices',
};

const takenBack: Readonly<Partial<Record<Act['do'], NetworkName>>> = { signOff: 'signOn', enterSuppressInquiry: 'leaveSuppressInquiry' };

/** What a script wishes of the book. An issuer that cannot decide says 9107. */
function wishOf(act: Act | undefined, approvalCode: string, codeOf: (code: string) => string): Wish {
  return {
    approve: act?.do === 'approve',
    declineCode: act?.do === 'decline' ? codeOf(act.code ?? '1000') : act?.do === 'standIn' ? codeOf(act.code ?? '9107') : undefined,
    partial: act?.do === 'partial' ? { amountMinor: act.amountMinor } : undefined,
    approvalCode,
  };
}
