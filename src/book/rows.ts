/**
 * Journal entries as the book's rows: what of a batch goes into which table. Rows that are only ever added are COPY text;
 * what changes a row that is there (accounts, holds, cards) is summed up over the batch first.
 */
import type { CardRecord } from '../account/card.ts';
import type { CardEntry, HoldChange, JournalEntry, OpenedEntry, TransactionEntry } from '../account/journal.ts';
import { assert, unreachable } from '../base/assert.ts';
import { reasons } from '../message/reason.ts';
import { copyRow, storable, wireArray } from './wire.ts';

export const journalColumns = ['partition', 'epoch', 'sequence', 'account_id', 'account_sequence', 'kind', 'entry'] as const;

export const transactionColumns = [
  'id', 'account_id', 'sequence', 'received_at', 'decided_at', 'booked_at', 'transmitted', 'local_time', 'station', 'version',
  'mti', 'class', 'function', 'purpose', 'processing_code', 'acquirer', 'terminal', 'stan', 'rrn', 'decided_by', 'approved',
  'reason', 'reason_name', 'approval_code', 'amount_minor', 'currency', 'billing_minor', 'billing_currency',
  'held_change_minor', 'ledger_change_minor', 'card_token', 'masked_pan', 'entry_mode', 'merchant_category', 'merchant_id',
  'merchant_name', 'original_id', 'hold_id', 'flags', 'checks', 'stand_in_reason',
] as const;

export const postingColumns = ['entry_id', 'leg', 'ledger', 'amount_minor', 'currency', 'account_id', 'kind', 'posted_at'] as const;

/** What a batch does to one account. */
export interface AccountChange {
  readonly accountId: string;
  readonly firstSequence: number;
  lastSequence: number;
  ledgerMinor: number;
  heldMinor: number;
  openHolds: number;
  changedAtMs: number;
  closedAtMs: number | undefined;
}

/** Where a batch leaves a hold. */
export interface HoldState {
  readonly accountId: string;
  /** What the first change of the batch left in it: what it was opened with, where that opened it. */
  readonly openedMinor: number;
  readonly openedAtMs: number;
  change: HoldChange;
  changedBy: string;
  closedAtMs: number | undefined;
}

/** Where a batch leaves a card. Its PIN is no business of the book's tables. */
export interface CardState {
  readonly accountId: string;
  readonly index: number;
  readonly card: Omit<CardRecord, 'pin' | 'pinVersion' | 'cvv2Generation'>;
  readonly addedAtMs: number;
  readonly changedAtMs: number;
  readonly encryptedPan: string | undefined;
  readonly maskedPan: string | undefined;
}

/** The rows of one batch. */
export class Batch {
  journal = '';
  transactions = '';
  postings = '';
  /** What the rows are made of, in its order. */
  readonly entries: JournalEntry[] = [];
  readonly opened: OpenedEntry[] = [];
  readonly accounts = new Map<string, AccountChange>();
  readonly holds = new Map<string, HoldState>();
  readonly cards = new Map<string, CardState>();
  /** Sums of what was given to (positive) and taken from each guard. */
  readonly guards = new Map<string, number>();
  readonly #bookedAt: string;

  constructor(bookedAtMs: number) {
    this.#bookedAt = isoTime(bookedAtMs);
  }

  /**
   * @param place partition, epoch and sequence of the entry in the store's journal
   * @param text the entry as the store has it
   * @returns false where the entry does not follow the account's entry before it in this batch; nothing was added then
   */
  add(entry: JournalEntry, place: { readonly partition: number; readonly epoch: number; readonly sequence: string }, text: string): boolean {
    if (entry.accountId !== '' && !this.#addToAccount(entry)) return false;
    const accountId = entry.accountId === '' ? null : entry.accountId;
    const accountSequence = accountId === null ? null : entry.sequence;
    this.entries.push(entry);
    this.journal += copyRow([place.partition, place.epoch, place.sequence, accountId, accountSequence, entry.kind, text]);
    const { guard } = entry.effects;
    if (guard !== undefined) this.guards.set(guard.guardId, (this.guards.get(guard.guardId) ?? 0) + guard.delta);
    entry.effects.postings.forEach((posting, index) => {
      const { ledger, amountMinor, currency } = posting;
      this.postings += copyRow([entry.id, index + 1, ledger, amountMinor, currency, entry.accountId, entry.kind, isoTime(entry.decidedAtMs)]);
    });
    switch (entry.kind) {
      case 'transaction':
        this.transactions += this.#transactionRow(entry);
        if (entry.hold !== undefined) this.#addHold(entry, entry.hold);
        this.#addCardOf(entry);
        break;
      case 'expiry':
        this.#addHold(entry, entry.hold);
        break;
      case 'opened':
        this.opened.push(entry);
        break;
      case 'card':
        this.#addCard(entry, entry.index, entry.card, entry);
        // The card that it replaces.
        this.#addCardOf(entry);
        break;
      case 'loaded':
      case 'closed':
      case 'transfer':
      case 'guard':
        break;
      default:
        unreachable(entry);
    }
    return true;
  }

  #addToAccount(entry: JournalEntry): boolean {
    const { ledgerMinor, heldMinor, openHolds } = entry.effects;
    const account = this.accounts.get(entry.accountId);
    if (account === undefined) {
      this.accounts.set(entry.accountId, {
        accountId: entry.accountId,
        firstSequence: entry.sequence,
        lastSequence: entry.sequence,
        ledgerMinor,
        heldMinor,
        openHolds,
        changedAtMs: entry.decidedAtMs,
        closedAtMs: entry.kind === 'closed' ? entry.decidedAtMs : undefined,
      });
      return true;
    }
    if (entry.sequence !== account.lastSequence + 1) return false;
    account.lastSequence = entry.sequence;
    account.ledgerMinor += ledgerMinor;
    account.heldMinor += heldMinor;
    account.openHolds += openHolds;
    account.changedAtMs = entry.decidedAtMs;
    if (entry.kind === 'closed') account.closedAtMs = entry.decidedAtMs;
    return true;
  }

