/** Cards over the doors: C7's actions at the doors that have them, who sees what of a number, and whom a card is hidden from. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bureauRoutes } from '../../src/doors/bureau-routes.ts';
import { cardRoutes } from '../../src/doors/card-routes.ts';
import type { CardServices } from '../../src/doors/card-routes.ts';
import { newId } from '../lifecycle/fixture.ts';
import { bearer, confirm, keyed, newColleague, newUser, openSession, pair, said, staffHeaders } from './devices.ts';
import type { App, UserSession } from './devices.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';

interface CardBody {
  readonly cardId: string;
  readonly kind: string;
  readonly state: string;
  readonly lockCode?: number;
  readonly cardNumber?: string;
  readonly cvc2?: string;
  readonly maskedNumber: string;
}

let doors: Doors;
let partner: Partner;
let stranger: Partner;
let own: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
let servicePem = '';
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'locum-bureau-'));
  doors = await openDoors({ settings: { personalisation: { folder, everySeconds: 3_600 } } });
  [partner, stranger] = await Promise.all([doors.partner('demo'), doors.partner('stranger')]);
  own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  for (const each of [partner, stranger]) {
    said(await doors.ask('/secure/encryption_key', { method: 'PUT', partner: each, headers: keyed(), body: { publicKey: spki(own.publicKey) } }), 200);
  }
  servicePem = said(await doors.ask('/secure/public_key', { partner }), 200)['pem'] ?? '';
});
afterAll(async () => {
  await endDoors();
  rmSync(folder, { recursive: true, force: true });
});

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

async function sealed(body: unknown): Promise<{ readonly payload: string }> {
  const key = createPublicKey(servicePem);
  return { payload: await new CompactEncrypt(Buffer.from(JSON.stringify(body))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(key) };
}

interface Who {
  readonly partner?: Partner;
  readonly headers?: Readonly<Record<string, string>>;
  /** What answers are encrypted with, and opened. */
  readonly key?: string;
  readonly opens?: KeyObject;
}

async function ask(who: Who, method: string, path: string, body?: unknown, isSealed = false): Promise<Reply> {
  const headers = {
    ...(method === 'GET' ? {} : keyed()), ...who.headers, ...(isSealed ? { 'public-key': who.key ?? spki(own.publicKey), 'encrypted-request': body === undefined ? 'false' : 'true' } : {}),
  };
  const reply = await doors.ask(path, { method, headers, ...(who.partner === undefined ? {} : { partner: who.partner }), ...(body === undefined ? {} : { body: isSealed ? await sealed(body) : body }) });
  if (!isSealed || reply.status >= 300) return reply;
  const { plaintext } = await compactDecrypt((reply.json as { payload: string }).payload, who.opens ?? own.privateKey);
  return { ...reply, json: JSON.parse(Buffer.from(plaintext).toString('utf8')) };
}

/** A verified user with an open balance. */
async function holder(): Promise<{ readonly userId: string; readonly balanceId: string }> {
  const userId = await newUser(doors, partner, { isVerified: true });
  said(await doors.ask(`/secure/customers/${userId}`, { method: 'PATCH', partner, headers: keyed(), body: { givenName: 'Ada', familyName: 'Lovelace' } }), 200);
  const balanceId = newId('b');
  await doors.book.query(
    `insert into user_balance (balance_id, user_id, partner, program, currency, name, state, request_key, created_at, changed_at) values ($1, $2, 'demo', 'demo', '978', '', 'open', $1, now(), now())`, [balanceId, userId],
  );
  await doors.desks.desk.apply({ kind: 'open', id: `open-${balanceId}`, accountId: balanceId, receivedAtMs: doors.now(), currency: '978', program: 'demo', partner: 'demo' });
  return { userId, balanceId };
}

const delivery = { name: 'Ada Lovelace', lines: ['12 St James’s Square'], postalCode: 'SW1Y 4JH', town: 'London', country: 'GB' };

function saidCard(reply: Reply, status: number): CardBody {
  return said(reply, status) as unknown as CardBody;
}

