/**
 * The journal's entries: what happened to one account, in the order in which it happened, complete enough that the account can
 * be rebuilt from them (`replay`) and that the book can answer a person's questions.
 *
 * An entry is written in the same commit as the head and the records that it changes. `sequence` is the head's version after it:
 * within one account it rises by one from entry to entry, so a gap or a double would show. Entries of messages for cards
 * that nobody has carry no account and no sequence.
 */
import { assert } from '../base/assert.ts';
import { checkNames, standInCheckNames } from '../message/message.ts';
import type { CheckName, CheckResult, EntryMode, MessageClass, MessageFunction, Purpose, Version } from '../message/message.ts';
import type { Amount } from '../message/money.ts';
import type { Reason } from '../message/reason.ts';
import { loadEffect, storeEffect } from './card.ts';
import type { CardEffect, CardRecord, StoredCardEffect } from './card.ts';

export type { CardRecord } from './card.ts';

/** One leg of a double entry; the legs of one journal entry sum to zero per currency. */
export interface Posting {
  /** `holder:<account id>`, `settlement:<program>`, `funding:<partner>`, `transit:<currency>`. */
  readonly ledger: string;
  /** Positive: credit, in favour of the ledger's owner. */
  readonly amountMinor: number;
  readonly currency: string;
}

/** A change to one window of one card's counters. */
export interface CounterMove {
  readonly card: number;
  readonly period: 'day' | 'month';
  /** Days or months since 1970: which window the change belongs to. */
  readonly window: number;
  readonly scope: string;
  readonly count: number;
  readonly amountMinor: number;
}

/** All that an entry changes in the head; `evolve` adds it, and nothing else changes a head. */
export interface Effects {
  readonly ledgerMinor: number;
  readonly heldMinor: number;
  readonly openHolds: number;
  readonly counters: readonly CounterMove[];
  readonly postings: readonly Posting[];
  readonly guard: { readonly guardId: string; readonly delta: number } | undefined;
  readonly card: CardEffect | undefined;
}

/** What became of a hold in this entry, for the book's table of holds. */
export interface HoldChange {
  /** Message id of the authorization that opened it. */
  readonly id: string;
  readonly state: 'open' | 'completed' | 'reversed' | 'expired';
  /** What is held after the entry. */
  readonly heldMinor: number;
  readonly expiresAtMs: number;
}

export interface RecordChange {
  readonly id: string;
  /** undefined: deleted. */
  readonly value: string | undefined;
  readonly keepUntilMs: number | undefined;
  readonly dueAtMs: number | undefined;
}

interface EntryBase {
  /** Empty where no account is concerned. */
  readonly accountId: string;
  readonly sequence: number;
  /** Message id; unique over all entries. */
  readonly id: string;
  readonly receivedAtMs: number;
  readonly decidedAtMs: number;
  readonly effects: Effects;
  readonly records: readonly RecordChange[];
}

/** A card message was decided: authorization, financial, reversal, their advices and repeats. */
export interface TransactionEntry extends EntryBase {
  readonly kind: 'transaction';
  readonly version: Version;
  readonly mti: string;
  readonly class: MessageClass;
  readonly function: MessageFunction;
  readonly purpose: Purpose;
  readonly station: string;
  readonly acquirer: string;
  readonly stan: string;
  readonly rrn: string;
  readonly terminal: string;
  /** DE7 and the local time, digits as they came. */
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly processingCode: string;
  readonly cardToken: string;
  readonly maskedPan: string;
  readonly amount: Amount | undefined;
  /** In the balance's currency: as the message said it, or as it was converted, at the rate that a flag tells. */
  readonly billing: Amount | undefined;
  readonly entryMode: EntryMode;
  readonly merchant: { readonly category: string; readonly id: string; readonly name: string };
  readonly reason: Reason;
  readonly approved: boolean;
  readonly approvalCode: string;
  readonly decidedBy: Decider;
  readonly checks: readonly CheckResult[];
  /** Message id of the transaction that this one reverses, completes, adds to or tells of. */
  readonly originalId: string | undefined;
  readonly hold: HoldChange | undefined;
  /** Facts that an operator should see, such as `overdrawn`, `originalUnknown`, `alreadyRecorded`, `original:expired`. */
  readonly flags: readonly string[];
}

