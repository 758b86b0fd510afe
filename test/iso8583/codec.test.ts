import { describe, expect, it } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import type { TagEntry } from '../../src/iso8583/tlv.ts';
import { malformedVectors, messageVectors } from '../vectors/iso8583.ts';
import { bytes, codecOf, encodeRefusal, hex, refusal, shippedNames, smallCodec, variantNames } from './codecs.ts';

describe('restated messages', () => {
  it.for(messageVectors)('a $mti of $spec decodes to its fields and encodes to its bytes', (vector) => {
    const codec = codecOf(vector.spec);
    const message = codec.decode(bytes(vector.frame));
    expect(message.mti).toBe(vector.mti);
    expect(Object.fromEntries(message.fields().map((field) => [field, message.text(field)]))).toEqual(vector.fields);
    if (!vector.encodes) return;
    const draft = new Draft(vector.mti);
    for (const [field, value] of Object.entries(vector.fields)) draft.set(Number(field), value);
    expect(hex(codec.encode(draft))).toBe(vector.frame);
  });

  it.for(malformedVectors)('$spec refuses bytes that are $reason at $path, byte $offset', (vector) => {
    expect(refusal(codecOf(vector.spec), bytes(vector.frame))).toMatchObject({ path: vector.path, offset: vector.offset, reason: vector.reason });
  });
});

describe('the shipped formats', () => {
  it.for(shippedNames)('%s names all fields from 2 to 128', (name) => {
    const { spec } = codecOf(name);
    expect([...spec.fields.keys()]).toEqual(Array.from({ length: 127 }, (_, index) => index + 2));
    expect(spec.name).toBe(name);
    expect(spec.version).toBe(name.slice(8, 12));
  });

  it.for(variantNames)('the variant %s is called as its file', (name) => {
    expect(codecOf(name).spec.name).toBe(name);
  });

  it.for(shippedNames)('%s reads DE55 as tags and DE90 or DE56 as text', (name) => {
    const codec = codecOf(name);
    const original = codec.spec.version === '1987' ? 90 : 56;
    const value = { '1987': '010000421711220805120000047617300000000000', '1993': '110000421726112208051206476173', '2003': '210000000000421720261122080512476173' }[codec.spec.version];
    const message = codec.decode(Buffer.from(codec.encode(new Draft('0420').set(original, value).setTags(55, [['9F36', '01A7'], ['8A', '3030']]))));
    expect(message.text(original)).toBe(value);
    expect(message.sub(original, '1')).toBe(value.slice(0, 4));
    expect(message.tags(55)).toEqual(new Map([['9F36', '01A7'], ['8A', '3030']]));
    expect(message.text(55)).toBe('9F360201A78A023030');
    expect(message.bytes(55)).toEqual(bytes('9F360201A78A023030'));
  });
});

/** The bytes of one field of iso8583-1987-binary, after message type and bitmap. */
function binaryField(field: number, value: string): string {
  const codec = codecOf('iso8583-1987-binary');
  const encoded = Buffer.from(codec.encode(new Draft('0100').set(field, value)));
  expect(codec.decode(encoded).text(field)).toBe(value);
  return hex(encoded).slice(field > 64 ? 36 : 20);
}

describe('iso8583-1987-binary', () => {
  it('gives a fixed field with an odd number of digits a leading zero nibble', () => {
    expect(binaryField(19, '840')).toBe('0840');
    expect(binaryField(49, '978')).toBe('0978');
    expect(binaryField(50, '978')).toBe('0978');
    expect(binaryField(51, '978')).toBe('0978');
    expect(binaryField(27, '6')).toBe('06');
  });

  it('gives digits of variable length with an odd number a leading zero nibble, and counts digits in one BCD byte', () => {
    expect(binaryField(2, '378282246310005')).toBe('150378282246310005');
    expect(binaryField(32, '476173')).toBe('06476173');
    expect(binaryField(100, '12345')).toBe('05012345');
  });

  it('writes the separator of track 2 as D and gives an odd one a trailing zero nibble', () => {
    expect(binaryField(35, '4761739001010119=28122011143800000000')).toBe('374761739001010119D281220111438000000000');
    expect(binaryField(35, '378282246310005=25121010000012300000')).toBe('36378282246310005D25121010000012300000');
  });

  it('writes x+n as a sign in ASCII and digits in BCD', () => {
    expect(binaryField(28, 'C00000150')).toBe('4300000150');
    expect(binaryField(97, 'D0000000000001234')).toBe('440000000000001234');
  });

  it('counts characters of text in two BCD bytes where the length has three digits', () => {
    expect(binaryField(48, 'abc')).toBe('0003616263');
    expect(binaryField(44, 'abc')).toBe('03616263');
  });

  it('takes fields beyond 64 under a secondary bitmap', () => {
    expect(hex(codecOf('iso8583-1987-binary').encode(new Draft('0800').set(7, '1105191105').set(11, '000001').set(70, '001')))).toBe('08008220000000000000040000000000000011051911050000010001');
  });

  it('refuses a digit that is none, wherever the filler is', () => {
    const codec = codecOf('iso8583-1987-binary');
    expect(refusal(codec, bytes('01004000000000000000030A1F'))).toMatchObject({ path: '2', offset: 11, reason: 'bad-digit' });
    expect(refusal(codec, bytes('010000000000200000000312A0'))).toMatchObject({ path: '35', offset: 12, reason: 'bad-digit' });
  });
});

