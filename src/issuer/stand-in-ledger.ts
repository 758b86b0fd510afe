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
import { assert } from '../base/assert.ts';
import { decodeActivity, encodeActivity, newActivity } from '../standin/activity.ts';
import { closeOutage, decodeExposure, encodeExposure, newExposure, openOutage } from '../standin/exposure.ts';
import { newShadow, withBalance } from '../standin/shadow.ts';
import { Decider } from '../store/decide.ts';
import type { DecideOptions, Domain } from '../store/decide.ts';
import { before, changed, named, settled, withUnsure } from './stand-in-change.ts';
import type { Journal, Records, Result } from './stand-in-change.ts';
import { takeBack } from './stand-in-counts.ts';
import { depositEntry, entryText, release } from './stand-in-deposit.ts';
import { entryOf } from './stand-in-entry.ts';
import { decodeKnown, encodeKnown } from './stand-in-known.ts';
import type { CardKnown } from './stand-in-known.ts';
import { encodeDone } from './stand-in-message.ts';
import type { CardChangeMessage, FoundMessage, LapseMessage, OutageMessage, OverdueMessage, StandInAnswer, StandInHead, StandInMessage } from './stand-in-message.ts';
import { decodeRecord, keyOf, moreOf } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';
import { applyNoted, applyRelay } from './stand-in-relayed.ts';
import { applyAsk, applyRequest, applyStand } from './stand-in-request.ts';
import { applyTold, withoutDeposit } from './stand-in-told.ts';

export type StandInLedger = Decider<StandInMessage, StandInHead, StandInAnswer>;

export function openStandInLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domainOf((done) => (done.entry === '' ? undefined : done.entry), options.store.partitions), options);
}

/** The ledger of this node alone: its journal holds what is to be relayed. */
export function openLocalLedger(options: DecideOptions): Promise<StandInLedger> {
  const domain = domainOf(encodeDone, options.store.partitions);
  return Decider.open({ ...domain, apply: (head, records, message, facts) => neverDue(domain.apply(head, records, message, facts)) }, options);
}

/** What lapses does so in the shared ledger; what is due in this node's store is an advice. */
function neverDue(result: Result): Result {
  if (result.kind !== 'decided' || result.change === undefined) return result;
  return { ...result, change: { ...result.change, puts: result.change.puts.map(({ id, value, keepUntilMs }) => ({ id, value, keepUntilMs })) } };
}

const newHead: StandInHead = { version: 0, card: newActivity, cardText: encodeActivity(newActivity), outage: undefined, known: undefined };

