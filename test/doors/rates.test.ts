/** How much one caller may ask for: a flood is told to wait, nobody else notices, and who guesses credentials gets slower. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CallerLimits } from '../../src/doors/caller-limits.ts';
import { endDoors, openDoors } from './fixture.ts';
import type { Doors, Partner, Reply } from './fixture.ts';

let doors: Doors;
let shop: Partner;
let other: Partner;

beforeAll(async () => {
  doors = await openDoors({ rates: { partner: { perSecond: 1, burst: 5 }, stranger: { perSecond: 1, burst: 4 } } });
  [shop, other] = [await doors.partner('shop'), await doors.partner('other')];
});
afterAll(endDoors);

async function show(partner: Partner): Promise<Reply> {
  return await doors.ask('/secure/public_key', { partner });
}

test('a partner\'s flood is told when to come again, and another partner is served meanwhile', async () => {
  const replies = [];
  for (let count = 0; count < 12; count += 1) replies.push(await show(shop));
  const refused = replies.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
  expect(refused[0]).toMatchObject({ headers: { 'retry-after': '1' }, json: { status: 429, code: 'TOO_MANY_REQUESTS' } });
  expect((await show(other)).status).toBe(200);
  doors.pass(60_000);
  expect((await show(shop)).status).toBe(200);
});

test('an address that tries one token after the other is told to wait, and so is one that only looks around', async () => {
  doors.pass(60_000);
  const guess = async (count: number): Promise<Reply> => await doors.ask('/admin/me', { headers: { authorization: `Bearer locum_staff_${String(count).padStart(43, 'A')}` } });
  const guesses = [];
  for (let count = 0; count < 12; count += 1) guesses.push((await guess(count)).status);
  expect(guesses.slice(0, 4)).toEqual([401, 401, 401, 401]);
  expect(guesses).toContain(429);
  doors.pass(60_000);
  const looks = [];
  for (let count = 0; count < 12; count += 1) looks.push((await doors.ask(`/admin/nothing${count}`)).status);
  expect(looks).toContain(429);
  // Who has credentials is not counted by the address.
  expect((await show(other)).status).toBe(200);
});

describe('behind a proxy', () => {
  const from = async (at: Doors, forwarded: string, count: number): Promise<readonly number[]> => {
    const statuses: number[] = [];
    for (let each = 0; each < count; each += 1) statuses.push((await at.ask('/admin/nothing', { headers: { 'x-forwarded-for': forwarded } })).status);
    return statuses;
  };

  test('that is listed, who asks is whom it names: one address that looks around holds up no other', async () => {
    const behind = await openDoors({ rates: { stranger: { perSecond: 1, burst: 4 } }, trustedProxies: ['10.0.0.0/8', '127.0.0.1'] });
    expect(await from(behind, '203.0.113.7', 12)).toContain(429);
    expect(await from(behind, '203.0.113.8', 3)).toEqual([404, 404, 404]);
    // What a client wrote itself stands before what the proxy added.
    const written: number[] = [];
    for (let each = 0; each < 12; each += 1) written.push(...await from(behind, `198.51.100.${each}, 203.0.113.9, 10.1.2.3`, 1));
    expect(written).toContain(429);
  });

  test('that is not listed, nobody is believed who says to be another', async () => {
    doors.pass(60_000);
    const statuses: number[] = [];
    for (let each = 0; each < 12; each += 1) statuses.push(...await from(doors, `203.0.113.${each}`, 1));
    expect(statuses).toContain(429);
  });
});

describe('a caller\'s bucket', () => {
  test('never lets more through than its burst and what the time filled in, and never less while there is room', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), caller: fc.constantFrom('a', 'b') });
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 10 }), (steps, perSecond, burst) => {
      let atMs = 0;
      const limits = new CallerLimits(() => atMs);
      const passed = new Map<string, number>();
      for (const { afterMs, caller } of steps) {
        atMs += afterMs;
        const waitS = limits.take(caller, { perSecond, burst });
        const count = passed.get(caller) ?? 0;
        if (waitS === undefined) {
          passed.set(caller, count + 1);
          expect(count + 1).toBeLessThanOrEqual(burst + (atMs * perSecond) / 1_000 + 1e-6);
        } else {
          expect(waitS).toBeGreaterThanOrEqual(1);
          expect(count).toBeGreaterThanOrEqual(burst - 1);
        }
      }
    }));
  });

  test('is forgotten when very many others came since', () => {
    const limits = new CallerLimits(() => 0);
    const rate = { perSecond: 1, burst: 1 };
    expect(limits.take('first', rate)).toBeUndefined();
    expect(limits.take('first', rate)).toBe(1);
    for (let count = 0; count < 20_000; count += 1) limits.take(`caller ${count}`, rate);
    expect(limits.take('first', rate)).toBeUndefined();
  });
});
