/**
 * What a switch knows of the cards of remote issuers: what stand-in has approved of each, and each transaction's answer, so that
 * a repeat is answered as before, by any switch, and a reversal finds what it is of. The own issuer's `account.apply` has its counterpart here:
 * `standIn`, run by the same loop over the same store, or over this node's file while the store is away.
 *
 *   head     one per card: what stand-in has counted; one per issuer: its outage
 *   record   one per station, acquirer, STAN and kind of message of a card: the answer, who gave it, what it counted
 *   guard    what one outage may approve for an issuer, shared by all switches
 */
import { transactionEntry } from '../account/entry.ts';
import { encodeEntry } from '../account/journal.ts';
import type { Decider as Who, TransactionEntry } from '../account/journal.ts';
import { assert } from '../base/assert.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, CheckResult, OriginalReference, Response } from '../message/message.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import { decodeActivity, encodeActivity, issuerApproved, newActivity } from '../standin/activity.ts';
import type { Activity } from '../standin/activity.ts';
import { giveBack } from '../standin/counted.ts';
import type { Counted, StandInCheck, StandInDecision, StandInFacts, StandInState } from '../standin/decision.ts';
import { standIn } from '../standin/engine.ts';
import { closeOutage, decodeExposure, encodeExposure, newExposure, openOutage } from '../standin/exposure.ts';
import type { Exposure } from '../standin/exposure.ts';
import type { StandInRules } from '../standin/rules.ts';
import { Decider } from '../store/decide.ts';
import type { Applied, DecideOptions, Domain } from '../store/decide.ts';

export interface StandInHead {
  readonly version: number;
  readonly card: Activity;
  /** Of an issuer's head. */
  readonly outage: Exposure | undefined;
}

/** What is remembered of one transaction. */
export interface StandInRecord {
  /** Message id; empty where only its reversal came. */
  readonly id: string;
  readonly fingerprint: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly by: Who;
  readonly reason: Reason;
  readonly approvalCode: string;
  readonly amount: Response['amount'];
  readonly isReversed: boolean;
  /** What stand-in counted of it. */
  readonly counted: Counted | undefined;
  /** How it went to the issuer, where it did. */
  readonly sent: SentReference | undefined;
  /** How the issuer is told of it. */
  readonly advised: SentReference | undefined;
}

interface OfCard {
  readonly id: string;
  readonly issuer: string;
  readonly message: CardMessage;
  readonly rules: StandInRules;
}

/** A request that stand-in is to decide. */
export interface StandInRequest extends OfCard {
  readonly kind: 'request';
  readonly facts: Omit<StandInFacts, 'nowMs'>;
  /** It was sent to the issuer, and no valid answer came. */
  readonly sent: SentReference | undefined;
  /** How the issuer will be told of the decision. */
  readonly advised: SentReference;
}

/** A request, advice or reversal that needs no decision here: the issuer has answered it, or it is passed on whatever it says. */
export interface ToldMessage extends OfCard {
  readonly kind: 'told';
  readonly by: 'issuer' | 'switch';
  readonly response: Pick<Response, 'reason' | 'approvalCode' | 'amount'>;
  readonly sent: SentReference | undefined;
  readonly flags: readonly string[];
}

export interface OutageMessage {
  readonly kind: 'outage';
  readonly id: string;
  readonly issuer: string;
  readonly isOpen: boolean;
}

/** Is this transaction known? `undone`: what was decided of it could not be kept, and counts for nothing. */
export interface FoundMessage extends OfCard {
  readonly kind: 'look' | 'undone';
}

export type StandInMessage = StandInRequest | ToldMessage | FoundMessage | OutageMessage;

export type StandInAnswer =
  | { readonly kind: 'forward'; readonly reason: Reason; readonly checks: readonly StandInCheck[] }
  | {
      readonly kind: 'answered';
      readonly record: StandInRecord;
      readonly note: 'repeat' | 'duplicate' | undefined;
      /** Of a decision of this call. */
      readonly decision: Extract<StandInDecision, { kind: 'decided' }> | undefined;
      /** Of a reversal: what it is of, as it was before. */
      readonly original: StandInRecord | undefined;
    }
  | { readonly kind: 'outage'; readonly outageId: number }
  | { readonly kind: 'unknown' };

