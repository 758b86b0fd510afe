import { describe, expect, it } from 'vitest';
import { benchedEngines, measureStore } from '../../bench/store.ts';

describe('the benchmark of the store engines', () => {
  for (const name of ['memory', 'sqlite', 'redis-always']) {
    it(`runs on ${name}`, async () => {
      const engine = await benchedEngines[name]?.();
      if (engine === undefined) throw new Error(`there is no engine ${name}`);
      const { commitsInFlightMax: inFlight } = engine.store;
      const load = { group: 16, inFlight, accounts: 100, withRecord: true, durationMs: 200 };
      const { commitsPerSecond, callMs } = await measureStore(engine.store, load);
      expect(commitsPerSecond).toBeGreaterThan(100);
      expect(callMs.p99).toBeGreaterThanOrEqual(callMs.median);
      expect(await engine.store.journalLength({ partition: 0, epoch: 1 })).toBeGreaterThan(0);
      await engine.close();
    });
  }
});
