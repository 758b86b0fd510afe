/** Who decides on a remote issuer's cards, and when: the issuer, stand-in's rules before it, or by agreement this switch; over real sockets. */
import { afterEach, expect, test } from 'vitest';
import type { TransactionEntry } from '../../src/account/journal.ts';
import { until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

function standInReasons(entries: readonly TransactionEntry[]): string[] {
  return entries.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('standin:')));
}

test('an issuer that asks for stand-in by its response code is stood in for with that reason, then left alone, tried, and asked again', async () => {
  const at = await startHostSwitch({ issuer: { circuit: { askedMs: 300, openMs: 200, openMaxMs: 400, echoMs: 300 } } });
  const issuer = await issuerComes(at, [{ match: { mti: '100', times: 1 }, do: 'standIn' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'open', why: 'asked' });
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(standInReasons(await at.entries())).toEqual(['standin:asked', 'standin:asked']);
  // It did nothing, and so nothing is taken back: of each decision it is told once.
  await at.delivered();
  expect(issuer.types().filter((type) => type !== '0100')).toEqual(['0120', '0120']);
  expect(issuer.messages().filter(({ mti }) => mti === '0120').map(({ why }) => why)).toEqual(['1000', '1000']);
  await until(() => issuer.host.exposureMinor(hostPan) === 2_500, 'it holds what was approved for it');
  let stan = 3;
  await until(() => at.issuers.status('demo-host')?.phase !== 'open', 'it is tried again');
  while (at.issuers.status('demo-host')?.phase !== 'closed') {
    await shop.ask(buys(shop, stan, { 4: '000000000001' }));
    stan += 1;
  }
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversals: 0 });
});

test('without stand-in a card whose issuer asks for it is declined; another code is an answer like any', async () => {
  const at = await startHostSwitch({ issuer: { mode: 'host', askingCodes: ['N0'] } });
  await issuerComes(at, [{ match: { mti: '100', amountMinor: 100 }, do: 'decline', code: '91' }, { match: { mti: '100' }, do: 'standIn', code: 'N0' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000000100' })))).toBe('0110 91');
  expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'closed' });
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 91');
  expect(at.issuers.status('demo-host')).toMatchObject({ phase: 'open', why: 'asked' });
});

/** Small purchases are easy; above 20.00 the issuer is to say. */
const strict = {
  version: 4, currency: 'EUR',
  available: {
    tests: { cryptogram: 'ifCarried' },
    decisions: [{ name: 'forbidden', when: { merchantCategory: ['7995'] }, outcome: 'decline', reason: '1019' }, { name: 'easy', when: { purpose: ['purchase'] }, outcome: 'approve' }],
    otherwise: 'forward',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 2_000 }, { scope: 'overall', period: 'day', amountMinorMax: 3_000, countMax: 10 }],
  },
  unavailable: {
    tests: { cryptogram: 'ifCarried' }, decisions: [{ name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }], otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'day', amountMinorMax: 100_000, countMax: 100 }],
  },
  outageCaps: {},
};

test('while the issuer is there stand-in approves the easy ones and leaves it the rest; what a rule forbids is declined without it', async () => {
  const at = await startHostSwitch({ issuer: { whileAvailable: 'standInFirst', standIn: strict } });
  const issuer = await issuerComes(at, [{ match: { mti: '100', amountMinor: 2_500 }, do: 'decline', code: '51' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000002500' })))).toBe('0110 51');
  // Two of 12.50 are within the day's 30.00, a third is not: it is the issuer's.
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 4)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 5, { 18: '7995' })))).toBe('0110 57');
  await at.delivered();
  expect(issuer.messages().map(({ mti, stan }) => `${mti} ${stan === '' ? '' : 'x'}`).sort()).toEqual(['0100 x', '0100 x', '0120 x', '0120 x', '0120 x']);
  expect(issuer.messages().filter(({ mti }) => mti === '0120').map(({ why }) => why)).toEqual(['1000', '1000', '1000']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(3 * 1_250);
  const entries = await at.entries();
  expect(standInReasons(entries)).toEqual(['standin:withinParameters', 'standin:withinParameters', 'standin:withinParameters']);
  // What stand-in approved is reversed by the name of its advice; what the issuer approved by that of the request.
  expect(code(await shop.ask(reverses(shop, 6, 1, { 37: undefined })))).toBe('0430 00');
  expect(code(await shop.ask(reverses(shop, 7, 4, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 1_250, 'both are taken back');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('a wrong cryptogram is declined while the issuer is there, and never passed on', async () => {
  const at = await startHostSwitch({ issuer: { whileAvailable: 'standInFirst', standIn: strict } });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const tags = new Map([['9F02', '000000001250'], ['9F26', '1122334455667788'], ['9F27', '80'], ['9F36', '0001'], ['9F37', '01020304'], ['95', '0000000000'], ['9A', '261122'], ['9C', '00'], ['5F2A', '0978'], ['9F1A', '0276'], ['9F03', '000000000000'], ['82', '1800'], ['9F10', '06010A03A00000'], ['5F34', '01']]);
  expect(code(await shop.ask(buys(shop, 1, { 22: '051', 4: '000000900000' }).setTags(55, tags)))).toMatch(/^0110 (?!00|91)/);
  await at.delivered();
  expect(issuer.types()).toEqual(['0120']);
  expect((await at.entries())[0]).toMatchObject({ reason: '1840', decidedBy: 'standin' });
});
