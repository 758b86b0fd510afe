/** Keys that are exchanged, replaced and damaged while the program runs; and what of them is to be found in what it leaves behind. */
import { copyFileSync, readdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { openBook } from '../../src/book/connection.ts';
import type { CarriedKey } from '../../src/dialect/meaning.ts';
import type { AccessLine } from '../../src/keys/access-log.ts';
import { createKeyFile, generateKey } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { Secret } from '../../src/message/secret.ts';
import { demoKeys } from '../../src/program/demo-keys.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { startPostgres } from '../servers/postgres.ts';
import { demoKey, ecbKey, kcvOf, keyBlock, keyChange, newKey, pinBlock } from '../switch/zone.ts';
import { ascii, configure, emptyFolder, endAll, eventually, root, startProgram } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';
import { cashCards, command, keysOf, Teller, Tellers, tracksOf } from './tellers.ts';

afterAll(endAll);

const overlapMs = 5_000;
const shortOverlap = Object.fromEntries(['1987_ASCII', '2003_BINARY'].map((station) => [`LOCUM_STATIONS_DEMO_${station}_SECURITY_KEY_OVERLAP_SECONDS`, String(overlapMs / 1000)]));

async function versionsOf(folder: string, name: string): Promise<string[]> {
  return (await keysOf(folder)).filter((key) => key.name === name).map(({ version, kcv }) => `${version} ${kcv}`);
}

function changed(key: CarriedKey, change: (text: string) => string): CarriedKey {
  return { ...key, text: new Secret(change(key.text.reveal())) };
}

function flipped(text: string): string {
  return `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`;
}

/** Sixteen bytes, the last of which has even parity. */
function evenKey(): Buffer {
  const key = newKey();
  key[15]! ^= 1;
  return key;
}

/** Keys that are not taken, and the words for it. @param former one that was replaced */
function hostileKeys(former: Uint8Array): readonly (readonly [CarriedKey, RegExp])[] {
  const block = keyBlock(newKey());
  return [
    [ecbKey(newKey(), { kcv: '000000' }), /has the check value [0-9A-F]{6}, and not the expected one/],
    [ecbKey(newKey(), { kcv: '' }), /came without its check value/],
    [ecbKey(newKey(), { kek: newKey() }), /and not the expected one/],
    [ecbKey(evenKey()), /even parity/],
    [ecbKey(Buffer.alloc(16)), /zero/],
    [keyBlock(newKey(), { kek: newKey() }), /the MAC of the key block is wrong/],
    [changed(block, flipped), /the MAC of the key block is wrong/],
    [changed(block, (text) => text.replace('P0', 'M3')), /the MAC of the key block is wrong/],
    [changed(block, (text) => `${text.slice(0, 5)}P0TV${text.slice(9)}`), /the MAC of the key block is wrong/],
    [changed(block, (text) => `${text}00`), /not as long as it says/],
    [changed(block, (text) => text.toLowerCase()), /no key block/],
    [keyBlock(newKey(), { usage: 'C0' }), /is for C0/],
    [keyBlock(newKey(), { usage: 'K0' }), /is for K0/],
    [keyBlock(newKey(), { mode: 'X' }), /mode X/],
    [keyBlock(evenKey()), /even parity/],
    [keyBlock(former), /was replaced/],
  ];
}

async function exchange(program: ProgramProcess, station: string, old: Uint8Array, secrets: Buffer[]): Promise<Buffer> {
  const { folder } = program;
  const teller = await Teller.open(program, station, station === ascii ? 1 : 500);
  const yes = station === ascii ? '00' : '8000';
  const before = await versionsOf(folder, 'demo-zpk');
  const first = newKey();
  const block = keyBlock(first);
  const broughtAtMs = Date.now();
  expect(await teller.bring(block)).toBe(yes);
  expect(await teller.cash(first, old, first)).toEqual([true, true, true]);
  const version = Number(before.at(-1)!.split(' ')[0]) + 1;
  expect((await versionsOf(folder, 'demo-zpk')).slice(-2)).toEqual([before.at(-1), `${version} ${kcvOf(first)}`]);
  await eventually(async () => (await teller.cash(old))[0] === false, 'the old key is not good any more');
  expect(Date.now() - broughtAtMs).toBeGreaterThanOrEqual(overlapMs);
  expect(await teller.cash(first)).toEqual([true]);

  const held = await keysOf(folder);
  expect(await teller.bring(block)).toBe(yes);
  expect(await teller.bring(ecbKey(first))).toBe(yes);
  expect(await keysOf(folder)).toEqual(held);
  const said = station === ascii ? 3 : 3 + 20;
  await program.said('network management', said);
  const hostile = hostileKeys(old);
  for (const [index, [key, words]] of hostile.entries()) {
    expect(await teller.bring(key), String(words)).toBe(station === ascii ? '81' : '9119');
    await program.said('network management', said + index + 1);
  }
  for (const [index, line] of program.of('network management').slice(said).entries()) {
    expect(line).toMatchObject({ station, kind: 'keyChange', accepted: false, detail: expect.stringMatching(hostile[index]![1]) as string });
  }
  expect(await keysOf(folder)).toEqual(held);

  const second = newKey();
  expect(await teller.bring(ecbKey(second))).toBe(yes);
  expect(await teller.cash(first, second)).toEqual([true, true]);
  secrets.push(first, second, ...[old, first, second].flatMap((key) => cashCards.map((pan) => Buffer.from(pinBlock(key, '1234', pan), 'hex'))));
  teller.acquirer.socket.destroy();
  return second;
}

/** The files below a folder that have one of these in them: as bytes, as hexadecimal, or as base64. */
function filesWith(folder: string, secrets: readonly Buffer[]): string[] {
  const forms = secrets.flatMap((secret) => [secret, ...['hex', 'base64'].map((form) => Buffer.from(secret.toString(form as BufferEncoding).replace(/=+$/, ''))), Buffer.from(secret.toString('hex').toUpperCase())]);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile()).filter((name) => {
    const content = readFileSync(join(folder, name));
    return forms.some((form) => content.includes(form));
  });
}

