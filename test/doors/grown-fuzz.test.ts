/**
 * Calls drawn at random in a house that is lived in: two partners with users, balances, cards, transfers and webhooks, and every call with ids of things that
 * are there, the caller's own or the other partner's. Nothing fails, nothing of one partner is seen or moved by the other, and no money is lost or made.
 */
import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Agent } from 'node:http';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Role, Route } from '../../src/doors/route.ts';
import { closedInput } from '../../src/doors/validate.ts';
import { verify } from '../../src/book/verify.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { drainAll } from '../book/drains.ts';
import { openReceiver } from '../lifecycle/receiver.ts';
import type { Receiver } from '../lifecycle/receiver.ts';
import { bearer, confirm, keyed, logIn, newColleague, newUser, openSession, pair, said } from './devices.ts';
import type { App, Colleague, UserSession } from './devices.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';
import { sampleOf } from './samples.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_122);
const callCount = 400 * Number(process.env['LOCUM_TIMES'] ?? 1);
/** As long as calls lock, close and remove things, new ones have to come. */
const growEvery = 100;
const idForm = /\b[a-z]_[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])/g;
const blankId = /^([a-z])_A{22}$/;

interface Tenant {
  readonly app: App;
  session: UserSession | undefined;
  /** By the letter that they begin with: `b_…`, `c_…`. */
  readonly ids: Map<string, string[]>;
}

/** A partner and what is its. */
interface House {
  readonly partner: Partner;
  readonly receiver: Receiver;
  readonly tenants: Tenant[];
  /** All that was ever told to it or its users. */
  readonly ids: Set<string>;
  /** What all its users' balances must sum to. */
  sumMinor: number;
}

const kinds = [/^reloadBalance/, /^withdrawBalance/, /^beginTransfer/, /^createVirtualCard/, /^lockCard/, /^removeCard/, /Webhook/];
let doors: Doors;
/** Routes that change money, cards and webhooks. */
let moving: readonly Route[];
let houses: readonly [House, House];
let serviceKey: KeyObject;
const own = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ownKey = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const staff = {} as Record<Role, Colleague>;
const staffTokens = new Map<Role, string>();
const owners = new Map<string, Tenant>();
const succeeded = new Map<string, number>();
const next = numbers(seed);

