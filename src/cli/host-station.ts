/**
 * A test host's side of one connection: its network management requests, and whether it has signed on.
 *
 *   connected --sign-on accepted--> signedOn --sign-off--> signedOff --sign-on accepted--> signedOn
 *
 * Owns the trace numbers of its own requests and who waits for their answers. Invariant: each request ends once: accepted, refused, or
 * unanswered after its time or with its connection.
 */
import type { Deadline, Deadlines } from '../base/deadlines.ts';
import { draftNetworkRequest } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { NetworkMeaning, ResponseMeaning } from '../dialect/meaning.ts';
import { answerMti } from '../dialect/mti.ts';
import type { Codec } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { EncodeError } from '../iso8583/errors.ts';
import type { LinkConnection } from '../link/link.ts';
import { UsageError } from './command.ts';
import { writtenMessage } from './host-message.ts';
import type { OwnMessage } from './host-message.ts';
import { networkNames } from './host-report.ts';
import type { HostEvent, NetworkName } from './host-report.ts';

export type Outcome = 'accepted' | 'refused' | 'unanswered';

/** DE70 of 1987, DE24 of the others: of what no edition of the standard has a code for, ours, unless the dialect or the caller has others. */
const usualCodes: Readonly<Record<'1987' | '1993' | '2003', Readonly<Partial<Record<NetworkName, string>>>>> = {
  '1987': { startAdvices: '078', stopAdvices: '079', speedAdvices: '080', enterSuppressInquiry: '088', leaveSuppressInquiry: '089' },
  '1993': { startAdvices: '878', stopAdvices: '879', speedAdvices: '880', enterSuppressInquiry: '888', leaveSuppressInquiry: '889' },
  '2003': { startAdvices: '878', stopAdvices: '879', speedAdvices: '880', enterSuppressInquiry: '888', leaveSuppressInquiry: '889' },
};

/** Codes of network management both ways, the dialect's before ours. */
export class NetworkCodes {
  readonly #codes = new Map<NetworkName, string>();
  readonly #names = new Map<string, NetworkName>();

