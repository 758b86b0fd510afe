import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/issuer/ledger.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { startRedis } from '../servers/redis.ts';
import { audit, transactionsOf } from '../issuer/audit.ts';
import { accountIn, cardMessage, openAccount, openSwitch, reasonOf, repeatOf, responseOf, silent, submit, until } from '../issuer/fixture.ts';

const partitions = 4;

interface Answered {
  readonly message: CardMessage;
  readonly account: string;
  readonly reason: string;
  readonly approvalCode: string;
}

/** Sends purchases of several senders until `isOver`, each the next when it has an outcome; what has no answer is repeated as it would be. */
async function load(ledgers: readonly Ledger[], accounts: readonly string[], isOver: () => boolean, answered: Answered[]): Promise<void> {
  await Promise.all(Array.from({ length: 32 }, async (_, sender) => {
    for (let sent = 0; !isOver(); sent += 1) {
      const account = accounts[(sender + sent) % accounts.length] as string;
      const message = cardMessage(account, { amountMinor: 1 });
      for (let attempt = 0; ; attempt += 1) {
        const ledger = ledgers[(sender + attempt) % ledgers.length] as Ledger;
        const outcome = await submit(ledger, account, attempt === 0 ? message : repeatOf(message), 400);
        const response = responseOf(outcome);
        if (response !== undefined) {
          const { reason, approvalCode } = response;
          answered.push({ message, account, reason, approvalCode });
          break;
        }
        await until(() => ledger.storeAnswers, 'the store answers again');
      }
    }
  }));
}

describe('the decide loop on a Redis that is killed', () => {
  it('has every approval that was answered in the journal, none twice, and goes on by itself', async () => {
    const server = await startRedis();
    const options = { url: server.url, partitions, commandTimeoutMs: 2_000, replicasMin: 0 };
    const stores = [await RedisStore.open(options), await RedisStore.open(options)];
    try {
      const troubles: string[] = [];
      const events = { ...silent, trouble: (kind: string) => void troubles.push(kind) };
      const ledgers = await Promise.all(stores.map((store) => openSwitch({ store, events })));
      const accounts = Array.from({ length: 12 }, (_, index) => accountIn(index % partitions, partitions, index));
      for (const account of accounts) await openAccount(ledgers[0] as Ledger, account, 1_000_000);
      const answered: Answered[] = [];
      let isOver = false;
      const loading = load(ledgers, accounts, () => isOver, answered);
      for (let kill = 1; kill <= 3; kill += 1) {
        const before = answered.length;
        await until(() => answered.length > before + 300, 'purchases are answered');
        await server.kill();
        await server.restart();
      }
      const before = answered.length;
      await until(() => answered.length > before + 300, 'purchases are answered after the last restart');
      isOver = true;
      await loading;
      for (const ledger of ledgers) await ledger.drained();
      const audited = await audit(stores[0] as RedisStore);
      const traces = Map.groupBy(transactionsOf(audited).values(), ({ accountId, stan }) => `${accountId} ${stan}`);
      for (const { message, account, reason, approvalCode } of answered) {
        const entries = traces.get(`${account} ${message.trace.stan}`);
        expect(entries?.map((entry) => [entry.reason, entry.approvalCode])).toEqual([[reason, approvalCode]]);
        expect(reason).toBe('0000');
      }
      // What was on its way at a kill is what this is about.
      expect(troubles.filter((kind) => kind === 'unknown').length).toBeGreaterThanOrEqual(3);
      // Everything that was sent was answered in the end, so nothing else is in the journal.
      expect(traces.size).toBe(answered.length);
    } finally {
      for (const store of stores) await store.close();
      await server.stop();
    }
  });

  it('answers within its deadline while Redis hangs, and turns the rest away at once', async () => {
    const server = await startRedis();
    const store = await RedisStore.open({ url: server.url, partitions, commandTimeoutMs: 4_000, replicasMin: 0 });
    try {
      const ledger = await openSwitch({ store });
      const account = accountIn(0, partitions);
      await openAccount(ledger, account, 1_000);
      server.pause();
      expect(reasonOf(await submit(ledger, account, cardMessage(account), 300))).toBe('unresolved');
      // Before anybody has given the command up.
      expect(ledger.storeAnswers).toBe(true);
      await until(() => !ledger.storeAnswers, 'the store is known to be away');
      expect(await submit(ledger, account, cardMessage(account), 300)).toEqual({ kind: 'unavailable', cause: 'store' });
      server.resume();
      await until(() => ledger.storeAnswers, 'the store answers again');
      expect(reasonOf(await submit(ledger, account, cardMessage(account)))).toBe('0000');
      await audit(store);
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
