import { describe, expect, it } from 'vitest';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { Version } from '../../src/message/message.ts';
import { codecOf } from '../iso8583/codecs.ts';
import { card, codecs, decoded, dialects, digitOf, purchase, versions } from './stations.ts';
import type { Fields } from './stations.ts';

const original1987 = ['0100', '004216', '1121080000', '00000476173', '00000000000'].join('');
const original1993 = ['1100', '004216', '261121090000', '06476173'].join('');
const original2003 = ['2100', '000000004216', '20261121090000', '06476173'].join('');
const originals: Readonly<Record<Version, Fields>> = { '1987': { 90: original1987 }, '1993': { 56: original1993 }, '2003': { 56: original2003 } };

describe.each(versions)('a purchase of %s', (version) => {
  const meaning = card(version, '100');

  it('is read whole', () => {
    expect(meaning).toMatchObject({
      kind: 'card', version, mti: `${digitOf(version)}100`, class: 'authorization', function: 'request', repeat: false, rrn: '', purpose: 'purchase',
      processingCode: '000000', amount: { amountMinor: 1250, currency: '978' }, billing: undefined, actualMinor: undefined, partialAllowed: false,
      approvalCode: '', advisedDecline: false, original: undefined, expiry: '2812', trackExpiry: undefined, cardPresent: true, entryMode: 'unknown',
      pin: undefined, newPinBlock: undefined, cardValue: undefined, chip: undefined, panSequence: '', authentication: undefined, fault: undefined,
      merchant: { category: '5411', id: 'MERCHANT1', name: version === '2003' ? '' : 'ACME' },
    });
    expect(meaning.pan?.reveal()).toBe('4761739001010119');
  });

  it('shows no card number that its sender wrote among what people read', () => {
    const changes: Fields = version === '2003' ? { 42: 'CARD 4761739001010119 X' } : { 42: 'M', 43: 'BY 4761739001010119+4761739001010119 X' };
    const shown = version === '2003' ? { id: 'CARD 476173******0119 X' } : { id: 'M', name: 'BY 476173******0119+476173******0119 X' };
    expect(card(version, '100', changes).merchant).toMatchObject(shown);
  });

  it('has a trace without padding', () => {
    const localAt = { '1987': '1122090512', '1993': '261122090512', '2003': '20261122090512' }[version];
    expect(meaning.trace).toEqual({
      station: 'shop', acquirer: '476173', class: 'authorization', function: 'request', stan: '4217', transmittedAt: '1122080512', localAt, terminal: 'TERM01',
    });
  });

  it('is the same in every class and function, but for those', () => {
    expect(card(version, '101')).toMatchObject({ repeat: true, trace: meaning.trace, fingerprint: meaning.fingerprint });
    expect(card(version, '120')).toMatchObject({ function: 'advice', trace: { ...meaning.trace, function: 'advice' } });
    expect(card(version, '140')).toMatchObject({ function: 'notification', trace: { ...meaning.trace, function: 'advice' } });
    const financial = version === '1987' ? {} : { 24: '200' };
    expect(card(version, '200', financial)).toMatchObject({ class: 'financial', function: 'request', purpose: 'purchase', fault: undefined });
    expect(card(version, '221', financial)).toMatchObject({ class: 'financial', function: 'advice', repeat: true, purpose: 'purchase' });
    const reversal = version === '1987' ? {} : { 24: '400' };
    expect(card(version, '400', reversal)).toMatchObject({ class: 'reversal', function: 'request', amount: { amountMinor: 1250 }, actualMinor: undefined, fault: undefined });
    expect(card(version, '421', reversal)).toMatchObject({ class: 'reversal', function: 'advice', repeat: true, fault: undefined });
  });
});

const zero: Readonly<Record<Version, Fields>> = { '1987': { 4: '000000000000' }, '1993': { 4: '000000000000' }, '2003': { 4: '9782000000000000' } };

const newPin: Readonly<Record<Version, Fields>> = { '1987': { 110: 'PN0160102030405060708' }, '1993': { 111: 'PN0160102030405060708' }, '2003': { 111: '01000BDF02080102030405060708' } };

interface PurposeCase {
  readonly what: string;
  readonly mti: string;
  readonly purpose: CardMeaning['purpose'];
  readonly versions?: readonly Version[];
  readonly fields: (version: Version) => Fields;
}

const later: readonly Version[] = ['1993', '2003'];
const first: readonly Version[] = ['1987'];

