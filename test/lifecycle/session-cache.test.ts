/** What the cache of sessions asks the book for, and what it never answers: with a book that answers when the test says so. */
import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { digestOf, SessionCache } from '../../src/lifecycle/session-cache.ts';
import type { CachedSession } from '../../src/lifecycle/session-cache.ts';
import { readSlowly, settled } from './slow-readings.ts';
import type { Reading } from './slow-readings.ts';

const prefix = 'locum_user_';

let clock = { nowMs: 0, elapsedMs: 0 };
/** What the book has now, by digest. */
let kept: Map<string, CachedSession>;
let readings: Reading[];
let cache: SessionCache<CachedSession>;

beforeEach(() => {
  clock = { nowMs: 1_000_000, elapsedMs: 0 };
  kept = new Map();
  readings = [];
  cache = new SessionCache({
    prefix, now: () => clock.nowMs, elapsed: () => clock.elapsedMs,
    read: async (digests) => await readSlowly(kept, digests, readings),
  });
});

function opened(subject = 'u_1'): string {
  const token = prefix + randomBytes(32).toString('base64url');
  kept.set(digestOf(token), { sessionId: `l_${kept.size}`, subject, expiresAtMs: clock.nowMs + 600_000 });
  return token;
}

/** The reading of this number has begun, and is answered. */
async function answered(number: number): Promise<void> {
  await settled();
  await readings[number]!.answer();
}

test('within a second a session is asked for once, and again after it', async () => {
  const token = opened();
  const first = cache.get(token);
  await answered(0);
  expect(await first).toMatchObject({ subject: 'u_1' });
  clock.elapsedMs = 999;
  expect(await cache.get(token)).toMatchObject({ subject: 'u_1' });
  expect(readings).toHaveLength(1);
  clock.elapsedMs = 1_000;
  kept.clear();
  const later = cache.get(token);
  await answered(1);
  expect(await later).toBeUndefined();
});

test('what is asked for while a reading is under way is read together in the next one', async () => {
  const tokens = Array.from({ length: 5 }, () => opened());
  const first = cache.get(tokens[0]!);
  await settled();
  const asked = Promise.all([...tokens, ...tokens].map(async (token) => await cache.get(token)));
  await answered(0);
  expect(await first).toBeDefined();
  await answered(1);
  expect((await asked).every((session) => session !== undefined)).toBe(true);
  expect(readings.map(({ keys }) => keys.length)).toEqual([1, 5]);
});

test('a session that ended here while it was read is read again', async () => {
  const token = opened();
  const asked = cache.get(token);
  await settled();
  kept.clear();
  cache.forget('u_1');
  await answered(0);
  await answered(1);
  expect(await asked).toBeUndefined();
});

test('what ended here is refused at once, and others\' sessions stay known', async () => {
  const [mine, others] = [opened('u_1'), opened('u_2')];
  const asked = [cache.get(mine), cache.get(others)];
  await answered(0);
  await Promise.all(asked);
  kept.delete(digestOf(mine));
  cache.forget('u_1');
  const again = cache.get(mine);
  expect(await cache.get(others)).toMatchObject({ subject: 'u_2' });
  await answered(1);
  expect(await again).toBeUndefined();
});

test('while the book is away nobody is let in who was not a second before, and whoever comes after it gets an answer', async () => {
  const token = opened();
  const first = cache.get(token);
  await answered(0);
  await first;
  clock.elapsedMs = 1_500;
  const away = cache.get(token);
  const told = expect(away).rejects.toThrow('the book is away');
  await settled();
  await readings[1]!.fail();
  await told;
  const back = cache.get(token);
  await answered(2);
  expect(await back).toMatchObject({ subject: 'u_1' });
});

test('a session ends with its time, whatever is known of it', async () => {
  const token = opened();
  const first = cache.get(token);
  await answered(0);
  await first;
  clock.nowMs += 600_000;
  expect(await cache.get(token)).toBeUndefined();
});

test('what is no token of this door asks nobody', async () => {
  for (const text of ['', prefix, `${prefix}${'A'.repeat(42)}`, `${prefix}${'A'.repeat(44)}`, `locum_staff_${'A'.repeat(43)}`, `${prefix}${'é'.repeat(43)}`]) expect(await cache.get(text)).toBeUndefined();
  expect(readings).toEqual([]);
});
