import { describe, expect, it } from 'vitest';
import { carriedMac, emptyMac, macField, macPlace, patchMac } from '../../src/dialect/mac-place.ts';
import type { MacPlace } from '../../src/dialect/mac-place.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { codecOf, shippedNames, smallCodec } from '../iso8583/codecs.ts';
import { dialects, purchase } from './stations.ts';

describe('the field of a message authentication code', () => {
  it.each<[number[], number]>([[[2, 3, 11], 64], [[2, 64], 64], [[2, 128], 64], [[2, 70], 128], [[90, 2], 128], [[], 64]])('with fields %j is DE%i', (fields, expected) => {
    expect(macField(fields)).toBe(expected);
  });
});

describe.each(shippedNames)('a code in %s', (name) => {
  const codec = codecOf(name);
  const { spec } = codec;
  const version = spec.version;
  const codeOf = (place: MacPlace): string => '0123456789ABCDEF'.slice(0, place.bytes * 2);

  function signed(more: Readonly<Record<number, string>>): { readonly frame: Uint8Array; readonly place: MacPlace } {
    const draft = new Draft(version === '1987' ? '0100' : version === '1993' ? '1100' : '2100');
    for (const [field, text] of Object.entries({ ...purchase[version], ...more })) draft.set(Number(field), text!);
    const place = macPlace(spec, macField(draft.numbers))!;
    draft.set(place.field, emptyMac(place));
    const frame = Uint8Array.from(codec.encode(draft));
    patchMac(frame, place, codeOf(place));
    return { frame, place };
  }

  it.each<[string, Record<number, string>, number]>([['without a second bitmap', {}, 64], ['with one', { 93: version === '1987' ? '12345' : '12345' }, 128]])('%s ends the frame and covers all before it', (_what, more, field) => {
    const { frame, place } = signed(more);
    const message = codec.decode(frame);
    const carried = carriedMac(message, frame.length);
    if (carried === undefined || carried === 'misplaced') throw new Error('no code is carried');
    expect([place.field, message.text(field), carried.mac.reveal(), carried.place]).toEqual([field, codeOf(place), codeOf(place), place]);
    const wire = { binary: codeOf(place), hex: Buffer.from(codeOf(place)).toString('hex'), 'hex-ebcdic': '' }[place.encoding];
    expect(Buffer.from(frame.subarray(carried.coveredBytes)).toString('hex').toUpperCase()).toBe(wire.toUpperCase());
  });

  it('that is shorter than its field has zeros behind it', () => {
    const { frame, place } = signed({});
    patchMac(frame, place, 'AABBCCDD');
    expect(codec.decode(frame).text(64)).toBe('AABBCCDD'.padEnd(place.bytes * 2, '0'));
    expect(() => patchMac(frame, place, 'AA'.repeat(9))).toThrow(RangeError);
  });
});

describe('a message', () => {
  const codec = codecOf('iso8583-1987-binary');
  const carriedBy = (fields: Readonly<Record<number, string>>): unknown => {
    const draft = new Draft('0100');
    for (const [field, text] of Object.entries(fields)) draft.set(Number(field), text);
    const frame = Uint8Array.from(codec.encode(draft));
    return carriedMac(codec.decode(frame), frame.length);
  };
  const mac = 'A1B2C3D4E5F60718';

  it('without one carries none', () => {
    expect(carriedBy({ 11: '000001' })).toBeUndefined();
  });

  it.each<[string, Record<number, string>]>([['fields behind it', { 11: '000001', 64: mac, 70: '301' }], ['another at the end', { 11: '000001', 64: mac, 128: mac }]])('with a code and %s has it misplaced: it protects nothing there', (_what, fields) => {
    expect(carriedBy(fields)).toBe('misplaced');
  });

  it('with a code in DE128 and nothing else above 64 has it at its end', () => {
    expect(carriedBy({ 11: '000001', 128: mac })).toMatchObject({ place: { field: 128 } });
  });

  it('shows nothing of its code', () => {
    expect(JSON.stringify(carriedBy({ 64: mac }))).not.toContain('A1B2');
  });
});

describe('a format', () => {
  const spec = (field: object): ReturnType<typeof smallCodec>['spec'] => smallCodec({ fields: { 64: { name: 'x', kind: 'b', ...field } } }).spec;

  it('without a field for it has no place', () => {
    expect(macPlace(spec({ length: 8 }), 128)).toBeUndefined();
  });

  it.each([[{ length: 3 }], [{ length: 16 }], [{ prefix: 'LL', max: 8 }]])('with a field of %j has none either', (field) => {
    expect(macPlace(spec(field), 64)).toBeUndefined();
  });

  it('in EBCDIC characters has the digits of EBCDIC', () => {
    const codec = smallCodec({ fields: { 64: { name: 'x', kind: 'b', length: 8, encoding: 'hex-ebcdic' } } });
    const place = macPlace(codec.spec, 64)!;
    const frame = Uint8Array.from(codec.encode(new Draft('0100').set(64, emptyMac(place))));
    patchMac(frame, place, '09AF09AF09AF09AF');
    expect(Buffer.from(frame.subarray(-4)).toString('hex')).toBe('f0f9c1c6');
    expect(codec.decode(frame).text(64)).toBe('09AF09AF09AF09AF');
  });
});

describe('the shipped dialects', () => {
  it('echo no code of the request', () => {
    for (const dialect of Object.values(dialects)) expect([...dialect.answer.echo, ...dialect.answer.networkEcho].filter((field) => field === 64 || field === 128)).toEqual([]);
  });
});