const purposeCases: readonly PurposeCase[] = [
  { what: 'DE3 01', mti: '100', purpose: 'cash', fields: () => ({ 3: '010000' }) },
  { what: 'DE3 09', mti: '100', purpose: 'cash', fields: () => ({ 3: '090000' }) },
  { what: 'DE3 20', mti: '100', purpose: 'refund', fields: () => ({ 3: '200000' }) },
  { what: 'DE3 30', mti: '100', purpose: 'balanceInquiry', fields: () => ({ 3: '300000', 4: undefined, 49: undefined }) },
  { what: 'DE3 31', mti: '100', purpose: 'balanceInquiry', fields: (version) => ({ 3: '310000', ...zero[version] }) },
  { what: 'DE3 38', mti: '100', purpose: 'verification', fields: () => ({ 3: '380000', 4: undefined, 49: undefined }) },
  { what: 'DE3 33', mti: '100', purpose: 'verification', fields: () => ({ 3: '330000', 4: undefined, 49: undefined }) },
  { what: 'DE3 92', mti: '100', purpose: 'pinChange', fields: (version) => ({ 3: '920000', 4: undefined, 49: undefined, ...newPin[version] }) },
  { what: 'DE3 92 and an amount of zero', mti: '100', purpose: 'pinChange', fields: (version) => ({ 3: '920000', ...zero[version], ...newPin[version] }) },
  { what: 'DE3 92 and DE24 113', mti: '100', purpose: 'pinChange', versions: later, fields: (version) => ({ 3: '920000', 24: '113', ...newPin[version] }) },
  { what: 'DE3 92', mti: '400', purpose: 'pinChange', fields: (version) => ({ 3: '920000', 4: undefined, 49: undefined, ...(version === '1987' ? {} : { 24: '400' }) }) },
  { what: 'DE3 21', mti: '100', purpose: 'unsupported', fields: () => ({ 3: '210000' }) },
  { what: 'an amount of zero', mti: '100', purpose: 'verification', fields: (version) => zero[version] },
  { what: 'DE25 06', mti: '100', purpose: 'preauthorization', versions: first, fields: () => ({ 25: '06' }) },
  { what: 'DE25 06 and an original', mti: '100', purpose: 'increment', versions: first, fields: () => ({ 25: '06', 90: original1987 }) },
  { what: 'an original alone', mti: '100', purpose: 'purchase', fields: (version) => originals[version] },
  { what: 'DE24 101', mti: '100', purpose: 'preauthorization', versions: later, fields: () => ({ 24: '101' }) },
  { what: 'DE24 106', mti: '100', purpose: 'increment', versions: later, fields: (version) => ({ 24: '106', ...originals[version] }) },
  { what: 'DE24 107', mti: '100', purpose: 'increment', versions: later, fields: () => ({ 24: '107' }) },
  { what: 'DE24 102 (replacement)', mti: '100', purpose: 'unsupported', versions: later, fields: () => ({ 24: '102' }) },
  { what: 'DE24 113', mti: '100', purpose: 'verification', versions: later, fields: () => ({ 24: '113' }) },
  { what: 'DE24 of another class', mti: '100', purpose: 'unsupported', versions: later, fields: () => ({ 24: '200' }) },
  { what: 'no DE24', mti: '100', purpose: 'purchase', versions: later, fields: () => ({ 24: undefined }) },
  { what: 'an authorization as its original', mti: '220', purpose: 'completion', fields: (version) => ({ ...originals[version], ...(version === '1987' ? {} : { 24: '200' }) }) },
  { what: 'an authorization as its original, asking', mti: '200', purpose: 'completion', fields: (version) => ({ ...originals[version], ...(version === '1987' ? {} : { 24: '200' }) }) },
  { what: 'a financial message as its original', mti: '220', purpose: 'purchase', versions: first, fields: () => ({ 90: `02${original1987.slice(2)}` }) },
  { what: 'DE24 201', mti: '220', purpose: 'completion', versions: later, fields: () => ({ 24: '201' }) },
  { what: 'DE24 202', mti: '220', purpose: 'completion', versions: later, fields: () => ({ 24: '202' }) },
  { what: 'DE25 06 in a financial message', mti: '200', purpose: 'completion', versions: first, fields: () => ({ 25: '06' }) },
  { what: 'an approval code in an advice', mti: '220', purpose: 'completion', versions: first, fields: () => ({ 38: 'A12345' }) },
  { what: 'an approval code in a request', mti: '200', purpose: 'purchase', versions: first, fields: () => ({ 38: 'A12345' }) },
  { what: 'an approval code in an advice of cash', mti: '220', purpose: 'cash', versions: first, fields: () => ({ 3: '010000', 38: 'A12345' }) },
  { what: 'DE3 20 and an original', mti: '220', purpose: 'refund', versions: first, fields: () => ({ 3: '200000', 90: original1987, 38: 'A12345' }) },
  { what: 'an amount of zero in a completion', mti: '220', purpose: 'completion', versions: first, fields: (version) => ({ ...zero[version], 90: original1987 }) },
  { what: 'a kind of original that is not done', mti: '400', purpose: 'purchase', versions: first, fields: () => ({ 3: '210000' }) },
];

