/**
 * Settings from the environment: each scalar of a schema, and each list of scalars, has a variable that is named after its place.
 *
 *   http.port                               LOCUM_HTTP_PORT
 *   book.lagEntriesMax                      LOCUM_BOOK_LAG_ENTRIES_MAX
 *   stations.demo-1987-ascii.link.listen.port   LOCUM_STATIONS_DEMO_1987_ASCII_LINK_LISTEN_PORT
 *
 * Invariant: a variable that is set wins over the file; one that is empty counts as not set.
 */
import { resolve } from 'node:path';
import { nearestName, readBySchema } from '../base/schema.ts';
import type { ArraySchema, ScalarSchema, Schema } from '../base/schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that a variable can make. */
export interface Setting {
  readonly path: readonly string[];
  readonly schema: ScalarSchema | (ArraySchema & { readonly items: ScalarSchema });
}

/** The variable of a place. */
export function variableOf(path: readonly string[]): string {
  return ['LOCUM', ...path.map((name) => name.replaceAll('-', '_').replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase())].join('_');
}

/** Every setting of a schema; of a map those of the names that `document` has there. */
export function settingsOf(schema: Schema, document: unknown, path: readonly string[]): Setting[] {
  if (schema.type === 'object') {
    return Object.entries(schema.properties).flatMap(([name, inner]) => settingsOf(inner, propertyOf(document, name), [...path, name]));
  }
  if (schema.type === 'map') {
    return Object.keys(isObject(document) ? document : {}).flatMap((name) => settingsOf(schema.items, propertyOf(document, name), [...path, name]));
  }
  if (schema.type === 'document') return [];
  if (schema.type !== 'array') return [{ path, schema }];
  return isScalar(schema.items) ? [{ path, schema: { ...schema, items: schema.items } }] : [];
}

/**
 * A copy of `document` with what the environment sets in it. Paths of files in variables are relative to `folder`.
 *
 * @param path where `document` stands
 * @throws ConfigError that names the variable
 */
export function override(schema: Schema, document: unknown, path: readonly string[], environment: Environment, folder: string): unknown {
  let result = document;
  for (const setting of settingsOf(schema, document, path)) {
    const variable = variableOf(setting.path);
    const text = environment[variable];
    if (text === undefined || text === '') continue;
    const value = readBySchema(setting.schema, parse(setting.schema, text), variable);
    result = withValue(result, setting.path.slice(path.length), resolvePath(setting.path.at(-1)!, value, folder));
  }
  return result;
}

/** A sentence for each variable that looks like a misspelt one of ours; others, such as a container host sets, are left alone. */
export function misspelt(environment: Environment, known: readonly string[]): string[] {
  const sentences: string[] = [];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('LOCUM_') || known.includes(name)) continue;
    // Their common beginning would make all of them near to each other.
    const meant = nearestName(name.slice(6), known.map((other) => other.slice(6)));
    if (meant !== undefined) sentences.push(`${name} is no setting; did you mean LOCUM_${meant}?`);
  }
  return sentences;
}

/** A copy of `document` in which the paths of files are absolute. */
export function resolvePaths(schema: Schema, document: unknown, folder: string): unknown {
  return resolveIn(schema, document, '', folder);
}

function resolveIn(schema: Schema, value: unknown, name: string, folder: string): unknown {
  if (schema.type === 'object' || schema.type === 'map') {
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(([inner, item]) => {
      const innerSchema = schema.type === 'map' ? schema.items : schema.properties[inner];
      return [inner, innerSchema === undefined ? item : resolveIn(innerSchema, item, inner, folder)];
    });
    return Object.fromEntries(entries);
  }
  return resolvePath(name, value, folder);
}

/** Settings whose name says that they name a file are paths; formats are so where they don't name a shipped one. */
function resolvePath(name: string, value: unknown, folder: string): unknown {
  if (typeof value !== 'string') return value;
  const isPath = /^file$|File$|Dir$/.test(name) || (/^(?:spec|dialect|reasons)$/.test(name) && value.endsWith('.json'));
  return isPath ? resolve(folder, value) : value;
}

/** What cannot be read as the schema's type stays text, and is refused as such. */
function parse(schema: Setting['schema'], text: string): unknown {
  if (schema.type === 'array') return text.split(',').map((item) => parse(schema.items, item.trim()));
  if (schema.type === 'integer') return /^-?[0-9]{1,16}$/.test(text) ? Number(text) : text;
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function withValue(document: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const object = isObject(document) ? document : {};
  return { ...object, [name]: withValue(object[name], rest, value) };
}

function propertyOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(schema: Schema): schema is ScalarSchema {
  return schema.type !== 'object' && schema.type !== 'map' && schema.type !== 'array' && schema.type !== 'document';
}
