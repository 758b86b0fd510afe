/** A request of a remote issuer's card: put on record before it is sent, decided in the issuer's place, or proposed to it. */
import type { CardMessage, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { Counted, StandInDecision, StandInState } from '../standin/decision.ts';
import { standIn } from '../standin/engine.ts';
import { newExposure } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import { afterStandIn, newShadow } from '../standin/shadow.ts';
import { partitionOf } from '../store/store.ts';
import type { GuardMove } from '../store/store.ts';
import { before, changed, freshOf, isUnheard, named, nameOf, reversedBefore } from './stand-in-change.ts';
import type { Before, Journal, Put, Records, Result } from './stand-in-change.ts';
import { isCountGuard, outageGuardId, takesOf } from './stand-in-counts.ts';
import { asPaid, completedBy, decisionText, depositEntry, entryText, kept, lessened, release, reserve, settle, take } from './stand-in-deposit.ts';
import type { Held } from './stand-in-deposit.ts';
import { checksOf, checkTextsOf, entryOf } from './stand-in-entry.ts';
import { authorizationId, cardFacts } from './stand-in-known.ts';
import type { CardKnown } from './stand-in-known.ts';
import type { AskMessage, StandInHead, StandInRequest, StandMessage } from './stand-in-message.ts';
import { aliasFor } from './stand-in-place.ts';
import { cardHeadId, keyOf, moreOf, recordOf } from './stand-in-record.ts';
import type { Deposit, StandInRecord } from './stand-in-record.ts';
import { asCompleted, completesOf, withoutDeposit } from './stand-in-told.ts';

type Open = Extract<Before, { kind: 'open' }>;

/** What a request names, where it names something. */
interface Named {
  readonly key: string;
  readonly record: StandInRecord | undefined;
}

/** @param refusedGuardId the shared counter that had no room */
export function applyAsk(head: StandInHead, records: Records, ask: AskMessage, nowMs: number, refusedGuardId: string, journal: Journal): Result {
  const { id, message, sent, untilMs, deposit: order, owed } = ask;
  const key = ask.key ?? keyOf(message);
  const { token } = message.card;
  const found = before(records, key, message, [id]);
  if (found.kind === 'read') return found;
  if (found.kind === 'known') return { kind: 'decided', answer: found.answer, change: undefined };
  if (found.kind === 'reversed') return reversedBefore(head, found, key, id, message, nowMs, journal);
  let original: Named | undefined;
  if (message.original !== undefined) {
    const looked = named(records, message);
    if ('missing' in looked) return { kind: 'read', ids: looked.missing };
    original = looked;
    if (ask.inOrder === true && looked.record !== undefined && isUnheard(looked.record)) return { kind: 'decided', answer: { kind: 'ahead' }, change: undefined };
  }
  const own = found.asked?.more?.deposit;
  if (order !== undefined && own === undefined && (order.isOutOfReach === true || refusedGuardId === order.guardId)) return depositRefuses(head, records, found, key, ask, order.isOutOfReach === true ? '9112' : '1820', nowMs, journal);
  const held = order === undefined ? kept(own) : reserve(order, own, completedBy(message, order, original?.record));
  const record: StandInRecord = { ...recordOf(message, id, 'switch', { reason: '9112', approvalCode: '' }), phase: 'asked', untilMs, sent, more: moreOf({ deposit: held.deposit, owed, knownBefore: ask.keepsBalance === true ? head.known?.shadow?.knownCount : undefined }) };
  return changed(head, token, nowMs, {
    card: head.card, puts: [...found.moved, [found.at, record]], fresh: freshOf(records, found.at), takes: held.moves, alias: aliasFor(key, message),
    done: { key, record, entry: depositEntry('reserved', id, id, held.moves, nowMs) },
  }, { kind: 'go', names: nameOf(original?.record) }, journal);
}

/** The partner's deposit does not cover it: the issuer is not asked, and nobody stands in. */
function depositRefuses(head: StandInHead, records: Records, { at, moved }: Open, key: string, { id, message }: AskMessage, reason: Reason, nowMs: number, journal: Journal): Result {
  const response = { reason, approvalCode: '', amount: message.amount } as const;
  const record: StandInRecord = recordOf(message, id, 'switch', response);
  const entry = entryText(entryOf(message, nowMs, 'switch', response, [], [reason === '1820' ? 'depositNotCovered' : 'depositNotKnown']), []);
  return changed(head, message.card.token, nowMs, { card: head.card, puts: [...moved, [at, record]], fresh: freshOf(records, at), takes: [], done: { key, record, entry } }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}

/** @param refusedGuardId the shared counter that had no room */
export function applyRequest(head: StandInHead, records: Records, whole: StandInRequest, nowMs: number, refusedGuardId: string, journal: Journal, partitions: number): Result {
  const { id, rules, facts, sent, advised, follows, proposesUntilMs, owed } = whole;
  const key = whole.key ?? keyOf(whole.message);
  const found = before(records, key, whole.message, [id, follows]);
  if (found.kind === 'read') return found;
  if (found.kind === 'known') return { kind: 'decided', answer: found.answer, change: undefined };
  if (found.kind === 'reversed') return reversedBefore(head, found, key, id, whole.message, nowMs, journal);
  const actualMinor = found.asked?.more?.actualMinor;
  const request = lessened(whole, actualMinor);
  const { message, deposit: order } = request;
  let original: Named | undefined;
  if (message.original !== undefined) {
    const looked = named(records, message);
    if ('missing' in looked) return { kind: 'read', ids: looked.missing };
    original = looked;
    if (whole.inOrder === true && looked.record !== undefined && isUnheard(looked.record)) return { kind: 'decided', answer: { kind: 'ahead' }, change: undefined };
  }
  // What was sent has its deposit; where it is kept is another ledger, which may be out of reach.
  const isReserved = found.asked?.more?.deposit !== undefined || (sent !== undefined && proposesUntilMs === undefined);
  const refusal = order === undefined ? undefined : refusedGuardId === order.guardId ? '1820' : order.isOutOfReach === true && !isReserved ? '9112' : undefined;
  const decision = decide(head, refusal === undefined ? request : { ...request, facts: { ...facts, depositRefusal: refusal } }, original?.record, nowMs, refusedGuardId);
  if (decision.kind === 'forward') return { kind: 'decided', answer: { kind: 'forward', reason: decision.reason, checks: decision.checks }, change: undefined };
  const { reason, counted } = decision;
  const isApproved = isApproval(reason);
  const response = responseOf(message, reason);
  const account = head.known?.terms?.account;
  const takes = outageTakes(request, decision, account, partitions);
  // What is wrong, whoever looks at it, is proposed to nobody.
  const proposes = proposesUntilMs !== undefined && !decision.isFinal;
  const completed = completedBy(message, order, original?.record);
  const held = heldBy(request, isApproved, proposes, found.asked, completed);
  const moves = [...takes.moves, ...held.moves];
  const wasSent = proposesUntilMs === undefined ? sent : undefined;
  const flags = [`standin:${facts.why}`, `rules:${rules.version}`, ...(wasSent === undefined ? [] : ['sentToIssuer'])];
  const more = moreOf({ pin: decision.pin, account: takes.moves.length > 0 ? account : undefined, deposit: held.deposit, proposal: proposes ? { checks: checksOf(decision.checks), flags } : undefined, actualMinor: isApproved ? actualMinor : undefined, owed: proposes || wasSent !== undefined ? owed : undefined });
  const record: StandInRecord = {
    ...recordOf(whole.message, id, 'standin', response), why: facts.why, counted, guardId: takes.guardId, sent: proposes ? sent : wasSent, advised, names: nameOf(original?.record), telling: 'due',
    more, ...(proposes ? { phase: 'asked' as const, untilMs: proposesUntilMs } : {}),
  };
  const entry = proposes ? depositEntry('reserved', id, id, held.moves, nowMs) : decisionText(entryOf(message, nowMs, 'standin', response, [], flags, original?.record?.id), moves, checkTextsOf(decision.checks));
  const puts: Put[] = [...found.moved, [found.at, record]];
  const after = isApproved && original?.record !== undefined ? completedAfter(message, original.record, decision, proposes ? undefined : completed) : undefined;
  if (after !== undefined) puts.push([original!.key, after]);
  return changed(head, message.card.token, nowMs, {
    card: decision.state.card, known: knownAfter(head.known, request, decision), puts, fresh: freshOf(records, found.at), takes: moves, alias: found.asked === undefined ? aliasFor(key, message) : undefined,
    own: proposes ? undefined : whole.tell?.(record),
    done: {
      key, record, entry, counters: rules.counters, pin: decision.pin === undefined ? undefined : decision.pin.outcome === 'wrong' ? 'wrong' : 'right',
      seen: decision.state.card.seen.filter((mark) => !head.card.seen.includes(mark)), completes: isApproved && !proposes ? completesOf(message) : undefined,
      ...(after?.counted === undefined ? {} : { original: { keys: [original!.key], leftMinor: after.counted.leftMinor, unknown: after } }),
    },
  }, proposes ? { kind: 'go', names: nameOf(original?.record), proposal: { reason, approvalCode: response.approvalCode } } : { kind: 'answered', record, note: undefined, decision }, journal);
}

/** What was proposed stands: the issuer has said nothing else. */
export function applyStand(head: StandInHead, records: Records, { id, message, sent, follows, deposit, owed }: StandMessage, nowMs: number, journal: Journal): Result {
  const key = keyOf(message);
  if (!records.has(key)) return { kind: 'read', ids: [key] };
  const found = before(records, key, message, [id, follows]);
  if (found.kind === 'read') return found;
  if (found.kind === 'known') return { kind: 'decided', answer: found.answer, change: undefined };
  if (found.kind === 'reversed') return reversedBefore(head, found, key, id, message, nowMs, journal);
  const proposed = found.asked;
  if (proposed?.more?.proposal === undefined) return { kind: 'decided', answer: { kind: 'unknown' }, change: undefined };
  const { proposal } = proposed.more;
  const { reason, approvalCode, amount } = proposed;
  const looked = message.purpose === 'completion' && message.original !== undefined ? named(records, message) : undefined;
  if (looked !== undefined && 'missing' in looked) return { kind: 'read', ids: looked.missing };
  const isApproved = isApproval(reason);
  const { deposit: order } = lessened({ message, deposit }, proposed.more.actualMinor);
  const completed = isApproved ? completedBy(message, order, looked?.record) : undefined;
  const own = proposed.more.deposit;
  const held = isApproved || sent === undefined ? settle(message, reason, undefined, own, completed, order) : kept(own);
  const record: StandInRecord = { ...proposed, phase: 'ended', sent, more: moreOf({ ...proposed.more, proposal: undefined, deposit: held.deposit, owed: sent === undefined ? undefined : owed }) };
  const puts: Put[] = [[found.at, record]];
  if (looked?.record !== undefined && completed !== undefined) puts.push([looked.key, withoutDeposit(looked.record)]);
  const flags = [...proposal.flags, sent === undefined ? 'notConfirmed' : 'sentToIssuer'];
  const entry = entryText({ ...entryOf(message, nowMs, 'standin', { reason, approvalCode, amount }, proposal.checks, flags), id: record.id }, held.moves);
  return changed(head, message.card.token, nowMs, { card: head.card, puts, fresh: undefined, takes: held.moves, done: { key, record, entry, completes: isApproved ? completesOf(message) : undefined } }, { kind: 'answered', record, note: undefined, decision: undefined }, journal);
}

function decide(head: StandInHead, { message, rules, facts, keepsBalance = false }: StandInRequest, original: StandInRecord | undefined, nowMs: number, refusedGuardId: string): StandInDecision {
  const originals = original?.counted === undefined || original.isReversed ? undefined : [original.more?.completed === true ? spent(original.counted) : original.counted];
  const { issuer: issuerCap, account: accountCap } = rules.outageCaps;
  // What all switches approve is in shared counters; a refusal of one is the cap.
  const isOfAccount = refusedGuardId.includes(':account:');
  const isOfCount = isCountGuard(refusedGuardId);
  const exposed = (cap: typeof issuerCap, isRefused: boolean): Exposure => ({ ...newExposure, outageId: facts.outageId, isOpen: true, amountMinor: isRefused && !isOfCount ? (cap?.amountMinorMax ?? 0) : 0, count: isRefused && isOfCount ? (cap?.countMax ?? 0) : 0 });
  const account = head.known?.terms?.account === undefined || accountCap === undefined ? undefined : exposed(accountCap, isOfAccount);
  const shadow = keepsBalance ? (head.known?.shadow ?? newShadow) : undefined;
  const state: StandInState = {
    card: head.card, issuer: exposed(issuerCap, refusedGuardId !== '' && !isOfAccount),
    account: shadow === undefined ? account : account === undefined ? { ...shadow.later, count: 0, amountMinor: 0 } : { ...shadow.later, outageId: account.outageId, count: account.count, amountMinor: account.amountMinor },
  };
  return standIn(state, rules, message, { ...cardFacts(head.known, facts, keepsBalance), originals, nowMs });
}

type Decided = Extract<StandInDecision, { kind: 'decided' }>;

/** What is left of the authorization that is completed; undefined: as it was. @param deposit what it holds no longer */
function completedAfter(message: CardMessage, record: StandInRecord, { originals }: Decided, deposit: Deposit | undefined): StandInRecord | undefined {
  const isFirst = message.purpose === 'completion' && record.counted !== undefined && record.more?.completed !== true;
  const emptied = deposit === undefined ? record : withoutDeposit(record);
  if (!isFirst) return emptied === record ? undefined : emptied;
  return asCompleted({ ...emptied, counted: originals?.[0] ?? record.counted });
}

/** Another completion had its room: what follows counts for itself. */
function spent(counted: Counted): Counted {
  return { ...counted, leftMinor: 0, transactions: 0, moves: [], accountMinor: 0, partnerMinor: 0 };
}

function outageTakes({ issuer, message, rules: { outageCaps }, facts }: StandInRequest, { counted }: Decided, account: string | undefined, partitions: number): { readonly guardId: string; readonly moves: readonly GuardMove[] } {
  const isCapped = outageCaps.issuer !== undefined || (outageCaps.account !== undefined && account !== undefined);
  if (counted === undefined || !counted.isInOutage || !isCapped) return { guardId: '', moves: [] };
  const guardId = outageGuardId(issuer, facts.outageId, message.day);
  return { guardId, moves: takesOf(guardId, counted, outageCaps, account, facts.switchesSharing, { partition: partitionOf(cardHeadId(message.card.token), partitions), partitions }) };
}

/**
 * What is held of the deposit after the decision: of what was sent before it is held already. What the issuer may have approved, it is held
 * for until it has taken that back; what is proposed, until it has said what it thinks.
 */
function heldBy({ message, deposit: order, sent, proposesUntilMs }: StandInRequest, isApproved: boolean, proposes: boolean, asked: StandInRecord | undefined, completed: Deposit | undefined): Held {
  const own = asked?.more?.deposit;
  if (proposes) return order === undefined ? kept(own) : reserve(order, own, completed);
  if (isApproved) return asPaid(order === undefined ? kept(own) : take(order, own, completed, 0), message);
  if (sent === undefined || proposesUntilMs !== undefined) return release(own);
  return order?.isOutOfReach === true && own === undefined ? take(order, undefined, undefined, 0) : kept(own);
}

function knownAfter(known: CardKnown | undefined, { id, advised, keepsBalance }: StandInRequest, { state, counted }: Decided): CardKnown | undefined {
  if (keepsBalance !== true || counted === undefined || state.account === undefined) return known;
  return { terms: known?.terms, shadow: afterStandIn(known?.shadow ?? newShadow, state.account, id, authorizationId(advised)) };
}

function responseOf(message: CardMessage, reason: Reason): Response {
  return {
    reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '', amount: message.amount, billing: isApproval(reason) ? message.billing : undefined, balance: undefined,
    field: message.fault?.field,
  };
}