async function virtualCard(userId: string): Promise<CardBody> {
  return saidCard(await ask({ partner }, 'POST', `/secure/customers/${userId}/cards/virtual`, {}, true), 201);
}

describe('at the partner’s door', () => {
  test('a virtual card is made over JWE, and read in full over JWE; lists have it masked', async () => {
    const { userId, balanceId } = await holder();
    const made = await virtualCard(userId);
    expect(made).toMatchObject({ kind: 'virtual', state: 'active', cardNumber: expect.stringMatching(/^476173[0-9]{10}$/) as string, cvc2: expect.stringMatching(/^[0-9]{3}$/) as string });
    expect((await ask({ partner }, 'GET', `/secure/customers/${userId}/cards/${made.cardId}`, undefined, true)).json).toEqual(made);
    const { cardNumber, cvc2: _, ...masked } = made;
    const listed = await ask({ partner }, 'GET', `/secure/customers/${userId}/cards?balanceId=${balanceId}`);
    expect(listed.json).toEqual({ items: [masked] });
    expect(said(await ask({ partner }, 'GET', `/secure/customers/${userId}/cards/${made.cardId}/state`), 200)).toEqual(masked);
    expect(`${listed.text}${doors.logged()}`).not.toContain(cardNumber);
  });

  test('in clear it is neither asked for nor told', async () => {
    const { userId } = await holder();
    expect(await ask({ partner }, 'POST', `/secure/customers/${userId}/cards/virtual`, {})).toMatchObject({ status: 400, json: { code: 'ENCRYPTION_REQUIRED' } });
    const { cardId } = await virtualCard(userId);
    expect((await ask({ partner }, 'GET', `/secure/customers/${userId}/cards/${cardId}`)).status).toBe(400);
  });

  test('a lock keeps its code, is lifted where it may be, and is for good where C8 says so', async () => {
    const { userId } = await holder();
    const { cardId } = await virtualCard(userId);
    const card = `/secure/customers/${userId}/cards/${cardId}`;
    for (const lockCode of [3, 4, 6, 7]) {
      expect((await ask({ partner }, 'POST', `${card}/lock`, { lockCode })).json).toMatchObject({ lockCode });
      expect((await ask({ partner }, 'POST', `${card}/unlock`)).json).not.toHaveProperty('lockCode');
    }
    expect(await ask({ partner }, 'POST', `${card}/lock`, { lockCode: 9 })).toMatchObject({ status: 400, json: { field: expect.stringContaining('lockCode') as string } });
    expect((await ask({ partner }, 'POST', `${card}/lock`, { lockCode: 5 })).json).toMatchObject({ lockCode: 5 });
    expect(await ask({ partner }, 'POST', `${card}/unlock`)).toMatchObject({ status: 409, json: { code: 'CARD_LOCKED_FOR_GOOD' } });
    expect(await ask({ partner }, 'POST', `${card}/lock`, { lockCode: 1 })).toMatchObject({ status: 409, json: { code: 'CARD_LOCKED_FOR_GOOD' } });
  });

  test('another partner is told of no card, whatever it asks', async () => {
    const { userId } = await holder();
    const { cardId } = await virtualCard(userId);
    const other = await newUser(doors, stranger, { isVerified: true });
    const nobody = `c_${'A'.repeat(22)}`;
    for (const [method, tail, body, isSealed] of [
      ['GET', '', undefined, true], ['GET', '/state'], ['POST', '/lock', { lockCode: 7 }], ['POST', '/unlock'], ['POST', '/activate'], ['GET', '/controls'], ['PUT', '/controls', {}],
      ['PUT', '/temporary_lock', { until: '2099-01-01T00:00:00Z' }], ['DELETE', '/temporary_lock'], ['POST', '/print', { delivery }, true], ['POST', '/renew', {}, true], ['POST', '/replace', {}, true],
    ] as const) {
      for (const user of [userId, other]) {
        const [theirs, none] = [await ask({ partner: stranger }, method, `/secure/customers/${user}/cards/${cardId}${tail}`, body, isSealed), await ask({ partner: stranger }, method, `/secure/customers/${user}/cards/${nobody}${tail}`, body, isSealed)];
        expect([theirs.status, (theirs.json as { code: string }).code], tail).toEqual([404, 'CARD_NOT_FOUND']);
        expect({ ...(theirs.json as object), requestId: '' }, tail).toEqual({ ...(none.json as object), requestId: '' });
      }
    }
  });

  test('a card that is made later is a job, once for its key, and there when it was done', async () => {
    const { userId } = await holder();
    const headers = keyed();
    const path = `/secure/customers/${userId}/cards/virtual/async`;
    const first = said(await doors.ask(path, { method: 'POST', partner, headers, body: {} }), 202);
    expect((await doors.ask(path, { method: 'POST', partner, headers, body: {} })).json).toEqual(first);
    for (const work of doors.lifecycle.work) if (work.name === 'do jobs') await work.run();
    const [job] = await doors.book.query<{ state: string; result: string }>('select state, result from job where id = $1', [first['jobId'] ?? '']);
    const { items } = (await ask({ partner }, 'GET', `/secure/customers/${userId}/cards`)).json as { readonly items: readonly CardBody[] };
    expect(job).toMatchObject({ state: 'done', result: JSON.stringify({ cardId: items[0]?.cardId }) });
    expect(items).toHaveLength(1);
    const unverified = await newUser(doors, partner);
    expect(await ask({ partner }, 'POST', `/secure/customers/${unverified}/cards/virtual/async`, {})).toMatchObject({ status: 409, json: { code: 'USER_NOT_VERIFIED' } });
  });

  test('what is closed on a card is kept by owner, and a lock for a time beside it', async () => {
    const { userId } = await holder();
    const { cardId } = await virtualCard(userId);
    const card = `/secure/customers/${userId}/cards/${cardId}`;
    const wish = { blocked: ['ecommerce'], countries: { kind: 'allow', names: ['PL', '276'] }, merchants: { kind: 'deny', names: ['gambling'] }, limits: [{ scope: 'cash', period: 'day', amountMinorMax: 5_000 }] };
    const kept = { ...wish, countries: { kind: 'allow', names: ['276', '616'] } };
    expect((await ask({ partner }, 'PUT', `${card}/controls`, wish)).json).toEqual({ holder: {}, partner: kept });
    expect((await ask({ partner }, 'PUT', `${card}/temporary_lock`, { until: '2099-01-01T00:00:00+02:00' })).json).toMatchObject({ pausedUntil: '2098-12-31T22:00:00.000+00:00' });
    expect((await ask({ partner }, 'GET', `${card}/controls`)).json).toEqual({ holder: {}, partner: { ...kept, pausedUntil: '2098-12-31T22:00:00.000+00:00' } });
    expect((await ask({ partner }, 'DELETE', `${card}/temporary_lock`)).json).not.toHaveProperty('pausedUntil');
    for (const until of ['9999-12-31T23:59:59-12:00', '1969-12-31T00:00:00Z']) {
      expect((await ask({ partner }, 'PUT', `${card}/temporary_lock`, { until })).json).toMatchObject({ status: 400, code: 'TIME_INVALID', field: 'until' });
      expect((await ask({ partner }, 'PUT', `${card}/controls`, { pausedUntil: until })).json).toMatchObject({ status: 400, code: 'TIME_INVALID', field: 'pausedUntil' });
    }
    for (const [wrong, code] of [
      [{ countries: { kind: 'allow', names: ['ZZ'] } }, 'COUNTRY_UNKNOWN'], [{ merchants: { kind: 'deny', names: ['toys'] } }, 'MERCHANT_GROUP_UNKNOWN'],
      [{ limits: [{ scope: 'toys', period: 'day', countMax: 1 }] }, 'LIMIT_SCOPE_UNKNOWN'], [{ limits: [{ scope: 'cash', period: 'day' }] }, 'LIMIT_INVALID'],
    ] as const) expect((await ask({ partner }, 'PUT', `${card}/controls`, wrong)).json, code).toMatchObject({ code });
    expect((await ask({ partner }, 'GET', `${card}/controls`)).json).toEqual({ holder: {}, partner: kept });
  });
});

