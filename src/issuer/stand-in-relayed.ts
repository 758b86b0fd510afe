/** What another ledger has done already is done to this one, once; and what else belongs to a transaction's story is written. */
import { decodeEntry } from '../account/journal.ts';
import type { SentReference } from '../message/advice.ts';
import { isApproval } from '../message/reason.ts';
import { withSeen } from '../standin/activity.ts';
import { count, giveBack } from '../standin/counted.ts';
import { newExposure } from '../standin/exposure.ts';
import type { Counter } from '../standin/rules.ts';
import type { GuardMove } from '../store/store.ts';
import { changed, freshOf, markerOf, mayStand, nameOf, namesTooOf, withMarker } from './stand-in-change.ts';
import type { Journal, Put, Records, Result } from './stand-in-change.ts';
import { takeBack } from './stand-in-counts.ts';
import { become, depositEntry, entryText, isDeposit, kept, noFloor, release } from './stand-in-deposit.ts';
import type { Held } from './stand-in-deposit.ts';
import { withHeard, withHostApproval } from './stand-in-known.ts';
import type { Done, Heard, NotedMessage, Overtaken, RelayMessage, StandInAnswer, StandInHead, TakenBack } from './stand-in-message.ts';
import { lookUp, placeOf } from './stand-in-place.ts';
import type { Named, Place } from './stand-in-place.ts';
import { decodeRecord, moreOf } from './stand-in-record.ts';
import type { Owed, StandInRecord } from './stand-in-record.ts';
import { afterCompletion, asCompleted, withoutDeposit } from './stand-in-told.ts';

export function applyNoted(head: StandInHead, records: Records, { id, token, entry, takenBack, heard }: NotedMessage, nowMs: number, journal: Journal): Result {
  const marker = markerOf(token, id);
  const over = overBy(records, takenBack);
  if ('missing' in over) return { kind: 'read', ids: over.missing };
  const late = overtakenBy(records, heard);
  if ('missing' in late) return { kind: 'read', ids: late.missing };
  const answer: StandInAnswer = { kind: 'noted', overtaken: late.overtaken };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const { at, record, moves } = over;
  const puts: Put[] = [...(record === undefined ? [] : [[at, record] as const]), ...late.puts];
  const result = changed(head, token, nowMs, {
    card: head.card, known: heard === undefined ? head.known : withHeard(head.known, heard.id), puts, fresh: freshOf(records, marker), takes: moves,
    done: { key: record === undefined ? '' : takenBack!.key, record, entry: entryText({ ...entry, decidedAtMs: nowMs }, moves), takenBack, heard, noted: id },
  }, answer, journal);
  return withMarker(result, marker, nowMs);
}

/** What is let go of, as the issuer has taken the request back. `record` undefined: nothing. */
function overBy(records: Records, takenBack: TakenBack | undefined): { readonly missing: readonly string[] } | (Pick<Held, 'moves'> & { readonly at: string; readonly record: StandInRecord | undefined }) {
  const { moves: none } = kept(undefined);
  if (takenBack === undefined) return { at: '', record: undefined, moves: none };
  if (!records.has(takenBack.key)) return { missing: [takenBack.key] };
  const place = placeOf(records, takenBack.key, takenBack);
  if ('missing' in place) return place;
  const { at, record: request } = place;
  const isOver = request !== undefined && (request.isReversed || (request.phase === 'ended' && !isApproval(request.reason)));
  const { moves } = isOver ? release(request.more?.deposit) : { moves: none };
  return { at, record: moves.length === 0 ? undefined : withoutDeposit(request!), moves };
}

/** What of it was taken back before the issuer heard of it, by whichever switch; `puts`: it has heard of it now. */
function overtakenBy(records: Records, heard: Heard | undefined): { readonly missing: readonly string[] } | { readonly overtaken: Overtaken | undefined; readonly puts: readonly Put[] } {
  if (heard === undefined) return { overtaken: undefined, puts: [] };
  if (!records.has(heard.key)) return { missing: [heard.key] };
  const place = placeOf(records, heard.key, heard);
  if ('missing' in place) return place;
  const { at, record } = place;
  if (record?.id !== heard.id) return { overtaken: undefined, puts: [] };
  const leftMinor = record.isReversed ? 0 : Math.min(heard.amountMinor, record.more?.actualMinor ?? heard.amountMinor);
  const puts: Put[] = record.more?.heard === true ? [] : [[at, { ...record, more: moreOf({ ...record.more, heard: true }) }]];
  return { overtaken: leftMinor < heard.amountMinor ? { heard, leftMinor } : undefined, puts };
}

