/** Which outage of the own accounts' store it is: what one may approve is bounded by its caps. */
import { expect, test } from 'vitest';
import { openLedger } from '../../src/issuer/ledger.ts';
import { sameOutageMs } from '../../src/standin/exposure.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { OwnOutage } from '../../src/switch/own-outage.ts';
import type { OwnTerms } from '../../src/switch/own-outage.ts';
import { message, startMs } from '../account/fixture.ts';
import { openRules } from '../standin/fixture.ts';

test('a store that is away again soon after it came back is in the same outage, with one cap', async () => {
  let nowMs = startMs;
  const now = (): number => nowMs;
  const store = new MemoryStore({ partitions: 1, now });
  const quiet = (): void => undefined;
  const ledger = await openLedger({ store, now, elapsed: now, atTurnEnd: (work) => work(), after: quiet, events: { commit: quiet, conflict: quiet, trouble: quiet, recovered: quiet } });
  const outage = new OwnOutage({ ledger, now });
  const terms: OwnTerms = { policy: () => ({ hasStandIn: true, rules: openRules({}), cachedAgeMaxSeconds: 60, switches: 1 }), headroomMinor: () => undefined, listedLock: () => 0, controlsTold: () => undefined };
  const arrival = { message: message('0200', 100), issuer: 'own', surroundings: () => ({ minuteOfDay: 720, country: undefined }) };
  const outageAt = (afterMs: number): number => {
    nowMs = startMs + afterMs;
    return outage.stateOf(terms, arrival, undefined).facts.outageId;
  };
  const endsAt = (afterMs: number): void => {
    nowMs = startMs + afterMs;
    outage.end();
  };
  expect(outageAt(0)).toBe(startMs);
  endsAt(1_000);
  expect(outageAt(1_000 + sameOutageMs - 1)).toBe(startMs);
  endsAt(2_000 + sameOutageMs);
  expect(outageAt(2_000 + 2 * sameOutageMs)).toBe(startMs + 2_000 + 2 * sameOutageMs);
  ledger.close();
  await store.close();
});
