/** Whatever a draft of a shipped format holds: it has a meaning, and can be answered. */
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftAnswer, draftNetworkAnswer, draftRefusal } from '../../src/dialect/answer.ts';
import type { ChipAnswer } from '../../src/dialect/answer.ts';
import { answerMti } from '../../src/dialect/mti.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { DecodeError, EncodeError } from '../../src/iso8583/errors.ts';
import type { Field } from '../../src/iso8583/spec.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import type { Response, Version } from '../../src/message/message.ts';
import { reasons } from '../../src/message/reason.ts';
import type { Reason } from '../../src/message/reason.ts';
import { published } from '../vectors/published.ts';
import { bytes, codecOf, shippedNames } from '../iso8583/codecs.ts';
import { dialects, digitOf, pan, purchase } from './stations.ts';

const alphabets: Readonly<Record<string, string>> = {
  n: '0123456789', z: '0123456789=', b: '0123456789ABCDEF', h: '0123456789ABCDEF', a: 'ABCXYZ', an: '019AZ', ans: '0129AZ -^.', as: 'AZ .', ns: '019 .', s: ' .-',
};

function textOf(field: Field): fc.Arbitrary<string> {
  const max = Math.min(field.max, 120);
  if (field.kind === 'x+n') return fc.tuple(fc.constantFrom('C', 'D'), digits(max - 1, max - 1)).map(([sign, number]) => sign + number);
  const unit = fc.constantFrom(...(alphabets[field.kind] ?? alphabets['an']!).split(''));
  const scale = field.kind === 'b' ? 2 : 1;
  const min = field.prefix === undefined ? field.max : field.min;
  return fc.array(unit, { minLength: min * scale, maxLength: Math.max(min, max) * scale })
    .map((characters) => characters.slice(0, characters.length - (characters.length % scale)).join(''));
}

function digits(min: number, max: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...'0123456789'.split('')), { minLength: min, maxLength: max }).map((characters) => characters.join(''));
}

const amount = fc.record({ amountMinor: fc.integer({ min: 0, max: 10 ** 13 }), currency: fc.constantFrom('978', '392', '048') });

const responses: fc.Arbitrary<Response> = fc.record({
  reason: fc.constantFrom(...(Object.keys(reasons) as Reason[])),
  approvalCode: fc.constantFrom('', 'A1B2C3'),
  amount: fc.option(amount, { nil: undefined }),
  billing: fc.option(amount, { nil: undefined }),
  balance: fc.option(fc.record({ ledgerMinor: fc.maxSafeInteger(), availableMinor: fc.integer(), currency: fc.constant('978') }), { nil: undefined }),
  field: fc.constantFrom(undefined, '4', '55.9F26', 'x'),
});

const hex = (min: number, max: number): fc.Arbitrary<string> => fc.uint8Array({ minLength: min, maxLength: max }).map((content) => Buffer.from(content).toString('hex').toUpperCase());

const chips: fc.Arbitrary<ChipAnswer> = fc.record({
  issuerAuthenticationData: fc.oneof(fc.constant(''), hex(8, 16)),
  responseCode: fc.constantFrom('00', '51', 'Z1'),
  scripts: fc.array(fc.record({ template: fc.constantFrom('71' as const, '72' as const), id: fc.oneof(fc.constant(''), hex(4, 4)), commands: fc.array(hex(1, 200), { maxLength: 3 }) }), { maxLength: 3 }),
});

const mtis = fc.oneof(
  fc.constantFrom('100', '101', '120', '140', '200', '220', '221', '400', '401', '420', '800', '804', '820', '302', '110', '130', '210', '430', '810'),
  digits(3, 3),
);

function isMeaningful(message: Message, version: Version, response: Response, chip: ChipAnswer | undefined): void {
  const dialect = dialects[version];
  const meaning = readMessage(message, dialect, 'shop');
  JSON.stringify(meaning);
  const answered = answerMti(message.mti);
  if (answered === undefined) return;
  const draft = new Draft('');
  const drafts = [
    (): Draft => draftAnswer(message, response, dialect, draft, '632609004217', chip),
    (): Draft => draftNetworkAnswer(message, undefined, dialect, draft),
    (): Draft => draftRefusal(message, '9100', dialect, draft),
  ];
  for (const make of drafts) {
    const answer = message.codec.decode(Uint8Array.from(message.codec.encode(make())));
    expect(answer.mti).toBe(answered);
    expect(readMessage(answer, dialect, 'shop').kind).toBe(answered.startsWith(digitOf(version)) ? 'response' : 'unsupported');
  }
}

