import { describe, expect, it } from 'vitest';
import { authorizationResponseCode, draftAnswer, draftNetworkAnswer, draftNetworkRequest, draftRefusal } from '../../src/dialect/answer.ts';
import type { ChipAnswer } from '../../src/dialect/answer.ts';
import { loadDialect } from '../../src/dialect/load.ts';
import { readMessage } from '../../src/dialect/read.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Response, Version } from '../../src/message/message.ts';
import { reasons } from '../../src/message/reason.ts';
import type { Reason } from '../../src/message/reason.ts';
import { codecOf, smallCodec } from '../iso8583/codecs.ts';
import { codecs, decoded, dialects, digitOf, json, pan, purchase, request, versions } from './stations.ts';
import type { Fields } from './stations.ts';

const approved: Response = { reason: '0000', approvalCode: 'A1B2C3', amount: undefined, billing: undefined, balance: undefined };

function declined(reason: Reason): Response {
  return { ...approved, reason, approvalCode: '' };
}

/** Encoded and decoded again. */
function sent(codec: Codec, draft: Draft): Message {
  return codec.decode(Uint8Array.from(codec.encode(draft)));
}

function answer(version: Version, mti: string, changes: Fields, response: Response, rrn = ''): Message {
  return sent(codecs[version], draftAnswer(request(version, mti, changes), response, dialects[version], new Draft(''), rrn));
}

function texts(message: Message): Record<number, string | undefined> {
  return Object.fromEntries(message.fields().map((field) => [field, message.text(field)]));
}

describe('an answer', () => {
  it.each(versions)('of %s echoes what identifies the request, and says the rest', (version) => {
    const extra: Fields = { 23: '001', 33: '12', 35: `${pan}=28122010000000000`, 48: '9203789', 52: '0102030405060708', 55: '9F270180' };
    const message = answer(version, '101', extra, approved, '632609004217');
    const asked = purchase[version];
    expect(message.mti).toBe(`${digitOf(version)}110`);
    expect(texts(message)).toEqual({
      2: pan, 3: '000000', 4: asked[4], 7: asked[7], 11: asked[11], 12: asked[12], ...(version === '1987' ? { 13: '1122' } : { 24: '100' }),
      23: '001', 32: '00476173', 33: '12', 37: '632609004217', 38: 'A1B2C3', 39: { '1987': '00', '1993': '000', '2003': '0000' }[version],
      41: expect.stringMatching(/^TERM01 *$/), 42: expect.stringMatching(/^MERCHANT1 *$/), ...(version === '2003' ? {} : { 49: '978' }),
    });
  });

  it('has no card number where it came in a track, and no card data ever', () => {
    const message = answer('1987', '100', { 2: undefined, 35: `${pan}=28122010000012300`, 45: `B${pan}^A/B^2812201`, 34: pan }, approved);
    expect([2, 14, 34, 35, 45, 48, 52, 55].map((field) => message.has(field))).toEqual(Array.from({ length: 8 }, () => false));
  });

  it('keeps the request’s DE37, and has none where none is given', () => {
    expect(answer('1987', '100', { 37: 'THEIRS000001' }, approved, 'OURS00000001').text(37)).toBe('THEIRS000001');
    expect(answer('1987', '100', {}, approved).has(37)).toBe(false);
  });

  it('that declines has no approval code', () => {
    const message = answer('1987', '100', { 38: 'ASKED1' }, declined('1016'));
    expect([message.has(38), message.text(39)]).toEqual([false, '51']);
  });

  it('names the original as the request did', () => {
    const de90 = `0100${'0'.repeat(37)}1`;
    expect(answer('1987', '420', { 90: de90 }, declined('4000'))).toMatchObject({ mti: '0430' });
    expect(answer('1987', '420', { 90: de90 }, declined('4000')).text(90)).toBe(de90);
    const de56 = '110000421626112109000006476173';
    expect(answer('1993', '400', { 24: '400', 56: de56 }, declined('4000')).text(56)).toBe(de56);
    expect(answer('1993', '400', { 24: '400', 56: de56 }, declined('4000')).text(39)).toBe('400');
  });
});

