/**
 * All published vectors, from the folder that LOCUM_VECTORS names: every message, every malformed input, every field, primitive and BER-TLV case.
 * Their own little specs are translated into our format first.
 */
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/json-node.ts';
import { compile } from '../../src/iso8583/compile.ts';
import type { Codec } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { loadSpec } from '../../src/iso8583/load.ts';
import { published } from '../vectors/published.ts';
import { bytes, codecOf, encodeRefusal, hex, refusal, smallCodec } from './codecs.ts';

interface InlineField {
  data_enc: 'ascii' | 'ebcdic' | 'binary';
  len_enc: 'ascii' | 'ebcdic' | 'bcd' | 'binary';
  len_digits_or_bytes: number;
  max_len?: number;
  len_counts?: 'bytes' | 'nibbles';
  left_pad?: string;
  right_pad?: string;
}
type InlineSpec = Record<string, InlineField>;
interface Entry {
  id: string;
  direction?: 'decode' | 'encode';
  spec?: string;
  inline_spec?: InlineSpec;
  hex?: string;
  mti?: string;
  fields?: Record<string, string>;
  encode_verified?: boolean;
  error_field?: string;
  error_category?: string;
  error_pos?: number;
  error_tag?: string;
}
interface Primitive {
  id: string;
  kind: string;
  hex?: string;
  value?: string;
  digits?: number;
  encoding?: 'ascii' | 'bcd';
  max_len?: number;
  length?: number;
}
type TagTree = { [tag: string]: string | TagTree };

/** A list of the vectors, which must be whole: empty where LOCUM_VECTORS is not set. */
function read(file: string, list: string, count: number): readonly unknown[] {
  const entries = published(file, list);
  describe(`the published list ${list}`, () => {
    it('is whole where there is one', () => {
      expect(entries.length).toBe(process.env['LOCUM_VECTORS'] ? count : 0);
    });
  });
  return entries;
}

const messages = read('iso8583_messages.json', 'messages', 26) as readonly Entry[];
const malformed = [...read('iso8583_malformed.json', 'malformed_messages', 112), ...read('iso8583_malformed.json', 'malformed_small', 66)] as Entry[];
const fieldEntries = read('iso8583_field_codec.json', 'field_codec', 113) as readonly Entry[];
const primitives = read('iso8583_field_codec.json', 'primitives', 19) as readonly Primitive[];
const primitivesRefused = read('iso8583_field_codec.json', 'primitives_reject', 7) as readonly Primitive[];
const tlvEntries = read('iso8583_field_codec.json', 'ber_tlv', 10) as readonly ({ id: string; hex: string; tags: TagTree })[];
const tlvRefused = read('iso8583_field_codec.json', 'ber_tlv_reject', 10) as readonly Entry[];

function capacity(field: InlineField): number {
  const size = field.len_digits_or_bytes;
  return field.len_enc === 'binary' ? 256 ** size - 1 : 10 ** (field.len_enc === 'bcd' ? size * 2 : size) - 1;
}

/** One field of a published mini-spec in our format. A maximum beyond what its prefix can say is the prefix's: our specs may not promise it. */
function ourField(field: InlineField): Record<string, unknown> {
  const size = field.len_digits_or_bytes;
  const nibbles = field.len_counts === 'nibbles';
  const packed = nibbles && field.data_enc === 'binary';
  const most = size === 0 ? field.max_len! : Math.min(field.max_len!, capacity(field));
  const units = nibbles && !packed ? most / 2 : most;
  const filler = field.left_pad !== undefined ? { side: 'left', nibble: field.left_pad[0] } : field.right_pad !== undefined ? { side: 'right', nibble: field.right_pad[0] } : undefined;
  return {
    name: 'Published',
    kind: packed ? 'h' : field.data_enc === 'binary' ? 'b' : 'ans',
    encoding: packed ? 'bcd' : field.data_enc,
    ...(size === 0 ? { length: units } : { max: units, prefix: { size: 'L'.repeat(field.len_enc === 'bcd' ? size * 2 : size), encoding: field.len_enc, counts: nibbles ? 'nibbles' : 'bytes' } }),
    // Filler where the number of digits may be odd.
    ...(packed && filler !== undefined ? { filler: { side: filler.side, nibble: filler.nibble!.toUpperCase() } } : {}),
  };
}

const bitmapEncodings = { ascii: 'hex', ebcdic: 'hex-ebcdic', binary: 'binary' } as const;

