/**
 * Reversals that came ahead of their original: remembered as `absent` legs where the original will look, and applied to it when it comes
 * as they would have been after it. Invariant: which of the two came first makes no difference to the account.
 */
import type { CardMessage } from '../message/message.ts';
import { legType, placeOf } from './record.ts';
import type { Leg, LegPlace, TransactionRecord } from './record.ts';
import { newLeg } from './leg.ts';

const dayMs = 86_400_000;

/** The leg that remembers a reversal for its original. */
export function absentLeg(message: CardMessage, sibling: LegPlace | undefined, nowMs: number): Leg {
  const { original } = message;
  return {
    ...newLeg(message, original === undefined ? '' : legType(original), nowMs),
    id: `${message.id}^`, transmittedAt: original?.transmittedAt ?? '', localAt: original?.localAt ?? '',
    state: 'absent', actualMinor: message.actualMinor ?? 0, parent: sibling,
  };
}

/** Does a remembered reversal say all that another one would? It applies wherever the other does, and leaves no more. */
export function covers(earlier: Leg, later: Leg): boolean {
  if (earlier.state !== 'absent' || earlier.currency !== later.currency) return false;
  if (earlier.amountMinor > later.amountMinor || earlier.actualMinor > later.actualMinor) return false;
  if (later.parent !== undefined) return (earlier.parent?.legId ?? earlier.id) === later.parent.legId;
  return earlier.parent === undefined && earlier.type === later.type && earlier.terminal === later.terminal &&
    earlier.transmittedAt === later.transmittedAt && earlier.localAt === later.localAt;
}

/** Remembered reversals in the record of the message's own trace that mean this message. */
export function aheadOfTrace(record: TransactionRecord | undefined, type: string, { trace, receivedAtMs }: CardMessage): Leg[] {
  return (record?.legs ?? []).filter((leg) => leg.state === 'absent' && leg.parent === undefined && sameTerminal(leg.terminal, trace.terminal) &&
    (leg.type === '' || leg.type[0] === type[0]) &&
    // One that names no time means the next with its STAN, not one of next week.
    (leg.transmittedAt !== '' || leg.localAt !== '' || receivedAtMs - leg.changedAtMs < dayMs) &&
    (leg.transmittedAt === '' || leg.transmittedAt === trace.transmittedAt) &&
    (leg.localAt === '' || leg.localAt === trace.localAt));
}

/** The remembered reversals that go by the same alias as the one that the alias leads to: they are all in its record. */
export function aheadOfAlias(record: TransactionRecord, first: Leg): Leg[] {
  return record.legs.filter((leg) => leg.state === 'absent' && (leg.id === first.id || leg.parent?.legId === first.id));
}

export function siblingOf(recordId: string, first: Leg): LegPlace {
  return first.parent ?? placeOf(recordId, first);
}

/** An absent terminal is any. */
export function sameTerminal(a: string, b: string): boolean {
  return a === '' || b === '' || a === b;
}

/**
 * How much of the message the reversals ahead of it leave, in the transaction's currency; undefined where none applies. One that
 * claims more than the original turns out to be, or another currency, is void, as it would have been refused after it.
 */
export function leftByReversals(ahead: readonly Leg[], message: CardMessage): number | undefined {
  const askedMinor = message.amount?.amountMinor ?? 0;
  const currency = message.amount?.currency ?? '';
  let left: number | undefined;
  for (const leg of ahead) {
    const applies = leg.amountMinor <= askedMinor && leg.actualMinor <= askedMinor && (leg.currency === '' || leg.currency === currency);
    if (applies) left = Math.min(left ?? askedMinor, leg.actualMinor);
  }
  return left;
}
