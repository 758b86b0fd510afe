/**
 * How the fields of one station's messages are understood: what a version of ISO 8583 leaves open, or networks do differently.
 * Made by `loadDialect` (load.ts) at start, then only read. The meaning of each setting is told in docs/dialects.md.
 */
import type { MessageClass, Purpose, Version } from '../message/message.ts';
import type { Condition } from './conditions.ts';
import type { NetworkFunction } from './meaning.ts';
import type { ReasonMap } from './reason-map.ts';
import type { AmountForm, AnswerRules, AuthenticationRules, EntryModes, FileActionRules, ForwardRules, FunctionMeaning, KeyChangeRules, PinRules, ToAcquirerRules, ValuePlace } from './rules.ts';

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
