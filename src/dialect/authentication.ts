/** The cardholder authentication value of e-commerce (CAVV, AAV): twenty bytes, however a network writes them. */
import type { Message } from '../iso8583/codec.ts';
import { Secret } from '../message/secret.ts';
import type { Dialect } from './dialect.ts';
import { isHex } from './digits.ts';
import type { CarriedAuthentication } from './meaning.ts';
import { firstText, placeText } from './places.ts';

/** A directory server transaction id is a UUID. */
const transactionIdLength = 36;

/** A value that is none of the forms is carried on as it came: that it is malformed is for its check to say. */
export function readAuthentication(message: Message, dialect: Dialect): CarriedAuthentication | undefined {
  for (const place of dialect.authentication.values) {
    if (!message.has(place.field)) continue;
    const text = placeText(message, place, 'hex');
    if (text === undefined || text === '') continue;
    // A place of bytes may hold the characters of either form as well.
    const value = bytesOf(text) ?? bytesOf(placeText(message, place, 'characters') ?? '') ?? text;
    const transactionId = firstText(message, dialect.authentication.transactionIds, 'characters');
    return { value: new Secret(value), transactionId: transactionId.length === transactionIdLength ? transactionId : '' };
  }
  return undefined;
}

/** Forty hexadecimal digits, or twenty-eight characters of base64, as upper-case hexadecimal; undefined where it is neither. */
function bytesOf(text: string): string | undefined {
  if (text.length === 40 && isHex(text)) return text.toUpperCase();
  return text.length === 28 ? hexOfBase64(text) : undefined;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Twenty bytes: twenty-seven characters and one `=`. */
function hexOfBase64(text: string): string | undefined {
  if (!text.endsWith('=')) return undefined;
  let hex = '';
  let bits = 0;
  let held = 0;
  for (let at = 0; at < 27; at++) {
    const sextet = alphabet.indexOf(text.charAt(at));
    if (sextet < 0) return undefined;
    held = ((held << 6) | sextet) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    hex += ((held >> bits) & 0xff).toString(16).toUpperCase().padStart(2, '0');
  }
  return hex;
}