describe('a partial approval', () => {
  const partial: Response = { ...approved, reason: '0002', amount: { amountMinor: 500, currency: '978' } };

  it('of 1987 has the amount in DE4, and what was asked in DE54', () => {
    const message = answer('1987', '100', { 3: '002000' }, partial);
    expect([message.text(4), message.text(39), message.text(49), message.text(54)]).toEqual(['000000000500', '10', '978', '2057978C000000001250']);
  });

  it('of 1993 has the amount in DE4, and what was asked in DE30', () => {
    const message = answer('1993', '100', {}, partial);
    expect([message.text(4), message.text(39), message.text(30), message.has(54)]).toEqual(['000000000500', '002', '000000001250000000000000', false]);
  });

  it('of 2003 has the amounts with their currency', () => {
    const message = answer('2003', '100', {}, partial);
    expect([message.text(4), message.text(39), message.text(30)]).toEqual(['9782000000000500', '0002', `9782000000001250${'0'.repeat(16)}`]);
  });
});

describe('amounts of an answer', () => {
  it('say what is held in all on an increment, and have nothing in DE30', () => {
    const message = answer('1993', '100', { 24: '106' }, { ...approved, amount: { amountMinor: 5000, currency: '978' } });
    expect([message.text(4), message.text(39), message.has(30)]).toEqual(['000000005000', '000', false]);
  });

  it('say what is billed, with its currency', () => {
    const response: Response = { ...approved, amount: { amountMinor: 1250, currency: '840' }, billing: { amountMinor: 1111, currency: '978' } };
    const old = answer('1987', '100', { 49: '840' }, response);
    expect([old.text(4), old.text(49), old.text(6), old.text(51)]).toEqual(['000000001250', '840', '000000001111', '978']);
    const modern = answer('2003', '100', { 4: '8402000000001250' }, response);
    expect([modern.text(4), modern.text(6)]).toEqual(['8402000000001250', '9782000000001111']);
  });

  it('of a reversal are those of the request, also of a partial one', () => {
    const response: Response = { ...declined('4000'), amount: { amountMinor: 1250, currency: '978' } };
    const partial = answer('1993', '420', { 24: '401', 4: '000000000250', 30: '000000001250000000000000' }, response);
    expect([partial.text(4), partial.text(30), partial.text(39)]).toEqual(['000000000250', '000000001250000000000000', '400']);
    const replaced = `000000000250${'0'.repeat(30)}`;
    const old = answer('1987', '420', { 95: replaced }, response);
    expect([old.text(4), old.text(95), old.text(39)]).toEqual(['000000001250', replaced, '00']);
  });

  it('of another exponent are written with it', () => {
    const response: Response = { ...approved, amount: { amountMinor: 999, currency: '392' } };
    expect(answer('2003', '100', { 4: '3922000000099900' }, response).text(4)).toBe('3920000000000999');
  });

  it('that DE4 cannot hold are left as they were asked', () => {
    expect(answer('1987', '100', {}, { ...approved, amount: { amountMinor: 1_000_000_000_000, currency: '978' } }).text(4)).toBe('000000001250');
  });
});

describe('a balance', () => {
  const balance = { ledgerMinor: 100_000, availableMinor: -4_200, currency: '978' };

  it.each<[Version, string]>([
    ['1987', '2001978C0000001000002002978D000000004200'],
    ['1993', '2001978C0000001000002002978D000000004200'],
    ['2003', '20019782C00000010000020029782D000000004200'],
  ])('of %s is in DE54, for the account that DE3 names', (version, expected) => {
    expect(answer(version, '100', { 3: '312000' }, { ...approved, balance }).text(54)).toBe(expected);
  });

  it('comes after the amount that was asked', () => {
    const response: Response = { ...approved, reason: '0002', amount: { amountMinor: 500, currency: '978' }, balance };
    expect(answer('1987', '100', {}, response).text(54)).toBe('0057978C0000000012500001978C0000001000000002978D000000004200');
  });

  it('that twelve digits cannot hold is left out', () => {
    expect(answer('1987', '100', {}, { ...approved, balance: { ...balance, ledgerMinor: 1e12 } }).has(54)).toBe(false);
  });
});

