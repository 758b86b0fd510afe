/**
 * What a switch knows of the cards of remote issuers: what stand-in has approved of each, and each transaction's answer, so that
 * a repeat is answered as before, by any switch, and a reversal finds what it is of. The own issuer's `account.apply` has its counterpart here:
 * `standIn`, run by the same loop over the same store, or over this node's file while the store is away.
 *
 *   head     one per card: what stand-in has counted; one per issuer: its outage
 *   record   one per station, acquirer, STAN and kind of message of a card: stand-in-record.ts
 *   guard    what one outage may approve for an issuer, by amount and by count, shared by all switches
 *
 * Invariants: a request is on record before it goes to the issuer, so that no second one goes; what a transaction counted is given back once.
 */
import { encodeEntry } from '../account/journal.ts';
import type { TransactionEntry } from '../account/journal.ts';
import { assert } from '../base/assert.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { decodeActivity, encodeActivity, issuerApproved, newActivity, withSeen } from '../standin/activity.ts';
import type { Activity } from '../standin/activity.ts';
import { count } from '../standin/counted.ts';
import type { StandInCheck, StandInDecision, StandInFacts, StandInState } from '../standin/decision.ts';
import { standIn } from '../standin/engine.ts';
import { closeOutage, decodeExposure, encodeExposure, newExposure, openOutage } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import type { Counter, StandInRules } from '../standin/rules.ts';
import { Decider } from '../store/decide.ts';
import type { Applied, DecideOptions, Domain } from '../store/decide.ts';
import type { GuardMove, RecordPut } from '../store/store.ts';
import { noFloor, outageGuardId, takeBack, takesOf } from './stand-in-counts.ts';
import { checksOf, entryOf } from './stand-in-entry.ts';
import { cardHeadId, decodeRecord, encodeRecord, isNamed, keyOf, originalKeysOf, recordOf, tombstone } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

export { cardHeadId } from './stand-in-record.ts';
export type { StandInRecord } from './stand-in-record.ts';

export interface StandInHead {
  readonly version: number;
  readonly card: Activity;
  /** Of an issuer's head. */
  readonly outage: Exposure | undefined;
}

interface OfCard {
  readonly id: string;
  readonly issuer: string;
  readonly message: CardMessage;
  readonly rules: StandInRules;
}

/** A request that is about to go to the issuer. */
export interface AskMessage extends OfCard {
  readonly kind: 'ask';
  /** As it will be sent. */
  readonly sent: SentReference;
  /** Unix ms until which the issuer may answer. */
  readonly untilMs: number;
}

/** A request that stand-in is to decide. */
export interface StandInRequest extends OfCard {
  readonly kind: 'request';
  readonly facts: Omit<StandInFacts, 'nowMs'>;
  /** It was sent to the issuer, and no valid answer came. */
  readonly sent: SentReference | undefined;
  /** How the issuer will be told of the decision. */
  readonly advised: SentReference;
  /** Message id under which it was asked and never ended: it is decided now. */
  readonly follows: string | undefined;
}

/** A request, advice or reversal that needs no decision here: the issuer has answered it, or it is passed on whatever it says. */
export interface ToldMessage extends OfCard {
  readonly kind: 'told';
  readonly by: 'issuer' | 'switch';
  readonly response: Pick<Response, 'reason' | 'approvalCode' | 'amount'>;
  /** Of a request: as it went out. */
  readonly sent: SentReference | undefined;
  /** Of what the issuer is to be told of: how. */
  readonly advised: SentReference | undefined;
  /** The issuer is told that it is taken back. */
  readonly isReversed: boolean;
  readonly flags: readonly string[];
  /** What it names, as this switch remembers it, for where the store does not know. */
  readonly remembered: StandInRecord | undefined;
}

export interface OutageMessage {
  readonly kind: 'outage';
  readonly id: string;
  readonly issuer: string;
  readonly isOpen: boolean;
  /** Unix ms at which it was noticed: what was counted for it before the store knew of it belongs to it. */
  readonly sinceMs: number;
}

/**
 * `look`: is this transaction known? `undone`: what was decided of it could not be kept, and counts for nothing. `kept`: what the issuer
 * is to be told of it is on disk.
 */
