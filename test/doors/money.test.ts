/** Money over the doors: balances, statements, transfers, partners' balances, the summary, webhooks and jobs; and whom they are hidden from. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainAll } from '../book/drains.ts';
import { openReceiver } from '../lifecycle/receiver.ts';
import { isSigned } from '../../src/lifecycle/webhook-signature.ts';
import { Secret } from '../../src/message/secret.ts';
import { confirm, bearer, keyed, newColleague, newUser, openSession, pair, said, staffHeaders } from './devices.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';

let doors: Doors;
let partner: Partner;
let stranger: Partner;
let admin: { readonly authorization: string };
let employee: { readonly authorization: string };

beforeAll(async () => {
  doors = await openDoors();
  [partner, stranger] = await Promise.all([doors.partner('demo'), doors.partner('stranger')]);
  admin = await staffHeaders(doors, await newColleague(doors, 'ada', 'admin'));
  employee = await staffHeaders(doors, await newColleague(doors, 'eve', 'employee'));
});
afterAll(endDoors);

const eur = (amountMinor: number): { readonly amountMinor: number; readonly currency: string } => ({ amountMinor, currency: 'EUR' });

async function post(path: string, body: unknown, by: Partner = partner, headers = keyed()): Promise<Reply> {
  return await doors.ask(path, { method: 'POST', partner: by, headers, ...(body === undefined ? {} : { body }) });
}

interface Holder {
  readonly userId: string;
  readonly balanceId: string;
  /** Of the balance, at the partner's door. */
  readonly path: string;
}

let phones = 0;

async function holder(amountMinor = 0): Promise<Holder & { readonly phone: string }> {
  phones += 1;
  const phone = `+38591${String(phones).padStart(7, '0')}`;
  const userId = await newUser(doors, partner, { isVerified: true, phone });
  const { balanceId = '' } = said(await post(`/secure/customers/${userId}/balances`, { name: 'Everyday' }), 201);
  const path = `/secure/customers/${userId}/balances/${balanceId}`;
  if (amountMinor > 0) said(await post(`${path}/reload`, { amount: eur(amountMinor) }), 200);
  return { userId, balanceId, path, phone };
}

/** What the work beside the doors does, once. */
async function work(): Promise<void> {
  for (const each of doors.lifecycle.work) while (await each.run()) { /* Until it is done. */ }
}

test('a balance is opened for a verified user alone, loaded, drawn on and closed, and says what is in it', async () => {
  const unverified = await newUser(doors, partner);
  expect(await post(`/secure/customers/${unverified}/balances`, {})).toMatchObject({ status: 409, json: { code: 'USER_NOT_VERIFIED' } });
  const { userId, path, balanceId } = await holder();
  const headers = keyed();
  const loaded = await post(`${path}/reload`, { amount: eur(5_000) }, partner, headers);
  expect(loaded).toMatchObject({ status: 200, json: { balanceId, userId, state: 'open', ledger: eur(5_000), held: eur(0), available: eur(5_000), cards: [] } });
  expect((await post(`${path}/reload`, { amount: eur(5_000) }, partner, headers)).text).toBe(loaded.text);
  expect(await post(`${path}/reload`, { amount: { amountMinor: 1, currency: 'USD' } })).toMatchObject({ status: 422, json: { code: 'CURRENCY_MISMATCH' } });
  expect(await post(`${path}/withdraw`, { amount: eur(5_001) })).toMatchObject({ status: 409, json: { code: 'FUNDS_INSUFFICIENT' } });
  expect(await post(`${path}/close`, undefined)).toMatchObject({ status: 409, json: { code: 'BALANCE_NOT_EMPTY' } });
  expect(await post(`${path}/withdraw`, { amount: eur(5_000) })).toMatchObject({ status: 200, json: { available: eur(0) } });
  expect(await post(`${path}/close`, undefined)).toMatchObject({ status: 200, json: { state: 'closed' } });
  expect(await post(`${path}/reload`, { amount: eur(1) })).toMatchObject({ status: 409, json: { code: 'BALANCE_CLOSED' } });
  expect((await doors.ask(`/secure/customers/${userId}/balances`, { partner })).json).toMatchObject({ items: [{ balanceId, state: 'closed' }] });
});

test('an amount that is none is refused by its field', async () => {
  const { path } = await holder();
  for (const amount of [eur(0), eur(-5), eur(1.5), { amountMinor: 5 }, { amountMinor: '5', currency: 'EUR' }, { amountMinor: 5, currency: 'euro' }, eur(1e15)]) {
    const reply = await post(`${path}/reload`, { amount });
    expect(reply.status).toBe(400);
    expect((reply.json as { field: string }).field).toMatch(/amount/);
  }
});

