/** What another ledger has done already is done to this one, once; and what else belongs to a transaction's story is written. */
import { decodeEntry, encodeEntry } from '../account/journal.ts';
import { isApproval } from '../message/reason.ts';
import { withSeen } from '../standin/activity.ts';
import { count } from '../standin/counted.ts';
import { newExposure } from '../standin/exposure.ts';
import type { GuardMove } from '../store/store.ts';
import { changed, freshOf, markerOf, withMarker } from './stand-in-change.ts';
import type { Journal, Records, Result } from './stand-in-change.ts';
import { takeBack } from './stand-in-counts.ts';
import { depositEntry, entryText, isDeposit, noFloor, release } from './stand-in-deposit.ts';
import { withHostApproval } from './stand-in-known.ts';
import type { NotedMessage, RelayMessage, StandInAnswer, StandInHead } from './stand-in-message.ts';
import { decodeRecord } from './stand-in-record.ts';
import type { StandInRecord } from './stand-in-record.ts';

export function applyNoted(head: StandInHead, records: Records, { id, token, entry }: NotedMessage, nowMs: number, journal: Journal): Result {
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const result = changed(head, token, nowMs, { card: head.card, puts: [], fresh: freshOf(records, marker), takes: [], done: { key: '', record: undefined, entry: encodeEntry({ ...entry, decidedAtMs: nowMs }) } }, answer, journal);
  return withMarker(result, marker, nowMs);
}

export function applyRelay(head: StandInHead, records: Records, { id, done }: RelayMessage, nowMs: number, journal: Journal): Result {
  const { token, key, record, counters, original } = done;
  const marker = markerOf(token, id);
  const answer: StandInAnswer = { kind: 'unknown' };
  const missing = [marker, ...(key === '' ? [] : [key]), ...(original?.keys ?? [])].filter((each) => !records.has(each));
  if (missing.length > 0) return { kind: 'read', ids: missing };
  if (typeof records.get(marker) === 'string') return { kind: 'decided', answer, change: undefined };
  const puts: [string, StandInRecord][] = [];
  let card = withSeen(head.card, done.seen);
  let known = done.hostApproved === undefined ? head.known : withHostApproval(head.known, done.hostApproved);
  if (done.pin !== undefined) card = { ...card, pinTries: done.pin === 'wrong' ? card.pinTries + 1 : 0 };
  const moves: GuardMove[] = done.takes.map((take) => ({ ...take, floor: noFloor }));
  if (record !== undefined) {
    const earlier = decodeRecord(records.get(key));
    const isSame = earlier === undefined || earlier.id === record.id || earlier.phase === 'asked';
    let put: StandInRecord = { ...record, isReversed: record.isReversed || earlier?.isReversed === true, telling: earlier?.telling === 'done' && earlier.id === record.id ? 'done' : record.telling };
    if (done.isUndone) {
      const back = earlier?.counted === undefined ? undefined : takeBack({ card, known }, earlier, 0, counters);
      ({ card, known } = back ?? { card, known });
      moves.push(...(back?.gives ?? []));
    } else {
      if (record.counted !== undefined && earlier?.counted?.id !== record.counted.id && record.telling !== 'done') card = count({ card, issuer: newExposure }, record.counted, counters).card;
      // What was reserved here before it went out: the other ledger cannot know of it.
      const deposit = isSame && record.more?.deposit === undefined ? earlier?.more?.deposit : undefined;
      if (deposit !== undefined && record.phase === 'ended') {
        const held = put.isReversed || !isApproval(record.reason) ? release(deposit) : { deposit, moves: [] };
        moves.push(...held.moves);
        if (held.deposit !== undefined) put = { ...put, more: { ...put.more, deposit: held.deposit } };
      }
    }
    // An advice that was noted apart: it happened.
    const noted = record.more?.deposit;
    if (noted !== undefined && earlier?.more?.deposit === undefined && !put.isReversed) moves.push({ guardId: noted.guardId, delta: -noted.leftMinor, floor: noFloor });
    if (isSame || earlier.id === '') puts.push([key, put]);
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
  const entry = done.entry === '' ? depositEntry('lapsed', id, record?.id ?? '', moves.filter(({ guardId }) => isDeposit(guardId)), nowMs) : moves.some(({ guardId }) => isDeposit(guardId)) ? entryText(decodeEntry(done.entry), moves) : done.entry;
  const result = changed(head, token, nowMs, { card, known, puts, fresh: marker, takes: moves, done: { ...done, entry, takes: [] } }, answer, journal);
  return withMarker(result, marker, nowMs);
}
