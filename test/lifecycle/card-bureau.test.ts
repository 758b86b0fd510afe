/** Plastics from the order to the activation: what the bureau is told, what it confirms, and what a crash in between leaves. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactDecrypt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';
import { unwrapKeyBlock } from '../../src/keys/key-block.ts';
import { CardBureau } from '../../src/lifecycle/card-bureau.ts';
import { CardLinking } from '../../src/lifecycle/card-linking.ts';
import { Pan } from '../../src/message/pan.ts';
import { Secret } from '../../src/message/secret.ts';
import { digestOf, withTrailer } from '../../src/lifecycle/personalisation-format.ts';
import { demoKeys } from '../../src/program/demo-keys.ts';
import { CardHouse, delivery, holderOf, staff } from './card-house.ts';

const bureauKey = Buffer.from(demoKeys.find(({ name }) => name === 'demo-bureau')?.hex ?? '', 'hex');

interface Plastic {
  readonly orderId: string;
  readonly kind: string;
  readonly cardNumber: string;
  readonly expiry: string;
  readonly serviceCode: string;
  readonly panSequence: string;
  readonly holderName: string;
  readonly cvv: string;
  readonly icvv: string;
  readonly cvc2?: string;
  readonly pin: { readonly format: number; readonly key: string; readonly block: string };
  readonly chip: { readonly keyIndex: number; readonly keys: Readonly<Record<'ac' | 'smi' | 'smc', string>> };
  readonly delivery: unknown;
}

let house: CardHouse;
let folder: string;
let bureau: CardBureau;
let linking: CardLinking;

beforeAll(async () => {
  house = await CardHouse.open();
});
afterAll(async () => await house.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'locum-bureau-'));
  linking = new CardLinking({ book: house.book, cards: house.cards, now: () => house.nowMs });
  bureau = new CardBureau({ book: house.book, linking, folder, switchName: 'here', now: () => house.nowMs });
  await bureau.writeFiles();
  rmSync(join(folder, 'to-bureau'), { recursive: true, force: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function ordered(): Promise<{ readonly userId: string; readonly balanceId: string; readonly cardId: string }> {
  const userId = await house.user();
  const balanceId = await house.balance(userId);
  const { cardId } = await house.issuing.orderPhysical(house.wish(userId, balanceId), delivery);
  return { userId, balanceId, cardId };
}

function fileText(name: string): string {
  return readFileSync(join(folder, 'to-bureau', name), 'utf8');
}

/** As a bureau reads it, without any code of the house. */
async function opened(name: string): Promise<readonly Plastic[]> {
  const lines = fileText(name).trimEnd().split('\n');
  const plastics: Plastic[] = [];
  for (const line of lines.slice(1, -1)) {
    const { sealed } = JSON.parse(line) as { sealed: string };
    const { plaintext } = await compactDecrypt(sealed, bureauKey);
    plastics.push(JSON.parse(Buffer.from(plaintext).toString('utf8')) as Plastic);
  }
  return plastics;
}

function confirm(name: string, lines: readonly object[], from = 'demo-bureau'): void {
  writeFileSync(join(folder, 'from-bureau', name), withTrailer([{ format: 'locum-confirmation/1', bureau: from, madeAt: '2026-11-22T10:00:00+00:00' }, ...lines]));
}

async function produce(...orderIds: readonly string[]): Promise<void> {
  await bureau.takeConfirmations();
  confirm(`made-${orderIds.join('-')}.jsonl`, orderIds.map((orderId) => ({ orderId, result: 'produced' })));
  const [report] = await bureau.takeConfirmations();
  expect(report).toMatchObject({ linked: orderIds.length, wrong: [] });
}

