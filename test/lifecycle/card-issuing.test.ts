import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unreachable } from '../../src/lifecycle/ports.ts';
import type { AccountDesk } from '../../src/lifecycle/ports.ts';
import { CardHouse, delivery, holderOf, partnerOf, staff, tablesWith } from './card-house.ts';
import { newId } from './fixture.ts';

let house: CardHouse;
beforeAll(async () => {
  house = await CardHouse.open();
});
afterAll(async () => await house.close());

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted }) as unknown;

async function cardsInAccount(balanceId: string): Promise<readonly string[]> {
  return (await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards.map(({ record }) => record.token) ?? [];
}

describe('a virtual card', () => {
  test('is active at once, of the program’s range, and has the CVC2 that its HSM makes', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const row = await house.issuing.createVirtual(house.wish(userId));
    expect(row).toMatchObject({ stage: 'issued', kind: 'virtual', balanceId, userId, partner: 'demo', holderName: 'ADA LOVELACE' });
    const { card, pan, cvc2 } = await house.cards.dataOf(holderOf(userId), row.cardId);
    expect(pan.reveal()).toMatch(/^476173[0-9]{10}$/);
    expect(pan.luhnValid).toBe(true);
    expect(cvc2.reveal()).toMatch(/^[0-9]{3}$/);
    expect(card).toMatchObject({ state: 'active', kind: 'virtual', maskedNumber: pan.masked, hasPin: false });
    expect(card.lockCode).toBeUndefined();
    expect(await cardsInAccount(balanceId)).toEqual([row.token]);
    // What is kept says nothing of the number.
    const kept = JSON.stringify(await house.book.query('select * from issued_card'));
    expect(kept).not.toContain(pan.reveal());
  });

  test('is made once for a request, however often it is asked for at once', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const wish = house.wish(userId, balanceId);
    const rows = await Promise.all(Array.from({ length: 8 }, () => house.issuing.createVirtual(wish)));
    expect(new Set(rows.map(({ cardId }) => cardId)).size).toBe(1);
    expect(await cardsInAccount(balanceId)).toEqual([rows[0]?.token]);
  });

  test('asked for by many at once is each one’s own, and told as it is when it is asked for again', async () => {
    const users = await Promise.all(Array.from({ length: 6 }, async () => {
      const userId = await house.user();
      return { userId, balanceId: await house.balance(userId) };
    }));
    const [unverified, poor] = [await house.user('none'), await house.user()];
    const wishes = [...users, ...users].map(({ userId }) => house.wish(userId));
    const [made, ...refused] = await Promise.all([
      Promise.all(wishes.map((wish) => house.issuing.makeVirtual(wish))),
      expect(house.issuing.makeVirtual(house.wish(unverified))).rejects.toEqual(code('USER_NOT_VERIFIED')),
      expect(house.issuing.makeVirtual(house.wish(poor))).rejects.toEqual(code('BALANCE_MISSING')),
    ]);
    expect(refused).toHaveLength(2);
    for (const { userId, balanceId } of users) {
      const theirs = made.filter(({ row }) => row.userId === userId);
      expect(new Set(await cardsInAccount(balanceId))).toEqual(new Set(theirs.map(({ row }) => row.token)));
      for (const each of theirs) {
        expect(each).toMatchObject({ row: { balanceId, stage: 'issued' }, fresh: { record: { state: 'active' } } });
        const told = await house.cards.dataOfMade(each);
        expect(told).toEqual(await house.cards.dataOf(holderOf(userId), each.row.cardId));
        await house.cards.lock(holderOf(userId), each.row.cardId, 7, `lock-${each.row.cardId}`);
        const again = await house.issuing.makeVirtual({ ...house.wish(userId), requestKey: each.row.requestKey });
        expect(again).toMatchObject({ row: { cardId: each.row.cardId }, fresh: undefined });
        const { card, pan } = await house.cards.dataOfMade(again);
        expect([card.lockCode, pan.equals(told.pan)]).toEqual([7, true]);
      }
    }
  });

  test.for([
    ['a user who is not verified', 'USER_NOT_VERIFIED'], ['a user without a balance', 'BALANCE_MISSING'], ['a user with two, of which none is named', 'BALANCE_AMBIGUOUS'],
    ['another’s balance', 'BALANCE_NOT_FOUND'], ['another partner’s user', 'USER_NOT_FOUND'],
  ] as const)('is not made for %s', async ([who, wanted]) => {
    const userId = await house.user(who.includes('not verified') ? 'none' : 'verified');
    if (!who.includes('without')) await house.balance(userId);
    if (who.includes('two')) await house.balance(userId);
    const other = who.includes('another’s balance') ? await house.balance(await house.user()) : undefined;
    const wish = { ...house.wish(userId, other), partner: who.includes('partner’s') ? 'other' : 'demo' };
    await expect(house.issuing.createVirtual(wish)).rejects.toEqual(code(wanted));
    expect(await house.book.query('select 1 from issued_card where user_id = $1', [userId])).toEqual([]);
  });
});

