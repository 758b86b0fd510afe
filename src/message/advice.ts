/**
 * What a message to an issuer is written from, when it tells what was done in the issuer's place (0120, 0220) or takes back what the
 * issuer may have done (0420). Facts only, and plain JSON: whoever keeps advices on disk keeps these.
 *
 * Refuses secrets by having no place for them: the PAN goes beside it, and no track, PIN block or verification value is ever in it.
 */
import type { EntryMode, MessageClass, OriginalReference, Purpose, Trace } from './message.ts';
import type { Amount } from './money.ts';
import type { Reason } from './reason.ts';

/** A message of ours that a destination may have got, by what it would know it by. */
export interface SentReference {
  readonly class: MessageClass;
  /** It was told by an advice; absent: it was a request. */
  readonly function?: 'advice' | undefined;
  /** Without leading zeros. */
  readonly stan: string;
  /** DE7, ten digits MMDDhhmmss. */
  readonly transmittedAt: string;
  /** DE13 and DE12, or DE12, as the destination's version has it; empty where it has none. */
  readonly localAt: string;
  /** DE32 without leading zeros; empty where absent. */
  readonly acquirer: string;
}

export interface AdviceContent {
  /** What the acquirer sent: its class, and the local time and terminal that the issuer is told. */
  readonly trace: Trace;
  readonly rrn: string;
  readonly purpose: Purpose;
  /** Six characters as the acquirer sent them. */
  readonly processingCode: string;
  /** What was asked; of a reversal, what its original claimed. */
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  /** What was approved, where it is less. */
  readonly approved: Amount | undefined;
  /** Reversal: what it came to after all, in minor units; undefined: nothing, all of it is taken back. */
  readonly actualMinor: number | undefined;
  /** The decision. */
  readonly reason: Reason;
  readonly approvalCode: string;
  /** Why the issuer did not decide, or why this is taken back: a name that the destination's dialect has a code for, or else is not told. */
  readonly standInReason: string;
  /** Wrong PINs in a row that stand-in has counted, with this one; absent or 0: this one was not wrong. */
  readonly wrongPins?: number;
  /** YYMM. */
  readonly expiry: string | undefined;
  readonly panSequence: string | undefined;
  readonly entryMode: EntryMode;
  /** DE22 as it was carried; empty where absent. */
  readonly pointOfService: string;
  /** DE25 of 1987 as it was carried; empty where absent. */
  readonly condition: string;
  readonly cardPresent: boolean;
  readonly merchant: {
    readonly category: string;
    readonly id: string;
    /** DE43 as characters; empty where absent or in no form that is read. */
    readonly name: string;
    /** DE19; empty where absent. */
    readonly country: string;
  };
  /** What a reversal, completion or increment is of, as the acquirer names it. */
  readonly original: OriginalReference | undefined;
  /** The request of ours that this takes back or replaces. */
  readonly replaces: SentReference | undefined;
}