export function applyRelay(head: StandInHead, records: Records, { id, done }: RelayMessage, nowMs: number, journal: Journal): Result {
  const { token, original } = done;
  const marker = markerOf(token, id);
  const found = findAll(records, done, marker);
  if ('missing' in found) return { kind: 'read', ids: found.missing };
  const was = records.get(marker);
  const told = done.noted === undefined ? undefined : markerOf(token, done.noted);
  const { overtaken } = found;
  if (typeof was === 'string') return { kind: 'decided', answer: { kind: 'relayed', names: was === '1' ? [] : JSON.parse(was) as SentReference[], overtaken }, change: undefined };
  const record = original === undefined || found.original === undefined ? done.record : naming(done.record, original, found.original);
  const state: Relayed = {
    card: withSeen(head.card, done.seen), known: relayKnown(head.known, done),
    // What the other ledger could not reach is not its to take.
    moves: done.takes.filter(({ guardId }) => !isDeposit(guardId)).map((move) => ({ ...move, floor: noFloor })), puts: [...found.heard], names: [],
  };
  if (done.pin !== undefined) state.card = { ...state.card, pinTries: done.pin === 'wrong' ? state.card.pinTries + 1 : 0 };
  const isTaken = record !== undefined && found.own !== undefined && relayRecord(state, done, record, found.own, nowMs);
  const { completed, taken } = found;
  if (completed?.record !== undefined) {
    const deposit = isTaken ? completed.record.more?.deposit : undefined;
    if (deposit !== undefined) state.moves.push(...release(deposit).moves);
    const emptied = afterCompletion({ purpose: 'completion' }, deposit === undefined ? completed.record : withoutDeposit(completed.record));
    if (emptied !== completed.record) state.puts.push([completed.key, emptied]);
  }
  if (record === undefined && taken.record !== undefined) {
    state.moves.push(...taken.moves);
    state.puts.push([taken.at, taken.record]);
  }
  if (original !== undefined && found.original !== undefined) relayReversal(state, original, found.original, done.record, done.counters);
  const { card, known, puts, moves, names } = state;
  const isToldHere = told !== undefined && typeof records.get(told) === 'string';
  const entry = done.entry === '' || isToldHere ? depositEntry('reserved', id, record?.id ?? '', moves, nowMs) : entryText(decodeEntry(done.entry), moves);
  const result = changed(head, token, nowMs, { card, known, puts, fresh: marker, takes: moves, alias: done.alias, done: { ...done, entry, takes: [] } }, { kind: 'relayed', names, overtaken }, journal);
  const marked = withMarker(result, marker, nowMs, names.length === 0 ? '1' : JSON.stringify(names));
  return told === undefined ? marked : withMarker(marked, told, nowMs);
}

/** Of the card's balance: what the host knew of before, the other ledger's places do not say here. */
function relayKnown(known: StandInHead['known'], { hostApproved, heard }: Done): StandInHead['known'] {
  const approved = hostApproved === undefined ? known : withHostApproval(known, { ...hostApproved, after: 0 });
  return heard === undefined ? approved : withHeard(approved, heard.id);
}

/** What relaying changes, as far as it has come. */
interface Relayed {
  card: StandInHead['card'];
  known: StandInHead['known'];
  readonly puts: Put[];
  readonly moves: GuardMove[];
  /** By which the issuer knows what is to be taken back. */
  names: SentReference[];
}

interface Found {
  readonly own: Exclude<Place, { missing: readonly string[] }> | undefined;
  readonly original: Exclude<Named, { missing: readonly string[] }> | undefined;
  readonly completed: Exclude<Named, { missing: readonly string[] }> | undefined;
  readonly taken: Exclude<ReturnType<typeof overBy>, { missing: readonly string[] }>;
  readonly overtaken: Overtaken | undefined;
  readonly heard: readonly Put[];
}

