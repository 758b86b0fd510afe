/** Several switches on one store and few accounts, in whatever order they come. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/issuer/ledger.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { startRedis } from '../servers/redis.ts';
import { audit, transactionsOf, type Audit } from '../issuer/audit.ts';
import {
  accountIn, cardMessage, nowMs, openAccount, openSwitch, reasonOf, responseOf, repeatOf, reversalOf, submit,
} from '../issuer/fixture.ts';

const partitions = 2;
const switchesMax = 3;
const loadedMinor = 1_000;

interface Engine {
  /** An empty store, as each of the switches has it. */
  readonly stores: readonly [Store, ...Store[]];
  close(): Promise<void>;
}

const engines: Readonly<Record<string, { readonly numRuns: number; readonly open: () => Promise<Engine> }>> = {
  memory: {
    numRuns: 150,
    open: async () => {
      const store = new MemoryStore({ partitions, now: () => nowMs });
      return { stores: [store, store, store], close: () => store.close() };
    },
  },
  SQLite: {
    numRuns: 15,
    open: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'locum-race-'));
      const store = await SqliteStore.open({ file: join(folder, 'store.db'), partitions, now: () => nowMs });
      const others = [await SqliteStore.connect(store.port(), () => nowMs), await SqliteStore.connect(store.port(), () => nowMs)];
      return {
        stores: [store, ...others],
        async close() {
          for (const other of others) await other.close();
          await store.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  },
  Redis: {
    numRuns: 15,
    open: async () => {
      const server = await startRedis({ appendonly: 'no' });
      const open = (): Promise<RedisStore> => RedisStore.open({ url: server.url, partitions, commandTimeoutMs: 5_000, replicasMin: 0 });
      const stores = [await open(), await open(), await open()] as const;
      return {
        stores,
        async close() {
          for (const store of stores) await store.close();
          await server.stop();
        },
      };
    },
  },
};

/** What one step sends, about an earlier purchase where it needs one. */
type Kind = 'purchase' | 'repeat' | 'twin' | 'reversal' | 'partial reversal' | 'reversal ahead' | 'increment' | 'completion';

interface Step {
  readonly kind: Kind;
  readonly account: number;
  readonly amountMinor: number;
  readonly about: number;
  /** Turns of the event loop before it. */
  readonly pause: number;
  /** Which switch; a twin goes to the next one as well, in the same turn. */
  readonly at: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Kind>(
    'purchase', 'purchase', 'purchase', 'repeat', 'twin', 'reversal', 'partial reversal', 'reversal ahead', 'increment', 'completion',
  ),
  account: fc.nat(2), amountMinor: fc.integer({ min: 1, max: 400 }), about: fc.nat(30), pause: fc.nat(4), at: fc.nat(switchesMax - 1),
});

interface Sent {
  readonly message: CardMessage;
  readonly account: string;
  readonly reason: string;
  readonly approvalCode: string;
}

async function send(ledger: Ledger, account: string, message: CardMessage): Promise<Sent> {
  const outcome = await submit(ledger, account, message);
  return { message, account, reason: reasonOf(outcome), approvalCode: responseOf(outcome)?.approvalCode ?? '' };
}

/** Adds to the authorization, or posts what it came to. */
function laterOf(purpose: 'increment' | 'completion', account: string, { trace }: CardMessage, amountMinor: number): CardMessage {
  const { class: of, stan, transmittedAt } = trace;
  return cardMessage(account, {
    purpose, amountMinor, original: { class: of, function: trace.function, stan, transmittedAt, localAt: '', acquirer: '' },
    ...(purpose === 'completion' ? { mti: '0200', class: 'financial' } : {}),
  });
}