describe('the purpose', () => {
  const rows = purposeCases.flatMap((row) => (row.versions ?? versions).map((version) => ({ ...row, version })));
  it.each(rows)('of $version x$mti with $what is $purpose', ({ version, mti, purpose, fields }) => {
    expect(card(version, mti, fields(version))).toMatchObject({ purpose, fault: undefined });
  });
});

describe('amounts', () => {
  it('have their currency in DE49, or in 2003 with them', () => {
    expect(card('1993', '100', { 4: '000000000999', 49: '392' }).amount).toEqual({ amountMinor: 999, currency: '392' });
    expect(card('2003', '100', { 4: '3920000000000999' }).amount).toEqual({ amountMinor: 999, currency: '392' });
  });

  it('may have their currency in letters where the format allows it', () => {
    const with49 = (currency: string): unknown =>
      readMessage(decoded(codecOf('iso8583-1987-ascii'), '0100', { ...purchase['1987'], 49: currency }), dialects['1987'], 'shop');
    expect(with49('EUR')).toMatchObject({ amount: { amountMinor: 1250, currency: '978' }, fault: undefined });
    expect(with49('QQQ')).toMatchObject({ amount: undefined, fault: { field: '49', reason: '9100' } });
  });

  it('of 2003 are taken to the currency’s own exponent', () => {
    expect(card('2003', '100', { 4: '3922000000099900' }).amount).toEqual({ amountMinor: 999, currency: '392' });
    expect(card('2003', '100', { 4: '9780000000000012' }).amount).toEqual({ amountMinor: 1200, currency: '978' });
    expect(card('2003', '100', { 4: '3922000000099901' }).fault).toMatchObject({ field: '4', reason: '9100' });
    expect(card('2003', '100', { 4: '9780999999999999' }).fault).toMatchObject({ field: '4', reason: '9100' });
  });

  it('may come with a billing amount', () => {
    expect(card('1987', '100', { 6: '000000001111', 51: '840' }).billing).toEqual({ amountMinor: 1111, currency: '840' });
    expect(card('2003', '100', { 6: '8402000000001111' }).billing).toEqual({ amountMinor: 1111, currency: '840' });
    expect(card('1987', '100', { 6: '000000001111' }).fault).toMatchObject({ field: '51' });
  });

  it('are exact up to twelve nines', () => {
    expect(card('1987', '100', { 4: '999999999999' }).amount?.amountMinor).toBe(999_999_999_999);
  });
});

