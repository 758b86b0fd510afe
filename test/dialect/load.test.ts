import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/json-node.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import { checkSpec, loadDialect } from '../../src/dialect/load.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { loadSpec } from '../../src/iso8583/load.ts';
import type { Version } from '../../src/message/message.ts';
import { codecOf, shippedNames, specJson, variantNames } from '../iso8583/codecs.ts';
import { decoded, dialects, json, purchase, versions } from './stations.ts';
import type { Fields } from './stations.ts';

type Json = Record<string, unknown>;

function file(version: Version): Json {
  return json(`dialects/iso8583-${version}.json`) as Json;
}

function load(version: Version, changes: Json): Dialect {
  return loadDialect({ ...file(version), ...changes }, 'mine.json', dialects[version].reasons);
}

function refusalOf(act: () => unknown): SpecError {
  try {
    act();
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('a dialect file', () => {
  const old = file('1987');
  const entryModes = old['entryModes'] as Json;
  const answer = old['answer'] as Json;
  const pin = old['pin'] as Json;
  const fileAction = old['fileAction'] as Json;

  it.each<[string, Version, Json, string, string]>([
    ['a setting is misspelt', '1987', { cvv: [] }, '$.cvv', 'there is no such setting here'],
    ['a setting is missing', '1987', { network: undefined }, '$.network', 'is missing; it must be an object'],
    ['its reason map is of another edition', '1987', { version: '1993' }, '$.version', 'the reason map iso8583-1987 is one of 1987'],
    ['a processing code is too long', '1987', { processingCodes: { '000': 'purchase' } }, '$.processingCodes.000', 'a transaction type is the first two characters of DE3'],
    ['a purpose is none', '1987', { processingCodes: { '00': 'buy' } }, '$.processingCodes.00', 'must be one of purchase, cash,'],
    ['1987 has function codes', '1987', { functionCodes: {} }, '$.functionCodes', '1987 has no function codes'],
    ['a function code is of another kind', '1993', { functionCodes: { '801': 'original' } }, '$.functionCodes.801', 'a function code of card messages is 1xx, 2xx or 4xx'],
    ['a payment is a reversal', '1993', { functionCodes: { '100': 'fullReversal' } }, '$.functionCodes.100', '4xx, and no other, are codes of reversals'],
    ['1987 has composite amounts', '1987', { amounts: { form: 'composite' } }, '$.amounts.form', 'only messages of 2003 have the currency in the amount'],
    ['a field number is none', '1987', { required: { authorization: [3, 129], financial: [], reversal: [] } }, '$.required.authorization[1]', 'must be a whole number from 2 to 128'],
    ['a condition has no values', '1987', { completion: [{ field: 25, values: [] }] }, '$.completion[0].values', 'at least one value is needed'],
    ['a condition’s values differ in length', '1987', { completion: [{ field: 25, values: ['06', '6'] }] }, '$.completion[0].values[1]', 'the values of one place have one length'],
    ['a mask has no bit', '2003', { cardNotPresent: [{ field: 22, byte: 8, mask: '00' }] }, '$.cardNotPresent[0].mask', 'must be two hexadecimal digits that are not 00'],
    ['an entry mode is too short', '1987', { entryModes: { ...entryModes, codes: { '5': { mode: 'chip', trackValue: 'icvv' } } } }, '$.entryModes.codes.5', 'a code here has 2 characters'],
    ['a rule has no bits', '2003', { entryModes: { field: 22, rules: [{ bits: [], mode: 'chip', trackValue: 'icvv' }] } }, '$.entryModes.rules[0].bits', 'at least one is needed'],
    ['an element is too long', '1987', { cvv2: [{ form: 'element', field: 48, element: '092' }] }, '$.cvv2[0].element', 'an element has an identifier of two characters'],
    ['a dataset is no byte', '2003', { cvv2: [{ form: 'dataset', field: 49, dataset: '7' }] }, '$.cvv2[0].dataset', 'a dataset has an identifier of two hexadecimal digits'],
    ['a network code is too short', '1987', { network: { field: 70, codes: { '1': 'echo' } } }, '$.network.codes.1', 'a network management code has three digits'],
    ['the fingerprint has the card number', '1987', { fingerprint: [2, 3] }, '$.fingerprint[0]', 'DE2 may carry card data and goes into no digest'],
    ['the fingerprint has verification data', '2003', { fingerprint: [3, 49] }, '$.fingerprint[1]', 'DE49 may carry card data and goes into no digest'],
    ['a track is echoed', '1987', { answer: { ...answer, echo: [2, 35] } }, '$.answer.echo[1]', 'DE35 may carry card data and is not echoed'],
    ['DE48 is echoed', '1987', { answer: { ...answer, echo: [48] } }, '$.answer.echo[0]', 'DE48 may carry card data and is not echoed'],
    ['the response code is echoed', '1987', { answer: { ...answer, echo: [39] } }, '$.answer.echo[0]', 'DE39 of an answer is the answer\'s own'],
    ['echoed fields are not in order', '1987', { answer: { ...answer, echo: [4, 3] } }, '$.answer.echo[1]', 'field numbers are listed once and ascending'],
    ['an amount type is a word', '1987', { answer: { ...answer, ledgerAmountType: 'x' } }, '$.answer.ledgerAmountType', 'an amount type of DE54 has two digits'],
    ['a flag is a word', '1987', { approvalCodeCompletes: 'yes' }, '$.approvalCodeCompletes', 'must be true or false'],
    ['a CVV2 in a text has no length', '1987', { cvv2: [{ form: 'text', field: 60, at: 2 }] }, '$.cvv2[0].length', 'is missing; it must be a whole number from 3 to 4'],
    ['a place has a setting of another form', '1987', { cvv2: [{ form: 'text', field: 60, length: 3, tag: 'DF01' }] }, '$.cvv2[0].tag', 'there is no such setting here'],
    ['a place has no form', '1987', { pin: { ...pin, blocks: [{ field: 52 }] } }, '$.pin.blocks[0].form', 'is missing; it must be one of element, dataset, tag, subfield, text'],
    ['a part of an element is too long', '1987', { cvv2: [{ form: 'element', field: 48, element: '66', part: '002' }] }, '$.cvv2[0].part', 'an element has an identifier of two characters'],
    ['an element’s length has four digits', '1987', { pin: { ...pin, newBlocks: [{ form: 'element', field: 110, element: 'PN', lengthDigits: 4 }] } }, '$.pin.newBlocks[0].lengthDigits', 'must be a whole number from 2 to 3'],
    ['a tag is in small letters', '2003', { pin: { ...pin, keySerials: [{ form: 'tag', field: 111, tag: 'df01' }] } }, '$.pin.keySerials[0].tag', 'a tag has two to eight hexadecimal digits, in capitals'],
    ['a subfield is a word', '1987', { authentication: { values: [{ form: 'subfield', field: 126, subfield: 'nine' }], transactionIds: [] } }, '$.authentication.values[0].subfield', 'a subfield is named by its number'],
    ['a PIN block format is none of ours', '1987', { pin: { ...pin, blocks: [{ form: 'text', field: 52, format: 2 }] } }, '$.pin.blocks[0].format', 'format 2 is for chips'],
    ['a PIN block format’s code is a word', '1987', { pin: { ...pin, formats: [{ form: 'text', field: 53, codes: { '01': 'ISO-0' } }] } }, '$.pin.formats[0].codes.01', 'must be one of unsaid'],
    ['there are no codes', '1987', { pin: { ...pin, formats: [{ form: 'text', field: 53, codes: {} }] } }, '$.pin.formats[0].codes', 'at least one is needed'],
    ['a PIN has no blocks', '1987', { pin: { newBlocks: [], formats: [], keySerials: [] } }, '$.pin.blocks', 'is missing; it must be a list'],
    ['authentication is missing', '1987', { authentication: undefined }, '$.authentication', 'is missing; it must be an object'],
    ['a key’s purpose is another', '1987', { keyChange: { blocks: [], cryptograms: [{ key: { form: 'text', field: 48 }, purpose: { form: 'text', field: 53, codes: { '01': 'data' } } }] } }, '$.keyChange.cryptograms[0].purpose.codes.01', 'must be one of pin, mac'],
    ['a key change has a place that nobody knows', '1987', { keyChange: { blocks: [], cryptograms: [], answer: {} } }, '$.keyChange.answer', 'there is no such setting here'],
    ['our own code stands for something else', '1987', { network: { field: 70, codes: { '161': 'keyChange', '301': 'echo' }, own: { keyChange: '301' } } }, '$.network.own.keyChange', 'is no code of keyChange in "codes"'],
    ['a file action is another message', '1987', { fileAction: { ...fileAction, types: ['0100'] } }, '$.fileAction.types[0]', 'is no file action of 1987'],
    ['a file action is of another edition', '1987', { fileAction: { ...fileAction, types: ['1304'] } }, '$.fileAction.types[0]', 'is no file action of 1987'],
    ['a file action is an answer', '1987', { fileAction: { ...fileAction, types: ['0312'] } }, '$.fileAction.types[0]', 'is no request or advice as it is sent first'],
    ['a file action is a repeat', '1987', { fileAction: { ...fileAction, types: ['0303'] } }, '$.fileAction.types[0]', 'is no request or advice as it is sent first'],
    ['no file is the stop list', '1987', { fileAction: { ...fileAction, stopLists: [] } }, '$.fileAction.stopLists', 'at least one is needed'],
    ['an operation is none', '1987', { fileAction: { ...fileAction, operation: { form: 'text', field: 91, codes: { 1: 'lock' } } } }, '$.fileAction.operation.codes.1', 'must be one of add, change, delete, replace, inquire'],
    ['a reason is no lock code', '1987', { fileAction: { ...fileAction, reason: { form: 'text', field: 127, codes: { 41: 9 } } } }, '$.fileAction.reason.codes.41', 'must be a whole number from 1 to 8'],
    ['the reason that is written stands for another lock code', '1987', { fileAction: { ...fileAction, reason: { form: 'text', field: 127, codes: { 41: 1, 43: 2 }, own: { 1: '43' } } } }, '$.fileAction.reason.own.1', 'is no code of lock code 1 in "codes"'],
    ['a reason is where card data may be', '1987', { fileAction: { ...fileAction, reason: { form: 'text', field: 48, codes: { 41: 1 } } } }, '$.fileAction.reason.field', 'DE48 may carry card data'],
    ['a field with a key is echoed', '1987', { answer: { ...answer, networkEcho: [110] } }, '$.answer.networkEcho[0]', 'DE110 may carry card data and is not echoed'],
    ['a field with an authentication value goes into the fingerprint', '1987', { fingerprint: [126] }, '$.fingerprint[0]', 'DE126 may carry card data and goes into no digest'],
    ['a flag of the chip’s answer is a number', '1987', { answer: { ...answer, chipResponseCode: 1 } }, '$.answer.chipResponseCode', 'must be true or false'],
    ['a list is none', '1987', { cvv2: {} }, '$.cvv2', 'must be a list'],
  ])('is refused where %s', (_what, version, changes, path, why) => {
    const error = refusalOf(() => load(version, changes));
    expect([error.file, error.path]).toEqual(['mine.json', path]);
    expect(error.why).toContain(why);
  });

  it.each(versions)('of %s says which one it is', (version) => {
    expect(dialects[version]).toMatchObject({ name: `iso8583-${version}`, version, reasons: { name: `iso8583-${version}` } });
  });
});

describe('a station’s own dialect', () => {
  const read = (changes: Json, fields: Fields): unknown =>
    readMessage(decoded(codecOf('iso8583-1987-ascii'), '0100', { ...purchase['1987'], ...fields }), load('1987', changes), 'shop');

  it('finds the CVV2 at a place of a text', () => {
    const cvv2 = [{ form: 'text', field: 60, at: 2, length: 3 }];
    expect(read({ cvv2 }, { 60: 'AB123CD' })).toMatchObject({ cardValue: { kind: 'cvv2', serviceCode: '000' } });
    expect(read({ cvv2 }, { 60: 'AB   CD' })).toMatchObject({ cardValue: undefined });
  });

  it('finds elements behind a leading character', () => {
    expect(read({ cvv2: [{ form: 'element', field: 48, element: '92', skip: 1 }] }, { 48: 'R9203789' })).toMatchObject({ cardValue: { kind: 'cvv2' } });
  });

  it('has markers of its own', () => {
    const preauthorization = [{ field: 61, at: 6, values: ['4'] }];
    expect(read({ preauthorization }, { 61: '0000004' })).toMatchObject({ purpose: 'preauthorization' });
    expect(read({ preauthorization }, { 61: '000000' })).toMatchObject({ purpose: 'purchase' });
    expect(read({ processingCodes: { '00': 'preauthorization' } }, {})).toMatchObject({ purpose: 'preauthorization' });
  });

  it('knows where a track has its value', () => {
    const tracks = { track2ValueAt: -3, track1ValueAt: 0 };
    const meaning = load('1987', { tracks });
    const message = decoded(codecOf('iso8583-1987-ascii'), '0100', { ...purchase['1987'], 22: '901', 35: '4761739001010119=28122010000099123' });
    const read = readMessage(message, meaning, 'shop');
    const value = read.kind === 'card' ? read.cardValue : undefined;
    expect(value?.kind === 'contactlessStripe' ? undefined : value?.value.reveal()).toBe('123');
  });
});

describe('a dialect and a format', () => {
  it.each(shippedNames)('%s goes with its version’s dialect, and with no other', (name) => {
    const { spec } = codecOf(name);
    for (const version of versions) {
      if (version === spec.version) expect(() => checkSpec(dialects[version], spec)).not.toThrow();
      else expect(refusalOf(() => checkSpec(dialects[version], spec))).toMatchObject({ file: name, path: '$.version' });
    }
  });

  it.each(variantNames)('%s goes with it, or is refused with the field', (name) => {
    const { spec } = codecOf(name);
    try {
      checkSpec(dialects[spec.version], spec);
    } catch (error) {
      expect(error).toBeInstanceOf(SpecError);
      expect((error as SpecError).path).toMatch(/^\$\.fields\.\d+$/);
    }
  });

  it('is refused where a response code would not fit', () => {
    const content = specJson('iso8583-1987-ascii');
    const fields = { ...(content['fields'] as Json), 39: { name: 'Response code', kind: 'an', length: 3 } };
    const spec = loadSpec({ ...content, fields }, 'mine.json');
    expect(refusalOf(() => checkSpec(dialects['1987'], spec))).toMatchObject({ path: '$.fields.39', why: 'has 3 characters, expected 2 (dialect iso8583-1987)' });
  });
});
