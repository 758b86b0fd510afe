import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadDialect } from '../../src/dialect/load.ts';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { Version } from '../../src/message/message.ts';
import { card, dialects, json, request, versions } from './stations.ts';
import type { Fields } from './stations.ts';

const block = 'A1B2C3D4E5F60718';
const aesBlock = '00112233445566778899AABBCCDDEEFF';
const tdesSerial = 'FFFF9876543210E00001';
const aesSerial = '123456789012345600000001';

function seen({ pin, fault }: CardMeaning): unknown {
  expect(fault).toBeUndefined();
  return pin && [pin.block.reveal(), pin.format, pin.keySerial];
}

/** DE53: sixteen digits with the format's code, of 1993 and 2003 in eight bytes with a key serial number behind them. */
function control(code: string, keySerial = ''): string {
  return `2001${code}0100000000${keySerial}`;
}

/** The elements of DE110 and DE111 with three digits of length. */
function element(name: string, content: string): string {
  return name + String(content.length).padStart(3, '0') + content;
}

/** A BER-TLV object in dataset 01. */
function inDataset(tag: string, hex: string): string {
  const object = tag + (hex.length / 2).toString(16).toUpperCase().padStart(2, '0') + hex;
  return `01${(object.length / 2).toString(16).toUpperCase().padStart(4, '0')}${object}`;
}

const aesPlaces: Readonly<Record<Version, Fields>> = { '1987': { 110: element('P4', aesBlock) }, '1993': { 111: element('P4', aesBlock) }, '2003': { 111: inDataset('DF01', aesBlock) } };

describe.each(versions)('a PIN of %s', (version) => {
  it('is absent where no block is carried, whatever DE53 says', () => {
    expect(card(version, '100', { 53: '9999999999999999' })).toMatchObject({ pin: undefined, fault: undefined });
  });

  it('may come without a word of its format and key', () => {
    expect(seen(card(version, '100', { 52: block }))).toEqual([block, undefined, '']);
  });

  it.each<[string, 0 | 1 | 3 | 4 | undefined]>([['00', undefined], ['01', 0], ['10', 0], ['05', 1], ['11', 1], ['47', 3], ['13', 3], ['48', 4]])('has the format that code %s of DE53 names: %s', (code, format) => {
    expect(seen(card(version, '100', { 52: block, 53: control(code) }))).toEqual([block, format, '']);
  });

  it('under a code that nobody knows is a fault of DE53', () => {
    expect(card(version, '100', { 52: block, 53: control('99') }).fault).toMatchObject({ field: '53', reason: '9100' });
  });

  it('of format 4 has sixteen bytes in a place of its own', () => {
    expect(seen(card(version, '100', aesPlaces[version]))).toEqual([aesBlock, 4, '']);
    expect(seen(card(version, '100', { ...aesPlaces[version], 53: control('48') }))).toEqual([aesBlock, 4, '']);
  });

  it('in a block that says another format in DE53 is what DE53 says: the HSM refuses it', () => {
    expect(seen(card(version, '100', { ...aesPlaces[version], 53: control('01') }))).toEqual([aesBlock, 0, '']);
  });

  it('shows nothing of itself', () => {
    const meaning = card(version, '100', { 52: block, ...(version === '1987' ? { 110: element('PN', aesBlock) } : {}), 3: '920000' });
    for (const text of [JSON.stringify(meaning), inspect(meaning, { depth: 20, showHidden: true })]) {
      expect(text).not.toContain('A1B2C3D4');
      expect(text).not.toContain('00112233');
    }
  });
});

describe('the serial number of a terminal’s key', () => {
  it.each<[Version, string, Fields]>([
    ['1987', tdesSerial, { 110: element('KS', tdesSerial) }],
    ['1987', aesSerial, { 110: element('KS', aesSerial) }],
    ['1993', tdesSerial, { 53: control('01', tdesSerial) }],
    ['1993', aesSerial, { 53: control('48', aesSerial) }],
    ['2003', tdesSerial, { 53: control('01', tdesSerial) }],
    ['2003', aesSerial, { 53: control('00', aesSerial) }],
  ])('of %s is %s in %j', (version, serial, fields) => {
    expect(card(version, '100', { 52: block, ...fields })).toMatchObject({ pin: { keySerial: serial }, fault: undefined });
  });

  it.each<[Version, Fields, string]>([
    ['1987', { 110: element('KS', tdesSerial.slice(2)) }, '110'],
    ['1987', { 110: element('KS', `${tdesSerial.slice(2)}XX`) }, '110'],
    ['1993', { 53: control('01', 'FFFF') }, '53'],
    ['2003', { 53: '2001' }, '53'],
  ])('of %s that is none is a fault: %j', (version, fields, field) => {
    const meaning = card(version, '100', { 52: block, ...fields });
    expect(meaning.fault).toMatchObject({ field, reason: '9100' });
    expect(meaning.pin?.keySerial).toBe('');
  });
});

describe('the block of a new PIN', () => {
  it.each<[Version, Fields]>([
    ['1987', { 110: element('PN', block) }], ['1987', { 110: element('P4', aesBlock) + element('PN', aesBlock) }],
    ['1993', { 111: element('PN', block) }], ['2003', { 111: inDataset('DF02', block) }],
  ])('of %s is carried by a PIN change alone: %j', (version, fields) => {
    const change = card(version, '100', { 3: '920000', 52: block, ...fields });
    expect(change).toMatchObject({ purpose: 'pinChange', fault: undefined });
    expect([block, aesBlock]).toContain(change.newPinBlock?.reveal());
    expect(card(version, '100', fields).newPinBlock).toBeUndefined();
  });
});

describe('a block that can be none', () => {
  it.each([['of ten digits', 'A1B2C3D4E5'], ['of no hexadecimal digits', 'no block at all!']])('%s is carried as it came, for the HSM to refuse', (_what, text) => {
    expect(seen(card('1987', '100', { 110: element('P4', text) }))).toEqual([text.toUpperCase(), 4, '']);
  });
});

describe('a station’s own places', () => {
  it('may be any: the block in an element, the serial number as the whole of DE53, no format', () => {
    const pin = { blocks: [{ form: 'element', field: 48, element: 'P8', format: 3 }], newBlocks: [], formats: [], keySerials: [{ form: 'text', field: 53 }] };
    const dialect = loadDialect({ ...(json('dialects/iso8583-1993.json') as object), pin }, 'mine.json', dialects['1993'].reasons);
    const meaning = readMessage(request('1993', '100', { 48: `P816${block}`, 53: tdesSerial }), dialect, 'shop');
    expect(meaning).toMatchObject({ pin: { format: 3, keySerial: tdesSerial }, fault: undefined });
  });
});