export interface FoundMessage extends OfCard {
  readonly kind: 'look' | 'undone' | 'kept';
}

/** Something else that belongs to a transaction's story, once by its entry's id. */
export interface NotedMessage {
  readonly kind: 'noted';
  readonly id: string;
  readonly token: string;
  readonly entry: TransactionEntry;
}

/** What another ledger has done already, in its order. Once by its id. */
export interface RelayMessage {
  readonly kind: 'relay';
  readonly id: string;
  readonly done: Done;
}

export type StandInMessage = AskMessage | StandInRequest | ToldMessage | FoundMessage | OutageMessage | NotedMessage | RelayMessage;

/** All that a change of a card's head did, so that it can be done to another ledger's. Plain data. */
export interface Done {
  readonly token: string;
  /** Empty: only its entry. */
  readonly key: string;
  readonly record: StandInRecord | undefined;
  /** As the book takes it; empty: nothing. */
  readonly entry: string;
  readonly counters: readonly Counter[];
  readonly takes: readonly GuardMove[];
  readonly pin: 'wrong' | 'right' | undefined;
  readonly seen: readonly string[];
  /** What it took back: where it may be, how much of it is left, and what stands for it where it is not known. */
  readonly original: { readonly keys: readonly string[]; readonly leftMinor: number; readonly unknown: StandInRecord } | undefined;
  /** What it counted counts no longer. */
  readonly isUndone: boolean;
}

export type StandInAnswer =
  | { readonly kind: 'forward'; readonly reason: Reason; readonly checks: readonly StandInCheck[] }
  | {
      readonly kind: 'answered';
      readonly record: StandInRecord;
      readonly note: 'repeat' | 'duplicate' | undefined;
      /** Of a decision of this call. */
      readonly decision: Extract<StandInDecision, { kind: 'decided' }> | undefined;
    }
  /** It is on its way to the issuer already. */
  | { readonly kind: 'asked'; readonly record: StandInRecord }
  /** It is on record now, and may be sent. `names`: what it names, as the issuer knows that. */
  | { readonly kind: 'go'; readonly names: SentReference | undefined }
  | { readonly kind: 'outage'; readonly outageId: number }
  | { readonly kind: 'unknown' };

export type StandInLedger = Decider<StandInMessage, StandInHead, StandInAnswer>;

const dayMs = 86_400_000;
const recordDays = 7;

export function openStandInLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domainOf((done) => (done.entry === '' ? undefined : done.entry)), options);
}

/** The ledger of this node alone: its journal holds what is to be relayed. */
export function openLocalLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domainOf(encodeDone), options);
}

export function encodeDone(done: Done): string {
  return JSON.stringify(done);
}

export function decodeDone(text: string): Done {
  const done = JSON.parse(text) as Done;
  return { ...done, record: done.record === undefined ? undefined : decodeRecord(JSON.stringify(done.record)), pin: done.pin, original: done.original };
}

const newHead: StandInHead = { version: 0, card: newActivity, outage: undefined };

type Records = ReadonlyMap<string, string | null>;
type Result = Applied<StandInHead, StandInAnswer>;
type Journal = (done: Done) => string | undefined;

function domainOf(journal: Journal): Domain<StandInMessage, StandInHead, StandInAnswer> {
  return {
    decode(_id, text) {
      const [form, version, card, outage] = JSON.parse(text) as [form: 1, version: number, card: string, outage: string];
      assert(form === 1, 'a stand-in head is in a form that this program knows');
      return { version, card: decodeActivity(card), outage: outage === '' ? undefined : decodeExposure(outage) };
    },
    encode({ version, card, outage }) {
      return JSON.stringify([1, version, encodeActivity(card), outage === undefined ? '' : encodeExposure(outage)]);
    },
    apply(head, records, message, { decidedAtMs, guardRefused }) {
      const before = head ?? newHead;
      switch (message.kind) {
        case 'outage': return applyOutage(before, message);
        case 'ask': return applyAsk(before, records, message, decidedAtMs, journal);
        case 'request': return applyRequest(before, records, message, decidedAtMs, guardRefused, journal);
        case 'told': return applyTold(before, records, message, decidedAtMs, journal);
        case 'look':
        case 'kept':
        case 'undone': return applyFound(before, records, message, decidedAtMs, journal);
        case 'noted': return applyNoted(before, records, message, decidedAtMs, journal);
        case 'relay': return applyRelay(before, records, message, decidedAtMs, journal);
      }
    },
    repeats(message, earlier) {
      if (message.id === earlier.id) return true;
      return 'message' in message && 'message' in earlier && keyOf(message.message) === keyOf(earlier.message);
    },
  };
}

