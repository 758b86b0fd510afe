/** Staff over the doors: enrolment, log-in and its lock-out, roles, confirmation; and the audit log of what they did. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Reply } from './fixture.ts';
import { bearer, enrol, goodPassword, keyed, logIn, newColleague, newUser, oneTimeCode, said, staffHeaders } from './devices.ts';
import type { Colleague } from './devices.ts';

let doors: Doors;
let root: Colleague;
let count = 0;

beforeAll(async () => {
  doors = await openDoors();
  root = await newColleague(doors, 'root', 'admin');
});

afterAll(async () => {
  await endDoors();
});

/** Past the time steps of the codes that were used. */
function nextCode(): void {
  doors.pass(60_000);
}

async function colleague(role: 'admin' | 'manager' | 'employee' = 'employee'): Promise<Colleague> {
  return await newColleague(doors, `person-${(count += 1)}`, role);
}

async function admin(): Promise<{ readonly authorization: string }> {
  nextCode();
  return await staffHeaders(doors, root);
}

async function act(method: string, path: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<Reply> {
  return await doors.ask(path, { method, body, headers: keyed(headers) });
}

const refused = { status: 401, json: { code: 'LOG_IN_REFUSED' } };

test('one of the staff sets a password with a code, logs in with a one-time code, and is who they are', async () => {
  const mia = await colleague('manager');
  const session = said(await logIn(doors, mia), 201);
  expect(session).toMatchObject({ staffId: mia.staffId, role: 'manager' });
  expect((await doors.ask('/admin/me', { headers: bearer(session['token']!) })).json).toMatchObject({ staffId: mia.staffId, name: mia.name, role: 'manager', state: 'active' });
  expect((await doors.ask('/admin/sessions/current', { method: 'DELETE', headers: bearer(session['token']!) })).status).toBe(204);
  expect((await doors.ask('/admin/me', { headers: bearer(session['token']!) })).status).toBe(401);
});

test('a session of staff lives for a time of its own, and not for a cardholder’s', async () => {
  const house = await openDoors({ settings: { sessionMinutes: 1, staffSessionMinutes: 3 } });
  const { token = '', expiresAt = '' } = said(await logIn(house, await newColleague(house, 'mia', 'admin')), 201);
  expect(Date.parse(expiresAt) - house.now()).toBeGreaterThan(2 * 60_000);
  house.pass(100_000);
  expect((await house.ask('/admin/me', { headers: bearer(token) })).status).toBe(200);
  house.pass(100_000);
  expect((await house.ask('/admin/me', { headers: bearer(token) })).status).toBe(401);
});

test('whatever is wrong, the answer is the same', async () => {
  const mia = await colleague();
  const told = [await logIn(doors, mia, { password: 'another password' }), await logIn(doors, mia, { code: '000000' }), await logIn(doors, { ...mia, name: 'nobody' }), await logIn(doors, { ...mia, name: 'Not a name\u00e9' })];
  const words = told.map(({ status, json }) => ({ status, ...(json as object), requestId: '' }));
  expect(words[0]).toMatchObject({ status: 401, code: 'LOG_IN_REFUSED' });
  for (const each of words) expect(each).toEqual(words[0]);
});

test('a one-time code is good once, and no older one after it', async () => {
  const mia = await colleague();
  nextCode();
  const before = oneTimeCode(mia.totpSecret, doors.now() - 30_000);
  expect((await logIn(doors, mia)).status).toBe(201);
  expect(await logIn(doors, mia), 'again').toMatchObject(refused);
  expect(await logIn(doors, mia, { code: before }), 'the one before').toMatchObject(refused);
  doors.pass(60_000);
  expect((await logIn(doors, mia)).status).toBe(201);
});

test('after five wrong tries the right one is refused too, for a minute, then twice as long', async () => {
  const mia = await colleague();
  for (let tries = 0; tries < 5; tries += 1) expect(await logIn(doors, mia, { password: 'wrong password' })).toMatchObject(refused);
  expect(await logIn(doors, mia), 'locked').toMatchObject(refused);
  doors.pass(61_000);
  expect(await logIn(doors, mia, { password: 'wrong password' }), 'the sixth').toMatchObject(refused);
  doors.pass(61_000);
  expect(await logIn(doors, mia), 'locked for two minutes').toMatchObject(refused);
  doors.pass(61_000);
  expect((await logIn(doors, mia)).status).toBe(201);
});

test('of many tries at once five are judged', async () => {
  const mia = await colleague();
  const wrong = await Promise.all(Array.from({ length: 12 }, async () => await logIn(doors, mia, { password: 'wrong password' })));
  expect(wrong.every(({ status }) => status === 401)).toBe(true);
  const [row] = await doors.book.query<{ readonly wrong_tries: number }>('select wrong_tries from staff where staff_id = $1', [mia.staffId]);
  expect(row?.wrong_tries).toBe(5);
  expect((await act('POST', `/admin/staff/${mia.staffId}/unlock`, await admin())).status).toBe(200);
  expect((await logIn(doors, mia)).status).toBe(201);
});

test('an enrolment code is good once and for a day, and weak passwords are refused', async () => {
  const headers = await admin();
  const added = said(await act('POST', '/admin/staff', headers, { name: 'newcomer', role: 'employee' }), 201);
  expect(added).toMatchObject({ state: 'invited' });
  const code = said(await act('POST', `/admin/staff/${added['staffId']}/enrolments`, headers), 201)['code']!;
  const weak = async (password: string): Promise<Reply> => await doors.ask('/admin/enrolments', { method: 'POST', body: { code, password } });
  expect(await weak('short')).toMatchObject({ status: 400, json: { field: 'password' } });
  expect(await weak('i am the newcomer')).toMatchObject({ status: 400, json: { code: 'PASSWORD_TOO_WEAK' } });
  expect(await weak('aaaaaaaaaaaaaaaa')).toMatchObject({ status: 400, json: { code: 'PASSWORD_TOO_WEAK' } });
  await enrol(doors, code);
  expect(await weak(goodPassword)).toMatchObject({ status: 403, json: { code: 'ENROLMENT_REFUSED', field: 'code' } });
  const late = said(await act('POST', `/admin/staff/${added['staffId']}/enrolments`, headers), 201)['code']!;
  doors.pass(24 * 3_600_000 + 1);
  expect(await doors.ask('/admin/enrolments', { method: 'POST', body: { code: late, password: goodPassword } })).toMatchObject({ status: 403, json: { code: 'ENROLMENT_REFUSED' } });
});

test('with a new enrolment the password, codes and sessions of before are good no longer', async () => {
  const mia = await colleague();
  const headers = await staffHeaders(doors, mia);
  const { code = '' } = said(await act('POST', `/admin/staff/${mia.staffId}/enrolments`, await admin()), 201);
  expect((await doors.ask('/admin/me', { headers })).status).toBe(401);
  expect(await logIn(doors, mia)).toMatchObject(refused);
  const anew = await enrol(doors, code, 'another good password');
  expect((await logIn(doors, anew)).status).toBe(201);
});

test('a lock, another role and a removal end the sessions at once', async () => {
  const [mia, tom, ann] = [await colleague(), await colleague(), await colleague()];
  const sessions = [await staffHeaders(doors, mia), await staffHeaders(doors, tom), await staffHeaders(doors, ann)];
  const headers = await admin();
  for (const each of sessions) expect((await doors.ask('/admin/me', { headers: each })).status).toBe(200);
  said(await act('POST', `/admin/staff/${mia.staffId}/lock`, headers), 200);
  said(await act('PUT', `/admin/staff/${tom.staffId}/role`, headers, { role: 'manager' }), 200);
  expect((await act('DELETE', `/admin/staff/${ann.staffId}`, headers)).status).toBe(204);
  for (const each of sessions) expect((await doors.ask('/admin/me', { headers: each })).status).toBe(401);
  doors.pass(60_000);
  expect(await logIn(doors, mia)).toMatchObject(refused);
  expect(said(await logIn(doors, tom), 201)).toMatchObject({ role: 'manager' });
  expect(await logIn(doors, ann)).toMatchObject(refused);
  expect(await act('POST', '/admin/staff', await admin(), { name: ann.name, role: 'employee' })).toMatchObject({ status: 409, json: { code: 'STAFF_NAME_TAKEN' } });
});

test('the last admin is not locked, demoted, removed or enrolled anew', async () => {
  const headers = await admin();
  const own = `/admin/staff/${root.staffId}`;
  for (const [method, path, body] of [['POST', '/lock'], ['PUT', '/role', { role: 'employee' }], ['DELETE', ''], ['POST', '/enrolments']] as const) {
    expect(await act(method, `${own}${path}`, headers, body), path).toMatchObject({ status: 409, json: { code: 'LAST_ADMIN' } });
  }
  expect((await doors.ask('/admin/me', { headers })).status).toBe(200);
});

test('what is for admins is refused to the others, at every route of staff', async () => {
  const other = await colleague();
  for (const role of ['manager', 'employee'] as const) {
    const headers = await staffHeaders(doors, await colleague(role));
    const member = `/admin/staff/${other.staffId}`;
    const routes: [string, string, unknown?][] = [
      ['POST', '/admin/staff', { name: 'intruder', role: 'admin' }], ['POST', `${member}/enrolments`], ['PUT', `${member}/role`, { role: 'admin' }], ['POST', `${member}/lock`], ['POST', `${member}/unlock`],
      ['DELETE', member], ['DELETE', `${member}/sessions`], ['GET', '/admin/audit'], ['GET', '/admin/audit/verification'],
    ];
    for (const [method, path, body] of routes) expect(await act(method, path, headers, body), `${role} ${method} ${path}`).toMatchObject({ status: 403, json: { code: 'ROLE_REFUSED' } });
  }
});

test('what needs a confirmation takes a fresh one-time code two minutes after log-in', async () => {
  const headers = await admin();
  doors.pass(120_001);
  const add = async (name: string): Promise<Reply> => await act('POST', '/admin/staff', headers, { name, role: 'employee' });
  expect(await add('too-late')).toMatchObject({ status: 403, json: { code: 'CONFIRMATION_REQUIRED' } });
  const confirmWith = async (code: string): Promise<Reply> => await doors.ask('/admin/confirmations', { method: 'POST', headers, body: { code } });
  expect(await confirmWith('000000')).toMatchObject({ status: 403, json: { code: 'CONFIRMATION_REFUSED' } });
  const code = oneTimeCode(root.totpSecret, doors.now());
  expect((await confirmWith(code)).status).toBe(201);
  expect((await confirmWith(code)).status, 'the same code again').toBe(403);
  expect((await add('in-time')).status).toBe(201);
});

test('too many wrong codes within a session end it', async () => {
  const mia = await colleague();
  const headers = await staffHeaders(doors, mia);
  for (let tries = 0; tries < 5; tries += 1) expect((await doors.ask('/admin/confirmations', { method: 'POST', headers, body: { code: '000000' } })).status).toBe(403);
  expect((await doors.ask('/admin/me', { headers })).status).toBe(401);
});

test('one changes one\'s own password with the one of before, and other sessions end', async () => {
  const mia = await colleague();
  const before = await staffHeaders(doors, mia);
  nextCode();
  const headers = await staffHeaders(doors, mia);
  const change = async (password: string, newPassword: string): Promise<Reply> => await doors.ask('/admin/me/password', { method: 'PUT', headers, body: { password, newPassword } });
  expect(await change('another password', 'a much better password')).toMatchObject({ status: 403, json: { code: 'PASSWORD_REFUSED', field: 'password' } });
  expect(await change(mia.password, `x ${mia.name} x`)).toMatchObject({ status: 400, json: { code: 'PASSWORD_TOO_WEAK', field: 'newPassword' } });
  expect((await change(mia.password, 'a much better password')).status).toBe(204);
  expect((await doors.ask('/admin/me', { headers })).status).toBe(200);
  expect((await doors.ask('/admin/me', { headers: before })).status).toBe(401);
  nextCode();
  expect(await logIn(doors, mia)).toMatchObject(refused);
  nextCode();
  expect((await logIn(doors, { ...mia, password: 'a much better password' })).status).toBe(201);
});

test('too many wrong passwords of before end the session', async () => {
  const mia = await colleague();
  const headers = await staffHeaders(doors, mia);
  for (let tries = 0; tries < 5; tries += 1) expect((await doors.ask('/admin/me/password', { method: 'PUT', headers, body: { password: 'wrong', newPassword: 'a much better password' } })).status).toBe(403);
  expect((await doors.ask('/admin/me', { headers })).status).toBe(401);
});

test('the service\'s own process decides a verification that was begun, and no partner overrules it', async () => {
  const partner = await doors.partner('shops');
  const userId = await newUser(doors, partner);
  const headers = await admin();
  const decide = async (kyc: string): Promise<Reply> => await act('PUT', `/admin/customers/${userId}/kyc`, headers, { kyc });
  expect(await decide('verified')).toMatchObject({ status: 409, json: { code: 'KYC_NOT_STARTED' } });
  said(await doors.ask(`/secure/customers/${userId}/register`, { method: 'POST', partner, headers: keyed(), body: { givenName: 'A', familyName: 'B', birthDate: '1990-01-31' } }), 200);
  expect((await decide('refused')).json).toMatchObject({ kyc: 'refused', kycBy: 'service', partner: 'shops' });
  expect(await doors.ask(`/secure/customers/${userId}/kyc`, { method: 'PUT', partner, headers: keyed(), body: { kyc: 'verified' } })).toMatchObject({ status: 409, json: { code: 'KYC_DECIDED' } });
  expect((await decide('verified')).json).toMatchObject({ kyc: 'verified' });
});

test('the audit log has who did what to whom, also what was refused, and no secret', async () => {
  const headers = await admin();
  const mia = await colleague();
  said(await act('POST', `/admin/staff/${mia.staffId}/lock`, headers), 200);
  await act('POST', `/admin/staff/${root.staffId}/lock`, headers);
  const log = async (query: string): Promise<{ readonly items: readonly Record<string, unknown>[] }> => (await doors.ask(`/admin/audit?${query}`, { headers })).json as { items: Record<string, unknown>[] };
  expect((await log(`target=${mia.staffId}`)).items).toMatchObject([
    { actor: root.staffId, role: 'admin', action: 'lockStaff', outcome: 'done' }, { actor: root.staffId, action: 'lockStaff', outcome: 'begun' },
    { actor: mia.staffId, role: 'employee', action: 'enrolStaff', outcome: 'done' },
    { actor: 'operator:tests', role: 'operator', action: 'addStaff', outcome: 'done' },
  ]);
  expect((await log(`target=${mia.name}`)).items).toMatchObject([{ actor: 'operator:tests', action: 'addStaff', outcome: 'begun' }]);
  expect((await log(`actor=${root.staffId}&action=lockStaff&limit=1`)).items).toMatchObject([{ outcome: 'LAST_ADMIN', target: { staffId: root.staffId } }]);
  await logIn(doors, { ...root, password: 'wrong password' });
  expect((await log(`actor=${root.staffId}&limit=1`)).items).toMatchObject([{ action: 'openStaffSession', outcome: 'LOG_IN_REFUSED' }]);
  const rows = JSON.stringify([await doors.book.query('select * from audit_entry'), await doors.book.query('select * from staff'), await doors.book.query('select * from staff_session')]) + doors.logged();
  for (const each of [root.totpSecret, goodPassword, headers.authorization.slice(7)]) expect(rows.includes(each)).toBe(false);
  expect((await doors.ask('/admin/audit/verification', { headers })).json).toMatchObject({ isIntact: true });
  expect(doors.failures).toEqual([]);
});
