/** What a host issuer is made of, what it is asked for, and what it tells: types that both sides of it share. */
import type { ChipAnswer } from '../dialect/answer.ts';
import type { ForwardRoute, OwnValues } from '../dialect/forward.ts';
import type { ForwardFault, Side } from '../dialect/forward-write.ts';
import type { CardMeaning, ResponseMeaning } from '../dialect/meaning.ts';
import type { Codec, Message } from '../iso8583/codec.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { SendOutcome } from '../link/link.ts';
import type { MatcherEvents } from '../link/matcher.ts';
import type { AdviceContent, SentReference } from '../message/advice.ts';
import type { CardMessage, MessageClass, Response } from '../message/message.ts';
import type { Pan } from '../message/pan.ts';
import type { CircuitConfig, CircuitPhase, Standing, Unavailability } from './circuit.ts';
import type { MatchKeys } from './match-keys.ts';

/** One station of the issuer's, as the switch offers it. */
export interface HostLink {
  /** A connection stands, and is signed on where that is needed. */
  readonly usable: boolean;
  /** None is usable, and one at least stands and is signed off. */
  readonly signedOff: boolean;
  /** Sends a request on a usable connection. Bytes are copied before it returns. */
  request(bytes: Uint8Array): SendOutcome;
  /** Where messages are authenticated: writes the draft with its code. `done` is called once; undefined: it cannot be written. */
  readonly seal: ((draft: Draft, done: (bytes: Uint8Array | undefined) => void) => void) | undefined;
  /** Asks whether the issuer is there. `done` is called once, in a bounded time. */
  echo(done: (answered: boolean) => void): void;
}

export interface HostStation {
  readonly name: string;
  readonly side: Side;
  readonly codec: Codec;
  readonly link: HostLink;
  readonly matchKeys: MatchKeys;
  /** DE33 of our messages; empty: the acquirer's. */
  readonly forwardingInstitution: string;
  /** The first trace number of this run, 1 to 999,999. */
  readonly firstStan: number;
}

export interface HostConfig {
  /** The issuer's name: in events. */
  readonly name: string;
  readonly circuit: CircuitConfig;
  /** Requests that wait at once, on each station. */
  readonly pendingMax: number;
  /** Ended requests whose late answers are still known, on each station. */
  readonly rememberedMax: number;
  /** DE39 as this issuer sends it, where it asks the switch to decide. */
  readonly askingCodes: ReadonlySet<string>;
}

export interface ForwardOrder {
  readonly message: Message;
  readonly meaning: CardMeaning;
  readonly source: Side;
  /** On the clock of the host's deadlines. */
  readonly deadlineMs: number;
  /** Under the issuer's zone key. */
  readonly pin?: OwnValues['pin'];
  /** The original as it was sent to this issuer, of a reversal, completion or increment. */
  readonly original?: SentReference | undefined;
  /** What this switch would decide, and does where the issuer says nothing. */
  readonly proposal?: Pick<Response, 'reason' | 'approvalCode'> | undefined;
  /** For DE37 where the acquirer gave none. */
  readonly rrn?: string;
  /** What it is known by: from `reserveTrace`; undefined: it is drawn. */
  readonly trace?: OwnTrace | undefined;
  /** Whatever the asker wants to find again with an answer that comes late. */
  readonly asker?: unknown;
  /** What was verified of it: for an issuer that `wantsFacts`. */
  readonly facts?: CardMessage | undefined;
}

export interface AdviceOrder {
  readonly of: MessageClass;
  readonly content: AdviceContent;
  readonly pan: Pan | undefined;
  readonly isRepeat: boolean;
  readonly deadlineMs: number;
  /** What it is known by, the same at each repeat: from `reserveTrace`; undefined: one is drawn. */
  readonly trace?: OwnTrace | undefined;
  /** Of a decision: when, and what became of the PIN. */
  readonly decided?: DecidedFacts | undefined;
  /** Its answer came after its end: the issuer has it all the same. */
  readonly late?: (answer: LateAnswer) => void;
}

/** A message that was kept for whoever is at the other end, and is sent as it is. */
export interface PassOrder {
  /** With its trace; what answers are known by is text in it. */
  readonly written: Draft;
  readonly pan: Pan | undefined;
  readonly deadlineMs: number;
  /** An answer after the deadline. */
  readonly late?: (answer: LateAnswer) => void;
}

export interface DecidedFacts {
  /** Unix ms: the message that was decided, and its decision. */
  readonly receivedAtMs: number;
  readonly decidedAtMs: number;
  /** Wrong PINs in a row, this one with them; 0: this one was not wrong. */
  readonly wrongPins: number;
  readonly pinVerified: boolean;
}