/** `switch`: what it refuses before anybody is asked; `standin`: its rules, in an issuer's place; `issuer`: a remote one. */
export type Decider = 'account' | 'switch' | 'standin' | 'issuer';

/** A hold ran out. */
export interface ExpiryEntry extends EntryBase {
  readonly kind: 'expiry';
  readonly originalId: string;
  readonly hold: HoldChange;
}

export interface OpenedEntry extends EntryBase {
  readonly kind: 'opened';
  readonly currency: string;
  readonly program: string;
  readonly partner: string;
}

/** The account is empty, and closed for good. */
export interface ClosedEntry extends EntryBase {
  readonly kind: 'closed';
}

/**
 * A card was added to the account, or changed; the entry holds the card's record whole, as it is after it. Where it replaces another card,
 * `effects.card` has what became of that one.
 */
export interface CardEntry extends EntryBase {
  readonly kind: 'card';
  readonly index: number;
  readonly card: CardRecord;
  /** The PAN under the book's key, and masked: only on the entry that adds the card. */
  readonly encryptedPan: string | undefined;
  readonly maskedPan: string | undefined;
}

/** Money came in from, or went back to, the partner. */
export interface LoadedEntry extends EntryBase {
  readonly kind: 'loaded';
  readonly amountMinor: number;
}

/** A step of a transfer between accounts. `refused`: nothing moved, and nothing of this transfer ever will. */
export interface TransferEntry extends EntryBase {
  readonly kind: 'transfer';
  readonly step: 'out' | 'in' | 'settled' | 'refunded' | 'refused';
  readonly transferId: string;
  readonly amountMinor: number;
  /** Why it was refused; else 0000. */
  readonly reason: Reason;
}

/**
 * A partner's credit balance changed, or a part of it moved between partitions: `loaded` from outside, `lent` to another
 * partition, `borrowed` from one, `reserved` for a transaction of a remote issuer's card, `lapsed` where nothing came of it. It belongs to no account; `effects.guard` is what it did to this partition's counter.
 */
export interface GuardEntry extends EntryBase {
  readonly kind: 'guard';
  readonly step: 'loaded' | 'lent' | 'borrowed' | 'reserved' | 'lapsed';
  readonly partner: string;
  /** What `lent` and `borrowed` of one transfer share, and a load with its caller; the transaction that it is reserved for. */
  readonly transferId: string;
  /** The other partition of a transfer; this one for a load. */
  readonly otherPartition: number;
}

export type JournalEntry = TransactionEntry | ExpiryEntry | OpenedEntry | ClosedEntry | CardEntry | LoadedEntry | TransferEntry | GuardEntry;

const outcomes = ['pass', 'fail', 'skipped'] as const;

/** The checks in their order when form 1 was written. */
const checkNamesOfForm1: readonly CheckName[] = [
  'content', 'luhn', 'cardKnown', 'cardState', 'expiry', 'cardValue', 'pin', 'limits', 'currency', 'balance', 'partnerBalance',
];

/**
 * The entry as the store keeps it: a card message's as a row, since there are many of them and each is written, read and drained;
 * the others as they are.
 */
export function encodeEntry(entry: JournalEntry): string {
  const { effects } = entry;
  if (entry.kind === 'transaction') return encodeRow(entry, entry.checks.map((check) => checkText(entry.decidedBy, check)));
  return JSON.stringify(effects.card === undefined ? entry : { ...entry, effects: { ...effects, card: storeEffect(effects.card) } });
}

