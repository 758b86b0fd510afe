/** What the ledger of remote issuers' cards looks up before it changes anything, and how a change of a card's head is put together. */
import { encodeEntry } from '../account/journal.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import { encodeActivity } from '../standin/activity.ts';
import type { Activity } from '../standin/activity.ts';
import type { Applied, OwnChange } from '../store/decide.ts';
import type { GuardMove, RecordPut } from '../store/store.ts';
import { kept } from './guard-transfer.ts';
import { entryOf } from './stand-in-entry.ts';
import type { Done, StandInAnswer, StandInHead } from './stand-in-message.ts';
import type { CardKnown } from './stand-in-known.ts';
import { namedBy, placeOf, whenOf } from './stand-in-place.ts';
import type { Named } from './stand-in-place.ts';
import { cardHeadId, dueOf, encodeRecord, keyOf, moreOf, recordOf } from './stand-in-record.ts';
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
  readonly puts: readonly Put[];
  /** It must not be known yet. */
  readonly fresh: string | undefined;
  readonly takes: readonly GuardMove[];
  /** By which it is found too. */
  readonly alias?: Done['alias'];
  readonly own?: OwnChange | undefined;
  readonly done: Pick<Done, 'key' | 'record' | 'entry'> & Partial<Done>;
}

export function changed(head: StandInHead, token: string, nowMs: number, { card, known = head.known, puts, fresh, takes, alias, own, done }: Changing, answer: StandInAnswer, journal: Journal): Result {
  const keepUntilMs = nowMs + recordDays * dayMs;
  const whole: Done = { token, counters: [], takes, pin: undefined, seen: [], original: undefined, isUndone: false, alias, ...done };
  return {
    kind: 'decided', answer,
    change: {
      account: { version: head.version + 1, card, cardText: card === head.card ? head.cardText : encodeActivity(card), outage: head.outage, known }, entry: journal(whole),
      puts: [
        ...puts.map(([id, record]): RecordPut => ({ id, value: encodeRecord(record), keepUntilMs, dueAtMs: dueOf(record) })),
        ...(alias === undefined ? [] : [{ id: alias.id, value: alias.text, keepUntilMs }]),
      ],
      deletes: [], once: fresh === undefined ? [] : [fresh], guard: undefined, guards: takes.map((move) => kept(move, nowMs)), own,
    },
  };
}

/** Where the record of the message's own key must not exist for the change to be right, and that is not known yet. */
export function freshOf(records: Records, key: string): string | undefined {
  return records.has(key) ? undefined : key;
}

export type Before =
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  /** Nothing is known of it, or it is ours and under way. `moved`: what another has in its place goes there. */
  | { readonly kind: 'open'; readonly at: string; readonly asked: StandInRecord | undefined; readonly moved: readonly Put[] }
  /** Its reversal was here before. */
  | { readonly kind: 'reversed'; readonly at: string; readonly earlier: StandInRecord }
  | { readonly kind: 'known'; readonly at: string; readonly answer: StandInAnswer };

export type Put = readonly [key: string, record: StandInRecord];

/** What is known of the transaction. @param own message ids under which it may have been asked */
export function before(records: Records, key: string, message: CardMessage, own: readonly (string | undefined)[]): Before {
  const place = placeOf(records, key, whenOf(message));
  if ('missing' in place) return { kind: 'read', ids: place.missing };
  const { at, record: earlier, moved } = place;
  if (earlier === undefined) return { kind: 'open', at, asked: undefined, moved };
  if (earlier.id === '') return { kind: 'reversed', at, earlier };
  if (earlier.phase === 'asked' && own.includes(earlier.id)) return earlier.isReversed ? { kind: 'reversed', at, earlier } : { kind: 'open', at, asked: earlier, moved: [] };
  if (earlier.id !== message.id && earlier.fingerprint !== message.fingerprint) {
    return { kind: 'known', at, answer: { kind: 'answered', record: { ...earlier, reason: '9113', approvalCode: '', amount: message.amount, telling: 'no' }, note: 'duplicate', decision: undefined } };
  }
  if (earlier.phase === 'asked') return { kind: 'known', at, answer: { kind: 'asked', record: earlier } };
  return { kind: 'known', at, answer: { kind: 'answered', record: earlier, note: 'repeat', decision: undefined } };
}

/** What the message means. @returns the ids to be read first */
export function named(records: Records, message: CardMessage): Named {
  const looked = namedBy(records, message);
  return 'missing' in looked ? { missing: [...looked.missing, keyOf(message)] } : looked;
}

/** What the issuer knows it by, or will: while it is on its way, by the request. */
export function nameOf(record: StandInRecord | undefined): SentReference | undefined {
  return record?.phase === 'asked' ? record.sent : (record?.advised ?? record?.sent);
}

/** What it may know it by as well: the request, where it was told of a decision, and nobody knows yet that the request was taken back. */
export function namesTooOf(record: StandInRecord | undefined): readonly SentReference[] | undefined {
  const known = record?.more?.namesToo;
  if (record?.more?.owed === undefined || record.phase === 'asked' || record.sent === undefined || record.advised === undefined) return known;
  return [record.sent, ...(known ?? [])];
}

/** Is there something at the issuer, or may be, that its reversal takes back? */
export function mayStand({ more, isReversed, phase, reason, by }: StandInRecord): boolean {
  if (more?.unsure !== undefined || more?.owed !== undefined || (more?.namesToo !== undefined && !isReversed)) return true;
  return !isReversed && (phase !== 'ended' || isApproval(reason) || by === 'switch');
}

/** Was it decided or advised without the issuer, which has not heard of it yet? */
export function isUnheard({ by, telling, isReversed, more }: StandInRecord): boolean {
  return by !== 'issuer' && telling !== 'no' && !isReversed && more?.heard !== true;
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

/** @param value what whoever tries it again has to know */
export function withMarker(result: Result, marker: string, nowMs: number, value = '1'): Result {
  if (result.kind !== 'decided' || result.change === undefined) return result;
  return { ...result, change: { ...result.change, puts: [...result.change.puts, { id: marker, value, keepUntilMs: nowMs + recordDays * dayMs }] } };
}

/** Its reversal came first: it is declined, and nobody need be told. */
export function reversedBefore(head: StandInHead, { at, earlier }: Extract<Before, { kind: 'reversed' }>, key: string, id: string, message: CardMessage, nowMs: number, journal: Journal): Result {
  const response = { reason: '1830', approvalCode: '', amount: message.amount } as const;
  const record: StandInRecord = { ...recordOf(message, id, 'switch', response), isReversed: true, sent: earlier.sent, more: moreOf({ ...earlier.more, proposal: undefined }) };
  const entry = encodeEntry(entryOf(message, nowMs, 'switch', response, [], ['reversedBefore']));
  return changed(head, message.card.token, nowMs, { card: head.card, puts: [[at, record]], fresh: undefined, takes: [], done: { key, record, entry } }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}
