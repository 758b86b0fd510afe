/**
 * The Luhn check digit (ISO/IEC 7812-1 annex B), on digits as text. Pure; anything but digits is not valid.
 */

/** Sum of the digits, every second one doubled, counted from the right; `double` says whether the last one is. -1: not all digits. */
function luhnSum(digits: string, doubleLast: boolean): number {
  let sum = 0;
  let double = doubleLast;
  for (let index = digits.length - 1; index >= 0; index--) {
    const digit = digits.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return -1;
    const weighted = double ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
    double = !double;
  }
  return sum;
}

/** Whether the last digit is the check digit of those before it. Any length from one; false for anything that is not digits. */
export function luhnValid(digits: string): boolean {
  return digits.length > 0 && luhnSum(digits, false) % 10 === 0;
}

/** The one digit that makes `digits` followed by it valid; undefined where `digits` is empty or holds anything but digits. */
export function luhnDigit(digits: string): string | undefined {
  const sum = digits.length === 0 ? -1 : luhnSum(digits, true);
  return sum < 0 ? undefined : String((10 - (sum % 10)) % 10);
}
