/** Reasons to DE39 and back, per edition or station. */
import type { Version } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';

export interface ReasonMap {
  readonly name: string;
  readonly version: Version;
  /** DE39 for a reason: 2, 3 or 4 characters by version. Total. */
  responseCode(reason: Reason): string;
  /** What a counterparty's DE39 means; undefined: not in the map. */
  reason(responseCode: string): Reason | undefined;
  /** Does this DE39 say that the transaction goes ahead, or the message was accepted? Unknown codes do not. */
  approved(responseCode: string): boolean;
}

/** @throws DialectError with file, JSON path and reason */
export function loadReasonMap(_json: unknown, _file: string): ReasonMap {
  throw new Error('not built yet');
}
