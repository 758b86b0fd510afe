import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { recordEntries } from '../../src/book/record.ts';
import { encodeEntry, type JournalEntry } from '../../src/account/journal.ts';
import { Delivery, pausesMs } from '../../src/lifecycle/webhook-delivery.ts';
import { openPoster, type Poster } from '../../src/lifecycle/webhook-post.ts';
import { isSigned } from '../../src/lifecycle/webhook-signature.ts';
import { guardedLookup, isPublicAddress, webhookUrl } from '../../src/lifecycle/webhook-address.ts';
import { readWebhookBacklog } from '../../src/lifecycle/webhook-backlog.ts';
import { Webhooks } from '../../src/lifecycle/webhooks.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import { bookFixtures, journal, type BookFixture } from '../book/books.ts';
import { drainAll } from '../book/drains.ts';
import { AccountWriter, accountLife, declinedUnknownCard, noEffects } from '../book/entries.ts';
import { openDesks, type Desks } from './fixture.ts';
import { openReceiver, type Receiver } from './receiver.ts';

let desks: Desks;
let receiver: Receiver;
let poster: Poster;

beforeAll(async () => {
  desks = await openDesks();
  poster = openPoster({ allowsPrivate: true });
});
beforeEach(async () => {
  receiver = await openReceiver();
});
afterEach(async () => {
  await receiver.close();
});
afterAll(async () => {
  poster.close();
  await desks.close();
});

interface House {
  readonly book: Book;
  readonly webhooks: Webhooks;
  readonly clock: { ms: number };
  readonly failures: string[];
  /** Attempts until nothing is due at this time. */
  readonly deliver: () => Promise<number>;
}

const startMs = Date.UTC(2026, 5, 16, 13);

function houseOn(book: Book): House {
  const clock = { ms: startMs };
  const failures: string[] = [];
  const now = (): number => clock.ms;
  const webhooks = new Webhooks({ book, desk: desks.desk, now, randomBytes, rules: { allowsPrivate: true } });
  const delivery = new Delivery({
    book, desk: desks.desk, post: poster.post, now, random: () => 0.5,
    events: { delivered: () => {}, failed: (_id, trouble) => failures.push(trouble), interrupted: (_id, error) => failures.push(String(error)) },
  });
  const deliver = async (): Promise<number> => {
    let total = 0;
    for (let count = await delivery.runDue(); count > 0; count = await delivery.runDue()) total += count;
    return total;
  };
  return { book, webhooks, clock, failures, deliver };
}

const at = { partition: 0, epoch: 1 };

/** Puts entries into the book as the drain does. */
async function record(book: Book, entries: readonly JournalEntry[], after = 0): Promise<void> {
  const rows = entries.map((entry, index) => ({ sequence: String(after + index + 1), value: encodeEntry(entry) }));
  expect((await recordEntries(book, at, { epoch: after === 0 ? 0 : 1, sequence: after }, rows, startMs)).kind).toBe('recorded');
}

