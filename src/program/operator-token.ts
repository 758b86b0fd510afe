/**
 * The token that operators show: in a file of the data folder that only its owner can read, or in a variable of the environment, as
 * where several switches and their operators share one.
 *
 * Refuses one that is short, or in a file that others can read.
 */
import { closeSync, existsSync, fsyncSync, linkSync, lstatSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { ConfigError } from '../base/schema.ts';
import type { Environment } from '../tables/environment.ts';

/** The file (absolute), or the variable. */
export type TokenPlace = { readonly file: string } | { readonly variable: string };

const form = /^[\x21-\x7e]{32,512}$/;
const formWords = 'must be 32 to 512 printable characters without a blank';
const tokenBytes = 32;

/** The token; a file that is not there is made. @throws ConfigError */
export function openOperatorToken(place: TokenPlace, environment: Environment, randomBytes: (count: number) => Buffer): string {
  if ('file' in place) makeFile(place.file, randomBytes);
  return readOperatorToken(place, environment);
}

/** @throws ConfigError with a sentence */
export function readOperatorToken(place: TokenPlace, environment: Environment): string {
  if ('variable' in place) {
    const text = environment[place.variable] ?? '';
    if (!form.test(text)) throw new ConfigError(place.variable, text === '' ? 'is to have the operators\' token, and is not set' : formWords);
    return text;
  }
  const { file } = place;
  let text: string;
  try {
    if (process.platform !== 'win32' && (lstatSync(file).mode & 0o077) !== 0) throw new ConfigError('', `others than its owner can read the operators' token ${file}; chmod 600 it, or remove it and have a new one made`);
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('', `the operators' token ${file} cannot be read (${codeOf(error)}); a switch makes it when it starts`);
  }
  if (!form.test(text)) throw new ConfigError(file, formWords);
  return text;
}

/** The file is there whole or not at all, wherever the process ends. */
function makeFile(file: string, randomBytes: (count: number) => Buffer): void {
  if (existsSync(file)) return;
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const handle = openSync(draft, 'wx', 0o600);
    try {
      writeSync(handle, `${randomBytes(tokenBytes).toString('base64url')}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    linkSync(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new ConfigError('', `the operators' token ${file} cannot be made (${codeOf(error)})`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