function domainOf(journal: Journal, partitions: number): Domain<StandInMessage, StandInHead, StandInAnswer> {
  return {
    decode(_id, text) {
      const [form, version, cardText = '', outage = '', known = ''] = text.split('\n');
      assert(form === '2', 'a stand-in head is in a form that this program knows');
      return { version: Number(version), card: decodeActivity(cardText), cardText, outage: outage === '' ? undefined : decodeExposure(outage), known: known === '' ? undefined : decodeKnown(known) };
    },
    encode({ version, cardText, outage, known }) {
      return `2\n${version}\n${cardText}\n${outage === undefined ? '' : encodeExposure(outage)}${known === undefined ? '' : `\n${encodeKnown(known)}`}`;
    },
    apply(head, records, message, { decidedAtMs, refusedGuardId = '' }) {
      const before = head ?? newHead;
      switch (message.kind) {
        case 'outage': return applyOutage(before, message, decidedAtMs);
        case 'ask': return applyAsk(before, records, message, decidedAtMs, refusedGuardId, journal);
        case 'request': return applyRequest(before, records, message, decidedAtMs, refusedGuardId, journal, partitions);
        case 'told': return applyTold(before, records, message, decidedAtMs, journal);
        case 'stand': return applyStand(before, records, message, decidedAtMs, journal);
        case 'lapse': return applyLapse(before, records, message, decidedAtMs, journal);
        case 'overdue': return applyOverdue(before, records, message, decidedAtMs, journal);
        case 'card': return applyCard(before, message);
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

function applyOutage(head: StandInHead, { isOpen, sinceMs }: OutageMessage, nowMs: number): Result {
  const before = head.outage ?? newExposure;
  const outage = isOpen ? openOutage(before, sinceMs) : closeOutage(before, nowMs);
  const answer: StandInAnswer = { kind: 'outage', outageId: outage.outageId };
  if (outage === before) return { kind: 'decided', answer, change: undefined };
  return { kind: 'decided', answer, change: { account: { ...head, version: head.version + 1, outage }, entry: undefined, puts: [], deletes: [], once: [], guard: undefined } };
}

/** A change writes nothing for the book: the operators' own record of what they changed has it. */
function applyCard(head: StandInHead, { terms, balance }: CardChangeMessage): Result {
  const before = head.known;
  const shadow = balance === undefined ? before?.shadow : withBalance(before?.shadow ?? newShadow, balance.pushed, balance.through);
  const isTaken = balance === undefined || shadow !== undefined;
  if (!isTaken || (terms === undefined && balance === undefined)) return { kind: 'decided', answer: { kind: 'card', known: before, isTaken }, change: undefined };
  const told = terms === undefined ? before?.terms : terms === 'none' ? undefined : terms;
  const known: CardKnown | undefined = told === undefined && shadow === undefined ? undefined : { terms: told, shadow };
  return {
    kind: 'decided', answer: { kind: 'card', known, isTaken },
    change: { account: { ...head, version: head.version + 1, known }, entry: undefined, puts: [], deletes: [], once: [], guard: undefined },
  };
}

/** What an authorization held of its partner's deposit is given back, once: nothing came of it in its time. What has to be taken back is told of. */
function applyLapse(head: StandInHead, records: Records, { id, token, recordId }: LapseMessage, nowMs: number, journal: Journal): Result {
  if (!records.has(recordId)) return { kind: 'read', ids: [recordId] };
  const record = decodeRecord(records.get(recordId));
  const deposit = record?.more?.deposit;
  const owed = record?.more?.owed;
  const answer: StandInAnswer = owed === undefined || owed.dueAtMs > nowMs ? { kind: 'unknown' } : { kind: 'overdue', text: owed.text };
  if (record === undefined || deposit?.dueAtMs === undefined || deposit.dueAtMs > nowMs) return { kind: 'decided', answer, change: undefined };
  const { moves } = release(deposit);
  const lapsed = withoutDeposit(record);
  return changed(head, token, nowMs, { card: head.card, puts: [[recordId, lapsed]], fresh: undefined, takes: moves, done: { key: recordId, record: lapsed, entry: depositEntry('lapsed', id, record.id, moves, nowMs) } }, answer, journal);
}

/** Nobody ended it in its time, or what takes it back could not be written then. What it holds of a deposit it holds until the issuer has taken it back. */
function applyOverdue(head: StandInHead, records: Records, { token, recordId, counters, isKept }: OverdueMessage, nowMs: number, journal: Journal): Result {
  if (!records.has(recordId)) return { kind: 'read', ids: [recordId] };
  const record = decodeRecord(records.get(recordId));
  const owed = record?.more?.owed;
  if (record === undefined || owed === undefined || owed.dueAtMs > nowMs) return { kind: 'decided', answer: { kind: 'unknown' }, change: undefined };
  const answer: StandInAnswer = { kind: 'overdue', text: owed.text };
  if (isKept) {
    const told = settled(record);
    return changed(head, token, nowMs, { card: head.card, puts: [[recordId, told]], fresh: undefined, takes: [], done: { key: recordId, record: told, entry: '' } }, answer, journal);
  }
  if (record.phase === 'ended' || record.isReversed) return { kind: 'decided', answer, change: undefined };
  const back = takeBack(head, { ...record, more: moreOf({ ...record.more, deposit: undefined }) }, 0, counters);
  const over: StandInRecord = { ...back.record, more: moreOf({ ...record.more, unsure: nowMs, overdue: true }) };
  return changed(head, token, nowMs, { card: back.card, known: back.known, puts: [[recordId, over]], fresh: undefined, takes: back.gives, done: { key: recordId, record: over, entry: '', counters, takes: [], isUndone: record.counted !== undefined } }, answer, journal);
}

function applyFound(head: StandInHead, records: Records, { id, kind, message, rules }: FoundMessage, nowMs: number, journal: Journal): Result {
  const key = keyOf(message);
  if (!records.has(key)) return { kind: 'read', ids: [key] };
  const found = before(records, key, message, []);
  if (found.kind === 'read') return found;
  if (found.kind !== 'known' || kind === 'look') return { kind: 'decided', answer: found.kind === 'known' ? found.answer : { kind: 'unknown' }, change: undefined };
  const { answer } = found;
  if (answer.kind !== 'answered' || answer.note === 'duplicate') return { kind: 'decided', answer: { kind: 'unknown' }, change: undefined };
  const { record } = answer;
  if (kind === 'kept') {
    if (record.telling !== 'due') return { kind: 'decided', answer, change: undefined };
    const isReversal = message.class === 'reversal' && (message.actualMinor ?? 0) === 0;
    const looked = isReversal ? named(records, message) : undefined;
    if (looked !== undefined && 'missing' in looked) return { kind: 'read', ids: looked.missing };
    const owed = record.more?.owed?.isOthers === true ? record.more.owed : undefined;
    const kept: StandInRecord = { ...record, telling: 'done', more: moreOf({ ...record.more, owed }) };
    const puts: [string, StandInRecord][] = [[found.at, kept]];
    if (looked?.record?.isReversed === true) puts.push([looked.key, settled(looked.record)]);
    return changed(head, message.card.token, nowMs, { card: head.card, puts, fresh: undefined, takes: [], done: { key, record: kept, entry: '' } }, answer, journal);
  }
  const back = takeBack(head, record, 0, rules.counters);
  // Another switch may have written the advice all the same: a reversal takes back what that tells.
  const undone: StandInRecord = withUnsure({ ...back.record, reason: '9109', approvalCode: '', counted: undefined, isReversed: record.isReversed, telling: 'no' }, nowMs);
  const entry = entryText({ ...entryOf(message, nowMs, 'switch', undone, [], ['adviceNotWritten'], record.id), id }, back.gives);
  return changed(head, message.card.token, nowMs, {
    card: back.card, known: back.known, puts: [[found.at, undone]], fresh: undefined, takes: back.gives, done: { key, record: undone, entry, counters: rules.counters, takes: [], isUndone: true },
  }, { kind: 'answered', record: undone, note: undefined, decision: undefined }, journal);
}
