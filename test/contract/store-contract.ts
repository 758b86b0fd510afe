/** Every sentence of `src/store/store.ts`, as tests that each engine passes. */
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  StoreFenced,
  type CommitItem,
  type CommitResult,
  type PartitionEpoch,
  type RecordPut,
  type Store,
} from '../../src/store/store.ts';
import { head, item } from './store-contract-items.ts';
import { NaiveStore } from './naive-store.ts';

export interface ContractEngine {
  /** An empty store with four partitions, by two clients that know nothing of each other. */
  readonly store: Store;
  readonly other: Store;
  close(): Promise<void>;
}

const committed: CommitResult = { kind: 'committed' };

function put(id: string, value: string, dueAtMs?: number): RecordPut {
  return { id, value, dueAtMs };
}

export function storeContract(name: string, open: () => Promise<ContractEngine>): void {
  describe(`the store contract on ${name}`, () => {
    let engine: ContractEngine;
    let store: Store;
    let other: Store;
    /** Each test has partition 2 to itself, under an epoch of its own. */
    let at: PartitionEpoch;

    beforeAll(async () => {
      engine = await open();
      ({ store, other } = engine);
      at = { partition: 2, epoch: (await store.epochs())[2] ?? 0 };
    });

    afterAll(async () => {
      await engine.close();
    });

    beforeEach(async () => {
      at = { partition: 2, epoch: await store.closeEpoch(at) };
    });

    const journal = async (): Promise<readonly string[]> => {
      return (await store.tail(at, undefined, 1_000_000)).map(({ value }) => value);
    };

    describe('heads', () => {
      it('a head that must not exist yet is written, and read back with its version', async () => {
        expect(await store.commit(at, [item({ head: head('a', 0, 'first') })])).toEqual([committed]);
        expect(await other.heads(at, ['b', 'a'])).toEqual([undefined, { version: 1, value: 'first' }]);
      });

      it('a version may jump', async () => {
        await store.commit(at, [item({ head: { accountId: 'a', expectedVersion: 0, version: 7, value: 'seventh' } })]);
        expect(await store.commit(at, [item({ head: head('a', 7, 'eighth') })])).toEqual([committed]);
        expect(await store.heads(at, ['a'])).toEqual([{ version: 8, value: 'eighth' }]);
      });

      it('a head at another version is a conflict that carries what is there, and stays as it is', async () => {
        await store.commit(at, [item({ head: head('a', 0, 'first') })]);
        const conflict = { kind: 'conflict', version: 1, value: 'first' };
        for (const expectedVersion of [0, 2, 10]) {
          expect(await store.commit(at, [item({ head: head('a', expectedVersion, 'wrong') })])).toEqual([conflict]);
        }
        expect(await store.heads(at, ['a'])).toEqual([{ version: 1, value: 'first' }]);
      });

      it('a version that begins with the same digits is another version', async () => {
        await store.commit(at, [item({ head: { accountId: 'a', expectedVersion: 0, version: 12, value: '3:x' } })]);
        expect(await store.commit(at, [item({ head: head('a', 1) })])).toEqual([{ kind: 'conflict', version: 12, value: '3:x' }]);
        expect(await store.commit(at, [item({ head: head('a', 123) })])).toEqual([{ kind: 'conflict', version: 12, value: '3:x' }]);
      });

      it('where there is no head, a conflict says version 0 and no value', async () => {
        expect(await store.commit(at, [item({ head: head('a', 3) })])).toEqual([{ kind: 'conflict', version: 0, value: undefined }]);
      });

      it('heads of one partition are not seen in another', async () => {
        await store.commit(at, [item({ head: head('a', 0) })]);
        const elsewhere = { partition: 3, epoch: (await store.epochs())[3] ?? 0 };
        expect(await store.heads(elsewhere, ['a'])).toEqual([undefined]);
      });

      it('a head that is told to be another has other changes by then at every client, unless nobody here can say', async () => {
        const changes = (): readonly (number | undefined)[] => [store, other].map((client) => client.headChanges('a'));
        const before = [changes()];
        await store.commit(at, [item({ head: head('a', 0) })]);
        before.push(changes());
        await other.commit(at, [item({ head: head('b', 0) }), item({ head: head('a', 1) })]);
        before.push(changes());
        at = { ...at, epoch: await store.closeEpoch(at) };
        before.push(changes());
        for (const [client, seen] of [0, 1].map((index) => [index, before.map((each) => each[index])] as const)) {
          expect(seen.includes(undefined) || new Set(seen).size === seen.length, `client ${client}: ${seen.join()}`).toBe(true);
        }
      });
    });

    describe('records', () => {
      it('a record is put, replaced, deleted, and read by id in the order asked for', async () => {
        await store.commit(at, [item({ puts: [put('r1', 'one'), put('r2', 'two')] })]);
        expect(await other.records(at, ['r2', 'none', 'r1'])).toEqual(['two', undefined, 'one']);
        await store.commit(at, [item({ puts: [put('r1', 'uno')], deletes: ['r2'] })]);
        expect(await store.records(at, ['r1', 'r2'])).toEqual(['uno', undefined]);
      });

      it('deleting a record that does not exist is no error', async () => {
        expect(await store.commit(at, [item({ deletes: ['none'] })])).toEqual([committed]);
      });

      it('a deleted record can be put again', async () => {
        await store.commit(at, [item({ puts: [put('r', 'one')] })]);
        await store.commit(at, [item({ deletes: ['r'] })]);
        expect(await store.commit(at, [item({ once: ['r'], puts: [put('r', 'two')] })])).toEqual([committed]);
        expect(await store.records(at, ['r'])).toEqual(['two']);
      });

      it('an id of once that exists makes the item a duplicate, with every such record, and leaves nothing of it', async () => {
        await store.commit(at, [item({ puts: [put('r1', 'one'), put('r2', 'two')] })]);
        const repeat = item({
          head: head('a', 0),
          once: ['r1', 'r2', 'r3'],
          puts: [put('r1', 'changed'), put('r3', 'three')],
          entries: ['entry'],
          guards: [{ guardId: 'g', delta: 5, floor: 0 }],
        });
        const records = new Map([
          ['r1', 'one'],
          ['r2', 'two'],
        ]);
        expect(await store.commit(at, [repeat])).toEqual([{ kind: 'duplicate', records }]);
        expect(await store.records(at, ['r1', 'r3'])).toEqual(['one', undefined]);
        expect(await store.heads(at, ['a'])).toEqual([undefined]);
        expect(await store.guards(at, ['g'])).toEqual([undefined]);
        expect(await journal()).toEqual([]);
      });

      it('an id of once need not be put', async () => {
        expect(await store.commit(at, [item({ once: ['r'] })])).toEqual([committed]);
        expect(await store.records(at, ['r'])).toEqual([undefined]);
      });

      it('once is looked at before the head, so a call made again after an unknown outcome is told that it happened', async () => {
        const call = [item({ head: head('a', 0), once: ['r'], puts: [put('r', 'mine')] })];
        await store.commit(at, call);
        expect(await other.commit(at, call)).toEqual([{ kind: 'duplicate', records: new Map([['r', 'mine']]) }]);
      });

      it('a record without a time is kept, one beyond its time is forgotten, and its id is free again', async () => {
        const soonMs = Date.now() + 40;
        const puts = [put('kept', 'a'), { id: 'forgotten', value: 'b', keepUntilMs: soonMs }];
        await store.commit(at, [item({ puts })]);
        await goneWithin(60_000, 'forgotten');
        expect(await store.records(at, ['kept'])).toEqual(['a']);
        expect(await store.commit(at, [item({ once: ['forgotten'], puts: [put('forgotten', 'c')] })])).toEqual([committed]);
      });

      it('before its time a record is there, and a later put without a time keeps it', async () => {
        const soonMs = Date.now() + 3_000;
        await store.commit(at, [item({ puts: [{ id: 'r', value: 'a', keepUntilMs: soonMs }] })]);
        expect(await store.records(at, ['r'])).toEqual(['a']);
        await store.commit(at, [item({ puts: [put('r', 'b'), { id: 'witness', value: '', keepUntilMs: soonMs }] })]);
        await goneWithin(60_000, 'witness');
        expect(await store.records(at, ['r'])).toEqual(['b']);
      });

      it('a record that is due is not forgotten, whatever its time', async () => {
        const soonMs = Date.now() + 40;
        const puts = [
          { id: 'due', value: 'a', keepUntilMs: soonMs, dueAtMs: soonMs },
          { id: 'witness', value: '', keepUntilMs: soonMs },
        ];
        await store.commit(at, [item({ puts })]);
        await goneWithin(60_000, 'witness');
        expect(await store.records(at, ['due'])).toEqual(['a']);
        expect(await store.due(at, soonMs, 10)).toEqual([{ id: 'due', dueAtMs: soonMs }]);
        await store.commit(at, [item({ puts: [{ id: 'due', value: 'b', keepUntilMs: soonMs }] })]);
        await goneWithin(60_000, 'due');
      });
    });

    /** Engines forget beside other commits, so there are some while this waits. */
    async function goneWithin(limitMs: number, id: string, read: () => Promise<readonly unknown[]> = async () => await store.records(at, [id])): Promise<void> {
      const deadline = performance.now() + limitMs;
      for (let version = 0; performance.now() < deadline; version += 1) {
        const [found] = await read();
        if (found === undefined) return;
        await store.commit(at, [item({ head: head(`beside ${id}`, version) })]);
        await delay(5);
      }
      throw new Error(`${id} is still there after ${limitMs} ms`);
    }

    describe('due records', () => {
      it('are found from their time on, earliest first, then by id, and no more than asked for', async () => {
        await store.commit(at, [item({ puts: [put('c', '', 300), put('b', '', 100), put('a', '', 300), put('d', '', 400)] })]);
        const all = [
          { id: 'b', dueAtMs: 100 },
          { id: 'a', dueAtMs: 300 },
          { id: 'c', dueAtMs: 300 },
        ];
        expect(await other.due(at, 99, 10)).toEqual([]);
        expect(await other.due(at, 100, 10)).toEqual(all.slice(0, 1));
        expect(await other.due(at, 399, 10)).toEqual(all);
        expect(await other.due(at, 399, 2)).toEqual(all.slice(0, 2));
      });

      it('stay due until a put moves or ends it, or a delete does', async () => {
        await store.commit(at, [item({ puts: [put('a', '', 100), put('b', '', 100), put('c', '', 100)] })]);
        expect(await store.due(at, 200, 10)).toHaveLength(3);
        await store.commit(at, [item({ puts: [put('a', '', 150), put('b', '')], deletes: ['c'] })]);
        expect(await store.due(at, 200, 10)).toEqual([{ id: 'a', dueAtMs: 150 }]);
      });

      it('are found at the right time of times as large as they come', async () => {
        const dueAtMs = 4_102_444_800_123;
        await store.commit(at, [item({ puts: [put('a', '', dueAtMs)] })]);
        expect(await store.due(at, dueAtMs - 1, 10)).toEqual([]);
        expect(await store.due(at, dueAtMs, 10)).toEqual([{ id: 'a', dueAtMs }]);
      });
    });

    describe('guards', () => {
      const move = (delta: number, floor = 0, guardId = 'g'): CommitItem => item({ guards: [{ guardId, delta, floor }] });

      it('stand at 0 when new, and move by what is given and taken', async () => {
        expect(await store.guards(at, ['g'])).toEqual([undefined]);
        expect(await store.commit(at, [move(100)])).toEqual([committed]);
        expect(await store.commit(at, [move(-30)])).toEqual([committed]);
        expect(await other.guards(at, ['none', 'g'])).toEqual([undefined, 70]);
      });

      it('may be taken down to the floor and not below, and the refusal says where it stands', async () => {
        await store.commit(at, [move(100)]);
        expect(await store.commit(at, [move(-91, 10)])).toEqual([{ kind: 'refused', guardId: 'g', value: 100 }]);
        expect(await store.commit(at, [move(-90, 10)])).toEqual([committed]);
        expect(await store.guards(at, ['g'])).toEqual([10]);
      });

      it('may go below zero where the floor is', async () => {
        expect(await store.commit(at, [move(-50, -50)])).toEqual([committed]);
        expect(await store.commit(at, [move(-1, -50)])).toEqual([{ kind: 'refused', guardId: 'g', value: -50 }]);
      });

      it('take back a giving move even where it leaves them below the floor', async () => {
        await store.commit(at, [move(-50, -50)]);
        expect(await store.commit(at, [move(10, 0), move(0, 0)])).toEqual([committed, committed]);
        expect(await store.guards(at, ['g'])).toEqual([-40]);
      });

      it('are forgotten when their time is over, and kept where none was given; then they begin anew', async () => {
        const soonMs = Date.now() + 40;
        const passing: CommitItem = item({ guards: [{ guardId: 'passing', delta: -30, floor: -30, keepUntilMs: soonMs }] });
        expect(await store.commit(at, [passing, move(100, 0, 'kept')])).toEqual([committed, committed]);
        await goneWithin(20_000, 'passing', async () => await store.guards(at, ['passing']));
        expect(await other.guards(at, ['passing', 'kept'])).toEqual([undefined, 100]);
        expect(await other.commit(at, [move(-30, -30, 'passing'), move(-30, -30, 'passing')])).toEqual([committed, { kind: 'refused', guardId: 'passing', value: -30 }]);
      });

      it('stay as long as the last move with a time says, and a move without one changes nothing of it', async () => {
        const guarded = (guardId: string, delta: number, keepUntilMs: number | undefined): CommitItem => item({ guards: [{ guardId, delta, floor: 0, keepUntilMs }] });
        const [soonMs, laterMs] = [Date.now() + 40, Date.now() + 600_000];
        await store.commit(at, [
          guarded('later', 5, soonMs), guarded('shorter', 5, laterMs), guarded('witness', 5, soonMs),
          guarded('later', 5, laterMs), guarded('shorter', 5, soonMs), guarded('witness', 5, undefined),
        ]);
        for (const id of ['witness', 'shorter']) await goneWithin(20_000, id, async () => await store.guards(at, [id]));
        expect(await other.guards(at, ['later'])).toEqual([10]);
      });

      it('that refuse leave nothing of the item, not even the other guards of it', async () => {
        await store.commit(at, [move(100, 0, 'rich')]);
        const refused = item({
          head: head('a', 0),
          puts: [put('r', '', 5)],
          entries: ['entry'],
          guards: [
            { guardId: 'rich', delta: -10, floor: 0 },
            { guardId: 'poor', delta: -10, floor: 0 },
          ],
        });
        expect(await store.commit(at, [refused])).toEqual([{ kind: 'refused', guardId: 'poor', value: 0 }]);
        expect(await store.guards(at, ['rich'])).toEqual([100]);
        expect(await store.heads(at, ['a'])).toEqual([undefined]);
        expect(await store.records(at, ['r'])).toEqual([undefined]);
        expect(await store.due(at, 10, 10)).toEqual([]);
        expect(await journal()).toEqual([]);
      });

      it('are moved by the items of a call in their order', async () => {
        const results = await store.commit(at, [move(10), move(-8), move(-8), move(6), move(-8)]);
        expect(results).toEqual([committed, committed, { kind: 'refused', guardId: 'g', value: 2 }, committed, committed]);
        expect(await store.guards(at, ['g'])).toEqual([0]);
      });

      it('that one item moves twice are judged move by move', async () => {
        await store.commit(at, [move(5)]);
        const twice = (first: number, second: number): CommitItem => {
          return item({ guards: [first, second].map((delta) => ({ guardId: 'g', delta, floor: 0 })) });
        };
        expect(await store.commit(at, [twice(-4, -4)])).toEqual([{ kind: 'refused', guardId: 'g', value: 1 }]);
        expect(await store.commit(at, [twice(4, -9)])).toEqual([committed]);
        expect(await store.guards(at, ['g'])).toEqual([0]);
      });

      it('are exact at the largest balances', async () => {
        await store.commit(at, [move(999_999_999_999_999)]);
        expect(await store.commit(at, [move(-1)])).toEqual([committed]);
        expect(await store.guards(at, ['g'])).toEqual([999_999_999_999_998]);
      });
    });

    describe('a call', () => {
      it('of no items does nothing', async () => {
        expect(await store.commit(at, [])).toEqual([]);
        expect(await store.journalLength(at)).toBe(0);
      });

      it('answers each item by itself, and the ones that pass happen whole beside those that do not', async () => {
        await store.commit(at, [item({ head: head('stale', 0) }), item({ puts: [put('there', 'earlier'), put('gone', '')] })]);
        const results = await store.commit(at, [
          item({ head: head('new', 0), entries: ['one', 'two'], puts: [put('p1', '1')] }),
          item({ head: head('stale', 0), entries: ['never'], puts: [put('p2', '2')] }),
          item({ once: ['there'], entries: ['never'] }),
          item({ entries: ['three'] }),
          item({ guards: [{ guardId: 'g', delta: -1, floor: 0 }], entries: ['never'] }),
          item({ head: head('last', 0), deletes: ['gone'], entries: ['four'] }),
        ]);
        expect(results.map(({ kind }) => kind)).toEqual(['committed', 'conflict', 'duplicate', 'committed', 'refused', 'committed']);
        expect(await journal()).toEqual(['one', 'two', 'three', 'four']);
        expect(await store.records(at, ['p1', 'p2', 'gone', 'there'])).toEqual(['1', undefined, undefined, 'earlier']);
        expect((await store.heads(at, ['new', 'stale', 'last'])).map((found) => found?.version)).toEqual([1, 1, 1]);
      });

      it('can carry two thousand items', async () => {
        const items = Array.from({ length: 2_000 }, (_, index) => {
          return item({
            head: head(`a${index}`, 0),
            once: [`r${index}`],
            puts: [put(`r${index}`, `record ${index}`, index % 2 === 0 ? index + 1 : undefined), put(`x${index}`, 'x')],
            entries: [`e${index}`, `f${index}`],
            guards: [{ guardId: `g${index}`, delta: index, floor: 0 }],
          });
        });
        expect(await store.commit(at, items)).toEqual(items.map(() => committed));
        const ids = items.map((_, index) => `a${index}`);
        expect(await store.heads(at, ids)).toEqual(items.map(() => ({ version: 1, value: 'value 1' })));
        expect(await store.records(at, ['r0', 'r1999', 'x1999'])).toEqual(['record 0', 'record 1999', 'x']);
        expect(await store.guards(at, ['g1999'])).toEqual([1_999]);
        expect(await store.due(at, 5_000, 5_000)).toHaveLength(1_000);
        expect(await store.journalLength(at)).toBe(4_000);
        expect((await journal()).slice(-2)).toEqual(['e1999', 'f1999']);
        const again = items.map((each, index) => item({ ...each, once: [], head: head(`a${index}`, index % 2) }));
        const results = await store.commit(at, again);
        expect(results.filter(({ kind }) => kind === 'committed')).toHaveLength(1_000);
        expect(results.filter(({ kind }) => kind === 'conflict')).toHaveLength(1_000);
        expect(await store.journalLength(at)).toBe(6_000);
      });

      it('keeps every character of ids and values, and values as long as they come', async () => {
        const text = 'naïve – €, Ж, 漢字, 😀, "quoted", \\, {braces}, \u0000, \r\n';
        const long = `${text}${'x'.repeat(300_000)}`;
        const accountId = `account ${text}`;
        const call = [
          item({ head: head(accountId, 0, long), once: [text], puts: [put(text, long, 7)], entries: [long, '', text] }),
          item({ entries: [text] }),
        ];
        expect(await store.commit(at, call)).toEqual([committed, committed]);
        expect(await store.heads(at, [accountId])).toEqual([{ version: 1, value: long }]);
        expect(await store.records(at, [text])).toEqual([long]);
        expect(await store.due(at, 7, 1)).toEqual([{ id: text, dueAtMs: 7 }]);
        expect(await journal()).toEqual([long, '', text, text]);
        const conflict = { kind: 'conflict', version: 1, value: long };
        expect(await store.commit(at, [item({ head: head(accountId, 5) })])).toEqual([conflict]);
        const partly = await store.commit(at, [item({ once: [text], entries: ['no'] }), item({ entries: [text, 'yes'] })]);
        expect(partly).toEqual([{ kind: 'duplicate', records: new Map([[text, long]]) }, committed]);
        expect((await journal()).slice(4)).toEqual([text, 'yes']);
      });
    });

    describe('the journal', () => {
      const append = async (...entries: readonly string[]): Promise<void> => {
        await store.commit(at, [item({ entries })]);
      };

      it('keeps entries in the order of their commits, numbered from 1 without a gap', async () => {
        await append('a', 'b');
        await append('c');
        expect(await other.tail(at, undefined, 10)).toEqual([
          { sequence: '1', value: 'a' },
          { sequence: '2', value: 'b' },
          { sequence: '3', value: 'c' },
        ]);
        expect(await other.journalLength(at)).toBe(3);
      });

      it('is read page by page from any place, also within one commit', async () => {
        const values = Array.from({ length: 100 }, (_, index) => `entry ${index + 1}`);
        await append(...values.slice(0, 37));
        for (const value of values.slice(37, 60)) await append(value);
        await append(...values.slice(60));
        for (const most of [1, 7, 37, 99, 100, 1_000]) {
          const read: string[] = [];
          let after: string | undefined;
          for (;;) {
            const page = await store.tail(at, after, most);
            if (page.length === 0) break;
            expect(page.length).toBeLessThanOrEqual(most);
            read.push(...page.map(({ value }) => value));
            after = page.at(-1)?.sequence;
          }
          expect(read).toEqual(values);
        }
        expect(await store.tail(at, '100', 10)).toEqual([]);
      });

      it('drops what it is trimmed through, also within one commit, and keeps its numbers', async () => {
        await append('a', 'b', 'c');
        await append('d');
        await store.trim(at, '2');
        expect(await store.tail(at, undefined, 10)).toEqual([
          { sequence: '3', value: 'c' },
          { sequence: '4', value: 'd' },
        ]);
        expect(await store.journalLength(at)).toBe(2);
        expect(await store.tail(at, '1', 1)).toEqual([{ sequence: '3', value: 'c' }]);
        await store.trim(at, '1');
        expect(await store.journalLength(at)).toBe(2);
        await store.trim(at, '4');
        expect(await store.tail(at, undefined, 10)).toEqual([]);
        expect(await store.journalLength(at)).toBe(0);
        await append('e');
        expect(await store.tail(at, undefined, 10)).toEqual([{ sequence: '5', value: 'e' }]);
      });

      it('trimmed beyond its end is empty, and goes on with the next number', async () => {
        await append('a');
        await store.trim(at, '100');
        expect(await store.journalLength(at)).toBe(0);
        await append('b');
        expect(await store.tail(at, undefined, 10)).toEqual([{ sequence: '2', value: 'b' }]);
      });
    });

    describe('the directory', () => {
      it('enters a token once, and says whose it is from then on', async () => {
        const [mine, theirs, free] = [`${name} mine`, `${name} theirs`, `${name} free`];
        expect(await store.enterAccount(mine, 'a')).toBe('a');
        expect(await other.enterAccount(theirs, 'b')).toBe('b');
        expect(await other.enterAccount(mine, 'b')).toBe('a');
        expect(await store.enterAccount(mine, 'a')).toBe('a');
        expect(await store.findAccounts([theirs, free, mine])).toEqual(['b', undefined, 'a']);
      });

      it('is entered by exactly one of those who try at once', async () => {
        const token = `${name} raced`;
        const ids = ['a', 'b', 'c', 'd'];
        const entered = await Promise.all(ids.map((id, index) => (index % 2 === 0 ? store : other).enterAccount(token, id)));
        expect(new Set(entered).size).toBe(1);
        expect(await store.findAccounts([token])).toEqual([entered[0]]);
      });
    });

    describe('epochs', () => {
      it('are one for each partition, and both clients see the same', async () => {
        const epochs = await store.epochs();
        expect(epochs).toHaveLength(store.partitions);
        expect(epochs[at.partition]).toBe(at.epoch);
        expect(await other.epochs()).toEqual(epochs);
      });

      it('once closed take no commit, and what they hold can still be read', async () => {
        await store.commit(at, [item({ head: head('a', 0), entries: ['e'] })]);
        const next = await store.closeEpoch(at);
        expect(next).toBe(at.epoch + 1);
        await expect(other.commit(at, [item({ head: head('a', 1), entries: ['never'] })])).rejects.toThrow(StoreFenced);
        expect(await other.heads(at, ['a'])).toEqual([{ version: 1, value: 'value 1' }]);
        expect(await journal()).toEqual(['e']);
      });

      it('begin empty, with a journal of their own', async () => {
        await store.commit(at, [item({ head: head('a', 0), puts: [put('r', '', 5)], entries: ['old'] })]);
        const next = { partition: at.partition, epoch: await store.closeEpoch(at) };
        expect(await other.heads(next, ['a'])).toEqual([undefined]);
        expect(await other.due(next, 10, 10)).toEqual([]);
        await other.commit(next, [item({ head: head('a', 0), entries: ['new'] })]);
        expect(await other.tail(next, undefined, 10)).toEqual([{ sequence: '1', value: 'new' }]);
      });

      it('are closed once, however often it is asked for', async () => {
        const [first, second] = await Promise.all([store.closeEpoch(at), other.closeEpoch(at)]);
        expect([first, second]).toEqual([at.epoch + 1, at.epoch + 1]);
        await store.commit({ partition: at.partition, epoch: at.epoch + 1 }, [item({ head: head('a', 0) })]);
        expect(await store.closeEpoch(at)).toBe(at.epoch + 1);
        expect((await store.epochs())[at.partition]).toBe(at.epoch + 1);
      });

      it('that are not open yet take no commit', async () => {
        const early = { partition: at.partition, epoch: at.epoch + 1 };
        await expect(store.commit(early, [item({ head: head('a', 0) })])).rejects.toThrow(StoreFenced);
      });
    });

    it('says in a sentence what its commits survive', async () => {
      const { durable, finding } = await store.durability();
      expect(typeof durable).toBe('boolean');
      expect(finding).toMatch(/^[A-Z].*\.$/);
    });

    it('two clients that race for the same accounts and counter lose nothing and invent nothing', async () => {
      const accounts = ['a', 'b', 'c'];
      await store.commit(at, [item({ guards: [{ guardId: 'g', delta: 1_000, floor: 0 }] })]);
      let taken = 0;
      const raise = async (client: Store, who: string): Promise<void> => {
        for (let round = 0; round < 40; round += 1) {
          const accountId = accounts[round % accounts.length] ?? 'a';
          for (let done = false; !done; ) {
            const [found] = await client.heads(at, [accountId]);
            const version = found?.version ?? 0;
            const [result] = await client.commit(at, [
              item({
                head: head(accountId, version, `${Number(found?.value ?? '0') + 1}`),
                entries: [`${who}${round}`],
                guards: [{ guardId: 'g', delta: -1, floor: 0 }],
              }),
            ]);
            done = result?.kind === 'committed';
            if (done) taken += 1;
          }
        }
      };
      await Promise.all([raise(store, 'x'), raise(store, 'y'), raise(other, 'z')]);
      const heads = await store.heads(at, accounts);
      expect(heads.reduce((sum, found) => sum + Number(found?.value), 0)).toBe(120);
      expect(heads.reduce((sum, found) => sum + (found?.version ?? 0), 0)).toBe(120);
      const entries = await journal();
      expect(new Set(entries).size).toBe(120);
      expect(entries).toHaveLength(120);
      expect(taken).toBe(120);
      expect(await store.guards(at, ['g'])).toEqual([880]);
    });

    it('any sequence of calls by two clients ends and answers as the naive store does', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyCall, { minLength: 1, maxLength: 12 }), async (calls) => {
          at = { partition: 2, epoch: await store.closeEpoch(at) };
          const naive = new NaiveStore();
          for (const { byOther, drafts } of calls) {
            const items = itemsOf(drafts, naive);
            const expected = naive.commit(items);
            expect(await (byOther ? other : store).commit(at, items)).toEqual(expected);
          }
          expect(await store.heads(at, accountNames)).toEqual(accountNames.map((id) => naive.heads[id]));
          expect(await other.records(at, recordNames)).toEqual(recordNames.map((id) => naive.records[id]?.value));
          const guards = await store.guards(at, guardNames);
          expect(guards.map((value) => value ?? 0)).toEqual(guardNames.map((id) => naive.guards[id] ?? 0));
          expect(await journal()).toEqual(naive.journal);
          expect(await other.due(at, 50, 100)).toEqual(naive.due(50));
          expect(await store.journalLength(at)).toBe(naive.journal.length);
        }),
        { numRuns: 60 },
      );
    });
  });
}

