import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftForwarded, forwardRoute } from '../../src/dialect/forward.ts';
import { draftReturned, readResponder, writeResponder } from '../../src/dialect/forward-return.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import { loadDialect } from '../../src/dialect/load.ts';
import type { CardMeaning, ResponseMeaning } from '../../src/dialect/meaning.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { standInReasons } from '../../src/standin/condition.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import { actions } from '../../src/dialect/actions.ts';
import { codecOf, shippedNames } from '../iso8583/codecs.ts';
import { codecs, decoded, dialects, digitOf, json, pan, purchase } from './stations.ts';
import type { Fields } from './stations.ts';

function sideOf(codec: Codec): Side {
  return { dialect: dialects[codec.spec.version], spec: codec.spec };
}

function meaningOf(message: Message): CardMeaning {
  return readMessage(message, dialects[message.codec.spec.version], 'shop') as CardMeaning;
}

/** The issuer's answer to a request of the acquirer's as it was forwarded, with fields of its own, brought back. */
function returned(request: Message, target: Codec, fields: Fields, sides: { source?: Side; target?: Side } = {}, responder = ''): Message {
  const route = forwardRoute(sides.source ?? sideOf(request.codec), sides.target ?? sideOf(target));
  const draft = new Draft('');
  const meaning = meaningOf(request);
  expect(draftForwarded({ message: request, meaning }, route, { stan: '77', transmittedAt: '0102030405', localAt: '20260102040506' }, draft)).toBe(undefined);
  const there = target.decode(Uint8Array.from(target.encode(draft)));
  const answer = new Draft(`${there.mti.slice(0, 2)}${Number(there.mti[2]) + 1}${there.mti[3]!}`);
  for (const field of [2, 3, 4, 7, 11, 12, 32, 37, 41, 49]) if (!(field === 49 && target.spec.version === '2003')) answer.copy(there, field);
  for (const [field, text] of Object.entries(fields)) if (text !== undefined) answer.set(Number(field), text);
  const came = target.decode(Uint8Array.from(target.encode(answer)));
  const back = draftReturned(request, meaning.amount, came, readMessage(came, route.target.dialect, 'host') as ResponseMeaning, route, new Draft(''), '', responder);
  return request.codec.decode(Uint8Array.from(request.codec.encode(back)));
}

function purchaseOf(codec: Codec, mti = '100', changes: Fields = {}): Message {
  const { version } = codec.spec;
  return decoded(codec, digitOf(version) + mti, { ...purchase[version], ...changes });
}

const approvedBy = { '1987': '00', '1993': '000', '2003': '0000' } as const;

const pairs = shippedNames.flatMap((from) => shippedNames.map((to) => [codecOf(from), codecOf(to)] as const));