test('the statement has what happened, the latest first, page by page', async () => {
  const { path } = await holder(1_000);
  said(await post(`${path}/withdraw`, { amount: eur(300) }), 200);
  said(await post(`${path}/reload`, { amount: eur(7) }), 200);
  await drainAll(doors.desks.store, doors.book);
  const first = (await doors.ask(`${path}/transactions?limit=2`, { partner })).json as { items: { ledgerChange: object; kind: string }[]; nextCursor: string };
  expect(first.items.map(({ kind, ledgerChange }) => [kind, ledgerChange])).toEqual([['load', eur(7)], ['withdrawal', eur(-300)]]);
  const second = (await doors.ask(`${path}/transactions?limit=2&cursor=${first.nextCursor}`, { partner })).json as typeof first;
  expect(second).toMatchObject({ items: [{ kind: 'load', ledgerChange: eur(1_000) }] });
  expect(second.nextCursor).toBeUndefined();
});

test('a user sends money from the app after a second confirmation, by the receiver’s phone number, and each side sees its own', async () => {
  const [from, to] = [await holder(2_000), await holder()];
  const app = await pair(doors, partner, from.userId);
  const session = await openSession(doors, app);
  const headers = { ...bearer(session.token), ...keyed() };
  const body = { balanceId: from.balanceId, receiver: { phone: to.phone }, amount: eur(450), note: 'Lunch' };
  expect(await doors.ask('/customers/me/transfers', { method: 'POST', headers, body })).toMatchObject({ status: 403, json: { code: 'CONFIRMATION_REQUIRED' } });
  expect((await confirm(doors, app, session, 'beginTransferMobile')).status).toBeLessThan(300);
  const sent = await doors.ask('/customers/me/transfers', { method: 'POST', headers, body });
  expect(sent).toMatchObject({ status: 201, json: { state: 'completed', amount: eur(450), sender: { balanceId: from.balanceId }, receiver: { userId: to.userId } } });
  expect(sent.text).not.toContain(to.balanceId);
  const { transferId = '' } = said(sent, 201);
  expect((await doors.ask(`/customers/me/transfers/${transferId}`, { headers: bearer(session.token) })).json).toEqual(sent.json);
  expect((await doors.ask(to.path, { partner })).json).toMatchObject({ available: eur(450) });
  expect((await doors.ask(`/secure/customers/${to.userId}/transfers`, { partner })).json).toMatchObject({ items: [{ transferId, receiver: { balanceId: to.balanceId } }] });
  expect((await doors.ask(`/customers/me/balances/${to.balanceId}`, { headers: bearer(session.token) })).status).toBe(404);
  expect((await doors.ask('/customers/me/balances', { headers: bearer(session.token) })).json).toMatchObject({ items: [{ balanceId: from.balanceId, available: eur(1_550) }] });
});

test('the app opens a balance, and has no way to put money on it', async () => {
  const userId = await newUser(doors, partner, { isVerified: true });
  const { token } = await openSession(doors, await pair(doors, partner, userId));
  const { balanceId = '' } = said(await doors.ask('/customers/me/balances', { method: 'POST', headers: { ...bearer(token), ...keyed() }, body: {} }), 201);
  expect((await doors.ask(`/customers/me/balances/${balanceId}/reload`, { method: 'POST', headers: { ...bearer(token), ...keyed() }, body: { amount: eur(1) } })).status).toBe(404);
});

test('to another partner nothing of it is there', async () => {
  const { userId, path, balanceId } = await holder(100);
  const { transferId = '' } = said(await post(`/secure/customers/${userId}/transfers`, { balanceId, receiver: { userId: (await holder()).userId }, amount: eur(5) }), 201);
  for (const [method, at, body] of [
    ['GET', path], ['GET', `${path}/transactions`], ['POST', `${path}/reload`, { amount: eur(1) }], ['POST', `${path}/withdraw`, { amount: eur(1) }], ['POST', `${path}/close`],
    ['GET', `/secure/customers/${userId}/transfers/${transferId}`], ['POST', `/secure/customers/${userId}/transfers`, { balanceId, receiver: { userId }, amount: eur(1) }], ['POST', `/secure/customers/${userId}/balances`, {}],
  ] as const) {
    const reply = await doors.ask(at, { method, partner: stranger, headers: keyed(), ...(body === undefined ? {} : { body }) });
    expect([at, reply.status]).toEqual([at, 404]);
    expect((await doors.ask(at, { method, headers: keyed(), ...(body === undefined ? {} : { body }) })).status).toBe(401);
  }
  expect((await doors.ask(`/secure/customers/${userId}/balances`, { partner: stranger })).json).toEqual({ items: [] });
  expect((await doors.ask(`/secure/customers/${userId}/transfers`, { partner: stranger })).json).toEqual({ items: [] });
});

