/**
 * The own issuer: `account.apply` run by the store's loop. It fits the pure decision to the store's items, gives the partner's
 * guard its floor, finds room in it on other partitions, and lets due holds run out.
 */
import { encodeAccount, decodeAccount } from '../account/account.ts';
import type { Account } from '../account/account.ts';
import { apply } from '../account/apply.ts';
import type { AccountMessage } from '../account/apply.ts';
import { encodeEntry } from '../account/journal.ts';
import { accountOfRecord } from '../account/record.ts';
import type { Response } from '../message/message.ts';
import { Decider } from '../store/decide.ts';
import type { Applied, DecideOptions, Domain, Outcome } from '../store/decide.ts';
import type { RecordPut, Store } from '../store/store.ts';

/** What the account says, and whether it said it before. */
export interface LedgerAnswer {
  readonly response: Response;
  readonly note: 'repeat' | 'duplicate' | undefined;
}

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
    const answer: LedgerAnswer = { response: decision.response, note: decision.note };
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
}

const duePageMax = 500;

/** Lets every hold run out whose time has come. Several switches may do so at once: a hold expires once. @returns how many records were due */
export async function expireDue({ store, ledger, now, newId, recordDays }: ExpiryOptions): Promise<number> {
  let count = 0;
  const epochs = await store.epochs();
  for (const [partition, epoch] of epochs.entries()) {
    for (;;) {
      const nowMs = now();
      const due = await store.due({ partition, epoch }, nowMs, duePageMax);
      await Promise.all(due.map(({ id }) => {
        const accountId = accountOfRecord(id);
        return decideNow(ledger, accountId, { kind: 'expire', id: newId(), accountId, recordId: id, nowMs, recordDays });
      }));
      count += due.length;
      if (due.length < duePageMax) break;
    }
  }
  return count;
}
