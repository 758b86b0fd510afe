import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonNode } from '../../src/base/json-node.ts';
import { readPlace } from '../../src/dialect/load-places.ts';
import { firstText, placeText, writePlace } from '../../src/dialect/places.ts';
import type { Coding } from '../../src/dialect/places.ts';
import type { ValuePlace } from '../../src/dialect/rules.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { smallCodec } from '../iso8583/codecs.ts';
import { codecs } from './stations.ts';

function place(json: object): ValuePlace {
  return readPlace(new JsonNode(json, 'mine.json'));
}

const inner = { 2: { name: 'x', kind: 'b', length: 4 }, 3: { name: 'x', kind: 'ans', length: 6 } };
const codec = smallCodec({
  fields: {
    48: { name: 'x', kind: 'ans', prefix: 'LLL', max: 999 },
    53: { name: 'x', kind: 'n', length: 16, padding: { side: 'left', character: '0' } },
    60: { name: 'x', kind: 'b', prefix: 'LLL', max: 999 },
    61: { name: 'x', kind: 'ans', length: 8 },
    62: { name: 'x', kind: 'ans', length: 6, subfields: { layout: 'positional', parts: [{ name: 'a', length: 2 }, { name: 'b', length: 4 }] } },
    63: { name: 'x', kind: 'b', prefix: 'LLL', max: 99, subfields: { layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 }, fields: inner } },
  },
});

function sent(format: Codec, draft: Draft): Message {
  return format.decode(Uint8Array.from(format.encode(draft)));
}

describe('a value', () => {
  it.each<[string, object, string, Coding]>([
    ['a text', { form: 'text', field: 48 }, 'ABC', 'characters'],
    ['a slice of a text', { form: 'text', field: 48, at: 3, length: 4 }, 'WXYZ', 'characters'],
    ['digits of a fixed field', { form: 'text', field: 53, at: 4, length: 2 }, '01', 'hex'],
    ['characters of a fixed field', { form: 'text', field: 61, at: 2, length: 3 }, 'PK1', 'characters'],
    ['bytes', { form: 'text', field: 60 }, 'A1B2C3D4', 'hex'],
    ['bytes behind others', { form: 'text', field: 60, at: 16 }, 'A1B2C3D4', 'hex'],
    ['characters in bytes', { form: 'text', field: 60 }, 'B0080P0TE00N0000', 'characters'],
    ['an element', { form: 'element', field: 48, element: '43' }, 'VALUE', 'characters'],
    ['an element behind a leading character', { form: 'element', field: 48, element: '43', skip: 1 }, 'VALUE', 'characters'],
    ['an element with three digits of length', { form: 'element', field: 48, element: 'KB', lengthDigits: 3 }, 'X'.repeat(144), 'characters'],
    ['an element within an element', { form: 'element', field: 48, element: '66', part: '02' }, 'ID', 'characters'],
    ['a slice of an element', { form: 'element', field: 48, element: '11', at: 6, length: 4 }, 'ABCD', 'hex'],
    ['an object', { form: 'tag', field: 60, tag: 'DF01' }, 'A1B2', 'hex'],
    ['an object of more than 127 bytes', { form: 'tag', field: 60, tag: 'C1' }, 'A1'.repeat(200), 'hex'],
    ['an object with characters', { form: 'tag', field: 60, tag: 'DF8101' }, 'characters', 'characters'],
    ['an object of a dataset', { form: 'tag', field: 60, dataset: '01', tag: 'DF02' }, 'A1B2', 'hex'],
    ['a dataset’s second bit', { form: 'dataset', field: 60, dataset: '71' }, '789', 'characters'],
    ['a subfield of bytes', { form: 'subfield', field: 63, subfield: '2' }, 'A1B2C3D4', 'hex'],
    ['a slice of a subfield', { form: 'subfield', field: 63, subfield: '3', at: 2, length: 4 }, '0789', 'characters'],
  ])('is written and read as %s', (_what, json, value, coding) => {
    const draft = new Draft('0100');
    expect(writePlace(draft, codec.spec, place(json), value, coding)).toBe(true);
    expect(placeText(sent(codec, draft), place(json), coding)).toBe(value);
  });

  it('is written beside what stands there', () => {
    const draft = new Draft('0100');
    const places = [
      { form: 'element', field: 48, element: '92' }, { form: 'element', field: 48, element: '66', part: '01' }, { form: 'element', field: 48, element: '66', part: '02' }, { form: 'element', field: 48, element: '43' },
      { form: 'tag', field: 60, dataset: '02', tag: 'DF01' }, { form: 'tag', field: 60, dataset: '01', tag: 'DF01' }, { form: 'tag', field: 60, dataset: '02', tag: 'DF02' }, { form: 'subfield', field: 63, subfield: '2' }, { form: 'subfield', field: 63, subfield: '3' },
    ].map(place);
    const values = ['123', '2', 'ID', 'VALUE', 'AA', 'BB', 'CC', 'DDDDDDDD', 'EEEEEE'];
    for (const [index, one] of places.entries()) writePlace(draft, codec.spec, one, values[index]!, one.field === 60 || one.field === 63 ? 'hex' : 'characters');
    const message = sent(codec, draft);
    expect(message.text(48)).toBe('92031236611010120202ID4305VALUE');
    expect(message.text(60)).toBe('020008DF0101AADF0201CC010004DF0101BB');
    expect(places.map((one) => placeText(message, one, one.field === 60 || one.field === 63 ? 'hex' : 'characters'))).toEqual(values);
  });

  it('is not written where the format has no such field, or for a part of a positional one', () => {
    const draft = new Draft('0100');
    for (const json of [{ form: 'text', field: 99 }, { form: 'subfield', field: 63, subfield: '9' }, { form: 'subfield', field: 62, subfield: '2' }, { form: 'tag', field: 99, tag: 'DF01' }]) {
      expect(writePlace(draft, codec.spec, place(json), 'AB', 'hex')).toBe(false);
    }
    expect(draft.numbers).toEqual([]);
  });

  it('is read of a part of a positional field, and of a tag that the format knows', () => {
    expect(placeText(sent(codec, new Draft('0100').set(62, 'AB1234')), place({ form: 'subfield', field: 62, subfield: '2' }), 'characters')).toBe('1234');
    const chip = sent(codecs['1987'], new Draft('0100').set(55, '9F360201A7'));
    expect(placeText(chip, place({ form: 'tag', field: 55, tag: '9F36' }), 'hex')).toBe('01A7');
  });

  it('is the first that is not blank', () => {
    const message = sent(codec, new Draft('0100').set(48, '4303   9203789'));
    const places = ['43', '11', '92'].map((element) => place({ form: 'element', field: 48, element }));
    expect([firstText(message, places, 'characters'), firstText(message, places.slice(0, 2), 'characters'), placeText(message, places[0]!, 'characters'), placeText(message, places[1]!, 'characters')]).toEqual(['789', '', '', undefined]);
  });

  it('is read of any bytes without an exception', () => {
    const places = [{ tag: 'DF01' }, { tag: 'C1', dataset: '01' }].map((more) => place({ form: 'tag', field: 60, ...more }));
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constantFrom('', 'DF01', '01', '0100', 'C181', 'C184', 'C180'), (bytes, begin) => {
      const message = sent(codec, new Draft('0100').set(60, begin + Buffer.from(bytes).toString('hex').toUpperCase()));
      for (const one of [...places, place({ form: 'dataset', field: 60, dataset: '01' })]) {
        for (const coding of ['hex', 'characters'] as const) expect(typeof placeText(message, one, coding)).toMatch(/string|undefined/);
      }
    }), { numRuns: 500 });
  });
});
