import type { CheckResult } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import { BookUnavailable, type Queries } from './book.ts';

/** How a person names a transaction. An id is a message id. */
export type TraceBy = 'rrn' | 'stan' | 'approvalCode' | 'id';

export interface TracedHold {
  readonly id: string;
  readonly state: 'open' | 'completed' | 'reversed' | 'expired';
  readonly heldMinor: number;
  readonly currency: string;
  readonly expiresAtMs: number;
  readonly openedAtMs: number;
  readonly closedAtMs: number | undefined;
}

export interface TracedPosting {
  readonly ledger: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface TracedTransaction {
  readonly id: string;
  readonly version: string;
  readonly mti: string;
  readonly class: string;
  readonly function: string;
  readonly purpose: string;
  readonly station: string;
  readonly acquirer: string;
  readonly stan: string;
  readonly rrn: string;
  readonly terminal: string;
  readonly merchant: { readonly category: string; readonly id: string; readonly name: string };
  readonly processingCode: string;
  readonly entryMode: string;
  readonly maskedPan: string;
  readonly cardToken: string;
  readonly amount: Amount | undefined;
  readonly billing: Amount | undefined;
  readonly decidedBy: string;
  readonly approved: boolean;
  readonly reason: string;
  readonly reasonName: string;
  readonly reasonText: string;
  readonly approvalCode: string;
  readonly checks: readonly CheckResult[];
  readonly flags: readonly string[];
  /** DE7 and local time, digits as they came. */
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly receivedAtMs: number;
  readonly decidedAtMs: number;
  readonly bookedAtMs: number;
  readonly accountId: string;
  readonly sequence: number;
  readonly originalId: string | undefined;
  readonly heldChangeMinor: number;
  readonly ledgerChangeMinor: number;
  readonly postings: readonly TracedPosting[];
}

export interface TracedExpiry {
  readonly id: string;
  readonly originalId: string;
  readonly decidedAtMs: number;
  readonly heldChangeMinor: number;
}

/** Everything that belongs to one purchase, from its authorization to its end, in the order in which it was decided. */
export interface Story {
  readonly transactions: readonly TracedTransaction[];
  readonly holds: readonly TracedHold[];
  readonly expiries: readonly TracedExpiry[];
}

/**
 * The stories that contain a transaction so named, latest first; several where the name was used again (a STAN comes around).
 *
 * @param most stories at most
 */
export async function trace(queries: Queries, by: TraceBy, value: string, most: number): Promise<readonly Story[]> {
  await queries.query('select 1');
  throw new BookUnavailable(`${by} ${value} cannot be traced yet (${most})`);
}
