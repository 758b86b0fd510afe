/** Dates and times of the wire: are the digits some? Nothing here knows what time it is. */

const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function pair(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

/** MMDD at a place; 29 February always, for want of a year. */
export function isMonthDay(text: string, at: number): boolean {
  const month = pair(text, at);
  const day = pair(text, at + 2);
  return month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth[month - 1]!;
}

/** hhmmss at a place. */
export function isTime(text: string, at: number): boolean {
  const hour = pair(text, at);
  const minute = pair(text, at + 2);
  const second = pair(text, at + 4);
  return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59;
}

/** MMDDhhmmss. */
export function isTransmissionTime(text: string): boolean {
  return text.length === 10 && isMonthDay(text, 0) && isTime(text, 4);
}

/** YYMMDDhhmmss or CCYYMMDDhhmmss, by length. */
export function isDateTime(text: string, length: 12 | 14): boolean {
  const month = length - 10;
  return text.length === length && pair(text, 0) >= 0 && pair(text, month - 2) >= 0 && isMonthDay(text, month) && isTime(text, length - 6);
}

/** YYMM. */
export function isExpiry(text: string): boolean {
  const month = pair(text, 2);
  return text.length === 4 && pair(text, 0) >= 0 && month >= 1 && month <= 12;
}
