/** Who decides on a remote issuer's cards, and when: the issuer, stand-in's rules before it, or by agreement this switch; over real sockets. */
import { afterEach, expect, test } from 'vitest';
import type { TransactionEntry } from '../../src/account/journal.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { demoKeyFile, openHsm } from '../keys/fixture.ts';
import { management, until } from './fixture.ts';
import { buys, code, hostPan, issuerComes, reverses, silent, startHostSwitch, stopHosts } from './hosts.ts';

afterEach(stopHosts);

function standInReasons(entries: readonly TransactionEntry[]): string[] {
  return entries.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('standin:')));
}

test('an issuer that asks for stand-in by its response code is stood in for with that reason, then left alone, tried, and asked again', async () => {
  const at = await startHostSwitch({ issuer: { circuit: { askedMs: 2_000, openMs: 200, openMaxMs: 400, echoMs: 5_000 } } });
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

test('under load what is small is decided by the strict rules, and the issuer told; what they do not approve, and what is not small, goes to it', async () => {
  const at = await startHostSwitch({ issuer: { volumeSteps: [{ perSecond: 1, belowMinor: 1_500 }, { perSecond: 100_000, belowMinor: 50_000 }], standIn: strict } });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  const ask = async (stan: number, minor: number, type?: string): Promise<string> => code(await shop.ask(buys(shop, stan, { 4: String(minor).padStart(12, '0') }, type)));
  // 12.50 twice, of 30.00 a day; a third time it is the issuer's, as 15.00 is whatever was used.
  expect([await ask(1, 1_250), await ask(2, 1_500), await ask(3, 1_250, '200'), await ask(4, 1_250)]).toEqual(['0110 00', '0110 00', '0210 00', '0110 00']);
  expect(code(await shop.ask(buys(shop, 5, { 4: '000000000100', 18: '7995' })))).toBe('0110 57');
  await at.delivered();
  expect([...issuer.types()].sort()).toEqual(['0100', '0100', '0120', '0120', '0220']);
  expect(standInReasons(await at.entries())).toEqual(['standin:belowThreshold', 'standin:belowThreshold', 'standin:belowThreshold']);
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
  // Away it is away, and nothing is below anything.
  await issuer.host.kill();
  await until(() => at.issuers.status('demo-host')?.phase !== 'closed', 'the issuer is away');
  expect(await ask(6, 1_250)).toBe('0110 00');
  expect(standInReasons(await at.entries()).at(-1)).not.toBe('standin:belowThreshold');
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

/** Purchases up to 100.00, fewer than a hundred a day; gambling never. */
const ours = {
  version: 7, currency: 'EUR',
  unavailable: {
    tests: { cryptogram: 'ifCarried' },
    decisions: [{ name: 'forbidden', when: { merchantCategory: ['7995'] }, outcome: 'decline', reason: '1019' }, { name: 'purchase', when: { purpose: ['purchase'] }, outcome: 'approve' }],
    otherwise: 'decline',
    limits: [{ scope: 'overall', period: 'transaction', amountMinorMax: 10_000 }, { scope: 'overall', period: 'day', amountMinorMax: 3_000, countMax: 100 }],
  },
  outageCaps: { card: { countMax: 1 } },
};

test('where the switch decides by agreement the issuer is asked nothing and told everything, and no outage is counted', async () => {
  const at = await startHostSwitch({ issuer: { mode: 'switch', standIn: ours } });
  const issuer = await issuerComes(at);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 2)))).toBe('0110 00');
  expect(code(await shop.ask(buys(shop, 3)))).toBe('0110 61');
  await at.delivered();
  expect(issuer.types()).toEqual(['0120', '0120', '0120']);
  expect(issuer.messages().map(({ why }) => why)).toEqual(['1000', '1000', '1000']);
  expect(issuer.host.exposureMinor(hostPan)).toBe(2_500);
  expect(new Set(standInReasons(await at.entries()))).toEqual(new Set(['standin:issuersOption']));
  expect(code(await shop.ask(reverses(shop, 4, 1, { 37: undefined })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 1_250, 'it is taken back');
  expect(code(await shop.ask(buys(shop, 5)))).toBe('0110 00');
});

test('where the issuer may decide otherwise its answer counts; what it declines takes nothing of a limit', async () => {
  const at = await startHostSwitch({ issuer: { mode: 'switchThenHost', standIn: ours } });
  const issuer = await issuerComes(at, [{ match: { mti: '100', amountMinor: 1_200 }, do: 'decline', code: '51' }]);
  const shop = await at.call();
  expect(code(await shop.ask(buys(shop, 1, { 4: '000000001200' })))).toBe('0110 51');
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000002000' })))).toBe('0110 00');
  // 20.00 of 30.00 are used: this switch would decline, and the issuer approves.
  expect(code(await shop.ask(buys(shop, 3, { 4: '000000001500' })))).toBe('0110 00');
  // What a rule forbids is for nobody to approve.
  expect(code(await shop.ask(buys(shop, 4, { 18: '7995' })))).toBe('0110 57');
  await at.delivered();
  expect(issuer.types()).toEqual(['0100', '0100', '0100', '0120']);
  const entries = (await at.entries()).filter(({ mti }) => mti === '0100');
  expect(entries.map(({ decidedBy, reason, flags }) => [decidedBy, reason, flags.find((flag) => flag.startsWith('proposed'))])).toEqual([
    ['issuer', '1016', 'proposed:0000'], ['issuer', '0000', 'proposed:0000'], ['issuer', '0000', 'proposed:1021'], ['standin', '1019', undefined],
  ]);
  expect(issuer.host.exposureMinor(hostPan)).toBe(3_500);
  // A repeat is answered as before, and nothing more goes out.
  expect(code(await shop.ask(buys(shop, 2, { 4: '000000002000' }, '101')))).toBe('0110 00');
  expect(code(await shop.ask(reverses(shop, 6, 2, { 37: undefined, 4: '000000002000' })))).toBe('0430 00');
  await until(() => issuer.host.exposureMinor(hostPan) === 1_500, 'it is taken back');
  expect(issuer.host.summary).toMatchObject({ doubles: 0, reversalsUnknown: 0 });
});

test('the issuer sees what is proposed in the request', async () => {
  const at = await startHostSwitch({ issuer: { mode: 'switchThenHost', standIn: ours } });
  const issuer = await at.call('demo-host');
  issuer.send(management(issuer.codec, 1, '001'));
  await issuer.next();
  await until(() => at.issuers.overview[0]?.status.phase === 'closed', 'the issuer takes requests');
  const shop = await at.call();
  shop.send(buys(shop, 1));
  const request = await issuer.next();
  expect([request.mti, request.text(39), request.text(38)?.length]).toEqual(['0100', '00', 6]);
});

test.for(['reverseThenAdvise', 'adviseReplaces'] as const)('what was proposed stands where the issuer says nothing, and it is told so (%s)', async (unanswered) => {
  const at = await startHostSwitch({ issuer: { mode: 'switchThenHost', standIn: ours, unanswered, ...silent } });
  const issuer = await issuerComes(at, [{ match: { mti: '100', amountMinor: 1_250 }, do: 'drop' }]);
  const shop = await at.call();
  const answer = await shop.ask(buys(shop, 1));
  expect(code(answer)).toBe('0110 00');
  expect((await shop.ask(buys(shop, 1, {}, '101'))).text(38)).toBe(answer.text(38));
  await at.delivered();
  expect(issuer.types()).toEqual(unanswered === 'adviseReplaces' ? ['0100', '0120'] : ['0100', '0420', '0120']);
  await until(() => issuer.host.exposureMinor(hostPan) === 1_250, 'it holds what stands, once');
  const [entry] = await at.entries();
  expect(entry).toMatchObject({ decidedBy: 'standin', reason: '0000', stan: '1' });
  expect(entry?.checks.length).toBeGreaterThan(5);
  expect(issuer.host.summary).toMatchObject({ doubles: 0 });
});

/** A store for one switch that stops in the middle of its life: what it calls never comes back. */
function frozenWhen(isFrozen: () => boolean, store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => (isFrozen() && name !== 'close' ? new Promise(() => undefined) : Reflect.apply(value, target, given));
    },
  });
}