describe('what a chip is told', () => {
  const data = 'A1B2C3D4E5F607183030';
  const chip: ChipAnswer = { issuerAuthenticationData: data, responseCode: '00', scripts: [] };
  const block = { template: '71', id: '00000001', commands: ['8424000004AABBCCDD', '8418000004AABBCCDD'] } as const;
  const later = { template: '72', id: '', commands: ['8416000004AABBCCDD'] } as const;

  function told(version: Version, said: ChipAnswer | undefined, dialect = dialects[version], codec = codecs[version]): Message {
    const message = decoded(codec, `${digitOf(version)}100`, { ...purchase[version], 55: '9F2608A1B2C3D4E5F607189F360201A7' });
    return sent(codec, draftAnswer(message, approved, dialect, new Draft(''), '', said));
  }

  it.each(versions)('of %s is in DE55: the issuer’s authentication, the response code, and scripts in their order', (version) => {
    const answered = told(version, { ...chip, scripts: [block, later] });
    const script = '711D9F18040000000186098424000004AABBCCDD86098418000004AABBCCDD';
    expect(answered.text(55)).toBe(`910A${data}8A023030${script}720B86098416000004AABBCCDD`);
    expect([answered.sub(55, '91'), answered.sub(55, '8A'), answered.sub(55, '71.9F18'), answered.sub(55, '72.86')]).toEqual([data, '3030', '00000001', '8416000004AABBCCDD']);
  });

  it.each(versions)('of %s is nothing where nothing is said: what the chip sent does not go back', (version) => {
    expect(told(version, undefined).has(55)).toBe(false);
  });

  it('may be the response code alone, or without it', () => {
    expect(told('1987', { issuerAuthenticationData: '', responseCode: '51', scripts: [] }).text(55)).toBe('8A023531');
    const content = json('dialects/iso8583-1987.json') as { answer: object };
    const silent = loadDialect({ ...content, answer: { ...content.answer, chipResponseCode: false } }, 'mine.json', dialects['1987'].reasons);
    expect(told('1987', chip, silent).text(55)).toBe(`910A${data}`);
    expect(told('1987', { issuerAuthenticationData: '', responseCode: '51', scripts: [] }, silent).has(55)).toBe(false);
  });

  it('is without the last scripts where the format has no room for them', () => {
    const long = { template: '72', id: '00000002', commands: ['84'.repeat(200)] } as const;
    expect(told('1993', { ...chip, scripts: [block, long] }).sub(55, '71.9F18')).toBe('00000001');
    expect(told('1993', { ...chip, scripts: [block, long] }).text(55)).not.toContain('72');
    expect(told('1987', { ...chip, scripts: [block, long] }).sub(55, '72.86')).toBe('84'.repeat(200));
    expect(told('1993', { ...chip, scripts: [{ ...long, commands: ['84'.repeat(300)] }] }).text(55)).toBe(`910A${data}8A023030`);
  });

  it('is nothing where the format has no DE55, or no room in it', () => {
    const n = (length: number): object => ({ name: 'x', kind: 'n', length });
    const fields = { 3: n(6), 4: n(12), 11: n(6), 39: { name: 'x', kind: 'an', length: 2 }, 49: n(3) };
    const ask = (codec: Codec): Message => sent(codec, draftAnswer(decoded(codec, '0100', { 11: '000001' }), approved, dialects['1987'], new Draft(''), '', chip));
    expect(ask(smallCodec({ fields })).has(55)).toBe(false);
    expect(ask(smallCodec({ fields: { ...fields, 55: { name: 'x', kind: 'b', prefix: 'LL', max: 8 } } })).has(55)).toBe(false);
  });
});

describe('the authorization response code', () => {
  it('of 1987 is DE39 itself', () => {
    expect(['00', '51', 'N7'].map((code) => authorizationResponseCode(dialects['1987'], code))).toEqual(['00', '51', 'N7']);
  });

  it('of the others is what 1987 would say of the commonest, 00 of another approval and 05 of another decline', () => {
    expect(['000', '002', '116', '117', '101', '208', '125', '900', '999'].map((code) => authorizationResponseCode(dialects['1993'], code))).toEqual(['00', '10', '51', '55', '54', '41', '05', '00', '05']);
    expect(['0000', '0003', '1016', '1017', '1107', '9111', '1045', 'none'].map((code) => authorizationResponseCode(dialects['2003'], code))).toEqual(['00', '00', '51', '55', '05', '91', '82', '05']);
  });

  it.each(versions)('of %s is two characters for every reason', (version) => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect.soft(authorizationResponseCode(dialects[version], dialects[version].reasons.responseCode(reason)), reason).toMatch(/^[0-9A-Z]{2}$/);
    }
  });
});

describe('a format error', () => {
  it('names the field in DE44 of 1987', () => {
    const message = answer('1987', '100', {}, { ...declined('9100'), field: '49' });
    expect([message.text(39), message.text(44)]).toEqual(['30', '049']);
    expect(answer('1987', '100', {}, { ...declined('9100'), field: '55.9F26' }).text(44)).toBe('055');
    expect(answer('1987', '100', {}, { ...declined('1010'), field: '4' }).has(44)).toBe(false);
    expect(answer('1993', '100', {}, { ...declined('9100'), field: '49' }).has(44)).toBe(false);
  });
});

describe('every reason', () => {
  it.each(versions)('can be answered in %s', (version) => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect.soft(answer(version, '100', {}, declined(reason)).text(39), reason).toBe(dialects[version].reasons.responseCode(reason));
    }
  });
});