/** The row of a card message. @param checks as it has them, in the place of the entry's */
export function encodeRow(entry: TransactionEntry, checks: readonly string[]): string {
  const { effects, hold, merchant } = entry;
  return JSON.stringify([
    2, entry.accountId, entry.sequence, entry.id, entry.receivedAtMs, entry.decidedAtMs - entry.receivedAtMs,
    entry.version, entry.mti, entry.class, entry.function, entry.purpose, entry.station, entry.acquirer, entry.stan, entry.rrn, entry.terminal,
    entry.transmittedAt, entry.localAt, entry.processingCode, entry.cardToken, entry.maskedPan,
    entry.amount === undefined ? 0 : [entry.amount.amountMinor, entry.amount.currency],
    entry.billing === undefined ? 0 : [entry.billing.amountMinor, entry.billing.currency],
    entry.entryMode, merchant.category, merchant.id, merchant.name, entry.reason, entry.approved ? 1 : 0, entry.approvalCode,
    entry.decidedBy, checks, entry.originalId ?? 0,
    hold === undefined ? 0 : [hold.id, hold.state, hold.heldMinor, hold.expiresAtMs], entry.flags,
    [
      effects.ledgerMinor, effects.heldMinor, effects.openHolds, effects.guard === undefined ? 0 : [effects.guard.guardId, effects.guard.delta],
      ...(effects.card === undefined ? [] : [storeEffect(effects.card)]),
    ],
    effects.counters.map((move) => [move.card, move.period === 'day' ? 0 : 1, move.window, move.scope, move.count, move.amountMinor]),
    effects.postings.map((posting) => [posting.ledger, posting.amountMinor, posting.currency]),
    entry.records.map((record) => [record.id, record.value ?? 0, record.keepUntilMs ?? 0, record.dueAtMs ?? 0]),
  ]);
}

type Row = [
  form: 1 | 2, accountId: string, sequence: number, id: string, receivedAtMs: number, decidedAfterMs: number,
  version: Version, mti: string, class_: MessageClass, function_: MessageFunction, purpose: Purpose, station: string, acquirer: string,
  stan: string, rrn: string, terminal: string, transmittedAt: string, localAt: string, processingCode: string, cardToken: string,
  maskedPan: string, amount: 0 | [number, string], billing: 0 | [number, string], entryMode: EntryMode, category: string, merchantId: string,
  merchantName: string, reason: Reason, approved: 0 | 1, approvalCode: string, decidedBy: Decider, checks: string[],
  originalId: 0 | string, hold: 0 | [string, HoldChange['state'], number, number], flags: string[],
  effects: [number, number, number, 0 | [string, number], StoredCardEffect?], counters: [number, 0 | 1, number, string, number, number][],
  postings: [string, number, string][], records: [string, 0 | string, number, number][],
];

