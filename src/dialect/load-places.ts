/** Reads places, and the settings that are made of them: PIN, authentication, key change. */
import type { JsonNode } from '../base/json-node.ts';
import { readElement } from './conditions.ts';
import type { AuthenticationRules, CodePlace, KeyChangeRules, PinFormat, PinRules, ValuePlace } from './rules.ts';

/** Longer than any value: up to the end. */
const restLength = 9999;

const forms = ['element', 'dataset', 'tag', 'subfield', 'text'] as const;

const purposes = ['pin', 'mac'] as const;

/**
 * One place.
 * @param also names of members that go with the place and are read elsewhere
 */
export function readPlace(node: JsonNode, ...also: string[]): ValuePlace {
  const form = node.at('form').oneOf(forms);
  const field = node.at('field').field();
  switch (form) {
    case 'element':
      node.only('form', 'field', 'element', 'part', 'skip', 'lengthDigits', 'at', 'length', ...also);
      return {
        form, field, element: readElement(node.at('element')), part: node.at('part').present ? readElement(node.at('part')) : undefined,
        skip: optional(node.at('skip'), 0, 99, 0), lengthDigits: optional(node.at('lengthDigits'), 2, 3, 2), ...readCut(node),
      };
    case 'dataset':
      node.only('form', 'field', 'dataset', ...also);
      return { form, field, dataset: readDataset(node.at('dataset')) };
    case 'tag':
      node.only('form', 'field', 'dataset', 'tag', ...also);
      return { form, field, dataset: node.at('dataset').present ? readDataset(node.at('dataset')) : undefined, tag: readTag(node.at('tag')) };
    case 'subfield':
      node.only('form', 'field', 'subfield', 'at', 'length', ...also);
      return { form, field, subfield: readSubfield(node.at('subfield')), ...readCut(node) };
    case 'text':
      node.only('form', 'field', 'at', 'length', ...also);
      return { form, field, ...readCut(node) };
  }
}

export function readPlaces(node: JsonNode): ValuePlace[] {
  return node.items().map((item) => readPlace(item));
}

/** A place of three or four digits: where it is a slice of a text, its length is given. */
export function readCvv2Places(node: JsonNode): ValuePlace[] {
  return node.items().map((item) => {
    const place = readPlace(item);
    if (place.form === 'text') item.at('length').integer(3, 4);
    return place;
  });
}

function optional(node: JsonNode, min: number, max: number, otherwise: number): number {
  return node.present ? node.integer(min, max) : otherwise;
}

function readCut(node: JsonNode): { at: number; length: number } {
  return { at: optional(node.at('at'), 0, 999, 0), length: optional(node.at('length'), 1, 999, restLength) };
}

function readDataset(node: JsonNode): string {
  const dataset = node.string();
  return /^[0-9A-F]{2}$/.test(dataset) ? dataset : node.fail('a dataset has an identifier of two hexadecimal digits');
}

function readTag(node: JsonNode): string {
  const tag = node.string();
  return /^([0-9A-F][0-9A-F]){1,4}$/.test(tag) ? tag : node.fail('a tag has two to eight hexadecimal digits, in capitals');
}

function readSubfield(node: JsonNode): string {
  const path = node.string();
  return /^[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2})*$/.test(path) ? path : node.fail('a subfield is named by its number, or by numbers with points between');
}

export function readPin(node: JsonNode): PinRules {
  node.only('blocks', 'newBlocks', 'formats', 'keySerials');
  return {
    blocks: node.at('blocks').items().map((item) => ({ place: readPlace(item, 'format'), format: item.at('format').present ? readFormat(item.at('format')) : undefined })),
    newBlocks: readPlaces(node.at('newBlocks')),
    formats: node.at('formats').items().map((item) => readCodes<PinFormat | 'unsaid'>(item, (value) => (value.isString ? value.oneOf(['unsaid'] as const) : readFormat(value)))),
    keySerials: readPlaces(node.at('keySerials')),
  };
}

function readFormat(node: JsonNode): PinFormat {
  const format = node.integer(0, 4);
  return format === 2 ? node.fail('format 2 is for chips, and does not travel') : (format as PinFormat);
}

/**
 * A place whose values stand for something; at least one.
 * @param also names of members that go with it and are read elsewhere
 */
export function readCodes<T>(node: JsonNode, read: (value: JsonNode) => T, ...also: string[]): CodePlace<T> {
  const place = readPlace(node, 'codes', ...also);
  const codes = new Map(node.at('codes').members().map(([code, value]) => [code, read(value)]));
  return codes.size === 0 ? node.at('codes').fail('at least one is needed') : { place, codes };
}

export function readAuthentication(node: JsonNode): AuthenticationRules {
  node.only('values', 'transactionIds');
  return { values: readPlaces(node.at('values')), transactionIds: readPlaces(node.at('transactionIds')) };
}

export function readKeyChange(node: JsonNode): KeyChangeRules {
  node.only('blocks', 'cryptograms', 'confirmation');
  return {
    blocks: readPlaces(node.at('blocks')),
    cryptograms: node.at('cryptograms').items().map((item) => {
      item.only('key', 'checkValue', 'purpose');
      return {
        key: readPlace(item.at('key')),
        checkValue: item.at('checkValue').present ? readPlace(item.at('checkValue')) : undefined,
        purpose: item.at('purpose').present ? readCodes(item.at('purpose'), (value) => value.oneOf(purposes)) : undefined,
      };
    }),
    confirmation: node.at('confirmation').present ? readPlace(node.at('confirmation')) : undefined,
  };
}

/** The fields that hold a secret of these settings: none of them is echoed, or goes into a digest. */
export function secretFields(cvv2: readonly ValuePlace[], pin: PinRules, authentication: AuthenticationRules, keyChange: KeyChangeRules): ReadonlySet<number> {
  const places = [
    ...cvv2, ...pin.blocks.map(({ place }) => place), ...pin.newBlocks, ...authentication.values, ...keyChange.blocks, ...keyChange.cryptograms.map(({ key }) => key),
  ];
  return new Set(places.map(({ field }) => field));
}
