import { describe as group, expect, it } from 'vitest';
import { describe, mask } from '../../src/iso8583/describe.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { guess } from '../../src/iso8583/guess.ts';
import { messageVectors } from '../vectors/iso8583.ts';
import { bytes, codecOf, shippedNames, smallCodec, variantNames } from './codecs.ts';

const pan = '4761739001010119';
const codec = codecOf('iso8583-1987-ascii');
const message = codec.decode(Buffer.from(codec.encode(new Draft('0100')
  .set(2, pan).set(3, '000000').set(34, pan).set(35, `${pan}=28122011143800000000`).set(45, `B${pan}^DOE/JOHN^2812201114380000`).set(48, `CVV2 123 ${pan}`).set(52, '1B9C1845EB993A7A')
  .set(53, '2600000000000000').set(102, pan).setTags(55, [['5A', pan], ['57', `${pan}D28122011143800000000F`], ['5F20', '444F45'], ['72', [['86', '84240002']]], ['9F36', '01A7'], ['DF79', '313233']]))));

function line(path: string): string | undefined {
  return describe(message).find((found) => found.path === path)?.value;
}

group('a described message', () => {
  it('shows no PAN, track, PIN, name or private content anywhere', () => {
    const text = JSON.stringify(describe(message));
    for (const secret of [pan, pan.slice(6), '281220', 'DOE', '123', '1B9C', '26000', '444F45', '313233']) expect(text).not.toContain(secret);
  });

  it('shows the first six and last four digits of a PAN', () => {
    for (const path of ['2', '34', '102', '55.5A']) expect(line(path)).toBe('476173******0119');
    expect(line('35')).toBe(`476173******0119=${'*'.repeat(20)}`);
    expect(line('45')).toBe(`B476173******0119^${'*'.repeat(25)}`);
    expect(line('55.57')).toBe(`476173******0119D${'*'.repeat(21)}`);
  });

  it('shows what is not sensitive, with its name', () => {
    expect(describe(message).find(({ path }) => path === '55.9F36')).toEqual({ path: '55.9F36', name: 'Application transaction counter', value: '01A7' });
    expect(describe(message)[0]).toEqual({ path: 'mti', name: 'Message type', value: '0100' });
    expect(line('3.1')).toBe('00');
  });

  it('does not show an unknown tag', () => {
    expect(line('55.DF79')).toBe('[hidden, 6 characters]');
    expect(line('55.72.86')).toBe('[hidden, 8 characters]');
  });

  it('does not show unknown fields, and nothing of a bitmapped field that is sensitive', () => {
    const bitmapped = { layout: 'bitmapped', bitmap: { encoding: 'binary', max: 1 }, fields: { 2: { name: 'Two', kind: 'ans', prefix: 'LL', max: 9 } }, unknownFields: { name: 'Other', kind: 'ans', prefix: 'LL', max: 9 } };
    const field = { name: 'Private', kind: 'b', prefix: 'LLL', max: 99, subfields: bitmapped };
    const small = smallCodec({ fields: { 60: field, 61: { ...field, sensitive: 'private' } }, unknownFields: { name: 'Unknown', kind: 'ans', prefix: 'LL', max: 9 } });
    const draft = new Draft('0100').setSub(60, 2, 'open').setSub(60, 9, 'secret').setSub(61, 2, 'secret').set(48, 'secret');
    const lines = describe(small.decode(Buffer.from(small.encode(draft))));
    expect(JSON.stringify(lines)).not.toContain('secret');
    expect(lines.find(({ path }) => path === '60.2')?.value).toBe('open');
    expect(lines.map(({ path }) => path)).toEqual(['mti', '48', '60', '60.2', '60.9', '61', '61.2']);
  });

  it('shows everything only when asked to', () => {
    expect(describe(message, { masked: false }).find(({ path }) => path === '2')?.value).toBe(pan);
  });
});

group('a mask', () => {
  it.for(['', '123', '476173900101', '4761 7390 0101 0119', 'x761739001010119', '47617390010101191234'])('does not show "%s" as a PAN, which it is not', (value) => {
    expect(mask('pan', value)).toBe(`[hidden, ${value.length} characters]`);
  });

  it.for(['', '=2812', '1234=2812', pan, `B${pan}`, `;${pan}=2812?`])('does not show "%s" as a track, which it is not', (value) => {
    expect(mask('track', value)).toMatch(/^\[hidden/);
  });

  it.for(['pin', 'cvv', 'key'] as const)('says nothing of a %s, not even its length', (sensitive) => {
    expect(mask(sensitive, '1234')).toBe('[hidden]');
  });
});

group('a guess', () => {
  const shipped = shippedNames.map(codecOf);

  it.for(shippedNames)('of bytes of %s names it first', (name) => {
    const { version } = codecOf(name).spec;
    const mti = { '1987': '0100', '1993': '1100', '2003': '2100' }[version];
    const draft = new Draft(mti).set(2, pan).set(3, '000000').set(7, '1122080512').set(41, 'TERM0001');
    expect(guess(shipped, Buffer.from(codecOf(name).encode(draft)))[0]?.codec.spec.name).toBe(name);
  });

  it('of an odd track 2 filled in front names the variant that reads it', () => {
    const name = 'iso8583-1987-binary-track-left';
    const frame = Buffer.from(codecOf(name).encode(new Draft('0100').set(2, pan).set(35, `${pan}=28122011143800000000`)));
    expect(guess([...shipped, codecOf(name)], frame)[0]?.codec.spec.name).toBe(name);
  });

  it('of any message is a message, and of noise only errors', () => {
    const all = [...shippedNames, ...variantNames].map(codecOf);
    for (const { frame } of messageVectors) expect(guess(all, bytes(frame))[0]?.message).toBeDefined();
    for (const found of guess(all, bytes('FFFFFF'))) expect(found.error).toBeDefined();
  });
});
