import { expect, it } from 'vitest';
import { run } from '../../bench/holds.ts';
import { MemoryStore } from '../../src/store/memory.ts';

it('the benchmark of open holds measures an account that has them', async () => {
  const store = new MemoryStore({ partitions: 1, now: Date.now });
  const figure = await run(store, { holds: 300, rounds: 1, durationMs: 20, inFlight: 8 });
  expect(figure.openHolds).toBe(300);
  for (const rate of [figure.emptyPerSecond, figure.fullPerSecond, figure.reversalsPerSecond]) expect(rate).toBeGreaterThan(0);
});
