/**
 * What one card has used of stand-in: counts and amounts of approvals by day, month, hours back from now and outage; wrong PINs; and
 * which cryptograms and authentication values came already.
 *
 * It is one head in the store, compared and set like an account's, so that switches which share the store share the limits. Bounded:
 * windows that have passed are dropped, hours are kept in a dozen parts, scopes that no rule counts by go first.
 * Invariant: nothing is forgotten before its window has passed; a window may seem longer by a twelfth, never shorter.
 */
import { assert } from '../base/assert.ts';
import type { Counter, Span } from './rules.ts';

type Used = readonly [count: number, amountMinor: number];

/**
 * Which window it is (days or months since 1970, the outage's id, or the part of a rolling window; they only rise), and behind it a scope with its
 * count and amount for each that was used. A scope that counts one currency is `scope/840`. It is the list that the store keeps: a card has several,
 * and so many cards are known that objects would take most of what is copied for them.
 */
export type Window = Readonly<Counts>;
type Counts = [at: number, ...used: (string | number)[]];

/** The last hours, in parts of a twelfth; those in which nothing was approved are left away. The last is the latest. */
export interface Rolling {
  readonly hours: number;
  readonly parts: readonly Window[];
}

export interface Activity {
  /** Wrong PINs since the last right one. */
  readonly pinTries: number;
  /** Marks of cryptograms and authentication values that came, the latest last. */
  readonly seen: readonly string[];
  readonly day: Window;
  readonly month: Window;
  readonly outage: Window;
  readonly rolling: readonly Rolling[];
}

/** One counter's change by one approval. */
export type Move = readonly [span: Span, at: number, scope: string, count: number, amountMinor: number];

/** When something happens, as windows know it. */
export interface Moment {
  readonly nowMs: number;
  /** Business day and month of the issuer since 1970. */
  readonly day: number;
  readonly month: number;
  readonly outageId: number;
}

/** Scopes that one window keeps; rules that count by more are refused. */
export const scopesMax = 32;
/** A card that is used more often before the issuer is back may come with a value of before these. */
const seenMax = 16;
/** Rolling windows that are kept, of the rules as they are and were. */
const rollingMax = 6;
const parts = 12;
const hourMs = 3_600_000;

const noWindow: Window = [0];

export const newActivity: Activity = { pinTries: 0, seen: [], day: noWindow, month: noWindow, outage: noWindow, rolling: [] };

export function scopeId(scope: string, currency: string | undefined): string {
  return currency === undefined ? scope : `${scope}/${currency}`;
}

/** Which window is the current one. One that is ahead belongs to a switch whose clock is ahead: it stays the current one. */
export function windowAt(activity: Activity, span: Span, moment: Moment): number {
  switch (span) {
    case 'day': return Math.max(moment.day, activity.day[0]);
    case 'month': return Math.max(moment.month, activity.month[0]);
    case 'outage': return Math.max(moment.outageId, activity.outage[0]);
    default: {
      const latest = rollingOf(activity, span)?.parts.at(-1)?.[0] ?? 0;
      return Math.max(Math.floor((moment.nowMs * parts) / (span * hourMs)), latest);
    }
  }
}

/** What was used of a scope in the window that is current. */
export function usedOf(activity: Activity, span: Span, scope: string, moment: Moment): readonly [count: number, amountMinor: number] {
  const at = windowAt(activity, span, moment);
  if (typeof span !== 'number') return activity[span][0] === at ? usedIn(activity[span], scope) : nothing;
  let count = 0;
  let amountMinor = 0;
  for (const part of rollingOf(activity, span)?.parts ?? []) {
    if (part[0] < at - parts) continue;
    const [partCount, partMinor] = usedIn(part, scope);
    count += partCount;
    amountMinor += partMinor;
  }
  return [count, amountMinor];
}

const nothing = [0, 0] as const;
/** Places of a scope in a window: its name, count and amount. */
const placesEach = 3;

/** What a window counts of a scope. */
export function usedIn(window: Window, scope: string): Used {
  const at = placeIn(window, scope);
  return at < 0 ? nothing : [window[at + 1] as number, window[at + 2] as number];
}

/** -1: it is not in it. */
function placeIn(window: Window, scope: string): number {
  for (let at = 1; at < window.length; at += placesEach) if (window[at] === scope) return at;
  return -1;
}

/** Scopes in which something was used. */
export function scopesIn(window: Window): number {
  return (window.length - 1) / placesEach;
}

function rollingOf({ rolling }: Activity, hours: number): Rolling | undefined {
  return rolling.find((candidate) => candidate.hours === hours);
}

/**
 * Moves counters.
 *
 * A move of a window that has passed is of no effect: what belongs to it is not given back to the one that runs now.
 * @param counters what the rules count by, which is kept where there is not room for all
 */
