/**
 * The settings that a dialect is made of, each by itself: where values stand, which codes stand for what, what is echoed, written and handed on.
 * Read from files by load.ts and what it uses; their meaning is told in docs/dialects.md.
 */
import type { EntryMode } from '../message/message.ts';
import type { Condition } from './conditions.ts';
import type { CarriedKey, CarriedPin } from './meaning.ts';

/** What a function code (DE24 of 1993 and 2003) makes of a message; DE3 decides where it is `original`. */
export type FunctionMeaning = 'original' | 'preauthorization' | 'increment' | 'completion' | 'verification' | 'fullReversal' | 'partialReversal';

export const functionMeanings: readonly FunctionMeaning[] = [
  'original', 'preauthorization', 'increment', 'completion', 'verification', 'fullReversal', 'partialReversal',
];

/** Which value of a track may be checked: a chip's track has an iCVV where a stripe has its CVV. `dynamic`: track 2 was made for this payment. */
export type TrackValue = 'cvv' | 'icvv' | 'dynamic' | 'none';

export interface Entry {
  readonly mode: EntryMode;
  readonly cardPresent: boolean;
  readonly trackValue: TrackValue;
}

/** How DE22 tells how the card's data came in. */
export type EntryModes =
  | { readonly form: 'codes'; readonly field: number; readonly at: number; readonly length: number; readonly codes: ReadonlyMap<string, Entry> }
  /** The first rule of which every bit is set. */
  | { readonly form: 'bits'; readonly field: number; readonly rules: readonly { readonly bits: readonly { readonly byte: number; readonly mask: number }[]; readonly entry: Entry }[] };

/** A place where a value may stand (places.ts). `at` and `length` cut it out of what is there, in characters of its text. */
export type ValuePlace =
  | {
      readonly form: 'element';
      readonly field: number;
      readonly element: string;
      /** An element within the element, of two digits of length; undefined: the element itself. */
      readonly part: string | undefined;
      readonly skip: number;
      readonly lengthDigits: number;
      readonly at: number;
      readonly length: number;
    }
  /** A dataset of a composite field of 2003: identifier, two bytes of length, a bitmap of 16 bits; the value is bit 2, four digits in two bytes. */
  | { readonly form: 'dataset'; readonly field: number; readonly dataset: string }
  /** A BER-TLV object of a field, or of a dataset in it. */
  | { readonly form: 'tag'; readonly field: number; readonly dataset: string | undefined; readonly tag: string }
  /** What the message format itself calls a subfield: a number of a bitmapped or positional field. */
  | { readonly form: 'subfield'; readonly field: number; readonly subfield: string; readonly at: number; readonly length: number }
  | { readonly form: 'text'; readonly field: number; readonly at: number; readonly length: number };

/** The value at a place stands for something: a key class, a PIN block format. */
export interface CodePlace<T> {
  readonly place: ValuePlace;
  readonly codes: ReadonlyMap<string, T>;
}

export type PinFormat = NonNullable<CarriedPin['format']>;

export interface PinRules {
  /** The first that holds a block; `format` is its own where no code says one. */
  readonly blocks: readonly { readonly place: ValuePlace; readonly format: PinFormat | undefined }[];
  /** Of a PIN change. */
  readonly newBlocks: readonly ValuePlace[];
  /** The first that is there. `unsaid`: the code says no format. */
  readonly formats: readonly CodePlace<PinFormat | 'unsaid'>[];
  readonly keySerials: readonly ValuePlace[];
}

export interface AuthenticationRules {
  readonly values: readonly ValuePlace[];
  readonly transactionIds: readonly ValuePlace[];
}

export interface KeyChangeRules {
  /** TR-31 key blocks, as characters. */
  readonly blocks: readonly ValuePlace[];
  /** Keys under the zone's key-encrypting key. */
  readonly cryptograms: readonly {
    readonly key: ValuePlace;
    readonly checkValue: ValuePlace | undefined;
    /** Undefined: a key for PINs. */
    readonly purpose: CodePlace<CarriedKey['purpose']> | undefined;
  }[];
  /** Where the answer to a key change tells the check value of the key that was taken; undefined: nowhere. */
  readonly confirmation: ValuePlace | undefined;
}

