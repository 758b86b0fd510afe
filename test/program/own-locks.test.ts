/** Operators' locks of own cards, at one switch and at two, with Redis there and killed: declined at once by every switch that was reached, and in the account once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import type { LockOrdered } from '../../src/program/operator-locks.ts';
import { startCuttingProxy } from '../fault/cutting-proxy.ts';
import { freePort } from '../servers/ports.ts';
import { card, emptyFolder, eventually, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { begin, bought, command, endPairs, listed, operatorToken, pair, servers } from './pair.ts';

afterAll(endPairs);

const other = '4761730000001001';
const third = '4761730000001019';

async function told(program: ProgramProcess, words: readonly string[]): Promise<LockOrdered> {
  const { out, err } = await command(program, [...words, '--json']);
  if (out === '') throw new Error(err);
  return JSON.parse(out) as LockOrdered;
}

async function inBook(url: string, pan: string): Promise<{ readonly lock: number; readonly changes: number }> {
  const book = await openBook({ databaseUrl: url });
  try {
    const [row] = await book.query<{ lock: number; changes: number }>(
      `select c.lock_code::int as lock, (select count(*)::int from journal_entry j where j.account_id = c.account_id and j.kind = 'card') as changes from card c where c.masked_pan like '%${pan.slice(-4)}' order by c.added_at limit 1`,
    );
    return row ?? { lock: -1, changes: -1 };
  } finally {
    await book.close();
  }
}

async function changedTo(url: string, pan: string, lock: number): Promise<number> {
  await eventually(async () => (await inBook(url, pan)).lock === lock, `the book has the card with lock ${lock}`);
  return (await inBook(url, pan)).changes;
}

describe('two switches on one Redis', () => {
  test('a lock is in the account and on both negative lists when the command ends, and what a switch saw of the account before counts no more', async () => {
    const all = await servers();
    const { a, b } = await pair(all);
    for (const program of [a, b]) for (const pan of [card, other]) expect(await bought(program, pan)).toBe('00');
    const answer = await command(a, ['lock', card, '--code', '3', '--by', 'mia', '--why', 'holder called']);
    expect(answer).toMatchObject({ code: 0, err: '' });
    expect(answer.out).toMatch(/^Card [A-Za-z0-9_-]{22} is locked with code 3 \(pending query\), and its account has it\. On the negative list of a, b\.\n$/);
    for (const program of [a, b]) expect(await listed(program)).toMatchObject([{ lockCode: 3, by: 'mia', why: 'holder called', accountHasSince: expect.any(String) as unknown }]);
    expect(await changedTo(all.url, card, 3)).toBe(2);
    const locked = await bought(a, card);
    expect(locked).not.toBe('00');
    await all.redis.kill();
    // b has not seen the account since.
    expect(await bought(b, card)).toBe(locked);
    expect(await bought(a, card)).toBe(locked);
    expect(await bought(b, other)).toBe('00');
    await all.redis.restart();
    await Promise.all([a.said('accounts have what was answered for them'), b.said('accounts have what was answered for them')]);
    expect(await told(b, ['unlock', card, '--why', 'cleared'])).toMatchObject({ lockCode: 0, account: 'has', reached: ['b', 'a'], notReached: [] });
    for (const program of [a, b]) {
      expect(await listed(program)).toMatchObject([{ lockCode: 0, why: 'cleared' }]);
      expect(await bought(program, card)).toBe('00');
    }
    await all.redis.kill();
    for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
    expect(a.output + b.output).not.toContain(card);
    await all.redis.restart();
    await Promise.all([a.stop(), b.stop()]);
  });

  test('with Redis killed a lock is taken at one switch, declined by both, and in the account once when Redis is back, whichever of them brings it', async () => {
    const all = await servers();
    const { a, b } = await pair(all);
    for (const program of [a, b]) for (const pan of [card, other]) expect(await bought(program, pan)).toBe('00');
    const before = (await inBook(all.url, card)).changes;
    await all.redis.kill();
    for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
    const ordered = await told(a, ['lock', card, '--code', '7', '--why', 'fraud']);
    expect(ordered).toMatchObject({ account: 'waits', reached: ['a', 'b'], notReached: [] });
    const [atA, atB] = [await bought(a, card), await bought(b, card)];
    expect(atA).not.toBe('00');
    expect(atB).toBe(atA);
    // By its token, and for a card whose account no switch has seen.
    expect(await told(b, ['lock', ordered.card, '--code', '4', '--why', 'other'])).toMatchObject({ card: ordered.card, lockCode: 4, account: 'waits', reached: ['b', 'a'] });
    expect(await told(b, ['lock', third, '--code', '1', '--why', 'lost'])).toMatchObject({ account: 'waits', reached: ['b', 'a'] });
    expect(await told(a, ['lock', other, '--code', '3', '--why', 'query'])).toMatchObject({ reached: ['a', 'b'] });
    expect(await told(a, ['unlock', other])).toMatchObject({ reached: ['a', 'b'] });
    for (const program of [a, b]) expect(await bought(program, other)).toBe('00');
    await all.redis.restart();
    await Promise.all([a.said('accounts have what was answered for them'), b.said('accounts have what was answered for them')]);
    for (const program of [a, b]) {
      expect(await bought(program, card)).not.toBe('00');
      expect(await bought(program, other)).toBe('00');
      expect(await bought(program, third)).not.toBe('00');
      expect((await listed(program)).map(({ lockCode, accountHasSince }) => [lockCode, accountHasSince !== undefined]).sort()).toEqual([[0, true], [1, true], [4, true]]);
    }
    expect(await changedTo(all.url, card, 4)).toBe(before + 2);
    expect(await changedTo(all.url, third, 1)).toBe(2);
    expect(await command(a, ['unlock', third])).toMatchObject({ code: 1, err: expect.stringMatching(/its account does not take it: .*lost/i) as unknown });
    expect(a.of('card order not taken by its account')).toEqual([]);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('a switch that alone is cut off from Redis has a lock in the account at once, by the other; what the other is told later holds when it is back', async () => {
    const all = await servers();
    const line = await startCuttingProxy(all.redis.port);
    const { a, b } = await pair(all, { REDIS_URL: `redis://127.0.0.1:${line.port}` });
    for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
    line.cutEverything();
    expect(await bought(a, card)).toBe('00');
    expect(await told(a, ['lock', card, '--code', '7', '--why', 'fraud'])).toMatchObject({ account: 'has', reached: ['a', 'b'] });
    const before = await changedTo(all.url, card, 7);
    for (const program of [a, b]) expect(await bought(program, card)).not.toBe('00');
    expect(await told(b, ['unlock', card, '--why', 'cleared'])).toMatchObject({ account: 'has', reached: ['b', 'a'] });
    for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
    line.letPass();
    await a.said('accounts have what was answered for them');
    for (const program of [a, b]) expect(await bought(program, card)).toBe('00');
    expect(await changedTo(all.url, card, 0)).toBe(before + 1);
    await Promise.all([a.stop(), b.stop()]);
    await line.close();
  });

  test('a switch that is not reached is named, goes on approving, and has the lock when the command is given again', async () => {
    const all = await servers();
    const { a, b, folderB, portA, portB } = await pair(all);
    expect(await bought(a, card)).toBe('00');
    await b.kill();
    const missed = await command(a, ['lock', card, '--code', '3', '--why', 'query']);
    expect(missed).toMatchObject({ code: 1, out: expect.stringContaining('On the negative list of a.') as unknown, err: expect.stringContaining('b was not reached (ECONNREFUSED)') as unknown });
    expect(a.of('card lock ordered')).toMatchObject([{ level: 'warn', reached: ['a'], notReached: [{ switch: 'b', why: 'ECONNREFUSED' }] }]);
    const again = await begin(all, folderB, 'b', portB, { name: 'a', port: portA });
    expect(await listed(again)).toEqual([]);
    expect(await told(a, ['lock', card, '--code', '3', '--why', 'query'])).toMatchObject({ reached: ['a', 'b'], notReached: [] });
    expect(await listed(again)).toMatchObject([{ lockCode: 3 }]);
    await Promise.all([a.stop(), again.stop()]);
  });
});

test('a switch that is killed with a lock that waits has it on its list again, declines by it, and brings it to the account once', async () => {
  const all = await servers();
  const folder = emptyFolder();
  const port = await freePort();
  let program = await begin(all, folder, 'a', port);
  expect(await bought(program, card)).toBe('00');
  await all.redis.kill();
  expect(await told(program, ['lock', card, '--code', '2', '--why', 'stolen'])).toMatchObject({ account: 'waits', reached: ['a'] });
  // What it could not be unlocked from then, it cannot now.
  expect(await command(program, ['unlock', card])).toMatchObject({ code: 1, err: expect.stringMatching(/does not take it: .*stolen/i) as unknown });
  expect(await command(program, ['lock', card, '--code', '3', '--why', 'x'])).toMatchObject({ code: 1 });
  await program.kill();
  await all.redis.restart();
  program = await begin(all, folder, 'a', port);
  expect(program.of('accounts are told of an earlier outage')).toHaveLength(1);
  await eventually(async () => (await listed(program)).every(({ accountHasSince }) => accountHasSince !== undefined), 'the list knows that the account has it');
  expect(await listed(program)).toMatchObject([{ lockCode: 2, why: 'stolen' }]);
  expect(await bought(program, card)).not.toBe('00');
  expect(await changedTo(all.url, card, 2)).toBe(2);
  expect(await told(program, ['lock', card, '--code', '2', '--why', 'again'])).toMatchObject({ account: 'has' });
  await program.stop();
});

describe('orders that are refused', () => {
  let program: ProgramProcess;
  beforeAll(async () => {
    program = await startProgram(emptyFolder(), { LOCUM_OPERATOR_TOKEN: operatorToken });
    await eventually(async () => (await command(program, ['locks', '--json'])).code === 0, 'the switch hears its operators');
  });

  test.for<[words: string, code: number, sentence: string]>([
    ['lock 4761730000000011 --code 9 --why x', 2, '--code must be 1 to 8, not 9'],
    ['lock 4761730000000011 --why x', 2, '--code must be 1 to 8'],
    ['lock 4761730000000011 --code 3', 2, '--why is missing'],
    ['lock 5413330000000019 --code 3 --why x', 1, 'this is no number of a card whose account is here'],
    ['lock 4761730000000012 --code 3 --why x', 1, 'this is no number of a card whose account is here'],
    ['lock 4761730000999998 --code 3 --why x', 1, 'its account does not take it'],
    ['lock short --code 3 --why x', 1, 'token must be a card\'s token: 22 letters, digits, hyphens and underscores'],
    ['lock 4761730000000110 --code 3 --why x', 1, 'its account does not take it'],
    ['unlock 4761730000000110', 1, 'its account does not take it'],
    ['lock 4761730000000052 --code 3 --why x', 1, 'its account does not take it'],
  ])('%s', async ([words, code, sentence]) => {
    const answer = await command(program, words.split(' '));
    expect(answer).toMatchObject({ code, out: '' });
    expect(answer.err).toContain(sentence);
    expect(answer.err).not.toMatch(/[0-9]{13}/);
    expect(await listed(program)).toEqual([]);
  });
});
