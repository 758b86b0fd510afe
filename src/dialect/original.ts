/**
 * What a message says of an earlier one.
 *
 *   1987  DE90  | MTI 4 | STAN 6  | DE7 10   | acquirer 11     | forwarding 11 |
 *   1993  DE56  | MTI 4 | STAN 6  | DE12 12  | (LL) acquirer ..11 |
 *   2003  DE56  | MTI 4 | STAN 12 | DE12 14  | (LL) acquirer ..11 |
 *
 * The acquirer of DE56 comes with or without its two digits of length: both are in use, and what fits says which.
 */
import type { Message } from '../iso8583/codec.ts';
import type { MessageClass, OriginalReference, Version } from '../message/message.ts';
import { institution, isDigits, withoutZeros } from './digits.ts';
import type { Faults } from './faults.ts';
import { cardClassOfMti } from './mti.ts';

/** Undefined where absent, filled with zeros, or faulty. */
export function readOriginal(message: Message, version: Version, faults: Faults): OriginalReference | undefined {
  const field = version === '1987' ? 90 : 56;
  const text = message.text(field);
  if (text === undefined) return undefined;
  if (!isDigits(text)) {
    faults.add(field, 'original data elements are digits');
    return undefined;
  }
  if (isZeros(text)) return undefined;
  const original = version === '1987' ? parse1987(text) : parse(text, version === '1993' ? 6 : 12, version === '1993' ? 12 : 14);
  if (original === undefined) faults.add(field, 'original data elements are incomplete, or name no card transaction');
  return original;
}

function isZeros(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) !== 48) return false;
  return true;
}

function parse1987(text: string): OriginalReference | undefined {
  if (text.length !== 42) return undefined;
  const type = parseType(text);
  return type === undefined ? undefined : {
    ...type,
    stan: withoutZeros(text.slice(4, 10)),
    transmittedAt: orEmpty(text.slice(10, 20)),
    localAt: '',
    acquirer: institution(text.slice(20, 31)),
  };
}

function parse(text: string, stanDigits: number, localDigits: number): OriginalReference | undefined {
  const acquirerAt = 4 + stanDigits + localDigits;
  const type = parseType(text);
  if (type === undefined || text.length < acquirerAt) return undefined;
  const rest = text.length - acquirerAt;
  const hasLength = rest >= 2 && Number(text.slice(acquirerAt, acquirerAt + 2)) === rest - 2;
  if (!hasLength && rest > 11) return undefined;
  return {
    ...type,
    stan: withoutZeros(text.slice(4, 4 + stanDigits)),
    transmittedAt: '',
    localAt: orEmpty(text.slice(4 + stanDigits, acquirerAt)),
    acquirer: institution(text.slice(hasLength ? acquirerAt + 2 : acquirerAt)),
  };
}

function parseType(mti: string): { class: MessageClass; function: 'request' | 'advice' } | undefined {
  const of = cardClassOfMti(mti);
  const digit = mti.charCodeAt(2) - 48;
  if (of === undefined || (digit !== 0 && digit !== 2 && digit !== 4)) return undefined;
  return { class: of, function: digit === 0 ? 'request' : 'advice' };
}

function orEmpty(digits: string): string {
  return isZeros(digits) ? '' : digits;
}
