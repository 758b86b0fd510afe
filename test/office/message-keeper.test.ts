/** The log of messages on its way into the book: nothing of it is kept for longer than wanted, and nothing waits for it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { readMessageLog } from '../../src/book/message-log.ts';
import { MessageKeeper } from '../../src/office/message-keeper.ts';
import { MessageLines } from '../../src/program/message-lines.ts';
import type { MessageBatch } from '../../src/program/message-lines.ts';
import { blankLine } from '../../src/switch/message-log.ts';
import type { LoggedMessage } from '../../src/switch/message-log.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';

const dayMs = 86_400_000;
const today = Date.UTC(2026, 10, 22, 10, 15);

function line(changes: Partial<LoggedMessage> = {}): LoggedMessage {
  return {
    ...blankLine, atMs: today, elapsedMs: 1.25, station: 'pos', connection: 3, direction: 'in', mti: '0100', answerMti: '0110', class: 'authorization', what: 'purchase', maskedPan: '476173******0011',
    token: 'TOKEN', stan: '7', rrn: '000000000007', acquirer: '476173', terminal: 'TERM0001', amount: { amountMinor: 1_250, currency: '978' }, messageId: 'm1', routed: 'own', outcome: 'answered',
    answeredBy: 'account', reason: '0000', responseCode: '00', ...changes,
  };
}

interface Kept {
  readonly lines: MessageLines;
  readonly batches: MessageBatch[];
  readonly lost: number[];
}

/** Lines whose batches go nowhere but into `batches`. */
function gathered(linesMax = 100_000): Kept {
  const batches: MessageBatch[] = [];
  const lost: number[] = [];
  return { lines: new MessageLines({ switchName: 's1', linesMax, post: (batch) => batches.push(batch), after: () => undefined, now: () => today, lost: (lines) => lost.push(lines) }), batches, lost };
}

interface Keeping {
  readonly keeper: MessageKeeper;
  readonly settled: [number, boolean][];
  readonly pruned: string[];
}

function keeping(now: () => number, days: number): Keeping {
  const settled: [number, boolean][] = [];
  const pruned: string[] = [];
  return { keeper: new MessageKeeper({ now, days, settled: (id, isKept) => settled.push([id, isKept]), trouble: () => undefined, pruned: (name) => pruned.push(name), sleep: async () => await Promise.resolve() }), settled, pruned };
}

describe('on this thread', () => {
  it('lines are handed over a thousand at a time, or when they are asked for', () => {
    const { lines, batches } = gathered();
    for (let each = 0; each < 1_001; each += 1) lines.write(line());
    expect(batches.map((batch) => batch.lines)).toEqual([1_000]);
    lines.flush();
    lines.flush();
    expect(batches.map((batch) => [batch.lines, batch.rows.split('\n').length - 1])).toEqual([[1_000, 1_000], [1, 1]]);
  });

  it('more than may wait are counted, told, and confessed in the log once there is room', () => {
    const { lines, batches, lost } = gathered(3);
    for (let each = 0; each < 5; each += 1) lines.write(line());
    expect([lines.lost, lost]).toEqual([2, [1]]);
    lines.flush();
    lines.settled(batches[0]!.id, true);
    lines.write(line());
    lines.flush();
    expect(batches[1]!.rows).toContain('\tlost\t');
    expect(batches[1]!.rows).toContain('2 lines before this one could not be kept');
    expect([batches[1]!.lines, lost]).toEqual([2, [1, 2]]);
  });

  it('what an office that is gone had said nothing of goes over again, and what it gave up is lost', () => {
    const { lines, batches } = gathered();
    lines.write(line());
    lines.flush();
    lines.again();
    expect(batches.map(({ id }) => id)).toEqual([1, 1]);
    lines.settled(1, false);
    lines.settled(1, true);
    expect([lines.waiting, lines.lost]).toEqual([0, 1]);
  });
});

