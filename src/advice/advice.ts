/**
 * An advice: what the switch decided or has to pass on in somebody's absence, and has to tell a destination, an issuer as a
 * rule. It owns the facts that the message is written from, and their form on disk.
 *
 * It refuses secrets: only the fields named here are written, the card number is sealed before it comes here, and there is no
 * place for track data, a PIN block or a card verification value. Invariant: what was encoded decodes to the same facts.
 */
import { assert } from '../base/assert.ts';
import type { AdviceContent } from '../message/advice.ts';
import type { Amount } from '../message/money.ts';

/** The first three tell an issuer of a decision, or an own account; `lock` an own account of a card's lock; the others are messages of an issuer to an acquirer that was away. */
export type AdviceKind = 'authorization' | 'financial' | 'reversal' | 'lock' | 'chargeback' | 'feeCollection' | 'fundsDisbursement' | 'text';

/** A decision that was taken in the issuer's place, with what the issuer is not told by a field of its own. */
export interface DecisionContent extends AdviceContent {
  readonly what: 'decision';
  /** Message id of what was decided, by which the log and the book know it. */
  readonly messageId: string;
  /** What it is known by at its destination, the same each time that it is sent: STAN, and DE7 as MMDDhhmmss. */
  readonly own: { readonly stan: string; readonly transmittedAt: string };
  /** What the acquirer sent: it is not always a request that is decided in stand-in. */
  readonly function: 'request' | 'advice';
  /** Wrong PINs in a row that stand-in has counted, with this one. */
  readonly wrongPins: number;
  /** Stand-in has verified the PIN, and it was right. */
  readonly pinVerified: boolean;
  readonly receivedAtMs: number;
  readonly decidedAtMs: number;
}

/** A message that is passed on: it is sealed whole, as it may carry a card's number. */
export interface MessageContent {
  readonly what: 'message';
  readonly messageId: string;
  /** The issuer. */
  readonly from: string;
  /** Its type as it is sent first. */
  readonly mti: string;
  /** What it is known by at its destination, the same each time that it is sent: STAN, and DE7 as MMDDhhmmss. */
  readonly own: { readonly stan: string; readonly transmittedAt: string };
  /** As it is sent first, in the destination's format. */
  readonly sealedMessage: string;
  readonly receivedAtMs: number;
}

/** What an own account is told when its store is back. */
export interface OwnContent {
  readonly what: 'own';
  readonly messageId: string;
  /** Empty: it was not known. */
  readonly accountId: string;
  /** As the own issuer writes and reads them: without a card's number. */
  readonly facts: string;
  readonly receivedAtMs: number;
}

export interface Advice {
  /** Unique over switches and restarts: writing it again changes nothing. */
  readonly id: string;
  /** Whom it is for. */
  readonly destination: string;
  /** What stores know the card by. Advices of one card go out in the order in which they were written. */
  readonly cardKey: string;
  readonly kind: AdviceKind;
  /** Unix ms. */
  readonly createdAtMs: number;
  /** As the HSM sealed it; empty where there is no card. */
  readonly sealedPan: string;
  readonly content: DecisionContent | MessageContent | OwnContent;
}

/** What became of an advice in the end: the destination answered that it has it, or an operator gave it up. */
export interface AdviceEnd {
  readonly how: 'accepted' | 'dropped';
  readonly atMs: number;
  /** The operator; empty where the destination accepted it. */
  readonly by: string;
  /** Of the operator. */
  readonly why?: string;
  readonly attempts: number;
}

/** How far its delivery has come. */
export interface DeliveryMark {
  /** Times that it may have been sent. */
  readonly attempts: number;
  /** Unix ms; 0: never. */
  readonly lastAttemptAtMs: number;
  readonly refusals: number;
  /** Times that it was not answered while others were. */
  readonly ignored: number;
  /** The last refusal; empty where there was none. */
  readonly why: string;
  readonly isSetAside: boolean;
}

export const unsent: DeliveryMark = { attempts: 0, lastAttemptAtMs: 0, refusals: 0, ignored: 0, why: '', isSetAside: false };

/** A record that this program cannot read: a newer one wrote it. */
export class AdviceFormError extends Error {
  override readonly name = 'AdviceFormError';
}

const form = '1';

const clearNumber = /^[0-9]{8,19}$/;

/** One line of text. @throws AssertionError where the card's number is not sealed */
export function encodeAdvice(advice: Advice): string {
  assert(!clearNumber.test(advice.sealedPan), 'a card number is sealed before it is written');
  return form + JSON.stringify(adviceFacts(advice));
}

