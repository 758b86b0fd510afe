/**
 * What the switch tells about its work: everything that can be counted, by a name, never with card data. The composition turns
 * these into metrics and log lines.
 */
import type { MessageClass } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';

export type Responder = 'account' | 'switch' | 'standin' | 'issuer';

/** Why a message got no answer. */
export type DropReason =
  /** Its bytes do not decode, and it is no request that could be told from others. */
  | 'undecodable'
  /** An answer that nobody waits for. */
  | 'unmatchedAnswer'
  /** A type that the standard does not answer, such as a notification or an edition that the station does not speak. */
  | 'unanswerable'
  /** The commit's outcome was not known by the deadline; the acquirer reverses. */
  | 'unresolved'
  /** Its message authentication code is wrong or missing, and nobody waits for an answer. */
  | 'unauthentic'
  /** The answer could not be written in the station's format. */
  | 'unencodable'
  /** The connection was gone before the answer, or the answer is longer than the station's framing can say. */
  | 'undeliverable';

export interface DecidedEvent {
  readonly station: string;
  readonly mti: string;
  readonly class: MessageClass;
  readonly responder: Responder;
  readonly reason: Reason;
  /** Why stand-in decided; empty where it did not. */
  readonly standInReason: string;
  readonly note: 'repeat' | 'duplicate' | undefined;
  readonly elapsedMs: number;
  /** For a log that looks for one message. */
  readonly id: string;
  readonly stan: string;
  readonly rrn: string;
  readonly maskedPan: string;
}

export interface SwitchEvents {
  /** @param type four digits; `other` for all types that stations of this edition do not know */
  received(station: string, type: string): void;
  decided(event: DecidedEvent): void;
  dropped(station: string, reason: DropReason, detail: string): void;
  /** Answered without being taken: 9102, a type that the station may not send or that is not known; 9100, bytes that do not decode. */
  refused(station: string, type: string, reason: Reason, detail: string): void;
  /** A file action was answered with this action code of ISO 8583:2003. @param token of the card; empty: none was carried @param detail for people */
  fileAction(station: string, operation: string, action: string, detail: string, token: string): void;
  /** @param detail why it was not accepted, where more is known than that it is not supported */
  networkManagement(station: string, what: string, accepted: boolean, detail: string): void;
  /** An echo of ours was answered after so long, or not at all. */
  echoed(station: string, connectionId: number, elapsedMs: number | undefined): void;
  /** A business day ended. @param businessDate digits as named; empty: not named */
  cutOver(station: string, businessDate: string, by: 'peer' | 'us'): void;
  /** A key of ours was brought to the station, or was not taken there. */
  keyRenewed(station: string, purpose: string, accepted: boolean, detail: string): void;
  /**
   * Requests may, or may no longer, be sent on the connection.
   * @param signed somebody signed on or off, or was signed on and is gone; false where nobody has to, and a connection only came or went
   */
  usable(station: string, connectionId: number, usable: boolean, signed: boolean): void;
  /** Fields or tags that the spec does not define were kept. */
  unknownContent(station: string, count: number): void;
}
