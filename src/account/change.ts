/**
 * One decision's changes, gathered: legs put into their records, effects on the head. `records` and `effects` are
 * what the journal entry and the commit carry.
 */
import { assert } from '../base/assert.ts';
import type { Account } from './account.ts';
import type { CardEffect } from './card.ts';
import { creditMinor } from '../message/credit.ts';
import type { CreditRate } from '../message/credit.ts';
import type { CounterMove, Effects, HoldChange, Posting, RecordChange } from './journal.ts';
import { counterMoves } from './limits.ts';
import type { Found, Records } from './locate.ts';
import { decodeRecord, encodeAlias, encodeRecord, legsMax, overflowOf, placeOf, spilledId } from './record.ts';
import type { Counted, Leg, LegPlace, TransactionRecord } from './record.ts';

const dayMs = 86_400_000;

interface AliasChange {
  readonly id: string;
  readonly place: LegPlace;
  readonly keepUntilMs: number;
}

export class Change {
  readonly #account: Account;
  readonly #records: Records;
  readonly #recordDays: number;
  readonly #nowMs: number;
  readonly #touched = new Map<string, TransactionRecord>();
  readonly #aliases: AliasChange[] = [];
  readonly #marks: RecordChange[] = [];
  readonly #counters: CounterMove[] = [];
  readonly #postings: Posting[] = [];
  #ledgerMinor = 0;
  #heldMinor = 0;
  #openHolds = 0;
  #guardDelta = 0;
  hold: HoldChange | undefined;
  card: CardEffect | undefined;

  constructor(account: Account, records: Records, recordDays: number, nowMs: number) {
    this.#account = account;
    this.#records = records;
    this.#recordDays = recordDays;
    this.#nowMs = nowMs;
  }

  /** Adds a leg to its record, or replaces the one with its id, and accounts for what its hold changed by. */
  put(recordId: string, leg: Leg): void {
    const record = this.#record(recordId);
    const at = record.legs.findIndex(({ id }) => id === leg.id);
    this.#accountFor(record.legs[at], leg);
    const legs = at === -1 ? [...record.legs, leg] : record.legs.with(at, leg);
    this.#touched.set(recordId, { ...record, legs });
    if (at === -1 && legs.length > legsMax) this.#spill(recordId);
  }

  /** Takes away a leg that holds nothing: a remembered reversal that found its original. */
  drop({ recordId, leg }: Found): void {
    assert(leg.state === 'absent', 'only a remembered reversal is dropped');
    const record = this.#record(recordId);
    this.#touched.set(recordId, { ...record, legs: record.legs.filter(({ id }) => id !== leg.id) });
  }

  /** The leg at a place, as it stands after the changes so far. */
  at(place: LegPlace): Found | undefined {
    for (const id of [place.recordId, `${place.recordId}.${place.spill}`]) {
      const leg = this.#record(id).legs.find((candidate) => candidate.id === place.legId);
      if (leg !== undefined) return { recordId: id, leg };
    }
    return undefined;
  }

  /** Books money of the holder against the program's settlement; `amountMinor` in favour of the holder. */
  post(amountMinor: number): void {
    if (amountMinor === 0) return;
    const { id, currency, program } = this.#account;
    this.#ledgerMinor += amountMinor;
    this.#postings.push({ ledger: `holder:${id}`, amountMinor, currency }, { ledger: `settlement:${program}`, amountMinor: -amountMinor, currency });
  }