test('a proposal whose switch died stands at another once its time is over, and counts once', async () => {
  const store = new MemoryStore({ partitions: 1, now: () => Date.now() });
  const hsm = openHsm(demoKeyFile());
  let isDead = false;
  const one = await startHostSwitch({ store: frozenWhen(() => isDead, store), hsm, issuer: { mode: 'switchThenHost', standIn: ours, ...silent } });
  const first = await issuerComes(one, [{ match: { mti: '100' }, do: 'drop' }]);
  const shop = await one.call();
  shop.send(buys(shop, 1));
  await until(() => first.host.exposureMinor(hostPan) > 0, 'it is in flight');
  isDead = true;
  const other = await startHostSwitch({ store, hsm, issuer: { mode: 'switchThenHost', standIn: ours, ...silent } });
  const second = await issuerComes(other);
  const elsewhere = await other.call();
  expect(code(await elsewhere.ask(buys(elsewhere, 1, {}, '101')))).toBe('0110 00');
  await other.delivered();
  expect(second.types()).toEqual(['0420', '0120']);
  expect(second.host.summary).toMatchObject({ requests: 0, doubles: 0 });
  // 12.50 of 30.00 are used.
  const codes: string[] = [];
  second.host.setRules([{ match: { mti: '100' }, do: 'drop' }]);
  for (const stan of [2, 3]) codes.push(code(await elsewhere.ask(buys(elsewhere, stan))));
  expect(codes).toEqual(['0110 00', '0110 61']);
});
