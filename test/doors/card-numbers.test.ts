/** A card number where none belongs, at every place that a caller writes: in no table, no journal and no log, and a repeat is known all the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RememberedAnswers } from '../../src/lifecycle/remembered-answers.ts';
import { webhookUrl } from '../../src/lifecycle/webhook-address.ts';
import { holdsCardNumber } from '../../src/base/mask.ts';
import { drainAll } from '../book/drains.ts';
import { keyed, newColleague, newUser, pairing, pairingCode, said, staffHeaders } from './devices.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';

let doors: Doors;
let partner: Partner;
let admin: { readonly authorization: string };

/** A number of the demo's range. */
const number = '4761739001010119';

beforeAll(async () => {
  doors = await openDoors();
  partner = await doors.partner('demo');
  admin = await staffHeaders(doors, await newColleague(doors, 'ada', 'admin'));
});
afterAll(endDoors);

async function send(path: string, body: unknown, headers: Readonly<Record<string, string>> = keyed(), method = 'POST'): Promise<Reply> {
  const isAdmin = path.startsWith('/admin');
  return await doors.ask(path, { method, body, headers: { ...(isAdmin ? admin : {}), ...headers }, ...(isAdmin ? {} : { partner }) });
}

async function eachTable(): Promise<readonly string[]> {
  const tables = await doors.book.query<{ readonly name: string }>(`select table_name as name from information_schema.tables where table_schema = 'public' order by 1`);
  return tables.map(({ name }) => name);
}

/** Tables in which the number is, with or without what groups it. */
async function tablesWithIt(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await eachTable()) {
    const [row] = await doors.book.query(`select from "${name}" t where regexp_replace(t::text, '[ .-]', '', 'g') like '%${number}%' limit 1`);
    if (row !== undefined) found.push(name);
  }
  return found;
}

async function journalText(): Promise<string> {
  const { store } = doors.desks;
  const epochs = await store.epochs();
  const entries = await Promise.all(epochs.map(async (epoch, partition) => await store.tail({ partition, epoch }, undefined, 10_000)));
  return JSON.stringify(entries);
}

test.for([['alone', number], ['behind a word', `order-${number}`], ['in groups', '4761-7390-0101-0119'], ['before a count', `${number}.1`]] as const)('as the key of calls, %s, it is kept as a digest, and the same call again is the same call', async ([, key]) => {
  const userId = await newUser(doors, partner, { isVerified: true });
  const asked = { 'x-idempotency-key': key };
  const opened = await send(`/secure/customers/${userId}/balances`, { name: 'Everyday' }, asked);
  const { balanceId = '' } = said(opened, 201);
  const again = await send(`/secure/customers/${userId}/balances`, { name: 'Everyday' }, asked);
  expect([again.text, again.headers['idempotency-replayed']]).toEqual([opened.text, 'true']);
  expect(await send(`/secure/customers/${userId}/balances`, { name: 'Other' }, asked)).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_CONFLICT' } });
  const load = { amount: { amountMinor: 500, currency: 'EUR' } };
  for (let call = 0; call < 3; call += 1) {
    expect(await send(`/secure/customers/${userId}/balances/${balanceId}/reload`, load, asked)).toMatchObject({ status: 200, json: { ledger: { amountMinor: 500 } } });
    // Forgotten by the doors it is done once all the same.
    await doors.book.query('delete from remembered_answer where operation = \'reloadBalance\'');
  }
  const journal = await journalText();
  expect(journal).toContain(balanceId);
  expect(journal.replaceAll(/[ .-]/g, '')).not.toContain(number);
  await drainAll(doors.desks.store, doors.book);
  expect(await tablesWithIt()).toEqual([]);
  expect(doors.logged().replaceAll(/[ .-]/g, '')).not.toContain(number);
});