/** Accounts whose nth call is cut off before or after it did what it was asked. */
function cutOff(desk: AccountDesk, when: 'before' | 'after'): AccountDesk {
  let isCut = false;
  return {
    accounts: (ids) => desk.accounts(ids), accountsOfCards: (tokens) => desk.accountsOfCards(tokens), programs: () => desk.programs(),
    apply: async (message) => {
      if (isCut) return await desk.apply(message);
      isCut = true;
      if (when === 'after') await desk.apply(message);
      return { kind: 'unreachable' };
    },
  };
}

describe.for(['before', 'after'] as const)('where the account breaks off %s it has the card', (when) => {
  test('the same request again ends with exactly one card', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const { issuing } = house.servicesOver(cutOff(house.desks.desk, when));
    const wish = house.wish(userId, balanceId);
    await expect(issuing.createVirtual(wish)).rejects.toEqual(code('ACCOUNTS_UNREACHABLE'));
    expect((await house.cards.list(staff, { userId }, { limit: 50 })).items).toEqual([]);
    const row = await issuing.createVirtual(wish);
    expect(await cardsInAccount(balanceId)).toEqual([row.token]);
    expect(await house.book.query('select stage from issued_card where user_id = $1', [userId])).toEqual([{ stage: 'issued' }]);
  });

  test('a card that nobody asks for again is finished by whoever comes by', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const { issuing } = house.servicesOver(cutOff(house.desks.desk, when));
    await expect(issuing.orderPhysical(house.wish(userId, balanceId), delivery)).rejects.toEqual(code('ACCOUNTS_UNREACHABLE'));
    expect(await house.issuing.finishDrawn()).toBe(0);
    house.nowMs += 60_000;
    expect(await house.issuing.finishDrawn()).toBe(1);
    expect(await house.issuing.finishDrawn()).toBe(0);
    expect(await cardsInAccount(balanceId)).toHaveLength(1);
    expect((await house.cards.list(staff, { userId }, { limit: 50 })).items).toMatchObject([{ state: 'ordered', kind: 'physical' }]);
    expect(await house.book.query('select o.state from card_order o join issued_card using (card_id) where user_id = $1', [userId])).toEqual([{ state: 'waiting' }]);
  });
});

describe('a replacement', () => {
  test('is of the same kind and balance, with another number; the card before it gets code 8, once', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const first = await house.issuing.createVirtual(house.wish(userId, balanceId));
    const { items: [before] } = await house.cards.list(holderOf(userId), {}, { limit: 1 });
    const second = await house.cards.replace(holderOf(userId), first.cardId, { requestKey: 'replace-1', delivery: undefined });
    expect(second).toMatchObject({ kind: 'virtual', state: 'active', balanceId, replaces: first.cardId });
    expect(second.maskedNumber === before?.maskedNumber && second.cardId === first.cardId).toBe(false);
    expect(await house.cards.get(holderOf(userId), first.cardId)).toMatchObject({ lockCode: 8, replacedBy: second.cardId });
    expect(await house.cards.replace(holderOf(userId), first.cardId, { requestKey: 'replace-1', delivery: undefined })).toEqual(second);
    await expect(house.cards.replace(holderOf(userId), first.cardId, { requestKey: 'replace-2', delivery: undefined })).rejects.toEqual(code('CARD_REPLACED'));
    expect(await cardsInAccount(balanceId)).toHaveLength(2);
  });

  test('leaves a code that nothing lifts, and takes the controls along', async () => {
    const userId = await house.user();
    await house.balance(userId);
    const { cardId } = await house.issuing.createVirtual(house.wish(userId));
    await house.cards.setControls(holderOf(userId), cardId, { blocked: ['ecommerce'] }, 'controls-1');
    await house.cards.lock(holderOf(userId), cardId, 1, 'lost-1');
    const after = await house.cards.replace(holderOf(userId), cardId, { requestKey: 'replace-lost', delivery: undefined });
    expect(await house.cards.get(holderOf(userId), cardId)).toMatchObject({ lockCode: 1 });
    expect(await house.cards.controls(holderOf(userId), after.cardId)).toEqual({ holder: { blocked: ['ecommerce'] }, partner: {} });
  });
});

