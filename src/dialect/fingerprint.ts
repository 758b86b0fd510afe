/**
 * A short digest of the contents that a repeat must share with its first sending: 53 bits, not cryptographic. It tells an accident
 * (a trace number used twice) from a repeat; it protects against nobody who means harm, and is made of nothing secret.
 */
import type { Message } from '../iso8583/codec.ts';

/** Over the class of the message and the fields in their order, absent ones included. Base 36, at most 11 characters. */
export function fingerprintOf(message: Message, fields: readonly number[]): string {
  let high = 0xdeadbeef ^ message.mti.charCodeAt(1);
  let low = 0x41c6ce57 ^ message.mti.charCodeAt(1);
  for (const field of fields) {
    const text = message.text(field) ?? '';
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      high = Math.imul(high ^ code, 2654435761);
      low = Math.imul(low ^ code, 1597334677);
    }
    // A separator outside the range of characters, so that contents don't run together.
    high = Math.imul(high ^ 0x10000, 2654435761);
    low = Math.imul(low ^ 0x10000, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}
