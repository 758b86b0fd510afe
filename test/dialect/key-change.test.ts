import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { draftNetworkAnswer, draftNetworkRequest } from '../../src/dialect/answer.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import { loadDialect } from '../../src/dialect/load.ts';
import type { CarriedKey, NetworkMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Version } from '../../src/message/message.ts';
import { Secret } from '../../src/message/secret.ts';
import { codecOf, shippedNames, smallCodec } from '../iso8583/codecs.ts';
import { codecs, decoded, dialects, json, versions } from './stations.ts';
import type { Fields } from './stations.ts';

const key = '0123456789ABCDEFFEDCBA9876543210';
/** A header, and what is no key. */
const block = `B0080P0TE00N0000${'5A'.repeat(32)}`;
const codes: Readonly<Record<Version, Fields>> = { '1987': { 70: '161' }, '1993': { 24: '811' }, '2003': { 24: '811' } };
const mtis: Readonly<Record<Version, string>> = { '1987': '0800', '1993': '1804', '2003': '2804' };

function network(message: Message, dialect: Dialect): NetworkMeaning {
  const meaning = readMessage(message, dialect, 'shop');
  if (meaning.kind !== 'network') throw new Error(`read as ${meaning.kind}`);
  return meaning;
}

function asked(version: Version, fields: Fields): NetworkMeaning {
  const stan = version === '2003' ? '000000000001' : '000001';
  return network(decoded(codecs[version], mtis[version], { 7: '1122080512', 11: stan, ...codes[version], ...fields }), dialects[version]);
}

function seen({ key: carried }: NetworkMeaning): unknown {
  return carried && [carried.purpose, carried.form, carried.text.reveal(), carried.kcv];
}

function sent(codec: Codec, dialect: Dialect, carried: CarriedKey): Message | undefined {
  const draft = new Draft('');
  if (!draftNetworkRequest('keyChange', '42', '1122080512', '20261122090512', dialect, draft, { key: { key: carried, spec: codec.spec } })) return undefined;
  return codec.decode(Uint8Array.from(codec.encode(draft)));
}

describe.each(versions)('a key change of %s', (version) => {
  const ascii = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();
  const withBlock = (text: string): Fields => (version === '1987' ? { 110: `KB${String(text.length).padStart(3, '0')}${text}` } : { 96: ascii(text) });

  it('brings a key under the zone’s key-encrypting key, with its check value', () => {
    expect(seen(asked(version, { 48: `1154PK0101${key}08D7B4FB629D0885` }))).toEqual(['pin', 'ecb', key, '08D7B4FB629D0885']);
    expect(seen(asked(version, { 48: `1154MK0000${key}08D7B4          ` }))).toEqual(['mac', 'ecb', key, '08D7B4']);
    expect(seen(asked(version, { 48: `1138PK0101${key}` }))).toEqual(['pin', 'ecb', key, '']);
  });

  it('brings a key block, which says itself what it is for', () => {
    expect(seen(asked(version, withBlock(block)))).toEqual(['pin', 'block', block, '']);
    expect(seen(asked(version, withBlock(block.replace('P0', 'M6'))))).toEqual(['mac', 'block', block.replace('P0', 'M6'), '']);
  });

  it.each<[string, Fields, RegExp]>([
    ['nothing', {}, /^$/], ['blanks', { 48: `1138PK0101${' '.repeat(32)}`, ...withBlock(' '.repeat(8)) }, /^$/],
    ['a key class that is another', { 48: `1138XX0101${key}` }, /key class/], ['a key of other characters', { 48: `1138PK0101${'X'.repeat(32)}` }, /32 or 48 hexadecimal digits/],
    ['half a key', { 48: `1122PK0101${key.slice(16)}` }, /32 or 48 hexadecimal digits/], ['a key block of another usage', withBlock(block.replace('P0', 'K0')), /is for K0/],
    ['a key block of another length', withBlock(`${block}00`), /not as long as it says/], ['what is no key block', withBlock('Z'.repeat(80)), /no key block/],
  ])('with %s brings no key, and says why where something stands for one', (_what, fields, fault) => {
    expect(asked(version, fields)).toMatchObject({ function: 'keyChange', key: undefined, keyFault: expect.stringMatching(fault) as string });
  });

  it('is nothing else: an echo brings no key', () => {
    const fields = version === '1987' ? { 70: '301' } : { 24: '831' };
    expect(asked(version, { ...fields, 48: `1138PK0101${key}` })).toMatchObject({ function: 'echo', key: undefined });
  });

  it('shows nothing of its key', () => {
    for (const meaning of [asked(version, withBlock(block)), asked(version, { 48: `1138PK0101${key}` })]) {
      for (const text of [JSON.stringify(meaning), inspect(meaning, { depth: 20, showHidden: true })]) {
        expect(text).not.toContain('5A5A5A');
        expect(text).not.toContain('01234567');
      }
    }
  });

  it('of our own can be asked for without a key', () => {
    const draft = new Draft('');
    expect(draftNetworkRequest('keyChange', '42', '1122080512', '20261122090512', dialects[version], draft)).toBe(true);
    expect(draft.get(version === '1987' ? 70 : 24)).toBe(version === '1987' ? '161' : '811');
  });
});

