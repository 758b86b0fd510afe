/**
 * An issuer at a URL to test against: it takes signed JSON over HTTPS with client certificates (docs/remote-issuer.md), decides by a book of
 * its own, and misbehaves by a script.
 *
 *   request -> signature, document -> script (what is to go wrong) -> book (decision, repeats, doubles) -> answer, wrong, late, twice or none
 *
 * Owns the server, the answers that wait to be sent, and the events that it tells. It never throws for what a peer sends. Invariant: a message
 * is booked once, whatever becomes of its answer; after `stop()` nothing waits any more.
 */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { compactDecrypt, errors } from 'jose';
import { Deadlines, processSchedule } from '../base/deadlines.ts';
import type { Deadline } from '../base/deadlines.ts';
import { ConfigError, readBySchema } from '../base/schema.ts';
import { messageSchema } from '../host/remote-schema.ts';
import type { MessageDocument } from '../host/remote-schema.ts';
import { signatureFault } from '../host/remote-signature.ts';
import { Pan } from '../message/pan.ts';
import { approvalCodeOf } from './host-answer.ts';
import { HostBook } from './host-book.ts';
import type { CardSetup, Verdict } from './host-book.ts';
import { HttpAnswer } from './host-http-answer.ts';
import { answerDocument, cardMeaning, isReason, reasonOf, whyOf } from './host-http-message.ts';
import type { IssuerKeys } from './host-keys.ts';
import type { HostEvent, HostSummary, NetworkName } from './host-report.ts';
import { centsRules, drawsOf, readRules, Script } from './host-script.ts';
import type { Act, Rule } from './host-script.ts';
import { HostTally } from './host-tally.ts';

export interface HttpHostOptions {
  readonly keys: IssuerKeys;
  /** Port 0 takes any; `port` tells. */
  readonly listen: { readonly host?: string; readonly port: number };
  readonly cards?: readonly CardSetup[];
  readonly knownCardsOnly?: boolean;
  readonly rules?: readonly Rule[];
  readonly byCents?: boolean;
  readonly chaosPercent?: number;
  readonly seed?: number;
  readonly onEvent?: (event: HostEvent) => void;
}

export interface HttpHostOutside {
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

const processOutside: HttpHostOutside = { now: () => Date.now(), elapsed: () => performance.now() };

const bodyBytesMax = 65_536;
const skewMs = 60_000;

/** A message that is being answered. */
interface Received {
  readonly document: MessageDocument;
  readonly pan: Pan | undefined;
  readonly answer: HttpAnswer;
  readonly connection: number;
  readonly number: number;
  readonly atMs: number;
  readonly act: Act | undefined;
  readonly approvalCode: string;
}

export class HttpHost {
  readonly #options: HttpHostOptions;
  readonly #outside: HttpHostOutside;
  readonly #server: Server;
  readonly #deadlines: Deadlines;
  readonly #book: HostBook;
  readonly #tally = new HostTally();
  readonly #pending = new Set<Deadline>();
  readonly #connections = new Map<Socket, number>();
  readonly #draw: () => number;
  readonly #drawCode: () => number;
  #script: Script;
  #made = 0;
  #messages = 0;
  #signedOff = false;
  #suppressed = false;
  #advices: 'send' | 'hold' = 'send';
  #stopping = false;

