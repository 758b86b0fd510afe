/** An auditor who believes only the journal. */
import { expect } from 'vitest';
import { availableMinor, decodeAccount, encodeAccount } from '../../src/account/account.ts';
import { decodeEntry, type JournalEntry, type TransactionEntry } from '../../src/account/journal.ts';
import { decodeRecord } from '../../src/account/record.ts';
import { replay } from '../../src/account/replay.ts';
import { guardsOf } from '../../src/issuer/guard-room.ts';
import type { PartitionEpoch, Store } from '../../src/store/store.ts';

export interface Audit {
  readonly entries: readonly JournalEntry[];
  /** By account. */
  readonly availableMinor: ReadonlyMap<string, number>;
  readonly openHolds: ReadonlyMap<string, number>;
}

/** Reads the whole journal and compares everything with it. */
export async function audit(store: Store): Promise<Audit> {
  const entries: JournalEntry[] = [];
  const available = new Map<string, number>();
  const openHolds = new Map<string, number>();
  for (const [partition, epoch] of (await store.epochs()).entries()) {
    const at = { partition, epoch };
    const own = (await store.tail(at, undefined, 10_000_000)).map(({ value }) => decodeEntry(value));
    entries.push(...own);
    for (const [accountId, of] of Map.groupBy(own, (entry) => entry.accountId)) {
      if (accountId === '') continue;
      const { account, records } = replay(of);
      const [head] = await store.heads(at, [accountId]);
      expect(account === undefined ? undefined : { version: account.version, value: encodeAccount(account) }).toEqual(head);
      const ids = [...records.keys()];
      expect(await store.records(at, ids)).toEqual([...records.values()]);
      const held = sumOfOpenHolds(records);
      const { ledgerMinor } = decodeAccount(accountId, head?.value ?? '');
      available.set(accountId, ledgerMinor - held.heldMinor);
      openHolds.set(accountId, held.openHolds);
      expect(account === undefined ? undefined : availableMinor(account)).toBe(ledgerMinor - held.heldMinor);
      expect(account?.openHolds).toBe(held.openHolds);
    }
    await expectGuards(store, at, own);
  }
  const ids = entries.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  return { entries, availableMinor: available, openHolds };
}

function sumOfOpenHolds(records: ReadonlyMap<string, string>): { heldMinor: number; openHolds: number } {
  let heldMinor = 0;
  let openHolds = 0;
  for (const [id, value] of records) {
    if (/[#!?$]/.test(id)) continue;
    for (const leg of decodeRecord(id, value).legs) {
      if (leg.state !== 'open') continue;
      heldMinor += leg.nowMinor;
      openHolds += 1;
    }
  }
  return { heldMinor, openHolds };
}

async function expectGuards(store: Store, at: PartitionEpoch, entries: readonly JournalEntry[]): Promise<void> {
  const sums = guardsOf(entries);
  const ids = [...sums.keys()];
  expect((await store.guards(at, ids)).map((value) => value ?? 0)).toEqual([...sums.values()]);
}

/** The journal's entries about card messages, by the id of the message. */
export function transactionsOf({ entries }: Audit): Map<string, TransactionEntry> {
  return new Map(entries.filter((entry) => entry.kind === 'transaction').map((entry) => [entry.id, entry]));
}
