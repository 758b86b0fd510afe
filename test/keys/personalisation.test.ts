import { createSecretKey, randomBytes } from 'node:crypto';
import { compactDecrypt, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { TdesKey } from '../../src/keys/block-cipher.ts';
import { cardMasterKey } from '../../src/keys/chip-keys.ts';
import type { KeyInfo, Order } from '../../src/keys/hsm.ts';
import { unwrapKeyBlock } from '../../src/keys/key-block.ts';
import type { LoadedKey } from '../../src/keys/key-store.ts';
import { checkValueOf, drawKey } from '../../src/keys/key-usage.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { Secret } from '../../src/message/secret.ts';
import { pan } from './fixture.ts';

const clears = {
  token: randomBytes(32), pan: randomBytes(32), short: randomBytes(16), middle: randomBytes(24), long: randomBytes(32),
  tdes: drawKey('tdes-2key', randomBytes), imk: drawKey('tdes-2key', randomBytes),
};

function loaded(name: keyof typeof clears, usage: KeyInfo['usage'], algorithm: KeyInfo['algorithm']): LoadedKey {
  return { info: { name, version: 1, usage, algorithm, kcv: checkValueOf(algorithm, clears[name]) }, key: createSecretKey(clears[name]) };
}

const hsm = new SoftwareHsm([
  loaded('token', 'token', 'hmac-sha256'), loaded('pan', 'pan', 'aes-256'), loaded('short', 'kek', 'aes-128'), loaded('middle', 'kek', 'aes-192'),
  loaded('long', 'kek', 'aes-256'), loaded('tdes', 'kek', 'tdes-2key'), loaded('imk', 'imk-ac', 'tdes-2key'),
], { random: randomBytes, now: () => 0 });

const card = pan('4761730000000011');

function product(order: Order): string {
  const [made] = hsm.produce([order]);
  if (made === undefined || 'error' in made) throw new Error(made?.error.reason);
  return made.value.reveal();
}

test.for([['short', 'A128KW'], ['middle', 'A192KW'], ['long', 'A256KW']] as const)('a document under the key %s (%s) is a JWE that another implementation opens', async ([name, alg]) => {
  const text = JSON.stringify({ holder: 'ŁUCJA ŻÓŁĆ' });
  const jwe = product({ kind: 'transport', key: { name }, text: new Secret(text) });
  expect(decodeProtectedHeader(jwe)).toEqual({ alg, enc: 'A256GCM', kid: `${name}/1` });
  const { plaintext } = await compactDecrypt(jwe, clears[name]);
  expect(Buffer.from(plaintext).toString('utf8')).toBe(text);
  await expect(compactDecrypt(jwe, randomBytes(clears[name].length))).rejects.toThrow();
  expect(product({ kind: 'transport', key: { name }, text: new Secret(text) })).not.toBe(jwe);
});

test('a card’s key goes to the bureau in a key block that says what it is for', () => {
  const block = product({ kind: 'cardKey', usage: 'imk-ac', key: { name: 'imk' }, under: { name: 'long' }, pan: card, panSequence: '01', masterKeyOption: 'A' });
  const opened = unwrapKeyBlock({ family: 'aes', key: clears.long }, block);
  if ('fault' in opened) throw new Error(opened.fault);
  expect(opened.header).toMatchObject({ version: 'D', keyUsage: 'E0', algorithm: 'T', modeOfUse: 'X', exportability: 'N' });
  expect(opened.clear).toEqual(cardMasterKey(new TdesKey(clears.imk), card.reveal(), '01', 'A'));
});

test('a key that is no AES key-encrypting key carries nothing to a bureau', () => {
  const refusals = hsm.produce([
    { kind: 'transport', key: { name: 'tdes' }, text: new Secret('x') },
    { kind: 'transport', key: { name: 'imk' }, text: new Secret('x') },
    { kind: 'transport', key: { name: 'nobody' }, text: new Secret('x') },
    { kind: 'cardKey', usage: 'imk-ac', key: { name: 'imk' }, under: { name: 'tdes' }, pan: card, panSequence: '01', masterKeyOption: 'A' },
    { kind: 'cardKey', usage: 'imk-smi', key: { name: 'imk' }, under: { name: 'long' }, pan: card, panSequence: '01', masterKeyOption: 'A' },
    { kind: 'cardKey', usage: 'imk-ac', key: { name: 'imk' }, under: { name: 'long' }, pan: card, panSequence: '1', masterKeyOption: 'A' },
  ]);
  expect(refusals.map((made) => ('error' in made ? made.error.code : 'made'))).toEqual(['wrong_usage', 'wrong_usage', 'unknown_key', 'wrong_usage', 'wrong_usage', 'malformed']);
});
