import { beforeEach, describe, expect, it } from 'vitest';
import type { AdviceFile } from '../../src/advice/advice-file.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { accepted, adviceOf, deliver, noAnswer, notSent, openFile, refused, settled, VirtualTime } from './fixture.ts';

describe('a delivery', () => {
  let time: VirtualTime;
  let store: MemoryStore;
  let file: AdviceFile;

  beforeEach(async () => {
    time = new VirtualTime();
    store = new MemoryStore({ partitions: 1, now: time.now });
    file = await openFile(store, time);
  });

  const write = async (...ids: readonly string[]): Promise<void> => {
    await Promise.all(ids.map((id) => file.write(adviceOf(id, id.slice(0, 1)))));
    await settled();
  };

  it('sends a card’s advices one after the other, and different cards’ side by side up to its bound', async () => {
    await write('a1', 'a2', 'b1', 'c1', 'd1', 'e1');
    const { delivery, ids, answer } = deliver(file, time);
    expect(ids()).toEqual([]);
    delivery.usable();
    await settled();
    expect(ids()).toEqual(['a1', 'b1', 'c1', 'd1']);
    await answer(accepted, 'b1');
    expect(ids().slice(4)).toEqual(['e1']);
    await answer(accepted, 'a1');
    expect(ids().slice(5)).toEqual(['a2']);
    expect(delivery.status).toMatchObject({ state: 'delivering', inFlight: 4, backlog: { count: 4 } });
  });

  it('takes an answer that comes after its time, and lets the card’s next go', async () => {
    await write('a1', 'a2');
    const { delivery, ids, answer } = deliver(file, time);
    delivery.usable();
    await settled();
    await answer(noAnswer, 'a1');
    expect(ids()).toEqual(['a1']);
    expect(await delivery.taken('a1')).toBe(true);
    await settled();
    expect(ids()).toEqual(['a1', 'a2']);
    expect(await delivery.taken('a1')).toBe(false);
    await answer(accepted, 'a2');
    await time.pass(10_000);
    expect(ids()).toEqual(['a1', 'a2']);
    expect(file.backlog('host').count).toBe(0);
  });

  it('that takes another’s place goes on when the other has been stopped after it', async () => {
    const before = deliver(file, time, {}, () => accepted);
    before.delivery.usable();
    const { delivery, ids } = deliver(file, time, {}, () => accepted);
    delivery.usable();
    await before.delivery.stop();
    await write('a1', 'b1');
    expect([before.ids(), ids()]).toEqual([[], ['a1', 'b1']]);
  });

  it('sends what is written while it delivers', async () => {
    const { delivery, ids } = deliver(file, time, {}, () => accepted);
    delivery.usable();
    await write('a1', 'a2', 'b1');
    expect(ids()).toEqual(['a1', 'b1', 'a2']);
    expect(file.backlog('host').count).toBe(0);
  });

  it('sends no faster than it may, and changes its speed when it is told to', async () => {
    await write(...Array.from({ length: 60 }, (_, index) => `${String.fromCharCode(97 + (index % 26))}${index}`));
    const { delivery, sent } = deliver(file, time, { perSecond: 10 }, () => accepted);
    delivery.usable();
    await time.pass(1_999);
    expect(sent.length).toBeGreaterThanOrEqual(19);
    expect(sent.length).toBeLessThanOrEqual(21);
    delivery.speed(100);
    await time.pass(200);
    expect(sent.length).toBeGreaterThanOrEqual(38);
    expect(sent.length).toBeLessThanOrEqual(45);
    expect(delivery.status.perSecond).toBe(100);
  });

  it('a long pause earns no flood', async () => {
    const { delivery, sent } = deliver(file, time, { perSecond: 40 }, () => accepted);
    delivery.usable();
    await time.pass(60_000);
    await write(...Array.from({ length: 26 }, (_, index) => `${String.fromCharCode(97 + index)}1`));
    expect(sent.length).toBeLessThanOrEqual(2);
  });

  it('pauses, resumes and stops; an operator’s pause is not lifted by the destination', async () => {
    await write('a1', 'b1', 'c1', 'd1', 'e1');
    const { delivery, ids, answer } = deliver(file, time, { inFlightMax: 1 });
    delivery.usable();
    await settled();
    delivery.pause('destination');
    delivery.pause('operator');
    await answer(accepted);
    expect(ids()).toEqual(['a1']);
    delivery.ask();
    await settled();
    expect(ids()).toEqual(['a1']);
    expect(delivery.status).toMatchObject({ state: 'paused', pausedBy: ['operator'] });
    delivery.resume('operator');
    await settled();
    expect(ids()).toEqual(['a1', 'b1']);
    let isStopped = false;
    const stop = async (): Promise<void> => {
      await delivery.stop();
      isStopped = true;
    };
    const stopped = stop();
    await settled();
    expect(isStopped).toBe(false);
    await answer(accepted);
    await stopped;
    await time.pass(10_000);
    expect(ids()).toEqual(['a1', 'b1']);
    expect(file.backlog('host').count).toBe(3);
  });

  it('where the destination wants to ask, nothing goes before it does, nor when it has gone and come again', async () => {
    await write('a1', 'b1');
    const { delivery, ids, answer } = deliver(file, time, { begins: 'asked', inFlightMax: 1 });
    delivery.usable();
    await time.pass(5_000);
    expect(ids()).toEqual([]);
    delivery.ask();
    await settled();
    expect(ids()).toEqual(['a1']);
    delivery.unusable();
    await answer(accepted);
    delivery.usable();
    await time.pass(5_000);
    expect(ids()).toEqual(['a1']);
    delivery.ask();
    await settled();
    expect(ids()).toEqual(['a1', 'b1']);
  });

  it('repeats what was not answered, as a repeat, later each time, until there is an answer', async () => {
    await write('a1', 'a2');
    const { delivery, sent, ids } = deliver(file, time, {}, () => (sent.length < 5 ? noAnswer : accepted));
    delivery.usable();
    await time.pass(10_000);
    expect(ids()).toEqual(['a1', 'a1', 'a1', 'a1', 'a1', 'a2']);
    expect(sent.map(({ isRepeat }) => isRepeat)).toEqual([false, true, true, true, true, false]);
    const waits = sent.slice(1, 5).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
    for (const [index, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(100 * 2 ** index);
    expect(file.backlog('host').count).toBe(0);
  });

  it('repeats after a restart what was out when the process ended', async () => {
    await write('a1', 'b1');
    const first = deliver(file, time, { inFlightMax: 1 });
    first.delivery.usable();
    await settled();
    file.close();
    file = await openFile(store, time);
    const second = deliver(file, time, {}, () => accepted);
    second.delivery.usable();
    await settled();
    expect(second.sent.map(({ id, isRepeat }) => [id, isRepeat])).toEqual([['a1', true], ['b1', false]]);
  });

  it('what certainly did not leave goes again as new', async () => {
    await write('a1');
    const { delivery, sent } = deliver(file, time, {}, () => (sent.length < 3 ? notSent : accepted));
    delivery.usable();
    await time.pass(10_000);
    expect(sent.map(({ isRepeat }) => isRepeat)).toEqual([false, false, false]);
    expect(sent[1]?.atMs).toBeGreaterThanOrEqual(100);
  });

  it('what was held back at the last moment, as the destination had gone, goes as new later', async () => {
    await write('a1');
    const { delivery, sent } = deliver(file, time, {}, () => accepted);
    delivery.usable();
    delivery.unusable();
    await settled();
    expect(sent).toEqual([]);
    delivery.usable();
    await settled();
    expect(sent.map(({ isRepeat }) => isRepeat)).toEqual([false]);
  });

  it('a destination that is back does not wait for the next attempt', async () => {
    await write('a1');
    const { delivery, ids, answer } = deliver(file, time, { retryFirstMs: 60_000, retryMaxMs: 60_000 });
    delivery.usable();
    await settled();
    await answer(noAnswer);
    delivery.unusable();
    await time.pass(1_000);
    expect(ids()).toEqual(['a1']);
    delivery.usable();
    await settled();
    expect(ids()).toEqual(['a1', 'a1']);
  });

  it('has stopped when the answers to what was out are on disk', async () => {
    await write('a1');
    const { delivery, answer } = deliver(file, time);
    delivery.usable();
    await settled();
    const stopping = delivery.stop();
    const answering = answer(accepted);
    await stopping;
    expect((await file.find('a1'))?.end?.how).toBe('accepted');
    await answering;
  });

  it('sets aside what is refused too often; the later ones of the card go on and say what they went before', async () => {
    await write('a1', 'a2', 'b1');
    const { delivery, sent, asides } = deliver(file, time, {}, ({ advice }) => (advice.id === 'a1' ? refused : accepted));
    delivery.usable();
    await time.pass(5_000);
    expect(asides).toEqual(['a1']);
    expect(sent.map(({ id, isRepeat, overtaken }) => [id, isRepeat, overtaken])).toEqual([
      ['a1', false, 0], ['b1', false, 0], ['a1', true, 0], ['a1', true, 0], ['a2', false, 1],
    ]);
    expect(delivery.status).toMatchObject({ setAside: 1, backlog: { count: 0 } });
    await file.replay('a1');
    await time.pass(5_000);
    expect(sent.slice(5).map(({ id, isRepeat }) => [id, isRepeat])).toEqual([['a1', true], ['a1', true], ['a1', true]]);
    expect(asides).toEqual(['a1', 'a1']);
  });

  it('sets aside what is never answered while others are', async () => {
    await write('a1', 'a2');
    const { delivery, asides, ids, answer } = deliver(file, time);
    delivery.usable();
    await settled();
    for (let round = 0; round < 3; round += 1) {
      await write(`b${round}`);
      await answer(accepted, `b${round}`);
      expect(asides).toEqual([]);
      await answer(noAnswer, 'a1');
      await time.pass(1_000);
    }
    expect(asides).toEqual(['a1']);
    expect(ids().at(-1)).toBe('a2');
  });

  it('never sets aside what nobody answers: the destination may be away for as long as it likes', async () => {
    await write('a1', 'b1', 'c1');
    const { delivery, asides, sent } = deliver(file, time, {}, () => noAnswer);
    delivery.usable();
    await time.pass(60_000);
    expect(sent.length).toBeGreaterThan(20);
    expect(asides).toEqual([]);
    expect(file.backlog('host').count).toBe(3);
  });

  it('asks a destination that does not answer with one at a time, and all at once when it does', async () => {
    await write('a1', 'b1', 'c1', 'd1', 'e1', 'f1');
    let isSilent = true;
    const { delivery, sent } = deliver(file, time, { retryFirstMs: 1_000, retryMaxMs: 8_000 }, () => (isSilent ? noAnswer : accepted));
    delivery.usable();
    await time.pass(10_000);
    expect(sent.length).toBeLessThan(10);
    expect(new Set(sent.map(({ id }) => id)).size).toBeGreaterThan(4);
    isSilent = false;
    delivery.usable();
    await settled(16);
    expect(file.backlog('host').count).toBe(0);
  });

  it('a late answer ends the repeats', async () => {
    await write('a1', 'a2');
    const { delivery, ids, answer } = deliver(file, time);
    delivery.usable();
    await settled();
    await answer(noAnswer);
    await file.taken('a1');
    await time.pass(1_000);
    expect(ids()).toEqual(['a1', 'a2']);
  });

  it('an answer that cannot be written is not forgotten: the card waits until it is', async () => {
    await write('a1', 'a2');
    const { delivery, ids } = deliver(file, time, {}, () => accepted);
    await store.close();
    delivery.usable();
    await time.pass(2_000);
    expect(ids()).toEqual([]);
    expect(file.backlog('host').count).toBe(2);
  });
});
