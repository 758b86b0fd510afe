import { describe, expect, it } from 'vitest';
import { draftForwarded, forwardRoute } from '../../src/dialect/forward.ts';
import { fitFault } from '../../src/dialect/forward-fit.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Field } from '../../src/iso8583/spec.ts';
import { Secret } from '../../src/message/secret.ts';
import { codecOf } from '../iso8583/codecs.ts';
import { codecs, dialects, pan, request } from './stations.ts';

function side(name: string, without: readonly number[] = [], changed: Readonly<Record<number, Partial<Field>>> = {}): Side {
  const { spec } = codecOf(name);
  const fields = new Map(spec.fields);
  for (const field of without) fields.delete(field);
  for (const [field, change] of Object.entries(changed)) fields.set(Number(field), { ...fields.get(Number(field))!, ...change });
  return { dialect: dialects[spec.version], spec: { ...spec, fields } };
}

function demanding(base: Side, ...fields: number[]): Side {
  return { ...base, dialect: { ...base.dialect, required: { ...base.dialect.required, financial: [...base.dialect.required.financial, ...fields] } } };
}

const ascii = side('iso8583-1987-ascii');
const binary1993 = side('iso8583-1993-binary');
const binary2003 = side('iso8583-2003-binary');

describe('two sides that do not go together are told at start', () => {
  it.each<[string, Side, Side, string]>([
    ['the issuer’s format lacks a mandatory field', ascii, side('iso8583-1993-binary', [3]), 'from iso8583-1987 in iso8583-1987-ascii to iso8583-1993 in iso8583-1993-binary: DE3 is mandatory, and the issuer\'s format has no such field'],
    ['the acquirer’s format has nothing to write it from', side('iso8583-1987-ascii', [42]), demanding(binary1993, 42), 'from iso8583-1987 in iso8583-1987-ascii to iso8583-1993 in iso8583-1993-binary: DE42 is mandatory for the issuer, and the acquirer\'s format has nothing that it could come from'],
    ['the merchant’s place is in a form that is not read', binary2003, demanding(ascii, 43), 'from iso8583-2003 in iso8583-2003-binary to iso8583-1987 in iso8583-1987-ascii: DE43 is mandatory for the issuer, and the acquirer\'s format has nothing that it could come from'],
    ['an identifier would have to be cut short', binary2003, demanding(ascii, 41), 'from iso8583-2003 in iso8583-2003-binary to iso8583-1987 in iso8583-1987-ascii: DE41 is mandatory for the issuer and takes 8 characters, and the acquirer\'s has up to 16'],
    ['an answer cannot be brought back', side('iso8583-1987-ascii', [38]), binary1993, 'from iso8583-1987 in iso8583-1987-ascii to iso8583-1993 in iso8583-1993-binary: the acquirer\'s format has no DE38, which an approval brings back'],
  ])('%s', (_, source, target, sentence) => {
    expect(fitFault(source, target)).toEqual([sentence]);
  });

  it('what comes from another field of the other edition fits', () => {
    expect(fitFault(ascii, demanding(binary1993, 12, 24, 26, 49, 56))).toEqual([]);
    expect(fitFault(binary2003, demanding(ascii, 12, 13, 18, 49, 90))).toEqual([]);
    expect(fitFault(side('iso8583-1987-ascii', [2]), binary1993)).toEqual([]);
  });
});

describe('a message that cannot be told to the issuer is a fault', () => {
  function faultOf(mti: string, changes: Parameters<typeof request>[2], target: Side, pin = false): unknown {
    const message = request('1987', mti, changes);
    const meaning = readMessage(message, dialects['1987'], 'shop') as CardMeaning;
    const route = forwardRoute({ dialect: dialects['1987'], spec: codecs['1987'].spec }, target);
    return draftForwarded({ message, meaning }, route, {
      stan: '1', transmittedAt: '0102030405', localAt: '20260102040506', ...(pin ? { pin: { block: new Secret('A'.repeat(16)), newBlock: undefined, format: 0 } } : {}),
    }, new Draft(''));
  }

  it.each<[string, unknown, unknown]>([
    ['a PIN without a place', faultOf('200', {}, side('iso8583-1993-binary', [52, 111]), true), { field: 52, text: 'the format iso8583-1993-binary has no place for the PIN' }],
    ['a chip’s data without room', faultOf('100', { 55: `9F2608A1B2C3D4E5F60718DF0181F1${'AB'.repeat(241)}` }, binary1993), { field: 55, text: 'the format iso8583-1993-binary has no room for the chip\'s data' }],
    ['a function that the issuer has no code for', faultOf('100', { 25: '06' }, { ...binary1993, dialect: { ...binary1993.dialect, functionCodes: new Map([['100', 'original']]) } }), { field: 24, text: 'the dialect iso8583-1993 has no function code for this purpose' }],
  ])('%s', (_, fault, wanted) => {
    expect(fault).toEqual(wanted);
  });

  it('an identifier that is too long is left out, and never another one', () => {
    const spec = codecs['2003'].spec;
    const message = request('2003', '100', { 41: 'TERMINAL-1234567' });
    const draft = new Draft('');
    const meaning = readMessage(message, dialects['2003'], 'shop') as CardMeaning;
    expect(draftForwarded({ message, meaning }, forwardRoute({ dialect: dialects['2003'], spec }, ascii), { stan: '1', transmittedAt: '0102030405', localAt: '20260102040506' }, draft)).toBe(undefined);
    expect(draft.get(41)).toBe(undefined);
    expect(draft.get(2)).toBe(pan);
  });

  it.each([['1231235959', '20260101000100', '251231235959'], ['0101000001', '20261231235900', '270101000001'], ['0630101112', '20260101000100', '260630101112']])('a local time without a year (%s) is of the year nearest to now (%s)', (local, now, wanted) => {
    const message = request('1987', '100', { 12: local.slice(4), 13: local.slice(0, 4) });
    const draft = new Draft('');
    const meaning = readMessage(message, dialects['1987'], 'shop') as CardMeaning;
    draftForwarded({ message, meaning }, forwardRoute({ dialect: dialects['1987'], spec: codecs['1987'].spec }, binary1993), { stan: '1', transmittedAt: '0102030405', localAt: now }, draft);
    expect(draft.get(12)).toBe(wanted);
  });
});
