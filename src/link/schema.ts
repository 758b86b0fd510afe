/**
 * Reads a part of the configuration against its JSON schema.
 *
 * Owns the small part of JSON Schema that link configurations use: the same schema documents them and checks them. Refuses what
 * is unknown, missing or out of range, with a sentence that names the place and what is allowed there. Invariant: what is returned
 * has every default filled in.
 */
import { unreachable } from '../base/assert.ts';

export type Schema =
  | {
      readonly type: 'object';
      readonly description: string;
      readonly additionalProperties: false;
      readonly required: readonly string[];
      readonly properties: Readonly<Record<string, Schema>>;
      readonly default?: Readonly<Record<string, never>>;
    }
  | { readonly type: 'integer'; readonly description: string; readonly minimum: number; readonly maximum: number; readonly default?: number }
  | { readonly type: 'integer'; readonly description: string; readonly enum: readonly number[]; readonly default?: number }
  | { readonly type: 'string'; readonly description: string; readonly enum: readonly string[]; readonly default?: string }
  /** A free text, or one of a pattern that `$comment` says in words. */
  | {
      readonly type: 'string';
      readonly description: string;
      readonly minLength: number;
      readonly pattern?: string;
      readonly $comment?: string;
      readonly default?: string;
    }
  | { readonly type: 'boolean'; readonly description: string; readonly default?: boolean }
  | { readonly type: 'array'; readonly description: string; readonly items: Schema; readonly default?: readonly never[] };

/** A configuration that can't be used: the place, and what is allowed there. The message is the whole sentence. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'configInvalid';
  readonly path: string;

  constructor(path: string, allowed: string) {
    super(`${path} ${allowed}`);
    this.path = path;
  }
}

/**
 * @param path where `value` stands, such as `stations.pos`
 * @returns a copy of `value` with defaults, of the shape that the schema says
 * @throws ConfigError at the first place that is wrong
 */
export function readBySchema(schema: Schema, value: unknown, path: string): unknown {
  switch (schema.type) {
    case 'object':
      return readObject(schema, value, path);
    case 'array':
      if (!Array.isArray(value)) throw new ConfigError(path, `must be a list, not ${shown(value)}`);
      return value.map((item: unknown, i) => readBySchema(schema.items, item, `${path}[${i}]`));
    case 'boolean':
      if (typeof value !== 'boolean') throw new ConfigError(path, `must be true or false, not ${shown(value)}`);
      return value;
    case 'integer':
      return readInteger(schema, value, path);
    case 'string':
      return readString(schema, value, path);
    default:
      return unreachable(schema);
  }
}

function readObject(schema: Extract<Schema, { type: 'object' }>, value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ConfigError(path, `must be an object, not ${shown(value)}`);
  const names = Object.keys(schema.properties);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(schema.properties, name)) throw new ConfigError(`${path}.${name}`, `is unknown; allowed here: ${names.join(', ')}`);
  }
  const result: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const given: unknown = (value as Record<string, unknown>)[name] ?? property.default;
    if (given !== undefined) result[name] = readBySchema(property, given, `${path}.${name}`);
    else if (schema.required.includes(name)) throw new ConfigError(`${path}.${name}`, `is missing: ${property.description}`);
  }
  return result;
}

function readInteger(schema: Extract<Schema, { type: 'integer' }>, value: unknown, path: string): number {
  const allowed = 'enum' in schema ? schema.enum.join(' or ') : `a whole number from ${schema.minimum} to ${schema.maximum}`;
  const valid =
    typeof value === 'number' &&
    Number.isSafeInteger(value) &&
    ('enum' in schema ? schema.enum.includes(value) : value >= schema.minimum && value <= schema.maximum);
  if (!valid) throw new ConfigError(path, `must be ${allowed}, not ${shown(value)}`);
  return value;
}

function readString(schema: Extract<Schema, { type: 'string' }>, value: unknown, path: string): string {
  if ('enum' in schema) {
    if (typeof value === 'string' && schema.enum.includes(value)) return value;
    throw new ConfigError(path, `must be ${schema.enum.join(' or ')}, not ${shown(value)}`);
  }
  const allowed = schema.$comment ?? 'a text that is not empty';
  const valid =
    typeof value === 'string' &&
    value.length >= schema.minLength &&
    (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value));
  if (!valid) throw new ConfigError(path, `must be ${allowed}, not ${shown(value)}`);
  return value;
}

/** What was found, short. Link configurations hold file names, not keys, so it may be shown. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