  #addHold(entry: JournalEntry, change: HoldChange): void {
    const closedAtMs = change.state === 'open' ? undefined : entry.decidedAtMs;
    const hold = this.holds.get(change.id);
    if (hold === undefined) {
      this.holds.set(change.id, {
        accountId: entry.accountId,
        openedMinor: change.heldMinor,
        openedAtMs: entry.decidedAtMs,
        change,
        changedBy: entry.id,
        closedAtMs,
      });
      return;
    }
    hold.change = change;
    hold.changedBy = entry.id;
    hold.closedAtMs = closedAtMs;
  }

  /** What else became of a card: a wrong PIN too many locks it, another card replaces it. */
  #addCardOf(entry: TransactionEntry | CardEntry): void {
    const { card } = entry.effects;
    if (card?.record !== undefined) this.#addCard(entry, card.index, card.record, undefined);
  }

  #addCard({ accountId, decidedAtMs }: JournalEntry, index: number, card: CardState['card'], pan: Pick<CardEntry, 'encryptedPan' | 'maskedPan'> | undefined): void {
    const id = `${accountId}/${index}`;
    const before = this.cards.get(id);
    this.cards.set(id, {
      accountId,
      index,
      card,
      addedAtMs: before?.addedAtMs ?? decidedAtMs,
      changedAtMs: decidedAtMs,
      encryptedPan: pan?.encryptedPan ?? before?.encryptedPan,
      maskedPan: pan?.maskedPan ?? before?.maskedPan,
    });
  }

  #transactionRow(entry: TransactionEntry): string {
    const known = entry.accountId !== '';
    return copyRow([
      entry.id, known ? entry.accountId : null, known ? entry.sequence : null, isoTime(entry.receivedAtMs), isoTime(entry.decidedAtMs),
      this.#bookedAt, entry.transmittedAt, entry.localAt, entry.station, entry.version, entry.mti, entry.class, entry.function,
      entry.purpose, entry.processingCode, entry.acquirer, entry.terminal, entry.stan, entry.rrn, entry.decidedBy, entry.approved,
      entry.reason, reasons[entry.reason]?.name ?? '', entry.approvalCode, entry.amount?.amountMinor ?? null, entry.amount?.currency ?? null,
      entry.billing?.amountMinor ?? null, entry.billing?.currency ?? null, entry.effects.heldMinor, entry.effects.ledgerMinor,
      entry.cardToken, entry.maskedPan, entry.entryMode, entry.merchant.category, entry.merchant.id, entry.merchant.name,
      entry.originalId ?? null, entry.hold?.id ?? null, wireArray(entry.flags), checksJson(entry), standInReasonOf(entry),
    ]);
  }
}

/** Why stand-in decided, as its entries are flagged; null where it did not. */
function standInReasonOf({ decidedBy, flags }: TransactionEntry): string | null {
  if (decidedBy !== 'standin') return null;
  return flags.find((flag) => flag.startsWith(standInFlag))?.slice(standInFlag.length) ?? null;
}

const standInFlag = 'standin:';

/** JSON as `jsonb` takes it: it refuses the escapes of NUL and of half a surrogate pair, which a message may have carried. */
function checksJson(entry: TransactionEntry): string {
  const json = JSON.stringify(entry.checks);
  if (!/\\u(?:0000|d[89a-f])/.test(json)) return json;
  return JSON.stringify(entry.checks.map((check) => ({ ...check, value: storable(check.value).toWellFormed() })));
}

let lastTimeMs = -1;
let lastTime = '';

/** ISO 8601; many entries of a batch share a millisecond. */
function isoTime(ms: number): string {
  if (ms !== lastTimeMs) {
    assert(Number.isFinite(ms), 'an entry carries its times');
    lastTime = new Date(ms).toISOString();
    lastTimeMs = ms;
  }
  return lastTime;
}
