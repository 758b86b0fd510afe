import { createSecretKey, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EncipheredPin, PinCheck, PinFormat, PinKey, PinMethod } from '../../src/keys/hsm-pin.ts';
import type { KeyAlgorithm, KeyUsage, Product, Refusal, RefusalCode, Verdict } from '../../src/keys/hsm.ts';
import { KeyRing } from '../../src/keys/key-ring.ts';
import type { LoadedKey } from '../../src/keys/key-store.ts';
import { openSealedPin, producePinBlock, producePinReference, sealPin, translatePin, verifyPin } from '../../src/keys/pin-operations.ts';
import { Secret } from '../../src/message/secret.ts';
import { digits } from '../vectors/digits.ts';
import { aesDukptVectors, tdesPinBlocks } from '../vectors/dukpt.ts';
import { pvvVectors } from '../vectors/pin-verification.ts';
import { pan } from './fixture.ts';

const nowMs = Date.UTC(2026, 10, 22);

function loaded(name: string, usage: KeyUsage, algorithm: KeyAlgorithm, hex: string, version = 1, checksUntilMs?: number): LoadedKey {
  const key = createSecretKey(Buffer.from(hex, 'hex'));
  return { info: { name, version, usage, algorithm, kcv: '000000', ...(checksUntilMs === undefined ? {} : { checksUntilMs }) }, key };
}

const tdesZone = 'E0F4543F3E2A2C5FFC7E5E5A222E3E4D';
const otherZone = '1A34383DF10DF873702A8579206BC2AB';
const aesZone = '493DA1C9E2726ACF26B9E40E9CFD3F4AF0890CDCD4052456BBBC4B18512602FE';
const pvk = pvvVectors[0]!.pvk;

const held: readonly LoadedKey[] = [
  loaded('zone', 'zpk', 'tdes-2key', tdesZone),
  loaded('other-zone', 'zpk', 'tdes-2key', otherZone),
  loaded('aes-zone', 'zpk', 'aes-256', aesZone),
  loaded('base', 'bdk', 'tdes-2key', tdesPinBlocks.base),
  loaded('aes-base', 'bdk', 'aes-128', aesDukptVectors[0]!.base),
  loaded('pvk', 'pvk', 'tdes-2key', pvk),
  loaded('waiting', 'pin', 'aes-256', aesZone),
];
const keys = new KeyRing(held, () => nowMs);

const card = '4761730000000011';
const zone: PinKey = { zone: { name: 'zone' } };
const aes: PinKey = { zone: { name: 'aes-zone' } };
const terminal: PinKey = { base: { name: 'base' }, keySerial: 'FFFF9876543210E00001' };
const aesTerminal: PinKey = { base: { name: 'aes-base' }, keySerial: '123456789012345600000001' };
const keyOf = (format: PinFormat): PinKey => (format === 4 ? aes : zone);
const formats = [0, 1, 3, 4] as const;
const pvv: PinMethod = { method: 'pvv' };
const ibm3624: PinMethod = { method: 'ibm3624', decimalisationTable: '0123456789012345', validation: { start: 0, length: 12, pad: 'F' } };

const codeOf = (answer: Verdict | Product | Refusal): RefusalCode | 'match' | 'mismatch' | undefined => {
  if (typeof answer === 'string') return answer;
  if ('code' in answer) return answer.code;
  return 'error' in answer ? answer.error.code : undefined;
};
const valueOf = (product: Product): string => {
  if ('error' in product) throw new Error(product.error.reason);
  return product.value.reveal();
};
const blockOf = (clear: string, format: PinFormat, key: PinKey = keyOf(format), number = card): string =>
  valueOf(producePinBlock(keys, { kind: 'pinBlock', clear: new Secret(clear), format, key, pan: pan(number) }, randomBytes));
