/**
 * Transaction records: what the account remembers of each message, beside the head. A record is found by the trace that a
 * message, its repeat and whatever refers to it share, and is at once the answer for a repeat, the hold that a reversal or a
 * completion names, and the thing that expires.
 *
 *   record   one per card, station, acquirer and STAN: [leg, leg, …]
 *   leg      one per message under that trace: a request, its advice, its reversal where they share the STAN
 *   alias    where a leg is, by another name (retrieval reference, approval code), where the link's rules ask for it
 *   mark     that something was done once: a lifecycle call (`#`), or an authentication value used (`$`)
 *
 *   id       account (12, or 24 of a balance's) digest of card and station . acquirer . STAN [. digest of type, time and terminal]
 *
 * Acquirer and STAN stand in the id whole, if short: who chooses them chooses no one else's record. STANs are reused: a record keeps
 * its latest legs, and moves older ones to records of their own (`spilledId`), so that a sender who never counts up costs no
 * more than one who does.
 */
import { assert } from '../base/assert.ts';
import type { OriginalReference, Trace } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import type { CreditRate } from '../message/credit.ts';

/** `open`: holds money; `added`: to its parent's hold; `posted`: moved money; `absent`: a reversal came and its original has not. */
export type LegState = 'none' | 'open' | 'posted' | 'completed' | 'reversed' | 'expired' | 'absent' | 'added';

/** Which windows and scopes of its card's counters a leg counts in; the amount that it counts for is `nowMinor`. */
export interface Counted {
  readonly day: number;
  readonly month: number;
  /** The first is `overall`. */
  readonly scopes: readonly string[];
}

export interface Leg {
  /** Message id. */
  readonly id: string;
  /** MTI positions 2 and 3 with repeats folded: `10`, `12`, `20`, `22`, `40`, `42`; `absent`: the original's, empty where it was not named. */
  readonly type: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly terminal: string;
  /** As `shortFingerprint` has it. */
  readonly fingerprint: string;
  readonly reason: Reason;
  readonly approvalCode: string;
  /** What was asked, in the transaction's currency; for `absent` what the reversal claims the original was. */
  readonly amountMinor: number;
  readonly currency: string;
  /** Transaction's currency: what `takenMinor` stands for. */
  readonly wholeMinor: number;
  /** Balance's currency: taken at first and added since; a credit is negative. */
  readonly takenMinor: number;
  /** Balance's currency: what is held or posted now; of an expired hold, what it held at last. */
  readonly nowMinor: number;
  /** What its answer said, in the transaction's and in the balance's currency: a repeat says the same. */
  readonly answeredMinor: number;
  readonly billedMinor: number;
  readonly state: LegState;
  readonly expiresAtMs: number;
  /** Kept to the second. */
  readonly changedAtMs: number;
  readonly counted: Counted | undefined;
  readonly guarded: boolean;
  /** Where that is in another currency: at which rate, so that it gives back what it took. */
  readonly creditRate?: CreditRate;
  /** Ledger and available balance that DE54 answered. */
  readonly balance: readonly [ledgerMinor: number, availableMinor: number] | undefined;
  /** The leg that this one completes, adds to or tells of; of an `absent` one, the first that goes by the same alias. */
  readonly parent: LegPlace | undefined;
  /** Balance's currency: what the last partial reversal left. 0: there was none. */
  readonly keptMinor: number;
  /** `absent`: what the transaction came to after all (0: nothing), transaction's currency. */
  readonly actualMinor: number;
  /** At which it was converted, where the message did not say what it is billed: what completes it or adds to it is converted alike. */
  readonly rate?: string;
}

/** Where a leg is: in the record of its trace, or, when it had to make room, in the one that `spill` ends the id of. */
export interface LegPlace {
  readonly recordId: string;
  readonly spill: string;
  readonly legId: string;
}

export interface TransactionRecord {
  readonly id: string;
  readonly legs: readonly Leg[];
  /** Older legs of the trace have moved to records of their own. */
  readonly spilled: boolean;
}

const currencyDigits = 3;

/** Legs in one record; one more moves the oldest away. */
export const legsMax = 8;

/** Letters that start a record id, all of an account's: of a balance's id, `b_` and 22 of base64url; or twelve. */
const balanceIdLength = 24;
const shortIdLength = 12;

