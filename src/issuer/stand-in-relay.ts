/**
 * The two ledgers of remote issuers' cards behind one door: the shared store's while it answers, this node's file while it does not, and
 * what the file took until the shared store has that too.
 *
 *   shared ──the store is away──> apart ──it answers: the file's journal is relayed, entry by entry──> shared
 *
 * Invariants: what the file's journal holds is done to the shared ledger once, in its order, and only then dropped from the file; a card is
 * decided on by one ledger at a time; a start finds what was not relayed. What the shared store may have, and nobody knows here, is decided by
 * nobody until it answers: whether a commit of it happened, and what another switch made of a message that says it is a repeat.
 */
import type { SentReference } from '../message/advice.ts';
import type { Outcome } from '../store/decide.ts';
import type { PartitionEpoch, Store } from '../store/store.ts';
import type { StandInLedger } from './stand-in-ledger.ts';
import { decodeDone } from './stand-in-message.ts';
import type { Overtaken, StandInAnswer, StandInMessage } from './stand-in-message.ts';
import { cardHeadId, decodeRecord, keyOf } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

export interface StandInRelayOptions {
  readonly shared: StandInLedger;
  readonly local: StandInLedger;
  /** Of the local ledger: with one partition. */
  readonly store: Store;
  /** Ids of what is relayed begin with it: unique to this node's file. */
  readonly node: string;
  readonly after: (delayMs: number, work: () => void) => void;
  /** The issuer is told that what it knows by these names is taken back, beside what the advice of that id tells. @returns whether that is on disk */
  readonly takeBack: (adviceId: string, names: readonly SentReference[], overtaken?: Overtaken) => Promise<boolean>;
  readonly events: StandInRelayEvents;
}

/** Called synchronously; none may throw. */
export interface StandInRelayEvents {
  apart(isApart: boolean, relayed: number): void;
  trouble(error: unknown): void;
}

type Done = (outcome: Outcome<StandInAnswer>) => void;

const pageMax = 256;
const retryMs = 250;
/** How long what is new may wait for the last of the file. */
const holdMaxMs = 500;
const holdLookMs = 5;
/** Of so many messages it is remembered that nobody knows what became of them. */
const doubtsMax = 20_000;

export class StandInRelay {
  readonly #options: StandInRelayOptions;
  readonly #at: PartitionEpoch;
  #isApart = false;
  #isClosed = false;
  #localInFlight = 0;
  /** While the last of the file is relayed, what is new waits. */
  #held: (() => void)[] | undefined;
  #relayed = 0;
  /** Records that a commit of an unknown outcome may have written, the oldest first. */
  readonly #doubts = new Set<string>();

  private constructor(options: StandInRelayOptions, at: PartitionEpoch) {
    this.#options = options;
    this.#at = at;
  }

  static async open(options: StandInRelayOptions): Promise<StandInRelay> {
    const [epoch = 1] = await options.store.epochs();
    const relay = new StandInRelay(options, { partition: 0, epoch });
    if (await options.store.journalLength(relay.#at) > 0) relay.#part();
    return relay;
  }

  /** Does this node's file decide, as the shared store is away or does not have all of it yet? */
  get isApart(): boolean {
    return this.#isApart;
  }

  /**
   * @param share the same message for a ledger that counts apart
   * @param done is called once; `isLocal`: this node's file took it
   */
  submit(token: string, message: StandInMessage, share: (message: StandInMessage) => StandInMessage, deadlineMs: number, done: (outcome: Outcome<StandInAnswer>, isLocal: boolean) => void): void {
    if (this.#held !== undefined) {
      this.#held.push(() => this.submit(token, message, share, deadlineMs, done));
      return;
    }
    if (this.#isApart) {
      this.#apart(token, message, share, deadlineMs, (outcome) => done(outcome, true));
      return;
    }
    this.#options.shared.submit(cardHeadId(token), '', message, deadlineMs, (outcome) => {
      if (outcome.kind === 'unavailable' && outcome.cause === 'store') {
        this.#part();
        this.#apart(token, message, share, deadlineMs, (local) => done(local, true));
        return;
      }
      this.#doubt(message, outcome.kind);
      done(outcome, false);
    });
  }

  /** The first of the card's records that the shared ledger told of last, as far as it is in memory still. */
  remembered(token: string, keys: readonly string[]): StandInRecord | undefined {
    const known = this.#options.shared.lastKnown(cardHeadId(token));
    const key = keys.find((each) => typeof known?.records.get(each) === 'string');
    return key === undefined ? undefined : decodeRecord(known?.records.get(key));
  }

