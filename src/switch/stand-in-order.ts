/** How stand-in is asked to decide: why, and by a ledger that counts alone. */
import type { StandInMessage } from '../issuer/stand-in-message.ts';
import type { SentReference } from '../message/advice.ts';
import type { StandInReason } from '../standin/condition.ts';

export interface StandInOrder {
  readonly why: StandInReason;
  readonly isAvailable: boolean;
  /** The request as the issuer may have got it. */
  readonly sent?: SentReference;
  /** Message id under which it was sent by somebody who did not end it. */
  readonly follows?: string | undefined;
}

/** The issuer is not there for it. */
export function away(why: StandInReason): StandInOrder {
  return { why, isAvailable: false };
}

/** The same for a ledger that counts apart: it has its share of each limit, cannot tell what is left of a deposit, and keeps no advices. */
export function apartFrom(message: StandInMessage, switches: number): StandInMessage {
  if (!('deposit' in message) && message.kind !== 'request') return message;
  const deposit = message.deposit === undefined ? undefined : { ...message.deposit, isOutOfReach: true };
  return message.kind === 'request' ? { ...message, deposit, tell: undefined, facts: { ...message.facts, switchesSharing: switches } } : { ...message, deposit };
}
