/**
 * How the fields of one station's messages are understood: what a version of ISO 8583 leaves open, or networks do differently.
 * Made by `loadDialect` (load.ts) at start, then only read. The meaning of each setting is told in docs/dialects.md.
 */
import type { EntryMode, MessageClass, Purpose, Version } from '../message/message.ts';
import type { Condition } from './conditions.ts';
import type { FileActionRules } from './file-action.ts';
import type { ForwardRules } from './forward-rules.ts';
import type { CarriedKey, CarriedPin, NetworkFunction } from './meaning.ts';
import type { ReasonMap } from './reason-map.ts';
import type { ToAcquirerRules } from './to-acquirer.ts';

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

export interface Dialect {
  readonly name: string;
  readonly version: Version;
  readonly reasons: ReasonMap;
  /** Fields without which a message of the class is faulty; amounts and card numbers have rules of their own. */
  readonly required: Readonly<Record<MessageClass, readonly number[]>>;
  readonly amounts: AmountForm;
  /** By the first two characters of DE3. */
  readonly processingCodes: ReadonlyMap<string, Purpose>;
  /** By DE24; undefined: the version has no function codes (1987). */
  readonly functionCodes: ReadonlyMap<string, FunctionMeaning> | undefined;
  readonly preauthorization: readonly Condition[];
  readonly completion: readonly Condition[];
  /** Does an approval code in a financial advice of a purchase make it a completion? */
  readonly approvalCodeCompletes: boolean;
  readonly partialApproval: readonly Condition[];
  readonly cardNotPresent: readonly Condition[];
  readonly entryModes: EntryModes;
  readonly cvv2: readonly ValuePlace[];
  readonly pin: PinRules;
  readonly authentication: AuthenticationRules;
  /** Where the verification value starts in a track's discretionary data (after the service code); negative: from its end. */
  readonly track2ValueAt: number;
  readonly track1ValueAt: number;
  /** The first that is there. */
  readonly merchantCategoryFields: readonly number[];
  /** Undefined: the version has the name in a form that is not read (DE43 of 2003). */
  readonly merchantNameField: number | undefined;
  readonly network: {
    readonly field: number;
    readonly codes: ReadonlyMap<string, NetworkFunction>;
    /** The code of our own requests, where several stand for one function; the first of them otherwise. */
    readonly own: ReadonlyMap<NetworkFunction, string>;
    /** Where a cut-over names its business day; undefined: nowhere. */
    readonly dateField: number | undefined;
  };
  readonly keyChange: KeyChangeRules;
  /** Fields whose contents a repeat must share; ascending, never card data. */
  readonly fingerprint: readonly number[];
  readonly answer: AnswerRules;
  /** Of messages to an issuer, and of its answers. */
  readonly forward: ForwardRules;
  /** Of an issuer's messages to acquirers. */
  readonly toAcquirer: ToAcquirerRules;
  /** Of the network to the switch; undefined: none is understood. */
  readonly fileAction: FileActionRules | undefined;
}
