/**
 * What is used once. What is known of a use is a small record in the account, by a digest, which nothing takes away while it is kept; what is
 * new is taken for unused, and the commit is told that its record must not exist.
 *
 * - Cardholder authentication values (CAVV, AAV) are used up by an approval: an attempt that was declined may be made again with the same
 *   value, one that was approved may not, also when it was reversed.
 * - A key that a terminal derived for one PIN (ANSI X9.24-1 has the receiver see that a terminal's counter went on) is used up by any judgement
 *   of the PIN, right or wrong, or one message that was heard could be tried again and again.
 */
import type { CardMessage } from '../message/message.ts';

/** Longer than a merchant may present a value after its cardholder was authenticated (90 days). */
export const authenticationDays = 120;

/** The record of the message's authentication value; undefined: it has none that counts. */
export function authenticationId(accountId: string, { authentication }: CardMessage): string | undefined {
  return authentication?.outcome === 'match' ? `${accountId}$${authentication.useId}` : undefined;
}

/** The record of the key that the message's PIN came under; undefined: it was used for no PIN of the card, or is no terminal's. */
export function pinKeyId(accountId: string, { pin }: CardMessage): string | undefined {
  if (typeof pin === 'string' || pin.keyUseId === undefined) return undefined;
  return pin.outcome === 'verified' || pin.outcome === 'wrong' ? `${accountId}%${pin.keyUseId}` : undefined;
}
