import { describe, expect, it } from 'vitest';
import { cardDataTags } from '../../src/dialect/chip-data.ts';
import { emvTags } from '../../src/iso8583/emv-tags.ts';
import { card, pan, versions } from './stations.ts';

function tlv(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags).map(([tag, value]) => tag + (value.length / 2).toString(16).toUpperCase().padStart(2, '0') + value).join('');
}

const cryptogram = { '9F26': 'A1B2C3D4E5F60718', '9F36': '01A7', '9F10': '06010A03A0A000', '9F02': '000000001250', '5F2A': '0978' };
const cardData = { 57: `${pan}D28122010000012300`, '5A': pan, '5F20': '444F452F4A414E45', '5F24': '281231', '5F30': '0201', '9F1F': '3132333435', '9F6B': `${pan}D2812201` };

describe.each(versions)('chip data of %s', (version) => {
  it('are the tags of DE55 but for those with card data', () => {
    const { chip, fault, pan: read } = card(version, '100', { 22: undefined, 55: tlv({ ...cardData, ...cryptogram }) });
    expect([chip && Object.fromEntries(chip), fault, read?.reveal()]).toEqual([cryptogram, undefined, pan]);
  });

  it('are none without a cryptogram', () => {
    expect(card(version, '100', { 55: tlv({ '9F36': '01A7' }) }).chip).toBeUndefined();
    expect(card(version, '100').chip).toBeUndefined();
  });

  it('keep a tag that nobody knows, unless the card number is in it', () => {
    const { chip } = card(version, '100', { 55: tlv({ ...cryptogram, DF01: '0102', DF02: `00${pan}`, DF03: Buffer.from(`;${pan}`).toString('hex').toUpperCase() }) });
    expect([chip?.get('DF01'), chip?.has('DF02'), chip?.has('DF03')]).toEqual(['0102', false, false]);
  });

  it('keep no card data within a template', () => {
    const { chip } = card(version, '100', { 55: tlv({ ...cryptogram, 70: tlv({ '5F20': '444F45', '9C': '00' }) }) });
    expect([chip?.get('70.9C'), chip?.has('70.5F20')]).toEqual(['00', false]);
  });

  it('may say other amounts than DE4: with a tip or cash back they differ', () => {
    expect(card(version, '100', { 55: tlv({ ...cryptogram, '9F02': '000000009999', '5F2A': '0840' }) }).fault).toBeUndefined();
  });

  it.each<[string, Record<string, string>]>([
    ['a card number', { '5A': '4761739001010127' }], ['a track', { 57: '4761739001010127D28122010000012300' }], ['a longer card number', { '5A': `${pan}111F` }],
  ])('of %s of another card are a fault of DE55', (_what, other) => {
    expect(card(version, '100', { 55: tlv({ ...cryptogram, ...other }) }).fault).toMatchObject({ field: '55', reason: '9100' });
  });

  it('of another card than track 2 are a fault too', () => {
    const fields = { 2: undefined, 35: `${pan}=28122010000012300`, 55: tlv({ ...cryptogram, '5A': '4761739001010127' }) };
    expect(card(version, '100', fields).fault).toMatchObject({ field: '55', reason: '9100' });
  });

  it.each<[string, string | undefined, string | undefined, string]>([
    ['nowhere', undefined, undefined, ''], ['in DE23', '001', undefined, '01'], ['in the chip', undefined, '02', '02'], ['in both', '001', '01', '01'],
  ])('have the PAN sequence number %s', (_where, field, tag, expected) => {
    expect(card(version, '100', { 23: field, 55: tlv({ ...cryptogram, ...(tag === undefined ? {} : { '5F34': tag }) }) })).toMatchObject({ panSequence: expected, fault: undefined });
  });

  it('with another PAN sequence number than DE23 are a fault of DE23', () => {
    expect(card(version, '100', { 23: '001', 55: tlv({ ...cryptogram, '5F34': '02' }) }).fault).toMatchObject({ field: '23', reason: '9100' });
  });

  it('with a PAN sequence number that is none are a fault of DE55', () => {
    expect(card(version, '100', { 55: tlv({ ...cryptogram, '5F34': '0A' }) }).fault).toMatchObject({ field: '55', reason: '9100' });
  });
});

describe('the tags with card data', () => {
  it('are all those that the format does not show', () => {
    for (const [tag, { sensitive }] of emvTags) if (sensitive !== undefined && sensitive !== 'private') expect(cardDataTags, tag).toContain(tag);
  });
});