describe('the file for the bureau', () => {
  test('has each order once, framed by a header and a trailer with number and digest', async () => {
    const [one, two] = [await ordered(), await ordered()];
    const [name = '', ...more] = await bureau.writeFiles();
    expect(more).toEqual([]);
    const lines = fileText(name).trimEnd().split('\n');
    const number = Number(/^locum-demo-bureau-([0-9]{6})\.jsonl$/.exec(name)?.[1]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ format: 'locum-personalisation/1', file: number, bureau: 'demo-bureau' });
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ records: 2, digest: digestOf(`${lines.slice(0, -1).join('\n')}\n`) });
    const orders = await house.book.query<{ readonly id: string }>('select order_id as id from card_order where card_id = any($1::text[])', [[one.cardId, two.cardId]]);
    expect((await opened(name)).map(({ orderId }) => orderId).sort()).toEqual(orders.map(({ id }) => id).sort());
    expect(await bureau.writeFiles()).toEqual([]);
    expect(readdirSync(join(folder, 'to-bureau'))).toEqual([name]);
  });

  test('tells the bureau what it needs, and nobody else', async () => {
    const { cardId, balanceId } = await ordered();
    const [name = ''] = await bureau.writeFiles();
    const [plastic] = await opened(name);
    if (plastic === undefined) throw new Error('a plastic was ordered');
    const pan = Pan.parse(plastic.cardNumber);
    if (pan === undefined) throw new Error('it has a number');
    expect(decodeProtectedHeader((JSON.parse(fileText(name).split('\n')[1] ?? '') as { sealed: string }).sealed)).toEqual({ alg: 'A256KW', enc: 'A256GCM', kid: 'demo-bureau/1' });
    // Each field is in docs/personalisation.md, and each that is there is told.
    const page = readFileSync(new URL('../../docs/personalisation.md', import.meta.url), 'utf8');
    const [, sealedPart = ''] = page.split('What is sealed is a JSON object:');
    const fields = [...(sealedPart.split('The PIN is drawn')[0] ?? '').matchAll(/^\| `([a-zA-Z0-9]+)` \|/gm)].map(([, field]) => field);
    expect(fields).toEqual(Object.keys(plastic));
    expect(plastic).toMatchObject({ kind: 'physical', holderName: 'ADA LOVELACE', panSequence: '01', serviceCode: '201', delivery });
    const { expiry, serviceCode } = plastic;
    const key = { name: 'demo-cvk' };
    expect(house.desks.hsm.verify([
      { kind: 'cvv', key, pan, expiry, serviceCode, value: new Secret(plastic.cvv) }, { kind: 'icvv', key, pan, expiry, value: new Secret(plastic.icvv) },
      { kind: 'cvv2', key, pan, expiry, value: new Secret(plastic.cvc2 ?? '') },
    ])).toEqual(['match', 'match', 'match']);
    // The PIN that the bureau is told is the one that the account verifies.
    const record = (await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards[0]?.record;
    if (record?.pin === undefined) throw new Error('the card has a PIN');
    expect(house.desks.hsm.verify([{
      kind: 'pin', pin: { block: new Secret(plastic.pin.block), format: 0, key: { zone: { name: plastic.pin.key } }, pan }, key: { name: 'demo-pvk' }, rules: { method: 'pvv' }, reference: record.pin,
    }])).toEqual(['match']);
    for (const [use, keyUsage] of [['ac', 'E0'], ['smi', 'E2'], ['smc', 'E1']] as const) {
      const block = unwrapKeyBlock({ family: 'aes', key: bureauKey }, plastic.chip.keys[use]);
      expect('fault' in block ? block.fault : block.header.keyUsage).toBe(keyUsage);
    }
    const rows = JSON.stringify([await house.book.query('select * from card_order where card_id = $1', [cardId]), await house.book.query('select * from issued_card where card_id = $1', [cardId])]);
    for (const secret of [plastic.cardNumber, plastic.pin.block, 'St James', delivery.postalCode]) expect(`${fileText(name)}${rows}`).not.toContain(secret);
  });

  test('is the same one again where it was put together and not written', async () => {
    await ordered();
    const broken = new CardBureau({ book: house.book, linking, folder: '/dev/null/nowhere', switchName: 'here', now: () => house.nowMs });
    await expect(broken.writeFiles()).rejects.toThrow();
    await ordered();
    const written = await bureau.writeFiles();
    expect(written).toHaveLength(2);
    const before = written.map(fileText);
    await house.book.query('update personalisation_file set written_at = null where number >= $1', [Number(/([0-9]{6})/.exec(written[0] ?? '')?.[1])]);
    // Another switch leaves what this one has put together.
    const other = new CardBureau({ book: house.book, linking, folder, switchName: 'there', now: () => house.nowMs });
    expect(await other.writeFiles()).toEqual([]);
    expect(await bureau.writeFiles()).toEqual(written);
    expect(written.map(fileText)).toEqual(before);
  });

  test('has no card that was removed before', async () => {
    const { userId, cardId } = await ordered();
    expect((await house.cards.list(holderOf(userId), {}, { limit: 10 })).items).toEqual([]);
    await house.cards.remove(staff, cardId, 'remove-before');
    expect(await bureau.writeFiles()).toEqual([]);
  });
});