describe('iso8583-2003-binary', () => {
  it('has an action code of four digits in two bytes', () => {
    expect(hex(codecOf('iso8583-2003-binary').encode(new Draft('2110').set(39, '1011')))).toBe('211000000000020000001011');
  });
});

describe('a message', () => {
  const codec = codecOf('iso8583-1987-ascii');
  const frame = Buffer.from(codec.encode(new Draft('0420').set(2, '4761739001010119').set(3, '000000').set(43, 'ACME').set(52, '1B9C1845EB993A7A').set(90, '010000421711220805120000047617300000000000').set(95, '0'.repeat(42))));
  const message = codec.decode(frame);

  it('says which fields it has, without the bitmaps', () => {
    expect(message.fields()).toEqual([2, 3, 43, 52, 90, 95]);
    expect([1, 2, 64, 65, 90, 128, 129, 192].map((field) => message.has(field))).toEqual([false, true, false, false, true, false, false, false]);
  });

  it.for([0, -1, 193, 1000, 1.5, Number.NaN])('has no field %s', (field) => {
    expect(message.has(field)).toBe(false);
    expect(message.text(field)).toBeUndefined();
    expect(message.bytes(field)).toBeUndefined();
    expect(message.sub(field, '1')).toBeUndefined();
    expect(message.tags(field)).toEqual(new Map());
  });

  it('keeps the padding of a fixed field', () => {
    expect(message.text(43)).toBe('ACME'.padEnd(40));
    expect(message.sub(43, '1')).toBe('ACME'.padEnd(25));
    expect(message.sub(43, '3')).toBe('  ');
    expect(message.sub(43, '4')).toBeUndefined();
  });

  it('gives the bytes of a binary field that travels as hexadecimal characters, and of no text field', () => {
    expect(message.text(52)).toBe('1B9C1845EB993A7A');
    expect(message.bytes(52)).toEqual(Uint8Array.from(bytes('1B9C1845EB993A7A')));
    expect(message.bytes(43)).toBeUndefined();
  });

  it('is read from the middle of a buffer, with offsets from its own start', () => {
    const around = Buffer.concat([Buffer.from('xxxx'), frame, Buffer.from('yyyy')]);
    expect(codec.decode(around, 4, 4 + frame.length).text(90)).toBe(message.text(90));
    around[4 + 4] = 0x47;
    expect(() => codec.decode(around, 4, 4 + frame.length)).toThrow(expect.objectContaining({ path: 'bitmap', offset: 4 }));
  });

  it('larger than the largest frame is refused before it is looked at', () => {
    expect(refusal(codec, Buffer.alloc(65_536, 0x30))).toMatchObject({ path: 'frame', reason: 'too-large' });
  });
});

describe('a repeated positional layout', () => {
  it('counts its rounds', () => {
    const codec = codecOf('iso8583-1987-ascii');
    const message = codec.decode(Buffer.from(codec.encode(new Draft('0110').set(54, '0001978C0000000010000002978D000000000500'))));
    expect(message.sub(54, '1.5')).toBe('000000001000');
    expect(message.sub(54, '2.2')).toBe('02');
    expect(message.sub(54, '3.1')).toBeUndefined();
  });
});

