/**
 * Reads a document against a schema.
 *
 * Owns the small part of JSON Schema that the configuration and the system tables use, and maps: the same schema documents them and
 * checks them. Refuses what is unknown, missing or out of range, with a sentence that names the place and what is allowed there.
 * Invariant: what is returned has every default filled in.
 */
import { unreachable } from './assert.ts';

export interface ObjectSchema {
  readonly type: 'object';
  readonly description: string;
  readonly additionalProperties: false;
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, Schema>>;
  readonly default?: Readonly<Record<string, never>>;
}

/** Things of one kind by their names. */
export interface MapSchema {
  readonly type: 'map';
  readonly description: string;
  /** What a name may be; `$comment` says it in words. */
  readonly names: { readonly pattern: string; readonly $comment: string };
  readonly items: Schema;
  readonly default?: Readonly<Record<string, never>>;
}

interface Scalar {
  readonly description: string;
  /** What is found here is not shown to anybody: it may hold a password. */
  readonly writeOnly?: true;
}

export interface RangeSchema extends Scalar {
  readonly type: 'integer';
  readonly minimum: number;
  readonly maximum: number;
  readonly default?: number;
}

export interface NumberChoiceSchema extends Scalar {
  readonly type: 'integer';
  readonly enum: readonly number[];
  readonly default?: number;
}

export interface ChoiceSchema extends Scalar {
  readonly type: 'string';
  readonly enum: readonly string[];
  readonly default?: string;
}

/** A free text, or one of a pattern that `$comment` says in words. */
export interface TextSchema extends Scalar {
  readonly type: 'string';
  readonly minLength: number;
  readonly pattern?: string;
  readonly $comment?: string;
  readonly default?: string;
}

export interface BooleanSchema extends Scalar {
  readonly type: 'boolean';
  readonly default?: boolean;
}

export interface ArraySchema {
  readonly type: 'array';
  readonly description: string;
  readonly items: Schema;
  readonly default?: readonly (string | number)[];
}

/** An object that has a reader of its own, and a page of its own. */
export interface DocumentSchema {
  readonly type: 'document';
  readonly description: string;
  readonly default?: never;
}

export type ScalarSchema = RangeSchema | NumberChoiceSchema | ChoiceSchema | TextSchema | BooleanSchema;
export type Schema = ObjectSchema | MapSchema | ArraySchema | DocumentSchema | ScalarSchema;

/** A configuration that can't be used: the place, and what is allowed there. The message is the whole sentence. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'configInvalid';
  readonly path: string;

  constructor(path: string, allowed: string) {
    super(path === '' ? allowed : `${path} ${allowed}`);
    this.path = path;
  }
}

/**
 * @param path where `value` stands, such as `stations.pos`; empty for a whole document
 * @returns a copy of `value` with defaults, of the shape that the schema says
 * @throws ConfigError at the first place that is wrong
 */
export function readBySchema(schema: Schema, value: unknown, path: string): unknown {
  switch (schema.type) {
    case 'object':
      return readObject(schema, value, path);
    case 'map':
      return readMap(schema, value, path);
    case 'document':
      return objectOf(value, path);
    case 'array':
      if (!Array.isArray(value)) throw new ConfigError(path, `must be a list, not ${shown(value)}`);
      return value.map((item: unknown, i) => readBySchema(schema.items, item, `${path}[${i}]`));
    case 'boolean':
    case 'integer':
    case 'string':
      if (!accepts(schema, value)) throw new ConfigError(path, `must be ${allowedOf(schema)}${schema.writeOnly === true ? '' : `, not ${shown(value)}`}`);
      return value;
    default:
      return unreachable(schema);
  }
}

/** What a scalar may be, in words that follow "must be". */
export function allowedOf(schema: ScalarSchema): string {
  if (schema.type === 'boolean') return 'true or false';
  if ('enum' in schema) return schema.enum.join(' or ');
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  return schema.$comment ?? 'a text that is not empty';
}

/** The one of `names` that a person who wrote `name` may have meant; undefined where none is near. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let nearest: string | undefined;
  let nearestEdits = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const edits = editsBetween(wanted, candidate.toLowerCase());
    if (edits >= nearestEdits) continue;
    nearest = candidate;
    nearestEdits = edits;
  }
  return nearest;
}

function readObject(schema: ObjectSchema, value: unknown, path: string): Record<string, unknown> {
  const given = objectOf(value, path);
  const names = Object.keys(schema.properties);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(schema.properties, name)) continue;
    const meant = nearestName(name, names);
    throw new ConfigError(inside(path, name), `is unknown${meant === undefined ? '' : ` (did you mean ${meant}?)`}; allowed here: ${names.join(', ')}`);
  }
  const result: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const present = given[name] ?? property.default;
    if (present !== undefined) result[name] = readBySchema(property, present, inside(path, name));
    else if (schema.required.includes(name)) throw new ConfigError(inside(path, name), `is missing: ${property.description}`);
  }
  return result;
}

function readMap(schema: MapSchema, value: unknown, path: string): Record<string, unknown> {
  const form = new RegExp(schema.names.pattern, 'u');
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(objectOf(value, path))) {
    if (!form.test(name)) throw new ConfigError(inside(path, name), `is no name: a name is ${schema.names.$comment}`);
    result[name] = readBySchema(schema.items, item, inside(path, name));
  }
  return result;
}

function objectOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new ConfigError(path, `must be an object, not ${shown(value)}`);
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function accepts(schema: ScalarSchema, value: unknown): boolean {
  if (schema.type === 'boolean') return typeof value === 'boolean';
  if (schema.type === 'integer') {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return false;
    return 'enum' in schema ? schema.enum.includes(value) : value >= schema.minimum && value <= schema.maximum;
  }
  if (typeof value !== 'string') return false;
  if ('enum' in schema) return schema.enum.includes(value);
  return value.length >= schema.minLength && (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value));
}

/** What was found, short. Configurations hold names of files and keys, not keys, so it may be shown. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/** How many characters were added, left out, replaced or exchanged with their neighbour. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      let edits = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1);
      next.push(edits);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