/** Whole numbers below a bound, of a seed: mulberry32. */
function numbers(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6D2B79F5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function pick<T>(list: readonly T[]): T {
  return list[next(list.length)]!;
}

beforeAll(async () => {
  const range = demoTables.find(({ name, kind }) => kind === 'binRange' && name === 'demo')!;
  const program = demoTables.find(({ name, kind }) => kind === 'program' && name === 'demo')!;
  const tables = [...demoTables, { ...program, name: 'other', document: { ...program.document as object, partner: 'other' } }, { ...range, name: 'other', document: { from: '476174', program: 'other' } }];
  doors = await openDoors({ tables, settings: { sessionMinutes: 1_440, staffSessionMinutes: 1_440, transfers: { amountMinorMax: 1_000_000, dayAmountMinorMax: 1_000_000_000, dayCountMax: 1_000 } } });
  moving = doors.routes.filter(({ operationId }) => kinds.some((kind) => kind.test(operationId)));
  for (const role of ['admin', 'manager', 'employee'] as const) staff[role] = await newColleague(doors, `some.${role}`, role);
  houses = [await settle('demo'), await settle('other')];
}, 300_000);
afterAll(async () => {
  agent.destroy();
  for (const { receiver } of houses) await receiver.close();
  await endDoors();
});

async function settle(name: string): Promise<House> {
  const partner = await doors.partner(name);
  const house: House = { partner, receiver: await openReceiver(), tenants: [], ids: new Set(), sumMinor: 0 };
  said(await doors.ask('/secure/encryption_key', { method: 'PUT', partner, headers: keyed(), body: { publicKey: ownKey } }), 200);
  serviceKey ??= createPublicKey(said(await doors.ask('/secure/public_key', { partner }), 200)['pem']!);
  for (let count = 0; count < 2; count += 1) await grow(house);
  return house;
}

/** A user with a device, two balances with money, cards of both kinds, a transfer and a job; and a webhook of the partner's. */
async function grow(house: House): Promise<void> {
  const { partner, receiver } = house;
  const userId = await newUser(doors, partner, { isVerified: true });
  const app = await pair(doors, partner, userId);
  const tenant: Tenant = { app, session: await openSession(doors, app), ids: new Map() };
  note(house, tenant, `${userId} ${app.deviceId} ${tenant.session!.sessionId}`);
  const base = `/secure/customers/${userId}`;
  const done = async (path: string, body: unknown, isSealed = false, statusMax = 202): Promise<string> => {
    const text = await shown(await doors.ask(path, { method: 'POST', partner, headers: keyed(isSealed ? { 'public-key': ownKey, 'encrypted-request': 'true' } : {}), ...(body === undefined ? {} : { body: isSealed ? await sealed(body) : body }) }), statusMax);
    note(house, tenant, text);
    return text;
  };
  const balances = [await done(`${base}/balances`, {}), await done(`${base}/balances`, {})].map((text) => (JSON.parse(text) as { readonly balanceId: string }).balanceId);
  for (const balanceId of balances) {
    await done(`${base}/balances/${balanceId}/reload`, { amount: { amountMinor: 50_000, currency: 'EUR' } });
    house.sumMinor += 50_000;
  }
  await done(`${base}/cards/virtual`, { balanceId: balances[0] }, true);
  await done(`${base}/cards/virtual/async`, { balanceId: balances[1] });
  const delivery = { name: 'Ada Lovelace', lines: ['Main street 1'], postalCode: '10000', town: 'Zagreb', country: 'HR' };
  await done(`${base}/cards/physical`, { balanceId: balances[0], holderName: 'ADA LOVELACE', delivery }, true);
  const before = house.tenants.at(-1);
  // The one before may be locked or gone by now.
  await done(`${base}/transfers`, { balanceId: balances[0], receiver: { userId: before?.app.userId ?? userId }, receiverBalanceId: before?.ids.get('b')?.[0] ?? balances[1], amount: { amountMinor: 100, currency: 'EUR' } }, false, 499);
  // A partner has ten at most.
  await done('/secure/webhooks', { url: receiver.url }, true, 499);
  house.tenants.push(tenant);
}

/** Keeps whose the ids in a text are. */
function note(house: House, tenant: Tenant | undefined, text: string): void {
  for (const [id] of text.matchAll(idForm)) {
    house.ids.add(id);
    if (tenant === undefined) continue;
    // Of a transfer both sides are told; whose a balance is was told before.
    if (!owners.has(id)) owners.set(id, tenant);
    if (owners.get(id) !== tenant) continue;
    const list = tenant.ids.get(id[0]!) ?? [];
    if (!list.includes(id)) list.push(id);
    tenant.ids.set(id[0]!, list);
  }
}

async function sealed(body: unknown): Promise<unknown> {
  return { payload: await new CompactEncrypt(Buffer.from(JSON.stringify(body))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(serviceKey) };
}

/** What a caller can read of an answer. @throws Error where its status is higher */
async function shown({ status, text, json }: Reply, statusMax = 599, key: KeyObject = own.privateKey): Promise<string> {
  if (status > statusMax) throw new Error(`${status}: ${text}`);
  const { payload } = (json ?? {}) as { readonly payload?: string };
  return payload === undefined ? text : Buffer.from((await compactDecrypt(payload, key)).plaintext).toString('utf8');
}

interface Caller {
  readonly house: House;
  /** Whose ids are drawn first; the caller itself at the mobile door. */
  readonly tenant: Tenant;
  readonly role: Role | undefined;
}

async function credentials(route: Route, { tenant, role }: Caller): Promise<Record<string, string>> {
  if (role !== undefined) {
    let token = staffTokens.get(role);
    if (token === undefined) {
      // A one-time code is good once.
      doors.pass(31_000);
      // Another password may have been set, or their account locked.
      if ((await logIn(doors, staff[role])).status !== 201) staff[role] = await newColleague(doors, `some.${role}.${randomUUID().slice(0, 8)}`, role);
      doors.pass(31_000);
      token = said(await logIn(doors, staff[role]), 201)['token']!;
      staffTokens.set(role, token);
      said(await doors.ask('/admin/encryption_key', { method: 'PUT', headers: { ...bearer(token), ...keyed() }, body: { publicKey: ownKey } }), 200);
    }
    return bearer(token);
  }
  if (route.door !== 'mobile' || route.isPublic === true || tenant.session === undefined) return {};
  if (route.needsConfirmation === true) await confirm(doors, tenant.app, tenant.session, route.operationId);
  return bearer(tenant.session.token);
}

/** An id of that letter that is there: mostly of the user that the call is about, else of anybody. */
function idOf(letter: string, { house, tenant }: Caller): string | undefined {
  const draw = next(10);
  const whose = draw < 6 ? tenant : pick((draw < 8 ? house : houses.find((other) => other !== house)!).tenants);
  const list = whose.ids.get(letter) ?? [];
  return list.length === 0 ? undefined : pick(list);
}

/** Ids that are there in the place of the sample's, and amounts that a balance can have. */
function filled(value: unknown, caller: Caller): unknown {
  if (typeof value === 'string') return idOf(blankId.exec(value)?.[1] ?? '', caller) ?? value;
  if (Array.isArray(value)) return value.map((each) => filled(each, caller));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === 'amountMinor' ? 1 + next(20_000) : filled(inner, caller)]));
}

