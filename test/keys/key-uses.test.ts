/** What the software HSM tells the access log: every key that an operation used, and which version of it answered. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Check, Order } from '../../src/keys/hsm.ts';
import { loadKeys, rotateKey } from '../../src/keys/key-store.ts';
import { SoftwareHsm } from '../../src/keys/software-hsm.ts';
import { Secret } from '../../src/message/secret.ts';
import { demoKeyFile, pan } from './fixture.ts';
import type { KeyFixture } from './key-file.ts';

type Use = readonly [operation: string, name: string, version: number, refused: boolean];

const card = pan('4761730000001001');

/** An HSM on the key file, and what it has told of since the last look. */
function watched({ path, master }: KeyFixture): { readonly hsm: SoftwareHsm; readonly uses: () => readonly Use[] } {
  let told: Use[] = [];
  const hsm = new SoftwareHsm(loadKeys(path, master), { random: randomBytes, now: () => 1000, onUse: (...use) => told.push(use) });
  return {
    hsm,
    uses: () => {
      const taken = told;
      told = [];
      return taken;
    },
  };
}

function made(hsm: SoftwareHsm, order: Order): Secret<string> {
  const [product] = hsm.produce([order]);
  if (product === undefined || 'error' in product) throw new Error('nothing was made');
  return product.value;
}

function pinCheck(block: Secret<string>, keySerial?: string): Check {
  const key = keySerial === undefined ? { zone: { name: 'demo-zpk' } } : { base: { name: 'demo-bdk' }, keySerial };
  return { kind: 'pin', pin: { block, format: 0, key, pan: card }, key: { name: 'demo-pvk' }, rules: { method: 'pvv' }, reference: { method: 'pvv', keyIndex: 1, value: '0000' } };
}

test('a PIN that is verified has used the key that it came under and the key of its reference', () => {
  const { hsm, uses } = watched(demoKeyFile());
  const keySerial = 'FFFF9876543210E00001';
  const zone = made(hsm, { kind: 'pinBlock', clear: new Secret('1234'), format: 0, key: { zone: { name: 'demo-zpk' } }, pan: card });
  const terminal = made(hsm, { kind: 'pinBlock', clear: new Secret('1234'), format: 0, key: { base: { name: 'demo-bdk' }, keySerial }, pan: card });
  expect(uses()).toEqual([['produce pinBlock', 'demo-zpk', 1, false], ['produce pinBlock', 'demo-bdk', 1, false]]);
  hsm.verify([pinCheck(zone), pinCheck(terminal, keySerial)]);
  expect(new Set(uses())).toEqual(new Set([['verify pin', 'demo-pvk', 1, false], ['verify pin', 'demo-zpk', 1, false], ['verify pin', 'demo-pvk', 1, false], ['verify pin', 'demo-bdk', 1, false]]));
});

test('a PIN that is carried on has used both parties’ keys, and one that waits for its chip the key that seals it', () => {
  const { hsm, uses } = watched(demoKeyFile());
  const zone = { zone: { name: 'demo-zpk' } } as const;
  const block = made(hsm, { kind: 'pinBlock', clear: new Secret('1234'), format: 0, key: zone, pan: card });
  uses();
  const pin = { block, format: 0, key: zone, pan: card } as const;
  made(hsm, { kind: 'pinTranslation', from: pin, to: { key: { base: { name: 'demo-bdk-aes' }, keySerial: '123456789012345600000001' }, format: 4 } });
  const sealed = made(hsm, { kind: 'pinSeal', pin, boundTo: 'card' }).reveal();
  expect(new Set(uses())).toEqual(new Set([
    ['produce pinTranslation', 'demo-zpk', 1, false], ['produce pinTranslation', 'demo-bdk-aes', 1, false], ['produce pinSeal', 'demo-zpk', 1, false], ['produce pinSeal', 'pin', 1, false],
  ]));
  const tags = new Map([['9F36', '0001'], ['9F26', '0011223344556677']]);
  made(hsm, {
    kind: 'script', pan: card, panSequence: '01', masterKeyOption: 'A', profile: 'visa-cvn18', tags, sequence: 0, command: { command: 'pinChange', sealed, boundTo: 'card' },
    integrityKey: { name: 'demo-imk-smi' }, confidentialityKey: { name: 'demo-imk-smc' }, cryptogramKey: { name: 'demo-imk-ac' },
  });
  expect(new Set(uses().map(([operation, name]) => `${operation} ${name}`))).toEqual(new Set(['demo-imk-smi', 'demo-imk-smc', 'demo-imk-ac', 'pin'].map((name) => `produce script ${name}`)));
});

