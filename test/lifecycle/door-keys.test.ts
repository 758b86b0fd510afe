/** The doors' own keys on one book with several switches: made once, the same everywhere, sealed at rest. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { DoorKeys } from '../../src/lifecycle/door-keys.ts';
import type { SealingVault } from '../../src/lifecycle/door-keys.ts';
import { LifecycleRefused } from '../../src/lifecycle/refusal.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';
import { openDesks } from './fixture.ts';
import type { Desks } from './fixture.ts';

let desks: Desks;
beforeAll(async () => {
  desks = await openDesks();
});
afterAll(async () => await desks.close());

describe.each(['embedded', 'server'] as const)('on a book of the kind %s', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  let atMs = Date.now();
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    book = await fixture.open();
  });
  afterAll(async () => await fixture.remove());

  function keysOf(maker: string, vault: SealingVault = desks.desk): DoorKeys {
    return new DoorKeys({ book, vault, now: () => atMs, elapsed: () => atMs, randomBytes, maker, overlapMs: 60_000 });
  }

  test('switches that begin at once have the same ones, made by one of them', async () => {
    const switches = ['one', 'two', 'three'].map((name) => keysOf(name));
    const kids = await Promise.all(switches.map(async (keys) => (await keys.decryptionKeys()).map(({ published }) => published.kid)));
    expect(new Set(kids.flat()).size).toBe(1);
    const digestKeys = await Promise.all(switches.map(async (keys) => Buffer.from(await keys.digestKey()).toString('hex')));
    expect(new Set(digestKeys).size).toBe(1);
    expect(await book.query('select purpose from door_key order by purpose')).toEqual([{ purpose: 'digest' }, { purpose: 'encryption' }]);
  });

  test('two that are rotated at once are rotated once', async () => {
    const [one, two] = [keysOf('one'), keysOf('two')];
    const { kid } = (await one.decryptionKeys())[0]!.published;
    const rotated = await Promise.all([one.rotate(kid, 'a'), two.rotate(kid, 'b')]);
    expect(rotated[0].kid).not.toBe(kid);
    expect(rotated[1].kid).toBe(rotated[0].kid);
    expect((await one.decryptionKeys()).map(({ published }) => published.kid)).toEqual([rotated[0].kid, kid]);
    atMs += 60_001;
    expect((await two.decryptionKeys()).map(({ published }) => published.kid)).toEqual([rotated[0].kid]);
  });

  test('a private key does not open under another key\'s id, and not without the vault\'s key', async () => {
    const [row] = await book.query<{ readonly id: string; readonly sealed: string }>('select id, sealed from door_key where purpose = \'encryption\' and replaced_at is null');
    await expect(desks.desk.openMessage(row!.sealed, 'door-key/another')).rejects.toBeInstanceOf(LifecycleRefused);
    const others = await openDesks();
    await expect(keysOf('stranger', others.desk).decryptionKeys()).rejects.toBeInstanceOf(LifecycleRefused);
    await others.close();
  });

  test('what WebCrypto holds it does not give out', async () => {
    for (const { privateKeys } of await keysOf('one').decryptionKeys()) expect(Object.values(privateKeys).map(({ extractable }) => extractable)).toEqual([false, false]);
  });
});
