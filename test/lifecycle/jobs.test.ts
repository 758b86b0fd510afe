import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { addJob, Jobs, pruneJobs, readJob, type JobHandler, type NewJob } from '../../src/lifecycle/jobs.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { bookFixtures, type BookFixture } from '../book/books.ts';

const startMs = Date.UTC(2026, 5, 16, 13);

function job(number: number, change: Partial<NewJob> = {}): NewJob {
  return { id: `j_${String(number).padStart(22, '0')}`, kind: 'count', partner: 'founder', owner: 'u_1', input: { number }, atMs: startMs, ...change };
}

function runner(book: Book, handler: JobHandler, clock: { ms: number }, attemptsMax?: number): Jobs {
  return new Jobs({ book, now: () => clock.ms, random: () => 0.5, handlers: { count: handler }, ...(attemptsMax === undefined ? {} : { attemptsMax }) });
}

describe.each(['embedded', 'server'] as const)('jobs in the %s book', (kind) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  test('each job is done once, however many are at them, and what it gave is kept and told', async () => {
    const book = await books.open();
    await book.query(`insert into webhook (id, partner, url, types, secret_sealed, request_key, created_at) values ('w_1', 'founder', 'https://example.com', '{}', '', 'k', now())`);
    const clock = { ms: startMs };
    for (let number = 0; number < 30; number += 1) await addJob(book, job(number));
    await addJob(book, job(3));
    const done: string[] = [];
    const handler: JobHandler = async ({ id, input }) => {
      done.push(id);
      return await Promise.resolve({ kind: 'done', result: input });
    };
    const all = async (): Promise<void> => {
      const jobs = runner(book, handler, clock);
      while ((await jobs.runDue()) > 0) { /* Until nothing is due. */ }
    };
    await Promise.all([all(), all(), all()]);
    expect(done.toSorted()).toEqual(Array.from({ length: 30 }, (_, number) => job(number).id));
    expect(await readJob(book, job(7).id, { partner: 'founder', owner: 'u_1' })).toMatchObject({ state: 'done', attempts: 1, result: { number: 7 } });
    expect(await book.query('select type from event group by type having count(*) = 30')).toEqual([{ type: 'job.done' }]);
  });

  test('a job whose process was killed is done by another when the lease is over, and the late one ends nothing', async () => {
    const book = await books.open();
    const clock = { ms: startMs };
    await addJob(book, job(1));
    const late = Promise.withResolvers<{ kind: 'done'; result: string }>();
    const stuck = runner(book, async () => await late.promise, clock).runDue();
    await expect.poll(async () => (await book.query('select 1 from job where attempts = 1')).length).toBe(1);
    const other = runner(book, async () => await Promise.resolve({ kind: 'done', result: 'by the other' }), clock);
    expect(await other.runDue()).toBe(0);
    clock.ms += 60_000;
    expect(await other.runDue()).toBe(1);
    late.resolve({ kind: 'done', result: 'too late' });
    await stuck;
    expect(await readJob(book, job(1).id, { partner: 'founder' })).toMatchObject({ state: 'done', result: 'by the other' });
  });

  test('what may succeed later is tried later, and given up in the end; what is against a rule is not tried again', async () => {
    const book = await books.open();
    const clock = { ms: startMs };
    await addJob(book, job(1));
    await addJob(book, job(2));
    const jobs = runner(book, async ({ id }) => {
      if (id === job(2).id) throw new LifecycleRefused(409, 'BALANCE_CLOSED', 'the balance is closed');
      return await Promise.reject(new Error('away'));
    }, clock, 3);
    expect(await jobs.runDue()).toBe(2);
    expect(await jobs.runDue()).toBe(0);
    for (let attempt = 2; attempt <= 3; attempt += 1) {
      clock.ms += 10_000;
      expect(await jobs.runDue()).toBe(1);
    }
    clock.ms += 86_400_000;
    expect(await jobs.runDue()).toBe(0);
    expect(await readJob(book, job(1).id, { partner: 'founder' })).toMatchObject({ state: 'failed', attempts: 3, trouble: 'away' });
    expect(await readJob(book, job(2).id, { partner: 'founder' })).toMatchObject({ state: 'failed', attempts: 1, trouble: 'BALANCE_CLOSED: the balance is closed' });
  });

  test('what is away is waited for, for as long as that is: a job that may have been done is not said to have failed', async () => {
    const book = await books.open();
    const clock = { ms: startMs };
    await addJob(book, job(1));
    let isAway = true;
    const jobs = runner(book, async () => {
      if (isAway) throw new LifecycleRefused(503, 'ACCOUNTS_UNREACHABLE', 'the accounts cannot be reached');
      return await Promise.resolve({ kind: 'done', result: null });
    }, clock, 3);
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      expect(await jobs.runDue()).toBe(1);
      clock.ms += 900_000;
    }
    expect(await readJob(book, job(1).id, { partner: 'founder' })).toMatchObject({ state: 'waiting', attempts: 10, trouble: 'the accounts cannot be reached' });
    isAway = false;
    expect(await jobs.runDue()).toBe(1);
    expect(await readJob(book, job(1).id, { partner: 'founder' })).toMatchObject({ state: 'done' });
  });

  test('a job is shown to whom it is for, and to nobody else', async () => {
    const book = await books.open();
    await addJob(book, job(1));
    for (const whose of [{ partner: 'another' }, { partner: 'founder', owner: 'u_2' }]) {
      await expect(readJob(book, job(1).id, whose)).rejects.toMatchObject({ status: 404, code: 'JOB_NOT_FOUND' });
    }
  });

  test('a job that has its end is forgotten after its time, and one that waits is not', async () => {
    const book = await books.open();
    const clock = { ms: startMs };
    await addJob(book, job(1));
    await addJob(book, job(2, { atMs: startMs + 1_000 }));
    expect(await runner(book, async () => await Promise.resolve({ kind: 'done', result: null }), clock).runDue()).toBe(1);
    expect(await pruneJobs(book, startMs)).toBe(0);
    expect(await pruneJobs(book, startMs + 1)).toBe(1);
    expect(await book.query('select id from job')).toEqual([{ id: job(2).id }]);
  });

  test('a job that was added in a transaction that failed is not there', async () => {
    const book = await books.open();
    await expect(book.transaction(async (queries) => {
      await addJob(queries, job(1));
      throw new Error('no');
    })).rejects.toThrow('no');
    expect(await book.query('select id from job')).toEqual([]);
  });
});