const carried = (clear: string, format: PinFormat, key: PinKey = keyOf(format), number = card): EncipheredPin => ({
  block: new Secret(blockOf(clear, format, key, number)),
  format,
  key,
  pan: pan(number),
});
const referenceOf = (clear: string, rules: PinMethod, number = card): string =>
  valueOf(producePinReference(keys, { kind: 'pinReference', pin: { clear: new Secret(clear), pan: pan(number) }, key: { name: 'pvk' }, keyIndex: 1, rules }));
const checkOf = (pin: EncipheredPin, rules: PinMethod, value: string): PinCheck => ({
  kind: 'pin',
  pin,
  key: { name: 'pvk' },
  rules,
  reference: { method: rules.method, keyIndex: 1, value },
});

test('the published PVV verifies its PIN under a zone key', () => {
  const { pin, pan: number, keyIndex, pvv: value } = pvvVectors[0]!;
  const check = checkOf(carried(pin, 0, zone, number), pvv, value);
  expect(verifyPin(keys, { ...check, reference: { method: 'pvv', keyIndex: Number(keyIndex), value } })).toBe('match');
  expect(verifyPin(keys, { ...check, reference: { method: 'pvv', keyIndex: Number(keyIndex) + 1, value } })).toBe('mismatch');
});

test('the published blocks of terminals verify under their base keys', () => {
  const { pin, pan: number, blocks } = tdesPinBlocks;
  const right = referenceOf(pin, pvv, number);
  for (const [keySerial, block] of Object.entries(blocks)) {
    const carried: EncipheredPin = { block: new Secret(block), format: 0, key: { base: { name: 'base' }, keySerial }, pan: pan(number) };
    expect(verifyPin(keys, checkOf(carried, pvv, right))).toBe('match');
  }
  const { serial: keySerial, block } = aesDukptVectors[0]!;
  const ofAes: EncipheredPin = { block: new Secret(block!.enciphered!), format: 4, key: { base: { name: 'aes-base' }, keySerial }, pan: pan(block!.pan) };
  expect(verifyPin(keys, checkOf(ofAes, pvv, referenceOf(block!.pin, pvv, block!.pan)))).toBe('match');
});

test('a reference verifies the PIN that it was made of, in every format, and no other PIN', () => {
  fc.assert(
    fc.property(fc.constantFrom(...formats), digits(4, 12), digits(13, 19), fc.nat(11), fc.integer({ min: 1, max: 9 }), (format, pin, number, place, by) => {
      const at = place % pin.length;
      const other = pin.slice(0, at) + String((Number(pin[at]) + by) % 10) + pin.slice(at + 1);
      const right = referenceOf(pin, ibm3624, number);
      expect(verifyPin(keys, checkOf(carried(pin, format, keyOf(format), number), ibm3624, right))).toBe('match');
      expect(verifyPin(keys, checkOf(carried(other, format, keyOf(format), number), ibm3624, right))).toBe('mismatch');
    }),
  );
  const right = referenceOf('1234', pvv);
  const matches = Array.from({ length: 10_000 }, (_, pin) => String(pin).padStart(4, '0')).filter((pin) => verifyPin(keys, checkOf(carried(pin, 0), pvv, right)) === 'match');
  expect(matches).toContain('1234');
  // A PVV has as many values as a PIN: now and then two have the same.
  expect(matches.length).toBeLessThan(8);
});

test('of a longer PIN the leftmost four digits are verified where the rules say so, as other issuers’ systems do, and a change takes one', () => {
  const leftmost: PinMethod = { method: 'pvv', longerPins: 'leftmostFour' };
  const reference = referenceOf('1234', pvv);
  for (const pin of ['1234', '12345', '123456789012']) {
    expect(verifyPin(keys, checkOf(carried(pin, 0), leftmost, reference))).toBe('match');
    expect(referenceOf(pin, leftmost)).toBe(reference);
  }
  for (const pin of ['1235', '12354', '2123456']) expect(verifyPin(keys, checkOf(carried(pin, 0), leftmost, reference))).toBe('mismatch');
});

