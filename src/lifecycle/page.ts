/**
 * Pages of a list: what is read after a place in an order that new items do not change.
 *
 * Refuses a cursor that no page gave. Invariant: who follows the cursors meets everything once that was there when the first page was read.
 */
import { LifecycleRefused } from './refusal.ts';

export interface PageChoice {
  /** Items at most, from 1 to 200. */
  readonly limit: number;
  /** Of the page before; undefined: the first page. */
  readonly cursor?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Undefined: this was the last page. */
  readonly nextCursor?: string;
}

/** What a page stopped at: the values that the list is ordered by. */
export type Place = readonly (string | number)[];

/**
 * @param rows one more than the limit were asked for
 * @param placeOf of a row, what the next page begins after
 */
export function pageOf<Row, Item>(rows: readonly Row[], limit: number, placeOf: (row: Row) => Place, itemOf: (row: Row) => Item): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(itemOf);
  if (rows.length <= limit || last === undefined) return { items };
  return { items, nextCursor: cursorOf(placeOf(last)) };
}

/** What a page that goes on after this place is asked for by. */
export function cursorOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * What the cursor says; undefined: from the beginning.
 * @param kinds of the place's values, in order
 * @throws LifecycleRefused
 */
export function placeOf(cursor: string | undefined, kinds: readonly ('string' | 'number')[]): Place | undefined {
  if (cursor === undefined) return undefined;
  const place = parsed(cursor);
  const isPlace = Array.isArray(place) && place.length === kinds.length && place.every((value, index) => typeof value === kinds[index] && (typeof value !== 'number' || Number.isSafeInteger(value)) && !String(value).includes('\0'));
  if (!isPlace) throw new LifecycleRefused(400, 'CURSOR_INVALID', 'this cursor is of no page', 'cursor');
  return place as Place;
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
