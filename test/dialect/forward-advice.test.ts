import { describe, expect, it } from 'vitest';
import { adviceContent, draftAdvice, reversalContent } from '../../src/dialect/forward-advice.ts';
import type { OwnValues } from '../../src/dialect/forward.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import type { CardMeaning } from '../../src/dialect/meaning.ts';
import { placeText } from '../../src/dialect/places.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import type { AdviceContent, SentReference } from '../../src/message/advice.ts';
import type { MessageClass } from '../../src/message/message.ts';
import { Pan } from '../../src/message/pan.ts';
import { standInReasons } from '../../src/standin/condition.ts';
import { codecOf, shippedNames } from '../iso8583/codecs.ts';
import { codecs, dialects, digitOf, pan, request, versions } from './stations.ts';

const own: OwnValues = { stan: '555', transmittedAt: '1122081500', localAt: '20261122091500' };
const number = Pan.parse(pan)!;

function sideOf(codec: Codec): Side {
  return { dialect: dialects[codec.spec.version], spec: codec.spec };
}

/** A stood-in purchase of an acquirer of 1987, as it is kept: through JSON. */
function kept(mti = '100', changes: Parameters<typeof request>[2] = {}, decided: Partial<AdviceContent> = {}): AdviceContent {
  const message = request('1987', mti, { 19: '276', 22: '051', 23: '001', 37: 'ACQ000000001', ...changes });
  const meaning = readMessage(message, dialects['1987'], 'shop') as CardMeaning;
  const content = adviceContent(message, meaning, dialects['1987'], {
    approved: undefined, reason: '0000', approvalCode: 'STAND1', standInReason: 'timeout', replaces: undefined, ...decided,
  });
  return JSON.parse(JSON.stringify(content)) as AdviceContent;
}

function advised(codec: Codec, of: MessageClass, content: AdviceContent, isRepeat = false): { message: Message; meaning: CardMeaning } {
  const draft = new Draft('');
  expect(draftAdvice(of, content, number, sideOf(codec), own, isRepeat, draft)).toBe(undefined);
  return read(codec, draft);
}

function read(codec: Codec, draft: Draft): { message: Message; meaning: CardMeaning } {
  const message = codec.decode(Uint8Array.from(codec.encode(draft)));
  const meaning = readMessage(message, dialects[codec.spec.version], 'host');
  if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
  return { message, meaning };
}

/** DE25, or what stands for it in 1987. */
function why(message: Message): string | undefined {
  return message.codec.spec.version === '1987' ? message.text(60) : message.text(25);
}

