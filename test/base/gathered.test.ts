import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { Gathered, gatheredReading } from '../../src/base/gathered.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';

let books: BookFixture;
let book: Book;
beforeAll(async () => {
  books = await bookFixtures.embedded();
  book = await books.open();
});
afterAll(async () => await books.remove());

/** Words in capitals, and how many went in each statement. */
function capitals(itemsMax: number): { readonly gathered: Gathered<string, string>; readonly sizes: number[] } {
  const sizes: number[] = [];
  const gathered = new Gathered<string, string>(itemsMax, async (take) => {
    const rows = await book.query<{ readonly word: string }>('select upper(word) as word from unnest($1::text[]) with ordinality as w (word, place) order by place', () => {
      const words = take();
      sizes.push(words.length);
      return [words];
    });
    return rows.map(({ word }) => word);
  });
  return { gathered, sizes };
}

test('what comes while a statement waits for its turn goes along with it, and each is answered with its own', async () => {
  const { gathered, sizes } = capitals(10);
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  const before = book.transaction(async () => await held);
  const first = gathered.add('one');
  await nextTurn();
  const more = ['two', 'three'].map(async (word) => await gathered.add(word));
  release(undefined);
  await before;
  expect(await Promise.all([first, ...more])).toEqual(['ONE', 'TWO', 'THREE']);
  expect(sizes).toEqual([3]);
});

test('a statement takes no more than so many, and the next one the others', async () => {
  const { gathered, sizes } = capitals(2);
  expect(await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (word) => await gathered.add(word)))).toEqual(['A', 'B', 'C', 'D', 'E']);
  expect(sizes).toEqual([2, 2, 1]);
});

test('who waits for a statement that fails is told so, whether it took them before or not, and the next one is asked as ever', async () => {
  let broken: 'before' | 'after' | 'never' = 'before';
  const gathered = new Gathered<string, string>(10, async (take) => {
    if (broken === 'before') throw new Error('before');
    const words = take();
    if (broken === 'after') throw new Error('after');
    return await Promise.resolve(words);
  });
  await expect(gathered.add('a')).rejects.toThrow('before');
  broken = 'after';
  await expect(gathered.add('b')).rejects.toThrow('after');
  broken = 'never';
  expect(await gathered.add('c')).toBe('c');
});

test('a run begins when it may, and what comes until then goes along, between two runs as before the first', async () => {
  const begins: (() => void)[] = [];
  const runs: (readonly string[])[] = [];
  const gathered = new Gathered<string, string>(10, async (take) => {
    runs.push(take());
    return await Promise.resolve(runs.at(-1)!);
  }, (work) => begins.push(work));
  const begin = async (): Promise<void> => {
    begins.shift()!();
    await nextTurn();
  };
  const all = ['a', 'b'].map(async (item) => await gathered.add(item));
  all.push((async () => await gathered.add(`${await all[0]!} again`))());
  await begin();
  all.push(gathered.add('c'));
  await begin();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'a again', 'c']);
  expect(runs).toEqual([['a', 'b'], ['a again', 'c']]);
});

test('a key that many ask for is read once for all who wait, and again for who asks while it is read', async () => {
  const readings: { readonly keys: readonly string[]; readonly answer: (found: ReadonlyMap<string, number>) => void }[] = [];
  const gathered = gatheredReading<number>(10, async (keys) => {
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, number>>();
    readings.push({ keys, answer: resolve });
    return await promise;
  });
  const first = Promise.all(['a', 'b', 'a'].map(async (key) => await gathered.add(key)));
  await nextTurn();
  const second = gathered.add('a');
  readings[0]!.answer(new Map([['a', 1]]));
  expect(await first).toEqual([1, undefined, 1]);
  await nextTurn();
  readings[1]!.answer(new Map([['a', 2]]));
  expect(await second).toBe(2);
  expect(readings.map(({ keys }) => keys)).toEqual([['a', 'b'], ['a']]);
});