describe('a reversal', () => {
  it('of 1987 names its original by DE90', () => {
    expect(card('1987', '400', { 90: original1987 }).original).toEqual({
      class: 'authorization', function: 'request', stan: '4216', transmittedAt: '1121080000', localAt: '', acquirer: '476173',
    });
  });

  it.each<[Version, string, string]>([['1993', '261121090000', original1993], ['2003', '20261121090000', original2003]])('of %s names its original by DE56', (version, localAt, de56) => {
    const original = { class: 'authorization', function: 'request', stan: '4216', transmittedAt: '', localAt, acquirer: '476173' };
    expect(card(version, '420', { 24: '400', 56: de56 }).original).toEqual(original);
    expect(card(version, '420', { 24: '400', 56: `${de56.slice(0, -8)}476173` }).original, 'without the length of the acquirer').toEqual(original);
    expect(card(version, '420', { 24: '400', 56: de56.slice(0, -8) }).original, 'without an acquirer').toEqual({ ...original, acquirer: '' });
    expect(card(version, '420', { 24: '400', 56: `${de56.slice(0, 1)}220${de56.slice(4)}` }).original).toEqual({ ...original, class: 'financial', function: 'advice' });
  });

  it('with zeros for its original names none', () => {
    expect(card('1987', '400', { 90: '0'.repeat(42) })).toMatchObject({ original: undefined, fault: undefined });
  });

  it('of 1987 is partial by DE95', () => {
    expect(card('1987', '400', { 95: `000000000250${'0'.repeat(30)}` })).toMatchObject({ amount: { amountMinor: 1250 }, actualMinor: 250, fault: undefined });
    expect(card('1987', '400', { 95: '0'.repeat(42) })).toMatchObject({ amount: { amountMinor: 1250 }, actualMinor: undefined, fault: undefined });
    expect(card('1987', '400', { 95: `000000001251${'0'.repeat(30)}` }).fault).toMatchObject({ field: '95', reason: '1010' });
    expect(card('1987', '400', { 95: `00000000A250${'0'.repeat(30)}` }).fault).toMatchObject({ field: '95', reason: '9100' });
  });

  it('of 1993 is partial by DE24 401, with DE4 and DE30', () => {
    const partial = { 24: '401', 4: '000000000250', 30: '000000001250000000000000' };
    expect(card('1993', '400', partial)).toMatchObject({ amount: { amountMinor: 1250, currency: '978' }, actualMinor: 250, billing: undefined, fault: undefined });
    expect(card('1993', '400', { ...partial, 30: undefined }).fault).toMatchObject({ field: '30', reason: '9100' });
    expect(card('1993', '400', { ...partial, 4: '000000001251' }).fault).toMatchObject({ field: '4', reason: '1010' });
    expect(card('1993', '400', { ...partial, 24: '400' })).toMatchObject({ amount: { amountMinor: 250 }, actualMinor: undefined });
  });

  it('of 2003 is partial by DE24 401, with DE4 and DE30', () => {
    const partial = { 24: '401', 4: '9782000000000250', 30: `9782000000001250${'0'.repeat(16)}` };
    expect(card('2003', '400', partial)).toMatchObject({ amount: { amountMinor: 1250, currency: '978' }, actualMinor: 250, fault: undefined });
    expect(card('2003', '400', { ...partial, 30: `8402000000001250${'0'.repeat(16)}` }).fault).toMatchObject({ field: '30' });
  });

  it('has no response code that counts as a decline', () => {
    expect(card('1987', '420', { 39: '68' })).toMatchObject({ advisedDecline: false, fault: undefined });
  });
});

describe('an advice', () => {
  it.each<[Version, string, boolean]>([
    ['1987', '00', false], ['1987', '10', false], ['1987', '51', true], ['1987', 'Y1', false], ['1987', 'Z1', true],
    ['1993', '000', false], ['1993', '116', true], ['2003', '0000', false], ['2003', '1016', true],
  ])('of %s with DE39 %s tells of a decline: %s', (version, code, declined) => {
    expect(card(version, '120', { 39: code })).toMatchObject({ advisedDecline: declined, fault: undefined });
  });

  it('without DE39 tells of no decline, and one with a code that nobody knows is faulty', () => {
    expect(card('1987', '120')).toMatchObject({ advisedDecline: false, fault: undefined });
    expect(card('1987', '120', { 39: 'QQ' }).fault).toMatchObject({ field: '39', reason: '9100' });
  });
});

