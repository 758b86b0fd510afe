/**
 * iso_8583 from npm, written by others, reads what we write and writes what we read: ASCII fields under a binary bitmap, and under a hexadecimal
 * one of both bitmaps, which are the formats that it knows.
 */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Draft } from '../../src/iso8583/draft.ts';
import { messageVectors } from '../vectors/iso8583.ts';
import { bytes, codecOf } from './codecs.ts';

type Json = Record<string, string>;
interface Witness {
  getIsoJSON(frame: Buffer, config: { lenHeader: boolean; bitmapEncoding?: 'utf8' }): Json & { error?: unknown };
  getRawMessage(): Buffer & { error?: unknown };
}
const Witness = createRequire(import.meta.url)('iso_8583') as new (message?: Json, formats?: Record<string, unknown>) => Witness;

const purchase: Json = {
  2: '4761739001010119', 3: '000000', 4: '000000012550', 7: '1122080512', 11: '004217', 12: '080512', 13: '1122', 14: '2812', 18: '5411', 22: '051', 25: '00', 32: '476173',
  35: '4761739001010119=28122011143800000000', 37: '232608004217', 41: 'TERM0001', 42: 'MERCHANT0000123', 43: 'ACME GROCERY STORE 42    AUSTIN       US', 49: '840',
};

const messages: readonly [string, string, Json][] = [
  ['a purchase', '0100', purchase],
  ['its approval', '0110', { 2: purchase['2']!, 3: '000000', 4: '000000012550', 7: '1122080512', 11: '004217', 37: '232608004217', 38: 'A1B2C3', 39: '00', 41: 'TERM0001', 49: '840' }],
  ['a reversal', '0420', { ...purchase, 39: '68', 90: '010000421711220805120000047617300000000000', 95: '0'.repeat(42) }],
  ['a sign-on', '0800', { 7: '1122080512', 11: '000001', 70: '001' }],
  ['text of variable length', '0210', { 4: '000000000001', 48: 'a private word', 54: '0001978C000000001000', 60: 'x', 102: 'ACCOUNT-1', 120: '9'.repeat(999) }],
];

/** It reads a PIN block as raw bytes only; ours is in hexadecimal characters here. */
const formats = { 1: { ContentType: 'an', Label: 'Bitmap', LenType: 'fixed', MaxLen: 32 }, 52: { ContentType: 'an', Label: 'PIN', LenType: 'fixed', MaxLen: 16 } };

function draftOf(mti: string, fields: Json): Draft {
  const draft = new Draft(mti);
  for (const [field, value] of Object.entries(fields)) draft.set(Number(field), value);
  return draft;
}

function read(frame: Buffer, spec: string): Json {
  const message = codecOf(spec).decode(frame);
  return { 0: message.mti, ...Object.fromEntries(message.fields().map((field) => [field, message.text(field)!])) };
}

describe('iso_8583 agrees', () => {
  const name = 'zemuldo-1987-binbitmap';
  const known = (fields: Json): Json => Object.fromEntries(Object.entries(fields).filter(([field]) => codecOf(name).spec.fields.has(Number(field))));

  it.for(messages)('on %s under a binary bitmap, both ways', ([, mti, all]) => {
    const fields = known(all);
    if (Object.keys(fields).length === 0) throw new Error('nothing to compare');
    const ours = Buffer.from(codecOf(name).encode(draftOf(mti, fields)));
    expect(new Witness().getIsoJSON(ours, { lenHeader: false })).toEqual({ 0: mti, ...fields });
    const theirs = new Witness({ 0: mti, ...fields }).getRawMessage();
    expect(theirs.error).toBeUndefined();
    expect(read(theirs, name)).toEqual({ 0: mti, ...fields });
  });

  it.for(messages)('on %s under two hexadecimal bitmaps, both ways', ([, mti, fields]) => {
    // It reads two bitmaps always: a field beyond 64 brings the second.
    const both = { ...fields, 70: '001', 52: '1B9C1845EB993A7A' };
    const ours = Buffer.from(codecOf('iso8583-1987-ascii').encode(draftOf(mti, both)));
    expect(new Witness(undefined, formats).getIsoJSON(ours, { lenHeader: false, bitmapEncoding: 'utf8' })).toEqual({ 0: mti, ...both });
    const theirs = new Witness({ 0: mti, ...both }, formats).getRawMessage();
    expect(theirs.error).toBeUndefined();
    expect(theirs.equals(ours)).toBe(true);
    expect(read(theirs, 'iso8583-1987-ascii')).toEqual({ 0: mti, ...both });
  });

  it.for(messageVectors.filter(({ spec }) => spec.startsWith('zemuldo')))('on its own published $mti', (vector) => {
    expect(new Witness().getIsoJSON(bytes(vector.frame), { lenHeader: false })).toEqual({ 0: vector.mti, ...vector.fields });
  });
});