  /** @throws ConfigError for a rule that cannot be, the system's error where the port is taken */
  static async start(options: HttpHostOptions, outside: HttpHostOutside = processOutside): Promise<HttpHost> {
    const host = new HttpHost(options, outside);
    host.#server.listen(options.listen.port, options.listen.host ?? '127.0.0.1');
    await once(host.#server, 'listening');
    host.#tell({ event: 'listening', atMs: outside.now(), port: host.port });
    return host;
  }

  private constructor(options: HttpHostOptions, outside: HttpHostOutside) {
    const { keys, seed = 1 } = options;
    this.#options = options;
    this.#outside = outside;
    this.#deadlines = new Deadlines(outside.elapsed, processSchedule, 2);
    this.#draw = drawsOf(seed);
    this.#drawCode = drawsOf(seed + 1);
    this.#script = this.#scriptOf(options.rules ?? []);
    this.#book = new HostBook(options.cards ?? [], options.knownCardsOnly ?? false);
    this.#server = createServer({ ca: keys.authorities, cert: keys.certificate, key: keys.privateKey, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', keepAliveTimeout: 60_000 });
    this.#server.on('secureConnection', (socket: Socket) => this.#opened(socket));
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#request(request, response));
    this.#server.on('tlsClientError', (error: Error) => this.#strange(0, `a connection was refused: ${'code' in error ? String(error.code) : error.name}`));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get summary(): HostSummary {
    return this.#tally.summary(this.#book);
  }

  /** What stands of a card, in minor units: approved and not reversed, less credits. @param currency ISO 4217, three digits */
  exposureMinor(pan: string, currency = '978'): number {
    return this.#book.exposureMinor(pan, currency);
  }

  /** Another script from the next message on. @throws ConfigError */
  setRules(rules: readonly Rule[]): void {
    this.#script = this.#scriptOf(rules);
  }

  /** What it says of itself from now on, when it is asked. */
  say(what: NetworkName): void {
    if (what === 'signOff' || what === 'signOn') this.#signedOff = what === 'signOff';
    else if (what === 'enterSuppressInquiry' || what === 'leaveSuppressInquiry') this.#suppressed = what === 'enterSuppressInquiry';
    else if (what === 'startAdvices' || what === 'stopAdvices') this.#advices = what === 'startAdvices' ? 'send' : 'hold';
  }

  /** Ends every connection; what was to be answered later is not answered any more. */
  async stop(): Promise<HostSummary> {
    this.#stopping = true;
    for (const deadline of this.#pending) deadline.cancel();
    this.#pending.clear();
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
    return this.summary;
  }

  #scriptOf(rules: readonly Rule[]): Script {
    const { byCents = false, chaosPercent = 0 } = this.#options;
    const read = readRules(rules, 'script');
    for (const [index, { code, do: doing }] of read.entries()) {
      if (doing === 'decline' && code !== undefined && !isReason(code)) throw new ConfigError(`script[${index}].code`, `is none of the four-digit reasons of an issuer at a URL: ${code}`);
    }
    return new Script([...read, ...(byCents ? centsRules : [])], chaosPercent, this.#draw);
  }

  #tell(event: HostEvent): void {
    this.#tally.event(event);
    this.#options.onEvent?.(event);
  }

  #strange(connection: number, reason: string): void {
    this.#tell({ event: 'strange', atMs: this.#outside.now(), connection, what: 'undecodable', reason });
  }

