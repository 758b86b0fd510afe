/**
 * What a decoded message says, free of its version and of field numbers: the wire's part of a CardMessage, a network
 * management message, an answer, or something that the switch does not take.
 *
 * Invariant: no value here prints clear card data. PAN, PIN block and verification values are objects of masked types.
 */
import type { CardMessage, MessageClass, MessageFunction, Version } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Pan } from '../message/pan.ts';
import type { Reason } from '../message/reason.ts';
import type { Secret } from '../message/secret.ts';

export type Meaning = CardMeaning | NetworkMeaning | ResponseMeaning | UnsupportedMeaning;

/** What a CardMessage takes from the wire as it is. A reversal's `amount` is what its original claimed. */
type FromWire = Pick<
  CardMessage,
  | 'kind' | 'version' | 'mti' | 'class' | 'function' | 'repeat' | 'trace' | 'rrn' | 'purpose' | 'processingCode' | 'amount' | 'billing' | 'actualMinor'
  | 'partialAllowed' | 'approvalCode' | 'advisedDecline' | 'original' | 'cardPresent' | 'entryMode' | 'fault' | 'fingerprint'
>;

/** Everything of a CardMessage that comes from the wire. */
export interface CardMeaning extends FromWire {
  /** Undefined only with a fault. */
  readonly pan: Pan | undefined;
  /** YYMM. */
  readonly expiry: string | undefined;
  readonly trackExpiry: string | undefined;
  readonly pin: CarriedPin | undefined;
  /** Of a PIN change: the block with the new PIN, under the same key as the other. */
  readonly newPinBlock: Secret<string> | undefined;
  readonly cardValue: CarriedCardValue | undefined;
  /** Of a PIN: digits after the service code of track 2, where its issuer may have a reference of it. Absent: no such track, or one made anew for this payment. */
  readonly trackDiscretionary?: Secret<string> | undefined;
  /** What a chip and its terminal say (DE55), without the tags that hold card data. Undefined: no cryptogram was carried. */
  readonly chip: ReadonlyMap<string, string> | undefined;
  /** Two or three digits of DE23 or tag 5F34, as two; empty where absent. */
  readonly panSequence: string;
  readonly authentication: CarriedAuthentication | undefined;
  readonly merchant: Omit<CardMessage['merchant'], 'groups'>;
}

/** The PIN block (DE52), and what the message says of its form and key (DE53). */
export interface CarriedPin {
  /** Upper-case hexadecimal: 8 bytes, or 16. */
  readonly block: Secret<string>;
  /** ISO 9564-1 format; undefined: the message does not say. */
  readonly format: 0 | 1 | 3 | 4 | undefined;
  /** Key serial number of a terminal that derives its keys (DUKPT), hexadecimal; empty where there is none. */
  readonly keySerial: string;
}

/** The verification value that is to be checked, with what its calculation takes besides the PAN. */
export type CarriedCardValue =
  | {
      readonly kind: 'cvv' | 'icvv' | 'cvv2';
      /** Three or four digits. */
      readonly value: Secret<string>;
      /** YYMM that the value was made with, as carried (the track's for cvv and icvv, DE14 for cvv2); undefined: not carried. */
      readonly expiry: string | undefined;
      /** The track's for cvv; 999 for icvv; 000 for cvv2. */
      readonly serviceCode: string;
    }
  /** A track that a contactless chip made for this payment: where in it the value and the counter are is the program's rule. */
  | {
      readonly kind: 'contactlessStripe';
      readonly expiry: string;
      readonly serviceCode: string;
      /** Digits after the service code. */
      readonly discretionary: Secret<string>;
    };

/** A cardholder authentication value with what goes with it. */
export interface CarriedAuthentication {
  /** Twenty bytes, upper-case hexadecimal (base64 on the wire is read as that). */
  readonly value: Secret<string>;
  /** Directory server transaction id; empty where not carried. */
  readonly transactionId: string;
}

/** A key that a key change brings (x8xx). */
export interface CarriedKey {
  readonly purpose: 'pin' | 'mac';
  /** `block`: a TR-31 key block; `ecb`: under the zone's key-encrypting key in ECB mode, hexadecimal. */
  readonly form: 'block' | 'ecb';
  readonly text: Secret<string>;
  /** Check value as sent; empty where none was. */
  readonly kcv: string;
}

/** What an issuer wants of those who stand in for it: its advices sent, or held; requests kept from it, or let through again. */
export type IssuerOrder = 'startAdvices' | 'stopAdvices' | 'speedAdvices' | 'enterSuppressInquiry' | 'leaveSuppressInquiry';

export const issuerOrders: readonly IssuerOrder[] = ['startAdvices', 'stopAdvices', 'speedAdvices', 'enterSuppressInquiry', 'leaveSuppressInquiry'];

export function isIssuerOrder(what: NetworkFunction): what is IssuerOrder {
  return (issuerOrders as readonly string[]).includes(what);
}

/** `other`: a code that the dialect does not know, or none. */
export type NetworkFunction = 'signOn' | 'signOff' | 'echo' | 'keyChange' | 'cutover' | IssuerOrder | 'other';

/** A request or advice of network management (x8xx); its answers are a ResponseMeaning of class `network`. */
export interface NetworkMeaning {
  readonly kind: 'network';
  readonly version: Version;
  readonly mti: string;
  readonly function: NetworkFunction;
  /** DE70 of 1987, DE24 of the others; empty where absent. */
  readonly code: string;
  /** False for a notification. */
  readonly answerable: boolean;
  /** The business day that a cut-over names, digits as they came: MMDD, YYMMDD or CCYYMMDD; empty where it names none. */
  readonly businessDate: string;
  /** DE11 without leading zeros; empty where absent. */
  readonly stan: string;
  readonly transmittedAt: string;
  /** Of a key change; undefined: none, or not where the dialect has it. */
  readonly key: CarriedKey | undefined;
  /** Why what stands where a key would is none, in words that show nothing of it; empty where there is a key, or nothing. */
  readonly keyFault: string;
}

/** What an answer answers: MTI position 2. */
export type AnsweredClass = MessageClass | 'network' | 'other';

/** An answer (MTI position 3 odd), with what its request is found by. */
export interface ResponseMeaning {
  readonly kind: 'response';
  readonly version: Version;
  readonly mti: string;
  readonly class: AnsweredClass;
  readonly function: MessageFunction;
  /** DE11 without leading zeros; empty where absent. */
  readonly stan: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly rrn: string;
  /** DE39 as it came; empty where absent. */
  readonly responseCode: string;
  /** The action code of ISO 8583:2003 that it stands for; empty where the link's map does not know it. */
  readonly action: string;
  /** The same as a reason of ours, where there is one. */
  readonly reason: Reason | undefined;
  /** The transaction goes ahead, or the message was accepted. */
  readonly approved: boolean;
  readonly approvalCode: string;
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
}

/** A message type, or an edition of the standard, that this switch does not take. */
export interface UnsupportedMeaning {
  readonly kind: 'unsupported';
  readonly version: Version;
  readonly mti: string;
  /** May it be answered (`draftRefusal`, reason 9102), or is it dropped and counted? */
  readonly answerable: boolean;
  /** What it is told apart by, for a log; empty where absent. */
  readonly stan: string;
  readonly rrn: string;
  readonly acquirer: string;
  readonly terminal: string;
  /** DE2, where it is one. */
  readonly pan: Pan | undefined;
}