export function accountOfRecord(recordId: string): string {
  return recordId.slice(0, accountIdEnd(recordId));
}

/** Where the account's id ends. Behind one of twelve letters comes a digest of eleven at most, and a dot; or a sign that is no letter of an id. */
function accountIdEnd(recordId: string): number {
  if (recordId.charCodeAt(0) !== 98 || recordId.charCodeAt(1) !== 95) return shortIdLength;
  for (let index = shortIdLength; index < balanceIdLength; index += 1) if (!isIdLetter(recordId.charCodeAt(index))) return shortIdLength;
  return balanceIdLength;
}

/** Of base64url. */
function isIdLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code === 45;
}

const classDigit = { authorization: '1', financial: '2', reversal: '4' } as const;

export function legType(of: Pick<Trace | OriginalReference, 'class' | 'function'>): string {
  return classDigit[of.class] + (of.function === 'request' ? '0' : '2');
}

/** The record of a trace. */
export function recordId(accountId: string, card: number, trace: Pick<Trace, 'station' | 'acquirer'>, stan: string): string {
  assert(accountId.length === shortIdLength || accountId.length === balanceIdLength, 'an account id has twelve characters, or is a balance’s');
  return `${accountId}${digest(`${card}|${trace.station}`)}.${shortened(trace.acquirer)}.${shortened(stan)}`;
}

/** The end of the id of the record that such a leg moves to. */
export function spillOf(leg: Pick<Leg, 'type' | 'transmittedAt' | 'localAt' | 'terminal'>): string {
  // A reference names the local time with its year (DE56: twelve or fourteen digits) or else the transmission time (DE90).
  return digest(`${leg.type}|${leg.localAt.length > 10 ? leg.localAt : leg.transmittedAt}|${leg.terminal}`);
}

/** Where a leg moves to, or is looked for, that its trace's record had no room for. */
export function spilledId(id: string, leg: Pick<Leg, 'type' | 'transmittedAt' | 'localAt' | 'terminal'>): string {
  return `${id}.${spillOf(leg)}`;
}

export function placeOf(id: string, leg: Leg): LegPlace {
  return { recordId: traceIdOf(id), spill: spillOf(leg), legId: leg.id };
}

/** A retrieval reference and an approval code are known within their card, station and acquirer only. */
export function aliasId(accountId: string, card: number, trace: Pick<Trace, 'station' | 'acquirer'>, key: 'rrn' | 'approvalCode', value: string): string {
  return `${accountId}${key === 'rrn' ? '!' : '?'}${digest(`${card}|${trace.station}`)}.${shortened(trace.acquirer)}.${shortened(value)}`;
}

/** A spilled record's id without what tells it from its trace's. */
function traceIdOf(id: string): string {
  const third = id.indexOf('.', afterStation(id)) + 1;
  const end = id.indexOf('.', third);
  return end === -1 ? id : id.slice(0, end);
}

/** Index behind the digest of card and station. */
function afterStation(id: string): number {
  return id.indexOf('.', accountIdEnd(id)) + 1;
}

/** What ids of one card, station and acquirer have in common. */
function scopeOf(id: string): string {
  return id.slice(0, id.indexOf('.', afterStation(id)) + 1);
}

/**
 * The legs that must move away so that `more` fit: the oldest. Remembered reversals stay, where their original will look.
 * Fewer than are needed where there are too many of those.
 */
export function overflowOf(legs: readonly Leg[], more: number): readonly Leg[] {
  const excess = legs.length + more - legsMax;
  return excess <= 0 ? [] : legs.filter(({ state }) => state !== 'absent').slice(0, excess);
}

/** Six characters tell an accident from a repeat as well as eleven do. */
export function shortFingerprint(fingerprint: string): string {
  return fingerprint.slice(-6);
}

