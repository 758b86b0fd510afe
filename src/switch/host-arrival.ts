/** A message of a remote issuer's card on its way through the switch: what is known of it, and what becomes of it. */
import type { ChipAnswer } from '../dialect/answer.ts';
import type { ForwardRoute } from '../dialect/forward.ts';
import type { Side } from '../dialect/forward-write.ts';
import type { ResponseMeaning } from '../dialect/meaning.ts';
import type { OwnTrace } from '../host/host.ts';
import type { Message } from '../iso8583/codec.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response, Trace } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Carried } from './verification.ts';

/** A message of one of the issuer's cards, with all that is known of it. */
export interface HostArrival extends Carried {
  readonly id: string;
  /** By which its record is found. */
  readonly key: string;
  readonly request: Message;
  readonly source: Side;
  readonly receivedAtMs: number;
  /** The same on the clock of deadlines. */
  readonly arrivedMs: number;
  readonly deadlineMs: number;
  /** The message as a fact, with what was verified of it by the issuer's keys. */
  verified(done: (message: CardMessage) => void): void;
  /** The same without anything verified. */
  readonly message: CardMessage;
}

export type HostOutcome =
  | { readonly kind: 'answer'; readonly response: Response; readonly responder: 'standin' | 'switch' | 'issuer'; readonly note: 'repeat' | 'duplicate' | undefined; readonly standInReason?: string; readonly chip?: ChipAnswer | undefined }
  /** The issuer's own answer. */
  | { readonly kind: 'returned'; readonly answer: Message; readonly meaning: ResponseMeaning; readonly route: ForwardRoute; readonly reason: Reason; readonly note: 'repeat' | undefined }
  /** Nobody answers: the acquirer times out, and reverses. */
  | { readonly kind: 'silence'; readonly why: string };

export type Done = (outcome: HostOutcome) => void;

/** What tells a repeat from another message under the same key. */
export interface MessageMark extends Pick<Trace, 'transmittedAt' | 'localAt' | 'function'> {
  readonly fingerprint: string;
}

/** Is it the same message that came again? @param other has the same key */
export function isRepeat({ meaning: { fingerprint, trace } }: HostArrival, other: MessageMark): boolean {
  return fingerprint === other.fingerprint && trace.transmittedAt === other.transmittedAt && trace.localAt === other.localAt && trace.function === other.function;
}

export function markOf({ meaning: { fingerprint, trace: { transmittedAt, localAt, function: of } } }: HostArrival): MessageMark {
  return { fingerprint, transmittedAt, localAt, function: of };
}

export function asRepeat(outcome: HostOutcome): HostOutcome {
  return outcome.kind === 'silence' ? outcome : { ...outcome, note: 'repeat' };
}

/** The switch's own answer: nobody else decided. */
export function bySwitch({ meaning }: HostArrival, reason: Reason): HostOutcome {
  const response: Response = { reason, approvalCode: '', amount: meaning.amount, billing: undefined, balance: undefined, field: meaning.fault?.field };
  return { kind: 'answer', response, responder: 'switch', note: undefined };
}

/** How the issuer will know a message of ours that tells of this one. */
export function referenceOf({ meaning: { trace } }: HostArrival, { stan, transmittedAt }: OwnTrace): SentReference {
  return { class: trace.class, function: 'advice', stan, transmittedAt, localAt: trace.localAt, acquirer: trace.acquirer };
}