export type StandInLedger = Decider<StandInMessage, StandInHead, StandInAnswer>;

const dayMs = 86_400_000;
const recordDays = 7;

/** The head of a card, by its token. */
export function cardHeadId(token: string): string {
  return `c:${token}`;
}

export function issuerHeadId(issuer: string): string {
  return `o:${issuer}`;
}

export function openStandInLedger(options: DecideOptions): Promise<StandInLedger> {
  return Decider.open(domain, options);
}

const newHead: StandInHead = { version: 0, card: newActivity, outage: undefined };

const domain: Domain<StandInMessage, StandInHead, StandInAnswer> = {
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
      case 'outage': return applyOutage(before, message, decidedAtMs);
      case 'request': return applyRequest(before, records, message, decidedAtMs, guardRefused);
      case 'told': return applyTold(before, records, message, decidedAtMs);
      case 'look':
      case 'undone': return applyFound(before, records, message, decidedAtMs);
    }
  },
  repeats(message, earlier) {
    if (message.id === earlier.id) return true;
    return message.kind !== 'outage' && earlier.kind !== 'outage' && keyOf(message.message) === keyOf(earlier.message);
  },
};

type Records = ReadonlyMap<string, string | null>;
type Result = Applied<StandInHead, StandInAnswer>;

function applyOutage(head: StandInHead, { isOpen }: OutageMessage, nowMs: number): Result {
  const before = head.outage ?? newExposure;
  const outage = isOpen ? openOutage(before, nowMs) : closeOutage(before);
  const answer: StandInAnswer = { kind: 'outage', outageId: outage.outageId };
  if (outage === before) return { kind: 'decided', answer, change: undefined };
  return { kind: 'decided', answer, change: { account: { ...head, version: head.version + 1, outage }, entry: undefined, puts: [], deletes: [], once: [], guard: undefined } };
}

function applyRequest(head: StandInHead, records: Records, request: StandInRequest, nowMs: number, guardRefused: boolean): Result {
  const { message, rules, facts, issuer, sent } = request;
  const key = keyOf(message);
  const earlier = decodeRecord(records.get(key));
  const known = earlier === undefined ? undefined : foundAgain(earlier, message);
  if (known !== undefined) return { kind: 'decided', answer: known, change: undefined };
  const cap = rules.outageCaps.issuer?.amountMinorMax;
  // What all switches approve for the issuer is in a shared counter; a refusal of it is the cap.
  const state: StandInState = { card: head.card, issuer: { ...newExposure, outageId: facts.outageId, isOpen: true, amountMinor: guardRefused ? (cap ?? 0) : 0 } };
  const isTombstone = earlier?.isReversed === true && earlier.id === '';
  const decision = standIn(state, rules, message, { ...facts, nowMs });
  if (decision.kind === 'forward' && !isTombstone) return { kind: 'decided', answer: { kind: 'forward', reason: decision.reason, checks: decision.checks }, change: undefined };
  const decided = decision.kind === 'decided' && !isTombstone ? decision : undefined;
  const reason: Reason = isTombstone ? '1830' : decision.reason;
  const response = responseOf(message, reason);
  const record: StandInRecord = {
    ...recordOf(message, request.id, 'standin', response), isReversed: isTombstone, counted: decided?.counted, sent, advised: request.advised,
  };
  const takenMinor = decided?.counted?.isInOutage === true ? decided.counted.leftMinor : 0;
  const entry = entryOf(message, nowMs, 'standin', response, checksOf(decision.checks), [`standin:${facts.why}`, `rules:${rules.version}`, ...(sent === undefined ? [] : ['sentToIssuer'])]);
  return {
    kind: 'decided',
    answer: { kind: 'answered', record, note: undefined, decision: decided, original: undefined },
    change: {
      account: { ...head, version: head.version + 1, card: decided?.state.card ?? head.card }, entry: encodeEntry(entry),
      puts: [{ id: key, value: encodeRecord(record), keepUntilMs: nowMs + recordDays * dayMs }], deletes: [], once: earlier === undefined && records.get(key) !== null ? [key] : [],
      guard: cap === undefined || takenMinor === 0 ? undefined : { guardId: outageGuardId(issuer, facts.outageId), delta: -takenMinor, floor: -cap },
    },
  };
}