test('a zone key that a station brings is good at once, the one before for the overlap only, and what is no good is refused with its reason', async () => {
  const folder = emptyFolder();
  const program = await startProgram(folder, { ...shortOverlap, LOCUM_LOG_LEVEL: 'debug' });
  const secrets = demoKeys.map(({ name }) => demoKey(name));
  secrets.push(...cashCards.flatMap((pan) => [Buffer.from(pan), Buffer.from(pan, 'hex')]));
  const current = await exchange(program, ascii, demoKey('demo-zpk'), secrets);
  // The same key, of another station.
  await exchange(program, 'demo-2003-binary', current, secrets);
  await eventually(async () => (await program.metric('locum_book_lag_entries')) === 0, 'the book has it all');
  const running = await keysOf(folder);
  expect(await program.stop()).toEqual({ code: 0, signal: null });

  expect(await command(folder, 'key', 'log', '--verify')).toContain('each of which follows the one before');
  const lines = JSON.parse(await command(folder, 'key', 'log', '--last', '1000', '--json')) as readonly AccessLine[];
  const taken = lines.filter(({ operation, key }) => operation === 'receive' && key === 'demo-zpk');
  expect(taken.filter(({ refused }) => refused === undefined)).toHaveLength(8);
  expect(taken.filter(({ refused }) => refused !== undefined).length).toBeGreaterThan(20);
  for (const line of taken) expect(line).toMatchObject({ usage: 'zpk', under: 'demo-kek' });
  const uses = lines.flatMap((line) => line.uses ?? []);
  expect(uses.filter(([operation]) => operation === 'verify pin').reduce((sum, [, , , count]) => sum + count, 0)).toBeGreaterThan(10);
  expect(new Set(uses.map(([operation]) => operation))).toContain('produce pinReference');

  for (const secret of secrets) {
    for (const form of [secret.toString('hex'), secret.toString('hex').toUpperCase(), secret.toString('base64')]) expect(program.output.includes(form), 'a secret is in the output').toBe(false);
  }
  for (const pan of cashCards) expect(program.output).not.toContain(pan);
  expect(filesWith(folder, secrets)).toEqual([]);
  expect(filesWith(folder, [Buffer.from(pinBlock(demoKey('demo-zpk'), '1234', cashCards[0]!), 'hex')])).toEqual([]);
  // What is looked for would be found.
  expect(filesWith(folder, [Buffer.from('demo-zpk')])).not.toEqual([]);

  const next = await startProgram(folder);
  expect(await keysOf(folder)).toEqual(running);
  await next.kill();
});