describe('faults', () => {
  it.each<[string, Version, string, Fields, string, string]>([
    ['no card number', '1987', '100', { 2: undefined }, '2', '9100'],
    ['a card number of seven digits', '1987', '100', { 2: '4761739' }, '2', '9100'],
    ['no processing code', '1987', '100', { 3: undefined }, '3', '9100'],
    ['no amount', '1987', '100', { 4: undefined }, '4', '9100'],
    ['no amount in a reversal', '1987', '400', { 4: undefined }, '4', '9100'],
    ['no currency', '1987', '100', { 49: undefined }, '49', '9100'],
    ['a currency of zeros', '1987', '100', { 49: '000' }, '49', '9100'],
    ['no trace number', '1993', '100', { 11: undefined }, '11', '9100'],
    ['no transmission time', '1987', '100', { 7: undefined }, '7', '9100'],
    ['the 30th of February', '1987', '100', { 7: '0230080512' }, '7', '9100'],
    ['the 25th hour', '1987', '100', { 12: '250000' }, '12', '9100'],
    ['the 13th month', '1987', '100', { 13: '1301' }, '13', '9100'],
    ['no local time', '1993', '100', { 12: undefined }, '12', '9100'],
    ['a local time of no day', '2003', '100', { 12: '20261131090512' }, '12', '9100'],
    ['an expiry in month 13', '2003', '100', { 14: '2813' }, '14', '9100'],
    ['a track of another card', '1987', '100', { 35: '4761739001010127=28122010000000000' }, '35', '9100'],
    ['a track without a separator', '1987', '100', { 35: '47617390010101192812' }, '35', '9100'],
    ['a track with month 00', '1987', '100', { 35: '4761739001010119=28002010000000000' }, '35', '9100'],
    ['a PIN change without a new PIN', '1987', '100', { 3: '920000' }, '110', '9100'],
    ['a PIN change without a new PIN', '2003', '100', { 3: '920000' }, '111', '9100'],
    ['a payment of nothing', '1987', '200', { 4: '000000000000' }, '4', '1010'],
    ['cash of nothing', '1987', '100', { 3: '010000', 4: '000000000000' }, '4', '1010'],
    ['a refund of nothing', '1987', '100', { 3: '200000', 4: '000000000000' }, '4', '1010'],
    ['an original that is a network message', '1987', '400', { 90: `08${original1987.slice(2)}` }, '90', '9100'],
    ['an original that is an answer', '1987', '400', { 90: `0110${original1987.slice(4)}` }, '90', '9100'],
    ['original data that end early', '1993', '400', { 24: '400', 56: '1100004216' }, '56', '9100'],
    ['a reversal that is something else', '1993', '400', { 24: '450' }, '24', '9100'],
  ])('%s (%s x%s)', (_what, version, mti, fields, field, reason) => {
    expect(card(version, mti, fields).fault).toMatchObject({ field, reason });
  });

  it('show no value of the message', () => {
    const { fault } = card('1987', '100', { 35: '4761739001010127=28122010000000000' });
    expect(fault?.text).toBe('the track is of another card than the number');
  });
});

describe('the fingerprint', () => {
  it.each<[Version, Fields]>([
    ['1987', { 3: '010000' }], ['1987', { 4: '000000001251' }], ['1987', { 49: '840' }], ['1987', { 6: '000000001250', 51: '978' }], ['1987', { 42: 'MERCHANT2' }], ['1987', { 25: '06' }], ['1987', { 18: '7995' }],
    ['1987', { 90: original1987 }], ['1987', { 95: `000000000250${'0'.repeat(30)}` }], ['1993', { 24: '101' }], ['1993', { 30: '0'.repeat(24) }], ['2003', { 56: original2003 }],
  ])('of %s differs with %j', (version, fields) => {
    expect(card(version, '100', fields).fingerprint).not.toBe(card(version, '100').fingerprint);
  });

  it.each(versions)('of %s tells the advice of a decline from that of an approval', (version) => {
    const [approved, declined] = version === '1987' ? ['00', '51'] : version === '1993' ? ['000', '116'] : ['0000', '1016'];
    expect(card(version, '220', { 39: declined }).fingerprint).not.toBe(card(version, '220', { 39: approved }).fingerprint);
  });

  it.each(versions)('of %s does not depend on who and when, nor on any card data', (version) => {
    const changes: Fields = {
      2: '4761739001010127', 7: '1123080512', 11: version === '2003' ? '000000009999' : '009999', 14: '2901', 52: '0102030405060708', 48: '9203123',
      ...(version === '2003' ? { 49: '7100044000012300' } : {}),
    };
    expect(card(version, '101', changes).fingerprint).toBe(card(version, '100').fingerprint);
  });

  it('is short, and tells ten thousand amounts apart', () => {
    const seen = new Set<string>();
    for (let amount = 0; amount < 10_000; amount++) seen.add(card('1987', '100', { 4: String(amount).padStart(12, '0') }).fingerprint);
    expect(seen.size).toBe(10_000);
    expect([...seen].every((text) => /^[0-9a-z]{12}$/.test(text))).toBe(true);
  });
});

describe('partial approval', () => {
  it.each<[Version, Fields, boolean]>([
    ['1987', {}, false], ['1987', { 48: '61051...0' }, true], ['1987', { 48: '61050...0' }, false], ['1987', { 48: 'any text at all' }, false], ['1987', { 48: '92031236105100..' }, true],
    ['1993', { 24: '181' }, true], ['1993', { 48: '61051...0' }, true], ['2003', { 24: '181' }, true], ['2003', { 24: '185' }, true], ['2003', {}, false],
  ])('of %s with %j is allowed: %s', (version, fields, allowed) => {
    expect(card(version, '100', fields)).toMatchObject({ partialAllowed: allowed, purpose: 'purchase' });
  });

  it('is nothing that an advice can ask for', () => {
    expect(card('1987', '120', { 48: '61051...0' }).partialAllowed).toBe(false);
  });
});

