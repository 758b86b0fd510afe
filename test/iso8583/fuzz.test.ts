/**
 * Any bytes give a message whose every value can be read, or a DecodeError; what is encoded decodes to the same values. Seeds are printed by the
 * runner where a property fails. Counts are bounded so that all of it takes seconds.
 */
import { describe, expect, it } from 'vitest';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { describe as lines } from '../../src/iso8583/describe.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { DecodeError, EncodeError, decodeReasons, encodeReasons } from '../../src/iso8583/errors.ts';
import { guess } from '../../src/iso8583/guess.ts';
import type { Field } from '../../src/iso8583/spec.ts';
import { messageVectors } from '../vectors/iso8583.ts';
import { bytes, codecOf, hex, refusal, shippedNames, smallCodec, variantNames } from './codecs.ts';

const names = [...shippedNames, ...variantNames];

const nested = smallCodec({
  bitmap: { encoding: 'hex', further: 'binary', max: 3 },
  header: { name: 'Header', kind: 'ans', prefix: 'L', max: 9 },
  fields: {
    2: { name: 'PAN', kind: 'n', max: 19, encoding: 'bcd', prefix: { size: 'L', encoding: 'binary', counts: 'bytes' }, filler: { side: 'left', nibble: 'F' } },
    3: { name: 'Digits', kind: 'h', max: 9, prefix: { size: 'LL', encoding: 'bcd', counts: 'nibbles' }, filler: { side: 'right', nibble: '0' } },
    4: { name: 'Sign', kind: 'x+n', encoding: 'bcd', prefix: 'LL', min: 1, max: 12, filler: { side: 'left', nibble: '0' } },
    13: { name: 'Day', kind: 'n', length: 4, date: 'MMDD' },
    130: {
      name: 'Private', kind: 'b', prefix: { size: 'LL', encoding: 'binary' }, max: 999,
      subfields: {
        layout: 'bitmapped', bitmap: { encoding: 'binary', max: 2 },
        fields: { 2: { name: 'Chip', kind: 'b', prefix: 'LLL', max: 255, subfields: { layout: 'tlv', dictionary: 'emv' } }, 70: { name: 'Text', kind: 'ans', encoding: 'ebcdic', prefix: { size: 'LL', encoding: 'ebcdic' }, max: 50 } },
        unknownFields: { name: 'Unknown', kind: 'b', encoding: 'hex', prefix: 'L', max: 4 },
      },
    },
  },
  unknownFields: { name: 'Unknown', kind: 'ans', prefix: 'L', max: 3 },
});

/** Reads everything that a message has; nothing of it may throw, or be absent. */
function readAll(message: Message): void {
  for (const field of message.fields()) {
    const text = message.text(field);
    expect(text).toBeTypeOf('string');
    for (const [path, value] of message.tags(field)) expect(value.length % 2, path).toBe(0);
    message.bytes(field);
    message.sub(field, '1');
    message.sub(field, '2.1');
  }
  for (const { value } of lines(message)) expect(value).toBeTypeOf('string');
}

/** Decodes; a message is read in full and encoded again to bytes that mean the same. */
function tried(codec: Codec, frame: Uint8Array): 'message' | DecodeError {
  let message: Message;
  try {
    message = codec.decode(frame);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(frame.length);
    return error;
  }
  readAll(message);
  const draft = new Draft(message.mti);
  draft.header = message.header ?? '';
  for (const field of message.fields()) draft.set(field, message.text(field)!);
  const again = codec.decode(Buffer.from(codec.encode(draft)));
  expect(again.fields()).toEqual(message.fields());
  for (const field of message.fields()) expect(again.text(field)).toBe(message.text(field));
  expect(again.unknown).toBe(message.unknown);
  const copy = new Draft(message.mti);
  copy.header = draft.header;
  for (const field of message.fields()) copy.copy(message, field);
  expect(codec.decode(Buffer.from(codec.encode(copy))).fields()).toEqual(message.fields());
  return 'message';
}

