/**
 * Where a fact stands in a message, as data: a slice of a field, an element of a field that is a list of elements, or a bit.
 *
 * Elements are two characters of identifier, two digits of length, then the content, as several networks fill DE48.
 */
import type { JsonNode } from '../base/json-node.ts';
import type { Message } from '../iso8583/codec.ts';

/** True of a message whose field has one of the values at a place, or a bit of a mask set. */
export type Condition =
  | {
      readonly form: 'values';
      readonly field: number;
      /** Element of the field; undefined: the field itself. */
      readonly element: string | undefined;
      readonly skip: number;
      readonly at: number;
      readonly length: number;
      readonly values: ReadonlySet<string>;
    }
  | { readonly form: 'bits'; readonly field: number; readonly byte: number; readonly mask: number };

export function holds(condition: Condition, message: Message): boolean {
  if (condition.form === 'bits') {
    const byte = message.bytes(condition.field)?.[condition.byte];
    return byte !== undefined && (byte & condition.mask) !== 0;
  }
  let text = message.text(condition.field);
  if (text === undefined) return false;
  if (condition.element !== undefined) text = elementOf(text, condition.element, condition.skip) ?? '';
  return condition.values.has(text.slice(condition.at, condition.at + condition.length));
}

/** Is any of them true? */
export function anyHolds(conditions: readonly Condition[], message: Message): boolean {
  for (const condition of conditions) if (holds(condition, message)) return true;
  return false;
}

/**
 * An element's content; undefined where it is absent or the text is no list of elements up to it.
 * @param lengthDigits of each element's length
 */
export function elementOf(text: string, element: string, skip: number, lengthDigits = 2): string | undefined {
  const at = elementAt(text, element, skip, lengthDigits);
  if (at < 0) return undefined;
  const start = at + 2 + lengthDigits;
  return text.slice(start, start + numberAt(text, at + 2, start));
}

/** Where an element begins, with its identifier; -1 where `elementOf` is undefined. */
export function elementAt(text: string, element: string, skip: number, lengthDigits: number): number {
  let at = skip;
  while (at + 2 + lengthDigits <= text.length) {
    const start = at + 2 + lengthDigits;
    const length = numberAt(text, at + 2, start);
    if (length < 0 || start + length > text.length) return -1;
    if (text.startsWith(element, at)) return at;
    at = start + length;
  }
  return -1;
}

/** -1: not digits. */
function numberAt(text: string, at: number, end: number): number {
  let number = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

export function readConditions(node: JsonNode): Condition[] {
  return node.items().map(readCondition);
}

function readCondition(node: JsonNode): Condition {
  if (node.at('byte').present) {
    node.only('field', 'byte', 'mask');
    return { form: 'bits', field: node.at('field').field(), byte: node.at('byte').integer(0, 255), mask: readMask(node.at('mask')) };
  }
  node.only('field', 'element', 'skip', 'at', 'values');
  const values = node.at('values').items();
  const texts = values.map((value) => value.string());
  const [first] = texts;
  if (first === undefined || first === '') return node.at('values').fail('at least one value is needed');
  for (const value of values) if (value.string().length !== first.length) value.fail('the values of one place have one length');
  return {
    form: 'values',
    field: node.at('field').field(),
    element: node.at('element').present ? readElement(node.at('element')) : undefined,
    skip: node.at('skip').present ? node.at('skip').integer(0, 99) : 0,
    at: node.at('at').present ? node.at('at').integer(0, 999) : 0,
    length: first.length,
    values: new Set(texts),
  };
}

export function readElement(node: JsonNode): string {
  const element = node.string();
  return /^[0-9A-Z]{2}$/.test(element) ? element : node.fail('an element has an identifier of two characters');
}

/** One byte, as two hexadecimal digits, with at least one bit set. */
export function readMask(node: JsonNode): number {
  const text = node.string();
  const mask = /^[0-9A-Fa-f]{2}$/.test(text) ? Number.parseInt(text, 16) : 0;
  return mask === 0 ? node.fail('must be two hexadecimal digits that are not 00') : mask;
}