  /** Lets an alias lead to a leg, for as long as the leg's record is kept. */
  alias(id: string, recordId: string, leg: Leg): void {
    const keepUntilMs = Math.max(this.#nowMs, leg.expiresAtMs) + this.#recordDays * dayMs;
    this.#aliases.push({ id, place: placeOf(recordId, leg), keepUntilMs });
  }

  /** Lets it be known for a time that something was used up, by which message. */
  mark(id: string, messageId: string, keepDays: number): void {
    this.#marks.push({ id, value: messageId, keepUntilMs: this.#nowMs + keepDays * dayMs, dueAtMs: undefined });
  }

  count(card: number, counted: Counted | undefined, transactions: number, amountMinor: number): void {
    if (counted === undefined || (transactions === 0 && amountMinor === 0)) return;
    this.#counters.push(...counterMoves(card, counted, transactions, amountMinor));
  }

  /**
   * Takes from the partner's balance what a leg needs more of it, or gives back what it needs less.
   * @param beforeMinor what the leg held or had posted, and holds or has now (`afterMinor`), in the cardholder's currency
   */
  guard(beforeMinor: number, afterMinor: number, at: CreditRate | undefined): void {
    const { currency } = this.#account;
    this.#guardDelta += creditMinor(beforeMinor, currency, at) - creditMinor(afterMinor, currency, at);
  }

  get effects(): Effects {
    return {
      ledgerMinor: this.#ledgerMinor, heldMinor: this.#heldMinor, openHolds: this.#openHolds, counters: this.#counters,
      postings: this.#postings,
      guard: this.#guardDelta === 0 ? undefined : { guardId: creditGuardId(this.#account.partner), delta: this.#guardDelta },
      card: this.card,
    };
  }

  get records(): readonly RecordChange[] {
    const changes: RecordChange[] = [];
    for (const record of this.#touched.values()) changes.push(this.#stored(record));
    for (const { id, place, keepUntilMs } of this.#aliases) changes.push({ id, value: encodeAlias(place), keepUntilMs, dueAtMs: undefined });
    changes.push(...this.#marks);
    return changes;
  }

  #accountFor(before: Leg | undefined, after: Leg): void {
    const heldBefore = before?.state === 'open' ? before.nowMinor : 0;
    const heldAfter = after.state === 'open' ? after.nowMinor : 0;
    this.#heldMinor += heldAfter - heldBefore;
    this.#openHolds += (after.state === 'open' ? 1 : 0) - (before?.state === 'open' ? 1 : 0);
    if (before?.state !== 'open' && after.state !== 'open') return;
    const state = after.state === 'open' || after.state === 'completed' || after.state === 'expired' ? after.state : 'reversed';
    this.hold = { id: after.id, state, heldMinor: heldAfter, expiresAtMs: after.expiresAtMs };
  }

  #record(id: string): TransactionRecord {
    const touched = this.#touched.get(id);
    if (touched !== undefined) return touched;
    const text = this.#records.get(id);
    return typeof text === 'string' ? decodeRecord(id, text) : { id, legs: [], spilled: false };
  }

  #spill(id: string): void {
    const record = this.#record(id);
    const [oldest] = overflowOf(record.legs, 0);
    assert(oldest !== undefined, 'a full record has a leg that can move');
    const away = spilledId(id, oldest);
    assert(this.#touched.has(away) || this.#records.has(away), 'what is at the place that a leg moves to is known');
    this.#touched.set(id, { id, legs: record.legs.filter((leg) => leg !== oldest), spilled: true });
    this.#touched.set(away, { id: away, legs: [...this.#record(away).legs, oldest], spilled: false });
  }

  #stored({ id, spilled, legs: all }: TransactionRecord): RecordChange {
    const keepMs = this.#recordDays * dayMs;
    // What is old and closed has no repeat or reversal to wait for any more.
    const legs = all.filter((leg) => leg.state === 'open' || Math.max(leg.changedAtMs, leg.expiresAtMs) + keepMs > this.#nowMs);
    if (legs.length === 0 && !spilled) return { id, value: undefined, keepUntilMs: undefined, dueAtMs: undefined };
    const value = encodeRecord({ id, spilled, legs });
    let dueAtMs: number | undefined;
    let keepUntilMs = this.#nowMs + keepMs;
    for (const leg of legs) {
      if (leg.state === 'open') dueAtMs = Math.min(dueAtMs ?? leg.expiresAtMs, leg.expiresAtMs);
      else if (leg.state === 'added') keepUntilMs = Math.max(keepUntilMs, leg.expiresAtMs + keepMs);
    }
    return dueAtMs === undefined ? { id, value, keepUntilMs, dueAtMs } : { id, value, keepUntilMs: undefined, dueAtMs };
  }
}

/** The shared counter of what a partner's cardholders may still spend. */
export function creditGuardId(partner: string): string {
  return `credit:${partner}`;
}

const depositEnd = '/deposit';

/** What the partner's deposit goes by among its balances. No partner's name has a slash. */
export function depositOf(partner: string): string {
  return partner + depositEnd;
}

/** Whose deposit it is; undefined: it is another balance. */
export function partnerOfDeposit(name: string): string | undefined {
  return name.endsWith(depositEnd) ? name.slice(0, -depositEnd.length) : undefined;
}