function ourCodec(inline: InlineSpec): Codec {
  const fields = Object.entries(inline).filter(([name]) => /^[0-9]+$/.test(name) && name !== '1');
  return compile(loadSpec({
    name: 'published', version: '1987', about: 'A published mini-spec.',
    ...(inline['header'] === undefined ? {} : { header: ourField(inline['header']) }),
    mti: { encoding: inline['mti']!.data_enc === 'binary' ? 'bcd' : inline['mti']!.data_enc },
    bitmap: {
      encoding: bitmapEncodings[inline['bitmap']?.data_enc ?? 'ascii'],
      ...(inline['1'] === undefined ? {} : { further: bitmapEncodings[inline['1'].data_enc] }),
      max: inline['1'] === undefined && fields.every(([name]) => Number(name) <= 64) ? 1 : 3,
    },
    fields: Object.fromEntries(fields.map(([name, field]) => [name, ourField(field)])),
  }, 'published.json'));
}

function entryCodec(entry: Entry): Codec {
  return entry.spec === undefined ? ourCodec(entry.inline_spec!) : codecOf(entry.spec);
}

/** Published names of the places that are ours as well, or are the bitmap. */
function place(name: string): string {
  return name.startsWith('bitmap') ? 'bitmap' : name;
}

function numbered(fields: Record<string, string>): [number, string][] {
  return Object.entries(fields).filter(([name]) => /^[0-9]+$/.test(name)).map(([name, value]) => [Number(name), value]);
}

function draftOf(fields: Record<string, string>): Draft {
  const draft = new Draft(fields['mti'] ?? '');
  draft.header = fields['header'] ?? '';
  for (const [number, value] of numbered(fields)) draft.set(number, value);
  return draft;
}

it.for(messages)('$id decodes to exactly the listed values, and back to its bytes where it says so', (entry) => {
  const codec = codecOf(entry.spec!);
  const message = codec.decode(bytes(entry.hex!));
  expect(message.mti).toBe(entry.mti);
  expect(Object.fromEntries(message.fields().map((field) => [field, message.text(field)]))).toEqual(entry.fields);
  const draft = new Draft(message.mti);
  for (const [number, value] of numbered(entry.fields!)) draft.set(number, value);
  const encoded = codec.encode(draft);
  if (entry.encode_verified === true) expect(hex(encoded)).toBe(entry.hex!.toUpperCase());
  else expect(codec.decode(Buffer.from(encoded)).fields()).toEqual(message.fields());
  const copied = new Draft(message.mti);
  for (const field of message.fields()) copied.copy(message, field);
  if (entry.encode_verified === true) expect(hex(codec.encode(copied))).toBe(entry.hex!.toUpperCase());
});

it.for(malformed)('$id is refused at $error_field', (entry) => {
  if (entry.direction === 'encode') {
    const error = encodeRefusal(() => entryCodec(entry).encode(draftOf(entry.fields!)));
    expect(error.path).toBe(place(entry.error_field!));
    return;
  }
  const frame = bytes(entry.hex!);
  const error = refusal(entryCodec(entry), frame);
  expect(error.path).toBe(place(entry.error_field!));
  expect(error.offset).toBeGreaterThanOrEqual(0);
  expect(error.offset).toBeLessThanOrEqual(frame.length);
  if (entry.error_category === 'trailing_data') expect(error).toMatchObject({ offset: frame.length - 1, reason: 'trailing-data' });
  if (entry.error_pos !== undefined) expect(error.offset).toBe(entry.error_pos);
});

it.for(fieldEntries)('$id', (entry) => {
  const codec = ourCodec(entry.inline_spec!);
  if (entry.direction === 'encode') {
    expect(hex(codec.encode(draftOf(entry.fields!)))).toBe(entry.hex!.toUpperCase());
    return;
  }
  const message = codec.decode(bytes(entry.hex!));
  expect(message.mti).toBe(entry.fields!['mti']);
  expect(message.header).toBe(entry.fields!['header']);
  expect(message.fields().map((field) => [field, message.text(field)])).toEqual(numbered(entry.fields!).map(([number, value]) => [number, codec.spec.fields.get(number)?.kind === 'ans' ? value : value.toUpperCase()]));
});

/** A codec whose field 2 is the primitive; what its bytes leave over goes to field 3. */
function primitiveCodec(field: Record<string, unknown>, rest: number): Codec {
  return smallCodec({ fields: { 2: { name: 'Primitive', ...field }, 3: { name: 'Rest', kind: 'b', length: rest } } });
}

function primitiveFrame(value: string): Buffer {
  return bytes(`303130306000000000000000${value}`);
}

function prefixed(primitive: Primitive, max: number): Record<string, unknown> {
  return { kind: 'ans', max, prefix: { size: 'L'.repeat(primitive.digits!), encoding: primitive.encoding } };
}

const tlvCodec = smallCodec({ fields: { 55: { name: 'Chip', kind: 'b', prefix: 'LLLLL', max: 65_500, subfields: { layout: 'tlv', dictionary: 'emv' } } } });

