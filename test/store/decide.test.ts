import { describe, expect, it } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { decodeAccount, encodeAccount } from '../../src/account/account.ts';
import { decideNow, type Ledger } from '../../src/issuer/ledger.ts';
import type { CardMessage } from '../../src/message/message.ts';
import { Decider, type Domain } from '../../src/store/decide.ts';
import { LaneCache } from '../../src/store/lane-cache.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { CommitItem, CommitResult, PartitionEpoch, Store } from '../../src/store/store.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { audit, transactionsOf } from '../issuer/audit.ts';
import {
  accountIn, cardMessage, nowMs, openAccount, openSwitch, reasonOf, repeatOf, reversalOf, silent, submit, tokenOf, until,
} from '../issuer/fixture.ts';

const partitions = 2;
const accountId = accountIn(0, partitions);

function memoryStore(): MemoryStore {
  return new MemoryStore({ partitions, now: () => nowMs });
}

/** A store whose commits wait on their way there while it is shut. */
class GatedStore extends FaultyStore {
  /** Commit calls that wait. */
  held = 0;
  #shut: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  shut(): void {
    this.#shut = Promise.withResolvers();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }

  override async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    this.held += 1;
    await this.#shut?.promise;
    this.held -= 1;
    return await super.commit(at, items);
  }
}

async function submitAll(ledger: Ledger, messages: readonly CardMessage[], timeoutMs?: number): Promise<string[]> {
  return (await Promise.all(messages.map((message) => submit(ledger, accountId, message, timeoutMs)))).map(reasonOf);
}

