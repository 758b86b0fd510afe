/**
 * What is asked of a leg, and how one starts.
 */
import { proportion } from '../message/money.ts';
import type { CardMessage } from '../message/message.ts';
import { shortFingerprint } from './record.ts';
import type { Leg } from './record.ts';

/** A leg for the message as it stands, with no money in it yet. */
export function newLeg(message: CardMessage, type: string, changedAtMs: number): Leg {
  const { trace } = message;
  const amountMinor = message.amount?.amountMinor ?? 0;
  return {
    id: message.id, type, transmittedAt: trace.transmittedAt, localAt: trace.localAt, terminal: trace.terminal,
    fingerprint: shortFingerprint(message.fingerprint), reason: '0000', approvalCode: '', amountMinor, currency: message.amount?.currency ?? '',
    wholeMinor: amountMinor, takenMinor: 0, nowMinor: 0, answeredMinor: amountMinor, billedMinor: 0, state: 'none',
    expiresAtMs: 0, changedAtMs, counted: undefined, guarded: false, balance: undefined, parent: undefined, keptMinor: 0, actualMinor: 0,
  };
}

/** Did it move money, that is still moved? */
export function hasMoney({ state }: Leg): boolean {
  return state === 'open' || state === 'posted' || state === 'added';
}

/** Is it one that added to an authorization? */
export function isIncrement(leg: Leg): boolean {
  return leg.parent !== undefined && leg.type[0] === '1' && (leg.state === 'added' || leg.takenMinor > 0);
}

/** What it comes to now, in the transaction's currency. */
export function standsForMinor(leg: Leg): number {
  const takenMinor = Math.abs(leg.takenMinor);
  const nowMinor = Math.abs(leg.nowMinor);
  return nowMinor === takenMinor ? leg.wholeMinor : proportion(nowMinor, takenMinor, leg.wholeMinor);
}
