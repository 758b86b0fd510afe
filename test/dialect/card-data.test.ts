import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import type { Version } from '../../src/message/message.ts';
import { card, pan } from './stations.ts';
import type { Fields } from './stations.ts';

const track2 = `${pan}=28122010000012300`;
const track1 = `B${pan}^DOE/JANE^28122010000000456000000`;

/** Byte 1 to 4: reading method; 9: environment; the lowest bit of a byte is bit 1. */
function posData(method: string, environment = '00'): string {
  return `${method.padEnd(8, '0')}00000000${environment}`.padEnd(32, '0');
}

function dataset(id: string, content: string): string {
  return id + (content.length / 2).toString(16).toUpperCase().padStart(4, '0') + content;
}

describe('how the card was read', () => {
  it.each<[Version, Fields, CardMeaning['entryMode'], boolean]>([
    ['1987', { 22: '011' }, 'manual', true], ['1987', { 22: '011', 25: '08' }, 'manual', false], ['1987', { 22: '021' }, 'stripe', true], ['1987', { 22: '051' }, 'chip', true],
    ['1987', { 22: '071' }, 'contactless', true], ['1987', { 22: '801' }, 'fallback', true], ['1987', { 22: '971' }, 'fallback', true], ['1987', { 22: '810' }, 'ecommerce', false], ['1987', { 22: '901' }, 'stripe', true],
    ['1987', { 22: '911' }, 'contactless', true], ['1987', { 22: '951' }, 'chip', true], ['1987', { 22: '001' }, 'unknown', true], ['1987', { 25: '59' }, 'unknown', false],
    ['1993', { 22: '000001100000' }, 'manual', true], ['1993', { 22: '210101211003' }, 'stripe', true], ['1993', { 22: '510101513344' }, 'chip', true],
    ['1993', { 22: '0000500S0000' }, 'unknown', false], ['1993', { 22: '000050S00000' }, 'ecommerce', false], ['1993', { 22: '510101M13344' }, 'contactless', true], ['1993', { 22: '510101913344' }, 'fallback', true],
    ['2003', { 22: posData('04') }, 'manual', true], ['2003', { 22: posData('04', '08') }, 'manual', false], ['2003', { 22: posData('10') }, 'stripe', true],
    ['2003', { 22: posData('20') }, 'chip', true], ['2003', { 22: posData('22') }, 'contactless', true], ['2003', { 22: posData('1020') }, 'fallback', true], ['2003', { 22: posData('1008') }, 'fallback', true],
    ['2003', { 22: posData('02', '10') }, 'ecommerce', false], ['2003', { 22: posData('40') }, 'ecommerce', false], ['2003', { 22: posData('01') }, 'unknown', true],
  ])('%s %j: %s, present: %s', (version, fields, entryMode, cardPresent) => {
    expect(card(version, '100', fields)).toMatchObject({ entryMode, cardPresent, fault: undefined });
  });
});

describe('the card number', () => {
  it.each<[string, Version, Fields]>([
    ['DE2', '1987', {}],
    ['track 2', '1987', { 2: undefined, 35: track2 }],
    ['track 1', '1987', { 2: undefined, 45: track1 }],
    ['DE34', '1987', { 2: undefined, 34: pan }],
    ['the chip’s track', '1987', { 2: undefined, 55: `5711${pan}D28122010000012300` }],
    ['the chip’s track with a filler', '1987', { 2: undefined, 55: `5712${pan}D281220100000123000F` }],
    ['track 2', '2003', { 2: undefined, 35: track2 }],
  ])('is found in %s (%s)', (_where, version, fields) => {
    const meaning = card(version, '100', fields);
    expect([meaning.pan?.reveal(), meaning.fault]).toEqual([pan, undefined]);
  });

  it('may have a wrong check digit: that is for the decision', () => {
    const meaning = card('1987', '100', { 2: '4761739001010118' });
    expect([meaning.pan?.luhnValid, meaning.fault]).toEqual([false, undefined]);
  });
});