test('what a partner closes on a card stays closed, whatever else it asks of the card at that moment', async () => {
  const { userId } = await holder();
  const { cardId } = await virtualCard(userId);
  const card = `/secure/customers/${userId}/cards/${cardId}`;
  for (let round = 0; round < 20; round += 1) {
    said(await ask({ partner }, 'PUT', `${card}/controls`, {}), 200);
    const both = await Promise.all([
      ask({ partner }, 'PUT', `${card}/temporary_lock`, { until: '2099-01-01T00:00:00Z' }), ask({ partner }, 'PUT', `${card}/controls`, { blocked: ['ecommerce'] }),
    ]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect((await ask({ partner }, 'GET', `${card}/controls`)).json).toMatchObject({ partner: { blocked: ['ecommerce'] } });
  }
});

describe('at the holder’s door', () => {
  let app: App;
  let session: UserSession;
  let me: Who;
  let card: CardBody;
  beforeAll(async () => {
    const { userId } = await holder();
    card = await virtualCard(userId);
    app = await pair(doors, partner, userId);
    session = await openSession(doors, app);
    me = { headers: bearer(session.token), key: app.encryptionKey, opens: app.decryptionKey };
  });

  async function confirmed(operation: string): Promise<void> {
    said(await confirm(doors, app, session, operation), 201);
  }

  test('a full number is shown over JWE after a second confirmation, and not without it', async () => {
    const path = `/customers/me/cards/${card.cardId}`;
    const before = await ask(me, 'GET', path, undefined, true);
    expect(before.status).toBe(403);
    expect(before.text).not.toContain(card.cardNumber);
    await confirmed('getCardMobile');
    expect((await ask(me, 'GET', path, undefined, true)).json).toEqual(card);
  });

  test('the CVC2 is reset: another one is right from then on', async () => {
    await confirmed('resetCvvMobile');
    const { cvc2: before, ...rest } = card;
    const after = saidCard(await ask(me, 'POST', `/customers/me/cards/${card.cardId}/cvv`, undefined, true), 200);
    expect(after).toMatchObject(rest);
    await confirmed('getCardMobile');
    expect((await ask(me, 'GET', `/customers/me/cards/${card.cardId}`, undefined, true)).json).toEqual(after);
    const heads = await doors.desks.desk.accounts([(after as unknown as { balanceId: string }).balanceId]);
    expect([...heads.values()][0]?.cards[0]?.record.cvv2Generation).toBe(1);
    expect(before).toBeDefined();
  });

  test('a holder locks with 1, 2, 3 and 7 alone, and unlocks without a reason', async () => {
    const path = `/customers/me/cards/${card.cardId}`;
    for (const lockCode of [4, 5, 6, 8]) expect(await ask(me, 'POST', `${path}/lock`, { lockCode })).toMatchObject({ status: 403, json: { code: 'LOCK_CODE_NOT_ALLOWED' } });
    for (const lockCode of [3, 7]) expect((await ask(me, 'POST', `${path}/lock`, { lockCode })).json).toMatchObject({ lockCode });
    expect((await ask(me, 'POST', `${path}/unlock`)).json).not.toHaveProperty('lockCode');
  });

  test('a virtual card has no PIN; one that was printed has, and its chip gets it later', async () => {
    const path = `/customers/me/cards/${card.cardId}`;
    await confirmed('setPinMobile');
    expect(await ask(me, 'POST', `${path}/pin`, { pin: '4711' }, true)).toMatchObject({ status: 409, json: { code: 'CARD_KIND_CANNOT' } });
    expect((await ask(me, 'POST', `${path}/print`, { delivery }, true)).json).toMatchObject({ kind: 'digitalFirst', state: 'printing' });
    await confirmed('setPinMobile');
    expect((await ask(me, 'POST', `${path}/pin`, { pin: '4711' }, true)).json).toEqual({ online: 'now', chip: 'withNextOnlineTransaction' });
    expect((await ask(me, 'GET', `${path}/state`)).json).toMatchObject({ hasPin: true });
  });

  test('a card that is removed stays so', async () => {
    const path = `/customers/me/cards/${card.cardId}`;
    // Whoever is a moment later has it removed as well.
    const both = await Promise.all([ask(me, 'DELETE', path), ask(me, 'DELETE', path)]);
    expect(both.map(({ status }) => status)).toEqual([204, 204]);
    expect((await ask(me, 'DELETE', path)).status).toBe(204);
    expect((await ask(me, 'GET', `${path}/state`)).json).toMatchObject({ state: 'removed' });
    expect(await ask(me, 'POST', `${path}/unlock`)).toMatchObject({ status: 409, json: { code: 'CARD_REMOVED' } });
    expect(await doors.book.query(`select state from card_order where card_id = $1`, [card.cardId])).toEqual([{ state: 'cancelled' }]);
  });
});

describe('at the staff’s door', () => {
  test('staff make, lock and remove cards, and never see a full number or a CVC2', async () => {
    const managing: Who = { headers: await staffHeaders(doors, await newColleague(doors, 'card-manager', 'manager')) };
    said(await ask(managing, 'PUT', '/admin/encryption_key', { publicKey: spki(own.publicKey) }), 200);
    const { userId } = await holder();
    const made = saidCard(await ask(managing, 'POST', `/admin/customers/${userId}/cards/virtual`, {}, true), 201);
    const path = `/admin/cards/${made.cardId}`;
    const shown = [made, (await ask(managing, 'GET', path)).json, (await ask(managing, 'POST', `${path}/cvv`, undefined, true)).json];
    const full = saidCard(await ask({ partner }, 'GET', `/secure/customers/${userId}/cards/${made.cardId}`, undefined, true), 200);
    for (const each of shown) {
      expect(each).toMatchObject({ cardId: made.cardId, maskedNumber: full.maskedNumber });
      expect(each).not.toHaveProperty('cvc2');
      expect(JSON.stringify(each)).not.toContain(full.cardNumber);
    }
    const physical = saidCard(await ask(managing, 'POST', `/admin/customers/${userId}/cards/physical`, { delivery }, true), 201);
    // Staff see it before it is linked; its partner does not.
    expect((await ask(managing, 'GET', `/admin/customers/${userId}/cards`)).json).toMatchObject({ items: [{ cardId: physical.cardId, state: 'ordered' }, { cardId: made.cardId }] });
    expect((await ask({ partner }, 'GET', `/secure/customers/${userId}/cards`)).json).toMatchObject({ items: [{ cardId: made.cardId }] });
    expect((await ask(managing, 'POST', `${path}/lock`, { lockCode: 4 })).json).toMatchObject({ lockCode: 4 });
    expect((await ask(managing, 'DELETE', path)).status).toBe(204);
    expect((await ask(managing, 'GET', path)).json).toMatchObject({ state: 'removed' });
  });

  test('one who is no manager neither makes a virtual card nor removes one, and may lock it', async () => {
    const clerk: Who = { headers: await staffHeaders(doors, await newColleague(doors, 'card-clerk', 'employee')) };
    const { userId } = await holder();
    const { cardId } = await virtualCard(userId);
    expect(await ask(clerk, 'POST', `/admin/customers/${userId}/cards/virtual`, {}, true)).toMatchObject({ status: 403 });
    expect(await ask(clerk, 'DELETE', `/admin/cards/${cardId}`)).toMatchObject({ status: 403 });
    expect((await ask(clerk, 'POST', `/admin/cards/${cardId}/lock`, { lockCode: 7 })).json).toMatchObject({ lockCode: 7 });
    expect((await ask(clerk, 'POST', `/admin/cards/${cardId}/unlock`)).json).not.toHaveProperty('lockCode');
  });
});

test('staff have orders written into a file for the bureau now, once for each call, and it is in the audit log', async () => {
  const path = '/admin/personalisation_files';
  const managing: Who = { headers: await staffHeaders(doors, await newColleague(doors, 'file-manager', 'manager')) };
  const { userId } = await holder();
  // What others have ordered before is out of the way.
  await ask(managing, 'POST', path);
  saidCard(await ask({ partner }, 'POST', `/secure/customers/${userId}/cards/physical`, { delivery }, true), 201);
  const again: Who = { headers: { ...managing.headers, ...keyed() } };
  const made = await ask(again, 'POST', path);
  const { files } = made.json as { readonly files: readonly string[] };
  expect([made.status, files.length]).toEqual([200, 1]);
  expect(JSON.parse(readFileSync(join(folder, 'to-bureau', files[0]!), 'utf8').trim().split('\n').at(-1)!)).toMatchObject({ records: 1 });
  const there = readdirSync(join(folder, 'to-bureau'));
  expect((await ask(again, 'POST', path)).text).toBe(made.text);
  const atOnce = await Promise.all([ask(managing, 'POST', path), ask(managing, 'POST', path)]);
  expect(atOnce.map(({ status, json }) => [status, json])).toEqual([[200, { files: [] }], [200, { files: [] }]]);
  expect(readdirSync(join(folder, 'to-bureau'))).toEqual(there);
  const clerk: Who = { headers: await staffHeaders(doors, await newColleague(doors, 'file-clerk', 'employee')) };
  expect(await ask(clerk, 'POST', path)).toMatchObject({ status: 403, json: { code: 'ROLE_REFUSED' } });
  const admin = await staffHeaders(doors, await newColleague(doors, 'file-admin', 'admin'));
  const { items } = (await doors.ask('/admin/audit?action=writePersonalisationFiles', { headers: admin })).json as { readonly items: readonly { readonly outcome: string }[] };
  expect(new Set(items.map(({ outcome }) => outcome))).toEqual(new Set(['begun', 'done']));
});

test('a switch that writes no files says so', async () => {
  const [route] = bureauRoutes({ writeFiles: undefined });
  await expect(route!.run({} as never)).rejects.toThrow('this switch writes no files for the bureau');
});

test('the routes are those of C7, with these paths', () => {
  const has = cardRoutes({} as CardServices).map(({ method, path, isSealed = false }) => `${method} ${path}${isSealed ? ' jwe' : ''}`);
  for (const wanted of [
    'POST /customers/me/cards/virtual jwe', 'POST /customers/me/cards/virtual/async', 'POST /secure/customers/{customerId}/cards/virtual jwe', 'POST /secure/customers/{customerId}/cards/virtual/async',
    'POST /admin/customers/{customerId}/cards/virtual jwe', 'POST /customers/me/cards/{cardId}/lock', 'POST /secure/customers/{userId}/cards/{cardId}/lock', 'POST /admin/cards/{cardId}/lock',
    'POST /customers/me/cards/{cardId}/unlock', 'POST /secure/customers/{userId}/cards/{cardId}/unlock', 'POST /admin/cards/{cardId}/unlock', 'DELETE /customers/me/cards/{cardId}', 'DELETE /admin/cards/{cardId}',
    'GET /customers/me/cards/{cardId} jwe', 'GET /secure/customers/{customerId}/cards/{cardId} jwe', 'POST /customers/me/cards/{cardId}/cvv jwe', 'POST /admin/cards/{cardId}/cvv jwe',
    'POST /customers/me/cards/{cardId}/pin jwe', 'POST /customers/me/cards/{cardId}/activate', 'POST /secure/customers/{customerId}/cards/{cardId}/activate', 'POST /admin/cards/{cardId}/activate',
    'POST /customers/me/cards/{cardId}/print jwe', 'POST /secure/customers/{customerId}/cards/physical jwe',
  ]) expect(has).toContain(wanted);
  for (const absent of ['DELETE /secure/customers/{customerId}/cards/{cardId}', 'POST /secure/customers/{customerId}/cards/{cardId}/pin jwe', 'POST /admin/cards/{cardId}/pin jwe', 'POST /secure/customers/{customerId}/cards/{cardId}/cvv jwe']) {
    expect(has).not.toContain(absent);
  }
});
