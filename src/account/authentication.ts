/**
 * Cardholder authentication values (CAVV, AAV) are used once. What is known of one is a small record in the account, by a digest of the
 * value, that an approval writes and nothing takes away: an attempt that was declined may be made again with the same value, one that was
 * approved may not, also when it was reversed. A new value is taken for unused, and the commit is told that its record must not exist.
 */
import type { CardMessage } from '../message/message.ts';

/** Longer than a merchant may present a value after its cardholder was authenticated (90 days). */
export const authenticationDays = 120;

/** The record of the message's authentication value; undefined: it has none that counts. */
export function authenticationId(accountId: string, { authentication }: CardMessage): string | undefined {
  return authentication?.outcome === 'match' ? `${accountId}$${authentication.useId}` : undefined;
}