function applyOutage(head: StandInHead, { isOpen, sinceMs }: OutageMessage): Result {
  const before = head.outage ?? newExposure;
  const outage = isOpen ? openOutage(before, sinceMs) : closeOutage(before);
  const answer: StandInAnswer = { kind: 'outage', outageId: outage.outageId };
  if (outage === before) return { kind: 'decided', answer, change: undefined };
  return { kind: 'decided', answer, change: { account: { ...head, version: head.version + 1, outage }, entry: undefined, puts: [], deletes: [], once: [], guard: undefined } };
}

/** What a change of a card's head is made of. */
interface Changing {
  readonly card: Activity;
  readonly puts: readonly (readonly [key: string, record: StandInRecord])[];
  /** It must not be known yet. */
  readonly fresh: string | undefined;
  readonly takes: readonly GuardMove[];
  readonly done: Pick<Done, 'key' | 'record' | 'entry'> & Partial<Done>;
}

function changed(head: StandInHead, token: string, nowMs: number, { card, puts, fresh, takes, done }: Changing, answer: StandInAnswer, journal: Journal): Result {
  const keepUntilMs = nowMs + recordDays * dayMs;
  const whole: Done = { token, counters: [], takes, pin: undefined, seen: [], original: undefined, isUndone: false, ...done };
  return {
    kind: 'decided', answer,
    change: {
      account: { ...head, version: head.version + 1, card }, entry: journal(whole), puts: puts.map(([id, record]): RecordPut => ({ id, value: encodeRecord(record), keepUntilMs })),
      deletes: [], once: fresh === undefined ? [] : [fresh], guard: undefined, guards: takes,
    },
  };
}

/** Where the record of the message's own key must not exist for the change to be right, and that is not known yet. */
function freshOf(records: Records, key: string): string | undefined {
  return records.has(key) ? undefined : key;
}

type Before =
  /** Nothing is known of it, or it is ours and under way. */
  | { readonly kind: 'open'; readonly asked: StandInRecord | undefined }
  /** Its reversal was here before. */
  | { readonly kind: 'reversed' }
  | { readonly kind: 'known'; readonly answer: StandInAnswer };