/** Accounts that take no card: the balance has had as many as it may. */
function full(desk: AccountDesk): AccountDesk {
  return {
    accounts: (ids) => desk.accounts(ids), accountsOfCards: (tokens) => desk.accountsOfCards(tokens), programs: () => desk.programs(),
    apply: async () => await Promise.resolve({ kind: 'applied', reason: '1023', isRepeat: false }),
  };
}

describe('a replacement that the account does not take', () => {
  test('leaves the card as it was, in nobody’s place: the next one is refused for the same reason, and not for having been replaced', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const { cardId } = await house.issuing.createVirtual(house.wish(userId, balanceId));
    const before = await house.cards.get(holderOf(userId), cardId);
    // The account is closed a moment before the balance's row says so.
    for (const each of [{ kind: 'load', amountMinor: -10_000 }, { kind: 'close' }] as const) await house.apply({ ...each, id: newId('i'), accountId: balanceId, receivedAtMs: house.nowMs });
    for (const requestKey of [newId('k'), newId('k')]) {
      await expect(house.cards.replace(holderOf(userId), cardId, { requestKey, delivery: undefined })).rejects.toEqual(code('BALANCE_CLOSED'));
      expect(await house.cards.get(holderOf(userId), cardId)).toEqual(before);
    }
  });

  test.for(['virtual', 'physical', 'digitalFirst'] as const)('is no reason against the one after it: a %s card has its one replacement still', async (kind) => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const wish = house.wish(userId, balanceId);
    const { cardId } = kind === 'physical' ? await house.issuing.orderPhysical(wish, delivery) : await house.issuing.createVirtual(wish);
    if (kind === 'digitalFirst') await house.cards.print(staff, cardId, { requestKey: newId('k'), delivery });
    if (kind === 'physical') await house.book.query(`update issued_card set plastic = 'linked', is_visible = true where card_id = $1`, [cardId]);
    const { cards } = house.servicesOver(full(house.desks.desk));
    const asked = { requestKey: newId('k'), delivery };
    await expect(cards.replace(staff, cardId, asked)).rejects.toEqual(code('TOO_MANY_CARDS'));
    await expect(cards.replace(staff, cardId, asked)).rejects.toEqual(code('CARD_REFUSED'));
    expect((await house.cards.get(staff, cardId)).replacedBy).toBeUndefined();
    const next = await house.cards.replace(staff, cardId, { requestKey: newId('k'), delivery });
    expect(await house.cards.get(staff, cardId)).toMatchObject({ lockCode: 8, replacedBy: next.cardId });
    await expect(house.cards.replace(staff, cardId, { requestKey: newId('k'), delivery })).rejects.toEqual(code('CARD_REPLACED'));
    expect(await cardsInAccount(balanceId)).toHaveLength(2);
  });
});

describe('what is refused uses nothing up', () => {
  test.for(['virtual', 'digitalFirst'] as const)('of the renewal of a %s card: it is renewed when it may be', async (kind) => {
    const userId = await house.user();
    const { cardId } = await house.issuing.createVirtual(house.wish(userId, await house.balance(userId)));
    if (kind === 'digitalFirst') {
      await house.cards.print(staff, cardId, { requestKey: newId('k'), delivery });
      await house.book.query(`update card_order set state = 'cancelled' where card_id = $1`, [cardId]);
      await house.book.query(`update issued_card set plastic = 'none' where card_id = $1`, [cardId]);
    }
    const early = { requestKey: newId('k'), delivery };
    for (const wish of [early, early, { ...early, requestKey: newId('k') }]) await expect(house.cards.renew(staff, cardId, wish)).rejects.toEqual(code('RENEWAL_TOO_EARLY'));
    const before = await house.cards.get(staff, cardId);
    house.nowMs += 62 * 86_400_000;
    const after = await house.cards.renew(staff, cardId, { requestKey: newId('k'), delivery });
    if (kind === 'virtual') expect(after.expiresOn > before.expiresOn).toBe(true);
    else expect(after).toMatchObject({ state: 'printing', expiresOn: before.expiresOn });
  });

  test('of a print: the card is virtual as it was, and printed when the accounts answer', async () => {
    const userId = await house.user();
    const { cardId } = await house.issuing.createVirtual(house.wish(userId, await house.balance(userId)));
    const { desk } = house.desks;
    let looks = 0;
    // The first look is that of `print` itself, the second for what the plastic is made of.
    const away = house.servicesOver({
      apply: (message) => desk.apply(message), accountsOfCards: (tokens) => desk.accountsOfCards(tokens), programs: () => desk.programs(),
      accounts: async (ids) => await ((looks += 1) === 1 ? desk.accounts(ids) : Promise.reject(unreachable('accounts'))),
    });
    await expect(away.cards.print(staff, cardId, { requestKey: newId('k'), delivery })).rejects.toEqual(code('ACCOUNTS_UNREACHABLE'));
    expect(await house.cards.get(staff, cardId)).toMatchObject({ kind: 'virtual', state: 'active' });
    expect(await house.cards.print(staff, cardId, { requestKey: newId('k'), delivery })).toMatchObject({ kind: 'digitalFirst', state: 'printing' });
  });
});