describe('the decide loop', () => {
  it('applies the messages of one account in their order, through a conflict with another switch', async () => {
    const store = memoryStore();
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store })];
    await openAccount(ledger, accountId, 1_000);
    expect(await submitAll(ledger, [cardMessage(accountId, { amountMinor: 100 })])).toEqual(['0000']);
    expect(await submitAll(other, [cardMessage(accountId, { amountMinor: 100 })])).toEqual(['0000']);
    const amounts = [600, 500, 100, 150, 100];
    expect(await submitAll(ledger, amounts.map((amountMinor) => cardMessage(accountId, { amountMinor })))).toEqual(['0000', '1016', '0000', '1016', '0000']);
    await audit(store);
  });

  it('answers a repeat of what is in flight with the answer to that, and moves money once', async () => {
    const store = new GatedStore(memoryStore(), undefined);
    const ledger = await openSwitch({ store });
    await openAccount(ledger, accountId, 1_000);
    store.shut();
    const purchase = cardMessage(accountId);
    const first = submit(ledger, accountId, purchase);
    await until(() => store.held === 1, 'the purchase is on its way');
    const repeats = [submit(ledger, accountId, repeatOf(purchase)), submit(ledger, accountId, { ...purchase, id: repeatOf(purchase).id })];
    store.open();
    const [answer, ...others] = await Promise.all([first, ...repeats]);
    for (const other of others) expect(other).toEqual({ ...answer, answer: { ...(answer?.kind === 'decided' ? answer.answer : {}), note: 'repeat' } });
    expect((await audit(store)).availableMinor.get(accountId)).toBe(900);
  });

  it('gives up at its deadline what has not been sent, and calls unresolved what has; neither happens later', async () => {
    const real = memoryStore();
    const store = new GatedStore(real, undefined);
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store: real })];
    await openAccount(ledger, accountId, 1_000);
    store.shut();
    const sent = cardMessage(accountId);
    const waits = cardMessage(accountId);
    const outcomes = [submit(ledger, accountId, sent, 150)];
    await until(() => store.held === 1, 'the first is on its way');
    outcomes.push(submit(ledger, accountId, waits, 150));
    expect(await Promise.all(outcomes)).toEqual([{ kind: 'unresolved' }, { kind: 'unavailable', cause: 'deadline' }]);
    // The head is another when the first arrives.
    expect(await submitAll(other, [cardMessage(accountId)])).toEqual(['0000']);
    store.open();
    expect(await submitAll(ledger, [cardMessage(accountId)])).toEqual(['0000']);
    const decided = transactionsOf(await audit(real));
    expect([decided.has(sent.id), decided.has(waits.id), decided.size]).toEqual([false, false, 2]);
  });

  it('turns away what is new while the store is away, and lets only what may have happened and its repeats wait', async () => {
    const real = memoryStore();
    const first = await openSwitch({ store: real });
    await openAccount(first, accountId, 1_000);
    const store = new FaultyStore(real, { nth: 1, kind: 'after', persistent: true, on: 'commits' });
    const events: string[] = [];
    const ledger = await openSwitch({ store, events: { ...silent, trouble: (kind) => events.push(kind), recovered: () => events.push('recovered') } });
    const purchase = cardMessage(accountId);
    const doubtful = submit(ledger, accountId, purchase);
    await until(() => !ledger.storeAnswers, 'the store is known to be away');
    const repeat = submit(ledger, accountId, repeatOf(purchase));
    expect(await submit(ledger, accountId, cardMessage(accountId))).toEqual({ kind: 'unavailable', cause: 'store' });
    expect(await submit(ledger, accountId, reversalOf(purchase))).toEqual({ kind: 'unavailable', cause: 'store' });
    const load = decideNow(ledger, accountId, { kind: 'load', id: 'more', accountId, receivedAtMs: nowMs, amountMinor: 5 });
    store.heal();
    expect([await doubtful, await repeat].map(reasonOf)).toEqual(['0000', '0000']);
    expect(reasonOf(await load)).toBe('0000');
    await ledger.drained();
    expect(ledger.storeAnswers).toBe(true);
    expect([events[0], events.at(-1)]).toEqual(['unknown', 'recovered']);
    expect((await audit(real)).availableMinor.get(accountId)).toBe(905);
  });

  it('goes on with what waited for a commit that failed, whichever account it is for', async () => {
    const real = memoryStore();
    const accounts = [accountId, accountIn(0, partitions, 1), accountIn(0, partitions, 2)];
    const ledger = await openSwitch({ store: real });
    for (const id of accounts) await openAccount(ledger, id, 1_000);
    const store = new GatedStore(real, { nth: 1, kind: 'before', persistent: false, on: 'commits' });
    const behind = await openSwitch({ store });
    store.shut();
    const failing = submit(behind, accountId, cardMessage(accountId));
    await until(() => store.held === 1, 'the first is on its way');
    const waiting = accounts.slice(1).map((id) => decideNow(behind, id, { kind: 'load', id: `more-${id}`, accountId: id, receivedAtMs: nowMs, amountMinor: 5 }));
    store.open();
    expect(await failing).toEqual({ kind: 'unavailable', cause: 'store' });
    expect((await Promise.all(waiting)).map(reasonOf)).toEqual(['0000', '0000']);
    await behind.drained();
  });

  it('keeps a message that is submitted from within an outcome', async () => {
    const real = memoryStore();
    await openAccount(await openSwitch({ store: real }), accountId, 1_000);
    const store = new FaultyStore(real, { nth: 1, kind: 'before', persistent: false, on: 'commits' });
    const ledger = await openSwitch({ store });
    const { promise, resolve } = Promise.withResolvers<string>();
    ledger.submit(accountId, '', cardMessage(accountId), performance.now() + 10_000, () => {
      ledger.submit(accountId, '', { kind: 'load', id: 'within', accountId, receivedAtMs: nowMs, amountMinor: 5 }, Infinity, (outcome) => resolve(reasonOf(outcome)));
    });
    expect(await promise).toBe('0000');
  });

  it('leaves the other messages of a commit alone where one is for a card that the account does not have', async () => {
    const store = memoryStore();
    const ledger = await openSwitch({ store });
    await openAccount(ledger, accountId, 1_000);
    const strange = cardMessage(accountId);
    const reasons = await submitAll(ledger, [
      cardMessage(accountId), { ...strange, card: { ...strange.card, token: 'nobody’s' } }, cardMessage(accountId, { amountMinor: 850 }), cardMessage(accountId),
    ]);
    expect(reasons).toEqual(['0000', '1018', '0000', '1016']);
    expect((await audit(store)).availableMinor.get(accountId)).toBe(50);
  });

  it('knows at once an account that another switch opened and a card that it added', async () => {
    const store = memoryStore();
    const [ledger, other] = [await openSwitch({ store }), await openSwitch({ store })];
    expect(await submitAll(ledger, [cardMessage(accountId)])).toEqual(['1018']);
    await openAccount(other, accountId, 1_000);
    expect(await submitAll(ledger, [cardMessage(accountId)])).toEqual(['0000']);
    const second = cardMessage(accountId);
    const another = { ...second, card: { ...second.card, token: 'second' } };
    expect(await submitAll(ledger, [{ ...another, id: 'before' }])).toEqual(['1018']);
    await decideNow(other, accountId, {
      kind: 'cardChange', id: 'second card', accountId, receivedAtMs: nowMs, encryptedPan: undefined, maskedPan: undefined,
      card: {
        token: 'second', state: 'active', lockCode: 0, expiry: '9912', serviceCode: '201', cvv2Generation: 0, pinVersion: 1,
        pin: { method: 'pvv', keyIndex: 1, value: '4201' },
      },
    });
    expect(await submitAll(ledger, [another])).toEqual(['0000']);
    await decideNow(other, accountId, { kind: 'load', id: 'out', accountId, receivedAtMs: nowMs, amountMinor: -800 });
    await decideNow(other, accountId, { kind: 'load', id: 'in', accountId, receivedAtMs: nowMs, amountMinor: 500 });
    expect(reasonOf(await decideNow(ledger, accountId, { kind: 'load', id: 'all', accountId, receivedAtMs: nowMs, amountMinor: -500 }))).toBe('0000');
  });

  it('writes the decline of an unknown card once, or says that it does not know', async () => {
    for (const kind of ['before', 'after', 'lost'] as const) {
      const real = memoryStore();
      const ledger = await openSwitch({ store: new FaultyStore(real, { nth: 1, kind, persistent: false, on: 'commits' }) });
      const message = cardMessage(accountId);
      const { promise, resolve } = Promise.withResolvers<string>();
      ledger.submit(undefined, 'a token', message, performance.now() + 5_000, (outcome) => resolve(reasonOf(outcome)));
      expect(await promise).toBe(kind === 'before' ? 'unavailable' : 'unresolved');
      expect((await audit(real)).entries).toHaveLength(kind === 'after' ? 1 : 0);
    }
  });

  it('answers thousands of messages that wait for one account, each once and in order', async () => {
    const store = memoryStore();
    const ledger = await openSwitch({ store });
    await openAccount(ledger, accountId, 5_000);
    const messages = Array.from({ length: 8_000 }, () => cardMessage(accountId, { amountMinor: 1 }));
    const order: string[] = [];
    await Promise.all(messages.map(async (message) => {
      const reason = reasonOf(await submit(ledger, accountId, message));
      order.push(`${message.id} ${reason}`);
    }));
    expect(order).toEqual(messages.map(({ id }, index) => `${id} ${index < 5_000 ? '0000' : '1016'}`));
    expect(ledger.waiting).toBe(0);
  });

  it('refuses one message more than it may hold, except those that must be decided', async () => {
    const store = new GatedStore(memoryStore(), undefined);
    const ledger = await openSwitch({ store, messagesMax: 3 });
    await openAccount(ledger, accountId, 1_000);
    store.shut();
    const outcomes = [1, 2, 3, 4].map(() => submit(ledger, accountId, cardMessage(accountId)));
    const load = decideNow(ledger, accountId, { kind: 'load', id: 'more', accountId, receivedAtMs: nowMs, amountMinor: 5 });
    store.open();
    expect(await outcomes[3]).toEqual({ kind: 'unavailable', cause: 'overload' });
    expect((await Promise.all([...outcomes.slice(0, 3), load])).map(reasonOf)).toEqual(['0000', '0000', '0000', '0000']);
  });

  it('believes nothing of an epoch that is over', async () => {
    const store = memoryStore();
    const ledger = await openSwitch({ store });
    await openAccount(ledger, accountId, 1_000);
    await submitAll(ledger, [cardMessage(accountId)]);
    const old = { partition: 0, epoch: 1 };
    const [head] = await store.heads(old, [accountId]);
    // The new epoch has the account at the same version, with another past.
    const brought = { ...decodeAccount(accountId, head?.value ?? ''), ledgerMinor: 300 };
    const epoch = await store.closeEpoch(old);
    const item = { head: { accountId, expectedVersion: 0, version: brought.version, value: encodeAccount(brought) }, puts: [], deletes: [], once: [], entries: [], guards: [] };
    expect(await store.commit({ partition: 0, epoch }, [item])).toEqual([{ kind: 'committed' }]);
    // Another account's message meets the end of the epoch; this one's would be taken in the new one, were the old head believed.
    const another = accountIn(0, partitions, 1);
    expect(reasonOf(await submit(ledger, another, cardMessage(another)))).toBe('1018');
    expect(await submitAll(ledger, [cardMessage(accountId, { amountMinor: 201 }), cardMessage(accountId, { amountMinor: 200 })])).toEqual(['1016', '0000']);
  });

  it('decides rightly with hardly any memory of accounts', async () => {
    const store = memoryStore();
    const ledger = await openSwitch({ store, accountsCachedMax: 3, recordsCachedMax: 4 });
    const accounts = Array.from({ length: 12 }, (_, index) => accountIn(index % partitions, partitions, index));
    for (const id of accounts) await openAccount(ledger, id, 250);
    const purchases = accounts.flatMap((id) => [1, 2, 3].map(() => [id, cardMessage(id)] as const));
    const outcomes = await Promise.all(purchases.map(async ([id, message]) => reasonOf(await submit(ledger, id, message))));
    expect(outcomes).toEqual(accounts.flatMap(() => ['0000', '0000', '1016']));
    const again = await Promise.all(purchases.map(async ([id, message]) => reasonOf(await submit(ledger, id, repeatOf(message)))));
    expect(again).toEqual(outcomes);
    await audit(store);
  });

  it('stops where an invariant of ours is broken, instead of an answer', async () => {
    const broken: Domain<string, { readonly version: number }, string> = {
      decode: () => ({ version: 1 }),
      encode: () => '',
      repeats: () => false,
      apply() {
        throw new AssertionError('broken');
      },
    };
    const turns: (() => void)[] = [];
    const store: Store = memoryStore();
    const decider = await Decider.open(broken, {
      store, now: () => nowMs, elapsed: () => 0, atTurnEnd: (work) => turns.push(work), after: () => undefined, events: silent,
    });
    decider.submit(undefined, '', 'message', Infinity, () => expect.unreachable('it is not answered'));
    expect(() => turns.shift()?.()).toThrow(AssertionError);
  });
});

