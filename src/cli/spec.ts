/** `locum spec check` and `locum spec list`: message formats, before a switch is asked to run on them. */
import { resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { SpecError } from '../base/json-node.ts';
import { ConfigError } from '../base/schema.ts';
import { compile } from '../iso8583/compile.ts';
import type { Spec } from '../iso8583/spec.ts';
import { loadSpecByName, shippedFormats } from '../tables/format.ts';
import { aligned, exitFailed } from './command.ts';
import type { Command, Options } from './command.ts';

const jsonOption: Options = { json: { type: 'boolean', about: 'one JSON document instead of lines for a person' } };

interface Checked {
  readonly file: string;
  readonly ok: boolean;
  readonly version?: string;
  readonly fields?: number;
  /** The JSON path in the file. */
  readonly path?: string;
  readonly reason?: string;
}

export const specCheckCommand: Command = {
  name: 'spec check',
  summary: 'Checks message formats, and says file, place and reason of what is wrong',
  operands: '[<file or shipped name>…]',
  about: ['Without a file every shipped format is checked.'],
  options: jsonOption,
  examples: [
    { line: 'spec check iso8583-1987-binary', about: 'A shipped format by its name.', needs: 'nothing' },
    { line: 'spec check specs/iso8583-1993-ascii.json specs/variants/postilion-1987.json', about: 'Two files.', needs: 'nothing' },
  ],
  run(given, outside) {
    const names = given.operands.length === 0 ? shippedFormats('spec') : given.operands.map((name) => pathOrName(name, outside.cwd));
    const results = names.map(check);
    if (given.has('json')) outside.print(JSON.stringify(results));
    for (const { file, ok, version, fields, path, reason } of given.has('json') ? [] : results) {
      if (ok) outside.print(`${file}: in order, ISO 8583:${version} with ${fields} fields`);
      else outside.complain([file, path, reason].filter((part) => part !== undefined).join(': '));
    }
    return Promise.resolve(results.every(({ ok }) => ok) ? 0 : exitFailed);
  },
};

export const specListCommand: Command = {
  name: 'spec list',
  summary: 'Lists the message formats that are shipped',
  operands: '',
  about: [],
  options: jsonOption,
  examples: [{ line: 'spec list', about: 'Names, editions, and what each is.', needs: 'nothing' }],
  run(given, outside) {
    const specs = shippedFormats('spec').map((name) => ({ shipped: name, spec: loadSpecByName(name, name) }));
    if (given.has('json')) outside.print(JSON.stringify(specs.map(({ shipped, spec }) => ({ name: shipped, version: spec.version, fields: spec.fields.size, about: spec.about }))));
    else for (const line of aligned(specs.map(({ shipped, spec }) => [shipped, spec.version, spec.about]))) outside.print(line);
    return Promise.resolve(0);
  },
};

/** What a command line means by a format: a file that is there, or a shipped one's name. */
export function pathOrName(text: string, cwd: string): string {
  const path = resolve(cwd, text);
  return text.endsWith('.json') || existsSync(path) ? path : text;
}

function check(name: string): Checked {
  try {
    const spec: Spec = loadSpecByName(name, '');
    compile(spec);
    return { file: name, ok: true, version: spec.version, fields: spec.fields.size };
  } catch (error) {
    if (error instanceof SpecError) return { file: name, ok: false, path: error.path, reason: error.why };
    if (error instanceof ConfigError) return { file: name, ok: false, reason: error.message.trim() };
    throw error;
  }
}