function applyTold(head: StandInHead, records: Records, told: ToldMessage, nowMs: number): Result {
  const { message, by, response, sent, flags } = told;
  const key = keyOf(message);
  const earlier = decodeRecord(records.get(key));
  const known = earlier === undefined ? undefined : foundAgain(earlier, message);
  if (known !== undefined) return { kind: 'decided', answer: known, change: undefined };
  const puts: { id: string; value: string; keepUntilMs: number }[] = [];
  const keepUntilMs = nowMs + recordDays * dayMs;
  let { card } = head;
  let original: StandInRecord | undefined;
  if (message.class === 'reversal') {
    const originalKey = originalKeyOf(message);
    if (!records.has(originalKey)) return { kind: 'read', ids: [originalKey, key] };
    original = decodeRecord(records.get(originalKey));
    if (original === undefined) puts.push({ id: originalKey, value: encodeRecord(tombstone(message)), keepUntilMs });
    else if (!original.isReversed) {
      const leftMinor = message.actualMinor ?? 0;
      let { counted } = original;
      if (counted !== undefined) {
        const back = giveBack({ card, issuer: newExposure }, counted, Math.min(leftMinor, counted.leftMinor), told.rules.counters);
        ({ card } = back.state);
        ({ counted } = back);
      }
      puts.push({ id: originalKey, value: encodeRecord({ ...original, isReversed: leftMinor === 0, counted }), keepUntilMs });
    }
  } else if (by === 'issuer' && isApproval(response.reason) && message.pin !== 'absent') card = issuerApproved(card);
  const record: StandInRecord = { ...recordOf(message, told.id, by, response), sent };
  puts.push({ id: key, value: encodeRecord(record), keepUntilMs });
  return {
    kind: 'decided',
    answer: { kind: 'answered', record, note: undefined, decision: undefined, original },
    change: {
      account: { ...head, version: head.version + 1, card }, entry: encodeEntry(entryOf(message, nowMs, by, response, [], flags)),
      puts, deletes: [], once: earlier === undefined && records.get(key) !== null ? [key] : [], guard: undefined,
    },
  };
}

function applyFound(head: StandInHead, records: Records, { kind, message, rules }: FoundMessage, nowMs: number): Result {
  const key = keyOf(message);
  if (!records.has(key)) return { kind: 'read', ids: [key] };
  const record = decodeRecord(records.get(key));
  const found = record === undefined ? undefined : foundAgain(record, message);
  if (record === undefined || found === undefined) return { kind: 'decided', answer: { kind: 'unknown' }, change: undefined };
  if (kind === 'look') return { kind: 'decided', answer: found, change: undefined };
  const undone: StandInRecord = { ...record, reason: '9109', approvalCode: '', counted: undefined };
  const card = record.counted === undefined ? head.card : giveBack({ card: head.card, issuer: newExposure }, record.counted, 0, rules.counters).state.card;
  const entry = entryOf(message, nowMs, 'switch', undone, [], ['adviceNotWritten']);
  return {
    kind: 'decided', answer: { kind: 'answered', record: undone, note: undefined, decision: undefined, original: record },
    change: {
      account: { ...head, version: head.version + 1, card }, entry: encodeEntry({ ...entry, id: `${entry.id}-undone` }),
      puts: [{ id: key, value: encodeRecord(undone), keepUntilMs: nowMs + recordDays * dayMs }], deletes: [], once: [], guard: undefined,
    },
  };
}