describe('the cache of accounts', () => {
  it('holds no more accounts and records than it may, and none of what is forgotten', () => {
    const cache = new LaneCache<string, { readonly version: number }, string>({ accountsMax: 20, recordsMax: 1_500 });
    for (let index = 0; index < 500; index += 1) {
      const lane = cache.lane(`a${index}`);
      cache.learnHead(lane, { version: 1 }, { tick: 1, atMs: 1 });
      for (let record = 0; record < 1_100; record += 1) cache.learnRecords(lane, new Map([[`${index} ${record}`, 'value']]));
      expect(lane.records.size).toBeLessThanOrEqual(1_025);
      expect(cache.size).toBeLessThanOrEqual(20);
      expect(cache.records).toBeLessThanOrEqual(1_500);
    }
    cache.forgetAll(() => true);
    expect(cache.records).toBe(0);
  });

  it('forgets the records with the head that they belong to', () => {
    const cache = new LaneCache<string, { readonly version: number }, string>({ accountsMax: 20, recordsMax: 1_500 });
    const lane = cache.lane(tokenOf(accountId));
    cache.learnHead(lane, { version: 1 }, { tick: 1, atMs: 1 });
    cache.learnRecords(lane, new Map([['r', 'value']]));
    cache.learnHead(lane, { version: 1 }, { tick: 2, atMs: 2 });
    expect(lane.records.get('r')).toBe('value');
    cache.learnHead(lane, { version: 2 }, { tick: 3, atMs: 3 });
    expect(lane.records.size).toBe(0);
  });
});
