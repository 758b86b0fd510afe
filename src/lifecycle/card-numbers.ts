/**
 * New card numbers: sixteen digits (ISO/IEC 7812-1), drawn evenly over a program's ranges, and the months that a card is valid for.
 *
 * Refuses a program whose ranges leave no number. Invariant: what is drawn has its check digit, and belongs to the program also where a
 * narrower range within its own is another's.
 */
import { businessCalendar } from '../base/calendar.ts';
import { luhnDigit } from '../base/luhn.ts';
import { Pan } from '../message/pan.ts';
import type { RandomBytes } from './ids.ts';
import type { ProgramFacts } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';

/** Digits before the check digit. */
const bodyDigits = 15;
const drawsMax = 1_000;

type Ranged = Pick<ProgramFacts, 'name' | 'ranges'>;

/**
 * A number of the program, never the same on purpose; whether it was drawn before only the book can say.
 *
 * @param programs all of them: another's range may be an exception within this one's
 * @throws LifecycleRefused 422 `RANGE_EMPTY`
 */
export function drawPan(program: string, programs: readonly Ranged[], randomBytes: RandomBytes): Pan {
  const own = programs.find(({ name }) => name === program)?.ranges.filter(({ from }) => from.length <= bodyDigits + 1) ?? [];
  const spans = own.map(({ from, to }) => ({ first: bounded(from, '0'), last: bounded(to, '9') }));
  const total = spans.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
  for (let draw = total === 0n ? drawsMax : 0; draw < drawsMax; draw += 1) {
    let place = drawBelow(total, randomBytes);
    const span = spans.find(({ first, last }) => {
      const size = last - first + 1n;
      if (place < size) return true;
      place -= size;
      return false;
    });
    const body = String((span?.first ?? 0n) + place).padStart(bodyDigits, '0');
    const digits = `${body}${luhnDigit(body) ?? ''}`;
    const pan = programOf(digits, programs) === program ? Pan.parse(digits) : undefined;
    if (pan !== undefined) return pan;
  }
  throw new LifecycleRefused(422, 'RANGE_EMPTY', 'the program has no range of card numbers of sixteen digits');
}

/** The program whose narrowest range has the number. */
function programOf(digits: string, programs: readonly Ranged[]): string | undefined {
  let found: { readonly name: string; readonly length: number } | undefined;
  for (const { name, ranges } of programs) {
    for (const { from, to } of ranges) {
      const prefix = digits.slice(0, from.length);
      if (prefix >= from && prefix <= to && from.length > (found?.length ?? 0)) found = { name, length: from.length };
    }
  }
  return found?.name;
}

function bounded(prefix: string, fill: string): bigint {
  return BigInt(prefix.slice(0, bodyDigits).padEnd(bodyDigits, fill));
}

/** Evenly from 0 to below the bound: what would favour some numbers is drawn again. */
function drawBelow(bound: bigint, randomBytes: RandomBytes): bigint {
  const all = 1n << 64n;
  const fair = all - (all % bound);
  for (;;) {
    const drawn = randomBytes(8).readBigUInt64BE();
    if (drawn < fair) return drawn % bound;
  }
}

/** By time zone: to make one takes longer than all else that a number takes. There are no more of them than time zones. */
const calendars = new Map<string, ReturnType<typeof businessCalendar>>();

function calendarOf(timeZone: string): ReturnType<typeof businessCalendar> {
  const known = calendars.get(timeZone) ?? businessCalendar(timeZone);
  calendars.set(timeZone, known);
  return known;
}

/**
 * YYMM of the last month of a card that is made now (Unix ms).
 * @param validMonths 1 to 240, this month among them
 * @param timeZone whose month it is: the program's, as it is when the card's expiry is looked at
 */
export function expiryOf(atMs: number, { validMonths, timeZone }: { readonly validMonths: number; readonly timeZone: string }): string {
  const month = 1_970 * 12 + calendarOf(timeZone)(atMs).month + validMonths - 1;
  return `${String(Math.floor(month / 12) % 100).padStart(2, '0')}${String((month % 12) + 1).padStart(2, '0')}`;
}

/** The last day of a YYMM, as ISO 8601 has it: `2031-12-31`. */
export function lastDayOf(expiry: string): string {
  const [year, month] = [2000 + Number(expiry.slice(0, 2)), Number(expiry.slice(2))];
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}
