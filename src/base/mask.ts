/**
 * How digits look where a person reads them. It fails closed: what it does not understand is hidden whole.
 * Invariants: a masked number hides at least six digits and shows at most its first six and last four; masking twice changes nothing.
 */
import { luhnValid } from './luhn.ts';

const hiddenMin = 6;
const shownFirstMax = 6;
const shownLastMax = 4;

/** Shorter numbers are left alone in texts: an RRN has twelve digits, and one in ten of them would be masked. */
const cardDigitsMin = 13;
const cardDigitsMax = 19;
const textCharactersMax = 8192;

/** First six and last four digits of a long number (`476173******0011`); a shorter one shows fewer; `[masked]` for anything but digits. */
export function maskDigits(digits: string): string {
  for (let index = 0; index < digits.length; index++) {
    const code = digits.charCodeAt(index);
    if (code < 48 || code > 57) return '[masked]';
  }
  const showable = Math.max(0, digits.length - hiddenMin);
  const last = Math.min(shownLastMax, showable);
  const first = Math.min(shownFirstMax, showable - last);
  return digits.slice(0, first) + '*'.repeat(digits.length - first - last) + digits.slice(digits.length - last);
}

/** Thirteen digits and more, whatever blanks, dashes, dots and the like are between them: also ASCII or BCD bytes written in hex. */
const digitRun = /\d(?:[\s\-._/]{0,2}\d){12,}/g;
/** The same as EBCDIC bytes written in hex. */
const ebcdicRun = /(?:F\d[\s\-._/]{0,2}){13,}/gi;

/**
 * The text with all that could be a card number masked, alone or within a longer run of digits (a track, a message in hex).
 * A number that passes Luhn by chance is masked like a card. Longer texts are cut at 8,192 characters.
 */
export function maskText(text: string): string {
  if (text.length < cardDigitsMin) return text;
  const bounded = text.length <= textCharactersMax ? text : cut(text);
  return bounded.replace(ebcdicRun, '[masked]').replace(digitRun, maskRun);
}

/** A number alone, or in the groups that are printed on a card, with no further digit beside it. */
const cardForm = /(?<!\d)(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5})(?!\d)/g;
/** A UUID or a digest in hex has long runs of digits by chance. */
const hexId = /^[0-9A-F-]{32,}$/i;

/**
 * Is there a card number in the text: 13 to 19 digits that pass Luhn? It says no where `maskText` masks for caution's sake: of parts of longer numbers, and
 * of numbers that begin with 0 or 1, which no payment card's does, but every time in milliseconds and many a counter's.
 */
export function holdsCardNumber(text: string): boolean {
  if (text.length < cardDigitsMin || hexId.test(text)) return false;
  return (text.match(cardForm) ?? []).some((form) => form[0]! >= '2' && luhnValid(form.replace(/\D/g, '')));
}

function maskRun(run: string): string {
  const digits = run.replace(/\D/g, '');
  return couldHoldCard(digits) ? maskDigits(digits) : run;
}

/** Could any part of it be a card number? A run longer than any card number is taken for a track or a message. */
function couldHoldCard(digits: string): boolean {
  if (digits.length > cardDigitsMax) return true;
  for (let start = 0; start + cardDigitsMin <= digits.length; start++) {
    for (let end = start + cardDigitsMin; end <= digits.length; end++) {
      if (luhnValid(digits.slice(start, end))) return true;
    }
  }
  return false;
}

/** Where a text is cut, the first part of a number must not stay behind unrecognized. */
function cut(text: string): string {
  let end = textCharactersMax;
  while (end > 0 && /[\dF\s\-._/]/i.test(text[end - 1]!)) end--;
  return `${text.slice(0, end)}[cut]`;
}
