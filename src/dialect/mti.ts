/**
 * Message type identifiers (ISO 8583:1987 4.1, 1993 and 2003 5.1): edition, class, function, origin. Nothing here allocates.
 */
import type { MessageClass, Version } from '../message/message.ts';

/** The edition that the first digit names. */
export function versionOfMti(mti: string): Version | undefined {
  switch (mti.charCodeAt(0)) {
    case 48: return '1987';
    case 49: return '1993';
    case 50: return '2003';
    default: return undefined;
  }
}

/** Is it an answer: a request response, an advice response, an acknowledgement (odd third digit)? */
export function isAnswer(mti: string): boolean {
  return (mti.charCodeAt(2) & 1) === 1;
}

/** Does its sender wait for an answer: request, advice or (2003) instruction? */
export function isRequest(mti: string): boolean {
  const digit = mti.charCodeAt(2);
  return digit === 48 || digit === 50 || digit === 54;
}

/** x1x1, x1x3, x1x5: sent before. */
export function isRepeat(mti: string): boolean {
  const digit = mti.charCodeAt(3);
  return digit === 49 || digit === 51 || digit === 53;
}

/** 0423 → 0422, 1620 → 1620. */
export function typeSentFirst(mti: string): string {
  return mti.slice(0, 3) + String.fromCharCode(mti.charCodeAt(3) & ~1);
}

/** The same type, as it is sent again. */
export function typeSentAgain(mti: string): string {
  return mti.slice(0, 3) + String.fromCharCode(mti.charCodeAt(3) | 1);
}

/** The type that answers: 0100 and 0101 → 0110, 0421 → 0430, 1804 → 1814. Undefined where nothing is answered: notifications, answers. */
export function answerMti(mti: string): string | undefined {
  if (mti.length !== 4 || !isRequest(mti)) return undefined;
  return mti.slice(0, 2) + String.fromCharCode(mti.charCodeAt(2) + 1, mti.charCodeAt(3) & ~1);
}

/** The class of an acquirer's or third party's card message (x1xx, x2xx, x4xx); undefined for all others, chargebacks among them. */
export function cardClassOfMti(mti: string): MessageClass | undefined {
  const origin = mti.charCodeAt(3);
  if (origin === 50 || origin === 51) return undefined;
  switch (mti.charCodeAt(1)) {
    case 49: return 'authorization';
    case 50: return 'financial';
    case 52: return 'reversal';
    default: return undefined;
  }
}
