/**
 * Where the record of a transaction is, and whose it is. A trace number comes around, with some acquirers within the day: the latest
 * transaction under a number has its key, and each earlier one a place of its own by its time.
 *
 *   key          the latest           c:<token>~<station>.<acquirer>.<STAN>.<kind>
 *   key@<time>   an earlier one, or the reversal of one that did not come yet
 *
 * Invariants: no record takes another transaction's place; a time that is absent is no evidence that two are the same.
 */
import type { CardMessage } from '../message/message.ts';
import { cardHeadId, decodeRecord, localOf, originalKeysOf, tombstone } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

type Records = ReadonlyMap<string, string | null>;

/** When a transaction says that it was, and when it came. */
export interface When {
  readonly transmittedAt: string;
  /** As a record has it. */
  readonly localAt: string;
  /** Unix ms. */
  readonly receivedAtMs: number;
}

export function whenOf(message: CardMessage): When {
  return { transmittedAt: message.trace.transmittedAt, localAt: localOf(message), receivedAtMs: message.receivedAtMs };
}

/** Is the record under its key this transaction's, or that of a reversal which came before it? */
export function isOf(record: StandInRecord, when: When): boolean {
  const { transmittedAt, localAt } = when;
  if (record.id !== '') return isSame(record, when) || (transmittedAt + localAt + record.transmittedAt + record.localAt === '');
  if (record.untilMs === 0) return agrees(record.transmittedAt, transmittedAt) && agrees(record.localAt, localAt);
  // It named no time: it means what was sent before it, and comes soon.
  return isSame(record, when) || (when.receivedAtMs < record.untilMs && (record.transmittedAt === '' || transmittedAt <= record.transmittedAt));
}

/** Is the record that of the transaction which a reversal means? @param by what the reversal would leave for one that did not come yet */
export function isMeant(record: StandInRecord, by: StandInRecord): boolean {
  if (by.untilMs !== 0) return record.id !== '' || (record.untilMs !== 0 && isSame(record, by));
  return (record.id !== '' || record.untilMs === 0) && agrees(by.transmittedAt, record.transmittedAt) && agrees(by.localAt, record.localAt);
}

export type Place =
  | { readonly missing: readonly string[] }
  /** `moved`: what is in its place is another's, and goes there. */
  | { readonly at: string; readonly record: StandInRecord | undefined; readonly moved: readonly (readonly [at: string, record: StandInRecord])[] };

/** Where a transaction's record is, or goes. Where nothing is known of its key, nothing is there. */
export function placeOf(records: Records, key: string, when: When): Place {
  const there = decodeRecord(records.get(key));
  if (there === undefined || isOf(there, when)) return { at: key, record: there, moved: [] };
  const at = aside(key, when);
  if (!records.has(at)) return { missing: [at] };
  const record = decodeRecord(records.get(at));
  if (record !== undefined && isOf(record, when)) return { at, record, moved: [] };
  return { at: key, record: undefined, moved: [[aside(key, there), there]] };
}

export type Named =
  | { readonly missing: readonly string[] }
  | {
      readonly key: string;
      readonly record: StandInRecord | undefined;
      /** Only others' are there. */
      readonly isOther: boolean;
      /** Where the original will find that it was reversed before it came. */
      readonly free: readonly string[];
    };

/** The record that a message means: by its own naming, or under its own trace number. */
export function namedBy(records: Records, message: CardMessage): Named {
  return lookUp(records, originalKeysOf(message), message.original === undefined ? aliasOf(message) : undefined, tombstone(message));
}

/** @param alias where it may be said what goes by the reference that the reversal has */
export function lookUp(records: Records, keys: readonly string[], alias: string | undefined, by: StandInRecord): Named {
  const wanted = alias === undefined ? keys : [alias, ...keys];
  const missing = wanted.filter((each) => !records.has(each));
  if (missing.length > 0) return { missing };
  const known = alias === undefined ? undefined : records.get(alias);
  if (typeof known === 'string') {
    const [key = '', time = ''] = known.split('\n');
    const places = [key, `${key}@${time}`];
    const unread = places.filter((each) => !records.has(each));
    if (unread.length > 0) return { missing: unread };
    for (const at of places) {
      const record = decodeRecord(records.get(at));
      if (record !== undefined && record.id !== '' && timeOf(record) === time) return { key: at, record, isOther: false, free: [] };
    }
  }
  const free: string[] = [];
  let isOther = false;
  for (const key of keys) {
    const there = decodeRecord(records.get(key));
    if (there !== undefined && isMeant(there, by)) return { key, record: there, isOther: false, free: [] };
    if (there === undefined) {
      free.push(key);
      continue;
    }
    isOther = true;
    const at = aside(key, by);
    if (!records.has(at)) return { missing: [at] };
    const record = decodeRecord(records.get(at));
    if (record !== undefined && isMeant(record, by)) return { key: at, record, isOther: false, free: [] };
    if (record === undefined) free.push(at);
  }
  return { key: keys[0]!, record: undefined, isOther, free };
}

/** Under which it is written where a message's retrieval reference (DE37) leads; undefined: its station does not go by that, or it has none. */
export function aliasOf({ card, trace, rrn, terms }: CardMessage): string | undefined {
  return rrn === '' || !terms.originalKeys.includes('rrn') ? undefined : `${cardHeadId(card.token)}~r.${trace.station}.${trace.acquirer}.${rrn}`;
}

/** What is written there of a transaction. */
export function aliasFor(key: string, message: CardMessage): { readonly id: string; readonly text: string } | undefined {
  const id = aliasOf(message);
  return id === undefined ? undefined : { id, text: `${key}\n${timeOf(whenOf(message))}` };
}

function aside(key: string, when: Pick<When, 'transmittedAt' | 'localAt'>): string {
  return `${key}@${timeOf(when)}`;
}

/** As a later message would name it: by DE7 in 1987, by the local time in 1993 and 2003, of which the year may be missing. */
function timeOf({ transmittedAt, localAt }: Pick<When, 'transmittedAt' | 'localAt'>): string {
  return (localAt.length > 10 && !localAt.startsWith('@') ? localAt : transmittedAt === '' ? localAt : transmittedAt).slice(-10);
}

function isSame(one: Pick<When, 'transmittedAt' | 'localAt'>, other: Pick<When, 'transmittedAt' | 'localAt'>): boolean {
  return (one.transmittedAt !== '' && one.transmittedAt === other.transmittedAt) || (one.localAt !== '' && one.localAt === other.localAt);
}

/** What one of them does not say agrees with anything. */
function agrees(one: string, other: string): boolean {
  return one === '' || other === '' || one.startsWith('@') || other.startsWith('@') || one.endsWith(other) || other.endsWith(one);
}
