/** Messages of issuers to acquirers: which is what by a dialect, what of it is passed on between each two editions, and what never is. */
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { loadDialect } from '../../src/dialect/load.ts';
import { typeSentAgain } from '../../src/dialect/mti.ts';
import { draftPassed } from '../../src/dialect/passed.ts';
import type { PassedKind } from '../../src/dialect/rules.ts';
import { readPassed } from '../../src/dialect/to-acquirer.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import type { Version } from '../../src/message/message.ts';
import { codecs, decoded, dialects, digitOf, json, pan, purchase, versions } from './stations.ts';
import type { Fields } from './stations.ts';

const own = { stan: '917', transmittedAt: '0102030405', localAt: '20260102040506' };

function sent(version: Version, type: string, changes: Fields = {}): Message {
  return decoded(codecs[version], digitOf(version) + type, { ...purchase[version], 37: '000000004217', ...changes });
}

function passed(message: Message, to: Version): Message {
  const from = message.codec.spec.version;
  const meaning = readPassed(message, dialects[from])!;
  const draft = new Draft('');
  const fault = draftPassed(message, meaning, { dialect: dialects[from], spec: codecs[from].spec }, { dialect: dialects[to], spec: codecs[to].spec }, own, draft);
  if (fault !== undefined) throw new Error(`DE${fault.field}: ${fault.text}`);
  return codecs[to].decode(Uint8Array.from(codecs[to].encode(draft)));
}

const typesOf: Readonly<Record<PassedKind, Readonly<Record<'1987' | 'later', string>>>> = {
  chargeback: { 1987: '422', later: '422' }, feeCollection: { 1987: '222', later: '722' }, fundsDisbursement: { 1987: '222', later: '722' }, text: { 1987: '622', later: '622' },
};

function typeOf(kind: PassedKind, version: Version): string {
  return typesOf[kind][version === '1987' ? '1987' : 'later'];
}

const codes: Readonly<Record<PassedKind, string>> = { chargeback: '000000', feeCollection: '190000', fundsDisbursement: '290000', text: '000000' };

function textOf(version: Version, words: string): Fields {
  return version === '1987' ? { 48: words } : version === '1993' ? { 72: words } : {};
}

const pairs = versions.flatMap((from) => versions.map((to) => [from, to] as const));
const kinds: readonly PassedKind[] = ['chargeback', 'feeCollection', 'fundsDisbursement', 'text'];

describe.for(pairs)('from an issuer of %s to an acquirer of %s', ([from, to]) => {
  it.for(kinds)('a message of the kind %s is one there, with card, amount, references and place', (kind) => {
    if (kind === 'text' && from === '2003') return;
    const message = sent(from, typeOf(kind, from), { 3: codes[kind], ...(kind === 'text' ? textOf(from, 'Call us') : {}) });
    const told = passed(message, to);
    expect(told.mti).toBe(digitOf(to) + typeOf(kind, to));
    const meaning = readPassed(told, dialects[to])!;
    expect(meaning).toMatchObject({ kind, fault: undefined, stan: '917', transmittedAt: own.transmittedAt, destination: '476173', rrn: '000000004217', terminal: 'TERM01', amount: { amountMinor: 1_250, currency: '978' } });
    expect(meaning.pan?.reveal()).toBe(pan);
    expect(told.text(12)?.endsWith('090512')).toBe(true);
    if (kind === 'text') expect(meaning.text).toBe('Call us');
  });

  it('nothing secret of it is passed on, whatever the issuer has put in', () => {
    const track = `${pan}D31121010000012300000`;
    const cvv2 = '9203321';
    const message = sent(from, '422', {
      35: track.replace('D', '='), 52: '0123456789ABCDEF', ...(from === '2003' ? {} : { 48: cvv2 }), 55: '9F2608AABBCCDDEEFF0011', 64: from === '2003' ? 'FFFFFFFF' : 'FFFFFFFFFFFFFFFF',
    });
    const told = passed(message, to);
    for (const field of [35, 36, 45, 52, 53, 55, 64, 128]) expect([field, told.has(field)]).toEqual([field, false]);
    for (const field of [48, 72]) expect(told.text(field) ?? '').not.toContain('321');
  });

  it('any part of a message may be missing, or be anything: it is passed on, or not for a reason', () => {
    const fields = Object.entries(purchase[from]).map(([field, text]) => [Number(field), text] as const).filter((each): each is readonly [number, string] => each[1] !== undefined);
    fc.assert(fc.property(fc.subarray(fields), fc.constantFrom(...kinds), fc.boolean(), (some, kind, isRepeat) => {
      const type = digitOf(from) + typeOf(kind, from);
      const message = decoded(codecs[from], isRepeat ? typeSentAgain(type) : type, { 11: purchase[from][11], ...Object.fromEntries(some) });
      const meaning = readPassed(message, dialects[from]);
      if (meaning === undefined) return;
      expect(meaning.isRepeat).toBe(isRepeat);
      expect(meaning.mti).toBe(type);
      const draft = new Draft('');
      draftPassed(message, meaning, { dialect: dialects[from], spec: codecs[from].spec }, { dialect: dialects[to], spec: codecs[to].spec }, own, draft);
      if (meaning.fault === undefined) expect(codecs[to].decode(Uint8Array.from(codecs[to].encode(draft))).text(11)?.endsWith('917')).toBe(true);
    }), { numRuns: 60 });
  });
});

