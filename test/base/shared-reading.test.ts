import { expect, test } from 'vitest';
import { SharedReading } from '../../src/base/shared-reading.ts';

function readings(): { readonly shared: SharedReading<number>; readonly begun: PromiseWithResolvers<number>[] } {
  const begun: PromiseWithResolvers<number>[] = [];
  const shared = new SharedReading<number>(async () => {
    const reading = Promise.withResolvers<number>();
    begun.push(reading);
    return await reading.promise;
  });
  return { shared, begun };
}

test('all who ask at once share one reading', async () => {
  const { shared, begun } = readings();
  const asked = [shared.join(), shared.join(), shared.join()];
  begun[0]!.resolve(1);
  expect(await Promise.all(asked)).toEqual([1, 1, 1]);
  expect(begun).toHaveLength(1);
});

test('whoever needs a fresh one is not answered by one that began before, and they share the next', async () => {
  const { shared, begun } = readings();
  const early = shared.join();
  const fresh = [shared.afresh(), shared.afresh()];
  expect(begun).toHaveLength(1);
  begun[0]!.resolve(1);
  expect(await early).toBe(1);
  await expect.poll(() => begun.length).toBe(2);
  begun[1]!.resolve(2);
  expect(await Promise.all(fresh)).toEqual([2, 2]);
});

test('a reading that fails is no reason against the next one', async () => {
  const { shared, begun } = readings();
  const early = shared.join();
  const fresh = shared.afresh();
  begun[0]!.reject(new Error('away'));
  await expect(early).rejects.toThrow('away');
  await expect.poll(() => begun.length).toBe(2);
  begun[1]!.resolve(2);
  expect(await fresh).toBe(2);
});