/** 53 bits over the text, base 36: for what needs spread, not secrecy (cyrb53 construction: two mixed 32-bit lanes). */
export function digest(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

const states: readonly LegState[] = ['none', 'open', 'posted', 'completed', 'reversed', 'expired', 'absent', 'added'];

/**
 * Legs joined by `|`; of each, eleven fields joined by commas, then those that are not as usual, each with a letter. It is in memory of
 * the store for every transaction of a week, hence no quotes, no names and no zeros.
 */
export function encodeRecord(record: TransactionRecord): string {
  let text = record.spilled ? '+' : '';
  for (let index = 0; index < record.legs.length; index += 1) {
    if (index > 0) text += '|';
    text += encodeLeg(record.legs[index] as Leg);
  }
  return text;
}

function encodeLeg(leg: Leg): string {
  const { state, reason, counted, balance, parent } = leg;
  let text = `${escaped(leg.id)},${leg.type === '' ? '--' : leg.type}${states.indexOf(state)}${reason === '0000' ? '' : reason},${leg.fingerprint},${
    Math.ceil(leg.changedAtMs / 1000).toString(36)},${shortened(leg.transmittedAt)},${leg.localAt === leg.transmittedAt ? '' : `-${shortened(leg.localAt)}`},${escaped(leg.terminal)},${
    leg.currency},${leg.amountMinor},${escaped(leg.approvalCode)},`;
  if (counted !== undefined) text += `${counted.day.toString(36)}.${counted.month.toString(36)}`;
  if (counted !== undefined) for (let index = 1; index < counted.scopes.length; index += 1) text += `.${escaped(counted.scopes[index] as string)}`;
  if (leg.wholeMinor !== leg.amountMinor) text += `,w${leg.wholeMinor}`;
  if (leg.takenMinor !== usuallyTaken(state, leg.wholeMinor)) text += `,t${leg.takenMinor}`;
  if (leg.nowMinor !== usuallyNow(state, leg.takenMinor)) text += `,n${leg.nowMinor}`;
  if (leg.answeredMinor !== leg.wholeMinor) text += `,a${leg.answeredMinor}`;
  if (leg.billedMinor !== Math.abs(leg.takenMinor)) text += `,b${leg.billedMinor}`;
  if (leg.guarded) text += ',g';
  if (leg.expiresAtMs !== 0) text += `,x${leg.expiresAtMs}`;
  if (balance !== undefined) text += `,l${balance[0]}.${balance[1]}`;
  if (parent !== undefined) text += `,p${encodePlace(parent)}`;
  if (leg.keptMinor !== 0) text += `,k${leg.keptMinor}`;
  if (leg.actualMinor !== 0) text += `,c${leg.actualMinor}`;
  if (leg.rate !== undefined) text += `,r${leg.rate}`;
  if (leg.creditRate !== undefined) text += `,u${leg.creditRate.currency}${leg.creditRate.rate}`;
  return text;
}

function usuallyTaken(state: LegState, wholeMinor: number): number {
  return state === 'none' || state === 'absent' ? 0 : wholeMinor;
}

function usuallyNow(state: LegState, takenMinor: number): number {
  return state === 'completed' || state === 'reversed' ? 0 : takenMinor;
}

/** @throws AssertionError where the text is no record. */
export function decodeRecord(id: string, text: string): TransactionRecord {
  const spilled = text.startsWith('+');
  const rows = spilled ? text.slice(1) : text;
  const scope = scopeOf(id);
  return { id, spilled, legs: rows === '' ? [] : rows.split('|').map((row) => decodeLeg(scope, row)) };
}

function decodeLeg(scope: string, row: string): Leg {
  const fields = row.split(',');
  const [id, kind, fingerprint, changedAtMs, transmitted, localAt, terminal, currency, amount, approvalCode, counted] = fields;
  assert(counted !== undefined && kind !== undefined, 'a transaction record is in a form that this program knows');
  const state = states[kind.charCodeAt(2) - 48] ?? 'none';
  const amountMinor = Number(amount);
  const transmittedAt = lengthened(transmitted);
  const rare: Partial<Record<string, string>> = {};
  for (let index = 11; index < fields.length; index += 1) rare[(fields[index] as string).charAt(0)] = (fields[index] as string).slice(1);
  const wholeMinor = numberOr(rare['w'], amountMinor);
  const takenMinor = numberOr(rare['t'], usuallyTaken(state, wholeMinor));
  const { l: balance, p: parent, r: rate, u: credit } = rare;
  const leg: Leg = {
    id: unescaped(id), type: kind.startsWith('--') ? '' : kind.slice(0, 2), transmittedAt,
    localAt: localAt === '' ? transmittedAt : lengthened((localAt ?? '').slice(1)),
    terminal: unescaped(terminal), fingerprint: fingerprint ?? '', reason: (kind.length > 3 ? kind.slice(3) : '0000') as Reason,
    approvalCode: unescaped(approvalCode), amountMinor, currency: currency ?? '', wholeMinor, takenMinor,
    nowMinor: numberOr(rare['n'], usuallyNow(state, takenMinor)), answeredMinor: numberOr(rare['a'], wholeMinor),
    billedMinor: numberOr(rare['b'], Math.abs(takenMinor)), state, expiresAtMs: numberOr(rare['x'], 0), changedAtMs: parseInt(changedAtMs ?? '', 36) * 1000,
    counted: decodeCounted(counted), guarded: rare['g'] !== undefined,
    balance: balance === undefined ? undefined : [Number(balance.slice(0, balance.indexOf('.'))), Number(balance.slice(balance.indexOf('.') + 1))],
    parent: parent === undefined ? undefined : decodePlace(scope, parent),
    keptMinor: numberOr(rare['k'], 0), actualMinor: numberOr(rare['c'], 0),
  };
  return {
    ...leg, ...(rate === undefined ? {} : { rate }),
    ...(credit === undefined ? {} : { creditRate: { currency: credit.slice(0, currencyDigits), rate: credit.slice(currencyDigits) } }),
  };
}

function decodeCounted(text: string): Counted | undefined {
  if (text === '') return undefined;
  const [day, month, ...scopes] = text.split('.');
  return { day: parseInt(day ?? '', 36), month: parseInt(month ?? '', 36), scopes: ['overall', ...scopes.map(unescaped)] };
}

function numberOr(text: string | undefined, usual: number): number {
  return text === undefined ? usual : Number(text);
}

/** An alias: where the leg is that it names, which is always in its own card's, station's and acquirer's scope. */
export function encodeAlias(place: LegPlace): string {
  return encodePlace(place);
}

/** @param id the alias's own, which names the scope */
export function decodeAlias(id: string, text: string): LegPlace {
  return decodePlace(accountOfRecord(id) + scopeOf(id).slice(accountIdEnd(id) + 1), text);
}

function encodePlace({ recordId, spill, legId }: LegPlace): string {
  return `${recordId.slice(recordId.lastIndexOf('.') + 1)}.${spill}.${escaped(legId)}`;
}

function decodePlace(scope: string, text: string): LegPlace {
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  assert(first >= 0 && second > first, 'a place is a STAN, a digest and a leg');
  return { recordId: scope + text.slice(0, first), spill: text.slice(first + 1, second), legId: unescaped(text.slice(second + 1)) };
}

const lowDigits = 36 ** 5;

/**
 * Digits in base 36, behind a colon for each leading zero; any other text as it is, behind a `~`. Different texts stay different.
 * In two halves, as large numbers convert slowly.
 */
function shortened(text: string): string {
  let zeros = 0;
  while (text.charCodeAt(zeros) === 48) zeros += 1;
  const digits = text.length - zeros;
  if (text === '') return '';
  let number = 0;
  for (let index = zeros; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9 || digits > 15) return `~${escaped(text)}`;
    number = number * 10 + digit;
  }
  const start = zeros === 0 ? '' : ':'.repeat(zeros);
  if (digits === 0) return start;
  if (number < lowDigits) return start + number.toString(36);
  const high = Math.floor(number / lowDigits);
  return `${start}${high.toString(36)}${(number - high * lowDigits).toString(36).padStart(5, '0')}`;
}

function lengthened(text: string | undefined): string {
  if (text === undefined || text === '') return '';
  if (text.startsWith('~')) return unescaped(text.slice(1));
  const zeros = text.lastIndexOf(':') + 1;
  return '0'.repeat(zeros) + (zeros === text.length ? '' : String(parseInt(text.slice(zeros), 36)));
}

/** Text of the outside, which may hold what separates. */
function escaped(text: string): string {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // % , . |
    if (code === 37 || code === 44 || code === 46 || code === 124) {
      return text.replaceAll('%', '%25').replaceAll(',', '%2C').replaceAll('.', '%2E').replaceAll('|', '%7C');
    }
  }
  return text;
}

function unescaped(text: string | undefined): string {
  if (text === undefined || !text.includes('%')) return text ?? '';
  return text.replaceAll('%7C', '|').replaceAll('%2E', '.').replaceAll('%2C', ',').replaceAll('%25', '%');
}
