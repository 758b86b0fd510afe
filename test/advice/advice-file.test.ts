/** What the file promises, on the engine that forgets and on the one that does not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdviceFile } from '../../src/advice/advice-file.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { SqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { adviceOf, openFile, takeAll, VirtualTime } from './fixture.ts';

const dayMs = 86_400_000;

interface Engine {
  readonly store: Store;
  /** As after the end of the process. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

function memory(time: VirtualTime): Promise<Engine> {
  const store = new MemoryStore({ partitions: 1, now: time.now });
  return Promise.resolve({ store, reopen: () => Promise.resolve(), close: () => store.close() });
}

function sqlite(generationChanges: number) {
  return async (time: VirtualTime): Promise<Engine> => {
    const folder = mkdtempSync(join(tmpdir(), 'locum-advices-'));
    const open = () => SqliteStore.open({ file: join(folder, 'advices.sqlite'), partitions: 1, now: time.now, generationChanges });
    let store = await open();
    return {
      get store() {
        return store;
      },
      async reopen() {
        await store.close();
        store = await open();
      },
      async close() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  };
}

for (const [name, start] of [['memory', memory], ['SQLite', sqlite(4)]] as const) {
  describe(`the advice file on ${name}`, () => {
    const time = new VirtualTime();
    let engine: Engine;
    let file: AdviceFile;

    beforeEach(async () => {
      time.jumpMs = 0;
      engine = await start(time);
      file = await openFile(engine.store, time);
    });

    afterEach(async () => {
      file.close();
      await engine.close();
    });

    const reopen = async (): Promise<void> => {
      file.close();
      await engine.reopen();
      file = await openFile(engine.store, time);
    };

    const write = async (...ids: readonly string[]): Promise<void> => {
      const outcomes = await Promise.all(ids.map((id) => file.write(adviceOf(id, id.slice(0, 1)))));
      for (const outcome of outcomes) expect(outcome).toBe('durable');
    };

    /** Takes the earliest out, and has it begun. */
    const begin = async () => {
      const queued = file.next('host');
      if (queued === undefined) throw new Error('nothing waits');
      const begun = await file.begin(queued);
      if (begun === undefined) throw new Error('it has not begun');
      return { queued, begun };
    };

    it('finds everything that waits again after a restart, in its order, of each card one at a time', async () => {
      await write('a1', 'b1', 'a2', 'c1');
      await write('b2', 'a3');
      await reopen();
      expect(file.backlog('host')).toEqual({ count: 6, oldestAtMs: adviceOf('').createdAtMs });
      expect(takeAll(file)).toEqual(['a1', 'b1', 'c1']);
      await file.taken('a1');
      await reopen();
      expect(takeAll(file)).toEqual(['b1', 'a2', 'c1']);
    });

    it('hands out the contents as they were written', async () => {
      const advice = adviceOf('x1', 'x', { kind: 'reversal', sealedPan: 'sealed:7' });
      await file.write(advice);
      await reopen();
      expect((await begin()).begun).toEqual({ advice, isRepeat: false, overtaken: 0 });
    });

    it('queues an advice once, however often it is written, and not again when it has its end', async () => {
      const advice = adviceOf('a1');
      expect(await Promise.all([file.write(advice), file.write(advice)])).toEqual(['durable', 'durable']);
      expect(await file.write(advice)).toBe('durable');
      expect(file.backlog('host').count).toBe(1);
      await file.taken('a1');
      expect(await file.write(advice)).toBe('durable');
      await reopen();
      expect(await file.write(advice)).toBe('durable');
      expect(file.backlog('host').count).toBe(0);
    });

    it('keeps an advice that was taken for tracing, and forgets it after its days', async () => {
      await write('a1');
      await begin();
      expect(await file.taken('a1')).toBe(true);
      expect(await file.taken('a1')).toBe(false);
      expect(await engine.store.records({ partition: 0, epoch: 1 }, ['d.a1'])).toEqual([undefined]);
      const found = await file.find('a1');
      expect(found).toMatchObject({ advice: { id: 'a1' }, end: { how: 'accepted', attempts: 1 }, queued: undefined });
      await reopen();
      expect(takeAll(file)).toEqual([]);
      expect((await file.find('a1'))?.end?.how).toBe('accepted');
      time.jumpMs = 15 * dayMs;
      for (let index = 0; index < 40; index += 1) await write(`b${index}`);
      await reopen();
      expect(await file.find('a1')).toBeUndefined();
    });

    it('an attempt that may have left makes the next one a repeat, after a restart too; one that did not leave does not', async () => {
      await write('a1');
      const first = await begin();
      expect(first.begun.isRepeat).toBe(false);
      file.notSent(first.queued, first.begun);
      file.free(first.queued);
      const second = await begin();
      expect(second.begun.isRepeat).toBe(false);
      file.free(second.queued);
      const third = await begin();
      expect(third.begun.isRepeat).toBe(true);
      file.notSent(third.queued, third.begun);
      file.free(third.queued);
      expect((await begin()).begun.isRepeat).toBe(true);
      await reopen();
      const after = await begin();
      expect(after.begun.isRepeat).toBe(true);
      expect(after.queued.mark).toMatchObject({ attempts: 5, lastAttemptAtMs: time.now() });
    });

    it('sets aside what is refused too often, lets the later ones of the card go on, and shows, replays and drops it', async () => {
      await write('a1', 'a2', 'a3');
      const { queued } = await begin();
      expect(await file.refused(queued, 'code 30', 2)).toBe(false);
      file.free(queued);
      await begin();
      expect(await file.refused(queued, 'code 12', 2)).toBe(true);
      file.free(queued);
      await reopen();
      expect(file.setAside('host')).toMatchObject([{ id: 'a1', state: 'setAside', mark: { attempts: 2, refusals: 2, why: 'code 12' } }]);
      expect(file.backlog('host').count).toBe(2);
      const next = await begin();
      expect(next.begun).toMatchObject({ advice: { id: 'a2' }, isRepeat: false, overtaken: 1 });
      expect(await file.replay('a2')).toBe(false);
      expect(await file.drop('a2', 'anna')).toBe(false);
      expect(await file.replay('a1')).toBe(true);
      file.free(next.queued);
      expect((await begin()).begun).toMatchObject({ advice: { id: 'a1' }, isRepeat: true, overtaken: 0 });
      await reopen();
      const again = await begin();
      expect(await file.refused(again.queued, 'code 30', 1)).toBe(true);
      expect(await file.drop('a1', 'anna')).toBe(true);
      expect(await file.drop('a1', 'anna')).toBe(false);
      expect(file.setAside('host')).toEqual([]);
      await reopen();
      expect((await file.find('a1'))?.end).toMatchObject({ how: 'dropped', by: 'anna' });
      expect(takeAll(file)).toEqual(['a2']);
    });

    it('sets aside what is not answered too often while others are', async () => {
      await write('a1');
      const { queued } = await begin();
      expect(await file.ignored(queued, 2)).toBe(false);
      expect(await file.ignored(queued, 2)).toBe(true);
      await reopen();
      expect(file.setAside('host')).toMatchObject([{ id: 'a1', mark: { why: 'it is not answered, and others are' } }]);
    });

    it('counts each destination’s backlog by itself, right after a restart too', async () => {
      await file.write(adviceOf('a1', 'a', { createdAtMs: 5_000 }));
      await file.write(adviceOf('a2', 'b', { createdAtMs: 6_000 }));
      await file.write(adviceOf('a3', 'a', { destination: 'acquirer', kind: 'text', createdAtMs: 7_000 }));
      await reopen();
      expect([...file.destinations].sort()).toEqual(['acquirer', 'host']);
      expect(file.backlog('host')).toEqual({ count: 2, oldestAtMs: 5_000 });
      expect(file.backlog('acquirer')).toEqual({ count: 1, oldestAtMs: 7_000 });
      await file.taken('a1');
      expect(file.backlog('host')).toEqual({ count: 1, oldestAtMs: 6_000 });
      expect(file.backlog('nobody')).toEqual({ count: 0, oldestAtMs: undefined });
    });

    it('keeps its order and everything in it when the clock jumps back and forth', async () => {
      await write('a1', 'b1');
      time.jumpMs = -400 * dayMs;
      await write('a2');
      await reopen();
      time.jumpMs = 400 * dayMs;
      await write('a3', 'b2');
      time.jumpMs = 0;
      await reopen();
      const order: string[] = [];
      for (let queued = file.next('host'); queued !== undefined; queued = file.next('host')) {
        order.push(queued.id);
        await file.taken(queued.id);
        file.free(queued);
      }
      expect(order).toEqual(['a1', 'b1', 'a2', 'a3', 'b2']);
    });

    it('takes no more than it may hold, and nothing when it was closed', async () => {
      file.close();
      file = await openFile(engine.store, time, { advicesMax: 2 });
      await write('a1', 'a2');
      expect(await file.write(adviceOf('a3'))).toBe('failed');
      await file.taken('a1');
      await write('a4');
      file.close();
      expect(await file.write(adviceOf('a5'))).toBe('failed');
      expect(file.next('host')).toBeUndefined();
      file = await openFile(engine.store, time);
      expect(file.backlog('host').count).toBe(2);
    });

    it('what is being taken is not begun again', async () => {
      await write('a1');
      const taking = file.taken('a1');
      const queued = file.next('host');
      if (queued === undefined) throw new Error('it is there until its end is on disk');
      expect(await file.begin(queued)).toBeUndefined();
      expect(file.backlog('host').count).toBe(0);
      expect(await taking).toBe(true);
    });

    it('a late answer takes the advice while its next attempt is under way', async () => {
      await write('a1', 'a2');
      const { queued } = await begin();
      expect(await file.taken('a1')).toBe(true);
      expect(takeAll(file)).toEqual([]);
      expect(await file.taken('a1')).toBe(false);
      expect(await file.refused(queued, 'late', 1)).toBe(false);
      file.free(queued);
      expect(takeAll(file)).toEqual(['a2']);
    });
  });
}
