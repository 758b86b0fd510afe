/** Users over the doors: registered by their partner, verified, locked, deleted; and seen by nobody else's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';
import { keyed, newColleague, pair, staffHeaders, userWithSession } from './devices.ts';

let doors: Doors;
let shops: Partner;
let banks: Partner;
let count = 0;

beforeAll(async () => {
  doors = await openDoors();
  [shops, banks] = await Promise.all([doors.partner('shops'), doors.partner('banks')]);
});

afterAll(async () => {
  await endDoors();
});

async function change(partner: Partner, method: string, path: string, body?: unknown, key = `key-${(count += 1)}-of-people`): Promise<Reply> {
  return await doors.ask(path, { method, partner, body, headers: { 'x-idempotency-key': key } });
}

async function registered(partner: Partner, body: unknown = {}): Promise<string> {
  const reply = await change(partner, 'POST', '/secure/customers', body);
  expect(reply.status, reply.text).toBe(201);
  return (reply.json as { userId: string }).userId;
}

test('a partner registers a user once for each key, and finds it by id, external id and phone number', async () => {
  const body = { externalId: 'mia-1', phone: '+48600100201', email: 'mia@example.org', givenName: 'Mia', familyName: 'Świątek' };
  const first = await change(shops, 'POST', '/secure/customers', body, 'one-registration');
  expect(first.status, first.text).toBe(201);
  const user = first.json as { userId: string };
  expect(user).toMatchObject({ ...body, state: 'active', kyc: 'none' });
  expect(first.headers.location).toBe(`/secure/customers/${user.userId}`);
  expect((await change(shops, 'POST', '/secure/customers', body, 'one-registration')).json).toEqual(user);
  expect((await doors.ask(`/secure/customers/${user.userId}`, { partner: shops })).json).toEqual(user);
  expect((await doors.ask('/secure/customers?externalId=mia-1', { partner: shops })).json).toEqual({ items: [user] });
  expect((await doors.ask('/secure/customers?phone=%2B48600100201', { partner: shops })).json).toEqual({ items: [user] });
});

test('an external id and a phone number are one user\'s of a partner, and may be another partner\'s user\'s too', async () => {
  await registered(shops, { externalId: 'same', phone: '+48600100202' });
  expect(await change(shops, 'POST', '/secure/customers', { externalId: 'same' })).toMatchObject({ status: 409, json: { code: 'EXTERNAL_ID_TAKEN', field: 'externalId' } });
  expect(await change(shops, 'POST', '/secure/customers', { phone: '+48600100202' })).toMatchObject({ status: 409, json: { code: 'PHONE_TAKEN', field: 'phone' } });
  await registered(banks, { externalId: 'same', phone: '+48600100202' });
  const other = await registered(shops);
  expect(await change(shops, 'PATCH', `/secure/customers/${other}`, { externalId: 'same' })).toMatchObject({ status: 409, json: { code: 'EXTERNAL_ID_TAKEN' } });
});

test('another partner\'s user is answered as one who is not there, at every route', async () => {
  const userId = await registered(shops);
  const nobody = `u_${'A'.repeat(22)}`;
  const details = { givenName: 'A', familyName: 'B', birthDate: '1990-01-31' };
  const routes: [string, string, unknown?][] = [
    ['GET', ''], ['PATCH', '', { email: 'a@example.org' }], ['DELETE', ''], ['POST', '/lock'], ['POST', '/unlock'], ['POST', '/register', details], ['PUT', '/kyc', { kyc: 'verified' }], ['GET', '/kyc'],
    ['POST', '/pairing_codes'], ['GET', '/devices'], ['DELETE', `/devices/d_${'A'.repeat(22)}`], ['DELETE', '/sessions'],
  ];
  for (const [method, path, body] of routes) {
    const told = await Promise.all([userId, nobody].map(async (id) => {
      const { status, json } = await change(banks, method, `/secure/customers/${id}${path}`, body);
      const { requestId: _requestId, ...rest } = json as Record<string, unknown>;
      return { status, rest };
    }));
    expect(told[0], `${method} ${path}`).toMatchObject({ status: 404, rest: { code: 'USER_NOT_FOUND' } });
    expect(told[1]).toEqual(told[0]);
  }
  expect((await doors.ask('/secure/customers', { partner: banks })).text).not.toContain(userId);
});

test('who follows the cursors meets every user once', async () => {
  const partner = await doors.partner('clubs');
  const made: string[] = [];
  for (let each = 0; each < 7; each += 1) made.push(await registered(partner));
  const met: string[] = [];
  let cursor: string | undefined;
  do {
    const { json } = await doors.ask(`/secure/customers?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`, { partner });
    const page = json as { items: { userId: string }[]; nextCursor?: string };
    met.push(...page.items.map(({ userId }) => userId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(met.sort()).toEqual(made.sort());
  expect(await doors.ask('/secure/customers?cursor=bm9uZQ', { partner })).toMatchObject({ status: 400, json: { code: 'CURSOR_INVALID', field: 'cursor' } });
});

test('verification is begun by the partner, flagged by it, and what the service decided stays', async () => {
  const userId = await registered(shops);
  const path = `/secure/customers/${userId}`;
  expect((await change(shops, 'POST', `${path}/register`, { givenName: 'Mia', familyName: 'Nowak', birthDate: '1990-02-30' })).status).toBe(400);
  expect((await change(shops, 'POST', `${path}/register`, { givenName: 'Mia', familyName: 'Nowak', birthDate: '1990-02-28' })).json).toMatchObject({ kyc: 'started', kycBy: 'service', birthDate: '1990-02-28' });
  expect((await change(shops, 'PUT', `${path}/kyc`, { kyc: 'refused', why: 'forged' })).json).toMatchObject({ kyc: 'refused', kycBy: 'partner' });
  expect((await change(shops, 'PUT', `${path}/kyc`, { kyc: 'verified' })).json).toMatchObject({ kyc: 'verified', kycBy: 'partner' });
  expect((await doors.ask(`${path}/kyc`, { partner: shops })).json).toMatchObject({ items: [{ kyc: 'started', byKind: 'partner', by: 'shops' }, { kyc: 'refused', why: 'forged' }, { kyc: 'verified' }] });
});

test('a user begins the verification in the app, and staff lock and unlock users and end what their devices do', async () => {
  const { app, headers } = await userWithSession(doors, shops);
  const details = { givenName: 'Mia', familyName: 'Nowak', birthDate: '1990-02-28' };
  expect((await doors.ask('/customers/me/register', { method: 'POST', headers: keyed(headers), body: details })).json).toMatchObject({ userId: app.userId, kyc: 'started', kycBy: 'service' });
  const staff = await staffHeaders(doors, await newColleague(doors, 'manager', 'manager'));
  const user = `/admin/customers/${app.userId}`;
  const act = async (method: string, path: string): Promise<Reply> => await doors.ask(path, { method, headers: keyed(staff) });
  expect((await act('GET', `${user}/kyc`)).json).toMatchObject({ items: [{ kyc: 'started', byKind: 'user', by: app.userId }] });
  expect((await act('GET', '/admin/customers?partner=shops&kyc=started')).text).toContain(app.userId);
  expect((await act('GET', '/admin/customers?partner=banks')).text).not.toContain(app.userId);
  expect((await act('GET', `${user}/devices`)).json).toMatchObject({ items: [{ deviceId: app.deviceId }] });
  expect((await act('DELETE', `${user}/sessions`)).json).toEqual({ ended: 1 });
  expect((await doors.ask('/customers/me', { headers })).status).toBe(401);
  expect((await act('POST', `${user}/lock`)).json).toMatchObject({ state: 'locked', partner: 'shops' });
  expect((await act('POST', `${user}/unlock`)).json).toMatchObject({ state: 'active' });
  expect((await act('DELETE', `${user}/devices/${app.deviceId}`)).status).toBe(204);
  expect((await act('GET', `${user}/devices`)).json).toMatchObject({ items: [{ deviceId: app.deviceId, retiredWhy: 'revoked' }] });
});

test('a deleted user is gone, may be registered anew, and leaves no personal datum', async () => {
  const userId = await registered(shops, { externalId: 'gone', phone: '+48600100203', email: 'gone@example.org', givenName: 'Gone', familyName: 'Away' });
  await doors.book.query(
    `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at) values ($1, $2, 'shops', 'p', '978', 'of Gone Away', 'closed', $1, now(), now())`,
    [`b_${userId.slice(2)}`, userId],
  );
  await doors.book.query(
    `insert into issued_card (card_id, request_key, user_id, balance_id, program, partner, kind, stage, card_token, encrypted_pan, masked_pan, expiry, service_code, holder_name, is_visible, created_at, changed_at)
     values ($1, $1, $2, $3, 'p', 'shops', 'virtual', 'issued', $1, 'sealed', '476173******0011', '3112', '201', 'GONE AWAY', true, now(), now())`,
    [`c_${userId.slice(2)}`, userId, `b_${userId.slice(2)}`],
  );
  await pair(doors, shops, userId);
  await doors.book.query(`update device set name = 'Gone''s telephone' where user_id = $1`, [userId]);
  const orders = ['waiting', 'produced', 'cancelled'];
  await doors.book.query(`with file as (insert into personalisation_file (bureau, writer, made_at, written_at) values ('b', 'here', now(), now()) returning number)
    insert into card_order (order_id, request_key, card_id, reason, state, bureau, sealed, file_number, ordered_at, changed_at)
    select 'o_' || state || $1, state || $1, 'c_' || $1, 'first', state, 'b', 'to Gone Away', case when state = 'produced' then file.number end, now(), now() from file, unnest($2::text[]) as s (state)`, [userId.slice(2), orders]);
  await doors.book.query(`insert into job (id, kind, partner, owner, input, state, due_at, made_at, ended_at) values ($1, 'cardCreation', 'shops', $2, '{"holderName":"GONE AWAY"}', 'done', now(), now(), now())`, [`j_${userId.slice(2)}`, userId]);
  expect((await change(shops, 'DELETE', `/secure/customers/${userId}`)).status).toBe(204);
  expect((await doors.ask(`/secure/customers/${userId}`, { partner: shops })).status).toBe(404);
  expect((await change(shops, 'DELETE', `/secure/customers/${userId}`)).status).toBe(204);
  const [row] = await doors.book.query<Record<string, unknown>>('select external_id, phone, email, given_name, family_name, birth_date, state from person where user_id = $1', [userId]);
  expect(row).toEqual({ external_id: null, phone: null, email: null, given_name: null, family_name: null, birth_date: null, state: 'deleted' });
  expect(await doors.book.query('select holder_name as name from issued_card where user_id = $1 union all select name from user_balance where user_id = $1', [userId])).toEqual([{ name: '' }, { name: '' }]);
  expect(await doors.book.query(`select name from device where user_id = $1 union all select state || sealed from card_order where card_id = $2 union all select input from job where owner = $1 order by 1`, [userId, `c_${userId.slice(2)}`]))
    .toEqual(['', 'cancelled', 'cancelled', 'produced', '{}'].map((name) => ({ name })));
  expect(await registered(shops, { externalId: 'gone', phone: '+48600100203' })).not.toBe(userId);
});

test('what was answered about a user who is deleted is forgotten, and the same call again is told so and does nothing', async () => {
  const body = { externalId: 'forgotten', givenName: 'Forget', familyName: 'Mealtogether' };
  const first = await change(shops, 'POST', '/secure/customers', body, 'forgotten-registration');
  const { userId } = first.json as { userId: string };
  const path = `/secure/customers/${userId}`;
  const renamed = await change(shops, 'PATCH', path, { familyName: 'Mealtogether-Now' }, 'forgotten-change');
  expect([first.status, renamed.status]).toEqual([201, 200]);
  const kept = async (): Promise<unknown> => await doors.book.query(`select key from remembered_answer where body like '%Mealtogether%' order by key`);
  expect(await kept()).toEqual([{ key: 'forgotten-change' }, { key: 'forgotten-registration' }]);
  expect((await change(shops, 'DELETE', path, undefined, 'forgotten-removal')).status).toBe(204);
  expect(await kept()).toEqual([]);
  const gone = { status: 410, json: { code: 'ANSWER_FORGOTTEN', field: 'X-Idempotency-Key' } };
  expect(await change(shops, 'POST', '/secure/customers', body, 'forgotten-registration')).toMatchObject(gone);
  expect(await change(shops, 'PATCH', path, { familyName: 'Mealtogether-Now' }, 'forgotten-change')).toMatchObject(gone);
  expect(await change(shops, 'POST', '/secure/customers', { ...body, givenName: 'Other' }, 'forgotten-registration')).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_CONFLICT' } });
  expect((await change(shops, 'DELETE', path, undefined, 'forgotten-removal')).status).toBe(204);
  expect((await doors.ask('/secure/customers?externalId=forgotten', { partner: shops })).json).toEqual({ items: [] });
});

test('a user with a balance that is not closed is not deleted', async () => {
  const userId = await registered(shops);
  await doors.book.query(
    `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at) values ($1, $2, 'shops', 'p', '978', '', 'open', $1, now(), now())`,
    [`b_${userId.slice(2)}`, userId],
  );
  expect(await change(shops, 'DELETE', `/secure/customers/${userId}`)).toMatchObject({ status: 409, json: { code: 'USER_HAS_BALANCE' } });
});

test('identifiers that are none are refused with their field', async () => {
  const wrong: [string, unknown][] = [['phone', '600100200'], ['phone', '+0600100200'], ['email', 'mia'], ['email', 'mia@'], ['externalId', ''], ['externalId', 'a b'], ['givenName', ''], ['givenName', 'a\u0007']];
  for (const [field, value] of wrong) expect(await change(shops, 'POST', '/secure/customers', { [field]: value }), `${field} ${String(value)}`).toMatchObject({ status: 400, json: { field } });
});
