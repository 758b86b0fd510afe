import { expect, test } from 'vitest';
import { TurnEnd } from '../../src/link/turn-end.ts';

/** A turn that ends when it is told to. */
function turns(): { readonly turnEnd: TurnEnd; readonly end: () => void; readonly scheduled: () => number } {
  const scheduled: Array<() => void> = [];
  const turnEnd = new TurnEnd((callback) => {
    scheduled.push(callback);
  });
  return {
    turnEnd,
    scheduled: () => scheduled.length,
    end: () => {
      for (const callback of scheduled.splice(0)) callback();
    },
  };
}

test('whatever asks during a turn is served once at its end, on one schedule, flushing before reading on', () => {
  const { turnEnd, end, scheduled } = turns();
  const done: string[] = [];
  turnEnd.advanceLater({ advance: () => done.push('advance a') });
  turnEnd.flushLater({ flush: () => done.push('flush a') });
  turnEnd.flushLater({ flush: () => done.push('flush b') });
  expect(scheduled()).toBe(1);
  expect(done).toEqual([]);
  end();
  expect(done).toEqual(['flush a', 'flush b', 'advance a']);
  expect(scheduled()).toBe(0);
});

test('whoever asks again while the turn ends is served in the next one, so that a turn does end', () => {
  const { turnEnd, end, scheduled } = turns();
  let flushed = 0;
  let advanced = 0;
  const flushing = {
    flush: () => {
      flushed += 1;
      turnEnd.flushLater(flushing);
    },
  };
  const advancing = {
    advance: () => {
      advanced += 1;
      turnEnd.advanceLater(advancing);
    },
  };
  turnEnd.flushLater(flushing);
  turnEnd.advanceLater(advancing);
  for (let turn = 1; turn <= 3; turn += 1) {
    expect(scheduled()).toBe(1);
    end();
    expect([flushed, advanced]).toEqual([turn, turn]);
  }
});

test('a turn that is ended early serves everyone then, and the schedule that was made finds nothing left', () => {
  const { turnEnd, end } = turns();
  let flushed = 0;
  turnEnd.flushLater({ flush: () => (flushed += 1) });
  turnEnd.run();
  expect(flushed).toBe(1);
  end();
  expect(flushed).toBe(1);
});