describe.for(['embedded', 'server'] as const)('in the %s book', (kind) => {
  let fixture: BookFixture;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
  });
  afterAll(async () => {
    await fixture.remove();
  });

  async function partitions(book: Book): Promise<string[]> {
    const rows = await book.query<{ readonly name: string }>(`select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'message_log'::regclass order by 1`);
    return rows.map(({ name }) => name);
  }

  it('each line is there as it was written, whatever the wire has put into it', async () => {
    const book = await fixture.open();
    const { keeper, settled } = keeping(() => today, 30);
    const { lines, batches } = gathered();
    lines.write(line({ terminal: 'A\tB\\C\nD\0', detail: 'x\\N' }));
    lines.write(line({ ...blankLine, atMs: today + 1, direction: 'out', mti: '0800', class: 'network', what: 'echo', outcome: 'expired' }));
    lines.flush();
    keeper.open(book);
    keeper.add(batches[0]!);
    await keeper.stop();
    expect(settled).toEqual([[1, true]]);
    const [first, second] = await readMessageLog(book, {}, 10);
    expect(first).toMatchObject({
      atMs: today, elapsedMs: 1.25, switch: 's1', station: 'pos', connection: 3, direction: 'in', mti: '0100', answerMti: '0110', maskedPan: '476173******0011', cardToken: 'TOKEN', stan: '7',
      terminal: 'A\tB\\C\nD\uFFFD', amountMinor: 1_250, currency: '978', messageId: 'm1', routed: 'own', outcome: 'answered', answeredBy: 'account', reason: '0000', responseCode: '00',
      standInReason: undefined, detail: 'x\\N',
    });
    expect(second).toMatchObject({ outcome: 'expired', elapsedMs: undefined, answerMti: undefined, cardToken: undefined, amountMinor: undefined, messageId: undefined });
    for (const [filter, count] of [[{ stan: '000007' }, 1], [{ rrn: '000000000007' }, 1], [{ cardToken: 'TOKEN' }, 1], [{ station: 'pos' }, 2], [{ sinceMs: today + 1 }, 1], [{ outcome: 'late' }, 0], [{ messageId: 'm1' }, 1]] as const) {
      expect(await readMessageLog(book, filter, 10), JSON.stringify(filter)).toHaveLength(count);
    }
  });

  it('days are kept as many as wanted, and a line of another day is not lost for it', async () => {
    const book = await fixture.open();
    let now = today;
    const { keeper, pruned } = keeping(() => now, 2);
    keeper.open(book);
    for (let day = 0; day < 4; day += 1) {
      now = today + day * dayMs;
      const { lines, batches } = gathered();
      lines.write(line({ atMs: now, stan: String(day + 1) }));
      // Of a clock that was wrong.
      lines.write(line({ atMs: now - 400 * dayMs, stan: '99' }));
      lines.flush();
      keeper.add({ id: day + 1, rows: batches[0]!.rows });
      await keeper.stop();
    }
    expect(await partitions(book)).toEqual(['message_log_20261124', 'message_log_20261125', 'message_log_20261126', 'message_log_other']);
    expect(pruned).toEqual(['message_log_20261122', 'message_log_20261123']);
    expect((await readMessageLog(book, {}, 10)).map(({ stan }) => stan)).toEqual(['99', '3', '4']);
  });

  it('what the book refuses is given up and said, and holds up nothing', async () => {
    const book = await fixture.open();
    const { keeper, settled } = keeping(() => today, 30);
    const { lines, batches } = gathered();
    lines.write(line());
    lines.flush();
    keeper.open(book);
    keeper.add({ id: 1, rows: 'no row\n' });
    keeper.add({ id: 2, rows: batches[0]!.rows });
    await keeper.stop();
    expect(settled).toEqual([[1, false], [2, true]]);
    expect(await readMessageLog(book, {}, 10)).toHaveLength(1);
  });

  it('two offices on one book make a day once', async () => {
    const book = await fixture.open();
    const both = [keeping(() => today, 30), keeping(() => today, 30)];
    await Promise.all(both.map(async ({ keeper }, index) => {
      const { lines, batches } = gathered();
      lines.write(line({ stan: String(index + 1) }));
      lines.flush();
      keeper.open(book);
      keeper.add(batches[0]!);
      await keeper.stop();
    }));
    expect((await readMessageLog(book, {}, 10)).map(({ stan }) => stan).sort()).toEqual(['1', '2']);
  });
});