  #opened(socket: Socket): void {
    const number = (this.#made += 1);
    this.#connections.set(socket, number);
    this.#tell({ event: 'connected', atMs: this.#outside.now(), connection: number, peer: `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}` });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#tell({ event: 'disconnected', atMs: this.#outside.now(), connection: number, reason: 'closed' });
    });
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket) ?? 0;
    const body = await bodyOf(request);
    const id = textOf(request.headers['idempotency-key']);
    const { keys } = this.#options;
    const refuse = (status: number, reason: string): void => {
      this.#strange(connection, reason);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: reason }));
    };
    if (body === undefined) {
      response.destroy();
      return;
    }
    const fault = await signatureFault(textOf(request.headers['x-jws-signature']), body, keys.verification, { way: 'locum-message', idempotencyKey: id, nowMs: this.#outside.now() }, skewMs);
    const answer = new HttpAnswer(response, { id, signing: keys.signing, now: this.#outside.now });
    if (fault !== '') refuse(401, fault);
    else if (request.method === 'GET' && request.url?.endsWith('/health') === true) this.#health(id, answer, connection);
    else if (request.method !== 'POST' || request.url?.endsWith('/messages') !== true) refuse(404, 'there is nothing at this path');
    else await this.#message(id, body, answer, connection, refuse);
  }

  #health(id: string, answer: HttpAnswer, connection: number): void {
    const act = this.#script.choose({ mti: '0800', pan: '', amountMinor: undefined });
    this.#tell({ event: 'network', atMs: this.#outside.now(), connection, direction: 'received', what: 'echo', code: 'health', outcome: act?.do === 'decline' ? 'refused' : 'accepted', elapsedMs: 0 });
    if (act?.do === 'drop' || act?.do === 'ignore') return;
    const status = this.#signedOff || act?.do === 'decline' ? 'signedOff' : 'up';
    this.#later(act?.ms, () => void answer.send({ id, status, suppressInquiry: this.#suppressed, advices: this.#advices }, act));
  }

  async #message(id: string, body: Buffer, answer: HttpAnswer, connection: number, refuse: (status: number, reason: string) => void): Promise<void> {
    let document: MessageDocument;
    let pan: Pan | undefined;
    try {
      document = readBySchema(messageSchema, JSON.parse(body.toString('utf8')), '') as MessageDocument;
      pan = await this.#panOf(document);
    } catch (error) {
      refuse(400, error instanceof ConfigError ? `the document is not as documented: ${error.path}` : error instanceof errors.JOSEError ? 'the card number does not decrypt' : 'the body is no JSON');
      return;
    }
    if (document.id !== id) {
      refuse(400, 'the id is not the idempotency key');
      return;
    }
    const act = this.#script.choose({ mti: cardMeaning(document, pan).mti, pan: pan?.reveal() ?? '', amountMinor: document.amount?.amountMinor });
    const received: Received = { document, pan, answer, connection, number: (this.#messages += 1), atMs: this.#outside.now(), act, approvalCode: approvalCodeOf(this.#drawCode) };
    if (document.type === 'request' && (this.#signedOff || this.#suppressed)) this.#tally.outOfTurn(this.#signedOff ? 'signedOff' : 'suppressed');
    if (act?.do === 'ignore') this.#tellMessage(received, undefined);
    else this.#later(act?.do === 'delay' ? act.ms : undefined, () => this.#decide(received));
  }

  async #panOf({ card: { pan, encryptedPan } }: MessageDocument): Promise<Pan | undefined> {
    const { decryption: { key, algorithm } } = this.#options.keys;
    if (encryptedPan === undefined) return pan === undefined ? undefined : Pan.parse(pan);
    const { plaintext } = await compactDecrypt(encryptedPan, key, { keyManagementAlgorithms: [algorithm], contentEncryptionAlgorithms: ['A256GCM'] });
    const told = JSON.parse(Buffer.from(plaintext).toString('utf8')) as { readonly pan?: unknown };
    return typeof told.pan === 'string' ? Pan.parse(told.pan) : undefined;
  }

  #decide(received: Received): void {
    const { document, pan, answer, act, approvalCode } = received;
    const meaning = cardMeaning(document, pan);
    const verdict = this.#book.take(meaning, {
      approve: act?.do === 'approve', declineCode: act?.do === 'decline' ? (act.code ?? '1000') : act?.do === 'standIn' ? '9107' : undefined,
      partial: act?.do === 'partial' ? { amountMinor: act.amountMinor } : undefined, approvalCode,
    });
    this.#tally.taken(meaning, verdict, reasonOf(verdict.answer));
    this.#tellMessage(received, verdict);
    if (act?.do === 'disconnect') answer.disconnect();
    if (act?.do === 'disconnect' || act?.do === 'drop') return;
    const isAnnounced = act !== undefined && announced[act.do] !== undefined;
    const says = answerDocument(document, verdict.answer, act?.do === 'standIn');
    this.#later(act === undefined || act.do === 'delay' || isAnnounced ? undefined : act.ms, () => {
      void answer.send(act?.do === 'wrong' && act.wrong === 'amount' ? { ...says, amount: { amountMinor: (document.amount?.amountMinor ?? 0) + 100, currency: document.amount?.currency ?? 'EUR' } } : { ...says }, act);
      if (act !== undefined && isAnnounced) this.#announce(act);
    });
  }

  /** What it says of itself from now on; and again otherwise after a while. */
  #announce(act: Act): void {
    const what = announced[act.do];
    const back = takenBack[act.do];
    if (what !== undefined) this.say(what);
    if (back !== undefined && act.ms !== undefined) this.#later(act.ms, () => this.say(back));
  }

  #tellMessage({ document, pan, number, connection, atMs, act }: Received, verdict: Verdict | undefined): void {
    const { mti, amount, rrn, purpose } = cardMeaning(document, pan);
    const isSilent = act?.do === 'drop' || act?.do === 'disconnect' || verdict === undefined;
    this.#tell({
      event: 'message', atMs, connection, number, mti, pan: pan?.masked ?? '', amount: amount ?? null, stan: document.id, rrn: pan === undefined ? rrn : rrn.replaceAll(pan.reveal(), pan.masked), purpose,
      heard: verdict?.heard ?? 'unheard', why: whyOf(document), did: act?.do ?? 'usual', responseCode: isSilent ? null : reasonOf(verdict.answer), approved: verdict?.answer.approved ?? false,
      approvalCode: verdict?.answer.approvalCode ?? '', note: verdict?.note ?? '',
    });
  }

  /** Now, where there is nothing to wait for. */
  #later(ms: number | undefined, work: () => void): void {
    if (this.#stopping) return;
    if (ms === undefined || ms === 0) {
      work();
      return;
    }
    const deadline = this.#deadlines.after(ms, () => {
      this.#pending.delete(deadline);
      work();
    });
    this.#pending.add(deadline);
  }
}

const announced: Readonly<Partial<Record<Act['do'], NetworkName>>> = {
  signOff: 'signOff', signOn: 'signOn', enterSuppressInquiry: 'enterSuppressInquiry', leaveSuppressInquiry: 'leaveSuppressInquiry', askAdvices: 'startAdvices', stopAdvices: 'stopAdvices',
};

const takenBack: Readonly<Partial<Record<Act['do'], NetworkName>>> = { signOff: 'signOn', enterSuppressInquiry: 'leaveSuppressInquiry' };

/** Undefined where it is too long, or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > bodyBytesMax) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}