describe('other messages', () => {
  it.each<[Version, string, Fields, object]>([
    ['1987', '0800', { 70: '001' }, { function: 'signOn', answerable: true, code: '001' }],
    ['1987', '0800', { 70: '002' }, { function: 'signOff' }],
    ['1987', '0820', { 70: '301' }, { function: 'echo', answerable: true }],
    ['1987', '0800', { 70: '161' }, { function: 'keyChange' }],
    ['1987', '0800', { 70: '201' }, { function: 'cutover' }],
    ['1987', '0800', { 70: '999' }, { function: 'other', code: '999' }],
    ['1987', '0800', {}, { function: 'other', code: '', stan: '1', transmittedAt: '1122080512' }],
    ['1993', '1804', { 24: '801' }, { function: 'signOn' }],
    ['1993', '1820', { 24: '831' }, { function: 'echo', answerable: true }],
    ['1993', '1844', { 24: '821' }, { function: 'cutover', answerable: false }],
    ['2003', '2804', { 24: '802' }, { function: 'signOff' }],
    ['2003', '2804', { 24: '811' }, { function: 'keyChange' }],
  ])('of %s: %s with %j is network management', (version, mti, fields, expected) => {
    const message = decoded(codecs[version], mti, { 7: '1122080512', 11: version === '2003' ? '000000000001' : '000001', ...fields });
    expect(readMessage(message, dialects[version], 'shop')).toMatchObject({ kind: 'network', version, mti, ...expected });
  });

  it.each<[Version, string, boolean]>([
    ['1987', '0302', true], ['1987', '0500', true], ['1987', '0620', true], ['1987', '0740', false], ['1987', '0102', true], ['1987', '0422', true], ['1987', '1100', true],
    ['1993', '0100', true], ['2003', '2160', true], ['2003', '9999', false], ['2003', '2180', false],
  ])('of %s: %s is unsupported, answerable: %s', (version, mti, answerable) => {
    expect(readMessage(decoded(codecs[version], mti, {}), dialects[version], 'shop')).toEqual({ kind: 'unsupported', version, mti, answerable, stan: '', rrn: '', acquirer: '', terminal: '', pan: undefined });
  });

  it.each<[Version, string, string, object]>([
    ['1987', '0110', '00', { class: 'authorization', function: 'request', action: '0000', reason: '0000', approved: true }],
    ['1987', '0210', '05', { class: 'financial', action: '1000', reason: '1000', approved: false }],
    ['1987', '0430', '00', { class: 'reversal', function: 'advice', approved: true }],
    ['1993', '1130', '900', { class: 'authorization', function: 'advice', action: '9000', reason: '9000', approved: true }],
    ['1993', '1814', '800', { class: 'network', action: '8000', approved: true }],
    ['2003', '2110', '1016', { class: 'authorization', reason: '1016', approved: false }],
    ['2003', '2312', '3000', { class: 'other', approved: true }],
    ['1987', '0110', 'QQ', { action: '', reason: undefined, approved: false }],
  ])('of %s: %s with DE39 %s is an answer', (version, mti, code, expected) => {
    const message = decoded(codecs[version], mti, { ...purchase[version], 37: '632608004217', 38: 'A1', 39: code });
    expect(readMessage(message, dialects[version], 'shop')).toMatchObject({
      kind: 'response', version, mti, stan: '4217', acquirer: '476173', terminal: 'TERM01', rrn: '632608004217', approvalCode: 'A1', responseCode: code,
      amount: { amountMinor: 1250, currency: '978' }, ...expected,
    });
  });
});

describe('every shipped format', () => {
  it.each<[string, Version]>([
    ['iso8583-1987-ascii', '1987'], ['iso8583-1987-binary', '1987'], ['iso8583-1987-ebcdic', '1987'],
    ['iso8583-1993-ascii', '1993'], ['iso8583-1993-binary', '1993'], ['iso8583-2003-binary', '2003'],
  ])('%s gives the same meaning', (name, version) => {
    const message = decoded(codecOf(name), `${digitOf(version)}100`, purchase[version]);
    expect(readMessage(message, dialects[version], 'shop')).toEqual(card(version, '100'));
  });
});