describe('network management', () => {
  it.each<[Version, string, string, Fields, string, string]>([
    ['1987', '0800', '0810', { 70: '301' }, '00', '12'], ['1993', '1804', '1814', { 12: '261122090512', 24: '831' }, '800', '902'], ['2003', '2804', '2814', { 12: '20261122090512', 24: '831' }, '8000', '9102'],
  ])('of %s: %s is answered by %s with its code, accepted or refused', (version, mti, answered, fields, accepted, refused) => {
    const asked: Fields = { 7: '1122080512', 11: version === '2003' ? '000000000001' : '000001', ...fields };
    const message = decoded(codecs[version], mti, asked);
    const yes = sent(codecs[version], draftNetworkAnswer(message, undefined, dialects[version], new Draft('')));
    expect([yes.mti, texts(yes)]).toEqual([answered, { ...asked, 39: accepted }]);
    const no = sent(codecs[version], draftNetworkAnswer(message, '9102', dialects[version], new Draft('')));
    expect(no.text(39)).toBe(refused);
  });

  it.each(versions)('of %s can be asked for too, and is understood', (version) => {
    for (const what of ['signOn', 'signOff', 'echo'] as const) {
      const draft = new Draft('');
      expect(draftNetworkRequest(what, '42', '1122080512', '20261122090512', dialects[version], draft)).toBe(true);
      expect(readMessage(sent(codecs[version], draft), dialects[version], 'shop')).toMatchObject({ kind: 'network', function: what, stan: '42', transmittedAt: '1122080512', answerable: true });
    }
    expect(draftNetworkRequest('other', '42', '1122080512', '20261122090512', dialects[version], new Draft(''))).toBe(false);
  });
});

describe('a refusal', () => {
  it.each<[Version, string, string, Reason, string]>([
    ['1987', '0302', '0312', '9102', '12'], ['1987', '0100', '0110', '9100', '30'], ['1993', '1304', '1314', '9102', '902'], ['2003', '2100', '2110', '9100', '9100'],
  ])('of %s: %s gets %s with reason %s as %s', (version, mti, answered, reason, code) => {
    const message = sent(codecs[version], draftRefusal(decoded(codecs[version], mti, purchase[version]), reason, dialects[version], new Draft('')));
    expect([message.mti, message.text(39), message.text(11)]).toEqual([answered, code, purchase[version][11]]);
  });
});

describe('a draft', () => {
  it('is used again without a trace of what it held', () => {
    const draft = new Draft('');
    draftAnswer(request('1987', '100', { 37: 'THEIRS000001' }), { ...approved, balance: { ledgerMinor: 1, availableMinor: 1, currency: '978' } }, dialects['1987'], draft, '');
    const again = sent(codecs['1987'], draftAnswer(request('1987', '100'), declined('1016'), dialects['1987'], draft, ''));
    expect([again.has(37), again.has(38), again.has(54)]).toEqual([false, false, false]);
  });

  it('has nothing that the station’s format has no field for', () => {
    const n = (length: number): object => ({ name: 'x', kind: 'n', length });
    const codec = smallCodec({ fields: { 3: n(6), 4: n(12), 7: n(10), 11: n(6), 39: { name: 'x', kind: 'an', length: 2 }, 49: n(3) } });
    const message = decoded(codec, '0100', { 3: '000000', 4: '000000001250', 7: '1122080512', 11: '004217', 49: '978' });
    const response: Response = { reason: '0002', approvalCode: 'A1B2C3', amount: { amountMinor: 1, currency: '978' }, billing: { amountMinor: 1, currency: '840' }, balance: { ledgerMinor: 1, availableMinor: 1, currency: '978' }, field: '3' };
    expect(texts(sent(codec, draftAnswer(message, response, dialects['1987'], new Draft(''), '632609004217'))))
      .toEqual({ 3: '000000', 4: '000000000001', 7: '1122080512', 11: '004217', 39: '10', 49: '978' });
  });

  it('goes back with the header that its format has', () => {
    const codec = codecOf('jpos-1993-ebcdic');
    const header = codec.spec.header;
    expect(header).toBeDefined();
    const draft = new Draft('1100');
    draft.header = '1F'.repeat(header!.max);
    for (const [field, text] of Object.entries(purchase['1993'])) draft.set(Number(field), text!);
    const message = sent(codec, draft);
    expect(sent(codec, draftAnswer(message, approved, dialects['1993'], new Draft(''), '')).header).toBe(message.header);
  });
});
