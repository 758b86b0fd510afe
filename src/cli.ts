/**
 * The command line: finds the command, runs it, and turns what it throws into a sentence and an exit code.
 *
 * Exit codes: 0 done, 1 failed, 2 the command line is wrong. What is none of our known errors is our own fault, and is shown whole.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { SpecError } from './base/json-node.ts';
import { maskText } from './base/mask.ts';
import { ConfigError, nearestName } from './base/schema.ts';
import { BookRefused, BookUnavailable } from './book/book.ts';
import { aligned, exitFailed, exitUsage, Failure, helpOf, readCommandLine, UsageError } from './cli/command.ts';
import type { Command, Outside } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { EncodeError } from './iso8583/errors.ts';
import { KeyError } from './keys/key-error.ts';
import { StoreUnavailable } from './store/store.ts';

/** @returns the exit code */
export async function main(words: readonly string[], outside: Outside = processOutside): Promise<number> {
  if (outside === processOutside) endWithReader();
  const [first] = words;
  if (first === '--version') {
    outside.print(versionWords(outside.nodeVersion));
    return 0;
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    outside.print(overview());
    return first === undefined ? exitUsage : 0;
  }
  const command = commands.find(({ name }) => name === first || name === words.slice(0, 2).join(' '));
  if (command === undefined) {
    outside.complain(`locum: ${unknownCommand(words)}`);
    return exitUsage;
  }
  const rest = words.slice(command.name.split(' ').length);
  try {
    const given = readCommandLine(command, rest);
    if (given.has('help')) {
      outside.print(helpOf(command));
      return 0;
    }
    if (command.operands === '' && given.operands.length > 0) throw new UsageError(`nothing follows ${command.name}; ${given.operands.join(' ')} needs an option in front of it`);
    return await command.run(given, outside);
  } catch (error) {
    return failed(command, error, outside);
  }
}

function failed(command: Command, error: unknown, outside: Outside): number {
  if (error instanceof UsageError) {
    outside.complain(`locum ${command.name}: ${error.message}${/[.?]$/.test(error.message) ? '' : '.'} locum ${command.name} --help shows how it is used.`);
    return exitUsage;
  }
  const known = expected.some((type) => error instanceof type) || (error instanceof Error && 'code' in error && typeof error.code === 'string');
  // No sentence of ours has card data; a library's might.
  const text = maskText(error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error));
  outside.complain(`locum ${command.name}: ${text}${/[.?\n]$/.test(text) ? '' : '.'}`);
  return exitFailed;
}

const expected = [Failure, ConfigError, SpecError, EncodeError, KeyError, BookRefused, BookUnavailable, StoreUnavailable] as const;

function versionWords(nodeVersion: string): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return `locum ${version} (Node ${nodeVersion})`;
}

function overview(): string {
  const rows = commands.map(({ name, summary }) => [`  ${name}`, `${summary}.`]);
  return ['locum <command> [options]', '', ...aligned(rows), '', 'locum <command> --help shows a command\'s options and examples; locum --version says which Locum this is.'].join('\n');
}

function unknownCommand(words: readonly string[]): string {
  const [first = ''] = words;
  const within = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (within.length > 0) return `${first} is followed by a word: ${within.join(', ')}.`;
  const meant = nearestName(first, commands.map(({ name }) => name));
  return `there is no command ${first}${meant === undefined ? '' : `; did you mean ${meant}?`}${meant === undefined ? '. ' : ' '}locum --help lists them.`;
}

/** A reader that has seen enough, such as head, is no error. */
function endWithReader(): void {
  process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : exitFailed));
}

const processOutside: Outside = {
  environment: process.env,
  cwd: process.cwd(),
  hostName: hostname(),
  nodeVersion: process.versions.node,
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: Math.random,
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  complain: (text) => {
    process.stderr.write(`${text}\n`);
  },
  readInput: async () => Buffer.concat(await Array.fromAsync(process.stdin as AsyncIterable<Buffer>)),
  stopAsked,
};

/** A launcher and a terminal may both pass on the same signal: only one that comes clearly later is a second wish. */
const secondAfterMs = 1_000;

function stopAsked(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let firstAtMs: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const nowMs = performance.now();
      if (firstAtMs !== undefined && nowMs - firstAtMs > secondAfterMs) process.exit(exitFailed);
      firstAtMs ??= nowMs;
      resolve(signal);
    });
  }
  return promise;
}