/** The same transaction came before: the same contents get the same answer. Undefined: another one under a STAN that was used again. */
function foundAgain(earlier: StandInRecord, message: CardMessage): StandInAnswer | undefined {
  if (earlier.id === '') return undefined;
  const { transmittedAt, localAt } = message.trace;
  if (earlier.transmittedAt !== transmittedAt && earlier.localAt !== localAt) return undefined;
  if (earlier.id === message.id || earlier.fingerprint === message.fingerprint) return { kind: 'answered', record: earlier, note: 'repeat', decision: undefined, original: undefined };
  return { kind: 'answered', record: { ...earlier, reason: '9113', approvalCode: '', amount: message.amount }, note: 'duplicate', decision: undefined, original: undefined };
}

function keyOf({ card, trace }: CardMessage): string {
  return recordKey(card.token, trace.station, trace.acquirer, trace.stan, trace.class);
}

/** Where the reversed transaction is: as the reversal names it, or under its own STAN. */
function originalKeyOf({ card, trace, original }: CardMessage): string {
  const reference: Pick<OriginalReference, 'acquirer' | 'stan' | 'class'> = original ?? { acquirer: '', stan: trace.stan, class: 'authorization' };
  return recordKey(card.token, trace.station, reference.acquirer === '' ? trace.acquirer : reference.acquirer, reference.stan, reference.class);
}

function recordKey(token: string, station: string, acquirer: string, stan: string, of: string): string {
  return `${cardHeadId(token)}~${station}.${acquirer}.${stan}.${of.charAt(0)}`;
}

function outageGuardId(issuer: string, outageId: number): string {
  return `outage:${issuer}:${outageId}`;
}

function responseOf(message: CardMessage, reason: Reason): Response {
  return {
    reason, approvalCode: isApproval(reason) ? message.approvalCodeOffer : '', amount: message.amount, billing: isApproval(reason) ? message.billing : undefined, balance: undefined,
    field: message.fault?.field,
  };
}

function recordOf(message: CardMessage, id: string, by: Who, { reason, approvalCode, amount }: Pick<Response, 'reason' | 'approvalCode' | 'amount'>): StandInRecord {
  const { trace: { transmittedAt, localAt }, fingerprint } = message;
  return { id, fingerprint, transmittedAt, localAt, by, reason, approvalCode, amount, isReversed: false, counted: undefined, sent: undefined, advised: undefined };
}

/** What a reversal leaves for a request that it came before. */
function tombstone({ trace: { transmittedAt, localAt } }: CardMessage): StandInRecord {
  return { id: '', fingerprint: '', transmittedAt, localAt, by: 'switch', reason: '1830', approvalCode: '', amount: undefined, isReversed: true, counted: undefined, sent: undefined, advised: undefined };
}

function encodeRecord(record: StandInRecord): string {
  return JSON.stringify(record);
}

function decodeRecord(text: string | null | undefined): StandInRecord | undefined {
  if (typeof text !== 'string') return undefined;
  const parsed = JSON.parse(text) as StandInRecord;
  return { ...parsed, amount: parsed.amount, counted: parsed.counted, sent: parsed.sent, advised: parsed.advised };
}

function checksOf(checks: readonly StandInCheck[]): CheckResult[] {
  return checks.map(({ check, outcome, parameter, value }) => ({ check, outcome, value: [parameter, value].filter((part) => part !== '').join(': ') }));
}

function entryOf(
  message: CardMessage, decidedAtMs: number, by: Who, { reason, approvalCode, amount }: Pick<Response, 'reason' | 'approvalCode' | 'amount'>, checks: readonly CheckResult[], flags: readonly string[],
): TransactionEntry {
  const response: Response = { reason, approvalCode, amount, billing: undefined, balance: undefined };
  const entry = transactionEntry(undefined, undefined, { message, facts: { decidedAtMs, guardRefused: false }, response, checks, originalId: undefined, flags });
  return { ...entry, decidedBy: by };
}