  /** Nothing more is relayed in this run. */
  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  /** By this node's file, as far as that can know. */
  #apart(token: string, message: StandInMessage, share: (message: StandInMessage) => StandInMessage, deadlineMs: number, done: Done): void {
    if (!decides(message)) this.#local(token, share(message), deadlineMs, done);
    else if (this.#doubts.has(doubtOf(message))) done({ kind: 'unresolved' });
    else if (!isBegunElsewhere(message)) this.#local(token, share(message), deadlineMs, done);
    else {
      const { id, issuer, message: of, key, rules } = message;
      this.#local(token, { kind: 'look', id, issuer, message: of, key, rules }, deadlineMs, (outcome) => {
        if (outcome.kind === 'decided' && outcome.answer.kind === 'unknown') done({ kind: 'unresolved' });
        else this.#local(token, share(message), deadlineMs, done);
      });
    }
  }

  /** Until the shared ledger has said what became of it. */
  #doubt(message: StandInMessage, outcome: Outcome<StandInAnswer>['kind']): void {
    if (!decides(message)) return;
    if (outcome === 'decided') {
      if (this.#doubts.size > 0) this.#doubts.delete(doubtOf(message));
    } else if (outcome === 'unresolved') {
      const [oldest] = this.#doubts;
      if (this.#doubts.size >= doubtsMax && oldest !== undefined) this.#doubts.delete(oldest);
      this.#doubts.add(doubtOf(message));
    }
  }

  #local(token: string, message: StandInMessage, deadlineMs: number, done: Done): void {
    this.#localInFlight += 1;
    this.#options.local.submit(cardHeadId(token), '', message, deadlineMs, (outcome) => {
      this.#localInFlight -= 1;
      done(outcome);
    });
  }

  #part(): void {
    if (this.#isApart) return;
    this.#isApart = true;
    this.#relayed = 0;
    this.#options.events.apart(true, 0);
    void this.#relay();
  }

  /** Until nothing is left; the shared ledger takes what need not hurry once its store answers. */
  async #relay(): Promise<void> {
    const { store, events } = this.#options;
    while (!this.#isClosed) {
      try {
        await this.#answers();
        while (await this.#page()) if (this.#isClosed) return;
        this.#held = [];
        this.#options.after(holdMaxMs, () => this.#release());
        while (this.#held !== undefined && this.#localInFlight > 0) await this.#pause(holdLookMs);
        while (this.#held !== undefined && await this.#page()) if (this.#isClosed) return;
        if (this.#held === undefined || this.#localInFlight > 0 || await store.journalLength(this.#at) > 0) continue;
        this.#isApart = false;
        events.apart(false, this.#relayed);
        this.#release();
        return;
      } catch (error) {
        events.trouble(error);
        await this.#pause(retryMs);
      }
    }
  }

  /** @returns whether there was something */
  async #page(): Promise<boolean> {
    const { store } = this.#options;
    const page = await store.tail(this.#at, undefined, pageMax);
    const last = page.at(-1);
    if (last === undefined || this.#isClosed) return false;
    // Those of a card go in their order: its lane keeps it.
    await Promise.all(page.map(({ sequence, value }) => this.#hand(sequence, value)));
    if (this.#isClosed) return false;
    await store.trim(this.#at, last.sequence);
    this.#relayed += page.length;
    return true;
  }

  /** What waited goes to whichever ledger it is now. */
  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const go of held ?? []) go();
  }

  /** Resolves when the shared store answers. */
  async #answers(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // A look at an issuer's head that has none changes nothing, and reads it.
    this.#options.shared.submit(`probe:${this.#options.node}`, '', { kind: 'outage', id: 'probe', issuer: '', isOpen: false, sinceMs: 0 }, Infinity, () => resolve());
    await promise;
  }

  async #hand(sequence: string, value: string): Promise<void> {
    const done = decodeDone(value);
    const { promise, resolve } = Promise.withResolvers<Outcome<StandInAnswer>>();
    this.#options.shared.submit(cardHeadId(done.token), '', { kind: 'relay', id: `${this.#options.node}-${sequence}-${done.record?.id ?? ''}`, done }, Infinity, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided' || outcome.answer.kind !== 'relayed') return;
    const { names, overtaken } = outcome.answer;
    // Before it is dropped from the file: who comes after a crash finds it there, and the same names.
    const isBack = names.length === 0 || done.record === undefined || await this.#options.takeBack(done.record.id, names);
    if (!isBack || (overtaken !== undefined && !await this.#options.takeBack(overtaken.heard.adviceId, [], overtaken))) throw new Error('what the issuer has to take back is not on disk yet');
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.after(delayMs, resolve);
    await promise;
  }
}

type Deciding = Extract<StandInMessage, { kind: 'ask' | 'request' | 'told' | 'stand' }>;

function decides(message: StandInMessage): message is Deciding {
  return message.kind === 'ask' || message.kind === 'request' || message.kind === 'told' || message.kind === 'stand';
}

/** By its record and its time: a STAN comes around. */
function doubtOf({ message, key }: Deciding): string {
  return `${key ?? keyOf(message)} ${message.trace.transmittedAt}`;
}

/** It says that it is a repeat, and this switch has not begun it: whoever has may have approved it. */
function isBegunElsewhere(message: Deciding): boolean {
  return message.message.repeat && (message.kind === 'ask' || (message.kind === 'request' && message.sent === undefined && message.follows === undefined));
}
