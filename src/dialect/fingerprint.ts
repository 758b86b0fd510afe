/**
 * A short digest of the contents that a repeat must share with its first sending: 53 bits, not cryptographic. It tells an accident
 * (a trace number used twice) from a repeat; it protects against nobody who means harm, and is made of nothing secret.
 */
import type { Message } from '../iso8583/codec.ts';

/**
 * Over the class of the message, what it was understood to want, and the fields in their order, absent ones included. So a sale under
 * the key of a pre-authorization, or an approval under that of a decline, is no repeat, whichever fields said so.
 * @param wants in words of ours, never card data
 * @returns twelve characters, 0 to 9 and a to z
 */
export function fingerprintOf(message: Message, fields: readonly number[], wants: string): string {
  let high = 0xdeadbeef ^ message.mti.charCodeAt(1);
  let low = 0x41c6ce57 ^ message.mti.charCodeAt(1);
  for (let at = -1; at < fields.length; at++) {
    const text = at < 0 ? wants : (message.text(fields[at]!) ?? '');
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
  return base36(high >>> 0, low & 0x1fffff);
}

const digits = Uint8Array.from('0123456789abcdefghijklmnopqrstuvwxyz', (digit) => digit.charCodeAt(0));

/** Five digits of the 21 bits and seven of the 32: many times faster than the runtime's conversion. */
function base36(bits32: number, bits21: number): string {
  const a = (bits32 / 1679616) | 0;
  const b = (bits32 % 1679616) | 0;
  return String.fromCharCode(
    digits[(bits21 / 1679616) | 0]!, digits[((bits21 / 46656) | 0) % 36]!, digits[((bits21 / 1296) | 0) % 36]!, digits[((bits21 / 36) | 0) % 36]!, digits[bits21 % 36]!,
    digits[(a / 1296) | 0]!, digits[((a / 36) | 0) % 36]!, digits[a % 36]!,
    digits[(b / 46656) | 0]!, digits[((b / 1296) | 0) % 36]!, digits[((b / 36) | 0) % 36]!, digits[b % 36]!,
  );
}