describe('a draft', () => {
  const codec = codecOf('iso8583-1987-ascii');

  it('may be filled in any order, and the last value of a field counts', () => {
    const one = hex(codec.encode(new Draft('0110').set(39, '00').set(11, '000001').set(4, '1').set(4, '2')));
    expect(one).toBe(hex(codec.encode(new Draft('0110').set(4, '000000000002').set(11, '000001').set(39, '00'))));
  });

  it('pads what is too short for a fixed field as its kind is padded', () => {
    const message = codec.decode(Buffer.from(codec.encode(new Draft('0110').set(4, '1250').set(41, 'TERM'))));
    expect(message.text(4)).toBe('000000001250');
    expect(message.text(41)).toBe('TERM    ');
  });

  it('forgets everything when it is cleared', () => {
    const draft = new Draft('0110').set(4, '1').set(11, '1');
    expect(codec.decode(Buffer.from(codec.encode(draft.clear('0810').set(39, '00')))).fields()).toEqual([39]);
    expect(draft.remove(39).get(39)).toBeUndefined();
  });

  it('copies a field from another format by its value', () => {
    const ascii = codec.decode(Buffer.from(codec.encode(new Draft('0100').set(2, '378282246310005').set(35, '378282246310005=2512').set(52, '1B9C1845EB993A7A').set(28, 'D00000100').setTags(55, [['9A', '261122']]))));
    const draft = new Draft('0100');
    for (const field of [2, 28, 35, 52, 55, 60]) draft.copy(ascii, field);
    const binary = codecOf('iso8583-1987-binary').decode(Buffer.from(codecOf('iso8583-1987-binary').encode(draft)));
    expect(binary.fields()).toEqual([2, 28, 35, 52, 55]);
    for (const field of binary.fields()) expect(binary.text(field)).toBe(ascii.text(field));
  });

  it.for<[string, (draft: Draft) => Draft, string, string]>([
    ['too long', (draft) => draft.set(2, '1'.repeat(20)), '2', 'too-long'],
    ['too short for a field without padding', (draft) => draft.set(52, '1B9C'), '52', 'too-short'],
    ['of letters where digits belong', (draft) => draft.set(4, 'twelve'), '4', 'bad-character'],
    ['of characters outside ASCII', (draft) => draft.set(48, 'Käse'), '48', 'bad-character'],
    ['of characters outside the first 256', (draft) => draft.set(48, 'a\u4e00'), '48', 'bad-character'],
    ['of control characters', (draft) => draft.set(48, 'a\n'), '48', 'bad-character'],
    ['without a sign', (draft) => draft.set(28, '000000150'), '28', 'bad-sign'],
    ['of half a byte', (draft) => draft.set(64, '123'), '64', 'bad-hex'],
    ['of no hexadecimal digits', (draft) => draft.set(64, '1B9C1845EB993A7X'), '64', 'bad-hex'],
    ['of bytes for a text field', (draft) => draft.setBytes(41, bytes('3031323334353637')), '41', 'bad-content'],
    ['of an incomplete tag', (draft) => draft.set(55, '9F'), '55.9F', 'bad-content'],
    ['of subfields for a field without any', (draft) => draft.setSub(48, 2, 'x'), '48', 'bad-content'],
    ['for the bit that announces a bitmap', (draft) => draft.set(1, '0'), 'bitmap', 'undefined-field'],
    ['for a field beyond the bitmaps', (draft) => draft.set(129, '0'), 'bitmap', 'bad-field'],
  ])('with a value %s is refused', ([, fill, path, reason]) => {
    expect(encodeRefusal(() => codec.encode(fill(new Draft('0100'))))).toMatchObject({ path, reason });
  });

  it.for(['', '010', '01000', '01a0', '０１００'])('with the message type "%s" is refused', (mti) => {
    expect(encodeRefusal(() => codec.encode(new Draft(mti)))).toMatchObject({ path: 'mti', reason: 'no-mti' });
  });

  it('is refused where there is no room for it', () => {
    const draft = new Draft('0100').set(2, '4761739001010119').set(41, 'TERM0001');
    const { length } = codec.encode(draft);
    for (let room = 0; room < length; room++) expect(encodeRefusal(() => codec.encodeInto(draft, new Uint8Array(room), 0)).reason).toBe('no-room');
    expect(codec.encodeInto(draft, new Uint8Array(length + 3), 3)).toBe(length);
  });

  it('larger than the first buffer is encoded all the same', () => {
    const draft = new Draft('0100');
    for (let field = 105; field < 128; field++) draft.set(field, 'x'.repeat(999));
    expect(codec.encode(draft).length).toBe(4 + 32 + 23 * 1002);
  });
});

