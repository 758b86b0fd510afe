/**
 * What a command is: its words, its options, its help, and what it does with what it was given.
 *
 * Owns the reading of a command line and the sentences about what is wrong in it. The outside (environment, streams, clock) comes
 * in with `Outside`, so that commands can be run as functions.
 */
import { parseArgs } from 'node:util';
import { nearestName } from '../base/schema.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for the value in the help, such as `<file>`; undefined of a switch. */
  readonly value?: string;
  readonly about: string;
  readonly multiple?: true;
}

export type Options = Readonly<Record<string, Option>>;

export interface Example {
  /** Words after `npx locum`, and behind `<` the file that is its standard input. A word in quotes may hold blanks. */
  readonly line: string;
  readonly about: string;
  /** What it needs: nothing, a running demo, an advice that is set aside, a station with a connection, an issuer that pushes balances, a partner with a user (docs/tour-lifecycle.md), that nothing else runs on the demo's ports, or a folder in which only such examples ran before. */
  readonly needs: 'nothing' | 'running demo' | 'set aside' | 'connected' | 'shadow balance' | 'customer' | 'free ports' | 'empty folder';
}

export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  /** The arguments after the name and before the options. */
  readonly operands: string;
  readonly about: readonly string[];
  readonly options: Options;
  readonly examples: readonly Example[];
  /** @returns the exit code */
  run(given: Given, outside: Outside): Promise<number>;
}

/** A command line, read. */
export class Given {
  readonly operands: readonly string[];
  readonly #values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

  constructor(operands: readonly string[], values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>) {
    this.operands = operands;
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return typeof value === 'object' ? value.map(String) : [];
  }

  has(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Digits, with a point or without. @returns undefined: it was not given @throws UsageError where it is none from `least` to `most` */
  number(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) throw new UsageError(`--${name} is a number from ${least} to ${most}, not ${text}`);
    return number;
  }

  /** As `number`, without a fraction. */
  whole(name: string, least: number, most: number): number | undefined {
    const number = this.number(name, least, most);
    if (number !== undefined && !Number.isInteger(number)) throw new UsageError(`--${name} is a whole number`);
    return number;
  }
}

/** Everything that a command takes from the process that it runs in. */
export interface Outside {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly hostName: string;
  readonly nodeVersion: string;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Writes lines to standard output. */
  readonly print: (text: string) => void;
  /** Writes a line to standard error. */
  readonly complain: (text: string) => void;
  readonly readInput: () => Promise<Buffer>;
  /** Resolves when the process is asked to stop, the first time. */
  readonly stopAsked: () => Promise<string>;
}

/** The command line is wrong. The message is a sentence without its full stop. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do what it was asked. The message is a sentence without its full stop. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

export const exitFailed = 1;
export const exitUsage = 2;

const everywhere: Options = { help: { type: 'boolean', about: 'this help' } };

/** @throws UsageError */
export function readCommandLine(command: Command, words: readonly string[]): Given {
  const options = { ...command.options, ...everywhere };
  for (const word of words) {
    if (word === '--') break;
    if (!word.startsWith('--')) continue;
    const name = word.slice(2).split('=', 1)[0] ?? '';
    if (Object.hasOwn(options, name)) continue;
    const meant = nearestName(name, Object.keys(options));
    throw new UsageError(`there is no option --${name}${meant === undefined ? '' : `; did you mean --${meant}?`}`);
  }
  try {
    const config = Object.fromEntries(Object.entries(options).map(([name, { type, multiple = false }]) => [name, { type, multiple }]));
    const { values, positionals } = parseArgs({ args: [...words], options: config, allowPositionals: true, strict: true });
    return new Given(positionals, values);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const ambiguous = /^Option '(--[a-z0-9-]+)' argument is ambiguous/.exec(text);
    if (ambiguous !== null) throw new UsageError(`the value of ${ambiguous[1]} begins with a hyphen; if it is meant so, write ${ambiguous[1]}=… with the value behind it`);
    throw new UsageError(text.split('\n', 1)[0]!.replace(/\.$/, ''));
  }
}

/** What `--help` prints. */
export function helpOf(command: Command): string {
  const lines = [`locum ${[command.name, command.operands].filter((part) => part !== '').join(' ')}`, '', `  ${command.summary}.`, ''];
  for (const paragraph of command.about) lines.push(...wrapped(paragraph, '  '), '');
  const names = Object.entries({ ...command.options, ...everywhere });
  const heads = names.map(([name, { value }]) => `--${name}${value === undefined ? '' : ` ${value}`}`);
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  lines.push('Options:');
  for (const [index, [, { about }]] of names.entries()) {
    const [first = '', ...rest] = wrapped(about, ' '.repeat(width + 2));
    lines.push(`  ${heads[index]!.padEnd(width)}${first.trimStart()}`, ...rest);
  }
  if (command.examples.length > 0) lines.push('', 'Examples:');
  for (const { line, about } of command.examples) lines.push(`  npx locum ${line}`, `      ${about}`);
  return lines.join('\n');
}

const columns = 100;

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + word.length >= columns) {
      lines.push(indent + line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** Columns aligned by two blanks; the last one as it is. */
export function aligned(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) => (indent + row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]! + 2))).join('')).trimEnd());
}