/** All records that it is about. */
function findAll(records: Records, { token, key, record, original, completes, takenBack, heard, noted }: Done, marker: string): { readonly missing: readonly string[] } | Found {
  const first = [marker, ...(key === '' ? [] : [key]), ...(noted === undefined ? [] : [markerOf(token, noted)])].filter((each) => !records.has(each));
  const own = record === undefined || first.length > 0 ? undefined : placeOf(records, key, { transmittedAt: record.transmittedAt, localAt: record.localAt, receivedAtMs: 0 });
  const reversed = original === undefined ? undefined : original.unknown.id === '' ? lookUp(records, original.keys, original.alias, original.unknown) : knownAt(records, original.keys);
  const completed = completes === undefined ? undefined : lookUp(records, completes.keys, undefined, completes.by);
  const taken = overBy(records, takenBack);
  const late = overtakenBy(records, heard);
  if (first.length > 0 || (own !== undefined && 'missing' in own) || (reversed !== undefined && 'missing' in reversed) || (completed !== undefined && 'missing' in completed) || 'missing' in taken || 'missing' in late) {
    const missing = [own, reversed, completed, taken, late].flatMap((each) => (each !== undefined && 'missing' in each ? each.missing : []));
    return { missing: [...first, ...missing] };
  }
  return { own, original: reversed, completed, taken, overtaken: late.overtaken, heard: late.puts };
}

/** What an advice completed: the other ledger had it. */
function knownAt(records: Records, keys: readonly string[]): Named {
  const missing = keys.filter((each) => !records.has(each));
  if (missing.length > 0) return { missing };
  const key = keys.find((each) => typeof records.get(each) === 'string');
  return { key: key ?? keys[0]!, record: key === undefined ? undefined : decodeRecord(records.get(key)), isOther: false, free: keys.slice(0, 1) };
}

/** @returns whether the deposit is held for it now */
function relayRecord(state: Relayed, done: Done, record: StandInRecord, { at, record: earlier, moved }: NonNullable<Found['own']>, nowMs: number): boolean {
  const { counters } = done;
  if (earlier !== undefined && earlier.id !== '' && earlier.id !== record.id && earlier.phase === 'ended' && (isApproval(earlier.reason) || !isApproval(record.reason))) {
    relaySecond(state, done, record, at, earlier, nowMs);
    return false;
  }
  state.puts.push(...moved);
  let own = earlier?.more?.deposit;
  if (done.isUndone && earlier?.counted !== undefined) {
    const back = takeBack(state, earlier, 0, counters);
    Object.assign(state, { card: back.card, known: back.known });
    own = back.record.more?.deposit;
    state.moves.push(...back.gives);
  } else if (!done.isUndone && record.counted !== undefined && earlier?.counted?.id !== record.counted.id && record.telling !== 'done') {
    state.card = count({ card: state.card, issuer: newExposure }, record.counted, counters).card;
  }
  // What it held here before it went out, there nobody could know of; what it holds after all, that one says, unless it was reversed here.
  // What nobody ended here in its time was answered there: no acquirer has reversed it.
  const wasReversed = earlier?.isReversed === true && earlier.more?.overdue !== true;
  const isReversedHere = wasReversed && !record.isReversed;
  const held = become(own, isReversedHere ? undefined : record.more?.deposit);
  state.moves.push(...held.moves);
  const isSecond = earlier !== undefined && earlier.id !== '' && earlier.id !== record.id;
  state.puts.push([at, {
    ...record, isReversed: record.isReversed || wasReversed, telling: earlier?.telling === 'done' && earlier.id === record.id ? 'done' : record.telling,
    // What takes back the one that was sent before stays owed.
    more: moreOf({ ...record.more, deposit: held.deposit, namesToo: isSecond ? bothNames(record, earlier) : (record.more?.namesToo ?? earlier?.more?.namesToo), owed: record.more?.owed ?? (isSecond && earlier.more?.owed?.text !== done.back ? earlier.more?.owed : undefined), heard: record.more?.heard ?? (isSecond ? undefined : earlier?.more?.heard), knownBefore: undefined }),
  }]);
  return held.deposit !== undefined;
}

/**
 * It was decided twice, under two ids: here, and where this was not known. What stands is what was here first, and is counted once; the
 * issuer takes the second one back: at once where it was told of it, and where it was asked, when that is due.
 */