/** @throws SyntaxError where the text is not an entry that `encodeEntry` wrote. */
export function decodeEntry(text: string): JournalEntry {
  const parsed = JSON.parse(text) as Exclude<JournalEntry, CardEntry> | CardRow | Row;
  if (!Array.isArray(parsed)) return parsed.kind === 'card' ? cardEntry(parsed) : parsed;
  const [
    form, accountId, sequence, id, receivedAtMs, decidedAfterMs, version, mti, class_, function_, purpose, station, acquirer, stan, rrn, terminal,
    transmittedAt, localAt, processingCode, cardToken, maskedPan, amount, billing, entryMode, category, merchantId, merchantName, reason, approved,
    approvalCode, decidedBy, checks, originalId, hold, flags, [ledgerMinor, heldMinor, openHolds, guard, card], counters, postings, records,
  ] = parsed;
  assert(form === 1 || form === 2, 'a journal entry is in a form that this program knows');
  const names = form === 1 ? checkNamesOfForm1 : checkNames;
  return {
    kind: 'transaction', accountId, sequence, id, receivedAtMs, decidedAtMs: receivedAtMs + decidedAfterMs, version, mti, class: class_,
    function: function_, purpose, station, acquirer, stan, rrn, terminal, transmittedAt, localAt, processingCode, cardToken, maskedPan,
    amount: amount === 0 ? undefined : { amountMinor: amount[0], currency: amount[1] },
    billing: billing === 0 ? undefined : { amountMinor: billing[0], currency: billing[1] },
    entryMode, merchant: { category, id: merchantId, name: merchantName }, reason, approved: approved === 1, approvalCode, decidedBy,
    checks: checks.map((check, index) => (decidedBy === 'standin' ? namedCheck(check) : { check: names[index] ?? 'content', outcome: outcomeAt(check), value: check.slice(1) })),
    originalId: originalId === 0 ? undefined : originalId,
    hold: hold === 0 ? undefined : { id: hold[0], state: hold[1], heldMinor: hold[2], expiresAtMs: hold[3] },
    flags,
    effects: {
      ledgerMinor, heldMinor, openHolds, guard: guard === 0 ? undefined : { guardId: guard[0], delta: guard[1] },
      counters: counters.map(([card, period, window, scope, count, amountMinor]) => ({
        card, period: period === 0 ? 'day' : 'month', window, scope, count, amountMinor,
      })),
      postings: postings.map(([ledger, amountMinor, currency]) => ({ ledger, amountMinor, currency })),
      card: card === undefined ? undefined : loadEffect(card),
    },
    records: records.map(([recordId, value, keepUntilMs, dueAtMs]) => ({
      id: recordId, value: value === 0 ? undefined : value, keepUntilMs: keepUntilMs === 0 ? undefined : keepUntilMs,
      dueAtMs: dueAtMs === 0 ? undefined : dueAtMs,
    })),
  };
}

/** An account's checks are the same ones in one order, so their names are left out; stand-in's are as many as its rules. */
function checkText(decidedBy: Decider, { check, outcome, value }: CheckResult): string {
  return decidedBy === 'standin' ? standInCheckText(check, outcome, value, '') : `${outcomes.indexOf(outcome)}${value}`;
}

/** One of stand-in's checks as a row has it: a decision has some twenty, and nothing else is made of them. */
export function standInCheckText(check: CheckResult['check'], outcome: CheckResult['outcome'], parameter: string, value: string): string {
  const name = outcome === 'pass' ? passed[check] : outcome === 'skipped' ? skipped[check] : `1${check}=`;
  return parameter === '' || value === '' ? name + parameter + value : `${name}${parameter}: ${value}`;
}

const passed = namedBy('0');
const skipped = namedBy('2');

function namedBy(mark: string): Readonly<Record<CheckResult['check'], string>> {
  return Object.fromEntries([...checkNames, ...standInCheckNames].map((name) => [name, `${mark}${name}=`] as const)) as Record<CheckResult['check'], string>;
}

function namedCheck(text: string): CheckResult {
  const end = text.indexOf('=');
  return { check: text.slice(1, end) as CheckResult['check'], outcome: outcomeAt(text), value: text.slice(end + 1) };
}

function outcomeAt(text: string): CheckResult['outcome'] {
  return outcomes[Number(text[0])] ?? 'skipped';
}

/** Written before a card had all that it has now, its record lacks some of it. */
type CardRow = Omit<CardEntry, 'card' | 'effects'> & {
  readonly card: CardRecord | Omit<CardRecord, 'cvv2Generation' | 'pinVersion' | 'pin'>;
  readonly effects: Omit<Effects, 'card'> & { readonly card?: StoredCardEffect };
};

function cardEntry(row: CardRow): CardEntry {
  const { card, effects } = row;
  return {
    ...row, card: 'pinVersion' in card ? { ...card, pin: card.pin } : { ...card, cvv2Generation: 0, pinVersion: 0, pin: undefined },
    effects: { ...effects, card: effects.card === undefined ? undefined : loadEffect(effects.card) },
  };
}
