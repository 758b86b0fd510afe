/**
 * Holds that ran out: what they keep back is available again. Expiry is a message like any other, so it happens once.
 */
import type { Account } from './account.ts';
import { evolve } from './account.ts';
import { Change } from './change.ts';
import { plainResponse } from './decision.ts';
import type { Decision } from './decision.ts';
import type { ExpiryEntry } from './journal.ts';
import type { Records } from './locate.ts';
import { decodeRecord } from './record.ts';

export interface ExpireMessage {
  readonly kind: 'expire';
  readonly id: string;
  readonly accountId: string;
  /** The record that is due. */
  readonly recordId: string;
  /** Holds that ran out at or before this have run out. */
  readonly nowMs: number;
  readonly recordDays: number;
}

/** Expires the first open hold of the record whose time has come; a record with several stays due and is asked again. */
export function expire(account: Account | undefined, message: ExpireMessage, records: Records): Decision {
  const nothing: Decision = { kind: 'decided', response: plainResponse('0000'), change: undefined, note: undefined };
  const text = records.get(message.recordId);
  if (text === undefined) return { kind: 'read', ids: [message.recordId] };
  if (text === null || account === undefined) return nothing;
  const leg = decodeRecord(message.recordId, text).legs.find((candidate) => candidate.state === 'open' && candidate.expiresAtMs <= message.nowMs);
  if (leg === undefined) return nothing;
  const change = new Change(account, records, message.recordDays, message.nowMs);
  change.put(message.recordId, { ...leg, state: 'expired', changedAtMs: message.nowMs });
  if (leg.guarded) change.guard(leg.nowMinor, 0, leg.creditRate);
  const entry: ExpiryEntry = {
    kind: 'expiry', accountId: account.id, sequence: account.version + 1, id: message.id, receivedAtMs: message.nowMs, decidedAtMs: message.nowMs,
    effects: change.effects, records: change.records, originalId: leg.id,
    hold: { id: leg.id, state: 'expired', heldMinor: 0, expiresAtMs: leg.expiresAtMs },
  };
  return { kind: 'decided', response: plainResponse('0000'), change: { entry, account: evolve(account, entry), once: [], guardMayRefuse: false }, note: undefined };
}
