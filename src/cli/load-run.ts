/**
 * A load from its first message to its last answer.
 *
 * At a rate, a message leaves when it is due, whatever the answers do, and its time counts from then; with a number in flight, an answer
 * is followed by the next message, and a completion waits for its pre-authorization's answer. Invariant: what leaves, leaves in the plan's order.
 */
import { draftTaken, takenActions } from '../dialect/answer.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { readPassed } from '../dialect/to-acquirer.ts';
import type { Message } from '../iso8583/codec.ts';
import { Draft } from '../iso8583/draft.ts';
import { Failure } from './command.ts';
import type { Outside } from './command.ts';
import { answerKey, LoadLine } from './load-line.ts';
import { LoadPlan } from './load-plan.ts';
import type { LoadProfile, Planned } from './load-plan.ts';
import { LoadTally } from './load-tally.ts';
import type { LoadSecond, LoadSummary } from './load-tally.ts';
import type { EntryWish } from './send-draft-card.ts';
import { draftOf } from './send-draft.ts';
import type { Times, Wish } from './send-draft.ts';
import { noPresentation } from './send-presented.ts';
import type { Destination } from './send-target.ts';
import { referenceOf, timesOf } from './send-wish.ts';

export interface LoadOptions {
  readonly profile: LoadProfile;
  readonly pace: { readonly perSecond: number } | { readonly inFlight: number };
  readonly connections: number;
  /** Undefined: until it is stopped, or all are sent. */
  readonly forMs: number | undefined;
  readonly count: number | undefined;
  readonly timeoutMs: number;
  /** ISO 4217, three digits. */
  readonly currency: string;
  readonly entry: EntryWish;
  /** YYMM. */
  readonly expiry: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly merchant: string;
  readonly category: string;
}

/** What a message of the plan was sent as. */
interface Sent {
  readonly times: Times;
  /** One for a whole transaction. */
  readonly rrn: string;
  approvalCode: string | undefined;
  approved: boolean;
  /** Answered, or given up. */
  ended: boolean;
}

const roundMs = 1;
const lateRoundsMs = 20;

/** @throws Failure where no connection could be made at the start */
export async function runLoad(options: LoadOptions, to: Destination, outside: Outside, onSecond: (second: LoadSecond) => void): Promise<LoadSummary> {
  const load = new Load(options, to, outside);
  await load.open();
  try {
    return await load.run(onSecond);
  } finally {
    load.close();
  }
}

class Load {
  readonly #options: LoadOptions;
  readonly #to: Destination;
  readonly #outside: Outside;
  readonly #plan: LoadPlan;
  readonly #tally = new LoadTally();
  readonly #lines: LoadLine[] = [];
  readonly #sent = new WeakMap<Planned, Sent>();
  #inFlight = 0;
  /** Messages of the plan that had their turn. */
  #turns = 0;
  #line = 0;
  /** In flight, what has its turn as soon as an earlier message is answered. */
  #held: Planned | undefined;
  #stopped = false;
  #isFlushDue = false;

  constructor(options: LoadOptions, to: Destination, outside: Outside) {
    this.#options = options;
    this.#to = to;
    this.#outside = outside;
    this.#plan = new LoadPlan(options.profile);
  }

  async open(): Promise<void> {
    const { target, signOn } = this.#to;
    const events = {
      stray: (what: 'late' | 'wrongStan' | 'undecodable') => {
        if (what === 'late') this.#tally.late += 1;
        else if (what === 'wrongStan') this.#tally.wrongStans += 1;
        else this.#tally.undecodable += 1;
      },
      lost: () => {
        this.#tally.connectionsLost += 1;
      },
      asked: (message: Message) => this.#asked(message),
    };
    for (let index = 0; index < this.#options.connections; index += 1) {
      this.#lines.push(await LoadLine.open(target, this.#options.timeoutMs, events, signOn ? (line) => this.#signOn(line) : undefined));
    }
  }

