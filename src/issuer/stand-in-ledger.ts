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
import { assert } from '../base/assert.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { decodeActivity, encodeActivity, issuerApproved, newActivity } from '../standin/activity.ts';
import type { StandInState } from '../standin/decision.ts';
import { standIn } from '../standin/engine.ts';
import { closeOutage, decodeExposure, encodeExposure, newExposure, openOutage } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import { Decider } from '../store/decide.ts';
import type { DecideOptions, Domain } from '../store/decide.ts';
import type { GuardMove } from '../store/store.ts';
import { before, changed, freshOf, named, nameOf, reversedBefore } from './stand-in-change.ts';
import type { Journal, Records, Result } from './stand-in-change.ts';
import { outageGuardId, takeBack, takesOf } from './stand-in-counts.ts';
import { checksOf, entryOf } from './stand-in-entry.ts';
import { encodeDone } from './stand-in-message.ts';
import type { AskMessage, FoundMessage, OutageMessage, StandInAnswer, StandInHead, StandInMessage, StandInRequest, ToldMessage } from './stand-in-message.ts';
import { isNamed, keyOf, originalKeysOf, recordOf, tombstone } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';
import { applyNoted, applyRelay } from './stand-in-relayed.ts';

export type StandInLedger = Decider<StandInMessage, StandInHead, StandInAnswer>;

export function openStandInLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domainOf((done) => (done.entry === '' ? undefined : done.entry)), options);
}

/** The ledger of this node alone: its journal holds what is to be relayed. */
export function openLocalLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domainOf(encodeDone), options);
}

const newHead: StandInHead = { version: 0, card: newActivity, cardText: encodeActivity(newActivity), outage: undefined };

function domainOf(journal: Journal): Domain<StandInMessage, StandInHead, StandInAnswer> {
  return {
    decode(_id, text) {
      const [form, version, cardText = '', outage = ''] = text.split('\n');
      assert(form === '2', 'a stand-in head is in a form that this program knows');
      return { version: Number(version), card: decodeActivity(cardText), cardText, outage: outage === '' ? undefined : decodeExposure(outage) };
    },
    encode({ version, cardText, outage }) {
      return `2\n${version}\n${cardText}\n${outage === undefined ? '' : encodeExposure(outage)}`;
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

function responseOf(message: CardMessage, reason: Reason): Response {
  return {
    reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '', amount: message.amount, billing: isApproval(reason) ? message.billing : undefined, balance: undefined,
    field: message.fault?.field,
  };
}