test('a PIN that begins or ends as the right one but is longer or shorter is a wrong one', () => {
  for (const pin of ['12345', '01234', '123456789012']) expect(verifyPin(keys, checkOf(carried(pin, 0), pvv, referenceOf('1234', pvv)))).toBe('mismatch');
  for (const pin of ['1234', '123456', '123450']) expect(verifyPin(keys, checkOf(carried(pin, 0), ibm3624, referenceOf('12345', ibm3624)))).toBe('mismatch');
});

test('a block of another card is refused, or its PIN is wrong', () => {
  const right = referenceOf('1234', pvv);
  for (const format of [0, 3, 4] as const) {
    const moved = { ...carried('1234', format), pan: pan('4718200000000013') };
    expect(verifyPin(keys, checkOf(moved, pvv, right))).not.toBe('match');
    expect(codeOf(translatePin(keys, { kind: 'pinTranslation', from: { ...carried('1234', 4), pan: pan('4718200000000013') }, to: { key: zone, format: 0 } }, randomBytes))).toBe('malformed');
  }
});

test('a block that is not hexadecimal, or of another length, is refused as malformed', () => {
  const right = referenceOf('1234', pvv);
  for (const format of formats) {
    const { block } = carried('1234', format);
    const hex = block.reveal();
    for (const wrong of ['', hex.slice(2), `${hex}00`, hex.slice(1), `${hex.slice(0, -1)}G`, `${hex.slice(0, -2)} 0`]) {
      expect(codeOf(verifyPin(keys, checkOf({ ...carried('1234', format), block: new Secret(wrong) }, pvv, right)))).toBe('malformed');
    }
    expect(verifyPin(keys, checkOf({ ...carried('1234', format), block: new Secret(carried('1234', format).block.reveal().toLowerCase()) }, pvv, right))).toBe('match');
  }
});

test('a block of a format that its key has none of is refused as malformed, and none is made', () => {
  const right = referenceOf('1234', pvv);
  const wrong = [[4, zone], [4, terminal], [0, aes], [1, aes], [3, aes], [0, aesTerminal]] as const;
  for (const [format, key] of wrong) {
    const block = new Secret('00'.repeat(format === 4 ? 16 : 8));
    expect(codeOf(verifyPin(keys, checkOf({ block, format, key, pan: pan(card) }, pvv, right)))).toBe('malformed');
    expect(codeOf(producePinBlock(keys, { kind: 'pinBlock', clear: new Secret('1234'), format, key, pan: pan(card) }, randomBytes))).toBe('wrong_usage');
  }
});

test('an unknown key and a key of another usage are refused with their reason', () => {
  const right = referenceOf('1234', pvv);
  const check = checkOf(carried('1234', 0), pvv, right);
  const under = (key: PinKey): Verdict => verifyPin(keys, { ...check, pin: { ...check.pin, key } });
  expect(under({ zone: { name: 'none' } })).toEqual({ error: { code: 'unknown_key', reason: 'there is no key named none' } });
  expect(under({ zone: { name: 'pvk' } })).toEqual({ error: { code: 'wrong_usage', reason: 'the key pvk is for pvk, not for zpk' } });
  expect(under({ zone: { name: 'base' } })).toEqual({ error: { code: 'wrong_usage', reason: 'the key base is for bdk, not for zpk' } });
  expect(under({ base: { name: 'zone' }, keySerial: 'FFFF9876543210E00001' })).toEqual({ error: { code: 'wrong_usage', reason: 'the key zone is for zpk, not for bdk' } });
  expect(codeOf(verifyPin(keys, { ...check, key: { name: 'zone' } }))).toBe('wrong_usage');
  expect(codeOf(verifyPin(keys, { ...check, key: { name: 'none' } }))).toBe('unknown_key');
  expect(codeOf(verifyPin(keys, { ...check, key: { name: 'pvk', version: 2 } }))).toBe('unknown_key');
  const order = { kind: 'pinReference', pin: { clear: new Secret('1234'), pan: pan(card) }, key: { name: 'zone' }, keyIndex: 1, rules: pvv } as const;
  expect(codeOf(producePinReference(keys, order))).toBe('wrong_usage');
});