describe('the verification value', () => {
  const seen = ({ cardValue }: CardMeaning): unknown =>
    cardValue && [cardValue.kind, cardValue.kind === 'contactlessStripe' ? cardValue.discretionary.reveal() : cardValue.value.reveal(), cardValue.expiry, cardValue.serviceCode];
  const cvv2of2003 = dataset('72', '0000') + dataset('71', '40000789');

  it.each<[string, Version, Fields, unknown]>([
    ['nothing where nothing is carried', '1987', { 22: '901' }, undefined],
    ['the CVV of a stripe', '1987', { 22: '901', 35: track2 }, ['cvv', '123', '2812', '201']],
    ['the CVV of track 1', '1987', { 22: '901', 45: track1 }, ['cvv', '456', '2812', '201']],
    ['the CVV of a fallback', '1987', { 22: '801', 35: track2 }, ['cvv', '123', '2812', '201']],
    ['the iCVV of a chip', '1987', { 22: '051', 35: track2 }, ['icvv', '123', '2812', '999']],
    ['the iCVV of a chip without contact', '1987', { 22: '071', 35: track2 }, ['icvv', '123', '2812', '999']],
    ['all that follows the service code, of a stripe without contact', '1987', { 22: '911', 35: track2 }, ['contactlessStripe', '0000012300', '2812', '201']],
    ['the same', '1993', { 22: '000000A00000', 35: track2 }, ['contactlessStripe', '0000012300', '2812', '201']],
    ['the same', '2003', { 22: posData('12'), 35: track2 }, ['contactlessStripe', '0000012300', '2812', '201']],
    ['nothing of a stripe without contact in track 1', '1987', { 22: '911', 45: track1 }, undefined],
    ['nothing of a stripe without contact that ends early', '1987', { 22: '911', 35: `${pan}=2812201` }, undefined],
    ['the CVV of a fallback', '1993', { 22: '000000900000', 35: track2 }, ['cvv', '123', '2812', '201']],
    ['the CVV of a fallback', '2003', { 22: posData('1020'), 35: track2 }, ['cvv', '123', '2812', '201']],
    ['the CVV of a track where DE22 is silent', '1987', { 35: track2 }, ['cvv', '123', '2812', '201']],
    ['the iCVV where DE22 is silent and there is chip data', '1987', { 35: track2, 55: '9F270180' }, ['icvv', '123', '2812', '999']],
    ['the CVV2 of DE48', '1987', { 22: '810', 48: '9203789' }, ['cvv2', '789', '2812', '000']],
    ['the CVV2 behind other elements', '1987', { 22: '011', 48: '2102AB6105100009203789' }, ['cvv2', '789', '2812', '000']],
    ['no CVV2 of a text that is no list', '1987', { 22: '011', 48: '9299123' }, undefined],
    ['no CVV2 that is blank', '1987', { 22: '011', 48: '9203   ' }, undefined],
    ['a CVV2 that is not digits, which fails', '1987', { 22: '011', 48: '9203A1B' }, ['cvv2', 'A1B', '2812', '000']],
    ['a CVV2 of a wrong length, which fails', '1987', { 22: '011', 48: '920212' }, ['cvv2', '12', '2812', '000']],
    ['a CVV of a stripe that is cut off, which fails', '1987', { 22: '901', 35: `${pan}=28122010000012` }, ['cvv', '12', '2812', '201']],
    ['a CVV of track 1 that is not digits, which fails', '1987', { 22: '901', 45: track1.replace('456', '4 X') }, ['cvv', '4 X', '2812', '201']],
    ['nothing of a track whose value is blank', '1987', { 22: '901', 45: track1.replace('456', '   ') }, undefined],
    ['the CVV2 of a stripe whose track ends early', '1987', { 22: '901', 35: `${pan}=2812201`, 48: '9203789' }, ['cvv2', '789', '2812', '000']],
    ['the CVV2 of DE48', '1993', { 22: '000050S00000', 48: '9203789' }, ['cvv2', '789', '2812', '000']],
    ['the CVV2 of DE49', '2003', { 22: posData('04', '10'), 49: cvv2of2003 }, ['cvv2', '789', '2812', '000']],
    ['a CVV2 of four digits', '2003', { 49: dataset('71', '40001789') }, ['cvv2', '1789', '2812', '000']],
    ['the CVV2 behind a second bitmap', '2003', { 49: dataset('71', 'C00000000789') }, ['cvv2', '789', '2812', '000']],
    ['no CVV2 of a dataset without its bit', '2003', { 49: dataset('71', '20000789') }, undefined],
    ['no CVV2 of a dataset that is cut', '2003', { 49: '71000840000789' }, undefined],
  ])('is %s (%s)', (_what, version, fields, expected) => {
    const meaning = card(version, '100', fields);
    expect(meaning.fault).toBeUndefined();
    expect(seen(meaning)).toEqual(expected);
  });

  it('with the track’s own date is not DE14’s', () => {
    const meaning = card('1987', '100', { 14: '2901', 35: track2 });
    expect([meaning.expiry, meaning.trackExpiry, meaning.cardValue?.expiry]).toEqual(['2901', '2812', '2812']);
  });

  it('is not made of a track without a date', () => {
    expect(card('1987', '100', { 35: `${pan}==20100000123` })).toMatchObject({ trackExpiry: undefined, cardValue: undefined, fault: undefined });
  });
});

describe('a meaning', () => {
  const secrets: Fields = { 14: '2812', 22: '901', 35: track2, 52: 'A1B2C3D4E5F60718' };
  const meanings = [card('1987', '100', secrets), card('1993', '100', secrets), card('2003', '100', { ...secrets, 22: posData('10') }), card('1987', '100', { ...secrets, 2: undefined, 35: undefined, 45: track1 })];

  it('carries the PIN block and the card number', () => {
    expect(meanings.map((meaning) => [meaning.pin?.block.reveal(), meaning.pan?.reveal()])).toEqual(meanings.map(() => ['A1B2C3D4E5F60718', pan]));
  });

  it.each([['JSON', (value: unknown) => JSON.stringify(value)], ['inspect', (value: unknown) => inspect(value, { depth: 20, showHidden: true })]])(
    'shows no card number, track, verification value or PIN block as %s',
    (_how, print) => {
      for (const meaning of meanings) {
        const text = print(meaning);
        expect(text).toContain('476173******0119');
        for (const secret of [pan, '9001010', 'A1B2C3D4', '2812201', '\'123\'', '\'456\'', '"123"', '"456"']) expect(text).not.toContain(secret);
      }
    },
  );
});