  /** What issuers say to acquirers is acknowledged; what the switch asks for by itself is not answered here. */
  #asked(message: Message): Uint8Array | undefined {
    const { dialect, target: { codec } } = this.#to;
    const passed = readPassed(message, dialect);
    if (passed === undefined) return undefined;
    this.#tally.acknowledged += 1;
    return codec.encode(draftTaken(message, takenActions[passed.kind], dialect, new Draft('')));
  }

  close(): void {
    for (const line of this.#lines) line.close();
  }

  async run(onSecond: (second: LoadSecond) => void): Promise<LoadSummary> {
    const { forMs = Infinity, timeoutMs, profile } = this.#options;
    const { elapsed, stopAsked } = this.#outside;
    const beganMs = elapsed();
    void this.#stopAfter(stopAsked());
    let tellAtMs = beganMs + 1_000;
    while (!this.#stopped && !this.#isOver && elapsed() - beganMs < forMs) {
      this.#sendDue(beganMs);
      tellAtMs = this.#watch(tellAtMs, onSecond);
      await turn(roundMs);
    }
    // What was due before the end leaves, however late the machine came to it.
    if (!this.#stopped && 'perSecond' in this.#options.pace) this.#sendDue(beganMs);
    this.#stopped = true;
    for (const untilMs = elapsed() + timeoutMs + lateRoundsMs; this.#inFlight > 0 && elapsed() < untilMs; ) {
      tellAtMs = this.#watch(tellAtMs, onSecond);
      await turn(lateRoundsMs);
    }
    if (this.#tally.isUntold) onSecond(this.#tally.second(this.#inFlight));
    return this.#tally.summary(profile.seed, elapsed() - beganMs);
  }

  async #stopAfter(asked: Promise<string>): Promise<void> {
    await asked;
    this.#stopped = true;
  }

  get #isOver(): boolean {
    return this.#turns >= (this.#options.count ?? Infinity);
  }

  /** @returns when the next line is due */
  #watch(tellAtMs: number, onSecond: (second: LoadSecond) => void): number {
    const nowMs = this.#outside.elapsed();
    for (const line of this.#lines) line.expire(nowMs - this.#options.timeoutMs);
    if (nowMs < tellAtMs) return tellAtMs;
    onSecond(this.#tally.second(this.#inFlight));
    return tellAtMs + 1_000;
  }

  #sendDue(beganMs: number): void {
    const { pace, forMs = Infinity } = this.#options;
    if ('perSecond' in pace) {
      const due = Math.min(Math.floor(((this.#outside.elapsed() - beganMs) * pace.perSecond) / 1_000) + 1, Math.ceil((forMs * pace.perSecond) / 1_000));
      while (this.#turns < due && !this.#isOver) this.#next(this.#plan.next(), beganMs + (this.#turns * 1_000) / pace.perSecond);
    } else this.#fill(pace.inFlight);
    for (const line of this.#lines) line.flush();
  }

  /** Up to so many in flight; where there is no connection, nothing has its turn. */
  #fill(inFlight: number): void {
    while (this.#inFlight < inFlight && !this.#isOver && !this.#stopped && this.#lines.some(({ usable }) => usable)) {
      const planned = this.#held ?? this.#plan.next();
      // Whether it is sent is in that answer, and all behind it keep their order.
      const waits = planned.kind === 'completion' && planned.of !== undefined && this.#sent.get(planned.of)?.ended === false;
      this.#held = waits ? planned : undefined;
      if (waits) return;
      this.#next(planned, this.#outside.elapsed());
    }
  }

  #next(planned: Planned, dueMs: number): void {
    this.#turns += 1;
    const original = planned.of === undefined ? undefined : this.#sent.get(planned.of);
    const line = this.#usableLine();
    if (line === undefined || (planned.of !== undefined && original === undefined)) {
      // What belongs to a message that was not sent is not either.
      this.#tally.notSent += 1;
      return;
    }
    if (planned.kind === 'completion' && planned.form === 'first' && original?.approved !== true) {
      this.#tally.notCompleted += 1;
      return;
    }
    this.#send(planned, original, line, dueMs);
  }

  #send(planned: Planned, original: Sent | undefined, line: LoadLine, dueMs: number): void {
    const { dialect, target: { codec } } = this.#to;
    const first = planned.form === 'first';
    const nowMs = this.#outside.now();
    const sent: Sent = !first && original !== undefined ? original : { times: timesOf(nowMs, undefined), rrn: original?.rrn ?? referenceOf(nowMs, String(planned.stan)), approvalCode: undefined, approved: false, ended: false };
    if (first) this.#sent.set(planned, sent);
    const draft = draftOf(this.#wishOf(first ? planned : planned.of!, sent), dialect, codec.spec);
    if (planned.form === 'repeat') draft.mti = `${draft.mti.slice(0, 3)}1`;
    const stan = draft.get(11);
    this.#inFlight += 1;
    this.#tally.sent(planned);
    line.send(codec.encode(draft), {
      key: answerKey(draft.mti, typeof stan === 'string' ? stan : ''), sinceMs: dueMs, ended: false, end: (answer) => this.#ended(answer, sent, dueMs),
    });
  }

  #ended(answer: Message | undefined, sent: Sent, dueMs: number): void {
    this.#inFlight -= 1;
    sent.ended = true;
    if (answer === undefined) this.#tally.unanswered();
    else {
      const responseCode = answer.text(39);
      const approved = responseCode !== undefined && this.#to.dialect.reasons.approved(responseCode);
      sent.approved ||= approved;
      if (approved) sent.approvalCode ??= answer.text(38)?.trim();
      this.#tally.answer(responseCode, approved, this.#outside.elapsed() - dueMs);
    }
    if (!('inFlight' in this.#options.pace)) return;
    this.#fill(this.#options.pace.inFlight);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      for (const line of this.#lines) line.flush();
    });
  }

  #wishOf(planned: Planned, { times, rrn }: Sent): Wish {
    const { currency, entry, expiry, acquirer, terminal, merchant, category } = this.#options;
    const { kind, pan, amountMinor, stan, of } = planned;
    const original = of === undefined ? undefined : this.#sent.get(of);
    return {
      kind, type: undefined, presented: { ...noPresentation.presented, pan, entry, expiry }, amount: kind === 'balance' ? undefined : { amountMinor, currency }, actual: undefined,
      stan: String(stan), rrn, approvalCode: original?.approvalCode, original: of === undefined || original === undefined ? undefined : originalOf(of, original.times, this.#to.dialect), acquirer,
      terminal, merchant, category, partial: false, times, fields: noFields,
    };
  }

  #usableLine(): LoadLine | undefined {
    for (let tried = 0; tried < this.#lines.length; tried += 1) {
      this.#line = (this.#line + 1) % this.#lines.length;
      const line = this.#lines[this.#line]!;
      if (line.usable) return line;
    }
    return undefined;
  }

  async #signOn(line: LoadLine): Promise<void> {
    const { dialect, target: { codec, name } } = this.#to;
    const { promise, resolve } = Promise.withResolvers<Message | undefined>();
    const nowMs = this.#outside.now();
    const draft = draftOf({ ...this.#wishOf(signOnPlan, { times: timesOf(nowMs, undefined), rrn: '', approvalCode: undefined, approved: false, ended: false }), kind: 'signon' }, dialect, codec.spec);
    const stan = draft.get(11);
    line.send(codec.encode(draft), { key: answerKey(draft.mti, typeof stan === 'string' ? stan : ''), sinceMs: this.#outside.elapsed(), ended: false, end: resolve });
    line.flush();
    const timer = setTimeout(() => resolve(undefined), this.#options.timeoutMs);
    const answer = await promise;
    clearTimeout(timer);
    if (answer === undefined) throw new Failure(`${name} did not answer the sign-on`);
  }
}

const noFields: ReadonlyMap<number, string> = new Map();
const signOnPlan: Planned = { kind: 'balance', form: 'first', of: undefined, pan: '', amountMinor: 0, stan: 1 };

function originalOf({ stan }: Planned, { transmitted, local }: Times, { version }: Dialect): Wish['original'] & object {
  return { type: '100', stan: String(stan), at: version === '1987' ? transmitted : version === '1993' ? local.slice(2) : local };
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