test('a serial number that is not of its base key, or of no transaction, is refused as malformed', () => {
  const check = checkOf(carried('1234', 0), pvv, referenceOf('1234', pvv));
  for (const [name, keySerial] of [['base', '123456789012345600000001'], ['aes-base', 'FFFF9876543210E00001'], ['base', 'FFFF9876543210E00000'], ['base', 'FFFF9876543210FFFFFF'], ['base', '']] as const) {
    expect(codeOf(verifyPin(keys, { ...check, pin: { ...check.pin, key: { base: { name }, keySerial } } }))).toBe('malformed');
  }
});

test('rules and references that verify nothing are refused as ours, whatever the block', () => {
  const check = checkOf(carried('1234', 0), pvv, referenceOf('1234', pvv));
  expect(codeOf(verifyPin(keys, { ...check, rules: ibm3624 }))).toBe('wrong_usage');
  for (const value of ['', '123', '12345', '12x4']) expect(codeOf(verifyPin(keys, checkOf(check.pin, pvv, value)))).toBe('wrong_usage');
  for (const value of ['', '123', '1234567890123', '12x4']) expect(codeOf(verifyPin(keys, checkOf(check.pin, ibm3624, value)))).toBe('wrong_usage');
  for (const keyIndex of [-1, 10, 1.5, Number.NaN]) expect(codeOf(verifyPin(keys, { ...check, reference: { method: 'pvv', keyIndex, value: '1234' } }))).toBe('wrong_usage');
  for (const decimalisationTable of ['', '012345678901234', '0000000000000000', '012345678901234A']) {
    expect(codeOf(verifyPin(keys, checkOf(check.pin, { ...ibm3624, decimalisationTable }, '1234')))).toBe('wrong_usage');
  }
});

test('a PIN of other than 4 to 12 digits has no block and no reference, and of more than four no PVV; none is quoted', () => {
  for (const clear of ['', '987', '9876543210987', '98a6', '９８７６', 'ı234']) {
    const subject = { clear: new Secret(clear), pan: pan(card) };
    const answers = [
      producePinBlock(keys, { kind: 'pinBlock', ...subject, format: 0, key: zone }, randomBytes),
      producePinReference(keys, { kind: 'pinReference', pin: subject, key: { name: 'pvk' }, keyIndex: 1, rules: pvv }),
      producePinReference(keys, { kind: 'pinReference', pin: subject, key: { name: 'pvk' }, keyIndex: 1, rules: ibm3624 }),
      sealPin(keys, { kind: 'pinSeal', pin: subject, boundTo: 'card' }, randomBytes),
    ];
    expect(answers.map(codeOf)).toEqual(answers.map(() => 'malformed'));
    expect(JSON.stringify(answers)).not.toMatch(/987|4761/);
  }
  const five = { clear: new Secret('12345'), pan: pan(card) };
  expect(codeOf(producePinReference(keys, { kind: 'pinReference', pin: five, key: { name: 'pvk' }, keyIndex: 1, rules: pvv }))).toBe('malformed');
});

test('the reference of a PIN in a block is the one of the clear PIN', () => {
  for (const [rules, clear] of [[pvv, '1234'], [ibm3624, '123456']] as const) {
    for (const pin of [carried(clear, 0), carried(clear, 4), carried(clear, 0, terminal), carried(clear, 4, aesTerminal)]) {
      expect(valueOf(producePinReference(keys, { kind: 'pinReference', pin, key: { name: 'pvk' }, keyIndex: 1, rules }))).toBe(referenceOf(clear, rules));
    }
  }
});