function pathOf({ path, params }: Route, caller: Caller): string {
  const { properties = {} } = (params === undefined ? {} : closedInput(params)) as { readonly properties?: Readonly<Record<string, never>> };
  const letters: Readonly<Record<string, string>> = { customerId: 'u', userId: 'u' };
  return path.replaceAll(/\{([A-Za-z]+)\}/g, (_all, name: string) => {
    if (name === 'partner') return pick(houses).partner.name;
    const sample = properties[name] === undefined ? '' : String(sampleOf(properties[name], false));
    return idOf(letters[name] ?? blankId.exec(sample)?.[1] ?? '', caller) ?? sample;
  });
}

/** Sentences about what must not be, of one call that was drawn. */
async function oneCall(): Promise<string[]> {
  // Half of them are those that move something, of which the tests below want to see some done.
  const route = pick(next(2) === 0 ? doors.routes : moving);
  const house = pick(houses);
  const tenant = pick(house.tenants);
  if (route.door === 'mobile') tenant.session ??= await openSession(doors, tenant.app).catch(() => undefined);
  const caller: Caller = { house, tenant, role: route.door === 'admin' && route.isPublic !== true ? pick(['admin', 'admin', 'manager', 'employee']) : undefined };
  const path = pathOf(route, caller);
  const body = route.body === undefined ? undefined : filled(sampleOf(closedInput(route.body), next(2) === 0), caller);
  const isSealedBody = route.isSealed === true && body !== undefined;
  const encryptionKey = route.door === 'mobile' ? tenant.app.encryptionKey : ownKey;
  const headers = {
    ...(route.method === 'GET' ? {} : { 'x-idempotency-key': randomUUID() }), ...(route.isSealed === true ? { 'public-key': encryptionKey } : {}), ...(isSealedBody ? { 'encrypted-request': 'true' } : {}),
    ...await credentials(route, caller),
  };
  const ask = { method: route.method, headers, ...(body === undefined ? {} : { body: isSealedBody ? await sealed(body) : body }), ...(route.door === 'server' ? { partner: house.partner } : { agent }) };
  // A call may come twice at once.
  const replies = await Promise.all((next(8) === 0 ? [ask, ask] : [ask]).map(async (each) => await doors.ask(path, each)));
  const found: string[] = [];
  for (const reply of replies) found.push(...await faults(route, caller, `${path} ${JSON.stringify(body)}`, reply));
  const [first] = replies.filter(({ status }) => status < 300);
  if (first === undefined) return found;
  succeeded.set(route.operationId, (succeeded.get(route.operationId) ?? 0) + 1);
  const { amount } = (body ?? {}) as { readonly amount?: { readonly amountMinor: number } };
  const sign = route.operationId.startsWith('reloadBalance') ? 1 : route.operationId.startsWith('withdrawBalance') ? -1 : 0;
  if (sign !== 0) houses.find(({ ids }) => ids.has(/b_[A-Za-z0-9_-]{22}/.exec(path)?.[0] ?? ''))!.sumMinor += sign * amount!.amountMinor;
  return found;
}

