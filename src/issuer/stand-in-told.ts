/** What is not decided here: the issuer has answered, nobody has, or an acquirer tells of what happened or is taken back. */
import type { CardMessage } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import { issuerApproved } from '../standin/activity.ts';
import type { GuardMove } from '../store/store.ts';
import { before, changed, freshOf, isBeingTold, mayStand, named, nameOf, namesTooOf, withUnsure } from './stand-in-change.ts';
import type { Journal, Put, Records, Result } from './stand-in-change.ts';
import { takeBack } from './stand-in-counts.ts';
import { asPaid, completedBy, entryText, kept, lessened, noFloor, settle, take } from './stand-in-deposit.ts';
import type { Held } from './stand-in-deposit.ts';
import { entryOf } from './stand-in-entry.ts';
import { advisedApproval, hostApproval, withHostApproval } from './stand-in-known.ts';
import type { CardKnown, HostApproval } from './stand-in-known.ts';
import type { Done as StandInDone, StandInHead, ToldMessage } from './stand-in-message.ts';
import { aliasFor, aliasOf, isMeant } from './stand-in-place.ts';
import { keyOf, moreOf, originalKeysOf, recordOf, tombstone } from './stand-in-record.ts';
import type { Deposit, StandInRecord } from './stand-in-record.ts';