  constructor(dialect: Dialect, given: ReadonlyMap<NetworkName, string>) {
    for (const [name, code] of Object.entries(usualCodes[dialect.version]) as [NetworkName, string][]) this.#codes.set(name, code);
    const own = new Map<string, string>(dialect.network.own);
    for (const [code, function_] of dialect.network.codes) {
      const name = networkNames.find((each) => each === function_);
      if (name === undefined) continue;
      this.#names.set(code, name);
      if (!this.#seen.has(name)) this.#codes.set(name, own.get(name) ?? code);
      this.#seen.add(name);
    }
    for (const [name, code] of given) this.#codes.set(name, code);
    for (const [name, code] of this.#codes) if (given.has(name) || !this.#names.has(code)) this.#names.set(code, name);
  }

  readonly #seen = new Set<NetworkName>();

  codeOf(name: NetworkName): string | undefined {
    return this.#codes.get(name);
  }

  nameOf(meaning: NetworkMeaning): NetworkName {
    return this.#names.get(meaning.code) ?? 'other';
  }
}

export interface StationOutside {
  readonly codec: Codec;
  readonly dialect: Dialect;
  readonly codes: NetworkCodes;
  readonly deadlines: Deadlines;
  /** Unix ms. */
  readonly now: () => number;
  readonly answerMs: number;
  /** The next trace number, 1 to 999999. */
  readonly nextStan: () => number;
  readonly tell: (event: HostEvent) => void;
}

interface Waiting {
  readonly what: NetworkName;
  readonly sentAtMs: number;
  readonly deadline: Deadline;
  readonly resolve: (outcome: Outcome) => void;
}

export class HostStation {
  readonly connection: LinkConnection;
  /** Counts the host's connections from 1. */
  readonly number: number;
  state: 'connected' | 'signedOn' | 'signedOff' = 'connected';
  echoesMissed = 0;
  readonly #outside: StationOutside;
  readonly #waiting = new Map<string, Waiting>();
  /** Messages to acquirers that wait for their answers, by its type and STAN. */
  readonly #messages = new Map<string, (responseCode: string | undefined) => void>();
  readonly #draft = new Draft('0800');

  constructor(connection: LinkConnection, number: number, outside: StationOutside) {
    this.connection = connection;
    this.number = number;
    this.#outside = outside;
  }

  /** Sends a network management request; resolves with what came of it. */
  async ask(what: NetworkName): Promise<Outcome> {
    const { codec, dialect, codes, deadlines, now, answerMs, nextStan } = this.#outside;
    const code = codes.codeOf(what);
    if (code === undefined || !this.connection.open) return 'unanswered';
    const stan = String(nextStan());
    const digits = new Date(now()).toISOString().replace(/\D/g, '').slice(0, 14);
    // Any function gives the message its form; the code says what it is.
    draftNetworkRequest('echo', stan, digits.slice(4), digits, dialect, this.#draft);
    this.#draft.set(dialect.network.field, code);
    const payload = codec.encode(this.#draft);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const deadline = deadlines.after(answerMs, () => this.#end(stan, 'unanswered'));
    this.#waiting.set(stan, { what, sentAtMs: deadlines.nowMs(), deadline, resolve });
    // Not at the answer: from the moment we say so, nothing is expected any more.
    if (what === 'signOff') this.state = 'signedOff';
    if (this.connection.request(payload, 0, payload.length) !== 'queued') this.#end(stan, 'unanswered');
    return await promise;
  }

  /** Sends a message to an acquirer once. @returns DE39; undefined: it was not answered in time; empty: it cannot be written */
  async pass(message: OwnMessage): Promise<string | undefined> {
    const { codec, dialect, deadlines, now, answerMs, tell } = this.#outside;
    let written: ReturnType<typeof writtenMessage>;
    try {
      written = writtenMessage(message, dialect, codec);
    } catch (error) {
      if (!(error instanceof EncodeError || error instanceof UsageError)) throw error;
      tell({ event: 'strange', atMs: now(), connection: this.number, what: 'unwritable', reason: error.message });
      return '';
    }
    const { mti, bytes } = written;
    message.attempts += 1;
    const key = `${answerMti(mti) ?? ''} ${message.stan}`;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#messages.set(key, resolve);
    const deadline = deadlines.after(answerMs, () => resolve(undefined));
    if (!this.connection.open || this.connection.request(bytes, 0, bytes.length) !== 'queued') resolve(undefined);
    const responseCode = await promise;
    deadline.cancel();
    this.#messages.delete(key);
    const { kind, pan, amount } = message.wish;
    tell({ event: 'passed', atMs: now(), connection: this.number, direction: 'sent', kind, mti, stan: message.stan, pan: pan?.masked ?? '', amount: amount ?? null, responseCode: responseCode ?? null });
    return responseCode;
  }

  /** An answer came. False: it answers nothing of ours. */
  answered({ mti, class: of, stan, approved, responseCode }: ResponseMeaning): boolean {
    const passed = this.#messages.get(`${mti} ${stan}`);
    passed?.(responseCode);
    if (passed !== undefined) return true;
    if (of !== 'network' || !this.#waiting.has(stan)) return false;
    this.#end(stan, approved ? 'accepted' : 'refused');
    return true;
  }

  closed(): void {
    for (const stan of this.#waiting.keys()) this.#end(stan, 'unanswered');
    for (const end of this.#messages.values()) end(undefined);
  }

  #end(stan: string, outcome: Outcome): void {
    const { deadlines, now, tell, codes } = this.#outside;
    const waiting = this.#waiting.get(stan);
    if (waiting === undefined) return;
    this.#waiting.delete(stan);
    waiting.deadline.cancel();
    const { what, sentAtMs, resolve } = waiting;
    // Before anything else of the same chunk is read.
    if (what === 'signOn' && outcome === 'accepted') this.state = 'signedOn';
    if (what === 'echo') this.echoesMissed = outcome === 'unanswered' ? this.echoesMissed + 1 : 0;
    tell({ event: 'network', atMs: now(), connection: this.number, direction: 'sent', what, code: codes.codeOf(what) ?? '', outcome, elapsedMs: deadlines.nowMs() - sentAtMs });
    resolve(outcome);
  }
}