function tlvFrame(tlv: string): Buffer {
  return Buffer.concat([bytes('303130300000000000000200'), Buffer.from(`${tlv.length / 2}`.padStart(5, '0'), 'latin1'), bytes(tlv)]);
}

it.for(primitives)('$id, $kind', (primitive) => {
  const side = primitive.kind.startsWith('bcd_left') ? 'right' : 'left';
  const digits = { kind: 'n', encoding: 'bcd', filler: { side, nibble: '0' }, length: primitive.digits ?? primitive.value?.length };
  switch (primitive.kind) {
    case 'bcd_right_justified_decode':
    case 'bcd_left_justified_decode': {
      const rest = primitive.hex!.length / 2 - Math.ceil(primitive.digits! / 2);
      expect(primitiveCodec(digits, rest).decode(primitiveFrame(primitive.hex!)).text(2)).toBe(primitive.value);
      return;
    }
    case 'bcd_right_justified_encode':
    case 'bcd_left_justified_encode':
      expect(hex(primitiveCodec(digits, 0).encode(new Draft('0100').set(2, primitive.value!).set(3, ''))).slice(24)).toBe(primitive.hex);
      return;
    case 'length_prefix': {
      const value = 'x'.repeat(primitive.length!);
      const codec = primitiveCodec(prefixed(primitive, primitive.max_len!), 0);
      const encoded = hex(codec.encode(new Draft('0100').set(2, value).set(3, '')));
      expect(encoded.slice(24, 24 + primitive.hex!.length)).toBe(primitive.hex);
      expect(codec.decode(bytes(encoded)).text(2)).toBe(value);
      return;
    }
    case 'ber_tlv_length': {
      const value = '5A'.repeat(primitive.length!);
      const encoded = hex(tlvCodec.encode(new Draft('0100').setTags(55, [['9F10', value]])));
      expect(encoded.slice(24 + 10 + 4, 24 + 10 + 4 + primitive.hex!.length)).toBe(primitive.hex);
      expect(tlvCodec.decode(bytes(encoded)).sub(55, '9F10')).toBe(value);
      return;
    }
    default:
      throw new Error(`no test for ${primitive.kind}`);
  }
});

it.for(primitivesRefused)('$id, $kind, is refused', (primitive) => {
  const digits = { kind: 'n', encoding: 'bcd', length: primitive.digits };
  const text = 'x'.repeat(primitive.length ?? 0);
  switch (primitive.kind) {
    case 'bcd_decode':
      expect(refusal(primitiveCodec(digits, 0), primitiveFrame(primitive.hex!))).toMatchObject({ path: '2', offset: 12, reason: 'bad-digit' });
      return;
    case 'bcd_encode':
      expect(encodeRefusal(() => primitiveCodec({ ...digits, length: 4, padding: { side: 'left', character: '0' } }, 0).encode(new Draft('0100').set(2, primitive.value!)))).toMatchObject({ path: '2', reason: 'bad-character' });
      return;
    case 'length_prefix_encode': {
      const most = 10 ** primitive.digits! - 1;
      // A spec that promises more than its prefix can say is refused before any message is.
      if (primitive.max_len! > most) expect(() => primitiveCodec(prefixed(primitive, primitive.max_len!), 0)).toThrow(SpecError);
      const codec = primitiveCodec(prefixed(primitive, Math.min(primitive.max_len!, most)), 0);
      expect(encodeRefusal(() => codec.encode(new Draft('0100').set(2, text)))).toMatchObject({ path: '2', reason: 'too-long' });
      return;
    }
    case 'length_prefix_decode':
      expect(refusal(primitiveCodec(prefixed(primitive, primitive.max_len!), 0), primitiveFrame(primitive.hex!))).toMatchObject({ path: '2', offset: 12, reason: 'truncated' });
      return;
    case 'ber_tlv_length_decode':
      expect(refusal(tlvCodec, tlvFrame(`9F10${primitive.hex!}`))).toMatchObject({ path: '55.9F10', offset: 12 + 5 + 2, reason: 'bad-tag-length' });
      return;
    default:
      throw new Error(`no test for ${primitive.kind}`);
  }
});

function flat(tree: TagTree, base = ''): [string, string][] {
  return Object.entries(tree).flatMap(([tag, value]) => (typeof value === 'string' ? [[base + tag, value] as [string, string]] : flat(value, `${base}${tag}.`)));
}

it.for(tlvEntries)('$id has exactly the listed tags', (entry) => {
  const tags = tlvCodec.decode(tlvFrame(entry.hex)).tags(55);
  expect(tags).toEqual(new Map(flat(entry.tags)));
});

it.for(tlvRefused)('$id is refused at the tag $error_tag', (entry) => {
  const error = refusal(tlvCodec, tlvFrame(entry.hex!));
  expect(error.path).toMatch(/^55\./);
  expect(error.path.split('.').at(-1)).toBe(entry.error_tag);
});