describe('the bureau’s confirmation', () => {
  test('links a physical card, which its holder then sees and activates', async () => {
    const { userId, balanceId, cardId } = await ordered();
    const [name = ''] = await bureau.writeFiles();
    const [plastic] = await opened(name);
    await expect(house.cards.get(holderOf(userId), cardId)).rejects.toMatchObject({ code: 'CARD_NOT_FOUND' });
    await expect(house.cards.activate(staff, cardId)).rejects.toMatchObject({ code: 'CARD_STATE_CANNOT' });
    await house.book.query(`insert into webhook (id, partner, url, types, secret_sealed, request_key, created_at) values ('w_test', 'demo', 'https://partner.example/', '{card.linked}', 'sealed', 'w_test', now()) on conflict do nothing`);
    await produce(plastic?.orderId ?? '');
    const told = await house.book.query<{ readonly body: string }>(`select body from event where type = 'card.linked' and body like $1`, [`%${cardId}%`]);
    expect(told.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([{ type: 'card.linked', card: { id: cardId, balanceId, kind: 'physical' } }]);
    expect(await house.cards.get(holderOf(userId), cardId)).toMatchObject({ state: 'linked', hasPin: true });
    expect(await house.book.query('select state, sealed from card_order where card_id = $1', [cardId])).toEqual([{ state: 'produced', sealed: '' }]);
    const stateNow = async (): Promise<string | undefined> => (await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards[0]?.record.state;
    expect(await stateNow()).toBe('ordered');
    expect(await house.cards.activate(holderOf(userId), cardId)).toMatchObject({ state: 'active' });
    expect(await house.cards.activate(holderOf(userId), cardId)).toMatchObject({ state: 'active' });
    expect(await stateNow()).toBe('active');
  });

  test('is taken once, and lines that are wrong are reported and keep no other from being taken', async () => {
    const [one, two] = [await ordered(), await ordered()];
    const [name = ''] = await bureau.writeFiles();
    const plastics = await opened(name);
    const orderOf = async (cardId: string): Promise<string> => (await house.book.query<{ readonly id: string }>('select order_id as id from card_order where card_id = $1', [cardId]))[0]?.id ?? '';
    expect(plastics).toHaveLength(2);
    const unfiled = await ordered();
    await bureau.takeConfirmations();
    const lines = [
      { orderId: await orderOf(one.cardId), result: 'produced' }, { orderId: 'o_nobody', result: 'produced' }, { orderId: await orderOf(two.cardId), result: 'lost' }, [],
      { orderId: `o_${'A'.repeat(22)}`, result: 'produced' }, { orderId: await orderOf(unfiled.cardId), result: 'produced' }, { orderId: await orderOf(two.cardId), result: 'produced' },
    ];
    confirm('mixed.jsonl', lines);
    const [report] = await bureau.takeConfirmations();
    expect(report).toMatchObject({ file: 'mixed.jsonl', linked: 2, rejected: 0, repeated: 0 });
    expect(report?.wrong.map(({ line, problem }) => `${line}: ${problem}`)).toEqual([
      '3: orderId is missing, or is no order', '4: result is neither produced nor rejected', '5: this is no JSON object', '6: this bureau has no such order',
      '7: the order is waiting, and was told to no bureau',
    ]);
    expect(JSON.parse(readFileSync(join(folder, 'from-bureau', 'taken', 'mixed.jsonl.report.json'), 'utf8'))).toEqual(report);
    expect(await bureau.takeConfirmations()).toEqual([]);
    confirm('mixed-again.jsonl', lines);
    expect(await bureau.takeConfirmations()).toMatchObject([{ linked: 0, repeated: 2 }]);
  });

  test('of another bureau, or whose frame is wrong, links nothing', async () => {
    const { cardId } = await ordered();
    const [name = ''] = await bureau.writeFiles();
    const orderId = (await opened(name))[0]?.orderId ?? '';
    await bureau.takeConfirmations();
    confirm('other.jsonl', [{ orderId, result: 'produced' }], 'another-bureau');
    expect(await bureau.takeConfirmations()).toMatchObject([{ linked: 0, wrong: [{ line: 2, problem: 'this bureau has no such order' }] }]);
    const whole = withTrailer([{ format: 'locum-confirmation/1', bureau: 'demo-bureau' }, { orderId, result: 'produced' }]);
    const texts = {
      'cut.jsonl': whole.slice(0, -20), 'empty.jsonl': '', 'changed.jsonl': whole.replace('"produced"', '"rejected"'), 'short.jsonl': whole.replace('"records":1', '"records":2'),
      'format.jsonl': withTrailer([{ format: 'locum-confirmation/2', bureau: 'demo-bureau' }, { orderId, result: 'produced' }]),
    };
    for (const [file, text] of Object.entries(texts)) writeFileSync(join(folder, 'from-bureau', file), text);
    const reports = await bureau.takeConfirmations();
    expect(Object.fromEntries(reports.map(({ file, refused }) => [file, refused]))).toEqual({
      'cut.jsonl': 'the file does not end with a whole line', 'empty.jsonl': 'the file does not end with a whole line', 'changed.jsonl': 'the digest of the trailer is not that of the lines before it',
      'short.jsonl': 'the trailer says 2 cards, and there are 1', 'format.jsonl': 'the first line does not say that the format is locum-confirmation/1',
    });
    expect(readdirSync(join(folder, 'from-bureau', 'refused')).filter((file) => file.endsWith('.jsonl')).sort()).toEqual(Object.keys(texts).sort());
    expect(await house.cards.get(staff, cardId)).toMatchObject({ state: 'ordered' });
  });

  test('that a plastic could not be made makes no other for a user who was deleted meanwhile, and what it was to be is kept no longer', async () => {
    const { userId, cardId } = await ordered();
    const [name = ''] = await bureau.writeFiles();
    const [plastic] = await opened(name);
    // As a deletion leaves the row.
    await house.book.query(`update person set state = 'deleted' where user_id = $1`, [userId]);
    await bureau.takeConfirmations();
    confirm('rejected-late.jsonl', [{ orderId: plastic?.orderId, result: 'rejected', why: 'no such town' }]);
    expect(await bureau.takeConfirmations()).toMatchObject([{ rejected: 1, wrong: [] }]);
    expect(await house.book.query('select state, sealed from card_order where card_id = $1', [cardId])).toEqual([{ state: 'cancelled', sealed: '' }]);
    expect(await bureau.writeFiles()).toEqual([]);
  });

  test('of a plastic that could not be made puts it into the next file', async () => {
    const { cardId } = await ordered();
    const [first = ''] = await bureau.writeFiles();
    const [before] = await opened(first);
    await bureau.takeConfirmations();
    confirm('rejected.jsonl', [{ orderId: before?.orderId, result: 'rejected', why: 'no such town' }]);
    expect(await bureau.takeConfirmations()).toMatchObject([{ rejected: 1 }]);
    confirm('rejected-again.jsonl', [{ orderId: before?.orderId, result: 'rejected', why: 'no such town' }, { orderId: before?.orderId, result: 'rejected' }]);
    expect(await bureau.takeConfirmations()).toMatchObject([{ rejected: 0, repeated: 2 }]);
    const [second = ''] = await bureau.writeFiles();
    expect(second).not.toBe(first);
    expect(await opened(second)).toEqual([before]);
    await produce(before?.orderId ?? '');
    expect(await house.cards.get(staff, cardId)).toMatchObject({ state: 'linked' });
  });
});

describe('renewal', () => {
  test('of a physical card keeps number, balance and controls; the expiry changes when the new plastic is activated', async () => {
    const { userId, balanceId, cardId } = await ordered();
    const [first = ''] = await bureau.writeFiles();
    const [old] = await opened(first);
    await produce(old?.orderId ?? '');
    await house.cards.activate(holderOf(userId), cardId);
    await expect(house.cards.renew(holderOf(userId), cardId, { requestKey: `early-${cardId}`, delivery })).rejects.toMatchObject({ code: 'RENEWAL_TOO_EARLY' });
    const startMs = house.nowMs;
    house.nowMs += 800 * 86_400_000;
    try {
      const wish = { requestKey: `renew-${cardId}`, delivery };
      expect(await house.cards.renew(holderOf(userId), cardId, wish)).toMatchObject({ state: 'renewing' });
      expect(await house.cards.renew(holderOf(userId), cardId, wish)).toMatchObject({ state: 'renewing' });
      await expect(house.cards.renew(holderOf(userId), cardId, { ...wish, requestKey: 'another' })).rejects.toMatchObject({ code: 'CARD_STATE_CANNOT' });
      const [second = ''] = await bureau.writeFiles();
      const [renewed] = await opened(second);
      expect(renewed).toMatchObject({ cardNumber: old?.cardNumber, panSequence: '02' });
      expect(renewed?.expiry === old?.expiry || renewed?.chip.keys.ac === old?.chip.keys.ac).toBe(false);
      const record = async () => (await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards[0]?.record;
      const before = await record();
      await produce(renewed?.orderId ?? '');
      expect(await record()).toEqual(before);
      expect(await house.cards.activate(holderOf(userId), cardId)).toMatchObject({ state: 'active', balanceId });
      expect(await record()).toMatchObject({ expiry: renewed?.expiry, pinVersion: (before?.pinVersion ?? 0) + 1, token: before?.token });
      await house.cards.activate(holderOf(userId), cardId);
      expect(await record()).toMatchObject({ pinVersion: (before?.pinVersion ?? 0) + 1 });
    } finally {
      house.nowMs = startMs;
    }
  });

  test('of a virtual card is there at once', async () => {
    const userId = await house.user();
    await house.balance(userId);
    const { cardId } = await house.issuing.createVirtual(house.wish(userId));
    const before = await house.cards.dataOf(holderOf(userId), cardId);
    const startMs = house.nowMs;
    house.nowMs += 400 * 86_400_000;
    try {
      await house.cards.renew(holderOf(userId), cardId, { requestKey: `renew-${cardId}`, delivery: undefined });
      const after = await house.cards.dataOf(holderOf(userId), cardId);
      expect(after.pan.equals(before.pan)).toBe(true);
      expect(after.card.expiresOn > before.card.expiresOn).toBe(true);
    } finally {
      house.nowMs = startMs;
    }
  });
});

describe('a digital-first card', () => {
  test('is a virtual one whose plastic was ordered: it goes on paying, nothing is printed, and its link gives it its PIN', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const { cardId } = await house.issuing.createVirtual(house.wish(userId, balanceId));
    const wish = { requestKey: `print-${cardId}`, delivery };
    expect(await house.cards.print(holderOf(userId), cardId, wish)).toMatchObject({ kind: 'digitalFirst', state: 'printing', hasPin: false });
    expect(await house.cards.print(holderOf(userId), cardId, wish)).toMatchObject({ kind: 'digitalFirst', state: 'printing' });
    const [name = ''] = await bureau.writeFiles();
    const [plastic, ...more] = await opened(name);
    expect(more).toEqual([]);
    expect(plastic).toMatchObject({ kind: 'digitalFirst' });
    expect(plastic?.cvc2).toBeUndefined();
    await produce(plastic?.orderId ?? '');
    expect(await house.cards.get(holderOf(userId), cardId)).toMatchObject({ kind: 'digitalFirst', state: 'active', hasPin: true });
    await expect(house.cards.activate(holderOf(userId), cardId)).rejects.toMatchObject({ code: 'CARD_KIND_CANNOT' });
    await expect(house.cards.print(holderOf(userId), cardId, { ...wish, requestKey: 'print-2' })).rejects.toMatchObject({ code: 'CARD_KIND_CANNOT' });
  });

  test('keeps the PIN that its holder set before the plastic was there, and is replaced by one with a plastic of its own', async () => {
    const userId = await house.user();
    const balanceId = await house.balance(userId);
    const { cardId } = await house.issuing.createVirtual(house.wish(userId, balanceId));
    await house.cards.print(holderOf(userId), cardId, { requestKey: `print-${cardId}`, delivery });
    await house.cards.setPin(holderOf(userId), cardId, new Secret('4711'), `pin-${cardId}`);
    const [name = ''] = await bureau.writeFiles();
    await produce((await opened(name))[0]?.orderId ?? '');
    const records = async () => (await house.desks.desk.accounts([balanceId])).get(balanceId)?.cards.map(({ record }) => record) ?? [];
    expect((await records())[0]?.pinVersion).toBe(1);
    await expect(house.cards.replace(holderOf(userId), cardId, { requestKey: `replace-${cardId}`, delivery: undefined })).rejects.toMatchObject({ code: 'DELIVERY_MISSING' });
    const next = await house.cards.replace(holderOf(userId), cardId, { requestKey: `replace-${cardId}`, delivery });
    expect(next).toMatchObject({ kind: 'digitalFirst', state: 'printing', hasPin: false });
    const [after = ''] = await bureau.writeFiles();
    await produce((await opened(after))[0]?.orderId ?? '');
    expect(await house.cards.get(holderOf(userId), next.cardId)).toMatchObject({ state: 'active', hasPin: true });
    expect((await records()).map(({ lockCode }) => lockCode)).toEqual([8, 0]);
  });
});
