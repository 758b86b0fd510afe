import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { accessLines, AccessLog, accessLogOf } from '../../src/keys/access-log.ts';
import { TdesKey } from '../../src/keys/block-cipher.ts';
import type { KeyInfo, Refusal } from '../../src/keys/hsm.ts';
import { KeyCustody } from '../../src/keys/key-custody.ts';
import type { ReceivedKey } from '../../src/keys/key-custody.ts';
import { withKeyLock } from '../../src/keys/key-file.ts';
import { addKey, createKeyFile, generateKey, listKeys, loadKeys } from '../../src/keys/key-store.ts';
import { exportKey } from '../../src/keys/key-transport.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { openMasterKey } from '../../src/keys/master-key-place.ts';
import { rotateMasterFile } from '../../src/keys/master-key-rotation.ts';
import { newKeyFile } from './key-file.ts';

const kekHex = 'FEDCBA98765432100123456789ABCDEF';

interface Party {
  readonly keyFile: string;
  readonly masterFile: string;
  readonly custody: KeyCustody;
  nowMs: number;
  readonly logFailures: string[];
}

function party(): Party {
  const { path: keyFile } = newKeyFile();
  rmSync(keyFile);
  const masterFile = `${keyFile}.master`;
  createKeyFile(keyFile, MasterKey.createFile(masterFile, randomBytes));
  const logFailures: string[] = [];
  const openMaster = (): MasterKey => openMasterKey({ file: masterFile }, {}, keyFile);
  const made: Party = {
    keyFile, masterFile, nowMs: 1000, logFailures,
    custody: new KeyCustody({
      keyFile, openMaster, random: randomBytes, now: () => made.nowMs,
      log: new AccessLog({ keyFile, user: 'tests', process: 'switch', now: () => made.nowMs }),
      logFailed: (error) => logFailures.push(error.code),
    }),
  };
  addKey(keyFile, openMaster(), { name: 'kek', usage: 'kek' }, Buffer.from(kekHex, 'hex'), randomBytes);
  return made;
}

function masterOf({ keyFile, masterFile }: Party): MasterKey {
  return openMasterKey({ file: masterFile }, {}, keyFile);
}

/** A key block with a key that was drawn elsewhere. */
function sentBlock(usage: 'zpk' | 'zak' | 'cvk' = 'zpk'): { readonly text: string; readonly kcv: string } {
  const sender = party();
  generateKey(sender.keyFile, masterOf(sender), { name: 'one', usage }, randomBytes);
  const { text, info } = exportKey(sender.keyFile, masterOf(sender), { name: 'one', kek: 'kek' }, randomBytes);
  return { text, kcv: info.kcv };
}

function receive({ custody }: Party, received: Partial<ReceivedKey>): KeyInfo | Refusal {
  return custody.receive({ kek: 'kek', name: 'zpk', usage: 'zpk', form: 'block', text: '', overlapMs: 500, ...received });
}

function versions({ keyFile }: Party, name = 'zpk'): (number | undefined)[][] {
  return listKeys(keyFile).filter((key) => key.name === name).map(({ version, checksUntilMs }) => [version, checksUntilMs]);
}

describe('a key from the other side', () => {
  test('is the next version, and the one before has its time', () => {
    const ours = party();
    const first = sentBlock();
    expect(receive(ours, { text: first.text })).toMatchObject({ name: 'zpk', version: 1, kcv: first.kcv });
    ours.nowMs = 2000;
    const second = sentBlock();
    expect(receive(ours, { text: second.text })).toMatchObject({ version: 2, kcv: second.kcv });
    expect(versions(ours)).toEqual([[1, 2500], [2, undefined]]);
  });

  test('that comes once more is answered as before and changes nothing', () => {
    const ours = party();
    const { text } = sentBlock();
    const answer = receive(ours, { text });
    const before = readFileSync(ours.keyFile, 'utf8');
    expect(receive(ours, { text })).toEqual(answer);
    expect(readFileSync(ours.keyFile, 'utf8')).toBe(before);
  });

  test('that was replaced does not come back, neither in its time nor after', () => {
    const ours = party();
    const blocks = [sentBlock(), sentBlock(), sentBlock()];
    for (const { text } of blocks.slice(0, 2)) receive(ours, { text });
    expect(receive(ours, { text: blocks[0]!.text })).toMatchObject({ code: 'malformed', reason: expect.stringContaining('version 1 of zpk, which was replaced') as string });
    ours.nowMs = 10_000;
    receive(ours, { text: blocks[2]!.text });
    expect(versions(ours)).toEqual([[2, 10_500], [3, undefined]]);
    expect(receive(ours, { text: blocks[0]!.text })).toMatchObject({ code: 'malformed' });
  });

  test('again and again does not make the key file grow without end', () => {
    const ours = party();
    for (let index = 0; index < 30; index++) {
      ours.nowMs += 1000;
      expect(receive(ours, { text: sentBlock().text })).toMatchObject({ version: index + 1 });
    }
    expect(versions(ours).map(([version]) => version)).toEqual([29, 30]);
  });

  test('in ECB is taken with its check value only', () => {
    const ours = party();
    const text = new TdesKey(Buffer.from(kekHex, 'hex')).encrypt(Buffer.from('1A34383DF10DF873702A8579206BC2AB', 'hex')).toString('hex');
    for (const kcv of [undefined, '', '123456']) expect(receive(ours, { form: 'ecb', text, kcv })).toMatchObject({ code: 'malformed' });
    expect(receive(ours, { form: 'ecb', text, kcv: '545E9D' })).toMatchObject({ version: 1, kcv: '545E9D' });
    expect(receive(ours, { form: 'ecb', text, kcv: '545E' })).toMatchObject({ version: 1 });
  });

  test('whose parity is adjusted is the same once more as well', () => {
    const ours = party();
    const text = new TdesKey(Buffer.from(kekHex, 'hex')).encrypt(Buffer.from('1A34383DF10DF873702A8579206BC2AA', 'hex')).toString('hex');
    expect(receive(ours, { form: 'ecb', text, kcv: '545E9D' })).toMatchObject({ code: 'malformed', reason: expect.stringContaining('even parity') as string });
    for (let time = 0; time < 2; time++) expect(receive(ours, { form: 'ecb', text, kcv: '545E9D', adjustParity: true })).toMatchObject({ version: 1 });
  });

  test('is refused with what is wrong with it, and written down', () => {
    const ours = party();
    expect(receive(ours, { text: sentBlock('cvk').text })).toMatchObject({ code: 'wrong_usage' });
    expect(receive(ours, { text: sentBlock().text, kek: 'none' })).toMatchObject({ code: 'unknown_key' });
    expect(receive(ours, { text: sentBlock().text.replace(/..$/, '00') })).toMatchObject({ code: 'malformed' });
    withKeyLock(ours.keyFile, () => expect(receive(ours, { text: sentBlock().text })).toMatchObject({ code: 'unavailable' }));
    expect(versions(ours)).toEqual([]);
    expect([...accessLines(ours.keyFile)].map(({ line }) => line?.refused)).toEqual(['key_wrong_usage', 'key_unknown', 'key_refused']);
    expect(ours.logFailures).toEqual(['key_file_busy']);
  });

  test('is taken after the master key was changed, and between its two steps', () => {
    const ours = party();
    const before = `${ours.masterFile}.before`;
    copyFileSync(ours.masterFile, before);
    rotateMasterFile(ours.keyFile, ours.masterFile, randomBytes);
    expect(receive(ours, { text: sentBlock().text })).toMatchObject({ version: 1 });
    renameSync(ours.masterFile, `${ours.masterFile}.new`);
    renameSync(before, ours.masterFile);
    expect(receive(ours, { text: sentBlock().text })).toMatchObject({ version: 2 });
    expect(loadKeys(ours.keyFile, masterOf(ours))).toHaveLength(3);
  });
});