test('a program offers the kinds that its row says, and without a bureau no plastic', async () => {
  const poor = await CardHouse.open(tablesWith({ cards: { kinds: ['physical'] } }));
  try {
    const userId = await poor.user();
    await poor.balance(userId);
    await expect(poor.issuing.createVirtual(poor.wish(userId))).rejects.toEqual(code('KIND_NOT_OFFERED'));
    await expect(poor.issuing.orderPhysical(poor.wish(userId), delivery)).rejects.toEqual(code('KIND_NOT_OFFERED'));
  } finally {
    await poor.close();
  }
});

test('a number that another account’s card has is never drawn, and of a range whose numbers are all in use the next request is refused', async () => {
  const tables = tablesWith({}).map((row) => (row.kind === 'binRange' && row.name === 'demo' ? { ...row, document: { ...row.document, from: '476173000000001' } } : row));
  const narrow = await CardHouse.open(tables);
  try {
    const userId = await narrow.user();
    const balanceId = await narrow.balance(userId);
    const first = await narrow.issuing.createVirtual(narrow.wish(userId, balanceId));
    expect((await narrow.cards.dataOf(holderOf(userId), first.cardId)).pan.reveal()).toBe('4761730000000011');
    await expect(narrow.issuing.createVirtual(narrow.wish(userId, balanceId))).rejects.toEqual(code('RANGE_EXHAUSTED'));
    await narrow.cards.remove(holderOf(userId), first.cardId, 'remove-1');
    await expect(narrow.issuing.createVirtual(narrow.wish(userId, balanceId))).rejects.toEqual(code('RANGE_EXHAUSTED'));
    await expect(narrow.book.query('delete from issued_card')).rejects.toThrow('stays in the book');
    await expect(narrow.book.query(`update issued_card set balance_id = 'b_other'`)).rejects.toThrow('its balance');
  } finally {
    await narrow.close();
  }
});

test('a user whose name no card can have is asked how it is written', async () => {
  const userId = await house.user('verified', ['Лев', 'Толстой']);
  const balanceId = await house.balance(userId);
  expect((await house.issuing.createVirtual(house.wish(userId, balanceId))).holderName).toBe('');
  await expect(house.issuing.orderPhysical(house.wish(userId, balanceId), delivery)).rejects.toEqual(code('HOLDER_NAME_MISSING'));
  expect(await house.issuing.orderPhysical({ ...house.wish(userId, balanceId), holderName: 'LEO TOLSTOY' }, delivery)).toMatchObject({ holderName: 'LEO TOLSTOY', plastic: 'ordered' });
});

test('a key is for one change of a card for good: used for another one it is refused, and the card is as it was', async () => {
  const userId = await house.user();
  const balanceId = await house.balance(userId);
  const { cardId } = await house.issuing.createVirtual(house.wish(userId, balanceId));
  const actor = partnerOf(userId);
  expect(await house.cards.lock(actor, cardId, 7, 'one-key')).toMatchObject({ lockCode: 7 });
  await expect(house.cards.lock(actor, cardId, 2, 'one-key')).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT', field: 'X-Idempotency-Key' });
  await expect(house.cards.unlock(actor, cardId, 'one-key')).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  expect(await house.cards.lock(actor, cardId, 7, 'one-key')).toMatchObject({ lockCode: 7 });
});