describe.each(shippedNames)('any message of %s', (name) => {
  const codec = codecOf(name);
  const { version } = codec.spec;
  const numbers = [...codec.spec.fields.keys()];
  const usual = [2, 3, 4, 6, 7, 11, 12, 13, 14, 22, 24, 25, 30, 34, 35, 37, 38, 39, 41, 45, 48, 49, 51, 52, 53, 54, 56, 70, 90, 95, 96, 110, 111].filter((field) => codec.spec.fields.has(field));
  const someFields = fc.uniqueArray(fc.oneof(fc.constantFrom(...usual), fc.constantFrom(...numbers)), { maxLength: 30 })
    .chain((picked) => fc.tuple(...picked.map((field) => fc.tuple(fc.constant(field), textOf(codec.spec.fields.get(field)!)))));

  it('has a meaning and an answer that can be encoded', () => {
    let read = 0;
    fc.assert(fc.property(mtis, fc.boolean(), someFields, responses, fc.option(chips, { nil: undefined }), (mti, whole, fields, response, chip) => {
      const draft = new Draft(digitOf(version) + mti);
      for (const [field, text] of whole ? Object.entries(purchase[version]) : []) if (codec.spec.fields.has(Number(field))) draft.set(Number(field), text!);
      for (const [field, text] of fields) draft.set(field, text);
      let message: Message;
      try {
        message = codec.decode(Uint8Array.from(codec.encode(draft)));
      } catch (error) {
        // What the format itself refuses, such as chip data that are no tags, never gets here.
        if (error instanceof EncodeError || error instanceof DecodeError) return;
        throw error;
      }
      read++;
      isMeaningful(message, version, response, chip);
    }), { numRuns: 300 });
    expect(read).toBeGreaterThan(200);
  });
});

/** BER-TLV objects with the card number, an expiry or other bytes in them, some within a template. */
const tag = fc.constantFrom('56', '57', '5A', '5F20', '5F24', '5F30', '9F0B', '9F1F', '9F20', '9F6B', '99', '9F36', '9F10', 'DF01', 'C1');
const clear = fc.constantFrom(pan, `${pan}D28122010000012300`, Buffer.from(`B${pan}^DOE/JANE^2812201`).toString('hex').toUpperCase(), '281231');
const object = fc.tuple(tag, fc.oneof(clear, hex(0, 12))).map(([name, value]) => name + (value.length / 2).toString(16).toUpperCase().padStart(2, '0') + value);
const objects = fc.array(object, { maxLength: 8 }).map((all) => all.join(''));
const chipData = fc.tuple(objects, objects).map(([outer, inner]) => `${outer}${inner.length > 0 && inner.length < 240 ? `70${(inner.length / 2).toString(16).toUpperCase().padStart(2, '0')}${inner}` : ''}9F2608A1B2C3D4E5F60718`);

describe.each(shippedNames)('chip data of %s', (name) => {
  const codec = codecOf(name);
  const { version } = codec.spec;

  it('leaves with no card data in clear, whatever tags it is in', () => {
    fc.assert(fc.property(chipData.filter((text) => text.length <= 500), (text) => {
      const draft = new Draft(`${digitOf(version)}100`);
      for (const [field, value] of Object.entries(purchase[version])) draft.set(Number(field), value!);
      const meaning = readMessage(codec.decode(Uint8Array.from(codec.encode(draft.set(55, text)))), dialects[version], 'shop');
      if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
      expect(meaning.chip?.get('9F26')).toBe('A1B2C3D4E5F60718');
      const shown = inspect(meaning, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null });
      for (const secret of [pan, Buffer.from(pan).toString('hex').toUpperCase(), Buffer.from('DOE/JANE').toString('hex').toUpperCase()]) expect(shown).not.toContain(secret);
    }), { numRuns: 200 });
  });
});

interface PublishedMessage {
  readonly id: string;
  readonly spec: string;
  readonly hex: string;
}

const publishedMessages = published('iso8583_messages.json', 'messages') as readonly PublishedMessage[];

describe('every published message', () => {
  it('is read where there are any', () => {
    expect(publishedMessages.length).toBe(process.env['LOCUM_VECTORS'] ? 26 : 0);
  });

  it.each(publishedMessages)('$id has a meaning', ({ spec, hex }) => {
    const message = codecOf(spec).decode(bytes(hex));
    const { version } = message.codec.spec;
    const meaning = readMessage(message, dialects[version], 'shop');
    expect(meaning.mti).toBe(message.mti);
  });
});