describe('an issuer’s answer comes back to the acquirer', () => {
  it.each(pairs.map(([source, target]) => [source.spec.name, target.spec.name, source, target] as const))('from %s by %s: with the acquirer’s own values, the decision and the approval code', (_, __, source, target) => {
    const request = purchaseOf(source, '100', { 37: 'ACQ000000001' });
    const answer = returned(request, target, { 39: approvedBy[target.spec.version], 38: 'Z9Y8X7' });
    expect(answer.mti).toBe(`${digitOf(source.spec.version)}110`);
    for (const field of [2, 3, 4, 7, 11, 12, 32, 37, 41, 42]) expect(answer.text(field)).toBe(request.text(field));
    expect([answer.text(39), answer.text(38)]).toEqual([approvedBy[source.spec.version], 'Z9Y8X7']);
  });

  it('every action that an issuer can answer has a response code for the acquirer, and none approves that did not', () => {
    for (const [source, target] of [['1987', '2003'], ['1993', '2003'], ['2003', '1993'], ['2003', '1987']] as const) {
      for (const action of Object.keys(actions)) {
        const code = dialects[target].reasons.responseCodeOfAction(action)!;
        const answer = returned(purchaseOf(codecs[source]), codecs[target], { 39: code });
        const came = readMessage(answer, dialects[source], 'shop') as ResponseMeaning;
        expect(came.action, `${target} ${code}`).not.toBe('');
        if (!dialects[target].reasons.approved(code)) expect(came.approved, `${target} ${code}`).toBe(false);
      }
    }
  });

  it('a response code that the issuer’s map does not know declines', () => {
    expect(returned(purchaseOf(codecs['1993']), codecs['1987'], { 39: 'ZZ' }).text(39)).toBe('100');
  });

  it('00 of 1987 to a reversal and to an advice is told in the words of the later editions', () => {
    expect(returned(purchaseOf(codecs['1993'], '420', { 24: '400' }), codecs['1987'], { 39: '00' }).text(39)).toBe('400');
    expect(returned(purchaseOf(codecs['1993'], '120', { 39: '000' }), codecs['1987'], { 39: '00' }).text(39)).toBe('901');
    expect(returned(purchaseOf(codecs['1987'], '420'), codecs['1993'], { 39: '400' }).text(39)).toBe('00');
  });

  it.each(pairs.map(([source, target]) => [source.spec.name, target.spec.name, source, target] as const))('from %s by %s: a partial approval tells what was approved and what was asked', (_, __, source, target) => {
    const from = source.spec.version;
    const to = target.spec.version;
    const request = purchaseOf(source, '100', from === '1987' ? { 48: '61011' } : { 24: '181' });
    const partial = { 4: to === '2003' ? '9782000000000500' : '000000000500', 39: dialects[to].reasons.responseCodeOfAction('0002')! };
    const answer = returned(request, target, to === '1987' ? { ...partial, 54: '0057978C000000001250' } : partial);
    const came = readMessage(answer, dialects[from], 'shop') as ResponseMeaning;
    expect([came.amount, came.action]).toEqual([{ amountMinor: 500, currency: '978' }, '0002']);
    if (from === '1987') expect(answer.text(54)).toBe('0057978C000000001250');
    else expect(answer.text(30)).toBe(from === '1993' ? `000000001250${'0'.repeat(12)}` : `9782000000001250${'0'.repeat(16)}`);
  });

  it.each(pairs.map(([source, target]) => [source.spec.name, target.spec.name, source, target] as const))('from %s by %s: balances are told in the acquirer’s form', (_, __, source, target) => {
    const exponent = (version: string): string => (version === '2003' ? '2' : '');
    const balances = (version: string): string => `0001978${exponent(version)}C0000000010000002978${exponent(version)}D000000000250`;
    const answer = returned(purchaseOf(source), target, { 39: approvedBy[target.spec.version], 54: balances(target.spec.version) });
    expect(answer.text(54)).toBe(balances(source.spec.version));
  });

  it.each(pairs.map(([source, target]) => [source.spec.name, target.spec.name, source, target] as const))('from %s by %s: what the issuer tells the chip goes to it as it was written, and card data does not', (_, __, source, target) => {
    const said = ['910A0102030405060708', '3030', '8A023030', '72129F180401020304860984240000040A0B0C0D'];
    const answer = returned(purchaseOf(source), target, { 39: approvedBy[target.spec.version], 55: `5A08${pan}${said.join('')}9F36020001` });
    expect(answer.text(55)).toBe(said.join(''));
    expect(answer.text(55)).not.toContain(pan);
  });

  it('where the issuer says no response code for the chip, it is the one that its own answer stands for', () => {
    expect(returned(purchaseOf(codecs['1993']), codecs['1987'], { 39: '51', 55: '91080102030405060708' }).text(55)).toBe('910801020304050607088A023531');
    expect(returned(purchaseOf(codecs['1987']), codecs['2003'], { 39: '1016', 55: '91080102030405060708' }).text(55)).toBe('910801020304050607088A023531');
  });

  it('scripts are left out from the last one on until the field has room', () => {
    const script = `7281C38681C0${'CC'.repeat(192)}`;
    const script2 = `8A02303071628660${'AA'.repeat(96)}`;
    const answer = returned(purchaseOf(codecs['1993']), codecs['1987'], { 39: '00', 55: `910A01020304050607083030${script2}${script}` });
    expect(answer.text(55)).toBe(`910A01020304050607083030${script2}`.toUpperCase());
  });

  it('how a CVV or iCVV came out stays with the switch, and the rest of the field goes on', () => {
    expect(returned(purchaseOf(codecs['1987']), codecOf('iso8583-1987-ebcdic'), { 39: '00', 44: '5  AMX  M' }).text(44)).toBe('5  A X  M');
    expect(returned(purchaseOf(codecs['1987']), codecs['1987'], { 39: '00', 44: '    M' }).text(44)).toBe(undefined);
    expect(returned(purchaseOf(codecs['1993']), codecs['1987'], { 39: '00', 44: '5  AM' }).text(44)).toBe(undefined);
  });

  it('a result in an element of a list is taken out of it', () => {
    const custom = loadDialect({ ...(json('dialects/iso8583-1987.json') as object), forward: { returned: [44], valueResults: [{ form: 'element', field: 44, element: '87' }] } }, 'x.json', dialects['1987'].reasons);
    const side = { dialect: custom, spec: codecs['1987'].spec };
    expect(returned(purchaseOf(codecs['1987']), codecs['1987'], { 39: '00', 44: '8302YY8701M9001A' }, { source: side, target: side }).text(44)).toBe('8302YY9001A');
  });

  it('the number of a field that is wrong in our message is not told to the acquirer', () => {
    const answer = returned(purchaseOf(codecs['1987']), codecs['1987'], { 39: '30', 44: '022' }, {}, 'issuer');
    expect([answer.text(39), answer.text(44)]).toEqual(['30', undefined]);
  });

  it('who answered is told where the dialect has a place for it', () => {
    expect(returned(purchaseOf(codecs['1987']), codecs['1993'], { 39: '000' }, {}, 'issuer').text(44)).toBe('5');
    expect(returned(purchaseOf(codecs['1987']), codecs['1987'], { 39: '00', 44: 'X YZM' }, {}, 'issuer').text(44)).toBe('5 YZ');
    for (const version of ['1987', '1993', '2003'] as const) {
      const answer = returned(purchaseOf(codecs[version]), codecs['1987'], { 39: '00' }, {}, 'issuer');
      expect(readResponder(answer, dialects[version])).toEqual({ code: '5', names: ['issuer', 'account'] });
    }
    const draft = new Draft('0110').set(39, '00');
    expect([writeResponder(draft, sideOf(codecs['1987']), 'timeout'), draft.get(44), draft.get(63)]).toEqual([true, '1', 'SR049020']);
    expect(writeResponder(draft, sideOf(codecs['1987']), 'aReasonWithoutCode')).toBe(false);
  });

  it('every reason for stand-in is told apart in each edition, and read again', () => {
    for (const version of ['1987', '1993', '2003'] as const) {
      const codec = codecs[version];
      for (const reason of standInReasons) {
        const draft = new Draft(`${digitOf(version)}110`).set(39, approvedBy[version]);
        expect(writeResponder(draft, sideOf(codec), reason), `${version} ${reason}`).toBe(true);
        const answer = codec.decode(Uint8Array.from(codec.encode(draft)));
        expect(readResponder(answer, dialects[version])?.names, `${version} ${reason}`).toEqual([reason]);
        expect(dialects[version].forward.why?.codes.has(reason), `${version} ${reason} in advices`).toBe(true);
      }
    }
  });

  it('a format error names its field, and nobody who answered it', () => {
    const { dialect } = sideOf(codecs['1987']);
    const draft = new Draft('0110').set(39, dialect.reasons.responseCode('9100')).set(44, '004');
    expect([writeResponder(draft, sideOf(codecs['1987']), 'account'), draft.get(44), draft.get(63)]).toEqual([false, '004', undefined]);
  });

  it('whatever an issuer puts into its answer, one for the acquirer can be written', () => {
    const hex = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase());
    fc.assert(fc.property(fc.constantFrom(...pairs), fc.stringMatching(/^[0-9A-Z]{2}$/), fc.stringMatching(/^[A-Z0-9 ]{0,25}$/), fc.stringMatching(/^[0-9A-Z]{0,60}$/), hex, ([source, target], code, private44, amounts, chip) => {
      const { version } = target.spec;
      const fields = { 39: version === '1987' ? code : version === '1993' ? '116' : '1016', 54: amounts === '' ? undefined : amounts, 44: version === '2003' || private44 === '' ? undefined : private44 };
      const objects = `91${(chip.length / 2).toString(16).padStart(2, '0')}${chip}`;
      expect(returned(purchaseOf(source), target, { ...fields, 55: objects }).has(39)).toBe(true);
    }), { numRuns: 200 });
  });
});
