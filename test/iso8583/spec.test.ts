import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/json-node.ts';
import { loadSpec } from '../../src/iso8583/load.ts';
import { specJson } from './codecs.ts';

type Json = Record<string, unknown>;

/** A small spec that is right; each case makes it wrong in one place. */
function right(): Json & { fields: Record<string, Json>; bitmap: Json; defaults: Record<string, Json>; mti: Json } {
  return {
    name: 'right', version: '1987', about: 'Of a test.', mti: { encoding: 'bcd' }, bitmap: { encoding: 'binary', max: 2 },
    defaults: { prefix: { encoding: 'bcd' }, n: { encoding: 'bcd', filler: { side: 'left', nibble: '0' } }, text: { encoding: 'ascii' } },
    fields: {
      2: { name: 'PAN', kind: 'n', prefix: 'LL', max: 19, sensitive: 'pan' },
      3: { name: 'Code', kind: 'n', length: 6 },
      43: { name: 'Name', kind: 'ans', length: 40 },
    },
  };
}

function refusalOf(json: unknown): SpecError {
  try {
    loadSpec(json, 'wrong.json');
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error('loaded');
}

const chip = { name: 'Chip', kind: 'b', encoding: 'binary', prefix: 'LLL', max: 255 };
const parts = (...lengths: (number | undefined)[]): Json => ({ layout: 'positional', parts: lengths.map((length) => ({ name: 'Part', ...(length === undefined ? {} : { length }) })) });

describe('a wrong spec is refused with the file, the JSON path and the reason', () => {
  it.for<[string, (spec: ReturnType<typeof right>) => unknown, string, RegExp]>([
    ['no object', () => [], '$', /must be an object/],
    ['nothing', () => undefined, '$', /is missing/],
    ['no name', (spec) => ({ ...spec, name: undefined }), '$.name', /is missing/],
    ['an unknown property', (spec) => ({ ...spec, nmae: 'x' }), '$.nmae', /no such setting here; known are name/],
    ['an unknown edition', (spec) => ({ ...spec, version: '2011' }), '$.version', /1987, 1993, 2003/],
    ['a message type in hexadecimal', (spec) => ({ ...spec, mti: { encoding: 'hex' } }), '$.mti.encoding', /ascii, ebcdic, bcd/],
    ['a bitmap in BCD', (spec) => ({ ...spec, bitmap: { encoding: 'bcd', max: 2 } }), '$.bitmap.encoding', /binary, hex, hex-ebcdic/],
    ['four bitmaps', (spec) => ({ ...spec, bitmap: { encoding: 'hex', max: 4 } }), '$.bitmap.max', /from 1 to 3/],
    ['no fields', (spec) => ({ ...spec, fields: undefined }), '$.fields', /is missing/],
    ['fields as a list', (spec) => ({ ...spec, fields: [] }), '$.fields', /must be an object/],
    ['field 1, which is a bitmap', (spec) => ({ ...spec, fields: { 1: chip } }), '$.fields.1', /further bitmap/],
    ['a field that no bitmap reaches', (spec) => ({ ...spec, fields: { 129: chip } }), '$.fields.129', /1 to 128/],
    ['a field that is no number', (spec) => ({ ...spec, fields: { '02': chip } }), '$.fields.02', /1 to 128/],
    ['a field with a misspelt property', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', lenght: 6 } } }), '$.fields.3.lenght', /no such setting/],
    ['a field without a name', (spec) => ({ ...spec, fields: { 3: { kind: 'n', length: 6 } } }), '$.fields.3.name', /is missing/],
    ['an unknown kind', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'num', length: 6 } } }), '$.fields.3.kind', /one of n, a/],
    ['no length', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n' } } }), '$.fields.3.length', /is missing/],
    ['a negative length', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: -6 } } }), '$.fields.3.length', /whole number/],
    ['a maximum without a prefix', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, max: 6 } } }), '$.fields.3.max', /with a prefix/],
    ['a length with a prefix', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: 'LL', length: 6 } } }), '$.fields.3.length', /without a prefix/],
    ['a minimum above the maximum', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: 'LL', min: 7, max: 6 } } }), '$.fields.3.min', /0 to 6/],
    ['a maximum that its prefix cannot say', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: 'LL', max: 100 } } }), '$.fields.3.max', /99 at most/],
    ['an unknown prefix', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: 'LLVAR', max: 10 } } }), '$.fields.3.prefix', /none, L, LL/],
    ['five binary bytes of prefix', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: { size: 'LLLLL', encoding: 'binary' }, max: 10 } } }), '$.fields.3.prefix', /at most four/],
    ['text in BCD', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'ans', encoding: 'bcd', length: 6 } } }), '$.fields.3.encoding', /ascii, ebcdic/],
    ['bytes in ASCII', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'b', encoding: 'ascii', length: 6 } } }), '$.fields.3.encoding', /binary, hex/],
    ['no encoding and no default', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'b', length: 6 } } }), '$.fields.3.encoding', /defaults\.b\.encoding/],
    ['a wrong default', (spec) => ({ ...spec, defaults: { n: { encoding: 'utf8' } } }), '$.defaults.n.encoding', /ascii, ebcdic, bcd/],
    ['an odd number of packed digits without a filler', (spec) => ({ ...spec, defaults: { n: { encoding: 'bcd' } }, fields: { 49: { name: 'Currency', kind: 'n', length: 3 } } }), '$.fields.49', /needs a filler/],
    ['a filler of two digits', (spec) => ({ ...spec, fields: { 49: { name: 'Currency', kind: 'n', length: 3, filler: { side: 'left', nibble: '00' } } } }), '$.fields.49.filler.nibble', /one hexadecimal digit/],
    ['a filler for characters', (spec) => ({ ...spec, fields: { 43: { name: 'Name', kind: 'ans', length: 3, filler: { side: 'left', nibble: '0' } } } }), '$.fields.43.filler', /bcd only/],
    ['padding that its kind does not allow', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, padding: { side: 'left', character: ' ' } } } }), '$.fields.3.padding.character', /that n allows/],
    ['padding of a variable field', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', prefix: 'LL', max: 6, padding: { side: 'left', character: '0' } } } }), '$.fields.3.padding', /without a prefix/],
    ['padding of bytes', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'b', encoding: 'binary', length: 6, padding: { side: 'left', character: '0' } } } }), '$.fields.3.padding', /digits and text only/],
    ['a signed amount without room for its sign', (spec) => ({ ...spec, fields: { 28: { name: 'Fee', kind: 'x+n', encoding: 'ascii', length: 0 } } }), '$.fields.28.length', /counts the sign/],
    ['a count of bytes that cannot tell a filler from a digit', (spec) => ({ ...spec, fields: { 2: { name: 'PAN', kind: 'n', prefix: { size: 'LL', counts: 'bytes' }, max: 19 } } }), '$.fields.2', /a filler that is no digit/],
    ['a date of another length', (spec) => ({ ...spec, fields: { 13: { name: 'Day', kind: 'n', length: 6, date: 'MMDD' } } }), '$.fields.13.date', /length 4/],
    ['an unknown sensitivity', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, sensitive: 'very' } } }), '$.fields.3.sensitive', /pan, track/],
    ['an unknown layout', (spec) => ({ ...spec, fields: { 55: { ...chip, subfields: { layout: 'xml' } } } }), '$.fields.55.subfields.layout', /positional, bitmapped, tlv/],
    ['parts that do not add up', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, subfields: parts(2, 2) } } }), '$.fields.3.subfields', /4 in all/],
    ['a part without a length before the last', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, subfields: parts(undefined, 2) } } }), '$.fields.3.subfields', /only the last part/],
    ['no parts', (spec) => ({ ...spec, fields: { 3: { name: 'Code', kind: 'n', length: 6, subfields: parts() } } }), '$.fields.3.subfields.parts', /a part at least/],
    ['tags in text', (spec) => ({ ...spec, fields: { 55: { name: 'Chip', kind: 'ans', prefix: 'LLL', max: 255, subfields: { layout: 'tlv' } } } }), '$.fields.55.subfields', /kind b and encoding binary/],
    ['a tag that is none', (spec) => ({ ...spec, fields: { 55: { ...chip, subfields: { layout: 'tlv', tags: { '9F': { name: 'Half' } } } } } }), '$.fields.55.subfields.tags.9F', /not a BER-TLV tag/],
    ['a tag in lower case', (spec) => ({ ...spec, fields: { 55: { ...chip, subfields: { layout: 'tlv', tags: { '9f02': { name: 'Lower' } } } } } }), '$.fields.55.subfields.tags.9f02', /upper-case/],
    ['a wrong subfield', (spec) => ({ ...spec, fields: { 127: { ...chip, subfields: { layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 }, fields: { 9: { name: 'Nine', kind: 'q' } } } } } }), '$.fields.127.subfields.fields.9.kind', /one of n/],
  ])('%s', ([, make, path, why]) => {
    const error = refusalOf(make(right()));
    expect(error.file).toBe('wrong.json');
    expect(error.path).toBe(path);
    expect(error.why).toMatch(why);
    expect(error.message).toBe(`wrong.json: ${path}: ${error.why}`);
  });

  it('subfields nested without end', () => {
    let field: Json = chip;
    for (let depth = 0; depth < 6; depth++) field = { ...chip, subfields: { layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 }, fields: { 2: field } } };
    expect(refusalOf({ ...right(), fields: { 127: field } }).why).toMatch(/nests deeper than 4/);
  });
});

describe('a spec', () => {
  it('that is right is loaded with its defaults filled in', () => {
    const { fields } = loadSpec(right(), 'right.json');
    expect(fields.get(2)).toMatchObject({ kind: 'n', min: 0, max: 19, encoding: 'bcd', filler: { side: 'left', nibble: '0' }, prefix: { digits: 2, encoding: 'bcd', counts: 'units' }, sensitive: 'pan' });
    expect(fields.get(43)).toMatchObject({ min: 40, max: 40, prefix: undefined, encoding: 'ascii', padding: undefined });
  });

  it('refuses every property of a shipped spec when it is misspelt', () => {
    const misspell = (value: unknown, at: number[]): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map((inner) => misspell(inner, at));
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [at[0]!-- === 0 ? `${name}_` : name, misspell(inner, at)]));
    };
    const json = specJson('iso8583-1987-binary');
    // The field numbers and properties of the first fields, and everything before them.
    for (let index = 0; index < 120; index++) expect(() => loadSpec(misspell(json, [index]), 'misspelt.json')).toThrow(SpecError);
  });
});