describe('BER-TLV', () => {
  const codec = smallCodec({ fields: { 55: { name: 'Chip', kind: 'b', prefix: 'LLL', max: 999, subfields: { layout: 'tlv', dictionary: 'emv', tags: { DF01: { name: 'Ours' } } } } } });
  const frame = (tlv: string): Buffer => Buffer.concat([bytes('303130300000000000000200'), Buffer.from(`${tlv.length / 2}`.padStart(3, '0')), bytes(tlv)]);

  it('counts tags that neither EMV nor the spec names, keeps them, and encodes them unchanged', () => {
    const tlv = '9F360201A7DF0101AADF020155E1049F3701BB00009F99010155';
    const message = codec.decode(frame(tlv));
    expect(message.unknown).toBe(3);
    expect(message.tags(55)).toEqual(new Map([['9F36', '01A7'], ['DF01', 'AA'], ['DF02', '55'], ['E1.9F37', 'BB'], ['9F9901', '55']].map(([tag, value]) => [tag!, value!])));
    expect(hex(codec.encode(new Draft('0100').copy(message, 55)))).toBe(hex(frame(tlv)));
    expect(hex(codec.encode(new Draft('0100').set(55, message.text(55)!)))).toBe(hex(frame(tlv)));
  });

  it('finds a tag inside a template, and the first of two', () => {
    const message = codec.decode(frame('71049F180101720286009A01019A0102'));
    expect(message.sub(55, '71.9F18')).toBe('01');
    expect(message.sub(55, '72.86')).toBe('');
    expect(message.sub(55, '9A')).toBe('01');
    expect(message.sub(55, '9F18')).toBeUndefined();
    expect(message.tags(55).get('9A')).toBe('01');
  });

  it('is written with objects inside a constructed tag, and with none inside a primitive one', () => {
    const scripts = codec.decode(Buffer.from(codec.encode(new Draft('0100').setTags(55, [['91', 'AA'], ['71', [['9F18', '00000001'], ['86', '84']]], ['72', []], ['E1', [['E2', [['9A', '01']]]]]]))));
    expect(scripts.text(55)).toBe('9101AA710A9F1804000000018601847200E105E2039A0101');
    expect(encodeRefusal(() => new Draft('0100').setTags(55, [['91', [['86', '84']]]]))).toMatchObject({ path: '55.91', reason: 'bad-content' });
    expect(encodeRefusal(() => new Draft('0100').setTags(55, [['71', [['86', '8']]]]))).toMatchObject({ path: '55.71.86', reason: 'bad-hex' });
    let deep: TagEntry = ['9A', '01'];
    for (let depth = 0; depth < 8; depth++) deep = ['E1', [deep]];
    expect(encodeRefusal(() => new Draft('0100').setTags(55, [deep]))).toMatchObject({ reason: 'bad-content' });
  });

  it('that nests deeper than the limit is refused', () => {
    let tlv = '9A0101';
    for (let depth = 0; depth < 7; depth++) tlv = `E1${(tlv.length / 2).toString(16).padStart(2, '0')}${tlv}`;
    expect(codec.decode(frame(tlv)).tags(55).size).toBe(1);
    tlv = `E1${(tlv.length / 2).toString(16).padStart(2, '0')}${tlv}`;
    expect(refusal(codec, frame(tlv))).toMatchObject({ path: `55${'.E1'.repeat(8)}`, reason: 'too-deep' });
  });

  it.for([['9F36', '9F36', 'bad-tag-length'], ['9F3680', '9F36', 'bad-tag-length'], ['9F3685010101010101', '9F36', 'bad-tag-length'], ['9F36840101010155', '9F36', 'truncated'], ['9FFFFFFFFF01', '9FFFFFFF', 'bad-tag'], ['E103DF0102', 'E1.DF01', 'truncated']])(
    '%s is refused at its tag', ([tlv, tag, reason]) => {
      expect(refusal(codec, frame(tlv!))).toMatchObject({ path: `55.${tag}`, reason });
    },
  );
});

