/**
 * The own issuer: `account.apply` run by the store's loop. It fits the pure decision to the store's items, gives the partner's
 * guard its floor, finds room in it on other partitions, and lets due holds run out.
 */
import { encodeAccount, decodeAccount } from '../account/account.ts';
import type { Account } from '../account/account.ts';
import { apply } from '../account/apply.ts';
import type { AccountMessage } from '../account/apply.ts';
import { encodeEntry } from '../account/journal.ts';
import { accountOfRecord, legsMax } from '../account/record.ts';
import type { CardReferences, Response } from '../message/message.ts';
import { Decider } from '../store/decide.ts';
import type { Applied, DecideOptions, Domain, Outcome } from '../store/decide.ts';
import type { RecordPut, Store } from '../store/store.ts';
import { isTransfer } from './guard-transfer.ts';
import { tokenOfRecord } from './stand-in-record.ts';

export type LedgerAnswer =
  /** What the account says, and whether it said it before. */
  | { readonly kind: 'answer'; readonly response: Response; readonly note: 'repeat' | 'duplicate' | undefined }
  /** Nothing has happened: the message has to be checked against these, and to be submitted again under the same id. */
  | { readonly kind: 'verify'; readonly references: CardReferences };

export type Ledger = Decider<AccountMessage, Account, LedgerAnswer>;

/** A guard is the room that is left: it never falls below nothing, except by what has happened already. */
const guardFloorMinor = 0;
const noFloor = -Number.MAX_SAFE_INTEGER;

const domain: Domain<AccountMessage, Account, LedgerAnswer> = {
  decode: decodeAccount,
  encode: encodeAccount,
  apply(account, records, message, facts): Applied<Account, LedgerAnswer> {
    const decision = apply(account, records, message, facts);
    if (decision.kind === 'read') return decision;
    if (decision.kind === 'verify') return { kind: 'decided', answer: decision, change: undefined };
    const answer: LedgerAnswer = { kind: 'answer', response: decision.response, note: decision.note };
    const { change } = decision;
    if (change === undefined) return { kind: 'decided', answer, change: undefined };
    const puts: RecordPut[] = [];
    const deletes: string[] = [];
    for (const { id, value, keepUntilMs, dueAtMs } of change.entry.records) {
      if (value === undefined) deletes.push(id);
      else puts.push({ id, value, keepUntilMs, dueAtMs });
    }
    const { guard } = change.entry.effects;
    return {
      kind: 'decided', answer,
      change: {
        account: change.account, entry: encodeEntry(change.entry), puts, deletes, once: change.once,
        guard: guard === undefined ? undefined : { ...guard, floor: change.guardMayRefuse ? guardFloorMinor : noFloor },
      },
    };
  },
  repeats(message, earlier) {
    if (message.kind !== 'card' || earlier.kind !== 'card') return message.kind === earlier.kind && message.id === earlier.id;
    const { trace } = message;
    const before = earlier.trace;
    return message.card.token === earlier.card.token && trace.stan === before.stan && trace.transmittedAt === before.transmittedAt &&
      trace.class === before.class && trace.function === before.function && trace.terminal === before.terminal &&
      trace.acquirer === before.acquirer && trace.station === before.station;
  },
};

/** Opens the own issuer on a store. */
export function openLedger(options: DecideOptions): Promise<Ledger> {
  return Decider.open(domain, options);
}

/** Decides a message whose account is known, whenever that can be: for lifecycle calls and expiry. */
export function decideNow(ledger: Ledger, accountId: string, message: AccountMessage): Promise<Outcome<LedgerAnswer>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<LedgerAnswer>>();
  ledger.submit(accountId, '', message, Infinity, resolve);
  return promise;
}

export interface ExpiryOptions {
  readonly store: Store;
  readonly ledger: Ledger;
  /** Unix ms. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly recordDays: number;
  /** Goes on with transfers between partitions that are due; without it they stay due. */
  readonly transfers?: { resume(partition: number, id: string): Promise<void> };
  /** Lets go of what a record of a remote issuer's card holds of a partner's deposit; without it that stays due. */
  readonly lapse?: (token: string, recordId: string) => Promise<void>;
}

const duePageMax = 500;

/** Each attempt takes one leg of the record off; a record that is due after so many has something else. */
const attemptsMax = legsMax + 1;

/**
 * Lets every hold run out whose time has come when it is called, and finishes transfers. Several switches may do so at once: a
 * hold expires once. A record that stays due whatever is done is left for the next call.
 * @returns how many records were due
 * @throws StoreUnavailable, and what the store throws to transfers
 */
export async function expireDue(options: ExpiryOptions): Promise<number> {
  const { store, now } = options;
  const nowMs = now();
  let count = 0;
  for (const [partition, epoch] of (await store.epochs()).entries()) {
    const left = new Set<string>();
    let attempts = new Map<string, number>();
    for (;;) {
      // What is left is at the front of every page.
      const due = (await store.due({ partition, epoch }, nowMs, duePageMax + left.size)).filter(({ id }) => !left.has(id));
      if (due.length === 0) break;
      await Promise.all(due.map(({ id }) => expireRecord(options, partition, id, nowMs)));
      const before = attempts;
      attempts = new Map();
      for (const { id } of due) {
        const made = (before.get(id) ?? 0) + 1;
        if (made === 1) count += 1;
        if (made < attemptsMax) attempts.set(id, made);
        else left.add(id);
      }
    }
  }
  return count;
}

async function expireRecord({ ledger, newId, recordDays, transfers, lapse }: ExpiryOptions, partition: number, id: string, nowMs: number): Promise<void> {
  if (isTransfer(id)) {
    await transfers?.resume(partition, id);
    return;
  }
  const token = tokenOfRecord(id);
  if (token !== undefined) {
    await lapse?.(token, id);
    return;
  }
  const accountId = accountOfRecord(id);
  await decideNow(ledger, accountId, { kind: 'expire', id: newId(), accountId, recordId: id, nowMs, recordDays });
}