test('what verifies under a version that was replaced says so: whoever would retire it sees that it is in use', () => {
  const file = demoKeyFile();
  const before = watched(file).hsm;
  const zone = { zone: { name: 'demo-zpk' } } as const;
  const cvv = made(before, { kind: 'cvv', key: { name: 'demo-cvk' }, pan: card, expiry: '3112', serviceCode: '201' });
  const block = made(before, { kind: 'pinBlock', clear: new Secret('1234'), format: 0, key: zone, pan: card });
  const pvv = made(before, { kind: 'pinReference', pin: { clear: new Secret('1234'), pan: card }, key: { name: 'demo-pvk' }, keyIndex: 1, rules: { method: 'pvv' } });
  const data = Buffer.from('a message');
  const mac = made(before, { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data, length: 8 });
  for (const name of ['demo-cvk', 'demo-zpk', 'demo-pvk', 'demo-zak']) rotateKey(file.path, file.master, { name, checksUntilMs: 2000 }, randomBytes);
  const { hsm, uses } = watched(file);
  const cvvCheck: Check = { kind: 'cvv', key: { name: 'demo-cvk' }, pan: card, expiry: '3112', serviceCode: '201', value: cvv };
  const pin: Check = { ...pinCheck(block) as Extract<Check, { kind: 'pin' }>, reference: { method: 'pvv', keyIndex: 1, value: pvv.reveal() } };
  expect(hsm.verify([pin, cvvCheck, { kind: 'mac', key: { name: 'demo-zak' }, algorithm: 'retail', data, length: 8, mac }])).toEqual(['match', 'match', 'match']);
  expect(new Set(uses())).toEqual(new Set([
    ['verify pin', 'demo-pvk', 1, false], ['verify pin', 'demo-zpk', 1, false], ['verify mac', 'demo-zak', 1, false], ['verify cvv', 'demo-cvk', 1, false],
  ]));
  hsm.verify([{ ...cvvCheck, serviceCode: '202' }]);
  expect(uses()).toEqual([['verify cvv', 'demo-cvk', 2, false]]);
});

test('card numbers and messages that are sealed and opened, and card tokens, are told of with the version that did it', () => {
  const file = demoKeyFile();
  const before = watched(file);
  const sealed = before.hsm.encryptPan(card, 'row');
  const message = before.hsm.sealMessage(Buffer.from('a message'), 'id');
  expect(before.uses()).toEqual([['seal PAN', 'pan', 1, false], ['seal message', 'pan', 1, false]]);
  rotateKey(file.path, file.master, { name: 'pan' }, randomBytes);
  const { hsm, uses } = watched(file);
  hsm.cardToken(card);
  hsm.encryptPan(card, 'row');
  hsm.decryptPan(sealed, 'row');
  hsm.decryptPan(sealed, 'another row');
  hsm.openMessage(message, 'id');
  expect(uses()).toEqual([['card token', 'token', 1, false], ['seal PAN', 'pan', 2, false], ['open PAN', 'pan', 1, false], ['open PAN', 'pan', 1, true], ['open message', 'pan', 1, false]]);
});

test('a key that is not there, or is for something else, is told of as refused', () => {
  const { hsm, uses } = watched(demoKeyFile());
  const value = new Secret('123');
  hsm.verify([
    { kind: 'cvv', key: { name: 'none' }, pan: card, expiry: '3112', serviceCode: '201', value },
    { kind: 'mac', key: { name: 'demo-zpk' }, algorithm: 'retail', data: Buffer.alloc(8), length: 8, mac: new Secret('0011223344556677') },
  ]);
  expect(new Set(uses())).toEqual(new Set([['verify cvv', 'none', 0, true], ['verify mac', 'demo-zpk', 1, true]]));
});
