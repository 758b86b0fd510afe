/** Two switches on one PostgreSQL server and one store: what both do at once is done once. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CardBureau } from '../../src/lifecycle/card-bureau.ts';
import { CardLinking } from '../../src/lifecycle/card-linking.ts';
import { CardHouse, delivery, holderOf, staff } from './card-house.ts';
import { newId } from './fixture.ts';

let house: CardHouse;
let other: ReturnType<CardHouse['servicesOver']>;
let folder: string;
beforeAll(async () => {
  house = await CardHouse.open(undefined, 'server');
  other = house.servicesOver((await house.desks.another()).desk);
  folder = mkdtempSync(join(tmpdir(), 'locum-switches-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await house.close();
});

test('the same request at both makes one card, virtual or physical', async () => {
  const userId = await house.user();
  for (let round = 0; round < 10; round += 1) {
    const balanceId = await house.balance(userId);
    const wish = house.wish(userId, balanceId);
    const rows = await Promise.all([house, other, house, other].map(async ({ issuing }) => await (round % 2 === 0 ? issuing.createVirtual(wish) : issuing.orderPhysical(wish, delivery))));
    expect(new Set(rows.map(({ cardId, token }) => `${cardId} ${token}`)).size).toBe(1);
    expect((await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards.map(({ record }) => record.token)).toEqual([rows[0]?.token]);
  }
  // An order for each physical card, and one alone.
  expect(await house.book.query(`select count(*)::int as count from card_order join issued_card using (card_id) where user_id = $1 and state = 'waiting'`, [userId])).toEqual([{ count: 5 }]);
});

test('a card is replaced by one of both alone, and the other is told so', async () => {
  const userId = await house.user();
  const balanceId = await house.balance(userId);
  const { cardId } = await house.issuing.createVirtual(house.wish(userId, balanceId));
  const told = await Promise.allSettled([house, other].map(async ({ cards }) => await cards.replace(holderOf(userId), cardId, { requestKey: newId('k'), delivery: undefined })));
  expect(told.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(told.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CARD_REPLACED' } });
  expect(await house.cards.get(staff, cardId)).toMatchObject({ lockCode: 8 });
  expect((await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards).toHaveLength(2);
});

test('orders are put into one file each, whichever switch writes it', async () => {
  const userId = await house.user();
  const balanceId = await house.balance(userId);
  await Promise.all(Array.from({ length: 12 }, async () => await house.issuing.orderPhysical(house.wish(userId, balanceId), delivery)));
  const bureaus = ['north', 'south'].map((switchName) => new CardBureau({
    book: house.book, linking: new CardLinking({ book: house.book, cards: house.cards, now: () => house.nowMs }), folder: join(folder, switchName), switchName, now: () => house.nowMs,
  }));
  await Promise.all([...bureaus, ...bureaus].map(async (bureau) => await bureau.writeFiles()));
  const told = ['north', 'south'].flatMap((switchName) => {
    const files = join(folder, switchName, 'to-bureau');
    const names = (() => {
      try {
        return readdirSync(files);
      } catch {
        return [];
      }
    })();
    return names.flatMap((name) => readFileSync(join(files, name), 'utf8').trimEnd().split('\n').slice(1, -1).map((line) => (JSON.parse(line) as { orderId: string }).orderId));
  });
  const orders = await house.book.query<{ readonly id: string }>(`select order_id as id from card_order where state = 'filed'`);
  expect([...told].sort()).toEqual(orders.map(({ id }) => id).sort());
  expect(await house.book.query(`select 1 from card_order where state = 'waiting'`)).toEqual([]);
});