async function play(ledgers: readonly Ledger[], accounts: readonly string[], steps: readonly Step[]): Promise<readonly Sent[]> {
  const sending: Promise<Sent>[] = [];
  const purchases: { readonly account: string; readonly message: CardMessage }[] = [];
  for (const { kind, account: index, amountMinor, about, pause, at } of steps) {
    for (let turn = 0; turn < pause; turn += 1) await new Promise(setImmediate);
    const ledger = ledgers[at % ledgers.length] as Ledger;
    const account = accounts[index] as string;
    const earlier = purchases[about % Math.max(1, purchases.length)];
    const fresh = cardMessage(account, { amountMinor });
    if (kind === 'repeat' && earlier !== undefined) sending.push(send(ledger, earlier.account, repeatOf(earlier.message)));
    else if (kind === 'reversal' && earlier !== undefined) sending.push(send(ledger, earlier.account, reversalOf(earlier.message)));
    else if (kind === 'partial reversal' && earlier !== undefined) {
      sending.push(send(ledger, earlier.account, reversalOf(earlier.message, { actualMinor: Math.floor((earlier.message.amount?.amountMinor ?? 0) / 2) })));
    } else if ((kind === 'increment' || kind === 'completion') && earlier !== undefined) {
      const later = laterOf(kind, earlier.account, earlier.message, amountMinor);
      purchases.push({ account: earlier.account, message: later });
      sending.push(send(ledger, earlier.account, later));
    }
    else {
      purchases.push({ account, message: fresh });
      if (kind === 'reversal ahead') sending.push(send(ledger, account, reversalOf(fresh)));
      sending.push(send(kind === 'reversal ahead' ? (ledgers[(at + 1) % ledgers.length] as Ledger) : ledger, account, fresh));
      if (kind === 'twin') sending.push(send(ledgers[(at + 1) % ledgers.length] as Ledger, account, { ...repeatOf(fresh), repeat: false }));
    }
  }
  return await Promise.all(sending);
}

function expectOneAnswer(sent: readonly Sent[], audited: Audit): void {
  const entries = transactionsOf(audited);
  for (const same of Map.groupBy(sent.filter(({ message }) => message.class !== 'reversal'), ({ message, account }) => `${account} ${message.trace.stan}`).values()) {
    expect(new Set(same.map(({ reason, approvalCode }) => `${reason} ${approvalCode}`)).size).toBe(1);
    // The journal has the one that was decided, and none of those that were answered from it.
    const decided = same.filter(({ message }) => entries.has(message.id));
    expect(decided).toHaveLength(1);
    expect(entries.get(decided[0]?.message.id ?? '')?.reason).toBe(same[0]?.reason);
  }
  for (const { message, reason } of sent) if (message.class === 'reversal') expect([entries.has(message.id), reason]).toEqual([true, '4000']);
}

describe('switches that share a store', () => {
  for (const [name, { numRuns, open }] of Object.entries(engines)) {
    it(`agree on every account and give one answer to each request, on ${name}`, async () => {
      const engine = await open();
      let run = 0;
      try {
        await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), fc.integer({ min: 2, max: switchesMax }), async (steps, switches) => {
          const { stores } = name === 'memory' ? await open() : engine;
          const ledgers = await Promise.all(stores.slice(0, switches).map((store) => openSwitch({ store })));
          run += 1;
          const accounts = [0, 0, 1].map((partition, index) => accountIn(partition, partitions, run * 3 + index));
          for (const account of accounts) await openAccount(ledgers[0] as Ledger, account, loadedMinor);
          const sent = await play(ledgers, accounts, steps);
          const audited = await audit(stores[0] as Store);
          expectOneAnswer(sent, audited);
          for (const account of accounts) expect(audited.availableMinor.get(account)).toBeGreaterThanOrEqual(0);
          for (const ledger of ledgers) expect(ledger.waiting).toBe(0);
        }), { numRuns });
      } finally {
        await engine.close();
      }
    });

    it(`decide the same request, sent to all at once a hundred times, once, on ${name}`, async () => {
      const engine = await open();
      try {
        const ledgers = await Promise.all(engine.stores.map((store) => openSwitch({ store })));
        const account = accountIn(0, partitions);
        await openAccount(ledgers[0] as Ledger, account, 10_000);
        const sent: Sent[] = [];
        for (let round = 0; round < 100; round += 1) {
          const purchase = cardMessage(account);
          sent.push(...await Promise.all(ledgers.map((ledger, index) => send(ledger, account, index === 0 ? purchase : { ...purchase, id: repeatOf(purchase).id }))));
        }
        const audited = await audit(engine.stores[0]);
        expectOneAnswer(sent, audited);
        expect(audited.availableMinor.get(account)).toBe(0);
      } finally {
        await engine.close();
      }
    });
  }
});