const keys: readonly CarriedKey[] = [
  { purpose: 'pin', form: 'ecb', text: new Secret(key), kcv: '08D7B4' },
  { purpose: 'mac', form: 'ecb', text: new Secret(key), kcv: '' },
  { purpose: 'pin', form: 'block', text: new Secret(block), kcv: '' },
  { purpose: 'mac', form: 'block', text: new Secret(block.replace('P0', 'M1')), kcv: '' },
];

describe.each(shippedNames)('a key that we send in %s', (name) => {
  const codec = codecOf(name);
  const dialect = dialects[codec.spec.version];

  it.each(keys)('is read as it was written: $purpose, $form', (carried) => {
    const message = sent(codec, dialect, carried);
    expect(message?.mti).toBe(mtis[codec.spec.version]);
    expect(seen(network(message!, dialect))).toEqual([carried.purpose, carried.form, carried.text.reveal(), carried.kcv]);
  });
});

describe('a key', () => {
  const content = json('dialects/iso8583-1987.json') as Record<string, unknown>;
  const own = (keyChange: object): Dialect => loadDialect({ ...content, keyChange }, 'mine.json', dialects['1987'].reasons);

  it('is not sent where the dialect or the format has no place for it', () => {
    const none = own({ blocks: [], cryptograms: [] });
    for (const carried of keys) expect(sent(codecs['1987'], none, carried)).toBeUndefined();
    const small = smallCodec({ fields: { 7: { name: 'x', kind: 'n', length: 10 }, 11: { name: 'x', kind: 'n', length: 6 }, 70: { name: 'x', kind: 'n', length: 3 } } });
    for (const carried of keys) expect(sent(small, dialects['1987'], carried)).toBeUndefined();
  });

  it('for message authentication is not sent where the place is for keys of PINs', () => {
    const pins = own({ blocks: [], cryptograms: [{ key: { form: 'text', field: 48, length: 32 } }] });
    expect(keys.slice(0, 2).map((carried) => sent(codecs['1987'], pins, carried)?.text(48))).toEqual([key, undefined]);
  });

  it('may have its parts in fields of their own', () => {
    const apart = own({ blocks: [], cryptograms: [{ key: { form: 'text', field: 60 }, checkValue: { form: 'text', field: 61, at: 2, length: 6 }, purpose: { form: 'text', field: 53, length: 2, codes: { '01': 'pin', '02': 'mac' } } }] });
    const message = sent(codecs['1987'], apart, keys[0]!)!;
    expect([message.text(60), message.text(61), seen(network(message, apart))]).toEqual([key, '  08D7B4', ['pin', 'ecb', key, '08D7B4']]);
  });

  it('that was taken is confirmed by its check value where the dialect says where', () => {
    const confirming = own({ blocks: [], cryptograms: [], confirmation: { form: 'element', field: 48, element: 'CV' } });
    const request = decoded(codecs['1987'], '0800', { 7: '1122080512', 11: '000001', 70: '161', 48: `1138PK0101${key}` });
    const answered = (dialect: Dialect, kcv: string): string | undefined =>
      codecs['1987'].decode(Uint8Array.from(codecs['1987'].encode(draftNetworkAnswer(request, undefined, dialect, new Draft(''), kcv)))).text(48);
    expect([answered(confirming, '08D7B4'), answered(confirming, ''), answered(dialects['1987'], '08D7B4')]).toEqual(['CV0608D7B4', undefined, undefined]);
  });
});