describe.each(shippedNames)('an advice in %s', (name) => {
  const codec = codecOf(name);
  const { version } = codec.spec;
  const digit = digitOf(version);

  it('tells an issuer what was approved in its place, and why', () => {
    const { message, meaning } = advised(codec, 'authorization', kept());
    expect(meaning).toMatchObject({
      mti: `${digit}120`, purpose: 'purchase', amount: { amountMinor: 1250, currency: '978' }, approvalCode: 'STAND1', advisedDecline: false, expiry: '2812', entryMode: 'chip',
      rrn: 'ACQ000000001', panSequence: '01', fault: undefined, cardPresent: true, merchant: { category: '5411', id: 'MERCHANT1' },
      trace: { stan: '555', transmittedAt: '1122081500', terminal: 'TERM01', acquirer: '476173' },
    });
    expect([meaning.pan?.reveal(), why(message), meaning.trace.localAt.slice(-10), message.text(19)]).toEqual([pan, '1002', '1122090512', '276']);
    expect(message.text(39)).toBe(dialects[version].reasons.responseCode('0000'));
  });

  it('tells a decline with its reason, and a financial one under its own type', () => {
    const { message, meaning } = advised(codec, 'financial', kept('200', {}, { reason: '1021', approvalCode: '' }));
    expect([meaning.mti, meaning.advisedDecline, message.text(39), message.has(38)]).toEqual([`${digit}220`, true, dialects[version].reasons.responseCode('1021'), false]);
  });

  it('tells how many wrong PINs in a row were counted, and says nothing where this one was not wrong', () => {
    const place = dialects[version].forward.wrongPins!;
    const told = (wrongPins: number): string | undefined => placeText(advised(codec, 'authorization', { ...kept('100', {}, { reason: '1017', approvalCode: '' }), wrongPins }).message, place, 'characters');
    expect([told(3), told(0)]).toEqual(['03', undefined]);
  });

  it('tells the part that was approved', () => {
    const { meaning } = advised(codec, 'authorization', kept('100', {}, { approved: { amountMinor: 700, currency: '978' }, reason: '0002' }));
    expect([meaning.amount, meaning.advisedDecline]).toEqual([{ amountMinor: 700, currency: '978' }, false]);
  });

  it('is the same message under the repeat type when it goes again', () => {
    const first = advised(codec, 'authorization', kept());
    const again = advised(codec, 'authorization', kept(), true);
    expect([again.meaning.mti, again.meaning.repeat]).toEqual([`${digit}121`, true]);
    expect(again.message.fields().map((field) => again.message.text(field))).toEqual(first.message.fields().map((field) => first.message.text(field)));
  });

  it('takes a request back that was sent, as the issuer knows it', () => {
    const sent: SentReference = { class: 'authorization', stan: '77', transmittedAt: '1122081400', localAt: version === '1987' ? '1122090512' : version === '1993' ? '261122090512' : '20261122090512', acquirer: '476173' };
    const draft = new Draft('');
    expect(draftAdvice('reversal', reversalContent(kept(), sent, 'noAnswer'), number, sideOf(codec), own, true, draft)).toBe(undefined);
    const { message, meaning } = read(codec, draft);
    expect(meaning).toMatchObject({
      mti: `${digit}421`, class: 'reversal', amount: { amountMinor: 1250, currency: '978' }, actualMinor: undefined, fault: undefined,
      original: { class: 'authorization', function: 'request', stan: '77', acquirer: '476173', ...(version === '1987' ? { transmittedAt: '1122081400' } : { localAt: sent.localAt }) },
    });
    expect([why(message), message.has(38)]).toEqual(['4021', false]);
    draftAdvice('reversal', reversalContent(kept(), sent, 'timeout'), number, sideOf(codec), own, false, draft);
    expect(why(read(codec, draft).message)).toBe('4021');
  });

  it('passes an acquirer’s partial reversal on with what it came to', () => {
    const { meaning } = advised(codec, 'reversal', kept('420', { 90: `0100004217112208051200000476173${'0'.repeat(11)}`, 95: `000000000400${'0'.repeat(30)}` }, { standInReason: 'customer' }));
    expect([meaning.amount, meaning.actualMinor, meaning.original?.stan, meaning.fault]).toEqual([{ amountMinor: 1250, currency: '978' }, 400, '4217', undefined]);
  });

  it('names the request that it replaces', () => {
    const replaces: SentReference = { class: 'financial', stan: '99', transmittedAt: '1122081400', localAt: '', acquirer: '476173' };
    const { meaning } = advised(codec, 'financial', kept('200', {}, { replaces, approvalCode: '' }));
    expect([meaning.purpose, meaning.original?.stan, meaning.original?.class]).toEqual(['purchase', '99', 'financial']);
  });

  it.each(['preauthorization', 'completion', 'cash', 'verification', 'balanceInquiry'] as const)('keeps the purpose of a %s', (purpose) => {
    const [of, mti, changes] = ({
      preauthorization: ['authorization', '100', { 25: '06' }], completion: ['financial', '220', { 25: '06', 38: 'A1B2C3' }], cash: ['financial', '200', { 3: '010000' }],
      verification: ['authorization', '100', { 4: '000000000000' }], balanceInquiry: ['authorization', '100', { 3: '310000', 4: undefined, 49: undefined }],
    } as const)[purpose];
    expect(advised(codec, of, kept(mti, changes)).meaning.purpose).toBe(purpose);
  });
});

describe('the facts of an advice', () => {
  it('are plain JSON without card data', () => {
    const message = request('1987', '200', { 35: `${pan}=281220112345678900`, 48: '9203123', 52: '1111111111111111', 53: '2001010100000000', 55: '9F2608A1B2C3D4E5F60718' });
    const meaning = readMessage(message, dialects['1987'], 'shop') as CardMeaning;
    const content = adviceContent(message, meaning, dialects['1987'], { approved: undefined, reason: '1016', approvalCode: '', standInReason: 'timeout', replaces: undefined });
    const text = JSON.stringify(content);
    for (const secret of [pan, '281220112345678900', '"123"', '1111111111111111', 'secret', '*']) expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
  });

  it('every reason of stand-in has a code in each shipped dialect, and one for who answered where there is a place for it', () => {
    for (const version of versions) {
      const { why: rules, responder } = dialects[version].forward;
      for (const reason of standInReasons) {
        expect(rules?.codes.get(reason), `${version} ${reason}`).toMatch(/^1[0-9]{3}$/);
        if (responder !== undefined) expect(responder.codes.get(reason), `${version} ${reason}`).toMatch(/^[1-4]$/);
      }
    }
  });

  it('a purpose that the issuer has no code for is a fault, and not another purpose', () => {
    const strange = { ...dialects['1987'], processingCodes: new Map([['00', 'purchase' as const]]) };
    const fault = draftAdvice('financial', kept('200', { 3: '010000' }), number, { dialect: strange, spec: codecs['1987'].spec }, own, false, new Draft(''));
    expect(fault).toEqual({ field: 3, text: 'the dialect iso8583-1987 has no transaction type for this purpose' });
  });
});
