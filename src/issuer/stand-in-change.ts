/** What the ledger of remote issuers' cards looks up before it changes anything, and how a change of a card's head is put together. */
import { encodeEntry } from '../account/journal.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import { encodeActivity } from '../standin/activity.ts';
import type { Activity } from '../standin/activity.ts';
import type { Applied } from '../store/decide.ts';
import type { GuardMove, RecordPut } from '../store/store.ts';
import { entryOf } from './stand-in-entry.ts';
import type { Done, StandInAnswer, StandInHead } from './stand-in-message.ts';
import type { CardKnown } from './stand-in-known.ts';
import { cardHeadId, decodeRecord, dueOf, encodeRecord, isNamed, keyOf, moreOf, originalKeysOf, recordOf } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

export type Records = ReadonlyMap<string, string | null>;
export type Result = Applied<StandInHead, StandInAnswer>;
/** What of a change is written for whoever reads on: the book, or another ledger. */
export type Journal = (done: Done) => string | undefined;

export const dayMs = 86_400_000;
export const recordDays = 7;
/** That a reversal is on disk is on record after so long, or it is not there. */
const tellingMs = 1_500;

/** What a change of a card's head is made of. */
export interface Changing {
  readonly card: Activity;
  /** Absent: as it is. */
  readonly known?: CardKnown | undefined;
  readonly puts: readonly (readonly [key: string, record: StandInRecord])[];
  /** It must not be known yet. */
  readonly fresh: string | undefined;
  readonly takes: readonly GuardMove[];
  readonly done: Pick<Done, 'key' | 'record' | 'entry'> & Partial<Done>;
}

export function changed(head: StandInHead, token: string, nowMs: number, { card, known = head.known, puts, fresh, takes, done }: Changing, answer: StandInAnswer, journal: Journal): Result {
  const keepUntilMs = nowMs + recordDays * dayMs;
  const whole: Done = { token, counters: [], takes, pin: undefined, seen: [], original: undefined, isUndone: false, ...done };
  return {
    kind: 'decided', answer,
    change: {
      account: { version: head.version + 1, card, cardText: card === head.card ? head.cardText : encodeActivity(card), outage: head.outage, known }, entry: journal(whole),
      puts: puts.map(([id, record]): RecordPut => ({ id, value: encodeRecord(record), keepUntilMs, dueAtMs: dueOf(record) })),
      deletes: [], once: fresh === undefined ? [] : [fresh], guard: undefined, guards: takes,
    },
  };
}

/** Where the record of the message's own key must not exist for the change to be right, and that is not known yet. */
export function freshOf(records: Records, key: string): string | undefined {
  return records.has(key) ? undefined : key;
}

export type Before =
  /** Nothing is known of it, or it is ours and under way. */
  | { readonly kind: 'open'; readonly asked: StandInRecord | undefined }
  /** Its reversal was here before. */
  | { readonly kind: 'reversed' }
  | { readonly kind: 'known'; readonly answer: StandInAnswer };

/** What is known of the transaction. @param own message ids under which it may have been asked */
export function before(records: Records, key: string, message: CardMessage, own: readonly (string | undefined)[]): Before {
  const earlier = decodeRecord(records.get(key));
  if (earlier === undefined) return { kind: 'open', asked: undefined };
  const { transmittedAt, localAt } = message.trace;
  if (earlier.id === '') return earlier.transmittedAt === '' || earlier.transmittedAt === transmittedAt ? { kind: 'reversed' } : { kind: 'open', asked: undefined };
  // Another one under a STAN that was used again.
  if (earlier.transmittedAt !== transmittedAt && earlier.localAt !== localAt) return { kind: 'open', asked: undefined };
  if (earlier.phase === 'asked' && own.includes(earlier.id)) return earlier.isReversed ? { kind: 'reversed' } : { kind: 'open', asked: earlier };
  if (earlier.id !== message.id && earlier.fingerprint !== message.fingerprint) {
    return { kind: 'known', answer: { kind: 'answered', record: { ...earlier, reason: '9113', approvalCode: '', amount: message.amount, telling: 'no' }, note: 'duplicate', decision: undefined } };
  }
  if (earlier.phase === 'asked') return { kind: 'known', answer: { kind: 'asked', record: earlier } };
  return { kind: 'known', answer: { kind: 'answered', record: earlier, note: 'repeat', decision: undefined } };
}