/** What a message of ours is known by, drawn before it is written. */
export interface OwnTrace {
  /** The trace number; of an issuer at a URL, the message's id. */
  readonly stan: string;
  readonly transmittedAt: string;
}

/** A message of ours that went out. */
export interface Sent {
  readonly station: string;
  readonly mti: string;
  readonly reference: SentReference;
}

export type HostResult =
  | { readonly kind: 'answered'; readonly message: Message; readonly meaning: ResponseMeaning; readonly elapsedMs: number; readonly sent: Sent; readonly route: ForwardRoute | undefined }
  /** The same where no message of ISO 8583 came: what the answer says, and what it comes to for the acquirer. */
  | { readonly kind: 'decided'; readonly meaning: ResponseMeaning; readonly response: Response; readonly chip: ChipAnswer | undefined; readonly elapsedMs: number; readonly sent: Sent }
  /** It was sent, and had no valid answer: what the issuer did is not known. */
  | { readonly kind: 'expired'; readonly cause: 'timeout' | 'badAnswer'; readonly detail: string; readonly elapsedMs: number; readonly sent: Sent }
  /** The issuer answered that the switch is to decide: it did nothing. */
  | { readonly kind: 'asked'; readonly responseCode: string; readonly elapsedMs: number; readonly sent: Sent }
  /** Nothing left the switch, or can have been understood. */
  | { readonly kind: 'notSent'; readonly why: NotSent; readonly detail: string };

export type NotSent =
  | Unavailability
  /** As many requests wait as may, or the peers read too slowly. */
  | 'full'
  /** It cannot be told to this issuer. */
  | 'unfit'
  | 'tooLarge'
  /** Its deadline had passed. */
  | 'tooLate';

/** An answer after its request's end: never an answer to the acquirer. */
export interface LateAnswer {
  readonly sent: Sent;
  readonly order: ForwardOrder | AdviceOrder | PassOrder;
  /** Undefined where none of ISO 8583 came. */
  readonly message: Message | undefined;
  readonly meaning: ResponseMeaning;
  readonly lateMs: number;
  /** Why it would not have been an answer in time either; empty: it would have been. */
  readonly fault: string;
}

/** Of the requests that wait, the one that an answer comes nearest to, and the parts of its trace in which they differ. */
export interface NearestRequest {
  readonly sent: Sent;
  readonly differing: readonly string[];
}

/** Called synchronously; none may throw. `station` is the station's name, `issuer` the issuer's. */
export interface HostEvents extends MatcherEvents {
  circuitChanged(issuer: string, from: Standing, to: Standing): void;
  /** Advices may go to it now, or no longer may. */
  advices(issuer: string, mayGo: boolean): void;
  /** An answer that is at odds with its request. */
  answerRefused(station: string, fault: string): void;
  /** A request of ours that could not be written. */
  unfit(station: string, fault: ForwardFault): void;
  late(issuer: string, late: LateAnswer): void;
  /** An answer that nothing of ours explains: it is no answer to the acquirer. */
  unmatched(issuer: string, station: string, meaning: ResponseMeaning, nearest: NearestRequest | undefined): void;
}

export interface HostStatus {
  readonly phase: CircuitPhase;
  readonly why: Unavailability | undefined;
  readonly pending: number;
  readonly stations: readonly { readonly name: string; readonly usable: boolean; readonly pending: number }[];
}

/** A remote issuer, however it is reached. */
export interface RemoteIssuer {
  readonly name: string;
  readonly status: HostStatus;
  /** Is it told how card values, PIN and chip were verified here (`ForwardOrder.facts`)? Otherwise it is sent what they are verified by. */
  readonly wantsFacts: boolean;
  /** May advices go now? */
  readonly takesAdvices: boolean;
  /** Why a request of the class would not be sent now; undefined: it would. */
  unavailability(of: MessageClass): Unavailability | undefined;
  /** What a message will be known by that is sent later, perhaps more than once. */
  reserveTrace(): OwnTrace;
  /** Sends a request on. `done` is called once, from this turn or a later one, at the order's deadline at the latest. */
  forward(order: ForwardOrder, done: (result: HostResult) => void): void;
  /** Sends an advice or a reversal of our own. */
  advise(order: AdviceOrder, done: (result: HostResult) => void): void;
  /** The issuer enters or leaves suppress inquiry mode. */
  suppressInquiry(on: boolean): void;
  /** An operator keeps requests from the issuer, or lets them go again. */
  standInByOrder(on: boolean): void;
  /** Nothing of it runs any more; whoever waits is told that there is no answer. */
  stop(): void;
}
