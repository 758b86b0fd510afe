/** What another ledger has done already is done to this one, once; and what else belongs to a transaction's story is written. */
import { encodeEntry } from '../account/journal.ts';
import { withSeen } from '../standin/activity.ts';
import { count } from '../standin/counted.ts';
import { newExposure } from '../standin/exposure.ts';
import type { GuardMove } from '../store/store.ts';
import { changed, freshOf, markerOf, withMarker } from './stand-in-change.ts';
import type { Journal, Records, Result } from './stand-in-change.ts';
import { noFloor, takeBack } from './stand-in-counts.ts';
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
