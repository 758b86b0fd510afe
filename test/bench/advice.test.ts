import { expect, it } from 'vitest';
import { run } from '../../bench/advice.ts';

it('the benchmark of the advice file writes, finds again and delivers', async () => {
  const figure = await run({ count: 300, inFlight: 32 });
  for (const rate of [figure.writesPerSecond, figure.deliveredPerSecond, figure.openMs]) expect(rate).toBeGreaterThan(0);
  expect(figure.writeMs.p99).toBeGreaterThanOrEqual(figure.writeMs.median);
});
