/** What an outage of an issuer may cost, and what an issuer that comes and goes is told. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { buys, code, issuerComes, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

function standInWith(outageCaps: object): object {
  return {
    version: 1, currency: 'EUR',
    unavailable: { tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline', limits: [] },
    outageCaps,
  };
}

test('an issuer that answers echoes and nothing else is in one outage, with one cap', async () => {
  const at = await startHostSwitch({ issuer: { standIn: standInWith({ issuer: { countMax: 3 } }), timers: { posMs: 150, cashMs: 150, adviceMs: 500 }, circuit: { failuresMax: 1, openMs: 100, openMaxMs: 100, echoMs: 300 } } });
  const issuer = await issuerComes(at, [{ match: { mti: '100' }, do: 'drop' }]);
  const shop = await at.call();
  const codes: string[] = [];
  for (let stan = 1; stan <= 25; stan += 1) {
    codes.push(code(await shop.ask(buys(shop, stan, { 4: '000000000001' }))));
    await delay(40);
  }
  const trials = issuer.types().filter((type) => type === '0100').length;
  expect(trials).toBeGreaterThan(3);
  // The first one timed out before anybody knew of an outage: it counts for its day.
  expect(codes.filter((each) => each === '0110 00').length).toBeLessThanOrEqual(4);
}, 30_000);