describe('a key for the other side', () => {
  const order = { kek: 'kek', name: 'zpk', usage: 'zpk', form: 'block' } as const;

  test('is in use when the peer has it, and the same on both sides', () => {
    const [ours, theirs] = [party(), party()];
    const prepared = ours.custody.prepare(order);
    if ('code' in prepared) throw new Error(prepared.reason);
    expect(versions(ours)).toEqual([]);
    expect(receive(theirs, { text: prepared.text })).toEqual(prepared.info);
    expect(ours.custody.activate('zpk', 500)).toEqual(prepared.info);
    const [one, other] = [ours, theirs].map((side) => loadKeys(side.keyFile, masterOf(side)).find(({ info }) => info.name === 'zpk')!.key);
    expect(one!.equals(other!)).toBe(true);
    expect(ours.custody.prepare(order)).toMatchObject({ info: { version: 2 } });
    ours.custody.activate('zpk', 500);
    expect(versions(ours)).toEqual([[1, 1500], [2, undefined]]);
  });

  test('stays the same until it is activated or forgotten', () => {
    const { custody } = party();
    const first = custody.prepare(order);
    expect(custody.prepare(order)).toEqual(first);
    custody.forget('zpk');
    expect(custody.activate('zpk', 0)).toMatchObject({ code: 'unknown_key' });
    const second = custody.prepare(order);
    expect(second).not.toEqual(first);
    expect(custody.prepare({ ...order, algorithm: 'tdes-3key' })).toMatchObject({ code: 'malformed', reason: expect.stringContaining('which is weaker') as string });
  });

  test('goes in ECB where the peer knows no key blocks', () => {
    const [ours, theirs] = [party(), party()];
    const prepared = ours.custody.prepare({ ...order, form: 'ecb' });
    if ('code' in prepared) throw new Error(prepared.reason);
    expect(prepared.text).toMatch(/^[0-9A-F]{32}$/);
    expect(receive(theirs, { form: 'ecb', text: prepared.text, kcv: prepared.info.kcv })).toEqual(prepared.info);
  });

  test('is kept for a second try where the key file was busy', () => {
    const ours = party();
    const prepared = ours.custody.prepare(order);
    withKeyLock(ours.keyFile, () => expect(ours.custody.activate('zpk', 0)).toMatchObject({ code: 'unavailable' }));
    expect(ours.custody.activate('zpk', 0)).toEqual('info' in prepared ? prepared.info : undefined);
  });

  test('is held back where it cannot be written down that it goes out', () => {
    const ours = party();
    mkdirSync(accessLogOf(ours.keyFile));
    expect(ours.custody.prepare(order)).toMatchObject({ code: 'unavailable' });
  });

  test('is refused under what is no key-encrypting key, and by the name of another key', () => {
    const ours = party();
    generateKey(ours.keyFile, masterOf(ours), { name: 'zak', usage: 'zak' }, randomBytes);
    expect(ours.custody.prepare({ ...order, kek: 'zak' })).toMatchObject({ code: 'wrong_usage' });
    expect(ours.custody.prepare({ ...order, name: 'zak' })).toMatchObject({ code: 'wrong_usage' });
    expect(ours.custody.prepare({ ...order, kek: 'none' })).toMatchObject({ code: 'unknown_key' });
  });
});