export function move(activity: Activity, moves: readonly Move[], counters: readonly Counter[]): Activity {
  let { day, month, outage, rolling } = activity;
  for (const [span, at, scope, count, amountMinor] of moves) {
    if (typeof span === 'number') rolling = moveRolling(rolling, span, at, scope, count, amountMinor, counters);
    else if (span === 'day') day = moveWindow(day, span, at, scope, count, amountMinor, counters);
    else if (span === 'month') month = moveWindow(month, span, at, scope, count, amountMinor, counters);
    else outage = moveWindow(outage, span, at, scope, count, amountMinor, counters);
  }
  return { ...activity, day, month, outage, rolling };
}

function moveWindow(current: Window, span: Span, at: number, scope: string, count: number, amountMinor: number, counters: readonly Counter[]): Window {
  if (at < current[0]) return current;
  const isNext = at > current[0];
  const before: Window = isNext ? [at] : current;
  const place = placeIn(before, scope);
  const counted = Math.max(0, (place < 0 ? 0 : before[place + 1] as number) + count);
  const countedMinor = Math.max(0, (place < 0 ? 0 : before[place + 2] as number) + amountMinor);
  if (counted === 0 && countedMinor === 0) return place < 0 ? before : before.toSpliced(place, placesEach) as Counts;
  if (isNext) return [at, scope, counted, countedMinor];
  // A list that was spread and then grown would keep room for many more.
  if (place < 0) return bounded(before.concat([scope, counted, countedMinor]) as Counts, span, counters);
  const after: Counts = [...before];
  after[place + 1] = counted;
  after[place + 2] = countedMinor;
  return after;
}

function bounded(window: Window, span: Span, counters: readonly Counter[]): Window {
  if (scopesIn(window) <= scopesMax) return window;
  const kept: Counts = [window[0]];
  for (let at = 1; at < window.length; at += placesEach) {
    if (counters.some((counter) => counter.span === span && scopeId(counter.scope, counter.currency) === window[at])) kept.push(window[at]!, window[at + 1]!, window[at + 2]!);
  }
  return kept;
}

function moveRolling(rolling: readonly Rolling[], hours: number, at: number, scope: string, count: number, amountMinor: number, counters: readonly Counter[]): readonly Rolling[] {
  const before = rolling.find((candidate) => candidate.hours === hours)?.parts ?? [];
  const latest = Math.max(at, before.at(-1)?.[0] ?? 0);
  const kept = before.filter((part) => part[0] >= latest - parts && part[0] !== at);
  if (at >= latest - parts) {
    const part = moveWindow(before.find((candidate) => candidate[0] === at) ?? [at], hours, at, scope, count, amountMinor, counters);
    if (scopesIn(part) > 0) kept.push(part);
    kept.sort((a, b) => a[0] - b[0]);
  }
  const others = rolling.filter((candidate) => candidate.hours !== hours);
  const all = kept.length === 0 ? others : [...others, { hours, parts: kept }];
  return all.length <= rollingMax ? all : all.filter((candidate) => counters.some(({ span }) => span === candidate.hours));
}

/** Did a cryptogram or an authentication value with this mark come before? */
export function hasSeen(activity: Activity, mark: string): boolean {
  return activity.seen.includes(mark);
}

export function withSeen(activity: Activity, marks: readonly string[]): Activity {
  const fresh = marks.filter((mark) => !activity.seen.includes(mark));
  return fresh.length === 0 ? activity : { ...activity, seen: [...activity.seen, ...fresh].slice(-seenMax) };
}

/** The issuer itself approved with a right PIN: wrong ones before it no longer count. */
export function issuerApproved(activity: Activity): Activity {
  return activity.pinTries === 0 ? activity : { ...activity, pinTries: 0 };
}

/** Wrong PINs whose advices an account has taken are counted there from now on. */
export function withoutTries(activity: Activity, tries: number): Activity {
  return { ...activity, pinTries: Math.max(0, activity.pinTries - tries) };
}

type StoredActivity = [form: 1, pinTries: number, seen: readonly string[], day: Window, month: Window, outage: Window, ...rolling: [hours: number, ...parts: Window[]][]];

export function encodeActivity({ pinTries, seen, day, month, outage, rolling }: Activity): string {
  const stored: StoredActivity = [1, pinTries, seen, day, month, outage, ...rolling.map(({ hours, parts: kept }): [number, ...Window[]] => [hours, ...kept])];
  return JSON.stringify(stored);
}

/** @throws SyntaxError where the text is no activity */
export function decodeActivity(text: string): Activity {
  const [form, pinTries, seen, day, month, outage, ...rolling] = JSON.parse(text) as StoredActivity;
  assert(form === 1, 'an activity is in a form that this program knows');
  return { pinTries, seen, day, month, outage, rolling: rolling.map(([hours, ...kept]) => ({ hours, parts: kept })) };
}