test('while purchases are made all the time, keys are rotated, wrapped anew and exchanged, and no answer is lost and none is another for it', async () => {
  const folder = emptyFolder();
  const program = await startProgram(folder);
  const tellers = new Tellers(program, ascii, await tracksOf(folder), demoKey('demo-zpk'));
  await tellers.approves(200);
  let loads = 0;
  for (const words of [
    ['rotate', 'demo-zpk', '--overlap', '1h'], ['generate', 'demo-cvk', '--usage', 'cvk', '--overlap', '1h'], ['rotate-master'], ['rotate', 'pan'], ['rotate-master'],
  ]) {
    await command(folder, 'key', ...words);
    await program.said('keys loaded', (loads += 1));
    await tellers.approves(60);
  }
  const zone = await Teller.open(program, ascii, 900_000);
  const key = newKey();
  expect(await zone.bring(keyBlock(key))).toBe('00');
  await tellers.approves(20);
  tellers.key = key;
  await tellers.approves(200);
  expect(await tellers.stop()).toBe(0);
  expect(tellers.refusals).toEqual([]);
  expect(program.lines.filter(({ level }) => level === 'error')).toEqual([]);
  expect((await versionsOf(folder, 'demo-zpk')).length).toBe(3);
  expect(readdirSync(join(folder, 'data')).filter((name) => name.endsWith('.new'))).toEqual([]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(await command(folder, 'key', 'log', '--verify')).toContain('each of which follows the one before');
});

test('a key file that is damaged, another master key’s, or has another key for card tokens is told of once, and the switch goes on with its keys', async () => {
  const folder = emptyFolder();
  const dialect = JSON.parse(readFileSync(join(root, 'specs', 'dialects', 'iso8583-1987.json'), 'utf8')) as { readonly keyChange: object };
  writeFileSync(join(folder, 'own.json'), JSON.stringify({ ...dialect, keyChange: { ...dialect.keyChange, confirmation: { form: 'element', field: 48, element: 'CV' } } }));
  configure(folder, {
    demo: true,
    stations: { pos: { link: { listen: { port: 0 } }, spec: 'iso8583-1987-ascii', dialect: join(folder, 'own.json'), security: { pinKey: 'demo-zpk', transportKey: 'demo-kek' } } },
  });
  const program = await startProgram(folder);
  const [keyFile, kept] = [join(folder, 'data', 'keys.json'), join(folder, 'kept.json')];
  copyFileSync(keyFile, kept);
  const restored = (): void => {
    copyFileSync(kept, `${kept}.copy`);
    renameSync(`${kept}.copy`, keyFile);
  };
  const teller = await Teller.open(program, ascii);
  const master = MasterKey.fromFile(join(folder, 'data', 'master.key'));
  const other = join(folder, 'other.json');
  const another = (by: MasterKey): void => {
    createKeyFile(other, by);
    for (const usage of ['token', 'pan', 'pin'] as const) generateKey(other, by, { name: usage, usage }, randomBytes);
    renameSync(other, keyFile);
  };
  const damages: readonly (readonly [() => void, RegExp])[] = [
    [() => truncateSync(keyFile, 1_000), /keys\.json is not JSON$/],
    [() => another(MasterKey.fromBytes(randomBytes(32))), /is wrapped under the master key with check value/],
    [() => another(master), /the key for card tokens is another/],
    [() => renameSync(keyFile, other), /cannot be read$/],
  ];
  for (const [index, [damage, words]] of damages.entries()) {
    damage();
    expect(await program.said('keys not loaded', index + 1)).toMatchObject({ level: 'error', error: expect.stringMatching(words) as string, todo: 'the keys of before stay in use' });
    // Over two looks and more, and within what the card may draw in a day.
    for (const endMs = performance.now() + 2_100; performance.now() < endMs; await delay(50)) expect(await teller.cash(demoKey('demo-zpk'))).toEqual([true]);
    expect(program.of('keys not loaded')).toHaveLength(index + 1);
    expect(await teller.bring(keyBlock(newKey()))).toBe('81');
    restored();
    await program.said('keys loaded', index + 1);
  }
  // And its answer tells the check value where the dialect has a place for it.
  const [key, pos] = [newKey(), await program.call('pos', 'iso8583-1987-ascii')];
  const answers = [];
  for (const carried of [keyBlock(key), keyBlock(key, { kek: newKey() })]) {
    const answer = await pos.ask(keyChange(pos.codec, loadFormat({ spec: 'iso8583-1987-ascii' }, 'test').dialect, 1, carried));
    answers.push([answer.text(39), answer.text(48)]);
  }
  expect(answers).toEqual([['00', `CV06${kcvOf(key)}`], ['81', undefined]]);
  expect(await teller.cash(key, demoKey('demo-zpk'))).toEqual([true, true]);
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

test('keys that are missing, or are for something else, are told of at the start, when the tables change and when keys do', async () => {
  const postgres = await startPostgres();
  try {
    const folder = emptyFolder();
    const databaseUrl = await postgres.database('keys');
    configure(folder, {
      demo: true, book: { refreshMs: 100, databaseUrl },
      stations: { pos: { link: { listen: { port: 0 } }, spec: 'iso8583-1987-ascii', security: { pinKey: 'pos-zpk', terminalKey: 'demo-bdk', transportKey: 'demo-zak' } } },
    });
    const program = await startProgram(folder);
    const told = (): unknown[][] => program.of('key missing').map((line) => [line['named'], line['key'], line['usage'], line['todo']]);
    const zpk = ['stations.pos.security.pinKey', 'pos-zpk', 'zpk', 'locum key generate pos-zpk --usage zpk, or locum key import'];
    const kek = ['stations.pos.security.transportKey', 'demo-zak', 'kek', 'demo-zak is for zak; name another key there'];
    expect(told()).toEqual([zpk, kek]);
    await program.said('system tables read');
    expect(told()).toEqual([zpk, kek]);
    const book = await openBook({ databaseUrl });
    await book.query(`update system_table set document = jsonb_set(document, '{security,transportKey}', '"demo-kek"') where name = 'pos'`);
    await book.query(`update system_table set document = jsonb_set(document, '{cvk}', '"gift-cvk"') where kind = 'program' and name = 'demo'`);
    await book.close();
    const cvk = ['programs.demo.cvk', 'gift-cvk', 'cvk', 'locum key generate gift-cvk --usage cvk, or locum key import'];
    await eventually(() => JSON.stringify(told().slice(-2)) === JSON.stringify([cvk, zpk]), 'the new tables are looked at');
    const before = told().length;
    await command(folder, 'key', 'generate', 'pos-zpk', '--usage', 'zpk');
    await program.said('key missing', before + 1);
    expect(told().slice(before)).toEqual([cvk]);
    await program.kill();
  } finally {
    await endAll();
    await postgres.remove();
  }
});