describe.each(['embedded', 'server'] as const)('webhooks over the %s book', (kind) => {
  let books: BookFixture;
  beforeAll(async () => {
    books = await bookFixtures[kind]();
  });
  afterAll(() => books.remove());

  test('decisions, cards and balances are told in order, signed, each once', async () => {
    const { book, webhooks, deliver } = houseOn(await books.open());
    const { secret } = await webhooks.create('founder', { url: receiver.url }, 'key-1');
    const writer = new AccountWriter('b_1');
    const bought = writer.authorized(1_250);
    await record(book, [
      writer.opened(), writer.card(0, 'tok-1'), writer.loaded(100_000), bought, writer.declined(5), writer.reversed(bought),
      writer.card(0, 'tok-1', { lockCode: 7 }, false), writer.card(0, 'tok-1', { lockCode: 0 }, false), writer.card(0, 'tok-1', { state: 'removed' }, false),
    ].map((entry, index) => ({ ...entry, sequence: index + 1 })));
    expect(await deliver()).toBe(9);
    expect(receiver.received.map(({ event }) => event.type).toSorted()).toEqual([
      'balance.loaded', 'balance.opened', 'card.added', 'card.locked', 'card.removed', 'card.unlocked',
      'transaction.approved', 'transaction.declined', 'transaction.reversed',
    ]);
    const approved = receiver.received.find(({ event }) => event.type === 'transaction.approved');
    expect(approved?.event).toMatchObject({
      status: 'SUCCESS', description: 'APPROVED',
      transaction: { id: bought.id, balanceId: 'b_1', resource: 'card', amount: 1_250, currency: 'EUR', status: 'AUTHORIZED', transactionData: { mcc: '5411', lastFourDigits: '0011', captureMode: 'CHIP' } },
    });
    for (const { headers, body, event } of receiver.received) {
      expect(headers['x-idempotency-key']).toBe(event.id);
      expect(isSigned(headers, body, secret, startMs)).toBe(true);
      expect(isSigned(headers, `${body} `, secret, startMs)).toBe(false);
      expect(isSigned(headers, body, secret, startMs + 600_000)).toBe(false);
      expect(body).not.toContain('tok-1');
    }
    expect(await deliver()).toBe(0);
  });

  test('a card that a wrong PIN locks, one that is replaced, and a PIN that is changed at a terminal are told as every other lock and change is', async () => {
    const { book, webhooks, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url }, 'key-1');
    const writer = new AccountWriter('b_1');
    const added = writer.card(0, 'tok-1');
    const withCard = <Entry extends JournalEntry>(entry: Entry, change: Partial<typeof added.card>): Entry => ({ ...entry, effects: { ...noEffects, card: { index: 0, record: { ...added.card, ...change }, security: undefined } } });
    const opened = { ...writer.opened(), sequence: 1 };
    await record(book, [opened, ...[
      added, withCard({ ...writer.declined(5), cardToken: 'tok-1', reason: '1806' }, { lockCode: 6 }), writer.card(0, 'tok-1', { lockCode: 0 }, false),
      withCard({ ...writer.authorized(0), hold: undefined, cardToken: 'tok-1' }, { pinVersion: 1 }), withCard(writer.card(1, 'tok-2'), { pinVersion: 1, lockCode: 8 }),
    ].map((entry, index) => ({ ...entry, sequence: index + 2 }))]);
    await deliver();
    const told = receiver.received.map(({ event }) => event);
    const ofCards = told.filter(({ type }) => type.startsWith('card.'));
    expect(ofCards.map(({ type }) => type).toSorted()).toEqual(['card.added', 'card.added', 'card.changed', 'card.locked', 'card.locked', 'card.unlocked']);
    expect(ofCards.filter(({ type }) => type === 'card.locked')).toMatchObject([{ card: { balanceId: 'b_1', state: 'ACTIVE', lockCode: 6 } }, { card: { balanceId: 'b_1', state: 'ACTIVE', lockCode: 8 } }]);
    const at = (type: string): number => told.findIndex((event) => event.type === type);
    expect(at('transaction.declined')).toBeLessThan(at('card.locked'));
    expect(at('card.locked')).toBeLessThan(at('card.unlocked'));
    expect(at('card.unlocked')).toBeLessThan(at('card.changed'));
  });

  test('a webhook is told of the types it wants, and a partner of its own only', async () => {
    const { book, webhooks, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url, types: ['transaction.declined'] }, 'key-1');
    await webhooks.create('another', { url: receiver.url }, 'key-1');
    await record(book, [...accountLife('b_1', 3), declinedUnknownCard('nobody')]);
    await deliver();
    expect(receiver.received.map(({ event }) => event.type)).toEqual(['transaction.declined', 'transaction.declined', 'transaction.declined']);
  });

  test('without a webhook nothing is written for one', async () => {
    const { book } = houseOn(await books.open());
    await record(book, accountLife('b_1', 3));
    expect(await book.query('select id from event')).toEqual([]);
  });

  test('what a receiver does not take is tried again, later each time, and is dead at last, and a replay brings it', async () => {
    const { book, webhooks, clock, deliver, failures } = houseOn(await books.open());
    const { webhookId } = await webhooks.create('founder', { url: receiver.url, types: ['balance.opened'] }, 'key-1');
    await record(book, [new AccountWriter('b_1').opened()]);
    receiver.answer(500);
    for (let attempt = 1; attempt <= pausesMs.length + 1; attempt += 1) {
      expect(await deliver()).toBe(1);
      expect(await deliver()).toBe(0);
      clock.ms += pausesMs[attempt - 1] ?? 0;
    }
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(failures).toHaveLength(pausesMs.length + 1);
    expect(await webhooks.get('founder', webhookId)).toMatchObject({ waiting: 0, dead: 1 });
    expect((await webhooks.deliveries('founder', webhookId, { limit: 10 }, 'dead')).items).toMatchObject([{ state: 'dead', lastStatus: 500, attempts: pausesMs.length + 1 }]);
    clock.ms += 300_000;
    expect(await deliver()).toBe(0);
    receiver.answer(200);
    expect(await webhooks.replay('founder', webhookId, { deadOnly: true })).toBe(1);
    expect(await deliver()).toBe(1);
    expect(await webhooks.get('founder', webhookId)).toMatchObject({ waiting: 0, dead: 0, failures: 0 });
    expect(await webhooks.replay('founder', webhookId, { sinceMs: 0 })).toBe(1);
    expect(await deliver()).toBe(1);
  });

  test('how far a partner is behind is seen: what waits, since when, and what was given up within a day', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    const { webhookId } = await webhooks.create('founder', { url: receiver.url, types: ['balance.opened'] }, 'key-1');
    const removed = await webhooks.create('founder', { url: receiver.url }, 'key-2');
    await webhooks.remove('founder', removed.webhookId);
    const own = { webhookId, partner: 'founder' };
    expect(await readWebhookBacklog(book, clock.ms)).toEqual([{ ...own, waiting: 0, oldestAtMs: undefined, dead: 0 }]);
    const [first, second] = [new AccountWriter('b_1').opened(), new AccountWriter('b_2').opened()];
    await record(book, [first, second]);
    expect(await readWebhookBacklog(book, clock.ms)).toEqual([{ ...own, waiting: 2, oldestAtMs: first.decidedAtMs, dead: 0 }]);
    receiver.answer(({ body }) => (body.includes('b_1') ? 200 : 500));
    for (let attempt = 0; attempt <= pausesMs.length; attempt += 1) {
      await deliver();
      clock.ms += (pausesMs[attempt] ?? 0) + 300_000;
    }
    expect(await readWebhookBacklog(book, clock.ms)).toEqual([{ ...own, waiting: 0, oldestAtMs: undefined, dead: 1 }]);
    expect(await readWebhookBacklog(book, clock.ms + 86_400_000)).toMatchObject([{ dead: 0 }]);
    await webhooks.replay('founder', webhookId, { deadOnly: true });
    expect(await readWebhookBacklog(book, clock.ms)).toMatchObject([{ waiting: 1, oldestAtMs: second.decidedAtMs, dead: 0 }]);
  });

  test('of one card nothing overtakes what waits; other cards are not held up', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url, types: ['transaction.declined'] }, 'key-1');
    const [one, two] = [new AccountWriter('b_1'), new AccountWriter('b_2')];
    await record(book, [one.opened(), two.opened(), one.declined(1), one.declined(2), two.declined(3)]);
    const amountOf = ({ event }: { readonly event: object }): unknown => (event as { transaction: { amount: number } }).transaction.amount;
    receiver.answer((received) => (amountOf(received) === 1 ? 0 : 200));
    await deliver();
    clock.ms += 1_500;
    await deliver();
    expect(receiver.received.map(amountOf).toSorted()).toEqual([1, 3]);
    receiver.answer(200);
    clock.ms += 60_000;
    await deliver();
    expect(receiver.received.map(amountOf).slice(2)).toEqual([1, 2]);
  });

  test('a receiver that is down is asked with one event at a time, and all come when it is up', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    const { webhookId } = await webhooks.create('founder', { url: receiver.url, types: ['balance.opened'] }, 'key-1');
    const writers = Array.from({ length: 30 }, (_, index) => new AccountWriter(`b_${index}`));
    await record(book, writers.map((writer) => writer.opened()));
    receiver.answer(503);
    const first = await deliver();
    expect(first).toBe(20);
    expect(await webhooks.get('founder', webhookId)).toMatchObject({ failures: 1, waiting: 30 });
    clock.ms += 1_500;
    expect(await deliver()).toBe(1);
    receiver.answer(200);
    clock.ms += 60_000;
    expect(await deliver()).toBe(30);
    expect(await webhooks.get('founder', webhookId)).toMatchObject({ failures: 0, waiting: 0 });
  });

  test('what stand-in decided is told to whose card range it is, and where that is not sure, to nobody', async () => {
    const { book, webhooks, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url }, 'key-1');
    await webhooks.create('another', { url: receiver.url }, 'key-1');
    const rows = [
      ['program', 'hosted', { partner: 'founder' }], ['program', 'other', { partner: 'another' }],
      ['binRange', 'one', { from: '476173', program: 'hosted' }], ['binRange', 'two', { from: '55550000', to: '55550049', program: 'hosted' }], ['binRange', 'three', { from: '55550050', to: '55550099', program: 'other' }],
    ] as const;
    for (const [rowKind, name, document] of rows) await book.query(`insert into system_table (kind, name, document, source) values ($1, $2, $3::text::jsonb, 'operator')`, [rowKind, name, JSON.stringify(document)]);
    const stoodIn = { ...declinedUnknownCard('stood-in'), decidedBy: 'standin', cardToken: 'tok-9' } as const;
    await record(book, [stoodIn, { ...stoodIn, id: 'unsure', maskedPan: '555500******0011' }, { ...stoodIn, id: 'nobodys', maskedPan: '400000******0011' }]);
    await deliver();
    expect(receiver.received.map(({ event }) => [event.type, (event as unknown as { transaction: { id: string } }).transaction.id])).toEqual([['transaction.stood_in', 'stood-in']]);
  });

  test('a receiver that does not answer is in nobody else’s way', async () => {
    const { book, webhooks, clock } = houseOn(await books.open());
    const slow = await openReceiver();
    for (const [index, url] of [slow.url, receiver.url].entries()) await webhooks.create('founder', { url, types: ['transaction.declined'] }, `key-${index}`);
    const release = Promise.withResolvers<{ readonly kind: 'answered'; readonly status: number }>();
    const delivery = new Delivery({
      book, desk: desks.desk, now: () => clock.ms, random: () => 0.5, events: { delivered: () => {}, failed: () => {}, interrupted: () => {} },
      post: async (url, headers, body) => (url === slow.url ? await release.promise : await poster.post(url, headers, body)),
    });
    const writer = new AccountWriter('b_1');
    await record(book, [writer.opened(), ...Array.from({ length: 5 }, (_, index) => writer.declined(index + 1))]);
    await delivery.beginDue();
    await expect.poll(() => receiver.received.length).toBe(5);
    await delivery.beginDue();
    release.resolve({ kind: 'answered', status: 200 });
    await expect.poll(async () => (await book.query(`select 1 from webhook_delivery where state = 'waiting'`)).length).toBe(0);
    expect(await book.query('select max(attempts) as most from webhook_delivery')).toEqual([{ most: 1 }]);
    await slow.close();
  });

  test('an attempt that was killed is made again when its lease is over', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url, types: ['balance.opened'] }, 'key-1');
    await record(book, [new AccountWriter('b_1').opened()]);
    const killed = new Delivery({ book, desk: desks.desk, now: () => clock.ms, random: () => 0.5, events: { delivered: () => {}, failed: () => {}, interrupted: () => {} }, post: async () => await new Promise(() => {}) });
    void killed.runDue();
    await expect.poll(async () => (await book.query('select 1 from webhook_delivery where attempts = 1')).length).toBe(1);
    expect(await deliver()).toBe(0);
    clock.ms += 30_000;
    expect(await deliver()).toBe(1);
    expect(receiver.received).toHaveLength(1);
  });

  test('wherever the store fails, and however many drain, an entry is told once', async () => {
    const { book, webhooks, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url }, 'key-1');
    const memory = new MemoryStore({ partitions: 2, now: Date.now });
    const lives = ['b_1', 'b_2'].map((id) => accountLife(id, 6));
    for (const [partition, life] of lives.entries()) await journal(memory, partition, life);
    const faulty = new FaultyStore(memory, { nth: 3, kind: 'after', persistent: false, on: 'all' });
    await Promise.all([drainAll(faulty, book, 7), drainAll(memory, book, 5)]);
    expect(faulty.met).toBe(1);
    const [{ count } = { count: 0 }] = await book.query<{ count: number }>('select count(*) from event');
    expect(count).toBe(lives.flat().length);
    await deliver();
    expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(lives.flat().length);
    expect(receiver.received).toHaveLength(lives.flat().length);
  });

  test('while a secret is rotated both are signed with, and afterwards the new one alone', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    const { webhookId, secret: former } = await webhooks.create('founder', { url: receiver.url, types: ['transaction.declined'] }, 'key-1');
    const next = await webhooks.rotate('founder', webhookId, 'key-2');
    expect((await webhooks.rotate('founder', webhookId, 'key-2')).reveal()).toBe(next.reveal());
    const writer = new AccountWriter('b_1');
    await record(book, [writer.opened(), writer.declined(1)]);
    await deliver();
    clock.ms += 86_400_000;
    await record(book, [writer.declined(2)], 2);
    await deliver();
    const verdicts = receiver.received.map(({ headers, body }, index) => [former, next].map((secret) => isSigned(headers, body, secret, startMs + index * 86_400_000)));
    expect(verdicts).toEqual([[true, true], [false, true]]);
  });

  test('events are forgotten after their time, and those that somebody waits for are not', async () => {
    const { book, webhooks, clock, deliver } = houseOn(await books.open());
    await webhooks.create('founder', { url: receiver.url, types: ['transaction.declined'] }, 'key-1');
    const writer = new AccountWriter('b_1');
    await record(book, [writer.opened(), writer.declined(1), writer.declined(2)]);
    receiver.answer(({ event }) => ((event['transaction'] as { amount: number }).amount === 1 ? 200 : 500));
    await deliver();
    clock.ms += 2_000;
    expect(await webhooks.prune(0)).toBe(0);
    expect(await webhooks.prune(clock.ms)).toBe(1);
    receiver.answer(200);
    clock.ms += 60_000;
    expect(await deliver()).toBe(1);
    expect(await webhooks.prune(clock.ms)).toBe(1);
    expect(await book.query('select event_sequence from webhook_delivery')).toEqual([]);
  });

  test('the same call makes one webhook, and another partner sees none of it', async () => {
    const { webhooks } = houseOn(await books.open());
    const made = await webhooks.create('founder', { url: receiver.url }, 'key-1');
    const again = await webhooks.create('founder', { url: receiver.url }, 'key-1');
    expect([again.webhookId, again.secret.reveal()]).toEqual([made.webhookId, made.secret.reveal()]);
    expect(await webhooks.list('founder')).toHaveLength(1);
    expect(await webhooks.list('another')).toEqual([]);
    const tries = [() => webhooks.get('another', made.webhookId), () => webhooks.remove('another', made.webhookId), () => webhooks.rotate('another', made.webhookId, 'k'), () => webhooks.replay('another', made.webhookId, {})];
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject({ status: 404, code: 'WEBHOOK_NOT_FOUND' });
    await webhooks.remove('founder', made.webhookId);
    await expect(webhooks.get('founder', made.webhookId)).rejects.toMatchObject({ status: 404 });
  });

  test('a key is for one webhook for good: of another one it is refused, and of one that was removed it shows neither it nor its secret', async () => {
    const { webhooks } = houseOn(await books.open());
    const { webhookId } = await webhooks.create('keeper', { url: receiver.url, types: ['card.locked'] }, 'key-1');
    for (const other of [{ url: `${receiver.url}/other`, types: ['card.locked'] as const }, { url: receiver.url }]) {
      await expect(webhooks.create('keeper', other, 'key-1')).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
    }
    await webhooks.remove('keeper', webhookId);
    await expect(webhooks.create('keeper', { url: receiver.url, types: ['card.locked'] }, 'key-1')).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
  });
});