export function applyTold(head: StandInHead, records: Records, told: ToldMessage, nowMs: number, journal: Journal): Result {
  const { id, message, by, response, sent, advised, flags, rules, owed } = told;
  const key = told.key ?? keyOf(message);
  const isRequest = message.function === 'request' && message.class !== 'reversal';
  const found = before(records, key, message, [id]);
  if (found.kind === 'read') return found;
  if (found.kind === 'known' && !(found.answer.kind === 'asked')) return { kind: 'decided', answer: found.answer, change: undefined };
  const namesOne = message.class === 'reversal' || message.original !== undefined;
  const looked = namesOne ? named(records, message) : undefined;
  if (looked !== undefined && 'missing' in looked) return { kind: 'read', ids: looked.missing };
  const original = looked?.record ?? (looked === undefined || looked.isOther || told.remembered === undefined || !isMeant(told.remembered, tombstone(message)) ? undefined : told.remembered);
  const puts: Put[] = [];
  let { card, known } = head;
  const moves: GuardMove[] = [];
  let isTold = !isRequest && message.fault === undefined;
  const flagged = [...flags];
  if (message.class === 'reversal' && message.fault === undefined && looked !== undefined) {
    if (original === undefined) {
      for (const at of looked.free) puts.push([at, tombstone(message)]);
      flagged.push('originalUnknown');
    } else {
      if (isBeingTold(original, nowMs)) return { kind: 'decided', answer: { kind: 'asked', record: original }, change: undefined };
      if (!mayStand(original)) isTold = false;
      const back = takeBack(head, original, message.actualMinor ?? 0, rules.counters);
      ({ card, known } = back);
      moves.push(...back.gives);
      puts.push([looked.key, isTold && back.record.isReversed ? withUnsure(back.record, nowMs) : back.record]);
    }
  }
  if (found.kind === 'reversed' && !isRequest) {
    isTold = false;
    flagged.push('reversedBefore');
  }
  // One that another switch asked, and this one gives up, is this one's.
  const asked = found.kind === 'open' ? found.asked : found.kind === 'known' && found.answer.kind === 'asked' ? found.answer.record : undefined;
  const isApproved = by === 'issuer' && isApproval(response.reason);
  // What it may have done stays to be taken back until that is on disk.
  const untold = isRequest && found.kind === 'reversed' ? found.earlier.more : undefined;
  let counted = asked?.counted;
  if (asked?.more?.proposal !== undefined) {
    flagged.push(`proposed:${asked.reason}`);
    if (!isApproved) {
      const back = takeBack({ card, known }, { ...asked, more: undefined }, 0, rules.counters);
      ({ card, known } = back);
      moves.push(...back.gives);
      counted = undefined;
    }
  }
  const hasRightPin = isApproved && message.pin !== 'absent';
  if (hasRightPin) card = issuerApproved(card);
  const approval = told.keepsBalance === true ? approvalOf(told, known, isApproved && counted === undefined, isTold, asked, original) : undefined;
  if (approval !== undefined) known = withHostApproval(known, approval);
  const completed = completedBy(message, told.deposit, original);
  const takes = message.class !== 'reversal' && found.kind !== 'reversed' && (isRequest ? isApproved : isTold);
  const held = untold !== undefined ? kept(untold.deposit) : takes && !isRequest ? advisedDeposit(told, completed) : settledDeposit(told, asked, found.kind === 'reversed', completed);
  moves.push(...held.moves);
  const emptied = !takes || original === undefined ? original : afterCompletion(message, completed === undefined ? original : withoutDeposit(original));
  if (emptied !== undefined && emptied !== original && looked !== undefined) puts.push([looked.key, emptied]);
  const record: StandInRecord = {
    ...recordOf(message, id, by, response), amount: response.amount ?? message.amount, isReversed: told.isReversed || found.kind === 'reversed', sent, advised, names: nameOf(original),
    counted, guardId: counted === undefined ? '' : (asked?.guardId ?? ''), telling: isTold ? 'due' : 'no',
    more: moreOf({
      deposit: held.deposit, actualMinor: isApproved ? leftOf(asked, response.amount?.amountMinor) : undefined, owed: owed ?? untold?.owed, unsure: untold?.unsure, overdue: untold?.overdue,
      namesToo: message.class === 'reversal' ? namesTooOf(original) : undefined,
    }),
  };
  puts.push(...(found.kind === 'open' ? found.moved : []), [found.at, record]);
  if (isTold) flagged.push('forTheIssuer');
  const originalId = original === undefined || original.id === '' ? undefined : original.id;
  return changed(head, message.card.token, nowMs, {
    card, known, puts, fresh: freshOf(records, found.at), takes: moves, alias: message.class === 'reversal' || asked !== undefined ? undefined : aliasFor(key, message),
    done: {
      key, record, entry: entryText(entryOf(message, nowMs, by, response, [], flagged, originalId), moves), counters: rules.counters, takes: [], pin: hasRightPin ? 'right' : undefined,
      back: by === 'issuer' ? asked?.more?.owed?.text : undefined, hostApproved: approval, completes: takes ? completesOf(message) : undefined, isUndone: asked?.counted !== undefined && counted === undefined,
      ...(message.class !== 'reversal' || message.fault !== undefined || looked === undefined ? {} : { original: { keys: originalKeysOf(message), alias: message.original === undefined ? aliasOf(message) : undefined, leftMinor: message.actualMinor ?? 0, unknown: tombstone(message) } }),
    },
  }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}

/** What is taken off the balance that the host pushes: what it approved itself, and what an acquirer says that happened. */
function approvalOf({ message, rules, response, sent, advised }: ToldMessage, known: CardKnown | undefined, isHosts: boolean, isTold: boolean, asked: StandInRecord | undefined, original: StandInRecord | undefined): HostApproval | undefined {
  if (isHosts) return hostApproval(message, rules, response.amount?.amountMinor, sent, asked);
  return isTold && message.class !== 'reversal' ? advisedApproval(known, message, rules, advised, original) : undefined;
}

/** The request's own: it was taken before it went out, and what became of it says what stays. What nobody answered stays until the issuer has taken it back. */
function settledDeposit(told: ToldMessage, asked: StandInRecord | undefined, isReversed: boolean, completed: Deposit | undefined): Held {
  const { message, response, deposit: order } = told;
  const own = asked?.more?.deposit;
  if (isReversed || message.class === 'reversal' || message.function !== 'request') return kept(undefined);
  if (told.isReversed) return order?.isOutOfReach === true && own === undefined ? take(order, undefined, undefined, 0) : kept(own);
  const actualMinor = asked?.more?.actualMinor;
  const less = lessened(told, actualMinor);
  const approvedMinor = response.amount?.amountMinor;
  return settle(less.message, response.reason, actualMinor === undefined || approvedMinor === undefined ? approvedMinor : Math.min(approvedMinor, actualMinor), own, completed, less.deposit);
}

/** What a reversal in flight left, where that is less than what was approved then. */
function leftOf(asked: StandInRecord | undefined, approvedMinor: number | undefined): number | undefined {
  const actualMinor = asked?.more?.actualMinor;
  return actualMinor === undefined || (approvedMinor !== undefined && approvedMinor <= actualMinor) ? undefined : actualMinor;
}

/** Of an advice: it happened, and goes below nothing if it must. What it completes holds nothing for itself any more. */
function advisedDeposit({ message, deposit: order }: ToldMessage, completed: Deposit | undefined): Held {
  return order === undefined ? kept(undefined) : asPaid(take(order, undefined, completed, noFloor), message);
}

/** Its completion holds it now. */
export function withoutDeposit(record: StandInRecord): StandInRecord {
  return record.more?.deposit === undefined ? record : { ...record, more: moreOf({ ...record.more, deposit: undefined }) };
}

/** Whoever has approved its completion: what stand-in counted of it is that one's. */
export function afterCompletion({ purpose }: Pick<CardMessage, 'purpose'>, record: StandInRecord): StandInRecord {
  return purpose !== 'completion' || record.counted === undefined || record.more?.completed === true ? record : asCompleted(record);
}

export function asCompleted(record: StandInRecord): StandInRecord {
  return { ...record, more: moreOf({ ...record.more, completed: true }) };
}

/** For another ledger, which may know of it: where what it completes may be. */
export function completesOf(message: CardMessage): StandInDone['completes'] {
  return message.purpose === 'completion' && message.original !== undefined ? { keys: originalKeysOf(message), by: tombstone(message) } : undefined;
}
