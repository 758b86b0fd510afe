/**
 * Purchases and locks of the same cards at once, by one switch and by two on one store: each purchase is decided on one side of the lock or
 * the other, and what a lock call acknowledged is followed by no approval that was decided later.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeEntry } from '../../src/account/journal.ts';
import type { JournalEntry } from '../../src/account/journal.ts';
import { replay } from '../../src/account/replay.ts';
import type { Ledger } from '../../src/issuer/ledger.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { startRedis } from '../servers/redis.ts';
import { accountIn, cardMessage, draw, nowMs, openAccount, openSwitch, reasonOf, submit, tokenOf } from './fixture.ts';

const partitions = 4;
const balanceMinor = 1_000_000;

interface Opened {
  readonly stores: readonly Store[];
  close(): Promise<void>;
}

const engines: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => {
    const store = new MemoryStore({ partitions, now: () => nowMs });
    return await Promise.resolve({ stores: [store, store], close: () => store.close() });
  },
  SQLite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locum-locks-'));
    const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions, now: () => nowMs });
    const other = await SqliteStore.connect(store.port(), () => nowMs);
    return {
      stores: [store, other],
      close: async () => {
        await other.close();
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  Redis: async () => {
    const server = await startRedis();
    const options = { url: server.url, partitions, commandTimeoutMs: 10_000, replicasMin: 0 };
    const stores = [await RedisStore.open(options), await RedisStore.open(options)];
    return {
      stores,
      close: async () => {
        for (const store of stores) await store.close();
        await server.stop();
      },
    };
  },
};

/** Numbers below 1, the same on every run (a linear congruential generator). */
function drawing(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** All that the journal has, by account, in the order in which it was committed. */
async function journalOf(store: Store): Promise<Map<string, JournalEntry[]>> {
  const byAccount = new Map<string, JournalEntry[]>();
  for (const [partition, epoch] of (await store.epochs()).entries()) {
    let after: string | undefined;
    for (;;) {
      const page = await store.tail({ partition, epoch }, after, 500);
      if (page.length === 0) break;
      for (const { value } of page) {
        const entry = decodeEntry(value);
        byAccount.set(entry.accountId, [...(byAccount.get(entry.accountId) ?? []), entry]);
      }
      after = page.at(-1)?.sequence;
    }
  }
  return byAccount;
}

/** What the calls about one card were told. */
interface Told {
  /** Purchases that were sent after a lock was acknowledged, and answered before anybody unlocked: their answers. */
  readonly afterLock: string[];
  readonly answers: Map<string, string>;
}

/** One card's story: purchases all the while at every switch, and a lock, an unlock and a lock in between, each at any of them. */
async function play(ledgers: readonly Ledger[], accountId: string, random: () => number): Promise<Told> {
  const told: Told = { afterLock: [], answers: new Map() };
  const any = (): Ledger => ledgers[Math.floor(random() * ledgers.length)] as Ledger;
  let isLocked = false;
  /** Unlocks that were sent. */
  let unlocks = 0;
  const story = { isDone: false };
  const buyer = async (): Promise<void> => {
    while (!story.isDone) {
      const message = cardMessage(accountId, { class: 'financial', mti: '0200', amountMinor: 1 });
      const wasLocked = isLocked;
      const before = unlocks;
      const reason = reasonOf(await submit(any(), accountId, message));
      told.answers.set(message.id, reason);
      if (wasLocked && before === unlocks) told.afterLock.push(reason);
      await turns(Math.floor(random() * 3));
    }
  };
  const buyers = [buyer(), buyer(), buyer()];
  const base = { accountId, receivedAtMs: nowMs, cardToken: tokenOf(accountId) } as const;
  for (const step of ['lock', 'unlock', 'lock'] as const) {
    await turns(3 + Math.floor(random() * 12));
    if (step === 'unlock') {
      isLocked = false;
      unlocks += 1;
    }
    const outcome = await submit(any(), accountId, step === 'lock' ? { ...base, kind: 'cardLock', id: draw(), lockCode: 7, by: 'holder' } : { ...base, kind: 'cardUnlock', id: draw() });
    expect(reasonOf(outcome)).toBe('0000');
    if (step === 'lock') isLocked = true;
  }
  await turns(3 + Math.floor(random() * 12));
  story.isDone = true;
  await Promise.all(buyers);
  return told;
}

describe.each(Object.keys(engines))('on %s', (engine) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await engines[engine]!();
  });
  afterAll(() => opened.close());

  test.each([1, 2])('by %i switches: every purchase is on one side of the lock, and none is approved behind it', async (count) => {
    const ledgers = await Promise.all(opened.stores.slice(0, count).map(async (store) => await openSwitch({ store })));
    const random = drawing(20_261_122 + count);
    const cards = engine === 'memory' ? 120 : 60;
    const ids = Array.from({ length: cards }, (_, index) => accountIn(index % partitions, partitions, count * 1_000 + Math.floor(index / partitions)));
    await Promise.all(ids.map(async (id) => await openAccount(ledgers[0] as Ledger, id, balanceMinor)));
    const stories = await Promise.all(ids.map(async (id) => await play(ledgers, id, random)));
    const journal = await journalOf(opened.stores[0] as Store);
    let purchases = 0;
    const seen = { approved: 0, locked: 0 };
    for (const [index, id] of ids.entries()) {
      const { afterLock, answers } = stories[index] as Told;
      expect(new Set(afterLock)).toEqual(new Set(afterLock.length === 0 ? [] : ['1807']));
      const entries = journal.get(id) ?? [];
      let lockCode = 0;
      for (const entry of entries) {
        if (entry.kind === 'card') ({ lockCode } = entry.card);
        if (entry.kind !== 'transaction') continue;
        purchases += 1;
        // As it was decided, so it was told, on the side of the lock on which it stands.
        expect([entry.reason, answers.get(entry.id)]).toEqual(lockCode === 0 ? ['0000', '0000'] : ['1807', '1807']);
        seen[lockCode === 0 ? 'approved' : 'locked'] += 1;
      }
      expect(entries.filter(({ kind }) => kind === 'transaction')).toHaveLength(answers.size);
      const approved = [...answers.values()].filter((reason) => reason === '0000').length;
      expect(replay(entries).account).toMatchObject({ ledgerMinor: balanceMinor - approved, heldMinor: 0 });
    }
    expect(purchases).toBeGreaterThan(cards * 6);
    expect(Math.min(seen.approved, seen.locked)).toBeGreaterThan(cards);
    for (const ledger of ledgers) {
      await ledger.drained();
      ledger.close();
    }
  });
});