function relaySecond(state: Relayed, { back }: Done, record: StandInRecord, at: string, earlier: StandInRecord, nowMs: number): void {
  // What it took of the outage's caps is as little counted twice.
  state.moves.splice(0);
  const isAsked = record.phase === 'asked';
  if (!isAsked && !isApproval(record.reason)) {
    // The issuer said no: nothing is to be taken back.
    if (back !== undefined && earlier.more?.owed?.text === back) state.puts.push([at, { ...earlier, more: moreOf({ ...earlier.more, owed: undefined }) }]);
    return;
  }
  if (!isAsked && record.by === 'standin' && record.advised !== undefined) {
    state.names.push(record.advised);
    return;
  }
  const text = isAsked ? record.more?.owed?.text : back;
  const { owed } = earlier.more ?? {};
  const isFree = text !== undefined && (owed === undefined || owed.text === text);
  const due: Owed | undefined = isFree ? { dueAtMs: isAsked ? (record.more?.owed?.dueAtMs ?? nowMs) : nowMs, text, isOthers: true } : owed;
  state.puts.push([at, { ...earlier, more: moreOf({ ...earlier.more, owed: due, namesToo: bothNames(earlier, record) }) }]);
}

/** All names that the issuer may know it by, but for the first's own. */
function bothNames(first: StandInRecord, second: StandInRecord): readonly SentReference[] | undefined {
  const own = nameOf(first);
  const name = second.phase === 'asked' || isApproval(second.reason) ? nameOf(second) : undefined;
  const names: SentReference[] = [];
  for (const each of [...(first.more?.namesToo ?? []), ...(name === undefined ? [] : [name]), ...(second.more?.namesToo ?? [])]) {
    if (![own, first.sent, ...names].some((other) => isSameName(each, other))) names.push(each);
  }
  return names.length === 0 ? undefined : names;
}

/** A reversal that a repeat of it finds untold names what it takes back as the issuer knows that. */
function naming(by: StandInRecord | undefined, { unknown }: NonNullable<Done['original']>, { record: original }: NonNullable<Found['original']>): StandInRecord | undefined {
  if (by === undefined || unknown.id !== '' || original === undefined || original.id === '') return by;
  return { ...by, names: nameOf(original), more: moreOf({ ...by.more, namesToo: namesTooOf(original) }) };
}

/** @param by the reversal, as the other ledger has it: it names what it takes back as well as was known there */
function relayReversal(state: Relayed, { leftMinor, unknown }: NonNullable<Done['original']>, { key, record: earlier, free }: NonNullable<Found['original']>, by: StandInRecord | undefined, counters: readonly Counter[]): void {
  if (earlier === undefined) {
    for (const at of free) state.puts.push([at, unknown]);
    return;
  }
  if (earlier.id === '') return;
  if (unknown.id === '' && by !== undefined && mayStand(earlier)) {
    const name = nameOf(earlier);
    const own = name === undefined || isSameName(name, by.names) ? [] : [name];
    const too = (namesTooOf(earlier) ?? []).filter((each) => ![by.names, ...(by.more?.namesToo ?? [])].some((told) => isSameName(each, told)));
    state.names.push(...own, ...too);
  }
  if (unknown.id !== '') {
    relayCompleted(state, key, earlier, leftMinor, counters);
    return;
  }
  const back = takeBack(state, earlier, leftMinor, counters);
  Object.assign(state, { card: back.card, known: back.known });
  state.moves.push(...back.gives);
  state.puts.push([key, back.record]);
}

/** Its completion counts in its place there, and so much of it. @param leftMinor in the rules' currency */
function relayCompleted(state: Relayed, key: string, earlier: StandInRecord, leftMinor: number, counters: readonly Counter[]): void {
  const { counted } = earlier;
  if (counted === undefined || earlier.isReversed || earlier.more?.completed === true) return;
  const back = giveBack({ card: state.card, issuer: newExposure, account: undefined }, counted, leftMinor, counters);
  state.card = back.state.card;
  const latest = state.puts.findLast(([at]) => at === key)?.[1] ?? earlier;
  state.puts.push([key, asCompleted({ ...latest, counted: back.counted })]);
}

function isSameName(one: SentReference, other: SentReference | undefined): boolean {
  return one.stan === other?.stan && one.transmittedAt === other.transmittedAt && one.class === other.class && one.function === other.function;
}
