import { afterAll, beforeAll, expect, test } from 'vitest';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { newId, openDesks } from './fixture.ts';
import type { Desks } from './fixture.ts';

let desks: Desks;

beforeAll(async () => {
  desks = await openDesks();
});

afterAll(async () => {
  await desks.close();
});

const pan = Pan.parse('4761730000009996');
if (pan === undefined) throw new Error('the test card has a number');

async function openBalance(): Promise<string> {
  const accountId = newId('b');
  const opened = await desks.desk.apply({ kind: 'open', id: newId('i'), accountId, receivedAtMs: Date.now(), currency: '978', program: 'demo', partner: 'demo' });
  expect(opened).toEqual({ kind: 'applied', reason: '0000', isRepeat: false });
  return accountId;
}

test('a message to an account is applied once for its id, and the account is seen as it is then', async () => {
  const { desk } = desks;
  const accountId = await openBalance();
  const load = { kind: 'load', id: newId('i'), accountId, receivedAtMs: Date.now(), amountMinor: 5_000 } as const;
  expect(await desk.apply(load)).toEqual({ kind: 'applied', reason: '0000', isRepeat: false });
  expect(await desk.apply(load)).toEqual({ kind: 'applied', reason: '0000', isRepeat: true });
  const accounts = await desk.accounts([accountId, newId('b')]);
  expect([...accounts.keys()]).toEqual([accountId]);
  expect(accounts.get(accountId)).toMatchObject({ ledgerMinor: 5_000, heldMinor: 0, program: 'demo', currency: '978' });
});

test('what an account refuses comes with its reason', async () => {
  const accountId = await openBalance();
  const { desk } = desks;
  expect(await desk.apply({ kind: 'load', id: newId('i'), accountId, receivedAtMs: Date.now(), amountMinor: -1 })).toEqual({ kind: 'applied', reason: '1016', isRepeat: false });
  expect(await desk.apply({ kind: 'load', id: newId('i'), accountId: newId('b'), receivedAtMs: Date.now(), amountMinor: 1 })).toEqual({ kind: 'applied', reason: '1018', isRepeat: false });
});

test('what stand-in may have given away is not taken out, sent or closed over before the account has it; what comes in is taken', async () => {
  const { desk, behind } = desks;
  const accountId = await openBalance();
  const base = { accountId, receivedAtMs: Date.now() } as const;
  const [load, withdraw] = [5_000, -5_000].map((amountMinor) => ({ ...base, kind: 'load' as const, id: newId('i'), amountMinor }));
  behind.add(accountId);
  expect(await desk.apply(load!)).toMatchObject({ kind: 'applied', reason: '0000' });
  const transferId = newId('t');
  for (const message of [withdraw!, { ...base, kind: 'transferOut', id: `${transferId}.out`, transferId, amountMinor: 1 }, { ...base, kind: 'close', id: newId('i') }] as const) {
    expect(await desk.apply(message), message.kind).toEqual({ kind: 'unreachable' });
  }
  expect((await desk.accounts([accountId])).get(accountId)).toMatchObject({ ledgerMinor: 5_000, isClosed: false });
  behind.delete(accountId);
  expect(await desk.apply(withdraw!)).toEqual({ kind: 'applied', reason: '0000', isRepeat: false });
});

test('questions of one turn about many accounts are answered each with its own', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, openBalance));
  const seen = await Promise.all(ids.map(async (id) => await desks.desk.accounts([id])));
  expect(seen.map((accounts) => [...accounts.keys()])).toEqual(ids.map((id) => [id]));
});

test('a card that is added is found by its token, and stays with its account', async () => {
  const { desk } = desks;
  const [accountId, other] = [await openBalance(), await openBalance()];
  const { token, encryptedPan } = await desk.newCard({ program: 'demo', pan, expiry: '3112', needsCvv2: false });
  const card = { token, state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 0, pin: undefined } as const;
  const message = { kind: 'cardChange', id: newId('i'), receivedAtMs: Date.now(), card, encryptedPan, maskedPan: pan.masked } as const;
  expect(await desk.apply({ ...message, accountId })).toMatchObject({ reason: '0000' });
  expect(await desk.apply({ ...message, accountId: other })).toMatchObject({ reason: '9113' });
  expect(await desk.accountsOfCards([token, 'nobody'])).toEqual(new Map([[token, accountId]]));
  expect((await desk.accounts([other])).get(other)?.cards).toEqual([]);
});

test('a lock that its account has taken is told to all who may stand in before it is acknowledged, and one that it refuses is not', async () => {
  const { desk, toldLocks } = desks;
  const accountId = await openBalance();
  const cardToken = `token-${accountId}`;
  const base = { accountId, receivedAtMs: Date.now(), cardToken } as const;
  const card = { token: cardToken, state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 0, pin: undefined } as const;
  await desk.apply({ ...base, kind: 'cardChange', id: newId('i'), card, encryptedPan: 'sealed', maskedPan: '476173******9996' });
  const told = (): unknown => toldLocks.filter(([token]) => token === cardToken).map(([, lockCode, by]) => [lockCode, by]);
  const lock = { ...base, kind: 'cardLock', id: newId('i'), lockCode: 7, by: 'holder' } as const;
  expect([await desk.apply(lock), told()]).toMatchObject([{ reason: '0000' }, [[7, 'holder']]]);
  expect([await desk.apply({ ...lock, id: newId('i'), lockCode: 4 }), told()]).toMatchObject([{ reason: '1019' }, [[7, 'holder']]]);
  expect([await desk.apply({ ...base, kind: 'cardUnlock', id: newId('i') }), told()]).toMatchObject([{ reason: '0000' }, [[7, 'holder'], [0, 'system']]]);
  expect([await desk.apply(lock), told()]).toMatchObject([{ reason: '0000', isRepeat: true }, [[7, 'holder'], [0, 'system']]]);
});