describe('a bitmapped field', () => {
  const codec = smallCodec({
    fields: {
      127: {
        name: 'Private', kind: 'b', prefix: 'LLLLLL', max: 999_999,
        subfields: {
          layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 },
          fields: { 2: { name: 'Switch key', kind: 'an', prefix: 'LL', max: 32 }, 9: { name: 'Data', kind: 'n', prefix: 'LLL', max: 255 }, 64: { name: 'Code', kind: 'b', length: 2 } },
          unknownFields: { name: 'Unknown', kind: 'ans', prefix: 'LL', max: 99 },
        },
      },
    },
  });
  const encoded = Buffer.from(codec.encode(new Draft('0200').setSub(127, 2, 'KEY').setSub(127, 64, 'BEEF').setSub(127, 9, '12').setSub(127, 20, 'new')));

  it('has a bitmap and subfields of its own, written under its prefix', () => {
    expect(hex(encoded)).toBe(`3032303080000000000000000000000000000002${Buffer.from('000025').toString('hex')}4080100000000001${Buffer.from('03KEY00212').toString('hex')}${Buffer.from('03new').toString('hex')}BEEF`.toUpperCase());
  });

  it('is read by path, and its unknown subfields are counted, kept and encoded unchanged', () => {
    const message = codec.decode(encoded);
    expect([2, 9, 20, 64, 3].map((subfield) => message.sub(127, `${subfield}`))).toEqual(['KEY', '12', 'new', 'BEEF', undefined]);
    expect(message.sub(127, 'x')).toBeUndefined();
    expect(message.unknown).toBe(1);
    expect(hex(codec.encode(new Draft('0200').copy(message, 127)))).toBe(hex(encoded));
  });

  it('is refused at the subfield where it is wrong', () => {
    const at = encoded.indexOf('03KEY');
    const wrong = Buffer.from(encoded);
    wrong[at] = 0x58;
    expect(refusal(codec, wrong)).toMatchObject({ path: '127.2', offset: at, reason: 'bad-length' });
    expect(encodeRefusal(() => codec.encode(new Draft('0200').setSub(127, 9, 'x')))).toMatchObject({ path: '127.9', reason: 'bad-character' });
    expect(encodeRefusal(() => codec.encode(new Draft('0200').set(127, '00')))).toMatchObject({ path: '127.bitmap', reason: 'bad-content' });
  });
});

describe('fields that a spec does not define', () => {
  it('are refused, since their length is unknown', () => {
    expect(refusal(codecOf('zemuldo-1987-binbitmap'), bytes('303830300000000000000001'))).toMatchObject({ path: '64', offset: 12, reason: 'undefined-field' });
    expect(encodeRefusal(() => codecOf('zemuldo-1987-binbitmap').encode(new Draft('0800').set(64, '00')))).toMatchObject({ path: '64', reason: 'undefined-field' });
  });

  it('are kept and counted where the spec has a form for them', () => {
    const codec = smallCodec({ fields: { 3: { name: 'Code', kind: 'n', length: 6 } }, unknownFields: { name: 'Unknown', kind: 'ans', prefix: 'LLL', max: 999 } });
    const encoded = Buffer.from(codec.encode(new Draft('0100').set(3, '000000').set(48, 'more')));
    const message = codec.decode(encoded);
    expect(message.text(48)).toBe('more');
    expect(message.unknown).toBe(1);
    expect(hex(codec.encode(new Draft('0100').copy(message, 3).copy(message, 48)))).toBe(hex(encoded));
  });
});

describe('a prefix that counts bytes of packed digits', () => {
  const codec = smallCodec({ fields: { 2: { name: 'PAN', kind: 'n', max: 19, encoding: 'bcd', prefix: { size: 'L', encoding: 'binary', counts: 'bytes' }, filler: { side: 'right', nibble: 'F' } } } });

  it.for(['', '1', '1234', '378282246310005', '4761739001010119', '1234567890123456789'])('keeps "%s" as it is', (pan) => {
    const encoded = Buffer.from(codec.encode(new Draft('0100').set(2, pan)));
    expect(encoded[12]).toBe(Math.ceil(pan.length / 2));
    expect(codec.decode(encoded).text(2)).toBe(pan);
  });

  it('refuses twenty digits where nineteen are the most', () => {
    expect(refusal(codec, bytes(`3031303040000000000000000A${'11'.repeat(10)}`))).toMatchObject({ path: '2', offset: 12, reason: 'over-max' });
  });
});

describe('dates', () => {
  const codec = smallCodec({
    fields: {
      7: { name: 'Sent', kind: 'n', length: 10, encoding: 'bcd', date: 'MMDDhhmmss' }, 13: { name: 'Day', kind: 'n', length: 4, date: 'MMDD' }, 14: { name: 'Expiry', kind: 'n', length: 4, date: 'YYMM' },
    },
  });

  it.for([[7, '0229235959'], [13, '0101'], [13, '1231'], [14, '9912']] as const)('field %i takes %s', ([field, value]) => {
    expect(codec.decode(Buffer.from(codec.encode(new Draft('0100').set(field, value)))).text(field)).toBe(value);
  });

  it.for([[7, '0230000000'], [7, '0101240000'], [7, '0101006000'], [7, '0101000060'], [13, '0001'], [13, '1301'], [13, '0431'], [13, '0100'], [14, '2600'], [14, '2613']] as const)('field %i refuses %s', ([field, value]) => {
    expect(encodeRefusal(() => codec.encode(new Draft('0100').set(field, value)))).toMatchObject({ path: `${field}`, reason: 'bad-date' });
  });
});