test('an answer that is kept under such a key since before it was a digest is told again, and nothing is done twice', async () => {
  const userId = await newUser(doors, partner, { isVerified: true });
  const { balanceId = '' } = said(await send(`/secure/customers/${userId}/balances`, {}), 201);
  const asked = { 'x-idempotency-key': `${number}-upgrade` };
  const load = { amount: { amountMinor: 700, currency: 'EUR' } };
  const first = await send(`/secure/customers/${userId}/balances/${balanceId}/reload`, load, asked);
  await doors.book.query(`update remembered_answer set key = $1 where operation = 'reloadBalance' and key like 'digest:%' and body like $2`, [asked['x-idempotency-key'], `%${balanceId}%`]);
  const again = await send(`/secure/customers/${userId}/balances/${balanceId}/reload`, load, asked);
  expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([200, first.text, 'true']);
  await doors.book.query('delete from remembered_answer where key = $1', [asked['x-idempotency-key']]);
});

test('a key without one is kept as it is, as every switch of before kept it', async () => {
  const memory = new RememberedAnswers({ book: doors.book, digestKey: async () => await Promise.resolve(new Uint8Array(32)), holder: 'one', holdMs: 1_000 });
  for (const key of ['01JD3V6W3Z5W2T4KQ1R8XJ7C9M', 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg', 'd3b07384-d9a0-4c9b-8f6e-2a1c5e7f9b10', 'order-20261122']) expect(await memory.keyFor({ caller: 'partner:demo', operation: 'pay', key })).toBe(key);
});

test('what is looked for again is refused with its field where there is one in it, and what is only read is masked', async () => {
  const userId = await newUser(doors, partner);
  const refused: readonly (readonly [string, string, unknown, string])[] = [
    ['POST', '/secure/customers', { externalId: number }, 'externalId'], ['POST', '/secure/customers', { externalId: `card:${number}` }, 'externalId'],
    ['PATCH', `/secure/customers/${userId}`, { externalId: '4761-7390-0101-0119' }, 'externalId'], ['PATCH', `/secure/customers/${userId}`, { email: `${number}@example.org` }, 'email'],
    ['PATCH', `/secure/customers/${userId}`, { familyName: `Lovelace ${number}` }, 'familyName'],
    ['POST', `/secure/customers/${userId}/register`, { givenName: number, familyName: 'Lovelace', birthDate: '1990-12-10' }, 'givenName'],
    ['POST', '/admin/staff', { name: `card${number}`, role: 'employee' }, 'name'],
    ['PUT', '/admin/partners/demo/balances/credit/level', { levelMinor: 1, notifyEmail: `${number}@example.org` }, 'notifyEmail'],
  ];
  for (const [method, path, body, field] of refused) expect(await send(path, body, keyed(), method), `${method} ${path} ${field}`).toMatchObject({ status: 400, json: { code: 'CARD_NUMBER_REFUSED', field } });
  expect(() => webhookUrl(`https://hooks.example.org/${number}?of=shop`, { allowsPrivate: false })).toThrow(expect.objectContaining({ code: 'CARD_NUMBER_REFUSED', field: 'url' }) as Error);
  const { body } = pairing(await pairingCode(doors, partner, userId));
  said(await doors.ask('/customers/me/devices', { method: 'POST', body: { ...body, name: `Telephone ${number}` } }), 201);
  expect((await doors.ask(`/secure/customers/${userId}/devices`, { partner })).json).toMatchObject({ items: [{ name: 'Telephone 476173******0119' }] });
  // Whoever writes it into an address: the audit log has what was asked for.
  expect((await send(`/admin/partners/${number}/balances`, { kind: 'partner' })).status).toBe(404);
  expect((await doors.ask(`/secure/webhooks/${number}`, { partner, headers: { 'x-request-id': `request-${number}` } })).status).toBe(400);
  expect(await tablesWithIt()).toEqual([]);
  expect(doors.logged()).not.toContain(number);
});

test('a number that is none, an id in hex and a counter are taken as they are', async () => {
  const ids = ['4761739001010118', '1763856000000', '1790000000000000006', 'd3b07384d9a04c9b8f6e4761739001010119ab', '550e8400-e29b-41d4-a716-476173900101', '20261122-0001', '47617390010101194761739001010119'];
  expect(ids.filter(holdsCardNumber)).toEqual([]);
  for (const externalId of ids) said(await send('/secure/customers', { externalId }), 201);
});
