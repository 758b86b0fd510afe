/**
 * Characters and digits as tables: which byte is which character in ASCII and EBCDIC (code page 500, which agrees with 1047 on letters, digits
 * and what payment messages use), which bytes a kind allows, and the text of packed digits.
 */
import type { Kind } from './spec.ts';

/** EBCDIC bytes of the ASCII characters 0x20 to 0x7E, in their order. */
const ebcdicOfPrintable =
  '404F7F7B5B6C507D4D5D5C4E6B604B61F0F1F2F3F4F5F6F7F8F97A5E4C7E6E6F7CC1C2C3C4C5C6C7C8C9D1D2D3D4D5D6D7D8D9E2E3E4E5E6E7E8E9' +
  '4AE05A5F6D79818283848586878889919293949596979899A2A3A4A5A6A7A8A9C0BBD0A1';

/** The EBCDIC byte of an ASCII code; 0 where there is none. */
export const ebcdicOfAscii = new Uint8Array(256);
/** The ASCII code of an EBCDIC byte; 0 where there is none. */
export const asciiOfEbcdic = new Uint8Array(256);
for (let i = 0; i < ebcdicOfPrintable.length / 2; i++) {
  const byte = Number.parseInt(ebcdicOfPrintable.slice(i * 2, i * 2 + 2), 16);
  ebcdicOfAscii[0x20 + i] = byte;
  asciiOfEbcdic[byte] = 0x20 + i;
}

const kindPatterns: Record<Exclude<Kind, 'b'>, RegExp> = {
  n: /[0-9]/,
  a: /[A-Za-z ]/,
  s: /[^0-9A-Za-z]/,
  an: /[0-9A-Za-z ]/,
  as: /[^0-9]/,
  ns: /[^A-Za-z]/,
  ans: /./,
  z: /[0-9=D]/,
  h: /[0-9A-Fa-f]/,
  'x+n': /[0-9]/,
};

/** By ASCII code: 1 where the kind allows the character. x+n stands for the digits after its sign. */
export function asciiAllowed(kind: Exclude<Kind, 'b'>): Uint8Array {
  const allowed = new Uint8Array(256);
  for (let code = 0x20; code < 0x7f; code++) allowed[code] = kindPatterns[kind].test(String.fromCharCode(code)) ? 1 : 0;
  return allowed;
}

/** By EBCDIC byte: 1 where the kind allows the character. */
export function ebcdicAllowed(kind: Exclude<Kind, 'b'>): Uint8Array {
  const ascii = asciiAllowed(kind);
  return Uint8Array.from(asciiOfEbcdic, (code) => (code === 0 ? 0 : ascii[code]!));
}

/** In a table of packed digits: both halves, the high half, the low half of the byte are digits that the kind allows. */
export const bothDigits = 1;
export const highDigit = 2;
export const lowDigit = 4;

/** By byte: which halves are digits of the kind. */
export function packedAllowed(kind: 'n' | 'z' | 'h' | 'x+n'): Uint8Array {
  const is = (nibble: number): boolean => nibble < 10 || kind === 'h' || (kind === 'z' && nibble === 13);
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const high = is(byte >> 4);
    const low = is(byte & 15);
    return (high && low ? bothDigits : 0) | (high ? highDigit : 0) | (low ? lowDigit : 0);
  });
}

/** No digit. */
export const notNibble = 255;

/** The half byte of a character code, for writing packed digits; `notNibble` where the kind has no such digit. */
export function nibbleOfCode(kind: 'n' | 'z' | 'h' | 'x+n'): Uint8Array {
  const nibbles = new Uint8Array(256).fill(notNibble);
  for (let digit = 0; digit < 10; digit++) nibbles[0x30 + digit] = digit;
  if (kind === 'h') for (let digit = 10; digit < 16; digit++) nibbles[0x37 + digit] = nibbles[0x57 + digit] = digit;
  // In packed tracks the separator is D; a draft may write it either way.
  if (kind === 'z') nibbles[0x3d] = nibbles[0x44] = 13;
  return nibbles;
}

/** Hexadecimal digits by character code, either case. */
export const hexNibbleOfCode = nibbleOfCode('h');

const upperHex = '0123456789ABCDEF';

/** The two hexadecimal digits of a byte. */
export const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => upperHex[byte >> 4]! + upperHex[byte & 15]!);

/** The two digits of a byte of a packed track, its separator as '='. */
export const trackPairs: readonly string[] = hexPairs.map((pair) => pair.replaceAll('D', '='));

/** The digit of a half byte. */
export const hexDigits: readonly string[] = Array.from({ length: 16 }, (_, nibble) => upperHex[nibble]!);
export const trackDigits: readonly string[] = hexDigits.map((digit) => (digit === 'D' ? '=' : digit));

/** ASCII codes of the hexadecimal digits. */
export const hexCodes = Uint8Array.from(hexDigits, (digit) => digit.charCodeAt(0));

/** Four-digit message types as text, each made once. */
const mtiTexts: string[] = [];
export function mtiText(value: number): string {
  return (mtiTexts[value] ??= value.toString().padStart(4, '0'));
}