const accountNames = ['a', 'b', 'c'];
const recordNames = ['p', 'q', 'r', 's', 't'];
const guardNames = ['g', 'h'];

interface Draft {
  readonly account: string | undefined;
  /** How far the expected version is from the right one. */
  readonly off: number;
  readonly jump: number;
  readonly puts: readonly { id: string; value: string; dueAtMs: number | undefined }[];
  readonly deletes: readonly string[];
  readonly once: readonly string[];
  readonly entries: readonly string[];
  readonly guards: readonly { guardId: string; delta: number; floor: number }[];
}

const anyDraft: fc.Arbitrary<Draft> = fc.record({
  account: fc.option(fc.constantFrom(...accountNames), { nil: undefined }),
  off: fc.constantFrom(0, 0, 0, 0, 1, -1),
  jump: fc.integer({ min: 1, max: 12 }),
  puts: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...recordNames),
      value: fc.string({ unit: 'binary', maxLength: 8 }),
      dueAtMs: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    }),
    { selector: ({ id }) => id, maxLength: 3 },
  ),
  deletes: fc.uniqueArray(fc.constantFrom(...recordNames), { maxLength: 2 }),
  once: fc.uniqueArray(fc.constantFrom(...recordNames), { maxLength: 2 }),
  entries: fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 3 }),
  guards: fc.array(
    fc.record({
      guardId: fc.constantFrom(...guardNames),
      delta: fc.integer({ min: -10, max: 10 }),
      floor: fc.integer({ min: -5, max: 5 }),
    }),
    { maxLength: 3 },
  ),
});

