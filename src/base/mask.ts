/**
 * How digits look to a person. It fails closed: what it does not understand is hidden whole.
 * Invariant: at least six digits are hidden, and at most the first six and the last four are shown.
 */

const hiddenMin = 6;
const shownFirstMax = 6;
const shownLastMax = 4;

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
