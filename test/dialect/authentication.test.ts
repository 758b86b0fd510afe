import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Version } from '../../src/message/message.ts';
import { smallCodec } from '../iso8583/codecs.ts';
import { card, dialects, purchase } from './stations.ts';
import type { Fields } from './stations.ts';

const hex = '000123456789ABCDEF0123456789ABCDEF012345';
const base64 = Buffer.from(hex, 'hex').toString('base64');
const uuid = '2f3d1c9e-7a54-4c1b-9d0e-5b6a7c8d9e0f';
const ascii = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

function element(name: string, content: string): string {
  return name + String(content.length).padStart(2, '0') + content;
}

/** Objects with one byte of length, in dataset 01. */
function dataset(objects: Readonly<Record<string, string>>): string {
  const content = Object.entries(objects).map(([tag, value]) => tag + (value.length / 2).toString(16).toUpperCase().padStart(2, '0') + value).join('');
  return `01${(content.length / 2).toString(16).toUpperCase().padStart(4, '0')}${content}`;
}

describe('an authentication value', () => {
  it.each<[string, Version, Fields, string]>([
    ['base64 in DE48', '1987', { 48: element('43', base64) }, ''],
    ['hexadecimal digits in DE48', '1987', { 48: element('43', hex.toLowerCase()) }, ''],
    ['DE48 with a transaction id', '1987', { 48: element('43', base64) + element('66', element('01', '2') + element('02', uuid)) }, uuid],
    ['DE48 with a transaction id that is left blank', '1987', { 48: element('43', base64) + element('66', element('02', ' '.repeat(36))) }, ''],
    ['DE48 with a transaction id that is none', '1987', { 48: element('43', base64) + element('66', element('02', 'mine')) }, ''],
    ['base64 in DE48', '1993', { 48: element('43', base64) + element('66', element('02', uuid)) }, uuid],
    ['bytes in DE34', '2003', { 34: dataset({ DF01: hex }) }, ''],
    ['base64 in DE34', '2003', { 34: dataset({ DF01: ascii(base64), DF02: ascii(uuid) }) }, uuid],
    ['hexadecimal digits in DE34, behind another dataset', '2003', { 34: `020003DF0900${dataset({ DF01: ascii(hex) })}` }, ''],
  ])('is read from %s (%s)', (_where, version, fields, transactionId) => {
    const { authentication, fault } = card(version, '100', fields);
    expect([authentication?.value.reveal(), authentication?.transactionId, fault]).toEqual([hex, transactionId, undefined]);
  });

  it.each<[string, Version, Fields]>([
    ['nothing', '1987', {}], ['an element of spaces', '1987', { 48: element('43', ' '.repeat(28)) }], ['a text that is no list', '1987', { 48: 'RETAIL' }],
    ['a transaction id alone', '1987', { 48: element('66', element('02', uuid)) }], ['another dataset', '2003', { 34: dataset({ DF02: ascii(uuid) }) }],
    ['an object that is cut', '2003', { 34: '010003DF0114' }],
  ])('is absent with %s', (_what, version, fields) => {
    expect(card(version, '100', fields)).toMatchObject({ authentication: undefined, fault: undefined });
  });

  it.each<[string, string]>([['too short', base64.slice(0, 24)], ['no base64', `${'!'.repeat(27)}=`], ['base64 of twenty-one bytes', 'A'.repeat(28)], ['no hexadecimal digits', 'G'.repeat(40)]])(
    'that is %s is carried as it came, for its check to refuse', (_what, text) => {
      expect(card('1987', '100', { 48: element('43', text) }).authentication?.value.reveal()).toBe(text);
    },
  );

  it('shows nothing of itself', () => {
    const meaning = card('1987', '100', { 48: element('43', base64) });
    for (const text of [JSON.stringify(meaning), inspect(meaning, { depth: 20, showHidden: true })]) {
      expect(text).not.toContain(hex.slice(0, 12));
      expect(text).not.toContain(base64.slice(0, 12));
    }
  });
});

describe('a format with DE126 in subfields', () => {
  const n = (length: number): object => ({ name: 'x', kind: 'n', length });
  const inner = { 9: { name: 'Authentication value', kind: 'b', length: 20 }, 10: { name: 'CVV2', kind: 'ans', length: 6 } };
  const codec = smallCodec({
    fields: {
      2: { name: 'x', kind: 'n', prefix: 'LL', max: 19 }, 3: n(6), 4: n(12), 7: n(10), 11: n(6), 14: n(4), 49: n(3),
      126: { name: 'x', kind: 'b', prefix: 'LLL', max: 255, subfields: { layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 }, fields: inner } },
    },
  });
  const read = (subfields: Readonly<Record<number, string>>): unknown => {
    const draft = new Draft('0100');
    for (const [field, text] of Object.entries(purchase['1987'])) if (codec.spec.fields.has(Number(field))) draft.set(Number(field), text!);
    for (const [subfield, text] of Object.entries(subfields)) draft.setSub(126, Number(subfield), text);
    const meaning = readMessage(codec.decode(Uint8Array.from(codec.encode(draft))), dialects['1987'], 'shop');
    if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
    const { cardValue, authentication, fault } = meaning;
    return [cardValue?.kind === 'cvv2' ? cardValue.value.reveal() : undefined, authentication?.value.reveal(), fault];
  };

  it('has the CVV2 in its tenth and the authentication value in its ninth', () => {
    expect(read({ 9: hex, 10: '11 789' })).toEqual(['789', hex, undefined]);
    expect(read({ 10: '111789' })).toEqual(['1789', undefined, undefined]);
    expect(read({ 10: '0     ' })).toEqual([undefined, undefined, undefined]);
  });
});
