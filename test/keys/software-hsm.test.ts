import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { withOddParity } from '../../src/keys/block-cipher.ts';
import { addKey, createKeyFile, generateKey, loadKeys } from '../../src/keys/key-store.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { digits } from '../vectors/digits.ts';
import { openHsm, pan } from './fixture.ts';
import { demoCvk, keyFile, newKeyFile } from './key-file.ts';

const card = pan('4761730000000011');

test('a card token is the HMAC-SHA-256 of the PAN cut to 128 bits', () => {
  const { path, master } = newKeyFile();
  addKey(path, master, { name: 'token', usage: 'token' }, Buffer.alloc(32, 7), randomBytes);
  generateKey(path, master, { name: 'pan', usage: 'pan' }, randomBytes);
  const token = openHsm({ path, master }).cardToken(card);
  const whole = createHmac('sha256', Buffer.alloc(32, 7)).update('4761730000000011').digest();
  expect(token).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(Buffer.from(token, 'base64url').subarray(0, 15)).toEqual(whole.subarray(0, 15));
});

test('a PAN has one token after every restart, and other PANs and other keys give others', () => {
  const fixture = keyFile();
  const token = openHsm(fixture).cardToken(card);
  expect(openHsm(fixture).cardToken(card)).toBe(token);
  expect(openHsm(fixture).cardToken(pan('4761730000000029'))).not.toBe(token);
  expect(openHsm(keyFile()).cardToken(card)).not.toBe(token);
});

test('a sealed message opens for its id alone, and is no sealed PAN', () => {
  const hsm = openHsm(keyFile());
  const message = Buffer.from('0422 4761730000000011');
  const sealed = hsm.sealMessage(message, 'm1');
  const opened = hsm.openMessage(sealed, 'm1');
  expect('message' in opened && Buffer.from(opened.message).equals(message)).toBe(true);
  expect(sealed).not.toContain('4761730000000011');
  for (const refused of [hsm.openMessage(sealed, 'm2'), hsm.openMessage(`${sealed.slice(0, -2)}AA`, 'm1'), hsm.openMessage('x', 'm1'), hsm.decryptPan(sealed, 'm1'), hsm.openMessage(hsm.encryptPan(card, 'm1'), 'm1')]) {
    expect(refused).toMatchObject({ error: { code: 'malformed' } });
  }
});

test('a sealed PAN opens for its row, names its key, and is never sealed the same way twice', () => {
  const hsm = openHsm(keyFile());
  fc.assert(
    fc.property(digits(8, 19), fc.string(), (number, row) => {
      const sealed = hsm.encryptPan(pan(number), row);
      expect(sealed).toMatch(/^pan\/1:[A-Za-z0-9_-]+$/);
      expect(sealed).not.toContain(number);
      expect(hsm.encryptPan(pan(number), row)).not.toBe(sealed);
      const opened = hsm.decryptPan(sealed, row);
      expect('pan' in opened && opened.pan.reveal()).toBe(number);
    }),
  );
});

test('a sealed PAN that was moved to another row, changed in any bit, cut or relabelled does not open', () => {
  const fixture = keyFile();
  const sealed = openHsm(fixture).encryptPan(card, 'row');
  generateKey(fixture.path, fixture.master, { name: 'pan', usage: 'pan' }, randomBytes);
  const hsm = openHsm(fixture);
  const codeOf = (text: string, row = 'row'): string => {
    const opened = hsm.decryptPan(text, row);
    return 'error' in opened ? opened.error.code : 'opened';
  };
  expect(codeOf(sealed)).toBe('opened');
  expect(codeOf(sealed, 'other row')).toBe('malformed');
  const content = Buffer.from(sealed.slice('pan/1:'.length), 'base64url');
  for (let bit = 0; bit < content.length * 8; bit++) {
    const changed = Buffer.from(content);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(codeOf(`pan/1:${changed.toString('base64url')}`)).toBe('malformed');
  }
  for (let length = 0; length < content.length; length++) expect(codeOf(`pan/1:${content.toString('base64url', 0, length)}`)).toBe('malformed');
  expect(codeOf(sealed.replace('pan/1', 'pan/2'))).toBe('malformed');
  expect(codeOf(sealed.replace('pan/1', 'pan/9'))).toBe('unknown_key');
  expect(codeOf(sealed.replace('pan/1', 'cvk/1'))).toBe('wrong_usage');
  for (const text of ['', 'pan/1:', ':', 'pan/:AA', 'pan/1:*']) expect(codeOf(text)).toBe('malformed');
});

test('after a rotation new PANs are sealed under the new key and old ones still open', () => {
  const fixture = keyFile();
  const old = openHsm(fixture).encryptPan(card, 'row');
  generateKey(fixture.path, fixture.master, { name: 'pan', usage: 'pan' }, randomBytes);
  const hsm = openHsm(fixture);
  expect(hsm.encryptPan(card, 'row')).toMatch(/^pan\/2:/);
  expect(hsm.decryptPan(old, 'row')).toEqual({ pan: card });
});

test('the keys held are listed by name and version, with their check values', () => {
  const fixture = keyFile({ zcvk: demoCvk, acvk: demoCvk });
  addKey(fixture.path, fixture.master, { name: 'acvk', usage: 'cvk', adjustParity: true }, randomBytes(16), randomBytes);
  const listed = openHsm(fixture).keys();
  expect(listed.map(({ name, version }) => `${name} ${version}`)).toEqual(['acvk 1', 'acvk 2', 'pan 1', 'token 1', 'zcvk 1']);
  expect(listed[0]).toEqual({ name: 'acvk', version: 1, usage: 'cvk', algorithm: 'tdes-2key', kcv: '08D7B4' });
});

test('no way of printing the software HSM or a loaded key shows a byte of a key', () => {
  const { path, master } = newKeyFile();
  const clear = { token: randomBytes(32), pan: randomBytes(32), cvk: withOddParity(randomBytes(16)) };
  for (const usage of ['token', 'pan', 'cvk'] as const) addKey(path, master, { name: usage, usage }, Buffer.from(clear[usage]), randomBytes);
  const loaded = loadKeys(path, master);
  const hsm = new SoftwareHsm(loaded, { random: randomBytes, now: () => 0 });
  const printed = [hsm, loaded, master].flatMap((thing) => [inspect(thing, { showHidden: true, depth: 20, getters: true }), JSON.stringify(thing)]).join('\n');
  for (const key of Object.values(clear)) {
    expect(printed.toLowerCase()).not.toContain(key.toString('hex', 0, 4));
    expect(printed).not.toContain([...key.subarray(0, 4)].join(','));
    expect(printed).not.toContain(key.toString('base64').slice(0, 8));
  }
});

test('a software HSM without a token key or without a PAN key does not start', () => {
  const { path, master } = newKeyFile();
  expect(() => openHsm({ path, master })).toThrow('there is no key of usage token');
  generateKey(path, master, { name: 'token', usage: 'token' }, randomBytes);
  expect(() => openHsm({ path, master })).toThrow('there is no key of usage pan');
  expect(() => createKeyFile(path, master)).toThrow('exists already');
});