async function faults(route: Route, { house, tenant, role }: Caller, sent: string, reply: Reply): Promise<string[]> {
  const text = await shown(reply, 599, route.door === 'mobile' ? tenant.app.decryptionKey : own.privateKey);
  const place = `${route.operationId} by ${role ?? house.partner.name}: ${sent} gave ${reply.status} ${text.slice(0, 300)}`;
  if (reply.status === 401 && role !== undefined) staffTokens.delete(role);
  if (reply.status === 401 && route.door === 'mobile') tenant.session = undefined;
  if (reply.status >= 500) return [place];
  if (role !== undefined) return [];
  const other = houses.find((each) => each !== house)!;
  const foreign = (from: string): string[] => [...from.matchAll(idForm)].map(([id]) => id).filter((id) => other.ids.has(id));
  const seen = foreign(`${text} ${reply.headers.location ?? ''}`).filter((id) => !sent.includes(id));
  if (seen.length > 0) return [`${seen.join(' ')} of the other partner is in ${place}`];
  if (reply.status < 300 && route.isPublic !== true && foreign(sent).length > 0 && !/^{"items":\[\]}$/.test(text)) return [`done with what is the other partner's: ${place}`];
  if (route.door === 'mobile' && route.isPublic !== true) {
    // What another user of the same partner has is as far away; but for the one who gets the money.
    const near = (from: string): string[] => [...from.matchAll(idForm)].map(([id]) => id).filter((id) => /^[bcdj]/.test(id) && (owners.get(id) ?? tenant) !== tenant);
    const told = near(text).filter((id) => !sent.includes(id));
    if (told.length > 0) return [`${told.join(' ')} of another user is in ${place}`];
    if (reply.status < 300 && route.operationId !== 'beginTransferMobile' && near(sent).length > 0) return [`done with what is another user's: ${place}`];
  }
  if (reply.status < 300) note(house, route.door === 'mobile' ? tenant : undefined, text);
  return [];
}

test('whatever is called with whoever’s ids, nothing fails, and nobody sees or moves what is another partner’s', async () => {
  const found: string[] = [];
  for (let count = 0; count < callCount; count += 1) {
    if (count % growEvery === growEvery - 1) for (const house of houses) await grow(house);
    found.push(...await oneCall());
  }
  expect(found.slice(0, 10)).toEqual([]);
  expect(doors.failures.map((error) => (error instanceof Error ? error.stack : error)).slice(0, 5)).toEqual([]);
}, 300_000);

test('the calls did things: money came, went and was sent, and cards were made, locked and removed', () => {
  expect([...kinds, /^get/, /^list/].filter((kind) => ![...succeeded.keys()].some((operationId) => kind.test(operationId))).map(String)).toEqual([]);
  expect(succeeded.size).toBeGreaterThan(doors.routes.length / 4);
});

test('after all of it each partner’s users have what was put in less what was taken out, and the book agrees with itself', async () => {
  doors.pass(60_000);
  for (const each of doors.lifecycle.work) while (await each.run()) { /* Until it is done. */ }
  await drainAll(doors.desks.store, doors.book);
  for (const { partner, sumMinor } of houses) {
    const { currencies } = (await doors.ask('/secure/balance_summary', { partner })).json as { readonly currencies: readonly { readonly currency: string; readonly usersMinor: number; readonly inTransitMinor?: number }[] };
    expect(currencies.filter(({ currency }) => currency === 'EUR').map(({ usersMinor }) => usersMinor), partner.name).toEqual([sumMinor]);
  }
  expect(await verify(doors.book, doors.now())).toEqual([]);
});

test('no webhook was told of another partner’s', async () => {
  for (const house of houses) await grow(house);
  await drainAll(doors.desks.store, doors.book);
  for (const [index, { receiver }] of houses.entries()) {
    await expect.poll(async () => {
      for (const each of doors.lifecycle.work) await each.run();
      return receiver.received.length;
    }).toBeGreaterThan(5);
    const others = houses[1 - index]!.ids;
    expect(receiver.received.flatMap(({ body }) => [...body.matchAll(idForm)].map(([id]) => id)).filter((id) => others.has(id))).toEqual([]);
  }
});