test('staff make and load a partner’s balance, those who may; the partner sees its own', async () => {
  const base = '/admin/partners/demo/balances';
  const ask = async (path: string, method: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<Reply> => await doors.ask(path, { method, headers: { ...keyed(), ...headers }, ...(body === undefined ? {} : { body }) });
  expect((await ask(base, 'POST', employee, { kind: 'partner', currency: 'USD' })).status).toBe(403);
  said(await ask(base, 'POST', admin, { kind: 'partner', currency: 'USD' }), 201);
  const usd = { amountMinor: 900, currency: 'USD' };
  said(await ask(`${base}/partner/reload`, 'POST', admin, { amount: usd }), 200);
  expect((await ask(`${base}/partner/withdraw`, 'POST', employee, { amount: usd })).status).toBe(403);
  said(await ask(`${base}/partner/level`, 'PUT', admin, { levelMinor: 100, notifyEmail: 'treasury@partner.example' }), 200);
  expect((await ask(base, 'GET', employee)).json).toMatchObject({ items: [{ kind: 'partner', left: usd, level: { amountMinor: 100, currency: 'USD' } }] });
  expect((await doors.ask('/secure/partner_balances/partner', { partner })).json).toMatchObject({ partner: 'demo', left: usd });
  expect((await doors.ask('/secure/partner_balances', { partner: stranger })).json).toEqual({ items: [] });
  await drainAll(doors.desks.store, doors.book);
  const summary = (await ask('/admin/balance_summary', 'GET', employee)).json as { currencies: { currency: string; usersMinor: number; partnersMinor: number; walletMinor: number }[] };
  expect(summary.currencies.find(({ currency }) => currency === 'USD')).toMatchObject({ partnersMinor: 900, usersMinor: 0, walletMinor: 900 });
  expect((await doors.ask('/secure/balance_summary', { partner: stranger })).json).toEqual({ currencies: [] });
});

test('a partner is told at its webhook, whose secret it alone can read, and can ask again for what was sent', async () => {
  const own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const publicKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  said(await doors.ask('/secure/encryption_key', { method: 'PUT', partner, headers: keyed(), body: { publicKey } }), 200);
  const service = createPublicKey(said(await doors.ask('/secure/public_key', { partner }), 200)['pem'] ?? '');
  const receiver = await openReceiver();
  const wish = Buffer.from(JSON.stringify({ url: receiver.url, types: ['balance.opened', 'balance.loaded', 'transfer.completed'] }));
  const payload = await new CompactEncrypt(wish).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(service);
  const made = await doors.ask('/secure/webhooks', { method: 'POST', partner, headers: keyed({ 'public-key': publicKey, 'encrypted-request': 'true' }), body: { payload } });
  const { plaintext } = await compactDecrypt((made.json as { payload: string }).payload, own.privateKey);
  const { webhookId, secret } = JSON.parse(Buffer.from(plaintext).toString()) as { webhookId: string; secret: string };
  expect(made.status).toBe(201);
  expect(made.headers.location).toBe(`/secure/webhooks/${webhookId}`);

  await drainAll(doors.desks.store, doors.book);
  const [from, to] = [await holder(900), await holder()];
  said(await post(`/secure/customers/${from.userId}/transfers`, { balanceId: from.balanceId, receiver: { userId: to.userId }, amount: eur(5) }), 201);
  await drainAll(doors.desks.store, doors.book);
  await work();
  await expect.poll(async () => (await doors.ask(`/secure/webhooks/${webhookId}`, { partner })).json).toMatchObject({ waiting: 0 });
  const told = receiver.received.filter(({ body }) => body.includes(from.balanceId));
  expect(told.map(({ event }) => event.type).toSorted()).toEqual(['balance.loaded', 'balance.opened', 'transfer.completed']);
  for (const { headers, body } of told) expect(isSigned(headers, body, new Secret(secret), doors.now())).toBe(true);

  const shown = await doors.ask(`/secure/webhooks/${webhookId}`, { partner });
  expect(shown).toMatchObject({ status: 200, json: { waiting: 0, dead: 0, failures: 0 } });
  expect(`${shown.text}${doors.logged()}`).not.toContain(secret);
  expect(await post(`/secure/webhooks/${webhookId}/replay`, { eventIds: [told[0]!.event.id] })).toMatchObject({ status: 202, json: { replayed: 1 } });
  for (const body of [{}, { deadOnly: false }, { since: 'yesterday' }, { since: '2026-02-31T25:00:00Z' }]) expect((await post(`/secure/webhooks/${webhookId}/replay`, body)).status).toBe(400);
  await work();
  await expect.poll(async () => (await doors.ask(`/secure/webhooks/${webhookId}`, { partner })).json).toMatchObject({ waiting: 0 });
  expect(receiver.received.filter(({ event }) => event.id === told[0]!.event.id)).toHaveLength(2);
  expect((await doors.ask(`/secure/webhooks/${webhookId}/deliveries?state=delivered&limit=1`, { partner })).json).toMatchObject({ items: [{ state: 'delivered', lastStatus: 204 }] });
  expect((await doors.ask(`/secure/webhooks/${webhookId}`, { partner: stranger })).status).toBe(404);
  expect((await doors.ask(`/secure/webhooks/${webhookId}`, { method: 'DELETE', partner, headers: keyed() })).status).toBe(204);
  expect((await doors.ask('/secure/webhooks', { partner })).json).toEqual({ items: [] });
  await receiver.close();
});

test('nothing that was asked for here was a fault of the doors', () => {
  expect(doors.failures).toEqual([]);
});
