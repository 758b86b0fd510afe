/**
 * Rebuilds an account and its records from its journal entries alone: for a partition that is brought forward from the book, and as
 * the proof that the journal tells everything.
 */
import { evolve } from './account.ts';
import type { Account } from './account.ts';
import type { JournalEntry } from './journal.ts';

export interface Replayed {
  readonly account: Account | undefined;
  /** Record values by id. */
  readonly records: ReadonlyMap<string, string>;
}

/** Entries of one account, in their order, from the first. */
export function replay(entries: Iterable<JournalEntry>): Replayed {
  let account: Account | undefined;
  const records = new Map<string, string>();
  for (const entry of entries) {
    account = evolve(account, entry);
    for (const { id, value } of entry.records) {
      if (value === undefined) records.delete(id);
      else records.set(id, value);
    }
  }
  return { account, records };
}