test('no address of a network behind the switch is called, however it is written', async () => {
  const strict = { allowsPrivate: false };
  for (const url of ['https://127.0.0.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://[::1]/', 'https://[::ffff:10.0.0.1]/', 'https://169.254.169.254/latest', 'https://localhost/', 'https://db.internal/', 'http://example.com/', 'https://[fd00::1]/', 'https://100.64.0.1/']) {
    expect(() => webhookUrl(url, strict), url).toThrow(LifecycleRefused);
  }
  for (const url of ['ftp://example.com/', 'https://user:word@example.com/', 'nonsense', `https://example.com/${'x'.repeat(2_100)}`]) {
    expect(() => webhookUrl(url, { allowsPrivate: true }), url).toThrow(LifecycleRefused);
  }
  expect(webhookUrl('https://hooks.example.com/in?a=1', strict)).toBe('https://hooks.example.com/in?a=1');
  expect(['8.8.8.8', '2606:4700::1111', '192.168.1.1', '::', 'fe80::1', '2002:7f00:1::', 'name'].map(isPublicAddress)).toEqual([true, true, false, false, false, false, false]);
  const strictPoster = openPoster(strict);
  expect(await strictPoster.post(receiver.url, {}, '{}')).toMatchObject({ kind: 'unanswered' });
  // A name that leads to loopback is found out when it is resolved.
  const resolved = await new Promise((resolve) => {
    guardedLookup(strict)('localhost', { all: true }, resolve);
  });
  expect(resolved).toMatchObject({ message: 'the name leads to an address that is not of the open internet' });
  strictPoster.close();
  expect(receiver.received).toEqual([]);
});

test('a redirect is not followed', async () => {
  receiver.answer(302);
  expect(await poster.post(receiver.url, {}, '{}')).toEqual({ kind: 'answered', status: 302 });
  expect(receiver.received.map(({ path }) => path)).toEqual(['/hooks']);
});