test('a card that is removed or replaced is told of too, and a repeat tells what its account has by then', async () => {
  const { desk, toldLocks } = desks;
  const accountId = await openBalance();
  const base = { accountId, receivedAtMs: Date.now(), encryptedPan: 'sealed', maskedPan: '476173******9996' } as const;
  const cardOf = (name: string) => ({ token: `${name}-${accountId}`, state: 'active', lockCode: 0, expiry: '3112', serviceCode: '201', cvv2Generation: 0, pinVersion: 0, pin: undefined }) as const;
  const [lost, old, next, gone] = [cardOf('lost'), cardOf('old'), cardOf('next'), cardOf('gone')];
  for (const card of [lost, old, gone]) await desk.apply({ ...base, kind: 'cardChange', id: newId('i'), card });
  const told = (card: { readonly token: string }): unknown => toldLocks.filter(([token]) => token === card.token).map(([, lockCode]) => lockCode);
  const lock = { ...base, kind: 'cardLock', id: newId('i'), cardToken: lost.token, lockCode: 1 } as const;
  const replace = { ...base, kind: 'cardReplace', id: newId('i'), cardToken: old.token, card: next } as const;
  const remove = { ...base, kind: 'cardRemove', id: newId('i'), cardToken: gone.token } as const;
  for (const message of [lock, replace, remove, lock, replace]) expect(await desk.apply(message)).toMatchObject({ reason: '0000' });
  await desk.apply({ ...base, kind: 'cardReplace', id: newId('i'), cardToken: lost.token, card: cardOf('found') });
  // What is lost stays lost.
  expect([lost, old, next, gone].map(told)).toEqual([[1, 1, 1], [8, 8], [], [5]]);
});

test('a card number comes back from its seal, and from no other place', async () => {
  const { desk } = desks;
  const { token, encryptedPan } = await desk.newCard({ program: 'demo', pan, expiry: '3112', needsCvv2: false });
  expect(encryptedPan).not.toContain(pan.reveal());
  expect((await desk.openPan(encryptedPan, token)).equals(pan)).toBe(true);
  await expect(desk.openPan(encryptedPan, 'c_2')).rejects.toMatchObject({ status: 503, code: 'KEYS_UNREACHABLE' });
});

test('a verification value changes with the expiry date and with each reset', async () => {
  const { desk } = desks;
  const of = async (expiry: string, generation: number): Promise<string> => (await desk.cvv2({ program: 'demo', pan, expiry, generation })).reveal();
  const values = await Promise.all([of('3112', 0), of('3112', 0), of('3112', 1), of('3012', 0)]);
  expect(values[1]).toBe(values[0]);
  expect((await desk.newCard({ program: 'demo', pan, expiry: '3112', needsCvv2: true })).cvv2?.reveal()).toBe(values[0]);
  expect((await desk.newCard({ program: 'demo', pan, expiry: '3112', needsCvv2: false })).cvv2).toBeUndefined();
  expect(new Set(values).size).toBe(3);
  for (const value of values) expect(value).toMatch(/^[0-9]{3}$/);
});

test('a new PIN has a reference, and a seal for the chip; what is no PIN has neither', async () => {
  const { desk } = desks;
  const of = (digits: string): Parameters<typeof desk.newPin>[0] => ({ program: 'demo', pan, token: 'token', pin: new Secret(digits), keyIndex: undefined });
  const ready = await desk.newPin(of('4711'));
  expect(ready).toMatchObject({ reference: { method: 'pvv', keyIndex: 1 } });
  expect(ready.sealed).toBeTypeOf('string');
  await expect(desk.newPin(of('47a1'))).rejects.toMatchObject({ status: 400, field: 'pin' });
});

test('a PIN block under one zone key says the same under another', async () => {
  const { desk } = desks;
  const block = await desk.pinBlock({ pan, pin: new Secret('4711'), zoneKey: 'demo-zpk' });
  const again = await desk.translatePinBlock({ pan, block, fromKey: 'demo-zpk', toKey: 'demo-zpk' });
  expect(again.reveal()).toBe(block.reveal());
});

test('an answer is kept sealed, and opens in its place', async () => {
  const { desk } = desks;
  const sealed = await desk.sealMessage(new TextEncoder().encode('{"pan":"…"}'), 'call-1');
  expect(new TextDecoder().decode(await desk.openMessage(sealed, 'call-1'))).toBe('{"pan":"…"}');
});

test('the programs come with their ranges, their cards and whose they are', async () => {
  const programs = await desks.desk.programs();
  expect(programs.find(({ name }) => name === 'demo')).toMatchObject({
    partner: 'demo', isOwn: true, currency: '978', timeZone: 'UTC', ranges: [{ from: '476173', to: '476173' }], hasPin: true, hasChip: true,
    cards: { kinds: ['virtual', 'physical', 'digitalFirst'], validMonths: 36, serviceCode: '201' }, merchantGroups: ['gambling'],
  });
  expect(programs.find(({ name }) => name === 'demo-host')).toMatchObject({ isOwn: false });
});

test('a partner’s credit is changed once for each id', async () => {
  const { desk } = desks;
  const load = { id: newId('i'), partner: 'somebody', amountMinor: 700 };
  expect(await desk.load(load)).toBe('loaded');
  expect(await desk.load(load)).toBe('repeat');
  expect(await desk.leftMinor('somebody')).toBe(700);
});
