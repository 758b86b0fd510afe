/**
 * One decision's changes, gathered: legs put into their records, effects on the head. `finish` writes them down as
 * what the journal entry and the commit carry.
 */
import { assert } from '../base/assert.ts';
import type { CardMessage } from '../message/message.ts';
import type { Account } from './account.ts';
import type { CounterMove, Effects, HoldChange, Posting, RecordChange } from './journal.ts';
import { counterMoves } from './limits.ts';
import type { Records } from './locate.ts';
import { decodeRecord, encodeAlias, encodeRecord, legsMax, spillId } from './record.ts';
import type { Leg, LegPlace, TransactionRecord } from './record.ts';

const dayMs = 86_400_000;

export class Change {
  readonly #account: Account;
  readonly #records: Records;
  readonly #recordDays: number;
  readonly #nowMs: number;
  readonly #touched = new Map<string, TransactionRecord>();
  readonly #aliases = new Map<string, LegPlace | undefined>();
  readonly #counters: CounterMove[] = [];
  readonly #postings: Posting[] = [];
  #ledgerMinor = 0;
  #heldMinor = 0;
  #openHolds = 0;
  #guardDelta = 0;
  hold: HoldChange | undefined;

  constructor(account: Account, records: Records, recordDays: number, nowMs: number) {
    this.#account = account;
    this.#records = records;
    this.#recordDays = recordDays;
    this.#nowMs = nowMs;
  }

  /** Adds a leg to its record, or replaces the one with its id, and accounts for what its hold or posting changed by. */
  put(recordId: string, leg: Leg): void {
    const record = this.#record(recordId);
    const at = record.legs.findIndex(({ id }) => id === leg.id);
    this.#accountFor(record.legs[at], leg);
    const legs = at === -1 ? [...record.legs, leg] : record.legs.with(at, leg);
    this.#touched.set(recordId, { ...record, legs });
    if (legs.length > legsMax) this.#spill(recordId);
  }

  /** Books money of the holder against the program's settlement; `amountMinor` in favour of the holder. */
  post(amountMinor: number, against: string): void {
    if (amountMinor === 0) return;
    const { id, currency } = this.#account;
    this.#ledgerMinor += amountMinor;
    this.#postings.push({ ledger: `holder:${id}`, amountMinor, currency }, { ledger: against, amountMinor: -amountMinor, currency });
  }

  /** Lets an alias lead to a leg, or to nothing. */
  alias(id: string, place: LegPlace | undefined): void {
    this.#aliases.set(id, place);
  }

  counted(leg: Leg, transactions: number, amountMinor: number): void {
    if (leg.counted !== undefined && (transactions !== 0 || amountMinor !== 0)) {
      this.#counters.push(...counterMoves(leg.counted, transactions, amountMinor));
    }
  }

  guard(delta: number): void {
    this.#guardDelta += delta;
  }

  get effects(): Effects {
    const guardId = creditGuardId(this.#account.partner);
    return {
      ledgerMinor: this.#ledgerMinor, heldMinor: this.#heldMinor, openHolds: this.#openHolds, counters: this.#counters,
      postings: this.#postings, guard: this.#guardDelta === 0 ? undefined : { guardId, delta: this.#guardDelta },
    };
  }

  get records(): readonly RecordChange[] {
    const changes: RecordChange[] = [];
    for (const record of this.#touched.values()) changes.push(this.#stored(record));
    for (const [id, place] of this.#aliases) {
      const value = place === undefined ? undefined : encodeAlias(place);
      changes.push({ id, value, keepUntilMs: this.#nowMs + this.#recordDays * dayMs, dueAtMs: undefined });
    }
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
    if (after.state !== 'open') for (const id of after.aliases) this.alias(id, undefined);
  }

  #record(id: string): TransactionRecord {
    const touched = this.#touched.get(id);
    if (touched !== undefined) return touched;
    const text = this.#records.get(id);
    return typeof text === 'string' ? decodeRecord(id, text) : { id, legs: [], spilled: false };
  }

  #spill(id: string): void {
    const record = this.#record(id);
    const [oldest, ...legs] = record.legs;
    assert(oldest !== undefined, 'a full record has an oldest leg');
    this.#touched.set(id, { id, legs, spilled: true });
    const away = spillId(id, oldest);
    const there = this.#touched.get(away);
    this.#touched.set(away, { id: away, legs: [...(there?.legs ?? []), oldest], spilled: false });
    for (const alias of oldest.aliases) this.alias(alias, { recordId: away, legId: oldest.id });
  }

  #stored(record: TransactionRecord): RecordChange {
    const keepMs = this.#recordDays * dayMs;
    const open = record.legs.filter(({ state }) => state === 'open');
    // What is old and closed has no repeat or reversal to wait for any more.
    const legs = record.legs.filter((leg) => leg.state === 'open' || leg.changedAtMs + keepMs > this.#nowMs);
    const value = encodeRecord({ ...record, legs });
    if (open.length > 0) {
      return { id: record.id, value, keepUntilMs: undefined, dueAtMs: Math.min(...open.map(({ expiresAtMs }) => expiresAtMs)) };
    }
    return { id: record.id, value, keepUntilMs: this.#nowMs + keepMs, dueAtMs: undefined };
  }
}

/** The shared counter of what a partner's cardholders may still spend. */
export function creditGuardId(partner: string): string {
  return `credit:${partner}`;
}

/** A leg for the message as it stands, with no money in it yet. */
export function newLeg(message: CardMessage, type: string, changedAtMs: number): Leg {
  const { trace } = message;
  return {
    id: message.id, type, stan: trace.stan, transmittedAt: trace.transmittedAt, localAt: trace.localAt, terminal: trace.terminal,
    fingerprint: message.fingerprint, reason: '0000', approvalCode: '', amountMinor: message.amount?.amountMinor ?? 0,
    currency: message.amount?.currency ?? '', answeredMinor: message.amount?.amountMinor ?? 0, state: 'none', takenMinor: 0, nowMinor: 0,
    expiresAtMs: 0, changedAtMs, counted: undefined, guarded: false, balance: undefined, parent: undefined, aliases: [], actualMinor: 0,
  };
}