/** What the message names, by any of the keys that it may have. @returns the ids to be read first */
export function named(records: Records, message: CardMessage): { readonly missing: readonly string[] } | { readonly key: string; readonly record: StandInRecord | undefined; readonly isOther: boolean } {
  const keys = originalKeysOf(message);
  const missing = keys.filter((key) => !records.has(key));
  if (missing.length > 0) return { missing: [...missing, keyOf(message)] };
  for (const key of keys) {
    const record = decodeRecord(records.get(key));
    if (record !== undefined) return isNamed(record, message.original) ? { key, record, isOther: false } : { key, record: undefined, isOther: true };
  }
  return { key: keys[0]!, record: undefined, isOther: false };
}

/** What the issuer knows it by, or will: while it is on its way, by the request. */
export function nameOf(record: StandInRecord | undefined): SentReference | undefined {
  return record?.phase === 'asked' ? record.sent : (record?.advised ?? record?.sent);
}

/** What it may know it by as well: the request, where it was told of a decision, and nobody knows yet that the request was taken back. */
export function namesTooOf(record: StandInRecord | undefined): readonly SentReference[] | undefined {
  if (record?.more?.owed === undefined || record.phase === 'asked' || record.sent === undefined || record.advised === undefined) return undefined;
  return [record.sent];
}

/** Is there something at the issuer, or may be, that its reversal takes back? */
export function mayStand({ more, isReversed, phase, reason, by }: StandInRecord): boolean {
  if (more?.unsure !== undefined || more?.owed !== undefined) return true;
  return !isReversed && (phase !== 'ended' || isApproval(reason) || by === 'switch');
}

/** That it is taken back is on no disk yet. */
export function withUnsure(record: StandInRecord, nowMs: number): StandInRecord {
  return { ...record, more: moreOf({ ...record.more, unsure: nowMs, overdue: undefined }) };
}

/** A reversal of it is on its way to some disk: whoever brings another one waits for that as long as it may take. */
export function isBeingTold({ more, isReversed }: StandInRecord, nowMs: number): boolean {
  return isReversed && more?.unsure !== undefined && Math.abs(nowMs - more.unsure) < tellingMs;
}

/** The issuer is sure to hear of it. */
export function settled(record: StandInRecord): StandInRecord {
  return record.more?.unsure === undefined && record.more?.owed === undefined ? record : { ...record, more: moreOf({ ...record.more, unsure: undefined, owed: undefined }) };
}

/** What must happen once, whoever tries it again. */
export function markerOf(token: string, id: string): string {
  return `${cardHeadId(token)}~e.${id}`;
}

export function withMarker(result: Result, marker: string, nowMs: number): Result {
  if (result.kind !== 'decided' || result.change === undefined) return result;
  return { ...result, change: { ...result.change, puts: [...result.change.puts, { id: marker, value: '1', keepUntilMs: nowMs + recordDays * dayMs }] } };
}

/** Its reversal came first: it is declined, and nobody need be told. */
export function reversedBefore(head: StandInHead, records: Records, key: string, id: string, message: CardMessage, nowMs: number, journal: Journal): Result {
  const response = { reason: '1830', approvalCode: '', amount: message.amount } as const;
  const earlier = decodeRecord(records.get(key));
  const record: StandInRecord = { ...recordOf(message, id, 'switch', response), isReversed: true, sent: earlier?.sent, more: moreOf({ ...earlier?.more, proposal: undefined }) };
  const entry = encodeEntry(entryOf(message, nowMs, 'switch', response, [], ['reversedBefore']));
  return changed(head, message.card.token, nowMs, { card: head.card, puts: [[key, record]], fresh: undefined, takes: [], done: { key, record, entry } }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}