/** The same text with its end, as it is kept for tracing. */
export function withEnd(text: string, { how, atMs, by, why, attempts }: AdviceEnd): string {
  return `${text.slice(0, -1)},"end":${JSON.stringify({ how, atMs, by, why, attempts })}}`;
}

/** @throws AdviceFormError */
export function decodeAdvice(text: string): { readonly advice: Advice; readonly end: AdviceEnd | undefined } {
  const value = parsed(text) as Advice & { readonly end?: AdviceEnd };
  return { advice: adviceFacts(value), end: value.end };
}

/** What the queue in memory needs of an advice. */
export type AdviceHead = Pick<Advice, 'id' | 'destination' | 'cardKey' | 'kind' | 'createdAtMs'>;

export function encodeMark({ attempts, lastAttemptAtMs, refusals, ignored, why, isSetAside }: DeliveryMark): string {
  return form + JSON.stringify([attempts, lastAttemptAtMs, refusals, ignored, why, isSetAside ? 1 : 0]);
}

/** @throws AdviceFormError */
export function decodeMark(text: string): DeliveryMark {
  const [attempts, lastAttemptAtMs, refusals, ignored, why, isSetAside] = parsed(text) as [number, number, number, number, string, number];
  return { attempts, lastAttemptAtMs, refusals, ignored, why, isSetAside: isSetAside === 1 };
}

function parsed(text: string): unknown {
  if (!text.startsWith(form)) throw new AdviceFormError('an advice on disk is in a form that this program does not know: a newer one wrote it');
  return JSON.parse(text.slice(form.length));
}

function adviceFacts({ id, destination, cardKey, kind, createdAtMs, sealedPan, content }: Advice): Advice {
  return { id, destination, cardKey, kind, createdAtMs, sealedPan, content: contentFacts(content) };
}

function contentFacts(content: Advice['content']): Advice['content'] {
  switch (content.what) {
    case 'decision': return decisionFacts(content);
    case 'message': return messageFacts(content);
    case 'own': return ownFacts(content);
  }
}

function ownFacts({ what, messageId, accountId, facts, receivedAtMs }: OwnContent): OwnContent {
  return { what, messageId, accountId, facts, receivedAtMs };
}

function messageFacts({ what, messageId, from, mti, own, sealedMessage, receivedAtMs }: MessageContent): MessageContent {
  return { what, messageId, from, mti, own: { stan: own.stan, transmittedAt: own.transmittedAt }, sealedMessage, receivedAtMs };
}

/** Field by field, so that nothing else that an object may have with it is written. */
function decisionFacts(content: DecisionContent): DecisionContent {
  const { trace, merchant, original, replaces } = content;
  return {
    what: 'decision', messageId: content.messageId, own: { stan: content.own.stan, transmittedAt: content.own.transmittedAt }, function: content.function,
    trace: {
      station: trace.station, acquirer: trace.acquirer, class: trace.class, function: trace.function, stan: trace.stan,
      transmittedAt: trace.transmittedAt, localAt: trace.localAt, terminal: trace.terminal,
    },
    rrn: content.rrn, purpose: content.purpose, processingCode: content.processingCode,
    amount: amountFacts(content.amount), billing: amountFacts(content.billing), approved: amountFacts(content.approved), actualMinor: content.actualMinor,
    reason: content.reason, approvalCode: content.approvalCode, standInReason: content.standInReason, expiry: content.expiry,
    panSequence: content.panSequence, entryMode: content.entryMode, pointOfService: content.pointOfService, condition: content.condition,
    cardPresent: content.cardPresent,
    merchant: { category: merchant.category, id: merchant.id, name: merchant.name, country: merchant.country },
    wrongPins: content.wrongPins, pinVerified: content.pinVerified,
    original: original === undefined ? undefined : {
      class: original.class, function: original.function, stan: original.stan, transmittedAt: original.transmittedAt, localAt: original.localAt,
      acquirer: original.acquirer,
    },
    replaces: replaces === undefined ? undefined : {
      class: replaces.class, ...(replaces.function === undefined ? {} : { function: replaces.function }), stan: replaces.stan, transmittedAt: replaces.transmittedAt, localAt: replaces.localAt, acquirer: replaces.acquirer,
    },
    receivedAtMs: content.receivedAtMs, decidedAtMs: content.decidedAtMs,
  };
}

function amountFacts(amount: Amount | undefined): Amount | undefined {
  return amount === undefined ? undefined : { amountMinor: amount.amountMinor, currency: amount.currency };
}
