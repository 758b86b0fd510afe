/**
 * Transaction records: what the account remembers of each message, beside the head. A record is found by the trace that a
 * message, its repeat and whatever refers to it share, and is at once the answer for a repeat, the hold that a reversal or a
 * completion names, and the thing that expires.
 *
 *   record   one per station, acquirer, STAN and card: [leg, leg, …]
 *   leg      one per message under that trace: a request, its advice, its reversal where they share the STAN
 *   alias    record id and leg by another name (retrieval reference, approval code), where the link's rules ask for it
 *
 * STANs are reused: a record keeps its latest legs, and moves older ones to records of their own (`spillId`), so that a sender
 * who never counts up costs no more than one who does.
 */
import { assert } from '../base/assert.ts';
import type { OriginalReference, Trace } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';

/** `open`: holds money; `added`: to its parent's hold; `posted`: moved money; `absent`: a reversal came and its original has not. */
export type LegState = 'none' | 'open' | 'posted' | 'completed' | 'reversed' | 'expired' | 'absent' | 'added';

/** What a leg took from its card's counters, to be given back as it was taken. */
export interface Counted {
  readonly card: number;
  readonly day: number;
  readonly month: number;
  readonly scopes: readonly string[];
  readonly amountMinor: number;
}

export interface Leg {
  /** Message id. */
  readonly id: string;
  /** MTI positions 2 and 3 with repeats folded: `10`, `12`, `20`, `22`, `40`, `42`. */
  readonly type: string;
  readonly stan: string;
  readonly transmittedAt: string;
  readonly localAt: string;
  readonly terminal: string;
  readonly fingerprint: string;
  readonly reason: Reason;
  readonly approvalCode: string;
  /** What was asked, in the transaction's currency; for `absent` what the reversal claims the original was. */
  readonly amountMinor: number;
  readonly currency: string;
  /** What was answered in the transaction's currency. */
  readonly answeredMinor: number;
  readonly state: LegState;
  /** Balance's currency: taken at first; a credit is negative. */
  readonly takenMinor: number;
  /** Balance's currency: what is held or posted now. */
  readonly nowMinor: number;
  readonly expiresAtMs: number;
  readonly changedAtMs: number;
  readonly counted: Counted | undefined;
  readonly guarded: boolean;
  /** Ledger and available balance that DE54 answered. */
  readonly balance: readonly [ledgerMinor: number, availableMinor: number] | undefined;
  /** The leg that this one completes or adds to. */
  readonly parent: LegPlace | undefined;
  /** Aliases that lead here and go when it closes. */
  readonly aliases: readonly string[];
  /** `absent`: what the transaction came to after all (0: nothing), transaction's currency. */
  readonly actualMinor: number;
}

export interface LegPlace {
  readonly recordId: string;
  readonly legId: string;
}

export interface TransactionRecord {
  readonly id: string;
  readonly legs: readonly Leg[];
  /** Older legs of the trace have moved to records of their own. */
  readonly spilled: boolean;
}

/** Legs in one record; one more moves the oldest away. */
export const legsMax = 8;

/** Letters that start a record id: all of an account's. */
export const accountIdLength = 12;

export function accountOfRecord(recordId: string): string {
  return recordId.slice(0, accountIdLength);
}

const classDigit = { authorization: '1', financial: '2', reversal: '4' } as const;

export function legType(of: Pick<Trace | OriginalReference, 'class' | 'function'>): string {
  return classDigit[of.class] + (of.function === 'request' ? '0' : '2');
}

/** The record of a trace. */
export function recordId(accountId: string, card: number, station: string, acquirer: string, stan: string): string {
  assert(accountId.length === accountIdLength, 'an account id has twelve characters');
  return `${accountId}${digest(`${card}|${station}|${acquirer}|${stan}`)}`;
}

/** Where a leg goes, or is looked for, that its trace's record had no room for. */
export function spillId(id: string, leg: Pick<Leg, 'type' | 'transmittedAt' | 'localAt' | 'terminal'>): string {
  // A reference names the local time with its year (DE56: twelve or fourteen digits) or else the transmission time (DE90).
  return `${id}.${digest(`${leg.type}|${leg.localAt.length > 10 ? leg.localAt : leg.transmittedAt}|${leg.terminal}`)}`;
}

