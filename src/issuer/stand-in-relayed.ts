/** What another ledger has done already is done to this one, once; and what else belongs to a transaction's story is written. */
import { decodeEntry } from '../account/journal.ts';
import { isApproval } from '../message/reason.ts';
import { withSeen } from '../standin/activity.ts';
import { count } from '../standin/counted.ts';
import { newExposure } from '../standin/exposure.ts';
import type { GuardMove } from '../store/store.ts';
import { changed, freshOf, markerOf, withMarker } from './stand-in-change.ts';
import type { Journal, Records, Result } from './stand-in-change.ts';
import { takeBack } from './stand-in-counts.ts';
import { become, depositEntry, entryText, isDeposit, kept, noFloor, release } from './stand-in-deposit.ts';
import { withHostApproval } from './stand-in-known.ts';
import type { NotedMessage, RelayMessage, StandInAnswer, StandInHead } from './stand-in-message.ts';
import { decodeRecord, moreOf } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';
import { withoutDeposit } from './stand-in-told.ts';

export function applyNoted(head: StandInHead, records: Records, { id, token, entry, takenBack }: NotedMessage, nowMs: number, journal: Journal): Result {
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  if (takenBack !== undefined && !records.has(takenBack)) return { kind: 'read', ids: [takenBack] };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const request = takenBack === undefined ? undefined : decodeRecord(records.get(takenBack));
  const isOver = request !== undefined && (request.isReversed || (request.phase === 'ended' && !isApproval(request.reason)));
  const { moves } = isOver ? release(request.more?.deposit) : kept(undefined);
  const record = moves.length === 0 ? undefined : withoutDeposit(request!);
  const key = record === undefined ? '' : takenBack!;
  const result = changed(head, token, nowMs, {
    card: head.card, puts: record === undefined ? [] : [[key, record]], fresh: freshOf(records, marker), takes: moves,
    done: { key, record, entry: entryText({ ...entry, decidedAtMs: nowMs }, moves) },
  }, answer, journal);
  return withMarker(result, marker, nowMs);
}

export function applyRelay(head: StandInHead, records: Records, { id, done }: RelayMessage, nowMs: number, journal: Journal): Result {
  const { token, key, record, counters, original, completes = [] } = done;
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  const missing = [marker, ...(key === '' ? [] : [key]), ...(original?.keys ?? []), ...completes].filter((each) => !records.has(each));
  if (missing.length > 0) return { kind: 'read', ids: missing };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const puts: [string, StandInRecord][] = [];
  let card = withSeen(head.card, done.seen);
  let known = done.hostApproved === undefined ? head.known : withHostApproval(head.known, done.hostApproved);
  if (done.pin !== undefined) card = { ...card, pinTries: done.pin === 'wrong' ? card.pinTries + 1 : 0 };
  // What the other ledger could not reach is not its to take.
  const moves: GuardMove[] = done.takes.filter(({ guardId }) => !isDeposit(guardId)).map((move) => ({ ...move, floor: noFloor }));
  let isTaken = false;
  if (record !== undefined) {
    const earlier = decodeRecord(records.get(key));
    const isSame = earlier === undefined || earlier.id === record.id || earlier.phase === 'asked';
    // What nobody ended here in its time was answered there: no acquirer has reversed it.
    const wasReversed = earlier?.isReversed === true && earlier.more?.overdue !== true;
    let put: StandInRecord = { ...record, isReversed: record.isReversed || wasReversed, telling: earlier?.telling === 'done' && earlier.id === record.id ? 'done' : record.telling };
    let own = earlier?.more?.deposit;
    if (done.isUndone && earlier?.counted !== undefined) {
      const back = takeBack({ card, known }, earlier, 0, counters);
      ({ card, known } = back);
      own = back.record.more?.deposit;
      moves.push(...back.gives);
    } else if (!done.isUndone && record.counted !== undefined && earlier?.counted?.id !== record.counted.id && record.telling !== 'done') {
      card = count({ card, issuer: newExposure }, record.counted, counters).card;
    }
    if (isSame || earlier.id === '') {
      // What it held here before it went out, there nobody could know of; what it holds after all, that one says, unless it was reversed here.
      const isReversedHere = wasReversed && !record.isReversed;
      const held = become(own, isReversedHere ? undefined : record.more?.deposit);
      moves.push(...held.moves);
      put = { ...put, more: moreOf({ ...put.more, deposit: held.deposit }) };
      puts.push([key, put]);
      isTaken = held.deposit !== undefined;
    }
  }
  for (const at of isTaken ? completes : []) {
    const completed = decodeRecord(records.get(at));
    if (completed?.more?.deposit === undefined) continue;
    moves.push(...release(completed.more.deposit).moves);
    puts.push([at, withoutDeposit(completed)]);
  }
  if (original !== undefined) {
    const at = original.keys.find((each) => typeof records.get(each) === 'string');
    const earlier = at === undefined ? undefined : decodeRecord(records.get(at));
    if (at === undefined || earlier === undefined) puts.push([original.keys[0]!, original.unknown]);
    else if (earlier.id !== '') {
      const back = takeBack({ card, known }, earlier, original.leftMinor, counters);
      ({ card, known } = back);
      moves.push(...back.gives);
      puts.push([at, back.record]);
    }
  }
  const entry = done.entry === '' ? depositEntry('reserved', id, record?.id ?? '', moves, nowMs) : entryText(decodeEntry(done.entry), moves);
  const result = changed(head, token, nowMs, { card, known, puts, fresh: marker, takes: moves, done: { ...done, entry, takes: [] } }, answer, journal);
  return withMarker(result, marker, nowMs);
}
