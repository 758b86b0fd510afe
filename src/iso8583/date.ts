/** Dates and times as the wire writes them: a calendar without years knows February 29. */
import type { DateForm } from './spec.ts';

const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether digits (values 0 to 9) are a date or time of the form. */
export function isDate(form: DateForm, digit: (index: number) => number): boolean {
  const two = (index: number): number => digit(index) * 10 + digit(index + 1);
  let month = 0;
  for (let i = 0; i < form.length; i += 2) {
    const value = two(i);
    switch (form.slice(i, i + 2)) {
      case 'MM':
        if (value < 1 || value > 12) return false;
        month = value;
        break;
      case 'DD':
        if (value < 1 || value > daysOfMonth[month - 1]!) return false;
        break;
      case 'hh':
        if (value > 23) return false;
        break;
      case 'mm':
      case 'ss':
        if (value > 59) return false;
        break;
      default:
        break;
    }
  }
  return true;
}