/** What is known of the transaction. @param own message ids under which it may have been asked */
function before(records: Records, key: string, message: CardMessage, own: readonly (string | undefined)[]): Before {
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
function named(records: Records, message: CardMessage): { readonly missing: readonly string[] } | { readonly key: string; readonly record: StandInRecord | undefined; readonly isOther: boolean } {
  const keys = originalKeysOf(message);
  const missing = keys.filter((key) => !records.has(key));
  if (missing.length > 0) return { missing: [...missing, keyOf(message)] };
  for (const key of keys) {
    const record = decodeRecord(records.get(key));
    if (record !== undefined) return isNamed(record, message.original) ? { key, record, isOther: false } : { key, record: undefined, isOther: true };
  }
  return { key: keys[0]!, record: undefined, isOther: false };
}

function nameOf(record: StandInRecord | undefined): SentReference | undefined {
  return record?.advised ?? record?.sent;
}

function applyAsk(head: StandInHead, records: Records, { id, message, sent, untilMs }: AskMessage, nowMs: number, journal: Journal): Result {
  const key = keyOf(message);
  const { token } = message.card;
  const found = before(records, key, message, [id]);
  if (found.kind === 'known') return { kind: 'decided', answer: found.answer, change: undefined };
  if (found.kind === 'reversed') return reversedBefore(head, records, key, id, message, nowMs, journal);
  let names: SentReference | undefined;
  if (message.original !== undefined) {
    const original = named(records, message);
    if ('missing' in original) return { kind: 'read', ids: original.missing };
    names = nameOf(original.record);
  }
  const record: StandInRecord = { ...recordOf(message, id, 'switch', { reason: '9112', approvalCode: '' }), phase: 'asked', untilMs, sent };
  return changed(head, token, nowMs, { card: head.card, puts: [[key, record]], fresh: freshOf(records, key), takes: [], done: { key, record, entry: '' } }, { kind: 'go', names }, journal);
}

/** Its reversal came first: it is declined, and nobody need be told. */
function reversedBefore(head: StandInHead, records: Records, key: string, id: string, message: CardMessage, nowMs: number, journal: Journal): Result {
  const response = { reason: '1830', approvalCode: '', amount: message.amount } as const;
  const record: StandInRecord = { ...recordOf(message, id, 'switch', response), isReversed: true, sent: decodeRecord(records.get(key))?.sent };
  const entry = encodeEntry(entryOf(message, nowMs, 'switch', response, [], ['reversedBefore']));
  return changed(head, message.card.token, nowMs, { card: head.card, puts: [[key, record]], fresh: undefined, takes: [], done: { key, record, entry } }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}

function applyRequest(head: StandInHead, records: Records, request: StandInRequest, nowMs: number, guardRefused: boolean, journal: Journal): Result {
  const { id, message, rules, facts, issuer, sent, advised, follows } = request;
  const key = keyOf(message);
  const found = before(records, key, message, [id, follows]);
  if (found.kind === 'known') return { kind: 'decided', answer: found.answer, change: undefined };
  if (found.kind === 'reversed') return reversedBefore(head, records, key, id, message, nowMs, journal);
  let original: { readonly key: string; readonly record: StandInRecord | undefined } | undefined;
  if (message.original !== undefined) {
    const looked = named(records, message);
    if ('missing' in looked) return { kind: 'read', ids: looked.missing };
    original = looked;
  }
  const originals = original?.record?.counted === undefined || original.record.isReversed ? undefined : [original.record.counted];
  const cap = rules.outageCaps.issuer;
  // What all switches approve for the issuer is in shared counters; a refusal of one is the cap.
  const exposed: Exposure = { ...newExposure, outageId: facts.outageId, isOpen: true, amountMinor: guardRefused ? (cap?.amountMinorMax ?? 0) : 0, count: guardRefused ? (cap?.countMax ?? 0) : 0 };
  const state: StandInState = { card: head.card, issuer: exposed };
  const decision = standIn(state, rules, message, { ...facts, originals, nowMs });
  if (decision.kind === 'forward') return { kind: 'decided', answer: { kind: 'forward', reason: decision.reason, checks: decision.checks }, change: undefined };
  const { reason, counted } = decision;
  const response = responseOf(message, reason);
  const guardId = counted?.isInOutage === true && cap !== undefined ? outageGuardId(issuer, facts.outageId, message.day) : '';
  const takes = guardId === '' || counted === undefined || cap === undefined ? [] : takesOf(guardId, counted, cap, facts.switchesSharing);
  const record: StandInRecord = { ...recordOf(message, id, 'standin', response), why: facts.why, counted, guardId, sent, advised, names: nameOf(original?.record), telling: 'due' };
  const flags = [`standin:${facts.why}`, `rules:${rules.version}`, ...(sent === undefined ? [] : ['sentToIssuer'])];
  const entry = encodeEntry(entryOf(message, nowMs, 'standin', response, checksOf(decision.checks), flags, original?.record?.id));
  const puts: [string, StandInRecord][] = [[key, record]];
  const [left] = decision.originals ?? [];
  if (left !== undefined && original?.record !== undefined) puts.push([original.key, { ...original.record, counted: left }]);
  return changed(head, message.card.token, nowMs, {
    card: decision.state.card, puts, fresh: freshOf(records, key), takes,
    done: {
      key, record, entry, counters: rules.counters, pin: decision.pin === undefined ? undefined : decision.pin.outcome === 'wrong' ? 'wrong' : 'right',
      seen: decision.state.card.seen.filter((mark) => !head.card.seen.includes(mark)),
      ...(left === undefined || original === undefined ? {} : { original: { keys: [original.key], leftMinor: left.leftMinor, unknown: { ...original.record!, counted: left } } }),
    },
  }, { kind: 'answered', record, note: undefined, decision }, journal);
}

function applyTold(head: StandInHead, records: Records, told: ToldMessage, nowMs: number, journal: Journal): Result {
  const { id, message, by, response, sent, advised, flags, rules } = told;
  const key = keyOf(message);
  const isRequest = message.function === 'request' && message.class !== 'reversal';
  const found = before(records, key, message, [id]);
  if (found.kind === 'known' && !(found.answer.kind === 'asked')) return { kind: 'decided', answer: found.answer, change: undefined };
  const namesOne = message.class === 'reversal' || message.original !== undefined;
  const looked = namesOne ? named(records, message) : undefined;
  if (looked !== undefined && 'missing' in looked) return { kind: 'read', ids: looked.missing };
  const original = looked?.record ?? (looked === undefined || looked.isOther || told.remembered === undefined || !isNamed(told.remembered, message.original) ? undefined : told.remembered);
  const puts: [string, StandInRecord][] = [];
  let { card } = head;
  let gives: readonly GuardMove[] = [];
  let isTold = !isRequest && message.fault === undefined;
  const flagged = [...flags];
  if (message.class === 'reversal' && message.fault === undefined && looked !== undefined) {
    if (original === undefined) {
      if (!looked.isOther) puts.push([looked.key, tombstone(message)]);
      flagged.push('originalUnknown');
    } else {
      // Nothing of it is there, or it was taken back already.
      if (original.isReversed || (original.phase === 'ended' && !isApproval(original.reason) && original.by !== 'switch')) isTold = false;
      const back = takeBack(card, original, message.actualMinor ?? 0, rules.counters);
      ({ card } = back);
      gives = back.gives;
      puts.push([looked.key, back.record]);
    }
  }
  if (found.kind === 'reversed' && !isRequest) {
    isTold = false;
    flagged.push('reversedBefore');
  }
  const hasRightPin = by === 'issuer' && isApproval(response.reason) && message.pin !== 'absent';
  if (hasRightPin) card = issuerApproved(card);
  const record: StandInRecord = {
    ...recordOf(message, id, by, response), amount: response.amount ?? message.amount, isReversed: told.isReversed || found.kind === 'reversed', sent, advised, names: nameOf(original),
    telling: isTold ? 'due' : 'no',
  };
  puts.push([key, record]);
  if (isTold) flagged.push('forTheIssuer');
  const originalId = original === undefined || original.id === '' ? undefined : original.id;
  return changed(head, message.card.token, nowMs, {
    card, puts, fresh: freshOf(records, key), takes: gives,
    done: {
      key, record, entry: encodeEntry(entryOf(message, nowMs, by, response, [], flagged, originalId)), counters: rules.counters, takes: [], pin: hasRightPin ? 'right' : undefined,
      ...(message.class !== 'reversal' || message.fault !== undefined || looked === undefined || looked.isOther ? {} : { original: { keys: originalKeysOf(message), leftMinor: message.actualMinor ?? 0, unknown: tombstone(message) } }),
    },
  }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}

function applyFound(head: StandInHead, records: Records, { id, kind, message, rules }: FoundMessage, nowMs: number, journal: Journal): Result {
  const key = keyOf(message);
  if (!records.has(key)) return { kind: 'read', ids: [key] };
  const found = before(records, key, message, []);
  if (found.kind !== 'known' || kind === 'look') return { kind: 'decided', answer: found.kind === 'known' ? found.answer : { kind: 'unknown' }, change: undefined };
  const { answer } = found;
  if (answer.kind !== 'answered' || answer.note === 'duplicate') return { kind: 'decided', answer: { kind: 'unknown' }, change: undefined };
  const { record } = answer;
  if (kind === 'kept') {
    if (record.telling !== 'due') return { kind: 'decided', answer, change: undefined };
    const kept: StandInRecord = { ...record, telling: 'done' };
    return changed(head, message.card.token, nowMs, { card: head.card, puts: [[key, kept]], fresh: undefined, takes: [], done: { key, record: kept, entry: '' } }, answer, journal);
  }
  const back = takeBack(head.card, record, 0, rules.counters);
  const undone: StandInRecord = { ...back.record, reason: '9109', approvalCode: '', counted: undefined, isReversed: false, telling: 'no' };
  const entry = encodeEntry({ ...entryOf(message, nowMs, 'switch', undone, [], ['adviceNotWritten'], record.id), id });
  return changed(head, message.card.token, nowMs, {
    card: back.card, puts: [[key, undone]], fresh: undefined, takes: back.gives, done: { key, record: undone, entry, counters: rules.counters, takes: [], isUndone: true },
  }, { kind: 'answered', record: undone, note: undefined, decision: undefined }, journal);
}

function applyNoted(head: StandInHead, records: Records, { id, token, entry }: NotedMessage, nowMs: number, journal: Journal): Result {
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const result = changed(head, token, nowMs, { card: head.card, puts: [], fresh: freshOf(records, marker), takes: [], done: { key: '', record: undefined, entry: encodeEntry({ ...entry, decidedAtMs: nowMs }) } }, answer, journal);
  return withMarker(result, marker, nowMs);
}

function applyRelay(head: StandInHead, records: Records, { id, done }: RelayMessage, nowMs: number, journal: Journal): Result {
  const { token, key, record, counters, original } = done;
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  const missing = [marker, ...(key === '' ? [] : [key]), ...(original?.keys ?? [])].filter((each) => !records.has(each));
  if (missing.length > 0) return { kind: 'read', ids: missing };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const puts: [string, StandInRecord][] = [];
  let card = withSeen(head.card, done.seen);
  if (done.pin !== undefined) card = { ...card, pinTries: done.pin === 'wrong' ? card.pinTries + 1 : 0 };
  const moves: GuardMove[] = done.takes.map((take) => ({ ...take, floor: noFloor }));
  if (record !== undefined) {
    const known = decodeRecord(records.get(key));
    const isSame = known === undefined || known.id === record.id || known.phase === 'asked';
    if (done.isUndone) {
      const back = known?.counted === undefined ? undefined : takeBack(card, known, 0, counters);
      card = back?.card ?? card;
      moves.push(...(back?.gives ?? []));
    } else if (record.counted !== undefined && known?.counted?.id !== record.counted.id && record.telling !== 'done') card = count({ card, issuer: newExposure }, record.counted, counters).card;
    if (isSame || known.id === '') puts.push([key, { ...record, isReversed: record.isReversed || known?.isReversed === true, telling: known?.telling === 'done' && known.id === record.id ? 'done' : record.telling }]);
  }
  if (original !== undefined) {
    const at = original.keys.find((each) => typeof records.get(each) === 'string');
    const known = at === undefined ? undefined : decodeRecord(records.get(at));
    if (at === undefined || known === undefined) puts.push([original.keys[0]!, original.unknown]);
    else if (known.id !== '') {
      const back = takeBack(card, known, original.leftMinor, counters);
      ({ card } = back);
      moves.push(...back.gives);
      puts.push([at, back.record]);
    }
  }
  const result = changed(head, token, nowMs, { card, puts, fresh: marker, takes: moves, done: { ...done, takes: [] } }, answer, journal);
  return withMarker(result, marker, nowMs);
}

/** What must happen once, whoever tries it again. */
function markerOf(token: string, id: string): string {
  return `${cardHeadId(token)}~e.${id}`;
}

function withMarker(result: Result, marker: string, nowMs: number): Result {
  if (result.kind !== 'decided' || result.change === undefined) return result;
  return { ...result, change: { ...result.change, puts: [...result.change.puts, { id: marker, value: '1', keepUntilMs: nowMs + recordDays * dayMs }] } };
}

function responseOf(message: CardMessage, reason: Reason): Response {
  return {
    reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '', amount: message.amount, billing: isApproval(reason) ? message.billing : undefined, balance: undefined,
    field: message.fault?.field,
  };
}