export interface AmountForm {
  /** `digits`: twelve, with the currency in a field of its own. `composite`: currency, exponent, twelve digits (2003). */
  readonly form: 'digits' | 'composite';
  /** Undefined for `composite`. */
  readonly currencyField: number | undefined;
  readonly billingCurrencyField: number | undefined;
}

export interface AnswerRules {
  /** Taken over from the request where it has them; ascending. */
  readonly echo: readonly number[];
  readonly networkEcho: readonly number[];
  /** Where the number of a faulty field is told on a format error (DE44 of 1987); undefined: nowhere. */
  readonly faultField: number | undefined;
  /** Amount type of DE54 that tells what was asked, on a partial approval; undefined: DE30 does (1993, 2003), or nothing. */
  readonly originalAmountType: string | undefined;
  readonly ledgerAmountType: string;
  readonly availableAmountType: string;
  /** Is the chip told the decision in tag 8A? */
  readonly chipResponseCode: boolean;
}

/** Where the card and its holder are. `notPresent`: the holder is not there, and no more is known; `noCard`: the holder is there without it. */
export type Environment = 'present' | 'noCard' | 'notPresent' | 'mail' | 'recurring' | 'ecommerce';

export const environments: readonly Environment[] = ['present', 'noCard', 'notPresent', 'mail', 'recurring', 'ecommerce'];

/** A place with a code for each name that there is one for. */
export interface NamedCodes {
  readonly place: ValuePlace;
  readonly codes: ReadonlyMap<string, string>;
}

/** A place that can be taken out of a text. */
export type ResultPlace = Extract<ValuePlace, { readonly form: 'text' | 'element' }>;

export interface ForwardRules {
  /** Codes of DE22, the first that has the wanted entry is written. */
  readonly entryCodes: readonly string[];
  /** Written, all of a list, where it is so; read, of each list the first. */
  readonly environments: ReadonlyMap<Environment, readonly Condition[]>;
  readonly pinEntered: readonly Condition[];
  /** How DE43 is laid out: name 25, city 13, country 2; or parts between backslashes; undefined: it is not written. */
  readonly merchantForm: 'columns' | 'backslashes' | undefined;
  /** Why a message is an advice, or a reversal, by the name that the switch has for it. */
  readonly why: NamedCodes | undefined;
  /** Fields of an answer that are handed on where both sides speak one edition. */
  readonly returned: readonly number[];
  /** Where an issuer says how a CVV or iCVV came out: nothing of it is handed on. */
  readonly valueResults: readonly ResultPlace[];
  /** Who answered, or why somebody else did, by the name that the switch has for it. */
  readonly responder: NamedCodes | undefined;
  /** Why stand-in decided, told apart further than `responder` does. */
  readonly standInReason: NamedCodes | undefined;
  /** Where an advice tells the wrong PINs in a row that stand-in has counted, as two digits; undefined: nowhere. */
  readonly wrongPins: ValuePlace | undefined;
}

export const passedKinds = ['chargeback', 'feeCollection', 'fundsDisbursement', 'text'] as const;

export type PassedKind = (typeof passedKinds)[number];

export interface PassedRule {
  readonly kind: PassedKind;
  /** Four digits each, as sent first; the first is written where the other side's is none of them. */
  readonly types: readonly string[];
  /** First two characters of DE3 that make it this; empty: whatever it says. */
  readonly processingCodes: readonly string[];
  /** DE24, where the sender's edition has none; undefined: none. */
  readonly functionCode: string | undefined;
}

export interface ToAcquirerRules {
  readonly kinds: readonly PassedRule[];
  /** Fields that name the institution it is for; the first that is there. */
  readonly destination: readonly number[];
  /** Where a text stands; undefined: nowhere. */
  readonly text: ValuePlace | undefined;
}

export const fileOperations = ['add', 'change', 'delete', 'replace', 'inquire'] as const;

export type FileOperation = (typeof fileOperations)[number];

export interface FileActionRules {
  /** Four digits each, as sent first; the first is what `locum send` sends. */
  readonly types: readonly string[];
  readonly operation: CodePlace<FileOperation>;
  readonly file: ValuePlace;
  /** Names that are the stop list. */
  readonly stopLists: readonly string[];
  /** To lock codes, 1 to 8. */
  readonly reason: CodePlace<number>;
  /** The code that is written for a lock code, where several stand for it. */
  readonly ownReasons: ReadonlyMap<number, string>;
}
