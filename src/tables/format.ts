/**
 * What a station's row names: its message format, how its fields are understood, and what DE39 says. Finds and reads those files.
 *
 * Refuses, with the row's place and the file's own, what would fail at the first message: a file that is not there, one that is
 * wrong, a dialect of another edition than the format.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SpecError } from '../base/json-node.ts';
import { ConfigError, nearestName } from '../base/schema.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { checkSpec, loadDialect } from '../dialect/load.ts';
import { loadReasonMap } from '../dialect/reason-map.ts';
import type { ReasonMap } from '../dialect/reason-map.ts';
import type { Codec } from '../iso8583/codec.ts';
import { compile } from '../iso8583/compile.ts';
import { loadSpec } from '../iso8583/load.ts';
import type { Spec } from '../iso8583/spec.ts';

/** A station's messages: bytes to fields, fields to meaning. */
export interface Format {
  readonly codec: Codec;
  readonly dialect: Dialect;
}

export type FormatKind = 'spec' | 'dialect' | 'reasons';

/** What is shipped. */
const shipped = fileURLToPath(new URL('../../specs/', import.meta.url));

const folders: Readonly<Record<FormatKind, readonly string[]>> = {
  spec: [shipped, join(shipped, 'variants')],
  dialect: [join(shipped, 'dialects')],
  reasons: [join(shipped, 'reasons')],
};

/** The names of the shipped files of a kind. */
export function shippedFormats(kind: FormatKind): string[] {
  return folders[kind].flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort());
}

/** The file of a shipped format by its name, or of one's own by its path; undefined where there is none. */
export function formatFile(kind: FormatKind, name: string): string | undefined {
  if (name.endsWith('.json')) return existsSync(name) ? resolve(name) : undefined;
  return folders[kind].map((folder) => join(folder, `${name}.json`)).find((file) => existsSync(file));
}

/**
 * @throws SpecError for what is wrong in the file, ConfigError where there is none
 * @param path the place that names it
 */
export function loadSpecByName(name: string, path: string): Spec {
  return loadSpec(...contentOf('spec', name, path));
}

/**
 * The format that a station's row names.
 *
 * @param path the row's place
 * @throws ConfigError
 */
export function loadFormat(row: { readonly spec: string; readonly dialect?: string | undefined; readonly reasons?: string | undefined }, path: string): Format {
  const spec = located(`${path}.spec`, () => loadSpecByName(row.spec, `${path}.spec`));
  const edition = `iso8583-${spec.version}`;
  const reasons = located(`${path}.reasons`, () => loadReasons(row.reasons ?? edition, `${path}.reasons`));
  return located(`${path}.dialect`, () => {
    const dialect = loadDialect(...contentOf('dialect', row.dialect ?? edition, `${path}.dialect`), reasons);
    checkSpec(dialect, spec);
    return { codec: compile(spec), dialect };
  });
}

function loadReasons(name: string, path: string): ReasonMap {
  return loadReasonMap(...contentOf('reasons', name, path));
}

function contentOf(kind: FormatKind, name: string, path: string): [json: unknown, file: string] {
  const file = formatFile(kind, name);
  if (file === undefined) throw new ConfigError(path, absent(kind, name));
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(path, `names ${name}, and ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return [JSON.parse(text), name];
  } catch (error) {
    throw new ConfigError(path, `names ${name}, and ${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function absent(kind: FormatKind, name: string): string {
  if (name.endsWith('.json')) return `names ${name}, and there is no such file`;
  const names = shippedFormats(kind);
  const meant = nearestName(name, names);
  const those = meant === undefined ? `they are ${names.join(', ')}` : `did you mean ${meant}?`;
  return `names ${name}, and no shipped file is called so (${those}); a file of one's own is named by a path that ends in .json`;
}

/** What is wrong in a file, with the place that names the file. */
function located<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SpecError) throw new ConfigError(path, `cannot be used: ${error.message}`);
    throw error;
  }
}