test('a PIN is the same after it was translated there and back, between every two formats that a translation may go between', () => {
  const otherOf = (format: PinFormat): PinKey => (format === 4 ? aesTerminal : { zone: { name: 'other-zone' } });
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.constantFrom(...formats), digits(4, 12), digits(13, 19), (first, second, clear, number) => {
      const from = carried(clear, first, keyOf(first), number);
      const there = translatePin(keys, { kind: 'pinTranslation', from, to: { key: otherOf(second), format: second } }, randomBytes);
      if (second === 1 && first !== 1) {
        expect(codeOf(there)).toBe('wrong_usage');
        return;
      }
      const translated: EncipheredPin = { block: new Secret(valueOf(there)), format: second, key: otherOf(second), pan: pan(number) };
      const reference = referenceOf(clear, ibm3624, number);
      expect(verifyPin(keys, checkOf(translated, ibm3624, reference))).toBe('match');
      if (first === 1 && second !== 1) return;
      const back = valueOf(translatePin(keys, { kind: 'pinTranslation', from: translated, to: { key: keyOf(first), format: first } }, randomBytes));
      expect(verifyPin(keys, checkOf({ ...from, block: new Secret(back) }, ibm3624, reference))).toBe('match');
      if (first === 0) expect(back).toBe(from.block.reveal());
    }),
  );
});

test('a block that is bound to a card is not translated into one that is bound to none, whatever the keys', () => {
  for (const format of [0, 3, 4] as const) {
    const order = { kind: 'pinTranslation', from: carried('1234', format), to: { key: zone, format: 1 } } as const;
    expect(codeOf(translatePin(keys, order, randomBytes))).toBe('wrong_usage');
  }
});

test('a PIN under a replaced zone key verifies for as long as that key may be used, and values are made under the current one', () => {
  const check = checkOf(carried('1234', 0), pvv, referenceOf('1234', pvv));
  const rotated = (checksUntilMs: number | undefined): KeyRing =>
    new KeyRing([...held.filter(({ info }) => info.name !== 'zone'), loaded('zone', 'zpk', 'tdes-2key', tdesZone, 1, checksUntilMs), loaded('zone', 'zpk', 'tdes-2key', otherZone, 2)], () => nowMs);
  expect(verifyPin(rotated(nowMs + 1), check)).toBe('match');
  expect(codeOf(verifyPin(rotated(nowMs), check))).toBe('malformed');
  expect(codeOf(verifyPin(rotated(undefined), check))).toBe('malformed');
  expect(verifyPin(rotated(nowMs + 1), checkOf(carried('1235', 0), pvv, check.reference.value))).toBe('mismatch');
  const order = { kind: 'pinBlock', clear: new Secret('1234'), format: 0, key: zone, pan: pan(card) } as const;
  expect(valueOf(producePinBlock(rotated(nowMs + 1), order, randomBytes))).toBe(blockOf('1234', 0, { zone: { name: 'other-zone' } }));
});

test('a zone that moves from triple DES to AES takes blocks of both for as long as the old key may be used', () => {
  const moved = new KeyRing([...held.filter(({ info }) => info.name !== 'zone'), loaded('zone', 'zpk', 'tdes-2key', tdesZone, 1, nowMs + 1), loaded('zone', 'zpk', 'aes-256', aesZone, 2)], () => nowMs);
  const right = referenceOf('1234', pvv);
  expect(verifyPin(moved, checkOf(carried('1234', 0), pvv, right))).toBe('match');
  expect(verifyPin(moved, checkOf({ ...carried('1234', 4), key: zone }, pvv, right))).toBe('match');
  expect(verifyPin(moved, checkOf(carried('4321', 0), pvv, right))).toBe('mismatch');
});

test('a reference under a replaced PVK verifies for as long as that key may be used', () => {
  const check = checkOf(carried('1234', 0), pvv, referenceOf('1234', pvv));
  const rotated = (checksUntilMs: number): KeyRing =>
    new KeyRing([...held.filter(({ info }) => info.name !== 'pvk'), loaded('pvk', 'pvk', 'tdes-2key', pvk, 1, checksUntilMs), loaded('pvk', 'pvk', 'tdes-2key', otherZone, 2)], () => nowMs);
  expect(verifyPin(rotated(nowMs + 1), check)).toBe('match');
  expect(verifyPin(rotated(nowMs), check)).toBe('mismatch');
});

