/**
 * The log of messages: every request and its answer on both sides, with what was done about it, once its source was validated. What is
 * here is masked or a token; there is no place for a full card number, a track, a verification value or a PIN.
 *
 * It is no record of money (the journal is): whoever keeps it may lose lines under pressure, counts them and says so, and never makes a
 * decision wait.
 */
import { maskText } from '../base/mask.ts';
import type { HostResult } from '../host/host.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';

export type LoggedOutcome =
  | 'answered'
  /** Answered without being decided: a type that is not taken, or that does not decode. */
  | 'refused'
  /** Nobody was answered: silence, or a type that nobody answers. */
  | 'unanswered'
  /** The answer could not be written, or its connection was gone. */
  | 'undelivered'
  /** Ours: no valid answer in time. */
  | 'expired'
  /** An answer to ours after its end. */
  | 'late'
  /** An answer to nothing that waits. */
  | 'unmatched'
  /** Ours: it could not be sent. */
  | 'unsent';

/** A request and its answer; empty texts are not known or not there. */
export interface LoggedMessage {
  /** When the request came or was sent, Unix ms. */
  readonly atMs: number;
  readonly elapsedMs: number | undefined;
  readonly station: string;
  readonly connection: number | undefined;
  /** `in`: the station's; `out`: ours. */
  readonly direction: 'in' | 'out';
  readonly mti: string;
  readonly answerMti: string;
  /** Message class, `file`, `network`, or `other`. */
  readonly class: string;
  /** Purpose, or function of network management, or kind of message. */
  readonly what: string;
  readonly maskedPan: string;
  readonly token: string;
  readonly stan: string;
  readonly rrn: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly amount: Amount | undefined;
  /** The transaction that it belongs to. */
  readonly messageId: string;
  /** Who was to decide, and why nobody else. */
  readonly routed: string;
  readonly outcome: LoggedOutcome;
  readonly answeredBy: string;
  readonly reason: string;
  readonly responseCode: string;
  readonly standInReason: string;
  readonly detail: string;
}

export interface MessageLog {
  /** At once, and it never throws. */
  write(message: LoggedMessage): void;
}

/** Where nobody reads one. */
export const noMessageLog: MessageLog = { write: () => undefined };

/** What a line says where nothing is known. */
export const blankLine: Omit<LoggedMessage, 'atMs' | 'station' | 'direction' | 'mti' | 'outcome'> = {
  elapsedMs: undefined, connection: undefined, answerMti: '', class: 'other', what: '', maskedPan: '', token: '', stan: '', rrn: '', acquirer: '', terminal: '', amount: undefined,
  messageId: '', routed: '', answeredBy: '', reason: '', responseCode: '', standInReason: '', detail: '',
};

/** What a request to an issuer was about. */
export interface ExchangeFacts {
  readonly issuer: string;
  readonly nowMs: number;
  readonly class: string;
  readonly what: string;
  readonly maskedPan: string;
  readonly token: string;
  readonly rrn: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly amount: Amount | undefined;
  readonly messageId: string;
  readonly why: string;
}

/** The line of a request of ours to an issuer, and of what came of it. */
export function exchangeLine({ issuer, nowMs, why, ...facts }: ExchangeFacts, result: HostResult): LoggedMessage {
  const line = { ...blankLine, ...facts, atMs: nowMs, station: '', direction: 'out', mti: '', routed: issuer, standInReason: why } as const;
  if (result.kind === 'notSent') return { ...line, outcome: 'unsent', detail: result.detail === '' ? result.why : `${result.why}: ${result.detail}` };
  const { sent, elapsedMs } = result;
  const out = { ...line, atMs: nowMs - elapsedMs, elapsedMs, station: sent.station, mti: sent.mti, stan: sent.reference.stan };
  if (result.kind === 'expired') return { ...out, outcome: 'expired', detail: result.cause === 'timeout' ? '' : result.detail };
  if (result.kind === 'asked') return { ...out, outcome: 'answered', answeredBy: 'issuer', responseCode: result.responseCode, detail: 'asks that stand-in decides' };
  const { meaning } = result;
  return { ...out, answerMti: meaning.mti, outcome: 'answered', answeredBy: 'issuer', reason: meaning.reason ?? '', responseCode: meaning.responseCode };
}

/** A text of the wire in which a sender has put the card's number has it masked; what looks like any card's is masked too. */
export function withoutCard(text: string, pan: Pan | undefined): string {
  if (text.length < panDigitsMin) return text;
  const digits = pan?.reveal();
  return maskText(pan !== undefined && digits !== undefined && text.includes(digits) ? text.replaceAll(digits, pan.masked) : text);
}

const panDigitsMin = 8;