test('what names no kind of the dialect is none', () => {
  for (const version of versions) for (const type of ['100', '200', '220', '420', '600', '800', '410', '402', '742']) expect([version, type, readPassed(sent(version, type), dialects[version])]).toEqual([version, type, undefined]);
  expect(readPassed(sent('1987', '220', { 3: '190000' }), dialects['1987'])?.kind).toBe('feeCollection');
  expect(readPassed(sent('1987', '221', { 3: '290000' }), dialects['1987'])).toMatchObject({ kind: 'fundsDisbursement', isRepeat: true, mti: '0220' });
});

test.for<[what: string, changes: Fields, type: string, field: string]>([
  ['no card', { 2: undefined }, '422', '2'], ['no amount', { 4: undefined, 49: undefined }, '222', '4'], ['no institution', { 32: undefined }, '422', '100'], ['no trace', { 7: undefined }, '422', '7'],
  ['a day that is none', { 7: '1332080512' }, '422', '7'], ['no text', {}, '622', '48'],
])('a message with %s has its fault', ([_what, changes, type, field]) => {
  expect(readPassed(sent('1987', type, { 3: type === '222' ? '190000' : '000000', ...changes }), dialects['1987'])?.fault).toMatchObject({ field, reason: '9100' });
});

test.for<[rule: unknown, sentence: string]>([
  [{ kind: 'chargeback', types: ['1422'] }, 'is no type of 1987'], [{ kind: 'chargeback', types: ['0402'] }, 'is no advice as it is sent first'], [{ kind: 'chargeback', types: ['0423'] }, 'is no advice as it is sent first'],
  [{ kind: 'text', types: ['0820'] }, 'is no advice as it is sent first'], [{ kind: 'text', types: [] }, 'at least one is needed'], [{ kind: 'gift', types: ['0620'] }, 'kind'],
  [{ kind: 'feeCollection', types: ['0220'], processingCodes: ['1'] }, 'a transaction type is the first two characters of DE3'], [{ kind: 'chargeback', types: ['0422'], functionCode: '450' }, '1987 has none'],
])('a rule %j is refused', ([rule, sentence]) => {
  expect(() => loadDialect({ ...(json('dialects/iso8583-1987.json') as object), toAcquirer: { kinds: [rule], destination: [32] } }, 'x.json', dialects['1987'].reasons)).toThrow(sentence);
});

test('a dialect without them has none, and an acquirer’s that lacks the kind is no place for it', () => {
  const bare = loadDialect({ ...(json('dialects/iso8583-1987.json') as object), toAcquirer: undefined }, 'x.json', dialects['1987'].reasons);
  const message = sent('1987', '422');
  expect(readPassed(message, bare)).toBe(undefined);
  const side = { dialect: dialects['1987'], spec: codecs['1987'].spec };
  expect(draftPassed(message, readPassed(message, dialects['1987'])!, side, { ...side, dialect: bare }, own, new Draft(''))).toMatchObject({ text: 'the dialect iso8583-1987 has no type for this kind of message' });
});
