/**
 * Whether what a request carries is what a route takes: by its schemas, with the field that is wrong.
 *
 * Schemas are closed first: an object takes no field that it does not name, and what a schema leaves unbounded (integers, texts, lists) gets a
 * bound. Refused besides: nesting deeper than `depthMax`, and texts that no database takes (NUL, halves of characters).
 */
import { Compile } from 'typebox/compile';
import type { TSchema } from 'typebox';
import { DoorRefused } from './problem.ts';

/** Levels of objects and lists within each other. */
export const depthMax = 16;
const textCharactersMax = 4_096;
const itemsMax = 1_000;

type Json = Readonly<Record<string, unknown>>;

/** The schema as the doors check it, and as OpenAPI shows it. */
export function closedInput(schema: TSchema): TSchema {
  return closed(schema, true) as TSchema;
}

/** An answer's: no more fields than it names. */
export function closedAnswer(schema: TSchema): TSchema {
  return closed(schema, false) as TSchema;
}

function closed(schema: unknown, isInput: boolean): unknown {
  if (Array.isArray(schema)) return schema.map((each) => closed(each, isInput));
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = schema as Json;
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(own)) {
    if (name === 'properties') result[name] = Object.fromEntries(Object.entries(value as Json).map(([field, inner]) => [field, closed(inner, isInput)]));
    else if (name === 'items' || name === 'anyOf' || name === 'oneOf' || name === 'allOf' || name === 'prefixItems' || name === 'additionalProperties' || name === 'patternProperties') result[name] = name === 'patternProperties' ? Object.fromEntries(Object.entries(value as Json).map(([pattern, inner]) => [pattern, closed(inner, isInput)])) : closed(value, isInput);
    else result[name] = value;
  }
  const { type } = own;
  if (type === 'object' && own['additionalProperties'] === undefined && own['patternProperties'] === undefined) result['additionalProperties'] = false;
  if (!isInput) return result;
  const isNamed = own['const'] !== undefined || own['enum'] !== undefined;
  if (type === 'integer' && !isNamed) {
    result['minimum'] ??= own['exclusiveMinimum'] === undefined ? Number.MIN_SAFE_INTEGER : undefined;
    result['maximum'] ??= own['exclusiveMaximum'] === undefined ? Number.MAX_SAFE_INTEGER : undefined;
    for (const bound of ['minimum', 'maximum']) if (result[bound] === undefined) Reflect.deleteProperty(result, bound);
  }
  if (type === 'string' && !isNamed) result['maxLength'] ??= textCharactersMax;
  if (type === 'array') result['maxItems'] ??= itemsMax;
  return result;
}

/** @throws DoorRefused with the field */
export type Check = (value: unknown) => void;

/** @param where what the field is in */
export function checkOf(schema: TSchema, where: 'body' | 'query' | 'path'): Check {
  const validator = Compile(schema);
  return (value) => {
    if (!validator.Check(value)) throw new DoorRefused(wrongField(validator.Errors(value), where));
  };
}

/** Whether an answer is of its schema. @returns the place that is not; undefined: it is */
export function answerCheckOf(schema: TSchema): (value: unknown) => string | undefined {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return undefined;
    const { field, detail } = wrongField(validator.Errors(value), 'body');
    return `${field ?? 'it'} ${detail}`;
  };
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function wrongField(errors: readonly SchemaError[], where: 'body' | 'query' | 'path'): { readonly status: 400; readonly code: string; readonly detail: string; readonly field: string | undefined; readonly pointer: string | undefined } {
  // A union says of each of its forms why it is not that one: what the union itself says comes after them.
  const first = errors[0];
  const union = errors.find(({ keyword, instancePath }) => (keyword === 'anyOf' || keyword === 'oneOf') && instancePath === first?.instancePath);
  const told = union ?? errors.find(({ keyword }) => keyword !== 'boolean') ?? first;
  const names = (told?.keyword === 'required' ? listIn(told.params, 'requiredProperties') : told?.keyword === 'additionalProperties' ? listIn(told.params, 'additionalProperties') : []);
  const path = [...(told?.instancePath ?? '').split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')), ...names.slice(0, 1)];
  const field = path.join('.');
  const pointer = where === 'body' ? `#${path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}` : undefined;
  return { status: 400, code: codeOf(told?.keyword), detail: `${field === '' ? 'the body' : field} ${wordsOf(told, errors)}`, field: field === '' ? undefined : field, pointer };
}

function codeOf(keyword: string | undefined): string {
  if (keyword === 'required') return 'FIELD_MISSING';
  return keyword === 'additionalProperties' ? 'FIELD_UNKNOWN' : 'FIELD_INVALID';
}

function wordsOf(told: SchemaError | undefined, errors: readonly SchemaError[]): string {
  if (told?.keyword === 'required') return 'is missing';
  if (told?.keyword === 'additionalProperties') return 'is unknown';
  if (told?.keyword === 'anyOf' || told?.keyword === 'oneOf') {
    const allowed = errors.filter(({ keyword, instancePath }) => keyword === 'const' && instancePath === told.instancePath).map(({ params }) => (params as { readonly allowedValue?: unknown }).allowedValue);
    return allowed.length > 0 ? `must be one of ${allowed.map(String).join(', ')}` : 'is of none of the forms that it may have';
  }
  return told?.message ?? 'is not what it may be';
}

function listIn(params: object, name: string): string[] {
  const list: unknown = (params as Json)[name];
  return Array.isArray(list) ? list.map(String) : [];
}

/** @throws DoorRefused where it is nested too deep, or a text in it is none that can be kept */
export function refuseUnwholesome(value: unknown, depth = 0): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) throw new DoorRefused({ status: 400, code: 'TEXT_INVALID', detail: 'a text has a NUL or half of a character in it' });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth >= depthMax) throw new DoorRefused({ status: 400, code: 'BODY_TOO_DEEP', detail: `the body is nested deeper than ${depthMax} levels` });
  if (Array.isArray(value)) {
    for (const each of value) refuseUnwholesome(each, depth + 1);
    return;
  }
  for (const [name, each] of Object.entries(value)) {
    refuseUnwholesome(name, depth);
    refuseUnwholesome(each, depth + 1);
  }
}

/** A text of an address as the value that its field takes; what is none of that stays text, and is refused as such. */
export function meant(schema: TSchema, texts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { properties = {} } = schema as { readonly properties?: Readonly<Record<string, { readonly type?: string }>> };
  const result: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(texts)) result[name] = typeof text === 'string' ? meantText(properties[name]?.type, text) : text;
  return result;
}

function meantText(type: string | undefined, text: string): unknown {
  if ((type === 'integer' || type === 'number') && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
