/**
 * What is remembered of one transaction of a remote issuer's card: by which a repeat gets the same answer, a reversal finds what it takes
 * back and by what name the issuer knows that, and a switch that comes later finds what another had begun.
 *
 *   asked ──answer, stand-in, silence──> ended          a reversal marks either; one that comes first leaves a record without an id
 */
import { depositOf } from '../account/change.ts';
import type { Decider as Who } from '../account/journal.ts';
import { assert } from '../base/assert.ts';
import type { SentReference } from '../message/advice.ts';
import type { CardMessage, CheckResult, MessageClass, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { Counted } from '../standin/decision.ts';

export interface StandInRecord {
  /** Message id; empty where only its reversal came. */
  readonly id: string;
  /** `asked`: it is on its way to the issuer, or a switch died with it. */
  readonly phase: 'asked' | 'ended';
  /** Of one that is asked: Unix ms until which the issuer may answer. Of a reversal that names no time: until which it waits for what it means. */
  readonly untilMs: number;
  readonly fingerprint: string;
  readonly transmittedAt: string;
  /** Of one that says no local time: what else tells it from another, behind an `@`. */
  readonly localAt: string;
  readonly by: Who;
  /** Why stand-in decided; empty where it did not. */
  readonly why: string;
  readonly reason: Reason;
  readonly approvalCode: string;
  /** Of the transaction. */
  readonly amount: Response['amount'];
  readonly isReversed: boolean;
  /** What stand-in counted of it. */
  readonly counted: Counted | undefined;
  /** The shared counters of the outage that it counts in; empty: none. */
  readonly guardId: string;
  /** How it went to the issuer, where it did. */
  readonly sent: SentReference | undefined;
  /** How the issuer is told of it. */
  readonly advised: SentReference | undefined;
  /** What it names, as the issuer knows that; undefined: as the acquirer names it. */
  readonly names: SentReference | undefined;
  /** Is the issuer to be told of it, and is that on some switch's disk? */
  readonly telling: 'no' | 'due' | 'done';
  readonly more: RecordMore | undefined;
}

/** What few records have. Plain data. */
export interface RecordMore {
  /** Of one that is asked: the record's decision is this switch's, and stands where the issuer says nothing else. */
  readonly proposal?: { readonly checks: readonly CheckResult[]; readonly flags: readonly string[] };
  /** The PIN that stand-in judged: the issuer is told of it. */
  readonly pin?: { readonly outcome: 'verified' | 'wrong'; readonly tries: number };
  /** Whose part of the outage's cap it took, as the issuer names the account. */
  readonly account?: string;
  /** What it holds of a partner's deposit. */
  readonly deposit?: Deposit;
  /** What a reversal left of it, in the transaction's currency; absent: none came. */
  readonly actualMinor?: number;
  /** What takes `sent` back, until the issuer has answered it or that is on some switch's disk. */
  readonly owed?: Owed;
  /** That it is taken back is on no disk yet, as far as anybody knows: another reversal of it tells the issuer, too. Unix ms since when. */
  readonly unsure?: number;
  /** Nobody ended it in its time, and it was taken back: no acquirer has reversed it. */
  readonly overdue?: true;
  /** Other names under which the issuer may know it as a whole; of a reversal, what that takes back. */
  readonly namesToo?: readonly SentReference[];
  /** The issuer has taken the advice of it: a later message may name it. Where one switch alone has the store, that switch's advice file says so. */
  readonly heard?: true;
  /** A completion has come of it: what stand-in counted of it is that one's, and makes no room for another. */
  readonly completed?: true;
  /** Of a card whose host pushes its balance: how many of its approvals the host knew of when it was asked. */
  readonly knownBefore?: number;
}

/** A reversal that no disk has: whoever finds it when its time has come writes it. */
export interface Owed {
  /** Unix ms. */
  readonly dueAtMs: number;
  /** As an advice file has it, with its card's number sealed. */
  readonly text: string;
  /** It takes back another request under the same trace, by a switch that did not know of this one. */
  readonly isOthers?: true;
}

export interface Deposit {
  readonly guardId: string;
  /** Minor units of the partner's currency. */
  readonly leftMinor: number;
  /** Unix ms at which it is given back where nothing came of the authorization; undefined: it is spent. */
  readonly dueAtMs: number | undefined;
}

const cardPrefix = 'c:';

/** The head of a card, by its token. */
export function cardHeadId(token: string): string {
  return `${cardPrefix}${token}`;
}

/** Whose record it is; undefined: it is no record of a remote issuer's card. */
export function tokenOfRecord(recordId: string): string | undefined {
  const end = recordId.indexOf('~');
  return recordId.startsWith(cardPrefix) && end > cardPrefix.length ? recordId.slice(cardPrefix.length, end) : undefined;
}

export function keyOf({ card, trace }: Pick<CardMessage, 'card' | 'trace'>): string {
  return recordKey(card.token, trace);
}

export function recordKey(token: string, { station, acquirer, stan, class: of, function: by }: Pick<CardMessage['trace'], 'station' | 'acquirer' | 'stan' | 'class' | 'function'>): string {
  return keyBy(token, station, acquirer, stan, of, by);
}

/** Where the named transaction may be: as it is named, or under the STAN of the message itself. */
export function originalKeysOf({ card, trace, original }: CardMessage): readonly string[] {
  const { token } = card;
  if (original === undefined) return anyKinds.map(([of, by]) => keyBy(token, trace.station, trace.acquirer, trace.stan, of, by));
  return [keyBy(token, trace.station, original.acquirer === '' ? trace.acquirer : original.acquirer, original.stan, original.class, original.function)];
}

const anyKinds = [['authorization', 'request'], ['financial', 'request'], ['authorization', 'advice'], ['financial', 'advice']] as const;

/** What a message says that no other under its trace number does: its local time, or else its retrieval reference and terminal. */
export function localOf({ trace: { localAt, terminal }, rrn }: Pick<CardMessage, 'trace' | 'rrn'>): string {
  return localAt !== '' || rrn === '' ? localAt : `@${rrn}@${terminal}`;
}

function keyBy(token: string, station: string, acquirer: string, stan: string, of: string, by: string): string {
  return `${cardHeadId(token)}~${station}.${acquirer}.${stan}.${of.charAt(0)}${by === 'request' ? '' : 'a'}`;
}

export function recordOf(message: CardMessage, id: string, by: Who, { reason, approvalCode }: Pick<Response, 'reason' | 'approvalCode'>): StandInRecord {
  const { trace: { transmittedAt }, fingerprint, amount } = message;
  return {
    id, phase: 'ended', untilMs: 0, fingerprint, transmittedAt, localAt: localOf(message), by, why: '', reason, approvalCode, amount, isReversed: false, counted: undefined, guardId: '',
    sent: undefined, advised: undefined, names: undefined, telling: 'no', more: undefined,
  };
}

/** So long a reversal that names no time waits for what it means, where that has another time than it has itself. */
const aheadMs = 3_600_000;

/** What a reversal leaves for a request that it came before. It has the time of that, or else its own. */
export function tombstone(message: CardMessage): StandInRecord {
  const { transmittedAt = '', localAt = '' } = message.original ?? {};
  const record: StandInRecord = { ...recordOf(message, '', 'switch', { reason: '1830', approvalCode: '' }), fingerprint: '', amount: undefined, isReversed: true };
  return transmittedAt === '' && localAt === '' ? { ...record, untilMs: message.receivedAtMs + aheadMs } : { ...record, transmittedAt, localAt };
}

/** Undefined where there is nothing. */
export function moreOf(more: { readonly [Name in keyof RecordMore]: RecordMore[Name] | undefined }): RecordMore | undefined {
  const { proposal, pin, account, deposit, actualMinor, owed, unsure, overdue, namesToo, heard, completed, knownBefore } = more;
  if (!Object.values(more).some((value) => value !== undefined)) return undefined;
  return {
    ...(proposal === undefined ? {} : { proposal }), ...(pin === undefined ? {} : { pin }), ...(account === undefined ? {} : { account }), ...(deposit === undefined ? {} : { deposit }),
    ...(actualMinor === undefined ? {} : { actualMinor }), ...(owed === undefined ? {} : { owed }), ...(unsure === undefined ? {} : { unsure }),
    ...(overdue === undefined ? {} : { overdue }), ...(namesToo === undefined ? {} : { namesToo }), ...(heard === undefined ? {} : { heard }),
    ...(completed === undefined ? {} : { completed }), ...(knownBefore === undefined ? {} : { knownBefore }),
  };
}

/** When somebody has to look at it again: Unix ms; undefined: never. */
export function dueOf({ more }: StandInRecord): number | undefined {
  const owedMs = more?.owed?.dueAtMs;
  const heldMs = more?.deposit?.dueAtMs;
  return owedMs === undefined || heldMs === undefined ? (owedMs ?? heldMs) : Math.min(owedMs, heldMs);
}

/** Names of classes and deciders by one letter. */
const classLetters = { authorization: 'a', financial: 'f', reversal: 'r' } as const;
const classesByLetter: Readonly<Record<string, MessageClass>> = { a: 'authorization', f: 'financial', r: 'reversal' };

type StoredReference = readonly [of: string, function_: 0 | 1, stan: string, transmittedAt: string, localAt: string, acquirer: string] | 0;

type StoredCounted = readonly [id: string, leftMinor: number, outageId: number, transactions: 0 | 1, isInOutage: 0 | 1, accountMinor: number, partnerMinor: number, moves: Counted['moves']] | 0;

type StoredRecord = readonly [
  form: 2, id: string, phase: 0 | 1, untilMs: number, fingerprint: string, transmittedAt: string, localAt: string, by: Who, why: string, reason: Reason, approvalCode: string, amountMinor: number,
  currency: string, isReversed: 0 | 1, counted: StoredCounted, guardId: string, sent: StoredReference, advised: StoredReference, names: StoredReference, telling: StandInRecord['telling'],
  ...more: RecordMore[],
];

/** A list without names: one is written and read for each step of a transaction. */
export function encodeRecord(record: StandInRecord): string {
  const { amount, counted } = record;
  const stored: StoredRecord = [
    2, record.id, record.phase === 'asked' ? 1 : 0, record.untilMs, record.fingerprint, record.transmittedAt, record.localAt, record.by, record.why, record.reason, record.approvalCode,
    amount === undefined ? 0 : amount.amountMinor, amount === undefined ? '' : amount.currency, record.isReversed ? 1 : 0,
    counted === undefined ? 0 : [counted.id === record.id ? '' : counted.id, counted.leftMinor, counted.outageId, counted.transactions, counted.isInOutage ? 1 : 0, counted.accountMinor, counted.partnerMinor, counted.moves],
    record.guardId, storeReference(record.sent), storeReference(record.advised), storeReference(record.names), record.telling, ...(record.more === undefined ? [] : [record.more]),
  ];
  return JSON.stringify(stored);
}

export function decodeRecord(text: string | null | undefined): StandInRecord | undefined {
  if (typeof text !== 'string') return undefined;
  const [
    form, id, phase, untilMs, fingerprint, transmittedAt, localAt, by, why, reason, approvalCode, amountMinor, currency, isReversed, counted, guardId, sent, advised, names, telling, more,
  ] = JSON.parse(text) as StoredRecord;
  assert(form === 2, 'a record of a remote issuer\'s transaction is in a form that this program knows');
  return {
    id, phase: phase === 1 ? 'asked' : 'ended', untilMs, fingerprint, transmittedAt, localAt, by, why, reason, approvalCode,
    amount: currency === '' ? undefined : { amountMinor, currency }, isReversed: isReversed === 1, counted: loadCounted(counted, id), guardId,
    sent: loadReference(sent), advised: loadReference(advised), names: loadReference(names), telling,
    more: more?.deposit === undefined ? more : { ...more, deposit: withOwnCounter(more.deposit) },
  };
}

/** Before deposits had counters of their own they were held of the credit's, whose name has no slash. */
function withOwnCounter(deposit: Deposit): Deposit {
  return deposit.guardId.includes('/') ? deposit : { ...deposit, guardId: depositOf(deposit.guardId) };
}

function storeReference(reference: SentReference | undefined): StoredReference {
  if (reference === undefined) return 0;
  return [classLetters[reference.class], reference.function === undefined ? 0 : 1, reference.stan, reference.transmittedAt, reference.localAt, reference.acquirer];
}

function loadReference(stored: StoredReference): SentReference | undefined {
  if (stored === 0) return undefined;
  const [of, function_, stan, transmittedAt, localAt, acquirer] = stored;
  const reference = { class: classesByLetter[of]!, stan, transmittedAt, localAt, acquirer };
  return function_ === 0 ? reference : { ...reference, function: 'advice' };
}

function loadCounted(stored: StoredCounted, recordId: string): Counted | undefined {
  if (stored === 0) return undefined;
  const [id, leftMinor, outageId, transactions, isInOutage, accountMinor, partnerMinor, moves] = stored;
  return { id: id === '' ? recordId : id, leftMinor, outageId, transactions, isInOutage: isInOutage === 1, accountMinor, partnerMinor, moves };
}
