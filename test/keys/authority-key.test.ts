import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeAuthority } from '../../src/ca/authority.ts';
import { authorityCertificateIn, openAuthorityKey, storeAuthorityKey } from '../../src/keys/authority-key.ts';
import { generateKey, loadKeys } from '../../src/keys/key-store.ts';
import { MasterKey } from '../../src/keys/master-key.ts';
import { rotateMasterFile, rotateMasterKey } from '../../src/keys/master-key-rotation.ts';
import { codeOf, keyFile, newKeyFile } from './key-file.ts';

const outside = { now: () => Date.now(), randomBytes };
const made = makeAuthority('Test', 10, outside);
const secret = made.privateKey.export({ type: 'pkcs8', format: 'der' });

test('the key opens under the master key, with its certificate, and the other keys are as they were', () => {
  const { path, master } = keyFile();
  const before = loadKeys(path, master).map(({ info }) => info);
  expect(openAuthorityKey(path, master)).toBeUndefined();
  expect(authorityCertificateIn(path)).toBeUndefined();
  storeAuthorityKey(path, master, made, randomBytes);
  const opened = openAuthorityKey(path, master);
  expect(opened?.certificate.equals(made.certificate)).toBe(true);
  expect(opened?.privateKey.equals(made.privateKey)).toBe(true);
  expect(authorityCertificateIn(path)?.equals(made.certificate)).toBe(true);
  expect(loadKeys(path, master).map(({ info }) => info)).toEqual(before);
});

test('it is clear in no file, whichever encoding is looked for', () => {
  const { path, master } = newKeyFile();
  storeAuthorityKey(path, master, made, randomBytes);
  const content = readFileSync(path);
  const scalar = Buffer.from(made.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  expect(scalar).toHaveLength(32);
  for (const bytes of [secret, scalar]) {
    for (const form of [bytes.toString('base64'), bytes.toString('hex'), bytes.toString('base64url')]) expect(content.includes(form)).toBe(false);
    expect(content.includes(bytes)).toBe(false);
  }
  expect(JSON.parse(content.toString('utf8'))).toMatchObject({ format: 'locum-keys/3' });
});

test('a second one is refused, and so is one that is not the key of its certificate', () => {
  const { path, master } = newKeyFile();
  const other = makeAuthority('Other', 10, outside);
  expect(codeOf(() => storeAuthorityKey(path, master, { certificate: made.certificate, privateKey: other.privateKey }, randomBytes))).toBe('key_damaged');
  storeAuthorityKey(path, master, made, randomBytes);
  expect(codeOf(() => storeAuthorityKey(path, master, other, randomBytes))).toBe('key_refused');
  expect(authorityCertificateIn(path)?.equals(made.certificate)).toBe(true);
});

test('a file without one keeps the format of before; one with it keeps it through every change', () => {
  const { path, master } = newKeyFile();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ format: 'locum-keys/2' });
  storeAuthorityKey(path, master, made, randomBytes);
  generateKey(path, master, { name: 'a', usage: 'zpk' }, randomBytes);
  expect(openAuthorityKey(path, master)?.privateKey.equals(made.privateKey)).toBe(true);
});

test('under a new master key it is the same, and the old one opens it no more', () => {
  const { path, master } = keyFile();
  storeAuthorityKey(path, master, made, randomBytes);
  const wrapped = readFileSync(path, 'utf8');
  const next = MasterKey.fromBytes(randomBytes(32));
  rotateMasterKey(path, master, next, randomBytes);
  expect(openAuthorityKey(path, next)?.privateKey.equals(made.privateKey)).toBe(true);
  expect(codeOf(() => openAuthorityKey(path, master))).toBe('master_key_wrong');
  const { authority: before } = JSON.parse(wrapped) as { readonly authority: { readonly wrapped: string } };
  expect(readFileSync(path, 'utf8')).not.toContain(before.wrapped);
});

test('it goes along when the master key is a file that is drawn anew', () => {
  const { path } = newKeyFile();
  const masterFile = `${path}.master`;
  const master = MasterKey.createFile(masterFile, randomBytes);
  writeFileSync(path, JSON.stringify({ format: 'locum-keys/2', masterKcv: master.kcv, keys: [], pending: [], retired: [] }));
  storeAuthorityKey(path, master, made, randomBytes);
  rotateMasterFile(path, masterFile, randomBytes);
  expect(openAuthorityKey(path, MasterKey.fromFile(masterFile))?.privateKey.equals(made.privateKey)).toBe(true);
});

test('one that was changed does not open, and neither does one beside another\'s certificate', () => {
  const { path, master } = newKeyFile();
  storeAuthorityKey(path, master, made, randomBytes);
  const file = JSON.parse(readFileSync(path, 'utf8')) as { authority: { certificate: string; wrapped: string } };
  const { authority } = file;
  const wrapped = Buffer.from(authority.wrapped, 'base64');
  wrapped[20]! ^= 1;
  for (const changed of [{ ...authority, wrapped: wrapped.toString('base64') }, { ...authority, certificate: makeAuthority('Other', 10, outside).certificate.toString('base64') }, { ...authority, wrapped: '' }]) {
    writeFileSync(path, JSON.stringify({ ...file, authority: changed }));
    expect(codeOf(() => openAuthorityKey(path, master))).toBe('key_damaged');
  }
  for (const changed of [undefined, null, 'x', { certificate: 1, wrapped: 'x' }]) {
    writeFileSync(path, JSON.stringify({ ...file, authority: changed }));
    expect(codeOf(() => openAuthorityKey(path, master))).toBe('key_file_malformed');
  }
});