test('a terminal whose PIN keys are shorter than its base key verifies as well', () => {
  const vector = aesDukptVectors.find(({ pinKeys }) => pinKeys[32] !== undefined)!;
  const based = new KeyRing([...held, loaded('long-base', 'bdk', 'aes-256', vector.base), loaded('working-16', 'zpk', 'aes-128', vector.pinKeys[16]!), loaded('working-32', 'zpk', 'aes-256', vector.pinKeys[32]!)], () => nowMs);
  const key: PinKey = { base: { name: 'long-base' }, keySerial: vector.serial };
  for (const name of ['working-16', 'working-32']) {
    const order = { kind: 'pinBlock', clear: new Secret('1234'), format: 4, key: { zone: { name } }, pan: pan(card) } as const;
    const block = new Secret(valueOf(producePinBlock(based, order, randomBytes)));
    expect(verifyPin(based, checkOf({ block, format: 4, key, pan: pan(card) }, pvv, referenceOf('1234', pvv)))).toBe('match');
  }
});

test('a sealed PIN opens for its card alone, shows no length, and with one character changed not at all', () => {
  const sealed = (clear: string): string => valueOf(sealPin(keys, { kind: 'pinSeal', pin: { clear: new Secret(clear), pan: pan(card) }, boundTo: 'card-1' }, randomBytes));
  const text = sealed('123456');
  expect(text).toMatch(/^waiting\/1:[A-Za-z0-9_-]+$/);
  expect(openedOf(text, 'card-1')).toBe('123456');
  expect(openedOf(text, 'card-2')).toBe('malformed');
  expect(sealed('1234')).toHaveLength(sealed('123456789012').length);
  expect(sealed('1234')).not.toBe(sealed('1234'));
  for (let place = 0; place < text.length; place++) {
    // The last character of 36 bytes is whole, so every changed one changes a byte.
    const changed = text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1);
    expect(['malformed', 'unknown_key']).toContain(openedOf(changed, 'card-1'));
  }
  for (const wrong of ['', 'waiting/1:', 'waiting/1:AAAA', 'waiting:AAAA', `${text}=`]) expect(openedOf(wrong, 'card-1')).toBe('malformed');
  expect(openedOf(text.replace('waiting', 'aes-zone'), 'card-1')).toBe('wrong_usage');
});

function openedOf(sealed: string, boundTo: string): string {
  const opened = openSealedPin(keys, sealed, boundTo);
  return 'code' in opened ? opened.code : opened.clear.toString('latin1');
}

test('the PIN of a block is sealed without being shown, and without a key for it nothing is sealed', () => {
  const pin = carried('4321', 4);
  expect(openedOf(valueOf(sealPin(keys, { kind: 'pinSeal', pin, boundTo: 'card-1' }, randomBytes)), 'card-1')).toBe('4321');
  const without = new KeyRing(held.filter(({ info }) => info.usage !== 'pin'), () => nowMs);
  expect(codeOf(sealPin(without, { kind: 'pinSeal', pin, boundTo: 'card-1' }, randomBytes))).toBe('unknown_key');
  expect(codeOf(sealPin(keys, { kind: 'pinSeal', pin: { ...pin, block: new Secret('00'.repeat(16)) }, boundTo: 'card-1' }, randomBytes))).toBe('malformed');
});

test('what was sealed under a key that was replaced since opens still', () => {
  const text = valueOf(sealPin(keys, { kind: 'pinSeal', pin: carried('1234', 0), boundTo: 'card-1' }, randomBytes));
  const rotated = new KeyRing([...held, loaded('waiting', 'pin', 'aes-256', aesZone.split('').reverse().join(''), 2)], () => nowMs);
  const opened = openSealedPin(rotated, text, 'card-1');
  expect('clear' in opened && opened.clear.toString('latin1')).toBe('1234');
  expect(valueOf(sealPin(rotated, { kind: 'pinSeal', pin: carried('1234', 0), boundTo: 'card-1' }, randomBytes))).toMatch(/^waiting\/2:/);
});