describe('any bytes decode or are refused with a DecodeError', () => {
  it.for(names)('random bytes as %s', (name) => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (frame) => {
      tried(codecOf(name), frame);
    }), { numRuns: 300 });
  });

  it.for(messageVectors)('a changed $mti of $spec', (vector) => {
    const codec = codecOf(vector.spec);
    const frame = bytes(vector.frame);
    const change = fc.tuple(fc.nat(frame.length - 1), fc.nat(255));
    const outcomes = new Set<string>();
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = Buffer.from(frame);
      for (const [at, value] of changes) changed[at] = value;
      outcomes.add(tried(codec, changed) === 'message' ? 'message' : 'error');
    }), { numRuns: 300 });
    expect(outcomes).toContain('error');
  });

  it.for(messageVectors)('every truncation of a $mti of $spec is refused', (vector) => {
    const frame = bytes(vector.frame);
    for (let length = 0; length < frame.length; length++) expect(refusal(codecOf(vector.spec), frame.subarray(0, length)).reason).toBe('truncated');
  });

  it('every bitmap over random content, with nested fields, a header and unknown fields', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.uint8Array({ maxLength: 80 }), (bitmap, rest) => {
      tried(nested, Buffer.concat([Buffer.from('00100'), Buffer.from(hex(bitmap)), rest]));
    }), { numRuns: 2000 });
  });

  it('changed messages with nested fields', () => {
    const draft = new Draft('0100').set(2, '378282246310005').set(3, 'ABCDE').set(4, 'C123').set(13, '0229').set(61, 'abc').setSub(130, 2, '9F360201A7E103DF0100').setSub(130, 70, 'text').setSub(130, 9, 'BEEF');
    draft.header = 'head';
    const frame = Buffer.from(nested.encode(draft));
    expect(tried(nested, frame)).toBe('message');
    expect(nested.decode(frame).sub(130, '2.9F36')).toBe('01A7');
    let messages = 0;
    fc.assert(fc.property(fc.nat(frame.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(frame);
      changed[at] = value;
      if (tried(nested, changed) === 'message') messages++;
    }), { numRuns: 2000 });
    expect(messages).toBeGreaterThan(50);
  });

  it('random BER-TLV, and lengths and tags that run over each other', () => {
    const codec = codecOf('iso8583-1987-binary');
    const byte = fc.constantFrom(0x00, 0x01, 0x02, 0x1f, 0x3f, 0x5a, 0x70, 0x80, 0x81, 0x82, 0x84, 0x9f, 0xe1, 0xff);
    fc.assert(fc.property(fc.array(byte, { maxLength: 60 }), (tlv) => {
      const head = bytes(`01000000000000000200${tlv.length.toString().padStart(4, '0')}`);
      tried(codec, Buffer.concat([head, Uint8Array.from(tlv)]));
    }), { numRuns: 3000 });
  });

  it('the deepest and longest content is refused or read at once', () => {
    const codec = codecOf('iso8583-2003-binary');
    for (const filler of [0xe1, 0x9f, 0x00, 0x1f, 0xff]) {
      const frame = Buffer.concat([bytes('210000000000000002009999'), Buffer.alloc(9999, filler)]);
      tried(codec, frame);
    }
  });

  it('refused frames, and messages nobody keeps, leave no memory behind', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const codec = codecOf('iso8583-1987-binary');
    const wrong = Buffer.concat([bytes('010000000000000002000255'), Buffer.alloc(255, 0xe1)]);
    const right = Buffer.from(codec.encode(new Draft('0100').set(2, '4761739001010119').setTags(55, [['9F36', '01A7']])));
    const heldBytes = (): number => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const decodeMany = (count: number): void => {
      for (let i = 0; i < count; i++) {
        refusal(codec, wrong);
        codec.decode(right).tags(55);
      }
    };
    decodeMany(1000);
    const before = heldBytes();
    decodeMany(20_000);
    expect(heldBytes() - before).toBeLessThan(2 * 2 ** 20);
  });

  it('guessing among all formats throws nothing', () => {
    const all = names.map(codecOf);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (frame) => {
      expect(guess(all, frame)).toHaveLength(all.length);
    }), { numRuns: 200 });
  });
});

const alphabets: Record<Exclude<Field['kind'], 'b' | 'x+n'>, string> = {
  n: '0123456789', a: 'ABCxyz ', s: '!#[]^|~ ', an: '019AZaz ', as: 'AZaz-/ ', ns: '019-/ ', ans: '019AZaz !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', z: '0123456789=', h: '0123456789ABCDEF',
};

/** A value of a field, of any length that it may have. */
function valueOf(field: Field): fc.Arbitrary<string> {
  const max = Math.min(field.max, 200);
  const min = Math.min(field.min, max);
  if (field.subfields?.layout === 'tlv') {
    return fc.array(fc.tuple(fc.constantFrom('9F36', '9A', 'DF7F', '5A', '9F998102'), fc.uint8Array({ maxLength: 12 })), { maxLength: 8 })
      .map((tags) => tags.map(([tag, value]) => tag + value.length.toString(16).padStart(2, '0').toUpperCase() + hex(value)).join(''));
  }
  if (field.kind === 'b') return fc.uint8Array({ minLength: min, maxLength: max }).map(hex);
  const characters = (kind: keyof typeof alphabets, least: number, most: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...alphabets[kind].split('')), minLength: least, maxLength: most });
  if (field.date !== undefined) return fc.constantFrom('0101', '0229', '1231');
  if (field.kind === 'x+n') return fc.tuple(fc.constantFrom('C', 'D'), characters('n', min - 1, max - 1)).map(([sign, digits]) => sign + digits);
  return characters(field.kind, min, max);
}