const anyCall = fc.record({ byOther: fc.boolean(), drafts: fc.array(anyDraft, { maxLength: 4 }) });

/** Makes drafts into a call that keeps the contract's conditions: no account and no record in two items. */
function itemsOf(drafts: readonly Draft[], naive: NaiveStore): CommitItem[] {
  const taken = new Set<string>();
  return drafts.map((draft) => {
    const own = new Set<string>();
    const free = (id: string): boolean => !taken.has(`record ${id}`);
    const puts = draft.puts.filter(({ id }) => free(id));
    for (const { id } of puts) own.add(id);
    const deletes = draft.deletes.filter((id) => free(id) && !own.has(id));
    const once = draft.once.filter(free);
    for (const id of [...own, ...deletes, ...once]) taken.add(`record ${id}`);
    const account = draft.account !== undefined && !taken.has(draft.account) ? draft.account : undefined;
    if (account === undefined) return item({ ...draft, puts, deletes, once });
    taken.add(account);
    const version = naive.heads[account]?.version ?? 0;
    const expectedVersion = Math.max(0, version + draft.off);
    const next = { accountId: account, expectedVersion, version: expectedVersion + draft.jump, value: `v${draft.jump}` };
    return item({ head: next, puts, deletes, once, entries: draft.entries, guards: draft.guards });
  });
}