export function aliasId(accountId: string, card: number, key: 'rrn' | 'approvalCode', value: string): string {
  return `${accountId}${key === 'rrn' ? '!' : '?'}${digest(`${card}|${value}`)}`;
}

/** 53 bits over the text, base 36: ids within one account need spread, not secrecy (cyrb53 construction: two mixed 32-bit lanes). */
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

/** Trailing empty values are cut off: most legs have neither balance, parent nor aliases. */
export function encodeRecord(record: TransactionRecord): string {
  const legs = record.legs.map((leg) => {
    const row: unknown[] = [
      leg.id, leg.type, leg.stan, leg.transmittedAt, leg.terminal, leg.fingerprint, leg.reason, states.indexOf(leg.state),
      leg.changedAtMs.toString(36), leg.currency, leg.amountMinor, leg.approvalCode, leg.takenMinor, leg.nowMinor,
      leg.answeredMinor === leg.amountMinor ? '' : leg.answeredMinor,
      leg.counted === undefined ? '' : [leg.counted.card, leg.counted.day, leg.counted.month, leg.counted.amountMinor === leg.takenMinor ? '' : leg.counted.amountMinor, ...leg.counted.scopes],
      leg.guarded ? 1 : '', leg.localAt, leg.expiresAtMs === 0 ? '' : leg.expiresAtMs.toString(36), leg.balance ?? '',
      leg.parent === undefined ? '' : [leg.parent.recordId, leg.parent.legId], leg.aliases.length === 0 ? '' : leg.aliases,
      leg.actualMinor === 0 ? '' : leg.actualMinor,
    ];
    while (row.at(-1) === '') row.pop();
    return row;
  });
  return JSON.stringify(record.spilled ? [1, ...legs] : legs);
}

/** @throws SyntaxError where the text is no record. */
export function decodeRecord(id: string, text: string): TransactionRecord {
  const rows = JSON.parse(text) as (1 | unknown[])[];
  const spilled = rows[0] === 1;
  return { id, spilled, legs: (spilled ? rows.slice(1) : rows).map((row) => decodeLeg(row as unknown[])) };
}

function decodeLeg(row: readonly unknown[]): Leg {
  const takenMinor = row[12] as number;
  const counted = orEmpty<(number | string)[] | undefined>(row[15], undefined);
  const parent = orEmpty<[string, string] | undefined>(row[20], undefined);
  return {
    id: row[0] as string, type: row[1] as string, stan: row[2] as string, transmittedAt: row[3] as string, terminal: row[4] as string,
    fingerprint: row[5] as string, reason: row[6] as Reason, state: states[row[7] as number] ?? 'none',
    changedAtMs: parseInt(row[8] as string, 36), currency: row[9] as string, amountMinor: row[10] as number,
    approvalCode: orEmpty(row[11], ''), takenMinor: orEmpty(takenMinor, 0), nowMinor: orEmpty(row[13], 0),
    answeredMinor: orEmpty(row[14], row[10] as number),
    counted: counted === undefined ? undefined : {
      card: counted[0] as number, day: counted[1] as number, month: counted[2] as number,
      amountMinor: counted[3] === '' ? takenMinor : (counted[3] as number), scopes: counted.slice(4) as string[],
    },
    guarded: row[16] === 1, localAt: orEmpty(row[17], ''),
    expiresAtMs: row[18] === undefined || row[18] === '' ? 0 : parseInt(row[18] as string, 36),
    balance: orEmpty(row[19], undefined),
    parent: parent === undefined ? undefined : { recordId: parent[0], legId: parent[1] },
    aliases: orEmpty(row[21], []), actualMinor: orEmpty(row[22], 0),
  };
}

function orEmpty<T>(value: unknown, empty: T): T {
  return value === undefined || value === '' ? empty : (value as T);
}

/** An alias: where the leg is that it names. */
export function encodeAlias(place: LegPlace): string {
  return JSON.stringify([place.recordId, place.legId]);
}

export function decodeAlias(text: string): LegPlace {
  const [id, legId] = JSON.parse(text) as [string, string];
  return { recordId: id, legId };
}