function draftValues(codec: Codec): fc.Arbitrary<[number, string][]> {
  const fields = [...codec.spec.fields];
  return fc.subarray(fields, { maxLength: Math.min(30, fields.length) }).chain((chosen) => fc.tuple(...chosen.map(([number, field]) => valueOf(field).map((value): [number, string] => [number, value]))));
}

function drafted(codec: Codec, values: readonly [number, string][]): Draft {
  const draft = new Draft('0100');
  draft.header = codec.spec.header === undefined ? '' : 'AB'.repeat(codec.spec.header.max);
  for (const [field, value] of values.toReversed()) draft.set(field, value);
  return draft;
}

describe('what is encoded decodes to the same values', () => {
  it.for(names)('random values of %s', (name) => {
    const codec = codecOf(name);
    fc.assert(fc.property(draftValues(codec), (values) => {
      const message = codec.decode(Buffer.from(codec.encode(drafted(codec, values))));
      expect(message.fields()).toEqual(values.map(([field]) => field));
      for (const [field, value] of values) expect(message.text(field)).toBe(value);
    }), { numRuns: 60 });
  });

  it.for(names)('a random message of %s with a byte changed is read in full or refused', (name) => {
    const codec = codecOf(name);
    fc.assert(fc.property(draftValues(codec), fc.nat(), fc.nat(255), (values, place, value) => {
      const frame = Buffer.from(codec.encode(drafted(codec, values)));
      frame[place % frame.length] = value;
      tried(codec, frame);
    }), { numRuns: 60 });
  });

  it.for(shippedNames)('any text in any field of %s is refused, or decodes to itself with its padding', (name) => {
    const codec = codecOf(name);
    fc.assert(fc.property(fc.integer({ min: 2, max: 128 }), fc.string({ unit: fc.oneof(fc.constantFrom('0', '1', '9', 'A', 'C', 'D', '=', ' ', '\n', '\u00e9', '\u4e00'), fc.string({ minLength: 1, maxLength: 1 })), maxLength: 24 }), (field, value) => {
      let frame: Buffer;
      try {
        frame = Buffer.from(codec.encode(new Draft('0100').set(field, value)));
      } catch (error) {
        if (!(error instanceof EncodeError)) throw error;
        return;
      }
      const { kind, encoding } = codec.spec.fields.get(field)!;
      const written = kind === 'b' ? value.toUpperCase() : kind === 'z' && encoding === 'bcd' ? value.replaceAll('D', '=') : value;
      expect(codec.decode(frame).text(field)).toContain(written);
    }), { numRuns: 1000 });
  });
});

describe('no error says anything of the content', () => {
  it('a refused message is described by path, offset and a fixed sentence only', () => {
    const sentences = new Set<string>(Object.values(decodeReasons));
    const secret = 'QZ77QZ77';
    for (const vector of messageVectors) {
      const frame = bytes(vector.frame);
      for (let at = 0; at < frame.length; at++) {
        const changed = Buffer.from(frame);
        changed.write(secret, at, 'latin1');
        const outcome = tried(codecOf(vector.spec), changed);
        if (outcome === 'message') continue;
        const [, path, offset, sentence] = /^(\S+) at byte (\d+): (.+)$/.exec(outcome.message) ?? [];
        expect(path).toMatch(/^(frame|header|mti|bitmap|\d+(\.[0-9A-F]+)*)$/);
        expect(Number(offset)).toBe(outcome.offset);
        expect(sentences).toContain(sentence);
        expect(JSON.stringify(outcome, Object.getOwnPropertyNames(outcome).filter((name) => name !== 'stack'))).not.toContain(secret);
      }
    }
  });

  it('a refused draft is described by path and a fixed sentence only', () => {
    const sentences = new Set<string>(Object.values(encodeReasons));
    const secrets = ['4761739001010119\u4e00', '\u0007'.repeat(1200), '4761739001010119'.repeat(70)];
    for (const name of shippedNames) {
      for (const field of codecOf(name).spec.fields.keys()) {
        for (const secret of secrets) {
          let message = '';
          try {
            codecOf(name).encode(new Draft('0100').set(field, secret));
          } catch (error) {
            if (!(error instanceof EncodeError)) throw error;
            ({ message } = error);
          }
          if (message === '') continue;
          const [, path, sentence] = /^(\S+?): (.+)$/.exec(message) ?? [];
          expect(path).toMatch(/^\d+(\.[0-9A-F]+)*$/);
          expect(sentences).toContain(sentence);
        }
      }
    }
  });
});
